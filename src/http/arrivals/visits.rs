//! Web views of Setup Assistant in which a person is to sign in: what their device said, kept for a while, and passwords looked at one after the other.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::attempts::{Attempts, Tally};
use crate::mdm::enroll::account::{self, SignedIn};
use crate::mdm::enroll::automated::Asked;
use crate::pki::digest::sha256;
use crate::secret::Secret;
use crate::store::account_tokens::Ownership;

/// How long a visit stays open.
pub(super) const VISIT_LIFE: Duration = Duration::from_secs(15 * 60);

/// Visits that are open at a time; the oldest goes when another comes.
pub(super) const VISITS_MAX: usize = 1000;

/// Passwords that are looked at or wait for it at a time.
const WAITING_MAX: usize = 16;

/// Whoever signed in with their account, and as whose they enroll the device.
#[derive(Debug, Clone)]
pub(super) struct Account {
    /// Who.
    pub(super) who: SignedIn,
    /// Whose device.
    pub(super) ownership: Ownership,
}

/// A device whose person is to sign in.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    /// What it asks for.
    pub(super) asked: Asked,
}

#[derive(Debug)]
struct Open<T> {
    token: [u8; 32],
    until: Timestamp,
    visit: T,
}

/// Visits that are open, each named by a token. They live in memory alone: after a restart the device begins the step again.
#[derive(Debug)]
pub(super) struct Visits<T>(Mutex<VecDeque<Open<T>>>);

impl<T> Default for Visits<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Visits<T> {
    fn all(&self, now: Timestamp) -> MutexGuard<'_, VecDeque<Open<T>>> {
        let mut visits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        visits.retain(|open| open.until > now);
        visits
    }

    /// Opens a visit that `token` names, in the place of those that begin anew by it.
    pub(super) fn open(&self, token: &str, visit: T, begins_anew: impl Fn(&T) -> bool, now: Timestamp) {
        let mut visits = self.all(now);
        visits.retain(|open| !begins_anew(&open.visit));
        if visits.len() >= VISITS_MAX {
            visits.pop_front();
        }
        visits.push_back(Open { token: sha256(token.as_bytes()), until: now.plus(VISIT_LIFE), visit });
    }

    /// Whether a visit is open.
    pub(super) fn is_open(&self, token: &str, now: Timestamp) -> bool {
        let token = sha256(token.as_bytes());
        self.all(now).iter().any(|open| open.token == token)
    }

    /// Ends a visit and gives it.
    pub(super) fn take(&self, token: &str, now: Timestamp) -> Option<T> {
        let token = sha256(token.as_bytes());
        let mut visits = self.all(now);
        let at = visits.iter().position(|open| open.token == token)?;
        visits.remove(at).map(|open| open.visit)
    }
}

/// Where people sign in.
#[derive(Debug)]
pub(super) struct Desk {
    /// Devices in Setup Assistant whose person is to sign in.
    pub(super) devices: Visits<Visit>,
    /// People who signed in with their account and are told what that means.
    pub(super) accounts: Visits<Account>,
    addresses: Attempts,
    people: Tally<[u8; 32]>,
    waiting: Semaphore,
    hashing: Semaphore,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            devices: Visits::default(),
            accounts: Visits::default(),
            addresses: Attempts::default(),
            people: Tally::default(),
            waiting: Semaphore::new(WAITING_MAX),
            hashing: Semaphore::new(1),
        }
    }
}

impl Desk {
    /// Opens the visit of a device. One that asks again begins anew.
    pub(super) fn open(&self, token: &str, visit: Visit, now: Timestamp) {
        let serial_number = visit.asked.info.serial_number.clone();
        self.devices.open(token, visit, |open| open.asked.info.serial_number == serial_number, now);
    }

    /// Finds out whose password it is; guesses are counted by where they come from and by whom they are aimed at.
    ///
    /// # Errors
    /// Unauthenticated, in the same words whether or not there is such a person; too often with the seconds to wait.
    pub(super) async fn prove(&self, app: &App, from: IpAddr, email: &str, password: Secret<String>, now: Timestamp) -> Result<String> {
        let who = sha256(email.trim().to_ascii_lowercase().as_bytes());
        self.addresses.take(from, now)?;
        self.people.take(who, now).map_err(|seconds| {
            Error::new(Kind::TooOften, t!("This password was guessed too often. Try again in {seconds} seconds.", seconds))
                .retry_after(seconds)
        })?;
        let full = |_| Error::new(Kind::Busy, t!("Too many people sign in just now. Try again in a moment.")).retry_after(2);
        let _waiting = self.waiting.try_acquire().map_err(full)?;
        // The semaphore is never closed.
        let _turn = self.hashing.acquire().await.map_err(|closed| Error::internal("the desk is closed", closed))?;
        let email = email.trim().to_owned();
        let candidate = app.store.read(now, move |tx| account::candidate(tx, &email)).await?;
        let person_id = candidate.person_id().map(str::to_owned);
        let verified = tokio::task::spawn_blocking(move || candidate.verify(&password)).await;
        let verified = verified.map_err(|panic| Error::internal("a fault in the program", panic))?;
        match person_id.filter(|_| verified.is_some()) {
            Some(person_id) => {
                self.addresses.give_back(from);
                self.people.give_back(&who);
                Ok(person_id)
            }
            None => Err(Error::new(Kind::Unauthenticated, t!("Address or password is wrong."))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdm::enroll::automated::Door;
    use crate::pki::device_identity::Vouched;
    use crate::protocol::machine_info::MachineInfo;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    fn visit(serial: usize) -> Visit {
        let info = MachineInfo { serial_number: format!("TESTSN{serial}"), ..MachineInfo::default() };
        Visit { asked: Asked { info, by: Vouched::Apple, door: Door::List, person_id: None } }
    }

    #[test]
    fn a_visit_is_open_for_a_while_and_taken_once() {
        let desk = Desk::default();
        desk.open("a", visit(1), NOW);
        assert!(desk.devices.is_open("a", NOW) && !desk.devices.is_open("b", NOW));
        desk.open("b", visit(1), NOW);
        assert!(!desk.devices.is_open("a", NOW), "the same device began anew");
        assert!(desk.devices.take("b", NOW).is_some() && desk.devices.take("b", NOW).is_none());
        desk.open("c", visit(1), NOW);
        assert!(desk.devices.take("c", NOW.plus(VISIT_LIFE)).is_none());
    }

    #[test]
    fn the_oldest_visit_makes_room() {
        let desk = Desk::default();
        for number in 0..=VISITS_MAX {
            desk.open(&number.to_string(), visit(number), NOW);
        }
        assert!(!desk.devices.is_open("0", NOW) && desk.devices.is_open("1", NOW));
    }
}
