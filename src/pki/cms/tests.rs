//! Signed and enveloped messages, judged both ways by openssl.

use super::*;
use crate::clock::Timestamp;
use crate::pki::ber;
use crate::pki::certificate::Certificate;
use crate::pki::cipher::Cipher;
use crate::pki::digest::Digest;
use crate::pki::judge::{file, openssl, path, try_openssl};
use crate::pki::key::PrivateKey;
use crate::testing::{Recorded, mutations};

const BODY: &[u8] = b"<plist><dict><key>Status</key><string>Idle</string></dict></plist>\r\n";

/// A self-signed certificate and its key, made by OpenSSL with this algorithm.
fn identity(algorithm: &[&str]) -> Signer {
    let key = openssl(&[&["genpkey"], algorithm].concat(), b"");
    let args = ["req", "-x509", "-new", "-key", "/dev/stdin", "-subj", "/O=Example School/CN=TESTSN0001", "-days", "30"];
    let certificate = Certificate::from_pem(&openssl(&args, &key)).unwrap();
    Signer::new(certificate, PrivateKey::from_pem(&key, None).unwrap()).unwrap()
}

fn rsa() -> Signer {
    identity(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
}

fn curve(name: &str) -> Signer {
    identity(&["-algorithm", "EC", "-pkeyopt", &format!("ec_paramgen_curve:{name}")])
}

/// The message that OpenSSL makes of `BODY` with these options.
fn openssl_signed(signer: &Signer, options: &[&str]) -> Vec<u8> {
    let (certificate, key) = (file(signer.certificate().to_pem().as_bytes()), file(signer.key().to_pem().expose().as_bytes()));
    let args = ["cms", "-sign", "-binary", "-outform", "DER", "-signer", path(&certificate), "-inkey", path(&key)];
    openssl(&[&args, options].concat(), BODY)
}

/// Whether OpenSSL verifies `message`, signed by `signer`; returns the content.
fn openssl_verified(signer: &Signer, message: &[u8], detached: bool) -> Vec<u8> {
    let (certificate, body) = (file(signer.certificate().to_pem().as_bytes()), file(BODY));
    let mut args = vec!["cms", "-verify", "-binary", "-inform", "DER", "-CAfile", path(&certificate), "-purpose", "any"];
    if detached {
        args.extend(["-content", path(&body)]);
    }
    openssl(&args, message)
}

#[test]
fn openssl_verifies_what_is_signed_here() {
    let moment = Some(Timestamp::from_seconds(1_795_577_349));
    for signer in [rsa(), curve("P-256"), curve("P-384")] {
        for attach in [Attach::Attached, Attach::Detached] {
            for (signed_attributes, indefinite_length) in [(true, false), (false, false), (true, true), (false, true)] {
                let options = SignOptions { attach, signed_attributes, indefinite_length, signing_time: moment, ..SignOptions::default() };
                let message = sign(&signer, BODY, &options).unwrap();
                assert_eq!(openssl_verified(&signer, &message, attach == Attach::Detached), BODY);
                let verified = verify(&message, Some(BODY)).unwrap();
                assert_eq!(verified.content, BODY);
                assert_eq!(verified.signing_time, moment.filter(|_| signed_attributes));
            }
        }
    }
}

#[test]
fn old_devices_sign_with_sha1_and_are_verified() {
    let signer = rsa();
    for signed_attributes in [true, false] {
        let options = SignOptions { digest: Some(Digest::Sha1), signed_attributes, indefinite_length: true, ..SignOptions::detached() };
        let message = sign(&signer, BODY, &options).unwrap();
        // The first bytes of every Mdm-Signature of iOS: MIAG in base64.
        assert_eq!(message[..3], [0x30, 0x80, 0x06]);
        openssl_verified(&signer, &message, true);
        let detached = verify_detached(&message, BODY, Certificate::from_der).unwrap();
        assert_eq!((detached.digest, &detached.signer), (Digest::Sha1, signer.certificate()));
    }
}

#[test]
fn what_openssl_signs_is_verified() {
    let rsa = rsa();
    let detached: [&[&str]; 10] = [
        &["-md", "sha256"],
        &["-md", "sha1"],
        &["-md", "sha384"],
        &["-md", "sha512"],
        &["-noattr"],
        &["-noattr", "-md", "sha1"],
        &["-keyid"],
        &["-keyopt", "rsa_padding_mode:pss"],
        &["-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:-1", "-md", "sha512"],
        &["-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:20"],
    ];
    for options in detached {
        let message = openssl_signed(&rsa, options);
        let verified = verify(&message, Some(BODY)).unwrap_or_else(|error| panic!("{options:?}: {error}"));
        assert_eq!(verified.signer, *rsa.certificate());
        assert_eq!(verified.signing_time.is_none(), options.contains(&"-noattr"));
        assert!(verify_detached(&message, BODY, Certificate::from_der).is_ok());
        let changed = verify(&message, Some(b"another body")).unwrap_err();
        assert!(matches!(changed, CmsError::ContentChanged | CmsError::Signature), "{options:?}: {changed}");
    }
    for signer in [&rsa, &curve("P-256"), &curve("P-384")] {
        for options in [&["-nodetach"][..], &["-nodetach", "-stream"], &["-nodetach", "-md", "sha384", "-keyid"]] {
            let message = openssl_signed(signer, options);
            assert_eq!(verify(&message, None).unwrap().content, BODY, "{options:?}");
        }
    }
}

#[test]
fn the_signers_certificate_is_found_among_others() {
    let (signer, other) = (rsa(), curve("P-256"));
    let options = SignOptions { chain: &[other.certificate().clone(), other.certificate().clone()], ..SignOptions::detached() };
    let message = sign(&signer, BODY, &options).unwrap();
    assert_eq!(verify(&message, Some(BODY)).unwrap().certificates.len(), 3);
    let crowd = vec![other.certificate().clone(); 2 * super::verify::MAX_CERTIFICATES];
    let crowded = sign(&signer, BODY, &SignOptions { chain: &crowd, ..SignOptions::detached() }).unwrap();
    assert_eq!(verify(&crowded, Some(BODY)).unwrap().certificates.len(), super::verify::MAX_CERTIFICATES);
    let mut asked = Vec::new();
    let read = |der: &[u8]| {
        asked = der.to_vec();
        Certificate::from_der(der)
    };
    assert_eq!(verify_detached(&message, BODY, read).unwrap().signer, *signer.certificate());
    assert_eq!(asked, signer.certificate().der());
    // Somebody else's certificate, kept under a wrong name, does not pass for the signer's.
    let wrong = verify_detached(&message, BODY, |_| Ok(other.certificate().clone()));
    assert_eq!(wrong.unwrap_err(), CmsError::NoSignerCertificate);
}

#[test]
fn missing_parts_are_named() {
    let signer = curve("P-256");
    let message = sign(&signer, BODY, &SignOptions::detached()).unwrap();
    assert_eq!(verify(&message, None).unwrap_err(), CmsError::NoContent);
    let nobody = openssl_signed(&signer, &["-nocerts"]);
    assert_eq!(verify(&nobody, Some(BODY)).unwrap_err(), CmsError::NoSignerCertificate);
    assert_eq!(verify_detached(&nobody, BODY, Certificate::from_der).unwrap_err(), CmsError::NoSignerCertificate);
    let unsigned = certs_only(&[signer.certificate().clone()]).unwrap();
    assert_eq!(verify(&unsigned, Some(BODY)).unwrap_err(), CmsError::NoSigner);
    let envelope = encrypt(rsa().certificate(), BODY, Cipher::Aes128Cbc).unwrap();
    assert_eq!(verify(&envelope, Some(BODY)).unwrap_err(), CmsError::WrongKind { expected: "signed" });
    assert_eq!(verify(b"", None).unwrap_err(), CmsError::Malformed);
    assert_eq!(Signer::new(rsa().certificate().clone(), signer.key().clone()).unwrap_err(), CmsError::KeyMismatch);
}

#[test]
fn certificates_travel_alone_and_in_order() {
    let certificates = [rsa().certificate().clone(), curve("P-256").certificate().clone()];
    let message = certs_only(&certificates).unwrap();
    assert_eq!(super::certificates(&message).unwrap(), certificates);
    let printed = openssl(&["pkcs7", "-inform", "DER", "-print_certs"], &message);
    assert_eq!(Certificate::all_from_pem(&printed).unwrap(), certificates);
}

#[test]
fn envelopes_go_both_ways() {
    let recipient = rsa();
    let (certificate, key) = (file(recipient.certificate().to_pem().as_bytes()), file(recipient.key().to_pem().expose().as_bytes()));
    for (cipher, option) in
        [(Cipher::Aes128Cbc, "-aes128"), (Cipher::Aes192Cbc, "-aes192"), (Cipher::Aes256Cbc, "-aes256"), (Cipher::DesEde3Cbc, "-des3")]
    {
        let ours = encrypt(recipient.certificate(), BODY, cipher).unwrap();
        let opened = openssl(&["cms", "-decrypt", "-binary", "-inform", "DER", "-inkey", path(&key), "-recip", path(&certificate)], &ours);
        assert_eq!(opened, BODY);
        for more in [&[][..], &["-stream"], &["-keyid"]] {
            let args = ["cms", "-encrypt", "-binary", "-outform", "DER", option];
            let theirs = openssl(&[&args, more, &[path(&certificate)]].concat(), BODY);
            let opened = decrypt(&recipient, &theirs, DecryptOptions::default()).unwrap();
            assert_eq!((opened.content.as_slice(), opened.cipher), (BODY, cipher), "{option} {more:?}");
        }
    }
}

#[test]
fn single_des_opens_only_where_it_is_allowed() {
    let recipient = rsa();
    let message = encrypt(recipient.certificate(), BODY, Cipher::DesCbc).unwrap();
    assert_eq!(decrypt(&recipient, &message, DecryptOptions::default()).unwrap_err(), CmsError::SingleDes);
    let opened = decrypt(&recipient, &message, DecryptOptions { allow_single_des: true }).unwrap();
    assert_eq!(opened.content.as_slice(), BODY);
}

#[test]
fn an_envelope_for_somebody_else_does_not_open() {
    let (recipient, other) = (rsa(), rsa());
    let message = encrypt(recipient.certificate(), BODY, Cipher::Aes128Cbc).unwrap();
    assert_eq!(decrypt(&other, &message, DecryptOptions::default()).unwrap_err(), CmsError::NoRecipient);
    let curve = curve("P-256");
    assert!(matches!(encrypt(curve.certificate(), BODY, Cipher::Aes128Cbc), Err(CmsError::Key(_))));
}

#[test]
fn a_wrong_content_key_fails_like_any_damage() {
    let recipient = rsa();
    let message = encrypt(recipient.certificate(), BODY, Cipher::Aes128Cbc).unwrap();
    let key_at = message.windows(4).position(|window| window == [0x04, 0x82, 0x01, 0x00]).unwrap() + 4;
    let mut damaged = message.clone();
    damaged[key_at + 100] ^= 1;
    // Rubbish that happens to be padded well is possible, the content is not.
    if let Ok(opened) = decrypt(&recipient, &damaged, DecryptOptions::default()) {
        assert_ne!(opened.content.as_slice(), BODY);
    }
}

#[test]
fn damaged_messages_are_refused() {
    let signer = rsa();
    let indefinite = SignOptions { indefinite_length: true, ..SignOptions::default() };
    for message in [
        sign(&signer, BODY, &SignOptions::default()).unwrap(),
        sign(&signer, BODY, &indefinite).unwrap(),
        openssl_signed(&signer, &["-nodetach", "-stream"]),
        openssl_signed(&signer, &["-nodetach", "-keyopt", "rsa_padding_mode:pss"]),
    ] {
        for damaged in mutations(&message) {
            if let Ok(verified) = verify(&damaged, None) {
                // Damage outside what is signed may pass; the content and the numbers of the key may not change.
                let numbers = &signer.key().public_key_der()[24..];
                assert_eq!(verified.content, BODY);
                assert!(verified.signer.public_key_der().ends_with(numbers));
            }
        }
    }
    let envelope = encrypt(signer.certificate(), BODY, Cipher::Aes128Cbc).unwrap();
    for damaged in mutations(&envelope) {
        let _ = decrypt(&signer, &damaged, DecryptOptions::default());
        let _ = super::certificates(&damaged);
    }
}

#[test]
fn damaged_detached_signatures_claim_and_prove_nothing_else() {
    let signer = rsa();
    let message = sign(&signer, BODY, &SignOptions::detached()).unwrap();
    for damaged in mutations(&message) {
        let _ = super::claimed(&damaged, Certificate::from_der);
        let numbers = &signer.key().public_key_der()[24..];
        if let Ok(verified) = verify_detached(&damaged, BODY, Certificate::from_der) {
            assert!(verified.signer.public_key_der().ends_with(numbers));
        }
        assert!(verify_detached(&damaged, b"something else", Certificate::from_der).is_err());
    }
    let (claimed, digest) = super::claimed(&message, Certificate::from_der).unwrap();
    assert_eq!((claimed.der(), digest), (signer.certificate().der(), Digest::Sha256));
    let other = super::verify_detached_digest(&message, |_| None, Certificate::from_der);
    assert!(matches!(other, Err(CmsError::Unsupported(_))), "a body that was hashed by another algorithm proves nothing");
}

#[test]
fn hostile_messages_end_soon() {
    for depth in [1_000, 100_000, 1_000_000] {
        assert_eq!(verify(&[0x30, 0x80].repeat(depth), None).unwrap_err(), CmsError::Malformed);
        assert_eq!(verify(&[0x30, 0x82, 0xff, 0xff].repeat(depth), None).unwrap_err(), CmsError::Malformed);
    }
    // A million tiny attributes in a set: linear, never sorted.
    let attributes = [0x30, 0x00].repeat(500_000);
    let signer = curve("P-256");
    let options = SignOptions { attributes: vec![attributes], ..SignOptions::default() };
    let message = sign(&signer, BODY, &options).unwrap();
    assert!(verify(&message, None).is_ok());
}

#[test]
fn recorded_mdm_signatures_are_verified() {
    let Some(folder) = crate::shared_for_tests() else { return };
    let folder = folder.join("captures/conversations");
    let ca = Certificate::from_pem(&std::fs::read(folder.join("ca.pem")).unwrap()).unwrap();
    let mut verified = 0;
    for entry in std::fs::read_dir(folder.join("mdmb")).unwrap().chain(std::fs::read_dir(folder.join("by-hand")).unwrap()) {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.ends_with(".request.http") {
            continue;
        }
        let recorded = Recorded::read(&path);
        let (Some(header), body) = (recorded.header("mdm-signature"), &recorded.body) else { continue };
        let Some(message) = crate::pki::pem::base64(header.as_bytes()).filter(|_| !name.contains("not-base64")) else { continue };
        let outcome = verify_detached(&message, body, Certificate::from_der);
        if name.contains("another-body") {
            assert_eq!(outcome.unwrap_err(), CmsError::ContentChanged);
            continue;
        }
        let detached = outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(detached.signer.is_issued_by(&ca), !name.contains("unknown-ca"), "{name}");
        if name.contains("sha1") || path.parent().unwrap().ends_with("mdmb") {
            assert_eq!(detached.digest, Digest::Sha1, "{name}");
        }
        assert_eq!(detached.signing_time.is_none(), name.contains("without-signed-attributes"), "{name}");
        verified += 1;
    }
    assert!(verified > 40, "{verified}");
}

#[test]
fn a_message_is_untouched_by_the_normaliser_when_it_is_der() {
    let signer = curve("P-256");
    let message = sign(&signer, BODY, &SignOptions::default()).unwrap();
    assert!(matches!(ber::to_der(&message), Ok(std::borrow::Cow::Borrowed(_))));
    let (ok, _, _) = try_openssl(&["asn1parse", "-inform", "DER"], &message);
    assert!(ok);
}
