//! An app that asks for access and keeps the duties of a client: the Rust twin of `packaging/swift/RollcallAccess.swift`, call by call.

use serde_json::{Map, Value, json};

use crate::clock::Timestamp;
use crate::pki::jws::{Jws, spki_of_jwk};
use crate::protocol::grant::{Claims, GRANT_TYPE};

/// What an app keeps where no backup reaches it: the keychain, *this device only*.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Made at random when the record begins.
    pub installation: String,
    /// Launches and asks so far.
    pub counter: u64,
    /// The last answer that allowed.
    pub grant: Option<Claims>,
    /// Launches that it is still good for; absent where they are not counted.
    pub launches_left: Option<u32>,
    /// The latest time that was ever seen, the device's or the server's.
    pub latest: Timestamp,
}

/// What the app does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Open,
    /// It shows nothing, and tells the person why.
    Closed(String),
    /// It erases what it holds and its record, and tells the person why. Copies of offline edits go out before, under the answer itself.
    Erase(String),
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
    nonce: String,
}

impl AccessClient {
    /// An app that was just installed; `installation` is random.
    pub fn new(bundle_id: &str, server: &str, installation: &str) -> Self {
        let record = Record {
            installation: installation.to_owned(),
            counter: 0,
            grant: None,
            launches_left: None,
            latest: Timestamp::from_millis(i64::MIN),
        };
        Self { bundle_id: bundle_id.to_owned(), server: server.to_owned(), record, nonce: String::new() }
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
        if let Some(grant) = &self.record.grant {
            said.insert("last_grant".into(), json!(grant.grant));
        }
        said.extend(proofs.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        Value::Object(said).to_string().into_bytes()
    }

    /// Takes an answer in: signature, ask and order are checked before a word of it is believed.
    pub fn take(&mut self, answer: &[u8], keys: &Value, now: Timestamp) -> Result<Verdict, Rejected> {
        let claims = verified(answer, keys)?;
        let is_mine = claims.nonce == self.nonce && claims.bundle_id == self.bundle_id && claims.installation == self.record.installation;
        if self.nonce.is_empty() || !is_mine || claims.iss != self.server {
            return Err(Rejected::AnotherAsk);
        }
        if claims.allowed && self.record.grant.as_ref().is_some_and(|last| claims.sequence <= last.sequence) {
            return Err(Rejected::Old);
        }
        self.nonce.clear();
        self.record.latest = self.record.latest.max(now).max(claims.issued_at);
        if claims.allowed {
            self.record.launches_left = claims.launches_left;
            self.record.grant = Some(claims);
            return Ok(Verdict::Open);
        }
        if claims.erase {
            return Ok(Verdict::Erase(claims.reason));
        }
        Ok(Verdict::Closed(claims.reason))
    }

    /// A launch when the server cannot be reached: counted and kept before anything is shown.
    pub fn launch_offline(&mut self, now: Timestamp) -> Verdict {
        self.record.counter += 1;
        let Some(grant) = &self.record.grant else {
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
