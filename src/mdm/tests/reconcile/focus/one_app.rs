//! A focus of one app is for the devices that have it.

use super::*;
use crate::store::inventory::{self, InstalledApp};

const CHOIR: &str = "school.example.choir";

/// The device has said which apps it has: this one, and perhaps none.
fn lists(device: &Device<'_>, identifier: Option<&'static str>) {
    let id = device.enrollment().id;
    device.school.write(move |tx| {
        if let Some(identifier) = identifier {
            let app = InstalledApp {
                identifier: identifier.to_owned(),
                name: String::from("Choir"),
                version: String::from("1"),
                short_version: String::from("1.0"),
                size_bytes: None,
                managed: false,
                state: String::new(),
                details: String::from("{}"),
            };
            inventory::upsert_app(tx, &id, &app)?;
        }
        inventory::mark_read(tx, &id, "InstalledApplicationList")
    });
}

#[test]
fn a_device_without_the_one_app_is_left_out_and_said_so_before_it_starts() {
    let school = School::new();
    let (with, without) = (device(&school, "UDID-1", "26.1"), device(&school, "UDID-2", "26.1"));
    let (class, _) = class_with(&school, "7b", &with);
    let other = without.enrollment().device_id;
    let put = class.clone();
    school.write(move |tx| {
        let pupil = people::NewPerson { name: "Bela".into(), email: String::new(), role: PersonRole::Student, active: true };
        let pupil = people::create(tx, &Actor::Console, pupil)?;
        people::classes::put(tx, &Actor::Console, &put, &pupil.id, ClassRole::Student)?;
        set_person(tx, &other, Some(&pupil.id))
    });
    let outcome = |app: &str, person: &str| {
        let (id, wanted) = (class.clone(), wish(FocusKind::App, &[app]));
        let devices = school.write(move |tx| focus::foresee(tx, &Actor::Console, &id, &wanted)).devices;
        devices.into_iter().find(|foreseen| foreseen.person == person).unwrap().outcome
    };
    assert_eq!(outcome(CHOIR, "Bela").unwrap().note, "It has not said yet which apps it has.");
    lists(&with, Some(CHOIR));
    lists(&without, None);
    assert_eq!(outcome(CHOIR, "Bela").unwrap_err(), "“Choir” is not on it, and it would show nothing else until it is.");
    assert_eq!(outcome(CHOIR, "Pupil 7b").unwrap().note, "");
    assert!(outcome("com.apple.mobilenotes", "Bela").is_ok(), "what belongs to the system is not listed");
    assert!(outcome("com.nobody.hasit", "Pupil 7b").is_err());
    let id = class.clone();
    let started = school.write(move |tx| focus::start(tx, &Actor::Console, &id, &wish(FocusKind::App, &[CHOIR])));
    let reached = school.write(move |tx| crate::store::focuses::devices(tx, &started.id));
    assert_eq!(reached, [with.enrollment().device_id]);
    let id = class.clone();
    let nobody = school.try_write(move |tx| focus::start(tx, &Actor::Console, &id, &wish(FocusKind::App, &["com.nobody.hasit"])));
    let nobody = nobody.unwrap_err();
    assert!(nobody.kind == Kind::Conflict && nobody.message.contains("is not on it"), "{}", nobody.message);
}
