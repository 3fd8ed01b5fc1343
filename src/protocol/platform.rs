//! The families of Apple's operating systems, and which of them a model runs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A family of operating systems; iPadOS counts as iOS, as it does in Apple's schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// iPhone, iPad, iPod touch.
    Ios,
    /// Mac.
    Macos,
    /// Apple TV.
    Tvos,
    /// Vision Pro.
    Visionos,
    /// Apple Watch.
    Watchos,
    /// The device has not said yet what it is.
    Unknown,
}

impl Platform {
    /// Every family.
    pub const ALL: [Self; 6] = [Self::Ios, Self::Macos, Self::Tvos, Self::Visionos, Self::Watchos, Self::Unknown];

    /// The word in the database and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ios => "ios",
            Self::Macos => "macos",
            Self::Tvos => "tvos",
            Self::Visionos => "visionos",
            Self::Watchos => "watchos",
            Self::Unknown => "unknown",
        }
    }

    /// The name of its system, for people.
    pub fn system(self) -> &'static str {
        match self {
            Self::Ios => "iOS",
            Self::Macos => "macOS",
            Self::Tvos => "tvOS",
            Self::Visionos => "visionOS",
            Self::Watchos => "watchOS",
            Self::Unknown => t!("this system"),
        }
    }

    /// Tells the family by a ProductName (`iPad13,18`, `Mac14,2`) or, failing that, by a model's name in words (`iPad`, `MacBook Pro`).
    pub fn of_product(product_name: &str) -> Self {
        let starts = |beginnings: &[&str]| beginnings.iter().any(|beginning| product_name.starts_with(beginning));
        match () {
            () if starts(&["iPhone", "iPad", "iPod"]) => Self::Ios,
            () if starts(&["Mac", "iMac", "VirtualMac", "Xserve"]) => Self::Macos,
            () if starts(&["AppleTV", t!("Apple TV")]) => Self::Tvos,
            () if starts(&["RealityDevice", t!("Apple Vision")]) => Self::Visionos,
            () if starts(&["Watch", t!("Apple Watch")]) => Self::Watchos,
            () => Self::Unknown,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Platform {
    type Err = UnknownPlatform;

    fn from_str(word: &str) -> Result<Self, UnknownPlatform> {
        Self::ALL.into_iter().find(|platform| platform.as_str() == word).ok_or_else(|| UnknownPlatform(word.to_owned()))
    }
}

/// A word that names no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no platform `{0}`; take ios, macos, tvos, visionos, watchos or unknown")]
pub struct UnknownPlatform(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_tell_their_family() {
        let cases = [
            ("iPad13,18", Platform::Ios),
            ("iPhone15,2", Platform::Ios),
            ("iPod9,1", Platform::Ios),
            ("Mac14,2", Platform::Macos),
            ("MacBookPro18,3", Platform::Macos),
            ("iMac21,1", Platform::Macos),
            ("VirtualMac2,1", Platform::Macos),
            ("AppleTV11,1", Platform::Tvos),
            ("RealityDevice14,1", Platform::Visionos),
            ("Watch6,1", Platform::Watchos),
            ("", Platform::Unknown),
            ("Toaster1,1", Platform::Unknown),
        ];
        for (product, platform) in cases {
            assert_eq!(Platform::of_product(product), platform, "{product}");
            assert_eq!(platform.as_str().parse(), Ok(platform));
        }
    }
}
