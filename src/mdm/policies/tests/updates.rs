//! Software updates held back: by which mechanism on which system, what several policies come to, and nothing that 27 has removed.

use super::*;
use crate::mdm::policies::ways::{self, Answer};

/// Everything about updates at once.
fn everything() -> Value {
    json!({
        "hold_updates": 14, "hold_major_updates": 60, "hold_minor_updates": 21, "hold_system_updates": 7, "no_security_improvements": true,
        "no_security_improvement_removal": true, "auto_download": "AlwaysOn", "auto_install": "AlwaysOff", "auto_install_security": "AlwaysOn",
        "updates_by_admins": true, "update_cadence": "Oldest", "no_beta_updates": true, "quiet_updates": true,
    })
}

/// What the declarations hold, by type.
fn declared(pieces: &[Piece]) -> Value {
    declarations(pieces).into_iter().map(|declaration| (declaration.declaration_type, declaration.payload)).collect::<Map<_, _>>().into()
}

const SETTINGS: &str = "com.apple.configuration.softwareupdate.settings";

#[test]
fn every_generation_is_held_back_by_what_it_has() {
    let school = School::new();
    let policy = make(&school, "Updates", everything());
    let held = |platform, version: &str| {
        let (pieces, _) = planned(&school, &[&policy], &target(platform, version));
        (merged(&pieces), declared(&pieces))
    };
    let ipad = json!({ "forceDelayedSoftwareUpdates": true, "enforcedSoftwareUpdateDelay": 14 });
    assert_eq!(held(Platform::Ios, "12.5.7"), (ipad.clone(), json!({})));
    assert_eq!(held(Platform::Tvos, "18.3"), (ipad.clone(), json!({})));
    let mut with_improvements = ipad;
    with_improvements["allowRapidSecurityResponseInstallation"] = json!(false);
    with_improvements["allowRapidSecurityResponseRemoval"] = json!(false);
    for version in ["16.6.1", "17.7.2"] {
        assert_eq!(held(Platform::Ios, version), (with_improvements.clone(), json!({})), "{version}");
    }
    let mut ios = json!({ SETTINGS: {
        "Deferrals": { "CombinedPeriodInDays": 14 }, "RapidSecurityResponse": { "Enable": false, "EnableRollback": false },
        "AutomaticActions": { "Download": "AlwaysOn", "InstallOSUpdates": "AlwaysOff" }, "RecommendedCadence": "Oldest",
        "Beta": { "ProgramEnrollment": "AlwaysOff" }, "Notifications": false,
    } });
    for version in ["18.2.1", "26.1"] {
        assert_eq!(held(Platform::Ios, version), (json!({}), ios.clone()), "{version}");
    }
    ios[SETTINGS]["AutomaticActions"]["InstallSecurityUpdate"] = json!("AlwaysOn");
    assert_eq!(held(Platform::Ios, "27.0"), (json!({}), ios));
    let tv = json!({ SETTINGS: {
        "Deferrals": { "CombinedPeriodInDays": 14 }, "AutomaticActions": { "InstallOSUpdates": "AlwaysOff" }, "Notifications": false,
    } });
    for version in ["18.4", "27.0"] {
        assert_eq!(held(Platform::Tvos, version), (json!({}), tv.clone()), "{version}");
    }
    assert_eq!(held(Platform::Visionos, "26.0").1[SETTINGS]["Deferrals"], json!({ "CombinedPeriodInDays": 14 }));
    assert_eq!(held(Platform::Visionos, "2.6"), (json!({}), json!({})));
}

#[test]
fn a_mac_holds_back_generations_and_what_is_within_them_apart() {
    let school = School::new();
    let policy = make(&school, "Updates", everything());
    let held = |version: &str| {
        let (pieces, unable) = planned(&school, &[&policy], &target(Platform::Macos, version));
        (merged(&pieces), declared(&pieces), unable)
    };
    let by_payload = json!({
        "AllowPreReleaseInstallation": false, "restrict-software-update-require-admin-to-install": true,
        "AutomaticallyInstallMacOSUpdates": false, "AutomaticDownload": true, "CriticalUpdateInstall": true, "ConfigDataInstall": true,
    });
    let and = |more: Value| {
        let mut all = by_payload.as_object().unwrap().clone();
        all.extend(more.as_object().unwrap().clone());
        Value::Object(all)
    };
    let (keys, declarations, unable) = held("10.15.7");
    assert_eq!((keys, declarations), (and(json!({ "forceDelayedSoftwareUpdates": true, "enforcedSoftwareUpdateDelay": 14 })), json!({})));
    assert_eq!(why(&unable, "Hold new generations of macOS back"), "It needs macOS 11.3 or later; this device has 10.15.7.");
    let mut parted = json!({
        "forceDelayedSoftwareUpdates": true, "forceDelayedMajorSoftwareUpdates": true, "forceDelayedAppSoftwareUpdates": true,
        "enforcedSoftwareUpdateMajorOSDeferredInstallDelay": 60, "enforcedSoftwareUpdateMinorOSDeferredInstallDelay": 21,
        "enforcedSoftwareUpdateNonOSDeferredInstallDelay": 7,
    });
    assert_eq!(held("12.7.6").0, and(parted.clone()));
    for key in ["allowRapidSecurityResponseInstallation", "allowRapidSecurityResponseRemoval"] {
        parted[key] = json!(false);
    }
    for version in ["13.7.2", "14.7.2"] {
        let (keys, declarations, _) = held(version);
        assert_eq!((keys, declarations), (and(parted.clone()), json!({})), "{version}");
    }
    let settings = json!({ SETTINGS: {
        "Deferrals": { "MajorPeriodInDays": 60, "MinorPeriodInDays": 21, "SystemPeriodInDays": 7 },
        "RapidSecurityResponse": { "Enable": false, "EnableRollback": false }, "AllowStandardUserOSUpdates": false,
        "AutomaticActions": { "Download": "AlwaysOn", "InstallOSUpdates": "AlwaysOff", "InstallSecurityUpdate": "AlwaysOn" },
        "Beta": { "ProgramEnrollment": "AlwaysOff" }, "Notifications": false,
    } });
    for version in ["15.7.1", "26.1", "27.1"] {
        let (keys, declarations, unable) = held(version);
        assert_eq!((keys, declarations), (json!({}), settings.clone()), "{version}");
        assert_eq!(why(&unable, "Which update is shown where there are two"), "Macs do not have it.");
    }
    assert_eq!(held("15.2").0, json!({ "AllowPreReleaseInstallation": false }), "the declaration knows beta programmes from 15.4 on");
}

#[test]
fn of_several_policies_the_longest_time_counts_and_whoever_wants_it_is_named() {
    let school = School::new();
    let short = make(&school, "Short", json!({ "hold_updates": 7, "auto_install": "AlwaysOff" }));
    let long = make(&school, "Long", json!({ "hold_updates": 30, "auto_install": "AlwaysOn" }));
    for (platform, version, key) in [
        (Platform::Ios, "17.7", "enforcedSoftwareUpdateDelay"),
        (Platform::Ios, "27.0", "Deferrals.CombinedPeriodInDays"),
        (Platform::Macos, "14.7", "enforcedSoftwareUpdateMinorOSDeferredInstallDelay"),
        (Platform::Macos, "26.1", "Deferrals.MajorPeriodInDays"),
    ] {
        let (assignments, target) = (assigned(&[&short, &long]), target(platform, version));
        let keys = school.write(move |tx| effective(tx, &target, &assignments)).keys;
        let held = keys.iter().find(|held| held.key == key).unwrap();
        let names: Vec<_> = held.origins.iter().map(|origin| origin.name.as_str()).collect();
        assert_eq!((&held.value, names), (&json!(30), vec!["Long"]), "{platform} {version}");
    }
    let (pieces, _) = planned(&school, &[&short, &long], &target(Platform::Ios, "27.0"));
    assert_eq!(declared(&pieces)[SETTINGS]["AutomaticActions"]["InstallOSUpdates"], "AlwaysOff", "never counts");
}

#[test]
fn what_one_policy_never_downloads_another_cannot_have_installed() {
    let school = School::new();
    let never = make(&school, "Metered line", json!({ "auto_download": "AlwaysOff" }));
    let always = make(&school, "Newest", json!({ "auto_install": "AlwaysOn", "auto_install_security": "AlwaysOn", "hold_updates": 2 }));
    for (platform, version) in [(Platform::Ios, "27.0"), (Platform::Macos, "26.1"), (Platform::Macos, "14.7")] {
        let target = target(platform, version);
        let (pieces, unable) = planned(&school, &[&never, &always], &target);
        let because = "“Metered line” has updates never downloaded, so they cannot install themselves. Change one of the two.";
        assert_eq!(why(&unable, "Updates install themselves"), because, "{platform} {version}");
        assert_eq!(unable.iter().filter(|unable| unable.what == "Security repairs install themselves").count(), 1);
        let all = format!("{} {}", merged(&pieces), declared(&pieces));
        assert!(!all.contains("AlwaysOn") && !all.contains("CriticalUpdateInstall"), "{all}");
        let assignments = assigned(&[&never, &always]);
        assert_eq!(school.write(move |tx| effective(tx, &target, &assignments)).unable, unable, "what is shown is what is sent");
    }
    let (_, unable) = planned(&school, &[&always], &target(Platform::Ios, "27.0"));
    assert_eq!(unable, []);
}

#[test]
fn only_what_needs_supervision_is_left_out_of_a_device_without_it() {
    let school = School::new();
    let policy = make(&school, "Updates", everything());
    let unsupervised = with(target(Platform::Ios, "26.1"), |device| device.supervised = Some(false));
    let (pieces, unable) = planned(&school, &[&policy], &unsupervised);
    assert_eq!(declared(&pieces), json!({ SETTINGS: { "RecommendedCadence": "Oldest", "Notifications": false } }));
    assert_eq!(why(&unable, "Hold updates back"), "It needs a supervised device.");
    let own = with(target(Platform::Ios, "26.1"), |device| device.kind = EnrollmentKind::UserEnrollmentDevice);
    let (pieces, unable) = planned(&school, &[&policy], &own);
    assert_eq!((pieces.len(), why(&unable, "Hold updates back").as_str()), (0, "It is not for people's own devices (user enrollment)."));
    // A device that says it lacks the declaration gets what was there before it, where its system still has that.
    let mut lacking = target(Platform::Ios, "18.0");
    lacking.supported = Some(std::iter::once(String::from("com.apple.configuration.passcode.settings")).collect());
    assert_eq!(merged(&planned(&school, &[&policy], &lacking).0)["enforcedSoftwareUpdateDelay"], 14);
    lacking.capabilities.os_version = OsVersion::parse("27.0");
    let (pieces, unable) = planned(&school, &[&policy], &lacking);
    assert_eq!(pieces.len(), 0, "what 27 has removed is not sent to it");
    assert!(why(&unable, "Hold updates back").contains("does not know the declaration softwareupdate.settings"));
}

#[test]
fn for_every_version_of_every_platform_one_mechanism_serves_or_a_reason_is_said() {
    let school = School::new();
    let policy = make(&school, "Updates", everything());
    let switches: Vec<_> = catalogue::all().filter(|switch| switch.group == catalogue::Group::Updates).collect();
    let missing: Vec<_> = switches.iter().map(|switch| switch.id).filter(|id| !policy.settings.contains_key(*id)).collect();
    assert_eq!(missing, ["offer_beta_programs", betas::ONLY_OWN, "require_beta_program"], "all but what “No beta versions” rules out");
    let switches: Vec<_> = switches.into_iter().filter(|switch| !missing.contains(&switch.id)).collect();
    let mut asked = 0;
    for (platform, majors) in [
        (Platform::Ios, (9..=18).chain(26..=28).collect::<Vec<_>>()),
        (Platform::Macos, (10..=15).chain(26..=28).collect()),
        (Platform::Tvos, (11..=18).chain(26..=28).collect()),
        (Platform::Visionos, (1..=2).chain(26..=28).collect()),
    ] {
        for version in majors.into_iter().flat_map(|major| (0..=15).map(move |minor| OsVersion::new(major, minor, 0))) {
            let target = with(target(platform, "1"), |device| device.os_version = version);
            let (pieces, unable) = planned(&school, &[&policy], &target);
            for switch in &switches {
                let spot = format!("{} {platform} {version}", switch.id);
                let reasons = unable.iter().filter(|unable| unable.what == switch.label).count();
                match ways::answer(switch, platform, version) {
                    Answer::Way(way) => {
                        assert_eq!(reasons, 0, "{spot}");
                        let has = |key: &str| {
                            if way.declared {
                                declared(&pieces)[SETTINGS].pointer(&format!("/{}", key.replace('.', "/"))).is_some()
                            } else {
                                merged(&pieces).get(key).is_some()
                            }
                        };
                        assert!(way.keys.iter().all(|key| has(key.name)), "{spot}: {way:?}");
                    }
                    Answer::Unknown => panic!("{spot}"),
                    Answer::Never | Answer::TooOld(_) | Answer::Gone(_) => assert_eq!(reasons, 1, "{spot}"),
                }
                asked += 1;
            }
            if version.is_at_least(OsVersion::new(27, 0, 0)) {
                assert_eq!(payloads(&pieces).len(), 0, "{platform} {version}: 27 has no profile that holds updates back");
            }
        }
    }
    assert!(asked > 5_000, "{asked}");
}
