//! Raw answers of devices, packed and sealed, kept for a bounded time.

use std::sync::LazyLock;

use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};

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

/// What devices say in every report, so that each is packed without saying it again: most are short, and nearly all of them is this. It never changes:
/// what was packed with these words is read with no others.
const WORDS: &[u8] = include_bytes!("reports/words.xml");

/// How hard is tried: lists of apps and profiles say the same words again and again, and most of that is found at once.
const LEVEL: i32 = 3;

static TO_PACK: LazyLock<EncoderDictionary<'static>> = LazyLock::new(|| EncoderDictionary::copy(WORDS, LEVEL));
static TO_UNPACK: LazyLock<DecoderDictionary<'static>> = LazyLock::new(|| DecoderDictionary::copy(WORDS));

/// How a body begins that was packed with [`WORDS`]. No property list begins so.
const WITH_WORDS: u8 = 1;

/// How a body begins that was packed without them (RFC 8878, section 3.1.1), as earlier versions did. No property list begins so.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A body as it is sealed. One that looks packed already is packed once more, so that reading is never in doubt.
fn packed(body: &[u8]) -> Result<Vec<u8>> {
    let pack = Compressor::with_prepared_dictionary(&TO_PACK).and_then(|mut packer| packer.compress(body));
    let frame = pack.map_err(|error| Error::internal("a report could not be packed", error))?;
    let looks_packed = body.starts_with(&MAGIC) || body.first() == Some(&WITH_WORDS);
    if frame.len() + 1 >= body.len() && !looks_packed {
        return Ok(body.to_vec());
    }
    Ok([&[WITH_WORDS][..], &frame].concat())
}

/// A body as it arrived, of so many bytes.
fn unpacked(body: SecretBytes, size_bytes: usize) -> SecretBytes {
    let unpacked = if let Some((&WITH_WORDS, frame)) = body.expose().split_first() {
        Decompressor::with_prepared_dictionary(&TO_UNPACK).and_then(|mut reader| reader.decompress(frame, size_bytes))
    } else if body.expose().starts_with(&MAGIC) {
        zstd::bulk::decompress(body.expose(), size_bytes)
    } else {
        return body;
    };
    // What was kept before bodies were packed, and only looks so, is given as it is.
    unpacked.map_or(body, SecretBytes::new)
}

/// Keeps a report; gives its number.
pub fn insert(tx: &Tx, new: &NewReport<'_>) -> Result<i64> {
    let body = new.body.map(|body| tx.seal("reports.body", &packed(body)?)).transpose()?;
    let sha256: &[u8] = if body.is_some() { &[] } else { new.sha256 };
    tx.execute(
        "INSERT INTO reports (enrollment_id, command_uuid, request_type, status, size_bytes, sha256, body_sealed, received_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (new.enrollment_id, new.command_uuid, new.request_type, new.status, new.size_bytes as i64, sha256, body, tx.now),
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
    use crate::pki::digest::sha256;
    use crate::pki::hex;

    #[test]
    fn a_body_comes_back_as_it_arrived_and_a_long_list_takes_little() {
        let list = "<dict><key>Identifier</key><string>school.example.app</string></dict>".repeat(60).into_bytes();
        assert!(packed(&list).unwrap().len() < list.len() / 10);
        let (looks_packed, looks_new) = ([&MAGIC[..], b"anything"].concat(), b"\x01anything".to_vec());
        for body in [&b""[..], b"<plist/>", &list, &looks_packed, &looks_new] {
            let kept = SecretBytes::new(packed(body).unwrap());
            assert_eq!(unpacked(kept, body.len()).expose().as_slice(), body);
        }
        // As it was kept before bodies were packed.
        for body in [&looks_packed, &looks_new, &list] {
            assert_eq!(unpacked(SecretBytes::new(body.clone()), body.len()).expose(), body);
        }
        // As it was packed before that was done with the words.
        let before = zstd::bulk::compress(&list, 1).unwrap();
        assert_eq!(unpacked(SecretBytes::new(before), list.len()).expose(), &list);
    }

    #[test]
    fn a_short_answer_takes_little_too() {
        let answer = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
            \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n<dict>\n\t<key>CommandUUID</key>\n\
            \t<string>b6c8627f-bf4a-4ef4-8f40-d8673cd568c9</string>\n\t<key>Status</key>\n\t<string>Acknowledged</string>\n\
            \t<key>UDID</key>\n\t<string>00008030-001A2B3C4D5E6F70</string>\n</dict>\n</plist>\n";
        let kept = packed(answer).unwrap();
        assert!(kept.len() < answer.len() / 3, "{} of {} bytes", kept.len(), answer.len());
        assert_eq!(unpacked(SecretBytes::new(kept), answer.len()).expose().as_slice(), answer);
    }

    #[test]
    fn the_words_are_those_with_which_reports_were_packed() {
        let digest = hex(&sha256(WORDS));
        assert_eq!(
            digest, "114548baec320c8c1f2175480d70335250bcc22216ef247d291ad1256633770a",
            "other words need another beginning than WITH_WORDS, and these to read what is kept"
        );
    }
}
