//! Which devices and channels get what, by what mechanism, and why not.

use super::*;

#[test]
fn newer_systems_get_declarations_merged_from_all_policies() {
    let school = School::new();
    let one = make(
        &school,
        "One",
        json!({ "passcode_min_length": 6, "passcode_history": 5, "no_summaries": true, "app_block_list": ["com.x.one"] }),
    );
    let two = make(
        &school,
        "Two",
        json!({ "passcode_min_length": 8, "passcode_history": 3, "app_block_list": ["com.x.two"], "no_private_browsing": true }),
    );
    let (pieces, unable) = planned(&school, &[&one, &two], &target(Platform::Ios, "27.0"));
    assert_eq!((unable, payloads(&pieces).len()), (vec![], 0));
    let made: BTreeMap<_, _> = declarations(&pieces).into_iter().map(|piece| (piece.identifier.clone(), piece)).collect();
    let payload = |name: &str| made[&format!("org.rollcall.policies.{name}")].payload.clone();
    assert_eq!(payload("passcode.settings"), json!({ "MinimumLength": 8, "PasscodeReuseLimit": 5 }));
    assert_eq!(payload("app.settings"), json!({ "Allowed": { "DeniedApps": ["com.x.one", "com.x.two"] } }));
    assert_eq!(payload("safari.settings"), json!({ "AllowPrivateBrowsing": false }));
    let apps = &payload("intelligence.settings")["Apps"];
    assert_eq!(
        (&apps["Mail"], &apps["Safari"]),
        (&json!({ "AllowSmartReplies": false, "AllowSummary": false }), &json!({ "AllowSummary": false }))
    );
    for piece in made.values() {
        assert!(piece.identifier.len() <= crate::protocol::declaration::MAX_IDENTIFIER_BYTES && piece.activate, "{piece:?}");
        assert!(piece.declaration_type.starts_with("com.apple.configuration."), "{piece:?}");
    }
    assert_eq!(made["org.rollcall.policies.app.settings"].origins.len(), 2);
    // A device that says it does not know a type yet is served as before, or told apart.
    let lacking =
        Target { supported: Some(vec![String::from("com.apple.configuration.passcode.settings")]), ..target(Platform::Ios, "27.0") };
    let (pieces, unable) = planned(&school, &[&one, &two], &lacking);
    assert_eq!(merged(&pieces), json!({ "blockedAppBundleIDs": ["com.x.one", "com.x.two"], "allowMailSummary": false }));
    assert_eq!(declarations(&pieces).len(), 1);
    assert!(why(&unable, "No private browsing").contains("does not know the declaration safari.settings"), "{unable:?}");
}

#[test]
fn what_a_device_cannot_have_is_said_in_a_sentence() {
    let school = School::new();
    let policy = make(
        &school,
        "All",
        json!({ "no_app_installation": true, "no_private_browsing": true, "no_lock_screen_today": true, "passcode_required": true }),
    );
    let ask = |target: &Target, what: &str| why(&planned(&school, &[&policy], target).1, what);
    let plain = with(target(Platform::Ios, "26.1"), |device| device.supervised = Some(false));
    assert_eq!(ask(&plain, "No installing of apps"), "It needs a supervised device.");
    assert_eq!(ask(&plain, "No private browsing"), "It needs a supervised device.");
    assert_eq!(ask(&target(Platform::Ios, "18.7"), "No private browsing"), "It needs iOS 26 or later; this device has 18.7.");
    assert_eq!(ask(&target(Platform::Tvos, "26"), "A passcode is required"), "Apple TVs do not have it.");
    assert_eq!(ask(&target(Platform::Visionos, "1.3"), "No installing of apps"), "It needs visionOS 2 or later; this device has 1.3.");
    let shared = with(target(Platform::Ios, "26.1"), |device| device.shared_ipad = Some(true));
    assert_eq!(ask(&shared, "A passcode is required"), "Shared iPads do not have it.");
    assert_eq!(ask(&shared, "No private browsing"), "", "whoever logs in gets it");
    let unknown = with(target(Platform::Ios, "26.1"), |device| device.os_version = OsVersion::UNKNOWN);
    let (pieces, unable) = planned(&school, &[&policy], &unknown);
    assert_eq!((pieces.len(), unable.len(), unable[0].what.as_str()), (0, 1, "All"));
}

#[test]
fn a_setting_of_people_goes_to_their_channel_and_everything_else_to_the_device() {
    let school = School::new();
    let policy = make(&school, "Mac", json!({ "no_camera": true, "no_private_browsing": true, "passcode_required": true }));
    let mac = target(Platform::Macos, "26.1");
    let (pieces, unable) = planned(&school, &[&policy], &mac);
    assert_eq!((payloads(&pieces).len(), declarations(&pieces).len(), unable.len()), (1, 1, 1));
    assert!(unable[0].because.contains("no user of this Mac is managed yet"), "{unable:?}");
    let user = with(mac, |device| device.kind = EnrollmentKind::User);
    let (pieces, unable) = planned(&school, &[&policy], &user);
    assert_eq!((payloads(&pieces).len(), unable.len()), (0, 0));
    assert_eq!(declarations(&pieces)[0].declaration_type, "com.apple.configuration.safari.settings");
}

#[test]
fn every_kind_of_device_gets_only_what_its_system_has() {
    let school = School::new();
    // Beta programmes have tests of their own: they go together with none of “No beta versions”.
    let is_usual = |switch: &&catalogue::Switch| switch.kind != catalogue::ValueKind::BetaPrograms && switch.id != betas::ONLY_OWN;
    let settings: Map<String, Value> = catalogue::all()
        .filter(is_usual)
        .map(|switch| {
            let value = match switch.kind {
                catalogue::ValueKind::OnOff => json!(true),
                catalogue::ValueKind::Number(least, ..) => json!(least),
                catalogue::ValueKind::Choice(options) => json!(options[0].0),
                catalogue::ValueKind::Word(options) => json!(options[0].0),
                catalogue::ValueKind::Apps => json!(["com.example.app"]),
                _ => json!(["example.org"]),
            };
            (switch.id.to_owned(), value)
        })
        .collect();
    let policy = make(&school, "Everything", Value::Object(settings));
    for (platform, version) in [
        (Platform::Ios, "9.3.6"),
        (Platform::Ios, "12.5.7"),
        (Platform::Ios, "15.8"),
        (Platform::Ios, "18.1"),
        (Platform::Ios, "26.4"),
        (Platform::Ios, "27"),
        (Platform::Macos, "10.13"),
        (Platform::Macos, "15.1"),
        (Platform::Macos, "27"),
        (Platform::Tvos, "11"),
        (Platform::Tvos, "27"),
        (Platform::Visionos, "1.1"),
        (Platform::Visionos, "27"),
    ] {
        let target = target(platform, version);
        let (pieces, unable) = planned(&school, &[&policy], &target);
        for piece in &pieces {
            if let wanted::Piece::Payload(payload) = piece {
                for key in payload.keys.keys() {
                    let fact = crate::protocol::restrictions::fact(&payload.payload_type, key).unwrap();
                    assert!(crate::protocol::restrictions::check(fact, &target.capabilities).is_ok(), "{platform} {version} {key}");
                }
            }
        }
        let reached = catalogue::all().count() - unable.len();
        assert!(reached > 0 || (platform, version) == (Platform::Visionos, "1.1"), "{platform} {version}");
        merged_profiles(&payloads(&pieces)).unwrap();
    }
}
