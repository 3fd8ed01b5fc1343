//! What devices have and are: asked for, read, and asked for again on a schedule.

mod ask;
pub mod attestation;
mod observe;

use std::time::Duration;

use crate::mdm::Actor;

pub use ask::{ask_all, ask_bypass_code, ask_facts, ask_first, ask_users, refresh};
pub use observe::{acknowledged, observe};

/// The name under which inventory asks.
const ACTOR: Actor = Actor::Job("inventory");

/// How often a device's inventory is asked for.
pub const REFRESH_EVERY: Duration = Duration::from_secs(24 * 3600);

/// Devices that one turn of the job asks.
pub const PAGE: u32 = 200;
