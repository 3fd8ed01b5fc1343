//! What is decided: synchronous rooms that take a transaction and return.

pub mod actor;
pub mod admins;

pub use actor::{Actor, Right, Role};
