//! `rollcall roots`: Apple's own roots, by which some of Apple's services are known.

use std::path::PathBuf;

use axum::http::Method;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::api::{self, Beside};
use super::print::{self, moment, text};
use super::releases::send;
use crate::error::Result;

/// Apple's own roots: says which are here, or brings one as a file where this server cannot fetch it.
///
/// Works while Rollcall runs, through its control socket, and while it does not. A root counts only if its fingerprint is the one that is known here.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollcall roots list
  rollcall roots add AppleIncRootCertificate.cer")]
pub(super) struct Roots {
    #[command(subcommand)]
    deed: Deed,
    #[command(flatten)]
    beside: Beside,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Brings a root, DER or PEM
    Add {
        /// Its file, from https://www.apple.com/certificateauthority/
        file: PathBuf,
    },
    /// Says which roots are needed and which are here
    List,
}

impl Roots {
    /// Does it and prints what came of it.
    pub(super) fn run(self) -> Result<()> {
        let Self { deed, beside: Beside { data, json } } = self;
        let roots = api::with(data, async |api| match &deed {
            Deed::Add { file } => send(api, file, "/api/v1/roots").await,
            Deed::List => api.ask(Method::GET, "/api/v1/roots", None).await,
        })?;
        print::whole((if json { print::json(&roots["items"]) } else { told(&roots) }).as_bytes())?;
        Ok(())
    }
}

fn told(roots: &Value) -> String {
    let row = |root: &Value| {
        let source = text(root, "source");
        let here = if source.is_empty() { String::from("not here") } else { format!("{source}, {}", moment(root, "added_at", "")) };
        [text(root, "name"), here, text(root, "used_for"), text(root, "fingerprint")]
    };
    let rows: Vec<_> = roots["items"].as_array().into_iter().flatten().map(row).collect();
    print::table(["ROOT", "HERE", "TRUSTED FOR", "SHA-256"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn roots_say_whether_they_are_here() {
        let root = |source: Value, at: Value| json!({ "name": "Apple Root CA", "used_for": "x", "fingerprint": "b0", "source": source, "added_at": at });
        let list = json!({ "items": [root(json!("download"), json!("2026-11-25T08:00:00Z")), root(Value::Null, Value::Null)] });
        let told = told(&list);
        assert!(told.contains("download, 2026-11-25 08:00Z") && told.contains("not here"), "{told}");
    }
}
