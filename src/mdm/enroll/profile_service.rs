//! The profile service: an invitation that asks the device who it is first, and gives a profile to that very device alone.
//!
//! First the device gets a profile that asks. Then it says who it is, signed by the identity that Apple built into it, and gets a profile that makes it
//! ask for a certificate. Last it says so again, signed by that certificate, and gets its enrollment profile. Which phase it is, the signer tells.

use std::time::Duration;

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::{Kind, Result};
use crate::mdm::attestation::Claim;
use crate::mdm::enroll::invitations::{self as invited, Unusable};
use crate::mdm::enroll::profile::{self, Grant, MadeFor};
use crate::mdm::enroll::{Addresses, automated};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, capability};
use crate::pki::certificate::Fingerprint;
use crate::pki::device_identity::Vouched;
use crate::protocol::machine_info::MachineInfo;
use crate::secret::Secret;
use crate::store::certificates;
use crate::store::invitations::{self as rows, Challenge, Entry, IdentityKind, Invitation};
use crate::store::{Tx, devices};

/// How long a device has from the profile that asks to the one that enrolls.
pub const ASKED_FOR: Duration = Duration::from_secs(3600);

/// What the profile of the first phase says.
#[derive(Debug, Clone)]
pub struct Question {
    /// PayloadIdentifier.
    pub identifier: String,
    /// The name of the organisation.
    pub organisation: String,
    /// Where the device says who it is.
    pub url: String,
    /// What it repeats there.
    pub challenge: Secret<String>,
}

/// Why a device gets no profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The invitation cannot be used.
    Invitation(Unusable),
    /// It does not repeat what it was told, or that is too long ago.
    Challenge,
    /// The invitation is for the other kind of devices: that in words.
    OtherKind(String),
    /// The authority of practice devices vouches for one that is real.
    NotPractice,
    /// The certificate is another device's, or not good any more.
    AnotherDevice,
    /// It cannot prove that it is genuine, and has to; or the appliance cannot take devices now.
    NotNow(String),
}

impl Refusal {
    /// The refusal in words, for the person at the device.
    pub fn words(&self) -> &str {
        match self {
            Self::Invitation(unusable) => unusable.words(),
            Self::Challenge => t!("This took too long, or the profile is an old one. Open the link again and begin anew."),
            Self::NotPractice => t!("A practice device calls itself by the serial number or UDID of a real one."),
            Self::AnotherDevice => t!("The certificate was made for another device. Open the link again on this one."),
            Self::OtherKind(words) | Self::NotNow(words) => words,
        }
    }
}

/// What the first phase says, if the invitation asks devices who they are.
pub fn question(tx: &Tx, code: &str, base: &str) -> Result<Result<Option<Question>, Unusable>> {
    let invitation = match invited::open(tx, code)? {
        Ok(invitation) => invitation,
        Err(unusable) => return Ok(Err(unusable)),
    };
    if !invitation.asks_device {
        return Ok(Ok(None));
    }
    profile::ready(tx, &invitation)?;
    let challenge = challenge(tx, &invitation, tx.now.plus(ASKED_FOR))?;
    Ok(Ok(Some(Question {
        identifier: format!("{}.service", profile::identifier(tx)?),
        organisation: profile::organisation(tx)?,
        url: format!("{}/enroll/{}/service", base.trim_end_matches('/'), invitation.code),
        challenge: Secret::new(challenge),
    })))
}

/// What a device is to repeat: a proof that this server said it, for this invitation, until then.
fn challenge(tx: &Tx, invitation: &Invitation, until: Timestamp) -> Result<String> {
    let tag = capability::tag(tx, &format!("profile service\n{}\n{}", invitation.id, until.millis()))?;
    Ok(format!("{}.{}", until.millis(), tag.unwrap_or_default()))
}

fn repeats(tx: &Tx, invitation: &Invitation, said: &str) -> Result<bool> {
    let until = said.split_once('.').and_then(|(until, _)| until.parse().ok()).map(Timestamp::from_millis);
    let Some(until) = until.filter(|until| *until > tx.now && until.since(tx.now) <= ASKED_FOR) else { return Ok(false) };
    let wanted = challenge(tx, invitation, until)?;
    let is_made = capability::tag(tx, "")?.is_some();
    Ok(is_made && aws_lc_rs::constant_time::verify_slices_are_equal(wanted.as_bytes(), said.as_bytes()).is_ok())
}

/// A device that says who it is.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The code of the invitation.
    pub code: String,
    /// What it says of itself.
    pub info: MachineInfo,
    /// What it repeats.
    pub challenge: String,
}

/// The invitation, if it lets this device in.
fn lets_in(tx: &Tx, asked: &Asked, practice: bool) -> Result<Result<Invitation, Refusal>> {
    let invitation = match invited::open(tx, &asked.code)? {
        Ok(invitation) if !invitation.asks_device => return Ok(Err(Refusal::Invitation(Unusable::Unknown))),
        Ok(invitation) => invitation,
        Err(unusable) => return Ok(Err(Refusal::Invitation(unusable))),
    };
    if invitation.practice != practice {
        return Ok(Err(Refusal::OtherKind(invited::other_kind(&invitation))));
    }
    if practice && automated::is_real(tx, Some(&asked.info.serial_number), Some(&asked.info.udid))? {
        return Ok(Err(Refusal::NotPractice));
    }
    Ok(if repeats(tx, &invitation, &asked.challenge)? { Ok(invitation) } else { Err(Refusal::Challenge) })
}

/// The second phase: a device whose maker vouches for it is to get a certificate. Reads only; [`record`] must follow.
pub fn identity(tx: &Tx, asked: &Asked, by: Vouched, addresses: Addresses) -> Result<Result<Grant, Refusal>> {
    let practice = by == Vouched::Practice;
    match lets_in(tx, asked, practice)? {
        // It is for no management: by it alone nobody enrolls, and the invitation is not used up.
        Ok(_) => made(tx, None, &asked.info, practice, addresses).map(|made| made.map(|grant| Grant { topic: String::new(), ..grant })),
        Err(refusal) => Ok(Err(refusal)),
    }
}

/// The third phase: a device that shows the certificate of the second gets its enrollment profile. Reads only; [`record`] must follow.
pub fn enrollment(tx: &Tx, asked: &Asked, signer: &Fingerprint, addresses: Addresses) -> Result<Result<Grant, Refusal>> {
    let Some(challenge) = of_second_phase(tx, signer)? else { return Ok(Err(Refusal::AnotherDevice)) };
    let identity = certificates::by_fingerprint(tx, signer)?;
    let is_good = identity.is_some_and(|identity| identity.revoked_at.is_none() && identity.not_after_at > tx.now);
    let is_it = |proven: &Option<String>, said: &str| proven.as_deref().is_some_and(|proven| proven.eq_ignore_ascii_case(said));
    if !is_good || !is_it(&challenge.serial_number, &asked.info.serial_number) || !is_it(&challenge.udid, &asked.info.udid) {
        return Ok(Err(Refusal::AnotherDevice));
    }
    let invitation = match lets_in(tx, asked, challenge.practice)? {
        Ok(invitation) => invitation,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let grant = match made(tx, Some(invitation.id), &asked.info, challenge.practice, addresses)? {
        Ok(grant) => grant,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let claim = Claim::of_device(asked.info.product_name.clone(), asked.info.os_version.clone());
    Ok(profile::proven(tx, grant, &claim)?.map_err(Refusal::NotNow))
}

fn made(
    tx: &Tx,
    invitation_id: Option<String>,
    info: &MachineInfo,
    practice: bool,
    addresses: Addresses,
) -> Result<Result<Grant, Refusal>> {
    let device = MadeFor { serial_number: Some(info.serial_number.clone()), udid: Some(info.udid.clone()), practice, person_id: None };
    match profile::of_device(tx, Entry::ProfileService, invitation_id, device, addresses) {
        Ok(grant) => Ok(Ok(Grant { identity: IdentityKind::Scep, ..grant })),
        Err(error) if error.kind == Kind::Conflict => Ok(Err(Refusal::NotNow(error.message.into_owned()))),
        Err(error) => Err(error),
    }
}

/// The challenge of the second phase that a certificate was issued for; none for any other certificate.
pub fn of_second_phase(tx: &Tx, signer: &Fingerprint) -> Result<Option<Challenge>> {
    Ok(rows::challenge_by_fingerprint(tx, signer)?.filter(is_second_phase))
}

/// Whether a challenge is one of the second phase: it is good for saying who one is, never for enrolling.
pub fn is_second_phase(challenge: &Challenge) -> bool {
    challenge.entry == Entry::ProfileService && challenge.topic.is_empty()
}

/// Makes the challenge of a profile good; a certificate of the second phase that has served is revoked.
pub fn record(tx: &Tx, asked: &Asked, grant: &Grant, signer: Option<&Fingerprint>) -> Result<()> {
    profile::record(tx, grant)?;
    if let Some(signer) = signer {
        certificates::revoke(tx, signer, t!("its device has its enrollment profile"))?;
    }
    let device = devices::by_serial_number(tx, &asked.info.serial_number)?;
    let subject = device.as_ref().map_or_else(Subject::default, |device| Subject::device(&device.id));
    let phase = if signer.is_some() { "profile" } else { "identity" };
    let data = json!({ "serial_number": asked.info.serial_number, "product_name": asked.info.product_name, "answer": phase });
    journal::note(tx, &Actor::Device { name: asked.info.serial_number.clone() }, "invitation.device_asked", subject, data)
}
