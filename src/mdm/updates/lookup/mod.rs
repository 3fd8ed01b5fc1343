//! Apple's list of OS releases: asked for once a day, kept with its age, and never lost to an answer that is none.

mod document;
mod take;
mod turn;

use std::cmp::Reverse;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::{Day, Timestamp};
use crate::error::{Error, Result};
use crate::language::{self, say};
use crate::mdm::updates::plans;
use crate::mdm::{Actor, Right};
use crate::protocol::unreached;
use crate::store::alerts::Alert;
use crate::store::releases::{self, Release, ReleaseState};
use crate::store::settings::{self, Setting};
use crate::store::{Tx, jobs};

pub use document::{AHEAD_MAX_DAYS, Document};
pub use take::{EVENTS_MAX, Taken, VANISHED_KEPT, take_in};
pub use turn::{
    Errand, FIRST_WAIT, LONGEST_WAIT, Outcome, POLL_EVERY, POLL_SPREAD, RETRY_LEAST, RETRY_SPREAD, Trouble, begin, record, refused,
};

/// The job's name.
pub const JOB: &str = "releases";

/// The key of the need that is about the list.
pub const NEED: &str = "releases";

/// Where anybody can save Apple's list, for people.
const PUBLIC_LIST: &str = "https://gdmf.apple.com/v2/pmv";

/// From this age on the list needs somebody.
pub const STALE_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

/// Failures in a row, for a reason that a person can mend, after which somebody is needed.
pub const MENDABLE_FAILURES: u32 = 3;

/// An old list breaks nothing: new releases are offered later.
const HARM: i64 = 45;

/// How the refusal of a list begins that is older than the one that is here.
pub const OLDER: &str = msg!("This file is older than the list that is here");

/// How the refusal of a list begins that lacks most of the list that is here.
pub const FEWER: &str = msg!("This file lacks most of the list that is here");

/// What is meant even though it is doubtful.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Meant {
    /// A list that is older than the one that is here.
    pub older: bool,
    /// A list that lacks a whole platform, or most of the one that is here.
    pub fewer: bool,
}

/// Where the list is and how the last attempts went.
const STATE: Setting<State> = Setting::new("software_lookup");

/// Where a list came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReleasesSource)]
pub enum Source {
    /// Apple's lookup service.
    Apple,
    /// A file that somebody brought.
    File,
}

/// How the list stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// When it was last known to be the newest one: it came, or Apple said that nothing has changed. Of a file it is when somebody brought it, or, of
    /// one that was older then, the day of its newest release.
    pub fetched_at: Option<Timestamp>,
    /// Where it came from.
    pub source: Option<Source>,
    /// The address that it came from, where it is Apple's.
    pub address: String,
    /// By what Apple knows it again.
    pub etag: String,
    /// By what Apple knows it again.
    pub last_modified: String,
    /// What was passed over in it, in words.
    pub passed_over: Vec<String>,
    /// When Apple was last asked.
    pub checked_at: Option<Timestamp>,
    /// When Apple is asked next.
    pub next_at: Option<Timestamp>,
    /// Not before this moment, whoever wishes it: Apple said so.
    pub rests_until: Option<Timestamp>,
    /// Failures in a row.
    pub failures: u32,
    /// When the first of them was.
    pub failing_since: Option<Timestamp>,
    /// What went wrong last, in words; empty where nothing did.
    pub problem: String,
    /// Whether a person can mend it.
    pub mendable: bool,
}

impl State {
    /// Whether the list is older than it should be.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.fetched_at.or(self.failing_since).is_some_and(|since| now.since(since) > STALE_AFTER)
    }
}

/// How the list stands.
pub fn state(tx: &Tx, actor: &Actor) -> Result<State> {
    actor.require(Right::View)?;
    stored(tx)
}

fn stored(tx: &Tx) -> Result<State> {
    Ok(settings::value(tx, &STATE)?.unwrap_or_default())
}

fn store(tx: &Tx, state: &State) -> Result<()> {
    settings::set(tx, &STATE, state).map(drop)
}

/// When Apple is to be asked; at once where that never happened, or where the clock was ahead when it did.
pub fn next_due(tx: &Tx) -> Result<Option<Timestamp>> {
    let latest = tx.now.plus(turn::POLL_EVERY + turn::POLL_SPREAD);
    Ok(Some(stored(tx)?.next_at.filter(|next| *next <= latest).unwrap_or(tx.now)))
}

/// Has Apple asked as soon as the jobs come to it.
pub fn look_soon(tx: &Tx) -> Result<()> {
    jobs::set_due(tx, JOB, Some(tx.now))
}

/// The day on which the newest release that is listed was posted.
pub fn newest_posted(tx: &Tx) -> Result<Option<Day>> {
    let last = document::latest_posting(tx.now);
    let listed = releases::listed(tx)?.into_iter().filter_map(|release| release.posted());
    Ok(listed.filter(|posted| *posted <= last).max())
}

/// Takes in a list that somebody brought, an older one than the list that is here or one that lacks most of it, only where that is [`Meant`]. What Apple said of
/// an earlier one does not hold for it.
///
/// # Errors
/// Conflict when it is older and nobody meant that, or when everything in it has expired while the list that is here is still good: nobody could get
/// anything any more.
pub fn import(tx: &Tx, actor: &Actor, document: &Document, meant: Meant) -> Result<Taken> {
    actor.require(Right::Configure)?;
    let document = &document.clone().as_of(tx.now);
    if document.releases.is_empty() {
        return Err(Error::conflict(t!(
            "Everything in this file is dated in the future. Nothing was changed. Look whether the clock of this server is right, then save {PUBLIC_LIST} anew and bring that.",
            PUBLIC_LIST
        )));
    }
    if let Some(last) = document.expired_by(tx.now)
        && releases::all(tx)?.iter().any(|release| release.state(tx.now) == ReleaseState::Current)
    {
        return Err(Error::conflict(t!(
            "Everything in this file has expired, the last of it on {last}, while the list that is here is still good. Nothing was changed. Save {PUBLIC_LIST} anew and bring that.",
            last = language::date(last.words()),
            PUBLIC_LIST
        )));
    }
    if let Some(known) = take::strange(tx, document)? {
        return Err(Error::conflict(t!(
            "This file names no release for {known}, of which the list that is here has some. Nothing was changed. Save {PUBLIC_LIST} and bring that.",
            known,
            PUBLIC_LIST
        )));
    }
    let (own, known) = (document.newest_posted(), newest_posted(tx)?);
    let older = own.zip(known).filter(|(own, known)| own < known);
    if let Some((own, known)) = older.filter(|_| !meant.older) {
        return Err(Error::conflict(t!(
            "{older}: the newest release in it was posted on {own}, the newest in the list that is here on {known}. Nothing was changed. Save {PUBLIC_LIST} anew and bring that, or say that you mean the older one.",
            older = say(OLDER),
            own = language::date(own.words()),
            known = language::date(known.words()),
            PUBLIC_LIST
        )));
    }
    if let Some(lack) = take::shrunken(tx, document)?.filter(|_| !meant.fewer) {
        return Err(Error::conflict(t!(
            "{fewer}: {lack}. Nothing was changed. Save {PUBLIC_LIST} anew and bring that, or say that you mean the shorter one.",
            fewer = say(FEWER),
            lack,
            PUBLIC_LIST
        )));
    }
    let taken = take_in(tx, actor, document, Source::File)?;
    let state = State {
        // An older list was the newest one at the latest when its newest release was posted.
        fetched_at: Some(older.map_or(tx.now, |(own, _)| own.end().min(tx.now))),
        source: Some(Source::File),
        address: String::new(),
        etag: String::new(),
        last_modified: String::new(),
        passed_over: document.passed_over.clone(),
        ..stored(tx)?
    };
    store(tx, &state)?;
    Ok(taken)
}

/// What follows when releases appeared, changed or vanished: plans look again at what they mean.
pub fn changed(tx: &Tx) -> Result<()> {
    plans::releases_changed(tx)
}

/// Which releases are asked about.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this platform, as it is listed; capitals do not matter.
    pub platform: Option<String>,
    /// That stand so.
    pub state: Option<ReleaseState>,
}

/// Releases that are or were listed: by platform, the newest first.
pub fn list(tx: &Tx, actor: &Actor, filter: &Filter) -> Result<Vec<Release>> {
    actor.require(Right::View)?;
    let mut found = releases::all(tx)?;
    found.retain(|release| {
        filter.platform.as_ref().is_none_or(|platform| platform.eq_ignore_ascii_case(&release.key.platform))
            && filter.state.is_none_or(|state| state == release.state(tx.now))
    });
    found.sort_by_cached_key(|release| (release.key.platform.clone(), Reverse(release.key.os_version()), release.key.clone()));
    Ok(found)
}

/// What the service could not be asked for, in sentences without the words of connections.
pub fn plain(problem: &str) -> String {
    let told = unreached::told(t!("Apple's list of OS releases"), problem);
    told.map_or_else(|| problem.to_owned(), |told| format!("{}. {}", told.what, told.remedy))
}

/// What the list needs somebody for, if it does.
pub fn need(tx: &Tx) -> Result<Option<Alert>> {
    let state = stored(tx)?;
    let is_stuck = state.mendable && state.failures >= MENDABLE_FAILURES;
    if !is_stuck && !state.is_stale(tx.now) {
        return Ok(None);
    }
    let message = match state.fetched_at {
        None => String::from(t!("Apple's list of OS releases has not come yet.")),
        Some(at) => match tx.now.since(at).as_secs() / 86_400 {
            0 => String::from(t!("Apple's list of OS releases cannot be fetched.")),
            1 => String::from(t!("Apple's list of OS releases is a day old.")),
            days => t!("Apple's list of OS releases is {days} days old.", days),
        },
    };
    let remedy = match state.problem.as_str() {
        "" => String::from(t!("Bring a newer one, or let this server reach Apple.")),
        problem => {
            let problem = plain(problem);
            t!("{problem} Until then the last one holds; a newer one can be brought as a file.", problem)
        }
    };
    Ok(Some(Alert {
        key: NEED.to_owned(),
        harm: HARM,
        message,
        remedy,
        count: i64::from(state.failures.max(1)),
        since_at: state.failing_since.or(state.fetched_at).unwrap_or(tx.now),
        last_at: state.checked_at.unwrap_or(tx.now),
    }))
}

#[cfg(test)]
mod tests;
