//! Apple is told where devices ask for their server by an account.

use super::{Cut, Office};
use crate::mdm::Actor;
use crate::mdm::ade::{SYNC_EVERY, errands};
use crate::mdm::enroll::account::rules::{self, Change};
use crate::protocol::ade::paths;
use crate::protocol::service_discovery::ModelFamily;
use crate::sim::apple::ade::Fault;
use crate::store::account_tokens::Ownership;

#[test]
fn apple_is_told_where_devices_ask_by_an_account_as_long_as_anybody_may() {
    let mut office = Office::with(&[("TESTSN0001", "iPad")]);
    office.turn(None);
    assert_eq!(office.asked(paths::DISCOVERY), 0, "nobody may");
    let may = |office: &Office, ownership: Option<Ownership>| {
        let change = Change { families: [(ModelFamily::Ipad, ownership)].into(), group: None };
        office.school.write(move |tx| rules::change(tx, &Actor::Console, change));
    };
    may(&office, Some(Ownership::Own));
    office.turn(Some(Cut::After(0)));
    assert_eq!(office.server().discovery_url, "", "what is not stored is told again");
    office.pass(errands::BUSY_FOR);
    let url = "https://mdm.example.school/.well-known/com.apple.remotemanagement";
    assert_eq!((office.apple().discovery.clone(), office.server().discovery_url), (Some(url.to_owned()), url.to_owned()));
    let asked = office.asked(paths::DISCOVERY);
    office.pass(SYNC_EVERY);
    assert_eq!(office.asked(paths::DISCOVERY), asked, "once is enough");
    may(&office, None);
    office.turn(None);
    assert_eq!((office.apple().discovery.clone(), office.server().discovery_url), (None, String::new()));
}

#[test]
fn an_address_that_apple_does_not_take_is_said_and_hinders_nothing_else() {
    let mut office = Office::with(&[("TESTSN0001", "iPad")]);
    office.turn(None);
    let change = Change { families: [(ModelFamily::Ipad, Some(Ownership::Own))].into(), group: None };
    office.school.write(move |tx| rules::change(tx, &Actor::Console, change));
    office.book.faults.push_back(Fault::refuse(paths::DISCOVERY, 400, "ORG_NOT_SUPPORTED"));
    office.turn(None);
    let server = office.server();
    assert!(server.discovery_problem.contains("kind of organisation") && server.problem.is_empty(), "{server:?}");
    office.add("TESTSN0002", "iPad");
    office.pass(SYNC_EVERY);
    assert_eq!((office.ours().len(), office.asked(paths::DISCOVERY)), (2, 1), "the list is read on");
    office.pass(super::super::days(1));
    assert_eq!((office.server().discovery_problem.as_str(), office.asked(paths::DISCOVERY)), ("", 2));
}
