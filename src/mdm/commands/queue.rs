//! The queue as a device meets it: what it is offered next, and what its answers do to a command.

use serde_json::json;

use crate::error::Result;
use crate::mdm::checkin::actor;
use crate::mdm::{Actor, journal};
use crate::protocol::report::{Head, Status};
use crate::secret::SecretBytes;
use crate::store::Tx;
use crate::store::commands::{self, Command, CommandState};
use crate::store::deployments;
use crate::store::enrollments::Enrollment;

/// Offers without any reply after which a command is set aside, so that those behind it go on.
pub const MAX_OFFERS: i64 = 3;

/// A command that is offered to a device.
#[derive(Debug, Clone)]
pub struct Offer {
    /// CommandUUID.
    pub uuid: String,
    /// RequestType.
    pub request_type: String,
    /// What makes it pointless later; tells a renewal's profile from others.
    pub supersede_key: Option<String>,
    /// The plist.
    pub payload: SecretBytes,
}

/// The next command for an enrollment in this session; commands whose time is over, or that never get a reply, leave the queue on the way.
///
/// `again` is said where the device repeats an answer that we have: the connection broke before ours reached it, which is no offer without a reply.
pub fn next(tx: &Tx, enrollment: &Enrollment, session: i64, again: bool) -> Result<Option<Offer>> {
    while let Some((command, payload)) = commands::next(tx, &enrollment.id, session)? {
        if command.generation != enrollment.generation {
            end(tx, enrollment, &command, CommandState::Dropped, t!("a new enrollment began"))?;
        } else if command.expires_at.is_some_and(|end| end <= tx.now) {
            end(tx, enrollment, &command, CommandState::Expired, t!("its time was over before the device could do it"))?;
        } else if command.offers >= MAX_OFFERS && !again {
            let because = t!("the device was sent it three times and never replied; it may not be able to read it");
            end(tx, enrollment, &command, CommandState::Quarantined, because)?;
        } else if let Some(payload) = payload {
            commands::mark_sent(tx, command.seq, again)?;
            return Ok(Some(Offer {
                uuid: command.uuid,
                request_type: command.request_type,
                supersede_key: command.supersede_key,
                payload,
            }));
        } else {
            end(tx, enrollment, &command, CommandState::Dropped, t!("what it said is not kept any more"))?;
        }
    }
    Ok(None)
}

/// What became of recording an answer.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The command that it answers, as it stood before; none when we never sent such a one.
    pub command: Option<Command>,
    /// Whether it changed anything: a repeated answer does not.
    pub is_news: bool,
}

impl Recorded {
    /// Whether the device said once more what it had said of this command before, as it does until our answer to it arrives.
    pub fn is_repeated(&self) -> bool {
        let answered =
            |command: &Command| matches!(command.state, CommandState::Acknowledged | CommandState::Error | CommandState::FormatError);
        !self.is_news && self.command.as_ref().is_some_and(answered)
    }
}

/// Records an answer from CommandUUID and Status alone; the rest of the report is read afterwards.
pub fn record(tx: &Tx, enrollment: &Enrollment, uuid: &str, head: &Head, session: i64) -> Result<Recorded> {
    let Some(command) = commands::by_uuid(tx, &enrollment.id, uuid)? else {
        let data = json!({ "status": head.status });
        let subject = journal::Subject::from(enrollment).command(uuid);
        journal::note(tx, &actor(enrollment), "report.of_unknown_command", subject, data)?;
        return Ok(Recorded { command: None, is_news: false });
    };
    let is_news = match head.status {
        Status::Idle => false,
        Status::NotNow => put_off(tx, enrollment, &command, session)?,
        Status::Acknowledged => finish(tx, enrollment, &command, CommandState::Acknowledged, head)?,
        Status::Error => finish(tx, enrollment, &command, CommandState::Error, head)?,
        Status::CommandFormatError => finish(tx, enrollment, &command, CommandState::FormatError, head)?,
    };
    Ok(Recorded { command: Some(command), is_news })
}

fn put_off(tx: &Tx, enrollment: &Enrollment, command: &Command, session: i64) -> Result<bool> {
    if !command.state.is_open() {
        return Ok(false);
    }
    commands::mark_not_now(tx, command.seq, session)?;
    if command.not_nows == 0 {
        // The first time is news for the timeline; the next hundred only move a counter.
        note(tx, enrollment, command, "command.not_now", json!({ "request_type": command.request_type }))?;
    }
    Ok(true)
}

fn finish(tx: &Tx, enrollment: &Enrollment, command: &Command, state: CommandState, head: &Head) -> Result<bool> {
    let cause = match state {
        CommandState::FormatError => String::from(t!("the device could not read the command: a fault of this server, or of who wrote it")),
        _ => head.cause().map(|cause| cause.words.into_owned()).unwrap_or_default(),
    };
    let chain = (!head.error_chain.is_empty()).then(|| json!(head.error_chain).to_string());
    if !commands::answered(tx, command.seq, state, &cause, chain.as_deref())? {
        return Ok(false);
    }
    let data = json!({ "request_type": command.request_type, "state": state, "because": cause });
    note(tx, enrollment, command, &format!("command.{state}"), data)?;
    Ok(true)
}

/// Takes a command out of the queue for a cause of ours.
pub(super) fn end(tx: &Tx, enrollment: &Enrollment, command: &Command, state: CommandState, because: &str) -> Result<()> {
    if commands::finish(tx, command.seq, state, because, None)? {
        let subject = journal::Subject::from(enrollment).command(&command.uuid);
        let data = json!({ "request_type": command.request_type, "because": because });
        journal::note(tx, &Actor::Job("queue"), &format!("command.{state}"), subject, data)?;
        unreached(tx, enrollment, command)?;
    }
    Ok(())
}

/// A command has left the queue that the device was never sent. What it was to bring and others wait for, a redemption code, does not lie idle until
/// the device connects: it is planned for at once.
pub(super) fn unreached(tx: &Tx, enrollment: &Enrollment, command: &Command) -> Result<()> {
    if command.request_type == REDEMPTION && command.sent_at.is_none() {
        deployments::look_again_at(tx, &enrollment.id)?;
    }
    Ok(())
}

/// The request that brings a redemption code.
const REDEMPTION: &str = "ApplyRedemptionCode";

/// Sets a command aside that does harm by being offered.
pub fn quarantine(tx: &Tx, enrollment: &Enrollment, command: &Command, because: &str) -> Result<()> {
    end(tx, enrollment, command, CommandState::Quarantined, because)
}

fn note(tx: &Tx, enrollment: &Enrollment, command: &Command, kind: &str, data: serde_json::Value) -> Result<()> {
    journal::note(tx, &actor(enrollment), kind, journal::Subject::from(enrollment).command(&command.uuid), data)
}

/// Drops whatever waits for an enrollment, each with its line in the timeline (cases: old commands never reach a new enrollment).
pub fn drop_all(tx: &Tx, enrollment: &Enrollment, because: &str) -> Result<usize> {
    let mut dropped = 0;
    loop {
        let open = commands::open(tx, &enrollment.id, PAGE)?;
        if open.is_empty() {
            return Ok(dropped);
        }
        for command in &open {
            end(tx, enrollment, command, CommandState::Dropped, because)?;
        }
        dropped += open.len();
    }
}

/// How many rows a pass over the queue reads at a time.
const PAGE: u32 = 500;

/// Ends commands whose time is over, at most one page of them; gives how many.
pub fn expire(tx: &Tx) -> Result<usize> {
    let past = commands::past_expiry(tx, PAGE)?;
    for command in &past {
        let Some(enrollment) = crate::store::enrollments::by_id(tx, &command.enrollment_id)? else { continue };
        end(tx, &enrollment, command, CommandState::Expired, t!("its time was over before the device could do it"))?;
    }
    Ok(past.len())
}
