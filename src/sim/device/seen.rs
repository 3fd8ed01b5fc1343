//! What can be seen of a device from outside its conversation: its profiles, what they restrict, and its declarations.

use serde_json::{Map, Value as Json};

use super::profiles::Source;
use super::{DEVICE, Device};
use crate::clock::Timestamp;
use crate::protocol::plist::{Dictionary, Value, fields};

/// A profile on a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileSeen {
    /// PayloadIdentifier.
    pub identifier: String,
    /// PayloadUUID.
    pub uuid: String,
    /// PayloadDisplayName.
    pub name: String,
    /// `enrollment`, `command`, `declaration` or `person`.
    pub source: &'static str,
    /// The declaration that it belongs to.
    pub declaration: Option<String>,
    /// The short name of the user whose it is; none for the device's own.
    pub user: Option<String>,
    /// The types of its payloads.
    pub payload_types: Vec<String>,
    /// When the device removes it by itself.
    pub ends_at: Option<Timestamp>,
}

/// A package that a device downloaded whole and found to be what its manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownloadSeen {
    /// The app's bundle identifier, as the manifest says it.
    pub identifier: String,
    /// Its version, as the manifest says it.
    pub version: String,
    /// SHA-256 of all bytes that came, in lower-case hexadecimal.
    pub sha256: String,
    /// How many bytes those are.
    pub size_bytes: u64,
    /// How many requests they took.
    pub requests: u64,
}

/// A declaration on a device, with what it comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct DeclarationSeen {
    /// `activation`, `asset`, `configuration` or `management`.
    pub kind: &'static str,
    /// Its Identifier.
    pub identifier: String,
    /// Its Type; empty until it was fetched.
    pub declaration_type: String,
    /// Its ServerToken.
    pub server_token: String,
    /// Its Payload; null until it was fetched.
    pub payload: Json,
    /// Whether it is in effect.
    pub active: bool,
    /// `valid`, `invalid` or `unknown`.
    pub valid: &'static str,
    /// Codes of the reasons, for example `Error.MissingConfigurations`.
    pub reasons: Vec<String>,
}

impl Device {
    /// The packages that it downloaded, oldest first.
    pub fn downloads(&self) -> &[DownloadSeen] {
        &self.downloads
    }

    /// The profiles on the device and those of its users, in the order they came.
    pub fn profiles(&self) -> Vec<ProfileSeen> {
        let seen = self.profiles.iter().map(|installed| {
            let (source, declaration) = match &installed.source {
                Source::Enrollment => ("enrollment", None),
                Source::Command(_) => ("command", None),
                Source::Declaration(_, declaration) => ("declaration", Some(declaration.clone())),
                Source::Person => ("person", None),
            };
            ProfileSeen {
                identifier: installed.profile.identifier.clone(),
                uuid: installed.profile.uuid.clone(),
                name: fields::filled(&installed.profile.head, "PayloadDisplayName").unwrap_or_default(),
                source,
                declaration,
                user: self.user_of(installed.source.channel()),
                payload_types: installed.profile.payloads.iter().map(|payload| payload.kind.clone()).collect(),
                ends_at: installed.ends_at,
            }
        });
        seen.collect()
    }

    /// The restrictions in effect, by key: true and false, numbers, lists of texts.
    pub fn restrictions(&self) -> Map<String, Json> {
        let (all, _) = self.effective_restrictions();
        let mut found = Map::new();
        for part in ["restrictedBool", "restrictedValue", "intersection", "union"] {
            for (key, entry) in fields::dictionary(&all, part).into_iter().flatten() {
                let value = entry.as_dictionary().and_then(|entry| entry.get("value").or_else(|| entry.get("values")));
                found.insert(key.clone(), value.map_or(Json::Null, to_json));
            }
        }
        found
    }

    /// One restriction, if any profile has it and the device acts upon it.
    pub fn restriction(&self, key: &str) -> Option<Json> {
        self.restrictions().remove(key)
    }

    /// The keys of every payload of a type that the device acts upon, for example of `com.apple.domains`.
    pub fn payloads(&self, payload_type: &str) -> Vec<Dictionary> {
        self.effective_payloads(payload_type).cloned().collect()
    }

    /// The declarations of the device itself, or of the user with this short name.
    pub fn declarations(&self, user: Option<&str>) -> Vec<DeclarationSeen> {
        self.channel_of(user).map(|channel| self.declarations_of(channel)).unwrap_or_default()
    }

    /// The data of an asset that was fetched and found good, of the device itself or of the user with this short name.
    pub fn asset(&self, user: Option<&str>, identifier: &str) -> Option<Vec<u8>> {
        self.asset_of(self.channel_of(user)?, identifier)
    }

    /// The channels of the device's users connect, as a push to each makes them.
    pub fn wake_users(&mut self) {
        (DEVICE + 1..self.channels.len()).for_each(|channel| self.wake(channel));
    }

    fn channel_of(&self, user: Option<&str>) -> Option<usize> {
        let Some(user) = user else { return Some(DEVICE) };
        self.channels.iter().position(|channel| channel.account.as_ref().is_some_and(|own| own.short_name == user))
    }

    fn user_of(&self, channel: usize) -> Option<String> {
        Some(self.channels.get(channel)?.account.as_ref()?.short_name.clone())
    }

    /// The person who has the device gives it another name.
    pub fn rename(&mut self, name: &str) {
        name.clone_into(&mut self.facts.name);
    }

    /// The device takes a release of its platform by itself, for example `26.1`; says whether there is one that its model runs.
    pub fn update_os(&mut self, version: &str, now: Timestamp) -> bool {
        let releases = crate::sim::model::releases(self.facts.release.platform);
        let Some(release) = releases.iter().find(|release| release.text == version && self.facts.model.runs(release)) else { return false };
        self.facts.release = release;
        self.token_update_soon(DEVICE);
        self.status_changed(now);
        true
    }

    /// The device loses all profiles but those of its enrollment and its person, as one that was restored from a backup has; nobody is told.
    pub fn forget_profiles(&mut self) {
        self.profiles.remove_where(|installed| !matches!(installed.source, Source::Enrollment | Source::Person));
    }

    /// A profile vanishes, whoever brought it; nobody is told. Says whether it was there.
    pub fn lose_profile(&mut self, identifier: &str) -> bool {
        self.profiles.remove_where(|installed| installed.source != Source::Enrollment && installed.profile.identifier == identifier)
    }
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Boolean(flag) => Json::Bool(*flag),
        Value::Integer(_) => value.as_signed_integer().map_or(Json::Null, Json::from),
        Value::String(text) => Json::from(text.as_str()),
        Value::Array(items) => Json::Array(items.iter().map(to_json).collect()),
        _ => Json::Null,
    }
}
