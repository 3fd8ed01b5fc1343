//! What is said: Apple's messages as types; parsing and building, no I/O.

pub mod plist;
pub mod push;
