//! The table against Apple's published schema, and the refusals that follow from it.

use std::collections::BTreeSet;

use serde_yaml_ng::Value as Yaml;

use super::*;

fn iphone(version: &str) -> Capabilities {
    Capabilities {
        platform: Platform::Ios,
        os_version: OsVersion::parse(version),
        kind: EnrollmentKind::Device,
        supervised: Some(true),
        ade: Some(false),
        shared_ipad: Some(false),
        access_rights: Some(8191),
    }
}

fn mac(version: &str) -> Capabilities {
    Capabilities { platform: Platform::Macos, ..iphone(version) }
}

fn reason(request: Request<'_>, device: &Capabilities) -> Option<Reason> {
    check(request, device).err().map(|refusal| refusal.reason)
}

#[test]
fn a_refusal_says_why_in_words() {
    let refusal = check(Request::Command("RestartDevice"), &iphone("9.3.5")).unwrap_err();
    assert_eq!(refusal.words, "RestartDevice needs iOS 10.3 or later; the device has 9.3.5");
    let refusal = check(Request::Command("ScheduleOSUpdate"), &iphone("27.1")).unwrap_err();
    assert_eq!(refusal.words, "ScheduleOSUpdate was removed in iOS 27.0; the device has 27.1");
    let refusal = check(Request::Setting("Wallpaper"), &Capabilities { supervised: Some(false), ..iphone("18.1") }).unwrap_err();
    assert_eq!(refusal.words, "the setting Wallpaper needs a supervised device");
    let rights = Capabilities { access_rights: Some(8191 & !8), ..iphone("26") };
    let refusal = check(Request::Command("EraseDevice"), &rights).unwrap_err();
    assert_eq!(refusal.words, "EraseDevice needs the right to erase the device, which the enrollment profile does not give");
}

#[test]
fn each_rule_of_the_table_has_its_reason() {
    let version = |text| OsVersion::parse(text);
    assert_eq!(reason(Request::Command("SetRecoveryLock"), &iphone("26")), Some(Reason::Platform));
    assert_eq!(reason(Request::Command("DeclarativeManagement"), &iphone("14.8")), Some(Reason::TooOld(version("15"))));
    assert_eq!(
        reason(Request::Command("InstallMedia"), &Capabilities { kind: EnrollmentKind::User, ..mac("12") }),
        Some(Reason::Removed(version("11")))
    );
    assert_eq!(
        reason(Request::Command("UserConfigured"), &Capabilities { kind: EnrollmentKind::SharedIpad, ..iphone("17") }),
        Some(Reason::AutomatedEnrollment)
    );
    assert_eq!(reason(Request::Query("IMEI"), &iphone("25")), None);
    assert_eq!(reason(Request::Query("IMEI"), &iphone("26")), Some(Reason::Removed(version("26"))));

    let byod = Capabilities { kind: EnrollmentKind::UserEnrollmentDevice, access_rights: None, ..iphone("26") };
    assert_eq!(reason(Request::Command("EraseDevice"), &byod), Some(Reason::UserEnrollment));
    assert_eq!(reason(Request::Command("InstallApplication"), &byod), None);
    let byod_mac = Capabilities { platform: Platform::Macos, ..byod };
    assert_eq!(reason(Request::Command("RemoveApplication"), &byod_mac), None);
    assert_eq!(
        reason(Request::Command("RemoveApplication"), &Capabilities { os_version: version("15.1"), ..byod_mac }),
        Some(Reason::UserEnrollment)
    );
}

#[test]
fn channels_of_macs_and_shared_ipads_are_told_apart() {
    let mac_user = |version| Capabilities { kind: EnrollmentKind::User, ..mac(version) };
    assert_eq!(reason(Request::Command("DeviceLock"), &mac_user("15")), Some(Reason::Channel));
    assert_eq!(reason(Request::Command("ActiveNSExtensions"), &mac("15")), Some(Reason::Channel));
    assert_eq!(reason(Request::Command("ManagedApplicationList"), &mac_user("11.2")), Some(Reason::Channel));
    assert_eq!(reason(Request::Command("ManagedApplicationList"), &mac_user("11.3")), None);
    assert_eq!(reason(Request::Command("InstallApplication"), &mac("10.9.5")), Some(Reason::Channel));

    let shared = Capabilities { shared_ipad: Some(true), ..iphone("18.1") };
    let user = Capabilities { kind: EnrollmentKind::SharedIpad, ..shared };
    assert_eq!(reason(Request::Command("UserList"), &shared), None);
    assert_eq!(reason(Request::Command("UserList"), &iphone("18.1")), Some(Reason::OnlySharedIpad));
    assert_eq!(reason(Request::Command("ClearPasscode"), &shared), Some(Reason::SharedIpad));
    assert_eq!(reason(Request::Command("InstallApplication"), &user), Some(Reason::Channel));
    assert_eq!(reason(Request::Command("InstallProfile"), &user), None);
    assert_eq!(reason(Request::Command("InviteToProgram"), &shared), Some(Reason::Channel));
}

#[test]
fn what_is_not_known_yet_forbids_nothing() {
    let blank = Capabilities {
        platform: Platform::Unknown,
        os_version: OsVersion::UNKNOWN,
        kind: EnrollmentKind::Device,
        supervised: None,
        ade: None,
        shared_ipad: None,
        access_rights: None,
    };
    assert_eq!(reason(Request::Command("RestartDevice"), &blank), None);
    assert_eq!(reason(Request::Command("RestartDevice"), &Capabilities { platform: Platform::Ios, ..blank }), None);
    assert_eq!(reason(Request::Command("DoSomethingNew"), &iphone("27")), None);
}

#[test]
fn inventory_asks_for_what_the_device_answers() {
    let asked = queries(&["OSVersion", "IMEI", "HostName", "IsSupervised", "SoftwareUpdateDeviceID"], &iphone("27.1"));
    assert_eq!(asked, ["OSVersion", "IsSupervised"]);
    let offered: Vec<_> = commands(&mac("27")).collect();
    assert!(offered.contains(&"RotateFileVaultKey") && !offered.contains(&"ScheduleOSUpdate") && !offered.contains(&"EnableLostMode"));
}

// ---- against the schema

const SYSTEMS: [(&str, Platform); 5] = [
    ("iOS", Platform::Ios),
    ("macOS", Platform::Macos),
    ("tvOS", Platform::Tvos),
    ("visionOS", Platform::Visionos),
    ("watchOS", Platform::Watchos),
];

/// What the schema says of one thing on one platform: its own word, or the one of what it belongs to.
struct Schema<'a> {
    own: Option<&'a Yaml>,
    outer: Option<&'a Yaml>,
}

impl<'a> Schema<'a> {
    fn get(&self, path: &[&str]) -> Option<&'a Yaml> {
        let find = |from: Option<&'a Yaml>| path.iter().try_fold(from?, |value, key| value.get(*key));
        find(self.own).or_else(|| find(self.outer))
    }

    fn text(&self, path: &[&str]) -> Option<String> {
        let value = self.get(path)?;
        value.as_str().map(str::to_owned).or_else(|| value.as_f64().map(|number| number.to_string()))
    }

    fn flag(&self, path: &[&str]) -> Option<bool> {
        self.get(path)?.as_bool()
    }

    fn right(&self) -> u32 {
        match self.text(&["accessrights"]).as_deref() {
            Some("AllowInspection") => 1,
            Some("AllowInstallationRemoval") => 2,
            Some("AllowPasscodeRemovalAndLock" | "DeviceLockAndRemovePasscode") => 4,
            Some("AllowDeviceErase") => 8,
            Some("AllowQueryDeviceInformation") => 16,
            Some("AllowQueryNetworkInformation") => 32,
            Some("AllowProvisioningInspection") => 64,
            Some("AllowProvisioningInstallationRemoval") => 128,
            Some("AllowQueryApplications" | "QueryInstalledApps") => 256,
            Some("AllowQueryRestrictions") => 512,
            Some("AllowQuerySecurity") => 1024,
            Some("AllowSettings") => 2048,
            Some("AllowAppInstallation") => 4096,
            Some("None" | "n/a" | "Special Case") | None => 0,
            Some(other) => panic!("{other} is a right that this test does not know"),
        }
    }
}

/// Says where the table and the schema differ, one line each.
fn compare(request: Request<'_>, own: Option<&Yaml>, outer: Option<&Yaml>, differences: &mut BTreeSet<String>) {
    let mut differ = |what: String| {
        differences.insert(format!("{}: {what}", request.parts().1));
    };
    let Some(row) = find(request) else { return differ("missing".into()) };
    for (name, platform) in SYSTEMS {
        let system = Schema { own: own.and_then(|own| own.get(name)), outer: outer.and_then(|outer| outer.get(name)) };
        let introduced = system.text(&["introduced"]).map(|text| OsVersion::parse(&text)).filter(|version| version.is_known());
        if row.since(platform) != introduced {
            differ(format!("{name} since {:?} not {:?}", row.since(platform).map(|v| v.to_string()), introduced.map(|v| v.to_string())));
        }
        if introduced.is_none() || row.since(platform).is_none() {
            continue;
        }
        let mut expect = |what: &str, ours: String, theirs: String| {
            if ours != theirs {
                differ(format!("{name} {what} {ours} not {theirs}"));
            }
        };
        expect("supervised", row.needs_supervision(platform).to_string(), system.flag(&["supervised"]).unwrap_or_default().to_string());
        expect("ade", row.needs_ade(platform).to_string(), system.flag(&["requiresdep"]).unwrap_or_default().to_string());
        expect("right", row.right(platform).to_string(), system.right().to_string());
        if matches!(platform, Platform::Ios | Platform::Macos | Platform::Visionos) {
            let mode = system.text(&["userenrollment", "mode"]).unwrap_or_else(|| "allowed".into());
            expect("byod", row.user_enrollment(platform).is_some().to_string(), (mode != "forbidden").to_string());
        }
        if platform == Platform::Macos {
            expect(
                "device channel",
                row.mac_device_channel.is_some().to_string(),
                system.flag(&["devicechannel"]).unwrap_or(true).to_string(),
            );
            expect("user channel", row.mac_user_channel.is_some().to_string(), system.flag(&["userchannel"]).unwrap_or(true).to_string());
        }
        if platform == Platform::Ios {
            let mode = system.text(&["sharedipad", "mode"]).unwrap_or_else(|| "allowed".into());
            let allowed = mode != "forbidden";
            expect("shared only", row.shared_ipad.only.to_string(), (mode == "required").to_string());
            let device = allowed && system.flag(&["sharedipad", "devicechannel"]).unwrap_or(true);
            expect("shared device channel", row.shared_ipad.device_channel.to_string(), device.to_string());
            let user = allowed && system.flag(&["sharedipad", "userchannel"]).unwrap_or(true);
            expect("shared user channel", row.shared_ipad.user_channel.to_string(), user.to_string());
        }
    }
}

fn subkeys<'a>(parent: &'a Yaml, key: &str) -> impl Iterator<Item = &'a Yaml> {
    parent.get(key).and_then(Yaml::as_sequence).into_iter().flatten()
}

#[test]
fn the_table_says_what_apples_schema_says() {
    let Some(shared) = crate::shared_for_tests() else { return };
    let mut differences = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for entry in std::fs::read_dir(shared.join("apple-schema-18.1/mdm/commands")).unwrap() {
        let schema: Yaml = serde_yaml_ng::from_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap();
        let command = schema["payload"]["requesttype"].as_str().unwrap();
        let supported = schema["payload"].get("supportedOS");
        seen.insert(command.to_owned());
        compare(Request::Command(command), supported, None, &mut differences);
        let first = subkeys(&schema, "payloadkeys").next();
        let inner = |list: &Yaml, kind: for<'a> fn(&'a str) -> Request<'a>, differences: &mut BTreeSet<String>| {
            for item in subkeys(list, "subkeys") {
                let name = item["key"].as_str().unwrap();
                if !(command == "Settings" && name == "PasscodePolicy") {
                    compare(kind(name), item.get("supportedOS"), supported, differences);
                }
            }
        };
        match (command, first) {
            ("Settings", Some(list)) => inner(list, |name| Request::Setting(name), &mut differences),
            ("DeviceInformation", Some(list)) => inner(&list["subkeys"][0], |name| Request::Query(name), &mut differences),
            _ => {}
        }
    }
    for row in table::TABLE.iter().filter(|row| row.kind == Kind::Command && !seen.contains(row.name)) {
        differences.insert(format!("{}: not in the schema", row.name));
    }
    let deliberate: BTreeSet<String> = DELIBERATE.iter().map(|line| (*line).to_owned()).collect();
    let unexpected: Vec<_> = differences.difference(&deliberate).collect();
    let vanished: Vec<_> = deliberate.difference(&differences).collect();
    assert!(unexpected.is_empty() && vanished.is_empty(), "unexpected: {unexpected:#?}\nno longer there: {vanished:#?}");
}

/// Where the table differs on purpose, by reason.
const DELIBERATE: &[&str] = &[
    // New in 27.
    "CancelEnhancedLogCollection: not in the schema",
    "TriggerEnhancedLogCollection: not in the schema",
    // New in 26.
    "TimeZone: macOS since Some(\"26.0\") not None",
    // The schema's text asks for the right to network information, its fields do not.
    "Bluetooth: iOS right 32 not 2048",
    "Bluetooth: macOS right 32 not 2048",
    "DataRoaming: iOS right 32 not 2048",
    "VoiceRoaming: iOS right 32 not 2048",
    // Later schemas say that these belong to the Mac, not to one of its users.
    "Bluetooth: macOS user channel false not true",
    "DeviceName: macOS user channel false not true",
    "HostName: macOS user channel false not true",
    "MDMOptions: macOS user channel false not true",
    "OrganizationInfo: macOS user channel false not true",
    // Later schemas allow it; the table does from 26 on.
    "ManagedApplicationFeedback: macOS byod true not false",
    "RemoveApplication: macOS byod true not false",
];
