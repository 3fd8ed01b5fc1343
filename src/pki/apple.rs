//! Apple's own roots: known by their fingerprints, and found in what somebody brings; whether a signature is under them, as far as what it carries shows.

use super::certificate::{Certificate, Fingerprint};
use super::pem;

/// SHA-256 of Apple's roots, in hexadecimal: Apple Root CA, and the third generation of it.
const ROOTS: [&str; 2] = [ROOT_CA.sha256, "63343ABFB89A6A03EBB57E9B3F5FA7BE7C4F5C756F3017B3A8C488C3653E9179"];

/// A root of Apple's that public trust stores do not hold. Its certificate is not in this program: it comes from elsewhere, and counts only if it is this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppleRoot {
    /// What its certificate calls itself.
    pub name: &'static str,
    /// SHA-256 of its certificate, in hexadecimal.
    pub sha256: &'static str,
    /// What it is trusted for here, and for nothing else.
    pub used_for: &'static str,
    /// The address of its file at Apple's; empty where it comes from elsewhere.
    pub path: &'static str,
}

/// The root above Apple's lookup service.
pub const ROOT_CA: AppleRoot = AppleRoot {
    name: "Apple Root CA",
    sha256: "B0B1730ECBC7FF4505142C49F1295E6EDA6BCAED7E2C68C5BE91B5A11001F024",
    used_for: msg!("Apple's list of OS releases"),
    path: "/appleca/AppleIncRootCertificate.cer",
};

/// The root above the attestations of devices.
pub const ATTESTATION_ROOT: AppleRoot = AppleRoot {
    name: "Apple Enterprise Attestation Root CA",
    sha256: "CCF59EF8FCB3017D97F8B5FA6FA90E7A3F9283F76B55AC6CF6EDA8B8B949F05B",
    used_for: msg!("proofs that a device is genuine"),
    path: "/certificateauthority/Apple_Enterprise_Attestation_Root_CA.pem",
};

/// The authority that issued the identities which devices are built with. It has ended, and what it issued counts all the same.
pub const IPHONE_DEVICE_CA: AppleRoot = AppleRoot {
    name: "Apple iPhone Device CA",
    sha256: "76F27D00E1333BC88DE0E2916C38C9A7F2B75774C25A794C092A80E3C4C66CCE",
    used_for: msg!("devices that come in by their Setup Assistant"),
    path: "",
};

/// The certificates that something here needs.
pub const NEEDED: [AppleRoot; 3] = [ROOT_CA, ATTESTATION_ROOT, IPHONE_DEVICE_CA];

impl AppleRoot {
    /// Whether a certificate is this one.
    pub fn is(&self, certificate: &Certificate) -> bool {
        Fingerprint::from_hex(self.sha256) == Some(certificate.fingerprint())
    }

    /// Finds it in a file, which is its certificate or a PEM text that holds it among others.
    pub fn find(&self, file: &[u8]) -> Option<Certificate> {
        let is_it = |der: &[u8]| Fingerprint::from_hex(self.sha256) == Some(Fingerprint::of_der(der));
        if is_it(file) {
            return Certificate::from_der(file).ok();
        }
        let block = pem::blocks(file).into_iter().find(|block| block.is_certificate() && is_it(&block.der))?;
        Certificate::from_der(&block.der).ok()
    }
}

/// How Apple's authorities name themselves, as the last word on a chain that does not carry its root.
const NAME: &str = msg!("O=Apple Inc.");

/// Certificates above the signer's that are followed.
const MAX_ABOVE: usize = 8;

/// Whether Apple stands above the first of `certificates`, which are a signer's and those that it carries, in any order.
///
/// A chain that ends at a root is judged by the root's fingerprint. One whose root is left out is Apple's where its last issuer is called so: that is
/// what can be said without the root, and a device judges for itself.
pub fn vouches(certificates: &[Certificate]) -> bool {
    let Some(mut at) = certificates.first() else { return false };
    for _ in 0..MAX_ABOVE {
        if at.subject_der() == at.issuer_der() {
            return ROOTS.iter().any(|root| Fingerprint::from_hex(root) == Some(at.fingerprint()));
        }
        match certificates.iter().find(|above| at.is_issued_by(above)) {
            Some(above) => at = above,
            None => return is_apples_name(&at.issuer()),
        }
    }
    false
}

/// Whether a name, written as [`Certificate::issuer`] does, is one of Apple's.
pub(in crate::pki) fn is_apples_name(name: &str) -> bool {
    name.split(", ").any(|part| part == NAME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::pki::issue;

    #[test]
    fn a_chain_of_our_own_is_not_apples_and_a_captured_one_is() {
        let own = issue::root("Developer ID of a test", Timestamp::from_seconds(1_790_000_000)).unwrap();
        assert!(!vouches(&[own.certificate().clone()]) && !vouches(&[]));
        let Some(shared) = crate::shared_for_tests() else { return };
        let chain = std::fs::read(shared.join("apple-roots/iphone-device-chain.pem")).unwrap();
        let chain = Certificate::all_from_pem(&chain).unwrap();
        assert!((0..chain.len()).all(|from| vouches(&chain[from..])), "{chain:?}");
    }

    #[test]
    fn a_root_is_found_by_its_fingerprint_wherever_it_stands_and_nothing_else_is_it() {
        let other = issue::root("Apple Root CA", Timestamp::from_seconds(1_790_000_000)).unwrap().certificate().clone();
        for wrong in [other.der(), other.to_pem().as_bytes(), b"", b"-----BEGIN CERTIFICATE-----"] {
            assert!(ROOT_CA.find(wrong).is_none());
        }
        let Some(shared) = crate::shared_for_tests() else { return };
        let chain = std::fs::read(shared.join("apple-roots/iphone-device-chain.pem")).unwrap();
        let found = ROOT_CA.find(&chain).unwrap();
        assert_eq!(found.common_name().as_deref(), Some(ROOT_CA.name));
        assert_eq!(ROOT_CA.find(found.der()), Some(found));
    }

    #[test]
    fn a_name_is_apples_as_a_whole_only() {
        assert!(is_apples_name("C=US, O=Apple Inc., OU=Apple Certification Authority, CN=Apple Root CA"));
        for other in ["O=Not Apple Inc.", "CN=O=Apple Inc. of a test", "O=Apple Inc.x", ""] {
            assert!(!is_apples_name(other), "{other}");
        }
    }
}
