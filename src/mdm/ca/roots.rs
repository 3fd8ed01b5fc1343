//! Our own root: made at the first start, known by its certificate, and followed by a next one in time.

use std::time::Duration;

use serde_json::json;

use crate::error::{Error, Kind, Result};
use crate::mdm::{Actor, journal};
use crate::pki::certificate::Certificate;
use crate::pki::key::PrivateKey;
use crate::secret::SecretBytes;
use crate::store::Tx;
use crate::store::authorities::{self, Authority, AuthorityState};

/// How long before its end a root gets a successor, so that devices know the new one before it is used.
pub const SUCCEED_BEFORE: Duration = Duration::from_secs(3 * 365 * 24 * 3600);

/// The authority that issues, with its key.
#[derive(Debug, Clone)]
pub struct Issuing {
    /// Our id for it.
    pub id: String,
    /// Its certificate, DER.
    pub certificate: Vec<u8>,
    /// Its key, PKCS#8.
    pub key: SecretBytes,
}

/// The authority that issues now, if there is one.
pub fn issuing(tx: &Tx) -> Result<Option<Issuing>> {
    let Some(authority) = authorities::current(tx)? else { return Ok(None) };
    let Some(key) = authorities::key(tx, &authority.id)? else {
        return Err(Error::new(Kind::Internal, "The certificate authority has lost its key."));
    };
    Ok(Some(Issuing { id: authority.id, certificate: authority.certificate, key }))
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

/// Stores a root that was made outside of the transaction, because making its key takes long.
pub fn adopt(tx: &Tx, state: AuthorityState, certificate: &Certificate, key: &PrivateKey) -> Result<()> {
    if wanted(tx)? != Some(state) {
        return Ok(());
    }
    let authority = Authority {
        id: tx.new_id(),
        state,
        certificate: certificate.der().to_vec(),
        not_after_at: certificate.not_after(),
        created_at: tx.now,
    };
    authorities::insert(tx, &authority, &certificate.fingerprint(), Some(key.pkcs8_der().expose()))?;
    let data = json!({ "fingerprint": certificate.fingerprint().to_string(), "state": state, "not_after_at": certificate.not_after() });
    journal::note(tx, &Actor::Job("authority"), "authority.made", journal::Subject::default(), data)
}
