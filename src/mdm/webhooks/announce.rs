//! What happened, written down for everyone who wants to hear of it, in the transaction in which it happened.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::mdm::connect::Incoming;
use crate::mdm::webhooks::wants;
use crate::pki::hex;
use crate::pki::proxy_header::percent_decoded;
use crate::protocol::checkin::{CheckIn, Message};
use crate::protocol::event::{self, Envelope};
use crate::store::enrollments::Enrollment;
use crate::store::notices::Notice;
use crate::store::{Tx, alerts, webhooks};

/// Events that may wait for one webhook. With more than that its receiver has been gone for long, and further ones are left out.
pub const OUTBOX_MAX: i64 = 50_000;

/// Bytes that may wait for one webhook: what a thousand devices say in two to three days. With more than that, too, further events are left out.
pub const OUTBOX_MAX_BYTES: i64 = 256 << 20;

/// Parameters of a device's address that are told.
const PARAMETERS_MAX: usize = 64;

/// Tells those who listen that a device checked in.
pub fn announce_check_in(tx: &Tx, enrollment: &Enrollment, checkin: &CheckIn, query: Option<&str>) -> Result<()> {
    let is_token_update = matches!(checkin.message, Message::TokenUpdate(_));
    let tally = is_token_update.then_some(enrollment.token_update_tally);
    tell(tx, enrollment, &event::topic(checkin), checkin.raw.expose(), query, |envelope| event::of_check_in(checkin, tally, envelope))
}

/// Tells those who listen that a device reported. A report that was too large to keep is told without its body.
pub fn announce_report(tx: &Tx, enrollment: &Enrollment, incoming: &Incoming<'_>) -> Result<()> {
    let raw = incoming.body.unwrap_or_default();
    tell(tx, enrollment, event::CONNECT, raw, incoming.query, |envelope| event::of_report(incoming.head, envelope))
}

/// Puts one event into the outbox of every webhook that wants its topic; the same event has the same id for all of them.
fn tell(
    tx: &Tx,
    enrollment: &Enrollment,
    topic: &str,
    raw: &[u8],
    query: Option<&str>,
    write: impl Fn(&Envelope<'_>) -> Vec<u8>,
) -> Result<()> {
    let listening: Vec<_> = webhooks::active(tx)?.into_iter().filter(|webhook| wants(webhook, topic)).collect();
    if listening.is_empty() {
        return Ok(());
    }
    let event_id = hex(&tx.random().bytes::<8>());
    let url_params = parameters(query.unwrap_or_default());
    let body = |raw: &[u8]| write(&Envelope { event_id: &event_id, created_at: tx.now, url_params: &url_params, raw });
    let mut redacted = None;
    for webhook in listening {
        if !webhooks::has_room(tx, &webhook.id, OUTBOX_MAX, OUTBOX_MAX_BYTES)? {
            full(tx, &webhook.id)?;
        } else if webhook.include_secrets {
            webhooks::enqueue(tx, &webhook.id, &enrollment.device_id, topic, &body(raw))?;
        } else {
            let body = redacted.get_or_insert_with(|| body(&event::redacted(raw)));
            webhooks::enqueue(tx, &webhook.id, &enrollment.device_id, topic, body)?;
        }
    }
    Ok(())
}

/// What stands in the place of the device for what is about none.
const NO_DEVICE: &str = "";

/// Tells a notice to those who ask for notices by name; `url` is the whole address of its page.
pub fn announce_notice(tx: &Tx, notice: &Notice, url: &str) -> Result<()> {
    let event_id = hex(&tx.random().bytes::<8>());
    let said = event::Notice {
        id: &notice.id,
        key: &notice.key,
        kind: notice.kind.as_str(),
        harm: notice.harm,
        what: &notice.what,
        why: &notice.why,
        url,
    };
    for webhook in webhooks::active(tx)?.into_iter().filter(|webhook| wants(webhook, event::NOTICE)) {
        if webhooks::has_room(tx, &webhook.id, OUTBOX_MAX, OUTBOX_MAX_BYTES)? {
            webhooks::enqueue(tx, &webhook.id, NO_DEVICE, event::NOTICE, &event::of_notice(said, &event_id, tx.now))?;
        } else {
            full(tx, &webhook.id)?;
        }
    }
    Ok(())
}

fn full(tx: &Tx, webhook_id: &str) -> Result<()> {
    alerts::raise(
        tx,
        &super::deliver::alert_key(webhook_id),
        60,
        t!(
            "A webhook's receiver has been away for so long that there is no room for more events beside those that wait for it; further ones are left out."
        ),
        t!("Bring the receiver back, or delete the webhook under System, Webhooks."),
    )?;
    Ok(())
}

/// The query of a device's address by name; the first of several values counts, and what cannot be read is left out.
fn parameters(query: &str) -> BTreeMap<String, String> {
    let word = |text: &str| String::from_utf8(percent_decoded(text.replace('+', " ").as_bytes())?).ok();
    let mut parameters = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()).take(PARAMETERS_MAX) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if let (Some(name), Some(value)) = (word(name), word(value)) {
            parameters.entry(name).or_insert(value);
        }
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_as_forms_write_them() {
        let read = |query| parameters(query).into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        assert_eq!(read("site=a+b&practice=1"), ["practice=1", "site=a b"]);
        assert_eq!(read("site=a%20b&site=c&&empty&n=%C3%A9"), ["empty=", "n=é", "site=a b"]);
        assert_eq!(read("bad=%FF&good=1"), ["good=1"]);
        let many: Vec<_> = (0..1000).map(|n| format!("p{n}=1")).collect();
        assert_eq!(parameters(&many.join("&")).len(), PARAMETERS_MAX);
    }
}
