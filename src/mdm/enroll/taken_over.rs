//! A device that enrolls and names one that is enrolled already as somebody else's. A certificate of ours says who was let in; which hardware holds it,
//! only Apple's word tells.

use std::borrow::Cow;

use serde_json::json;

use crate::error::Result;
use crate::language::say;
use crate::mdm::enroll::applicant::Applicant;
use crate::mdm::enroll::automated::NOTED_EVERY;
use crate::mdm::enroll::identify::Refusal;
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, checkin};
use crate::pki::certificate::Fingerprint;
use crate::store::arrivals::{self, Answer, Arrival};
use crate::store::attestations::Vouched;
use crate::store::certificates::{self, Identity, Purpose};
use crate::store::devices::Device;
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::invitations::{Challenge, Entry};
use crate::store::{Tx, account_tokens, attestations, devices, invitations, people};

/// Why a device is held off whose serial number another has, and what somebody can do.
pub(in crate::mdm) const SERIAL_TAKEN: &str = msg!(
    "Another device is enrolled here under this serial number. If that is an old entry, for example from before \
     a repair, erase or retire it; then start the set-up of this one again."
);

/// What stands against a device that came in by `challenge`: it names one that came by Apple's list or a person's account, and neither Apple vouches that it
/// is that one nor did the same person sign in for it; or its maker vouches for it, and its serial number is another's. Once that one has left or was
/// retired, it may come.
pub(in crate::mdm) fn stands_against(tx: &Tx, challenge: &Challenge, applicant: &Applicant<'_>) -> Result<Option<Refusal>> {
    let is_proven = challenge.serial_number.is_some() || challenge.udid.is_some();
    if challenge.purpose != Purpose::Enroll {
        return Ok(None);
    }
    if is_proven {
        return Ok(holder(tx, challenge, applicant)?.map(|_| Refusal::SerialTaken));
    }
    let Some(named) = named(tx, applicant)? else { return Ok(None) };
    let is_living = matches!(named.state, EnrollmentState::Enrolled | EnrollmentState::Authenticated);
    if !is_living || devices::is_deleted(tx, &named.device_id)? {
        return Ok(None);
    }
    if let Some(vouched) = &applicant.vouched {
        return Ok(is_another(tx, &named, vouched)?.then_some(Refusal::AttestedForAnother));
    }
    // Who was let in with a proof is not taken over without one.
    if is_attested(tx, &named, &applicant.identity)? {
        return Ok(Some(Refusal::EnrolledAlready));
    }
    let is_free = match challenge.account {
        Some(_) => whose(tx, &named)?.is_some_and(|person| challenge.person_id.as_deref() == Some(&person)),
        None => !matches!(named.entry, Entry::Automated | Entry::Account),
    };
    Ok((!is_free).then_some(Refusal::EnrolledAlready))
}

/// The device that is enrolled under the serial number of the one that comes.
fn holder(tx: &Tx, challenge: &Challenge, applicant: &Applicant<'_>) -> Result<Option<Device>> {
    let serial_number = challenge.serial_number.as_deref().or(applicant.message.serial_number.as_deref());
    match serial_number.zip(applicant.ids.udid()) {
        Some((serial_number, udid)) => under_another_udid(tx, serial_number, udid),
        None => Ok(None),
    }
}

/// The device that is enrolled under this serial number and has another UDID; nothing where it only claimed the number, has left, or was erased, retired or
/// deleted.
pub(in crate::mdm) fn under_another_udid(tx: &Tx, serial_number: &str, udid: &str) -> Result<Option<Device>> {
    let there = devices::by_serial_number(tx, serial_number)?.filter(|device| device.deleted_at.is_none());
    let differs = |device: &Device| device.udid.as_ref().is_some_and(|known| !known.eq_ignore_ascii_case(udid));
    let Some(device) = there.filter(differs) else { return Ok(None) };
    let channel = enrollments::device_channel(tx, &device.id)?.filter(|channel| channel.state == EnrollmentState::Enrolled);
    // A Mac has two UDIDs, and its facts may tell the other one than that by which it enrolled.
    let Some(channel) = channel.filter(|channel| !channel.nano_id.eq_ignore_ascii_case(udid)) else { return Ok(None) };
    Ok((!is_only_claimed(tx, &channel)?).then_some(device))
}

/// Whether a device only said who it is when it came in.
fn is_only_claimed(tx: &Tx, enrollment: &Enrollment) -> Result<bool> {
    if enrollment.entry != Entry::Invitation {
        return Ok(false);
    }
    match certificates::of_enrollment(tx, &enrollment.id)?.into_iter().next() {
        Some(newest) => Ok(proof(tx, enrollment, &newest.fingerprint)? == Proof::Claimed),
        None => Ok(false),
    }
}

/// Writes down that a device was held off because its serial number is another's, where people look after devices that are being set up.
pub(in crate::mdm) fn held_off(tx: &Tx, challenge: &Challenge, applicant: &Applicant<'_>) -> Result<()> {
    let Some(holder) = holder(tx, challenge, applicant)? else { return Ok(()) };
    let Applicant { ids, message, .. } = applicant;
    let arrival = Arrival {
        serial_number: holder.serial_number.clone().unwrap_or_default(),
        udid: ids.udid().unwrap_or_default().to_owned(),
        product_name: message.product_name.clone().unwrap_or_default(),
        os_version: message.os_version.clone().unwrap_or_default(),
        entry: challenge.entry,
        practice: challenge.practice,
        answer: Answer::Refused,
        because: say(SERIAL_TAKEN).to_owned(),
        challenge: None,
        asked_at: tx.now,
    };
    let is_same = |before: &Arrival| before.udid == arrival.udid && before.because == arrival.because;
    let before = arrivals::by_serial_number(tx, &arrival.serial_number)?.filter(is_same);
    arrivals::put(tx, &arrival)?;
    if before.is_some_and(|before| before.asked_at.plus(NOTED_EVERY) > tx.now) {
        return Ok(());
    }
    let actor = Actor::Device { name: arrival.serial_number.clone() };
    let data = json!({ "serial_number": arrival.serial_number, "udid": arrival.udid });
    journal::note(tx, &actor, "setup.held_off", Subject::device(&holder.id), data)
}

/// What stands against the id under which a device comes. Only who signed in with an account has an EnrollmentID, and an enrollment of one kind has no
/// successor of the other, whatever the two call themselves.
pub(in crate::mdm) fn is_of_the_other_kind(applicant: &Applicant<'_>) -> Option<Refusal> {
    let is_own = applicant.ids.kind().is_user_enrollment();
    let came_without_account = |challenge: &Challenge| challenge.purpose == Purpose::Enroll && challenge.account.is_none();
    if is_own && applicant.challenge.as_ref().is_some_and(came_without_account) {
        return Some(Refusal::NotAsSignedIn);
    }
    let namesake = applicant.known.as_ref();
    namesake.filter(|namesake| namesake.kind.is_user_enrollment() != is_own).map(|_| Refusal::EnrolledAlready)
}

/// Whether a device calls itself by what people and tools call another one: what is meant for that one must not reach it.
pub(in crate::mdm) fn is_by_anothers_name(tx: &Tx, applicant: &Applicant<'_>) -> Result<bool> {
    let own = applicant.known.as_ref().map_or("", |known| known.device_id.as_str());
    if devices::is_named(tx, applicant.ids.nano_id().as_str(), own)? {
        return Ok(true);
    }
    let Some(serial_number) = &applicant.message.serial_number else { return Ok(false) };
    let is_living = |namesake: &Enrollment| matches!(namesake.state, EnrollmentState::Enrolled | EnrollmentState::Authenticated);
    let namesake = enrollments::by_nano_id(tx, serial_number)?.filter(is_living);
    Ok(namesake.is_some_and(|namesake| namesake.device_id != own) || devices::by_id(tx, serial_number)?.is_some())
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
    proof_by(tx, devices::by_id(tx, &enrollment.device_id)?.as_ref(), fingerprint, challenge.as_ref())
}

/// [`proof`] of a device and an identity whose rows have been read already.
pub(in crate::mdm) fn proof_by(
    tx: &Tx,
    device: Option<&Device>,
    fingerprint: &Fingerprint,
    challenge: Option<&Challenge>,
) -> Result<Proof> {
    let is_listed = challenge.is_some_and(|challenge| challenge.serial_number.is_some());
    if is_listed || attestations::of_key(tx, fingerprint)?.is_some() {
        return Ok(Proof::Proven);
    }
    let is_granted = challenge.is_none() || device.is_some_and(|device| device.practice);
    Ok(if is_granted { Proof::Granted } else { Proof::Claimed })
}

/// Hardware that is proven has its place alone: whoever claimed it before is out, and hears nothing more that is meant for it.
pub(in crate::mdm) fn put_out_others(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    for other in enrollments::of_device(tx, &enrollment.device_id)? {
        let is_living = matches!(other.state, EnrollmentState::Enrolled | EnrollmentState::Authenticated);
        if other.id != enrollment.id && other.parent_id.is_none() && is_living {
            checkin::end(tx, &other, EnrollmentState::Left, t!("the device that it said it was came in"))?;
            checkin::note_state(tx, &other, "enrollment.left")?;
        }
    }
    Ok(())
}

/// Whether Apple vouched for the key that an enrollment goes by now, and that is another one than that of `but`.
fn is_attested(tx: &Tx, enrollment: &Enrollment, but: &Identity) -> Result<bool> {
    match certificates::of_enrollment(tx, &enrollment.id)?.into_iter().next().filter(|newest| newest.fingerprint != but.fingerprint) {
        Some(newest) => Ok(attestations::of_key(tx, &newest.fingerprint)?.is_some()),
        None => Ok(false),
    }
}

/// The channel of the device that an Authenticate is about, as [`super::super::checkin`] will find it.
fn named<'a>(tx: &Tx, applicant: &'a Applicant<'_>) -> Result<Option<Cow<'a, Enrollment>>> {
    let Applicant { ids, message, known, .. } = applicant;
    if let Some(known) = known {
        return Ok(Some(Cow::Borrowed(known)));
    }
    let device = match ids.udid() {
        Some(udid) => devices::by_udid(tx, udid)?,
        None => None,
    };
    let device = match (device, &message.serial_number) {
        (None, Some(serial_number)) => devices::by_serial_number(tx, serial_number)?,
        (device, _) => device,
    };
    let channel = device.map_or(Ok(None), |device| enrollments::device_channel(tx, &device.id))?;
    Ok(channel.map(Cow::Owned))
}

/// Whose an enrollment is: whoever signed in for it, or uses its device.
fn whose(tx: &Tx, enrollment: &Enrollment) -> Result<Option<String>> {
    if let Some(token) = account_tokens::of_enrollment(tx, &enrollment.id)? {
        return Ok(Some(token.person_id));
    }
    Ok(people::of_device(tx, &enrollment.device_id)?.map(|person| person.id))
}
