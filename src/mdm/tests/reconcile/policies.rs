//! Policies and profiles in the reconciler: sent, verified, repaired, refused, foreseen, ended.

mod outcomes;

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
fn the_preview_equals_the_deed_and_changes_nothing() {
    for os_version in ["12.5.7", "15.8", "17.0", "18.1", "27.1"] {
        let school = School::new();
        let (device, policy_id) = with_policy(&school, os_version);
        let device_id = device.enrollment().device_id;
        let thought = |add: bool| {
            let named = vec![Named { kind: AssignedKind::Policy, id: policy_id.clone(), mode: None, ends_at: None }];
            let (groups, from) = (vec!["g1".to_owned()], vec!["g1".to_owned()]);
            let thought = if add {
                Thought { add: named, groups, ..Thought::default() }
            } else {
                Thought { remove: named, removed_from: from, ..Thought::default() }
            };
            school.write(move |tx| reconcile::preview_all(tx, &Actor::Console, &thought))
        };
        let foreseen = thought(true);
        assert_eq!(foreseen, thought(true), "looking changes nothing");
        let things: Vec<_> = foreseen.items[0].things.iter().map(|thing| (thing.identifier.clone(), thing.mechanism)).collect();
        let enrollment = device.enrollment();
        school.write({
            let id = enrollment.id.clone();
            move |tx| reconcile::plan(tx, &id)
        });
        let standings = school.write(move |tx| reconcile::standing(tx, &enrollment));
        let planned: Vec<_> = standings.things.iter().map(|thing| (thing.identifier.clone(), thing.mechanism)).collect();
        assert_eq!(things, planned, "{os_version}");
        assert_eq!(foreseen.items[0].unable, standings.unable, "{os_version}");
        assert_eq!(foreseen.items[0].device_id, device_id);
        let back = thought(false);
        assert!(back.items[0].things.iter().all(|thing| thing.foreseen != Foreseen::Sent), "{os_version}: {back:?}");
    }
}

#[test]
fn what_is_sent_anew_because_something_is_taken_out_of_it_counts_in_the_preview() {
    let school = School::new();
    let (device, policy_id) = with_policy(&school, "15.8");
    let camera = school.write(|tx| {
        let settings = json!({ "no_camera": true }).as_object().unwrap().clone();
        let camera = policies::create(tx, &Actor::Console, &NewPolicy { name: "Camera".into(), settings, ..NewPolicy::default() })?.id;
        policies::assign(tx, &Actor::Console, &camera, "g1", None)?;
        Ok(camera)
    });
    let id = device.enrollment().id;
    school.write(move |tx| reconcile::plan(tx, &id));
    let without = |id: &str| {
        let remove = vec![Named { kind: AssignedKind::Policy, id: id.to_owned(), mode: None, ends_at: None }];
        let thought = Thought { remove, removed_from: vec!["g1".to_owned()], ..Thought::default() };
        let foreseen = school.write(move |tx| reconcile::preview_all(tx, &Actor::Console, &thought));
        (foreseen.by_command, foreseen.by_declaration, foreseen.removed)
    };
    assert_eq!(without(&camera), (0, 0, 0), "the other one wants the same");
    assert_eq!(without(&policy_id), (1, 0, 0), "what is left of the restrictions");
}

#[test]
fn the_preview_of_what_ends_by_itself_equals_the_deed_for_policies_profiles_and_apps() {
    for os_version in ["12.5.7", "15.8", "18.1", "27.1"] {
        let school = School::new();
        let (device, lasting) = with_policy(&school, os_version);
        let end = school.clock.now().plus(days(2));
        let items = school.write(move |tx| {
            let settings = json!({ "no_siri": true, "no_camera": true, "app_block_list": ["com.b.c"] }).as_object().unwrap().clone();
            let exam = policies::create(tx, &Actor::Console, &NewPolicy { name: "Exam room".into(), settings, ..NewPolicy::default() })?.id;
            let wifi = profiles::recognise(profile("school.example.wifi", &[payload("com.apple.webClip.managed", "a", &[])]))?;
            let wifi = profiles::create(tx, &Actor::Console, &wifi, "", "")?.profile.id;
            let app = crate::mdm::apps::add(tx, &Actor::Console, "1500000002", "Atlas")?;
            Ok([(AssignedKind::Policy, exam), (AssignedKind::Profile, wifi), (AssignedKind::App, app.id), (AssignedKind::Policy, lasting)])
        });
        let named = |(kind, id): &(AssignedKind, String)| Named { kind: *kind, id: id.clone(), mode: None, ends_at: Some(end) };
        let thought = Thought { add: items.iter().map(named).collect(), groups: vec!["g1".into()], ..Thought::default() };
        let foreseen = school.write(move |tx| reconcile::preview_all(tx, &Actor::Console, &thought)).items.remove(0);
        let enrollment = device.enrollment();
        school.write({
            let enrollment = enrollment.clone();
            move |tx| {
                let [(_, exam), (_, wifi), (_, app), (_, lasting)] = &items;
                policies::assign(tx, &Actor::Console, exam, "g1", Some(end))?;
                policies::assign(tx, &Actor::Console, lasting, "g1", Some(end))?;
                profiles::assign(tx, &Actor::Console, wifi, "g1", Some(end))?;
                crate::mdm::apps::assign(tx, &Actor::Console, app, "g1", AssignedMode::Required, Some(end))?;
                reconcile::plan(tx, &enrollment.id)
            }
        });
        let standings = school.write(move |tx| reconcile::standing(tx, &enrollment));
        let sorted = |mut names: Vec<(String, Mechanism)>| {
            names.sort_by(|one, other| one.0.cmp(&other.0));
            names
        };
        let things = sorted(foreseen.things.iter().map(|thing| (thing.identifier.clone(), thing.mechanism)).collect());
        let planned = sorted(standings.things.iter().map(|thing| (thing.identifier.clone(), thing.mechanism)).collect());
        assert_eq!(things, planned, "{os_version}");
        assert_eq!(foreseen.unable, standings.unable, "{os_version}");
        let until = format!("org.rollcall.policies.restrictions.until-{}", end.seconds());
        assert!(things.iter().any(|(identifier, _)| *identifier == until), "{os_version}: {things:?}");
        assert!(
            !things.iter().any(|(identifier, _)| identifier == "org.rollcall.policies.restrictions"),
            "{os_version}: its end is a new one"
        );
    }
}

#[test]
fn an_end_that_is_over_or_has_no_place_is_refused_by_the_preview() {
    let school = School::new();
    let (_, policy) = with_policy(&school, "18.1");
    let named = |kind, ends_at| vec![Named { kind, id: policy.clone(), mode: None, ends_at: Some(ends_at) }];
    let (now, later) = (school.clock.now(), school.clock.now().plus(days(1)));
    let group = || vec![String::from("g1")];
    for (thought, field) in [
        (Thought { add: named(AssignedKind::Policy, now), groups: group(), ..Thought::default() }, "add"),
        (Thought { add: named(AssignedKind::Declaration, later), groups: group(), ..Thought::default() }, "add"),
        (Thought { remove: named(AssignedKind::Policy, later), removed_from: group(), ..Thought::default() }, "remove"),
    ] {
        let refused = school.try_write(move |tx| reconcile::preview_all(tx, &Actor::Console, &thought)).unwrap_err();
        assert_eq!((refused.fields[0].field.as_ref(), refused.fields[0].message.contains("ends_at") || field == "add"), (field, true));
    }
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
