//! The page: view structs of plain data in, HTML out; one file per noun, on top of the shared parts.

pub mod access;
pub mod account;
pub mod ade;
pub mod apps;
pub mod at_device;
pub mod catalog;
pub mod declarations;
pub mod device;
pub mod devices;
pub mod enroll;
pub mod groups;
pub mod handlers;
pub mod invitations;
pub mod login;
pub mod own_account;
pub mod packages;
pub mod parts;
pub mod people;
pub mod policies;
pub mod preview;
pub mod problem;
pub mod profiles;
pub mod provisioning;
pub mod push;
pub mod saved_filters;
pub mod setting_up;
pub mod setup;
pub mod system;
pub mod teaching;
pub mod today;
pub mod trust;
pub mod updates;

#[cfg(test)]
pub(in crate::http) mod tests;
