//! Requests signed the old way: OAuth 1.0a with HMAC-SHA1 (RFC 5849), as Apple's enrollment service still wants them.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

use super::digest::hmac_sha1;
use super::key::KeyError;
use super::{hex, pem};
use crate::clock::Timestamp;
use crate::secret::Secret;

/// Random bytes of a nonce.
const NONCE_BYTES: usize = 16;

/// Who signs.
#[derive(Debug, Clone, Copy)]
pub struct Signatory<'a> {
    /// The client's name.
    pub consumer_key: &'a str,
    /// The client's secret.
    pub consumer_secret: &'a Secret<String>,
    /// The token's name.
    pub access_token: &'a str,
    /// The token's secret.
    pub access_secret: &'a Secret<String>,
}

/// A nonce that nobody has used.
pub fn nonce() -> Result<String, KeyError> {
    let mut bytes = [0; NONCE_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| KeyError::Malformed)?;
    Ok(hex(&bytes))
}

/// The value of `Authorization` for a request without a form in its body. The parameters of the URL's query are signed along.
pub fn authorization(by: Signatory<'_>, method: &str, url: &str, realm: &str, nonce: &str, now: Timestamp) -> String {
    let seconds = (now.millis() / 1000).to_string();
    let said = [
        ("oauth_consumer_key", by.consumer_key),
        ("oauth_token", by.access_token),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", seconds.as_str()),
        ("oauth_nonce", nonce),
    ];
    let signature = signature(&base_string(method, url, &said), by.consumer_secret, by.access_secret);
    let said: Vec<String> = said.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("OAuth realm=\"{realm}\", {}, oauth_signature=\"{}\"", said.join(", "), escaped(&signature))
}

/// The signature over a base string (section 3.4.2).
pub fn signature(base: &str, consumer_secret: &Secret<String>, token_secret: &Secret<String>) -> String {
    let key = Secret::new(format!("{}&{}", escaped(consumer_secret.expose()), escaped(token_secret.expose())));
    pem::encode(&hmac_sha1(key.expose().as_bytes(), base.as_bytes()))
}

/// What is signed: method, address and parameters in a fixed order (section 3.4.1). `said` are those of the header, the signature left out.
pub fn base_string(method: &str, url: &str, said: &[(&str, &str)]) -> String {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let mut parameters: Vec<(String, String)> = said.iter().map(|(name, value)| (escaped(name), escaped(value))).collect();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        parameters.push((escaped(&unescaped(name)), escaped(&unescaped(value))));
    }
    parameters.sort();
    let parameters: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{}&{}&{}", method.to_ascii_uppercase(), escaped(&plain_address(address)), escaped(&parameters.join("&")))
}

/// Scheme and host in lower case, without the scheme's own port (section 3.4.1.2).
fn plain_address(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let (scheme, host) = (scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
    let own = if scheme == "https" { ":443" } else { ":80" };
    format!("{scheme}://{}{path}", host.strip_suffix(own).unwrap_or(&host))
}

/// The parameters of an `Authorization` header of this kind, decoded; nothing when it is another.
pub fn read(header: &str) -> Option<Vec<(String, String)>> {
    let parameters = header.trim().strip_prefix("OAuth ")?.split(',');
    let pair = |parameter: &str| {
        let (name, value) = parameter.trim().split_once('=')?;
        Some((unescaped(name), unescaped(value.strip_prefix('"')?.strip_suffix('"')?)))
    };
    parameters.map(pair).collect()
}

/// Percent-encodes as RFC 5849, section 3.6, wants it.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(byte.into());
        } else {
            escaped.push('%');
            escaped.extend([byte >> 4, byte & 15].map(|digit| char::from(b"0123456789ABCDEF"[usize::from(digit)])));
        }
    }
    escaped
}

/// Undoes percent-encoding; a `+` is a space, as forms have it.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let pair = tail.get(..2).filter(|_| *first == b'%');
        let decoded = pair.and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        bytes.push(decoded.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    /// RFC 5849, section 1.2: the request for a photo.
    #[test]
    fn the_example_of_the_standard_is_signed_as_it_stands_there() {
        let (consumer_secret, access_secret) = (secret("kd94hf93k423kf44"), secret("pfkkdhi9sl3r4s00"));
        let by = Signatory {
            consumer_key: "dpf43f3p2l4k3l03",
            consumer_secret: &consumer_secret,
            access_token: "nnch734d00sl2jdk",
            access_secret: &access_secret,
        };
        let url = "http://photos.example.net/photos?file=vacation.jpg&size=original";
        assert_eq!(
            authorization(by, "GET", url, "Photos", "chapoH", Timestamp::from_seconds(137_131_202)),
            "OAuth realm=\"Photos\", oauth_consumer_key=\"dpf43f3p2l4k3l03\", oauth_token=\"nnch734d00sl2jdk\", \
             oauth_signature_method=\"HMAC-SHA1\", oauth_timestamp=\"137131202\", oauth_nonce=\"chapoH\", \
             oauth_signature=\"MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D\""
        );
    }

    /// RFC 5849, section 3.4.1.1; the parameters of its form are given along.
    #[test]
    fn the_base_string_is_that_of_the_standard() {
        let said = [
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
            ("c2", ""),
            ("a3", "2 q"),
        ];
        assert_eq!(
            base_string("post", "HTTP://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b", &said),
            "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26\
             oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D\
             137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
        );
    }

    #[test]
    fn a_header_is_read_back_and_another_kind_is_none() {
        let header = "OAuth realm=\"ADM\", oauth_token=\"a%2Fb\"";
        assert_eq!(read(header).unwrap(), [("realm".into(), "ADM".into()), ("oauth_token".into(), "a/b".into())]);
        assert_eq!(read("Bearer x"), None);
        assert_eq!(read("OAuth realm=ADM"), None);
        assert_ne!(nonce().unwrap(), nonce().unwrap());
    }
}
