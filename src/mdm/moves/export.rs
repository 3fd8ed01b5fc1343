//! Moving out: what a server of the Nano world has to be told, so that it knows the devices of this one.

use serde_json::json;

use crate::error::{Error, Kind, Result};
use crate::mdm::{Actor, Right, journal};
use crate::protocol::ids::EnrollmentKind;
use crate::protocol::moves::write::{self, Facts, Sender, Tokens};
use crate::secret::{Secret, SecretBytes};
use crate::store::devices::{self, Device};
use crate::store::enrollments::{self, Enrollment, EnrollmentState, SealedColumn};
use crate::store::{Tx, moves};

/// Devices on one page.
pub const DEVICES_MAX: u32 = 100;

/// A check-in for another server.
#[derive(Debug, Clone)]
pub struct Message {
    /// The enrollment that it is of.
    pub nano_id: String,
    /// Authenticate, TokenUpdate or SetBootstrapToken.
    pub message_type: &'static str,
    /// The property list; it holds push tokens, and unlock and bootstrap tokens where they were asked for.
    pub body: SecretBytes,
}

/// Messages of some devices, each device before its users.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The messages, in the order in which they are to be sent.
    pub messages: Vec<Message>,
    /// Devices that they are of.
    pub devices: usize,
    /// Enrollments that no other server could push to, so that there is nothing to tell it.
    pub without_tokens: Vec<String>,
    /// The device channel with which the next page begins after; none on the last one.
    pub next: Option<String>,
    /// Devices in all pages together.
    pub total: i64,
}

/// Gives the messages of the devices after `after`. Unlock and bootstrap tokens are in them only where `secrets` says so; that is noted for each device.
pub fn page(tx: &Tx, actor: &Actor, secrets: bool, after: &str, limit: u32) -> Result<Page> {
    actor.require(Right::Reveal)?;
    let limit = limit.clamp(1, DEVICES_MAX);
    let mut ids = moves::movable(tx, after, limit + 1)?;
    let is_last = ids.len() <= limit as usize;
    ids.truncate(limit as usize);
    let mut page = Page { next: ids.last().filter(|_| !is_last).cloned(), total: moves::count_movable(tx)?, ..Page::default() };
    for id in ids {
        let Some(enrollment) = enrollments::by_id(tx, &id)? else { continue };
        let Some(device) = devices::by_id(tx, &enrollment.device_id)? else { continue };
        if !of_device(tx, &enrollment, &device, secrets, &mut page)? {
            page.without_tokens.push(enrollment.nano_id);
            continue;
        }
        page.devices += 1;
        if secrets && (enrollment.has_unlock_token || enrollment.has_bootstrap_token) {
            journal::note(tx, actor, "escrow.exported", &enrollment, json!({}))?;
        }
    }
    let data = json!({ "devices": page.devices, "secrets": secrets });
    journal::note(tx, actor, "move.exported", journal::Subject::default(), data)?;
    Ok(page)
}

/// Adds what a device and its users would say; tells whether there is anything to say.
fn of_device(tx: &Tx, enrollment: &Enrollment, device: &Device, secrets: bool, page: &mut Page) -> Result<bool> {
    let Some(token_update) = token_update(tx, enrollment, secrets)? else { return Ok(false) };
    let texts = [&device.name, &device.model, &device.model_name, &device.product_name, &device.os_version, &device.build_version];
    let [device_name, model, model_name, product_name, os_version, build_version] = texts.map(|text| filled(text));
    // A person's own device never tells its serial number.
    let serial_number = device.serial_number.as_deref().filter(|_| enrollment.kind == EnrollmentKind::Device);
    let facts = Facts { serial_number, device_name, model, model_name, product_name, os_version, build_version };
    let mut add = |enrollment: &Enrollment, message_type, body: Vec<u8>| {
        page.messages.push(Message { nano_id: enrollment.nano_id.clone(), message_type, body: SecretBytes::new(body) });
    };
    let authenticate = write::authenticate(&sender(enrollment), &enrollment.topic, &facts).map_err(unwritable)?;
    add(enrollment, "Authenticate", authenticate);
    add(enrollment, "TokenUpdate", token_update);
    if let Some(token) = enrollments::secret(tx, &enrollment.id, SealedColumn::BootstrapToken)?.filter(|_| secrets) {
        add(enrollment, "SetBootstrapToken", write::set_bootstrap_token(&sender(enrollment), &token).map_err(unwritable)?);
    }
    for user in enrollments::user_channels(tx, &enrollment.id)? {
        if user.state == EnrollmentState::Enrolled
            && let Some(body) = self::token_update(tx, &user, secrets)?
        {
            add(&user, "TokenUpdate", body);
        }
    }
    Ok(true)
}

fn token_update(tx: &Tx, enrollment: &Enrollment, secrets: bool) -> Result<Option<Vec<u8>>> {
    let token = enrollments::secret(tx, &enrollment.id, SealedColumn::PushToken)?;
    let magic = enrollments::secret(tx, &enrollment.id, SealedColumn::PushMagic)?;
    let (Some(token), Some(magic)) = (token, magic) else { return Ok(None) };
    let unlock_token = if secrets { enrollments::secret(tx, &enrollment.id, SealedColumn::UnlockToken)? } else { None };
    let tokens = Tokens {
        topic: &enrollment.topic,
        token: token.expose(),
        push_magic: &Secret::new(String::from_utf8_lossy(magic.expose()).into_owned()),
        unlock_token: unlock_token.as_ref(),
        awaiting_configuration: enrollment.awaiting_configuration,
    };
    write::token_update(&sender(enrollment), &tokens).map(Some).map_err(unwritable)
}

fn sender(enrollment: &Enrollment) -> Sender<'_> {
    Sender {
        kind: enrollment.kind,
        nano_id: &enrollment.nano_id,
        user_short_name: &enrollment.user_short_name,
        user_long_name: &enrollment.user_long_name,
    }
}

fn filled(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn unwritable(error: crate::protocol::plist::PlistError) -> Error {
    Error::new(Kind::Internal, t!("A check-in could not be written.")).caused_by(error)
}
