//! Apps from the group to the device and back: licences first, orders by the right mechanism, answers of every kind, and gone again.

mod catalog;
mod codes;
mod declared;
mod lacking;
mod limits;
mod presence;
mod queue;
mod returning;

use std::time::Duration;

use serde_json::{Value, json};

use super::{Device, School, days};
use crate::mdm::apps::{self, Edit, LicenceBy, Settings};
use crate::mdm::licences::{self, Holder};
use crate::mdm::{Actor, checkin};
use crate::protocol::command::Command;
use crate::store::app_states::{self, AppState, Stage};
use crate::store::apps::App;
use crate::store::assignments::AssignedMode;
use crate::store::content_tokens::{self, ContentToken, TokenState};
use crate::store::enrollments::EnrollmentState;
use crate::store::groups::{self, Group};
use crate::store::licences::assets::{self, OwnedAsset};
use crate::store::licences::{self as rows, AssetKey, HolderKind, Licence};

const ATLAS: &str = "1500000002";
const BUNDLE: &str = "school.example.atlas";

/// A device of this system that has said what it is, and is in the group `g`.
fn device<'a>(school: &'a School, os_version: &str) -> Device<'a> {
    let device = school.device("UDID-1");
    device.authenticate();
    device.token_update(false);
    device.says_what_it_is(os_version);
    let device_id = device.enrollment().device_id;
    school.write(move |tx| {
        let group = Group {
            id: "g".into(),
            name: "7b".into(),
            note: String::new(),
            rule: None,
            is_by_rule: false,
            device_count: 0,
            created_at: tx.now,
            changed_at: tx.now,
        };
        groups::insert(tx, &group)?;
        groups::add_device(tx, "g", &device_id)
    });
    device.answer_everything();
    device
}

/// A licence that the device has already.
fn held(tx: &crate::store::Tx) -> crate::error::Result<()> {
    let token = ContentToken {
        id: "location".into(),
        location_uid: "7".into(),
        organisation: String::new(),
        location: String::new(),
        country: String::new(),
        platform: String::new(),
        practice: false,
        state: TokenState::Ready,
        other_server: String::new(),
        problem: String::new(),
        failures: 0,
        expires_at: tx.now.plus(days(300)),
        service: String::from("{}"),
        service_at: None,
        assignments_version: String::new(),
        sync_due_at: None,
        synced_at: None,
        synced_whole_at: None,
        due_at: None,
        busy_until_at: None,
        created_at: tx.now,
        uploaded_at: tx.now,
    };
    content_tokens::insert(tx, &token, b"token")?;
    let row = Licence {
        adam_id: ATLAS.into(),
        holder_kind: HolderKind::Device,
        holder: "TESTSN0001".into(),
        practice: false,
        token_id: Some("location".into()),
        pricing_param: "STDQ".into(),
        wanted: true,
        stage: rows::Stage::Held,
        event_id: None,
        attempts: 0,
        due_at: None,
        problem: String::new(),
        since_at: tx.now,
    };
    rows::put(tx, None, &row)
}

fn has_licence(school: &School) -> bool {
    let holder = Holder::Device { serial_number: "TESTSN0001".into() };
    school.write(move |tx| licences::licence(tx, ATLAS, &holder)) == licences::Licence::Held
}

/// The app, with this many licences, assigned to the group.
fn assigned(school: &School, licences: u64, mode: AssignedMode, settings: Settings) -> App {
    school.write(move |tx| {
        if licences > 0 {
            held(tx)?;
        }
        let app = apps::add(tx, &Actor::Console, ATLAS, "Atlas")?;
        let app = apps::edit(tx, &Actor::Console, &app.id, Edit { settings: Some(settings), ..Edit::default() })?;
        apps::assign(tx, &Actor::Console, &app.id, "g", mode, None)?;
        Ok(app)
    })
}

impl Device<'_> {
    fn app(&self) -> Option<AppState> {
        let id = self.enrollment().id;
        self.school.write(move |tx| app_states::of_enrollment(tx, &id)).into_iter().next()
    }

    fn stage(&self) -> Stage {
        self.app().unwrap().stage
    }

    /// Answers everything; orders for apps by `install`, lists of managed apps by `state`. Gives the orders, with what they said.
    fn session(&self, install: &str, state: &str) -> Vec<Command> {
        self.session_with(install, state, "")
    }

    /// Is sent the order and the code that it asks for, and answers that so.
    fn answers_codes_with(&self, code: &str) {
        self.session_with(&taken("NeedsRedemption"), "NeedsRedemption", code);
    }

    fn session_with(&self, install: &str, state: &str, code: &str) -> Vec<Command> {
        let mut orders = Vec::new();
        let mut offer = self.idle();
        while let Some(command) = offer {
            let read = Command::from_plist(command.payload.expose()).unwrap();
            let answer = match command.request_type.as_str() {
                "InstallApplication" => install.to_owned(),
                "ApplyRedemptionCode" => code.to_owned(),
                "ManagedApplicationList" if state.is_empty() => "<key>ManagedApplicationList</key><dict/>".to_owned(),
                "ManagedApplicationList" => format!(
                    "<key>ManagedApplicationList</key><dict><key>{BUNDLE}</key><dict><key>Status</key><string>{state}</string>\
                     <key>ExternalVersionIdentifier</key><integer>7</integer></dict></dict>"
                ),
                "InstalledApplicationList" => "<key>InstalledApplicationList</key><array/>".to_owned(),
                _ => String::new(),
            };
            let status = if answer.contains("Error") { "Error" } else { "Acknowledged" };
            if read.request_type.ends_with("Application")
                || read.request_type.starts_with("Apply")
                || read.request_type.contains("Feedback")
            {
                orders.push(read);
            }
            let said = format!("<key>Status</key><string>{status}</string><key>CommandUUID</key><string>{}</string>{answer}", command.uuid);
            offer = super::offered(self.connect(&said).unwrap());
        }
        orders
    }
}

fn taken(state: &str) -> String {
    format!("<key>Identifier</key><string>{BUNDLE}</string><key>State</key><string>{state}</string>")
}

fn refused(domain: &str, code: i64) -> String {
    format!(
        "<key>RejectionReason</key><string>Other</string><key>ErrorChain</key><array><dict><key>ErrorCode</key><integer>{code}</integer>\
         <key>ErrorDomain</key><string>{domain}</string></dict></array>"
    )
}

fn app_list(identifier: &str, state: &str, reason: Option<&str>) -> Value {
    let reasons: Vec<_> = reason.into_iter().map(|code| json!({ "code": code })).collect();
    json!({ "StatusItems": { "app": { "managed": { "list": [{
        "identifier": BUNDLE, "declaration-identifier": identifier, "state": state, "version": "28", "short-version": "2.8", "reasons": reasons
    }] } } } })
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn an_app_is_licensed_sent_watched_and_installed_and_comes_back_with_its_licence() {
    let school = School::new();
    let device = device(&school, "16.7");
    let app = assigned(&school, 1, AssignedMode::Required, Settings::default());
    let orders = device.session(&taken("Queued"), "Installing");
    assert_eq!(orders.len(), 1);
    assert_eq!(orders[0].keys().get("iTunesStoreID").unwrap().as_unsigned_integer(), Some(1_500_000_002));
    assert_eq!(
        orders[0].keys().get("ManagementFlags").unwrap().as_unsigned_integer(),
        Some(5),
        "goes with the management, and not into backups"
    );
    assert!(!orders[0].has_key("ChangeManagementState"));
    assert_eq!(device.stage(), Stage::Installing);
    assert!(has_licence(&school));
    assert!(device.session("", "Installing").is_empty(), "nothing is sent while it is under way");
    school.clock.advance(MINUTE);
    device.session("", "Managed");
    let row = device.app().unwrap();
    assert_eq!((row.stage, row.external_version, row.seen == row.wanted), (Stage::Installed, Some(7), true));
    school.clock.advance(days(2));
    assert!(device.session("", "Managed").is_empty());
    let id = app.id.clone();
    school.write(move |tx| apps::unassign(tx, &Actor::Console, &id, "g"));
    let orders = device.session("", "");
    assert_eq!(orders.iter().map(|order| order.request_type.as_str()).collect::<Vec<_>>(), ["RemoveApplication"]);
    assert_eq!(orders[0].text("Identifier"), Some(BUNDLE), "the identifier that the device told");
    device.session("", "");
    assert_eq!(device.app(), None);
    assert!(!has_licence(&school), "the licence is free again, after the app has gone");
}

#[test]
fn an_app_that_was_to_go_and_stayed_is_seen_and_removed_again() {
    let school = School::new();
    let device = device(&school, "16.7");
    let app = assigned(&school, 1, AssignedMode::Required, Settings::default());
    device.session(&taken("Managed"), "Managed");
    let id = app.id.clone();
    school.write(move |tx| apps::unassign(tx, &Actor::Console, &id, "g"));
    let orders = |orders: Vec<Command>| orders.into_iter().map(|order| order.request_type).collect::<Vec<_>>();
    assert_eq!(orders(device.session("", "Managed")), ["RemoveApplication"]);
    let row = device.app().unwrap();
    assert!(row.stage == Stage::Removing && row.problem.contains("has it still"), "{row:?}");
    assert!(has_licence(&school), "it is not free while the app is there");
    assert!(device.session("", "Managed").is_empty(), "not at once");
    school.clock.advance(apps::next::BACK_OFF[0]);
    assert_eq!(orders(device.session("", "")), ["RemoveApplication"]);
    device.session("", "");
    assert_eq!(device.app(), None);
    assert!(!has_licence(&school));
}

#[test]
fn a_device_that_leaves_gives_its_licence_back() {
    let school = School::new();
    let device = device(&school, "16.7");
    assigned(&school, 1, AssignedMode::Required, Settings::default());
    device.session(&taken("Managed"), "Managed");
    let enrollment = device.enrollment();
    school.write(move |tx| checkin::end(tx, &enrollment, EnrollmentState::Left, "the device left"));
    assert!(!has_licence(&school));
}

#[test]
fn what_devices_answer_is_judged_as_it_says() {
    let cases = [
        ("ASDErrorDomain", 506, Stage::Installing),
        ("ASDErrorDomain", 663, Stage::Failed),
        ("DeviceManagement.error", 1407, Stage::Failed),
        ("ASDServerErrorDomain", 9610, Stage::Failed),
        ("MCMDMErrorDomain", 12_064, Stage::Failed),
        ("MCMDMErrorDomain", 12_023, Stage::Failed),
        ("com.example.nobody", 1, Stage::Failed),
    ];
    for (domain, code, stage) in cases {
        let school = School::new();
        let device = device(&school, "16.7");
        assigned(&school, 1, AssignedMode::Required, Settings::default());
        // The lists do not know of it yet, so that what stays is what the answer said.
        let mut offer = device.idle();
        while let Some(command) = offer.filter(|command| command.request_type != "InstallApplication") {
            offer = device.report(&command.uuid, "Acknowledged");
            if offer.is_none() {
                break;
            }
        }
        let uuid = device.app().unwrap().command_uuid.unwrap();
        let said = format!("<key>Status</key><string>Error</string><key>CommandUUID</key><string>{uuid}</string>{}", refused(domain, code));
        device.connect(&said).unwrap();
        let row = device.app().unwrap();
        assert_eq!(row.stage, stage, "{domain} {code}");
        assert!(!row.problem.is_empty(), "{domain} {code} has words");
        assert!(code != 1407 || row.due_at.unwrap().since(school.clock.now()) >= MINUTE * 60);
    }
}

#[test]
fn a_refusal_without_any_reason_is_a_plain_failure() {
    for chain in ["", "<key>ErrorChain</key><array/>", "<key>ErrorChain</key><string>none</string>"] {
        let school = School::new();
        let device = device(&school, "16.7");
        assigned(&school, 1, AssignedMode::Required, Settings::default());
        let answer = format!("<key>RejectionReason</key><string>Error</string>{chain}");
        device.session(&answer, "");
        assert_eq!(device.stage(), Stage::Failed, "{chain}");
    }
}

#[test]
fn what_the_person_installed_is_taken_over_with_the_next_order() {
    let school = School::new();
    let device = device(&school, "16.7");
    assigned(&school, 1, AssignedMode::Required, Settings::default());
    let orders = device.session("<key>RejectionReason</key><string>AppAlreadyInstalled</string><key>E</key><string>Error</string>", "");
    assert_eq!(orders.len(), 2);
    assert_eq!((orders[0].text("ChangeManagementState"), orders[1].text("ChangeManagementState")), (None, Some("Managed")));
    assert_eq!(device.stage(), Stage::Unmanaged, "it was refused again: that is said, and not tried for ever");
}

#[test]
fn a_changed_configuration_is_sent_anew_filled_in_and_escaped() {
    let school = School::new();
    let device = device(&school, "16.7");
    let app = assigned(&school, 1, AssignedMode::Required, Settings { licence: LicenceBy::None, ..Settings::default() });
    device.session(&taken("Managed"), "Managed");
    let id = app.id.clone();
    school.write(move |tx| {
        let keys = apps::configuration::read(
            "<dict><key>id</key><string>$SERIAL &amp; co</string><key>token</key><string>$ACCESS_TOKEN</string></dict>",
        )?;
        apps::set_configuration(tx, &Actor::Console, &id, keys.as_ref())
    });
    let orders = device.session(&taken("Updating"), "Managed");
    let configuration = orders[0].keys().get("Configuration").unwrap().as_dictionary().unwrap();
    assert_eq!(configuration.get("id").unwrap().as_string(), Some("TESTSN0001 & co"));
    let (enrollment, id) = (device.enrollment(), app.id.clone());
    let token = school.write(move |tx| crate::mdm::access::token(tx, &enrollment, &id)).unwrap();
    assert_eq!(configuration.get("token").unwrap().as_string(), Some(token.as_str()), "by which the app proves where it is");
    school.clock.advance(MINUTE);
    assert!(device.session("", "Managed").is_empty(), "it is sent once");
    let id = app.id.clone();
    school.write(move |tx| apps::set_configuration(tx, &Actor::Console, &id, None));
    let orders = device.session(&taken("Updating"), "Managed");
    assert!(!orders[0].has_key("Configuration"), "what is left out is taken back");
}

#[test]
fn feedback_is_asked_for_every_day_and_kept_with_its_age() {
    let school = School::new();
    let device = device(&school, "16.7");
    assigned(&school, 1, AssignedMode::Required, Settings::default());
    device.session(&taken("Managed"), "Managed");
    let device_id = device.enrollment().device_id;
    let id = device_id.clone();
    school.write(move |tx| apps::read_feedback_now(tx, &Actor::Console, &id));
    let mut offer = device.idle();
    while let Some(command) = offer {
        let long = "x".repeat(apps::FEEDBACK_MAX_BYTES);
        let answer = if command.request_type == "ManagedApplicationFeedback" {
            format!(
                "<key>ManagedApplicationFeedback</key><array><dict><key>Identifier</key><string>{BUNDLE}</string><key>Feedback</key><dict>\
                 <key>said</key><string>&lt;b&gt;</string></dict></dict><dict><key>Identifier</key><string>b</string><key>Feedback</key><dict>\
                 <key>said</key><string>{long}</string></dict></dict></array>"
            )
        } else {
            String::new()
        };
        let said = format!("<key>Status</key><string>Acknowledged</string><key>CommandUUID</key><string>{}</string>{answer}", command.uuid);
        offer = super::offered(device.connect(&said).unwrap());
    }
    let feedback = school.write(move |tx| apps::feedback(tx, &Actor::Console, &device_id));
    assert_eq!((feedback.len(), feedback[1].content.as_deref()), (2, Some(r#"{"said":"<b>"}"#)));
    assert!(feedback[0].content.as_deref().unwrap().contains("not kept") && feedback[0].read_at == school.clock.now());
    school.clock.advance(days(2));
    school.write(crate::mdm::inventory::refresh);
    assert!(device.session("", "Managed").iter().any(|order| order.request_type == "ManagedApplicationFeedback"));
}

#[test]
fn an_app_that_is_deleted_goes_from_devices() {
    let school = School::new();
    let device = device(&school, "16.7");
    let app = assigned(&school, 1, AssignedMode::Required, Settings::default());
    device.session(&taken("Managed"), "Managed");
    school.write(move |tx| apps::delete(tx, &Actor::Console, &app.id, None));
    assert_eq!(device.session("", "")[0].request_type, "RemoveApplication");
    device.session("", "");
    assert_eq!(device.app(), None);
    assert!(!has_licence(&school));
}
