//! The organisation's beta programmes as Apple lists them for each server token: asked for once a day and on demand, kept when it refuses.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{ACTOR, errands};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right, assignments, betas};
use crate::protocol::ade::{Account, BetaProgram, paths};
use crate::store::ade_servers::{self, AdeServer, ServerState};
use crate::store::assignments::AssignedKind;
use crate::store::beta_programs::{self as rows, BetaList, BetaRow};
use crate::store::{Tx, policies};

/// How often Apple is asked for its list.
pub const ASKED_EVERY: Duration = Duration::from_secs(24 * 3600);

/// How long is waited after it gave none.
pub const AGAIN_AFTER: Duration = Duration::from_secs(3600);

/// How the list of a server token stands, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The server token.
    pub server_id: String,
    /// Its name.
    pub name: String,
    /// Whether it is the practice classroom's.
    pub practice: bool,
    /// Whether Apple offers such a list to this server token.
    pub is_offered: bool,
    /// When Apple last gave the list.
    pub taken_at: Option<Timestamp>,
    /// Why it did not the last time, in words; empty where it did.
    pub problem: String,
}

/// How the lists of all server tokens stand, oldest token first.
pub fn standings(tx: &Tx, actor: &Actor) -> Result<Vec<Standing>> {
    actor.require(Right::View)?;
    ade_servers::all(tx)?.into_iter().map(|server| standing(tx, server)).collect()
}

fn standing(tx: &Tx, server: AdeServer) -> Result<Standing> {
    let list = rows::list(tx, &server.id)?;
    Ok(Standing {
        is_offered: is_offered(&server),
        taken_at: list.as_ref().and_then(|list| list.taken_at),
        problem: list.map(|list| list.problem).unwrap_or_default(),
        server_id: server.id,
        name: server.name,
        practice: server.practice,
    })
}

fn is_offered(server: &AdeServer) -> bool {
    Account::from_json(&server.account).offers(paths::BETA_TOKENS)
}

/// When the list is to be asked for; none where Apple offers none.
pub(super) fn due(tx: &Tx, server: &AdeServer) -> Result<Option<Timestamp>> {
    if !is_offered(server) {
        return Ok(None);
    }
    Ok(Some(rows::list(tx, &server.id)?.map_or(tx.now, |list| list.due_at)))
}

/// Has Apple asked for its list now.
pub fn read_now(tx: &Tx, actor: &Actor, server_id: &str) -> Result<Standing> {
    actor.require(Right::Configure)?;
    let server = ade_servers::by_id(tx, server_id)?.ok_or_else(|| Error::not_found(t!("There is no such server token.")))?;
    if server.state != ServerState::Ready {
        return Err(Error::conflict(t!(
            "Apple does not answer this server token now. See to that first; then the programmes are read by themselves."
        )));
    }
    if !is_offered(&server) {
        return Err(Error::conflict(t!(
            "Apple offers no beta programmes to this server token. Somebody who administers the organisation joins AppleSeed for IT at \
             beta.apple.com/for-it first."
        )));
    }
    let list = rows::list(tx, server_id)?;
    let (taken_at, problem) = list.map(|list| (list.taken_at, list.problem)).unwrap_or_default();
    rows::put_list(tx, &BetaList { server_id: server.id.clone(), taken_at, problem, due_at: tx.now })?;
    errands::hurry(tx, server_id)?;
    standing(tx, server)
}

/// Takes what Apple said: its list, or why it gives none. What it gave before stays then.
pub(super) fn told(tx: &Tx, server: &AdeServer, came: std::result::Result<&Value, &str>) -> Result<()> {
    let came =
        came.and_then(|said| BetaProgram::read_list(said).ok_or(t!("Apple answered with something that is no list of beta programmes.")));
    let list = match came {
        Ok(programs) => {
            take(tx, server, programs)?;
            BetaList { server_id: server.id.clone(), taken_at: Some(tx.now), problem: String::new(), due_at: tx.now.plus(ASKED_EVERY) }
        }
        Err(words) => BetaList {
            server_id: server.id.clone(),
            taken_at: rows::list(tx, &server.id)?.and_then(|list| list.taken_at),
            problem: words.to_owned(),
            due_at: tx.now.plus(AGAIN_AFTER),
        },
    };
    rows::put_list(tx, &list)
}

/// Stores a list. Devices that are offered one of its programmes are looked at anew where anything is different.
fn take(tx: &Tx, server: &AdeServer, programs: Vec<BetaProgram>) -> Result<()> {
    let mut before: BTreeMap<String, BetaRow> = rows::of_server(tx, &server.id)?.into_iter().map(|row| (row.id.clone(), row)).collect();
    let (mut came, mut changed) = (Vec::new(), false);
    for program in programs {
        let id = program.id();
        let known = before.remove(&id).filter(|row| row.gone_at.is_none());
        let held = rows::token(tx, &server.id, &id)?;
        let is_same = held.is_some_and(|held| held.expose().as_slice() == program.token.expose().as_bytes());
        if known.is_some() && is_same {
            continue;
        }
        changed = true;
        if known.is_none() {
            came.push(program.title.clone());
        }
        let listed_at = known.map_or(tx.now, |row| row.listed_at);
        let row = BetaRow { server_id: server.id.clone(), id, os: program.os, title: program.title, listed_at, gone_at: None };
        rows::put(tx, &row, Some(program.token.expose().as_bytes()))?;
    }
    let gone: Vec<_> = before.into_values().filter(|row| row.gone_at.is_none()).collect();
    for row in &gone {
        rows::put(tx, &BetaRow { gone_at: Some(tx.now), ..row.clone() }, None)?;
    }
    if !came.is_empty() || !gone.is_empty() {
        let gone: Vec<_> = gone.iter().map(|row| &row.title).collect();
        let data = json!({ "server": server.id, "name": server.name, "came": came, "gone": gone });
        journal::note(tx, &ACTOR, "ade.beta_programs_changed", Subject::default(), data)?;
    }
    if changed || !gone.is_empty() {
        look_again(tx)?;
    }
    Ok(())
}

/// Has every device planned for anew whose policies name programmes.
fn look_again(tx: &Tx) -> Result<()> {
    for policy in policies::list(tx, None, u32::MAX)?.into_iter().filter(|policy| betas::are_chosen(&policy.settings)) {
        assignments::changed(tx, AssignedKind::Policy, &policy.id)?;
    }
    Ok(())
}
