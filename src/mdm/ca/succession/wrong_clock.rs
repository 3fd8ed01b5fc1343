//! What a clock that was wrong did to our roots, put right; and how long one that jumped ahead is not believed.

use std::time::Duration;

use serde_json::json;

use super::fingerprint;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::{Actor, journal};
use crate::store::Tx;
use crate::store::authorities::{self, Authority};
use crate::store::known_roots;
use crate::store::settings::{self, Setting};

/// How long a clock that jumped ahead has to go on before a root is made or taken into use by it. A root lasts for twenty years, so nothing is lost by
/// waiting; one that devices do not know locks all of them out.
pub const SETTLES: Duration = Duration::from_secs(2 * 24 * 3600);

/// When the clock jumped ahead last, by the clock after the jump.
const JUMPED_AT: Setting<Timestamp> = Setting::new("authority.clock_jumped_at");

/// Notes that the clock jumped ahead to this moment.
pub fn jumped_ahead(tx: &Tx) -> Result<()> {
    settings::set(tx, &JUMPED_AT, &tx.now).map(drop)
}

/// Until when nothing is decided about roots, because the clock jumped ahead lately; none where it is believed.
pub fn unsettled_until(tx: &Tx) -> Result<Option<Timestamp>> {
    // A jump to a moment that has not come was taken back.
    let jumped_at = settings::value(tx, &JUMPED_AT)?.filter(|at| *at <= tx.now);
    Ok(jumped_at.map(|at| at.plus(SETTLES)).filter(|until| *until > tx.now))
}

/// Puts right what was done by a wrong clock; tells whether another root issues from now on.
///
/// A root that is not valid yet was made while the clock was ahead: the one before it, which devices know, issues again. Where the clock is what is wrong,
/// and far behind, the newer one is set aside in the same way; it is taken up again when the clock is right, if a device knows it.
pub fn set_right(tx: &Tx) -> Result<bool> {
    if let Some(next) = authorities::upcoming(tx)?.filter(|next| next.is_ahead(tx.now)) {
        authorities::forget_unused(tx, &next.id)?;
    }
    let Some(current) = authorities::current(tx)? else { return Ok(false) };
    let Some(better) = better_than(tx, &current)? else { return Ok(false) };
    authorities::succeed(tx, &current.id, &better.id)?;
    let because = if current.is_ahead(tx.now) {
        t!("the one in its place is not valid yet: it was made while the clock was ahead")
    } else {
        t!("devices know it, and the clock is right again")
    };
    let data = json!({ "fingerprint": fingerprint(&better), "before": fingerprint(&current), "because": because });
    journal::note(tx, &Actor::Job("authority"), "authority.restored", journal::Subject::default(), data)?;
    if current.is_ahead(tx.now) {
        authorities::forget_unused(tx, &current.id)?;
    }
    Ok(true)
}

/// The former root that is to issue instead of the current one.
fn better_than(tx: &Tx, current: &Authority) -> Result<Option<Authority>> {
    let mut living = authorities::retired(tx)?.into_iter().filter(|former| former.lives_at(tx.now));
    if current.is_ahead(tx.now) {
        return Ok(living.next());
    }
    for former in living.filter(|former| former.created_at > current.created_at) {
        if known_roots::progress(tx, &former.id)?.known > 0 {
            return Ok(Some(former));
        }
    }
    Ok(None)
}
