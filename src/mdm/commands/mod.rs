//! Commands: who may queue which for whom, and how they leave the queue.

mod guard;
mod queue;
mod rights;
mod unfit;
pub mod words;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::error::{Error, FieldError, Kind, Result};
use crate::mdm::checkin::device_channel;
use crate::mdm::{Actor, Right, journal, lost, push};
use crate::protocol::availability::Capabilities;
use crate::protocol::command::{self, Command as Order, RawCommand};
use crate::protocol::ids::EnrollmentKind;
use crate::protocol::os_version::OsVersion;
use crate::secret::Secret;
use crate::store::commands::{self, Command, CommandState, NewCommand};
use crate::store::enrollments::{self, Enrollment, EnrollmentState, SealedColumn};
use crate::store::escrow::{self, EscrowKind};
use crate::store::{Tx, devices};

pub use queue::{MAX_OFFERS, Offer, Recorded, drop_all, expire, next, quarantine, record};
pub use rights::right_for;
pub use unfit::protocol_words;

/// The most commands that may wait for one enrollment.
pub const MAX_OPEN: i64 = 1000;

/// Queue places for what must come after everything else.
const LAST: i64 = -100;

/// Queue places for what must not wait for anything else.
const FIRST: i64 = 100;

/// What a device can do, as far as it is known.
pub fn capabilities(tx: &Tx, enrollment: &Enrollment) -> Result<Capabilities> {
    let device = devices::by_id(tx, &enrollment.device_id)?.ok_or_else(|| Error::not_found(t!("There is no such device.")))?;
    capabilities_on(tx, enrollment, &device)
}

/// [`capabilities`] of an enrollment whose device has been read already.
pub fn capabilities_on(tx: &Tx, enrollment: &Enrollment, device: &devices::Device) -> Result<Capabilities> {
    let said = |text: &str, path: &str| {
        // Most devices never say it: what does not hold the key need not be read.
        if !path.rsplit('/').next().is_some_and(|key| text.contains(key)) {
            return Ok(None);
        }
        let facts: Value = serde_json::from_str(text).map_err(|error| Error::internal("stored facts are JSON", error))?;
        Ok::<_, Error>(facts.pointer(path).and_then(Value::as_bool))
    };
    let is_shared = match enrollment.kind {
        EnrollmentKind::SharedIpad => Some(true),
        _ => said(&devices::facts(tx, &device.id)?, "/IsMultiUser")?,
    };
    Ok(Capabilities {
        platform: device.platform,
        os_version: OsVersion::parse(&device.os_version),
        supervised: device.supervised,
        kind: enrollment.kind,
        ade: said(&devices::security(tx, &device.id)?, "/ManagementStatus/EnrolledViaDEP")?,
        shared_ipad: is_shared,
        access_rights: enrollment.access_rights.map(|rights| rights as u32),
    })
}

/// What a person or script asks for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The command; its UUID is unique per enrollment.
    pub command: Order,
    /// When it ends unsent; `None` for the kind's usual time.
    pub expires_at: Option<Timestamp>,
    /// Whether a wake-up is sent.
    pub push: bool,
    /// Whether to refuse what the device's OS is known not to have.
    pub check: bool,
    /// What an older command that waits must have for this one to take its place; `None` for the kind's own.
    pub supersede_key: Option<String>,
}

impl Wish {
    /// A command with the usual time, a wake-up and all checks.
    pub fn new(command: Order) -> Self {
        Self { command, expires_at: None, push: true, check: true, supersede_key: None }
    }

    /// Takes the place of a command with this key that waits.
    #[must_use]
    pub fn in_place_of(self, supersede_key: &str) -> Self {
        Self { supersede_key: Some(supersede_key.to_owned()), ..self }
    }
}

/// Queues a command for an enrollment.
///
/// Fails with what to do instead when the role may not, the enrollment is over, the OS does not have the command, the UUID was used before, or the
/// queue is full.
pub fn enqueue(tx: &Tx, actor: &Actor, enrollment: &Enrollment, wish: Wish) -> Result<Command> {
    rights::require(tx, actor, enrollment, &wish.command)?;
    stands(tx, enrollment, &wish.command, wish.check)?;
    let mut order = wish.command;
    complete(tx, enrollment, &mut order)?;
    let queued = insert(
        tx,
        actor,
        enrollment,
        &order,
        Row { expires_at: wish.expires_at, push: wish.push, supersede_key: wish.supersede_key, priority: 0 },
    )?;
    hold_secrets(tx, enrollment, &order)?;
    Ok(queued)
}

/// Why a command would be refused now, in words; nothing where it would be queued. Changes nothing.
pub fn refusal(tx: &Tx, actor: &Actor, enrollment: &Enrollment, order: &Order) -> Result<Option<String>> {
    rights::require(tx, actor, enrollment, order)?;
    match stands(tx, enrollment, order, true).and_then(|()| complete(tx, enrollment, &mut order.clone())) {
        Ok(()) => Ok(None),
        Err(error) if error.kind == Kind::Conflict => Ok(Some(error.message.into_owned())),
        Err(error) => Err(error),
    }
}

/// Refuses what cannot be queued for this enrollment; `check` asks for what the OS has, too. What people's own devices are never asked is refused in any
/// case.
fn stands(tx: &Tx, enrollment: &Enrollment, order: &Order, check: bool) -> Result<()> {
    if check || enrollment.kind.is_user_enrollment() {
        let device = capabilities(tx, enrollment)?;
        order.check(&device).map_err(|refusal| unfit::conflict(order, &device, refusal))?;
        guard::check(tx, enrollment, &device, order)?;
    }
    if devices::is_deleted(tx, &enrollment.device_id)? {
        return Err(Error::conflict(t!("This device was deleted; enroll it again to manage it.")));
    }
    if enrollment.state != EnrollmentState::Enrolled {
        return Err(Error::conflict(match enrollment.state {
            EnrollmentState::Authenticated => t!("This device has not finished enrolling; commands can be sent once it has."),
            EnrollmentState::Retired => t!("This device was retired; enroll it again to manage it."),
            _ => t!("This device is no longer enrolled; enroll it again to manage it."),
        }));
    }
    Ok(())
}

/// Queues a command of our own making, for which no person's role is asked.
pub fn enqueue_own(
    tx: &Tx,
    actor: &Actor,
    enrollment: &Enrollment,
    order: Order,
    supersede_key: Option<&str>,
    expires_at: Option<Timestamp>,
) -> Result<Command> {
    insert(tx, actor, enrollment, &order, Row { expires_at, supersede_key: supersede_key.map(str::to_owned), push: true, priority: 0 })
}

/// Queues a command that must come after everything else that waits.
pub fn enqueue_last(tx: &Tx, actor: &Actor, enrollment: &Enrollment, order: Order) -> Result<Command> {
    insert(tx, actor, enrollment, &order, Row { priority: LAST, push: true, ..Row::default() })
}

/// Queues a command that comes before everything else that waits.
pub fn enqueue_first(tx: &Tx, actor: &Actor, enrollment: &Enrollment, order: Order) -> Result<Command> {
    insert(tx, actor, enrollment, &order, Row { priority: FIRST, push: true, ..Row::default() })
}

/// Has a command that waits come before everything else.
pub fn hurry(tx: &Tx, enrollment: &Enrollment, command: &Command) -> Result<()> {
    commands::set_priority(tx, command.seq, FIRST)?;
    push::due_now(tx, enrollment)
}

#[derive(Debug, Default)]
struct Row {
    expires_at: Option<Timestamp>,
    supersede_key: Option<String>,
    push: bool,
    priority: i64,
}

fn insert(tx: &Tx, actor: &Actor, enrollment: &Enrollment, order: &Order, row: Row) -> Result<Command> {
    let uuid = order.uuid.as_str();
    let is_intent = row.supersede_key.is_some();
    let supersede_key = row.supersede_key.or_else(|| order.supersede_key());
    let open = commands::count_open(tx, &enrollment.id)?;
    let older = match &supersede_key {
        Some(key) if open > 0 => commands::open_with_key(tx, &enrollment.id, key)?,
        _ => Vec::new(),
    };
    if is_intent
        && let [unsent] = older.as_slice()
        && is_as_good(unsent, enrollment, order)
    {
        return rewrite(tx, actor, enrollment, unsent, order, row.expires_at);
    }
    if open >= MAX_OPEN {
        return Err(Error::conflict(t!(
            "{MAX_OPEN} commands wait for this device already; cancel some, or wait until it connects.",
            MAX_OPEN
        )));
    }
    for older in &older {
        queue::end(tx, enrollment, older, CommandState::Superseded, t!("a newer command does the same"))?;
    }
    let new = NewCommand {
        enrollment_id: &enrollment.id,
        generation: enrollment.generation,
        uuid,
        request_type: &order.request_type,
        payload: &order.to_plist()?,
        priority: row.priority,
        supersede_key: supersede_key.as_deref(),
        actor: &actor.to_string(),
        expires_at: ends_at(tx, order, row.expires_at),
    };
    let used = || Error::conflict(t!("The CommandUUID {uuid} was used for this device before; take a new one.", uuid));
    let queued = commands::insert(tx, &new).map_err(|error| if error.kind == Kind::Conflict { used() } else { error })?;
    let subject = journal::Subject::from(enrollment).command(uuid);
    journal::note(tx, actor, "command.queued", subject, json!({ "request_type": order.request_type }))?;
    if row.push {
        push::due_now(tx, enrollment)?;
    }
    Ok(queued)
}

/// When a command ends unsent.
fn ends_at(tx: &Tx, order: &Order, asked: Option<Timestamp>) -> Option<Timestamp> {
    asked.or_else(|| order.default_lifetime().map(|lifetime| tx.now.plus(lifetime)))
}

/// Whether a command that waits can say what `order` says in its stead: the device has never seen it.
fn is_as_good(unsent: &Command, enrollment: &Enrollment, order: &Order) -> bool {
    unsent.state == CommandState::Queued
        && unsent.sent_at.is_none()
        && unsent.generation == enrollment.generation
        && unsent.request_type == order.request_type
}

/// Has a command of ours that no device has seen say something newer, under the same CommandUUID and at the same place in the queue: what changes often
/// while a device is away is one command, not a trail of replaced ones.
fn rewrite(
    tx: &Tx,
    actor: &Actor,
    enrollment: &Enrollment,
    unsent: &Command,
    order: &Order,
    expires_at: Option<Timestamp>,
) -> Result<Command> {
    let mut order = order.clone();
    order.uuid.clone_from(&unsent.uuid);
    let rewritten = commands::rewrite(tx, unsent, &order.to_plist()?, &actor.to_string(), ends_at(tx, &order, expires_at))?;
    let subject = journal::Subject::from(enrollment).command(&unsent.uuid);
    journal::note(tx, actor, "command.rewritten", subject, json!({ "request_type": order.request_type }))?;
    push::due_now(tx, enrollment)?;
    Ok(rewritten)
}

/// Digits of a PIN that is made here: as many as Macs take.
const PIN_DIGITS: usize = 6;

/// Makes a PIN for a Mac. It is held for the device once the command with it is queued.
pub fn new_pin(tx: &Tx) -> Secret<String> {
    // A byte above the last whole ten would prefer the small digits.
    let digits = std::iter::repeat_with(|| tx.random().bytes::<1>()[0]).filter(|byte| *byte < 250).take(PIN_DIGITS);
    Secret::new(digits.map(|byte| char::from(b'0' + byte % 10)).collect())
}

/// Fills in what only we hold: ClearPasscode's UnlockToken, and what the screen of a lost device says already.
fn complete(tx: &Tx, enrollment: &Enrollment, order: &mut Order) -> Result<()> {
    if order.request_type == "ClearPasscode" && !order.has_key("UnlockToken") {
        let Some(token) = enrollments::secret(tx, &enrollment.id, SealedColumn::UnlockToken)? else {
            return Err(Error::conflict(t!("This device never gave an unlock token, so its passcode cannot be cleared from here.")));
        };
        order.set_data("UnlockToken", token.expose().clone());
    }
    if order.request_type == "EnableLostMode" {
        lost::keep_words(tx, enrollment, order)?;
    }
    Ok(())
}

/// The PIN of a Mac is the only way to unlock it: it is held in the transaction that queues the command, so before it can reach the Mac.
fn hold_secrets(tx: &Tx, enrollment: &Enrollment, order: &Order) -> Result<()> {
    let held = [
        ("DeviceLock", "PIN", EscrowKind::LockPin, t!("locked with this PIN")),
        ("EraseDevice", "PIN", EscrowKind::LockPin, t!("erased with this PIN")),
        ("SetRecoveryLock", "NewPassword", EscrowKind::RecoveryLockPassword, t!("set as recovery lock")),
        ("SetFirmwarePassword", "NewPassword", EscrowKind::FirmwarePassword, t!("set as firmware password")),
    ];
    for (request_type, key, kind, note) in held {
        if order.request_type == request_type
            && let Some(value) = order.text(key).filter(|value| !value.is_empty())
        {
            let of = Some((enrollment.id.as_str(), enrollment.generation));
            escrow::insert(tx, &enrollment.device_id, of, kind, value.as_bytes(), note)?;
        }
    }
    Ok(())
}

/// Reads a command that someone wrote by hand, and gives it a UUID if it has none. Wrong keys are named.
pub fn read_raw(tx: &Tx, plist: &[u8], allow_unknown: bool) -> Result<Order> {
    let raw: RawCommand = command::validate_raw(plist, allow_unknown).map_err(named)?;
    Ok(raw.with_uuid_or(|| tx.command_uuid()))
}

/// Names what is wrong with what a command says; what it leaves out, and what is not known here, is the device's to judge.
pub fn check_said(order: &Order) -> Result<()> {
    let faults = command::check_said(order);
    if faults.is_empty() { Ok(()) } else { Err(named(faults)) }
}

fn named(fields: Vec<FieldError>) -> Error {
    let message = fields.iter().map(|field| format!("{}: {}", field.field, field.message)).collect::<Vec<_>>().join("; ");
    let mut error = Error::bad_input(message);
    error.fields = fields;
    error
}

/// Takes a command back, if it is still in the queue. One that was sent already may still be carried out; it is not sent again.
pub fn cancel(tx: &Tx, actor: &Actor, enrollment: &Enrollment, uuid: &str) -> Result<Command> {
    actor.require(Right::Command)?;
    let Some(command) = commands::by_uuid(tx, &enrollment.id, uuid)? else {
        return Err(Error::not_found(t!("There is no such command for this device.")));
    };
    if !command.state.is_open() {
        return Err(Error::conflict(t!("This command has left the queue already ({state}).", state = command.state)));
    }
    let because = t!("taken back by {actor}", actor);
    commands::finish(tx, command.seq, CommandState::Cancelled, &because, None)?;
    queue::unreached(tx, enrollment, &command)?;
    let subject = journal::Subject::from(enrollment).command(uuid);
    journal::note(tx, actor, "command.cancelled", subject, json!({ "request_type": command.request_type }))?;
    commands::by_uuid(tx, &enrollment.id, uuid)?.ok_or_else(|| Error::not_found(t!("There is no such command for this device.")))
}

/// Takes a command out of the queue because what it was for has come about otherwise.
pub(in crate::mdm) fn supersede(tx: &Tx, enrollment: &Enrollment, command: &Command, because: &str) -> Result<()> {
    queue::end(tx, enrollment, command, CommandState::Superseded, because)
}

/// Takes back what waits in the queue, if the device has not been sent it.
pub(in crate::mdm) fn take_back(tx: &Tx, enrollment: &Enrollment, uuid: &str, because: &str) -> Result<()> {
    match commands::by_uuid(tx, &enrollment.id, uuid)? {
        Some(command) if command.state.is_open() && command.state != CommandState::Sent => supersede(tx, enrollment, &command, because),
        _ => Ok(()),
    }
}

/// The channel that a device-wide command goes to.
pub fn channel_for(tx: &Tx, enrollment: &Enrollment) -> Result<Enrollment> {
    device_channel(tx, enrollment)
}

/// Tells whether anything waits for an enrollment: a command, or its first questions.
pub fn any_waiting(tx: &Tx, enrollment: &Enrollment) -> Result<bool> {
    Ok(enrollment.questions_due || commands::any_open(tx, &enrollment.id)?)
}

/// A fresh CommandUUID.
pub fn new_uuid(tx: &Tx) -> Uuid {
    tx.command_uuid()
}
