//! Faults on purpose: lost answers, repeats, bursts of NotNow and other mishaps, scripted in a file and drawn from a seed.
//!
//! A fault file is TOML or JSON:
//!
//! ```toml
//! seed = 7                     # optional: which devices and moments are hit
//!
//! [[fault]]
//! kind = "not-now"             # see the table below
//! on = ["InstallProfile"]      # purposes (TokenUpdate, Idle, Report …), command types, (unknown-type) types of declarations, or
//!                              # (decline-app, no-room) identifiers of apps, (update-…) versions; absent: all that the kind can hit
//! devices = [1, 2]             # numbers from 1, or "10%"; absent: all
//! chance = 0.5                 # of each occasion; absent: 1
//! after = 2                    # occasions passed over first; absent: 0
//! times = 3                    # at most so often for each device; absent: without end
//! seconds = 2.5                # slow: how long; clock-skew: how far ahead (negative: behind)
//! bytes = 1000000              # huge: size of the report; break: bytes sent before the connection ends
//! code = 4005                  # refuse: the code of the complaint
//! domain = "MCMDMErrorDomain"  # refuse: its domain; absent: this one
//! name = "26.1"                # rename: the device's new name; update-os: the release; lose-profile: the profile's identifier;
//!                              # delete-app: the app's identifier; sign-in: the account; update-fails: the reason; update-refused: the Status
//! ```
//!
//! | kind | an occasion is | what the device does |
//! |---|---|---|
//! | `lose-request`, `lose-answer`, `duplicate`, `slow`, `break` | a request | it, or its answer, is lost, repeated, late or cut off |
//! | `not-now` | a command that may be put off | answers NotNow |
//! | `huge`, `malformed` | a report | pads it to `bytes`, or makes it no property list |
//! | `stranger`, `old-digest`, `bare-identity` | what it says of itself in Setup Assistant | signs it as nobody's device, by SHA-1, or without the authority above |
//! | `clock-skew` | the device's beginning | its clock is `seconds` ahead |
//! | `refuse` | a command | answers Error with `code` and `domain` |
//! | `pretend` | a command | acknowledges it and does nothing |
//! | `lose-status` | a status report of declarations | believes it told, and sends nothing |
//! | `old-token` | a status report of declarations | tells the tokens before the present ones, or invented ones |
//! | `unknown-type` | a declaration that was fetched | says that it does not know its type |
//! | `forget-declarations`, `forget-profiles` | a connection | loses them all, and tells nobody |
//! | `lose-profile` | a connection | the profile `name` vanishes, and nobody is told |
//! | `rename`, `update-os` | a connection | is called `name`, or runs the release `name` |
//! | `decline-app` | a question whether an app may come, or be managed | its person says no |
//! | `no-room` | an order for an app | it runs out of storage: the app is downloaded and not installed |
//! | `delete-app` | a connection while the app `name` is there | its person deletes it |
//! | `sign-in` | a connection | its person signs in to the store with the account `name` |
//! | `update-fails` | the end of an installation of the OS | it failed, for the reason `name`; what a declaration wants is tried again |
//! | `update-stalls` | a download of the OS that begins | it never ends |
//! | `no-attestation` | an attestation | it has none to show |
//! | `attests-other-serial`, `attests-old-code`, `attests-other-key` | an attestation | it is of another device, not fresh, or of another key |
//! | `update-refused` | an order to update the OS | answers with the Status `name`, else DownloadFailed, and does nothing |

mod rule;

use std::sync::Arc;
use std::time::Duration;

use self::rule::{Devices, File, Rule, share_of};
use super::device::{Complaint, Mischief, Purpose};
use crate::error::{Error, Result};

pub use self::rule::Kind;

/// How many rules a file may hold.
pub const MAX_RULES: usize = 256;

/// The largest report that `huge` makes, in bytes.
pub const MAX_HUGE_BYTES: usize = 128 << 20;

/// The longest that `slow` waits and `clock-skew` moves, in seconds.
pub const MAX_SECONDS: f64 = 366.0 * 86_400.0;

/// All faults of a fleet.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    seed: u64,
    rules: Arc<[Rule]>,
}

impl Faults {
    /// Reads a fault file, TOML or JSON.
    pub fn parse(text: &str) -> Result<Self> {
        let file: File = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| unreadable(&error))?
        } else {
            toml::from_str(text).map_err(|error| unreadable(&error))?
        };
        if file.fault.len() > MAX_RULES {
            return Err(Error::bad_input(format!("the fault file has {} faults; {MAX_RULES} are the most", file.fault.len())));
        }
        for (index, rule) in file.fault.iter().enumerate() {
            rule.check().map_err(|what| Error::field(format!("fault[{index}]"), what))?;
        }
        Ok(Self { seed: file.seed, rules: file.fault.into() })
    }

    /// The faults that device `number` (from 1) meets.
    pub fn for_device(&self, number: u32) -> DeviceFaults {
        let mut dice = fastrand::Rng::with_seed(self.seed ^ u64::from(number).wrapping_mul(0xD6E8_FEB8_6659_FD93));
        let hits = |rule: &Rule, dice: &mut fastrand::Rng| match &rule.devices {
            Devices::All => true,
            Devices::Numbers(numbers) => numbers.contains(&number),
            Devices::Share(share) => dice.f64() < share_of(share).unwrap_or(0.0),
        };
        let rules = self.rules.iter().filter(|rule| hits(rule, &mut dice)).map(|rule| Live { rule: rule.clone(), occasions: 0, hits: 0 });
        let rules: Vec<_> = rules.collect();
        DeviceFaults { rules, dice }
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> Error {
    Error::bad_input(format!("the fault file cannot be read: {error}"))
}

/// The faults that one device meets, with what it has met so far.
#[derive(Debug, Clone)]
pub struct DeviceFaults {
    rules: Vec<Live>,
    dice: fastrand::Rng,
}

#[derive(Debug, Clone)]
struct Live {
    rule: Rule,
    occasions: u32,
    hits: u32,
}

impl Default for DeviceFaults {
    fn default() -> Self {
        Self { rules: Vec::new(), dice: fastrand::Rng::with_seed(0) }
    }
}

/// What is wrong with a report on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoiled {
    /// Padded to this many bytes.
    Huge(usize),
    /// No property list.
    Malformed,
}

/// What is wrong with an attestation on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadAttestation {
    /// There is none.
    None,
    /// It names another serial number.
    OtherSerial,
    /// Its code is not the one that was asked for.
    OldCode,
    /// It is of another key.
    OtherKey,
}

impl BadAttestation {
    fn of(kind: Kind) -> Option<Self> {
        Some(match kind {
            Kind::NoAttestation => Self::None,
            Kind::AttestsOtherSerial => Self::OtherSerial,
            Kind::AttestsOldCode => Self::OldCode,
            Kind::AttestsOtherKey => Self::OtherKey,
            _ => return None,
        })
    }
}

/// How a device signs on purpose what it says of itself in Setup Assistant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Impostor {
    /// As somebody whom no maker of devices vouches for.
    Stranger,
    /// By SHA-1.
    OldDigest,
    /// Without the certificate of the authority above it.
    BareIdentity,
}

/// What befalls a device before it connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Happening {
    /// It loses its declarations.
    ForgetDeclarations,
    /// It loses its profiles.
    ForgetProfiles,
    /// It loses the profile with this identifier.
    LoseProfile(String),
    /// It is called this.
    Rename(String),
    /// It runs this release.
    UpdateOs(String),
    /// Its person deletes the app with this identifier.
    DeleteApp(String),
    /// Its person signs in with this account.
    SignIn(String),
}

impl Happening {
    fn of(rule: &Rule) -> Option<Self> {
        let name = || rule.name.clone();
        Some(match rule.kind {
            Kind::ForgetDeclarations => Self::ForgetDeclarations,
            Kind::ForgetProfiles => Self::ForgetProfiles,
            Kind::LoseProfile => Self::LoseProfile(name()),
            Kind::Rename => Self::Rename(name()),
            Kind::UpdateOs => Self::UpdateOs(name()),
            Kind::DeleteApp => Self::DeleteApp(name()),
            Kind::SignIn => Self::SignIn(name()),
            _ => return None,
        })
    }
}

impl DeviceFaults {
    /// How far the device's clock is ahead, in milliseconds.
    pub(crate) fn clock_skew_ms(&mut self) -> i64 {
        self.draw(Purpose::Idle, None, |kind| kind == Kind::ClockSkew).map_or(0, |rule| (rule.seconds * 1000.0) as i64)
    }

    /// How the device signs in Setup Assistant, where that is not as usual.
    pub(crate) fn impostor(&mut self) -> Option<Impostor> {
        let how = |kind| match kind {
            Kind::Stranger => Some(Impostor::Stranger),
            Kind::OldDigest => Some(Impostor::OldDigest),
            Kind::BareIdentity => Some(Impostor::BareIdentity),
            _ => None,
        };
        self.draw(Purpose::MachineInfo, None, |kind| how(kind).is_some()).and_then(|rule| how(rule.kind))
    }

    /// Whether the device puts this command off.
    pub(crate) fn puts_off(&mut self, command: &str) -> bool {
        self.draw(Purpose::Report, Some(command), |kind| kind == Kind::NotNow).is_some()
    }

    /// The complaint with which the device refuses this command.
    pub(crate) fn refuses(&mut self, command: &str) -> Option<Complaint> {
        let rule = self.draw(Purpose::Report, Some(command), |kind| kind == Kind::Refuse)?;
        Some(Complaint { code: rule.code, domain: rule.domain.into(), text: String::from("Refused on purpose.") })
    }

    /// Whether the device acknowledges this command and does nothing.
    pub(crate) fn pretends(&mut self, command: &str) -> bool {
        self.draw(Purpose::Report, Some(command), |kind| kind == Kind::Pretend).is_some()
    }

    /// Whether this status report is lost before it is sent.
    pub(crate) fn loses_status(&mut self) -> bool {
        self.draw(Purpose::DeclarativeManagement, None, |kind| kind == Kind::LoseStatus).is_some()
    }

    /// Whether this status report tells other tokens than the device holds.
    pub(crate) fn tells_old_tokens(&mut self) -> bool {
        self.draw(Purpose::DeclarativeManagement, None, |kind| kind == Kind::OldToken).is_some()
    }

    /// Whether the device says that it does not know this type of declarations.
    pub(crate) fn denies(&mut self, declaration_type: &str) -> bool {
        self.draw(Purpose::DeclarativeManagement, Some(declaration_type), |kind| kind == Kind::UnknownType).is_some()
    }

    /// Whether the person says no to this app.
    pub(crate) fn declines(&mut self, identifier: &str) -> bool {
        self.draw(Purpose::Store, Some(identifier), |kind| kind == Kind::DeclineApp).is_some()
    }

    /// Whether there is no room for this app.
    pub(crate) fn has_no_room(&mut self, identifier: &str) -> bool {
        self.draw(Purpose::Store, Some(identifier), |kind| kind == Kind::NoRoom).is_some()
    }

    /// Why the installation of this version fails, if it does; empty where the file gives no reason.
    pub(crate) fn update_fails(&mut self, version: &str) -> Option<String> {
        self.draw(Purpose::Store, Some(version), |kind| kind == Kind::UpdateFails).map(|rule| rule.name)
    }

    /// Whether the download of this version never ends.
    pub(crate) fn update_stalls(&mut self, version: &str) -> bool {
        self.draw(Purpose::Store, Some(version), |kind| kind == Kind::UpdateStalls).is_some()
    }

    /// The Status with which an order to update to this version is refused, if it is; empty where the file gives none.
    pub(crate) fn update_refused(&mut self, version: &str) -> Option<String> {
        self.draw(Purpose::Store, Some(version), |kind| kind == Kind::UpdateRefused).map(|rule| rule.name)
    }

    /// What is wrong with the attestation that the device has made now.
    pub(crate) fn spoils_attestation(&mut self) -> Option<BadAttestation> {
        let spoils = |kind| BadAttestation::of(kind).is_some();
        self.draw(Purpose::Acme, Some("DeviceInformation"), spoils).and_then(|rule| BadAttestation::of(rule.kind))
    }

    /// What befalls the device before this connection, in the order of the file; `is_there` tells which apps it has.
    pub(crate) fn happenings(&mut self, is_there: impl Fn(&str) -> bool) -> Vec<Happening> {
        let dice = &mut self.dice;
        // An app that is not there is no occasion to delete it.
        let is_occasion = |rule: &Rule| rule.kind != Kind::DeleteApp || is_there(&rule.name);
        let about = |live: &&mut Live| live.rule.is_about(Purpose::Idle, None) && is_occasion(&live.rule);
        let hits = self.rules.iter_mut().filter(about).filter_map(|live| {
            let happening = Happening::of(&live.rule)?;
            live.hits(dice).then_some(happening)
        });
        hits.collect()
    }

    /// What is wrong with the report of this command.
    pub(crate) fn spoils(&mut self, command: &str) -> Option<Spoiled> {
        let rule = self.draw(Purpose::Report, Some(command), |kind| matches!(kind, Kind::Huge | Kind::Malformed))?;
        Some(if rule.kind == Kind::Huge { Spoiled::Huge(rule.bytes) } else { Spoiled::Malformed })
    }

    /// What happens to a request on its way; `command` is the type of the command that it reports.
    pub(crate) fn mischief(&mut self, purpose: Purpose, command: Option<&str>) -> Option<Mischief> {
        let on_the_way = |kind| matches!(kind, Kind::LoseRequest | Kind::LoseAnswer | Kind::Duplicate | Kind::Slow | Kind::Break);
        let rule = self.draw(purpose, command, on_the_way)?;
        Some(match rule.kind {
            Kind::LoseRequest => Mischief::LoseRequest,
            Kind::LoseAnswer => Mischief::LoseAnswer,
            Kind::Duplicate => Mischief::Duplicate,
            Kind::Slow => Mischief::Slow(Duration::from_secs_f64(rule.seconds)),
            _ => Mischief::Break(rule.bytes),
        })
    }

    /// The first rule of a wanted kind that this occasion hits.
    fn draw(&mut self, purpose: Purpose, command: Option<&str>, wanted: impl Fn(Kind) -> bool) -> Option<Rule> {
        let dice = &mut self.dice;
        let mut about = self.rules.iter_mut().filter(|live| wanted(live.rule.kind) && live.rule.is_about(purpose, command));
        about.find_map(|live| live.hits(dice).then(|| live.rule.clone()))
    }
}

impl Live {
    /// Counts one more occasion; says whether it is hit.
    fn hits(&mut self, dice: &mut fastrand::Rng) -> bool {
        self.occasions += 1;
        let hit = self.occasions > self.rule.after && self.hits < self.rule.times && dice.f64() < self.rule.chance;
        self.hits += u32::from(hit);
        hit
    }
}

#[cfg(test)]
mod tests;
