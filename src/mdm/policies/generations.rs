//! What each generation of devices gets of a policy: computed from the mechanisms, version by version.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::catalogue::{self, Switch};
use super::ways::{self, Answer, PLATFORMS};
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;

/// Versions of a platform that get the same things by the same mechanisms.
#[derive(Debug, Clone)]
pub struct Generation {
    /// The platform.
    pub platform: Platform,
    /// The first version.
    pub from: OsVersion,
    /// The first version that is not of it any more; none for the newest.
    pub before: Option<OsVersion>,
    /// What it gets, by mechanism in words.
    pub gets: BTreeMap<String, Vec<&'static Switch>>,
    /// What it does not get.
    pub lacks: Vec<&'static Switch>,
}

/// The generations that get something of a policy's switches, platform by platform, newest first.
pub fn generations(settings: &Map<String, Value>) -> Vec<Generation> {
    let switches: Vec<_> = catalogue::all().filter(|switch| settings.contains_key(switch.id)).collect();
    PLATFORMS.into_iter().flat_map(|(_, platform, _)| of_platform(&switches, platform)).collect()
}

fn of_platform(switches: &[&'static Switch], platform: Platform) -> Vec<Generation> {
    let oldest = ways::oldest(platform);
    let ways = switches.iter().flat_map(|switch| switch.ways()).filter(|way| way.platform == platform);
    let mut bounds: BTreeSet<OsVersion> =
        ways.flat_map(|way| [Some(way.from), way.to]).flatten().filter(|bound| oldest.is_older_than(*bound)).collect();
    bounds.insert(oldest);
    let bounds: Vec<_> = bounds.into_iter().collect();
    let generation = |(at, from): (usize, &OsVersion)| {
        let mut generation =
            Generation { platform, from: *from, before: bounds.get(at + 1).copied(), gets: BTreeMap::new(), lacks: Vec::new() };
        for switch in switches {
            match ways::answer(switch, platform, *from) {
                Answer::Way(way) => generation.gets.entry(way.words()).or_default().push(switch),
                _ => generation.lacks.push(switch),
            }
        }
        generation
    };
    bounds.iter().enumerate().map(generation).filter(|generation| !generation.gets.is_empty()).rev().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_generation_is_told_by_which_mechanism_it_gets_what() {
        let settings = json!({ "app_allow_list": ["a.b"], "no_camera": true, "no_private_browsing": true });
        let all = generations(settings.as_object().unwrap());
        let told: Vec<_> = all
            .iter()
            .filter(|generation| generation.platform == Platform::Ios)
            .map(|generation| {
                let gets: Vec<_> = generation.gets.iter().map(|(how, what)| format!("{how}: {}", what.len())).collect();
                let before = generation.before.map_or_else(|| "newest".to_owned(), ways::short);
                format!("{} to {before}: {}; {} not", ways::short(generation.from), gets.join(", "), generation.lacks.len())
            })
            .collect();
        assert_eq!(
            told,
            [
                "27 to newest: declaration app.settings: 1, declaration safari.settings: 1, restrictions profile: 1; 0 not",
                "26 to 27: declaration safari.settings: 1, restrictions profile: 2; 0 not",
                "15 to 26: restrictions profile: 2; 1 not",
                "9.3 to 15: restrictions profile: 2; 1 not",
                "9 to 9.3: restrictions profile: 1; 2 not",
            ]
        );
        assert!(all.iter().any(|generation| generation.platform == Platform::Macos && generation.gets.len() == 2));
    }

    #[test]
    fn updates_are_held_back_by_restrictions_first_and_by_a_declaration_alone_later() {
        let settings = json!({ "hold_updates": 14 });
        let told: Vec<_> = generations(settings.as_object().unwrap())
            .iter()
            .map(|generation| {
                let before = generation.before.map_or_else(|| "newest".to_owned(), ways::short);
                let how = generation.gets.keys().cloned().collect::<Vec<_>>().join(", ");
                format!("{} {} to {before}: {how}", generation.platform.system(), ways::short(generation.from))
            })
            .collect();
        assert_eq!(
            told,
            [
                "iOS 18 to newest: declaration softwareupdate.settings",
                "iOS 11.3 to 18: restrictions profile",
                "macOS 15 to newest: declaration softwareupdate.settings",
                "macOS 11.3 to 15: restrictions profile",
                "macOS 10.13.4 to 11.3: restrictions profile",
                "tvOS 18.4 to newest: declaration softwareupdate.settings",
                "tvOS 12.2 to 18.4: restrictions profile",
                "visionOS 26 to newest: declaration softwareupdate.settings",
            ]
        );
        let words = ways::requirements(catalogue::find("hold_updates").unwrap()).join("; ");
        assert_eq!(
            words,
            "iPhone and iPad from iOS 11.3, supervised; Mac from macOS 10.13.4; Apple TV from tvOS 12.2, supervised; \
             Vision Pro from visionOS 26, supervised"
        );
    }

    #[test]
    fn what_is_told_of_a_generation_holds_for_each_of_its_versions() {
        let settings: Map<String, Value> = catalogue::all().map(|switch| (switch.id.to_owned(), json!(true))).collect();
        let all = generations(&settings);
        for generation in &all {
            let last = generation.before.map_or(OsVersion::new(27, 9, 9), |before| before);
            for (how, switches) in &generation.gets {
                for switch in switches {
                    let ways = switch.ways().iter().filter(|way| way.platform == generation.platform && way.words() == *how);
                    let holds = ways.into_iter().any(|way| {
                        way.serves(generation.from) && way.to.is_none_or(|to| generation.before.is_some() && last <= to || last < to)
                    });
                    assert!(holds, "{} {generation:?}", switch.id);
                }
            }
        }
        assert!(all.len() > 20, "{}", all.len());
    }

    #[test]
    fn what_a_switch_needs_is_said_in_a_line_for_each_platform() {
        let said = |id: &str| ways::requirements(catalogue::find(id).unwrap()).join("; ");
        assert_eq!(
            said("no_private_browsing"),
            "iPhone and iPad from iOS 26, supervised; Mac from macOS 26; Vision Pro from visionOS 26, supervised"
        );
        assert_eq!(said("no_app_installation"), "iPhone and iPad, supervised from 13; Vision Pro from visionOS 2, supervised");
        assert_eq!(said("open_in_pasteboard"), "iPhone and iPad from iOS 15; Vision Pro from visionOS 2");
        assert!(said("no_camera").starts_with("iPhone and iPad, not people's own; Mac;"), "{}", said("no_camera"));
    }
}
