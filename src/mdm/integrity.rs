//! Damage in the database: when it is looked for, who is told, and what there is to do.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::backups::offer;
use crate::mdm::{Actor, journal};
use crate::store::integrity::Finding;
use crate::store::settings::{self, Setting};
use crate::store::{Tx, alerts};

/// How often it is looked for.
pub const EVERY: Duration = Duration::from_secs(7 * 24 * 3600);

/// When it is tried again after a look that did not come to its end.
pub const AGAIN_AFTER: Duration = Duration::from_secs(3600);

/// Names the alert about damage.
pub const ALERT: &str = "database.damaged";

/// Findings that are told; the first few tell what there is to do.
const TOLD_MAX: usize = 10;

const LAST: Setting<Timestamp> = Setting::new("integrity.last_at");

/// When the database is to be looked through next: a new one at once.
pub fn due(tx: &Tx) -> Result<Option<Timestamp>> {
    Ok(Some(settings::value(tx, &LAST)?.map_or(tx.now, |last| last.plus(EVERY))))
}

/// When it was last looked through.
pub fn last(tx: &Tx) -> Result<Option<Timestamp>> {
    settings::value(tx, &LAST)
}

/// Notes that a look has begun, which may take a while and is not to begin twice.
pub fn begin(tx: &Tx) -> Result<()> {
    settings::set(tx, &LAST, &tx.now).map(drop)
}

/// Notes that a look did not come to its end.
pub fn broke_off(tx: &Tx) -> Result<()> {
    settings::set(tx, &LAST, &tx.now.minus(EVERY).plus(AGAIN_AFTER)).map(drop)
}

/// What was found in words, and what to do on this data folder; none where nothing was.
pub fn words(tx: &Tx, findings: &[Finding], data: &Path) -> Option<(String, String)> {
    let (first, count) = (findings.first()?, findings.len());
    let what = t!("The database is damaged: {count} findings, the first is “{message}”.", count, message = first.message);
    // What is damaged may be the list of backups.
    let newest = offer::newest(tx, &[]).unwrap_or_default();
    let remedy = t!(
        "Stop Rollcall: it does not start again on a damaged database. Have this machine's disk and memory checked, for a database does not break by \
         itself. {rebuild_words}{data}",
        rebuild_words = offer::rebuild_words(findings, data),
        data = offer::words(newest.as_ref(), data)
    );
    Some((what, remedy))
}

/// Tells an admin what was found, or takes the alert down when the database is sound; gives the outcome in words.
pub fn record(tx: &Tx, findings: &[Finding], data: &Path) -> Result<String> {
    const ACTOR: Actor = Actor::Job("integrity");
    let (Some(first), Some((what, remedy))) = (findings.first(), words(tx, findings, data)) else {
        if alerts::clear(tx, ALERT)? {
            journal::note(tx, &ACTOR, "database.sound", journal::Subject::default(), json!({}))?;
        }
        return Ok(String::from(t!("sound")));
    };
    let count = findings.len();
    alerts::raise(tx, ALERT, 100, &what, &remedy)?;
    let told: Vec<_> = findings.iter().take(TOLD_MAX).map(|finding| &finding.message).collect();
    let data = json!({ "count": count, "findings": told, "because": first.message });
    journal::note(tx, &ACTOR, "database.damaged", journal::Subject::default(), data)?;
    Ok(t!("damaged: {count} findings", count))
}
