//! What tools of the Nano world ask for: a push certificate put in place, a command for many by their ids, pushes at once.

use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::mdm::commands::{self, Wish};
use crate::mdm::push::{Due, RETRIES};
use crate::mdm::push_certificates::{Put, keep};
use crate::mdm::{Actor, Right, devices};
use crate::pki::push_certificate::PushCertificate as Pair;
use crate::protocol::command::Command as Order;
use crate::store::Tx;
use crate::store::enrollments::{self, EnrollmentState, SealedColumn};
use crate::store::push_certificates::{self, PushCertificate};

/// Enrollments that one request may name.
pub const IDS_MAX: usize = 1000;

/// Adds a push certificate, or renews the one of its topic. Those of other topics stay, and with them the devices that listen to them.
pub fn put_push_certificate(tx: &Tx, actor: &Actor, pair: &Pair) -> Result<Put> {
    actor.require(Right::Configure)?;
    // The first one is for new enrollments too; later ones of other topics come with the devices that move in.
    let known = push_certificates::by_topic(tx, pair.topic())?;
    let current = match known {
        Some(known) => known.current,
        None => push_certificates::current(tx)?.is_none(),
    };
    keep(tx, actor, pair, current, "")
}

/// The push certificate of a topic.
pub fn push_certificate(tx: &Tx, actor: &Actor, topic: &str) -> Result<PushCertificate> {
    actor.require(Right::View)?;
    push_certificates::by_topic(tx, topic)?
        .ok_or_else(|| Error::not_found(t!("There is no push certificate for the topic {topic}.", topic)))
}

/// Queues a command for the enrollment of this id. A caller who pushes says so, so that a push is sent even if the caller dies before it.
///
/// What the device's OS is known not to have is queued all the same: tools of the Nano world expect the device to say so.
pub fn enqueue(tx: &Tx, actor: &Actor, id: &str, order: &Order, push: bool) -> Result<()> {
    actor.require(Right::Command)?;
    let enrollment = devices::find_enrollment(tx, actor, id)?;
    commands::enqueue(tx, actor, &enrollment, Wish { push: false, check: false, ..Wish::new(order.clone()) })?;
    if push {
        enrollments::set_push(tx, &enrollment.id, Some(first_retry(tx)), enrollment.push_attempts)?;
    }
    Ok(())
}

fn first_retry(tx: &Tx) -> Timestamp {
    tx.now.plus(tx.random().jitter(RETRIES[0]))
}

/// Why an enrollment cannot be pushed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoPush {
    /// It is unknown, has left, or never said where to.
    NoData,
    /// Its topic's push certificate is missing or of no use; the sentence is the same for all of this topic.
    Certificate(String),
    /// Two devices go by this id, in words.
    Ambiguous(String),
}

/// What to push to for the enrollment of this id, because someone asks for it now: also if nothing waits, and also if an earlier push was refused.
pub fn wake(tx: &Tx, actor: &Actor, id: &str) -> Result<Result<Due, NoPush>> {
    actor.require(Right::Command)?;
    let found = match enrollments::by_id(tx, id)? {
        Some(found) => Some(found),
        None => match devices::by_its_word(tx, id) {
            Err(error) if error.kind == Kind::Conflict => return Ok(Err(NoPush::Ambiguous(error.message.into_owned()))),
            found => found?,
        },
    };
    let reachable = |state| matches!(state, EnrollmentState::Enrolled | EnrollmentState::Retired);
    let Some(enrollment) = found.filter(|found| reachable(found.state)) else { return Ok(Err(NoPush::NoData)) };
    if enrollment.push_dead_at.is_some() {
        // Apple said so, and means it until the device gives another one.
        return Ok(Err(NoPush::NoData));
    }
    let token = enrollments::secret(tx, &enrollment.id, SealedColumn::PushToken)?;
    let magic = enrollments::secret(tx, &enrollment.id, SealedColumn::PushMagic)?;
    let (Some(token), Some(magic)) = (token, magic) else { return Ok(Err(NoPush::NoData)) };
    let topic = enrollment.topic.clone();
    let fault = match push_certificates::by_topic(tx, &topic)? {
        None => Some(t!("there is no push certificate for topic \"{topic}\": put it to /v1/pushcert", topic)),
        Some(row) if row.not_after_at <= tx.now => Some(t!("the push certificate for topic \"{topic}\" has expired: renew it", topic)),
        Some(_) => None,
    };
    if let Some(fault) = fault {
        return Ok(Err(NoPush::Certificate(fault)));
    }
    if commands::any_waiting(tx, &enrollment)? {
        // This push counts; the next one is due if the device does not come.
        enrollments::set_push(tx, &enrollment.id, Some(first_retry(tx)), enrollment.push_attempts + 1)?;
    }
    Ok(Ok(Due { enrollment_id: enrollment.id, topic, token, magic, token_updated_at: enrollment.token_updated_at.unwrap_or_default() }))
}
