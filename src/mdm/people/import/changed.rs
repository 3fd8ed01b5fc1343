//! What becomes different about a person who is here already.

use serde::Serialize;

use super::plan::person_role;
use crate::protocol::roster;
use crate::store::people::{Person, PersonRole};

/// A change of a person: as they are to be, and in words.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Changed {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) role: PersonRole,
    pub(super) active: bool,
    /// Their Managed Apple Account, where that becomes another.
    pub(super) account: Option<String>,
    pub(super) words: String,
}

/// What changes of a person who has this Managed Apple Account, if anything does.
pub(super) fn changed(person: &Person, account: &str, said: &roster::Person) -> Option<Changed> {
    let role = person_role(said.role);
    let mut words = Vec::new();
    if person.name != said.name {
        words.push(t!("becomes {name}", name = said.name));
    }
    if person.email != said.email {
        words.push(if said.email.is_empty() {
            String::from(t!("has no address any more"))
        } else {
            t!("address {email}", email = said.email)
        });
    }
    if person.role != role {
        words.push(t!("{role} instead of {role_2}", role, role_2 = person.role));
    }
    if person.active != said.active {
        words.push(String::from(if said.active { t!("active again") } else { t!("not active any more") }));
    }
    // Where the file says nothing of an account, the one that somebody entered stays.
    let account = (!said.account.is_empty() && said.account != account).then(|| said.account.clone());
    if let Some(account) = &account {
        words.push(t!("Managed Apple Account {account}", account));
    }
    // A new key alone is nothing that people would call a change, but it has to be kept.
    if words.is_empty() && person.source_id.as_ref() == Some(&said.key) {
        return None;
    }
    let words = format!("{}: {}", person.name, if words.is_empty() { String::from(t!("known by another key")) } else { words.join(", ") });
    let roster::Person { key, name, email, active, .. } = said.clone();
    Some(Changed { id: person.id.clone(), key, name, email, role, active, account, words })
}
