//! Return to Service: a device is erased and comes back by itself, onto the network that it is given and with a profile made for it alone.
//!
//! `asked` —the device acknowledges the erase→ `erased`, expected back —the same device enrolls anew→ `returned`. Who is not back in time is missed.

pub mod network;
pub mod rules;
pub mod watch;

use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::mdm::attestation::Claim;
use crate::mdm::commands::{self, Wish};
use crate::mdm::enroll::profile::{self, Grant, MadeFor};
use crate::mdm::enroll::{Addresses, automated};
use crate::mdm::{Actor, Right, devices, journal};
use crate::protocol::checkin::reply::ReturnToService;
use crate::protocol::command::{self, EraseDevice, EraseReturnToService};
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::secret::SecretBytes;
use crate::store::commands::Command;
use crate::store::devices::Device;
use crate::store::enrollments::{self, Enrollment, SealedColumn};
use crate::store::invitations::Entry;
use crate::store::returns::{self, Return};
use crate::store::{Tx, ade_devices, commands as queue, devices as rows};
use network::{FIELD, Network, Ready};

/// How long the erase waits in the queue. The profile that goes with it is good for as long, and for the time of coming back.
pub const ORDER_LIVES: Duration = Duration::from_secs(7 * 24 * 3600);

/// The command that erases.
const ERASE: &str = "EraseDevice";

/// The first systems that come back by themselves.
const SINCE: [(Platform, u32, &str); 3] =
    [(Platform::Ios, 17, msg!("iOS or iPadOS")), (Platform::Tvos, 18, "tvOS"), (Platform::Visionos, 26, "visionOS")];

/// The first system that keeps apps through an erase, by its bootstrap token.
const KEEPS_APPS_SINCE: OsVersion = OsVersion::new(26, 0, 0);

/// The first system that tries again when enrolling fails.
const TRIES_AGAIN_SINCE: OsVersion = OsVersion::new(27, 0, 0);

/// A device that is to be erased and to come back; the caller makes the profile of the grant and calls [`erase`].
#[derive(Debug, Clone)]
pub struct Plan {
    enrollment: Enrollment,
    ready: Option<Ready>,
    /// What its enrollment profile says; none where it finds its own by Apple's list.
    pub grant: Option<Box<Grant>>,
    bootstrap_token: Option<SecretBytes>,
    tries_again: Option<bool>,
    is_cellular: bool,
}

/// Decides how a device comes back; reads only. `base` is the address of this server.
///
/// # Errors
/// Conflict where this device cannot come back by itself, bad input at the field of the network, each with what to do instead.
pub fn plan(tx: &Tx, actor: &Actor, device: &str, wanted: &Network, base: &str) -> Result<Plan> {
    actor.require(Right::Destroy)?;
    let enrollment = devices::channel(tx, actor, device)?;
    none_under_way(tx, &enrollment)?;
    let device = rows::by_id(tx, &enrollment.device_id)?.ok_or_else(|| Error::not_found(t!("There is no such device.")))?;
    let facts = facts(tx, &device)?;
    able(&device, &enrollment, &facts)?;
    let ready = network::ready(tx, &enrollment, &device, wanted)?;
    let is_cellular = facts["CellularTechnology"].as_i64().is_some_and(|technology| technology > 0);
    if ready.is_none() && !finds_the_network(&device, &facts, is_cellular) {
        return Err(Error::field(
            FIELD,
            t!("choose a Wi-Fi profile: erased, it knows no network, and it has neither cable nor mobile plan"),
        ));
    }
    let grant = grant(tx, &enrollment, &device, Addresses::under(base))?;
    Ok(Plan {
        bootstrap_token: kept_token(tx, &enrollment, &device)?,
        tries_again: tries_again(&device),
        enrollment,
        ready,
        grant,
        is_cellular,
    })
}

/// Refuses a second erase while one is in the queue: the device answers the first, and nothing is left that could answer the other.
fn none_under_way(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    let limit = u32::try_from(commands::MAX_OPEN).unwrap_or(u32::MAX);
    let Some(erase) = queue::open(tx, &enrollment.id, limit)?.into_iter().find(|command| command.request_type == ERASE) else {
        return Ok(());
    };
    let returns = returns::of(tx, &enrollment.id)?.is_some_and(|asked| asked.command_uuid == erase.uuid);
    let how = if returns { t!(" and comes back by itself") } else { "" };
    Err(Error::conflict(t!(
        "This device is being erased already{how}: {actor} asked for it, and it has not answered yet. Take that back first, or wait for it.",
        how,
        actor = erase.actor
    )))
}

/// Queues the erase. `mdm_profile` is the signed profile of the plan's grant.
///
/// # Errors
/// Conflict where an erase of the device is under way.
pub fn erase(tx: &Tx, actor: &Actor, plan: &Plan, mdm_profile: Option<Vec<u8>>) -> Result<Command> {
    if plan.grant.is_some() != mdm_profile.is_some() {
        return Err(Error::new(Kind::Internal, t!("a return goes with the profile that its plan wants")));
    }
    // Two may have planned at once.
    none_under_way(tx, &plan.enrollment)?;
    let how = EraseDevice {
        preserve_data_plan: plan.is_cellular.then_some(true),
        return_to_service: Some(EraseReturnToService {
            wifi_profile: plan.ready.as_ref().map(|ready| ready.profile.clone()),
            mdm_profile: mdm_profile.map(SecretBytes::new),
            bootstrap_token: plan.bootstrap_token.clone(),
            should_retry_enrollment: plan.tries_again,
        }),
        ..EraseDevice::default()
    };
    let ends_at = tx.now.plus(ORDER_LIVES);
    let order = command::erase_device(commands::new_uuid(tx), &how);
    let queued = commands::enqueue(tx, actor, &plan.enrollment, Wish { expires_at: Some(ends_at), ..Wish::new(order) })?;
    if let Some(grant) = &plan.grant {
        profile::record_until(tx, grant, ends_at.plus(watch::COMES_BACK_WITHIN))?;
    }
    let network = plan.ready.as_ref().map(|ready| ready.name.clone()).unwrap_or_default();
    note(tx, actor, &plan.enrollment, &queued.uuid, &network, plan.grant.is_some())?;
    let asked = asked_return(tx, &plan.enrollment, actor, network);
    returns::put(tx, &Return { command_uuid: queued.uuid.clone(), ..asked })?;
    Ok(queued)
}

fn note(tx: &Tx, actor: &Actor, enrollment: &Enrollment, uuid: &str, network: &str, with_profile: bool) -> Result<()> {
    let subject = journal::Subject::from(enrollment).command(uuid);
    journal::note(tx, actor, "device.return_asked", subject, json!({ "network": network, "with_profile": with_profile }))
}

fn asked_return(tx: &Tx, enrollment: &Enrollment, actor: &Actor, network: String) -> Return {
    Return {
        enrollment_id: enrollment.id.clone(),
        command_uuid: String::new(),
        network,
        asked_by: actor.to_string(),
        asked_at: tx.now,
        erased_at: None,
        expected_at: None,
        returned_at: None,
    }
}

/// What a device is answered that asks by itself.
#[derive(Debug, Clone)]
pub struct Answer {
    /// All but the profile.
    pub reply: ReturnToService,
    /// What the profile says, where one goes with it.
    pub grant: Option<Box<Grant>>,
}

/// A device that its person handed back asks how to return to service (iOS and visionOS 26). Where that is off, or cannot be, it is told that it does
/// not; it stays enrolled either way.
pub fn asked(tx: &Tx, enrollment: &Enrollment) -> Result<Answer> {
    let rules = rules::rules(tx)?;
    let actor = Actor::Device { name: enrollment.nano_id.clone() };
    let refused = |because: &str| {
        journal::note(tx, &actor, "enrollment.return_refused", enrollment, json!({ "because": because }))?;
        Ok(Answer { reply: ReturnToService::default(), grant: None })
    };
    if !rules.on {
        return refused(t!("Returning to service is switched off."));
    }
    let Some(device) = rows::by_id(tx, &enrollment.device_id)? else { return refused(t!("The device is not known any more.")) };
    let wanted = rules.wifi_profile_id.map_or(Network::None, Network::Library);
    // Where its profile came from it comes back to: what a device was told once stays so.
    let base = enrollment.server_url.strip_suffix("/mdm/connect").unwrap_or(&enrollment.server_url);
    let found = able(&device, enrollment, &facts(tx, &device)?)
        .and_then(|()| Ok((network::ready(tx, enrollment, &device, &wanted)?, grant(tx, enrollment, &device, Addresses::under(base))?)));
    let (ready, grant) = match found {
        Ok(found) => found,
        Err(error) if matches!(error.kind, Kind::BadInput | Kind::Conflict | Kind::NotFound) => return refused(&error.message),
        Err(error) => return Err(error),
    };
    let said = facts(tx, &device)?;
    if ready.is_none() && !finds_the_network(&device, &said, said["CellularTechnology"].as_i64().is_some_and(|technology| technology > 0)) {
        return refused(t!("Erased it would know no network: choose a Wi-Fi profile for devices that are handed back."));
    }
    if let Some(grant) = &grant {
        profile::record_until(tx, grant, tx.now.plus(watch::COMES_BACK_WITHIN))?;
    }
    let network = ready.as_ref().map(|ready| ready.name.clone()).unwrap_or_default();
    journal::note(tx, &actor, "enrollment.return_asked", enrollment, json!({ "network": network, "with_profile": grant.is_some() }))?;
    let asked = asked_return(tx, enrollment, &actor, network);
    returns::put(tx, &Return { expected_at: Some(tx.now.plus(watch::COMES_BACK_WITHIN)), ..asked })?;
    let reply = ReturnToService {
        enabled: true,
        wifi_profile: ready.map(|ready| ready.profile.expose().clone()),
        mdm_profile: None,
        bootstrap_token: kept_token(tx, enrollment, &device)?,
        should_retry_enrollment: tries_again(&device),
    };
    Ok(Answer { reply, grant })
}

fn facts(tx: &Tx, device: &Device) -> Result<Value> {
    serde_json::from_str(&rows::facts(tx, &device.id)?).map_err(|error| Error::internal("stored facts are JSON", error))
}

/// Whether a device can come back by itself at all.
fn able(device: &Device, enrollment: &Enrollment, facts: &Value) -> Result<()> {
    let by_hand = t!("Erase it without coming back, and set it up by hand.");
    let Some((_, major, system)) = SINCE.into_iter().find(|(platform, ..)| *platform == device.platform) else {
        return Err(Error::conflict(t!("Only iPhones, iPads, Apple TVs and Vision Pros come back by themselves. {by_hand}", by_hand)));
    };
    let version = OsVersion::parse(&device.os_version);
    if version.is_older_than(OsVersion::new(major, 0, 0)) {
        let has = device.os_version.as_str();
        return Err(Error::conflict(t!(
            "It runs {has}; to come back by itself it needs {system} {major} or later. Update it first. {by_hand}",
            has,
            system,
            major,
            by_hand
        )));
    }
    if enrollment.kind.is_user_enrollment() || device.supervised != Some(true) {
        return Err(Error::conflict(t!("Only supervised devices come back by themselves, and this one is not. {by_hand}", by_hand)));
    }
    if facts["IsActivationLockEnabled"].as_bool() == Some(true) {
        return Err(Error::conflict(t!(
            "Its person's Activation Lock is on: erased, it would ask for their account. Have them switch off Find My first, or erase it without coming back."
        )));
    }
    Ok(())
}

/// Whether an erased device finds the network without Wi-Fi.
fn finds_the_network(device: &Device, facts: &Value, is_cellular: bool) -> bool {
    let has_cable = facts["EthernetMAC"].as_str().is_some_and(|address| !address.is_empty());
    is_cellular || has_cable || device.platform == Platform::Tvos
}

/// What the profile says that goes with the erase. A device on Apple's list finds its own, unless people sign in on our page first: that needs somebody.
fn grant(tx: &Tx, enrollment: &Enrollment, device: &Device, addresses: Addresses) -> Result<Option<Box<Grant>>> {
    let unknown = || Error::conflict(t!("It has not said its serial number yet. Ask it for news, then try again."));
    let serial_number = device.serial_number.clone().ok_or_else(unknown)?;
    let is_listed = ade_devices::by_serial(tx, &serial_number)?.is_some_and(|known| known.device.gone_at.is_none());
    if enrollment.entry == Entry::Automated && is_listed && !automated::rules(tx)?.sign_in {
        return Ok(None);
    }
    let udid = device.udid.clone().ok_or_else(unknown)?;
    let made_for = MadeFor { serial_number: Some(serial_number), udid: Some(udid), practice: device.practice, person_id: None };
    // The invitation by which it once came may be over; this profile is for this device alone.
    let grant = profile::of_device(tx, enrollment.entry, None, made_for, addresses)?;
    let claim = Claim::of_device(device.product_name.clone(), device.os_version.clone());
    profile::proven(tx, grant, &claim)?.map(|grant| Some(Box::new(grant))).map_err(Error::conflict)
}

/// The token by which a device keeps its apps, where it left one.
fn kept_token(tx: &Tx, enrollment: &Enrollment, device: &Device) -> Result<Option<SecretBytes>> {
    let knows =
        matches!(device.platform, Platform::Ios | Platform::Visionos) && OsVersion::parse(&device.os_version).is_at_least(KEEPS_APPS_SINCE);
    if knows { enrollments::secret(tx, &enrollment.id, SealedColumn::BootstrapToken) } else { Ok(None) }
}

fn tries_again(device: &Device) -> Option<bool> {
    (device.platform == Platform::Ios && OsVersion::parse(&device.os_version).is_at_least(TRIES_AGAIN_SINCE)).then_some(true)
}

/// When a device that was erased is to be back.
pub fn expected_at(tx: &Tx, device_id: &str) -> Result<Option<Timestamp>> {
    Ok(returns::of_erased_device(tx, device_id)?.and_then(|gone| gone.expected_at))
}
