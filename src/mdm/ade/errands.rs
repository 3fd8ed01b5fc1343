//! Errands: what is to be asked of Apple next for a server, one request at a time, and what its answer changes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::language::say;
use crate::mdm::ade::machine::{self, Happening, Reading, Then};
use crate::mdm::ade::plan::{self, Batch, Definition, Missing};
use crate::mdm::ade::{betas, discovery, notices, pages};
use crate::protocol::ade::{Account, Cause, Page, Refusal, Surroundings, outcomes, paths};
use crate::store::ade_profiles::{self, Defined};
use crate::store::ade_servers::{self, AdeServer, Phase, ServerState};
use crate::store::{Tx, jobs};

/// How long somebody who looks after a server has it for themselves; a turn is shorter by far, unless it was cut off.
pub const BUSY_FOR: Duration = Duration::from_secs(120);

/// How often Apple is asked what it knows of a server.
const ACCOUNT_EVERY: Duration = Duration::from_secs(24 * 3600);

/// How often is looked whether somebody accepted Apple's new terms.
pub const TERMS_EVERY: Duration = Duration::from_secs(30 * 60);

/// How often a token that Apple refused is tried once more.
const REFUSED_EVERY: Duration = Duration::from_secs(24 * 3600);

/// How often Apple is asked whether it lets the server in after all: an administrator mends that in the portal, and no new token tells of it.
pub const DENIED_EVERY: Duration = Duration::from_secs(3600);

/// What a session that is refused anew comes to.
const NO_SESSION: &str = msg!("Apple opens no session for this token.");

/// How long a server rests while there is nobody to ask.
const RESTS_FOR: Duration = Duration::from_secs(3600);

/// The first wait after a round that failed; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(60);

/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(6 * 3600);

/// Something to ask of Apple.
#[derive(Debug, Clone)]
pub struct Errand {
    /// For which server.
    pub server_id: String,
    /// What.
    pub what: What,
}

/// What to ask.
#[derive(Debug, Clone)]
pub enum What {
    /// What Apple knows of the server.
    Account,
    /// A page of the list.
    Page {
        /// Of the whole list, or of what changed.
        phase: Phase,
        /// Up to where it was read.
        cursor: String,
        /// Lines at the most.
        limit: u32,
    },
    /// To have a profile.
    Define(Definition),
    /// To assign a profile.
    Assign(Batch),
    /// To know where devices ask for their server by an account; nothing any more for an empty one.
    Discovery(String),
    /// To know the organisation's beta programmes.
    BetaPrograms,
}

impl What {
    /// The method, the path and the body of the request.
    pub fn request(&self) -> (&'static str, &'static str, Option<Value>) {
        match self {
            Self::Account => ("GET", paths::ACCOUNT, None),
            Self::BetaPrograms => ("GET", paths::BETA_TOKENS, None),
            Self::Page { phase, cursor, limit } => {
                let body = if cursor.is_empty() { json!({ "limit": limit }) } else { json!({ "limit": limit, "cursor": cursor }) };
                let path = if *phase == Phase::Fetch { paths::FETCH } else { paths::SYNC };
                ("POST", path, Some(body))
            }
            Self::Define(definition) => ("POST", paths::PROFILE, Some(definition.body.clone())),
            Self::Discovery(url) if url.is_empty() => ("DELETE", paths::DISCOVERY, None),
            Self::Discovery(url) => ("POST", paths::DISCOVERY, Some(json!({ "mdm_service_discovery_url": url }))),
            Self::Assign(batch) => {
                ("PUT", paths::ASSIGN, Some(json!({ "profile_uuid": batch.profile_uuid, "devices": batch.serial_numbers })))
            }
        }
    }
}

/// What came of an errand.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Apple answered.
    Answered(Value),
    /// Apple refused.
    Refused(Box<Refusal>),
    /// Nobody knows: no answer came. The reason in words.
    Lost(String),
}

/// Begins a turn for every server that has something to do; each is the caller's alone until [`end`].
pub fn begin(tx: &Tx) -> Result<Vec<AdeServer>> {
    notices::remind(tx)?;
    let mut due = ade_servers::due(tx)?;
    for server in &mut due {
        server.busy_until_at = Some(tx.now.plus(BUSY_FOR));
        ade_servers::update(tx, server)?;
    }
    Ok(due)
}

/// What to ask next; nothing when the turn is over.
pub fn next(tx: &Tx, server_id: &str, around: &Surroundings) -> Result<Option<Errand>> {
    let Some(mut server) = ade_servers::by_id(tx, server_id)? else { return Ok(None) };
    server.busy_until_at = Some(tx.now.plus(BUSY_FOR));
    let is_due = server.sync_due_at.is_none_or(|due| due <= tx.now);
    let what = match server.state {
        ServerState::Waiting | ServerState::Ended => None,
        // A look whether it is over; the rest follows when it is.
        ServerState::Terms | ServerState::Refused => is_due.then_some(What::Account),
        ServerState::Ready if server.account_at.is_none_or(|at| tx.now.since(at) >= ACCOUNT_EVERY) => Some(What::Account),
        ServerState::Ready if is_due => {
            let reading = Reading::from(&server).ready(tx.now);
            let path = if reading.phase == Phase::Fetch { paths::FETCH } else { paths::SYNC };
            let limit = Account::from_json(&server.account).page(path);
            let what = What::Page { phase: reading.phase, cursor: reading.cursor.clone(), limit };
            reading.put_down(&mut server);
            Some(what)
        }
        ServerState::Ready => {
            plan::settle(tx, server_id)?;
            let missing = plan::missing(tx, server_id, around)?.0.map(|missing| match missing {
                Missing::Definition(definition) => What::Define(definition),
                Missing::Batch(batch) => What::Assign(batch),
            });
            let programs = betas::due(tx, &server)?.filter(|due| *due <= tx.now).map(|_| What::BetaPrograms);
            missing.or_else(|| discovery::missing(&server, around, tx.now).map(What::Discovery)).or(programs)
        }
    };
    ade_servers::update(tx, &server)?;
    Ok(what.map(|what| Errand { server_id: server_id.to_owned(), what }))
}

/// Takes what came of an errand. Tells whether the turn goes on.
pub fn record(tx: &Tx, errand: &Errand, came: &Outcome) -> Result<bool> {
    // A server that was removed meanwhile needs nothing any more.
    let Some(mut server) = ade_servers::by_id(tx, &errand.server_id)? else { return Ok(false) };
    let said = match (came, &errand.what) {
        (Outcome::Answered(said), _) => said,
        (Outcome::Refused(refusal), What::Page { .. }) if is_about_the_place(refusal.cause) => {
            fine(tx, &mut server)?;
            return follow(tx, server, Happening::Refused(refusal.cause));
        }
        (Outcome::Refused(refusal), What::Define(definition)) if is_about_the_profile(refusal.cause) => {
            define(tx, &server, definition, Err(refusal.words.clone()))?;
            return Ok(true);
        }
        (Outcome::Refused(refusal), What::Assign(batch)) if is_about_the_profile(refusal.cause) => {
            return unassignable(tx, &server, batch, refusal);
        }
        (Outcome::Refused(refusal), What::Discovery(url)) if is_about_the_profile(refusal.cause) => {
            discovery::told(tx, &mut server, url, Err(&refusal.words))?;
            return Ok(true);
        }
        (Outcome::Refused(refusal), What::BetaPrograms) if !is_about_the_token(refusal.cause) => {
            betas::told(tx, &server, Err(&refusal.words))?;
            return Ok(true);
        }
        (Outcome::Lost(words), What::BetaPrograms) => {
            betas::told(tx, &server, Err(words))?;
            return Ok(true);
        }
        (Outcome::Refused(refusal), _) => return trouble(tx, server, Some(refusal), &refusal.words),
        (Outcome::Lost(words), _) => return trouble(tx, server, None, words),
    };
    match &errand.what {
        What::Account => account(tx, server, said),
        What::Page { .. } => {
            let Some(page) = Page::read(said) else {
                return trouble(tx, server, None, t!("Apple answered with something that is no page of its list."));
            };
            fine(tx, &mut server)?;
            pages::apply(tx, &server.id, &page)?;
            follow(tx, server, Happening::Page { cursor: page.cursor.as_deref(), more: page.more_to_follow })
        }
        What::Discovery(url) => {
            discovery::told(tx, &mut server, url, Ok(()))?;
            Ok(true)
        }
        What::BetaPrograms => {
            betas::told(tx, &server, Ok(said))?;
            Ok(true)
        }
        What::Define(definition) => {
            let uuid = said["profile_uuid"].as_str().filter(|uuid| !uuid.is_empty());
            let came = uuid.map(str::to_owned).ok_or_else(|| String::from(t!("Apple answered without naming the profile.")));
            define(tx, &server, definition, came)?;
            Ok(true)
        }
        What::Assign(batch) => {
            fine(tx, &mut server)?;
            let (all, wait_s) = outcomes(said);
            for serial in &batch.serial_numbers {
                plan::assigned(tx, &server.id, serial, &batch.profile_uuid, all.get(serial).copied(), wait_s)?;
            }
            Ok(true)
        }
    }
}

fn is_about_the_place(cause: Cause) -> bool {
    matches!(cause, Cause::ExpiredCursor | Cause::InvalidCursor | Cause::ExhaustedCursor)
}

/// Whether nothing can be asked of Apple until somebody has seen to the token.
fn is_about_the_token(cause: Cause) -> bool {
    matches!(cause, Cause::Session | Cause::Terms | Cause::Token | Cause::Expired)
}

fn is_about_the_profile(cause: Cause) -> bool {
    matches!(cause, Cause::Wrong | Cause::ProfileGone | Cause::Denied | Cause::NoDevice)
}

/// Reads on in the list as the machine says.
fn follow(tx: &Tx, mut server: AdeServer, happening: Happening<'_>) -> Result<bool> {
    let (reading, then) = machine::next(Reading::from(&server), happening, tx.now);
    reading.put_down(&mut server);
    server.problem = if let Then::Stuck(why) = then { why.to_owned() } else { String::new() };
    ade_servers::update(tx, &server)?;
    notices::stuck(tx, &server)?;
    if let Then::Whole(since) = then {
        pages::sweep(tx, &server.id, since)?;
    }
    Ok(true)
}

/// Takes what Apple knows of a server.
fn account(tx: &Tx, mut server: AdeServer, said: &Value) -> Result<bool> {
    let account = Account::read(said);
    let is_back = server.state != ServerState::Ready;
    server.state = ServerState::Ready;
    (server.account, server.account_at) = (account.to_json(), Some(tx.now));
    for (known, said) in [
        (&mut server.name, account.server_name.as_str()),
        (&mut server.server_uuid, &account.server_uuid),
        (&mut server.organisation, &account.org_name),
        (&mut server.admin, account.admin()),
    ] {
        if !said.is_empty() {
            said.clone_into(known);
        }
    }
    if is_back {
        server.sync_due_at = Some(tx.now);
    }
    // What was wrong is over once the list is read too: Apple may tell of a server that may not ask for its devices.
    (server.failures, server.problem) = (0, String::new());
    ade_servers::update(tx, &server)?;
    Ok(true)
}

/// Takes what Apple has of a profile now: its id of it, or why it has none.
fn define(tx: &Tx, server: &AdeServer, definition: &Definition, came: Result<String, String>) -> Result<()> {
    let due_at = came.is_err().then(|| tx.now.plus(plan::REFUSED_WAIT));
    let (profile_uuid, problem) = match came {
        Ok(uuid) => (uuid, String::new()),
        Err(words) => (String::new(), words),
    };
    if ade_profiles::by_id(tx, &definition.profile_id)?.is_none() {
        return Ok(());
    }
    let row = Defined {
        server_id: server.id.clone(),
        profile_id: definition.profile_id.clone(),
        digest: definition.digest.clone(),
        profile_uuid,
        problem,
        due_at,
        defined_at: tx.now,
    };
    ade_profiles::put_defined(tx, &row)?;
    notices::profiles(tx, server)
}

/// None of a batch was assigned: the profile is made anew where it is gone, else each device waits.
fn unassignable(tx: &Tx, server: &AdeServer, batch: &Batch, refusal: &Refusal) -> Result<bool> {
    if refusal.cause == Cause::ProfileGone
        && let Some(defined) = ade_profiles::defined(tx, &server.id)?.into_iter().find(|defined| defined.profile_id == batch.profile_id)
        && tx.now.since(defined.defined_at) >= FIRST_WAIT
    {
        ade_profiles::put_defined(tx, &Defined { digest: String::new(), ..defined })?;
        return Ok(true);
    }
    for serial in &batch.serial_numbers {
        plan::assigned(tx, &server.id, serial, &batch.profile_uuid, None, None)?;
    }
    Ok(true)
}

/// Notes that Apple answers, after it did not.
fn fine(tx: &Tx, server: &mut AdeServer) -> Result<()> {
    if server.failures > 0 || !server.problem.is_empty() {
        (server.failures, server.problem) = (0, String::new());
        ade_servers::update(tx, server)?;
    }
    notices::fine(tx, server)
}

/// Notes that a round failed as a whole, and lets the server rest.
fn trouble(tx: &Tx, mut server: AdeServer, refusal: Option<&Refusal>, words: &str) -> Result<bool> {
    let cause = refusal.map(|refusal| refusal.cause);
    // A new session was asked for before, and did not help.
    let words = if cause == Some(Cause::Session) { say(NO_SESSION) } else { words };
    words.clone_into(&mut server.problem);
    server.failures += 1;
    let (state, wait) = match cause {
        Some(Cause::Terms) => (ServerState::Terms, TERMS_EVERY),
        Some(Cause::Token) => (ServerState::Refused, REFUSED_EVERY),
        Some(Cause::Denied | Cause::Session) => (ServerState::Refused, DENIED_EVERY),
        Some(Cause::Expired) => (ServerState::Ended, REFUSED_EVERY),
        _ => (server.state, FIRST_WAIT.saturating_mul(1 << (server.failures - 1).clamp(0, 12)).min(LONGEST_WAIT)),
    };
    server.state = state;
    let wait = refusal.and_then(|refusal| refusal.retry_after).map_or(wait, |retry| retry.wait(tx.now).max(FIRST_WAIT));
    server.sync_due_at = Some(tx.now.plus(wait));
    ade_servers::update(tx, &server)?;
    notices::trouble(tx, &server, cause)?;
    Ok(false)
}

/// Puts a server off for an hour: there is nobody to ask.
pub fn rest(tx: &Tx, server_id: &str) -> Result<()> {
    let Some(mut server) = ade_servers::by_id(tx, server_id)? else { return Ok(()) };
    server.failures += 1;
    server.sync_due_at = Some(tx.now.plus(RESTS_FOR));
    ade_servers::update(tx, &server)
}

/// Ends a turn: the server is anybody's again, and due when there is next something to do.
pub fn end(tx: &Tx, server_id: &str, around: &Surroundings) -> Result<()> {
    let Some(mut server) = ade_servers::by_id(tx, server_id)? else { return Ok(()) };
    server.busy_until_at = None;
    notices::profiles(tx, &server)?;
    server.due_at = match server.state {
        ServerState::Waiting | ServerState::Ended => None,
        ServerState::Terms | ServerState::Refused => server.sync_due_at,
        ServerState::Ready if server.failures > 0 => server.sync_due_at,
        ServerState::Ready => {
            let (missing, later) = plan::missing(tx, server_id, around)?;
            let (told, programs) = (discovery::due(&server, around, tx.now), betas::due(tx, &server)?);
            if missing.is_some() { Some(tx.now) } else { [server.sync_due_at, later, told, programs].into_iter().flatten().min() }
        }
    };
    ade_servers::update(tx, &server)
}

/// When a server is next to be looked after.
pub fn next_due(tx: &Tx) -> Result<Option<Timestamp>> {
    ade_servers::next_due(tx)
}

/// Makes the work due now, for whoever waits at the page.
pub fn hurry(tx: &Tx, server_id: &str) -> Result<()> {
    ade_servers::make_due(tx, server_id)?;
    jobs::set_due(tx, "ade", Some(tx.now))
}
