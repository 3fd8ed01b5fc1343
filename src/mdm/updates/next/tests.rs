//! What is asked of a device next, and what each of its answers comes to.

use super::*;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_seconds(1_795_000_000 + minutes * 60)
}

fn row(action: Action) -> UpdateState {
    UpdateState { version: "13.7.2".into(), action, stage: Stage::Waiting, ..UpdateState::blank("plan", 0, at(0)) }
}

fn mac() -> Facts {
    Facts { may_send_at: Some(at(0)), is_mac: true, has_mac_actions: true, ..Facts::default() }
}

fn said(status: &str, downloaded: bool, part: f64) -> UpdateStatus {
    UpdateStatus {
        product_key: "k".into(),
        is_downloaded: downloaded,
        download_fraction: Some(part),
        status: status.into(),
        next_scheduled_install: None,
    }
}

fn taken(action: &str, status: &str) -> ScheduledUpdate {
    ScheduledUpdate { product_key: "k".into(), install_action: action.into(), status: status.into(), error_chain: Vec::new() }
}

#[test]
fn an_old_mac_is_asked_what_it_found_then_told_to_look_and_asked_again_before_it_counts_as_failed() {
    let facts = Facts { needs_key: true, ..mac() };
    let mut mac = row(Action::Later);
    assert_eq!(next(&mac, &facts, at(0)), Step::Send(Ask::Available));
    sent(&mut mac, Ask::Available, "1".into(), at(0));
    found(&mut mac, None, true, at(1));
    assert_eq!(next(&mac, &facts, at(1)), Step::Send(Ask::Scan));
    sent(&mut mac, Ask::Scan, "2".into(), at(1));
    scanning(&mut mac, at(1));
    assert_eq!(next(&mac, &facts, at(2)), Step::Rest(Some(at(6))), "it takes its time");
    assert_eq!(next(&mac, &facts, at(6)), Step::Send(Ask::Available));
    let mut lucky = mac.clone();
    sent(&mut lucky, Ask::Available, "3".into(), at(6));
    found(&mut lucky, Some("MSU_UPDATE"), true, at(7));
    assert_eq!(next(&lucky, &facts, at(7)), Step::Send(Ask::Schedule(InstallAction::InstallLater)));
    sent(&mut mac, Ask::Available, "3".into(), at(6));
    found(&mut mac, None, true, at(7));
    assert_eq!((mac.stage, mac.attempts), (Stage::Failed, 1));
}

#[test]
fn a_mac_is_left_its_time_until_the_deadline_and_then_told_what_the_plan_says() {
    let mut mac_row = row(Action::Later);
    sent(&mut mac_row, Ask::Schedule(InstallAction::InstallLater), "1".into(), at(0));
    scheduled(&mut mac_row, &taken("InstallLater", "Idle"), None, at(0));
    assert_eq!(mac_row.scheduled, "InstallLater");
    for hour in 1..200 {
        let now = at(hour * 60);
        if next(&mac_row, &mac(), now) == Step::Send(Ask::Status) {
            sent(&mut mac_row, Ask::Status, "q".into(), now);
            status(&mut mac_row, Some(&said("Idle", true, 1.0)), now);
        }
        assert_ne!(mac_row.stage, Stage::Failed, "days are the Mac's own time");
    }
    mac_row.action = Action::Force;
    let now = at(201 * 60);
    assert_eq!(next(&mac_row, &mac(), now), Step::Send(Ask::Schedule(InstallAction::InstallForceRestart)));
    let before_11 = Facts { has_mac_actions: false, ..mac() };
    assert_eq!(next(&mac_row, &before_11, now), Step::Send(Ask::Schedule(InstallAction::InstallAsap)));
}

#[test]
fn each_action_is_told_as_the_system_spells_it() {
    let ios = Facts { is_mac: false, ..mac() };
    let told = |action, facts: &Facts, stage| match next(&UpdateState { stage, ..row(action) }, facts, at(0)) {
        Step::Send(ask) => ask.as_str(),
        Step::Rest(_) => "",
    };
    for (action, mac_says, ios_says) in [
        (Action::Download, "DownloadOnly", "DownloadOnly"),
        (Action::Notify, "NotifyOnly", "DownloadOnly"),
        (Action::Later, "InstallLater", "Default"),
        (Action::Install, "InstallASAP", "Default"),
        (Action::Force, "InstallForceRestart", "Default"),
    ] {
        assert_eq!((told(action, &mac(), Stage::Waiting), told(action, &ios, Stage::Waiting)), (mac_says, ios_says));
    }
    assert_eq!(told(Action::Install, &ios, Stage::Prepared), "InstallASAP");
    for rest in [Stage::Planned, Stage::Done, Stage::Cannot, Stage::Excepted] {
        assert_eq!(told(Action::Install, &ios, rest), "", "{rest}");
    }
}

#[test]
fn nothing_is_sent_while_a_command_is_under_way_in_quiet_hours_or_after_it_was_given_up() {
    let quiet = Facts { may_send_at: Some(at(60)), ..mac() };
    assert_eq!(next(&row(Action::Install), &quiet, at(0)), Step::Rest(Some(at(60))));
    let never = Facts { may_send_at: None, ..mac() };
    assert_eq!(next(&row(Action::Install), &never, at(0)), Step::Rest(None));
    for under_way in [UnderWay::Queued, UnderWay::Offered] {
        assert_eq!(next(&row(Action::Install), &Facts { under_way, ..mac() }, at(0)), Step::Rest(None));
    }
    let mut given_up = row(Action::Install);
    for attempt in 0..ATTEMPTS_MAX {
        failed(&mut given_up, "it failed", at(0));
        let wait = BACK_OFF[(attempt as usize).min(BACK_OFF.len() - 1)];
        let expected = Some(at(0).plus(wait)).filter(|_| attempt + 1 < ATTEMPTS_MAX);
        assert_eq!(given_up.due_at, expected, "{attempt}");
    }
    assert_eq!(next(&given_up, &mac(), at(1_000_000)), Step::Rest(None));
    let installing = UpdateState { stage: Stage::Installing, ..row(Action::Install) };
    assert_eq!(next(&installing, &quiet, at(0)), Step::Send(Ask::Status), "asking disturbs nobody");
}

#[test]
fn what_passes_by_itself_is_no_failure_and_has_its_reason_in_words() {
    for (status, word, is_failure) in [
        ("DownloadFailed", "download failed", true),
        ("DownloadRequiresComputer", "computer", true),
        ("DownloadInsufficientSpace", "room", false),
        ("DownloadInsufficientPower", "battery", false),
        ("DownloadInsufficientNetwork", "Wi-Fi", false),
        ("InstallInsufficientSpace", "room", false),
        ("InstallInsufficientPower", "battery", false),
        ("InstallPhoneCallInProgress", "phone", false),
        ("InstallFailed", "installation failed", true),
    ] {
        let mut asked = row(Action::Install);
        sent(&mut asked, Ask::Schedule(InstallAction::Default), "1".into(), at(0));
        scheduled(&mut asked, &taken("DownloadOnly", status), None, at(0));
        assert!(asked.problem.contains(word), "{status}: {}", asked.problem);
        assert_eq!(lacks_room(&asked), word == "room", "{status}");
        assert_eq!((asked.attempts == 1, asked.stage == Stage::Failed), (is_failure, is_failure), "{status}");
        assert!(asked.due_at.is_some() && asked.scheduled.is_empty(), "{status}");
    }
}

#[test]
fn what_does_not_move_for_hours_counts_as_failed() {
    let mut stuck = UpdateState { stage: Stage::Installing, scheduled: "InstallASAP".into(), ..row(Action::Install) };
    let mut now = at(0);
    let mut asked = 0;
    while stuck.stage == Stage::Installing {
        now = stuck.due_at.unwrap_or(now);
        sent(&mut stuck, Ask::Status, "q".into(), now);
        status(&mut stuck, Some(&said("Installing", true, 1.0)), now);
        asked += 1;
    }
    assert_eq!((asked, stuck.stage), (UNMOVED_MAX, Stage::Failed));
    assert!(now.since(at(0)) > Duration::from_secs(5 * 3600), "{:?}", now.since(at(0)));
    let mut moving = UpdateState { stage: Stage::Downloading, ..row(Action::Install) };
    for percent in 0..100 {
        status(&mut moving, Some(&said("Downloading", false, f64::from(percent) / 100.0)), at(i64::from(percent)));
    }
    assert_eq!((moving.stage, moving.percent, moving.unmoved), (Stage::Downloading, Some(99), 0));
}

#[test]
fn what_a_device_says_of_a_declaration_is_told_in_words() {
    let mut declared_row = row(Action::Install);
    let state = |word: &str| Said { install_state: Some(word.into()), ..Said::default() };
    for (word, stage) in [
        ("downloading", Stage::Downloading),
        ("prepared", Stage::Prepared),
        ("installing", Stage::Installing),
        ("failed", Stage::Failed),
        ("none", Stage::Waiting),
        ("waiting", Stage::Waiting),
    ] {
        declared(&mut declared_row, &state(word), at(0));
        assert_eq!(declared_row.stage, stage, "{word}");
    }
    declared(&mut declared_row, &Said { failure: Some((2, "Not enough space.".into())), ..state("none") }, at(0));
    assert_eq!(declared_row.problem, "it failed 2 times: Not enough space; the device tries again by itself");
    declared(&mut declared_row, &Said { invalid: Some("the date cannot be read".into()), ..state("none") }, at(0));
    assert_eq!((declared_row.stage, declared_row.problem.as_str()), (Stage::Failed, "the date cannot be read"));
    declared(&mut declared_row, &Said { failure: Some((0, String::new())), ..state("none") }, at(0));
    assert_eq!((declared_row.stage, declared_row.problem.as_str(), declared_row.attempts), (Stage::Waiting, "", 0));
}

#[test]
fn a_device_that_ends_an_installation_without_the_version_has_failed_unless_its_person_may_be_asked_first() {
    let begun = || {
        let mut row = UpdateState { stage: Stage::Installing, scheduled: "InstallASAP".into(), ..row(Action::Install) };
        sent(&mut row, Ask::Status, "q".into(), at(0));
        status(&mut row, Some(&said("Idle", true, 1.0)), at(0));
        assert_eq!(row.stage, Stage::Prepared);
        row
    };
    let mut without_passcode = begun();
    installs_no_more(&mut without_passcode, Stage::Installing, false, at(0));
    assert_eq!((without_passcode.stage, without_passcode.attempts), (Stage::Failed, 1));
    let mut with_passcode = begun();
    installs_no_more(&mut with_passcode, Stage::Installing, true, at(0));
    assert_eq!(with_passcode.stage, Stage::Prepared, "its person may be looking at the question");
    let mut asked = 0;
    while with_passcode.stage == Stage::Prepared {
        let now = with_passcode.due_at.unwrap_or(at(0));
        sent(&mut with_passcode, Ask::Status, "q".into(), now);
        status(&mut with_passcode, Some(&said("Idle", true, 1.0)), now);
        asked += 1;
    }
    assert!((asked, with_passcode.stage) == (UNANSWERED_MAX, Stage::Failed), "{asked}");
}
