//! Signatures that hold, and all that must not pass for one.

use super::*;
use crate::clock::Timestamp;
use crate::pki::issue;
use crate::testing::mutations;

const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

/// RFC 7515 appendix A.3, key and signature as printed there.
const RFC_7515_A3: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
                           DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

fn key_of_the_rfc() -> Value {
    json!({ "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" })
}

#[test]
fn the_example_of_the_rfc_verifies_and_no_damaged_one_does() {
    let spki = spki_of_jwk(&key_of_the_rfc()).unwrap();
    let jws = Jws::parse(RFC_7515_A3.as_bytes()).unwrap();
    jws.verify_es256(&spki).unwrap();
    assert!(jws.payload().starts_with(b"{\"iss\":\"joe\""));
    for damaged in mutations(RFC_7515_A3.as_bytes()) {
        // White space round it is no damage.
        if damaged.trim_ascii() != RFC_7515_A3.as_bytes() {
            assert!(Jws::parse(&damaged).is_err() || Jws::parse(&damaged).unwrap().verify_es256(&spki).is_err());
        }
    }
}

#[test]
fn openssl_verifies_what_is_signed_here() {
    let key = PrivateKey::generate_p256().unwrap();
    let text = JwsSigner::new(&key, "k1", "grant+jws").unwrap().sign(b"{\"allowed\":true}").unwrap();
    let jws = Jws::parse(text.as_bytes()).unwrap();
    assert_eq!(jws.key_id(), Some("k1"));
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let public = file("public.der", key.public_key_der());
    let signature = file("signature.der", &der_of(&jws.signature).unwrap());
    let signed = file("signed", &jws.signed);
    let judged = std::process::Command::new("openssl")
        .args(["dgst", "-sha256", "-keyform", "DER", "-verify"])
        .arg(&public)
        .arg("-signature")
        .arg(&signature)
        .arg(&signed)
        .output()
        .unwrap();
    assert!(judged.status.success(), "{judged:?}");
}

#[test]
fn published_keys_read_back_and_a_jws_names_its_type() {
    let key = PrivateKey::generate_p256().unwrap();
    let published = public_jwk(key.public_key_der(), "k1").unwrap();
    assert_eq!(spki_of_jwk(&published).unwrap(), key.public_key_der());
    assert_eq!(public_jwk(b"no key", "k1"), None);
    let text = JwsSigner::new(&key, "k1", "grant+jws").unwrap().sign(b"{}").unwrap();
    let header = URL_SAFE_NO_PAD.decode(text.split('.').next().unwrap()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&header).unwrap()["typ"], "grant+jws");
}

#[test]
fn a_chain_proves_the_key_of_its_first_certificate_only() {
    for key in [PrivateKey::generate_p256().unwrap(), PrivateKey::generate_rsa_2048().unwrap()] {
        let signer = issue::self_signed("TESTSN0001", &key, std::time::Duration::from_secs(3600), NOW).unwrap();
        let certificate = signer.certificate().clone();
        // Short numbers in a signature are padded: some of many signatures have one.
        for round in 0..if key.kind() == KeyKind::P256 { 600 } else { 1 } {
            let text = sign_with_chain(&key, std::slice::from_ref(&certificate), format!("{{\"round\":{round}}}").as_bytes()).unwrap();
            let jws = Jws::parse(text.as_bytes()).unwrap();
            assert_eq!(jws.certificates(Certificate::from_der).unwrap(), std::slice::from_ref(&certificate));
            jws.verify_by(&certificate).unwrap();
        }
        let text = sign_with_chain(&key, &[], b"{}").unwrap();
        assert_eq!(Jws::parse(text.as_bytes()).unwrap().certificates(Certificate::from_der), Err(JwsError::NoCertificate));
        let other = issue::root("another", NOW).unwrap();
        assert!(Jws::parse(text.as_bytes()).unwrap().verify_by(other.certificate()).is_err());
        let five = vec![certificate; MAX_CHAIN + 1];
        let text = sign_with_chain(&key, &five, b"{}").unwrap();
        assert_eq!(Jws::parse(text.as_bytes()).unwrap().certificates(Certificate::from_der), Err(JwsError::NoCertificate));
    }
}

#[test]
fn no_algorithm_but_two_is_taken() {
    let text = |header: Value| format!("{}.e30.", URL_SAFE_NO_PAD.encode(header.to_string()));
    for header in [json!({ "alg": "none" }), json!({ "alg": "HS256" }), json!({ "alg": "es256" }), json!({}), json!({ "alg": 7 })] {
        assert_eq!(Jws::parse(text(header.clone()).as_bytes()).unwrap_err(), JwsError::Algorithm, "{header}");
    }
    let critical = json!({ "alg": "ES256", "crit": ["exp"] });
    assert_eq!(Jws::parse(text(critical).as_bytes()).unwrap_err(), JwsError::Critical);
    for broken in ["", "a.b", "e30.e30.e30.e30", "W10.e30.e30", "e30=.e30.e30", "!.e30.e30"] {
        assert_eq!(Jws::parse(broken.as_bytes()).unwrap_err(), JwsError::Malformed, "{broken}");
    }
    assert_eq!(Jws::parse(&vec![b'a'; MAX_JWS_BYTES + 1]).unwrap_err(), JwsError::TooLong);
}
