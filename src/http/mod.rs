//! Who asks us: every door for devices, people and scripts.

pub mod api;
pub mod assets;
pub mod attempts;
pub mod auth;
pub mod error;
pub mod limits;
pub mod log;
pub mod pages;
mod proxy_header;
pub mod server;
pub mod tls;
