//! What Apple's software lookup service lists: releases by platform, each with the devices that it is for, and until when Apple signs it.
//!
//! `GET https://gdmf.apple.com/v2/pmv`: `{"PublicAssetSets":{"iOS":[…]},"AssetSets":{…},"PublicBackgroundSecurityImprovements":{…}}`. The lists are
//! independent of one another; whatever is in any of them can be had.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Day;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;

mod read;

pub use read::{LookupError, MAX_PASSED_OVER, read};

/// The largest document that is read, in bytes; Apple's has about half a million.
pub const MAX_BYTES: usize = 8 << 20;

/// The most entries of one document; Apple's has a few hundred.
pub const MAX_ENTRIES: usize = 20_000;

/// The most devices of one entry.
pub const MAX_DEVICES: usize = 5_000;

/// The longest text of an entry, in characters.
pub const MAX_TEXT_CHARS: usize = 60;

/// In which list an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = LookupList)]
pub enum List {
    /// AssetSets: what a management server may bring to managed devices.
    Managed,
    /// PublicAssetSets: what everybody is offered.
    Public,
    /// PublicBackgroundSecurityImprovements, once PublicRapidSecurityResponses.
    Improvements,
}

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// In which list it stands.
    pub list: List,
    /// The platform as it is listed: `iOS`, which holds Apple TV and Watch too, `macOS`, `visionOS`, or one that is not known here.
    pub platform: String,
    /// ProductVersion, a version that can be compared.
    pub version: String,
    /// ProductVersionExtra without its parentheses: `a`.
    pub extra: String,
    /// Build; empty where the entry has none.
    pub build: String,
    /// PrerequisiteBuild: the build that a device must run to take it; of improvements only.
    pub prerequisite: String,
    /// PostingDate.
    pub posted: Option<Day>,
    /// ExpirationDate: the last day on which Apple signs it; none where it does not end.
    pub expires: Option<Day>,
    /// SupportedDevices: product names, and board identifiers of Macs. Empty means that it is not known, not that there are none.
    pub devices: Vec<String>,
}

impl Listed {
    /// The version with its letters.
    pub fn os_version(&self) -> OsVersion {
        OsVersion::parse(&self.version).with_extra(&self.extra)
    }
}

/// A document that was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lookup {
    /// What it lists.
    pub entries: Vec<Listed>,
    /// What was passed over, in words for people, at most [`MAX_PASSED_OVER`] of them.
    pub passed_over: Vec<String>,
}

/// Under which platform the lists hold the system of a device.
pub const fn listed_under(platform: Platform) -> Option<&'static str> {
    match platform {
        Platform::Ios | Platform::Tvos | Platform::Watchos => Some("iOS"),
        Platform::Macos => Some("macOS"),
        Platform::Visionos => Some("visionOS"),
        Platform::Unknown => None,
    }
}
