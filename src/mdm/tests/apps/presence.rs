//! Macs before macOS 11: they take apps, have no list of managed ones, and cannot be told to remove one.

use super::*;

#[test]
fn an_old_mac_has_an_app_when_it_lists_it_and_is_asked_for_nothing_that_it_does_not_know() {
    let school = School::new();
    let device = device(&school, "16.7");
    let device_id = device.enrollment().device_id;
    school.write(move |tx| {
        let mut known = crate::store::devices::by_id(tx, &device_id)?.unwrap();
        (known.os_version, known.product_name) = (String::from("10.15.7"), String::from("Macmini8,1"));
        known.platform = crate::protocol::platform::Platform::Macos;
        crate::store::devices::update(tx, &known)
    });
    let app = assigned(&school, 1, AssignedMode::Required, Settings::default());
    let mut asked = Vec::new();
    let mut session = |list: &str| {
        let mut offer = device.idle();
        while let Some(command) = offer {
            let answer = if command.request_type == "InstalledApplicationList" {
                format!("<key>InstalledApplicationList</key><array>{list}</array>")
            } else {
                String::new()
            };
            asked.push(command.request_type.clone());
            let said =
                format!("<key>Status</key><string>Acknowledged</string><key>CommandUUID</key><string>{}</string>{answer}", command.uuid);
            offer = super::super::offered(device.connect(&said).unwrap());
        }
        asked.clone()
    };
    session("");
    assert_eq!(device.stage(), Stage::Installing);
    let there = format!("<dict><key>Identifier</key><string>{BUNDLE}</string><key>Version</key><string>28</string></dict>");
    for _ in 0..4 {
        school.clock.advance(MINUTE * 15);
        session(&there);
    }
    let row = device.app().unwrap();
    assert!(
        row.stage == Stage::Installing && row.problem.contains("identifier is not known"),
        "it is not judged by what cannot be seen: {row:?}"
    );
    let learn = app.id.clone();
    school.write(move |tx| apps::learn_identifier(tx, &learn, BUNDLE));
    for _ in 0..2 {
        school.clock.advance(days(1));
        session(&there);
    }
    let row = device.app().unwrap();
    assert_eq!((row.stage, row.version.as_str()), (Stage::Installed, "28"));
    let (cause, _) = apps::words::because(&row, &crate::clock::Zone::default());
    assert!(cause.contains("does not manage"), "{cause}");
    school.clock.advance(days(3));
    session(&there);
    school.write(move |tx| apps::unassign(tx, &Actor::Console, &app.id, "g"));
    let asked = session(&there);
    assert!(!asked.iter().any(|kind| kind == "ManagedApplicationList" || kind == "RemoveApplication"), "{asked:?}");
    assert_eq!(device.app(), None, "nothing is left of it here");
    assert!(!has_licence(&school));
}

#[test]
fn a_wait_for_the_licence_of_an_app_that_is_there_is_shown_as_that() {
    let school = School::new();
    let device = device(&school, "16.7");
    assigned(&school, 1, AssignedMode::Required, Settings::default());
    device.session(&taken("Managed"), "Managed");
    let wait = |stage: rows::Stage, problem: &'static str| {
        let device_id = device.enrollment().device_id;
        school.write(move |tx| {
            let before = rows::of_holder(tx, HolderKind::Device, "TESTSN0001")?.remove(0);
            rows::put(tx, Some(&before), &Licence { stage, problem: problem.into(), ..before.clone() })?;
            crate::store::deployments::look_again(tx, &device_id)
        });
    };
    wait(rows::Stage::Failed, "has not accepted the invitation");
    assert!(device.session("", "Managed").is_empty());
    let row = device.app().unwrap();
    assert!(matches!(row.stage, Stage::Licence | Stage::NoLicence) && !row.seen.is_empty(), "{row:?}");
    wait(rows::Stage::Held, "");
    assert!(device.session("", "Managed").is_empty(), "it is there already");
    assert_eq!(device.stage(), Stage::Installed);
}
