//! What apps say of themselves: asked for on a schedule or at once, kept with its age.

use serde_json::Value as Json;

use crate::error::{Error, Kind, Result};
use crate::mdm::apps::channel_of;
use crate::mdm::{Actor, Right, commands};
use crate::protocol::availability::{Request, check};
use crate::protocol::command;
use crate::protocol::plist::{self, fields};
use crate::protocol::report::Report;
use crate::store::Tx;
use crate::store::app_states::{self, Feedback, Stage};
use crate::store::enrollments::{Enrollment, EnrollmentState};

/// Bytes of what one app says that are kept, as JSON.
pub const FEEDBACK_MAX_BYTES: usize = 64 * 1024;

/// Apps of one device that are asked and kept.
pub const FEEDBACK_APPS_MAX: usize = 200;

/// Asks the apps that are on a device for what they have to say; gives how many.
pub fn ask_feedback(tx: &Tx, actor: &Actor, enrollment: &Enrollment) -> Result<usize> {
    let rows = app_states::of_enrollment(tx, &enrollment.id)?;
    let there = rows.iter().filter(|row| {
        matches!(row.stage, Stage::Installed | Stage::Outdated | Stage::Updating | Stage::Stuck) && !row.bundle_id.is_empty()
    });
    let identifiers: Vec<&str> = there.map(|row| row.bundle_id.as_str()).take(FEEDBACK_APPS_MAX).collect();
    let order = command::managed_application_feedback(tx.command_uuid(), &identifiers, false);
    let may = check(Request::Command(&order.request_type), &commands::capabilities(tx, enrollment)?);
    if identifiers.is_empty() || may.is_err() {
        return Ok(0);
    }
    match commands::enqueue_own(tx, actor, enrollment, order, None, None) {
        Err(error) if error.kind != Kind::Conflict => Err(error),
        _ => Ok(identifiers.len()),
    }
}

/// Asks a device's apps at once for what they have to say.
///
/// # Errors
/// Conflict when it has none of ours, or is not enrolled.
pub fn read_feedback_now(tx: &Tx, actor: &Actor, device_id: &str) -> Result<usize> {
    actor.require(Right::Command)?;
    let channel = channel_of(tx, device_id)?;
    if channel.state != EnrollmentState::Enrolled {
        return Err(Error::conflict(t!("This device is not enrolled, so it cannot be asked.")));
    }
    match ask_feedback(tx, actor, &channel)? {
        0 => Err(Error::conflict(t!("No app of this server is on this device yet, so none can be asked."))),
        count => Ok(count),
    }
}

/// What the apps of a device said of themselves, by bundle identifier.
pub fn feedback(tx: &Tx, actor: &Actor, device_id: &str) -> Result<Vec<Feedback>> {
    actor.require(Right::View)?;
    app_states::feedback(tx, &channel_of(tx, device_id)?.id)
}

/// Takes over an answer to ManagedApplicationFeedback. What is too large is said to be so, and not kept.
pub fn feedback_read(tx: &Tx, enrollment: &Enrollment, report: &Report) -> Result<()> {
    for item in fields::dictionaries(&report.values, "ManagedApplicationFeedback").take(FEEDBACK_APPS_MAX) {
        let Some(identifier) = fields::filled(item, "Identifier") else { continue };
        let said = fields::dictionary(item, "Feedback").map(|said| Json::Object(plist::dictionary_to_json(said)).to_string());
        let kept = said.map(|said| {
            if said.len() > FEEDBACK_MAX_BYTES {
                Json::String(t!("larger than {feedback_max_bytes} KB, and not kept", feedback_max_bytes = FEEDBACK_MAX_BYTES >> 10))
                    .to_string()
            } else {
                said
            }
        });
        app_states::set_feedback(tx, &enrollment.id, &identifier, kept.as_deref())?;
    }
    Ok(())
}
