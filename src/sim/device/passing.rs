//! What time does to a device: installs end, locks open, polls and status fall due.

use std::time::Duration;

use super::setup::SETUP_POLL;
use super::{Device, Phase};
use crate::clock::Timestamp;
use crate::sim::model::Family;

impl Device {
    /// Lets time pass.
    pub(super) fn advance(&mut self, now: Timestamp) {
        self.hear_of_releases(now);
        self.reach_milestones(now);
        if self.away_until.is_some_and(|until| until <= now) {
            self.away_until = None;
            self.came_back(now);
        }
        if self.away_until.is_some() {
            return;
        }
        if self.situation.unlocks_at.is_some_and(|at| at <= now) {
            self.situation.unlocks_at = None;
            self.wake_deferred();
        }
        self.end_profiles(now);
        self.accept_if_due(now);
        if self.apps.advance(self.facts.person, now) {
            self.status_changed(now);
        }
        if self.phase == Phase::Enrolled {
            self.poll_if_due(now);
            self.declare_if_due(now);
        }
    }

    fn poll_if_due(&mut self, now: Timestamp) {
        let in_setup = self.starts_in_setup_assistant() && self.is_in_setup_assistant();
        let Some(every) = self.settings.poll_every.or_else(|| in_setup.then_some(SETUP_POLL)) else { return };
        let every = if in_setup { every.min(SETUP_POLL) } else { every };
        match self.next_poll_at {
            Some(at) if at > now => {}
            // The first poll of each device falls somewhere within the first interval.
            None => self.next_poll_at = Some(now.plus(every.mul_f64(f64::from(self.facts.spread(1000)) / 1000.0))),
            Some(_) => {
                self.next_poll_at = Some(now.plus(every));
                // Who is logged in has a channel that nobody pushes either.
                (0..self.channels.len()).for_each(|channel| self.wake(channel));
            }
        }
    }

    /// It is on again: locked where it has a passcode, and it tells its server that it is there.
    fn came_back(&mut self, now: Timestamp) {
        self.miss_deadline(now);
        let locks = self.facts.passcode && self.facts.model.family != Family::Mac;
        if locks {
            self.situation.unlocks_at = Some(now.plus(Duration::from_secs(u64::from(self.facts.person.returns_after_s))));
        }
        for index in 0..self.channels.len() {
            self.wake(index);
        }
    }

    /// Channels whose last word was NotNow try again by themselves.
    fn wake_deferred(&mut self) {
        for index in 0..self.channels.len() {
            if std::mem::take(&mut self.channels[index].said_not_now) {
                self.wake(index);
            }
        }
    }
}
