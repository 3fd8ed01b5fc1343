//! What the person at a device is told of an app, on systems that take commands and on those that take declarations.

use super::*;
use crate::mdm::catalog::{self, ASK_AGAIN_AFTER, Offered};

impl Device<'_> {
    /// The app as the catalogue has it.
    fn offered(&self) -> Offered {
        let enrollment = self.enrollment();
        self.school.write(move |tx| catalog::offered(tx, &enrollment)).remove(0)
    }

    fn told(&self) -> String {
        self.offered().words(self.school.clock.now())
    }

    fn chooses(&self) -> crate::error::Result<()> {
        let (enrollment, app) = (self.enrollment(), self.offered());
        self.school.try_write(move |tx| catalog::request(tx, &enrollment, &app.app_id))
    }

    fn gives_back(&self) -> crate::error::Result<()> {
        let (enrollment, app) = (self.enrollment(), self.offered());
        self.school.try_write(move |tx| catalog::withdraw(tx, &enrollment, &app.app_id))
    }
}

#[test]
fn on_an_old_system_the_catalogue_follows_the_answers_to_commands() {
    let school = School::new();
    let device = device(&school, "12.5.7");
    assigned(&school, 1, AssignedMode::Optional, Settings::default());
    device.session("", "");
    assert_eq!((device.told().as_str(), device.offered().may_ask(), device.offered().may_withdraw()), ("", true, false));
    device.chooses().unwrap();
    device.chooses().unwrap();
    assert_eq!(device.app().unwrap().asks, 1, "a finger that taps twice");
    assert_eq!(device.told(), "Asked for just now. It comes by itself.");
    device.session(&taken("Prompting"), "Prompting");
    assert_eq!(device.told(), "Look at the Home Screen: the device asks you about it.");
    school.clock.advance(ASK_AGAIN_AFTER.max(MINUTE));
    assert!(device.chooses().unwrap_err().message.contains("on its way already"));
    device.session("", "UserRejected");
    assert_eq!(device.told(), "It was declined on this device");
    device.chooses().unwrap();
    device.session(&taken("Managed"), "Managed");
    assert!(device.told().starts_with("Installed"), "{}", device.told());
    device.gives_back().unwrap();
    for _ in 0..3 {
        device.session("", "");
    }
    assert_eq!((device.told().as_str(), device.offered().may_ask(), device.offered().asked_at), ("", true, None));
}

#[test]
fn on_a_new_system_the_catalogue_follows_status_reports() {
    let school = School::new();
    let device = device(&school, "18.1");
    let app = assigned(&school, 1, AssignedMode::Optional, Settings::default());
    device.session("", "");
    device.chooses().unwrap();
    device.session("", "");
    device.session("", "");
    let identifier = apps::declaration_identifier(&app.id, device.app().unwrap().asks);
    device.declarative("status", Some(&app_list(&identifier, "prompting-for-consent", None)));
    assert_eq!(device.told(), "Look at the Home Screen: the device asks you about it.");
    device.declarative("status", Some(&app_list(&identifier, "failed", Some("Error.UserRejected"))));
    assert_eq!((device.told().as_str(), device.offered().may_ask()), ("It was declined on this device", true));
    school.clock.advance(MINUTE);
    device.chooses().unwrap();
    device.session("", "");
    device.session("", "");
    let again = apps::declaration_identifier(&app.id, device.app().unwrap().asks);
    assert_ne!(again, identifier);
    device.declarative("status", Some(&device.everything_applied()));
    device.declarative("status", Some(&app_list(&again, "managed", None)));
    assert_eq!(device.told(), "Installed, version 2.8");
    assert!(device.offered().may_withdraw() && !device.offered().may_ask());
}

#[test]
fn who_waits_for_a_licence_is_told_whom_to_ask_and_what_comes_by_itself_is_not_asked_for() {
    for os_version in ["12.5.7", "18.1"] {
        let school = School::new();
        let device = device(&school, os_version);
        assigned(&school, 0, AssignedMode::Required, Settings::default());
        assert_eq!(device.told(), "Comes by itself", "before the first plan");
        device.session("", "");
        assert!(device.told().starts_with("Waiting for a licence: ask your teacher"), "{os_version}: {}", device.told());
        let offered = device.offered();
        assert!(!offered.may_ask() && !offered.may_withdraw(), "{os_version}");
        assert!(device.chooses().is_err() && device.gives_back().unwrap_err().message.contains("decided so"), "{os_version}");
    }
}

#[test]
fn an_app_that_a_device_cannot_have_is_told_with_its_reason_and_has_no_button() {
    for os_version in ["12.5.7", "18.1"] {
        let school = School::new();
        let device = device(&school, os_version);
        assigned(&school, 1, AssignedMode::Optional, Settings { licence: LicenceBy::User, ..Settings::default() });
        device.session("", "");
        assert_eq!(device.stage(), Stage::Lacking, "{os_version}");
        assert!(device.told().starts_with("This device cannot have it: its licence belongs to a person"), "{}", device.told());
        assert!(!device.offered().may_ask() && device.chooses().is_err(), "{os_version}");
    }
}

#[test]
fn an_optional_app_comes_when_the_person_asks_and_goes_when_it_is_withdrawn() {
    let school = School::new();
    let device = device(&school, "16.7");
    let app = assigned(&school, 1, AssignedMode::Optional, Settings::default());
    assert!(device.session("", "").is_empty());
    assert_eq!(device.stage(), Stage::Offered);
    let (enrollment, id) = (device.enrollment(), app.id.clone());
    let device_id = enrollment.device_id.clone();
    school.write(move |tx| apps::request(tx, &enrollment, &id));
    assert_eq!(device.session(&taken("Managed"), "Managed").len(), 1);
    assert_eq!(device.stage(), Stage::Installed);
    let id = app.id.clone();
    school.write(move |tx| apps::withdraw(tx, &Actor::Console, &device_id, &id));
    assert_eq!(device.session("", "")[0].request_type, "RemoveApplication");
    device.session("", "");
    device.session("", "");
    assert_eq!(device.stage(), Stage::Offered, "the person may ask for it again");
    assert!(!has_licence(&school));
    let enrollment = device.enrollment();
    assert!(school.try_write(move |tx| apps::request(tx, &enrollment, "another app")).is_err());
}
