//! The certificate authority: its own root, who gets a certificate, and how one is taken back.

pub mod acme;
pub mod imported;
pub mod public_tls;
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
        return Err(Error::not_found("There is no certificate with this fingerprint."));
    };
    if certificates::revoke(tx, fingerprint, because)? {
        let enrollment = match &identity.enrollment_id {
            Some(id) => enrollments::by_id(tx, id)?,
            None => None,
        };
        let subject = enrollment.as_ref().map_or_else(journal::Subject::default, journal::Subject::from);
        journal::note(tx, actor, "certificate.revoked", subject, json!({ "fingerprint": fingerprint.to_string(), "because": because }))?;
    }
    Ok(identity)
}
