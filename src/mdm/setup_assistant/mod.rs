//! Devices that wait in Setup Assistant: held until their first profiles and apps are there, and let go on, whatever happens.
//!
//! `held` —all is there or has failed→ `released` (DeviceConfigured is the last in the queue) —the device answers→ gone on. Where its time is over, or
//! somebody lets it go, DeviceConfigured is the next in the queue. The end of the time is a due time in the row: a crash, a lost report, a failed profile or
//! a long queue holds no device for longer.

mod accounts;
mod arriving;

pub use accounts::{administrator, new_password};
pub use arriving::{ARRIVALS_MAX, Arriving, SHOWN_FOR, Step, UPDATES_FOR, arriving, held_off};

use std::time::Duration;

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::mdm::enroll::automated::rules;
use crate::mdm::reconcile::setting_up::{Because, Kind, Standing, Thing, setting_up};
use crate::mdm::{Actor, Right, commands, devices, journal};
use crate::protocol::command;
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::holds::{self, Hold};
use crate::store::{Bell, Tx, commands as queue};

/// Who lets devices go on that nobody did.
const ACTOR: Actor = Actor::Job("setup");

/// How soon it is looked again whether a device that was let go has gone on; later ever more rarely.
pub const LOOK_AFTER: Duration = Duration::from_secs(5 * 60);

/// How rarely it is looked again at the most.
pub const LOOK_AT_LEAST: Duration = Duration::from_secs(24 * 3600);

/// Devices that one turn of the job looks at.
pub const PAGE: u32 = 50;

/// The command that lets a device go on.
const LET_GO: &str = "DeviceConfigured";

/// How a device that waits in Setup Assistant stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waits {
    /// Since when it is held, until when at the most, and whether it was let go.
    pub hold: Hold,
    /// What it is to have; none while that is not known.
    pub things: Option<Vec<Thing>>,
}

/// Begins to hold a device that has just enrolled, or notes that this one does not wait.
pub fn begin(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    let hold = if enrollment.awaiting_configuration && enrollment.parent_id.is_none() {
        let due_at = tx.now.plus(rules::rules(tx)?.hold());
        tx.ring(Bell::Jobs);
        Hold { held_at: Some(tx.now), due_at: Some(due_at), ..Hold::default() }
    } else {
        Hold::default()
    };
    holds::set(tx, &enrollment.id, &hold)
}

/// Looks whether a device may go on, after something was heard of it.
pub fn look(tx: &Tx, enrollment_id: &str, connects_anew: bool) -> Result<()> {
    let Some(enrollment) = enrollments::by_id(tx, enrollment_id)? else { return Ok(()) };
    let hold = holds::of(tx, &enrollment.id)?;
    if !is_waiting(&enrollment) {
        return forget_due(tx, &enrollment, hold);
    }
    if hold.held_at.is_none() {
        return begin(tx, &enrollment);
    }
    if !hold.is_open() {
        return if connects_anew { again(tx, &enrollment, hold) } else { Ok(()) };
    }
    accounts::begin(tx, &enrollment)?;
    let things = things(tx, &enrollment, &hold)?;
    match verdict(tx, &enrollment, &hold, things.as_deref())? {
        Some(because) => {
            let place = if hold.due_at.is_none_or(|due| due <= tx.now) { Place::Next } else { Place::Last };
            release(tx, &ACTOR, (&enrollment, place), hold, &because, things.as_deref())
        }
        None => Ok(()),
    }
}

/// Whether a device waits in Setup Assistant, as far as it said.
fn is_waiting(enrollment: &Enrollment) -> bool {
    enrollment.awaiting_configuration && enrollment.parent_id.is_none() && enrollment.state == EnrollmentState::Enrolled
}

fn things(tx: &Tx, enrollment: &Enrollment, hold: &Hold) -> Result<Option<Vec<Thing>>> {
    let Some(mut things) = setting_up(tx, enrollment, hold)? else { return Ok(None) };
    things.extend(accounts::thing(tx, enrollment)?);
    Ok(Some(things))
}

/// Why a device may go on now, as it is kept; nothing while it is to wait.
fn verdict(tx: &Tx, enrollment: &Enrollment, hold: &Hold, things: Option<&[Thing]>) -> Result<Option<String>> {
    if hold.due_at.is_none_or(|due| due <= tx.now) {
        return Ok(Some(Because::TimeOver.kept()));
    }
    Ok(match things {
        // Without facts nothing can be planned; once it has no question left to answer, there is nothing to wait for.
        None if !commands::any_waiting(tx, enrollment)? => Some(String::from(t!("It did not say what it is."))),
        Some(things) if !things.iter().any(|thing| thing.standing == Standing::Awaited) => {
            let failed = things.iter().filter(|thing| thing.standing != Standing::There).count();
            Some(match failed {
                0 => String::from(t!("All is there.")),
                1 => String::from(t!("All is there but one thing that does not come.")),
                many => t!("All is there but {many} things that do not come.", many),
            })
        }
        _ => None,
    })
}

/// When DeviceConfigured comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// After everything else that waits.
    Last,
    /// Before all that.
    Next,
}

/// Lets a device go on.
fn release(
    tx: &Tx,
    actor: &Actor,
    (enrollment, place): (&Enrollment, Place),
    hold: Hold,
    because: &str,
    things: Option<&[Thing]>,
) -> Result<()> {
    if !send(tx, actor, enrollment, place)? {
        // The queue has no room: it is tried again, and again.
        return holds::set(tx, &enrollment.id, &Hold { due_at: Some(tx.now.plus(LOOK_AFTER)), ..hold });
    }
    let missing: Vec<_> = things.unwrap_or_default().iter().filter_map(missing).collect();
    let data = json!({ "because": Because::read(because).words(), "missing": missing });
    let hold = Hold { released_at: Some(tx.now), due_at: Some(tx.now.plus(LOOK_AFTER)), because: because.to_owned(), ..hold };
    holds::set(tx, &enrollment.id, &hold)?;
    journal::note(tx, actor, "setup.released", enrollment, data)
}

/// What of a thing is missing, in words.
fn missing(thing: &Thing) -> Option<String> {
    match &thing.standing {
        Standing::There => None,
        Standing::Awaited => Some(t!("{name}: it was still on its way", name = thing.name)),
        Standing::GivenUp(because) => Some(format!("{}: {because}", thing.name)),
    }
}

/// Queues DeviceConfigured, unless it waits in the queue already; tells whether it is there.
fn send(tx: &Tx, actor: &Actor, enrollment: &Enrollment, place: Place) -> Result<bool> {
    let limit = u32::try_from(commands::MAX_OPEN).unwrap_or(u32::MAX);
    if let Some(waits) = queue::open(tx, &enrollment.id, limit)?.iter().find(|command| command.request_type == LET_GO) {
        if place == Place::Next {
            commands::hurry(tx, enrollment, waits)?;
        }
        return Ok(true);
    }
    let order = command::device_configured(tx.command_uuid());
    let queued = match place {
        Place::Last => commands::enqueue_last(tx, actor, enrollment, order),
        Place::Next => commands::enqueue_first(tx, actor, enrollment, order),
    };
    match queued {
        Ok(_) => Ok(true),
        Err(error) if error.kind == ErrorKind::Conflict => Ok(false),
        Err(error) => Err(error),
    }
}

/// A device that was let go and waits all the same is told again.
fn again(tx: &Tx, enrollment: &Enrollment, hold: Hold) -> Result<()> {
    send(tx, &ACTOR, enrollment, Place::Next)?;
    let waited = hold.released_at.map_or(Duration::ZERO, |released| tx.now.since(released));
    let due_at = Some(tx.now.plus(waited.clamp(LOOK_AFTER, LOOK_AT_LEAST)));
    holds::set(tx, &enrollment.id, &Hold { due_at, ..hold })
}

fn forget_due(tx: &Tx, enrollment: &Enrollment, hold: Hold) -> Result<()> {
    if hold.due_at.is_none() {
        return Ok(());
    }
    holds::set(tx, &enrollment.id, &Hold { due_at: None, ..hold })
}

/// Looks at the devices whose time has come; gives how many.
pub fn turn(tx: &Tx) -> Result<usize> {
    let due = holds::due(tx, PAGE)?;
    for id in &due {
        look(tx, id, true)?;
    }
    Ok(due.len())
}

/// How a device waits in Setup Assistant; nothing where it does not.
pub fn waits(tx: &Tx, enrollment: &Enrollment) -> Result<Option<Waits>> {
    if !is_waiting(enrollment) {
        return Ok(None);
    }
    let hold = holds::of(tx, &enrollment.id)?;
    let things = things(tx, enrollment, &hold)?;
    Ok(Some(Waits { hold, things }))
}

/// How a device stands that is set up: what it was to have, and what of that it lacks still.
fn afterwards(tx: &Tx, enrollment: &Enrollment) -> Result<Waits> {
    let hold = holds::of(tx, &enrollment.id)?;
    let mut things = setting_up(tx, enrollment, &hold)?;
    if let Some(things) = &mut things {
        // Accounts are made while it waits, or not at all.
        things.extend(accounts::thing(tx, enrollment)?.filter(|thing| thing.standing != Standing::Awaited));
    }
    Ok(Waits { hold, things })
}

/// Lets a device go on now, whatever it still lacks.
pub fn let_go(tx: &Tx, actor: &Actor, device: &str) -> Result<()> {
    actor.require(Right::Command)?;
    let enrollment = devices::channel(tx, actor, device)?;
    let Some(Waits { hold, things }) = waits(tx, &enrollment)? else {
        return Err(Error::conflict(t!("This device does not wait in Setup Assistant.")));
    };
    if hold.held_at.is_some() && !hold.is_open() {
        return again(tx, &enrollment, hold);
    }
    let hold = Hold { held_at: hold.held_at.or(Some(tx.now)), ..hold };
    release(tx, actor, (&enrollment, Place::Next), hold, &Because::LetGo(&actor.to_string()).kept(), things.as_deref())
}

impl Waits {
    /// When it goes on at the latest; none once it was let go.
    pub fn until(&self) -> Option<Timestamp> {
        self.hold.due_at.filter(|_| self.hold.is_open())
    }

    /// The names of what it waits for, each with its kind before it.
    pub fn awaited(&self) -> Vec<String> {
        let named = |thing: &Thing| match thing.kind {
            Kind::Profile if thing.name == "its declarations" => thing.name.clone(),
            Kind::Accounts => thing.name.clone(),
            Kind::Profile => t!("profile “{name}”", name = thing.name),
            Kind::App => t!("app “{name}”", name = thing.name),
        };
        let things = self.things.as_deref().unwrap_or_default();
        things.iter().filter(|thing| thing.standing == Standing::Awaited).map(named).collect()
    }

    /// What does not come while it is in Setup Assistant, each with why.
    pub fn given_up(&self) -> Vec<String> {
        let things = self.things.as_deref().unwrap_or_default();
        things.iter().filter(|thing| matches!(thing.standing, Standing::GivenUp(_))).filter_map(missing).collect()
    }

    /// How many of a kind are there, and how many there are to be.
    pub fn count(&self, kind: Kind) -> (usize, usize) {
        let of_kind = || self.things.iter().flatten().filter(|thing| thing.kind == kind);
        (of_kind().filter(|thing| thing.standing == Standing::There).count(), of_kind().count())
    }
}
