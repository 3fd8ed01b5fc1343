//! The practice store as devices meet it: licences asked for before an app comes, invitations, and what people do with apps on purpose.

use serde_json::json;

use super::super::values::texts;
use super::declarations::{activation, declaration, declare, statuses, subscriptions};
use super::*;

const ATLAS: u64 = 1_500_000_002;

/// A device that asks the store.
fn asking(word: &str, faults: &str) -> Bench {
    let mut facts = individual(word);
    facts.apps.clear();
    facts.person.agrees = true;
    let mut bench = Bench::of(facts, Faults::parse(faults).unwrap().for_device(1));
    bench.device.settings.store = Some(String::from("https://store.example.school/store"));
    bench.run();
    bench
}

fn order(method: i64) -> [(&'static str, Value); 2] {
    [("iTunesStoreID", Value::from(ATLAS)), ("Options", dict([("PurchaseMethod", Value::from(method))]))]
}

/// What the store was asked, as JSON.
fn questions(bench: &Bench) -> Vec<Json> {
    let asked = bench.server.seen.iter().filter(|seen| seen.purpose == Purpose::Store);
    asked.map(|seen| serde_json::from_slice(&seen.request.body).unwrap()).collect()
}

fn declared(bench: &mut Bench, whose: &str) -> Vec<Json> {
    let payload =
        json!({ "AppStoreID": ATLAS.to_string(), "InstallBehavior": { "Install": "Required", "License": { "Assignment": whose } } });
    let app = ("configuration", declaration("configuration.app.managed", "app", payload));
    declare(bench, vec![activation("act", &["app", "subscriptions"]), app, subscriptions(&["app.managed.list"])]);
    bench.wait(200);
    let told = statuses(bench);
    told.iter().map(|report| report["StatusItems"]["app"]["managed"]["list"][0].clone()).filter(Json::is_object).collect()
}

#[test]
fn an_order_that_needs_a_licence_waits_for_the_store_and_is_refused_as_apple_refuses_it() {
    let mut bench = asking("ipad@16", "");
    bench.server.licensed = false;
    let refused = bench.ask("InstallApplication", order(1));
    assert_eq!((status(&refused), fields::text(&refused, "RejectionReason")), ("Error", Some("CouldNotVerifyAppID")));
    let codes: Vec<_> = fields::dictionaries(&refused, "ErrorChain").map(|link| fields::whole(link, "ErrorCode").unwrap()).collect();
    assert_eq!(codes, [12064, 9610]);
    let serial = bench.device.facts().serial_number.clone();
    assert_eq!(questions(&bench), [json!({ "adamId": ATLAS.to_string(), "serialNumber": serial, "account": null })]);
    bench.server.licensed = true;
    bench.device.sign_in(Some("ada@example.school"));
    assert_eq!(status(&bench.ask("InstallApplication", order(1))), "Acknowledged");
    assert_eq!(questions(&bench)[1]["account"], "ada@example.school");
    let again = bench.ask("InstallApplication", order(1));
    assert_eq!(fields::text(&again, "RejectionReason"), Some("AppAlreadyQueued"));
    assert_eq!(questions(&bench).len(), 2, "what is refused anyway is no question");
}

#[test]
fn what_the_person_buys_is_nothing_that_the_store_is_asked() {
    let mut bench = asking("ipad@16", "");
    bench.server.licensed = false;
    assert_eq!(status(&bench.ask("InstallApplication", order(0))), "Acknowledged");
    assert!(questions(&bench).is_empty());
}

#[test]
fn a_declared_app_comes_when_the_store_has_a_licence_of_the_right_kind() {
    for (whose, licensed, ends) in [("Device", true, "managed"), ("User", true, "managed"), ("Device", false, "failed")] {
        let mut bench = asking("ipad@26", "");
        bench.device.sign_in(Some("ada@example.school"));
        bench.server.licensed = licensed;
        let told = declared(&mut bench, whose);
        assert_eq!(told.last().unwrap()["state"], ends, "{told:?}");
        assert!(licensed || told.last().unwrap()["reasons"][0]["code"] == "Error.LicenseNotFound");
        let question = &questions(&bench)[0];
        assert_eq!((question["serialNumber"].is_string(), question["account"].is_string()), (whose == "Device", whose == "User"));
    }
}

#[test]
fn a_store_that_does_not_answer_is_no_licence() {
    let mut bench = asking("ipad@26", "");
    bench.server.instead.extend((0..5).map(|_| (Purpose::Store, Response::new(500, "", ""))));
    assert_eq!(declared(&mut bench, "Device").last().unwrap()["state"], "failed");
    assert!(bench.device.journal().last_error.as_deref().unwrap().contains("practice store"));
}

#[test]
fn a_declaration_that_is_taken_back_meanwhile_brings_nothing() {
    let mut bench = asking("ipad@26", "[[fault]]\nkind = \"lose-request\"\non = [\"Store\"]\n");
    let payload =
        json!({ "AppStoreID": ATLAS.to_string(), "InstallBehavior": { "Install": "Required", "License": { "Assignment": "Device" } } });
    let app = ("configuration", declaration("configuration.app.managed", "app", payload));
    bench.server.declarations = vec![activation("act", &["app"]), app];
    let now = bench.now;
    bench.server.enqueue("DeclarativeManagement", []);
    bench.push();
    bench.device.forget_declarations(now);
    bench.wait(200);
    assert!(bench.device.apps().is_empty(), "{:?}", bench.device.apps());
}

#[test]
fn a_person_accepts_an_invitation_with_the_account_that_is_signed_in_then() {
    let mut bench = asking("-ipad@16", "");
    let url = "https://store.example.school/register?inviteCode=AB";
    let invite = || [("ProgramID", Value::from("com.apple.cloudvpp")), ("InvitationURL", Value::from(url))];
    assert_eq!(fields::text(&bench.ask("InviteToProgram", invite()), "InvitationResult"), Some("Acknowledged"));
    assert!(questions(&bench).is_empty(), "they come to it later");
    bench.wait(600);
    let accepted = bench.server.seen.iter().find(|seen| seen.purpose == Purpose::Store).unwrap();
    assert_eq!(accepted.request.url, url);
    let account = questions(&bench)[0]["account"].as_str().unwrap().to_owned();
    let queries = texts(["iTunesStoreAccountIsActive", "iTunesStoreAccountHash"]);
    let told = bench.ask("DeviceInformation", [("Queries", queries)]);
    let told = fields::dictionary(&told, "QueryResponses").unwrap();
    assert_eq!(fields::text(told, "iTunesStoreAccountHash"), Some(crate::sim::model::account_hash(&account).as_str()));
    assert_eq!(fields::flag(told, "iTunesStoreAccountIsActive"), Some(true));
}

#[test]
fn an_invitation_to_nowhere_or_to_another_programme_says_so() {
    let mut bench = asking("ipad@16", "");
    for (program, url, says) in
        [("com.apple.cloudvpp", "x", "InvalidInvitationURL"), ("com.apple.other", "https://x.example", "InvalidProgramID")]
    {
        let told = bench.ask("InviteToProgram", [("ProgramID", Value::from(program)), ("InvitationURL", Value::from(url))]);
        assert_eq!(fields::text(&told, "InvitationResult"), Some(says));
    }
}

#[test]
fn people_decline_delete_and_run_out_of_room_on_purpose() {
    let atlas = "school.example.atlas";
    let seen = |bench: &Bench| bench.device.apps().into_iter().find(|app| app.identifier == atlas).map(|app| (app.installed, app.status));
    let mut bench = asking("-ipad@16", &format!("[[fault]]\nkind = \"decline-app\"\non = [\"{atlas}\"]\ntimes = 1\n"));
    bench.ask("InstallApplication", order(1));
    bench.wait(600);
    assert_eq!(seen(&bench), Some((false, Some("UserRejected"))));
    bench.ask("ManagedApplicationList", []);
    bench.ask("InstallApplication", order(1));
    bench.wait(600);
    assert_eq!(seen(&bench), Some((true, Some("Managed"))), "the second time they agree");

    let mut bench = asking("ipad@16", "[[fault]]\nkind = \"no-room\"\ntimes = 1\n");
    bench.ask("InstallApplication", order(1));
    bench.wait(600);
    assert_eq!(seen(&bench), Some((false, Some("Failed"))));

    let mut bench = asking("ipad@16", &format!("[[fault]]\nkind = \"delete-app\"\nname = \"{atlas}\"\ntimes = 1\n"));
    bench.ask("InstallApplication", order(1));
    bench.wait(600);
    assert_eq!(seen(&bench), Some((true, Some("Managed"))));
    bench.push();
    assert_eq!(seen(&bench), Some((false, Some("ManagedButUninstalled"))));
}
