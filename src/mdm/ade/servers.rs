//! Servers as people look after them: a key pair made here, the token that Apple gives for it, renewed, read now, removed.

use serde_json::json;

use crate::error::{Error, Result};
use crate::language;
use crate::mdm::ade::{errands, notices};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right, names};
use crate::pki::certificate::Certificate;
use crate::pki::cms::{CmsError, Signer};
use crate::pki::key::PrivateKey;
use crate::pki::smime;
use crate::protocol::ade::{Account, ServerToken};
use crate::store::ade_devices::{self, Counts};
use crate::store::ade_profiles;
use crate::store::ade_servers::{self as rows, AdeServer, Phase, ServerState};
use crate::store::{Tx, jobs};

/// Servers at the most.
pub const SERVERS_MAX: usize = 50;

/// Characters of a server's name.
pub const NAME_MAX_CHARS: usize = 100;

/// A server and what is known of it.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The server.
    pub server: AdeServer,
    /// What Apple says of it.
    pub account: Account,
    /// Its devices.
    pub counts: Counts,
    /// The profile of each family for which nobody chose one, as (family, profile); the family `""` is every other.
    pub defaults: Vec<(String, String)>,
}

fn unknown() -> Error {
    Error::not_found(t!("There is no such server token."))
}

fn standing(tx: &Tx, server: AdeServer) -> Result<Standing> {
    Ok(Standing {
        account: Account::from_json(&server.account),
        counts: ade_devices::counts(tx, &server.id)?,
        defaults: ade_profiles::defaults(tx, &server.id)?,
        server,
    })
}

/// Every server, oldest first; practice ones included.
pub fn list(tx: &Tx, actor: &Actor) -> Result<Vec<Standing>> {
    actor.require(Right::View)?;
    rows::all(tx)?.into_iter().map(|server| standing(tx, server)).collect()
}

/// One server.
pub fn find(tx: &Tx, actor: &Actor, id: &str) -> Result<Standing> {
    actor.require(Right::View)?;
    standing(tx, rows::by_id(tx, id)?.ok_or_else(unknown)?)
}

/// A name that a server may have.
fn name(wanted: &str) -> Result<String> {
    let name = wanted.trim();
    names::unturned("name", name)?;
    if name.is_empty() || name.chars().count() > NAME_MAX_CHARS || name.chars().any(char::is_control) {
        return Err(Error::field(
            "name",
            t!("is 1 to {NAME_MAX_CHARS} letters; take the one that it has in Apple's portal", NAME_MAX_CHARS),
        ));
    }
    Ok(name.to_owned())
}

/// Checks who makes a server and what it is to be called, before a key is made for it.
pub fn may_begin(tx: &Tx, actor: &Actor, wanted: &str) -> Result<String> {
    actor.require(Right::Configure)?;
    if rows::all(tx)?.len() >= SERVERS_MAX {
        return Err(Error::conflict(t!(
            "There are {SERVERS_MAX} server tokens, which is the most. Remove one that is not used.",
            SERVERS_MAX
        )));
    }
    name(wanted)
}

/// Keeps a new server with its key pair. Its certificate is what Apple's portal takes; the key never leaves the appliance.
pub fn begin(tx: &Tx, actor: &Actor, wanted: &str, identity: &Signer, practice: bool) -> Result<AdeServer> {
    let name = may_begin(tx, actor, wanted)?;
    let server = AdeServer { practice, ..AdeServer::new(tx.new_id(), name, identity.certificate().der().to_vec(), tx.now) };
    rows::insert(tx, &server, identity.key().to_pem().expose().as_bytes())?;
    note(tx, actor, "ade.server_added", &server)?;
    Ok(server)
}

fn note(tx: &Tx, actor: &Actor, kind: &str, server: &AdeServer) -> Result<()> {
    let data = json!({ "server": server.id, "name": server.name, "expires_at": server.expires_at });
    journal::note(tx, actor, kind, Subject::default(), data)
}

/// The certificate that Apple's portal takes, PEM, and the server's name.
pub fn public_key(tx: &Tx, actor: &Actor, id: &str) -> Result<(String, String)> {
    actor.require(Right::View)?;
    let server = rows::by_id(tx, id)?.ok_or_else(unknown)?;
    Ok((Certificate::from_der(&server.certificate)?.to_pem(), server.name))
}

/// Every server's key pair with its name, the one of this id first: for finding out whose a token is.
pub fn identities(tx: &Tx, actor: &Actor, id: &str) -> Result<Vec<(String, Signer)>> {
    actor.require(Right::Configure)?;
    rows::by_id(tx, id)?.ok_or_else(unknown)?;
    let mut servers = rows::all(tx)?;
    servers.sort_by_key(|server| server.id != id);
    let mut all = Vec::new();
    for server in servers {
        let Some(key) = rows::key(tx, &server.id)? else { continue };
        let signer = Signer::new(Certificate::from_der(&server.certificate)?, PrivateKey::from_pem(key.expose(), None)?)?;
        all.push((server.name, signer));
    }
    Ok(all)
}

/// Opens a file that should be the token of the first of `identities`, or names what it is instead.
pub fn opened(file: &[u8], identities: &[(String, Signer)]) -> Result<ServerToken> {
    let Some(message) = smime::message(file) else { return Err(ServerToken::mistaken(file)) };
    let signers: Vec<Signer> = identities.iter().map(|(_, signer)| signer.clone()).collect();
    match smime::open(&message, &signers) {
        Ok((0, content)) => ServerToken::read(&content),
        Ok((index, _)) => {
            let other = &identities[index].0;
            Err(Error::bad_input(t!("This is the token of “{other}”, not of this server. Drop it there.", other)))
        }
        Err(CmsError::NoRecipient) => Err(ServerToken::for_another_key()),
        Err(CmsError::WrongKind { .. }) => Err(ServerToken::mistaken(file)),
        Err(error) => Err(ServerToken::damaged(&error.to_string())),
    }
}

/// Keeps a token. It takes the place of the one before; devices, profiles and wishes stay.
pub fn take(tx: &Tx, actor: &Actor, id: &str, token: &ServerToken) -> Result<Standing> {
    actor.require(Right::Configure)?;
    let mut server = rows::by_id(tx, id)?.ok_or_else(unknown)?;
    if token.expires_at <= tx.now {
        return Err(Error::bad_input(t!(
            "This token ended on {day}. In Apple's portal, download a new one for the same server; everything here stays.",
            day = language::date(token.expires_at.day())
        )));
    }
    for other in rows::all(tx)?.into_iter().filter(|other| other.id != id) {
        let kept = rows::token(tx, &other.id)?.map(|kept| ServerToken::read(kept.expose())).transpose()?;
        if kept.is_some_and(|kept| kept.consumer_key == token.consumer_key) {
            return Err(Error::conflict(t!(
                "This token is the one of “{name}” already. Each server of the portal stands here once.",
                name = other.name
            )));
        }
    }
    let before = rows::token(tx, id)?.map(|kept| ServerToken::read(kept.expose())).transpose()?;
    if let Some(before) = &before {
        follows(&server, before, token)?;
    }
    rows::set_token(tx, id, token.to_json().expose())?;
    let is_new = before.is_none();
    (server.state, server.expires_at, server.uploaded_at) = (ServerState::Ready, Some(token.expires_at), Some(tx.now));
    (server.problem, server.failures, server.account_at) = (String::new(), 0, None);
    (server.sync_due_at, server.due_at) = (Some(tx.now), Some(tx.now));
    rows::update(tx, &server)?;
    notices::forget(tx, &server)?;
    note(tx, actor, if is_new { "ade.token_added" } else { "ade.token_renewed" }, &server)?;
    jobs::set_due(tx, "ade", Some(tx.now))?;
    standing(tx, server)
}

/// Refuses what is no newer token of the same server of the portal: Apple keeps the consumer key of a server, and each new token ends later than the last.
fn follows(server: &AdeServer, before: &ServerToken, token: &ServerToken) -> Result<()> {
    if before.consumer_key != token.consumer_key {
        return Err(Error::conflict(t!(
            "This is the token of another server of the portal than “{name}”, which has another list of devices. Add a server here for it; if it is to take this one's place, remove this one first.",
            name = server.name
        )));
    }
    if token.expires_at < before.expires_at {
        return Err(Error::conflict(t!(
            "This token ends on {day}, and the one that is here on {day_2}: it is an older file. Apple ended it when the newer one was downloaded.",
            day = language::date(token.expires_at.day()),
            day_2 = language::date(before.expires_at.day())
        )));
    }
    Ok(())
}

/// Has Apple's list read now: what changed, or all of it. Profiles that Apple refused are sent again.
pub fn read_now(tx: &Tx, actor: &Actor, id: &str, whole: bool) -> Result<Standing> {
    actor.require(Right::Configure)?;
    let mut server = rows::by_id(tx, id)?.ok_or_else(unknown)?;
    match server.state {
        ServerState::Waiting => return Err(Error::conflict(t!("There is no token for this server yet; drop it here first."))),
        ServerState::Ended => return Err(Error::conflict(t!("The token has ended. Bring a new one; then the list is read by itself."))),
        ServerState::Ready | ServerState::Terms | ServerState::Refused => {}
    }
    (server.sync_due_at, server.failures) = (Some(tx.now), 0);
    if whole && server.phase == Phase::Sync {
        server.fetched_at = None;
    }
    rows::update(tx, &server)?;
    ade_profiles::send_all_again(tx, id)?;
    errands::hurry(tx, id)?;
    standing(tx, rows::by_id(tx, id)?.ok_or_else(unknown)?)
}

/// Removes a server with what is known of its devices. At Apple nothing changes: devices keep the profile that they were assigned there.
pub fn remove(tx: &Tx, actor: &Actor, id: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    let server = rows::by_id(tx, id)?.ok_or_else(unknown)?;
    rows::delete(tx, id)?;
    notices::forget(tx, &server)?;
    note(tx, actor, "ade.server_removed", &server)
}
