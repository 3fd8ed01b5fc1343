//! What is to be posted now, and what becomes of it when the receiver answered or did not.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::{Actor, Right, journal};
use crate::pki::{digest, hex};
use crate::protocol::event::{self, TEST};
use crate::secret::SecretBytes;
use crate::store::events::{self, Filter};
use crate::store::webhooks::{self, Delivery, Logged, LoggedState, Webhook};
use crate::store::{Tx, alerts};

/// Waits between tries, the last one until [`GIVE_UP_AFTER`].
pub const BACK_OFF: [Duration; 6] = [seconds(10), seconds(30), seconds(60), seconds(300), seconds(900), seconds(3600)];

/// How long an event is worth delivering.
pub const GIVE_UP_AFTER: Duration = seconds(7 * 24 * 3600);

/// Events are lost.
const GAVE_UP: &str = "webhook.gave_up";

/// How often that is written down for a webhook.
const TOLD_EVERY: Duration = seconds(24 * 3600);

/// Events that one turn posts, each of another device or to another receiver.
pub const PAGE: u32 = 64;

/// Bytes of events that one turn posts to one receiver; a single larger one is posted alone.
pub const TURN_MAX_BYTES: i64 = 16 << 20;

/// Events that are under way to a receiver which has not answered those of an earlier turn.
pub const SLOW_MAX: usize = 4;

/// How long the others wait for a receiver that is slow.
pub const SLOW_WAIT: Duration = seconds(5);

/// How long the others wait for a receiver that was sent [`TURN_MAX_BYTES`] at once.
const FULL_WAIT: Duration = seconds(1);

/// Pages of due events that one turn looks through, so that those for a slow receiver do not hide the others.
const PAGES: usize = 8;

/// For how long an event that is being posted is nobody else's: longer than a receiver may take, so that a crash is the only reason to post it twice.
pub const LEASE: Duration = seconds(60);

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// An event on its way to a receiver.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Its place in the outbox.
    pub seq: i64,
    /// Where it is posted.
    pub url: String,
    /// The JSON.
    pub body: SecretBytes,
    /// Base64 of the HMAC-SHA256 of the body, for `X-Hmac-Signature`.
    pub signature: Option<String>,
    webhook_id: String,
    device_id: String,
    topic: String,
    attempts: i64,
    created_at: Timestamp,
}

/// The events to post now, the oldest of each device, and for [`LEASE`] this caller's alone.
///
/// `under_way` says how many each address has not answered yet. Who answers gets as many as there are; who does not is sent a few at a time, so
/// that a receiver that hangs fills neither the memory nor the way to the others.
pub fn due(tx: &Tx, under_way: &BTreeMap<String, usize>) -> Result<Vec<Letter>> {
    let mut letters = Vec::new();
    let mut taken = HashMap::<String, (usize, i64)>::new();
    for _ in 0..PAGES {
        let page = webhooks::due(tx, PAGE)?;
        let is_last = page.len() < PAGE as usize;
        for delivery in page {
            let webhook = webhooks::by_id(tx, &delivery.webhook_id)?.filter(|webhook| webhook.disabled_at.is_none());
            let Some(webhook) = webhook else {
                webhooks::remove(tx, delivery.seq)?;
                continue;
            };
            let slow = under_way.get(&webhook.url).copied().unwrap_or_default();
            let (count, bytes) = taken.entry(webhook.url.clone()).or_default();
            if letters.len() == PAGE as usize {
                return Ok(letters);
            }
            if slow > 0 && slow + *count >= SLOW_MAX {
                webhooks::set_due(tx, delivery.seq, tx.now.plus(SLOW_WAIT))?;
                continue;
            }
            if *count > 0 && *bytes + delivery.size_bytes > TURN_MAX_BYTES {
                webhooks::set_due(tx, delivery.seq, tx.now.plus(FULL_WAIT))?;
                continue;
            }
            (*count, *bytes) = (*count + 1, *bytes + delivery.size_bytes);
            letters.extend(letter(tx, delivery, webhook)?);
        }
        if is_last {
            break;
        }
    }
    Ok(letters)
}

/// Takes a delivery out for posting.
fn letter(tx: &Tx, delivery: Delivery, webhook: Webhook) -> Result<Option<Letter>> {
    let Some(body) = webhooks::body(tx, delivery.seq)? else { return Ok(None) };
    let key = webhooks::hmac_key(tx, &webhook.id)?;
    webhooks::set_due(tx, delivery.seq, tx.now.plus(LEASE))?;
    Ok(Some(Letter {
        seq: delivery.seq,
        url: webhook.url,
        signature: key.map(|key| STANDARD.encode(digest::hmac_sha256(key.expose(), body.expose()))),
        body,
        webhook_id: webhook.id,
        device_id: delivery.device_id,
        topic: delivery.topic,
        attempts: delivery.attempts,
        created_at: delivery.created_at,
    }))
}

/// What came of a try.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The status of the answer; none where no answer came.
    pub status: Option<u16>,
    /// Why it counts as failed, in words; none where the receiver took it.
    pub error: Option<String>,
}

impl Outcome {
    /// Judges an answer: delivered means 2xx.
    pub fn of(answer: Result<u16>) -> Self {
        match answer {
            Ok(status @ 200..=299) => Self { status: Some(status), error: None },
            Ok(status) => Self { status: Some(status), error: Some(t!("it answered with status {status}", status)) },
            Err(error) => Self { status: None, error: Some(error.to_string()) },
        }
    }
}

/// Records that a letter was delivered, or why not; after [`GIVE_UP_AFTER`] it is dropped and an admin is told. One for trial is tried once.
pub fn record(tx: &Tx, letter: &Letter, outcome: &Outcome) -> Result<()> {
    let Some(why) = &outcome.error else {
        log(tx, letter, outcome, LoggedState::Delivered, None)?;
        webhooks::remove(tx, letter.seq)?;
        alerts::clear(tx, &alert_key(&letter.webhook_id))?;
        return Ok(());
    };
    if letter.topic == TEST {
        log(tx, letter, outcome, LoggedState::GivenUp, None)?;
        return webhooks::remove(tx, letter.seq);
    }
    if tx.now >= letter.created_at.plus(GIVE_UP_AFTER) {
        log(tx, letter, outcome, LoggedState::GivenUp, None)?;
        return give_up(tx, letter, why);
    }
    let wait = BACK_OFF[(letter.attempts.max(0) as usize).min(BACK_OFF.len() - 1)];
    let next_at = tx.now.plus(tx.random().jitter(wait));
    log(tx, letter, outcome, LoggedState::Waiting, Some(next_at))?;
    webhooks::put_off(tx, letter.seq, next_at, why)
}

/// Writes down how a try went; not about a webhook that was deleted meanwhile.
fn log(tx: &Tx, letter: &Letter, outcome: &Outcome, state: LoggedState, next_at: Option<Timestamp>) -> Result<()> {
    if webhooks::by_id(tx, &letter.webhook_id)?.is_none() {
        return Ok(());
    }
    let is_test = letter.topic == TEST;
    webhooks::put_log(
        tx,
        &Logged {
            seq: letter.seq,
            webhook_id: letter.webhook_id.clone(),
            // Those for trial stand apart from the devices by a name that is none's.
            device_id: if is_test { String::new() } else { letter.device_id.clone() },
            topic: letter.topic.clone(),
            state,
            status: outcome.status,
            error: outcome.error.clone().unwrap_or_default(),
            attempts: letter.attempts + 1,
            next_at,
            can_repeat: true,
            created_at: letter.created_at,
            tried_at: tx.now,
        },
    )
}

/// An event for trial, to be posted at once; for [`LEASE`] it is this caller's alone.
pub fn for_trial(tx: &Tx, actor: &Actor, id: &str) -> Result<Letter> {
    actor.require(Right::Configure)?;
    let webhook = webhooks::by_id(tx, id)?.ok_or_else(super::unknown)?;
    let body = event::of_test(&hex(&tx.random().bytes::<8>()), tx.now);
    let seq = webhooks::enqueue_test(tx, id, TEST, &body, tx.now.plus(LEASE))?;
    let delivery = webhooks::delivery_at(tx, seq)?.ok_or_else(super::unknown)?;
    let data = json!({ "webhook": id, "receiver": super::receiver(&webhook.url) });
    journal::note(tx, actor, "webhook.tested", journal::Subject::default(), data)?;
    letter(tx, delivery, webhook)?.ok_or_else(super::unknown)
}

/// Whether it was written down within the last day that events of a webhook are lost: a receiver that is gone for good loses thousands each day.
fn was_told_lately(tx: &Tx, webhook_id: &str) -> Result<bool> {
    let filter = Filter { kind: Some(GAVE_UP), ..Filter::default() };
    // Each webhook is told of once a day, so that those of the last day are among so many.
    let newest = events::list(tx, &filter, None, super::WEBHOOKS_MAX)?;
    Ok(newest.iter().any(|event| event.at.plus(TOLD_EVERY) > tx.now && event.data["webhook"] == webhook_id))
}

fn give_up(tx: &Tx, letter: &Letter, why: &str) -> Result<()> {
    webhooks::remove(tx, letter.seq)?;
    if webhooks::by_id(tx, &letter.webhook_id)?.is_none() {
        return Ok(());
    }
    let receiver = super::receiver(&letter.url);
    alerts::raise(
        tx,
        &alert_key(&letter.webhook_id),
        60,
        &t!("Events are lost: the webhook {receiver} took none for 7 days ({why}).", receiver, why),
        t!("Bring the receiver back, or delete the webhook under System, Webhooks."),
    )?;
    if was_told_lately(tx, &letter.webhook_id)? {
        return Ok(());
    }
    let data = json!({ "webhook": letter.webhook_id, "receiver": receiver, "topic": letter.topic, "because": why });
    let subject = if letter.device_id.is_empty() { journal::Subject::default() } else { journal::Subject::device(&letter.device_id) };
    journal::note(tx, &Actor::Job("webhooks"), GAVE_UP, subject, data)
}

/// The alert about a webhook whose receiver is away.
pub(super) fn alert_key(webhook_id: &str) -> String {
    format!("webhook.away:{webhook_id}")
}
