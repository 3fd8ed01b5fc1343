//! Versions of operating systems, in one total order; odd ones are unknown and never cause anything.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::platform::Platform;

/// The most numbers a version has; Apple's have one to three.
const MAX_NUMBERS: usize = 4;

/// The most letters of an addition like `(a)`.
const MAX_LETTERS: usize = 3;

/// Names that may stand before a version.
const FAMILIES: [&str; 7] = ["iOS", "iPadOS", "macOS", "OS X", "tvOS", "visionOS", "watchOS"];

/// A version such as `26`, `26.1.1` or `26.1 (a)`; `26`, `26.0` and `26.0.0` are equal.
///
/// Text that is none of these is the unknown version. It sorts before all others, so that lists have an order, but it is neither older nor
/// newer than anything: ask [`OsVersion::is_older_than`] and [`OsVersion::is_at_least`] where something depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct OsVersion(Option<Known>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Known {
    numbers: [u32; MAX_NUMBERS],
    /// The letters of a background security improvement or rapid security response as a number: 0 none, 1 a, 26 z, 27 aa.
    extra: u32,
}

impl OsVersion {
    /// The version that is not known.
    pub const UNKNOWN: Self = Self(None);

    /// The first version of the generation that a build is of: `22B83` of an iPhone is iOS 18. Nothing where the build is none, or of a system whose builds
    /// are numbered otherwise.
    pub fn of_build(platform: Platform, build: &str) -> Option<Self> {
        let digits = build.len() - build.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        let number: u32 = build[..digits].parse().ok()?;
        // The number of the kernel's generation; from 2025 on systems count by years.
        let major = match platform {
            Platform::Ios | Platform::Tvos => match number {
                13..=22 => number - 4,
                23..=40 => number + 3,
                _ => return None,
            },
            Platform::Macos => match number {
                20..=24 => number - 9,
                25..=40 => number + 1,
                _ => return None,
            },
            Platform::Visionos => match number {
                21..=22 => number - 20,
                23..=40 => number + 3,
                _ => return None,
            },
            Platform::Watchos | Platform::Unknown => return None,
        };
        (build.len() > digits).then(|| Self::new(major, 0, 0))
    }

    /// The version `major.minor.patch`.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self(Some(Known { numbers: [major, minor, patch, 0], extra: 0 }))
    }

    /// Reads a version; what is none becomes [`OsVersion::UNKNOWN`].
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        let text = FAMILIES.iter().find_map(|family| text.strip_prefix(family)?.strip_prefix(' ')).unwrap_or(text).trim_start();
        let (numbers, extra) = match text.split_once('(') {
            Some((numbers, extra)) => match extra.strip_suffix(')') {
                Some(letters) => (numbers.trim_end(), letters),
                None => return Self::UNKNOWN,
            },
            None => (text, ""),
        };
        Self(read_numbers(numbers).and_then(|numbers| Some(Known { numbers, extra: read_letters(extra)? })))
    }

    /// Adds what a device tells apart from its version (`SupplementalOSVersionExtra`), for example `(a)`; what is none changes nothing.
    #[must_use]
    pub fn with_extra(self, text: &str) -> Self {
        let text = text.trim();
        let letters = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).unwrap_or(text);
        match (self.0, read_letters(letters)) {
            (Some(known), Some(extra)) if extra > 0 => Self(Some(Known { extra, ..known })),
            _ => self,
        }
    }

    /// The same without the letters of an improvement: what that improves.
    #[must_use]
    pub fn without_extra(self) -> Self {
        Self(self.0.map(|known| Known { extra: 0, ..known }))
    }

    /// Whether the version is known.
    pub const fn is_known(self) -> bool {
        self.0.is_some()
    }

    /// Whether it is a background security improvement or rapid security response to another.
    pub fn is_improvement(self) -> bool {
        self.0.is_some_and(|known| known.extra > 0)
    }

    /// The first number.
    pub fn major(self) -> Option<u32> {
        self.0.map(|known| known.numbers[0])
    }

    /// Whether both are known and this one comes before `other`.
    pub fn is_older_than(self, other: Self) -> bool {
        self.compare(other) == Some(Ordering::Less)
    }

    /// Whether both are known and this one is `other` or comes after it.
    pub fn is_at_least(self, other: Self) -> bool {
        self.compare(other).is_some_and(Ordering::is_ge)
    }

    /// How they compare, where both are known.
    pub fn compare(self, other: Self) -> Option<Ordering> {
        Some(self.0?.cmp(&other.0?))
    }
}

fn read_numbers(text: &str) -> Option<[u32; MAX_NUMBERS]> {
    let mut numbers = [0; MAX_NUMBERS];
    for (index, part) in text.split('.').enumerate() {
        // `parse` alone would also take a sign.
        if !part.bytes().all(|letter| letter.is_ascii_digit()) {
            return None;
        }
        *numbers.get_mut(index)? = part.parse().ok()?;
    }
    Some(numbers)
}

fn read_letters(text: &str) -> Option<u32> {
    let text = text.trim();
    if text.len() > MAX_LETTERS || !text.bytes().all(|letter| letter.is_ascii_alphabetic()) {
        return None;
    }
    Some(text.bytes().fold(0, |number, letter| number * 26 + u32::from(letter.to_ascii_lowercase() - b'a') + 1))
}

impl fmt::Display for OsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(known) = self.0 else { return f.write_str("unknown") };
        let shown = known.numbers.iter().rposition(|number| *number != 0).map_or(2, |last| (last + 1).max(2));
        for (index, number) in known.numbers[..shown].iter().enumerate() {
            write!(f, "{}{number}", if index == 0 { "" } else { "." })?;
        }
        if known.extra == 0 {
            return Ok(());
        }
        let mut letters = Vec::new();
        let mut rest = known.extra;
        while rest > 0 {
            letters.push(char::from(b'a' + ((rest - 1) % 26) as u8));
            rest = (rest - 1) / 26;
        }
        write!(f, " ({})", letters.into_iter().rev().collect::<String>())
    }
}

impl Serialize for OsVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for OsVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::parse(&text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(text: &str) -> OsVersion {
        let version = OsVersion::parse(text);
        assert!(version.is_known(), "{text:?}");
        version
    }

    #[test]
    fn zeros_at_the_end_do_not_count() {
        assert_eq!(version("26"), version("26.0"));
        assert_eq!(version("26.0"), version("26.0.0"));
        assert_eq!(version("26.0.0").to_string(), "26.0");
    }

    #[test]
    fn numbers_count_and_letters_come_between() {
        let ascending = ["9.3.6", "10.0.2", "15.3.2", " 17.5 ", "26", "26.1", "26.1(a)", "26.1 (b)", "26.1 (aa)", "26.1.1", "27"];
        for pair in ascending.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
            assert!(version(pair[0]).is_older_than(version(pair[1])), "{pair:?}");
        }
        assert_eq!(version("26.1 (a)"), version("26.1(a)"));
        assert_eq!(version("26.1").with_extra("(a)"), version("26.1 (a)"));
        assert_eq!(version("26.1").with_extra(""), version("26.1"));
        assert_eq!(version("macOS 13.3.1 (a)").to_string(), "13.3.1 (a)");
        assert_eq!(version("26.1(aa)").to_string(), "26.1 (aa)");
    }

    #[test]
    fn odd_versions_are_unknown_and_cause_nothing() {
        let forty = vec!["1"; 40].join(".");
        for text in [
            "",
            " ",
            "15.3.2-beta",
            "٢٦.١",
            &forty,
            "999999999999999999999.1",
            "26.",
            ".1",
            "26..1",
            "+26",
            "26.1 (",
            "26.1 (a",
            "26.1 (1)",
            "beta",
        ] {
            let odd = OsVersion::parse(text);
            assert_eq!(odd, OsVersion::UNKNOWN, "{text:?}");
            assert!(!odd.is_older_than(version("26")) && !version("26").is_older_than(odd) && !odd.is_at_least(version("1")), "{text:?}");
            assert!(odd < version("1"), "the order is total all the same");
            assert_eq!(odd.to_string(), "unknown");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_its_place_in_the_order(a in any::<String>(), b in "[0-9. ()a-c]{0,12}", c in "[0-9]{1,3}(\\.[0-9]{1,3}){0,3}") {
            let (a, b, c) = (OsVersion::parse(&a), OsVersion::parse(&b), OsVersion::parse(&c));
            prop_assert!(c.is_known());
            for (x, y, z) in [(a, b, c), (b, c, a), (c, a, b)] {
                prop_assert_eq!(x.cmp(&y), y.cmp(&x).reverse());
                prop_assert!(!(x <= y && y <= z) || x <= z);
            }
            prop_assert_eq!(OsVersion::parse(&c.to_string()), c);
        }
    }
}
