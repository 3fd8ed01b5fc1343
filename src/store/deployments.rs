//! Which enrollments are to be planned for anew: wanted or seen may have changed, or a wait is over.

use crate::error::Result;
use crate::store::bells::Bell;
use crate::store::tx::Tx;

/// Has every channel of a device planned for anew.
pub fn look_again(tx: &Tx, device_id: &str) -> Result<usize> {
    due(tx, "enrollments.device_id = ?2", device_id)
}

/// Has every device of a group planned for anew.
pub fn look_again_in_group(tx: &Tx, group_id: &str) -> Result<usize> {
    due(tx, "enrollments.device_id IN (SELECT device_id FROM group_devices WHERE group_id = ?2)", group_id)
}

fn due(tx: &Tx, which: &str, id: &str) -> Result<usize> {
    let changed = tx.execute(
        &format!(
            "INSERT INTO plans (enrollment_id, generation, due_at)
             SELECT id, generation, ?1 FROM enrollments WHERE {which} AND state = 'enrolled'
             ON CONFLICT (enrollment_id) DO UPDATE SET due_at = excluded.due_at"
        ),
        (tx.now, id),
    )?;
    if changed > 0 {
        tx.ring(Bell::Jobs);
    }
    Ok(changed)
}
