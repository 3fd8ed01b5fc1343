//! Who may use an app that asks, how they prove it, and how long an answer holds.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::store::people::PersonRole;

/// The longest time that an app may go on offline, in hours: 90 days.
pub const OFFLINE_HOURS_MAX: u32 = 90 * 24;
/// The most launches that an app may go on without a new grant.
pub const LAUNCHES_MAX: u32 = 1_000;
/// The widest tolerance for a device's clock, in minutes.
pub const CLOCK_TOLERANCE_MAX: u32 = 24 * 60;
/// The longest time after which an app that is online asks again, in minutes.
pub const ASK_EVERY_MAX: u32 = 24 * 60;
/// The longest time that copies of offline edits are kept, in days.
pub const KEEP_COPIES_DAYS_MAX: u32 = 3_650;
/// Classes that a policy may name.
pub const CLASSES_MAX: usize = 100;

/// How somebody proves who they are. Of several, each one is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AccessProof)]
pub enum Proof {
    /// The password of a person.
    Password,
    /// A signature by the key of a certificate that this server issued to the device.
    Certificate,
    /// The token that the managed configuration brings: `$ACCESS_TOKEN`.
    Token,
}

impl Proof {
    /// Every proof.
    pub const ALL: [Self; 3] = [Self::Token, Self::Certificate, Self::Password];

    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Certificate => "certificate",
            Self::Token => "token",
        }
    }

    /// Whether it proves which device it is.
    pub const fn is_of_a_device(self) -> bool {
        matches!(self, Self::Certificate | Self::Token)
    }
}

/// Who may use an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AccessWho)]
pub enum Who {
    /// Whoever holds an enrolled device that the app is assigned to.
    Devices,
    /// The person whom such a device is given to, while they are active.
    DevicePerson,
    /// Active people of these roles and classes: by their password, or as the person of the device.
    People,
}

impl Who {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::Devices, Self::DevicePerson, Self::People];

    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Devices => "devices",
            Self::DevicePerson => "device_person",
            Self::People => "people",
        }
    }
}

/// The policy of one app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = AccessPolicy)]
pub struct Policy {
    /// Who may use it.
    pub who: Who,
    /// Of people: what they must be, one of these; anything when empty.
    pub roles: Vec<PersonRole>,
    /// Of people: the ids of classes that they must be in, one of these; any or none when empty.
    pub classes: Vec<String>,
    /// How they prove it; each one is needed.
    pub proofs: Vec<Proof>,
    /// How long the app may go on offline, in hours; 0: not at all.
    pub offline_hours: u32,
    /// How many launches it may go on without a new grant; absent: they are not counted.
    pub launches: Option<u32>,
    /// How far the device's clock may be off, in minutes.
    pub clock_tolerance_minutes: u32,
    /// After how many minutes an app that is online asks again.
    pub ask_every_minutes: u32,
    /// Whether the app is told to erase what it holds when somebody's right to it has ended.
    pub erase_when_refused: bool,
    /// Whether copies of offline edits are taken.
    pub takes_copies: bool,
    /// How long copies are kept, in days.
    pub keep_copies_days: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            who: Who::Devices,
            roles: Vec::new(),
            classes: Vec::new(),
            proofs: vec![Proof::Token],
            offline_hours: 24,
            launches: Some(20),
            clock_tolerance_minutes: 10,
            ask_every_minutes: 60,
            erase_when_refused: true,
            takes_copies: true,
            keep_copies_days: 365,
        }
    }
}

impl Policy {
    /// The policy with its lists in order and without repeats.
    ///
    /// # Errors
    /// Names the field that is over its limit, or that contradicts another.
    pub fn checked(mut self) -> Result<Self> {
        self.roles.sort();
        self.roles.dedup();
        self.classes.sort();
        self.classes.dedup();
        self.proofs.sort();
        self.proofs.dedup();
        let mut faults: Vec<(&'static str, String)> = Vec::new();
        let mut wrong = |field, message: &str| faults.push((field, message.to_owned()));
        if self.proofs.is_empty() {
            wrong("proofs", t!("take at least one of token, certificate and password"));
        } else if self.who != Who::People && !self.proofs.iter().any(|proof| proof.is_of_a_device()) {
            wrong("proofs", t!("a password does not tell which device it is; take token or certificate too"));
        }
        if self.who != Who::People && !(self.roles.is_empty() && self.classes.is_empty()) {
            wrong("who", t!("roles and classes are for `people`; take that, or leave them out"));
        }
        if self.classes.len() > CLASSES_MAX {
            wrong("classes", &t!("take at most {CLASSES_MAX}", CLASSES_MAX));
        }
        for (field, value, (least, most)) in [
            ("offline_hours", self.offline_hours, (0, OFFLINE_HOURS_MAX)),
            ("launches", self.launches.unwrap_or(1), (1, LAUNCHES_MAX)),
            ("clock_tolerance_minutes", self.clock_tolerance_minutes, (1, CLOCK_TOLERANCE_MAX)),
            ("ask_every_minutes", self.ask_every_minutes, (1, ASK_EVERY_MAX)),
            ("keep_copies_days", self.keep_copies_days, (1, KEEP_COPIES_DAYS_MAX)),
        ] {
            if !(least..=most).contains(&value) {
                wrong(field, &t!("take a number from {least} to {most}", least, most));
            }
        }
        Error::fields(faults).map(|()| self)
    }

    /// Whether this proof is needed.
    pub fn wants(&self, proof: Proof) -> bool {
        self.proofs.contains(&proof)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(policy: Policy) -> String {
        policy.checked().unwrap_err().fields[0].field.clone()
    }

    #[test]
    fn what_is_sensible_is_the_default_and_limits_are_reached_and_not_passed() {
        let sensible = Policy::default();
        assert_eq!(sensible.clone().checked().unwrap(), sensible);
        let most = Policy {
            offline_hours: OFFLINE_HOURS_MAX,
            launches: Some(LAUNCHES_MAX),
            clock_tolerance_minutes: CLOCK_TOLERANCE_MAX,
            ask_every_minutes: ASK_EVERY_MAX,
            keep_copies_days: KEEP_COPIES_DAYS_MAX,
            who: Who::People,
            classes: (0..CLASSES_MAX).map(|number| format!("{number:03}")).collect(),
            ..sensible.clone()
        };
        assert_eq!(most.clone().checked().unwrap(), most);
        let mut too_many = most.clone();
        too_many.classes.push("one more".into());
        assert_eq!(field(too_many), "classes");
        for (name, policy) in [
            ("offline_hours", Policy { offline_hours: OFFLINE_HOURS_MAX + 1, ..sensible.clone() }),
            ("launches", Policy { launches: Some(LAUNCHES_MAX + 1), ..sensible.clone() }),
            ("launches", Policy { launches: Some(0), ..sensible.clone() }),
            ("clock_tolerance_minutes", Policy { clock_tolerance_minutes: CLOCK_TOLERANCE_MAX + 1, ..sensible.clone() }),
            ("ask_every_minutes", Policy { ask_every_minutes: ASK_EVERY_MAX + 1, ..sensible.clone() }),
            ("keep_copies_days", Policy { keep_copies_days: KEEP_COPIES_DAYS_MAX + 1, ..sensible.clone() }),
        ] {
            assert_eq!(field(policy), name);
        }
    }

    #[test]
    fn a_policy_that_nobody_could_keep_is_refused() {
        assert_eq!(field(Policy { proofs: Vec::new(), ..Policy::default() }), "proofs");
        assert_eq!(field(Policy { proofs: vec![Proof::Password], ..Policy::default() }), "proofs");
        assert_eq!(field(Policy { roles: vec![PersonRole::Teacher], ..Policy::default() }), "who");
        let by_password = Policy { who: Who::People, proofs: vec![Proof::Password, Proof::Password], ..Policy::default() };
        assert_eq!(by_password.checked().unwrap().proofs, [Proof::Password]);
    }
}
