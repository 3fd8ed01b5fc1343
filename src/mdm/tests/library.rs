//! Declarations that admins write: taken in, kept apart, assigned, and what of them a device gets.

use serde_json::{Value, json};

use super::{Device, School};
use crate::error::{Error, Kind, Result};
use crate::mdm::checkin::Reply;
use crate::mdm::declarations::library::{self, DECLARATIONS_MAX, NAME_MAX_CHARS, Standing};
use crate::mdm::wanted::{DeclarationPiece, Piece, Target, Unable};
use crate::mdm::{Actor, Role, reconcile};
use crate::protocol::availability::Capabilities;
use crate::protocol::declaration::DeclarationKind;
use crate::protocol::ids::EnrollmentKind;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::store::assignments::{AssignedKind, of_group};
use crate::store::declarations::tests::{group, join};
use crate::store::events::{self, Filter};
use crate::store::{devices, groups};

fn configuration(identifier: &str, kind: &str, payload: &Value) -> Value {
    json!({ "Type": format!("com.apple.configuration.{kind}"), "Identifier": identifier, "Payload": payload })
}

fn test(identifier: &str) -> Value {
    configuration(identifier, "management.test", &json!({ "Echo": "x" }))
}

fn activation(identifier: &str, names: &[&str]) -> Value {
    json!({ "Type": "com.apple.activation.simple", "Identifier": identifier, "Payload": { "StandardConfigurations": names } })
}

impl School {
    fn try_declare(&self, declarations: &Value) -> Result<Vec<Standing>> {
        let text = declarations.to_string();
        self.try_write(move |tx| library::add(tx, &Actor::Console, library::read(text.as_bytes())?, ""))
    }

    fn declare(&self, declarations: &Value) -> Vec<Standing> {
        self.try_declare(declarations).unwrap()
    }

    fn replaced(&self, id: &str, declaration: &Value) -> Result<Standing> {
        let (id, text) = (id.to_owned(), declaration.to_string());
        self.try_write(move |tx| library::replace(tx, &Actor::Console, &id, library::read(text.as_bytes())?.remove(0)))
    }

    fn assigned_to_all(&self, standings: &[Standing]) {
        let ids: Vec<_> = standings.iter().map(|standing| standing.declaration.id.clone()).collect();
        self.write(move |tx| {
            if groups::all(tx)?.is_empty() {
                group(tx, "everybody", "Everybody")?;
            }
            ids.iter().try_for_each(|id| library::assign(tx, &Actor::Console, id, "everybody").map(drop))
        });
    }

    fn declared_pieces(&self, target: Target) -> (Vec<DeclarationPiece>, Vec<Unable>) {
        let (pieces, unable) =
            self.write(move |tx| library::pieces(tx, &target, &of_group(tx, "everybody")?, Some("https://mdm.example.school/ddm/c")));
        let declared = |piece| if let Piece::Declaration(piece) = piece { piece } else { panic!("{piece:?}") };
        (pieces.into_iter().map(declared).collect(), unable)
    }
}

fn target(platform: Platform, version: &str, supervised: bool) -> Target {
    Target {
        enrollment_id: String::from("e"),
        device_id: String::from("d"),
        capabilities: Capabilities {
            platform,
            os_version: OsVersion::parse(version),
            kind: EnrollmentKind::Device,
            supervised: Some(supervised),
            ade: None,
            shared_ipad: Some(false),
            access_rights: Some(8191),
        },
        supported: None,
        variables: std::collections::BTreeMap::new(),
    }
}

pub(super) fn ipad(version: &str) -> Target {
    target(Platform::Ios, version, true)
}

fn got(pieces: &[DeclarationPiece]) -> Vec<(&str, bool)> {
    pieces.iter().map(|piece| (piece.identifier.as_str(), piece.activate)).collect()
}

fn field(error: &Error) -> &str {
    error.fields.first().map_or("", |fault| fault.field.as_str())
}

#[test]
fn an_upload_is_taken_in_as_a_whole_or_not_at_all() {
    let school = School::new();
    school.declare(&test("school.example.a"));
    let error = school.try_declare(&json!([test("school.example.b"), test("school.example.a")])).unwrap_err();
    assert_eq!((error.kind, field(&error)), (Kind::BadInput, "[1].Identifier"));
    let listed = school.write(|tx| library::list(tx, &Actor::Console, None, 50));
    assert_eq!((listed.0.len(), listed.1), (1, 1));
    assert_eq!(listed.0[0].declaration.name, "school.example.a");
}

#[test]
fn an_identifier_is_never_used_for_another_type_not_even_after_it_was_deleted() {
    let school = School::new();
    let id = school.declare(&test("school.example.a"))[0].declaration.id.clone();
    let other = configuration("school.example.a", "passcode.settings", &json!({ "RequirePasscode": true }));
    assert_eq!(field(&school.replaced(&id, &other).unwrap_err()), "Type");
    assert_eq!(field(&school.replaced(&id, &test("school.example.b")).unwrap_err()), "Identifier");
    let gone = id.clone();
    school.write(move |tx| library::delete(tx, &Actor::Console, &gone));
    let error = school.try_declare(&other).unwrap_err();
    assert!(field(&error) == "Identifier" && error.message.contains("was a com.apple.configuration.management.test before"), "{error}");
    assert_eq!(school.declare(&test("school.example.a")).len(), 1, "its own type may come again");
}

#[test]
fn an_identifier_that_differs_only_by_its_capitals_is_refused() {
    let school = School::new();
    school.declare(&test("ex.camera"));
    let error = school.try_declare(&test("EX.CAMERA")).unwrap_err();
    assert!(field(&error) == "Identifier" && error.message.contains("“ex.camera”"), "{error}");
    assert!(school.try_declare(&test("ex.camera2")).is_ok());
}

#[test]
fn only_another_payload_is_another_revision() {
    let school = School::new();
    let id = school.declare(&test("school.example.a"))[0].declaration.id.clone();
    assert_eq!(school.replaced(&id, &test("school.example.a")).unwrap().declaration.revision, 1);
    let changed = configuration("school.example.a", "management.test", &json!({ "Echo": "y", "Ecko": 1 }));
    let standing = school.replaced(&id, &changed).unwrap();
    assert_eq!(standing.declaration.revision, 2);
    let content = school.write(|tx| library::content(tx, &Actor::Console, "school.example.a"));
    assert_eq!(content, changed);
    assert!(standing.warnings[0].contains("Payload.Ecko"), "{:?}", standing.warnings);
    let renamed = school.write(move |tx| library::rename(tx, &Actor::Console, &id, " Echo test "));
    assert_eq!((renamed.declaration.name.as_str(), renamed.declaration.revision), ("Echo test", 2));
    let kinds: Vec<_> = school.write(|tx| events::list(tx, &Filter::default(), None, 10)).into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds[..3], ["declaration.renamed", "declaration.read", "declaration.changed"]);
}

#[test]
fn what_is_named_and_not_there_is_told_and_what_is_named_is_not_deleted() {
    let school = School::new();
    let standing = school.declare(&activation("school.example.act", &["school.example.a"])).remove(0);
    assert!(standing.warnings[0].contains("“school.example.a”, which is not here"), "{:?}", standing.warnings);
    let named = school.declare(&test("school.example.a"));
    let found = school.write(|tx| library::find(tx, &Actor::Console, "school.example.act"));
    assert_eq!(found.warnings, [""; 0]);
    let id = named[0].declaration.id.clone();
    let error = school.try_write(move |tx| library::delete(tx, &Actor::Console, &id)).unwrap_err();
    assert!(error.kind == Kind::Conflict && error.message.contains("school.example.act"), "{error}");
    school.write(|tx| library::delete(tx, &Actor::Console, "school.example.act"));
    school.write(|tx| library::delete(tx, &Actor::Console, "school.example.a"));
}

#[test]
fn what_names_itself_however_far_around_can_be_deleted() {
    let school = School::new();
    school.declare(&json!([activation("own", &["own"]), activation("a", &["b"]), activation("b", &["c"]), activation("c", &["a"])]));
    school.declare(&activation("outside", &["a"]));
    school.write(|tx| library::delete(tx, &Actor::Console, "own"));
    let error = school.try_write(|tx| library::delete(tx, &Actor::Console, "a")).unwrap_err();
    assert!(error.message.contains("is named by “outside”. Take"), "{error}");
    for identifier in ["outside", "a", "b", "c"] {
        school.write(move |tx| library::delete(tx, &Actor::Console, identifier));
    }
}

#[test]
fn who_may_look_sees_no_payload_and_changes_nothing() {
    let school = School::new();
    school.declare(&test("school.example.a"));
    let viewer = Actor::Token { id: String::from("t"), name: String::from("report"), role: Role::Viewer };
    let asker = viewer.clone();
    school.write(move |tx| library::find(tx, &asker, "school.example.a"));
    let asker = viewer.clone();
    let content = school.try_write(move |tx| library::content(tx, &asker, "school.example.a"));
    assert_eq!(content.unwrap_err().kind, Kind::Forbidden);
    let asker = viewer.clone();
    let text = test("school.example.b").to_string();
    let add = school.try_write(move |tx| library::add(tx, &asker, library::read(text.as_bytes())?, ""));
    let delete = school.try_write(move |tx| library::delete(tx, &viewer, "school.example.a"));
    assert_eq!((add.unwrap_err().kind, delete.unwrap_err().kind), (Kind::Forbidden, Kind::Forbidden));
}

#[test]
fn a_configuration_is_activated_by_us_unless_the_library_does() {
    let school = School::new();
    let all = json!([activation("act", &["a"]), test("a"), test("b"),
        { "Type": "com.apple.management.properties", "Identifier": "facts", "Payload": { "shard": 40 } }]);
    school.assigned_to_all(&school.declare(&all));
    let (pieces, unable) = school.declared_pieces(ipad("18.1"));
    assert_eq!(got(&pieces), [("a", false), ("act", false), ("b", true), ("facts", false)]);
    assert_eq!((pieces[0].kind, &pieces[0].payload), (DeclarationKind::Configuration, &json!({ "Echo": "x" })));
    assert_eq!((pieces[0].origins[0].kind, pieces[0].origins[0].name.as_str()), (AssignedKind::Declaration, "a"));
    assert!(unable.is_empty(), "{unable:?}");
}

#[test]
fn what_a_device_cannot_have_is_told_and_the_rest_is_served() {
    let school = School::new();
    let all = json!([
        test("a"),
        configuration("math", "math.settings", &json!({})),
        configuration("code", "passcode.settings", &json!({ "MinimumComplexCharacters": 1 })),
        configuration("toast", "toaster.settings", &json!({})),
    ]);
    school.assigned_to_all(&school.declare(&all));
    let told = |target: Target| {
        let (pieces, unable) = school.declared_pieces(target);
        let names: Vec<String> = pieces.into_iter().map(|piece| piece.identifier).collect();
        (names.join(" "), unable.into_iter().map(|one| format!("{}: {}", one.what, one.because)).collect::<Vec<_>>())
    };
    let (names, unable) = told(ipad("16.0"));
    assert_eq!(names, "a toast");
    assert!(
        unable[0].contains("MinimumComplexCharacters") && unable[1].contains("needs iOS 18.0 or later; the device has 16.0"),
        "{unable:?}"
    );
    assert!(told(target(Platform::Ios, "18.1", false)).1[0].contains("needs a supervised device"));
    assert_eq!(told(ipad("18.1")).0, "a code math toast");
    let says = Target { supported: Some(vec![String::from("com.apple.configuration.management.test")]), ..ipad("18.1") };
    let (names, unable) = told(says);
    assert!(names == "a" && unable.iter().all(|words| words.contains("the device says that it does not know")), "{unable:?}");
    assert_eq!(told(ipad("12.5")).1.len(), 3, "no declarations at all but those of types that nobody knows");
}

#[test]
fn what_is_not_whole_on_a_device_is_left_out_with_its_reason() {
    let school = School::new();
    let wants = configuration("echo", "management.test", &json!({ "Echo": "x", "EchoDataAssetReference": "data" }));
    let data = json!({ "Type": "com.apple.asset.data", "Identifier": "data",
        "Payload": { "Reference": { "DataURL": "https://files.example.school/data.json" } } });
    let all = json!([
        activation("act", &["echo", "math"]),
        wants,
        configuration("math", "math.settings", &json!({})),
        data,
        activation("other", &["gone"])
    ]);
    school.assigned_to_all(&school.declare(&all));
    assert_eq!(got(&school.declared_pieces(ipad("18.1")).0), [("act", false), ("data", false), ("echo", false), ("math", false)]);
    // On 17 there is no math, so its activation is not whole, so nothing activates echo; the data stays, it harms nobody.
    let (pieces, unable) = school.declared_pieces(ipad("17.0"));
    assert_eq!(got(&pieces), [("data", false)]);
    let because = |name: &str| unable.iter().find(|one| one.what == name).unwrap().because.clone();
    assert!(
        because("act").contains("“math”") && because("echo").contains("activated by “act”") && because("other").contains("“gone”"),
        "{unable:?}"
    );
}

#[test]
fn a_thing_is_assigned_to_groups_that_exist() {
    let school = School::new();
    let standings = school.declare(&test("a"));
    school.assigned_to_all(&standings);
    let found = school.write(|tx| library::find(tx, &Actor::Console, "a"));
    assert_eq!(found.assignments.iter().map(|one| one.group_id.as_str()).collect::<Vec<_>>(), ["everybody"]);
    let nowhere = school.try_write(|tx| library::assign(tx, &Actor::Console, "a", "nobody")).unwrap_err();
    assert_eq!(nowhere.kind, Kind::NotFound);
    school.write(|tx| library::unassign(tx, &Actor::Console, "a", "everybody"));
    assert_eq!(school.declared_pieces(ipad("18.1")).0.len(), 0);
}

#[test]
fn the_library_and_names_have_an_end() {
    let school = School::new();
    let long = "x".repeat(NAME_MAX_CHARS + 1);
    let text = test("a").to_string();
    let error = school.try_write(move |tx| library::add(tx, &Actor::Console, library::read(text.as_bytes())?, &long)).unwrap_err();
    assert_eq!(field(&error), "name");
    for hundred in 0..DECLARATIONS_MAX / 100 {
        let many: Vec<_> = (0..100).map(|number| test(&format!("school.example.{hundred}.{number}"))).collect();
        school.declare(&json!(many));
    }
    assert_eq!(school.try_declare(&test("one-more")).unwrap_err().kind, Kind::Conflict);
}

impl Device<'_> {
    /// What it is answered when it asks for this endpoint; null for 404.
    pub(super) fn asks_for(&self, endpoint: &str) -> Value {
        let keys = format!("<key>MessageType</key><string>DeclarativeManagement</string><key>Endpoint</key><string>{endpoint}</string>");
        match self.check_in(&keys).unwrap() {
            Reply::Json(json) => serde_json::from_slice(&json).unwrap(),
            _ => Value::Null,
        }
    }

    fn plan_now(&self) {
        let enrollment = self.enrollment();
        self.school.write(move |tx| reconcile::plan(tx, &enrollment.id));
    }

    /// Identifiers of the configurations that it is told of, ours left out.
    fn library_configurations(&self) -> Vec<String> {
        let items = self.asks_for("declaration-items");
        let list = items["Declarations"]["Configurations"].as_array().unwrap().iter();
        list.filter_map(|item| item["Identifier"].as_str()).filter(|name| !name.starts_with(library::RESERVED)).map(str::to_owned).collect()
    }
}

#[test]
fn a_bad_declaration_is_left_out_and_the_rest_is_served_until_it_vanishes() {
    let school = School::new();
    let device = school.enrolled("A-1");
    let device_id = device.enrollment().device_id;
    // It runs 18.1: it has math, and knows nothing of Safari's settings.
    let all =
        json!([test("echo"), configuration("math", "math.settings", &json!({})), configuration("safari", "safari.settings", &json!({}))]);
    let standings = school.declare(&all);
    school.write(move |tx| {
        // It has said what it is.
        devices::set_facts(tx, &device_id, "{}")?;
        group(tx, "everybody", "Everybody")?;
        join(tx, "everybody", &device_id)
    });
    school.assigned_to_all(&standings);
    device.plan_now();
    assert_eq!(device.library_configurations(), ["echo", "math"]);
    let document = device.asks_for("declaration/configuration/echo");
    assert_eq!((&document["Type"], &document["Payload"]), (&json!("com.apple.configuration.management.test"), &json!({ "Echo": "x" })));
    let listed = device.asks_for("declaration-items")["Declarations"]["Configurations"].as_array().unwrap().clone();
    let echo = listed.iter().find(|item| item["Identifier"] == "echo").unwrap();
    assert_eq!(echo["ServerToken"], document["ServerToken"], "the same in the list and in the document");
    assert_eq!(device.asks_for("declaration/configuration/safari"), Value::Null);

    let token = device.asks_for("tokens")["SyncTokens"]["DeclarationsToken"].clone();
    let id = standings.iter().find(|standing| standing.declaration.identifier == "echo").unwrap().declaration.id.clone();
    school.replaced(&id, &configuration("echo", "management.test", &json!({ "Echo": "y" }))).unwrap();
    device.plan_now();
    assert_ne!(device.asks_for("declaration/configuration/echo")["ServerToken"], document["ServerToken"], "other words, another token");
    assert_ne!(device.asks_for("tokens")["SyncTokens"]["DeclarationsToken"], token);
    school.write(move |tx| library::delete(tx, &Actor::Console, &id));
    device.plan_now();
    assert_eq!(
        (device.library_configurations(), device.asks_for("declaration/configuration/echo")),
        (vec![String::from("math")], Value::Null)
    );
}
