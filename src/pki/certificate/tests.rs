//! Certificates read: those openssl makes, and damaged ones refused.

use super::*;
use crate::pki::judge::openssl;
use crate::testing::mutations;

fn self_signed(more: &[&str]) -> Vec<u8> {
    let args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null", "-days", "30"];
    openssl(&[&args, more].concat(), b"")
}

#[test]
fn the_parts_of_a_certificate_are_read() {
    let pem = self_signed(&["-subj", "/O=Example School/OU=a/OU=b/CN=Example CA", "-set_serial", "0x00c0ffee"]);
    let certificate = Certificate::from_pem(&pem).unwrap();
    assert_eq!(certificate.subject(), "O=Example School, OU=a, OU=b, CN=Example CA");
    assert_eq!(certificate.issuer(), certificate.subject());
    assert_eq!(certificate.common_name().as_deref(), Some("Example CA"));
    assert_eq!(certificate.serial_hex(), "c0ffee");
    assert_eq!(certificate.key_kind(), KeyKind::P256);
    assert!(certificate.is_authority());
    assert!(certificate.is_issued_by(&certificate));
    assert_eq!(certificate.subject_key_identifier().map(<[u8]>::len), Some(20));
    assert_eq!(certificate.not_after().since(certificate.not_before()).as_secs(), 30 * 86_400);
    assert!(certificate.is_valid_at(certificate.not_before()) && certificate.is_valid_at(certificate.not_after()));
    assert!(!certificate.is_valid_at(certificate.not_after().plus(std::time::Duration::from_millis(1))));
    let expected = openssl(&["x509", "-noout", "-fingerprint", "-sha256"], &pem);
    let expected = String::from_utf8(expected).unwrap();
    let expected = Fingerprint::from_hex(expected.trim().split_once('=').unwrap().1).unwrap();
    assert_eq!(certificate.fingerprint(), expected);
    assert_eq!(Certificate::from_pem(certificate.to_pem().as_bytes()).unwrap(), certificate);
}

#[test]
fn purposes_are_read() {
    let server = Certificate::from_pem(&self_signed(&["-subj", "/CN=a", "-addext", "extendedKeyUsage=serverAuth"])).unwrap();
    assert!(server.allows(oid::SERVER_AUTH) && !server.allows(oid::CLIENT_AUTH));
    let any = Certificate::from_pem(&self_signed(&["-subj", "/CN=a"])).unwrap();
    assert!(any.allows(oid::CLIENT_AUTH));
    assert!(!any.is_issued_by(&server));
}

#[test]
fn a_fingerprint_reads_with_and_without_colons() {
    let fingerprint = Fingerprint::of_der(b"anything");
    let text = fingerprint.to_string();
    let colons: Vec<_> = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap().to_uppercase()).collect();
    assert_eq!(Fingerprint::from_hex(&colons.join(":")), Some(fingerprint));
    assert_eq!(Fingerprint::from_hex(&text[1..]), None);
    assert_eq!(Fingerprint::from_hex("zz"), None);
}

#[test]
fn damaged_certificates_do_no_harm() {
    let pem = self_signed(&["-subj", "/CN=a", "-addext", "extendedKeyUsage=serverAuth"]);
    let whole = Certificate::from_pem(&pem).unwrap();
    for damaged in mutations(whole.der()) {
        if let Ok(read) = Certificate::from_der(&damaged) {
            // Whatever still reads is another certificate, and says so.
            assert_ne!(read, whole);
            assert!(!read.is_issued_by(&whole) && !whole.is_issued_by(&read) || read.public_key_der() == whole.public_key_der());
            let _ = (read.subject(), read.serial_hex(), read.is_authority(), read.allows(oid::SERVER_AUTH), format!("{read:?}"));
        }
    }
    assert_eq!(Certificate::from_der(&vec![0x30; MAX_CERTIFICATE_BYTES + 1]).unwrap_err(), CertificateError::Malformed);
    assert_eq!(Certificate::from_pem(b"no certificate").unwrap_err(), CertificateError::NoPem);
}

#[test]
fn captured_certificates_are_read() {
    let Some(folder) = crate::shared_for_tests() else { return };
    let folder = folder.join("captures/conversations");
    let read = |path: &str| Certificate::from_pem(&std::fs::read(folder.join(path)).unwrap()).unwrap();
    let ca = read("ca.pem");
    for number in [2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17] {
        let issued = read(&format!("issued/{number:02}.pem"));
        assert!(issued.is_issued_by(&ca));
        assert_eq!(issued.serial_hex(), format!("{number:02x}"));
    }
    assert!(!read("by-hand/stranger.pem").is_issued_by(&ca));
    let topic = read("push-certificate/push-cert.pem").user_id();
    assert_eq!(topic.as_deref(), Some("com.apple.mgmt.External.11111111-2222-4333-8444-555555555555"));
}
