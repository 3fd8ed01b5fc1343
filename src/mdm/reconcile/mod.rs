//! The heart: what a device is to have, what it is seen to have, and what to do next. The preview is the same call without the deed.
//!
//! `gather` asks the rooms for the pieces that a device is to have, `render` decides by what mechanism each comes, `step` what is to be done about
//! each of them now, and `deed` does it.

mod apps;
mod deed;
mod fetch;
mod gather;
mod outcomes;
mod outlook;
mod preview;
mod provisioning;
pub mod render;
mod seen;
pub mod setting_up;
mod standing;
pub mod step;
mod thought;
mod updates;

pub use apps::{app_answered, apps_listed, apps_present, apps_reported};
pub use deed::{AFTER_FAULT, Carried, PAGE, plan, plan_apart, plan_if_due, plan_page};
pub use fetch::{Asset, asset_of, profile_of};
pub(in crate::mdm) use gather::variables;
pub use gather::{Change, target};
pub use outcomes::{Outcomes, PAGE as OUTCOMES_PAGE, counted, outcomes, page as outcomes_page};
pub(in crate::mdm) use outlook::under_way;
pub use preview::{DEVICES_MAX, Foreseen, Named, Preview, Previews, Thing, Thought, preview_all};
pub use provisioning::provisioning_listed;
pub use seen::{answered, listed, status_changed};
pub use standing::{Standing, Standings, State, of_device, standing};
pub use thought::NAMED_MAX;
pub use updates::{system_told, update_answered, update_reported};

use crate::mdm::Actor;

/// Under this name what is sent is queued.
const ACTOR: Actor = Actor::Job("reconcile");

/// What marks the command for a row in the queue: a newer one replaces it.
fn supersede_key(key: &str) -> String {
    format!("reconcile:{key}")
}
