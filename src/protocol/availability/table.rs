//! Reads the table of what may be sent to which device.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{Kind, Request};
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;

/// The platforms that the table has a column for, in its order.
const PLATFORMS: [(char, Platform); 5] =
    [('i', Platform::Ios), ('m', Platform::Macos), ('t', Platform::Tvos), ('v', Platform::Visionos), ('w', Platform::Watchos)];

/// One value for each platform.
type PerPlatform<T> = [T; PLATFORMS.len()];

/// Where and since when one thing may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Availability {
    /// What it is.
    pub kind: Kind,
    /// Apple's name for it.
    pub name: &'static str,
    since: PerPlatform<Option<OsVersion>>,
    deprecated: PerPlatform<Option<OsVersion>>,
    removed: PerPlatform<Option<OsVersion>>,
    supervised: PerPlatform<bool>,
    ade: PerPlatform<bool>,
    rights: PerPlatform<u32>,
    user_enrollment: PerPlatform<Option<OsVersion>>,
    pub(super) mac_device_channel: Option<OsVersion>,
    pub(super) mac_user_channel: Option<OsVersion>,
    pub(super) shared_ipad: SharedIpad,
}

/// What a Shared iPad makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct SharedIpad {
    pub(super) device_channel: bool,
    pub(super) user_channel: bool,
    /// Whether iPads that are not shared refuse it.
    pub(super) only: bool,
}

impl Availability {
    fn new(kind: Kind, name: &'static str) -> Self {
        Self {
            kind,
            name,
            since: Default::default(),
            deprecated: Default::default(),
            removed: Default::default(),
            supervised: Default::default(),
            ade: Default::default(),
            rights: Default::default(),
            user_enrollment: Default::default(),
            mac_device_channel: None,
            mac_user_channel: None,
            shared_ipad: SharedIpad::default(),
        }
    }

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

    /// Whether the device must be supervised.
    pub fn needs_supervision(&self, platform: Platform) -> bool {
        index(platform).is_some_and(|index| self.supervised[index])
    }

    /// Whether the device must have been enrolled automatically.
    pub fn needs_ade(&self, platform: Platform) -> bool {
        index(platform).is_some_and(|index| self.ade[index])
    }

    /// The bit of AccessRights that it needs; 0 where none.
    pub fn right(&self, platform: Platform) -> u32 {
        index(platform).map_or(0, |index| self.rights[index])
    }

    /// From which version on a user enrollment may use it.
    pub fn user_enrollment(&self, platform: Platform) -> Option<OsVersion> {
        self.user_enrollment[index(platform)?]
    }

    /// Takes one `key=value` of a row.
    fn set(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "removed" => {
                for part in value.split(',') {
                    match platform_of(part) {
                        Some((index, version)) => self.removed[index] = Some(version_of(version)?),
                        None => self.removed = [Some(version_of(part)?); PLATFORMS.len()],
                    }
                }
            }
            "supervised" | "ade" => {
                let flags = if key == "ade" { &mut self.ade } else { &mut self.supervised };
                for part in value.split(',') {
                    flags[platform_of(part)?.0] = true;
                }
            }
            "byod" => {
                for part in value.split(',') {
                    let (index, version) = platform_of(part)?;
                    let from = if version.is_empty() { self.since[index] } else { version_of(version) };
                    self.user_enrollment[index] = Some(from?);
                }
            }
            "mac" => {
                for part in value.split(',') {
                    let version = &part[1..];
                    let from = if version.is_empty() { self.since(Platform::Macos) } else { version_of(version) };
                    match part.as_bytes()[0] {
                        b'D' => self.mac_device_channel = Some(from?),
                        b'U' => self.mac_user_channel = Some(from?),
                        _ => return None,
                    }
                }
            }
            "shared" => {
                for part in value.split(',') {
                    match part {
                        "D" => self.shared_ipad.device_channel = true,
                        "U" => self.shared_ipad.user_channel = true,
                        "only-D" => self.shared_ipad = SharedIpad { device_channel: true, user_channel: false, only: true },
                        "no" => {}
                        _ => return None,
                    }
                }
            }
            "right" => match value.split_once(':') {
                Some((letters, right)) => {
                    for letter in letters.chars() {
                        let index = PLATFORMS.iter().position(|(known, _)| *known == letter)?;
                        self.rights[index] = right.parse().ok()?;
                    }
                }
                None => self.rights = [value.parse().ok()?; PLATFORMS.len()],
            },
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

fn index(platform: Platform) -> Option<usize> {
    PLATFORMS.iter().position(|(_, known)| *known == platform)
}

/// Parts `m26` into the platform's place and the rest.
fn platform_of(part: &str) -> Option<(usize, &str)> {
    let letter = part.chars().next()?;
    let index = PLATFORMS.iter().position(|(known, _)| *known == letter)?;
    Some((index, &part[1..]))
}

fn version_of(text: &str) -> Option<OsVersion> {
    Some(OsVersion::parse(text)).filter(|version| version.is_known())
}

/// Reads a row; none where it is not written as the head of the table says.
fn read_row(row: &'static str) -> Option<Availability> {
    let mut words = row.split(' ');
    let kind = match words.next()? {
        "command" => Kind::Command,
        "setting" => Kind::Setting,
        "query" => Kind::Query,
        _ => return None,
    };
    let mut availability = Availability::new(kind, words.next()?);
    for word in words {
        let (key, value) = word.split_once('=')?;
        availability.set(key, value)?;
    }
    Some(availability)
}

fn rows() -> impl Iterator<Item = &'static str> {
    include_str!("table.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Every row of the table, in its order.
pub(super) static TABLE: LazyLock<Vec<Availability>> = LazyLock::new(|| rows().filter_map(read_row).collect());

static BY_NAME: LazyLock<HashMap<(Kind, &'static str), usize>> =
    LazyLock::new(|| TABLE.iter().enumerate().map(|(place, row)| ((row.kind, row.name), place)).collect());

/// Looks up what the table says; none where it says nothing.
pub fn find(request: Request<'_>) -> Option<&'static Availability> {
    let (kind, name) = request.parts();
    // The name's lifetime is the caller's, so the key is looked up by comparison of its text.
    BY_NAME.get(&(kind, name) as &(Kind, &str)).map(|place| &TABLE[*place])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_written_as_the_head_says() {
        for row in rows() {
            let read = read_row(row).unwrap_or_else(|| panic!("{row}"));
            assert!(read.since.iter().any(Option::is_some), "{row}");
            let is_mac = read.since(Platform::Macos).is_some();
            assert_eq!(
                is_mac && read.kind == Kind::Command,
                (read.mac_device_channel.or(read.mac_user_channel)).is_some() && read.kind == Kind::Command,
                "{row}"
            );
        }
        assert_eq!(TABLE.len(), BY_NAME.len(), "no name stands there twice");
    }
}
