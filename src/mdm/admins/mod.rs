//! People who may log in: added, changed and removed by an Owner; the last Owner who can log in always stays.

pub mod audit;
pub mod guesses;
pub mod known_browsers;
pub mod leaver;
pub mod link;
mod password;
pub mod second_factor;
pub mod sessions;
pub mod setup;
pub mod tokens;

pub use password::{HashedPassword, PASSWORD_MAX_BYTES, PASSWORD_MIN, Password};

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::mdm::actor::{Actor, Right, Role};
use crate::store::Tx;
use crate::store::admins::{self, Admin};
use crate::store::events::{self, NewEvent};
use crate::store::people;
use crate::store::sessions as session_rows;

/// Characters that a name may have.
pub const NAME_MAX: usize = 64;
/// People who may log in, at most.
pub const ADMINS_MAX: u32 = 1000;

/// Someone who is to be added.
#[derive(Debug, Clone)]
pub struct NewAdmin {
    /// What they will log in with.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Their password.
    pub password: HashedPassword,
}

/// What is to become different about someone; absent stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Change {
    /// What they may do from now on.
    pub role: Option<Role>,
    /// Whether they are kept from logging in.
    pub disabled: Option<bool>,
}

/// Adds a person who may log in.
///
/// # Errors
/// Forbidden but to Owners; bad input for a name that breaks the rules; conflict for one that is taken, or beyond [`ADMINS_MAX`].
pub fn add(tx: &Tx, actor: &Actor, new: NewAdmin) -> Result<Admin> {
    actor.require(Right::Govern)?;
    insert(tx, actor, new)
}

/// People who may log in, by name, from after the name `after`; and how many there are in all.
pub fn list(tx: &Tx, actor: &Actor, after: Option<&str>, limit: u32) -> Result<(Vec<Admin>, u32)> {
    actor.require(Right::Govern)?;
    Ok((admins::list(tx, after, limit)?, admins::count(tx)?))
}

/// One person, by id or by name.
pub fn find(tx: &Tx, actor: &Actor, id_or_name: &str) -> Result<Admin> {
    actor.require(Right::Govern)?;
    let found = match admins::find(tx, id_or_name)? {
        Some(admin) => Some(admin),
        None => admins::find_by_name(tx, &plain(id_or_name))?,
    };
    found.ok_or_else(|| Error::not_found(t!("Nobody here has the name or id `{id_or_name}`.", id_or_name)))
}

/// Changes a person's role, or whether they may log in. Both hold from their next request on.
///
/// # Errors
/// Conflict when no Owner who can log in would be left.
pub fn change(tx: &Tx, actor: &Actor, id: &str, change: Change) -> Result<Admin> {
    let before = find(tx, actor, id)?;
    let mut admin = before.clone();
    if let Some(role) = change.role {
        role.as_str().clone_into(&mut admin.role);
    }
    match change.disabled {
        Some(true) => admin.disabled_at = admin.disabled_at.or(Some(tx.now)),
        Some(false) => admin.disabled_at = None,
        None => {}
    }
    if is_able_owner(&before) && !is_able_owner(&admin) {
        keep_an_owner(tx, &before)?;
    }
    admins::update(tx, &admin)?;
    if admin.disabled_at.is_some() {
        session_rows::delete_of(tx, &admin.id, None)?;
    }
    if admin.role != before.role {
        record(tx, actor, "admin.role_changed", json!({ "id": admin.id, "name": admin.name, "from": before.role, "to": admin.role }))?;
    }
    if admin.disabled_at.is_some() != before.disabled_at.is_some() {
        let kind = if admin.disabled_at.is_some() { "admin.disabled" } else { "admin.enabled" };
        record(tx, actor, kind, about(&admin))?;
    }
    Ok(admin)
}

/// Says whom of the school somebody is who logs in, by e-mail address or whole name, or that they are nobody: whose classes a teacher sees.
///
/// # Errors
/// Names `person` where nobody is meant, or more than one.
pub fn link_person(tx: &Tx, actor: &Actor, id: &str, label: Option<&str>) -> Result<Admin> {
    let mut admin = find(tx, actor, id)?;
    let person = match label.map(str::trim).filter(|label| !label.is_empty()) {
        Some(label) => Some(crate::mdm::people::named(tx, actor, label)?),
        None => None,
    };
    let before = admin.person_id.take();
    admin.person_id = person.as_ref().map(|person| person.id.clone());
    if admin.person_id != before {
        admins::update(tx, &admin)?;
        let data = json!({ "id": admin.id, "name": admin.name, "person": person.map(|person| person.name) });
        record(tx, actor, "admin.linked", data)?;
    }
    Ok(admin)
}

/// Removes a person and ends their sessions; what they did stays in the audit log under their name.
pub fn remove(tx: &Tx, actor: &Actor, id: &str) -> Result<()> {
    let admin = find(tx, actor, id)?;
    if is_able_owner(&admin) {
        keep_an_owner(tx, &admin)?;
    }
    admins::delete(tx, &admin.id)?;
    record(tx, actor, "admin.removed", about(&admin))
}

/// Gives a person a new password, and ends all their sessions: whoever knew the old one is out.
pub fn reset_password(tx: &Tx, actor: &Actor, id: &str, password: HashedPassword) -> Result<Admin> {
    let mut admin = find(tx, actor, id)?;
    admin.password_hash = password.into_stored();
    admins::update(tx, &admin)?;
    session_rows::delete_of(tx, &admin.id, None)?;
    record(tx, actor, "admin.password_reset", about(&admin))?;
    Ok(admin)
}

/// Takes a person's own new password after the old one was proven, and ends their other sessions.
///
/// # Errors
/// Unauthenticated when the proof is another person's, or older than the password that is stored.
pub fn change_own_password(
    tx: &Tx,
    actor: &Actor,
    proof: &sessions::Verified,
    password: HashedPassword,
    keep: Option<&[u8]>,
) -> Result<()> {
    let mut admin = proof.still_holds(tx)?;
    if !matches!(actor, Actor::Person { id, .. } if *id == admin.id) {
        return Err(Error::forbidden(t!("Only the person themselves changes a password this way; an owner resets it.")));
    }
    admin.password_hash = password.into_stored();
    admins::update(tx, &admin)?;
    session_rows::delete_of(tx, &admin.id, keep)?;
    record(tx, actor, "admin.password_changed", about(&admin))
}

/// The role in a person's row.
pub fn role_of(admin: &Admin) -> Result<Role> {
    Role::parse(&admin.role)
}

fn insert(tx: &Tx, actor: &Actor, new: NewAdmin) -> Result<Admin> {
    let name = parse_name(&new.name)?;
    if admins::find_by_name(tx, &name)?.is_some() {
        return Err(Error::conflict(t!("There is a `{name}` already; choose another name.", name)));
    }
    if admins::count(tx)? >= ADMINS_MAX {
        return Err(Error::conflict(t!("There are {ADMINS_MAX} people already; remove some first.", ADMINS_MAX)));
    }
    // Whoever logs in with their address stands for the person who has it.
    let person_id = match &people::by_label(tx, &name)?[..] {
        [person] if person.email.eq_ignore_ascii_case(&name) => Some(person.id.clone()),
        _ => None,
    };
    let admin = Admin {
        id: tx.new_id(),
        name,
        role: new.role.as_str().to_owned(),
        password_hash: new.password.into_stored(),
        disabled_at: None,
        created_at: tx.now,
        person_id,
    };
    admins::insert(tx, &admin)?;
    record(tx, actor, "admin.added", about(&admin))?;
    Ok(admin)
}

/// Reads a name: letters and digits of any script, spaces inside, and `. _ - @ + '`. Round brackets stay out of it, because the
/// audit log puts the role in them.
fn parse_name(text: &str) -> Result<String> {
    let name = plain(text);
    let name = name.as_str();
    let refuse = |message: String| Err(Error::field("name", message));
    if name.is_empty() {
        return refuse(t!("a name is needed").into());
    }
    if name.chars().count() > NAME_MAX {
        return refuse(t!("take at most {NAME_MAX} characters", NAME_MAX));
    }
    match name.chars().find(|letter| !letter.is_alphanumeric() && !" ._-@+'".contains(*letter)) {
        Some(letter) => {
            refuse(t!("leave out `{letter}`: letters, digits, spaces and . _ - @ + ' are fine", letter = letter.escape_debug()))
        }
        None => Ok(name.to_owned()),
    }
}

/// A name as it is stored: the curly apostrophe that telephones type is the same as the plain one.
pub(super) fn plain(name: &str) -> String {
    name.trim().replace(['\u{2019}', '\u{2bc}'], "'")
}

fn is_able_owner(admin: &Admin) -> bool {
    admin.role == Role::Owner.as_str() && admin.disabled_at.is_none()
}

/// Refuses when `admin` is the only Owner who can log in.
fn keep_an_owner(tx: &Tx, admin: &Admin) -> Result<()> {
    if admins::count_able(tx, Role::Owner.as_str(), &admin.id)? > 0 {
        return Ok(());
    }
    Err(Error::conflict(t!("{name} is the last owner who can log in. Make someone else an owner first.", name = admin.name)))
}

fn about(admin: &Admin) -> Value {
    json!({ "id": admin.id, "name": admin.name, "role": admin.role })
}

/// Writes a line of the audit log; `data` must hold nothing secret.
fn record(tx: &Tx, actor: &Actor, kind: &str, data: Value) -> Result<()> {
    events::append(tx, &NewEvent { kind, actor_kind: actor.kind(), actor: &actor.to_string(), data, ..NewEvent::default() })?;
    Ok(())
}

#[cfg(test)]
mod tests;
