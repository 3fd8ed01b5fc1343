//! Each system gets apps in its own way, and is told what Apple describes there and nothing else.

use super::*;
use crate::clock::Timestamp;
use crate::mdm::apps::mechanism::{self, Subject};
use crate::mdm::apps::settings::Attributes;
use crate::mdm::wanted::Target;
use crate::protocol::declaration::find_type;
use crate::protocol::ids::EnrollmentKind;

fn app(kind: AppKind) -> App {
    App {
        id: "app".into(),
        kind,
        adam_id: (kind == AppKind::Store).then(|| "1500000002".into()),
        bundle_id: "school.example.atlas".into(),
        name: "Atlas".into(),
        note: String::new(),
        platforms: "[]".into(),
        facts: "{}".into(),
        facts_at: None,
        settings: "{}".into(),
        revision: 1,
        created_at: Timestamp::default(),
        changed_at: Timestamp::default(),
    }
}

fn target(platform: Platform, version: &str) -> Target {
    Target {
        enrollment_id: "e".into(),
        device_id: "d".into(),
        capabilities: Capabilities {
            platform,
            os_version: OsVersion::parse(version),
            kind: EnrollmentKind::Device,
            supervised: Some(true),
            ade: None,
            shared_ipad: None,
            access_rights: None,
        },
        supported: None,
        variables: std::collections::BTreeMap::new(),
    }
}

fn everything() -> Settings {
    Settings {
        attributes: Attributes {
            vpn_uuid: Some("v".into()),
            associated_domains: vec!["applinks:example.school".into()],
            direct_downloads: Some(true),
            removable: Some(false),
            tap_to_pay_lock: Some(true),
            hideable: Some(false),
            lockable: Some(false),
            content_filter_uuid: Some("c".into()),
            dns_proxy_uuid: Some("d".into()),
            relay_uuid: Some("r".into()),
        },
        ..Settings::default()
    }
}

fn order(kind: AppKind, way: Way, target: &Target) -> Order {
    Order {
        app: app(kind),
        settings: everything(),
        way,
        licence: LicenceBy::Device,
        configuration: configuration::read(r#"{"a":1}"#).unwrap(),
        manifest_url: (kind != AppKind::Store).then(|| "https://mdm.example.school/m.plist".into()),
        served_from: (way == Way::DeclaredApp).then(|| "https://mdm.example.school/ddm/c".into()),
        edition: String::new(),
        capabilities: target.capabilities,
        is_managed: true,
        lacks: Vec::new(),
    }
}

fn way(kind: AppKind, is_configured: bool, licence: LicenceBy, target: &Target) -> Result<Way, String> {
    let (app, settings) = (app(kind), Settings::default());
    let subject = Subject { app: &app, settings: &settings, licence, is_configured, is_reachable: true, is_declared: false };
    mechanism::way(subject, target)
}

#[test]
fn each_system_gets_apps_in_its_own_way() {
    use {AppKind::*, LicenceBy::Device, Platform::*};
    for (platform, version, kind, is_configured, expected) in [
        (Ios, "12.5.7", Store, false, Way::Command),
        (Ios, "17.1", Store, false, Way::Command),
        (Ios, "17.2", Store, false, Way::DeclaredApp),
        (Ios, "18.3", Store, true, Way::Command),
        (Ios, "18.4", Store, true, Way::DeclaredApp),
        (Ios, "18.4", InHouse, true, Way::DeclaredApp),
        (Macos, "15.1", Store, false, Way::Command),
        (Macos, "26.0", Store, false, Way::DeclaredApp),
        (Macos, "26.0", Store, true, Way::Command),
        (Macos, "27.0", Store, true, Way::DeclaredApp),
        (Macos, "15.1", Package, false, Way::Enterprise),
        (Macos, "26.1", Package, false, Way::DeclaredPackage),
        (Tvos, "18.0", Store, false, Way::Command),
        (Visionos, "2.3", Store, false, Way::Command),
        (Visionos, "2.4", Store, false, Way::DeclaredApp),
    ] {
        assert_eq!(way(kind, is_configured, Device, &target(platform, version)), Ok(expected), "{platform} {version} {kind}");
    }
    assert_eq!(way(Store, false, LicenceBy::None, &target(Ios, "18.1")), Ok(Way::Command), "nothing is declared without a licence");
    let mut says_no = target(Ios, "18.1");
    says_no.supported = Some(vec!["com.apple.configuration.legacy".into()]);
    assert_eq!(way(Store, false, Device, &says_no), Ok(Way::Command));
    assert!(way(Package, false, Device, &target(Ios, "18.1")).unwrap_err().contains("Macs"));
    assert!(way(InHouse, false, Device, &target(Macos, "26.0")).unwrap_err().contains("iPhone and iPad"));
}

#[test]
fn what_is_declared_apple_describes_on_the_system_that_gets_it() {
    for (platform, version) in [(Platform::Ios, "18.4"), (Platform::Ios, "27.0"), (Platform::Macos, "27.0"), (Platform::Ios, "17.2")] {
        for (kind, way) in
            [(AppKind::Store, Way::DeclaredApp), (AppKind::InHouse, Way::DeclaredApp), (AppKind::Package, Way::DeclaredPackage)]
        {
            let is_mac = platform == Platform::Macos;
            if (kind == AppKind::InHouse && is_mac) || (kind == AppKind::Package && !is_mac) {
                continue;
            }
            let target = target(platform, version);
            let mut order = order(kind, way, &target);
            if !mechanism::takes_configuration(&target) {
                order.served_from = None;
            }
            let on = Some((platform, OsVersion::parse(version)));
            for piece in asset(&order, Vec::new()).into_iter().chain([declaration(&order, 0, Vec::new())]) {
                let known = find_type(&piece.declaration_type).unwrap();
                let findings = known.findings(piece.payload.as_object().unwrap(), on);
                assert!(findings.is_empty(), "{platform} {version} {}: {findings:?} in {}", piece.declaration_type, piece.payload);
            }
        }
    }
}

#[test]
fn a_command_says_everything_that_the_system_has_and_nothing_else() {
    let old = order(AppKind::Store, Way::Command, &target(Platform::Ios, "16.0"));
    let command = old.command(Uuid::nil(), false);
    let attributes = command.keys().get("Attributes").unwrap().as_dictionary().unwrap();
    assert!(attributes.contains_key("Removable") && attributes.contains_key("ContentFilterUUID"));
    assert!(!attributes.contains_key("RelayUUID") && !attributes.contains_key("Hideable"));
    let mac = order(AppKind::Store, Way::Command, &target(Platform::Macos, "15.0")).command(Uuid::nil(), true);
    assert_eq!(mac.keys().get("ManagementFlags").unwrap().as_unsigned_integer(), Some(1), "Macs have no flag for backups");
    assert_eq!(mac.text("ChangeManagementState"), Some("Managed"));
    assert!(mac.has_key("InstallAsManaged") && !mac.has_key("Attributes"));
    for order in [&old, &order(AppKind::Package, Way::Enterprise, &target(Platform::Macos, "15.0"))] {
        assert!(command::check_said(&order.command(Uuid::nil(), false)).is_empty(), "what Apple's schema says of the command holds");
    }
}

#[test]
fn the_digest_follows_everything_that_is_told_and_nothing_else() {
    let target = target(Platform::Ios, "18.4");
    for way in [Way::Command, Way::DeclaredApp] {
        let one = order(AppKind::Store, way, &target);
        let mut other = one.clone();
        other.configuration = configuration::read(r#"{"a":2}"#).unwrap();
        assert_ne!(one.digest(0), other.digest(0));
        let mut same = one.clone();
        same.app.name = "Another name".into();
        same.settings.take_over = false;
        assert_eq!(one.digest(0), same.digest(0));
    }
}
