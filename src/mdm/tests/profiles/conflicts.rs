//! Two profiles that get in each other's way are named before anything is sent.

use super::*;

const A: &str = "school.example.a";
const B: &str = "school.example.b";

fn camera(identifier: &str, allowed: bool) -> Vec<u8> {
    restrictions(
        identifier,
        &[("allowCamera", Value::Boolean(allowed)), (if identifier == A { "allowSiri" } else { "allowChat" }, Value::Boolean(true))],
    )
}

/// What is said when `theirs` is assigned to the group `more`, while `mine` is to the group `all`; both groups have these devices.
fn said(mine: &[u8], theirs: &[u8], is_common: bool) -> Vec<Warning> {
    let school = School::new();
    let one = school.enrolled("UDID-1");
    school.group("all", &[&one]);
    let common = [&one];
    school.group("more", if is_common { &common } else { &[] });
    let (mine, theirs) = (school.upload(mine).profile.id, school.upload(theirs).profile.id);
    assert_eq!(school.assign(&mine, "all", None).unwrap(), []);
    let (id, groups) = (theirs.clone(), vec![String::from("more")]);
    let checked = school.write(move |tx| profiles::check(tx, &Actor::Console, &id, &groups, None));
    let warnings = school.assign(&theirs, "more", None).unwrap();
    assert_eq!(checked, warnings, "what is said before is what is said then");
    warnings
}

#[test]
fn a_restriction_that_two_profiles_set_on_one_device_is_named_with_both() {
    let warnings = said(&camera(A, true), &camera(B, false), true);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!((warnings[0].key.as_deref(), warnings[0].other_name.as_deref()), (Some("allowCamera"), Some(A)));
    for part in ["allowCamera", A, B, "not certain"] {
        assert!(warnings[0].message.contains(part), "{}", warnings[0].message);
    }
    let same = said(&camera(A, true), &camera(B, true), true);
    assert!(same[0].message.contains("same value"), "{same:?}");
}

#[test]
fn profiles_that_reach_no_common_device_do_not_conflict() {
    assert_eq!(said(&camera(A, true), &camera(B, false), false), []);
    assert_eq!(said(&wifi(A, "a"), &wifi(B, "b"), true), [], "of networks a device may have many");
}

#[test]
fn a_payload_that_a_device_has_only_once_is_named_too() {
    let domains = |identifier| profile(identifier, &[payload("com.apple.domains", identifier, &[])]);
    let warnings = said(&domains(A), &domains(B), true);
    assert!(warnings.len() == 1 && warnings[0].key.is_none() && warnings[0].message.contains("Managed domains"), "{warnings:?}");
    let passcode = |identifier, length: i64| {
        profile(
            identifier,
            &[payload("com.apple.mobiledevice.passwordpolicy", identifier, &[("minLength", Value::Integer(length.into()))])],
        )
    };
    assert_eq!(said(&passcode(A, 4), &passcode(B, 6), true)[0].key.as_deref(), Some("minLength"));
}

#[test]
fn one_group_is_enough_even_while_it_is_empty_and_what_is_over_counts_no_more() {
    let school = School::new();
    school.group("all", &[]);
    let (mine, theirs) = (school.upload(&camera(A, true)).profile.id, school.upload(&camera(B, false)).profile.id);
    let end = school.clock.now().plus(std::time::Duration::from_secs(60));
    school.assign(&mine, "all", Some(end)).unwrap();
    assert_eq!(school.assign(&theirs, "all", None).unwrap().len(), 1);
    school.clock.advance(std::time::Duration::from_secs(61));
    assert_eq!(school.assign(&theirs, "all", None).unwrap(), []);
}

#[test]
fn a_version_that_is_not_used_yet_can_be_looked_at_for_conflicts() {
    let school = School::new();
    school.group("all", &[]);
    let (mine, theirs) = (school.upload(&wifi(A, "a")).profile.id, school.upload(&camera(B, false)).profile.id);
    school.assign(&mine, "all", None).unwrap();
    school.assign(&theirs, "all", None).unwrap();
    school.add_version(&mine, &camera(A, true), false).unwrap();
    let counts = school.write(move |tx| {
        let of = |version| profiles::check(tx, &Actor::Console, &mine, &[], version).map(|warnings| warnings.len());
        Ok((of(None)?, of(Some(2))?))
    });
    assert_eq!(counts, (0, 1));
}

#[test]
fn a_key_that_one_profile_sets_twice_is_told_at_upload() {
    let twice = profile(A, &["one", "two"].map(|id| payload("com.apple.applicationaccess", id, &[("allowCamera", Value::Boolean(false))])));
    let uploaded = School::new().upload(&twice);
    assert!(uploaded.warnings.len() == 1 && uploaded.warnings[0].message.contains("allowCamera"), "{:?}", uploaded.warnings);
}

#[test]
fn there_are_never_more_warnings_than_anybody_reads() {
    let many: Vec<(String, Value)> = (0..150).map(|number| (format!("allow{number}"), Value::Boolean(true))).collect();
    let keys: Vec<(&str, Value)> = many.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    assert_eq!(said(&restrictions(A, &keys), &restrictions(B, &keys), true).len(), 100);
}
