//! Profiles by the rules of the OS: what is refused, passed over, taken over, and what goes by itself.

use super::*;

/// A profile of these payloads: type and own keys.
fn profile(identifier: &str, payloads: Vec<(&str, Dictionary)>) -> Dictionary {
    let payloads = payloads.into_iter().enumerate().map(|(index, (kind, keys))| {
        let mut payload = dictionary([
            ("PayloadType", Value::from(kind)),
            ("PayloadVersion", Value::from(1)),
            ("PayloadIdentifier", Value::from(format!("{identifier}.{index}"))),
            ("PayloadUUID", Value::from(format!("B0000000-0000-4000-8000-00000000000{index}"))),
        ]);
        payload.extend(keys);
        Value::Dictionary(payload)
    });
    dictionary([
        ("PayloadType", Value::from("Configuration")),
        ("PayloadVersion", Value::from(1)),
        ("PayloadIdentifier", Value::from(identifier)),
        ("PayloadUUID", Value::from("B0000000-0000-4000-8000-0000000000FF")),
        ("PayloadContent", Value::Array(payloads.collect())),
    ])
}

fn restricting<const N: usize>(identifier: &str, keys: [(&str, Value); N]) -> Dictionary {
    profile(identifier, vec![("com.apple.applicationaccess", dictionary(keys))])
}

fn install(bench: &mut Bench, profile: &Dictionary) -> (String, i64) {
    let report = bench.ask("InstallProfile", [("Payload", Value::Data(xml(profile)))]);
    (status(&report).to_owned(), code(&report))
}

fn identifiers(bench: &mut Bench, managed_only: bool) -> Vec<String> {
    let list = bench.ask("ProfileList", [("ManagedOnly", Value::Boolean(managed_only))]);
    fields::dictionaries(&list, "ProfileList").filter_map(|item| fields::filled(item, "PayloadIdentifier")).collect()
}

const DONE: &str = "Acknowledged";

#[test]
fn a_supervised_key_is_passed_over_and_a_supervised_payload_refused() {
    let keys = || [("allowAppRemoval", Value::Boolean(false)), ("allowScreenShot", Value::Boolean(false))];
    let lock =
        profile("school.example.lock", vec![("com.apple.app.lock", dictionary([("App", dict([("Identifier", Value::from("a"))]))]))]);
    let mut own = Bench::enrolled("-ipad@26");
    assert_eq!(install(&mut own, &restricting("school.example.limits", keys())).0, DONE);
    assert_eq!(own.device.restriction("allowAppRemoval"), None);
    assert_eq!(own.device.restriction("allowScreenShot"), Some(false.into()));
    assert_eq!(install(&mut own, &lock), (String::from("Error"), 4025));
    let mut schools = Bench::enrolled("ipad@26");
    assert_eq!(install(&mut schools, &restricting("school.example.limits", keys())).0, DONE);
    assert_eq!(schools.device.restriction("allowAppRemoval"), Some(false.into()));
    assert_eq!(install(&mut schools, &lock).0, DONE);
}

#[test]
fn what_a_lesson_shows_is_all_that_can_be_used_and_one_app_is_enough_for_a_device() {
    let lock = |identifier: &str, app: &str| {
        profile(identifier, vec![("com.apple.app.lock", dictionary([("App", dict([("Identifier", Value::from(app))]))]))])
    };
    let mut bench = Bench::enrolled("ipad@26");
    let allowed = Value::Array(vec![Value::from("a.b"), Value::from("c.d")]);
    assert_eq!(install(&mut bench, &restricting("school.example.only", [("allowListedAppBundleIDs", allowed)])).0, DONE);
    let shown = ["a.b", "c.d", "e.f", "com.apple.Preferences"].map(|app| bench.device.shows_app(app));
    assert_eq!(shown, [true, true, false, true]);
    assert_eq!(install(&mut bench, &lock("school.example.exam", "a.b")).0, DONE);
    assert_eq!((bench.device.locked_into().as_deref(), bench.device.shows_app("c.d")), (Some("a.b"), false));
    assert_eq!(install(&mut bench, &lock("school.example.other", "c.d")), (String::from("Error"), 4019));
    assert_eq!(install(&mut bench, &lock("school.example.exam", "c.d")).0, DONE, "the same one is replaced");
    let bookmark = dict([("URL", Value::from("https://en.wikipedia.org")), ("Title", Value::from("Wikipedia"))]);
    let filter = profile(
        "school.example.sites",
        vec![("com.apple.webcontent-filter", dictionary([("AllowListBookmarks", Value::Array(vec![bookmark]))]))],
    );
    assert!(bench.device.opens_site("https://example.com/"));
    assert_eq!(install(&mut bench, &filter).0, DONE);
    assert!(bench.device.opens_site("https://en.wikipedia.org/wiki/Ada") && !bench.device.opens_site("https://example.com/"));
}

#[test]
fn a_filter_of_web_content_wants_supervision_before_ios_16_and_a_uuid_after() {
    let filter = |uuid: Option<&str>| {
        let mut keys = dictionary([("FilterType", Value::from("Plugin"))]);
        keys.extend(uuid.map(|uuid| ("ContentFilterUUID".to_owned(), Value::from(uuid))));
        profile("school.example.filter", vec![("com.apple.webcontent-filter", keys)])
    };
    let (plain, named) = (filter(None), filter(Some("C0000000-0000-4000-8000-000000000001")));
    let refused = (String::from("Error"), 4025);
    for (device, profile, is_taken) in [
        ("-ipad@15", &plain, false),
        ("-ipad@15", &named, false),
        ("-ipad@18", &plain, false),
        ("-ipad@18", &named, true),
        ("ipad@15", &plain, true),
        ("ipad@26", &plain, true),
    ] {
        let outcome = install(&mut Bench::enrolled(device), profile);
        if is_taken { assert_eq!(outcome.0, DONE, "{device}") } else { assert_eq!(outcome, refused, "{device}") }
    }
}

#[test]
fn what_an_os_does_not_know_is_installed_and_does_nothing() {
    let delay =
        || restricting("school.example.delay", [("enforcedSoftwareUpdateDelay", Value::from(30)), ("allowToaster", Value::Boolean(false))]);
    let mut old = Bench::enrolled("ipad@18");
    install(&mut old, &delay());
    assert_eq!(old.device.restrictions().into_iter().collect::<Vec<_>>(), [(String::from("enforcedSoftwareUpdateDelay"), 30.into())]);
    let mut new = Bench::enrolled("ipad@27");
    assert_eq!(install(&mut new, &delay()).0, DONE);
    assert!(new.device.restrictions().is_empty(), "27 removed it");
    let vault = profile("school.example.vault", vec![("com.apple.MCX.FileVault2", dictionary([("Enable", Value::from("On"))]))]);
    assert_eq!(install(&mut new, &vault).0, DONE);
    assert!(new.device.payloads("com.apple.MCX.FileVault2").is_empty());
    let mut mac = Bench::enrolled("mac@15");
    install(&mut mac, &vault);
    assert_eq!(mac.device.payloads("com.apple.MCX.FileVault2").len(), 1);
}

#[test]
fn a_fault_within_a_payload_has_the_codes_of_payloads() {
    let mut bench = Bench::enrolled("ipad@26");
    let wrong_type = restricting("school.example.a", [("allowScreenShot", Value::from("no"))]);
    assert_eq!(install(&mut bench, &wrong_type).1, 2003);
    let missing = profile("school.example.a", vec![("com.apple.airprint", Dictionary::new())]);
    assert_eq!(install(&mut bench, &missing).1, 2002);
    let mut unnamed = restricting("school.example.a", []);
    for (key, value, wanted) in [("PayloadUUID", None, 2002), ("PayloadVersion", Some(Value::from(2)), 2001)] {
        let content = unnamed.get_mut("PayloadContent").and_then(Value::as_array_mut).unwrap();
        let Value::Dictionary(payload) = &mut content[0] else { panic!() };
        let before = payload.remove(key);
        payload.extend(value.map(|value| (key.to_owned(), value)));
        assert_eq!(install(&mut bench, &unnamed).1, wanted, "{key}");
        let content = unnamed.get_mut("PayloadContent").and_then(Value::as_array_mut).unwrap();
        let Value::Dictionary(payload) = &mut content[0] else { panic!() };
        payload.extend(before.map(|value| (key.to_owned(), value)));
    }
    assert_eq!(bench.device.profiles().len(), 1, "nothing of all this was installed");
}

#[test]
fn only_a_profile_of_this_server_gives_its_place_to_another() {
    let mut bench = Bench::enrolled("-ipad@26");
    let now = bench.now;
    bench.device.install_by_hand(&xml(&restricting("school.example.own", [])), now).unwrap();
    assert_eq!(install(&mut bench, &restricting("school.example.own", [])), (String::from("Error"), 4012));
    assert_eq!(code(&bench.ask("RemoveProfile", [("Identifier", Value::from("school.example.own"))])), 12013);
    install(&mut bench, &restricting("school.example.ours", [("allowScreenShot", Value::Boolean(false))]));
    assert!(bench.device.install_by_hand(&xml(&restricting("school.example.ours", [])), now).is_err());
    assert_eq!(install(&mut bench, &restricting("school.example.ours", [])).0, DONE);
    assert_eq!(bench.device.restriction("allowScreenShot"), None, "it was replaced in place");
    assert_eq!(identifiers(&mut bench, false), ["school.example.mdm", "school.example.own", "school.example.ours"]);
    assert_eq!(identifiers(&mut bench, true), ["school.example.mdm", "school.example.ours"]);
    let list = bench.ask("ProfileList", []);
    let managed: Vec<_> = fields::dictionaries(&list, "ProfileList").map(|item| fields::flag(item, "IsManaged")).collect();
    assert_eq!(managed, [Some(true), Some(false), Some(true)]);
}

#[test]
fn a_person_removes_what_is_theirs_unless_the_profile_forbids_it() {
    let mut bench = Bench::enrolled("ipad@26");
    let mut locked = restricting("school.example.locked", []);
    locked.insert("PayloadRemovalDisallowed".into(), Value::Boolean(true));
    let now = bench.now;
    for (identifier, bytes) in [("locked", xml(&locked)), ("free", xml(&restricting("school.example.free", [])))] {
        bench.device.install_by_hand(&bytes, now).unwrap_or_else(|why| panic!("{identifier}: {why}"));
    }
    install(&mut bench, &restricting("school.example.ours", []));
    assert!(bench.device.remove_by_hand("school.example.free", now));
    for kept in ["school.example.locked", "school.example.ours", "school.example.mdm", "nothing"] {
        assert!(!bench.device.remove_by_hand(kept, now), "{kept}");
    }
    install(&mut bench, &restricting("school.example.no-more", [("allowUIConfigurationProfileInstallation", Value::Boolean(false))]));
    assert!(bench.device.install_by_hand(&xml(&restricting("school.example.free", [])), now).unwrap_err().contains("forbids"));
}

#[test]
fn contacts_are_opened_by_the_server_alone() {
    let mut bench = Bench::enrolled("-ipad@26");
    let contacts = || [("allowManagedToWriteUnmanagedContacts", Value::Boolean(true))];
    let now = bench.now;
    bench.device.install_by_hand(&xml(&restricting("school.example.own", contacts())), now).unwrap();
    assert_eq!(bench.device.restriction("allowManagedToWriteUnmanagedContacts"), None);
    install(&mut bench, &restricting("school.example.ours", contacts()));
    assert_eq!(bench.device.restriction("allowManagedToWriteUnmanagedContacts"), Some(true.into()));
}

#[test]
fn a_profile_goes_at_its_date_by_the_devices_own_clock() {
    let faults = Faults::parse("[[fault]]\nkind = \"clock-skew\"\nseconds = 3600\n").unwrap().for_device(1);
    let mut bench = Bench::of(individual("ipad@26"), faults);
    bench.run();
    let mut dated = restricting("school.example.exam", [("allowScreenShot", Value::Boolean(false))]);
    dated.insert("RemovalDate".into(), super::super::values::date(Timestamp::parse("2026-11-25T12:00:00Z").unwrap()));
    let mut lasting = restricting("school.example.lesson", []);
    lasting.insert("DurationUntilRemoval".into(), Value::from(2700));
    assert_eq!(install(&mut bench, &dated).0, DONE);
    assert_eq!(install(&mut bench, &lasting).0, DONE);
    bench.wait(2699);
    assert_eq!(bench.device.profiles().len(), 3);
    bench.wait(1);
    assert_eq!(identifiers(&mut bench, false), ["school.example.mdm", "school.example.exam"]);
    bench.wait(3 * 3600 - 2701);
    assert_eq!(bench.device.profiles().len(), 2);
    bench.wait(2);
    assert_eq!((bench.device.profiles().len(), bench.device.restriction("allowScreenShot")), (1, None), "an hour early by our clock");
    assert_eq!(install(&mut bench, &dated), (String::from("Error"), 4006));
}

#[test]
fn a_users_profile_stands_beside_the_devices_own() {
    let mut bench = Bench::enrolled("mac@15");
    install(&mut bench, &restricting("school.example.limits", []));
    let user = bench.device.facts().accounts[0].short_name.clone();
    let uuid = bench.server.enqueue("InstallProfile", [("Payload", Value::Data(xml(&restricting("school.example.limits", []))))]);
    bench.device.wake(1);
    bench.run();
    assert_eq!(status(&bench.server.report(&uuid)), DONE);
    let seen: Vec<_> = bench.device.profiles().into_iter().map(|profile| (profile.source, profile.user)).collect();
    assert_eq!(seen, [("enrollment", None), ("command", None), ("command", Some(user))]);
    let uuid = bench.server.enqueue("RemoveProfile", [("Identifier", Value::from("school.example.limits"))]);
    bench.device.wake(1);
    bench.run();
    assert_eq!(status(&bench.server.report(&uuid)), DONE);
    assert_eq!(bench.device.profiles().len(), 2);
}

#[test]
fn a_person_keeps_what_is_theirs_when_the_enrollment_ends() {
    let mut bench = Bench::enrolled("-ipad@26");
    let now = bench.now;
    bench.device.install_by_hand(&xml(&restricting("school.example.own", [])), now).unwrap();
    install(&mut bench, &restricting("school.example.ours", []));
    bench.device.remove_enrollment();
    bench.run();
    assert_eq!(bench.device.profiles().into_iter().map(|profile| profile.identifier).collect::<Vec<_>>(), ["school.example.own"]);
}
