//! A device is who its certificate says: which enrollment a message belongs to, and whether the certificate may speak for it.

use std::time::Duration;

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::backups::restored;
use crate::mdm::enroll::renewal;
use crate::mdm::{Actor, journal, moves};
use crate::pki::certificate::{Certificate, Fingerprint};
use crate::pki::digest;
use crate::protocol::ids::EnrollmentIds;
use crate::store::Tx;
use crate::store::authorities::{self, AuthorityState};
use crate::store::certificates::{self, Identity, NewIdentity, Purpose};
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::events;

/// How long after an authority was imported its unbound certificates may be bound, once each, unless somebody says otherwise.
pub const MOVE_IN_WINDOW: Duration = Duration::from_secs(30 * 24 * 3600);

/// A certificate whose private key the peer has proven to hold, by TLS, by Mdm-Signature or by a listed proxy's word.
#[derive(Debug, Clone)]
pub struct Presented {
    /// SHA-256 of its DER.
    pub fingerprint: Fingerprint,
    /// The certificate, where it had to be read; the fingerprint alone suffices for one that we know.
    pub certificate: Option<Certificate>,
    /// The imported authority that issued it, if its signature was checked against one.
    pub imported_authority: Option<ImportedAuthority>,
    /// SHA-256 of the bearer token beside it: devices that enrolled by an account show one.
    pub bearer: Option<[u8; 32]>,
    /// The host that the device asked, as it says itself.
    pub host: Option<String>,
}

/// The imported authority that a presented certificate chains to.
#[derive(Debug, Clone)]
pub struct ImportedAuthority {
    /// Our id for it.
    pub id: String,
    /// Until when a certificate under it that nobody uses yet is bound to the device that comes with it.
    pub until: Timestamp,
}

impl Presented {
    /// Who speaks, before the enrollment is known.
    pub fn actor(&self, ids: &EnrollmentIds) -> Actor {
        Actor::Device { name: ids.nano_id().to_string() }
    }
}

/// An identity and the enrollment that speaks by it.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The channel that the message names.
    pub enrollment: Enrollment,
    /// The certificate behind it.
    pub identity: Identity,
}

impl Standing {
    /// Tells whether the identity was issued for somebody new and nobody uses it yet: the enrollment that it names may be one that is over.
    pub fn is_newcomer(&self) -> bool {
        self.identity.enrollment_id.is_none() && self.identity.purpose == Purpose::Enroll
    }
}

/// What became of asking who speaks.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The enrollment, and a certificate that is bound to it, or was issued for it and not bound yet.
    Known(Box<Standing>),
    /// The certificate may speak, but there is no such enrollment (yet).
    NoEnrollment(Box<Identity>),
    /// The certificate may not speak for it: refused with 400, recorded, nothing else changes.
    Refused(Refusal),
}

/// Why a message was refused; never a reason to unenroll a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No certificate came with the message.
    NoCertificate,
    /// We did not issue it, and no imported authority did.
    ForeignCertificate,
    /// It was revoked.
    Revoked,
    /// It is another enrollment's identity.
    AnothersIdentity,
    /// It was issued to another device, which its maker vouched for.
    AnotherDevice,
    /// It came from another server, too late to be taken over.
    MoveInWindowOver,
    /// It came from another server and had ended before its device came, which that server did not name.
    EndedBeforeItCame,
    /// Its key was attested to be another device's.
    AttestedForAnother,
    /// The policy takes attested keys only, and this one was not.
    NotAttested,
    /// Somebody signed in for a device of the other kind: their own, or the organisation's.
    NotAsSignedIn,
    /// The sign-in behind the certificate is over.
    SignInOver,
    /// People do not enroll devices of its family with their account, or not as this.
    NotAllowed,
    /// It names a device that is enrolled already and is somebody else's.
    EnrolledAlready,
    /// Another device is enrolled under its serial number.
    SerialTaken,
    /// It calls itself by what is another device's.
    AnothersName,
    /// It is of a user, and an admin retired the device.
    DeviceRetired,
    /// An admin deleted the device.
    Deleted,
}

impl Refusal {
    /// The refusal in words, for the log and the timeline.
    pub fn words(self) -> &'static str {
        match self {
            Self::NoCertificate => {
                t!("no certificate came with the message; a proxy may be dropping Mdm-Signature or the client certificate")
            }
            Self::ForeignCertificate => t!("the certificate was not issued here"),
            Self::Revoked => t!("the certificate was revoked"),
            Self::AnothersIdentity => t!("the certificate is another enrollment's identity"),
            Self::AnotherDevice => t!("the certificate was issued to another device: serial number or UDID differ"),
            Self::MoveInWindowOver => t!("the certificate came from another server, and the time to take such devices over has passed"),
            Self::EndedBeforeItCame => t!("the certificate came from another server and had ended before its device came here"),
            Self::AttestedForAnother => t!("Apple vouched for the certificate's key, but on another device"),
            Self::NotAttested => t!("only devices that prove that they are genuine come in, and this one came without a proof"),
            Self::NotAsSignedIn => {
                t!("the certificate was issued for a person's own device and came from one of the organisation's, or the other way round")
            }
            Self::SignInOver => t!("whoever signed in for this device is not here any more"),
            Self::NotAllowed => {
                t!("people do not enroll devices of this family with their account here, or not as their own or the organisation's")
            }
            Self::EnrolledAlready => {
                t!(
                    "it names a device that is enrolled here by Apple's list or for somebody else; if it is that one, erased and handed on, retire it first"
                )
            }
            Self::AnothersName => {
                t!(
                    "it says that its UDID is another device's serial number or id here, or its serial number another's UDID: no device is made so"
                )
            }
            Self::DeviceRetired => t!("the device of this user was retired"),
            Self::Deleted => t!("this device was deleted here, and can only come back by enrolling anew"),
            Self::SerialTaken => {
                t!(
                    "another device is enrolled here under its serial number; if that is an old entry, for example from before a repair, retire it first"
                )
            }
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::bad_input(refusal.words())
    }
}

/// Finds whose message it is. Reads only, so that an Idle poll stays a read.
pub fn identify(tx: &Tx, presented: &Presented, ids: &EnrollmentIds) -> Result<Outcome> {
    let identity = match certificates::by_fingerprint(tx, &presented.fingerprint)? {
        Some(identity) if identity.revoked_at.is_some() => return Ok(Outcome::Refused(Refusal::Revoked)),
        Some(identity) => identity,
        None => match moved_in(tx, presented) {
            Ok(identity) => identity,
            Err(refusal) => return Ok(Outcome::Refused(refusal)),
        },
    };
    let Some(enrollment) = enrollments::by_nano_id(tx, ids.nano_id().as_str())? else {
        return without_enrollment(tx, identity, ids);
    };
    let device_channel = enrollment.parent_id.as_deref().unwrap_or(&enrollment.id);
    if let Some(refusal) = newly_moved_in(tx, &identity, Some(device_channel))? {
        return Ok(Outcome::Refused(refusal));
    }
    if may_speak(&identity, device_channel) {
        Ok(Outcome::Known(Box::new(Standing { enrollment, identity })))
    } else {
        Ok(Outcome::Refused(Refusal::AnothersIdentity))
    }
}

/// Tells whether a certificate could speak for anybody here: enough to hear its holder out, never enough to believe what is said.
pub fn is_known(tx: &Tx, presented: &Presented) -> Result<bool> {
    Ok(match certificates::by_fingerprint(tx, &presented.fingerprint)? {
        Some(identity) => identity.revoked_at.is_none(),
        None => moved_in(tx, presented).is_ok(),
    })
}

/// A user's first message comes under the identity of a device that is known already.
fn without_enrollment(tx: &Tx, identity: Identity, ids: &EnrollmentIds) -> Result<Outcome> {
    let device_channel = enrollments::by_nano_id(tx, ids.nano_id().device().as_str())?;
    if let Some(refusal) = newly_moved_in(tx, &identity, device_channel.as_ref().map(|channel| channel.id.as_str()))? {
        return Ok(Outcome::Refused(refusal));
    }
    let allowed = match &device_channel {
        Some(device_channel) => may_speak(&identity, &device_channel.id),
        None => identity.enrollment_id.is_none() && identity.intended_for.is_none(),
    };
    Ok(if allowed { Outcome::NoEnrollment(Box::new(identity)) } else { Outcome::Refused(Refusal::AnothersIdentity) })
}

/// Why a certificate of another server that nobody uses yet may not speak for a device: it, or the device, is named for another one, or another
/// certificate speaks for the device already. The first contact of each device is the only one at which such a certificate counts.
fn newly_moved_in(tx: &Tx, identity: &Identity, device_channel: Option<&str>) -> Result<Option<Refusal>> {
    if identity.purpose != Purpose::Imported || identity.enrollment_id.is_some() || is_own(tx, &identity.authority_id) {
        return Ok(None);
    }
    if let Some(id) = device_channel
        && certificates::of_enrollment(tx, id)?.iter().any(|known| known.revoked_at.is_none())
    {
        return Ok(Some(Refusal::AnothersIdentity));
    }
    moves::stands_against(tx, identity, device_channel)
}

/// Bound to it; or bound to nobody and not meant for another.
fn may_speak(identity: &Identity, device_channel: &str) -> bool {
    match (&identity.enrollment_id, &identity.intended_for) {
        (Some(bound), _) => bound == device_channel,
        (None, Some(intended)) => intended == device_channel,
        (None, None) => true,
    }
}

/// The identity of a certificate that another server issued, or that we issued after the backup from which we were restored; not recorded yet.
fn moved_in(tx: &Tx, presented: &Presented) -> Result<Identity, Refusal> {
    let (Some(authority), Some(certificate)) = (&presented.imported_authority, &presented.certificate) else {
        return Err(Refusal::ForeignCertificate);
    };
    if tx.now > authority.until {
        return Err(Refusal::MoveInWindowOver);
    }
    let is_own = is_own(tx, &authority.id);
    if is_own && !restored::is_lost(tx, certificate).unwrap_or(false) {
        return Err(Refusal::ForeignCertificate);
    }
    // What we issue to renew an identity names the enrollment that it is for.
    let named = certificate.common_name().filter(|_| is_own);
    let intended_for = named.filter(|id| enrollments::by_id(tx, id).is_ok_and(|found| found.is_some()));
    Ok(Identity {
        fingerprint: presented.fingerprint,
        authority_id: authority.id.clone(),
        serial: certificate.serial_hex(),
        purpose: Purpose::Imported,
        invitation_id: None,
        intended_for,
        enrollment_id: None,
        not_before_at: certificate.not_before(),
        not_after_at: certificate.not_after(),
        issued_at: tx.now,
        bound_at: None,
        revoked_at: None,
    })
}

/// Whether an authority is one of our own: what it signed and we do not know was issued after the backup that this appliance was restored from.
fn is_own(tx: &Tx, authority_id: &str) -> bool {
    let is_it = |authority: &authorities::Authority| authority.id == authority_id && authority.state != AuthorityState::Imported;
    authorities::all(tx).is_ok_and(|all| all.iter().any(is_it))
}

/// Tells whether an identity that is not recorded yet is one of ours that was issued after the backup that this appliance was restored from.
pub fn is_lost(tx: &Tx, identity: &Identity) -> bool {
    identity.purpose == Purpose::Imported && identity.bound_at.is_none() && is_own(tx, &identity.authority_id)
}

/// Makes an identity the enrollment's, if it is not yet; a certificate that moved in is recorded with it.
///
/// An unbound certificate is taken only where it was issued for this enrollment, or where nothing else speaks for the enrollment yet.
pub fn bind(tx: &Tx, presented: &Presented, identity: &Identity, device_channel: &Enrollment) -> Result<()> {
    if identity.enrollment_id.is_some() {
        return Ok(());
    }
    let is_imported = identity.purpose == Purpose::Imported;
    if is_imported {
        record_moved_in(tx, presented, identity)?;
        renewal::plan_moved_in(tx, identity, &device_channel.id)?;
    }
    certificates::bind(tx, &identity.fingerprint, &device_channel.id)?;
    if is_imported {
        moves::arrived(tx, presented, device_channel)?;
    }
    let actor = Actor::Device { name: device_channel.nano_id.clone() };
    let data = json!({ "fingerprint": identity.fingerprint.to_string(), "purpose": identity.purpose });
    journal::note(tx, &actor, "certificate.bound", device_channel, data)
}

fn record_moved_in(tx: &Tx, presented: &Presented, identity: &Identity) -> Result<()> {
    let Some(certificate) = &presented.certificate else { return Ok(()) };
    certificates::insert(
        tx,
        &NewIdentity {
            identity,
            certificate: certificate.der(),
            public_key: &digest::sha256(certificate.public_key_der()),
            transaction_id: "",
        },
    )
}

/// Tells whether a certificate that nobody is bound to yet may become this enrollment's outside of Authenticate: it was issued for it, or it moved in
/// with it and nothing else speaks for it yet. One that we issued for somebody new proves nothing about an enrollment that was there before.
pub fn may_bind(tx: &Tx, identity: &Identity, device_channel: &Enrollment) -> Result<bool> {
    if identity.enrollment_id.is_some() {
        return Ok(true);
    }
    if identity.intended_for.as_deref() == Some(device_channel.id.as_str()) {
        return Ok(true);
    }
    let moves_in = identity.purpose == Purpose::Imported && !is_lost(tx, identity) && device_channel.state == EnrollmentState::Enrolled;
    Ok(moves_in && moves::is_expected(tx, &device_channel.id)?)
}

/// Refusals that are recorded in [`REFUSALS_IN`] at most: strangers can cause them, and the record is kept for good.
pub const REFUSALS_MAX: usize = 30;

/// The time in which the same refusal is recorded once.
pub const REFUSALS_IN: Duration = Duration::from_secs(60);

/// Records a refusal on the timeline of the enrollment that was named, if there is one; the same one at most once a minute.
pub fn record_refusal(tx: &Tx, presented: Option<&Presented>, ids: &EnrollmentIds, refusal: Refusal) -> Result<()> {
    const KIND: &str = "enrollment.refused";
    let named = enrollments::by_nano_id(tx, ids.nano_id().as_str())?;
    let name = presented
        .map_or_else(|| String::from(t!("nobody")), |presented| t!("certificate {fingerprint}", fingerprint = presented.fingerprint));
    let data = json!({ "because": refusal.words(), "named": ids.nano_id().to_string() });
    let actor = Actor::Device { name };
    let filter = events::Filter { kind: Some(KIND), ..events::Filter::default() };
    let mut recent = events::list(tx, &filter, None, REFUSALS_MAX)?;
    recent.retain(|event| event.at.plus(REFUSALS_IN) > tx.now);
    let said = actor.to_string();
    if recent.len() >= REFUSALS_MAX || recent.iter().any(|event| event.actor == said && event.data == data) {
        return Ok(());
    }
    let subject = named.as_ref().map_or_else(journal::Subject::default, journal::Subject::from);
    journal::note(tx, &actor, KIND, subject, data)
}
