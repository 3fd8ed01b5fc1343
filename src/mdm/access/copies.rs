//! Copies of offline edits: an app may add them and nothing else; people who look after apps read and export them, and time removes them.

use std::time::Duration;

use serde_json::json;

use super::{Policy, app};
use crate::error::{Error, Kind, Result};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right};
use crate::protocol::grant::Claims;
use crate::secret::SecretBytes;
use crate::store::enrollments::{self, EnrollmentState};
use crate::store::offline_copies::{self as rows, Copy};
use crate::store::{Tx, access, devices, people};

/// Bytes of one copy.
pub const COPY_MAX_BYTES: usize = 4 << 20;
/// Copies of one holder of an app.
pub const COPIES_MAX: u64 = 1_000;
/// Bytes of all copies of one holder of an app.
pub const COPIES_MAX_BYTES: u64 = 64 << 20;
/// Characters of a document's name.
pub const DOCUMENT_MAX_CHARS: usize = 200;
/// Characters of a media type.
pub const MEDIA_TYPE_MAX: usize = 100;
/// Copies that one export holds.
pub const EXPORT_MAX: u32 = 1_000;
/// Bytes that one export holds.
pub const EXPORT_MAX_BYTES: u64 = 256 << 20;

/// A copy that an app wants to be kept; its content is sealed already.
#[derive(Debug)]
pub struct NewCopy {
    /// The id that its content was sealed for.
    pub id: String,
    /// The app's own name for the document.
    pub document: String,
    /// What the app says it is.
    pub media_type: String,
    /// Size of the content.
    pub size_bytes: usize,
    /// SHA-256 of the content.
    pub sha256: [u8; 32],
    /// The content.
    pub sealed: Vec<u8>,
}

/// Checks the names of a copy before anything is done for it.
pub fn check_names(document: &str, media_type: &str) -> Result<()> {
    if document.trim().is_empty() || document.chars().count() > DOCUMENT_MAX_CHARS || document.chars().any(char::is_control) {
        return Err(Error::field("document", format!("take 1 to {DOCUMENT_MAX_CHARS} characters on one line")));
    }
    let is_plain = media_type.chars().all(|letter| letter.is_ascii_graphic() || letter == ' ');
    if media_type.len() > MEDIA_TYPE_MAX || !is_plain {
        return Err(Error::field("Content-Type", format!("take at most {MEDIA_TYPE_MAX} plain characters")));
    }
    Ok(())
}

/// Adds a copy under a grant whose signature was verified; tells whether it is new. The same content as that of the newest version is not kept twice.
///
/// # Errors
/// Unauthenticated when the grant does not allow it any more; too large or conflict beyond the limits.
pub fn add(tx: &Tx, grant: &Claims, new: NewCopy) -> Result<(Copy, bool)> {
    let over = || Error::new(Kind::Unauthenticated, "This grant is over. Ask for a new one and send the copy again.");
    if grant.copies_until.is_none_or(|until| until < tx.now) {
        return Err(over());
    }
    let standing = access::standing(tx, &grant.app_id, &grant.holder)?.filter(|known| known.sequence == grant.sequence).ok_or_else(over)?;
    let policy = super::policy_row(tx, &grant.app_id)?.filter(|policy| policy.takes_copies).ok_or_else(over)?;
    let after_refusal = !grant.allowed || !is_still_allowed(tx, &standing)?;
    check_names(&new.document, &new.media_type)?;
    let newest = rows::newest(tx, &grant.app_id, &grant.holder, &new.document)?;
    if let Some(same) = newest.as_ref().filter(|newest| newest.sha256 == new.sha256) {
        return Ok((same.clone(), false));
    }
    let (count, bytes) = rows::totals(tx, &grant.app_id, &grant.holder)?;
    if new.size_bytes > COPY_MAX_BYTES || bytes + new.size_bytes as u64 > COPIES_MAX_BYTES {
        let message = format!("A copy has at most {COPY_MAX_BYTES} bytes, and all copies of a device at most {COPIES_MAX_BYTES}.");
        return Err(Error::new(Kind::TooLarge, message));
    }
    if count >= COPIES_MAX {
        return Err(Error::conflict(format!("There are {COPIES_MAX} copies of this device already, which is the most.")));
    }
    let copy = row(tx, grant, &new, &standing, &policy, after_refusal, newest.map_or(1, |newest| newest.version + 1))?;
    rows::insert(tx, &copy, &new.sealed)?;
    if count == 0 {
        let data = json!({ "app_id": copy.app_id, "document": copy.document, "whose": copy.whose });
        let subject =
            Subject { device_id: copy.device_id.as_deref(), enrollment_id: standing.enrollment_id.as_deref(), command_uuid: None };
        journal::note(tx, &Actor::Device { name: copy.whose.clone() }, "access.copy_kept", subject, data)?;
    }
    Ok((copy, true))
}

/// Whether the right behind a grant has ended since it was given: then what comes is kept, and marked.
fn is_still_allowed(tx: &Tx, standing: &access::Standing) -> Result<bool> {
    let person = standing.person_id.as_deref().map(|id| people::by_id(tx, id)).transpose()?.flatten();
    let enrollment = standing.enrollment_id.as_deref().map(|id| enrollments::by_id(tx, id)).transpose()?.flatten();
    let is_enrolled = enrollment.is_none_or(|enrollment| enrollment.state == EnrollmentState::Enrolled);
    Ok(standing.code == "granted" && is_enrolled && person.is_none_or(|person| person.active))
}

fn row(
    tx: &Tx,
    grant: &Claims,
    new: &NewCopy,
    standing: &access::Standing,
    policy: &Policy,
    after_refusal: bool,
    version: i64,
) -> Result<Copy> {
    let person = standing.person_id.as_deref().map(|id| people::by_id(tx, id)).transpose()?.flatten();
    let enrollment = standing.enrollment_id.as_deref().map(|id| enrollments::by_id(tx, id)).transpose()?.flatten();
    let device = enrollment.map(|enrollment| devices::by_id(tx, &enrollment.device_id)).transpose()?.flatten();
    let words = [
        device
            .as_ref()
            .map(|device| if device.name.is_empty() { device.serial_number.clone().unwrap_or_default() } else { device.name.clone() }),
        person.as_ref().map(|person| person.name.clone()),
    ];
    Ok(Copy {
        id: new.id.clone(),
        app_id: grant.app_id.clone(),
        holder: grant.holder.clone(),
        document: new.document.clone(),
        version,
        media_type: new.media_type.clone(),
        size_bytes: new.size_bytes as i64,
        sha256: new.sha256.to_vec(),
        device_id: device.map(|device| device.id),
        person_id: person.map(|person| person.id),
        whose: words.into_iter().flatten().collect::<Vec<_>>().join(", "),
        after_refusal,
        created_at: tx.now,
        keep_until: tx.now.plus(Duration::from_secs(u64::from(policy.keep_copies_days) * 24 * 3600)),
    })
}

/// The copies of an app, newest first, with how many there are and their bytes.
pub fn list(
    tx: &Tx,
    actor: &Actor,
    app_id: &str,
    after: Option<(crate::clock::Timestamp, &str)>,
    limit: u32,
) -> Result<(Vec<Copy>, u64, u64)> {
    actor.require(Right::View)?;
    app(tx, app_id)?;
    let (count, bytes) = rows::count(tx, app_id)?;
    Ok((rows::list(tx, app_id, after, limit)?, count, bytes))
}

/// One copy with its content. Who reads it is written into the audit log.
pub fn read(tx: &Tx, actor: &Actor, app_id: &str, id: &str) -> Result<(Copy, SecretBytes)> {
    actor.require(Right::Configure)?;
    let gone = || Error::not_found("There is no such copy, or its time is over.");
    let copy = rows::by_id(tx, app_id, id)?.ok_or_else(gone)?;
    let content = rows::content(tx, id)?.ok_or_else(gone)?;
    let data = json!({ "app_id": app_id, "document": copy.document, "version": copy.version, "whose": copy.whose });
    journal::note(tx, actor, "access.copy_read", Subject { device_id: copy.device_id.as_deref(), ..Subject::default() }, data)?;
    Ok((copy, content))
}

/// The newest copies of an app with their content, as many as one export holds. Who takes them is written into the audit log.
pub fn export(tx: &Tx, actor: &Actor, app_id: &str) -> Result<Vec<(Copy, SecretBytes)>> {
    actor.require(Right::Configure)?;
    app(tx, app_id)?;
    let mut bytes = 0;
    let mut taken = Vec::new();
    for copy in rows::list(tx, app_id, None, EXPORT_MAX)? {
        bytes += copy.size_bytes.unsigned_abs();
        if bytes > EXPORT_MAX_BYTES {
            break;
        }
        if let Some(content) = rows::content(tx, &copy.id)? {
            taken.push((copy, content));
        }
    }
    journal::note(tx, actor, "access.copies_exported", Subject::default(), json!({ "app_id": app_id, "count": taken.len() }))?;
    Ok(taken)
}

/// Removes the copies of an app that are older than this; gives how many.
pub fn delete_older(tx: &Tx, actor: &Actor, app_id: &str, days: u32) -> Result<usize> {
    actor.require(Right::Destroy)?;
    app(tx, app_id)?;
    let before = tx.now.minus(Duration::from_secs(u64::from(days) * 24 * 3600));
    let removed = rows::delete_before(tx, app_id, before)?;
    journal::note(
        tx,
        actor,
        "access.copies_removed",
        Subject::default(),
        json!({ "app_id": app_id, "older_than_days": days, "count": removed }),
    )?;
    Ok(removed)
}
