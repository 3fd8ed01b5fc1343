//! The content token as Apple's portal gives it: base64 of a little JSON. It is sent back whole; what it says is read here for people.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::clock::Timestamp;
use crate::error::Error;
use crate::language::{self, say};
use crate::pki::dropped::{self, Kind};
use crate::secret::Secret;

/// Bytes of a content token at the most; real ones have about 400.
pub const TOKEN_MAX_BYTES: usize = 16 * 1024;

/// A content token.
#[derive(Debug, Clone)]
pub struct ContentToken {
    /// The whole text, without white space: what every request carries.
    pub text: Secret<String>,
    /// The organisation that it names.
    pub organisation: String,
    /// Its end.
    pub expires_at: Timestamp,
}

#[derive(Deserialize)]
struct Inside {
    token: String,
    #[serde(rename = "expDate")]
    expires: String,
    #[serde(rename = "orgName", default)]
    organisation: String,
}

impl ContentToken {
    /// Reads a file or a text. What is something else is named for what it is.
    pub fn read(bytes: &[u8], now: Timestamp) -> Result<Self, Error> {
        if bytes.len() > TOKEN_MAX_BYTES {
            return Err(Error::bad_input(t!(
                "This file has {bytes} bytes; a content token has a few hundred. {where_to_find_it}",
                bytes = bytes.len(),
                where_to_find_it = say(WHERE)
            )));
        }
        let text: String =
            String::from_utf8_lossy(bytes).chars().filter(|letter| !letter.is_whitespace() && *letter != '\u{feff}').collect();
        if text.is_empty() {
            return Err(Error::bad_input(t!("This is empty. {where_to_find_it}", where_to_find_it = say(WHERE))));
        }
        let inside = STANDARD.decode(text.trim_end_matches('=').to_owned() + padding(&text));
        let json = inside.ok().and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
        let Some(json) = json else { return Err(mistaken(bytes, &text)) };
        let Ok(inside) = serde_json::from_value::<Inside>(json) else {
            return Err(Error::bad_input(t!(
                "This is base64 of JSON, but not of a content token: it names no token or no end. {where_to_find_it}",
                where_to_find_it = say(WHERE)
            )));
        };
        if inside.token.is_empty() {
            return Err(Error::bad_input(t!("This content token is empty inside. {where_to_find_it}", where_to_find_it = say(WHERE))));
        }
        let Some(expires_at) = moment(&inside.expires) else {
            return Err(Error::bad_input(t!("The content token's end cannot be read. Download it once more.")));
        };
        if expires_at <= now {
            return Err(Error::bad_input(t!(
                "This content token ended on {day}. Download a new one for the same location; everything that is assigned stays.",
                day = language::date(expires_at.day())
            )));
        }
        Ok(Self { text: Secret::new(text), organisation: inside.organisation.trim().to_owned(), expires_at })
    }

    /// Writes one, as the portal does: for stand-ins and tests.
    pub fn write(token: &str, organisation: &str, expires_at: Timestamp) -> String {
        let expires =
            expires_at.utc().format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]+0000")).unwrap_or_default();
        STANDARD.encode(serde_json::json!({ "token": token, "expDate": expires, "orgName": organisation }).to_string())
    }
}

/// Where the right file comes from.
const WHERE: &str = msg!(
    "In Apple School Manager or Apple Business, open Preferences, Payments and Billing (Apps and Books), and download the content token \
                     of your location: a file that ends in .vpptoken."
);

/// What base64 wants at its end; some tools cut it off.
fn padding(text: &str) -> &'static str {
    match text.trim_end_matches('=').len() % 4 {
        2 => "==",
        3 => "=",
        _ => "",
    }
}

/// Names what was brought in place of a content token.
fn mistaken(bytes: &[u8], text: &str) -> Error {
    let is_part = || STANDARD.decode(text).is_ok() || text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte));
    let named = dropped::name(bytes).filter(|named| named.what != Kind::Text.what());
    let what = match named {
        Some(named) => named.sentences(),
        None if is_part() => {
            String::from(t!("This looks like the token from inside the file, or like a part of it. The whole text of the file is needed."))
        }
        None => String::from(t!("This is not a content token.")),
    };
    Error::bad_input(t!("{what} Here a content token of Apps and Books is needed. {where_to_find_it}", what, where_to_find_it = say(WHERE)))
}

/// Reads a moment as Apple writes it: RFC 3339, or an offset without a colon (`-0800`), with or without fractions.
pub fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Some(moment) = Timestamp::parse(text) {
        return Some(moment);
    }
    let (clock, offset) = text.split_at_checked(text.len().checked_sub(5)?)?;
    let sign = offset.starts_with(['+', '-']).then_some(offset)?;
    let clock = clock.split('.').next()?;
    let with_colon = format!("{clock}{}:{}", sign.get(..3)?, sign.get(3..)?);
    OffsetDateTime::parse(&with_colon, &time::format_description::well_known::Rfc3339).ok().map(Timestamp::from)
}
