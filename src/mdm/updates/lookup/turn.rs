//! One turn of asking: with what Apple is asked, what came of it, and when it is asked again.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Document, Source, State, store, stored, take, take_in};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::{Actor, apple_roots, journal};
use crate::pki::apple::ROOT_CA;
use crate::pki::certificate::Certificate;
use crate::protocol::apps_and_books::RetryAfter;
use crate::store::{Tx, releases};

/// How often Apple is asked at the most.
pub const POLL_EVERY: Duration = Duration::from_secs(24 * 3600);

/// By how much longer it may be, so that not everybody asks at once.
pub const POLL_SPREAD: Duration = Duration::from_secs(2 * 3600);

/// The wait after a first failure, and up to half of it again; each further one is twice as long.
pub const FIRST_WAIT: Duration = Duration::from_secs(15 * 60);

/// The longest wait after failures, and up to half of it again.
pub const LONGEST_WAIT: Duration = Duration::from_secs(12 * 3600);

/// The shortest wait where Apple says how long it is to be.
pub const RETRY_LEAST: Duration = Duration::from_secs(60);

/// By how much longer that may be.
pub const RETRY_SPREAD: Duration = Duration::from_secs(60);

/// Doublings after which a wait does not grow any more.
const DOUBLINGS_MAX: u32 = 10;

/// With what Apple is asked.
#[derive(Debug, Clone, Default)]
pub struct Errand {
    /// Apple's root, where it is here.
    pub root: Option<Certificate>,
    /// The ETag of the list that is here; empty where Apple's own is not.
    pub etag: String,
    /// Its Last-Modified.
    pub last_modified: String,
    /// Apple is not to be asked before.
    pub rests_until: Option<Timestamp>,
}

/// Why no list came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trouble {
    /// In a sentence or two for people.
    pub because: String,
    /// Whether a person can mend it.
    pub mendable: bool,
    /// When to come again, where Apple says so.
    pub retry_after: Option<RetryAfter>,
}

/// What came of asking.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// A list.
    Came {
        /// The list.
        document: Document,
        /// Its ETag; empty where there is none.
        etag: String,
        /// Its Last-Modified; empty where there is none.
        last_modified: String,
    },
    /// The list that is here is the newest one.
    Unchanged,
    /// No list.
    Failed(Trouble),
}

/// With what the service at `address` is asked. What another address said of its list does not hold there.
pub fn begin(tx: &Tx, address: &str) -> Result<Errand> {
    let state = stored(tx)?;
    let rests_until = state.rests_until.filter(|until| *until > tx.now);
    let State { etag, last_modified, .. } = if is_known_at(&state, address) { state } else { State::default() };
    Ok(Errand { root: apple_roots::certificate(tx, &ROOT_CA)?, etag, last_modified, rests_until })
}

/// Whether the list that is here came from the service at `address`, which can tell it from another.
fn is_known_at(state: &State, address: &str) -> bool {
    state.source == Some(Source::Apple) && state.address == address && !(state.etag.is_empty() && state.last_modified.is_empty())
}

/// What an answer means that is neither a list nor that nothing has changed.
pub fn refused(status: u16, retry_after: Option<&str>) -> Trouble {
    let (because, mendable) = match status {
        429 => (String::from(t!("Apple's service says that it was asked too often (429); it is asked again later by itself.")), false),
        500..600 => (t!("Apple's service is out of order ({status}); it is asked again later by itself.", status), false),
        301 | 302 | 303 | 307 | 308 => (
            t!(
                "Something answers with a redirect ({status}) in the place of Apple's service. Does a log-in portal or proxy stand between?",
                status
            ),
            true,
        ),
        _ => (t!("Something answers with {status} in the place of Apple's service. Does a proxy or filter stand between?", status), true),
    };
    Trouble { because, mendable, retry_after: retry_after.and_then(RetryAfter::parse) }
}

/// Notes what came of asking the service at `address`; gives it in words.
pub fn record(tx: &Tx, actor: &Actor, address: &str, outcome: Outcome) -> Result<String> {
    let before = stored(tx)?;
    take::prune(tx)?;
    match outcome {
        Outcome::Came { document, etag, last_modified } => {
            let document = document.as_of(tx.now);
            if let Some(known) = take::strange(tx, &document)? {
                let because =
                    t!("What came in the place of Apple's list names no release for {known}. The list that is here stays.", known);
                return failed(tx, actor, before, Trouble { because, mendable: true, retry_after: None });
            }
            let lack = if document.releases.is_empty() {
                Some(String::from(t!("anything that is not dated in the future")))
            } else {
                take::shrunken(tx, &document)?
            };
            if let Some(lack) = lack {
                let because = t!(
                    "What came in the place of Apple's list lacks {lack}. The list that is here stays. If Apple's own list is so short, bring it as a file and say that you mean it.",
                    lack
                );
                return failed(tx, actor, before, Trouble { because, mendable: true, retry_after: None });
            }
            let taken = take_in(tx, actor, &document, Source::Apple)?;
            let state = State { etag, last_modified, passed_over: document.passed_over, ..before };
            store(tx, &succeeded(tx, address, state))?;
            if !taken.is_change() {
                told(tx, actor, "release.list_checked", json!({ "listed": taken.listed }))?;
            }
            Ok(t!(
                "{listed} listed: {appeared} new, {changed} changed, {vanished} gone",
                listed = taken.listed,
                appeared = taken.appeared,
                changed = taken.changed,
                vanished = taken.vanished
            ))
        }
        Outcome::Unchanged if is_known_at(&before, address) => {
            store(tx, &succeeded(tx, address, before))?;
            let listed = releases::count_listed(tx)?;
            told(tx, actor, "release.list_checked", json!({ "listed": listed }))?;
            Ok(t!("{listed} listed: nothing has changed", listed))
        }
        Outcome::Unchanged => failed(tx, actor, before, refused(304, None)),
        Outcome::Failed(trouble) => failed(tx, actor, before, trouble),
    }
}

/// Notes that no list came; the one that is here stays.
fn failed(tx: &Tx, actor: &Actor, before: State, trouble: Trouble) -> Result<String> {
    let Trouble { because, mendable, retry_after } = trouble;
    let failures = before.failures.saturating_add(1);
    let (wait, rests_until) = match retry_after {
        Some(retry) => {
            let wait = retry.wait(tx.now).max(RETRY_LEAST);
            (wait + below(tx, RETRY_SPREAD), Some(tx.now.plus(wait)))
        }
        None => (tx.random().jitter((FIRST_WAIT * 2_u32.pow((failures - 1).min(DOUBLINGS_MAX))).min(LONGEST_WAIT)), None),
    };
    // The same trouble again is no news.
    if because != before.problem {
        told(tx, actor, "release.list_failed", json!({ "because": because }))?;
    }
    let state = State {
        checked_at: Some(tx.now),
        next_at: Some(tx.now.plus(wait)),
        rests_until,
        failures,
        failing_since: before.failing_since.or(Some(tx.now)),
        problem: because.clone(),
        mendable,
        ..before
    };
    store(tx, &state)?;
    Ok(because)
}

/// The state after Apple's list came, or is still the one that is here.
fn succeeded(tx: &Tx, address: &str, state: State) -> State {
    State {
        fetched_at: Some(tx.now),
        source: Some(Source::Apple),
        address: address.to_owned(),
        checked_at: Some(tx.now),
        next_at: Some(tx.now.plus(POLL_EVERY + below(tx, POLL_SPREAD))),
        rests_until: None,
        failures: 0,
        failing_since: None,
        problem: String::new(),
        mendable: false,
        ..state
    }
}

fn told(tx: &Tx, actor: &Actor, kind: &str, data: Value) -> Result<()> {
    journal::note(tx, actor, kind, journal::Subject::default(), data)
}

/// A time from nothing to `spread`.
fn below(tx: &Tx, spread: Duration) -> Duration {
    Duration::from_millis(tx.random().below(spread.as_millis() as u64 + 1))
}
