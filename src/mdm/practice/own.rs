//! Practice people who bring devices of their own and enroll them by their account, so that one sees what is managed of such a device, and what is not.

use serde_json::json;

use super::{ACTOR, wanted};
use crate::error::{Error, Result};
use crate::mdm::access::passwords;
use crate::mdm::admins::HashedPassword;
use crate::mdm::enroll::account::rules::{self, Change, Rules, rules};
use crate::mdm::people::{self, NewPerson};
use crate::mdm::{Actor, Right, journal};
use crate::protocol::service_discovery::ModelFamily;
use crate::store::account_tokens::Ownership;
use crate::store::people::{self as rows, Person, PersonRole};
use crate::store::settings::{self, Setting};
use crate::store::{Bell, Tx};

const ON: Setting<bool> = Setting::new("practice.own_devices");

/// The people, nobody real: name, e-mail address, and Managed Apple Account. Each has one device.
const PEOPLE: [(&str, &str, &str); 2] = [
    ("Ina Example", "ina@practice.example.school", "ina@appleaccount.practice.example.school"),
    ("Jon Example", "jon@practice.example.school", "jon@appleaccount.practice.example.school"),
];

/// How many there are.
pub const COUNT: usize = PEOPLE.len();

/// What their devices are.
const FAMILIES: [ModelFamily; 2] = [ModelFamily::Iphone, ModelFamily::Ipad];

/// The group that own devices join in a demo.
const GROUP: &str = "People's own devices";

/// Whether they enroll their devices.
pub fn is_on(tx: &Tx) -> Result<bool> {
    Ok(settings::value(tx, &ON)?.unwrap_or_default())
}

/// What stands in the way of it, in words that say what to do.
pub fn obstacle(tx: &Tx) -> Result<Option<&'static str>> {
    if wanted(tx)?.devices == 0 {
        return Ok(Some("There are no practice devices. Say under System, Practice devices, how many there are to be."));
    }
    let rules = rules(tx)?;
    let are_own = FAMILIES.iter().all(|family| rules.families.get(family) == Some(&Ownership::Own));
    // Who may enroll by their account is a choice about real people too.
    Ok((!are_own).then_some(
        "People may not enroll iPhones and iPads as their own here. Say under System, Enrollment by account, that they may; then come back.",
    ))
}

/// Has practice people enroll their devices; gives how many do that did not before. The runner obeys.
pub fn switch_on(tx: &Tx, actor: &Actor) -> Result<usize> {
    actor.require(Right::Invite)?;
    if let Some(obstacle) = obstacle(tx)? {
        return Err(Error::conflict(obstacle));
    }
    if !settings::set(tx, &ON, &true)? {
        return Ok(0);
    }
    journal::note(tx, actor, "practice.own_devices", journal::Subject::default(), json!({ "count": COUNT }))?;
    tx.ring(Bell::Jobs);
    Ok(COUNT)
}

/// Lets people enroll their own iPhones and iPads in a demo, where nobody has said anything about that.
pub fn allow(tx: &Tx) -> Result<()> {
    if rules(tx)? != Rules::default() {
        return Ok(());
    }
    let families = FAMILIES.into_iter().map(|family| (family, Some(Ownership::Own))).collect();
    rules::change(tx, &ACTOR, Change { families, group: Some(GROUP.to_owned()) }).map(drop)
}

/// How one of them signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The e-mail address.
    pub address: String,
    /// The Managed Apple Account.
    pub managed_account: String,
}

/// Makes the people where they are not there, and gives each of them this password.
pub fn prepare(tx: &Tx, password: &HashedPassword) -> Result<Vec<Account>> {
    let mut accounts = Vec::new();
    for (name, address, managed_account) in PEOPLE {
        let person = if let Some(person) = person(tx, managed_account, address)? {
            person
        } else {
            let new = NewPerson { name: name.to_owned(), email: address.to_owned(), role: PersonRole::Teacher, active: true };
            let made = people::create(tx, &ACTOR, new)?;
            people::set_account(tx, &ACTOR, &made.id, managed_account)?;
            made
        };
        passwords::set(tx, &ACTOR, &person.id, password.clone())?;
        accounts.push(Account { address: address.to_owned(), managed_account: managed_account.to_owned() });
    }
    Ok(accounts)
}

fn person(tx: &Tx, managed_account: &str, address: &str) -> Result<Option<Person>> {
    Ok(rows::by_managed_apple_id(tx, managed_account, "")?.filter(|person| person.email == address))
}

/// Forgets them; the people go with their accounts.
pub(super) fn forget(tx: &Tx, actor: &Actor) -> Result<()> {
    for (_, address, managed_account) in PEOPLE {
        if let Some(person) = person(tx, managed_account, address)? {
            people::delete(tx, actor, &person.id)?;
        }
    }
    settings::forget(tx, &ON).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::error::Kind;
    use crate::mdm::Role;
    use crate::mdm::admins::Password;
    use crate::mdm::practice::{Wanted, remove, want};
    use crate::secret::Secret;
    use crate::store::people::PeopleFilter;
    use crate::store::{OpenOptions, Store};

    #[test]
    fn they_enroll_their_devices_where_people_may_and_go_with_the_practice_devices() {
        let store = Store::open(OpenOptions::memory()).unwrap();
        let password = Password::parse(Secret::new(String::from("correct horse battery"))).unwrap().hash().unwrap();
        let written = store.write_blocking(Timestamp::from_seconds(1_795_000_000), move |tx| {
            let viewer = Actor::Person { id: "1".into(), name: "kim".into(), role: Role::Viewer };
            assert_eq!(switch_on(tx, &viewer).unwrap_err().kind, Kind::Forbidden);
            assert!(switch_on(tx, &Actor::Console).unwrap_err().message.contains("no practice devices"));
            want(tx, &Actor::Console, Wanted { devices: 1, seed: 1 })?;
            assert!(switch_on(tx, &Actor::Console).unwrap_err().message.contains("Enrollment by account"));
            assert!(!is_on(tx)?);
            allow(tx)?;
            assert_eq!((switch_on(tx, &Actor::Console)?, switch_on(tx, &Actor::Console)?, is_on(tx)?), (COUNT, 0, true));
            let (first, again) = (prepare(tx, &password)?, prepare(tx, &password)?);
            assert_eq!((first.len(), rows::count(tx, &PeopleFilter::default())?), (COUNT, COUNT as u64), "made once");
            assert_eq!(first, again);
            let ina = person(tx, PEOPLE[0].2, PEOPLE[0].1)?.unwrap();
            assert!(passwords::state(tx, &Actor::Console, &ina.id)?.1.is_some());
            remove(tx, &Actor::Console)?;
            Ok((is_on(tx)?, rows::count(tx, &PeopleFilter::default())?))
        });
        assert_eq!(written.unwrap(), (false, 0));
    }

    #[test]
    fn what_somebody_said_about_enrollment_by_account_stays() {
        let store = Store::open(OpenOptions::memory()).unwrap();
        let kept = store.write_blocking(Timestamp::from_seconds(1_795_000_000), |tx| {
            let families = [(ModelFamily::Mac, Some(Ownership::School))].into();
            let said = rules::change(tx, &Actor::Console, Change { families, group: None })?;
            allow(tx)?;
            Ok(said == rules(tx)?)
        });
        assert!(kept.unwrap());
    }
}
