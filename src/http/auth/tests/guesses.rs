//! Guesses: whom they slow, whom they do not, and who is told.

use std::net::IpAddr;

use super::*;
use crate::http::attempts::{ATTEMPT_EVERY, ATTEMPTS_AT_ONCE};
use crate::http::auth::guesses::{ADDRESS_AT_ONCE, NAME_AT_ONCE, NAME_EVERY};
use crate::mdm::admins::guesses::{ALERT, MANY, TOLD_FOR};
use crate::store::alerts;

const WRONG: &str = "wrong horse battery";

/// What comes of a try: whether it is let in, and else why not.
async fn tries(kit: &Kit, address: impl Into<IpAddr>, name: &str, password: &str, known: Option<&str>) -> Option<Kind> {
    let client = Client { address: address.into(), user_agent: String::new() };
    kit.gate.log_in(name.to_owned(), secret(password), client, known).await.err().map(|error| error.kind)
}

/// A kit with two people, each with the mark of a browser of theirs.
async fn two() -> (Kit, [String; 2]) {
    let kit = Kit::new();
    let mut marks = Vec::new();
    for name in ["kim", "jo"] {
        kit.add(name, Role::Owner).await;
        let id = kit.log_in(name, PASSWORD).await.unwrap().admin.id;
        marks.push(kit.gate.mark(&id).await.unwrap().expose().clone());
    }
    (kit, marks.try_into().unwrap())
}

const SCHOOL: [u8; 4] = [192, 0, 2, 1];

#[tokio::test]
async fn guesses_behind_one_address_slow_neither_other_names_nor_browsers_that_were_in_before() {
    let (kit, [kim, jo]) = two().await;
    for _ in 0..ATTEMPTS_AT_ONCE {
        assert_eq!(tries(&kit, SCHOOL, "kim", WRONG, None).await, Some(Kind::Unauthenticated));
    }
    assert_eq!(tries(&kit, SCHOOL, "Kim", PASSWORD, None).await, Some(Kind::TooOften));
    assert_eq!(tries(&kit, SCHOOL, "kim", PASSWORD, Some(&jo)).await, Some(Kind::TooOften), "another person's browser");
    assert_eq!(tries(&kit, SCHOOL, "jo", PASSWORD, None).await, None);
    assert_eq!(tries(&kit, SCHOOL, "kim", PASSWORD, Some(&kim)).await, None);
    // Guesses at all names together are slowed as well, and whoever was in before is not.
    for number in 0..ADDRESS_AT_ONCE - ATTEMPTS_AT_ONCE {
        assert_eq!(tries(&kit, SCHOOL, &format!("name {number}"), WRONG, None).await, Some(Kind::Unauthenticated));
    }
    assert_eq!(tries(&kit, SCHOOL, "jo", PASSWORD, None).await, Some(Kind::TooOften));
    assert_eq!(tries(&kit, SCHOOL, "jo", PASSWORD, Some(&jo)).await, None);
    // A browser that was stolen with its mark guesses no faster than others.
    for _ in 0..ATTEMPTS_AT_ONCE {
        assert_eq!(tries(&kit, SCHOOL, "jo", WRONG, Some(&jo)).await, Some(Kind::Unauthenticated));
    }
    assert_eq!(tries(&kit, SCHOOL, "jo", PASSWORD, Some(&jo)).await, Some(Kind::TooOften));
    kit.clock.advance(ATTEMPT_EVERY);
    assert_eq!(tries(&kit, SCHOOL, "jo", PASSWORD, Some(&jo)).await, None);
}

#[tokio::test]
async fn guesses_at_one_name_from_many_addresses_are_slowed_and_told_of() {
    let (kit, [kim, _]) = two().await;
    let from = |number: u32| [10, 0, 0, number as u8];
    let told = async || {
        let all = kit.store.read(kit.clock.now(), alerts::all).await.unwrap();
        all.into_iter().filter(|alert| alert.key.starts_with(ALERT)).map(|alert| alert.message).collect::<Vec<_>>()
    };
    for number in 0..NAME_AT_ONCE {
        assert_eq!(tries(&kit, from(number), "kim", WRONG, None).await, Some(Kind::Unauthenticated), "{number}");
        assert_eq!(told().await.len(), usize::from(number as usize + 1 >= MANY), "{number}");
    }
    assert_eq!(told().await, ["Somebody keeps guessing the password of kim for this page."]);
    assert_eq!(tries(&kit, from(100), "kim", PASSWORD, None).await, Some(Kind::TooOften));
    assert_eq!(tries(&kit, from(100), "kim", PASSWORD, Some(&kim)).await, None, "who was in before");
    kit.clock.advance(NAME_EVERY);
    assert_eq!(tries(&kit, from(100), "kim", PASSWORD, None).await, None, "slowed, not locked");
    kit.clock.advance(TOLD_FOR);
    kit.store.write(kit.clock.now(), admins::guesses::sweep).await.unwrap();
    assert!(told().await.is_empty());
}

#[tokio::test]
async fn wrong_links_and_codes_slow_nobody_with_a_right_one() {
    let kit = Kit::new();
    let token = kit.store.write(START, admins::setup::offer).await.unwrap().unwrap();
    for number in 0..=ATTEMPTS_AT_ONCE {
        let refused = kit.gate.set_up(secret("guess"), "kim".into(), secret(PASSWORD), client()).await.unwrap_err();
        assert_eq!(refused.kind, if number < ATTEMPTS_AT_ONCE { Kind::NotFound } else { Kind::TooOften });
    }
    assert_eq!(kit.gate.set_up(token, "kim".into(), secret(PASSWORD), client()).await.unwrap().admin.name, "kim");
}
