//! The program of the settings that sets DNS records: `FILE add|remove _acme-challenge.NAME VALUE`.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::error::{Error, Kind, Result};

/// How long the program may take. It ends when the record can be looked up, which some name servers need minutes for.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Letters of what it says that are repeated.
const SAID_MAX_CHARS: usize = 300;

/// Calls it, without a shell, and waits until the record is there or gone.
///
/// # Errors
/// Upstream, with what the program said, when it cannot be run, fails, or takes longer than ten minutes.
pub(super) async fn call(hook: &Path, deed: &str, name: &str, value: &str) -> Result<()> {
    let wrong = |why: String| Error::new(Kind::Upstream, t!("The program for DNS records, {hook}, {why}", hook = hook.display(), why));
    let mut command = Command::new(hook);
    command.args([deed, &format!("_acme-challenge.{name}"), value]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let ran = tokio::time::timeout(TIMEOUT, command.output()).await;
    let ran = ran.map_err(|_| wrong(String::from(t!("did not end within ten minutes."))))?;
    let output = ran.map_err(|error| wrong(t!("cannot be run: {error}.", error)))?;
    if output.status.success() {
        return Ok(());
    }
    let said: String = String::from_utf8_lossy(&output.stderr).trim().chars().take(SAID_MAX_CHARS).collect();
    Err(wrong(t!("failed ({status}): {said}", status = output.status, said = if said.is_empty() { t!("it said nothing.") } else { &said })))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test]
    async fn the_program_is_told_what_to_do_and_its_words_are_repeated_when_it_fails() {
        let folder = tempfile::tempdir().unwrap();
        let hook = folder.path().join("hook");
        let log = folder.path().join("log");
        let script =
            format!("#!/bin/sh\necho \"$1 $2 $3\" >> {}\n[ \"$1\" = add ] || {{ echo 'no such zone' >&2; exit 3; }}\n", log.display());
        std::fs::write(&hook, script).unwrap();
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o700)).unwrap();
        call(&hook, "add", "mdm.example.school", "abc; touch x").await.unwrap();
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "add _acme-challenge.mdm.example.school abc; touch x\n");
        let error = call(&hook, "remove", "mdm.example.school", "abc").await.unwrap_err();
        assert!(error.message.contains("failed (exit status: 3): no such zone"), "{error}");
        let error = call(&folder.path().join("absent"), "add", "a.example", "b").await.unwrap_err();
        assert!(error.message.contains("cannot be run"), "{error}");
    }
}
