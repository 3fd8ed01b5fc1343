//! The second factor: a code that somebody's telephone shows, asked for after their password; and codes on paper for when it is lost.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::sessions::{self, Client, Started, Verified};
use super::{about, record, role_of};
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::mdm::actor::{Actor, Right, Role};
use crate::pki::digest::sha256;
use crate::pki::totp;
use crate::secret::{Secret, SecretBytes};
use crate::store::Tx;
use crate::store::admins::{self, Admin};
use crate::store::second_factors::{self as rows, SecondFactor, SecondStep};
use crate::store::settings::{self, Setting};

/// How long the code is waited for after the password.
pub const STEP_LIFE: Duration = Duration::from_secs(5 * 60);
/// How long a secret waits for its first code; after that it takes the password again, lest whoever finds a session finds the secret too.
pub const PREPARED_LIFE: Duration = Duration::from_secs(15 * 60);
/// Codes that may be tried before the password is asked for anew.
pub const TRIES_MAX: i64 = 5;
/// Wrong codes in a row after which none is looked at for a while, wherever they come from.
pub const FAILURES_MAX: i64 = 10;
/// That while.
pub const BLOCKED_FOR: Duration = Duration::from_secs(15 * 60);
/// Codes on paper.
pub const RECOVERY_CODES: usize = 10;

/// Who has to use a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Required {
    /// Nobody; everybody may.
    #[default]
    Nobody,
    /// Everybody whose role may change something.
    Changing,
    /// Everybody who logs in.
    Everybody,
}

impl Required {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::Nobody, Self::Changing, Self::Everybody];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Changing => "changing",
            Self::Everybody => "everybody",
        }
    }

    /// Whether it asks this of a role.
    pub fn asks(self, role: Role) -> bool {
        match self {
            Self::Nobody => false,
            Self::Changing => role != Role::Viewer,
            Self::Everybody => true,
        }
    }
}

const REQUIRED: Setting<Required> = Setting::new("second_factor_required");

/// Who has to use a second factor.
pub fn required(tx: &Tx) -> Result<Required> {
    Ok(settings::value(tx, &REQUIRED)?.unwrap_or_default())
}

/// Chooses who has to use a second factor: whoever has none sets it up at their next request before anything else.
pub fn require(tx: &Tx, actor: &Actor, wanted: Required) -> Result<()> {
    actor.require(Right::Govern)?;
    if settings::set(tx, &REQUIRED, &wanted)? {
        record(tx, actor, "admin.second_factor_required", json!({ "of": wanted.as_str() }))?;
    }
    Ok(())
}

/// How somebody's second factor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Since when it is on; absent while it is off.
    pub on_since: Option<Timestamp>,
    /// Codes on paper that are left.
    pub codes_left: u64,
    /// Whether they have to use one.
    pub required: bool,
}

/// How a person's second factor stands; another's takes an Owner.
pub fn standing(tx: &Tx, actor: &Actor, admin_id: &str) -> Result<Standing> {
    sessions::require_own(actor, Some(admin_id))?;
    let admin = admins::find(tx, admin_id)?.ok_or_else(|| Error::not_found(t!("Nobody here has this id.")))?;
    of(tx, &admin)
}

fn of(tx: &Tx, admin: &Admin) -> Result<Standing> {
    let on_since = rows::find(tx, &admin.id)?.and_then(|factor| factor.confirmed_at);
    Ok(Standing { on_since, codes_left: rows::recovery_codes_left(tx, &admin.id)?, required: required(tx)?.asks(role_of(admin)?) })
}

/// Whether somebody has to set their second factor up before they do anything else.
pub(super) fn is_missing(tx: &Tx, admin: &Admin) -> Result<bool> {
    Ok(required(tx)?.asks(role_of(admin)?) && rows::find(tx, &admin.id)?.is_none_or(|factor| factor.confirmed_at.is_none()))
}

fn own(tx: &Tx, actor: &Actor) -> Result<Admin> {
    let Actor::Person { id, .. } = actor else { return Err(Error::forbidden(t!("Only people who log in have a second factor."))) };
    admins::find(tx, id)?.ok_or_else(|| Error::not_found(t!("Nobody here has this id.")))
}

/// Makes a new secret for one's own telephone, after one's own password was proven: a session that somebody else has come by is not enough to shut
/// its person out. It counts for nothing until a code of it was shown.
///
/// # Errors
/// Unauthenticated when the proof is older than the password that is stored, forbidden when it is another person's; conflict where one is on: that is
/// switched off first, by whoever knows a code.
pub fn prepare(tx: &Tx, actor: &Actor, proof: &Verified) -> Result<SecretBytes> {
    let admin = own(tx, actor)?;
    if proof.still_holds(tx)?.id != admin.id {
        return Err(Error::forbidden(t!("A second factor is switched on by the person themselves, with their own password.")));
    }
    if of(tx, &admin)?.on_since.is_some() {
        return Err(Error::conflict(t!("Your second factor is on already. Switch it off first to use another telephone.")));
    }
    let secret = SecretBytes::new(tx.random().bytes::<{ totp::SECRET_BYTES }>().to_vec());
    rows::put(tx, &admin.id, &secret)?;
    Ok(secret)
}

/// The secret that was prepared and waits for its first code.
pub fn prepared(tx: &Tx, actor: &Actor) -> Result<Option<SecretBytes>> {
    let admin = own(tx, actor)?;
    match rows::find(tx, &admin.id)? {
        Some(factor) if waits(tx, &factor) => rows::secret(tx, &admin.id),
        _ => Ok(None),
    }
}

fn waits(tx: &Tx, factor: &SecondFactor) -> bool {
    factor.confirmed_at.is_none() && tx.now < factor.created_at.plus(PREPARED_LIFE)
}

/// Switches one's own second factor on by a first code of it; gives the codes on paper, said this once.
///
/// # Errors
/// Names `code` where it is not right; nothing is switched on then.
pub fn confirm(tx: &Tx, actor: &Actor, code: &str) -> Result<Vec<Secret<String>>> {
    let admin = own(tx, actor)?;
    let prepared = rows::find(tx, &admin.id)?.filter(|factor| waits(tx, factor));
    let (Some(mut factor), Some(secret)) = (prepared, rows::secret(tx, &admin.id)?) else {
        return Err(Error::conflict(t!("There is nothing to confirm. Begin anew, and read the square of dots with your telephone.")));
    };
    let Some(step) = totp::step_of(&secret, code, tx.now.seconds()) else {
        return Err(Error::field(
            "code",
            t!("this is not the code that the telephone shows now; check that its clock is right, and type the next one"),
        ));
    };
    factor.confirmed_at = Some(tx.now);
    factor.last_step = step;
    rows::update(tx, &factor)?;
    record(tx, actor, "admin.second_factor_on", about(&admin))?;
    make_codes(tx, &admin)
}

fn make_codes(tx: &Tx, admin: &Admin) -> Result<Vec<Secret<String>>> {
    let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| [(); 4].map(|()| tx.random().code(4)).join("-")).collect();
    let hashes: Vec<_> = codes.iter().map(|code| sha256(straight(code).as_bytes())).collect();
    rows::put_recovery_codes(tx, &admin.id, &hashes)?;
    Ok(codes.into_iter().map(Secret::new).collect())
}

/// A code on paper as it is compared: without what people put between, in capitals.
fn straight(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect()
}

/// Makes new codes on paper for oneself; the old ones are good for nothing any more. Takes a code.
pub fn renew_codes(tx: &Tx, actor: &Actor, code: &str) -> Result<Taken<Vec<Secret<String>>>> {
    let admin = own(tx, actor)?;
    Ok(match take(tx, &admin, code)? {
        Taken::Right(()) => {
            record(tx, actor, "admin.recovery_codes_renewed", about(&admin))?;
            Taken::Right(make_codes(tx, &admin)?)
        }
        Taken::Wrong(error) => Taken::Wrong(error),
    })
}

/// Switches one's own second factor off. Takes a code.
pub fn switch_off(tx: &Tx, actor: &Actor, code: &str) -> Result<Taken<()>> {
    let admin = own(tx, actor)?;
    let taken = take(tx, &admin, code)?;
    if matches!(taken, Taken::Right(())) {
        rows::delete(tx, &admin.id)?;
        record(tx, actor, "admin.second_factor_off", about(&admin))?;
    }
    Ok(taken)
}

/// Switches another's second factor off, who has lost their telephone, and ends their sessions; takes an Owner.
pub fn reset(tx: &Tx, actor: &Actor, id: &str) -> Result<Admin> {
    let admin = super::find(tx, actor, id)?;
    if rows::delete(tx, &admin.id)? {
        crate::store::sessions::delete_of(tx, &admin.id, None)?;
        record(tx, actor, "admin.second_factor_reset", about(&admin))?;
    }
    Ok(admin)
}

/// What became of a code. That one was wrong is stored too: it must not be undone with the rest of what was asked for.
#[derive(Debug)]
pub enum Taken<T> {
    /// It was right, and is good for nothing more.
    Right(T),
    /// It was not, or none is looked at now.
    Wrong(Error),
}

impl<T> Taken<T> {
    /// As a result, once what was counted is stored.
    pub fn into_result(self) -> Result<T> {
        match self {
            Self::Right(value) => Ok(value),
            Self::Wrong(error) => Err(error),
        }
    }
}

/// Looks at a code of somebody, and counts it.
fn take(tx: &Tx, admin: &Admin, code: &str) -> Result<Taken<()>> {
    let (Some(mut factor), Some(secret)) =
        (rows::find(tx, &admin.id)?.filter(|factor| factor.confirmed_at.is_some()), rows::secret(tx, &admin.id)?)
    else {
        return Ok(Taken::Wrong(Error::conflict(t!("No second factor is on."))));
    };
    if let Some(until) = factor.blocked_until.filter(|until| *until > tx.now) {
        let seconds = until.since(tx.now).as_secs().max(1) as u32;
        let words = t!("Too many wrong codes. Try again in {seconds} minutes.", seconds = seconds.div_ceil(60));
        return Ok(Taken::Wrong(Error::new(Kind::TooOften, words).retry_after(seconds)));
    }
    if is_right(tx, &mut factor, &secret, code)? {
        (factor.failures, factor.blocked_until) = (0, None);
        rows::update(tx, &factor)?;
        return Ok(Taken::Right(()));
    }
    factor.failures += 1;
    if factor.failures >= FAILURES_MAX {
        (factor.failures, factor.blocked_until) = (0, Some(tx.now.plus(BLOCKED_FOR)));
        record(tx, &Actor::Job("log-in"), "session.codes_blocked", about(admin))?;
    }
    rows::update(tx, &factor)?;
    Ok(Taken::Wrong(wrong()))
}

/// A code of the telephone, of a step after all of which one was taken, or one on paper.
fn is_right(tx: &Tx, factor: &mut SecondFactor, secret: &SecretBytes, code: &str) -> Result<bool> {
    if let Some(step) = totp::step_of(secret, code, tx.now.seconds()).filter(|step| *step > factor.last_step) {
        factor.last_step = step;
        return Ok(true);
    }
    let is_right = rows::use_recovery_code(tx, &factor.admin_id, &sha256(straight(code).as_bytes()))?;
    if is_right {
        let left = rows::recovery_codes_left(tx, &factor.admin_id)?;
        record(tx, &Actor::Job("log-in"), "session.recovery_code_used", json!({ "id": factor.admin_id, "left": left }))?;
    }
    Ok(is_right)
}

/// What follows a right password.
#[derive(Debug)]
pub enum Next {
    /// The session has begun.
    Started(Started),
    /// A code is needed; what the form carries until it comes.
    Code(Secret<String>),
}

/// Begins a session for whoever knew the password, or waits for their code.
pub fn after_password(tx: &Tx, proof: &Verified, client: &Client) -> Result<Next> {
    let admin = proof.still_holds(tx)?;
    if of(tx, &admin)?.on_since.is_none() {
        return Ok(Next::Started(sessions::begin(tx, admin, client)?));
    }
    let token = tx.random().token();
    let step =
        SecondStep { token_hash: sha256(token.as_bytes()).to_vec(), admin_id: admin.id, tries: 0, expires_at: tx.now.plus(STEP_LIFE) };
    rows::begin_step(tx, &step, admin.password_hash.expose())?;
    Ok(Next::Code(token.into()))
}

/// Begins a session for whoever knows the code too.
pub fn after_code(tx: &Tx, token: &str, code: &str, client: &Client) -> Result<Taken<Started>> {
    let over =
        || Error::new(Kind::Unauthenticated, t!("That took too long, or too many codes were wrong. Log in again with your password."));
    let hash = sha256(token.as_bytes());
    let Some(step) = rows::step(tx, &hash)?.filter(|step| step.tries < TRIES_MAX) else { return Ok(Taken::Wrong(over())) };
    let Some(admin) = admins::find(tx, &step.admin_id)? else { return Ok(Taken::Wrong(over())) };
    rows::count_try(tx, &hash)?;
    match take(tx, &admin, code)? {
        Taken::Right(()) => {
            rows::end_step(tx, &hash)?;
            Ok(Taken::Right(sessions::begin(tx, admin, client)?))
        }
        Taken::Wrong(error) => {
            let data = json!({ "name": admin.name, "address": client.address.to_string(), "second_factor": true });
            record_refusal(tx, data)?;
            super::guesses::watch(tx, Some(&admin))?;
            Ok(Taken::Wrong(if step.tries + 1 >= TRIES_MAX && error.kind == Kind::Unauthenticated { over() } else { error }))
        }
    }
}

fn record_refusal(tx: &Tx, data: Value) -> Result<()> {
    use crate::store::events::{self, NewEvent};
    events::append(tx, &NewEvent { kind: "session.refused", actor_kind: "person", actor: "someone", data, ..NewEvent::default() }).map(drop)
}

fn wrong() -> Error {
    Error::new(Kind::Unauthenticated, t!("This code is not right, or was used already. Type the one that the telephone shows now."))
}

#[cfg(test)]
mod tests;
