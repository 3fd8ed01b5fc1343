//! Where the log goes and how it looks: the error stream, in lines for people or for machines.

use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::OnceLock;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Log, LogFormat};
use crate::error::{Error, Result};

/// The file that the error stream went to at the start, where it was one.
static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();

/// Starts the log of this process. Fails when the filter cannot be read; a second call changes nothing.
pub(super) fn start(log: &Log) -> Result<()> {
    FILE.get_or_init(of_error_stream);
    let filter = filter(&log.level)?;
    let registry = tracing_subscriber::registry().with(filter);
    let lines = layer().with_writer(io::stderr).with_target(false);
    let started = match log.format {
        LogFormat::Text => registry.with(lines.with_ansi(io::stderr().is_terminal())).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true).with_current_span(true).with_span_list(false)).try_init(),
    };
    // Only tests start twice in one process.
    drop(started);
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let payload = panic.payload();
        let words = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let words = words.unwrap_or("a panic without words");
        tracing::error!(place, "panicked: {words}");
    }));
    Ok(())
}

/// What is logged: a level for everything, and others for parts of the program by their names.
fn filter(level: &str) -> Result<Targets> {
    level.parse().map_err(|error| {
        Error::bad_input(format!("log.level: “{level}” is not a filter ({error}); write for example info or info,rollcall::http=debug."))
    })
}

/// Goes on in another file under the name of the one before, where somebody has put that aside: how programs that rotate logs expect it.
pub(super) fn reopen() {
    let Some(Some(path)) = FILE.get() else { return };
    let number = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let now = io::stderr().as_fd().try_clone_to_owned().and_then(|stream| fs::File::from(stream).metadata());
    if now.map(number).ok() == fs::metadata(path).map(number).ok() {
        return;
    }
    let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    match opened.and_then(|file| rustix::stdio::dup2_stderr(file).map_err(io::Error::from)) {
        Ok(()) => tracing::info!("the log goes on here"),
        // It stays in the file that was put aside.
        Err(error) => tracing::warn!("the log cannot go on in {}: {error}", path.display()),
    }
}

/// The file that the error stream goes to.
fn of_error_stream() -> Option<PathBuf> {
    #[cfg(target_vendor = "apple")]
    let path = {
        use std::os::unix::ffi::OsStringExt as _;
        PathBuf::from(std::ffi::OsString::from_vec(rustix::fs::getpath(io::stderr()).ok()?.into_bytes()))
    };
    #[cfg(not(target_vendor = "apple"))]
    let path = fs::read_link("/proc/self/fd/2").ok()?;
    fs::metadata(&path).ok()?.is_file().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_is_none_is_named() {
        let log = Log { format: LogFormat::Text, level: "rollcall=loud".to_owned() };
        assert!(start(&log).unwrap_err().to_string().starts_with("log.level: “rollcall=loud” is not a filter"));
    }

    #[test]
    fn a_part_of_the_program_can_say_more_than_the_rest() {
        let filter = filter("info,rollcall::http=debug").unwrap();
        assert!(filter.would_enable("rollcall::http::mdm", &tracing::Level::DEBUG));
        assert!(!filter.would_enable("rollcall::store", &tracing::Level::DEBUG));
        assert!(filter.would_enable("rollcall::store", &tracing::Level::INFO));
    }
}
