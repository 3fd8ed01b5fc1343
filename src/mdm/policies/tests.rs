//! Several policies on devices of every kind, on SQLite in memory.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::mdm::tests::School;
use crate::mdm::wanted::{DeclarationPiece, PayloadPiece, Piece, ProfileContent, Target, Unable};
use crate::mdm::{Role, wanted};
use crate::protocol::availability::Capabilities;
use crate::protocol::ids::EnrollmentKind;
use crate::protocol::mobileconfig;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::protocol::plist;
use crate::store::groups;

fn target(platform: Platform, version: &str) -> Target {
    Target {
        enrollment_id: String::from("e"),
        device_id: String::from("d"),
        capabilities: Capabilities {
            platform,
            os_version: OsVersion::parse(version),
            kind: EnrollmentKind::Device,
            supervised: Some(true),
            ade: Some(true),
            shared_ipad: Some(false),
            access_rights: Some(8191),
        },
        supported: None,
        variables: BTreeMap::new(),
    }
}

fn with(target: Target, change: impl FnOnce(&mut Capabilities)) -> Target {
    let mut target = target;
    change(&mut target.capabilities);
    target
}

fn make(school: &School, name: &'static str, settings: Value) -> Policy {
    let new = NewPolicy { name: name.into(), note: String::new(), settings: settings.as_object().unwrap().clone() };
    school.write(move |tx| create(tx, &Actor::Console, &new))
}

/// What these policies come to on a device.
fn planned(school: &School, policies: &[&Policy], target: &Target) -> (Vec<Piece>, Vec<Unable>) {
    let (assignments, target) = (assigned(policies), target.clone());
    school.write(move |tx| pieces(tx, &target, &assignments))
}

fn assigned(policies: &[&Policy]) -> Vec<Assignment> {
    let assignment = |policy: &&Policy| Assignment {
        id: format!("a{}", policy.id),
        kind: AssignedKind::Policy,
        item_id: policy.id.clone(),
        group_id: String::from("g"),
        ends_at: None,
        created_by: String::from("console"),
        created_at: policy.created_at,
    };
    policies.iter().map(assignment).collect()
}

fn payloads(pieces: &[Piece]) -> Vec<PayloadPiece> {
    pieces.iter().filter_map(|piece| if let Piece::Payload(payload) = piece { Some(payload.clone()) } else { None }).collect()
}

fn declarations(pieces: &[Piece]) -> Vec<DeclarationPiece> {
    pieces.iter().filter_map(|piece| if let Piece::Declaration(declaration) = piece { Some(declaration.clone()) } else { None }).collect()
}

/// The keys of the merged profiles, by name.
fn merged(pieces: &[Piece]) -> Value {
    let profiles = merged_profiles(&payloads(pieces)).unwrap();
    profiles.iter().flat_map(|profile| &profile.keys).map(|key| (key.key.clone(), key.value.clone())).collect::<Map<_, _>>().into()
}

fn why(unable: &[Unable], what: &str) -> String {
    unable.iter().find(|unable| unable.what == what).map_or_else(String::new, |unable| unable.because.clone())
}

#[test]
fn managed_open_in_is_one_payload_with_its_keys() {
    let school = School::new();
    let policy = make(
        &school,
        "Open In",
        json!({ "open_in_managed_stays": true, "open_in_unmanaged_stays": true, "open_in_airdrop": true, "open_in_pasteboard": true,
                "open_in_read_contacts": true, "managed_web_domains": ["example.school", "*.example.school"] }),
    );
    let (pieces, unable) = planned(&school, &[&policy], &target(Platform::Ios, "26.1"));
    assert_eq!(unable, []);
    let expected = json!({
        "allowOpenFromManagedToUnmanaged": false, "allowOpenFromUnmanagedToManaged": false, "forceAirDropUnmanaged": true,
        "requireManagedPasteboard": true, "allowManagedToWriteUnmanagedContacts": false, "allowUnmanagedToReadManagedContacts": true,
        "WebDomains": ["*.example.school", "example.school"],
    });
    assert_eq!(merged(&pieces), expected);
    // An old iPad has no managed pasteboard; everything else still holds.
    let (pieces, unable) = planned(&school, &[&policy], &target(Platform::Ios, "12.5.7"));
    assert_eq!(why(&unable, "Copy and paste follows the same rules"), "It needs iOS 15 or later; this device has 12.5.7.");
    assert_eq!((unable.len(), merged(&pieces)["requireManagedPasteboard"].clone()), (1, Value::Null));
    // A person's own device takes it without the key and the payload that are refused there.
    let own = with(target(Platform::Ios, "26.1"), |device| device.kind = EnrollmentKind::UserEnrollmentDevice);
    let (pieces, unable) = planned(&school, &[&policy], &own);
    assert_eq!(why(&unable, "Managed web domains"), "It is not for people's own devices (user enrollment).");
    let keys = merged(&pieces);
    assert_eq!(keys.get("allowManagedToWriteUnmanagedContacts"), None, "a profile with it would be refused as a whole");
    assert_eq!(keys["allowOpenFromManagedToUnmanaged"], false);
    let (pieces, unable) = planned(&school, &[&policy], &target(Platform::Macos, "26.1"));
    assert_eq!((pieces.len(), why(&unable, "AirDrop counts as private")), (0, String::from("Macs do not have it.")));
}

#[test]
fn one_payload_comes_of_several_policies_and_the_most_restrictive_wins() {
    let school = School::new();
    let strict =
        make(&school, "Strict", json!({ "open_in_managed_stays": true, "app_age": 100, "app_allow_list": ["com.a.one", "com.b.two"] }));
    let loose = make(
        &school,
        "Loose",
        json!({ "open_in_managed_stays": true, "open_in_write_contacts": true, "app_age": 300, "app_allow_list": ["com.b.two", "com.c.three"],
                "app_block_list": ["com.x.one"], "no_camera": true }),
    );
    let more = make(&school, "More", json!({ "app_block_list": ["com.x.two"], "no_camera": true }));
    let target = target(Platform::Ios, "18.7");
    let (pieces, unable) = planned(&school, &[&strict, &loose, &more], &target);
    assert_eq!(unable, []);
    assert_eq!(payloads(&pieces).len(), 3, "each policy has keys of its own");
    let profiles = merged_profiles(&payloads(&pieces)).unwrap();
    assert_eq!(profiles.len(), 1);
    let expected = json!({
        "allowOpenFromManagedToUnmanaged": false, "allowManagedToWriteUnmanagedContacts": false, "allowUnmanagedToReadManagedContacts": false,
        "ratingApps": 100, "allowListedAppBundleIDs": ["com.b.two"], "blockedAppBundleIDs": ["com.x.one", "com.x.two"], "allowCamera": false,
    });
    assert_eq!(merged(&pieces), expected);
    let names = |key: &str| {
        let key = profiles[0].keys.iter().find(|known| known.key == key).unwrap();
        key.origins.iter().map(|origin| origin.name.as_str()).collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    assert_eq!(names("allowCamera"), ["Loose", "More"]);
    assert_eq!(names("ratingApps"), ["Strict"]);
    assert_eq!(names("allowManagedToWriteUnmanagedContacts"), ["Strict"], "who keeps contacts apart is named");
    assert_eq!(names("allowListedAppBundleIDs"), ["Loose", "Strict"]);
    // The order in which they come changes nothing of what is sent.
    let (others, _) = planned(&school, &[&more, &loose, &strict], &target);
    let again = merged_profiles(&payloads(&others)).unwrap();
    assert_eq!((&again[0].profile.digest, &again[0].profile.uuid), (&profiles[0].profile.digest, &profiles[0].profile.uuid));
    let shown = school.write(move |tx| effective(tx, &target, &assigned(&[&strict, &loose, &more]))).keys;
    assert_eq!(shown, profiles[0].keys, "what is shown is what is sent");
}

#[test]
fn the_profile_is_one_that_a_device_reads_and_its_uuid_tells_versions_apart() {
    let school = School::new();
    let policy =
        make(&school, "Passcode", json!({ "passcode_min_length": 6, "no_camera": true, "managed_email_domains": ["example.school"] }));
    let (pieces, _) = planned(&school, &[&policy], &target(Platform::Ios, "15.8"));
    let profiles = merged_profiles(&payloads(&pieces)).unwrap();
    let names: Vec<_> = profiles.iter().map(|profile| profile.profile.identifier.as_str()).collect();
    assert_eq!(names, ["org.rollcall.policies.restrictions", "org.rollcall.policies.domains", "org.rollcall.policies.passcode"]);
    let mut uuids = std::collections::BTreeSet::new();
    for made in &profiles {
        let ProfileContent::Rendered(bytes) = &made.profile.content else { panic!() };
        let read = mobileconfig::read(bytes).unwrap();
        assert_eq!((&read.identifier, &read.uuid, read.scope.as_deref()), (&made.profile.identifier, &made.profile.uuid, Some("System")));
        assert_eq!(read.payloads.len(), 1);
        assert!(uuids.insert(read.uuid.clone()) && uuids.insert(read.payloads[0].uuid.clone()));
        assert!(!plist::parse_dictionary(bytes).unwrap().contains_key("PayloadRemovalDisallowed"));
    }
    assert_eq!(merged(&pieces)["forcePIN"], true, "the payload asks for a passcode only where it is told to");
    let id = policy.id.clone();
    let settings = json!({ "passcode_min_length": 8, "no_camera": true, "managed_email_domains": ["example.school"] }).as_object().cloned();
    let changed = school.write(move |tx| update(tx, &Actor::Console, &id, &PolicyChange { settings, ..PolicyChange::default() }));
    assert_eq!(changed.revision, 2);
    let (pieces, _) = planned(&school, &[&changed], &target(Platform::Ios, "15.8"));
    let again = merged_profiles(&payloads(&pieces)).unwrap();
    let same: Vec<_> = profiles.iter().zip(&again).map(|(one, other)| one.profile.digest == other.profile.digest).collect();
    assert_eq!(same, [true, true, false], "only the passcode's profile is another one");
    assert_ne!(profiles[2].profile.uuid, again[2].profile.uuid);
}

#[test]
fn newer_systems_get_declarations_merged_from_all_policies() {
    let school = School::new();
    let one = make(
        &school,
        "One",
        json!({ "passcode_min_length": 6, "passcode_history": 5, "no_summaries": true, "app_block_list": ["com.x.one"] }),
    );
    let two = make(
        &school,
        "Two",
        json!({ "passcode_min_length": 8, "passcode_history": 3, "app_block_list": ["com.x.two"], "no_private_browsing": true }),
    );
    let (pieces, unable) = planned(&school, &[&one, &two], &target(Platform::Ios, "27.0"));
    assert_eq!((unable, payloads(&pieces).len()), (vec![], 0));
    let made: BTreeMap<_, _> = declarations(&pieces).into_iter().map(|piece| (piece.identifier.clone(), piece)).collect();
    let payload = |name: &str| made[&format!("org.rollcall.policies.{name}")].payload.clone();
    assert_eq!(payload("passcode.settings"), json!({ "MinimumLength": 8, "PasscodeReuseLimit": 5 }));
    assert_eq!(payload("app.settings"), json!({ "Allowed": { "DeniedApps": ["com.x.one", "com.x.two"] } }));
    assert_eq!(payload("safari.settings"), json!({ "AllowPrivateBrowsing": false }));
    let apps = &payload("intelligence.settings")["Apps"];
    assert_eq!(
        (&apps["Mail"], &apps["Safari"]),
        (&json!({ "AllowSmartReplies": false, "AllowSummary": false }), &json!({ "AllowSummary": false }))
    );
    for piece in made.values() {
        assert!(piece.identifier.len() <= crate::protocol::declaration::MAX_IDENTIFIER_BYTES && piece.activate, "{piece:?}");
        assert!(piece.declaration_type.starts_with("com.apple.configuration."), "{piece:?}");
    }
    assert_eq!(made["org.rollcall.policies.app.settings"].origins.len(), 2);
    // A device that says it does not know a type yet is served as before, or told apart.
    let lacking =
        Target { supported: Some(vec![String::from("com.apple.configuration.passcode.settings")]), ..target(Platform::Ios, "27.0") };
    let (pieces, unable) = planned(&school, &[&one, &two], &lacking);
    assert_eq!(merged(&pieces), json!({ "blockedAppBundleIDs": ["com.x.one", "com.x.two"], "allowMailSummary": false }));
    assert_eq!(declarations(&pieces).len(), 1);
    assert!(why(&unable, "No private browsing").contains("does not know the declaration safari.settings"), "{unable:?}");
}

#[test]
fn what_a_device_cannot_have_is_said_in_a_sentence() {
    let school = School::new();
    let policy = make(
        &school,
        "All",
        json!({ "no_app_installation": true, "no_private_browsing": true, "no_lock_screen_today": true, "passcode_required": true }),
    );
    let ask = |target: &Target, what: &str| why(&planned(&school, &[&policy], target).1, what);
    let plain = with(target(Platform::Ios, "26.1"), |device| device.supervised = Some(false));
    assert_eq!(ask(&plain, "No installing of apps"), "It needs a supervised device.");
    assert_eq!(ask(&plain, "No private browsing"), "It needs a supervised device.");
    assert_eq!(ask(&target(Platform::Ios, "18.7"), "No private browsing"), "It needs iOS 26 or later; this device has 18.7.");
    assert_eq!(ask(&target(Platform::Tvos, "26"), "A passcode is required"), "Apple TVs do not have it.");
    assert_eq!(ask(&target(Platform::Visionos, "1.3"), "No installing of apps"), "It needs visionOS 2 or later; this device has 1.3.");
    let shared = with(target(Platform::Ios, "26.1"), |device| device.shared_ipad = Some(true));
    assert_eq!(ask(&shared, "A passcode is required"), "Shared iPads do not have it.");
    assert_eq!(ask(&shared, "No private browsing"), "", "whoever logs in gets it");
    let unknown = with(target(Platform::Ios, "26.1"), |device| device.os_version = OsVersion::UNKNOWN);
    let (pieces, unable) = planned(&school, &[&policy], &unknown);
    assert_eq!((pieces.len(), unable.len(), unable[0].what.as_str()), (0, 1, "All"));
}

#[test]
fn a_setting_of_people_goes_to_their_channel_and_everything_else_to_the_device() {
    let school = School::new();
    let policy = make(&school, "Mac", json!({ "no_camera": true, "no_private_browsing": true, "passcode_required": true }));
    let mac = target(Platform::Macos, "26.1");
    let (pieces, unable) = planned(&school, &[&policy], &mac);
    assert_eq!((payloads(&pieces).len(), declarations(&pieces).len(), unable.len()), (1, 1, 0));
    let user = with(mac, |device| device.kind = EnrollmentKind::User);
    let (pieces, unable) = planned(&school, &[&policy], &user);
    assert_eq!((payloads(&pieces).len(), unable.len()), (0, 0));
    assert_eq!(declarations(&pieces)[0].declaration_type, "com.apple.configuration.safari.settings");
}

#[test]
fn a_policy_is_made_changed_and_deleted_by_those_who_configure() {
    let school = School::new();
    let new = |name: &str| NewPolicy {
        name: name.into(),
        settings: json!({ "no_camera": true }).as_object().unwrap().clone(),
        ..NewPolicy::default()
    };
    let viewer = Actor::Person { id: "1".into(), name: "kim".into(), role: Role::Viewer };
    let wish = new("Exam");
    assert_eq!(school.try_write(move |tx| create(tx, &viewer, &wish)).unwrap_err().kind, Kind::Forbidden);
    let policy = make(&school, " Exam ", json!({ "no_camera": true }));
    assert_eq!((policy.name.as_str(), policy.revision), ("Exam", 1));
    let wish = new("EXAM");
    let taken = school.try_write(move |tx| create(tx, &Actor::Console, &wish)).unwrap_err();
    assert_eq!((taken.kind, taken.fields[0].field.as_str()), (Kind::Conflict, "name"));
    let bad = NewPolicy {
        name: String::new(),
        note: "x".repeat(NOTE_MAX_CHARS + 1),
        settings: json!({ "nonsense": 1 }).as_object().unwrap().clone(),
    };
    let refused = school.try_write(move |tx| create(tx, &Actor::Console, &bad)).unwrap_err();
    assert_eq!(refused.fields.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), ["name", "note", "settings.nonsense"]);
    let change = |id: &str, change: PolicyChange| {
        let id = id.to_owned();
        school.try_write(move |tx| update(tx, &Actor::Console, &id, &change))
    };
    let same = change(&policy.id, PolicyChange { name: Some("Exam".into()), ..PolicyChange::default() }).unwrap();
    assert_eq!(same.revision, 1, "what changes nothing is no revision");
    let renamed = change(&policy.id, PolicyChange { name: Some("exam".into()), revision: Some(1), ..PolicyChange::default() }).unwrap();
    assert_eq!((renamed.name.as_str(), renamed.revision), ("exam", 2));
    let stale = change(&policy.id, PolicyChange { note: Some("x".into()), revision: Some(1), ..PolicyChange::default() }).unwrap_err();
    assert_eq!(stale.kind, Kind::Conflict);
    let nothing = change(&policy.id, PolicyChange { settings: Some(Map::new()), ..PolicyChange::default() }).unwrap_err();
    assert_eq!(nothing.fields[0].field, "settings");
    let id = policy.id.clone();
    school.write(move |tx| delete(tx, &Actor::Console, &id));
    let id = policy.id;
    assert_eq!(school.try_write(move |tx| delete(tx, &Actor::Console, &id)).unwrap_err().kind, Kind::NotFound);
    assert_eq!(school.write(|tx| list(tx, &Actor::Console, None, 10)), (vec![], 0));
}

#[test]
fn a_policy_is_assigned_to_groups_that_exist_and_leaves_them_when_it_is_deleted() {
    let school = School::new();
    let policy = make(&school, "Exam", json!({ "no_camera": true }));
    let id = policy.id.clone();
    let unknown = school.try_write(move |tx| assign(tx, &Actor::Console, &id, "nowhere", None)).unwrap_err();
    assert_eq!(unknown.kind, Kind::NotFound);
    school.write(|tx| policies::tests::group(tx, "g1", "Cart A"));
    assert_eq!(school.write(groups::all).len(), 1);
    let id = policy.id.clone();
    school.write(move |tx| assign(tx, &Actor::Console, &id, "g1", None));
    let id = policy.id.clone();
    let shown = school.write(move |tx| super::groups(tx, &Actor::Console, &id));
    assert_eq!((shown.len(), shown[0].name.as_str(), shown[0].devices), (1, "Cart A", 0));
    let id = policy.id.clone();
    school.write(move |tx| delete(tx, &Actor::Console, &id));
    let left = school.write(|tx| crate::store::assignments::of_group(tx, "g1"));
    assert_eq!(left, []);
}

#[test]
fn there_are_no_more_policies_than_the_limit() {
    let school = School::new();
    school.write(|tx| {
        for at in 0..POLICIES_MAX {
            let settings = json!({ "no_camera": true }).as_object().unwrap().clone();
            let new = Policy {
                id: tx.new_id(),
                name: format!("p{at}"),
                note: String::new(),
                settings,
                revision: 1,
                created_at: tx.now,
                changed_at: tx.now,
            };
            policies::insert(tx, &new)?;
        }
        Ok(())
    });
    let new =
        NewPolicy { name: "one more".into(), settings: json!({ "no_camera": true }).as_object().unwrap().clone(), ..NewPolicy::default() };
    assert_eq!(school.try_write(move |tx| create(tx, &Actor::Console, &new)).unwrap_err().kind, Kind::Conflict);
    let named = |after: Option<&'static str>| {
        school.write(move |tx| policies::list(tx, after, 2)).into_iter().map(|policy| policy.name).collect::<Vec<_>>()
    };
    assert_eq!((named(None), named(Some("P1"))), (vec!["p0".into(), "p1".into()], vec!["p10".into(), "p100".into()]));
}

#[test]
fn every_kind_of_device_gets_only_what_its_system_has() {
    let school = School::new();
    let settings: Map<String, Value> = catalogue::all()
        .map(|switch| {
            let value = match switch.kind {
                catalogue::ValueKind::OnOff => json!(true),
                catalogue::ValueKind::Number(least, ..) => json!(least),
                catalogue::ValueKind::Choice(options) => json!(options[0].0),
                catalogue::ValueKind::Apps => json!(["com.example.app"]),
                _ => json!(["example.org"]),
            };
            (switch.id.to_owned(), value)
        })
        .collect();
    let policy = make(&school, "Everything", Value::Object(settings));
    for (platform, version) in [
        (Platform::Ios, "9.3.6"),
        (Platform::Ios, "12.5.7"),
        (Platform::Ios, "15.8"),
        (Platform::Ios, "18.1"),
        (Platform::Ios, "26.4"),
        (Platform::Ios, "27"),
        (Platform::Macos, "10.13"),
        (Platform::Macos, "15.1"),
        (Platform::Macos, "27"),
        (Platform::Tvos, "11"),
        (Platform::Tvos, "27"),
        (Platform::Visionos, "1.1"),
        (Platform::Visionos, "27"),
    ] {
        let target = target(platform, version);
        let (pieces, unable) = planned(&school, &[&policy], &target);
        for piece in &pieces {
            if let wanted::Piece::Payload(payload) = piece {
                for key in payload.keys.keys() {
                    let fact = crate::protocol::restrictions::fact(&payload.payload_type, key).unwrap();
                    assert!(crate::protocol::restrictions::check(fact, &target.capabilities).is_ok(), "{platform} {version} {key}");
                }
            }
        }
        let reached = catalogue::all().count() - unable.len();
        assert!(reached > 0 || (platform, version) == (Platform::Visionos, "1.1"), "{platform} {version}");
        merged_profiles(&payloads(&pieces)).unwrap();
    }
}

#[test]
fn lists_that_have_nothing_in_common_are_told() {
    let school = School::new();
    let one = make(&school, "One", json!({ "app_allow_list": ["com.a.one"] }));
    let two = make(&school, "Two", json!({ "app_allow_list": ["com.b.two"] }));
    for version in ["18.7", "27"] {
        let (pieces, unable) = planned(&school, &[&one, &two], &target(Platform::Ios, version));
        assert_eq!(pieces.len(), 0, "a list of nothing is not sent");
        assert!(why(&unable, "Only these apps").contains("nothing in common"), "{version}: {unable:?}");
    }
    assert_eq!(planned(&school, &[&one], &target(Platform::Ios, "27")).1, []);
}

#[test]
fn whoever_has_a_policy_is_planned_for_anew_when_it_changes() {
    let school = School::new();
    school.enrolled("A-1");
    school.write(|tx| {
        let device_id = crate::store::enrollments::by_nano_id(tx, "A-1")?.unwrap().device_id;
        policies::tests::group(tx, "g1", "Cart A")?;
        policies::tests::put_in(tx, "g1", &device_id)
    });
    let policy = make(&school, "Exam", json!({ "no_camera": true }));
    let due = || school.write(policies::tests::due);
    let plan = || {
        school.write(|tx| {
            let id = crate::store::enrollments::by_nano_id(tx, "A-1")?.unwrap().id;
            crate::mdm::reconcile::plan(tx, &id)
        });
    };
    plan();
    assert_eq!(due(), 0);
    let id = policy.id.clone();
    school.write(move |tx| assign(tx, &Actor::Console, &id, "g1", None));
    assert_ne!(due(), 0);
    for at in 0..2 {
        plan();
        assert_eq!(due(), 0);
        let id = policy.id.clone();
        let change = PolicyChange { note: Some(format!("note {at}")), ..PolicyChange::default() };
        school.write(move |tx| update(tx, &Actor::Console, &id, &change));
        assert_ne!(due(), 0);
    }
}
