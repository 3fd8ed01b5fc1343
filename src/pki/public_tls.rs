//! What an authority that others trust asks of a server: a request for a certificate, and proof that a name leads here (RFC 8737).

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};

use crate::error::{Error, Result};
use crate::pki::certificate::Certificate;
use crate::pki::key::PrivateKey;

/// The protocol that only an authority that looks for its proof speaks, by its name in TLS.
pub const PROOF_PROTOCOL: &[u8] = b"acme-tls/1";

/// A PKCS #10 request for a certificate of `names`, the key being `key`; DER.
pub fn request(names: &[String], key: &PrivateKey) -> Result<Vec<u8>> {
    let mut params = CertificateParams::new(names.to_vec()).map_err(not_made)?;
    // The authority decides what the certificate says of us; a name stands in it as an alternative name.
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key_pair(key)?).map_err(not_made)?;
    Ok(request.der().to_vec())
}

/// A certificate that proves to an authority that `name` leads here: `digest` is the SHA-256 of the key authorisation.
#[derive(Debug)]
pub struct Proof {
    /// The certificate; it signs itself.
    pub certificate: Certificate,
    /// Its key.
    pub key: PrivateKey,
}

impl Proof {
    /// Makes the certificate.
    pub fn new(name: &str, digest: &[u8]) -> Result<Self> {
        let key = PrivateKey::generate_p256().map_err(|error| Error::internal("A key could not be made.", error))?;
        let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(not_made)?;
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
        let certificate = params.self_signed(&key_pair(&key)?).map_err(not_made)?;
        let certificate = Certificate::from_der(certificate.der()).map_err(|error| Error::internal("A proof cannot be read.", error))?;
        Ok(Self { certificate, key })
    }
}

/// The proofs that are shown now, by name.
#[derive(Debug, Default)]
pub struct Proofs(RwLock<BTreeMap<String, std::sync::Arc<Proof>>>);

impl Proofs {
    /// Shows a proof to whoever asks for it by the name.
    pub fn show(&self, name: &str, proof: Proof) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_ascii_lowercase(), proof.into());
    }

    /// Shows it no longer.
    pub fn hide(&self, name: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&name.to_ascii_lowercase());
    }

    /// The proof for a name.
    pub fn of(&self, name: &str) -> Option<std::sync::Arc<Proof>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&name.to_ascii_lowercase()).cloned()
    }
}

fn key_pair(key: &PrivateKey) -> Result<KeyPair> {
    KeyPair::try_from(key.pkcs8_der().expose().as_slice()).map_err(not_made)
}

fn not_made(error: rcgen::Error) -> Error {
    Error::internal("A certificate could not be made.", error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::judge::openssl;

    fn text(args: &[&str], der: &[u8]) -> String {
        String::from_utf8(openssl(&[args, &["-inform", "DER", "-noout", "-text"]].concat(), der)).unwrap()
    }

    #[test]
    fn openssl_reads_the_request_and_the_proof() {
        let key = PrivateKey::generate_p256().unwrap();
        let names = [String::from("mdm.example.school"), String::from("old.example.school")];
        let said = text(&["req", "-verify"], &request(&names, &key).unwrap());
        assert!(said.contains("DNS:mdm.example.school, DNS:old.example.school"), "{said}");
        let said = text(&["x509"], Proof::new("mdm.example.school", &[7; 32]).unwrap().certificate.der());
        assert!(said.contains("1.3.6.1.5.5.7.1.31: critical") && said.contains("DNS:mdm.example.school"), "{said}");
    }

    #[test]
    fn a_proof_is_shown_by_its_name_until_it_is_hidden() {
        let proofs = Proofs::default();
        proofs.show("MDM.example.school", Proof::new("mdm.example.school", &[7; 32]).unwrap());
        assert!(proofs.of("mdm.example.school").is_some() && proofs.of("other.example.school").is_none());
        proofs.hide("mdm.example.school");
        assert!(proofs.of("mdm.example.school").is_none());
    }
}
