//! What Apple's answers change: about licences that were asked for, and about events.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::licences::errands::Outcome;
use crate::mdm::licences::machine::{Happening, wait};
use crate::mdm::licences::{happen, tokens, users};
use crate::protocol::apps_and_books::{Deed, Failure, Refusal, Status, Verdict};
use crate::store::content_tokens::{self, ContentToken};
use crate::store::licences::book::{self, Entry};
use crate::store::licences::events::{self, Event, EventKind};
use crate::store::licences::{self as rows, HolderKind, Licence as Row, Stage};
use crate::store::{Tx, alerts};

/// When to look first how far an event is, where Apple tells us nothing by itself.
pub(super) const FIRST_LOOK: Duration = Duration::from_secs(30);

/// When to look first where it does.
pub(super) const FIRST_LOOK_TOLD: Duration = Duration::from_secs(300);

/// How long after a look the next one is.
pub(super) const NEXT_LOOK: Duration = Duration::from_secs(30);

/// After this long an event is given up, and asked for again.
pub(super) const GIVEN_UP_AFTER: Duration = Duration::from_secs(600);

/// How soon after something was done Apple's book is read again, to see that it is so.
const PROVED_AFTER: Duration = Duration::from_secs(120);

/// How long a lost answer may take to show in Apple's book.
const LOST_SHOWS_AFTER: Duration = Duration::from_secs(60);

/// Until when a location with failures rests.
pub(super) fn rest(token: &ContentToken) -> Timestamp {
    token.sync_due_at.unwrap_or_default()
}

/// Notes that a round failed as a whole, and lets the location rest; a token that Apple does not take any more stops everything.
pub(super) fn trouble(tx: &Tx, mut token: ContentToken, came: &Outcome) -> Result<bool> {
    let (verdict, words, after) = match came {
        Outcome::Answered(_) => return Ok(true),
        Outcome::Refused(refusal) => (refusal.verdict, refusal.words.clone(), refusal.retry_after.map(|retry| retry.wait(tx.now))),
        Outcome::Lost(words) => (Verdict::Later, words.clone(), None),
    };
    if verdict == Verdict::NewToken {
        tokens::refuse(tx, token, &words)?;
        return Ok(false);
    }
    token.failures += 1;
    token.problem = words;
    token.sync_due_at = Some(tx.now.plus(after.unwrap_or_else(|| wait(token.failures - 1))));
    content_tokens::update(tx, &token)?;
    Ok(false)
}

/// Notes that Apple answers, after it did not.
fn fine(tx: &Tx, token: &mut ContentToken) -> Result<()> {
    if token.failures > 0 {
        (token.failures, token.problem) = (0, String::new());
        content_tokens::update(tx, token)?;
        alerts::clear(tx, &format!("licences.unreachable:{}", token.id))?;
    }
    Ok(())
}

/// What came of asking for licences.
pub(super) fn licences(tx: &Tx, mut token: ContentToken, assign: bool, deed: &Deed, came: &Outcome) -> Result<bool> {
    let sent = sent(tx, &token.id, assign, deed)?;
    match came {
        Outcome::Answered(answer) => {
            fine(tx, &mut token)?;
            let Some(event_id) = answer.body["eventId"].as_str().filter(|id| !id.is_empty()) else {
                return lost(tx, token, sent);
            };
            expect(tx, &token, event_id, if assign { EventKind::Associate } else { EventKind::Disassociate })?;
            for row in sent {
                rows::put(tx, Some(&row), &Row { event_id: Some(event_id.to_owned()), ..row.clone() })?;
            }
            Ok(true)
        }
        Outcome::Refused(refusal) => refused(tx, token, sent, refusal, came),
        Outcome::Lost(_) => {
            let (id, rows) = (token.id.clone(), sent);
            trouble(tx, token, came)?;
            match content_tokens::by_id(tx, &id)? {
                Some(token) => lost(tx, token, rows),
                None => Ok(false),
            }
        }
    }
}

/// The licences of a deed that count as asked and wait for its event.
fn sent(tx: &Tx, token_id: &str, assign: bool, deed: &Deed) -> Result<Vec<Row>> {
    let stage = if assign { Stage::Asked } else { Stage::Leaving };
    let devices = deed.serial_numbers.iter().map(|serial| (HolderKind::Device, serial));
    let holders: Vec<_> = devices.chain(deed.client_user_ids.iter().map(|id| (HolderKind::Person, id))).collect();
    let mut sent = Vec::new();
    for asset in &deed.assets {
        for (kind, holder) in &holders {
            let row = rows::of(tx, &asset.adam_id, *kind, holder)?;
            sent.extend(row.filter(|row| row.stage == stage && row.event_id.is_none() && row.token_id.as_deref() == Some(token_id)));
        }
    }
    Ok(sent)
}

/// Remembers an event, and when to look how far it is.
pub(super) fn expect(tx: &Tx, token: &ContentToken, event_id: &str, kind: EventKind) -> Result<()> {
    let is_told = content_tokens::notify_secret(tx, &token.id)?.is_some();
    let due_at = tx.now.plus(if is_told { FIRST_LOOK_TOLD } else { FIRST_LOOK });
    events::put(tx, &Event { event_id: event_id.to_owned(), token_id: token.id.clone(), kind, asked_at: tx.now, due_at })
}

/// The answer was lost: it may have been done or not. Apple's book tells.
fn lost(tx: &Tx, mut token: ContentToken, sent: Vec<Row>) -> Result<bool> {
    let shows_at = tx.now.plus(LOST_SHOWS_AFTER);
    for row in sent {
        rows::put(tx, Some(&row), &Row { due_at: Some(shows_at), ..row.clone() })?;
    }
    (token.sync_due_at, token.synced_whole_at) = (Some(token.sync_due_at.map_or(shows_at, |due| due.max(shows_at))), None);
    content_tokens::update(tx, &token)?;
    Ok(false)
}

/// Apple took none of it.
fn refused(tx: &Tx, token: ContentToken, sent: Vec<Row>, refusal: &Refusal, came: &Outcome) -> Result<bool> {
    let alone = sent.len() <= 1;
    for row in sent {
        match refusal.verdict {
            // Nothing was done, and nothing is known of any of them: who is at fault shows when each is asked for alone.
            Verdict::Never if !alone => back(tx, row, &refusal.words)?,
            Verdict::Later => back(tx, row, "")?,
            verdict => happen(tx, &row, Happening::Refused(verdict), &refusal.words)?,
        }
    }
    match refusal.verdict {
        Verdict::Later | Verdict::NewToken => trouble(tx, token, came),
        Verdict::Short => {
            content_tokens::sync_soon(tx, &token.id)?;
            Ok(true)
        }
        Verdict::Never => Ok(true),
    }
}

/// Nothing was asked after all.
fn back(tx: &Tx, row: Row, problem: &str) -> Result<()> {
    let stage = if row.stage == Stage::Asked { Stage::Open } else { Stage::Held };
    let back = Row { stage, due_at: None, problem: problem.to_owned(), ..row.clone() };
    rows::put(tx, Some(&row), &back)?;
    if stage == Stage::Open && !back.wanted { happen(tx, &back, Happening::Released, "") } else { Ok(()) }
}

/// How far an event is.
pub(super) fn event(tx: &Tx, mut token: ContentToken, event_id: &str, came: &Outcome) -> Result<bool> {
    let Some(event) = events::due(tx, &token.id)?.filter(|event| event.event_id == event_id) else { return Ok(true) };
    let status = match came {
        Outcome::Answered(answer) => Status::read(&answer.body),
        // Apple knows nothing of it: its book knows what came of it.
        Outcome::Refused(refusal) if refusal.verdict == Verdict::Never => {
            give_up(tx, &token, &event)?;
            return Ok(true);
        }
        _ => {
            events::put(tx, &Event { due_at: tx.now.plus(NEXT_LOOK), ..event })?;
            return trouble(tx, token, came);
        }
    };
    fine(tx, &mut token)?;
    match status {
        Status::Pending if tx.now.since(event.asked_at) >= GIVEN_UP_AFTER => give_up(tx, &token, &event)?,
        Status::Pending => events::put(tx, &Event { due_at: tx.now.plus(NEXT_LOOK), ..event })?,
        Status::Over { failures, .. } if event.kind == EventKind::Users => {
            users::over(tx, &token, event_id, &failures)?;
            events::remove(tx, event_id)?;
        }
        Status::Over { failures, .. } => {
            over(tx, token, event_id, &failures)?;
            events::remove(tx, event_id)?;
        }
    }
    Ok(true)
}

/// It was not over in ten minutes, or Apple does not know it: from here on Apple's book counts.
fn give_up(tx: &Tx, token: &ContentToken, event: &Event) -> Result<()> {
    for row in rows::of_event(tx, &event.event_id)? {
        rows::put(tx, Some(&row), &Row { event_id: None, due_at: Some(tx.now), ..row.clone() })?;
    }
    users::forget_event(tx, &event.event_id)?;
    events::remove(tx, &event.event_id)?;
    read_all_soon(tx, token)
}

fn read_all_soon(tx: &Tx, token: &ContentToken) -> Result<()> {
    if let Some(mut token) = content_tokens::by_id(tx, &token.id)? {
        token.synced_whole_at = None;
        content_tokens::update(tx, &token)?;
    }
    content_tokens::sync_soon(tx, &token.id)
}

/// An event is over: what its failures name did not come about, all the rest did.
fn over(tx: &Tx, mut token: ContentToken, event_id: &str, failures: &[Failure]) -> Result<()> {
    let mut short = false;
    for row in rows::of_event(tx, event_id)? {
        let (serial, person) = match row.holder_kind {
            HolderKind::Device => (Some(row.holder.as_str()), None),
            HolderKind::Person => (None, Some(row.holder.as_str())),
        };
        if let Some(failure) = failures.iter().find(|failure| failure.is_about(&row.adam_id, serial, person)) {
            short |= failure.verdict == Verdict::Short;
            happen(tx, &row, Happening::Refused(failure.verdict), &failure.words)?;
            continue;
        }
        if let Some(key) = row.asset() {
            let entry = Entry { key, holder_kind: row.holder_kind, holder: row.holder.clone() };
            match row.stage {
                Stage::Asked => drop(book::add(tx, &entry)?),
                Stage::Leaving => drop(book::remove(tx, &entry)?),
                _ => {}
            }
        }
        happen(tx, &row, Happening::Done, "")?;
    }
    let proved_at = if short { tx.now } else { tx.now.plus(PROVED_AFTER) };
    token.sync_due_at = Some(token.sync_due_at.map_or(proved_at, |due| due.min(proved_at)));
    content_tokens::update(tx, &token)
}
