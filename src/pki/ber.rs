//! BER to DER: what iOS and streaming writers send, in the one form that everything else here reads.
//!
//! Indefinite lengths become definite, long lengths minimal, and constructed OCTET STRINGs one piece. Two passes, each linear in the
//! input: the first measures, the second writes. Input that is DER already is handed back untouched.

use std::borrow::Cow;

use super::asn1::Malformed;

/// How deep elements may be nested; certificates inside a signed message reach about 12.
pub const MAX_DEPTH: usize = 32;

/// The constructed bit of a tag (X.690 §8.1.2.5).
const CONSTRUCTED: u8 = 0x20;
/// Tag of an OCTET STRING in one piece, and of one in segments.
const OCTET_STRING: u8 = 0x04;
const SEGMENTED_OCTET_STRING: u8 = OCTET_STRING | CONSTRUCTED;
/// The length octet that announces an indefinite length.
const INDEFINITE: u8 = 0x80;

/// Rewrites one BER element as DER; borrows when nothing has to change.
///
/// Fails for truncated input, trailing bytes, tags above 30 and nesting beyond [`MAX_DEPTH`].
pub fn to_der(input: &[u8]) -> Result<Cow<'_, [u8]>, Malformed> {
    let mut measure = Measure { rest: input, lengths: Vec::new(), changed: false };
    let total = measure.element(0)?;
    if !measure.rest.is_empty() {
        return Err(MALFORMED);
    }
    if !measure.changed {
        return Ok(Cow::Borrowed(input));
    }
    let mut write = Write { rest: input, lengths: measure.lengths.into_iter(), output: Vec::with_capacity(total) };
    write.element()?;
    Ok(Cow::Owned(write.output))
}

const MALFORMED: Malformed = Malformed("message");

/// Takes `count` bytes off the front of `rest`.
fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], Malformed> {
    let (taken, left) = rest.split_at_checked(count).ok_or(MALFORMED)?;
    *rest = left;
    Ok(taken)
}

/// What stands before the content of an element.
struct Header {
    tag: u8,
    /// Length of the content; `None` when its end is marked instead.
    length: Option<usize>,
    /// Whether the length is written in the shortest form.
    minimal: bool,
}

impl Header {
    fn read(rest: &mut &[u8]) -> Result<Self, Malformed> {
        let tag = take(rest, 1)?[0];
        if tag & 0x1f == 0x1f {
            return Err(MALFORMED);
        }
        let first = take(rest, 1)?[0];
        if first == INDEFINITE {
            return if tag & CONSTRUCTED != 0 { Ok(Self { tag, length: None, minimal: false }) } else { Err(MALFORMED) };
        }
        if first & 0x80 == 0 {
            return Ok(Self { tag, length: Some(first.into()), minimal: true });
        }
        let octets = take(rest, usize::from(first & 0x7f))?;
        if octets.len() > 4 {
            return Err(MALFORMED);
        }
        let length = octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet));
        Ok(Self { tag, length: Some(length), minimal: length >= 128 && octets[0] != 0 })
    }

    fn is_constructed(&self) -> bool {
        self.tag & CONSTRUCTED != 0
    }

    /// The content, where its length is known.
    fn content<'a>(&self, rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Malformed> {
        self.length.map(|length| take(rest, length)).transpose()
    }
}

/// Whether the end-of-contents mark comes next; takes it if so.
fn ended(rest: &mut &[u8]) -> bool {
    let ended = rest.starts_with(&[0, 0]);
    if ended {
        *rest = &rest[2..];
    }
    ended
}

/// Octets that the tag and the minimal form of `length` take.
fn header_size(length: usize) -> usize {
    if length < 128 { 2 } else { 2 + length_octets(length) }
}

/// Octets that a length of 128 or more takes after the first one.
fn length_octets(length: usize) -> usize {
    (usize::BITS - length.leading_zeros()).div_ceil(8) as usize
}

/// The first pass: notes the DER length of every constructed element's content, in the order of their headers.
struct Measure<'a> {
    rest: &'a [u8],
    lengths: Vec<usize>,
    changed: bool,
}

impl Measure<'_> {
    /// Passes one element and returns how long it will be in DER.
    fn element(&mut self, depth: usize) -> Result<usize, Malformed> {
        if depth == MAX_DEPTH {
            return Err(MALFORMED);
        }
        let header = Header::read(&mut self.rest)?;
        self.changed |= !header.minimal;
        if !header.is_constructed() {
            let content = header.content(&mut self.rest)?.ok_or(MALFORMED)?;
            return Ok(header_size(content.len()) + content.len());
        }
        let slot = self.lengths.len();
        self.lengths.push(0);
        let joined = header.tag == SEGMENTED_OCTET_STRING;
        self.changed |= joined;
        let length = if joined { self.segments(&header, depth)? } else { self.children(&header, depth, Self::element)? };
        self.lengths[slot] = length;
        Ok(header_size(length) + length)
    }

    /// Passes the segments of an OCTET STRING and returns how many bytes they hold together.
    fn segments(&mut self, header: &Header, depth: usize) -> Result<usize, Malformed> {
        self.children(header, depth, |measure, depth| {
            if depth == MAX_DEPTH {
                return Err(MALFORMED);
            }
            let header = Header::read(&mut measure.rest)?;
            match header.tag {
                OCTET_STRING => Ok(header.content(&mut measure.rest)?.ok_or(MALFORMED)?.len()),
                SEGMENTED_OCTET_STRING => measure.segments(&header, depth),
                _ => Err(MALFORMED),
            }
        })
    }

    /// Adds up what `pass` returns for each element inside one of definite or indefinite length.
    fn children(
        &mut self,
        header: &Header,
        depth: usize,
        mut pass: impl FnMut(&mut Self, usize) -> Result<usize, Malformed>,
    ) -> Result<usize, Malformed> {
        let mut total = 0;
        let Some(content) = header.content(&mut self.rest)? else {
            while !ended(&mut self.rest) {
                total += pass(self, depth + 1)?;
            }
            return Ok(total);
        };
        let after = std::mem::replace(&mut self.rest, content);
        while !self.rest.is_empty() {
            total += pass(self, depth + 1)?;
        }
        self.rest = after;
        Ok(total)
    }
}

/// The second pass: writes what the first one measured. The first pass has seen that the input holds together.
struct Write<'a> {
    rest: &'a [u8],
    lengths: std::vec::IntoIter<usize>,
    output: Vec<u8>,
}

impl Write<'_> {
    fn element(&mut self) -> Result<(), Malformed> {
        let header = Header::read(&mut self.rest)?;
        if !header.is_constructed() {
            let content = header.content(&mut self.rest)?.ok_or(MALFORMED)?;
            self.header(header.tag, content.len());
            self.output.extend_from_slice(content);
            return Ok(());
        }
        let length = self.lengths.next().ok_or(MALFORMED)?;
        if header.tag == SEGMENTED_OCTET_STRING {
            self.header(OCTET_STRING, length);
            return self.segments(&header);
        }
        self.header(header.tag, length);
        self.children(&header, Self::element)
    }

    fn segments(&mut self, header: &Header) -> Result<(), Malformed> {
        self.children(header, |write| {
            let header = Header::read(&mut write.rest)?;
            if header.is_constructed() {
                return write.segments(&header);
            }
            let content = header.content(&mut write.rest)?.ok_or(MALFORMED)?;
            write.output.extend_from_slice(content);
            Ok(())
        })
    }

    fn children(&mut self, header: &Header, mut pass: impl FnMut(&mut Self) -> Result<(), Malformed>) -> Result<(), Malformed> {
        let Some(content) = header.content(&mut self.rest)? else {
            while !ended(&mut self.rest) {
                pass(self)?;
            }
            return Ok(());
        };
        let after = std::mem::replace(&mut self.rest, content);
        while !self.rest.is_empty() {
            pass(self)?;
        }
        self.rest = after;
        Ok(())
    }

    /// Writes a tag and a length in the shortest form.
    fn header(&mut self, tag: u8, length: usize) {
        self.output.push(tag);
        if length < 128 {
            self.output.push(length as u8);
            return;
        }
        let octets = length_octets(length);
        self.output.push(0x80 | octets as u8);
        self.output.extend_from_slice(&length.to_be_bytes()[size_of::<usize>() - octets..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn der_is_handed_back_untouched() {
        let der = [0x30, 0x06, 0x02, 0x01, 0x05, 0x04, 0x01, 0x2a];
        assert!(matches!(to_der(&der), Ok(Cow::Borrowed(same)) if same == der));
    }

    #[test]
    fn indefinite_lengths_become_definite_and_segments_one_string() {
        let ber = [0x30, 0x80, 0x24, 0x80, 0x04, 0x01, 1, 0x24, 0x04, 0x04, 0x02, 2, 3, 0, 0, 0x30, 0x80, 0, 0, 0, 0];
        assert_eq!(to_der(&ber).unwrap().as_ref(), [0x30, 0x07, 0x04, 0x03, 1, 2, 3, 0x30, 0x00]);
    }

    #[test]
    fn long_lengths_become_minimal() {
        let mut ber = vec![0x30, 0x84, 0, 0, 0, 0x83, 0x04, 0x81, 0x80];
        ber.extend([7; 128]);
        let der = to_der(&ber).unwrap();
        assert_eq!(der[..6], [0x30, 0x81, 0x83, 0x04, 0x81, 0x80]);
        assert_eq!(der.len(), 6 + 128);
    }

    #[test]
    fn nesting_ends_at_its_limit() {
        let nested = |depth: usize| {
            let mut bytes = [0x30, 0x80].repeat(depth);
            bytes.extend([0, 0].repeat(depth));
            bytes
        };
        assert!(to_der(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(to_der(&nested(MAX_DEPTH + 1)), Err(MALFORMED));
        assert_eq!(to_der(&nested(1_000_000)), Err(MALFORMED));
        assert_eq!(to_der(&[0x24, 0x80].repeat(100_000)), Err(MALFORMED));
    }

    #[test]
    fn what_does_not_hold_together_is_refused() {
        for bad in [&[][..], &[0x30], &[0x30, 0x80], &[0x04, 0x80, 0, 0], &[0x30, 2, 4, 5], &[0x1f, 1, 0], &[4, 0, 0], &[0x24, 3, 2, 1, 0]]
        {
            assert_eq!(to_der(bad), Err(MALFORMED), "{bad:x?}");
        }
        assert_eq!(to_der(&[4, 0x85, 0, 0, 0, 0, 1, 9]), Err(MALFORMED));
        assert_eq!(to_der(&[4, 0x84, 0xff, 0xff, 0xff, 0xff]), Err(MALFORMED));
    }
}
