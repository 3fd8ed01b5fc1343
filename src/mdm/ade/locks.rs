//! Activation Lock through Apple's service: a device is locked to the organisation, and what opens it stays here.

use serde_json::json;

use crate::error::{Error, Result};
use crate::mdm::ade::devices;
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right};
use crate::protocol::ade::{Account, Refusal, assigned, paths};
use crate::secret::{Secret, SecretBytes};
use crate::store::Tx;
use crate::store::ade_locks::{self as rows, Lock, LockState};
use crate::store::ade_servers::{self, ServerState};

/// Characters of the message that a locked device shows.
pub const MESSAGE_MAX_CHARS: usize = 500;

/// What Apple is asked for.
#[derive(Debug, Clone)]
pub struct Asking {
    /// The lock's id here.
    pub lock_id: String,
    /// The device.
    pub serial_number: String,
    /// The server that it is assigned to.
    pub server_id: String,
    /// Whether that is the practice classroom's.
    pub practice: bool,
    /// The server's token.
    pub token: SecretBytes,
    /// The body of the request.
    pub body: Secret<String>,
}

/// The locks of a device, newest first.
pub fn of_serial(tx: &Tx, actor: &Actor, serial: &str) -> Result<Vec<Lock>> {
    actor.require(Right::View)?;
    rows::of_serial(tx, serial)
}

/// Whether Apple offers to lock a device.
pub fn is_offered(account: &str) -> bool {
    Account::from_json(account).offers(paths::ACTIVATION_LOCK)
}

/// Keeps what will open a device, and says what Apple is to be asked: in this order, so that no device is locked for which nothing is kept.
pub fn ask(tx: &Tx, actor: &Actor, serial: &str, message: &str, code: &Secret<String>, escrow_key: &str) -> Result<Asking> {
    actor.require(Right::Destroy)?;
    let known = devices::find(tx, actor, serial)?;
    if known.device.gone_at.is_some() {
        return Err(Error::conflict(t!("This device is not yours any more; Apple would not lock it.")));
    }
    if !is_offered(&known.server.account) {
        return Err(Error::conflict(t!(
            "Apple does not offer Activation Lock for this server. The lock of the person's own account is not affected."
        )));
    }
    if known.server.state != ServerState::Ready {
        return Err(Error::conflict(t!("Apple does not answer for this server now. See what needs you on Today.")));
    }
    let message = message.trim();
    if message.chars().count() > MESSAGE_MAX_CHARS || message.chars().any(char::is_control) {
        return Err(Error::field("message", t!("has at most {MESSAGE_MAX_CHARS} letters, in one line", MESSAGE_MAX_CHARS)));
    }
    let token = ade_servers::token(tx, &known.server.id)?.ok_or_else(|| Error::conflict(t!("There is no token for this server.")))?;
    let serial_number = known.device.serial_number;
    let lock = Lock {
        id: tx.new_id(),
        serial_number: serial_number.clone(),
        message: message.to_owned(),
        state: LockState::Asked,
        problem: String::new(),
        created_at: tx.now,
    };
    rows::insert(tx, &lock, code.expose().as_bytes())?;
    journal::note(tx, actor, "ade.lock_asked", Subject::default(), json!({ "serial_number": serial_number, "lock": lock.id }))?;
    let mut body = json!({ "device": serial_number, "escrow_key": escrow_key });
    if !message.is_empty() {
        body["lost_message"] = json!(message);
    }
    let body = Secret::new(body.to_string());
    Ok(Asking { lock_id: lock.id, serial_number, server_id: known.server.id, practice: known.server.practice, token, body })
}

/// Takes what Apple said: the answer, a refusal, or nothing that is known.
pub fn answered(tx: &Tx, actor: &Actor, asking: &Asking, came: Result<serde_json::Value, Option<Box<Refusal>>>) -> Result<Lock> {
    let (state, problem) = match came {
        Ok(body) => match assigned(&body).as_deref() {
            Some("SUCCESS") => (LockState::Locked, String::new()),
            Some("NOT_ACCESSIBLE") => (LockState::Failed, String::from(t!("Apple says that this device is not this server's."))),
            Some(other) => (LockState::Failed, t!("Apple could not lock it: {other}.", other)),
            None => (LockState::Failed, String::from(t!("Apple did not say that it is locked."))),
        },
        Err(Some(refusal)) => (LockState::Failed, refusal.words),
        Err(None) => (LockState::Asked, String::from(t!("No answer came: it may be locked or not. What opens it is kept here."))),
    };
    rows::set_state(tx, &asking.lock_id, state, &problem)?;
    let kind = match state {
        LockState::Locked => "ade.locked",
        LockState::Failed => "ade.lock_failed",
        LockState::Asked => "ade.lock_unknown",
    };
    journal::note(tx, actor, kind, Subject::default(), json!({ "serial_number": asking.serial_number, "reason": problem }))?;
    let lock = rows::of_serial(tx, &asking.serial_number)?.into_iter().find(|lock| lock.id == asking.lock_id);
    lock.ok_or_else(|| Error::not_found(t!("There is no such lock.")))
}

/// Shows what opens a locked device; every time is audited.
pub fn reveal(tx: &Tx, actor: &Actor, serial: &str, lock_id: &str) -> Result<SecretBytes> {
    actor.require(Right::Reveal)?;
    let code = rows::bypass_code(tx, serial, lock_id)?.ok_or_else(|| Error::not_found(t!("There is no such lock of this device.")))?;
    journal::note(tx, actor, "ade.lock_revealed", Subject::default(), json!({ "serial_number": serial, "lock": lock_id }))?;
    Ok(code)
}
