//! The client certificate in a header that a reverse proxy adds: four dialects, one certificate and never several, of which one would be guessed.

use super::pem;

/// Headers above this size are refused; a chain of four certificates stays below 16 KiB in the most wordy dialect.
pub const MAX_HEADER_BYTES: usize = 32 * 1024;

/// How the reverse proxy writes the certificate (setting `proxy_cert_format`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ProxyCertFormat {
    /// `rfc9440`: base64 DER between colons (RFC 9440 §2.1): HAProxy, Envoy, cloud load balancers.
    #[default]
    Rfc9440,
    /// `url-pem`: URL-escaped PEM: nginx's `$ssl_client_escaped_cert`.
    UrlPem,
    /// `traefik`: base64 DER without PEM's lines, URL-escaped or not.
    Traefik,
    /// `apache`: PEM with spaces in place of line ends: Apache's `%{SSL_CLIENT_CERT}s`.
    Apache,
}

impl ProxyCertFormat {
    /// All dialects.
    pub const ALL: [Self; 4] = [Self::Rfc9440, Self::UrlPem, Self::Traefik, Self::Apache];

    /// The dialect's name in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rfc9440 => "rfc9440",
            Self::UrlPem => "url-pem",
            Self::Traefik => "traefik",
            Self::Apache => "apache",
        }
    }

    /// The dialect of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// The header does not hold a certificate in the dialect that is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the header does not hold one client certificate in the form {}: compare proxy_cert_format with what the proxy sends", .0.name())]
pub struct ProxyHeaderError(pub ProxyCertFormat);

impl From<ProxyHeaderError> for crate::error::Error {
    fn from(error: ProxyHeaderError) -> Self {
        Self::bad_input(error.to_string()).caused_by(error)
    }
}

/// Reads the client's certificate as DER out of the header's value; the DER itself is not parsed.
pub fn parse(value: &[u8], format: ProxyCertFormat) -> Result<Vec<u8>, ProxyHeaderError> {
    let der = if value.len() > MAX_HEADER_BYTES { None } else { read(value, format) };
    // Every certificate is a SEQUENCE; anything else is a sign of the wrong dialect.
    der.filter(|der| der.first() == Some(&0x30)).ok_or(ProxyHeaderError(format))
}

fn read(value: &[u8], format: ProxyCertFormat) -> Option<Vec<u8>> {
    match format {
        ProxyCertFormat::Rfc9440 => {
            let inner = value.trim_ascii().strip_prefix(b":")?;
            let end = inner.iter().position(|byte| *byte == b':')?;
            // Parameters may follow; a comma would begin another certificate.
            let rest = inner[end + 1..].trim_ascii_start();
            let is_alone = rest.is_empty() || rest[0] == b';' && !rest.contains(&b',');
            if is_alone { pem::base64(&inner[..end]) } else { None }
        }
        ProxyCertFormat::UrlPem => only_pem(&percent_decoded(value)?),
        ProxyCertFormat::Traefik => {
            let decoded = percent_decoded(value)?;
            if decoded.starts_with(b"-----BEGIN") {
                return only_pem(&decoded);
            }
            // A comma is none of base64's letters, so that a chain is refused like everything else that is not one certificate.
            pem::base64(&decoded)
        }
        ProxyCertFormat::Apache => only_pem(value),
    }
}

/// The one certificate of a PEM text, whose line ends may have become spaces.
fn only_pem(text: &[u8]) -> Option<Vec<u8>> {
    let mut certificates = pem::blocks(text).into_iter().filter(pem::Block::is_certificate);
    certificates.next().filter(|_| certificates.next().is_none()).map(|block| block.der)
}

/// Decodes `%41` and the like; a plus sign stays one, for base64 is full of them.
pub(crate) fn percent_decoded(value: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            decoded.push(*first);
            continue;
        }
        let (digits, after) = rest.split_first_chunk::<2>()?;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        decoded.push((digit(digits[0])? << 4 | digit(digits[1])?) as u8);
        rest = after;
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::certificate::Certificate;
    use crate::pki::judge::openssl;
    use crate::testing::mutations;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    fn certificate() -> Certificate {
        let args = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=TESTSN0001"];
        Certificate::from_pem(&openssl(&args, b"")).unwrap()
    }

    /// Percent-encodes all but letters and digits, as nginx and Traefik do.
    fn escaped(text: &str) -> String {
        text.bytes().map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
    }

    fn dialects(certificate: &Certificate) -> Vec<(ProxyCertFormat, String)> {
        let base64 = STANDARD.encode(certificate.der());
        let pem = certificate.to_pem();
        vec![
            (ProxyCertFormat::Rfc9440, format!(":{base64}:")),
            (ProxyCertFormat::Rfc9440, format!(" :{base64}:; other=1")),
            (ProxyCertFormat::UrlPem, escaped(&pem)),
            (ProxyCertFormat::UrlPem, escaped(&pem.replace('\n', "\r\n"))),
            (ProxyCertFormat::Traefik, base64.clone()),
            (ProxyCertFormat::Traefik, escaped(&base64)),
            (ProxyCertFormat::Traefik, escaped(&pem)),
            (ProxyCertFormat::Apache, pem.replace('\n', " ")),
            (ProxyCertFormat::Apache, pem.clone()),
        ]
    }

    #[test]
    fn more_than_one_certificate_is_none() {
        let (one, other) = (certificate(), certificate());
        let (base64, others) = (STANDARD.encode(one.der()), STANDARD.encode(other.der()));
        let pems = format!("{}{}", one.to_pem(), other.to_pem());
        for (format, value) in [
            (ProxyCertFormat::Rfc9440, format!(":{base64}:, :{others}:")),
            (ProxyCertFormat::UrlPem, escaped(&pems)),
            (ProxyCertFormat::Traefik, format!("{base64},{others}")),
            (ProxyCertFormat::Traefik, escaped(&format!("{base64},{others}"))),
            (ProxyCertFormat::Traefik, escaped(&pems)),
            (ProxyCertFormat::Apache, pems.replace('\n', " ")),
        ] {
            assert!(parse(value.as_bytes(), format).is_err(), "{} {value:.60}", format.name());
        }
    }

    #[test]
    fn the_four_dialects_hold_the_same_certificate() {
        let certificate = certificate();
        for (format, value) in dialects(&certificate) {
            assert_eq!(parse(value.as_bytes(), format).as_deref(), Ok(certificate.der()), "{format:?} {value}");
            assert_eq!(ProxyCertFormat::from_name(format.name()), Some(format));
        }
    }

    #[test]
    fn the_wrong_dialect_is_named() {
        let value = certificate().to_pem();
        let error = parse(value.as_bytes(), ProxyCertFormat::Rfc9440).unwrap_err();
        assert!(error.to_string().contains("rfc9440"), "{error}");
        for format in ProxyCertFormat::ALL {
            for bad in [&b""[..], b":", b"::", b"%", b"%4", b"%zz", b"(null)", b"none", b"QUJD", b":QUJD:"] {
                assert_eq!(parse(bad, format), Err(ProxyHeaderError(format)));
            }
            assert!(parse(&vec![b'A'; MAX_HEADER_BYTES + 1], format).is_err());
        }
    }

    #[test]
    fn damaged_headers_do_no_harm() {
        for (format, value) in dialects(&certificate()) {
            for damaged in mutations(value.as_bytes()) {
                let _ = parse(&damaged, format).map(|der| Certificate::from_der(&der));
            }
        }
    }
}
