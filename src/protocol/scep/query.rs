//! The query of a SCEP address, byte by byte: clients put base64 of every kind in it, and one of them raw DER.

use super::ScepError;
use crate::pki::pem;
use crate::pki::proxy_header::percent_decoded;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// What this server can do.
    GetCaCaps,
    /// The authority's certificate; the message, an authority's name, is of no interest.
    GetCaCert,
    /// The authority's next certificate.
    GetNextCaCert,
    /// A certificate. The message stands in the query of a GET, and in the body of a POST, which counts where there is one.
    PkiOperation(Option<Vec<u8>>),
}

/// Reads the query of a SCEP address, without its question mark, for example `operation=PKIOperation&message=MIIB...`.
///
/// The message of a PKIOperation may be base64 with `+` bare, escaped or turned into a space, base64url, padded or not (C17), or
/// percent-encoded DER with `+` for a space, as mdmb sends it beside its body.
pub fn parse_query(query: &[u8]) -> Result<Operation, ScepError> {
    let parameter = |name: &[u8]| {
        query.split(|byte| *byte == b'&').find_map(|pair| {
            let (key, value) = pair.split_at(pair.iter().position(|byte| *byte == b'=')?);
            key.eq_ignore_ascii_case(name).then(|| &value[1..])
        })
    };
    let operation = parameter(b"operation").ok_or(ScepError::Query(t!("it names no operation")))?;
    let is = |name: &[u8]| operation.eq_ignore_ascii_case(name);
    if is(b"GetCACaps") {
        return Ok(Operation::GetCaCaps);
    }
    if is(b"GetCACert") {
        return Ok(Operation::GetCaCert);
    }
    if is(b"GetNextCACert") {
        return Ok(Operation::GetNextCaCert);
    }
    if !is(b"PKIOperation") {
        return Err(ScepError::Query(t!("the operation is not GetCACaps, GetCACert or PKIOperation")));
    }
    let message = parameter(b"message").filter(|value| !value.is_empty());
    let unreadable = ScepError::Query(t!("its message is neither base64 nor DER"));
    message.map(|value| message_bytes(value).ok_or(unreadable)).transpose().map(Operation::PkiOperation)
}

/// The DER of a message in a query.
fn message_bytes(value: &[u8]) -> Option<Vec<u8>> {
    let decoded = percent_decoded(value)?;
    if decoded.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_= \r\n".contains(byte)) {
        let standard = decoded.iter().filter(|byte| !b"\r\n".contains(byte)).map(|byte| match byte {
            b'-' | b' ' => b'+',
            b'_' => b'/',
            other => *other,
        });
        return pem::base64(&standard.collect::<Vec<_>>()).filter(|der| der.first() == Some(&0x30));
    }
    // Raw DER: here a bare plus sign is a space and a real one is escaped.
    let spaced: Vec<u8> = value.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decoded(&spaced).filter(|der| der.first() == Some(&0x30))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

    /// Bytes whose base64 has plus signs, slashes and padding.
    fn message() -> Vec<u8> {
        let mut bytes = vec![0x30, 0x82, 0x01, 0x07, 0xfb, 0xef, 0xbe, 0xff, 0xff, 0xfe, b' ', b'+', b'%', b'&'];
        bytes.extend(0..=255);
        bytes.push(1);
        bytes
    }

    fn read(message: &str) -> Result<Operation, ScepError> {
        parse_query(format!("operation=PKIOperation&message={message}").as_bytes())
    }

    #[test]
    fn a_message_in_any_dialect_is_the_same_message() {
        let bytes = message();
        let base64 = STANDARD.encode(&bytes);
        assert!(base64.contains('+') && base64.contains('/') && base64.ends_with('='));
        let form: String = bytes
            .iter()
            .map(|byte| match byte {
                b' ' => "+".to_owned(),
                byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
                byte => format!("%{byte:02x}"),
            })
            .collect();
        for dialect in [
            base64.clone(),
            base64.replace('=', "%3D"),
            base64.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"),
            base64.replace('+', " "),
            base64.replace('+', "%20"),
            STANDARD_NO_PAD.encode(&bytes),
            URL_SAFE.encode(&bytes),
            URL_SAFE_NO_PAD.encode(&bytes),
            base64.replace('=', "%3D%0A"),
            form,
        ] {
            assert_eq!(read(&dialect), Ok(Operation::PkiOperation(Some(bytes.clone()))), "{dialect}");
        }
    }

    #[test]
    fn other_operations_are_told_apart() {
        assert_eq!(parse_query(b"operation=GetCACaps"), Ok(Operation::GetCaCaps));
        assert_eq!(parse_query(b"operation=GetCACaps&message=0"), Ok(Operation::GetCaCaps));
        assert_eq!(parse_query(b"message=mdm&operation=getcacert"), Ok(Operation::GetCaCert));
        assert_eq!(parse_query(b"operation=GetNextCACert&message="), Ok(Operation::GetNextCaCert));
        assert_eq!(parse_query(b"operation=PKIOperation"), Ok(Operation::PkiOperation(None)));
        assert_eq!(parse_query(b"operation=PKIOperation&message="), Ok(Operation::PkiOperation(None)));
    }

    #[test]
    fn garbage_is_refused() {
        for bad in ["%", "%4", "%zz", "AAAA", "!!!!", "M", "%ff%ff"] {
            assert_eq!(read(bad), Err(ScepError::Query("its message is neither base64 nor DER")), "{bad}");
        }
        for bad in [&b""[..], b"operation", b"operation=", b"operation=Unknown", b"message=MIIB", b"\xff\xff=&&&=="] {
            assert!(matches!(parse_query(bad), Err(ScepError::Query(_))));
        }
    }
}
