//! Rollcall: Apple device management in one self-contained binary. The README's last part is the map of this crate.

pub mod apple;
pub mod cli;
pub mod clock;
pub mod config;
pub mod error;
pub mod http;
pub mod jobs;
pub mod mdm;
pub mod pki;
pub mod protocol;
pub mod random;
pub mod secret;
pub mod sim;
pub mod store;
