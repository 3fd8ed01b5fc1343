//! A class as its teacher sees it: who is there, with which device in which state, and what goes on.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::profile::IDENTIFIER;
use super::{APPLE_APPS, words};
use crate::error::{Error, Result};
use crate::mdm::reconcile::{self, State};
use crate::mdm::{Actor, Right, scope};
use crate::store::classes::Class;
use crate::store::focuses::{self as rows, Focus};
use crate::store::roster::{self, Listed, Sort};
use crate::store::{Tx, deployments, enrollments, inventory};

/// Whoever's device was not heard of for so long counts as not here.
pub const ABSENT_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Apps that are offered for a focus.
const CHOICES_MAX: u32 = 100;

/// How a focus stands on one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceNow {
    /// The focus.
    pub focus: Focus,
    /// What it shows, in words.
    pub words: String,
    /// How it stands there; absent where the device cannot have it.
    pub state: Option<State>,
    /// What it waits for, why it failed, or why it cannot be.
    pub because: String,
}

/// Somebody who learns in a class.
#[derive(Debug, Clone)]
pub struct LearnerNow {
    /// Their name.
    pub name: String,
    /// Their device, as it stands.
    pub device: Option<Listed>,
    /// What goes on there.
    pub focus: Option<DeviceNow>,
    /// Whether they count as not here: without a device, or with one not heard of since [`ABSENT_AFTER`].
    pub absent: bool,
}

/// A focus that goes on, and how far it is.
#[derive(Debug, Clone)]
pub struct FocusNow {
    /// The focus.
    pub focus: Focus,
    /// What it shows, in words.
    pub words: String,
    /// Devices on which it holds.
    pub there: u64,
    /// Devices that it is meant for.
    pub devices: u64,
}

/// A class as it is.
#[derive(Debug, Clone)]
pub struct ClassNow {
    /// The class.
    pub class: Class,
    /// Who learns there.
    pub learners: Vec<LearnerNow>,
    /// What goes on in it.
    pub running: Vec<FocusNow>,
}

/// The classes that somebody sees, by name, with what goes on in them.
pub fn own_classes(tx: &Tx, actor: &Actor) -> Result<Vec<(Class, Vec<FocusNow>)>> {
    actor.require(Right::Teach)?;
    let mut running = now_running(tx, actor)?;
    let classes = scope::of(tx, actor)?.classes(tx)?;
    let with = |class: Class| {
        let (own, others) = running.drain(..).partition(|now: &FocusNow| now.focus.class_id == class.id);
        running = others;
        (class, own)
    };
    Ok(classes.into_iter().map(with).collect())
}

/// Every focus that goes on in what somebody sees, the nearest end first.
pub fn now_running(tx: &Tx, actor: &Actor) -> Result<Vec<FocusNow>> {
    let scope = scope::of(tx, actor)?;
    let mut seen = Vec::new();
    for focus in rows::running(tx)? {
        if scope.sees(&focus.class_id) {
            seen.push(how_far(tx, focus)?);
        }
    }
    Ok(seen)
}

fn how_far(tx: &Tx, focus: Focus) -> Result<FocusNow> {
    let (there, devices) = rows::held(tx, &focus.id, &deployments::profile_key(IDENTIFIER))?;
    Ok(FocusNow { words: words(tx, &focus.class_id, focus.kind, &focus.items)?, focus, there, devices })
}

/// How a focus stands on a device.
fn stands(tx: &Tx, device_id: &str, focus: &Focus) -> Result<DeviceNow> {
    let words = words(tx, &focus.class_id, focus.kind, &focus.items)?;
    let now = |state, because: &str| DeviceNow { focus: focus.clone(), words: words.clone(), state, because: because.to_owned() };
    let Some(channel) = enrollments::device_channel(tx, device_id)? else { return Ok(now(None, t!("It is not managed here any more."))) };
    let all = reconcile::standing(tx, &channel)?;
    if let Some(thing) = all.things.iter().find(|thing| thing.identifier == IDENTIFIER) {
        return Ok(now(Some(thing.state), &thing.because));
    }
    match all.unable.iter().find(|unable| unable.origin.id == focus.id) {
        Some(unable) => Ok(now(None, &crate::language::kept(&unable.because))),
        None => Ok(now(Some(State::Waiting), t!("It is about to be sent."))),
    }
}

/// A class as it is now.
pub fn class(tx: &Tx, actor: &Actor, id: &str) -> Result<ClassNow> {
    let class = scope::of(tx, actor)?.class(tx, id)?;
    let mut learners = Vec::new();
    let known = rows::learners(tx, &class.id)?;
    let ids: Vec<&str> = known.iter().filter_map(|learner| learner.device_id.as_deref()).collect();
    let listed = roster::of_ids(tx, &ids, Sort::Name, false)?.into_iter().map(|listed| (listed.device.id.clone(), listed));
    let listed: HashMap<_, _> = listed.collect();
    for learner in known {
        let device = learner.device_id.as_ref().and_then(|id| listed.get(id)).cloned();
        let is_heard = device.as_ref().and_then(|listed| listed.last_seen_at).is_some_and(|at| tx.now.since(at) < ABSENT_AFTER);
        let focus = match &device {
            Some(listed) => running_on(tx, &listed.device.id)?,
            None => None,
        };
        learners.push(LearnerNow { name: learner.name, device, focus, absent: !is_heard });
    }
    let own = rows::running(tx)?.into_iter().filter(|focus| focus.class_id == class.id);
    let running = own.map(|focus| how_far(tx, focus)).collect::<Result<_>>()?;
    Ok(ClassNow { class, learners, running })
}

fn running_on(tx: &Tx, device_id: &str) -> Result<Option<DeviceNow>> {
    let focus = rows::of_device(tx, device_id)?.filter(|focus| focus.is_running(tx.now));
    focus.map(|focus| stands(tx, device_id, &focus)).transpose()
}

/// One device of a class.
#[derive(Debug, Clone)]
pub struct DeviceSeen {
    /// The class.
    pub class: Class,
    /// Whose it is, and how it stands.
    pub learner: LearnerNow,
    /// Apps on it: name and version.
    pub apps: Vec<(String, String)>,
}

/// One device of a class as its teacher sees it: how it stands, the apps on it, and what goes on; nothing secret and no serial number.
pub fn device(tx: &Tx, actor: &Actor, class_id: &str, device_id: &str) -> Result<DeviceSeen> {
    let now = class(tx, actor, class_id)?;
    let is_it = |learner: &LearnerNow| learner.device.as_ref().is_some_and(|listed| listed.device.id == device_id);
    let learner = now.learners.into_iter().find(is_it);
    let learner = learner.ok_or_else(|| Error::not_found(t!("Nobody who learns in this class uses such a device.")))?;
    let channel = enrollments::device_channel(tx, device_id)?;
    let apps = channel.map(|channel| inventory::apps(tx, &channel.id)).transpose()?.unwrap_or_default();
    let named = |app: inventory::InstalledApp| (if app.name.is_empty() { app.identifier } else { app.name }, app.short_version);
    Ok(DeviceSeen { class: now.class, learner, apps: apps.into_iter().map(named).collect() })
}

/// Apps that a focus of a class can show: those on its devices, and Apple's own; bundle id, name, and on how many devices where they say so.
pub fn choices(tx: &Tx, actor: &Actor, class_id: &str) -> Result<Vec<(String, String, Option<u64>)>> {
    let class = scope::of(tx, actor)?.class(tx, class_id)?;
    let mut found = BTreeMap::new();
    for (id, name) in APPLE_APPS {
        found.insert(id.to_owned(), (name.to_owned(), None));
    }
    for (id, name, devices) in rows::apps_in_class(tx, &class.id, CHOICES_MAX)? {
        let name = if name.is_empty() { id.clone() } else { name };
        found.insert(id, (name, Some(devices)));
    }
    let mut choices: Vec<_> = found.into_iter().map(|(id, (name, devices))| (id, name, devices)).collect();
    choices.sort_by_key(|(id, name, _)| (name.to_lowercase(), id.clone()));
    Ok(choices)
}
