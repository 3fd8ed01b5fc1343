//! A request to the stand-in and its answer, without sockets.

use serde_json::{Value, json};

/// A request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// The path, as it was asked for.
    pub path: String,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// The token, from whichever header.
    pub token: Option<String>,
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
    /// Its type.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

/// A good answer.
pub(super) fn said(body: &Value) -> Said {
    Said { status: 200, retry_after: None, content_type: "application/json", body: body.to_string().into_bytes() }
}

/// A refusal.
pub(super) fn refusal(status: u16, number: u32) -> Said {
    let body = if number == 0 { json!({}) } else { json!({ "errorNumber": number, "errorMessage": "Refused by the stand-in" }) };
    Said { status, ..said(&body) }
}
