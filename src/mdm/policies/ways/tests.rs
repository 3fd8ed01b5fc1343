//! The mechanisms of every switch, version by version, against what is known of their keys.

use std::collections::BTreeSet;

use serde_yaml_ng::Value as Yaml;

use super::*;
use crate::mdm::policies::catalogue::ValueKind;
use crate::protocol::restrictions::{Combine, ValueType};

/// The versions that devices in use have, and a little to both sides.
fn versions(platform: Platform) -> Vec<OsVersion> {
    let majors: Vec<u32> = match platform {
        Platform::Ios => (9..=18).chain(26..=27).collect(),
        Platform::Macos => (10..=15).chain(26..=27).collect(),
        Platform::Tvos => (11..=18).chain(26..=27).collect(),
        _ => (1..=2).chain(26..=27).collect(),
    };
    let minors = |major| if (platform, major) == (Platform::Macos, 10) { 13..=15 } else { 0..=8 };
    majors.into_iter().flat_map(|major| minors(major).map(move |minor| OsVersion::new(major, minor, 0))).collect()
}

#[test]
fn every_line_is_written_as_the_head_says() {
    for switch in catalogue::all() {
        assert!(!switch.ways.is_empty(), "{}", switch.id);
        for line in switch.ways {
            assert!(read(line).is_some(), "{}: {line}", switch.id);
        }
    }
}

#[test]
fn every_switch_has_exactly_one_answer_for_every_version() {
    let mut served = 0;
    for switch in catalogue::all() {
        for (_, platform, _) in PLATFORMS {
            for version in versions(platform) {
                let serving = switch.ways().iter().filter(|way| way.platform == platform && way.serves(version)).count();
                assert!(serving <= 1, "{} {platform} {version} is served {serving} times", switch.id);
                let way = matches!(answer(switch, platform, version), Answer::Way(_));
                assert_eq!(way, serving == 1, "{} {platform} {version}", switch.id);
                served += serving;
            }
        }
        assert_eq!(answer(switch, Platform::Watchos, OsVersion::new(26, 0, 0)), Answer::Never);
    }
    assert!(served > 3000, "{served}");
}

#[test]
fn no_key_is_rendered_for_a_version_that_does_not_have_it() {
    for switch in catalogue::all() {
        for way in switch.ways() {
            assert_eq!(way.facts().count(), way.keys.len(), "{}: every key of {} is in the table", switch.id, way.of_type);
            assert!(way.keys.iter().any(|key| !key.by_default), "{}", switch.id);
            for version in versions(way.platform).into_iter().filter(|version| way.serves(*version)) {
                for (key, fact) in way.facts() {
                    let spot = format!("{} {} {version} {}", switch.id, way.platform, key.name);
                    let since = fact.since(way.platform).unwrap_or_else(|| panic!("{spot}: the platform never had it"));
                    // What is said by default goes only to those that take it.
                    assert!(key.by_default || version.is_at_least(since), "{spot}: only since {since}");
                    let removed = fact.removed(way.platform);
                    assert!(removed.is_none_or(|removed| version.is_older_than(removed)), "{spot}: removed in {removed:?}");
                    let deprecated = fact.deprecated(way.platform);
                    assert!(deprecated.is_none_or(|from| version.is_older_than(from)), "{spot}: deprecated in {deprecated:?}");
                }
            }
        }
    }
}

#[test]
fn what_a_key_is_set_to_is_of_its_type_and_restricts() {
    let loosening = ["allowManagedToWriteUnmanagedContacts", "allowUnmanagedToReadManagedContacts"];
    for switch in catalogue::all() {
        for way in switch.ways() {
            for (key, fact) in way.facts() {
                let spot = format!("{} {}", switch.id, key.name);
                match (key.value, fact.value_type) {
                    (KeyValue::Flag(flag), ValueType::Bool) => {
                        let restricts = flag == (fact.combine == Combine::Or);
                        assert!(restricts != (loosening.contains(&key.name) && !key.by_default), "{spot}");
                    }
                    (KeyValue::Word(word), ValueType::Text) => assert_ne!(word, fact.default, "{spot}"),
                    (KeyValue::Own, ValueType::Text) | (KeyValue::IsOn, ValueType::Bool) => {
                        let ValueKind::Word(options) = switch.kind else { panic!("{spot}") };
                        assert!(options.iter().all(|(word, _)| *word != fact.default), "{spot}: the default does nothing");
                    }
                    (KeyValue::Own, ValueType::Int) => {
                        assert!(matches!(switch.kind, ValueKind::Number(..) | ValueKind::Choice(_)), "{spot}");
                    }
                    (KeyValue::Own, ValueType::List) => {
                        assert!(
                            matches!(
                                switch.kind,
                                ValueKind::Apps | ValueKind::WebDomains | ValueKind::MailDomains | ValueKind::BetaPrograms
                            ),
                            "{spot}"
                        );
                    }
                    other => panic!("{spot}: {other:?}"),
                }
            }
        }
    }
}

#[test]
fn what_replaces_what_is_as_apple_says() {
    let by = |id: &str, platform, version: &str| match answer(catalogue::find(id).unwrap(), platform, OsVersion::parse(version)) {
        Answer::Way(way) => format!("{} {}", way.of_type.trim_start_matches("com.apple."), way.keys.last().unwrap().name),
        other => format!("{other:?}"),
    };
    for (id, platform, version, expected) in [
        ("app_allow_list", Platform::Ios, "9.3", "applicationaccess whitelistedAppBundleIDs"),
        ("app_allow_list", Platform::Ios, "14.8.1", "applicationaccess whitelistedAppBundleIDs"),
        ("app_allow_list", Platform::Ios, "15", "applicationaccess allowListedAppBundleIDs"),
        ("app_allow_list", Platform::Ios, "26.5", "applicationaccess allowListedAppBundleIDs"),
        ("app_allow_list", Platform::Ios, "27", "configuration.app.settings Allowed.AllowedApps"),
        ("app_block_list", Platform::Tvos, "27.1", "configuration.app.settings Allowed.DeniedApps"),
        ("passcode_min_length", Platform::Ios, "12.5.7", "mobiledevice.passwordpolicy minLength"),
        ("passcode_min_length", Platform::Ios, "16.1", "mobiledevice.passwordpolicy minLength"),
        ("passcode_min_length", Platform::Ios, "16.2", "configuration.passcode.settings MinimumLength"),
        ("passcode_min_length", Platform::Macos, "13.1", "configuration.passcode.settings MinimumLength"),
        ("no_writing_tools", Platform::Macos, "15.1", "applicationaccess allowWritingTools"),
        ("no_writing_tools", Platform::Macos, "26.4", "configuration.intelligence.settings AllowWritingTools"),
        ("no_camera", Platform::Ios, "27", "applicationaccess allowCamera"),
        ("managed_web_domains", Platform::Visionos, "2", "domains WebDomains"),
    ] {
        assert_eq!(by(id, platform, version), expected, "{id} {platform} {version}");
    }
    let ask = |id: &str, platform, version: &str| answer(catalogue::find(id).unwrap(), platform, OsVersion::parse(version));
    assert_eq!(ask("no_private_browsing", Platform::Ios, "18.7"), Answer::TooOld(OsVersion::new(26, 0, 0)));
    assert_eq!(ask("open_in_airdrop", Platform::Macos, "26"), Answer::Never);
    assert_eq!(ask("no_camera", Platform::Ios, "?"), Answer::Unknown);
}

#[test]
fn a_declaration_that_a_device_lacks_gives_way_to_what_was_there_before() {
    let switch = catalogue::find("app_allow_list").unwrap();
    let version = OsVersion::new(27, 0, 0);
    let Answer::Way(way) = answer(switch, Platform::Ios, version) else { panic!() };
    assert_eq!(earlier(switch, way, version).unwrap().keys[0].name, "allowListedAppBundleIDs");
    let Answer::Way(way) = answer(switch, Platform::Visionos, version) else { panic!() };
    assert_eq!(earlier(switch, way, version), None);
}

#[test]
fn every_switch_is_named_once_and_says_what_it_does() {
    let ids: BTreeSet<_> = catalogue::all().map(|switch| switch.id).collect();
    let labels: BTreeSet<_> = catalogue::all().map(|switch| switch.label).collect();
    let count = catalogue::all().count();
    assert_eq!((ids.len(), labels.len()), (count, count));
    for switch in catalogue::all() {
        for sentence in [switch.notice, switch.limits] {
            assert!(sentence.ends_with('.') && !sentence.contains("  "), "{}: {sentence}", switch.id);
        }
    }
}

/// Keys that are rendered for systems of which neither published schema knows: what they hold, where, and the first and last version that has them, as
/// later schemas say.
const LATER: &[Later] = &[(RESTRICTIONS, "ratingApps", ValueType::Int, Platform::Macos, "15", None)];

type Later = (&'static str, &'static str, ValueType, Platform, &'static str, Option<&'static str>);

/// What was removed in 27: restrictions that hold updates back and that let Rapid Security Responses in.
const REMOVED_IN_27: &[&str] = &["forceDelayed", "enforcedSoftwareUpdate", "allowRapidSecurityResponse"];

/// A key in a file of Apple's schema: its type and the version that it came with on a platform, if it is there at all.
fn in_schema(schema: &Yaml, path: &str, platform: Platform) -> Option<(String, Option<OsVersion>)> {
    let mut within = vec![schema.get("payload")?];
    let mut list = schema.get("payloadkeys")?;
    for name in path.split('.') {
        let key = list.as_sequence()?.iter().find(|key| key.get("key").and_then(Yaml::as_str) == Some(name))?;
        within.push(key);
        list = key.get("subkeys").unwrap_or(&Yaml::Null);
    }
    let introduced = |part: &&Yaml| part.get("supportedOS")?.get(platform.system())?.get("introduced")?.as_str().map(str::to_owned);
    let since = within.iter().rev().find_map(introduced).map(|version| OsVersion::parse(&version)).filter(|version| version.is_known());
    Some((within.last()?.get("type")?.as_str()?.to_owned(), since))
}

/// A dictionary with a token, which stands for the id of a programme until it is sent.
const CHOSEN_BY_ID: &str = "Beta.RequireProgram";

#[test]
fn every_rendered_key_is_in_apples_schema_or_in_the_table_here() {
    let Some(shared) = crate::shared_for_tests() else { return };
    let mut files = HashMap::new();
    let mut faults = Vec::new();
    for (switch, way) in catalogue::all().flat_map(|switch| switch.ways().iter().map(move |way| (switch, way))) {
        let file = way.of_type.strip_prefix(CONFIGURATION).map_or_else(
            || format!("apple-schema-18.1/mdm/profiles/{}.yaml", way.of_type),
            |name| format!("apple-schema-27-declarations/declarative/declarations/configurations/{name}.yaml"),
        );
        let text = || std::fs::read_to_string(shared.join(&file)).unwrap();
        let schema: &Yaml = files.entry(file.clone()).or_insert_with(|| serde_yaml_ng::from_str(&text()).unwrap());
        for key in &way.keys {
            let spot = format!("{}: {} {} on {} from {}", switch.id, way.of_type, key.name, way.platform, way.from);
            let value_type = restrictions::fact(&way.of_type, key.name).unwrap().value_type;
            let word = match value_type {
                ValueType::Bool => "<boolean>",
                ValueType::Int => "<integer>",
                ValueType::Text => "<string>",
                _ => "<array>",
            };
            let later = LATER.iter().find(|row| (row.0, row.1, row.3) == (way.of_type.as_str(), key.name, way.platform));
            let since = match (in_schema(schema, key.name, way.platform), later) {
                (Some((theirs, _)), _) if theirs != word && key.name != CHOSEN_BY_ID => Err(format!("{spot} is {theirs}")),
                (Some((_, Some(since))), None) => Ok(since),
                (_, Some((_, _, known, _, first, last))) => {
                    assert_eq!((*known, last.map(OsVersion::parse)), (value_type, way.to), "{spot}");
                    Ok(OsVersion::parse(first))
                }
                (_, None) => Err(format!("{spot} is in no schema")),
            };
            match since {
                Ok(since) if !key.by_default && way.from.is_older_than(since) => {
                    faults.push(format!("{spot} is there only from {since} on"));
                }
                Ok(_) => {}
                Err(fault) => faults.push(fault),
            }
            let reaches_27 = way.to.is_none_or(|to| OsVersion::new(27, 0, 0).is_older_than(to));
            if reaches_27 && REMOVED_IN_27.iter().any(|gone| key.name.starts_with(gone)) {
                faults.push(format!("{spot} was removed in 27"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(files.len(), 11, "{:?}", files.keys());
}

#[test]
fn values_combine_as_apples_devices_combine_them_except_where_that_would_be_weaker() {
    let Some(shared) = crate::shared_for_tests() else { return };
    let mut held = 0;
    for fact in restrictions::all() {
        let Some(name) = fact.of_type.strip_prefix(CONFIGURATION) else { continue };
        let file = shared.join(format!("apple-schema-27-declarations/declarative/declarations/configurations/{name}.yaml"));
        let schema: Yaml = serde_yaml_ng::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let mut list = &schema["payloadkeys"];
        let mut theirs = "";
        for part in fact.key.split('.') {
            let key = list.as_sequence().unwrap().iter().find(|key| key["key"].as_str() == Some(part)).unwrap();
            theirs = key.get("combinetype").and_then(Yaml::as_str).unwrap_or_default();
            list = key.get("subkeys").unwrap_or(&Yaml::Null);
        }
        let ours = match fact.combine {
            Combine::And => "boolean-and",
            Combine::Or => "boolean-or",
            Combine::Max => "number-max",
            Combine::Min => "number-min",
            Combine::Intersection => "set-intersection",
            Combine::Union => "set-union",
            Combine::Any => continue,
        };
        // Devices would let the shorter history of passcodes win.
        assert!(ours == theirs || fact.key == "PasscodeReuseLimit", "{} {}: {ours} here, {theirs} there", fact.of_type, fact.key);
        held += 1;
    }
    assert!(held > 30, "{held}");
}
