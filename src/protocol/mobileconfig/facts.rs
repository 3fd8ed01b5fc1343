//! What lists and plans know of a profile without opening it: what it holds and sets, and nothing that is secret.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::diff::is_secret;
use super::types::{self, WrongType};
use super::{Payload, Profile, Signature, payload_types};
use crate::clock::Timestamp;
use crate::protocol::plist::{Value, to_json};

/// What a profile is and holds, without secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ProfileFacts)]
pub struct Facts {
    /// PayloadIdentifier.
    pub identifier: String,
    /// PayloadUUID.
    pub uuid: String,
    /// PayloadDisplayName.
    pub display_name: Option<String>,
    /// PayloadOrganization.
    pub organization: Option<String>,
    /// PayloadDescription.
    pub description: Option<String>,
    /// PayloadScope: `System` or `User`.
    pub scope: Option<String>,
    /// Whether it is signed: then it is sent as it was uploaded, byte for byte.
    pub is_signed: bool,
    /// Who signed it, by the certificate's subject.
    pub signer: Option<String>,
    /// Why its signature is in doubt.
    pub signature_problem: Option<String>,
    /// Whether its payloads are encrypted to one device.
    pub is_encrypted: bool,
    /// When devices remove it by themselves.
    pub removal_at: Option<Timestamp>,
    /// How many seconds after it was installed devices remove it by themselves.
    pub removal_after_s: Option<i64>,
    /// Whether people may not remove it.
    pub removal_disallowed: bool,
    /// What it holds, in its order.
    pub payloads: Vec<PayloadFacts>,
    /// Keys of its payloads that hold something else than Apple says; up to 50.
    #[serde(default)]
    pub wrong_types: Vec<WrongType>,
}

/// What one payload is and sets, without secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ProfilePayloadFacts)]
pub struct PayloadFacts {
    /// PayloadType.
    pub payload_type: String,
    /// PayloadIdentifier.
    pub identifier: String,
    /// PayloadUUID.
    pub uuid: String,
    /// PayloadDisplayName.
    pub display_name: Option<String>,
    /// Of types whose keys must not be set twice on one device: the keys, with their value where that is a yes, a no or a number. Of others the keys
    /// that decide who takes the payload.
    pub settings: BTreeMap<String, Option<serde_json::Value>>,
}

impl Facts {
    /// What is known of a profile.
    pub fn of(profile: &Profile) -> Self {
        let (is_signed, signer, signature_problem) = match &profile.signature {
            Signature::None => (false, None, None),
            Signature::Valid(certificate) => (true, Some(certificate.common_name().unwrap_or_else(|| certificate.subject())), None),
            Signature::Doubtful(why) => (true, None, Some(why.clone())),
        };
        Self {
            identifier: profile.identifier.clone(),
            uuid: profile.uuid.clone(),
            display_name: profile.display_name.clone(),
            organization: profile.organization.clone(),
            description: profile.description.clone(),
            scope: profile.scope.clone(),
            is_signed,
            signer,
            signature_problem,
            is_encrypted: profile.is_encrypted,
            removal_at: profile.removal_at,
            removal_after_s: profile.removal_after_s,
            removal_disallowed: profile.removal_disallowed,
            payloads: profile.payloads.iter().map(PayloadFacts::of).collect(),
            wrong_types: types::of_payloads(profile),
        }
    }

    /// Whether a Mac has it for its users: as its PayloadScope says, and without one where all that it holds is for users only. Else it goes to the Mac
    /// itself, which is what every other device does with any profile.
    pub fn is_for_users_of_macs(&self) -> bool {
        if let Some(scope) = self.scope.as_deref() {
            return scope.eq_ignore_ascii_case("User");
        }
        let is_users = |payload: &PayloadFacts| {
            payload_types::find(&payload.payload_type).is_some_and(|known| known.mac_channel() == payload_types::Channel::User)
        };
        !self.payloads.is_empty() && self.payloads.iter().all(is_users)
    }

    /// Whether nothing can be filled in or added: it is signed or encrypted.
    pub fn is_sealed(&self) -> bool {
        self.is_signed || self.is_encrypted
    }
}

impl PayloadFacts {
    fn of(payload: &Payload) -> Self {
        let known = payload_types::find(&payload.payload_type);
        let shared = known.is_some_and(payload_types::PayloadType::has_shared_keys);
        let decides = |key: &str| known.is_some_and(|known| known.deciding_keys().any(|deciding| deciding == key));
        let own = payload.keys.iter().filter(|(key, _)| shared && !key.starts_with("Payload") || decides(key));
        let setting = |(key, value): (&String, &Value)| {
            let told = matches!(value, Value::Boolean(_) | Value::Integer(_) | Value::Real(_)) && !is_secret(key, value);
            (key.clone(), told.then(|| to_json(value)))
        };
        Self {
            payload_type: payload.payload_type.clone(),
            identifier: payload.identifier.clone(),
            uuid: payload.uuid.clone(),
            display_name: payload.display_name.clone(),
            settings: own.map(setting).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::mobileconfig::{read, tests};

    #[test]
    fn facts_hold_the_keys_of_restrictions_and_no_secret() {
        let wifi = [("Password", Value::String("open sesame".into())), ("SSID_STR", Value::String("School".into()))];
        let lock = [
            ("allowCamera", Value::Boolean(false)),
            ("ratingApps", Value::Integer(200.into())),
            ("blockedAppBundleIDs", Value::Array(vec![Value::String("com.example.game".into())])),
        ];
        let removal = [("RemovalPassword", Value::Integer(4711.into()))];
        let bytes = tests::profile(
            "school.example.a",
            &[
                tests::payload("com.apple.wifi.managed", "a", &wifi),
                tests::payload("com.apple.applicationaccess", "b", &lock),
                tests::payload("com.apple.profileRemovalPassword", "c", &removal),
            ],
        );
        let facts = Facts::of(&read(&bytes).unwrap());
        assert!(facts.payloads[0].settings.is_empty());
        let settings = &facts.payloads[1].settings;
        assert_eq!(settings["allowCamera"], Some(false.into()));
        assert_eq!((settings["ratingApps"].clone(), settings["blockedAppBundleIDs"].clone()), (Some(200.into()), None));
        let written = serde_json::to_string(&facts).unwrap();
        assert!(!written.contains("sesame") && !written.contains("4711"), "{written}");
        assert_eq!(serde_json::from_str::<Facts>(&written).unwrap(), facts);
    }
}
