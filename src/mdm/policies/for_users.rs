//! What of policies goes to the users of a Mac, and to nobody where none of them is managed.

use super::catalogue::{self, Switch};
use super::pieces::way_for;
use super::ways::{self, Answer};
use crate::error::Result;
use crate::language::say;
use crate::mdm::wanted::{NO_USER, Origin, Target, Unable};
use crate::protocol::platform::Platform;
use crate::store::assignments::AssignedKind;
use crate::store::policies::Policy;
use crate::store::{Tx, profiles};

/// Switches that go to users of a Mac of which none is managed.
pub(super) fn for_users(tx: &Tx, policies: &[Policy], target: &Target) -> Result<Vec<Unable>> {
    let device = &target.capabilities;
    if device.platform != Platform::Macos || target.is_user_channel() || profiles::has_user_channel(tx, &target.device_id)? {
        return Ok(Vec::new());
    }
    let goes_to_users = |switch: &Switch| {
        let is_known = matches!(ways::answer(switch, device.platform, device.os_version), Answer::Way(_));
        is_known && matches!(way_for(switch, target), Ok(None))
    };
    let mut unable = Vec::new();
    for policy in policies {
        let origin = Origin { kind: AssignedKind::Policy, id: policy.id.clone(), name: policy.name.clone() };
        let switches = policy.settings.keys().filter_map(|id| catalogue::find(id)).filter(|switch| goes_to_users(switch));
        unable.extend(switches.map(|switch| Unable {
            what: say(switch.label).to_owned(),
            because: NO_USER.to_owned(),
            origin: origin.clone(),
        }));
    }
    Ok(unable)
}
