//! What a device signs with the identity that it was built with, and whose authority vouches for that.

use super::apple::IPHONE_DEVICE_CA;
use super::certificate::Certificate;
use super::cms::{self, CmsError};
use super::digest::Digest;

/// The authorities that may vouch for a device.
#[derive(Debug, Clone, Default)]
pub struct Anchors {
    /// Apple's, where it is kept here; devices mostly carry it with what they sign.
    pub apple: Option<Certificate>,
    /// The one of our own making that vouches for practice devices and for nothing else.
    pub practice: Option<Certificate>,
}

/// Who vouches for a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Vouched {
    /// Apple: it is a real one.
    Apple,
    /// The authority of practice devices.
    Practice,
}

/// What a device has signed.
#[derive(Debug, Clone)]
pub struct Proven {
    /// What it says.
    pub content: Vec<u8>,
    /// Who vouches for it.
    pub by: Vouched,
    /// The digest that was signed.
    pub digest: Digest,
    /// Apple's authority, where the message carried it.
    pub carried: Option<Certificate>,
}

/// Why it is not known that a device signed a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// It is no signed message, or the signature does not hold.
    #[error(transparent)]
    Message(#[from] CmsError),
    /// It names Apple's authority, which neither came with it nor is here.
    #[error("the certificate “{}”, by which it could be known, is not here", IPHONE_DEVICE_CA.name)]
    NoAuthority,
    /// Somebody else signed it.
    #[error("it was signed by nobody that Apple vouches for, but by “{0}”")]
    Stranger(String),
}

/// Verifies what a device has signed. The authority above the signer is known by its fingerprint alone, wherever it came from; its dates, and those of
/// the signer, do not count, because Apple's has ended (enrollment.md §7).
pub fn verify(message: &[u8], anchors: &Anchors) -> Result<Proven, Unproven> {
    let verified = cms::verify(message, None)?;
    let signer = &verified.signer;
    let carried = verified.certificates.iter().find(|certificate| IPHONE_DEVICE_CA.is(certificate)).cloned();
    let apple = carried.as_ref().or(anchors.apple.as_ref()).filter(|authority| IPHONE_DEVICE_CA.is(authority));
    let vouches = |authority: Option<&Certificate>| authority.is_some_and(|authority| signer.is_issued_by(authority));
    let by = match () {
        () if vouches(apple) => Vouched::Apple,
        () if vouches(anchors.practice.as_ref()) => Vouched::Practice,
        () if apple.is_none() && is_issued_by_name(signer) => return Err(Unproven::NoAuthority),
        () => return Err(Unproven::Stranger(signer.issuer().chars().take(NAME_MAX_CHARS).collect())),
    };
    Ok(Proven { content: verified.content, by, digest: verified.digest, carried })
}

/// Letters of a stranger's name that are told.
const NAME_MAX_CHARS: usize = 120;

/// Whether a certificate names Apple's authority as its issuer, which anybody can write.
fn is_issued_by_name(certificate: &Certificate) -> bool {
    let wanted = format!("CN={}", IPHONE_DEVICE_CA.name);
    certificate.issuer().split(", ").any(|part| part == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::pki::cms::{SignOptions, Signer, sign};
    use crate::pki::issue::{self, Issuer};
    use crate::pki::judge::{file, openssl, path};
    use crate::pki::key::PrivateKey;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);
    const SAID: &[u8] = b"<plist>what a device says</plist>";

    fn device_of(authority: &Issuer) -> Signer {
        authority.device("A device", &PrivateKey::generate_rsa_2048().unwrap(), NOW).unwrap()
    }

    fn practice(authority: &Issuer) -> Anchors {
        Anchors { apple: None, practice: Some(authority.certificate().clone()) }
    }

    #[test]
    fn a_device_of_the_practice_authority_is_known_by_either_digest_and_never_as_apples() {
        let authority = issue::root("Practice devices", NOW).unwrap();
        let device = device_of(&authority);
        for digest in [Digest::Sha1, Digest::Sha256] {
            for signed_attributes in [false, true] {
                let options = SignOptions { digest: Some(digest), signed_attributes, ..SignOptions::default() };
                let proven = verify(&sign(&device, SAID, &options).unwrap(), &practice(&authority)).unwrap();
                assert_eq!((proven.content.as_slice(), proven.by, proven.digest), (SAID, Vouched::Practice, digest));
            }
        }
        let message = sign(&device, SAID, &SignOptions::default()).unwrap();
        assert!(matches!(verify(&message, &Anchors::default()), Err(Unproven::Stranger(_))));
        // Whatever somebody lays where Apple's is kept counts by its fingerprint.
        let laid = Anchors { apple: Some(authority.certificate().clone()), practice: None };
        assert!(matches!(verify(&message, &laid), Err(Unproven::Stranger(_))));
    }

    #[test]
    fn who_only_calls_itself_apples_authority_vouches_for_nobody() {
        let false_one = issue::root(IPHONE_DEVICE_CA.name, NOW).unwrap();
        let device = device_of(&false_one);
        let message = sign(&device, SAID, &SignOptions { chain: &[false_one.certificate().clone()], ..SignOptions::default() }).unwrap();
        assert_eq!(verify(&message, &Anchors::default()).unwrap_err(), Unproven::NoAuthority, "the true one is not here to judge by");
        let Some(shared) = crate::shared_for_tests() else { return };
        let chain = std::fs::read(shared.join("apple-roots/iphone-device-chain.pem")).unwrap();
        let apple = IPHONE_DEVICE_CA.find(&chain).unwrap();
        let anchors = Anchors { apple: Some(apple.clone()), practice: None };
        assert!(matches!(verify(&message, &anchors), Err(Unproven::Stranger(_))));
        // The true one beside a false signer proves nothing either.
        let message = sign(&device, SAID, &SignOptions { chain: &[apple], ..SignOptions::default() }).unwrap();
        assert!(matches!(verify(&message, &Anchors::default()), Err(Unproven::Stranger(_))));
    }

    #[test]
    fn apples_authority_is_the_one_of_the_real_chain() {
        let Some(shared) = crate::shared_for_tests() else { return };
        let chain = std::fs::read(shared.join("apple-roots/iphone-device-chain.pem")).unwrap();
        let chain = Certificate::all_from_pem(&chain).unwrap();
        let authority = chain.iter().find(|certificate| IPHONE_DEVICE_CA.is(certificate)).unwrap();
        let above = chain.iter().find(|above| above.fingerprint() != authority.fingerprint() && authority.is_issued_by(above));
        assert!(authority.is_authority() && above.is_some(), "{chain:?}");
        assert!(!authority.is_valid_at(NOW), "it has ended, which does not count");
    }

    #[test]
    fn damaged_messages_prove_nothing_and_break_nothing() {
        let authority = issue::root("Practice devices", NOW).unwrap();
        let message = sign(&device_of(&authority), SAID, &SignOptions::default()).unwrap();
        for damaged in crate::testing::mutations(&message) {
            if let Ok(proven) = verify(&damaged, &practice(&authority)) {
                assert_eq!(proven.content, SAID, "only what stands outside of the signature may differ");
            }
        }
    }

    #[test]
    fn what_openssl_signs_is_known_as_well() {
        let authority = issue::root("Practice devices", NOW).unwrap();
        let device = device_of(&authority);
        let (signer, key) = (file(device.certificate().to_pem().as_bytes()), file(device.key().to_pem().expose().as_bytes()));
        for digest in ["sha1", "sha256"] {
            for more in [&[][..], &["-noattr"], &["-keyid"]] {
                let words = [
                    "cms",
                    "-sign",
                    "-binary",
                    "-nodetach",
                    "-outform",
                    "DER",
                    "-md",
                    digest,
                    "-signer",
                    path(&signer),
                    "-inkey",
                    path(&key),
                ];
                let message = openssl(&[&words[..], more].concat(), SAID);
                let proven = verify(&message, &practice(&authority)).unwrap();
                assert_eq!((proven.content.as_slice(), proven.digest.name().replace('-', "").to_lowercase().as_str()), (SAID, digest));
            }
        }
    }
}
