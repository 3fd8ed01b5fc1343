//! What is proven: certificates, signatures, envelopes, seals; pure functions over bytes.

#![allow(dead_code, reason = "laid before what stands on it")]

pub mod apple;
pub(crate) mod asn1;
pub mod attestation;
pub mod authority_files;
pub mod ber;
pub mod bypass_code;
pub mod cbor;
pub mod certificate;
pub mod cipher;
pub mod cms;
pub mod csr;
pub mod device_identity;
pub mod digest;
pub mod dropped;
pub mod issue;
#[cfg(test)]
pub(crate) mod judge;
pub mod jws;
pub mod key;
pub mod known;
pub mod mac_password;
pub mod md5;
pub mod oauth1;
pub mod password;
pub(crate) mod pem;
pub mod pkcs12;
pub mod proxy_header;
pub mod public_key;
pub mod public_tls;
pub mod push_certificate;
pub mod push_request;
pub mod seal;
pub mod smime;
pub mod totp;
pub mod vault;

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).map(char::from).collect()
}

/// The bytes that pairs of hexadecimal digits in either case stand for; white space between them does not count.
pub(crate) fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let (pairs, rest) = digits.as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some((digit(*high)? << 4 | digit(*low)?) as u8)).collect()
}
