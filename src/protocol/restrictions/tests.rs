//! The table against Apple's schema, and what it says of one device.

use std::collections::BTreeSet;

use serde_yaml_ng::Value as Yaml;

use super::*;
use crate::protocol::os_version::OsVersion;

const PLATFORMS: [(Platform, &str); 5] = [
    (Platform::Ios, "iOS"),
    (Platform::Macos, "macOS"),
    (Platform::Tvos, "tvOS"),
    (Platform::Visionos, "visionOS"),
    (Platform::Watchos, "watchOS"),
];

/// Where the table differs from the schema on purpose: the key, and why.
const DELIBERATE: &[(&str, &str)] = &[
    ("allowListedAppBundleIDs", "deprecated in 27, and new on visionOS 27"),
    ("blockedAppBundleIDs", "deprecated in 27, and new on visionOS 27"),
    ("ratingApps", "on macOS from 15 on, as later schemas say"),
    ("ratingAppsExemptedBundleIDs", "new in 26.1"),
    ("CrossSiteTrackingPreventionRelaxedApps", "new in 18.2"),
    ("allowMarketplaceAppInstallation", "later schemas refuse it on Shared iPads"),
    ("allowWebDistributionAppInstallation", "later schemas refuse it on Shared iPads"),
    ("allowAppsToBeHidden", "a Shared iPad ignores it"),
    ("allowAppsToBeLocked", "a Shared iPad ignores it"),
    ("enforcedSoftwareUpdateDelay", "deprecated in 26, removed in 27"),
    ("enforcedSoftwareUpdateMajorOSDeferredInstallDelay", "deprecated in 26, removed in 27"),
    ("enforcedSoftwareUpdateMinorOSDeferredInstallDelay", "deprecated in 26, removed in 27"),
    ("enforcedSoftwareUpdateNonOSDeferredInstallDelay", "deprecated in 26, removed in 27"),
    ("forceDelayedAppSoftwareUpdates", "deprecated in 26, removed in 27"),
    ("forceDelayedMajorSoftwareUpdates", "deprecated in 26, removed in 27"),
    ("forceDelayedSoftwareUpdates", "deprecated in 26, removed in 27"),
    ("allowRapidSecurityResponseInstallation", "deprecated in 26, removed in 27"),
    ("allowRapidSecurityResponseRemoval", "deprecated in 26, removed in 27"),
    ("AllowPreReleaseInstallation", "deprecated in 26, removed in 27"),
    ("restrict-software-update-require-admin-to-install", "deprecated in 26, removed in 27"),
    ("AutomaticallyInstallMacOSUpdates", "deprecated in 26, removed in 27"),
    ("AutomaticDownload", "deprecated in 26, removed in 27"),
    ("CriticalUpdateInstall", "deprecated in 26, removed in 27"),
    ("ConfigDataInstall", "deprecated in 26, removed in 27"),
    ("Beta.RequireProgram", "until it is sent a list of programmes by id, of which each device gets one"),
    ("AutomaticActions.InstallSecurityUpdate", "only schemas of 27 have it on iOS and visionOS"),
    // The text of the schema says so: earlier versions take them of devices that are not supervised.
    ("allowAddingGameCenterFriends", "supervised from iOS 13 on"),
    ("allowAppInstallation", "supervised from iOS 13 on"),
    ("allowCloudDocumentSync", "supervised from iOS 13 on"),
    ("allowExplicitContent", "supervised from iOS 13 on"),
    ("allowiTunes", "supervised from iOS 13 on"),
    ("allowSafari", "supervised from iOS 13 on"),
    ("allowVideoConferencing", "supervised from iOS 13 on"),
    ("safariAllowAutoFill", "supervised from iOS 13 on"),
];

fn schema(path: &str) -> Option<Yaml> {
    let file = crate::shared_for_tests()?.join(path);
    Some(serde_yaml_ng::from_str(&std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))).unwrap())
}

/// What the schema says of a key on a platform: the key's own word, else that of what it lies in.
fn said<'a>(within: &[&'a Yaml], platform: &str, word: &str) -> Option<&'a Yaml> {
    within.iter().rev().find_map(|part| part.get("supportedOS")?.get(platform)?.get(word))
}

fn text(value: Option<&Yaml>) -> &str {
    value.and_then(Yaml::as_str).unwrap_or_default()
}

/// Whether a list of the schema holds a word; absent lists hold none.
fn holds(value: Option<&Yaml>, word: &str) -> bool {
    value.and_then(Yaml::as_sequence).is_some_and(|words| words.iter().any(|known| known.as_str() == Some(word)))
}

/// The keys of a schema with what they lie in, dictionaries opened where the table names the keys within.
fn keys<'a>(of_type: &str, list: &'a Yaml, before: &str, within: &[&'a Yaml], found: &mut Vec<(String, Vec<&'a Yaml>)>) {
    for key in list.as_sequence().unwrap() {
        let name = format!("{before}{}", text(key.get("key")));
        let within = [within, &[key]].concat();
        let opened = all().iter().any(|fact| fact.of_type == of_type && fact.key.starts_with(&format!("{name}.")));
        match key.get("subkeys") {
            Some(inner) if opened => keys(of_type, inner, &format!("{name}."), &within, found),
            _ => found.push((name, within)),
        }
    }
}

fn differences(fact: &Fact, within: &[&Yaml], is_declaration: bool) -> Vec<String> {
    let key = within.last().unwrap();
    let mut found = Vec::new();
    let mut differ = |what: &str, ours: String, theirs: String| {
        if ours != theirs {
            found.push(format!("{} {}: {what} {ours} here, {theirs} there", fact.of_type, fact.key));
        }
    };
    let value_type = match text(key.get("type")) {
        "<boolean>" => ValueType::Bool,
        "<integer>" => ValueType::Int,
        "<real>" => ValueType::Real,
        "<string>" => ValueType::Text,
        "<array>" => ValueType::List,
        _ => ValueType::Dict,
    };
    differ("type", format!("{:?}", fact.value_type), format!("{value_type:?}"));
    if matches!(value_type, ValueType::Bool | ValueType::Int) {
        let default = match key.get("default") {
            Some(Yaml::Bool(flag)) => flag.to_string(),
            Some(Yaml::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        differ("default", fact.default.to_owned(), default);
    }
    for (platform, name) in PLATFORMS {
        let version = |word: &str| Some(OsVersion::parse(text(said(within, name, word)))).filter(|version| version.is_known());
        let since = version("introduced");
        differ(&format!("{name} since"), format!("{:?}", fact.since(platform)), format!("{since:?}"));
        if since.is_none() {
            continue;
        }
        differ(&format!("{name} deprecated"), format!("{:?}", fact.deprecated(platform)), format!("{:?}", version("deprecated")));
        let (supervised, own) = if is_declaration {
            let kinds = said(within, name, "allowed-enrollments");
            (!holds(kinds, "device"), holds(kinds, "user"))
        } else {
            let mode = said(within, name, "userenrollment").and_then(|said| said.get("mode"));
            (said(within, name, "supervised").and_then(Yaml::as_bool) == Some(true), text(mode) == "allowed")
        };
        // A managed Mac counts as supervised.
        if platform != Platform::Macos {
            let since = supervised.then_some(since).flatten();
            differ(&format!("{name} supervised since"), format!("{:?}", fact.supervised(platform)), format!("{since:?}"));
        }
        if !matches!(platform, Platform::Tvos | Platform::Watchos) {
            differ(&format!("{name} own devices"), fact.in_user_enrollment(platform).to_string(), own.to_string());
        }
    }
    places(fact, within, is_declaration, &mut differ);
    found
}

fn places(fact: &Fact, within: &[&Yaml], is_declaration: bool, differ: &mut impl FnMut(&str, String, String)) {
    let place = |device: bool, user: bool| match (device, user) {
        (true, false) => Some(Place::Device),
        (false, true) => Some(Place::User),
        (true, true) => Some(Place::Either),
        (false, false) => None,
    };
    if fact.since(Platform::Macos).is_some() {
        let theirs = if is_declaration {
            let scopes = said(within, "macOS", "allowed-scopes");
            place(holds(scopes, "system"), holds(scopes, "user"))
        } else {
            let flag = |word| said(within, "macOS", word).and_then(Yaml::as_bool) == Some(true);
            place(flag("devicechannel"), flag("userchannel"))
        };
        differ("macOS channel", format!("{:?}", Some(fact.mac)), format!("{theirs:?}"));
    }
    if fact.since(Platform::Ios).is_some() {
        let shared = said(within, "iOS", "sharedipad");
        let theirs = if is_declaration {
            let scopes = shared.and_then(|shared| shared.get("allowed-scopes"));
            place(holds(scopes, "system"), holds(scopes, "user"))
        } else {
            Some(Place::Either).filter(|_| text(shared.and_then(|shared| shared.get("mode"))) != "forbidden")
        };
        differ("Shared iPad", format!("{:?}", fact.shared_ipad), format!("{theirs:?}"));
    }
}

/// Holds what the table says of a type against a file of the schema; gives the keys that it differs in.
fn compare(of_type: &str, path: &str, faults: &mut Vec<String>) -> BTreeSet<String> {
    let Some(schema) = schema(path) else { return BTreeSet::new() };
    let is_declaration = of_type.contains(".configuration.");
    let mut known = Vec::new();
    keys(of_type, &schema["payloadkeys"], "", &[&schema["payload"]], &mut known);
    let mut differing = BTreeSet::new();
    for fact in all().iter().filter(|fact| fact.of_type == of_type) {
        let theirs = known.iter().find(|(name, _)| name == fact.key);
        let found = theirs
            .map_or_else(|| vec![format!("{}: not in the schema", fact.key)], |(_, within)| differences(fact, within, is_declaration));
        if !found.is_empty() {
            differing.insert(fact.key.to_owned());
            if !DELIBERATE.iter().any(|(key, _)| *key == fact.key) {
                faults.extend(found);
            }
        }
    }
    differing
}

#[test]
fn the_table_says_what_apples_schema_says() {
    if crate::shared_for_tests().is_none() {
        return;
    }
    let mut faults = Vec::new();
    let mut differing = BTreeSet::new();
    for payload in [RESTRICTIONS, DOMAINS, PASSCODE, SOFTWARE_UPDATE] {
        differing.extend(compare(payload, &format!("apple-schema-18.1/mdm/profiles/{payload}.yaml"), &mut faults));
    }
    let declarations: BTreeSet<_> = all().iter().map(|fact| fact.of_type).filter(|of_type| of_type.contains(".configuration.")).collect();
    for of_type in declarations {
        let file = of_type.trim_start_matches("com.apple.configuration.");
        differing.extend(compare(
            of_type,
            &format!("apple-schema-27-declarations/declarative/declarations/configurations/{file}.yaml"),
            &mut faults,
        ));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let vanished: Vec<_> = DELIBERATE
        .iter()
        .filter(|(key, _)| !differing.contains(*key) && fact(RESTRICTIONS, key).is_none_or(|fact| fact.removed(Platform::Ios).is_none()))
        .collect();
    assert!(vanished.is_empty(), "no longer different: {vanished:?}");
}

#[test]
fn every_restriction_of_the_schema_is_known() {
    let Some(schema) = schema("apple-schema-18.1/mdm/profiles/com.apple.applicationaccess.yaml") else { return };
    for key in schema["payloadkeys"].as_sequence().unwrap() {
        assert!(fact(RESTRICTIONS, text(key.get("key"))).is_some(), "{key:?}");
    }
}

#[test]
fn what_was_removed_in_27_is_known_to_be() {
    for key in [
        "forceDelayedSoftwareUpdates",
        "forceDelayedMajorSoftwareUpdates",
        "forceDelayedAppSoftwareUpdates",
        "enforcedSoftwareUpdateDelay",
        "enforcedSoftwareUpdateMajorOSDeferredInstallDelay",
        "enforcedSoftwareUpdateMinorOSDeferredInstallDelay",
        "enforcedSoftwareUpdateNonOSDeferredInstallDelay",
        "allowRapidSecurityResponseInstallation",
        "allowRapidSecurityResponseRemoval",
    ] {
        assert_eq!(facts(key).unwrap().removed(Platform::Macos), Some(OsVersion::new(27, 0, 0)), "{key}");
    }
}

fn device(platform: Platform, version: &str) -> Capabilities {
    Capabilities {
        platform,
        os_version: OsVersion::parse(version),
        kind: EnrollmentKind::Device,
        supervised: Some(true),
        ade: None,
        shared_ipad: None,
        access_rights: None,
    }
}

#[test]
fn a_key_is_refused_for_the_reason_that_holds() {
    let camera = facts("allowCamera").unwrap();
    let apps = facts("allowAppInstallation").unwrap();
    let ipad = device(Platform::Ios, "26.1");
    assert_eq!(check(camera, &ipad), Ok(Channel::This));
    assert_eq!(check(camera, &device(Platform::Tvos, "16")), Err(Reason::TooOld(OsVersion::new(17, 0, 0))));
    assert_eq!(check(apps, &device(Platform::Macos, "26")), Err(Reason::Platform));
    assert_eq!(check(apps, &Capabilities { supervised: Some(false), ..ipad }), Err(Reason::Supervision));
    assert_eq!(check(apps, &Capabilities { supervised: None, ..ipad }), Ok(Channel::This), "what is not known forbids nothing");
    assert_eq!(check(apps, &Capabilities { supervised: Some(false), ..device(Platform::Ios, "12.5.7") }), Ok(Channel::This));
    let own = Capabilities { kind: EnrollmentKind::UserEnrollmentDevice, supervised: Some(false), ..ipad };
    assert_eq!(check(camera, &own), Err(Reason::UserEnrollment));
    assert_eq!(check(facts("requireManagedPasteboard").unwrap(), &own), Ok(Channel::This));
    let delay = facts("enforcedSoftwareUpdateDelay").unwrap();
    assert_eq!(check(delay, &device(Platform::Ios, "27.0")), Err(Reason::Removed(OsVersion::new(27, 0, 0))));
}

#[test]
fn a_key_goes_to_one_channel_where_a_device_has_two() {
    let private = fact("com.apple.configuration.safari.settings", "AllowPrivateBrowsing").unwrap();
    let camera = facts("allowCamera").unwrap();
    let mac = device(Platform::Macos, "27");
    let user = Capabilities { kind: EnrollmentKind::User, ..mac };
    assert_eq!((check(private, &mac), check(private, &user)), (Ok(Channel::Other), Ok(Channel::This)));
    assert_eq!((check(camera, &mac), check(camera, &user)), (Ok(Channel::This), Ok(Channel::Other)));
    let shared = Capabilities { shared_ipad: Some(true), ..device(Platform::Ios, "27") };
    assert_eq!(check(private, &shared), Ok(Channel::Other));
    assert_eq!(check(facts("forcePIN").unwrap(), &shared), Err(Reason::SharedIpad));
}
