//! Invitations to Apps and Books, for people without a Managed Apple Account: a command to their devices, and a link for everything else.

use crate::error::{Error, Kind, Result};
use crate::mdm::commands::{self, Wish};
use crate::mdm::licences::ACTOR;
use crate::mdm::{Actor, Right};
use crate::pki::{digest, hex};
use crate::protocol::apps_and_books::Service;
use crate::protocol::command;
use crate::secret::Secret;
use crate::store::commands::{self as queue, CommandState};
use crate::store::enrollments::{self, EnrollmentState};
use crate::store::licences::users::{self as rows, User, UserState};
use crate::store::{Tx, content_tokens, people};

/// A person in a location, as lists show them.
#[derive(Debug, Clone)]
pub struct Known {
    /// How they stand.
    pub user: User,
    /// Their name; empty when they are not here any more.
    pub name: String,
    /// Where they accept the invitation, while it is not accepted; for those alone who may pass it on.
    pub link: Option<Secret<String>>,
}

/// The people of a location, by id.
pub fn list(tx: &Tx, actor: &Actor, token_id: &str) -> Result<Vec<Known>> {
    actor.require(Right::View)?;
    if content_tokens::by_id(tx, token_id)?.is_none() {
        return Err(Error::not_found(t!("There is no such content token.")));
    }
    let may = actor.may(Right::Configure);
    let known = |user: User| {
        let name = people::by_id(tx, &user.person_id)?.map(|person| person.name).unwrap_or_default();
        let link = if may { link(tx, &user)? } else { None };
        Ok(Known { user, name, link })
    };
    rows::of_token(tx, token_id)?.into_iter().map(known).collect()
}

/// How a person stands in each location that knows them: the location's id and name, and the person there.
pub fn of_person(tx: &Tx, actor: &Actor, person_id: &str) -> Result<Vec<(String, String, User)>> {
    actor.require(Right::View)?;
    let mut found = Vec::new();
    for user in rows::of_person(tx, person_id)? {
        let Some(token) = content_tokens::by_id(tx, &user.token_id)? else { continue };
        let name = token.name().to_owned();
        found.push((token.id, name, user));
    }
    Ok(found)
}

/// Where a person accepts their invitation; nothing when there is none to accept.
fn link(tx: &Tx, user: &User) -> Result<Option<Secret<String>>> {
    if user.state != UserState::Registered || !user.wanted {
        return Ok(None);
    }
    let Some(code) = rows::invite_code(tx, &user.token_id, &user.person_id)? else { return Ok(None) };
    let Some(token) = content_tokens::by_id(tx, &user.token_id)? else { return Ok(None) };
    let code = String::from_utf8_lossy(code.expose()).into_owned();
    Ok(Service::from_json(&token.service).urls.invitation(&code).map(Secret::new))
}

/// Sends a person's invitation to their devices once more. Gives to how many.
pub fn send_again(tx: &Tx, actor: &Actor, token_id: &str, person_id: &str) -> Result<usize> {
    actor.require(Right::Configure)?;
    let unknown = || Error::not_found(t!("Apps and Books does not know this person in this location."));
    let user = rows::of(tx, token_id, person_id)?.ok_or_else(unknown)?;
    if link(tx, &user)?.is_none() {
        return Err(Error::conflict(t!("There is no invitation that this person could still accept.")));
    }
    let sent = send(tx, &user, false)?;
    if sent == 0 {
        return Err(Error::conflict(t!("None of this person's devices can be invited by a command. Give them the link.")));
    }
    Ok(sent)
}

/// Sends a person's invitation to those of their devices that have not had it. Gives to how many.
pub(super) fn send_missing(tx: &Tx, user: &User) -> Result<usize> {
    send(tx, user, true)
}

/// Sends a person's invitation to those of their devices that can be invited; where only `missing`, to those alone that have not had this one since they
/// enrolled; whoever came back has had none. Gives to how many.
fn send(tx: &Tx, user: &User, missing: bool) -> Result<usize> {
    let Some(link) = link(tx, user)? else { return Ok(0) };
    // Another code is another invitation.
    let key = format!("invitation:{}:{}", user.token_id, hex(&digest::sha256(link.expose().as_bytes())[..12]));
    let mut sent = 0;
    for device in people::devices(tx, &user.person_id)? {
        let Some(channel) = enrollments::device_channel(tx, &device.id)?.filter(|channel| channel.state == EnrollmentState::Enrolled)
        else {
            continue;
        };
        let before = queue::latest_with_key(tx, &channel.id, channel.generation, &key)?;
        if missing && user.invited_at.is_some() && before.is_some_and(|before| !is_lost(before.state)) {
            continue;
        }
        let invitation = command::invite_to_program(tx.command_uuid(), link.expose());
        match tx.attempt(|tx| commands::enqueue(tx, &ACTOR, &channel, Wish::new(invitation).in_place_of(&key)))? {
            Ok(_) => sent += 1,
            // A device that cannot have it is no reason to keep it from the others.
            Err(error) if matches!(error.kind, Kind::Conflict | Kind::BadInput) => {}
            Err(error) => return Err(error),
        }
    }
    if sent > 0 {
        rows::put(tx, &User { invited_at: Some(tx.now), ..user.clone() })?;
    }
    Ok(sent)
}

/// Whether a command ended before the device could do it.
fn is_lost(state: CommandState) -> bool {
    matches!(state, CommandState::Expired | CommandState::Dropped | CommandState::Superseded)
}
