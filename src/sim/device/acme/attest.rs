//! What a device has its maker vouch for: a key and itself, when an identity asks for it, or itself alone, when its server asks.

use std::time::Duration;

use super::super::Device;
use super::super::enroll::Installation;
use crate::clock::Timestamp;
use crate::pki::issue::attestation::Properties;
use crate::pki::key::PrivateKey;
use crate::protocol::plist::Value;
use crate::sim::faults::BadAttestation;
use crate::sim::model::{Family, Platform};

/// How long a device shows the same attestation when it is asked by its server.
const CACHED: Duration = Duration::from_secs(7 * 24 * 3600);

/// What a device shows its server until it may have a new one.
#[derive(Debug, Clone)]
pub(crate) struct Attestation {
    chain: Vec<Vec<u8>>,
    code: Vec<u8>,
    made_at: Timestamp,
}

impl Device {
    /// Whether hardware and OS can.
    fn can_attest(&self) -> bool {
        let release = self.facts.release;
        let first = match release.platform {
            Platform::Macos => 14,
            Platform::Visionos => 1,
            _ => 16,
        };
        self.facts.model.attests() && release.version.0 >= first
    }

    /// Has the key and the device vouched for; none where the device cannot, nobody is there to vouch, or it goes wrong on purpose.
    pub(crate) fn attest(&mut self, public_key: &[u8], code: Vec<u8>, now: Timestamp) -> Option<Vec<Vec<u8>>> {
        let service = self.settings.attestation.clone()?;
        if !self.can_attest() {
            return None;
        }
        let fault = self.faults.spoils_attestation();
        let facts = &self.facts;
        let is_mac = facts.model.family == Family::Mac;
        let is_own = !self.installation.as_ref().is_some_and(Installation::is_by_user) && !self.is_by_user();
        let udid = if is_mac { facts.provisioning_udid.clone() } else { Some(facts.udid.clone()) };
        let mut said = Properties {
            serial_number: is_own.then(|| facts.serial_number.clone()),
            udid: udid.filter(|_| is_own),
            os_version: Some(facts.release.text.to_owned()),
            freshness: Some(code),
            sip: is_mac.then_some(true),
            secure_boot: is_mac.then(|| String::from("Full Security")),
        };
        let mut key = public_key.to_vec();
        match fault {
            Some(BadAttestation::None) => return None,
            Some(BadAttestation::OtherSerial) => said.serial_number = Some(String::from("OTHERSN001")),
            Some(BadAttestation::OldCode) => said.freshness = Some(vec![0; 32]),
            Some(BadAttestation::OtherKey) => key = PrivateKey::generate_p256().ok()?.public_key_der().to_vec(),
            None => {}
        }
        service.attest(&key, &said, now).ok()
    }

    /// DevicePropertiesAttestation, with the code that was asked for or, within a week, the one of before; none where there is nothing to show.
    pub(crate) fn properties_attestation(&mut self, code: Option<&[u8]>, now: Timestamp) -> Option<Value> {
        let cached = self.situation.attestation.clone();
        let is_good = cached.as_ref().is_some_and(|old| code.is_none_or(|code| code == old.code) || now < old.made_at.plus(CACHED));
        let shown = match cached {
            Some(old) if is_good => old,
            _ => {
                let code = code.unwrap_or_default().to_vec();
                let key = PrivateKey::generate_p256().ok()?;
                let chain = self.attest(key.public_key_der(), code.clone(), now)?;
                Attestation { chain, code, made_at: now }
            }
        };
        let value = Value::Array(shown.chain.iter().cloned().map(Value::Data).collect());
        self.situation.attestation = Some(shown);
        Some(value)
    }
}
