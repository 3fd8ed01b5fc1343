//! Whom we ask: clients that transport, and decide nothing.

pub mod ade;
pub mod apns;
pub mod apps_and_books;
pub mod backup_folder;
pub mod certificate_authority;
pub mod connect;
mod exchange;
pub mod object_store;
pub mod own_address;
pub mod probe;
pub mod smtp;
pub mod software_lookup;
pub mod webhook;
