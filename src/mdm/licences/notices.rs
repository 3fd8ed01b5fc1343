//! What Apple tells by itself. It is a hint to look, never believed: who knows the address and the secret still changes nothing here.

use std::time::Duration;

use serde_json::Value;

use crate::error::{Error, Kind, Result};
use crate::store::licences::events;
use crate::store::{Tx, content_tokens};

/// How long is remembered what was heard.
pub const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Characters of a notification's id.
const ID_MAX: usize = 200;

/// Refuses whoever does not prove to be Apple; `compare` takes the same time wherever two secrets differ.
pub fn admit(tx: &Tx, token_id: &str, bearer: Option<&[u8]>, compare: impl Fn(&[u8], &[u8]) -> bool) -> Result<()> {
    let secret = content_tokens::notify_secret(tx, token_id)?;
    match (secret, bearer) {
        (Some(secret), Some(bearer)) if compare(secret.expose(), bearer) => Ok(()),
        _ => Err(Error::new(Kind::Unauthenticated, t!("This address is for Apple's notifications."))),
    }
}

/// Hears a notification: what it is about is looked at now. One that was heard before, or of an unknown type, changes nothing.
pub fn hear(tx: &Tx, token_id: &str, body: &Value) -> Result<()> {
    let text = |value: &Value| value.as_str().unwrap_or_default().chars().take(ID_MAX).collect::<String>();
    let id = text(&body["notificationId"]);
    if id.is_empty() || !events::heard(tx, &id)? {
        return Ok(());
    }
    match body["notificationType"].as_str().unwrap_or_default() {
        "ASSET_MANAGEMENT" | "USER_MANAGEMENT" => {
            let event = text(&body["notification"]["eventId"]);
            if events::look_now(tx, &event)?.as_deref() == Some(token_id) {
                content_tokens::make_due(tx, token_id)
            } else {
                // Somebody else's deed: the book changed.
                content_tokens::sync_soon(tx, token_id)
            }
        }
        "ASSET_COUNT" | "USER_ASSOCIATED" => content_tokens::sync_soon(tx, token_id),
        _ => Ok(()),
    }
}
