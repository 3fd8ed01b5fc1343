//! A device that is erased to come back keeps the licences of its apps until its time is over, and what it does not need then goes back.

use super::{Device, MINUTE, School, Settings, assigned, device, has_licence, taken};
use crate::mdm::Actor;
use crate::mdm::apps;
use crate::mdm::licences::errands::{self, PLANS_WITHIN};
use crate::mdm::return_to_service::watch::COMES_BACK_WITHIN;
use crate::store::app_states::Stage;
use crate::store::assignments::AssignedMode;
use crate::store::certificates::Purpose;
use crate::store::enrollments::EnrollmentState;

/// A device with one app that needs a licence, erased to come back; the app's id.
fn erased(school: &School) -> (Device<'_>, String) {
    let device = device(school, "16.7");
    let app = assigned(school, 1, AssignedMode::Required, Settings::default());
    device.session(&taken("Managed"), "Managed");
    school.clock.advance(MINUTE);
    device.session(&taken("Managed"), "Managed");
    assert!(device.stage() == Stage::Installed && has_licence(school));
    device.is_erased_to_return();
    assert_eq!(device.enrollment().state, EnrollmentState::Erased);
    (device, app.id)
}

/// The same device as it comes back.
fn back<'a>(school: &'a School, device: &Device<'_>) -> Device<'a> {
    let identity = school.certificate("its next identity", Purpose::Enroll, None);
    let back = Device { school, udid: device.udid.clone(), identity };
    back.authenticate();
    back.token_update(false);
    back.says_what_it_is("16.7");
    back
}

fn sweep(school: &School) {
    school.write(|tx| errands::begin(tx).map(drop));
}

#[test]
fn a_device_that_comes_back_finds_its_licence() {
    let school = School::new();
    let (device, _) = erased(&school);
    sweep(&school);
    assert!(has_licence(&school), "it is expected");
    school.clock.advance(COMES_BACK_WITHIN / 2);
    let device = back(&school, &device);
    device.session(&taken("Managed"), "Managed");
    school.clock.advance(MINUTE);
    device.session(&taken("Managed"), "Managed");
    assert_eq!(device.stage(), Stage::Installed);
    school.clock.advance(COMES_BACK_WITHIN + PLANS_WITHIN);
    sweep(&school);
    assert!(has_licence(&school));
}

#[test]
fn who_is_not_back_in_time_gives_the_licence_back() {
    let school = School::new();
    erased(&school);
    let expected_at = school.clock.now().plus(COMES_BACK_WITHIN);
    school.write(|tx| errands::end(tx, "location"));
    assert_eq!(school.write(errands::next_due), Some(expected_at), "it is looked at again then");
    school.clock.advance(COMES_BACK_WITHIN);
    sweep(&school);
    assert!(!has_licence(&school));
}

#[test]
fn what_a_device_does_not_need_any_more_when_it_is_back_goes_back() {
    let school = School::new();
    let (device, app) = erased(&school);
    school.write(move |tx| apps::unassign(tx, &Actor::Console, &app, "g"));
    let device = back(&school, &device);
    assert!(device.session("", "").is_empty());
    sweep(&school);
    assert!(has_licence(&school), "its apps may not be planned yet");
    school.clock.advance(PLANS_WITHIN);
    sweep(&school);
    assert!(!has_licence(&school));
}
