//! The profiles on a device, and what they add up to.

use super::profile::Profile;
use super::values::dict;
use crate::protocol::plist::{Dictionary, Value, fields};

/// Who brought a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The enrollment itself.
    Enrollment,
    /// A command on this channel.
    Command(usize),
    /// A declaration with this identifier.
    Declaration(String),
}

/// One installed profile.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Installed {
    pub(crate) profile: Profile,
    pub(crate) source: Source,
}

/// All profiles, in the order they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Profiles(Vec<Installed>);

impl Profiles {
    /// All profiles.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Installed> {
        self.0.iter()
    }

    /// The profile with this identifier.
    pub(crate) fn find(&self, identifier: &str) -> Option<&Installed> {
        self.0.iter().find(|installed| installed.profile.identifier == identifier)
    }

    /// Installs a profile; one with the same identifier gives its place to it.
    pub(crate) fn install(&mut self, profile: Profile, source: Source) {
        let installed = Installed { profile, source };
        match self.0.iter_mut().find(|old| old.profile.identifier == installed.profile.identifier) {
            Some(old) => *old = installed,
            None => self.0.push(installed),
        }
    }

    /// Removes a profile; says whether there was one.
    pub(crate) fn remove(&mut self, identifier: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|installed| installed.profile.identifier != identifier);
        self.0.len() < before
    }

    /// The enrollment ends: what it brought goes with it.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether the installed passcode policies are met.
    pub(crate) fn passcode_complies(&self, passcode: bool) -> bool {
        let demands =
            |keys: &Dictionary| fields::flag(keys, "forcePIN").unwrap_or(false) || fields::whole(keys, "minLength").unwrap_or(0) > 0;
        passcode || !self.payloads("com.apple.mobiledevice.passwordpolicy").any(demands)
    }

    /// The restrictions that each profile brings, by its identifier, and all together.
    pub(crate) fn restrictions(&self) -> (Dictionary, Dictionary) {
        let mut each = Dictionary::new();
        let mut all = Restrictions::default();
        for Installed { profile, .. } in &self.0 {
            let mut own = Restrictions::default();
            for payload in profile.of_kind("com.apple.applicationaccess") {
                own.add(&payload.keys);
                all.add(&payload.keys);
            }
            if !own.is_empty() {
                each.insert(profile.identifier.clone(), Value::Dictionary(own.into_dictionary()));
            }
        }
        (all.into_dictionary(), each)
    }

    fn payloads<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Dictionary> {
        self.0.iter().flat_map(move |installed| installed.profile.of_kind(kind)).map(|payload| &payload.keys)
    }
}

/// Restrictions that several payloads add up to: the stricter one counts.
#[derive(Default)]
struct Restrictions {
    flags: Dictionary,
    numbers: Dictionary,
    lists: Dictionary,
}

impl Restrictions {
    fn add(&mut self, keys: &Dictionary) {
        for (key, value) in keys.iter().filter(|(key, _)| !key.starts_with("Payload")) {
            match value {
                Value::Boolean(flag) => {
                    let before = self.flags.get(key).and_then(Value::as_boolean);
                    // `allow…` is stricter when false, `force…` and `require…` when true.
                    let strict = if key.starts_with("allow") { before.unwrap_or(true) && *flag } else { before.unwrap_or(false) || *flag };
                    self.flags.insert(key.clone(), Value::Boolean(strict));
                }
                Value::Integer(number) => drop(self.numbers.insert(key.clone(), Value::Integer(*number))),
                Value::Array(items) => drop(self.lists.insert(key.clone(), Value::Array(items.clone()))),
                _ => {}
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.flags.is_empty() && self.numbers.is_empty() && self.lists.is_empty()
    }

    fn into_dictionary(self) -> Dictionary {
        let wrapped = |values: Dictionary, name: &str| -> Dictionary {
            values.into_iter().map(|(key, value)| (key, dict([(name, value)]))).collect()
        };
        let parts = [
            ("restrictedBool", wrapped(self.flags, "value")),
            ("restrictedValue", wrapped(self.numbers, "value")),
            ("intersection", wrapped(self.lists, "values")),
            ("union", Dictionary::new()),
        ];
        parts.into_iter().map(|(key, part)| (key.to_owned(), Value::Dictionary(part))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::profile::Payload;
    use super::super::values::dictionary;
    use super::*;

    fn profile(identifier: &str, keys: Dictionary) -> Profile {
        let payload = Payload { kind: "com.apple.applicationaccess".into(), identifier: format!("{identifier}.1"), uuid: "U".into(), keys };
        Profile { identifier: identifier.into(), uuid: "V".into(), head: Dictionary::new(), payloads: vec![payload], signers: Vec::new() }
    }

    #[test]
    fn the_stricter_restriction_counts() {
        let mut profiles = Profiles::default();
        let keys =
            |camera, encrypted| dictionary([("allowCamera", Value::Boolean(camera)), ("forceEncryptedBackup", Value::Boolean(encrypted))]);
        profiles.install(profile("a", keys(false, true)), Source::Command(0));
        profiles.install(profile("b", keys(true, false)), Source::Command(0));
        let (all, each) = profiles.restrictions();
        let flags = fields::dictionary(&all, "restrictedBool").unwrap();
        let value = |key| fields::dictionary(flags, key).and_then(|value| fields::flag(value, "value"));
        assert_eq!((value("allowCamera"), value("forceEncryptedBackup")), (Some(false), Some(true)));
        assert_eq!(each.len(), 2);
    }

    #[test]
    fn the_same_identifier_replaces_in_place() {
        let mut profiles = Profiles::default();
        profiles.install(profile("a", Dictionary::new()), Source::Enrollment);
        profiles.install(profile("b", Dictionary::new()), Source::Command(0));
        profiles.install(profile("a", dictionary([("allowCamera", Value::Boolean(false))])), Source::Enrollment);
        assert_eq!(profiles.iter().map(|installed| installed.profile.identifier.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(profiles.find("a").unwrap().profile.payloads[0].keys.len(), 1);
        assert!(profiles.remove("b") && !profiles.remove("b"));
    }
}
