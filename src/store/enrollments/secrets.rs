//! What of an enrollment is secret, sealed in rows of its own: longer than all the rest of it, which every message asks for.

use super::Enrollment;
use crate::error::Result;
use crate::secret::SecretBytes;
use crate::store::Tx;

/// What of an enrollment is kept sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedColumn {
    /// The device token of APNs.
    PushToken,
    /// The word that a push must carry.
    PushMagic,
    /// What ClearPasscode needs.
    UnlockToken,
    /// What a Mac asks back for.
    BootstrapToken,
}

impl SealedColumn {
    fn name(self) -> &'static str {
        match self {
            Self::PushToken => "push_token_sealed",
            Self::PushMagic => "push_magic_sealed",
            Self::UnlockToken => "unlock_token_sealed",
            Self::BootstrapToken => "bootstrap_token_sealed",
        }
    }

    /// What says in the enrollment's own row that there is one.
    fn held(self) -> Option<&'static str> {
        match self {
            Self::PushToken => Some("has_push_token"),
            Self::PushMagic => None,
            Self::UnlockToken => Some("has_unlock_token"),
            Self::BootstrapToken => Some("has_bootstrap_token"),
        }
    }

    fn context(self) -> &'static str {
        match self {
            Self::PushToken => "enrollments.push_token",
            Self::PushMagic => "enrollments.push_magic",
            Self::UnlockToken => "enrollments.unlock_token",
            Self::BootstrapToken => "enrollments.bootstrap_token",
        }
    }
}

/// Seals and stores one secret of an enrollment; `None` removes it.
pub fn set_secret(tx: &Tx, id: &str, column: SealedColumn, value: Option<&[u8]>) -> Result<()> {
    let (name, sealed) = (column.name(), value.map(|value| tx.seal(column.context(), value)).transpose()?);
    tx.execute(
        &format!(
            "INSERT INTO enrollment_secrets (enrollment_id, {name}) VALUES (?1, ?2) ON CONFLICT (enrollment_id) DO UPDATE SET {name} = excluded.{name}"
        ),
        (id, sealed),
    )?;
    if let Some(held) = column.held() {
        tx.execute(&format!("UPDATE enrollments SET {held} = ?2 WHERE id = ?1"), (id, value.is_some()))?;
    }
    Ok(())
}

/// Seals and stores the tokens that a TokenUpdate brings; an unlock token that it lacks leaves the one that is held. That they are held,
/// [`told`](super::told) stores.
pub fn set_tokens(tx: &Tx, id: &str, push_token: &[u8], push_magic: &[u8], unlock_token: Option<&[u8]>) -> Result<()> {
    let seal = |column: SealedColumn, value: &[u8]| tx.seal(column.context(), value);
    let (push_token, push_magic) = (seal(SealedColumn::PushToken, push_token)?, seal(SealedColumn::PushMagic, push_magic)?);
    let unlock_token = unlock_token.map(|token| seal(SealedColumn::UnlockToken, token)).transpose()?;
    tx.execute(
        "INSERT INTO enrollment_secrets (enrollment_id, push_token_sealed, push_magic_sealed, unlock_token_sealed) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (enrollment_id) DO UPDATE SET push_token_sealed = excluded.push_token_sealed, push_magic_sealed = excluded.push_magic_sealed,
            unlock_token_sealed = coalesce(excluded.unlock_token_sealed, unlock_token_sealed)",
        (id, push_token, push_magic, unlock_token),
    )
    .map(drop)
}

/// Forgets every secret of an enrollment, and that it is to be woken.
pub fn forget_secrets(tx: &Tx, enrollment: &mut Enrollment) -> Result<()> {
    tx.execute(
        "UPDATE enrollment_secrets SET push_token_sealed = NULL, push_magic_sealed = NULL, unlock_token_sealed = NULL, bootstrap_token_sealed = NULL
         WHERE enrollment_id = ?1",
        [&enrollment.id],
    )?;
    (enrollment.has_push_token, enrollment.has_unlock_token, enrollment.has_bootstrap_token) = (false, false, false);
    (enrollment.push_due_at, enrollment.push_attempts) = (None, 0);
    tx.execute(
        "UPDATE enrollments SET has_push_token = 0, has_unlock_token = 0, has_bootstrap_token = 0, push_due_at = NULL, push_attempts = 0
         WHERE id = ?1",
        [&enrollment.id],
    )
    .map(drop)
}

impl Enrollment {
    /// Whether this secret is held, as of when the enrollment was read.
    pub fn has(&self, column: SealedColumn) -> bool {
        match column {
            SealedColumn::PushToken | SealedColumn::PushMagic => self.has_push_token,
            SealedColumn::UnlockToken => self.has_unlock_token,
            SealedColumn::BootstrapToken => self.has_bootstrap_token,
        }
    }
}

/// One secret of an enrollment.
pub fn secret(tx: &Tx, id: &str, column: SealedColumn) -> Result<Option<SecretBytes>> {
    let sealed: Option<Option<Vec<u8>>> =
        tx.optional(&format!("SELECT {} FROM enrollment_secrets WHERE enrollment_id = ?1", column.name()), [id], |row| row.get(0))?;
    sealed.flatten().map(|sealed| tx.open(column.context(), &sealed)).transpose()
}
