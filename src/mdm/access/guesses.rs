//! Wrong proofs: who is slowed down together, what is written down, and when somebody has to know.

use std::time::Duration;

use serde_json::json;

use super::ask::{self, Ask, Origin};
use super::passwords::{self, Candidate};
use crate::error::{Kind, Result};
use crate::mdm::Actor;
use crate::mdm::journal::{self, Subject};
use crate::store::enrollments::EnrollmentState;
use crate::store::{Tx, access, alerts, people};

/// How long a person must have been guessed at, with no longer pause than [`PAUSE`], until those who look after people are told on Today.
pub const LONG: Duration = Duration::from_secs(15 * 60);
/// How many guesses that takes at the least: an app that sends an old password at each launch is no attack yet.
pub const MANY: u64 = 20;
/// The pause after which guesses are counted anew.
pub const PAUSE: Duration = Duration::from_secs(3600);
/// How long somebody is told after the last guess that was written down.
const TOLD_FOR: Duration = Duration::from_secs(24 * 3600);

const ALERT: &str = "access.guessed";

/// Whoever asks with a password, before the password was looked at.
#[derive(Debug)]
pub struct Asker {
    /// Who it may be.
    pub candidate: Candidate,
    /// What its guesses are counted by, instead of the address they come from: a device that proved itself, or an installation that this very
    /// person was granted before.
    pub counted_by: Option<String>,
    /// Whether the person was granted by this installation before: then it is not kept waiting for what others guess.
    pub is_known: bool,
}

/// Finds out how an ask with this address and a password is to be counted.
pub fn asker(tx: &Tx, ask: &Ask) -> Result<Asker> {
    let candidate = passwords::candidate(tx, ask.request.email.as_deref().unwrap_or_default().trim())?;
    let nobody = |candidate| Ok(Asker { candidate, counted_by: None, is_known: false });
    let origin = match ask::origin(tx, ask) {
        Ok(origin) => origin,
        // It is told so in its turn.
        Err(error) if matches!(error.kind, Kind::Unauthenticated | Kind::NotFound) => return nobody(candidate),
        Err(error) => return Err(error),
    };
    let Origin { app_id, enrollment, flaw, .. } = origin;
    let device = enrollment.filter(|enrollment| flaw.is_none() && enrollment.state == EnrollmentState::Enrolled).map(|device| device.id);
    let Some(person) = candidate.person_id() else { return Ok(Asker { candidate, counted_by: device, is_known: false }) };
    let holder = device.clone().unwrap_or_else(|| format!("{person}/{}", ask.request.installation));
    let known = access::standing(tx, &app_id, &holder)?;
    let is_of_them = known.is_some_and(|known| known.installation == ask.request.installation && known.owner_id.as_deref() == Some(person));
    let is_known = is_of_them && matches!(ask::shown_grant(tx, &app_id, &holder, &ask.request)?, Some(Ok(_)));
    let counted_by = device.or_else(|| is_known.then_some(holder));
    Ok(Asker { candidate, counted_by, is_known })
}

/// Wrong proofs that are written down together.
#[derive(Debug, Clone)]
pub struct Guesses {
    /// Whose password it was to be; none where there is nobody of that address, or something else was wrong.
    pub person_id: Option<String>,
    /// The app that was asked about.
    pub bundle_id: String,
    /// Where the last one came from.
    pub address: String,
    /// What was wrong, in words.
    pub because: String,
    /// How many since the last time.
    pub count: u64,
    /// How many in a row.
    pub in_a_row: u64,
    /// Since when.
    pub lasting: Duration,
}

/// Writes wrong proofs down, and raises an alert when a person is guessed at for long. What was guessed is not among it.
pub fn note(tx: &Tx, guesses: &Guesses) -> Result<()> {
    let person = guesses.person_id.as_deref().map(|id| people::by_id(tx, id)).transpose()?.flatten();
    let name = person.as_ref().map(|person| &person.name);
    let data = json!({ "person": name, "person_id": person.as_ref().map(|person| &person.id), "bundle_id": guesses.bundle_id,
                       "address": guesses.address, "because": guesses.because, "count": guesses.count });
    journal::note(tx, &Actor::Device { name: String::from("somebody") }, "access.guessed", Subject::default(), data)?;
    let Some(person) = person.filter(|_| guesses.lasting >= LONG && guesses.in_a_row >= MANY) else { return Ok(()) };
    let message = t!("Somebody keeps guessing the password of {name} for apps.", name = person.name);
    let remedy = t!(
        "Ask them whether an app of theirs sends an old password; if not, give them a new one. The audit log says where the guesses come from."
    );
    alerts::raise(tx, &format!("{ALERT}:{}", person.id), 60, &message, remedy).map(drop)
}

/// Ends what is said about guesses at a person: they have another password, or none.
pub(super) fn forget(tx: &Tx, person_id: &str) -> Result<()> {
    alerts::clear(tx, &format!("{ALERT}:{person_id}")).map(drop)
}

/// Ends what is said about guesses that stopped.
pub fn sweep(tx: &Tx) -> Result<()> {
    let is_over = |alert: &alerts::Alert| alert.key.starts_with(ALERT) && alert.last_at.plus(TOLD_FOR) <= tx.now;
    alerts::all(tx)?.iter().filter(|alert| is_over(alert)).try_for_each(|alert| alerts::clear(tx, &alert.key).map(drop))
}
