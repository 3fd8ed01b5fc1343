//! Certificates that change while the server runs, and the ones that are refused.

use std::path::Path;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::*;
use crate::clock::{Clock, Timestamp};
use crate::config::TlsFiles;
use crate::pki::key::PrivateKey;

/// A certificate authority for tests of connections.
pub(crate) struct Authority {
    pub(crate) certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new(common_name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = Certificate::from_der(params.self_signed(&key).unwrap().der()).unwrap();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// A certificate for `names` that is valid from `from` to `until`.
    pub(crate) fn issue(&self, names: &[&str], from: Timestamp, until: Timestamp) -> (Certificate, PrivateKey) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        params.distinguished_name.push(DnType::CommonName, names[0]);
        (params.not_before, params.not_after) = (from.utc(), until.utc());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = Certificate::from_der(params.signed_by(&key, &self.issuer).unwrap().der()).unwrap();
        (certificate, PrivateKey::from_pkcs8_der(&key.serialize_der()).unwrap())
    }

    /// A certificate for `names` that is valid now.
    pub(crate) fn issue_now(&self, names: &[&str]) -> (Certificate, PrivateKey) {
        let now = Clock::System.now();
        self.issue(names, now.minus(HOUR), now.plus(HOUR))
    }

    /// What a server of this authority shows as `localhost`.
    pub(crate) fn identity(&self, names: &[&str]) -> Identity {
        let (certificate, key) = self.issue_now(names);
        Identity::new(vec![certificate], &key, Clock::System.now()).unwrap()
    }

    /// A client that trusts this authority and speaks the protocols of `alpn`.
    pub(crate) fn client(&self, identity: Option<(Certificate, PrivateKey)>, alpn: &[&str]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.certificate.der())).unwrap();
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
        let builder = builder.with_root_certificates(roots);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.pkcs8_der().expose().clone()));
                builder.with_client_auth_cert(vec![CertificateDer::from(certificate.der().to_vec())], key).unwrap()
            }
        };
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        config
    }
}

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

fn noon() -> Timestamp {
    Timestamp::parse("2026-11-25T12:00:00Z").unwrap()
}

fn write(folder: &Path, certificates: &[&Certificate], key: &PrivateKey) -> TlsFiles {
    let paths = TlsFiles { certificate: folder.join("tls.pem"), key: folder.join("tls.key") };
    std::fs::write(&paths.certificate, certificates.iter().map(|certificate| certificate.to_pem()).collect::<String>()).unwrap();
    std::fs::write(&paths.key, key.to_pem().expose()).unwrap();
    paths
}

#[test]
fn files_are_read_again_only_when_their_contents_changed() {
    let (authority, folder) = (Authority::new("School"), tempfile::tempdir().unwrap());
    let (first, first_key) = authority.issue(&["a.example.school"], noon().minus(HOUR), noon().plus(HOUR));
    let paths = write(folder.path(), &[&first, &authority.certificate], &first_key);
    let (mut files, identity) = Files::open(paths);
    assert_eq!(identity.unwrap().certificate().fingerprint(), first.fingerprint());
    assert!(files.changed(noon()).is_none());
    write(folder.path(), &[&first, &authority.certificate], &first_key);
    assert!(files.changed(noon()).is_none(), "written again, the same");

    let (second, second_key) = authority.issue(&["b.example.school"], noon().minus(HOUR), noon().plus(HOUR));
    write(folder.path(), &[&second], &second_key);
    let changed = files.changed(noon()).unwrap().unwrap();
    assert!(changed.is_for("b.example.school") && !changed.is_for("a.example.school"));
    assert!(files.changed(noon()).is_none());
}

#[test]
fn what_is_wrong_with_a_file_is_said_once_and_the_old_one_stays() {
    let (authority, folder) = (Authority::new("School"), tempfile::tempdir().unwrap());
    let (first, first_key) = authority.issue(&["a.example.school"], noon().minus(HOUR), noon().plus(HOUR));
    let (mut files, identity) = Files::open(write(folder.path(), &[&first], &first_key));
    let tls = Tls::new(identity.unwrap(), &[], Arc::default()).unwrap();
    let mut refusal = || match files.changed(noon()) {
        Some(Ok(identity)) => {
            tls.show(identity);
            String::new()
        }
        Some(Err(error)) => error.to_string(),
        None => "unchanged".to_owned(),
    };

    let (second, second_key) = authority.issue(&["b.example.school"], noon().minus(HOUR), noon().plus(HOUR));
    let paths = write(folder.path(), &[&second], &first_key);
    assert!(refusal().contains("the key does not belong to the certificate"), "half of a renewal");
    assert_eq!(refusal(), "unchanged");

    let (expired, expired_key) = authority.issue(&["b.example.school"], noon().minus(HOUR), noon().minus(Duration::from_secs(1)));
    write(folder.path(), &[&expired], &expired_key);
    assert!(refusal().contains("tls.pem: the certificate expired at 25 Nov 2026, 11:59 UTC. Renew it."));

    let (early, early_key) = authority.issue(&["b.example.school"], noon().plus(HOUR), noon().plus(2 * HOUR));
    write(folder.path(), &[&early], &early_key);
    assert!(refusal().contains("is not valid before 25 Nov 2026, 13:00 UTC"));

    std::fs::write(&paths.certificate, "nonsense").unwrap();
    assert!(refusal().contains("tls.pem: there is no certificate in this file"));
    std::fs::write(&paths.key, "nonsense").unwrap();
    std::fs::write(&paths.certificate, second.to_pem()).unwrap();
    assert!(refusal().contains("tls.key: there is no private key in this file"));
    std::fs::remove_file(&paths.key).unwrap();
    assert!(refusal().contains("No such file"));
    assert_eq!(refusal(), "unchanged");
    std::fs::write(&paths.key, vec![b' '; (1 << 20) + 1]).unwrap();
    assert!(refusal().contains("too large"));
    assert_eq!(tls.shown().certificate().fingerprint(), first.fingerprint(), "the old one stays");

    std::fs::write(&paths.key, second_key.to_pem().expose()).unwrap();
    assert_eq!(refusal(), "");
    assert_eq!(tls.shown().certificate().fingerprint(), second.fingerprint());
}

#[test]
fn a_chain_in_any_order_is_shown_in_the_right_one() {
    let authority = Authority::new("School");
    let (own, key) = authority.issue_now(&["a.example.school"]);
    let identity = Identity::new(vec![authority.certificate.clone(), own.clone()], &key, Clock::System.now()).unwrap();
    let shown: Vec<_> = identity.certified().cert.iter().map(|certificate| certificate.to_vec()).collect();
    assert_eq!(shown, [own.der(), authority.certificate.der()]);
}

#[test]
fn a_certificate_is_for_its_names_and_addresses() {
    let identity = Authority::new("School").identity(&["mdm.example.school", "192.0.2.2"]);
    assert!(identity.is_for("mdm.example.school") && identity.is_for("192.0.2.2"));
    assert!(!identity.is_for("example.school") && !identity.is_for("192.0.2.3") && !identity.is_for("no name"));
}
