//! The device certificate that a reverse proxy writes into a header, in its four dialects.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::config::ProxyCertFormat;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
/// The first byte of every certificate's DER: a SEQUENCE.
const SEQUENCE: u8 = 0x30;

/// Reads the certificate of the connection out of a header's `value`, as DER; nothing when the value has another form.
///
/// Sources: RFC 9440 section 2.1; nginx `$ssl_client_escaped_cert`; Traefik's PassTLSClientCert; Apache `%{SSL_CLIENT_CERT}s`.
pub(super) fn certificate(value: &[u8], format: ProxyCertFormat) -> Option<Bytes> {
    let value = std::str::from_utf8(value).ok()?.trim();
    let der = match format {
        ProxyCertFormat::Rfc9440 => STANDARD.decode(value.strip_prefix(':')?.strip_suffix(':')?).ok()?,
        ProxyCertFormat::UrlPem => pem(&unescaped(value)?)?,
        // The chain follows the certificate of the connection.
        ProxyCertFormat::Traefik => STANDARD.decode(unescaped(value.split(',').next()?)?).ok()?,
        ProxyCertFormat::Apache => pem(value)?,
    };
    der.starts_with(&[SEQUENCE]).then(|| Bytes::from(der))
}

/// The first certificate of a PEM text whose lines may have been joined by spaces.
fn pem(text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(BEGIN)?;
    let (inside, _) = rest.split_once(END)?;
    let base64: String = inside.split_ascii_whitespace().collect();
    STANDARD.decode(base64).ok()
}

/// Undoes percent-encoding (RFC 3986 section 2.1). A `+` is a plus sign: base64 is full of them, and no proxy writes spaces that way.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            plain => plain,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ProxyCertFormat::{Apache, Rfc9440, Traefik, UrlPem};

    /// Bytes that are as long as a certificate and contain every letter of base64.
    fn der() -> Vec<u8> {
        [&[SEQUENCE, 0x82, 0x03, 0x10][..], &(0..=255).cycle().take(784).collect::<Vec<u8>>()].concat()
    }

    fn pem_text(line_end: &str) -> String {
        let base64 = STANDARD.encode(der());
        let lines: Vec<_> = base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("{BEGIN}{line_end}{}{line_end}{END}{line_end}", lines.join(line_end))
    }

    fn escaped(text: &str) -> String {
        let letter = |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
        text.bytes().map(letter).collect()
    }

    fn values() -> Vec<(ProxyCertFormat, String)> {
        let base64 = STANDARD.encode(der());
        vec![
            (Rfc9440, format!(":{base64}:")),
            (UrlPem, escaped(&pem_text("\n"))),
            (UrlPem, escaped(&pem_text("\n")).replace("%2B", "+").replace("%2F", "/").replace("%3D", "=").replace("%2D", "-")),
            (Traefik, base64.clone()),
            (Traefik, escaped(&base64)),
            (Traefik, format!("{base64},MAMCAQE=")),
            (Apache, pem_text(" ")),
        ]
    }

    #[test]
    fn every_dialect_gives_the_same_certificate() {
        for (format, value) in values() {
            assert_eq!(certificate(value.as_bytes(), format).as_deref(), Some(&der()[..]), "{format:?} {value}");
        }
    }

    #[test]
    fn what_is_not_a_certificate_is_none() {
        for format in [Rfc9440, UrlPem, Traefik, Apache] {
            for value in [
                "",
                "(null)",
                ":",
                "::",
                ":=:",
                "%",
                "%2",
                "%zz",
                "AAAA",
                ":AAAA:",
                BEGIN,
                "-----BEGIN CERTIFICATE----- -----END CERTIFICATE-----",
            ] {
                assert_eq!(certificate(value.as_bytes(), format), None, "{format:?} {value}");
            }
            assert_eq!(certificate(&[0xff, 0xfe], format), None);
        }
    }

    #[test]
    fn a_dialect_does_not_read_another() {
        for (wrote, value) in values() {
            for reads in [Rfc9440, UrlPem, Traefik, Apache] {
                let read = certificate(value.as_bytes(), reads);
                assert!(read.is_none() || read.as_deref() == Some(&der()[..]), "{wrote:?} read as {reads:?}");
            }
        }
    }

    #[test]
    fn cut_and_flipped_values_end_in_none_or_bytes_and_never_in_a_panic() {
        for (format, value) in values() {
            for end in 0..value.len() {
                let _ = certificate(&value.as_bytes()[..end], format);
            }
            for place in 0..value.len() {
                for bit in 0..8 {
                    let mut flipped = value.clone().into_bytes();
                    flipped[place] ^= 1 << bit;
                    let _ = certificate(&flipped, format);
                }
            }
        }
    }
}
