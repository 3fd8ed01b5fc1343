//! What page and API do alike with webhooks: post an event for trial and hear what the receiver says.

use bytes::Bytes;

use crate::app::App;
use crate::apple::webhook::{EVENT_TIMEOUT, event_headers};
use crate::error::Result;
use crate::mdm::Actor;
use crate::mdm::webhooks::{self, Outcome};

/// Characters of an answer that are shown.
pub(super) const ANSWER_SHOWN_CHARS: usize = 500;

/// How a trial went.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    /// The status of the answer; none where no answer came.
    pub status: Option<u16>,
    /// Why it counts as failed; none where the receiver took it.
    pub error: Option<String>,
    /// The beginning of what it said, as text.
    pub answer: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// Posts an event for trial to a webhook, switched on or off, and waits for the answer. It is written down like every other.
pub(super) async fn test(app: &App, actor: &Actor, id: &str) -> Result<Trial> {
    let (actor, id) = (actor.clone(), id.to_owned());
    let letter = app.store.write(app.now(), move |tx| webhooks::for_trial(tx, &actor, &id)).await?;
    let headers = event_headers(letter.signature.as_deref())?;
    let body = Bytes::copy_from_slice(letter.body.expose());
    let begun = app.now();
    let asked = app.webhook.ask(&letter.url, headers, body, EVENT_TIMEOUT).await;
    let took_ms = u64::try_from(app.now().since(begun).as_millis()).unwrap_or(u64::MAX);
    let (answer, status) = match asked {
        Ok((status, said)) => (said.unwrap_or_default(), Ok(status)),
        Err(error) => (Bytes::new(), Err(error)),
    };
    let outcome = Outcome::of(status);
    let trial = Trial { status: outcome.status, error: outcome.error.clone(), answer: beginning(&answer), took_ms };
    app.store.write(app.now(), move |tx| webhooks::record(tx, &letter, &outcome)).await?;
    Ok(trial)
}

/// The beginning of an answer, without what does not stand in a line.
fn beginning(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let plain: String = text.chars().map(|letter| if letter.is_control() && letter != '\n' { ' ' } else { letter }).collect();
    plain.trim().chars().take(ANSWER_SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_answer_so_much_is_shown() {
        assert_eq!(beginning(b" \x1b[31mok\r\n\xff "), "[31mok \n\u{fffd}");
        assert_eq!(beginning(&vec![b'x'; 1 << 16]).len(), ANSWER_SHOWN_CHARS);
    }
}
