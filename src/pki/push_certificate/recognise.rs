//! Telling what a dropped file is, whatever it is called: by its content alone.

use super::mistake::{Mistake, of_certificate};
use super::pkcs12::{self, Failure};
use crate::language::{date, say};
use crate::pki::asn1::{Decode as _, Seq, SliceReader, Tag};
use crate::pki::ber;
use crate::pki::certificate::Certificate;
use crate::pki::cms::{self, CmsError};
use crate::pki::csr::{self, CertificationRequest};
use crate::pki::dropped::Kind;
use crate::pki::key::{self, KeyError, PrivateKey};
use crate::pki::pem;
use crate::pki::push_request::PushRequest;

/// Files above this size are not looked at.
pub const MAX_FILE_BYTES: usize = 1024 * 1024;

/// Most blocks of a PEM text that are looked at.
const MAX_BLOCKS: usize = 32;

/// How archives, packages and documents begin, whatever else is in them.
const SIGNS: [&[u8]; 4] = [b"PK\x03", b"PK\x05", b"xar!", b"%PDF"];

/// What a dropped file is.
#[derive(Debug)]
pub enum Recognised {
    /// A push certificate and the key that belongs to it.
    Pair {
        /// The push certificate.
        certificate: Certificate,
        /// Its key.
        key: PrivateKey,
    },
    /// A push certificate alone.
    Certificate(Certificate),
    /// A private key alone.
    Key(PrivateKey),
    /// A push certificate with a key that belongs to another certificate.
    Mismatch {
        /// The push certificate.
        certificate: Certificate,
    },
    /// A key or PKCS#12 file that needs its passphrase.
    Locked {
        /// What is locked: `private key` or `PKCS#12 file`.
        what: &'static str,
        /// Whether a passphrase was given and is not the right one.
        wrong: bool,
    },
    /// Something else.
    Mistaken(Mistake),
}

impl Recognised {
    /// What to tell the person who dropped the file.
    pub fn message(&self) -> String {
        match self {
            Self::Pair { certificate, .. } => t!("push certificate with its key, {certificate}", certificate = about(certificate)),
            Self::Certificate(certificate) => t!("push certificate without a key, {certificate}", certificate = about(certificate)),
            Self::Key(key) => t!("private key ({kind}) without a certificate", kind = key.kind()),
            Self::Mismatch { certificate } => t!(
                "the private key in this file does not belong to the push certificate in it ({certificate}): use the key that its request was made with",
                certificate = about(certificate)
            ),
            Self::Locked { what, wrong } => Self::locked_message(what, *wrong),
            Self::Mistaken(mistake) => mistake.to_string(),
        }
    }

    /// What to tell the person about an encrypted file.
    pub(super) fn locked_message(what: &str, wrong: bool) -> String {
        if wrong {
            t!("this {what} does not open with that passphrase", what)
        } else {
            t!("this {what} is encrypted: enter its passphrase", what)
        }
    }
}

/// Topic and end of a push certificate.
fn about(certificate: &Certificate) -> String {
    t!(
        "topic {topic}, valid until {not_after}",
        topic = super::topic(certificate).unwrap_or_default(),
        not_after = date(certificate.not_after().day())
    )
}

/// Tells what `file` is. `passphrase` opens what is encrypted.
///
/// Opening a PKCS#12 file or an encrypted key may take a second: callers run it beside the async runtime.
pub fn recognise(file: &[u8], passphrase: Option<&str>) -> Recognised {
    Parts::of_file(file, passphrase).map_or_else(|other| other, Parts::sort)
}

/// Every certificate and key in a file, whatever they are for; the file is named where it has none.
pub(in crate::pki) fn certificates_and_keys(
    file: &[u8],
    passphrase: Option<&str>,
) -> Result<(Vec<Certificate>, Vec<PrivateKey>), Recognised> {
    Parts::of_file(file, passphrase).map(|parts| (parts.certificates, parts.keys))
}

/// UTF-16 text, which some Windows editors save, as UTF-8.
fn utf8(file: &[u8]) -> Option<Vec<u8>> {
    let (decode, rest): (fn([u8; 2]) -> u16, _) = match file {
        [0xff, 0xfe, rest @ ..] => (u16::from_le_bytes, rest),
        [0xfe, 0xff, rest @ ..] => (u16::from_be_bytes, rest),
        _ => return None,
    };
    let units = rest.as_chunks::<2>().0.iter().map(|unit| decode(*unit));
    Some(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>().into_bytes())
}

/// Files that are known to be dropped by mistake.
fn known_mistake(file: &[u8]) -> Option<Mistake> {
    let has = |word: &str| file.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()));
    if has("PushCertRequestCSR") {
        return Some(if PushRequest::parse(file).is_ok() {
            Mistake::PushRequest
        } else {
            Mistake::Damaged(t!("a push certificate request"))
        });
    }
    Kind::of(file).map(Mistake::Elsewhere)
}

/// Certificates and keys found in one file.
#[derive(Default)]
struct Parts {
    certificates: Vec<Certificate>,
    keys: Vec<PrivateKey>,
}

impl Parts {
    /// Reads a file of any form by its content.
    fn of_file(file: &[u8], passphrase: Option<&str>) -> Result<Self, Recognised> {
        if file.len() > MAX_FILE_BYTES {
            return Err(Recognised::Mistaken(Mistake::TooLarge));
        }
        let text = utf8(file);
        let bytes = text.as_deref().unwrap_or(file);
        let trimmed = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii();
        if trimmed.is_empty() {
            return Err(Recognised::Mistaken(Mistake::Empty));
        }
        // A signed request has PEM inside, and what begins so is nothing that is read here.
        if (trimmed.starts_with(b"<") || SIGNS.iter().any(|sign| trimmed.starts_with(sign)))
            && let Some(mistake) = known_mistake(trimmed)
        {
            return Err(Recognised::Mistaken(mistake));
        }
        let has = |word: &[u8]| trimmed.windows(word.len()).any(|window| window == word);
        if has(b"-----BEGIN ") {
            return Self::of_pem(trimmed, passphrase);
        }
        // DER begins with a SEQUENCE; its bytes are the file's, not trimmed ones.
        if bytes.first() == Some(&0x30) && trimmed.iter().any(|byte| !byte.is_ascii()) {
            return der(bytes, passphrase);
        }
        if let Some(mistake) = known_mistake(trimmed) {
            return Err(Recognised::Mistaken(mistake));
        }
        let decoded = crate::pki::unhex(trimmed).or_else(|| pem::base64(trimmed)).filter(|decoded| !decoded.is_empty());
        match decoded {
            Some(decoded) if decoded.first() == Some(&0x30) => der(&decoded, passphrase),
            Some(decoded) => Err(Recognised::Mistaken(match Kind::of_decoded(&decoded) {
                Some(kind) if kind == Kind::ContentToken => Mistake::Elsewhere(kind),
                _ => known_mistake(&decoded).unwrap_or(Mistake::Unknown),
            })),
            None => Err(Recognised::Mistaken(match std::str::from_utf8(trimmed) {
                Ok(text) if !text.contains('\0') => Mistake::Elsewhere(Kind::of_text(text)),
                _ => Mistake::Unknown,
            })),
        }
    }

    /// Reads the blocks of a PEM text; other things than certificates and keys are named when there is nothing better in it.
    fn of_pem(text: &[u8], passphrase: Option<&str>) -> Result<Self, Recognised> {
        let mut parts = Self::default();
        let mut other = None;
        for block in pem::blocks(text).iter().take(MAX_BLOCKS) {
            if block.is_certificate() {
                let certificate = Certificate::from_der(&block.der);
                parts.certificates.push(certificate.map_err(|_| Recognised::Mistaken(Mistake::Damaged(t!("a certificate"))))?);
            } else if key::is_key_label(&block.label) {
                parts.keys.push(PrivateKey::from_pem_block(block, passphrase).map_err(|error| locked_key(error, passphrase))?);
            } else if csr::is_request_label(&block.label) {
                other = Some(Recognised::Mistaken(Mistake::CertificationRequest));
            } else if block.label.ends_with("PUBLIC KEY") {
                other = Some(Recognised::Mistaken(Mistake::PublicKey));
            } else if matches!(block.label.as_str(), "PKCS7" | "CMS" | "PKCS12") {
                other = Some(der(&block.der, passphrase).map_or_else(|other| other, Self::sort));
            }
        }
        if parts.certificates.is_empty() && parts.keys.is_empty() {
            return Err(other.unwrap_or(Recognised::Mistaken(Mistake::Damaged(t!("PEM text")))));
        }
        Ok(parts)
    }

    /// Finds the push certificate among what there is, and its key.
    fn sort(self) -> Recognised {
        let Some(first) = self.certificates.first() else {
            return match self.keys.into_iter().next() {
                Some(key) => Recognised::Key(key),
                None => Recognised::Mistaken(Mistake::Unknown),
            };
        };
        let Some(push) = self.certificates.iter().find(|certificate| super::topic(certificate).is_some()) else {
            let mistake = of_certificate(first).unwrap_or(Mistake::Unknown);
            return Recognised::Mistaken(mistake);
        };
        let matching = self.keys.iter().find(|key| key.public_key_der() == push.public_key_der());
        match matching {
            Some(key) => Recognised::Pair { certificate: push.clone(), key: key.clone() },
            None if self.keys.is_empty() => Recognised::Certificate(push.clone()),
            None => Recognised::Mismatch { certificate: push.clone() },
        }
    }
}

/// What a key that was not read means to the person who dropped it.
fn locked_key(error: KeyError, passphrase: Option<&str>) -> Recognised {
    const WHAT: &str = msg!("private key");
    match error {
        KeyError::PassphraseNeeded => Recognised::Locked { what: say(WHAT), wrong: false },
        KeyError::PassphraseWrong => Recognised::Locked { what: say(WHAT), wrong: passphrase.is_some() },
        KeyError::Unsupported(why) => Recognised::Mistaken(Mistake::Unsupported(why)),
        KeyError::NoKey | KeyError::Malformed | KeyError::Library => Recognised::Mistaken(Mistake::Damaged(t!("a private key"))),
    }
}

/// Reads DER or BER, which is told apart by the tags at its beginning.
fn der(bytes: &[u8], passphrase: Option<&str>) -> Result<Parts, Recognised> {
    let mistaken = |mistake| Err(Recognised::Mistaken(mistake));
    if let Ok(certificate) = Certificate::from_der(bytes) {
        return Ok(Parts { certificates: vec![certificate], keys: vec![] });
    }
    let Ok(normal) = ber::to_der(bytes) else { return mistaken(Mistake::Damaged(t!("a certificate or key in binary form"))) };
    let alone = |key: Result<PrivateKey, KeyError>| {
        key.map(|key| Parts { certificates: vec![], keys: vec![key] }).map_err(|error| locked_key(error, passphrase))
    };
    let tags = inner_tags(&normal);
    match tags.as_slice() {
        [Tag::ObjectIdentifier, Tag::ContextSpecific { .. }] => Err(message(&normal)),
        // PFX: version, then a message; private keys: version, then algorithm, number or bytes.
        [Tag::Integer, Tag::Sequence, ..] if is_pfx(&normal) => pkcs12(&normal, passphrase),
        [Tag::Integer, ..] => alone(PrivateKey::from_der(&normal)),
        [Tag::Sequence, Tag::OctetString] => match passphrase {
            None => Err(Recognised::Locked { what: t!("private key"), wrong: false }),
            Some(passphrase) => alone(PrivateKey::from_encrypted_der(&normal, passphrase)),
        },
        [Tag::Sequence, Tag::BitString] => mistaken(Mistake::PublicKey),
        [Tag::Sequence, Tag::Sequence, Tag::BitString] if CertificationRequest::from_der(&normal).is_ok() => {
            mistaken(Mistake::CertificationRequest)
        }
        [Tag::Sequence, Tag::Sequence, Tag::BitString] => mistaken(Mistake::Damaged(t!("a certificate"))),
        _ => mistaken(Mistake::Unknown),
    }
}

/// The tags of the elements inside the outermost one, at most the first four.
fn inner_tags(der: &[u8]) -> Vec<Tag> {
    let content = Seq::from_der(der).unwrap_or(Seq(&[]));
    content.items().take(4).filter_map(|item| Tag::peek(&SliceReader::new(item).ok()?).ok()).collect()
}

/// Whether the second element inside is a message: an object identifier, then content.
fn is_pfx(der: &[u8]) -> bool {
    let content = Seq::from_der(der).unwrap_or(Seq(&[]));
    let inner = content.items().nth(1).map(inner_tags);
    inner.is_some_and(|tags| matches!(tags.as_slice(), [Tag::ObjectIdentifier, Tag::ContextSpecific { .. }]))
}

fn pkcs12(der: &[u8], passphrase: Option<&str>) -> Result<Parts, Recognised> {
    match pkcs12::open(der, passphrase.unwrap_or("")) {
        Ok(content) => Ok(Parts { certificates: content.certificates, keys: content.keys }),
        Err(Failure::Passphrase) => Err(Recognised::Locked { what: t!("PKCS#12 file"), wrong: passphrase.is_some() }),
        Err(Failure::Damaged) => Err(Recognised::Mistaken(Mistake::Damaged(t!("a PKCS#12 file")))),
        Err(Failure::Unsupported(why)) => Err(Recognised::Mistaken(Mistake::Unsupported(why))),
    }
}

/// Signed and encrypted messages: profiles, bundles, tokens.
fn message(der: &[u8]) -> Recognised {
    let mistake = match cms::SignedMessage::parse(der) {
        Ok(signed) => match signed.content().and_then(known_mistake) {
            Some(Mistake::Elsewhere(Kind::Profile)) => Mistake::Elsewhere(Kind::SignedProfile),
            other => other.unwrap_or(Mistake::Unknown),
        },
        Err(CmsError::NoSigner) => Mistake::CertificateBundle,
        Err(CmsError::WrongKind { .. }) => Mistake::EncryptedMessage,
        Err(_) => Mistake::Damaged(t!("a signed message")),
    };
    Recognised::Mistaken(mistake)
}
