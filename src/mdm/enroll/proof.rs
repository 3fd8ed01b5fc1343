//! By which protocol the next identity of a device comes: SCEP, or ACME where it can prove by now that it is genuine and a proof is asked for.

use serde_json::json;

use crate::error::Result;
use crate::mdm::attestation::{self, Mode};
use crate::mdm::enroll::renewal::SUPERSEDE_KEY;
use crate::mdm::{Actor, journal};
use crate::store::attestations::{self, Attestation, AttestationState};
use crate::store::commands::{self, Command};
use crate::store::enrollments::Enrollment;
use crate::store::invitations::{self, IdentityKind};
use crate::store::{Tx, acme, certificates, devices};

/// The protocol by which the present identity came.
pub fn present_identity(tx: &Tx, enrollment: &Enrollment) -> Result<IdentityKind> {
    let Some(newest) = certificates::of_enrollment(tx, &enrollment.id)?.into_iter().next() else { return Ok(IdentityKind::Scep) };
    let challenge = invitations::challenge_by_fingerprint(tx, &newest.fingerprint)?;
    Ok(challenge.map_or(IdentityKind::Scep, |challenge| challenge.identity))
}

/// The protocol by which the next identity comes: an identity that came by ACME is followed by one that does. One that came by SCEP is followed by one
/// with a proof where the policy asks such a device for it and the device can give it, by its hardware and the OS that it has by now. Where a proof is
/// preferred, an attempt of the same renewal that failed is followed by one that asks for none.
pub fn next_identity(tx: &Tx, enrollment: &Enrollment) -> Result<IdentityKind> {
    if present_identity(tx, enrollment)? == IdentityKind::Acme {
        return Ok(IdentityKind::Acme);
    }
    Ok(match asked(tx, enrollment)? {
        Some(Mode::Require) => IdentityKind::Acme,
        Some(Mode::Prefer) if !was_tried(tx, enrollment)? => IdentityKind::Acme,
        _ => IdentityKind::Scep,
    })
}

/// Whether this device is asked for a proof that it can give, and how firmly. One that cannot give it stays as it came in.
fn asked(tx: &Tx, enrollment: &Enrollment) -> Result<Option<Mode>> {
    let Some(device) = devices::by_id(tx, &enrollment.device_id)? else { return Ok(None) };
    if device.practice && !attestation::has_stand_ins(tx)? {
        return Ok(None);
    }
    let policy = attestation::effective(tx)?;
    Ok(match attestation::identity_for(&policy, &device.product_name, &device.os_version) {
        attestation::Identity::Acme { .. } => Some(policy.of(device.platform)),
        attestation::Identity::Scep | attestation::Identity::Refused(_) => None,
    })
}

/// Whether the device had a profile of the renewal under way in its hands, and it came to nothing. One that never reached it, or that it put off, proves
/// nothing about what it can.
fn was_tried(tx: &Tx, enrollment: &Enrollment) -> Result<bool> {
    let Some(since) = enrollment.renewal_began_at else { return Ok(false) };
    commands::tried_with_key(tx, &enrollment.id, enrollment.generation, SUPERSEDE_KEY, since)
}

/// A device did not take the profile of a renewal that asks it for a proof: that is written down with the reason, and with what comes next. Where the
/// proof has to be shown, it stands at the device too, as it keeps its old identity until it shows it.
pub(super) fn not_shown(tx: &Tx, enrollment: &Enrollment, profile: &Command) -> Result<()> {
    // The two were made in one transaction.
    let attempt = invitations::unspent_renewal(tx, &enrollment.id, profile.created_at)?;
    let attempt = attempt.filter(|challenge| challenge.identity == IdentityKind::Acme);
    let Some(attempt) = attempt else { return Ok(()) };
    let problem = acme::last_problem(tx, &attempt.hash)?;
    let because =
        problem.as_deref().map_or(t!("The device did not take the profile that asks for it"), |words| words.trim_end_matches('.'));
    let next = next_identity(tx, enrollment)?;
    let data = json!({ "because": because, "next": next, "again_at": enrollment.renewal_due_at });
    journal::note(tx, &Actor::Job("renewal"), "renewal.not_proven", enrollment, data)?;
    if next == IdentityKind::Scep {
        return Ok(());
    }
    let before = attestations::of_device(tx, &enrollment.device_id)?;
    // What Apple said of the device stays said where nothing was shown that speaks against it.
    let state = match before.state {
        AttestationState::Genuine | AttestationState::Stale if problem.is_none() => before.state,
        _ if problem.is_some() => AttestationState::Refused,
        _ => AttestationState::None,
    };
    let because = t!(
        "Its certificate could not be renewed, because it has to prove for that that it is genuine. {because}. It is tried again.",
        because
    );
    attestations::put(tx, &Attestation { state, because, checked_at: Some(tx.now), ..before })
}
