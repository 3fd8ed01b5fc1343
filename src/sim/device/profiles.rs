//! The profiles on a device, and what they add up to.

use std::time::Duration;

use super::payloads::RESTRICTIONS;
use super::profile::Profile;
use super::values::dict;
use super::{DEVICE, Device};
use crate::clock::Timestamp;
use crate::protocol::plist::{Dictionary, Value, fields};

/// Who brought a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The enrollment itself.
    Enrollment,
    /// A command on this channel.
    Command(usize),
    /// A declaration with this identifier on this channel.
    Declaration(usize, String),
    /// The person who has the device.
    Person,
}

impl Source {
    /// The channel whose profile it is.
    pub(crate) fn channel(&self) -> usize {
        match self {
            Self::Enrollment | Self::Person => DEVICE,
            Self::Command(channel) | Self::Declaration(channel, _) => *channel,
        }
    }
}

/// One installed profile.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Installed {
    pub(crate) profile: Profile,
    pub(crate) source: Source,
    /// When the device removes it by itself.
    pub(crate) ends_at: Option<Timestamp>,
}

/// All profiles, in the order they came. A user's profile may have the identifier of one of the device.
#[derive(Debug, Clone, Default)]
pub(crate) struct Profiles(Vec<Installed>);

impl Profiles {
    /// All profiles.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Installed> {
        self.0.iter()
    }

    /// The profile with this identifier on a channel.
    pub(crate) fn find(&self, identifier: &str, channel: usize) -> Option<&Installed> {
        self.0.iter().find(|installed| installed.is(identifier, channel))
    }

    /// Installs a profile; one with the same identifier on its channel gives its place to it.
    pub(crate) fn install(&mut self, installed: Installed) {
        match self.0.iter_mut().find(|old| old.is(&installed.profile.identifier, installed.source.channel())) {
            Some(old) => *old = installed,
            None => self.0.push(installed),
        }
    }

    /// Removes a profile; says whether there was one.
    pub(crate) fn remove(&mut self, identifier: &str, channel: usize) -> bool {
        let before = self.0.len();
        self.0.retain(|installed| !installed.is(identifier, channel));
        self.0.len() < before
    }

    /// Removes those that `unwanted` names; says whether there was one.
    pub(crate) fn remove_where(&mut self, unwanted: impl Fn(&Installed) -> bool) -> bool {
        let before = self.0.len();
        self.0.retain(|installed| !unwanted(installed));
        self.0.len() < before
    }

    /// The enrollment ends: what it brought goes with it.
    pub(crate) fn leave(&mut self) {
        self.remove_where(|installed| installed.source != Source::Person);
    }

    /// The device is erased.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// When the next profile is removed by the device itself.
    pub(crate) fn next_end(&self) -> Option<Timestamp> {
        self.0.iter().filter_map(|installed| installed.ends_at).min()
    }
}

impl Installed {
    fn is(&self, identifier: &str, channel: usize) -> bool {
        self.profile.identifier == identifier && self.source.channel() == channel
    }
}

impl Device {
    /// Installs a profile, with the moment at which the device is to remove it by its own clock.
    pub(crate) fn put_profile(&mut self, profile: Profile, source: Source, now: Timestamp) {
        let ends_at = self.end_of(&profile, now);
        self.profiles.install(Installed { profile, source, ends_at });
        self.status_changed(now);
    }

    /// When a profile says it is to go: a date by the device's own clock, or seconds from now on; the earlier one counts.
    pub(crate) fn end_of(&self, profile: &Profile, now: Timestamp) -> Option<Timestamp> {
        let date = fields::moment(&profile.head, "RemovalDate").map(|date| Timestamp::from_millis(date.millis() - self.skew_ms));
        let seconds = fields::real(&profile.head, "DurationUntilRemoval").filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
        let lasts = seconds.map(|seconds| now.plus(Duration::from_millis((seconds * 1000.0).min(1e15) as u64)));
        date.into_iter().chain(lasts).min()
    }

    /// Removes the profiles whose time is over.
    pub(super) fn end_profiles(&mut self, now: Timestamp) {
        let is_over = |installed: &Installed| installed.ends_at.is_some_and(|end| end <= now);
        let enrollment_ends = self.profiles.iter().any(|installed| installed.source == Source::Enrollment && is_over(installed));
        if enrollment_ends {
            return self.say_goodbye("the time of its enrollment profile is over");
        }
        if self.profiles.remove_where(is_over) {
            self.status_changed(now);
        }
    }

    /// The keys of every payload of a kind that this device acts upon.
    pub(crate) fn effective_payloads<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Dictionary> {
        use super::payloads::Effect;
        self.profiles.iter().flat_map(move |installed| {
            let acts = move |payload: &&super::profile::Payload| self.effect_of(payload, installed.source.channel()) == Effect::Acts;
            installed.profile.of_kind(kind).filter(acts).map(|payload| &payload.keys)
        })
    }

    /// Whether the policies for passcodes are met, those of profiles and those of declarations.
    pub(crate) fn passcode_complies(&self) -> bool {
        let demands =
            |keys: &Dictionary| fields::flag(keys, "forcePIN").unwrap_or(false) || fields::whole(keys, "minLength").unwrap_or(0) > 0;
        self.facts.passcode
            || !(self.effective_payloads("com.apple.mobiledevice.passwordpolicy").any(demands) || self.passcode_is_declared())
    }

    /// The restrictions that each profile brings, by its identifier, and all together; what the device does not act upon is left out.
    pub(crate) fn effective_restrictions(&self) -> (Dictionary, Dictionary) {
        let mut each = Dictionary::new();
        let mut all = Restrictions::default();
        for Installed { profile, source, .. } in self.profiles.iter() {
            let mut own = Restrictions::default();
            let acts = |key: &str| self.acts_on_restriction(key, source);
            for payload in profile.of_kind(RESTRICTIONS) {
                own.add(&payload.keys, acts);
                all.add(&payload.keys, acts);
            }
            if !own.is_empty() {
                each.insert(profile.identifier.clone(), Value::Dictionary(own.into_dictionary()));
            }
        }
        (all.into_dictionary(), each)
    }
}

/// Restrictions that several payloads add up to: the stricter one counts.
#[derive(Default)]
struct Restrictions {
    flags: Dictionary,
    numbers: Dictionary,
    /// Lists of what is allowed: what all of them name.
    common: Dictionary,
    /// Lists of what is forbidden: what any of them names.
    together: Dictionary,
}

impl Restrictions {
    fn add(&mut self, keys: &Dictionary, acts: impl Fn(&str) -> bool) {
        for (key, value) in keys.iter().filter(|(key, _)| acts(key)) {
            match value {
                Value::Boolean(flag) => {
                    let before = self.flags.get(key).and_then(Value::as_boolean);
                    // `allow…` is stricter when false, `force…` and `require…` when true.
                    let strict = if key.starts_with("allow") { before.unwrap_or(true) && *flag } else { before.unwrap_or(false) || *flag };
                    self.flags.insert(key.clone(), Value::Boolean(strict));
                }
                Value::Integer(_) => self.add_number(key, value),
                Value::Array(items) => self.add_list(key, items),
                _ => {}
            }
        }
    }

    /// Of ratings the lower one is stricter, of delays the longer one.
    fn add_number(&mut self, key: &str, value: &Value) {
        let number = value.as_signed_integer().unwrap_or_default();
        let before = self.numbers.get(key).and_then(Value::as_signed_integer).unwrap_or(number);
        let strict = if key.starts_with("rating") { before.min(number) } else { before.max(number) };
        self.numbers.insert(key.to_owned(), Value::from(strict));
    }

    fn add_list(&mut self, key: &str, items: &[Value]) {
        let is_forbidding = key.starts_with("block") || key.starts_with("blacklist");
        let lists = if is_forbidding { &mut self.together } else { &mut self.common };
        let mut list = match lists.get(key).and_then(Value::as_array) {
            None => items.to_vec(),
            Some(before) if is_forbidding => before.iter().chain(items.iter().filter(|item| !before.contains(item))).cloned().collect(),
            Some(before) => before.iter().filter(|item| items.contains(item)).cloned().collect(),
        };
        list.dedup();
        lists.insert(key.to_owned(), Value::Array(list));
    }

    fn is_empty(&self) -> bool {
        self.flags.is_empty() && self.numbers.is_empty() && self.common.is_empty() && self.together.is_empty()
    }

    fn into_dictionary(self) -> Dictionary {
        let wrapped = |values: Dictionary, name: &str| -> Dictionary {
            values.into_iter().map(|(key, value)| (key, dict([(name, value)]))).collect()
        };
        let parts = [
            ("restrictedBool", wrapped(self.flags, "value")),
            ("restrictedValue", wrapped(self.numbers, "value")),
            ("intersection", wrapped(self.common, "values")),
            ("union", wrapped(self.together, "values")),
        ];
        parts.into_iter().map(|(key, part)| (key.to_owned(), Value::Dictionary(part))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::profile::Payload;
    use super::super::values::{dictionary, texts};
    use super::*;

    fn installed(identifier: &str, keys: Dictionary, source: Source) -> Installed {
        let payload = Payload { kind: RESTRICTIONS.into(), identifier: format!("{identifier}.1"), uuid: "U".into(), keys };
        let profile = Profile {
            identifier: identifier.into(),
            uuid: "V".into(),
            head: Dictionary::new(),
            payloads: vec![payload],
            signers: Vec::new(),
        };
        Installed { profile, source, ends_at: None }
    }

    fn added(payloads: &[Dictionary]) -> Dictionary {
        let mut all = Restrictions::default();
        for keys in payloads {
            all.add(keys, |_| true);
        }
        all.into_dictionary()
    }

    #[test]
    fn the_stricter_restriction_counts() {
        let keys = |camera, encrypted, delay: i64, rating: i64| {
            dictionary([
                ("allowCamera", Value::Boolean(camera)),
                ("forceEncryptedBackup", Value::Boolean(encrypted)),
                ("enforcedSoftwareUpdateDelay", Value::from(delay)),
                ("ratingApps", Value::from(rating)),
            ])
        };
        let all = added(&[keys(false, true, 30, 600), keys(true, false, 7, 200)]);
        let value = |part: &str, key: &str| {
            fields::dictionary(&all, part).and_then(|part| fields::dictionary(part, key)).and_then(|entry| entry.get("value")).cloned()
        };
        assert_eq!(value("restrictedBool", "allowCamera"), Some(Value::Boolean(false)));
        assert_eq!(value("restrictedBool", "forceEncryptedBackup"), Some(Value::Boolean(true)));
        assert_eq!(value("restrictedValue", "enforcedSoftwareUpdateDelay"), Some(Value::from(30_i64)));
        assert_eq!(value("restrictedValue", "ratingApps"), Some(Value::from(200_i64)));
    }

    #[test]
    fn allowed_apps_are_those_that_all_allow_and_blocked_ones_those_that_any_blocks() {
        let keys = |apps: [&str; 2]| dictionary([("allowListedAppBundleIDs", texts(apps)), ("blockedAppBundleIDs", texts(apps))]);
        let all = added(&[keys(["a", "b"]), keys(["b", "c"])]);
        let list = |part: &str, key: &str| {
            let entry = fields::dictionary(&all, part).and_then(|part| fields::dictionary(part, key)).unwrap();
            fields::texts(entry, "values")
        };
        assert_eq!(list("intersection", "allowListedAppBundleIDs"), ["b"]);
        assert_eq!(list("union", "blockedAppBundleIDs"), ["a", "b", "c"]);
    }

    #[test]
    fn the_same_identifier_replaces_in_place_on_its_own_channel() {
        let mut profiles = Profiles::default();
        profiles.install(installed("a", Dictionary::new(), Source::Enrollment));
        profiles.install(installed("b", Dictionary::new(), Source::Command(0)));
        profiles.install(installed("a", dictionary([("allowCamera", Value::Boolean(false))]), Source::Enrollment));
        profiles.install(installed("b", Dictionary::new(), Source::Command(1)));
        assert_eq!(profiles.iter().map(|installed| installed.profile.identifier.as_str()).collect::<Vec<_>>(), ["a", "b", "b"]);
        assert_eq!(profiles.find("a", 0).unwrap().profile.payloads[0].keys.len(), 1);
        assert!(profiles.remove("b", 0) && !profiles.remove("b", 0) && profiles.remove("b", 1));
    }
}
