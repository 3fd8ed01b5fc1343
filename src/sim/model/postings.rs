//! Which releases Apple has posted and for which models, as its lookup service tells it: what devices are offered comes from here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use time::format_description::well_known::Iso8601;

use super::catalog::{MODELS, Model};
use super::release::{IMPROVEMENTS, Improvement, Platform, Release, Version, releases};
use crate::clock::Timestamp;
use crate::error::{Error, Result};

/// One day.
const DAY: Duration = Duration::from_secs(86_400);

/// How long Apple signs a release after its posting, as it usually does, in days.
const SIGNED_DAYS: u32 = 180;

/// How long ago the releases of the newest generations came out, newest release first, in days: the first is fresh, the second is past a
/// deferral of two weeks, the fourth is about to expire, the sixth has expired.
const RECENT_AGES: [u32; 6] = [3, 16, 40, 176, 60, 190];

/// How long ago an improvement came out, in days.
const IMPROVEMENT_AGE: u32 = 8;

/// How far apart the last releases of old generations are, in days.
const OLD_AGE_STEP: u32 = 30;

/// The most releases that a list from outside may have.
const MAX_POSTINGS: usize = 5_000;

/// The platforms whose releases are posted.
const PLATFORMS: [Platform; 4] = [Platform::Ios, Platform::Tvos, Platform::Macos, Platform::Visionos];

/// One release, as it was posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The release.
    pub release: &'static Release,
    /// The beginning of the day, in UTC, on which it came out.
    pub posted_at: Timestamp,
    /// The end of the last day, in UTC, on which it can be installed; none: Apple has not said.
    pub expires_at: Option<Timestamp>,
    /// Everybody is offered it, not only managed devices.
    pub is_public: bool,
    /// The product names and board ids that it is for.
    pub devices: Vec<String>,
}

impl Posting {
    /// Whether it is for this model.
    pub fn is_for(&self, model: &Model) -> bool {
        self.release.platform == model.family.platform()
            && self.devices.iter().any(|device| device == model.product_name || device == model.software_update_device_id())
    }

    /// Whether Apple signs it at `now`.
    pub fn is_signed(&self, now: Timestamp) -> bool {
        self.posted_at <= now && self.expires_at.is_none_or(|end| now < end)
    }
}

/// All that is posted, oldest release of each platform first; a cheap copy shares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postings(Arc<[Posting]>);

impl Postings {
    /// The compiled releases, posted as if `now` were today: something fresh, something two weeks old, something about to expire.
    ///
    /// Their dates stay when time goes on: make one list when a world begins, and share it.
    pub fn as_of(now: Timestamp) -> Self {
        let today = Timestamp::from_seconds(now.seconds() - now.seconds().rem_euclid(DAY.as_secs() as i64));
        let posting = |release: &'static Release, age: u32, signed: Option<u32>, is_public| {
            let posted_at = today.minus(DAY * age);
            let devices = MODELS.iter().filter(|model| model.runs(release)).map(|model| model.software_update_device_id().to_owned());
            let expires_at = signed.map(|days| posted_at.plus(DAY * (days + 1)));
            Posting { release, posted_at, expires_at, is_public, devices: devices.collect() }
        };
        let mut all = Vec::new();
        for platform in PLATFORMS {
            let newest_first = releases(platform).iter().rev().enumerate();
            let mut listed: Vec<_> = newest_first
                .filter_map(|(index, release)| {
                    // Each generation has two releases; only the last one is public, and of an old one only the last is still there.
                    let is_last = index % 2 == 0;
                    match RECENT_AGES.get(index) {
                        Some(age) => Some(posting(release, *age, Some(SIGNED_DAYS).filter(|_| index != 4), is_last)),
                        None if is_last => Some(posting(release, OLD_AGE_STEP * (index as u32 + 1), None, true)),
                        None => None,
                    }
                })
                .collect();
            let improvements = IMPROVEMENTS.iter().filter(|release| release.platform == platform);
            listed.extend(improvements.map(|release| posting(release, IMPROVEMENT_AGE, Some(SIGNED_DAYS), true)));
            all.extend(listed);
        }
        Self::sorted(all)
    }

    fn sorted(mut all: Vec<Posting>) -> Self {
        all.sort_by_key(|posting| (posting.release.platform, posting.release.rank()));
        Self(all.into())
    }

    /// Reads a document in the form of Apple's lookup service.
    ///
    /// Entries whose version, build or day cannot be read are left out; more than five thousand are refused.
    pub fn parse(document: &Json) -> Result<Self> {
        let mut all: Vec<Posting> = Vec::new();
        for (set, is_public, is_improvement) in SETS {
            for (platform, entries) in document[set].as_object().into_iter().flatten() {
                for entry in entries.as_array().into_iter().flatten() {
                    for posting in read(platform, entry, is_public, is_improvement) {
                        match all.iter_mut().find(|other| other.release == posting.release) {
                            Some(other) => {
                                other.is_public |= is_public;
                                let more: Vec<_> = posting.devices.into_iter().filter(|device| !other.devices.contains(device)).collect();
                                other.devices.extend(more);
                            }
                            None => all.push(posting),
                        }
                        if all.len() > MAX_POSTINGS {
                            return Err(Error::bad_input(format!("the list has more than {MAX_POSTINGS} releases")));
                        }
                    }
                }
            }
        }
        Ok(Self::sorted(all))
    }

    /// All of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Posting> {
        self.0.iter()
    }

    /// The document of Apple's lookup service that tells of them.
    pub fn document(&self) -> Json {
        let mut sets: BTreeMap<&str, BTreeMap<&str, Vec<Json>>> = BTreeMap::new();
        for (set, ..) in &SETS[..3] {
            sets.insert(set, BTreeMap::from([("iOS", Vec::new()), ("macOS", Vec::new()), ("visionOS", Vec::new())]));
        }
        for posting in self.iter().rev() {
            let platform = set_platform(posting.release.platform);
            let mut tell = |set| sets.entry(set).or_default().entry(platform).or_default().push(entry(posting));
            if posting.release.improvement.is_some() {
                tell(IMPROVED);
                continue;
            }
            tell(MANAGED);
            if posting.is_public {
                tell(PUBLIC);
            }
        }
        json!(sets)
    }
}

/// What Apple's lookup service answers in a world that begins at `now`: the compiled releases, with something fresh, something two weeks old
/// and something about to expire. Devices that shall be offered the same get [`Postings::as_of`] the same moment.
pub fn lookup_document(now: Timestamp) -> Json {
    Postings::as_of(now).document()
}

const PUBLIC: &str = "PublicAssetSets";
const MANAGED: &str = "AssetSets";
const IMPROVED: &str = "PublicBackgroundSecurityImprovements";

/// The sets of the document: name, whether everybody is offered it, whether it has improvements. The last one is an older name.
const SETS: [(&str, bool, bool); 4] =
    [(PUBLIC, true, false), (MANAGED, false, false), (IMPROVED, true, true), ("PublicRapidSecurityResponses", true, true)];

/// The platform as the document spells it; Apple TVs are under iOS.
fn set_platform(platform: Platform) -> &'static str {
    match platform {
        Platform::Macos => "macOS",
        Platform::Visionos => "visionOS",
        _ => "iOS",
    }
}

fn entry(posting: &Posting) -> Json {
    let day = |moment: Timestamp| moment.utc().date().to_string();
    let mut entry = Map::new();
    let release = posting.release;
    entry.insert("ProductVersion".into(), json!(release.text));
    entry.insert("Build".into(), json!(release.full_build()));
    entry.insert("PostingDate".into(), json!(day(posting.posted_at)));
    if let Some(end) = posting.expires_at {
        entry.insert("ExpirationDate".into(), json!(day(end.minus(DAY))));
    }
    entry.insert("SupportedDevices".into(), json!(posting.devices));
    if let Some(improvement) = release.improvement {
        entry.insert("ProductVersionExtra".into(), json!(improvement.extra));
        entry.insert("PrerequisiteBuild".into(), json!(release.build));
    }
    Json::Object(entry)
}

/// Reads one entry; an iOS entry is one release for iPhones and iPads and another for Apple TVs.
fn read(platform: &str, entry: &Json, is_public: bool, is_improvement: bool) -> Vec<Posting> {
    let text = |key: &str| entry[key].as_str();
    let day = |key: &str| {
        let date = time::Date::parse(text(key)?, &Iso8601::DATE).ok()?;
        Some(Timestamp::from(date.midnight().assume_utc()))
    };
    let (Some(version), Some(posted_at)) = (text("ProductVersion"), day("PostingDate")) else { return Vec::new() };
    let build = text("Build").unwrap_or_default();
    let improvement = match (is_improvement, text("ProductVersionExtra"), text("PrerequisiteBuild")) {
        (false, ..) => None,
        (true, Some(extra), Some(prerequisite)) => Some((extra, prerequisite)),
        (true, ..) => return Vec::new(),
    };
    let mut by_platform: BTreeMap<Platform, Vec<String>> = BTreeMap::new();
    for device in entry["SupportedDevices"].as_array().into_iter().flatten().filter_map(Json::as_str) {
        let of_entry = match (platform, Platform::of_product(device)) {
            ("macOS", _) => Platform::Macos,
            ("visionOS" | "xrOS", _) => Platform::Visionos,
            (_, Platform::Tvos) => Platform::Tvos,
            (_, Platform::Ios) => Platform::Ios,
            _ => continue,
        };
        by_platform.entry(of_entry).or_default().push(device.to_owned());
    }
    let expires_at = day("ExpirationDate").map(|last| last.plus(DAY));
    let postings = by_platform.into_iter().filter_map(|(platform, devices)| {
        let release = known(platform, version, build, improvement)?;
        Some(Posting { release, posted_at, expires_at, is_public, devices })
    });
    postings.collect()
}

/// The release of these words: a compiled one, or one that is remembered from now on; a release is the same for the life of the program.
fn known(platform: Platform, version: &str, build: &str, improvement: Option<(&str, &str)>) -> Option<&'static Release> {
    static OTHERS: Mutex<Vec<&'static Release>> = Mutex::new(Vec::new());
    let number = Version::parse(version)?;
    let is_it = |release: &&'static Release| {
        release.platform == platform
            && release.text == version
            && release.full_build() == build
            && release.improvement.map(|own| (own.extra, release.build)) == improvement
    };
    let mut others = OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut found = releases(platform).iter().chain(IMPROVEMENTS).chain(others.iter().copied());
    if let Some(release) = found.find(is_it) {
        return Some(release);
    }
    let keep = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
    let release = Release {
        platform,
        version: number,
        text: keep(version),
        build: keep(improvement.map_or(build, |(_, prerequisite)| prerequisite)),
        improvement: improvement.map(|(extra, _)| Improvement { extra: keep(extra), build: keep(build) }),
    };
    let release: &'static Release = Box::leak(Box::new(release));
    others.push(release);
    Some(release)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::model::model;

    fn now() -> Timestamp {
        Timestamp::parse("2026-11-25T08:00:00Z").unwrap()
    }

    #[test]
    fn there_is_something_fresh_something_two_weeks_old_and_something_about_to_expire() {
        let postings = Postings::as_of(now());
        for platform in PLATFORMS {
            let age = |posting: &&Posting| now().since(posting.posted_at).as_secs() / DAY.as_secs();
            let of: Vec<_> = postings.iter().filter(|posting| posting.release.platform == platform).collect();
            assert!(of.iter().any(|posting| age(posting) < 7), "{platform}");
            assert!(of.iter().any(|posting| (14..21).contains(&age(posting))), "{platform}");
            assert!(of.iter().any(|posting| posting.is_signed(now()) && !posting.is_signed(now().plus(DAY * 7))), "{platform}");
            assert!(of.iter().any(|posting| !posting.is_signed(now())), "{platform}");
            assert!(of.iter().any(|posting| posting.is_signed(now()) && posting.expires_at.is_none()), "{platform}");
        }
    }

    #[test]
    fn the_document_is_in_the_form_of_apples_service() {
        let document = lookup_document(now());
        let entry = |set: &str, platform: &str, build: &str| {
            let entries = document[set][platform].as_array().unwrap().iter();
            entries.clone().find(|entry| entry["Build"] == build).unwrap_or_else(|| panic!("{set} {platform} {build}")).clone()
        };
        let newest = entry(MANAGED, "iOS", "24B80");
        assert_eq!(newest["ProductVersion"], "27.1");
        assert_eq!((&newest["PostingDate"], &newest["ExpirationDate"]), (&json!("2026-11-22"), &json!("2027-05-21")));
        assert!(newest["SupportedDevices"].as_array().unwrap().contains(&json!("iPad13,18")));
        assert!(entry(MANAGED, "iOS", "24J580")["SupportedDevices"].as_array().unwrap().contains(&json!("AppleTV14,1")));
        assert!(entry(PUBLIC, "macOS", "26B80")["SupportedDevices"].as_array().unwrap().contains(&json!("J413AP")));
        assert!(entry(PUBLIC, "visionOS", "24N45")["SupportedDevices"].as_array().unwrap().contains(&json!("RealityDevice14,1")));
        assert!(entry(PUBLIC, "iOS", "16H81").get("ExpirationDate").is_none());
        let improvement = entry(IMPROVED, "iOS", "23B85610a");
        assert_eq!((&improvement["ProductVersionExtra"], &improvement["PrerequisiteBuild"]), (&json!("(a)"), &json!("23B85")));
        let managed_alone = document[PUBLIC]["iOS"].as_array().unwrap().iter().all(|entry| entry["Build"] != "24A340");
        assert!(managed_alone, "only the last release of a generation is public");
    }

    #[test]
    fn releases_end_where_the_hardware_does() {
        let postings = Postings::as_of(now());
        let of = |name: &str| {
            let model = model(name).unwrap();
            postings.iter().rev().filter(|posting| posting.is_for(model)).map(|posting| posting.release.full_text()).collect::<Vec<_>>()
        };
        assert_eq!(of("iPad4,1"), ["12.5.7"]);
        assert_eq!(of("iPad13,18"), ["27.1", "27.0", "26.1 (a)", "26.1", "26.0.1", "18.7.1", "18.2.1", "17.7.2", "16.7.10"]);
        assert_eq!(of("AppleTV14,1").first().unwrap(), "27.1");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let postings = Postings::as_of(now());
        assert!(Postings::parse(&postings.document()).unwrap() == postings, "the same list comes back");
    }

    #[test]
    fn a_list_from_outside_may_have_releases_that_are_not_compiled_in() {
        let entry = json!({ "ProductVersion": "27.4.1", "Build": "24E9", "PostingDate": "2026-11-01", "SupportedDevices": ["iPad13,18", "AppleTV14,1", "Watch7,1"] });
        let bad = json!({ "ProductVersion": "twenty", "Build": "24E9", "PostingDate": "2026-11-01", "SupportedDevices": ["iPad13,18"] });
        let document = json!({ "AssetSets": { "iOS": [entry, bad, 7] }, "Other": 1 });
        let postings = Postings::parse(&document).unwrap();
        let found: Vec<_> = postings.iter().map(|posting| (posting.release.platform, posting.release.text)).collect();
        assert_eq!(found, [(Platform::Ios, "27.4.1"), (Platform::Tvos, "27.4.1")]);
        assert!(postings.iter().next().unwrap().is_for(model("iPad13,18").unwrap()));
        assert!(!postings.iter().next().unwrap().is_for(model("iPad12,1").unwrap()));
        let again = Postings::parse(&document).unwrap();
        assert!(std::ptr::eq(postings.iter().next().unwrap().release, again.iter().next().unwrap().release));
    }

    #[test]
    fn an_endless_list_is_refused() {
        let entry = |number: usize| json!({ "ProductVersion": format!("27.9.{number}"), "Build": "24Z1", "PostingDate": "2026-11-01", "SupportedDevices": ["iPad13,18"] });
        let list = |count: usize| json!({ "AssetSets": { "iOS": (0..count).map(entry).collect::<Vec<_>>() } });
        assert!(Postings::parse(&list(10)).is_ok());
        assert!(Postings::parse(&list(MAX_POSTINGS + 1)).unwrap_err().to_string().contains("5000"));
    }
}
