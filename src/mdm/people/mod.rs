//! People who use devices: made, changed, given a device; and the classes and imports around them.

mod account;
pub mod classes;
pub mod farewell;
pub mod import;
mod invited;
mod leaving;
mod own_devices;

use serde_json::json;

use crate::error::{Error, FieldError, Result};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right, devices, groups, licences, names};
use crate::store::people::{self as rows, DeviceName, Listed, PeopleFilter, Person, PersonRole, Source};
use crate::store::{Tx, deployments};

pub use crate::protocol::roster::{EMAIL_MAX_CHARS, NAME_MAX_CHARS};
pub use account::{ACCOUNT_MAX_CHARS, account, set_account};
pub use invited::invited;
pub use leaving::{Leaving, leaving};
pub use own_devices::own_devices;

/// People at the most.
pub const PEOPLE_MAX: u64 = 100_000;

/// A person that is to be made.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// Their name.
    pub name: String,
    /// Their address; empty for none.
    pub email: String,
    /// What they are.
    pub role: PersonRole,
    /// Whether they are at the school.
    pub active: bool,
}

/// What changes of a person; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Their name.
    pub name: Option<String>,
    /// Their address; empty for none.
    pub email: Option<String>,
    /// What they are.
    pub role: Option<PersonRole>,
    /// Whether they are at the school.
    pub active: Option<bool>,
}

/// Makes a person by hand. An address may be that of somebody whom an import brought, since families share them; of two made by hand nobody could
/// tell for whom a row of a file stands.
///
/// # Errors
/// Conflict, naming the other, when somebody made by hand has this address in whatever case.
pub fn create(tx: &Tx, actor: &Actor, new: NewPerson) -> Result<Person> {
    actor.require(Right::Configure)?;
    if rows::count(tx, &PeopleFilter::default())? >= PEOPLE_MAX {
        return Err(Error::conflict(t!("There are {PEOPLE_MAX} people, which is the most. Delete those who are gone.", PEOPLE_MAX)));
    }
    let person = Person {
        id: tx.new_id(),
        source: Source::Hand,
        source_id: None,
        name: name(&new.name, NAME_MAX_CHARS)?,
        email: email(&new.email)?,
        role: new.role,
        active: new.active,
        created_at: tx.now,
        changed_at: tx.now,
    };
    must_be_alone(tx, &person)?;
    rows::insert(tx, &person)?;
    journal::note(tx, actor, "person.created", Subject::default(), json!({ "person": person.id, "name": person.name }))?;
    Ok(person)
}

/// Changes a person. What an import says of those that came by it is set again by the next one.
pub fn change(tx: &Tx, actor: &Actor, id: &str, change: Change) -> Result<Person> {
    actor.require(Right::Configure)?;
    let before = find(tx, actor, id)?;
    let mut person = before.clone();
    if let Some(wanted) = &change.name {
        person.name = name(wanted, NAME_MAX_CHARS)?;
    }
    if let Some(wanted) = &change.email {
        person.email = email(wanted)?;
    }
    person.role = change.role.unwrap_or(person.role);
    person.active = change.active.unwrap_or(person.active);
    if person == before {
        return Ok(person);
    }
    if person.email != before.email {
        must_be_alone(tx, &person)?;
    }
    rows::update(tx, &person)?;
    let deactivated = before.active && !person.active;
    let data = json!({ "person": id, "name": person.name, "deactivated": deactivated });
    journal::note(tx, actor, "person.changed", Subject::default(), data)?;
    if deactivated {
        licences::person_left(tx, id)?;
        own_devices::left(tx, id)?;
    }
    look_at_devices(tx, id)?;
    find(tx, actor, id)
}

/// Deletes a person; their devices are nobody's then.
pub fn delete(tx: &Tx, actor: &Actor, id: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    let person = find(tx, actor, id)?;
    let devices = rows::devices(tx, id)?;
    licences::person_left(tx, id)?;
    own_devices::left(tx, id)?;
    rows::delete(tx, id)?;
    for device in &devices {
        deployments::look_again(tx, &device.id)?;
        groups::place(tx, &device.id)?;
    }
    let data = json!({ "person": id, "name": person.name, "devices": devices.len() });
    journal::note(tx, actor, "person.deleted", Subject::default(), data)
}

/// One page of people by name, and how many pass the filter.
pub fn list(tx: &Tx, actor: &Actor, filter: &PeopleFilter, after: Option<(&str, &str)>, limit: u32) -> Result<(Vec<Listed>, u64)> {
    actor.require(Right::View)?;
    Ok((rows::list(tx, filter, after, limit)?, rows::count(tx, filter)?))
}

/// One person.
pub fn find(tx: &Tx, actor: &Actor, id: &str) -> Result<Person> {
    actor.require(Right::View)?;
    rows::by_id(tx, id)?.ok_or_else(|| Error::not_found(t!("There is no such person.")))
}

/// The active person whom somebody means by an address or a whole name.
///
/// # Errors
/// Names `person` when there is none, or more than one.
pub fn named(tx: &Tx, actor: &Actor, label: &str) -> Result<Person> {
    actor.require(Right::View)?;
    match &rows::by_label(tx, label.trim())?[..] {
        [one] => Ok(one.clone()),
        [] => Err(Error::field("person", t!("there is no active person with this address or name"))),
        _ => Err(Error::field("person", t!("several people have this name; write the e-mail address"))),
    }
}

/// The devices that a person uses.
pub fn devices_of(tx: &Tx, actor: &Actor, id: &str) -> Result<Vec<DeviceName>> {
    find(tx, actor, id)?;
    rows::devices(tx, id)
}

/// Gives a device to a person, or to nobody.
pub fn assign(tx: &Tx, actor: &Actor, device: &str, person: Option<&str>) -> Result<Option<Person>> {
    actor.require(Right::Configure)?;
    let device = devices::find(tx, actor, device)?;
    let person = person.map(|id| find(tx, actor, id)).transpose().map_err(|error| match error.kind {
        crate::error::Kind::NotFound => Error::field("person", t!("there is no person with this id")),
        _ => error,
    })?;
    give(tx, actor, &device.id, person.as_ref())?;
    Ok(person)
}

/// Refuses the address of somebody else who was made by hand, for one who was too.
fn must_be_alone(tx: &Tx, person: &Person) -> Result<()> {
    if person.source != Source::Hand || person.email.is_empty() {
        return Ok(());
    }
    let Some(other) = rows::by_hand_with_email(tx, &person.email, &person.id)? else { return Ok(()) };
    let words = t!("{name} has this e-mail address already; change one of the two, or leave it empty", name = other.name);
    let mut error = Error::conflict(t!("E-mail address: {words}.", words));
    error.fields.push(FieldError { field: String::from("email"), message: words });
    Err(error)
}

/// Records who uses a device now, if that is news.
fn give(tx: &Tx, actor: &Actor, device_id: &str, person: Option<&Person>) -> Result<bool> {
    let before = rows::of_device(tx, device_id)?;
    if before.as_ref().map(|person| &person.id) == person.map(|person| &person.id) {
        return Ok(false);
    }
    rows::set_person(tx, device_id, person.map(|person| person.id.as_str()))?;
    let data = json!({ "person": person.map(|person| &person.id), "name": person.map(|person| &person.name) });
    journal::note(tx, actor, "device.person_changed", Subject::device(device_id), data)?;
    deployments::look_again(tx, device_id)?;
    groups::place(tx, device_id)?;
    Ok(true)
}

/// Has the devices of a person looked at anew.
fn look_at_devices(tx: &Tx, person_id: &str) -> Result<()> {
    for device in rows::devices(tx, person_id)? {
        deployments::look_again(tx, &device.id)?;
        groups::place(tx, &device.id)?;
    }
    Ok(())
}

/// A name as it is kept.
fn name(wanted: &str, most: usize) -> Result<String> {
    let name = names::straight(wanted);
    if name.is_empty() || name.chars().count() > most || name.chars().any(char::is_control) {
        return Err(Error::field("name", t!("a name of 1 to {most} characters on one line", most)));
    }
    Ok(name)
}

/// An address as it is kept; empty for none.
fn email(wanted: &str) -> Result<String> {
    let address = wanted.trim();
    let parts = address.rsplit_once('@');
    let fits = parts.is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
        && address.chars().count() <= EMAIL_MAX_CHARS
        && !address.chars().any(|letter| letter.is_whitespace() || letter.is_control());
    if address.is_empty() || fits { Ok(address.to_owned()) } else { Err(Error::field("email", t!("an e-mail address, or nothing"))) }
}
