//! How many bytes wait for each webhook, kept beside the outbox: adding them up for each event would look through all that waits.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::store::Tx;
use crate::store::settings::{self, Setting};

/// Bytes by webhook; one that is not there was not added up yet.
const VOLUMES: Setting<BTreeMap<String, i64>> = Setting::new("webhooks.waiting_bytes");

/// What waits for a webhook; added up where that is not known yet.
pub(super) fn of(tx: &Tx, webhook_id: &str) -> Result<i64> {
    match settings::value(tx, &VOLUMES)?.unwrap_or_default().get(webhook_id) {
        Some(bytes) => Ok(*bytes),
        None => tx.one("SELECT coalesce(sum(length(body_sealed)), 0) FROM webhook_deliveries WHERE webhook_id = ?1", [webhook_id], |row| {
            row.get(0)
        }),
    }
}

/// Notes that so many bytes more wait, or fewer, which were put into the outbox or taken out before.
pub(super) fn add(tx: &Tx, webhook_id: &str, bytes: i64) -> Result<()> {
    let mut volumes = settings::value(tx, &VOLUMES)?.unwrap_or_default();
    let now = match volumes.get(webhook_id) {
        Some(before) => before + bytes,
        None => of(tx, webhook_id)?,
    };
    volumes.insert(webhook_id.to_owned(), now.max(0));
    settings::set(tx, &VOLUMES, &volumes).map(drop)
}

/// Forgets a webhook for which nothing waits any more.
pub(super) fn forget(tx: &Tx, webhook_id: &str) -> Result<()> {
    let mut volumes = settings::value(tx, &VOLUMES)?.unwrap_or_default();
    if volumes.remove(webhook_id).is_some() {
        settings::set(tx, &VOLUMES, &volumes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::store::tests::memory;
    use crate::store::webhooks::{self, Webhook};

    /// What is known and what it comes to when it is added up.
    fn both(tx: &Tx, id: &str) -> Result<(i64, i64)> {
        let sum = "SELECT coalesce(sum(length(body_sealed)), 0) FROM webhook_deliveries WHERE webhook_id = ?1";
        Ok((of(tx, id)?, tx.one(sum, [id], |row| row.get(0))?))
    }

    #[test]
    fn what_waits_is_known_by_its_bytes_whatever_becomes_of_it() {
        let work = |tx: &Tx| {
            for id in ["a", "b"] {
                let webhook = Webhook {
                    id: id.to_owned(),
                    url: "https://hooks.example.school/".to_owned(),
                    has_hmac_key: false,
                    topics: Vec::new(),
                    include_secrets: false,
                    disabled_at: None,
                    created_at: tx.now,
                };
                webhooks::insert(tx, &webhook, None)?;
            }
            // As an earlier version left it: nobody has added it up.
            webhooks::tests::fill(tx, "a", 3)?;
            let before = both(tx, "a")?;
            assert!(before.0 == before.1 && before.0 > 0);
            webhooks::enqueue(tx, "a", "device", "mdm.Connect", &[b'x'; 500])?;
            webhooks::enqueue(tx, "b", "device", "mdm.Connect", &[b'x'; 100])?;
            let test = webhooks::enqueue_test(tx, "a", "rollcall.Test", &[b'x'; 50], tx.now)?;
            let (known, counted) = both(tx, "a")?;
            assert!(known == counted && known >= before.0 + 550, "{known} {counted}");
            assert!(webhooks::has_room(tx, "a", 100, known + 1)? && !webhooks::has_room(tx, "a", 100, known)?);
            assert!(webhooks::has_room(tx, "b", 100, known)?, "each has room of its own");
            webhooks::remove(tx, test)?;
            webhooks::remove(tx, 1)?;
            let (known, counted) = both(tx, "a")?;
            assert!(known == counted && known > 500, "{known} {counted}");
            webhooks::drop_waiting(tx, "a")?;
            webhooks::delete(tx, "b")?;
            assert_eq!((both(tx, "a")?, both(tx, "b")?), ((0, 0), (0, 0)));
            assert_eq!(settings::value(tx, &VOLUMES)?.unwrap_or_default().len(), 0, "nothing is left of who is gone");
            Ok(())
        };
        memory().write_blocking(Timestamp::from_seconds(1), work).unwrap();
    }
}
