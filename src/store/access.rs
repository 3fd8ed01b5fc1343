//! App access: policies, the keys that sign grants, people's passwords, and where each holder of an app stands.

use rusqlite::{Row, named_params};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::secret::{Secret, SecretBytes};
use crate::store::Tx;

/// A policy as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRow {
    /// JSON.
    pub policy: String,
    /// Grows with each change.
    pub revision: i64,
    /// When it changed last.
    pub changed_at: Timestamp,
}

/// The policy of an app, if access to it is asked for.
pub fn policy(tx: &Tx, app_id: &str) -> Result<Option<PolicyRow>> {
    tx.optional("SELECT policy, revision, changed_at FROM access_policies WHERE app_id = ?1", [app_id], |row| {
        Ok(PolicyRow { policy: row.get(0)?, revision: row.get(1)?, changed_at: row.get(2)? })
    })
}

/// Sets the policy of an app.
pub fn set_policy(tx: &Tx, app_id: &str, policy: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO access_policies (app_id, policy, changed_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (app_id) DO UPDATE SET policy = excluded.policy, revision = revision + 1, changed_at = excluded.changed_at",
        (app_id, policy, tx.now),
    )?;
    Ok(())
}

/// Ends access to an app; tells whether there was any.
pub fn remove_policy(tx: &Tx, app_id: &str) -> Result<bool> {
    Ok(tx.execute("DELETE FROM access_policies WHERE app_id = ?1", [app_id])? == 1)
}

/// The apps of this bundle identifier that ask for access, with their policies, in a stable order.
pub fn apps_by_bundle_id(tx: &Tx, bundle_id: &str) -> Result<Vec<(String, String)>> {
    tx.list(
        "SELECT apps.id, policy FROM apps JOIN access_policies ON app_id = apps.id WHERE bundle_id = ?1 ORDER BY apps.id",
        [bundle_id],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// The apps that ask for access.
pub fn asking_apps(tx: &Tx) -> Result<Vec<String>> {
    tx.list("SELECT app_id FROM access_policies ORDER BY app_id", [], |row| row.get(0))
}

/// Whether an app is assigned to a group that a device is in.
pub fn is_assigned(tx: &Tx, app_id: &str, device_id: &str) -> Result<bool> {
    tx.one(
        "SELECT EXISTS (SELECT 1 FROM group_devices CROSS JOIN assignments USING (group_id)
                        WHERE device_id = ?1 AND kind = 'app' AND item_id = ?2 AND (ends_at IS NULL OR ends_at > ?3))",
        (device_id, app_id, tx.now),
        |row| row.get(0),
    )
}

/// Whether an app is assigned to anybody.
pub fn is_assigned_anywhere(tx: &Tx, app_id: &str) -> Result<bool> {
    tx.one(
        "SELECT EXISTS (SELECT 1 FROM assignments WHERE kind = 'app' AND item_id = ?1 AND (ends_at IS NULL OR ends_at > ?2))",
        (app_id, tx.now),
        |row| row.get(0),
    )
}

/// A key that signs or signed grants.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// Its id, the `kid` of what it signs.
    pub id: String,
    /// SubjectPublicKeyInfo.
    pub public_key: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When another took over.
    pub retired_at: Option<Timestamp>,
}

fn place(id: &str) -> String {
    format!("access_keys.key_sealed/{id}")
}

/// The id of the key that signs.
pub fn signing_key_id(tx: &Tx) -> Result<Option<String>> {
    tx.optional("SELECT id FROM access_keys WHERE retired_at IS NULL", [], |row| row.get(0))
}

/// The private key of this id as PKCS#8, while it signs.
pub fn private_key(tx: &Tx, id: &str) -> Result<Option<SecretBytes>> {
    let sealed: Option<Vec<u8>> = tx.optional("SELECT key_sealed FROM access_keys WHERE id = ?1", [id], |row| row.get(0))?.flatten();
    sealed.map(|sealed| tx.open(&place(id), &sealed)).transpose()
}

/// Has another key sign from now on; the private half of the one before is forgotten.
pub fn set_signing_key(tx: &Tx, id: &str, public_key: &[u8], private_key: &SecretBytes) -> Result<()> {
    tx.execute("UPDATE access_keys SET retired_at = ?1, key_sealed = NULL WHERE retired_at IS NULL", [tx.now])?;
    let sealed = tx.seal(&place(id), private_key.expose())?;
    tx.execute(
        "INSERT INTO access_keys (id, public_key, key_sealed, created_at) VALUES (?1, ?2, ?3, ?4)",
        (id, public_key, sealed, tx.now),
    )?;
    Ok(())
}

/// Forgets keys that retired before a moment; gives how many.
pub fn prune_keys(tx: &Tx, before: Timestamp) -> Result<usize> {
    tx.execute("DELETE FROM access_keys WHERE retired_at < ?1", [before])
}

/// The keys by which grants are verified: the one that signs first, and those that retired after `since`.
pub fn keys(tx: &Tx, since: Timestamp) -> Result<Vec<AccessKey>> {
    tx.list(
        "SELECT id, public_key, created_at, retired_at FROM access_keys WHERE retired_at IS NULL OR retired_at > ?1
         ORDER BY retired_at IS NOT NULL, retired_at DESC, id",
        [since],
        |row| Ok(AccessKey { id: row.get(0)?, public_key: row.get(1)?, created_at: row.get(2)?, retired_at: row.get(3)? }),
    )
}

/// Whether a person has a password, and whether a link to choose one is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordState {
    /// Whether there is a password.
    pub is_set: bool,
    /// When the open link ends.
    pub link_ends_at: Option<Timestamp>,
    /// When either changed last.
    pub changed_at: Timestamp,
}

fn hash_place(person_id: &str) -> String {
    format!("person_passwords.hash_sealed/{person_id}")
}

/// What there is of a person's password.
pub fn password_state(tx: &Tx, person_id: &str) -> Result<Option<PasswordState>> {
    tx.optional("SELECT hash_sealed IS NOT NULL, link_ends_at, changed_at FROM person_passwords WHERE person_id = ?1", [person_id], |row| {
        Ok(PasswordState { is_set: row.get(0)?, link_ends_at: row.get(1)?, changed_at: row.get(2)? })
    })
}

/// Sets a person's password by its hash; an open link is spent.
pub fn set_password(tx: &Tx, person_id: &str, hash: &Secret<String>) -> Result<()> {
    let sealed = tx.seal(&hash_place(person_id), hash.expose().as_bytes())?;
    tx.execute(
        "INSERT INTO person_passwords (person_id, hash_sealed, changed_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (person_id) DO UPDATE SET hash_sealed = excluded.hash_sealed, link_hash = NULL, link_ends_at = NULL, changed_at = excluded.changed_at",
        (person_id, sealed, tx.now),
    )?;
    Ok(())
}

/// Opens a link by which a person chooses a password; one before it is spent.
pub fn set_link(tx: &Tx, person_id: &str, token_hash: &[u8; 32], ends_at: Timestamp) -> Result<()> {
    tx.execute(
        "INSERT INTO person_passwords (person_id, link_hash, link_ends_at, changed_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (person_id) DO UPDATE SET link_hash = excluded.link_hash, link_ends_at = excluded.link_ends_at, changed_at = excluded.changed_at",
        (person_id, &token_hash[..], ends_at, tx.now),
    )?;
    Ok(())
}

/// Whose link it is, while it is open.
pub fn person_of_link(tx: &Tx, token_hash: &[u8; 32]) -> Result<Option<String>> {
    tx.optional("SELECT person_id FROM person_passwords WHERE link_hash = ?1 AND link_ends_at > ?2", (&token_hash[..], tx.now), |row| {
        row.get(0)
    })
}

/// Takes a person's password and open link away; tells whether there was either.
pub fn remove_password(tx: &Tx, person_id: &str) -> Result<bool> {
    Ok(tx.execute("DELETE FROM person_passwords WHERE person_id = ?1", [person_id])? == 1)
}

/// The people with this address who have a password, two at the most, with the hashes.
pub fn passwords_by_email(tx: &Tx, email: &str) -> Result<Vec<(String, Secret<String>)>> {
    let rows: Vec<(String, Vec<u8>)> = tx.list(
        "SELECT people.id, hash_sealed FROM people JOIN person_passwords ON person_id = people.id
         WHERE email = ?1 AND email <> '' AND hash_sealed IS NOT NULL LIMIT 2",
        [email],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    rows.into_iter()
        .map(|(id, sealed)| {
            let hash = tx.open(&hash_place(&id), &sealed)?;
            Ok((id, Secret::new(String::from_utf8_lossy(hash.expose()).into_owned())))
        })
        .collect()
}

/// Where a holder of an app stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The app.
    pub app_id: String,
    /// Who: an enrollment's id, or a person's id, slash, the installation's id.
    pub holder: String,
    /// The enrollment, where the device proved itself.
    pub enrollment_id: Option<String>,
    /// The person who was last granted it.
    pub person_id: Option<String>,
    /// The person whom the installation was first granted for, where it matters who that is: it is nobody else's.
    pub owner_id: Option<String>,
    /// The installation.
    pub installation: String,
    /// Number of the last grant.
    pub sequence: i64,
    /// Number of the last grant that the app has shown to have.
    pub acknowledged: i64,
    /// The app's counter.
    pub counter: i64,
    /// SHA-256 of the last nonce.
    pub nonce: Vec<u8>,
    /// When it last asked.
    pub asked_at: Timestamp,
    /// When it was last allowed.
    pub granted_at: Option<Timestamp>,
    /// Until when it may be offline.
    pub offline_until: Option<Timestamp>,
    /// When its right ended: the first refusal since the last grant.
    pub ended_at: Option<Timestamp>,
    /// What it was told last.
    pub code: String,
}

const COLUMNS: &str = "app_id, holder, access_standings.enrollment_id, access_standings.person_id, installation, sequence, acknowledged, counter, nonce, \
                       asked_at, granted_at, offline_until, code, owner_id, ended_at";

fn standing_of(row: &Row<'_>) -> rusqlite::Result<Standing> {
    Ok(Standing {
        app_id: row.get(0)?,
        holder: row.get(1)?,
        enrollment_id: row.get(2)?,
        person_id: row.get(3)?,
        installation: row.get(4)?,
        sequence: row.get(5)?,
        acknowledged: row.get(6)?,
        counter: row.get(7)?,
        nonce: row.get(8)?,
        asked_at: row.get(9)?,
        granted_at: row.get(10)?,
        offline_until: row.get(11)?,
        code: row.get(12)?,
        owner_id: row.get(13)?,
        ended_at: row.get(14)?,
    })
}

/// Where a holder stands; none before its first ask.
pub fn standing(tx: &Tx, app_id: &str, holder: &str) -> Result<Option<Standing>> {
    tx.optional(sql!("SELECT {COLUMNS} FROM access_standings WHERE app_id = ?1 AND holder = ?2"), (app_id, holder), standing_of)
}

/// Where the holder stands whom this installation of an app was last granted to.
pub fn standing_of_installation(tx: &Tx, app_id: &str, installation: &str) -> Result<Option<Standing>> {
    tx.optional(
        // Left alone, SQLite takes the primary key, and with it all who have the app.
        sql!(
            "SELECT {COLUMNS} FROM access_standings INDEXED BY access_standings_installation
             WHERE app_id = ?1 AND installation = ?2 AND granted_at IS NOT NULL ORDER BY granted_at DESC LIMIT 1"
        ),
        (app_id, installation),
        standing_of,
    )
}

/// Stores where a holder stands.
pub fn put_standing(tx: &Tx, standing: &Standing) -> Result<()> {
    tx.execute(
        "INSERT OR REPLACE INTO access_standings (app_id, holder, enrollment_id, person_id, installation, sequence, acknowledged, counter, nonce, asked_at,
                                                  granted_at, offline_until, code, owner_id, ended_at)
         VALUES (:app_id, :holder, :enrollment_id, :person_id, :installation, :sequence, :acknowledged, :counter, :nonce, :asked_at, :granted_at,
                 :offline_until, :code, :owner_id, :ended_at)",
        named_params! {
            ":app_id": standing.app_id, ":holder": standing.holder, ":enrollment_id": standing.enrollment_id, ":person_id": standing.person_id,
            ":installation": standing.installation, ":sequence": standing.sequence, ":acknowledged": standing.acknowledged,
            ":counter": standing.counter, ":nonce": standing.nonce, ":asked_at": standing.asked_at, ":granted_at": standing.granted_at,
            ":offline_until": standing.offline_until, ":code": standing.code, ":owner_id": standing.owner_id, ":ended_at": standing.ended_at,
        },
    )?;
    Ok(())
}

/// How many installations a person has of an app without a device's proof.
pub fn count_installations(tx: &Tx, app_id: &str, person_id: &str) -> Result<u64> {
    // Between the slash and what follows it in ASCII.
    let count: i64 = tx.one(
        "SELECT count(*) FROM access_standings WHERE app_id = ?1 AND holder > ?2 || '/' AND holder < ?2 || '0'",
        (app_id, person_id),
        |row| row.get(0),
    )?;
    Ok(count.unsigned_abs())
}

/// Forgets the installation of a person without a device's proof that asked longest ago.
pub fn forget_oldest_installation(tx: &Tx, app_id: &str, person_id: &str) -> Result<()> {
    tx.execute(
        "DELETE FROM access_standings WHERE app_id = ?1 AND holder = (
             SELECT holder FROM access_standings WHERE app_id = ?1 AND holder > ?2 || '/' AND holder < ?2 || '0' ORDER BY asked_at, holder LIMIT 1)",
        (app_id, person_id),
    )?;
    Ok(())
}

/// A holder of an app as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Where it stands.
    pub standing: Standing,
    /// The device: id and name.
    pub device: Option<(String, String)>,
    /// The person's name.
    pub person: Option<String>,
}

/// The holders of an app by id, from behind `after`.
pub fn holders(tx: &Tx, app_id: &str, after: Option<&str>, limit: u32) -> Result<Vec<Holder>> {
    tx.list(
        sql!(
            "SELECT {COLUMNS}, devices.id, coalesce(nullif(devices.name, ''), devices.serial_number, ''), people.name FROM access_standings
             LEFT JOIN enrollments ON enrollments.id = access_standings.enrollment_id LEFT JOIN devices ON devices.id = device_id
             LEFT JOIN people ON people.id = access_standings.person_id
             WHERE app_id = ?1 AND holder > ?2 ORDER BY holder LIMIT ?3"
        ),
        (app_id, after.unwrap_or_default(), limit),
        |row| {
            let device: Option<String> = row.get(15)?;
            let device = match device {
                Some(id) => Some((id, row.get(16)?)),
                None => None,
            };
            Ok(Holder { standing: standing_of(row)?, device, person: row.get(17)? })
        },
    )
}

/// How many holders an app has, and of those how many devices and how many people by password alone.
pub fn count_holders(tx: &Tx, app_id: &str) -> Result<(u64, u64, u64)> {
    tx.one(
        "SELECT count(*), count(enrollment_id), count(DISTINCT CASE WHEN enrollment_id IS NULL THEN substr(holder, 1, instr(holder, '/')) END)
         FROM access_standings WHERE app_id = ?1",
        [app_id],
        |row| {
            let number = |column| Ok::<_, rusqlite::Error>(row.get::<_, i64>(column)?.unsigned_abs());
            Ok((number(0)?, number(1)?, number(2)?))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::plans;
    use crate::store::tests::memory;

    #[test]
    fn an_installation_is_found_without_going_through_all_who_have_the_app() {
        let work = |tx: &Tx| plans::of(tx, || standing_of_installation(tx, "app", "installation").map(drop));
        let plans = memory().write_blocking(Timestamp::from_seconds(1), work).unwrap();
        assert!(plans.statements.len() == 1 && plans.scans.is_empty(), "{plans:?}");
    }
}
