//! What a draft of a plan is doubtful in: said before it is saved, and forbidding nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::Device;
use crate::clock::{Day, Wall};
use crate::error::Result;
use crate::language;
use crate::mdm::settings;
use crate::mdm::updates::doubt;
use crate::mdm::updates::pauses;
use crate::mdm::updates::rules::{Deadline, Rules, Target};
use crate::mdm::updates::timing;
use crate::protocol::os_version::OsVersion;
use crate::store::{Tx, assignments};

/// How long a plan has begun lately: 30 days.
const RECENT_MINUTES: i64 = 30 * 24 * 60;

/// How long a device takes its turn, as far as it can be foreseen: an hour.
const TURN_MINUTES: i64 = 60;

/// How far a deadline moves before it is said: two weeks.
const MOVED_MINUTES: i64 = 14 * 24 * 60;

/// Devices of a ring whose turn will hardly come before its deadline.
fn crowded(rules: &Rules, ring: usize, name: &str, devices: u32) -> Option<String> {
    let most = rules.at_once.filter(|most| *most > 0 && devices > 0)?;
    let window = timing::window(rules, &[], ring, None)?;
    let needs = i64::from(devices.div_ceil(most)) * TURN_MINUTES;
    let has = pauses::minutes_between(window.opens, window.deadline);
    (needs > has).then(|| {
        t!("{devices} devices of “{name}” begin {most} at once, which takes some {needs} hours, and it has {detail}. Those whose turn comes later have an hour from there.", devices, name, most, needs = needs / 60, detail = match has / 60 {
                0 => t!("{has} minutes", has),
                hours => t!("{hours} hours", hours),
            })
    })
}

/// A deadline that quiet hours and holidays move far.
fn moved(rules: &Rules, ring: usize, name: &str) -> Option<String> {
    let Deadline::After { minutes, .. } = &rules.deadline else { return None };
    let window = timing::window(rules, &[], ring, None)?;
    let meant = window.opens.plus_minutes(i64::from(*minutes));
    (pauses::minutes_between(meant, window.deadline) > MOVED_MINUTES).then(|| {
        t!(
            "Quiet hours and holidays move the deadline of “{name}” to {deadline}.",
            name,
            deadline = language::date(window.deadline.words())
        )
    })
}

/// Devices that a least version takes to another generation, since Apple offers them nothing of its own that is new enough.
fn new_generation(target: &Target, devices: &[Device]) -> Option<String> {
    let Target::Minimum { versions } = target else { return None };
    let meant: Vec<_> = versions.values().map(|version| OsVersion::parse(version).major()).collect();
    let is_other = |device: &&Device| !device.version.is_empty() && !meant.contains(&OsVersion::parse(&device.version).major());
    let others: Vec<_> = devices.iter().filter(is_other).collect();
    let newest = others.iter().map(|device| OsVersion::parse(&device.version)).max()?;
    Some(t!(
        "Apple offers {others} nothing of that generation that is new enough: {found} the next one, {newest} for example.",
        others = if others.len() == 1 { String::from(t!("a device")) } else { t!("{others} devices", others = others.len()) },
        found = if others.len() == 1 { t!("it gets") } else { t!("they get") },
        newest
    ))
}

/// Devices that must install earlier than the plan says, since Apple stops signing what they get.
fn pulled(devices: &[Device]) -> Vec<String> {
    let mut pulled: BTreeMap<(&str, Day), (u32, Wall)> = BTreeMap::new();
    for device in devices {
        let (Some(last), Some(deadline)) = (device.signed_until, device.deadline) else { continue };
        let (count, first) = pulled.entry((&device.version, last)).or_insert((0, deadline));
        *count += 1;
        *first = deadline.min(*first);
    }
    let words = |((version, last), (count, first)): ((&str, Day), (u32, Wall))| {
        let devices = if count == 1 { String::from(t!("1 device")) } else { t!("{count} devices", count) };
        t!(
            "Apple signs {version} until {last} only: {devices} must install it earlier than the plan says, the first by {first}.",
            version,
            last = language::date(last.words()),
            devices,
            first = language::date(first.words())
        )
    };
    pulled.into_iter().map(words).collect()
}

/// What a draft names that nothing can come of: a release that is not listed, rings without a group, groups without a device; and who of those that were
/// looked at installs at once.
pub fn warnings(tx: &Tx, rules: &Rules, devices: &[Device]) -> Result<Vec<String>> {
    let mut said: Vec<_> = doubt::doubt(tx, &rules.target, &mut doubt::Listed::default())?.into_iter().collect();
    let now = settings::zone(tx)?.wall(tx.now);
    // What follows new releases has its time from each of them; only what has just begun goes by its own.
    let goes_by_its_start = !rules.target.moves() || rules.starts.plus_minutes(RECENT_MINUTES) >= now;
    for (at, ring) in rules.rings.iter().enumerate() {
        let brought = devices.iter().filter(|device| device.ring == at && device.deadline.is_some());
        let (late, all) = brought.fold((0, 0), |(late, all), device| (late + u32::from(device.is_late), all + 1));
        let has_passed = || goes_by_its_start && timing::window(rules, &[], at, None).is_some_and(|window| window.deadline <= now);
        if late > 0 && late < all {
            said.push(t!("The deadline of “{name}” has passed as it stands for {late} of the {all} devices that it brings something: they restart within an hour or so after they are told.", name = ring.name, late, all));
        } else if late > 0 || all == 0 && has_passed() {
            said.push(t!(
                "The deadline of “{name}” has passed as it stands: its devices restart within an hour or so after they are told.",
                name = ring.name
            ));
        }
        said.extend(crowded(rules, at, &ring.name, all));
        said.extend(moved(rules, at, &ring.name));
    }
    said.extend(new_generation(&rules.target, devices));
    said.extend(pulled(devices));
    let mut seen: BTreeSet<&String> = BTreeSet::new();
    for ring in &rules.rings {
        if ring.groups.is_empty() {
            said.push(t!("“{name}” has no group yet, so that nothing happens in it.", name = ring.name));
        }
        for group in &ring.groups {
            if !seen.insert(group) {
                said.push(t!("A group of “{name}” is in an earlier ring already; its devices begin there.", name = ring.name));
            } else if assignments::devices_of_group(tx, group)?.is_empty() {
                said.push(t!("A group of “{name}” has no devices yet.", name = ring.name));
            }
        }
    }
    Ok(said)
}
