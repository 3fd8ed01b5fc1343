//! Mechanisms by system, tokens that change with the content alone, and faults that stay with those who made them.

use proptest::prelude::*;

use super::*;
use crate::mdm::wanted::ProfileContent;
use crate::protocol::availability::Capabilities;
use crate::protocol::ids::EnrollmentKind;
use crate::store::assignments::AssignedKind;

fn target(platform: Platform, os_version: &str) -> Target {
    Target {
        enrollment_id: "E1".into(),
        device_id: "D1".into(),
        capabilities: Capabilities {
            platform,
            os_version: OsVersion::parse(os_version),
            kind: EnrollmentKind::Device,
            supervised: Some(true),
            ade: None,
            shared_ipad: None,
            access_rights: Some(8191),
        },
        supported: None,
        variables: BTreeMap::new(),
    }
}

fn house() -> House {
    House {
        origin: Some("https://mdm.example.school".into()),
        of_every_device: of_every_device("Example School"),
        capability: "E1.proof".into(),
        news_asked_at: None,
    }
}

fn origin(name: &str) -> Origin {
    Origin { kind: AssignedKind::Profile, id: format!("id of {name}"), name: name.into() }
}

fn profile(identifier: &str, name: &str, digest: &str) -> Piece {
    Piece::Profile(ProfilePiece {
        goes_at: None,
        identifier: identifier.into(),
        uuid: "U".into(),
        digest: digest.into(),
        content: ProfileContent::Rendered(Vec::new()),
        name: name.into(),
        origins: vec![origin(name)],
        by_command: false,
    })
}

fn declaration(kind: DeclarationKind, identifier: &str, payload: Value) -> Piece {
    Piece::Declaration(DeclarationPiece {
        edition: String::new(),
        kind,
        identifier: identifier.into(),
        declaration_type: format!("com.apple.{}.test", kind.as_str()),
        payload,
        activate: kind == DeclarationKind::Configuration,
        origins: vec![origin(identifier)],
    })
}

#[test]
fn who_is_asked_for_news_fetches_what_it_subscribes_to_again_and_nothing_else() {
    let target = target(Platform::Ios, "18.1");
    let asked = |at: Option<i64>| {
        let house = House { news_asked_at: at.map(Timestamp::from_seconds), ..house() };
        render(&target, &house, Vec::new(), Vec::new())
    };
    let (before, once, again) = (asked(None), asked(Some(1)), asked(Some(2)));
    let tokens: BTreeSet<_> = [&before, &once, &again].map(Desired::declarations_token).into();
    assert_eq!(tokens.len(), 3);
    assert_eq!(once.declarations_token(), asked(Some(1)).declarations_token());
    for (identifier, document) in &before.declarations {
        let other = &once.declarations[identifier];
        assert_eq!(other == document, identifier != STATUS, "{identifier}");
    }
    let document: Value = serde_json::from_slice(&once.declarations[STATUS].content).unwrap();
    assert_eq!(document["ServerToken"], once.declarations[STATUS].server_token);
    let first: Value = serde_json::from_slice(&before.declarations[STATUS].content).unwrap();
    assert_eq!(document["Payload"], first["Payload"]);
}

#[test]
fn each_system_gets_profiles_by_the_mechanism_it_has() {
    let cases = [
        (Platform::Ios, "12.5.7", Mechanism::Command, false),
        (Platform::Ios, "15.8", Mechanism::Command, true),
        (Platform::Ios, "16.7.11", Mechanism::Command, true),
        (Platform::Ios, "17.0", Mechanism::Declaration, true),
        (Platform::Ios, "27.1", Mechanism::Declaration, true),
        (Platform::Macos, "10.15.7", Mechanism::Command, false),
        (Platform::Macos, "13.6", Mechanism::Command, true),
        (Platform::Macos, "14.0", Mechanism::Declaration, true),
        (Platform::Tvos, "15.6", Mechanism::Command, false),
        (Platform::Tvos, "17.4", Mechanism::Declaration, true),
        (Platform::Visionos, "2.1", Mechanism::Declaration, true),
        (Platform::Unknown, "99", Mechanism::Command, false),
        (Platform::Ios, "odd", Mechanism::Command, true),
    ];
    for (platform, os_version, mechanism, declares) in cases {
        let target = target(platform, os_version);
        let desired = render(&target, &house(), vec![profile("org.example.wifi", "Wi-Fi", "d1")], Vec::new());
        assert_eq!(desired.profiles["org.example.wifi"].mechanism, mechanism, "{platform} {os_version}");
        assert_eq!(!desired.declarations.is_empty(), declares, "{platform} {os_version}");
        let refers = desired.declarations.contains_key(&profile_declaration("org.example.wifi"));
        assert_eq!(refers, mechanism == Mechanism::Declaration);
    }
}

#[test]
fn a_device_that_says_it_cannot_or_does_not_know_the_address_gets_profiles_by_command() {
    let mut target = target(Platform::Ios, "18.1");
    assert_eq!(profile_mechanism(&target, &House { origin: None, ..house() }), Mechanism::Command);
    target.supported = Some(vec!["com.apple.configuration.passcode.settings".into()]);
    assert_eq!(profile_mechanism(&target, &house()), Mechanism::Command);
    target.supported = Some(vec![LEGACY.into()]);
    assert_eq!(profile_mechanism(&target, &house()), Mechanism::Declaration);
}

#[test]
fn what_spoils_others_is_left_out_and_named_and_the_rest_is_served() {
    let pieces = vec![
        declaration(DeclarationKind::Configuration, "org.example.a", json!({})),
        declaration(DeclarationKind::Configuration, "org.example.a", json!({ "other": 1 })),
        declaration(
            DeclarationKind::Activation,
            "org.example.on",
            json!({ "StandardConfigurations": ["org.example.a", "org.example.gone"] }),
        ),
        profile("org.example.wifi", "Wi-Fi", "d1"),
        profile("org.example.wifi", "Wi-Fi of another", "d2"),
    ];
    let desired = render(&target(Platform::Ios, "18.1"), &house(), pieces, Vec::new());
    let told: Vec<_> = desired.unable.iter().map(|unable| (unable.what.as_str(), unable.because.as_str())).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].0 == "Wi-Fi of another" && told[0].1.contains("“Wi-Fi” has the same identifier, org.example.wifi"), "{told:?}");
    assert!(told.iter().any(|(what, because)| *what == "org.example.on" && because.contains("org.example.gone")), "{told:?}");
    assert!(desired.declarations.contains_key("org.example.a") && !desired.declarations.contains_key("org.example.on"));
    assert_eq!(desired.profiles["org.example.wifi"].piece.name, "Wi-Fi");
}

#[test]
fn declarations_for_a_system_without_them_are_named() {
    let pieces = vec![declaration(DeclarationKind::Configuration, "org.example.a", json!({}))];
    let desired = render(&target(Platform::Ios, "14.8"), &house(), pieces, Vec::new());
    assert!(desired.declarations.is_empty());
    assert_eq!(desired.unable[0].because, "its system has no declarative management");
}

#[test]
fn every_configuration_is_activated_and_every_activation_finds_what_it_names() {
    let pieces = vec![
        profile("org.example.wifi", "Wi-Fi", "d1"),
        declaration(DeclarationKind::Configuration, "org.example.a", json!({})),
        declaration(DeclarationKind::Management, "org.example.m", json!({})),
    ];
    let desired = render(&target(Platform::Ios, "18.1"), &house(), pieces, Vec::new());
    let mut activated = BTreeSet::new();
    for document in desired.declarations.values().filter(|document| document.kind == DeclarationKind::Activation) {
        let said: Value = serde_json::from_slice(&document.content).unwrap();
        for name in said["Payload"]["StandardConfigurations"].as_array().unwrap() {
            activated.insert(name.as_str().unwrap().to_owned());
        }
    }
    let configurations: BTreeSet<_> = desired
        .declarations
        .values()
        .filter(|document| document.kind == DeclarationKind::Configuration)
        .map(|document| document.identifier.clone())
        .collect();
    assert_eq!(activated, configurations);
}

proptest! {
    #[test]
    fn tokens_change_when_and_only_when_content_does(
        a in prop::collection::btree_map("[a-d]", 0..3_u8, 0..4),
        b in prop::collection::btree_map("[a-d]", 0..3_u8, 0..4),
    ) {
        let desired = |set: &BTreeMap<String, u8>, backwards: bool| {
            let mut pieces: Vec<_> = set.iter()
                .map(|(name, value)| declaration(DeclarationKind::Configuration, &format!("org.example.{name}"), json!({ "v": value })))
                .collect();
            if backwards {
                pieces.reverse();
            }
            render(&target(Platform::Ios, "18.1"), &house(), pieces, Vec::new())
        };
        let (first, same, second) = (desired(&a, false), desired(&a, true), desired(&b, false));
        prop_assert_eq!(first.declarations_token(), same.declarations_token());
        prop_assert_eq!(first.declarations_token() == second.declarations_token(), a == b);
        prop_assert!(first.declarations_token().len() <= 256);
        for (identifier, document) in &first.declarations {
            if let Some(other) = second.declarations.get(identifier) {
                prop_assert_eq!(document.server_token == other.server_token, document.content == other.content);
            }
        }
    }
}
