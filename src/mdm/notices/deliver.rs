//! Which letters are handed to the mail server now, and what becomes of those that it does not take.

use std::time::Duration;

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::notices::{ACTOR, MAIL_TROUBLE, settings};
use crate::mdm::{Actor, journal};
use crate::protocol::mail::MailServer;
use crate::secret::Secret;
use crate::store::letters::{self, Letter, LetterState};
use crate::store::{Tx, alerts};

/// Waits between tries, the last one until [`GIVE_UP_AFTER`].
pub const BACK_OFF: [Duration; 6] = [minutes(1), minutes(5), minutes(15), minutes(60), minutes(180), minutes(360)];

/// How long a letter is worth sending.
pub const GIVE_UP_AFTER: Duration = minutes(2 * 24 * 60);

/// Tries that fail before somebody is told on the page.
pub const TROUBLE_FROM: i64 = 3;

/// Letters that one turn hands over.
const PAGE: u32 = 20;

/// For how long a turn's letters are nobody else's: longer than all of them may take, so that a crash is the only reason to send one twice.
const LEASE: Duration = minutes(30);

/// Nothing of what is managed breaks when mail does not go out; but who relies on it hears of nothing.
const TROUBLE_HARM: i64 = 65;

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// What a turn hands over, and to whom.
#[derive(Debug, Clone)]
pub struct Post {
    /// The mail server.
    pub server: MailServer,
    /// The password for it.
    pub password: Option<Secret<String>>,
    /// The letters.
    pub letters: Vec<Letter>,
}

/// The letters to hand over now; for a while they are this caller's alone. None where there is no mail server.
pub fn post(tx: &Tx) -> Result<Option<Post>> {
    let Some(server) = settings::server(tx)? else { return Ok(None) };
    let letters = letters::due(tx, PAGE)?;
    for letter in &letters {
        letters::set_due(tx, &letter.id, tx.now.plus(LEASE))?;
    }
    Ok(Some(Post { server, password: settings::password(tx)?, letters }))
}

/// Notes what became of a letter: the server's words when it took it, or why it did not.
pub fn record(tx: &Tx, letter: &Letter, outcome: Result<&str, &str>) -> Result<()> {
    let why = match outcome {
        Ok(said) => {
            letters::note(tx, &letter.id, LetterState::Sent, None, said)?;
            return alerts::clear(tx, MAIL_TROUBLE).map(drop);
        }
        Err(why) => why,
    };
    let attempts = letter.attempts.max(0) + 1;
    let is_over = tx.now >= letter.created_at.plus(GIVE_UP_AFTER);
    if is_over {
        letters::note(tx, &letter.id, LetterState::GivenUp, None, why)?;
        let data = json!({ "address": letter.address, "subject": letter.subject, "because": why });
        journal::note(tx, &ACTOR, "notice.letter_given_up", journal::Subject::default(), data)?;
    } else {
        let next: Timestamp = tx.now.plus(tx.random().jitter(BACK_OFF[(attempts as usize - 1).min(BACK_OFF.len() - 1)]));
        letters::note(tx, &letter.id, LetterState::Waiting, Some(next), why)?;
    }
    if is_over || attempts >= TROUBLE_FROM {
        let message = t!("E-mail does not go out: {why}", why = sentence(why));
        let remedy = t!("Notices wait, and are sent once it does. See System, Notices: what the mail server said, and a button to try it.");
        alerts::raise(tx, MAIL_TROUBLE, TROUBLE_HARM, &message, remedy)?;
    }
    Ok(())
}

fn sentence(text: &str) -> String {
    format!("{}.", text.trim_end_matches('.'))
}

/// Keeps the letter of a trial with what became of it.
pub fn note_test(tx: &Tx, actor: &Actor, letter: &Letter, outcome: Result<&str, &str>) -> Result<()> {
    let (state, said) = match outcome {
        Ok(said) => (LetterState::Sent, said),
        Err(why) => (LetterState::GivenUp, why),
    };
    let tried = Letter { state, attempts: 1, due_at: None, said: said.to_owned(), ended_at: Some(tx.now), ..letter.clone() };
    letters::insert(tx, &tried)?;
    if outcome.is_ok() {
        alerts::clear(tx, MAIL_TROUBLE)?;
    }
    let data = json!({ "address": letter.address, "arrived": outcome.is_ok() });
    journal::note(tx, actor, "notice.test_sent", journal::Subject::default(), data)
}
