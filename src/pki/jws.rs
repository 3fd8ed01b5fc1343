//! JSON Web Signatures in their compact form (RFC 7515), as far as apps and this server exchange them: ES256 and RS256, nothing else.

pub mod flattened;

use aws_lc_rs::signature::{self as alg, EcdsaKeyPair, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::certificate::{Certificate, CertificateError};
use super::digest::Digest;
use super::key::{KeyError, PrivateKey};
use super::public_key::{KeyKind, Scheme};

/// The longest compact JWS that is read, in bytes.
pub const MAX_JWS_BYTES: usize = 64 << 10;

/// Certificates that `x5c` may hold.
pub const MAX_CHAIN: usize = 4;

/// Bytes of one number of a P-256 signature (RFC 7518 §3.4: R and S, each of 32 bytes).
const P256_NUMBER: usize = 32;

/// Why a JWS was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// It is not three parts of base64url with a header that is a JSON object.
    #[error("this is not a JWS in compact form")]
    Malformed,
    /// It is longer than [`MAX_JWS_BYTES`].
    #[error("the JWS is longer than {MAX_JWS_BYTES} bytes")]
    TooLong,
    /// `alg` is none of those that are taken, or does not fit the key.
    #[error("the JWS must say `alg` ES256 (with a P-256 key) or RS256 (with an RSA key)")]
    Algorithm,
    /// The header asks for something that must be understood and is not (`crit`, RFC 7515 §4.1.11).
    #[error("the JWS header has `crit`, and nothing of the sort is understood here")]
    Critical,
    /// There is no certificate in `x5c`, or too many.
    #[error("the JWS header must hold the certificate, in `x5c`, and at most {MAX_CHAIN} in all")]
    NoCertificate,
    /// The certificate cannot be read.
    #[error("a certificate in `x5c` cannot be read")]
    Certificate,
    /// The signature does not belong to header, payload and key.
    #[error("the signature of the JWS does not match")]
    Signature,
    /// It could not be made.
    #[error("the JWS could not be signed")]
    Signing,
}

impl From<JwsError> for crate::error::Error {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::Signing => Self::internal("an answer could not be signed", error),
            JwsError::Signature => Self::new(crate::error::Kind::Unauthenticated, error.to_string()).caused_by(error),
            error => Self::bad_input(error.to_string()).caused_by(error),
        }
    }
}

impl From<KeyError> for JwsError {
    fn from(_: KeyError) -> Self {
        Self::Signing
    }
}

/// A JWS that was taken apart; nothing about it is proven.
#[derive(Debug, Clone)]
pub struct Jws {
    header: Map<String, Value>,
    payload: Vec<u8>,
    /// Header, dot, payload, as they came: what the signature covers.
    signed: Vec<u8>,
    signature: Vec<u8>,
}

impl Jws {
    /// Takes a compact JWS apart.
    ///
    /// # Errors
    /// [`JwsError::Algorithm`] for every `alg` but ES256 and RS256, `none` among them; [`JwsError::Critical`] for `crit`.
    pub fn parse(text: &[u8]) -> Result<Self, JwsError> {
        if text.len() > MAX_JWS_BYTES {
            return Err(JwsError::TooLong);
        }
        let text = text.trim_ascii();
        let mut parts = text.split(|byte| *byte == b'.');
        let (Some(header), Some(payload), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(JwsError::Malformed);
        };
        let plain = |part: &[u8]| URL_SAFE_NO_PAD.decode(part).map_err(|_| JwsError::Malformed);
        let Ok(Value::Object(named)) = serde_json::from_slice(&plain(header)?) else { return Err(JwsError::Malformed) };
        let jws = Self {
            header: named,
            payload: plain(payload)?,
            signed: text[..header.len() + 1 + payload.len()].to_vec(),
            signature: plain(signature)?,
        };
        if !matches!(jws.algorithm(), "ES256" | "RS256") {
            return Err(JwsError::Algorithm);
        }
        if jws.header.contains_key("crit") {
            return Err(JwsError::Critical);
        }
        Ok(jws)
    }

    fn algorithm(&self) -> &str {
        self.header.get("alg").and_then(Value::as_str).unwrap_or_default()
    }

    /// The id of the key that is said to have signed it.
    pub fn key_id(&self) -> Option<&str> {
        self.header.get("kid").and_then(Value::as_str)
    }

    /// What is said to be signed (`typ`, RFC 8725 §3.11).
    pub fn kind(&self) -> Option<&str> {
        self.header.get("typ").and_then(Value::as_str)
    }

    /// What it says.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The certificates that it brings (RFC 7515 §4.1.6: standard base64), the signer's first; `read` makes one of its DER.
    pub fn certificates(&self, read: impl Fn(&[u8]) -> Result<Certificate, CertificateError>) -> Result<Vec<Certificate>, JwsError> {
        let said = self.header.get("x5c").and_then(Value::as_array).ok_or(JwsError::NoCertificate)?;
        if said.is_empty() || said.len() > MAX_CHAIN {
            return Err(JwsError::NoCertificate);
        }
        said.iter()
            .map(|text| {
                let der = text.as_str().and_then(|text| STANDARD.decode(text).ok()).ok_or(JwsError::Certificate)?;
                read(&der).map_err(|_| JwsError::Certificate)
            })
            .collect()
    }

    /// Verifies that the key of `certificate` signed it. Nothing about the certificate itself is judged.
    pub fn verify_by(&self, certificate: &Certificate) -> Result<(), JwsError> {
        let digest = Digest::Sha256.of(&self.signed);
        let (scheme, signature) = match (self.algorithm(), certificate.key_kind()) {
            ("ES256", KeyKind::P256) => (Scheme::Ecdsa(Digest::Sha256), der_of(&self.signature).ok_or(JwsError::Signature)?),
            ("RS256", KeyKind::Rsa { bits }) if bits >= 2048 => (Scheme::RsaPkcs1(Digest::Sha256), self.signature.clone()),
            _ => return Err(JwsError::Algorithm),
        };
        certificate.verify_digest(scheme, &digest, &signature).map_err(|_| JwsError::Signature)
    }

    /// Verifies that a P-256 key, given as SubjectPublicKeyInfo, signed it.
    pub fn verify_es256(&self, spki: &[u8]) -> Result<(), JwsError> {
        let point = p256_point(spki).filter(|_| self.algorithm() == "ES256").ok_or(JwsError::Algorithm)?;
        let key = UnparsedPublicKey::new(&alg::ECDSA_P256_SHA256_FIXED, point);
        key.verify(&self.signed, &self.signature).map_err(|_| JwsError::Signature)
    }
}

/// A P-256 key that signs many JWS: made ready once.
pub struct JwsSigner {
    pair: EcdsaKeyPair,
    header: String,
}

impl JwsSigner {
    /// Makes a P-256 key ready to sign as `key_id`; `typ` says what is signed (RFC 8725 §3.11), so that nothing else can be passed off as it.
    pub fn new(key: &PrivateKey, key_id: &str, typ: &str) -> Result<Self, JwsError> {
        if key.kind() != KeyKind::P256 {
            return Err(JwsError::Algorithm);
        }
        let pair = EcdsaKeyPair::from_pkcs8(&alg::ECDSA_P256_SHA256_FIXED_SIGNING, key.pkcs8_der().expose());
        let header = json!({ "alg": "ES256", "kid": key_id, "typ": typ });
        Ok(Self { pair: pair.map_err(|_| JwsError::Signing)?, header: URL_SAFE_NO_PAD.encode(header.to_string()) })
    }

    /// Signs `payload`.
    pub fn sign(&self, payload: &[u8]) -> Result<String, JwsError> {
        let signed = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(payload));
        let signature = self.pair.sign(&aws_lc_rs::rand::SystemRandom::new(), signed.as_bytes()).map_err(|_| JwsError::Signing)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref())))
    }
}

impl std::fmt::Debug for JwsSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JwsSigner(P-256)")
    }
}

/// Signs `payload` with the key of the first of `chain`, which goes along in `x5c`: ES256 or RS256, as the key is.
pub fn sign_with_chain(key: &PrivateKey, chain: &[Certificate], payload: &[u8]) -> Result<String, JwsError> {
    let chain: Vec<_> = chain.iter().map(|certificate| STANDARD.encode(certificate.der())).collect();
    sign_as(key, ("x5c", json!(chain)), payload)
}

/// Signs `payload` as a JSON Web Token (RFC 7519): ES256 or RS256, as the key is.
pub fn sign_token(key: &PrivateKey, payload: &[u8]) -> Result<String, JwsError> {
    sign_as(key, ("typ", json!("JWT")), payload)
}

/// Signs `payload` under a header with one more name than `alg`.
fn sign_as(key: &PrivateKey, (name, value): (&str, Value), payload: &[u8]) -> Result<String, JwsError> {
    let algorithm = match key.kind() {
        KeyKind::P256 => "ES256",
        KeyKind::Rsa { .. } => "RS256",
        _ => return Err(JwsError::Algorithm),
    };
    let header = json!({ "alg": algorithm, name: value });
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(payload));
    let signature = key.sign(Digest::Sha256, signed.as_bytes())?;
    let signature = if algorithm == "ES256" { raw_of(&signature).ok_or(JwsError::Signing)? } else { signature };
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// A P-256 key as a JSON Web Key (RFC 7517), to be published; none for other keys.
pub fn public_jwk(spki: &[u8], key_id: &str) -> Option<Value> {
    let (x, y) = p256_point(spki)?.get(1..)?.split_at_checked(P256_NUMBER)?;
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    Some(json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": key_id, "use": "sig", "alg": "ES256" }))
}

/// The SubjectPublicKeyInfo of a P-256 key that was published as a JSON Web Key.
pub fn spki_of_jwk(key: &Value) -> Option<Vec<u8>> {
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key.get(name)?.as_str()?).ok().filter(|bytes| bytes.len() == P256_NUMBER);
    let is_p256 = key.get("kty")? == "EC" && key.get("crv")? == "P-256";
    is_p256.then(|| Some([&SPKI_PREFIX[..], &[0x04], &number("x")?, &number("y")?].concat())).flatten()
}

/// What stands before the point in the SubjectPublicKeyInfo of every P-256 key (RFC 5480 §2.1.1).
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
    0x07, 0x03, 0x42, 0x00,
];

/// The uncompressed point of a P-256 key.
fn p256_point(spki: &[u8]) -> Option<&[u8]> {
    spki.strip_prefix(&SPKI_PREFIX).filter(|point| point.len() == 1 + 2 * P256_NUMBER && point[0] == 0x04)
}

/// A signature of two fixed numbers as X.509 writes it: a SEQUENCE of two INTEGERs.
fn der_of(raw: &[u8]) -> Option<Vec<u8>> {
    let (r, s) = raw.split_at_checked(P256_NUMBER).filter(|(_, s)| s.len() == P256_NUMBER)?;
    let mut content = Vec::with_capacity(72);
    for number in [r, s] {
        let significant = &number[number.iter().position(|byte| *byte != 0)?..];
        let sign = usize::from(significant[0] & 0x80 != 0);
        content.extend([0x02, (significant.len() + sign) as u8]);
        content.extend(std::iter::repeat_n(0, sign));
        content.extend(significant);
    }
    Some([&[0x30, content.len() as u8][..], &content].concat())
}

/// The other way round.
fn raw_of(der: &[u8]) -> Option<Vec<u8>> {
    let mut rest = der.strip_prefix(&[0x30])?.split_first()?.1;
    let mut raw = Vec::with_capacity(2 * P256_NUMBER);
    for _ in 0..2 {
        let (length, after) = rest.strip_prefix(&[0x02])?.split_first()?;
        let (number, after) = after.split_at_checked(usize::from(*length))?;
        let number = number.strip_prefix(&[0]).unwrap_or(number);
        raw.extend(std::iter::repeat_n(0, P256_NUMBER.checked_sub(number.len())?));
        raw.extend(number);
        rest = after;
    }
    rest.is_empty().then_some(raw)
}

#[cfg(test)]
mod tests;
