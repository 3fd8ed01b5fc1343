//! What a plan would do, before it is saved: how many devices by which mechanism and by when, who cannot and why. The same call as the deed.

mod warnings;

pub use warnings::warnings;

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::{Day, Timestamp, Wall, Zone};
use crate::error::{Error, Result};
use crate::mdm::reconcile;
use crate::mdm::updates::candidates;
use crate::mdm::updates::own_list;
use crate::mdm::updates::pauses::{self, Pause};
use crate::mdm::updates::plan::{self, Meant, Memo, On, Read, meant};
use crate::mdm::updates::plans;
use crate::mdm::updates::rules::{Rules, Target};
use crate::mdm::updates::timing;
use crate::mdm::{Actor, Right};
use crate::store::deployments::Mechanism;
use crate::store::enrollments::{self, EnrollmentState};
use crate::store::update_plans::{self, Plan};
use crate::store::{Tx, assignments, devices, groups};

/// The most devices that are looked at; of more, the first by id are.
pub const DEVICES_MAX: usize = 20_000;

/// What would become of one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = UpdateForeseen)]
pub enum Foreseen {
    /// It is brought by a declaration.
    Declaration,
    /// It is brought by commands.
    Command,
    /// It has what is wanted.
    Done,
    /// It cannot have it.
    Cannot,
    /// The plan leaves it alone.
    Excepted,
    /// The plan is about others.
    NotConcerned,
    /// It is not enrolled, or has not said yet what it is.
    Later,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UpdateForeseenDevice)]
pub struct Device {
    /// Its id.
    pub device_id: String,
    /// What people call it.
    pub name: String,
    /// What it runs.
    pub os_version: String,
    /// The ring that it is in, from 0.
    pub ring: usize,
    /// What would become of it.
    pub foreseen: Foreseen,
    /// The version that it would get.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// When it may begin, on its own clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens: Option<Wall>,
    /// By when, on its own clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Wall>,
    /// The last day on which Apple signs it, where the deadline is earlier than the plan says because of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_until: Option<Day>,
    /// Whether that has passed as it stands, so that it installs as soon as it is told.
    pub is_late: bool,
    /// Why not.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub because: String,
    /// Other plans that mean to bring it something as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub besides: Vec<Besides>,
}

/// Another plan that means to bring a device something as well: of several, the one with the earliest deadline comes first, of equal ones the oldest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UpdateBesides)]
pub struct Besides {
    /// Its id.
    pub plan_id: String,
    /// What people call it.
    pub plan: String,
    /// The version that it brings.
    pub version: String,
    /// By when, on the device's own clock.
    pub deadline: Wall,
    /// Whether it comes first there.
    pub comes_first: bool,
}

/// Another plan that is about some of the same devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UpdateOverlap)]
pub struct Overlap {
    /// Its id.
    pub plan_id: String,
    /// What people call it.
    pub plan: String,
    /// How many devices both mean to bring something.
    pub devices: u32,
    /// On how many of them it comes first.
    pub comes_first_on: u32,
}

/// All devices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UpdatePreview)]
pub struct Preview {
    /// How many get it how.
    pub counts: BTreeMap<Foreseen, u32>,
    /// Why devices cannot, each with how many, the most first.
    pub reasons: Vec<Reason>,
    /// Other plans that are about some of the devices, those with the most first.
    pub overlaps: Vec<Overlap>,
    /// The devices, by ring and name.
    pub devices: Vec<Device>,
    /// Whether there are more than are looked at.
    pub is_cut: bool,
}

/// Why devices cannot have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = UpdateReason)]
pub struct Reason {
    /// Why, a sentence without a full stop.
    pub because: String,
    /// How many.
    pub devices: u32,
}

/// Looks what a plan would do; `id` is that of the stored plan that it would change.
///
/// # Errors
/// Those of saving it, so that what is shown can be saved.
pub fn preview(tx: &Tx, actor: &Actor, id: Option<&str>, rules: &Rules) -> Result<Preview> {
    actor.require(Right::View)?;
    rules.check()?;
    for group in rules.rings.iter().flat_map(|ring| &ring.groups) {
        if groups::by_id(tx, group)?.is_none() {
            return Err(Error::field("rings", t!("there is no group {said}", said = group.chars().take(60).collect::<String>())));
        }
    }
    let read = draft(tx, id, rules)?;
    let others = others(tx, &read.plan.id)?;
    let mut rings: BTreeMap<String, usize> = BTreeMap::new();
    for (ring, groups) in rules.rings.iter().enumerate() {
        for group in &groups.groups {
            for device in assignments::devices_of_group(tx, group)? {
                rings.entry(device).or_insert(ring);
            }
        }
    }
    let mut memo = Memo::default();
    let mut preview = Preview { is_cut: rings.len() > DEVICES_MAX, ..Preview::default() };
    for (device_id, ring) in rings.into_iter().take(DEVICES_MAX) {
        preview.devices.extend(device(tx, (&read, ring), &others, &device_id, &mut memo)?);
    }
    let mut reasons: BTreeMap<&str, u32> = BTreeMap::new();
    for device in &preview.devices {
        *preview.counts.entry(device.foreseen).or_default() += 1;
        if device.foreseen == Foreseen::Cannot {
            *reasons.entry(&device.because).or_default() += 1;
        }
    }
    preview.reasons = reasons.into_iter().map(|(because, devices)| Reason { because: because.to_owned(), devices }).collect();
    preview.reasons.sort_by_key(|reason| std::cmp::Reverse(reason.devices));
    preview.overlaps = overlaps(&preview.devices);
    preview.devices.sort_by_cached_key(|device| (device.ring, device.name.to_lowercase(), device.device_id.clone()));
    Ok(preview)
}

/// The other plans that bring something now.
fn others(tx: &Tx, id: &str) -> Result<Vec<Read>> {
    let plans = update_plans::all(tx)?.into_iter().filter(|plan| plan.id != id && plan.stopped_at.is_none());
    plans.map(|other| plan::read(tx, other)).collect()
}

fn overlaps(devices: &[Device]) -> Vec<Overlap> {
    let mut overlaps: BTreeMap<&str, Overlap> = BTreeMap::new();
    for besides in devices.iter().flat_map(|device| &device.besides) {
        let blank = || Overlap { plan_id: besides.plan_id.clone(), plan: besides.plan.clone(), devices: 0, comes_first_on: 0 };
        let overlap = overlaps.entry(&besides.plan_id).or_insert_with(blank);
        overlap.devices += 1;
        overlap.comes_first_on += u32::from(besides.comes_first);
    }
    let mut overlaps: Vec<_> = overlaps.into_values().collect();
    overlaps.sort_by_key(|overlap| std::cmp::Reverse(overlap.devices));
    overlaps
}

fn draft(tx: &Tx, id: Option<&str>, rules: &Rules) -> Result<Read> {
    let stored = match id {
        Some(id) => update_plans::by_id(tx, id)?,
        None => None,
    };
    let before = stored.as_ref().map(|plan| pauses::read(&plan.rules)).transpose()?;
    plans::not_past(tx, rules, before.as_ref().map(|(rules, _)| rules))?;
    let mut pauses = before.map(|(_, pauses)| pauses).unwrap_or_default();
    // A stopped plan is shown as though it went on now.
    if let Some(from) = stored.as_ref().and_then(|plan| plan.stopped_at) {
        pauses::add(&mut pauses, Pause { from, to: tx.now });
    }
    let plan = stored.unwrap_or_else(|| Plan {
        id: String::new(),
        name: String::new(),
        note: String::new(),
        rules: String::new(),
        stopped_at: None,
        stopped_because: String::new(),
        revision: 0,
        created_by: String::new(),
        created_at: tx.now,
        changed_at: tx.now,
    });
    Ok(Read { plan: Plan { stopped_at: None, ..plan }, rules: rules.clone(), pauses })
}

/// The moment for which it is looked what is meant: where the age of a release counts, that is the ring's beginning, at which it is older than now.
fn foreseen_at(rules: &Rules, ring: usize, zone: &Zone, now: Timestamp) -> Timestamp {
    match rules.target {
        Target::NewestMinusDays { .. } => timing::window(rules, &[], ring, None).map_or(now, |window| zone.moment(window.opens).max(now)),
        _ => now,
    }
}

fn device(tx: &Tx, (read, ring): (&Read, usize), others: &[Read], device_id: &str, memo: &mut Memo) -> Result<Option<Device>> {
    let Some(device) = devices::by_id(tx, device_id)?.filter(|device| device.deleted_at.is_none()) else { return Ok(None) };
    let mut told = Device {
        device_id: device.id.clone(),
        name: device.name.clone(),
        os_version: device.os_version.clone(),
        ring,
        foreseen: Foreseen::Later,
        version: String::new(),
        opens: None,
        deadline: None,
        signed_until: None,
        is_late: false,
        because: String::new(),
        besides: Vec::new(),
    };
    let enrollment = enrollments::device_channel(tx, &device.id)?.filter(|enrollment| enrollment.state == EnrollmentState::Enrolled);
    let Some(enrollment) = enrollment.filter(|_| device.facts_at.is_some()) else {
        told.because = String::from(t!("it is not enrolled, or has not said yet what it is"));
        return Ok(Some(told));
    };
    let target = reconcile::target(tx, &enrollment, &device, &[])?;
    let subject = candidates::subject(tx, &device)?;
    let found = candidates::of(tx, &subject, &mut memo.candidates)?;
    let (found, asks) = own_list::or_own(tx, &enrollment, &target, &subject, found)?;
    let zone = plan::zone_of(tx, &device, memo)?;
    let mut exceptions = update_plans::exceptions_of(tx, &device.id)?;
    exceptions.retain(|exception| exception.ends_at.is_none_or(|end| end > tx.now));
    let exception = |plan_id: &str| exceptions.iter().find(|exception| exception.plan_id == plan_id);
    let on = On { target: &target, subject: &subject, found: &found, zone: &zone, asks };
    match meant(read, ring, &on, exception(&read.plan.id), foreseen_at(&read.rules, ring, &zone, tx.now)) {
        Meant::Ask => {
            (told.foreseen, told.because) = (Foreseen::Command, String::from(t!("it is asked first what it finds itself")));
        }
        Meant::Nothing => told.foreseen = Foreseen::NotConcerned,
        Meant::Done => told.foreseen = Foreseen::Done,
        Meant::Excepted(because) => (told.foreseen, told.because) = (Foreseen::Excepted, because),
        Meant::Cannot(because) => (told.foreseen, told.because) = (Foreseen::Cannot, because.words),
        Meant::Later { release, .. } | Meant::Stopped { release, .. } | Meant::Bring(release) => {
            told.foreseen = match release.mechanism {
                Mechanism::Declaration => Foreseen::Declaration,
                Mechanism::Command => Foreseen::Command,
            };
            told.version = release.candidate.version.to_string();
            told.opens = Some(release.window.opens);
            told.deadline = Some(release.deadline);
            told.signed_until = release.candidate.expires.filter(|_| release.deadline < release.window.deadline);
            told.is_late = zone.moment(release.window.deadline) <= tx.now || release.deadline_at <= tx.now;
            let groups = assignments::groups_of_device(tx, &device.id)?;
            let covering = others.iter().filter_map(|other| Some((other, other.ring_of(&groups)?)));
            let besides = covering.filter_map(|(other, ring)| {
                let aim = meant(other, ring, &on, exception(&other.plan.id), tx.now).aim()?;
                Some(Besides {
                    plan_id: other.plan.id.clone(),
                    plan: other.plan.name.clone(),
                    version: aim.candidate.version.to_string(),
                    deadline: aim.deadline,
                    comes_first: (aim.deadline, other.plan.created_at) < (release.deadline, read.plan.created_at),
                })
            });
            told.besides = besides.collect();
        }
    }
    Ok(Some(told))
}
