//! CBOR (RFC 8949) as far as attestation objects need it: integers, bytes, texts, arrays and maps of definite length, nothing deep, nothing endless.

/// Levels of arrays and maps that are followed.
pub const MAX_DEPTH: usize = 8;

/// Items that one message may hold, all levels together.
pub const MAX_ITEMS: usize = 256;

/// Why bytes were not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// They end too early, go on after the end, or use a form that attestations never have.
    #[error("this is no CBOR, or a form of it that attestations do not use")]
    Malformed,
    /// They are too deep, or hold too many items.
    #[error("this CBOR is nested deeper than {MAX_DEPTH} levels or has more than {MAX_ITEMS} items")]
    TooMuch,
}

/// One item; bytes and texts are borrowed from the message.
#[derive(Debug, Clone, PartialEq)]
pub enum Item<'a> {
    /// A number that is not negative.
    Unsigned(u64),
    /// A byte string.
    Bytes(&'a [u8]),
    /// A text.
    Text(&'a str),
    /// Items in order.
    Array(Vec<Item<'a>>),
    /// Pairs in order.
    Map(Vec<(Item<'a>, Item<'a>)>),
    /// A negative number, a truth value, null: what no attestation is read for.
    Other,
}

impl<'a> Item<'a> {
    /// Reads one item, which must be all there is.
    pub fn read(bytes: &'a [u8]) -> Result<Self, CborError> {
        let mut reader = Reader { rest: bytes, items: 0 };
        let item = reader.item(0)?;
        if reader.rest.is_empty() { Ok(item) } else { Err(CborError::Malformed) }
    }

    /// The value under a text key of a map; the first one, should there be several.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(pairs) = self else { return None };
        pairs.iter().find(|(name, _)| matches!(name, Self::Text(text) if *text == key)).map(|(_, value)| value)
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    items: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: u64) -> Result<&'a [u8], CborError> {
        let length = usize::try_from(length).map_err(|_| CborError::Malformed)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(CborError::Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The major type and the argument of a head (§3).
    fn head(&mut self) -> Result<(u8, u64), CborError> {
        let first = self.take(1)?[0];
        let argument = match first & 0x1f {
            small @ 0..=23 => u64::from(small),
            size @ 24..=27 => self.take(1 << (size - 24))?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
            // 31 is an indefinite length, which canonical CBOR has not; the others are reserved.
            _ => return Err(CborError::Malformed),
        };
        Ok((first >> 5, argument))
    }

    fn item(&mut self, depth: usize) -> Result<Item<'a>, CborError> {
        self.items += 1;
        if depth > MAX_DEPTH || self.items > MAX_ITEMS {
            return Err(CborError::TooMuch);
        }
        let (kind, argument) = self.head()?;
        Ok(match kind {
            0 => Item::Unsigned(argument),
            2 => Item::Bytes(self.take(argument)?),
            3 => Item::Text(std::str::from_utf8(self.take(argument)?).map_err(|_| CborError::Malformed)?),
            4 => Item::Array((0..argument).map(|_| self.item(depth + 1)).collect::<Result<_, _>>()?),
            5 => {
                let pair = |_| Ok((self.item(depth + 1)?, self.item(depth + 1)?));
                Item::Map((0..argument).map(pair).collect::<Result<_, _>>()?)
            }
            // A tag says what its item is for; nothing here asks.
            6 => self.item(depth + 1)?,
            _ => Item::Other,
        })
    }
}

/// Writes a head: major type and argument in their shortest form.
fn head(kind: u8, argument: u64) -> Vec<u8> {
    let bytes = argument.to_be_bytes();
    let first = |size: u8| kind << 5 | size;
    match argument {
        0..=23 => vec![first(argument as u8)],
        24..=0xff => vec![first(24), bytes[7]],
        0x100..=0xffff => [&[first(25)], &bytes[6..]].concat(),
        0x1_0000..=0xffff_ffff => [&[first(26)], &bytes[4..]].concat(),
        _ => [&[first(27)], &bytes[..]].concat(),
    }
}

impl Item<'_> {
    /// Writes the item; what is [`Item::Other`] becomes null.
    pub fn write(&self) -> Vec<u8> {
        match self {
            Self::Unsigned(number) => head(0, *number),
            Self::Bytes(bytes) => [&head(2, bytes.len() as u64), *bytes].concat(),
            Self::Text(text) => [&head(3, text.len() as u64), text.as_bytes()].concat(),
            Self::Array(items) => {
                std::iter::once(head(4, items.len() as u64)).chain(items.iter().map(Item::write)).collect::<Vec<_>>().concat()
            }
            Self::Map(pairs) => {
                let pairs_written = pairs.iter().flat_map(|(key, value)| [key.write(), value.write()]);
                std::iter::once(head(5, pairs.len() as u64)).chain(pairs_written).collect::<Vec<_>>().concat()
            }
            Self::Other => vec![0xf6],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::unhex;
    use crate::testing::mutations;

    /// RFC 8949, appendix A.
    fn examples() -> Vec<(&'static str, Item<'static>)> {
        use Item::{Array, Bytes, Map, Text, Unsigned};
        vec![
            ("00", Unsigned(0)),
            ("17", Unsigned(23)),
            ("1818", Unsigned(24)),
            ("1903e8", Unsigned(1000)),
            ("1a000f4240", Unsigned(1_000_000)),
            ("1bffffffffffffffff", Unsigned(u64::MAX)),
            ("4401020304", Bytes(&[1, 2, 3, 4])),
            ("6449455446", Text("IETF")),
            ("62c3bc", Text("ü")),
            ("80", Array(Vec::new())),
            ("83010203", Array(vec![Unsigned(1), Unsigned(2), Unsigned(3)])),
            ("a26161016162820203", Map(vec![(Text("a"), Unsigned(1)), (Text("b"), Array(vec![Unsigned(2), Unsigned(3)]))])),
        ]
    }

    #[test]
    fn the_examples_of_the_rfc_are_read_and_written() {
        for (hex, item) in examples() {
            let bytes = unhex(hex.as_bytes()).unwrap();
            assert_eq!(Item::read(&bytes).as_ref(), Ok(&item), "{hex}");
            assert_eq!(item.write(), bytes, "{hex}");
        }
        for (hex, what) in [("20", "a negative number"), ("f5", "true"), ("f6", "null"), ("fb3ff199999999999a", "a fraction")] {
            assert_eq!(Item::read(&unhex(hex.as_bytes()).unwrap()), Ok(Item::Other), "{what}");
        }
        assert_eq!(Item::read(&unhex(b"c11a514b67b0").unwrap()), Ok(Item::Unsigned(1_363_896_240)), "a tag is passed over");
    }

    #[test]
    fn what_is_endless_cut_off_or_has_something_behind_it_is_refused() {
        for hex in ["5f42010243030405ff", "9fff", "bf61610161629f0203ffff", "44010203", "1c", "0000", "", "62c328", "9bffffffffffffffff"] {
            assert!(Item::read(&unhex(hex.as_bytes()).unwrap()).is_err(), "{hex}");
        }
    }

    #[test]
    fn depth_and_number_of_items_have_their_limits() {
        let nested = |levels: usize| [vec![0x81; levels], vec![0]].concat();
        assert!(Item::read(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(Item::read(&nested(MAX_DEPTH + 1)), Err(CborError::TooMuch));
        let long = |items: u16| [&head(4, u64::from(items)), &vec![0; usize::from(items)][..]].concat();
        assert!(Item::read(&long(MAX_ITEMS as u16 - 1)).is_ok());
        assert_eq!(Item::read(&long(MAX_ITEMS as u16)), Err(CborError::TooMuch));
    }

    #[test]
    fn damaged_messages_never_panic() {
        let message = Item::Map(vec![(Item::Text("x5c"), Item::Array(vec![Item::Bytes(&[7; 40]), Item::Bytes(&[8; 300])]))]).write();
        for damaged in mutations(&message) {
            let _ = Item::read(&damaged);
        }
    }
}
