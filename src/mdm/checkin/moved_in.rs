//! Moving in: another server hands over what a device told it. The device itself has not come yet, so nothing here is proven; its certificate is
//! bound when it does.

use serde_json::json;

use crate::error::{Error, Result};
use crate::mdm::checkin::authenticate::{blank, device_of, new_enrollment, next_generation};
use crate::mdm::checkin::token_update::{take, token_hash};
use crate::mdm::checkin::{actor, bootstrap, device_channel, is_over};
use crate::mdm::enroll::identify::{self, Presented};
use crate::mdm::{Actor, Right, groups, journal, moves};
use crate::pki::certificate::Fingerprint;
use crate::protocol::checkin::{Authenticate, CheckIn, Message, TokenUpdate};
use crate::secret::SecretBytes;
use crate::store::certificates::Identity;
use crate::store::devices::Device;
use crate::store::enrollments::{self, Enrollment, EnrollmentState, SealedColumn};
use crate::store::moves::MovedFrom;
use crate::store::{Tx, certificates, devices};

/// One message that is handed over.
#[derive(Debug, Clone, Copy)]
pub struct Handed<'a> {
    /// What the device said there.
    pub checkin: &'a CheckIn,
    /// From where it comes.
    pub source: MovedFrom,
    /// The certificate by which the other server knew the device, where it says so.
    pub identity: Option<Fingerprint>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MovedIn {
    /// It brought an enrollment that was not known.
    New,
    /// It changed what is known of one that waits for its device.
    Changed,
    /// It says what is known already.
    Unchanged,
    /// The device has come itself meanwhile and knows better, or an admin retired it.
    PassedOver,
}

/// Takes over one message that a tool of the Nano world sends.
pub fn move_in(tx: &Tx, actor: &Actor, checkin: &CheckIn) -> Result<()> {
    hand_over(tx, actor, &Handed { checkin, source: MovedFrom::Nano, identity: None }).map(drop)
}

/// Takes over one message of an enrollment elsewhere: Authenticate, TokenUpdate or SetBootstrapToken.
///
/// What it says of a device that has come here itself meanwhile is passed over, since the device knows better; sending everything again does no
/// harm. Fails when the role may not, for messages that move nothing in, and for a certificate that belongs to another device.
pub fn hand_over(tx: &Tx, actor: &Actor, handed: &Handed<'_>) -> Result<MovedIn> {
    actor.require(Right::Configure)?;
    let checkin = handed.checkin;
    let known = enrollments::by_nano_id(tx, checkin.ids.nano_id().as_str())?;
    if let Some(known) = &known
        && is_settled(tx, known)?
    {
        let data = json!({ "message": checkin.message.message_type() });
        journal::note(tx, actor, "enrollment.move_in_passed_over", known, data)?;
        return Ok(MovedIn::PassedOver);
    }
    match &checkin.message {
        Message::Authenticate(message) => authenticate(tx, handed, message, known),
        Message::TokenUpdate(message) => token_update(tx, actor, handed, message, known),
        Message::SetBootstrapToken { token, .. } => {
            let known =
                known.ok_or_else(|| Error::conflict(t!("Send the device's Authenticate and TokenUpdate before its bootstrap token.")))?;
            set_bootstrap_token(tx, &known, token.as_ref())
        }
        other => Err(Error::bad_input(t!(
            "{message_type} moves nothing in; send Authenticate, TokenUpdate and SetBootstrapToken, raw as the device sent them.",
            message_type = other.message_type()
        ))),
    }
}

/// The device has proven who it is here and is here still, or an admin retired it: neither is for another server to change.
fn is_settled(tx: &Tx, enrollment: &Enrollment) -> Result<bool> {
    let device_channel = device_channel(tx, enrollment)?;
    Ok(match device_channel.state {
        EnrollmentState::Retired => true,
        // It left for the other server, which gives it back.
        state if is_over(state) => false,
        _ if moves::is_expected(tx, &device_channel.id)? => false,
        // One whose certificates were revoked is settled too: nothing handed over makes room for another.
        _ => !certificates::of_enrollment(tx, &device_channel.id)?.is_empty(),
    })
}

fn set_bootstrap_token(tx: &Tx, known: &Enrollment, token: Option<&SecretBytes>) -> Result<MovedIn> {
    if enrollments::secret(tx, &known.id, SealedColumn::BootstrapToken)?.as_ref() == token {
        return Ok(MovedIn::Unchanged);
    }
    bootstrap::set(tx, known, token).map(|_| MovedIn::Changed)
}

fn authenticate(tx: &Tx, handed: &Handed<'_>, message: &Authenticate, known: Option<Enrollment>) -> Result<MovedIn> {
    let ids = &handed.checkin.ids;
    if ids.kind().is_user_channel() {
        return Err(Error::bad_input(t!("Authenticate is a device's message; a user's channel does not send it.")));
    }
    let before = known.as_ref().map(|known| devices::by_id(tx, &known.device_id)).transpose()?.flatten();
    let device = device_of(tx, ids, message, None)?;
    let is_new = known.is_none();
    let mut enrollment = known.map_or_else(|| new_enrollment(tx, ids, &device), Ok)?;
    if enrollment.device_id != device.id {
        enrollments::move_to(tx, &mut enrollment, &device.id)?;
    }
    let told = before.as_ref().map(facts) != Some(facts(&device)) || enrollment.topic != message.topic;
    if is_over(enrollment.state) {
        come_round(tx, &mut enrollment)?;
    }
    enrollment.topic.clone_from(&message.topic);
    // One that waits for its device already goes on waiting: should what follows be lost on its way, it can come all the same.
    if enrollment.state != EnrollmentState::Enrolled {
        enrollment.authenticated_at = Some(tx.now);
    }
    enrollments::update(tx, &enrollment)?;
    let named = moves::note(tx, &enrollment, handed.source, handed.identity)?;
    Ok(match (is_new, told || named) {
        (true, _) => MovedIn::New,
        (false, true) => MovedIn::Changed,
        (false, false) => MovedIn::Unchanged,
    })
}

/// What an Authenticate says of a device.
fn facts(device: &Device) -> [String; 8] {
    let serial_number = device.serial_number.clone().unwrap_or_default();
    let id = device.udid.clone().unwrap_or_default();
    let texts = [&device.name, &device.model, &device.model_name, &device.product_name, &device.os_version, &device.build_version];
    let [name, model, model_name, product_name, os_version, build_version] = texts.map(String::clone);
    [id, serial_number, name, model, model_name, product_name, os_version, build_version]
}

/// An enrollment that had ended here comes back by way of another server: what it had here is over, its certificates too.
fn come_round(tx: &Tx, enrollment: &mut Enrollment) -> Result<()> {
    next_generation(tx, enrollment)?;
    for identity in certificates::of_enrollment(tx, &enrollment.id)? {
        certificates::revoke(tx, &identity.fingerprint, t!("its device moved to another server and back"))?;
    }
    enrollment.state = EnrollmentState::Authenticated;
    enrollment.token_update_tally = 0;
    enrollment.token_hash = None;
    enrollment.enrolled_at = None;
    enrollment.left_at = None;
    enrollment.renewal_due_at = None;
    enrollment.renewal_state = enrollments::RenewalState::None;
    enrollment.server_url.clear();
    enrollment.check_in_url.clear();
    enrollment.access_rights = None;
    Ok(())
}

fn token_update(tx: &Tx, actor: &Actor, handed: &Handed<'_>, message: &TokenUpdate, known: Option<Enrollment>) -> Result<MovedIn> {
    let is_new = known.is_none();
    let mut enrollment = known.map_or_else(|| unannounced(tx, handed.checkin), Ok)?;
    let is_device = enrollment.parent_id.is_none();
    if is_device && is_over(enrollment.state) {
        come_round(tx, &mut enrollment)?;
        enrollments::update(tx, &enrollment)?;
    }
    let named = is_device && moves::note(tx, &enrollment, handed.source, handed.identity)?;
    let said = token_hash(message);
    if enrollment.state == EnrollmentState::Enrolled && enrollment.token_hash.as_deref() == Some(&said[..]) {
        return Ok(if named { MovedIn::Changed } else { MovedIn::Unchanged });
    }
    let is_first = enrollment.state != EnrollmentState::Enrolled;
    take(tx, &mut enrollment, message, said)?;
    if is_device {
        moves::fill(tx, &mut enrollment)?;
    }
    if is_first {
        journal::note(tx, actor, "enrollment.moved_in", &enrollment, json!({ "topic": enrollment.topic, "from": handed.source }))?;
        if is_device {
            groups::place(tx, &enrollment.device_id)?;
        }
    }
    Ok(if is_new { MovedIn::New } else { MovedIn::Changed })
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
        return Err(Error::conflict(t!("Send the messages of the device before those of its users.")));
    };
    let enrollment = blank(tx.new_id(), &device, &checkin.ids, Some(parent.id), tx.now);
    enrollments::insert(tx, &enrollment)?;
    Ok(enrollment)
}
