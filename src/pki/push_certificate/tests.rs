//! Push certificates in every form a portal or keychain exports, and why one is refused.

use std::time::Duration;

use super::*;
use crate::pki::cms::{self, SignOptions};
use crate::pki::dropped::Kind;
use crate::pki::issue::{self, Issuer, tests::chain_of};
use crate::pki::judge::{file, openssl, path};
use crate::pki::push_request::{Applicant, certification_request, sign_as_vendor};
use crate::testing::mutations;

const TOPIC: &str = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";

fn now() -> Timestamp {
    Timestamp::parse("2026-11-25T08:00:00Z").unwrap()
}

fn authority() -> Issuer {
    issue::root("Practice CA", now()).unwrap()
}

/// A push certificate and its key.
fn push(authority: &Issuer) -> (Certificate, PrivateKey) {
    let key = PrivateKey::generate_rsa_2048().unwrap();
    (authority.practice_push(TOPIC, &key, now()).unwrap(), key)
}

/// A self-signed certificate with this subject, as PEM.
fn with_subject(subject: &str) -> Vec<u8> {
    openssl(
        &[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "/dev/null",
            "-subj",
            subject,
            "-addext",
            "basicConstraints=CA:FALSE",
        ],
        b"",
    )
}

fn is_pair(recognised: &Recognised) -> bool {
    matches!(recognised, Recognised::Pair { certificate, .. } if topic(certificate).as_deref() == Some(TOPIC))
}

fn mistake(file: &[u8]) -> Mistake {
    match recognise(file, None) {
        Recognised::Mistaken(mistake) => mistake,
        other => panic!("{}", other.message()),
    }
}

#[test]
fn certificate_and_key_are_found_in_every_order_and_form() {
    let (certificate, key) = push(&authority());
    let (certificate, key) = (certificate.to_pem(), key.to_pem().expose().clone());
    let pkcs1 = String::from_utf8(openssl(&["rsa", "-traditional"], key.as_bytes())).unwrap();
    let bags = format!("Bag Attributes\n    localKeyID: 01\nsubject=UID = {TOPIC}\n{certificate}Key Attributes: <No Attributes>\n{key}");
    for text in [
        format!("{certificate}{key}"),
        format!("{key}{certificate}"),
        format!("{pkcs1}{certificate}"),
        format!("\u{feff}{certificate}{key}"),
        format!("{certificate}{key}").replace('\n', "\r\n"),
        bags,
    ] {
        let found = recognise(text.as_bytes(), None);
        assert!(is_pair(&found), "{}", found.message());
    }
    let text = format!("{certificate}{key}");
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert!(is_pair(&recognise(&utf16, None)));
}

#[test]
fn encrypted_keys_ask_for_their_passphrase() {
    let (certificate, key) = push(&authority());
    let pem = key.to_pem();
    let encrypted = openssl(&["pkcs8", "-topk8", "-passout", "pass:open sesame"], pem.expose().as_bytes());
    let der = openssl(&["pkcs8", "-topk8", "-outform", "DER", "-passout", "pass:open sesame"], pem.expose().as_bytes());
    let traditional = openssl(&["rsa", "-traditional", "-des3", "-passout", "pass:open sesame"], pem.expose().as_bytes());
    for file in [&encrypted, &traditional, &der] {
        assert!(matches!(recognise(file, None), Recognised::Locked { what: "private key", wrong: false }));
        assert!(matches!(recognise(file, Some("wrong")), Recognised::Locked { what: "private key", wrong: true }));
        assert!(matches!(recognise(file, Some("open sesame")), Recognised::Key(_)));
    }
    let both = [certificate.to_pem().as_bytes(), &encrypted].concat();
    assert!(matches!(recognise(&both, None), Recognised::Locked { .. }));
    assert!(is_pair(&recognise(&both, Some("open sesame"))));
}

#[test]
fn binary_files_are_told_apart() {
    let (certificate, key) = push(&authority());
    assert!(matches!(recognise(certificate.der(), None), Recognised::Certificate(found) if found == certificate));
    assert!(matches!(recognise(key.pkcs8_der().expose(), None), Recognised::Key(_)));
    let pkcs1 = openssl(&["rsa", "-traditional", "-outform", "DER"], key.to_pem().expose().as_bytes());
    assert!(matches!(recognise(&pkcs1, None), Recognised::Key(_)));
    let curve = PrivateKey::generate_p256().unwrap();
    let sec1 = openssl(&["ec", "-outform", "DER"], curve.to_pem().expose().as_bytes());
    assert!(matches!(recognise(&sec1, None), Recognised::Key(_)));
    let public = openssl(&["pkey", "-pubout", "-outform", "DER"], key.to_pem().expose().as_bytes());
    assert_eq!(mistake(&public), Mistake::PublicKey);
    assert_eq!(mistake(&openssl(&["pkey", "-pubout"], key.to_pem().expose().as_bytes())), Mistake::PublicKey);
}

/// A PKCS#12 file of certificate and key, with further options of OpenSSL.
fn pkcs12(certificate: &Certificate, key: &PrivateKey, options: &[&str]) -> Vec<u8> {
    let (certificate, key) = (file(certificate.to_pem().as_bytes()), file(key.to_pem().expose().as_bytes()));
    openssl(&[&["pkcs12", "-export", "-in", path(&certificate), "-inkey", path(&key)], options].concat(), b"")
}

#[test]
fn pkcs12_files_open_with_their_passphrase() {
    let (certificate, key) = push(&authority());
    for options in [&["-passout", "pass:open sesame"][..], &["-legacy", "-passout", "pass:open sesame"]] {
        let file = pkcs12(&certificate, &key, options);
        assert!(matches!(recognise(&file, None), Recognised::Locked { what: "PKCS#12 file", wrong: false }));
        assert!(matches!(recognise(&file, Some("wrong")), Recognised::Locked { what: "PKCS#12 file", wrong: true }));
        let found = recognise(&file, Some("open sesame"));
        assert!(is_pair(&found), "{options:?}: {}", found.message());
    }
    assert!(is_pair(&recognise(&pkcs12(&certificate, &key, &["-passout", "pass:"]), None)));
    let without_key = file(certificate.to_pem().as_bytes());
    let file = openssl(&["pkcs12", "-export", "-nokeys", "-in", path(&without_key), "-passout", "pass:x"], b"");
    assert!(matches!(recognise(&file, Some("x")), Recognised::Certificate(_)));
}

#[test]
fn wrong_certificates_are_named_for_what_they_are() {
    for (subject, expected) in [
        ("/CN=MDM Vendor: Example School/O=Example School", "MDM vendor certificate"),
        ("/UID=school.example.app/CN=Apple Push Services: school.example.app", "push certificate of an app (school.example.app)"),
        ("/CN=Apple Production IOS Push Services: school.example.app", "push certificate of an app"),
        ("/CN=mdm.example.school", "is not a push certificate: its subject has no UID"),
    ] {
        let message = mistake(&with_subject(subject)).to_string();
        assert!(message.contains(expected), "{subject}: {message}");
    }
    assert!(matches!(mistake(authority().certificate().der()), Mistake::Authority { .. }));
}

#[test]
fn files_from_the_steps_before_are_named() {
    let key = PrivateKey::generate_rsa_2048().unwrap();
    let applicant = Applicant { common_name: "Example School MDM", country: "DE", email: "it@example.school" };
    let request = certification_request(&key, &applicant).unwrap();
    assert_eq!(mistake(&request), Mistake::CertificationRequest);
    assert_eq!(mistake(&openssl(&["req", "-inform", "DER"], &request)), Mistake::CertificationRequest);

    let (vendor, chain) =
        chain_of(["MDM Vendor: Example", "Practice Relations CA", "Practice Root"], now().plus(Duration::from_secs(9)), now());
    let signed = sign_as_vendor(&request, &vendor, &chain).unwrap();
    let plist = crate::pki::pem::base64(signed.as_bytes()).unwrap();
    assert_eq!(mistake(signed.as_bytes()), Mistake::PushRequest);
    assert_eq!(mistake(&plist), Mistake::PushRequest);
    assert_eq!(mistake(&plist[..plist.len() / 2]), Mistake::Damaged("a push certificate request"));

    let mailed = cms::encrypt(vendor.certificate(), signed.as_bytes(), crate::pki::cipher::Cipher::DesEde3Cbc).unwrap();
    assert_eq!(mistake(&mailed), Mistake::EncryptedMessage);
    assert_eq!(mistake(crate::pki::hex(&mailed).as_bytes()), Mistake::EncryptedMessage);
    let token = format!("Content-Type: application/pkcs7-mime; name=\"smime.p7m\"\n\n{}", crate::pki::pem::encode(&mailed));
    assert_eq!(mistake(token.as_bytes()), Mistake::Elsewhere(Kind::ServerToken));
}

#[test]
fn profiles_bundles_and_other_files_are_named() {
    let profile = b"<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>PayloadContent</key><array/></dict></plist>";
    assert_eq!(mistake(profile), Mistake::Elsewhere(Kind::Profile));
    let authority = authority();
    let signed = cms::sign(authority.signer(), profile, &SignOptions::default()).unwrap();
    assert_eq!(mistake(&signed), Mistake::Elsewhere(Kind::SignedProfile));
    let bundle = cms::certs_only(&[authority.certificate().clone()]).unwrap();
    assert_eq!(mistake(&bundle), Mistake::CertificateBundle);
    assert_eq!(mistake(crate::pki::pem::write("PKCS7", &bundle).as_bytes()), Mistake::CertificateBundle);
    assert_eq!(mistake(b"<!DOCTYPE html><html><title>Sign in</title></html>"), Mistake::Elsewhere(Kind::WebPage));
    assert_eq!(mistake(b"{\"consumer_key\": \"CK\"}"), Mistake::Elsewhere(Kind::Json));
    assert_eq!(mistake(b"<?xml version=\"1.0\"?><plist version=\"1.0\"><dict/></plist>"), Mistake::Elsewhere(Kind::PropertyList));
    assert_eq!(mistake(b"hello"), Mistake::Elsewhere(Kind::Text));
    assert_eq!(mistake(b"\x89PNG\r\n\x1a\n"), Mistake::Elsewhere(Kind::Picture));
    assert_eq!(mistake(b"\x00\x01\x02\x03"), Mistake::Unknown);
    assert_eq!(mistake(b" \r\n"), Mistake::Empty);
    assert_eq!(mistake(b"\xef\xbb\xbf"), Mistake::Empty);
    assert_eq!(mistake(&vec![b'a'; MAX_FILE_BYTES + 1]), Mistake::TooLarge);
    let (certificate, _) = push(&authority);
    let pem = certificate.to_pem();
    assert_eq!(mistake(&pem.as_bytes()[..500]), Mistake::Damaged("PEM text"));
    assert!(matches!(mistake(&certificate.der()[..500]), Mistake::Damaged(_)));
    let weak = openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"], b"");
    assert!(matches!(mistake(&weak), Mistake::Unsupported(why) if why.contains("1024")));
}

#[test]
fn the_key_of_another_certificate_is_found_out() {
    let authority = authority();
    let ((certificate, _), (_, other)) = (push(&authority), push(&authority));
    let both = format!("{}{}", certificate.to_pem(), other.to_pem().expose());
    assert!(matches!(recognise(both.as_bytes(), None), Recognised::Mismatch { .. }));
    let files = [both.as_bytes()];
    assert_eq!(PushCertificate::from_files(&files, None, &[], now()).unwrap_err(), PushCertificateError::KeyMismatch);
    assert_eq!(PushCertificate::new(certificate, other, now()).unwrap_err(), PushCertificateError::KeyMismatch);
}

#[test]
fn a_push_certificate_comes_together_from_one_file_or_two() {
    let (certificate, key) = push(&authority());
    let (alone, locked) = (certificate.to_pem(), openssl(&["pkcs8", "-topk8", "-passout", "pass:x"], key.to_pem().expose().as_bytes()));
    let from = |files: &[&[u8]], passphrase, own: &[PrivateKey]| PushCertificate::from_files(files, passphrase, own, now());
    let made = from(&[alone.as_bytes(), &locked], Some("x"), &[]).unwrap();
    assert_eq!((made.topic(), made.not_after()), (TOPIC, certificate.not_after()));
    assert_eq!(made.key().public_key_der(), certificate.public_key_der());
    assert!(from(&[&locked, alone.as_bytes()], Some("x"), &[]).is_ok());
    // What Apple gives for a request made here needs no key.
    assert!(from(&[alone.as_bytes()], None, &[PrivateKey::generate_rsa_2048().unwrap(), key]).is_ok());
    assert_eq!(from(&[alone.as_bytes()], None, &[]).unwrap_err(), PushCertificateError::NoKey);
    assert_eq!(from(&[&locked], Some("x"), &[]).unwrap_err(), PushCertificateError::NoCertificate);
    assert_eq!(from(&[&locked], None, &[]).unwrap_err(), PushCertificateError::Locked { what: "private key", wrong: false });
    assert_eq!(from(&[b"hello"], None, &[]).unwrap_err(), PushCertificateError::Mistake(Mistake::Elsewhere(Kind::Text)));
    assert_eq!(from(&[], None, &[]).unwrap_err(), PushCertificateError::Mistake(Mistake::Empty));
}

#[test]
fn dates_and_purpose_are_checked() {
    let (certificate, key) = push(&authority());
    let at = |moment| PushCertificate::new(certificate.clone(), key.clone(), moment);
    let end = certificate.not_after();
    assert!(at(end).is_ok());
    assert_eq!(at(end.plus(Duration::from_millis(1))).unwrap_err(), PushCertificateError::Expired(end));
    let start = certificate.not_before();
    assert_eq!(at(start.minus(Duration::from_millis(1))).unwrap_err(), PushCertificateError::NotYetValid(start));
    let subject = format!("/UID={TOPIC}/CN=APSP:1");
    let key = openssl(&["genpkey", "-algorithm", "RSA"], b"");
    let args = ["req", "-x509", "-key", "/dev/stdin", "-subj", &subject, "-addext", "extendedKeyUsage=serverAuth"];
    let server = Certificate::from_pem(&openssl(&args, &key)).unwrap();
    let wrong = PushCertificate::new(server.clone(), PrivateKey::from_pem(&key, None).unwrap(), server.not_before());
    assert_eq!(wrong.unwrap_err(), PushCertificateError::Purpose);
}

#[test]
fn only_what_apple_issued_is_taken_and_a_stand_in_issues_like_another_authority() {
    let (certificate, key) = push(&authority());
    let foreign = PushCertificate::new(certificate, key, now()).unwrap();
    let refusal = foreign.must_be_issued_by_apple(false).unwrap_err().to_string();
    assert!(refusal.contains("another authority than Apple issued (CN=Practice CA)") && refusal.contains("MDM_"), "{refusal}");
    assert!(foreign.must_be_issued_by_apple(true).is_ok(), "where a stand-in takes the place of APNs");

    let key = openssl(&["genpkey", "-algorithm", "RSA"], b"");
    let subject = format!("/UID={TOPIC}/CN=APSP:1");
    let own = openssl(&["req", "-x509", "-key", "/dev/stdin", "-subj", &subject, "-addext", "extendedKeyUsage=clientAuth"], &key);
    let (own, private) = (Certificate::from_pem(&own).unwrap(), PrivateKey::from_pem(&key, None).unwrap());
    let begins = own.not_before();
    let own = PushCertificate::new(own, private.clone(), begins).unwrap();
    let refusal = own.must_be_issued_by_apple(false).unwrap_err().to_string();
    assert!(refusal.contains("signed with its own key") && refusal.contains("Apple Application Integration"), "{refusal}");

    // As Apple's names itself: of the chain above only the name can be seen.
    let authority_key = file(&openssl(&["genpkey", "-algorithm", "RSA"], b""));
    let issuer = "/CN=Apple Application Integration 2 Certification Authority/OU=Apple Certification Authority/O=Apple Inc./C=US";
    let authority = file(&openssl(&["req", "-x509", "-key", path(&authority_key), "-subj", issuer], b""));
    let request = file(&openssl(&["req", "-new", "-key", "/dev/stdin", "-subj", &subject], &key));
    let issued =
        openssl(&["x509", "-req", "-in", path(&request), "-CA", path(&authority), "-CAkey", path(&authority_key), "-set_serial", "7"], b"");
    let issued = Certificate::from_pem(&issued).unwrap();
    let begins = issued.not_before();
    PushCertificate::new(issued, private, begins).unwrap().must_be_issued_by_apple(false).unwrap();
}

#[test]
fn every_message_tells_what_to_do() {
    let mistakes = [
        Mistake::EncryptedMessage,
        Mistake::Elsewhere(Kind::ServerToken),
        Mistake::Unknown,
        Mistake::TooLarge,
        Mistake::CertificationRequest,
    ];
    for mistake in mistakes {
        assert!(mistake.to_string().len() > 30, "{mistake}");
    }
    let locked = PushCertificateError::Locked { what: "private key", wrong: true };
    assert_eq!(locked.to_string(), "this private key does not open with that passphrase");
}

#[test]
fn captured_files_are_recognised() {
    let Some(folder) = crate::shared_for_tests() else { return };
    let read = |name: &str| std::fs::read(folder.join("captures").join(name)).unwrap();
    let names = |folder_name: &str| {
        let entries = std::fs::read_dir(folder.join("captures").join(folder_name)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(
        names("push-certificate"),
        ["ProviderPrivateKey.key", "mock_push_cert.pem", "pushcert.p12", "pushcert.pem"],
        "every file there is judged below"
    );
    assert!(matches!(recognise(&read("push-certificate/mock_push_cert.pem"), None), Recognised::Certificate(found)
        if topic(&found).as_deref() == Some("com.apple.mgmt.External.18a16429-886b-41f1-9c30-2bd04ae4fc37")));
    assert!(matches!(mistake(&read("push-certificate/pushcert.pem")), Mistake::Authority { subject } if subject == "CN=mdmpush"));
    let key = read("push-certificate/ProviderPrivateKey.key");
    assert!(matches!(recognise(&key, None), Recognised::Locked { wrong: false, .. }));
    assert!(matches!(recognise(&key, Some("secret")), Recognised::Key(_)));
    let store = read("push-certificate/pushcert.p12");
    assert!(matches!(recognise(&store, None), Recognised::Locked { what: "PKCS#12 file", wrong: false }));
    // It opens, and then turns out to be no push certificate.
    assert!(matches!(recognise(&store, Some("secret")), Recognised::Mistaken(Mistake::Authority { .. })));

    let at = Timestamp::parse("2026-12-01T00:00:00Z").unwrap();
    for name in ["push-cert", "push-cert-renewed"] {
        let [certificate, key] = ["pem", "key"].map(|end| read(&format!("conversations/push-certificate/{name}.{end}")));
        let made = PushCertificate::from_files(&[&key, &certificate], None, &[], at).unwrap();
        assert_eq!(made.topic(), TOPIC);
    }
    assert!(matches!(mistake(&read("conversations/push-certificate/push-cert-no-uid.pem")), Mistake::OtherCertificate { .. }));
}

#[test]
fn a_file_that_would_take_too_long_to_open_is_refused_unopened() {
    let (certificate, key) = push(&authority());
    // 65,793 rounds: a number whose three bytes stand nowhere else.
    let honest = pkcs12(&certificate, &key, &["-iter", "65793", "-passout", "pass:x"]);
    assert!(is_pair(&recognise(&honest, Some("x"))));
    let mut endless = honest.clone();
    let at: Vec<_> = (0..honest.len() - 5).filter(|at| honest[*at..].starts_with(&[2, 3, 1, 1, 1])).collect();
    assert!(at.len() >= 2, "its key and its seal");
    for at in at {
        endless[at + 2..at + 5].copy_from_slice(&[0x7f, 0xff, 0xff]);
    }
    let refused = recognise(&endless, Some("x"));
    assert!(matches!(&refused, Recognised::Mistaken(Mistake::Unsupported(why)) if why.contains("rounds")), "{}", refused.message());
}

#[test]
fn damaged_files_do_no_harm() {
    let (certificate, key) = push(&authority());
    let pem = format!("{}{}", certificate.to_pem(), key.to_pem().expose());
    let encrypted = openssl(&["pkcs8", "-topk8", "-iter", "1", "-outform", "DER", "-passout", "pass:x"], key.to_pem().expose().as_bytes());
    let store = pkcs12(&certificate, &key, &["-iter", "1", "-passout", "pass:x"]);
    for file in [pem.as_bytes(), certificate.der(), key.pkcs8_der().expose(), &encrypted] {
        for damaged in mutations(file).step_by(2) {
            let _ = recognise(&damaged, Some("x")).message();
        }
    }
    // Damage of an iteration count may make one of them slow: fewer of these.
    for damaged in mutations(&store).step_by(7) {
        let _ = recognise(&damaged, Some("x")).message();
    }
}
