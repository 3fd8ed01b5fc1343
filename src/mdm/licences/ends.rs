//! Ends of content tokens, spoken of before they come.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::content_tokens as rows;
use crate::store::settings::{self, Setting};
use crate::store::{Tx, alerts};

/// When to speak of a token's end: so many days before, and how bad that is.
const END_NEAR: [(u64, i64); 3] = [(7, 80), (14, 60), (30, 40)];

/// When tokens were last looked at for their end.
const REMINDED: Setting<Timestamp> = Setting::new("licences.reminded_at");

/// Looks at the ends of tokens, once a day.
pub(super) fn remind_daily(tx: &Tx) -> Result<()> {
    let last = settings::value(tx, &REMINDED)?;
    if last.is_some_and(|last| tx.now.since(last) < Duration::from_secs(86_400)) {
        return Ok(());
    }
    settings::set(tx, &REMINDED, &tx.now)?;
    remind(tx)
}

/// Speaks of tokens whose end is near or past; looked at once a day.
pub fn remind(tx: &Tx) -> Result<()> {
    for token in rows::all(tx)?.into_iter().filter(|token| !token.practice) {
        let key = format!("licences.ends:{}", token.id);
        let left = token.expires_at.since(tx.now);
        let days = left.as_secs() / 86_400;
        let near = END_NEAR.iter().find(|(near, _)| days <= *near);
        let Some((_, harm)) = near else {
            alerts::clear(tx, &key)?;
            continue;
        };
        let (when, harm) = match days {
            _ if left.is_zero() => (t!("ended on {day}", day = token.expires_at.day()), 90),
            0 => (String::from(t!("ends within a day")), *harm),
            1 => (String::from(t!("ends in a day")), *harm),
            _ => (t!("ends in {days} days, on {day}", days, day = token.expires_at.day()), *harm),
        };
        alerts::raise(
            tx,
            &key,
            harm,
            &t!("The content token of “{location}” {when}.", location = token.location, when),
            t!(
                "Download a new one for the same location in Apple's portal and bring it at System, Apps and Books. What is assigned stays."
            ),
        )?;
    }
    Ok(())
}
