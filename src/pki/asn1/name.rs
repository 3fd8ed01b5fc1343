//! Distinguished names: read without loss of repeated attributes, written in order.

use std::fmt;

use super::{AnyRef, Malformed, Oid, Seq, Sequence, Set, Tag, element, encode, oid, text};

/// One attribute of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Sequence)]
struct Attribute<'a> {
    oid: Oid,
    value: AnyRef<'a>,
}

/// The content of a distinguished name as received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name<'a>(pub(crate) Seq<'a>);

impl<'a> Name<'a> {
    /// The attributes in order, with their text; what is not text is shown as `#` and hexadecimal digits.
    pub(crate) fn attributes(self) -> impl Iterator<Item = (Oid, String)> + 'a {
        let sets = self.0.items().of::<Set<'a>>();
        sets.flat_map(|set| set.items().of::<Attribute<'a>>()).map(|attribute| {
            let value = text::read(attribute.value);
            (attribute.oid, value.unwrap_or_else(|| format!("#{}", super::super::hex(attribute.value.value()))))
        })
    }

    /// The text of the first attribute of type `oid`.
    pub(crate) fn first(self, oid: Oid) -> Option<String> {
        self.attributes().find(|(found, _)| *found == oid).map(|(_, value)| value)
    }
}

impl fmt::Display for Name<'_> {
    /// Writes the attributes in the order of the certificate, for example `O=Example, CN=Example CA`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (oid, value)) in self.attributes().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            match short_name(oid) {
                Some(name) => write!(f, "{name}={value}")?,
                None => write!(f, "{oid}={value}")?,
            }
        }
        Ok(())
    }
}

/// The short name of an attribute type (RFC 4514 §3 and what Apple writes).
fn short_name(oid: Oid) -> Option<&'static str> {
    Some(match oid {
        oid::COMMON_NAME => "CN",
        oid::SERIAL_NUMBER => "serialNumber",
        oid::COUNTRY => "C",
        oid::LOCALITY => "L",
        oid::STATE => "ST",
        oid::STREET => "street",
        oid::ORGANIZATION => "O",
        oid::ORGANIZATIONAL_UNIT => "OU",
        oid::USER_ID => "UID",
        oid::DOMAIN_COMPONENT => "DC",
        oid::EMAIL_ADDRESS => "emailAddress",
        _ => return None,
    })
}

/// Encodes a name of `attributes`, one relative name each, in the string types that RFC 5280 §4.1.2.4 asks for.
pub(crate) fn write(attributes: &[(Oid, &str)]) -> Result<Vec<u8>, Malformed> {
    let mut names = Vec::new();
    for (oid, value) in attributes {
        let tag = match *oid {
            oid::EMAIL_ADDRESS | oid::DOMAIN_COMPONENT => Tag::Ia5String,
            oid::COUNTRY | oid::SERIAL_NUMBER if text::is_printable(value) => Tag::PrintableString,
            _ => Tag::Utf8String,
        };
        let value = AnyRef::new(tag, value.as_bytes()).map_err(|_| Malformed(t!("name that was to be written")))?;
        names.extend(element(Tag::Set, &encode(&Attribute { oid: *oid, value })?)?);
    }
    element(Tag::Sequence, &names)
}

/// Encodes a name whose attributes are given by short name or dotted identifier, as SCEP payloads give them.
pub(crate) fn write_named(attributes: &[(String, String)]) -> Result<Vec<u8>, Malformed> {
    const KNOWN: [Oid; 11] = [
        oid::COMMON_NAME,
        oid::SERIAL_NUMBER,
        oid::COUNTRY,
        oid::LOCALITY,
        oid::STATE,
        oid::STREET,
        oid::ORGANIZATION,
        oid::ORGANIZATIONAL_UNIT,
        oid::USER_ID,
        oid::DOMAIN_COMPONENT,
        oid::EMAIL_ADDRESS,
    ];
    let named = |name: &str| KNOWN.into_iter().find(|oid| short_name(*oid).is_some_and(|short| short.eq_ignore_ascii_case(name)));
    let attributes: Option<Vec<_>> =
        attributes.iter().map(|(name, value)| Some((named(name).or_else(|| Oid::new(name).ok())?, value.as_str()))).collect();
    write(&attributes.ok_or(Malformed(t!("name of an attribute")))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use der::Decode as _;

    #[test]
    fn repeated_attributes_are_kept_in_order() {
        let encoded = write(&[
            (oid::ORGANIZATIONAL_UNIT, "a"),
            (oid::ORGANIZATIONAL_UNIT, "b"),
            (oid::COMMON_NAME, "Kim"),
            (oid::EMAIL_ADDRESS, "kim@example.school"),
        ])
        .unwrap();
        let name = Name(Seq::from_der(&encoded).unwrap());
        assert_eq!(name.to_string(), "OU=a, OU=b, CN=Kim, emailAddress=kim@example.school");
        assert_eq!(name.first(oid::COMMON_NAME).as_deref(), Some("Kim"));
        assert_eq!(name.first(oid::USER_ID), None);
    }
    #[test]
    fn names_are_written_by_short_name_and_by_identifier() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let encoded = write_named(&[pair("O", "Example School"), pair("cn", "TESTSN0001"), pair("2.5.4.4", "Doe")]).unwrap();
        let name = Name(Seq::from_der(&encoded).unwrap());
        assert_eq!(name.to_string(), "O=Example School, CN=TESTSN0001, 2.5.4.4=Doe");
        assert!(write_named(&[pair("nonsense", "a")]).is_err());
    }
}
