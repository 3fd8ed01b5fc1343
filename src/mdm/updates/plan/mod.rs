//! What every plan means for one enrollment: everything that decides is read here, nothing is changed.

mod declare;
mod item;
mod meant;

pub use declare::{IDENTIFIER, identifier};
pub use meant::{Aim, Meant, On, meant};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Timestamp, Wall, Zone};
use crate::error::Result;
use crate::mdm::settings;
use crate::mdm::updates::candidates;
use crate::mdm::updates::choose;
use crate::mdm::updates::next::{Facts, is_at_it, is_given_up};
use crate::mdm::updates::own_list;
use crate::mdm::updates::pauses::{self, Pause};
use crate::mdm::updates::rules::Rules;
use crate::mdm::updates::words;
use crate::mdm::wanted::{DeclarationPiece, Origin, Target};
use crate::protocol::platform::Platform;
use crate::store::Tx;
use crate::store::assignments::AssignedKind;
use crate::store::deployments::Mechanism;
use crate::store::devices::Device;
use crate::store::enrollments::Enrollment;
use crate::store::releases;
use crate::store::update_plans;
use crate::store::update_states::{self, Action, Stage, UpdateState};
use declare::enforcement;
use item::{Turn, by_hand, item, withdrawn};

/// How long a device that loads keeps its turn when only so many may at once; then the next begins, whatever became of it.
pub const TURN: Duration = Duration::from_secs(4 * 3600);

/// How long one keeps it that was told and has not begun: it may be off.
pub const TURN_UNUSED: Duration = Duration::from_secs(3600);

/// How often it is looked whether a turn was given back so.
const TURNS_LOOKED_AT: Duration = Duration::from_secs(15 * 60);

/// A plan that was read, with the groups of its rings.
#[derive(Debug, Clone)]
pub struct Read {
    /// The plan.
    pub plan: update_plans::Plan,
    /// What it says.
    pub rules: Rules,
    /// When it stood still.
    pub pauses: Vec<Pause>,
}

impl Read {
    /// The first ring that one of these groups is in.
    pub fn ring_of(&self, groups: &[String]) -> Option<usize> {
        self.rules.rings.iter().position(|ring| ring.groups.iter().any(|group| groups.contains(group)))
    }

    fn origin(&self) -> Origin {
        Origin { kind: AssignedKind::Update, id: self.plan.id.clone(), name: self.plan.name.clone() }
    }
}

/// Reads what a stored plan says.
pub fn read(tx: &Tx, plan: update_plans::Plan) -> Result<Read> {
    let (mut rules, pauses) = pauses::read(&plan.rules)?;
    for (ring, group) in update_plans::rings(tx, &plan.id)? {
        if let Some(ring) = rules.rings.get_mut(ring) {
            ring.groups.push(group);
        }
    }
    Ok(Read { plan, rules, pauses })
}

/// What is the same for many devices, worked out once for all that are looked at in a transaction.
#[derive(Debug, Default)]
pub struct Memo {
    plans: Option<Arc<[Read]>>,
    zone: Option<Zone>,
    /// What was found for devices of one kind.
    pub candidates: candidates::Memo,
}

impl Memo {
    fn plans(&mut self, tx: &Tx) -> Result<Arc<[Read]>> {
        if let Some(plans) = &self.plans {
            return Ok(Arc::clone(plans));
        }
        let plans: Arc<[Read]> = update_plans::all(tx)?.into_iter().map(|plan| read(tx, plan)).collect::<Result<_>>()?;
        self.plans = Some(Arc::clone(&plans));
        Ok(plans)
    }

    fn zone(&mut self, tx: &Tx) -> Result<Zone> {
        if self.zone.is_none() {
            self.zone = Some(settings::zone(tx)?);
        }
        Ok(self.zone.clone().unwrap_or_default())
    }
}

/// One plan on one enrollment, with all that decides.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The row once what is meant is noted.
    pub row: UpdateState,
    /// The row as it is stored.
    pub before: Option<UpdateState>,
    /// Whether the plan does not mean the enrollment any more: its row goes, and what waits is taken back.
    pub is_withdrawn: bool,
    /// Whether it is the one that is brought now; of several plans one is.
    pub acts: bool,
    /// What decides about commands besides.
    pub facts: Facts,
    /// How its command was lost, if it was.
    pub loss: Option<String>,
    /// Whether it is an improvement.
    pub is_improvement: bool,
}

/// Every plan of one enrollment.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// By plan.
    pub items: Vec<Planned>,
    /// What the device is served.
    pub pieces: Vec<DeclarationPiece>,
    /// When to look again, if nothing happens before.
    pub wake_at: Option<Timestamp>,
}

/// Reads what every plan means for an enrollment.
pub fn plan(tx: &Tx, (enrollment, device): (&Enrollment, &Device), target: &Target, groups: &[String], memo: &mut Memo) -> Result<Outcome> {
    if enrollment.parent_id.is_some() {
        return Ok(Outcome::default());
    }
    let plans = memo.plans(tx)?;
    let covering: Vec<(&Read, usize)> = plans.iter().filter_map(|read| read.ring_of(groups).map(|ring| (read, ring))).collect();
    let mut rows: BTreeMap<String, UpdateState> =
        update_states::of_enrollment(tx, &enrollment.id)?.into_iter().map(|row| (row.plan_id.clone(), row)).collect();
    if covering.is_empty() && rows.is_empty() {
        return Ok(Outcome::default());
    }
    let subject = candidates::subject(tx, device)?;
    let found = candidates::of(tx, &subject, &mut memo.candidates)?;
    let (found, asks) = own_list::or_own(tx, enrollment, target, &subject, found)?;
    let zone = zone_of(tx, device, memo)?;
    let on = On { target, subject: &subject, found: &found, zone: &zone, asks };
    let mut exceptions = update_plans::exceptions_of(tx, &device.id)?;
    exceptions.retain(|exception| exception.ends_at.is_none_or(|end| end > tx.now));
    let mut outcome = Outcome { wake_at: exceptions.iter().filter_map(|exception| exception.ends_at).min(), ..Outcome::default() };
    let mut all = Vec::new();
    if let Some(row) = rows.remove("") {
        outcome.items.push(by_hand(tx, enrollment, &on, row)?);
    }
    for (read, ring) in covering {
        let exception = exceptions.iter().find(|exception| exception.plan_id == read.plan.id);
        let meant = meant(read, ring, &on, exception, tx.now);
        all.push((read, ring, meant, rows.remove(&read.plan.id)));
    }
    // What goes on by itself: a release expires, begins to count, or the ring begins.
    outcome.wake_at = outcome.wake_at.into_iter().chain(candidates::changes_at(&found)).min();
    for (read, _, meant, _) in &all {
        let begins = match meant {
            Meant::Later { until, .. } => Some(*until),
            Meant::Bring(aim) => aim.next_at.into_iter().chain(aim.quiet_until).min(),
            _ => None,
        };
        let next = choose::counts_next(&read.rules, &found, zone.wall(tx.now).day()).map(|day| zone.moment(day.at(0)));
        outcome.wake_at = outcome.wake_at.into_iter().chain(next).chain(begins).min();
    }
    let is_busy = outcome.items.iter().any(|item| item.acts);
    let first = all
        .iter()
        .enumerate()
        .filter_map(|(at, (read, _, meant, row))| rank(read, &on, meant, row.as_ref()).map(|rank| (rank, at)))
        .min()
        .map(|(_, at)| at)
        .filter(|_| !is_busy);
    let winner = first.and_then(|at| all.get(at)).map(|(read, ..)| read.plan.name.as_str());
    for (at, (read, ring, meant, before)) in all.into_iter().enumerate() {
        let turn = match winner {
            _ if first == Some(at) => Turn::Own,
            Some(plan) => Turn::Of(plan),
            None => Turn::ByHand,
        };
        let item = item(tx, enrollment, &on, (read, ring), meant, before, turn)?;
        outcome.items.extend(item);
    }
    for (_, before) in rows {
        outcome.items.push(withdrawn(before));
    }
    let waits = outcome.items.iter().any(|item| item.row.stage == Stage::Planned && words::is_waiting_for_turn(&item.row));
    outcome.wake_at = outcome.wake_at.into_iter().chain(waits.then(|| tx.now.plus(TURNS_LOOKED_AT))).min();
    let served = outcome.items.iter().filter(|item| item.acts && item.row.mechanism == Mechanism::Declaration && is_served(&item.row));
    let details = |item: &Planned| plans.iter().find(|read| read.plan.id == item.row.plan_id);
    outcome.pieces = served.map(|item| enforcement(item, details(item))).collect();
    Ok(outcome)
}

/// Of several plans the one with the earliest deadline is brought, of equal ones the oldest; one that the device is at goes on. What was given up and what
/// may not begin now keeps no other from its turn.
fn rank(read: &Read, on: &On<'_>, meant: &Meant, row: Option<&UpdateState>) -> Option<(bool, Wall, Timestamp)> {
    let is_at_it = row.is_some_and(is_at_it);
    match meant {
        Meant::Bring(aim) if row.is_some_and(|row| is_given_up(row) && is_aimed_at(row, aim)) => None,
        Meant::Bring(aim) if aim.quiet_until.is_some() && !row.is_some_and(has_begun) => None,
        Meant::Bring(aim) => Some((!is_at_it, aim.deadline, read.plan.created_at)),
        Meant::Later { release, .. } if is_at_it => Some((false, release.deadline, read.plan.created_at)),
        Meant::Stopped { release, .. } if row.is_some_and(|row| is_out_of_hand(row, on)) => {
            Some((false, release.deadline, read.plan.created_at))
        }
        _ => None,
    }
}

/// Whether a row is about what is meant; another release, or another way to it, begins anew.
fn is_aimed_at(row: &UpdateState, aim: &Aim) -> bool {
    row.mechanism == aim.mechanism && row.version == aim.candidate.version.to_string()
}

/// Whether the device has been told, or is about to be.
fn has_begun(row: &UpdateState) -> bool {
    row.begun_at.is_some() && (row.is_under_way() || row.stage == Stage::Failed)
}

/// Whether a device goes on by itself, whatever is said to it: it installs, or it is a Mac that had its order.
fn is_out_of_hand(row: &UpdateState, on: &On<'_>) -> bool {
    let had_its_order = row.mechanism == Mechanism::Command
        && on.subject.platform == Platform::Macos
        && !row.scheduled.is_empty()
        && !matches!(row.action, Action::Download | Action::Notify);
    row.stage == Stage::Installing || had_its_order && is_at_it(row)
}

/// The time zone of a device; the appliance's where it does not say.
pub fn zone_of(tx: &Tx, device: &Device, memo: &mut Memo) -> Result<Zone> {
    let said = releases::facts_of_device(tx, &device.id)?.time_zone;
    match said.as_deref().and_then(Zone::named) {
        Some(zone) => Ok(zone),
        None => memo.zone(tx),
    }
}

/// Whether a device is to keep the declaration; one that failed is still tried by the device itself.
fn is_served(row: &UpdateState) -> bool {
    row.is_under_way() || row.stage == Stage::Failed
}
