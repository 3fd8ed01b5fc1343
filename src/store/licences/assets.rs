//! What locations own of an app, and how much of it is taken.

use rusqlite::{Row, named_params};

use super::AssetKey;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::tx::Tx;

/// What a location owns of an app at a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedAsset {
    /// Which.
    pub key: AssetKey,
    /// `App` or `Book`.
    pub product_type: String,
    /// Whether devices can have it; books are for people only.
    pub device_assignable: bool,
    /// Platforms in Apple's words, JSON.
    pub platforms: String,
    /// How many; nothing for as many as anybody wants.
    pub owned: Option<u32>,
    /// How many are assigned by Apple's count, and by what came about since.
    pub assigned: u32,
    /// How many the book lists.
    pub listed: u32,
    /// How many are on their way and not in the book.
    pub reserved: u32,
    /// When Apple said so.
    pub as_of_at: Timestamp,
}

impl OwnedAsset {
    /// How many are in use: what Apple counts may be behind its book, and the other way round.
    pub fn in_use(&self) -> u32 {
        self.assigned.max(self.listed)
    }

    /// How many can still be given away; nothing for as many as anybody wants.
    pub fn free(&self) -> Option<u32> {
        self.owned.map(|owned| owned.saturating_sub(self.in_use()).saturating_sub(self.reserved))
    }
}

const COLUMNS: &str =
    "token_id, adam_id, pricing_param, product_type, device_assignable, platforms, owned, assigned, listed, reserved, as_of_at";

fn asset(row: &Row<'_>) -> rusqlite::Result<OwnedAsset> {
    Ok(OwnedAsset {
        key: AssetKey { token_id: row.get(0)?, adam_id: row.get(1)?, pricing_param: row.get(2)? },
        product_type: row.get(3)?,
        device_assignable: row.get(4)?,
        platforms: row.get(5)?,
        owned: row.get(6)?,
        assigned: row.get(7)?,
        listed: row.get(8)?,
        reserved: row.get(9)?,
        as_of_at: row.get(10)?,
    })
}

/// Stores what Apple says of an asset; how much of it is listed and reserved stays.
pub fn put(tx: &Tx, asset: &OwnedAsset) -> Result<()> {
    let AssetKey { token_id, adam_id, pricing_param } = &asset.key;
    tx.execute(
        "INSERT INTO licence_assets (token_id, adam_id, pricing_param, product_type, device_assignable, platforms, owned, assigned, as_of_at)
         VALUES (:token_id, :adam_id, :pricing_param, :product_type, :device_assignable, :platforms, :owned, :assigned, :now)
         ON CONFLICT (token_id, adam_id, pricing_param) DO UPDATE SET product_type = excluded.product_type,
                device_assignable = excluded.device_assignable, platforms = excluded.platforms, owned = excluded.owned,
                assigned = excluded.assigned, as_of_at = excluded.as_of_at",
        named_params! {
            ":token_id": token_id, ":adam_id": adam_id, ":pricing_param": pricing_param, ":product_type": asset.product_type,
            ":device_assignable": asset.device_assignable, ":platforms": asset.platforms, ":owned": asset.owned, ":assigned": asset.assigned,
            ":now": tx.now,
        },
    )?;
    Ok(())
}

/// Forgets what Apple did not name at this moment: the location owns it no more.
pub fn forget_older(tx: &Tx, token_id: &str) -> Result<usize> {
    tx.execute("DELETE FROM licence_assets WHERE token_id = ?1 AND as_of_at < ?2", (token_id, tx.now))
}

/// Counts anew what the book lists and what is reserved, so that no slip lives longer than until Apple's book is read.
pub fn recount(tx: &Tx, token_id: &str) -> Result<()> {
    tx.execute(
        "UPDATE licence_assets SET
             listed = (SELECT count(*) FROM licence_book AS book WHERE book.token_id = licence_assets.token_id
                       AND book.adam_id = licence_assets.adam_id AND book.pricing_param = licence_assets.pricing_param),
             reserved = (SELECT count(*) FROM licences WHERE licences.token_id = licence_assets.token_id AND licences.stage IN ('open', 'asked')
                         AND licences.adam_id = licence_assets.adam_id AND licences.pricing_param = licence_assets.pricing_param
                         AND NOT EXISTS (SELECT 1 FROM licence_book AS book WHERE book.token_id = licences.token_id
                                         AND book.adam_id = licences.adam_id AND book.pricing_param = licences.pricing_param
                                         AND book.holder_kind = licences.holder_kind AND book.holder = licences.holder))
         WHERE token_id = ?1",
        [token_id],
    )?;
    Ok(())
}

/// Counts a place that was taken (1) or given up (-1) by what is on its way.
pub(super) fn reserve(tx: &Tx, key: &AssetKey, change: i64) -> Result<()> {
    tx.execute(
        "UPDATE licence_assets SET reserved = max(0, reserved + ?4) WHERE token_id = ?1 AND adam_id = ?2 AND pricing_param = ?3",
        (&key.token_id, &key.adam_id, &key.pricing_param, change),
    )?;
    Ok(())
}

/// Counts a line that came into the book (1) or left it (-1).
pub(super) fn list(tx: &Tx, key: &AssetKey, change: i64) -> Result<()> {
    tx.execute(
        "UPDATE licence_assets SET listed = max(0, listed + ?4), assigned = max(0, assigned + ?4)
         WHERE token_id = ?1 AND adam_id = ?2 AND pricing_param = ?3",
        (&key.token_id, &key.adam_id, &key.pricing_param, change),
    )?;
    Ok(())
}

/// What is owned of an app in any location.
pub fn of_app(tx: &Tx, adam_id: &str) -> Result<Vec<OwnedAsset>> {
    tx.list(sql!("SELECT {COLUMNS} FROM licence_assets WHERE adam_id = ?1 ORDER BY pricing_param DESC, token_id"), [adam_id], asset)
}

/// What a location owns.
pub fn of_token(tx: &Tx, token_id: &str) -> Result<Vec<OwnedAsset>> {
    tx.list(sql!("SELECT {COLUMNS} FROM licence_assets WHERE token_id = ?1 ORDER BY adam_id, pricing_param"), [token_id], asset)
}

/// What every location owns, by app.
pub fn all(tx: &Tx) -> Result<Vec<OwnedAsset>> {
    tx.list(sql!("SELECT {COLUMNS} FROM licence_assets ORDER BY adam_id, pricing_param, token_id"), [], asset)
}
