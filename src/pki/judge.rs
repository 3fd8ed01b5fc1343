//! OpenSSL as the foreign judge of what is made here, and as the maker of what is read here; for tests.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Runs `openssl` with `input` on its standard input and returns its standard output; panics when it fails.
pub(crate) fn openssl(args: &[&str], input: &[u8]) -> Vec<u8> {
    let (ok, output, errors) = try_openssl(args, input);
    assert!(ok, "openssl {args:?}: {errors}");
    output
}

/// Runs `openssl`; returns whether it succeeded, its standard output and its standard error.
pub(crate) fn try_openssl(args: &[&str], input: &[u8]) -> (bool, Vec<u8>, String) {
    let mut command = Command::new("openssl");
    let mut child = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that needs no input may have closed it already.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    (output.status.success(), output.stdout, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A temporary file with `content`, for arguments that must be files.
pub(crate) fn file(content: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    file
}

/// The path of a temporary file as an argument.
pub(crate) fn path(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}
