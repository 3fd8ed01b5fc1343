//! Which authority is asked, when again, and what is kept of it.

use super::*;
use crate::error::Kind;
use crate::pki::issue::{self, ServerName};
use crate::store::{OpenOptions, Store};

fn memory() -> Store {
    Store::open(OpenOptions::memory()).unwrap()
}

const OWNER: Actor = Actor::Console;

fn now() -> Timestamp {
    Timestamp::parse("2026-11-25T08:00:00Z").unwrap()
}

fn choice() -> Choice {
    Choice { directory: "https://acme.example.org/directory".into(), ..Choice::default() }
}

fn chosen(store: &Store, at: Timestamp) -> Option<Chosen> {
    store.write_blocking(at, |tx| standing(tx, &OWNER)).unwrap()
}

fn choose_it(store: &Store, at: Timestamp, choice: Choice) -> Result<()> {
    store.write_blocking(at, move |tx| choose(tx, &OWNER, choice, true, "mdm.example.school", false))
}

#[test]
fn names_that_nobody_outside_can_find_are_not_asked_for() {
    for (host, public) in [
        ("mdm.example.school", true),
        ("MDM.Example.School", true),
        ("mdm", false),
        ("mac.local", false),
        ("mdm.school.internal", false),
        ("192.0.2.1", false),
        ("2001:db8::1", false),
        ("localhost", false),
        ("1.2.0.192.in-addr.arpa", false),
    ] {
        assert_eq!(is_public(host), public, "{host}");
    }
    let extra =
        [String::from("old.example.school"), String::from("mdm.EXAMPLE.school"), String::from("mac.local"), String::from("192.0.2.2")];
    assert_eq!(names(&choice(), "mdm.example.school", &extra), ["mdm.example.school", "old.example.school"]);
    let own = Choice { trust_anchors: "-----BEGIN CERTIFICATE-----".into(), ..choice() };
    assert_eq!(names(&own, "mac.local", &extra[3..]), ["mac.local"], "an authority of one's own vouches for names within");
}

#[test]
fn what_cannot_work_is_refused_by_field_and_changes_nothing() {
    let store = memory();
    for (wrong, host, agreed, field) in [
        (Choice { directory: "http://acme.example.org/".into(), ..choice() }, "mdm.example.school", true, "directory"),
        (Choice { directory: "https://".into(), ..choice() }, "mdm.example.school", true, "directory"),
        (
            Choice { directory: format!("https://a.example/{}", "x".repeat(ADDRESS_MAX_BYTES)), ..choice() },
            "mdm.example.school",
            true,
            "directory",
        ),
        (Choice { contact: "nobody".into(), ..choice() }, "mdm.example.school", true, "contact"),
        (Choice { contact: "a@b.example, c@d.example".into(), ..choice() }, "mdm.example.school", true, "contact"),
        (Choice { trust_anchors: "root".into(), ..choice() }, "mdm.example.school", true, "trust_anchors"),
        (Choice { trust_anchors: "x".repeat(ANCHORS_MAX_BYTES + 1), ..choice() }, "mdm.example.school", true, "trust_anchors"),
        (Choice { challenge: Challenge::Dns, ..choice() }, "mdm.example.school", true, "challenge"),
        (choice(), "mac.local", true, "directory"),
        (choice(), "mdm.example.school", false, "agree_to_terms"),
    ] {
        let refused = store.write_blocking(now(), move |tx| choose(tx, &OWNER, wrong, agreed, host, false)).unwrap_err();
        assert_eq!((refused.kind, refused.fields[0].field.as_str()), (Kind::BadInput, field), "{refused}");
    }
    assert_eq!(chosen(&store, now()), None);
    store.write_blocking(now(), |tx| choose(tx, &OWNER, Choice::default(), true, "mdm.example.school", false)).unwrap();
    assert_eq!(chosen(&store, now()).unwrap().choice.directory, LETS_ENCRYPT, "unless another one is named");
}

#[test]
fn a_certificate_is_kept_and_renewed_when_a_third_of_its_time_is_left() {
    let store = memory();
    choose_it(&store, now(), choice()).unwrap();
    assert_eq!(store.write_blocking(now(), next_due).unwrap(), Some(now()));
    let authority = issue::root("Everybody's", now()).unwrap();
    let signer = authority.tls_server(&[ServerName::parse("mdm.example.school").unwrap()], now()).unwrap();
    let (certificate, key) = (signer.certificate().clone(), signer.key().clone());
    let (chain, other) = (certificate.to_pem(), PrivateKey::generate_p256().unwrap());
    let names = [String::from("mdm.example.school")];
    let keep = |chain: &str, key: &PrivateKey, directory: &str| {
        let (chain, key, names, directory) = (chain.to_owned(), key.clone(), names.clone(), directory.to_owned());
        store.write_blocking(now(), move |tx| obtained(tx, &directory, &names, &chain, &key))
    };
    let directory = choice().directory;
    assert!(keep("", &key, &directory).is_err() && keep(&chain, &other, &directory).is_err());
    assert_eq!(keep(&chain, &key, "https://other.example/").unwrap_err().kind, Kind::Conflict);
    assert_eq!(keep(&chain, &key, &directory).unwrap(), certificate.not_after());
    let standing = chosen(&store, now()).unwrap();
    assert_eq!(
        (standing.due_at, standing.names),
        (certificate.not_after().minus(certificate.not_after().since(certificate.not_before()) / 3), names.to_vec())
    );
    let (kept, kept_key) = store.write_blocking(now(), identity).unwrap().unwrap();
    assert_eq!((kept[0].fingerprint(), kept_key.public_key_der()), (certificate.fingerprint(), key.public_key_der()));

    store.write_blocking(now(), names_changed).unwrap();
    assert_eq!(store.write_blocking(now(), next_due).unwrap(), Some(now()), "another name is asked for at once");
    assert!(store.write_blocking(now(), |tx| leave(tx, &OWNER)).unwrap());
    assert!(!store.write_blocking(now(), |tx| leave(tx, &OWNER)).unwrap());
    assert!(store.write_blocking(now(), identity).unwrap().is_none());
    assert_eq!(store.write_blocking(now(), |tx| order_now(tx, &OWNER)).unwrap_err().kind, Kind::Conflict);
}

#[test]
fn failures_are_tried_again_ever_more_slowly_and_somebody_is_told_from_the_second_on() {
    let store = memory();
    choose_it(&store, now(), choice()).unwrap();
    let alerts = || store.write_blocking(now(), alerts::all).unwrap().len();
    for (wait, told) in [(15, 0), (30, 1), (60, 1), (240, 1), (720, 1), (720, 1)] {
        store.write_blocking(now(), |tx| failed(tx, &choice().directory, "The certificate authority says: no.")).unwrap();
        let due = chosen(&store, now()).unwrap().due_at;
        assert_eq!((due.since(now()), alerts()), (Duration::from_secs(wait * 60), told));
    }
    store.write_blocking(now(), |tx| failed(tx, "https://other.example/", "late")).unwrap();
    assert_eq!(chosen(&store, now()).unwrap().failures, 6, "what another authority said before counts no more");
    choose_it(&store, now(), choice()).unwrap();
    let again = chosen(&store, now()).unwrap();
    assert_eq!((again.failures, again.due_at), (0, now()), "who changes something is not made to wait");
}

#[test]
fn an_account_is_kept_sealed_for_its_authority_only() {
    let store = memory();
    let account = || SecretBytes::new(b"account".to_vec());
    choose_it(&store, now(), choice()).unwrap();
    store.write_blocking(now(), move |tx| joined(tx, "https://other.example/", &account())).unwrap();
    assert!(store.write_blocking(now(), task).unwrap().unwrap().account.is_none());
    store.write_blocking(now(), move |tx| joined(tx, &choice().directory, &account())).unwrap();
    choose_it(&store, now(), Choice { contact: "it@example.school".into(), ..choice() }).unwrap();
    assert!(store.write_blocking(now(), task).unwrap().unwrap().account.is_some());
    choose_it(&store, now(), Choice { directory: "https://other.example/".into(), ..choice() }).unwrap();
    assert!(store.write_blocking(now(), task).unwrap().unwrap().account.is_none());
}

#[test]
fn which_way_is_possible_follows_from_name_port_and_program() {
    let at = |host, port, listens_at_443, has_hook| {
        let ways = ways(Situation { host, port, listens_at_443, has_hook });
        assert!(ways.iter().all(|way| way.possible != way.words.contains(" only once ")), "{ways:?}");
        ways.into_iter().map(|way| way.possible).collect::<Vec<_>>()
    };
    assert_eq!(at("mdm.example.school", 443, false, false), [true, false], "a proxy may be at the port of the address");
    assert_eq!(at("mdm.example.school", 8443, false, false), [false, false]);
    assert_eq!(at("mdm.example.school", 8443, true, true), [true, true]);
    for host in ["localhost", "192.0.2.7", "mac.local", "mdm"] {
        assert!(at(host, 443, true, true).is_empty(), "{host}");
    }
}
