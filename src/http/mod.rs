//! Who asks us: every door for devices, people and scripts.

pub mod api;
pub mod assets;
pub mod attempts;
pub mod auth;
pub mod enroll;
pub mod error;
pub mod identity;
pub mod limits;
pub mod log;
pub mod mdm;
pub mod pages;
mod proxy_header;
pub mod scep;
pub mod server;
pub mod tls;
