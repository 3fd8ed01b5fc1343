//! Payload types: what they are called for people, and where they can go.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::language::say;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;

/// The types that every profile and declaration of ours keeps to itself.
pub const RESERVED: [&str; 2] = ["com.apple.mdm", "com.apple.declarations"];

/// Types of which a device may have several, but whose keys must not be set twice.
const SHARED_KEYS: [&str; 3] = ["com.apple.applicationaccess", "com.apple.applicationaccess.new", "com.apple.mobiledevice.passwordpolicy"];

/// Types that a device which is not supervised takes from a version on only, and there only with a key: type, platform, version, key.
const UNSUPERVISED: [(&str, Platform, OsVersion, &str); 2] = [
    ("com.apple.webcontent-filter", Platform::Ios, OsVersion::new(16, 0, 0), "ContentFilterUUID"),
    ("com.apple.webcontent-filter", Platform::Visionos, OsVersion::new(1, 1, 0), "ContentFilterUUID"),
];

/// What is known of one payload type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadType {
    /// Apple's name for it.
    pub name: &'static str,
    /// What people call it, in English.
    words: &'static str,
    platforms: Vec<(Platform, &'static str)>,
}

/// Which channel of a Mac a payload goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Either.
    Both,
    /// The device's own only.
    Device,
    /// Its users' only.
    User,
}

impl PayloadType {
    /// What people call it.
    pub fn words(&self) -> &'static str {
        say(self.words)
    }

    /// Whether devices of this platform have it; they have everything while their platform is not known.
    pub fn exists_on(&self, platform: Platform) -> bool {
        platform == Platform::Unknown || self.marks(platform).is_some()
    }

    /// Whether the device must be supervised.
    pub fn needs_supervision(&self, platform: Platform) -> bool {
        self.has(platform, '*')
    }

    /// From which version on a device that is not supervised takes it, and the key that it must have there; nothing where that is all the same.
    pub fn unsupervised_from(&self, platform: Platform) -> Option<(OsVersion, &'static str)> {
        let row = UNSUPERVISED.iter().find(|(name, on, ..)| *name == self.name && *on == platform)?;
        Some((row.2, row.3))
    }

    /// The keys that decide who takes it, beside those that [`PayloadType::has_shared_keys`] speaks of.
    pub fn deciding_keys(&self) -> impl Iterator<Item = &'static str> {
        UNSUPERVISED.iter().filter(|(name, ..)| *name == self.name).map(|(.., key)| *key)
    }

    /// Whether a person's own device (user enrollment) refuses it.
    pub fn is_refused_in_user_enrollment(&self, platform: Platform) -> bool {
        self.has(platform, '!')
    }

    /// Which channel of a Mac it goes to.
    pub fn mac_channel(&self) -> Channel {
        match self.marks(Platform::Macos) {
            Some(marks) if marks.contains('d') => Channel::Device,
            Some(marks) if marks.contains('u') => Channel::User,
            _ => Channel::Both,
        }
    }

    /// Whether a device takes one payload of this type only.
    pub fn is_single(&self) -> bool {
        self.platforms.iter().any(|(_, marks)| marks.contains('1'))
    }

    /// Whether two payloads of this type must not set the same key on one device.
    pub fn has_shared_keys(&self) -> bool {
        self.is_single() || SHARED_KEYS.contains(&self.name)
    }

    fn marks(&self, platform: Platform) -> Option<&'static str> {
        self.platforms.iter().find(|(known, _)| *known == platform).map(|(_, marks)| *marks)
    }

    fn has(&self, platform: Platform, mark: char) -> bool {
        self.marks(platform).is_some_and(|marks| marks.contains(mark))
    }
}

static TABLE: LazyLock<HashMap<&'static str, PayloadType>> =
    LazyLock::new(|| include_str!("payloads.txt").lines().filter_map(read).map(|row| (row.name, row)).collect());

/// What is known of a payload type; nothing of those that Apple does not publish.
pub fn find(payload_type: &str) -> Option<&'static PayloadType> {
    TABLE.get(payload_type)
}

/// What people call a payload type; its own name where nobody has another.
pub fn words(payload_type: &str) -> &str {
    let Some(known) = find(payload_type) else { return payload_type };
    known.words()
}

fn read(line: &'static str) -> Option<PayloadType> {
    let (left, words) = line.split_once(" | ")?;
    let mut parts = left.split_whitespace();
    let name = parts.next().filter(|name| !name.starts_with('#'))?;
    let platform = |part: &'static str| {
        let (letter, marks) = part.split_at_checked(1)?;
        let platform = match letter {
            "i" => Platform::Ios,
            "m" => Platform::Macos,
            "t" => Platform::Tvos,
            "v" => Platform::Visionos,
            "w" => Platform::Watchos,
            _ => return None,
        };
        Some((platform, marks))
    };
    Some(PayloadType { name, words, platforms: parts.filter_map(platform).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read_and_names_a_platform() {
        let lines = include_str!("payloads.txt").lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let mut rows = 0;
        for line in lines {
            let row = read(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(row.platforms.len(), line.split(" | ").next().unwrap().split_whitespace().count() - 1, "{line}");
            assert!(!row.platforms.is_empty() && !row.words.is_empty(), "{line}");
            rows += 1;
        }
        assert_eq!(rows, TABLE.len(), "no type stands twice");
        assert!(rows > 100);
    }

    #[test]
    fn what_unsupervised_devices_take_is_what_the_schema_says_in_words() {
        let Some(shared) = crate::shared_for_tests() else { return };
        for (name, platform, version, key) in UNSUPERVISED {
            let text = std::fs::read_to_string(shared.join(format!("apple-schema-18.1/mdm/profiles/{name}.yaml"))).unwrap();
            let schema: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text).unwrap();
            let words = schema["payload"]["content"].as_str().unwrap();
            let system = if platform == Platform::Ios { "iOS" } else { "visionOS" };
            let (major, minor) = version.to_string().split_once('.').map(|(major, minor)| (major.to_owned(), minor.to_owned())).unwrap();
            assert!(words.contains(&format!("{system} {major}.{minor}")), "{system} {version}: {words}");
            assert!(words.contains(&format!("on unsupervised devices and user enrollments if {key} is specified")), "{words}");
            assert!(words.contains("Previously it could only be installed on supervised devices"), "{words}");
            assert!(schema["payloadkeys"].as_sequence().unwrap().iter().any(|known| known["key"] == key), "{key}");
            assert!(find(name).unwrap().exists_on(platform) && !find(name).unwrap().needs_supervision(platform));
        }
    }

    #[test]
    fn what_the_schema_says_is_found() {
        let lock = find("com.apple.app.lock").unwrap();
        assert!(lock.needs_supervision(Platform::Ios) && lock.is_refused_in_user_enrollment(Platform::Ios) && lock.is_single());
        assert!(!lock.exists_on(Platform::Macos) && lock.exists_on(Platform::Unknown));
        assert!(find("com.apple.domains").unwrap().has_shared_keys());
        let restrictions = find("com.apple.applicationaccess").unwrap();
        assert!(restrictions.has_shared_keys() && !restrictions.is_single());
        assert_eq!(find("com.apple.mail.managed").unwrap().mac_channel(), Channel::User);
        assert_eq!(find("com.apple.security.firewall").unwrap().mac_channel(), Channel::Device);
        assert_eq!(words("com.apple.wifi.managed"), "Wi-Fi network");
        assert_eq!(words("school.example.own"), "school.example.own");
    }
}
