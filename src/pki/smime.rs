//! Encrypted mail (S/MIME, RFC 8551): the message in a file as portals and mailers give it, and what stands in it once it is open.

use super::cms::{self, CmsError, DecryptOptions, Signer};
use super::{pem, unhex};
use zeroize::Zeroizing;

/// Bytes of a file that is looked at.
pub const FILE_LIMIT: usize = 512 * 1024;

/// The tag with which every encrypted message begins.
const SEQUENCE: u8 = 0x30;

/// The encrypted message in a file: bare, in PEM, in base64 or hexadecimal digits, or as a mail with a head. Nothing when there is none.
pub fn message(file: &[u8]) -> Option<Vec<u8>> {
    let begins = |bytes: &Vec<u8>| bytes.first() == Some(&SEQUENCE);
    if file.len() > FILE_LIMIT {
        return None;
    }
    let block = || pem::blocks(file).into_iter().find(|block| matches!(block.label.as_str(), "PKCS7" | "CMS")).map(|block| block.der);
    let in_mail = || pem::base64(&body(file)?);
    [Some(file.to_vec()), unhex(file), pem::base64(file), block(), in_mail()].into_iter().flatten().find(begins)
}

/// What stands below the head of a mail, or above the next part of one; nothing when there is no head.
fn body(file: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(file).replace("\r\n", "\n");
    let (head, body) = text.trim_start_matches('\u{feff}').split_once("\n\n")?;
    let encoded = head.lines().any(|line| line.to_ascii_lowercase().starts_with("content-transfer-encoding:") && line.contains("base64"));
    let body = body.split("\n--").next().unwrap_or(body);
    encoded.then(|| body.trim().as_bytes().to_vec())
}

/// Opens a message with the first of `recipients` that it is addressed to; tells which one that is.
pub fn open(message: &[u8], recipients: &[Signer]) -> Result<(usize, Zeroizing<Vec<u8>>), CmsError> {
    let mut failure = CmsError::NoRecipient;
    for (index, recipient) in recipients.iter().enumerate() {
        match cms::decrypt(recipient, message, DecryptOptions::default()) {
            Ok(opened) => return Ok((index, opened.content)),
            Err(CmsError::NoRecipient) => {}
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_found_in_every_dress() {
        let message_in = |text: &str| message(text.as_bytes());
        let found = Some(vec![0x30, 3, 1, 2, 3]);
        let mail = "Content-Type: application/pkcs7-mime; name=\"smime.p7m\"\r\nContent-Transfer-Encoding: base64\r\n\r\nMAMB\r\nAgM=\r\n";
        assert_eq!(message_in(mail), found);
        assert_eq!(message_in(&mail.replace("\r\n", "\n")), found);
        assert_eq!(message_in("MAMBAgM="), found);
        assert_eq!(message_in("3003010203"), found);
        assert_eq!(message_in("-----BEGIN PKCS7-----\nMAMBAgM=\n-----END PKCS7-----\n"), found);
        assert_eq!(message(&[0x30, 3, 1, 2, 3]), found);
        assert_eq!(message_in("-----BEGIN CERTIFICATE-----\nMAMBAgM=\n-----END CERTIFICATE-----\n"), None);
        assert_eq!(message_in("hello"), None);
        assert_eq!(message(&vec![0x30; FILE_LIMIT + 1]), None, "too large to be one");
    }
}
