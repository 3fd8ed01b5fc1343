//! Policies and profiles in the reconciler: sent, verified, repaired, refused, foreseen, ended.

mod outcomes;
mod previews;

use super::super::{Device, School, days};
use super::told;
use crate::mdm::policies::{self, NewPolicy, PolicyChange};
use crate::mdm::reconcile::step::BACK_OFF;
use crate::mdm::reconcile::{self, Foreseen, Named, State, Thought};
use crate::mdm::{Actor, needs, profiles};
use crate::protocol::mobileconfig::tests::{payload, profile};
use crate::store::assignments::{AssignedKind, AssignedMode};
use crate::store::deployments::{self, Mechanism};
use crate::store::groups::{self, Group};
use crate::store::profiles::ProfileState;
use crate::store::roster::{self, Standing};
use serde_json::json;

/// A device in a group "g1", and a policy that is wanted there.
fn with_policy<'a>(school: &'a School, os_version: &str) -> (Device<'a>, String) {
    let device = told(school, os_version);
    device.answer_everything();
    let device_id = device.enrollment().device_id;
    let policy_id = school.write(move |tx| {
        let group = Group {
            id: "g1".into(),
            name: "7b".into(),
            note: String::new(),
            rule: None,
            is_by_rule: false,
            device_count: 0,
            created_at: tx.now,
            changed_at: tx.now,
        };
        groups::insert(tx, &group)?;
        groups::add_device(tx, "g1", &device_id)?;
        let settings = json!({ "no_camera": true, "open_in_managed_stays": true }).as_object().unwrap().clone();
        let new = NewPolicy { name: "Exam".into(), settings, ..NewPolicy::default() };
        let policy = policies::create(tx, &Actor::Console, &new)?;
        policies::assign(tx, &Actor::Console, &policy.id, "g1", None)?;
        Ok(policy.id)
    });
    (device, policy_id)
}

const RESTRICTIONS: &str = "profile:org.rollcall.policies.restrictions";

impl Device<'_> {
    /// The next command, which must be of this kind.
    fn is_asked(&self, request_type: &str) -> String {
        let offer = self.idle().unwrap_or_else(|| panic!("{request_type} is due"));
        assert_eq!(offer.request_type, request_type);
        offer.uuid
    }

    /// Answers a ProfileList with these profiles: identifier and PayloadUUID.
    fn lists(&self, uuid: &str, profiles: &[(&str, &str)]) {
        let list = profiles.iter().fold(String::new(), |list, (identifier, uuid)| {
            list + &format!(
                "<dict><key>PayloadIdentifier</key><string>{identifier}</string><key>PayloadUUID</key><string>{uuid}</string></dict>"
            )
        });
        let said = format!(
            "<key>Status</key><string>Acknowledged</string><key>CommandUUID</key><string>{uuid}</string><key>ProfileList</key><array>{list}</array>"
        );
        self.connect(&said).unwrap();
    }

    fn refuses(&self, uuid: &str, code: u32) {
        let chain = format!(
            "<key>ErrorChain</key><array><dict><key>ErrorCode</key><integer>{code}</integer><key>ErrorDomain</key><string>MCMDMErrorDomain</string></dict></array>"
        );
        self.connect(&format!("<key>Status</key><string>Error</string><key>CommandUUID</key><string>{uuid}</string>{chain}")).unwrap();
    }

    fn things(&self) -> Vec<(String, State)> {
        let enrollment = self.enrollment();
        let standings = self.school.write(move |tx| reconcile::standing(tx, &enrollment));
        standings.things.into_iter().map(|thing| (thing.because, thing.state)).collect()
    }
}

#[test]
fn a_policy_is_sent_verified_repaired_and_taken_back_by_commands() {
    let school = School::new();
    let (device, policy_id) = with_policy(&school, "15.8");
    let uuid = device.is_asked("InstallProfile");
    assert_eq!(device.things()[0], ("The device has been sent it and has not answered yet.".into(), State::Waiting));
    device.report(&uuid, "Acknowledged");
    assert_eq!(device.things()[0].1, State::There);
    let row = device.row(RESTRICTIONS);
    let list = device.is_asked("ProfileList");
    device.lists(&list, &[("org.rollcall.policies.restrictions", &row.payload_uuid)]);
    assert!(device.idle().is_none(), "what is there stays, and nothing is sent twice");

    // Somebody removed it at the device; the next list shows it.
    school.write({
        let enrollment = device.enrollment();
        move |tx| {
            crate::mdm::commands::enqueue_own(
                tx,
                &Actor::Console,
                &enrollment,
                crate::protocol::command::profile_list(tx.random().uuid_v4()),
                None,
                None,
            )
        }
    });
    let list = device.is_asked("ProfileList");
    device.lists(&list, &[]);
    assert!(device.idle().is_none(), "not at once: a device that only says that it has it would be sent it for as long as it connects");
    school.clock.advance(BACK_OFF[0]);
    let again = device.is_asked("InstallProfile");
    device.report(&again, "Acknowledged");
    device.answer_everything();

    let id = policy_id.clone();
    school.write(move |tx| policies::delete(tx, &Actor::Console, &id));
    let removal = device.is_asked("RemoveProfile");
    device.refuses(&removal, 12_075);
    let id = device.enrollment().id;
    assert!(
        !school.write(move |tx| deployments::of_enrollment(tx, &id)).iter().any(|row| row.key == RESTRICTIONS),
        "not there is as good as removed"
    );
}

#[test]
fn what_a_device_refuses_is_said_in_words_and_tried_again_ever_later() {
    let school = School::new();
    let (device, _) = with_policy(&school, "15.8");
    let uuid = device.is_asked("InstallProfile");
    device.refuses(&uuid, 4001);
    let (because, state) = device.things()[0].clone();
    assert!(state == State::Failed && because.starts_with("The device refused it: "), "{because}");
    device.answer_everything();
    assert!(device.idle().is_none());
    school.clock.advance(BACK_OFF[0]);
    let uuid = device.is_asked("InstallProfile");
    device.refuses(&uuid, 4001);
    device.answer_everything();
    school.clock.advance(BACK_OFF[0]);
    assert!(device.idle().is_none(), "the second wait is longer");
}

#[test]
fn what_failed_is_told_where_people_look_for_it() {
    let school = School::new();
    let (device, policy_id) = with_policy(&school, "15.8");
    let told = || {
        let (id, device_id) = (policy_id.clone(), device.enrollment().device_id);
        school.write(move |tx| {
            let outcomes = reconcile::outcomes(tx, &Actor::Console, AssignedKind::Policy, &id)?;
            assert_eq!(outcomes.reach, 1);
            let row = outcomes.rows[0].clone();
            assert_eq!(outcomes.counts, [(row.state, 1)]);
            let listed = roster::by_id(tx, &device_id)?.unwrap();
            let needs: Vec<_> = needs::all(tx)?.into_iter().filter(|need| need.key == needs::REFUSED).map(|need| need.message).collect();
            Ok((row, listed, needs))
        })
    };
    let uuid = device.is_asked("InstallProfile");
    let (row, listed, needs) = told();
    assert_eq!((row.state, listed.standing, needs.len()), (ProfileState::Installing, Standing::Waiting, 0), "{}", row.because);
    device.refuses(&uuid, 4001);
    device.answer_everything();
    let (row, listed, needs) = told();
    assert!(row.state == ProfileState::Failed && row.because.starts_with("The device refused it: "), "{}", row.because);
    assert_eq!((listed.standing, listed.failed), (Standing::Problem, 1));
    assert_eq!(needs, ["1 device did not take a profile, a policy or a declaration."]);
    school.clock.advance(BACK_OFF[0]);
    let uuid = device.is_asked("InstallProfile");
    device.report(&uuid, "Acknowledged");
    let list = device.is_asked("ProfileList");
    device.lists(&list, &[("org.rollcall.policies.restrictions", &device.row(RESTRICTIONS).payload_uuid)]);
    let (row, listed, needs) = told();
    assert_eq!((row.state, row.because.as_str(), listed.standing, needs.len()), (ProfileState::Installed, "", Standing::Ok, 0));
}

#[test]
fn a_profile_by_declaration_is_fetched_at_an_address_that_nobody_guesses_and_confirmed_by_status() {
    let school = School::new();
    let (device, policy_id) = with_policy(&school, "18.1");
    school.write({
        let id = device.enrollment().id;
        // As by an enrollment profile of this server.
        move |tx| {
            let mut enrollment = crate::store::enrollments::by_id(tx, &id)?.unwrap();
            enrollment.server_url = "https://mdm.example.school/mdm/connect".into();
            crate::store::enrollments::update(tx, &enrollment)?;
            reconcile::plan(tx, &id)
        }
    });
    device.is_asked("DeclarativeManagement");
    let row = device.row(RESTRICTIONS);
    assert_eq!(row.mechanism, crate::store::deployments::Mechanism::Declaration);
    let identifier = reconcile::render::profile_declaration("org.rollcall.policies.restrictions");
    let document = device.json(&format!("declaration/configuration/{identifier}")).unwrap();
    let url = document["Payload"]["ProfileURL"].as_str().unwrap().to_owned();
    let path = url.strip_prefix("https://mdm.example.school/ddm/").unwrap();
    let (capability, digest) = path.split_once("/profile/").unwrap();
    let fetch = |capability: &str, digest: &str| {
        let (capability, digest) = (capability.to_owned(), digest.to_owned());
        school.write(move |tx| reconcile::profile_of(tx, &capability, &digest))
    };
    assert!(fetch(capability, digest).is_some());
    let other = format!("{}x", &capability[..capability.len() - 1]);
    for (capability, digest) in [(other.as_str(), digest), (capability, "00"), ("nonsense", digest), ("", "")] {
        assert!(fetch(capability, digest).is_none(), "{capability} {digest}");
    }
    device.declarative("status", Some(&device.everything_applied()));
    assert_eq!(device.things()[0].1, State::There);
    school.write(move |tx| policies::delete(tx, &Actor::Console, &policy_id));
    device.answer_everything();
    assert!(fetch(capability, digest).is_none(), "what is not wanted any more is not given out");
    assert_eq!(device.things()[0].1, State::Leaving);
    device.declarative("status", Some(&device.everything_applied()));
    device.answer_everything();
    assert_eq!(device.things(), []);
}

#[test]
fn what_is_asked_for_longer_but_less_strictly_loosens_at_the_end_and_never_opens_before() {
    let school = School::new();
    let (device, lasting) = with_policy(&school, "15.8");
    let end = school.clock.now().plus(days(2));
    school.write(move |tx| {
        let settings = json!({ "no_camera": true, "hold_updates": 14 }).as_object().cloned();
        policies::update(tx, &Actor::Console, &lasting, &PolicyChange { settings, ..PolicyChange::default() })?;
        let settings = json!({ "no_camera": true, "hold_updates": 30, "no_siri": true }).as_object().unwrap().clone();
        let exam = policies::create(tx, &Actor::Console, &NewPolicy { name: "Exam room".into(), settings, ..NewPolicy::default() })?;
        policies::assign(tx, &Actor::Console, &exam.id, "g1", Some(end)).map(drop)
    });
    // The profiles that it is sent until nothing more comes: identifier and keys of the payload.
    let sent = || {
        let mut profiles = Vec::new();
        while let Some(offer) = device.idle() {
            let order = crate::protocol::plist::parse_dictionary(offer.payload.expose()).unwrap();
            if let Some(payload) = order["Command"].as_dictionary().unwrap().get("Payload").and_then(crate::protocol::plist::Value::as_data)
            {
                let profile = crate::protocol::mobileconfig::read(payload).unwrap();
                profiles.push((profile.identifier.clone(), profile.payloads[0].keys.clone()));
            }
            device.report(&offer.uuid, "Acknowledged");
            if profiles.len() > 9 {
                break;
            }
        }
        profiles
    };
    let during = sent();
    let of = |profiles: &[(String, crate::protocol::plist::Dictionary)], end: &str, key: &str| {
        let (_, keys) = profiles.iter().find(|(identifier, _)| identifier.ends_with(end)).unwrap();
        keys.get(key).map(crate::protocol::plist::to_json)
    };
    let until = format!(".until-{}", end.seconds());
    assert_eq!(of(&during, "restrictions", "enforcedSoftwareUpdateDelay"), Some(json!(30)));
    assert_eq!(of(&during, &until, "allowAssistant"), Some(json!(false)));
    assert_eq!((of(&during, &until, "allowCamera"), of(&during, &until, "enforcedSoftwareUpdateDelay")), (None, None));
    school.clock.advance(days(2));
    let after = sent();
    assert_eq!(of(&after, "restrictions", "enforcedSoftwareUpdateDelay"), Some(json!(14)));
    assert_eq!(of(&after, "restrictions", "allowCamera"), Some(json!(false)), "it was never away");
}

#[test]
fn what_ends_by_itself_carries_its_end_and_is_not_wanted_afterwards() {
    let school = School::new();
    let (device, policy_id) = with_policy(&school, "15.8");
    let ends_at = school.clock.now().plus(days(2));
    let id = policy_id.clone();
    school.write(move |tx| policies::assign(tx, &Actor::Console, &id, "g1", Some(ends_at)).map(drop));
    let offer = device.idle().unwrap();
    let order = crate::protocol::plist::parse_dictionary(offer.payload.expose()).unwrap();
    let payload = order["Command"].as_dictionary().unwrap()["Payload"].as_data().unwrap();
    let profile = crate::protocol::mobileconfig::read(payload).unwrap();
    assert!(profile.identifier.starts_with("org.rollcall.policies.restrictions.until-"), "{}", profile.identifier);
    assert!(String::from_utf8_lossy(payload).contains("<key>RemovalDate</key>"));
    device.report(&offer.uuid, "Acknowledged");
    device.answer_everything();
    assert_eq!(device.things().len(), 1);
    device.declarative("status", Some(&device.everything_applied()));
    school.clock.advance(days(2));
    let removal = device.is_asked("RemoveProfile");
    device.report(&removal, "Acknowledged");
    device.answer_everything();
    assert_eq!(device.things(), [], "it is not wanted any more, and gone");
}
