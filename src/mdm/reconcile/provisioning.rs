//! Provisioning profiles on a device: by command on every system, before the apps that need them, and held against what the device lists.

use std::collections::BTreeMap;

use serde_json::json;

use super::deed::{self, Question};
use super::outlook::Wish;
use super::seen;
use super::step;
use crate::error::Result;
use crate::mdm::provisioning::{self, Piece};
use crate::mdm::wanted::{Origin, Target, Unable};
use crate::protocol::availability::{Request, check};
use crate::protocol::command;
use crate::protocol::report::Report;
use crate::protocol::report::profiles::provisioning_profiles;
use crate::store::Tx;
use crate::store::assignments::{AssignedKind, Assignment};
use crate::store::deployments::{self, Mechanism};
use crate::store::enrollments::Enrollment;

/// The provisioning profiles that a device is to have, by UUID, and those that it cannot have.
pub(super) fn desired(tx: &Tx, target: &Target, wanted: &[Assignment]) -> Result<(BTreeMap<String, Piece>, Vec<Unable>)> {
    let pieces = provisioning::pieces(tx, wanted)?;
    if target.is_user_channel() {
        // They are the device's.
        return Ok((BTreeMap::new(), Vec::new()));
    }
    if check(Request::Command("InstallProvisioningProfile"), &target.capabilities).is_err() {
        let because = String::from(t!("This device takes no provisioning profiles from here."));
        let cannot = |piece: Piece| Unable { what: piece.name.clone(), because: because.clone(), origin: origin(&piece) };
        return Ok((BTreeMap::new(), pieces.into_iter().map(cannot).collect()));
    }
    Ok((pieces.into_iter().map(|piece| (piece.uuid.clone(), piece)).collect(), provisioning::ended(tx, wanted)?))
}

fn origin(piece: &Piece) -> Origin {
    Origin { kind: AssignedKind::Provisioning, id: piece.id.clone(), name: piece.name.clone() }
}

/// What is wanted of one of them: Apple gives each content a UUID of its own.
pub(super) fn wish(piece: &Piece) -> Wish<'_> {
    Wish { digest: &piece.uuid, mechanism: Mechanism::Command, name: &piece.name, origins: json!([origin(piece)]).to_string() }
}

/// Takes over a list of provisioning profiles: one that somebody removed is sent again after a while, one that a computer put back after its removal
/// is removed again.
pub fn provisioning_listed(tx: &Tx, enrollment: &Enrollment, report: &Report) -> Result<()> {
    let Some(there) = provisioning_profiles(report) else { return Ok(()) };
    for before in deployments::of_enrollment(tx, &enrollment.id)? {
        let Some(uuid) = deployments::provisioning_uuid(&before.key) else { continue };
        let listed = there.iter().find(|profile| profile.uuid.eq_ignore_ascii_case(uuid)).map(|profile| profile.uuid.as_str());
        let mut row = before.clone();
        step::listed(&mut row, listed, tx.now);
        if row != before {
            seen::store(tx, enrollment, &before, &row)?;
        }
    }
    Ok(())
}

/// Asks a device for its provisioning profiles, to see whether what it said is so.
pub(super) fn verify(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    let order = command::provisioning_profile_list(tx.command_uuid());
    deed::ask(tx, enrollment, Question { order, key: provisioning::LIST_KEY, about: deployments::is_provisioning })
}
