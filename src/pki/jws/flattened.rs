//! JSON Web Signatures as ACME sends them: flattened, with the key or its address in the header, and bound to one request (RFC 8555 §6.2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Jws, JwsError, MAX_JWS_BYTES, p256_point, raw_of, spki_of_jwk};
use crate::pki::asn1::{Tag, algorithm_null, element, oid};
use crate::pki::digest::{Digest, sha256};
use crate::pki::key::PrivateKey;
use crate::pki::public_key::{self, KeyKind, PublicKey, Scheme};

/// The smallest RSA key that may sign, in bits.
const RSA_MIN_BITS: usize = 2048;

/// The largest one.
const RSA_MAX_BITS: usize = 4096;

/// The JSON around the parts.
#[derive(Deserialize)]
struct Flattened {
    protected: String,
    payload: String,
    signature: String,
    /// Whatever stands here is not signed, so nothing may.
    header: Option<Value>,
    signatures: Option<Value>,
}

impl Jws {
    /// Takes a flattened JWS apart.
    ///
    /// # Errors
    /// Those of [`Jws::parse`]; an unprotected header and several signatures are malformed here (RFC 8555 §6.2).
    pub fn parse_flattened(bytes: &[u8]) -> Result<Self, JwsError> {
        if bytes.len() > MAX_JWS_BYTES {
            return Err(JwsError::TooLong);
        }
        let parts: Flattened = serde_json::from_slice(bytes).map_err(|_| JwsError::Malformed)?;
        if parts.header.is_some() || parts.signatures.is_some() || [&parts.protected, &parts.payload].iter().any(|part| part.contains('.'))
        {
            return Err(JwsError::Malformed);
        }
        Self::parse(format!("{}.{}.{}", parts.protected, parts.payload, parts.signature).as_bytes())
    }

    /// The nonce that makes it good once.
    pub fn nonce(&self) -> Option<&str> {
        self.header.get("nonce").and_then(Value::as_str)
    }

    /// The address that it was made for.
    pub fn url(&self) -> Option<&str> {
        self.header.get("url").and_then(Value::as_str)
    }

    /// The key that it brings along, if it brings one.
    pub fn key(&self) -> Option<Result<Jwk, JwsError>> {
        self.header.get("jwk").map(|key| Jwk::read(key).ok_or(JwsError::Algorithm))
    }

    /// Verifies that `key` signed it, by the algorithm that the header names.
    pub fn verify_by_key(&self, key: &Jwk) -> Result<(), JwsError> {
        match (self.algorithm(), key.kind) {
            ("ES256", KeyKind::P256) => self.verify_es256(&key.spki),
            ("RS256", KeyKind::Rsa { .. }) => {
                let public = PublicKey::read(&key.spki).map_err(|_| JwsError::Algorithm)?;
                let digest = Digest::Sha256.of(&self.signed);
                let verdict = public.verify_digest(&key.spki, Scheme::RsaPkcs1(Digest::Sha256), &digest, &self.signature);
                verdict.map_err(|_| JwsError::Signature)
            }
            _ => Err(JwsError::Algorithm),
        }
    }
}

/// A public key as a JSON Web Key (RFC 7517): P-256, or RSA of 2048 to 4096 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwk {
    /// Its required members alone, in the order of their names: what its thumbprint is made of, and what is kept of it.
    canonical: String,
    spki: Vec<u8>,
    kind: KeyKind,
}

impl Jwk {
    /// Reads a key; none where it is of another kind, or damaged.
    pub fn read(key: &Value) -> Option<Self> {
        if let Some(spki) = spki_of_jwk(key) {
            let (x, y) = (key.get("x")?.as_str()?, key.get("y")?.as_str()?);
            return Some(Self { canonical: format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#), spki, kind: KeyKind::P256 });
        }
        if key.get("kty")? != "RSA" {
            return None;
        }
        let number = |name: &str| {
            URL_SAFE_NO_PAD.decode(key.get(name)?.as_str()?).ok().filter(|bytes| bytes.first().is_some_and(|first| *first != 0))
        };
        let (modulus, exponent) = (number("n")?, number("e")?);
        let integer = |bytes: &[u8]| {
            let sign: &[u8] = if bytes[0] & 0x80 == 0 { &[] } else { &[0] };
            element(Tag::Integer, &[sign, bytes].concat()).ok()
        };
        let numbers = element(Tag::Sequence, &[integer(&modulus)?, integer(&exponent)?].concat()).ok()?;
        let spki = public_key::write(algorithm_null(oid::RSA_ENCRYPTION), &numbers).ok()?;
        let public = PublicKey::read(&spki).ok()?;
        let KeyKind::Rsa { bits } = public.kind() else { return None };
        if !(RSA_MIN_BITS..=RSA_MAX_BITS).contains(&bits) || !public.exponent_is_sane() {
            return None;
        }
        let (n, e) = (key.get("n")?.as_str()?, key.get("e")?.as_str()?);
        Some(Self { canonical: format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#), spki, kind: public.kind() })
    }

    /// Reads what [`Jwk::canonical`] wrote.
    pub fn from_canonical(text: &str) -> Option<Self> {
        Self::read(&serde_json::from_str(text).ok()?)
    }

    /// Its required members as JSON, in the order of their names and without white space (RFC 7638 §3).
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// Its SubjectPublicKeyInfo, DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Its thumbprint (RFC 7638): SHA-256 of [`Jwk::canonical`].
    pub fn thumbprint(&self) -> [u8; 32] {
        sha256(self.canonical.as_bytes())
    }
}

/// The JSON Web Key of a P-256 key, as ACME's clients send it; none for other keys.
pub fn jwk_of(spki: &[u8]) -> Option<Value> {
    let (x, y) = p256_point(spki)?.get(1..)?.split_at_checked(super::P256_NUMBER)?;
    Some(json!({ "kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) }))
}

/// Signs `payload` by a P-256 key under `header`, to which the algorithm is added; an empty payload is a question (POST-as-GET).
pub fn sign_flattened(key: &PrivateKey, mut header: Map<String, Value>, payload: &[u8]) -> Result<Value, JwsError> {
    if key.kind() != KeyKind::P256 {
        return Err(JwsError::Algorithm);
    }
    header.insert(String::from("alg"), Value::from("ES256"));
    let (protected, payload) = (URL_SAFE_NO_PAD.encode(Value::Object(header).to_string()), URL_SAFE_NO_PAD.encode(payload));
    let signature = key.sign(Digest::Sha256, format!("{protected}.{payload}").as_bytes())?;
    let signature = URL_SAFE_NO_PAD.encode(raw_of(&signature).ok_or(JwsError::Signing)?);
    Ok(json!({ "protected": protected, "payload": payload, "signature": signature }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::mutations;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("an object") };
        map
    }

    fn signed(key: &PrivateKey) -> Vec<u8> {
        let jwk = jwk_of(key.public_key_der()).unwrap();
        let header = object(json!({ "jwk": jwk, "nonce": "n-1", "url": "https://mdm.example.school/acme/new-account" }));
        sign_flattened(key, header, br#"{"termsOfServiceAgreed":true}"#).unwrap().to_string().into_bytes()
    }

    #[test]
    fn the_thumbprint_is_that_of_the_rfcs_example() {
        // RFC 7638 §3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs\
                 tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbIS\
                 D08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = Jwk::read(&json!({ "kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" })).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.encode(key.thumbprint()), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        assert_eq!(Jwk::from_canonical(key.canonical()), Some(key));
    }

    #[test]
    fn a_signed_request_is_read_and_only_its_own_key_verifies_it() {
        let (key, other) = (PrivateKey::generate_p256().unwrap(), PrivateKey::generate_p256().unwrap());
        let jws = Jws::parse_flattened(&signed(&key)).unwrap();
        assert_eq!((jws.nonce(), jws.url(), jws.key_id()), (Some("n-1"), Some("https://mdm.example.school/acme/new-account"), None));
        assert_eq!(jws.payload(), br#"{"termsOfServiceAgreed":true}"#);
        let brought = jws.key().unwrap().unwrap();
        assert_eq!(jws.verify_by_key(&brought), Ok(()));
        let foreign = Jwk::read(&jwk_of(other.public_key_der()).unwrap()).unwrap();
        assert_eq!(jws.verify_by_key(&foreign), Err(JwsError::Signature));
    }

    #[test]
    fn rs256_is_taken_and_weak_keys_and_other_algorithms_are_not() {
        let key = PrivateKey::generate_rsa_2048().unwrap();
        let info = crate::pki::asn1::decode::<crate::pki::asn1::Seq<'_>>(key.public_key_der(), "key").unwrap();
        let bits = crate::pki::asn1::decode::<crate::pki::asn1::BitStringRef<'_>>(info.items().nth(1).unwrap(), "key").unwrap();
        let numbers = crate::pki::asn1::decode::<crate::pki::asn1::Seq<'_>>(bits.raw_bytes(), "key").unwrap();
        let numbers: Vec<_> =
            numbers.items().of::<crate::pki::asn1::Number<'_>>().map(|number| crate::pki::asn1::unsigned(number.0)).collect();
        let jwk = json!({ "kty": "RSA", "n": URL_SAFE_NO_PAD.encode(numbers[0]), "e": URL_SAFE_NO_PAD.encode(numbers[1]) });
        let message = |alg: &str| {
            let protected = URL_SAFE_NO_PAD.encode(json!({ "alg": alg, "jwk": jwk, "nonce": "n", "url": "u" }).to_string());
            let signature = URL_SAFE_NO_PAD.encode(key.sign(Digest::Sha256, format!("{protected}.").as_bytes()).unwrap());
            json!({ "protected": protected, "payload": "", "signature": signature }).to_string().into_bytes()
        };
        let jws = Jws::parse_flattened(&message("RS256")).unwrap();
        let read = jws.key().unwrap().unwrap();
        assert_eq!(jws.verify_by_key(&read), Ok(()));
        assert_eq!(Jws::parse_flattened(&message("ES256")).unwrap().verify_by_key(&read), Err(JwsError::Algorithm));
        for alg in ["none", "HS256"] {
            assert_eq!(Jws::parse_flattened(&message(alg)).unwrap_err(), JwsError::Algorithm);
        }
        assert_eq!(Jwk::read(&json!({ "kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xc1; 128]), "e": "AQAB" })), None, "1024 bits");
        assert_eq!(Jwk::read(&json!({ "kty": "RSA", "n": URL_SAFE_NO_PAD.encode(numbers[0]), "e": "AQ" })), None, "the exponent 1");
        assert_eq!(Jwk::read(&json!({ "kty": "oct", "k": "AQAB" })), None);
    }

    #[test]
    fn an_unsigned_header_several_signatures_and_damage_are_refused() {
        let message: Value = serde_json::from_slice(&signed(&PrivateKey::generate_p256().unwrap())).unwrap();
        for (member, value) in [("header", json!({ "kid": "x" })), ("signatures", json!([]))] {
            let mut odd = message.clone();
            odd[member] = value;
            assert_eq!(Jws::parse_flattened(odd.to_string().as_bytes()).unwrap_err(), JwsError::Malformed, "{member}");
        }
        let bytes = message.to_string().into_bytes();
        for damaged in mutations(&bytes) {
            let verdict = Jws::parse_flattened(&damaged)
                .and_then(|jws| jws.key().unwrap_or(Err(JwsError::Algorithm)).and_then(|key| jws.verify_by_key(&key)));
            assert!(verdict.is_err() || damaged == bytes);
        }
        assert_eq!(Jws::parse_flattened(&vec![b' '; MAX_JWS_BYTES + 1]).unwrap_err(), JwsError::TooLong);
    }
}
