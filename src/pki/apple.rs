//! Whether a signature is under Apple's roots, as far as what it carries shows.

use super::certificate::{Certificate, Fingerprint};

/// SHA-256 of Apple's roots, in hexadecimal: Apple Root CA, and the third generation of it.
const ROOTS: [&str; 2] = [
    "B0B1730ECBC7FF4505142C49F1295E6EDA6BCAED7E2C68C5BE91B5A11001F024",
    "63343ABFB89A6A03EBB57E9B3F5FA7BE7C4F5C756F3017B3A8C488C3653E9179",
];

/// How Apple's authorities name themselves, as the last word on a chain that does not carry its root.
const NAME: &str = "O=Apple Inc.";

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

fn is_apples_name(name: &str) -> bool {
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
    fn a_name_is_apples_as_a_whole_only() {
        assert!(is_apples_name("C=US, O=Apple Inc., OU=Apple Certification Authority, CN=Apple Root CA"));
        for other in ["O=Not Apple Inc.", "CN=O=Apple Inc. of a test", "O=Apple Inc.x", ""] {
            assert!(!is_apples_name(other), "{other}");
        }
    }
}
