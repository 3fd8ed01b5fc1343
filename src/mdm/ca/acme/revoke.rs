//! Revoking a certificate for its holder: who has its key, or the account that ordered it (RFC 8555 §7.6).

use crate::mdm::Actor;
use crate::mdm::ca::acme::Outcome;
use crate::mdm::ca::take_back;
use crate::pki::certificate::Certificate;
use crate::pki::jws::flattened::Jwk;
use crate::protocol::acme::{Fault, Revocation};
use crate::store::acme::{self, Account};
use crate::store::certificates::{self, Purpose};
use crate::store::{Tx, certificates::Identity};

/// Who signed a request to revoke.
#[derive(Debug, Clone)]
pub enum Signer {
    /// An account.
    Account(Account),
    /// A key: the certificate's, if it may.
    Key(Jwk),
}

/// Revokes a certificate that was issued here. It is refused from the next request on, so that a device whose identity it is has to enroll anew.
pub fn revoke(tx: &Tx, signer: &Signer, wanted: &Revocation) -> Outcome<()> {
    let unknown = || Fault::Malformed.because(t!("This certificate was not issued here."));
    let Ok(certificate) = Certificate::from_der(&wanted.certificate) else { return Ok(Err(unknown())) };
    let known = certificates::by_fingerprint(tx, &certificate.fingerprint())?.filter(|identity| identity.purpose != Purpose::Imported);
    let Some(identity) = known else { return Ok(Err(unknown())) };
    if !may(tx, signer, &identity, &certificate)? {
        return Ok(Err(Fault::Unauthorized.because(
            t!("Only who has the key of a certificate may revoke it, or the account that ordered it, which is known here for a day. Sign with the key of the certificate."),
        )));
    }
    let name = match signer {
        Signer::Account(account) => t!("ACME account {id}", id = account.id),
        Signer::Key(_) => String::from(t!("ACME, by its key")),
    };
    let because = t!("its holder said so: {reason}", reason = wanted.reason.words());
    Ok(if take_back(tx, &Actor::Device { name }, &identity, &because)? {
        Ok(())
    } else {
        Err(Fault::AlreadyRevoked.because(t!("This certificate was revoked before.")))
    })
}

fn may(tx: &Tx, signer: &Signer, identity: &Identity, certificate: &Certificate) -> crate::error::Result<bool> {
    match signer {
        Signer::Account(account) => acme::account_ordered(tx, &account.id, &identity.fingerprint),
        Signer::Key(key) => Ok(key.spki() == certificate.public_key_der()),
    }
}
