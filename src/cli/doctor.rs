//! `rollcall doctor`: whether the appliance can do its work, and what to do where it cannot.

use std::os::unix::net::UnixStream;
use std::path::Path;

use axum::http::Method;
use clap::Args;
use serde_json::{Value, json};

use super::api::{self, Beside};
use super::damaged::{self, Damage, LOOKED_THROUGH_MAX_BYTES};
use super::print::{self, text};
use super::serve;
use crate::clock::Clock;
use crate::config::{Config, Layer};
use crate::error::{Error, Kind, Result};
use crate::mdm::backups::offer;
use crate::mdm::doctor::room;
use crate::store::backup::{DATABASE, Use, discard_folder, free_bytes, noted, prepare_folder, settle_folder, take_over};
use crate::store::{DataFolder, rebuild};

/// Findings of a database that was built anew that are printed.
const TOLD_MAX: usize = 10;

/// Examines the appliance and says what to do.
///
/// It looks at the clock, the address and its certificate as a device sees it, the way to Apple's services (through the proxy, where there is one), push
/// certificates and tokens, the authority and devices' identities, the disk, the database, backups and jobs. While Rollcall runs it is asked through its
/// control socket; while it does not, or does not answer, what needs it is left out. The exit code is 1 when an error was found.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  rollcall doctor
  rollcall doctor --data /var/lib/rollcall --json | jq '.findings[] | select(.level == \"error\")'
  rollcall doctor --rebuild --data /var/lib/rollcall")]
pub(super) struct Doctor {
    #[command(flatten)]
    beside: Beside,
    /// Builds a damaged database anew where nothing but indexes is damaged; the old one is kept aside in the folder
    #[arg(long)]
    rebuild: bool,
}

impl Doctor {
    /// Does it and prints what was found.
    ///
    /// # Errors
    /// Conflict, so that the exit code is 1, when an error was found.
    pub(super) fn run(self) -> Result<()> {
        let Beside { data, json } = self.beside;
        let folder = Config::read_present(Layer::flags().with("data", data.clone()), serve::environment())?.data;
        if self.rebuild {
            return rebuild(&folder, json);
        }
        // Nobody opens a damaged database to work with it, not even to look at the rest.
        let at_rest = if UnixStream::connect(folder.join("control.sock")).is_err() { damaged::look(&folder) } else { None };
        let report = match at_rest {
            Some(Damage { what, remedy }) => only("database.damaged", &what, &remedy),
            None => match api::with(data, async |api| Ok(api.ask(Method::POST, "/api/v1/doctor/run", Some(json!({}))).await)) {
                Ok(answer) => answer?,
                Err(error) if api::is_silent(&error) => beside(&folder, &error),
                Err(error) => closed(&folder, error)?,
            },
        };
        print::whole((if json { print::json(&report) } else { told(&report) }).as_bytes())?;
        match report["errors"].as_u64().unwrap_or_default() {
            0 => Ok(()),
            1 => Err(Error::conflict("1 error was found.")),
            errors => Err(Error::conflict(format!("{errors} errors were found."))),
        }
    }
}

/// Puts a database that was built anew in the place of a damaged one, which is kept aside.
fn rebuild(folder: &Path, json: bool) -> Result<()> {
    if !folder.join(DATABASE).exists() {
        return Err(Error::bad_input(format!("There is no database in {}: name the data folder with --data.", folder.display())));
    }
    let folder = DataFolder::open(folder)?;
    let part = prepare_folder(folder.path(), Use::Restore)?;
    let rebuilt = match rebuild::rebuild(&folder.database(), &part.join(DATABASE)) {
        Ok(rebuilt) => rebuilt,
        Err(error) => {
            discard_folder(folder.path(), Use::Restore)?;
            return Err(error);
        }
    };
    settle_folder(folder.path(), Clock::System.now())?;
    let kept = take_over(folder.path())?.map(|kept| folder.path().join(kept).display().to_string());
    let damage: Vec<_> = rebuilt.damage.iter().take(TOLD_MAX).map(|finding| finding.message.as_str()).collect();
    let report =
        json!({ "tables": rebuilt.tables, "rows": rebuilt.rows, "damage": damage, "findings": rebuilt.damage.len(), "kept_aside": kept });
    print::whole((if json { print::json(&report) } else { rebuilt_words(&report) }).as_bytes())?;
    folder.hand_over()
}

fn rebuilt_words(report: &Value) -> String {
    let damage = report["damage"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let damage = damage.fold(String::new(), |told, message| told + "         " + message + "\n");
    format!(
        "The database was built anew: {} rows in {} tables, all of which could be read.\nWhat was damaged ({} findings):\n{damage}The damaged one lies \
         in {}; delete it when you do not need it any more.\nHave this machine's disk and memory checked: a database does not break by itself.\n",
        report["rows"],
        report["tables"],
        report["findings"],
        text(report, "kept_aside")
    )
}

/// What is to be said of an appliance that cannot even be opened. Where there is none, that is no finding.
fn closed(folder: &Path, error: Error) -> Result<Value> {
    if !folder.join("rollcall.db").exists() || error.kind == Kind::Forbidden {
        return Err(error);
    }
    let cause = std::error::Error::source(&error).map(|cause| format!(" ({cause})")).unwrap_or_default();
    let remedy = if error.kind == Kind::Conflict {
        String::from("Wait until it has started or ended, then look once more.")
    } else {
        format!("Keep a copy of the data folder as it is. If it cannot be mended: {}", offer::words(noted(folder).as_ref(), folder))
    };
    Ok(only("database.open", &format!("{} cannot be opened: {}{cause}", folder.display(), error.message), &remedy))
}

/// What can be looked at beside an appliance that runs and does not answer.
fn beside(folder: &Path, silence: &Error) -> Value {
    let mut findings = vec![finding("ports.control", "ports", "error", &silence.message, "What is below is what can be seen without it.")];
    let database = folder.join(DATABASE);
    match damaged::look(folder) {
        Some(Damage { what, remedy }) => findings.push(finding("database.damaged", "database", "error", &what, &remedy)),
        None if database.metadata().is_ok_and(|file| file.len() <= LOOKED_THROUGH_MAX_BYTES) => {
            let what = format!("{} was looked through, and no damage was found.", database.display());
            findings.push(finding("database.integrity", "database", "ok", &what, ""));
        }
        None => {}
    }
    if let Ok(free) = free_bytes(folder) {
        let found = room(free);
        findings.push(finding(&found.id, "disk", found.level.as_str(), &found.what, &found.remedy));
    }
    if let Some(kept) = noted(folder) {
        let what = format!("The newest backup is {}, of {}, in {}.", kept.name, kept.made_at.words(), kept.location);
        findings.push(finding("backups.age", "backups", "note", &what, ""));
    }
    let count = |level: &str| findings.iter().filter(|finding| finding["level"] == level).count();
    json!({ "checked_at": null, "errors": count("error"), "warnings": count("warning"), "findings": findings })
}

/// A report of one error about the database, beside which nothing else can be looked at.
fn only(id: &str, what: &str, remedy: &str) -> Value {
    json!({ "checked_at": null, "errors": 1, "warnings": 0, "findings": [finding(id, "database", "error", what, remedy)] })
}

fn finding(id: &str, area: &str, level: &str, what: &str, remedy: &str) -> Value {
    json!({ "id": id, "area": area, "level": level, "link": null, "what": what, "remedy": remedy })
}

/// The findings for people: the worst first, each with its remedy below it.
fn told(report: &Value) -> String {
    report["findings"].as_array().into_iter().flatten().map(line).collect()
}

fn line(finding: &Value) -> String {
    let (level, what, remedy) = (text(finding, "level"), text(finding, "what"), text(finding, "remedy"));
    let page = finding["link"].as_str().filter(|_| level != "ok").map(|link| format!(" (page: {link})")).unwrap_or_default();
    let told = format!("{level:<8} {what}\n");
    if remedy.is_empty() && page.is_empty() { told } else { format!("{told}         {remedy}{page}\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_has_its_remedy_below_it() {
        let report = json!({ "errors": 1, "findings": [
            { "id": "push.none", "level": "warning", "what": "There is none.", "remedy": "Get one.", "link": "/system/push" },
            { "id": "disk.room", "level": "ok", "what": "There is room.", "remedy": "", "link": "/system" },
        ] });
        assert_eq!(told(&report), "warning  There is none.\n         Get one. (page: /system/push)\nok       There is room.\n");
    }

    #[test]
    fn beside_one_that_does_not_answer_the_rest_is_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let data = Some(folder.path().display().to_string());
        let _silent = std::os::unix::net::UnixListener::bind(folder.path().join("control.sock")).unwrap();
        let refusal = Doctor { beside: Beside { data, json: true }, rebuild: false }.run().unwrap_err();
        assert!(refusal.kind == Kind::Conflict && refusal.message.ends_with("found."), "{refusal}");
        std::fs::write(folder.path().join("rollcall.db"), "this is no database any more ".repeat(100)).unwrap();
        let report = beside(folder.path(), &Error::new(Kind::Busy, "It did not answer."));
        let levels: Vec<_> = report["findings"].as_array().unwrap().iter().map(|found| (text(found, "id"), text(found, "level"))).collect();
        assert_eq!(report["errors"].as_u64().unwrap() as usize, levels.iter().filter(|(_, level)| level == "error").count());
        let ids: Vec<_> = levels.iter().map(|(id, _)| id.as_str()).collect();
        assert!(ids.starts_with(&["ports.control", "database.damaged"]) && ids.contains(&"disk.room"), "{report}");
    }

    #[test]
    fn a_database_that_cannot_be_opened_is_a_finding_and_a_missing_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(closed(folder.path(), Error::bad_input("none")).unwrap_err().kind, Kind::BadInput);
        std::fs::write(folder.path().join("rollcall.db"), "no database").unwrap();
        let report = closed(folder.path(), Error::internal("It is damaged.", "malformed")).unwrap();
        assert_eq!(report["errors"], 1);
        let finding = &report["findings"][0];
        assert!(
            text(finding, "what").ends_with("It is damaged. (malformed)") && text(finding, "remedy").contains("rollcall restore"),
            "{finding}"
        );
    }
}
