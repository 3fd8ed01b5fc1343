//! What would be done for one enrollment now: everything is read and decided, nothing is changed. Preview and deed both begin here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::apps::{self, Planned};
use crate::mdm::reconcile::gather::{self, Change, Memo};
use crate::mdm::reconcile::provisioning;
use crate::mdm::reconcile::render::Desired;
use crate::mdm::reconcile::step::{self, Loss, Step, UnderWay};
use crate::mdm::wanted::Target;
use crate::mdm::{focus, updates};
use crate::store::Tx;
use crate::store::assignments;
use crate::store::commands::{self, CommandState};
use crate::store::declared::{self, Declared};
use crate::store::deployments::{self, DECLARATIONS, Deployment, Mechanism};
use crate::store::devices::Device;
use crate::store::enrollments::Enrollment;

/// One thing, how it stands once what is wanted is noted, and what is to be done about it.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// The row as it will be stored.
    pub(super) row: Deployment,
    /// Whether it differs from what is stored.
    pub(super) is_news: bool,
    /// Where what is stored came from, in JSON.
    pub(super) came_from: String,
    /// The command that still waits in the queue and is not wanted any more by its mechanism.
    pub(super) stray: Option<String>,
    /// What is to be done.
    pub(super) step: Step,
}

/// Everything about one enrollment.
pub(super) struct Outlook {
    pub(super) target: Target,
    pub(super) desired: Desired,
    pub(super) items: Vec<Item>,
    /// Every app.
    pub(super) apps: Vec<Planned>,
    /// Every update plan.
    pub(super) updates: updates::plan::Outcome,
    /// What is served now, as stored.
    pub(super) served: Vec<Declared>,
    /// DeclarationsToken of what is to be served.
    pub(super) token: String,
    /// When to look again, if nothing happens before.
    pub(super) wake_at: Option<Timestamp>,
}

/// Reads and decides.
pub(super) fn outlook(tx: &Tx, enrollment: &Enrollment, device: &Device, change: &Change, memo: &mut Memo) -> Result<Outlook> {
    let groups = assignments::groups_of_device(tx, &device.id)?;
    let wanted = gather::wanted(tx, &groups, change, memo)?;
    let target = gather::target(tx, enrollment, device, &wanted)?;
    let house = gather::house(tx, enrollment, memo)?;
    let apps = apps::plan(tx, (enrollment, device), &target, &wanted, house.served_from().as_deref())?;
    let updates = updates::plan::plan(tx, (enrollment, device), &target, &groups, &mut memo.updates)?;
    let desired = gather::desired(tx, (&target, &house), &wanted, (&apps, &updates), memo)?;
    let token = desired.declarations_token();
    let rows = deployments::of_enrollment(tx, &enrollment.id)?;
    let items = items(tx, enrollment, &desired, &token, rows)?;
    let goes = desired.profiles.values().filter_map(|profile| profile.piece.goes_at);
    let ends = wanted.iter().filter_map(|assignment| assignment.ends_at).chain(desired.provisioning.values().map(|piece| piece.expires_at));
    let retries = items.iter().filter_map(|item| match item.step {
        Step::BackOff(until) => Some(until),
        Step::Sync if item.row.key == DECLARATIONS => item.row.due_at,
        _ => None,
    });
    let focus_ends = focus::wakes(tx, &device.id)?;
    let wake_at = ends.chain(goes).chain(retries).chain(focus_ends).filter(|at| *at > tx.now).min();
    let served = declared::of_enrollment(tx, &enrollment.id)?;
    Ok(Outlook { target, desired, items, apps: apps.items, updates, served, token, wake_at })
}

fn items(tx: &Tx, enrollment: &Enrollment, desired: &Desired, token: &str, rows: Vec<Deployment>) -> Result<Vec<Item>> {
    let mut stored: BTreeMap<String, Deployment> = rows.into_iter().map(|row| (row.key.clone(), row)).collect();
    let mut wishes: BTreeMap<String, Wish> = BTreeMap::new();
    for (identifier, profile) in &desired.profiles {
        let origins = json!(profile.piece.origins).to_string();
        let wish = Wish { digest: &profile.piece.digest, mechanism: profile.mechanism, name: &profile.piece.name, origins };
        wishes.insert(deployments::profile_key(identifier), wish);
    }
    for (uuid, piece) in &desired.provisioning {
        wishes.insert(deployments::provisioning_key(uuid), provisioning::wish(piece));
    }
    if !desired.declarations.is_empty() || stored.contains_key(DECLARATIONS) {
        let wish = Wish { digest: token, mechanism: Mechanism::Command, name: "Declarations", origins: String::from("[]") };
        wishes.insert(DECLARATIONS.to_owned(), wish);
    }
    let keys: BTreeSet<String> = stored.keys().chain(wishes.keys()).cloned().collect();
    let mut items = Vec::new();
    for key in keys {
        let before = stored.remove(&key);
        items.push(item(tx, enrollment, key.clone(), before, wishes.get(&key))?);
    }
    Ok(items)
}

/// What is wanted of one thing.
pub(super) struct Wish<'a> {
    pub(super) digest: &'a str,
    pub(super) mechanism: Mechanism,
    pub(super) name: &'a str,
    pub(super) origins: String,
}

fn item(tx: &Tx, enrollment: &Enrollment, key: String, before: Option<Deployment>, wish: Option<&Wish<'_>>) -> Result<Item> {
    let mut row = before.clone().unwrap_or_else(|| blank(key, wish.map_or(Mechanism::Command, |wish| wish.mechanism), tx.now));
    let (mut under_way, lost) = under_way(tx, enrollment, row.command_uuid.as_deref())?;
    if let Some(loss) = lost {
        step::lost(&mut row, &loss, tx.now);
    }
    let command_before = row.command_uuid.clone();
    let (digest, mechanism) = wish.map_or(("", row.mechanism), |wish| (wish.digest, wish.mechanism));
    step::want(&mut row, digest, mechanism);
    if let Some(wish) = wish {
        wish.name.clone_into(&mut row.name);
        row.origins.clone_from(&wish.origins);
    }
    let mut stray = None;
    if row.command_uuid.is_none() && command_before.is_some() {
        stray = command_before.filter(|_| under_way == UnderWay::Queued);
        under_way = UnderWay::Nothing;
    }
    let step = if row.key == DECLARATIONS { step::next_sync(&row, under_way, tx.now) } else { step::next(&row, under_way, tx.now) };
    let is_news = before.as_ref() != Some(&row);
    Ok(Item { is_news, came_from: before.map(|before| before.origins).unwrap_or_default(), row, stray, step })
}

fn blank(key: String, mechanism: Mechanism, now: Timestamp) -> Deployment {
    Deployment {
        key,
        mechanism,
        wanted: String::new(),
        sent: String::new(),
        seen: String::new(),
        payload_uuid: String::new(),
        name: String::new(),
        command_uuid: None,
        attempts: 0,
        due_at: None,
        problem: String::new(),
        origins: String::from("[]"),
        changed_at: now,
    }
}

/// How the command of a row stands; and how it was lost, when it left the queue without an answer.
pub(in crate::mdm) fn under_way(tx: &Tx, enrollment: &Enrollment, command_uuid: Option<&str>) -> Result<(UnderWay, Option<Loss>)> {
    let Some(uuid) = command_uuid else { return Ok((UnderWay::Nothing, None)) };
    let Some(command) = commands::standing(tx, &enrollment.id, uuid)? else {
        let because = String::from(t!("its command is not kept any more"));
        return Ok((UnderWay::Nothing, Some(Loss { because, by_somebody: false, was_offered: true })));
    };
    Ok(match command.state {
        CommandState::Queued | CommandState::NotNow => (UnderWay::Queued, None),
        CommandState::Sent => (UnderWay::Offered, None),
        state => {
            let by_somebody = state == CommandState::Cancelled;
            (UnderWay::Nothing, Some(Loss { because: command.cause, by_somebody, was_offered: command.sent_at.is_some() }))
        }
    })
}
