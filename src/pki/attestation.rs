//! Apple's attestations of devices: what a chain under the attestation root says of a device and its key, and how fresh that is.
//!
//! The chain is the proof; whether it is about the device that one has in mind is for others to judge.

use std::time::Duration;

use super::asn1::{AnyRef, Decode as _, Oid, Tag, Tagged as _};
use super::cbor::Item;
use super::certificate::Certificate;
use super::digest::sha256;
use crate::clock::Timestamp;

/// Certificates that a chain may have, the leaf among them; Apple's have two.
pub const MAX_CHAIN: usize = 5;

/// Bytes of an attestation object; real ones have about 2,000.
pub const MAX_OBJECT_BYTES: usize = 32 << 10;

/// How far a certificate's beginning may lie ahead of our clock.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(3600);

/// Letters of a property that are kept.
pub const MAX_PROPERTY_CHARS: usize = 100;

/// The properties of a device, in extensions under 1.2.840.113635.100.8 (Apple, DeviceInformation, DevicePropertiesAttestation).
pub(crate) mod property {
    use super::Oid;

    pub(crate) const SERIAL_NUMBER: Oid = Oid::new_unwrap("1.2.840.113635.100.8.9.1");
    pub(crate) const UDID: Oid = Oid::new_unwrap("1.2.840.113635.100.8.9.2");
    pub(crate) const SOFTWARE_UPDATE_DEVICE_ID: Oid = Oid::new_unwrap("1.2.840.113635.100.8.9.4");
    pub(crate) const OS_VERSION: Oid = Oid::new_unwrap("1.2.840.113635.100.8.10.1");
    pub(crate) const SEP_OS_VERSION: Oid = Oid::new_unwrap("1.2.840.113635.100.8.10.2");
    pub(crate) const LLB_VERSION: Oid = Oid::new_unwrap("1.2.840.113635.100.8.10.3");
    pub(crate) const FRESHNESS: Oid = Oid::new_unwrap("1.2.840.113635.100.8.11.1");
    pub(crate) const SIP: Oid = Oid::new_unwrap("1.2.840.113635.100.8.13.1");
    pub(crate) const SECURE_BOOT: Oid = Oid::new_unwrap("1.2.840.113635.100.8.13.2");
    pub(crate) const KERNEL_EXTENSIONS: Oid = Oid::new_unwrap("1.2.840.113635.100.8.13.3");
}

/// Why an attestation does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttestationError {
    /// It is no attestation object of Apple's form.
    #[error("this is no attestation in Apple's form: a CBOR map with fmt `apple` and the certificates in attStmt.x5c")]
    Malformed,
    /// Its format is another one.
    #[error("attestations of the format “{0}” are not taken, only Apple's")]
    Format(String),
    /// There is no certificate, or there are too many, or one cannot be read.
    #[error("an attestation holds 1 to {MAX_CHAIN} certificates, and each must be readable")]
    Certificates,
    /// The chain does not end at the root.
    #[error("the attestation is not signed under Apple's attestation root")]
    Root,
    /// A certificate is not valid now.
    #[error("a certificate of the attestation is not valid now")]
    Validity,
}

/// The certificates, DER, leaf first, of an attestation object as ACME's clients send it: CBOR of WebAuthn's form, `fmt` `apple`.
pub fn chain_of_object(object: &[u8]) -> Result<Vec<Vec<u8>>, AttestationError> {
    if object.len() > MAX_OBJECT_BYTES {
        return Err(AttestationError::Malformed);
    }
    let item = Item::read(object).map_err(|_| AttestationError::Malformed)?;
    match item.get("fmt") {
        Some(Item::Text("apple")) => {}
        Some(Item::Text(other)) => return Err(AttestationError::Format(other.chars().take(MAX_PROPERTY_CHARS).collect())),
        _ => return Err(AttestationError::Malformed),
    }
    let Some(Item::Array(certificates)) = item.get("attStmt").and_then(|statement| statement.get("x5c")) else {
        return Err(AttestationError::Malformed);
    };
    let der = |item: &Item<'_>| if let Item::Bytes(der) = item { Ok(der.to_vec()) } else { Err(AttestationError::Malformed) };
    certificates.iter().map(der).collect()
}

/// Writes an attestation object around certificates, leaf first.
pub fn object_of_chain(chain: &[Vec<u8>]) -> Vec<u8> {
    let certificates = chain.iter().map(|der| Item::Bytes(der)).collect();
    let statement = Item::Map(vec![(Item::Text("x5c"), Item::Array(certificates))]);
    Item::Map(vec![(Item::Text("fmt"), Item::Text("apple")), (Item::Text("attStmt"), statement)]).write()
}

/// What Apple vouches for. What its servers could not verify is absent, and that alone is no fault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attested {
    /// The serial number; left out in user enrollment.
    pub serial_number: Option<String>,
    /// The UDID, of a Mac the provisioning UDID; left out in user enrollment.
    pub udid: Option<String>,
    /// The version of the OS.
    pub os_version: Option<String>,
    /// The version of the Secure Enclave's own system.
    pub sep_os_version: Option<String>,
    /// The version of the low-level boot loader.
    pub llb_version: Option<String>,
    /// The id under which Apple lists updates for it.
    pub software_update_device_id: Option<String>,
    /// Whether a Mac's system integrity protection is on.
    pub sip: Option<bool>,
    /// A Mac's start policy: `Full Security`, `Reduced Security`, `Permissive Security`.
    pub secure_boot: Option<String>,
    /// Whether a Mac admits kernel extensions of third parties.
    pub kernel_extensions: Option<bool>,
    /// What shows how fresh it is.
    pub freshness: Option<Vec<u8>>,
    /// The attested key, as SubjectPublicKeyInfo.
    pub public_key: Vec<u8>,
    /// When Apple made it.
    pub made_at: Timestamp,
}

impl Attested {
    /// Reads what `chain` (DER, leaf first) says, once it is proven to stand under one of `roots` and to be valid at `now`.
    pub fn read(chain: &[Vec<u8>], roots: &[Certificate], now: Timestamp) -> Result<Self, AttestationError> {
        if chain.is_empty() || chain.len() > MAX_CHAIN {
            return Err(AttestationError::Certificates);
        }
        let chain: Vec<_> =
            chain.iter().map(|der| Certificate::from_der(der)).collect::<Result<_, _>>().map_err(|_| AttestationError::Certificates)?;
        if chain.iter().any(|certificate| !is_valid(certificate, now)) {
            return Err(AttestationError::Validity);
        }
        if !stands_under(&chain, roots, now) {
            return Err(AttestationError::Root);
        }
        Ok(Self::of_leaf(&chain[0]))
    }

    fn of_leaf(leaf: &Certificate) -> Self {
        let value = |oid| leaf.extension(oid).map(|(value, _)| value).filter(|value| !value.is_empty());
        let text = |oid| value(oid).and_then(text);
        Self {
            serial_number: text(property::SERIAL_NUMBER),
            udid: text(property::UDID),
            os_version: text(property::OS_VERSION),
            sep_os_version: text(property::SEP_OS_VERSION),
            llb_version: text(property::LLB_VERSION),
            software_update_device_id: text(property::SOFTWARE_UPDATE_DEVICE_ID),
            // 0 says that it is on.
            sip: value(property::SIP).and_then(number).map(|number| number == 0),
            secure_boot: text(property::SECURE_BOOT),
            kernel_extensions: value(property::KERNEL_EXTENSIONS).and_then(number).map(|number| number != 0),
            freshness: value(property::FRESHNESS).map(<[u8]>::to_vec),
            public_key: leaf.public_key_der().to_vec(),
            made_at: leaf.not_before(),
        }
    }

    /// Whether its freshness code is `code`, raw or wrapped as an OCTET STRING.
    pub fn is_fresh_by(&self, code: &[u8]) -> bool {
        self.freshness.as_deref().is_some_and(|said| said == code || wrapped(said, &[Tag::OctetString]).is_some_and(|said| said == code))
    }

    /// Whether it was made for this challenge of ACME: the code is SHA-256 of the challenge's token.
    pub fn is_fresh_for_token(&self, token: &str) -> bool {
        self.is_fresh_by(&sha256(token.as_bytes()))
    }
}

fn is_valid(certificate: &Certificate, now: Timestamp) -> bool {
    certificate.not_before() <= now.plus(CLOCK_TOLERANCE) && now <= certificate.not_after()
}

/// Whether each certificate is issued by the next one, which may issue, and the last one by a root; the root itself may be among them.
fn stands_under(chain: &[Certificate], roots: &[Certificate], now: Timestamp) -> bool {
    let is_root = |certificate: &Certificate| roots.iter().any(|root| root.fingerprint() == certificate.fingerprint());
    let mut at = &chain[0];
    if at.is_authority() {
        return false;
    }
    for above in &chain[1..] {
        if is_root(at) {
            break;
        }
        if !above.is_authority() || !at.is_issued_by(above) {
            return false;
        }
        at = above;
    }
    is_root(at) || roots.iter().any(|root| is_valid(root, now) && root.is_authority() && at.is_issued_by(root))
}

/// The content of `bytes`, where they are one whole element of one of these tags.
fn wrapped<'a>(bytes: &'a [u8], tags: &[Tag]) -> Option<&'a [u8]> {
    let element = AnyRef::from_der(bytes).ok()?;
    tags.contains(&element.tag()).then(|| element.value())
}

/// A text: raw bytes, as real certificates have it, or a wrapped string.
fn text(bytes: &[u8]) -> Option<String> {
    let strings = [Tag::Utf8String, Tag::PrintableString, Tag::Ia5String, Tag::OctetString];
    let text = std::str::from_utf8(wrapped(bytes, &strings).unwrap_or(bytes)).ok()?;
    let is_plain = !text.is_empty() && text.chars().count() <= MAX_PROPERTY_CHARS && !text.chars().any(char::is_control);
    is_plain.then(|| text.to_owned())
}

/// A number: an INTEGER, as real certificates have it, or digits.
fn number(bytes: &[u8]) -> Option<u64> {
    if let Some(content) = wrapped(bytes, &[Tag::Integer]) {
        let fits = content.len() <= 8 && content.first().is_some_and(|first| first & 0x80 == 0);
        return fits.then(|| content.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)));
    }
    text(bytes)?.parse().ok()
}

#[cfg(test)]
mod tests;
