//! ASN.1 as it was received: borrowed pieces of a message on top of the `der` types, nothing copied, no order imposed.

pub(crate) mod name;
pub(crate) mod oid;
pub(crate) mod text;
pub(crate) mod time;

pub(crate) use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier as Oid, OctetStringRef};
pub(crate) use der::{Decode, Encode, EncodeValue, Reader, Sequence, SliceReader, Tag, Tagged};
pub(crate) use spki::AlgorithmIdentifierRef as Algorithm;

use der::{DecodeValue, FixedTag, Header, Length, Writer};

/// Bytes that are not what they should be; says which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {0} is damaged or incomplete")]
pub struct Malformed(pub &'static str);

/// A whole element as received: tag, length and content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Raw<'a>(pub(crate) &'a [u8]);

impl<'a> Decode<'a> for Raw<'a> {
    type Error = der::Error;

    fn decode<R: Reader<'a>>(reader: &mut R) -> der::Result<Self> {
        reader.tlv_bytes().map(Self)
    }
}

impl Encode for Raw<'_> {
    fn encoded_len(&self) -> der::Result<Length> {
        self.0.len().try_into()
    }

    fn encode(&self, writer: &mut impl Writer) -> der::Result<()> {
        writer.write(self.0)
    }
}

/// Defines a type that borrows the content of one element and leaves it undecoded.
macro_rules! content {
    ($(#[$doc:meta])* $name:ident, $tag:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) struct $name<'a>(pub(crate) &'a [u8]);

        impl FixedTag for $name<'_> {
            const TAG: Tag = $tag;
        }

        impl<'a> DecodeValue<'a> for $name<'a> {
            type Error = der::Error;

            fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
                reader.read_slice(header.length()).map(Self)
            }
        }

        impl EncodeValue for $name<'_> {
            fn value_len(&self) -> der::Result<Length> {
                self.0.len().try_into()
            }

            fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
                writer.write(self.0)
            }
        }
    };
}

content! {
    /// The content of a SEQUENCE or SEQUENCE OF.
    Seq, Tag::Sequence
}
content! {
    /// The content of a SET OF, in the order in which it came.
    Set, Tag::Set
}
content! {
    /// The content of an INTEGER of any length and sign: foreign serial numbers obey no rule.
    Number, Tag::Integer
}

impl<'a> Seq<'a> {
    /// The elements inside, one after the other.
    pub(crate) fn items(self) -> Items<'a> {
        Items { rest: self.0 }
    }
}

impl<'a> Set<'a> {
    /// The elements inside, one after the other.
    pub(crate) fn items(self) -> Items<'a> {
        Items { rest: self.0 }
    }
}

/// Walks the elements of a SEQUENCE OF or SET OF; ends at the first damaged one.
#[derive(Debug, Clone)]
pub(crate) struct Items<'a> {
    rest: &'a [u8],
}

impl<'a> Items<'a> {
    /// The elements that decode as `T`; others are passed over.
    pub(crate) fn of<T: Decode<'a>>(self) -> impl Iterator<Item = T> {
        self.filter_map(|item| T::from_der(item).ok())
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let item = SliceReader::new(self.rest).ok()?.tlv_bytes().ok()?;
        self.rest = &self.rest[item.len()..];
        Some(item)
    }
}

/// An attribute of a CMS signer or of a certification request: a type and its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Sequence)]
pub(crate) struct Attribute<'a> {
    pub(crate) oid: Oid,
    pub(crate) values: Set<'a>,
}

impl<'a> Attribute<'a> {
    /// The first value, the only one in all attributes that this crate reads.
    pub(crate) fn value(&self) -> Option<AnyRef<'a>> {
        self.values.items().of::<AnyRef<'a>>().next()
    }
}

/// Decodes the whole of `bytes`; `what` names it should it be malformed.
pub(crate) fn decode<'a, T: Decode<'a>>(bytes: &'a [u8], what: &'static str) -> Result<T, Malformed> {
    T::from_der(bytes).map_err(|_| Malformed(what))
}

/// Encodes `value`; fails only for lengths beyond 256 MiB, which no caller reaches.
pub(crate) fn encode(value: &impl Encode) -> Result<Vec<u8>, Malformed> {
    value.to_der().map_err(|_| Malformed(t!("message that was to be written")))
}

/// One element of `tag` around `content`.
pub(crate) fn element(tag: Tag, content: &[u8]) -> Result<Vec<u8>, Malformed> {
    encode(&AnyRef::new(tag, content).map_err(|_| Malformed(t!("message that was to be written")))?)
}

/// The content of a DER SET OF: encoded elements in ascending order (X.690 §11.6).
pub(crate) fn set_content(mut elements: Vec<Vec<u8>>) -> Vec<u8> {
    elements.sort();
    elements.concat()
}

/// Encodes an attribute with one value.
pub(crate) fn attribute(oid: Oid, value: &impl Encode) -> Result<Vec<u8>, Malformed> {
    encode(&Attribute { oid, values: Set(&encode(value)?) })
}

/// The algorithm `oid` with the parameters NULL, as RSA wants it.
pub(crate) fn algorithm_null(oid: Oid) -> Algorithm<'static> {
    Algorithm { oid, parameters: Some(AnyRef::NULL) }
}

/// The algorithm `oid` without parameters.
pub(crate) fn algorithm(oid: Oid) -> Algorithm<'static> {
    Algorithm { oid, parameters: None }
}

/// The bytes of a number without leading zeros that only say that it is positive.
pub(crate) fn unsigned(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_written_in_ascending_order() {
        assert_eq!(set_content(vec![vec![4, 1, 9], vec![2, 1, 1], vec![4, 1, 2]]), [2, 1, 1, 4, 1, 2, 4, 1, 9]);
    }

    #[test]
    fn a_walk_ends_at_the_first_damaged_element() {
        let items: Vec<_> = Seq(&[2, 1, 1, 4, 9, 9]).items().collect();
        assert_eq!(items, [&[2, 1, 1]]);
    }
}
