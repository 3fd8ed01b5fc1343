//! The mail of mdmcert.download: a signed request, encrypted to a certificate of ours, in hexadecimal digits.

use crate::error;
use crate::pki::cms::{CmsError, Signer};
use crate::pki::smime;

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
    let Some(message) = smime::message(file) else { return Ok(file.to_vec()) };
    match smime::open(&message, recipients) {
        Ok((_, content)) => Ok(content.to_vec()),
        // Another kind of message is for others to name.
        Err(CmsError::WrongKind { .. }) => Ok(file.to_vec()),
        Err(CmsError::NoRecipient) => Err(MailError::NotOurs),
        Err(error) => Err(MailError::Damaged(error)),
    }
}
