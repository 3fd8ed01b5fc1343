//! An appliance that was restored: what may have happened after its backup was made, and what is done about it.
//!
//! Commands that were sent after the backup wait in it still: those that must not be done twice are withdrawn. Identities that were issued after it are
//! not in it: they carry the signature of our own root, and are taken in again for [`WINDOW`] ([`lost`]). Whoever was logged in logs in again.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::language;
use crate::mdm::settings::zone;
use crate::mdm::{Actor, journal};
use crate::pki::certificate::Certificate;
use crate::pki::issue::BACK_DATE;
use crate::store::authorities::{self, Authority, AuthorityState};
use crate::store::backup::Manifest;
use crate::store::commands::{self, CommandState};
use crate::store::settings::{self, Setting};
use crate::store::{Tx, alerts, enrollments, letters, sessions};

/// How long after a restore identities are taken in that were issued after the backup.
pub const WINDOW: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long the restore stands on the first page.
pub const TOLD: Duration = Duration::from_secs(14 * 24 * 3600);

/// Names the notice that this appliance was restored.
pub const RESTORED: &str = "backup.restored";

/// Commands that must not be done twice: a device that was erased, locked or restarted after the backup would be so again.
pub const NOT_TWICE: [&str; 14] = [
    "EraseDevice",
    "DeviceLock",
    "ClearPasscode",
    "ClearRestrictionsPassword",
    "RestartDevice",
    "ShutDownDevice",
    "EnableLostMode",
    "DisableLostMode",
    "PlayLostModeSound",
    "DeleteUser",
    "LogOutUser",
    "SetFirmwarePassword",
    "SetRecoveryLock",
    "RotateFileVaultKey",
];

/// Commands that are withdrawn in one go; far more than ever wait.
const WITHDRAWN_AT_ONCE: u32 = 1000;

const ACTOR: Actor = Actor::Console;

const LAST: Setting<Restored> = Setting::new("backups.restored");

/// The restore that this appliance goes back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The moment of the backup.
    pub made_at: Timestamp,
    /// When it was restored.
    pub restored_at: Timestamp,
    /// Commands that were withdrawn.
    pub withdrawn: usize,
}

/// What was settled in a restored database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// Commands that were withdrawn, because they may have been done since.
    pub withdrawn: usize,
    /// Enrollments that are asked to come.
    pub pushed: usize,
}

/// The restore that this appliance goes back to, if it does.
pub fn restored(tx: &Tx) -> Result<Option<Restored>> {
    settings::value(tx, &LAST)
}

/// Settles what may have happened since the backup was made, and tells it.
pub fn settle(tx: &Tx, manifest: &Manifest) -> Result<Settled> {
    let withdrawn = withdraw(tx)?;
    sessions::delete_all(tx)?;
    let pushed = enrollments::push_everyone(tx)?;
    // Letters that waited then were sent since; what still needs somebody is told anew where it was not told before.
    letters::give_up_waiting(tx, t!("The appliance was restored from a backup."))?;
    settings::set(tx, &LAST, &Restored { made_at: manifest.made_at, restored_at: tx.now, withdrawn })?;
    // What is said of other backups was true when this one was made.
    alerts::clear(tx, super::FAILED)?;
    alerts::clear(tx, super::TEST_FAILED)?;
    let made = language::date(zone(tx)?.words(manifest.made_at));
    let again = match withdrawn {
        0 => String::new(),
        1 => String::from(t!(" One command that must not be done twice was withdrawn; ask again for what is still wanted.")),
        many => t!(" {many} commands that must not be done twice were withdrawn; ask again for what is still wanted.", many),
    };
    alerts::raise(
        tx,
        RESTORED,
        20,
        &t!("This appliance was restored from the backup of {made}.{again}", made, again),
        t!(
            "What was changed after that is not here: look through people who may log in and API tokens, and invite devices again that enrolled later and do \
         not come by themselves."
        ),
    )?;
    let data = json!({
        "made_at": manifest.made_at, "devices": manifest.devices, "program": manifest.program, "withdrawn": withdrawn,
    });
    journal::note(tx, &ACTOR, "backup.restored", journal::Subject::default(), data)?;
    Ok(Settled { withdrawn, pushed })
}

fn withdraw(tx: &Tx) -> Result<usize> {
    let because = t!("the appliance was restored from a backup, and it may have been done since");
    let mut withdrawn = 0;
    loop {
        let page = commands::open_of_kinds(tx, &NOT_TWICE, WITHDRAWN_AT_ONCE)?;
        for command in &page {
            commands::finish(tx, command.seq, CommandState::Cancelled, because, None)?;
            if let Some(enrollment) = enrollments::by_id(tx, &command.enrollment_id)? {
                let subject = journal::Subject::from(&enrollment).command(&command.uuid);
                let data = json!({ "request_type": command.request_type, "because": because });
                journal::note(tx, &ACTOR, "command.cancelled", subject, data)?;
            }
        }
        withdrawn += page.len();
        if page.len() < WITHDRAWN_AT_ONCE as usize {
            return Ok(withdrawn);
        }
    }
}

/// When the notice of a restore is taken down.
pub(super) fn told_until(tx: &Tx) -> Result<Option<Timestamp>> {
    let told = alerts::all(tx)?.into_iter().find(|alert| alert.key == RESTORED);
    Ok(told.map(|alert| alert.last_at.plus(TOLD)))
}

/// Takes the notice of a restore down when it was told long enough.
pub(super) fn end_telling(tx: &Tx) -> Result<()> {
    if told_until(tx)?.is_some_and(|until| until <= tx.now) {
        alerts::clear(tx, RESTORED)?;
    }
    Ok(())
}

/// Our own authorities, whose certificates may be missing here because they were issued after the backup; with the moment from which that counts. None
/// where this appliance was not restored, or long ago.
pub fn issuers(tx: &Tx) -> Result<Vec<(Authority, Timestamp)>> {
    let Some(restored) = restored(tx)?.filter(|restored| tx.now <= restored.restored_at.plus(WINDOW)) else { return Ok(Vec::new()) };
    let own = authorities::all(tx)?.into_iter().filter(|authority| authority.state != AuthorityState::Imported);
    Ok(own.map(|authority| (authority, restored.restored_at)).collect())
}

/// Whether a certificate that an authority of ours has signed, and that nothing is known of, can have been issued between the backup and its restore.
/// Anything else that is unknown was made by somebody else who has our key.
pub fn is_lost(tx: &Tx, certificate: &Certificate) -> Result<bool> {
    let Some(restored) = restored(tx)? else { return Ok(false) };
    let issued_at = certificate.not_before().plus(BACK_DATE);
    // Seconds are all that a certificate says.
    let second = Duration::from_secs(1);
    Ok(issued_at.plus(second) >= restored.made_at && issued_at <= restored.restored_at.plus(second))
}
