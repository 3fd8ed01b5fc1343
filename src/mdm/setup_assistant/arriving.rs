//! A cart of devices on their way through Setup Assistant: how far each is, and what went wrong, in words.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::enroll::automated;
use crate::mdm::enroll::taken_over::{self, SERIAL_TAKEN};
use crate::mdm::reconcile::setting_up::Kind;
use crate::mdm::setup_assistant::{Waits, afterwards, waits};
use crate::mdm::{Actor, Right};
use crate::store::arrivals::{self, Answer, Arrival};
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::{Tx, acme, devices};

/// How long a device is shown after it asked last.
pub const SHOWN_FOR: Duration = Duration::from_secs(24 * 3600);

/// How long a device may take for an update that it was told to install first: a slow line and a large release together.
pub const UPDATES_FOR: Duration = Duration::from_secs(3 * 3600);

/// Devices that are shown at the most.
pub const ARRIVALS_MAX: u32 = 500;

/// How far a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SetupStep)]
pub enum Step {
    /// It was not let in.
    Refused,
    /// It updates itself first.
    Updating,
    /// It was given its profile.
    Asked,
    /// It has its certificate.
    Certified,
    /// It has said who it is, and installs the profile.
    CheckingIn,
    /// It is held until its things are there.
    Held,
    /// It was told to go on.
    Released,
    /// It is set up and has what it is to have.
    Ready,
    /// It is set up, and the rest is on its way to it.
    Completing,
    /// It is set up and lacks something that does not come by itself.
    Lacking,
    /// It did not get further.
    Stuck,
}

impl Step {
    /// Whether somebody has to look after it.
    pub const fn is_trouble(self) -> bool {
        matches!(self, Self::Refused | Self::Stuck | Self::Lacking)
    }

    /// Whether it is set up and lacks something.
    pub const fn lacks(self) -> bool {
        matches!(self, Self::Completing | Self::Lacking)
    }
}

/// A device on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arriving {
    /// What it said when it asked.
    pub arrival: Arrival,
    /// The device, once it has said who it is.
    pub device_id: Option<String>,
    /// What it is called.
    pub name: String,
    /// How far it is.
    pub step: Step,
    /// How far it is, in words.
    pub words: String,
    /// What went wrong, each in words.
    pub troubles: Vec<String>,
    /// When it goes on at the latest, while it is held.
    pub until: Option<Timestamp>,
    /// When it came so far.
    pub at: Timestamp,
}

/// The devices that asked for their profile lately, newest first.
pub fn arriving(tx: &Tx, actor: &Actor) -> Result<Vec<Arriving>> {
    actor.require(Right::View)?;
    arrivals::since(tx, tx.now.minus(SHOWN_FOR), ARRIVALS_MAX)?.into_iter().map(|arrival| one(tx, arrival)).collect()
}

fn one(tx: &Tx, arrival: Arrival) -> Result<Arriving> {
    let mut row = standing(tx, arrival)?;
    if row.arrival.answer == Answer::Profile && !row.arrival.because.is_empty() {
        // It was let in with less than is demanded.
        row.troubles.insert(0, row.arrival.because.clone());
    }
    Ok(row)
}

fn standing(tx: &Tx, arrival: Arrival) -> Result<Arriving> {
    let (step, words, at) = match arrival.answer {
        Answer::Refused => (Step::Refused, String::from(t!("was not let in")), arrival.asked_at),
        Answer::Update => updating(tx.now, &arrival),
        Answer::Profile => on_its_way(tx, &arrival)?,
    };
    let troubles = if step == Step::Refused { vec![arrival.because.clone()] } else { Vec::new() };
    let mut row = Arriving { device_id: None, name: String::new(), step, words, troubles, until: None, at, arrival };
    if row.arrival.answer != Answer::Profile {
        return Ok(row);
    }
    let Some((device, enrollment)) = enrolled(tx, &row.arrival)? else { return Ok(row) };
    row.device_id = Some(device.id);
    row.name = device.name;
    (row.step, row.words, row.at) =
        (Step::CheckingIn, String::from(t!("installs its profile")), enrollment.authenticated_at.unwrap_or(row.at));
    match (enrollment.state, waits(tx, &enrollment)?) {
        (EnrollmentState::Authenticated, _) => {}
        (EnrollmentState::Enrolled, Some(waits)) => held(&mut row, &waits),
        (EnrollmentState::Enrolled, None) => set_up(&mut row, &afterwards(tx, &enrollment)?, enrollment.enrolled_at),
        (_, _) => (row.step, row.words) = (Step::Stuck, String::from(t!("has left again"))),
    }
    Ok(row)
}

/// Devices that were held off lately because another has their serial number, and would be now, each with that other one.
pub fn held_off(tx: &Tx, limit: u32) -> Result<Vec<(Arrival, devices::Device)>> {
    let mut held_off = Vec::new();
    for arrival in arrivals::refused(tx, SERIAL_TAKEN, tx.now.minus(SHOWN_FOR), limit)? {
        if let Some(holder) = taken_over::under_another_udid(tx, &arrival.serial_number, &arrival.udid)? {
            held_off.push((arrival, holder));
        }
    }
    Ok(held_off)
}

/// How far a device is that was told to update itself: it asks again by itself when it has.
fn updating(now: Timestamp, arrival: &Arrival) -> (Step, String, Timestamp) {
    let target = &arrival.because;
    if now.since(arrival.asked_at) < UPDATES_FOR {
        return (Step::Updating, t!("updates itself to {target} first, then asks again", target), arrival.asked_at);
    }
    let words = t!(
        "was to update itself to {target} and has not asked again: look at its screen; it needs power, space and Wi-Fi, and can be updated by a computer too",
        target
    );
    (Step::Stuck, words, arrival.asked_at)
}

/// How far a device is that has its profile and has not said who it is.
fn on_its_way(tx: &Tx, arrival: &Arrival) -> Result<(Step, String, Timestamp)> {
    let challenge = automated::challenge(tx, arrival)?;
    if let Some(challenge) = challenge.as_ref().filter(|challenge| challenge.spent_at.is_none())
        && let Some(because) = acme::last_problem(tx, &challenge.hash)?
    {
        return Ok((Step::Stuck, t!("got no certificate: {because}", because), arrival.asked_at));
    }
    Ok(match challenge.map(|challenge| (challenge.spent_at, challenge.expires_at)) {
        Some((Some(spent_at), _)) => (Step::Certified, String::from(t!("has its certificate")), spent_at),
        Some((None, expires_at)) if expires_at > tx.now => (Step::Asked, String::from(t!("was given its profile")), arrival.asked_at),
        _ => {
            let words = t!("was given its profile and never asked for its certificate; start it again");
            (Step::Stuck, String::from(words), arrival.asked_at)
        }
    })
}

/// The device and its enrollment, where it enrolled since it asked.
fn enrolled(tx: &Tx, arrival: &Arrival) -> Result<Option<(devices::Device, Enrollment)>> {
    let Some(device) = devices::by_serial_number(tx, &arrival.serial_number)? else { return Ok(None) };
    let channel = enrollments::device_channel(tx, &device.id)?;
    let is_since = |channel: &Enrollment| channel.authenticated_at.is_some_and(|at| at >= arrival.asked_at);
    Ok(channel.filter(is_since).map(|channel| (device, channel)))
}

/// How many of each kind are there: `profiles 2 of 3`.
fn counts(waits: &Waits) -> Vec<String> {
    let counts = [(Kind::Profile, t!("profiles")), (Kind::App, t!("apps"))].map(|(kind, noun)| (waits.count(kind), noun));
    counts.iter().filter(|((_, all), _)| *all > 0).map(|((there, all), noun)| t!("{noun} {there} of {all}", noun, there, all)).collect()
}

/// A device that is set up is ready only with all that it was to have.
fn set_up(row: &mut Arriving, stands: &Waits, enrolled_at: Option<Timestamp>) {
    row.at = stands.hold.released_at.or(enrolled_at).unwrap_or(row.at);
    row.troubles = stands.given_up();
    (row.step, row.words) = match (row.troubles.is_empty(), stands.awaited().is_empty()) {
        (false, _) => (Step::Lacking, String::from(t!("is set up and lacks something"))),
        (true, false) => (Step::Completing, t!("is set up; {list} so far", list = counts(stands).join(", "))),
        (true, true) => (Step::Ready, String::from(t!("is set up"))),
    };
}

fn held(row: &mut Arriving, waits: &Waits) {
    row.troubles = waits.given_up();
    row.until = waits.until();
    let counts = counts(waits);
    if waits.hold.is_open() {
        row.step = Step::Held;
        row.words = match (&waits.things, counts.is_empty()) {
            (None, _) => String::from(t!("says what it is")),
            (Some(_), true) => String::from(t!("goes on in a moment")),
            (Some(_), false) => counts.join(", "),
        };
        row.at = waits.hold.held_at.unwrap_or(row.at);
    } else {
        (row.step, row.words) = (Step::Released, String::from(t!("was told to go on")));
        row.at = waits.hold.released_at.unwrap_or(row.at);
    }
}
