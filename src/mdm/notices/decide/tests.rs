//! What is told when, of moved clocks: each step once, nothing twice, and no flood from what comes and goes.

use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

fn days(count: u64) -> Duration {
    DAY * count as u32
}

fn need(key: &str) -> Fact {
    Fact {
        key: key.to_owned(),
        kind: NoticeKind::Backups,
        harm: 80,
        what: format!("{key} is broken."),
        why: String::from("Mend it."),
        path: String::from("/"),
        end: None,
    }
}

fn ends(at: Timestamp) -> Fact {
    Fact {
        kind: NoticeKind::Ends,
        what: String::from("Push certificate"),
        end: Some(Ending { at, day: String::from("that day"), by_itself: false }),
        ..need("push.certificate:x")
    }
}

/// What is remembered between looks, as the store does it.
#[derive(Default)]
struct Memory(BTreeMap<String, Cause>);

impl Memory {
    fn look(&mut self, now: Timestamp, facts: &[Fact]) -> Vec<String> {
        self.look_and_tell(now, facts, true).into_iter().map(|due| due.what).collect()
    }

    fn look_and_tell(&mut self, now: Timestamp, facts: &[Fact], tell_mended: bool) -> Vec<Due> {
        let decision = decide(now, facts, &self.0, tell_mended);
        for key in &decision.forgotten {
            self.0.remove(key);
        }
        for cause in decision.causes {
            self.0.insert(cause.key.clone(), cause);
        }
        decision.due
    }
}

#[test]
fn an_end_is_told_once_at_each_step_and_once_when_it_is_past() {
    let (mut memory, end) = (Memory::default(), NOW.plus(days(90)));
    let mut told = Vec::new();
    for hour in 0..24 * 120 {
        let now = NOW.plus(Duration::from_secs(hour * 3600));
        for what in memory.look(now, &[ends(end)]) {
            told.push((hour / 24, what));
        }
    }
    let whats: Vec<_> = told.iter().map(|(day, what)| (*day, what.as_str())).collect();
    assert_eq!(
        whats,
        [
            (30, "Push certificate ends in 60 days, on that day."),
            (60, "Push certificate ends in 30 days, on that day."),
            (76, "Push certificate ends in 14 days, on that day."),
            (83, "Push certificate ends in 7 days, on that day."),
            (89, "Push certificate ends within a day, on that day."),
            (90, "Push certificate ended on that day."),
        ]
    );
}

#[test]
fn who_looks_late_hears_where_it_stands_and_not_what_was_missed() {
    let mut memory = Memory::default();
    assert_eq!(memory.look(NOW, &[ends(NOW.plus(days(5)))]), ["Push certificate ends in 5 days, on that day."]);
    assert!(memory.look(NOW.plus(days(1)), &[ends(NOW.plus(days(5)))]).is_empty());
    // Long past at the first look: one notice, and silence ever after.
    let mut memory = Memory::default();
    assert_eq!(memory.look(NOW, &[ends(NOW.minus(days(400)))]), ["Push certificate ended on that day."]);
    for day in 1..100 {
        assert!(memory.look(NOW.plus(days(day)), &[ends(NOW.minus(days(400)))]).is_empty());
    }
}

#[test]
fn a_renewal_is_told_and_begins_anew() {
    let (mut memory, first) = (Memory::default(), NOW.plus(days(6)));
    memory.look(NOW, &[ends(first)]);
    let renewed = NOW.plus(days(365));
    let told = memory.look_and_tell(NOW.plus(days(1)), &[ends(renewed)], true);
    assert_eq!(
        (told.len(), told[0].harm, told[0].what.as_str(), told[0].why.as_str()),
        (1, 0, "Over: Push certificate", "It is good until that day now.")
    );
    assert!(memory.0.is_empty());
    assert_eq!(memory.look(renewed.minus(days(60)), &[ends(renewed)]).len(), 1);
    // Renewed for a short time only: that is told at once.
    assert_eq!(memory.look(renewed.minus(days(59)), &[ends(renewed.plus(days(1)))]).len(), 1);
    // Whoever does not want to hear of what is over does not.
    assert!(memory.look_and_tell(renewed, &[ends(renewed.plus(days(300)))], false).is_empty());
}

#[test]
fn what_is_renewed_by_itself_is_told_only_when_that_seems_to_fail() {
    let mut fact = ends(NOW.plus(days(70)));
    fact.end.as_mut().unwrap().by_itself = true;
    let mut memory = Memory::default();
    let told: Vec<_> = (0..80).filter(|day| !memory.look(NOW.plus(days(*day)), std::slice::from_ref(&fact)).is_empty()).collect();
    assert_eq!(told, [56, 63, 69, 70]);
}

#[test]
fn a_need_is_told_once_it_has_stood_for_a_while_and_not_again_while_it_stands() {
    let mut memory = Memory::default();
    assert!(memory.look(NOW, &[need("a")]).is_empty());
    assert!(memory.look(NOW.plus(SETTLE).minus(Duration::from_millis(1)), &[need("a")]).is_empty());
    assert_eq!(memory.look(NOW.plus(SETTLE), &[need("a")]), ["a is broken."]);
    for day in 1..30 {
        assert!(memory.look(NOW.plus(days(day)), &[need("a")]).is_empty());
    }
    let gone = NOW.plus(days(40));
    assert!(memory.look(gone, &[]).is_empty());
    assert!(memory.look(gone.plus(MENDED_AFTER).minus(Duration::from_millis(1)), &[]).is_empty());
    assert_eq!(memory.look(gone.plus(MENDED_AFTER), &[]), ["Over: a is broken."]);
    assert!(memory.look(gone.plus(MENDED_AFTER * 2), &[]).is_empty());
    memory.look(gone.plus(FLAP), &[]);
    assert!(memory.0.is_empty(), "nothing is kept of it");
}

#[test]
fn what_comes_and_goes_within_minutes_is_never_told() {
    let mut memory = Memory::default();
    for minute in (0..600).step_by(5) {
        let facts = if minute % 10 == 0 { vec![need("a")] } else { Vec::new() };
        assert!(memory.look(NOW.plus(Duration::from_secs(minute * 60)), &facts).is_empty(), "minute {minute}");
    }
}

#[test]
fn what_was_told_and_comes_and_goes_is_told_once_in_a_day() {
    let mut memory = Memory::default();
    let mut told = 0;
    for minute in (0..24 * 60 * 5).step_by(5) {
        // Broken for three hours, well for one.
        let facts = if minute % 240 < 180 { vec![need("a")] } else { Vec::new() };
        told += memory.look_and_tell(NOW.plus(Duration::from_secs(minute * 60)), &facts, false).len();
    }
    assert_eq!(told, 1);
    // Back after days of quiet, it is news.
    let later = NOW.plus(days(10));
    memory.look(later.minus(FLAP), &[]);
    memory.look(later, &[need("a")]);
    assert_eq!(memory.look(later.plus(SETTLE), &[need("a")]).len(), 1);
}

#[test]
fn what_comes_back_after_people_heard_that_it_was_over_is_told_again() {
    let mut memory = Memory::default();
    memory.look(NOW, &[need("a")]);
    memory.look(NOW.plus(SETTLE), &[need("a")]);
    let gone = NOW.plus(SETTLE * 2);
    memory.look(gone, &[]);
    assert_eq!(memory.look(gone.plus(MENDED_AFTER), &[]).len(), 1);
    let back = gone.plus(MENDED_AFTER * 2);
    assert!(memory.look(back, &[need("a")]).is_empty());
    assert_eq!(memory.look(back.plus(SETTLE), &[need("a")]), ["a is broken."]);
}

#[test]
fn the_worst_comes_first() {
    let mut memory = Memory::default();
    let facts = [Fact { harm: 40, ..need("b") }, Fact { harm: 90, ..need("c") }, Fact { harm: 90, ..need("a") }];
    memory.look(NOW, &facts);
    assert_eq!(memory.look(NOW.plus(SETTLE), &facts), ["a is broken.", "c is broken.", "b is broken."]);
}

proptest! {
    /// However often one looks, each step of one end is told at most once, in order, and the last one always.
    #[test]
    fn no_step_is_told_twice_and_what_is_past_is_always_told(mut looks in proptest::collection::vec(0_u64..200 * 24, 1..60), end_day in 1_u64..150) {
        looks.sort_unstable();
        let (mut memory, end) = (Memory::default(), NOW.plus(days(end_day)));
        let mut steps = Vec::new();
        for hour in &looks {
            let now = NOW.plus(Duration::from_secs(hour * 3600));
            let told = memory.look(now, &[ends(end)]);
            prop_assert!(told.len() <= 1);
            if !told.is_empty() {
                steps.push(memory.0["push.certificate:x"].step.unwrap());
            }
        }
        prop_assert!(steps.windows(2).all(|pair| pair[0] > pair[1]), "{steps:?}");
        let last = NOW.plus(Duration::from_secs(looks[looks.len() - 1] * 3600));
        prop_assert_eq!(steps.last() == Some(&0), end <= last);
    }
}
