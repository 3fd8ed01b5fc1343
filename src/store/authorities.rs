//! Certificate authorities: our own, past and next ones, and those whose devices moved in; and our own TLS certificates.

use std::time::Duration;

use rusqlite::Row;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::pki::certificate::Fingerprint;
use crate::secret::SecretBytes;
use crate::store::Tx;
use crate::store::words::words;

words! {
    /// What an authority is for.
    pub enum AuthorityState {
        /// Made and pushed to devices, not used yet.
        Next = "next",
        /// Issues.
        Current = "current",
        /// Issued once; its certificates are still known.
        Retired = "retired",
        /// Another server's: its devices moved in.
        Imported = "imported",
    }
}

/// A certificate authority without its key.
#[derive(Debug, Clone)]
pub struct Authority {
    /// Our id for it.
    pub id: String,
    /// What it is for.
    pub state: AuthorityState,
    /// Its certificate, DER.
    pub certificate: Vec<u8>,
    /// The end of its certificate.
    pub not_after_at: Timestamp,
    /// When it was made or imported.
    pub created_at: Timestamp,
    /// Its name and key, certified by the root before it, DER: for those who know only that one.
    pub bridge: Option<Vec<u8>>,
    /// When it first began to issue.
    pub used_from_at: Option<Timestamp>,
    /// Of an imported one: until when identities of its devices are bound at their first contact.
    pub taken_until_at: Option<Timestamp>,
}

/// How long before it was made a root of ours is valid already.
const BACK_DATED: Duration = Duration::from_secs(24 * 3600);

impl Authority {
    /// Whether it was made at a moment that has not come yet, so that its certificate is not valid now: the clock was ahead then, or is behind now.
    pub fn is_ahead(&self, now: Timestamp) -> bool {
        self.created_at > now.plus(BACK_DATED)
    }

    /// Whether its certificate is good at a moment: it has begun and not ended.
    pub fn lives_at(&self, now: Timestamp) -> bool {
        self.not_after_at > now && !self.is_ahead(now)
    }
}

const COLUMNS: &str = "id, state, certificate, not_after_at, created_at, bridge, used_from_at, taken_until_at";

fn authority(row: &Row<'_>) -> rusqlite::Result<Authority> {
    Ok(Authority {
        id: row.get(0)?,
        state: row.get(1)?,
        certificate: row.get(2)?,
        not_after_at: row.get(3)?,
        created_at: row.get(4)?,
        bridge: row.get(5)?,
        used_from_at: row.get(6)?,
        taken_until_at: row.get(7)?,
    })
}

/// Stores an authority; the key, PKCS#8, is sealed.
pub fn insert(tx: &Tx, authority: &Authority, fingerprint: &Fingerprint, key: Option<&[u8]>) -> Result<()> {
    let key = key.map(|key| tx.seal("authorities.key", key)).transpose()?;
    tx.execute(
        "INSERT INTO authorities (id, state, certificate, fingerprint, key_sealed, not_after_at, created_at, bridge, used_from_at, taken_until_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        (
            &authority.id,
            authority.state,
            &authority.certificate,
            fingerprint,
            key,
            authority.not_after_at,
            authority.created_at,
            &authority.bridge,
            authority.used_from_at,
            authority.taken_until_at,
        ),
    )?;
    Ok(())
}

/// Makes the authority `next` the one that issues; the one that issued until now is retired.
pub fn succeed(tx: &Tx, current: &str, next: &str) -> Result<()> {
    tx.execute("UPDATE authorities SET state = 'retired' WHERE id = ?1", [current])?;
    tx.execute("UPDATE authorities SET state = 'current', used_from_at = coalesce(used_from_at, ?2) WHERE id = ?1", (next, tx.now))?;
    Ok(())
}

/// Deletes a root of ours, but the current one, of which nobody has anything: it issued no identity, and no device knows it. Tells whether that was so.
pub fn forget_unused(tx: &Tx, id: &str) -> Result<bool> {
    let is_used = tx.one(
        "SELECT EXISTS (SELECT 1 FROM certificates WHERE authority_id = ?1)
             OR EXISTS (SELECT 1 FROM known_roots WHERE authority_id = ?1 AND state = 'known')",
        [id],
        |row| row.get(0),
    )?;
    if is_used {
        return Ok(false);
    }
    tx.execute("DELETE FROM server_certificates WHERE authority_id = ?1", [id])?;
    tx.execute("DELETE FROM known_roots WHERE authority_id = ?1", [id])?;
    Ok(tx.execute("DELETE FROM authorities WHERE id = ?1 AND state IN ('next', 'retired')", [id])? > 0)
}

/// The authority that issues.
pub fn current(tx: &Tx) -> Result<Option<Authority>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM authorities WHERE state = 'current'"), [], authority)
}

/// The authority that will issue next, if one was made.
pub fn upcoming(tx: &Tx) -> Result<Option<Authority>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM authorities WHERE state = 'next' ORDER BY created_at DESC LIMIT 1"), [], authority)
}

/// The authorities that issued before the current one, newest first.
pub fn retired(tx: &Tx) -> Result<Vec<Authority>> {
    tx.list(sql!("SELECT {COLUMNS} FROM authorities WHERE state = 'retired' ORDER BY created_at DESC, id DESC"), [], authority)
}

/// The authorities of other servers, newest first.
pub fn imported(tx: &Tx) -> Result<Vec<Authority>> {
    tx.list(sql!("SELECT {COLUMNS} FROM authorities WHERE state = 'imported' ORDER BY created_at DESC, id DESC"), [], authority)
}

/// The authority with this certificate, whatever it is for.
pub fn by_fingerprint(tx: &Tx, fingerprint: &Fingerprint) -> Result<Option<Authority>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM authorities WHERE fingerprint = ?1"), [fingerprint], authority)
}

/// Says until when identities of an imported authority's devices are bound at their first contact.
pub fn set_taken_until(tx: &Tx, id: &str, until: Timestamp) -> Result<()> {
    tx.execute("UPDATE authorities SET taken_until_at = ?2 WHERE id = ?1 AND state = 'imported'", (id, until))?;
    Ok(())
}

/// Keeps the key, PKCS#8, of an authority that came without it.
pub fn set_key(tx: &Tx, id: &str, key: &[u8]) -> Result<()> {
    tx.execute("UPDATE authorities SET key_sealed = ?2 WHERE id = ?1", (id, tx.seal("authorities.key", key)?))?;
    Ok(())
}

/// Every authority, newest first.
pub fn all(tx: &Tx) -> Result<Vec<Authority>> {
    tx.list(sql!("SELECT {COLUMNS} FROM authorities ORDER BY created_at DESC, id DESC"), [], authority)
}

/// An authority's private key, PKCS#8.
pub fn key(tx: &Tx, id: &str) -> Result<Option<SecretBytes>> {
    let sealed: Option<Option<Vec<u8>>> = tx.optional("SELECT key_sealed FROM authorities WHERE id = ?1", [id], |row| row.get(0))?;
    sealed.flatten().map(|sealed| tx.open("authorities.key", &sealed)).transpose()
}

/// A certificate of our own TLS listeners.
#[derive(Debug, Clone)]
pub struct ServerCertificate {
    /// Our id for it.
    pub id: String,
    /// DNS names and addresses it is for.
    pub names: Vec<String>,
    /// DER.
    pub certificate: Vec<u8>,
    /// PKCS#8.
    pub key: SecretBytes,
    /// Who issued it.
    pub authority_id: String,
    /// Its end.
    pub not_after_at: Timestamp,
}

/// TLS certificates of our own that are kept: the one that is shown, and some before it for whoever looks what it was.
pub const SERVER_CERTIFICATES_KEPT: u32 = 5;

/// Stores a TLS certificate of our own; the newest one is shown from now on, and the newest [`SERVER_CERTIFICATES_KEPT`] stay.
pub fn insert_server_certificate(tx: &Tx, certificate: &ServerCertificate) -> Result<()> {
    let names = serde_json::to_string(&certificate.names).map_err(|error| crate::error::Error::internal("names are text", error))?;
    // What was made later than now was made while the clock was ahead; it would be the newest until then.
    tx.execute("DELETE FROM server_certificates WHERE created_at > ?1", [tx.now])?;
    tx.execute(
        "INSERT INTO server_certificates (id, names, certificate, key_sealed, authority_id, not_after_at, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (
            &certificate.id,
            names,
            &certificate.certificate,
            tx.seal("server_certificates.key", certificate.key.expose())?,
            &certificate.authority_id,
            certificate.not_after_at,
            tx.now,
        ),
    )?;
    tx.execute(
        "DELETE FROM server_certificates WHERE id NOT IN (SELECT id FROM server_certificates ORDER BY created_at DESC, id DESC LIMIT ?1)",
        [SERVER_CERTIFICATES_KEPT],
    )?;
    Ok(())
}

/// How many TLS certificates of our own are kept.
#[cfg(test)]
pub(crate) fn server_certificates_for_tests(tx: &Tx) -> Result<i64> {
    tx.one("SELECT count(*) FROM server_certificates", [], |row| row.get(0))
}

/// The newest TLS certificate of our own.
pub fn server_certificate(tx: &Tx) -> Result<Option<ServerCertificate>> {
    let row = tx.optional(
        "SELECT id, names, certificate, key_sealed, authority_id, not_after_at FROM server_certificates ORDER BY created_at DESC, id DESC LIMIT 1",
        [],
        |row| {
            let (id, names, certificate): (String, String, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (key_sealed, authority_id, not_after_at): (Vec<u8>, String, Timestamp) = (row.get(3)?, row.get(4)?, row.get(5)?);
            Ok((id, names, certificate, key_sealed, authority_id, not_after_at))
        },
    )?;
    let Some((id, names, certificate, key_sealed, authority_id, not_after_at)) = row else { return Ok(None) };
    let names = serde_json::from_str(&names).unwrap_or_default();
    let key = tx.open("server_certificates.key", &key_sealed)?;
    Ok(Some(ServerCertificate { id, names, certificate, key, authority_id, not_after_at }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::memory;

    #[test]
    fn an_address_that_changes_every_day_leaves_a_few_tls_certificates_behind() {
        let store = memory();
        let authority = "INSERT INTO authorities (id, state, certificate, fingerprint, not_after_at, created_at)
                         VALUES ('a', 'current', x'01', x'02', 9, 1)";
        store.write_blocking(Timestamp::from_seconds(1), |tx| tx.execute(authority, [])).unwrap();
        for number in 1..=20 {
            let certificate = ServerCertificate {
                id: format!("c{number}"),
                names: vec![format!("192.0.2.{number}")],
                certificate: vec![1],
                key: SecretBytes::new(vec![7]),
                authority_id: "a".to_owned(),
                not_after_at: Timestamp::from_seconds(1000),
            };
            store.write_blocking(Timestamp::from_seconds(number), move |tx| insert_server_certificate(tx, &certificate)).unwrap();
        }
        let work = |tx: &Tx| Ok((server_certificates_for_tests(tx)?, server_certificate(tx)?.map(|newest| newest.id)));
        let left = store.read_blocking(Timestamp::from_seconds(30), work).unwrap();
        assert_eq!(left, (i64::from(SERVER_CERTIFICATES_KEPT), Some(String::from("c20"))));
    }
}
