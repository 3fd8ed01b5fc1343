//! The next root on its way to devices: a small profile for each of them, queued, looked after and tried again until the device has it.
//!
//! `wanted` —due→ `queued` —acknowledged→ `known`; refused, it is tried again after a while; out of the queue without an answer, at the next look.
//! A device that is away keeps its profile in the queue for as long as it takes.

use std::time::Duration;

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::{Kind, Result};
use crate::mdm::ca::succession;
use crate::mdm::checkin::actor;
use crate::mdm::enroll::profile;
use crate::mdm::{Actor, commands, journal};
use crate::pki::certificate::Fingerprint;
use crate::pki::cms::{self, SignOptions};
use crate::pki::issue::Issuer;
use crate::protocol::command;
use crate::protocol::mobileconfig::{self, RootProfile};
use crate::protocol::report::Status;
use crate::random::Random;
use crate::store::Tx;
use crate::store::commands::{self as queue, Command};
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::invitations;
use crate::store::known_roots::{self, KnownRoot, KnownState};

/// What marks the profile of the next root in the queue; a newer one replaces an older one.
pub const SUPERSEDE_KEY: &str = "next-root";

/// How often a profile in the queue is looked after.
pub const LOOK_AFTER: Duration = days(1);

/// Waits after a refusal, the last one for ever.
pub const RETRIES: [Duration; 3] = [days(1), days(3), days(7)];

/// Enrollments that one turn of the job looks at.
pub const PAGE: u32 = 50;

const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 3600)
}

/// What happens to a root on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// Its profile went into the queue as this command.
    Queued(&'a str),
    /// Its profile still waits in the queue, or there is no room for it.
    Waits,
    /// The device has it.
    Acknowledged,
    /// The device refused it.
    Refused,
    /// Its enrollment is over.
    Left,
}

/// How far the root is after an event.
#[must_use]
pub fn next(known: &KnownRoot, event: Event<'_>, now: Timestamp) -> KnownRoot {
    let mut next = known.clone();
    match event {
        Event::Queued(uuid) => {
            next.state = KnownState::Queued;
            next.attempts += 1;
            uuid.clone_into(&mut next.command_uuid);
            next.due_at = Some(now.plus(LOOK_AFTER));
        }
        Event::Waits => next.due_at = Some(now.plus(LOOK_AFTER)),
        Event::Acknowledged => (next.state, next.due_at) = (KnownState::Known, None),
        Event::Refused => {
            let wait = RETRIES[(known.attempts.max(1) as usize - 1).min(RETRIES.len() - 1)];
            (next.state, next.due_at) = (KnownState::Refused, Some(now.plus(wait)));
        }
        Event::Left => next.due_at = None,
    }
    next
}

/// The profile that is to go out, and to whom; the caller signs it, then calls [`queue`].
#[derive(Debug, Clone)]
pub struct Parcel {
    root: Vec<u8>,
    ends_at: Timestamp,
    organisation: String,
    identifier: String,
    due: Vec<KnownRoot>,
}

impl Parcel {
    /// How many enrollments it is for.
    pub fn len(&self) -> usize {
        self.due.len()
    }

    /// Tells whether it is for nobody.
    pub fn is_empty(&self) -> bool {
        self.due.is_empty()
    }

    /// The profile, signed by the authority that devices know already. Its identifier is always the same, so that it is on a device once.
    pub fn signed(&self, random: &Random, issuer: &Issuer, now: Timestamp) -> Result<Vec<u8>> {
        let profile = mobileconfig::build_root(&RootProfile {
            identifier: format!("{}.next-root", self.identifier),
            display_name: format!("{}: certificate authority", self.organisation),
            organization: self.organisation.clone(),
            description: t!(
                "Lets this device trust the server of {organisation} when its certificate authority changes.",
                organisation = self.organisation
            ),
            uuids: [random.uuid_v4(), random.uuid_v4()],
            root: self.root.clone(),
        })?;
        let options = SignOptions { signing_time: Some(now), ..SignOptions::default() };
        Ok(cms::sign(issuer.signer(), &profile, &options)?)
    }
}

/// When there is something to do for a device.
pub fn next_due(tx: &Tx) -> Result<Option<Timestamp>> {
    match succession::target(tx)? {
        Some(root) => known_roots::next_due(tx, &root.id),
        None => Ok(None),
    }
}

/// What is to be done now; reads only.
pub fn due(tx: &Tx) -> Result<Option<Parcel>> {
    let Some(root) = succession::target(tx)? else { return Ok(None) };
    let due = known_roots::due(tx, &root.id, PAGE)?;
    let (organisation, identifier) = (profile::organisation(tx)?, profile::identifier(tx)?);
    Ok(Some(Parcel { root: root.certificate, ends_at: root.not_after_at, organisation, identifier, due }))
}

/// Queues the signed profile for everyone of the parcel who has none in the queue; gives how many.
pub fn queue(tx: &Tx, parcel: &Parcel, signed: &[u8]) -> Result<usize> {
    let mut queued = 0;
    for known in &parcel.due {
        let present = known_roots::of(tx, &known.authority_id, &known.enrollment_id)?;
        // A device that answered, or enrolled anew, since the parcel was made has moved on.
        if present.as_ref() != Some(known) {
            continue;
        }
        let enrollment = enrollments::by_id(tx, &known.enrollment_id)?;
        let reached = |enrollment: &Enrollment| enrollment.state == EnrollmentState::Enrolled && enrollment.generation == known.generation;
        let after = match enrollment.filter(reached) {
            None => next(known, Event::Left, tx.now),
            Some(enrollment) => look_after(tx, known, &enrollment, signed, parcel)?,
        };
        queued += usize::from(after.attempts > known.attempts);
        known_roots::put(tx, &after)?;
    }
    Ok(queued)
}

fn look_after(tx: &Tx, known: &KnownRoot, enrollment: &Enrollment, signed: &[u8], parcel: &Parcel) -> Result<KnownRoot> {
    let waiting = queue::by_uuid(tx, &enrollment.id, &known.command_uuid)?;
    if known.state == KnownState::Queued && waiting.is_some_and(|command| command.state.is_open()) {
        return Ok(next(known, Event::Waits, tx.now));
    }
    let by = Actor::Job("authority");
    let order = command::install_profile(commands::new_uuid(tx), signed.to_vec());
    // It makes sense for as long as the root does: a device may be away for a year.
    let command = match commands::enqueue_own(tx, &by, enrollment, order, Some(SUPERSEDE_KEY), Some(parcel.ends_at)) {
        Ok(command) => command,
        // No room in its queue: nothing was written, and another look comes.
        Err(error) if error.kind == Kind::Conflict => return Ok(next(known, Event::Waits, tx.now)),
        Err(error) => return Err(error),
    };
    let after = next(known, Event::Queued(&command.uuid), tx.now);
    let data = json!({ "fingerprint": Fingerprint::of_der(&parcel.root).to_string(), "attempt": after.attempts });
    journal::note(tx, &by, "root.queued", journal::Subject::from(enrollment).command(&command.uuid), data)?;
    Ok(after)
}

/// The device answered the profile.
pub fn answered(tx: &Tx, enrollment: &Enrollment, command: &Command, status: Status) -> Result<()> {
    if command.supersede_key.as_deref() != Some(SUPERSEDE_KEY) || matches!(status, Status::NotNow | Status::Idle) {
        return Ok(());
    }
    let Some(root) = succession::target(tx)? else { return Ok(()) };
    let known = known_roots::of(tx, &root.id, &enrollment.id)?;
    let Some(known) = known.filter(|known| known.command_uuid.eq_ignore_ascii_case(&command.uuid)) else { return Ok(()) };
    let event = if status == Status::Acknowledged { Event::Acknowledged } else { Event::Refused };
    known_roots::put(tx, &next(&known, event, tx.now))?;
    let kind = if event == Event::Acknowledged { "root.known" } else { "root.refused" };
    note(tx, enrollment, &root.certificate, kind)
}

/// The profile that an enrollment began with, or renewed with, may have brought the root already.
pub fn came_with(tx: &Tx, enrollment: &Enrollment, identity: &Fingerprint) -> Result<()> {
    let Some(root) = succession::target(tx)? else { return Ok(()) };
    let brought = invitations::challenge_by_fingerprint(tx, identity)?.and_then(|challenge| challenge.newest_authority_id);
    let known = known_roots::of(tx, &root.id, &enrollment.id)?;
    let is_known = |known: KnownRoot| known.state == KnownState::Known && known.generation == enrollment.generation;
    if brought.as_deref() != Some(root.id.as_str()) || known.is_some_and(is_known) {
        return Ok(());
    }
    for waiting in queue::open_with_key(tx, &enrollment.id, SUPERSEDE_KEY)? {
        commands::supersede(tx, enrollment, &waiting, t!("the enrollment profile brought the root"))?;
    }
    known_roots::put_known(tx, &root.id, enrollment)?;
    note(tx, enrollment, &root.certificate, "root.known")
}

fn note(tx: &Tx, enrollment: &Enrollment, root: &[u8], kind: &str) -> Result<()> {
    journal::note(tx, &actor(enrollment), kind, enrollment, json!({ "fingerprint": Fingerprint::of_der(root).to_string() }))
}
