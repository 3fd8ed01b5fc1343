//! Which profile each device is to have: its own, else its group's, else its family's. What is missing at Apple becomes something to ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::ade::presets;
use crate::pki::digest::sha256;
use crate::protocol::ade::{ASSIGN_MAX, AssignOutcome, ProfileKeys, Surroundings};
use crate::store::ade_devices::{self, AdeDevice, AssignResult};
use crate::store::ade_profiles::{self, Defined};
use crate::store::{Tx, devices, groups};

/// The first wait after Apple could not assign a profile; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(10 * 60);

/// The longest wait.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// How long a throttled device rests where Apple does not say.
const THROTTLED_WAIT: Duration = Duration::from_secs(3600);

/// The shortest such rest that is believed.
const THROTTLED_MIN: Duration = Duration::from_secs(60);

/// How long a profile that Apple refused is left alone, unless it is changed.
pub(super) const REFUSED_WAIT: Duration = Duration::from_secs(24 * 3600);

/// Who chooses for a server's devices.
pub(super) struct Choice {
    defaults: BTreeMap<String, String>,
    /// The kind of each profile.
    kinds: BTreeMap<String, String>,
    /// Group and profile, by the group's name: the first that fits counts.
    groups: Vec<(String, String)>,
}

impl Choice {
    pub(super) fn of(tx: &Tx, server_id: &str) -> Result<Self> {
        let groups = ade_profiles::of_groups(tx)?.into_iter().map(|(group, _, profile)| (group, profile)).collect();
        let kinds = ade_profiles::all(tx)?.into_iter().map(|profile| (profile.id, profile.kind)).collect();
        Ok(Self { defaults: ade_profiles::defaults(tx, server_id)?.into_iter().collect(), kinds, groups })
    }

    /// The profile that a device is to have, if any.
    pub(super) fn profile(&self, tx: &Tx, device: &AdeDevice) -> Result<Option<String>> {
        if let Some(chosen) = &device.chosen_profile_id {
            return Ok(Some(chosen.clone()));
        }
        if !self.groups.is_empty()
            && let Some(profile) = self.of_groups(&groups_of(tx, device)?, &device.device_family)
        {
            return Ok(Some(profile));
        }
        let family = device.device_family.as_str();
        let of = |of: &str| self.defaults.get(of).filter(|profile| self.suits(profile, family));
        Ok(of(family).or_else(|| of("")).cloned())
    }

    fn of_groups(&self, of_device: &BTreeSet<String>, family: &str) -> Option<String> {
        let counts = |(group, profile): &&(String, String)| of_device.contains(group) && self.suits(profile, family);
        self.groups.iter().find(counts).map(|(_, profile)| profile.clone())
    }

    /// Whether a profile is for devices of a family: one that a group or all others have is passed over for those that it is not for.
    fn suits(&self, profile: &str, family: &str) -> bool {
        self.kinds.get(profile).is_none_or(|kind| presets::suits(kind, family))
    }
}

/// The groups of a device: the one it will be in, and those of the enrolled device.
pub(super) fn groups_of(tx: &Tx, device: &AdeDevice) -> Result<BTreeSet<String>> {
    let mut all: BTreeSet<_> = device.group_id.iter().cloned().collect();
    if let Some(enrolled) = devices::by_serial_number(tx, &device.serial_number)?.filter(|device| device.deleted_at.is_none()) {
        all.extend(groups::of_device(tx, &enrolled.id)?.into_iter().map(|group| group.id));
    }
    Ok(all)
}

/// Decides anew for every device of a server; gives how many are to have another profile than before.
pub(super) fn settle(tx: &Tx, server_id: &str) -> Result<usize> {
    let choice = Choice::of(tx, server_id)?;
    let mut changed = 0;
    for device in ade_devices::of_server(tx, server_id)? {
        let profile_id = choice.profile(tx, &device)?;
        if profile_id != device.profile_id {
            // Another profile is asked for at once; only Apple's own waits stay.
            let (attempts, retry_at) =
                if device.result == AssignResult::Throttled { (device.attempts, device.retry_at) } else { (0, None) };
            ade_devices::put(tx, &AdeDevice { profile_id, attempts, retry_at, ..device })?;
            changed += 1;
        }
    }
    Ok(changed)
}

/// A profile that Apple is to have.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// Which of ours.
    pub profile_id: String,
    /// The digest of what is sent.
    pub digest: String,
    /// What is sent.
    pub body: serde_json::Value,
}

/// Devices that are to get a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Which of ours.
    pub profile_id: String,
    /// Apple's id of it.
    pub profile_uuid: String,
    /// Their serial numbers.
    pub serial_numbers: Vec<String>,
}

/// What is missing at Apple.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Missing {
    Definition(Definition),
    Batch(Batch),
}

/// What Apple is sent of a profile, and its digest.
fn definition(tx: &Tx, profile_id: &str, around: &Surroundings) -> Result<Option<Definition>> {
    let Some(profile) = ade_profiles::by_id(tx, profile_id)? else { return Ok(None) };
    let body = ProfileKeys::from_json(&profile.content).definition(&profile.name, around);
    let digest = crate::pki::hex(&sha256(body.to_string().as_bytes()));
    Ok(Some(Definition { profile_id: profile_id.to_owned(), digest, body }))
}

/// Whether Apple has a device's profile already.
fn has(device: &AdeDevice, uuid: &str) -> bool {
    matches!(device.profile_status.as_str(), "assigned" | "pushed") && device.profile_uuid.eq_ignore_ascii_case(uuid)
}

/// A device that has its profile needs no further attempt: its answer may have been lost.
fn heal(tx: &Tx, device: AdeDevice) -> Result<()> {
    if device.result == AssignResult::Success && device.retry_at.is_none() {
        return Ok(());
    }
    ade_devices::put(tx, &AdeDevice { result: AssignResult::Success, attempts: 0, retry_at: None, ..device })
}

/// The first thing that is missing, and when the next one may be asked for that cannot be now.
pub(super) fn missing(tx: &Tx, server_id: &str, around: &Surroundings) -> Result<(Option<Missing>, Option<Timestamp>)> {
    let mut by_profile: BTreeMap<String, Vec<AdeDevice>> = BTreeMap::new();
    for device in ade_devices::of_server(tx, server_id)? {
        if let Some(profile) = &device.profile_id {
            by_profile.entry(profile.clone()).or_default().push(device);
        }
    }
    let defined: BTreeMap<String, Defined> =
        ade_profiles::defined(tx, server_id)?.into_iter().map(|defined| (defined.profile_id.clone(), defined)).collect();
    let mut later: Option<Timestamp> = None;
    let mut wait_for = |at: Timestamp| later = Some(later.map_or(at, |later| later.min(at)));
    for (profile_id, devices) in by_profile {
        let Some(wanted) = definition(tx, &profile_id, around)? else { continue };
        let at_apple = defined.get(&profile_id).filter(|defined| defined.digest == wanted.digest);
        let uuid = match at_apple {
            Some(defined) if defined.profile_uuid.is_empty() => match defined.due_at.filter(|due| *due > tx.now) {
                Some(due) => {
                    wait_for(due);
                    continue;
                }
                None => return Ok((Some(Missing::Definition(wanted)), None)),
            },
            Some(defined) => defined.profile_uuid.clone(),
            None => return Ok((Some(Missing::Definition(wanted)), None)),
        };
        let mut serial_numbers = Vec::new();
        for device in devices {
            if has(&device, &uuid) {
                heal(tx, device)?;
                continue;
            }
            match device.retry_at.filter(|retry| *retry > tx.now) {
                Some(retry) => wait_for(retry),
                None if serial_numbers.len() < ASSIGN_MAX => serial_numbers.push(device.serial_number.clone()),
                None => {}
            }
        }
        if !serial_numbers.is_empty() {
            return Ok((Some(Missing::Batch(Batch { profile_id, profile_uuid: uuid, serial_numbers })), None));
        }
    }
    Ok((None, later))
}

/// Takes what became of one device of a batch. `wait_s` is how long Apple wants throttled ones to rest, where it says so.
pub(super) fn assigned(tx: &Tx, server_id: &str, serial: &str, uuid: &str, came: Option<AssignOutcome>, wait_s: Option<u64>) -> Result<()> {
    let Some(mut device) = ade_devices::of(tx, server_id, serial)? else { return Ok(()) };
    uuid.clone_into(&mut device.sent_uuid);
    device.result_at = Some(tx.now);
    let attempts = device.attempts;
    device.attempts += 1;
    let wait = match came {
        Some(AssignOutcome::Success) => {
            (device.result, device.attempts, device.retry_at) = (AssignResult::Success, 0, None);
            (device.profile_uuid, device.profile_status) = (uuid.to_owned(), String::from("assigned"));
            device.profile_assigned_at = Some(tx.now);
            return ade_devices::put(tx, &device);
        }
        Some(AssignOutcome::NotAccessible) => {
            device.result = AssignResult::NotAccessible;
            LONGEST_WAIT
        }
        Some(AssignOutcome::Throttled) => {
            device.result = AssignResult::Throttled;
            wait_s.map_or(THROTTLED_WAIT, Duration::from_secs).clamp(THROTTLED_MIN, LONGEST_WAIT)
        }
        // What Apple says nothing of was not done.
        Some(AssignOutcome::Failed) | None => {
            device.result = AssignResult::Failed;
            wait(attempts)
        }
    };
    device.retry_at = Some(tx.now.plus(wait));
    ade_devices::put(tx, &device)
}

/// How long to wait after this many attempts that failed.
fn wait(attempts: i64) -> Duration {
    FIRST_WAIT.saturating_mul(1 << attempts.clamp(0, 12)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        assert_eq!((wait(0), wait(1), wait(i64::MAX)), (FIRST_WAIT, 2 * FIRST_WAIT, LONGEST_WAIT));
    }
}
