//! What a device cannot have for the lack of something stays as it is: nothing is removed, nothing is asked again, and it is told and counted.

use super::*;
use crate::mdm::apps::Proposal;
use crate::store::people::{self, PersonRole};

fn nobody() -> Settings {
    Settings { licence: LicenceBy::None, ..Settings::default() }
}

/// Gives the app a configuration.
fn configure(school: &School, app: &App, text: &'static str) {
    let id = app.id.clone();
    school.write(move |tx| apps::set_configuration(tx, &Actor::Console, &id, apps::configuration::read(text)?.as_ref()));
}

const OF_A_PERSON: &str = r#"{"mail": "$PERSON_EMAIL"}"#;

/// Gives the device to somebody with an address.
fn give_to_somebody(device: &Device<'_>) {
    let device_id = device.enrollment().device_id;
    device.school.write(move |tx| {
        let new = crate::mdm::people::NewPerson {
            name: "Kim".into(),
            email: "kim@example.school".into(),
            role: PersonRole::Student,
            active: true,
        };
        let person = crate::mdm::people::create(tx, &Actor::Console, new)?;
        people::set_person(tx, &device_id, Some(&person.id))?;
        crate::store::deployments::look_again(tx, &device_id)
    });
}

fn orders_of(orders: &[Command]) -> Vec<&str> {
    orders.iter().map(|order| order.request_type.as_str()).collect()
}

#[test]
fn an_app_that_is_there_stays_when_its_configuration_has_no_value_there() {
    let school = School::new();
    let device = device(&school, "16.7");
    let app = assigned(&school, 0, AssignedMode::Required, nobody());
    device.session(&taken("Managed"), "Managed");
    configure(&school, &app, OF_A_PERSON);
    for _ in 0..3 {
        assert!(device.session("", "Managed").is_empty(), "neither sent nor removed");
        let row = device.app().unwrap();
        assert_eq!((row.stage, row.seen.is_empty()), (Stage::Lacking, false));
        assert_eq!(row.problem, "its configuration uses $PERSON_EMAIL, of which nothing is known there");
        school.clock.advance(MINUTE * 60);
    }
    let need = school.write(crate::mdm::needs::all).into_iter().find(|need| need.key.starts_with("app.")).unwrap();
    assert_eq!((need.message.as_str(), need.count), ("Atlas cannot be had on 1 device as it is wanted.", 1));
    give_to_somebody(&device);
    let orders = device.session(&taken("Updating"), "Managed");
    assert_eq!(orders_of(&orders), ["InstallApplication"]);
    school.clock.advance(MINUTE);
    device.session("", "Managed");
    assert_eq!(device.stage(), Stage::Installed);
    let keys = orders[0].keys().get("Configuration").unwrap().as_dictionary().unwrap();
    assert_eq!(keys.get("mail").unwrap().as_string(), Some("kim@example.school"));
}

#[test]
fn what_a_device_is_at_goes_on_while_something_is_missing() {
    let school = School::new();
    let device = device(&school, "16.7");
    let app = assigned(&school, 0, AssignedMode::Required, nobody());
    device.session(&taken("Installing"), "Installing");
    configure(&school, &app, OF_A_PERSON);
    assert!(device.session("", "Installing").is_empty());
    assert_eq!(device.stage(), Stage::Installing, "nothing is removed");
    school.clock.advance(MINUTE * 5);
    assert!(device.session("", "Managed").is_empty());
    assert_eq!(device.stage(), Stage::Lacking);
    let id = app.id.clone();
    school.write(move |tx| apps::unassign(tx, &Actor::Console, &id, "g"));
    assert_eq!(orders_of(&device.session("", "")), ["RemoveApplication"], "what is taken back goes");
}

#[test]
fn a_device_that_never_had_it_is_counted_with_its_reason_and_gets_it_when_that_is_mended() {
    let school = School::new();
    let device = device(&school, "16.7");
    let app = school.write(|tx| apps::add(tx, &Actor::Console, ATLAS, "Atlas"));
    configure(&school, &app, OF_A_PERSON);
    let id = app.id.clone();
    let (_, short, lacks) = school.write(move |tx| apps::assign(tx, &Actor::Console, &id, "g", AssignedMode::Required, None));
    assert!(short.is_empty(), "it wants no licence before it can have the app");
    let words = "1 device cannot have Atlas like this: its configuration uses $PERSON_EMAIL, of which nothing is known there.";
    assert_eq!(lacks.iter().map(|lack| lack.words.as_str()).collect::<Vec<_>>(), [words]);
    assert!(device.session("", "").is_empty());
    assert_eq!(device.stage(), Stage::Lacking);
    let found = app.clone();
    let found = school.write(move |tx| apps::found(tx, &found, &["g".to_owned()]));
    assert_eq!(found, (short, lacks), "without asking any device it is the same");
    let id = app.id.clone();
    let counts = school.write(move |tx| apps::find(tx, &Actor::Console, &id)).counts;
    assert_eq!(counts, [(Stage::Lacking, 1)]);
    let (device_id, id) = (device.enrollment().device_id, app.id.clone());
    let asked = school.try_write(move |tx| apps::ask_again(tx, &Actor::Console, &device_id, &id));
    assert!(asked.unwrap_err().message.contains("$PERSON_EMAIL"));
    give_to_somebody(&device);
    device.session("", "");
    assert_eq!(device.stage(), Stage::NoLicence, "from now on it wants one");
}

#[test]
fn what_devices_would_lack_is_known_before_it_is_saved() {
    let school = School::new();
    let device = device(&school, "16.7");
    let app = assigned(&school, 0, AssignedMode::Required, nobody());
    device.session(&taken("Managed"), "Managed");
    let lacks = move |settings: Settings, text: &'static str| {
        let id = app.id.clone();
        school.write(move |tx| {
            let proposal = Proposal { settings, keys: apps::configuration::read(text)? };
            apps::lacks(tx, &Actor::Console, &id, Some(proposal), None)
        })
    };
    assert!(lacks(nobody(), r#"{"serial": "$SERIAL"}"#).is_empty());
    assert_eq!(lacks(nobody(), OF_A_PERSON)[0].devices, 1);
    let by_person = lacks(Settings { licence: LicenceBy::User, ..Settings::default() }, "");
    assert_eq!(by_person[0].because, "its licence belongs to a person, and the device belongs to nobody yet");
}

#[test]
fn a_declined_app_is_not_asked_for_again_by_a_configuration_that_comes_and_goes() {
    let school = School::new();
    let device = device(&school, "16.7");
    let app = assigned(&school, 0, AssignedMode::Required, nobody());
    device.session(&taken("Prompting"), "Prompting");
    school.clock.advance(MINUTE);
    device.session("", "UserRejected");
    assert_eq!(device.stage(), Stage::Declined);
    for text in [OF_A_PERSON, r#"{"a": 1}"#, ""] {
        configure(&school, &app, text);
        assert!(device.session(&taken("Prompting"), "").is_empty(), "{text}");
        assert_eq!(device.stage(), Stage::Declined, "{text}");
    }
    let (device_id, id) = (device.enrollment().device_id, app.id.clone());
    school.write(move |tx| apps::ask_again(tx, &Actor::Console, &device_id, &id));
    assert_eq!(device.session(&taken("Prompting"), "Prompting").len(), 1);
}

#[test]
fn a_declaration_stays_served_as_it_is_while_something_is_missing() {
    let school = School::new();
    let device = device(&school, "18.4");
    let app = assigned(&school, 1, AssignedMode::Required, Settings::default());
    device.session("", "");
    device.session("", "");
    let identifier = apps::declaration_identifier(&app.id, 0);
    let path = format!("declaration/configuration/{identifier}");
    device.declarative("status", Some(&app_list(&identifier, "managed", None)));
    device.session("", "");
    let (before, items) = (device.json(&path).unwrap(), device.json("declaration-items").unwrap());
    configure(&school, &app, OF_A_PERSON);
    for _ in 0..2 {
        device.session("", "");
        assert_eq!(device.stage(), Stage::Lacking);
        assert_eq!((device.json(&path).unwrap(), device.json("declaration-items").unwrap()), (before.clone(), items.clone()));
        device.declarative("status", Some(&app_list(&identifier, "managed", None)));
    }
    assert!(has_licence(&school));
    give_to_somebody(&device);
    device.session("", "");
    assert_eq!(device.stage(), Stage::Installed);
}
