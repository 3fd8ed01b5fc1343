//! Keys in the forms openssl writes and reads.

use super::*;
use crate::pki::certificate::Certificate;
use crate::pki::judge::openssl;

/// Whether `key` signs what its public half verifies.
fn works(key: &PrivateKey) -> bool {
    let message = b"a message";
    let digest = key.usual_digest();
    let signature = key.sign(digest, message).unwrap();
    let public = crate::pki::public_key::PublicKey::read(key.public_key_der()).unwrap();
    public.verify(key.public_key_der(), &key.signature_algorithm(digest), message, &signature).is_ok()
}

#[test]
fn keys_of_every_form_are_read_as_the_same_key() {
    let pkcs8 = openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], b"");
    let key = PrivateKey::from_pem(&pkcs8, None).unwrap();
    assert_eq!(key.kind(), KeyKind::Rsa { bits: 2048 });
    let pkcs1 = openssl(&["rsa", "-traditional"], &pkcs8);
    let traditional = openssl(&["rsa", "-traditional", "-des3", "-passout", "pass:open sesame"], &pkcs8);
    let aes = openssl(&["rsa", "-traditional", "-aes256", "-passout", "pass:open sesame"], &pkcs8);
    let modern = openssl(&["pkcs8", "-topk8", "-passout", "pass:open sesame"], &pkcs8);
    let triple = openssl(&["pkcs8", "-topk8", "-v2", "des3", "-v2prf", "hmacWithSHA1", "-passout", "pass:open sesame"], &pkcs8);
    for text in [&pkcs8, &pkcs1, &traditional, &aes, &modern, &triple] {
        let read = PrivateKey::from_pem(text, Some("open sesame")).unwrap();
        assert_eq!(read.public_key_der(), key.public_key_der());
        assert!(works(&read));
    }
    for text in [&traditional, &aes, &modern, &triple] {
        assert_eq!(PrivateKey::from_pem(text, None).unwrap_err(), KeyError::PassphraseNeeded);
        assert_eq!(PrivateKey::from_pem(text, Some("wrong")).unwrap_err(), KeyError::PassphraseWrong);
    }
}

#[test]
fn curves_are_read_in_both_forms_and_others_are_named() {
    for (curve, kind) in [("prime256v1", KeyKind::P256), ("secp384r1", KeyKind::P384)] {
        let sec1 = openssl(&["ecparam", "-name", curve, "-genkey"], b"");
        let pkcs8 = openssl(&["pkcs8", "-topk8", "-nocrypt"], &sec1);
        for text in [&sec1, &pkcs8] {
            let key = PrivateKey::from_pem(text, None).unwrap();
            assert_eq!(key.kind(), kind);
            assert!(works(&key));
        }
    }
    let other = openssl(&["genpkey", "-algorithm", "ED25519"], b"");
    assert!(matches!(PrivateKey::from_pem(&other, None), Err(KeyError::Unsupported(_))));
    let other = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp521r1"], b"");
    assert!(matches!(PrivateKey::from_pem(&other, None), Err(KeyError::Unsupported(_))));
}

#[test]
fn small_keys_are_refused_with_their_size() {
    let small = openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"], b"");
    let error = PrivateKey::from_pem(&small, None).unwrap_err();
    assert!(error.to_string().contains("this one has 1024"), "{error}");
}

#[test]
fn made_keys_work_and_read_back() {
    for key in [PrivateKey::generate_rsa_2048().unwrap(), PrivateKey::generate_p256().unwrap()] {
        assert!(works(&key));
        assert_eq!(PrivateKey::from_pem(key.to_pem().expose().as_bytes(), None).unwrap().public_key_der(), key.public_key_der());
    }
    assert_eq!(PrivateKey::from_pem(b"nothing here", None).unwrap_err(), KeyError::NoKey);
}

#[test]
fn a_sha1_signature_is_what_openssl_would_make() {
    let key = PrivateKey::generate_rsa_2048().unwrap();
    let signature = key.sign(Digest::Sha1, b"a message").unwrap();
    let public = crate::pki::public_key::PublicKey::read(key.public_key_der()).unwrap();
    let algorithm = key.signature_algorithm(Digest::Sha1);
    assert_eq!(public.verify(key.public_key_der(), &algorithm, b"a message", &signature), Ok(()));
    assert!(public.verify(key.public_key_der(), &algorithm, b"another", &signature).is_err());
}

#[test]
fn endless_key_derivation_is_refused() {
    let key = PrivateKey::generate_p256().unwrap();
    let pem = key.to_pem();
    let iterations = (encrypted::MAX_ITERATIONS + 1).to_string();
    let args = ["pkcs8", "-topk8", "-v2", "aes128", "-iter", &iterations, "-outform", "DER", "-passout", "pass:x"];
    let slow = openssl(&args, pem.expose().as_bytes());
    assert!(matches!(PrivateKey::from_encrypted_der(&slow, "x"), Err(KeyError::Unsupported(_))));
}

#[test]
fn captured_keys_belong_to_their_certificates() {
    let Some(folder) = crate::shared_for_tests() else { return };
    let folder = folder.join("captures");
    let read = |path: &str| std::fs::read(folder.join(path)).unwrap();
    for name in ["conversations/device-1", "conversations/ca", "conversations/push-certificate/push-cert"] {
        let key = PrivateKey::from_pem(&read(&format!("{name}.key")), None).unwrap();
        let certificate = Certificate::from_pem(&read(&format!("{name}.pem"))).unwrap();
        assert_eq!(key.public_key_der(), certificate.public_key_der(), "{name}");
    }
    let traditional = read("push-certificate/ProviderPrivateKey.key");
    assert_eq!(PrivateKey::from_pem(&traditional, None).unwrap_err(), KeyError::PassphraseNeeded);
    assert!(PrivateKey::from_pem(&traditional, Some("secret")).is_ok());
}
