//! Devices that ask for their profile from Setup Assistant: who is let in by which door, who has to update first, and for whom a profile is made.

pub mod minimum;
pub mod rules;

use std::time::Duration;

use serde_json::json;

use crate::error::{Kind, Result};
use crate::mdm::attestation::Claim;
use crate::mdm::enroll::invitations::{self as invited, Unusable};
use crate::mdm::enroll::profile::{self, Grant, MadeFor};
use crate::mdm::enroll::{Addresses, configurator, taken_over};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, apple_roots, people, practice};
use crate::pki::apple::IPHONE_DEVICE_CA;
use crate::pki::certificate::Certificate;
use crate::pki::device_identity::{Anchors, Vouched};
use crate::protocol::checkin::Authenticate;
use crate::protocol::ids::EnrollmentIds;
use crate::protocol::machine_info::{EnrollmentError, MachineInfo, NeededRelease};
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::store::arrivals::{self, Answer as Answered, Arrival};
use crate::store::invitations::{self as rows, Challenge, Entry};
use crate::store::{Tx, ade_devices, alerts, devices, people as people_rows};

pub use rules::{Rules, rules};

/// The name under which it is done.
const ACTOR: Actor = Actor::Job("setup");

/// The time in which the same answer to the same device is written down once.
pub const NOTED_EVERY: Duration = Duration::from_secs(600);

/// The alert that Apple's certificate of devices is missing.
const NO_AUTHORITY: &str = "setup.no_authority";

/// By which address a device asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// The one that Apple's list tells devices.
    List,
    /// The one of an invitation, which Apple Configurator tells devices.
    Invitation(String),
}

/// A device that asks for its profile.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What it says of itself.
    pub info: MachineInfo,
    /// Who vouches for it.
    pub by: Vouched,
    /// By which address it asks.
    pub door: Door,
    /// Who signed in at it.
    pub person_id: Option<String>,
}

/// Why a device is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Apple's list does not name it.
    NotListed,
    /// The authority of practice devices vouches for one that is real.
    NotPractice,
    /// The invitation behind the address cannot be used.
    Invitation(Unusable),
    /// The invitation is for the other kind of devices: that in words.
    OtherKind(String),
    /// Whoever signed in at it does not belong to the organisation now.
    NotActive,
    /// It cannot prove that it is genuine, and has to.
    NotGenuine(String),
    /// The appliance cannot take devices now.
    NotReady(String),
}

impl Refusal {
    /// The refusal in words, for the person at the device and the timeline.
    pub fn words(&self) -> &str {
        match self {
            Self::NotListed => {
                t!(
                    "Apple does not name this device among those of this server. Assign it there, or have devices taken that are not listed."
                )
            }
            Self::NotPractice => t!("A practice device calls itself by the serial number or UDID of a real one."),
            Self::Invitation(unusable) => unusable.words(),
            Self::NotActive => t!("Whoever signed in does not belong to this organisation now. Somebody else is to sign in."),
            Self::OtherKind(words) | Self::NotGenuine(words) | Self::NotReady(words) => words,
        }
    }
}

/// What a device is answered.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Its profile, which is good once it is recorded.
    Profile(Box<Grant>),
    /// To update itself first.
    Update(NeededRelease),
    /// That it is not let in.
    Refused(Refusal),
}

impl Answer {
    /// The document with which this is answered in place of a profile; none for a profile, and for a device that does not understand it.
    pub fn error(&self, info: &MachineInfo) -> Option<EnrollmentError> {
        match self {
            Self::Update(needed) => Some(EnrollmentError::SoftwareUpdateRequired(needed.clone())),
            Self::Refused(Refusal::NotListed) if knows_unrecognized(info) => {
                Some(EnrollmentError::UnrecognizedDevice { why: Refusal::NotListed.words().to_owned() })
            }
            Self::Profile(_) | Self::Refused(_) => None,
        }
    }
}

/// Whether a device knows the code that says that it is not known here.
fn knows_unrecognized(info: &MachineInfo) -> bool {
    let since = match info.platform() {
        Platform::Macos => OsVersion::new(14, 0, 0),
        Platform::Visionos => OsVersion::new(1, 0, 0),
        Platform::Watchos => OsVersion::new(10, 0, 0),
        Platform::Ios | Platform::Tvos | Platform::Unknown => OsVersion::new(17, 0, 0),
    };
    info.version().is_at_least(since)
}

/// The authorities that may vouch for a device.
pub fn anchors(tx: &Tx) -> Result<Anchors> {
    Ok(Anchors { apple: apple_roots::certificate(tx, &IPHONE_DEVICE_CA)?, practice: practice::device_authority(tx)? })
}

/// Keeps Apple's authority that a device carried, so that the next one need not.
pub fn carried(tx: &Tx, authority: &Certificate) -> Result<()> {
    alerts::clear(tx, NO_AUTHORITY)?;
    apple_roots::add(tx, &ACTOR, authority.der(), apple_roots::Source::Device).map(drop)
}

/// A device came that cannot be known for want of Apple's authority: somebody has to bring that.
pub fn lacks_authority(tx: &Tx) -> Result<()> {
    let message = t!("A device in Setup Assistant could not be let in: “{name}” is not here.", name = IPHONE_DEVICE_CA.name);
    let remedy =
        t!("Get that certificate from {apples_page} and bring its file under System, OS releases.", apples_page = apple_roots::APPLES_PAGE);
    alerts::raise(tx, NO_AUTHORITY, 70, &message, &remedy).map(drop)
}

/// Decides what a device is answered; reads only. [`record`] must follow before it is answered.
pub fn decide(tx: &Tx, asked: &Asked, addresses: Addresses) -> Result<Answer> {
    let (info, practice) = (&asked.info, asked.by == Vouched::Practice);
    if practice && is_real(tx, Some(&info.serial_number), Some(&info.udid))? {
        return Ok(Answer::Refused(Refusal::NotPractice));
    }
    let rules = rules(tx)?;
    let (entry, invitation_id) = match &asked.door {
        Door::List if practice || rules.take_unlisted || is_listed(tx, &info.serial_number)? => (Entry::Automated, None),
        Door::List => return Ok(Answer::Refused(Refusal::NotListed)),
        Door::Invitation(code) => match invited::open(tx, code)? {
            Ok(invitation) if invitation.practice == practice => (Entry::Configurator, Some(invitation.id)),
            // As without an invitation, practice devices may come along where Configurator lets in whatever asks.
            Ok(invitation) if practice && configurator::is_open_by(tx, &invitation)? => (Entry::Configurator, Some(invitation.id)),
            Ok(invitation) => return Ok(Answer::Refused(Refusal::OtherKind(invited::other_kind(&invitation)))),
            Err(unusable) => return Ok(Answer::Refused(Refusal::Invitation(unusable))),
        },
    };
    if let Some(person_id) = &asked.person_id
        && !people_rows::by_id(tx, person_id)?.is_some_and(|person| person.active)
    {
        return Ok(Answer::Refused(Refusal::NotActive));
    }
    if let Some(needed) = minimum::needed(tx, &rules, info, asked.door == Door::List)? {
        return Ok(Answer::Update(needed));
    }
    let device = MadeFor {
        serial_number: Some(info.serial_number.clone()),
        udid: Some(info.udid.clone()),
        practice,
        person_id: asked.person_id.clone(),
    };
    match profile::of_device(tx, entry, invitation_id, device, addresses) {
        Ok(grant) => {
            let claim = Claim::of_device(info.product_name.clone(), info.os_version.clone());
            let proven = profile::proven(tx, grant, &claim)?;
            Ok(proven.map_or_else(|words| Answer::Refused(Refusal::NotGenuine(words)), |grant| Answer::Profile(Box::new(grant))))
        }
        Err(error) if error.kind == Kind::Conflict => Ok(Answer::Refused(Refusal::NotReady(error.message.into_owned()))),
        Err(error) => Err(error),
    }
}

/// Whether a device is known here that is no practice device.
pub(in crate::mdm::enroll) fn is_real(tx: &Tx, serial_number: Option<&str>, udid: Option<&str>) -> Result<bool> {
    let known = [
        serial_number.map_or(Ok(None), |serial_number| devices::by_serial_number(tx, serial_number))?,
        udid.map_or(Ok(None), |udid| devices::by_udid(tx, udid))?,
    ];
    Ok(known.into_iter().flatten().any(|device| !device.practice))
}

/// Whether Apple names a device among those of this server.
fn is_listed(tx: &Tx, serial_number: &str) -> Result<bool> {
    let known = ade_devices::by_serial(tx, serial_number)?;
    Ok(known.is_some_and(|known| known.device.gone_at.is_none() && !known.server.practice))
}

/// Writes down what a device is answered, and makes the challenge of its profile good.
pub fn record(tx: &Tx, asked: &Asked, answer: &Answer) -> Result<()> {
    let info = &asked.info;
    let (answered, because, challenge) = match answer {
        Answer::Profile(grant) => {
            profile::record(tx, grant)?;
            let spared = minimum::spared(tx, &rules(tx)?, info, asked.door == Door::List)?;
            (Answered::Profile, spared.unwrap_or_default(), Some(grant.hash().to_vec()))
        }
        Answer::Update(needed) => (Answered::Update, needed.os_version.clone(), None),
        Answer::Refused(refusal) => (Answered::Refused, refusal.words().to_owned(), None),
    };
    // A Mac has two UDIDs, and does not say the same one everywhere.
    let is_mac = info.platform() == Platform::Macos;
    if !is_mac && taken_over::under_another_udid(tx, &info.serial_number, &info.udid)?.is_some() {
        // The place is another's: asking alone takes it from nobody. What becomes of it is decided and written down when this one says who it is.
        return Ok(());
    }
    let before = arrivals::by_serial_number(tx, &info.serial_number)?;
    let arrival = Arrival {
        serial_number: info.serial_number.clone(),
        udid: info.udid.clone(),
        product_name: info.product_name.clone(),
        os_version: info.os_version.clone(),
        entry: if asked.door == Door::List { Entry::Automated } else { Entry::Configurator },
        practice: asked.by == Vouched::Practice,
        answer: answered,
        because,
        challenge,
        asked_at: tx.now,
    };
    arrivals::put(tx, &arrival)?;
    let is_repeated = before
        .is_some_and(|before| before.answer == answered && before.because == arrival.because && before.asked_at.plus(NOTED_EVERY) > tx.now);
    if is_repeated {
        return Ok(());
    }
    let device = devices::by_serial_number(tx, &info.serial_number)?;
    let subject = device.as_ref().map_or_else(Subject::default, |device| Subject::device(&device.id));
    let data =
        json!({ "serial_number": info.serial_number, "product_name": info.product_name, "answer": answered, "because": arrival.because });
    journal::note(tx, &Actor::Device { name: info.serial_number.clone() }, "setup.asked", subject, data)
}

/// Whether a challenge may serve the device that says Authenticate: it was made for it, or for nobody in particular.
pub fn is_for(challenge: &Challenge, ids: &EnrollmentIds, message: &Authenticate) -> bool {
    let Some(serial_number) = &challenge.serial_number else { return true };
    let same = |proven: Option<&String>, said: Option<&str>| proven.zip(said).map(|(proven, said)| proven.eq_ignore_ascii_case(said));
    let serial = same(Some(serial_number), message.serial_number.as_deref());
    // A Mac has two UDIDs, and does not say the same one everywhere.
    let is_mac = message.product_name.as_deref().map(Platform::of_product) == Some(Platform::Macos);
    let udid = same(challenge.udid.as_ref(), ids.udid()).filter(|same| *same || !is_mac);
    serial != Some(false) && udid != Some(false) && (serial.is_some() || udid.is_some())
}

/// A device has enrolled by a profile that was made for it: it is given to who signed in at it.
pub fn arrived(tx: &Tx, challenge: Option<&Challenge>, device_id: &str) -> Result<()> {
    let Some(person_id) = challenge.and_then(|challenge| challenge.person_id.as_deref()) else { return Ok(()) };
    match people::assign(tx, &ACTOR, device_id, Some(person_id)) {
        // Whoever was deleted meanwhile is given nothing.
        Err(error) if matches!(error.kind, Kind::NotFound | Kind::BadInput | Kind::Conflict) => Ok(()),
        other => other.map(drop),
    }
}

/// The challenge that a hash names, for those who show how far a device is.
pub(in crate::mdm) fn challenge(tx: &Tx, arrival: &Arrival) -> Result<Option<Challenge>> {
    let hash = arrival.challenge.as_deref().and_then(|hash| <[u8; 32]>::try_from(hash).ok());
    hash.map_or(Ok(None), |hash| rows::challenge_by_hash(tx, &hash))
}
