//! A link that logs in once: whoever starts the demo is its Owner and has no password to choose.

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

/// How long the link can be opened.
pub const LINK_LIFE: Duration = Duration::from_secs(24 * 3600);

const LINK: Setting<Link> = Setting::new("log_in_link");

/// What is remembered of a link.
#[derive(Debug, Serialize, Deserialize)]
struct Link {
    /// SHA-256 of the token.
    hash: Vec<u8>,
    /// Whom it logs in.
    admin_id: String,
    expires_at: Timestamp,
}

/// Makes an Owner of this name where nobody may log in yet; tells whether it did.
pub fn owner(tx: &Tx, name: &str, password: HashedPassword) -> Result<bool> {
    if admins::count(tx)? > 0 {
        return Ok(false);
    }
    insert(tx, &Actor::Console, NewAdmin { name: name.to_owned(), role: Role::Owner, password })?;
    Ok(true)
}

/// Makes the token of a link that logs this person in, to be printed; none when there is no such person who may. Earlier links stop working.
pub fn offer(tx: &Tx, name: &str) -> Result<Option<Secret<String>>> {
    let Some(admin) = admins::find_by_name(tx, name)?.filter(|admin| admin.disabled_at.is_none()) else { return Ok(None) };
    let token = tx.random().token();
    let link = Link { hash: sha256(token.as_bytes()).to_vec(), admin_id: admin.id, expires_at: tx.now.plus(LINK_LIFE) };
    settings::set(tx, &LINK, &link)?;
    record(tx, &Actor::Console, "session.offered", Value::Null)?;
    Ok(Some(token.into()))
}

/// Logs the bearer of a link in; the link is spent.
///
/// # Errors
/// Not found for a link that is not valid, or not any more.
pub fn accept(tx: &Tx, token: &str, client: &Client) -> Result<Started> {
    let over = || {
        Error::not_found(t!("This link was used already, or is over. Log in with the name and password printed beside it, or start again."))
    };
    let link =
        settings::value(tx, &LINK)?.filter(|link| link.hash == sha256(token.as_bytes()) && tx.now < link.expires_at).ok_or_else(over)?;
    let admin = admins::find(tx, &link.admin_id)?.filter(|admin| admin.disabled_at.is_none()).ok_or_else(over)?;
    settings::forget(tx, &LINK)?;
    sessions::begin(tx, admin, client)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdm::admins::Password;
    use crate::mdm::tests::School;

    fn hashed() -> HashedPassword {
        Password::parse(Secret::new("correct horse battery".into())).unwrap().hash().unwrap()
    }

    fn client() -> Client {
        Client { address: [127, 0, 0, 1].into(), user_agent: "Safari".into() }
    }

    #[test]
    fn the_link_logs_in_once_and_within_its_time() {
        let school = School::new();
        assert!(school.write(|tx| offer(tx, "demo")).is_none(), "nobody to log in");
        let password = hashed();
        assert!(school.write(move |tx| owner(tx, "demo", password)));
        let token = school.write(|tx| offer(tx, "demo")).unwrap();
        assert!(school.try_write(|tx| accept(tx, "guessed", &client())).is_err());
        let once = token.clone();
        school.write(move |tx| accept(tx, once.expose(), &client()));
        assert!(school.try_write(move |tx| accept(tx, token.expose(), &client())).is_err(), "spent");
        let late = school.write(|tx| offer(tx, "demo")).unwrap();
        school.clock.advance(LINK_LIFE);
        assert!(school.try_write(move |tx| accept(tx, late.expose(), &client())).is_err(), "over");
    }

    #[test]
    fn where_somebody_may_log_in_no_owner_is_made() {
        let school = School::new();
        let (first, second) = (hashed(), hashed());
        assert!(school.write(move |tx| owner(tx, "kim", first)));
        assert!(!school.write(move |tx| owner(tx, "demo", second)));
        assert!(school.write(|tx| offer(tx, "demo")).is_none());
    }
}
