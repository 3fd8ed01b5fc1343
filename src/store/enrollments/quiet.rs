//! Whether there is nothing to say to a device that polls: what nearly every request asks, in one statement.

use crate::error::Result;
use crate::pki::certificate::Fingerprint;
use crate::store::Tx;

/// The id of the enrollment of this Nano id, where it speaks by this identity, nothing waits for it, and nobody wants to hear that it asked.
///
/// None where anything of that is not so, or not sure, as with those who came in by an account and show a token: then it is to be asked in detail.
pub fn quiet(tx: &Tx, fingerprint: &Fingerprint, nano_id: &str) -> Result<Option<String>> {
    tx.optional(
        "SELECT enrollments.id FROM enrollments
         WHERE nano_id = ?2 AND state = 'enrolled' AND push_attempts = 0 AND NOT awaiting_configuration AND NOT questions_due
           AND entry <> 'account'
           AND coalesce(parent_id, id) = (SELECT enrollment_id FROM certificates WHERE fingerprint = ?1 AND revoked_at IS NULL)
           AND NOT EXISTS (SELECT 1 FROM commands WHERE enrollment_id = enrollments.id AND finished_at IS NULL)
           AND NOT EXISTS (SELECT 1 FROM plans WHERE enrollment_id = enrollments.id AND due_at <= ?3)
           AND NOT EXISTS (SELECT 1 FROM webhooks WHERE disabled_at IS NULL)",
        (fingerprint, nano_id, tx.now),
        |row| row.get(0),
    )
}
