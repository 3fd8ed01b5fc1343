//! By what an update comes to a device: a declaration where the system has it, else commands.

use crate::mdm::reconcile::render::has_declarations;
use crate::mdm::updates::because::Because;
use crate::mdm::wanted::Target;
use crate::protocol::availability::{Reason, Request, check};
use crate::protocol::declaration::{Obstacle, find_type};
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::store::deployments::Mechanism;
use crate::store::update_states::{Action, Inability};

/// The declaration that has a release installed by a deadline.
pub const ENFORCEMENT: &str = "com.apple.configuration.softwareupdate.enforcement.specific";

/// First versions that take a release by its version, not by the key alone that the device gave it.
const BY_VERSION_FROM: [(Platform, &str); 3] = [(Platform::Ios, "11.3"), (Platform::Macos, "12.0"), (Platform::Tvos, "12.2")];

/// The first macOS that can be told to only download, and to restart whatever is open.
const MAC_ACTIONS_FROM: &str = "11.0";

/// Chooses; an error is why there is no way.
pub fn mechanism(target: &Target) -> Result<Mechanism, Because> {
    let device = &target.capabilities;
    let obstacle = find_type(ENFORCEMENT).and_then(|enforcement| enforcement.obstacle(device));
    let says_so = target.supported.as_ref().is_none_or(|supported| supported.iter().any(|kind| kind == ENFORCEMENT));
    if obstacle.is_none() && says_so && has_declarations(target) {
        return Ok(Mechanism::Declaration);
    }
    match check(Request::Command("ScheduleOSUpdate"), device) {
        Ok(()) if device.platform != Platform::Visionos => Ok(Mechanism::Command),
        Ok(()) => Err(Because::new(Inability::Other, t!("updates can be started from visionOS 26 on"))),
        Err(refusal) => Err(match obstacle {
            // Of two ways that are both closed, the newer one tells what would help, unless the system is too old for it.
            Some(obstacle) if !matches!(obstacle, Obstacle::TooOld(_)) => {
                let kind = if matches!(obstacle, Obstacle::Supervision) { Inability::Supervision } else { Inability::Other };
                Because::new(kind, t!("an update by declaration {obstacle}", obstacle = obstacle.words(device)))
            }
            _ if refusal.reason == Reason::Supervision => {
                Because::new(Inability::Supervision, t!("on its system updates can be started on supervised devices only"))
            }
            _ => Because::new(Inability::Other, refusal.words),
        }),
    }
}

/// By what a device is told something by hand. Declarations always install: what only downloads or tells its user goes by command as long as the system
/// has both.
pub fn for_order(target: &Target, action: Action) -> Result<Mechanism, Because> {
    let device = &target.capabilities;
    let only_asks = matches!(action, Action::Download | Action::Notify);
    if only_asks && device.platform != Platform::Visionos && check(Request::Command("ScheduleOSUpdate"), device).is_ok() {
        return Ok(Mechanism::Command);
    }
    mechanism(target)
}

fn has(table: &[(Platform, &str)], target: &Target) -> bool {
    let device = &target.capabilities;
    table.iter().any(|(platform, first)| *platform == device.platform && device.os_version.is_at_least(OsVersion::parse(first)))
}

/// Whether commands must name a release by the key that the device gave it: on old systems, and for improvements always.
pub fn needs_key(target: &Target, is_improvement: bool) -> bool {
    is_improvement || !has(&BY_VERSION_FROM, target)
}

/// Whether a Mac has all actions.
pub fn has_mac_actions(target: &Target) -> bool {
    has(&[(Platform::Macos, MAC_ACTIONS_FROM)], target)
}
