//! Webhooks once they are made: changed, switched off and on, what was posted to them, and one of it posted again.

use serde_json::json;

use super::{Standing, check_topics, check_url, receiver, unknown};
use crate::error::{Error, Result};
use crate::mdm::{Actor, Right, journal};
use crate::secret::Secret;
use crate::store::webhooks::{self, Logged, LoggedState, Webhook};
use crate::store::{Bell, Tx};

/// What is to be other than before; what is absent stays.
#[derive(Debug, Default)]
pub struct Change {
    /// Where events are posted.
    pub url: Option<String>,
    /// The topics that it wants; empty for all that devices say.
    pub topics: Option<Vec<String>>,
    /// Whether tokens and secrets in raw messages are left in.
    pub include_secrets: Option<bool>,
    /// Whether it is switched on.
    pub enabled: Option<bool>,
}

/// One webhook.
pub fn find(tx: &Tx, actor: &Actor, id: &str) -> Result<Standing> {
    actor.require(Right::Configure)?;
    let webhook = webhooks::by_id(tx, id)?.ok_or_else(unknown)?;
    Ok(Standing { waiting: webhooks::count_waiting(tx, id)?, webhook })
}

/// Changes a webhook. One that is switched off gets nothing, and what waits for it is dropped.
///
/// Whoever sends secrets elsewhere must be allowed to see them: also who sends those of a webhook to another address.
pub fn change(tx: &Tx, actor: &Actor, id: &str, change: Change) -> Result<Standing> {
    let before = find(tx, actor, id)?.webhook;
    let Change { url, topics, include_secrets, enabled } = change;
    let disabled_at = match enabled {
        Some(true) => None,
        Some(false) => before.disabled_at.or(Some(tx.now)),
        None => before.disabled_at,
    };
    let after = Webhook {
        url: url.unwrap_or_else(|| before.url.clone()),
        topics: topics.unwrap_or_else(|| before.topics.clone()),
        include_secrets: include_secrets.unwrap_or(before.include_secrets),
        disabled_at,
        ..before.clone()
    };
    check_url(&after.url)?;
    check_topics(&after.topics)?;
    if after.include_secrets && (!before.include_secrets || after.url != before.url) {
        actor.require(Right::Reveal)?;
    }
    webhooks::update(tx, &after)?;
    if after.disabled_at.is_some() {
        webhooks::drop_waiting(tx, id)?;
    }
    let data = json!({
        "id": id, "receiver": receiver(&after.url), "topics": after.topics, "include_secrets": after.include_secrets,
        "enabled": after.disabled_at.is_none(),
    });
    journal::note(tx, actor, "webhook.changed", journal::Subject::default(), data)?;
    find(tx, actor, id)
}

/// Makes another key for a webhook; gives it, which is shown this once. What is posted from now on is signed with it.
pub fn renew_key(tx: &Tx, actor: &Actor, id: &str) -> Result<Secret<String>> {
    let webhook = find(tx, actor, id)?.webhook;
    let key = Secret::new(tx.random().token());
    webhooks::set_hmac_key(tx, id, key.expose().as_bytes())?;
    let data = json!({ "id": id, "receiver": receiver(&webhook.url) });
    journal::note(tx, actor, "webhook.key_renewed", journal::Subject::default(), data)?;
    Ok(key)
}

/// What was posted to a webhook, the newest first, before the place `before` if that is given.
pub fn log(tx: &Tx, actor: &Actor, id: &str, before: Option<i64>, limit: u32) -> Result<Vec<Logged>> {
    find(tx, actor, id)?;
    webhooks::log(tx, id, before, limit)
}

/// Posts an event again: what waits is tried at once, what was delivered or given up goes into the outbox once more.
///
/// # Errors
/// Conflict where the webhook is switched off, the event was too large to be kept, or waits for an older one of its device.
pub fn redeliver(tx: &Tx, actor: &Actor, id: &str, seq: i64) -> Result<()> {
    let webhook = find(tx, actor, id)?.webhook;
    if webhook.disabled_at.is_some() {
        return Err(Error::conflict(t!("This webhook is switched off. Switch it on first.")));
    }
    let logged = webhooks::logged(tx, id, seq)?.ok_or_else(|| Error::not_found(t!("This event is not kept any more.")))?;
    if logged.state == LoggedState::Waiting {
        webhooks::set_due(tx, seq, tx.now)?;
        tx.ring(Bell::Jobs);
    } else if !webhooks::again(tx, &logged)? {
        return Err(Error::conflict(t!("This event was too large to be kept, and cannot be delivered again.")));
    }
    let data = json!({ "webhook": id, "receiver": receiver(&webhook.url), "topic": logged.topic });
    let subject = if logged.device_id.is_empty() { journal::Subject::default() } else { journal::Subject::device(&logged.device_id) };
    journal::note(tx, actor, "webhook.redelivered", subject, data)
}
