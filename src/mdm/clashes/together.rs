//! Everything that meets on some devices and wants the same differently: what they have all together, and what a group newly brings together.

use std::collections::{BTreeMap, BTreeSet};

use super::declared;
use super::hidden::hidden;
use super::{CLASHES_MAX, Clash, can_meet, nothing_left, policies_met, policies_of, policy_origin, targets, told};
use crate::error::Result;
use crate::mdm::policies;
use crate::mdm::profiles::{self, Warning};
use crate::mdm::wanted::Origin;
use crate::protocol::mobileconfig::facts::Facts;
use crate::store::Tx;
use crate::store::assignments::{self, AssignedKind};
use crate::store::meetings::{self, Alike};
use crate::store::policies as policy_rows;
use crate::store::profiles::{self as profile_rows, Profile};

/// Two things that get in each other's way, and how it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    /// One of the two; the warning names the other.
    pub one: Origin,
    /// The sentence, the other thing, type and key.
    pub warning: Warning,
}

impl Met {
    /// What tells it from others, whatever the number of devices.
    fn what(&self) -> (&str, Option<&str>, Option<&str>, Option<&str>) {
        (&self.one.id, self.warning.other_id.as_deref(), self.warning.payload_type.as_deref(), self.warning.key.as_deref())
    }
}

/// What gets in each other's way among the things that a device has by its groups.
pub fn of_device(tx: &Tx, device_id: &str) -> Result<Vec<Warning>> {
    of_devices(tx, &[device_id])
}

/// The same of several devices: each pair is told once.
pub fn of_devices(tx: &Tx, devices: &[&str]) -> Result<Vec<Warning>> {
    Ok(warnings(all(tx, &meetings::of_devices(tx, devices, None)?)?))
}

/// What gets in each other's way on the devices of a group, where at least one of the two is assigned to the group.
pub fn of_group(tx: &Tx, group_id: &str) -> Result<Vec<Warning>> {
    if !can_meet(tx, &[], None)? {
        return Ok(Vec::new());
    }
    let mut met = all(tx, &meetings::of_groups(tx, &[group_id])?)?;
    let own = own(tx, group_id)?;
    met.retain(|met| own.contains(&met.one.id) || met.warning.other_id.as_ref().is_some_and(|id| own.contains(id)));
    Ok(warnings(met))
}

/// What a group brought together on the devices that are in it now and were not `before`.
pub fn brought_into(tx: &Tx, group_id: &str, before: &[String]) -> Result<Vec<Warning>> {
    let before: BTreeSet<&str> = before.iter().map(String::as_str).collect();
    let now = assignments::devices_of_group(tx, group_id)?;
    let came: Vec<&str> = now.iter().map(String::as_str).filter(|id| !before.contains(id)).collect();
    if came.is_empty() || own(tx, group_id)?.is_empty() {
        return Ok(Vec::new());
    }
    // On another of these devices the two may have met before: where there were fewer, it is news.
    let without = counted(tx, &meetings::of_devices(tx, &came, Some(group_id))?)?;
    let with = counted(tx, &meetings::of_devices(tx, &came, None)?)?;
    let is_news = |(what, (_, count)): &(&Key, &(Met, u64))| without.get(what).is_none_or(|(_, known)| known < count);
    Ok(warnings(with.iter().filter(is_news).map(|(_, (met, _))| met.clone()).collect()))
}

/// What tells something that meets from other such things.
type Key = (String, Option<String>, Option<String>, Option<String>);

/// Everything that meets, with the number of devices where it does.
fn counted(tx: &Tx, devices: &[Alike]) -> Result<BTreeMap<Key, (Met, u64)>> {
    let mut counted = BTreeMap::<Key, (Met, u64)>::new();
    for alike in devices {
        for met in all(tx, std::slice::from_ref(alike))? {
            let (one, other, of_type, key) = met.what();
            let what = (one.to_owned(), other.map(str::to_owned), of_type.map(str::to_owned), key.map(str::to_owned));
            counted.entry(what).or_insert((met, 0)).1 += alike.device_count;
        }
    }
    Ok(counted)
}

/// Ids of the things that are assigned to a group now.
fn own(tx: &Tx, group_id: &str) -> Result<BTreeSet<String>> {
    let open = assignments::of_group(tx, group_id)?.into_iter().filter(|row| row.ends_at.is_none_or(|end| end > tx.now));
    Ok(open.map(|row| row.item_id).collect())
}

fn warnings(met: Vec<Met>) -> Vec<Warning> {
    met.into_iter().map(|met| met.warning).take(CLASHES_MAX).collect()
}

/// Every two things that get in each other's way on such devices.
fn all(tx: &Tx, devices: &[Alike]) -> Result<Vec<Met>> {
    let mut met = Vec::new();
    let profiles = profiles_of(tx, devices)?;
    for (at, (profile, facts)) in profiles.iter().enumerate() {
        if met.len() >= CLASHES_MAX {
            break;
        }
        for (other, theirs) in &profiles[at + 1..] {
            let both = |alike: &&Alike| alike.profiles.contains(&profile.id) && alike.profiles.contains(&other.id);
            let count: u64 = devices.iter().filter(both).map(|alike| alike.device_count).sum();
            if count > 0 {
                let found = profiles::clashing((profile, facts), (other, theirs), count).into_iter();
                met.extend(found.map(|warning| Met { one: origin(profile), warning }));
            }
        }
        let own: Vec<Alike> = devices.iter().filter(|alike| alike.profiles.contains(&profile.id)).cloned().collect();
        let found = told(policies_met(tx, facts, &own)?, &format!("“{}”", profile.name)).into_iter();
        met.extend(found.map(|clash| Met { one: origin(profile), warning: clash.into() }));
    }
    met.extend(declarations(tx, devices)?);
    met.extend(empty(tx, devices)?);
    met.extend(hidden(tx, devices)?.into_iter().map(|hidden| Met { one: hidden.policy.clone(), warning: Clash::from(hidden).into() }));
    Ok(met)
}

/// The profiles of such devices, each once, in the version in use.
fn profiles_of(tx: &Tx, devices: &[Alike]) -> Result<Vec<(Profile, Facts)>> {
    let ids: BTreeSet<&String> = devices.iter().flat_map(|alike| &alike.profiles).collect();
    let mut found = Vec::new();
    for id in ids {
        let Some(profile) = profile_rows::by_id(tx, id)? else { continue };
        let facts = profiles::version(tx, id, profile.version)?.facts;
        found.push((profile, facts));
    }
    Ok(found)
}

/// Declarations that were brought here, with what they meet: each pair is told once.
fn declarations(tx: &Tx, devices: &[Alike]) -> Result<Vec<Met>> {
    let all = declared::of(tx, devices)?;
    let mut met = Vec::new();
    for (at, one) in all.iter().enumerate() {
        let own: Vec<Alike> = devices.iter().filter(|alike| alike.declarations.contains(&one.origin.id)).cloned().collect();
        let found = told(one.found(tx, &own, &all[at + 1..])?, &t!("The declaration “{name}”", name = one.origin.name));
        met.extend(found.into_iter().map(|clash| Met { one: one.origin.clone(), warning: clash.into() }));
    }
    Ok(met)
}

/// Policies whose lists have nothing in common.
fn empty(tx: &Tx, devices: &[Alike]) -> Result<Vec<Met>> {
    let mut lists = BTreeMap::<_, u64>::new();
    for alike in devices.iter().filter(|alike| alike.policies.len() > 1) {
        let policies = policies_of(tx, alike)?;
        let found: BTreeSet<_> = targets(tx, alike)?.iter().flat_map(|target| policies::empty_lists(&policies, target)).collect();
        for list in found {
            *lists.entry(list).or_default() += alike.device_count;
        }
    }
    let mut met = Vec::new();
    for (list, count) in lists {
        let Some(first) = list.origins.first().map(|origin| policy_rows::by_id(tx, &origin.id)).transpose()?.flatten() else { continue };
        met.extend(nothing_left(&first, list, count).map(|clash| Met { one: policy_origin(&first), warning: clash.into() }));
    }
    Ok(met)
}

fn origin(profile: &Profile) -> Origin {
    Origin { kind: AssignedKind::Profile, id: profile.id.clone(), name: profile.name.clone() }
}
