//! What an enrolled device shows with each request: the token of its person's sign-in. It is proof besides its certificate, and what is wrong with it is
//! told, never answered by more than that: who a device is its certificate says.

use serde_json::json;

use crate::error::Result;
use crate::mdm::enroll::identify::Presented;
use crate::mdm::{Actor, journal};
use crate::store::Tx;
use crate::store::account_tokens::{self, AccountToken, Shown};
use crate::store::enrollments::Enrollment;
use crate::store::invitations::Entry;

/// What is news of the token that came with a message: the one that was to come, and what came in its place. Reads only.
fn news(tx: &Tx, presented: &Presented, enrollment: &Enrollment) -> Result<Option<(AccountToken, Shown)>> {
    if enrollment.entry != Entry::Account || enrollment.parent_id.is_some() {
        return Ok(None);
    }
    let Some(token) = account_tokens::of_enrollment(tx, &enrollment.id)? else { return Ok(None) };
    let shown = match presented.bearer {
        None => Shown::Nothing,
        Some(hash) if hash == token.hash => Shown::Right,
        Some(_) => Shown::Another,
    };
    Ok((shown != token.shown).then_some((token, shown)))
}

/// Whether there is news of the token that came with a message.
pub fn is_news(tx: &Tx, presented: &Presented, enrollment: &Enrollment) -> Result<bool> {
    Ok(news(tx, presented, enrollment)?.is_some())
}

/// Writes down what a device came with, where that is news.
pub(in crate::mdm) fn note(tx: &Tx, presented: &Presented, enrollment: &Enrollment) -> Result<()> {
    let Some((token, shown)) = news(tx, presented, enrollment)? else { return Ok(()) };
    account_tokens::set_shown(tx, &token.hash, shown)?;
    let actor = Actor::Device { name: enrollment.nano_id.clone() };
    journal::note(tx, &actor, "account.token_shown", enrollment, json!({ "shown": shown }))
}
