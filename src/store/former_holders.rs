//! Who had a grant for an app that was deleted.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::Tx;

/// One that had a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerHolder {
    /// The app that there was.
    pub app_id: String,
    /// Who: an enrollment's id, or a person's id, slash, the installation's id.
    pub holder: String,
    /// Number of the last grant.
    pub sequence: i64,
    /// The policy that the app had, as JSON.
    pub policy: String,
    /// When it was told first that its right has ended.
    pub told_at: Option<Timestamp>,
}

/// Remembers everybody who had a grant for an app that asks here and is to be deleted.
pub fn remember(tx: &Tx, app_id: &str) -> Result<usize> {
    tx.execute(
        "INSERT OR REPLACE INTO former_holders (app_id, holder, bundle_id, installation, sequence, policy, ended_at)
         SELECT app_id, holder, bundle_id, installation, sequence, policy, ?2 FROM access_standings
         JOIN apps ON apps.id = app_id JOIN access_policies USING (app_id) WHERE app_id = ?1 AND granted_at IS NOT NULL",
        (app_id, tx.now),
    )
}

/// Those whom this installation of a deleted app with this bundle identifier counted as, the last one first.
pub fn of_installation(tx: &Tx, bundle_id: &str, installation: &str) -> Result<Vec<FormerHolder>> {
    tx.list(
        "SELECT app_id, holder, sequence, policy, told_at FROM former_holders WHERE bundle_id = ?1 AND installation = ?2
         ORDER BY ended_at DESC, app_id, holder LIMIT 20",
        (bundle_id, installation),
        |row| {
            Ok(FormerHolder { app_id: row.get(0)?, holder: row.get(1)?, sequence: row.get(2)?, policy: row.get(3)?, told_at: row.get(4)? })
        },
    )
}

/// Notes that one was told now that its right has ended.
pub fn told(tx: &Tx, former: &FormerHolder) -> Result<()> {
    tx.execute(
        "UPDATE former_holders SET told_at = ?3 WHERE app_id = ?1 AND holder = ?2 AND told_at IS NULL",
        (&former.app_id, &former.holder, tx.now),
    )?;
    Ok(())
}

/// Forgets those whose app was deleted before a moment.
pub fn prune(tx: &Tx, before: Timestamp, limit: u32) -> Result<usize> {
    tx.execute(
        "DELETE FROM former_holders WHERE (app_id, holder) IN (SELECT app_id, holder FROM former_holders WHERE ended_at < ?1 LIMIT ?2)",
        (before, limit),
    )
}
