//! Removes what was kept for a bounded time.

use std::time::Duration;

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::jobs::Job;
use crate::mdm::admins;
use crate::mdm::people::import;
use crate::store::settings::{self, Setting};
use crate::store::{Tx, commands, declared, invitations, reports};

/// How often.
const EVERY: Duration = Duration::from_secs(3600);

/// How long finished commands are kept.
const KEEP_COMMANDS: Duration = Duration::from_secs(90 * 24 * 3600);

/// How long raw reports are kept.
const KEEP_REPORTS: Duration = Duration::from_secs(30 * 24 * 3600);

/// Rows that one transaction removes, so that others are not kept waiting.
const PAGE: u32 = 1000;

const LAST: Setting<Timestamp> = Setting::new("housekeeping.last_at");

pub(super) const JOB: Job = Job { name: "housekeeping", due, run: |app, now| Box::pin(run(app, now)) };

fn due(tx: &Tx) -> Result<Option<Timestamp>> {
    Ok(Some(settings::value(tx, &LAST)?.map_or(tx.now, |last| last.plus(EVERY))))
}

async fn run(app: &App, now: Timestamp) -> Result<String> {
    let mut removed = 0;
    loop {
        let page = app
            .store
            .write(now, move |tx| {
                Ok(commands::prune(tx, now.minus(KEEP_COMMANDS), PAGE)?
                    + reports::prune(tx, now.minus(KEEP_REPORTS), PAGE)?
                    + invitations::prune_challenges(tx, now.minus(EVERY))?
                    + admins::sessions::sweep(tx)?
                    + declared::prune_documents(tx, PAGE)?
                    + import::sweep(tx)?)
            })
            .await?;
        removed += page;
        if page < PAGE as usize {
            break;
        }
    }
    app.store.write(now, move |tx| settings::set(tx, &LAST, &now)).await?;
    Ok(format!("{removed} rows removed"))
}
