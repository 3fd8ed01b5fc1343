//! Push certificate requests, opened by openssl as a vendor would.

use std::time::Duration;

use super::*;
use crate::pki::issue::tests::chain_of;
use crate::pki::judge::openssl;
use crate::testing::mutations;

const DAY: Duration = Duration::from_secs(86_400);

fn now() -> Timestamp {
    Timestamp::parse("2026-11-25T08:00:00Z").unwrap()
}

const APPLICANT: Applicant<'_> = Applicant { common_name: "Example School MDM", country: "DE", email: "it@example.school" };

/// A vendor and the rest of its chain (intermediate, root), the vendor's certificate ending at `end`.
fn vendor(end: Timestamp) -> (Signer, Vec<Certificate>) {
    chain_of(["MDM Vendor: Example", "Practice Relations Certification Authority", "Practice Root CA"], end, now())
}

fn request() -> (PrivateKey, Vec<u8>) {
    let key = PrivateKey::generate_rsa_2048().unwrap();
    let request = certification_request(&key, &APPLICANT).unwrap();
    (key, request)
}

#[test]
fn openssl_reads_the_request_for_the_push_key() {
    let (_, request) = request();
    let printed = openssl(&["req", "-inform", "DER", "-noout", "-verify", "-subject"], &request);
    let printed = String::from_utf8(printed).unwrap();
    assert!(printed.contains("emailAddress = it@example.school, CN = Example School MDM, C = DE"), "{printed}");
}

#[test]
fn a_signed_request_reads_back_without_problems() {
    let (key, request) = request();
    let (vendor, chain) = vendor(now().plus(DAY * 300));
    let file = sign_as_vendor(&request, &vendor, &chain).unwrap();
    for file in [file.clone().into_bytes(), pem::base64(file.as_bytes()).unwrap()] {
        let read = PushRequest::parse(&file).unwrap();
        assert_eq!(read.csr.der(), request);
        assert_eq!(read.vendor(), Some((vendor.certificate(), Digest::Sha256)));
        assert_eq!(read.problems(Some(key.public_key_der()), now()), []);
    }
    let plist = String::from_utf8(pem::base64(file.as_bytes()).unwrap()).unwrap();
    assert!(plist.contains("<key>PushCertSignature</key>") && plist.lines().all(|line| !line.starts_with("MII") || line.len() <= 64));
}

#[test]
fn an_expired_signer_is_named_before_anyone_visits_apple() {
    let (_, request) = request();
    let end = Timestamp::parse("2025-03-01T00:00:00Z").unwrap();
    let (vendor, chain) = vendor(end);
    let file = sign_as_vendor(&request, &vendor, &chain).unwrap();
    let problems = PushRequest::parse(file.as_bytes()).unwrap().problems(None, now());
    assert_eq!(problems, [Problem::Expired { subject: "CN=MDM Vendor: Example".to_owned(), not_after: end }]);
    assert!(problems[0].to_string().contains("expired on 2025-03-01"), "{}", problems[0]);
    let early = now().minus(DAY * 4000);
    let problems = PushRequest::parse(file.as_bytes()).unwrap().problems(None, early);
    assert!(problems.iter().all(|problem| matches!(problem, Problem::NotYetValid { .. })) && problems.len() == 3, "{problems:?}");
}

#[test]
fn a_chain_out_of_order_or_incomplete_is_told_apart() {
    let (_, request) = request();
    let (vendor, chain) = vendor(now().plus(DAY));
    let turned: Vec<_> = chain.iter().rev().cloned().collect();
    let problems = |chain: &[Certificate]| {
        let file = sign_as_vendor(&request, &vendor, chain).unwrap();
        PushRequest::parse(file.as_bytes()).unwrap().problems(None, now())
    };
    assert_eq!(problems(&turned), [Problem::Order]);
    let missing = |subject: &str, issuer: &str| Problem::MissingIssuer { subject: subject.to_owned(), issuer: issuer.to_owned() };
    let intermediate = "CN=Practice Relations Certification Authority";
    assert_eq!(problems(&chain[1..]), [missing("CN=MDM Vendor: Example", intermediate)]);
    assert_eq!(problems(&chain[..1]), [missing(intermediate, "CN=Practice Root CA")]);
    // The root first: the vendor is still found by its signature.
    let pems: String = chain.iter().rev().chain([vendor.certificate()]).map(Certificate::to_pem).collect();
    let signature = vendor.key().sign(Digest::Sha256, &request).unwrap();
    let read = PushRequest::parse(write(&request, &pems, &signature).as_bytes()).unwrap();
    assert_eq!(read.problems(None, now()), [Problem::Order]);
}

#[test]
fn other_digests_wrong_signatures_and_other_keys_are_found() {
    let (key, request) = request();
    let (vendor, chain) = vendor(now().plus(DAY));
    let pems: String = std::iter::once(vendor.certificate()).chain(&chain).map(Certificate::to_pem).collect();
    let sha1 = vendor.key().sign(Digest::Sha1, &request).unwrap();
    let read = PushRequest::parse(write(&request, &pems, &sha1).as_bytes()).unwrap();
    assert_eq!(read.problems(Some(key.public_key_der()), now()), [Problem::Digest(Digest::Sha1)]);
    let read = PushRequest::parse(write(&request, &pems, &sha1[1..]).as_bytes()).unwrap();
    assert_eq!(read.problems(Some(vendor.key().public_key_der()), now()), [Problem::OtherKey, Problem::Signature]);
}

#[test]
fn files_that_are_none_are_refused() {
    assert_eq!(PushRequest::parse(b"").unwrap_err(), PushRequestError::NotOne);
    assert_eq!(PushRequest::parse(b"<plist><dict/></plist>").unwrap_err(), PushRequestError::NotOne);
    assert_eq!(PushRequest::parse(&vec![b'A'; MAX_REQUEST_BYTES + 1]).unwrap_err(), PushRequestError::NotOne);
    let (_, request) = request();
    let (vendor, chain) = vendor(now().plus(DAY));
    let crowd = vec![chain[0].clone(); MAX_CHAIN];
    let file = sign_as_vendor(&request, &vendor, &crowd).unwrap();
    assert_eq!(PushRequest::parse(file.as_bytes()).unwrap_err(), PushRequestError::Damaged(CHAIN));
    let plist = pem::base64(sign_as_vendor(&request, &vendor, &chain).unwrap().as_bytes()).unwrap();
    let text = String::from_utf8(plist.clone()).unwrap().replace(SIGNATURE, "PushCertSomething");
    assert_eq!(PushRequest::parse(text.as_bytes()).unwrap_err(), PushRequestError::Damaged(SIGNATURE));
    for damaged in mutations(&plist) {
        if let Ok(read) = PushRequest::parse(&damaged) {
            let _ = read.problems(None, now());
        }
    }
}

#[test]
fn what_mdmcert_download_mails_is_opened_with_the_key_that_was_sent_along() {
    let (_, request) = request();
    let (vendor, chain) = vendor(now().plus(DAY));
    let signed = sign_as_vendor(&request, &vendor, &chain).unwrap();
    let key = PrivateKey::generate_rsa_2048().unwrap();
    let ours = crate::pki::issue::self_signed("mdmcert.download", &key, DAY, now()).unwrap();
    for cipher in [crate::pki::cipher::Cipher::DesEde3Cbc, crate::pki::cipher::Cipher::Aes256Cbc] {
        let message = crate::pki::cms::encrypt(ours.certificate(), signed.as_bytes(), cipher).unwrap();
        let hex = crate::pki::hex(&message).into_bytes();
        let upper = [hex.to_ascii_uppercase(), b"\r\n".to_vec()].concat();
        for file in [message.clone(), hex, upper, pem::encode(&message).into_bytes()] {
            assert_eq!(open_mailed(&file, &[vendor.clone(), ours.clone()]).unwrap(), signed.as_bytes());
            assert_eq!(open_mailed(&file, std::slice::from_ref(&vendor)).unwrap_err(), MailError::NotOurs);
            assert_eq!(open_mailed(&file, &[]).unwrap_err(), MailError::NotOurs);
        }
        let cut = &message[..message.len() - 40];
        assert!(matches!(open_mailed(cut, std::slice::from_ref(&ours)).unwrap_err(), MailError::Damaged(_)));
        for damaged in mutations(&message).step_by(5) {
            let _ = open_mailed(&damaged, std::slice::from_ref(&ours));
        }
    }
    for other in [signed.as_bytes(), b"hello", vendor.certificate().to_pem().as_bytes()] {
        assert_eq!(open_mailed(other, std::slice::from_ref(&ours)).unwrap(), other, "what is not encrypted is handed on");
    }
}

#[test]
fn a_vendor_is_found_in_files_of_any_order_and_form() {
    let (key, request) = request();
    let (vendor, chain) = vendor(now().plus(DAY));
    let certificate = vendor.certificate().to_pem().into_bytes();
    let locked = openssl(&["pkcs8", "-topk8", "-passout", "pass:open sesame"], vendor.key().to_pem().expose().as_bytes());
    let bare = vendor.key().to_pem().expose().clone().into_bytes();
    let (middle, root) = (chain[0].der().to_vec(), chain[1].to_pem().into_bytes());
    let problems = |files: &[&[u8]]| {
        let signed = Vendor::from_files(files, Some("open sesame")).unwrap().sign(&request).unwrap();
        PushRequest::parse(signed.as_bytes()).unwrap().problems(Some(key.public_key_der()), now())
    };
    assert_eq!(problems(&[&root, &bare, &middle, &certificate]), []);
    assert_eq!(problems(&[&[locked.clone(), certificate.clone()].concat(), &middle, &root]), []);
    assert!(matches!(&problems(&[&certificate, &bare])[..], [Problem::MissingIssuer { .. }]), "the chain is asked for before Apple is");
    let refused = |files: &[&[u8]], passphrase| Vendor::from_files(files, passphrase).unwrap_err();
    assert_eq!(refused(&[&certificate, &middle], None), VendorError::NoKey);
    assert_eq!(refused(&[&middle, &bare], None), VendorError::NoCertificate);
    assert!(matches!(refused(&[&certificate, &locked], None), VendorError::Locked { message } if message.contains("passphrase")));
    assert!(matches!(refused(&[&certificate, b"hello"], None), VendorError::Mistaken(_)));
}
