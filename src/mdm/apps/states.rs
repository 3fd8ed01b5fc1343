//! How apps stand on devices, and asking for them: by the person, or by an admin for them.

use serde_json::json;

use crate::error::{Error, Kind, Result};
use crate::mdm::apps::{next, plan};
use crate::mdm::licences::Holder;
use crate::mdm::{Actor, Right, journal, licences};
use crate::store::app_states::{self, AppState, OnDevice, Stage};
use crate::store::assignments::{AssignedKind, AssignedMode};
use crate::store::deployments::{Hindered, Mechanism};
use crate::store::enrollments::{self, Enrollment};
use crate::store::{Tx, apps, deployments};

/// The device's own channel.
///
/// # Errors
/// Not found where the device has never enrolled.
pub fn channel_of(tx: &Tx, device_id: &str) -> Result<Enrollment> {
    enrollments::device_channel(tx, device_id)?.ok_or_else(|| Error::not_found(t!("This device has never enrolled here.")))
}

/// How every app stands on a device and its users, by name.
pub fn of_device(tx: &Tx, actor: &Actor, device_id: &str) -> Result<Vec<AppState>> {
    actor.require(Right::View)?;
    let mut rows = Vec::new();
    for channel in enrollments::of_device(tx, device_id)? {
        rows.extend(app_states::of_enrollment(tx, &channel.id)?);
    }
    rows.sort_by_key(|row| row.name.to_lowercase());
    Ok(rows)
}

/// Devices that are told of at most when they cannot have an app.
const UNABLE_MAX: u32 = 200;

/// Devices that an app is meant for and that cannot have it, or not all of it, with what was found when they were last planned for, by name.
pub fn unable(tx: &Tx, actor: &Actor, app_id: &str) -> Result<Vec<Hindered>> {
    actor.require(Right::View)?;
    deployments::hindered(tx, AssignedKind::App, app_id, UNABLE_MAX)
}

/// How an app stands on every device, at some stages if any are given, by the device's name.
pub fn of_app(
    tx: &Tx,
    actor: &Actor,
    app_id: &str,
    stages: &[Stage],
    after: Option<&(String, String)>,
    limit: u32,
) -> Result<(Vec<OnDevice>, u64)> {
    actor.require(Right::View)?;
    if apps::by_id(tx, app_id)?.is_none() {
        return Err(Error::not_found(t!("There is no such app.")));
    }
    let total =
        app_states::counts(tx, app_id)?.iter().filter(|(at, _)| stages.is_empty() || stages.contains(at)).map(|(_, count)| count).sum();
    let after = after.map(|(name, id)| (name.as_str(), id.as_str()));
    Ok((app_states::of_app(tx, app_id, stages, after, limit)?, total))
}

/// The person at the device asks for an app, in the catalogue.
///
/// # Errors
/// Not found where the device may not have it.
pub fn request(tx: &Tx, enrollment: &Enrollment, app_id: &str) -> Result<AppState> {
    ask(tx, &Actor::Device { name: enrollment.nano_id.clone() }, enrollment, app_id)
}

/// Asks again on a device: what the person declined, what failed or waits, what they deleted. One that is there is looked at for an update.
pub fn ask_again(tx: &Tx, actor: &Actor, device_id: &str, app_id: &str) -> Result<AppState> {
    actor.require(Right::Command)?;
    for channel in enrollments::of_device(tx, device_id)? {
        if app_states::find(tx, &channel.id, app_id)?.is_some() {
            return ask(tx, actor, &channel, app_id);
        }
    }
    Err(not_here())
}

fn not_here() -> Error {
    Error::not_found(t!("This app is not for this device: assign it to one of the device's groups first."))
}

fn ask(tx: &Tx, actor: &Actor, enrollment: &Enrollment, app_id: &str) -> Result<AppState> {
    let Some(mut row) = app_states::find(tx, &enrollment.id, app_id)?.filter(|row| !row.wanted.is_empty() || row.withdrawn) else {
        return Err(not_here());
    };
    if row.command_uuid.is_some() && row.stage == Stage::Sent {
        return Err(Error::new(Kind::Conflict, t!("It is on its way already; the device gets it when it connects.")));
    }
    if row.stage == Stage::Lacking {
        let because = row.problem.trim_end_matches('.');
        return Err(Error::new(Kind::Conflict, t!("Asking does not help yet: {because}.", because)));
    }
    next::ask(&mut row, tx.now);
    app_states::put(tx, &enrollment.id, &row)?;
    journal::note(tx, actor, "app.asked", enrollment, json!({ "id": app_id, "name": row.name }))?;
    deployments::look_again_at(tx, &enrollment.id)?;
    Ok(row)
}

/// What comes of asking again, in a sentence.
pub fn asked_words(row: &AppState) -> &'static str {
    match (row.mechanism, row.stage) {
        (Mechanism::Declaration, Stage::Installed | Stage::Outdated | Stage::Updating) => {
            t!("Done. The app is there: the device looks at its declaration anew when it connects, and so for a newer version.")
        }
        (Mechanism::Declaration, Stage::Absent) => {
            t!("Done. The device gets another declaration of it when it connects, and then tries again; it asks the person where it must.")
        }
        _ => t!("Done. It goes on when the device connects."),
    }
}

/// Has an optional app removed from a device again; the person may ask for it anew.
///
/// # Errors
/// Conflict where it is required: it would come back.
pub fn withdraw(tx: &Tx, actor: &Actor, device_id: &str, app_id: &str) -> Result<AppState> {
    actor.require(Right::Command)?;
    take_away(tx, actor, &channel_of(tx, device_id)?, app_id)
}

/// The person at the device does not want an optional app any more.
///
/// # Errors
/// As [`withdraw`].
pub fn give_back(tx: &Tx, enrollment: &Enrollment, app_id: &str) -> Result<AppState> {
    take_away(tx, &Actor::Device { name: enrollment.nano_id.clone() }, enrollment, app_id)
}

fn take_away(tx: &Tx, actor: &Actor, channel: &Enrollment, app_id: &str) -> Result<AppState> {
    let Some(mut row) = app_states::find(tx, &channel.id, app_id)? else { return Err(not_here()) };
    if row.mode == AssignedMode::Required {
        return Err(Error::conflict(t!(
            "This app is required on this device, so it would come back: take it from the group, or make it optional there."
        )));
    }
    row.withdrawn = true;
    row.asked_at = None;
    app_states::put(tx, &channel.id, &row)?;
    journal::note(tx, actor, "app.withdrawn", channel, json!({ "id": app_id, "name": row.name }))?;
    deployments::look_again_at(tx, &channel.id)?;
    Ok(row)
}

/// An enrollment ended: its licences come back, and nothing more is known of its apps.
pub fn left(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    ended(tx, enrollment, false)
}

/// An enrollment ended whose device is to come back by itself: as [`left`], and the licences of the device stay its own meanwhile.
pub fn left_to_return(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    ended(tx, enrollment, true)
}

fn ended(tx: &Tx, enrollment: &Enrollment, returns: bool) -> Result<()> {
    for row in app_states::of_enrollment(tx, &enrollment.id)? {
        let is_kept = returns && matches!(plan::holder_of(&row.holder), Some(Holder::Device { .. }));
        if !is_kept {
            release(tx, &enrollment.id, &row)?;
        }
        if let Some(uuid) = row.command_uuid.as_deref().filter(|_| row.is_redeeming()) {
            licences::codes::give_back_unsent(tx, &row.adam_id, enrollment, uuid)?;
        }
    }
    app_states::forget_all(tx, &enrollment.id)
}

/// Gives the licence of an app on an enrollment back, unless it is a person's who needs it on another of their devices.
pub fn release(tx: &Tx, enrollment_id: &str, row: &AppState) -> Result<()> {
    let Some(holder) = plan::holder_of(&row.holder) else { return Ok(()) };
    let is_shared = matches!(holder, Holder::Person { .. }) && app_states::is_held_elsewhere(tx, enrollment_id, &row.app_id, &row.holder)?;
    if is_shared { Ok(()) } else { licences::release(tx, &row.adam_id, &holder) }
}
