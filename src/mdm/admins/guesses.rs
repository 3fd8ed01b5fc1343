//! Wrong log-ins that go on: who is told, and for how long.

use std::time::Duration;

use crate::error::Result;
use crate::store::admins::Admin;
use crate::store::events::{self, Filter};
use crate::store::{Tx, alerts};

/// Refused log-ins within [`COUNTED_IN`] after which somebody is told: who has forgotten a password gives up before.
pub const MANY: usize = 20;
/// The time in which they are counted together.
pub const COUNTED_IN: Duration = Duration::from_secs(3600);
/// How long somebody is told after the last one.
pub const TOLD_FOR: Duration = Duration::from_secs(24 * 3600);

/// Begins the keys of the alerts; what comes after is the id of the person, nothing where nobody has the name.
pub const ALERT: &str = "admins.guessed";
/// Refused log-ins that are looked at.
const LOOKED_AT: usize = 100;
const HARM: i64 = 60;

/// Tells somebody where a log-in was refused once more and there are many.
pub(super) fn watch(tx: &Tx, admin: Option<&Admin>) -> Result<()> {
    let filter = Filter { kind: Some("session.refused"), ..Filter::default() };
    let name = admin.map(|admin| admin.name.as_str());
    let recent = events::list(tx, &filter, None, LOOKED_AT)?;
    let count = recent.iter().filter(|event| event.at.plus(COUNTED_IN) > tx.now && event.data["name"].as_str() == name).count();
    if count < MANY {
        return Ok(());
    }
    let (key, message) = match admin {
        Some(admin) => {
            (format!("{ALERT}:{}", admin.id), t!("Somebody keeps guessing the password of {name} for this page.", name = admin.name))
        }
        None => (String::from(ALERT), String::from(t!("Somebody keeps guessing names and passwords for this page."))),
    };
    let remedy = t!(
        "It is slowed down, and browsers in which somebody was logged in before are served. The audit log says where it comes from; a second factor keeps \
         out even who guesses right."
    );
    alerts::raise(tx, &key, HARM, &message, remedy).map(drop)
}

/// Ends what is said about guesses that stopped.
pub fn sweep(tx: &Tx) -> Result<()> {
    let is_over = |alert: &alerts::Alert| alert.key.starts_with(ALERT) && alert.last_at.plus(TOLD_FOR) <= tx.now;
    alerts::all(tx)?.iter().filter(|alert| is_over(alert)).try_for_each(|alert| alerts::clear(tx, &alert.key).map(drop))
}
