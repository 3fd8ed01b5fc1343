//! The mail of mdmcert.download: a signed request, encrypted to a certificate of ours, in hexadecimal digits.

use super::MAX_REQUEST_BYTES;
use crate::error;
use crate::pki::cms::{self, CmsError, DecryptOptions, Signer};
use crate::pki::{pem, unhex};

/// The tag with which every encrypted message begins.
const SEQUENCE: u8 = 0x30;

/// Why a mailed request was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// It answers another asking, or somebody else's.
    #[error(
        "this is encrypted, and not for this server: take the file from the latest mail, or ask mdmcert.download once more from here \
         and take the one that comes then"
    )]
    NotOurs,
    /// It cannot be read.
    #[error("this file from mdmcert.download is damaged ({0}): save the attachment of the mail once more, as it is")]
    Damaged(CmsError),
}

impl From<MailError> for error::Error {
    fn from(error: MailError) -> Self {
        Self::bad_input(error.to_string()).caused_by(error)
    }
}

/// Gives what a mailed file holds. A file that is not encrypted is given back as it is, so that any file may be handed in.
///
/// `recipients` are the certificates that were sent along with requests, each with its key.
pub fn open_mailed(file: &[u8], recipients: &[Signer]) -> Result<Vec<u8>, MailError> {
    let encrypted = |bytes: &Vec<u8>| bytes.first() == Some(&SEQUENCE);
    if file.len() > 2 * MAX_REQUEST_BYTES {
        return Ok(file.to_vec());
    }
    let bytes = [Some(file.to_vec()), unhex(file), pem::base64(file)].into_iter().flatten().find(encrypted);
    let Some(bytes) = bytes else { return Ok(file.to_vec()) };
    let mut failure = MailError::NotOurs;
    for recipient in recipients {
        match cms::decrypt(recipient, &bytes, DecryptOptions::default()) {
            Ok(opened) => return Ok(opened.content.to_vec()),
            // Another kind of message is for others to name.
            Err(CmsError::WrongKind { .. }) => return Ok(file.to_vec()),
            Err(CmsError::NoRecipient) => {}
            Err(error) => failure = MailError::Damaged(error),
        }
    }
    Err(failure)
}
