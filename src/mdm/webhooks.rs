//! Webhooks: who is told what happens.

use crate::error::Result;
use crate::mdm::connect::Incoming;
use crate::protocol::checkin::CheckIn;
use crate::store::enrollments::Enrollment;
use crate::store::{Tx, webhooks};

/// Tells those who listen that a device checked in.
pub fn announce_check_in(_tx: &Tx, _enrollment: &Enrollment, _checkin: &CheckIn, _query: Option<&str>) -> Result<()> {
    Ok(())
}

/// Tells those who listen that a device reported.
pub fn announce_report(_tx: &Tx, _enrollment: &Enrollment, _incoming: &Incoming<'_>) -> Result<()> {
    Ok(())
}

/// Tells whether anybody wants to hear of polls that say nothing.
pub fn wants_polls(tx: &Tx) -> Result<bool> {
    Ok(!webhooks::active(tx)?.is_empty())
}
