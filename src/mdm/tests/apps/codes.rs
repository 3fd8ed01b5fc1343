//! Redemption codes of the old programme: a device that asks for one is sent one, once, or it is said why not.

use super::*;
use crate::mdm::licences::codes;
use crate::mdm::{commands, reconcile};
use crate::store::enrollments::Enrollment;

const SHEET: &str = "Code\nAAAA1111\nBBBB2222\nCCCC3333\n";

fn nobody() -> Settings {
    Settings { licence: LicenceBy::None, ..Settings::default() }
}

fn import(school: &School) {
    school.write(|tx| codes::import(tx, &Actor::Console, ATLAS, SHEET.as_bytes()));
}

fn left(school: &School) -> u32 {
    school.write(|tx| codes::list(tx, &Actor::Console))[0].0.left
}

fn kinds(orders: &[Command]) -> Vec<&str> {
    orders.iter().map(|order| order.request_type.as_str()).collect()
}

fn ask_again(device: &Device<'_>) {
    let (device_id, app) = (device.enrollment().device_id, device.app().unwrap().app_id);
    device.school.write(move |tx| apps::ask_again(tx, &Actor::Console, &device_id, &app));
}

#[test]
fn a_device_that_asks_for_a_code_is_sent_one_once() {
    for os_version in ["6.1.3", "8.4.1", "16.7"] {
        let school = School::new();
        import(&school);
        let device = device(&school, os_version);
        assigned(&school, 0, AssignedMode::Required, nobody());
        let orders = device.session(&taken("NeedsRedemption"), "NeedsRedemption");
        assert_eq!(kinds(&orders), ["InstallApplication", "ApplyRedemptionCode"], "{os_version}");
        assert_eq!((orders[1].text("Identifier"), left(&school)), (Some(BUNDLE), 2), "{os_version}");
        assert!(orders[1].text("RedemptionCode").is_some_and(|code| SHEET.contains(code)));
        assert_eq!(device.stage(), Stage::Installing);
        school.clock.advance(MINUTE);
        device.session("", "Redeeming");
        school.clock.advance(MINUTE * 3);
        assert!(device.session("", "Managed").is_empty());
        assert_eq!((device.stage(), left(&school)), (Stage::Installed, 2), "{os_version}");
    }
}

#[test]
fn codes_that_come_later_go_to_the_devices_that_wait() {
    let school = School::new();
    let device = device(&school, "16.7");
    assigned(&school, 0, AssignedMode::Required, nobody());
    assert_eq!(kinds(&device.session(&taken("NeedsRedemption"), "NeedsRedemption")), ["InstallApplication"]);
    let row = device.app().unwrap();
    assert_eq!((row.stage, row.problem.as_str()), (Stage::NeedsCode, "the device asks for a redemption code, and none of it is left here"));
    let need = school.write(crate::mdm::needs::all).into_iter().find(|need| need.key.starts_with("app."));
    assert_eq!(need.unwrap().message, "1 device asks for a redemption code of Atlas.");
    import(&school);
    assert_eq!(kinds(&device.session("", "NeedsRedemption")), ["ApplyRedemptionCode"]);
}

#[test]
fn a_code_that_is_refused_is_not_followed_by_another_before_somebody_asks() {
    let school = School::new();
    import(&school);
    let device = device(&school, "16.7");
    assigned(&school, 0, AssignedMode::Required, nobody());
    device.answers_codes_with(&refused("MCMDMErrorDomain", 12_037));
    for _ in 0..5 {
        school.clock.advance(MINUTE * 60);
        device.session("", "NeedsRedemption");
    }
    let row = device.app().unwrap();
    assert_eq!((row.stage, left(&school)), (Stage::NeedsCode, 2));
    assert_eq!(row.problem, "the device did not take the redemption code: the redemption code is wrong");
    ask_again(&device);
    let orders = device.session(&taken("NeedsRedemption"), "NeedsRedemption");
    assert_eq!((kinds(&orders).last(), left(&school)), (Some(&"ApplyRedemptionCode"), 1), "the next one");
}

#[test]
fn a_code_that_did_not_reach_its_device_or_was_not_needed_is_free_again() {
    let school = School::new();
    import(&school);
    let device = device(&school, "16.7");
    let app = assigned(&school, 0, AssignedMode::Required, nobody());
    // The order is answered, and the code waits in the queue.
    let mut offer = device.idle();
    while let Some(command) = offer.take() {
        let is_order = command.request_type == "InstallApplication";
        let answer = if is_order { taken("NeedsRedemption") } else { String::new() };
        let said = format!("<key>Status</key><string>Acknowledged</string><key>CommandUUID</key><string>{}</string>{answer}", command.uuid);
        let reply = super::super::offered(device.connect(&said).unwrap());
        offer = reply.filter(|next| next.request_type != "ApplyRedemptionCode");
    }
    assert_eq!(left(&school), 2, "it is on its way");
    let row = device.app().unwrap();
    device.report(&row.command_uuid.unwrap(), "NotNow");
    let id = app.id.clone();
    school.write(move |tx| apps::unassign(tx, &Actor::Console, &id, "g"));
    assert_eq!(kinds(&device.session("", "")), ["RemoveApplication"]);
    assert_eq!(left(&school), 3);

    let id = app.id.clone();
    school.write(move |tx| apps::assign(tx, &Actor::Console, &id, "g", AssignedMode::Required, None));
    let orders = device.session(&taken("NeedsRedemption"), "Installing");
    let code = orders.last().and_then(|order| order.text("RedemptionCode")).unwrap().to_owned();
    assert_eq!(left(&school), 2);
    let enrollment = device.enrollment();
    school.write(move |tx| codes::unused(tx, ATLAS, &enrollment, &code.into()));
    assert_eq!(left(&school), 3, "the person had bought it before");
}

/// A device that asks for a code, for which one is queued while it is away.
fn code_queued(school: &School) -> (Device<'_>, String) {
    let device = device(school, "16.7");
    assigned(school, 0, AssignedMode::Required, nobody());
    device.session(&taken("NeedsRedemption"), "NeedsRedemption");
    import(school);
    school.write(|tx| reconcile::plan_page(tx, reconcile::Carried::default()));
    let row = device.app().unwrap();
    assert_eq!((row.is_redeeming(), left(school)), (true, 2), "one is kept for it");
    (device, row.command_uuid.unwrap())
}

#[test]
fn a_code_that_was_never_sent_is_free_again_when_its_command_expires_is_cancelled_or_its_device_leaves() {
    type Ends = fn(&School, Enrollment, String);
    let ends: [(&str, Ends); 4] = [
        ("expired", |school, _, _| {
            school.clock.advance(days(400));
            assert_eq!(school.write(commands::expire), 1);
        }),
        ("cancelled", |school, enrollment, uuid| drop(school.write(move |tx| commands::cancel(tx, &Actor::Console, &enrollment, &uuid)))),
        ("left", |school, enrollment, _| school.write(move |tx| apps::left(tx, &enrollment))),
        ("dropped", |school, enrollment, _| {
            assert_eq!(school.write(move |tx| commands::drop_all(tx, &enrollment, "the device left")), 1);
        }),
    ];
    for (how, end) in ends {
        let school = School::new();
        let (device, uuid) = code_queued(&school);
        end(&school, device.enrollment(), uuid);
        school.write(|tx| reconcile::plan_page(tx, reconcile::Carried::default()));
        assert_eq!(left(&school), 3, "{how}");
        if how == "cancelled" {
            school.clock.advance(days(2));
            assert_eq!(kinds(&device.session("", "NeedsRedemption")).last(), Some(&"ApplyRedemptionCode"), "the device still asks");
            assert_eq!(left(&school), 2);
        }
    }
}

#[test]
fn a_code_that_was_sent_stays_given_whatever_becomes_of_its_command() {
    let school = School::new();
    let (device, uuid) = code_queued(&school);
    assert_eq!(device.idle().unwrap().request_type, "ApplyRedemptionCode", "and no answer comes");
    let enrollment = device.enrollment();
    school.write(move |tx| commands::cancel(tx, &Actor::Console, &enrollment, &uuid));
    school.write(|tx| reconcile::plan_page(tx, reconcile::Carried::default()));
    assert_eq!(left(&school), 2, "the device may have redeemed it");
}
