//! Declarations from the first command to the last status report, as one device after another meets them.

use serde_json::{Value, json};

use super::{Device, School, days};
use crate::mdm::Actor;
use crate::mdm::checkin::Reply;
use crate::mdm::policies::{self, NewPolicy};
use crate::mdm::reconcile::step::BACK_OFF;
use crate::mdm::reconcile::{self, Foreseen, Named, State, Thought};
use crate::store::assignments::AssignedKind;
use crate::store::declared;
use crate::store::deployments::{self, DECLARATIONS};
use crate::store::groups::{self, Group};

impl Device<'_> {
    pub(super) fn declarative(&self, endpoint: &str, data: Option<&Value>) -> Reply {
        use base64::Engine as _;
        let encoded = data.map(|data| base64::engine::general_purpose::STANDARD.encode(data.to_string()));
        let data = encoded.map(|data| format!("<key>Data</key><data>{data}</data>")).unwrap_or_default();
        self.check_in(&format!(
            "<key>MessageType</key><string>DeclarativeManagement</string><key>Endpoint</key><string>{endpoint}</string>{data}"
        ))
        .unwrap()
    }

    pub(super) fn json(&self, endpoint: &str) -> Option<Value> {
        match self.declarative(endpoint, None) {
            Reply::Json(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
            Reply::NoSuchDeclaration => None,
            other => panic!("{other:?}"),
        }
    }

    /// The device says what it is, which its first plan waits for.
    pub(super) fn says_what_it_is(&self, os_version: &str) {
        let mut offer = self.idle();
        while let Some(command) = offer {
            let answer = if command.request_type == "DeviceInformation" {
                format!(
                    "<key>QueryResponses</key><dict><key>OSVersion</key><string>{os_version}</string><key>ProductName</key><string>iPad13,18</string>\
                     <key>IsSupervised</key><true/></dict>"
                )
            } else {
                String::new()
            };
            let said =
                format!("<key>Status</key><string>Acknowledged</string><key>CommandUUID</key><string>{}</string>{answer}", command.uuid);
            offer = super::offered(self.connect(&said).unwrap());
        }
    }

    /// What a device reports that has everything it is served.
    pub(super) fn everything_applied(&self) -> Value {
        let items = self.json("declaration-items").unwrap();
        let mut lists = serde_json::Map::new();
        for (kind, list) in items["Declarations"].as_object().unwrap() {
            let states = list.as_array().unwrap().iter().map(|item| {
                let (id, token) = (&item["Identifier"], &item["ServerToken"]);
                json!({ "identifier": id, "server-token": token, "active": kind != "Management", "valid": "valid" })
            });
            lists.insert(kind.to_lowercase(), states.collect());
        }
        json!({ "StatusItems": { "management": { "declarations": lists } } })
    }

    fn row(&self, key: &'static str) -> deployments::Deployment {
        let id = self.enrollment().id;
        self.school.write(move |tx| deployments::of_enrollment(tx, &id)).into_iter().find(|row| row.key == key).unwrap()
    }
}

/// A device with declarations that has been told of them and has not asked yet.
fn told<'a>(school: &'a School, os_version: &str) -> Device<'a> {
    let device = school.device("UDID-1");
    device.authenticate();
    device.token_update(false);
    device.says_what_it_is(os_version);
    device
}

#[test]
fn declarations_are_told_listed_fetched_and_confirmed_and_then_nothing_more_is_sent() {
    let school = School::new();
    let device = told(&school, "18.1");
    let tokens = device.json("tokens").unwrap();
    assert_eq!(tokens, device.json("tokens").unwrap(), "a token that changes by itself is an endless loop");
    let items = device.json("declaration-items").unwrap();
    assert_eq!(items["DeclarationsToken"], tokens["SyncTokens"]["DeclarationsToken"]);
    for (kind, word) in
        [("Activations", "activation"), ("Configurations", "configuration"), ("Management", "management"), ("Assets", "asset")]
    {
        for item in items["Declarations"][kind].as_array().unwrap() {
            let document = device.json(&format!("declaration/{word}/{}", item["Identifier"].as_str().unwrap())).unwrap();
            assert_eq!((&document["Identifier"], &document["ServerToken"]), (&item["Identifier"], &item["ServerToken"]));
            assert!(document["Type"].as_str().unwrap().starts_with(&format!("com.apple.{word}")), "{document}");
            assert!(document["Identifier"].as_str().unwrap().len() <= 64 && document["ServerToken"].as_str().unwrap().len() <= 64);
        }
    }
    assert_eq!(device.json("declaration/configuration/org.example.nothing"), None);
    assert_eq!(device.json("declaration/activation/org.rollcall.status"), None, "another kind");
    assert_ne!(device.row(DECLARATIONS).seen, device.row(DECLARATIONS).wanted);
    device.declarative("status", Some(&device.everything_applied()));
    assert_eq!(device.row(DECLARATIONS).seen, device.row(DECLARATIONS).wanted);
    school.clock.advance(days(3));
    assert!(device.idle().is_none());
    let id = device.enrollment().id;
    school.write(move |tx| reconcile::plan(tx, &id));
    assert!(device.idle().is_none(), "planning again sends nothing");
}

#[test]
fn a_device_that_never_says_what_came_of_it_is_told_again_after_a_day_and_one_that_forgot_at_once() {
    let school = School::new();
    let device = told(&school, "18.1");
    assert!(device.idle().is_none());
    school.clock.advance(days(1));
    assert_eq!(device.idle().unwrap().request_type, "DeclarativeManagement");
    device.answer_everything();
    device.declarative("status", Some(&device.everything_applied()));
    let nothing = json!({ "StatusItems": { "management": { "declarations": { "activations": [], "configurations": [], "management": [], "assets": [] } } } });
    device.declarative("status", Some(&nothing));
    assert_eq!(device.idle().unwrap().request_type, "DeclarativeManagement");
}

#[test]
fn only_systems_that_have_declarations_are_told_of_them() {
    for (os_version, has) in [("12.5.7", false), ("14.8.1", false), ("15.0", true), ("27.1", true)] {
        let school = School::new();
        let device = told(&school, os_version);
        let id = device.enrollment().id;
        let rows = school.write(move |tx| deployments::of_enrollment(tx, &id));
        assert_eq!(rows.iter().any(|row| row.key == DECLARATIONS), has, "{os_version}");
    }
}

#[test]
fn a_new_enrollment_has_nothing_of_the_old_one() {
    let school = School::new();
    let device = told(&school, "18.1");
    device.declarative("status", Some(&device.everything_applied()));
    let before = device.row(DECLARATIONS);
    device.authenticate();
    device.token_update(false);
    device.says_what_it_is("18.1");
    let after = device.row(DECLARATIONS);
    assert_eq!((after.seen.as_str(), after.wanted), ("", before.wanted), "it was told anew");
    let id = device.enrollment().id;
    assert_eq!(school.write(move |tx| declared::states(tx, &id)), []);
}

#[test]
fn a_status_report_is_merged_and_what_cannot_be_read_is_no_reason_to_send_it_for_ever() {
    let school = School::new();
    let device = told(&school, "18.1");
    let report = |items: Value| json!({ "StatusItems": items });
    device
        .declarative("status", Some(&report(json!({ "device": { "operating-system": { "version": "18.2", "build-version": "22C1" } } }))));
    device.declarative(
        "status",
        Some(&report(json!({ "mdm": { "app": [{ "identifier": "a", "state": "managed" }, { "identifier": "b" }] } }))),
    );
    device.declarative("status", Some(&report(json!({ "mdm": { "app": [{ "identifier": "b", "_removed": true }] } }))));
    let items = || {
        let id = device.enrollment().id;
        let items = school.write(move |tx| declared::status_items(tx, &id));
        items.into_iter().map(|item| (item.item, item.value)).collect::<std::collections::BTreeMap<_, _>>()
    };
    assert_eq!(items()["device.operating-system.version"], "\"18.2\"");
    assert_eq!(items()["mdm.app"], r#"[{"identifier":"a","state":"managed"}]"#);
    assert!(matches!(device.declarative("status", Some(&json!("nonsense"))), Reply::Empty));
    assert_eq!(items().len(), 3);
    device.declarative("status", Some(&json!({ "StatusItems": { "passcode": { "is-present": true } }, "FullReport": true })));
    assert_eq!(items().into_keys().collect::<Vec<_>>(), ["passcode.is-present"]);
    let device_id = device.enrollment().device_id;
    let os_version = school.write(move |tx| crate::store::devices::by_id(tx, &device_id)).unwrap().os_version;
    assert_eq!(os_version, "18.2", "what the device says of its system is known without asking");
}

#[test]
fn the_items_of_a_status_report_are_bounded() {
    use crate::mdm::declarations::{ITEMS_MAX, STATES_MAX, VALUE_MAX_BYTES};
    let school = School::new();
    let device = told(&school, "18.1");
    let many: serde_json::Map<String, Value> = (0..ITEMS_MAX + 10).map(|number| (format!("item-{number}"), json!(number))).collect();
    device.declarative("status", Some(&json!({ "StatusItems": many })));
    let states: Vec<_> = (0..STATES_MAX + 10).map(|number| json!({ "identifier": format!("c{number}"), "valid": "valid" })).collect();
    device.declarative("status", Some(&json!({ "StatusItems": { "management": { "declarations": { "configurations": states } } } })));
    device.declarative("status", Some(&json!({ "StatusItems": { "item-0": "x".repeat(VALUE_MAX_BYTES) } })));
    let id = device.enrollment().id;
    let (items, states) = school.write(move |tx| Ok((declared::status_items(tx, &id)?, declared::states(tx, &id)?)));
    assert_eq!((items.len(), states.len()), (ITEMS_MAX, STATES_MAX));
    assert_eq!(items.iter().find(|item| item.item == "item-0").unwrap().value, "0", "what is too long changes nothing");
}

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
fn the_preview_equals_the_deed_and_changes_nothing() {
    for os_version in ["12.5.7", "15.8", "17.0", "18.1", "27.1"] {
        let school = School::new();
        let (device, policy_id) = with_policy(&school, os_version);
        let device_id = device.enrollment().device_id;
        let thought = |add: bool| {
            let named = vec![Named { kind: AssignedKind::Policy, id: policy_id.clone(), mode: None }];
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
