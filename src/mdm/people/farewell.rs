//! Somebody leaves, in one step: licences go back, their own devices are let go, and each device of the organisation that they had is handed on,
//! erased or left as it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Change, Leaving, change, find, give, leaving, own_devices};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::admins::leaver::{self, LogIn};
use crate::mdm::commands::{self, Wish};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right};
use crate::protocol::availability::{self, Capabilities, Reason, Request};
use crate::protocol::command::{self, Command as Order, EraseDevice};
use crate::store::commands::{self as queue, CommandState};
use crate::store::enrollments::{self, Enrollment};
use crate::store::escrow::{self, EscrowKind};
use crate::store::people::{self as rows, DeviceName, Person};
use crate::store::{Tx, devices, events};

/// Under which name it stands in the log.
const EVENT: &str = "person.left";

/// The command that takes a passcode off.
const CLEARS: &str = "ClearPasscode";

/// What becomes of a device whose person leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = LeftDeviceFate)]
pub enum Fate {
    /// It is nobody's, and its passcode is taken away where that can be done, so that the next person can begin.
    HandOn,
    /// It is nobody's, and everything on it is deleted.
    Erase,
    /// It stays as it is, theirs too.
    Keep,
}

impl Fate {
    /// All, in the order of a form.
    pub const ALL: [Self; 3] = [Self::HandOn, Self::Erase, Self::Keep];

    /// As forms and answers have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HandOn => "hand_on",
            Self::Erase => "erase",
            Self::Keep => "keep",
        }
    }

    /// Reads [`Fate::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fate| fate.as_str() == text)
    }
}

/// Whether a device would ask its next person for the account of the last one, after it was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = LeftDeviceLock)]
pub enum ActivationLock {
    /// It says that the lock is off.
    Off,
    /// It is on, and the code that opens it is kept here.
    CodeKept,
    /// It is on, and only the person's account opens it.
    NeedsAccount,
    /// The device has not said.
    Unknown,
}

/// A device of the organisation that a person who leaves has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = LeftDevice)]
pub struct LeftBehind {
    /// Its id.
    pub device_id: String,
    /// What people call it; its serial number where it has no name.
    pub name: String,
    /// Why its passcode cannot be taken away from here; empty where it can.
    pub passcode_stays: String,
    /// Why it cannot be erased from here; empty where it can.
    pub erase_refused: String,
    /// How its Activation Lock stands.
    pub activation_lock: ActivationLock,
}

/// What would follow, and what is to be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Farewell {
    /// Who leaves.
    pub person: Person,
    /// What follows by itself.
    pub leaving: Leaving,
    /// The devices of the organisation that they have.
    pub devices: Vec<LeftBehind>,
    /// With which names they log in here.
    pub log_ins: Vec<LogIn>,
}

impl Farewell {
    /// The devices of which this says that they are erased.
    pub fn erased(&self, fates: &BTreeMap<String, Fate>) -> Vec<&LeftBehind> {
        self.devices.iter().filter(|device| fates.get(&device.device_id) == Some(&Fate::Erase)).collect()
    }

    /// Refuses what [`say_farewell`] would refuse.
    ///
    /// # Errors
    /// As there.
    pub fn check(&self, fates: &BTreeMap<String, Fate>) -> Result<()> {
        if !self.person.active {
            return Err(Error::conflict(t!("{name} is not active any more.", name = self.person.name)));
        }
        if let Some(stranger) = fates.keys().find(|id| self.devices.iter().all(|device| device.device_id != **id)) {
            return Err(Error::field(
                "devices",
                t!("{stranger} is not a device that {name} has; look again", stranger, name = self.person.name),
            ));
        }
        for device in &self.devices {
            match fates.get(&device.device_id) {
                None => return Err(Error::field("devices", t!("say what becomes of {name}: hand_on, erase or keep", name = device.name))),
                Some(Fate::Erase) if !device.erase_refused.is_empty() => {
                    return Err(Error::field(
                        "devices",
                        t!("{name} cannot be erased: {erase_refused}", name = device.name, erase_refused = device.erase_refused),
                    ));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

/// What was asked of one device when its person left, and how far that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = LeftDeviceProgress)]
pub struct Progress {
    /// Its id.
    pub device_id: String,
    /// Its name then.
    pub name: String,
    /// What was decided.
    pub then: Fate,
    /// How far it is.
    pub state: Step,
    /// Why it did not come to pass, what it waits for, or why nothing was asked of the device; else empty.
    pub because: String,
}

/// How far one device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = LeftDeviceStep)]
pub enum Step {
    /// The device confirmed it, or there was nothing to be asked of it.
    Done,
    /// The device has not answered yet.
    Waiting,
    /// It did not come to pass; somebody has to look.
    Failed,
}

/// A farewell that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// When.
    pub at: Timestamp,
    /// By whom, in words.
    pub by: String,
    /// Licences that went back.
    pub licences: u64,
    /// Their own devices that were told to leave, by name.
    pub own_devices: Vec<String>,
    /// The others.
    pub devices: Vec<Progress>,
    /// With which names they logged in here; what stays works still.
    pub log_ins: Vec<LogIn>,
}

/// As it is kept in the log.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    person: String,
    name: String,
    licences: u64,
    own_devices: Vec<String>,
    devices: Vec<KeptDevice>,
    #[serde(default)]
    log_ins: Vec<LogIn>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeptDevice {
    device_id: String,
    name: String,
    then: Fate,
    enrollment_id: Option<String>,
    command: Option<String>,
    because: String,
    /// Whether such devices have none of it, so that there is nothing to be done.
    #[serde(default)]
    has_no_such: bool,
}

/// Tells what would follow if a person left now.
pub fn farewell(tx: &Tx, actor: &Actor, id: &str) -> Result<Farewell> {
    let leaving = leaving(tx, actor, id, false)?;
    let person = find(tx, actor, id)?;
    let devices = theirs(tx, id)?.into_iter().map(|device| left_behind(tx, actor, device)).collect::<Result<_>>()?;
    let log_ins = leaver::log_ins(tx, actor, id)?;
    Ok(Farewell { person, leaving, devices, log_ins })
}

/// The devices that a person uses and that are not their own.
fn theirs(tx: &Tx, id: &str) -> Result<Vec<DeviceName>> {
    let own = own_devices(tx, id)?;
    let mut devices = rows::devices(tx, id)?;
    devices.retain(|device| own.iter().all(|(own, _)| *own != device.id));
    Ok(devices)
}

fn left_behind(tx: &Tx, actor: &Actor, device: DeviceName) -> Result<LeftBehind> {
    let channel = enrollments::device_channel(tx, &device.id)?;
    let refusal = |fate| match &channel {
        Some(channel) => Ok(commands::refusal(tx, actor, channel, &order(tx, fate))?.unwrap_or_default()),
        None => Ok::<_, Error>(String::from(t!("It is not enrolled."))),
    };
    Ok(LeftBehind {
        passcode_stays: refusal(Fate::HandOn)?,
        erase_refused: refusal(Fate::Erase)?,
        activation_lock: activation_lock(tx, &device.id)?,
        name: called(&device),
        device_id: device.id,
    })
}

fn called(device: &DeviceName) -> String {
    if device.name.is_empty() { device.serial_number.clone().unwrap_or_default() } else { device.name.clone() }
}

/// What is asked of a device.
fn order(tx: &Tx, fate: Fate) -> Order {
    let uuid = commands::new_uuid(tx);
    match fate {
        Fate::Erase => command::erase_device(uuid, &EraseDevice::default()),
        // The room fills in the token that the device gave.
        Fate::HandOn | Fate::Keep => Order::new(uuid, CLEARS),
    }
}

fn activation_lock(tx: &Tx, device_id: &str) -> Result<ActivationLock> {
    let facts: Value =
        serde_json::from_str(&devices::facts(tx, device_id)?).map_err(|error| Error::internal("stored facts are JSON", error))?;
    let is_kept = || {
        let held = escrow::of_device(tx, device_id)?;
        Ok::<_, Error>(held.iter().any(|held| held.kind == EscrowKind::ActivationLockBypassCode))
    };
    Ok(match facts["IsActivationLockEnabled"].as_bool() {
        Some(false) => ActivationLock::Off,
        Some(true) if is_kept()? => ActivationLock::CodeKept,
        Some(true) => ActivationLock::NeedsAccount,
        None => ActivationLock::Unknown,
    })
}

/// A person leaves: they are not active any more, with all that follows, every device of the organisation that they have gets what `fates` says, by
/// device id, and they do not log in here any more, as far as the actor can see to that.
///
/// # Errors
/// Bad input when a device of theirs is missing in `fates`, when one is named that is not theirs, or when one is to be erased that cannot be;
/// conflict when they are not active any more. Nothing is changed then.
pub fn say_farewell(tx: &Tx, actor: &Actor, id: &str, fates: &BTreeMap<String, Fate>) -> Result<()> {
    actor.require(Right::Destroy)?;
    let farewell = farewell(tx, actor, id)?;
    farewell.check(fates)?;
    let Farewell { person, leaving, devices, .. } = farewell;
    let named = devices.iter().filter_map(|device| Some((device, *fates.get(&device.device_id)?)));
    let kept = named.map(|(device, fate)| carry_out(tx, actor, device, fate)).collect::<Result<_>>()?;
    let log_ins = leaver::end(tx, actor, id)?;
    change(tx, actor, id, Change { active: Some(false), ..Change::default() })?;
    let said =
        Kept { person: person.id, name: person.name, licences: leaving.licences, own_devices: leaving.devices, devices: kept, log_ins };
    let said = serde_json::to_value(&said).map_err(|error| Error::internal("a farewell is JSON", error))?;
    journal::note(tx, actor, EVENT, Subject::default(), said)
}

fn carry_out(tx: &Tx, actor: &Actor, device: &LeftBehind, then: Fate) -> Result<KeptDevice> {
    let channel = enrollments::device_channel(tx, &device.device_id)?;
    let (is_asked, because) = match then {
        Fate::Keep => (false, ""),
        Fate::HandOn => (device.passcode_stays.is_empty(), device.passcode_stays.as_str()),
        Fate::Erase => (true, ""),
    };
    let asked = channel.as_ref().filter(|_| is_asked);
    let asked = asked.map(|channel| commands::enqueue(tx, actor, channel, Wish::new(order(tx, then)))).transpose()?;
    if then != Fate::Keep {
        give(tx, actor, &device.device_id, None)?;
    }
    let has_no_such = match &channel {
        Some(channel) if then == Fate::HandOn && !is_asked => knows_no_passcode(&commands::capabilities(tx, channel)?),
        _ => false,
    };
    Ok(KeptDevice {
        has_no_such,
        device_id: device.device_id.clone(),
        name: device.name.clone(),
        then,
        enrollment_id: channel.map(|channel: Enrollment| channel.id),
        command: asked.map(|command| command.uuid),
        because: because.to_owned(),
    })
}

/// Whether devices of this family are never asked to take a passcode off: whoever has one next has nothing to wait for.
fn knows_no_passcode(device: &Capabilities) -> bool {
    availability::check(Request::Command(CLEARS), device).is_err_and(|refusal| refusal.reason == Reason::Platform)
}

/// The last farewell that was said to a person who is not active, with how far every device is by now.
pub fn said(tx: &Tx, actor: &Actor, id: &str) -> Result<Option<Said>> {
    if find(tx, actor, id)?.active {
        return Ok(None);
    }
    let filter = events::Filter { kind: Some(EVENT), ..events::Filter::default() };
    for event in events::list(tx, &filter, None, events::PAGE_LIMIT)? {
        let Ok(kept) = serde_json::from_value::<Kept>(event.data) else { continue };
        if kept.person == id {
            let devices = kept.devices.into_iter().map(|device| progress(tx, device)).collect::<Result<_>>()?;
            let Kept { licences, own_devices, log_ins, .. } = kept;
            let log_ins = leaver::since(tx, log_ins)?;
            return Ok(Some(Said { at: event.at, by: event.actor, licences, own_devices, devices, log_ins }));
        }
    }
    Ok(None)
}

fn progress(tx: &Tx, kept: KeptDevice) -> Result<Progress> {
    let KeptDevice { device_id, name, then, enrollment_id, command, because, has_no_such } = kept;
    let asked = match (enrollment_id, command) {
        (Some(enrollment), Some(uuid)) => queue::by_uuid(tx, &enrollment, &uuid)?.map(|command| (command.state, command.cause)),
        _ => None,
    };
    let (state, because) = match asked {
        None if because.is_empty() => (Step::Done, String::new()),
        None if has_no_such => (Step::Done, t!("Nothing was asked of it. {because}", because)),
        None => (Step::Failed, t!("Its passcode stays: {because}", because)),
        Some((CommandState::Acknowledged, _)) => (Step::Done, String::new()),
        Some((CommandState::Queued, _)) => (Step::Waiting, String::from(t!("It waits for the device to connect."))),
        Some((CommandState::NotNow, _)) => {
            (Step::Waiting, String::from(t!("The device put it off; it is offered again when it connects.")))
        }
        Some((CommandState::Sent, _)) => (Step::Waiting, String::from(t!("The device has been sent it and has not answered yet."))),
        Some((_, cause)) if cause.is_empty() => (Step::Failed, String::from(t!("The device refused it."))),
        Some((_, cause)) => (Step::Failed, cause),
    };
    Ok(Progress { device_id, name, then, state, because })
}
