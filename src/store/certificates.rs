//! Identities: the certificates by which devices are known, and whose each of them is.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Row, named_params};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::pki::certificate::Fingerprint;
use crate::store::Tx;
use crate::store::words::words;

words! {
    /// What a certificate was issued for.
    pub enum Purpose {
        /// A new enrollment.
        Enroll = "enroll",
        /// The renewal of one enrollment's identity.
        Renew = "renew",
        /// It came in with a device of another server.
        Imported = "imported",
    }
}

/// An identity and what is known of it.
#[derive(Debug, Clone)]
pub struct Identity {
    /// SHA-256 of its DER.
    pub fingerprint: Fingerprint,
    /// Who issued it.
    pub authority_id: String,
    /// Serial number in hexadecimal.
    pub serial: String,
    /// What it was issued for.
    pub purpose: Purpose,
    /// The invitation that led to it.
    pub invitation_id: Option<String>,
    /// Of a renewal: the enrollment it was issued for.
    pub intended_for: Option<String>,
    /// The enrollment whose identity it is, once it was used.
    pub enrollment_id: Option<String>,
    /// Its start.
    pub not_before_at: Timestamp,
    /// Its end.
    pub not_after_at: Timestamp,
    /// When it was issued or first seen.
    pub issued_at: Timestamp,
    /// When it was bound.
    pub bound_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

const COLUMNS: &str = "fingerprint, authority_id, serial, purpose, invitation_id, intended_for, enrollment_id, not_before_at, not_after_at, issued_at, \
                       bound_at, revoked_at";

fn identity(row: &Row<'_>) -> rusqlite::Result<Identity> {
    Ok(Identity {
        fingerprint: row.get(0)?,
        authority_id: row.get(1)?,
        serial: row.get(2)?,
        purpose: row.get(3)?,
        invitation_id: row.get(4)?,
        intended_for: row.get(5)?,
        enrollment_id: row.get(6)?,
        not_before_at: row.get(7)?,
        not_after_at: row.get(8)?,
        issued_at: row.get(9)?,
        bound_at: row.get(10)?,
        revoked_at: row.get(11)?,
    })
}

/// A certificate to be recorded when it is issued, or first seen under an imported authority.
#[derive(Debug, Clone)]
pub struct NewIdentity<'a> {
    /// What is known of it; not bound yet.
    pub identity: &'a Identity,
    /// DER.
    pub certificate: &'a [u8],
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub public_key: &'a [u8; 32],
    /// SCEP's transactionID; empty if it did not come by SCEP.
    pub transaction_id: &'a str,
}

/// Records a certificate.
pub fn insert(tx: &Tx, new: &NewIdentity<'_>) -> Result<()> {
    let identity = new.identity;
    tx.execute(
        "INSERT INTO certificates (fingerprint, authority_id, serial, public_key, purpose, invitation_id, intended_for, enrollment_id,
                                   transaction_id, not_before_at, not_after_at, issued_at, bound_at)
         VALUES (:fingerprint, :authority_id, :serial, :public_key, :purpose, :invitation_id, :intended_for, :enrollment_id,
                 :transaction_id, :not_before_at, :not_after_at, :issued_at, :bound_at)",
        named_params! {
            ":fingerprint": identity.fingerprint, ":authority_id": identity.authority_id, ":serial": identity.serial,
            ":public_key": &new.public_key[..], ":purpose": identity.purpose,
            ":invitation_id": identity.invitation_id, ":intended_for": identity.intended_for, ":enrollment_id": identity.enrollment_id,
            ":transaction_id": new.transaction_id, ":not_before_at": identity.not_before_at, ":not_after_at": identity.not_after_at,
            ":issued_at": identity.issued_at, ":bound_at": identity.bound_at,
        },
    )?;
    tx.execute("INSERT INTO certificate_files (fingerprint, certificate) VALUES (?1, ?2)", (identity.fingerprint, new.certificate))?;
    Ok(())
}

/// The identity of this fingerprint, if we issued it or know it.
pub fn by_fingerprint(tx: &Tx, fingerprint: &Fingerprint) -> Result<Option<Identity>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM certificates WHERE fingerprint = ?1"), [fingerprint], identity)
}

/// The certificate that was issued in this SCEP transaction to this key: what an identical retry gets again.
pub fn by_transaction(tx: &Tx, transaction_id: &str, public_key: &[u8; 32]) -> Result<Option<(Identity, Vec<u8>)>> {
    tx.optional(
        sql!(
            "SELECT {COLUMNS}, (SELECT certificate FROM certificate_files WHERE certificate_files.fingerprint = certificates.fingerprint)
             FROM certificates WHERE transaction_id = ?1 AND public_key = ?2 AND transaction_id <> '' LIMIT 1"
        ),
        (transaction_id, &public_key[..]),
        |row| Ok((identity(row)?, row.get(12)?)),
    )
}

/// Says whose identity a certificate is.
pub fn bind(tx: &Tx, fingerprint: &Fingerprint, enrollment_id: &str) -> Result<()> {
    tx.execute(
        "UPDATE certificates SET enrollment_id = ?2, bound_at = coalesce(bound_at, ?3) WHERE fingerprint = ?1",
        (fingerprint, enrollment_id, tx.now),
    )?;
    Ok(())
}

/// Revokes a certificate, with the reason in words; a second time changes nothing.
pub fn revoke(tx: &Tx, fingerprint: &Fingerprint, because: &str) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE certificates SET revoked_at = ?2, revoked_because = ?3 WHERE fingerprint = ?1 AND revoked_at IS NULL",
        (fingerprint, tx.now, because),
    )?;
    Ok(changed == 1)
}

/// Revokes every certificate of an enrollment but one, with the reason in words; those that are revoked stay as they are.
pub fn revoke_others(tx: &Tx, enrollment_id: &str, but: &Fingerprint, because: &str) -> Result<()> {
    tx.execute(
        "UPDATE certificates SET revoked_at = ?3, revoked_because = ?4 WHERE enrollment_id = ?1 AND fingerprint <> ?2 AND revoked_at IS NULL",
        (enrollment_id, but, tx.now, because),
    )
    .map(drop)
}

/// The identities of an enrollment, newest first.
pub fn of_enrollment(tx: &Tx, enrollment_id: &str) -> Result<Vec<Identity>> {
    tx.list(
        sql!("SELECT {COLUMNS} FROM certificates WHERE enrollment_id = ?1 ORDER BY issued_at DESC, fingerprint"),
        [enrollment_id],
        identity,
    )
}

impl ToSql for Fingerprint {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(&self.as_bytes()[..]))
    }
}

impl FromSql for Fingerprint {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        <[u8; 32]>::try_from(bytes)
            .map(Self::from_bytes)
            .map_err(|_| FromSqlError::InvalidBlobSize { expected_size: 32, blob_size: bytes.len() })
    }
}
