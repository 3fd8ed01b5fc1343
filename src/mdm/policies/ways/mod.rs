//! Which mechanism serves which system, for every switch: read from the catalogue, asked by platform and version.
//!
//! A line of a switch's ways is `ranges mechanism keys`:
//!
//! * ranges: `i9.3..15` from iOS 9.3 on and before 15, `m13..` from macOS 13 on; i iOS and iPadOS, m macOS, t tvOS, v visionOS
//! * mechanism: `restrict`, `domains`, `passcode`, `updates` (the payloads), or `declare safari.settings` (a configuration)
//! * keys: `allowCamera=false`, `Mode=AlwaysOff`; `=$` for the switch's own value, `=$on` for whether that is `AlwaysOn`; `?` before a key that
//!   another switch of the same policy may loosen

use std::collections::HashMap;
use std::sync::LazyLock;

use super::catalogue::{self, Switch};
use crate::language::say;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::protocol::restrictions::{self, DOMAINS, Fact, PASSCODE, RESTRICTIONS, SOFTWARE_UPDATE};

/// What every type of a configuration begins with.
pub const CONFIGURATION: &str = "com.apple.configuration.";

/// The value of a switch that has something done always, and that of one that never has.
pub const ALWAYS_ON: &str = "AlwaysOn";
/// See [`ALWAYS_ON`].
pub const ALWAYS_OFF: &str = "AlwaysOff";

/// Whether a device takes only one payload of a type, so that what ends by itself cannot have one of its own.
pub fn is_single(payload_type: &str) -> bool {
    matches!(payload_type, DOMAINS | SOFTWARE_UPDATE)
}

/// The platforms that policies reach, with their letter and their name for people.
pub const PLATFORMS: [(char, Platform, &str); 4] = [
    ('i', Platform::Ios, msg!("iPhone and iPad")),
    ('m', Platform::Macos, "Mac"),
    ('t', Platform::Tvos, msg!("Apple TV")),
    ('v', Platform::Visionos, msg!("Vision Pro")),
];

/// A version as people say it: 15, not 15.0.
pub fn short(version: OsVersion) -> String {
    let text = version.to_string();
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

/// A mechanism for the versions of one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The platform.
    pub platform: Platform,
    /// The first version that gets it so.
    pub from: OsVersion,
    /// The first version that does not any more.
    pub to: Option<OsVersion>,
    /// The payload type or the type of the configuration.
    pub of_type: String,
    /// Whether it is a declaration.
    pub declared: bool,
    /// What is set.
    pub keys: Vec<Key>,
}

/// A key of a mechanism.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its name; those within dictionaries of a declaration are joined by dots.
    pub name: &'static str,
    /// What it is set to.
    pub value: KeyValue,
    /// Whether another switch of the same policy may say otherwise.
    pub by_default: bool,
}

/// What a key is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyValue {
    /// Always this.
    Flag(bool),
    /// Always this word.
    Word(&'static str),
    /// Whether the value of the switch is [`ALWAYS_ON`].
    IsOn,
    /// The value of the switch.
    Own,
}

impl Way {
    /// Whether a version gets it so.
    pub fn serves(&self, version: OsVersion) -> bool {
        version.is_at_least(self.from) && self.to.is_none_or(|to| version.is_older_than(to))
    }

    /// What is known of its keys, those first that the switch is about.
    pub fn facts(&self) -> impl Iterator<Item = (&Key, &'static Fact)> {
        self.keys.iter().filter_map(|key| Some((key, restrictions::fact(&self.of_type, key.name)?)))
    }

    /// The mechanism in words.
    pub fn words(&self) -> String {
        match self.of_type.as_str() {
            RESTRICTIONS => String::from(t!("restrictions profile")),
            DOMAINS => String::from(t!("domains profile")),
            PASSCODE => String::from(t!("passcode profile")),
            SOFTWARE_UPDATE => String::from(t!("software update profile")),
            other => t!("declaration {other}", other = other.trim_start_matches(CONFIGURATION)),
        }
    }
}

/// What a switch needs, one line for each platform that has it: `iPhone and iPad from iOS 15, supervised`.
pub fn requirements(switch: &Switch) -> Vec<String> {
    let line = |(_, platform, name): &(char, Platform, &'static str)| {
        let ways: Vec<_> = switch.ways().iter().filter(|way| way.platform == *platform).collect();
        let first = ways.first()?.from;
        let needed = |way: &&'static Way| way.facts().filter(|(key, _)| !key.by_default).map(|(_, fact)| fact);
        let not_own = || ways.iter().next_back().is_some_and(|way| needed(way).any(|fact| !fact.in_user_enrollment(*platform)));
        let since = if oldest(*platform).is_older_than(first) {
            t!(" from {system} {first}", system = platform.system(), first = short(first))
        } else {
            String::new()
        };
        let on_top = match ways.iter().flat_map(needed).filter_map(|fact| fact.supervised(*platform)).min() {
            Some(from) if first.is_older_than(from) && oldest(*platform).is_older_than(from) => {
                t!(", supervised from {from}", from = short(from))
            }
            Some(_) => String::from(t!(", supervised")),
            None if *platform == Platform::Ios && not_own() => String::from(t!(", not people's own")),
            None => String::new(),
        };
        Some(format!("{}{since}{on_top}", say(name)))
    };
    PLATFORMS.iter().filter_map(line).collect()
}

/// The oldest version of a platform that is looked at here; older ones are out of use.
pub const fn oldest(platform: Platform) -> OsVersion {
    match platform {
        Platform::Ios => OsVersion::new(9, 0, 0),
        Platform::Macos => OsVersion::new(10, 13, 0),
        Platform::Tvos => OsVersion::new(11, 0, 0),
        _ => OsVersion::new(1, 0, 0),
    }
}

/// How a switch reaches a version of a platform: by one mechanism, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// So.
    Way(&'static Way),
    /// The platform never had it.
    Never,
    /// Only from this version on.
    TooOld(OsVersion),
    /// No more from this version on.
    Gone(OsVersion),
    /// The version is not known yet.
    Unknown,
}

/// Which mechanism serves a version of a platform: exactly one answer for each.
pub fn answer(switch: &Switch, platform: Platform, version: OsVersion) -> Answer {
    let mut ways = switch.ways().iter().filter(|way| way.platform == platform).peekable();
    let Some(first) = ways.peek().map(|way| way.from) else { return Answer::Never };
    if !version.is_known() {
        return Answer::Unknown;
    }
    if version.is_older_than(first) {
        return Answer::TooOld(first);
    }
    let (mut gone, mut next) = (first, None);
    for way in ways {
        if way.serves(version) {
            return Answer::Way(way);
        }
        match way.to.filter(|to| version.is_at_least(*to)) {
            Some(to) => gone = to,
            None => next = next.or(Some(way.from)),
        }
    }
    next.map_or(Answer::Gone(gone), Answer::TooOld)
}

/// The mechanism before `way` on its platform, if this version still has all its keys: for devices that say they lack a declaration's type.
pub fn earlier(switch: &Switch, way: &Way, version: OsVersion) -> Option<&'static Way> {
    let mut before = switch.ways().iter().filter(|other| other.platform == way.platform && !other.declared && other.to == Some(way.from));
    before
        .next_back()
        .filter(|other| other.facts().all(|(_, fact)| fact.removed(way.platform).is_none_or(|gone| version.is_older_than(gone))))
}

static WAYS: LazyLock<HashMap<&'static str, Vec<Way>>> = LazyLock::new(|| {
    let read = |switch: &Switch| {
        let mut ways: Vec<Way> = switch.ways.iter().filter_map(|line| read(line)).flatten().collect();
        ways.sort_by_key(|way| (way.platform, way.from));
        ways
    };
    catalogue::all().map(|switch| (switch.id, read(switch))).collect()
});

/// The mechanisms of a switch, by platform and version.
pub(super) fn of(id: &str) -> &'static [Way] {
    WAYS.get(id).map(Vec::as_slice).unwrap_or_default()
}

/// Reads one line; none where it is not written as the head of this file says.
fn read(line: &'static str) -> Option<Vec<Way>> {
    let mut words = line.split_whitespace().peekable();
    let mut ranges = Vec::new();
    while let Some(range) = words.peek().filter(|word| word.contains("..")) {
        ranges.push(read_range(range)?);
        words.next();
    }
    let (of_type, declared) = match words.next()? {
        "restrict" => (RESTRICTIONS.to_owned(), false),
        "domains" => (DOMAINS.to_owned(), false),
        "passcode" => (PASSCODE.to_owned(), false),
        "updates" => (SOFTWARE_UPDATE.to_owned(), false),
        "declare" => (format!("{CONFIGURATION}{}", words.next()?), true),
        _ => return None,
    };
    let keys = words.map(read_key).collect::<Option<Vec<_>>>()?;
    if ranges.is_empty() || keys.is_empty() {
        return None;
    }
    let way = |(platform, from, to)| Way { platform, from, to, of_type: of_type.clone(), declared, keys: keys.clone() };
    Some(ranges.into_iter().map(way).collect())
}

fn read_range(range: &str) -> Option<(Platform, OsVersion, Option<OsVersion>)> {
    let letter = range.chars().next()?;
    let (_, platform, _) = PLATFORMS.into_iter().find(|(known, ..)| *known == letter)?;
    let (from, to) = range[letter.len_utf8()..].split_once("..")?;
    let version = |text: &str| Some(OsVersion::parse(text)).filter(|version| version.is_known());
    let to = if to.is_empty() { None } else { Some(version(to)?) };
    Some((platform, version(from)?, to))
}

fn read_key(word: &'static str) -> Option<Key> {
    let (word, by_default) = word.strip_prefix('?').map_or((word, false), |word| (word, true));
    let (name, value) = word.split_once('=')?;
    let value = match value {
        "true" => KeyValue::Flag(true),
        "false" => KeyValue::Flag(false),
        "$" => KeyValue::Own,
        "$on" => KeyValue::IsOn,
        word if word.starts_with(char::is_uppercase) => KeyValue::Word(word),
        _ => return None,
    };
    Some(Key { name, value, by_default })
}

#[cfg(test)]
mod tests;
