//! Devices that were erased to come back: when they were erased, until when they are expected, and that they are back.

use std::time::Duration;

use serde_json::json;

use crate::error::Result;
use crate::mdm::journal;
use crate::store::enrollments::Enrollment;
use crate::store::returns::{self, Overdue, Return};
use crate::store::{Tx, commands};

/// How long an erased device has until it is missed.
pub const COMES_BACK_WITHIN: Duration = Duration::from_secs(3600);

/// Devices that are told of at most.
const TOLD_MAX: u32 = 10;

/// The device has said that it erases itself: from here on it is expected. Whichever command it answers, the return that is under way has begun: its own
/// is not answered any more.
pub fn erased(tx: &Tx, enrollment: &Enrollment, command_uuid: &str) -> Result<()> {
    let Some(asked) = returns::of(tx, &enrollment.id)?.filter(|asked| asked.returned_at.is_none()) else { return Ok(()) };
    let own = || commands::by_uuid(tx, &enrollment.id, &asked.command_uuid);
    if asked.command_uuid != command_uuid && !own()?.is_some_and(|own| own.state.is_open()) {
        return Ok(());
    }
    returns::put(tx, &Return { erased_at: Some(tx.now), expected_at: Some(tx.now.plus(COMES_BACK_WITHIN)), ..asked })
}

/// The device has enrolled anew: if it was to come back, it is back.
pub fn returned(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    let gone = returns::of(tx, &enrollment.id)?.filter(|gone| gone.returned_at.is_none() && gone.expected_at.is_some());
    let Some(gone) = gone else { return Ok(()) };
    let erased_at = gone.erased_at.or(Some(gone.asked_at));
    let device = crate::mdm::Actor::Device { name: enrollment.nano_id.clone() };
    journal::note(tx, &device, "enrollment.returned", enrollment, json!({ "erased_at": erased_at, "network": gone.network }))?;
    returns::put(tx, &Return { erased_at, returned_at: Some(tx.now), ..gone })
}

/// The return of an enrollment that is erased and not back.
pub fn expected(tx: &Tx, enrollment: &Enrollment) -> Result<Option<Return>> {
    Ok(returns::of(tx, &enrollment.id)?.filter(|gone| gone.erased_at.is_some() && gone.returned_at.is_none()))
}

/// Devices that are not back in their time.
pub fn overdue(tx: &Tx) -> Result<Vec<Overdue>> {
    returns::overdue(tx, TOLD_MAX)
}
