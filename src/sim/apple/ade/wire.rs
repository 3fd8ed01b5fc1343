//! A request to the stand-in and its answer, without sockets.

use serde_json::{Value, json};

/// A request.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query, as it was written; empty for none.
    pub query: String,
    /// The value of Authorization.
    pub authorization: Option<String>,
    /// The session.
    pub session: Option<String>,
    /// The version of the protocol.
    pub version: Option<String>,
    /// How the client introduces itself.
    pub user_agent: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer; nothing instead of one hangs up.
#[derive(Debug, Clone)]
pub struct Said {
    /// The status.
    pub status: u16,
    /// The value of Retry-After.
    pub retry_after: Option<String>,
    /// A fresh session that goes with it.
    pub session: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// A good answer.
pub(super) fn said(body: &Value) -> Said {
    Said { status: 200, retry_after: None, session: None, body: body.to_string().into_bytes() }
}

/// A refusal: the word in quotation marks, as Apple's are.
pub(super) fn refusal(status: u16, word: &str) -> Said {
    Said { status, ..said(&json!(word)) }
}
