//! `rollcall releases`: what Apple's list of OS releases holds, and a list that is brought as a file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use axum::http::Method;
use bytes::Bytes;
use clap::Args;
use serde_json::{Value, json};

use super::api::{self, Api, Beside};
use super::print::{self, text};
use crate::error::{Error, Kind, Result};
use crate::http::pages::parts::encode;
use crate::mdm::updates::lookup::{FEWER, OLDER};
use crate::protocol::lookup::MAX_BYTES;

/// The day in front of a moment, as in 2026-09-02.
const DATE_BYTES: usize = 10;

/// OS releases that Apple lists now, with how old the list is; or brings a list that was saved elsewhere, for a server that cannot reach Apple.
///
/// Works while Rollcall runs, through its control socket, and while it does not.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollcall releases
  rollcall releases --platform macOS --json
  rollcall releases --vanished
  rollcall releases --import pmv.json")]
pub(super) struct Releases {
    /// A file with what https://gdmf.apple.com/v2/pmv answered
    #[arg(long, value_name = "FILE")]
    import: Option<PathBuf>,
    /// Take the file in even where it is older than the list that is here
    #[arg(long, requires = "import")]
    older: bool,
    /// Take the file in even where it lacks a whole platform, or most of the list that is here
    #[arg(long, requires = "import")]
    fewer: bool,
    /// Also those that Apple lists no more, with the day since when
    #[arg(long)]
    vanished: bool,
    /// Only those of this platform, as Apple lists it: iOS (with tvOS and watchOS), macOS, visionOS
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    #[command(flatten)]
    beside: Beside,
}

impl Releases {
    /// Does it and prints what came of it.
    pub(super) fn run(self) -> Result<()> {
        let Self { import, older, fewer, vanished, platform, beside: Beside { data, json } } = self;
        let into = format!("/api/v1/releases/import?older={older}&fewer={fewer}");
        import.as_deref().map(check_size).transpose()?;
        let told = api::with(data, async |api| {
            let taken = match &import {
                Some(file) => Some(send(api, file, &into).await?),
                None => None,
            };
            let address = platform
                .as_ref()
                .map_or_else(|| String::from("/api/v1/releases"), |platform| format!("/api/v1/releases?platform={}", encode(platform)));
            let state = api.ask(Method::GET, "/api/v1/releases/state", None).await?;
            let listed: Vec<_> =
                api.list(&address).await?.into_iter().filter(|release| vanished || release["vanished_at"].is_null()).collect();
            if let Some(platform) = platform.as_ref().filter(|_| listed.is_empty() && !json) {
                let all = api.list("/api/v1/releases").await?;
                let known: BTreeSet<_> =
                    all.iter().map(|release| text(release, "platform")).filter(|platform| !platform.is_empty()).collect();
                if !known.is_empty() {
                    let known = known.into_iter().collect::<Vec<_>>().join(", ");
                    return Err(Error::conflict(format!("Apple lists no releases of “{platform}”; it lists {known}.")));
                }
            }
            Ok(if json { print::json(&json!({ "taken": taken, "state": state, "releases": listed })) } else { told(taken, &state, listed) })
        })?;
        print::whole(told.as_bytes())?;
        Ok(())
    }
}

/// Refuses a file that is larger than any list of Apple's before it is sent; one that cannot be read is told of when it is.
fn check_size(path: &Path) -> Result<()> {
    let bytes = std::fs::metadata(path).map_or(0, |about| about.len());
    if bytes <= MAX_BYTES as u64 {
        return Ok(());
    }
    Err(Error::conflict(format!(
        "{} has {} MB; Apple's list has less than one, and more than {} MB are not taken. Save https://gdmf.apple.com/v2/pmv as it is, and bring that.",
        path.display(),
        bytes.div_ceil(1 << 20),
        MAX_BYTES >> 20
    )))
}

/// Reads a whole file and sends it.
pub(super) async fn send(api: &mut Api, path: &Path, address: &str) -> Result<Value> {
    let bytes = std::fs::read(path).map_err(|error| Error::not_found(format!("{} cannot be read: {error}.", path.display())))?;
    let sent = api.send_bytes(Method::POST, address, Bytes::from(bytes)).await;
    sent.map_err(|mut error| {
        if error.message.contains(OLDER) {
            error.message = format!("{} With --older it is taken in all the same.", error.message).into();
        }
        if error.message.contains(FEWER) {
            error.message = format!("{} With --fewer it is taken in all the same.", error.message).into();
        }
        at_the_prompt(path, error)
    })
}

/// A refusal of a file in the words of the command line. The words of the command were right.
fn at_the_prompt(path: &Path, mut error: Error) -> Error {
    if let Some(fault) = error.fields.first() {
        error.kind = Kind::Conflict;
        error.message = format!("{}: {}", path.display(), fault.message).into();
    }
    error
}

fn told(taken: Option<Value>, state: &Value, releases: Vec<Value>) -> String {
    let first = taken.map_or_else(String::new, |taken| {
        let number = |key: &str| taken[key].as_u64().unwrap_or_default();
        let [listed, new, changed, gone] = ["listed", "appeared", "changed", "vanished"].map(number);
        let reasons = taken["passed_over"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let passed_over = reasons.fold(String::new(), |text, because| text + "Passed over: " + because + "\n");
        format!("Taken in: {listed} listed, {new} new, {changed} changed, {gone} gone.\n{passed_over}")
    });
    let days = |days: &str, none: &str| if days.is_empty() { none.to_owned() } else { days.to_owned() };
    let row = |release: &Value| {
        let extra = text(release, "extra");
        let version = text(release, "version");
        [
            text(release, "platform"),
            if extra.is_empty() { version } else { format!("{version} ({extra})") },
            days(&text(release, "build"), "-"),
            days(&text(release, "posted"), "-"),
            match (text(release, "expires"), release["is_signed"] == json!(true)) {
                (expires, true) => days(&expires, "no end"),
                (expires, false) => format!("{expires} (over)"),
            },
            release["devices"].to_string(),
            match text(release, "vanished_at").get(..DATE_BYTES) {
                Some(day) => format!("none since {day}"),
                None => release["lists"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
            },
        ]
    };
    let titles = ["PLATFORM", "VERSION", "BUILD", "POSTED", "SIGNED UNTIL", "MODELS", "LISTS"];
    first + &print::table(titles, &releases.iter().map(row).collect::<Vec<_>>()) + &age(state)
}

fn age(state: &Value) -> String {
    let problem = state["problem"].as_str().map(|problem| format!("{problem}\n")).unwrap_or_default();
    match state["age_s"].as_u64() {
        None => format!("No list has come yet.\n{problem}"),
        Some(seconds) => {
            let age = match (seconds / 86_400, seconds / 3600) {
                (0, 0) => String::from("less than an hour old"),
                (0, hours) => format!("{hours} h old"),
                (days, _) => format!("{days} d old"),
            };
            if text(state, "source") != "file" {
                return format!("The list is {age}, from Apple.\n{problem}");
            }
            let newest = text(state, "newest_posted");
            let newest = if newest.is_empty() { newest } else { format!("; the newest release in it was posted on {newest}") };
            format!("The list is {age}, brought as a file{newest}.\n{problem}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_stand_in_a_table_with_the_age_of_the_list_below() {
        let release = |extra: &str, signed: bool| {
            json!({ "platform": "iOS", "version": "26.1", "extra": extra, "build": "", "posted": "2026-09-02", "expires": "2026-12-01",
                "is_signed": signed, "devices": 12, "lists": ["managed", "public"] })
        };
        let state = json!({ "age_s": 3 * 86_400, "source": "file", "problem": "Apple did not answer." });
        let told = told(None, &state, vec![release("a", true), release("", false)]);
        assert_eq!(
            told,
            "PLATFORM  VERSION   BUILD  POSTED      SIGNED UNTIL       MODELS  LISTS\n\
             iOS       26.1 (a)  -      2026-09-02  2026-12-01         12      managed, public\n\
             iOS       26.1      -      2026-09-02  2026-12-01 (over)  12      managed, public\n\
             The list is 3 d old, brought as a file.\nApple did not answer.\n"
        );
        let mut gone = release("", false);
        gone["vanished_at"] = json!("2026-10-03T04:05:06Z");
        assert!(super::told(None, &state, vec![gone]).contains("12      none since 2026-10-03\n"));
        assert_eq!(age(&json!({ "age_s": null, "problem": null })), "No list has come yet.\n");
    }

    #[test]
    fn a_file_that_is_too_large_is_named_with_its_size_and_the_limit_before_it_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pmv.json");
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(MAX_BYTES as u64).unwrap();
        assert!(check_size(&path).is_ok());
        file.set_len(30 << 20).unwrap();
        let refused = check_size(&path).unwrap_err();
        for part in ["pmv.json has 30 MB", "more than 8 MB are not taken", "Save https://gdmf.apple.com/v2/pmv"] {
            assert!(refused.message.contains(part), "{part} in {}", refused.message);
        }
        assert!(check_size(Path::new("/nowhere/pmv.json")).is_ok(), "reading it says what is wrong");
    }

    #[test]
    fn a_refused_file_is_named_and_no_wrong_words() {
        let error = at_the_prompt(Path::new("pmv.json"), Error::field("file", "This is a web page."));
        assert_eq!((error.kind, error.message.as_ref()), (Kind::Conflict, "pmv.json: This is a web page."));
    }
}
