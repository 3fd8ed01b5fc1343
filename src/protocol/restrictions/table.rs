//! Reads the table of keys that restrict a device.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;

/// The platforms that the table has a column for, in its order.
const PLATFORMS: [(char, Platform); 5] =
    [('i', Platform::Ios), ('m', Platform::Macos), ('t', Platform::Tvos), ('v', Platform::Visionos), ('w', Platform::Watchos)];

/// One value for each platform.
type PerPlatform<T> = [T; PLATFORMS.len()];

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// Yes or no.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Real,
    /// Text.
    Text,
    /// A list of text.
    List,
    /// Keys of its own.
    Dict,
}

/// How two wishes for one key become one: the more restrictive holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combine {
    /// False wins: what is allowed.
    And,
    /// True wins: what is forced.
    Or,
    /// The greater number.
    Max,
    /// The smaller number.
    Min,
    /// Only what is on every list: what is allowed.
    Intersection,
    /// Whatever is on a list: what is blocked.
    Union,
    /// No value is more restrictive than another; the first in a fixed order holds, so that the answer does not depend on who comes first.
    Any,
}

/// Which channel a key goes to where a device has two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place {
    /// The device's own channel; keys that both take are sent there.
    #[default]
    Either,
    /// The device's own channel only.
    Device,
    /// That of a person who logs in only.
    User,
}

/// What is known of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The payload type or declaration type.
    pub of_type: &'static str,
    /// The key; those within dictionaries of a declaration are joined by dots.
    pub key: &'static str,
    /// What it holds.
    pub value_type: ValueType,
    /// What a device does without it, as the table spells it; empty where it does nothing.
    pub default: &'static str,
    /// How two wishes become one.
    pub combine: Combine,
    /// Where it goes on a Mac.
    pub mac: Place,
    /// Where it goes on a Shared iPad; nowhere where that refuses or ignores it.
    pub shared_ipad: Option<Place>,
    since: PerPlatform<Option<OsVersion>>,
    deprecated: PerPlatform<Option<OsVersion>>,
    removed: PerPlatform<Option<OsVersion>>,
    supervised: PerPlatform<Option<OsVersion>>,
    user_enrollment: PerPlatform<bool>,
}

impl Fact {
    /// The first version that has it.
    pub fn since(&self, platform: Platform) -> Option<OsVersion> {
        self.since[index(platform)?]
    }

    /// The version from which Apple advises against it.
    pub fn deprecated(&self, platform: Platform) -> Option<OsVersion> {
        self.deprecated[index(platform)?]
    }

    /// The first version that has it no more.
    pub fn removed(&self, platform: Platform) -> Option<OsVersion> {
        self.removed[index(platform)?]
    }

    /// The version from which the device must be supervised.
    pub fn supervised(&self, platform: Platform) -> Option<OsVersion> {
        self.supervised[index(platform)?]
    }

    /// Whether a person's own device takes it.
    pub fn in_user_enrollment(&self, platform: Platform) -> bool {
        index(platform).is_some_and(|index| self.user_enrollment[index])
    }

    /// The key in words: `allowAirDrop` is "allow AirDrop", `Apps.Mail.AllowSummary` is "allow summary (Apps, Mail)".
    pub fn words(&self) -> String {
        let (within, name) = self.key.rsplit_once('.').map_or((None, self.key), |(within, name)| (Some(within), name));
        let within = within.map(|within| format!(" ({})", within.replace('.', ", "))).unwrap_or_default();
        format!("{}{within}", in_words(name))
    }

    /// Takes one `key=value` of a row.
    fn set(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "removed" => self.removed = [Some(version_of(value)?); PLATFORMS.len()],
            "supervised" => {
                for part in value.split(',') {
                    let (index, version) = platform_of(part)?;
                    let from = if version.is_empty() { self.since[index] } else { version_of(version) };
                    self.supervised[index] = Some(from?);
                }
            }
            "byod" => {
                for part in value.split(',') {
                    self.user_enrollment[platform_of(part)?.0] = true;
                }
            }
            "mac" => self.mac = place_of(value)?,
            "shared" => self.shared_ipad = if value == "no" { None } else { Some(place_of(value)?) },
            _ => {
                let (index, "") = platform_of(key)? else { return None };
                let (since, deprecated) = value.split_once('~').map_or((value, None), |(since, from)| (since, Some(from)));
                self.since[index] = Some(version_of(since)?);
                self.deprecated[index] = deprecated.map(|from| version_of(from).ok_or(())).transpose().ok()?;
            }
        }
        Some(())
    }
}

/// Parts an identifier into words; names like AirDrop and iCloud stay whole.
fn in_words(name: &str) -> String {
    const NAMES: [&str; 18] = [
        "AirDrop",
        "AirPlay",
        "AirPrint",
        "FaceTime",
        "Siri",
        "Safari",
        "iTunes",
        "iPhone",
        "iBeacon",
        "BundleIDs",
        "AppIDs",
        "Game",
        "ESIM",
        "USB",
        "VPN",
        "NFC",
        "PIN",
        "TLS",
    ];
    let mut words: Vec<String> = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        if let Some(whole) = NAMES.iter().find(|known| rest.starts_with(**known)) {
            words.push((*whole).to_owned());
            rest = &rest[whole.len()..];
            continue;
        }
        let capitals = rest.chars().take_while(char::is_ascii_uppercase).count();
        let end = if capitals > 1 {
            let all = rest.len() == capitals;
            if all { capitals } else { capitals - 1 }
        } else {
            let from = first.len_utf8();
            rest[from..].find(|letter: char| letter.is_ascii_uppercase()).map_or(rest.len(), |at| from + at)
        };
        let word = &rest[..end];
        words.push(if capitals > 1 { word.to_owned() } else { word.to_lowercase() });
        rest = &rest[end..];
    }
    words.join(" ")
}

fn index(platform: Platform) -> Option<usize> {
    PLATFORMS.iter().position(|(_, known)| *known == platform)
}

/// Parts `m26` into the platform's place and the rest.
fn platform_of(part: &str) -> Option<(usize, &str)> {
    let letter = part.chars().next()?;
    let index = PLATFORMS.iter().position(|(known, _)| *known == letter)?;
    Some((index, &part[letter.len_utf8()..]))
}

fn place_of(word: &str) -> Option<Place> {
    match word {
        "D" => Some(Place::Device),
        "U" => Some(Place::User),
        _ => None,
    }
}

fn version_of(text: &str) -> Option<OsVersion> {
    Some(OsVersion::parse(text)).filter(|version| version.is_known())
}

/// Reads a row; none where it is not written as the head of the table says.
fn read_row(of_type: &'static str, row: &'static str) -> Option<Fact> {
    let mut words = row.split(' ');
    let key = words.next()?;
    let value_type = match words.next()? {
        "bool" => ValueType::Bool,
        "int" => ValueType::Int,
        "real" => ValueType::Real,
        "text" => ValueType::Text,
        "list" => ValueType::List,
        "dict" => ValueType::Dict,
        _ => return None,
    };
    let default = Some(words.next()?).filter(|default| *default != "-").unwrap_or_default();
    let combine = match (words.next()?, value_type) {
        ("and", ValueType::Bool) => Combine::And,
        ("or", ValueType::Bool) => Combine::Or,
        ("max", ValueType::Int) => Combine::Max,
        ("min", ValueType::Int) => Combine::Min,
        ("intersection", ValueType::List) => Combine::Intersection,
        ("union", ValueType::List) => Combine::Union,
        ("any", _) => Combine::Any,
        _ => return None,
    };
    let mut fact = Fact {
        of_type,
        key,
        value_type,
        default,
        combine,
        mac: Place::Either,
        shared_ipad: Some(Place::Either),
        since: Default::default(),
        deprecated: Default::default(),
        removed: Default::default(),
        supervised: Default::default(),
        user_enrollment: Default::default(),
    };
    for word in words {
        let (name, value) = word.split_once('=')?;
        fact.set(name, value)?;
    }
    Some(fact)
}

/// The rows of the table with the type that they belong to.
fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut of_type = "";
    include_str!("table.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')).filter_map(move |line| {
        match line.strip_prefix("payload ").or_else(|| line.strip_prefix("declaration ")) {
            Some(next) => {
                of_type = next;
                None
            }
            None => Some((of_type, line)),
        }
    })
}

static TABLE: LazyLock<Vec<Fact>> = LazyLock::new(|| rows().filter_map(|(of_type, row)| read_row(of_type, row)).collect());

static BY_KEY: LazyLock<HashMap<(&'static str, &'static str), usize>> =
    LazyLock::new(|| TABLE.iter().enumerate().map(|(place, fact)| ((fact.of_type, fact.key), place)).collect());

/// Everything that is known, in the table's order.
pub fn all() -> &'static [Fact] {
    &TABLE
}

/// Looks a key up.
pub(super) fn find(of_type: &str, key: &str) -> Option<&'static Fact> {
    BY_KEY.get(&(of_type, key) as &(&str, &str)).map(|place| &TABLE[*place])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_written_as_the_head_says_and_stands_there_once() {
        for (of_type, row) in rows() {
            let fact = read_row(of_type, row).unwrap_or_else(|| panic!("{of_type}: {row}"));
            assert!(of_type.starts_with("com.apple.") && fact.since.iter().any(Option::is_some), "{row}");
        }
        assert_eq!((TABLE.len(), BY_KEY.len()), (rows().count(), rows().count()));
    }

    #[test]
    fn keys_are_said_in_words() {
        for (key, words) in [
            ("allowAirDrop", "allow AirDrop"),
            ("allowListedAppBundleIDs", "allow listed app BundleIDs"),
            ("forcePIN", "force PIN"),
            ("maxPINAgeInDays", "max PIN age in days"),
            ("RequirePasscode", "require passcode"),
            ("allowOTAPKIUpdates", "allow OTAPKI updates"),
        ] {
            assert_eq!(in_words(key), words);
        }
        assert_eq!(
            find("com.apple.configuration.intelligence.settings", "Apps.Mail.AllowSummary").unwrap().words(),
            "allow summary (Apps, Mail)"
        );
    }
}
