//! Beta programmes as Apple lists them: once a day and on demand, kept when it refuses, followed when tokens change and programmes end.

use std::time::Duration;

use serde_json::{Value, json};

use super::Office;
use crate::error::Kind;
use crate::mdm::ade::betas::{self as lists, AGAIN_AFTER, ASKED_EVERY, Standing as ListStanding};
use crate::mdm::ade::{SYNC_EVERY, profiles as wishes, servers};
use crate::mdm::betas::{self, Program};
use crate::mdm::enroll::automated::minimum;
use crate::mdm::enroll::automated::rules::{self, Rules};
use crate::mdm::policies::{self, NewPolicy};
use crate::mdm::{Actor, Role};
use crate::protocol::ade::{ProfileKeys, beta_program_id, paths};
use crate::protocol::machine_info::{EnrollmentError, MachineInfo, NeededRelease};
use crate::protocol::platform::Platform;
use crate::sim::apple::ade::{Act, Beta, Fault};
use crate::store::{beta_programs, events};

const IOS: &str = "iOS 27 AppleSeed Beta";

impl Office {
    fn programs(&self) -> Vec<Program> {
        self.school.write(|tx| betas::list(tx, &Actor::Console))
    }

    fn listed(&self) -> Vec<String> {
        self.programs().into_iter().filter(|program| program.gone_at.is_none()).map(|program| program.title).collect()
    }

    fn betas(&self) -> ListStanding {
        self.school.write(|tx| lists::standings(tx, &Actor::Console)).remove(0)
    }

    fn beta_token(&self, title: &str) -> Option<String> {
        let (server, id) = (self.id.clone(), beta_program_id("iOS", title));
        let token = self.school.write(move |tx| beta_programs::token(tx, &server, &id));
        token.map(|token| String::from_utf8_lossy(token.expose()).into_owned())
    }

    fn offers(&mut self, list: &[(&str, &str, &str)]) {
        self.apple().betas = Some(list.iter().map(|(title, os, token)| Beta::new(title, os, token)).collect());
    }
}

#[test]
fn the_list_is_asked_for_once_a_day_and_on_demand_and_keeps_its_tokens_to_itself() {
    let mut office = Office::with(&[("TESTSN0001", "iPad")]);
    office.offers(&[(IOS, "iOS", "ios-secret"), ("macOS 27 AppleSeed Beta", "macOS", "mac-secret")]);
    office.turn(None);
    assert_eq!(office.listed(), [IOS, "macOS 27 AppleSeed Beta"]);
    let taken_at = Some(office.now());
    assert_eq!((office.betas().taken_at, office.betas().is_offered, office.betas().problem.as_str()), (taken_at, true, ""));
    assert_eq!(office.beta_token(IOS).as_deref(), Some("ios-secret"));
    office.pass(SYNC_EVERY);
    assert_eq!(office.asked(paths::BETA_TOKENS), 1);
    office.pass(ASKED_EVERY);
    assert_eq!(office.asked(paths::BETA_TOKENS), 2);
    let id = office.id.clone();
    let refused = office.school.try_write({
        let id = id.clone();
        move |tx| lists::read_now(tx, &Actor::Person { id: "h".into(), name: "Helper".into(), role: Role::Helper }, &id)
    });
    assert_eq!(refused.unwrap_err().kind, Kind::Forbidden);
    office.school.write(move |tx| lists::read_now(tx, &Actor::Console, &id));
    office.turn(None);
    assert_eq!(office.asked(paths::BETA_TOKENS), 3);
    let noted = office.school.write(|tx| events::list(tx, &events::Filter::default(), None, 500));
    let noted: Vec<_> = noted.iter().filter(|event| event.kind == "ade.beta_programs_changed").collect();
    assert_eq!(noted.len(), 1, "what did not change is not noted");
    let shown = format!("{noted:?} {:?} {:?}", office.programs(), office.betas());
    assert!(shown.contains(IOS) && !shown.contains("secret"), "{shown}");
}

#[test]
fn what_apple_refuses_or_says_wrongly_leaves_the_last_good_list_and_hinders_nothing_else() {
    let mut office = Office::with(&[("TESTSN0001", "iPad")]);
    office.offers(&[(IOS, "iOS", "ios-secret")]);
    office.turn(None);
    let taken_at = office.betas().taken_at;
    for (fault, words) in [
        (Fault::refuse(paths::BETA_TOKENS, 403, "APPLE_SEED_FOR_IT_TURNED_OFF"), "AppleSeed for IT is off"),
        (Fault::refuse(paths::BETA_TOKENS, 500, "odd"), "status 500"),
        (Fault::of(paths::BETA_TOKENS, Act::LoseAnswer), "hung up"),
        (Fault::of(paths::BETA_TOKENS, Act::Say(String::from("{}"))), "no list of beta programmes"),
    ] {
        office.pass(ASKED_EVERY);
        let asked = office.asked(paths::BETA_TOKENS);
        office.book.faults.push_back(fault);
        office.pass(ASKED_EVERY);
        assert_eq!(office.asked(paths::BETA_TOKENS), asked + 1);
        assert!(office.betas().problem.contains(words), "{words}: {:?}", office.betas());
        assert_eq!((office.listed(), office.beta_token(IOS).as_deref()), (vec![IOS.to_owned()], Some("ios-secret")));
        assert!(office.betas().taken_at >= taken_at && office.server().problem.is_empty() && office.alerts().is_empty());
        office.add(&format!("TESTSN{:04}", asked + 10), "iPad");
        let ours = office.ours().len();
        office.pass(AGAIN_AFTER);
        assert_eq!((office.betas().problem.as_str(), office.betas().taken_at), ("", Some(office.now())), "it is asked again soon");
        assert_eq!(office.ours().len(), ours + 1, "the list of devices is read on");
    }
}

#[test]
fn a_server_token_that_apple_offers_none_is_never_asked_for_them() {
    let mut office = Office::new();
    office.apple().account["urls"].as_array_mut().unwrap().retain(|url| url["uri"] != paths::BETA_TOKENS);
    office.turn(None);
    office.pass(ASKED_EVERY + Duration::from_secs(1));
    assert_eq!((office.asked(paths::BETA_TOKENS), office.betas().is_offered), (0, false));
    let id = office.id.clone();
    let error = office.school.try_write(move |tx| lists::read_now(tx, &Actor::Console, &id)).unwrap_err();
    assert!(error.kind == Kind::Conflict && error.message.contains("beta.apple.com/for-it"), "{error:?}");
}

#[test]
fn another_token_keeps_the_programme_and_one_that_ends_is_gone_with_its_token() {
    let mut office = Office::new();
    office.offers(&[(IOS, "iOS", "one"), ("iOS 26 AppleSeed Beta", "iOS", "old")]);
    office.turn(None);
    let before = office.programs();
    office.offers(&[(IOS, "iOS", "two"), ("iOS 28 AppleSeed Beta", "iOS", "new")]);
    office.pass(ASKED_EVERY);
    assert_eq!(office.listed(), [IOS, "iOS 28 AppleSeed Beta"]);
    assert_eq!(office.beta_token(IOS).as_deref(), Some("two"));
    let after = office.programs();
    let of = |programs: &[Program], title: &str| programs.iter().find(|program| program.title == title).cloned().unwrap();
    assert_eq!((of(&before, IOS).id, of(&before, IOS).listed_at), (of(&after, IOS).id, of(&after, IOS).listed_at));
    assert_eq!(of(&after, "iOS 26 AppleSeed Beta").gone_at, Some(office.now()));
    assert_eq!(office.beta_token("iOS 26 AppleSeed Beta"), None);
    office.offers(&[("iOS 26 AppleSeed Beta", "iOS", "back")]);
    office.pass(ASKED_EVERY);
    assert_eq!((office.listed(), office.beta_token(IOS)), (vec![String::from("iOS 26 AppleSeed Beta")], None), "one comes back, one goes");
    let id = office.id.clone();
    office.school.write(move |tx| servers::remove(tx, &Actor::Console, &id));
    assert_eq!(office.programs(), [], "they go with their server token");
}

#[test]
fn a_policy_takes_only_programmes_that_apple_lists_one_required_for_each_system() {
    let mut office = Office::new();
    office.offers(&[
        (IOS, "iOS", "a"),
        ("iOS 26 AppleSeed Beta", "iOS", "b"),
        ("macOS 27 AppleSeed Beta", "macOS", "c"),
        ("tvOS 27 AppleSeed Beta", "tvOS", "d"),
    ]);
    office.turn(None);
    let (ios, old, mac) =
        (beta_program_id("iOS", IOS), beta_program_id("iOS", "iOS 26 AppleSeed Beta"), beta_program_id("macOS", "macOS 27 AppleSeed Beta"));
    let tv = beta_program_id("tvOS", "tvOS 27 AppleSeed Beta");
    let attempt = |settings: Value| {
        let new = NewPolicy {
            name: settings.to_string().chars().take(90).collect(),
            note: String::new(),
            settings: settings.as_object().unwrap().clone(),
        };
        office.school.try_write(move |tx| policies::create(tx, &Actor::Console, &new))
    };
    let refused = |settings: Value| {
        let error = attempt(settings).unwrap_err();
        (error.fields[0].field.clone(), error.fields[0].message.clone())
    };
    for (settings, field, words) in [
        (json!({ "offer_beta_programs": ["x"] }), "settings.offer_beta_programs", "no id of a beta programme"),
        (json!({ "offer_beta_programs": ["0".repeat(32)] }), "settings.offer_beta_programs", "no programme that Apple lists"),
        (json!({ "require_beta_program": [tv] }), "settings.require_beta_program", "only iPhones, iPads and Macs"),
        (json!({ "require_beta_program": [ios, old] }), "settings.require_beta_program", "one programme for each system"),
        (json!({ "require_beta_program": [ios], "offer_beta_programs": [old] }), "settings.offer_beta_programs", "nothing to choose"),
        (json!({ "require_beta_program": [ios], "no_beta_updates": true }), "settings.require_beta_program", "No beta versions"),
        (json!({ "offer_beta_programs": [ios], "no_beta_updates": true }), "settings.offer_beta_programs", "No beta versions"),
        (json!({ "only_own_beta_programs": true, "no_beta_updates": true }), "settings.only_own_beta_programs", "No beta versions"),
    ] {
        let (at, said) = refused(settings.clone());
        assert!(at == field && said.contains(words), "{settings}: {at} {said}");
    }
    let kept = attempt(json!({ "require_beta_program": [ios, mac] })).unwrap();
    let titles = office.school.write({
        let settings = kept.settings.clone();
        move |tx| betas::titles_for(tx, &settings)
    });
    let words =
        policies::in_words(policies::catalogue::find("require_beta_program").unwrap(), &kept.settings["require_beta_program"], &titles);
    assert!(words.contains(IOS) && words.contains("macOS 27"), "{words}");
    office.offers(&[("macOS 27 AppleSeed Beta", "macOS", "c")]);
    office.pass(ASKED_EVERY);
    let change = policies::PolicyChange { note: Some(String::from("Still")), ..policies::PolicyChange::default() };
    let id = kept.id;
    office.school.write(move |tx| policies::update(tx, &Actor::Console, &id, &change));
    let new = NewPolicy {
        name: String::from("Late"),
        note: String::new(),
        settings: json!({ "offer_beta_programs": [ios] }).as_object().unwrap().clone(),
    };
    let error = office.school.try_write(move |tx| policies::create(tx, &Actor::Console, &new)).unwrap_err();
    assert!(error.fields[0].message.contains("no more"), "{error:?}");
}

/// A device in Setup Assistant.
fn in_setup(serial: &str, product: &str, version: &str) -> MachineInfo {
    MachineInfo {
        serial_number: serial.into(),
        udid: format!("udid-{serial}"),
        product_name: product.into(),
        os_version: version.into(),
        can_request_software_update: true,
        ..MachineInfo::default()
    }
}

#[test]
fn a_new_device_joins_the_programme_before_it_updates_where_it_knows_of_that() {
    let mut office = Office::with(&[("TESTSN0001", "iPad"), ("TESTSN0002", "Mac")]);
    office.offers(&[(IOS, "iOS", "ios-secret"), ("macOS 27 AppleSeed Beta", "macOS", "mac-secret")]);
    office.turn(None);
    let profile = office.profile("classroom_ipad", "iPad");
    let wish = |program: &str, least: &str| {
        let keys = ProfileKeys { minimum_os: least.into(), beta_program: program.into(), ..ProfileKeys::default() };
        wishes::Wish { name: String::from("Testers"), kind: String::from("classroom_ipad"), keys: Some(keys) }
    };
    let ios = beta_program_id("iOS", IOS);
    for (program, least, words) in [
        (ios.as_str(), "", "which one a device has to run"),
        (&ios, "latest", "which one a device has to run"),
        ("nonsense", "27.0", "no programme that Apple lists"),
        (&beta_program_id("macOS", "macOS 27 AppleSeed Beta"), "27.0", "is for macOS"),
    ] {
        let (id, wish) = (profile.clone(), wish(program, least));
        let error = office.school.try_write(move |tx| wishes::change(tx, &Actor::Console, &id, wish)).unwrap_err();
        assert!(error.fields[0].field == "beta_program" && error.fields[0].message.contains(words), "{error:?}");
    }
    let (id, wish) = (profile, wish(&ios, "27.1"));
    office.school.write(move |tx| wishes::change(tx, &Actor::Console, &id, wish));
    office.turn(None);
    let needed = |office: &Office, info: MachineInfo| office.school.write(move |tx| minimum::needed(tx, &Rules::default(), &info, true));
    let said = needed(&office, in_setup("TESTSN0001", "iPad13,18", "17.5")).unwrap();
    assert!(!format!("{said:?}").contains("ios-secret"));
    let document: Value = serde_json::from_slice(&EnrollmentError::SoftwareUpdateRequired(said).to_json()).unwrap();
    let expected = json!({ "OSVersion": "27.1", "RequireBetaProgram": { "Description": IOS, "Token": "ios-secret" } });
    assert_eq!(document["details"], expected);
    let plain = Some(NeededRelease { os_version: String::from("27.1"), build_version: None, beta: None });
    assert_eq!(needed(&office, in_setup("TESTSN0001", "iPad13,18", "17.4.1")), plain, "it does not know of programmes");
    assert_eq!(needed(&office, in_setup("TESTSN0001", "iPad13,18", "27.1")), None);
    // The rule of a family says the same for devices whose profile leaves it open.
    let change = |least: &str, program: &str| {
        let change = rules::Change {
            minimum: [(Platform::Macos, least.to_owned())].into(),
            beta_programs: [(Platform::Macos, program.to_owned())].into(),
            ..rules::Change::default()
        };
        office.school.try_write(move |tx| rules::change(tx, &Actor::Console, change))
    };
    let mac = beta_program_id("macOS", "macOS 27 AppleSeed Beta");
    for (least, program, words) in
        [("latest", mac.as_str(), "which one"), ("", &mac, "which one"), ("27.1", &ios, "is for iOS"), ("27.1", "x", "no programme")]
    {
        let error = change(least, program).unwrap_err();
        assert!(error.fields[0].field == "beta_programs.macos" && error.fields[0].message.contains(words), "{error:?}");
    }
    let kept = change("27.1", &mac).unwrap();
    let said = office.school.write(move |tx| minimum::needed(tx, &kept, &in_setup("TESTSN0002", "Mac14,2", "14.5"), true)).unwrap();
    assert_eq!(said.beta.unwrap().token.expose(), "mac-secret");
    office.offers(&[]);
    office.pass(ASKED_EVERY);
    assert_eq!(needed(&office, in_setup("TESTSN0001", "iPad13,18", "17.5")), plain, "a programme that ended is left out");
}
