//! The apps that simulated devices know by Adam ID, so that an install order for one ends with the right bundle identifier.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::release::Platform;
use crate::pki::digest::sha256;

/// One app of the store, as far as a device must know it.
#[derive(Debug, PartialEq, Eq)]
pub struct KnownApp {
    /// Adam ID, the number of the app in the store.
    pub adam_id: u64,
    /// Bundle identifier.
    pub identifier: &'static str,
    /// The name under the icon.
    pub name: &'static str,
    /// The version that the store offers.
    pub version: &'static str,
    /// The version before it, which some people have still.
    pub earlier: &'static str,
    /// Size of the app itself, in bytes.
    pub size_bytes: u64,
    /// Platforms it runs on.
    pub platforms: &'static [Platform],
}

const EVERYWHERE: &[Platform] = &[Platform::Ios, Platform::Macos, Platform::Tvos, Platform::Visionos];
const HAND_AND_EYE: &[Platform] = &[Platform::Ios, Platform::Visionos];
const MAC: &[Platform] = &[Platform::Macos];

const fn app(
    adam_id: u64,
    identifier: &'static str,
    name: &'static str,
    [version, earlier]: [&'static str; 2],
    size_mb: u64,
    platforms: &'static [Platform],
) -> KnownApp {
    KnownApp { adam_id, identifier, name, version, earlier, size_bytes: size_mb * 1_000_000, platforms }
}

/// The apps of the practice store: Apple's free ones by their public numbers, the others invented.
pub const KNOWN_APPS: &[KnownApp] = &[
    app(409_203_825, "com.apple.Numbers", "Numbers", ["14.4", "14.3"], 420, &[Platform::Ios, Platform::Macos, Platform::Visionos]),
    app(409_201_541, "com.apple.Pages", "Pages", ["14.4", "14.3"], 430, &[Platform::Ios, Platform::Macos, Platform::Visionos]),
    app(409_183_694, "com.apple.Keynote", "Keynote", ["14.4", "14.3"], 520, &[Platform::Ios, Platform::Macos, Platform::Visionos]),
    app(377_298_193, "com.apple.iMovie", "iMovie", ["3.0.4", "3.0.3"], 610, HAND_AND_EYE),
    app(408_981_434, "com.apple.iMovieApp", "iMovie", ["10.4.3", "10.4.2"], 2100, MAC),
    app(1_500_000_001, "school.example.field", "Field Notes", ["4.2.0", "4.1.2"], 38, EVERYWHERE),
    app(1_500_000_002, "school.example.atlas", "Atlas of the World", ["2.8.1", "2.8.0"], 310, EVERYWHERE),
    app(1_500_000_003, "school.example.sums", "Sums and More", ["7.0.3", "6.9.4"], 55, HAND_AND_EYE),
    app(1_500_000_004, "school.example.choir", "Choir", ["1.9", "1.8.2"], 96, HAND_AND_EYE),
    app(1_500_000_005, "school.example.lab", "Laboratory", ["3.3.2", "3.3.1"], 240, EVERYWHERE),
    app(1_500_000_006, "school.example.library", "Library Desk", ["5.1", "5.0.3"], 44, EVERYWHERE),
];

/// Apps of the practice store that cost something: without a licence a device asks for a redemption code.
const PAID: [u64; 1] = [1_500_000_004];

/// Whether an app of the practice store must be bought.
pub fn costs(adam_id: u64) -> bool {
    PAID.contains(&adam_id)
}

/// The number that the practice store gives to a version of an app (`externalId`): invented, and greater for a later version.
pub fn external_version_id(version: &str) -> i64 {
    let parts = version.split('.').map(|part| part.parse().unwrap_or(0)).chain(std::iter::repeat(0));
    parts.take(3).fold(0, |number, part: i64| number * 100 + part) + 840_000_000
}

/// The hash by which the practice store names an account, as devices and licence lists tell it.
pub fn account_hash(account: &str) -> String {
    STANDARD.encode(&sha256(account.as_bytes())[..20])
}

/// The app with this Adam ID.
pub fn known_app_by_adam_id(adam_id: u64) -> Option<&'static KnownApp> {
    KNOWN_APPS.iter().find(|app| app.adam_id == adam_id)
}

/// The app with this bundle identifier.
pub fn known_app_by_identifier(identifier: &str) -> Option<&'static KnownApp> {
    KNOWN_APPS.iter().find(|app| app.identifier == identifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apps_are_found_by_number_and_by_identifier() {
        for app in KNOWN_APPS {
            assert_eq!(known_app_by_adam_id(app.adam_id), Some(app));
            assert_eq!(known_app_by_identifier(app.identifier), Some(app));
            assert!(external_version_id(app.version) > external_version_id(app.earlier), "{}", app.name);
        }
        assert_eq!(known_app_by_adam_id(1), None);
    }
}
