//! A throw-away certificate authority: it stands where Apple's roots and portals do.

use std::net::IpAddr;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType, SerialNumber, SubjectPublicKeyInfo,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::pki::certificate::Certificate;
use crate::pki::key::PrivateKey;
use crate::random::Random;

/// OID of the subject attribute UID, where a push certificate keeps its topic (RFC 4519, section 2.39).
const UID: &[u64] = &[0, 9, 2342, 19_200_300, 100, 1, 1];

/// OID of the extension by which Apple marks certificates for its production push service; its value is NULL.
const APPLE_PUSH_PRODUCTION: &[u64] = &[1, 2, 840, 113_635, 100, 6, 3, 2];

/// A day, and so the backdating of whatever must be valid for clocks that are behind.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a push certificate is valid, as Apple's are.
pub const PUSH_CERTIFICATE_LIFETIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How long the authority and its servers' certificates are valid: longer than any test moves its clock.
const SERVER_LIFETIME: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// A push certificate with its key, for clients that need no portal.
#[derive(Debug, Clone)]
pub struct PushIdentity {
    /// Its topic, the subject's UID.
    pub topic: String,
    /// The certificate.
    pub certificate: Certificate,
    /// The key.
    pub key: PrivateKey,
}

/// The authority: a root that lives as long as this value.
pub struct Authority {
    root: CertifiedIssuer<'static, KeyPair>,
    random: Random,
}

impl Authority {
    /// A new authority called `name`, valid from a day before `now`.
    pub fn new(name: &str, now: Timestamp, random: Random) -> Result<Self> {
        let mut params = params(name, now.minus(DAY), now.plus(SERVER_LIFETIME), &random);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(not_made)?;
        Ok(Self { root: CertifiedIssuer::self_signed(params, key).map_err(not_made)?, random })
    }

    /// The root, PEM: what a client must trust.
    pub fn pem(&self) -> String {
        self.root.pem()
    }

    /// The root, DER.
    pub fn der(&self) -> CertificateDer<'static> {
        self.root.der().clone()
    }

    /// A certificate for a server that is reached by `names` (host names and addresses), and its key.
    pub fn server(&self, names: &[&str], now: Timestamp) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>)> {
        let mut params = params(names.first().unwrap_or(&"server"), now.minus(DAY), now.plus(SERVER_LIFETIME), &self.random);
        for name in names {
            params.subject_alt_names.push(match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName((*name).try_into().map_err(not_made)?),
            });
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(not_made)?;
        let certificate = params.signed_by(&key, &self.root).map_err(not_made)?;
        Ok((certificate.into(), PrivatePkcs8KeyDer::from(key.serialize_der()).into()))
    }

    /// A push certificate for `topic` with a new key (P-256), valid for [`PUSH_CERTIFICATE_LIFETIME`] from `now`.
    pub fn push_identity(&self, topic: &str, now: Timestamp) -> Result<PushIdentity> {
        let key = PrivateKey::generate_p256()?;
        let certificate = self.push_certificate(topic, key.public_key_der(), now)?;
        Ok(PushIdentity { topic: topic.to_owned(), certificate, key })
    }

    /// A push certificate for `topic` over the public key in `spki` (DER), valid for [`PUSH_CERTIFICATE_LIFETIME`] from `now`.
    pub fn push_certificate(&self, topic: &str, spki: &[u8], now: Timestamp) -> Result<Certificate> {
        let key = SubjectPublicKeyInfo::from_der(spki)
            .map_err(|error| Error::bad_input(format!("The request's public key cannot be read: {error}")))?;
        let common_name = format!("APSP:{}", topic.rsplit('.').next().unwrap_or(topic));
        let mut params = params(&common_name, now.minus(Duration::from_secs(600)), now.plus(PUSH_CERTIFICATE_LIFETIME), &self.random);
        params.distinguished_name.push(DnType::CustomDnType(UID.to_vec()), topic);
        params.distinguished_name.push(DnType::CountryName, "US");
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        params.custom_extensions = vec![CustomExtension::from_oid_content(APPLE_PUSH_PRODUCTION, vec![0x05, 0x00])];
        let certificate = params.signed_by(&key, &self.root).map_err(not_made)?;
        Ok(Certificate::from_der(certificate.der())?)
    }
}

fn params(common_name: &str, not_before: Timestamp, not_after: Timestamp, random: &Random) -> CertificateParams {
    let mut serial: [u8; 16] = random.bytes();
    // A serial number is positive and has no leading zero (RFC 5280, section 4.1.2.2).
    serial[0] = serial[0] & 0x7f | 0x40;
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = not_before.utc();
    params.not_after = not_after.utc();
    params
}

fn not_made(error: rcgen::Error) -> Error {
    Error::internal("The stand-in's certificates could not be made", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: &str = "com.apple.mgmt.External.practice-1";

    #[test]
    fn a_push_certificate_looks_like_the_portals() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let authority = Authority::new("Practice", now, Random::seeded(1)).unwrap();
        let issued = authority.push_identity(TOPIC, now).unwrap();
        let certificate = issued.certificate;
        assert_eq!(certificate.user_id().as_deref(), Some(TOPIC));
        assert_eq!(certificate.common_name().as_deref(), Some("APSP:practice-1"));
        assert!(certificate.subject().contains("C=US"), "{}", certificate.subject());
        assert_eq!(certificate.not_after(), now.plus(PUSH_CERTIFICATE_LIFETIME));
        assert!(certificate.not_before() < now && !certificate.is_authority());
        assert!(certificate.is_issued_by(&Certificate::from_pem(authority.pem().as_bytes()).unwrap()));
        assert_eq!(certificate.public_key_der(), issued.key.public_key_der());
    }

    #[test]
    fn a_renewed_push_certificate_keeps_its_topic_and_gets_another_serial() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let authority = Authority::new("Practice", now, Random::seeded(2)).unwrap();
        let key = PrivateKey::generate_p256().unwrap();
        let issue = |now| authority.push_certificate(TOPIC, key.public_key_der(), now).unwrap();
        let (first, renewed) = (issue(now), issue(now.plus(PUSH_CERTIFICATE_LIFETIME)));
        assert_eq!(first.user_id(), renewed.user_id());
        assert_ne!(first.serial_hex(), renewed.serial_hex());
        assert!(authority.push_certificate(TOPIC, b"no key", now).is_err());
    }
}
