//! SCEP: who gets a certificate for which challenge, once; an identical retry gets the same one again. ACME's orders end here too.

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::ca::refusals;
use crate::mdm::enroll::invitations as rules;
use crate::mdm::{Actor, journal};
use crate::pki::certificate::{Certificate, Fingerprint};
use crate::pki::digest;
use crate::random::Random;
use crate::store::certificates::{self, Identity, NewIdentity, Purpose};
use crate::store::enrollments::{self, Enrollment, EnrollmentState, RenewalState};
use crate::store::invitations::{self, Challenge, IdentityKind};
use crate::store::{Tx, account_tokens, attestations, devices};

/// What a request brings, after its signature, envelope and proof of possession were checked.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// transactionID.
    pub transaction_id: &'a str,
    /// SHA-256 of the requested key's SubjectPublicKeyInfo.
    pub public_key: [u8; 32],
    /// challengePassword.
    pub challenge: Option<&'a str>,
    /// The signer's certificate, where it may be one of ours: how a renewal is authorised.
    pub signer: Fingerprint,
    /// The protocol that the request came by: a challenge is good in the one that its profile named.
    pub identity: IdentityKind,
}

impl Request<'_> {
    /// Who asks.
    fn actor(&self) -> Actor {
        let name = match self.identity {
            IdentityKind::Scep => t!("SCEP {transaction_id}", transaction_id = self.transaction_id),
            IdentityKind::Acme => self.transaction_id.to_owned(),
        };
        Actor::Device { name }
    }
}

/// What a request is answered with.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Issue a certificate under this grant, then record it.
    Issue(Grant),
    /// The certificate that was issued in the same transaction to the same key, DER.
    Again(Vec<u8>),
    /// CertRep FAILURE with badRequest.
    Refuse(Refusal),
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Neither a challenge nor a certificate of ours speaks for it.
    NoChallenge,
    /// There is no such challenge.
    UnknownChallenge,
    /// A certificate was issued for this challenge before.
    SpentChallenge,
    /// The challenge's hour is over.
    ExpiredChallenge,
    /// Its profile named the other protocol.
    AnotherProtocol,
    /// The invitation behind it cannot be used any more.
    InvitationOver,
    /// The certificate that asks for its renewal was revoked, or its enrollment is over.
    NotRenewable,
}

impl Refusal {
    /// The refusal in words, for the log and the audit.
    pub fn words(self) -> &'static str {
        match self {
            Self::NoChallenge => t!("the request has no challenge"),
            Self::UnknownChallenge => t!("the challenge is not known here"),
            Self::SpentChallenge => t!("the challenge was used already; the profile has to be downloaded again"),
            Self::ExpiredChallenge => t!("the challenge has expired; the profile has to be downloaded again"),
            Self::AnotherProtocol => t!("the challenge was made for the other protocol, ACME or SCEP, and proves nothing in this one"),
            Self::InvitationOver => t!("the invitation was withdrawn, has expired or was used up"),
            Self::NotRenewable => t!("the certificate that asks for renewal was revoked, or its enrollment is over"),
        }
    }
}

/// The right to one certificate.
#[derive(Debug, Clone)]
pub struct Grant {
    purpose: Purpose,
    invitation_id: Option<String>,
    intended_for: Option<String>,
    challenge: Option<[u8; 32]>,
    /// A certificate that nobody has used yet and that this one takes the place of.
    replaces: Option<Fingerprint>,
}

impl Grant {
    /// The common name of the certificate: one that renews an identity names its enrollment, so that an appliance that was restored from an older backup
    /// knows whose it is; any other has a name of its own.
    pub fn common_name(&self, random: &Random, now: Timestamp) -> String {
        self.intended_for.clone().unwrap_or_else(|| random.uuid_v7(now).to_string())
    }
}

/// Decides a request; reads only. The certificate is issued outside of a transaction, then [`record`]ed.
pub fn decide(tx: &Tx, request: &Request<'_>) -> Result<Answer> {
    if let Some((identity, certificate)) = certificates::by_transaction(tx, request.transaction_id, &request.public_key)?
        && identity.revoked_at.is_none()
    {
        return Ok(Answer::Again(certificate));
    }
    let challenge = request.challenge.filter(|challenge| !challenge.is_empty());
    let outcome = match challenge {
        Some(challenge) => match by_challenge(tx, &digest::sha256(challenge.as_bytes()), request.identity)? {
            // Some clients repeat the challenge of their first certificate when they renew: then the certificate speaks.
            Err(refusal) => by_certificate(tx, &request.signer)?.map_err(|_| refusal),
            granted => granted,
        },
        None => by_certificate(tx, &request.signer)?,
    };
    Ok(outcome.map_or_else(Answer::Refuse, Answer::Issue))
}

/// Whether a challenge would get a certificate by this protocol now.
pub(in crate::mdm::ca) fn good(tx: &Tx, hash: &[u8; 32], identity: IdentityKind) -> Result<Result<(), Refusal>> {
    Ok(by_challenge(tx, hash, identity)?.map(drop))
}

fn by_challenge(tx: &Tx, hash: &[u8; 32], identity: IdentityKind) -> Result<Result<Grant, Refusal>> {
    let Some(challenge) = invitations::challenge_by_hash(tx, hash)? else { return Ok(Err(Refusal::UnknownChallenge)) };
    if challenge.identity != identity {
        return Ok(Err(Refusal::AnotherProtocol));
    }
    if challenge.spent_at.is_some() {
        return Ok(Err(Refusal::SpentChallenge));
    }
    if challenge.expires_at <= tx.now {
        return Ok(Err(Refusal::ExpiredChallenge));
    }
    if !still_wanted(tx, &challenge)? {
        return Ok(Err(Refusal::InvitationOver));
    }
    Ok(Ok(Grant {
        purpose: challenge.purpose,
        invitation_id: challenge.invitation_id,
        intended_for: challenge.enrollment_id,
        challenge: Some(*hash),
        replaces: None,
    }))
}

/// An invitation that ended after the profile was downloaded lets nobody in; a renewal needs its enrollment.
fn still_wanted(tx: &Tx, challenge: &Challenge) -> Result<bool> {
    if let Some(id) = &challenge.invitation_id {
        let Some(invitation) = invitations::by_id(tx, id)? else { return Ok(false) };
        return Ok(rules::usable(&invitation, tx.now).is_ok());
    }
    match &challenge.enrollment_id {
        Some(id) => enrollments::by_id(tx, id)?.map_or(Ok(false), |enrollment| is_present(tx, &enrollment)),
        None => match &challenge.account {
            // Somebody signed in for it, who may be gone since.
            Some(hash) => Ok(account_tokens::by_hash(tx, hash)?.is_some()),
            // Made for one device that its maker vouched for.
            None => Ok(challenge.serial_number.is_some()),
        },
    }
}

/// Whether an enrollment is there to be renewed.
fn is_present(tx: &Tx, enrollment: &Enrollment) -> Result<bool> {
    Ok(enrollment.state == EnrollmentState::Enrolled && !devices::is_deleted(tx, &enrollment.device_id)?)
}

/// A renewal without a challenge: the present certificate, valid and not revoked, speaks for its own enrollment.
fn by_certificate(tx: &Tx, signer: &Fingerprint) -> Result<Result<Grant, Refusal>> {
    let Some(identity) = certificates::by_fingerprint(tx, signer)? else { return Ok(Err(Refusal::NoChallenge)) };
    // A key that was attested is followed by one that is.
    let valid = identity.revoked_at.is_none() && identity.not_after_at > tx.now && attestations::of_key(tx, signer)?.is_none();
    let enrollment: Option<Enrollment> = match &identity.enrollment_id {
        Some(id) if valid => enrollments::by_id(tx, id)?,
        _ => None,
    };
    match enrollment {
        Some(enrollment) if is_present(tx, &enrollment)? => {
            let intended_for = Some(enrollment.id);
            Ok(Ok(Grant { purpose: Purpose::Renew, invitation_id: None, intended_for, challenge: None, replaces: None }))
        }
        // One that was issued here and not used for an enrollment yet may be renewed as what it was; it is the same use of the invitation.
        None if valid && identity.enrollment_id.is_none() && identity.purpose == Purpose::Enroll => {
            let Some(invitation) = identity.invitation_id else { return Ok(Err(Refusal::NotRenewable)) };
            if invitations::by_id(tx, &invitation)?.is_none_or(|invitation| invitation.revoked_at.is_some()) {
                return Ok(Err(Refusal::InvitationOver));
            }
            let (invitation_id, replaces) = (Some(invitation), Some(identity.fingerprint));
            Ok(Ok(Grant { purpose: Purpose::Enroll, invitation_id, intended_for: None, challenge: None, replaces }))
        }
        _ => Ok(Err(Refusal::NotRenewable)),
    }
}

/// Records an issued certificate and spends its challenge; what changed since [`decide`] turns into a refusal, and the certificate is never handed out.
pub fn record(tx: &Tx, request: &Request<'_>, grant: &Grant, certificate: &Certificate, authority_id: &str) -> Result<Result<(), Refusal>> {
    if let Some(hash) = &grant.challenge {
        if let Err(refusal) = by_challenge(tx, hash, request.identity)? {
            return Ok(Err(refusal));
        }
        invitations::spend_challenge(tx, hash, &certificate.fingerprint())?;
    }
    if let Some(older) = &grant.replaces {
        // Another request, or an Authenticate, may have come between: the first one has it.
        match by_certificate(tx, older)? {
            Ok(Grant { replaces: Some(_), .. }) => certificates::revoke(tx, older, t!("renewed before it was used")).map(drop)?,
            Ok(_) => return Ok(Err(Refusal::NotRenewable)),
            Err(refusal) => return Ok(Err(refusal)),
        }
    }
    let identity = Identity {
        fingerprint: certificate.fingerprint(),
        authority_id: authority_id.to_owned(),
        serial: certificate.serial_hex(),
        purpose: grant.purpose,
        invitation_id: grant.invitation_id.clone(),
        intended_for: grant.intended_for.clone(),
        enrollment_id: None,
        not_before_at: certificate.not_before(),
        not_after_at: certificate.not_after(),
        issued_at: tx.now,
        bound_at: None,
        revoked_at: None,
    };
    certificates::insert(
        tx,
        &NewIdentity {
            identity: &identity,
            certificate: certificate.der(),
            public_key: &request.public_key,
            transaction_id: request.transaction_id,
        },
    )?;
    if let Some(id) = &grant.invitation_id
        && grant.challenge.is_some()
    {
        invitations::use_once(tx, id)?;
    }
    let enrollment = renewing(tx, grant)?;
    let subject = enrollment.as_ref().map_or_else(journal::Subject::default, journal::Subject::from);
    let data = json!({ "fingerprint": identity.fingerprint.to_string(), "purpose": identity.purpose, "invitation": grant.invitation_id });
    journal::note(tx, &request.actor(), "certificate.issued", subject, data)?;
    Ok(Ok(()))
}

/// A renewal by RenewalReq is under way from the moment its certificate is issued.
fn renewing(tx: &Tx, grant: &Grant) -> Result<Option<Enrollment>> {
    let Some(id) = &grant.intended_for else { return Ok(None) };
    let Some(mut enrollment) = enrollments::by_id(tx, id)? else { return Ok(None) };
    if enrollment.renewal_state != RenewalState::Waiting {
        enrollment.renewal_state = RenewalState::Waiting;
        enrollment.renewal_began_at = enrollment.renewal_began_at.or(Some(tx.now));
        enrollments::update(tx, &enrollment)?;
    }
    Ok(Some(enrollment))
}

/// Records a refusal, so that the admin can see why a device did not get in; `request_id` finds its line in the log.
pub fn record_refusal(tx: &Tx, request: &Request<'_>, refusal: Refusal, request_id: Option<&str>) -> Result<()> {
    let data = json!({ "because": refusal.words(), "request": request_id });
    refusals::note(tx, &request.actor(), journal::Subject::default(), data)
}
