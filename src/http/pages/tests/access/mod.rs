//! App access through all layers: an app that keeps its duties, and one that cheats in every way there is.

mod cheats;
mod copies;
mod endings;
mod guesses;
mod pages;
mod people;
mod persons;

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::mdm::access::{self, Policy, Proof, Who};
use crate::mdm::{Actor, capability};
use crate::pki::certificate::Certificate;
use crate::pki::csr::{self, CertificationRequest, RequestOptions};
use crate::pki::digest::sha256;
use crate::pki::key::PrivateKey;
use crate::protocol::grant::{Claims, Code};
use crate::sim::access::{AccessClient, Verdict};
use crate::store::apps::{self, AppKind};
use crate::store::assignments::AssignedKind;
use crate::store::certificates::{self, Identity, NewIdentity, Purpose};
use crate::store::people::{Person, PersonRole, Source};
use crate::store::policies::tests as groups;

pub(super) const BUNDLE: &str = "school.example.field";
pub(super) const SERVER: &str = "https://mdm.example.school";

pub(super) fn app(id: &str, bundle_id: &str, settings: &str) -> apps::App {
    apps::App {
        id: id.into(),
        kind: AppKind::InHouse,
        adam_id: None,
        bundle_id: bundle_id.into(),
        name: format!("Field notes {id}"),
        note: "Notes from outside".into(),
        platforms: r#"["ios"]"#.into(),
        facts: "{}".into(),
        facts_at: None,
        settings: settings.into(),
        revision: 1,
        created_at: crate::clock::Timestamp::default(),
        changed_at: crate::clock::Timestamp::default(),
    }
}

fn person(id: &str, email: &str, role: PersonRole) -> Person {
    Person {
        id: id.into(),
        source: Source::Hand,
        source_id: None,
        name: format!("Person {id}"),
        email: email.into(),
        role,
        active: true,
        created_at: crate::clock::Timestamp::default(),
        changed_at: crate::clock::Timestamp::default(),
    }
}

/// A house with an iPad that has the app, and one that has it too.
pub(super) async fn school(policy: Policy) -> House {
    let house = House::new();
    house.device("d1", "iPad 1").await;
    house.device("d2", "iPad 2").await;
    house
        .write(move |tx| {
            apps::insert(tx, &app("a1", BUNDLE, "{}"))?;
            apps::insert(tx, &app("a2", "school.example.other", "{}"))?;
            groups::group(tx, "g1", "Cart A")?;
            for device in ["d1", "d2"] {
                groups::put_in(tx, "g1", device)?;
            }
            for app in ["a1", "a2"] {
                crate::mdm::assignments::assign(tx, &Actor::Console, (AssignedKind::App, app, app), "g1", None)?;
                access::set(tx, &Actor::Console, app, policy.clone(), None)?;
            }
            crate::store::people::insert(tx, &person("p1", "kim@example.school", PersonRole::Teacher))?;
            crate::store::people::insert(tx, &person("p2", "jo@example.school", PersonRole::Student))?;
            crate::store::people::set_person(tx, "d1", Some("p1"))
        })
        .await;
    house
}

/// An app's twin and what it talks to.
pub(super) struct Talk<'a> {
    pub(super) house: &'a House,
    pub(super) client: AccessClient,
    asks: u32,
}

impl<'a> Talk<'a> {
    pub(super) fn new(house: &'a House, installation: &str) -> Self {
        Self { house, client: AccessClient::new(BUNDLE, SERVER, installation), asks: 0 }
    }

    pub(super) fn nonce(&mut self) -> String {
        self.asks += 1;
        format!("{:0>24}", format!("{}{}", self.client.record.installation.len(), self.asks))
    }

    pub(super) fn body(&mut self, proofs: &[(&str, &str)]) -> Vec<u8> {
        let (now, nonce) = (self.house.app.now(), self.nonce());
        self.client.ask(now, &nonce, proofs)
    }

    /// Asks, and takes the answer in.
    pub(super) async fn ask(&mut self, proofs: &[(&str, &str)]) -> (Claims, Verdict) {
        let body = self.body(proofs);
        let answer = grant(self.house, "application/json", body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.take(&answer.body).await
    }

    pub(super) async fn take(&mut self, answer: &str) -> (Claims, Verdict) {
        let keys = keys(self.house).await;
        let verdict = self.client.take(answer.as_bytes(), &keys, self.house.app.now()).unwrap();
        (claims(answer), verdict)
    }
}

pub(super) async fn keys(house: &House) -> Value {
    serde_json::from_str(&house.get("", "/access/v1/keys").await.body).unwrap()
}

pub(super) fn claims(answer: &str) -> Claims {
    serde_json::from_slice(crate::pki::jws::Jws::parse(answer.as_bytes()).unwrap().payload()).unwrap()
}

pub(super) async fn grant(house: &House, kind: &str, body: impl Into<Body>) -> Reply {
    let request = Request::post("/access/v1/grant").header(CONTENT_TYPE, kind);
    house.send(request.body(body.into()).unwrap()).await
}

pub(super) async fn token(house: &House, device: &'static str, app: &'static str) -> String {
    house
        .write(move |tx| {
            let enrollment = enrollments::device_channel(tx, device)?.unwrap();
            access::token(tx, &enrollment, app)
        })
        .await
        .unwrap()
}

/// A certificate of our own authority that is a device's identity, and its key.
pub(super) async fn identity(house: &House, device: &'static str) -> (PrivateKey, Certificate) {
    let key = PrivateKey::generate_p256().unwrap();
    let subject = crate::pki::asn1::name::write(&[(crate::pki::asn1::oid::COMMON_NAME, device)]).unwrap();
    let request = CertificationRequest::from_der(&csr::write(&subject, &key, RequestOptions::default()).unwrap()).unwrap();
    let authority = house.app.authority();
    let certificate = authority.issuer.identity(&request, device, house.app.now()).unwrap();
    let (issued, root) = (certificate.clone(), authority.issuer.certificate().clone());
    house
        .write(move |tx| {
            if crate::store::authorities::current(tx)?.is_none() {
                let row = crate::store::authorities::Authority {
                    id: "test".into(),
                    state: crate::store::authorities::AuthorityState::Current,
                    certificate: root.der().to_vec(),
                    not_after_at: root.not_after(),
                    created_at: tx.now,
                    bridge: None,
                    used_from_at: Some(tx.now),
                    taken_until_at: None,
                };
                crate::store::authorities::insert(tx, &row, &root.fingerprint(), None)?;
            }
            let enrollment = enrollments::device_channel(tx, device)?.unwrap();
            let identity = Identity {
                fingerprint: issued.fingerprint(),
                authority_id: "test".into(),
                serial: issued.serial_hex(),
                purpose: Purpose::Enroll,
                invitation_id: None,
                intended_for: None,
                enrollment_id: Some(enrollment.id),
                not_before_at: issued.not_before(),
                not_after_at: issued.not_after(),
                issued_at: tx.now,
                bound_at: Some(tx.now),
                revoked_at: None,
            };
            let public_key = sha256(issued.public_key_der());
            certificates::insert(
                tx,
                &NewIdentity { identity: &identity, certificate: issued.der(), public_key: &public_key, transaction_id: "" },
            )
        })
        .await;
    (key, certificate)
}

pub(super) async fn set_enrollment(house: &House, device: &'static str, change: impl FnOnce(&mut Enrollment) + Send + 'static) {
    house
        .write(move |tx| {
            let mut enrollment = enrollments::device_channel(tx, device)?.unwrap();
            change(&mut enrollment);
            enrollments::update(tx, &enrollment)
        })
        .await;
}

#[tokio::test]
async fn an_app_is_granted_goes_on_offline_for_its_time_and_launches_and_asks_again() {
    let house = school(Policy { launches: Some(2), offline_hours: 24, ..Policy::default() }).await;
    let token = token(&house, "d1", "a1").await;
    let mut talk = Talk::new(&house, "installation-1");
    let (said, verdict) = talk.ask(&[("token", &token)]).await;
    assert_eq!((verdict, said.code, said.allowed, said.erase), (Verdict::Open, Code::Granted, true, false));
    assert_eq!(said.offline_until, house.app.now().plus(Duration::from_secs(24 * 3600)));
    assert_eq!((said.expires_at, said.clock_tolerance_s), (house.app.now().plus(Duration::from_secs(3600)), 600));
    for _ in 0..2 {
        assert_eq!(talk.client.launch_offline(house.app.now()), Verdict::Open);
    }
    assert!(matches!(talk.client.launch_offline(house.app.now()), Verdict::Closed(words) if words.contains("too often")));
    let (again, verdict) = talk.ask(&[("token", &token)]).await;
    assert_eq!((verdict, again.sequence), (Verdict::Open, said.sequence + 1));
    house.app.clock.advance(Duration::from_secs(24 * 3600));
    assert!(matches!(talk.client.launch_offline(house.app.now()), Verdict::Closed(words) if words.contains("too long")));
}

#[tokio::test]
async fn whoever_has_no_right_any_more_is_told_to_erase_and_what_passes_is_not() {
    let house = school(Policy { who: Who::DevicePerson, ..Policy::default() }).await;
    let good = token(&house, "d1", "a1").await;
    let mut talk = Talk::new(&house, "installation-1");
    assert_eq!(talk.ask(&[("token", &good)]).await.1, Verdict::Open);
    let active = |active: bool| {
        move |tx: &Tx| {
            let person = crate::store::people::by_id(tx, "p1")?.unwrap();
            crate::store::people::update(tx, &Person { active, ..person })
        }
    };
    house.write(active(false)).await;
    let (said, verdict) = talk.ask(&[("token", &good)]).await;
    assert_eq!((said.code, said.allowed, said.erase, said.launches_left), (Code::PersonInactive, false, true, Some(0)));
    assert!(matches!(verdict, Verdict::Erased(words) if words.contains("not active")));
    house.write(active(true)).await;
    assert_eq!(talk.ask(&[("token", &good)]).await.0.code, Code::Granted, "a refusal takes no numbers away");
    house.write(|tx| crate::store::people::set_person(tx, "d1", None)).await;
    assert_eq!(talk.ask(&[("token", &good)]).await.0.code, Code::NobodysDevice);
    house.write(|tx| crate::store::people::set_person(tx, "d1", Some("p1"))).await;
    house.write(|tx| crate::mdm::assignments::unassign(tx, &Actor::Console, (AssignedKind::App, "a1", "a1"), "g1")).await;
    let (said, _) = talk.ask(&[("token", &good)]).await;
    assert_eq!((said.code, said.erase), (Code::NotAssigned, true));
    set_enrollment(&house, "d1", |enrollment| enrollment.generation = 2).await;
    let (said, verdict) = talk.ask(&[("token", &good)]).await;
    assert_eq!((said.code, said.erase), (Code::TokenOutdated, false));
    assert!(matches!(verdict, Verdict::Closed(_)));
    set_enrollment(&house, "d1", |enrollment| enrollment.state = EnrollmentState::Left).await;
    let (said, _) = talk.ask(&[("token", &good)]).await;
    assert_eq!((said.code, said.erase), (Code::NotEnrolled, true));
    let kinds = house.write(|tx| crate::store::events::list(tx, &crate::store::events::Filter::default(), None, 500)).await;
    let mine: Vec<_> = kinds.iter().filter(|event| event.kind.starts_with("access.")).collect();
    assert!(mine.iter().any(|event| event.kind == "access.refused") && mine.iter().all(|event| !event.data.to_string().contains(&good)));
}

#[tokio::test]
async fn a_policy_that_does_not_erase_only_closes() {
    let house = school(Policy { erase_when_refused: false, ..Policy::default() }).await;
    let good = token(&house, "d1", "a1").await;
    set_enrollment(&house, "d1", |enrollment| enrollment.state = EnrollmentState::Left).await;
    let (said, verdict) = Talk::new(&house, "installation-1").ask(&[("token", &good)]).await;
    assert!(!said.erase && said.copies_until.is_none(), "who never had a right has nothing to bring");
    assert!(matches!(verdict, Verdict::Closed(_)));
}

#[tokio::test]
async fn an_answer_that_was_lost_costs_nothing() {
    let house = school(Policy::default()).await;
    let good = token(&house, "d1", "a1").await;
    let mut talk = Talk::new(&house, "installation-1");
    // The very first answer is lost; so are two later ones; the same ask may be sent again as it is.
    let lost = talk.body(&[("token", &good)]);
    grant(&house, "application/json", lost).await;
    assert_eq!(talk.ask(&[("token", &good)]).await.0.code, Code::Granted);
    for _ in 0..2 {
        let lost = talk.body(&[("token", &good)]);
        assert_eq!(claims(&grant(&house, "application/json", lost).await.body).code, Code::Granted);
    }
    let body = talk.body(&[("token", &good)]);
    let first = claims(&grant(&house, "application/json", body.clone()).await.body);
    house.app.clock.advance(Duration::from_secs(60));
    let answer = grant(&house, "application/json", body).await.body;
    let (again, verdict) = talk.take(&answer).await;
    assert_eq!((again, verdict), (first, Verdict::Open), "the same answer, its time included");
}

#[tokio::test]
async fn an_app_that_was_installed_anew_begins_anew() {
    let house = school(Policy::default()).await;
    let good = token(&house, "d1", "a1").await;
    let mut old = Talk::new(&house, "installation-1");
    old.ask(&[("token", &good)]).await;
    let mut new = Talk::new(&house, "installation-22");
    let (said, verdict) = new.ask(&[("token", &good)]).await;
    assert_eq!((said.sequence, verdict), (2, Verdict::Open));
    assert_eq!(old.ask(&[("token", &good)]).await.0.code, Code::RolledBack, "what the installation before has kept is worth nothing");
}

#[tokio::test]
async fn keys_change_and_what_the_old_one_signed_still_verifies() {
    let house = school(Policy::default()).await;
    let good = token(&house, "d1", "a1").await;
    let mut talk = Talk::new(&house, "installation-1");
    let body = talk.body(&[("token", &good)]);
    let answer = grant(&house, "application/json", body).await.body;
    house.write(|tx| access::keys::rotate(tx, &Actor::Console)).await;
    assert_eq!(keys(&house).await["keys"].as_array().unwrap().len(), 2);
    assert_eq!(talk.take(&answer).await.1, Verdict::Open);
    let next = talk.ask(&[("token", &good)]).await;
    assert_eq!(next.1, Verdict::Open);
    house.app.clock.advance(access::keys::PUBLISHED_FOR + Duration::from_secs(1));
    assert_eq!(keys(&house).await["keys"].as_array().unwrap().len(), 1, "after the longest grant the old one is not published any more");
}

#[tokio::test]
async fn wrong_input_is_named_and_an_unknown_app_is_not_found() {
    let house = school(Policy::default()).await;
    let said = json!({ "bundle_id": "school.example.unknown", "installation": "installation-1", "nonce": "n".repeat(22), "client_time": house.app.now(), "counter": 1 });
    assert_eq!(grant(&house, "application/json", said.to_string()).await.status, 404);
    assert_eq!(grant(&house, "text/plain", said.to_string()).await.status, 400);
    let reply = grant(&house, "application/json", json!({ "bundle_id": 7 }).to_string()).await;
    assert!(reply.status == 400 && reply.body.contains("bundle_id"), "{}", reply.body);
    let long = "x".repeat(crate::pki::jws::MAX_JWS_BYTES + 1);
    assert_eq!(grant(&house, "application/json", long).await.status, 413);
    for proofs in [vec![], vec![("token", "guessed")], vec![("token", "ed1.guessed")]] {
        let body = Talk::new(&house, "installation-1").body(&proofs);
        assert_eq!(grant(&house, "application/json", body).await.status, 401, "{proofs:?}");
    }
    assert!(house.write(|tx| capability::tag(tx, "x")).await.is_some_and(|tag| tag.len() == 22));
}

#[test]
fn only_proofs_of_a_device_are() {
    assert_eq!(Proof::ALL.map(Proof::is_of_a_device), [true, true, false]);
}
