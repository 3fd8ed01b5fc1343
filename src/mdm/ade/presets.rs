//! Guided choices: what a device is for says how it greets whoever unpacks it. Each is a beginning, and can be changed.

use crate::language::say;
use crate::protocol::ade::{FAMILIES, ProfileKeys, SkipKey, skip_keys};
use crate::protocol::platform::Platform;

/// A choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// Its word in the API.
    pub kind: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub words: &'static str,
    /// The family in Apple's words that it is for.
    pub family: &'static str,
    platform: Platform,
    /// Panes that stay, because somebody should see them.
    stay: &'static [&'static str],
    shared: bool,
    alone: bool,
}

/// Every choice.
pub const PRESETS: &[Preset] = &[
    Preset {
        kind: "classroom_ipad",
        name: msg!("A classroom iPad"),
        words: msg!(
            "Pupils unpack it, choose language and Wi-Fi, and it is ready: no Apple Account, no questions. Nobody can end the management."
        ),
        family: "iPad",
        platform: Platform::Ios,
        stay: &[],
        shared: false,
        alone: false,
    },
    Preset {
        kind: "shared_ipad",
        name: msg!("A shared iPad"),
        words: msg!("Several people sign in one after the other with their Managed Apple Accounts, each with their own documents."),
        family: "iPad",
        platform: Platform::Ios,
        stay: &[],
        shared: true,
        alone: false,
    },
    Preset {
        kind: "staff_mac",
        name: msg!("A staff Mac"),
        words: msg!("Its person sees Touch ID, FileVault and sign in with an Apple Account; the rest is skipped."),
        family: "Mac",
        platform: Platform::Macos,
        stay: &["AppleID", "Biometric", "FileVault", "Location", "TOS"],
        shared: false,
        alone: false,
    },
    Preset {
        kind: "staff_iphone",
        name: msg!("A staff iPhone"),
        words: msg!(
            "Its person sets a passcode and Face ID, may sign in with an Apple Account and move from an old phone; the rest is skipped."
        ),
        family: "iPhone",
        platform: Platform::Ios,
        stay: &["AppleID", "Biometric", "DeviceToDeviceMigration", "Location", "Passcode", "Restore", "SIMSetup", "TOS"],
        shared: false,
        alone: false,
    },
    Preset {
        kind: "apple_tv",
        name: msg!("An Apple TV"),
        words: msg!("Connect power and network cable: it sets itself up without anybody."),
        family: "AppleTV",
        platform: Platform::Tvos,
        stay: &[],
        shared: false,
        alone: true,
    },
];

/// The choice with this word.
pub fn preset(kind: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.kind == kind)
}

/// The kind of a profile in words, with the devices that it is for: `“A staff Mac”, for Macs`.
pub fn words(kind: &str) -> String {
    preset(kind).map_or_else(
        || kind.to_owned(),
        |preset| t!("“{name}”, for {family}", name = say(preset.name), family = family_words(preset.family)),
    )
}

/// What people call the devices of a family.
pub fn family_words(family: &str) -> &str {
    FAMILIES.iter().find(|(known, _)| *known == family).map_or(family, |(_, words)| say(words))
}

/// Whether a profile of this kind suits devices of a family, in Apple's words.
pub fn suits(kind: &str, family: &str) -> bool {
    preset(kind).is_none_or(|preset| preset.suits(family))
}

impl Preset {
    /// Whether it suits devices of a family: those of its system, and only iPads where several people share one. A family that Apple has not told, or that
    /// is not known here, may be any.
    fn suits(&self, family: &str) -> bool {
        match (family, Platform::of_product(family)) {
            // No choice is made for these alone; they ask what iPhones and iPads ask.
            ("Vision", _) => self.platform == Platform::Ios && !self.shared,
            (_, platform) if PRESETS.iter().all(|preset| preset.platform != platform) => true,
            (_, platform) => platform == self.platform && (!self.shared || family == self.family),
        }
    }

    /// Whether devices of this choice have a pane that can be left out.
    pub fn has(&self, key: &SkipKey) -> bool {
        key.is_for(self.platform) && !key.is_deprecated()
    }

    /// The profile that it begins with.
    pub fn keys(&self) -> ProfileKeys {
        let skipped = skip_keys().iter().filter(|key| self.has(key) && !self.stay.contains(&key.key));
        let mut keys = ProfileKeys {
            is_multi_user: self.shared,
            auto_advance_setup: self.alone,
            skip_setup_items: skipped.map(|key| key.key.to_owned()).collect(),
            ..ProfileKeys::default()
        };
        if self.alone {
            (keys.language, keys.region) = (String::from("en"), String::from("GB"));
        }
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_makes_a_profile_that_apple_takes() {
        for preset in PRESETS {
            let keys = preset.keys();
            assert_eq!(keys.clone().checked().unwrap().skip_setup_items.len(), keys.skip_setup_items.len(), "{}", preset.kind);
            assert!(preset.stay.iter().all(|key| skip_keys().iter().any(|known| known.key == *key)), "{}", preset.kind);
        }
        let mac = preset("staff_mac").unwrap().keys();
        assert!(mac.skip_setup_items.contains(&"Siri".into()) && !mac.skip_setup_items.contains(&"FileVault".into()));
        assert!(!mac.skip_setup_items.contains(&"SIMSetup".into()), "a Mac has no such pane");
        assert!(preset("nonsense").is_none());
    }

    #[test]
    fn a_choice_suits_the_devices_of_its_system() {
        let of = |family: &str| PRESETS.iter().filter(|preset| preset.suits(family)).map(|preset| preset.kind).collect::<Vec<_>>();
        assert_eq!(of("Mac"), ["staff_mac"]);
        assert_eq!(of("AppleTV"), ["apple_tv"]);
        assert_eq!(of("iPad"), ["classroom_ipad", "shared_ipad", "staff_iphone"]);
        for family in ["iPhone", "iPod", "Vision"] {
            assert_eq!(of(family), ["classroom_ipad", "staff_iphone"], "{family}");
        }
        assert_eq!(of("").len(), PRESETS.len(), "Apple has not told which family it is");
        assert_eq!(words("staff_mac"), "“A staff Mac”, for Macs");
    }
}
