//! Whom we trust, and who we are, in TLS.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::Failure;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::secret::SecretBytes;

/// The roots that a server's certificate must lead to. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Trust(Arc<RootCertStore>);

impl Trust {
    /// The roots that Mozilla's programme holds, compiled in.
    pub fn public() -> Self {
        Self(Arc::new(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }))
    }

    /// Only the roots in `pem`, one or more certificates.
    pub fn only(pem: &str) -> Result<Self> {
        Self(Arc::new(RootCertStore::empty())).and(pem)
    }

    /// These roots and those in `pem`, one or more certificates.
    pub fn and(&self, pem: &str) -> Result<Self> {
        let mut roots = (*self.0).clone();
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|error| Error::bad_input(format!("The trust anchors are not sound PEM: {error}")))?;
            roots.add(certificate).map_err(|error| Error::bad_input(format!("A trust anchor is not a usable certificate: {error}")))?;
        }
        if roots.len() == before {
            return Err(Error::bad_input("The trust anchors hold no certificate: give PEM text with -----BEGIN CERTIFICATE-----"));
        }
        Ok(Self(Arc::new(roots)))
    }
}

/// A certificate with its chain, and its key: what we prove to a server that asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    chain: Vec<CertificateDer<'static>>,
    key: SecretBytes,
}

impl ClientIdentity {
    /// The identity of `chain` (DER, own certificate first) and `key` (DER: PKCS#8, PKCS#1 or SEC1, not encrypted).
    pub fn new(chain: impl IntoIterator<Item = Vec<u8>>, key: SecretBytes) -> Self {
        Self { chain: chain.into_iter().map(CertificateDer::from).collect(), key }
    }
}

/// Settings for a client that trusts `trust` at the time of `clock` and proves `identity`.
pub(super) fn config(trust: &Trust, clock: &Clock, alpn: &[&[u8]], identity: Option<&ClientIdentity>) -> Result<ClientConfig, Failure> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_details(provider, Arc::new(clock.clone()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        // The provider is the one that both versions were written for; it has cipher suites for each.
        .expect("the provider offers TLS 1.2 and 1.3")
        .with_root_certificates(trust.0.clone());
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let key = PrivateKeyDer::try_from(identity.key.expose().as_slice())
                .map_err(|wrong| Failure::IdentityUnusable { detail: wrong.to_string() })?
                .clone_key();
            builder
                .with_client_auth_cert(identity.chain.clone(), key)
                .map_err(|error| Failure::IdentityUnusable { detail: error.to_string() })?
        }
    };
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn self_signed() -> (rcgen::Certificate, rcgen::KeyPair) {
        let key = rcgen::KeyPair::generate().unwrap();
        (rcgen::CertificateParams::new(vec![String::from("example.school")]).unwrap().self_signed(&key).unwrap(), key)
    }

    #[test]
    fn trust_anchors_replace_or_extend_the_public_ones() {
        let pem = self_signed().0.pem();
        assert_eq!(Trust::only(&pem).unwrap().0.len(), 1);
        assert_eq!(Trust::public().and(&pem).unwrap().0.len(), webpki_roots::TLS_SERVER_ROOTS.len() + 1);
    }

    #[test]
    fn text_without_a_certificate_is_no_trust_anchor() {
        let key = self_signed().1.serialize_pem();
        for wrong in
            ["", "hello", &key, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----\nAA"]
        {
            assert!(Trust::only(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_certificate_with_anothers_key_is_refused_before_anything_is_sent() {
        let (certificate, key) = self_signed();
        let other = self_signed().1;
        let config_of = |key: Vec<u8>| {
            let identity = ClientIdentity::new([certificate.der().to_vec()], SecretBytes::new(key));
            config(&Trust::public(), &Clock::System, &[b"h2"], Some(&identity))
        };
        assert!(config_of(key.serialize_der()).is_ok());
        for wrong in [other.serialize_der(), b"no key".to_vec(), Vec::new()] {
            assert!(matches!(config_of(wrong), Err(Failure::IdentityUnusable { .. })));
        }
    }
}
