//! How own declarations stand on a device by what it says of them, and how it is asked to say so anew.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Device, School};
use crate::error::Kind;
use crate::mdm::declarations::{self, library};
use crate::mdm::reconcile::render::{STATUS, own_activation};
use crate::mdm::reconcile::step::SYNC_PATIENCE;
use crate::mdm::reconcile::{self, State, Thought};
use crate::mdm::{Actor, Role};
use crate::store::assignments::AssignedKind;
use crate::store::declarations::tests::{group, join};
use crate::store::devices;
use crate::store::enrollments::{Enrollment, EnrollmentState};
use crate::store::profiles::ProfileState;

impl School {
    /// A device that is declared these, and has its set.
    fn declaring(&self, declarations: &Value) -> Device<'_> {
        let device = self.enrolled("A-1");
        let (device_id, text) = (device.enrollment().device_id, declarations.to_string());
        self.write(move |tx| {
            devices::set_facts(tx, &device_id, "{}")?;
            group(tx, "everybody", "Everybody")?;
            join(tx, "everybody", &device_id)?;
            let added = library::add(tx, &Actor::Console, library::read(text.as_bytes())?, "")?;
            added.iter().try_for_each(|one| library::assign(tx, &Actor::Console, &one.declaration.id, "everybody").map(drop))
        });
        device.planned();
        device
    }
}

impl Device<'_> {
    fn planned(&self) {
        let enrollment = self.enrollment();
        self.school.write(move |tx| reconcile::plan(tx, &enrollment.id));
    }

    /// Reports on everything that it is served; what is not named is valid and active.
    fn reports(&self, states: &[(&str, bool, &str, Value)]) {
        let items = self.asks_for("declaration-items");
        let mut lists = serde_json::Map::new();
        for (kind, list) in items["Declarations"].as_object().unwrap() {
            let told = list.as_array().unwrap().iter().map(|item| {
                let named = states.iter().find(|(identifier, ..)| item["Identifier"] == *identifier);
                let (active, valid, reasons) = named.map_or((kind != "Management", "valid", json!([])), |(_, active, valid, reasons)| {
                    (*active, *valid, reasons.clone())
                });
                json!({ "identifier": item["Identifier"], "server-token": item["ServerToken"], "active": active, "valid": valid, "reasons": reasons })
            });
            lists.insert(kind.to_lowercase(), told.collect());
        }
        let report = json!({ "StatusItems": { "management": { "declarations": lists } } });
        let keys = format!(
            "<key>MessageType</key><string>DeclarativeManagement</string><key>Endpoint</key><string>status</string><key>Data</key><data>{}</data>",
            STANDARD.encode(report.to_string())
        );
        self.check_in(&keys).unwrap();
    }

    /// How the thing of this identifier stands, and why.
    fn stands(&self, identifier: &str) -> (State, String) {
        let enrollment = self.enrollment();
        let standings = self.school.write(move |tx| reconcile::standing(tx, &enrollment));
        let thing = standings.things.into_iter().find(|thing| thing.identifier == identifier).unwrap();
        (thing.state, thing.because)
    }
}

fn test(identifier: &str) -> Value {
    json!({ "Type": "com.apple.configuration.management.test", "Identifier": identifier, "Payload": { "Echo": "x" } })
}

fn reason(code: &str, description: &str) -> Value {
    json!([{ "code": code, "description": description }])
}

fn not_activated() -> Value {
    reason("Info.NotReferencedByActivation", "Configuration is not referenced by an activation.")
}

#[test]
fn a_configuration_whose_activation_was_refused_or_is_inactive_says_so() {
    let school = School::new();
    let activation = json!({ "Type": "com.apple.activation.simple", "Identifier": "act",
        "Payload": { "StandardConfigurations": ["a", "b"], "Predicate": "@status(device.model.family) == 'iPad'" } });
    let device = school.declaring(&json!([test("a"), test("b"), test("c"), activation]));
    device.answer_everything();
    device.reports(&[]);
    assert_eq!(device.stands("a").0, State::There);

    let refusal = reason("Error.ActivationFailed", "The configuration “b” is invalid.");
    device.reports(&[
        ("act", false, "invalid", refusal),
        ("a", false, "unknown", not_activated()),
        ("b", false, "invalid", reason("Error.ConfigurationIsInvalid", "Echo is too long.")),
    ]);
    assert_eq!(device.stands("a"), (State::Failed, "Its activation was refused because the configuration “b” is invalid.".into()));
    assert_eq!(device.stands("b"), (State::Failed, "The device refused it: Echo is too long.".into()));
    assert_eq!(device.stands("c").0, State::There, "another one's activation is not its own");

    device
        .reports(&[("act", false, "valid", reason("Info.Predicate", "The predicate is false.")), ("a", false, "unknown", not_activated())]);
    assert_eq!(device.stands("a"), (State::Waiting, "It is there and not in effect: its condition does not hold.".into()));

    device.reports(&[("a", false, "unknown", not_activated())]);
    let (state, because) = device.stands("a");
    assert!(state == State::Waiting && because.starts_with("The device says that it is inactive: Configuration is not"), "{because}");

    let own = own_activation("c");
    device.reports(&[(own.as_str(), false, "invalid", reason("Error.Unknown", "")), ("c", false, "unknown", json!([]))]);
    assert_eq!(device.stands("c"), (State::Failed, "Its activation was refused because Error.Unknown.".into()));
    device.reports(&[("c", false, "unknown", json!([]))]);
    assert!(device.stands("c").1.contains("has not said yet"), "not looked at is nothing said");
}

#[test]
fn who_is_asked_for_news_has_one_declaration_to_fetch_and_is_told_so() {
    let school = School::new();
    let device = school.declaring(&json!([test("a")]));
    device.answer_everything();
    device.reports(&[]);
    device.answer_everything();
    let before = device.asks_for("declaration-items");
    let ask = |actor: Actor| {
        let channel = device.enrollment();
        school.try_write(move |tx| declarations::ask_for_news(tx, &actor, &channel))
    };
    let viewer = Actor::Token { id: String::from("t"), name: String::from("report"), role: Role::Viewer };
    assert_eq!(ask(viewer).unwrap_err().kind, Kind::Forbidden);
    device.planned();
    assert_eq!(device.asks_for("declaration-items"), before, "nothing was asked");

    ask(Actor::Console).unwrap();
    device.planned();
    let after = device.asks_for("declaration-items");
    assert_ne!(after["DeclarationsToken"], before["DeclarationsToken"]);
    let others = |items: &Value| {
        let all: Vec<Value> =
            items["Declarations"].as_object().unwrap().values().flat_map(|list| list.as_array().unwrap().clone()).collect();
        all.into_iter().filter(|item| item["Identifier"] != STATUS).collect::<Vec<_>>()
    };
    assert_eq!(others(&after), others(&before));
    let (mut queued, mut offer) = (Vec::new(), device.idle());
    while let Some(command) = offer {
        offer = device.report(&command.uuid, "Acknowledged");
        queued.push(command.request_type);
    }
    assert!(queued.iter().any(|kind| kind == "DeclarativeManagement"), "{queued:?}");
    device.reports(&[]);
    assert_eq!(device.stands("a").0, State::There);
}

#[test]
fn a_device_that_was_told_and_says_nothing_is_known_to_be_told_again() {
    let school = School::new();
    let device = school.declaring(&json!([test("a")]));
    let retry_at = || {
        let enrollment = device.enrollment();
        let standings = school.write(move |tx| reconcile::standing(tx, &enrollment));
        standings.things.into_iter().find(|thing| thing.identifier == "a").unwrap().retry_at
    };
    assert_eq!(retry_at(), None, "it is yet to be told");
    device.answer_everything();
    // Its report is lost.
    let again = school.clock.now().plus(SYNC_PATIENCE);
    assert_eq!(retry_at(), Some(again));
    let devices = vec![device.enrollment().device_id];
    let thought = Thought { devices, ..Thought::default() };
    let seen = school.write(move |tx| reconcile::preview_all(tx, &Actor::Console, &thought));
    let thing = seen.items[0].things.iter().find(|thing| thing.identifier == "a").unwrap();
    assert_eq!(thing.retry_at, Some(again));
    school.clock.advance(SYNC_PATIENCE);
    device.planned();
    assert_eq!(device.idle().unwrap().request_type, "DeclarativeManagement", "and it is");
    device.answer_everything();
    device.reports(&[]);
    assert_eq!((device.stands("a").0, retry_at()), (State::There, None));
}

#[test]
fn of_a_device_that_has_left_it_is_said_that_it_has_left() {
    let school = School::new();
    let device = school.declaring(&json!([test("a")]));
    device.answer_everything();
    device.reports(&[]);
    assert_eq!(device.stands("a").0, State::There);
    for (state, words) in [(EnrollmentState::Retired, "retired"), (EnrollmentState::Left, "has left"), (EnrollmentState::Erased, "erased")]
    {
        let enrollment = Enrollment { state, ..device.enrollment() };
        let standings = school.write(move |tx| reconcile::of_device(tx, &enrollment));
        let thing = standings.things.into_iter().find(|thing| thing.identifier == "a").unwrap();
        assert!(thing.state == State::Left && thing.because.contains(words) && thing.remedy.contains("enrolled again"), "{thing:?}");
    }
}

#[test]
fn a_declaration_of_which_nobody_has_told_the_device_waits_and_is_not_said_to_be_installing() {
    let school = School::new();
    let device = school.declaring(&json!([test("a")]));
    let enrollment = device.enrollment();
    let things = school.write(move |tx| reconcile::standing(tx, &enrollment)).things;
    let thing = things.into_iter().find(|thing| thing.identifier == "a").unwrap();
    let state = || {
        let id = thing.origins[0].id.clone();
        let outcomes = school.write(move |tx| reconcile::outcomes(tx, &Actor::Console, AssignedKind::Declaration, &id));
        assert_eq!(outcomes.counts, [(outcomes.rows[0].state, 1)]);
        outcomes.rows[0].state
    };
    assert_eq!(state(), ProfileState::Waiting, "the device is off");
    device.answer_everything();
    assert_eq!(state(), ProfileState::Installing, "it was told, and has not said what came of it");
    device.reports(&[]);
    assert_eq!(state(), ProfileState::Installed);
}
