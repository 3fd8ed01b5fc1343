//! What of another server is learned besides its devices: the profile that they have, and its authority.

use super::*;

fn old_profile() -> OldProfile {
    OldProfile {
        identifier: "com.github.micromdm.micromdm.enroll".into(),
        topic: TOPIC.into(),
        server_url: "https://old.example.school/mdm/connect".into(),
        check_in_url: "https://old.example.school/mdm/checkin".into(),
        access_rights: Some(4095),
        signs: true,
        per_user: false,
        roots: vec![String::from("AQID")],
    }
}

#[test]
fn the_old_profile_lets_identities_be_renewed_as_the_device_has_them() {
    let school = School::new();
    let there = elsewhere(&school);
    there.hand_over(A, None);
    let device = there.device(A);
    device.answer_everything();
    let hosts = vec![String::from("mdm.example.school")];
    let learned = school.write(move |tx| profile::learn(tx, &Actor::Console, &old_profile(), &hosts));
    assert_eq!(learned.devices, 1);
    assert!(learned.warnings.iter().any(|words| words.contains("old.example.school, which is not served here")), "{:?}", learned.warnings);
    assert!(learned.warnings.iter().any(|words| words.contains("no push certificate")), "{:?}", learned.warnings);
    // Those that come later have it too.
    there.hand_over(B, None);
    let late = there.device(B);
    late.answer_everything();
    assert_eq!(late.enrollment().server_url, "https://old.example.school/mdm/connect");
    school.clock.advance(days(730 - 180));
    let steps = school.write(|tx| renewal::due(tx, "https://mdm.example.school"));
    assert_eq!(steps.len(), 2);
    let grant = &steps[0].grant;
    assert_eq!(
        (grant.identifier.as_str(), grant.access_rights, grant.per_user),
        ("com.github.micromdm.micromdm.enroll", Some(4095), false)
    );
    assert_eq!(grant.addresses.server_url, "https://old.example.school/mdm/connect");
    assert_eq!(grant.roots, [b"root".to_vec(), vec![1, 2, 3]], "what it trusts already it goes on trusting");
    let text = String::from_utf8(crate::mdm::enroll::profile::unsigned(grant, &crate::random::Random::seeded(1)).unwrap()).unwrap();
    assert!(text.contains("<integer>4095</integer>") && !text.contains("per-user-connections") && text.contains("enroll.mdm"), "{text}");
    let change = OldProfile { topic: "com.example".into(), ..old_profile() };
    let refusal = school.try_write(move |tx| profile::learn(tx, &Actor::Console, &change, &[])).unwrap_err();
    assert!(refusal.fields[0].message.contains("Topic"), "{refusal}");
    let bare = OldProfile { server_url: "https://old.example.school/other".into(), signs: false, ..old_profile() };
    let learned = school.write(move |tx| profile::learn(tx, &Actor::Console, &bare, &[String::from("OLD.example.school")]));
    assert!(
        learned.warnings.iter().any(|words| words.contains("/other, which is no address"))
            && learned.warnings.iter().any(|words| words.contains("do not sign"))
    );
}

#[test]
fn an_address_that_no_device_takes_is_said_as_it_is_and_no_nameless_host_is_advised() {
    let school = School::new();
    let there = elsewhere(&school);
    there.hand_over(A, None);
    there.hand_over(B, None);
    for address in ["http://old.example.school:9000/mdm", "https:///mdm"] {
        let bare = OldProfile { server_url: address.into(), check_in_url: address.into(), ..old_profile() };
        let learned = school.write(move |tx| profile::learn(tx, &Actor::Console, &bare, &[]));
        let about: Vec<_> = learned.warnings.iter().filter(|words| words.contains(address)).collect();
        assert!(about.len() == 1 && about[0].contains("no https:// address"), "{:?}", learned.warnings);
        assert!(learned.warnings.iter().any(|words| words.starts_with("2 devices have not come yet")), "{:?}", learned.warnings);
        assert!(!learned.warnings.iter().any(|words| words.contains("Devices come to ")), "{:?}", learned.warnings);
    }
}

#[test]
fn an_authority_is_trusted_once_with_its_key_when_that_comes_and_never_one_of_ours() {
    let school = School::new();
    let there = elsewhere(&school);
    let (ca, key) = (there.issuer.certificate().clone(), there.issuer.signer().key().clone());
    let import = |certificate: Certificate, key: Option<PrivateKey>, days: u32| {
        school.try_write(move |tx| imported::import(tx, &Actor::Console, &certificate, key.as_ref(), days))
    };
    assert_eq!(import(ca.clone(), Some(key.clone()), 365).unwrap().became, Became::KeyAdded);
    assert_eq!(import(ca.clone(), Some(key), 1).unwrap().became, Became::Known);
    let kept = school.write(imported::trusted);
    assert_eq!((kept.len(), kept[0].until, kept[0].key.is_some()), (1, school.clock.now().plus(days(1)), true));
    let wrong_key = PrivateKey::generate_p256().unwrap();
    assert_eq!(import(ca.clone(), Some(wrong_key), 30).unwrap_err().fields[0].field, "files");
    assert_eq!(import(there.certificate(), None, 30).unwrap_err().fields[0].field, "files", "a device's own certificate issues nothing");
    for days in [0, 366] {
        assert_eq!(import(ca.clone(), None, days).unwrap_err().fields[0].field, "days");
    }
    let own = issue::root("Own", school.clock.now()).unwrap();
    let row = own.certificate().clone();
    school.write(move |tx| {
        let authority = authorities::Authority {
            id: "next".into(),
            state: authorities::AuthorityState::Next,
            certificate: row.der().to_vec(),
            not_after_at: row.not_after(),
            created_at: tx.now,
            bridge: None,
            used_from_at: None,
            taken_until_at: None,
        };
        authorities::insert(tx, &authority, &row.fingerprint(), None)
    });
    assert_eq!(import(own.certificate().clone(), None, 30).unwrap_err().kind, Kind::Conflict);
    let other = |number: usize| issue::root(&format!("CA {number}"), school.clock.now()).unwrap().certificate().clone();
    for number in 1..imported::AUTHORITIES_MAX {
        assert!(import(other(number), None, 30).is_ok(), "{number}");
    }
    let other = other(99);
    assert_eq!(import(other, None, 30).unwrap_err().kind, Kind::Conflict);
}
