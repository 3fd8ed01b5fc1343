//! A person's Managed Apple Account: with it Apps and Books knows them without an invitation.

use serde_json::json;

use super::{find, rows};
use crate::error::{Error, Result};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right};
use crate::store::Tx;
use crate::store::content_tokens;

/// Characters of an account.
pub const ACCOUNT_MAX_CHARS: usize = 254;

/// A person's Managed Apple Account; empty where they have none.
pub fn account(tx: &Tx, actor: &Actor, id: &str) -> Result<String> {
    find(tx, actor, id)?;
    rows::managed_apple_id(tx, id)
}

/// Says which Managed Apple Account a person has; empty for none. Apple is told where it knows the person.
pub fn set_account(tx: &Tx, actor: &Actor, id: &str, account: &str) -> Result<String> {
    actor.require(Right::Configure)?;
    let person = find(tx, actor, id)?;
    let account = account.trim();
    let fits = account.is_empty()
        || account.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains('@'))
            && account.chars().count() <= ACCOUNT_MAX_CHARS
            && !account.chars().any(|letter| letter.is_whitespace() || letter.is_control());
    if !fits {
        return Err(Error::field(
            "managed_apple_id",
            t!("a Managed Apple Account as Apple's portal shows it, like kim@appleaccount.example.school, or nothing"),
        ));
    }
    if rows::managed_apple_id(tx, id)? == account {
        return Ok(account.to_owned());
    }
    if let Some(other) = rows::by_managed_apple_id(tx, account, id)?.filter(|_| !account.is_empty()) {
        return Err(Error::field("managed_apple_id", t!("{name} has this account already; an account is one person's", name = other.name)));
    }
    put(tx, id, account)?;
    journal::note(tx, actor, "person.changed", Subject::default(), json!({ "person": id, "name": person.name }))?;
    Ok(account.to_owned())
}

/// Stores an account, and has Apple told where it knows the person.
pub(super) fn put(tx: &Tx, id: &str, account: &str) -> Result<()> {
    rows::set_managed_apple_id(tx, id, account)?;
    for user in crate::store::licences::users::of_person(tx, id)? {
        content_tokens::make_due(tx, &user.token_id)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::mdm::people::{NewPerson, create};
    use crate::store::people::PersonRole;
    use crate::store::{OpenOptions, Store};

    #[test]
    fn an_account_is_one_persons_in_whatever_case() {
        let store = Store::open(OpenOptions::memory()).unwrap();
        let refused = store.write_blocking(Timestamp::default(), |tx| {
            let new = |name: &str| NewPerson { name: name.into(), email: String::new(), role: PersonRole::Student, active: true };
            let (ada, ben) = (create(tx, &Actor::Console, new("Ada"))?, create(tx, &Actor::Console, new("Ben"))?);
            set_account(tx, &Actor::Console, &ada.id, "ada@apple.example.school")?;
            set_account(tx, &Actor::Console, &ada.id, "Ada@apple.example.school")?;
            Ok(set_account(tx, &Actor::Console, &ben.id, "ADA@apple.example.school").unwrap_err())
        });
        assert_eq!(refused.unwrap().fields[0].message, "Ada has this account already; an account is one person's");
    }
}
