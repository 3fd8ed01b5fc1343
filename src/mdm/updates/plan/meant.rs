//! What a plan means for a device now. Pure.

use crate::clock::{Timestamp, Wall, Zone};
use crate::mdm::updates::candidates::{Candidate, Found, Subject};
use crate::mdm::updates::choose::{Choice, choose};
use crate::mdm::updates::mechanism;
use crate::mdm::updates::plan::Read;
use crate::mdm::updates::timing::{self, Window};
use crate::mdm::wanted::Target;
use crate::store::deployments::Mechanism;
use crate::store::update_plans::Exception;

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
    Cannot(String),
    /// The device is to say first what it finds itself.
    Ask,
    /// A release, later.
    Later {
        /// Which.
        release: Aim,
        /// When; none where that depends on others.
        until: Option<Timestamp>,
        /// Why.
        because: String,
    },
    /// A release, now.
    Bring(Aim),
}

impl Meant {
    /// The release that is brought now or later, if any is.
    pub fn aim(self) -> Option<Aim> {
        match self {
            Self::Later { release, .. } | Self::Bring(release) => Some(release),
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
        return Meant::Excepted(exception.reason.clone());
    }
    let today = on.zone.wall(now).day();
    let (candidate, since) = match choose(&read.rules, on.subject, on.found, today) {
        Choice::NotConcerned => return Meant::Nothing,
        Choice::Satisfied => return Meant::Done,
        Choice::Cannot(_) if on.asks => return Meant::Ask,
        // That it cannot be brought anything says more than that it is not known what.
        Choice::Cannot(because) if matches!(on.found, Found::Unknown(_)) => {
            return Meant::Cannot(mechanism::mechanism(on.target).err().unwrap_or(because));
        }
        Choice::Cannot(because) => return Meant::Cannot(because),
        Choice::Take { candidate, since } => (candidate, since),
    };
    let mechanism = match mechanism::mechanism(on.target) {
        Ok(mechanism) => mechanism,
        Err(because) => return Meant::Cannot(because),
    };
    let Some(window) = timing::window(&read.rules, ring, since) else {
        return Meant::Cannot(String::from("quiet hours and holidays leave no time for it"));
    };
    let deadline = timing::settled(on.zone, window.deadline);
    let deadline_at = on.zone.moment(window.deadline);
    let opens_at = on.zone.moment(window.opens);
    let aim = Aim { candidate, window, deadline, deadline_at, mechanism };
    if read.plan.stopped_at.is_some() {
        return Meant::Later { release: aim, until: None, because: format!("the plan is stopped: {}", read.plan.stopped_because) };
    }
    if opens_at > now {
        let ring = &read.rules.rings[ring].name;
        return Meant::Later { release: aim, until: Some(opens_at), because: format!("“{ring}” begins on {}", window.opens.words()) };
    }
    Meant::Bring(aim)
}
