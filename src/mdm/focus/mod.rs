//! Focus: for a lesson, the devices of a class show only some apps, one app or some sites; it ends by itself on each device.

mod ability;
mod class;
mod ends;
mod profile;
mod wish;

pub use ability::{APPLE_APPS, Able, words};
pub use class::{ABSENT_AFTER, ClassNow, DeviceNow, DeviceSeen, FocusNow, LearnerNow, choices, class, device, now_running, own_classes};
pub use ends::{CLOCK_SLACK, is_left_alone, is_to_be_asked_about, outlived, wakes};
pub use profile::{IDENTIFIER, pieces};
pub use wish::{APPS_MAX, BUNDLE_ID_MAX, MINUTES_MAX, MINUTES_MIN, SITE_MAX, SITES_MAX, Wish, host};

use ability::OneApp;

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right, reconcile, scope, settings};
use crate::store::classes::Class;
use crate::store::devices::Device;
use crate::store::enrollments::{self, EnrollmentState};
use crate::store::focuses::{self as rows, Focus};
use crate::store::{Tx, assignments, deployments, devices};

/// Focuses of a class that lists show.
pub const LISTED_MAX: u32 = 50;

/// Names that a refusal gives.
const NAMES_TOLD: usize = 5;

/// What would become of one device.
#[derive(Debug, Clone)]
pub struct Foreseen {
    /// The device.
    pub device: Device,
    /// Whose it is.
    pub person: String,
    /// What it would show, or why it cannot, in a sentence.
    pub outcome: Result<Able, String>,
    /// What goes on there now.
    pub busy: Option<Focus>,
}

/// What would become of a class.
#[derive(Debug, Clone)]
pub struct Outlook {
    /// The class.
    pub class: Class,
    /// What was asked for, made straight.
    pub wish: Wish,
    /// When it would end.
    pub ends_at: Timestamp,
    /// Each device, in the order of the names of those who use them.
    pub devices: Vec<Foreseen>,
}

impl Outlook {
    /// Devices that can have it.
    pub fn able(&self) -> impl Iterator<Item = &Foreseen> {
        self.devices.iter().filter(|foreseen| foreseen.outcome.is_ok())
    }

    /// Devices that can have it and on which another goes on.
    pub fn busy(&self) -> impl Iterator<Item = (&Foreseen, &Focus)> {
        self.able().filter_map(|foreseen| Some((foreseen, foreseen.busy.as_ref()?)))
    }
}

/// What a focus would do on each device, without doing it.
///
/// # Errors
/// Names the field that is wrong; not found for a class that is not in view.
pub fn foresee(tx: &Tx, actor: &Actor, class_id: &str, wish: &Wish) -> Result<Outlook> {
    actor.require(Right::Teach)?;
    let class = scope::of(tx, actor)?.class(tx, class_id)?;
    let wish = wish.checked()?;
    let learners = rows::learners(tx, &class.id)?;
    if let Some(strange) = wish.devices.iter().flatten().find(|id| !learners.iter().any(|learner| learner.device_id.as_ref() == Some(id))) {
        let words = t!("nobody who learns in this class uses the device {said}", said = strange.chars().take(60).collect::<String>());
        return Err(Error::field("devices", words));
    }
    let app = ability::one_app(tx, &class.id, &wish)?;
    let mut foreseen = Vec::new();
    for learner in learners {
        let Some(id) = learner.device_id.filter(|id| wish.devices.as_ref().is_none_or(|chosen| chosen.contains(id))) else { continue };
        let Some(device) = devices::by_id(tx, &id)? else { continue };
        let outcome = of_device(tx, &device, &wish, app.as_ref())?;
        let busy = rows::of_device(tx, &id)?.filter(|focus| focus.is_running(tx.now));
        foreseen.push(Foreseen { device, person: learner.name, outcome, busy });
    }
    let ends_at = tx.now.plus(wish.lasts());
    Ok(Outlook { class, ends_at, wish, devices: foreseen })
}

fn of_device(tx: &Tx, device: &Device, wish: &Wish, app: Option<&OneApp>) -> Result<Result<Able, String>> {
    let channel = enrollments::device_channel(tx, &device.id)?.filter(|channel| channel.state == EnrollmentState::Enrolled);
    let Some(channel) = channel else { return Ok(Err(String::from(t!("It is not managed here any more.")))) };
    let wanted = assignments::of_device(tx, &device.id)?;
    let target = reconcile::target(tx, &channel, device, &wanted)?;
    match (ability::ability(tx, &target, (wish.kind, &wish.items), &wanted)?, app) {
        (Ok(able), Some(app)) => ability::where_it_is(tx, &channel.id, app, able),
        (outcome, _) => Ok(outcome),
    }
}

/// Starts a focus.
///
/// # Errors
/// As [`foresee`]; conflict where no device can have it, or where another goes on and its place is not to be taken: then it is said whose.
pub fn start(tx: &Tx, actor: &Actor, class_id: &str, wish: &Wish) -> Result<Focus> {
    let outlook = foresee(tx, actor, class_id, wish)?;
    let able: Vec<String> = outlook.able().map(|foreseen| foreseen.device.id.clone()).collect();
    if able.is_empty() {
        return Err(Error::conflict(nobody_can(&outlook)));
    }
    if !outlook.wish.replace
        && let Some(words) = somebody_has(tx, &outlook)?
    {
        return Err(Error::conflict(words));
    }
    let Outlook { class, wish, ends_at, .. } = outlook;
    let focus = Focus {
        id: tx.new_id(),
        class_id: class.id,
        class_name: class.name,
        kind: wish.kind,
        items: wish.items,
        started_by: actor.to_string(),
        started_at: tx.now,
        ends_at,
        ended_at: None,
        ended_by: String::new(),
    };
    rows::insert(tx, &focus, &able)?;
    noted(tx, actor, "focus.started", &focus, &able)?;
    Ok(focus)
}

/// Ends a focus before its time: its profile is removed from the devices as they are reached.
///
/// # Errors
/// Not found for one that is not in view; conflict where it is over.
pub fn end(tx: &Tx, actor: &Actor, id: &str) -> Result<Focus> {
    actor.require(Right::Teach)?;
    let focus = find(tx, actor, id)?;
    if !focus.is_running(tx.now) {
        return Err(Error::conflict(t!("This focus is over already.")));
    }
    finish(tx, actor, &focus)?;
    find(tx, actor, id)
}

/// Ends what goes on in a class that is deleted.
pub(in crate::mdm) fn class_goes(tx: &Tx, actor: &Actor, class_id: &str) -> Result<()> {
    for focus in rows::of_class(tx, class_id, LISTED_MAX)?.iter().filter(|focus| focus.is_running(tx.now)) {
        finish(tx, actor, focus)?;
    }
    Ok(())
}

fn finish(tx: &Tx, actor: &Actor, focus: &Focus) -> Result<()> {
    rows::end(tx, &focus.id, &actor.to_string())?;
    noted(tx, actor, "focus.ended", focus, &rows::devices(tx, &focus.id)?)
}

/// One focus, if its class is in view.
pub fn find(tx: &Tx, actor: &Actor, id: &str) -> Result<Focus> {
    let scope = scope::of(tx, actor)?;
    let focus = rows::by_id(tx, id)?.filter(|focus| scope.sees(&focus.class_id));
    focus.ok_or_else(|| Error::not_found(t!("There is no such focus.")))
}

/// The newest focuses of a class, running or over.
pub fn list(tx: &Tx, actor: &Actor, class_id: &str) -> Result<Vec<Focus>> {
    let class = scope::of(tx, actor)?.class(tx, class_id)?;
    rows::of_class(tx, &class.id, LISTED_MAX)
}

/// Writes down what happened, for the class and for each device, and has the devices looked at anew.
fn noted(tx: &Tx, actor: &Actor, kind: &str, focus: &Focus, devices: &[String]) -> Result<()> {
    let what = words(tx, &focus.class_id, focus.kind, &focus.items)?;
    let data = json!({ "focus": focus.id, "class": focus.class_id, "name": focus.class_name, "what": what,
        "items": focus.items, "ends_at": focus.ends_at, "devices": devices.len() });
    journal::note(tx, actor, kind, Subject::default(), data)?;
    let of_device = if kind == "focus.started" { "device.focus_started" } else { "device.focus_ended" };
    for device in devices {
        let data = json!({ "focus": focus.id, "name": focus.class_name, "what": what, "ends_at": focus.ends_at });
        journal::note(tx, actor, of_device, Subject::device(device), data)?;
        deployments::look_again(tx, device)?;
    }
    Ok(())
}

fn nobody_can(outlook: &Outlook) -> String {
    if outlook.devices.is_empty() {
        return String::from(t!("Nobody who learns in this class has a device yet. Give them devices under People first."));
    }
    let because = outlook.devices.iter().find_map(|foreseen| foreseen.outcome.as_ref().err()).map_or("", String::as_str);
    t!("None of these devices can have it. {because}", because)
}

/// Who has something going on there, and until when.
fn somebody_has(tx: &Tx, outlook: &Outlook) -> Result<Option<String>> {
    let busy: Vec<_> = outlook.busy().collect();
    let Some((_, focus)) = busy.first() else { return Ok(None) };
    let zone = settings::zone(tx)?;
    let mut names: Vec<_> = busy.iter().take(NAMES_TOLD).map(|(foreseen, _)| foreseen.person.as_str()).collect();
    let beyond = t!("{busy} more", busy = busy.len().saturating_sub(NAMES_TOLD));
    if busy.len() > NAMES_TOLD {
        names.push(&beyond);
    }
    Ok(Some(t!(
        "{started_by} ({class_name}) has a focus there until {time}: {value}, for {list}. Take its place on purpose, or wait.",
        started_by = focus.started_by,
        class_name = focus.class_name,
        time = zone.time(focus.ends_at),
        value = words(tx, &focus.class_id, focus.kind, &focus.items)?,
        list = names.join(", ")
    )))
}
