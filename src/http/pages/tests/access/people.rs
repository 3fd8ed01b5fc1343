//! Passwords of people: right, wrong, guessed, of somebody else, of nobody.

use super::*;
use crate::http::attempts::ATTEMPTS_AT_ONCE;
use crate::mdm::access::INSTALLATIONS_MAX;
use crate::mdm::access::passwords;
use crate::mdm::admins::Password;
use crate::secret::Secret;

pub(super) const PASSWORD: &str = "correct horse battery";
pub(super) const KIM: [(&str, &str); 2] = [("email", "kim@example.school"), ("password", PASSWORD)];

pub(super) async fn with_passwords(policy: Policy) -> House {
    let house = school(policy).await;
    for person in ["p1", "p2"] {
        let hashed = Password::parse(Secret::new(PASSWORD.into())).unwrap().hash().unwrap();
        house.write(move |tx| passwords::set(tx, &Actor::Console, person, hashed)).await;
    }
    house
}

pub(super) fn by_password() -> Policy {
    Policy { who: Who::People, proofs: vec![Proof::Password], roles: vec![PersonRole::Teacher], ..Policy::default() }
}

#[tokio::test]
async fn a_person_of_the_right_role_is_granted_by_password_alone() {
    let house = with_passwords(by_password()).await;
    let mut talk = Talk::new(&house, "installation-1");
    let (said, verdict) = talk.ask(&KIM).await;
    assert_eq!((said.holder.as_str(), verdict), ("p1/installation-1", Verdict::Open));
    let (said, _) = Talk::new(&house, "installation-2").ask(&[("email", "JO@example.school"), ("password", PASSWORD)]).await;
    assert_eq!((said.code, said.erase), (Code::NotAllowed, true), "a student");
    house
        .write(|tx| {
            let person = crate::store::people::by_id(tx, "p1")?.unwrap();
            crate::store::people::update(tx, &Person { active: false, ..person })
        })
        .await;
    let (said, _) = talk.ask(&KIM).await;
    assert_eq!((said.code, said.erase), (Code::PersonInactive, true));
}

#[tokio::test]
async fn guesses_are_slowed_for_a_person_and_an_address_whether_there_is_such_a_person_or_not() {
    let house = with_passwords(by_password()).await;
    let mut answers = Vec::new();
    for email in ["kim@example.school", "nobody@example.school"] {
        let mut talk = Talk::new(&house, "installation-1");
        for round in 0..=ATTEMPTS_AT_ONCE {
            let body = talk.body(&[("email", email), ("password", "a wrong password")]);
            let reply = grant(&house, "application/json", body).await;
            let expected = if round < ATTEMPTS_AT_ONCE { 401 } else { 429 };
            assert_eq!(reply.status.as_u16(), expected, "{email} {round}");
            if round == 0 {
                let mut answer: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
                assert!(answer.as_object_mut().unwrap().remove("request_id").is_some(), "each answer names its own request");
                answers.push(answer);
            }
        }
        house.app.clock.advance(Duration::from_secs(3600));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(Talk::new(&house, "installation-1").ask(&KIM).await.1, Verdict::Open, "after a while the right one is taken again");
}

#[tokio::test]
async fn where_the_device_is_somebodys_another_persons_password_does_not_open_it() {
    let policy = Policy { who: Who::DevicePerson, proofs: vec![Proof::Token, Proof::Password], ..Policy::default() };
    let house = with_passwords(policy).await;
    let good = token(&house, "d1", "a1").await;
    let mut talk = Talk::new(&house, "installation-1");
    let of = |email| [("token", good.as_str()), ("email", email), ("password", PASSWORD)];
    assert_eq!(talk.ask(&of("kim@example.school")).await.1, Verdict::Open);
    let (said, _) = talk.ask(&of("jo@example.school")).await;
    assert_eq!((said.code, said.erase), (Code::NotYourDevice, false), "a mistake at the keyboard erases nothing");
    let body = talk.body(&[("token", &good)]);
    assert_eq!(grant(&house, "application/json", body).await.status, 401);
}

#[tokio::test]
async fn a_persons_installations_are_bounded_and_the_oldest_is_forgotten() {
    let house = with_passwords(by_password()).await;
    let mut first = Talk::new(&house, "installation-0");
    first.ask(&KIM).await;
    for number in 1..=INSTALLATIONS_MAX {
        house.app.clock.advance(Duration::from_secs(1));
        assert_eq!(Talk::new(&house, &format!("installation-{number}")).ask(&KIM).await.1, Verdict::Open);
    }
    let count = house.write(|tx| crate::store::access::count_installations(tx, "a1", "p1")).await;
    assert_eq!(count, INSTALLATIONS_MAX);
    let (said, _) = first.ask(&KIM).await;
    assert_eq!((said.code, said.erase), (Code::RolledBack, true), "what was forgotten may come from any backup");
    assert!(said.copies_until.is_some(), "it shows that it had a right, and may bring what it had not brought");
    assert_eq!(first.ask(&KIM).await.1, Verdict::Open, "it began anew");
}

#[tokio::test]
async fn people_of_one_address_cannot_both_have_a_password_and_one_without_an_address_has_none() {
    let house = with_passwords(by_password()).await;
    house.write(|tx| crate::store::people::insert(tx, &person("p3", "kim@example.school", PersonRole::Staff))).await;
    house.write(|tx| crate::store::people::insert(tx, &person("p4", "", PersonRole::Staff))).await;
    for id in ["p3", "p4"] {
        let refused = house.app.store.write(house.app.now(), move |tx| passwords::offer(tx, &Actor::Console, id)).await;
        assert_eq!(refused.unwrap_err().kind, crate::error::Kind::Conflict, "{id}");
    }
}

#[tokio::test]
async fn a_link_lets_a_person_choose_a_password_once_and_in_time() {
    let house = school(by_password()).await;
    let offered = async || house.write(|tx| passwords::offer(tx, &Actor::Console, "p1")).await.expose().clone();
    let spent = offered().await;
    let link = offered().await;
    assert_eq!(house.get("", &format!("/password/{spent}")).await.status, 404, "a new link ends the one before");
    let path = format!("/password/{link}");
    assert!(house.get("", &path).await.body.contains("Person p1"));
    let short = house.post("", &path, "password=short").await;
    assert!(short.status == 422 && short.body.contains("at least"), "{}", short.body);
    let done = house.post("", &path, "password=correct+horse+battery").await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert_eq!(house.post("", &path, "password=correct+horse+battery").await.status, 404, "once");
    assert_eq!(Talk::new(&house, "installation-1").ask(&KIM).await.1, Verdict::Open);
    let late = offered().await;
    house.app.clock.advance(passwords::LINK_LIFE);
    assert_eq!(house.get("", &format!("/password/{late}")).await.status, 404, "over");
}
