//! The OS releases that simulated devices run, two for each generation so that every generation has an update to take.

use std::fmt;

pub use crate::protocol::platform::Platform;

/// A family of hardware, which decides the words a device uses for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// iPhone.
    IPhone,
    /// iPad.
    IPad,
    /// Any Mac.
    Mac,
    /// Apple TV.
    AppleTv,
    /// Apple Vision Pro.
    Vision,
}

impl Family {
    /// The platform whose releases this family runs.
    pub const fn platform(self) -> Platform {
        match self {
            Self::IPhone | Self::IPad => Platform::Ios,
            Self::Mac => Platform::Macos,
            Self::AppleTv => Platform::Tvos,
            Self::Vision => Platform::Visionos,
        }
    }

    /// The family as the status item `device.model.family` spells it.
    pub const fn status_name(self) -> &'static str {
        match self {
            Self::IPhone => "iPhone",
            Self::IPad => "iPad",
            Self::Mac => "Mac",
            Self::AppleTv => "AppleTV",
            Self::Vision => "RealityDevice",
        }
    }

    /// The OS as the status item `device.operating-system.family` spells it.
    pub const fn os_name(self) -> &'static str {
        match self {
            Self::IPhone => "iOS",
            Self::IPad => "iPadOS",
            Self::Mac => "macOS",
            Self::AppleTv => "tvOS",
            Self::Vision => "visionOS",
        }
    }
}

/// An OS version as numbers, so that 26.10 comes after 26.9; missing parts are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u16, pub u16, pub u16);

impl Version {
    /// Reads `18`, `18.2` or `18.2.1`; none for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = [0; 3];
        for (index, part) in text.split('.').enumerate() {
            *parts.get_mut(index)? = part.parse().ok()?;
        }
        Some(Self(parts[0], parts[1], parts[2]))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(major, minor, 0) => write!(f, "{major}.{minor}"),
            Self(major, minor, patch) => write!(f, "{major}.{minor}.{patch}"),
        }
    }
}

/// One release of an OS. Those of generation 27 are invented; the others follow what was public.
#[derive(Debug, PartialEq, Eq)]
pub struct Release {
    /// The platform it belongs to.
    pub platform: Platform,
    /// The version as numbers.
    pub version: Version,
    /// The version as the device spells it, for example `18.2.1`.
    pub text: &'static str,
    /// The build, for example `22C152`.
    pub build: &'static str,
    /// The background security improvement on top of it.
    pub improvement: Option<Improvement>,
}

/// A background security improvement: what was called a rapid security response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Improvement {
    /// What comes after the version, for example `(a)`.
    pub extra: &'static str,
    /// The build with it, for example `23B85610a`.
    pub build: &'static str,
}

impl Release {
    /// What the lookup service and commands call the build: that of the improvement, where there is one.
    pub fn full_build(&self) -> &'static str {
        self.improvement.map_or(self.build, |improvement| improvement.build)
    }

    /// The version with what comes after it, for example `26.1 (a)`.
    pub fn full_text(&self) -> String {
        self.improvement.map_or_else(|| self.text.to_owned(), |improvement| format!("{} {}", self.text, improvement.extra))
    }

    /// What releases of a platform are sorted by.
    pub(crate) fn rank(&self) -> (Version, &'static str) {
        (self.version, self.improvement.map_or("", |improvement| improvement.extra))
    }

    /// The marketing name, for example `iPadOS 18.2` or `macOS Sequoia`.
    pub fn marketing_name(&self, family: Family) -> String {
        let name = match (self.platform, self.version.0, self.version.1) {
            (Platform::Macos, 10, _) => "Catalina",
            (Platform::Macos, 11, _) => "Big Sur",
            (Platform::Macos, 12, _) => "Monterey",
            (Platform::Macos, 13, _) => "Ventura",
            (Platform::Macos, 14, _) => "Sonoma",
            (Platform::Macos, 15, _) => "Sequoia",
            (Platform::Macos, 26, _) => "Tahoe",
            _ => self.text,
        };
        format!("{} {name}", family.os_name())
    }
}

const fn release(platform: Platform, version: Version, text: &'static str, build: &'static str) -> Release {
    Release { platform, version, text, build, improvement: None }
}

const fn improved(platform: Platform, version: Version, text: &'static str, build: &'static str, improvement: Improvement) -> Release {
    Release { platform, version, text, build, improvement: Some(improvement) }
}

/// The background security improvements, apart from the releases that they are for.
pub(super) const IMPROVEMENTS: &[Release] = &[
    improved(Platform::Ios, Version(26, 1, 0), "26.1", "23B85", Improvement { extra: "(a)", build: "23B85610a" }),
    improved(Platform::Macos, Version(26, 1, 0), "26.1", "25B78", Improvement { extra: "(a)", build: "25B78610a" }),
];

const IOS: &[Release] = &[
    release(Platform::Ios, Version(12, 5, 5), "12.5.5", "16H62"),
    release(Platform::Ios, Version(12, 5, 7), "12.5.7", "16H81"),
    release(Platform::Ios, Version(13, 5, 1), "13.5.1", "17F80"),
    release(Platform::Ios, Version(13, 7, 0), "13.7", "17H35"),
    release(Platform::Ios, Version(14, 7, 1), "14.7.1", "18G82"),
    release(Platform::Ios, Version(14, 8, 1), "14.8.1", "18H107"),
    release(Platform::Ios, Version(15, 7, 0), "15.7", "19H12"),
    release(Platform::Ios, Version(15, 8, 3), "15.8.3", "19H386"),
    release(Platform::Ios, Version(16, 6, 1), "16.6.1", "20G81"),
    release(Platform::Ios, Version(16, 7, 10), "16.7.10", "20H350"),
    release(Platform::Ios, Version(17, 5, 1), "17.5.1", "21F90"),
    release(Platform::Ios, Version(17, 7, 2), "17.7.2", "21H221"),
    release(Platform::Ios, Version(18, 2, 1), "18.2.1", "22C161"),
    release(Platform::Ios, Version(18, 7, 1), "18.7.1", "22H31"),
    release(Platform::Ios, Version(26, 0, 1), "26.0.1", "23A355"),
    release(Platform::Ios, Version(26, 1, 0), "26.1", "23B85"),
    release(Platform::Ios, Version(27, 0, 0), "27.0", "24A340"),
    release(Platform::Ios, Version(27, 1, 0), "27.1", "24B80"),
];

const MACOS: &[Release] = &[
    release(Platform::Macos, Version(10, 15, 6), "10.15.6", "19G2021"),
    release(Platform::Macos, Version(10, 15, 7), "10.15.7", "19H15"),
    release(Platform::Macos, Version(11, 6, 0), "11.6", "20G165"),
    release(Platform::Macos, Version(11, 7, 10), "11.7.10", "20G1427"),
    release(Platform::Macos, Version(12, 6, 3), "12.6.3", "21G419"),
    release(Platform::Macos, Version(12, 7, 6), "12.7.6", "21H1320"),
    release(Platform::Macos, Version(13, 5, 0), "13.5", "22G74"),
    release(Platform::Macos, Version(13, 7, 2), "13.7.2", "22H313"),
    release(Platform::Macos, Version(14, 5, 0), "14.5", "23F79"),
    release(Platform::Macos, Version(14, 7, 2), "14.7.2", "23H311"),
    release(Platform::Macos, Version(15, 2, 0), "15.2", "24C101"),
    release(Platform::Macos, Version(15, 7, 1), "15.7.1", "24G231"),
    release(Platform::Macos, Version(26, 0, 1), "26.0.1", "25A362"),
    release(Platform::Macos, Version(26, 1, 0), "26.1", "25B78"),
    release(Platform::Macos, Version(27, 0, 0), "27.0", "26A340"),
    release(Platform::Macos, Version(27, 1, 0), "27.1", "26B80"),
];

const TVOS: &[Release] = &[
    release(Platform::Tvos, Version(12, 4, 0), "12.4", "16M568"),
    release(Platform::Tvos, Version(12, 4, 1), "12.4.1", "16M600"),
    release(Platform::Tvos, Version(14, 6, 0), "14.6", "18L569"),
    release(Platform::Tvos, Version(14, 7, 0), "14.7", "18M60"),
    release(Platform::Tvos, Version(16, 5, 0), "16.5", "20L563"),
    release(Platform::Tvos, Version(16, 6, 0), "16.6", "20M73"),
    release(Platform::Tvos, Version(17, 5, 1), "17.5.1", "21L580"),
    release(Platform::Tvos, Version(17, 6, 1), "17.6.1", "21M80"),
    release(Platform::Tvos, Version(18, 2, 1), "18.2.1", "22K160"),
    release(Platform::Tvos, Version(18, 5, 0), "18.5", "22L572"),
    release(Platform::Tvos, Version(26, 0, 1), "26.0.1", "23J362"),
    release(Platform::Tvos, Version(26, 1, 0), "26.1", "23J579"),
    release(Platform::Tvos, Version(27, 0, 0), "27.0", "24J340"),
    release(Platform::Tvos, Version(27, 1, 0), "27.1", "24J580"),
];

const VISIONOS: &[Release] = &[
    release(Platform::Visionos, Version(1, 1, 0), "1.1", "21O224"),
    release(Platform::Visionos, Version(1, 3, 0), "1.3", "21O771"),
    release(Platform::Visionos, Version(2, 2, 0), "2.2", "22N842"),
    release(Platform::Visionos, Version(2, 6, 0), "2.6", "22O785"),
    release(Platform::Visionos, Version(26, 0, 1), "26.0.1", "23M340"),
    release(Platform::Visionos, Version(26, 1, 0), "26.1", "23N45"),
    release(Platform::Visionos, Version(27, 0, 0), "27.0", "24M340"),
    release(Platform::Visionos, Version(27, 1, 0), "27.1", "24N45"),
];

/// The releases of `platform`, oldest first.
pub const fn releases(platform: Platform) -> &'static [Release] {
    match platform {
        Platform::Ios => IOS,
        Platform::Macos => MACOS,
        Platform::Tvos => TVOS,
        Platform::Visionos => VISIONOS,
        Platform::Watchos | Platform::Unknown => &[],
    }
}

/// The newest release of `platform` whose major version is at most `last_major`.
pub fn newest_release(platform: Platform, last_major: u16) -> Option<&'static Release> {
    releases(platform).iter().rev().find(|release| release.version.0 <= last_major)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert!(Version::parse("26.10").unwrap() > Version::parse("26.9.4").unwrap());
        assert_eq!(Version::parse("27"), Some(Version(27, 0, 0)));
        assert_eq!(Version::parse("10.15.7.1"), None);
        assert_eq!(Version::parse("eleven"), None);
    }

    #[test]
    fn every_release_is_spelled_as_its_numbers_and_the_lists_ascend() {
        for platform in [Platform::Ios, Platform::Macos, Platform::Tvos, Platform::Visionos] {
            for release in releases(platform) {
                assert_eq!(release.version.to_string(), release.text);
                assert_eq!(release.platform, platform);
            }
            assert!(releases(platform).is_sorted_by_key(|release| release.version));
        }
    }

    #[test]
    fn every_generation_has_an_update_to_take() {
        for platform in [Platform::Ios, Platform::Macos, Platform::Tvos, Platform::Visionos] {
            for pair in releases(platform).chunks(2) {
                assert_eq!(pair.len(), 2);
                assert_eq!(pair[0].version.0, pair[1].version.0);
            }
        }
    }
}
