//! Which releases a device can have, from documents as Apple sends them.

use proptest::prelude::*;

use super::*;
use crate::protocol::lookup;
use crate::store::releases::{Offer, Release};

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn subject(product_name: &str, version: &str, build: &str) -> Subject {
    Subject {
        platform: Platform::of_product(product_name),
        version: OsVersion::parse(version),
        build: build.into(),
        product_name: product_name.into(),
        device_id: String::new(),
    }
}

/// What a document offers to a device, as the store would say it.
fn offered(document: &str, subject: &Subject) -> Vec<Offered> {
    let platform = listed_under(subject.platform).unwrap();
    let entries = lookup::read(document.as_bytes()).unwrap().entries;
    let own = entries.iter().filter(|entry| entry.platform == platform);
    own.filter(|entry| entry.devices.iter().any(|device| subject.names().contains(&device.as_str())))
        .map(|entry| Offered {
            key: ReleaseKey {
                platform: entry.platform.clone(),
                version: entry.version.clone(),
                extra: entry.extra.clone(),
                build: entry.build.clone(),
                prerequisite: entry.prerequisite.clone(),
            },
            posted: entry.posted,
            appeared: None,
            expires: entry.expires,
            managed: entry.list == lookup::List::Managed,
        })
        .collect()
}

fn versions(found: &Found) -> Vec<String> {
    match found {
        Found::Known(candidates) => candidates.iter().map(|candidate| candidate.version.to_string()).collect(),
        Found::Unknown(unknown) => vec![unknown.words().to_owned()],
    }
}

/// What case C33 gives as its third input.
const ODD: &str = r#"{"PublicAssetSets":{"iOS":[{"ProductVersion":"18.7.2","PostingDate":"2026-09-01","SupportedDevices":["iPad7,11"]}]},
 "AssetSets":{"iOS":[{"ProductVersion":"26.1","PostingDate":"2026-09-02","ExpirationDate":"2026-12-01","SupportedDevices":["iPad13,18"]},
   {"ProductVersion":"7.0.1","PostingDate":"2026-09-02","ExpirationDate":null,"SupportedDevices":["AppleTV2,1"]}]},
 "PublicBackgroundSecurityImprovements":{"iOS":[{"ProductVersion":"26.1","ProductVersionExtra":"(a)","PrerequisiteBuild":"23B85","Build":"23B5771","PostingDate":"2026-09-03","SupportedDevices":["iPad13,18"]}]}}"#;

#[test]
fn a_model_is_offered_what_any_list_has_for_it_until_the_last_day_and_an_improvement_by_the_build_before_it() {
    let pick = |subject: &Subject, today: &str| versions(&pick(subject, &offered(ODD, subject), day(today)));
    assert_eq!(pick(&subject("iPad7,11", "18.5", "22F76"), "2026-11-26"), ["18.7.2"], "from the public list alone");
    let ipad = subject("iPad13,18", "26.0", "23A341");
    assert_eq!(pick(&ipad, "2026-12-01"), ["26.1"]);
    assert_eq!(pick(&ipad, "2026-12-02"), [""; 0], "Apple signs it no more");
    assert_eq!(pick(&subject("iPad13,18", "26.1", "23B85"), "2026-11-26"), ["26.1 (a)"]);
    assert_eq!(pick(&subject("iPad13,18", "26.1", "23B86"), "2026-11-26"), [""; 0], "another build of it");
    assert_eq!(pick(&subject("AppleTV2,1", "6.0", "x"), "2099-01-01"), ["7.0.1"], "no expiry");
    assert_eq!(pick(&subject("iPad99,1", "26.0", "x"), "2026-11-26"), [Unknown::NotListed.words()]);
    assert_eq!(pick(&subject("iPad13,18", "soon", "x"), "2026-11-26"), [Unknown::Version.words()]);
}

#[test]
fn the_releases_of_apples_chapter_expire_with_the_clock() {
    let Some(shared) = crate::shared_for_tests() else { return };
    let chapter = std::fs::read_to_string(shared.join("managed-apps-and-updates.txt")).unwrap().replace('\u{201c}', "\"");
    let from = chapter[..chapter.find("\"PublicAssetSets\": {").unwrap()].rfind('{').unwrap();
    let sample = chapter[from..].split("```").next().unwrap();
    let ipad = subject("iPad3,4", "9.3.5", "13G36");
    let on = |today: &str| versions(&pick(&ipad, &offered(sample, &ipad), day(today)));
    assert_eq!(on("2017-12-15"), ["10.0.2", "10.0.1"]);
    assert_eq!(on("2018-02-20"), ["10.0.2"]);
    assert_eq!(on("2018-06-01"), [""; 0]);
}

#[test]
fn a_mac_is_matched_by_its_board_and_is_unknown_without_it() {
    let document = r#"{"AssetSets":{"macOS":[{"ProductVersion":"26.1","Build":"25B78","SupportedDevices":["J413AP"]}]}}"#;
    let mut mac = subject("Mac14,2", "15.7", "24G222");
    let found = |mac: &Subject| versions(&pick(mac, &offered(document, mac), day("2026-11-26")));
    assert_eq!(found(&mac), [Unknown::Board.words()]);
    mac.device_id = "J413AP".into();
    assert_eq!(found(&mac), ["26.1"]);
    let Found::Known(candidates) = pick(&mac, &offered(document, &mac), day("2026-11-26")) else { panic!() };
    assert_eq!(candidates[0].leap, Leap::Major);
    mac.device_id = "J999AP".into();
    assert_eq!(found(&mac), [Unknown::NotListed.words()]);
}

#[test]
fn of_one_version_that_was_built_again_the_last_is_offered() {
    let twice = r#"{"AssetSets":{"iOS":[{"ProductVersion":"26.1","Build":"23B85","PostingDate":"2026-09-02","SupportedDevices":["iPad13,18"]},
        {"ProductVersion":"26.1","Build":"23B86","PostingDate":"2026-09-05","SupportedDevices":["iPad13,18"]}]}}"#;
    let ipad = subject("iPad13,18", "26.0", "x");
    let Found::Known(found) = pick(&ipad, &offered(twice, &ipad), day("2026-11-26")) else { panic!() };
    assert_eq!(found.iter().map(|candidate| candidate.key.build.as_str()).collect::<Vec<_>>(), ["23B86"]);
    assert_eq!(visible_from(&found[0], Some(14)), Some(day("2026-09-19")));
    assert_eq!(visible_from(&found[0], None), None);
}

fn store_of(releases: &[(&str, &[&str])]) -> crate::store::Store {
    let store = crate::store::Store::open(crate::store::OpenOptions::memory()).unwrap();
    store
        .write_blocking(Timestamp::from_seconds(1_795_000_000), {
            let releases: Vec<_> = releases
                .iter()
                .map(|(version, devices)| ((*version).to_owned(), devices.iter().map(|&device| device.to_owned()).collect()))
                .collect();
            move |tx| {
                for (version, devices) in releases {
                    let key = ReleaseKey { platform: "iOS".into(), version, ..ReleaseKey::default() };
                    let offer = Offer { list: lookup::List::Managed, posted: None, expires: None, devices };
                    releases::put(tx, &Release { key, offers: vec![offer], appeared_at: tx.now, vanished_at: None })?;
                }
                Ok(())
            }
        })
        .unwrap();
    store
}

#[test]
fn a_model_ends_where_its_own_kind_goes_on_and_an_entry_without_devices_leaves_that_open() {
    let all: &[(&str, &[&str])] =
        &[("18.7.2", &["iPad7,11", "iPad13,18"]), ("26.1", &["iPad13,18", "iPhone14,2"]), ("27.0", &["iPhone14,2"])];
    let ends = |releases: &[(&str, &[&str])], product: &str| {
        let subject = subject(product, "18.0", "x");
        store_of(releases).read_blocking(Timestamp::from_seconds(1_795_000_000), move |tx| ends_at(tx, &subject)).unwrap()
    };
    assert_eq!(ends(all, "iPad7,11"), Some(18));
    assert_eq!(ends(all, "iPad13,18"), None, "27 is for phones alone");
    assert_eq!(ends(all, "iPhone14,2"), None);
    assert_eq!(ends(all, "iPad99,9"), None, "not listed at all says nothing");
    let open: &[(&str, &[&str])] = &[("18.7.2", &["iPad7,11"]), ("26.1", &["iPad13,18"]), ("27.0", &[])];
    assert_eq!(ends(open, "iPad7,11"), None);
}

prop_compose! {
    fn any_offered()(major in 17_u32..28, minor in 0_u32..4, extra in "[ab]?", posted in 0_i32..300, expires in proptest::option::of(0_i32..300), build in 0_u8..3)
        -> Offered {
        let key = ReleaseKey {
            platform: "iOS".into(), version: format!("{major}.{minor}"), prerequisite: if extra.is_empty() { String::new() } else { format!("B{build}") },
            extra, build: format!("B{build}"),
        };
        let first = day("2026-01-01");
        Offered { key, posted: Some(first.plus(posted)), appeared: None, expires: expires.map(|days| first.plus(days)), managed: true }
    }
}

proptest! {
    #[test]
    fn nothing_is_ever_offered_that_is_older_or_expired_or_for_another_build(
        offered in proptest::collection::vec(any_offered(), 0..30), major in 17_u32..28, minor in 0_u32..4, build in 0_u8..3, days in 0_i32..300,
    ) {
        let subject = subject("iPad13,18", &format!("{major}.{minor}"), &format!("B{build}"));
        let today = day("2026-01-01").plus(days);
        let Found::Known(found) = pick(&subject, &offered, today) else { return Ok(()) };
        for candidate in &found {
            prop_assert!(subject.version.is_older_than(candidate.version));
            prop_assert!(candidate.expires.is_none_or(|last| today <= last));
            prop_assert!(candidate.key.prerequisite.is_empty() || candidate.key.prerequisite == subject.build);
            prop_assert_eq!(candidate.leap == Leap::Improvement, !candidate.key.prerequisite.is_empty());
        }
        for pair in found.windows(2) {
            prop_assert!(pair[0].version > pair[1].version, "newest first, each once");
        }
        let missed = offered.iter().filter(|offered| {
            offered.expires.is_none_or(|last| today <= last) && offered.key.prerequisite.is_empty() && subject.version.is_older_than(offered.key.os_version())
        });
        for offered in missed {
            prop_assert!(found.iter().any(|candidate| candidate.version == offered.key.os_version()), "nothing is left out");
        }
    }
}
