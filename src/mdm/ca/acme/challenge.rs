//! `device-attest-01`: whether what a device shows proves that the key is in it, and that it is the device that the profile was for.

use serde_json::json;

use crate::error::Result;
use crate::mdm::attestation::judge::Expected;
use crate::mdm::attestation::{self, Mode};
use crate::mdm::ca::acme::state::Event;
use crate::mdm::ca::acme::{Outcome, advance, as_of, sentence};
use crate::mdm::ca::refusals;
use crate::mdm::{Actor, journal};
use crate::pki::attestation::{Attested, chain_of_object};
use crate::pki::digest;
use crate::protocol::acme::{Answer, Fault, Problem};
use crate::store::acme::{self, Order, OrderState};
use crate::store::invitations::Challenge;
use crate::store::{Tx, attestations, certificates, devices, enrollments, invitations};

/// Takes the answer to the challenge of an order. A second answer changes nothing.
pub fn respond(tx: &Tx, order: Order, answer: &Answer) -> Outcome<Order> {
    // Another answer may have come between.
    let mut order = as_of(acme::order_by_id(tx, &order.id)?.unwrap_or(order), tx.now);
    if order.state != OrderState::Pending {
        return Ok(Ok(order));
    }
    let Some(challenge) = invitations::challenge_by_hash(tx, &order.challenge_hash)? else {
        return fail(tx, order, Fault::RejectedIdentifier.because(t!("The profile's time is over. Download it again.")));
    };
    match answer {
        Answer::Attestation(object) => attested(tx, order, &challenge, object),
        Answer::Nothing | Answer::Error(_) if is_required(tx, &challenge)? => {
            let said = if let Answer::Error(words) = answer { t!(" It said: {words}.", words) } else { String::new() };
            let words = t!("The device showed no attestation, and without one it does not come in.{said}", said);
            fail(tx, order, Fault::BadAttestationStatement.because(words))
        }
        Answer::Nothing | Answer::Error(_) => {
            order.validated_at = Some(tx.now);
            advance(tx, &mut order, Event::Met)?;
            Ok(Ok(order))
        }
    }
}

fn attested(tx: &Tx, mut order: Order, challenge: &Challenge, object: &[u8]) -> Outcome<Order> {
    let roots = attestation::roots(tx)?;
    if roots.is_empty() {
        // The order stays: the root may be here at the next attempt.
        return Ok(Err(
            Fault::ServerInternal.because(t!("Apple's attestation root is not here yet, so nothing can be judged by it. Try again later."))
        ));
    }
    let read = chain_of_object(object).and_then(|chain| Attested::read(&chain, &roots, tx.now));
    let attested = match read {
        Ok(attested) => attested,
        Err(error) => return fail(tx, order, Fault::BadAttestationStatement.because(sentence(&error.to_string()))),
    };
    if !attested.is_fresh_for_token(&order.token) {
        let words = t!("The attestation was not made for this challenge: its freshness code is not the SHA-256 of the token.");
        return fail(tx, order, Fault::BadAttestationStatement.because(words));
    }
    order.key_hash = Some(digest::sha256(&attested.public_key));
    let vouched = attested.into();
    if let Err(words) = Expected::of_challenge(tx, challenge)?.is(&vouched) {
        return fail(tx, order, Fault::BadAttestationStatement.because(sentence(words)));
    }
    order.attested = Some(vouched);
    order.validated_at = Some(tx.now);
    advance(tx, &mut order, Event::Met)?;
    Ok(Ok(order))
}

/// Ends an order; the profile's value stays good for another one.
fn fail(tx: &Tx, mut order: Order, problem: Problem) -> Outcome<Order> {
    let because = problem.detail.trim_end_matches('.').to_owned();
    let challenge = invitations::challenge_by_hash(tx, &order.challenge_hash)?;
    let serial_number = challenge.as_ref().and_then(|challenge| challenge.serial_number.clone());
    let enrollment = match challenge.and_then(|challenge| challenge.enrollment_id) {
        Some(id) => enrollments::by_id(tx, &id)?,
        None => None,
    };
    let subject = enrollment.as_ref().map_or_else(journal::Subject::default, journal::Subject::from);
    let actor = Actor::Device { name: t!("ACME {id}", id = order.id) };
    refusals::note(tx, &actor, subject, json!({ "because": because, "serial_number": serial_number }))?;
    order.problem = Some(problem);
    (order.attested, order.key_hash) = (None, None);
    advance(tx, &mut order, Event::Failed)?;
    Ok(Ok(order))
}

/// Whether the key must be attested. A profile that asks for a proof goes to kinds of devices that may show one or have to. What kind a new device is, it says
/// with its Authenticate, and is refused there where that has to; where no kind of device may come in without, nothing is issued before. An enrollment whose key was attested gets no lesser one while proofs are asked for.
fn is_required(tx: &Tx, challenge: &Challenge) -> Result<bool> {
    let policy = attestation::policy(tx)?;
    let Some(id) = &challenge.enrollment_id else { return Ok(policy.any(Mode::Require) && !policy.any(Mode::Prefer)) };
    let device = match enrollments::by_id(tx, id)? {
        Some(enrollment) => devices::by_id(tx, &enrollment.device_id)?,
        None => None,
    };
    let mode = device.map_or(Mode::Require, |device| policy.of(device.platform));
    let newest = certificates::of_enrollment(tx, id)?.into_iter().next();
    let was_attested = match newest {
        Some(newest) => attestations::of_key(tx, &newest.fingerprint)?.is_some(),
        None => false,
    };
    Ok(mode == Mode::Require || mode == Mode::Prefer && was_attested)
}
