//! Whatever is cut off, lost or refused at whatever step: in the end what Apple has is known here, once, and each device has its profile.

use std::time::Duration;

use serde_json::json;

use super::{Cut, MINUTE, Office};
use crate::mdm::ade::FETCH_EVERY;
use crate::protocol::ade::paths;
use crate::random::Random;
use crate::sim::apple::ade::{Act, Fault};
use crate::store::ade_servers::Phase;

/// Somebody does something in the portal, or at Apple's.
fn disturb(office: &mut Office, random: &Random, turn: u64) {
    let now = office.now();
    let serial = format!("TESTSN{:04}", random.below(40));
    match random.below(8) {
        0..=2 => office.add(&serial, if random.below(3) == 0 { "Mac" } else { "iPad" }),
        3 => office.apple().remove(&serial, now),
        4 => office.apple().modify(&serial, &json!({ "asset_tag": format!("tag {turn}") }), now),
        5 => office.apple().modify(&serial, &json!({ "profile_status": "removed", "profile_uuid": "" }), now),
        6 => drop(office.apple().throttled.insert(serial, 120)),
        _ => office.apple().throttled.clear(),
    }
}

fn mishap(office: &mut Office, random: &Random) {
    let path = [paths::FETCH, paths::SYNC, paths::ASSIGN, paths::PROFILE, paths::ACCOUNT, paths::SESSION][random.below(6) as usize];
    let fault = match random.below(8) {
        0 => Fault::of(path, Act::LoseAnswer),
        1 => Fault::of(path, Act::LoseRequest),
        2 => Fault::of(path, Act::EndSession),
        3 => Fault::of(paths::SYNC, Act::SamePlace),
        4 => Fault::refuse(paths::SYNC, 400, "EXPIRED_CURSOR"),
        5 => Fault::refuse(paths::FETCH, 400, "INVALID_CURSOR"),
        6 => Fault::refuse(path, 500, "oh"),
        _ => return,
    };
    office.book.faults.push_back(fault);
}

fn cut(random: &Random) -> Option<Cut> {
    let at = random.below(5) as usize;
    match random.below(4) {
        0 => Some(Cut::Before(at)),
        1 => Some(Cut::After(at)),
        _ => None,
    }
}

/// Everything comes to rest, and what is known is what Apple has.
fn agree(office: &mut Office, seed: u64) {
    office.book.faults.clear();
    office.apple().throttled.clear();
    // Longer than any wait, and than the whole list's turn.
    for _ in 0..6 {
        office.pass(Duration::from_secs(25 * 3600));
    }
    let devices = office.apple().devices.clone();
    assert_eq!(office.ours(), devices.keys().cloned().collect::<Vec<_>>(), "seed {seed}");
    for (serial, at_apple) in devices {
        let known = office.device(&serial).unwrap();
        let text = |name: &str| at_apple.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
        // A tag that Apple does not mention any more stays: nothing said erases nothing.
        if at_apple.contains_key("asset_tag") {
            assert_eq!(known.asset_tag, text("asset_tag"), "seed {seed} {serial}");
        }
        assert_eq!((known.profile_uuid.clone(), known.profile_status.as_str()), (text("profile_uuid"), "assigned"), "seed {seed} {serial}");
        assert!(known.profile_id.is_some() && known.retry_at.is_none(), "seed {seed} {serial}");
    }
    assert_eq!((office.server().phase, office.alerts(), office.book.disowned), (Phase::Sync, Vec::new(), 0), "seed {seed}");
}

#[test]
fn a_reading_cut_off_anywhere_loses_nothing_and_doubles_nothing() {
    for seed in 0..12 {
        let random = Random::seeded(seed);
        let mut office = Office::new();
        office.book.page_lines = 1 + random.below(4) as usize;
        office.profile("classroom_ipad", "");
        office.profile("staff_mac", "Mac");
        for turn in 0..40 {
            for _ in 0..random.below(4) {
                disturb(&mut office, &random, turn);
            }
            if random.below(3) == 0 {
                mishap(&mut office, &random);
            }
            office.turn(cut(&random));
            let step = [MINUTE, 16 * MINUTE, 3 * 60 * MINUTE, FETCH_EVERY][[0, 0, 1, 1, 1, 2, 2, 3][random.below(8) as usize]];
            office.school.clock.advance(step);
        }
        agree(&mut office, seed);
    }
}

#[test]
fn a_first_reading_killed_at_each_step_in_turn_ends_the_same() {
    let whole = |cuts: &[Cut]| {
        let mut office = Office::new();
        office.book.page_lines = 2;
        for number in 0..7 {
            office.add(&format!("TESTSN{number:04}"), "iPad");
        }
        office.profile("classroom_ipad", "");
        for cut in cuts {
            office.turn(Some(*cut));
            office.school.clock.advance(3 * MINUTE);
        }
        office.turn(None);
        agree(&mut office, 0);
        office.apple().assignments.values().copied().max().unwrap()
    };
    assert_eq!(whole(&[]), 1);
    for step in 0..8 {
        assert_eq!(whole(&[Cut::Before(step)]), 1, "step {step}");
        assert!(whole(&[Cut::After(step)]) <= 2, "what was done and not heard of is done once more at the most: step {step}");
        whole(&[Cut::After(step), Cut::After(0), Cut::Before(1), Cut::After(step)]);
    }
}
