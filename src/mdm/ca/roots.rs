//! Our own roots: the first one is made at the first start, and each is known by its certificate.

use std::time::Duration;

use serde_json::json;

use crate::error::{Error, Kind, Result};
use crate::mdm::ca::succession;
use crate::mdm::{Actor, Right, journal};
use crate::pki::certificate::{Certificate, Fingerprint};
use crate::pki::issue::Issuer;
use crate::pki::key::PrivateKey;
use crate::secret::SecretBytes;
use crate::store::Tx;
use crate::store::authorities::{self, Authority, AuthorityState};
use crate::store::known_roots::{self, Progress};

/// How long before its end a root gets a successor, so that devices know the new one before it is used.
pub const SUCCEED_BEFORE: Duration = Duration::from_secs(3 * 365 * 24 * 3600);

/// An authority of ours with its key.
#[derive(Debug, Clone)]
pub struct Issuing {
    /// Our id for it.
    pub id: String,
    /// Its certificate, DER.
    pub certificate: Vec<u8>,
    /// Its key, PKCS#8.
    pub key: SecretBytes,
    /// Its name and key, certified by the root before it, DER.
    pub bridge: Option<Vec<u8>>,
}

impl Issuing {
    /// Makes it ready to issue; reading its key takes a moment.
    pub fn issuer(&self) -> Result<Issuer> {
        Ok(Issuer::new(Certificate::from_der(&self.certificate)?, PrivateKey::from_pkcs8_der(self.key.expose())?)?)
    }
}

/// The authority that issues now, if there is one.
pub fn issuing(tx: &Tx) -> Result<Option<Issuing>> {
    authorities::current(tx)?.map(|authority| with_key(tx, authority)).transpose()
}

fn with_key(tx: &Tx, authority: Authority) -> Result<Issuing> {
    let Some(key) = authorities::key(tx, &authority.id)? else {
        return Err(Error::new(Kind::Internal, t!("The certificate authority has lost its key.")));
    };
    Ok(Issuing { id: authority.id, certificate: authority.certificate, key, bridge: authority.bridge })
}

/// The authorities that issued before and have not ended, newest first: who began to speak with one of them may end with it.
pub fn former(tx: &Tx) -> Result<Vec<Issuing>> {
    let former = authorities::retired(tx)?.into_iter().filter(|authority| authority.not_after_at > tx.now);
    former.map(|authority| with_key(tx, authority)).collect()
}

/// The name of a root, which is what tells two appliances, and a root and its successor, apart on a device.
///
/// The first one is named after the host alone, those after it carry their year.
pub fn name(tx: &Tx, host: &str) -> Result<String> {
    let first = authorities::current(tx)?.is_none();
    Ok(if first { format!("Rollcall CA of {host}") } else { format!("Rollcall CA of {host}, {}", tx.now.utc().year()) })
}

/// Tells whether a root has to be made: none is there, or the present one's time comes to its end without a successor.
pub fn wanted(tx: &Tx) -> Result<Option<AuthorityState>> {
    match authorities::current(tx)? {
        None => Ok(Some(AuthorityState::Current)),
        Some(current) if current.not_after_at <= tx.now.plus(SUCCEED_BEFORE) && authorities::upcoming(tx)?.is_none() => {
            Ok(Some(AuthorityState::Next))
        }
        Some(_) => Ok(None),
    }
}

/// Stores a root that was made outside of the transaction, because making its key takes long; `bridge` is the certificate that the present root
/// gave to a next one. Tells whether it was still wanted.
pub fn adopt(tx: &Tx, state: AuthorityState, root: &Issuer, bridge: Option<&Certificate>) -> Result<bool> {
    if wanted(tx)? != Some(state) {
        return Ok(false);
    }
    let certificate = root.certificate();
    let authority = Authority {
        id: tx.new_id(),
        state,
        certificate: certificate.der().to_vec(),
        not_after_at: certificate.not_after(),
        created_at: tx.now,
        bridge: bridge.map(|bridge| bridge.der().to_vec()),
        used_from_at: (state == AuthorityState::Current).then_some(tx.now),
        taken_until_at: None,
    };
    authorities::insert(tx, &authority, &certificate.fingerprint(), Some(root.signer().key().pkcs8_der().expose()))?;
    let data = json!({ "fingerprint": certificate.fingerprint().to_string(), "state": state, "not_after_at": certificate.not_after() });
    journal::note(tx, &Actor::Job("authority"), "authority.made", journal::Subject::default(), data)?;
    Ok(true)
}

/// An authority as people see it.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The authority.
    pub authority: Authority,
    /// The name in its certificate.
    pub name: String,
    /// SHA-256 of its certificate.
    pub fingerprint: Fingerprint,
    /// Of one that devices are learning now: how many know it.
    pub progress: Option<Progress>,
    /// Of the next one: when it is used at the latest.
    pub used_at_latest: Option<crate::clock::Timestamp>,
}

/// Every authority: the one that issues, the next one, former ones, those of devices that moved in.
pub fn list(tx: &Tx, actor: &Actor) -> Result<Vec<Standing>> {
    actor.require(Right::View)?;
    let current = authorities::current(tx)?;
    let target = succession::target(tx)?;
    let mut standings = Vec::new();
    for authority in authorities::all(tx)? {
        let certificate = Certificate::from_der(&authority.certificate)?;
        let is_target = target.as_ref().is_some_and(|target| target.id == authority.id);
        let latest = |current: &Authority| succession::used_at_latest(current, &authority);
        standings.push(Standing {
            name: certificate.common_name().unwrap_or_default(),
            fingerprint: certificate.fingerprint(),
            progress: if is_target { Some(known_roots::progress(tx, &authority.id)?) } else { None },
            used_at_latest: current.as_ref().filter(|_| authority.state == AuthorityState::Next).map(latest),
            authority,
        });
    }
    let place =
        |state: AuthorityState| [AuthorityState::Current, AuthorityState::Next].iter().position(|first| *first == state).unwrap_or(2);
    standings.sort_by_key(|standing| place(standing.authority.state));
    Ok(standings)
}
