//! Reads the fields of a Protocol Buffers message: numbers and byte strings, which is all that MicroMDM keeps.

/// A message's fields in their order: the number, and what is there.
pub(super) struct Fields<'a>(Vec<(u64, Value<'a>)>);

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Fields<'a> {
    /// Reads a message; none where it is none.
    pub(super) fn read(mut bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes)?;
            let value = match key & 7 {
                0 => Value::Number(varint(&mut bytes)?),
                1 => Value::Bytes(take(&mut bytes, 8)?),
                2 => {
                    let length = usize::try_from(varint(&mut bytes)?).ok()?;
                    Value::Bytes(take(&mut bytes, length)?)
                }
                5 => Value::Bytes(take(&mut bytes, 4)?),
                _ => return None,
            };
            fields.push((key >> 3, value));
        }
        Some(Self(fields))
    }

    /// The bytes of a field, the last ones where it comes more than once; empty where it is absent.
    pub(super) fn bytes(&self, number: u64) -> &'a [u8] {
        let found = self.0.iter().rev().find_map(|(found, value)| match value {
            Value::Bytes(bytes) if *found == number => Some(*bytes),
            _ => None,
        });
        found.unwrap_or_default()
    }

    /// The text of a field; empty where it is absent or no text.
    pub(super) fn text(&self, number: u64) -> &'a str {
        std::str::from_utf8(self.bytes(number)).unwrap_or_default()
    }

    /// Whether a field says yes.
    pub(super) fn flag(&self, number: u64) -> bool {
        self.0.iter().rev().any(|(found, value)| *found == number && matches!(value, Value::Number(value) if *value != 0))
    }
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?[0];
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
