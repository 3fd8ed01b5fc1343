//! Devices that asked for their profile from Setup Assistant: the newest asking of each, and what it was answered.

use rusqlite::{Row, named_params};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;
use crate::store::invitations::Entry;
use crate::store::words::words;

words! {
    /// What a device was answered that asked for its profile.
    #[schema(as = ArrivalAnswer)]
    pub enum Answer {
        /// It was given its profile.
        Profile = "profile",
        /// It was told to update itself first.
        Update = "update",
        /// It was refused.
        Refused = "refused",
    }
}

/// The newest asking of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Serial number, as its maker vouches for it.
    pub serial_number: String,
    /// UDID.
    pub udid: String,
    /// `iPad13,18`.
    pub product_name: String,
    /// What it runs, as far as it said.
    pub os_version: String,
    /// By which door it comes.
    pub entry: Entry,
    /// Whether it is a practice device.
    pub practice: bool,
    /// What it was answered.
    pub answer: Answer,
    /// Why it was refused, or to what it is to update.
    pub because: String,
    /// Hash of the challenge in its profile.
    pub challenge: Option<Vec<u8>>,
    /// When it asked.
    pub asked_at: Timestamp,
}

const COLUMNS: &str = "serial_number, udid, product_name, os_version, entry, practice, answer, because, challenge, asked_at";

fn arrival(row: &Row<'_>) -> rusqlite::Result<Arrival> {
    Ok(Arrival {
        serial_number: row.get(0)?,
        udid: row.get(1)?,
        product_name: row.get(2)?,
        os_version: row.get(3)?,
        entry: row.get(4)?,
        practice: row.get(5)?,
        answer: row.get(6)?,
        because: row.get(7)?,
        challenge: row.get(8)?,
        asked_at: row.get(9)?,
    })
}

/// Stores the newest asking of a device in the place of the one before.
pub fn put(tx: &Tx, arrival: &Arrival) -> Result<()> {
    tx.execute(
        "INSERT INTO arrivals (serial_number, udid, product_name, os_version, entry, practice, answer, because, challenge, asked_at)
         VALUES (:serial_number, :udid, :product_name, :os_version, :entry, :practice, :answer, :because, :challenge, :asked_at)
         ON CONFLICT (serial_number) DO UPDATE SET udid = excluded.udid, product_name = excluded.product_name, os_version = excluded.os_version,
                entry = excluded.entry, practice = excluded.practice, answer = excluded.answer, because = excluded.because,
                challenge = excluded.challenge, asked_at = excluded.asked_at",
        named_params! {
            ":serial_number": arrival.serial_number, ":udid": arrival.udid, ":product_name": arrival.product_name,
            ":os_version": arrival.os_version, ":entry": arrival.entry, ":practice": arrival.practice, ":answer": arrival.answer,
            ":because": arrival.because, ":challenge": arrival.challenge, ":asked_at": arrival.asked_at,
        },
    )?;
    Ok(())
}

/// The newest asking of the device with this serial number.
pub fn by_serial_number(tx: &Tx, serial_number: &str) -> Result<Option<Arrival>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM arrivals WHERE serial_number = ?1"), [serial_number], arrival)
}

/// Devices that asked since a moment, newest first.
pub fn since(tx: &Tx, since: Timestamp, limit: u32) -> Result<Vec<Arrival>> {
    tx.list(
        sql!("SELECT {COLUMNS} FROM arrivals WHERE asked_at >= ?1 ORDER BY asked_at DESC, serial_number LIMIT ?2"),
        (since, limit),
        arrival,
    )
}

/// Devices that were refused for this reason since a moment, newest first.
pub fn refused(tx: &Tx, because: &str, since: Timestamp, limit: u32) -> Result<Vec<Arrival>> {
    tx.list(
        sql!(
            "SELECT {COLUMNS} FROM arrivals WHERE asked_at >= ?1 AND answer = 'refused' AND because = ?2
             ORDER BY asked_at DESC, serial_number LIMIT ?3"
        ),
        (since, because, limit),
        arrival,
    )
}

/// Forgets those that asked before a moment; gives how many.
pub fn prune(tx: &Tx, before: Timestamp, limit: u32) -> Result<usize> {
    tx.execute(
        "DELETE FROM arrivals WHERE serial_number IN (SELECT serial_number FROM arrivals WHERE asked_at < ?1 ORDER BY asked_at LIMIT ?2)",
        (before, limit),
    )
}
