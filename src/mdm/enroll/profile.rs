//! What an enrollment profile is made from: addresses, topic, and a challenge that is good for one certificate.

use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::mdm::attestation::{self, Claim};
use crate::mdm::enroll::invitations::Unusable;
use crate::mdm::enroll::{ALL_RIGHTS, Addresses, CHALLENGE_LIFETIME, invitations};
use crate::pki::cms::{self, SignOptions};
use crate::pki::digest;
use crate::pki::issue::Issuer;
use crate::protocol::mobileconfig::{self, AccountDriven, Acme, EnrollmentProfile, Identity, PayloadUuids, Scep};
use crate::random::Random;
use crate::secret::Secret;
use crate::store::account_tokens::{self, Ownership};
use crate::store::certificates::Purpose;
use crate::store::invitations::{Challenge, Entry, IdentityKind, Invitation, by_id, insert_challenge};
use crate::store::settings::{self, Setting};
use crate::store::{Tx, authorities, push_certificates};

/// Name of the organisation, as profiles and pages show it.
pub const ORGANISATION: Setting<String> = Setting::new("organisation");

/// PayloadIdentifier of our enrollment profile, the same for every device: it is what a renewal replaces.
pub const PROFILE_IDENTIFIER: Setting<String> = Setting::new("enrollment.profile_identifier");

/// Everything that a profile says, and the row that its challenge will become.
#[derive(Debug, Clone)]
pub struct Grant {
    /// What the device must say to get its certificate.
    pub challenge: Secret<String>,
    /// For a new enrollment or a renewal.
    pub purpose: Purpose,
    /// How the device gets its identity: by ACME it is asked for an attestation.
    pub identity: IdentityKind,
    /// The invitation behind it.
    pub invitation_id: Option<String>,
    /// Of a renewal: whose.
    pub enrollment_id: Option<String>,
    /// Where the device will come to.
    pub addresses: Addresses,
    /// The push topic.
    pub topic: String,
    /// Our roots, DER: the present one, then the next one where there is one already.
    pub roots: Vec<Vec<u8>>,
    /// The newest of them.
    pub newest_authority_id: String,
    /// The name of the organisation.
    pub organisation: String,
    /// PayloadIdentifier.
    pub identifier: String,
    /// By which door the device comes in.
    pub entry: Entry,
    /// The device that it is for, where that is proven.
    pub device: Option<MadeFor>,
    /// The account of an enrollment that began by a sign-in.
    pub account: Option<Account>,
    /// Whether users of the device have channels of their own; a renewal may not change it.
    pub per_user: bool,
    /// AccessRights of the profile that a renewal replaces, where it is another server's.
    pub access_rights: Option<i64>,
}

impl Grant {
    /// What its challenge is known by.
    pub fn hash(&self) -> [u8; 32] {
        digest::sha256(self.challenge.expose().as_bytes())
    }
}

/// The account that a profile is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// SHA-256 of the token by which the profile was fetched; none for a renewal.
    pub token: Option<[u8; 32]>,
    /// The Managed Apple Account, which never changes.
    pub managed_account: String,
    /// Whether the device is the person's own.
    pub is_own_device: bool,
}

/// The device that a profile is for: no other one may enroll by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeFor {
    /// Its serial number; none of a person's own.
    pub serial_number: Option<String>,
    /// Its UDID; none of a person's own.
    pub udid: Option<String>,
    /// Whether it is a practice device.
    pub practice: bool,
    /// Who signed in at it.
    pub person_id: Option<String>,
}

/// Makes what the profile of an invitation says; reads only. [`record`] must follow before the profile is handed out.
pub fn of_invitation(tx: &Tx, code: &str, addresses: Addresses) -> Result<Result<Grant, Unusable>> {
    let invitation = match invitations::open(tx, code)? {
        Ok(invitation) => invitation,
        Err(unusable) => return Ok(Err(unusable)),
    };
    let topic = topic_for(tx, invitation.practice)?;
    let mut grant = grant(tx, Purpose::Enroll, addresses, topic)?;
    grant.invitation_id = Some(invitation.id);
    Ok(Ok(grant))
}

/// The same profile with the identity that the policy wants of a device of which this is said; in its place the words for who does not come in.
pub fn proven(tx: &Tx, grant: Grant, claim: &Claim) -> Result<Result<Grant, String>> {
    let invitation = grant.invitation_id.as_deref().map(|id| by_id(tx, id)).transpose()?.flatten();
    let practice = invitation.is_some_and(|invitation| invitation.practice) || grant.device.as_ref().is_some_and(|device| device.practice);
    if practice && !attestation::has_stand_ins(tx)? {
        return Ok(Ok(grant));
    }
    Ok(match claim.identity(&attestation::effective(tx)?) {
        attestation::Identity::Acme { .. } => Ok(Grant { identity: IdentityKind::Acme, ..grant }),
        attestation::Identity::Scep => Ok(grant),
        attestation::Identity::Refused(words) => Err(words),
    })
}

/// Tells whether devices could enroll now; the message says what is missing.
pub fn ready(tx: &Tx, invitation: &Invitation) -> Result<()> {
    topic_for(tx, invitation.practice).map(drop)
}

/// Makes what the profile of a device in Setup Assistant says; reads only.
pub(in crate::mdm) fn of_device(
    tx: &Tx,
    entry: Entry,
    invitation_id: Option<String>,
    device: MadeFor,
    addresses: Addresses,
) -> Result<Grant> {
    let topic = topic_for(tx, device.practice)?;
    Ok(Grant { entry, invitation_id, device: Some(device), ..grant(tx, Purpose::Enroll, addresses, topic)? })
}

fn topic_for(tx: &Tx, practice: bool) -> Result<String> {
    let certificate = if practice { push_certificates::practice(tx)? } else { push_certificates::current(tx)? };
    let Some(certificate) = certificate else {
        if practice {
            return Err(Error::conflict(t!(
                "There is no practice classroom here, and this invitation is for its devices. An admin starts it under Devices, Practice devices."
            )));
        }
        return Err(Error::conflict(t!(
            "This server has no push certificate yet, so it could not reach the device after enrolling. An admin uploads one under System, Push certificate."
        )));
    };
    if certificate.not_after_at <= tx.now {
        return Err(Error::conflict(t!(
            "The push certificate has expired. An admin renews it under System, Push certificate; then devices can enroll."
        )));
    }
    Ok(certificate.topic)
}

/// Makes what a renewal's profile says: the addresses and the topic that the device has already.
pub(in crate::mdm::enroll) fn of_renewal(tx: &Tx, enrollment_id: &str, addresses: Addresses, topic: String) -> Result<Grant> {
    let mut grant = grant(tx, Purpose::Renew, addresses, topic)?;
    grant.enrollment_id = Some(enrollment_id.to_owned());
    // A device refuses a renewal that says anything else of its account than the profile before.
    grant.account = account_tokens::of_enrollment(tx, enrollment_id)?.map(|token| Account {
        token: None,
        managed_account: token.managed_account,
        is_own_device: token.ownership == Ownership::Own,
    });
    Ok(grant)
}

fn grant(tx: &Tx, purpose: Purpose, addresses: Addresses, topic: String) -> Result<Grant> {
    let Some(authority) = authorities::current(tx)? else {
        return Err(Error::new(Kind::Internal, t!("There is no certificate authority; start the server once to make it.")));
    };
    let next = authorities::upcoming(tx)?;
    let newest_authority_id = next.as_ref().map_or_else(|| authority.id.clone(), |next| next.id.clone());
    Ok(Grant {
        challenge: Secret::new(tx.random().token()),
        purpose,
        identity: IdentityKind::Scep,
        invitation_id: None,
        enrollment_id: None,
        addresses,
        topic,
        roots: std::iter::once(authority.certificate).chain(next.map(|next| next.certificate)).collect(),
        newest_authority_id,
        organisation: organisation(tx)?,
        identifier: identifier(tx)?,
        entry: Entry::Invitation,
        device: None,
        account: None,
        per_user: true,
        access_rights: None,
    })
}

/// The name of the organisation in profiles.
pub(in crate::mdm) fn organisation(tx: &Tx) -> Result<String> {
    Ok(settings::value(tx, &ORGANISATION)?.unwrap_or_else(|| String::from("Rollcall")))
}

/// PayloadIdentifier of our enrollment profile; those of other profiles of ours begin with it.
pub(in crate::mdm) fn identifier(tx: &Tx) -> Result<String> {
    Ok(settings::value(tx, &PROFILE_IDENTIFIER)?.unwrap_or_else(|| String::from("org.rollcall.enrollment")))
}

/// Makes the challenge of a profile good, once, for an hour.
pub fn record(tx: &Tx, grant: &Grant) -> Result<()> {
    record_until(tx, grant, tx.now.plus(CHALLENGE_LIFETIME))
}

/// Makes the challenge of a profile good, once, until then: of one that was made for a single device and goes to it over a longer way.
pub fn record_until(tx: &Tx, grant: &Grant, expires_at: Timestamp) -> Result<()> {
    insert_challenge(
        tx,
        &Challenge {
            hash: grant.hash(),
            purpose: grant.purpose,
            invitation_id: grant.invitation_id.clone(),
            enrollment_id: grant.enrollment_id.clone(),
            server_url: grant.addresses.server_url.clone(),
            check_in_url: grant.addresses.check_in_url.clone(),
            scep_url: grant.addresses.scep_url.clone(),
            topic: grant.topic.clone(),
            newest_authority_id: Some(grant.newest_authority_id.clone()),
            identity: grant.identity,
            expires_at,
            spent_at: None,
            entry: grant.entry,
            serial_number: grant.device.as_ref().and_then(|device| device.serial_number.clone()),
            udid: grant.device.as_ref().and_then(|device| device.udid.clone()),
            practice: grant.device.as_ref().is_some_and(|device| device.practice),
            person_id: grant.device.as_ref().and_then(|device| device.person_id.clone()),
            account: grant.account.as_ref().and_then(|account| account.token).map(Vec::from),
        },
    )
}

/// The profile of a grant, signed by our authority. The roots come first, so that the device trusts what follows.
pub fn signed(grant: &Grant, random: &Random, issuer: &Issuer, now: Timestamp) -> Result<Vec<u8>> {
    let options = SignOptions { signing_time: Some(now), ..SignOptions::default() };
    Ok(cms::sign(issuer.signer(), &unsigned(grant, random)?, &options)?)
}

/// The profile that brings the certificate of a grant and nothing else, signed by our authority.
pub fn signed_identity(grant: &Grant, random: &Random, issuer: &Issuer, now: Timestamp) -> Result<Vec<u8>> {
    let options = SignOptions { signing_time: Some(now), ..SignOptions::default() };
    Ok(cms::sign(issuer.signer(), &mobileconfig::build_identity(&described(grant, random))?, &options)?)
}

/// The profile of a grant as plain XML, for tools that read no signed ones.
pub fn unsigned(grant: &Grant, random: &Random) -> Result<Vec<u8>> {
    Ok(mobileconfig::build(&described(grant, random))?)
}

fn described(grant: &Grant, random: &Random) -> EnrollmentProfile {
    EnrollmentProfile {
        identifier: grant.identifier.clone(),
        display_name: format!("{}: device management", grant.organisation),
        organization: grant.organisation.clone(),
        description: Some(t!("Lets {organisation} manage this device.", organisation = grant.organisation)),
        uuids: PayloadUuids {
            profile: random.uuid_v4(),
            identity: random.uuid_v4(),
            mdm: random.uuid_v4(),
            roots: grant.roots.iter().map(|_| random.uuid_v4()).collect(),
        },
        roots: grant.roots.clone(),
        identity: identity(grant),
        topic: grant.topic.clone(),
        server_url: grant.addresses.server_url.clone(),
        check_in_url: grant.addresses.check_in_url.clone(),
        access_rights: grant.access_rights.and_then(|rights| u32::try_from(rights).ok()).unwrap_or(ALL_RIGHTS as u32),
        per_user: grant.per_user,
        removal_disallowed: false,
        target: None,
        account: grant
            .account
            .as_ref()
            .map(|account| AccountDriven { managed_account: account.managed_account.clone(), is_own_device: account.is_own_device }),
    }
}

/// What the payload of the identity says.
fn identity(grant: &Grant) -> Identity {
    let subject = vec![(String::from("O"), grant.organisation.clone()), (String::from("CN"), String::from("Device identity"))];
    match grant.identity {
        IdentityKind::Acme => Identity::Acme(Acme {
            directory_url: grant.addresses.acme_url.clone(),
            client_identifier: grant.challenge.clone(),
            subject,
            attest: true,
        }),
        IdentityKind::Scep => Identity::Scep(Scep {
            url: grant.addresses.scep_url.clone(),
            name: String::from("Rollcall"),
            subject,
            challenge: grant.challenge.clone(),
            // Which digests current devices take here is not documented; the profile itself already carries the root.
            ca_fingerprint: None,
        }),
    }
}
