//! Beta programmes on devices of every kind: offered, required, ruled out, of several policies together, and those that Apple ended.

use super::*;
use crate::protocol::ade::beta_program_id;
use crate::store::ade_servers::{self, AdeServer};
use crate::store::beta_programs::{self, BetaRow};

const SETTINGS: &str = "com.apple.configuration.softwareupdate.settings";
const IOS: &str = "iOS 27 AppleSeed Beta";
const OLD: &str = "iOS 26 AppleSeed Beta";
const MAC: &str = "macOS 27 AppleSeed Beta";

/// A school whose Apple portal lists these programmes: title, system, token.
fn listing(programs: &[(&str, &str, &str)]) -> School {
    let school = School::new();
    let now = school.clock.now();
    school.write(move |tx| ade_servers::insert(tx, &AdeServer::new("s".into(), "S".into(), vec![1], now), b"key"));
    for (title, os, token) in programs {
        list(&school, title, os, Some(token));
    }
    school
}

/// Apple lists a programme, or no more.
fn list(school: &School, title: &str, os: &str, token: Option<&str>) {
    let now = school.clock.now();
    let row = BetaRow {
        server_id: "s".into(),
        id: beta_program_id(os, title),
        os: os.into(),
        title: title.into(),
        listed_at: now,
        gone_at: token.is_none().then_some(now),
    };
    let token = token.map(|token| token.as_bytes().to_vec());
    school.write(move |tx| beta_programs::put(tx, &row, token.as_deref()));
}

fn ids(programs: &[(&str, &str)]) -> Value {
    programs.iter().map(|(title, os)| beta_program_id(os, title)).collect()
}

fn beta(pieces: &[Piece]) -> Value {
    let settings = declarations(pieces).into_iter().find(|declaration| declaration.declaration_type == SETTINGS);
    settings.map_or(Value::Null, |settings| settings.payload["Beta"].clone())
}

fn program(title: &str, token: &str) -> Value {
    json!({ "Description": title, "Token": token })
}

fn usual() -> School {
    listing(&[(IOS, "iOS", "ios"), (OLD, "iOS", "old"), (MAC, "macOS", "mac")])
}

#[test]
fn programmes_are_offered_to_the_systems_that_they_are_for_from_18_and_15_4_on() {
    let school = usual();
    let policy = make(&school, "Testers", json!({ "offer_beta_programs": ids(&[(IOS, "iOS"), (OLD, "iOS"), (MAC, "macOS")]) }));
    let on = |target: &Target| {
        let (pieces, unable) = planned(&school, &[&policy], target);
        (beta(&pieces), why(&unable, "Offer beta programmes"))
    };
    let ios = json!({ "OfferPrograms": [program(OLD, "old"), program(IOS, "ios")] });
    for version in ["18.0", "26.1", "27.0"] {
        assert_eq!(on(&target(Platform::Ios, version)), (ios.clone(), String::new()), "{version}");
    }
    let unsupervised = with(target(Platform::Ios, "26.1"), |device| device.supervised = Some(false));
    assert_eq!(on(&unsupervised), (ios, String::new()), "it needs no supervision");
    for version in ["15.4", "26.1"] {
        assert_eq!(on(&target(Platform::Macos, version)), (json!({ "OfferPrograms": [program(MAC, "mac")] }), String::new()), "{version}");
    }
    for (platform, version, because) in [
        (Platform::Ios, "17.7", "It needs iOS 18 or later; this device has 17.7.0."),
        (Platform::Macos, "15.3", "It needs macOS 15.4 or later; this device has 15.3.0."),
        (Platform::Tvos, "27.0", "Apple TVs do not have it."),
        (Platform::Visionos, "27.0", "Vision Pro does not have it."),
    ] {
        let (said, why) = on(&target(platform, version));
        assert_eq!(said, Value::Null, "{platform} {version}");
        assert_eq!(why.replace(".0.", "."), because.replace(".0.", "."), "{platform} {version}");
    }
    let only = make(&school, "Macs", json!({ "offer_beta_programs": ids(&[(MAC, "macOS")]) }));
    let (pieces, unable) = planned(&school, &[&only], &target(Platform::Ios, "26.1"));
    assert_eq!((beta(&pieces), pieces.len()), (Value::Null, 0));
    assert!(why(&unable, "Offer beta programmes").contains("for the system of this device"), "{unable:?}");
}

#[test]
fn a_required_programme_is_sent_with_its_switch_and_needs_supervision() {
    let school = usual();
    let policy = make(&school, "Testers", json!({ "require_beta_program": ids(&[(IOS, "iOS"), (MAC, "macOS")]) }));
    let (pieces, unable) = planned(&school, &[&policy], &target(Platform::Ios, "26.1"));
    assert_eq!((beta(&pieces), unable), (json!({ "ProgramEnrollment": "AlwaysOn", "RequireProgram": program(IOS, "ios") }), vec![]));
    let (pieces, _) = planned(&school, &[&policy], &target(Platform::Macos, "15.4"));
    assert_eq!(beta(&pieces)["RequireProgram"], program(MAC, "mac"));
    let unsupervised = with(target(Platform::Ios, "26.1"), |device| device.supervised = Some(false));
    let (pieces, unable) = planned(&school, &[&policy], &unsupervised);
    assert_eq!((beta(&pieces), why(&unable, "Take part in a beta programme").as_str()), (Value::Null, "It needs a supervised device."));
    let own = make(&school, "Own", json!({ "only_own_beta_programs": true, "offer_beta_programs": ids(&[(IOS, "iOS")]) }));
    let (pieces, _) = planned(&school, &[&own], &target(Platform::Ios, "26.1"));
    assert_eq!(beta(&pieces), json!({ "ProgramEnrollment": "AlwaysOn", "OfferPrograms": [program(IOS, "ios")] }));
}

#[test]
fn of_several_policies_offers_are_joined_the_first_required_one_holds_and_never_wins_over_all() {
    let school = usual();
    let offer = |name, programs: &[(&str, &str)]| make(&school, name, json!({ "offer_beta_programs": ids(programs) }));
    let require = |name, programs: &[(&str, &str)]| make(&school, name, json!({ "require_beta_program": ids(programs) }));
    let (one, other) = (offer("One", &[(IOS, "iOS")]), offer("Other", &[(IOS, "iOS"), (OLD, "iOS")]));
    let (first, second) = (require("A first", &[(IOS, "iOS")]), require("B second", &[(OLD, "iOS")]));
    let never = make(&school, "Z never", json!({ "no_beta_updates": true }));
    let ipad = target(Platform::Ios, "26.1");
    for order in [[&one, &other], [&other, &one]] {
        let (pieces, unable) = planned(&school, &order, &ipad);
        assert_eq!((beta(&pieces), unable), (json!({ "OfferPrograms": [program(OLD, "old"), program(IOS, "ios")] }), vec![]));
    }
    for order in [[&first, &second, &one], [&one, &second, &first]] {
        let (pieces, unable) = planned(&school, &order, &ipad);
        assert_eq!(beta(&pieces), json!({ "ProgramEnrollment": "AlwaysOn", "RequireProgram": program(IOS, "ios") }));
        assert!(why(&unable, "Take part in a beta programme").contains("“A first” requires"), "{unable:?}");
        assert!(why(&unable, "Offer beta programmes").contains("nothing to choose"), "{unable:?}");
        assert_eq!(unable.len(), 2, "{unable:?}");
    }
    let (pieces, unable) = planned(&school, &[&first, &one, &never], &ipad);
    assert_eq!(beta(&pieces), json!({ "ProgramEnrollment": "AlwaysOff" }));
    assert!(unable.len() == 2 && unable.iter().all(|unable| unable.because.contains("“Z never” has no beta versions")), "{unable:?}");
}

#[test]
fn a_programme_that_ended_is_left_out_and_told_and_the_declaration_changes_with_its_content_alone() {
    let school = usual();
    let policy = make(&school, "Testers", json!({ "offer_beta_programs": ids(&[(IOS, "iOS"), (OLD, "iOS")]), "hold_updates": 7 }));
    let ipad = target(Platform::Ios, "26.1");
    let (before, _) = planned(&school, &[&policy], &ipad);
    list(&school, MAC, "macOS", Some("another"));
    list(&school, IOS, "iOS", Some("ios"));
    assert_eq!(declarations(&planned(&school, &[&policy], &ipad).0)[0].payload, declarations(&before)[0].payload, "nothing of it changed");
    list(&school, IOS, "iOS", Some("renewed"));
    assert_eq!(beta(&planned(&school, &[&policy], &ipad).0)["OfferPrograms"][1], program(IOS, "renewed"));
    list(&school, IOS, "iOS", None);
    let (pieces, unable) = planned(&school, &[&policy], &ipad);
    assert_eq!(beta(&pieces), json!({ "OfferPrograms": [program(OLD, "old")] }));
    assert_eq!(why(&unable, "Offer beta programmes"), format!("Apple lists “{IOS}” no more. Choose another programme."));
    list(&school, OLD, "iOS", None);
    let (pieces, unable) = planned(&school, &[&policy], &ipad);
    assert_eq!((beta(&pieces), unable.len()), (Value::Null, 2));
    assert_eq!(declarations(&pieces)[0].payload, json!({ "Deferrals": { "CombinedPeriodInDays": 7 } }), "the rest goes on");
    school.write(|tx| ade_servers::delete(tx, "s"));
    let (pieces, unable) = planned(&school, &[&policy], &ipad);
    assert_eq!(beta(&pieces), Value::Null);
    assert!(why(&unable, "Offer beta programmes").contains("for none of the server tokens"), "{unable:?}");
}

#[test]
fn a_required_programme_that_ended_leaves_the_device_free() {
    let school = usual();
    let policy = make(&school, "Testers", json!({ "require_beta_program": ids(&[(IOS, "iOS")]) }));
    list(&school, IOS, "iOS", None);
    let (pieces, unable) = planned(&school, &[&policy], &target(Platform::Ios, "26.1"));
    assert_eq!((pieces.len(), unable.len()), (0, 1), "{unable:?}");
}

#[test]
fn what_is_shown_names_the_programmes_and_never_their_tokens() {
    let school = listing(&[(IOS, "iOS", "the-secret-token"), (OLD, "iOS", "the-secret-token-2")]);
    let offer = make(&school, "Offer", json!({ "offer_beta_programs": ids(&[(IOS, "iOS"), (OLD, "iOS")]) }));
    let require = make(&school, "Require", json!({ "require_beta_program": ids(&[(IOS, "iOS")]) }));
    for (policy, key, value) in [(&offer, "Beta.OfferPrograms", json!([OLD, IOS])), (&require, "Beta.RequireProgram", json!(IOS))] {
        let (assignments, target) = (assigned(&[policy]), target(Platform::Ios, "26.1"));
        let effective = school.write(move |tx| effective(tx, &target, &assignments));
        assert_eq!(effective.keys.iter().find(|known| known.key == key).unwrap().value, value);
        assert!(!format!("{effective:?}").contains("the-secret"), "{effective:?}");
    }
}
