//! Invitations to enroll, and the one-time challenges that their profiles carry.

use rusqlite::{Row, named_params, params};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::pki::certificate::Fingerprint;
use crate::store::Tx;
use crate::store::certificates::Purpose;
use crate::store::words::words;

words! {
    /// Which protocol takes a challenge.
    pub enum IdentityKind {
        /// SCEP: the key is said to be the device's.
        Scep = "scep",
        /// ACME: the key is attested to be the device's.
        Acme = "acme",
    }
}

words! {
    /// By which door a device comes in.
    pub enum Entry {
        /// A person opened an invitation on it.
        Invitation = "invitation",
        /// Setup Assistant, because Apple assigns it to this server.
        Automated = "automated",
        /// Setup Assistant, because Apple Configurator prepared it.
        Configurator = "configurator",
        /// A person signed in with their Managed Apple Account.
        Account = "account",
        /// A Profile Service of the older kind.
        ProfileService = "profile_service",
    }
}

/// An invitation to enroll.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// Our id for it.
    pub id: String,
    /// What a person types or scans.
    pub code: String,
    /// What it is for, for the admin.
    pub note: String,
    /// The group that devices come into.
    pub group_label: String,
    /// The person that the device is for.
    pub person_label: String,
    /// Certificates issued by it so far.
    pub uses: i64,
    /// How many it is good for; `None` for any number.
    pub max_uses: Option<i64>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When an admin withdrew it.
    pub revoked_at: Option<Timestamp>,
    /// For simulated devices of the practice classroom.
    pub practice: bool,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether a device has to say who it is before it gets its profile.
    pub asks_device: bool,
}

const COLUMNS: &str = "id, code, note, group_label, person_label, uses, max_uses, expires_at, revoked_at, practice, created_by, created_at, \
     asks_device";

fn invitation(row: &Row<'_>) -> rusqlite::Result<Invitation> {
    Ok(Invitation {
        id: row.get(0)?,
        code: row.get(1)?,
        note: row.get(2)?,
        group_label: row.get(3)?,
        person_label: row.get(4)?,
        uses: row.get(5)?,
        max_uses: row.get(6)?,
        expires_at: row.get(7)?,
        revoked_at: row.get(8)?,
        practice: row.get(9)?,
        created_by: row.get(10)?,
        created_at: row.get(11)?,
        asks_device: row.get(12)?,
    })
}

/// Stores a new invitation.
pub fn insert(tx: &Tx, invitation: &Invitation) -> Result<()> {
    tx.execute(
        "INSERT INTO invitations (id, code, note, group_label, person_label, max_uses, expires_at, practice, created_by, created_at, asks_device)
         VALUES (:id, :code, :note, :group_label, :person_label, :max_uses, :expires_at, :practice, :created_by, :created_at, :asks_device)",
        named_params! {
            ":id": invitation.id, ":code": invitation.code, ":note": invitation.note, ":group_label": invitation.group_label,
            ":person_label": invitation.person_label, ":max_uses": invitation.max_uses, ":expires_at": invitation.expires_at,
            ":practice": invitation.practice, ":created_by": invitation.created_by, ":created_at": invitation.created_at,
            ":asks_device": invitation.asks_device,
        },
    )?;
    Ok(())
}

/// The invitation of this id.
pub fn by_id(tx: &Tx, id: &str) -> Result<Option<Invitation>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM invitations WHERE id = ?1"), [id], invitation)
}

/// The invitation with this code, whatever its upper and lower case.
pub fn by_code(tx: &Tx, code: &str) -> Result<Option<Invitation>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM invitations WHERE code = ?1"), [code], invitation)
}

/// Invitations, newest first, from below `before` (an id).
pub fn list(tx: &Tx, before: Option<&str>, limit: u32) -> Result<Vec<Invitation>> {
    tx.list(sql!("SELECT {COLUMNS} FROM invitations WHERE (?1 IS NULL OR id < ?1) ORDER BY id DESC LIMIT ?2"), (before, limit), invitation)
}

/// How many invitations there are.
pub fn count(tx: &Tx) -> Result<i64> {
    tx.one("SELECT count(*) FROM invitations", [], |row| row.get(0))
}

/// Counts one more use.
pub fn use_once(tx: &Tx, id: &str) -> Result<()> {
    tx.execute("UPDATE invitations SET uses = uses + 1 WHERE id = ?1", [id])?;
    Ok(())
}

/// Withdraws an invitation; a second time changes nothing.
pub fn revoke(tx: &Tx, id: &str) -> Result<bool> {
    Ok(tx.execute("UPDATE invitations SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL", (id, tx.now))? == 1)
}

/// A one-time challenge of SCEP or ACME, known by its hash.
#[derive(Debug, Clone)]
pub struct Challenge {
    /// SHA-256 of the challenge.
    pub hash: [u8; 32],
    /// For a new enrollment or a renewal.
    pub purpose: Purpose,
    /// The invitation behind it.
    pub invitation_id: Option<String>,
    /// Of a renewal: whose.
    pub enrollment_id: Option<String>,
    /// ServerURL of the profile that carries it.
    pub server_url: String,
    /// CheckInURL of the profile that carries it.
    pub check_in_url: String,
    /// SCEP URL of the profile that carries it.
    pub scep_url: String,
    /// Topic of the profile that carries it.
    pub topic: String,
    /// The newest of our roots in the profile that carries it.
    pub newest_authority_id: Option<String>,
    /// Which protocol takes it.
    pub identity: IdentityKind,
    /// When it ends unspent.
    pub expires_at: Timestamp,
    /// When a certificate was issued for it.
    pub spent_at: Option<Timestamp>,
    /// By which door the device comes in.
    pub entry: Entry,
    /// Serial number of the device that it was made for, where that is proven.
    pub serial_number: Option<String>,
    /// UDID of the device that it was made for, where that is proven.
    pub udid: Option<String>,
    /// Whether a practice device asked for it from Setup Assistant.
    pub practice: bool,
    /// Who signed in at the device.
    pub person_id: Option<String>,
    /// Hash of the account token by which its profile was fetched.
    pub account: Option<Vec<u8>>,
}

const CHALLENGE_COLUMNS: &str = "hash, purpose, invitation_id, enrollment_id, server_url, check_in_url, scep_url, topic, expires_at, spent_at, \
     newest_authority_id, entry, serial_number, udid, practice, person_id, identity, account";

fn challenge(row: &Row<'_>) -> rusqlite::Result<Challenge> {
    Ok(Challenge {
        hash: row.get(0)?,
        purpose: row.get(1)?,
        invitation_id: row.get(2)?,
        enrollment_id: row.get(3)?,
        server_url: row.get(4)?,
        check_in_url: row.get(5)?,
        scep_url: row.get(6)?,
        topic: row.get(7)?,
        expires_at: row.get(8)?,
        spent_at: row.get(9)?,
        newest_authority_id: row.get(10)?,
        entry: row.get(11)?,
        serial_number: row.get(12)?,
        udid: row.get(13)?,
        practice: row.get(14)?,
        person_id: row.get(15)?,
        identity: row.get(16)?,
        account: row.get(17)?,
    })
}

/// Stores a new challenge.
pub fn insert_challenge(tx: &Tx, challenge: &Challenge) -> Result<()> {
    tx.execute(
        "INSERT INTO challenges (hash, purpose, invitation_id, enrollment_id, server_url, check_in_url, scep_url, topic, created_at, expires_at,
                                 newest_authority_id, entry, serial_number, udid, practice, person_id, identity, account)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
        params![
            &challenge.hash[..],
            challenge.purpose,
            &challenge.invitation_id,
            &challenge.enrollment_id,
            &challenge.server_url,
            &challenge.check_in_url,
            &challenge.scep_url,
            &challenge.topic,
            tx.now,
            challenge.expires_at,
            &challenge.newest_authority_id,
            challenge.entry,
            &challenge.serial_number,
            &challenge.udid,
            challenge.practice,
            &challenge.person_id,
            challenge.identity,
            &challenge.account,
        ],
    )?;
    Ok(())
}

/// The challenge with this hash, spent or not.
pub fn challenge_by_hash(tx: &Tx, hash: &[u8; 32]) -> Result<Option<Challenge>> {
    tx.optional(sql!("SELECT {CHALLENGE_COLUMNS} FROM challenges WHERE hash = ?1"), [&hash[..]], challenge)
}

/// The challenge that a certificate was issued for.
pub fn challenge_by_fingerprint(tx: &Tx, fingerprint: &Fingerprint) -> Result<Option<Challenge>> {
    tx.optional(sql!("SELECT {CHALLENGE_COLUMNS} FROM challenges WHERE fingerprint = ?1"), [fingerprint], challenge)
}

/// The unspent challenge that was made for the renewal of an enrollment at this moment, while it is kept.
pub fn unspent_renewal(tx: &Tx, enrollment_id: &str, created_at: Timestamp) -> Result<Option<Challenge>> {
    tx.optional(
        sql!(
            "SELECT {CHALLENGE_COLUMNS} FROM challenges
             WHERE enrollment_id = ?1 AND created_at = ?2 AND purpose = 'renew' AND spent_at IS NULL LIMIT 1"
        ),
        (enrollment_id, created_at),
        challenge,
    )
}

/// Spends a challenge on a certificate; tells whether it was still unspent.
pub fn spend_challenge(tx: &Tx, hash: &[u8; 32], fingerprint: &Fingerprint) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE challenges SET spent_at = ?2, fingerprint = ?3 WHERE hash = ?1 AND spent_at IS NULL",
        (&hash[..], tx.now, fingerprint),
    )?;
    Ok(changed == 1)
}

/// Moves the end of an enrollment's unspent renewal challenges.
pub fn extend_challenges(tx: &Tx, enrollment_id: &str, expires_at: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE challenges SET expires_at = ?2 WHERE enrollment_id = ?1 AND purpose = 'renew' AND spent_at IS NULL",
        (enrollment_id, expires_at),
    )?;
    Ok(())
}

/// Removes challenges that ended unspent before `before`; gives how many.
pub fn prune_challenges(tx: &Tx, before: Timestamp) -> Result<usize> {
    tx.execute("DELETE FROM challenges WHERE spent_at IS NULL AND expires_at < ?1", [before])
}
