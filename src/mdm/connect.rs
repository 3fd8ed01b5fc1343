//! Connect: a device says what became of a command, or that it is idle, and is offered the next one.

use serde_json::json;

use crate::error::Result;
use crate::mdm::checkin::{HowToLeave, actor, bound, how_to_leave};
use crate::mdm::commands::{self, Offer, Recorded};
use crate::mdm::enroll::identify::{self, Outcome, Presented, Refusal};
use crate::mdm::enroll::{account, next_root, renewal};
use crate::mdm::updates::own_list;
use crate::mdm::{apps, checkin, heard, inventory, journal, push, reconcile, setup_assistant, webhooks};
use crate::protocol::report::{Head, Report, Status};
use crate::store::commands::{self as queue, Command};
use crate::store::enrollments::{self, Enrollment, EnrollmentState, Look};
use crate::store::reports::{self, NewReport};
use crate::store::{Tx, certificates, deployments, devices};

/// A report as it came in.
#[derive(Debug, Clone)]
pub struct Incoming<'a> {
    /// What was read of it first: who, which command, how it went.
    pub head: &'a Head,
    /// Everything it says; absent when it was too large to read whole, or cannot be read.
    pub report: Option<&'a Report>,
    /// Why it cannot be read, in words.
    pub unreadable: Option<&'a str>,
    /// The body, unless it was too large to keep.
    pub body: Option<&'a [u8]>,
    /// Size of the body.
    pub size_bytes: u64,
    /// SHA-256 of the body.
    pub sha256: [u8; 32],
    /// The query of the address it came to, for those who listen by webhook.
    pub query: Option<&'a str>,
}

/// What the device is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    /// 200 without a body: nothing waits, or all that waits was put off.
    Empty,
    /// 200 with a command.
    Command(Offer),
    /// An admin retired this enrollment.
    Leave(HowToLeave),
    /// 400 without a body; recorded.
    Refused(Refusal),
}

/// What a read alone can say to an idle device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Poll {
    /// Nothing waits for this enrollment: answer empty, and note softly that it was seen.
    Nothing {
        /// The enrollment's id.
        enrollment_id: String,
    },
    /// There is something to offer or to record: ask again in a writing transaction.
    Write,
}

/// Looks whether an Idle report needs more than a read. Most polls do not, and one statement tells.
pub fn poll(tx: &Tx, presented: &Presented, head: &Head) -> Result<Poll> {
    if head.status != Status::Idle {
        return Ok(Poll::Write);
    }
    let seen = match enrollments::look(tx, &presented.fingerprint, head.ids.nano_id().as_str())? {
        Look::Quiet(enrollment_id) => Poll::Nothing { enrollment_id },
        Look::Busy => Poll::Write,
        Look::Unsure => return poll_in_detail(tx, presented, head),
    };
    debug_assert_eq!(poll_in_detail(tx, presented, head)?, seen, "the short way says what the long one does");
    Ok(seen)
}

fn poll_in_detail(tx: &Tx, presented: &Presented, head: &Head) -> Result<Poll> {
    let Outcome::Known(standing) = identify::identify(tx, presented, &head.ids)? else { return Ok(Poll::Write) };
    let enrollment = &standing.enrollment;
    let quiet = standing.identity.enrollment_id.is_some()
        && enrollment.state == EnrollmentState::Enrolled
        && enrollment.push_attempts == 0
        && !enrollment.awaiting_configuration
        && !commands::any_waiting(tx, enrollment)?
        && !deployments::is_due(tx, &enrollment.id)?
        && !webhooks::wants_polls(tx)?
        && !account::is_news(tx, presented, enrollment)?;
    Ok(if quiet { Poll::Nothing { enrollment_id: enrollment.id.clone() } } else { Poll::Write })
}

/// Records a report and offers the next command.
pub fn connect(tx: &Tx, presented: Option<&Presented>, incoming: &Incoming<'_>) -> Result<Reply> {
    let ids = &incoming.head.ids;
    let Some(presented) = presented else {
        identify::record_refusal(tx, None, ids, Refusal::NoCertificate)?;
        return Ok(Reply::Refused(Refusal::NoCertificate));
    };
    let outcome = identify::identify(tx, presented, ids)?;
    let refusal = match &outcome {
        Outcome::Refused(refusal) => *refusal,
        Outcome::Known(_) | Outcome::NoEnrollment(_) => Refusal::AnothersIdentity,
    };
    if let Outcome::Known(standing) = &outcome
        && checkin::is_user_of_retired(standing)
    {
        identify::record_refusal(tx, Some(presented), ids, Refusal::DeviceRetired)?;
        return Ok(Reply::Refused(Refusal::DeviceRetired));
    }
    if let Outcome::Known(standing) = &outcome
        && let Some(how) = how_to_leave(tx, standing)?
    {
        checkin::told(tx, &standing.enrollment, how)?;
        return Ok(Reply::Leave(how));
    }
    let Some(enrollment) = bound(tx, presented, outcome)? else {
        identify::record_refusal(tx, Some(presented), ids, refusal)?;
        return Ok(Reply::Refused(refusal));
    };
    heard::now(tx, &enrollment)?;
    renewal::used(tx, presented, &enrollment)?;
    if incoming.head.status == Status::Idle {
        inventory::ask_first(tx, &enrollment)?;
    }
    // An Idle begins a session; what was put off in an earlier one may be offered again.
    let session = enrollment.session + i64::from(incoming.head.status == Status::Idle);
    let recorded = record(tx, &enrollment, incoming, session)?;
    webhooks::announce_report(tx, &enrollment, incoming)?;
    reconcile::plan_if_due(tx, &enrollment)?;
    if enrollment.awaiting_configuration {
        setup_assistant::look(tx, &enrollment.id, incoming.head.status == Status::Idle)?;
    }
    offer(tx, &enrollment, incoming.head.status, session, recorded.as_ref())
}

/// Sets the command aside whose answer is larger than anything that is taken, so that the device is not asked for it again and again.
///
/// `presented` must be proven; only a command that was sent to this very device can be meant. Without a CommandUUID it is the one that was sent last.
pub fn too_large(tx: &Tx, presented: &Presented, command_uuid: Option<&str>, size_bytes: u64) -> Result<Option<Command>> {
    let identity = certificates::by_fingerprint(tx, &presented.fingerprint)?.filter(|identity| identity.revoked_at.is_none());
    // A certificate that was never used has never been sent a command.
    let Some(device_channel) = identity.and_then(|identity| identity.enrollment_id) else { return Ok(None) };
    let Some(command) = queue::sent_to_device(tx, &device_channel, command_uuid)? else { return Ok(None) };
    let Some(enrollment) = enrollments::by_id(tx, &command.enrollment_id)? else { return Ok(None) };
    let because = t!("its answer is larger than {size_bytes} MiB, which is more than this server takes", size_bytes = size_bytes >> 20);
    commands::quarantine(tx, &enrollment, &command, &because)?;
    Ok(Some(command))
}

fn record(tx: &Tx, enrollment: &Enrollment, incoming: &Incoming<'_>, session: i64) -> Result<Option<Recorded>> {
    let head = incoming.head;
    if head.status == Status::Idle {
        return Ok(None);
    }
    let uuid = head.command_uuid.as_deref().unwrap_or_default();
    let recorded = commands::record(tx, enrollment, uuid, head, session)?;
    let request_type = recorded.command.as_ref().map_or("", |command| command.request_type.as_str());
    if recorded.is_news || recorded.command.is_none() {
        reports::insert(
            tx,
            &NewReport {
                enrollment_id: &enrollment.id,
                command_uuid: uuid,
                request_type,
                status: head.status.as_str(),
                size_bytes: incoming.size_bytes,
                sha256: &incoming.sha256,
                body: incoming.body.filter(|_| head.status != Status::NotNow),
            },
        )?;
    }
    if recorded.is_news {
        read_answer(tx, enrollment, incoming, &recorded)?;
    }
    Ok(Some(recorded))
}

/// Tells the rooms concerned. The command is finished already: what cannot be read is noted and blocks nothing.
fn read_answer(tx: &Tx, enrollment: &Enrollment, incoming: &Incoming<'_>, recorded: &Recorded) -> Result<()> {
    let Some(command) = &recorded.command else { return Ok(()) };
    renewal::answered(tx, enrollment, command, incoming.head.status)?;
    next_root::answered(tx, enrollment, command, incoming.head.status)?;
    reconcile::answered(tx, enrollment, command, incoming.head)?;
    reconcile::app_answered(tx, enrollment, command, incoming.head, incoming.report)?;
    reconcile::update_answered(tx, enrollment, command, incoming.head, incoming.report)?;
    let subject = journal::Subject::from(enrollment).command(&command.uuid);
    let is_acknowledged = incoming.head.status == Status::Acknowledged;
    let Some(report) = incoming.report else {
        if is_acknowledged {
            inventory::acknowledged(tx, enrollment, command)?;
        }
        let (kind, data) = match incoming.unreadable {
            Some(because) => ("report.unreadable", json!({ "request_type": command.request_type, "because": because })),
            None => ("report.too_large", json!({ "because": "answer too large", "size_bytes": incoming.size_bytes })),
        };
        return journal::note(tx, &actor(enrollment), kind, subject, data);
    };
    if is_acknowledged && !inventory::observe(tx, enrollment, command, report)? {
        journal::note(tx, &actor(enrollment), "report.unreadable", subject, json!({ "request_type": command.request_type }))?;
    } else if is_acknowledged {
        match command.request_type.as_str() {
            "DeviceInformation" => {
                reconcile::system_told(tx, enrollment)?;
                own_list::ask(tx, enrollment)?;
            }
            "ProfileList" => reconcile::listed(tx, enrollment)?,
            "ProvisioningProfileList" => reconcile::provisioning_listed(tx, enrollment, report)?,
            "InstalledApplicationList" => reconcile::apps_present(tx, enrollment)?,
            "ManagedApplicationList" => reconcile::apps_listed(tx, enrollment, report)?,
            "ManagedApplicationFeedback" => apps::feedback_read(tx, enrollment, report)?,
            _ => {}
        }
    }
    Ok(())
}

fn offer(tx: &Tx, enrollment: &Enrollment, status: Status, session: i64, recorded: Option<&Recorded>) -> Result<Reply> {
    if enrollment.state != EnrollmentState::Enrolled {
        // Between Authenticate and TokenUpdate, and after CheckOut, there is nothing to do here.
        return Ok(Reply::Empty);
    }
    // The device may have erased itself, or been told to leave, by the very command that was just recorded; an Idle changes nothing. What waits for a
    // deleted device stays where the audit can see it, and is dropped if the device enrolls anew.
    let present = match recorded {
        Some(_) => enrollments::managed(tx, &enrollment.id)?,
        None if devices::is_deleted(tx, &enrollment.device_id)? => None,
        None => Some(enrollment.clone()),
    };
    let Some(present) = present else { return Ok(Reply::Empty) };
    let again = recorded.is_some_and(Recorded::is_repeated);
    if let Some(offer) = commands::next(tx, &present, session, again)? {
        if session != present.session {
            enrollments::begin_session(tx, &present.id, session)?;
        }
        renewal::offered(tx, &present, &offer)?;
        push::answered(tx, &present)?;
        return Ok(Reply::Command(offer));
    }
    let put_off_last = status == Status::NotNow && recorded.is_some_and(|recorded| recorded.command.is_some());
    push::drained(tx, &present, put_off_last)?;
    Ok(Reply::Empty)
}
