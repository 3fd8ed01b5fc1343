//! Passwords by which people prove to apps who they are: set by an admin, or chosen by the person behind a link that works once.

use std::time::Duration;

use serde_json::json;

use super::guesses;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::admins::HashedPassword;
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right, people};
use crate::pki::digest::sha256;
use crate::pki::password;
use crate::secret::Secret;
use crate::store::Tx;
use crate::store::access::{self, PasswordState};
use crate::store::account_tokens;
use crate::store::people::{self as rows, Person};

/// How long a link to choose a password can be opened.
pub const LINK_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Somebody who may be who they say, before their password was looked at.
#[derive(Debug)]
pub struct Candidate(Option<(String, Secret<String>)>);

/// A person whose password was right.
#[derive(Debug, Clone)]
pub struct Verified {
    pub(super) person_id: String,
}

/// Looks for the person of an address who has a password. Where two of the same address have one, nobody knows who is meant.
pub fn candidate(tx: &Tx, email: &str) -> Result<Candidate> {
    let mut found = access::passwords_by_email(tx, email)?;
    Ok(Candidate(if found.len() == 1 { found.pop() } else { None }))
}

impl Candidate {
    /// The person, if there is one.
    pub fn person_id(&self) -> Option<&str> {
        self.0.as_ref().map(|(id, _)| id.as_str())
    }

    /// Compares a password, which takes tens of milliseconds of a whole core, whether there is such a person or not.
    pub fn verify(self, said: &Secret<String>) -> Option<Verified> {
        let hash = self.0.as_ref().map(|(_, hash)| hash.expose().as_str());
        let is_right = password::verify(said.expose(), hash);
        self.0.filter(|_| is_right).map(|(person_id, _)| Verified { person_id })
    }
}

/// What there is of a person's password.
pub fn state(tx: &Tx, actor: &Actor, person_id: &str) -> Result<(Person, Option<PasswordState>)> {
    let person = people::find(tx, actor, person_id)?;
    let state = access::password_state(tx, &person.id)?;
    Ok((person, state))
}

/// What was gained by the password before is over: guesses at it, and sign-ins for a device that has not begun yet.
fn changed(tx: &Tx, person_id: &str) -> Result<()> {
    guesses::forget(tx, person_id)?;
    account_tokens::end_unused(tx, person_id)
}

/// Whether a person has a password, and the same one as at a moment.
pub fn is_as_at(tx: &Tx, person_id: &str, at: Timestamp) -> Result<bool> {
    Ok(access::password_state(tx, person_id)?.is_some_and(|state| state.is_set && state.changed_at <= at))
}

/// Refuses whoever could not be found by their address.
fn with_address(tx: &Tx, actor: &Actor, person_id: &str) -> Result<Person> {
    actor.require(Right::Configure)?;
    let person = people::find(tx, actor, person_id)?;
    if person.email.is_empty() {
        return Err(Error::conflict(t!("{name} has no e-mail address, and apps know people by it. Add one first.", name = person.name)));
    }
    let others = access::passwords_by_email(tx, &person.email)?.into_iter().any(|(id, _)| id != person.id);
    if others {
        return Err(Error::conflict(t!(
            "Somebody else with the address {email} has a password already. Give {name} another address.",
            email = person.email,
            name = person.name
        )));
    }
    Ok(person)
}

/// Sets a person's password.
pub fn set(tx: &Tx, actor: &Actor, person_id: &str, hashed: HashedPassword) -> Result<()> {
    let person = with_address(tx, actor, person_id)?;
    access::set_password(tx, &person.id, &hashed.into_stored())?;
    changed(tx, &person.id)?;
    journal::note(tx, actor, "person.password_set", Subject::default(), json!({ "person": person.name, "person_id": person.id }))
}

/// Opens a link by which a person chooses a password; gives its token, to be said once.
pub fn offer(tx: &Tx, actor: &Actor, person_id: &str) -> Result<Secret<String>> {
    let person = with_address(tx, actor, person_id)?;
    let token = tx.random().token();
    access::set_link(tx, &person.id, &sha256(token.as_bytes()), tx.now.plus(LINK_LIFE))?;
    journal::note(tx, actor, "person.password_offered", Subject::default(), json!({ "person": person.name, "person_id": person.id }))?;
    Ok(Secret::new(token))
}

/// Takes a person's password and open link away: apps that want it refuse them from now on.
pub fn remove(tx: &Tx, actor: &Actor, person_id: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    let person = people::find(tx, actor, person_id)?;
    if !access::remove_password(tx, &person.id)? {
        return Err(Error::not_found(t!("{name} has no password.", name = person.name)));
    }
    changed(tx, &person.id)?;
    journal::note(tx, actor, "person.password_removed", Subject::default(), json!({ "person": person.name, "person_id": person.id }))
}

/// Whose link a token is of.
///
/// # Errors
/// Not found when it is none, was used, or is over.
pub fn open(tx: &Tx, token: &str) -> Result<Person> {
    let over = || Error::not_found(t!("This link was used already, or is over. Ask whoever sent it for a new one."));
    let person = access::person_of_link(tx, &sha256(token.as_bytes()))?.ok_or_else(over)?;
    rows::by_id(tx, &person)?.filter(|person| person.active).ok_or_else(over)
}

/// Sets the password that the bearer of a link chose; the link is spent.
pub fn choose(tx: &Tx, token: &str, hashed: HashedPassword) -> Result<Person> {
    let person = open(tx, token)?;
    access::set_password(tx, &person.id, &hashed.into_stored())?;
    changed(tx, &person.id)?;
    let data = json!({ "person": person.name, "person_id": person.id });
    journal::note(tx, &Actor::Device { name: person.name.clone() }, "person.password_chosen", Subject::default(), data)?;
    Ok(person)
}
