//! Certificates that were read before, by fingerprint: reading one and preparing its key costs more than looking it up.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use super::certificate::{Certificate, CertificateError, Fingerprint};

/// How many certificates are kept, at about 4 kB each. Of a larger fleet each device comes seldom, and its certificate is read again.
pub const KNOWN_LIMIT: usize = 2048;

/// A bounded set of certificates that were read before.
#[derive(Debug, Default)]
pub struct KnownCertificates(RwLock<HashMap<Fingerprint, Certificate>>);

impl KnownCertificates {
    /// The certificate in `der`, read now or before. It says nothing about trust.
    pub fn read(&self, der: &[u8]) -> Result<Certificate, CertificateError> {
        let fingerprint = Fingerprint::of_der(der);
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&fingerprint) {
            return Ok(known.clone());
        }
        let certificate = Certificate::from_der(der)?;
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_LIMIT {
            // Half of them go, whichever: a device that comes again is read again.
            let mut keep = false;
            known.retain(|_, _| {
                keep = !keep;
                keep
            });
        }
        known.insert(fingerprint, certificate.clone());
        Ok(certificate)
    }

    /// How many are kept now.
    pub fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::pki::issue;

    #[test]
    fn a_certificate_is_read_once_and_kept() {
        let root = issue::root("Rollcall CA of example.school", Timestamp::from_seconds(1_800_000_000)).unwrap();
        let known = KnownCertificates::default();
        assert!(known.is_empty());
        for _ in 0..3 {
            assert_eq!(&known.read(root.certificate().der()).unwrap(), root.certificate());
        }
        assert_eq!(known.len(), 1);
        assert!(known.read(b"not a certificate").is_err());
    }

    #[test]
    fn of_more_than_are_kept_half_go() {
        let root = issue::root("Rollcall CA of example.school", Timestamp::from_seconds(1_800_000_000)).unwrap();
        let known = KnownCertificates::default();
        // Others by the last bytes of their signature, which reading does not look at.
        let mut der = root.certificate().der().to_vec();
        let length = der.len();
        for number in 0..KNOWN_LIMIT {
            der[length - 2..].copy_from_slice(&u16::try_from(number).unwrap().to_be_bytes());
            known.read(&der).unwrap();
        }
        assert_eq!(known.len(), KNOWN_LIMIT);
        der[length - 2..].copy_from_slice(&u16::MAX.to_be_bytes());
        assert_eq!(known.read(&der).unwrap().der(), der);
        assert_eq!(known.len(), KNOWN_LIMIT / 2 + 1);
    }
}
