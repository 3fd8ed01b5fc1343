//! Lists that are hardly Apple's: of other platforms, far too short, or dated in the future.

use super::*;

#[test]
fn a_list_of_other_platforms_is_no_newer_list() {
    let school = School::new();
    school.record(came(versions(&["18.1", "18.2"])));
    let strange =
        || read(&json!({ "AssetSets": { "fridgeOS": [{ "ProductVersion": "1", "Build": "1A1", "PostingDate": "2026-09-02" }] } }));
    let refused = school.try_write(move |tx| import(tx, &Actor::Console, &strange(), Meant::default())).unwrap_err();
    assert!(refused.kind == Kind::Conflict && refused.message.contains("names no release for iOS"), "{refused}");
    school.record(came(strange()));
    let state = school.state();
    assert!(state.problem.contains("names no release for iOS") && state.mendable, "{state:?}");
    assert_eq!(school.releases(Filter::default()).iter().filter(|release| release.vanished_at.is_none()).count(), 2);
}

/// Ten releases of iOS and five of macOS, with a newest one of a day.
fn whole(newest: &str) -> Value {
    let many = |count: u32| (0..count).map(|minor| entry(&format!("26.{minor}"), Value::Null, &["iPad13,18"])).collect::<Vec<_>>();
    let mut ios = many(9);
    ios.push(entry("27.0", Value::Null, &["iPad13,18"]));
    ios[9]["PostingDate"] = json!(newest);
    json!({ "AssetSets": { "iOS": ios, "macOS": many(5) } })
}

#[test]
fn a_list_that_lacks_a_platform_or_most_is_taken_only_where_that_is_meant_and_never_from_the_service() {
    let school = School::new();
    school.record(came(read(&whole("2026-11-03"))));
    let good = || school.releases(Filter { state: Some(ReleaseState::Current), ..Filter::default() }).len();
    assert_eq!(good(), 15);
    let mut no_macs = whole("2026-11-03");
    no_macs["AssetSets"].as_object_mut().unwrap().remove("macOS");
    let nearly_empty = json!({ "AssetSets": { "iOS": [entry("27.0", Value::Null, &["iPad13,18"])] } });
    let nearly_empty = {
        let mut list = nearly_empty;
        list["AssetSets"]["iOS"][0]["PostingDate"] = json!("2026-11-10");
        list
    };
    let mut fewer = whole("2026-11-03");
    fewer["AssetSets"]["iOS"].as_array_mut().unwrap().truncate(2);
    for (list, said) in [(&no_macs, "every release of macOS"), (&fewer, "8 of the 15"), (&nearly_empty, "every release of macOS")] {
        let document = read(&list.clone());
        let older = Meant { older: true, fewer: false };
        let refused = school.try_write(move |tx| import(tx, &Actor::Console, &document, older)).unwrap_err();
        assert!(refused.kind == Kind::Conflict && refused.message.starts_with(FEWER) && refused.message.contains(said), "{refused}");
        school.record(came(read(list)));
        let state = school.state();
        assert!(state.problem.contains(said) && state.mendable && state.failures > 0, "{state:?}");
        assert_eq!(good(), 15, "what is here stays");
    }
    let document = read(&nearly_empty);
    let meant = Meant { older: false, fewer: true };
    assert_eq!(school.write(move |tx| import(tx, &Actor::Console, &document, meant)).vanished, 14);
    school.record(came(read(&whole("2026-11-03"))));
    assert_eq!((good(), school.state().failures), (15, 0), "more is never too few");
}

#[test]
fn what_is_dated_far_in_the_future_is_passed_over_and_is_not_the_newest() {
    let school = School::new();
    let dated = |version: &str, day: Day| {
        let mut entry = entry(version, Value::Null, &["iPad13,18"]);
        entry["PostingDate"] = json!(day.to_string());
        entry
    };
    let today = Day::of(school.clock.now());
    let last = today.plus(AHEAD_MAX_DAYS);
    let list = read(&json!({ "AssetSets": { "iOS": [dated("99.9", last.plus(1)), dated("27.2", last), dated("27.1", today)] } }));
    let bring = |document: Document| school.try_write(move |tx| import(tx, &Actor::Console, &document, Meant::default()));
    assert_eq!(bring(list.clone()).unwrap().listed, 2);
    assert_eq!(school.write(newest_posted), Some(last));
    assert!(school.state().passed_over[0].contains("iOS, 99.9: it is dated"), "{:?}", school.state().passed_over);
    school.record(came(list));
    assert!(school.releases(Filter::default()).iter().all(|release| release.key.version != "99.9"));
    // One that was taken in before that was looked at stands in the way of no genuine list.
    school.take(read(&json!({ "AssetSets": { "iOS": [dated("99.9", today.plus(365)), dated("27.1", today)] } })));
    assert_eq!(school.write(newest_posted), Some(today));
    let refused = bring(read(&json!({ "AssetSets": { "iOS": [dated("99.9", today.plus(365))] } }))).unwrap_err();
    assert!(refused.kind == Kind::Conflict && refused.message.contains("clock of this server"), "{refused}");
}
