//! What is to be told now, of what stands and what was told before. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::store::notices::{Cause, NoticeKind};

/// Days before an end at which it is told, and 0 once it is past; each once.
pub const STEPS: [i64; 6] = [60, 30, 14, 7, 1, 0];

/// Of what is renewed without anybody, people hear only when that seems to fail.
pub const BY_ITSELF_FROM: i64 = 14;

/// How long something has to stand before it is told: what comes and goes is no news.
pub const SETTLE: Duration = Duration::from_secs(600);

/// How long something has to be gone before people hear that it is over.
pub const MENDED_AFTER: Duration = Duration::from_secs(3600);

/// What comes back within this time was not gone, and is not told again; unless people heard that it was over.
pub const FLAP: Duration = Duration::from_secs(24 * 3600);

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Something that stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Names its cause; the same for as long as it is the same.
    pub key: String,
    /// What it is about.
    pub kind: NoticeKind,
    /// Larger is worse.
    pub harm: i64,
    /// What, in a sentence; of something that ends, its name.
    pub what: String,
    /// What to do.
    pub why: String,
    /// The page where it is looked after.
    pub path: String,
    /// Its end, of something that ends.
    pub end: Option<Ending>,
}

/// The end of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// When.
    pub at: Timestamp,
    /// The day, in words.
    pub day: String,
    /// Whether it is renewed without anybody.
    pub by_itself: bool,
}

/// Something to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Names its cause.
    pub key: String,
    /// What it is about.
    pub kind: NoticeKind,
    /// Larger is worse; 0 for what is mended.
    pub harm: i64,
    /// What, in a sentence.
    pub what: String,
    /// What to do.
    pub why: String,
    /// The page where it is looked after.
    pub path: String,
}

/// What follows from a look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// What is to be told, the most harmful first.
    pub due: Vec<Due>,
    /// What is known from now on of causes of which something changed.
    pub causes: Vec<Cause>,
    /// Causes that are forgotten.
    pub forgotten: Vec<String>,
}

/// Decides what is to be told now. `tell_mended` says whether people want to hear that something is over.
pub fn decide(now: Timestamp, facts: &[Fact], known: &BTreeMap<String, Cause>, tell_mended: bool) -> Decision {
    let mut decision = Decision::default();
    for fact in facts {
        let before = known.get(&fact.key);
        match &fact.end {
            Some(end) => look_at_end(now, fact, end, before, tell_mended, &mut decision),
            None => look_at_need(now, fact, before, &mut decision),
        }
    }
    let standing: std::collections::BTreeSet<&str> = facts.iter().map(|fact| fact.key.as_str()).collect();
    for cause in known.values().filter(|cause| !standing.contains(cause.key.as_str())) {
        look_at_gone(now, cause, tell_mended, &mut decision);
    }
    decision.due.sort_by(|one, other| other.harm.cmp(&one.harm).then_with(|| one.key.cmp(&other.key)));
    decision
}

/// The step that an end has come to: the days that were told last, had somebody looked all the time. None while it is far.
fn step(now: Timestamp, end: &Ending) -> Option<i64> {
    let left = end.at.since(now);
    let mut steps = STEPS.into_iter().rev().filter(|step| !end.by_itself || *step <= BY_ITSELF_FROM);
    steps.find(|step| left <= DAY * step.unsigned_abs() as u32)
}

fn look_at_end(now: Timestamp, fact: &Fact, end: &Ending, before: Option<&Cause>, tell_mended: bool, decision: &mut Decision) {
    let Some(step) = step(now, end) else {
        // It was renewed, or is far away.
        let Some(before) = before else { return };
        if tell_mended && before.told_at.is_some() {
            decision.due.push(mended(before, t!("It is good until {day} now.", day = end.day), &fact.path));
        }
        decision.forgotten.push(before.key.clone());
        return;
    };
    let told = before.filter(|cause| cause.ends_at == Some(end.at)).and_then(|cause| cause.step);
    if told.is_some_and(|told| told <= step) {
        if let Some(before) = before.filter(|cause| cause.gone_at.is_some()) {
            decision.causes.push(Cause { gone_at: None, mended_at: None, ..before.clone() });
        }
        return;
    }
    let days = end.at.since(now).as_secs().div_ceil(DAY.as_secs());
    let what = match days {
        0 => t!("{what} ended on {day}.", what = fact.what, day = end.day),
        1 => t!("{what} ends within a day, on {day}.", what = fact.what, day = end.day),
        days => t!("{what} ends in {days} days, on {day}.", what = fact.what, days, day = end.day),
    };
    decision.due.push(due(fact, what));
    decision.causes.push(Cause {
        step: Some(step),
        ends_at: Some(end.at),
        told_at: Some(now),
        seen_at: before.map_or(now, |cause| cause.seen_at),
        ..cause(fact, now)
    });
}

fn look_at_need(now: Timestamp, fact: &Fact, before: Option<&Cause>, decision: &mut Decision) {
    let Some(before) = before else {
        decision.causes.push(cause(fact, now));
        return;
    };
    let gone_for = before.gone_at.map(|gone| now.since(gone));
    if gone_for.is_some_and(|gone| gone >= FLAP) || before.mended_at.is_some() {
        decision.causes.push(cause(fact, now));
    } else if before.told_at.is_some() {
        if before.gone_at.is_some() {
            decision.causes.push(Cause { gone_at: None, ..before.clone() });
        }
    } else if now.since(before.seen_at) >= SETTLE {
        decision.due.push(due(fact, fact.what.clone()));
        decision.causes.push(Cause { seen_at: before.seen_at, told_at: Some(now), ..cause(fact, now) });
    }
}

fn look_at_gone(now: Timestamp, before: &Cause, tell_mended: bool, decision: &mut Decision) {
    let (Some(_), gone_at) = (before.told_at, before.gone_at) else {
        // Nobody heard of it, so that nobody wants to hear that it is over.
        decision.forgotten.push(before.key.clone());
        return;
    };
    let Some(gone_at) = gone_at else {
        decision.causes.push(Cause { gone_at: Some(now), ..before.clone() });
        return;
    };
    let gone_for = now.since(gone_at);
    if tell_mended && before.mended_at.is_none() && gone_for >= MENDED_AFTER {
        decision.due.push(mended(before, String::from(t!("It needs nobody any more.")), "/"));
        if gone_for < FLAP {
            decision.causes.push(Cause { mended_at: Some(now), ..before.clone() });
        }
    }
    if gone_for >= FLAP {
        decision.forgotten.push(before.key.clone());
    }
}

fn due(fact: &Fact, what: String) -> Due {
    let Fact { key, kind, harm, why, path, .. } = fact.clone();
    Due { key, kind, harm, what, why, path }
}

/// The key of what is told when a cause is over.
const MENDED: &str = "mended:";

fn mended(before: &Cause, why: String, path: &str) -> Due {
    let what = t!("Over: {what}", what = before.what);
    Due { key: format!("{MENDED}{}", before.key), kind: before.kind, harm: 0, what, why, path: path.to_owned() }
}

fn cause(fact: &Fact, now: Timestamp) -> Cause {
    Cause {
        key: fact.key.clone(),
        kind: fact.kind,
        what: fact.what.clone(),
        seen_at: now,
        told_at: None,
        step: None,
        ends_at: None,
        gone_at: None,
        mended_at: None,
    }
}

#[cfg(test)]
mod tests;
