//! What the App Store says of what is owned: facts and icons, read once a day.

use rusqlite::Row;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::tx::Tx;

/// What is known of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreItem {
    /// The App Store's number.
    pub adam_id: String,
    /// What the store says, JSON; `{}` while it said nothing.
    pub facts: String,
    /// Where the icon that is here came from; empty while there is none.
    pub icon_url: String,
    /// When the store was last read.
    pub read_at: Option<Timestamp>,
    /// When it is read next.
    pub due_at: Timestamp,
}

fn item(row: &Row<'_>) -> rusqlite::Result<StoreItem> {
    Ok(StoreItem { adam_id: row.get(0)?, facts: row.get(1)?, icon_url: row.get(2)?, read_at: row.get(3)?, due_at: row.get(4)? })
}

const COLUMNS: &str = "adam_id, facts, icon_url, read_at, due_at";

/// Has an item looked up, if it is new here or could not be looked up yet.
pub fn want(tx: &Tx, adam_id: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO store_items (adam_id, due_at) VALUES (?1, ?2)
         ON CONFLICT (adam_id) DO UPDATE SET due_at = excluded.due_at WHERE read_at IS NULL AND due_at > excluded.due_at",
        (adam_id, tx.now),
    )
    .map(drop)
}

/// Stores what the store said of an item; none where it does not know it. What was said before stays then.
pub fn put(tx: &Tx, adam_id: &str, facts: Option<&str>, due_at: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE store_items SET facts = coalesce(?2, facts), read_at = ?3, due_at = ?4 WHERE adam_id = ?1",
        (adam_id, facts, tx.now, due_at),
    )?;
    Ok(())
}

/// Puts the look-up of an item off.
pub fn rest(tx: &Tx, adam_id: &str, due_at: Timestamp) -> Result<()> {
    tx.execute("UPDATE store_items SET due_at = ?2 WHERE adam_id = ?1", (adam_id, due_at))?;
    Ok(())
}

/// Stores an icon and where it came from.
pub fn put_icon(tx: &Tx, adam_id: &str, url: &str, icon: &[u8]) -> Result<()> {
    tx.execute("UPDATE store_items SET icon_url = ?2, icon = ?3 WHERE adam_id = ?1", (adam_id, url, icon))?;
    Ok(())
}

/// The icon of an item.
pub fn icon(tx: &Tx, adam_id: &str) -> Result<Option<Vec<u8>>> {
    Ok(tx.optional("SELECT icon FROM store_items WHERE adam_id = ?1", [adam_id], |row| row.get(0))?.flatten())
}

/// What is known of an item.
pub fn by_adam_id(tx: &Tx, adam_id: &str) -> Result<Option<StoreItem>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM store_items WHERE adam_id = ?1"), [adam_id], item)
}

/// Items that are to be looked up now.
pub fn due(tx: &Tx, limit: u32) -> Result<Vec<StoreItem>> {
    tx.list(sql!("SELECT {COLUMNS} FROM store_items WHERE due_at <= ?1 ORDER BY due_at, adam_id LIMIT ?2"), (tx.now, limit), item)
}

/// When an item is next to be looked up.
pub fn next_due(tx: &Tx) -> Result<Option<Timestamp>> {
    tx.one("SELECT min(due_at) FROM store_items", [], |row| row.get(0))
}
