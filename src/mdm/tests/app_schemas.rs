//! What an app's maker says of its configuration: brought, filled in as a form, held against what is set, taken away.

use super::School;
use crate::error::{Error, Kind};
use crate::mdm::apps::{self, configuration, schema};
use crate::mdm::{Actor, Role};
use crate::protocol::app_config::tests::ATLAS;
use crate::protocol::plist::{Dictionary, Value};

/// An app whose identifier is known.
fn app(school: &School) -> String {
    school.write(|tx| {
        let app = apps::add(tx, &Actor::Console, "1500000002", "Atlas")?;
        apps::learn_identifier(tx, &app.id, "school.example.atlas")?;
        Ok(app.id)
    })
}

fn bring(school: &School, id: &str, file: &str) -> Result<schema::Brought, Error> {
    let brought = schema::recognise(file.as_bytes().to_vec())?;
    let id = id.to_owned();
    school.try_write(move |tx| schema::bring(tx, &Actor::Console, &id, &brought))
}

/// An app with its maker's file.
fn with_form(school: &School) -> String {
    let id = app(school);
    bring(school, &id, ATLAS).unwrap();
    id
}

fn fill_in(school: &School, id: &str, typed: &[(&str, &[&str])]) -> Result<(), Error> {
    let id = id.to_owned();
    let typed: Vec<_> =
        typed.iter().map(|(key, texts)| ((*key).to_owned(), texts.iter().map(|text| (*text).to_owned()).collect())).collect();
    school.try_write(move |tx| schema::fill_in(tx, &Actor::Console, &id, &typed)).map(drop)
}

fn set(school: &School, id: &str, text: &str) -> Result<(), Error> {
    let (id, keys) = (id.to_owned(), configuration::read(text)?);
    school.try_write(move |tx| apps::set_configuration(tx, &Actor::Console, &id, keys.as_ref())).map(drop)
}

fn kept(school: &School, id: &str) -> Option<Dictionary> {
    let id = id.to_owned();
    school.write(move |tx| apps::configuration_of(tx, &Actor::Console, &id))
}

fn named(error: &Error) -> Vec<&str> {
    error.fields.iter().map(|fault| fault.field.as_str()).collect()
}

#[test]
fn a_file_is_kept_for_the_app_that_it_is_for_and_no_other() {
    let school = School::new();
    let id = app(&school);
    let other = bring(&school, &id, &ATLAS.replace("school.example.atlas", "school.example.bell")).unwrap_err();
    assert_eq!((other.kind, named(&other)), (Kind::BadInput, vec!["file"]));
    assert!(other.message.contains("school.example.bell") && other.message.contains("school.example.atlas"), "{other}");
    let unknown = school.write(|tx| Ok(apps::add(tx, &Actor::Console, "1500000003", "Bell")?.id));
    assert_eq!(bring(&school, &unknown, ATLAS).unwrap_err().kind, Kind::Conflict, "whose it is cannot be seen yet");
    assert_eq!(schema::recognise(b"<plist/>".to_vec()).unwrap_err().fields[0].field, "file");

    assert_eq!(bring(&school, &id, ATLAS).unwrap().schema.version, "3");
    bring(&school, &id, ATLAS).unwrap();
    assert_eq!(bring(&school, &id, &ATLAS.replace("<version>3", "<version>4")).unwrap().schema.version, "4");
    let target = id.clone();
    assert_eq!(school.write(move |tx| schema::content(tx, &Actor::Console, &target)).len(), ATLAS.len());
    let events = school.events();
    assert_eq!(events.iter().filter(|kind| *kind == "app.schema_brought").count(), 2, "the same once more is no news");
    let (target, viewer) = (id.clone(), Actor::Person { id: "v".into(), name: "V".into(), role: Role::Viewer });
    let looks = school.try_write(move |tx| Ok((schema::find(tx, &viewer, &target)?.is_some(), schema::take_away(tx, &viewer, &target))));
    let (is_seen, refused) = looks.unwrap();
    assert!(is_seen && refused.unwrap_err().kind == Kind::Forbidden);
}

#[test]
fn a_form_sets_what_was_typed_and_leaves_the_rest_as_it_is() {
    let school = School::new();
    let id = with_form(&school);
    set(&school, &id, r#"{"server":"https://a","of my own":{"a":[1]},"pages":7,"offline":true}"#).unwrap();
    let typed: &[(&str, &[&str])] = &[
        ("server", &["https://$SERIAL.example.school"]),
        ("theme", &["dark"]),
        ("pages", &[""]),
        ("layers", &["", "towns", "rivers"]),
        ("years", &["1900\r\n2000\r\n"]),
        ("ends", &["2026-12-24T15:30"]),
        ("of my own", &["no field of the form"]),
    ];
    fill_in(&school, &id, typed).unwrap();
    let keys = kept(&school, &id).unwrap();
    assert_eq!(keys.get("server").unwrap().as_string(), Some("https://$SERIAL.example.school"));
    assert_eq!(keys.get("layers").unwrap().as_array().unwrap().len(), 2);
    assert_eq!(keys.get("years").unwrap().as_array().unwrap()[1], Value::Integer(2000.into()));
    assert!(keys.get("ends").unwrap().as_date().is_some() && keys.get("of my own").unwrap().as_dictionary().is_some());
    assert_eq!((keys.get("pages"), keys.get("offline")), (None, Some(&Value::Boolean(true))), "emptied goes, not asked for stays");
    assert!(!keys.contains_key("build"), "what the maker suggests is not set by itself");
    let before = school.events().len();
    fill_in(&school, &id, typed).unwrap();
    assert_eq!((kept(&school, &id).unwrap(), school.events().len()), (keys, before), "the same again is nothing");
}

#[test]
fn what_stands_as_it_was_shown_stays_down_to_its_spaces() {
    let school = School::new();
    let id = with_form(&school);
    let text = r#"{"server":"https://a","pupil name":" Ada \n\nL","phone":"","layers":["towns","rivers"],"scales":[]}"#;
    set(&school, &id, text).unwrap();
    let before = kept(&school, &id).unwrap();
    fill_in(
        &school,
        &id,
        &[("pupil name", &[" Ada \r\n\r\nL"]), ("phone", &[""]), ("layers", &["", "rivers", "towns"]), ("scales", &[""])],
    )
    .unwrap();
    assert_eq!(kept(&school, &id).unwrap(), before);
    fill_in(&school, &id, &[("pupil name", &[" Ada \r\nL"])]).unwrap();
    assert_eq!(kept(&school, &id).unwrap().get("pupil name").unwrap().as_string(), Some("Ada \nL"));
}

#[test]
fn what_does_not_fit_is_named_key_by_key_and_changes_nothing() {
    let school = School::new();
    let id = with_form(&school);
    let wrong = fill_in(&school, &id, &[("server", &[""]), ("pages", &["many"]), ("theme", &["$SEREAL"]), ("zoom", &["0.1"])]).unwrap_err();
    assert_eq!(wrong.kind, Kind::BadInput);
    let mut fields = named(&wrong);
    fields.sort_unstable();
    assert_eq!(fields, ["configuration.pages", "configuration.server", "configuration.theme", "configuration.zoom"]);
    assert_eq!(kept(&school, &id), None);

    let unfit = set(&school, &id, r#"{"server":"https://a","pages":200}"#).unwrap_err();
    assert_eq!((named(&unfit), unfit.fields[0].message.as_str()), (vec!["configuration.pages"], "between 1 and 100"));
    let (target, keys) = (id.clone(), configuration::read(r#"{"server":{"a":1},"pages":200}"#).unwrap());
    school.write(move |tx| apps::set_configuration_unchecked(tx, &Actor::Console, &target, keys.as_ref()));
    let other = fill_in(&school, &id, &[("server", &[""]), ("pages", &["20"])]).unwrap_err();
    assert!(named(&other) == ["configuration.server"] && other.message.contains("property list"), "{other}");
    fill_in(&school, &id, &[("server", &["https://b"]), ("pages", &["20"])]).unwrap();
    set(&school, &id, "").unwrap();
    assert_eq!(kept(&school, &id), None, "a configuration can be cleared whatever is needed");
}

#[test]
fn a_file_that_goes_leaves_what_is_set_and_goes_with_its_app() {
    let school = School::new();
    let id = with_form(&school);
    fill_in(&school, &id, &[("server", &["https://a"])]).unwrap();
    let target = id.clone();
    school.write(move |tx| schema::take_away(tx, &Actor::Console, &target));
    assert!(kept(&school, &id).is_some() && school.events().contains(&String::from("app.schema_removed")));
    assert_eq!(fill_in(&school, &id, &[("server", &["https://b"])]).unwrap_err().kind, Kind::Conflict);
    set(&school, &id, r#"{"pages":"anything"}"#).unwrap();
    let target = id.clone();
    assert_eq!(school.try_write(move |tx| schema::take_away(tx, &Actor::Console, &target)).unwrap_err().kind, Kind::NotFound);
    bring(&school, &id, ATLAS).unwrap();
    let target = id.clone();
    school.write(move |tx| apps::delete(tx, &Actor::Console, &target, None));
    assert!(school.write(move |tx| crate::store::app_schemas::of_app(tx, &id)).is_none());
}
