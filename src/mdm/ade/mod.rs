//! Automated Device Enrollment: devices that the organisation bought and Apple sends here by themselves, how they greet whoever unpacks them, and
//! whose they will be.

pub mod betas;
pub mod devices;
mod discovery;
pub mod errands;
pub mod locks;
mod machine;
pub mod maid;
pub mod migration;
mod notices;
mod pages;
mod plan;
pub mod presets;
pub mod profiles;
pub mod servers;

pub use devices::arrived;
pub use machine::{FETCH_EVERY, STUCK_MAX, STUCK_WAIT, SYNC_EVERY};

use crate::mdm::Actor;

/// Under whose name it is done.
pub(in crate::mdm) const ACTOR: Actor = Actor::Job("ade");
