//! An app that asks for access and keeps the duties of a client: the Rust twin of `packaging/swift/RollcallAccess.swift`, call by call.

use serde_json::{Map, Value, json};

use crate::clock::Timestamp;
use crate::pki::digest::sha256;
use crate::pki::hex;
use crate::pki::jws::{Jws, spki_of_jwk};
use crate::protocol::grant::{Claims, GRANT_TYPE};

/// What an app keeps where no backup reaches it: the keychain, *this device only*.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Made at random when the record begins.
    pub installation: String,
    /// Launches and asks so far.
    pub counter: u64,
    /// The number of the last grant.
    pub sequence: i64,
    /// The id of the last grant, to be shown with each ask; it stays when the right has gone.
    pub last_grant: Option<String>,
    /// The right to go on offline: the last answer, if it allowed.
    pub grant: Option<Claims>,
    /// Launches that it is still good for; absent where they are not counted.
    pub launches_left: Option<u32>,
    /// The latest time that was ever seen, the device's or the server's.
    pub latest: Timestamp,
    /// Whether an ask was turned away since: then nothing opens before an answer allows it.
    pub must_ask: bool,
    /// What was told to be erased and is not known to be gone.
    pub erasing: Option<Erasing>,
}

/// An answer that tells the app to erase what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasing {
    /// The answer as it came: under it copies are still brought.
    pub answer: String,
    /// Why, for the person.
    pub reason: String,
}

impl Record {
    fn new(installation: String) -> Self {
        Self {
            installation,
            counter: 0,
            sequence: 0,
            last_grant: None,
            grant: None,
            launches_left: None,
            latest: Timestamp::from_millis(i64::MIN),
            must_ask: false,
            erasing: None,
        }
    }
}

/// What the app does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Open,
    /// It shows nothing, and tells the person why.
    Closed(String),
    /// It has erased what it held and its record, and tells the person why.
    Erased(String),
}

/// Why an answer counts for nothing: it is as if none had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// It is no JWS of one of the published keys.
    #[error("the answer is not signed by the server")]
    Signature,
    /// It answers another ask, of this or of another app.
    #[error("the answer belongs to another ask")]
    AnotherAsk,
    /// It is older than what the record has.
    #[error("the answer is older than the last one")]
    Old,
}

/// An app on a device.
#[derive(Debug, Clone)]
pub struct AccessClient {
    /// The app's bundle identifier.
    pub bundle_id: String,
    /// The server's public address, from the managed configuration.
    pub server: String,
    /// What is kept.
    pub record: Record,
    /// What the app holds for the person.
    pub data: Option<String>,
    /// What was not brought yet when the data was erased, with the answer under which it may still be brought; it is never shown again.
    pub outbox: Option<(String, String)>,
    nonce: String,
}

impl AccessClient {
    /// An app that was just installed; `installation` is random.
    pub fn new(bundle_id: &str, server: &str, installation: &str) -> Self {
        Self {
            bundle_id: bundle_id.to_owned(),
            server: server.to_owned(),
            record: Record::new(installation.to_owned()),
            data: None,
            outbox: None,
            nonce: String::new(),
        }
    }

    /// What to send: the counter is kept before it goes out. `nonce` is fresh and random; `proofs` are `token`, `email` and `password`.
    pub fn ask(&mut self, now: Timestamp, nonce: &str, proofs: &[(&str, &str)]) -> Vec<u8> {
        self.record.counter += 1;
        nonce.clone_into(&mut self.nonce);
        let mut said = Map::new();
        said.insert("bundle_id".into(), json!(self.bundle_id));
        said.insert("installation".into(), json!(self.record.installation));
        said.insert("nonce".into(), json!(nonce));
        said.insert("client_time".into(), json!(now));
        said.insert("counter".into(), json!(self.record.counter));
        if let Some(grant) = &self.record.last_grant {
            said.insert("last_grant".into(), json!(grant));
        }
        said.extend(proofs.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        Value::Object(said).to_string().into_bytes()
    }

    /// Judges what came back: `status` is absent when nothing did. Only no answer, 408, 429 and 5xx lead to the rules for offline.
    pub fn hear(&mut self, status: Option<u16>, answer: &[u8], keys: &Value, now: Timestamp) -> Verdict {
        match status {
            Some(200) => self.take(answer, keys, now).unwrap_or_else(|_| self.launch_offline(now)),
            None | Some(408 | 429 | 500..) => self.launch_offline(now),
            Some(_) => {
                self.record.must_ask = true;
                closed("Your organisation did not let this app in. Check what you typed, or ask whoever looks after the app.")
            }
        }
    }

    /// Takes an answer in: signature, ask and order are checked before a word of it is believed.
    pub fn take(&mut self, answer: &[u8], keys: &Value, now: Timestamp) -> Result<Verdict, Rejected> {
        let claims = verified(answer, keys)?;
        let is_mine = claims.nonce == self.nonce && claims.bundle_id == self.bundle_id && claims.installation == self.record.installation;
        if self.nonce.is_empty() || !is_mine || claims.iss != self.server {
            return Err(Rejected::AnotherAsk);
        }
        if claims.allowed && claims.sequence <= self.record.sequence {
            return Err(Rejected::Old);
        }
        self.nonce.clear();
        self.record.latest = self.record.latest.max(now).max(claims.issued_at);
        if claims.allowed {
            self.record.sequence = claims.sequence;
            self.record.last_grant = Some(claims.grant.clone());
            self.record.launches_left = claims.launches_left;
            self.record.grant = Some(claims);
            self.record.must_ask = false;
            return Ok(Verdict::Open);
        }
        // The right goes before anything else happens: from here on no launch offline opens the app.
        self.record.grant = None;
        self.record.launches_left = None;
        if claims.erase {
            let answer = String::from_utf8_lossy(answer).into_owned();
            self.record.erasing = Some(Erasing { answer, reason: claims.reason.clone() });
        }
        Ok(self.resume().unwrap_or(Verdict::Closed(claims.reason)))
    }

    /// Erases what an answer told to, data first, then the record; what was cut short goes on at the next launch, online or not.
    pub fn resume(&mut self) -> Option<Verdict> {
        let Erasing { answer, reason } = self.record.erasing.clone()?;
        if let Some(unsaved) = self.data.take() {
            self.outbox = Some((answer, unsaved));
        }
        // Stands for the random UUID of the twin, so that a test knows it.
        let installation = hex(&sha256(self.record.installation.as_bytes())[..16]);
        self.record = Record::new(installation);
        Some(Verdict::Erased(reason))
    }

    /// A launch when the server cannot be reached: counted and kept before anything is shown.
    pub fn launch_offline(&mut self, now: Timestamp) -> Verdict {
        if let Some(erased) = self.resume() {
            return erased;
        }
        self.record.counter += 1;
        let Some(grant) = self.record.grant.as_ref().filter(|_| !self.record.must_ask) else {
            return closed("This app has to ask your organisation first. Connect to the Internet.");
        };
        let behind = self.record.latest.since(now);
        if behind.as_secs() > u64::from(grant.clock_tolerance_s) {
            return closed("The date or time of this device was turned back. Set it right, or connect to the Internet.");
        }
        self.record.latest = self.record.latest.max(now);
        if self.record.latest >= grant.offline_until {
            return closed("This app was offline for too long. Connect to the Internet.");
        }
        match &mut self.record.launches_left {
            Some(0) => closed("This app was opened too often while offline. Connect to the Internet."),
            Some(left) => {
                *left -= 1;
                Verdict::Open
            }
            None => Verdict::Open,
        }
    }
}

fn closed(reason: &str) -> Verdict {
    Verdict::Closed(reason.to_owned())
}

/// What an answer says, if one of the published keys signed it as a grant.
fn verified(answer: &[u8], keys: &Value) -> Result<Claims, Rejected> {
    let jws = Jws::parse(answer).map_err(|_| Rejected::Signature)?;
    let id = jws.key_id().filter(|_| jws.kind() == Some(GRANT_TYPE)).ok_or(Rejected::Signature)?;
    let known = keys["keys"].as_array().into_iter().flatten().find(|key| key["kid"] == id);
    let spki = known.and_then(spki_of_jwk).ok_or(Rejected::Signature)?;
    jws.verify_es256(&spki).map_err(|_| Rejected::Signature)?;
    serde_json::from_slice(jws.payload()).map_err(|_| Rejected::Signature)
}

#[cfg(test)]
mod tests {
    const SWIFT: &str = include_str!("../../packaging/swift/RollcallAccess.swift");

    #[test]
    fn the_twin_in_swift_is_short_has_the_same_calls_and_says_the_same() {
        assert!(SWIFT.lines().count() < 150);
        for call in ["func ask(", "func hear(", "func take(", "func resume(", "func launchOffline("] {
            assert!(SWIFT.contains(call), "{call}");
        }
        let said: Vec<_> = include_str!("access.rs").split("closed(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(said.len() >= 5);
        for sentence in said.iter().filter(|sentence| sentence.ends_with('.')) {
            assert!(SWIFT.contains(sentence), "{sentence}");
        }
    }
}
