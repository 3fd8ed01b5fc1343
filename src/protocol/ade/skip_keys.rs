//! Panes of Setup Assistant that can be left out, system by system.

use std::sync::LazyLock;

use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;

/// A pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkipKey {
    /// Apple's word for it.
    pub key: &'static str,
    /// What people call it, in English.
    pub words: &'static str,
    /// The systems that have it.
    systems: Vec<System>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct System {
    platform: Platform,
    since: OsVersion,
    deprecated: Option<OsVersion>,
    removed: Option<OsVersion>,
}

impl SkipKey {
    /// Whether a system has this pane, in any version that is not long gone.
    pub fn is_for(&self, platform: Platform) -> bool {
        self.systems.iter().any(|system| system.platform == platform)
    }

    /// Whether no system has it any more that Apple still advises.
    pub fn is_deprecated(&self) -> bool {
        self.systems.iter().all(|system| system.deprecated.is_some() || system.removed.is_some())
    }

    /// The versions that have it, for people: "iPadOS and iOS 13, macOS 10.14".
    pub fn versions(&self) -> String {
        let name = |platform| match platform {
            Platform::Macos => "macOS",
            Platform::Tvos => "tvOS",
            Platform::Visionos => "visionOS",
            _ => t!("iOS and iPadOS"),
        };
        let short = |version: OsVersion| version.to_string().trim_end_matches(".0").to_owned();
        let until = |system: &System| system.removed.map(|end| t!(" until {end}", end = short(end))).unwrap_or_default();
        let words = |system: &System| format!("{} {}{}", name(system.platform), short(system.since), until(system));
        let all: Vec<_> = self.systems.iter().map(words).collect();
        all.join(", ")
    }
}

/// Every pane, in the order of Apple's words.
pub fn skip_keys() -> &'static [SkipKey] {
    static KEYS: LazyLock<Vec<SkipKey>> = LazyLock::new(|| include_str!("skip_keys.txt").lines().filter_map(line).collect());
    &KEYS
}

/// The pane with Apple's word for it.
pub fn skip_key(key: &str) -> Option<&'static SkipKey> {
    skip_keys().iter().find(|known| known.key == key)
}

fn line(line: &'static str) -> Option<SkipKey> {
    let (facts, words) = line.split_once(" | ").filter(|_| !line.starts_with('#'))?;
    let mut facts = facts.split(' ');
    Some(SkipKey { key: facts.next()?, words, systems: facts.filter_map(system).collect() })
}

fn system(text: &str) -> Option<System> {
    let (letter, versions) = text.split_once('=')?;
    let platform = match letter {
        "i" => Platform::Ios,
        "m" => Platform::Macos,
        "t" => Platform::Tvos,
        "v" => Platform::Visionos,
        _ => return None,
    };
    let (versions, removed) = versions.split_once('!').map_or((versions, None), |(rest, end)| (rest, Some(OsVersion::parse(end))));
    let (since, deprecated) = versions.split_once('~').map_or((versions, None), |(rest, end)| (rest, Some(OsVersion::parse(end))));
    Some(System { platform, since: OsVersion::parse(since), deprecated, removed })
}
