//! The certificate authority of another server, found in the files that people bring: PEM, DER or PKCS#12, with its key or without.

use super::certificate::Certificate;
use super::key::PrivateKey;
use super::push_certificate::{Recognised, certificates_and_keys};
use crate::error;

/// An authority that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its certificate.
    pub certificate: Certificate,
    /// Its key, where that was among the files.
    pub key: Option<PrivateKey>,
}

/// Why the files are of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityFilesError {
    /// Nothing in them may issue certificates.
    #[error("no certificate of an authority is among the files: bring the one that issued the devices' identities")]
    NoAuthority,
    /// A key that belongs to none of the authorities.
    #[error("the private key belongs to none of the authorities among the files")]
    AnothersKey,
    /// A file is encrypted, or something else.
    #[error("{0}")]
    Refused(String),
}

impl From<AuthorityFilesError> for error::Error {
    fn from(error: AuthorityFilesError) -> Self {
        Self::field("files", error.to_string())
    }
}

/// Finds authorities in files. Certificates that may not issue others are passed over where there is one that may.
///
/// Opening encrypted files may take a second each.
pub fn read(files: &[&[u8]], passphrase: Option<&str>) -> Result<Vec<Found>, AuthorityFilesError> {
    let (mut certificates, mut keys) = (Vec::<Certificate>::new(), Vec::new());
    for file in files {
        let (found, found_keys) = certificates_and_keys(file, passphrase).map_err(|other| {
            AuthorityFilesError::Refused(match other {
                Recognised::Mistaken(mistake) => mistake.to_string(),
                other => other.message(),
            })
        })?;
        certificates.extend(found);
        keys.extend(found_keys);
    }
    let mut found: Vec<Found> = Vec::new();
    for certificate in certificates.into_iter().filter(Certificate::is_authority) {
        if found.iter().any(|known| known.certificate == certificate) {
            continue;
        }
        let key =
            keys.iter().position(|key: &PrivateKey| key.public_key_der() == certificate.public_key_der()).map(|at| keys.swap_remove(at));
        found.push(Found { certificate, key });
    }
    if found.is_empty() {
        return Err(AuthorityFilesError::NoAuthority);
    }
    if keys.is_empty() { Ok(found) } else { Err(AuthorityFilesError::AnothersKey) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::pki::{issue, pkcs12};

    #[test]
    fn an_authority_is_found_in_every_form_with_its_key_or_without() {
        let now = Timestamp::from_seconds(1_795_000_000);
        let root = issue::root("Elsewhere CA", now).unwrap();
        let (certificate, key) = (root.certificate().clone(), root.signer().key().clone());
        let (pem, key_pem) = (certificate.to_pem(), key.to_pem().expose().clone());
        let both = pkcs12::write("ca", &certificate, &key, "open sesame").unwrap();
        for (files, has_key) in [
            (vec![pem.as_bytes()], false),
            (vec![certificate.der()], false),
            (vec![key_pem.as_bytes(), pem.as_bytes()], true),
            (vec![both.expose().as_slice()], true),
        ] {
            let found = read(&files, Some("open sesame")).unwrap();
            assert_eq!((found.len(), &found[0].certificate, found[0].key.is_some()), (1, &certificate, has_key));
        }
        assert!(
            matches!(read(&[both.expose().as_slice()], None), Err(AuthorityFilesError::Refused(words)) if words.contains("passphrase"))
        );
        let leaf = issue::self_signed("device", &key, std::time::Duration::from_secs(60), now).unwrap().certificate().to_pem();
        assert_eq!(read(&[leaf.as_bytes()], None).unwrap_err(), AuthorityFilesError::NoAuthority);
        assert_eq!(read(&[leaf.as_bytes(), pem.as_bytes()], None).unwrap().len(), 1, "what else is there is passed over");
        let other = PrivateKey::generate_p256().unwrap().to_pem().expose().clone();
        assert_eq!(read(&[pem.as_bytes(), other.as_bytes()], None).unwrap_err(), AuthorityFilesError::AnothersKey);
        assert!(matches!(read(&[b"<html>"], None), Err(AuthorityFilesError::Refused(_))));
    }
}
