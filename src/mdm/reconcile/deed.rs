//! The deed: what was decided for an enrollment is written down and queued, in one transaction.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::mdm::reconcile::gather::{Change, Memo};
use crate::mdm::reconcile::outlook::{Item, Outlook, outlook};
use crate::mdm::reconcile::render::Profile;
use crate::mdm::reconcile::step::{self, Step};
use crate::mdm::reconcile::{ACTOR, supersede_key};
use crate::mdm::reconcile::{apps, updates};
use crate::mdm::{capability, commands, declarations, focus, journal, provisioning};
use crate::protocol::command::{self, Command as Order};
use crate::store::commands as queue;
use crate::store::declared::{self, Declared};
use crate::store::deployments::{self, DECLARATIONS, Deployment, Plan};
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::{Tx, devices};

/// Enrollments that are planned for in one transaction: some twenty milliseconds, so that no check-in waits behind it for long, and enough that what is
/// worked out once for all of them costs each little.
pub const PAGE: u32 = 100;

/// How long a plan rests that could not be made by a fault of ours.
pub const AFTER_FAULT: Duration = Duration::from_secs(3600);

/// Plans for an enrollment if that is due.
pub fn plan_if_due(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    if deployments::is_due(tx, &enrollment.id)? { plan(tx, &enrollment.id) } else { Ok(()) }
}

/// What one page worked out that holds for many devices, for the next page: a school's planning is a hundred pages, and would work it out a hundred
/// times. It is forgotten as soon as anybody else wrote anything, and when the clock moved on, for either may change what is wanted.
#[derive(Debug, Default)]
pub struct Carried {
    memo: Memo,
    /// [`Tx::writes`] and the moment of the page that it was worked out in.
    of: Option<(u64, Timestamp)>,
}

impl Carried {
    /// What still holds in this transaction.
    fn still_true(self, tx: &Tx) -> Memo {
        if self.of == Some((tx.writes(), tx.now)) { self.memo } else { Memo::default() }
    }
}

/// Plans for the enrollments that are due, at most [`PAGE`] of them; gives how many, and what the next page may begin with once this one is committed.
///
/// # Errors
/// The page has to be planned by [`plan_apart`] when one of them cannot be made by a fault of ours.
pub fn plan_page(tx: &Tx, carried: Carried) -> Result<(usize, Carried)> {
    let due = deployments::due(tx, PAGE)?;
    if due.is_empty() {
        return Ok((0, Carried::default()));
    }
    capability::prepare(tx)?;
    let mut memo = carried.still_true(tx);
    due.iter().try_for_each(|enrollment_id| carry_out(tx, enrollment_id, &mut memo))?;
    Ok((due.len(), Carried { memo, of: Some((tx.writes(), tx.now)) }))
}

/// The same, each by itself: one that cannot be made keeps no other from being made. It takes the longer for it, since SQLite keeps what each changes
/// in case that it has to be undone.
pub fn plan_apart(tx: &Tx) -> Result<usize> {
    let due = deployments::due(tx, PAGE)?;
    due.iter().try_for_each(|enrollment_id| plan(tx, enrollment_id))?;
    Ok(due.len())
}

/// Plans for an enrollment: sends what is missing, has removed what is not wanted, and notes when to look again.
///
/// A plan that cannot be made by a fault of ours is noted and rests: neither a device's report nor another's plan may fail for it.
pub fn plan(tx: &Tx, enrollment_id: &str) -> Result<()> {
    capability::prepare(tx)?;
    let Err(error) = tx.attempt(|tx| carry_out(tx, enrollment_id, &mut Memo::default()))? else { return Ok(()) };
    if error.kind == Kind::Busy {
        return Err(error);
    }
    deployments::rest(tx, enrollment_id, tx.now.plus(AFTER_FAULT))?;
    let Some(enrollment) = enrollments::by_id(tx, enrollment_id)? else { return Ok(()) };
    journal::note(tx, &ACTOR, "reconcile.failed", &enrollment, json!({ "because": error.message }))
}

fn carry_out(tx: &Tx, enrollment_id: &str, memo: &mut Memo) -> Result<()> {
    let Some(enrollment) = enrollments::by_id(tx, enrollment_id)? else { return Ok(()) };
    let mut plan = current_plan(tx, &enrollment)?;
    plan.due_at = None;
    let device = devices::by_id(tx, &enrollment.device_id)?.filter(|device| device.deleted_at.is_none());
    let Some(device) = device.filter(|_| enrollment.state == EnrollmentState::Enrolled) else {
        return deployments::set_plan(tx, enrollment_id, &plan);
    };
    if device.facts_at.is_none() {
        // What it is decides what it gets; its first answers have this looked at again.
        return deployments::set_plan(tx, enrollment_id, &plan);
    }
    plan.planned_at = Some(tx.now);
    let outlook = outlook(tx, &enrollment, &device, &Change::default(), memo)?;
    serve(tx, &enrollment, &outlook, &mut plan)?;
    for item in &outlook.items {
        act(tx, &enrollment, &outlook, item)?;
    }
    let apps_wake_at = apps::act(tx, &enrollment, &outlook.apps)?;
    let updates_wake_at = updates::act(tx, &enrollment, &outlook.updates)?;
    plan.due_at = outlook.wake_at.into_iter().chain(apps_wake_at).chain(updates_wake_at).min();
    plan.unable = json!(outlook.desired.unable).to_string();
    deployments::set_plan(tx, enrollment_id, &plan)
}

/// The plan of this generation; what an earlier one had is gone with it.
fn current_plan(tx: &Tx, enrollment: &Enrollment) -> Result<Plan> {
    match deployments::plan(tx, &enrollment.id)? {
        Some(plan) if plan.generation == enrollment.generation => Ok(plan),
        found => {
            if found.is_some() {
                deployments::forget_all(tx, &enrollment.id)?;
                apps::begin_anew(tx, enrollment)?;
                updates::begin_anew(tx, enrollment)?;
            }
            Ok(Plan {
                generation: enrollment.generation,
                due_at: None,
                planned_at: None,
                declarations_token: String::new(),
                token_changed_at: None,
                status_at: None,
                unable: String::from("[]"),
            })
        }
    }
}

/// Brings what is served to what is to be served.
fn serve(tx: &Tx, enrollment: &Enrollment, outlook: &Outlook, plan: &mut Plan) -> Result<()> {
    let desired = &outlook.desired.declarations;
    for gone in outlook.served.iter().filter(|served| !desired.contains_key(&served.identifier)) {
        declared::remove(tx, &enrollment.id, &gone.identifier)?;
    }
    let known: BTreeSet<_> = outlook.served.iter().map(|served| (&served.identifier, &served.server_token, &served.origins)).collect();
    for document in desired.values() {
        let origins = json!(document.origins).to_string();
        if !known.contains(&(&document.identifier, &document.server_token, &origins)) {
            let row = Declared {
                identifier: document.identifier.clone(),
                kind: document.kind,
                server_token: document.server_token.clone(),
                origins,
            };
            declared::put(tx, &enrollment.id, &row, &document.content)?;
        }
    }
    if plan.declarations_token != outlook.token {
        plan.declarations_token.clone_from(&outlook.token);
        plan.token_changed_at = Some(tx.now);
    }
    Ok(())
}

fn act(tx: &Tx, enrollment: &Enrollment, outlook: &Outlook, item: &Item) -> Result<()> {
    if let Some(stray) = &item.stray {
        commands::take_back(tx, enrollment, stray, t!("it comes by a declaration now"))?;
    }
    let mut row = item.row.clone();
    let is_changed = match item.step {
        Step::Forget if !provisioning::is_remembered(tx, &row)? => return deployments::forget(tx, &enrollment.id, &row.key),
        Step::Forget | Step::Done | Step::Answer | Step::Sync | Step::BackOff(_) => false,
        Step::TakeBack => {
            if let Some(uuid) = &row.command_uuid {
                commands::take_back(tx, enrollment, uuid, t!("it is not wanted any more"))?;
            }
            step::taken_back(&mut row);
            true
        }
        // What ends by itself on the device is asked about, and removed only where it is still there.
        Step::Remove if focus::is_left_alone(tx, enrollment, &row)? => {
            if focus::is_to_be_asked_about(tx, enrollment)? {
                verify(tx, enrollment)?;
            }
            false
        }
        Step::Remove => {
            let uuid = tx.command_uuid();
            let order = match deployments::provisioning_uuid(&row.key) {
                Some(provisioning) => command::remove_provisioning_profile(uuid, provisioning),
                None => command::remove_profile(uuid, row.key.strip_prefix("profile:").unwrap_or_default()),
            };
            // Of a provisioning profile it is remembered that it was there.
            let payload_uuid = deployments::provisioning_uuid(&row.key).unwrap_or_default().to_owned();
            send(tx, enrollment, &mut row, order, "", &payload_uuid)?;
            true
        }
        Step::Send => {
            let order = order(tx, outlook, &row)?;
            let uuid = outlook.desired.profiles.get(row.key.strip_prefix("profile:").unwrap_or_default());
            let provisioning = deployments::provisioning_uuid(&row.key).unwrap_or_default();
            let payload_uuid = uuid.map_or_else(|| provisioning.to_owned(), |profile| profile.piece.uuid.clone());
            let digest = row.wanted.clone();
            send(tx, enrollment, &mut row, order, &digest, &payload_uuid)?;
            true
        }
    };
    if is_changed || item.is_news {
        deployments::put(tx, &enrollment.id, &row)?;
        if row.is_away() && !provisioning::is_remembered(tx, &row)? {
            deployments::forget(tx, &enrollment.id, &row.key)?;
        }
    }
    Ok(())
}

fn order(tx: &Tx, outlook: &Outlook, row: &Deployment) -> Result<Order> {
    let uuid = tx.command_uuid();
    if row.key == DECLARATIONS {
        let tokens = declarations::tokens(&outlook.token, tx.now);
        return Ok(command::declarative_management(uuid, Some(tokens)));
    }
    if let Some(piece) = deployments::provisioning_uuid(&row.key).and_then(|profile| outlook.desired.provisioning.get(profile)) {
        return Ok(command::install_provisioning_profile(uuid, provisioning::content(tx, &piece.id)?));
    }
    let identifier = row.key.strip_prefix("profile:").unwrap_or_default();
    let Some(Profile { piece, .. }) = outlook.desired.profiles.get(identifier) else {
        return Err(Error::new(Kind::Internal, t!("a profile is to be sent that nobody wants")));
    };
    Ok(command::install_profile(uuid, super::gather::content(tx, &outlook.target, piece)?))
}

/// Queues a command for a row. When there is no room in the queue it is tried again later.
fn send(tx: &Tx, enrollment: &Enrollment, row: &mut Deployment, order: Order, digest: &str, payload_uuid: &str) -> Result<()> {
    match commands::enqueue_own(tx, &ACTOR, enrollment, order, Some(&supersede_key(&row.key)), None) {
        Ok(command) => step::sent(row, digest, payload_uuid, command.uuid),
        Err(error) if error.kind == Kind::Conflict => step::refused(row, &error.message, tx.now),
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Asks a device for its profiles once nothing more is under way, to see whether what it said is so.
pub(super) fn verify(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    let order = command::profile_list(tx.command_uuid());
    ask(tx, enrollment, Question { order, key: "reconcile:verify", about: deployments::is_profile })
}

/// A question after what was sent.
pub(super) struct Question {
    /// It.
    pub(super) order: Order,
    /// What marks it; one is enough.
    pub(super) key: &'static str,
    /// Which rows it is about, by key.
    pub(super) about: fn(&str) -> bool,
}

/// Asks, once nothing more of the sort is under way and where the queue has room.
pub(super) fn ask(tx: &Tx, enrollment: &Enrollment, question: Question) -> Result<()> {
    let rows = deployments::of_enrollment(tx, &enrollment.id)?;
    if rows.iter().any(|row| row.command_uuid.is_some() && (question.about)(&row.key))
        || queue::count_open(tx, &enrollment.id)? >= commands::MAX_OPEN
    {
        return Ok(());
    }
    commands::enqueue_own(tx, &ACTOR, enrollment, question.order, Some(question.key), None).map(drop)
}
