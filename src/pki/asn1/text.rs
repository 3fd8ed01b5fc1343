//! Character strings of ASN.1 as Rust strings.

use super::{AnyRef, Tag, Tagged};

/// Reads a character string of any of the types that names and challenges come in; `None` for other types and broken text.
///
/// Teletex strings are read as Latin-1, as everybody writes them.
pub(crate) fn read(value: AnyRef<'_>) -> Option<String> {
    let bytes = value.value();
    match value.tag() {
        // Writers put UTF-8 into the narrow types too (an underscore or an umlaut in a challenge): taken when it is UTF-8.
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString => {
            String::from_utf8(bytes.to_vec()).ok()
        }
        Tag::TeletexString => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
        Tag::BmpString => utf16(bytes),
        _ => None,
    }
}

/// Reads big-endian UTF-16.
fn utf16(bytes: &[u8]) -> Option<String> {
    let (units, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    char::decode_utf16(units.iter().map(|unit| u16::from_be_bytes(*unit))).collect::<Result<_, _>>().ok()
}

/// Whether `text` may stand in a PrintableString (X.680 §41.4).
pub(crate) fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(tag: Tag, bytes: &[u8]) -> Option<String> {
        read(AnyRef::new(tag, bytes).unwrap())
    }

    #[test]
    fn every_string_type_reads_as_text() {
        assert_eq!(string(Tag::PrintableString, b"a_b").as_deref(), Some("a_b"));
        assert_eq!(string(Tag::Utf8String, "Schlüssel".as_bytes()).as_deref(), Some("Schlüssel"));
        assert_eq!(string(Tag::TeletexString, b"Schl\xfcssel").as_deref(), Some("Schlüssel"));
        assert_eq!(string(Tag::BmpString, &[0, b'o', 0, b'k', 0xd8, 0x3d, 0xdd, 0x11]).as_deref(), Some("ok🔑"));
    }

    #[test]
    fn other_types_and_broken_text_are_not_text() {
        assert_eq!(string(Tag::OctetString, b"secret"), None);
        assert_eq!(string(Tag::BmpString, &[0, b'o', 0]), None);
        assert_eq!(string(Tag::BmpString, &[0xd8, 0x3d]), None);
        assert_eq!(string(Tag::Utf8String, &[0xff]), None);
    }
}
