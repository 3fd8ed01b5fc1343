//! Which types of declarations there are, and which device has them: by platform, version, enrollment and channel.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::keys::Key;
use crate::protocol::availability::Capabilities;
use crate::protocol::ids::EnrollmentKind;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;

/// What all of Apple's types begin with.
pub const PREFIX: &str = "com.apple.";

/// One type of declarations.
#[derive(Debug)]
pub struct DeclarationType {
    /// Its name without [`PREFIX`].
    pub name: &'static str,
    pub(super) first: Vec<(Platform, OsVersion)>,
    enrollments: &'static str,
    channels: &'static str,
    shared_ipad: &'static str,
    pub(super) keys: Option<Vec<Key>>,
}

/// What forbids a type on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// The platform never had it.
    Platform,
    /// The device's version is older than the first that has it.
    TooOld(OsVersion),
    /// The device must be supervised.
    Supervision,
    /// A person's own device may not have it.
    UserEnrollment,
    /// It goes to the other channel.
    Channel,
    /// A Shared iPad does not have it.
    SharedIpad,
}

impl Obstacle {
    /// Why, as the end of a sentence that begins with what it is about: "needs iOS 17 or later; the device has 16.7".
    pub fn words(self, device: &Capabilities) -> String {
        let system = match device.platform {
            Platform::Ios => "iOS",
            Platform::Macos => "macOS",
            Platform::Tvos => "tvOS",
            Platform::Visionos => "visionOS",
            Platform::Watchos => "watchOS",
            Platform::Unknown => t!("this system"),
        };
        match self {
            Self::Platform => t!("does not exist on {system}", system),
            Self::TooOld(since) => {
                t!("needs {system} {since} or later; the device has {os_version}", system, since, os_version = device.os_version)
            }
            Self::Supervision => String::from(t!("needs a supervised device")),
            Self::UserEnrollment => String::from(t!("is not allowed on a person’s own device (user enrollment)")),
            Self::Channel if device.kind.is_user_channel() => String::from(t!("goes to the device, not to one of its users")),
            Self::Channel => String::from(t!("goes to a user of the device, not to the device itself")),
            Self::SharedIpad => String::from(t!("does not work on a Shared iPad")),
        }
    }
}

static TABLE: LazyLock<HashMap<&'static str, DeclarationType>> =
    LazyLock::new(|| read(include_str!("types.txt")).into_iter().map(|row| (row.name, row)).collect());

/// The type of this name (`com.apple.configuration.legacy`), if Apple has one.
pub fn find(declaration_type: &str) -> Option<&'static DeclarationType> {
    TABLE.get(declaration_type.strip_prefix(PREFIX)?)
}

/// Every type, by name.
pub fn all() -> Vec<&'static DeclarationType> {
    let mut all: Vec<_> = TABLE.values().collect();
    all.sort_by_key(|known| known.name);
    all
}

impl DeclarationType {
    /// The first versions of the systems that have it.
    pub fn since(&self) -> &[(Platform, OsVersion)] {
        &self.first
    }

    /// What forbids it on a device; what is not known of the device forbids nothing.
    pub fn obstacle(&self, device: &Capabilities) -> Option<Obstacle> {
        if device.platform == Platform::Unknown {
            return None;
        }
        let Some((_, first)) = self.first.iter().find(|(platform, _)| *platform == device.platform) else {
            return Some(Obstacle::Platform);
        };
        if device.os_version.is_older_than(*first) {
            return Some(Obstacle::TooOld(*first));
        }
        let enrollments = column(self.enrollments, device.platform);
        let has = |letter: char| enrollments == "any" || enrollments.contains(letter);
        // Every Mac that is not its user's own counts as supervised.
        let supervised = device.supervised == Some(true) || device.platform == Platform::Macos;
        if device.kind.is_user_enrollment() {
            if !has('u') {
                return Some(Obstacle::UserEnrollment);
            }
        } else if !supervised && device.supervised == Some(false) && !has('d') {
            return Some(Obstacle::Supervision);
        }
        self.channel_obstacle(device)
    }

    fn channel_obstacle(&self, device: &Capabilities) -> Option<Obstacle> {
        let is_shared = device.kind == EnrollmentKind::SharedIpad || device.shared_ipad == Some(true);
        let channels = if is_shared { self.shared_ipad } else { column(self.channels, device.platform) };
        let letter = if device.kind.is_user_channel() { 'U' } else { 'S' };
        match channels {
            "any" => None,
            "-" => Some(Obstacle::SharedIpad),
            _ => (!channels.contains(letter)).then_some(Obstacle::Channel),
        }
    }
}

/// What a column such as `iv:sdu m:su` says for a platform; one without platforms is for all.
fn column(text: &'static str, platform: Platform) -> &'static str {
    let of_platform = |letters: &str| letters.chars().any(|letter| platform_of(letter) == Some(platform));
    match text.split(' ').filter_map(|part| part.split_once(':')).find(|(letters, _)| of_platform(letters)) {
        Some((_, value)) => value,
        None if text.contains(':') => "",
        None => text,
    }
}

/// The platform that a letter of the table stands for.
pub(super) fn platform_of(letter: char) -> Option<Platform> {
    Some(match letter {
        'i' => Platform::Ios,
        'm' => Platform::Macos,
        't' => Platform::Tvos,
        'v' => Platform::Visionos,
        _ => return None,
    })
}

/// Reads a word such as `i17.2`.
pub(super) fn first_version(word: &str) -> Option<(Platform, OsVersion)> {
    let letter = word.chars().next()?;
    Some((platform_of(letter)?, OsVersion::parse(&word[letter.len_utf8()..])))
}

fn read(table: &'static str) -> Vec<DeclarationType> {
    let mut types: Vec<(DeclarationType, Vec<&'static str>)> = Vec::new();
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with(' ') {
            if let Some((_, keys)) = types.last_mut() {
                keys.push(line);
            }
        } else if let Some(row) = read_head(line) {
            types.push((row, Vec::new()));
        }
    }
    let with_keys = |(mut row, lines): (DeclarationType, Vec<&'static str>)| {
        row.keys = if lines.first().is_some_and(|line| line.trim() == "?") { None } else { Some(Key::read_all(&lines)) };
        row
    };
    types.into_iter().map(with_keys).collect()
}

fn read_head(line: &'static str) -> Option<DeclarationType> {
    let mut columns = line.split('|').map(str::trim);
    let name = columns.next()?;
    let first = columns.next()?.split(' ').map(first_version).collect::<Option<Vec<_>>>()?;
    let (enrollments, channels, shared_ipad) = (columns.next()?, columns.next()?, columns.next()?);
    Some(DeclarationType { name, first, enrollments, channels, shared_ipad, keys: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(platform: Platform, version: &str, supervised: bool) -> Capabilities {
        Capabilities {
            platform,
            os_version: OsVersion::parse(version),
            kind: EnrollmentKind::Device,
            supervised: Some(supervised),
            ade: None,
            shared_ipad: Some(false),
            access_rights: None,
        }
    }

    fn obstacle(name: &str, device: &Capabilities) -> Option<Obstacle> {
        find(name).unwrap().obstacle(device)
    }

    #[test]
    fn every_row_of_the_table_is_read() {
        let heads = include_str!("types.txt").lines().filter(|line| !line.is_empty() && !line.starts_with([' ', '#'])).count();
        assert_eq!(TABLE.len(), heads);
        assert!(heads > 50);
        assert!(TABLE.values().filter(|row| row.keys.is_none()).count() <= 1, "the keys of nearly all are known");
        assert!(TABLE.values().all(|row| row.first.iter().all(|(_, version)| version.is_known())));
    }

    #[test]
    fn a_type_is_there_by_platform_version_supervision_and_channel() {
        let test = "com.apple.configuration.management.test";
        assert_eq!(obstacle(test, &device(Platform::Ios, "15.0", false)), None);
        assert_eq!(obstacle(test, &device(Platform::Ios, "14.8", false)), Some(Obstacle::TooOld(OsVersion::new(15, 0, 0))));
        let disk = "com.apple.configuration.diskmanagement.settings";
        assert_eq!(obstacle(disk, &device(Platform::Ios, "18.0", true)), Some(Obstacle::Platform));
        let math = "com.apple.configuration.math.settings";
        assert_eq!(obstacle(math, &device(Platform::Ios, "18.0", false)), Some(Obstacle::Supervision));
        assert_eq!(obstacle(math, &device(Platform::Macos, "15.0", false)), Some(Obstacle::Channel), "for a Mac's users");
        let user = Capabilities { kind: EnrollmentKind::User, ..device(Platform::Macos, "15.0", false) };
        assert_eq!(obstacle(math, &user), None);
        let own = Capabilities { kind: EnrollmentKind::UserEnrollmentDevice, ..device(Platform::Ios, "18.0", false) };
        assert_eq!(obstacle("com.apple.configuration.softwareupdate.settings", &own), Some(Obstacle::UserEnrollment));
        let shared = Capabilities { shared_ipad: Some(true), ..device(Platform::Ios, "26.4", true) };
        assert_eq!(obstacle("com.apple.configuration.intelligence.settings", &shared), Some(Obstacle::SharedIpad));
        let unknown = Capabilities { supervised: None, os_version: OsVersion::UNKNOWN, ..device(Platform::Ios, "", false) };
        assert_eq!(obstacle(math, &unknown), None, "what is not known forbids nothing");
    }

    #[test]
    fn columns_are_read_by_platform() {
        assert_eq!(column("iv:sdu m:su t:sd", Platform::Macos), "su");
        assert_eq!(column("iv:sdu m:su", Platform::Tvos), "");
        assert_eq!(column("s", Platform::Visionos), "s");
    }
}
