//! What page and API do alike with webhooks: post an event for trial and hear what the receiver says.

use bytes::Bytes;

use crate::app::App;
use crate::apple::connect::is_public;
use crate::apple::webhook::{EVENT_TIMEOUT, event_headers};
use crate::error::Result;
use crate::language::say;
use crate::mdm::webhooks::{self, Outcome};
use crate::mdm::{Actor, Right};

/// Characters of an answer that are shown.
pub(super) const ANSWER_SHOWN_CHARS: usize = 500;

/// What is said instead of an answer that is not for whoever asks.
const HIDDEN: &str = msg!("What it said is shown to owners only, because its address is of a network that not everybody can look into.");

/// How a trial went.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    /// The status of the answer; none where no answer came.
    pub status: Option<u16>,
    /// Why it counts as failed; none where the receiver took it.
    pub error: Option<String>,
    /// The beginning of what it said, as text; none where that is not for whoever asks.
    pub answer: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl Trial {
    /// What it said, or why that is not shown; empty where it said nothing.
    pub(super) fn answer_words(&self) -> String {
        self.answer.clone().unwrap_or_else(|| say(HIDDEN).to_owned())
    }
}

/// Posts an event for trial to a webhook, switched on or off, and waits for the answer. It is written down like every other.
///
/// What services within the network answer is shown to Owners alone: an Admin could read by it what is not for them.
pub(super) async fn test(app: &App, actor: &Actor, id: &str) -> Result<Trial> {
    let (sender, id) = (actor.clone(), id.to_owned());
    let letter = app.store.write(app.now(), move |tx| webhooks::for_trial(tx, &sender, &id)).await?;
    let headers = event_headers(letter.signature.as_deref())?;
    let body = Bytes::copy_from_slice(letter.body.expose());
    let begun = app.now();
    let asked = app.webhook.ask(&letter.url, headers, body, EVENT_TIMEOUT).await;
    let took_ms = u64::try_from(app.now().since(begun).as_millis()).unwrap_or(u64::MAX);
    let (answer, status) = match asked {
        Ok(answered) => {
            let is_for_them = actor.may(Right::Govern) || answered.from.is_some_and(is_public);
            (is_for_them.then(|| beginning(&answered.body.unwrap_or_default())), Ok(answered.status))
        }
        Err(error) => (Some(String::new()), Err(error)),
    };
    let outcome = Outcome::of(status);
    let trial = Trial { status: outcome.status, error: outcome.error.clone(), answer, took_ms };
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
