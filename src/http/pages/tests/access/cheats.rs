//! What a cheat tries, and what it gains: nothing.

use super::*;
use crate::pki::jws::{self, Jws, JwsSigner};
use crate::protocol::grant::GRANT_TYPE;
use crate::sim::access::Rejected;

#[tokio::test]
async fn an_answer_of_before_or_of_another_ask_is_not_taken() {
    let house = school(Policy::default()).await;
    let good = token(&house, "d1", "a1").await;
    let mut talk = Talk::new(&house, "installation-1");
    let body = talk.body(&[("token", &good)]);
    let first = grant(&house, "application/json", body).await.body;
    talk.take(&first).await;
    let known = keys(&house).await;
    talk.body(&[("token", &good)]);
    assert_eq!(talk.client.take(first.as_bytes(), &known, house.app.now()), Err(Rejected::AnotherAsk), "replayed");
    // A thief of the answer cannot use it in another app or installation either.
    let mut other = AccessClient::new("school.example.other", SERVER, "installation-1");
    other.ask(house.app.now(), &claims(&first).nonce, &[]);
    assert_eq!(other.take(first.as_bytes(), &known, house.app.now()), Err(Rejected::AnotherAsk));
    let mut server = AccessClient::new(BUNDLE, "https://elsewhere.example.school", "installation-1");
    server.ask(house.app.now(), &claims(&first).nonce, &[]);
    assert_eq!(server.take(first.as_bytes(), &known, house.app.now()), Err(Rejected::AnotherAsk));
}

#[tokio::test]
async fn a_refusal_ends_the_right_to_go_on_offline_before_it_is_shown() {
    let house = school(Policy { erase_when_refused: false, ..Policy::default() }).await;
    let good = token(&house, "d1", "a1").await;
    let mut talk = Talk::new(&house, "installation-1");
    talk.ask(&[("token", &good)]).await;
    assert_eq!(talk.client.launch_offline(house.app.now()), Verdict::Open);
    house.write(|tx| crate::mdm::assignments::unassign(tx, &Actor::Console, (AssignedKind::App, "a1", "a1"), "g1")).await;
    assert!(matches!(talk.ask(&[("token", &good)]).await.1, Verdict::Closed(_)));
    assert!(matches!(talk.client.launch_offline(house.app.now()), Verdict::Closed(_)), "airplane mode opens nothing now");
    house.write(|tx| crate::mdm::assignments::assign(tx, &Actor::Console, (AssignedKind::App, "a1", "a1"), "g1", None)).await;
    assert_eq!(talk.ask(&[("token", &good)]).await.1, Verdict::Open, "what it showed before still counts");
    assert_eq!(talk.client.launch_offline(house.app.now()), Verdict::Open);
}

#[tokio::test]
async fn what_is_told_to_be_erased_is_gone_before_anybody_hears_of_it_and_at_the_next_launch_at_the_latest() {
    let house = school(Policy::default()).await;
    let good = token(&house, "d1", "a1").await;
    let mut talk = Talk::new(&house, "installation-1");
    talk.ask(&[("token", &good)]).await;
    talk.client.data = Some("notes".into());
    set_enrollment(&house, "d1", |enrollment| enrollment.state = EnrollmentState::Left).await;
    let body = talk.body(&[("token", &good)]);
    let answer = grant(&house, "application/json", body).await.body;
    let before = talk.client.clone();
    assert!(matches!(talk.take(&answer).await.1, Verdict::Erased(_)));
    assert_eq!((&talk.client.data, &talk.client.record.grant, &talk.client.record.last_grant), (&None, &None, &None));
    assert_eq!(talk.client.outbox, Some((answer.clone(), "notes".into())), "edits that were not brought wait with the answer");
    assert!(matches!(talk.client.launch_offline(house.app.now()), Verdict::Closed(_)));
    // Somebody switches the iPad off between the answer and the end of the erasure: the next launch, offline, goes on with it.
    let mut cut_short = before;
    cut_short.record.grant = None;
    cut_short.record.erasing = Some(crate::sim::access::Erasing { answer, reason: "Gone.".into() });
    assert_eq!(cut_short.launch_offline(house.app.now()), Verdict::Erased("Gone.".into()));
    assert_eq!(cut_short.data, None);
}

#[tokio::test]
async fn only_no_answer_leads_to_the_rules_for_offline() {
    let house = school(Policy { launches: None, ..Policy::default() }).await;
    let good = token(&house, "d1", "a1").await;
    let mut talk = Talk::new(&house, "installation-1");
    talk.ask(&[("token", &good)]).await;
    let (known, now) = (keys(&house).await, house.app.now());
    for status in [None, Some(408), Some(429), Some(500), Some(503)] {
        assert_eq!(talk.client.hear(status, b"", &known, now), Verdict::Open, "{status:?}");
    }
    assert_eq!(talk.client.hear(Some(200), b"no answer of ours", &known, now), Verdict::Open);
    for status in [400, 401, 403, 404, 413] {
        let mut client = talk.client.clone();
        assert!(matches!(client.hear(Some(status), b"", &known, now), Verdict::Closed(_)), "{status}");
        assert!(matches!(client.launch_offline(now), Verdict::Closed(_)), "{status}: offline neither, until an answer allows it");
        talk.client = client;
    }
    assert_eq!(talk.ask(&[("token", &good)]).await.1, Verdict::Open);
    assert_eq!(talk.client.launch_offline(now), Verdict::Open);
}

#[tokio::test]
async fn a_tampered_answer_another_key_and_no_algorithm_are_not_taken() {
    let house = school(Policy::default()).await;
    let good = token(&house, "d1", "a1").await;
    let mut talk = Talk::new(&house, "installation-1");
    let body = talk.body(&[("token", &good)]);
    let answer = grant(&house, "application/json", body).await.body;
    let known = keys(&house).await;
    let parts: Vec<&str> = answer.split('.').collect();
    let mut better = claims(&answer);
    better.offline_until = better.offline_until.plus(Duration::from_secs(3600));
    let better = serde_json::to_vec(&better).unwrap();
    let base64 = |bytes: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes);
    let kid = known["keys"][0]["kid"].as_str().unwrap();
    let own = PrivateKey::generate_p256().unwrap();
    for forged in [
        format!("{}.{}.{}", parts[0], base64(&better), parts[2]),
        format!("{}.{}.", base64(br#"{"alg":"none"}"#), base64(&better)),
        format!("{}.{}.{}", base64(format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#).as_bytes()), base64(&better), parts[2]),
        JwsSigner::new(&own, kid, GRANT_TYPE).unwrap().sign(&better).unwrap(),
        JwsSigner::new(&own, "mine", GRANT_TYPE).unwrap().sign(&better).unwrap(),
    ] {
        assert_eq!(talk.client.take(forged.as_bytes(), &known, house.app.now()), Err(Rejected::Signature), "{forged}");
    }
    talk.take(&answer).await;
}

#[tokio::test]
async fn a_clock_that_is_turned_back_or_wrong_gains_nothing() {
    let house = school(Policy { launches: None, ..Policy::default() }).await;
    let good = token(&house, "d1", "a1").await;
    let mut talk = Talk::new(&house, "installation-1");
    let start = house.app.now();
    talk.ask(&[("token", &good)]).await;
    let late = start.plus(Duration::from_secs(23 * 3600));
    assert_eq!(talk.client.launch_offline(late), Verdict::Open);
    assert_eq!(talk.client.launch_offline(late.minus(Duration::from_secs(600))), Verdict::Open, "within the tolerance");
    assert!(matches!(talk.client.launch_offline(start), Verdict::Closed(words) if words.contains("turned back")));
    // Time that was seen does not come back: crawling on within the tolerance ends all the same.
    let end = start.plus(Duration::from_secs(24 * 3600));
    assert!(matches!(talk.client.launch_offline(end), Verdict::Closed(_)));
    assert!(matches!(talk.client.launch_offline(end.minus(Duration::from_secs(500))), Verdict::Closed(_)));
    for off in [11 * 60_i64, -11 * 60] {
        let nonce = talk.nonce();
        let wrong = crate::clock::Timestamp::from_millis(house.app.now().millis() + off * 1000);
        let body = talk.client.ask(wrong, &nonce, &[("token", &good)]);
        let said = claims(&grant(&house, "application/json", body).await.body);
        assert_eq!((said.code, said.erase), (Code::ClockWrong, false));
    }
    assert_eq!(talk.ask(&[("token", &good)]).await.1, Verdict::Open);
}

#[tokio::test]
async fn a_record_from_a_backup_or_another_device_is_found_out() {
    let house = school(Policy::default()).await;
    let (good, others) = (token(&house, "d1", "a1").await, token(&house, "d2", "a1").await);
    let mut talk = Talk::new(&house, "installation-1");
    talk.ask(&[("token", &good)]).await;
    let backup = talk.client.record.clone();
    for _ in 0..3 {
        talk.ask(&[("token", &good)]).await;
    }
    let now = talk.client.record.clone();
    talk.client.record = backup.clone();
    let (said, verdict) = talk.ask(&[("token", &good)]).await;
    assert_eq!((said.code, said.allowed, said.erase), (Code::RolledBack, false, true));
    assert!(matches!(verdict, Verdict::Erased(_)));
    // The counter alone does not help: what was shown is remembered.
    talk.client.record = backup;
    talk.client.record.counter = 1_000;
    assert_eq!(talk.ask(&[("token", &good)]).await.0.code, Code::RolledBack);
    // Nor does the grant without the counter.
    talk.client.record = now.clone();
    talk.client.record.counter = 1;
    assert_eq!(talk.ask(&[("token", &good)]).await.0.code, Code::RolledBack);
    // A record that was carried to another iPad is none of its own.
    talk.client.record = now.clone();
    assert_eq!(talk.ask(&[("token", &others)]).await.0.code, Code::RolledBack);
    // A grant's number that nobody gave.
    talk.client.record = now.clone();
    talk.client.record.last_grant = Some("99-AAAAAAAAAAAAAAAAAAAAAA".into());
    assert_eq!(talk.ask(&[("token", &good)]).await.0.code, Code::RolledBack);
    talk.client.record = now;
    assert_eq!(talk.ask(&[("token", &good)]).await.1, Verdict::Open, "the honest record goes on");
}

#[tokio::test]
async fn another_apps_token_and_grant_are_none_here() {
    let house = school(Policy::default()).await;
    let others = token(&house, "d1", "a2").await;
    let mut talk = Talk::new(&house, "installation-1");
    let body = talk.body(&[("token", &others)]);
    assert_eq!(grant(&house, "application/json", body).await.status, 401);
    let mut other = Talk::new(&house, "installation-1");
    other.client.bundle_id = "school.example.other".into();
    let (said, _) = other.ask(&[("token", &others)]).await;
    let good = token(&house, "d1", "a1").await;
    talk.client.record.last_grant = Some(said.grant);
    assert_eq!(talk.ask(&[("token", &good)]).await.0.code, Code::RolledBack, "another app's grant");
}

#[tokio::test]
async fn a_certificate_proves_its_device_while_it_is_good() {
    let house = school(Policy { proofs: vec![Proof::Certificate], ..Policy::default() }).await;
    let (key, certificate) = identity(&house, "d1").await;
    let mut talk = Talk::new(&house, "installation-1");
    let body = talk.body(&[]);
    let sent = jws::sign_with_chain(&key, std::slice::from_ref(&certificate), &body).unwrap();
    let answer = grant(&house, "application/jose", sent.clone()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let (said, verdict) = talk.take(&answer.body).await;
    assert_eq!((said.holder.as_str(), verdict), ("ed1", Verdict::Open));
    assert_eq!(grant(&house, "application/json", body.clone()).await.status, 401, "not without the signature");
    // What a cheat has: their own key, a certificate of their own, somebody else's certificate, a changed ask.
    let own = PrivateKey::generate_p256().unwrap();
    let forged = crate::pki::issue::self_signed("d1", &own, Duration::from_secs(3600), house.app.now()).unwrap();
    let parts: Vec<&str> = sent.split('.').collect();
    let none = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, br#"{"alg":"none"}"#);
    for (wrong, status) in [
        (jws::sign_with_chain(&own, std::slice::from_ref(&certificate), &body).unwrap(), 401),
        (jws::sign_with_chain(&own, std::slice::from_ref(forged.certificate()), &body).unwrap(), 401),
        (jws::sign_with_chain(&own, &[forged.certificate().clone(), certificate.clone()], &body).unwrap(), 401),
        (format!("{}.{}.{}", parts[0], &parts[1][..parts[1].len() - 4], parts[2]), 401),
        (format!("{none}.{}.", parts[1]), 400),
        (parts[1].to_owned(), 400),
    ] {
        assert_eq!(grant(&house, "application/jose", wrong.clone()).await.status.as_u16(), status, "{wrong}");
    }
    assert!(Jws::parse(sent.as_bytes()).is_ok());
    let fingerprint = certificate.fingerprint();
    let ask = async |talk: &mut Talk<'_>| {
        let body = talk.body(&[]);
        let sent = jws::sign_with_chain(&key, std::slice::from_ref(&certificate), &body).unwrap();
        claims(&grant(&house, "application/jose", sent).await.body)
    };
    house.app.clock.advance(crate::pki::issue::IDENTITY_LIFETIME + Duration::from_secs(1));
    assert_eq!(ask(&mut talk).await.code, Code::CertificateExpired);
    house.write(move |tx| certificates::revoke(tx, &fingerprint, "lost")).await;
    let said = ask(&mut talk).await;
    assert_eq!((said.code, said.erase), (Code::CertificateRevoked, false));
    set_enrollment(&house, "d1", |enrollment| enrollment.state = EnrollmentState::Retired).await;
    let said = ask(&mut talk).await;
    assert_eq!((said.code, said.erase), (Code::NotEnrolled, true));
}

#[tokio::test]
async fn token_and_certificate_together_must_be_of_one_device() {
    let house = school(Policy { proofs: vec![Proof::Certificate, Proof::Token], ..Policy::default() }).await;
    let (key, certificate) = identity(&house, "d1").await;
    for (device, status) in [("d2", 401), ("d1", 200)] {
        let token = token(&house, device, "a1").await;
        let body = Talk::new(&house, "installation-1").body(&[("token", &token)]);
        let sent = jws::sign_with_chain(&key, std::slice::from_ref(&certificate), &body).unwrap();
        assert_eq!(grant(&house, "application/jose", sent).await.status.as_u16(), status, "{device}");
    }
    let good = token(&house, "d1", "a1").await;
    let body = Talk::new(&house, "installation-1").body(&[("token", &good)]);
    assert_eq!(grant(&house, "application/json", body).await.status, 401, "one of two is not enough");
}
