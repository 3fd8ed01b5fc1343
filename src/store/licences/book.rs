//! Apple's book as far as it is known: who has what, whoever assigned it.

use super::{AssetKey, HolderKind, assets};
use crate::error::Result;
use crate::store::tx::Tx;

/// A line of the book.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// Of what.
    pub key: AssetKey,
    /// Whose it is.
    pub holder_kind: HolderKind,
    /// Serial number in capitals, or clientUserId.
    pub holder: String,
}

/// Notes that somebody has something; tells whether that is news.
pub fn add(tx: &Tx, entry: &Entry) -> Result<bool> {
    let AssetKey { token_id, adam_id, pricing_param } = &entry.key;
    let added = tx.execute(
        "INSERT OR IGNORE INTO licence_book (token_id, adam_id, pricing_param, holder_kind, holder) VALUES (?1, ?2, ?3, ?4, ?5)",
        (token_id, adam_id, pricing_param, entry.holder_kind, &entry.holder),
    )? == 1;
    if added {
        assets::list(tx, &entry.key, 1)?;
        if is_on_its_way(tx, entry)? {
            assets::reserve(tx, &entry.key, -1)?;
        }
    }
    Ok(added)
}

/// Notes that somebody has something no more; tells whether that is news.
pub fn remove(tx: &Tx, entry: &Entry) -> Result<bool> {
    let AssetKey { token_id, adam_id, pricing_param } = &entry.key;
    let removed = tx.execute(
        "DELETE FROM licence_book WHERE token_id = ?1 AND adam_id = ?2 AND pricing_param = ?3 AND holder_kind = ?4 AND holder = ?5",
        (token_id, adam_id, pricing_param, entry.holder_kind, &entry.holder),
    )? == 1;
    if removed {
        assets::list(tx, &entry.key, -1)?;
        if is_on_its_way(tx, entry)? {
            assets::reserve(tx, &entry.key, 1)?;
        }
    }
    Ok(removed)
}

/// Whether somebody has something.
pub fn has(tx: &Tx, entry: &Entry) -> Result<bool> {
    let AssetKey { token_id, adam_id, pricing_param } = &entry.key;
    tx.one(
        "SELECT EXISTS (SELECT 1 FROM licence_book WHERE token_id = ?1 AND adam_id = ?2 AND pricing_param = ?3 AND holder_kind = ?4 AND holder = ?5)",
        (token_id, adam_id, pricing_param, entry.holder_kind, &entry.holder),
        |row| row.get(0),
    )
}

/// Whether this server is about to have, or has had, this very line written: its place is counted once.
fn is_on_its_way(tx: &Tx, entry: &Entry) -> Result<bool> {
    let row = super::of(tx, &entry.key.adam_id, entry.holder_kind, &entry.holder)?;
    Ok(row.is_some_and(|row| row.reserves() && row.asset().as_ref() == Some(&entry.key)))
}

/// Where a holder has an app: the location and the price.
pub fn of_holder(tx: &Tx, adam_id: &str, kind: HolderKind, holder: &str) -> Result<Vec<AssetKey>> {
    tx.list(
        "SELECT token_id, adam_id, pricing_param FROM licence_book WHERE holder = ?3 AND adam_id = ?1 AND holder_kind = ?2 ORDER BY token_id, pricing_param",
        (adam_id, kind, holder),
        |row| Ok(AssetKey { token_id: row.get(0)?, adam_id: row.get(1)?, pricing_param: row.get(2)? }),
    )
}

/// The whole book of a location.
pub fn of_token(tx: &Tx, token_id: &str) -> Result<Vec<Entry>> {
    tx.list(
        "SELECT token_id, adam_id, pricing_param, holder_kind, holder FROM licence_book WHERE token_id = ?1
         ORDER BY adam_id, pricing_param, holder_kind, holder",
        [token_id],
        |row| {
            Ok(Entry {
                key: AssetKey { token_id: row.get(0)?, adam_id: row.get(1)?, pricing_param: row.get(2)? },
                holder_kind: row.get(3)?,
                holder: row.get(4)?,
            })
        },
    )
}

/// Licences of a location that Apple's book lists for holders who have theirs at another location: one of the two is too many.
pub fn surplus(tx: &Tx, token_id: &str, limit: u32) -> Result<Vec<Entry>> {
    tx.list(
        sql!("SELECT book.adam_id, book.pricing_param, book.holder_kind, book.holder {SURPLUS} AND book.token_id = ?1 ORDER BY 1, 2, 3, 4 LIMIT ?2"),
        (token_id, limit),
        |row| {
            let key = AssetKey { token_id: token_id.to_owned(), adam_id: row.get(0)?, pricing_param: row.get(1)? };
            Ok(Entry { key, holder_kind: row.get(2)?, holder: row.get(3)? })
        },
    )
}

/// The locations that somebody has a licence of an app too many of.
pub fn surplus_of(tx: &Tx, adam_id: &str, kind: HolderKind, holder: &str) -> Result<Vec<String>> {
    tx.list(
        sql!("SELECT DISTINCT book.token_id {SURPLUS} AND book.adam_id = ?1 AND book.holder_kind = ?2 AND book.holder = ?3 ORDER BY 1"),
        (adam_id, kind, holder),
        |row| row.get(0),
    )
}

const SURPLUS: &str =
    "FROM licence_book AS book JOIN licences ON licences.adam_id = book.adam_id AND licences.holder_kind = book.holder_kind
        AND licences.holder = book.holder AND licences.token_id <> book.token_id
    WHERE licences.stage IN ('held', 'leaving') AND EXISTS (SELECT 1 FROM licence_book AS own WHERE own.token_id = licences.token_id
        AND own.adam_id = licences.adam_id AND own.holder_kind = licences.holder_kind AND own.holder = licences.holder)";
