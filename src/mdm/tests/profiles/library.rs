//! The library: what is taken, what is refused, versions forth and back.

use super::*;
use crate::error::Kind;
use crate::mdm::Role;
use crate::mdm::profiles::{Edit, MAX_BYTES, MAX_NOTE_CHARS, MAX_PAYLOADS, VERSIONS_KEPT};
use crate::protocol::mobileconfig::tests::{profile_with, signed};
use crate::protocol::plist::{parse_value, to_binary};
use crate::store::profiles as store;

const ID: &str = "school.example.wifi";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_795_000_000 + seconds)
}

#[test]
fn a_profile_is_sent_as_it_was_uploaded_byte_for_byte_in_every_form() {
    let xml = [wifi(ID, "pa$$word $5"), b"<!-- by hand -->".to_vec()].concat();
    let binary = to_binary(&parse_value(&xml).unwrap()).unwrap();
    for content in [xml.clone(), binary, signed(&xml)] {
        let school = with(&content);
        let (piece, sent) = school.only(&ipad());
        assert!(sent == content, "{}", String::from_utf8_lossy(&content));
        assert_eq!((piece.identifier.as_str(), piece.uuid), (ID, recognised(&content).facts.uuid));
    }
}

#[test]
fn the_same_bytes_again_change_nothing() {
    let school = School::new();
    let first = school.upload(&wifi(ID, "a"));
    assert!(first.changed);
    let before = school.events().len();
    let again = school.upload(&wifi(ID, "a"));
    let as_version = school.add_version(&first.profile.id, &wifi(ID, "a"), true).unwrap();
    for again in [again, as_version] {
        assert!(!again.changed);
        assert_eq!((&again.profile, again.version.version), (&first.profile, 1));
    }
    assert_eq!(school.events().len(), before);
}

#[test]
fn two_profiles_of_one_identifier_are_named_before_anything_happens() {
    let school = School::new();
    school.upload(&wifi(ID, "a"));
    let other = profile_with(ID, &[("PayloadScope", text("User")), ("PayloadDisplayName", text("Other"))], &[]);
    let error = refusal(school.try_upload(&other));
    assert_eq!(error.kind, Kind::Conflict);
    assert!(error.message.contains("“school.example.wifi”") && error.message.contains("PayloadIdentifier school.example.wifi"), "{error}");
    let error = refusal(school.add_version(&school.upload(&wifi("school.example.b", "a")).profile.id, &other, true));
    assert!(error.message.contains("is school.example.wifi, that of “school.example.b” is school.example.b"), "{error}");
}

#[test]
fn identifiers_and_payloads_of_our_own_are_refused_with_the_reason() {
    let school = School::new();
    for identifier in ["org.rollcall.enrollment", "org.rollcall.enrollment.next-root", "org.rollcall.policy"] {
        let error = refusal(school.try_upload(&wifi(identifier, "a")));
        assert!(error.kind == Kind::BadInput && error.message.contains(identifier), "{error}");
    }
    for payload_type in ["com.apple.mdm", "com.apple.declarations"] {
        let error = refusal(school.try_upload(&one(payload_type)));
        assert!(error.kind == Kind::BadInput && error.message.contains(payload_type), "{error}");
    }
    assert!(refusal(school.try_upload(&profile("has space", &[]))).message.contains("PayloadIdentifier"));
}

#[test]
fn unknown_variables_and_variables_under_a_signature_are_refused_at_save() {
    let school = School::new();
    let error = refusal(school.try_upload(&wifi(ID, "$USERNAME")));
    for part in ["$USERNAME", "PayloadContent[0].Password", "$SERIAL, $UDID", "${DOLLAR}USERNAME"] {
        assert!(error.message.contains(part), "{part} in {error}");
    }
    assert!(refusal(school.try_upload(&signed(&wifi(ID, "$SERIAL")))).message.contains("signed and uses $SERIAL"));
    assert!(school.upload(&signed(&wifi(ID, "$USERNAME"))).changed, "nothing is filled in there, so it is text");
    let encrypted = profile_with("school.example.e", &[("EncryptedPayloadContent", Value::Data(vec![1]))], &[]);
    let uploaded = school.upload(&encrypted);
    assert!(uploaded.version.facts.is_encrypted && uploaded.warnings[0].message.contains("encrypted"), "{:?}", uploaded.warnings);
    assert_eq!(school.upload(&wifi("school.example.v", "$SERIAL${DOLLAR}")).version.variables, ["DOLLAR", "SERIAL"]);
}

#[test]
fn a_signature_that_does_not_hold_is_told() {
    let mut content = signed(&wifi(ID, "correct horse"));
    let at = content.windows(13).position(|window| window == b"correct horse").unwrap();
    content[at] ^= 1;
    let uploaded = School::new().upload(&content);
    assert!(uploaded.warnings[0].message.contains("signature does not hold"), "{:?}", uploaded.warnings);
}

#[test]
fn keys_of_a_wrong_type_are_refused_on_the_outside_and_named_within() {
    let school = School::new();
    let wifi = || payload("com.apple.wifi.managed", "wifi", &[("AutoJoin", Value::String("yes".into()))]);
    let text = |text: &str| Value::String(text.into());
    for (key, value) in [
        ("RemovalDate", text("tomorrow")),
        ("DurationUntilRemoval", Value::Real(1e300)),
        ("DurationUntilRemoval", text("5")),
        ("PayloadScope", text("Moon")),
        ("PayloadVersion", text("1")),
    ] {
        let error = refusal(school.try_upload(&profile_with(ID, &[(key, value)], &[wifi()])));
        assert!(error.kind == Kind::BadInput && error.message.contains(&format!("{key} must be ")), "{key}: {error}");
    }
    let mut keys = crate::protocol::plist::parse_dictionary(&profile(ID, &[])).unwrap();
    keys.insert("PayloadContent".into(), text("x"));
    let error = refusal(school.try_upload(&crate::protocol::plist::to_xml(&Value::Dictionary(keys)).unwrap()));
    assert!(error.message.contains("PayloadContent must be a list, not text"), "{error}");
    let kept = school.upload(&profile(ID, &[wifi()]));
    assert_eq!((kept.warnings.len(), kept.warnings[0].key.as_deref()), (1, Some("AutoJoin")), "{:?}", kept.warnings);
    assert!(kept.warnings[0].message.contains("AutoJoin (Wi-Fi network) must be true or false, but is text"), "{:?}", kept.warnings);
    let again = school.upload(&profile(ID, &[wifi()]));
    assert_eq!((again.changed, again.warnings), (false, kept.warnings), "the same file is as odd as before");
    let empty = school.upload(&profile("school.example.empty", &[]));
    assert!(empty.warnings[0].message.contains("holds nothing"), "{:?}", empty.warnings);
}

#[test]
fn a_profile_that_devices_would_remove_at_once_is_refused_with_what_to_do() {
    let wifi = || payload("com.apple.wifi.managed", "wifi", &[]);
    for seconds in [0.0, -60.0, 0.2] {
        let content = profile_with(ID, &[("DurationUntilRemoval", Value::Real(seconds))], &[wifi()]);
        let error = refusal(School::new().try_upload(&content));
        assert!(error.kind == Kind::BadInput && error.message.contains("DurationUntilRemoval"), "{seconds}: {error}");
    }
    let school = School::new();
    let until = |seconds: u64| {
        let end = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        profile_with(ID, &[("RemovalDate", Value::Date(end.into()))], &[wifi()])
    };
    let now = school.clock.now().seconds().unsigned_abs();
    let error = refusal(school.try_upload(&until(now)));
    assert!(error.kind == Kind::BadInput && error.message.contains("RemovalDate") && error.message.contains("has passed"), "{error}");
    let id = school.upload(&until(now + 60)).profile.id;
    school.add_version(&id, &until(now + 3600), true).unwrap();
    school.clock.advance(std::time::Duration::from_secs(61));
    assert!(refusal(school.add_version(&id, &until(now + 30), true)).message.contains("has passed"));
    let back = school.try_write(move |tx| profiles::edit(tx, &Actor::Console, &id, Edit { version: Some(1), ..Edit::default() }));
    assert!(refusal(back).message.contains("has passed"), "an old version is not put to use when it is over");
}

#[test]
fn a_new_version_reaches_devices_and_an_older_one_takes_it_back() {
    let school = School::new();
    let device = school.enrolled("UDID-1");
    let enrollment = device.enrollment().id;
    school.group("all", &[&device]);
    let id = school.upload(&wifi(ID, "a")).profile.id;
    school.assign(&id, "all", None).unwrap();
    let due = || {
        let enrollment = enrollment.clone();
        school.write(move |tx| rows::take_due(tx, &enrollment))
    };
    assert!(due(), "an assignment is planned for");
    let (first, _) = school.only(&ipad());

    let kept = school.add_version(&id, &wifi(ID, "b"), false).unwrap();
    assert_eq!((kept.profile.version, kept.version.version, kept.changed, due()), (1, 2, true, false), "kept, and not used yet");
    let used = school.add_version(&id, &wifi(ID, "b"), true).unwrap();
    assert_eq!((used.profile.version, used.version.version, used.changed, due()), (2, 2, true, true));
    let (second, content) = school.only(&ipad());
    assert!(second.digest != first.digest && content == wifi(ID, "b"));

    let found = id.clone();
    let difference = school.write(move |tx| profiles::difference(tx, &Actor::Console, &found, 1, 2));
    let change = &difference.payloads[0].keys[0];
    assert_eq!((change.key.as_str(), change.before.as_deref(), change.after.as_deref()), ("Password", Some("hidden"), Some("hidden")));

    let back = id.clone();
    school.write(move |tx| profiles::edit(tx, &Actor::Console, &back, Edit { version: Some(1), ..Edit::default() }));
    assert!(due());
    assert_eq!(school.only(&ipad()).0.digest, first.digest);
    let unknown = school.try_write(move |tx| profiles::edit(tx, &Actor::Console, &id, Edit { version: Some(9), ..Edit::default() }));
    assert_eq!(refusal(unknown).kind, Kind::NotFound);
    assert!(school.events().iter().any(|kind| kind == "profile.version_used"));
}

#[test]
fn the_last_versions_are_kept_and_the_one_in_use_among_them() {
    let school = School::new();
    let id = school.upload(&wifi(ID, "first")).profile.id;
    for number in 0..VERSIONS_KEPT + 2 {
        school.add_version(&id, &wifi(ID, &number.to_string()), false).unwrap();
    }
    let versions = school.write(move |tx| profiles::versions(tx, &Actor::Console, &id));
    assert_eq!((versions.len(), versions[0].version, versions.last().unwrap().version), (VERSIONS_KEPT, VERSIONS_KEPT as i64 + 3, 1));
}

#[test]
fn a_signed_profile_takes_no_end_and_says_what_to_do() {
    let school = School::new();
    school.group("all", &[]);
    let id = school.upload(&signed(&wifi(ID, "a"))).profile.id;
    let error = refusal(school.assign(&id, "all", Some(at(60))));
    assert!(error.fields[0].field == "ends_at" && error.message.contains("signed") && error.message.contains("RemovalDate"), "{error}");
    assert_eq!(assignment_count(&school, &id), 0);
    school.add_version(&id, &wifi(ID, "a"), true).unwrap();
    school.assign(&id, "all", Some(at(60))).unwrap();
    let error = refusal(school.add_version(&id, &signed(&wifi(ID, "b")), true));
    assert!(error.kind == Kind::Conflict && error.message.contains("limited time"), "{error}");
    let back = id.clone();
    let back = school.try_write(move |tx| profiles::edit(tx, &Actor::Console, &back, Edit { version: Some(1), ..Edit::default() }));
    assert_eq!(refusal(back).kind, Kind::Conflict);
    school.clock.advance(std::time::Duration::from_secs(61));
    assert!(school.add_version(&id, &signed(&wifi(ID, "b")), true).is_ok(), "what is over binds nobody");
}

#[test]
fn a_deleted_profile_is_taken_back_from_its_groups_first() {
    let school = School::new();
    let device = school.enrolled("UDID-1");
    let enrollment = device.enrollment().id;
    school.group("all", &[&device]);
    let id = school.upload(&wifi(ID, "a")).profile.id;
    school.assign(&id, "all", None).unwrap();
    let gone = id.clone();
    let due = school.write(move |tx| {
        rows::take_due(tx, &enrollment)?;
        profiles::delete(tx, &Actor::Console, &gone)?;
        rows::take_due(tx, &enrollment)
    });
    assert!(due && assignment_count(&school, &id) == 0 && school.pieces(&ipad()).0.is_empty());
    assert!(school.upload(&wifi(ID, "a")).changed, "its identifier is free again");
}

#[test]
fn limits_are_reached_and_named() {
    let error = refusal(profiles::recognise(vec![b'<'; MAX_BYTES + 1]));
    assert_eq!(error.kind, Kind::TooLarge);
    assert!(refusal(profiles::recognise(Vec::new())).message.contains("empty"));
    let many = |count: usize| profile(ID, &(0..count).map(|n| payload("com.apple.font", &format!("p{n}"), &[])).collect::<Vec<_>>());
    assert!(profiles::recognise(many(MAX_PAYLOADS)).is_ok());
    assert!(refusal(profiles::recognise(many(MAX_PAYLOADS + 1))).message.contains("256 payloads"));
    let identifier = "a".repeat(profiles::MAX_IDENTIFIER_BYTES);
    assert!(
        profiles::recognise(profile(&identifier, &[])).is_ok() && profiles::recognise(profile(&format!("{identifier}a"), &[])).is_err()
    );

    let school = School::new();
    let id = school.upload(&wifi(ID, "a")).profile.id;
    let edit = |edit: Edit| {
        let id = id.clone();
        school.try_write(move |tx| profiles::edit(tx, &Actor::Console, &id, edit))
    };
    let named = |name: &str| Edit { name: Some(name.into()), ..Edit::default() };
    let noted = |length| Edit { note: Some("é".repeat(length)), ..Edit::default() };
    assert_eq!(edit(named(" Wi-Fi ")).unwrap().name, "Wi-Fi");
    for (wrong, field) in
        [(named(" "), "name"), (named(&"x".repeat(201)), "name"), (named("a\nb"), "name"), (noted(MAX_NOTE_CHARS + 1), "note")]
    {
        assert_eq!(refusal(edit(wrong)).fields[0].field, field);
    }
    assert!(edit(noted(MAX_NOTE_CHARS)).is_ok());
}

#[test]
fn a_profile_is_called_as_it_calls_itself_on_one_line() {
    let named = |name: &str| {
        let content = profile_with("school.example.n", &[("PayloadDisplayName", text(name))], &[]);
        School::new().upload(&content).profile.name
    };
    for (said, name) in [("Wi-Fi\nof the school ", "Wi-Fiof the school"), ("\t\n", "school.example.n"), ("", "school.example.n")] {
        assert_eq!(named(said), name);
    }
    assert_eq!(named(&"é".repeat(300)).chars().count(), profiles::MAX_NAME_CHARS);
}

#[test]
fn what_is_no_profile_is_named_and_nothing_is_kept() {
    let school = School::new();
    for content in
        [&b"bplist00 cut"[..], b"hello", b"PD94bWwgdmVyc2lvbj0iMS4wIj8+PHBsaXN0Lz4=", &[0x30, 0x82, 1], b"<?xml version=\"1.0\"?><plist/>"]
    {
        assert_eq!(refusal(school.try_upload(content)).kind, Kind::BadInput);
    }
    assert_eq!(school.write(store::count), 0);
}

#[test]
fn only_those_who_may_change_settings_change_profiles_or_take_their_content() {
    let school = School::new();
    let id = school.upload(&wifi(ID, "a")).profile.id;
    for (role, may) in [(Role::Owner, true), (Role::Admin, true), (Role::Helper, false), (Role::Viewer, false), (Role::Teacher, false)] {
        let (actor, id) = (Actor::Person { id: "1".into(), name: "kim".into(), role }, id.clone());
        let brought = recognised(&wifi(ID, "b"));
        let outcomes = school.write(move |tx| {
            Ok([
                profiles::download(tx, &actor, &id, None).is_ok(),
                profiles::edit(tx, &actor, &id, Edit::default()).is_ok(),
                profiles::add_version(tx, &actor, &id, &brought, false).is_ok(),
                profiles::create(tx, &actor, &brought, "", "").is_err_and(|error| error.kind == Kind::Conflict),
            ])
        });
        assert_eq!(outcomes, [may; 4], "{role:?}");
    }
    assert!(school.events().iter().any(|kind| kind == "profile.downloaded"), "who took the content is written down");
    let seen =
        school.try_write(move |tx| profiles::find(tx, &Actor::Person { id: "1".into(), name: "kim".into(), role: Role::Viewer }, &id));
    assert!(seen.is_ok());
}

#[test]
fn results_are_counted_from_what_devices_confirmed() {
    let school = School::new();
    let device = school.enrolled("UDID-1");
    let enrollment = device.enrollment();
    school.group("all", &[&device]);
    let id = school.upload(&wifi(ID, "a")).profile.id;
    school.assign(&id, "all", None).unwrap();
    for (digests, problem, word) in [
        (["a", "", ""], "", "waiting"),
        (["a", "a", ""], "", "installing"),
        (["a", "a", "a"], "", "installed"),
        (["b", "b", "a"], "The device is full.", "failed"),
        (["", "", "a"], "", "removing"),
    ] {
        let (enrollment_id, id) = (enrollment.id.clone(), id.clone());
        let (overview, standings) = school.write(move |tx| {
            rows::deployed(tx, &enrollment_id, ID, digests, problem)?;
            Ok((profiles::find(tx, &Actor::Console, &id)?, profiles::standings(tx, &Actor::Console, &id)?))
        });
        assert_eq!((overview.counts[0].0.as_str(), overview.counts[0].1, overview.reach), (word, 1, 1));
        assert_eq!(
            (standings[0].state.as_str(), standings[0].because.as_str(), standings[0].device_name.as_str()),
            (word, problem, "iPad 1")
        );
    }
    let unable = format!(r#"[{{"what":"Wi-Fi","because":"Nobody is assigned.","origin":{{"kind":"profile","id":"{id}","name":"x"}}}}]"#);
    let standings = school.write(move |tx| {
        rows::planned(tx, &enrollment.id, &unable)?;
        profiles::standings(tx, &Actor::Console, &id)
    });
    assert_eq!((standings[0].state.as_str(), standings[0].because.as_str()), ("unable", "Nobody is assigned."));
}

#[test]
fn the_library_has_a_limit_and_says_so() {
    let school = School::new();
    let first = school.upload(&wifi(ID, "a")).profile;
    let full = school.write(move |tx| {
        for number in 1..profiles::MAX_PROFILES {
            let (id, identifier) = (format!("{number:05}"), format!("school.example.{number}"));
            store::insert(tx, &store::Profile { id, identifier, ..first.clone() })?;
        }
        store::count(tx)
    });
    assert_eq!(full, profiles::MAX_PROFILES);
    let error = refusal(school.try_upload(&wifi("school.example.more", "a")));
    assert!(error.kind == Kind::Conflict && error.message.contains("2000 profiles already"), "{error}");
    assert!(!school.upload(&wifi(ID, "a")).changed, "the same again takes no room");
}

#[test]
fn whoever_may_not_read_a_profile_sees_which_keys_differ_and_no_values() {
    let school = School::new();
    let vpn = |host: &str, on: bool| {
        restrictions("school.example.vpn", &[("allowCamera", Value::Boolean(on)), ("RemoteAddress", text(host)), ("passwd", text(host))])
    };
    let id = school.upload(&vpn("https://user:pass@a.example.school", true)).profile.id;
    school.add_version(&id, &vpn("https://user:pass@b.example.school", false), true).unwrap();
    let seen = |role: Role| {
        let (id, actor) = (id.clone(), Actor::Person { id: "1".into(), name: "kim".into(), role });
        let keys = school.write(move |tx| profiles::difference(tx, &actor, &id, 1, 2)).payloads.remove(0).keys;
        keys.into_iter().map(|change| (change.key, change.after.unwrap_or_default())).collect::<std::collections::BTreeMap<_, _>>()
    };
    for role in [Role::Viewer, Role::Helper] {
        let seen = seen(role);
        assert_eq!([&seen["RemoteAddress"], &seen["passwd"], &seen["allowCamera"]], ["hidden", "hidden", "false"], "{role:?}");
    }
    let owner = seen(Role::Owner);
    assert_eq!([&owner["RemoteAddress"][..], &owner["passwd"]], ["https://user:pass@b.example.school", "hidden"]);
}

#[test]
fn the_token_of_apps_is_for_the_configurations_of_apps_alone() {
    let school = School::new();
    let refused = school.try_upload(&restrictions("school.example.clip", &[("URL", text("https://x/$ACCESS_TOKEN"))])).unwrap_err();
    assert!(refused.message.contains("only the configurations of apps"), "{refused}");
    let unknown = school.try_upload(&restrictions("school.example.clip", &[("URL", text("https://x/$ACCESS_KEY"))])).unwrap_err();
    assert!(!unknown.message.contains("ACCESS_TOKEN"), "{unknown}");
}
