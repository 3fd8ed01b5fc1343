//! Why a message of a device is not one that we read.

use super::plist::PlistError;

/// How much of a foreign word an error quotes, in characters.
const QUOTED_CHARACTERS: usize = 64;

/// What is wrong with a check-in or a report; nothing of it has been acted upon.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The body is no property list, or over a limit.
    #[error(transparent)]
    Plist(#[from] PlistError),
    /// The root is something other than a dictionary.
    #[error("the property list must be a dictionary")]
    NotADictionary,
    /// A key without which the message means nothing is absent, empty or of another type.
    #[error("the key {0} is missing or not of its type")]
    MissingKey(&'static str),
    /// A key that is there, but not as the bytes that it has to be.
    #[error("the key {0} must be data")]
    WrongType(&'static str),
    /// A key that holds more than any device says.
    #[error("the key {key} is longer than {max_bytes} bytes")]
    TooLong {
        /// The key.
        key: &'static str,
        /// What it may hold.
        max_bytes: usize,
    },
    /// A `MessageType` that no documented check-in has; quoted, cut to a bounded length.
    #[error("{0:?} is not a MessageType of check-ins")]
    UnknownMessageType(String),
    /// A `Status` that no documented report has; quoted, cut to a bounded length.
    #[error("{0:?} is not a Status of reports")]
    UnknownStatus(String),
    /// An identifier that no enrollment can have.
    #[error("{key} {what}")]
    IllegalId {
        /// The key that holds it.
        key: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl Malformed {
    /// Cuts a foreign word to what an error may quote.
    pub(super) fn quoted(word: &str) -> String {
        word.chars().take(QUOTED_CHARACTERS).collect()
    }
}

impl From<Malformed> for crate::error::Error {
    fn from(error: Malformed) -> Self {
        match error {
            Malformed::Plist(error) => error.into(),
            other => Self::bad_input(other.to_string()),
        }
    }
}
