//! Whatever happens in whatever order, no seat is given twice, and in the end this server's book is Apple's.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::{Cut, MINUTE, Office};
use crate::mdm::licences::Licence;
use crate::sim::apple::apps_and_books::{Act, Assignment, Churn, Fault};
use crate::store::licences::{self as rows, HolderKind, Stage, assets, book};

const APPS: [&str; 3] = ["409203825", "409201541", "1500000001"];
const SERIALS: [&str; 7] = ["SN1", "SN2", "SN3", "SN4", "SN5", "SN6", "SN7"];

#[derive(Debug, Clone)]
enum Step {
    Want(usize, usize),
    Release(usize, usize),
    Turn,
    Cut(Cut),
    Fault(&'static str, Act),
    /// Somebody else assigns or takes back, now or while pages are read.
    Elsewhere(bool, bool, usize, usize),
    Buy(usize, u32),
    Pass(u64),
    SlowEvents(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let pair = || (0..APPS.len(), 0..SERIALS.len());
    let act = prop_oneof![
        Just(Act::LoseAnswer),
        Just(Act::LoseRequest),
        Just(Act::Refuse { status: 500, number: 9603, retry_after: None }),
        Just(Act::Refuse { status: 503, number: 0, retry_after: Some(String::from("7")) }),
        Just(Act::Refuse { status: 200, number: 9646, retry_after: None }),
    ];
    let path = prop_oneof![Just("/assets/associate"), Just("/assets/disassociate"), Just("/status"), Just("/assignments"), Just("")];
    prop_oneof![
        6 => pair().prop_map(|(app, serial)| Step::Want(app, serial)),
        4 => pair().prop_map(|(app, serial)| Step::Release(app, serial)),
        6 => Just(Step::Turn),
        2 => (any::<bool>(), 0..4_usize).prop_map(|(before, at)| Step::Cut(if before { Cut::Before(at) } else { Cut::After(at) })),
        2 => (path, act).prop_map(|(path, act)| Step::Fault(path, act)),
        2 => (any::<bool>(), any::<bool>(), 0..APPS.len(), 0..SERIALS.len()).prop_map(|(assign, now, app, serial)| Step::Elsewhere(assign, now, app, serial)),
        1 => (0..APPS.len(), 0..8_u32).prop_map(|(app, total)| Step::Buy(app, total)),
        4 => prop_oneof![Just(5), Just(31), Just(130), Just(700), Just(4000)].prop_map(Step::Pass),
        1 => prop_oneof![Just(1), Just(90), Just(900)].prop_map(Step::SlowEvents),
    ]
}

fn take(office: &mut Office, step: &Step) {
    match step {
        Step::Want(app, serial) => drop(office.want(APPS[*app], SERIALS[*serial])),
        Step::Release(app, serial) => office.release(APPS[*app], SERIALS[*serial]),
        Step::Turn => office.turn(None),
        Step::Cut(cut) => office.turn(Some(*cut)),
        Step::Fault(path, act) => office.book.faults.push_back(Fault { path: (*path).to_owned(), act: act.clone() }),
        Step::Elsewhere(assign, now, app, serial) => {
            let held = Assignment::device(APPS[*app], SERIALS[*serial]);
            if *now {
                let text = office.text.clone();
                let location = office.book.location(&text).unwrap();
                let _ = if *assign { location.assign(held) } else { location.withdraw(&held) };
            } else {
                office.book.churn.push_back(if *assign { Churn::Assign(held) } else { Churn::Withdraw(held) });
            }
        }
        Step::Buy(app, total) => {
            let text = office.text.clone();
            let used = office.book.assigned(&text).iter().filter(|held| held.adam_id == APPS[*app]).count() as u32;
            // Nobody can sell what is in use.
            office.book.buy(&text, APPS[*app], (*total).max(used));
        }
        Step::Pass(seconds) => office.pass(Duration::from_secs(*seconds)),
        Step::SlowEvents(seconds) => office.book.event_takes = Duration::from_secs(*seconds),
    }
}

/// What has to be so at every moment.
fn check_counts(office: &Office, alone: bool) {
    let id = office.id.clone();
    let (owned, lines, rows) =
        office.school.write(move |tx| Ok((assets::of_token(tx, &id)?, book::of_token(tx, &id)?, rows::of_token(tx, &id)?)));
    for asset in owned {
        let listed = lines.iter().filter(|line| line.key == asset.key).count();
        // Who is in the book while Apple still has to say how it went has one seat, not two.
        let reserved = rows.iter().filter(|row| {
            matches!(row.stage, Stage::Open | Stage::Asked)
                && row.asset().as_ref() == Some(&asset.key)
                && !lines.iter().any(|line| line.key == asset.key && line.holder_kind == row.holder_kind && line.holder == row.holder)
        });
        let reserved = reserved.count();
        assert_eq!((asset.listed as usize, asset.reserved as usize), (listed, reserved), "the counters are the rows: {asset:?}");
        if alone {
            assert!((listed + reserved) as u32 <= asset.owned.unwrap(), "a seat was given twice: {asset:?}");
        }
    }
}

/// What has to be so when nothing is lost any more and all had time.
fn check_end(office: &mut Office) {
    let text = office.text.clone();
    let apples = office.book.assigned(&text);
    let id = office.id.clone();
    let ours: BTreeSet<_> = office
        .school
        .write(move |tx| book::of_token(tx, &id))
        .into_iter()
        .map(|line| Assignment { is_device: line.holder_kind == HolderKind::Device, ..assignment(&line.key.adam_id, &line.holder) })
        .collect();
    assert_eq!(ours, apples, "the book here is Apple's");
    for app in APPS {
        let seats = office.seats(app);
        for serial in SERIALS {
            let row = office.school.write(move |tx| rows::of(tx, app, HolderKind::Device, serial));
            let has = apples.contains(&assignment(app, serial));
            match row {
                Some(row) if !row.wanted => panic!("{app} of {serial} should have been given back: {row:?}"),
                Some(row) if has => assert_eq!(office.licence(app, serial), Licence::Held, "{row:?}"),
                Some(row) => {
                    let short = matches!(office.licence(app, serial), Licence::Short { .. });
                    assert!(short && seats.free == Some(0), "{app} of {serial} could have been held: {row:?}, {seats:?}");
                }
                None => {}
            }
        }
    }
}

fn assignment(app: &str, serial: &str) -> Assignment {
    Assignment::device(app, serial)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_seat_is_given_twice_and_in_the_end_the_book_is_apples(steps in prop::collection::vec(step(), 1..60), page in 1..5_usize) {
        let mut office = Office::new(&[(APPS[0], 3), (APPS[1], 5), (APPS[2], 7)]);
        office.book.page_lines = page;
        office.pass(MINUTE);
        let alone = !steps.iter().any(|step| matches!(step, Step::Elsewhere(..) | Step::Buy(..)));
        for step in &steps {
            take(&mut office, step);
            check_counts(&office, alone);
        }
        office.book.faults.clear();
        office.book.churn.clear();
        office.book.event_takes = Duration::from_secs(1);
        for hours in [1, 1, 1, 1, 7, 7, 7, 25, 25, 1, 1, 1, 7, 1, 1] {
            for _ in 0..3 {
                office.pass(Duration::from_secs(120));
            }
            office.pass(Duration::from_secs(hours * 3600));
        }
        check_counts(&office, false);
        check_end(&mut office);
        prop_assert!(!alone || office.book.overdrawn == 0, "Apple was asked for more than there was");
    }
}
