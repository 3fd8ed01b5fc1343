//! Groups that try new versions: whether any device of one can do so at all.

use crate::error::Result;
use crate::protocol::os_version::OsVersion;
use crate::protocol::package::Facts;
use crate::store::assignments::{self, Sort};
use crate::store::packages::{self as store, Package, Stage};
use crate::store::{Tx, groups};

/// Why the group that gets an app's new versions first tries none of them, in a sentence; nothing where a device of it can, or no group is chosen.
///
/// Judged by the versions on trial; where there are none, by the newest of those that are kept.
pub fn nobody_tries(tx: &Tx, app_id: &str) -> Result<Option<String>> {
    let mut tried = store::in_stage(tx, app_id, Stage::Pilot)?;
    if tried.is_empty() {
        tried.extend(store::of_app(tx, app_id)?.into_iter().next());
    }
    let mut doubts = Vec::new();
    for package in &tried {
        match nobody_for(tx, package)? {
            Some(doubt) => doubts.push(doubt),
            None => return Ok(None),
        }
    }
    Ok(doubts.into_iter().next())
}

/// Why no device of the pilot group tries this version; nothing where one can.
pub(super) fn nobody_for(tx: &Tx, package: &Package) -> Result<Option<String>> {
    let Some(group_id) = store::rollout(tx, &package.app_id)?.pilot_group_id else { return Ok(None) };
    let Some(group) = groups::by_id(tx, &group_id)? else { return Ok(None) };
    let sorts = assignments::sorts_in_group(tx, &group_id, &package.app_id)?;
    let (name, version) = (&group.name, package.words());
    Ok(match () {
        () if sorts.is_empty() => Some(t!(
            "The group “{name}”, which gets new versions first, has no device, so nobody tries version {version}. Add devices to it, or choose another group.",
            name,
            version
        )),
        () if !sorts.iter().any(|sort| package.facts.runs_on(sort.platform)) => Some(t!(
            "No device of the group “{name}”, which gets new versions first, can have version {version}: it does not run on any of them. Choose another group.",
            name,
            version
        )),
        () if !sorts.iter().any(|sort| is_able(&package.facts, sort)) => Some(t!(
            "No device of the group “{name}”, which gets new versions first, can have version {version}: it needs version {minimum_os} of the system, and all of them have older ones. Update one of them, or choose another group.",
            name,
            version,
            minimum_os = package.facts.minimum_os
        )),
        () if !sorts.iter().any(|sort| sort.is_wanted && is_able(&package.facts, sort)) => Some(t!(
            "The app is assigned to no device of the group “{name}” that can have version {version}, so nobody tries it. Assign the app to that group too, or choose another one.",
            name,
            version
        )),
        () => None,
    })
}

/// Whether a version runs on such devices, as far as they have said what they are.
fn is_able(facts: &Facts, sort: &Sort) -> bool {
    let (has, needs) = (OsVersion::parse(&sort.os_version), OsVersion::parse(&facts.minimum_os));
    facts.runs_on(sort.platform) && (facts.minimum_os.is_empty() || !has.is_known() || !has.is_older_than(needs))
}
