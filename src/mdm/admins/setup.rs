//! The set-up link of the first start: whoever opens it becomes the first Owner, once.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::sessions::{self, Client, Started};
use super::{HashedPassword, NewAdmin, insert, record};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::actor::{Actor, Role};
use crate::pki::digest::sha256;
use crate::secret::Secret;
use crate::store::settings::{self, Setting};
use crate::store::{Tx, admins};

/// How long a set-up link can be opened.
pub const LINK_LIFE: Duration = Duration::from_secs(24 * 3600);

const LINK: Setting<Link> = Setting::new("setup_link");

/// What is remembered of a set-up link.
#[derive(Debug, Serialize, Deserialize)]
struct Link {
    /// SHA-256 of the token.
    hash: Vec<u8>,
    expires_at: Timestamp,
}

/// Makes the token of a new set-up link, to be printed; none when somebody may log in already. Earlier links stop working: their
/// tokens are known to nobody but who printed them.
pub fn offer(tx: &Tx) -> Result<Option<Secret<String>>> {
    if admins::count(tx)? > 0 {
        return Ok(None);
    }
    let token = tx.random().token();
    settings::set(tx, &LINK, &Link { hash: sha256(token.as_bytes()).to_vec(), expires_at: tx.now.plus(LINK_LIFE) })?;
    record(tx, &Actor::Console, "setup.offered", Value::Null)?;
    Ok(Some(token.into()))
}

/// Tells whether somebody may log in already: until then every page leads to the set-up link.
pub fn is_done(tx: &Tx) -> Result<bool> {
    Ok(admins::count(tx)? > 0)
}

/// Tells whether a set-up link can still be used, and if not, what to do.
pub fn check(tx: &Tx, token: &str) -> Result<()> {
    if is_done(tx)? {
        return Err(Error::not_found(t!(
            "This link was used already: Rollcall has an owner. Log in, or set a new password with `rollcall admin reset-password NAME` \
             on the machine that runs it."
        )));
    }
    let valid = settings::value(tx, &LINK)?.is_some_and(|link| link.hash == sha256(token.as_bytes()) && tx.now < link.expires_at);
    if !valid {
        return Err(Error::not_found(t!("This link is not valid, or not any more. Start Rollcall again for a new one, or run \
             `rollcall admin add NAME --role owner` on the machine that runs it.")));
    }
    Ok(())
}

/// Makes the bearer of a set-up link the first Owner and logs them in; the link is spent.
pub fn accept(tx: &Tx, token: &str, name: &str, password: HashedPassword, client: &Client) -> Result<Started> {
    check(tx, token)?;
    let admin = insert(tx, &Actor::Console, NewAdmin { name: name.to_owned(), role: Role::Owner, password })?;
    settings::forget(tx, &LINK)?;
    sessions::begin(tx, admin, client)
}
