//! What an app has kept, told by numbers.
//!
//! Numbers make sure that nobody gains by what was before. A grant has a sequence; the app shows the last one it has. What it has shown once it
//! cannot fall behind again without being found out, though answers may be lost: everything between shown and given is honest.

use std::time::Duration;

use super::{Proven, unproven};
use crate::error::{Error, Kind, Result};
use crate::mdm::capability;
use crate::pki::digest::sha256;
use crate::protocol::grant::{Code, GrantRequest};
use crate::store::Tx;
use crate::store::access::{self, Standing};

/// The largest counter of an installation that was never granted anything: it may have tried a while before it got through.
pub const FIRST_COUNTER_MAX: u64 = 50;

/// The installation that asks, and what is remembered of it.
pub(super) struct Installation {
    /// Who it counts as: an enrollment's id, or a person's id, slash, the installation's id.
    pub(super) holder: String,
    /// Where that stands; none before its first ask, and for people's installations also when it was forgotten.
    pub(super) known: Option<Standing>,
    /// The number of the grant that it shows; an error for one that this server did not give to it.
    shown: Option<Result<i64, ()>>,
    /// Whether it is a device, whose standing is never forgotten.
    is_device: bool,
    /// Whether it was first granted for another person than the one who is there.
    pub(super) is_anothers: bool,
}

/// Finds what is remembered of the installation that asks.
pub(super) fn installation(tx: &Tx, proven: &Proven, request: &GrantRequest) -> Result<Installation> {
    let app_id = &proven.app_id;
    let holder = match (&proven.enrollment, &proven.person) {
        (Some(enrollment), _) => enrollment.id.clone(),
        (None, Some(person)) => format!("{}/{}", person.id, request.installation),
        // Without a device there is a password, and so a person; only their deletion in between leads here.
        (None, None) => return Err(unproven(t!("Nobody is known here by this proof."))),
    };
    let is_anothers = |standing: &Standing| {
        let owner = standing.owner_id.as_deref().filter(|_| proven.is_personal && standing.installation == request.installation);
        owner.is_some_and(|owner| proven.person.as_ref().is_none_or(|person| person.id != owner))
    };
    let known = access::standing(tx, app_id, &holder)?;
    let shown = shown_grant(tx, app_id, &holder, request)?;
    let is_device = proven.enrollment.is_some();
    // By password alone another person has another holder: what the installation shows tells whose it is.
    if let (None, false, Some(Err(()))) = (&known, is_device, shown)
        && let Some(other) = access::standing_of_installation(tx, app_id, &request.installation)?.filter(is_anothers)
        && let Some(Ok(number)) = shown_grant(tx, app_id, &other.holder, request)?
    {
        let holder = other.holder.clone();
        return Ok(Installation { holder, known: Some(other), shown: Some(Ok(number)), is_device, is_anothers: true });
    }
    let is_anothers = known.as_ref().is_some_and(is_anothers);
    Ok(Installation { holder, known, shown, is_device, is_anothers })
}

/// The number of the grant that an app shows, if this server gave it to this installation.
pub(in crate::mdm::access) fn shown_grant(tx: &Tx, app_id: &str, holder: &str, request: &GrantRequest) -> Result<Option<Result<i64, ()>>> {
    let Some(said) = &request.last_grant else { return Ok(None) };
    let number = said.split('-').next().and_then(|number| number.parse::<i64>().ok());
    let Some(number) = number else { return Ok(Some(Err(()))) };
    let is_ours = grant_id(tx, app_id, holder, &request.installation, number)? == *said;
    Ok(Some(if is_ours { Ok(number) } else { Err(()) }))
}

/// Id of a grant: its number, and a proof that this server gave it to this installation.
pub(super) fn grant_id(tx: &Tx, app_id: &str, holder: &str, installation: &str, sequence: i64) -> Result<String> {
    let tag = capability::tag(tx, &format!("access-grant\n{app_id}\n{holder}\n{installation}\n{sequence}"))?;
    let tag = tag.ok_or_else(|| Error::new(Kind::Internal, t!("the key of capabilities was not made")))?;
    Ok(format!("{sequence}-{tag}"))
}

/// What an ask is to what came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The first of an installation.
    First,
    /// One that follows; the app shows to have the grant of this number.
    Follows(i64),
    /// The very one that was answered last: its answer was lost.
    Again,
    /// Less than what was shown before.
    RolledBack,
}

impl Installation {
    /// Whether it ever had a right, as far as is remembered or shown.
    pub(super) fn had_a_right(&self) -> bool {
        self.known.as_ref().is_some_and(|known| known.granted_at.is_some()) || matches!(self.shown, Some(Ok(_)))
    }

    /// What an ask is to what came before.
    pub(super) fn step(&self, request: &GrantRequest) -> Step {
        let counter = request.counter as i64;
        let is_new = self.shown.is_none() && request.counter <= FIRST_COUNTER_MAX;
        let first = if is_new { Step::First } else { Step::RolledBack };
        match (&self.known, self.shown) {
            (_, Some(Err(()))) => Step::RolledBack,
            // A grant of ours to a device that we do not remember: the server itself came back from a backup.
            (None, Some(Ok(number))) if self.is_device => Step::Follows(number),
            // A person's installation may have been forgotten; what it shows then may come from any time before.
            (None, _) => first,
            (Some(known), _) if known.installation != request.installation => first,
            (Some(known), shown) => {
                let number = shown.and_then(Result::ok).unwrap_or(known.acknowledged);
                let is_repeat = counter == known.counter && known.nonce == sha256(request.nonce.as_bytes());
                match () {
                    () if number < known.acknowledged => Step::RolledBack,
                    () if is_repeat => Step::Again,
                    () if counter <= known.counter => Step::RolledBack,
                    () => Step::Follows(number),
                }
            }
        }
    }
}

/// Where a holder stands after an ask.
pub(super) fn next_standing(
    tx: &Tx,
    request: &GrantRequest,
    proven: &Proven,
    installation: Installation,
    code: Code,
    step: Step,
) -> Standing {
    let had_a_right = installation.had_a_right();
    let Installation { holder, known, .. } = installation;
    let mut standing = known.unwrap_or_else(|| nothing(tx, request, proven, holder));
    code.as_str().clone_into(&mut standing.code);
    if code != Code::Granted {
        // The first refusal of a right that there was ends it; those after it move nothing on.
        if code.ends_the_right() && had_a_right {
            standing.ended_at.get_or_insert(tx.now);
        }
        return standing;
    }
    let person = proven.person.as_ref().map(|person| person.id.clone());
    standing.ended_at = None;
    standing.enrollment_id = proven.enrollment.as_ref().map(|enrollment| enrollment.id.clone());
    standing.person_id.clone_from(&person);
    let owner = person.filter(|_| proven.is_personal);
    match step {
        Step::RolledBack | Step::Again => return standing,
        // Whatever the installation before has kept is worth nothing from now on.
        Step::First => {
            standing.acknowledged = standing.sequence;
            standing.owner_id = owner;
        }
        Step::Follows(number) => {
            standing.acknowledged = number;
            standing.owner_id = standing.owner_id.or(owner);
        }
    }
    standing.sequence = standing.sequence.max(standing.acknowledged) + 1;
    standing.installation.clone_from(&request.installation);
    standing.counter = request.counter as i64;
    standing.nonce = sha256(request.nonce.as_bytes()).to_vec();
    standing.asked_at = tx.now;
    standing.granted_at = Some(tx.now);
    standing.offline_until = Some(tx.now.plus(Duration::from_secs(u64::from(proven.policy.offline_hours) * 3600)));
    standing
}

/// Where somebody stands who was never granted anything.
fn nothing(tx: &Tx, request: &GrantRequest, proven: &Proven, holder: String) -> Standing {
    Standing {
        app_id: proven.app_id.clone(),
        holder,
        enrollment_id: proven.enrollment.as_ref().map(|enrollment| enrollment.id.clone()),
        person_id: proven.person.as_ref().map(|person| person.id.clone()),
        owner_id: None,
        installation: request.installation.clone(),
        sequence: 0,
        acknowledged: 0,
        counter: 0,
        nonce: Vec::new(),
        asked_at: tx.now,
        granted_at: None,
        offline_until: None,
        ended_at: None,
        code: String::new(),
    }
}

#[cfg(test)]
mod tests;
