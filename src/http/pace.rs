//! Holds back a device that asks without end: it alone, and only while it asks far more than the others do.
//!
//! A device is known by its certificate, after that was proven. Addresses are not counted: a whole school is behind one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::pki::certificate::Fingerprint;

/// Requests that a device may send at once. The longest that an honest one has to say is a queue of some dozen commands, each answered by a request.
pub const AT_ONCE: u32 = 300;
/// Requests that it gets back each second. Over a network it does a few a second; hundreds are a fault that turns in a circle.
pub const PER_SECOND: u32 = 20;
/// Seconds after which it is to ask again: by then it has all of them back.
pub const RETRY_AFTER_S: u32 = AT_ONCE / PER_SECOND;
/// A device is held back only where it asks more often than the others do on average, so many times over. Where all are busy, as a fleet of simulated
/// devices is that measures how much the appliance can do, nobody stands out.
pub const TIMES_THE_OTHERS: u64 = 4;
/// Devices that are counted at a time, about 5 MB; further ones are let through uncounted until others have been quiet.
pub const DEVICES_MAX: usize = 50_000;
/// Refusals in a row after which somebody is told: a device that waits as it is asked to never gets so many.
pub const TELL_AFTER: u32 = 50;
/// How often it is told that a device goes on.
pub const TELL_EVERY: Duration = Duration::from_secs(60);

/// What is compared: what each asked in this window and in the one before.
const WINDOW: Duration = Duration::from_secs(10);
/// The time after which one request is given back.
const EVERY: Duration = Duration::from_millis(1000 / PER_SECOND as u64);

/// Who asks how often. Clones count together.
///
/// Time is the machine's own, which nobody sets forward or back.
#[derive(Debug, Clone, Default)]
pub struct Pace(Arc<Mutex<Tally>>);

/// A request that is not answered now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldBack {
    /// How many requests a second the device sends, where somebody is to be told now.
    pub tell: Option<u32>,
}

#[derive(Debug, Default)]
struct Tally {
    window: u64,
    began: Option<Instant>,
    /// Of this window and the one before, without those of devices that are held back.
    requests: [u64; 2],
    /// Those who asked in them.
    askers: [u64; 2],
    devices: HashMap<Fingerprint, Device>,
}

#[derive(Debug)]
struct Device {
    /// When it has all its requests back.
    full_at: Instant,
    /// The window that it was last counted in.
    window: u64,
    /// What it asked in that and the one before.
    requests: [u32; 2],
    /// When the first of those came.
    since: Instant,
    /// Since it last had all its requests back.
    refused: u32,
    told_at: Option<Instant>,
}

impl Pace {
    /// Counts a request; says so where its sender has to wait.
    pub fn ask(&self, who: Fingerprint, now: Instant) -> Option<HeldBack> {
        let mut tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tally.turn(now);
        tally.ask(who, now)
    }

    /// How many devices are counted now.
    #[cfg(test)]
    fn counted(&self) -> usize {
        self.0.lock().unwrap().devices.len()
    }
}

impl Tally {
    /// Begins another window where this one is over, and forgets who was quiet.
    fn turn(&mut self, now: Instant) {
        let began = *self.began.get_or_insert(now);
        let passed = now.saturating_duration_since(began).as_nanos() / WINDOW.as_nanos();
        if passed == 0 {
            return;
        }
        let last = if passed == 1 { (self.requests[0], self.askers[0]) } else { (0, 0) };
        (self.requests, self.askers) = ([0, last.0], [0, last.1]);
        self.window += u64::try_from(passed).unwrap_or(u64::MAX);
        self.began = Some(now);
        let window = self.window;
        self.devices.retain(|_, device| device.full_at > now || window - device.window <= 1);
    }

    fn ask(&mut self, who: Fingerprint, now: Instant) -> Option<HeldBack> {
        let (window, is_full) = (self.window, self.devices.len() >= DEVICES_MAX);
        let device = match self.devices.entry(who) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if is_full => return None,
            Entry::Vacant(new) => {
                self.askers[0] += 1;
                new.insert(Device { full_at: now, window, requests: [0; 2], since: now, refused: 0, told_at: None })
            }
        };
        if device.window != window {
            let before = if window - device.window == 1 { device.requests[0] } else { 0 };
            device.since = if before == 0 { now } else { device.since.max(now.checked_sub(WINDOW).unwrap_or(now)) };
            (device.window, device.requests) = (window, [0, before]);
            self.askers[0] += u64::from(!device.is_held());
        }
        if device.is_held() && device.full_at <= now {
            (device.refused, device.requests, device.since) = (0, [0; 2], now);
            self.askers[0] += 1;
        }
        device.requests[0] = device.requests[0].saturating_add(1);
        let is_measured = !device.is_held();
        self.requests[0] += u64::from(is_measured);
        let own = u64::from(device.requests[0]) + u64::from(device.requests[1]);
        let others = self.requests.iter().sum::<u64>().saturating_sub(if is_measured { own } else { 0 });
        let other_askers = self.askers[0].max(self.askers[1]).saturating_sub(u64::from(is_measured));
        let stands_out = other_askers == 0 || own.saturating_mul(other_askers) > others.saturating_mul(TIMES_THE_OTHERS);
        let held = device.judge(now, stands_out);
        if held.is_some() && is_measured {
            // One that is held back is no measure for the others: two that ask without end would excuse each other.
            for (all, own) in self.requests.iter_mut().zip(device.requests) {
                *all = all.saturating_sub(u64::from(own));
            }
            self.askers[0] = self.askers[0].saturating_sub(1);
            self.askers[1] = self.askers[1].saturating_sub(u64::from(device.requests[1] > 0));
        }
        held
    }
}

impl Device {
    /// Whether it was held back since it last had all its requests.
    fn is_held(&self) -> bool {
        self.refused > 0
    }

    fn judge(&mut self, now: Instant, stands_out: bool) -> Option<HeldBack> {
        let after = self.full_at.max(now) + EVERY;
        let most = now + EVERY * AT_ONCE;
        if after <= most {
            self.full_at = after;
            return None;
        }
        if !stands_out {
            return None;
        }
        self.refused = self.refused.saturating_add(1);
        let is_news = self.told_at.is_none_or(|told| now.saturating_duration_since(told) >= TELL_EVERY);
        if self.refused < TELL_AFTER || !is_news {
            return Some(HeldBack { tell: None });
        }
        self.told_at = Some(now);
        let lasting = now.saturating_duration_since(self.since).as_millis().max(1000);
        let requests = u128::from(self.requests[0]) + u128::from(self.requests[1]);
        Some(HeldBack { tell: Some(u32::try_from(requests * 1000 / lasting).unwrap_or(u32::MAX)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(number: u32) -> Fingerprint {
        Fingerprint::of_der(&number.to_be_bytes())
    }

    /// Lets a device ask evenly for so many seconds; gives how many requests were refused, and what was told.
    fn asks(pace: &Pace, who: u32, per_second: u32, seconds: u32, from: Instant) -> (u32, Vec<u32>) {
        let (mut refused, mut told) = (0, Vec::new());
        for number in 0..per_second * seconds {
            let now = from + Duration::from_secs(1) * number / per_second;
            if let Some(held) = pace.ask(device(who), now) {
                refused += 1;
                told.extend(held.tell);
            }
        }
        (refused, told)
    }

    #[test]
    fn a_device_that_asks_100_times_a_second_is_held_back_and_told_of_once_a_minute() {
        let (pace, start) = (Pace::default(), Instant::now());
        let (refused, told) = asks(&pace, 1, 100, 60, start);
        let allowed = AT_ONCE + PER_SECOND * 60;
        assert!((6000 - allowed).abs_diff(refused) <= 2, "{refused}");
        assert_eq!(told.len(), 1);
        assert!((95..=105).contains(&told[0]), "{told:?}");
        assert_eq!(asks(&pace, 1, 100, 60, start + Duration::from_secs(60)).1.len(), 1, "it goes on");
        assert_eq!(asks(&pace, 2, PER_SECOND, 60, start + Duration::from_secs(60)).0, 0, "the others do not feel it");
    }

    #[test]
    fn a_burst_passes_and_comes_back_when_it_was_waited_as_told() {
        let (pace, start) = (Pace::default(), Instant::now());
        for round in 0..3 {
            let now = start + Duration::from_secs(u64::from(RETRY_AFTER_S * round));
            assert!((0..AT_ONCE).all(|_| pace.ask(device(1), now).is_none()), "round {round}");
            assert_eq!(pace.ask(device(1), now), Some(HeldBack { tell: None }), "round {round}");
        }
    }

    #[test]
    fn where_all_are_busy_nobody_stands_out_and_one_above_all_does() {
        let (pace, start) = (Pace::default(), Instant::now());
        let mut refused = [0; 26];
        // 25 devices with 400 requests a second each, and one that sends ten times as many.
        for tick in 0..400 * 20_u32 {
            let now = start + Duration::from_secs(1) * tick / 400;
            for who in 0..25 {
                refused[who as usize] += u32::from(pace.ask(device(who), now).is_some());
            }
            for _ in 0..10 {
                refused[25] += u32::from(pace.ask(device(25), now).is_some());
            }
        }
        assert_eq!(refused[..25], [0; 25]);
        assert!(refused[25] > 70_000, "{}", refused[25]);
    }

    #[test]
    fn one_that_is_held_back_already_does_not_excuse_the_next() {
        let (pace, start) = (Pace::default(), Instant::now());
        assert!(asks(&pace, 1, 1000, 2, start).0 > 1600);
        let (refused, _) = asks(&pace, 2, 1000, 2, start + Duration::from_secs(2));
        assert!(refused > 1600, "{refused}");
        let rested = start + Duration::from_secs(60);
        assert_eq!(asks(&pace, 1, 10, 10, rested).0, 0, "who was held back and is quiet again is served as ever");
    }

    #[test]
    fn a_quiet_school_does_not_hide_who_does_not_stop() {
        let (pace, start) = (Pace::default(), Instant::now());
        let mut refused = 0;
        for tick in 0..100 * 30_u32 {
            let now = start + Duration::from_secs(1) * tick / 100;
            // Thirty devices, each once in three seconds.
            if tick % 10 == 0 {
                assert_eq!(pace.ask(device(100 + tick / 10 % 30), now), None);
            }
            refused += u32::from(pace.ask(device(1), now).is_some());
        }
        assert!(refused > 2000, "{refused}");
    }

    #[test]
    fn memory_is_bounded_and_given_back() {
        let (pace, start) = (Pace::default(), Instant::now());
        for number in 0..DEVICES_MAX as u32 + 10 {
            assert_eq!(pace.ask(device(number), start), None);
        }
        assert_eq!(pace.counted(), DEVICES_MAX);
        pace.ask(device(0), start + 3 * WINDOW);
        assert_eq!(pace.counted(), 1);
    }
}
