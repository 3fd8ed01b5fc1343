//! Apps as a state machine: licences, questions, refusals, updates, and the hand-over between the mechanisms.

mod property;
mod updates;

use super::*;
use crate::mdm::reconcile::step::Loss;
use crate::protocol::error_chain::CauseKind;
use crate::protocol::report::apps::ManagedState;

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

fn row() -> AppState {
    AppState {
        name: "Atlas".into(),
        adam_id: "1".into(),
        bundle_id: "school.example.atlas".into(),
        ..AppState::absent("a", Mechanism::Command, NOW)
    }
}

fn facts(digest: Option<&str>) -> Facts {
    Facts {
        want: digest.map(|digest| Want { digest: digest.into(), installs: true, newest: None }),
        licence: LicenceFact::Held,
        take_over: true,
        ..Facts::of_nothing()
    }
}

fn newest(number: i64) -> Facts {
    let mut facts = facts(Some("d"));
    facts.want = facts.want.map(|want| Want { newest: Some(Newest { external: Some(number), version: String::new() }), ..want });
    facts
}

fn taken(state: Option<ManagedState>) -> Answer {
    Answer::Taken { state, bundle_id: Some("school.example.atlas".into()) }
}

fn refusal(kind: CauseKind) -> Answer {
    Answer::Refused { kind, because: "it did not go".into() }
}

/// A row that was sent an order which the device has answered so.
fn after(answer: &Answer, facts: &Facts) -> AppState {
    let mut row = row();
    want(&mut row, facts, Mechanism::Command, NOW);
    assert_eq!(next(&row, facts, NOW), Step::Install);
    sent(&mut row, Intent::Install, "c".into(), facts, NOW);
    answered(&mut row, answer, facts, NOW);
    row
}

/// A row of an app that is there in the version of this number.
fn there(number: i64) -> AppState {
    let wish = facts(Some("d"));
    let mut row = after(&taken(Some(ManagedState::Managed)), &wish);
    listed(&mut row, Some(&item(ManagedState::Managed, number)), None, true, &wish, NOW);
    row
}

fn item(state: ManagedState, number: i64) -> Item {
    Item { state, external_version: Some(number) }
}

#[test]
fn a_licence_comes_before_the_order() {
    let mut wish = facts(Some("d"));
    let mut row = row();
    want(&mut row, &wish, Mechanism::Command, NOW);
    wish.licence = LicenceFact::Missing;
    assert_eq!(next(&row, &wish, NOW), Step::Want);
    wish.licence = LicenceFact::Short("7b needs 4 more".into());
    assert_eq!(next(&row, &wish, NOW), Step::AwaitLicence);
    awaits_licence(&mut row, &wish.licence.clone(), NOW);
    assert_eq!((row.stage, row.problem.as_str()), (Stage::NoLicence, "7b needs 4 more"));
    wish.licence = LicenceFact::Held;
    assert_eq!(next(&row, &wish, NOW), Step::Install);
}

#[test]
fn an_optional_app_waits_for_the_person_to_ask() {
    let mut wish = facts(Some("d"));
    wish.licence = LicenceFact::Missing;
    wish.want = wish.want.map(|want| Want { installs: false, ..want });
    let mut row = row();
    want(&mut row, &wish, Mechanism::Command, NOW);
    assert_eq!(next(&row, &wish, NOW), Step::Offer, "no licence is taken before");
    ask(&mut row, NOW);
    wish.want = wish.want.map(|want| Want { installs: row.asked_at.is_some(), ..want });
    assert_eq!(next(&row, &wish, NOW), Step::Want);
}

#[test]
fn a_request_that_the_device_knows_already_is_judged_by_the_lists() {
    let wish = facts(Some("d"));
    let mut row = after(&refusal(CauseKind::AlreadyRequested), &wish);
    assert_eq!((row.stage, next(&row, &wish, NOW)), (Stage::Installing, Step::Poll));
    listed(&mut row, Some(&item(ManagedState::Managed, 7)), None, true, &wish, NOW);
    assert_eq!((row.stage, row.external_version), (Stage::Installed, Some(7)));
    assert_eq!(next(&row, &wish, NOW), Step::Rest(None));
}

#[test]
fn an_open_question_is_not_asked_again_within_the_hour_and_five_times_at_most() {
    let wish = facts(Some("d"));
    let (mut now, mut sends) = (NOW, 0);
    let mut row = row();
    want(&mut row, &wish, Mechanism::Command, now);
    while next(&row, &wish, now) == Step::Install {
        sends += 1;
        sent(&mut row, Intent::Install, "c".into(), &wish, now);
        answered(&mut row, &refusal(CauseKind::WaitingForUser), &wish, now);
        if let Some(due_at) = row.due_at {
            assert!(due_at.since(now) >= AFTER_QUESTION);
            assert_eq!(next(&row, &wish, now), Step::Rest(Some(due_at)));
            now = due_at;
        }
    }
    assert_eq!((sends, row.stage), (PATIENT_ATTEMPTS_MAX, Stage::Failed));
    ask(&mut row, now);
    assert_eq!(next(&row, &wish, now), Step::Install, "asking again tries again");
}

#[test]
fn a_licence_that_has_not_reached_the_device_is_waited_for_three_times() {
    let wish = facts(Some("d"));
    let mut row = row();
    want(&mut row, &wish, Mechanism::Command, NOW);
    let mut now = NOW;
    for attempt in 1..=ATTEMPTS_MAX {
        assert_eq!(next(&row, &wish, now), Step::Install);
        sent(&mut row, Intent::Install, "c".into(), &wish, now);
        answered(&mut row, &refusal(CauseKind::LicenseMissing), &wish, now);
        assert_eq!(row.due_at.is_some(), attempt < ATTEMPTS_MAX);
        now = row.due_at.unwrap_or(now);
    }
    assert_eq!(next(&row, &wish, now.plus(AFTER_CANCEL)), Step::Rest(None));
}

#[test]
fn what_the_person_installed_is_taken_over_where_that_is_chosen_and_offered_else() {
    let mut wish = facts(Some("d"));
    let row = after(&refusal(CauseKind::AlreadyInstalled), &wish);
    assert!(row.take_over && next(&row, &wish, NOW) == Step::Install);
    let mut second = row;
    sent(&mut second, Intent::Install, "c".into(), &wish, NOW);
    answered(&mut second, &refusal(CauseKind::AlreadyInstalled), &wish, NOW);
    assert_eq!((second.stage, next(&second, &wish, NOW)), (Stage::Unmanaged, Step::Rest(None)), "it is tried once");
    wish.take_over = false;
    let mut row = after(&refusal(CauseKind::AlreadyInstalled), &wish);
    assert_eq!(next(&row, &wish, NOW), Step::Rest(None));
    ask(&mut row, NOW);
    assert!(row.take_over && next(&row, &wish, NOW) == Step::Install);
}

#[test]
fn declined_stays_declined_until_somebody_asks_again() {
    let wish = facts(Some("d"));
    let mut row = after(&taken(Some(ManagedState::Prompting)), &wish);
    assert_eq!(row.stage, Stage::Prompting);
    listed(&mut row, Some(&item(ManagedState::UserRejected, 0)), None, true, &wish, NOW);
    assert_eq!((row.stage, next(&row, &wish, NOW.plus(AFTER_CANCEL))), (Stage::Declined, Step::Rest(None)));
    let other = facts(Some("other settings"));
    want(&mut row, &other, Mechanism::Command, NOW);
    assert_eq!(next(&row, &other, NOW), Step::Rest(None), "other settings are no reason to ask");
    ask(&mut row, NOW);
    assert_eq!(next(&row, &other, NOW), Step::Install);
}

#[test]
fn an_update_that_changes_nothing_twice_is_given_up() {
    let wish = newest(8);
    let mut row = there(7);
    let (mut now, mut updates) = (NOW, 0);
    for _ in 0..100 {
        match next(&row, &wish, now) {
            Step::Install => {
                updates += 1;
                sent(&mut row, Intent::Install, "c".into(), &wish, now);
                answered(&mut row, &taken(Some(ManagedState::Updating)), &wish, now);
            }
            Step::Poll => {
                polled(&mut row, now);
                listed(&mut row, Some(&item(ManagedState::Managed, 7)), None, true, &wish, now);
            }
            Step::Rest(Some(until)) => now = until,
            step => {
                assert_eq!(step, Step::Rest(None));
                break;
            }
        }
    }
    assert_eq!((updates, row.stage), (UNMOVED_MAX, Stage::Stuck));
    listed(&mut row, Some(&item(ManagedState::Managed, 8)), None, true, &wish, now);
    assert_eq!(row.stage, Stage::Installed, "it came after all");
}

#[test]
fn an_update_waits_for_its_hours_and_a_declined_one_is_not_asked_for_again() {
    let mut wish = newest(8);
    let mut row = there(7);
    wish.may_update = false;
    wish.updates_at = Some(NOW.plus(AFTER_CANCEL));
    assert_eq!(next(&row, &wish, NOW), Step::Rest(wish.updates_at));
    wish.may_update = true;
    assert_eq!(next(&row, &wish, NOW), Step::Install);
    sent(&mut row, Intent::Install, "c".into(), &wish, NOW);
    answered(&mut row, &taken(Some(ManagedState::PromptingForUpdate)), &wish, NOW);
    listed(&mut row, Some(&item(ManagedState::UpdateRejected, 7)), None, true, &wish, NOW);
    assert_eq!((row.stage, next(&row, &wish, NOW)), (Stage::Installed, Step::Rest(None)));
    assert_eq!(next(&row, &newest(9), NOW), Step::Install, "the next version is another question");
}

#[test]
fn devices_are_asked_less_and_less_often() {
    let wish = facts(Some("d"));
    let mut row = after(&taken(Some(ManagedState::Installing)), &wish);
    let mut now = NOW;
    for wait in POLLS.into_iter().chain([POLLS[5]]) {
        assert_eq!(row.poll_at, Some(now.plus(wait)));
        now = now.plus(wait);
        assert_eq!(next(&row, &wish, now), Step::Poll);
        polled(&mut row, now);
    }
}

#[test]
fn a_command_that_becomes_a_declaration_installs_nothing_again() {
    let wish = facts(Some("d"));
    let mut row = there(7);
    let mut declared_wish = facts(Some("declared"));
    declared_wish.licence = LicenceFact::Held;
    want(&mut row, &declared_wish, Mechanism::Declaration, NOW);
    assert!(is_declared(&row, &declared_wish));
    assert_eq!((next(&row, &declared_wish, NOW), row.stage), (Step::Declare, Stage::Installed));
    row.sent = "declared".into();
    let said = Declared {
        state: "managed".into(),
        update_state: String::new(),
        reason: None,
        version: "1".into(),
        short_version: "1".into(),
        external_version: Some(7),
    };
    declared(&mut row, Some(&said), true, NOW);
    assert_eq!((next(&row, &declared_wish, NOW), row.stage), (Step::Rest(None), Stage::Installed));
    declared_wish.licence = LicenceFact::Short("none".into());
    assert!(is_declared(&row, &declared_wish), "a lost licence does not remove the app");
    let gone = Facts { want: None, ..wish };
    want(&mut row, &gone, Mechanism::Declaration, NOW);
    assert!(!is_declared(&row, &gone));
    assert_eq!(next(&row, &gone, NOW), Step::Rest(None), "it goes when the device says so");
    declared(&mut row, None, false, NOW);
    assert_eq!(next(&row, &gone, NOW), Step::Release);
}

#[test]
fn what_is_there_at_once_is_asked_for_its_version_once() {
    let wish = facts(Some("d"));
    let mut row = after(&taken(Some(ManagedState::Managed)), &wish);
    assert_eq!((row.stage, next(&row, &wish, NOW)), (Stage::Installed, Step::Poll));
    polled(&mut row, NOW);
    assert_eq!(next(&row, &wish, NOW), Step::Rest(row.poll_at));
    let present = Present { version: "142".into(), short_version: "1.4".into(), external_version: None };
    listed(&mut row, Some(&Item { state: ManagedState::Managed, external_version: None }), Some(&present), true, &wish, NOW);
    assert_eq!((row.version.as_str(), next(&row, &wish, NOW)), ("142", Step::Rest(None)));
    // Known by its version, it follows a newer one by itself.
    let newer = Newest { external: None, version: "143".into() };
    let wish = Facts { want: wish.want.map(|want| Want { newest: Some(newer), ..want }), ..wish };
    assert_eq!(next(&row, &wish, NOW), Step::Install);
}

#[test]
fn an_answer_names_an_app_only_where_nobody_knew_its_identifier() {
    let wish = facts(Some("d"));
    let other = Answer::Taken { state: None, bundle_id: Some("school.example.installer".into()) };
    assert_eq!(after(&other, &wish).bundle_id, "school.example.atlas");
    let mut unnamed = row();
    unnamed.bundle_id.clear();
    answered(&mut unnamed, &other, &wish, NOW);
    assert_eq!(unnamed.bundle_id, "school.example.installer");
}

#[test]
fn a_confirmed_declaration_without_effect_is_told_after_an_hour() {
    let wish = facts(Some("d"));
    let mut row = row();
    want(&mut row, &wish, Mechanism::Declaration, NOW);
    assert_eq!(next(&row, &wish, NOW), Step::Declare);
    served(&mut row, "d", NOW);
    assert_eq!(crate::mdm::apps::words::stage(&row), "waits for the device");
    confirmed(&mut row, NOW);
    confirmed(&mut row, NOW.plus(POLLS[0]));
    let until = NOW.plus(QUIET_MAX);
    assert_eq!((row.stage, next(&row, &wish, NOW)), (Stage::Installing, Step::Rest(Some(until))));
    assert!(crate::mdm::apps::words::because(&row, &crate::clock::Zone::default()).0.contains("works on it"));
    assert_eq!(next(&row, &wish, until), Step::Doubt);
    doubted(&mut row, until);
    assert_eq!((row.stage, next(&row, &wish, until)), (Stage::Stuck, Step::Rest(None)));
    // It came after all; and one that the device lists is never doubted.
    let said = |state: &str| Declared {
        state: state.into(),
        update_state: String::new(),
        reason: None,
        version: "1".into(),
        short_version: "1".into(),
        external_version: None,
    };
    declared(&mut row, Some(&said("installing")), true, until);
    assert_eq!((row.stage, next(&row, &wish, until.plus(AFTER_CANCEL))), (Stage::Installing, Step::Rest(None)));
}

#[test]
fn a_declared_app_that_lacks_its_licence_is_declared_anew_ever_later_and_then_rests() {
    let told = |identifier: i64| format!("d{identifier}");
    let mut wish = facts(Some("d0"));
    let said = Declared {
        state: "failed".into(),
        update_state: String::new(),
        reason: Some("Error.LicenseNotFound".into()),
        version: String::new(),
        short_version: String::new(),
        external_version: None,
    };
    let mut row = row();
    want(&mut row, &wish, Mechanism::Declaration, NOW);
    row.sent = "d0".into();
    let mut now = NOW;
    for attempt in 1..ATTEMPTS_MAX {
        declared(&mut row, Some(&said), true, now);
        declared(&mut row, Some(&said), true, now);
        assert_eq!((row.stage, row.attempts), (Stage::NoLicence, attempt), "the same is told again and counts once");
        let due_at = now.plus(BACK_OFF[attempt as usize - 1]);
        assert_eq!(next(&row, &wish, now), Step::Rest(Some(due_at)));
        now = due_at;
        let without = Facts { licence: LicenceFact::Pending("on its way".into()), ..wish.clone() };
        assert_eq!(next(&row, &without, now), Step::AwaitLicence, "without a licence it is not even tried");
        assert_eq!(next(&row, &wish, now), Step::DeclareAgain);
        declared_again(&mut row, told, now);
        wish = facts(Some(&told(row.asks)));
        want(&mut row, &wish, Mechanism::Declaration, now);
        assert_eq!((row.asks, row.attempts, next(&row, &wish, now)), (attempt, attempt, Step::Rest(None)));
    }
    declared(&mut row, Some(&said), true, now);
    assert_eq!((row.attempts, next(&row, &wish, now.plus(BACK_OFF[4] * 9))), (ATTEMPTS_MAX, Step::Rest(None)));
    let (mut other, without) = (row.clone(), Facts { licence: LicenceFact::Short("none is left".into()), ..wish.clone() });
    awaits_licence(&mut other, &without.licence, now);
    assert_eq!((next(&other, &without, now), other.stage), (Step::AwaitLicence, Stage::NoLicence));
    assert_eq!(next(&other, &wish, now), Step::DeclareAgain, "the ledger did not have it either, and has it now");
    ask(&mut row, now);
    assert_eq!((row.asks, row.attempts), (ATTEMPTS_MAX, 0), "somebody asks again");
}

#[test]
fn an_order_that_was_taken_is_given_time_before_it_counts_as_forgotten() {
    let wish = facts(Some("d"));
    let mut row = after(&taken(None), &wish);
    for poll in 0..heard::GRACE_POLLS {
        listed(&mut row, None, None, true, &wish, NOW);
        assert_eq!(row.stage, Stage::Installing, "question {poll}");
        polled(&mut row, NOW);
    }
    listed(&mut row, None, None, true, &wish, NOW);
    assert_eq!((row.stage, row.attempts), (Stage::Failed, 1));
}

#[test]
fn asking_again_for_what_never_came_does_not_say_that_it_is_there() {
    let wish = facts(Some("d"));
    let mut row = after(&taken(Some(ManagedState::Prompting)), &wish);
    for _ in 0..2 {
        ask(&mut row, NOW);
        assert_eq!((row.stage, next(&row, &wish, NOW)), (Stage::Absent, Step::Install));
    }
    sent(&mut row, Intent::Install, "c2".into(), &wish, NOW);
    assert_eq!(row.stage, Stage::Sent);
    assert!(!is_away(&row), "if it is not wanted any more, what may have come is removed");
    answered(&mut row, &taken(None), &wish, NOW);
    assert_eq!(row.stage, Stage::Installing);
    let mut there = there(7);
    ask(&mut there, NOW);
    assert_eq!(there.stage, Stage::Installed);
}
