//! Guessing: it locks nobody out who was in before, it is written down, and somebody is told.

use super::people::{KIM, PASSWORD, by_password, with_passwords};
use super::*;
use crate::http::access::{ASK_EVERY, ASKS_AT_ONCE, CHANGE_EVERY, CHANGES_AT_ONCE, STRANGER_EVERY, STRANGERS_AT_ONCE};
use crate::http::attempts::{ATTEMPT_EVERY, ATTEMPTS_AT_ONCE};
use crate::mdm::access::guesses::{LONG, MANY, sweep};
use crate::mdm::access::passwords;
use crate::mdm::admins::Password;
use crate::secret::Secret;
use crate::store::alerts;
use crate::store::events::{self, Event, Filter};

const WRONG: [(&str, &str); 2] = [("email", "kim@example.school"), ("password", "a wrong password")];

async fn status(talk: &mut Talk<'_>, proofs: &[(&str, &str)]) -> u16 {
    let body = talk.body(proofs);
    grant(talk.house, "application/json", body).await.status.as_u16()
}

async fn guessed(house: &House) -> Vec<Event> {
    house.write(|tx| events::list(tx, &Filter { kind: Some("access.guessed"), ..Filter::default() }, None, 500)).await
}

#[tokio::test]
async fn whoever_was_in_before_is_not_locked_out_by_what_others_guess() {
    let house = with_passwords(by_password()).await;
    let (mut known, mut stranger) = (Talk::new(&house, "installation-1"), Talk::new(&house, "installation-2"));
    assert_eq!(known.ask(&KIM).await.1, Verdict::Open);
    for _ in 0..ATTEMPTS_AT_ONCE {
        assert_eq!(status(&mut stranger, &WRONG).await, 401);
    }
    assert_eq!(status(&mut stranger, &KIM).await, 429, "a new one waits");
    assert_eq!(known.ask(&KIM).await.1, Verdict::Open, "the one that was granted before does not");
    // It is counted by itself, and not without end.
    for _ in 0..ATTEMPTS_AT_ONCE {
        assert_eq!(status(&mut known, &WRONG).await, 401);
    }
    assert_eq!(status(&mut known, &KIM).await, 429);
    house.app.clock.advance(ATTEMPT_EVERY);
    assert_eq!(known.ask(&KIM).await.1, Verdict::Open);
    // A made-up grant makes nobody known.
    known.client.record.last_grant = Some("1-AAAAAAAAAAAAAAAAAAAAAA".into());
    for _ in 0..ATTEMPTS_AT_ONCE {
        status(&mut stranger, &WRONG).await;
    }
    assert_eq!(status(&mut known, &KIM).await, 429);
}

#[tokio::test]
async fn a_device_that_proves_itself_is_not_slowed_by_others_at_its_address() {
    let policy = Policy { who: Who::People, proofs: vec![Proof::Token, Proof::Password], ..Policy::default() };
    let house = with_passwords(policy).await;
    let (mut stranger, mut device) = (Talk::new(&house, "installation-1"), Talk::new(&house, "installation-2"));
    for _ in 0..ATTEMPTS_AT_ONCE {
        assert_eq!(status(&mut stranger, &[("email", "nobody@example.school"), ("password", "a wrong password")]).await, 401);
    }
    assert_eq!(status(&mut stranger, &KIM).await, 429);
    let good = token(&house, "d1", "a1").await;
    let proofs = [("token", good.as_str()), ("email", "kim@example.school"), ("password", PASSWORD)];
    assert_eq!(device.ask(&proofs).await.1, Verdict::Open);
    let wrong = [("token", good.as_str()), ("email", "jo@example.school"), ("password", "a wrong password")];
    for _ in 0..ATTEMPTS_AT_ONCE {
        assert_eq!(status(&mut device, &wrong).await, 401);
    }
    assert_eq!(status(&mut device, &proofs).await, 429, "it is counted by itself");
}

#[tokio::test]
async fn wrong_proofs_are_written_down_once_a_minute_without_what_was_guessed() {
    let house = with_passwords(by_password()).await;
    let mut talk = Talk::new(&house, "installation-1");
    for _ in 0..5 {
        assert_eq!(status(&mut talk, &WRONG).await, 401);
    }
    house.app.clock.advance(Duration::from_secs(60));
    assert_eq!(status(&mut talk, &WRONG).await, 401);
    let found = guessed(&house).await;
    let counts: Vec<_> = found.iter().map(|event| (event.data["count"].clone(), event.data["person"].clone())).collect();
    assert_eq!(counts, [(json!(5), json!("Person p1")), (json!(1), json!("Person p1"))]);
    assert!(found.iter().all(|event| event.data["address"].is_string() && !event.data.to_string().contains("wrong password")));
    // Nobody of that address, and a token that is none, count for where they come from.
    for proofs in [vec![("email", "a.secret@example.school"), ("password", "x")], vec![("token", "guessed")]] {
        house.app.clock.advance(Duration::from_secs(60));
        assert_eq!(status(&mut talk, &proofs).await, 401);
    }
    let found = guessed(&house).await;
    assert_eq!(found.len(), 4);
    assert!(found[..2].iter().all(|event| event.data["person"].is_null() && !event.data.to_string().contains("secret")));
}

#[tokio::test]
async fn somebody_is_told_when_a_person_is_guessed_at_for_long() {
    let house = with_passwords(by_password()).await;
    let mut talk = Talk::new(&house, "installation-1");
    let told = async || house.write(alerts::all).await.into_iter().find(|alert| alert.key == "access.guessed:p1");
    let long = async |talk: &mut Talk<'_>| {
        let rounds = MANY.max(LONG.as_secs() / 60 + 1);
        for round in 0..rounds {
            assert!(told().await.is_none(), "{round}");
            assert_eq!(status(talk, &WRONG).await, 401);
            house.app.clock.advance(Duration::from_secs(60));
        }
    };
    long(&mut talk).await;
    let alert = told().await.unwrap();
    assert!(alert.message.contains("Person p1") && !alert.remedy.is_empty());
    let admin = house.person(Role::Admin).await;
    assert!(house.get(&admin, "/").await.body.contains("keeps guessing"));
    let hashed = Password::parse(Secret::new("another good password".into())).unwrap().hash().unwrap();
    house.write(|tx| passwords::set(tx, &Actor::Console, "p1", hashed)).await;
    assert!(told().await.is_none(), "another password ends it");
    house.write(|tx| alerts::raise(tx, "access.guessed:p1", 60, "x", "y")).await;
    house.app.clock.advance(Duration::from_secs(24 * 3600));
    house.write(sweep).await;
    assert!(told().await.is_none(), "so does a day without");
}

#[tokio::test]
async fn tokens_that_do_not_hold_are_slowed_by_their_address_and_a_good_one_there_is_not() {
    let house = school(Policy::default()).await;
    let mut stranger = Talk::new(&house, "installation-1");
    for _ in 0..STRANGERS_AT_ONCE {
        assert_eq!(status(&mut stranger, &[("token", "made-up")]).await, 401);
        house.app.clock.advance(std::time::Duration::from_millis(1));
    }
    let body = stranger.body(&[("token", "another")]);
    let refused = grant(&house, "application/json", body).await;
    assert_eq!(refused.status, 429, "{}", refused.body);
    let good = token(&house, "d1", "a1").await;
    assert_eq!(Talk::new(&house, "installation-2").ask(&[("token", &good)]).await.1, Verdict::Open);
    house.app.clock.advance(STRANGER_EVERY);
    assert_eq!(status(&mut stranger, &[("token", "made-up")]).await, 401);
}

#[tokio::test]
async fn one_token_asks_and_changes_its_installation_a_limited_number_of_times() {
    let house = school(Policy::default()).await;
    let good = token(&house, "d1", "a1").await;
    for number in 0..=CHANGES_AT_ONCE {
        assert_eq!(status(&mut Talk::new(&house, &format!("installation-{number}")), &[("token", &good)]).await, 200);
    }
    assert_eq!(status(&mut Talk::new(&house, "one-too-many-1"), &[("token", &good)]).await, 429);
    let granted = house.write(|tx| events::list(tx, &Filter { kind: Some("access.granted"), ..Filter::default() }, None, 500)).await;
    assert_eq!(granted.len() as u32, CHANGES_AT_ONCE + 1, "and no more is written down");
    house.app.clock.advance(CHANGE_EVERY);
    let mut device = Talk::new(&house, "installation-again");
    for _ in 0..ASKS_AT_ONCE - 10 {
        assert_eq!(status(&mut device, &[("token", &good)]).await, 200);
    }
    let mut last = 200;
    for _ in 0..20 {
        last = status(&mut device, &[("token", &good)]).await;
    }
    assert_eq!(last, 429);
    house.app.clock.advance(ASK_EVERY);
    assert_eq!(status(&mut device, &[("token", &good)]).await, 200);
}
