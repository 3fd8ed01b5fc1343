//! `rollcall packages`: apps of the house from the command line.

use std::fs::File;
use std::io::{IsTerminal as _, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use axum::http::Method;
use bytes::Bytes;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::api::{self, Api, Beside};
use super::print::{self, text};
use crate::error::{Error, Kind, Result};
use crate::http::pages::parts::encode;
use crate::protocol::manifest::Hashing;

/// Bytes of one piece.
const PIECE_BYTES: u64 = 8 << 20;

/// Apps of your own: brings an .ipa or a signed .pkg file to the appliance.
///
/// Works while Rollcall runs, through its control socket, and while it does not. A file that is here already is not sent again, and one that broke off
/// goes on where it was.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollcall packages add Field.ipa
  rollcall packages add --stage pilot Field-2.1.pkg
  rollcall packages add --accept-expired --json Field.ipa")]
pub(super) struct Packages {
    #[command(subcommand)]
    deed: Deed,
    #[command(flatten)]
    beside: Beside,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Uploads a file and says what it is
    Add {
        /// The .ipa or .pkg file
        file: PathBuf,
        /// For whom it is meant: kept, pilot or everyone [default: the pilot group where there is one, everyone for a first version, else nobody yet]
        #[arg(long, value_parser = ["kept", "pilot", "everyone"])]
        stage: Option<String>,
        /// Takes it though the provisioning profile inside has ended
        #[arg(long)]
        accept_expired: bool,
    },
}

impl Packages {
    /// Does it and prints what came of it.
    pub(super) fn run(self) -> Result<()> {
        let Self { deed: Deed::Add { file, stage, accept_expired }, beside: Beside { data, json } } = self;
        let kept = api::with(data, async |api| {
            let wish = json!({ "stage": stage, "accept_expired": accept_expired });
            add(api, &file, wish).await.map_err(at_the_prompt)
        })?;
        print::whole((if json { print::json(&kept) } else { told(&kept) }).as_bytes())?;
        Ok(())
    }
}

async fn add(api: &mut Api, path: &Path, wish: Value) -> Result<Value> {
    let unreadable = |error: std::io::Error| Error::not_found(format!("{} cannot be read: {error}.", path.display()));
    let mut file = File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut hashing = Hashing::default();
    let mut piece = vec![0; PIECE_BYTES as usize];
    loop {
        match file.read(&mut piece).map_err(unreadable)? {
            0 => break,
            read => hashing.update(&piece[..read]),
        }
    }
    let sha256 = hashing.finish().sha256;
    let begun =
        api.ask(Method::POST, "/api/v1/packages/uploads", Some(json!({ "file_name": name, "size_bytes": size, "sha256": sha256 }))).await?;
    let Some(id) = begun["id"].as_str() else { return Ok(begun) };
    let address = format!("/api/v1/packages/uploads/{}", encode(id));
    let mut at = begun["received_bytes"].as_u64().unwrap_or_default();
    while at < size {
        let length = PIECE_BYTES.min(size - at) as usize;
        let mut piece = vec![0; length];
        file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut piece)).map_err(unreadable)?;
        let now = api.send_bytes(Method::PATCH, &format!("{address}?offset={at}"), Bytes::from(piece)).await?;
        at = now["received_bytes"].as_u64().unwrap_or(at + length as u64);
        if std::io::stderr().is_terminal() {
            eprint!("\r{} of {} MB", at / 1_000_000, size.div_ceil(1_000_000));
        }
    }
    if std::io::stderr().is_terminal() {
        eprintln!();
    }
    let kept = api.ask(Method::POST, &format!("{address}/complete"), Some(wish)).await;
    if kept.as_ref().is_err_and(|error| error.fields.iter().any(|fault| fault.field == "sha256")) {
        // It is our own digest that does not fit: what came is of no use to anybody.
        api.ask(Method::DELETE, &address, None).await?;
    }
    kept
}

/// A refusal in the words of the command line. The words of the command were right: it is the file that was refused.
fn at_the_prompt(mut error: Error) -> Error {
    if error.kind == Kind::BadInput {
        error.kind = Kind::Conflict;
    }
    if let Some(fault) = error.fields.first() {
        let mut letters = fault.message.trim_end_matches('.').chars();
        let words: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
        error.message = match fault.field.as_str() {
            "accept_expired" => format!("{words}. To take it all the same, add --accept-expired."),
            "stage" => format!("{words}. The stage is named by --stage."),
            _ => format!("{words}."),
        }
        .into();
    }
    error
}

/// What is said of a package that was brought.
fn told(kept: &Value) -> String {
    let package = &kept["package"];
    let facts = &package["facts"];
    let what = format!("{} {} ({})", text(facts, "name"), text(package, "version"), text(facts, "identifier"));
    let first = if kept["is_new"] == json!(true) {
        let whom = match text(package, "stage").as_str() {
            "everyone" => "in place for everyone that the app is assigned to",
            "pilot" => "on trial with the app's pilot group",
            _ => "kept; no device gets it until you put it in place",
        };
        format!("{what} is {whom}.\n")
    } else {
        format!("{what} is here already.\n")
    };
    let warnings = package["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str);
    std::iter::once(first).chain(warnings.map(|warning| format!("Note: {warning}\n"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_flags_and_no_fields_and_are_no_wrong_words() {
        let told = |field: &str, message: &str| {
            let error = at_the_prompt(Error::field(field, message));
            assert_ne!(error.kind, Kind::BadInput);
            error.to_string()
        };
        assert_eq!(told("size_bytes", "the file is empty"), "The file is empty.");
        assert_eq!(told("accept_expired", "It ended."), "It ended. To take it all the same, add --accept-expired.");
        assert_eq!(told("stage", "the app has no pilot group yet"), "The app has no pilot group yet. The stage is named by --stage.");
    }

    #[test]
    fn what_was_brought_is_told_with_what_is_odd_about_it() {
        let package =
            json!({ "version": "142", "stage": "kept", "facts": { "name": "Field", "identifier": "a.b" }, "warnings": ["It is odd."] });
        assert_eq!(
            told(&json!({ "is_new": true, "package": package })),
            "Field 142 (a.b) is kept; no device gets it until you put it in place.\nNote: It is odd.\n"
        );
        assert!(told(&json!({ "is_new": false, "package": package })).starts_with("Field 142 (a.b) is here already."));
    }
}
