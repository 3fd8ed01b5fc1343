//! Every finding, with its remedy, from what was seen and what is stored.

mod backups;
mod failing;

use std::time::Duration;

use super::*;
use crate::mdm::integrity;
use crate::pki::issue::{self, Issuer, ServerName};
use crate::pki::judge::openssl;
use crate::pki::key::PrivateKey;
use crate::pki::push_certificate::PushCertificate;
use crate::store::content_tokens::{self, ContentToken, TokenState};
use crate::store::{OpenOptions, Store, alerts, jobs};

const DAY: Duration = Duration::from_secs(24 * 3600);
const NOW: Timestamp = Timestamp::from_seconds(1_795_593_600);
const TOPIC: &str = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";

fn store() -> Store {
    Store::open(OpenOptions::memory()).unwrap()
}

/// The chain of a server, its own certificate first, and the root above it.
fn chain() -> (Vec<Certificate>, Issuer) {
    let root = issue::root("Test", NOW).unwrap();
    let own = root.tls_server(&[ServerName::parse("mdm.example.school").unwrap()], NOW).unwrap();
    (vec![own.certificate().clone()], root)
}

fn door() -> Door {
    let (version, suite) = (String::from("TLSv1_3"), String::from("TLS13_AES_128_GCM_SHA256"));
    Door { chain: chain().0, names_host: true, failure: None, version, suite, status: Some(200) }
}

/// Everything as it should be.
fn well() -> Seen {
    let reached = |service, host: &str| Reached { service, host: host.to_owned(), problem: None, date: Some(NOW) };
    Seen {
        public_url: String::from("https://mdm.example.school"),
        host: String::from("mdm.example.school"),
        resolved: Some(Ok(vec!["192.0.2.7".parse().unwrap()])),
        serving: true,
        door: Some(door()),
        ports: vec![Port { flag: "--listen", address: "0.0.0.0:443".parse().unwrap(), problem: None }],
        own_tls: true,
        has_dns_hook: false,
        apple: vec![reached(Service::DeviceList, "mdmenrollment.apple.com:443"), reached(Service::Push, "api.push.apple.com:443")],
        proxy: None,
        push_refused: None,
        data: "/var/lib/rollcall".into(),
        backups: BackupsSeen::default(),
        disk_free: Some(100 << 30),
        damage: Some(Vec::new()),
        version: "0.1.0",
    }
}

fn examined(store: &Store, seen: &Seen) -> Report {
    examined_at(store, seen, NOW)
}

fn examined_at(store: &Store, seen: &Seen, now: Timestamp) -> Report {
    store.read_blocking(now, |tx| examine(tx, &Actor::Console, seen)).unwrap()
}

/// The findings of an id, as level and words.
fn of(report: &Report, id: &str) -> Vec<(Level, String)> {
    let found = report.findings.iter().filter(|finding| finding.id == id);
    found.map(|finding| (finding.level, format!("{} {}", finding.what, finding.remedy))).collect()
}

/// The one finding of an id.
fn one(report: &Report, id: &str) -> (Level, String) {
    let mut found = of(report, id);
    assert_eq!(found.len(), 1, "{id} in {report:#?}");
    found.remove(0)
}

fn push(store: &Store, note: &str, key: Option<PrivateKey>) -> PushCertificate {
    let own = PrivateKey::generate_rsa_2048().unwrap();
    let certificate = issue::root("Portal", NOW).unwrap().practice_push(TOPIC, &own, NOW).unwrap();
    let pair = PushCertificate::new(certificate, own, NOW).unwrap();
    let (put, note) = (pair.clone(), note.to_owned());
    store.write_blocking(NOW, move |tx| crate::mdm::push_certificates::put(tx, &Actor::Console, &put, &note, false)).unwrap();
    if let Some(key) = key {
        store
            .write_blocking(NOW, move |tx| {
                let row = crate::store::push_certificates::by_topic(tx, TOPIC)?.unwrap();
                crate::store::push_certificates::put(tx, &row, key.pkcs8_der().expose())
            })
            .unwrap();
    }
    pair
}

#[test]
fn an_appliance_that_is_well_says_so_and_keeps_what_was_found() {
    let store = store();
    push(&store, "it@example.school", None);
    let report = examined(&store, &well());
    let bad: Vec<_> = report.findings.iter().filter(|finding| finding.level > Level::Note).map(|finding| finding.id.as_str()).collect();
    assert_eq!(bad, ["backups.age"], "{report:#?}");
    for (id, words) in [
        ("clock.time", "is right, as far as mdmenrollment.apple.com:443 tells"),
        ("names.address", "leads to 192.0.2.7"),
        ("ports.listener", "answers at 0.0.0.0:443"),
        ("tls.certificate", "is of our own authority, ends in 397 days"),
        ("apple.reached", "mdmenrollment.apple.com:443, api.push.apple.com:443"),
        ("disk.room", "100 GiB are free"),
        ("database.integrity", "is sound"),
        ("jobs.failing", "went well"),
        ("identities.devices", "No device’s identity"),
        ("version.program", "Rollcall 0.1.0 on "),
    ] {
        let (level, told) = one(&report, id);
        assert!(level == Level::Ok && told.contains(words), "{id}: {told}");
    }
    assert!(one(&report, &format!("push.certificate:{TOPIC}")).1.contains("made with the account “it@example.school”"));
    let (kept, report) = (report.clone(), report);
    store.write_blocking(NOW, move |tx| keep(tx, &Actor::Console, &kept)).unwrap();
    assert_eq!(store.read_blocking(NOW, |tx| last(tx, &Actor::Console)).unwrap(), Some(report));
}

#[test]
fn who_may_only_look_has_nothing_examined() {
    let viewer = Actor::Token { id: String::new(), name: String::from("nightly"), role: crate::mdm::Role::Viewer };
    let store = store();
    assert!(store.read_blocking(NOW, |tx| examine(tx, &viewer, &well())).is_err());
    assert_eq!(store.read_blocking(NOW, |tx| last(tx, &viewer)).unwrap(), None);
}

#[test]
fn a_wrong_clock_is_told_by_what_apple_says_or_by_what_was_written_before() {
    let store = store();
    let at = |off: i64| {
        let mut seen = well();
        seen.apple[0].date = Some(Timestamp::from_seconds(NOW.seconds() + off));
        one(&examined(&store, &seen), "clock.time")
    };
    assert_eq!(at(-60).0, Level::Ok);
    assert_eq!(at(61).0, Level::Warning);
    let (level, words) = at(-301);
    assert!(level == Level::Error && words.contains("mdmenrollment.apple.com:443 says") && words.contains("timedatectl"), "{words}");
    let alone = Seen { apple: Vec::new(), ..well() };
    assert_eq!(one(&examined(&store, &alone), "clock.time").0, Level::Note);
    store
        .write_blocking(NOW.plus(DAY), |tx| {
            let event = crate::store::events::NewEvent { kind: "x.y", actor_kind: "job", actor: "test", ..Default::default() };
            crate::store::events::append(tx, &event)
        })
        .unwrap();
    assert!(one(&examined(&store, &alone), "clock.time").1.contains("it was set back"));
    assert!(one(&examined_at(&store, &alone, Timestamp::from_seconds(1)), "clock.time").1.contains("long past"));
}

#[test]
fn an_address_that_devices_cannot_use_is_told_with_what_to_do() {
    let store = store();
    let named = |host: &str, resolved: Result<Vec<IpAddr>, String>| {
        let seen = Seen { public_url: format!("https://{host}"), host: host.to_owned(), resolved: Some(resolved), ..well() };
        one(&examined(&store, &seen), "names.address")
    };
    let here = || Ok(vec!["192.0.2.7".parse().unwrap()]);
    for (host, resolved, level, words) in [
        ("192.0.2.7", here(), Level::Error, "is a number"),
        ("localhost", here(), Level::Warning, "leads devices to themselves"),
        ("127.0.0.1", here(), Level::Warning, "for this machine alone"),
        ("::1", here(), Level::Warning, "for this machine alone"),
        ("cupboard", here(), Level::Error, "names only “cupboard”"),
        ("mdm.example.school", Ok(Vec::new()), Level::Error, "leads nowhere"),
        ("mdm.example.school", Err(String::from("no such name")), Level::Error, "(no such name)"),
        ("cupboard.local", Err(String::from("no such name")), Level::Warning, "leads nowhere"),
        ("mdm.example.school", Ok(vec!["127.0.0.1".parse().unwrap()]), Level::Warning, "/etc/hosts"),
        ("cupboard.local", here(), Level::Note, "same network only"),
    ] {
        let (found, told) = named(host, resolved);
        assert!(found == level && told.contains(words), "{host}: {found:?} {told}");
    }
    let off = Seen { resolved: None, serving: false, door: None, ..well() };
    let report = examined(&store, &off);
    assert!(of(&report, "names.address").is_empty() && of(&report, "tls.certificate").is_empty());
    assert_eq!(one(&report, "ports.serving").0, Level::Note);
}

#[test]
fn a_port_that_nobody_reaches_is_an_error() {
    let mut seen = well();
    seen.ports[0].problem = Some(String::from("connection refused"));
    let (level, words) = one(&examined(&store(), &seen), "ports.listener:--listen");
    assert!(level == Level::Error && words.contains("0.0.0.0:443") && words.contains("firewall"), "{words}");
    seen.serving = false;
    let (level, words) = one(&examined(&store(), &seen), "ports.listener:--listen");
    assert!(level == Level::Note && words.contains("choose another port"), "what the service is started with is not known: {words}");
}

#[test]
fn listening_for_this_machine_alone_is_told_unless_something_passes_devices_on() {
    let store = store();
    let near = || vec![Port { flag: "--listen", address: "127.0.0.1:8443".parse().unwrap(), problem: None }];
    let passed_on = Seen { ports: near(), ..well() };
    assert!(of(&examined(&store, &passed_on), "ports.here_alone").is_empty(), "the public address answers");
    for alone in [
        Seen { host: String::from("localhost"), ..passed_on.clone() },
        Seen { door: None, ..passed_on.clone() },
        Seen { resolved: Some(Ok(vec!["127.0.1.1".parse().unwrap()])), ..passed_on },
    ] {
        let (level, words) = one(&examined(&store, &alone), "ports.here_alone");
        assert!(level == Level::Warning && words.contains("127.0.0.1:8443") && words.contains("--listen 8443"), "{words}");
    }
    assert!(of(&examined(&store, &well()), "ports.here_alone").is_empty());
}

#[test]
fn the_certificate_is_judged_as_a_device_judges_it() {
    let store = store();
    let shown = |change: &dyn Fn(&mut Door), now: Timestamp| {
        let mut door = door();
        change(&mut door);
        examined_at(&store, &Seen { door: Some(door), ..well() }, now)
    };
    let untrusted = || Some(String::from("the certificate is not trusted"));
    let nobody = shown(&|door| (door.chain, door.failure) = (Vec::new(), Some(String::from("refused"))), NOW);
    assert!(one(&nobody, "tls.reach").1.contains("does not answer: refused"));
    let other = shown(&|door| (door.names_host, door.failure) = (false, untrusted()), NOW);
    assert!(one(&other, "tls.name").1.contains("Get a certificate for mdm.example.school"));
    assert!(of(&other, "tls.chain").is_empty(), "the name is what is wrong");
    let lone = shown(&|door| door.failure = untrusted(), NOW);
    assert!(one(&lone, "tls.chain").1.contains("fullchain.pem"));
    let (_, stranger) = chain();
    let gap = shown(
        &|door| {
            door.chain.push(stranger.certificate().clone());
            door.failure = untrusted();
        },
        NOW,
    );
    assert!(one(&gap, "tls.chain").1.contains("out of order or has a gap"));
    let (own, root) = chain();
    let unknown = shown(&|door| (door.chain, door.failure) = (vec![own[0].clone(), root.certificate().clone()], untrusted()), NOW);
    assert!(one(&unknown, "tls.trust").1.contains("one of a public authority"));
    assert!(one(&shown(&|_| (), NOW.plus(DAY * 370)), "tls.validity").1.contains("Rollcall renews it by itself"));
    let ended = shown(&|door| door.failure = untrusted(), NOW.plus(DAY * 400));
    assert_eq!((one(&ended, "tls.validity").0, of(&ended, "tls.chain").len()), (Level::Error, 0));
    assert!(one(&shown(&|_| (), NOW.minus(DAY)), "tls.validity").1.contains("not valid before"));
    let elsewhere = shown(&|door| door.status = Some(404), NOW);
    assert!(one(&elsewhere, "tls.answer").1.contains("something else answers than Rollcall (404)"));
}

#[test]
fn rules_of_apples_systems_are_kept_or_told() {
    let weak = openssl(
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:1024",
            "-nodes",
            "-keyout",
            "/dev/null",
            "-subj",
            "/CN=mdm.example.school",
            "-days",
            "1000",
            "-outform",
            "DER",
        ],
        b"",
    );
    let weak = Certificate::from_der(&weak).unwrap();
    let now = weak.not_before().plus(DAY);
    let door =
        Door { chain: vec![weak], version: String::from("TLSv1_2"), suite: String::from("TLS_RSA_WITH_AES_128_GCM_SHA256"), ..door() };
    let told = of(&examined_at(&store(), &Seen { door: Some(door), ..well() }, now), "tls.rules");
    for words in ["more than 825 days", "has 1024 bits", "keeps nothing secret"] {
        assert!(told.iter().any(|(level, told)| *level == Level::Error && told.contains(words)), "{words}: {told:?}");
    }
}

#[test]
fn a_service_of_apples_that_is_missed_is_worse_than_one_that_is_not() {
    let store = store();
    let mut seen = well();
    for service in &mut seen.apple {
        service.problem = Some((format!("{} cannot be reached", service.host), String::from("check the network")));
    }
    let report = examined(&store, &seen);
    assert_eq!((one(&report, "apple.push").0, one(&report, "apple.device_list").0), (Level::Warning, Level::Note));
    push(&store, "", None);
    let (level, words) = one(&examined(&store, &seen), "apple.push");
    assert!(level == Level::Error && words.contains("no device can be woken. Check the network. Where a proxy must be used"), "{words}");
    seen.proxy = Some(String::from("proxy.example.school:3128"));
    assert!(
        one(&examined(&store, &seen), "apple.push")
            .1
            .contains("through the proxy proxy.example.school:3128: have it let api.push.apple.com:443")
    );
}

#[test]
fn push_certificates_end_lose_their_key_or_are_refused() {
    let (store, id) = (store(), format!("push.certificate:{TOPIC}"));
    let none = examined(&store, &well());
    assert!(one(&none, "push.none").1.contains("no real device can enroll"));
    push(&store, "", None);
    let (level, words) = one(&examined(&store, &well()), &id);
    assert!(level == Level::Note && words.contains("nobody noted with which account"), "{words}");
    assert_eq!(one(&examined_at(&store, &well(), NOW.plus(DAY * 340)), &id).0, Level::Warning);
    let (level, words) = one(&examined_at(&store, &well(), NOW.plus(DAY * 400)), &id);
    assert!(level == Level::Error && words.contains("has ended, since "), "{words}");
    let refused = Seen { push_refused: Some(String::from("it was revoked")), ..well() };
    assert_eq!(one(&examined(&store, &refused), "push.refused").0, Level::Error);
    push(&store, "", Some(PrivateKey::generate_rsa_2048().unwrap()));
    assert!(one(&examined(&store, &well()), &id).1.contains("do not belong together"));
}

#[test]
fn tokens_say_until_when_they_are_good_and_what_troubles_them() {
    let store = store();
    let row = |tx: &Tx, id: &str, problem: &str| ContentToken {
        id: id.to_owned(),
        location_uid: id.to_owned(),
        organisation: String::from("Example School"),
        location: String::from("North"),
        country: String::new(),
        platform: String::new(),
        practice: false,
        state: if problem.is_empty() { TokenState::Ready } else { TokenState::Refused },
        other_server: String::new(),
        problem: problem.to_owned(),
        failures: i64::from(!problem.is_empty()),
        expires_at: tx.now.plus(DAY * 100),
        service: String::from("{}"),
        service_at: None,
        assignments_version: String::new(),
        sync_due_at: None,
        synced_at: Some(tx.now),
        synced_whole_at: None,
        due_at: None,
        busy_until_at: None,
        created_at: tx.now,
        uploaded_at: tx.now,
    };
    store
        .write_blocking(NOW, move |tx| {
            content_tokens::insert(tx, &row(tx, "a", ""), b"token")?;
            content_tokens::insert(tx, &row(tx, "b", "Apple says no."), b"token")
        })
        .unwrap();
    let report = examined(&store, &well());
    let (level, words) = one(&report, "tokens.apps_and_books:a");
    assert!(level == Level::Ok && words.contains("“North”: good, ends in 100 days") && words.contains("last read"), "{words}");
    let (level, words) = one(&report, "tokens.apps_and_books:b");
    assert!(level == Level::Error && words.contains("Apple says no."), "{words}");
}

#[test]
fn what_alerts_tell_is_told_once_and_what_is_about_devices_is_left_to_today() {
    let store = store();
    store
        .write_blocking(NOW, |tx| {
            alerts::raise(tx, "backup.failed", 80, "The backup could not be made: the disk is full.", "Make room.")?;
            alerts::raise(tx, "ade.ends:1", 40, "The server token “North” ends in 20 days.", "Renew it.")?;
            alerts::raise(tx, "access.guessed:1", 90, "Somebody guesses passwords.", "Look who.")
        })
        .unwrap();
    let report = examined(&store, &well());
    assert_eq!((one(&report, "backup.failed").0, one(&report, "ade.ends:1").0), (Level::Error, Level::Warning));
    assert!(of(&report, "access.guessed:1").is_empty());
    assert_eq!(report.worst(), Level::Error);
    assert_eq!(report.findings[0].level, Level::Error, "the worst comes first");
}

#[test]
fn disk_database_and_jobs_are_told_when_they_need_somebody() {
    let store = store();
    let room = |bytes: u64| one(&examined(&store, &Seen { disk_free: Some(bytes), ..well() }), "disk.room").0;
    assert_eq!((room(100 << 20), room(900 << 20), room(2 << 30)), (Level::Error, Level::Warning, Level::Ok));
    let large = Seen { damage: None, ..well() };
    assert!(one(&examined(&store, &large), "database.integrity").1.contains("never"));
    store.write_blocking(NOW, integrity::begin).unwrap();
    assert_eq!(one(&examined(&store, &large), "database.integrity").0, Level::Ok);
    assert_eq!(one(&examined_at(&store, &large, NOW.plus(DAY * 15)), "database.integrity").0, Level::Warning);
    store.write_blocking(NOW, |tx| jobs::finish(tx, "releases", tx.now, Err("Apple is down"), None)).unwrap();
    let (level, words) = one(&examined(&store, &well()), "jobs.failing:releases");
    assert!(level == Level::Warning && words.contains("failed once: Apple is down"), "{words}");
}

#[test]
fn damage_is_told_by_its_alert_and_not_said_to_be_sound() {
    let store = store();
    let damage = vec![look::Finding { message: String::from("row 3 missing from index x") }];
    let recorded = damage.clone();
    store.write_blocking(NOW, move |tx| integrity::record(tx, &recorded, std::path::Path::new("/var/lib/rollcall"))).unwrap();
    let report = examined(&store, &Seen { damage: Some(damage), ..well() });
    let (level, words) = one(&report, integrity::ALERT);
    assert!(level == Level::Error && words.contains("rollcall restore"), "{words}");
    assert!(of(&report, "database.integrity").is_empty());
}
