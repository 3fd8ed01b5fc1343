//! A stand-in of Apple's attestation service: it vouches, under a root of its own, for whatever it is told to.

use std::time::Duration;

use super::{AUTHORITY_USAGE, BACK_DATE, DAY, Draft, Extensions, IssueError, Issuer, leaf_usage, subject};
use crate::clock::Timestamp;
use crate::pki::asn1::{encode, oid};
use crate::pki::attestation::property;
use crate::pki::certificate::Certificate;
use crate::pki::key::PrivateKey;

/// How long root and intermediate are valid: longer than any test moves its clock.
const LIFETIME: Duration = DAY.saturating_mul(30 * 365);

/// How long an attestation is valid.
const LEAF_LIFETIME: Duration = DAY.saturating_mul(365);

/// What is vouched for; what is absent is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    /// The serial number.
    pub serial_number: Option<String>,
    /// The UDID, of a Mac the provisioning UDID.
    pub udid: Option<String>,
    /// The version of the OS.
    pub os_version: Option<String>,
    /// The freshness code.
    pub freshness: Option<Vec<u8>>,
    /// Of a Mac: whether its system integrity protection is on.
    pub sip: Option<bool>,
    /// Of a Mac: its start policy.
    pub secure_boot: Option<String>,
}

/// The service: a root and an intermediate under it.
#[derive(Debug, Clone)]
pub struct AttestationService {
    root: Certificate,
    intermediate: Issuer,
}

impl AttestationService {
    /// A service with new keys.
    pub fn new(now: Timestamp) -> Result<Self, IssueError> {
        let (root_key, key) = (PrivateKey::generate_p256()?, PrivateKey::generate_p256()?);
        let (name, below) = ("Practice Attestation Root CA", "Practice Attestation Sub CA 1");
        let root = authority((name, &root_key), (name, root_key.public_key_der()), 1, now)?;
        let intermediate = authority((name, &root_key), (below, key.public_key_der()), 0, now)?;
        Ok(Self { root, intermediate: Issuer::new(intermediate, key)? })
    }

    /// The root that stands where Apple's does.
    pub fn root(&self) -> &Certificate {
        &self.root
    }

    /// Vouches for the key `public_key` (SubjectPublicKeyInfo) and for the properties of its device; gives the chain, DER, leaf first.
    pub fn attest(&self, public_key: &[u8], said: &Properties, now: Timestamp) -> Result<Vec<Vec<u8>>, IssueError> {
        let mut extensions = Extensions::new();
        extensions.leaf()?.key_usage(&leaf_usage(crate::pki::public_key::KeyKind::P256))?;
        let texts = [
            (property::SERIAL_NUMBER, &said.serial_number),
            (property::UDID, &said.udid),
            (property::OS_VERSION, &said.os_version),
            (property::SEP_OS_VERSION, &said.os_version),
            (property::SECURE_BOOT, &said.secure_boot),
        ];
        for (oid, text) in texts {
            if let Some(text) = text {
                extensions.other(oid, text.as_bytes())?;
            }
        }
        if let Some(code) = &said.freshness {
            extensions.other(property::FRESHNESS, code)?;
        }
        if let Some(is_on) = said.sip {
            extensions.other(property::SIP, &encode(&u8::from(!is_on))?)?;
        }
        let authority = self.intermediate.certificate();
        let draft = Draft {
            issuer: authority.subject_der(),
            subject: &subject(&[(oid::COMMON_NAME, t!("Device attestation"))])?,
            public_key,
            not_before: now.minus(BACK_DATE),
            not_after: now.plus(LEAF_LIFETIME),
            extensions,
        };
        let leaf = draft.sign(self.intermediate.signer().key())?;
        Ok(vec![leaf.der().to_vec(), authority.der().to_vec()])
    }
}

/// An authority of this name over this key, signed by another's.
fn authority(issuer: (&str, &PrivateKey), (name, public_key): (&str, &[u8]), below: u8, now: Timestamp) -> Result<Certificate, IssueError> {
    let mut extensions = Extensions::new();
    extensions.authority(below)?.key_usage(&AUTHORITY_USAGE)?.subject_key(public_key)?;
    let draft = Draft {
        issuer: &subject(&[(oid::COMMON_NAME, issuer.0)])?,
        subject: &subject(&[(oid::COMMON_NAME, name)])?,
        public_key,
        not_before: now.minus(DAY),
        not_after: now.plus(LIFETIME),
        extensions,
    };
    draft.sign(issuer.1)
}
