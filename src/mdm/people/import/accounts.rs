//! Managed Apple Accounts of a file beside those that are here: each is one person's.

use std::collections::BTreeMap;

use super::plan::{Plan, Ref};
use crate::error::{Error, Result};
use crate::protocol::roster::Roster;
use crate::store::people::Person;

/// Looks whether the file gives an account that somebody else has.
///
/// # Errors
/// Conflict where the file gives an account to somebody while another person keeps it.
pub(super) fn check(
    plan: &Plan,
    roster: &Roster,
    there: &[Person],
    known: &BTreeMap<String, String>,
    who: &BTreeMap<String, Ref>,
) -> Result<()> {
    let gives_up = |id: &str| {
        plan.people_removed.iter().any(|(removed, _)| removed == id)
            || plan.people_changed.iter().any(|changed| changed.id == id && changed.account.is_some())
    };
    let owners: BTreeMap<String, &str> = known
        .iter()
        .filter(|(id, account)| !account.is_empty() && !gives_up(id))
        .map(|(id, account)| (account.to_lowercase(), id.as_str()))
        .collect();
    for said in roster.people.iter().filter(|said| !said.account.is_empty()) {
        let Some(owner) = owners.get(&said.account.to_lowercase()) else { continue };
        if matches!(who.get(&said.key), Some(Ref::Known(id)) if id == owner) {
            continue;
        }
        let name = there.iter().find(|person| person.id == *owner).map_or(t!("another person"), |person| person.name.as_str());
        return Err(Error::conflict(t!(
            "The file gives the Managed Apple Account {account} to {name}, but {name_2} has it here. Decide whose it is: take it out of the file, or away from {name_2}.",
            account = said.account,
            name = said.name,
            name_2 = name
        )));
    }
    Ok(())
}
