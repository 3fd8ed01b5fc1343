//! Why a device waits: one sentence of cause and one of remedy, in the words of a teacher.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::language;
use crate::mdm::ade::migration::{self, Move};
use crate::mdm::ca::imported;
use crate::mdm::commands::words;
use crate::mdm::enroll::renewal;
use crate::mdm::reconcile::setting_up::Because;
use crate::mdm::settings::zone;
use crate::mdm::{locked, moves, return_to_service, setup_assistant};
use crate::protocol::platform::Platform;
use crate::protocol::unreached;
use crate::store::Tx;
use crate::store::authorities;
use crate::store::certificates;
use crate::store::commands::{self, Command, CommandState};
use crate::store::devices::Device;
use crate::store::enrollments::{Enrollment, EnrollmentState};
use crate::store::moves as handed_over;
use crate::store::returns::Return;

/// Commands that are looked at for one device.
const LOOKED_AT: u32 = 50;

/// Why something waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Somebody has to act; else it resolves itself.
    pub needs_someone: bool,
    /// The cause.
    pub cause: String,
    /// The remedy, or what will end the wait.
    pub remedy: String,
    /// Since when.
    pub since_at: Option<Timestamp>,
    /// What was said that this is about, as it came; empty where there is nothing to open.
    pub said: String,
}

/// Everything that this device waits for, what needs somebody first.
pub fn device(tx: &Tx, device: &Device, enrollment: Option<&Enrollment>) -> Result<Vec<Reason>> {
    let Some(enrollment) = enrollment else {
        return Ok(vec![problem(t!("It has never enrolled here."), t!("Open an invitation on the device."), None)]);
    };
    let migration = migration::of(tx, device, Some(enrollment))?;
    let stands = match return_to_service::watch::expected(tx, enrollment)? {
        Some(gone) if enrollment.state == EnrollmentState::Erased => Some(expected_back(tx, &gone)?),
        // Who moved is not lost.
        _ if matches!(migration, Some(Move::Went { .. })) => None,
        _ if enrollment.state == EnrollmentState::Enrolled && moves::is_expected(tx, &enrollment.id)? => Some(expected(tx, enrollment)?),
        _ => standing(enrollment),
    };
    let told = migration.filter(|moves| !matches!(moves, Move::Came { .. })).map(|moves| Reason {
        needs_someone: false,
        cause: moves.sentence(),
        remedy: String::from(t!("Nobody has to do anything; delete it here when it is gone.")),
        since_at: enrollment.left_at,
        said: String::new(),
    });
    let mut reasons: Vec<_> = stands.into_iter().chain(told).chain(push(enrollment)).collect();
    if enrollment.state == EnrollmentState::Enrolled {
        reasons.extend(setup(tx, enrollment)?);
        reasons.extend(renewal(tx, enrollment)?);
        match at_its_pin(tx, device, enrollment)? {
            Some(locked) => reasons.push(locked),
            None => reasons.extend(queue(tx, device, enrollment)?),
        }
    }
    reasons.sort_by_key(|reason| !reason.needs_someone);
    Ok(reasons)
}

/// A device that another server handed over.
fn expected(tx: &Tx, enrollment: &Enrollment) -> Result<Reason> {
    let since = handed_over::of(tx, &enrollment.id)?.map(|moved| moved.moved_at);
    Ok(if is_taking_in(tx)? {
        wait(
            t!("It moved in from another server and has not been seen here yet."),
            t!("it comes by itself once the host name that it knows leads here, and when it is woken"),
            since,
        )
    } else if authorities::imported(tx)?.is_empty() {
        problem(
            t!("It moved in from another server, whose certificate authority has not been imported."),
            t!("Import it under System, Move in: without it nothing tells here that the device is the one it says it is."),
            since,
        )
    } else {
        problem(
            t!("It moved in from another server, and the time to take such devices in has passed."),
            t!("Open it again under System, Move in."),
            since,
        )
    })
}

/// Whether devices of another server are taken in now.
fn is_taking_in(tx: &Tx) -> Result<bool> {
    Ok(authorities::imported(tx)?.iter().any(|authority| imported::until(authority) >= tx.now))
}

/// A device that was erased to come back by itself.
fn expected_back(tx: &Tx, gone: &Return) -> Result<Reason> {
    let by = if gone.network.is_empty() { String::new() } else { t!(", by the network “{network}”", network = gone.network) };
    Ok(match gone.expected_at {
        Some(expected) if expected <= tx.now => problem(
            &t!("It was erased to come back by itself{by}, and has not come.", by),
            t!("Look whether it is on, charged and within reach of its network. Else set it up by hand."),
            gone.erased_at,
        ),
        Some(expected) => wait(
            &t!("It was erased and comes back by itself{by}.", by),
            &t!("it is expected by {time}", time = zone(tx)?.time(expected)),
            gone.erased_at,
        ),
        None => wait(t!("It was erased and comes back by itself."), t!("nobody has to do anything"), gone.erased_at),
    })
}

fn standing(enrollment: &Enrollment) -> Option<Reason> {
    let at = enrollment.left_at;
    match enrollment.state {
        EnrollmentState::Authenticated => Some(wait(
            t!("It has its certificate; the person has not finished installing the profile."),
            t!("on the device, open Settings and finish installing it"),
            enrollment.authenticated_at,
        )),
        EnrollmentState::Left => Some(problem(
            t!("It left: somebody removed the management profile."),
            t!("Open an invitation on the device to bring it back."),
            at,
        )),
        EnrollmentState::Erased => Some(problem(t!("It was erased."), t!("Set it up and open an invitation on it to bring it back."), at)),
        EnrollmentState::Retired if at.is_some() => {
            Some(wait(t!("It was retired and has been told to leave."), t!("Delete it, or enroll it again."), None))
        }
        EnrollmentState::Retired => Some(wait(
            t!("It was retired; it will be told to leave when it connects."),
            t!("it may be off or without network; until then that can be taken back"),
            None,
        )),
        EnrollmentState::Enrolled if enrollment.awaiting_configuration => None,
        EnrollmentState::Enrolled if enrollment.questions_due => Some(wait(
            t!("It has enrolled and not connected yet."),
            t!("it is woken, and asked its first questions when it comes"),
            enrollment.enrolled_at,
        )),
        EnrollmentState::Enrolled => None,
    }
}

/// What Setup Assistant waits for, and until when at the latest.
fn setup(tx: &Tx, enrollment: &Enrollment) -> Result<Option<Reason>> {
    let Some(waits) = setup_assistant::waits(tx, enrollment)? else { return Ok(None) };
    let Some(until) = waits.until() else {
        let cause = t!(
            "It was told to go on in Setup Assistant and has not answered yet. {because}",
            because = Because::read(&waits.hold.because).words()
        );
        return Ok(Some(wait(cause.trim_end(), t!("it is told again when it connects"), waits.hold.released_at)));
    };
    let awaited = waits.awaited();
    let cause = match awaited.as_slice() {
        [] if waits.things.is_none() => String::from(t!("It waits in Setup Assistant until it has said what it is.")),
        [] => String::from(t!("It waits in Setup Assistant and goes on in a moment.")),
        awaited => t!("Setup Assistant waits for: {list}.", list = awaited.join(", ")),
    };
    let given_up = waits.given_up();
    let cause = if given_up.is_empty() { cause } else { t!("{cause} It goes on without {list}.", cause, list = given_up.join("; ")) };
    let remedy = t!("it goes on by itself, at {time} at the latest", time = zone(tx)?.time(until));
    Ok(Some(wait(&cause, &remedy, waits.hold.held_at)))
}

/// An identity that moved in and is about to end, with too little known to renew it.
fn renewal(tx: &Tx, enrollment: &Enrollment) -> Result<Option<Reason>> {
    let missing = if enrollment.renewal_attempts > 0 { renewal::missing(tx, enrollment)? } else { Vec::new() };
    let ends = certificates::of_enrollment(tx, &enrollment.id)?.first().map(|identity| identity.not_after_at);
    let Some(ends) = ends.filter(|_| !missing.is_empty()) else { return Ok(None) };
    Ok(Some(problem(
        &t!(
            "Its certificate came from another server and ends on {day}. It cannot be renewed from here, because {list} of the profile there is not known.",
            day = language::date(zone(tx)?.day(ends)),
            list = missing.join(", ")
        ),
        t!("Enroll it anew by an invitation before then."),
        None,
    )))
}

fn push(enrollment: &Enrollment) -> Option<Reason> {
    if enrollment.push_dead_at.is_some() {
        return Some(problem(
            t!("Apple says that it no longer takes wake-ups from here: it was erased, or its profile was removed while it was offline."),
            t!("Open an invitation on the device to bring it back."),
            enrollment.push_dead_at,
        ));
    }
    if enrollment.state == EnrollmentState::Enrolled && !enrollment.push_error.is_empty() {
        return Some(match unreached::told(t!("Apple's push service"), &enrollment.push_error) {
            Some(told) => {
                let cause = t!("{what}, so that the device could not be woken.", what = told.what);
                Reason { said: told.said, ..problem(&cause, &told.remedy, enrollment.push_sent_at) }
            }
            None => problem(
                &t!("The last wake-up did not go out: {push_error}.", push_error = enrollment.push_error.trim_end_matches('.')),
                t!("Look at the push certificate under System."),
                enrollment.push_sent_at,
            ),
        });
    }
    None
}

/// Why a Mac does not connect that stands at the screen that asks for the PIN with which it was locked; nothing for any other.
pub fn at_its_pin(tx: &Tx, device: &Device, enrollment: &Enrollment) -> Result<Option<Reason>> {
    let Some((cause, remedy)) = locked::because(tx, device.platform, enrollment)? else { return Ok(None) };
    Ok(Some(problem(&cause, &remedy, locked::since(tx, device.platform, enrollment)?)))
}

fn queue(tx: &Tx, device: &Device, enrollment: &Enrollment) -> Result<Vec<Reason>> {
    let open = commands::open(tx, &enrollment.id, LOOKED_AT)?;
    let first = |state: CommandState| open.iter().find(|command| command.state == state);
    let told = [first(CommandState::NotNow), first(CommandState::Sent).or_else(|| first(CommandState::Queued))];
    Ok(told.into_iter().flatten().map(|open| of_open(device, enrollment, open)).collect())
}

/// Why a command that is in the queue of an enrollment has no answer yet.
pub fn command(device: &Device, enrollment: &Enrollment, open: &Command) -> Reason {
    // What was not sent waits for a wake-up, and where none goes out that is the cause.
    let stopped = (open.state == CommandState::Queued).then(|| push(enrollment)).flatten();
    stopped.unwrap_or_else(|| of_open(device, enrollment, open))
}

fn of_open(device: &Device, enrollment: &Enrollment, open: &Command) -> Reason {
    let name = if device.model_name.is_empty() { t!("device") } else { device.model_name.as_str() };
    match open.state {
        CommandState::NotNow if device.platform == Platform::Macos => {
            let cause = t!("The {name} put off what was asked, as Macs do while they sleep.", name);
            wait(&cause, t!("it will answer by itself"), Some(open.created_at))
        }
        CommandState::NotNow => {
            wait(&t!("Waiting for the {name} to be unlocked.", name), t!("it will answer by itself"), Some(open.created_at))
        }
        CommandState::Sent => {
            let cause = t!("The {name} was told to {deed} and has not answered yet.", name, deed = words::deed(&open.request_type));
            wait(&cause, t!("it answers when it is done"), open.sent_at)
        }
        _ if enrollment.push_sent_at.is_some() && enrollment.push_attempts > 0 => {
            let cause = t!("The {name} was woken and has not come: it is off or without network.", name);
            wait(&cause, t!("it is woken again by itself"), Some(open.created_at))
        }
        _ => wait(&t!("The {name} has not connected since.", name), t!("it is woken again by itself"), Some(open.created_at)),
    }
}

fn wait(cause: &str, remedy: &str, since_at: Option<Timestamp>) -> Reason {
    Reason {
        needs_someone: false,
        cause: cause.to_owned(),
        remedy: format!("{}.", remedy.trim_end_matches('.')),
        since_at,
        said: String::new(),
    }
}

fn problem(cause: &str, remedy: &str, since_at: Option<Timestamp>) -> Reason {
    Reason { needs_someone: true, cause: cause.to_owned(), remedy: remedy.to_owned(), since_at, said: String::new() }
}
