//! API tokens: made for scripts by an Owner, said once, stored as a hash.

use std::time::Duration;

use serde_json::{Value, json};

use super::record;
use super::sessions::USED_EVERY;
use crate::error::{Error, Result};
use crate::mdm::actor::{Actor, Right, Role};
use crate::mdm::names;
use crate::pki::digest::sha256;
use crate::secret::Secret;
use crate::store::api_tokens::{self, ApiToken};
use crate::store::{SoftFact, Tx};

/// What every token begins with, so that scanners of source code recognise one that leaked.
pub const TOKEN_PREFIX: &str = "rc_";
/// Tokens, at most, those counted that were revoked or expired lately.
pub const TOKENS_MAX: u32 = 1000;
/// Days that a token may live, unless it lives for ever.
pub const DAYS_MAX: u32 = 3650;
/// Characters that a token's name may have.
pub const NAME_MAX: usize = 64;
/// Tokens that are over stay in the list for this long.
pub const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// A token that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// What it is for.
    pub name: String,
    /// What it may do; never Teacher, because a token has no classes.
    pub role: Role,
    /// After how many days it stops; absent: never.
    pub days: Option<u32>,
}

/// Makes a token; the text is known to the caller alone from then on.
///
/// # Errors
/// Forbidden but to Owners, so that nobody makes a token that may more than they may; bad input for a name, role or number of days
/// that cannot be.
pub fn create(tx: &Tx, actor: &Actor, new: &NewToken) -> Result<(ApiToken, Secret<String>)> {
    actor.require(Right::Govern)?;
    check(new)?;
    if api_tokens::count(tx)? >= TOKENS_MAX {
        return Err(Error::conflict(t!("There are {TOKENS_MAX} tokens already; revoke those that nobody uses.", TOKENS_MAX)));
    }
    let text = format!("{TOKEN_PREFIX}{}", tx.random().token());
    let token = ApiToken {
        id: tx.new_id(),
        name: new.name.trim().to_owned(),
        role: new.role.as_str().to_owned(),
        token_hash: sha256(text.as_bytes()).to_vec(),
        created_at: tx.now,
        expires_at: new.days.map(|days| tx.now.plus(Duration::from_secs(u64::from(days) * 24 * 3600))),
        revoked_at: None,
        last_used_at: None,
    };
    api_tokens::insert(tx, &token)?;
    record(tx, actor, "token.created", about(&token))?;
    Ok((token, text.into()))
}

/// Tokens, newest first, from after the one with the id `after`; and how many there are.
pub fn list(tx: &Tx, actor: &Actor, after: Option<&str>, limit: u32) -> Result<(Vec<ApiToken>, u32)> {
    actor.require(Right::Govern)?;
    Ok((api_tokens::list(tx, after, limit)?, api_tokens::count(tx)?))
}

/// Revokes a token: its next request is refused. A second time changes nothing.
pub fn revoke(tx: &Tx, actor: &Actor, id: &str) -> Result<()> {
    actor.require(Right::Govern)?;
    let token = api_tokens::find(tx, id)?.ok_or_else(|| Error::not_found(t!("No token has this id.")))?;
    if api_tokens::revoke(tx, id)? {
        record(tx, actor, "token.revoked", about(&token))?;
    }
    Ok(())
}

/// An API token's bearer.
#[derive(Debug, Clone)]
pub struct Known {
    /// The script.
    pub actor: Actor,
    /// SHA-256 of the token.
    pub token_hash: Vec<u8>,
    /// What is to be noted about its use, if a minute has passed since the last note.
    pub used: Option<SoftFact>,
}

/// Who a token makes its bearer, if it is in force.
pub fn identify(tx: &Tx, text: &str) -> Result<Option<Known>> {
    if text.starts_with(TOKEN_PREFIX) { recall(tx, &sha256(text.as_bytes())) } else { Ok(None) }
}

/// As [`identify`], for a token that was identified before.
pub fn recall(tx: &Tx, token_hash: &[u8]) -> Result<Option<Known>> {
    let Some(token) = api_tokens::find_by_hash(tx, token_hash)? else { return Ok(None) };
    if token.revoked_at.is_some() || token.expires_at.is_some_and(|at| tx.now >= at) {
        return Ok(None);
    }
    let stale = token.last_used_at.is_none_or(|at| tx.now.since(at) >= USED_EVERY);
    let used = stale.then(|| SoftFact::TokenUsed(token.id.clone()));
    let actor = Actor::Token { role: Role::parse(&token.role)?, id: token.id, name: token.name };
    Ok(Some(Known { actor, token_hash: token.token_hash, used }))
}

/// Sweeps away tokens that have been over for [`KEPT`]; gives how many those were.
pub fn sweep(tx: &Tx) -> Result<usize> {
    api_tokens::delete_over(tx, tx.now.minus(KEPT))
}

fn check(new: &NewToken) -> Result<()> {
    let name = new.name.trim();
    names::unturned("name", name)?;
    if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        return Err(Error::field("name", t!("say in up to {NAME_MAX} characters what the token is for", NAME_MAX)));
    }
    if new.role == Role::Teacher {
        return Err(Error::field("role", t!("a token has no classes; take owner, admin, helper or viewer")));
    }
    match new.days {
        Some(days) if days == 0 || days > DAYS_MAX => {
            Err(Error::field("days", t!("take a number from 1 to {DAYS_MAX}, or none", DAYS_MAX)))
        }
        _ => Ok(()),
    }
}

fn about(token: &ApiToken) -> Value {
    json!({ "id": token.id, "name": token.name, "role": token.role, "expires_at": token.expires_at })
}
