//! Why a device cannot have what is meant: people read the words, and what helps goes by the kind.

use crate::mdm::updates::candidates::Unknown;
use crate::store::update_states::Inability;

/// Why a device cannot have what is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Because {
    /// What kind of thing stands against it.
    pub kind: Inability,
    /// Why, a sentence without a full stop.
    pub words: String,
}

impl Because {
    /// Of this kind, in these words.
    pub fn new(kind: Inability, words: impl Into<String>) -> Self {
        Self { kind, words: words.into() }
    }
}

impl From<Unknown> for Because {
    fn from(unknown: Unknown) -> Self {
        let kind = match unknown {
            Unknown::NotListed => Inability::NotNamed,
            Unknown::NoList | Unknown::Version | Unknown::Board => Inability::NotKnown,
        };
        Self::new(kind, unknown.words())
    }
}
