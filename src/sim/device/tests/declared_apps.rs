//! Apps and packages that declarations bring by a manifest: fetched, downloaded, checked, listed, updated, taken away.

use serde_json::json;

use super::declarations::{activation, declaration, declare, entry, statuses, subscriptions, test_configuration};
use super::*;

const MANIFEST: &str = "https://mdm.example.school/packages/manifest.plist";
const PACKAGE: &str = "https://mdm.example.school/packages/field.ipa";

/// What is declared of one app or package, in the version that `token` stands for.
fn declared(kind: &str, token: &str) -> Vec<(&'static str, Json)> {
    let payload = json!({ "ManifestURL": MANIFEST, "InstallBehavior": { "Install": "Required" } });
    let mut app = declaration(&format!("configuration.{kind}"), "app", payload);
    app["ServerToken"] = json!(token);
    let list = if kind == "package" { "package.list" } else { "app.managed.list" };
    vec![activation("act", &["app", "subscriptions"]), ("configuration", app), subscriptions(&[list])]
}

/// Serves a version of the app, whose bytes may be others than its manifest says.
fn serve(bench: &mut Bench, version: &str, is_damaged: bool) {
    let mut file = vec![7; 2500];
    let mut manifest = super::super::packages::manifest("org.example.field", PACKAGE, &file, 1000);
    let item = manifest.get_mut("items").unwrap().as_array_mut().unwrap()[0].as_dictionary_mut().unwrap();
    item.get_mut("metadata").unwrap().as_dictionary_mut().unwrap().insert("bundle-version".into(), version.into());
    file[1800] ^= u8::from(is_damaged);
    bench.server.files = vec![(MANIFEST.into(), xml(&manifest)), (PACKAGE.into(), file)];
}

/// The last thing that was told of the app.
fn told(bench: &Bench, kind: &str) -> Json {
    let path = if kind == "package" { "/package/list" } else { "/app/managed/list" };
    let reports = statuses(bench);
    reports.iter().rev().find_map(|report| report["StatusItems"].pointer(path)?.as_array()?.first().cloned()).unwrap_or_default()
}

#[test]
fn an_app_and_a_package_come_by_their_manifest_and_are_listed() {
    for (device, kind, state) in [("iPad13,18@18", "app.managed", "managed"), ("Mac14,2@26", "package", "installed")] {
        let mut bench = Bench::enrolled(device);
        serve(&mut bench, "1.4", false);
        declare(&mut bench, declared(kind, "v1"));
        bench.wait(100);
        assert_eq!(entry(&bench, "configurations", "app")["valid"], "valid", "{device}");
        let item = told(&bench, kind);
        assert_eq!((&item["identifier"], &item["state"]), (&json!("org.example.field"), &json!(state)), "{device}");
        assert_eq!((&item["version"], &item["declaration-identifier"]), (&json!("1.4"), &json!("app")), "{device}");
        let downloads = bench.device.downloads();
        assert_eq!((downloads.len(), downloads[0].size_bytes, downloads[0].requests), (1, 2500, 3), "{device}");

        // The same version under another token is not downloaded again; a newer one is, and takes its place.
        declare(&mut bench, declared(kind, "v2.0"));
        bench.wait(100);
        assert_eq!(bench.device.downloads().len(), 1, "{device}");
        serve(&mut bench, "1.5", false);
        declare(&mut bench, declared(kind, "v3.0.0"));
        bench.wait(100);
        assert_eq!((&told(&bench, kind)["version"], bench.device.downloads().len()), (&json!("1.5"), 2), "{device}");

        declare(&mut bench, Vec::new());
        assert_eq!(bench.device.apps.managed().count(), 0, "{device}");
        assert_eq!(bench.device.apps.find("org.example.field").is_some(), kind == "package", "what a package brought stays");
        assert_eq!(bench.remarks(), [""; 0]);
    }
}

#[test]
fn what_cannot_be_fetched_or_is_damaged_is_told_with_its_reason_and_tried_again() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    declare(&mut bench, declared("app.managed", "v1"));
    assert_eq!(entry(&bench, "configurations", "app")["reasons"][0]["code"], "Error.ConfigurationCannotBeApplied", "no manifest");

    serve(&mut bench, "1.4", true);
    declare(&mut bench, declared("app.managed", "v2.0"));
    bench.wait(100);
    let item = told(&bench, "app.managed");
    assert_eq!((&item["state"], &item["reasons"][0]["code"]), (&json!("failed"), &json!("Error.InstallFailed")));

    serve(&mut bench, "1.4", false);
    bench.server.files.pop();
    declare(&mut bench, declared("app.managed", "v3.0.0"));
    bench.wait(2_000);
    assert_eq!(told(&bench, "app.managed")["reasons"][0]["code"], "Error.DownloadFailed");
    assert!(bench.device.downloads().is_empty());
    serve(&mut bench, "1.4", false);
    bench.wait(2 * 86_400);
    assert_eq!(told(&bench, "app.managed")["state"], "managed", "it tries again by itself");
}

#[test]
fn an_update_that_does_not_come_leaves_the_app_as_it_was() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    serve(&mut bench, "1.4", false);
    declare(&mut bench, declared("app.managed", "v1"));
    bench.wait(100);
    serve(&mut bench, "1.5", true);
    declare(&mut bench, declared("app.managed", "v2.0"));
    bench.wait(100);
    let item = told(&bench, "app.managed");
    assert_eq!((&item["state"], &item["version"], &item["update-state"]), (&json!("managed"), &json!("1.4"), &json!("failed")));
}

#[test]
fn what_a_command_brought_is_handed_over_without_being_downloaded_again() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    serve(&mut bench, "1.4", false);
    bench.ask("InstallApplication", [("ManifestURL", Value::from(MANIFEST))]);
    bench.wait(100);
    declare(&mut bench, declared("app.managed", "v1"));
    bench.wait(100);
    assert_eq!((&told(&bench, "app.managed")["state"], bench.device.downloads().len()), (&json!("managed"), 1));
    declare(&mut bench, Vec::new());
    assert!(bench.device.apps.find("org.example.field").is_none());
}

/// An app of the store as it is declared, under a token; the server of these tests tells sets apart by the length of their tokens.
fn of_store(token: &str, identifier: &str, more: &Json) -> Vec<(&'static str, Json)> {
    let mut payload = json!({ "AppStoreID": "1500000002", "InstallBehavior": { "Install": "Required" } });
    payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut app = declaration("configuration.app.managed", identifier, payload);
    app["ServerToken"] = json!(token);
    vec![activation("act", &[identifier, "subscriptions"]), ("configuration", app), subscriptions(&["app.managed.list"])]
}

#[test]
fn what_a_person_declined_is_asked_again_when_its_declaration_changes_or_comes_back_and_not_otherwise() {
    let atlas = |bench: &Bench| bench.device.apps().into_iter().find(|app| app.identifier == "school.example.atlas");
    let state = |bench: &Bench| told(bench, "app.managed")["state"].clone();
    for (token, identifier) in [("v2.0", "app"), ("v1", "another")] {
        let mut bench = Bench::enrolled("-iPad13,18@18");
        bench.device.person_agrees(false);
        declare(&mut bench, of_store("v1", "app", &json!({})));
        bench.wait(600);
        assert_eq!((state(&bench), atlas(&bench).unwrap().installed), (json!("failed"), false));
        bench.device.person_agrees(true);
        declare(&mut bench, [of_store("v1", "app", &json!({})), vec![test_configuration("other")]].concat());
        bench.wait(600);
        assert_eq!((state(&bench), atlas(&bench).unwrap().installed), (json!("failed"), false), "something else changed");
        declare(&mut bench, of_store(token, identifier, &json!({})));
        bench.wait(600);
        assert_eq!((state(&bench), atlas(&bench).unwrap().installed), (json!("managed"), true), "{token} {identifier}");
        assert_eq!(bench.remarks(), [""; 0]);
    }
}

#[test]
fn an_app_that_is_kept_as_it_is_gets_its_newer_version_when_its_declaration_changes() {
    let version = |bench: &Bench| told(bench, "app.managed")["version"].clone();
    let kept = json!({ "UpdateBehavior": { "AutomaticAppUpdates": "AlwaysOff" } });
    let mut bench = Bench::enrolled("iPad13,18@26");
    declare(&mut bench, of_store("v1", "app", &kept));
    bench.wait(600);
    let before = version(&bench);
    bench.device.store_renews("school.example.atlas", "99.1");
    declare(&mut bench, of_store("v1", "app", &kept));
    bench.wait(7200);
    assert_eq!(version(&bench), before, "nobody asked");
    declare(&mut bench, of_store("v2.0", "app", &kept));
    bench.wait(600);
    assert_eq!(version(&bench), json!("99.1"));
    assert_eq!(bench.device.apps().len(), bench.device.apps().iter().filter(|app| app.installed).count(), "it never went");
}
