//! The renewal of a device's identity: a state machine with retries, never a flag that can stay up.
//!
//! `none` —due→ `queued` (profile with a fresh challenge in the queue) —acknowledged→ `waiting` —new certificate used→ `none`. Any step that does not
//! happen in its time falls back to another attempt.

use std::time::Duration;

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::commands::{self, Offer};
use crate::mdm::enroll::identify::Presented;
use crate::mdm::enroll::profile::{self, Grant};
use crate::mdm::enroll::{Addresses, CHALLENGE_LIFETIME, next_root, proof};
use crate::mdm::moves::profile as moved_in;
use crate::mdm::{Actor, journal};
use crate::protocol::command::Command as Order;
use crate::protocol::report::Status;
use crate::store::certificates::{self, Identity, Purpose};
use crate::store::commands::Command;
use crate::store::enrollments::{self, Enrollment, EnrollmentState, RenewalState};
use crate::store::{Bell, Tx, inventory, invitations, moves};

/// How long before the end of an identity its renewal begins.
pub const RENEW_BEFORE: Duration = days(180);

/// How long one attempt may take before the next one.
pub const ATTEMPT: Duration = days(7);

/// Waits after a failed attempt, the last one for ever.
pub const RETRIES: [Duration; 3] = [days(1), days(3), days(7)];

/// What marks a renewal's profile in the queue; a newer attempt replaces an older one.
pub const SUPERSEDE_KEY: &str = "renewal";

/// Enrollments that one turn of the job looks at.
pub const PAGE: u32 = 50;

const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 3600)
}

/// When an identity is to be renewed for the first time.
pub fn first_due(identity: &Identity) -> Timestamp {
    let lifetime = identity.not_after_at.since(identity.not_before_at);
    // A certificate with a short life, from another server, is renewed in its last quarter.
    identity.not_after_at.minus(RENEW_BEFORE.min(lifetime / 4))
}

/// Tells whether an Authenticate with this identity belongs to a renewal of this enrollment: it was issued from a pending challenge or by RenewalReq,
/// and nobody has used it yet, or the device is in the middle of changing over. Some devices report by it before they say Authenticate, which ends
/// the renewal here; what they say a little later is no new enrollment.
pub fn is_pending(enrollment: &Enrollment, identity: &Identity, now: Timestamp) -> bool {
    let began_to_be_used = identity.bound_at.is_some_and(|bound_at| now < bound_at.plus(ATTEMPT));
    is_renewed(enrollment, identity) || is_for(enrollment, identity) && began_to_be_used
}

/// Tells whether an identity is what the renewal under way is for, and not the one that it replaces, which may come from a renewal too.
fn is_renewed(enrollment: &Enrollment, identity: &Identity) -> bool {
    let since = enrollment.renewal_began_at.filter(|_| enrollment.renewal_state != RenewalState::None);
    is_for(enrollment, identity) && (identity.enrollment_id.is_none() || since.is_some_and(|since| identity.issued_at >= since))
}

fn is_for(enrollment: &Enrollment, identity: &Identity) -> bool {
    enrollment.state == EnrollmentState::Enrolled
        && identity.purpose == Purpose::Renew
        && identity.intended_for.as_deref() == Some(enrollment.id.as_str())
}

/// The device says Authenticate with the renewed certificate; the TokenUpdate that follows ends the renewal, unless its use has ended it already.
pub fn begun(tx: &Tx, enrollment: &mut Enrollment, identity: &Identity) -> Result<()> {
    if identity.enrollment_id.is_none() && enrollment.renewal_state != RenewalState::Waiting {
        enrollment.renewal_began_at = enrollment.renewal_began_at.or(Some(identity.issued_at));
        enrollment.renewal_state = RenewalState::Waiting;
        enrollments::update(tx, enrollment)?;
    }
    Ok(())
}

/// An enrollment that needs a new profile, and what the profile says; the caller builds and signs it, then calls [`queue`].
#[derive(Debug, Clone)]
pub struct Step {
    /// Whose identity is to be renewed.
    pub enrollment: Enrollment,
    /// What its profile says.
    pub grant: Grant,
}

/// The renewals that have a step to make now; reads only. `base` stands in for addresses that an old enrollment did not record.
pub fn due(tx: &Tx, base: &str) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for enrollment in enrollments::renewal_due(tx, PAGE)? {
        let profile = own_profile(tx, &enrollment)?;
        if !unknown(tx, &enrollment, profile.as_deref())?.is_empty() {
            continue;
        }
        let mut addresses = Addresses::under(base);
        let recorded = [
            (&mut addresses.server_url, &enrollment.server_url),
            (&mut addresses.check_in_url, &enrollment.check_in_url),
            (&mut addresses.scep_url, &enrollment.scep_url),
        ];
        for (address, recorded) in recorded {
            if !recorded.is_empty() {
                address.clone_from(recorded);
            }
        }
        let mut grant = profile::of_renewal(tx, &enrollment.id, addresses, enrollment.topic.clone())?;
        grant.identity = proof::next_identity(tx, &enrollment)?;
        if is_foreign(tx, &enrollment)?
            && let Some(identifier) = profile
        {
            grant.identifier = identifier;
            grant.per_user = moves::of(tx, &enrollment.id)?.and_then(|moved| moved.per_user).unwrap_or(true);
            grant.access_rights = enrollment.access_rights;
            let known = grant.roots.clone();
            grant.roots.extend(moved_in::roots(tx, &enrollment.topic)?.into_iter().filter(|root| !known.contains(root)));
        }
        steps.push(Step { enrollment, grant });
    }
    Ok(steps)
}

/// What a renewal's profile may not change, by the names of its keys, as far as it is not known: nothing, for a device that enrolled here.
///
/// A device refuses a renewal that changes them, so they are never guessed. Another server hands over the topic alone.
pub fn missing(tx: &Tx, enrollment: &Enrollment) -> Result<Vec<&'static str>> {
    unknown(tx, enrollment, own_profile(tx, enrollment)?.as_deref())
}

fn unknown(tx: &Tx, enrollment: &Enrollment, profile: Option<&str>) -> Result<Vec<&'static str>> {
    if !is_foreign(tx, enrollment)? {
        return Ok(Vec::new());
    }
    let known = [
        ("ServerURL", !enrollment.server_url.is_empty()),
        ("CheckInURL", !enrollment.check_in_url.is_empty()),
        ("AccessRights", enrollment.access_rights.is_some()),
        ("PayloadIdentifier", profile.is_some()),
    ];
    Ok(known.into_iter().filter(|(_, known)| !known).map(|(name, _)| name).collect())
}

/// Tells whether the profile on the device is another server's: the identity in use came with it.
fn is_foreign(tx: &Tx, enrollment: &Enrollment) -> Result<bool> {
    Ok(certificates::of_enrollment(tx, &enrollment.id)?.first().is_some_and(|newest| newest.purpose == Purpose::Imported))
}

/// PayloadIdentifier of the profile that enrolled the device, as it lists it.
fn own_profile(tx: &Tx, enrollment: &Enrollment) -> Result<Option<String>> {
    let enrolls = |profile: &inventory::InstalledProfile| {
        let details: serde_json::Value = serde_json::from_str(&profile.details).unwrap_or_default();
        let payloads = details.get("PayloadContent").and_then(serde_json::Value::as_array);
        payloads
            .is_some_and(|payloads| payloads.iter().any(|payload| payload.get("PayloadType").is_some_and(|kind| kind == "com.apple.mdm")))
    };
    let listed = inventory::profiles(tx, &enrollment.id)?.into_iter().find(enrolls).map(|profile| profile.identifier);
    // Else what the profile says that somebody brought from the other server.
    let brought = || Ok::<_, Error>(moves::of(tx, &enrollment.id)?.map(|moved| moved.profile).filter(|identifier| !identifier.is_empty()));
    listed.map_or_else(brought, |identifier| Ok(Some(identifier)))
}

/// Plans the renewal of an identity that moved in: an identity of our own replaces it before it ends.
pub fn plan_moved_in(tx: &Tx, identity: &Identity, enrollment_id: &str) -> Result<()> {
    let Some(mut enrollment) = enrollments::by_id(tx, enrollment_id)? else { return Ok(()) };
    if enrollment.renewal_due_at.is_none() {
        enrollment.renewal_due_at = Some(first_due(identity));
        enrollments::update(tx, &enrollment)?;
    }
    Ok(())
}

/// Notes renewals that are due and cannot be made, once each, and looks at them again later; gives how many were noted.
pub fn note_impossible(tx: &Tx) -> Result<usize> {
    let mut noted = 0;
    for mut enrollment in enrollments::renewal_due(tx, PAGE)? {
        let missing = missing(tx, &enrollment)?;
        if missing.is_empty() {
            continue;
        }
        if enrollment.renewal_attempts == 0 {
            let ends = certificates::of_enrollment(tx, &enrollment.id)?.first().map(|identity| identity.not_after_at);
            let because = t!("{list} of the profile that another server installed is not known here", list = missing.join(", "));
            journal::note(
                tx,
                &Actor::Job("renewal"),
                "renewal.impossible",
                &enrollment,
                json!({ "because": because, "not_after_at": ends }),
            )?;
            noted += 1;
        }
        enrollment.renewal_attempts += 1;
        enrollment.renewal_due_at = Some(tx.now.plus(ATTEMPT));
        enrollments::update(tx, &enrollment)?;
    }
    Ok(noted)
}

/// Begins an attempt: the challenge becomes good, the profile goes into the queue.
pub fn queue(tx: &Tx, step: &Step, install_profile: Order) -> Result<()> {
    let Some(mut enrollment) = enrollments::by_id(tx, &step.enrollment.id)? else { return Ok(()) };
    if enrollment.state != EnrollmentState::Enrolled || enrollment.parent_id.is_some() {
        enrollment.renewal_due_at = None;
        return enrollments::update(tx, &enrollment);
    }
    if enrollment.renewal_due_at.is_none_or(|due| due > tx.now) {
        return Ok(());
    }
    profile::record(tx, &step.grant)?;
    // The device may be away for days; the hour of the challenge begins when the profile is offered to it.
    invitations::extend_challenges(tx, &enrollment.id, tx.now.plus(ATTEMPT))?;
    commands::enqueue_own(tx, &Actor::Job("renewal"), &enrollment, install_profile, Some(SUPERSEDE_KEY), Some(tx.now.plus(ATTEMPT)))?;
    enrollment.renewal_state = RenewalState::Queued;
    enrollment.renewal_attempts += 1;
    enrollment.renewal_began_at = enrollment.renewal_began_at.or(Some(tx.now));
    enrollment.renewal_due_at = Some(tx.now.plus(ATTEMPT));
    enrollments::update(tx, &enrollment)?;
    journal::note(tx, &Actor::Job("renewal"), "renewal.queued", &enrollment, json!({ "attempt": enrollment.renewal_attempts }))
}

/// Asks for a renewal now, whatever the calendar says. Fails where too little is known of the profile that would have to be replaced.
pub fn hasten(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    let missing = missing(tx, enrollment)?;
    if !missing.is_empty() {
        return Err(Error::conflict(t!(
            "This device came from another server, and {list} of its profile there is not known here, so it would refuse a renewal. Enroll it anew by an invitation.",
            list = missing.join(", ")
        )));
    }
    let mut enrollment = enrollment.clone();
    enrollment.renewal_due_at = Some(tx.now);
    enrollments::update(tx, &enrollment)?;
    tx.ring(Bell::Jobs);
    Ok(())
}

/// The profile of a renewal goes out: from here on its challenge has an hour.
pub fn offered(tx: &Tx, enrollment: &Enrollment, offer: &Offer) -> Result<()> {
    if offer.supersede_key.as_deref() == Some(SUPERSEDE_KEY) {
        invitations::extend_challenges(tx, &enrollment.id, tx.now.plus(CHALLENGE_LIFETIME))?;
    }
    Ok(())
}

/// The device answered the profile of a renewal.
pub fn answered(tx: &Tx, enrollment: &Enrollment, command: &Command, status: Status) -> Result<()> {
    if command.supersede_key.as_deref() != Some(SUPERSEDE_KEY) || status == Status::NotNow {
        return Ok(());
    }
    let Some(mut enrollment) = enrollments::by_id(tx, &enrollment.id)? else { return Ok(()) };
    if enrollment.renewal_state == RenewalState::None {
        return Ok(());
    }
    let wait = RETRIES[(enrollment.renewal_attempts.max(1) as usize - 1).min(RETRIES.len() - 1)];
    enrollment.renewal_state = if status == Status::Acknowledged { RenewalState::Waiting } else { RenewalState::None };
    enrollment.renewal_due_at = Some(tx.now.plus(wait));
    enrollments::update(tx, &enrollment)?;
    if status == Status::Acknowledged { Ok(()) } else { proof::not_shown(tx, &enrollment, command) }
}

/// A device used a certificate. Some use the new one before they say Authenticate, so any message ends the wait.
pub fn used(tx: &Tx, presented: &Presented, enrollment: &Enrollment) -> Result<()> {
    if enrollment.renewal_state == RenewalState::None { Ok(()) } else { finished(tx, presented, enrollment) }
}

/// Ends a renewal when the certificate in use is the renewed one.
pub fn finished(tx: &Tx, presented: &Presented, enrollment: &Enrollment) -> Result<()> {
    let Some(mut enrollment) = enrollments::by_id(tx, &enrollment.id)? else { return Ok(()) };
    if enrollment.renewal_state == RenewalState::None {
        return Ok(());
    }
    let Some(identity) = certificates::by_fingerprint(tx, &presented.fingerprint)? else { return Ok(()) };
    if !is_renewed(&enrollment, &identity) {
        return Ok(());
    }
    enrollment.renewal_state = RenewalState::None;
    enrollment.renewal_attempts = 0;
    enrollment.renewal_began_at = None;
    enrollment.renewal_due_at = Some(first_due(&identity));
    enrollments::update(tx, &enrollment)?;
    let data = json!({ "fingerprint": identity.fingerprint.to_string(), "not_after_at": identity.not_after_at });
    journal::note(tx, &Actor::Device { name: enrollment.nano_id.clone() }, "renewal.finished", &enrollment, data)?;
    next_root::came_with(tx, &enrollment, &identity.fingerprint)
}

/// A new generation speaks by its own certificate: those of the generations before are revoked.
pub fn supersede_older(tx: &Tx, presented: &Presented, enrollment: &Enrollment) -> Result<()> {
    certificates::revoke_others(tx, &enrollment.id, &presented.fingerprint, t!("a new enrollment began"))
}
