//! Admins, their sessions and tokens: limits, expiry, and what a wrong password costs.

use std::time::Duration;

use super::sessions::{Client, SESSION_IDLE, SESSION_LIFE, SESSIONS_MAX};
use super::tokens::{NewToken, TOKENS_MAX};
use super::*;
use crate::clock::Timestamp;
use crate::error::Kind;
use crate::secret::Secret;
use crate::store::events::Filter;
use crate::store::{OpenOptions, SoftFact, Store};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const GOOD: &str = "correct horse battery";

fn store() -> Store {
    Store::open(OpenOptions::memory()).unwrap()
}

fn now<T: Send + 'static>(store: &Store, work: impl FnOnce(&Tx) -> Result<T> + Send + 'static) -> Result<T> {
    store.write_blocking(NOW, work)
}

fn after<T: Send + 'static>(store: &Store, later: Duration, work: impl FnOnce(&Tx) -> Result<T> + Send + 'static) -> Result<T> {
    store.write_blocking(NOW.plus(later), work)
}

/// What is noted behind, written now.
fn write_soft(store: &Store, fact: SoftFact, later: Duration) {
    store.soft(fact, NOW.plus(later));
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(store.flush_soft()).unwrap();
}

fn hashed(text: &str) -> HashedPassword {
    Password::parse(Secret::new(text.to_owned())).unwrap().hash().unwrap()
}

fn client() -> Client {
    Client { address: [192, 0, 2, 7].into(), user_agent: "Safari".into() }
}

fn person(role: Role) -> Actor {
    Actor::Person { id: "someone-else".into(), name: "pat".into(), role }
}

fn add_one(store: &Store, name: &str, role: Role) -> Admin {
    let new = NewAdmin { name: name.into(), role, password: hashed(GOOD) };
    now(store, move |tx| add(tx, &Actor::Console, new)).unwrap()
}

fn kinds(store: &Store) -> Vec<String> {
    let events = store.read_blocking(NOW, |tx| events::list(tx, &Filter::default(), None, 100)).unwrap();
    events.into_iter().rev().map(|event| event.kind).collect()
}

fn started(next: second_factor::Next) -> sessions::Started {
    match next {
        second_factor::Next::Started(started) => started,
        second_factor::Next::Code(_) => panic!("a code is needed"),
    }
}

fn log_in(store: &Store, name: &'static str, password: &str) -> Result<sessions::Started> {
    let candidate = now(store, move |tx| sessions::candidate(tx, name))?;
    let outcome = candidate.verify(&Secret::new(password.to_owned()));
    now(store, move |tx| match outcome {
        Ok(proof) => Ok(Ok(started(second_factor::after_password(tx, &proof, &client())?))),
        Err(refused) => Ok(Err(sessions::refuse(tx, &refused, &client())?)),
    })?
}

#[test]
fn a_name_or_password_that_breaks_a_rule_is_named() {
    for (name, complaint) in [("", "needed"), ("  ", "needed"), ("kim (owner)", "`(`"), ("a\nb", "`\\n`"), (&"x".repeat(65), "64")] {
        let refusal = parse_name(name).unwrap_err();
        assert_eq!(refusal.fields[0].field, "name");
        assert!(refusal.message.contains(complaint), "{name:?}: {refusal}");
    }
    assert_eq!(parse_name("  Ámbar O'Neil-Šimić ").unwrap(), "Ámbar O'Neil-Šimić");
    for password in ["short", "123456789", &"x".repeat(PASSWORD_MAX_BYTES + 1)] {
        let refusal = Password::parse(Secret::new(password.to_owned())).unwrap_err();
        assert_eq!(refusal.fields[0].field, "password");
    }
    assert!(Password::parse(Secret::new("ünïcödé-10".into())).is_ok(), "characters count, not bytes");
}

#[test]
fn only_owners_manage_people_and_tokens() {
    let store = store();
    let admin = add_one(&store, "kim", Role::Owner);
    for role in [Role::Admin, Role::Helper, Role::Teacher, Role::Viewer] {
        let (actor, id) = (person(role), admin.id.clone());
        let refused = now(&store, move |tx| {
            let new = NewAdmin { name: "eve".into(), role: Role::Owner, password: hashed(GOOD) };
            let token = NewToken { name: "script".into(), role: Role::Viewer, days: None };
            Ok([
                add(tx, &actor, new).err(),
                list(tx, &actor, None, 10).err(),
                change(tx, &actor, &id, Change { role: Some(Role::Viewer), disabled: None }).err(),
                remove(tx, &actor, &id).err(),
                reset_password(tx, &actor, &id, hashed(GOOD)).err(),
                tokens::create(tx, &actor, &token).err(),
                tokens::list(tx, &actor, None, 10).err(),
                tokens::revoke(tx, &actor, "x").err(),
                sessions::list(tx, &actor, None, None, 10).err(),
                sessions::list(tx, &actor, Some(&id), None, 10).err(),
                sessions::end(tx, &actor, b"x").err(),
                sessions::end_all(tx, &actor, &id, None).err(),
            ])
        });
        for refusal in refused.unwrap() {
            assert_eq!(refusal.map(|refusal| refusal.kind), Some(Kind::Forbidden), "{role:?}");
        }
    }
    assert_eq!(kinds(&store), ["admin.added"]);
}

#[test]
fn a_taken_name_is_refused_whatever_its_case() {
    let store = store();
    add_one(&store, "kim", Role::Owner);
    let refusal = now(&store, |tx| add(tx, &Actor::Console, NewAdmin { name: "KIM".into(), role: Role::Viewer, password: hashed(GOOD) }));
    assert_eq!(refusal.unwrap_err().kind, Kind::Conflict);
}

#[test]
fn the_last_owner_who_can_log_in_stays() {
    let store = store();
    let (kim, lee) = (add_one(&store, "kim", Role::Owner), add_one(&store, "lee", Role::Owner));
    let disable = Change { role: None, disabled: Some(true) };
    let demote = Change { role: Some(Role::Admin), disabled: None };
    let lee_id = lee.id.clone();
    now(&store, move |tx| change(tx, &Actor::Console, &lee_id, disable)).unwrap();
    for attempt in 0..3 {
        let id = kim.id.clone();
        let refusal = now(&store, move |tx| match attempt {
            0 => change(tx, &Actor::Console, &id, disable).map(drop),
            1 => change(tx, &Actor::Console, &id, demote).map(drop),
            _ => remove(tx, &Actor::Console, &id),
        });
        let refusal = refusal.unwrap_err();
        assert_eq!(refusal.kind, Kind::Conflict);
        assert!(refusal.message.starts_with("kim is the last owner"), "{refusal}");
    }
    let lee_id = lee.id.clone();
    now(&store, move |tx| change(tx, &Actor::Console, &lee_id, Change { role: None, disabled: Some(false) })).unwrap();
    now(&store, move |tx| change(tx, &Actor::Console, &kim.id, demote)).unwrap();
    assert_eq!(kinds(&store), ["admin.added", "admin.added", "admin.disabled", "admin.enabled", "admin.role_changed"]);
}

#[test]
fn the_right_password_logs_in_and_everything_else_gets_one_answer() {
    let store = store();
    add_one(&store, "kim", Role::Helper);
    let gone = add_one(&store, "gone", Role::Viewer);
    now(&store, move |tx| change(tx, &Actor::Console, &gone.id, Change { role: None, disabled: Some(true) })).unwrap();
    let started = log_in(&store, "KIM ", GOOD).unwrap();
    let known = now(&store, move |tx| sessions::identify(tx, started.token.expose())).unwrap().unwrap();
    assert_eq!(known.actor.to_string(), "kim (helper)");
    for (name, password) in [("kim", "wrong horse battery"), ("nobody", GOOD), ("gone", GOOD), ("kim", &"x".repeat(5000)), ("", "")] {
        let refusal = log_in(&store, name, password).unwrap_err();
        assert_eq!((refusal.kind, refusal.message.as_ref()), (Kind::Unauthenticated, "The name or the password is wrong."));
    }
    assert_eq!(kinds(&store).iter().filter(|kind| *kind == "session.refused").count(), 5);
}

#[test]
fn a_wrong_log_in_is_recorded_without_what_may_be_a_password() {
    let store = store();
    add_one(&store, "kim", Role::Owner);
    log_in(&store, "kim", "wrong horse battery").unwrap_err();
    log_in(&store, GOOD, "kim").unwrap_err();
    let events = store.read_blocking(NOW, |tx| events::list(tx, &Filter::default(), None, 100)).unwrap();
    assert_eq!(events[1].data, json!({ "name": "kim", "address": "192.0.2.7" }));
    assert_eq!(events[0].data, json!({ "name": null, "address": "192.0.2.7" }));
    assert!(!format!("{events:?}").contains("horse"));
}

#[test]
fn an_unknown_name_costs_the_same_work_as_a_known_one() {
    let hash = hashed(GOOD).into_stored();
    let parameters = |hash: &str| hash.rsplitn(3, '$').last().unwrap().to_owned();
    assert_eq!(parameters(hash.expose()), parameters(password::NOBODYS_HASH));
    assert!(password::matches(&Secret::new(GOOD.to_owned()), Some(&hash)));
    assert!(!password::matches(&Secret::new(GOOD.to_owned()), None));
}

#[test]
fn a_proof_is_worth_nothing_once_the_password_changed() {
    let store = store();
    let kim = add_one(&store, "kim", Role::Owner);
    let candidate = now(&store, |tx| sessions::candidate(tx, "kim")).unwrap();
    let proof = candidate.verify(&Secret::new(GOOD.to_owned())).unwrap();
    now(&store, move |tx| reset_password(tx, &Actor::Console, &kim.id, hashed("another good one"))).unwrap();
    assert_eq!(now(&store, move |tx| second_factor::after_password(tx, &proof, &client())).unwrap_err().kind, Kind::Unauthenticated);
}

#[test]
fn a_session_ends_when_idle_and_in_any_case() {
    let store = store();
    add_one(&store, "kim", Role::Owner);
    let token = log_in(&store, "kim", GOOD).unwrap().token;
    let known_after = |later: Duration| {
        let token = token.clone();
        after(&store, later, move |tx| sessions::identify(tx, token.expose())).unwrap()
    };
    assert!(known_after(Duration::from_secs(59)).unwrap().used.is_none(), "its use is noted at most once a minute");
    assert!(known_after(SESSION_IDLE).is_none());
    let mut later = Duration::ZERO;
    let step = SESSION_IDLE.saturating_sub(Duration::from_secs(1));
    while later + step < SESSION_LIFE {
        later += step;
        let known = known_after(later).expect("a session in use goes on");
        write_soft(&store, known.used.unwrap(), later);
    }
    assert!(known_after(SESSION_LIFE).is_none(), "used or not");
    assert_eq!(after(&store, SESSION_LIFE, sessions::sweep).unwrap(), 1);
}

#[test]
fn the_oldest_session_makes_room() {
    let store = store();
    let kim = add_one(&store, "kim", Role::Owner);
    let first = log_in(&store, "kim", GOOD).unwrap().token;
    for later in 1..=u64::from(SESSIONS_MAX) {
        let kim = kim.clone();
        after(&store, Duration::from_secs(later), move |tx| sessions::begin(tx, kim, &client())).unwrap();
    }
    let (listed, total) = now(&store, |tx| sessions::list(tx, &Actor::Console, None, None, 100)).unwrap();
    assert_eq!((listed.len() as u32, total), (SESSIONS_MAX, SESSIONS_MAX));
    assert!(now(&store, move |tx| sessions::identify(tx, first.expose())).unwrap().is_none());
}

#[test]
fn people_end_their_own_sessions_and_owners_anyones() {
    let store = store();
    let kim = add_one(&store, "kim", Role::Viewer);
    let (one, two) = (log_in(&store, "kim", GOOD).unwrap().token, log_in(&store, "kim", GOOD).unwrap().token);
    let known = now(&store, move |tx| sessions::identify(tx, one.expose())).unwrap().unwrap();
    let hash = known.session.token_hash.clone();
    let id = kim.id.clone();
    let actor = known.actor.clone();
    assert_eq!(now(&store, move |tx| sessions::end_all(tx, &actor, &id, Some(&hash))).unwrap(), 1);
    assert!(now(&store, move |tx| sessions::identify(tx, two.expose())).unwrap().is_none());
    let actor = known.actor.clone();
    now(&store, move |tx| sessions::end(tx, &actor, &known.session.token_hash)).unwrap();
    assert_eq!(now(&store, move |tx| sessions::end_all(tx, &Actor::Console, &kim.id, None)).unwrap(), 0);
}

#[test]
fn a_changed_role_or_a_disabled_person_counts_from_the_next_request_on() {
    let store = store();
    add_one(&store, "kim", Role::Owner);
    let lee = add_one(&store, "lee", Role::Admin);
    let token = log_in(&store, "lee", GOOD).unwrap().token;
    let (id, text) = (lee.id.clone(), token.clone());
    let known = now(&store, move |tx| {
        change(tx, &Actor::Console, &id, Change { role: Some(Role::Viewer), disabled: None })?;
        sessions::identify(tx, text.expose())
    });
    assert_eq!(known.unwrap().unwrap().actor.role(), Some(Role::Viewer));
    let known = now(&store, move |tx| {
        change(tx, &Actor::Console, &lee.id, Change { role: None, disabled: Some(true) })?;
        sessions::identify(tx, token.expose())
    });
    assert!(known.unwrap().is_none());
}

#[test]
fn people_change_their_own_password_with_the_old_one() {
    let store = store();
    let kim = add_one(&store, "kim", Role::Viewer);
    let actor = Actor::Person { id: kim.id, name: kim.name, role: Role::Viewer };
    let other = log_in(&store, "kim", GOOD).unwrap().token;
    let prove = || now(&store, |tx| sessions::candidate(tx, "kim")).unwrap().verify(&Secret::new(GOOD.to_owned())).unwrap();
    let (proof, stranger) = (prove(), person(Role::Owner));
    let refusal = now(&store, move |tx| change_own_password(tx, &stranger, &proof, hashed("another good one"), None));
    assert_eq!(refusal.unwrap_err().kind, Kind::Forbidden);
    let proof = prove();
    now(&store, move |tx| change_own_password(tx, &actor, &proof, hashed("another good one"), None)).unwrap();
    assert!(now(&store, move |tx| sessions::identify(tx, other.expose())).unwrap().is_none());
    assert!(log_in(&store, "kim", GOOD).is_err());
    assert!(log_in(&store, "kim", "another good one").is_ok());
}

#[test]
fn a_token_works_until_it_is_revoked_or_expires() {
    let store = store();
    let new = NewToken { name: " nightly report ".into(), role: Role::Viewer, days: Some(2) };
    let (token, text) = now(&store, move |tx| tokens::create(tx, &Actor::Console, &new)).unwrap();
    assert!(text.expose().starts_with("rc_") && text.expose().len() == 46, "{}", text.expose());
    let known_after = |hours: u64| {
        let text = text.clone();
        after(&store, Duration::from_secs(hours * 3600), move |tx| tokens::identify(tx, text.expose())).unwrap()
    };
    let known = known_after(47).unwrap();
    assert_eq!(known.actor.to_string(), "token nightly report (viewer)");
    write_soft(&store, known.used.unwrap(), Duration::ZERO);
    assert!(known_after(0).unwrap().used.is_none(), "its use is noted at most once a minute");
    assert!(known_after(48).is_none());
    now(&store, move |tx| tokens::revoke(tx, &Actor::Console, &token.id)).unwrap();
    assert!(known_after(0).is_none());
    assert!(now(&store, |tx| tokens::identify(tx, "rc_unknown")).unwrap().is_none());
    let events = format!("{:?}", store.read_blocking(NOW, |tx| events::list(tx, &Filter::default(), None, 100)).unwrap());
    assert!(events.contains("token.created") && events.contains("token.revoked") && !events.contains(text.expose()));
}

#[test]
fn a_token_that_cannot_be_is_refused_by_field() {
    let store = store();
    let fit = NewToken { name: "x".into(), role: Role::Viewer, days: None };
    for (new, field) in [
        (NewToken { name: " ".into(), ..fit.clone() }, "name"),
        (NewToken { name: "x".repeat(65), ..fit.clone() }, "name"),
        (NewToken { role: Role::Teacher, ..fit.clone() }, "role"),
        (NewToken { days: Some(0), ..fit.clone() }, "days"),
        (NewToken { days: Some(tokens::DAYS_MAX + 1), ..fit.clone() }, "days"),
    ] {
        let refusal = now(&store, move |tx| tokens::create(tx, &Actor::Console, &new)).unwrap_err();
        assert_eq!(refusal.fields[0].field, field);
    }
}

#[test]
fn tokens_have_a_limit() {
    let store = store();
    let refusal = now(&store, |tx| {
        let new = NewToken { name: "x".into(), role: Role::Viewer, days: Some(1) };
        for _ in 0..TOKENS_MAX {
            tokens::create(tx, &Actor::Console, &new)?;
        }
        Ok(tokens::create(tx, &Actor::Console, &new).unwrap_err())
    });
    assert_eq!(refusal.unwrap().kind, Kind::Conflict);
    assert_eq!(after(&store, Duration::from_secs(91 * 24 * 3600), tokens::sweep).unwrap(), 0);
    assert_eq!(after(&store, Duration::from_secs(92 * 24 * 3600), tokens::sweep).unwrap() as u32, TOKENS_MAX);
}

#[test]
fn people_have_a_limit() {
    let store = store();
    let password = hashed(GOOD);
    let refusal = now(&store, move |tx| {
        let new = |number: u32| NewAdmin { name: format!("person {number}"), role: Role::Viewer, password: password.clone() };
        for number in 0..ADMINS_MAX {
            add(tx, &Actor::Console, new(number))?;
        }
        Ok(add(tx, &Actor::Console, new(ADMINS_MAX)).unwrap_err())
    });
    assert_eq!(refusal.unwrap().kind, Kind::Conflict);
}

#[test]
fn a_set_up_link_makes_one_owner_and_is_spent() {
    let store = store();
    let token = now(&store, setup::offer).unwrap().unwrap();
    let accept = |token: &Secret<String>, later: Duration| {
        let token = token.clone();
        after(&store, later, move |tx| setup::accept(tx, token.expose(), "kim", hashed(GOOD), &client()))
    };
    assert_eq!(accept(&Secret::new("guess".into()), Duration::ZERO).unwrap_err().kind, Kind::NotFound);
    let expired = accept(&token, setup::LINK_LIFE).unwrap_err();
    assert!(expired.message.contains("Start Rollcall again"), "{expired}");
    let started = accept(&token, setup::LINK_LIFE.saturating_sub(Duration::from_secs(1))).unwrap();
    assert_eq!((started.admin.name.as_str(), started.admin.role.as_str()), ("kim", "owner"));
    let used = accept(&token, Duration::ZERO).unwrap_err();
    assert!(used.message.contains("used already"), "{used}");
    assert!(now(&store, setup::offer).unwrap().is_none());
    assert_eq!(kinds(&store), ["setup.offered", "admin.added", "session.started"]);
}

#[test]
fn a_new_set_up_link_replaces_the_old_one() {
    let store = store();
    let (old, new) = (now(&store, setup::offer).unwrap().unwrap(), now(&store, setup::offer).unwrap().unwrap());
    assert!(now(&store, move |tx| setup::check(tx, old.expose())).is_err());
    assert!(now(&store, move |tx| setup::check(tx, new.expose())).is_ok());
}
