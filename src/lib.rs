//! Rollcall: Apple device management in one self-contained binary. The README's last part is the map of this crate.

#[macro_use]
pub mod language;

pub mod app;
pub mod apple;
pub mod cli;
pub mod clock;
pub mod config;
pub mod error;
pub mod http;
pub mod jobs;
pub mod mdm;
pub mod metrics;
pub mod pki;
pub mod protocol;
pub mod random;
pub mod secret;
pub mod sim;
pub mod store;
#[cfg(test)]
mod testing;

/// Gives back to the system what a burst took (the hash of a password takes 19 MiB), and makes small things quicker than libc's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The folder of captures and schemas beside the project, for tests; says loudly when it is absent.
#[cfg(test)]
#[allow(dead_code, reason = "only tests that read captures use it")]
pub(crate) fn shared_for_tests() -> Option<std::path::PathBuf> {
    let folder = std::env::var_os("ROLLCALL_SHARED")
        .map_or_else(|| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), std::path::PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: {} is absent; set ROLLCALL_SHARED to the folder of captures", folder.display());
    None
}
