//! What declarations point to: profiles that are fetched and taken over, and data that is checked.

use serde_json::json;

use super::declarations::{activation, declaration, declare, entry};
use super::*;

const URL: &str = "https://mdm.example.school/ddm/x/profile/1";

/// A profile with one certificate.
fn certificate_profile(uuid: &str) -> Dictionary {
    let mut profile = enrollment_profile("none");
    profile.insert("PayloadIdentifier".into(), Value::from("school.example.root"));
    profile.insert("PayloadUUID".into(), Value::from(uuid));
    profile.get_mut("PayloadContent").and_then(Value::as_array_mut).unwrap().truncate(1);
    profile
}

fn legacy(version: &str) -> (&'static str, Json) {
    let mut legacy = declaration("configuration.legacy", "legacy", json!({ "ProfileURL": URL }));
    legacy["ServerToken"] = json!(version);
    ("configuration", legacy)
}

fn reason(bench: &Bench, list: &str, identifier: &str) -> String {
    entry(bench, list, identifier)["reasons"][0]["code"].as_str().unwrap_or_default().to_owned()
}

fn sources(bench: &Bench) -> Vec<&'static str> {
    bench
        .device
        .profiles()
        .into_iter()
        .filter(|profile| profile.identifier == "school.example.root")
        .map(|profile| profile.source)
        .collect()
}

#[test]
fn a_profile_that_a_command_brought_is_taken_over_where_it_is_the_same() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    bench.ask("InstallProfile", [("Payload", Value::Data(xml(&certificate_profile("U-1"))))]);
    bench.server.files.push((URL.into(), xml(&certificate_profile("U-1"))));
    declare(&mut bench, vec![activation("act", &["legacy"]), legacy("v1")]);
    assert_eq!(sources(&bench), ["declaration"]);
    assert_eq!(entry(&bench, "configurations", "legacy")["valid"], "valid");
    let again = bench.ask("InstallProfile", [("Payload", Value::Data(xml(&certificate_profile("U-1"))))]);
    assert_eq!(code(&again), 4012);
    let removed = bench.ask("RemoveProfile", [("Identifier", Value::from("school.example.root"))]);
    assert_eq!(code(&removed), 12013);
    assert_eq!(sources(&bench), ["declaration"]);
}

#[test]
fn a_profile_of_another_structure_is_not_taken_over() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    bench.ask("InstallProfile", [("Payload", Value::Data(xml(&certificate_profile("U-1"))))]);
    bench.server.files.push((URL.into(), xml(&certificate_profile("U-2"))));
    declare(&mut bench, vec![activation("act", &["legacy"]), legacy("v1")]);
    assert_eq!(reason(&bench, "configurations", "legacy"), "Error.ConfigurationCannotBeApplied");
    assert_eq!(reason(&bench, "activations", "act"), "Error.ActivationFailed");
    assert_eq!(sources(&bench), ["command"]);
}

#[test]
fn a_profile_that_is_not_there_is_told_and_tried_again_with_the_next_version() {
    for status in [404, 410] {
        let mut bench = Bench::enrolled("iPad13,18@18");
        bench.server.instead.push((Purpose::Content, Response::new(status, "", "")));
        declare(&mut bench, vec![activation("act", &["legacy"]), legacy("v1")]);
        let told = entry(&bench, "configurations", "legacy");
        assert_eq!((&told["valid"], &told["active"]), (&json!("invalid"), &json!(false)));
        assert!(told["reasons"][0]["description"].as_str().unwrap().contains(&status.to_string()), "{told}");
        assert!(sources(&bench).is_empty());
        bench.server.files.push((URL.into(), xml(&certificate_profile("U-1"))));
        declare(&mut bench, vec![activation("act", &["legacy"]), legacy("v1.1")]);
        assert_eq!(entry(&bench, "configurations", "legacy")["active"], true);
        assert_eq!(sources(&bench), ["declaration"]);
    }
}

#[test]
fn another_server_token_replaces_the_profile_and_no_declaration_takes_it_away() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    bench.server.files.push((URL.into(), xml(&certificate_profile("U-1"))));
    declare(&mut bench, vec![activation("act", &["legacy"]), legacy("v1")]);
    bench.server.files[0].1 = xml(&certificate_profile("U-2"));
    declare(&mut bench, vec![activation("act", &["legacy"]), legacy("v1"), super::declarations::test_configuration("more")]);
    assert_eq!(bench.device.profiles()[1].uuid, "U-1", "the same token is not fetched again");
    declare(&mut bench, vec![activation("act", &["legacy"]), legacy("v2.0")]);
    assert_eq!(bench.device.profiles()[1].uuid, "U-2");
    declare(&mut bench, Vec::new());
    assert!(sources(&bench).is_empty());
}

#[test]
fn a_profile_that_enrolls_is_refused() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    bench.server.files.push((URL.into(), xml(&enrollment_profile("practice-challenge"))));
    declare(&mut bench, vec![activation("act", &["legacy"]), legacy("v1")]);
    assert_eq!(reason(&bench, "configurations", "legacy"), "Error.ConfigurationIsInvalid");
}

fn asset(url: &str) -> (&'static str, Json) {
    let reference = json!({ "DataURL": url, "ContentType": "application/json", "Size": 2 });
    ("asset", declaration("asset.data", "data", json!({ "Reference": reference })))
}

#[test]
fn data_is_fetched_when_it_is_referred_to_and_checked() {
    let wants = |asset: &str| {
        ("configuration", declaration("configuration.management.test", "test", json!({ "Echo": "x", "EchoDataAssetReference": asset })))
    };
    let mut bench = Bench::enrolled("iPad13,18@18");
    declare(&mut bench, vec![activation("act", &["test"]), super::declarations::test_configuration("test"), asset(URL)]);
    assert_eq!(reason(&bench, "assets", "data"), "Info.NotReferencedByConfiguration");
    assert_eq!(bench.server.messages(Purpose::Content).len(), 0);
    declare(&mut bench, vec![activation("act", &["test"]), wants("nobody")]);
    assert_eq!(reason(&bench, "configurations", "test"), "Error.MissingAssets");
    declare(&mut bench, vec![activation("act", &["test"]), wants("data"), asset(URL)]);
    assert_eq!(reason(&bench, "assets", "data"), "Error.AssetCannotBeDownloaded");
    assert_eq!(reason(&bench, "activations", "act"), "Error.ActivationFailed");
    bench.server.instead.push((Purpose::Content, Response::new(200, "application/json", "{}")));
    bench.wait(90_000);
    assert_eq!(entry(&bench, "assets", "data")["valid"], "valid", "it is tried again every day");
    assert_eq!(entry(&bench, "configurations", "test")["active"], true);
}

#[test]
fn data_that_is_not_as_declared_is_not_taken_and_said_so() {
    // `printf '{}' | openssl dgst -sha256`
    let hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let right = json!({ "DataURL": URL, "ContentType": "application/json", "Size": 2, "Hash-SHA-256": hash });
    let with = |key: &str, value: Json| {
        let mut reference = right.clone();
        reference[key] = value;
        reference
    };
    for (reference, wanted) in [
        (right.clone(), ""),
        (with("Size", json!(3)), "Error.AssetCannotBeVerified"),
        (with("Hash-SHA-256", json!(hash.replace('4', "5"))), "Error.AssetCannotBeVerified"),
        (with("ContentType", json!("text/plain")), "Error.AssetCannotBeVerified"),
    ] {
        let mut bench = Bench::enrolled("iPad13,18@18");
        bench.server.instead.push((Purpose::Content, Response::new(200, "application/json", "{}")));
        let test = declaration("configuration.management.test", "test", json!({ "Echo": "x", "EchoDataAssetReference": "data" }));
        let data = declaration("asset.data", "data", json!({ "Reference": reference, "Authentication": { "Type": "None" } }));
        declare(&mut bench, vec![activation("act", &["test"]), ("configuration", test), ("asset", data)]);
        assert_eq!(reason(&bench, "assets", "data"), wanted, "{reference}");
        assert_eq!(entry(&bench, "configurations", "test")["active"], wanted.is_empty());
        assert_eq!(bench.device.asset(None, "data").is_some(), wanted.is_empty());
    }
}

#[test]
fn data_that_is_gone_is_said_to_be_so() {
    for status in [404, 410] {
        let mut bench = Bench::enrolled("iPad13,18@18");
        bench.server.instead.push((Purpose::Content, Response::new(status, "", "")));
        let test = declaration("configuration.management.test", "test", json!({ "Echo": "x", "EchoDataAssetReference": "data" }));
        declare(&mut bench, vec![activation("act", &["test"]), ("configuration", test), asset(URL)]);
        assert_eq!(reason(&bench, "assets", "data"), "Error.AssetCannotBeDownloaded");
    }
}
