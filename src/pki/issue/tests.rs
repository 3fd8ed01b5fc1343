//! Issued certificates and revocation lists, verified by openssl.

use super::*;
use crate::pki::csr::{self, RequestOptions};
use crate::pki::judge::{file, openssl, path};

fn now() -> Timestamp {
    Timestamp::parse("2026-11-25T08:00:00Z").unwrap()
}

fn authority() -> Issuer {
    root("Rollcall CA of example.school", now()).unwrap()
}

fn request(key: &PrivateKey) -> CertificationRequest {
    let subject = subject(&[(oid::COMMON_NAME, "what the device asks for")]).unwrap();
    CertificationRequest::from_der(&csr::write(&subject, key, RequestOptions::default()).unwrap()).unwrap()
}

/// A signer and the certificates above it, up to a root: names from the signer up; the signer's certificate ends at `end`.
pub(crate) fn chain_of(names: [&str; 3], end: Timestamp, now: Timestamp) -> (Signer, Vec<Certificate>) {
    let [leaf, intermediate, top] = names;
    let top = root(top, now.minus(DAY * 3000)).unwrap();
    let key = PrivateKey::generate_rsa_2048().unwrap();
    let sign = |issuer: &Issuer, name: &str, key: &PrivateKey, end: Timestamp| {
        let subject = subject(&[(oid::COMMON_NAME, name)]).unwrap();
        let draft = Draft {
            issuer: issuer.certificate().subject_der(),
            subject: &subject,
            public_key: key.public_key_der(),
            not_before: now.minus(DAY * 3000),
            not_after: end,
            extensions: Extensions::new(),
        };
        draft.sign(issuer.signer().key()).unwrap()
    };
    let middle = Issuer::new(sign(&top, intermediate, &key, now.plus(DAY * 3000)), key).unwrap();
    let key = PrivateKey::generate_rsa_2048().unwrap();
    let certificate = sign(&middle, leaf, &key, end);
    (Signer::new(certificate, key).unwrap(), vec![middle.certificate().clone(), top.certificate().clone()])
}

/// What OpenSSL prints of a certificate.
fn text(certificate: &Certificate) -> String {
    String::from_utf8(openssl(&["x509", "-noout", "-text"], certificate.to_pem().as_bytes())).unwrap()
}

/// OpenSSL verifies `certificate` under the authority for this purpose, at this moment.
fn judged(authority: &Issuer, certificate: &Certificate, purpose: &str, at: Timestamp) {
    let (root, leaf) = (file(authority.certificate().to_pem().as_bytes()), file(certificate.to_pem().as_bytes()));
    let at = at.seconds().to_string();
    openssl(&["verify", "-x509_strict", "-CAfile", path(&root), "-purpose", purpose, "-attime", &at, path(&leaf)], b"");
}

#[test]
fn the_root_is_an_authority_that_scep_clients_can_encrypt_to() {
    let authority = authority();
    let certificate = authority.certificate();
    judged(&authority, certificate, "any", now());
    let text = text(certificate);
    for expected in [
        "Subject: CN = Rollcall CA of example.school",
        "Public-Key: (2048 bit)",
        "CA:TRUE, pathlen:1",
        "Digital Signature, Key Encipherment, Certificate Sign, CRL Sign",
        "Signature Algorithm: sha256WithRSAEncryption",
        "Not After : Nov 20 08:00:00 2046 GMT",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(certificate.is_authority() && certificate.is_issued_by(certificate));
}

#[test]
fn who_knows_only_the_old_root_trusts_the_next_one_by_the_bridge_until_the_old_one_ends() {
    let (old, later) = (authority(), now().plus(DAY * 6205));
    let next = root("Rollcall CA of example.school, 2043", later).unwrap();
    let bridge = old.bridge(next.certificate(), later).unwrap();
    assert_eq!(bridge.not_after(), old.certificate().not_after());
    assert!(
        bridge.is_authority() && bridge.is_issued_by(old.certificate()) && bridge.public_key_der() == next.certificate().public_key_der()
    );
    let server = next.tls_server(&[ServerName::parse("mdm.example.school").unwrap()], later).unwrap();
    judged(&next, server.certificate(), "sslserver", later);
    let [root, between, leaf] = [old.certificate(), &bridge, server.certificate()].map(|certificate| file(certificate.to_pem().as_bytes()));
    let at = later.seconds().to_string();
    let purpose = ["verify", "-x509_strict", "-purpose", "sslserver", "-attime", &at];
    openssl(&[&purpose[..], &["-CAfile", path(&root), "-untrusted", path(&between), path(&leaf)]].concat(), b"");
    let over = old.certificate().not_after();
    assert_eq!(old.bridge(next.certificate(), over).unwrap_err(), IssueError::AuthorityExpired);
}

#[test]
fn a_tls_certificate_names_every_way_to_the_server() {
    let authority = authority();
    let names: Vec<_> = ["MDM.example.school", "*.example.school", "mdm.local", "192.0.2.7", "2001:db8::7"]
        .map(|name| ServerName::parse(name).unwrap())
        .into();
    let server = authority.tls_server(&names, now()).unwrap();
    judged(&authority, server.certificate(), "sslserver", now());
    let text = text(server.certificate());
    for expected in [
        "Subject: CN = mdm.example.school",
        "DNS:mdm.example.school, DNS:*.example.school, DNS:mdm.local, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:7",
        "TLS Web Server Authentication",
        "NIST CURVE: P-256",
        "CA:FALSE",
        "Not Before: Nov 25 07:50:00 2026 GMT",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    let validity = server.certificate().not_after().since(server.certificate().not_before());
    assert_eq!(validity, TLS_LIFETIME);
}

#[test]
fn names_that_are_none_are_refused() {
    for bad in ["", "a..b", "a b", "https://example.school", "a.*.b", &"a".repeat(64), &"a.".repeat(150)] {
        assert_eq!(ServerName::parse(bad), Err(IssueError::Name(bad.to_owned())));
    }
    let authority = authority();
    assert_eq!(authority.tls_server(&[], now()).unwrap_err(), IssueError::Names);
    let many = vec![ServerName::parse("a").unwrap(); MAX_NAMES + 1];
    assert_eq!(authority.tls_server(&many, now()).unwrap_err(), IssueError::Names);
    let request = request(&PrivateKey::generate_p256().unwrap());
    for bad in ["", "a\nb", &"a".repeat(201)] {
        assert_eq!(authority.identity(&request, bad, now()).unwrap_err(), IssueError::Name(bad.to_owned()));
    }
}

#[test]
fn an_identity_has_our_subject_and_the_devices_key() {
    let authority = authority();
    for (key, usage) in [
        (PrivateKey::generate_rsa_2048().unwrap(), "Digital Signature, Key Encipherment\n"),
        (PrivateKey::generate_p256().unwrap(), "Digital Signature\n"),
    ] {
        let identity = authority.identity(&request(&key), "0193-enrollment", now()).unwrap();
        judged(&authority, &identity, "sslclient", now());
        assert_eq!(identity.public_key_der(), key.public_key_der());
        assert_eq!(identity.subject(), "CN=0193-enrollment");
        let text = text(&identity);
        for expected in [usage, "TLS Web Client Authentication", "CA:FALSE", "Subject Key Identifier", "Authority Key Identifier"] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
        assert_eq!(identity.not_before(), now().minus(BACK_DATE));
        assert_eq!(identity.not_after(), now().plus(IDENTITY_LIFETIME));
        assert!(identity.is_issued_by(authority.certificate()));
    }
}

#[test]
fn serial_numbers_are_positive_random_and_short_enough() {
    let authority = authority();
    let request = request(&PrivateKey::generate_p256().unwrap());
    let serials: std::collections::HashSet<_> = (0..50).map(|_| authority.identity(&request, "a", now()).unwrap().serial_hex()).collect();
    assert_eq!(serials.len(), 50);
    assert!(serials.iter().all(|serial| serial.len() == 32 && serial.as_bytes()[0] < b'8'), "{serials:?}");
}

#[test]
fn nothing_outlives_the_authority() {
    let authority = authority();
    let request = request(&PrivateKey::generate_p256().unwrap());
    let late = authority.certificate().not_after().minus(DAY);
    let identity = authority.identity(&request, "a", late).unwrap();
    assert_eq!(identity.not_after(), authority.certificate().not_after());
    judged(&authority, &identity, "sslclient", late);
    let after = authority.certificate().not_after();
    assert_eq!(authority.identity(&request, "a", after).unwrap_err(), IssueError::AuthorityExpired);
}

#[test]
fn weak_keys_get_no_identity() {
    let weak = ["req", "-new", "-newkey", "rsa:1024", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=a"];
    let request = CertificationRequest::from_pem(&openssl(&weak, b"")).unwrap();
    assert!(matches!(authority().identity(&request, "a", now()), Err(IssueError::Request(CsrError::Key(_)))));
}

#[test]
fn a_practice_push_certificate_looks_like_apples() {
    let authority = authority();
    let key = PrivateKey::generate_rsa_2048().unwrap();
    let certificate = authority.practice_push("com.apple.mgmt.External.practice-1", &key, now()).unwrap();
    judged(&authority, &certificate, "sslclient", now());
    assert_eq!(certificate.user_id().as_deref(), Some("com.apple.mgmt.External.practice-1"));
}

#[test]
fn a_throw_away_signer_is_its_own_issuer() {
    let key = PrivateKey::generate_rsa_2048().unwrap();
    let signer = self_signed("SCEP SIGNER", &key, DAY, now()).unwrap();
    assert!(signer.certificate().is_issued_by(signer.certificate()));
    assert!(!signer.certificate().is_authority());
    openssl(&["x509", "-noout", "-text"], signer.certificate().to_pem().as_bytes());
}
