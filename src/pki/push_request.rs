//! Asking Apple for a push certificate: our request, the vendor's signature around it, and what is checked before anyone visits Apple.
//!
//! The file that goes to <https://identity.apple.com/pushcert> is base64 of an XML property list with three strings: PushCertRequestCSR
//! (base64 DER), PushCertCertificateChain (PEM: vendor, intermediate, root) and PushCertSignature (base64, RSA over the DER of the CSR).

mod mail;
mod vendor;

use std::fmt::{self, Write as _};

use super::asn1::{name, oid};
use super::certificate::Certificate;
use super::cms::Signer;
use super::csr::{self, CertificationRequest, CsrError, RequestOptions};
use super::digest::Digest;
use super::key::{KeyError, PrivateKey};
use super::pem;
use super::public_key::Scheme;
use crate::clock::Timestamp;
use crate::error;

pub use mail::{MailError, open_mailed};
pub use vendor::{Vendor, VendorError};

/// Requests above this size are refused unread; real ones stay below 16 kB.
pub const MAX_REQUEST_BYTES: usize = 256 * 1024;

/// Most certificates in a chain; Apple's has three.
pub const MAX_CHAIN: usize = 8;

/// Who asks for a push certificate.
#[derive(Debug, Clone, Copy)]
pub struct Applicant<'a> {
    /// What Apple's portal shows, for example `Example School MDM`.
    pub common_name: &'a str,
    /// Two letters, for example `DE`.
    pub country: &'a str,
    /// An address of the applicant.
    pub email: &'a str,
}

/// Makes the certification request for the push key, which must be RSA; returns DER.
pub fn certification_request(key: &PrivateKey, applicant: &Applicant<'_>) -> Result<Vec<u8>, KeyError> {
    let subject = [(oid::EMAIL_ADDRESS, applicant.email), (oid::COMMON_NAME, applicant.common_name), (oid::COUNTRY, applicant.country)];
    let subject = name::write(&subject).map_err(|_| KeyError::Malformed)?;
    csr::write(&subject, key, RequestOptions::default())
}

/// Signs a certification request as an MDM vendor; returns the file for Apple's portal. `chain` leads from the vendor's issuer to the root.
pub fn sign_as_vendor(request: &[u8], vendor: &Signer, chain: &[Certificate]) -> Result<String, KeyError> {
    let signature = vendor.key().sign(Digest::Sha256, request)?;
    let certificates: String = std::iter::once(vendor.certificate()).chain(chain).map(Certificate::to_pem).collect();
    Ok(write(request, &certificates, &signature))
}

/// Puts the three strings together.
fn write(request: &[u8], chain: &str, signature: &[u8]) -> String {
    let mut plist = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
         \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n<dict>\n",
    );
    for (key, value) in [(CSR, pem::encode(request)), (CHAIN, chain.to_owned()), (SIGNATURE, pem::encode(signature))] {
        // Base64 and PEM have nothing that XML would escape. Writing to a string does not fail.
        let _ = writeln!(plist, "\t<key>{key}</key>\n\t<string>{value}</string>");
    }
    plist.push_str("</dict>\n</plist>\n");
    pem::encode(plist.as_bytes())
}

/// The keys of the property list.
const CSR: &str = "PushCertRequestCSR";
const CHAIN: &str = "PushCertCertificateChain";
const SIGNATURE: &str = "PushCertSignature";

/// A request that a vendor has signed, read back.
#[derive(Debug)]
pub struct PushRequest {
    /// The certification request.
    pub csr: CertificationRequest,
    /// The certificates as they are in the file, the vendor's first if all is well.
    pub chain: Vec<Certificate>,
    signature: Vec<u8>,
}

/// Why a file is no request for a push certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushRequestError {
    /// The file is not base64 of a property list with the three strings, nor the property list itself.
    #[error("this is not a push certificate request: base64 of a property list with {CSR}, {CHAIN} and {SIGNATURE} is expected")]
    NotOne,
    /// One of the strings is missing or damaged.
    #[error("the push certificate request is damaged: {0} is missing or cannot be read")]
    Damaged(&'static str),
    /// The certification request inside is damaged.
    #[error("in the push certificate request: {0}")]
    Request(#[from] CsrError),
}

impl From<PushRequestError> for error::Error {
    fn from(error: PushRequestError) -> Self {
        Self::bad_input(error.to_string()).caused_by(error)
    }
}

/// Something in a signed request that Apple would refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A certificate of the chain has expired.
    Expired {
        /// Its subject.
        subject: String,
        /// When it expired.
        not_after: Timestamp,
    },
    /// A certificate of the chain is not valid yet.
    NotYetValid {
        /// Its subject.
        subject: String,
        /// From when on it is valid.
        not_before: Timestamp,
    },
    /// The chain is complete but not in the order vendor, intermediate, root.
    Order,
    /// A certificate's issuer is not in the chain.
    MissingIssuer {
        /// The certificate whose issuer is missing.
        subject: String,
        /// The issuer's name.
        issuer: String,
    },
    /// The signature is over a digest other than SHA-256.
    Digest(Digest),
    /// No certificate of the chain made the signature.
    Signature,
    /// The request is for another key than ours.
    OtherKey,
}

impl fmt::Display for Problem {
    /// Says in a sentence what is wrong and who can mend it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { subject, not_after } => write!(
                f,
                "the certificate \"{subject}\" expired on {not_after}: Apple will refuse the request; ask the vendor who signed it for a new one"
            ),
            Self::NotYetValid { subject, not_before } => {
                write!(f, "the certificate \"{subject}\" is valid only from {not_before}: check this server's clock")
            }
            Self::Order => f.write_str(t!("the certificate chain is in the wrong order: it must be vendor, intermediate, root")),
            Self::MissingIssuer { subject, issuer } => write!(
                f,
                "the certificate chain is incomplete: \"{issuer}\", which issued \"{subject}\", is missing; the vendor must add it"
            ),
            Self::Digest(digest) => write!(f, "the request is signed over {}, but Apple wants SHA-256", digest.name()),
            Self::Signature => {
                f.write_str(t!("the signature was not made by the vendor's certificate: the file was changed or put together wrongly"))
            }
            Self::OtherKey => {
                f.write_str(t!("the request was made for another key than this server's: sign the request that is offered here"))
            }
        }
    }
}

impl PushRequest {
    /// Reads the file for Apple's portal, base64 or bare.
    pub fn parse(file: &[u8]) -> Result<Self, PushRequestError> {
        if file.len() > MAX_REQUEST_BYTES {
            return Err(PushRequestError::NotOne);
        }
        let decoded = pem::base64(file);
        let text = std::str::from_utf8(decoded.as_deref().unwrap_or(file)).map_err(|_| PushRequestError::NotOne)?;
        if !text.contains(CSR) {
            return Err(PushRequestError::NotOne);
        }
        let string = |key| string_after(text, key).ok_or(PushRequestError::Damaged(key));
        let bytes = |key| pem::base64(string(key)?.as_bytes()).ok_or(PushRequestError::Damaged(key));
        // Some vendors put the request in as PEM.
        let request = string(CSR)?;
        let csr = if request.contains("-----BEGIN") {
            CertificationRequest::from_pem(request.as_bytes())?
        } else {
            CertificationRequest::from_der(&bytes(CSR)?)?
        };
        let chain = Certificate::all_from_pem(string(CHAIN)?.as_bytes()).map_err(|_| PushRequestError::Damaged(CHAIN))?;
        if chain.is_empty() || chain.len() > MAX_CHAIN {
            return Err(PushRequestError::Damaged(CHAIN));
        }
        Ok(Self { csr, chain, signature: bytes(SIGNATURE)? })
    }

    /// The file as Apple's portal takes it, base64 of the property list, whatever form `file`, from which this was read, has.
    pub fn for_portal(&self, file: &[u8]) -> String {
        match std::str::from_utf8(file) {
            Ok(text) if !text.contains(CSR) => text.to_owned(),
            _ => pem::encode(file),
        }
    }

    /// The vendor's certificate and the digest of its signature, if one of the chain's certificates made it.
    pub fn vendor(&self) -> Option<(&Certificate, Digest)> {
        [Digest::Sha256, Digest::Sha1, Digest::Sha384, Digest::Sha512].into_iter().find_map(|digest| {
            let hash = digest.of(self.csr.der());
            let made = |certificate: &&Certificate| certificate.verify_digest(Scheme::RsaPkcs1(digest), &hash, &self.signature).is_ok();
            self.chain.iter().find(made).map(|certificate| (certificate, digest))
        })
    }

    /// All that Apple would refuse. `own_key` is our push key's SubjectPublicKeyInfo, where the request should be for it.
    pub fn problems(&self, own_key: Option<&[u8]>, now: Timestamp) -> Vec<Problem> {
        let mut problems = Vec::new();
        if own_key.is_some_and(|key| key != self.csr.public_key_der()) {
            problems.push(Problem::OtherKey);
        }
        let vendor = self.vendor();
        match vendor {
            None => problems.push(Problem::Signature),
            Some((_, Digest::Sha256)) => {}
            Some((_, digest)) => problems.push(Problem::Digest(digest)),
        }
        for certificate in &self.chain {
            let subject = certificate.subject();
            if certificate.not_after() < now {
                problems.push(Problem::Expired { subject, not_after: certificate.not_after() });
            } else if certificate.not_before() > now {
                problems.push(Problem::NotYetValid { subject, not_before: certificate.not_before() });
            }
        }
        problems.extend(self.chain_problem(vendor.map_or(&self.chain[0], |(certificate, _)| certificate)));
        problems
    }

    /// Walks from the vendor's certificate up to a root.
    fn chain_problem(&self, vendor: &Certificate) -> Option<Problem> {
        let mut walked = vec![vendor];
        loop {
            // The walk has the vendor in it and grows only.
            let last = walked[walked.len() - 1];
            if last.is_issued_by(last) {
                return (!self.chain.iter().eq(walked)).then_some(Problem::Order);
            }
            let issuer = self.chain.iter().find(|candidate| last.is_issued_by(candidate) && !walked.contains(candidate));
            let Some(issuer) = issuer else {
                return Some(Problem::MissingIssuer { subject: last.subject(), issuer: last.issuer() });
            };
            walked.push(issuer);
        }
    }
}

/// The string value of `key` in an XML property list that holds nothing but strings.
fn string_after<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<key>{key}</key>"))?;
    let (value, _) = rest.trim_start().strip_prefix("<string>")?.split_once("</string>")?;
    Some(value)
}

#[cfg(test)]
mod tests;
