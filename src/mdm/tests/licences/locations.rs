//! Several locations: what cannot be given, who has too many, where a person is known, and what Apple refused.

use std::time::Duration;

use super::{MINUTE, Office, device};
use crate::mdm::Actor;
use crate::mdm::licences::{self, Holder, Licence, ledger, tokens};
use crate::mdm::people::{self, Change, NewPerson};
use crate::protocol::apps_and_books::MdmInfo;
use crate::sim::apple::apps_and_books::{Act, Assignment, Fault};
use crate::store::commands::{self, CommandState, Filter};
use crate::store::content_tokens;
use crate::store::licences::LineFilter;
use crate::store::licences::users::{self, UserState};
use crate::store::people::PersonRole;

const APP: &str = "409203825";

fn person(office: &Office, name: &str) -> String {
    let new = NewPerson { name: name.into(), email: format!("{name}@example.school"), role: PersonRole::Student, active: true };
    office.school.write(move |tx| people::create(tx, &Actor::Console, new)).id
}

fn wants(office: &Office, person_id: &str) {
    let holder = Holder::Person { person_id: person_id.to_owned() };
    office.school.write(move |tx| licences::want(tx, APP, &holder));
}

fn because(licence: Licence) -> String {
    match licence {
        Licence::Short { because, .. } | Licence::Waiting { because } | Licence::Failed { because, .. } => because,
        other => panic!("{other:?}"),
    }
}

fn minutes(office: &mut Office, count: usize) {
    for _ in 0..count {
        office.pass(MINUTE);
    }
}

#[test]
fn seats_of_a_location_that_cannot_give_them_are_not_free_and_what_it_needs_is_said() {
    let mut office = Office::new(&[(APP, 1)]);
    let (text, _) = office.second("Loc B", &[(APP, 4)]);
    minutes(&mut office, 2);
    assert_eq!((office.seats(APP).owned, office.seats(APP).free), (Some(5), Some(5)));
    // Apple revokes the token: a newer one was made.
    office.book.renew(&text, office.school.clock.now().plus(super::super::days(365))).unwrap();
    office.pass(Duration::from_secs(16 * 60));
    assert_eq!(office.seats(APP).free, Some(1));
    office.want(APP, "A1");
    let said = because(office.want(APP, "A2"));
    assert!(said.contains("Renew the content token of “Loc B”") && said.contains("4 licences are free there"), "{said}");
}

#[test]
fn a_location_that_another_server_took_over_or_whose_token_ended_is_named() {
    let mut office = Office::new(&[(APP, 2)]);
    minutes(&mut office, 2);
    office.school.clock.advance(super::super::days(301));
    assert_eq!(office.seats(APP).free, Some(0));
    let said = because(office.want(APP, "E1"));
    assert!(said.contains("Renew the content token of “North building”") && said.contains("it ended on"), "{said}");

    let mut office = Office::new(&[(APP, 2)]);
    minutes(&mut office, 2);
    office.want(APP, "T1");
    office.book.event_takes = Duration::from_secs(10_000);
    office.turn(None);
    let text = office.text.clone();
    office.book.location(&text).unwrap().mdm_info = MdmInfo { id: "other".into(), name: "Old server".into(), metadata: String::new() };
    office.pass(Duration::from_secs(16 * 60));
    assert_eq!(office.seats(APP).free, Some(0));
    let said = because(office.licence(APP, "T1"));
    assert!(said.contains("Another server has taken over"), "{said}");
    let said = because(office.want(APP, "T2"));
    assert!(said.contains("Take “North building” over from “Old server”"), "{said}");
}

#[test]
fn who_has_a_seat_at_two_locations_is_listed_at_both_and_the_second_is_given_back() {
    let mut office = Office::new(&[(APP, 2)]);
    let (text, _) = office.second("Loc B", &[(APP, 2)]);
    minutes(&mut office, 2);
    let first = office.text.clone();
    office.want(APP, "D1");
    minutes(&mut office, 4);
    // The other location has one for the same device too: it was not here meanwhile.
    let has_first = !office.book.assigned(&first).is_empty();
    let other = if has_first { text.clone() } else { first.clone() };
    assert!(office.book.location(&other).unwrap().assign(Assignment::device(APP, "D1")));
    assert_eq!(office.book.assigned(&first).len() + office.book.assigned(&text).len(), 2);
    office.school.clock.advance(Duration::from_secs(16 * 60));
    let ids: Vec<String> = office.texts.keys().cloned().collect();
    office.book.event_takes = Duration::from_secs(90);
    office.turn(None);
    let lines = office.school.write(|tx| ledger::lines(tx, &Actor::Console, &LineFilter::default(), None, 10));
    let listed: Vec<_> = lines.0.iter().map(|held| (held.line.token_id.clone().unwrap(), held.ours)).collect();
    assert_eq!((lines.1, listed.len(), listed.iter().filter(|(_, ours)| *ours).count()), (2, 2, 1), "{listed:?} of {ids:?}");
    assert!(lines.0.iter().any(|held| matches!(&held.licence, Licence::Waiting { because } if because.contains("second licence"))));
    let after = lines.0.first().map(ledger::key).unwrap();
    let rest = office.school.write(move |tx| ledger::lines(tx, &Actor::Console, &LineFilter::default(), Some(&after), 10));
    assert_eq!(rest.0.len(), 1, "a page that ends between the two loses neither");
    let holder = device("D1");
    office.school.write(move |tx| ledger::take_back(tx, &Actor::Console, APP, &holder));
    minutes(&mut office, 10);
    assert!(office.book.assigned(&other).is_empty(), "the surplus went back");
    assert_eq!((office.licence(APP, "D1"), office.seats(APP).in_use), (Licence::Held, 1));
}

#[test]
fn a_surplus_that_apple_does_not_take_back_is_asked_for_once_an_hour() {
    let mut office = Office::new(&[(APP, 2)]);
    let (text, _) = office.second("Loc B", &[(APP, 2)]);
    minutes(&mut office, 2);
    let first = office.text.clone();
    assert!(office.book.location(&first).unwrap().assign(Assignment::device(APP, "D1")));
    assert!(office.book.location(&text).unwrap().assign(Assignment::device(APP, "D1")));
    office.pass(Duration::from_secs(16 * 60));
    office
        .book
        .faults
        .push_back(Fault { path: "/assets/disassociate".into(), act: Act::Refuse { status: 400, number: 9703, retry_after: None } });
    assert_eq!(office.want(APP, "D1"), Licence::Held);
    minutes(&mut office, 50);
    assert_eq!(office.asked("/assets/disassociate"), 1);
    minutes(&mut office, 60);
    assert_eq!(office.asked("/assets/disassociate"), 2);
    assert_eq!(office.licence(APP, "D1"), Licence::Held);
}

#[test]
fn a_person_whom_a_location_knows_already_is_listed_there_and_retired_with_the_person() {
    let mut office = Office::new(&[(APP, 2)]);
    let kim = person(&office, "kim");
    wants(&office, &kim);
    minutes(&mut office, 6);
    let (first, id) = (office.text.clone(), office.id.clone());
    assert!(office.book.accept_invitation(&first, &kim));
    // The location leaves and comes back: nothing of it was kept here.
    office.school.write(move |tx| tokens::remove(tx, &Actor::Console, &id));
    office.texts.clear();
    office.id = office.bring_text(&first);
    let (id, who) = (office.id.clone(), kim.clone());
    let holder = Holder::Person { person_id: kim.clone() };
    office.school.write(move |tx| licences::release(tx, APP, &holder));
    minutes(&mut office, 2);
    let user = office.school.write(move |tx| users::of(tx, &id, &who)).expect("it is listed");
    assert_eq!((user.state, user.known, user.invited_at), (UserState::Associated, true, None));
    let gone = kim.clone();
    office.school.write(move |tx| people::delete(tx, &Actor::Console, &gone));
    minutes(&mut office, 6);
    let (id, who) = (office.id.clone(), kim.clone());
    assert_eq!(office.school.write(move |tx| users::of(tx, &id, &who)).unwrap().state, UserState::Retired);
    let id = office.id.clone();
    let forgotten = office.school.write(move |tx| Ok((users::forget_retired(tx, 10)?, users::of(tx, &id, &kim)?.is_none())));
    assert_eq!(forgotten, (1, true), "there is nothing left to say of them");
}

#[test]
fn a_person_gets_the_next_licence_where_they_are_known() {
    let mut office = Office::new(&[(APP, 2), ("409201541", 1)]);
    let kim = person(&office, "kim");
    wants(&office, &kim);
    minutes(&mut office, 4);
    // Another location has more left.
    office.second("Loc B", &[("409201541", 50)]);
    minutes(&mut office, 4);
    let holder = Holder::Person { person_id: kim.clone() };
    office.school.write(move |tx| licences::want(tx, "409201541", &holder));
    let known = office.school.write(move |tx| users::of_person(tx, &kim));
    assert_eq!(known.iter().map(|user| &user.token_id).collect::<Vec<_>>(), [&office.id]);
}

#[test]
fn an_invitation_goes_to_each_device_that_has_not_had_it_and_once_to_each() {
    let mut office = Office::new(&[(APP, 2)]);
    let kim = person(&office, "kim");
    let invited = |office: &Office, enrollment: &str| {
        let id = enrollment.to_owned();
        let list = move |tx: &crate::store::Tx| commands::list(tx, &Filter { enrollment_id: Some(&id), ..Filter::default() }, None, 100);
        let all = office.school.write(list).into_iter();
        all.filter(|command| command.request_type == "InviteToProgram").map(|command| command.seq).collect::<Vec<_>>()
    };
    wants(&office, &kim);
    minutes(&mut office, 6);
    // The device comes to the person only now.
    let enrollment = office.school.enrolled("00008030-00AA11BB22CC3001").enrollment();
    let (device, owner) = (enrollment.device_id.clone(), kim.clone());
    office.school.write(move |tx| crate::store::people::set_person(tx, &device, Some(&owner)));
    for _ in 0..3 {
        office.pass(Duration::from_secs(16 * 60));
    }
    let first = invited(&office, &enrollment.id);
    assert_eq!(first.len(), 1, "once, however often Apple's list is read");
    office.school.write(move |tx| commands::finish(tx, first[0], CommandState::Acknowledged, "", None));
    // Whoever was away is invited anew.
    for active in [false, true] {
        let who = kim.clone();
        office.school.write(move |tx| people::change(tx, &Actor::Console, &who, Change { active: Some(active), ..Change::default() }));
        if active {
            wants(&office, &kim);
        }
        minutes(&mut office, 8);
    }
    for _ in 0..2 {
        office.pass(Duration::from_secs(16 * 60));
    }
    assert_eq!(invited(&office, &enrollment.id).len(), 2);
}

#[test]
fn what_apple_said_of_a_device_is_kept_and_it_is_asked_for_again_in_time() {
    let mut office = Office::new(&[(APP, 12)]);
    minutes(&mut office, 2);
    office.book.refused.insert("S1".into(), 9709);
    office.want(APP, "S1");
    office.turn(None);
    office.pass(Duration::from_secs(31));
    let said = because(office.licence(APP, "S1"));
    assert!(said.contains("Apple is asked again at") && !said.contains("are taken"), "{said}");
    let asked = office.asked("/assets/associate");
    office.pass(Duration::from_secs(61));
    assert_eq!(office.asked("/assets/associate"), asked + 1, "at the time that was said");
    office.book.refused.clear();
    office.book.ghosts.insert("G1".into());
    office.want(APP, "G1");
    let mut said = Vec::new();
    for _ in 0..6 {
        office.pass(MINUTE);
        said.extend(Some(office.licence(APP, "G1")).filter(|licence| *licence != Licence::Held).map(because));
    }
    assert!(said.iter().any(|said| said.contains("does not list it") && said.contains("Apple is asked again at")), "{said:?}");
}

#[test]
fn an_older_token_takes_a_newer_ones_place_only_where_it_is_meant() {
    let mut office = Office::new(&[(APP, 2)]);
    let id = office.id.clone();
    office.school.write(move |tx| {
        let mut token = content_tokens::by_id(tx, &id)?.unwrap();
        token.expires_at = tx.now.plus(super::super::days(365));
        content_tokens::update(tx, &token)
    });
    let refused = office.try_bring().unwrap_err().message;
    assert!(refused.contains("“North building” ends on") && refused.contains("and the one that is here on"), "{refused}");
    let end = |office: &Office| {
        let id = office.id.clone();
        office.school.write(move |tx| content_tokens::by_id(tx, &id)).unwrap().expires_at
    };
    assert_eq!(end(&office), office.school.clock.now().plus(super::super::days(365)), "nothing changed");
    office.older = true;
    office.try_bring().unwrap();
    assert_eq!(end(&office), office.school.clock.now().plus(super::super::days(300)));
}
