//! Webhooks: who is told what happens, what they are told, and how it is delivered in order.

mod announce;
mod deliver;
mod look_after;

use serde_json::json;

use crate::error::{Error, Result};
use crate::mdm::{Actor, Right, journal};
use crate::protocol::event::{CONNECT, NOTICE};
use crate::secret::Secret;
use crate::store::webhooks::{self, Webhook};
use crate::store::{Tx, alerts};

pub use announce::{OUTBOX_MAX, OUTBOX_MAX_BYTES, announce_check_in, announce_notice, announce_report};
pub use deliver::{BACK_OFF, GIVE_UP_AFTER, LEASE, Letter, Outcome, PAGE, SLOW_MAX, SLOW_WAIT, TURN_MAX_BYTES, due, for_trial, record};
pub use look_after::{Change, change, find, log, redeliver, renew_key};

/// How many webhooks there may be: every event is written once for each.
pub const WEBHOOKS_MAX: usize = 20;
/// Characters of a webhook's address.
pub const URL_MAX: usize = 2048;
/// Characters of a webhook's key, from and to.
pub const KEY_LENGTH: std::ops::RangeInclusive<usize> = 16..=256;

/// What a webhook may ask for; the words are those of NanoMDM, but the last.
pub const TOPICS: [&str; 9] = [
    CONNECT,
    "mdm.Authenticate",
    "mdm.TokenUpdate",
    "mdm.CheckOut",
    "mdm.UserAuthenticate",
    "mdm.SetBootstrapToken",
    "mdm.GetBootstrapToken",
    "mdm.DeclarativeManagement",
    NOTICE,
];

/// A webhook that is to be made.
#[derive(Debug)]
pub struct NewWebhook {
    /// Where events are posted, `https://…` or `http://…`.
    pub url: String,
    /// The key that signs them; one is made if none is given.
    pub hmac_key: Option<Secret<String>>,
    /// The topics that it wants, of [`TOPICS`]; empty for all that devices say.
    pub topics: Vec<String>,
    /// Whether tokens and secrets in raw messages are left in.
    pub include_secrets: bool,
}

/// A webhook as people see it.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The webhook.
    pub webhook: Webhook,
    /// How many events wait to be delivered to it.
    pub waiting: i64,
}

/// Makes a webhook; gives its key, which is shown this once.
///
/// Whoever sends secrets elsewhere must be allowed to see them.
pub fn create(tx: &Tx, actor: &Actor, new: NewWebhook) -> Result<(Standing, Secret<String>)> {
    actor.require(Right::Configure)?;
    if new.include_secrets {
        actor.require(Right::Reveal)?;
    }
    check_url(&new.url)?;
    check_topics(&new.topics)?;
    if webhooks::all(tx)?.len() >= WEBHOOKS_MAX {
        return Err(Error::conflict(t!("There are {WEBHOOKS_MAX} webhooks already; delete one first.", WEBHOOKS_MAX)));
    }
    let key = match new.hmac_key {
        Some(key) if !KEY_LENGTH.contains(&key.expose().len()) => {
            return Err(Error::field("hmac_key", t!("take 16 to 256 characters, or leave it out to have one made")));
        }
        Some(key) => key,
        None => Secret::new(tx.random().token()),
    };
    let webhook = Webhook {
        id: tx.new_id(),
        url: new.url,
        has_hmac_key: true,
        topics: new.topics,
        include_secrets: new.include_secrets,
        disabled_at: None,
        created_at: tx.now,
    };
    webhooks::insert(tx, &webhook, Some(key.expose().as_bytes()))?;
    let data = json!({ "id": webhook.id, "receiver": receiver(&webhook.url), "topics": webhook.topics, "include_secrets": webhook.include_secrets });
    journal::note(tx, actor, "webhook.created", journal::Subject::default(), data)?;
    Ok((Standing { webhook, waiting: 0 }, key))
}

fn check_topics(topics: &[String]) -> Result<()> {
    match topics.iter().find(|topic| !TOPICS.contains(&topic.as_str())) {
        Some(topic) => Err(Error::field(
            "topics",
            t!("there is no topic `{topic}`; take some of {list}, or none for all", topic, list = TOPICS.join(", ")),
        )),
        None => Ok(()),
    }
}

fn unknown() -> Error {
    Error::not_found(t!("There is no such webhook."))
}

/// Every webhook, oldest first; there are at most [`WEBHOOKS_MAX`].
pub fn list(tx: &Tx, actor: &Actor) -> Result<Vec<Standing>> {
    actor.require(Right::Configure)?;
    let standing = |webhook: Webhook| Ok(Standing { waiting: webhooks::count_waiting(tx, &webhook.id)?, webhook });
    webhooks::all(tx)?.into_iter().map(standing).collect()
}

/// Removes a webhook and what waits for it.
pub fn delete(tx: &Tx, actor: &Actor, id: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    let webhook = webhooks::by_id(tx, id)?.ok_or_else(unknown)?;
    let dropped = webhooks::count_waiting(tx, id)?;
    webhooks::delete(tx, id)?;
    alerts::clear(tx, &deliver::alert_key(id))?;
    let data = json!({ "id": id, "receiver": receiver(&webhook.url), "dropped": dropped });
    journal::note(tx, actor, "webhook.deleted", journal::Subject::default(), data)
}

/// Tells whether anybody wants to hear of polls that say nothing.
pub fn wants_polls(tx: &Tx) -> Result<bool> {
    Ok(webhooks::active(tx)?.iter().any(|webhook| wants(webhook, CONNECT)))
}

/// Tells whether anybody wants to hear of notices.
pub fn wants_notices(tx: &Tx) -> Result<bool> {
    Ok(webhooks::active(tx)?.iter().any(|webhook| wants(webhook, NOTICE)))
}

/// Who names no topic wants all that devices say: programs that were written for those events alone must not meet others.
fn wants(webhook: &Webhook, topic: &str) -> bool {
    (webhook.topics.is_empty() && topic != NOTICE) || webhook.topics.iter().any(|wanted| wanted == topic)
}

/// Scheme and host of an address: its path and query may hold a receiver's secret.
fn receiver(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find(['/', '?']).map_or(url, |end| &url[..host + end])
}

/// Refuses what cannot be posted to, with what to write instead.
fn check_url(url: &str) -> Result<()> {
    let wrong = |what: &str| Error::field("url", t!("{what}, like https://hooks.example.school/mdm", what));
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return Err(wrong(t!("write an address that begins with https:// or http://")));
    };
    if url.len() > URL_MAX {
        return Err(wrong(&t!("write an address of at most {URL_MAX} characters", URL_MAX)));
    }
    if !url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte)) {
        return Err(wrong(t!("write an address without blanks, fragments and special characters (percent-encoded they may stand)")));
    }
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(Error::field("url", t!("a webhook's address holds no user and password; put a token into its path or query")));
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if host.is_empty() || port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|port| port > 0)) {
        return Err(wrong(t!("write an address that names a host, and a port from 1 to 65535 if any")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_whole_and_holds_no_password() {
        for good in [
            "https://hooks.example.school/mdm?room=1&key=%7Bx%7D",
            "http://127.0.0.1:9700/webhook",
            "http://[::1]:9000/",
            "https://[::1]",
            "https://hooks.example.school",
        ] {
            check_url(good).unwrap();
        }
        let long = format!("https://hooks.example.school/{}", "x".repeat(URL_MAX));
        for bad in [
            "",
            "hooks.example.school",
            "ftp://hooks.example.school/",
            "https://",
            "https:///mdm",
            "https://:443/",
            "https://hooks.example.school:0/",
            "https://hooks.example.school:https/",
            "https://kim:word@hooks.example.school/",
            "https://hooks.example.school/a b",
            "https://hooks.example.school/#part",
            &long,
        ] {
            let refusal = check_url(bad).unwrap_err();
            assert_eq!(refusal.fields[0].field, "url", "{bad}");
            assert!(!refusal.message.contains("word@"));
        }
    }

    #[test]
    fn only_the_host_of_an_address_is_told() {
        assert_eq!(receiver("https://hooks.example.school/secret?key=1"), "https://hooks.example.school");
        assert_eq!(receiver("http://hooks.example.school:81?key=1"), "http://hooks.example.school:81");
        assert_eq!(receiver("http://hooks.example.school"), "http://hooks.example.school");
    }
}
