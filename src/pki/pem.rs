//! PEM text as people really have it: with a byte order mark, CRLF, "Bag Attributes" and other text around the blocks.

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Decodes the standard alphabet, padded or not.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true),
);

/// One block of PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// What stands after BEGIN, for example `CERTIFICATE`.
    pub(crate) label: String,
    /// Header lines such as `Proc-Type: 4,ENCRYPTED` (RFC 1421 §4.6), as (name, value).
    pub(crate) headers: Vec<(String, String)>,
    /// The decoded body.
    pub(crate) der: Vec<u8>,
}

impl Block {
    /// Whether the block says that it is a certificate, under any of the labels that OpenSSL has used.
    pub(crate) fn is_certificate(&self) -> bool {
        matches!(self.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE")
    }

    /// The value of the header `name`.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// All complete blocks of `text` whose body is base64; text around them is passed over.
pub(crate) fn blocks(text: &[u8]) -> Vec<Block> {
    let text = String::from_utf8_lossy(text);
    let mut blocks = Vec::new();
    let mut rest = text.as_ref();
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let Some((label, after)) = after.split_once("-----") else { break };
        let end = format!("-----END {label}-----");
        let Some((body, after)) = after.split_once(&end) else { break };
        if let Some(block) = block(label, body) {
            blocks.push(block);
        }
        rest = after;
    }
    blocks
}

/// Reads headers and base64 of one block.
fn block(label: &str, body: &str) -> Option<Block> {
    let mut headers = Vec::new();
    let mut encoded = String::with_capacity(body.len());
    for line in body.lines() {
        match line.split_once(": ") {
            Some((name, value)) => headers.push((name.trim().to_owned(), value.trim().to_owned())),
            None => encoded.push_str(line),
        }
    }
    let der = base64(encoded.as_bytes())?;
    Some(Block { label: label.to_owned(), headers, der })
}

/// Decodes base64 whose white space, padding and last bits do not matter.
pub(crate) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    if !text.iter().any(u8::is_ascii_whitespace) {
        // What a proxy puts into a header comes with every request.
        return LENIENT.decode(text).ok();
    }
    let compact: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    LENIENT.decode(compact).ok()
}

/// Encodes base64 in one line.
pub(crate) fn encode(bytes: &[u8]) -> String {
    LENIENT.encode(bytes)
}

/// Writes a block with lines of 64 characters.
pub(crate) fn write(label: &str, der: &[u8]) -> String {
    let encoded = encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_in_what_people_paste() {
        let text = b"\xef\xbb\xbfBag Attributes\r\n    localKeyID: 01\r\n-----BEGIN CERTIFICATE-----\r\nAQID\r\nBA==\r\n-----END CERTIFICATE-----\r\nKey \
            Attributes: <No Attributes>\n-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES-EDE3-CBC,00\n\nBQY\n\
            -----END RSA PRIVATE KEY-----";
        let blocks = blocks(text);
        assert_eq!(blocks.len(), 2);
        assert_eq!((blocks[0].label.as_str(), blocks[0].der.as_slice()), ("CERTIFICATE", &[1, 2, 3, 4][..]));
        assert_eq!((blocks[1].header("DEK-Info"), blocks[1].der.as_slice()), (Some("DES-EDE3-CBC,00"), &[5, 6][..]));
    }

    #[test]
    fn incomplete_blocks_are_passed_over() {
        assert!(blocks(b"-----BEGIN CERTIFICATE-----\nAQID").is_empty());
        assert!(blocks(b"-----BEGIN A-----\n!!!\n-----END A-----").is_empty());
        assert!(blocks(b"-----BEGIN ").is_empty());
    }

    #[test]
    fn what_is_written_reads_back() {
        let der: Vec<u8> = (0..=255).collect();
        let text = write("CERTIFICATE", &der);
        assert!(text.lines().all(|line| line.len() <= 64));
        assert_eq!(blocks(text.as_bytes())[0].der, der);
    }
}
