//! A device that enrolls and names one that is enrolled already as somebody else's. A certificate of ours says who was let in; which hardware holds it,
//! only Apple's word tells.

use crate::error::Result;
use crate::mdm::checkin;
use crate::mdm::enroll::identify::Refusal;
use crate::pki::certificate::Fingerprint;
use crate::protocol::checkin::Authenticate;
use crate::protocol::ids::EnrollmentIds;
use crate::store::attestations::Vouched;
use crate::store::certificates::{self, Identity, Purpose};
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::invitations::{Challenge, Entry};
use crate::store::{Tx, account_tokens, attestations, devices, invitations, people};

/// What stands against a device that came in by `challenge`: it names one that came by Apple's list or a person's account, and neither Apple vouches that it
/// is that one nor did the same person sign in for it. Once that one has left or was retired, it may come.
pub(in crate::mdm) fn stands_against(
    tx: &Tx,
    challenge: &Challenge,
    identity: &Identity,
    (ids, message): (&EnrollmentIds, &Authenticate),
) -> Result<Option<Refusal>> {
    let is_proven = challenge.serial_number.is_some() || challenge.udid.is_some();
    if challenge.purpose != Purpose::Enroll || is_proven {
        return Ok(None);
    }
    let Some(named) = named(tx, ids, message)? else { return Ok(None) };
    let is_living = matches!(named.state, EnrollmentState::Enrolled | EnrollmentState::Authenticated);
    if !is_living || devices::is_deleted(tx, &named.device_id)? {
        return Ok(None);
    }
    if let Some(vouched) = attestations::of_key(tx, &identity.fingerprint)? {
        return Ok(is_another(tx, &named, &vouched)?.then_some(Refusal::AttestedForAnother));
    }
    // Who was let in with a proof is not taken over without one.
    if is_attested(tx, &named)? {
        return Ok(Some(Refusal::EnrolledAlready));
    }
    let is_free = match challenge.account {
        Some(_) => whose(tx, &named)?.is_some_and(|person| challenge.person_id.as_deref() == Some(&person)),
        None => !matches!(named.entry, Entry::Automated | Entry::Account),
    };
    Ok((!is_free).then_some(Refusal::EnrolledAlready))
}

/// What stands against the id under which a device comes. Only who signed in with an account has an EnrollmentID, and an enrollment of one kind has no
/// successor of the other, whatever the two call themselves.
pub(in crate::mdm) fn is_of_the_other_kind(tx: &Tx, challenge: Option<&Challenge>, ids: &EnrollmentIds) -> Result<Option<Refusal>> {
    let is_own = ids.kind().is_user_enrollment();
    let came_without_account = |challenge: &Challenge| challenge.purpose == Purpose::Enroll && challenge.account.is_none();
    if is_own && challenge.is_some_and(came_without_account) {
        return Ok(Some(Refusal::NotAsSignedIn));
    }
    let namesake = enrollments::by_nano_id(tx, ids.nano_id().as_str())?;
    Ok(namesake.filter(|namesake| namesake.kind.is_user_enrollment() != is_own).map(|_| Refusal::EnrolledAlready))
}

/// Whether Apple vouched for another device than the one that lives here under the UDID that is named: a UDID that the attestation does not say was only
/// claimed.
fn is_another(tx: &Tx, named: &Enrollment, vouched: &Vouched) -> Result<bool> {
    let known = devices::by_id(tx, &named.device_id)?.and_then(|device| device.serial_number);
    let differs = known.zip(vouched.serial_number.as_ref()).is_some_and(|(known, attested)| !known.eq_ignore_ascii_case(attested));
    Ok(vouched.udid.is_none() && differs)
}

/// How sure it is that a device has the serial number that it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mdm) enum Proof {
    /// Its maker's certificate or Apple's attestation said so.
    Proven,
    /// Another server handed it over, or it is a practice device, for which nobody answers.
    Granted,
    /// It only says so.
    Claimed,
}

/// How sure it is which hardware an enrollment is.
pub(in crate::mdm) fn proof(tx: &Tx, enrollment: &Enrollment, fingerprint: &Fingerprint) -> Result<Proof> {
    let challenge = invitations::challenge_by_fingerprint(tx, fingerprint)?;
    let is_listed = challenge.as_ref().is_some_and(|challenge| challenge.serial_number.is_some());
    if is_listed || attestations::of_key(tx, fingerprint)?.is_some() {
        return Ok(Proof::Proven);
    }
    let is_granted = challenge.is_none() || devices::by_id(tx, &enrollment.device_id)?.is_some_and(|device| device.practice);
    Ok(if is_granted { Proof::Granted } else { Proof::Claimed })
}

/// Hardware that is proven has its place alone: whoever claimed it before is out, and hears nothing more that is meant for it.
pub(in crate::mdm) fn put_out_others(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    for other in enrollments::of_device(tx, &enrollment.device_id)? {
        let is_living = matches!(other.state, EnrollmentState::Enrolled | EnrollmentState::Authenticated);
        if other.id != enrollment.id && other.parent_id.is_none() && is_living {
            checkin::end(tx, &other, EnrollmentState::Left, "the device that it said it was came in")?;
            checkin::note_state(tx, &other, "enrollment.left")?;
        }
    }
    Ok(())
}

/// Whether Apple vouched for the key that an enrollment goes by now.
fn is_attested(tx: &Tx, enrollment: &Enrollment) -> Result<bool> {
    match certificates::of_enrollment(tx, &enrollment.id)?.into_iter().next() {
        Some(newest) => Ok(attestations::of_key(tx, &newest.fingerprint)?.is_some()),
        None => Ok(false),
    }
}

/// The channel of the device that an Authenticate is about, as [`super::super::checkin`] will find it.
fn named(tx: &Tx, ids: &EnrollmentIds, message: &Authenticate) -> Result<Option<Enrollment>> {
    if let Some(enrollment) = enrollments::by_nano_id(tx, ids.nano_id().as_str())? {
        return Ok(Some(enrollment));
    }
    let device = match ids.udid() {
        Some(udid) => devices::by_udid(tx, udid)?,
        None => None,
    };
    let device = match (device, &message.serial_number) {
        (None, Some(serial_number)) => devices::by_serial_number(tx, serial_number)?,
        (device, _) => device,
    };
    device.map_or(Ok(None), |device| enrollments::device_channel(tx, &device.id))
}

/// Whose an enrollment is: whoever signed in for it, or uses its device.
fn whose(tx: &Tx, enrollment: &Enrollment) -> Result<Option<String>> {
    if let Some(token) = account_tokens::of_enrollment(tx, &enrollment.id)? {
        return Ok(Some(token.person_id));
    }
    Ok(people::of_device(tx, &enrollment.device_id)?.map(|person| person.id))
}
