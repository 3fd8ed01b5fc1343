//! Raw answers of devices, packed and sealed, kept for a bounded time.

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::secret::SecretBytes;
use crate::store::Tx;

/// A report as it arrived; its body is read apart.
#[derive(Debug, Clone)]
pub struct Report {
    /// Its number.
    pub seq: i64,
    /// The enrollment that sent it.
    pub enrollment_id: String,
    /// CommandUUID; empty when the report had none.
    pub command_uuid: String,
    /// RequestType of the command it answers, if we know the command.
    pub request_type: String,
    /// Status as sent.
    pub status: String,
    /// Size of the body.
    pub size_bytes: i64,
    /// Whether the body was kept.
    pub kept: bool,
    /// When it arrived.
    pub received_at: Timestamp,
}

/// A report to be kept.
#[derive(Debug, Clone)]
pub struct NewReport<'a> {
    /// The enrollment that sent it.
    pub enrollment_id: &'a str,
    /// CommandUUID; empty when the report had none.
    pub command_uuid: &'a str,
    /// RequestType of the command it answers, if we know the command.
    pub request_type: &'a str,
    /// Status as sent.
    pub status: &'a str,
    /// Size of the body as it arrived.
    pub size_bytes: u64,
    /// SHA-256 of the body.
    pub sha256: &'a [u8; 32],
    /// The body, unless it was too large to keep.
    pub body: Option<&'a [u8]>,
}

/// Bodies below this many bytes are kept as they are: packing saves less than it costs.
const PACKED_MIN_BYTES: usize = 1024;

/// How hard is tried: lists of apps and profiles say the same words again and again, and most of that is found at once.
const LEVEL: i32 = 1;

/// How a packed body begins (RFC 8878, section 3.1.1). No property list begins so.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A body as it is sealed. One that looks packed already is packed once more, so that reading is never in doubt.
fn packed(body: &[u8]) -> Result<Vec<u8>> {
    if body.len() < PACKED_MIN_BYTES && !body.starts_with(&MAGIC) {
        return Ok(body.to_vec());
    }
    zstd::bulk::compress(body, LEVEL).map_err(|error| Error::internal("a report could not be packed", error))
}

/// A body as it arrived, of so many bytes.
fn unpacked(body: SecretBytes, size_bytes: usize) -> SecretBytes {
    if !body.expose().starts_with(&MAGIC) {
        return body;
    }
    // What was kept before bodies were packed, and only looks so, is given as it is.
    zstd::bulk::decompress(body.expose(), size_bytes).map_or(body, SecretBytes::new)
}

/// Keeps a report; gives its number.
pub fn insert(tx: &Tx, new: &NewReport<'_>) -> Result<i64> {
    let body = new.body.map(|body| tx.seal("reports.body", &packed(body)?)).transpose()?;
    tx.execute(
        "INSERT INTO reports (enrollment_id, command_uuid, request_type, status, size_bytes, sha256, body_sealed, received_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (new.enrollment_id, new.command_uuid, new.request_type, new.status, new.size_bytes as i64, &new.sha256[..], body, tx.now),
    )?;
    Ok(tx.last_row())
}

/// The reports of a device, all its channels, newest first, from below `before`.
pub fn list(tx: &Tx, device_id: &str, before: Option<i64>, limit: u32) -> Result<Vec<Report>> {
    tx.list(
        "SELECT seq, enrollment_id, command_uuid, request_type, status, size_bytes, body_sealed IS NOT NULL, received_at FROM reports
         WHERE enrollment_id IN (SELECT id FROM enrollments WHERE device_id = ?1) AND (?2 IS NULL OR seq < ?2) ORDER BY seq DESC LIMIT ?3",
        (device_id, before, limit),
        |row| {
            Ok(Report {
                seq: row.get(0)?,
                enrollment_id: row.get(1)?,
                command_uuid: row.get(2)?,
                request_type: row.get(3)?,
                status: row.get(4)?,
                size_bytes: row.get(5)?,
                kept: row.get(6)?,
                received_at: row.get(7)?,
            })
        },
    )
}

/// The number and moment of the last answer of an enrollment to a command of this type, confirmed and kept, that came from `since` on.
pub fn latest_kept(tx: &Tx, enrollment_id: &str, request_type: &str, since: Timestamp) -> Result<Option<(i64, Timestamp)>> {
    tx.optional(
        "SELECT seq, received_at FROM reports WHERE enrollment_id = ?1 AND request_type = ?2 AND status = 'Acknowledged' AND body_sealed IS NOT NULL
         AND received_at >= ?3 ORDER BY seq DESC LIMIT 1",
        (enrollment_id, request_type, since),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// The body of a device's report, if it was kept.
pub fn body(tx: &Tx, device_id: &str, seq: i64) -> Result<Option<SecretBytes>> {
    let kept: Option<(Option<Vec<u8>>, i64)> = tx.optional(
        "SELECT body_sealed, size_bytes FROM reports WHERE seq = ?2 AND enrollment_id IN (SELECT id FROM enrollments WHERE device_id = ?1)",
        (device_id, seq),
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let Some((Some(sealed), size_bytes)) = kept else { return Ok(None) };
    Ok(Some(unpacked(tx.open("reports.body", &sealed)?, size_bytes as usize)))
}

/// Removes those of the `limit` oldest reports that are older than `before`; gives how many.
pub fn prune(tx: &Tx, before: Timestamp, limit: u32) -> Result<usize> {
    // By their numbers, which grow with the time: an index by time would cost each report.
    tx.execute(
        "DELETE FROM reports WHERE seq IN (SELECT seq FROM reports WHERE seq > 0 ORDER BY seq LIMIT ?2) AND received_at < ?1",
        (before, limit),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_back_as_it_arrived_and_a_long_list_takes_little() {
        let list = "<dict><key>Identifier</key><string>school.example.app</string></dict>".repeat(60).into_bytes();
        assert!(packed(&list).unwrap().len() < list.len() / 10);
        let looks_packed = [&MAGIC[..], b"anything"].concat();
        for body in [&b"<plist/>"[..], &list, &looks_packed] {
            let kept = SecretBytes::new(packed(body).unwrap());
            assert_eq!(unpacked(kept, body.len()).expose().as_slice(), body);
        }
        // As it was kept before bodies were packed.
        assert_eq!(unpacked(SecretBytes::new(looks_packed.clone()), looks_packed.len()).expose().as_slice(), looks_packed);
        assert_eq!(unpacked(SecretBytes::new(list.clone()), list.len()).expose().as_slice(), list);
    }
}
