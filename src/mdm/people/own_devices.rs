//! People's own devices when their person leaves: they are not managed any more, and what came from here goes with their account.

use crate::error::{Kind, Result};
use crate::mdm::{Actor, devices};
use crate::store::account_tokens::{self, Ownership};
use crate::store::enrollments::{self, EnrollmentState};
use crate::store::{Tx, devices as rows};

/// Under whose name it is done.
const ACTOR: Actor = Actor::Job("people");

/// The enrolled devices of a person's own, by id and name.
pub fn own_devices(tx: &Tx, person_id: &str) -> Result<Vec<(String, String)>> {
    let mut own = Vec::new();
    for token in account_tokens::of_person(tx, person_id)?.into_iter().filter(|token| token.ownership == Ownership::Own) {
        let Some(enrollment) = token.enrollment_id.map_or(Ok(None), |id| enrollments::by_id(tx, &id))? else { continue };
        if !matches!(enrollment.state, EnrollmentState::Enrolled | EnrollmentState::Authenticated) {
            continue;
        }
        let device = rows::by_id(tx, &enrollment.device_id)?.filter(|device| device.deleted_at.is_none());
        own.extend(device.map(|device| (device.id, device.name)));
    }
    Ok(own)
}

/// A person is not here any more: their own devices are retired, and nothing enrolls by a sign-in of theirs that was not used yet. Devices of the
/// organisation stay; they are to be given to somebody else.
pub(super) fn left(tx: &Tx, person_id: &str) -> Result<()> {
    account_tokens::end_unused(tx, person_id)?;
    for (device_id, _) in own_devices(tx, person_id)? {
        match devices::retire(tx, &ACTOR, &device_id) {
            Err(error) if !matches!(error.kind, Kind::Conflict | Kind::NotFound) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
