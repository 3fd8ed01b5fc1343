//! What a plan means for a device now. Pure.

use crate::clock::{Day, Timestamp, Wall, Zone};
use crate::language;
use crate::mdm::updates::because::Because;
use crate::mdm::updates::candidates::{Candidate, Found, Subject};
use crate::mdm::updates::choose::{Choice, Counted, choose};
use crate::mdm::updates::mechanism;
use crate::mdm::updates::pauses;
use crate::mdm::updates::plan::Read;
use crate::mdm::updates::timing::{self, Window};
use crate::mdm::wanted::Target;
use crate::store::deployments::Mechanism;
use crate::store::update_plans::Exception;
use crate::store::update_states::Inability;

/// What a plan means for a device now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meant {
    /// Nothing.
    Nothing,
    /// The device has it.
    Done,
    /// It leaves the device alone.
    Excepted(String),
    /// The device cannot have it.
    Cannot(Because),
    /// The device is to say first what it finds itself.
    Ask,
    /// A release, later.
    Later {
        /// Which.
        release: Aim,
        /// When.
        until: Timestamp,
        /// Why.
        because: String,
    },
    /// A release, once somebody lets the plan go on.
    Stopped {
        /// Which.
        release: Aim,
        /// Why it is stopped.
        because: String,
    },
    /// A release, now.
    Bring(Aim),
}

impl Meant {
    /// The release that is brought now or later, if any is.
    pub fn aim(self) -> Option<Aim> {
        match self {
            Self::Later { release, .. } | Self::Stopped { release, .. } | Self::Bring(release) => Some(release),
            _ => None,
        }
    }
}

/// A release with its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aim {
    /// Which.
    pub candidate: Candidate,
    /// When it may begin, and by when it is installed.
    pub window: Window,
    /// The deadline as clocks really show it.
    pub deadline: Wall,
    /// The deadline as a moment, as far as the device's time zone is known.
    pub deadline_at: Timestamp,
    /// How it comes.
    pub mechanism: Mechanism,
    /// When a newer one has its time, if one has.
    pub next_at: Option<Timestamp>,
    /// Until when nothing is begun, where that is so now.
    pub quiet_until: Option<Timestamp>,
}

/// Everything about a device that decides.
pub struct On<'a> {
    /// What it is planned for.
    pub target: &'a Target,
    /// What it runs and is.
    pub subject: &'a Subject,
    /// What it can have.
    pub found: &'a Found,
    /// Where its clock is.
    pub zone: &'a Zone,
    /// Whether it is to be asked first what it finds itself: Apple's list cannot be held against it.
    pub asks: bool,
}

/// Works out what a plan means for a device; whether its turn has come is asked afterwards.
pub fn meant(read: &Read, ring: usize, on: &On<'_>, exception: Option<&Exception>, now: Timestamp) -> Meant {
    if let Some(exception) = exception {
        let end = exception.ends_at.map(|end| t!(", until {wall}", wall = language::date(on.zone.wall(end).words())));
        return Meant::Excepted(format!("{}{}", exception.reason, end.unwrap_or_default()));
    }
    let today = on.zone.wall(now).day();
    let counted = match choose(&read.rules, on.subject, on.found, today) {
        Choice::NotConcerned => return Meant::Nothing,
        Choice::Satisfied => return Meant::Done,
        Choice::Cannot(_) if on.asks => return Meant::Ask,
        // That it cannot be brought anything says more than that it is not known what.
        Choice::Cannot(because) if matches!(on.found, Found::Unknown(_)) => {
            return Meant::Cannot(mechanism::mechanism(on.target).err().unwrap_or(because));
        }
        Choice::Cannot(because) => return Meant::Cannot(because),
        Choice::Take(counted) => counted,
    };
    let mechanism = match mechanism::mechanism(on.target) {
        Ok(mechanism) => mechanism,
        Err(because) => return Meant::Cannot(because),
    };
    let aim = match aim(read, ring, on, counted, now) {
        Ok(aim) => Aim { mechanism, ..aim },
        Err(because) => return Meant::Cannot(because),
    };
    if read.plan.stopped_at.is_some() {
        let because = t!("the plan is stopped: {stopped_because}", stopped_because = read.plan.stopped_because);
        return Meant::Stopped { release: aim, because };
    }
    let opens_at = on.zone.moment(aim.window.opens);
    if opens_at > now {
        let because =
            t!("“{name}” begins on {opens}", name = read.rules.rings[ring].name, opens = language::date(aim.window.opens.words()));
        return Meant::Later { release: aim, until: opens_at, because };
    }
    let quiet_until = timing::open_at(&read.rules, on.zone, now).filter(|at| *at > now);
    Meant::Bring(Aim { quiet_until, ..after_quiet(aim, read, on, now) })
}

/// Of the releases that count, the newest whose time has come in this ring, by the earliest deadline of those whose time has come: a newer one neither
/// skips a ring nor moves what is due. Where none has come, the one that comes first.
fn aim(read: &Read, ring: usize, on: &On<'_>, counted: Vec<Counted>, now: Timestamp) -> Result<Aim, Because> {
    let newest = counted.first().map(|counted| (counted.candidate.version, counted.candidate.expires));
    let pauses = pauses::shown(&read.pauses, on.zone);
    let window = |since| timing::shown(&read.rules, on.zone, timing::window(&read.rules, &pauses, ring, since)?);
    let timed = counted.into_iter().filter_map(|Counted { candidate, since }| Some((window(since)?, candidate)));
    let mut timed: Vec<_> = timed.collect();
    if timed.is_empty() {
        return Err(Because::new(Inability::NoTime, t!("quiet hours and holidays leave no time for it")));
    }
    timed.retain(|(window, candidate)| candidate.expires.is_none_or(|last| window.opens < timing::expiry(on.zone, last)));
    let has_come = |window: &Window| on.zone.moment(window.opens) <= now;
    let next_at = timed.iter().map(|(window, _)| on.zone.moment(window.opens)).filter(|at| *at > now).min();
    let due = timed.iter().filter(|(window, _)| has_come(window)).map(|(window, _)| window.deadline).min();
    let come = timed.iter().position(|(window, _)| has_come(window));
    let first = || (0..timed.len()).min_by_key(|at| timed[*at].0.opens);
    let Some((window, candidate)) = come.or_else(first).map(|at| timed.swap_remove(at)) else {
        let (version, expires) = newest.unwrap_or_default();
        let last = expires.map(Day::words).unwrap_or_default();
        let ring = &read.rules.rings[ring].name;
        let words = t!("Apple signs {version} until {last} only, and its time in “{ring}” begins after that", version, last, ring);
        return Err(Because::new(Inability::NotOffered, words));
    };
    let window = Window { deadline: due.unwrap_or(window.deadline).max(window.opens), ..window };
    let Some(deadline) = timing::before_expiry(&read.rules, on.zone, window, candidate.expires) else {
        let last = candidate.expires.map(Day::words).unwrap_or_default();
        let words = t!(
            "Apple signs {version} until {last} only, and quiet hours and holidays leave no time before that",
            version = candidate.version,
            last
        );
        return Err(Because::new(Inability::NotOffered, words));
    };
    Ok(Aim {
        deadline,
        deadline_at: on.zone.moment(deadline),
        candidate,
        window,
        mechanism: Mechanism::Declaration,
        next_at,
        quiet_until: None,
    })
}

/// A device that is told only after the deadline would install at once, also in lessons: its deadline is their end then.
fn after_quiet(aim: Aim, read: &Read, on: &On<'_>, now: Timestamp) -> Aim {
    let shown = on.zone.wall(now);
    match timing::open(&read.rules, on.zone, shown) {
        Some(free) if aim.mechanism == Mechanism::Declaration && aim.deadline <= shown && free > shown => {
            Aim { deadline: free, deadline_at: on.zone.moment(free), ..aim }
        }
        _ => aim,
    }
}
