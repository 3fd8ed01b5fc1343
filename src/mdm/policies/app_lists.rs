//! The lists of apps in policies, by which a device hides every other app, or these.

use std::collections::BTreeSet;

use super::catalogue;
use super::nothing_left::nothing_left;
use super::pieces::parts;
use crate::language::say;
use crate::mdm::wanted::{Origin, Target};
use crate::protocol::plist::Value;
use crate::store::policies::Policy;

/// The switches with a list of apps, and whether it is of those that stay.
const SWITCHES: [(&str, bool); 2] = [("app_allow_list", true), ("app_block_list", false)];

/// A list of apps that one policy brings to a device.
#[derive(Debug, Clone)]
pub struct AppList {
    /// The policy.
    pub origin: Origin,
    /// The switch, for people.
    pub label: &'static str,
    /// The payload type or the type of the declaration.
    pub of_type: String,
    /// The key.
    pub key: String,
    /// Whether only what is on it stays; else that is what goes.
    pub is_of_allowed: bool,
    /// The bundle ids on it, in small letters.
    apps: BTreeSet<String>,
}

impl AppList {
    /// Whether an app cannot be seen and opened because of this list.
    pub fn hides(&self, bundle_id: &str) -> bool {
        self.apps.contains(&bundle_id.to_ascii_lowercase()) != self.is_of_allowed
    }
}

/// Whether a policy has a list of apps at all.
pub fn has_app_list(policy: &Policy) -> bool {
    SWITCHES.iter().any(|(switch, _)| policy.settings.contains_key(*switch))
}

/// The lists of apps that reach a device like this; those that have nothing in common do not.
pub fn app_lists(policies: &[Policy], target: &Target) -> Vec<AppList> {
    let (mut parts, _) = parts(policies, target);
    nothing_left(&mut parts);
    let mut lists = Vec::new();
    for part in &parts {
        for (switch, is_of_allowed) in SWITCHES.iter().filter_map(|(id, allows)| Some((catalogue::find(id)?, *allows))) {
            let ways = switch.ways().iter().filter(|way| way.of_type == part.of_type);
            for key in ways.flat_map(|way| &way.keys) {
                let Some(items) = part.keys.get(key.name).and_then(Value::as_array) else { continue };
                lists.push(AppList {
                    origin: part.origin.clone(),
                    label: say(switch.label),
                    of_type: part.of_type.clone(),
                    key: key.name.to_owned(),
                    is_of_allowed,
                    apps: items.iter().filter_map(Value::as_string).map(str::to_ascii_lowercase).collect(),
                });
            }
        }
    }
    lists
}
