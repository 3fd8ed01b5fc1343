//! Refusals in all of Apple's forms: a word somewhere in the body, in quotation marks or not, decides before the status does.

use serde_json::Value;

use crate::language::say;
use crate::protocol::apps_and_books::RetryAfter;

/// Characters of Apple's own words that are repeated.
const WORDS_MAX: usize = 200;

/// Why Apple refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The session is over, and a new one helps.
    Session,
    /// Somebody must accept Apple's new terms first.
    Terms,
    /// The token was revoked, replaced, or its owner is gone.
    Token,
    /// The token's year is over.
    Expired,
    /// Apple's clock and ours differ too much.
    Clock,
    /// What was asked for is not for this server.
    Denied,
    /// The place in the list is too old.
    ExpiredCursor,
    /// The place in the list is none.
    InvalidCursor,
    /// The whole list was read already: what changed is asked for from here on.
    ExhaustedCursor,
    /// The profile is not there any more.
    ProfileGone,
    /// There is no such device, or it is not ours.
    NoDevice,
    /// What was said is wrong, and will be the next time.
    Wrong,
    /// Too much was asked for.
    Slow,
    /// It may be gone at the next attempt.
    Later,
}

/// The words in Apple's bodies, the more telling ones first, each with what it means and a sentence.
const WORDS: &[(&str, Cause, &str)] = &[
    ("T_C_NOT_SIGNED", Cause::Terms, msg!("Apple has new terms that nobody has accepted yet.")),
    ("token_expired", Cause::Expired, msg!("The server token has ended.")),
    (
        "token_rejected",
        Cause::Token,
        msg!("Apple does not take the server token any more: it was replaced or revoked, or whoever made it is gone."),
    ),
    ("consumer_key_unknown", Cause::Token, msg!("Apple does not know the server token any more: its server was removed from the portal.")),
    ("consumer_key_rejected", Cause::Token, msg!("Apple does not take the server token any more.")),
    ("permission_denied", Cause::Token, msg!("Apple does not take the server token any more.")),
    ("signature_invalid", Cause::Token, msg!("Apple does not take the signature of the server token.")),
    ("timestamp_refused", Cause::Clock, msg!("Apple's clock and this server's differ by minutes. Set the clock of this machine.")),
    ("EXPIRED_CURSOR", Cause::ExpiredCursor, msg!("The place in Apple's list is too old.")),
    ("INVALID_CURSOR", Cause::InvalidCursor, msg!("Apple does not know the place in its list.")),
    ("EXHAUSTED_CURSOR", Cause::ExhaustedCursor, msg!("Apple's whole list was read already.")),
    ("CURSOR_REQUIRED", Cause::InvalidCursor, msg!("Apple wants a place in its list.")),
    (
        "APPLE_SEED_FOR_IT_TURNED_OFF",
        Cause::Denied,
        msg!(
            "AppleSeed for IT is off for the organisation. Somebody who administers it switches it on in Apple's portal and accepts its terms at \
         beta.apple.com/for-it."
        ),
    ),
    (
        "ACCESS_DENIED",
        Cause::Denied,
        msg!(
            "Apple does not allow this server that. Whoever administers Apple School or Business Manager looks there whether this server still exists and may \
         manage devices."
        ),
    ),
    ("PROFILE_NOT_FOUND", Cause::ProfileGone, msg!("Apple does not have that profile any more.")),
    ("DEVICE_NOT_FOUND", Cause::NoDevice, msg!("Apple does not know that device.")),
    ("ORG_NOT_SUPPORTED", Cause::Wrong, msg!("Apple does not offer this to your kind of organisation.")),
    ("MDM_SERVICE_DISCOVERY_URL", Cause::Wrong, msg!("Apple does not take the address where devices ask for this server by an account.")),
    ("CONFIG_URL_REQUIRED", Cause::Wrong, msg!("Apple misses the address of this server in the profile.")),
    (
        "CONFIG_URL_INVALID",
        Cause::Wrong,
        msg!("Apple does not take the address of this server. It must begin with https and be a name on the internet."),
    ),
    ("CONFIG_NAME_REQUIRED", Cause::Wrong, msg!("Apple misses the profile's name.")),
    ("CONFIG_NAME_INVALID", Cause::Wrong, msg!("Apple does not take the profile's name. Try a shorter one.")),
    ("MAGIC_INVALID", Cause::Wrong, msg!("Apple does not take the profile's organisation.")),
    ("DEPARTMENT_INVALID", Cause::Wrong, msg!("Apple does not take the department. Try a shorter one.")),
    ("SUPPORT_PHONE_INVALID", Cause::Wrong, msg!("Apple does not take the phone number.")),
    ("SUPPORT_EMAIL_INVALID", Cause::Wrong, msg!("Apple does not take the e-mail address.")),
    ("DESCRIPTION_INVALID", Cause::Wrong, msg!("Apple does not take the profile's description.")),
    ("FLAGS_INVALID", Cause::Wrong, msg!("Apple does not take these switches together.")),
    ("INVALID_CERT", Cause::Wrong, msg!("Apple does not take a certificate in the profile.")),
    ("PROFILE_UUID_REQUIRED", Cause::ProfileGone, msg!("Apple misses the profile to assign.")),
    ("DEVICE_ID_REQUIRED", Cause::Wrong, msg!("Apple misses a serial number.")),
    ("MALFORMED_REQUEST_BODY", Cause::Wrong, msg!("Apple cannot read what it was sent.")),
    ("FORBIDDEN", Cause::Session, msg!("Apple wants a new session.")),
    ("UNAUTHORIZED", Cause::Session, msg!("Apple wants a new session.")),
];

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// What to make of it.
    pub cause: Cause,
    /// For people.
    pub words: String,
    /// When to come again, where Apple says so.
    pub retry_after: Option<RetryAfter>,
}

/// Reads an answer: JSON, or why there is none. An empty good answer is `null`.
pub fn read(status: u16, retry_after: Option<&str>, body: &[u8]) -> Result<Value, Box<Refusal>> {
    let good = (200..300).contains(&status);
    if good && body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    if good && let Ok(json @ (Value::Object(_) | Value::Array(_))) = serde_json::from_slice(body) {
        return Ok(json);
    }
    let text = String::from_utf8_lossy(body);
    let found = WORDS.iter().find(|(word, _, _)| text.contains(word));
    let (cause, words) = match (found, status) {
        (Some((_, cause, words)), _) => (*cause, say(words).to_owned()),
        (None, 401) => (Cause::Session, String::from(t!("Apple wants a new session."))),
        (None, 429) => (Cause::Slow, String::from(t!("Apple is asked too often."))),
        (None, 503) => (Cause::Slow, String::from(t!("Apple's service is busy."))),
        (None, 400..500) => (Cause::Wrong, t!("Apple refused with status {status}{text}.", status, text = said(&text))),
        _ => (Cause::Later, t!("Apple's service answered with status {status} and nothing that can be read.", status)),
    };
    Err(Box::new(Refusal { status, cause, words, retry_after: retry_after.and_then(RetryAfter::parse) }))
}

/// Apple's own words, as far as they are words.
fn said(text: &str) -> String {
    let text: String = text.trim_matches(|letter: char| letter == '"' || letter.is_whitespace()).chars().take(WORDS_MAX).collect();
    let is_words = !text.is_empty() && !text.starts_with('<') && !text.chars().any(char::is_control);
    if is_words { format!(": {text}") } else { String::new() }
}
