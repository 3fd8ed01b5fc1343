//! Secrets held for a device: those that its enrollments use, and those that are kept when the use has ended.

use crate::error::Result;
use crate::secret::SecretBytes;
use crate::store::Tx;
use crate::store::devices::Device;
use crate::store::enrollments::{self, Enrollment, EnrollmentState, SealedColumn};
use crate::store::escrow::{self, EscrowKind, Held};

/// What an enrollment uses, and what it is called when it is kept.
const USED: [(SealedColumn, EscrowKind); 2] =
    [(SealedColumn::UnlockToken, EscrowKind::UnlockToken), (SealedColumn::BootstrapToken, EscrowKind::BootstrapToken)];

/// Keeps the secrets that an enrollment used until now, because it is over; `note` says why, in words.
pub(in crate::mdm) fn archive(tx: &Tx, enrollment: &Enrollment, note: &str) -> Result<()> {
    USED.into_iter().try_for_each(|(column, kind)| archive_one(tx, enrollment, column, kind, note))
}

/// Keeps the secrets that an enrollment uses; whoever calls it forgets them there.
pub(in crate::mdm) fn keep(tx: &Tx, enrollment: &Enrollment, note: &str) -> Result<()> {
    USED.into_iter().try_for_each(|(column, kind)| keep_one(tx, enrollment, column, kind, note).map(drop))
}

/// Keeps the bootstrap token that an enrollment used until now.
pub(in crate::mdm) fn archive_bootstrap_token(tx: &Tx, enrollment: &Enrollment, note: &str) -> Result<()> {
    archive_one(tx, enrollment, SealedColumn::BootstrapToken, EscrowKind::BootstrapToken, note)
}

fn archive_one(tx: &Tx, enrollment: &Enrollment, column: SealedColumn, kind: EscrowKind, note: &str) -> Result<()> {
    if keep_one(tx, enrollment, column, kind, note)? {
        enrollments::set_secret(tx, &enrollment.id, column, None)?;
    }
    Ok(())
}

/// Tells whether there was something to keep.
fn keep_one(tx: &Tx, enrollment: &Enrollment, column: SealedColumn, kind: EscrowKind, note: &str) -> Result<bool> {
    if !enrollment.has(column) {
        return Ok(false);
    }
    let Some(value) = enrollments::secret(tx, &enrollment.id, column)? else { return Ok(false) };
    let of = Some((enrollment.id.as_str(), enrollment.generation));
    escrow::insert(tx, &enrollment.device_id, of, kind, value.expose(), note)?;
    Ok(true)
}

/// Gives an enrollment that goes on after all the secrets back that [`archive`] kept under this note.
pub(in crate::mdm) fn restore(tx: &Tx, enrollment: &Enrollment, note: &str) -> Result<()> {
    for (column, kind) in USED {
        if let Some(value) = escrow::take(tx, enrollment, kind, note)? {
            enrollments::set_secret(tx, &enrollment.id, column, Some(value.expose().as_slice()))?;
        }
    }
    Ok(())
}

/// Everything that is held for a device, without the values: what is in use first, then what is kept, newest first.
pub(in crate::mdm) fn of_device(tx: &Tx, device: &Device) -> Result<Vec<Held>> {
    let mut held: Vec<_> = used(tx, device)?.into_iter().map(|(_, _, held)| held).collect();
    held.extend(escrow::of_device(tx, &device.id)?);
    Ok(held)
}

/// One held secret with its value.
pub(in crate::mdm) fn value(tx: &Tx, device: &Device, id: &str) -> Result<Option<(EscrowKind, SecretBytes)>> {
    match used(tx, device)?.into_iter().find(|(_, _, held)| held.id == id) {
        Some((enrollment, column, held)) => Ok(enrollments::secret(tx, &enrollment.id, column)?.map(|value| (held.kind, value))),
        None => escrow::value(tx, &device.id, id),
    }
}

/// Removes everything held for a device but what an enrollment still uses: a Mac would ask in vain for its bootstrap token. Gives how many
/// secrets that were, and how many stay.
pub(in crate::mdm) fn purge(tx: &Tx, device: &Device) -> Result<(usize, usize)> {
    let (mut removed, mut stay) = (escrow::purge(tx, &device.id)?, 0);
    for (enrollment, column, _) in used(tx, device)? {
        let is_live = matches!(enrollment.state, EnrollmentState::Authenticated | EnrollmentState::Enrolled);
        if is_live && device.deleted_at.is_none() {
            stay += 1;
        } else {
            enrollments::set_secret(tx, &enrollment.id, column, None)?;
            removed += 1;
        }
    }
    Ok((removed, stay))
}

/// The secrets in the enrollments themselves.
fn used(tx: &Tx, device: &Device) -> Result<Vec<(Enrollment, SealedColumn, Held)>> {
    let mut used = Vec::new();
    for enrollment in enrollments::of_device(tx, &device.id)? {
        for (column, kind) in USED {
            let is_there = match column {
                SealedColumn::UnlockToken => enrollment.has_unlock_token,
                _ => enrollment.has_bootstrap_token,
            };
            if is_there {
                let held = Held {
                    id: format!("{}.{kind}", enrollment.id),
                    device_id: device.id.clone(),
                    generation: enrollment.generation,
                    kind,
                    note: String::from(t!("in use")),
                    in_use: true,
                    created_at: enrollment.enrolled_at.or(enrollment.authenticated_at).unwrap_or(enrollment.created_at),
                };
                used.push((enrollment.clone(), column, held));
            }
        }
    }
    Ok(used)
}
