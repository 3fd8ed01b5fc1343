//! Taking in Apple’s list: what appears, vanishes, is refused, and grows old.

mod doubtful;

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::error::Kind;
use crate::mdm::apple_roots;
use crate::mdm::tests::School;
use crate::protocol::apps_and_books::RetryAfter;
use crate::store::events::{self, Event, Filter as Events};

const HERE: &str = "https://gdmf.example.school/v2/pmv";

fn days(count: u64) -> Duration {
    Duration::from_secs(count * 86_400)
}

/// A document with these versions of iOS, each with a build of its own, for one model and without an end.
fn versions(versions: &[&str]) -> Document {
    let entries: Vec<_> = versions.iter().map(|version| entry(version, Value::Null, &["iPad13,18"])).collect();
    read(&json!({ "AssetSets": { "iOS": entries } }))
}

fn entry(version: &str, expires: Value, devices: &[&str]) -> Value {
    json!({ "ProductVersion": version, "Build": format!("B{version}"), "PostingDate": "2026-09-02", "ExpirationDate": expires, "SupportedDevices": devices })
}

fn read(document: &Value) -> Document {
    Document::read(document.to_string().as_bytes()).unwrap()
}

fn came(document: Document) -> Outcome {
    Outcome::Came { document, etag: "\"1\"".into(), last_modified: String::new() }
}

fn failed(mendable: bool, retry_after: Option<RetryAfter>) -> Outcome {
    Outcome::Failed(Trouble { because: "It did not <work>.".into(), mendable, retry_after })
}

impl School {
    fn record(&self, outcome: Outcome) -> String {
        self.write(move |tx| record(tx, &Actor::Job(JOB), HERE, outcome))
    }

    fn take(&self, document: Document) -> Taken {
        self.write(move |tx| take_in(tx, &Actor::Job(JOB), &document, Source::Apple))
    }

    fn state(&self) -> State {
        self.write(|tx| state(tx, &Actor::Console))
    }

    fn releases(&self, filter: Filter) -> Vec<Release> {
        self.write(move |tx| list(tx, &Actor::Console, &filter))
    }

    fn told(&self) -> Vec<Event> {
        self.write(|tx| events::list(tx, &Events::default(), None, 500))
            .into_iter()
            .filter(|event| event.kind.starts_with("release."))
            .collect()
    }

    fn need(&self) -> Option<Alert> {
        self.write(need)
    }
}

#[test]
fn what_stands_in_several_lists_is_one_release_with_sorted_offers() {
    let school = School::new();
    let document = read(&json!({
        "PublicAssetSets": { "iOS": [entry("26.1", json!("2026-12-01"), &["iPad13,18"])], "macOS": [entry("26.1", Value::Null, &[])] },
        "AssetSets": { "iOS": [entry("26.1", json!("2026-12-20"), &["iPhone14,2", "iPad13,18"])] },
        "PublicRapidSecurityResponses": { "iOS": [
            { "ProductVersion": "26.1", "ProductVersionExtra": "(a)", "PrerequisiteBuild": "23B85", "Build": "23B5771", "SupportedDevices": ["iPad13,18"] }] },
    }));
    assert_eq!(school.take(document.clone()), Taken { listed: 3, appeared: 3, changed: 0, vanished: 0 });
    let found = school.releases(Filter::default());
    let names: Vec<_> = found.iter().map(|release| format!("{} {}", release.key.platform, release.key.os_version())).collect();
    assert_eq!(names, ["iOS 26.1 (a)", "iOS 26.1", "macOS 26.1"], "the newest first");
    let both = &found[1];
    assert_eq!((both.offers.len(), both.lists().len(), both.devices().len()), (2, 2, 2));
    assert_eq!(
        (both.posted().unwrap().to_string(), both.expires().unwrap().to_string()),
        ("2026-09-02".into(), "2026-12-20".into()),
        "the widest"
    );
    assert_eq!((found[2].devices().len(), found[2].expires()), (0, None));
    assert_eq!(school.take(document), Taken { listed: 3, ..Taken::default() }, "the same again changes nothing");
    assert_eq!(
        school.told().iter().map(|event| event.kind.as_str()).collect::<Vec<_>>(),
        ["release.list_taken"],
        "the first list is told as a whole"
    );
}

#[test]
fn releases_appear_and_vanish_and_one_that_comes_back_keeps_its_history() {
    let school = School::new();
    let start = school.clock.now();
    school.take(versions(&["26.1", "26.2"]));
    school.clock.advance(days(1));
    assert_eq!(school.take(versions(&["26.2", "26.3"])), Taken { listed: 2, appeared: 1, changed: 0, vanished: 1 });
    let of = |state| {
        school
            .releases(Filter { state: Some(state), platform: Some("ios".into()) })
            .into_iter()
            .map(|release| release.key.version)
            .collect::<Vec<_>>()
    };
    assert_eq!((of(ReleaseState::Current), of(ReleaseState::Vanished)), (vec!["26.3".into(), "26.2".into()], vec!["26.1".into()]));
    school.clock.advance(days(1));
    assert_eq!(school.take(versions(&["26.1", "26.2", "26.3"])).appeared, 1);
    let back = school.releases(Filter::default()).pop().unwrap();
    assert_eq!((back.key.version.as_str(), back.appeared_at, back.vanished_at), ("26.1", start, None));
    let told: Vec<_> =
        school.told().into_iter().rev().map(|event| (event.kind, event.data["version"].clone(), event.data["again"].clone())).collect();
    assert_eq!(told[1], ("release.appeared".into(), json!("26.3"), json!(false)));
    assert_eq!(told[2], ("release.vanished".into(), json!("26.1"), json!(false)));
    assert_eq!(told[4], ("release.appeared".into(), json!("26.1"), json!(true)));
    assert!(school.releases(Filter { platform: Some("macOS".into()), state: None }).is_empty());
}

#[test]
fn a_date_that_apple_moves_changes_the_release_and_is_no_new_one() {
    let school = School::new();
    let until = |day: &str| read(&json!({ "AssetSets": { "iOS": [entry("26.1", json!(day), &["iPad13,18"])] } }));
    school.take(until("2026-11-20"));
    assert_eq!(school.take(until("2026-12-20")), Taken { listed: 1, changed: 1, ..Taken::default() });
    assert_eq!(school.releases(Filter::default())[0].expires().unwrap().to_string(), "2026-12-20");
}

#[test]
fn half_of_a_list_is_taken_because_apple_decides_and_only_so_many_are_told_one_by_one() {
    let school = School::new();
    let many: Vec<_> = (0..EVENTS_MAX + 20).map(|minor| format!("26.{minor}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    school.take(versions(&many));
    assert_eq!(school.take(versions(&["26.0"])).vanished, EVENTS_MAX + 19);
    let told = school.told();
    assert_eq!(told.iter().filter(|event| event.kind == "release.vanished").count(), EVENTS_MAX);
    assert_eq!(told[0].data["vanished"], json!(EVENTS_MAX + 19), "how many there were is told in any case");
}

#[test]
fn what_vanished_long_ago_is_forgotten() {
    let school = School::new();
    school.record(came(versions(&["26.1", "26.2"])));
    school.record(came(versions(&["26.2"])));
    let count = || school.releases(Filter::default()).len();
    school.clock.advance(VANISHED_KEPT);
    school.record(Outcome::Unchanged);
    assert_eq!(count(), 2, "kept for exactly so long");
    school.clock.advance(Duration::from_secs(1));
    school.record(failed(false, None));
    assert_eq!(count(), 1);
}

#[test]
fn the_next_look_is_a_day_away_and_a_little_more_and_never_at_the_same_time_of_day() {
    let school = School::new();
    let waits: Vec<_> = (0..50)
        .map(|_| {
            school.record(came(versions(&["26.1"])));
            school.state().next_at.unwrap().since(school.clock.now())
        })
        .collect();
    assert!(waits.iter().all(|wait| (POLL_EVERY..=POLL_EVERY + POLL_SPREAD).contains(wait)), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait != waits[0]));
    assert_eq!(school.write(next_due), school.state().next_at);
}

#[test]
fn failures_wait_ever_longer_up_to_a_limit_and_the_list_stays_with_its_age() {
    let school = School::new();
    assert_eq!(school.write(next_due), Some(school.clock.now()), "where there is none it is asked for at once");
    school.record(came(versions(&["26.1"])));
    let fetched = school.clock.now();
    let mut expected = FIRST_WAIT;
    for attempt in 1..=20 {
        school.clock.advance(Duration::from_secs(60));
        assert_eq!(school.record(failed(false, None)), "It did not <work>.");
        let state = school.state();
        let wait = state.next_at.unwrap().since(school.clock.now());
        assert!((expected..=expected * 3 / 2).contains(&wait), "attempt {attempt}: {wait:?} of {expected:?}");
        assert_eq!((state.failures, state.fetched_at, state.etag.as_str()), (attempt, Some(fetched), "\"1\""));
        expected = (expected * 2).min(LONGEST_WAIT);
    }
    assert_eq!(school.releases(Filter::default()).len(), 1);
    assert_eq!(school.told().iter().filter(|event| event.kind == "release.list_failed").count(), 1, "the same trouble again is no news");
    school.record(Outcome::Unchanged);
    let state = school.state();
    assert_eq!((state.failures, state.failing_since, state.problem.as_str(), state.fetched_at), (0, None, "", Some(school.clock.now())));
}

#[test]
fn retry_after_is_kept_to_in_both_forms_whoever_wishes_otherwise() {
    let school = School::new();
    let forms = |seconds: u64| [RetryAfter::Seconds(seconds), RetryAfter::At(school.clock.now().plus(Duration::from_secs(seconds)))];
    for (seconds, least) in [(7200, 7200), (0, 60), (900 * 86_400, 86_400)] {
        for retry in forms(seconds) {
            school.record(failed(false, Some(retry)));
            let (state, errand) = (school.state(), school.write(|tx| begin(tx, HERE)));
            let least = Duration::from_secs(least);
            assert_eq!(errand.rests_until, Some(school.clock.now().plus(least)), "{retry:?}");
            let wait = state.next_at.unwrap().since(school.clock.now());
            assert!((least..=least + RETRY_SPREAD).contains(&wait), "{wait:?}");
        }
    }
    school.clock.advance(days(1));
    assert_eq!(school.write(|tx| begin(tx, HERE)).rests_until, None, "the time is over");
    let said = |status, value| refused(status, Some(value)).retry_after;
    assert_eq!(said(429, "120"), Some(RetryAfter::Seconds(120)));
    assert!(matches!(said(503, "Wed, 25 Nov 2026 09:00:00 GMT"), Some(RetryAfter::At(_))));
    assert_eq!(said(503, "soon"), None);
    assert_eq!([429, 503, 302, 403].map(|status| refused(status, None).mendable), [false, false, true, true]);
}

#[test]
fn conditions_are_of_apples_list_at_that_address_alone() {
    let school = School::new();
    let etag = |address: &'static str| school.write(move |tx| begin(tx, address)).etag;
    assert_eq!(etag(HERE), "");
    school.record(came(versions(&["26.1"])));
    assert_eq!((etag(HERE).as_str(), etag("https://other.example.school/v2/pmv").as_str()), ("\"1\"", ""));
    let document = versions(&["26.0"]);
    assert_eq!(school.write(move |tx| import(tx, &Actor::Console, &document, Meant::default())).vanished, 1);
    assert_eq!((etag(HERE).as_str(), school.state().source), ("", Some(Source::File)), "else the file would hold for ever");
    assert!(school.record(Outcome::Unchanged).contains("304"), "nobody asked whether anything changed");
    assert_eq!(school.state().failures, 1);
}

#[test]
fn a_file_that_is_over_does_not_take_the_place_of_a_list_that_is_good() {
    let school = School::new();
    let old = read(
        &json!({ "AssetSets": { "iOS": [entry("18.1", json!("2026-10-01"), &["iPad13,18"]), entry("18.2", json!("2026-11-01"), &["iPad13,18"])] } }),
    );
    let bring = |document: &Document| {
        let document = document.clone();
        school.try_write(move |tx| import(tx, &Actor::Console, &document, Meant::default()))
    };
    assert_eq!(bring(&old).unwrap().listed, 2, "better than nothing");
    assert_eq!(bring(&old).unwrap().vanished, 0, "nothing here is good either");
    school.take(versions(&["26.1"]));
    let refused = bring(&old).unwrap_err();
    assert!(refused.message.contains("the last of it on 1 Nov 2026"), "{}", refused.message);
    assert_eq!(school.releases(Filter { state: Some(ReleaseState::Current), ..Filter::default() }).len(), 1);
}

#[test]
fn an_older_file_takes_the_place_of_a_newer_list_only_where_that_is_meant() {
    let school = School::new();
    let posted = |version: &str, day: &str| {
        let mut entry = entry(version, Value::Null, &["iPad13,18"]);
        entry["PostingDate"] = json!(day);
        read(&json!({ "AssetSets": { "iOS": [entry] } }))
    };
    let bring = |document: Document, even_older: bool| {
        school.try_write(move |tx| import(tx, &Actor::Console, &document, Meant { older: even_older, fewer: false }))
    };
    school.record(came(posted("26.1", "2026-11-03")));
    let (before, listed) = (school.state(), school.releases(Filter::default()));
    school.clock.advance(days(1));
    let refused = bring(posted("26.0", "2026-09-02"), false).unwrap_err();
    assert_eq!(refused.kind, Kind::Conflict);
    assert!(refused.message.starts_with(OLDER), "{}", refused.message);
    assert!(refused.message.contains("2 Sep 2026") && refused.message.contains("3 Nov 2026"), "{}", refused.message);
    assert_eq!((school.state(), school.releases(Filter::default())), (before, listed), "nothing was changed");
    let taken = bring(posted("26.0", "2026-09-02"), true).unwrap();
    assert_eq!((taken.appeared, taken.vanished), (1, 1));
    assert_eq!(school.state().fetched_at, Timestamp::parse("2026-09-03T00:00:00Z"), "it is as old as its newest release");
    assert!(school.state().is_stale(school.clock.now()) && school.need().is_some());
    for (version, day) in [("26.2", "2026-09-02"), ("26.3", "2026-11-20")] {
        assert!(bring(posted(version, day), false).is_ok(), "{day} is not older");
        assert_eq!(school.state().fetched_at, Some(school.clock.now()));
    }
}

#[test]
fn somebody_is_needed_when_the_list_is_old_or_when_only_a_person_can_help() {
    let school = School::new();
    assert!(school.need().is_none());
    for _ in 1..MENDABLE_FAILURES {
        school.record(failed(true, None));
    }
    assert!(school.need().is_none(), "it may pass");
    school.record(failed(true, None));
    let need = school.need().unwrap();
    assert!(need.message.contains("has not come yet") && need.remedy.starts_with("It did not <work>. Until then"), "{need:?}");
    school.record(came(versions(&["26.1"])));
    assert!(school.need().is_none());
    school.record(failed(false, None));
    school.clock.advance(STALE_AFTER);
    assert!(school.need().is_none(), "old enough at the next moment only");
    school.clock.advance(Duration::from_secs(1));
    assert!(school.need().unwrap().message.ends_with("is 7 days old."));
    let document = versions(&["26.1"]);
    school.write(move |tx| import(tx, &Actor::Console, &document, Meant::default()));
    assert!(school.need().is_none(), "a list that was brought is as good");
    let never = School::new();
    never.record(failed(false, None));
    never.clock.advance(STALE_AFTER + days(1));
    assert!(never.need().unwrap().message.contains("has not come yet"));
}

#[test]
fn expiry_is_judged_by_the_clock_through_the_end_of_its_last_day() {
    let school = School::new();
    let document = read(&json!({ "AssetSets": { "iOS": [entry("26.1", json!("2026-12-01"), &[]), entry("26.2", Value::Null, &[])] } }));
    school.take(document);
    let standing = |at: &str| {
        let at = Timestamp::parse(at).unwrap();
        school.releases(Filter::default()).iter().map(|release| release.state(at)).collect::<Vec<_>>()
    };
    assert_eq!(standing("2026-12-01T23:59:59.999Z"), [ReleaseState::Current; 2]);
    assert_eq!(standing("2026-12-02T00:00:00Z"), [ReleaseState::Current, ReleaseState::Expired]);
}

#[test]
fn a_root_that_somebody_brings_has_apple_asked_soon() {
    let Some(shared) = crate::shared_for_tests() else { return };
    let school = School::new();
    let chain = std::fs::read(shared.join("apple-roots/iphone-device-chain.pem")).unwrap();
    assert!(school.write(|tx| begin(tx, HERE)).root.is_none());
    school.write(move |tx| apple_roots::add(tx, &Actor::Console, &chain, apple_roots::Source::File));
    assert!(school.write(|tx| begin(tx, HERE)).root.is_some());
    assert_eq!(school.write(|tx| jobs::turn(tx, JOB)).due_at, Some(school.clock.now()));
}

#[test]
fn who_may_only_look_takes_nothing_in() {
    let school = School::new();
    let viewer = Actor::Token { id: "1".into(), name: "report".into(), role: crate::mdm::Role::Viewer };
    let document = versions(&["26.1"]);
    assert!(school.try_write(move |tx| import(tx, &viewer, &document, Meant::default())).is_err());
    assert!(school.write(releases::all).is_empty());
}
