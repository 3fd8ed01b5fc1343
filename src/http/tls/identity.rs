//! A server certificate with its chain and key, checked before it is shown to anybody.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;

use super::refused;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::language::date;
use crate::pki::certificate::Certificate;
use crate::pki::key::PrivateKey;

/// A certificate, those that lead to its root, and its key.
pub struct Identity {
    certificate: Certificate,
    certified: Arc<CertifiedKey>,
}

impl Identity {
    /// Puts the identity together from `chain`, in any order, and the key of one of its certificates.
    ///
    /// Fails when the key belongs to none of them, and when that certificate is not valid at `now`.
    pub fn new(chain: Vec<Certificate>, key: &PrivateKey, now: Timestamp) -> Result<Self> {
        Self::at_any_time(chain, key)?.in_time(now)
    }

    /// Puts the identity together as [`Identity::new`] does, whenever it is valid.
    pub fn at_any_time(mut chain: Vec<Certificate>, key: &PrivateKey) -> Result<Self> {
        let Some(own) = chain.iter().position(|certificate| certificate.public_key_der() == key.public_key_der()) else {
            return Err(refused(t!("the key does not belong to the certificate. Take the two that were made together.").to_owned()));
        };
        // TLS wants the server's own certificate first; people concatenate files in every order.
        let certificate = chain.remove(own);
        chain.insert(0, certificate.clone());
        let certified = certified(&chain, key)?;
        Ok(Self { certificate, certified })
    }

    /// Gives it back when it is valid at `now`, and else a refusal that says what to do.
    pub fn in_time(self, now: Timestamp) -> Result<Self> {
        self.untimely(now).map_or(Ok(self), |why| Err(refused(why)))
    }

    /// Why nobody trusts the certificate at `now`, and what to do; none where it is valid.
    pub fn untimely(&self, now: Timestamp) -> Option<String> {
        let (begin, end) = (self.certificate.not_before(), self.certificate.not_after());
        if end < now {
            return Some(t!("the certificate expired at {end}. Renew it.", end = date(end.words())));
        }
        (begin > now)
            .then(|| t!("the certificate is not valid before {begin}. Is this machine's clock right?", begin = date(begin.words())))
    }

    /// The server's own certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The certificate with those that lead to its root, as they are shown.
    pub fn chain(&self) -> Vec<Certificate> {
        self.certified.cert.iter().filter_map(|der| Certificate::from_der(der).ok()).collect()
    }

    /// Whether the certificate is for `host`, a name or an address.
    pub fn is_for(&self, host: &str) -> bool {
        let der = CertificateDer::from(self.certificate.der());
        let (Ok(parsed), Ok(name)) = (ParsedCertificate::try_from(&der), ServerName::try_from(host)) else { return false };
        rustls::client::verify_server_name(&parsed, &name).is_ok()
    }

    pub(super) fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }
}

/// A chain and the key of its first certificate, as TLS takes them.
pub(super) fn certified(chain: &[Certificate], key: &PrivateKey) -> Result<Arc<CertifiedKey>> {
    let key = PrivatePkcs8KeyDer::from(key.pkcs8_der().expose().clone());
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key.into())
        .map_err(|error| refused(t!("the key cannot be used for TLS: {error}. Take RSA of 2048 bits or more, or P-256.", error)))?;
    let chain = chain.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec())).collect();
    Ok(Arc::new(CertifiedKey::new(chain, key)))
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificate", &self.certificate.subject()).finish_non_exhaustive()
    }
}
