//! Apps that come by a declaration, and those that a declaration takes over.

use super::*;

#[test]
fn new_systems_are_told_by_a_declaration_and_old_ones_by_a_command() {
    for (os_version, declared) in [("12.5.7", false), ("17.1", false), ("17.2", true), ("18.1", true), ("27.0", true)] {
        let school = School::new();
        let device = device(&school, os_version);
        assigned(&school, 1, AssignedMode::Required, Settings::default());
        let orders = device.session(&taken("Queued"), "Queued");
        assert_eq!(orders.is_empty(), declared, "{os_version}");
        // The licence first, then what is served.
        assert!(device.session("", "Queued").is_empty(), "{os_version}");
        if declared {
            let identifier = apps::declaration_identifier(&device.app().unwrap().app_id, 0);
            let row = device.app().unwrap();
            let document = device.json(&format!("declaration/configuration/{identifier}"));
            let document = document.unwrap_or_else(|| panic!("{os_version}: {row:?}"));
            assert_eq!(document["Type"], "com.apple.configuration.app.managed");
            assert_eq!(document["Payload"]["AppStoreID"], ATLAS);
            assert_eq!(document["Payload"]["InstallBehavior"], json!({ "Install": "Required", "License": { "Assignment": "Device" } }));
            assert_eq!(document["Payload"].get("UpdateBehavior").is_some(), os_version == "27.0");
        }
    }
}

#[test]
fn a_declared_app_is_followed_by_status_reports_until_it_has_gone() {
    let school = School::new();
    let device = device(&school, "18.1");
    let app = assigned(&school, 1, AssignedMode::Required, Settings::default());
    device.session("", "");
    device.session("", "");
    let identifier = apps::declaration_identifier(&app.id, 0);
    device.declarative("status", Some(&app_list(&identifier, "prompting-for-consent", None)));
    assert_eq!(device.stage(), Stage::Prompting);
    device.declarative("status", Some(&app_list(&identifier, "failed", Some("Error.UserRejected"))));
    assert_eq!(device.stage(), Stage::Declined);
    device.session("", "");
    assert_eq!(device.stage(), Stage::Declined, "declined stays declined");
    let (device_id, id) = (device.enrollment().device_id, app.id.clone());
    school.write(move |tx| apps::ask_again(tx, &Actor::Console, &device_id, &id));
    device.session("", "");
    let again = apps::declaration_identifier(&app.id, 1);
    assert!(device.json(&format!("declaration/configuration/{identifier}")).is_none() && again != identifier);
    assert!(device.json(&format!("declaration/configuration/{again}")).is_some(), "another declaration makes the device ask again");
    device.declarative("status", Some(&app_list(&identifier, "failed", Some("Error.UserRejected"))));
    assert_ne!(device.stage(), Stage::Declined, "what was said of the old one counts no more");
    device.declarative("status", Some(&device.everything_applied()));
    device.declarative("status", Some(&app_list(&again, "managed", None)));
    let row = device.app().unwrap();
    assert_eq!((row.stage, row.short_version.as_str(), row.bundle_id.as_str()), (Stage::Installed, "2.8", BUNDLE));
    let id = app.id.clone();
    school.write(move |tx| apps::unassign(tx, &Actor::Console, &id, "g"));
    device.session("", "");
    assert_eq!(device.stage(), Stage::Removing);
    assert!(has_licence(&school), "not before it has gone");
    let gone = json!({ "StatusItems": { "app": { "managed": { "list": [{ "identifier": BUNDLE, "_removed": true }] } } } });
    device.declarative("status", Some(&gone));
    device.declarative("status", Some(&device.everything_applied()));
    device.session("", "");
    assert_eq!(device.app(), None);
    assert!(!has_licence(&school));
}

#[test]
fn an_update_of_the_system_hands_an_app_over_without_installing_it_again() {
    let school = School::new();
    let device = device(&school, "16.7");
    let app = assigned(&school, 1, AssignedMode::Required, Settings::default());
    device.session(&taken("Managed"), "Managed");
    assert_eq!(device.stage(), Stage::Installed);
    school.clock.advance(days(2));
    let device_id = device.enrollment().device_id;
    school.write(move |tx| {
        let mut known = crate::store::devices::by_id(tx, &device_id)?.unwrap();
        known.os_version = String::from("18.1");
        crate::store::devices::update(tx, &known)?;
        crate::store::deployments::look_again(tx, &device_id)
    });
    let orders = device.session("", "");
    assert!(orders.is_empty(), "neither removed nor installed: {orders:?}");
    assert_eq!(device.stage(), Stage::Installed);
    let identifier = apps::declaration_identifier(&app.id, 0);
    assert!(device.json(&format!("declaration/configuration/{identifier}")).is_some());
    device.declarative("status", Some(&app_list(&identifier, "managed", None)));
    device.session("", "");
    assert_eq!(device.stage(), Stage::Installed);
}

#[test]
fn a_declared_app_that_lacks_its_licence_comes_under_other_identifiers_and_then_rests() {
    let school = School::new();
    let device = device(&school, "18.1");
    let app = assigned(&school, 1, AssignedMode::Required, Settings::default());
    school.write(|tx| {
        let key = AssetKey { token_id: "location".into(), adam_id: ATLAS.into(), pricing_param: "STDQ".into() };
        let (platforms, product_type) = (String::from("[]"), String::from("App"));
        let (owned, assigned, listed, reserved) = (Some(1), 1, 1, 0);
        assets::put(
            tx,
            &OwnedAsset { key, product_type, device_assignable: true, platforms, owned, assigned, listed, reserved, as_of_at: tx.now },
        )
    });
    device.session("", "");
    for asks in 0..apps::next::ATTEMPTS_MAX {
        device.session("", "");
        let identifier = apps::declaration_identifier(&app.id, asks);
        assert!(device.json(&format!("declaration/configuration/{identifier}")).is_some(), "{asks}: {:?}", device.app());
        for _ in 0..2 {
            device.declarative("status", Some(&app_list(&identifier, "failed", Some("Error.LicenseNotFound"))));
            device.session("", "");
        }
        let row = device.app().unwrap();
        assert_eq!((row.stage, row.attempts, row.asks), (Stage::NoLicence, asks + 1, asks));
        let read_anew = school.write(|tx| content_tokens::by_id(tx, "location")).unwrap().sync_due_at;
        assert!(read_anew.is_some_and(|at| at <= school.clock.now()), "the ledger is read anew: {read_anew:?}");
        school.clock.advance(apps::next::BACK_OFF[4]);
        device.session("", "");
    }
    let row = device.app().unwrap();
    assert_eq!((row.stage, row.asks, row.due_at), (Stage::NoLicence, apps::next::ATTEMPTS_MAX - 1, None), "no endless loop");
}
