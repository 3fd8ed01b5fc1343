//! Push certificates: what makes one usable, and what every other file is that people drop in its place.

mod mistake;
mod pkcs12;
mod recognise;

use super::asn1::oid;
use super::certificate::Certificate;
use super::cms::Signer;
use super::key::PrivateKey;
use crate::clock::Timestamp;
use crate::error;

pub use mistake::Mistake;
pub(in crate::pki) use recognise::certificates_and_keys;
pub use recognise::{MAX_FILE_BYTES, Recognised, recognise};

/// How the topic of every MDM push certificate begins.
pub const TOPIC_PREFIX: &str = "com.apple.mgmt.";

/// A push certificate with its key, ready for APNs.
#[derive(Debug, Clone)]
pub struct PushCertificate {
    signer: Signer,
    topic: String,
}

/// Why a certificate and a key are no usable push certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushCertificateError {
    /// The certificate is something else.
    #[error(transparent)]
    Mistake(#[from] Mistake),
    /// The key belongs to another certificate.
    #[error(
        "the private key does not belong to this certificate: use the key that the request for it was made with, \
         or have a new certificate made from the request offered here"
    )]
    KeyMismatch,
    /// The certificate has expired.
    #[error("this push certificate expired on {}: renew it at identity.apple.com/pushcert, in the same entry, and upload the new one", .0.day())]
    Expired(Timestamp),
    /// The certificate is not valid yet.
    #[error("this push certificate is valid only from {}: check this server's clock", .0.day())]
    NotYetValid(Timestamp),
    /// A file is encrypted: its passphrase is needed, or the one given is wrong.
    #[error("{}", Recognised::locked_message(.what, *.wrong))]
    Locked {
        /// What is locked: `private key` or `PKCS#12 file`.
        what: &'static str,
        /// Whether a passphrase was given and is not the right one.
        wrong: bool,
    },
    /// There is a certificate, but no key for it, neither in the files nor here.
    #[error(
        "the key of this push certificate is missing: it was not requested from this server, so upload the private key together with it"
    )]
    NoKey,
    /// There is a key, but no certificate.
    #[error("this is a private key alone: upload the push certificate together with it")]
    NoCertificate,
    /// The certificate may not be used by a client.
    #[error("this certificate may not be used to log in to APNs: its extended key usage does not allow client authentication")]
    Purpose,
}

impl From<PushCertificateError> for error::Error {
    fn from(error: PushCertificateError) -> Self {
        Self::bad_input(error.to_string()).caused_by(error)
    }
}

impl PushCertificate {
    /// Puts a certificate and its key together; checks topic, key, purpose and that it is valid `now`.
    pub fn new(certificate: Certificate, key: PrivateKey, now: Timestamp) -> Result<Self, PushCertificateError> {
        if let Some(mistake) = mistake::of_certificate(&certificate) {
            return Err(mistake.into());
        }
        if certificate.not_after() < now {
            return Err(PushCertificateError::Expired(certificate.not_after()));
        }
        if certificate.not_before() > now {
            return Err(PushCertificateError::NotYetValid(certificate.not_before()));
        }
        if !certificate.allows(oid::CLIENT_AUTH) {
            return Err(PushCertificateError::Purpose);
        }
        let topic = topic(&certificate).ok_or_else(|| Mistake::OtherCertificate { subject: certificate.subject() })?;
        let signer = Signer::new(certificate, key).map_err(|_| PushCertificateError::KeyMismatch)?;
        Ok(Self { signer, topic })
    }

    /// Finds certificate and key in the files that a person dropped, in one or in two. `own_keys` are the keys of requests made here:
    /// what comes back from Apple for one of them needs no other. Opening encrypted files may take a second each.
    pub fn from_files(
        files: &[&[u8]],
        passphrase: Option<&str>,
        own_keys: &[PrivateKey],
        now: Timestamp,
    ) -> Result<Self, PushCertificateError> {
        let (mut certificate, mut keys, mut mistake) = (None, own_keys.to_vec(), None);
        for file in files {
            match recognise(file, passphrase) {
                Recognised::Pair { certificate: found, key } => {
                    certificate = Some(found);
                    keys.push(key);
                }
                Recognised::Certificate(found) => certificate = Some(found),
                Recognised::Key(key) => keys.push(key),
                Recognised::Mismatch { .. } => return Err(PushCertificateError::KeyMismatch),
                Recognised::Locked { what, wrong } => return Err(PushCertificateError::Locked { what, wrong }),
                Recognised::Mistaken(found) => mistake = Some(found),
            }
        }
        let brought_key = keys.len() > own_keys.len();
        let Some(certificate) = certificate else {
            return Err(mistake.map_or_else(
                || if brought_key { PushCertificateError::NoCertificate } else { Mistake::Empty.into() },
                PushCertificateError::Mistake,
            ));
        };
        let key = keys.into_iter().find(|key| key.public_key_der() == certificate.public_key_der());
        let missing = if brought_key { PushCertificateError::KeyMismatch } else { PushCertificateError::NoKey };
        Self::new(certificate, key.ok_or(missing)?, now)
    }

    /// Refuses what Apple's portal cannot have given: what its own key signed, and what another authority issued. Where `stand_in` takes the place of
    /// APNs, it takes what it likes.
    pub fn must_be_issued_by_apple(&self, stand_in: bool) -> Result<(), PushCertificateError> {
        match mistake::of_issuer(self.certificate()).filter(|_| !stand_in) {
            Some(mistake) => Err(mistake.into()),
            None => Ok(()),
        }
    }

    /// The topic that its pushes and its enrollments carry, for example `com.apple.mgmt.External.11111111-2222-4333-8444-555555555555`.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The certificate.
    pub fn certificate(&self) -> &Certificate {
        self.signer.certificate()
    }

    /// The private key.
    pub fn key(&self) -> &PrivateKey {
        self.signer.key()
    }

    /// The last moment at which APNs accepts it.
    pub fn not_after(&self) -> Timestamp {
        self.certificate().not_after()
    }
}

/// The topic of a push certificate: its subject's user id.
pub fn topic(certificate: &Certificate) -> Option<String> {
    certificate.user_id().filter(|topic| topic.starts_with(TOPIC_PREFIX))
}

#[cfg(test)]
mod tests;
