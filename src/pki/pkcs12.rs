//! Writes PKCS#12 files: a certificate with its key under a passphrase, for tools of Apple's.

use p12_keystore::{Certificate as Entry, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKey as Key, PrivateKeyChain};

use super::certificate::Certificate;
use super::key::PrivateKey;
use crate::secret::SecretBytes;

/// Rounds of key derivation: what Keychain Access takes without a wait.
const ROUNDS: u32 = 100_000;

/// The certificate or the key cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("certificate and key cannot be written as a PKCS#12 file")]
pub struct Unwritable;

/// Writes a certificate and its key, called `name`. In the older way of encryption: before macOS 15, Keychain Access opens no other.
pub fn write(name: &str, certificate: &Certificate, key: &PrivateKey, passphrase: &str) -> Result<SecretBytes, Unwritable> {
    let key = Key::from_der(key.pkcs8_der().expose()).map_err(|_| Unwritable)?;
    let entry = Entry::from_der(certificate.der()).map_err(|_| Unwritable)?;
    let chain = PrivateKeyChain::new(certificate.sha1_fingerprint().to_vec(), key, [entry]);
    let mut store = KeyStore::new();
    store.add_entry(name, KeyStoreEntry::PrivateKeyChain(chain));
    let writer = store.writer(passphrase).encryption_algorithm(EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc);
    let writer = writer.encryption_iterations(ROUNDS).mac_algorithm(MacAlgorithm::HmacSha1).mac_iterations(ROUNDS);
    writer.write().map(SecretBytes::new).map_err(|_| Unwritable)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Timestamp;
    use crate::pki::issue;
    use crate::pki::judge::{file, openssl, path};

    #[test]
    fn openssl_opens_what_is_written_by_its_passphrase_alone() {
        let key = PrivateKey::generate_rsa_2048().unwrap();
        let now = Timestamp::from_seconds(1_795_000_000);
        let signer = issue::self_signed("Example School", &key, Duration::from_secs(86_400), now).unwrap();
        let written = write("Example School", signer.certificate(), &key, "open sesame").unwrap();
        let written = file(written.expose());
        let read = |more: &[&str]| {
            let words = [&["pkcs12", "-legacy", "-in", path(&written), "-passin", "pass:open sesame"], more].concat();
            openssl(&words, b"")
        };
        let certificate = Certificate::from_pem(&read(&["-nokeys"])).unwrap();
        assert_eq!(&certificate, signer.certificate());
        let opened = PrivateKey::from_pem(&read(&["-nocerts", "-nodes"]), None).unwrap();
        assert_eq!(opened.public_key_der(), key.public_key_der());
        let wrong = std::process::Command::new("openssl")
            .args(["pkcs12", "-legacy", "-in", path(&written), "-passin", "pass:wrong", "-nodes"])
            .output()
            .unwrap();
        assert!(!wrong.status.success());
    }
}
