//! Which declarations and status items the device's OS has, for its enrollment and channel.

use std::sync::LazyLock;

use super::super::{DEVICE, Device};
use crate::protocol::declaration::{PREFIX, all_types, find_type};
use crate::sim::model::{Family, Platform, Version};

/// One row of the table of status items.
struct Row {
    name: &'static str,
    first: Vec<(char, Version)>,
    enrollments: &'static str,
    channels: &'static str,
}

/// The status items, from the table beside this file.
static TABLE: LazyLock<Vec<Row>> = LazyLock::new(|| include_str!("known.txt").lines().filter_map(read).collect());

fn read(line: &'static str) -> Option<Row> {
    let mut columns = line.split('|').map(str::trim);
    let name = columns.next()?;
    let version = |word: &'static str| Some((word.chars().next()?, Version::parse(word.get(1..)?)?));
    let first = columns.next()?.split(' ').map(version).collect::<Option<Vec<_>>>()?;
    Some(Row { name, first, enrollments: columns.next()?, channels: columns.next()? })
}

/// What a column such as `iv:sdu m:su` says for a platform; one without platforms is for all.
fn column(text: &'static str, platform: char) -> &'static str {
    let parted = |part: &'static str| part.split_once(':');
    match text.split(' ').filter_map(parted).find(|(platforms, _)| platforms.contains(platform)) {
        Some((_, value)) => value,
        None if text.contains(':') => "",
        None => text,
    }
}

impl Device {
    /// Whether the device acts upon declarations of this type on this channel.
    pub(super) fn knows_declaration(&self, kind: &str, channel: usize) -> bool {
        find_type(kind).is_some_and(|known| known.obstacle(&self.capabilities(channel)).is_none())
    }

    /// Whether the device tells this status item on this channel.
    pub(super) fn knows_status(&self, item: &str, channel: usize) -> bool {
        TABLE.iter().any(|row| row.name == item && self.has(row, channel))
    }

    /// The full names of all declarations of a kind that the device acts upon.
    pub(super) fn known_declarations(&self, kind: &str, channel: usize) -> Vec<String> {
        let device = self.capabilities(channel);
        let of_kind = all_types().into_iter().filter(|known| known.name.strip_prefix(kind).is_some_and(|rest| rest.starts_with('.')));
        of_kind.filter(|known| known.obstacle(&device).is_none()).map(|known| format!("{PREFIX}{}", known.name)).collect()
    }

    /// All status items that the device tells.
    pub(super) fn known_status(&self, channel: usize) -> Vec<&'static str> {
        TABLE.iter().filter(|row| self.has(row, channel)).map(|row| row.name).collect()
    }

    fn has(&self, row: &Row, channel: usize) -> bool {
        let (family, release) = (self.facts.model.family, self.facts.release);
        let platform = match release.platform {
            Platform::Macos => 'm',
            Platform::Tvos => 't',
            Platform::Visionos => 'v',
            _ => 'i',
        };
        let has_version = row.first.iter().any(|(letter, version)| *letter == platform && release.version >= *version);
        // Every Mac that is not its user's own counts as supervised.
        let enrolled = match (self.is_by_user(), self.facts.supervised || family == Family::Mac) {
            (true, _) => 'u',
            (false, true) => 's',
            (false, false) => 'd',
        };
        let allows = |text: &str, letter: char| text == "any" || text.contains(letter);
        let scope = if channel == DEVICE { 'S' } else { 'U' };
        has_version && allows(column(row.enrollments, platform), enrolled) && allows(column(row.channels, platform), scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_read() {
        let lines = include_str!("known.txt").lines().filter(|line| line.contains(" | ") && !line.starts_with('#')).count();
        assert_eq!(TABLE.len(), lines);
        assert!(TABLE.len() > 50);
    }

    #[test]
    fn columns_are_read_by_platform() {
        assert_eq!(column("iv:sdu m:su t:sd", 'm'), "su");
        assert_eq!(column("iv:sdu m:su", 't'), "");
        assert_eq!(column("s", 'v'), "s");
    }
}
