//! Whom we trust, and who we are, in TLS.

use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::{Endpoint, Failure};
use crate::clock::{Clock, Timestamp};
use crate::error::{Error, Result};
use crate::pki::certificate::Certificate;
use crate::pki::key::PrivateKey;

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
            let certificate = certificate.map_err(|error| Error::bad_input(t!("The trust anchors are not sound PEM: {error}", error)))?;
            roots.add(certificate).map_err(|error| Error::bad_input(t!("A trust anchor is not a usable certificate: {error}", error)))?;
        }
        if roots.len() == before {
            return Err(Error::bad_input("The trust anchors hold no certificate: give PEM text with -----BEGIN CERTIFICATE-----"));
        }
        Ok(Self(Arc::new(roots)))
    }

    /// Judges a chain, the server's own certificate first, as a client does that comes to `host` at `now`.
    pub fn judge(&self, chain: &[Certificate], host: &str, now: Timestamp) -> Result<(), Failure> {
        let unusable = |detail: String| Failure::IdentityUnusable { detail };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let judge = WebPkiServerVerifier::builder_with_provider(Arc::clone(&self.0), provider).build();
        let judge = judge.map_err(|error| unusable(error.to_string()))?;
        let name = ServerName::try_from(host).map_err(|error| unusable(error.to_string()))?;
        let chain: Vec<_> = chain.iter().map(|certificate| CertificateDer::from(certificate.der())).collect();
        let Some((own, others)) = chain.split_first() else { return Err(unusable(String::from(t!("there is no certificate")))) };
        let now = UnixTime::since_unix_epoch(now.since(Timestamp::default()));
        let judged = judge.verify_server_cert(own, others, &name, &[], now);
        judged.map(drop).map_err(|error| Failure::of_tls(&Endpoint::new(host, 443), &std::io::Error::other(error)))
    }
}

/// A certificate with its chain, and its key: what we prove to a server that asks for it.
#[derive(Debug, Clone)]
pub struct ClientIdentity {
    chain: Vec<Certificate>,
    key: PrivateKey,
}

impl ClientIdentity {
    /// The identity of `chain` (own certificate first, then those above it as far as they are known) and its `key`.
    pub fn new(chain: impl Into<Vec<Certificate>>, key: PrivateKey) -> Self {
        Self { chain: chain.into(), key }
    }

    /// Whether `other` is the same identity, perhaps read once more. A certificate has one key, so that keys need no comparing.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.chain == other.chain
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
            let chain = identity.chain.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec())).collect();
            let key = PrivatePkcs8KeyDer::from(identity.key.pkcs8_der().expose().clone());
            builder.with_client_auth_cert(chain, key.into()).map_err(|error| Failure::IdentityUnusable { detail: error.to_string() })?
        }
    };
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

/// Judges as every client does, and keeps the chain that was shown, so that a refused one can be told of.
#[derive(Debug)]
pub(in crate::apple) struct Witness {
    judge: Arc<WebPkiServerVerifier>,
    chain: OnceLock<Vec<CertificateDer<'static>>>,
}

impl Witness {
    /// The chain that the server showed, its own certificate first; empty where it came to none.
    pub(in crate::apple) fn chain(&self) -> &[CertificateDer<'static>] {
        self.chain.get().map_or(&[], Vec::as_slice)
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // Each witness sees one handshake.
        let _ = self.chain.set(std::iter::once(own).chain(others).map(|certificate| certificate.clone().into_owned()).collect());
        self.judge.verify_server_cert(own, others, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

/// Settings for one handshake that trusts what `config` trusts, and the witness of what was shown.
pub(super) fn witnessed(mut config: ClientConfig, trust: &Trust) -> Result<(ClientConfig, Arc<Witness>), Failure> {
    let judge = WebPkiServerVerifier::builder_with_provider(Arc::clone(&trust.0), Arc::clone(config.crypto_provider())).build();
    let judge = judge.map_err(|error| Failure::IdentityUnusable { detail: error.to_string() })?;
    let witness = Arc::new(Witness { judge, chain: OnceLock::new() });
    config.dangerous().set_certificate_verifier(Arc::clone(&witness) as Arc<dyn ServerCertVerifier>);
    Ok((config, witness))
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
    fn a_chain_is_trusted_by_its_root_its_name_and_its_time() {
        let now = Timestamp::parse("2026-11-25T08:00:00Z").unwrap();
        let root = crate::pki::issue::root("School", now).unwrap();
        let name = crate::pki::issue::ServerName::parse("mdm.example.school").unwrap();
        let server = root.tls_server(&[name], now).unwrap();
        let chain = [server.certificate().clone()];
        let known = Trust::only(&root.certificate().to_pem()).unwrap();
        assert_eq!(known.judge(&chain, "mdm.example.school", now), Ok(()));
        assert!(matches!(known.judge(&chain, "other.example.school", now), Err(Failure::Untrusted { .. })));
        let unknown = Trust::public().judge(&chain, "mdm.example.school", now);
        assert!(matches!(&unknown, Err(Failure::Untrusted { detail, .. }) if detail.contains("UnknownIssuer")), "{unknown:?}");
        assert!(
            known.judge(&chain, "mdm.example.school", server.certificate().not_after().plus(std::time::Duration::from_secs(60))).is_err()
        );
        assert!(matches!(known.judge(&[], "mdm.example.school", now), Err(Failure::IdentityUnusable { .. })));
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
        let certificate = Certificate::from_der(certificate.der()).unwrap();
        let config_of = |chain: &[Certificate], key: PrivateKey| {
            let identity = ClientIdentity::new(chain, key);
            config(&Trust::public(), &Clock::System, &[b"h2"], Some(&identity)).map(|_| ())
        };
        let (key, other) = (PrivateKey::from_pkcs8_der(&key.serialize_der()).unwrap(), PrivateKey::generate_p256().unwrap());
        assert_eq!(config_of(std::slice::from_ref(&certificate), key.clone()), Ok(()));
        assert!(matches!(config_of(&[certificate], other), Err(Failure::IdentityUnusable { .. })));
        assert!(matches!(config_of(&[], key), Err(Failure::IdentityUnusable { .. })));
    }
}
