//! Delivers what waits in the outbox, in order per device.

use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::app::App;
use crate::apple::webhook::{EVENT_TIMEOUT, event_headers};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::jobs::Job;
use crate::mdm::webhooks::{self, Letter, Outcome};
use crate::store::webhooks as rows;

/// How long a turn waits for its receivers. Slower ones are waited for apart, so that a receiver that hangs holds up no push.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) const JOB: Job = Job { name: "webhooks", due: rows::next_deliverable, run: |app, now| Box::pin(run(app, now)) };

async fn run(app: &App, now: Timestamp) -> Result<String> {
    let under_way = app.webhook.under_way();
    let letters = app.store.write(now, move |tx| webhooks::due(tx, &under_way)).await?;
    let count = letters.len();
    let mut sending = JoinSet::new();
    for letter in letters {
        let app = app.clone();
        sending.spawn(async move { deliver(&app, letter).await });
    }
    let mut delivered = 0;
    let all = async {
        while let Some(outcome) = sending.join_next().await {
            delivered += usize::from(outcome.map_err(|error| Error::internal("a delivery was cut off", error))??);
        }
        Ok::<_, Error>(())
    };
    if let Ok(outcome) = tokio::time::timeout(PATIENCE, all).await {
        outcome?;
        return Ok(t!("{delivered} of {count} delivered", delivered, count));
    }
    sending.detach_all();
    Ok(t!("{delivered} of {count} delivered, the others are slow", delivered, count))
}

async fn deliver(app: &App, letter: Letter) -> Result<bool> {
    let body = Bytes::copy_from_slice(letter.body.expose());
    let headers = event_headers(letter.signature.as_deref())?;
    let outcome = Outcome::of(app.webhook.post(&letter.url, headers, body, EVENT_TIMEOUT).await);
    let delivered = outcome.error.is_none();
    app.store.write(app.now(), move |tx| webhooks::record(tx, &letter, &outcome)).await?;
    Ok(delivered)
}

#[cfg(test)]
mod tests;
