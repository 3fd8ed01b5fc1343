//! Whose a device will be, tokens as people bring them, and locks: who may do what, and what becomes of it.

use serde_json::{Value, json};

use super::super::School;
use super::{super::days, Office};
use crate::error::Kind;
use crate::mdm::ade::devices::{self, Granted, Say, WISH_MAX, Wish};
use crate::mdm::ade::{arrived, locks, servers};
use crate::mdm::checkin::Reply;
use crate::mdm::groups::{self, NewGroup};
use crate::mdm::people::{self, NewPerson, classes};
use crate::mdm::{Actor, Role};
use crate::pki::bypass_code::BypassCode;
use crate::pki::certificate::Certificate;
use crate::pki::cipher::Cipher;
use crate::pki::cms::{self, Signer};
use crate::pki::issue;
use crate::pki::judge;
use crate::pki::jws::Jws;
use crate::pki::key::PrivateKey;
use crate::protocol::ade::{Cause, Refusal, ServerToken};
use crate::store::ade_locks::LockState;
use crate::store::classes::ClassRole;
use crate::store::enrollments::EnrollmentState;
use crate::store::invitations::{Challenge, Entry};
use crate::store::people::PersonRole;
use crate::store::{devices as enrolled, groups as group_rows, people as people_rows};

fn person(role: Role) -> Actor {
    Actor::Person { id: "1".into(), name: "kim".into(), role }
}

#[test]
fn a_class_gets_one_each_and_who_enrolls_comes_with_its_person_and_group() {
    let mut office = Office::with(&[("TESTSN0001", "iPad"), ("TESTSN0002", "iPad"), ("TESTSN0003", "iPad")]);
    office.turn(None);
    let serials: Vec<String> = ["TESTSN0001", "TESTSN0002", "TESTSN0003"].map(String::from).to_vec();
    let (granted, group_id) = office.school.write(move |tx| {
        let class = classes::create(tx, &Actor::Console, "7b")?;
        for name in ["Zoe", "Ben", "Ada", "Kim", "Tom"] {
            let person = NewPerson { name: name.into(), email: String::new(), role: PersonRole::Student, active: name != "Tom" };
            let person = people::create(tx, &Actor::Console, person)?;
            let role = if name == "Zoe" { ClassRole::Teacher } else { ClassRole::Student };
            classes::put(tx, &Actor::Console, &class.id, &person.id, role)?;
        }
        let group = groups::create(tx, &Actor::Console, NewGroup { name: "Cart".into(), ..NewGroup::default() })?;
        let wish = Wish { class_id: Say::Set(class.id), group_id: Say::Set(group.id.clone()), ..Wish::default() };
        Ok((devices::assign(tx, &Actor::Console, &serials[..2], &wish)?, group.id))
    });
    assert_eq!(granted, Granted { devices: 2, handed_out: 2, without: 1, shared: 0 });
    let udid = "00008030-000000000000AAAA";
    office.school.enrolled(udid);
    office.school.write(move |tx| {
        // Its serial number is the first.
        let device = enrolled::by_udid(tx, udid)?.unwrap();
        assert_eq!(people_rows::of_device(tx, &device.id)?.unwrap().name, "Ada", "the first by name");
        assert_eq!(group_rows::device_ids(tx, &group_id)?, [device.id.as_str()]);
        people::assign(tx, &Actor::Console, &device.id, None)?;
        arrived(tx, &device)?;
        assert!(people_rows::of_device(tx, &device.id)?.is_none(), "what somebody changed since is not undone");
        Ok(())
    });
    let mut listed = office.school.write(|tx| {
        let filter = crate::store::ade_devices::Filter {
            server_id: None,
            show: crate::store::ade_devices::Show::NotEnrolled,
            search: "testsn".into(),
        };
        devices::list(tx, &person(Role::Viewer), &filter, Some(("TESTSN0001", "")), 10)
    });
    assert_eq!(listed.1, 2, "the one that is enrolled is not among them");
    let second = listed.0.remove(0);
    assert_eq!((second.person.as_deref(), second.class.as_deref(), second.group.as_deref()), (Some("Ben"), Some("7b"), Some("Cart")));
}

#[test]
fn what_is_kept_for_a_serial_number_goes_to_the_device_that_proves_it_and_who_claimed_it_is_out() {
    const UDID: &str = "00008030-00AA11BB22CC33DD";
    let mut office = Office::with(&[("TESTSN0001", "iPad")]);
    office.turn(None);
    let group_id = office.school.write(|tx| {
        let group = groups::create(tx, &Actor::Console, NewGroup { name: "Exam".into(), ..NewGroup::default() })?;
        let wish = Wish { group_id: Say::Set(group.id.clone()), ..Wish::default() };
        devices::assign(tx, &Actor::Console, &["TESTSN0001".to_owned()], &wish)?;
        Ok(group.id)
    });
    let members = || {
        let group_id = group_id.clone();
        office.school.write(move |tx| group_rows::device_ids(tx, &group_id))
    };
    let liar = office.school.let_in("UDID-OF-A-LIAR", "liar", |_| {}).enrolls_as("TESTSN0001");
    assert!(members().is_empty(), "it proved nothing");
    let prove = |challenge: &mut Challenge| {
        (challenge.entry, challenge.serial_number, challenge.udid) = (Entry::Automated, Some("TESTSN0001".into()), Some(UDID.into()));
    };
    let real = office.school.let_in(UDID, "real", prove).enrolls_as("TESTSN0001");
    assert_eq!(members(), [real.enrollment().device_id]);
    assert_eq!(real.enrollment().state, EnrollmentState::Enrolled);
    assert_eq!(liar.enrollment().state, EnrollmentState::Left);
    assert!(liar.idle().is_none() && real.is_heard(), "nothing of the device's is said to it any more");
}

#[test]
fn a_shared_profile_for_one_persons_device_is_granted_with_a_word_of_warning() {
    let mut office = Office::with(&[("TESTSN0001", "iPad"), ("TESTSN0002", "iPad")]);
    office.turn(None);
    let granted = office.school.write(|tx| {
        let ada = NewPerson { name: "Ada".into(), email: String::new(), role: PersonRole::Student, active: true };
        let ada = people::create(tx, &Actor::Console, ada)?;
        let wish = crate::mdm::ade::profiles::Wish { name: "Shared".into(), kind: "shared_ipad".into(), keys: None };
        let profile = crate::mdm::ade::profiles::create(tx, &Actor::Console, wish)?.profile.id;
        let first = ["TESTSN0001".to_owned()];
        let to_ada = Wish { person_id: Say::Set(ada.id), ..Wish::default() };
        let alone = devices::assign(tx, &Actor::Console, &first, &to_ada)?;
        let both = ["TESTSN0001".to_owned(), "TESTSN0002".to_owned()];
        let to_share = Wish { profile_id: Say::Set(profile), ..Wish::default() };
        Ok((alone, devices::assign(tx, &Actor::Console, &both, &to_share)?))
    });
    assert_eq!((granted.0.shared, granted.0.doubt()), (0, None));
    assert_eq!((granted.1.devices, granted.1.shared), (2, 1), "the other is nobody's");
    assert!(granted.1.doubt().is_some_and(|doubt| doubt.contains("share it")));
}

#[test]
fn wishes_that_cannot_be_granted_change_nothing_and_say_why() {
    let mut office = Office::with(&[("TESTSN0001", "iPad"), ("TESTSN0002", "iPad")]);
    office.turn(None);
    let refused = |serials: Vec<String>, wish: Wish, actor: Actor| {
        office.school.try_write(move |tx| devices::assign(tx, &actor, &serials, &wish)).unwrap_err().to_string()
    };
    let both = || vec![String::from("TESTSN0001"), String::from("TESTSN0002")];
    let nobody = || Wish { person_id: Say::Clear, ..Wish::default() };
    assert!(refused(both(), nobody(), person(Role::Helper)).contains("change settings"));
    assert!(refused(Vec::new(), nobody(), Actor::Console).contains("from 1 to"));
    assert!(refused((0..=WISH_MAX).map(|n| n.to_string()).collect(), nobody(), Actor::Console).contains("from 1 to"));
    assert!(refused(vec!["TESTSN0009".into()], nobody(), Actor::Console).contains("TESTSN0009"));
    assert!(refused(both(), Wish::default(), Actor::Console).contains("Say what"));
    let somebody = Wish { person_id: Say::Set("x".into()), ..Wish::default() };
    assert!(refused(both(), somebody.clone(), Actor::Console).contains("one device at a time"));
    assert!(refused(vec!["TESTSN0001".into()], somebody, Actor::Console).contains("not there any more"));
    let profile = Wish { profile_id: Say::Set("x".into()), ..Wish::default() };
    assert!(refused(both(), profile, Actor::Console).contains("no profile"));
}

/// The file is made by OpenSSL, as the portal makes it.
fn file_for(identity: &Signer, mail: &[u8]) -> Vec<u8> {
    let certificate = judge::file(identity.certificate().to_pem().as_bytes());
    let args = ["cms", "-encrypt", "-aes-128-cbc", "-outform", "SMIME", "-binary", judge::path(&certificate)];
    judge::openssl(&args, mail)
}

#[test]
fn a_token_is_opened_with_the_key_that_was_made_here_and_mistakes_are_named() {
    let mut office = Office::new();
    let now = office.now();
    let identity = |name: &str| issue::self_signed(name, &PrivateKey::generate_rsa_2048().unwrap(), days(3650), now).unwrap();
    let (ours, other, strange) = (identity("Ours"), identity("Other"), identity("Strange"));
    let token = office.book.open("Second", "head@example.school", now.plus(days(365)));
    let (made, kept) = (ours.clone(), other.clone());
    let (id, all, pem) = office.school.write(move |tx| {
        let server = servers::begin(tx, &Actor::Console, "Second", &made, false)?;
        servers::begin(tx, &Actor::Console, "Third", &kept, false)?;
        let all = servers::identities(tx, &Actor::Console, &server.id)?;
        Ok((server.id.clone(), all, servers::public_key(tx, &Actor::Console, &server.id)?.0))
    });
    assert_eq!(pem, ours.certificate().to_pem());
    let mail = token.to_mail();
    let file = file_for(&ours, mail.expose());
    assert!(String::from_utf8_lossy(&file).contains("smime.p7m"), "a mail with a head");
    let read = servers::opened(&file, &all).unwrap();
    assert_eq!((&read.consumer_key, read.access_secret.expose()), (&token.consumer_key, token.access_secret.expose()));
    let der = cms::encrypt(ours.certificate(), mail.expose(), Cipher::DesEde3Cbc).unwrap();
    assert!(servers::opened(&der, &all).is_ok(), "and without one");

    let why = |file: &[u8]| servers::opened(file, &all).unwrap_err().message.to_string();
    assert!(why(&file_for(&other, mail.expose())).contains("“Third”"), "another server's");
    assert!(why(&file_for(&strange, mail.expose())).contains("another key"));
    assert!(why(&der[..der.len() - 30]).contains("damaged"));
    assert!(why(pem.as_bytes()).contains("public key"));
    assert!(why(&file_for(&ours, b"hello")).contains("no server token"));

    let (wanted, same) = (id.clone(), read.clone());
    office.school.write(move |tx| servers::take(tx, &Actor::Console, &wanted, &same).map(drop));
    let taken = office.school.try_write(move |tx| {
        let third = servers::list(tx, &Actor::Console)?.into_iter().find(|standing| standing.server.name == "Third").unwrap();
        servers::take(tx, &Actor::Console, &third.server.id, &read)
    });
    assert!(taken.unwrap_err().message.contains("“Second” already"));
    let (wanted, mut old) = (id.clone(), token.clone());
    old.expires_at = now;
    // What is no newer token of the same server of the portal takes nobody's place.
    let last_year = ServerToken { expires_at: token.expires_at.minus(days(30)), ..token.clone() };
    let of_another = ServerToken { consumer_key: "CK_of_another".into(), ..token };
    for (other, why) in [(last_year, "an older file"), (of_another, "another server of the portal")] {
        let wanted = wanted.clone();
        let refused = office.school.try_write(move |tx| servers::take(tx, &Actor::Console, &wanted, &other)).unwrap_err();
        assert!(refused.kind == Kind::Conflict && refused.message.contains(why), "{refused}");
    }
    let ended = office.school.try_write(move |tx| servers::take(tx, &Actor::Console, &wanted, &old));
    assert!(ended.unwrap_err().message.contains("ended on"));
    let seen = office.school.try_write(move |tx| servers::identities(tx, &person(Role::Viewer), &id));
    assert!(seen.is_err(), "who looks does not open");
}

#[test]
fn a_lock_is_kept_before_apple_is_asked_and_whatever_apple_says() {
    let mut office = Office::with(&[("TESTSN0001", "iPad")]);
    office.turn(None);
    let code = BypassCode::generate().unwrap();
    let (text, key) = (code.text(), code.escrow_key());
    let ask = |actor: Actor, message: &str| {
        let (text, key, message) = (text.clone(), key.clone(), message.to_owned());
        office.school.try_write(move |tx| locks::ask(tx, &actor, "TESTSN0001", &message, &text, &key))
    };
    assert!(ask(person(Role::Helper), "").is_err());
    assert!(ask(person(Role::Admin), &"x".repeat(locks::MESSAGE_MAX_CHARS + 1)).unwrap_err().to_string().contains("letters"));
    let asking = ask(person(Role::Admin), "Call the office").unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(asking.body.expose()).unwrap()["lost_message"], "Call the office");
    let answer = |came: Result<serde_json::Value, Option<Box<Refusal>>>| {
        let asking = asking.clone();
        office.school.write(move |tx| locks::answered(tx, &Actor::Console, &asking, came))
    };
    assert_eq!(answer(Err(None)).state, LockState::Asked, "nobody knows");
    let no = Refusal { status: 400, cause: Cause::Wrong, words: "no".into(), retry_after: None };
    assert_eq!(answer(Err(Some(Box::new(no)))).problem, "no");
    assert_eq!(answer(Ok(json!({ "response_status": "NOT_ACCESSIBLE" }))).state, LockState::Failed);
    assert_eq!(answer(Ok(json!({ "response_status": "SUCCESS" }))).state, LockState::Locked);
    let (id, lock) = (office.id.clone(), asking.lock_id.clone());
    office.school.write(move |tx| servers::remove(tx, &Actor::Console, &id));
    let reveal = |actor: Actor| {
        let lock = lock.clone();
        office.school.try_write(move |tx| locks::reveal(tx, &actor, "TESTSN0001", &lock))
    };
    assert!(reveal(person(Role::Admin)).is_err(), "only an Owner sees it");
    assert_eq!(reveal(person(Role::Owner)).unwrap().expose(), text.expose().as_bytes(), "it outlives the server");
}

#[test]
fn a_device_gets_a_token_that_the_key_at_apple_verifies_and_no_other_service_gets_one() {
    let mut office = Office::with(&[("TESTSN0001", "iPad")]);
    office.turn(None);
    let device = office.school.enrolled("00008030-000000000000AAAA");
    let ask = |service: &str| {
        device.check_in(&format!("<key>MessageType</key><string>GetToken</string><key>TokenServiceType</key><string>{service}</string>"))
    };
    let Reply::TokenData(token) = ask("com.apple.maid").unwrap() else { panic!("no token") };
    let server = office.server();
    let jws = Jws::parse(token.expose()).unwrap();
    jws.verify_by(&Certificate::from_der(&server.certificate).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(jws.payload()).unwrap();
    assert_eq!((claims["iss"].as_str(), claims["service_type"].as_str()), (Some(server.server_uuid.as_str()), Some("com.apple.maid")));
    assert_eq!(claims["iat"], office.now().seconds());
    assert!(uuid::Uuid::parse_str(claims["jti"].as_str().unwrap()).is_ok());
    for service in ["com.apple.watch.pairing", "com.apple.other"] {
        assert_eq!(ask(service).unwrap_err().kind, Kind::BadInput, "{service}");
    }
    // Without any server of Apple's list nobody can vouch.
    let school = School::new();
    let alone = school.enrolled("00008030-000000000000BBBB");
    let refused =
        alone.check_in("<key>MessageType</key><string>GetToken</string><key>TokenServiceType</key><string>com.apple.maid</string>");
    assert_eq!(refused.unwrap_err().kind, Kind::BadInput);
}
