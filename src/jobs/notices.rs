//! Looks whether there is something to tell, and hands letters to the mail server. Mail that does not go out fails nothing else: it waits.

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::jobs::Job;
use crate::mdm::notices::{self, Out, Post};
use crate::protocol::mail;

pub(super) const JOB: Job = Job { name: notices::JOB, due: notices::due, run: |app, now| Box::pin(run(app, now)) };

async fn run(app: &App, now: Timestamp) -> Result<String> {
    let (own_tls, out) = (app.config.tls.is_none(), Out { public_url: app.public_url.clone() });
    // Looking takes a while with many devices; nobody who writes waits for it.
    let facts = app.store.read_slow(now, move |tx| notices::gather(tx, own_tls)).await?;
    let tell = move |tx: &_| {
        let told = notices::look(tx, &facts, &out)?;
        Ok((told, notices::write_digest(tx, &facts, own_tls, &out)?))
    };
    let (told, digest) = app.store.write(now, tell).await?;
    let mut done = Vec::new();
    if told > 0 {
        done.push(if told == 1 { String::from(t!("1 notice was told")) } else { t!("{told} notices were told", told) });
    }
    if digest {
        done.push(String::from(t!("the weekly digest was written")));
    }
    if let Some(post) = app.store.write(app.now(), notices::post).await?.filter(|post| !post.letters.is_empty()) {
        let count = post.letters.len();
        done.push(t!("{await} of {count} letters were sent", await = send(app, post).await?, count));
    }
    Ok(if done.is_empty() { String::from(t!("nothing to tell")) } else { done.join(", ") })
}

/// Hands over letters, one after the other; gives how many were taken.
async fn send(app: &App, post: Post) -> Result<usize> {
    let mut sent = 0;
    for letter in post.letters {
        let envelope = mail::Letter {
            id: &letter.id,
            to: &letter.address,
            subject: &letter.subject,
            plain: &letter.plain,
            html: &letter.html,
            at: letter.created_at,
        };
        let outcome = match mail::compose(&post.server, &envelope) {
            Ok(message) => app.mailer.send(&post.server, post.password.as_ref(), app.public_host(), &letter.address, &message).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &outcome {
            tracing::warn!(letter = letter.id, attempts = letter.attempts + 1, "a letter did not go out: {error}");
        }
        sent += usize::from(outcome.is_ok());
        let record = move |tx: &_| {
            let outcome = outcome.map_err(|error| error.to_string());
            notices::record(tx, &letter, outcome.as_deref().map_err(String::as_str))
        };
        app.store.write(app.now(), record).await?;
    }
    Ok(sent)
}

#[cfg(test)]
mod tests;
