//! A profile as one device gets it: variables filled in, an end set, and an identity that tells it from every other form of the same profile.

use std::fmt::Write as _;

use uuid::Builder;

use super::variables::{self, Values};
use super::{ProfileError, open};
use crate::clock::Timestamp;
use crate::pki::digest::sha256;
use crate::protocol::plist::{self, Value, fields};

/// What is done to an uploaded profile before one device gets it.
///
/// It is computed from what is known without opening the profile, so that a plan for many devices costs no more than a few digests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finish {
    /// What stands in the place of the variables that the profile uses: all of them, and no others.
    pub values: Values,
    /// When the device itself removes it; what the profile says already counts where that is earlier.
    pub ends_at: Option<Timestamp>,
}

impl Finish {
    /// Whether anything is done at all; if not, the device gets the bytes that were uploaded.
    pub fn alters(&self) -> bool {
        !self.values.is_empty() || self.ends_at.is_some()
    }

    /// Changes when and only when the bytes that the device gets change; `sha256` is of the profile as it was uploaded.
    pub fn digest(&self, sha256: &[u8; 32]) -> String {
        let bytes = if self.alters() { self.identity(sha256) } else { *sha256 };
        bytes.iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02X}");
            hex
        })
    }

    /// The PayloadUUID that the device gets: the profile's `own` where nothing is done to it.
    pub fn uuid(&self, own: &str, sha256: &[u8; 32]) -> String {
        if !self.alters() {
            return own.to_owned();
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.identity(sha256)[..16]);
        Builder::from_custom_bytes(bytes).into_uuid().hyphenated().to_string().to_uppercase()
    }

    /// The bytes that the device gets.
    ///
    /// # Errors
    /// [`ProfileError::Refused`] when something is to be done to a signed or an encrypted profile.
    pub fn apply(&self, uploaded: &[u8], sha256: &[u8; 32]) -> Result<Vec<u8>, ProfileError> {
        if !self.alters() {
            return Ok(uploaded.to_vec());
        }
        let (keys, signature) = open(uploaded)?;
        if signature.is_some() {
            return Err(ProfileError::Refused(t!("a signed profile cannot be changed without breaking its signature").into()));
        }
        let mut keys = variables::fill(&keys, &self.values);
        let own = fields::filled(&keys, "PayloadUUID").ok_or_else(|| ProfileError::Missing("PayloadUUID".into()))?;
        keys.insert("PayloadUUID".into(), Value::String(self.uuid(&own, sha256)));
        let sooner = fields::moment(&keys, "RemovalDate").is_some_and(|own| self.ends_at.is_some_and(|end| own < end));
        if let Some(end) = self.ends_at.filter(|_| !sooner) {
            keys.insert("RemovalDate".into(), plist::date(end));
        }
        Ok(plist::to_xml(&Value::Dictionary(keys))?)
    }

    /// A digest of everything that decides the bytes; every part has its length before it, so that none can run into the next.
    fn identity(&self, content: &[u8; 32]) -> [u8; 32] {
        let mut said = b"rollcall profile 1".to_vec();
        said.extend_from_slice(content);
        let end = self.ends_at.map_or(i64::MIN, Timestamp::seconds);
        said.extend_from_slice(&end.to_be_bytes());
        for part in self.values.iter().flat_map(|(name, value)| [*name, value.as_str()]) {
            said.extend_from_slice(&(part.len() as u64).to_be_bytes());
            said.extend_from_slice(part.as_bytes());
        }
        sha256(&said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::mobileconfig::tests::{payload, profile};
    use crate::random::Random;

    fn uploaded(text: &str) -> Vec<u8> {
        profile("school.example.wifi", &[payload("com.apple.wifi.managed", "wifi", &[("SSID_STR", Value::String(text.into()))])])
    }

    #[test]
    fn what_is_not_altered_stays_as_it_was_byte_for_byte() {
        let bytes = [uploaded("School"), b"\n<!-- a comment -->".to_vec()].concat();
        let finish = Finish::default();
        assert_eq!(finish.apply(&bytes, &sha256(&bytes)).unwrap(), bytes);
        assert_eq!(finish.uuid("OWN", &sha256(&bytes)), "OWN");
    }

    #[test]
    fn values_are_text_whatever_they_say() {
        let bytes = uploaded("$SERIAL $PERSON_NAME");
        let name = "</string><key>Hidden</key><true/> & \"Kim\" ]]>";
        let finish = Finish { values: Values::from([("SERIAL", "TESTSN0001".into()), ("PERSON_NAME", name.into())]), ends_at: None };
        let sent = finish.apply(&bytes, &sha256(&bytes)).unwrap();
        let read = super::super::read(&sent).unwrap();
        assert_eq!(fields::text(&read.payloads[0].keys, "SSID_STR"), Some(format!("TESTSN0001 {name}").as_str()));
        assert_eq!(read.payloads[0].keys.len(), 5);
        assert_eq!((read.uuid.as_str(), read.identifier.as_str()), (finish.uuid("", &sha256(&bytes)).as_str(), "school.example.wifi"));
    }

    #[test]
    fn the_earlier_of_two_ends_counts_and_what_forbids_removal_stays() {
        let mut keys = plist::parse_dictionary(&uploaded("x")).unwrap();
        keys.insert("PayloadRemovalDisallowed".into(), Value::Boolean(true));
        keys.insert("DurationUntilRemoval".into(), Value::Real(60.0));
        let at = |seconds| Timestamp::from_seconds(seconds);
        for (own, end, expected) in [(None, 500, 500), (Some(400), 500, 400), (Some(600), 500, 500)] {
            if let Some(own) = own {
                keys.insert("RemovalDate".into(), plist::date(Timestamp::from_seconds(own.into())));
            }
            let bytes = plist::to_xml(&Value::Dictionary(keys.clone())).unwrap();
            let finish = Finish { ends_at: Some(at(end)), ..Finish::default() };
            let read = super::super::read(&finish.apply(&bytes, &sha256(&bytes)).unwrap()).unwrap();
            assert_eq!((read.removal_at, read.removal_after_s, read.removal_disallowed), (Some(at(expected)), Some(60), true));
        }
    }

    #[test]
    fn the_digest_changes_exactly_when_the_bytes_do() {
        let seed = Random::System.below(u64::MAX);
        let random = Random::seeded(seed);
        let contents = [uploaded("$SERIAL"), uploaded("$SERIAL "), uploaded("$SERIAL$CLASS")];
        let some = |values: &[&str]| values[random.below(values.len() as u64) as usize].to_owned();
        let mut seen: Vec<(String, Vec<u8>)> = Vec::new();
        for _ in 0..120 {
            let content = &contents[random.below(3) as usize];
            let class = some(&["", "5", "5b"]);
            let finish = match random.below(3) {
                0 => Finish::default(),
                _ => Finish {
                    values: Values::from([("SERIAL", some(&["A", "AB", ""])), ("CLASS", class)]),
                    ends_at: [
                        None,
                        Some(Timestamp::from_millis(5_000)),
                        Some(Timestamp::from_millis(5_999)),
                        Some(Timestamp::from_seconds(6)),
                    ][random.below(4) as usize],
                },
            };
            let hash = sha256(content);
            let sent = finish.apply(content, &hash).unwrap();
            let own = super::super::read(content).unwrap().uuid;
            assert_eq!(super::super::read(&sent).unwrap().uuid, finish.uuid(&own, &hash), "seed {seed}");
            for (digest, other) in &seen {
                assert_eq!(*digest == finish.digest(&hash), *other == sent, "seed {seed}");
            }
            seen.push((finish.digest(&hash), sent));
        }
    }
}
