//! What several policies come to together: most restrictive wins, one payload of a type.

use super::*;

#[test]
fn managed_open_in_is_one_payload_with_its_keys() {
    let school = School::new();
    let policy = make(
        &school,
        "Open In",
        json!({ "open_in_managed_stays": true, "open_in_unmanaged_stays": true, "open_in_airdrop": true, "open_in_pasteboard": true,
                "open_in_read_contacts": true, "managed_web_domains": ["example.school", "*.example.school"] }),
    );
    let (pieces, unable) = planned(&school, &[&policy], &target(Platform::Ios, "26.1"));
    assert_eq!(unable, []);
    let expected = json!({
        "allowOpenFromManagedToUnmanaged": false, "allowOpenFromUnmanagedToManaged": false, "forceAirDropUnmanaged": true,
        "requireManagedPasteboard": true, "allowManagedToWriteUnmanagedContacts": false, "allowUnmanagedToReadManagedContacts": true,
        "WebDomains": ["*.example.school", "example.school"],
    });
    assert_eq!(merged(&pieces), expected);
    // An old iPad has no managed pasteboard; everything else still holds.
    let (pieces, unable) = planned(&school, &[&policy], &target(Platform::Ios, "12.5.7"));
    assert_eq!(why(&unable, "Copy and paste follows the same rules"), "It needs iOS 15 or later; this device has 12.5.7.");
    assert_eq!((unable.len(), merged(&pieces)["requireManagedPasteboard"].clone()), (1, Value::Null));
    // A person's own device takes it without the key and the payload that are refused there.
    let own = with(target(Platform::Ios, "26.1"), |device| device.kind = EnrollmentKind::UserEnrollmentDevice);
    let (pieces, unable) = planned(&school, &[&policy], &own);
    assert_eq!(why(&unable, "Managed web domains"), "It is not for people's own devices (user enrollment).");
    let keys = merged(&pieces);
    assert_eq!(keys.get("allowManagedToWriteUnmanagedContacts"), None, "a profile with it would be refused as a whole");
    assert_eq!(keys["allowOpenFromManagedToUnmanaged"], false);
    let (pieces, unable) = planned(&school, &[&policy], &target(Platform::Macos, "26.1"));
    assert_eq!((pieces.len(), why(&unable, "AirDrop counts as private")), (0, String::from("Macs do not have it.")));
}

#[test]
fn one_payload_comes_of_several_policies_and_the_most_restrictive_wins() {
    let school = School::new();
    let strict =
        make(&school, "Strict", json!({ "open_in_managed_stays": true, "app_age": 100, "app_allow_list": ["com.a.one", "com.b.two"] }));
    let loose = make(
        &school,
        "Loose",
        json!({ "open_in_managed_stays": true, "open_in_write_contacts": true, "app_age": 300, "app_allow_list": ["com.b.two", "com.c.three"],
                "app_block_list": ["com.x.one"], "no_camera": true }),
    );
    let more = make(&school, "More", json!({ "app_block_list": ["com.x.two"], "no_camera": true }));
    let target = target(Platform::Ios, "18.7");
    let (pieces, unable) = planned(&school, &[&strict, &loose, &more], &target);
    assert_eq!(unable, []);
    assert_eq!(payloads(&pieces).len(), 3, "each policy has keys of its own");
    let profiles = merged_profiles(&payloads(&pieces)).unwrap();
    assert_eq!(profiles.len(), 1);
    let expected = json!({
        "allowOpenFromManagedToUnmanaged": false, "allowManagedToWriteUnmanagedContacts": false, "allowUnmanagedToReadManagedContacts": false,
        "ratingApps": 100, "allowListedAppBundleIDs": ["com.b.two"], "blockedAppBundleIDs": ["com.x.one", "com.x.two"], "allowCamera": false,
    });
    assert_eq!(merged(&pieces), expected);
    let names = |key: &str| {
        let key = profiles[0].keys.iter().find(|known| known.key == key).unwrap();
        key.origins.iter().map(|origin| origin.name.as_str()).collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    assert_eq!(names("allowCamera"), ["Loose", "More"]);
    assert_eq!(names("ratingApps"), ["Strict"]);
    assert_eq!(names("allowManagedToWriteUnmanagedContacts"), ["Strict"], "who keeps contacts apart is named");
    assert_eq!(names("allowListedAppBundleIDs"), ["Loose", "Strict"]);
    // The order in which they come changes nothing of what is sent.
    let (others, _) = planned(&school, &[&more, &loose, &strict], &target);
    let again = merged_profiles(&payloads(&others)).unwrap();
    assert_eq!((&again[0].profile.digest, &again[0].profile.uuid), (&profiles[0].profile.digest, &profiles[0].profile.uuid));
    let shown = school.write(move |tx| effective(tx, &target, &assigned(&[&strict, &loose, &more]))).keys;
    assert_eq!(shown, profiles[0].keys, "what is shown is what is sent");
}

#[test]
fn the_profile_is_one_that_a_device_reads_and_its_uuid_tells_versions_apart() {
    let school = School::new();
    let policy =
        make(&school, "Passcode", json!({ "passcode_min_length": 6, "no_camera": true, "managed_email_domains": ["example.school"] }));
    let (pieces, _) = planned(&school, &[&policy], &target(Platform::Ios, "15.8"));
    let profiles = merged_profiles(&payloads(&pieces)).unwrap();
    let names: Vec<_> = profiles.iter().map(|profile| profile.profile.identifier.as_str()).collect();
    assert_eq!(names, ["org.rollcall.policies.restrictions", "org.rollcall.policies.domains", "org.rollcall.policies.passcode"]);
    let mut uuids = std::collections::BTreeSet::new();
    for made in &profiles {
        let ProfileContent::Rendered(bytes) = &made.profile.content else { panic!() };
        let read = mobileconfig::read(bytes).unwrap();
        assert_eq!((&read.identifier, &read.uuid, read.scope.as_deref()), (&made.profile.identifier, &made.profile.uuid, Some("System")));
        assert_eq!(read.payloads.len(), 1);
        assert!(uuids.insert(read.uuid.clone()) && uuids.insert(read.payloads[0].uuid.clone()));
        assert!(!plist::parse_dictionary(bytes).unwrap().contains_key("PayloadRemovalDisallowed"));
    }
    assert_eq!(merged(&pieces)["forcePIN"], true, "the payload asks for a passcode only where it is told to");
    let id = policy.id.clone();
    let settings = json!({ "passcode_min_length": 8, "no_camera": true, "managed_email_domains": ["example.school"] }).as_object().cloned();
    let changed = school.write(move |tx| update(tx, &Actor::Console, &id, &PolicyChange { settings, ..PolicyChange::default() }));
    assert_eq!(changed.revision, 2);
    let (pieces, _) = planned(&school, &[&changed], &target(Platform::Ios, "15.8"));
    let again = merged_profiles(&payloads(&pieces)).unwrap();
    let same: Vec<_> = profiles.iter().zip(&again).map(|(one, other)| one.profile.digest == other.profile.digest).collect();
    assert_eq!(same, [true, true, false], "only the passcode's profile is another one");
    assert_ne!(profiles[2].profile.uuid, again[2].profile.uuid);
}

#[test]
fn lists_that_have_nothing_in_common_are_told() {
    let school = School::new();
    let one = make(&school, "One", json!({ "app_allow_list": ["com.a.one"] }));
    let two = make(&school, "Two", json!({ "app_allow_list": ["com.b.two"] }));
    for version in ["18.7", "27"] {
        let (pieces, unable) = planned(&school, &[&one, &two], &target(Platform::Ios, version));
        assert_eq!(pieces.len(), 0, "a list of nothing is not sent");
        assert!(why(&unable, "Only these apps").contains("nothing in common"), "{version}: {unable:?}");
    }
    assert_eq!(planned(&school, &[&one], &target(Platform::Ios, "27")).1, []);
}

/// Policies with their ends, as profiles for one iPad: identifier without our prefix, and keys.
fn ending(school: &School, policies: &[(&Policy, Option<u64>)], target: &Target) -> Vec<(String, Value)> {
    let now = school.clock.now();
    let assignments: Vec<_> = policies
        .iter()
        .flat_map(|(policy, hours)| {
            let ends_at = hours.map(|hours| now.plus(std::time::Duration::from_secs(hours * 3600)));
            assigned(&[policy]).into_iter().map(move |assignment| Assignment { ends_at, ..assignment })
        })
        .collect();
    let target = target.clone();
    let (pieces, _) = school.write(move |tx| pieces(tx, &target, &assignments));
    let made = merged_profiles(&payloads(&pieces)).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for key in made.iter().flat_map(|profile| &profile.keys) {
        assert!(seen.insert((key.of_type.clone(), key.key.clone())), "{} stands in two profiles", key.key);
    }
    let begin = now.seconds();
    let short = |identifier: &str| {
        let rest = identifier.trim_start_matches(PROFILE_PREFIX);
        rest.split_once(".until-")
            .map_or_else(|| rest.to_owned(), |(name, end)| format!("{name}+{}h", (end.parse::<i64>().unwrap() - begin) / 3600))
    };
    made.iter()
        .map(|made| {
            (
                short(&made.profile.identifier),
                made.keys.iter().map(|key| (key.key.clone(), key.value.clone())).collect::<Map<_, _>>().into(),
            )
        })
        .collect()
}

#[test]
fn a_key_stands_in_one_profile_only_where_the_wish_for_it_lasts_longest() {
    let school = School::new();
    let lasting = make(
        &school,
        "Lasting",
        json!({ "no_camera": true, "hold_updates": 14, "app_block_list": ["com.apple.tv"], "passcode_min_length": 6 }),
    );
    let exam = make(
        &school,
        "Exam",
        json!({ "no_camera": true, "no_siri": true, "hold_updates": 30, "app_block_list": ["com.b.c"], "passcode_min_length": 8 }),
    );
    let target = target(Platform::Ios, "12.5.7");
    let found = ending(&school, &[(&lasting, None), (&exam, Some(2))], &target);
    let of = |name: &str| found.iter().find(|(identifier, _)| identifier == name).map(|(_, keys)| keys.clone()).unwrap();
    let restrictions = of("restrictions");
    assert_eq!(restrictions["allowCamera"], false);
    assert_eq!(restrictions["enforcedSoftwareUpdateDelay"], 30, "as strict as both until the device is told otherwise");
    assert_eq!(restrictions["blacklistedAppBundleIDs"], json!(["com.apple.tv", "com.b.c"]));
    assert_eq!(of("restrictions+2h"), json!({ "allowAssistant": false }), "what nothing else asks for ends on the device itself");
    assert_eq!(of("passcode")["minLength"], 8);
    assert!(!found.iter().any(|(name, _)| name.starts_with("passcode+")), "{found:?}");
    // After the end only the lasting wish is left.
    let after = ending(&school, &[(&lasting, None)], &target);
    let restrictions = &after.iter().find(|(name, _)| name == "restrictions").unwrap().1;
    assert_eq!(
        (&restrictions["enforcedSoftwareUpdateDelay"], &restrictions["blacklistedAppBundleIDs"]),
        (&json!(14), &json!(["com.apple.tv"]))
    );
    // Of two ends the later one has what both want, and the order in which they come changes nothing.
    let short = make(&school, "Short", json!({ "no_siri": true, "no_in_app_purchases": true }));
    let one = ending(&school, &[(&exam, Some(5)), (&short, Some(1))], &target);
    assert_eq!(one, ending(&school, &[(&short, Some(1)), (&exam, Some(5))], &target));
    let names: Vec<_> = one.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["restrictions+1h", "restrictions+5h", "passcode+5h"]);
    assert_eq!((one[0].1.clone(), &one[1].1["allowAssistant"]), (json!({ "allowInAppPurchases": false }), &json!(false)));
}

#[test]
fn another_language_of_pages_has_no_device_install_a_profile_again() {
    use crate::language::{Catalogue, speak};

    let school = School::new();
    let policy = make(&school, "Rules", json!({ "no_camera": true, "managed_web_domains": ["example.school"] }));
    let (pieces, _) = planned(&school, &[&policy], &target(Platform::Ios, "26.1"));
    let digests = || merged_profiles(&payloads(&pieces)).unwrap().into_iter().map(|made| made.profile.digest).collect::<Vec<_>>();
    let before = digests();
    let german = "msgid \"\"\nmsgstr \"\"\n\"Language: de\\n\"\n\nmsgid \"Devices\"\nmsgstr \"Geräte\"\n\n\
                  msgid \"Managed domains\"\nmsgstr \"Verwaltete Domänen\"\n\n\
                  msgid \"What your organisation has set for this device.\"\nmsgstr \"Was für dieses Gerät gilt.\"\n";
    speak(Some(Catalogue::read(None, german.as_bytes()).unwrap()));
    let after = digests();
    speak(None);
    assert!(before.len() == 2 && before == after, "{before:?} {after:?}");
}
