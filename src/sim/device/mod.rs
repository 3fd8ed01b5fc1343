//! One simulated device: a state machine without I/O. Whoever holds it carries its requests, hands it the replies and tells it the time.
//!
//! ```text
//! profile ─▶ SCEP ─▶ Authenticate ─▶ TokenUpdate ─▶ (SetBootstrapToken, user channels) ─▶ enrolled
//!                                                       push or poll ─▶ Idle ─▶ command ─▶ Report ─▶ command … ─▶ empty
//! ```

mod account;
mod acme;
mod agenda;
mod apps;
mod channel;
mod checkin;
mod commands;
mod connect;
mod declarations;
mod enroll;
mod identity;
mod journal;
mod packages;
mod passing;
mod payloads;
mod profile;
mod profiles;
mod returning;
mod scep;
mod seen;
mod service;
mod settings;
mod setup;
mod shelf;
mod situation;
mod store;
mod update;
mod usable;
mod values;
mod web;
mod wire;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::pki::certificate::Certificate;
use crate::pki::key::PrivateKey;
use crate::random::Random;

use self::agenda::{Errand, Flight};
use self::apps::Apps;
use self::channel::Channel;
use self::enroll::{Enrollment, Installation};
use self::profiles::Profiles;
use self::situation::Situation;
use self::update::OsUpdate;
use super::faults::DeviceFaults;
use super::model::Individual;

pub use self::account::AccountSignIn;
pub(crate) use self::identity::Dialect;
pub use self::identity::{HeaderForm, Identity, Proof};
pub use self::journal::Journal;
pub(crate) use self::scep::{Applicant, ScepService};
pub use self::seen::{DeclarationSeen, DownloadSeen, ProfileSeen};
pub use self::settings::{ProfileSource, Settings};
pub use self::setup::{Maker, SetupAssistant};
pub use self::shelf::AppSeen;
pub(crate) use self::values::Complaint;
pub use self::wire::{Mischief, Purpose, Reply, Request, Response};

/// The index of the device's own channel; users' channels follow it.
pub(crate) const DEVICE: usize = 0;

/// How long a restart takes.
const RESTART: Duration = Duration::from_secs(45);

/// How far the device is with its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// It has not begun, or begins anew.
    New,
    /// It is on its way to being enrolled.
    Enrolling,
    /// It is enrolled.
    Enrolled,
    /// It could not enroll: why.
    Failed(String),
    /// It was enrolled and is not any more: why.
    Left(String),
}

/// One simulated device.
#[derive(Debug)]
pub struct Device {
    facts: Individual,
    settings: Settings,
    random: Random,
    faults: DeviceFaults,
    /// How far its clock is ahead, in milliseconds.
    skew_ms: i64,
    journal: Journal,
    phase: Phase,
    /// Off, restarting or unreachable until then.
    away_until: Option<Timestamp>,
    situation: Situation,
    /// How far its person is who enrolls it by their account.
    course: account::Course,
    enrollment: Option<Enrollment>,
    installation: Option<Installation>,
    channels: Vec<Channel>,
    agenda: VecDeque<Errand>,
    flight: Option<Flight>,
    profiles: Profiles,
    apps: Apps,
    downloads: Vec<DownloadSeen>,
    /// The apps of the store that are licensed for it; none: all are.
    licensed: Option<BTreeSet<u64>>,
    update: OsUpdate,
    /// The beta programme that it takes part in.
    beta: Option<String>,
    next_poll_at: Option<Timestamp>,
}

impl Device {
    /// A device that will enroll as `settings` say, from the first poll on.
    pub fn new(facts: Individual, settings: Settings, mut faults: DeviceFaults, random: Random) -> Self {
        let skew_ms = faults.clock_skew_ms();
        let mut situation = Situation::of(&facts, &random);
        if let Some(zone) = &settings.time_zone {
            situation.time_zone.clone_from(zone);
        }
        Self {
            situation,
            apps: Apps::of(&facts),
            channels: vec![Channel::new(None, &random)],
            facts,
            settings,
            random,
            faults,
            skew_ms,
            journal: Journal::default(),
            phase: Phase::New,
            away_until: None,
            course: account::Course::default(),
            enrollment: None,
            installation: None,
            agenda: VecDeque::new(),
            flight: None,
            profiles: Profiles::default(),
            downloads: Vec::new(),
            licensed: None,
            update: OsUpdate::default(),
            beta: None,
            next_poll_at: None,
        }
    }

    /// The next request to carry, if there is one now. Until its reply is handled there is no other.
    pub fn poll(&mut self, now: Timestamp) -> Option<Request> {
        self.advance(now);
        if self.away_until.is_some() {
            return None;
        }
        if self.phase == Phase::New {
            self.begin_enrollment(now);
        }
        if self.flight.is_none() {
            self.next_errand(now);
        }
        self.depart(now)
    }

    /// Takes what became of the request that [`Device::poll`] gave.
    pub fn handle(&mut self, reply: Reply, now: Timestamp) {
        let Some(flight) = self.flight.take() else { return };
        match reply {
            Reply::Lost(why) => self.missed(flight, None, why, now),
            Reply::Answered(response) => {
                self.journal.last_contact_at = Some(now);
                self.answered(flight, response, now);
            }
        }
    }

    /// When polling again makes sense at the latest, if nothing else happens; none while a request is out or nothing is planned.
    pub fn wakes_at(&self) -> Option<Timestamp> {
        if let Some(until) = self.away_until {
            return Some(until);
        }
        let flight = match &self.flight {
            Some(flight) => return flight.departs_at(),
            None => None,
        };
        let waiting = !self.agenda.is_empty() && self.wishes_key().is_none();
        let ready = (waiting || self.phase == Phase::New).then_some(Timestamp::from_millis(0));
        let moments = [
            flight,
            ready,
            self.apps.wakes_at(),
            self.update.wakes_at(),
            self.profiles.next_end(),
            self.situation.unlocks_at,
            self.situation.invitation.as_ref().map(|(_, at)| *at),
            self.next_poll_at.filter(|_| self.phase == Phase::Enrolled),
        ];
        let declarations = self.channels.iter().filter_map(|channel| channel.declarations.wakes_at());
        moments.into_iter().flatten().chain(declarations).min()
    }

    /// The size of the key, in bits, that the device waits for; making one takes too long for a state machine.
    pub fn wishes_key(&self) -> Option<usize> {
        match (self.agenda.front(), &self.installation) {
            (Some(Errand::MakeKey), Some(installation)) => installation.scep.as_ref().map(|scep| scep.key_bits),
            _ => None,
        }
    }

    /// Gives the key that the device waits for.
    pub fn give_key(&mut self, key: PrivateKey) {
        if self.wishes_key().is_some() {
            self.agenda.pop_front();
            if let Some(installation) = &mut self.installation {
                installation.key = Some(key);
            }
        }
    }

    /// A push arrived for `token` with `magic`; says whether it was for one of this device's channels.
    pub fn push(&mut self, token: &[u8], magic: &str) -> bool {
        let Some(index) = self.channels.iter().position(|channel| channel.is_managed && channel.token == token) else {
            return false;
        };
        if self.channels[index].magic == magic {
            self.wake(index);
        } else {
            self.journal.remark("a push came with another PushMagic than the device's; a real device ignores it");
        }
        true
    }

    /// The device connects on its own channel, as if it were pushed.
    pub fn connect_now(&mut self) {
        self.wake(DEVICE);
    }

    /// The channel connects as soon as it can.
    pub(crate) fn wake(&mut self, channel: usize) {
        if self.phase != Phase::Enrolled || !self.channels[channel].is_managed {
            return;
        }
        if let Some(flight) = &mut self.flight {
            flight.hurry();
        }
        if self.channels[channel].in_session {
            self.channels[channel].wake_again = true;
        } else {
            self.channels[channel].in_session = true;
            self.agenda.push_back(Errand::Idle(channel));
        }
    }

    /// What the device says of itself now.
    pub fn facts(&self) -> &Individual {
        &self.facts
    }

    /// How far it is with its server.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// What happened so far.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The device's present identity, once it has one.
    pub fn identity(&self) -> Option<&Identity> {
        self.enrollment.as_ref().map(|enrollment| &*enrollment.identity)
    }

    /// The device's present identity, to be shared.
    pub(crate) fn shared_identity(&self) -> Option<Arc<Identity>> {
        self.enrollment.as_ref().map(|enrollment| Arc::clone(&enrollment.identity))
    }

    /// Where the server is: ServerURL, CheckInURL and topic of the profile.
    pub fn server(&self) -> Option<(&str, &str, &str)> {
        let mdm = &self.enrollment.as_ref()?.mdm;
        Some((&mdm.server_url, &mdm.check_in_url, &mdm.topic))
    }

    /// The push tokens of all channels that the server manages.
    pub fn tokens(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.channels.iter().filter(|channel| channel.is_managed).map(|channel| &channel.token[..])
    }

    /// The certificates that profiles brought: what the device trusts beside the public authorities.
    pub fn anchors(&self) -> Vec<Certificate> {
        let installing = self.installation.iter().map(|installation| &installation.profile);
        let all = installing.chain(self.profiles.iter().map(|installed| &installed.profile));
        all.flat_map(profile::Profile::certificates).filter_map(|der| Certificate::from_der(&der).ok()).collect()
    }

    /// The person who has it changes the passcode, sets one or takes it away.
    pub fn set_passcode(&mut self, present: bool) {
        self.facts.passcode = present;
        self.situation.renew_unlock_token(&self.random);
        self.token_update_soon(DEVICE);
    }

    /// The push service gives the device another token.
    pub fn rotate_token(&mut self) {
        self.channels[DEVICE].token = self.random.bytes();
        self.token_update_soon(DEVICE);
    }

    /// The person who has it removes the enrollment profile.
    pub fn remove_enrollment(&mut self) {
        if self.phase == Phase::Enrolled {
            self.say_goodbye("its user removed the profile");
        }
    }

    /// The person who has it deletes an app.
    pub fn delete_app(&mut self, identifier: &str) {
        self.apps.delete_by_user(identifier);
    }

    /// Whether the device is its user's own, known by an EnrollmentID.
    pub(crate) fn is_by_user(&self) -> bool {
        self.enrollment.as_ref().is_some_and(|enrollment| enrollment.mdm.by_user)
    }

    /// The device's own idea of the time.
    pub(crate) fn own_clock(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.millis() + self.skew_ms)
    }

    fn token_update_soon(&mut self, channel: usize) {
        if self.phase == Phase::Enrolled && self.channels[channel].is_managed {
            self.agenda.push_back(Errand::TokenUpdate(channel));
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
