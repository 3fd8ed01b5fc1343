//! The certificate authority: its own root, who gets a certificate, and how one is taken back.

pub mod acme;
pub mod imported;
pub mod public_tls;
pub mod refusals;
pub mod roots;
pub mod scep;
pub mod succession;
pub mod tls;

use serde_json::json;

use crate::error::{Error, Result};
use crate::mdm::{Actor, Right, journal};
use crate::pki::certificate::Fingerprint;
use crate::store::certificates::{self, Identity};
use crate::store::{Tx, enrollments};

/// Revokes an identity: it is refused from the next request on. Revoking the one in use cuts the device off until it enrolls anew.
pub fn revoke(tx: &Tx, actor: &Actor, fingerprint: &Fingerprint, because: &str) -> Result<Identity> {
    actor.require(Right::Destroy)?;
    let Some(identity) = certificates::by_fingerprint(tx, fingerprint)? else {
        return Err(Error::not_found(t!("There is no certificate with this fingerprint.")));
    };
    take_back(tx, actor, &identity, because)?;
    Ok(identity)
}

/// Revokes an identity for whoever may have it so, and writes it down; tells whether it was not revoked before.
fn take_back(tx: &Tx, actor: &Actor, identity: &Identity, because: &str) -> Result<bool> {
    if !certificates::revoke(tx, &identity.fingerprint, because)? {
        return Ok(false);
    }
    let enrollment = match &identity.enrollment_id {
        Some(id) => enrollments::by_id(tx, id)?,
        None => None,
    };
    let subject = enrollment.as_ref().map_or_else(journal::Subject::default, journal::Subject::from);
    let data = json!({ "fingerprint": identity.fingerprint.to_string(), "because": because });
    journal::note(tx, actor, "certificate.revoked", subject, data)?;
    Ok(true)
}
