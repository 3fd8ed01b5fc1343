//! Who sends a request of people and scripts: identified here, judged in the rooms. Devices are known elsewhere, by their certificates.

pub mod cookie;
mod extract;
mod gate;
mod guesses;
pub(in crate::http) mod origin;
mod slips;

pub use extract::{Authenticated, FromOurPage, Identified, MaybeActor, NanoTool, Proof, SignedIn};
pub use gate::{Gate, HASHES_AT_ONCE, HASHES_WAITING_MAX};
pub use slips::Slip;

#[cfg(test)]
pub(in crate::http) mod tests;
