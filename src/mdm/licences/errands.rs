//! Errands: what is to be asked of Apple next for a location, one request or walk at a time, and what its answer changes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::licences::machine::Happening;
use crate::mdm::licences::{happen, outcome, places, users};
use crate::protocol::apps_and_books::{Answer, AssetRef, Deed, Limits, Refusal, SERVICE_CONFIG_MAX_AGE_S, Service, UserInput};
use crate::store::content_tokens::{self, ContentToken, TokenState};
use crate::store::licences::book::{self, Entry};
use crate::store::licences::{self as rows, AssetKey, HolderKind, Licence as Row, events};
use crate::store::settings::{self, Setting};
use crate::store::{Tx, jobs};

/// How long somebody who looks after a location has it for themselves; a turn is shorter by far, unless it was cut off.
pub const BUSY_FOR: Duration = Duration::from_secs(120);

/// How long an answer is waited for before Apple's book has to tell what became of what was asked.
pub const LOST_AFTER: Duration = Duration::from_secs(600);

/// How long a location rests while there is nobody to ask.
const RESTS_FOR: Duration = Duration::from_secs(3600);

/// Licences that are looked at for one request.
const LOOKED_AT: u32 = 5000;

/// Something to ask of Apple.
#[derive(Debug, Clone)]
pub struct Errand {
    /// For which location.
    pub token_id: String,
    /// What.
    pub what: What,
}

/// What to ask.
#[derive(Debug, Clone)]
pub enum What {
    /// Its addresses and limits.
    Service,
    /// What is owned, who has what, who is known.
    Sync {
        /// The version from which on changes are enough; nothing to read all.
        since: Option<String>,
        /// Whether people are asked for too.
        users: bool,
    },
    /// How far an event is.
    Event {
        /// Apple's id of it.
        event_id: String,
    },
    /// To assign licences, or to take them back.
    Licences {
        /// Whether they are to be assigned.
        assign: bool,
        /// Which, and whose.
        deed: Deed,
    },
    /// To make people known, to tell what changed of them, or to retire them.
    Users {
        /// Which of that.
        deed: UserDeed,
        /// Who.
        users: Vec<UserInput>,
    },
}

/// What is done about people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserDeed {
    /// They become known.
    Create,
    /// What changed of them is told.
    Update,
    /// They are retired.
    Retire,
}

/// What came of an errand, except of a [`What::Sync`], which [`super::sync`] takes.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Apple answered.
    Answered(Box<Answer>),
    /// Apple refused.
    Refused(Box<Refusal>),
    /// Nobody knows: no answer came. The reason in words.
    Lost(String),
}

/// Holders that a sweep looks at in one go; the others come with the next turn.
const SWEPT_MAX: u32 = 5000;

/// How long a device that was erased and is back has until its apps are planned; what it was kept for that none of them wants goes back then.
pub const PLANS_WITHIN: Duration = Duration::from_secs(3600);

/// Devices that came back earlier were looked at before.
const RETURNED_LATELY: Duration = Duration::from_secs(30 * 24 * 3600);

/// Notices what nobody told: holders who are gone, people who changed, tokens that end.
fn sweep(tx: &Tx) -> Result<()> {
    let unused = rows::kept_for_nothing(tx, tx.now.minus(RETURNED_LATELY), tx.now.minus(PLANS_WITHIN), SWEPT_MAX)?;
    for row in rows::of_the_gone(tx, SWEPT_MAX)?.into_iter().chain(unused) {
        happen(tx, &row, Happening::Released, "")?;
    }
    users::sweep(tx)?;
    for (adam_id, practice) in rows::short_again(tx)? {
        places::serve(tx, &adam_id, practice)?;
    }
    super::ends::remind_daily(tx)?;
    events::forget_heard(tx, tx.now.minus(super::notices::KEPT))?;
    Ok(())
}

/// Begins a turn for every location that has something to do; each is the caller's alone until [`end`].
pub fn begin(tx: &Tx) -> Result<Vec<ContentToken>> {
    sweep(tx)?;
    let mut due = content_tokens::due(tx)?;
    for token in &mut due {
        if token.busy_until_at.take().is_some() {
            // Whoever had it was cut off. What they asked for may have been done or not; Apple's book knows.
            rows::lose_all(tx, &token.id)?;
            (token.sync_due_at, token.synced_whole_at) = (Some(tx.now), None);
        }
        token.busy_until_at = Some(tx.now.plus(BUSY_FOR));
        content_tokens::update(tx, token)?;
    }
    Ok(due)
}

/// What to ask next; nothing when the turn is over. What is asked for counts as asked from here on.
pub fn next(tx: &Tx, token_id: &str) -> Result<Option<Errand>> {
    let Some(mut token) = content_tokens::by_id(tx, token_id)? else { return Ok(None) };
    token.busy_until_at = Some(tx.now.plus(BUSY_FOR));
    let stale = |at: Option<Timestamp>| at.is_none_or(|at| tx.now.since(at) >= Duration::from_secs(SERVICE_CONFIG_MAX_AGE_S));
    let what = if token.state == TokenState::Taken {
        None
    } else if stale(token.service_at) {
        Some(What::Service)
    } else if rows::has_lost(tx, token_id)? || token.sync_due_at.is_none_or(|due| due <= tx.now) {
        Some(super::sync::errand(tx, &mut token)?)
    } else if token.state == TokenState::Refused {
        None
    } else if let Some(event) = events::due(tx, token_id)? {
        Some(What::Event { event_id: event.event_id })
    } else {
        let limits = Service::from_json(&token.service).limits;
        match deed(tx, token_id, &limits, false)?.map_or_else(|| deed(tx, token_id, &limits, true), |what| Ok(Some(what)))? {
            Some(what) => Some(what),
            None => match users::errand(tx, token_id, &limits)? {
                Some(what) => Some(what),
                None => surplus(tx, token_id, &limits)?,
            },
        }
    };
    content_tokens::update(tx, &token)?;
    Ok(what.map(|what| Errand { token_id: token_id.to_owned(), what }))
}

/// Takes what came of an errand. Tells whether the turn goes on.
pub fn record(tx: &Tx, errand: &Errand, came: &Outcome) -> Result<bool> {
    // A location that was removed meanwhile needs nothing any more.
    let Some(token) = content_tokens::by_id(tx, &errand.token_id)? else { return Ok(false) };
    if let Outcome::Answered(answer) = came
        && !super::tokens::is_ours(tx, &token, answer.envelope.mdm_info.as_ref())?
    {
        return Ok(false);
    }
    match &errand.what {
        // Only what kept them from their end comes here.
        What::Service | What::Sync { .. } => outcome::trouble(tx, token, came),
        What::Event { event_id } => outcome::event(tx, token, event_id, came),
        What::Licences { assign, deed } => outcome::licences(tx, token, *assign, deed, came),
        What::Users { deed, users } => users::asked(tx, token, *deed, users, came),
    }
}

/// Keeps a location for who is at it: a long list takes its time.
pub fn hold(tx: &Tx, token_id: &str) -> Result<()> {
    let Some(mut token) = content_tokens::by_id(tx, token_id)? else { return Ok(()) };
    token.busy_until_at = Some(tx.now.plus(BUSY_FOR));
    content_tokens::update(tx, &token)
}

/// Puts a location off for an hour: there is nobody to ask.
pub fn rest(tx: &Tx, token_id: &str) -> Result<()> {
    let Some(mut token) = content_tokens::by_id(tx, token_id)? else { return Ok(()) };
    token.failures += 1;
    token.sync_due_at = Some(tx.now.plus(RESTS_FOR));
    content_tokens::update(tx, &token)
}

/// Takes Apple's addresses and limits. The turn goes on.
pub fn learned(tx: &Tx, token_id: &str, service: &Service) -> Result<()> {
    let Some(mut token) = content_tokens::by_id(tx, token_id)? else { return Ok(()) };
    (token.service, token.service_at) = (service.to_json(), Some(tx.now));
    content_tokens::update(tx, &token)
}

/// Ends a turn: the location is anybody's again, and due when there is next something to do.
pub fn end(tx: &Tx, token_id: &str) -> Result<()> {
    let Some(mut token) = content_tokens::by_id(tx, token_id)? else { return Ok(()) };
    token.busy_until_at = None;
    token.due_at = match token.state {
        TokenState::Taken => None,
        TokenState::Refused => token.sync_due_at,
        TokenState::Ready => {
            let next = [
                token.sync_due_at,
                events::next_due(tx, token_id)?,
                rows::next_ask(tx, token_id)?,
                rows::next_short(tx, token_id)?,
                rows::next_missed(tx, token_id)?,
                users::next_ask(tx, token_id)?,
            ];
            next.into_iter().flatten().min()
        }
    };
    if token.failures > 0 {
        let rest = outcome::rest(&token);
        token.due_at = token.due_at.map(|due| due.max(rest));
    }
    content_tokens::update(tx, &token)
}

/// When a location is next to be looked after.
pub fn next_due(tx: &Tx) -> Result<Option<Timestamp>> {
    content_tokens::next_due(tx)
}

/// Makes the work on licences due now, for whoever waits at the page.
pub fn hurry(tx: &Tx, token_id: &str) -> Result<()> {
    content_tokens::sync_soon(tx, token_id)?;
    jobs::set_due(tx, "licences", Some(tx.now))
}

/// The licences to ask for in one request: of one app as many as the limits allow, with further apps for the very same holders.
fn deed(tx: &Tx, token_id: &str, limits: &Limits, assign: bool) -> Result<Option<What>> {
    let wanted = rows::to_ask(tx, token_id, assign, LOOKED_AT)?;
    let mut groups: BTreeMap<(HolderKind, AssetRef), Vec<Row>> = BTreeMap::new();
    let mut first = None;
    for row in wanted {
        let key = (row.holder_kind, AssetRef { adam_id: row.adam_id.clone(), pricing_param: row.pricing_param.clone() });
        first.get_or_insert_with(|| key.clone());
        groups.entry(key).or_default().push(row);
    }
    let Some(first) = first else { return Ok(None) };
    let kind = first.0;
    let most = match kind {
        HolderKind::Device => limits.max_serial_numbers,
        HolderKind::Person => limits.max_client_user_ids,
    } as usize;
    let mut together = groups.remove(&first).unwrap_or_default();
    if together.first().is_some_and(|row| !row.problem.is_empty()) {
        // It was refused before. Alone it shows whether it is at fault, and nobody else is kept waiting.
        together.truncate(1);
    } else {
        together.retain(|row| row.problem.is_empty());
        together.truncate(most);
    }
    let holders: BTreeSet<String> = together.iter().map(|row| row.holder.clone()).collect();
    let mut assets = vec![first.1];
    for ((other_kind, asset), others) in groups {
        let same = other_kind == kind
            && others.len() == holders.len()
            && others.iter().all(|row| row.problem.is_empty() && holders.contains(&row.holder));
        if same && assets.len() < limits.max_assets as usize {
            assets.push(asset);
            together.extend(others);
        }
    }
    for row in &together {
        happen(tx, row, Happening::Sent(tx.now.plus(LOST_AFTER)), "")?;
    }
    Ok(Some(What::Licences { assign, deed: deed_of(assets, kind, holders.into_iter().collect()) }))
}

fn deed_of(assets: Vec<AssetRef>, kind: HolderKind, holders: Vec<String>) -> Deed {
    let (serial_numbers, client_user_ids) = match kind {
        HolderKind::Device => (holders, Vec::new()),
        HolderKind::Person => (Vec::new(), holders),
    };
    Deed { assets, serial_numbers, client_user_ids }
}

/// How often the same surplus is given back: Apple's book shows within minutes whether it went.
pub(super) const SURPLUS_AGAIN: Duration = Duration::from_secs(3600);

/// When a surplus was last given back, by location, app, price and kind of holder.
pub(super) const SURPLUS_ASKED: Setting<BTreeMap<String, Timestamp>> = Setting::new("licences.surplus_asked");

/// Gives back what holders have here besides the licence that they have at another location.
fn surplus(tx: &Tx, token_id: &str, limits: &Limits) -> Result<Option<What>> {
    let entries = book::surplus(tx, token_id, LOOKED_AT)?;
    if entries.is_empty() {
        return Ok(None);
    }
    let mut asked = settings::value(tx, &SURPLUS_ASKED)?.unwrap_or_default();
    asked.retain(|_, at| tx.now.since(*at) < SURPLUS_AGAIN);
    let what = |entry: &Entry| (entry.key.clone(), entry.holder_kind);
    let word = |(key, kind): &(AssetKey, HolderKind)| format!("{}/{}/{}/{}", key.token_id, key.adam_id, key.pricing_param, kind.as_str());
    let Some(first) = entries.iter().map(what).find(|what| !asked.contains_key(&word(what))) else { return Ok(None) };
    asked.insert(word(&first), tx.now);
    settings::set(tx, &SURPLUS_ASKED, &asked)?;
    let (AssetKey { adam_id, pricing_param, .. }, kind) = first.clone();
    let most = match kind {
        HolderKind::Device => limits.max_serial_numbers,
        HolderKind::Person => limits.max_client_user_ids,
    } as usize;
    let holders = entries.into_iter().filter(|entry| what(entry) == first).map(|entry| entry.holder).take(most).collect();
    Ok(Some(What::Licences { assign: false, deed: deed_of(vec![AssetRef { adam_id, pricing_param }], kind, holders) }))
}
