//! Declarations: the sync, what comes of them, and the status that is told.

use serde_json::json;

use super::*;

pub(super) fn declare(bench: &mut Bench, declarations: Vec<(&'static str, Json)>) {
    bench.server.declarations = declarations;
    bench.ask("DeclarativeManagement", []);
    bench.wait(5);
}

pub(super) fn declaration(kind: &str, identifier: &str, payload: Json) -> Json {
    let server_token = format!("v{}", payload.to_string().len());
    json!({ "Type": format!("com.apple.{kind}"), "Identifier": identifier, "ServerToken": server_token, "Payload": payload })
}

pub(super) fn activation(identifier: &str, configurations: &[&str]) -> (&'static str, Json) {
    ("activation", declaration("activation.simple", identifier, json!({ "StandardConfigurations": configurations })))
}

pub(super) fn test_configuration(identifier: &str) -> (&'static str, Json) {
    ("configuration", declaration("configuration.management.test", identifier, json!({ "Echo": "hello" })))
}

pub(super) fn subscriptions(items: &[&str]) -> (&'static str, Json) {
    let items: Vec<_> = items.iter().map(|item| json!({ "Name": item })).collect();
    ("configuration", declaration("configuration.management.status-subscriptions", "subscriptions", json!({ "StatusItems": items })))
}

pub(super) fn statuses(bench: &Bench) -> Vec<Json> {
    let told = bench.server.messages(Purpose::DeclarativeManagement).into_iter().filter_map(|message| fields::data(message, "Data"));
    told.map(|data| serde_json::from_slice(data).unwrap()).collect()
}

pub(super) fn entry(bench: &Bench, list: &str, identifier: &str) -> Json {
    let reports = statuses(bench);
    let mut lists = reports.iter().rev().map(|report| &report["StatusItems"]["management"]["declarations"][list]);
    let found = lists.find_map(|list| list.as_array()).unwrap().iter().find(|entry| entry["identifier"] == identifier);
    found.unwrap_or_else(|| panic!("{identifier} is not told: {reports:?}")).clone()
}

#[test]
fn a_sync_goes_from_tokens_to_status() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    declare(&mut bench, vec![activation("act", &["test"]), test_configuration("test")]);
    let endpoints: Vec<_> =
        bench.server.messages(Purpose::DeclarativeManagement).iter().filter_map(|message| fields::text(message, "Endpoint")).collect();
    let wanted = ["tokens", "declaration-items", "declaration/configuration/test", "declaration/activation/act", "status"];
    assert_eq!(endpoints, wanted);
    assert_eq!(
        entry(&bench, "configurations", "test"),
        json!({ "active": true, "identifier": "test", "server-token": "v16", "valid": "valid" })
    );
    assert_eq!(entry(&bench, "activations", "act")["active"], true);
    assert_eq!(bench.remarks(), [""; 0]);
}

#[test]
fn the_first_status_has_the_shape_of_a_captured_one() {
    let Some(folder) = crate::shared_for_tests() else { return };
    let capture: Json = serde_json::from_slice(&std::fs::read(folder.join("captures/declarative/status-first.json")).unwrap()).unwrap();
    let mut bench = Bench::enrolled("Mac14,2@13");
    declare(&mut bench, Vec::new());
    let report = &statuses(&bench)[0];
    let (ours, theirs) = (&report["StatusItems"]["management"], &capture["StatusItems"]["management"]);
    assert_eq!(ours["declarations"], theirs["declarations"]);
    let known = |json: &Json, part: &str| {
        let mut names: Vec<String> = json["client-capabilities"]["supported-payloads"]
            .pointer(part)
            .unwrap()
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    for part in ["/declarations/activations", "/declarations/configurations", "/declarations/management"] {
        assert_eq!(known(ours, part), known(theirs, part), "{part}");
    }
    for item in known(theirs, "/status-items") {
        // It is in no table of Apple's.
        assert!(item == "test.error-value" || known(ours, "/status-items").contains(&item), "{item}");
    }
}

#[test]
fn the_same_token_ends_the_sync_at_once() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    declare(&mut bench, vec![activation("act", &["test"]), test_configuration("test")]);
    let before = bench.server.messages(Purpose::DeclarativeManagement).len();
    bench.ask("DeclarativeManagement", []);
    bench.wait(5);
    assert_eq!(bench.server.messages(Purpose::DeclarativeManagement).len(), before + 1, "tokens, and no more");
    let token = bench.device.channels[0].declarations.token().unwrap().to_owned();
    let tokens = json!({ "SyncTokens": { "DeclarationsToken": token, "Timestamp": "2026-11-25T08:00:00Z" } });
    bench.ask("DeclarativeManagement", [("Data", Value::Data(tokens.to_string().into_bytes()))]);
    bench.wait(5);
    assert_eq!(bench.server.messages(Purpose::DeclarativeManagement).len(), before + 1, "not even tokens");
}

#[test]
fn what_is_wrong_with_a_declaration_is_told() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    let failing =
        ("configuration", declaration("configuration.management.test", "failing", json!({ "Echo": "x", "ReturnStatus": "Failed" })));
    let unknown = ("configuration", declaration("configuration.safari.settings", "too-new", json!({})));
    let predicate = json!({ "StandardConfigurations": ["test"], "Predicate": "@status(device.model.family) == 'Mac'" });
    declare(
        &mut bench,
        vec![
            activation("broken", &["failing"]),
            activation("missing", &["nobody"]),
            ("activation", declaration("activation.simple", "elsewhere", predicate)),
            failing,
            unknown,
            test_configuration("test"),
        ],
    );
    let reason = |list: &str, identifier: &str| entry(&bench, list, identifier)["reasons"][0]["code"].as_str().unwrap().to_owned();
    assert_eq!(reason("activations", "broken"), "Error.ActivationFailed");
    assert_eq!(reason("activations", "missing"), "Error.MissingConfigurations");
    assert_eq!(reason("activations", "elsewhere"), "Info.Predicate");
    assert_eq!(reason("configurations", "failing"), "Error.ConfigurationFailed");
    assert_eq!(reason("configurations", "too-new"), "Error.ConfigurationNotSupported");
    assert_eq!(reason("configurations", "test"), "Info.NotReferencedByActivation");
}

#[test]
fn a_missing_declaration_is_dropped_and_the_rest_is_applied() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    bench.server.declarations = vec![activation("act", &["test"]), test_configuration("test"), test_configuration("without")];
    let uuid = bench.server.enqueue("DeclarativeManagement", []);
    bench.device.wake(0);
    while bench.server.messages(Purpose::DeclarativeManagement).len() < 2 {
        bench.step();
    }
    bench.server.instead.push((Purpose::DeclarativeManagement, Response::new(404, "", "")));
    bench.run();
    bench.wait(5);
    assert_eq!(status(&bench.server.report(&uuid)), "Acknowledged");
    assert_eq!(entry(&bench, "configurations", "test")["active"], true);
    let told = statuses(&bench);
    assert_eq!(told[0]["StatusItems"]["management"]["declarations"]["configurations"].as_array().unwrap().len(), 1);
}

#[test]
fn only_what_changed_is_told_and_everything_once_a_day() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    declare(
        &mut bench,
        vec![activation("act", &["subscriptions"]), subscriptions(&["passcode.is-present", "device.model.family", "nonsense"])],
    );
    let first = statuses(&bench).pop().unwrap();
    assert_eq!(first["StatusItems"]["device"]["model"]["family"], "iPad");
    assert_eq!(first["Errors"][0]["StatusItem"], "nonsense");
    let before = statuses(&bench).len();
    bench.wait(3600);
    assert_eq!(statuses(&bench).len(), before, "nothing changed, nothing is told");
    let present = bench.device.facts().passcode;
    bench.device.set_passcode(!present);
    bench.device.status_changed(bench.now);
    bench.wait(10);
    let told = statuses(&bench).pop().unwrap();
    assert_eq!(told["StatusItems"], json!({ "passcode": { "is-present": !present } }));
    bench.wait(90_000);
    let full = statuses(&bench).pop().unwrap();
    assert_eq!((&full["FullReport"], &full["StatusItems"]["device"]["model"]["family"]), (&json!(true), &json!("iPad")));
}

#[test]
fn a_declared_app_is_installed_listed_by_status_only_and_goes_with_its_declaration() {
    let app = (
        "configuration",
        declaration(
            "configuration.app.managed",
            "app",
            json!({ "AppStoreID": "1500000001", "InstallBehavior": { "Install": "Required" } }),
        ),
    );
    let mut bench = Bench::enrolled("iPad13,18@18");
    declare(&mut bench, vec![activation("act", &["app", "subscriptions"]), app, subscriptions(&["app.managed.list"])]);
    bench.wait(120);
    let told = statuses(&bench);
    let state = |report: &Json| report["StatusItems"]["app"]["managed"]["list"][0]["state"].as_str().map(str::to_owned);
    let states: Vec<_> = told.iter().filter_map(state).collect();
    assert_eq!((states[0].as_str(), states.last().unwrap().as_str()), ("queued", "managed"));
    let list = bench.ask("ManagedApplicationList", []);
    assert!(fields::dictionary(&list, "ManagedApplicationList").unwrap().is_empty());
    let refused = bench.ask("InstallApplication", [("iTunesStoreID", Value::from(1_500_000_001))]);
    assert_eq!(fields::text(&refused, "RejectionReason"), Some("ManagementChangeNotSupported"));
    declare(&mut bench, vec![activation("act", &["subscriptions"]), subscriptions(&["app.managed.list"])]);
    let gone = statuses(&bench).pop().unwrap();
    assert_eq!(gone["StatusItems"]["app"]["managed"]["list"][0]["_removed"], true);
}

#[test]
fn an_enforced_update_is_downloaded_at_once_and_installed_at_its_deadline() {
    let update = json!({ "TargetOSVersion": "26.1", "TargetLocalDateTime": "2026-11-25T12:00:00" });
    let mut bench = Bench::enrolled("iPad13,18@26.0.1");
    let enforce = ("configuration", declaration("configuration.softwareupdate.enforcement.specific", "update", update));
    let items = ["softwareupdate.install-state", "softwareupdate.pending-version", "device.operating-system.version"];
    // One activation would not do: it fails as a whole once the update is no longer newer than what runs.
    let activations = [activation("act", &["update"]), activation("status", &["subscriptions"])];
    declare(&mut bench, activations.into_iter().chain([enforce, subscriptions(&items)]).collect());
    bench.wait(600);
    let states = |bench: &Bench| -> Vec<String> {
        statuses(bench)
            .iter()
            .filter_map(|report| report["StatusItems"]["softwareupdate"]["install-state"].as_str().map(str::to_owned))
            .collect()
    };
    assert_eq!(states(&bench).last().unwrap(), "prepared");
    assert_eq!(bench.device.facts().release.text, "26.0.1");
    bench.wait(4 * 3600);
    assert_eq!(bench.device.facts().release.text, "26.1");
    let last = statuses(&bench)
        .into_iter()
        .rev()
        .find_map(|report| report["StatusItems"]["device"]["operating-system"]["version"].as_str().map(str::to_owned));
    assert_eq!(last.as_deref(), Some("26.1"));
    assert_eq!(entry(&bench, "configurations", "update")["reasons"][0]["code"], "Error.ConfigurationCannotBeApplied");
}

#[test]
fn a_profile_by_declaration_is_fetched_and_belongs_to_it() {
    let url = "https://mdm.example.school/ddm/profile";
    let mut profile = enrollment_profile("none");
    profile.insert("PayloadIdentifier".into(), Value::from("school.example.root"));
    profile.get_mut("PayloadContent").and_then(Value::as_array_mut).unwrap().truncate(1);
    let mut bench = Bench::enrolled("iPad13,18@18");
    bench.server.files.push((url.into(), xml(&profile)));
    let legacy = ("configuration", declaration("configuration.legacy", "legacy", json!({ "ProfileURL": url })));
    declare(&mut bench, vec![activation("act", &["legacy"]), legacy]);
    let list = bench.ask("ProfileList", []);
    let item = fields::dictionaries(&list, "ProfileList")
        .find(|item| fields::text(item, "PayloadIdentifier") == Some("school.example.root"))
        .unwrap();
    assert_eq!(fields::text(item, "Source"), Some("Declarative Device Management"));
    assert_eq!(code(&bench.ask("RemoveProfile", [("Identifier", Value::from("school.example.root"))])), 12013);
    declare(&mut bench, Vec::new());
    let list = bench.ask("ProfileList", []);
    assert_eq!(fields::dictionaries(&list, "ProfileList").count(), 1);
}

#[test]
fn a_server_that_contradicts_itself_is_remarked() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    let items = json!({ "Declarations": { "Activations": [], "Configurations": [], "Management": [] }, "DeclarationsToken": "x" });
    bench.server.enqueue("DeclarativeManagement", []);
    bench.device.wake(0);
    while bench.server.messages(Purpose::DeclarativeManagement).is_empty() {
        bench.step();
    }
    bench.server.instead.push((Purpose::DeclarativeManagement, Response::new(200, "application/json", items.to_string())));
    bench.run();
    assert!(bench.remarks()[0].contains("four arrays"), "{:?}", bench.remarks());
}

#[test]
fn a_renewal_makes_the_device_forget_its_declarations() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    declare(&mut bench, vec![activation("act", &["test"]), test_configuration("test")]);
    bench.ask("InstallProfile", [("Payload", Value::Data(xml(&enrollment_profile("practice-challenge"))))]);
    assert!(bench.device.channels[0].declarations.token().is_none());
}

#[test]
fn the_code_for_an_unknown_type_depends_on_the_generation() {
    for (word, wanted) in [("iPad13,18@26", "Error.ConfigurationNotSupported"), ("iPad13,18@27", "Error.UnknownDeclarationType")] {
        let mut bench = Bench::enrolled(word);
        declare(&mut bench, vec![("configuration", declaration("configuration.toaster.settings", "toast", json!({})))]);
        assert_eq!(entry(&bench, "configurations", "toast")["reasons"][0]["code"], wanted);
    }
}

#[test]
fn payloads_are_judged_key_by_key() {
    let mut bench = Bench::enrolled("ipad@27");
    let cases = [
        ("passcode.settings", json!({ "MinimumLength": 6, "Colour": "red" }), "Error.UnknownPayloadKeys"),
        ("passcode.settings", json!({ "MinimumLength": 99 }), "Error.ConfigurationIsInvalid"),
        ("app.settings", json!({ "Allowed": { "AllowedApps": "com.apple.Maps" } }), "Error.ConfigurationCannotBeDeserialized"),
        ("management.status-subscriptions", json!({}), "Error.ConfigurationIsInvalid"),
        ("softwareupdate.settings", json!({ "Deferrals": { "CombinedPeriodInDays": 91 } }), "Error.ConfigurationIsInvalid"),
        ("softwareupdate.enforcement.specific", json!({ "TargetOSVersion": "99.0" }), "Error.ConfigurationIsInvalid"),
    ];
    let declarations = cases.iter().enumerate().map(|(index, (kind, payload, _))| {
        ("configuration", declaration(&format!("configuration.{kind}"), &format!("c{index}"), payload.clone()))
    });
    declare(&mut bench, declarations.collect());
    for (index, (kind, _, wanted)) in cases.iter().enumerate() {
        let told = entry(&bench, "configurations", &format!("c{index}"));
        assert_eq!((&told["valid"], &told["reasons"][0]["code"]), (&json!("invalid"), &json!(wanted)), "{kind}: {told}");
    }
}

#[test]
fn a_users_declarations_are_their_own() {
    let mut bench = Bench::enrolled("mac@15");
    let user = bench.device.facts().accounts[0].short_name.clone();
    bench.server.declarations = vec![activation("act", &["test"]), test_configuration("test")];
    let uuid = bench.server.enqueue("DeclarativeManagement", []);
    bench.device.wake(1);
    bench.run();
    bench.wait(5);
    assert_eq!(status(&bench.server.report(&uuid)), "Acknowledged");
    assert!(bench.device.declarations(None).is_empty());
    let seen = bench.device.declarations(Some(&user));
    assert_eq!(seen.iter().map(|one| (one.identifier.as_str(), one.active)).collect::<Vec<_>>(), [("act", true), ("test", true)]);
    assert_eq!(bench.server.messages(Purpose::DeclarativeManagement).iter().filter(|message| !message.contains_key("UserID")).count(), 0);
}

#[test]
fn a_declared_passcode_counts_for_compliance() {
    let mut bench = Bench::enrolled("ipad@26");
    bench.device.set_passcode(false);
    assert!(bench.device.passcode_complies());
    let passcode = ("configuration", declaration("configuration.passcode.settings", "code", json!({ "RequirePasscode": true })));
    declare(&mut bench, vec![activation("act", &["code"]), passcode]);
    assert!(!bench.device.passcode_complies());
    bench.device.set_passcode(true);
    assert!(bench.device.passcode_complies());
}
