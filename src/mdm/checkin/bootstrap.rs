//! Bootstrap tokens: a Mac gives one to keep and asks for it back.

use serde_json::Value;

use crate::error::Result;
use crate::mdm::checkin::{Reply, actor};
use crate::mdm::{escrow as secrets, journal};
use crate::secret::SecretBytes;
use crate::store::Tx;
use crate::store::enrollments::{self, Enrollment, SealedColumn};

/// Keeps the token, sealed. An empty one deletes it from here; the escrow keeps it, for a Mac that deletes its only way in by mistake.
pub(super) fn set(tx: &Tx, enrollment: &Enrollment, token: Option<&SecretBytes>) -> Result<Reply> {
    if token.is_none() {
        secrets::archive_bootstrap_token(tx, enrollment, t!("kept when the Mac deleted it"))?;
    }
    enrollments::set_secret(tx, &enrollment.id, SealedColumn::BootstrapToken, token.map(|token| token.expose().as_slice()))?;
    let kind = if token.is_some() { "enrollment.bootstrap_token_stored" } else { "enrollment.bootstrap_token_deleted" };
    journal::note(tx, &actor(enrollment), kind, enrollment, Value::Null)?;
    Ok(Reply::Empty)
}

/// Gives the token back; an empty body where none is held.
pub(super) fn of(tx: &Tx, enrollment: &Enrollment) -> Result<Reply> {
    let Some(token) = enrollments::secret(tx, &enrollment.id, SealedColumn::BootstrapToken)? else { return Ok(Reply::Empty) };
    journal::note(tx, &actor(enrollment), "enrollment.bootstrap_token_given", enrollment, Value::Null)?;
    Ok(Reply::BootstrapToken(token))
}
