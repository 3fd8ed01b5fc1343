//! TokenUpdate: the enrollment can be pushed to. The first one of a generation means that the profile is installed.

use crate::error::Result;
use crate::mdm::checkin::authenticate::{blank, next_generation};
use crate::mdm::checkin::{Reply, bound, is_over, moved_in, note_state, refuse};
use crate::mdm::enroll::identify::{self, Outcome, Presented, Refusal};
use crate::mdm::enroll::taken_over::{self, Proof};
use crate::mdm::enroll::{automated, next_root, renewal};
use crate::mdm::{Actor, absent, ade, commands, groups, heard, people, push, return_to_service, setup_assistant, webhooks};
use crate::pki::digest;
use crate::protocol::checkin::{CheckIn, TokenUpdate};
use crate::protocol::command;
use crate::protocol::ids::EnrollmentKind;
use crate::store::certificates::Identity;
use crate::store::devices::{self, Device};
use crate::store::enrollments::{self, Enrollment, EnrollmentState, RenewalState};
use crate::store::{Tx, deployments, invitations};

/// The name under which users are let go on.
const ACTOR: Actor = Actor::Job("check-in");

/// Decides a TokenUpdate (checkin.md §3.2).
pub(super) fn token_update(
    tx: &Tx,
    presented: &Presented,
    (checkin, query): (&CheckIn, Option<&str>),
    message: &TokenUpdate,
    outcome: Outcome,
) -> Result<Reply> {
    let refusal = Refusal::AnothersIdentity;
    let enrollment = match outcome {
        Outcome::NoEnrollment(identity) if identify::is_lost(tx, &identity) && checkin.ids.parent_id().is_none() => {
            Some(moved_in::come_back(tx, presented, checkin, &identity)?)
        }
        Outcome::NoEnrollment(identity) => user_channel(tx, presented, checkin, &identity)?,
        known => bound(tx, presented, known)?,
    };
    let Some(mut enrollment) = enrollment else { return refuse(tx, Some(presented), &checkin.ids, refusal) };
    let said = token_hash(message);
    let is_anew = erased_meanwhile(&enrollment, message);
    let is_first = is_anew || enrollment.state != EnrollmentState::Enrolled;
    let newly = if is_first { devices::by_id(tx, &enrollment.device_id)?.filter(|device| device.deleted_at.is_none()) } else { None };
    if is_first && newly.is_none() {
        // Nobody could see or reach it: it comes back as a new one, by an Authenticate.
        return refuse(tx, Some(presented), &checkin.ids, Refusal::Deleted);
    }
    if is_anew {
        next_generation(tx, &mut enrollment)?;
        enrollment.state = EnrollmentState::Authenticated;
        enrollment.renewal_state = RenewalState::None;
        enrollment.renewal_began_at = None;
        enrollments::update(tx, &enrollment)?;
    }
    if is_first && enrollment.parent_id.is_none() {
        enrollment.questions_due = true;
    }
    if is_first || enrollment.token_hash.as_deref() != Some(&said[..]) {
        take(tx, &mut enrollment, message, said)?;
    } else {
        enrollments::count_token_update(tx, &enrollment.id)?;
        enrollment.token_update_tally += 1;
        if !enrollment.push_error.is_empty() {
            enrollments::forget_push_outcome(tx, &enrollment.id)?;
        }
    }
    heard::now(tx, &enrollment)?;
    if enrollment.kind == EnrollmentKind::SharedIpad && message.awaiting_configuration {
        // Its log-in waits at the same place each time it says so; nobody is to stand there for our sake.
        commands::enqueue_last(tx, &ACTOR, &enrollment, command::user_configured(tx.command_uuid()))?;
    }
    match newly {
        Some(device) => begin(tx, presented, &enrollment, &device)?,
        None => renewal::used(tx, presented, &enrollment)?,
    }
    webhooks::announce_check_in(tx, &enrollment, checkin, query)?;
    Ok(Reply::Empty)
}

/// A device that waits in Setup Assistant again was erased, even if it kept its renewed certificate: what came before is over.
fn erased_meanwhile(enrollment: &Enrollment, message: &TokenUpdate) -> bool {
    let is_device = enrollment.parent_id.is_none();
    is_device && enrollment.state == EnrollmentState::Enrolled && message.awaiting_configuration && !enrollment.awaiting_configuration
}

/// A user's first message, under the identity of the device that the user is on.
fn user_channel(tx: &Tx, presented: &Presented, checkin: &CheckIn, identity: &Identity) -> Result<Option<Enrollment>> {
    let Some(parent_id) = checkin.ids.parent_id() else { return Ok(None) };
    let Some(parent) = enrollments::by_nano_id(tx, parent_id.as_str())? else { return Ok(None) };
    if is_over(parent.state) || !identify::may_bind(tx, identity, &parent)? {
        return Ok(None);
    }
    identify::bind(tx, presented, identity, &parent)?;
    let Some(device) = devices::by_id(tx, &parent.device_id)? else { return Ok(None) };
    let enrollment = blank(tx.new_id(), &device, &checkin.ids, Some(parent.id), tx.now);
    enrollments::insert(tx, &enrollment)?;
    Ok(Some(enrollment))
}

/// Stores what the message says. An absent unlock token never erases the one that is held.
pub(super) fn take(tx: &Tx, enrollment: &mut Enrollment, message: &TokenUpdate, said: [u8; 32]) -> Result<()> {
    let unlock_token = message.unlock_token.as_ref().map(|token| token.expose().as_slice());
    enrollments::set_tokens(tx, &enrollment.id, message.token.expose(), message.push_magic.expose().as_bytes(), unlock_token)?;
    enrollment.topic.clone_from(&message.topic);
    enrollment.awaiting_configuration = message.awaiting_configuration;
    enrollment.token_update_tally += 1;
    enrollment.token_hash = Some(said.to_vec());
    enrollment.token_updated_at = Some(tx.now);
    enrollment.has_push_token = true;
    enrollment.has_unlock_token |= unlock_token.is_some();
    if enrollment.state != EnrollmentState::Enrolled {
        enrollment.state = EnrollmentState::Enrolled;
        enrollment.enrolled_at = Some(tx.now);
        enrollment.left_at = None;
    }
    enrollments::told(tx, enrollment)
}

/// The profile is installed: the enrollment counts from here on, and is asked its first questions when it connects.
fn begin(tx: &Tx, presented: &Presented, enrollment: &Enrollment, device: &Device) -> Result<()> {
    note_state(tx, enrollment, "enrollment.enrolled")?;
    if enrollment.parent_id.is_none() {
        renewal::supersede_older(tx, presented, enrollment)?;
        next_root::came_with(tx, enrollment, &presented.fingerprint)?;
        people::invited(tx, device)?;
        absent::settled(tx, &enrollment.device_id)?;
        let challenge = invitations::challenge_by_fingerprint(tx, &presented.fingerprint)?;
        let proof = taken_over::proof_by(tx, Some(device), &presented.fingerprint, challenge.as_ref())?;
        if proof == Proof::Proven {
            taken_over::put_out_others(tx, enrollment)?;
        }
        // What is kept ready for a serial number is not for whoever says it.
        if proof != Proof::Claimed {
            ade::arrived(tx, device)?;
        }
        // Whoever signed in at the device has it, whatever was chosen before.
        automated::arrived(tx, challenge.as_ref(), &enrollment.device_id)?;
        return_to_service::watch::returned(tx, enrollment)?;
        ade::migration::arrived(tx, enrollment)?;
        setup_assistant::begin(tx, enrollment)?;
        groups::place(tx, &enrollment.device_id)?;
    }
    deployments::look_again_at(tx, &enrollment.id)?;
    push::due_now(tx, enrollment)
}

/// What tells a repeat from news.
pub(super) fn token_hash(message: &TokenUpdate) -> [u8; 32] {
    let unlock_token = message.unlock_token.as_ref().map_or(&[][..], |token| token.expose());
    let parts = [
        message.topic.as_bytes(),
        message.token.expose(),
        message.push_magic.expose().as_bytes(),
        unlock_token,
        &[message.awaiting_configuration.into()],
    ];
    let mut said = Vec::new();
    for part in parts {
        said.extend_from_slice(&(part.len() as u64).to_be_bytes());
        said.extend_from_slice(part);
    }
    digest::sha256(&said)
}
