//! DevicePropertiesAttestation: asking a device to have Apple vouch for it, and what its answer is worth.
//!
//! A device has Apple's servers attest it anew once in seven days at most; in between it shows what it has, with the code of an earlier question.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::error::{Error, Result};
use crate::mdm::attestation::judge::Expected;
use crate::mdm::attestation::{self, Ability, can_attest};
use crate::mdm::checkin::actor;
use crate::mdm::{Actor, Right, commands, journal};
use crate::pki::attestation::Attested;
use crate::protocol::availability;
use crate::protocol::command;
use crate::protocol::report::Report;
use crate::protocol::report::device::DeviceInformation;
use crate::random::Random;
use crate::store::attestations::{self, Attestation, AttestationState};
use crate::store::devices::{self, Device};
use crate::store::enrollments::{Enrollment, EnrollmentState};
use crate::store::{Bell, Tx};

/// What marks the question in the queue; a newer one replaces an older one.
pub const SUPERSEDE_KEY: &str = "attestation";

/// How often a device is asked by itself: Apple makes no new attestation sooner.
pub const ASK_EVERY: Duration = Duration::from_secs(7 * 24 * 3600);

/// Codes of earlier questions that an answer may still carry.
pub const CODES_KEPT: usize = 4;

/// Bytes of a code: as many as a device takes.
const CODE_BYTES: usize = 32;

/// What came of wanting to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The question is in the queue.
    Queued,
    /// Apple's root is not here yet; it is being had, and then the question makes sense.
    RootMissing,
}

/// Asks a device now whether it is genuine, because somebody wants to know.
///
/// # Errors
/// A conflict that says why this device cannot show it.
pub fn ask_now(tx: &Tx, by: &Actor, enrollment: &Enrollment) -> Result<Asked> {
    by.require(Right::Command)?;
    if enrollment.state != EnrollmentState::Enrolled {
        return Err(Error::conflict(t!("This device is not enrolled now, so it cannot be asked.")));
    }
    let device = device(tx, enrollment)?;
    if let Ability::Cannot(why) = can_attest(&device.product_name, &device.os_version) {
        return Err(Error::conflict(t!("This device cannot prove that it is genuine. {why}", why)));
    }
    if !has_question(tx, enrollment)? {
        return Err(Error::conflict(t!(
            "The system of this device does not know the question; it came with iOS 16, macOS 14 and tvOS 16."
        )));
    }
    if attestation::roots(tx)?.is_empty() {
        attestation::want_root(tx)?;
        return Ok(Asked::RootMissing);
    }
    ask(tx, by, enrollment)?;
    Ok(Asked::Queued)
}

/// Asks a device by itself, where it can answer and the last question is long enough ago.
pub(super) fn ask_in_turn(tx: &Tx, by: &Actor, enrollment: &Enrollment) -> Result<()> {
    if enrollment.parent_id.is_some() || attestation::roots(tx)?.is_empty() {
        return Ok(());
    }
    let device = device(tx, enrollment)?;
    let can = can_attest(&device.product_name, &device.os_version) == Ability::Can && has_question(tx, enrollment)?;
    let before = attestations::of_device(tx, &device.id)?;
    // What came with a certificate counts as an answer: the device has shown it just now.
    let last = [before.asked_at, before.checked_at].into_iter().flatten().max();
    let has_voucher = !device.practice || attestation::has_stand_ins(tx)?;
    if can && has_voucher && last.is_none_or(|last| last.plus(ASK_EVERY) <= tx.now) {
        ask(tx, by, enrollment)?;
    }
    Ok(())
}

fn device(tx: &Tx, enrollment: &Enrollment) -> Result<Device> {
    devices::by_id(tx, &enrollment.device_id)?.ok_or_else(|| Error::not_found(t!("There is no such device.")))
}

fn has_question(tx: &Tx, enrollment: &Enrollment) -> Result<bool> {
    Ok(!availability::queries(&["DevicePropertiesAttestation"], &commands::capabilities(tx, enrollment)?).is_empty())
}

fn ask(tx: &Tx, by: &Actor, enrollment: &Enrollment) -> Result<()> {
    let code: [u8; CODE_BYTES] = Random::System.bytes();
    let question = command::device_attestation(tx.command_uuid(), &code, enrollment.kind.is_user_enrollment());
    commands::enqueue_own(tx, by, enrollment, question, Some(SUPERSEDE_KEY), None)?;
    let mut attestation = attestations::of_device(tx, &enrollment.device_id)?;
    attestation.codes.insert(0, STANDARD.encode(code));
    attestation.codes.truncate(CODES_KEPT);
    attestation.asked_at = Some(tx.now);
    attestations::put(tx, &attestation)
}

/// Takes the answer to the question. A device that shows nothing is not at fault: it is not attested yet.
pub(super) fn observe(tx: &Tx, enrollment: &Enrollment, report: &Report) -> Result<bool> {
    let Some(said) = DeviceInformation::read(report) else { return Ok(false) };
    let device = device(tx, enrollment)?;
    let before = attestations::of_device(tx, &device.id)?;
    let after = judged(tx, &device, before.clone(), &said.attestation)?;
    let news = |attestation: &Attestation| (attestation.state, attestation.vouched.clone(), attestation.because.clone());
    attestations::put(tx, &after)?;
    if news(&before) != news(&after) {
        let data =
            json!({ "state": after.state, "because": after.because, "made_at": after.vouched.as_ref().map(|vouched| vouched.made_at) });
        journal::note(tx, &actor(enrollment), "device.attested", enrollment, data)?;
        tx.ring(Bell::Jobs);
    }
    Ok(true)
}

fn judged(tx: &Tx, device: &Device, before: Attestation, chain: &[Vec<u8>]) -> Result<Attestation> {
    let codes: Vec<_> = before.codes.iter().filter_map(|code| STANDARD.decode(code).ok()).collect();
    let before = Attestation { checked_at: Some(tx.now), ..before };
    let with = |state, because: &str| Attestation { state, because: because.to_owned(), ..before.clone() };
    if chain.is_empty() {
        let because = t!(
            "It was asked and showed nothing: its chip cannot, Apple could not be reached, or Apple had nothing to say. It is asked again."
        );
        // What Apple said before stays said.
        let state = if before.vouched.is_some() { before.state } else { AttestationState::None };
        return Ok(with(state, because));
    }
    let attested = match Attested::read(chain, &attestation::roots(tx)?, tx.now) {
        Ok(attested) => attested,
        Err(error) => return Ok(with(AttestationState::Refused, &t!("What it showed does not count: {error}.", error))),
    };
    let is_fresh = codes.iter().any(|code| attested.is_fresh_by(code));
    let vouched = attested.into();
    if let Err(words) = Expected::of_device(tx, device)?.is(&vouched) {
        return Ok(with(AttestationState::Refused, &t!("What it showed does not count: {words}.", words)));
    }
    let is_known = before.state == AttestationState::Genuine && before.vouched.as_ref() == Some(&vouched);
    let (state, because) = if is_fresh || is_known {
        (AttestationState::Genuine, "")
    } else {
        (AttestationState::Stale, t!("Apple's word is older than our question, as a device gets a new one once a week. It is asked again."))
    };
    Ok(Attestation { vouched: Some(vouched), ..with(state, because) })
}
