//! PKCS#12 files, as Keychain Access exports them, through the library that reads them.

use p12_keystore::Pkcs12Archive;
use p12_keystore::error::Error;

use crate::pki::asn1::{AnyRef, Decode as _, Set, Tag, Tagged as _, unsigned};
use crate::pki::ber;
use crate::pki::certificate::Certificate;
use crate::pki::key::{KeyError, PrivateKey};

/// The most rounds of key derivation that opening one file may take, all its parts together: a few seconds' worth. Usual are 2,048 to 600,000 a part.
pub(super) const MAX_ROUNDS: u64 = 6_000_000;

/// How deep elements are looked into for their rounds; real files have about a dozen levels.
const MAX_DEPTH: usize = 32;

/// What a PKCS#12 file holds.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) keys: Vec<PrivateKey>,
    pub(super) certificates: Vec<Certificate>,
}

/// Why a PKCS#12 file was not opened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The passphrase is not the right one.
    Passphrase,
    /// The file or what is in it is damaged.
    Damaged,
    /// The file or its key is of a kind that is not read.
    Unsupported(String),
}

/// Opens a PKCS#12 file, in DER or BER.
pub(super) fn open(file: &[u8], passphrase: &str) -> Result<Content, Failure> {
    let der = ber::to_der(file).map_err(|_| Failure::Damaged)?;
    let rounds = rounds(&der, MAX_DEPTH);
    if rounds > MAX_ROUNDS {
        return Err(Failure::Unsupported(t!(
            "opening this PKCS#12 file would take {rounds} rounds of key derivation: export it again",
            rounds
        )));
    }
    let archive = Pkcs12Archive::from_pkcs12(&der, passphrase).map_err(failure)?;
    let keys = archive.keys.iter().map(|bag| PrivateKey::from_pkcs8_der(bag.key.as_der())).collect::<Result<_, _>>();
    let keys = keys.map_err(|error| match error {
        KeyError::Unsupported(why) => Failure::Unsupported(why),
        _ => Failure::Damaged,
    })?;
    let certificates = archive.certs.iter().map(|bag| Certificate::from_der(bag.cert.as_der())).collect::<Result<_, _>>();
    Ok(Content { keys, certificates: certificates.map_err(|_| Failure::Damaged)? })
}

/// All rounds of key derivation that the elements in `content` ask for: wherever a salt stands, the number beside it is their count.
///
/// What stands inside of encrypted parts is not seen.
fn rounds(content: &[u8], depth: usize) -> u64 {
    let Some(depth) = depth.checked_sub(1) else { return 0 };
    let (mut sum, mut after_octets) = (0_u64, false);
    for element in Set(content).items() {
        let Ok(element) = AnyRef::from_der(element) else { break };
        let inside = match element.tag() {
            Tag::Integer if after_octets => count(element.value()),
            Tag::OctetString => rounds(element.value(), depth),
            tag if tag.is_constructed() => rounds(element.value(), depth),
            _ => 0,
        };
        sum = sum.saturating_add(inside);
        after_octets = element.tag() == Tag::OctetString;
    }
    sum
}

/// A number of rounds; one that is too long for any machine is the largest.
fn count(number: &[u8]) -> u64 {
    let number = unsigned(number);
    if number.len() > 8 { u64::MAX } else { number.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)) }
}

fn failure(error: Error) -> Failure {
    match error {
        // Where there is no MAC, a wrong passphrase shows as wrong padding.
        Error::MacError(_) | Error::UnpadError | Error::Pkcs5Error(_) => Failure::Passphrase,
        Error::UnsupportedEncryptionScheme | Error::UnsupportedMacAlgorithm | Error::UnsupportedContentType | Error::InvalidParameters => {
            Failure::Unsupported(
                t!("this PKCS#12 file is protected in a way that is not supported: export it again, or convert it with openssl pkcs12 -export")
                    .to_owned(),
            )
        }
        _ => Failure::Damaged,
    }
}
