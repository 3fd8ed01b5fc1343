//! Damaged input for tests of decoders: every fixture is also met cut short and with bits flipped.

use std::path::Path;

/// How many places of a long input are damaged in each way; shorter ones are damaged everywhere.
const MAX_PLACES: usize = 300;

/// The input cut short at many places, then with one bit flipped at many places; the same each time.
pub(crate) fn mutations(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let stride = bytes.len().div_ceil(MAX_PLACES).max(1);
    let cut = (0..bytes.len()).step_by(stride).map(|end| bytes[..end].to_vec());
    let flipped = (0..bytes.len()).step_by(stride).enumerate().map(|(turn, at)| {
        let mut damaged = bytes.to_vec();
        damaged[at] ^= 1 << (turn % 8);
        damaged
    });
    cut.chain(flipped)
}

/// What an XML property list says at `key`, at any depth and in the order of the text: read by hand, so that it judges the real reader.
///
/// Texts come unescaped, numbers as written, data as base64 without white space, booleans as `true` and `false`.
pub(crate) fn values_at(xml: &[u8], key: &str) -> Vec<String> {
    let xml = String::from_utf8_lossy(xml).into_owned();
    let tag = format!("<key>{key}</key>");
    let unescaped =
        |text: &str| text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&");
    let value = |rest: &str| {
        let (name, rest) = rest.trim_start().strip_prefix('<')?.split_once('>')?;
        match name {
            "true/" | "false/" => Some(name.trim_end_matches('/').to_owned()),
            "string/" => Some(String::new()),
            "data" => Some(rest.split_once("</")?.0.split_whitespace().collect()),
            "string" | "integer" | "real" | "date" => Some(unescaped(rest.split_once("</")?.0)),
            _ => None,
        }
    };
    xml.split(&tag).skip(1).filter_map(value).collect()
}

/// A recorded HTTP message.
pub(crate) struct Recorded {
    /// The request line or the status line.
    pub(crate) first_line: String,
    /// Names in small letters, with values.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, its chunks put together.
    pub(crate) body: Vec<u8>,
}

impl Recorded {
    /// Reads a file of the recordings.
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let (first_line, rest) = head.split_once("\r\n").unwrap();
        let headers = rest.lines().map(|line| line.split_once(": ").unwrap());
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        let mut recorded = Self { first_line: first_line.to_owned(), headers, body: bytes[end + 4..].to_vec() };
        if recorded.header("transfer-encoding") == Some("chunked") {
            recorded.body = whole(&recorded.body);
        }
        recorded
    }

    /// The first header of a name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The status of a response.
    pub(crate) fn status(&self) -> u16 {
        self.first_line.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

/// The chunks of a body put together.
fn whole(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = chunks.windows(2).position(|window| window == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&chunks[..line]).unwrap(), 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&chunks[line + 2..line + 2 + size]);
        chunks = &chunks[line + 2 + size + 2..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_a_short_input_is_cut_and_flipped() {
        let damaged: Vec<_> = mutations(b"abc").collect();
        assert_eq!(damaged, [&b""[..], b"a", b"ab", b"`bc", b"a`c", b"abg"]);
    }

    #[test]
    fn a_long_input_is_damaged_at_a_bounded_number_of_places() {
        assert!(mutations(&vec![0; 1 << 20]).count() <= 2 * MAX_PLACES);
    }
}
