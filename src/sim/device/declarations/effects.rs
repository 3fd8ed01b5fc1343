//! What active declarations do to the device: apps and OS updates (beside this file), and profiles.

use serde_json::Value as Json;

use super::super::Device;
use super::super::profiles::Source;
use crate::clock::Timestamp;

pub(super) const LEGACY_PROFILE: &str = "com.apple.configuration.legacy";
const PASSCODE: &str = "com.apple.configuration.passcode.settings";

impl Device {
    /// Brings the device to what the active declarations of a channel want.
    pub(super) fn apply_declarations(&mut self, channel: usize, now: Timestamp) {
        let active = self.active_payloads(channel);
        self.apply_apps(channel, &active, now);
        self.apply_profiles(channel, &active);
        self.fetch_wanted(channel, &active, now);
        self.apply_betas();
        self.enforce_updates(now);
    }

    /// Identifier, type and payload of every active configuration.
    pub(crate) fn active_payloads(&self, channel: usize) -> Vec<(String, String, Json)> {
        let held = &self.channels[channel].declarations.held;
        let active = self.judge(channel).into_iter().filter(|judgement| judgement.active && judgement.kind == "configuration");
        active
            .filter_map(|judgement| {
                let document = held.get(&judgement.identifier)?.document.as_ref()?;
                Some((judgement.identifier, document["Type"].as_str()?.to_owned(), document["Payload"].clone()))
            })
            .collect()
    }

    /// Profiles go with their declaration, or when nothing activates it any more; what could not be renewed stays as it was.
    fn apply_profiles(&mut self, channel: usize, active: &[(String, String, Json)]) {
        let declarations = &self.channels[channel].declarations;
        let stays = |declaration: &str| {
            active.iter().any(|(identifier, kind, _)| identifier == declaration && kind == LEGACY_PROFILE)
                || (declarations.held.contains_key(declaration) && declarations.could_not_fetch(declaration))
        };
        let gone = |source: &Source| matches!(source, Source::Declaration(own, declaration) if *own == channel && !stays(declaration));
        self.profiles.remove_where(|installed| gone(&installed.source));
    }

    /// Whether an active declaration wants a passcode.
    pub(crate) fn passcode_is_declared(&self) -> bool {
        let demands = |payload: &Json| {
            payload["RequirePasscode"].as_bool().unwrap_or(false) || payload["MinimumLength"].as_u64().is_some_and(|length| length > 0)
        };
        let active = (0..self.channels.len()).flat_map(|channel| self.active_payloads(channel));
        active.filter(|(_, kind, _)| kind == PASSCODE).any(|(_, _, payload)| demands(&payload))
    }
}
