//! Delivers what waits in the outbox, in order per device.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::task::JoinSet;

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::jobs::Job;
use crate::mdm::webhooks::{self, Letter};
use crate::protocol::event;
use crate::store::webhooks as rows;

/// How long a receiver may take; well under the time for which a letter is ours ([`webhooks::LEASE`]).
const TIMEOUT: Duration = Duration::from_secs(15);

/// How long a turn waits for its receivers. Slower ones are waited for apart, so that a receiver that hangs holds up no push.
const PATIENCE: Duration = Duration::from_secs(1);

/// Carries the signature of a body, as NanoMDM's tools expect it.
const HMAC_SIGNATURE: HeaderName = HeaderName::from_static("x-hmac-signature");

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
        return Ok(format!("{delivered} of {count} delivered"));
    }
    sending.detach_all();
    Ok(format!("{delivered} of {count} delivered, the others are slow"))
}

async fn deliver(app: &App, letter: Letter) -> Result<bool> {
    let body = Bytes::copy_from_slice(letter.body.expose());
    let outcome = app.webhook.post(&letter.url, headers(&letter)?, body, TIMEOUT).await;
    let failure = match outcome {
        Ok(200..=299) => None,
        Ok(status) => Some(format!("it answered with status {status}")),
        Err(error) => Some(error.to_string()),
    };
    let delivered = failure.is_none();
    app.store.write(app.now(), move |tx| webhooks::record(tx, &letter, failure.as_deref())).await?;
    Ok(delivered)
}

fn headers(letter: &Letter) -> Result<HeaderMap> {
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(event::CONTENT_TYPE))]);
    if let Some(signature) = &letter.signature {
        let signature = signature.parse().map_err(|error| Error::internal("base64 cannot stand in a header", error))?;
        headers.insert(HMAC_SIGNATURE, signature);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests;
