//! When a device is to be woken, and what becomes of it when Apple answers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::{Actor, journal};
use crate::protocol::push::{Outcome, Verdict};
use crate::protocol::unreached;
use crate::secret::SecretBytes;
use crate::store::enrollments::{self, Enrollment, EnrollmentState, SealedColumn};
use crate::store::settings::{self, Setting};
use crate::store::{Bell, Tx, alerts, commands, push_certificates};

/// Waits between pushes to a device that does not come, the last one for ever: Apple delivers only the newest push, and a day is lost easily.
pub const RETRIES: [Duration; 5] = [minutes(15), minutes(60), minutes(3 * 60), minutes(6 * 60), minutes(24 * 60)];

/// Waits after a device put everything off and then did something else: it does not come back by itself.
pub const NOT_NOW_RETRIES: [Duration; 4] = [minutes(15), minutes(45), minutes(2 * 60), minutes(6 * 60)];

/// Pushes that one turn of the job sends.
pub const PAGE: u32 = 500;

/// How long a push rests that cannot be sent for want of a usable certificate.
pub const PAUSE: Duration = minutes(15);

/// Devices whose pushes do not get out at the same time before somebody is told.
pub const UNREACHED_DEVICES: i64 = 3;

/// How long no push gets out before somebody is told, however few devices it concerns.
pub const UNREACHED_FOR: Duration = minutes(10);

/// Since when no push of a topic got out.
const UNREACHED_SINCE: Setting<BTreeMap<String, Timestamp>> = Setting::new("push.unreached_since");

/// Refusals that are no single device's fault any more.
const SEVERAL: i64 = 2;

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// A push that is due, with everything that sending it takes.
#[derive(Debug, Clone)]
pub struct Due {
    /// Whom it is for.
    pub enrollment_id: String,
    /// The topic of its profile.
    pub topic: String,
    /// Device token.
    pub token: SecretBytes,
    /// PushMagic.
    pub magic: SecretBytes,
    /// When the token was last said.
    pub token_updated_at: Timestamp,
}

/// Makes a push due now. Several wishes are one push.
pub fn due_now(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    if enrollment.state != EnrollmentState::Enrolled && enrollment.state != EnrollmentState::Retired {
        return Ok(());
    }
    enrollments::hasten_push(tx, &enrollment.id)?;
    tx.ring(Bell::Jobs);
    Ok(())
}

/// The pushes that are due, and what there is to say about those that cannot be sent.
pub fn due(tx: &Tx) -> Result<Vec<Due>> {
    let mut due = Vec::new();
    for enrollment in enrollments::push_due(tx, PAGE)? {
        let token = enrollments::secret(tx, &enrollment.id, SealedColumn::PushToken)?;
        let magic = enrollments::secret(tx, &enrollment.id, SealedColumn::PushMagic)?;
        let (Some(token), Some(magic), None) = (token, magic, enrollment.push_dead_at) else {
            enrollments::set_push(tx, &enrollment.id, None, 0)?;
            continue;
        };
        if !wanted(tx, &enrollment)? {
            enrollments::set_push(tx, &enrollment.id, None, 0)?;
            continue;
        }
        match push_certificates::by_topic(tx, &enrollment.topic)? {
            None => cannot(tx, &enrollment, t!("there is no push certificate for this device's topic"))?,
            Some(certificate) if certificate.paused_until_at.is_some_and(|until| until > tx.now) => {
                enrollments::set_push(tx, &enrollment.id, certificate.paused_until_at, enrollment.push_attempts)?;
            }
            Some(certificate) if certificate.not_after_at <= tx.now => cannot(tx, &enrollment, t!("the push certificate has expired"))?,
            Some(_) => {
                // Due again unless the device comes: what is written now survives a crash between here and Apple's answer.
                let wait = RETRIES[(enrollment.push_attempts.max(0) as usize).min(RETRIES.len() - 1)];
                enrollments::set_push(tx, &enrollment.id, Some(tx.now.plus(tx.random().jitter(wait))), enrollment.push_attempts + 1)?;
                due.push(Due {
                    enrollment_id: enrollment.id,
                    topic: enrollment.topic,
                    token,
                    magic,
                    token_updated_at: enrollment.token_updated_at.unwrap_or_default(),
                });
            }
        }
    }
    Ok(due)
}

/// A push is worth sending while something waits, or while a retired device has not come to be told.
fn wanted(tx: &Tx, enrollment: &Enrollment) -> Result<bool> {
    match enrollment.state {
        EnrollmentState::Retired => Ok(enrollment.left_at.is_none()),
        EnrollmentState::Enrolled => Ok(enrollment.questions_due || commands::any_open(tx, &enrollment.id)?),
        _ => Ok(false),
    }
}

fn cannot(tx: &Tx, enrollment: &Enrollment, because: &str) -> Result<()> {
    enrollments::set_push_outcome(tx, &enrollment.id, because, None)?;
    enrollments::set_push(tx, &enrollment.id, Some(tx.now.plus(PAUSE)), enrollment.push_attempts)?;
    alerts::raise(
        tx,
        &format!("push.impossible:{}", enrollment.topic),
        90,
        &t!("Devices cannot be reached: {because}.", because),
        t!("Upload the renewed push certificate of the same topic under System, Push certificate."),
    )?;
    Ok(())
}

/// Records what Apple answered to a push, and what it means.
pub fn record(tx: &Tx, due: &Due, outcome: &Outcome, verdict: Verdict) -> Result<()> {
    let Some(enrollment) = enrollments::by_id(tx, &due.enrollment_id)? else { return Ok(()) };
    let reason = words(outcome);
    if matches!(outcome, Outcome::Unaddressed { .. }) {
        return unaddressed(tx, &enrollment, &reason);
    }
    match verdict {
        Verdict::Delivered => delivered(tx, &enrollment),
        Verdict::TokenDead => token_dead(tx, &enrollment),
        Verdict::OurFault(_) => our_fault(tx, &enrollment, &reason),
        Verdict::CertificateRefused(pause) => certificate_refused(tx, &enrollment, pause, &reason),
        Verdict::BackOff(pause) => back_off(tx, &enrollment, pause, &reason),
    }
}

/// Apple's answer for the timeline.
fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Delivered { .. } => String::new(),
        Outcome::Refused { status, reason: Some(reason), .. } => format!("{reason} ({status})"),
        Outcome::Refused { status, reason: None, .. } => t!("status {status} without a reason", status),
        Outcome::Unreachable { why } | Outcome::Unproven { why } | Outcome::Unaddressed { why } => why.clone(),
    }
}

fn delivered(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    enrollments::set_push_outcome(tx, &enrollment.id, "", None)?;
    alerts::clear(tx, &format!("push.certificate_refused:{}", enrollment.topic))?;
    alerts::clear(tx, &format!("push.impossible:{}", enrollment.topic))?;
    reached(tx, &enrollment.topic)?;
    if enrollment.push_attempts <= 1 {
        journal::note(tx, &Actor::Job("push"), "push.sent", enrollment, Value::Null)?;
    }
    Ok(())
}

/// Apple says that the token is gone: the device was erased, or its profile was removed while it was offline.
fn token_dead(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    enrollments::set_push_outcome(tx, &enrollment.id, t!("Apple says that this device no longer takes pushes from here"), Some(tx.now))?;
    enrollments::set_push(tx, &enrollment.id, None, 0)?;
    journal::note(tx, &Actor::Job("push"), "push.token_dead", enrollment, Value::Null)
}

/// What this device said is no address; it says so again with its next TokenUpdate.
fn unaddressed(tx: &Tx, enrollment: &Enrollment, reason: &str) -> Result<()> {
    enrollments::set_push_outcome(tx, &enrollment.id, &t!("what this device gave to be woken by cannot be used: {reason}", reason), None)?;
    enrollments::set_push(tx, &enrollment.id, None, enrollment.push_attempts)?;
    journal::note(tx, &Actor::Job("push"), "push.refused", enrollment, json!({ "reason": reason }))
}

/// Apple refuses the token or the topic, which is our configuration's fault more often than the device's: the token is kept.
fn our_fault(tx: &Tx, enrollment: &Enrollment, reason: &str) -> Result<()> {
    enrollments::set_push_outcome(tx, &enrollment.id, &t!("Apple refused the push: {reason}", reason), None)?;
    enrollments::set_push(tx, &enrollment.id, None, enrollment.push_attempts)?;
    if enrollments::count_refused_on_topic(tx, &enrollment.topic, SEVERAL)? >= SEVERAL {
        alerts::raise(
            tx,
            &format!("push.certificate_problem:{}", enrollment.topic),
            95,
            &t!("Apple refuses pushes to several devices ({reason}): the push certificate does not fit them.", reason),
            t!("Check that the push certificate was renewed, not made anew, under System, Push certificate."),
        )?;
    }
    journal::note(tx, &Actor::Job("push"), "push.refused", enrollment, json!({ "reason": reason }))
}

fn certificate_refused(tx: &Tx, enrollment: &Enrollment, pause: Duration, reason: &str) -> Result<()> {
    let until = tx.now.plus(pause);
    push_certificates::pause(tx, &enrollment.topic, Some(until))?;
    enrollments::set_push_outcome(tx, &enrollment.id, &t!("Apple refused the push certificate: {reason}", reason), None)?;
    enrollments::set_push(tx, &enrollment.id, Some(until), enrollment.push_attempts)?;
    let is_new = alerts::raise(
        tx,
        &format!("push.certificate_refused:{}", enrollment.topic),
        100,
        &t!("Apple refuses the push certificate ({reason}); no device can be reached.", reason),
        t!("Renew it at identity.apple.com with the same Apple Account and upload it under System, Push certificate."),
    )?;
    if is_new {
        journal::note(
            tx,
            &Actor::Job("push"),
            "push.certificate_refused",
            journal::Subject::default(),
            json!({ "topic": enrollment.topic, "reason": reason }),
        )?;
    }
    Ok(())
}

fn back_off(tx: &Tx, enrollment: &Enrollment, after: Duration, reason: &str) -> Result<()> {
    enrollments::set_push_outcome(tx, &enrollment.id, reason, None)?;
    // The push did not go out, so it does not count as one that the device ignored.
    let attempts = (enrollment.push_attempts - 1).max(0);
    enrollments::set_push(tx, &enrollment.id, Some(tx.now.plus(tx.random().jitter(after))), attempts)?;
    unreached(tx, &enrollment.topic, reason)
}

/// No push of the topic gets out just now: one that fails is no news, several or a while of it are.
fn unreached(tx: &Tx, topic: &str, reason: &str) -> Result<()> {
    let mut since = settings::value(tx, &UNREACHED_SINCE)?.unwrap_or_default();
    let began_at = *since.entry(topic.to_owned()).or_insert(tx.now);
    settings::set(tx, &UNREACHED_SINCE, &since)?;
    let devices = enrollments::count_unpushed_on_topic(tx, topic, UNREACHED_DEVICES)?;
    if devices < UNREACHED_DEVICES && tx.now.since(began_at) < UNREACHED_FOR {
        return Ok(());
    }
    alerts::raise(
        tx,
        &format!("push.unreached:{topic}"),
        85,
        &match unreached::told(t!("Apple's push service"), reason) {
            Some(told) => t!("{what}: no device is woken.", what = told.what),
            None => t!("Wake-ups do not get out to Apple: {reason}.", reason = reason.trim_end_matches('.')),
        },
        t!("Devices hear of nothing until they do. It is tried again by itself; see whether this machine has a way to Apple's push service."),
    )
    .map(drop)
}

/// A push of the topic got out.
fn reached(tx: &Tx, topic: &str) -> Result<()> {
    let Some(mut since) = settings::value(tx, &UNREACHED_SINCE)? else { return Ok(()) };
    if since.remove(topic).is_some() {
        settings::set(tx, &UNREACHED_SINCE, &since)?;
        alerts::clear(tx, &format!("push.unreached:{topic}"))?;
    }
    Ok(())
}

/// The device came and took a command: no push is needed while the conversation lasts; one is due if it breaks off.
pub fn answered(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    if enrollment.push_attempts == 0 && enrollment.push_due_at.is_some_and(|due| due > tx.now.plus(RETRIES[0] / 2)) {
        return Ok(());
    }
    enrollments::set_push(tx, &enrollment.id, Some(tx.now.plus(RETRIES[0])), 0)
}

/// Nothing is left to offer. What was put off needs a push later, unless the device comes back by itself, which it does when NotNow was its last word.
pub fn drained(tx: &Tx, enrollment: &Enrollment, put_off_last: bool) -> Result<()> {
    let put_off = commands::most_not_nows(tx, &enrollment.id)?;
    let due_at = match put_off {
        None => None,
        Some(_) if put_off_last => Some(tx.now.plus(NOT_NOW_RETRIES[NOT_NOW_RETRIES.len() - 1])),
        Some(times) => Some(tx.now.plus(NOT_NOW_RETRIES[(times.max(1) as usize - 1).min(NOT_NOW_RETRIES.len() - 1)])),
    };
    if enrollment.push_due_at != due_at || enrollment.push_attempts != 0 {
        enrollments::set_push(tx, &enrollment.id, due_at, 0)?;
    }
    Ok(())
}
