//! Statements of chains of our own making, right and wrong in every part, and the same cut short and with bits flipped.

use super::*;
use crate::pki::issue::attestation::{AttestationService, Properties};
use crate::pki::judge::{file, openssl, path};
use crate::pki::key::PrivateKey;
use crate::testing::mutations;

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

fn properties(token: &str) -> Properties {
    Properties {
        serial_number: Some(String::from("TESTSN0001")),
        udid: Some(String::from("00008101-000123456789001E")),
        os_version: Some(String::from("26.1")),
        freshness: Some(sha256(token.as_bytes()).to_vec()),
        ..Properties::default()
    }
}

#[test]
fn a_chain_of_our_own_making_is_read_and_openssl_says_the_same_of_it() {
    let service = AttestationService::new(NOW).unwrap();
    let key = PrivateKey::generate_p256().unwrap();
    let chain = service.attest(key.public_key_der(), &properties("token"), NOW).unwrap();
    let read = Attested::read(&chain, &[service.root().clone()], NOW).unwrap();
    assert_eq!((read.serial_number.as_deref(), read.udid.as_deref()), (Some("TESTSN0001"), Some("00008101-000123456789001E")));
    assert_eq!((read.os_version.as_deref(), read.sip, read.secure_boot.clone()), (Some("26.1"), None, None));
    assert_eq!(read.public_key, key.public_key_der());
    assert!(read.is_fresh_for_token("token") && !read.is_fresh_for_token("another") && !read.is_fresh_by(b""));
    let pem = |der: &[u8]| file(Certificate::from_der(der).unwrap().to_pem().as_bytes());
    let (root, intermediate, leaf) = (pem(service.root().der()), pem(&chain[1]), pem(&chain[0]));
    let at = NOW.seconds().to_string();
    openssl(&["verify", "-attime", &at, "-CAfile", path(&root), "-untrusted", path(&intermediate), path(&leaf)], b"");
    let shown = String::from_utf8(openssl(&["x509", "-in", path(&leaf), "-noout", "-text"], b"")).unwrap();
    assert!(shown.contains("1.2.840.113635.100.8.9.1") && shown.contains("TESTSN0001"), "{shown}");
}

/// A root, an intermediate and a leaf made by openssl, with a Mac's properties as real certificates encode them.
fn of_openssl(extensions: &str) -> (Certificate, Vec<Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let ca = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n";
    let made = [("root", ca), ("sub", ca), ("leaf", extensions)];
    for (index, (name, extensions)) in made.iter().enumerate() {
        let (key, request, out) = (at(&format!("{name}.key")), at(&format!("{name}.csr")), at(&format!("{name}.pem")));
        let extensions = file(extensions.as_bytes());
        let curve = ["ecparam", "-name", if index < 2 { "secp384r1" } else { "prime256v1" }, "-genkey", "-noout", "-out", &key];
        openssl(&curve, b"");
        openssl(&["req", "-new", "-key", &key, "-subj", &format!("/CN={name}"), "-out", &request], b"");
        let mut args = vec!["x509", "-req", "-in", &request, "-days", "20000", "-sha384", "-extfile", path(&extensions), "-out", &out];
        let above = index.checked_sub(1).map(|above| made[above].0);
        let (ca, ca_key) = (at(&format!("{}.pem", above.unwrap_or("root"))), at(&format!("{}.key", above.unwrap_or("root"))));
        match above {
            None => args.extend(["-signkey", &key]),
            Some(_) => args.extend(["-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial"]),
        }
        openssl(&args, b"");
    }
    let read = |name: &str| Certificate::from_pem(&std::fs::read(at(name)).unwrap()).unwrap();
    (read("root.pem"), ["leaf.pem", "sub.pem"].map(|name| read(name).der().to_vec()).to_vec())
}

#[test]
fn a_chain_that_openssl_made_is_read_raw_and_wrapped() {
    let under = "1.2.840.113635.100.8";
    let raw = format!(
        "basicConstraints=critical,CA:FALSE\n{under}.9.1=DER:54:45:53:54:53:4E:30:30:30:31\n{under}.10.2=DER:32:36:2E:31\n\
         {under}.13.1=DER:02:01:00\n{under}.13.2=DER:46:75:6C:6C:20:53:65:63:75:72:69:74:79\n{under}.13.3=DER:02:01:01\n\
         {under}.11.1=DER:04:02:03:04\n"
    );
    let (root, chain) = of_openssl(&raw);
    let now = Certificate::from_der(&chain[0]).unwrap().not_before();
    let read = Attested::read(&chain, &[root], now).unwrap();
    assert_eq!((read.serial_number.as_deref(), read.sep_os_version.as_deref(), read.udid), (Some("TESTSN0001"), Some("26.1"), None));
    assert_eq!((read.sip, read.secure_boot.as_deref(), read.kernel_extensions), (Some(true), Some("Full Security"), Some(true)));
    assert_eq!(read.freshness.as_deref(), Some(&[4, 2, 3, 4][..]), "raw bytes stay what they are");
    let wrapped = format!(
        "{under}.9.1=ASN1:UTF8:TESTSN0002\n{under}.9.2=ASN1:PRINTABLE:A-1\n{under}.13.1=ASN1:INTEGER:1\n{under}.11.1=ASN1:FORMAT:HEX,OCT:0708\n"
    );
    let (root, chain) = of_openssl(&wrapped);
    let read = Attested::read(&chain, &[root], now).unwrap();
    assert_eq!((read.serial_number.as_deref(), read.udid.as_deref(), read.sip), (Some("TESTSN0002"), Some("A-1"), Some(false)));
    assert!(read.is_fresh_by(&[7, 8]));
}

#[test]
fn another_root_a_missing_link_a_leaf_that_issues_and_other_times_are_refused() {
    let (service, other) = (AttestationService::new(NOW).unwrap(), AttestationService::new(NOW).unwrap());
    let key = PrivateKey::generate_p256().unwrap();
    let chain = service.attest(key.public_key_der(), &properties("token"), NOW).unwrap();
    let read = |chain: &[Vec<u8>], root: &Certificate, now| Attested::read(chain, std::slice::from_ref(root), now).map(drop);
    assert_eq!(read(&chain, other.root(), NOW), Err(AttestationError::Root));
    assert_eq!(Attested::read(&chain, &[], NOW), Err(AttestationError::Root));
    assert_eq!(read(&chain[..1], service.root(), NOW), Err(AttestationError::Root), "its intermediate is missing");
    assert_eq!(read(&chain[1..], service.root(), NOW), Err(AttestationError::Root), "an authority is no device");
    let with_root = [chain.clone(), vec![service.root().der().to_vec()]].concat();
    assert_eq!(read(&with_root, service.root(), NOW), Ok(()));
    let through_a_leaf = [chain[0].clone(), chain[0].clone()];
    assert_eq!(read(&through_a_leaf, service.root(), NOW), Err(AttestationError::Root));
    assert_eq!(read(&chain, service.root(), NOW.minus(CLOCK_TOLERANCE * 2)), Err(AttestationError::Validity));
    assert_eq!(read(&chain, service.root(), NOW.plus(Duration::from_secs(40 * 365 * 86_400))), Err(AttestationError::Validity));
    assert_eq!(read(&[], service.root(), NOW), Err(AttestationError::Certificates));
    assert_eq!(read(&vec![chain[0].clone(); MAX_CHAIN + 1], service.root(), NOW), Err(AttestationError::Certificates));
    assert_eq!(read(&[b"x".to_vec()], service.root(), NOW), Err(AttestationError::Certificates));
}

#[test]
fn a_property_has_its_limit_and_no_control_characters() {
    let service = AttestationService::new(NOW).unwrap();
    let key = PrivateKey::generate_p256().unwrap();
    let serial = |text: &str| {
        let said = Properties { serial_number: Some(text.to_owned()), ..Properties::default() };
        let chain = service.attest(key.public_key_der(), &said, NOW).unwrap();
        Attested::read(&chain, std::slice::from_ref(service.root()), NOW).unwrap().serial_number
    };
    let longest = "X".repeat(MAX_PROPERTY_CHARS);
    assert_eq!(serial(&longest), Some(longest.clone()));
    assert_eq!((serial(&format!("{longest}X")), serial("TEST\nSN"), serial("")), (None, None, None));
}

#[test]
fn an_attestation_object_is_read_and_others_are_refused_by_name() {
    let chain = [b"leaf".to_vec(), b"intermediate".to_vec()];
    let object = object_of_chain(&chain);
    assert_eq!(chain_of_object(&object).unwrap(), chain);
    let other = Item::Map(vec![(Item::Text("fmt"), Item::Text("tpm")), (Item::Text("attStmt"), Item::Map(Vec::new()))]).write();
    assert_eq!(chain_of_object(&other), Err(AttestationError::Format(String::from("tpm"))));
    let damaged: Vec<_> = mutations(&object).collect();
    for damaged in damaged {
        assert!(chain_of_object(&damaged).map_or(true, |read| read != chain));
    }
    assert_eq!(chain_of_object(&vec![0; MAX_OBJECT_BYTES + 1]), Err(AttestationError::Malformed));
    assert_eq!(chain_of_object(&[]), Err(AttestationError::Malformed));
}

#[test]
fn apples_own_root_is_known_by_its_fingerprint() {
    let Some(shared) = crate::shared_for_tests() else { return };
    let pem = std::fs::read(shared.join("apple-roots/enterprise-attestation-root.pem")).unwrap();
    let root = crate::pki::apple::ATTESTATION_ROOT.find(&pem).unwrap();
    assert!(root.is_authority() && root.is_issued_by(&root), "{root:?}");
}
