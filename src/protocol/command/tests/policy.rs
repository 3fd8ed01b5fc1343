//! What the queue makes of commands, and which device may be sent which.

use std::time::Duration;

use super::*;
use crate::protocol::ids::EnrollmentKind;
use crate::protocol::mobileconfig::{self, EnrollmentProfile};
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;

#[test]
fn a_newer_command_makes_older_ones_of_its_kind_pointless() {
    let id = uuid();
    let key = |command: Command| command.supersede_key();
    assert_eq!(key(install_profile(id, profile("org.example.wifi"))).as_deref(), Some("profile:org.example.wifi"));
    assert_eq!(key(remove_profile(id, "org.example.wifi")).as_deref(), Some("profile:org.example.wifi"));
    assert_eq!(key(install_application(id, InstallApplication::new(Source::AppStore(1)))).as_deref(), Some("app:1"));
    assert_eq!(key(remove_application(id, "com.example.app")).as_deref(), Some("app:com.example.app"));
    let metadata: Dictionary =
        [("metadata".to_owned(), Value::Dictionary(entries([("bundle-identifier", "org.example.field")])))].into_iter().collect();
    let manifest: Dictionary = [("items".to_owned(), Value::Array(vec![Value::Dictionary(metadata)]))].into_iter().collect();
    let package = InstallEnterpriseApplication {
        source: EnterpriseSource::Manifest(manifest),
        install_as_managed: false,
        remove_with_enrollment: false,
        configuration: None,
        take_over: false,
    };
    assert_eq!(key(install_enterprise_application(id, package)).as_deref(), Some("app:org.example.field"));
    assert_eq!(key(settings(id, [Setting::DeviceName("a".into())])).as_deref(), Some("setting:DeviceName"));
    assert_eq!(key(settings(id, every_setting())), None, "several settings count for themselves");
    assert_eq!(key(enable_lost_mode(id, LostMode::default())), key(disable_lost_mode(id)));
    assert_eq!(key(restart_device(id, None)), key(shut_down_device(id)));
    assert_eq!(key(security_info(id)).as_deref(), Some("SecurityInfo"));
    assert_eq!(key(set_recovery_lock(id, None, &secret("a"))), None, "passwords follow on one another");
    assert_eq!(key(managed_application_feedback(id, &["a"], true)), None);
}

#[test]
fn a_setting_of_which_only_parts_are_named_replaces_no_other_part() {
    let key = |setting: Setting| settings(uuid(), [setting]).supersede_key().unwrap();
    let one = |name: &str| [(name.to_owned(), Value::from(1))].into_iter().collect::<Dictionary>();
    let shared = |name: &str| key(Setting::SharedDeviceConfiguration(one(name)));
    assert_eq!((shared("QuotaSize"), shared("QuotaSize")), ("setting:SharedDeviceConfiguration:QuotaSize".into(), shared("QuotaSize")));
    assert_ne!(shared("QuotaSize"), shared("UserSessionTimeout"));
    assert_ne!(key(Setting::MdmOptions(one("ActivationLockAllowedWhileSupervised"))), key(Setting::MdmOptions(one("IdleRebootAllowed"))));
    let wallpaper = |place| key(Setting::Wallpaper { image: Vec::new(), place });
    assert_ne!(wallpaper(1), wallpaper(2));
    let organization = key(Setting::OrganizationInfo(Some(one("OrganizationName"))));
    assert_eq!(organization, key(Setting::OrganizationInfo(None)), "it is set as a whole");
}

#[test]
fn the_same_question_is_the_same_however_it_is_written() {
    let ask = |queries: &[&str]| device_information(uuid(), queries).supersede_key().unwrap();
    assert_eq!(ask(&["OSVersion", "UDID"]), ask(&["UDID", "OSVersion"]));
    assert_ne!(ask(&["OSVersion", "UDID"]), ask(&["OSVersion"]));
    assert!(ask(&["UDID"]).starts_with("DeviceInformation:"));
}

#[test]
fn what_would_surprise_later_ends_soon_and_what_protects_does_not_end() {
    let hours = |hours: u64| Some(Duration::from_secs(hours * 3600));
    assert_eq!(restart_device(uuid(), None).default_lifetime(), hours(24));
    assert_eq!(play_lost_mode_sound(uuid()).default_lifetime(), hours(1));
    assert_eq!(device_lock(uuid(), None, None, None).default_lifetime(), None);
    assert_eq!(device_configured(uuid()).default_lifetime(), None);
    assert_eq!(security_info(uuid()).default_lifetime(), hours(7 * 24));
    assert_eq!(Command::new(uuid(), "MakeCoffee").default_lifetime(), hours(30 * 24));
}

#[test]
fn some_commands_are_never_put_off() {
    assert!(!may_not_now("DeviceLock", Platform::Ios, EnrollmentKind::Device));
    assert!(may_not_now("InstallProfile", Platform::Ios, EnrollmentKind::Device));
    assert!(!may_not_now("RestartDevice", Platform::Macos, EnrollmentKind::Device));
    assert!(may_not_now("DeviceInformation", Platform::Macos, EnrollmentKind::Device));
    assert!(may_not_now("InstallProfile", Platform::Macos, EnrollmentKind::User));
}

#[test]
fn a_command_is_checked_with_each_of_its_settings() {
    let iphone = Capabilities {
        platform: Platform::Ios,
        os_version: OsVersion::parse("18.1"),
        kind: EnrollmentKind::Device,
        supervised: Some(true),
        ade: None,
        shared_ipad: Some(false),
        access_rights: Some(mobileconfig::ALL_RIGHTS),
    };
    assert!(settings(uuid(), [Setting::Bluetooth(true)]).check(&iphone).is_ok());
    let refusal = settings(uuid(), [Setting::Bluetooth(true), Setting::HostName("a".into())]).check(&iphone).unwrap_err();
    assert_eq!(refusal.words, "the setting HostName does not exist on iOS");
    assert!(set_recovery_lock(uuid(), None, &secret("a")).check(&iphone).is_err());
}

#[test]
fn an_enrollment_profile_can_be_sent_to_renew() {
    let profile = EnrollmentProfile {
        identifier: "school.example.enroll".into(),
        display_name: "School".into(),
        organization: "School".into(),
        description: None,
        uuids: mobileconfig::PayloadUuids { profile: uuid(), identity: Uuid::from_u128(1), mdm: Uuid::from_u128(2), roots: Vec::new() },
        roots: Vec::new(),
        identity: mobileconfig::Identity::Scep(mobileconfig::Scep {
            url: "https://mdm.example.school/scep".into(),
            name: "ca".into(),
            subject: Vec::new(),
            challenge: secret("c"),
            ca_fingerprint: None,
        }),
        topic: "com.apple.mgmt.External.1".into(),
        server_url: "https://mdm.example.school/mdm".into(),
        check_in_url: "https://mdm.example.school/mdm".into(),
        access_rights: mobileconfig::ALL_RIGHTS,
        per_user: true,
        removal_disallowed: false,
        target: None,
        account: None,
    };
    let command = install_profile(uuid(), mobileconfig::build(&profile).unwrap());
    assert_eq!(command.supersede_key().as_deref(), Some("profile:school.example.enroll"));
    assert!(validate_raw(&command.to_plist().unwrap(), false).is_ok());
}
