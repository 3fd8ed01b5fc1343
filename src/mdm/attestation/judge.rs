//! What an attestation is worth: whether it is of the device that is meant, and whether a device comes with the proof that is asked for.

use crate::error::Result;
use crate::mdm::attestation::{Mode, policy};
use crate::mdm::enroll::applicant::Applicant;
use crate::mdm::enroll::identify::Refusal;
use crate::protocol::platform::Platform;
use crate::store::attestations::{self, Attestation, AttestationState, Vouched};
use crate::store::certificates::{self, Purpose};
use crate::store::devices::{self, Device};
use crate::store::enrollments::Enrollment;
use crate::store::invitations;
use crate::store::{Tx, enrollments};

/// The device that an attestation must be of, as far as it is known; where nothing is, any will do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Its serial number.
    pub serial_number: Option<String>,
    /// Its UDIDs: a Mac has another one for provisioning, of another form.
    pub udids: Vec<String>,
}

impl Expected {
    /// A device that is known here.
    pub fn of_device(tx: &Tx, device: &Device) -> Result<Self> {
        let facts: serde_json::Value = serde_json::from_str(&devices::facts(tx, &device.id)?).unwrap_or_default();
        let provisioning = facts.get("ProvisioningUDID").and_then(serde_json::Value::as_str).map(str::to_owned);
        Ok(Self { serial_number: device.serial_number.clone(), udids: device.udid.clone().into_iter().chain(provisioning).collect() })
    }

    /// The device that a challenge was made for.
    pub fn of_challenge(tx: &Tx, challenge: &invitations::Challenge) -> Result<Self> {
        if let Some(id) = &challenge.enrollment_id
            && let Some(enrollment) = enrollments::by_id(tx, id)?
            && let Some(device) = devices::by_id(tx, &enrollment.device_id)?
        {
            return Self::of_device(tx, &device);
        }
        Ok(Self { serial_number: challenge.serial_number.clone(), udids: challenge.udid.clone().into_iter().collect() })
    }

    /// Whether this is the device that Apple vouches for; why not, in words.
    pub fn is(&self, vouched: &Vouched) -> Result<(), &'static str> {
        let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
        let serial = self.serial_number.as_deref().zip(vouched.serial_number.as_deref()).map(|(one, other)| same(one, other));
        // UDIDs of different lengths are of different kinds: a Mac's own and its provisioning UDID.
        let udid = vouched.udid.as_deref().and_then(|attested| {
            let mut alike = self.udids.iter().filter(|known| known.len() == attested.len()).peekable();
            alike.peek().is_some().then(|| alike.any(|known| same(known, attested)))
        });
        match (serial, udid) {
            (Some(false), _) => Err(t!("the attestation is of a device with another serial number")),
            (_, Some(false)) => Err(t!("the attestation is of a device with another UDID")),
            (None, None) if self != &Self::default() => {
                Err(t!("the attestation names neither the serial number nor the UDID of the device"))
            }
            _ => Ok(()),
        }
    }
}

/// What stands in the way of a new enrollment: a certificate that was attested for another device, or none that was attested where that is required.
pub(in crate::mdm) fn refuses(tx: &Tx, applicant: &Applicant<'_>) -> Result<Option<Refusal>> {
    let Applicant { ids, message, identity, .. } = applicant;
    if let Some(vouched) = &applicant.vouched {
        let udids = ids.udid().map(str::to_owned).into_iter().collect();
        let expected = Expected { serial_number: message.serial_number.clone(), udids };
        return Ok(expected.is(vouched).is_err().then_some(Refusal::AttestedForAnother));
    }
    let names = [&message.product_name, &message.model_name, &message.model];
    let platforms = names.into_iter().flatten().map(|name| Platform::of_product(name));
    let platform = platforms.into_iter().find(|platform| *platform != Platform::Unknown).unwrap_or(Platform::Unknown);
    let policy = policy(tx)?;
    // One that does not say what it is could be any.
    let required = if platform == Platform::Unknown { policy.any(Mode::Require) } else { policy.of(platform) == Mode::Require };
    Ok((required && identity.purpose == Purpose::Enroll && !is_practice(tx, applicant)?).then_some(Refusal::NotAttested))
}

/// Simulated devices of the practice classroom have nobody who vouches for them.
fn is_practice(tx: &Tx, applicant: &Applicant<'_>) -> Result<bool> {
    if applicant.challenge.as_ref().is_some_and(|challenge| challenge.practice) {
        return Ok(true);
    }
    let Some(id) = &applicant.identity.invitation_id else { return Ok(false) };
    Ok(invitations::by_id(tx, id)?.is_some_and(|invitation| invitation.practice))
}

/// A device says that it is of another family than it said when it came in. Where that one has to prove that it is genuine, one that did not is not taken
/// for genuine.
pub fn became_another(tx: &Tx, enrollment: &Enrollment, device: &Device) -> Result<()> {
    if device.practice || policy(tx)?.of(device.platform) != Mode::Require {
        return Ok(());
    }
    if let Some(newest) = certificates::of_enrollment(tx, &enrollment.id)?.into_iter().next()
        && attestations::of_key(tx, &newest.fingerprint)?.is_some()
    {
        return Ok(());
    }
    let before = attestations::of_device(tx, &device.id)?;
    let because = String::from(t!("it came in as another kind of device than it is, and showed no proof that this kind has to show"));
    attestations::put(tx, &Attestation { state: AttestationState::Refused, because, checked_at: Some(tx.now), ..before })
}

/// A device enrolled or renewed with a certificate whose key was attested: so is the device. One that comes in anew without such a key has yet to show
/// what it is, whatever the one before it was.
pub(in crate::mdm) fn came_with(tx: &Tx, device_id: &str, applicant: &Applicant<'_>) -> Result<()> {
    let before = attestations::of_device(tx, device_id)?;
    let Some(vouched) = applicant.vouched.clone() else {
        if applicant.identity.purpose != Purpose::Enroll || before.state == AttestationState::Unknown {
            return Ok(());
        }
        let because = String::from(t!("it came in anew, and has not shown since that it is the same device"));
        // Asked again at once; Apple's word of a few days ago still counts with the code that it was asked for with.
        return attestations::put(tx, &Attestation { codes: before.codes, because, ..Attestation::unknown(device_id) });
    };
    attestations::put(
        tx,
        &Attestation {
            state: AttestationState::Genuine,
            because: String::new(),
            vouched: Some(vouched),
            checked_at: Some(tx.now),
            ..before
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vouched(serial_number: Option<&str>, udid: Option<&str>) -> Vouched {
        Vouched { serial_number: serial_number.map(str::to_owned), udid: udid.map(str::to_owned), ..Vouched::default() }
    }

    #[test]
    fn a_device_is_the_attested_one_when_all_that_both_name_is_the_same() {
        let (new, hardware) = ("00008112-000123456789001E", "11111111-2222-3333-4444-555555555555");
        let expected = |serial: Option<&str>, udids: &[&str]| Expected {
            serial_number: serial.map(str::to_owned),
            udids: udids.iter().map(|udid| (*udid).to_owned()).collect(),
        };
        let cases = [
            (expected(Some("TESTSN0001"), &[new]), vouched(Some("testsn0001"), Some(new)), true),
            (expected(Some("TESTSN0001"), &[new]), vouched(Some("TESTSN0002"), Some(new)), false),
            (expected(Some("TESTSN0001"), &[new]), vouched(Some("TESTSN0001"), Some("00008112-000000000000001E")), false),
            (expected(Some("TESTSN0001"), &[hardware]), vouched(Some("TESTSN0001"), Some(new)), true),
            (expected(Some("TESTSN0001"), &[hardware, new]), vouched(Some("TESTSN0001"), Some(new)), true),
            (expected(None, &[hardware]), vouched(None, Some(new)), false),
            (expected(Some("TESTSN0001"), &[]), vouched(None, None), false),
            (expected(None, &[]), vouched(Some("TESTSN0001"), Some(new)), true),
            (expected(None, &[]), vouched(None, None), true),
        ];
        for (expected, vouched, is) in cases {
            assert_eq!(expected.is(&vouched).is_ok(), is, "{expected:?} {vouched:?}");
        }
    }
}
