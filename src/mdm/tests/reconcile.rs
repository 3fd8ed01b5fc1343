//! Declarations from the first command to the last status report, as one device after another meets them.

mod focus;
mod policies;

use serde_json::{Value, json};

use super::{Device, School, days};
use crate::mdm::checkin::Reply;
use crate::mdm::reconcile::{self};
use crate::store::declared;
use crate::store::deployments::{self, DECLARATIONS};

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
