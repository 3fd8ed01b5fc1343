//! What the stand-in is told to do wrong.

/// What the stand-in does with a request instead of answering it well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Refuses it with a status, a body as it stands here, and when to come again.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
        /// The value of Retry-After.
        retry_after: Option<String>,
    },
    /// Answers with status 200 and this body.
    Say(String),
    /// Does what was asked and hangs up before the answer.
    LoseAnswer,
    /// Hangs up before anything is done.
    LoseRequest,
    /// Answers well, but says that there is more, at the place that was asked for.
    SamePlace,
    /// Forgets the session first.
    EndSession,
}

/// An act for the next request to an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The end of the path, for example `/devices/sync`; empty for any.
    pub path: String,
    /// What to do.
    pub act: Act,
}

impl Fault {
    /// A refusal with one of Apple's words.
    pub fn refuse(path: &str, status: u16, word: &str) -> Self {
        Self { path: path.into(), act: Act::Refuse { status, body: format!("\"{word}\""), retry_after: None } }
    }

    /// Any other act.
    pub fn of(path: &str, act: Act) -> Self {
        Self { path: path.into(), act }
    }
}
