//! How an update stands on a device, in the words of a teacher: one of cause and one of remedy.

use std::time::Duration;

use crate::clock::{Timestamp, Wall};
use crate::language;
use crate::mdm::updates::next::{is_given_up, is_hindered, lacks_room};
use crate::store::deployments::Mechanism;
use crate::store::update_states::{Action, Inability, Stage, UpdateState};

/// Why it is not known yet which release is meant for a device.
pub const ASKS_FIRST: &str = msg!("the device is asked what it finds, since Apple’s list cannot be held against it");

/// What begins and ends why a device has not begun where only so many may at once; how many stands between.
const WAITS_FOR_TURN: [&str; 2] = ["it waits for its turn: ", " at once"];

/// Why a plan has not begun on a device where a person started something.
pub const BY_HAND_FIRST: &str = msg!("what was started by hand comes first");

/// What is kept of a device that waits for its turn, where so many may begin at once.
pub fn waits_for_turn(at_once: u32) -> String {
    let [begins, ends] = WAITS_FOR_TURN;
    format!("{begins}{at_once}{ends}")
}

/// How many may begin at once, of a device that waits for its turn.
fn at_once(problem: &str) -> Option<&str> {
    let [begins, ends] = WAITS_FOR_TURN;
    // Versions before kept it in a sentence like this one.
    problem.strip_prefix(begins)?.strip_suffix(ends)
}

/// Whether it waits for its turn.
pub fn is_waiting_for_turn(row: &UpdateState) -> bool {
    at_once(&row.problem).is_some()
}

/// What is kept of why it stands so, in the language spoken now: what something hangs on is kept in English.
pub fn said(problem: &str) -> String {
    match at_once(problem) {
        Some(at_once) => t!("it waits for its turn: {at_once} at once", at_once),
        None => language::kept(problem),
    }
}

/// How long after a device put something off it still counts as connected.
const IS_HERE: Duration = Duration::from_secs(15 * 60);

/// What is known of the device besides.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside {
    /// Whether it is a Mac.
    pub is_mac: bool,
    /// When it put off what it is asked now.
    pub put_off_at: Option<Timestamp>,
}

impl Beside {
    /// When a device with a passcode said that it is locked, if the update comes by command and waits for it.
    fn locked_at(self, row: &UpdateState) -> Option<Timestamp> {
        self.put_off_at.filter(|_| !self.is_mac && row.mechanism == Mechanism::Command && row.is_under_way())
    }
}

/// What people call it.
pub fn name(row: &UpdateState) -> String {
    if row.version.is_empty() { String::from(t!("Update")) } else { t!("Update to {version}", version = row.version) }
}

/// Whether its deadline has passed and it is not there. What a stopped plan holds back has no deadline.
pub fn is_overdue(row: &UpdateState, now: Timestamp) -> bool {
    let may_come = !matches!(row.stage, Stage::Done | Stage::Cannot | Stage::Excepted);
    may_come && row.deadline_at.is_some_and(|deadline| deadline <= now)
}

/// The stage in a word or two.
pub fn stage(row: &UpdateState, now: Timestamp) -> String {
    let words = match row.stage {
        Stage::Failed => t!("failed"),
        _ if is_overdue(row, now) => t!("overdue"),
        Stage::Planned => t!("planned"),
        Stage::Waiting => t!("waiting"),
        Stage::Downloading => {
            return row.percent.map_or_else(|| String::from(t!("downloading")), |percent| t!("downloading, {percent} %", percent));
        }
        Stage::Prepared => t!("downloaded"),
        Stage::Installing => t!("installing"),
        Stage::Done => t!("has it"),
        Stage::Cannot => t!("cannot"),
        Stage::Excepted => t!("left alone"),
    };
    words.to_owned()
}

/// Why it stands so, and what ends or changes that; empty where there is nothing to say.
pub fn because(row: &UpdateState, now: Timestamp) -> (String, String) {
    because_beside(row, Beside::default(), now)
}

/// The same, with what is known of the device besides.
pub fn because_beside(row: &UpdateState, beside: Beside, now: Timestamp) -> (String, String) {
    let cause = if let Some(at) = beside.locked_at(row) {
        let is_here = now.since(at) <= IS_HERE;
        let locked = if is_here { t!("It is connected but locked") } else { t!("It was locked when it last connected") };
        t!("{locked}, and puts off what it is asked.", locked)
    } else if row.problem.is_empty() {
        usual_cause(row, is_overdue(row, now))
    } else {
        sentence(&said(&row.problem))
    };
    let cause = match Wall::parse(&row.deadline).filter(|_| is_overdue(row, now)) {
        Some(deadline) => {
            t!("It was due on {deadline} by its own clock. {cause}", deadline = language::date(deadline.words()), cause)
        }
        None => cause,
    };
    (cause.trim_end().to_owned(), remedy(row, beside, now))
}

fn usual_cause(row: &UpdateState, is_overdue: bool) -> String {
    let declared = row.mechanism == Mechanism::Declaration;
    let words = match row.stage {
        Stage::Planned => t!("It has not begun yet."),
        Stage::Waiting if declared => t!("The device has been told and has not begun."),
        Stage::Waiting if row.scheduled.is_empty() => t!("The device has not been told yet, or has not answered."),
        Stage::Waiting => t!("The device has taken the order."),
        Stage::Downloading => t!("The device downloads it."),
        Stage::Prepared if declared && is_overdue => t!("It is downloaded."),
        Stage::Prepared if declared => t!("It is downloaded; the device asks its user, and installs it at the deadline."),
        Stage::Prepared if row.action == Action::Download => t!("It is downloaded; it was not to be installed."),
        Stage::Prepared if row.action == Action::Notify => t!("It is downloaded, and its person has been told of it."),
        Stage::Prepared => t!("It is downloaded, and waits to be installed."),
        Stage::Installing => t!("The device installs it and is away meanwhile."),
        Stage::Failed => t!("It failed."),
        Stage::Done | Stage::Cannot | Stage::Excepted => "",
    };
    words.to_owned()
}

fn remedy(row: &UpdateState, beside: Beside, now: Timestamp) -> String {
    let declared = row.mechanism == Mechanism::Declaration;
    if beside.locked_at(row).is_some() {
        return String::from(t!("Somebody must enter its passcode; then it goes on."));
    }
    if is_hindered(row, now) {
        return remedy_of_obstacle(row, now);
    }
    if declared && row.stage == Stage::Failed {
        return remedy_of_reason(&row.problem);
    }
    let words = match row.stage {
        Stage::Failed if is_given_up(row) => t!("It is not tried any more. Look at the device, then choose “Try again”."),
        Stage::Failed => t!("It is tried again by itself."),
        Stage::Planned if row.problem == ASKS_FIRST => t!("It goes on when the device has looked and answered, which takes some minutes."),
        Stage::Planned if row.problem == BY_HAND_FIRST => {
            t!("It begins by itself after that; “Take back” beside that has it begin at once.")
        }
        Stage::Planned if is_overdue(row, now) && is_waiting_for_turn(row) => {
            t!("It begins by itself when its turn comes; a plan may let more devices begin at once.")
        }
        Stage::Planned => "",
        Stage::Cannot => remedy_of_inability(row.inability),
        _ if is_overdue(row, now) && declared => {
            t!("The device installs it about an hour after it is next on, charged and connected; restart it if it stays so.")
        }
        _ if is_overdue(row, now) && beside.is_mac => {
            t!("Connect the Mac to power and the network, and have its user save what is open and restart it.")
        }
        _ if is_overdue(row, now) => t!("Connect the device to power and Wi-Fi and see whether it asks for its passcode."),
        Stage::Waiting if declared => t!("Connect it to power and Wi-Fi; it begins by itself."),
        Stage::Waiting => t!("It goes on when the device connects."),
        Stage::Prepared if row.action == Action::Download => "",
        Stage::Prepared if !declared => t!("With a passcode set, the device asks the person first."),
        _ => "",
    };
    words.to_owned()
}

/// What helps where something stands in the way, and when it is tried again.
fn remedy_of_obstacle(row: &UpdateState, now: Timestamp) -> String {
    let minutes = row.due_at.map_or(0, |due| due.since(now).as_secs().div_ceil(60));
    let minutes = if minutes == 1 { String::from(t!("a minute")) } else { t!("{minutes} minutes", minutes) };
    let first = if lacks_room(row) { t!("Free some room on it. ") } else { "" };
    t!("{first}It is tried again in {minutes}; “Try again” does so at once.", first, minutes)
}

/// What helps against the reason that a device gave, in words of its own.
fn remedy_of_reason(reason: &str) -> String {
    let reason = reason.to_lowercase();
    let speaks_of = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    let help = if speaks_of(&["disk", "space", "storage", "room", "full"]) {
        t!("free some room on it")
    } else if speaks_of(&["battery", "power", "charge"]) {
        t!("connect it to power")
    } else if speaks_of(&["network", "internet", "wi-fi", "wifi", "connection", "server"]) {
        t!("connect it to a good network")
    } else if speaks_of(&["passcode", "password", "locked"]) {
        t!("have its passcode entered")
    } else {
        t!("connect it to power and Wi-Fi, and free some room")
    };
    t!("The device tries again by itself: {help}.", help)
}

/// What helps where a device cannot have what is meant.
fn remedy_of_inability(inability: Inability) -> &'static str {
    match inability {
        Inability::Supervision => t!("Supervise it, or have its person update it in its settings."),
        Inability::NotNamed => t!("Look in its own settings whether it finds one; the list may name it another day."),
        Inability::NotKnown => t!("It goes on by itself when that is known."),
        Inability::NotOffered => t!("Its page lists what it can have: choose that in a plan, or leave the device alone."),
        Inability::NoTime => t!("Leave some time in the plan’s quiet hours and holidays."),
        Inability::Other => t!("Its page lists what it can have; leave the device alone where none of that helps."),
    }
}

/// A cause as a sentence.
fn sentence(cause: &str) -> String {
    let mut letters = cause.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdm::updates::because::Because;
    use crate::mdm::updates::candidates::Unknown;

    #[test]
    fn what_is_kept_is_decided_by_and_said_in_the_language_of_the_appliance() {
        use crate::language::{Catalogue, speak};

        let now = Timestamp::from_seconds(1_795_000_000);
        let row = |problem: &str| UpdateState { problem: problem.to_owned(), ..UpdateState::blank("p", 0, now) };
        let german = "msgid \"\"\nmsgstr \"\"\n\"Language: de\\n\"\n\nmsgid \"it waits for its turn: {at_once} at once\"\n\
                      msgstr \"es wartet: {at_once} zugleich\"\n\nmsgid \"what was started by hand comes first\"\n\
                      msgstr \"von Hand geht vor\"\n";
        speak(Some(Catalogue::read(None, german.as_bytes()).unwrap()));
        let turn = row(&waits_for_turn(3));
        let told = [because(&turn, now).0, because(&row(BY_HAND_FIRST), now).0];
        let helps = because(&row(BY_HAND_FIRST), now).1;
        speak(None);
        assert_eq!(told, ["Es wartet: 3 zugleich.", "Von Hand geht vor."]);
        assert!(is_waiting_for_turn(&turn) && !is_waiting_for_turn(&row(BY_HAND_FIRST)) && helps.contains("Take back"), "{helps}");
        assert_eq!(because(&turn, now).0, "It waits for its turn: 3 at once.");
    }

    #[test]
    fn what_helps_goes_by_the_kind_whatever_the_words_say() {
        let now = Timestamp::from_seconds(1_795_000_000);
        let told = |because: Because| {
            let row =
                UpdateState { stage: Stage::Cannot, problem: because.words, inability: because.kind, ..UpdateState::blank("p", 0, now) };
            super::because(&row, now)
        };
        for (unknown, helps) in
            [(Unknown::NotListed, "its own settings"), (Unknown::Board, "when that is known"), (Unknown::NoList, "when that is known")]
        {
            let (cause, remedy) = told(unknown.into());
            assert!(remedy.contains(helps) && cause.ends_with('.'), "{cause} {remedy}");
        }
        let (_, remedy) = told(Because::new(Inability::Other, "Apple offers it to supervised devices that have not said so"));
        assert!(remedy.contains("leave the device alone"), "{remedy}");
        let mut remedies: Vec<_> = Inability::ALL.iter().map(|kind| told(Because::new(*kind, "x")).1).collect();
        remedies.sort();
        remedies.dedup();
        assert_eq!(remedies.len(), Inability::ALL.len());
    }
}
