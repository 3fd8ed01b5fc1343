//! What a profile and a policy, or two policies, both want of one device is named before anything is sent.

use serde_json::json;

use super::*;
use crate::mdm::clashes::{self, CLASHES_MAX};
use crate::mdm::policies::{self, Clash, NewPolicy};
use crate::mdm::reconcile::{self, Named, Thought};
use crate::protocol::platform::Platform;
use crate::store::meetings::tests as meetings;

pub(super) fn policy(school: &School, name: &'static str, settings: serde_json::Value) -> String {
    let new = NewPolicy { name: name.into(), note: String::new(), settings: settings.as_object().unwrap().clone() };
    school.write(move |tx| policies::create(tx, &Actor::Console, &new)).id
}

fn assign_policy(school: &School, id: &str, group: &'static str) {
    let id = id.to_owned();
    school.write(move |tx| policies::assign(tx, &Actor::Console, &id, group, None));
}

pub(super) fn clashes(school: &School, id: &str, groups: &[&str]) -> Vec<Clash> {
    let (id, groups) = (id.to_owned(), groups.iter().map(|group| (*group).to_owned()).collect::<Vec<_>>());
    school.write(move |tx| policies::check(tx, &Actor::Console, &id, &groups))
}

pub(super) fn checked(school: &School, id: &str, groups: &[&str]) -> Vec<Warning> {
    let (id, groups) = (id.to_owned(), groups.iter().map(|group| (*group).to_owned()).collect::<Vec<_>>());
    school.write(move |tx| profiles::check(tx, &Actor::Console, &id, &groups, None))
}

pub(super) fn no_camera(allowed: bool) -> Vec<u8> {
    restrictions("school.example.camera", &[("allowCamera", Value::Boolean(allowed)), ("allowChat", Value::Boolean(false))])
}

/// Devices that said what they are, all in the group `all`.
pub(super) fn ipads(school: &School, versions: &'static [&str]) {
    school.group("all", &[]);
    for (at, version) in versions.iter().enumerate() {
        school.write(move |tx| meetings::device(tx, &format!("d{at}"), "iPad", version, "all"));
    }
}

#[test]
fn a_key_of_a_profile_and_a_policy_is_named_from_both_sides_with_the_number_of_devices() {
    let school = School::new();
    ipads(&school, &["18.1", "26.1", "18.1"]);
    let profile = school.upload(&no_camera(true)).profile.id;
    let exam = policy(&school, "Exam", json!({ "no_camera": true, "no_siri": true }));
    assert_eq!(checked(&school, &profile, &["all"]), []);
    assign_policy(&school, &exam, "all");
    assert_eq!(clashes(&school, &exam, &[]), []);
    let before = checked(&school, &profile, &["all"]);
    assert_eq!(before.len(), 1, "{before:?}");
    let said = &before[0];
    assert_eq!(
        (said.other_kind, said.other_name.as_deref(), said.key.as_deref()),
        (Some(AssignedKind::Policy), Some("Exam"), Some("allowCamera"))
    );
    for part in ["the policy “Exam”", "allowCamera", "the same 3 devices", "not certain"] {
        assert!(said.message.contains(part), "{}", said.message);
    }
    assert_eq!(school.assign(&profile, "all", None).unwrap(), before, "what is said before is what is said then");
    let other = clashes(&school, &exam, &[]);
    assert_eq!((other.len(), other[0].with.kind, other[0].with.id.as_str()), (1, AssignedKind::Profile, profile.as_str()));
    school.add_version(&profile, &no_camera(false), true).unwrap();
    assert!(clashes(&school, &exam, &[])[0].message.contains("same value"), "{:?}", clashes(&school, &exam, &[]));
}

#[test]
fn what_devices_get_by_a_declaration_clashes_with_profiles_as_long_as_their_system_has_the_key() {
    let school = School::new();
    ipads(&school, &["27.0"]);
    let lists = restrictions("school.example.apps", &[("allowListedAppBundleIDs", Value::Array(vec![text("com.example.a")]))]);
    let lists = school.upload(&lists).profile.id;
    let delay = restrictions("school.example.delay", &[("enforcedSoftwareUpdateDelay", Value::Integer(5.into()))]);
    let delay = school.upload(&delay).profile.id;
    for id in [&lists, &delay] {
        school.assign(id, "all", None).unwrap();
    }
    let apps = policy(&school, "Apps", json!({ "app_allow_list": ["com.example.b"], "hold_updates": 30 }));
    let keys = |told: Vec<Clash>| told.into_iter().filter_map(|clash| clash.key).collect::<Vec<_>>();
    assert_eq!(keys(clashes(&school, &apps, &["all"])), ["allowListedAppBundleIDs"], "iOS 27 knows no delay any more");
    school.write(|tx| meetings::device(tx, "later", "iPad", "26.1", "all"));
    let both = keys(clashes(&school, &apps, &["all"]));
    assert!(both.len() == 2 && both.contains(&"enforcedSoftwareUpdateDelay".to_owned()), "{both:?}");
    assign_policy(&school, &apps, "all");
    assert!(
        checked(&school, &delay, &["all"]).iter().any(|warning| warning.other_name.as_deref() == Some("Apps")),
        "from the other side too"
    );
}

#[test]
fn a_group_without_devices_is_warned_of_before_the_first_comes() {
    let school = School::new();
    school.group("all", &[]);
    let profile = school.upload(&no_camera(true)).profile.id;
    school.assign(&profile, "all", None).unwrap();
    let exam = policy(&school, "Exam", json!({ "no_camera": true }));
    let said = clashes(&school, &exam, &["all"]);
    assert!(said.len() == 1 && said[0].message.contains("this group"), "{said:?}");
}

#[test]
fn lists_of_three_policies_that_leave_nothing_are_told_at_assignment() {
    let school = School::new();
    ipads(&school, &["18.1", "27.0"]);
    let lists = [json!(["a.a", "b.b"]), json!(["b.b", "c.c"]), json!(["a.a", "c.c"])];
    let ids: Vec<_> = ["One", "Two", "Three"]
        .into_iter()
        .zip(lists)
        .map(|(name, list)| policy(&school, name, json!({ "app_allow_list": list })))
        .collect();
    assign_policy(&school, &ids[0], "all");
    assert_eq!(clashes(&school, &ids[1], &["all"]), [], "two still have something in common");
    assign_policy(&school, &ids[1], "all");
    let said = clashes(&school, &ids[2], &["all"]);
    // One device has it by a payload, the other by a declaration.
    assert_eq!(said.len(), 1, "{said:?}");
    for part in ["Only these apps", "“Three”", "“One” and “Two”", "nothing in common", "the same 2 devices"] {
        assert!(said[0].message.contains(part), "{part}: {}", said[0].message);
    }
}

#[test]
fn a_preview_names_what_clashes_among_all_that_would_be_assigned() {
    let school = School::new();
    ipads(&school, &["18.1"]);
    let (profile, exam) = (school.upload(&no_camera(true)).profile.id, policy(&school, "Exam", json!({ "no_camera": true })));
    let add = vec![
        Named { kind: AssignedKind::Profile, id: profile, mode: None, ends_at: None },
        Named { kind: AssignedKind::Policy, id: exam, mode: None, ends_at: None },
    ];
    let thought = Thought { add, groups: vec![String::from("all")], ..Thought::default() };
    let seen = school.write(move |tx| reconcile::preview_all(tx, &Actor::Console, &thought));
    let kinds: Vec<_> = seen.warnings.iter().map(|warning| (warning.other_kind.unwrap(), warning.key.clone().unwrap())).collect();
    assert_eq!(kinds, [(AssignedKind::Policy, String::from("allowCamera")), (AssignedKind::Profile, String::from("allowCamera"))]);
}

#[test]
fn two_profiles_that_would_be_assigned_together_are_compared_with_each_other_once() {
    let school = School::new();
    ipads(&school, &["18.1"]);
    let one = school.upload(&no_camera(true)).profile.id;
    let two = school.upload(&restrictions("school.example.other", &[("allowCamera", Value::Boolean(false))])).profile.id;
    let add = [&one, &two].map(|id| Named { kind: AssignedKind::Profile, id: id.clone(), mode: None, ends_at: None }).to_vec();
    let thought = Thought { add, groups: vec![String::from("all")], ..Thought::default() };
    let seen = school.write(move |tx| reconcile::preview_all(tx, &Actor::Console, &thought));
    assert_eq!(seen.warnings.len(), 1, "{:?}", seen.warnings);
    assert!(seen.warnings[0].message.contains("the same device") && seen.warnings[0].other_id == Some(two), "{:?}", seen.warnings);
}

#[test]
fn what_a_group_brings_together_on_its_new_devices_is_named_and_nothing_else() {
    let school = School::new();
    ipads(&school, &["18.1"]);
    school.write(|tx| rows::group(tx, "cart", "cart", &[]));
    let profile = school.upload(&no_camera(true)).profile.id;
    let exam = policy(&school, "Exam", json!({ "no_camera": true }));
    school.assign(&profile, "all", None).unwrap();
    assign_policy(&school, &exam, "cart");
    let add = |ids: &'static [&'static str]| {
        school.write(move |tx| {
            let before = crate::store::groups::device_ids(tx, "cart")?;
            ids.iter().try_for_each(|id| crate::store::groups::add_device(tx, "cart", id).map(drop))?;
            clashes::brought_into(tx, "cart", &before)
        })
    };
    school.write(|tx| meetings::device(tx, "free", "iPad", "18.1", "cart"));
    assert_eq!(add(&["free"]), [], "it has the policy only");
    let brought = add(&["d0"]);
    assert!(
        brought.len() == 1 && brought[0].message.contains("allowCamera") && brought[0].message.contains("the same device"),
        "{brought:?}"
    );
    assert_eq!(add(&["d0"]), [], "it was in it before");
    let of_device = school.write(|tx| clashes::of_device(tx, "d0"));
    assert_eq!((of_device.len(), school.write(|tx| clashes::of_device(tx, "free"))), (1, vec![]));
    let ask = |ids: &[&str]| {
        let thought = Thought { devices: ids.iter().map(|id| (*id).to_owned()).collect(), ..Thought::default() };
        school.write(move |tx| reconcile::preview_all(tx, &Actor::Console, &thought)).warnings
    };
    assert_eq!((ask(&["d0", "free"]), ask(&["free"])), (of_device.clone(), vec![]));
    assert_eq!(school.write(|tx| clashes::of_group(tx, "cart")), of_device);
    // A third thing that neither is this group's, is not this group's to tell.
    school.write(|tx| rows::group(tx, "other", "other", &["d0"]));
    assert_eq!(school.write(|tx| clashes::of_group(tx, "other")), []);
}

#[test]
fn there_are_never_more_clashes_told_than_anybody_reads() {
    let school = School::new();
    school.group("all", &[]);
    for number in 0..=CLASHES_MAX {
        let profile = restrictions(&format!("school.example.n{number}"), &[("allowCamera", Value::Boolean(false))]);
        school.upload(&profile);
    }
    school.write(|tx| rows::assign_all(tx, "all"));
    let exam = policy(&school, "Exam", json!({ "no_camera": true }));
    assert_eq!(clashes(&school, &exam, &["all"]).len(), CLASHES_MAX);
    school.write(|tx| meetings::device(tx, "d", "iPad", "18.1", "all"));
    assert_eq!(school.write(|tx| clashes::of_device(tx, "d")).len(), CLASHES_MAX);
}

/// An app with this bundle id.
fn app(school: &School, adam_id: &'static str, name: &'static str, bundle_id: &'static str) -> String {
    school.write(move |tx| {
        let app = crate::mdm::apps::add(tx, &Actor::Console, adam_id, name)?;
        let app = crate::store::apps::App { bundle_id: bundle_id.into(), ..app };
        crate::store::apps::update(tx, &app)?;
        Ok(app.id)
    })
}

#[test]
fn an_app_that_a_list_of_a_policy_hides_is_named_from_both_sides() {
    use crate::mdm::apps;
    use crate::store::assignments::AssignedMode;
    let school = School::new();
    ipads(&school, &["12.5.7", "18.1", "27.0"]);
    let atlas = app(&school, "1500000002", "Atlas", "school.example.Atlas");
    let maths = app(&school, "1500000003", "Maths", "school.example.maths");
    let exam = policy(&school, "Exam", json!({ "app_allow_list": ["com.apple.mobilesafari", "school.example.atlas"] }));
    let no_maths = policy(&school, "No maths", json!({ "app_block_list": ["school.example.maths"] }));
    let hidden = |id: &str, groups: &'static [&'static str]| {
        let id = id.to_owned();
        school.write(move |tx| {
            let groups: Vec<_> = groups.iter().map(|group| (*group).to_owned()).collect();
            apps::hidden(tx, &Actor::Console, &id, (!groups.is_empty()).then_some(&groups[..]))
        })
    };
    for id in [&atlas, &maths] {
        let id = id.clone();
        school.write(move |tx| apps::assign(tx, &Actor::Console, &id, "all", AssignedMode::Required, None).map(drop));
    }
    // At the check, before anything is assigned.
    let told = clashes(&school, &exam, &["all"]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].with.kind, told[0].with.id.as_str()), (AssignedKind::App, maths.as_str()), "what is on the list stays");
    for part in ["“Only these apps” in the policy “Exam”", "“Maths” (school.example.maths)", "the same 3 devices", "Put it on the list"]
    {
        assert!(told[0].message.contains(part), "{part}: {}", told[0].message);
    }
    let told = clashes(&school, &no_maths, &["all"]);
    assert!(told.len() == 1 && told[0].message.contains("Take it off the list"), "{told:?}");
    // On the policy's page and on those of devices once it is assigned, and at the app.
    assert_eq!(hidden(&maths, &[]).len(), 0);
    assign_policy(&school, &exam, "all");
    assert_eq!((clashes(&school, &exam, &[]).len(), school.write(|tx| clashes::of_device(tx, "d2")).len()), (1, 1));
    assert_eq!((hidden(&maths, &[]).len(), hidden(&atlas, &[]).len()), (1, 0));
    // In the other direction: an app that comes to devices with a list.
    let chess = app(&school, "1500000004", "Chess", "school.example.chess");
    let (_, _, lacks) = {
        let id = chess.clone();
        school.write(move |tx| apps::assign(tx, &Actor::Console, &id, "all", AssignedMode::Optional, None))
    };
    let hides = "the policy “Exam” hides the app “Chess”";
    assert!(lacks.iter().any(|lack| lack.devices == 3 && lack.words.contains(hides)), "{lacks:?}");
    let thought = |kind, id: &str| {
        let add = vec![Named { kind, id: id.to_owned(), mode: None, ends_at: None }];
        let thought = Thought { add, groups: vec![String::from("all")], ..Thought::default() };
        school.write(move |tx| reconcile::preview_all(tx, &Actor::Console, &thought)).warnings
    };
    let by_app = thought(AssignedKind::App, &chess);
    assert!(by_app.iter().any(|warning| warning.message.contains("hides the app “Chess”")), "{by_app:?}");
    let by_policy = thought(AssignedKind::Policy, &exam);
    assert_eq!(by_policy.iter().filter(|warning| warning.other_kind == Some(AssignedKind::App)).count(), 2, "{by_policy:?}");
    // A group without devices is warned of before the first comes; of an app without a bundle id nothing can be said.
    school.write(|tx| rows::group(tx, "none", "none", &[]));
    assign_policy(&school, &exam, "none");
    assert!(hidden(&chess, &["none"])[0].words.contains("both are for this group"));
    let new = school.write(|tx| apps::add(tx, &Actor::Console, "1500000005", "New")).id;
    assert_eq!(hidden(&new, &["all"]), []);
}

#[test]
fn a_list_hides_an_app_only_where_the_app_can_be() {
    let school = School::new();
    ipads(&school, &["18.1"]);
    school.write(|tx| {
        meetings::device(tx, "tv", "Apple TV", "18.1", "all")?;
        let tv = crate::store::devices::by_id(tx, "tv")?.unwrap();
        let tv = crate::store::devices::Device { platform: Platform::Tvos, product_name: "AppleTV11,1".into(), ..tv };
        crate::store::devices::update(tx, &tv)
    });
    let no_maths = policy(&school, "No maths", json!({ "app_block_list": ["school.example.maths"] }));
    let maths = app(&school, "1500000003", "Maths", "school.example.maths");
    let runs_on = |platforms: &'static str| {
        let id = maths.clone();
        school.write(move |tx| {
            let app = crate::store::apps::by_id(tx, &id)?.unwrap();
            crate::store::apps::update(tx, &crate::store::apps::App { platforms: platforms.into(), ..app })
        });
    };
    let id = maths.clone();
    school.write(move |tx| {
        crate::mdm::apps::assign(tx, &Actor::Console, &id, "all", crate::store::assignments::AssignedMode::Required, None).map(drop)
    });
    for (platforms, where_to) in [
        (r#"["ios","tvos"]"#, Some("both are for the same 2 devices")),
        (r#"["ios"]"#, Some("both are for the same device")),
        (r#"["tvos"]"#, Some("both are for the same device")),
        (r#"["macos"]"#, None),
        ("[]", Some("both are for the same 2 devices")),
    ] {
        runs_on(platforms);
        let told = clashes(&school, &no_maths, &["all"]);
        assert_eq!(told.len(), usize::from(where_to.is_some()), "{platforms}: {told:?}");
        assert!(where_to.is_none_or(|words| told[0].message.contains(words)), "{platforms}: {told:?}");
    }
}

#[test]
fn a_list_of_blocked_apps_that_leaves_nothing_of_the_allowed_ones_is_named_and_sent() {
    let school = School::new();
    ipads(&school, &["18.1", "27.0"]);
    let only = policy(&school, "Only", json!({ "app_allow_list": ["com.example.A", "com.example.b"] }));
    let not = policy(&school, "Not", json!({ "app_block_list": ["com.example.a", "com.example.B", "com.example.c"] }));
    assign_policy(&school, &only, "all");
    let told = clashes(&school, &not, &["all"]);
    assert_eq!(told.len(), 1, "though one device has it by a profile, the other by a declaration: {told:?}");
    for part in ["“Only these apps” and “Not these apps”", "“Only”", "“Not”", "no app at all", "the same 2 devices"] {
        assert!(told[0].message.contains(part), "{part}: {}", told[0].message);
    }
    assign_policy(&school, &not, "all");
    let keys = school.write(|tx| Ok(policies::on_device(tx, &Actor::Console, "d0")?.keys));
    assert!(
        keys.iter().any(|key| key.key == "allowListedAppBundleIDs" && key.value.as_array().is_some_and(|list| list.len() == 2)),
        "{keys:?}"
    );
}

#[test]
fn lists_that_differ_in_capitals_alone_have_everything_in_common() {
    let school = School::new();
    ipads(&school, &["18.1"]);
    let one = policy(&school, "One", json!({ "app_allow_list": ["com.apple.Pages", "school.example.field"] }));
    let other = policy(&school, "Other", json!({ "app_allow_list": ["com.apple.pages", "school.example.Field"] }));
    assign_policy(&school, &one, "all");
    assert_eq!(clashes(&school, &other, &["all"]), []);
    assign_policy(&school, &other, "all");
    let keys = school.write(|tx| Ok(policies::on_device(tx, &Actor::Console, "d0")?.keys));
    let list = keys.iter().find(|key| key.key == "allowListedAppBundleIDs").unwrap();
    assert_eq!(list.value, json!(["com.apple.Pages", "school.example.Field"]));
}
