//! An MDM vendor of one's own: certificate, key and chain, found in whatever files a person brings.

use super::{MAX_CHAIN, sign_as_vendor};
use crate::error;
use crate::pki::certificate::Certificate;
use crate::pki::cms::Signer;
use crate::pki::key::{KeyError, PrivateKey};
use crate::pki::push_certificate::{Recognised, certificates_and_keys};

/// A vendor that can sign requests.
#[derive(Debug, Clone)]
pub struct Vendor {
    signer: Signer,
    chain: Vec<Certificate>,
}

/// Why files do not make a vendor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VendorError {
    /// A file is encrypted, or its passphrase is wrong.
    #[error("{message}")]
    Locked {
        /// What to do.
        message: String,
    },
    /// A file has neither a certificate nor a key.
    #[error("{0}")]
    Mistaken(String),
    /// There is no private key in the files.
    #[error("the private key of the vendor certificate is missing: bring it together with the certificate")]
    NoKey,
    /// No certificate fits the key.
    #[error("none of these certificates belongs to the private key: bring the vendor certificate that was made for it")]
    NoCertificate,
}

impl From<VendorError> for error::Error {
    fn from(error: VendorError) -> Self {
        Self::bad_input(error.to_string()).caused_by(error)
    }
}

impl Vendor {
    /// Finds the vendor's certificate, its key and the certificates above it. Opening encrypted files may take a second each.
    pub fn from_files(files: &[&[u8]], passphrase: Option<&str>) -> Result<Self, VendorError> {
        let (mut certificates, mut keys) = (Vec::new(), Vec::new());
        for file in files {
            let (found, found_keys) = certificates_and_keys(file, passphrase).map_err(|other| match other {
                Recognised::Locked { .. } => VendorError::Locked { message: other.message() },
                other => VendorError::Mistaken(other.message()),
            })?;
            certificates.extend(found);
            keys.extend(found_keys);
        }
        if keys.is_empty() {
            return Err(VendorError::NoKey);
        }
        let fits =
            |certificate: &Certificate| keys.iter().position(|key: &PrivateKey| key.public_key_der() == certificate.public_key_der());
        let found = certificates.iter().find_map(|certificate| Some((certificate.clone(), fits(certificate)?)));
        let (certificate, place) = found.ok_or(VendorError::NoCertificate)?;
        let chain = above(&certificate, &certificates);
        let signer = Signer::new(certificate, keys.swap_remove(place)).map_err(|_| VendorError::NoCertificate)?;
        Ok(Self { signer, chain })
    }

    /// Signs a certification request (DER); gives the file for Apple's portal.
    pub fn sign(&self, request: &[u8]) -> Result<String, KeyError> {
        sign_as_vendor(request, &self.signer, &self.chain)
    }
}

/// Those above a certificate, each the issuer of the one before; in the files they may come in any order.
fn above(certificate: &Certificate, all: &[Certificate]) -> Vec<Certificate> {
    let mut chain: Vec<Certificate> = Vec::new();
    while chain.len() + 1 < MAX_CHAIN {
        let last = chain.last().unwrap_or(certificate);
        if last.is_issued_by(last) {
            break;
        }
        let Some(issuer) = all.iter().find(|candidate| last.is_issued_by(candidate) && !chain.contains(candidate)) else { break };
        chain.push(issuer.clone());
    }
    chain
}
