//! Apps over time: ordered, asked for, installed, configured, verified, removed.

use super::super::apps::App;
use super::super::values::texts;
use super::*;
use crate::sim::model::{KNOWN_APPS, Person};

fn managed_status(bench: &mut Bench) -> Option<String> {
    let report = bench.ask("ManagedApplicationList", []);
    let list = fields::dictionary(&report, "ManagedApplicationList").unwrap();
    list.values().next().and_then(Value::as_dictionary).and_then(|item| fields::filled(item, "Status"))
}

#[test]
fn a_supervised_device_installs_an_app_silently_over_time() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    let report = bench.ask("InstallApplication", [("iTunesStoreID", Value::from(1_500_000_001)), ("ManagementFlags", Value::from(1))]);
    assert_eq!((fields::text(&report, "Identifier"), fields::text(&report, "State")), (Some("school.example.field"), Some("Queued")));
    assert_eq!(managed_status(&mut bench).as_deref(), Some("Queued"));
    let again = bench.ask("InstallApplication", [("iTunesStoreID", Value::from(1_500_000_001))]);
    assert_eq!((status(&again), fields::text(&again, "RejectionReason")), ("Error", Some("AppAlreadyQueued")));
    bench.wait(3);
    assert_eq!(managed_status(&mut bench).as_deref(), Some("Installing"));
    bench.wait(100);
    assert_eq!(managed_status(&mut bench).as_deref(), Some("Managed"));
    let removed = bench.ask("RemoveApplication", [("Identifier", Value::from("school.example.field"))]);
    assert_eq!(status(&removed), "Acknowledged");
    assert_eq!(managed_status(&mut bench), None);
    assert_eq!(code(&bench.ask("RemoveApplication", [("Identifier", Value::from("school.example.field"))])), 12029);
}

#[test]
fn an_unsupervised_device_asks_its_person() {
    for (agrees, ends) in [(true, "Managed"), (false, "UserRejected")] {
        let mut facts = individual("-iPad13,18@18");
        facts.person = Person { agrees, answers_after_s: 60, returns_after_s: 600 };
        facts.apps.clear();
        let mut bench = Bench::of(facts, DeviceFaults::default());
        bench.run();
        let report = bench.ask("InstallApplication", [("iTunesStoreID", Value::from(1_500_000_001))]);
        assert_eq!(fields::text(&report, "State"), Some("Prompting"));
        bench.wait(300);
        assert_eq!(managed_status(&mut bench).as_deref(), Some(ends));
        assert_eq!(managed_status(&mut bench).as_deref(), agrees.then_some("Managed"), "a refusal is told once");
    }
}

#[test]
fn an_app_of_the_user_is_taken_over_only_when_asked_for() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    bench.device.apps.place(App::of_store(&KNOWN_APPS[5]));
    let id = || ("Identifier", Value::from(KNOWN_APPS[5].identifier));
    let refused = bench.ask("InstallApplication", [id()]);
    assert_eq!(fields::text(&refused, "RejectionReason"), Some("AppAlreadyInstalled"));
    let taken = bench.ask("InstallApplication", [id(), ("ChangeManagementState", Value::from("Managed"))]);
    assert_eq!((status(&taken), fields::text(&taken, "State")), ("Acknowledged", Some("Managed")));
}

#[test]
fn configuration_is_stored_and_feedback_read_back_and_cleared() {
    let mut bench = Bench::enrolled("iPad13,18@18");
    let configuration = dict([("server", Value::from("https://school.example"))]);
    bench.ask("InstallApplication", [("iTunesStoreID", Value::from(1_500_000_001)), ("Configuration", configuration)]);
    bench.wait(100);
    let identifiers = || ("Identifiers", texts(["school.example.field"]));
    let item = |report: &Dictionary, list: &str| fields::dictionaries(report, list).next().cloned().unwrap();
    let stored = bench.ask("ManagedApplicationConfiguration", [identifiers()]);
    assert!(item(&stored, "ApplicationConfigurations").contains_key("Configuration"));
    let feedback = bench.ask("ManagedApplicationFeedback", [identifiers(), ("DeleteFeedback", Value::Boolean(true))]);
    assert!(item(&feedback, "ManagedApplicationFeedback").contains_key("Feedback"));
    let gone = bench.ask("ManagedApplicationFeedback", [identifiers()]);
    assert!(!item(&gone, "ManagedApplicationFeedback").contains_key("Feedback"));
    let setting = dict([("Item", Value::from("ApplicationConfiguration")), ("Identifier", Value::from("school.example.field"))]);
    bench.ask("Settings", [("Settings", Value::Array(vec![setting]))]);
    let stored = bench.ask("ManagedApplicationConfiguration", [identifiers()]);
    assert!(!item(&stored, "ApplicationConfigurations").contains_key("Configuration"));
}

#[test]
fn an_in_house_app_is_verified_by_manifest_and_chunks() {
    let url = "https://mdm.example.school/packages/field.ipa";
    let order = || [("ManifestURL", Value::from("https://mdm.example.school/packages/manifest.plist"))];
    for damaged in [false, true] {
        let mut bench = Bench::enrolled("iPad13,18@18");
        let mut file = vec![7; 2500];
        let manifest = super::super::packages::manifest("org.example.field", url, &file, 1000);
        file[1800] ^= u8::from(damaged);
        bench.server.files = vec![("https://mdm.example.school/packages/manifest.plist".into(), xml(&manifest)), (url.into(), file)];
        let report = bench.ask("InstallApplication", order());
        assert_eq!((fields::text(&report, "Identifier"), fields::text(&report, "State")), (Some("org.example.field"), Some("Queued")));
        bench.wait(100);
        assert_eq!(managed_status(&mut bench).as_deref(), Some(if damaged { "Failed" } else { "Managed" }));
    }
    let mut bench = Bench::enrolled("iPad13,18@18");
    let report = bench.ask("InstallApplication", order());
    assert_eq!(fields::text(&report, "RejectionReason"), Some("CouldNotVerifyAppID"));
    let insecure = bench.ask("InstallApplication", [("ManifestURL", Value::from("http://mdm.example.school/manifest.plist"))]);
    assert_eq!(code(&insecure), 12034);
}

#[test]
fn a_mac_takes_apps_without_managing_them_and_never_says_why_not() {
    let mut bench = Bench::enrolled("Mac14,2@15");
    let report = bench.ask("InstallApplication", [("iTunesStoreID", Value::from(1_500_000_001))]);
    assert_eq!(status(&report), "Acknowledged");
    assert_eq!(managed_status(&mut bench), None);
    let wrong = bench.ask("InstallApplication", [("iTunesStoreID", Value::from(377_298_193))]);
    assert_eq!(fields::text(&wrong, "RejectionReason"), Some("Other"));
}

#[test]
fn an_app_that_costs_something_waits_for_a_code_and_takes_one() {
    for device in ["iPad13,18@18", "ipad@12"] {
        let mut bench = Bench::enrolled(device);
        bench.device.apps.remove("school.example.choir");
        bench.device.apps.delete_by_user("school.example.choir");
        let report = bench.ask("InstallApplication", [("iTunesStoreID", Value::from(1_500_000_004))]);
        assert_eq!(fields::text(&report, "State"), Some("NeedsRedemption"), "{device}");
        bench.wait(300);
        assert_eq!(managed_status(&mut bench).as_deref(), Some("NeedsRedemption"));
        let mut apply = |identifier: &str, redeemed: &str| {
            let report =
                bench.ask("ApplyRedemptionCode", [("Identifier", Value::from(identifier)), ("RedemptionCode", Value::from(redeemed))]);
            (status(&report) == "Error").then(|| code(&report))
        };
        assert_eq!(apply("school.example.atlas", "AAAA1111"), Some(12028));
        assert_eq!(apply("school.example.choir", "?"), Some(12037));
        assert_eq!(apply("school.example.choir", "AAAA1111"), None);
        assert_eq!(apply("school.example.choir", "AAAA1111"), Some(12028), "it has one");
        bench.wait(100);
        assert_eq!(managed_status(&mut bench).as_deref(), Some("Managed"));
    }
    let mut licensed = Bench::enrolled("iPad13,18@18");
    licensed.device.apps.delete_by_user("school.example.choir");
    let options = dict([("PurchaseMethod", Value::from(1))]);
    let report = licensed.ask("InstallApplication", [("iTunesStoreID", Value::from(1_500_000_004)), ("Options", options)]);
    assert_eq!(fields::text(&report, "State"), Some("Queued"), "a licence has paid for it");
}
