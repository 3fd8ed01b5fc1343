//! Notices: who wants to hear of what, what is known of each cause, and what was told.

use rusqlite::{Row, named_params};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::store::Tx;
use crate::store::words::words;

words! {
    /// What a notice is about; people tick which of them they want.
    pub enum NoticeKind {
        /// A certificate, a token or a profile comes to its end.
        Ends = "ends",
        /// Devices cannot be woken, or have gone silent.
        Pushes = "pushes",
        /// A backup failed, or cannot be restored.
        Backups = "backups",
        /// There are not enough licences, or redemption codes.
        Seats = "seats",
        /// An update plan stopped, or devices are late.
        Updates = "updates",
        /// Everything else that needs somebody.
        Other = "other",
        /// Once a week, how everything stands.
        Digest = "digest",
    }
}

/// Whom mail goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Our id.
    pub id: String,
    /// Who it is, where they log in here.
    pub admin: Option<RecipientAdmin>,
    /// Where mail goes.
    pub address: String,
    /// What they want to hear of.
    pub kinds: Vec<NoticeKind>,
    /// Since when.
    pub created_at: Timestamp,
}

/// A recipient who logs in here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientAdmin {
    /// The admin's id.
    pub id: String,
    /// What they log in with.
    pub name: String,
    /// The role's word.
    pub role: String,
    /// Since when they may not log in.
    pub disabled_at: Option<Timestamp>,
}

const RECIPIENTS: &str =
    "SELECT notice_recipients.id, admin_id, admins.name, admins.role, admins.disabled_at, address, kinds, notice_recipients.created_at
     FROM notice_recipients LEFT JOIN admins ON admins.id = admin_id";

fn recipient(row: &Row<'_>) -> rusqlite::Result<Recipient> {
    let (admin_id, kinds): (Option<String>, String) = (row.get(1)?, row.get(6)?);
    let admin = match admin_id {
        Some(id) => Some(RecipientAdmin { id, name: row.get(2)?, role: row.get(3)?, disabled_at: row.get(4)? }),
        None => None,
    };
    // A word of a newer version is none that this one could tell of.
    let kinds: Vec<String> = serde_json::from_str(&kinds).unwrap_or_default();
    let kinds = kinds.iter().filter_map(|word| word.parse().ok()).collect();
    Ok(Recipient { id: row.get(0)?, admin, address: row.get(5)?, kinds, created_at: row.get(7)? })
}

/// Everybody whom mail goes to, people first, then by address.
pub fn recipients(tx: &Tx) -> Result<Vec<Recipient>> {
    tx.list(sql!("{RECIPIENTS} ORDER BY admin_id IS NULL, admins.name, address, notice_recipients.id"), [], recipient)
}

/// The recipient with this id.
pub fn recipient_by_id(tx: &Tx, id: &str) -> Result<Option<Recipient>> {
    tx.optional(sql!("{RECIPIENTS} WHERE notice_recipients.id = ?1"), [id], recipient)
}

/// The recipient that somebody who logs in is.
pub fn recipient_of(tx: &Tx, admin_id: &str) -> Result<Option<Recipient>> {
    tx.optional(sql!("{RECIPIENTS} WHERE admin_id = ?1"), [admin_id], recipient)
}

/// Stores a recipient, new or changed.
pub fn put_recipient(tx: &Tx, recipient: &Recipient) -> Result<()> {
    let kinds: Vec<_> = recipient.kinds.iter().map(|kind| kind.as_str()).collect();
    let kinds = serde_json::to_string(&kinds).map_err(|error| Error::internal("kinds are words", error))?;
    tx.execute(
        "INSERT INTO notice_recipients (id, admin_id, address, kinds, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (id) DO UPDATE SET address = excluded.address, kinds = excluded.kinds",
        (&recipient.id, recipient.admin.as_ref().map(|admin| &admin.id), &recipient.address, kinds, recipient.created_at),
    )?;
    Ok(())
}

/// Forgets a recipient.
pub fn delete_recipient(tx: &Tx, id: &str) -> Result<()> {
    tx.execute("DELETE FROM notice_recipients WHERE id = ?1", [id]).map(drop)
}

/// What is known of a cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Names it.
    pub key: String,
    /// What it is about.
    pub kind: NoticeKind,
    /// What, as it was last told.
    pub what: String,
    /// Since when it stands.
    pub seen_at: Timestamp,
    /// When it was last told.
    pub told_at: Option<Timestamp>,
    /// Of something that ends: how many days before it was last told.
    pub step: Option<i64>,
    /// For which end.
    pub ends_at: Option<Timestamp>,
    /// Since when it does not stand any more.
    pub gone_at: Option<Timestamp>,
    /// When that was told.
    pub mended_at: Option<Timestamp>,
}

/// Every cause that is known.
pub fn causes(tx: &Tx) -> Result<Vec<Cause>> {
    tx.list("SELECT key, kind, what, seen_at, told_at, step, ends_at, gone_at, mended_at FROM notice_causes", [], |row| {
        Ok(Cause {
            key: row.get(0)?,
            kind: row.get(1)?,
            what: row.get(2)?,
            seen_at: row.get(3)?,
            told_at: row.get(4)?,
            step: row.get(5)?,
            ends_at: row.get(6)?,
            gone_at: row.get(7)?,
            mended_at: row.get(8)?,
        })
    })
}

/// Stores what is known of a cause.
pub fn put_cause(tx: &Tx, cause: &Cause) -> Result<()> {
    tx.execute(
        "INSERT INTO notice_causes (key, kind, what, seen_at, told_at, step, ends_at, gone_at, mended_at)
         VALUES (:key, :kind, :what, :seen_at, :told_at, :step, :ends_at, :gone_at, :mended_at)
         ON CONFLICT (key) DO UPDATE SET kind = excluded.kind, what = excluded.what, seen_at = excluded.seen_at, told_at = excluded.told_at,
                step = excluded.step, ends_at = excluded.ends_at, gone_at = excluded.gone_at, mended_at = excluded.mended_at",
        named_params! {
            ":key": cause.key, ":kind": cause.kind, ":what": cause.what, ":seen_at": cause.seen_at, ":told_at": cause.told_at, ":step": cause.step,
            ":ends_at": cause.ends_at, ":gone_at": cause.gone_at, ":mended_at": cause.mended_at,
        },
    )?;
    Ok(())
}

/// Forgets a cause.
pub fn forget_cause(tx: &Tx, key: &str) -> Result<()> {
    tx.execute("DELETE FROM notice_causes WHERE key = ?1", [key]).map(drop)
}

/// Something that was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// UUIDv7.
    pub id: String,
    /// Names its cause.
    pub key: String,
    /// What it is about.
    pub kind: NoticeKind,
    /// Larger is worse; 0 for what is mended.
    pub harm: i64,
    /// What, in a sentence.
    pub what: String,
    /// What to do, or what it means.
    pub why: String,
    /// The page where it is looked after.
    pub path: String,
    /// When it was told.
    pub told_at: Timestamp,
    /// When it was put into letters.
    pub mailed_at: Option<Timestamp>,
}

fn notice(row: &Row<'_>) -> rusqlite::Result<Notice> {
    Ok(Notice {
        id: row.get(0)?,
        key: row.get(1)?,
        kind: row.get(2)?,
        harm: row.get(3)?,
        what: row.get(4)?,
        why: row.get(5)?,
        path: row.get(6)?,
        told_at: row.get(7)?,
        mailed_at: row.get(8)?,
    })
}

const NOTICE: &str = "SELECT id, key, kind, harm, what, why, path, told_at, mailed_at FROM notices";

/// Keeps a notice.
pub fn insert(tx: &Tx, notice: &Notice) -> Result<()> {
    tx.execute(
        "INSERT INTO notices (id, key, kind, harm, what, why, path, told_at, mailed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        (&notice.id, &notice.key, notice.kind, notice.harm, &notice.what, &notice.why, &notice.path, notice.told_at, notice.mailed_at),
    )?;
    Ok(())
}

/// The newest notices, before the cursor `before` (moment and id), at most `limit`.
pub fn list(tx: &Tx, before: Option<(Timestamp, &str)>, limit: u32) -> Result<Vec<Notice>> {
    let (at, id) = before.map_or((None, None), |(at, id)| (Some(at), Some(id)));
    let sql = format!("{NOTICE} WHERE ?1 IS NULL OR (told_at, id) < (?1, ?2) ORDER BY told_at DESC, id DESC LIMIT ?3");
    tx.list(&sql, (at, id, limit), notice)
}

/// How many are kept.
pub fn count(tx: &Tx) -> Result<u64> {
    tx.one("SELECT count(*) FROM notices", [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
}

/// Those that wait for the next letters, the most harmful first, at most `limit`; and how many there are in all.
pub fn unmailed(tx: &Tx, limit: u32) -> Result<(Vec<Notice>, u64)> {
    let listed = tx.list(sql!("{NOTICE} WHERE mailed_at IS NULL ORDER BY harm DESC, told_at, id LIMIT ?1"), [limit], notice)?;
    let count = tx.one("SELECT count(*) FROM notices WHERE mailed_at IS NULL", [], |row| row.get::<_, i64>(0))?;
    Ok((listed, count.unsigned_abs()))
}

/// Notes that all that wait were put into letters.
pub fn set_mailed(tx: &Tx) -> Result<()> {
    tx.execute("UPDATE notices SET mailed_at = ?1 WHERE mailed_at IS NULL", [tx.now]).map(drop)
}

/// The moments since `since` at which notices were put into letters, oldest first.
pub fn mailings(tx: &Tx, since: Timestamp) -> Result<Vec<Timestamp>> {
    tx.list("SELECT DISTINCT created_at FROM letters WHERE occasion = 'notices' AND created_at > ?1 ORDER BY created_at", [since], |row| {
        row.get(0)
    })
}

/// Forgets notices that were told before a moment, at most `limit`; gives how many.
pub fn prune(tx: &Tx, before: Timestamp, limit: u32) -> Result<usize> {
    tx.execute(
        "DELETE FROM notices WHERE id IN (SELECT id FROM notices WHERE told_at < ?1 AND mailed_at IS NOT NULL LIMIT ?2)",
        (before, limit),
    )
}
