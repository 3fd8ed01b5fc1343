//! OS updates as devices take them: held back, ordered, put off, enforced, failed and tried again.

use serde_json::json;

use super::declarations::{activation, declaration, declare, entry, statuses, subscriptions};
use super::*;

const ENFORCEMENT: &str = "configuration.softwareupdate.enforcement.specific";
const DAY: u64 = 86_400;

/// A device whose person agrees after a minute, as `change` makes it.
fn bench_of(word: &str, faults: &str, change: impl FnOnce(&mut Individual)) -> Bench {
    let mut individual = individual(word);
    (individual.person.agrees, individual.person.answers_after_s, individual.passcode) = (true, 60, false);
    (individual.battery, individual.available_gb) = (individual.battery.map(|_| 0.9), 40.0);
    change(&mut individual);
    let mut bench = Bench::of(individual, Faults::parse(faults).unwrap().for_device(1));
    bench.run();
    assert_eq!(*bench.device.phase(), Phase::Enrolled, "{:?}", bench.device.journal());
    bench
}

fn bench(word: &str) -> Bench {
    bench_of(word, "", |_| {})
}

/// Orders an update; its only result.
fn order(bench: &mut Bench, version: &str, action: &str) -> Dictionary {
    order_with(bench, version, action, [])
}

fn order_with<const N: usize>(bench: &mut Bench, version: &str, action: &str, more: [(&str, Value); N]) -> Dictionary {
    let mut one = dictionary([("InstallAction", Value::from(action)), ("ProductVersion", Value::from(version))]);
    one.extend(dictionary(more));
    let report = bench.ask("ScheduleOSUpdate", [("Updates", Value::Array(vec![Value::Dictionary(one)]))]);
    let result = fields::dictionaries(&report, "UpdateResults").next().cloned();
    result.unwrap_or(report)
}

/// Action and status of a result.
fn said(result: &Dictionary) -> (String, String) {
    (fields::filled(result, "InstallAction").unwrap_or_default(), fields::filled(result, "Status").unwrap_or_default())
}

fn pair(action: &str, status: &str) -> (String, String) {
    (action.to_owned(), status.to_owned())
}

fn versions(bench: &mut Bench) -> Vec<String> {
    let report = bench.ask("AvailableOSUpdates", []);
    fields::dictionaries(&report, "AvailableOSUpdates").filter_map(|item| fields::filled(item, "Version")).collect()
}

fn runs(bench: &Bench) -> String {
    bench.device.facts().release.full_text()
}

fn restrict<const N: usize>(bench: &mut Bench, keys: [(&str, Value); N]) {
    let mut payload = dictionary([
        ("PayloadType", Value::from("com.apple.applicationaccess")),
        ("PayloadVersion", Value::from(1)),
        ("PayloadIdentifier", Value::from("school.example.hold.1")),
        ("PayloadUUID", Value::from("B0000000-0000-4000-8000-000000000001")),
    ]);
    payload.extend(dictionary(keys));
    let profile = dictionary([
        ("PayloadType", Value::from("Configuration")),
        ("PayloadVersion", Value::from(1)),
        ("PayloadIdentifier", Value::from("school.example.hold")),
        ("PayloadUUID", Value::from("B0000000-0000-4000-8000-000000000000")),
        ("PayloadContent", Value::Array(vec![Value::Dictionary(payload)])),
    ]);
    let report = bench.ask("InstallProfile", [("Payload", Value::Data(xml(&profile)))]);
    assert_eq!(status(&report), "Acknowledged", "{report:?}");
}

fn settings(bench: &mut Bench, deferrals: Json) {
    let one = ("configuration", declaration("configuration.softwareupdate.settings", "settings", json!({ "Deferrals": deferrals })));
    declare(bench, vec![activation("act", &["settings"]), one]);
    bench.run();
}

/// Declares enforced updates, each with the first letter of its name, and what is to be told.
fn enforce(bench: &mut Bench, updates: &[(&'static str, Json)]) {
    let items = ["install-state", "install-reason", "pending-version", "failure-reason"].map(|item| format!("softwareupdate.{item}"));
    let items: Vec<_> = items.iter().map(String::as_str).collect();
    let mut all = vec![activation("status", &["subscriptions"]), subscriptions(&items)];
    for (name, payload) in updates {
        all.push(("activation", declaration("activation.simple", &format!("act-{name}"), json!({ "StandardConfigurations": [name] }))));
        all.push(("configuration", declaration(ENFORCEMENT, name, payload.clone())));
    }
    declare(bench, all);
    bench.run();
}

/// The last told value of an item about updates.
fn told(bench: &Bench, item: &str) -> Json {
    let reports = statuses(bench);
    reports.iter().rev().find_map(|report| report["StatusItems"]["softwareupdate"].get(item)).cloned().unwrap_or_default()
}

#[test]
fn what_is_held_back_is_not_shown_and_can_be_ordered_all_the_same() {
    let mut bench = bench("iPad13,18@18.2.1");
    assert_eq!(bench.device.shown_updates(bench.now), ["27.1", "27.0", "26.1", "26.0.1", "18.7.1"]);
    restrict(&mut bench, [("forceDelayedSoftwareUpdates", Value::Boolean(true)), ("enforcedSoftwareUpdateDelay", Value::from(14))]);
    assert_eq!(versions(&mut bench), ["27.0", "26.1", "26.0.1", "18.7.1"]);
    // A declaration wins over the restriction, though it holds back for a shorter time.
    settings(&mut bench, json!({ "CombinedPeriodInDays": 2 }));
    assert_eq!(versions(&mut bench).first().unwrap(), "27.1");
    settings(&mut bench, json!({ "CombinedPeriodInDays": 90 }));
    assert_eq!(bench.device.shown_updates(bench.now), ["26.0.1"], "26.1 and the last 18 came out less than ninety days ago");
    assert_eq!(said(&order(&mut bench, "27.1", "DownloadOnly")), pair("DownloadOnly", "Downloading"));
    bench.wait(51 * DAY);
    assert!(bench.device.shown_updates(bench.now).contains(&String::from("26.1")), "its time has come");
    assert!(!bench.device.shown_updates(bench.now).contains(&String::from("26.0.1")), "it has expired");
}

#[test]
fn a_mac_holds_back_major_and_minor_ones_apart_and_says_until_when() {
    let mut bench = bench("Mac14,2@14.5");
    let parts = [
        ("forceDelayedMajorSoftwareUpdates", Value::Boolean(true)),
        ("enforcedSoftwareUpdateMajorOSDeferredInstallDelay", Value::from(60)),
        ("enforcedSoftwareUpdateMinorOSDeferredInstallDelay", Value::from(90)),
    ];
    restrict(&mut bench, parts);
    assert_eq!(bench.device.shown_updates(bench.now), ["26.0.1", "15.7.1", "14.7.2"], "the minor delay has no force of its own yet");
    bench.wait(700);
    let report = bench.ask("AvailableOSUpdates", []);
    let item = fields::dictionaries(&report, "AvailableOSUpdates").find(|item| fields::text(item, "Version") == Some("27.1")).unwrap();
    assert_eq!(fields::moment(item, "DeferredUntil"), Timestamp::parse("2027-01-21T00:00:00Z"));
    let item = fields::dictionaries(&report, "AvailableOSUpdates").find(|item| fields::text(item, "Version") == Some("14.7.2")).unwrap();
    assert_eq!((fields::moment(item, "DeferredUntil"), fields::flag(item, "IsMajorOSUpdate")), (None, Some(false)));
}

#[test]
fn a_mac_is_offered_nothing_before_it_has_looked() {
    let mut bench = bench("Mac14,2@26.0.1");
    assert!(versions(&mut bench).is_empty());
    let report = bench.ask("ScheduleOSUpdateScan", [("Force", Value::Boolean(true))]);
    assert_eq!(fields::flag(&report, "ScanInitiated"), Some(true));
    assert!(versions(&mut bench).is_empty(), "it takes a while");
    bench.wait(31);
    assert_eq!(versions(&mut bench), ["27.1", "27.0", "26.1"]);
    let report = bench.ask("ScheduleOSUpdateScan", []);
    assert_eq!(fields::flag(&report, "ScanInitiated"), Some(false), "it has just looked");
    let mut later = Bench::enrolled("Mac14,2@26.0.1");
    later.wait(601);
    assert_eq!(versions(&mut later).len(), 3, "it looks by itself");
}

#[test]
fn an_ipad_with_a_passcode_asks_its_person_who_may_say_no() {
    for (agrees, after) in [(true, "26.1"), (false, "26.0.1")] {
        let mut bench = bench_of("iPad13,18@26.0.1", "", |facts| (facts.passcode, facts.person.agrees) = (true, agrees));
        assert_eq!(said(&order(&mut bench, "26.1", "Default")), pair("DownloadOnly", "Downloading"));
        bench.wait(130);
        assert_eq!(said(&order(&mut bench, "26.1", "DownloadOnly")), pair("DownloadOnly", "Idle"));
        assert_eq!(said(&order(&mut bench, "26.1", "Default")), pair("InstallASAP", "Installing"));
        bench.wait(30);
        let report = bench.ask("OSUpdateStatus", []);
        assert_eq!(fields::text(fields::dictionaries(&report, "OSUpdateStatus").next().unwrap(), "Status"), Some("Idle"), "it asks");
        bench.wait(1000);
        assert_eq!(runs(&bench), after);
    }
}

#[test]
fn what_is_in_the_way_is_told_as_apple_spells_it() {
    let mut bench = bench("iPhone14,5@26.0.1");
    bench.device.set_available(1.0);
    assert_eq!(said(&order(&mut bench, "26.1", "Default")).1, "DownloadInsufficientSpace");
    bench.device.set_available(5.0);
    bench.device.set_battery(0.05);
    assert_eq!(said(&order(&mut bench, "26.1", "Default")).1, "DownloadInsufficientPower");
    bench.device.set_battery(0.15);
    assert_eq!(said(&order(&mut bench, "26.1", "Default")).1, "Downloading");
    bench.wait(130);
    assert_eq!(said(&order(&mut bench, "26.1", "InstallASAP")), pair("InstallASAP", "InstallInsufficientPower"));
    bench.device.set_battery(0.5);
    assert_eq!(said(&order(&mut bench, "26.1", "InstallASAP")).1, "InstallInsufficientSpace");
    bench.device.set_available(20.0);
    bench.device.set_in_call(true);
    assert_eq!(said(&order(&mut bench, "26.1", "InstallASAP")).1, "InstallPhoneCallInProgress");
    bench.device.set_in_call(false);
    assert_eq!(said(&order(&mut bench, "26.1", "InstallASAP")).1, "Installing");
    bench.wait(600);
    assert_eq!(said(&order(&mut bench, "27.3", "Default")).0, "Error");
    assert_eq!(said(&order(&mut bench, "27.1", "NotifyOnly")).0, "Error", "that is for Macs");
}

#[test]
fn a_mac_installs_later_and_is_put_off_as_often_as_it_may_be() {
    let mut bench = bench_of("Mac14,2@15.2", "", |facts| facts.person.agrees = false);
    let max = [("MaxUserDeferrals", Value::from(2))];
    assert_eq!(said(&order_with(&mut bench, "15.7.1", "InstallLater", max)), pair("InstallLater", "Downloading"));
    bench.wait(600);
    let seen = |bench: &mut Bench| {
        let report = bench.ask("OSUpdateStatus", []);
        let item = fields::dictionaries(&report, "OSUpdateStatus").next().cloned().unwrap_or_default();
        (fields::whole(&item, "MaxDeferrals"), fields::whole(&item, "DeferralsRemaining"), fields::moment(&item, "NextScheduledInstall"))
    };
    assert_eq!(seen(&mut bench), (Some(2), Some(2), Timestamp::parse("2026-11-26T01:00:00Z")), "two in the morning in Berlin");
    bench.wait(DAY);
    assert_eq!((seen(&mut bench).1, runs(&bench).as_str()), (Some(1), "15.2"));
    bench.wait(2 * DAY);
    assert_eq!(runs(&bench), "15.7.1", "twice was all");
}

#[test]
fn a_mac_without_a_token_of_its_server_waits_for_its_owner() {
    for (agrees, after) in [(true, "15.7.1"), (false, "15.2")] {
        let mut alone = bench_of("Mac14,2@15.2", "", |facts| facts.person.agrees = agrees);
        alone.device.situation.token_is_kept = false;
        assert_eq!(said(&order(&mut alone, "15.7.1", "InstallForceRestart")), pair("InstallForceRestart", "Downloading"));
        alone.wait(170);
        assert_eq!(runs(&alone), "15.2");
        alone.wait(1000);
        assert_eq!(runs(&alone), after);
    }
    let mut kept = bench_of("Mac14,2@15.2", "", |facts| facts.person.agrees = false);
    order(&mut kept, "15.7.1", "InstallASAP");
    kept.wait(1000);
    assert_eq!(runs(&kept), "15.7.1");
}

#[test]
fn orders_are_for_systems_that_have_them_and_for_supervised_devices() {
    let refused = |word: &str, version: &str| code(&order(&mut bench(word), version, "Default"));
    assert_eq!(refused("iPad13,18@27.0", "27.1"), 12021);
    assert_eq!(refused("-iPad13,18@26.0.1", "26.1"), 12021);
    assert_eq!(refused("iMac20,1@11.6", "11.7.10"), 12048, "a Mac takes a ProductVersion from 12 on");
    let mut old = bench("iMac20,1@10.15.6");
    assert_eq!(said(&order(&mut old, "10.15.7", "DownloadOnly")).0, "Error");
}

#[test]
fn an_enforced_update_comes_at_the_deadline_of_the_devices_own_time_zone() {
    let mut bench = bench("iPad13,18@26.0.1");
    let payload = json!({ "TargetOSVersion": "26.1", "TargetBuildVersion": "23B85", "TargetLocalDateTime": "2026-11-25T12:00:00" });
    enforce(&mut bench, &[("update", payload)]);
    assert_eq!(said(&order(&mut bench, "26.1", "Default")).0, "Error", "a declaration has it in its hands");
    bench.wait(10);
    assert_eq!(told(&bench, "pending-version")["target-local-date-time"], "2026-11-25T12:00:00");
    assert_eq!(told(&bench, "install-reason"), json!({ "reason": ["declaration"], "declaration-id": "update" }));
    bench.wait(600);
    assert_eq!(told(&bench, "install-state"), "prepared");
    bench.wait(2 * 3600);
    assert_eq!(runs(&bench), "26.0.1", "it is a quarter past eleven in Berlin");
    bench.wait(3600);
    assert_eq!(runs(&bench), "26.1");
    assert_eq!((told(&bench, "install-state"), told(&bench, "failure-reason")["count"].clone()), (json!("none"), json!(0)));
}

#[test]
fn a_deadline_that_has_passed_is_kept_an_hour_later() {
    let payload = json!({ "TargetOSVersion": "26.1", "TargetLocalDateTime": "2026-11-20T12:00:00" });
    let mut late = bench("iPad13,18@26.0.1");
    enforce(&mut late, &[("update", payload)]);
    late.wait(3500);
    assert_eq!(runs(&late), "26.0.1");
    late.wait(600);
    assert_eq!(runs(&late), "26.1 (a)", "the improvement comes along where only the version is named");

    let payload = json!({ "TargetOSVersion": "26.1", "TargetBuildVersion": "23B85", "TargetLocalDateTime": "2026-11-25T12:00:00" });
    let mut off = bench("iPad13,18@26.0.1");
    enforce(&mut off, &[("update", payload)]);
    off.wait(600);
    off.device.away_until = Timestamp::parse("2026-11-26T08:00:00Z");
    off.wait(DAY);
    assert_eq!(runs(&off), "26.0.1", "it has been on for ten minutes");
    off.wait(3600);
    assert_eq!(runs(&off), "26.1");
}

#[test]
fn of_several_the_earliest_comes_first_and_what_is_older_then_is_named() {
    let of = |version: &str, day: u8| json!({ "TargetOSVersion": version, "TargetLocalDateTime": format!("2026-11-{day}T12:00:00") });
    let mut bench = bench("iPad13,18@18.2.1");
    enforce(&mut bench, &[("new", of("27.0", 26)), ("old", of("18.7.1", 27)), ("newest", of("27.1", 28)), ("unknown", of("27.4", 26))]);
    bench.wait(DAY + 6 * 3600);
    assert_eq!(runs(&bench), "27.0");
    assert_eq!(entry(&bench, "configurations", "old")["reasons"][0]["code"], "Error.ConfigurationCannotBeApplied");
    let unknown = entry(&bench, "configurations", "unknown");
    assert_eq!((&unknown["valid"], &unknown["active"]), (&json!("valid"), &json!(true)), "it waits until there is such a release");
    bench.wait(2 * DAY);
    assert_eq!(runs(&bench), "27.1");
}

#[test]
fn a_declaration_that_is_taken_back_ends_what_is_not_being_installed() {
    let payload = json!({ "TargetOSVersion": "26.1", "TargetBuildVersion": "23B85", "TargetLocalDateTime": "2026-11-25T12:00:00" });
    for (seconds, after) in [(3000, "26.0.1"), (2 * 3600 + 3600 - 500, "26.1")] {
        let mut bench = bench("iPad13,18@26.0.1");
        enforce(&mut bench, &[("update", payload.clone())]);
        bench.wait(600);
        bench.wait(seconds);
        let is_installing = bench.device.update.is_installing();
        assert_eq!(is_installing, after == "26.1");
        bench.device.forget_declarations(bench.now);
        bench.wait(DAY);
        assert_eq!(runs(&bench), after);
    }
}

#[test]
fn a_date_with_a_zone_or_a_fraction_is_invalid() {
    for date in ["2026-12-01T18:00:00Z", "2026-12-01T18:00:00.0", "2026-12-01T18:00:00+01:00", "2026-12-01 18:00:00", "2026-13-01T18:00:00"]
    {
        let mut bench = bench("iPad13,18@26.0.1");
        enforce(&mut bench, &[("update", json!({ "TargetOSVersion": "26.1", "TargetLocalDateTime": date }))]);
        assert_eq!(entry(&bench, "configurations", "update")["reasons"][0]["code"], "Error.ConfigurationIsInvalid", "{date}");
    }
}

#[test]
fn an_update_that_fails_is_told_with_its_reason_and_tried_again() {
    let faults = "[[fault]]\nkind = \"update-fails\"\nname = \"The disk is tired.\"\ntimes = 2\n";
    let mut bench = bench_of("Mac14,2@15.2", faults, |_| {});
    enforce(&mut bench, &[("update", json!({ "TargetOSVersion": "15.7.1", "TargetLocalDateTime": "2026-11-25T10:00:00" }))]);
    bench.wait(3600 + 400);
    let failure = told(&bench, "failure-reason");
    assert_eq!((&failure["count"], &failure["reason"]), (&json!(1), &json!("The disk is tired.")));
    assert_eq!(told(&bench, "install-state"), "failed");
    bench.wait(3600);
    assert_eq!(runs(&bench), "15.7.1", "the third time it works");
    assert_eq!(told(&bench, "failure-reason")["count"], 0);
}

#[test]
fn an_update_stalls_or_is_refused_where_that_is_written() {
    let mut stalled = bench_of("iPad13,18@26.0.1", "[[fault]]\nkind = \"update-stalls\"\non = [\"26.1\"]\n", |_| {});
    order(&mut stalled, "26.1", "Default");
    stalled.wait(DAY);
    let report = stalled.ask("OSUpdateStatus", []);
    let item = fields::dictionaries(&report, "OSUpdateStatus").next().unwrap();
    assert_eq!((fields::text(item, "Status"), fields::flag(item, "IsDownloaded")), (Some("Downloading"), Some(false)));
    let text = "[[fault]]\nkind = \"update-refused\"\nname = \"DownloadInsufficientNetwork\"\ntimes = 1\n";
    let mut refused = bench_of("iPad13,18@26.0.1", text, |_| {});
    assert_eq!(said(&order(&mut refused, "26.1", "DownloadOnly")), pair("DownloadOnly", "DownloadInsufficientNetwork"));
    assert_eq!(said(&order(&mut refused, "26.1", "DownloadOnly")).1, "Downloading");
}

#[test]
fn an_improvement_changes_the_build_and_what_comes_after_the_version() {
    let mut bench = bench("iPad11,6@26.1");
    let payload = json!({ "TargetOSVersion": "26.1", "TargetBuildVersion": "23B85610a", "TargetLocalDateTime": "2026-11-25T10:00:00" });
    enforce(&mut bench, &[("update", payload)]);
    bench.wait(2 * 3600);
    assert_eq!(runs(&bench), "26.1 (a)");
    let queries = ["OSVersion", "BuildVersion", "SupplementalBuildVersion", "SupplementalOSVersionExtra"];
    let report = bench.ask("DeviceInformation", [("Queries", super::super::values::texts(queries))]);
    let answers = fields::dictionary(&report, "QueryResponses").unwrap();
    let answers: Vec<_> = queries.iter().map(|query| fields::text(answers, query).unwrap_or_default()).collect();
    assert_eq!(answers, ["26.1", "23B85", "23B85610a", "(a)"]);
    assert_eq!(entry(&bench, "configurations", "update")["reasons"][0]["code"], "Error.ConfigurationCannotBeApplied");
}

#[test]
fn the_person_takes_the_newest_that_is_shown() {
    let mut bench = bench("iPad13,18@18.2.1");
    settings(&mut bench, json!({ "CombinedPeriodInDays": 30 }));
    assert!(bench.device.update_by_person(bench.now));
    bench.wait(600);
    assert_eq!(runs(&bench), "26.1");
    let mut newest = self::bench("iPad13,18@27.1");
    assert!(!newest.device.update_by_person(newest.now));
}

#[test]
fn an_empty_battery_puts_off_what_is_enforced_and_says_so() {
    let mut bench = bench_of("iPad13,18@26.0.1", "", |facts| facts.battery = Some(0.15));
    enforce(&mut bench, &[("update", json!({ "TargetOSVersion": "26.1", "TargetLocalDateTime": "2026-11-25T10:00:00" }))]);
    bench.wait(2 * 3600);
    let failure = told(&bench, "failure-reason");
    assert!(failure["count"].as_u64().unwrap() >= 4, "it tries every quarter of an hour: {failure}");
    assert_eq!((&failure["reason"], runs(&bench)), (&json!("The battery is too low."), String::from("26.0.1")));
    bench.device.set_battery(0.8);
    bench.wait(1800);
    assert_eq!(runs(&bench), "26.1 (a)");
}

#[test]
fn an_improvement_is_not_held_back_by_days_and_is_off_where_that_is_declared() {
    let mut bench = bench("iPad11,6@26.1");
    settings(&mut bench, json!({ "CombinedPeriodInDays": 90 }));
    assert_eq!(bench.device.shown_updates(bench.now), ["26.1 (a)"]);
    let off = json!({ "RapidSecurityResponse": { "Enable": false } });
    let one = ("configuration", declaration("configuration.softwareupdate.settings", "settings", off));
    declare(&mut bench, vec![activation("act", &["settings"]), one]);
    bench.run();
    assert_eq!(bench.device.shown_updates(bench.now), [""; 0]);
}
