//! What every answer has in common: who owns the location, and refusals in all of Apple's forms.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::codes::{Verdict, verdict, words};
use crate::clock::Timestamp;

/// Characters of Apple's own words that are repeated.
const WORDS_MAX: usize = 200;

/// Longest wait that is believed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// Which server manages a location.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MdmInfo {
    /// The server's id.
    #[serde(default)]
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Whatever it wrote down.
    #[serde(default)]
    pub metadata: String,
}

/// What comes with every answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Envelope {
    /// The location.
    pub u_id: Option<String>,
    /// Who manages it, where that is said.
    pub mdm_info: Option<MdmInfo>,
    /// The token's end, where it is near.
    pub token_expiration_date: Option<String>,
}

/// An answer that is no refusal.
#[derive(Debug, Clone)]
pub struct Answer {
    /// All of it.
    pub body: Value,
    /// What is common to all.
    pub envelope: Envelope,
}

/// When to come again, in both forms of the header (RFC 9110, section 10.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// After this time.
    Seconds(u64),
    /// At this moment.
    At(Timestamp),
}

impl RetryAfter {
    /// Reads the header's value.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Self::Seconds(seconds));
        }
        let format =
            time::macros::format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
        let moment = time::PrimitiveDateTime::parse(text, &format).ok()?;
        Some(Self::At(moment.assume_utc().into()))
    }

    /// How long that is from `now`, a day at the most.
    pub fn wait(self, now: Timestamp) -> Duration {
        match self {
            Self::Seconds(seconds) => Duration::from_secs(seconds),
            Self::At(moment) => moment.since(now),
        }
        .min(RETRY_AFTER_MAX)
    }
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Apple's number of it; 0 where there was none.
    pub number: u32,
    /// The HTTP status.
    pub status: u16,
    /// What to make of it.
    pub verdict: Verdict,
    /// For people.
    pub words: String,
    /// When to come again, where Apple says so.
    pub retry_after: Option<RetryAfter>,
}

/// Reads an answer. A number of an error decides before the status does: refusals come with HTTP 200, too.
pub fn read(status: u16, retry_after: Option<&str>, body: &[u8]) -> Result<Answer, Box<Refusal>> {
    let retry_after = retry_after.and_then(RetryAfter::parse);
    let json = serde_json::from_slice::<Value>(body).ok().filter(Value::is_object);
    let number = json.as_ref().and_then(|json| number_of(&json["errorNumber"])).filter(|number| *number != 0);
    if let Some(number) = number {
        let said = json.as_ref().and_then(|json| json["errorMessage"].as_str()).unwrap_or_default();
        return Err(Box::new(Refusal {
            number,
            status,
            verdict: verdict(number, status),
            words: words(number, &shortened(said)),
            retry_after,
        }));
    }
    match json {
        Some(body) if (200..300).contains(&status) => {
            let envelope = Envelope::deserialize(&body).unwrap_or_default();
            Ok(Answer { body, envelope })
        }
        _ => Err(Box::new(Refusal {
            number: 0,
            status,
            verdict: verdict(0, status),
            words: t!("Apple's service answered with status {status} and nothing that can be read.", status),
            retry_after,
        })),
    }
}

/// A number that may stand in quotation marks.
pub(super) fn number_of(value: &Value) -> Option<u32> {
    let wide = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())?;
    u32::try_from(wide).ok()
}

fn shortened(said: &str) -> String {
    said.chars().filter(|letter| !letter.is_control()).take(WORDS_MAX).collect()
}
