//! Slows guessing down: each address may try a few times at once, then once in a while.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};

/// Wrong attempts that an address may make at once.
pub const ATTEMPTS_AT_ONCE: u32 = 10;
/// Time after which an address gets one attempt back.
pub const ATTEMPT_EVERY: Duration = Duration::from_secs(30);
/// Addresses that are remembered; beyond it the one nearest to a clean record is forgotten.
pub const ADDRESSES_MAX: usize = 10_000;

/// Who has tried how often, by address; an IPv6 network of 64 bits counts as one address.
///
/// An attempt is taken before the password is looked at and given back when it was right, so that a school behind one address
/// is slowed by wrong passwords only.
#[derive(Debug, Default)]
pub struct Attempts(Tally<IpAddr>);

impl Attempts {
    /// Takes one attempt for `address`, or says when the next one may be made.
    ///
    /// # Errors
    /// [`Kind::TooOften`] with the seconds to wait when the address has none left.
    pub fn take(&self, address: IpAddr, now: Timestamp) -> Result<()> {
        self.0.take(network(address), now).map_err(|seconds| {
            Error::new(Kind::TooOften, t!("Too many attempts from this address. Try again in {seconds} seconds.", seconds))
                .retry_after(seconds)
        })
    }

    /// Gives the last attempt of `address` back: it was a right one.
    pub fn give_back(&self, address: IpAddr) {
        self.0.give_back(&network(address));
    }
}

/// Who has tried how often, whatever tells them apart.
#[derive(Debug)]
pub struct Tally<K> {
    at_once: u32,
    every: Duration,
    /// When each will have all their attempts back.
    clean_at: Mutex<HashMap<K, Timestamp>>,
}

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self::of(ATTEMPTS_AT_ONCE, ATTEMPT_EVERY)
    }
}

impl<K> Tally<K> {
    /// So many attempts at once, and one back after each `every`.
    pub fn of(at_once: u32, every: Duration) -> Self {
        Self { at_once, every, clean_at: Mutex::default() }
    }
}

impl<K: Eq + Hash + Copy> Tally<K> {
    /// Takes one attempt for `who`, or gives the seconds until the next one may be made.
    pub fn take(&self, who: K, now: Timestamp) -> Result<(), u32> {
        let mut clean_at = self.clean_at.lock().unwrap_or_else(PoisonError::into_inner);
        let allowed = now.plus(self.every * self.at_once);
        // Further ahead than all attempts together last it cannot be: the clock was ahead then.
        let known = clean_at.get(&who).copied().filter(|at| *at <= allowed);
        let after = known.unwrap_or(now).max(now).plus(self.every);
        if after > allowed {
            return Err(after.since(allowed).as_millis().div_ceil(1000) as u32);
        }
        make_room(&mut clean_at, who, now);
        clean_at.insert(who, after);
        Ok(())
    }

    /// Gives the last attempt of `who` back: it was a right one.
    pub fn give_back(&self, who: &K) {
        let mut clean_at = self.clean_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = clean_at.get_mut(who) {
            *at = at.minus(self.every);
        }
    }
}

/// The address whose attempts are counted: networks of 64 bits are handed to one customer as a whole.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

/// Forgets addresses with a clean record when a new one would not fit, and, if all have tried lately, the one nearest to it.
fn make_room<K: Eq + Hash + Copy>(clean_at: &mut HashMap<K, Timestamp>, who: K, now: Timestamp) {
    if clean_at.len() < ADDRESSES_MAX || clean_at.contains_key(&who) {
        return;
    }
    clean_at.retain(|_, at| *at > now);
    if clean_at.len() >= ADDRESSES_MAX
        && let Some(nearest) = clean_at.iter().min_by_key(|(_, at)| **at).map(|(who, _)| *who)
    {
        clean_at.remove(&nearest);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(0x0a00_0000 + number).into()
    }

    #[test]
    fn an_address_that_used_its_attempts_waits_for_the_next_one() {
        let attempts = Attempts::default();
        for _ in 0..ATTEMPTS_AT_ONCE {
            attempts.take(address(1), NOW).unwrap();
        }
        let refusal = attempts.take(address(1), NOW).unwrap_err();
        assert_eq!((refusal.kind, refusal.retry_after_s), (Kind::TooOften, Some(30)));
        assert!(attempts.take(address(1), NOW.plus(Duration::from_secs(29))).is_err());
        assert!(attempts.take(address(2), NOW).is_ok(), "another address is not slowed");
        assert!(attempts.take(address(1), NOW.plus(ATTEMPT_EVERY)).is_ok());
        assert!(attempts.take(address(1), NOW.plus(ATTEMPT_EVERY)).is_err(), "one came back, not all");
    }

    #[test]
    fn a_clock_that_was_ahead_keeps_nobody_out_when_it_is_right_again() {
        let attempts = Attempts::default();
        let ahead = NOW.plus(Duration::from_secs(365 * 24 * 3600));
        for _ in 0..ATTEMPTS_AT_ONCE {
            attempts.take(address(1), ahead).unwrap();
        }
        assert!(attempts.take(address(1), ahead).is_err());
        for _ in 0..ATTEMPTS_AT_ONCE {
            attempts.take(address(1), NOW).unwrap();
        }
        assert!(attempts.take(address(1), NOW).is_err(), "and it counts again");
    }

    #[test]
    fn a_right_attempt_does_not_count() {
        let attempts = Attempts::default();
        for _ in 0..ATTEMPTS_AT_ONCE * 3 {
            attempts.take(address(1), NOW).unwrap();
            attempts.give_back(address(1));
        }
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let attempts = Attempts::default();
        for host in 0..ATTEMPTS_AT_ONCE {
            attempts.take(format!("2001:db8:1:2::{host:x}").parse().unwrap(), NOW).unwrap();
        }
        assert!(attempts.take("2001:db8:1:2:ffff::1".parse().unwrap(), NOW).is_err());
        assert!(attempts.take("2001:db8:1:3::1".parse().unwrap(), NOW).is_ok());
        assert_eq!(network("::ffff:10.0.0.1".parse().unwrap()), address(1), "a mapped address is the IPv4 address");
    }

    #[test]
    fn memory_stays_bounded_and_the_worst_offender_is_remembered() {
        let attempts = Attempts::default();
        for _ in 0..ATTEMPTS_AT_ONCE {
            attempts.take(address(0), NOW).unwrap();
        }
        for number in 1..=ADDRESSES_MAX as u32 + 100 {
            attempts.take(address(number), NOW).unwrap();
        }
        assert_eq!(attempts.0.clean_at.lock().unwrap().len(), ADDRESSES_MAX);
        assert!(attempts.take(address(0), NOW).is_err());
    }
}
