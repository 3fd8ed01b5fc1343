//! What is taken as an app, and the limits of names, notes and answers.

use super::*;

#[test]
fn numbers_and_addresses_of_the_store_are_read_and_all_else_is_refused() {
    let school = School::new();
    let add = |text: &'static str| school.try_write(move |tx| apps::add(tx, &Actor::Console, text, ""));
    let app = add("https://apps.apple.com/de/app/pages/id361309726?l=en").unwrap();
    assert_eq!((app.adam_id.as_deref(), app.name.as_str()), (Some("361309726"), "App 361309726"));
    assert!(add("361309726").unwrap_err().message.contains("here already"));
    for wrong in [
        "",
        "0",
        "abc",
        "12.5",
        "1234567890123456789",
        "https://example.school/",
        "https://evil.example/id123",
        "https://apps.apple.com/de/",
    ] {
        assert_eq!(add(wrong).unwrap_err().fields[0].field, "adam_id", "{wrong}");
    }
}

#[test]
fn names_notes_and_answers_have_their_limits() {
    let school = School::new();
    let id = school.write(|tx| apps::add(tx, &Actor::Console, ATLAS, "Atlas")).id;
    let edit = |name: String, note: String| {
        let id = id.clone();
        school.try_write(move |tx| apps::edit(tx, &Actor::Console, &id, Edit { name: Some(name), note: Some(note), settings: None }))
    };
    assert!(edit("é".repeat(apps::NAME_MAX_CHARS), "n".repeat(apps::NOTE_MAX_CHARS)).is_ok());
    assert_eq!(edit("a".repeat(apps::NAME_MAX_CHARS + 1), String::new()).unwrap_err().fields[0].field, "name");
    assert_eq!(edit("a".into(), "n".repeat(apps::NOTE_MAX_CHARS + 1)).unwrap_err().fields[0].field, "note");
    let device = device(&school, "16.7");
    let item = |number: usize| format!("<dict><key>Identifier</key><string>app.{number:04}</string><key>Feedback</key><dict/></dict>");
    let items: String = (0..=apps::FEEDBACK_APPS_MAX).map(item).collect();
    let body = super::super::plist(&format!(
        "<key>Status</key><string>Acknowledged</string><key>CommandUUID</key><string>c</string><key>UDID</key><string>u</string>\
         <key>ManagedApplicationFeedback</key><array>{items}</array>"
    ));
    let enrollment = device.enrollment();
    let kept = school.write(move |tx| {
        let report = crate::protocol::report::parse(body.as_bytes())?;
        apps::feedback_read(tx, &enrollment, &report)?;
        apps::feedback(tx, &Actor::Console, &enrollment.device_id)
    });
    assert_eq!(kept.len(), apps::FEEDBACK_APPS_MAX);
}
