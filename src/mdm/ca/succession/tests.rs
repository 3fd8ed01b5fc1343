//! When the next root is used, as a table.

use super::*;
use crate::store::authorities::AuthorityState;

fn root(state: AuthorityState, created_at: Timestamp, not_after_at: Timestamp) -> Authority {
    Authority {
        id: state.to_string(),
        state,
        certificate: Vec::new(),
        not_after_at,
        created_at,
        bridge: None,
        used_from_at: None,
        taken_until_at: None,
    }
}

fn noon() -> Timestamp {
    Timestamp::parse("2026-11-25T12:00:00Z").unwrap()
}

const A_MOMENT: Duration = Duration::from_millis(1);

#[test]
fn the_next_root_is_used_when_every_device_knows_it_or_when_it_is_high_time() {
    let (made, end) = (noon(), noon().plus(SUCCEED_BEFORE));
    let (current, next) =
        (root(AuthorityState::Current, made.minus(days(6000)), end), root(AuthorityState::Next, made, end.plus(days(6000))));
    let latest = used_at_latest(&current, &next);
    assert_eq!(latest, end.minus(IDENTITY_LIFETIME).minus(days(90)));
    let known_for = made.plus(KNOWN_FOR);
    let (all, some, none) = (Progress { known: 5, devices: 5 }, Progress { known: 4, devices: 5 }, Progress { known: 0, devices: 0 });
    let table = [
        (all, made, None),
        (all, known_for.minus(A_MOMENT), None),
        (all, known_for, Some(Because::EveryDevice)),
        (none, known_for.minus(A_MOMENT), None),
        (none, known_for, Some(Because::EveryDevice)),
        (some, known_for, None),
        (some, latest.minus(A_MOMENT), None),
        (some, latest, Some(Because::HighTime)),
        (all, latest, Some(Because::HighTime)),
    ];
    for (progress, now, because) in table {
        assert_eq!(decide(&current, &next, progress, now), because, "{progress:?} {now}");
    }
}

#[test]
fn an_identity_issued_at_the_latest_moment_never_outlives_the_root() {
    let (made, end) = (noon(), noon().plus(SUCCEED_BEFORE));
    let (current, next) = (root(AuthorityState::Current, made, end), root(AuthorityState::Next, made, end.plus(SUCCEED_BEFORE)));
    assert!(used_at_latest(&current, &next).plus(LOOK_EVERY).plus(IDENTITY_LIFETIME) < end, "a look late");
    assert!(used_at_latest(&current, &next).since(made) > days(270), "devices have time to fetch it");
}

#[test]
fn a_root_that_was_made_late_is_known_for_a_while_but_not_beyond_the_end_of_the_one_before() {
    let end = noon().plus(days(400));
    let latest =
        |made| used_at_latest(&root(AuthorityState::Current, noon(), end), &root(AuthorityState::Next, made, end.plus(days(7000))));
    assert_eq!(latest(noon()), noon().plus(KNOWN_FOR));
    assert_eq!(latest(end.minus(days(10))), end);
    assert_eq!(latest(end.plus(days(10))), end);
}
