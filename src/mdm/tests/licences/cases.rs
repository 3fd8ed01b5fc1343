//! The ways of licences, one by one.

use std::time::Duration;

use super::{Cut, MINUTE, Office, device};
use crate::mdm::Actor;
use crate::mdm::licences::{self, Holder, Licence, codes, ledger, tokens};
use crate::mdm::people::{self, NewPerson};
use crate::protocol::apps_and_books::UNLIMITED;
use crate::sim::apple::apps_and_books::{Act, Assignment, Churn, Fault};
use crate::store::enrollments::Enrollment;
use crate::store::licences::LineFilter;
use crate::store::licences::users::{self, UserState};
use crate::store::people::PersonRole;

const APP: &str = "409203825";

fn is_waiting(licence: &Licence) -> bool {
    matches!(licence, Licence::Waiting { .. })
}

#[test]
fn an_answer_of_200_is_no_licence_and_only_complete_is() {
    // C28: PENDING three times, then COMPLETE.
    let mut office = Office::new(&[(APP, 5)]);
    office.book.event_takes = Duration::from_secs(100);
    office.pass(MINUTE);
    assert!(is_waiting(&office.want(APP, "testsn0001")));
    office.turn(None);
    assert_eq!(office.asked("/assets/associate"), 1);
    for _ in 0..3 {
        office.pass(Duration::from_secs(30));
        assert!(is_waiting(&office.licence(APP, "TESTSN0001")), "PENDING is not assigned");
    }
    assert_eq!(office.asked("/status"), 3, "looked at every 30 seconds");
    office.pass(Duration::from_secs(30));
    assert_eq!(office.licence(APP, "TESTSN0001"), Licence::Held);
    let seats = office.seats(APP);
    assert_eq!((seats.owned, seats.in_use, seats.reserved, seats.free), (Some(5), 1, 0, Some(4)));
}

#[test]
fn a_failure_is_its_devices_alone_and_a_ghost_is_found_out() {
    // C28, variants: FAILED with one serial; a bogus serial that is COMPLETE.
    let mut office = Office::new(&[(APP, 10)]);
    office.book.refused.insert("BAD1".into(), 9716);
    office.book.ghosts.insert("GHOST1".into());
    for serial in ["GOOD1", "GOOD2", "BAD1", "GHOST1"] {
        office.want(APP, serial);
    }
    office.pass(MINUTE);
    office.pass(MINUTE);
    assert_eq!(office.licence(APP, "GOOD1"), Licence::Held);
    assert_eq!(office.licence(APP, "GOOD2"), Licence::Held);
    let Licence::Failed { because, until: None } = office.licence(APP, "BAD1") else { panic!("{:?}", office.licence(APP, "BAD1")) };
    assert!(because.contains("9716"), "{because}");
    assert_eq!(office.asked("/assets/associate"), 1, "all in one request");
    for _ in 0..60 {
        office.pass(Duration::from_secs(3600));
    }
    let Licence::Failed { because, until: Some(_) } = office.licence(APP, "GHOST1") else { panic!("{:?}", office.licence(APP, "GHOST1")) };
    assert!(because.contains("does not list it"), "{because}");
    office.book.refused.clear();
    let holder = device("bad1");
    office.school.write(move |tx| ledger::ask_again(tx, &Actor::Console, APP, &holder));
    office.pass(MINUTE);
    office.pass(MINUTE);
    assert_eq!(office.licence(APP, "BAD1"), Licence::Held);
}

#[test]
fn requests_keep_to_the_limits_that_the_service_says() {
    let mut office = Office::new(&[(APP, 100), ("409201541", 100), ("1500000001", 100)]);
    office.book.limits.max_serial_numbers = 10;
    office.book.limits.max_assets = 2;
    office.pass(Duration::from_secs(25 * 3600));
    for number in 0..20 {
        for app in [APP, "409201541", "1500000001"] {
            office.want(app, &format!("SN{number:03}"));
        }
    }
    office.turn(None);
    // The limits are known since the day turned; 3 apps for 20 devices, 10 devices and 2 apps at a time.
    assert_eq!(office.asked("/assets/associate"), 6);
    office.pass(MINUTE);
    for app in [APP, "409201541", "1500000001"] {
        assert_eq!(office.seats(app).in_use, 20);
    }
}

#[test]
fn the_shortage_is_said_and_the_next_in_line_gets_what_comes_free() {
    let mut office = Office::new(&[(APP, 2)]);
    office.pass(MINUTE);
    for serial in ["A1", "A2", "A3", "A4"] {
        office.want(APP, serial);
        office.school.clock.advance(Duration::from_secs(1));
    }
    let Licence::Short { by: 2, because } = office.licence(APP, "A4") else { panic!("{:?}", office.licence(APP, "A4")) };
    assert_eq!(because, "All 2 licences are taken; get more in Apple's portal.");
    office.pass(MINUTE);
    office.pass(MINUTE);
    office.release(APP, "A1");
    office.pass(MINUTE);
    office.pass(MINUTE);
    office.pass(MINUTE);
    assert_eq!((office.licence(APP, "A1"), office.licence(APP, "A3")), (Licence::None, Licence::Held));
    assert!(matches!(office.licence(APP, "A4"), Licence::Short { by: 1, .. }));
    let text = office.text.clone();
    office.book.buy(&text, APP, 3);
    office.pass(Duration::from_secs(1000));
    office.pass(MINUTE);
    assert_eq!(office.licence(APP, "A4"), Licence::Held, "more were bought");
}

#[test]
fn free_apps_are_unlimited_and_never_added_up() {
    let mut office = Office::new(&[(APP, UNLIMITED)]);
    office.pass(MINUTE);
    for number in 0..50 {
        office.want(APP, &format!("F{number}"));
    }
    office.pass(MINUTE);
    office.pass(MINUTE);
    let seats = office.seats(APP);
    assert_eq!((seats.owned, seats.in_use, seats.free, seats.short), (None, 50, None, 0));
    let id = office.id.clone();
    assert_eq!(office.school.write(move |tx| tokens::find(tx, &Actor::Console, &id)).owned, 0);
}

#[test]
fn a_lost_answer_and_a_cut_off_turn_are_healed_by_apples_book() {
    let mut office = Office::new(&[(APP, 5)]);
    office.pass(MINUTE);
    office.book.faults.push_back(Fault { path: "/assets/associate".into(), act: Act::LoseAnswer });
    office.want(APP, "L1");
    office.turn(None);
    assert!(is_waiting(&office.licence(APP, "L1")));
    office.pass(Duration::from_secs(90));
    assert_eq!(office.licence(APP, "L1"), Licence::Held, "the deed was done, only its answer was lost");
    assert_eq!(office.asked("/assets/associate"), 1, "and nothing was asked twice");

    office.want(APP, "L2");
    office.turn(Some(Cut::Before(0)));
    office.turn(None);
    assert!(is_waiting(&office.licence(APP, "L2")), "whoever was cut off still has it for a while");
    office.pass(Duration::from_secs(130));
    office.pass(MINUTE);
    assert_eq!(office.licence(APP, "L2"), Licence::Held);
    office.want(APP, "L3");
    office.turn(Some(Cut::After(0)));
    office.pass(Duration::from_secs(130));
    office.pass(MINUTE);
    assert_eq!(office.licence(APP, "L3"), Licence::Held);
    assert_eq!(office.seats(APP).in_use, 3);
}

#[test]
fn what_was_assigned_elsewhere_is_counted_and_taken_back_only_when_an_admin_asks() {
    let mut office = Office::new(&[(APP, 2)]);
    let text = office.text.clone();
    office.book.location(&text).unwrap().assign(Assignment::device(APP, "THEIRS"));
    office.pass(MINUTE);
    let seats = office.seats(APP);
    assert_eq!((seats.in_use, seats.free), (1, Some(1)));
    assert_eq!(office.licence(APP, "THEIRS"), Licence::Held);
    office.release(APP, "THEIRS");
    office.pass(Duration::from_secs(3600));
    assert_eq!(office.seats(APP).in_use, 1, "it is none of ours to give back");
    let list = |office: &Office| {
        office
            .school
            .write(|tx| ledger::lines(tx, &Actor::Console, &LineFilter::default(), None, 10))
            .0
            .into_iter()
            .map(|held| (held.line.holder, held.ours))
            .collect::<Vec<_>>()
    };
    assert_eq!(list(&office), [("THEIRS".to_owned(), false)]);
    let holder = device("theirs");
    office.school.write(move |tx| ledger::take_back(tx, &Actor::Console, APP, &holder));
    office.pass(MINUTE);
    office.pass(MINUTE);
    assert_eq!((office.seats(APP).in_use, list(&office)), (0, Vec::new()));
    office.book.location(&text).unwrap().assign(Assignment::device(APP, "MINE"));
    office.pass(Duration::from_secs(1000));
    assert_eq!(office.want(APP, "MINE"), Licence::Held, "who has it already needs nothing of Apple");
}

#[test]
fn a_person_is_made_known_invited_and_retired_and_the_licence_serves_another() {
    let mut office = Office::new(&[(APP, 1)]);
    office.pass(MINUTE);
    let make = |office: &Office, name: &str| {
        let new = NewPerson { name: name.into(), email: format!("{name}@example.school"), role: PersonRole::Student, active: true };
        office.school.write(move |tx| people::create(tx, &Actor::Console, new)).id
    };
    let (kim, ada) = (make(&office, "kim"), make(&office, "ada"));
    let person = |id: &str| Holder::Person { person_id: id.to_owned() };
    let licence = |office: &Office, id: &str| {
        let holder = person(id);
        office.school.write(move |tx| licences::licence(tx, APP, &holder))
    };
    for id in [&kim, &ada] {
        let holder = person(id);
        office.school.write(move |tx| licences::want(tx, APP, &holder));
    }
    for _ in 0..6 {
        office.pass(MINUTE);
    }
    let Licence::Waiting { because } = licence(&office, &kim) else { panic!("{:?}", licence(&office, &kim)) };
    assert!(because.contains("invitation"), "{because}");
    let (token, id) = (office.id.clone(), kim.clone());
    let known = office.school.write(move |tx| licences::invitations::list(tx, &Actor::Console, &token));
    let link = known.iter().find(|known| known.user.person_id == id).unwrap().link.clone().unwrap();
    assert!(link.expose().contains("inviteCode=") && !link.expose().contains("%25"), "{}", link.expose());
    let text = office.text.clone();
    assert!(office.book.accept_invitation(&text, &kim));
    office.pass(Duration::from_secs(1000));
    assert_eq!(licence(&office, &kim), Licence::Held);
    assert!(matches!(licence(&office, &ada), Licence::Short { by: 1, .. }));

    let account = ada.clone();
    office.school.write(move |tx| crate::store::people::set_managed_apple_id(tx, &account, "ada@appleaccount.example.school"));
    let gone = kim.clone();
    office.school.write(move |tx| people::delete(tx, &Actor::Console, &gone));
    for _ in 0..10 {
        office.pass(MINUTE);
    }
    assert_eq!(licence(&office, &ada), Licence::Held, "a Managed Apple Account needs no invitation");
    let (token, id) = (office.id.clone(), kim.clone());
    assert_eq!(office.school.write(move |tx| users::of(tx, &token, &id)).unwrap().state, UserState::Retired);
}

#[test]
fn each_code_is_given_once_and_to_the_same_enrollment_the_same_one() {
    let office = Office::new(&[]);
    let first = office.school.enrolled("00008030-00AA11BB22CC3001").enrollment();
    let given = office.school.write(move |tx| {
        let sheet = codes::tests::SHEET.as_bytes();
        assert_eq!(
            codes::import(tx, &Actor::Console, "361285480", sheet)?,
            codes::Imported { added: 2, redeemed: 1, ..codes::Imported::default() }
        );
        assert_eq!(
            codes::import(tx, &Actor::Console, "361285480", sheet)?,
            codes::Imported { known: 2, redeemed: 1, ..codes::Imported::default() }
        );
        assert_eq!(codes::import(tx, &Actor::Console, "1", b"Code\nX9JW3KEYNOTE\n")?.moved, 1, "it had been brought for the wrong app");
        assert_eq!(codes::import(tx, &Actor::Console, "361285480", sheet)?.moved, 1);
        let mut given = Vec::new();
        for id in ["a", "b", "a", "c"] {
            let enrollment = Enrollment { id: id.to_owned(), ..first.clone() };
            given.push(codes::take(tx, "361285480", &enrollment)?.map(|code| code.expose().clone()));
        }
        assert!(codes::take(tx, "1", &first)?.is_none(), "codes of one app are no other's");
        assert_eq!(codes::import(tx, &Actor::Console, "1", sheet)?.elsewhere, 2, "they were given away");
        Ok(given)
    });
    assert_eq!((&given[0], &given[3]), (&given[2], &None));
    assert!(given[0].is_some() && given[1].is_some() && given[0] != given[1]);
}

#[test]
fn a_sheet_that_calls_a_code_redeemed_takes_it_out_unless_a_device_was_given_it_and_small_letters_are_the_same() {
    let office = Office::new(&[]);
    let device = office.school.enrolled("00008030-00AA11BB22CC3001").enrollment();
    let (count, again, given) = office.school.write(move |tx| {
        let import = |sheet: &str| codes::import(tx, &Actor::Console, APP, sheet.as_bytes());
        assert_eq!(import("Code\nAAAA1111\nBBBB2222\nCCCC3333\n")?.added, 3);
        assert_eq!(import("Code\naaaa1111\nBbbB2222\n")?, codes::Imported { known: 2, ..codes::Imported::default() });
        let given = codes::take(tx, APP, &device)?.unwrap().expose().clone();
        // The device's own, and one of the others, were redeemed.
        let other = ["AAAA1111", "BBBB2222", "CCCC3333"].into_iter().find(|code| *code != given).unwrap();
        let sheet = format!("Code,Status\n{given},Redeemed\n{},Redeemed\n", other.to_lowercase());
        let wanted = codes::Imported { redeemed: 2, used_elsewhere: 1, ..codes::Imported::default() };
        assert_eq!(import(&sheet)?, wanted);
        let count = codes::list(tx, &Actor::Console)?.remove(0).0;
        let again = import(&sheet)?.used_elsewhere;
        let stays = codes::take(tx, APP, &device)?.unwrap().expose().clone();
        Ok((count, again, given == stays))
    });
    assert_eq!((count.imported, count.left), (3, 1));
    assert_eq!((again, given), (0, true), "it is taken out once, and what a device was given stays that device's");
}

#[test]
fn a_device_that_leaves_gives_its_licences_back_and_another_gets_them() {
    let mut office = Office::new(&[(APP, 1)]);
    office.pass(MINUTE);
    let enrollment = office.school.enrolled("00008030-00AA11BB22CC3001").enrollment();
    office.want(APP, "TESTSN0001");
    office.want(APP, "OTHER1");
    office.pass(MINUTE);
    office.pass(MINUTE);
    assert_eq!(office.licence(APP, "TESTSN0001"), Licence::Held);
    let id = enrollment.device_id;
    office.school.write(move |tx| crate::mdm::devices::retire(tx, &Actor::Console, &id));
    for _ in 0..4 {
        office.pass(MINUTE);
    }
    assert_eq!((office.licence(APP, "TESTSN0001"), office.licence(APP, "OTHER1")), (Licence::None, Licence::Held));
}

#[test]
fn a_book_that_changes_while_it_is_read_loses_nobody_their_licence() {
    let mut office = Office::new(&[(APP, 20)]);
    office.book.page_lines = 2;
    for number in 0..8 {
        office.want(APP, &format!("C{number}"));
    }
    office.pass(MINUTE);
    office.pass(MINUTE);
    let text = office.text.clone();
    // While the pages are read, lines in front of them go away, so that later ones slip onto pages that were read already.
    office.book.location(&text).unwrap().assign(Assignment::device(APP, "A0"));
    office.book.location(&text).unwrap().assign(Assignment::device(APP, "A1"));
    for serial in ["X", "X", "A0", "A1"] {
        office.book.churn.push_back(Churn::Withdraw(Assignment::device(APP, serial)));
    }
    let asked = office.asked("/assets/associate");
    // A day later all of it is read, not only what changed.
    office.pass(Duration::from_secs(25 * 3600));
    for number in 0..8 {
        assert_eq!(office.licence(APP, &format!("C{number}")), Licence::Held, "{number}");
    }
    office.pass(Duration::from_secs(1000));
    assert_eq!((office.seats(APP).in_use, office.asked("/assets/associate")), (8, asked), "and nothing was asked for again");
}

#[test]
fn who_stands_in_apples_book_before_the_event_is_over_takes_one_seat_and_not_two() {
    let mut office = Office::new(&[(APP, 2)]);
    office.pass(MINUTE);
    office.want(APP, "B1");
    office.book.event_takes = Duration::from_secs(10_000);
    office.turn(None);
    assert_eq!((office.seats(APP).reserved, office.seats(APP).free), (1, Some(1)));
    // It is assigned already; the event says so later.
    let text = office.text.clone();
    assert!(office.book.location(&text).unwrap().assign(Assignment::device(APP, "B1")));
    let id = office.id.clone();
    office.school.write(move |tx| licences::errands::hurry(tx, &id));
    office.turn(None);
    let seats = office.seats(APP);
    assert_eq!((seats.in_use, seats.reserved, seats.free), (1, 0, Some(1)));
    assert!(matches!(office.licence(APP, "B1"), Licence::Waiting { .. }), "Apple has not said that it is done");
    assert!(matches!(office.want(APP, "B2"), Licence::Waiting { .. }), "the other seat can be given");
    office.book.finish_all();
    office.pass(Duration::from_secs(31));
    office.pass(MINUTE);
    let seats = office.seats(APP);
    assert_eq!((office.licence(APP, "B1"), seats.in_use, seats.reserved, seats.free), (Licence::Held, 1, 1, Some(0)));
}
