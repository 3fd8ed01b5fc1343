//! Authenticate: a new enrollment, a new generation of one that we know, or the renewal of its identity.

use serde_json::json;

use crate::error::{Error, Result};
use crate::mdm::attestation::judge;
use crate::mdm::checkin::{Reply, actor, note_state, refuse};
use crate::mdm::enroll::ALL_RIGHTS;
use crate::mdm::enroll::applicant::Applicant;
use crate::mdm::enroll::identify::{self, Outcome, Presented, Refusal};
use crate::mdm::enroll::{account, automated, profile_service, renewal, taken_over};
use crate::mdm::{commands, escrow, inventory, journal, names, webhooks};
use crate::protocol::checkin::{Authenticate, CheckIn};
use crate::protocol::ids::EnrollmentIds;
use crate::protocol::platform::Platform;
use crate::store::certificates::{Identity, Purpose};
use crate::store::devices::{self, Device};
use crate::store::enrollments::{self, Enrollment, EnrollmentState, RenewalState};
use crate::store::invitations::{Challenge, Entry};
use crate::store::{Tx, invitations};

/// Decides an Authenticate (interfaces.md, "Renewal or re-enrollment").
pub(super) fn authenticate(
    tx: &Tx,
    presented: &Presented,
    (checkin, query): (&CheckIn, Option<&str>),
    message: &Authenticate,
    outcome: Outcome,
) -> Result<Reply> {
    let (known, identity) = match outcome {
        Outcome::Known(standing) => (Some(standing.enrollment), standing.identity),
        Outcome::NoEnrollment(identity) => (None, *identity),
        Outcome::Refused(refusal) => return refuse(tx, Some(presented), &checkin.ids, refusal),
    };
    if checkin.ids.kind().is_user_channel() {
        return Err(Error::bad_input(t!("Authenticate is a device's message; a user's channel does not send it.")));
    }
    let mut applicant = Applicant::read(tx, (&checkin.ids, message), identity, known)?;
    if let Some(refusal) = stands_against(tx, &applicant)? {
        return refuse(tx, Some(presented), &checkin.ids, refusal);
    }
    let enrollment = match applicant.known.take() {
        // A device that somebody deleted comes back as a new one.
        Some(enrollment)
            if renewal::is_pending(&enrollment, &applicant.identity, tx.now) && !devices::is_deleted(tx, &enrollment.device_id)? =>
        {
            renew(tx, presented, enrollment, &applicant.identity)?
        }
        known => match judge::refuses(tx, &applicant)? {
            Some(refusal) => return refuse(tx, Some(presented), &checkin.ids, refusal),
            None => enroll(tx, presented, &applicant, known)?,
        },
    };
    judge::came_with(tx, &enrollment.device_id, &applicant)?;
    webhooks::announce_check_in(tx, &enrollment, checkin, query)?;
    Ok(Reply::Empty)
}

/// What stands against a device: what it calls itself, or the door by which it comes in.
fn stands_against(tx: &Tx, applicant: &Applicant<'_>) -> Result<Option<Refusal>> {
    if taken_over::is_by_anothers_name(tx, applicant)? {
        return Ok(Some(Refusal::AnothersName));
    }
    if let Some(refusal) = taken_over::is_of_the_other_kind(applicant) {
        return Ok(Some(refusal));
    }
    let Some(challenge) = &applicant.challenge else { return Ok(None) };
    // A certificate by which a device only says who it is enrolls nobody.
    if profile_service::is_second_phase(challenge) || !automated::is_for(challenge, applicant.ids, applicant.message) {
        return Ok(Some(Refusal::AnotherDevice));
    }
    if let Some(refusal) = account::stands_against(tx, challenge, applicant.ids, applicant.message)? {
        return Ok(Some(refusal));
    }
    let refusal = taken_over::stands_against(tx, challenge, applicant)?;
    if refusal == Some(Refusal::SerialTaken) {
        taken_over::held_off(tx, challenge, applicant)?;
    }
    Ok(refusal)
}

/// The same enrollment with a new certificate: queue, secrets and states stay.
fn renew(tx: &Tx, presented: &Presented, mut enrollment: Enrollment, identity: &Identity) -> Result<Enrollment> {
    renewal::begun(tx, &mut enrollment, identity)?;
    identify::bind(tx, presented, identity, &enrollment)?;
    let data = json!({ "fingerprint": identity.fingerprint.to_string(), "not_after_at": identity.not_after_at });
    journal::note(tx, &actor(&enrollment), "enrollment.renewing", &enrollment, data)?;
    Ok(enrollment)
}

/// A new generation: what was meant for the one before is dropped, its secrets are archived.
fn enroll(tx: &Tx, presented: &Presented, applicant: &Applicant<'_>, known: Option<Enrollment>) -> Result<Enrollment> {
    let Applicant { ids, message, identity, challenge, .. } = applicant;
    let challenge = challenge.as_ref();
    let mut device = device_of(tx, ids, message, identity.invitation_id.as_deref())?;
    if let Some(challenge) = challenge.filter(|challenge| challenge.serial_number.is_some() || challenge.account.is_some()) {
        device.practice = challenge.practice;
        devices::update(tx, &device)?;
    }
    let mut enrollment = match known {
        Some(mut enrollment) => {
            next_generation(tx, &mut enrollment)?;
            enrollment
        }
        None => new_enrollment(tx, ids, &device)?,
    };
    reset(tx, &mut enrollment, &device, message, identity, challenge);
    enrollments::update(tx, &enrollment)?;
    account::began(tx, challenge, &enrollment, &mut device)?;
    identify::bind(tx, presented, identity, &enrollment)?;
    note_state(tx, &enrollment, "enrollment.authenticated")?;
    Ok(enrollment)
}

pub(super) fn new_enrollment(tx: &Tx, ids: &EnrollmentIds, device: &Device) -> Result<Enrollment> {
    let enrollment = blank(tx.new_id(), device, ids, None, tx.now);
    enrollments::insert(tx, &enrollment)?;
    Ok(enrollment)
}

/// An enrollment about which nothing is known but who it is.
pub(super) fn blank(
    id: String,
    device: &Device,
    ids: &EnrollmentIds,
    parent_id: Option<String>,
    now: crate::clock::Timestamp,
) -> Enrollment {
    Enrollment {
        id,
        device_id: device.id.clone(),
        parent_id,
        kind: ids.kind(),
        nano_id: ids.nano_id().to_string(),
        user_short_name: ids.user_short_name.clone().unwrap_or_default(),
        user_long_name: ids.user_long_name.clone().unwrap_or_default(),
        state: EnrollmentState::Authenticated,
        generation: 1,
        topic: String::new(),
        awaiting_configuration: false,
        token_update_tally: 0,
        token_hash: None,
        access_rights: None,
        server_url: String::new(),
        check_in_url: String::new(),
        scep_url: String::new(),
        invitation_id: None,
        session: 0,
        push_due_at: None,
        push_attempts: 0,
        push_sent_at: None,
        push_error: String::new(),
        push_dead_at: None,
        has_push_token: false,
        has_unlock_token: false,
        has_bootstrap_token: false,
        renewal_state: RenewalState::None,
        renewal_due_at: None,
        renewal_attempts: 0,
        renewal_began_at: None,
        questions_due: false,
        entry: Entry::Invitation,
        authenticated_at: None,
        enrolled_at: None,
        token_updated_at: None,
        left_at: None,
        last_seen_at: None,
        created_at: now,
    }
}

/// Puts an enrollment at the start of its generation.
fn reset(
    tx: &Tx,
    enrollment: &mut Enrollment,
    device: &Device,
    message: &Authenticate,
    identity: &Identity,
    challenge: Option<&Challenge>,
) {
    enrollment.device_id.clone_from(&device.id);
    enrollment.state = EnrollmentState::Authenticated;
    enrollment.topic.clone_from(&message.topic);
    enrollment.awaiting_configuration = false;
    enrollment.token_update_tally = 0;
    enrollment.token_hash = None;
    enrollment.renewal_state = RenewalState::None;
    enrollment.renewal_attempts = 0;
    enrollment.renewal_began_at = None;
    enrollment.renewal_due_at = Some(renewal::first_due(identity));
    enrollment.authenticated_at = Some(tx.now);
    enrollment.enrolled_at = None;
    enrollment.left_at = None;
    enrollment.access_rights = (!enrollment.kind.is_user_enrollment()).then_some(ALL_RIGHTS);
    if let Some(challenge) = challenge {
        // A renewed identity says nothing of how the device came in.
        if challenge.purpose == Purpose::Enroll {
            enrollment.entry = challenge.entry;
        }
        enrollment.server_url.clone_from(&challenge.server_url);
        enrollment.check_in_url.clone_from(&challenge.check_in_url);
        enrollment.scep_url.clone_from(&challenge.scep_url);
        enrollment.invitation_id.clone_from(&challenge.invitation_id);
    }
}

/// Ends the generation of a device's channel and of its users, who come back with a TokenUpdate of their own.
pub(super) fn next_generation(tx: &Tx, enrollment: &mut Enrollment) -> Result<()> {
    for mut user in enrollments::user_channels(tx, &enrollment.id)? {
        end_generation(tx, &mut user)?;
        user.state = EnrollmentState::Left;
        user.left_at = Some(tx.now);
        enrollments::update(tx, &user)?;
    }
    end_generation(tx, enrollment)
}

/// What a generation leaves behind: its queue is dropped, its secrets go to the escrow, and nobody can be woken by its token. The next one has begun in
/// `enrollment`, and is to be stored.
fn end_generation(tx: &Tx, enrollment: &mut Enrollment) -> Result<()> {
    commands::drop_all(tx, enrollment, t!("a new enrollment began"))?;
    escrow::keep(tx, enrollment, t!("kept when a new enrollment began"))?;
    enrollments::forget_secrets(tx, enrollment)?;
    enrollment.generation += 1;
    Ok(())
}

/// The device that enrolls: known by its UDID or, when that changed with the hardware's erasure, by its serial number.
pub(super) fn device_of(tx: &Tx, ids: &EnrollmentIds, message: &Authenticate, invitation_id: Option<&str>) -> Result<Device> {
    let udid = ids.udid().map(str::to_owned);
    let mut known = match &udid {
        Some(udid) => devices::by_udid(tx, udid)?,
        None => {
            enrollments::by_nano_id(tx, ids.nano_id().as_str())?.map(|found| devices::by_id(tx, &found.device_id)).transpose()?.flatten()
        }
    };
    if known.is_none()
        && let Some(serial_number) = &message.serial_number
    {
        known = devices::by_serial_number(tx, serial_number)?;
    }
    let invitation = match invitation_id {
        Some(id) => invitations::by_id(tx, id)?,
        None => None,
    };
    let before = known.clone();
    let mut device = known.unwrap_or_else(|| nameless(tx));
    device.udid = udid.or(device.udid);
    said(&mut device, message);
    device.deleted_at = None;
    device.supervised = None;
    if let Some(invitation) = invitation {
        device.practice = invitation.practice;
        device.group_label = invitation.group_label;
        device.person_label = invitation.person_label;
    }
    let is_same = before.as_ref() == Some(&device);
    device.refresh_due_at = Some(tx.now.plus(inventory::REFRESH_EVERY));
    match before {
        None => devices::insert(tx, &device)?,
        // Most say what they said before, and nearly all of it is in one index or another.
        Some(_) if is_same => devices::set_refresh_due(tx, &device.id, device.refresh_due_at)?,
        Some(_) => devices::update(tx, &device)?,
    }
    Ok(device)
}

fn nameless(tx: &Tx) -> Device {
    Device {
        id: tx.new_id(),
        serial_number: None,
        udid: None,
        name: String::new(),
        model: String::new(),
        model_name: String::new(),
        product_name: String::new(),
        os_version: String::new(),
        build_version: String::new(),
        platform: Platform::Unknown,
        supervised: None,
        practice: false,
        group_label: String::new(),
        person_label: String::new(),
        facts_at: None,
        security_at: None,
        refresh_due_at: None,
        deleted_at: None,
        created_at: tx.now,
    }
}

/// Takes over what the message says; what it leaves out stays as it was.
fn said(device: &mut Device, message: &Authenticate) {
    let take = |known: &mut String, said: &Option<String>| {
        if let Some(said) = said {
            known.clone_from(said);
        }
    };
    take(&mut device.name, &message.device_name.as_deref().map(names::straight));
    take(&mut device.model, &message.model);
    take(&mut device.model_name, &message.model_name);
    take(&mut device.product_name, &message.product_name);
    take(&mut device.os_version, &message.os_version);
    take(&mut device.build_version, &message.build_version);
    if message.serial_number.is_some() {
        device.serial_number.clone_from(&message.serial_number);
    }
    device.platform = [&device.product_name, &device.model_name, &device.model]
        .into_iter()
        .map(|name| Platform::of_product(name))
        .find(|platform| *platform != Platform::Unknown)
        .unwrap_or(device.platform);
}
