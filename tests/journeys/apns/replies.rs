//! Each reply of Apple's leads to its verdict.

use std::time::Duration;

use rollcall::error::Kind;
use rollcall::pki::key::PrivateKey;
use rollcall::protocol::push::{Fault, Outcome, Verdict, judge};
use rollcall::sim::apple::Services;
use rollcall::sim::apple::apns::{Act, Refusal};

use super::*;

#[tokio::test]
async fn a_push_wakes_its_device() {
    let ground = Ground::new().await;
    let mut deliveries = ground.stand_in.deliveries();
    let Outcome::Delivered { apns_id } = ground.push(1).await else { panic!("not delivered") };
    let delivery = deliveries.recv().await.unwrap();
    assert_eq!((delivery.topic.as_str(), delivery.token), (TOPIC, token_hex(1)));
    assert_eq!((delivery.magic.as_str(), Some(delivery.apns_id)), ("MAGIC-1", apns_id));
    assert_eq!(delivery.expiration, START.plus(Duration::from_secs(7 * 24 * 60 * 60)));
}

#[tokio::test]
async fn each_refusal_has_its_verdict() {
    let ground = Ground::new().await;
    let token_updated_at = Timestamp::from_millis(1_767_225_600_000);
    let after = token_updated_at.plus(Duration::from_millis(1));
    let pause = |verdict| match verdict {
        Verdict::BackOff(pause) => pause,
        other => panic!("{other:?}"),
    };
    let mut verdicts = Vec::new();
    for refusal in [
        Refusal::unregistered(after),
        Refusal::unregistered(token_updated_at),
        Refusal::empty(410),
        Refusal::new(400, "BadDeviceToken"),
        Refusal::new(400, "DeviceTokenNotForTopic"),
        Refusal::new(403, "BadCertificate"),
        Refusal::too_many(90),
        Refusal::empty(500),
        Refusal::new(503, "Shutdown"),
        Refusal::new(400, "SomethingNobodyKnows"),
    ] {
        ground.stand_in.script().next(Act::Refuse(refusal.clone()));
        let outcome = ground.push(1).await;
        let Outcome::Refused { status, reason, timestamp, .. } = &outcome else { panic!("{outcome:?}") };
        assert_eq!((*status, reason.as_deref(), *timestamp), (refusal.status, refusal.reason, refusal.timestamp));
        verdicts.push(judge(&outcome, token_updated_at));
    }
    assert_eq!(verdicts[0], Verdict::TokenDead);
    assert!(pause(verdicts[1]) > Duration::ZERO && pause(verdicts[2]) > Duration::ZERO);
    assert_eq!(verdicts[3], Verdict::OurFault(Fault::Token));
    assert_eq!(verdicts[4], Verdict::OurFault(Fault::Topic));
    assert!(matches!(verdicts[5], Verdict::CertificateRefused(_)));
    assert_eq!(pause(verdicts[6]), Duration::from_secs(90));
    assert!(pause(verdicts[7]) > Duration::ZERO && pause(verdicts[8]) > Duration::ZERO);
    assert_eq!(verdicts[9], Verdict::OurFault(Fault::Request));
    // Refusals cost no connection.
    assert_eq!(ground.stand_in.counts().connections, 1);
}

#[tokio::test]
async fn all_stand_ins_are_trusted_by_one_root_and_end_together() {
    let clock = Clock::manual(START);
    let services = Services::start(&clock, &Random::seeded(6)).await.unwrap();
    let connector = connector(&services.trust_anchor_pem(), &clock);
    let apns = Apns::new(ApnsConfig { endpoint: endpoint(&services.apns), ..ApnsConfig::new(connector) });
    let certificate = identity(&services.apns.issue_push_identity(TOPIC).unwrap());
    assert!(is_delivered(&apns.push(&certificate, &push(1)).await));
    drop(services);
    assert!(matches!(apns.push(&certificate, &push(1)).await, Outcome::Unreachable { .. }));
}

#[tokio::test]
async fn one_dead_token_leaves_the_others_alone() {
    let ground = Ground::new().await;
    ground.stand_in.script().for_token(&token_hex(2), Act::Refuse(Refusal::unregistered(START)));
    assert!(is_delivered(&ground.push(1).await));
    assert!(matches!(ground.push(2).await, Outcome::Refused { status: 410, .. }));
    assert!(is_delivered(&ground.push(3).await));
    assert_eq!((ground.stand_in.counts().delivered, ground.stand_in.counts().refused), (2, 1));
}

#[tokio::test]
async fn an_expired_push_certificate_is_named_as_such() {
    let ground = Ground::new().await;
    ground.clock.advance(Duration::from_secs(366 * 24 * 60 * 60));
    let outcome = ground.push(1).await;
    let Outcome::Unproven { why } = &outcome else { panic!("{outcome:?}") };
    assert!(why.contains("CertificateExpired") && why.contains("renew"), "{why}");
    assert!(matches!(judge(&outcome, START), Verdict::CertificateRefused(_)));
    // Its renewal is accepted at once.
    let renewed = identity(&ground.stand_in.issue_push_identity(TOPIC).unwrap());
    let later = Push { expiration: ground.clock.now().plus(Duration::from_secs(60)), ..push(1) };
    assert!(is_delivered(&ground.apns.push(&renewed, &later).await));
}

#[tokio::test]
async fn a_certificate_of_anyone_else_is_refused() {
    let ground = Ground::new().await;
    let elsewhere = ApnsStandIn::start(ground.clock.clone(), Random::seeded(2)).await.unwrap();
    let foreign = identity(&elsewhere.issue_push_identity(TOPIC).unwrap());
    let outcome = ground.apns.push(&foreign, &push(1)).await;
    assert!(matches!(outcome, Outcome::Unproven { .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_server_that_only_looks_like_apples_is_not_pushed_to() {
    let ground = Ground::new().await;
    for trust in [Trust::public(), Trust::only(&elsewhere_pem(&ground.clock).await).unwrap()] {
        let connector = Connector::new(trust, ground.clock.clone());
        let apns = Apns::new(ApnsConfig { endpoint: endpoint(&ground.stand_in), ..ApnsConfig::new(connector) });
        let outcome = apns.push(&ground.certificate, &push(1)).await;
        let Outcome::Unreachable { why } = &outcome else { panic!("{outcome:?}") };
        assert!(why.contains("not trusted") && why.contains("trust anchors"), "{why}");
        assert!(matches!(judge(&outcome, START), Verdict::BackOff(_)));
    }
    assert_eq!(ground.stand_in.counts().delivered, 0);
}

async fn elsewhere_pem(clock: &Clock) -> String {
    ApnsStandIn::start(clock.clone(), Random::seeded(3)).await.unwrap().trust_anchor_pem()
}

#[tokio::test]
async fn an_upload_is_checked_against_the_service_before_it_is_kept() {
    let ground = Ground::new().await;
    ground.apns.test_handshake(&ground.certificate).await.unwrap();
    assert_eq!(ground.stand_in.counts().delivered, 0, "nobody is woken by a check");

    let issued = ground.stand_in.issue_push_identity("com.apple.mgmt.External.another").unwrap();
    let wrong_topic = identity(&authority::PushIdentity { topic: TOPIC.to_owned(), ..issued });
    let error = ground.apns.test_handshake(&wrong_topic).await.unwrap_err();
    assert!(error.kind == Kind::BadInput && error.message.contains(TOPIC), "{error}");

    ground.clock.advance(Duration::from_secs(366 * 24 * 60 * 60));
    assert_eq!(ground.apns.test_handshake(&ground.certificate).await.unwrap_err().kind, Kind::BadInput);

    let nowhere = Endpoint::new("127.0.0.1", 1);
    let apns = Apns::new(ApnsConfig { endpoint: nowhere, ..config(&ground.stand_in, &ground.clock) });
    assert_eq!(apns.test_handshake(&ground.certificate).await.unwrap_err().kind, Kind::Upstream);
}

#[tokio::test]
async fn a_certificate_from_the_practice_portal_pushes_with_the_requests_own_key() {
    let ground = Ground::new().await;
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let request = rcgen::CertificateParams::default().serialize_request(&key).unwrap();
    let issued = ground.stand_in.issue_push_certificate(TOPIC, request.der()).unwrap();
    let key = PrivateKey::from_pkcs8_der(&key.serialize_der()).unwrap();
    let certificate = PushIdentity::new(TOPIC, ClientIdentity::new([issued], key)).unwrap();
    assert!(is_delivered(&ground.apns.push(&certificate, &push(1)).await));
    assert_eq!(ground.stand_in.issue_push_certificate(TOPIC, b"no request").unwrap_err().kind, Kind::BadInput);
}
