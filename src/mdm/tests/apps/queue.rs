//! Who waits for a licence, who does not any more, and what is said before devices come into a group.

use super::*;
use crate::mdm::apps::Shortage;
use crate::mdm::catalog;
use crate::mdm::people::NewPerson;
use crate::store::deployments::Mechanism;
use crate::store::enrollments::{self, Enrollment};
use crate::store::licences::users::{self, User, UserState};
use crate::store::people::PersonRole;

/// What is said of a device's group while no location was brought.
const NO_LOCATION: &str =
    "1 more licence of Atlas is needed for “7b”. There is no content token here: bring one at System, Apps and Books.";

impl Device<'_> {
    fn wishes(&self) -> u32 {
        self.school.write(|tx| rows::count_short(tx, ATLAS, false))
    }
}

fn now_optional(school: &School, app: &App) {
    let id = app.id.clone();
    school.write(move |tx| apps::assign(tx, &Actor::Console, &id, "g", AssignedMode::Optional, None));
}

#[test]
fn without_a_licence_nothing_is_sent_and_who_lacks_how_many_is_said_by_name() {
    let school = School::new();
    let device = device(&school, "16.7");
    let app = assigned(&school, 0, AssignedMode::Required, Settings::default());
    assert!(device.session("", "").is_empty());
    assert_eq!(device.stage(), Stage::NoLicence);
    let id = app.id.clone();
    let (_, short, _) = school.write(move |tx| apps::assign(tx, &Actor::Console, &id, "g", AssignedMode::Required, None));
    assert_eq!((short[0].by, short[0].because.as_str()), (1, NO_LOCATION));
    // Without asking any device it is the same.
    let (found, lacks) = school.write(move |tx| apps::found(tx, &app, &["g".to_owned()]));
    assert_eq!((found, lacks), (short, Vec::new()));
}

#[test]
fn a_device_to_which_an_app_is_only_offered_now_waits_for_no_licence() {
    for os_version in ["16.7", "18.1"] {
        let school = School::new();
        let device = device(&school, os_version);
        let app = assigned(&school, 0, AssignedMode::Required, Settings::default());
        device.session("", "");
        assert_eq!((device.stage(), device.wishes()), (Stage::NoLicence, 1), "{os_version}");
        now_optional(&school, &app);
        device.session("", "");
        assert_eq!((device.stage(), device.wishes()), (Stage::Offered, 0), "{os_version}");
        let (enrollment, id) = (device.enrollment(), app.id.clone());
        school.write(move |tx| catalog::request(tx, &enrollment, &id));
        device.session("", "");
        assert_eq!((device.stage(), device.wishes()), (Stage::NoLicence, 1), "{os_version}: who asks waits");
    }
}

#[test]
fn a_device_that_has_the_app_keeps_it_and_its_licence_when_it_becomes_optional() {
    let school = School::new();
    let device = device(&school, "16.7");
    let app = assigned(&school, 1, AssignedMode::Required, Settings::default());
    device.session(&taken("Managed"), "Managed");
    now_optional(&school, &app);
    assert!(device.session("", "Managed").is_empty());
    assert!(has_licence(&school));
    assert_eq!(device.stage(), Stage::Installed);
}

#[test]
fn licences_on_their_way_back_from_a_group_are_not_missing_where_it_gets_the_app_again() {
    let school = School::new();
    let device = device(&school, "16.7");
    let app = assigned(&school, 1, AssignedMode::Required, Settings::default());
    school.write(|tx| {
        let key = AssetKey { token_id: "location".into(), adam_id: ATLAS.into(), pricing_param: "STDQ".into() };
        assets::put(
            tx,
            &OwnedAsset {
                key,
                product_type: "App".into(),
                device_assignable: true,
                platforms: "[]".into(),
                owned: Some(1),
                assigned: 1,
                listed: 0,
                reserved: 0,
                as_of_at: tx.now,
            },
        )
    });
    device.session(&taken("Managed"), "Managed");
    let id = app.id.clone();
    school.write(move |tx| apps::unassign(tx, &Actor::Console, &id, "g"));
    for _ in 0..3 {
        device.session("", "");
    }
    assert!(!has_licence(&school), "it is on its way back");
    let id = app.id.clone();
    let (_, short, _) = school.write(move |tx| apps::assign(tx, &Actor::Console, &id, "g", AssignedMode::Required, None));
    assert_eq!(short, Vec::<Shortage>::new());
    device.session("", "");
    assert!(has_licence(&school), "and is theirs again");
}

#[test]
fn devices_that_come_into_a_group_are_told_to_lack_licences_by_app_and_number() {
    let school = School::new();
    let device = device(&school, "16.7");
    let app = assigned(&school, 0, AssignedMode::Required, Settings::default());
    let (device_id, id) = (device.enrollment().device_id, app.id.clone());
    let (short, again) = school.write(move |tx| {
        apps::unassign(tx, &Actor::Console, &id, "g")?;
        let new = crate::mdm::groups::NewGroup { name: "7c".into(), ..Default::default() };
        let group = crate::mdm::groups::create(tx, &Actor::Console, new)?;
        apps::assign(tx, &Actor::Console, &id, &group.id, AssignedMode::Required, None)?;
        let before = apps::shortages_of_group(tx, &group.id)?;
        crate::mdm::groups::add(tx, &Actor::Console, &group.id, &[device_id])?;
        let now = apps::shortages_of_group(tx, &group.id)?;
        let short: Vec<_> = apps::newly_short(&before, now.clone()).into_iter().map(|(_, short)| (short.by, short.because)).collect();
        Ok((short, apps::newly_short(&now, now.clone()).len()))
    });
    assert_eq!((short, again), (vec![(1, NO_LOCATION.replace("7b", "7c"))], 0));
}

#[test]
fn licences_of_devices_on_which_the_person_declined_are_told_where_seats_are_short() {
    let school = School::new();
    let device = device(&school, "16.7");
    let app = assigned(&school, 1, AssignedMode::Required, Settings::default());
    let told = || {
        let id = app.id.clone();
        school.write(move |tx| apps::declined_words(tx, &id))
    };
    device.session(&taken("Prompting"), "Prompting");
    assert_eq!((device.stage(), told()), (Stage::Prompting, String::new()));
    school.clock.advance(MINUTE);
    device.session("", "UserRejected");
    assert_eq!((device.stage(), has_licence(&school)), (Stage::Declined, true));
    let words = "One of the licences that are taken is held for a device on which the person declined the app: \
                 ask again there, or take the app away from there, and the licence is free.";
    assert_eq!(told(), words);
    // Another device waits for a licence.
    let other = Enrollment { id: "other".into(), nano_id: "UDID-2".into(), ..device.enrollment() };
    let id = app.id.clone();
    let needs = school.write(move |tx| {
        let waits = AppState { wanted: "d".into(), stage: Stage::NoLicence, ..AppState::absent(&id, Mechanism::Command, tx.now) };
        enrollments::insert(tx, &other)?;
        app_states::put(tx, &other.id, &waits)?;
        crate::mdm::needs::all(tx)
    });
    let need = needs.into_iter().find(|need| need.key.starts_with("app.")).unwrap();
    assert_eq!(need.remedy, format!("Get more licences in Apple's portal; it goes on by itself. {words}"));
}

#[test]
fn without_a_content_token_that_is_the_one_cause_and_nothing_is_said_to_go_on_by_itself() {
    let school = School::new();
    let device = device(&school, "16.7");
    assigned(&school, 0, AssignedMode::Required, Settings::default());
    device.session("", "");
    let row = device.app().unwrap();
    assert_eq!(row.stage, Stage::NoLicence);
    let (because, remedy) = apps::words::because(&row, &crate::clock::Zone::default());
    assert!(because.contains("There is no content token here"), "{because}");
    assert!(!remedy.contains("is free"), "none can become free: {remedy}");
    let enrollment = device.enrollment();
    let wanted = school.write(move |tx| crate::mdm::reconcile::standing(tx, &enrollment));
    let said = wanted.things.iter().find(|thing| thing.name == "Atlas").unwrap().words.clone();
    assert_eq!((said.as_deref(), apps::words::stage(&row).as_str()), (Some("no licence"), "no licence"), "one word on every page");
    let needs = || school.write(crate::mdm::needs::all);
    let about_apps = |key: &str| key.starts_with(crate::mdm::needs::APP) || key == crate::mdm::needs::NO_LOCATION;
    let told: Vec<_> = needs().into_iter().filter(|need| about_apps(&need.key)).collect();
    assert_eq!(told.len(), 1, "one cause: {told:?}");
    assert_eq!((told[0].key.as_str(), told[0].count), (crate::mdm::needs::NO_LOCATION, 1));
    assert_eq!(told[0].message, "There is no content token, so Atlas cannot be given to 1 device.");
    assert!(told[0].remedy.contains("Apps and Books") && crate::mdm::needs::is_of_seats(&told[0]), "{told:?}");
    // A location that owns no more than what is taken: now it is licences that are short.
    school.write(held);
    let told: Vec<_> = needs().into_iter().filter(|need| about_apps(&need.key)).collect();
    assert!(!told.iter().any(|need| need.key == crate::mdm::needs::NO_LOCATION), "{told:?}");
}

#[test]
fn nobody_is_said_to_hold_a_licence_that_nobody_has() {
    let school = School::new();
    let device = device(&school, "16.7");
    let device_id = device.enrollment().device_id;
    assigned(&school, 1, AssignedMode::Required, Settings { licence: LicenceBy::User, ..Settings::default() });
    school.write(move |tx| {
        let new = NewPerson { name: "Kim".into(), email: String::new(), role: PersonRole::Student, active: true };
        let person = crate::mdm::people::create(tx, &Actor::Console, new)?;
        crate::store::people::set_person(tx, &device_id, Some(&person.id))?;
        let user = User {
            token_id: "location".into(),
            person_id: person.id,
            wanted: true,
            known: true,
            state: UserState::Associated,
            email: String::new(),
            managed_apple_id: String::new(),
            invited_at: None,
            id_hash: "hash".into(),
            event_id: None,
            attempts: 0,
            due_at: None,
            problem: String::new(),
        };
        users::put(tx, &user)?;
        crate::store::devices::set_facts(tx, &device_id, r#"{"iTunesStoreAccountIsActive":false}"#)?;
        crate::store::deployments::look_again(tx, &device_id).map(drop)
    });
    device.idle();
    let problem = device.app().unwrap().problem;
    assert!(problem.contains("not signed in to the account of Kim, whose licence it would use"), "{problem}");
}
