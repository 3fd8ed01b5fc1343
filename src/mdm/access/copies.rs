//! Copies of offline edits: an app may add them and nothing else; people who look after apps read and export them, and time removes them.

use std::time::Duration;

use serde_json::json;

use super::ask::COPIES_AFTER_REFUSAL;
use super::{Policy, app};
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::language;
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right};
use crate::protocol::grant::Claims;
use crate::secret::SecretBytes;
use crate::store::enrollments::{self, EnrollmentState};
use crate::store::offline_copies::{self as rows, Copy, Keeper, Kept};
use crate::store::{Tx, access, devices, people};

/// Bytes of one copy.
pub const COPY_MAX_BYTES: usize = 4 << 20;
/// Copies of an app from one device, or from one person by password alone.
pub const COPIES_MAX: u64 = 1_000;
/// Bytes of all copies of an app from one device, or from one person by password alone.
pub const COPIES_MAX_BYTES: u64 = 64 << 20;
/// Characters of a document's name.
pub const DOCUMENT_MAX_CHARS: usize = 200;
/// Characters of a media type.
pub const MEDIA_TYPE_MAX: usize = 100;
/// Copies that one archive holds; what is older is in the next one.
pub const EXPORT_MAX: u32 = 10_000;
/// Bytes of copies that one archive holds: any program opens a file of this size.
pub const EXPORT_MAX_BYTES: u64 = 2 << 30;
/// The least age, in days, of copies that are removed before their time.
pub const REMOVE_DAYS_MIN: u32 = 30;
/// Devices and people that are listed with what they have, those with the most first.
pub const KEEPERS_MAX: u32 = 50;

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
        return Err(Error::field("document", t!("take 1 to {DOCUMENT_MAX_CHARS} characters on one line", DOCUMENT_MAX_CHARS)));
    }
    let is_plain = media_type.chars().all(|letter| letter.is_ascii_graphic() || letter == ' ');
    if media_type.len() > MEDIA_TYPE_MAX || !is_plain {
        return Err(Error::field("Content-Type", t!("take at most {MEDIA_TYPE_MAX} plain characters", MEDIA_TYPE_MAX)));
    }
    Ok(())
}

/// Adds a copy under a grant whose signature was verified; tells whether it is new. The same content as that of the newest version is not kept twice.
///
/// # Errors
/// Unauthenticated when the grant does not allow it any more; too large or conflict beyond the limits.
pub fn add(tx: &Tx, grant: &Claims, new: NewCopy) -> Result<(Copy, bool)> {
    let over = || Error::new(Kind::Unauthenticated, t!("This grant is over. Ask for a new one and send the copy again."));
    if grant.copies_until.is_none_or(|until| until < tx.now) {
        return Err(over());
    }
    let is_the_last = |known: &access::Standing| known.sequence == grant.sequence && known.installation == grant.installation;
    let standing = access::standing(tx, &grant.app_id, &grant.holder)?.filter(is_the_last).ok_or_else(over)?;
    // The first refusal bounds what was granted before, too.
    if standing.ended_at.is_some_and(|ended| ended.plus(COPIES_AFTER_REFUSAL) < tx.now) {
        return Err(over());
    }
    let policy = super::policy_row(tx, &grant.app_id)?.filter(|policy| policy.takes_copies).ok_or_else(over)?;
    let after_refusal = !grant.allowed || !is_still_allowed(tx, &standing)?;
    check_names(&new.document, &new.media_type)?;
    let newest = rows::newest(tx, &grant.app_id, &grant.holder, &new.document)?;
    if let Some(same) = newest.as_ref().filter(|newest| newest.sha256 == new.sha256) {
        return Ok((same.clone(), false));
    }
    let count = room_for(tx, grant, &standing, new.size_bytes)?;
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

/// Refuses a copy that would be one too many, or too large; gives how many there are.
fn room_for(tx: &Tx, grant: &Claims, standing: &access::Standing, size_bytes: usize) -> Result<u64> {
    let enrollment = standing.enrollment_id.as_deref().map(|id| enrollments::by_id(tx, id)).transpose()?.flatten();
    let keeper = match enrollment {
        Some(enrollment) => Keeper::Device(enrollment.device_id),
        // The holder is the person and the installation, and the app invents the latter.
        None => Keeper::Person(grant.holder.split('/').next().unwrap_or_default().to_owned()),
    };
    let whose = if matches!(keeper, Keeper::Device(_)) { t!("this device") } else { t!("this person") };
    let (count, bytes) = rows::totals(tx, &grant.app_id, &keeper)?;
    if size_bytes > COPY_MAX_BYTES || bytes + size_bytes as u64 > COPIES_MAX_BYTES {
        let message = t!(
            "A copy has at most {COPY_MAX_BYTES} bytes, and all copies of {whose} at most {COPIES_MAX_BYTES}.",
            COPY_MAX_BYTES,
            whose,
            COPIES_MAX_BYTES
        );
        return Err(Error::new(Kind::TooLarge, message));
    }
    if count >= COPIES_MAX {
        return Err(Error::conflict(t!("There are {COPIES_MAX} copies of {whose} already, which is the most.", COPIES_MAX, whose)));
    }
    Ok(count)
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
    let person = standing.owner_id.as_deref().or(standing.person_id.as_deref());
    let person = person.map(|id| people::by_id(tx, id)).transpose()?.flatten();
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
pub fn list(tx: &Tx, actor: &Actor, app_id: &str, after: Option<(Timestamp, &str)>, limit: u32) -> Result<(Vec<Copy>, u64, u64)> {
    actor.require(Right::View)?;
    app(tx, app_id)?;
    let (count, bytes) = rows::count(tx, app_id)?;
    Ok((rows::list(tx, app_id, after, limit)?, count, bytes))
}

/// One copy with its content. Who reads it is written into the audit log.
pub fn read(tx: &Tx, actor: &Actor, app_id: &str, id: &str) -> Result<(Copy, SecretBytes)> {
    actor.require(Right::Configure)?;
    let gone = || Error::not_found(t!("There is no such copy, or its time is over."));
    let copy = rows::by_id(tx, app_id, id)?.ok_or_else(gone)?;
    let content = rows::content(tx, id)?.ok_or_else(gone)?;
    let data = json!({ "app_id": app_id, "document": copy.document, "version": copy.version, "whose": copy.whose });
    journal::note(tx, actor, "access.copy_read", Subject { device_id: copy.device_id.as_deref(), ..Subject::default() }, data)?;
    Ok((copy, content))
}

/// What one archive holds, newest first: copies without their content, which is read when its turn comes.
#[derive(Debug)]
pub struct Part {
    /// The copies.
    pub copies: Vec<Copy>,
    /// Behind which copy the next archive begins; none when this is the last.
    pub next: Option<(Timestamp, String)>,
}

/// Begins an archive of an app's copies, behind the one with this moment and id. Who takes them is written into the audit log.
pub fn export(tx: &Tx, actor: &Actor, app_id: &str, after: Option<(Timestamp, &str)>) -> Result<Part> {
    actor.require(Right::Configure)?;
    app(tx, app_id)?;
    let mut copies = rows::list(tx, app_id, after, EXPORT_MAX + 1)?;
    let found = copies.len();
    copies.truncate(fitting(copies.iter().map(|copy| copy.size_bytes.unsigned_abs())));
    let next = copies.last().filter(|_| copies.len() < found).map(|last| (last.created_at, last.id.clone()));
    copies.iter().try_for_each(|copy| rows::exported(tx, &copy.id))?;
    journal::note(tx, actor, "access.copies_exported", Subject::default(), json!({ "app_id": app_id, "count": copies.len() }))?;
    Ok(Part { copies, next })
}

/// How many of the copies of these sizes one archive holds.
fn fitting(sizes: impl Iterator<Item = u64>) -> usize {
    let mut bytes = 0;
    let fits = |size: &u64| {
        bytes += size;
        bytes <= EXPORT_MAX_BYTES
    };
    sizes.take(EXPORT_MAX as usize).take_while(fits).count()
}

/// The content of a copy that an archive which was begun holds; none when its time was over meanwhile.
pub fn content(tx: &Tx, copy: &Copy) -> Result<Option<SecretBytes>> {
    rows::content(tx, &copy.id)
}

/// Where the archives of an app's copies begin, if one does not hold them all: behind these, after the first.
pub fn archives(tx: &Tx, actor: &Actor, app_id: &str) -> Result<Vec<(Timestamp, String)>> {
    actor.require(Right::View)?;
    let (count, bytes) = rows::count(tx, app_id)?;
    if count <= u64::from(EXPORT_MAX) && bytes <= EXPORT_MAX_BYTES {
        return Ok(Vec::new());
    }
    rows::cuts(tx, app_id, u64::from(EXPORT_MAX), EXPORT_MAX_BYTES)
}

/// Removes the copies of an app that are older than this; gives how many.
pub fn delete_older(tx: &Tx, actor: &Actor, app_id: &str, days: u32) -> Result<usize> {
    actor.require(Right::Destroy)?;
    app(tx, app_id)?;
    if days < REMOVE_DAYS_MIN {
        let message = t!(
            "take at least {REMOVE_DAYS_MIN}: younger copies stay, so that nobody can undo in a hurry what they are kept for",
            REMOVE_DAYS_MIN
        );
        return Err(Error::field("older_than_days", message));
    }
    let before = tx.now.minus(Duration::from_secs(u64::from(days) * 24 * 3600));
    let removed = rows::delete_before(tx, app_id, before)?;
    let data = json!({ "app_id": app_id, "older_than_days": days, "count": removed });
    journal::note(tx, actor, "access.copies_removed", Subject::default(), data)?;
    Ok(removed)
}

/// Removes all copies of an app that is to be deleted; gives how many there were.
///
/// # Errors
/// Conflict while there are some that nobody has taken in an archive, unless `given_up` is how many they are.
pub(in crate::mdm) fn give_up(tx: &Tx, actor: &Actor, app_id: &str, given_up: Option<u64>) -> Result<u64> {
    let (count, _) = rows::count(tx, app_id)?;
    if count == 0 {
        return Ok(0);
    }
    actor.require(Right::Destroy)?;
    let (left, keepers) = rows::count_not_exported(tx, app_id)?;
    if left > 0 && given_up != Some(left) {
        return Err(Error::conflict(t!(
            "{edits} of {people} would be lost: take them in an archive first (copies.zip), or say with give_up_copies={left} that they are given up.",
            edits = counted(left, t!("copy of offline edits"), t!("copies of offline edits")),
            people = counted(keepers, t!("device or person"), t!("devices or people")),
            left
        )));
    }
    rows::delete_all(tx, app_id)?;
    Ok(count)
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", language::counted(count, one, many))
}

/// Who has copies of an app, those with the most first, at most [`KEEPERS_MAX`].
pub fn keepers(tx: &Tx, actor: &Actor, app_id: &str) -> Result<Vec<Kept>> {
    actor.require(Right::View)?;
    app(tx, app_id)?;
    rows::keepers(tx, app_id, KEEPERS_MAX)
}

/// What one device or person has of an app.
///
/// # Errors
/// Not found when they have nothing.
pub fn kept(tx: &Tx, actor: &Actor, app_id: &str, keeper: Keeper) -> Result<Kept> {
    actor.require(Right::View)?;
    app(tx, app_id)?;
    let none = || Error::not_found(t!("There are no copies of this app from there."));
    let whose = rows::whose(tx, app_id, &keeper)?.ok_or_else(none)?;
    let (count, bytes) = rows::totals(tx, app_id, &keeper)?;
    Ok(Kept { keeper, whose, count, bytes })
}

/// Removes all copies of an app from one device or person, so that there is room again; `confirmed` is how many they are. Gives how many were removed.
///
/// # Errors
/// Names `confirm` when the number is another: nothing is removed then.
pub fn free(tx: &Tx, actor: &Actor, app_id: &str, keeper: Keeper, confirmed: u64) -> Result<u64> {
    actor.require(Right::Destroy)?;
    let found = kept(tx, actor, app_id, keeper)?;
    if found.count != confirmed {
        return Err(Error::field("confirm", t!("write how many copies are removed: {count}", count = found.count)));
    }
    let removed = rows::delete_of(tx, app_id, &found.keeper)? as u64;
    let (device_id, person_id) = match &found.keeper {
        Keeper::Device(id) => (Some(id.as_str()), None),
        Keeper::Person(id) => (None, Some(id.as_str())),
    };
    let data = json!({ "app_id": app_id, "whose": found.whose, "person_id": person_id, "count": removed, "bytes": found.bytes });
    journal::note(tx, actor, "access.copies_freed", Subject { device_id, ..Subject::default() }, data)?;
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_bounded_in_number_and_bytes() {
        assert_eq!(fitting(std::iter::repeat_n(1, EXPORT_MAX as usize + 1)), EXPORT_MAX as usize);
        assert_eq!(fitting([EXPORT_MAX_BYTES - 1, 1, 1].into_iter()), 2);
        assert_eq!(fitting([1, COPY_MAX_BYTES as u64].into_iter()), 2);
    }
}
