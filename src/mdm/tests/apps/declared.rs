//! Apps that come by a declaration, and those that a declaration takes over.

use super::*;
use crate::mdm::declarations::library;

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

/// Somebody asks again for an app on a device; gives what they are told.
fn ask(device: &Device<'_>, app: &App) -> &'static str {
    let (device_id, id) = (device.enrollment().device_id, app.id.clone());
    apps::asked_words(&device.school.write(move |tx| apps::ask_again(tx, &Actor::Console, &device_id, &id)))
}

#[test]
fn asking_again_for_a_declared_app_that_is_there_changes_the_token_of_its_declaration_once_and_nothing_else() {
    let school = School::new();
    let device = device(&school, "18.1");
    let app = assigned(&school, 1, AssignedMode::Required, Settings::default());
    device.session("", "");
    device.session("", "");
    let identifier = apps::declaration_identifier(&app.id, 0);
    let managed = app_list(&identifier, "managed", None);
    device.declarative("status", Some(&managed));
    let served = || device.json(&format!("declaration/configuration/{identifier}")).unwrap();
    let before = served();
    device.session("", "");
    assert_eq!((device.stage(), served()), (Stage::Installed, before.clone()), "nobody asked");
    for _ in 0..2 {
        school.clock.advance(MINUTE);
        let before = served();
        assert!(ask(&device, &app).contains("looks at its declaration anew"));
        device.session("", "");
        let after = served();
        assert_ne!(after["ServerToken"], before["ServerToken"], "the device looks at it anew");
        assert_eq!((&after["Payload"], &after["Identifier"]), (&before["Payload"], &before["Identifier"]), "and keeps the app");
        device.session("", "");
        device.declarative("status", Some(&managed));
        device.session("", "");
        assert_eq!((device.stage(), served()), (Stage::Installed, after));
    }
    assert_eq!(device.app().unwrap().asks, 0);
}

#[test]
fn asking_again_where_the_person_kept_their_own_app_unmanaged_makes_the_device_ask_anew() {
    let school = School::new();
    let device = device(&school, "18.1");
    let app = assigned(&school, 1, AssignedMode::Required, Settings::default());
    device.session("", "");
    device.session("", "");
    let [first, second] = [0, 1].map(|asks| apps::declaration_identifier(&app.id, asks));
    device.declarative("status", Some(&app_list(&first, "failed", Some("Error.UnmanagedAppAlreadyInstalled"))));
    device.session("", "");
    assert_eq!(device.stage(), Stage::Unmanaged);
    assert!(ask(&device, &app).contains("asks the person where it must"));
    device.session("", "");
    let is_served = |identifier: &str| device.json(&format!("declaration/configuration/{identifier}")).is_some();
    assert_eq!((is_served(&first), is_served(&second)), (false, true));
    device.declarative("status", Some(&app_list(&second, "managed", None)));
    assert_eq!(device.stage(), Stage::Installed);
}

/// A device of iOS 18.4, enrolled by this server, with the app there and what it is to know.
fn configured<'a>(school: &'a School, text: &'static str) -> (Device<'a>, App) {
    let device = device(school, "18.4");
    let (app, id) = (assigned(school, 1, AssignedMode::Required, Settings::default()), device.enrollment().id);
    school.write(move |tx| {
        let mut enrollment = crate::store::enrollments::by_id(tx, &id)?.unwrap();
        enrollment.server_url = String::from("https://mdm.example.school/mdm/connect");
        crate::store::enrollments::update(tx, &enrollment)
    });
    knows(school, &app, Some(text));
    device.session("", "");
    device.session("", "");
    device.declarative("status", Some(&app_list(&apps::declaration_identifier(&app.id, 0), "managed", None)));
    assert_eq!(device.stage(), Stage::Installed);
    (device, app)
}

/// The app itself is to know this.
fn knows(school: &School, app: &App, text: Option<&'static str>) {
    let id = app.id.clone();
    school.write(move |tx| {
        let keys = text.map(apps::configuration::read).transpose()?.flatten();
        apps::set_configuration(tx, &Actor::Console, &id, keys.as_ref())
    });
}

impl Device<'_> {
    /// The address of what the app is to know, as the device is told it now.
    fn asset_url(&self, app: &App) -> String {
        let enrollment = self.enrollment();
        self.school.write(move |tx| crate::mdm::reconcile::plan(tx, &enrollment.id));
        let asset = self.json(&format!("declaration/asset/{}", apps::orders::asset_identifier(&app.id))).unwrap();
        asset["Payload"]["Reference"]["DataURL"].as_str().unwrap().to_owned()
    }

    fn fetches_asset(&self, url: &str) -> Option<String> {
        let (capability, address) = url.strip_prefix("https://mdm.example.school/ddm/").unwrap().split_once("/asset/").unwrap();
        let (capability, address) = (capability.to_owned(), address.to_owned());
        let found = self.school.write(move |tx| crate::mdm::reconcile::asset_of(tx, &capability, &address));
        found.map(|(_, bytes)| String::from_utf8(bytes).unwrap())
    }
}

#[test]
fn what_an_app_was_to_know_is_served_for_a_day_to_devices_that_were_told_of_it() {
    let school = School::new();
    let (device, app) = configured(&school, "<dict><key>id</key><string>one $SERIAL</string></dict>");
    let first = device.asset_url(&app);
    assert!(device.fetches_asset(&first).unwrap().contains("one TESTSN0001"));
    school.clock.advance(MINUTE);
    knows(&school, &app, Some("<dict><key>id</key><string>two</string></dict>"));
    let second = device.asset_url(&app);
    assert!(device.fetches_asset(&first).unwrap().contains("one TESTSN0001"), "the device is in the middle of it");
    assert!(device.fetches_asset(&second).unwrap().contains("two"));
    let invented = first.replace(&first[first.len() - 8..], "00000000");
    assert_eq!(device.fetches_asset(&invented), None);
    school.clock.advance(apps::PAST_FOR + MINUTE);
    assert_eq!(device.fetches_asset(&first), None);
    assert!(device.fetches_asset(&second).is_some());
    knows(&school, &app, None);
    let id = app.id.clone();
    assert!(device.fetches_asset(&second).is_some());
    school.write(move |tx| apps::unassign(tx, &Actor::Console, &id, "g"));
    assert_eq!(device.fetches_asset(&second), None, "what is not assigned is not served");
}

#[test]
fn a_declared_app_whose_declaration_is_refused_is_not_installed_as_wanted() {
    let school = School::new();
    let (device, app) = configured(&school, "<dict><key>id</key><string>one</string></dict>");
    let there = device.app().unwrap().seen;
    school.clock.advance(MINUTE);
    knows(&school, &app, Some("<dict><key>id</key><string>two</string></dict>"));
    device.asset_url(&app);
    let mut report = device.everything_applied();
    let listed = app_list(&apps::declaration_identifier(&app.id, 0), "managed", None);
    report["StatusItems"]["app"] = listed["StatusItems"]["app"].clone();
    let configurations = report["StatusItems"]["management"]["declarations"]["configurations"].as_array_mut().unwrap();
    let own = configurations.iter_mut().find(|item| item["identifier"] == apps::declaration_identifier(&app.id, 0)).unwrap();
    own["valid"] = json!("invalid");
    own["reasons"] = json!([{ "code": "Error.MissingAssets", "description": "an asset cannot be had" }]);
    device.declarative("status", Some(&report));
    let row = device.app().unwrap();
    assert!(row.stage == Stage::Failed && !row.problem.is_empty(), "{row:?}");
    assert_eq!(row.seen, there, "it is there as it was");
    let mut report = device.everything_applied();
    report["StatusItems"]["app"] = listed["StatusItems"]["app"].clone();
    device.declarative("status", Some(&report));
    let row = device.app().unwrap();
    assert_eq!((row.stage, row.seen == row.wanted), (Stage::Installed, true));
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

#[test]
fn an_app_that_a_declaration_of_ones_own_brings_too_is_named_from_both_sides() {
    let school = School::new();
    let _device = device(&school, "18.1");
    let app = assigned(&school, 1, AssignedMode::Required, Settings::default());
    let own = json!({ "Type": "com.apple.configuration.app.managed", "Identifier": "own", "Payload": { "AppStoreID": ATLAS } }).to_string();
    let other =
        json!({ "Type": "com.apple.configuration.app.managed", "Identifier": "other", "Payload": { "AppStoreID": "9" } }).to_string();
    let id = app.id.clone();
    let told = school.write(move |tx| {
        for text in [&own, &other] {
            library::add(tx, &Actor::Console, library::read(text.as_bytes())?, "")?;
        }
        let other = library::assign(tx, &Actor::Console, "other", "g")?.warnings;
        let own = library::assign(tx, &Actor::Console, "own", "g")?.warnings;
        let lacks = apps::hidden(tx, &Actor::Console, &id, None)?;
        Ok((other, own, lacks.into_iter().map(|lack| (lack.devices, lack.because)).collect::<Vec<_>>()))
    });
    assert!(told.0.iter().all(|warning| !warning.contains("Atlas")), "{told:?}");
    assert!(told.1.iter().any(|warning| warning.contains("brings the app “Atlas” too")), "{told:?}");
    assert_eq!(told.2, [(1, String::from("the declaration “own” brings it too"))]);
}
