//! What stands in the way of an update that comes by command, and what may be tried again at once. Pure.

use crate::clock::Timestamp;
use crate::store::deployments::Mechanism;
use crate::store::update_states::{Stage, UpdateState};

/// What is kept where there is no room, in English whatever is spoken, since what helps is decided by it.
const NO_ROOM: [&str; 2] =
    [msg!("there is not enough room on the device to download it"), msg!("there is not enough room on the device to install it")];

/// Whether room is what the device lacks.
pub fn lacks_room(row: &UpdateState) -> bool {
    NO_ROOM.contains(&row.problem.as_str())
}

/// Whether something stands in the way that somebody may take away, so that it waits to be told again.
pub fn is_hindered(row: &UpdateState, now: Timestamp) -> bool {
    let waits = row.scheduled.is_empty() && row.command_uuid.is_none() && row.due_at.is_some_and(|due| due > now);
    row.mechanism == Mechanism::Command && matches!(row.stage, Stage::Waiting | Stage::Prepared) && waits && !row.problem.is_empty()
}

/// Whether a person can have it tried again at once.
pub fn may_retry(row: &UpdateState, now: Timestamp) -> bool {
    row.stage == Stage::Failed || is_hindered(row, now)
}

/// What is kept of a status of ScheduleOSUpdate, in words, and whether it passes by itself.
pub(super) fn obstacle(status: &str) -> Option<(&'static str, bool)> {
    Some(match status {
        "DownloadFailed" => (t!("the download failed"), false),
        "DownloadRequiresComputer" => (t!("this update can only be installed from a computer"), false),
        "DownloadInsufficientSpace" => (NO_ROOM[0], true),
        "DownloadInsufficientPower" => (t!("the battery is too low to download it; connect the device to power"), true),
        "DownloadInsufficientNetwork" => (t!("its network is not good enough to download it; connect it to Wi-Fi"), true),
        "InstallInsufficientSpace" => (NO_ROOM[1], true),
        "InstallInsufficientPower" => (t!("the battery is too low to install it; connect the device to power"), true),
        "InstallPhoneCallInProgress" => (t!("somebody is on the phone"), true),
        "InstallFailed" => (t!("the installation failed"), false),
        _ => return None,
    })
}
