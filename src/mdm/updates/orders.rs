//! Updates started by hand: what a person at the page may have a device do, and what it is told before.

use serde_json::{Value, json};

use crate::clock::Zone;
use crate::error::{Error, Result};
use crate::mdm::reconcile;
use crate::mdm::updates::candidates::{self, Candidate, Found, Leap, Subject};
use crate::mdm::updates::mechanism;
use crate::mdm::updates::next;
use crate::mdm::updates::own_list;
use crate::mdm::updates::plan::{self, Memo};
use crate::mdm::updates::timing;
use crate::mdm::updates::words;
use crate::mdm::wanted::Target;
use crate::mdm::{Actor, Right, commands, journal};
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::store::deployments::{self, Mechanism};
use crate::store::devices::{self, Device};
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::update_plans;
use crate::store::update_states::{self, Action, Stage, UpdateState};
use crate::store::{Bell, Tx};

/// Below this a device does not install, unless it is at power.
const BATTERY_LOW: f64 = 0.5;

/// Room that an update takes at least, in GB.
const ROOM_MIN_GB: f64 = 6.0;

/// What a person wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Which release; the newest that the device can have if absent.
    pub version: Option<String>,
    /// What is done with it.
    pub action: Action,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// It was begun.
    Begun,
    /// The device is at it already; nothing was sent. Why, as a sentence.
    UnderWay(String),
}

/// A device as an order sees it.
struct Ready {
    device: Device,
    enrollment: Enrollment,
    target: Target,
    subject: Subject,
    zone: Zone,
}

/// Starts an update on a device.
///
/// # Errors
/// Bad input when the device cannot have it or do so, with the reason; conflict when it is not enrolled.
pub fn start(tx: &Tx, actor: &Actor, device_id: &str, order: &Order) -> Result<(Started, UpdateState)> {
    actor.require(Right::Command)?;
    let ready = ready(tx, device_id)?;
    let mechanism = mechanism::for_order(&ready.target, order.action).map_err(|because| Error::field("device", because.words))?;
    check_action(order.action, mechanism, &ready).map_err(|because| Error::field("action", because))?;
    let candidate = chosen(tx, &ready, order)?;
    let (version, build) = candidate.map(|candidate| (candidate.version.to_string(), candidate.key.build)).unwrap_or_default();
    let rows = update_states::of_enrollment(tx, &ready.enrollment.id)?;
    if let Some(row) = rows.iter().find(|row| is_at_it(row, &version, order.action)) {
        if next::is_hindered(row, tx.now) {
            // It waits for what somebody may have taken away.
            return Ok((Started::Begun, try_again(tx, actor, &ready, row.clone())?));
        }
        return Ok((Started::UnderWay(under_way(row)), row.clone()));
    }
    if let Some(row) = rows.iter().find(|row| plan_is_at_it(row, &version, order.action, mechanism)) {
        let plan = update_plans::by_id(tx, &row.plan_id)?.map(|plan| plan.name).unwrap_or_default();
        return Ok((
            Started::UnderWay(t!(
                "The plan “{plan}” has the device bring {version} already; nothing more was sent.",
                plan,
                version = row.version
            )),
            row.clone(),
        ));
    }
    let (deadline, deadline_at) = timing::by_hand(order.action, mechanism, &ready.zone, tx.now);
    let mut row = UpdateState::blank("", 0, tx.now);
    (row.version, row.build) = (version, build);
    row.mechanism = mechanism;
    row.action = order.action;
    if row.version.is_empty() {
        words::ASKS_FIRST.clone_into(&mut row.problem);
    } else {
        row.stage = Stage::Waiting;
    }
    (row.deadline, row.deadline_at) = (deadline, deadline_at);
    row.ordered_by = actor.to_string();
    row.begun_at = Some(tx.now);
    if let Some(uuid) = rows.iter().find(|row| row.plan_id.is_empty()).and_then(|row| row.command_uuid.as_deref()) {
        commands::take_back(tx, &ready.enrollment, uuid, t!("another order took its place"))?;
    }
    update_states::put(tx, &ready.enrollment.id, &row)?;
    let data = json!({ "version": row.version, "build": row.build, "action": order.action });
    journal::note(tx, actor, "update.started", &ready.enrollment, data)?;
    look_again(tx, &ready.device)?;
    Ok((Started::Begun, row))
}

/// What a device of this system can be told by hand, in the order in which people are offered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Possible {
    /// These; `forces` says of which a Mac restarts whatever is open.
    Actions {
        /// What can be done.
        actions: Vec<Action>,
        /// Those by which unsaved work is lost.
        forces: Vec<Action>,
    },
    /// Nothing; why, a sentence without a full stop.
    Nothing(String),
}

/// Looks what a device can be told.
///
/// # Errors
/// Conflict when it is not enrolled.
pub fn possible(tx: &Tx, device_id: &str) -> Result<Possible> {
    let ready = ready(tx, device_id)?;
    let mechanism = match mechanism::mechanism(&ready.target) {
        Ok(mechanism) => mechanism,
        Err(because) => return Ok(Possible::Nothing(because.words)),
    };
    let is_declared = mechanism == Mechanism::Declaration;
    let all = [Action::Install, Action::Later, Action::Download, Action::Notify, Action::Force];
    // At the deadline of a declaration a device restarts in any case: there is nothing to force.
    let way = |action: Action| mechanism::for_order(&ready.target, action).unwrap_or(mechanism);
    let can = |action: &Action| check_action(*action, way(*action), &ready).is_ok() && !(is_declared && *action == Action::Force);
    let actions: Vec<_> = all.into_iter().filter(can).collect();
    let installs = |action: Action| way(action) == Mechanism::Declaration;
    let loses = |action: &&Action| **action == Action::Force || (installs(**action) && ready.device.platform == Platform::Macos);
    Ok(Possible::Actions { forces: actions.iter().filter(loses).copied().collect(), actions })
}

/// Takes back what was started by hand; a device that installs already goes on.
pub fn cancel(tx: &Tx, actor: &Actor, device_id: &str) -> Result<()> {
    actor.require(Right::Command)?;
    let ready = ready(tx, device_id)?;
    let Some(row) = update_states::of_enrollment(tx, &ready.enrollment.id)?.into_iter().find(|row| row.plan_id.is_empty()) else {
        return Err(Error::not_found(t!("No update of this device was started by hand.")));
    };
    if let Some(uuid) = &row.command_uuid {
        commands::take_back(tx, &ready.enrollment, uuid, t!("somebody took it back"))?;
    }
    update_states::forget(tx, &ready.enrollment.id, "")?;
    journal::note(tx, actor, "update.taken_back", &ready.enrollment, json!({ "version": row.version }))?;
    look_again(tx, &ready.device)
}

/// Has a device try again at once what failed, or what waits until something is out of its way; `plan_id` is empty for what was started by hand.
pub fn again(tx: &Tx, actor: &Actor, device_id: &str, plan_id: &str) -> Result<()> {
    actor.require(Right::Command)?;
    let ready = ready(tx, device_id)?;
    let Some(row) = update_states::of_enrollment(tx, &ready.enrollment.id)?.into_iter().find(|row| row.plan_id == plan_id) else {
        return Err(Error::not_found(t!("There is no such update of this device.")));
    };
    if !next::may_retry(&row, tx.now) {
        return Err(Error::conflict(t!("This update has not failed; there is nothing to try again.")));
    }
    try_again(tx, actor, &ready, row).map(drop)
}

fn try_again(tx: &Tx, actor: &Actor, ready: &Ready, mut row: UpdateState) -> Result<UpdateState> {
    if row.stage == Stage::Failed {
        (row.stage, row.attempts) = (Stage::Waiting, 0);
    }
    (row.unmoved, row.due_at, row.changed_at) = (0, None, tx.now);
    row.problem.clear();
    update_states::put(tx, &ready.enrollment.id, &row)?;
    journal::note(tx, actor, "update.tried_again", &ready.enrollment, json!({ "version": row.version }))?;
    look_again(tx, &ready.device)?;
    Ok(row)
}

fn look_again(tx: &Tx, device: &Device) -> Result<()> {
    deployments::look_again(tx, &device.id)?;
    tx.ring(Bell::Jobs);
    Ok(())
}

fn ready(tx: &Tx, device_id: &str) -> Result<Ready> {
    let device = devices::by_id(tx, device_id)?.filter(|device| device.deleted_at.is_none());
    let device = device.ok_or_else(|| Error::not_found(t!("There is no such device.")))?;
    let enrollment = enrollments::device_channel(tx, &device.id)?.filter(|enrollment| enrollment.state == EnrollmentState::Enrolled);
    let enrollment = enrollment.ok_or_else(|| Error::conflict(t!("The device is not enrolled; it cannot be told anything.")))?;
    Ok(Ready {
        target: reconcile::target(tx, &enrollment, &device, &[])?,
        subject: candidates::subject(tx, &device)?,
        zone: plan::zone_of(tx, &device, &mut Memo::default())?,
        device,
        enrollment,
    })
}

/// Which release an order is about; none where the device is asked first what it finds.
fn chosen(tx: &Tx, ready: &Ready, order: &Order) -> Result<Option<Candidate>> {
    let found = candidates::of(tx, &ready.subject, &mut candidates::Memo::default())?;
    let found = match own_list::or_own(tx, &ready.enrollment, &ready.target, &ready.subject, found)? {
        (Found::Known(found), _) => found,
        (Found::Unknown(_), true) if order.version.is_none() => return Ok(None),
        (Found::Unknown(_), true) => {
            return Err(Error::field(
                "version",
                t!("what it can have is not known until it is asked: leave the version out, and the newest that it finds is meant"),
            ));
        }
        (Found::Unknown(unknown), false) => {
            return Err(Error::field("version", t!("it is not known what it can have: {unknown}", unknown = unknown.words())));
        }
    };
    let Some(version) = &order.version else {
        let newest = found.into_iter().find(|candidate| candidate.leap != Leap::Improvement);
        return newest.map(Some).ok_or_else(|| Error::field("version", t!("the device has the newest release that Apple offers it")));
    };
    let wanted = OsVersion::parse(version);
    if !wanted.is_known() {
        return Err(Error::field("version", t!("this is no version; 26.1 is one")));
    }
    if ready.subject.version.is_at_least(wanted) {
        return Err(Error::field(
            "version",
            t!("the device runs {version} already; nothing is ever taken back to an older one", version = ready.subject.version),
        ));
    }
    let offered: Vec<_> = found.iter().map(|candidate| candidate.version.to_string()).collect();
    found.into_iter().find(|candidate| candidate.version == wanted).map(Some).ok_or_else(|| {
        let instead = if offered.is_empty() { String::from(t!("nothing at all")) } else { offered.join(", ") };
        Error::field(
            "version",
            t!("Apple does not offer {wanted} to this model, or signs it no more; it offers {instead}", wanted, instead),
        )
    })
}

/// What a device of this system can be told; an error is why not.
fn check_action(action: Action, mechanism: Mechanism, ready: &Ready) -> Result<(), String> {
    let is_mac = ready.device.platform == Platform::Macos;
    let because = match (mechanism, action) {
        (Mechanism::Declaration, Action::Download | Action::Notify) => {
            t!(
                "this system takes declarations, which always install; a plan with a later deadline lets it download and tell its user first"
            )
        }
        (Mechanism::Command, Action::Notify | Action::Later | Action::Force) if !is_mac => t!("only a Mac can be told so"),
        (Mechanism::Command, Action::Force) if !mechanism::has_mac_actions(&ready.target) => t!("a forced restart needs macOS 11 or later"),
        _ => return Ok(()),
    };
    Err(because.to_owned())
}

/// Whether a device is at it already, so that an order would do harm: one repeated makes “tonight” into “now”.
fn is_at_it(row: &UpdateState, version: &str, action: Action) -> bool {
    match row.stage {
        Stage::Installing => true,
        Stage::Planned => row.plan_id.is_empty() && row.action == action && version.is_empty(),
        Stage::Waiting | Stage::Downloading | Stage::Prepared => row.plan_id.is_empty() && row.version == version && row.action == action,
        _ => false,
    }
}

/// Whether a plan has begun what the order would, so that the order would only stop it: a declaration wins over any command beside it.
fn plan_is_at_it(row: &UpdateState, version: &str, action: Action, mechanism: Mechanism) -> bool {
    let only_asks = matches!(action, Action::Download | Action::Notify) && mechanism == Mechanism::Command;
    let is_begun = matches!(row.stage, Stage::Waiting | Stage::Downloading | Stage::Prepared);
    !row.plan_id.is_empty() && only_asks && is_begun && (row.mechanism == Mechanism::Declaration || row.version == version)
}

fn under_way(row: &UpdateState) -> String {
    let stage = match row.stage {
        Stage::Installing => t!("The device installs"),
        Stage::Downloading => t!("The device downloads"),
        Stage::Prepared => t!("The device has downloaded"),
        Stage::Planned => return String::from(t!("The device is being asked what it finds; nothing more was sent.")),
        _ => t!("The device has been told to bring"),
    };
    t!("{stage} {version} already; nothing more was sent.", stage, version = row.version)
}

/// What may keep a device from installing now, each as a sentence: its passcode, battery and room, and what a Mac must have.
pub fn conditions(tx: &Tx, device: &Device) -> Result<Vec<String>> {
    let read = |text: String| serde_json::from_str::<Value>(&text).unwrap_or_default();
    let (facts, security) = (read(devices::facts(tx, &device.id)?), read(devices::security(tx, &device.id)?));
    let enrollment = enrollments::device_channel(tx, &device.id)?;
    let mut said = Vec::new();
    let is_mac = device.platform == Platform::Macos;
    if security["PasscodePresent"] == true && !is_mac {
        said.push(String::from(t!(
            "It has a passcode: its user is asked for it before it installs by command; at a deadline they are asked until then."
        )));
    }
    if let Some(level) = facts["BatteryLevel"].as_f64().filter(|level| (0.0..BATTERY_LOW).contains(level)) {
        said.push(t!(
            "Its battery was at {level} % when it last said so; it installs at half or at power.",
            level = format!("{:.0}", level * 100.0)
        ));
    }
    if let Some(room) = facts["AvailableDeviceCapacity"].as_f64().filter(|room| *room < ROOM_MIN_GB) {
        said.push(t!(
            "It had {room} GB free when it last said so; a release takes {ROOM_MIN_GB} GB and more.",
            room = format!("{room:.1}"),
            ROOM_MIN_GB = format!("{ROOM_MIN_GB:.0}")
        ));
    }
    let needs_token = is_mac && security["BootstrapTokenRequiredForSoftwareUpdate"] == true;
    if needs_token && !enrollment.is_some_and(|enrollment| enrollment.has_bootstrap_token) {
        said.push(String::from(t!(
            "It has given no bootstrap token, without which a Mac with Apple silicon waits for a volume owner to type a password."
        )));
    }
    Ok(said)
}
