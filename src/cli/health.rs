//! `rollcall health`: whether an appliance runs on the data folder and can work, for containers and whatever else keeps a service alive.

use clap::Args;
use serde_json::json;

use super::api::{self, Beside, PATIENCE};
use super::print;
use crate::error::Result;

/// Says whether Rollcall runs and can work; the exit code is 0 only then.
///
/// Asks what /health/ready asks, through the control socket in the data folder, so that no port and no certificate matters. Opens and starts nothing itself.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  rollcall health --data /var/lib/rollcall || echo 'Rollcall needs you' | mail -s Rollcall it@example.school")]
pub(super) struct Health {
    #[command(flatten)]
    beside: Beside,
}

impl Health {
    /// Asks, and prints the answer.
    pub(super) fn run(self) -> Result<()> {
        let Beside { data, json } = self.beside;
        api::with_running(data, async |api| {
            let asked = api.look("/health/ready");
            tokio::time::timeout(PATIENCE, asked).await.map_err(api::silent)?
        })?;
        print::whole(
            (if json { print::json(&json!({ "ready": true })) } else { String::from("Rollcall runs and can work.\n") }).as_bytes(),
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    fn health(data: &std::path::Path) -> Result<()> {
        Health { beside: Beside { data: Some(data.display().to_string()), json: false } }.run()
    }

    #[test]
    fn a_folder_where_nothing_runs_is_not_well_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = health(folder.path()).unwrap_err();
        assert!(refusal.to_string().contains("does not run"), "{refusal}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        // A socket that somebody left behind is nobody who listens.
        drop(UnixListener::bind(folder.path().join("control.sock")).unwrap());
        assert!(health(folder.path()).unwrap_err().to_string().contains("does not run"));
    }

    #[test]
    fn one_that_does_not_answer_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        // It takes what is asked, and is silent.
        let _silent = UnixListener::bind(folder.path().join("control.sock")).unwrap();
        let refusal = health(folder.path()).unwrap_err();
        assert!(refusal.to_string().contains("did not answer"), "{refusal}");
    }
}
