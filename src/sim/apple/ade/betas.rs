//! Beta programmes of an organisation: invented ones, each with a token of its own.

use serde_json::json;

use super::wire::{Said, refusal, said};
use crate::random::Random;

/// A programme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beta {
    /// What it is called.
    pub title: String,
    /// The system that it is for.
    pub os: String,
    /// The organisation's token for it.
    pub token: String,
}

impl Beta {
    /// A programme.
    pub fn new(title: &str, os: &str, token: &str) -> Self {
        Self { title: title.into(), os: os.into(), token: token.into() }
    }
}

/// What an organisation has that joined: a programme for each of Apple's systems.
pub(super) fn usual(random: &Random) -> Vec<Beta> {
    [
        ("iOS 27 AppleSeed Beta", "iOS"),
        ("iOS 26 AppleSeed Beta", "iOS"),
        ("macOS 27 AppleSeed Beta", "macOS"),
        ("tvOS 27 AppleSeed Beta", "tvOS"),
    ]
    .map(|(title, os)| Beta::new(title, os, &format!("beta-{}", random.token())))
    .into()
}

/// The list.
pub(super) fn list(betas: Option<&[Beta]>) -> Said {
    match betas {
        Some(betas) => {
            let lines: Vec<_> = betas.iter().map(|beta| json!({ "token": beta.token, "title": beta.title, "os": beta.os })).collect();
            said(&json!({ "betaEnrollmentTokens": lines }))
        }
        None => refusal(403, "APPLE_SEED_FOR_IT_TURNED_OFF"),
    }
}
