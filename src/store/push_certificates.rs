//! Push certificates, one per topic, and the keys whose certificate has not come back yet.

use rusqlite::{Row, named_params};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::secret::SecretBytes;
use crate::store::Tx;

/// A push certificate without its key.
#[derive(Debug, Clone)]
pub struct PushCertificate {
    /// The topic it pushes to.
    pub topic: String,
    /// DER.
    pub certificate: Vec<u8>,
    /// Its end.
    pub not_after_at: Timestamp,
    /// New enrollments get this one.
    pub current: bool,
    /// The practice classroom's own.
    pub practice: bool,
    /// Which Apple Account made it.
    pub account_note: String,
    /// How often a certificate was put for this topic.
    pub uploads: i64,
    /// No pushes before this moment: Apple refused the certificate.
    pub paused_until_at: Option<Timestamp>,
    /// When it was uploaded.
    pub uploaded_at: Timestamp,
}

const COLUMNS: &str = "topic, certificate, not_after_at, current, practice, account_note, uploads, paused_until_at, uploaded_at";

fn push_certificate(row: &Row<'_>) -> rusqlite::Result<PushCertificate> {
    Ok(PushCertificate {
        topic: row.get(0)?,
        certificate: row.get(1)?,
        not_after_at: row.get(2)?,
        current: row.get(3)?,
        practice: row.get(4)?,
        account_note: row.get(5)?,
        uploads: row.get(6)?,
        paused_until_at: row.get(7)?,
        uploaded_at: row.get(8)?,
    })
}

/// Stores the certificate and key (PKCS#8) of a topic, new or renewed. The topic's earlier certificate is replaced, other topics stay.
pub fn put(tx: &Tx, certificate: &PushCertificate, key: &[u8]) -> Result<()> {
    if certificate.current {
        tx.execute("UPDATE push_certificates SET current = 0 WHERE current = 1 AND topic <> ?1", [&certificate.topic])?;
    }
    tx.execute(
        "INSERT INTO push_certificates (topic, certificate, key_sealed, not_after_at, current, practice, account_note, uploaded_at)
         VALUES (:topic, :certificate, :key, :not_after_at, :current, :practice, :account_note, :now)
         ON CONFLICT (topic) DO UPDATE SET certificate = excluded.certificate, key_sealed = excluded.key_sealed, not_after_at = excluded.not_after_at,
                current = excluded.current, account_note = excluded.account_note, uploads = uploads + 1, paused_until_at = NULL,
                uploaded_at = excluded.uploaded_at",
        named_params! {
            ":topic": certificate.topic, ":certificate": certificate.certificate, ":key": tx.seal("push_certificates.key", key)?,
            ":not_after_at": certificate.not_after_at, ":current": certificate.current, ":practice": certificate.practice,
            ":account_note": certificate.account_note, ":now": tx.now,
        },
    )?;
    Ok(())
}

/// The certificate of a topic.
pub fn by_topic(tx: &Tx, topic: &str) -> Result<Option<PushCertificate>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM push_certificates WHERE topic = ?1"), [topic], push_certificate)
}

/// The certificate that new enrollments get.
pub fn current(tx: &Tx) -> Result<Option<PushCertificate>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM push_certificates WHERE current = 1"), [], push_certificate)
}

/// The practice classroom's certificate.
pub fn practice(tx: &Tx) -> Result<Option<PushCertificate>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM push_certificates WHERE practice = 1 ORDER BY uploaded_at DESC LIMIT 1"), [], push_certificate)
}

/// Every push certificate, the current one first.
pub fn all(tx: &Tx) -> Result<Vec<PushCertificate>> {
    tx.list(sql!("SELECT {COLUMNS} FROM push_certificates ORDER BY current DESC, topic"), [], push_certificate)
}

/// The private key of a topic's certificate, PKCS#8.
pub fn key(tx: &Tx, topic: &str) -> Result<Option<SecretBytes>> {
    let sealed: Option<Vec<u8>> = tx.optional("SELECT key_sealed FROM push_certificates WHERE topic = ?1", [topic], |row| row.get(0))?;
    sealed.map(|sealed| tx.open("push_certificates.key", &sealed)).transpose()
}

/// Stops pushes of a topic until a moment; `None` lets them go on.
pub fn pause(tx: &Tx, topic: &str, until_at: Option<Timestamp>) -> Result<()> {
    tx.execute("UPDATE push_certificates SET paused_until_at = ?2 WHERE topic = ?1", (topic, until_at))?;
    Ok(())
}

/// A key made here, and the request that asks for its certificate.
#[derive(Debug, Clone)]
pub struct PushRequest {
    /// Our id for it.
    pub id: String,
    /// PKCS#10, DER.
    pub request: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Keys whose certificate has not come back that are kept; whoever asked so often meanwhile uploads none for the first ones.
pub const REQUESTS_KEPT: u32 = 20;

/// Stores a new key (PKCS#8) and its request; of the earlier ones the newest [`REQUESTS_KEPT`] less one stay.
pub fn insert_request(tx: &Tx, request: &[u8], public_key: &[u8; 32], key: &[u8]) -> Result<String> {
    let id = tx.new_id();
    tx.execute(
        "INSERT INTO push_requests (id, request, public_key, key_sealed, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        (&id, request, &public_key[..], tx.seal("push_requests.key", key)?, tx.now),
    )?;
    tx.execute(
        "DELETE FROM push_requests WHERE id <> ?1 AND id NOT IN (SELECT id FROM push_requests ORDER BY created_at DESC, id DESC LIMIT ?2)",
        (&id, REQUESTS_KEPT),
    )?;
    Ok(id)
}

/// The newest request.
pub fn latest_request(tx: &Tx) -> Result<Option<PushRequest>> {
    tx.optional("SELECT id, request, created_at FROM push_requests ORDER BY created_at DESC, id DESC LIMIT 1", [], |row| {
        Ok(PushRequest { id: row.get(0)?, request: row.get(1)?, created_at: row.get(2)? })
    })
}

/// The keys of all requests made here, PKCS#8, newest first.
pub fn request_keys(tx: &Tx) -> Result<Vec<SecretBytes>> {
    let sealed: Vec<Vec<u8>> =
        tx.list("SELECT key_sealed FROM push_requests ORDER BY created_at DESC, id DESC LIMIT ?1", [REQUESTS_KEPT], |row| row.get(0))?;
    sealed.iter().map(|sealed| tx.open("push_requests.key", sealed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::memory;

    #[test]
    fn of_the_keys_that_wait_for_a_certificate_the_newest_are_kept() {
        let store = memory();
        for number in 1..=REQUESTS_KEPT as u8 + 5 {
            let work = move |tx: &Tx| insert_request(tx, b"request", &[number; 32], &[number]);
            store.write_blocking(Timestamp::from_seconds(i64::from(number)), work).unwrap();
        }
        let work = |tx: &Tx| {
            let count: u32 = tx.one("SELECT count(*) FROM push_requests", [], |row| row.get(0))?;
            Ok((count, request_keys(tx)?.first().map(|key| key.expose().clone())))
        };
        let left = store.read_blocking(Timestamp::from_seconds(99), work).unwrap();
        assert_eq!(left, (REQUESTS_KEPT, Some(vec![REQUESTS_KEPT as u8 + 5])));
    }
}
