//! A device that enrolls and names one that is enrolled already as somebody else's. A certificate of ours says who was let in; which hardware holds it,
//! only Apple's word tells.

use crate::error::Result;
use crate::mdm::enroll::identify::Refusal;
use crate::protocol::checkin::Authenticate;
use crate::protocol::ids::EnrollmentIds;
use crate::store::certificates::{Identity, Purpose};
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::invitations::{Challenge, Entry};
use crate::store::{Tx, account_tokens, attestations, devices, people};

/// What stands against a device that came in by `challenge`: it names one that came by Apple's list or a person's account, and neither Apple vouches that it
/// is that one nor did the same person sign in for it. Once that one has left or was retired, it may come.
pub(in crate::mdm) fn stands_against(
    tx: &Tx,
    challenge: &Challenge,
    identity: &Identity,
    (ids, message): (&EnrollmentIds, &Authenticate),
) -> Result<Option<Refusal>> {
    let is_proven = challenge.serial_number.is_some() || challenge.udid.is_some();
    if challenge.purpose != Purpose::Enroll || is_proven || attestations::of_key(tx, &identity.fingerprint)?.is_some() {
        return Ok(None);
    }
    let Some(named) = named(tx, ids, message)? else { return Ok(None) };
    let is_living = matches!(named.state, EnrollmentState::Enrolled | EnrollmentState::Authenticated);
    if !is_living || devices::is_deleted(tx, &named.device_id)? {
        return Ok(None);
    }
    let is_free = match challenge.account {
        Some(_) => whose(tx, &named)?.is_some_and(|person| challenge.person_id.as_deref() == Some(&person)),
        None => !matches!(named.entry, Entry::Automated | Entry::Account),
    };
    Ok((!is_free).then_some(Refusal::EnrolledAlready))
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
