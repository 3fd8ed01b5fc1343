//! Updates in the reconciler: what was decided for a device is done, and what it says of it is taken in.

mod hear;

pub use hear::{system_told, update_answered, update_reported};

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::{Kind, Result};
use crate::language;
use crate::mdm::checkin::actor;
use crate::mdm::reconcile::ACTOR;
use crate::mdm::reconcile::preview::{Foreseen, Thing};
use crate::mdm::reconcile::standing::{Standing, State};
use crate::mdm::updates::next::{self, Ask, Step};
use crate::mdm::updates::plan::{self, Outcome, Planned};
use crate::mdm::updates::{plans, progress, words};
use crate::mdm::wanted::Origin;
use crate::mdm::{commands, journal, settings};
use crate::protocol::command::{self, Command as Order, InstallAction, UpdateTarget};
use crate::store::assignments::AssignedKind;
use crate::store::deployments::{self, Mechanism};
use crate::store::enrollments::Enrollment;
use crate::store::update_plans;
use crate::store::update_states::{self, Stage, UpdateState};
use crate::store::{Bell, Tx};

/// What marks the command of a plan in the queue: a newer one of the same plan replaces it, and none of another's.
fn supersede_key(plan_id: &str) -> String {
    format!("update:{plan_id}")
}

/// Deferrals of a Mac at most: one a day until the deadline.
const DEFERRALS_MAX: u64 = 30;

/// Does what was decided for the updates of an enrollment; gives when to look again.
pub(super) fn act(tx: &Tx, enrollment: &Enrollment, outcome: &Outcome) -> Result<Option<Timestamp>> {
    let mut wakes: Vec<Timestamp> = outcome.wake_at.into_iter().collect();
    for planned in &outcome.items {
        act_on(tx, enrollment, planned.clone(), &mut wakes)?;
    }
    Ok(wakes.into_iter().filter(|at| *at > tx.now).min())
}

fn act_on(tx: &Tx, enrollment: &Enrollment, mut planned: Planned, wakes: &mut Vec<Timestamp>) -> Result<()> {
    if !planned.acts || planned.row.mechanism == Mechanism::Declaration {
        take_back(tx, enrollment, &mut planned.row)?;
    }
    if planned.is_withdrawn {
        update_states::end_run(tx, &planned.row.plan_id, &enrollment.device_id, update_states::Outcome::Withdrawn)?;
        return update_states::forget(tx, &enrollment.id, &planned.row.plan_id);
    }
    if planned.acts && planned.row.mechanism == Mechanism::Command {
        command(tx, enrollment, &mut planned, wakes)?;
    }
    // What has not begun may have another deadline from there, and is not late before it is told.
    wakes.extend(planned.row.deadline_at.filter(|_| planned.acts || planned.row.stage == Stage::Planned));
    note_run(tx, enrollment, &planned)?;
    store(tx, enrollment, planned.before.as_ref(), &planned.row)
}

/// Sends what is next by command.
fn command(tx: &Tx, enrollment: &Enrollment, planned: &mut Planned, wakes: &mut Vec<Timestamp>) -> Result<()> {
    if let Some(because) = planned.loss.take() {
        next::lost(&mut planned.row, &because, tx.now);
    }
    match next::next(&planned.row, &planned.facts, tx.now) {
        Step::Rest(until) => {
            if let Some(at) = until.filter(|_| planned.row.stage == Stage::Waiting && planned.row.due_at.is_none()) {
                let zone = settings::zone(tx)?;
                next::enter(
                    &mut planned.row,
                    Stage::Waiting,
                    &t!("quiet hours: it goes on at {time}", time = language::date(zone.words(at))),
                    tx.now,
                );
            }
            wakes.extend(until);
        }
        Step::Send(ask) => {
            let order = order(tx, &planned.row, ask);
            match commands::enqueue_own(tx, &ACTOR, enrollment, order, Some(&supersede_key(&planned.row.plan_id)), None) {
                Ok(command) => next::sent(&mut planned.row, ask, command.uuid, tx.now),
                Err(error) if error.kind == Kind::Conflict => {
                    planned.row.due_at = Some(next::asked_again_at(&planned.row, tx.now));
                    planned.row.problem = error.message.into_owned();
                    wakes.extend(planned.row.due_at);
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

fn order(tx: &Tx, row: &UpdateState, ask: Ask) -> Order {
    let uuid = tx.command_uuid();
    match ask {
        Ask::Scan => command::schedule_os_update_scan(uuid, true),
        Ask::Available => command::available_os_updates(uuid),
        Ask::Status => command::os_update_status(uuid),
        Ask::Schedule(action) => {
            let target = if row.product_key.is_empty() {
                UpdateTarget::ProductVersion(row.version.clone())
            } else {
                UpdateTarget::ProductKey(row.product_key.clone())
            };
            let days = row.deadline_at.map(|at| at.since(tx.now).as_secs() / 86_400);
            let deferrals = days.filter(|_| action == InstallAction::InstallLater && row.product_key.is_empty());
            command::schedule_os_update(uuid, target, action, deferrals.map(|days| days.clamp(1, DEFERRALS_MAX) as u32))
        }
    }
}

/// Takes back what still waits in the queue; what the device was offered is out of hand.
fn take_back(tx: &Tx, enrollment: &Enrollment, row: &mut UpdateState) -> Result<()> {
    if let Some(uuid) = row.command_uuid.take() {
        commands::take_back(tx, enrollment, &uuid, t!("the update is not wanted so any more"))?;
    }
    Ok(())
}

/// Notes what a plan brings to a device, and how that ended.
fn note_run(tx: &Tx, enrollment: &Enrollment, planned: &Planned) -> Result<()> {
    let (row, before) = (&planned.row, planned.before.as_ref());
    if row.plan_id.is_empty() {
        return Ok(());
    }
    let was_begun = before.is_some_and(|before| before.begun_at.is_some());
    // One that could not be had for a while had its run ended.
    let is_another = before.is_some_and(|before| before.version != row.version || before.stage == Stage::Cannot);
    match row.stage {
        Stage::Done if was_begun && row.done_at.is_some() => {
            update_states::end_run(tx, &row.plan_id, &enrollment.device_id, update_states::Outcome::Done)
        }
        Stage::Done | Stage::Cannot | Stage::Excepted if was_begun => {
            update_states::end_run(tx, &row.plan_id, &enrollment.device_id, update_states::Outcome::Withdrawn)
        }
        _ if row.begun_at.is_some() && (!was_begun || is_another) => {
            update_states::begin_run(tx, &row.plan_id, &enrollment.device_id, row.ring, &row.version)
        }
        _ => Ok(()),
    }
}

/// Stores a row, tells what is news in it, and lets the next have its turn.
fn store(tx: &Tx, enrollment: &Enrollment, before: Option<&UpdateState>, row: &UpdateState) -> Result<()> {
    if before == Some(row) {
        return Ok(());
    }
    update_states::put(tx, &enrollment.id, row)?;
    let (stage_before, attempts_before) = before.map_or((Stage::Planned, 0), |before| (before.stage, before.attempts));
    if row.attempts > attempts_before || row.stage == Stage::Failed && stage_before != Stage::Failed {
        plans::judge(tx, &row.plan_id)?;
    }
    if stage_before == row.stage {
        return Ok(());
    }
    tell(tx, enrollment, before, row)?;
    let took_a_turn = before.is_some_and(UpdateState::takes_a_turn);
    if took_a_turn && !row.takes_a_turn() && !row.plan_id.is_empty() {
        for waiting in update_states::not_begun(tx, &row.plan_id, 1)? {
            deployments::look_again_at(tx, &waiting)?;
            tx.ring(Bell::Jobs);
        }
    }
    Ok(())
}

/// What the timeline says of an update.
fn tell(tx: &Tx, enrollment: &Enrollment, before: Option<&UpdateState>, row: &UpdateState) -> Result<()> {
    let kind = match row.stage {
        Stage::Done if row.done_at.is_some() => "update.done",
        Stage::Downloading => "update.downloading",
        Stage::Prepared => "update.prepared",
        Stage::Installing => "update.installing",
        Stage::Failed => "update.failed",
        Stage::Waiting if before.is_none_or(|before| before.begun_at.is_none()) => "update.begun",
        _ => return Ok(()),
    };
    let plan = if row.plan_id.is_empty() { None } else { update_plans::by_id(tx, &row.plan_id)?.map(|plan| plan.name) };
    let data = json!({ "version": row.version, "build": row.build, "plan": plan, "because": words::said(&row.problem) });
    journal::note(tx, &actor(enrollment), kind, enrollment, data)
}

/// Whether the declaration with this identifier, or its activation, is that of an update.
pub(super) fn is_update(identifier: &str) -> bool {
    identifier.starts_with(plan::IDENTIFIER)
}

/// What would be done about the updates of a device.
pub(super) fn foreseen(tx: &Tx, outcome: &Outcome) -> Result<Vec<Thing>> {
    let mut things = Vec::new();
    for planned in outcome.items.iter().filter(|planned| !planned.is_withdrawn) {
        let row = &planned.row;
        let foreseen = match row.stage {
            Stage::Done | Stage::Cannot | Stage::Excepted => continue,
            Stage::Planned | Stage::Failed => Foreseen::Later,
            Stage::Waiting if planned.before.as_ref().is_none_or(|before| before.stage != Stage::Waiting) => Foreseen::Sent,
            _ => Foreseen::UnderWay,
        };
        things.push(Thing {
            identifier: plan::identifier(&row.plan_id),
            name: words::name(row),
            mechanism: row.mechanism,
            foreseen,
            retry_at: row.due_at,
            origins: vec![origin(tx, row)?],
            came_from: Vec::new(),
        });
    }
    Ok(things)
}

fn origin(tx: &Tx, row: &UpdateState) -> Result<Origin> {
    let plan = update_plans::by_id(tx, &row.plan_id)?;
    let name = plan.map_or_else(|| String::from(t!("Started by hand")), |plan| plan.name);
    Ok(Origin { kind: AssignedKind::Update, id: row.plan_id.clone(), name })
}

/// How the updates of a device stand.
pub(super) fn standing(tx: &Tx, enrollment: &Enrollment) -> Result<Vec<Standing>> {
    let mut things = Vec::new();
    for row in update_states::of_enrollment(tx, &enrollment.id)? {
        if matches!(row.stage, Stage::Done | Stage::Cannot | Stage::Excepted) {
            continue;
        }
        let (because, remedy) = progress::because(tx, enrollment, &row)?;
        things.push(Standing {
            identifier: plan::identifier(&row.plan_id),
            name: words::name(&row),
            mechanism: row.mechanism,
            state: if row.stage == Stage::Failed { State::Failed } else { State::Waiting },
            words: None,
            because,
            remedy,
            retry_at: row.due_at,
            since_at: Some(row.changed_at),
            origins: vec![origin(tx, &row)?],
        });
    }
    Ok(things)
}

/// A new generation of an enrollment has nothing under way.
pub(super) fn begin_anew(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    for row in update_states::of_enrollment(tx, &enrollment.id)? {
        update_states::forget(tx, &enrollment.id, &row.plan_id)?;
        if !row.plan_id.is_empty() {
            update_states::end_run(tx, &row.plan_id, &enrollment.device_id, update_states::Outcome::Withdrawn)?;
        }
    }
    Ok(())
}
