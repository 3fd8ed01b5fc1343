//! Log-ins: a password proven outside the transaction begins a session; a cookie's value finds it again.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::json;

use super::{about, guesses, password, record, role_of, second_factor};
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::mdm::actor::{Actor, Right};
use crate::pki::digest::sha256;
use crate::secret::Secret;
use crate::store::admins::{self, Admin};
use crate::store::events::{self, NewEvent};
use crate::store::sessions::{self, Session};
use crate::store::{SoftFact, Tx};

/// A session that nobody used for this long is over.
pub const SESSION_IDLE: Duration = Duration::from_secs(12 * 3600);
/// A session is over after this long, used or not.
pub const SESSION_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Sessions that one person may have; the one unused for longest ends when another begins.
pub const SESSIONS_MAX: u32 = 20;
/// That something was used is noted at most this often.
pub const USED_EVERY: Duration = Duration::from_secs(60);
/// Bytes of a browser's name of itself that are kept.
const USER_AGENT_MAX: usize = 256;

/// Where a log-in comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The browser's address.
    pub address: IpAddr,
    /// The browser, as it names itself; cut to a few words.
    pub user_agent: String,
}

/// A name someone wants to log in with, and what their password will be compared with.
#[derive(Debug)]
pub struct Candidate(Option<Admin>);

/// Looks a name up. Unknown names and people who are disabled give a candidate too: one whom no password fits.
pub fn candidate(tx: &Tx, name: &str) -> Result<Candidate> {
    Ok(Candidate(admins::find_by_name(tx, &super::plain(name))?))
}

impl Candidate {
    /// The id of the person with this name, if there is one.
    pub fn admin_id(&self) -> Option<&str> {
        self.0.as_ref().map(|admin| admin.id.as_str())
    }

    /// Compares the password: a whole core for tens of milliseconds, as long for a name that nobody has.
    pub fn verify(self, password: &Secret<String>) -> Result<Verified, Refused> {
        let possible = password::check_length(password).is_ok();
        let right = possible && password::matches(password, self.0.as_ref().map(|admin| &admin.password_hash));
        match self.0 {
            Some(admin) if right && admin.disabled_at.is_none() => Ok(Verified(admin)),
            known => Err(Refused(known.map(Box::new))),
        }
    }
}

/// Proof that someone knew a person's password.
#[derive(Debug)]
pub struct Verified(Admin);

impl Verified {
    /// The person as they are now.
    ///
    /// # Errors
    /// As for a wrong password when they were removed or disabled, or their password changed, since the proof was made.
    pub(super) fn still_holds(&self, tx: &Tx) -> Result<Admin> {
        admins::find(tx, &self.0.id)?
            .filter(|admin| admin.disabled_at.is_none() && admin.password_hash == self.0.password_hash)
            .ok_or_else(wrong)
    }
}

/// Someone did not know a person's password, or there is no such person.
#[derive(Debug)]
pub struct Refused(Option<Box<Admin>>);

/// A session that has just begun. The token is said once, to the browser.
#[derive(Debug)]
pub struct Started {
    /// The cookie's value.
    pub token: Secret<String>,
    /// What forms must carry.
    pub csrf: Secret<String>,
    /// Whose session it is.
    pub admin: Admin,
    /// When it ends, used or not.
    pub expires_at: Timestamp,
}

/// Notes a wrong log-in, under its name only where it is a person's (what else was typed may be a password), and gives the answer:
/// the same for unknown names, wrong passwords and people who are disabled.
pub fn refuse(tx: &Tx, refused: &Refused, client: &Client) -> Result<Error> {
    let data = json!({ "name": refused.0.as_ref().map(|admin| &admin.name), "address": client.address.to_string() });
    events::append(tx, &NewEvent { kind: "session.refused", actor_kind: "person", actor: "someone", data, ..NewEvent::default() })?;
    guesses::watch(tx, refused.0.as_deref())?;
    Ok(wrong())
}

/// A request's session and who that makes its sender.
#[derive(Debug, Clone)]
pub struct Known {
    /// The person.
    pub actor: Actor,
    /// Their session.
    pub session: Session,
    /// What is to be noted about its use, if a minute has passed since the last note.
    pub used: Option<SoftFact>,
    /// Whether they have to set their second factor up before they do anything else.
    pub lacks_second_factor: bool,
}

/// The session that a cookie's value stands for, if it and its person are in force.
pub fn identify(tx: &Tx, token: &str) -> Result<Option<Known>> {
    recall(tx, &sha256(token.as_bytes()))
}

/// As [`identify`], for a session that was identified before.
pub fn recall(tx: &Tx, token_hash: &[u8]) -> Result<Option<Known>> {
    let Some((session, admin)) = sessions::find(tx, token_hash)? else { return Ok(None) };
    if is_over(&session, tx.now) || admin.disabled_at.is_some() {
        return Ok(None);
    }
    let lacks_second_factor = second_factor::is_missing(tx, &admin)?;
    let actor = Actor::Person { role: role_of(&admin)?, id: admin.id, name: admin.name };
    let stale = tx.now.since(session.last_used_at) >= USED_EVERY;
    let used = stale.then(|| SoftFact::SessionUsed(session.token_hash.clone()));
    Ok(Some(Known { actor, session, used, lacks_second_factor }))
}

/// Sessions in force or not yet swept away, newest first, with their people's names; and how many there are. One person's own are
/// theirs to see; another's, or everybody's (`None`), take an Owner.
pub fn list(
    tx: &Tx,
    actor: &Actor,
    admin_id: Option<&str>,
    after: Option<(Timestamp, &[u8])>,
    limit: u32,
) -> Result<(Vec<(Session, String)>, u32)> {
    require_own(actor, admin_id)?;
    Ok((sessions::list(tx, admin_id, after, limit)?, sessions::count(tx, admin_id)?))
}

/// Ends one session: one's own, or as an Owner any.
pub fn end(tx: &Tx, actor: &Actor, token_hash: &[u8]) -> Result<()> {
    let found = sessions::find(tx, token_hash)?;
    let own = found.as_ref().is_some_and(|(session, _)| is_self(actor, &session.admin_id));
    if !own {
        actor.require(Right::Govern)?;
    }
    let Some((session, admin)) = found else { return Err(Error::not_found(t!("This session is over already."))) };
    sessions::delete(tx, &session.token_hash)?;
    record(tx, actor, "session.ended", about(&admin))
}

/// Ends all sessions of a person but the one with the hash `except`; gives how many those were.
pub fn end_all(tx: &Tx, actor: &Actor, admin_id: &str, except: Option<&[u8]>) -> Result<usize> {
    require_own(actor, Some(admin_id))?;
    let admin = admins::find(tx, admin_id)?.ok_or_else(|| Error::not_found(t!("Nobody here has this id.")))?;
    let ended = sessions::delete_of(tx, admin_id, except)?;
    if ended > 0 {
        record(tx, actor, "session.all_ended", about(&admin))?;
    }
    Ok(ended)
}

/// Sweeps away sessions that are over; gives how many those were.
pub fn sweep(tx: &Tx) -> Result<usize> {
    sessions::delete_over(tx, tx.now, tx.now.minus(SESSION_IDLE))
}

pub(super) fn begin(tx: &Tx, admin: Admin, client: &Client) -> Result<Started> {
    let (token, csrf) = (tx.random().token(), tx.random().token());
    let expires_at = tx.now.plus(SESSION_LIFE);
    sessions::delete_oldest(tx, &admin.id, SESSIONS_MAX - 1)?;
    sessions::insert(
        tx,
        &Session {
            token_hash: sha256(token.as_bytes()).to_vec(),
            admin_id: admin.id.clone(),
            csrf: csrf.clone().into(),
            user_agent: client.user_agent.chars().filter(|letter| !letter.is_control()).take(USER_AGENT_MAX).collect(),
            address: client.address.to_string(),
            created_at: tx.now,
            last_used_at: tx.now,
            expires_at,
        },
    )?;
    let actor = Actor::Person { id: admin.id.clone(), name: admin.name.clone(), role: role_of(&admin)? };
    record(tx, &actor, "session.started", json!({ "address": client.address.to_string() }))?;
    Ok(Started { token: token.into(), csrf: csrf.into(), admin, expires_at })
}

fn is_over(session: &Session, now: Timestamp) -> bool {
    now >= session.expires_at || now.since(session.last_used_at) >= SESSION_IDLE
}

fn is_self(actor: &Actor, admin_id: &str) -> bool {
    matches!(actor, Actor::Person { id, .. } if id == admin_id)
}

pub(super) fn require_own(actor: &Actor, admin_id: Option<&str>) -> Result<()> {
    if admin_id.is_some_and(|id| is_self(actor, id)) { Ok(()) } else { actor.require(Right::Govern) }
}

fn wrong() -> Error {
    Error::new(Kind::Unauthenticated, t!("The name or the password is wrong."))
}
