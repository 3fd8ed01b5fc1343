//! Moving in: another server hands over what a device told it. The device itself has not come yet, so nothing here is proven; its certificate is
//! bound when it does.

use serde_json::json;

use crate::error::{Error, Result};
use crate::mdm::checkin::authenticate::{blank, device_of, new_enrollment};
use crate::mdm::checkin::token_update::{take, token_hash};
use crate::mdm::checkin::{actor, bootstrap, device_channel};
use crate::mdm::enroll::identify::{self, Presented};
use crate::mdm::{Actor, Right, groups, journal};
use crate::protocol::checkin::{Authenticate, CheckIn, Message, TokenUpdate};
use crate::store::certificates::Identity;
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::{Tx, certificates, devices};

/// Takes over one message of an enrollment elsewhere: Authenticate, TokenUpdate or SetBootstrapToken.
///
/// What it says of a device that has come here itself meanwhile is passed over, since the device knows better; sending everything again does no
/// harm. Fails when the role may not, and for messages that move nothing in.
pub fn move_in(tx: &Tx, actor: &Actor, checkin: &CheckIn) -> Result<()> {
    actor.require(Right::Configure)?;
    let known = enrollments::by_nano_id(tx, checkin.ids.nano_id().as_str())?;
    if let Some(known) = &known
        && has_come(tx, known)?
    {
        let data = json!({ "message": checkin.message.message_type() });
        return journal::note(tx, actor, "enrollment.move_in_passed_over", known, data);
    }
    match &checkin.message {
        Message::Authenticate(message) => authenticate(tx, checkin, message, known),
        Message::TokenUpdate(message) => token_update(tx, actor, checkin, message, known),
        Message::SetBootstrapToken { token, .. } => {
            let known =
                known.ok_or_else(|| Error::conflict("Send the device's Authenticate and TokenUpdate before its bootstrap token."))?;
            bootstrap::set(tx, &known, token.as_ref()).map(|_| ())
        }
        other => Err(Error::bad_input(format!(
            "{} moves nothing in; send Authenticate, TokenUpdate and SetBootstrapToken, raw as the device sent them.",
            other.message_type()
        ))),
    }
}

/// The device has proven who it is here, now or earlier.
fn has_come(tx: &Tx, enrollment: &Enrollment) -> Result<bool> {
    Ok(!certificates::of_enrollment(tx, &device_channel(tx, enrollment)?.id)?.is_empty())
}

fn authenticate(tx: &Tx, checkin: &CheckIn, message: &Authenticate, known: Option<Enrollment>) -> Result<()> {
    if checkin.ids.kind().is_user_channel() {
        return Err(Error::bad_input("Authenticate is a device's message; a user's channel does not send it."));
    }
    let device = device_of(tx, &checkin.ids, message, None)?;
    let mut enrollment = known.map_or_else(|| new_enrollment(tx, &checkin.ids, &device), Ok)?;
    if enrollment.device_id != device.id {
        enrollments::move_to(tx, &mut enrollment, &device.id)?;
    }
    enrollment.state = EnrollmentState::Authenticated;
    enrollment.topic.clone_from(&message.topic);
    enrollment.token_update_tally = 0;
    enrollment.token_hash = None;
    enrollment.authenticated_at = Some(tx.now);
    enrollment.enrolled_at = None;
    enrollment.left_at = None;
    enrollments::update(tx, &enrollment)
}

fn token_update(tx: &Tx, actor: &Actor, checkin: &CheckIn, message: &TokenUpdate, known: Option<Enrollment>) -> Result<()> {
    let mut enrollment = known.map_or_else(|| unannounced(tx, checkin), Ok)?;
    let said = token_hash(message);
    if enrollment.state == EnrollmentState::Enrolled && enrollment.token_hash.as_deref() == Some(&said[..]) {
        return Ok(());
    }
    let is_first = enrollment.state != EnrollmentState::Enrolled;
    take(tx, &mut enrollment, message, said)?;
    if is_first {
        journal::note(tx, actor, "enrollment.moved_in", &enrollment, json!({ "topic": enrollment.topic }))?;
        if enrollment.parent_id.is_none() {
            groups::place(tx, &enrollment.device_id)?;
        }
    }
    Ok(())
}

/// Takes in a device again that enrolled after the backup from which this appliance was restored: its identity is one of ours, and its enrollment is not
/// known any more.
pub(super) fn come_back(tx: &Tx, presented: &Presented, checkin: &CheckIn, identity: &Identity) -> Result<Enrollment> {
    let enrollment = unannounced(tx, checkin)?;
    identify::bind(tx, presented, identity, &enrollment)?;
    journal::note(tx, &actor(&enrollment), "enrollment.came_back", &enrollment, json!({}))?;
    enrollments::by_id(tx, &enrollment.id).map(|found| found.unwrap_or(enrollment))
}

/// An enrollment whose Authenticate is not at hand, as with a user's channel, which never sends one.
fn unannounced(tx: &Tx, checkin: &CheckIn) -> Result<Enrollment> {
    let Some(parent_id) = checkin.ids.parent_id() else {
        let device = device_of(tx, &checkin.ids, &Authenticate::default(), None)?;
        return new_enrollment(tx, &checkin.ids, &device);
    };
    let parent = enrollments::by_nano_id(tx, parent_id.as_str())?;
    let device = parent.as_ref().map(|parent| devices::by_id(tx, &parent.device_id)).transpose()?.flatten();
    let (Some(parent), Some(device)) = (parent, device) else {
        return Err(Error::conflict("Send the messages of the device before those of its users."));
    };
    let enrollment = blank(tx.new_id(), &device, &checkin.ids, Some(parent.id), tx.now);
    enrollments::insert(tx, &enrollment)?;
    Ok(enrollment)
}
