//! What is said: Apple's messages as types; parsing and building, no I/O.

pub mod availability;
pub mod checkin;
pub mod command;
pub mod declaration;
pub mod error_chain;
pub mod event;
pub mod ids;
pub mod malformed;
pub mod mobileconfig;
pub mod os_version;
pub mod platform;
pub mod plist;
pub mod push;
pub mod report;
pub mod scep;
