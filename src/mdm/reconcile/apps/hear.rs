//! What devices say of apps: answers to orders, lists, status reports.

use serde_json::{Value as Json, json};

use crate::error::Result;
use crate::mdm::apps;
use crate::mdm::apps::mechanism;
use crate::mdm::apps::next::{self, Answer, Declared, Item, Present};
use crate::mdm::checkin::actor;
use crate::mdm::licences::{codes, errands};
use crate::mdm::{commands, journal};
use crate::protocol::error_chain::CauseKind;
use crate::protocol::report::apps::{self as reports, ManagedState};
use crate::protocol::report::{Head, Report, Status};
use crate::store::app_states::{self, AppState, Stage};
use crate::store::commands::Command;
use crate::store::declared::DeclarationState;
use crate::store::deployments::Mechanism;
use crate::store::enrollments::Enrollment;
use crate::store::inventory::InstalledApp;
use crate::store::licences::assets;
use crate::store::packages::Package;
use crate::store::{Tx, declared, deployments, inventory, packages};

/// Takes over what a device answered to an order for an app.
pub fn app_answered(tx: &Tx, enrollment: &Enrollment, command: &Command, head: &Head, report: Option<&Report>) -> Result<()> {
    let is_code = command.request_type == "ApplyRedemptionCode";
    if !is_code && !matches!(command.request_type.as_str(), "InstallApplication" | "InstallEnterpriseApplication" | "RemoveApplication") {
        return Ok(());
    }
    let Some(before) = app_states::by_command(tx, &enrollment.id, &command.uuid)? else { return Ok(()) };
    let answer = match head.status {
        Status::Idle | Status::NotNow => return Ok(()),
        Status::Acknowledged => {
            let told = report.map(reports::installation);
            let (state, bundle_id) = told.map_or((None, None), |told| (told.state, told.identifier));
            Answer::Taken { state: state.filter(|state| *state != ManagedState::Unknown), bundle_id }
        }
        Status::Error | Status::CommandFormatError => {
            let cause = head.cause();
            let kind = match head.status {
                Status::CommandFormatError => CauseKind::BadRequest,
                _ => cause.as_ref().map_or(CauseKind::Failed, |cause| cause.kind),
            };
            let because = cause.map_or_else(|| String::from(t!("the device gave no reason")), |cause| cause.words.into_owned());
            Answer::Refused { kind, because }
        }
    };
    let facts = apps::facts_of(tx, enrollment, &before)?;
    let mut row = before.clone();
    if is_code {
        let is_unused = matches!(answer, Answer::Refused { kind: CauseKind::WrongState, .. });
        codes::answered(tx, &row.adam_id, enrollment, is_unused)?;
        next::redeemed(&mut row, &answer, tx.now);
    } else {
        next::answered(&mut row, &answer, &facts, tx.now);
    }
    if matches!(answer, Answer::Refused { kind: CauseKind::LicenseMissing, .. }) {
        read_ledger_anew(tx, &row)?;
    }
    if let Some(bundle_id) = Some(&row.bundle_id).filter(|bundle_id| !bundle_id.is_empty()) {
        apps::learn_identifier(tx, &row.app_id, bundle_id)?;
    }
    store(tx, enrollment, &before, &row)
}

/// Apple and the ledger may not agree on a licence: the ledger is read anew before the next try.
fn read_ledger_anew(tx: &Tx, row: &AppState) -> Result<()> {
    assets::of_app(tx, &row.adam_id)?.iter().try_for_each(|asset| errands::hurry(tx, &asset.key.token_id))
}

/// Takes over a list of managed apps that was just read.
pub fn apps_listed(tx: &Tx, enrollment: &Enrollment, report: &Report) -> Result<()> {
    let Some(said) = reports::managed(report) else { return Ok(()) };
    let rows = app_states::of_enrollment(tx, &enrollment.id)?;
    if rows.is_empty() {
        return Ok(());
    }
    let installed = inventory::apps(tx, &enrollment.id)?;
    for before in rows.into_iter().filter(|row| row.mechanism == Mechanism::Command) {
        let item = said.iter().find(|app| app.identifier == before.bundle_id);
        if let Some(code) = item.and_then(|app| app.unused_redemption_code.as_ref()) {
            codes::unused(tx, &before.adam_id, enrollment, code)?;
        }
        let item = item.map(|app| Item { state: app.state, external_version: app.external_version_identifier });
        let present = present(&installed, &before.bundle_id);
        let facts = apps::facts_of(tx, enrollment, &before)?;
        let mut row = before.clone();
        next::listed(&mut row, item.as_ref(), present.as_ref(), true, &facts, tx.now);
        store(tx, enrollment, &before, &row)?;
    }
    Ok(())
}

/// An app among those that are installed; what has no version is being installed.
fn present(installed: &[InstalledApp], identifier: &str) -> Option<Present> {
    let app = installed.iter().find(|app| app.identifier == identifier && (!app.version.is_empty() || !app.short_version.is_empty()))?;
    let details: Json = serde_json::from_str(&app.details).unwrap_or_default();
    Some(Present {
        version: app.version.clone(),
        short_version: app.short_version.clone(),
        external_version: details.get("ExternalVersionIdentifier").and_then(Json::as_i64),
    })
}

/// Takes over a list of installed apps that was just read, of a system that has no list of those that it manages.
pub fn apps_present(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    if mechanism::manages(&commands::capabilities(tx, enrollment)?) {
        return Ok(());
    }
    let installed = inventory::apps(tx, &enrollment.id)?;
    for before in app_states::of_enrollment(tx, &enrollment.id)? {
        let facts = apps::facts_of(tx, enrollment, &before)?;
        let mut row = before.clone();
        next::present(&mut row, present(&installed, &before.bundle_id).as_ref(), &facts, tx.now);
        store(tx, enrollment, &before, &row)?;
    }
    Ok(())
}

/// Takes over what a status report says of apps, which was just stored: those that declarations bring, and those that commands brought.
pub fn apps_reported(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    let rows = app_states::of_enrollment(tx, &enrollment.id)?;
    if rows.is_empty() {
        return Ok(());
    }
    let items = declared::status_items(tx, &enrollment.id)?;
    let list = |name: &str, only_now: bool| -> Vec<Json> {
        let found = items.iter().find(|item| item.item == name && (!only_now || item.at == tx.now));
        found.and_then(|item| serde_json::from_str(&item.value).ok()).unwrap_or_default()
    };
    let mut by_declaration = list("app.managed.list", false);
    by_declaration.extend(list("package.list", false));
    // What was said before may be an answer to an order that somebody has repeated since.
    let by_command = list("mdm.app", true);
    let states = declared::states(tx, &enrollment.id)?;
    let served = declared::of_enrollment(tx, &enrollment.id)?;
    let is_served =
        |state: &DeclarationState| served.iter().any(|own| own.identifier == state.identifier && own.server_token == state.server_token);
    for before in rows {
        let mut row = before.clone();
        let identifier = apps::declaration_identifier(&row.app_id, row.asks);
        if row.mechanism == Mechanism::Declaration {
            let found = by_declaration.iter().find(|item| text(item, "declaration-identifier") == identifier);
            let is_known = states.iter().any(|state| state.identifier == identifier);
            let state = states.iter().find(|state| state.identifier == identifier);
            if let Some(item) = found {
                // Of a package the device lists the package's own identifier, and the app inside under another.
                if row.bundle_id.is_empty() {
                    row.bundle_id = text(item, "identifier");
                }
                next::declared(&mut row, Some(&declared_item(item)), is_known, tx.now);
                let asset = apps::orders::asset_identifier(&row.app_id);
                let refused = states.iter().filter(|state| state.valid == "invalid" && is_served(state));
                let mut refused = refused.filter(|state| state.identifier == identifier || state.identifier == asset);
                if let Some(state) = refused.next().filter(|_| matches!(row.stage, Stage::Installed | Stage::Outdated)) {
                    next::refuses(&mut row, &before, &crate::mdm::reconcile::seen::reasons(&state.reasons), tx.now);
                }
                if row.stage == Stage::NoLicence && before.stage != Stage::NoLicence {
                    read_ledger_anew(tx, &row)?;
                }
            } else if let Some(state) = state.filter(|state| state.valid == "invalid" && !row.wanted.is_empty()) {
                let because = crate::mdm::reconcile::seen::reasons(&state.reasons);
                row.seen.clear();
                next::enter(&mut row, Stage::Failed, &because, tx.now);
            } else {
                next::declared(&mut row, None, is_known, tx.now);
                if state.is_some_and(|state| state.active) {
                    next::confirmed(&mut row, tx.now);
                }
            }
        } else if let Some(item) = by_command.iter().find(|item| text(item, "identifier") == row.bundle_id && !row.bundle_id.is_empty()) {
            let facts = apps::facts_of(tx, enrollment, &row)?;
            let said = Item { state: ManagedState::from_word(&camel(&text(item, "state"))), external_version: number(item) };
            let version = text(item, "version");
            let present = (!version.is_empty()).then(|| Present {
                version,
                short_version: text(item, "short-version"),
                external_version: number(item),
            });
            next::listed(&mut row, Some(&said), present.as_ref(), false, &facts, tx.now);
        }
        store(tx, enrollment, &before, &row)?;
    }
    Ok(())
}

fn text(item: &Json, key: &str) -> String {
    item.get(key).and_then(Json::as_str).unwrap_or_default().to_owned()
}

/// The App Store's number of a version: a number, or a text with one in `mdm.app`.
fn number(item: &Json) -> Option<i64> {
    let said = item.get("external-version-id")?;
    said.as_i64().or_else(|| said.as_str()?.parse().ok())
}

fn declared_item(item: &Json) -> Declared {
    Declared {
        state: text(item, "state"),
        update_state: text(item, "update-state"),
        reason: item.pointer("/reasons/0/code").and_then(Json::as_str).map(str::to_owned),
        version: text(item, "version"),
        short_version: text(item, "short-version"),
        external_version: number(item),
    }
}

/// `managed-but-uninstalled` as commands spell it.
fn camel(word: &str) -> String {
    word.split('-')
        .map(|part| {
            let mut letters = part.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        })
        .collect()
}

/// Takes what people call the version of an app of the house from its package, where the device told the build alone, or the build in its place.
fn with_short_version(tx: &Tx, row: &AppState) -> Result<AppState> {
    let mut row = row.clone();
    let is_build_alone = row.short_version.is_empty() || row.short_version == row.version;
    if row.adam_id.is_empty() && is_build_alone && !row.version.is_empty() {
        let known = packages::of_app(tx, &row.app_id)?.iter().find_map(|package| short_version(package, &row));
        row.short_version = known.unwrap_or(row.short_version);
    }
    Ok(row)
}

/// What a package calls the build that is on a device; of an installer that of the app inside, which counts by itself. None where it is another build.
fn short_version(package: &Package, row: &AppState) -> Option<String> {
    let mut inside = package.facts.apps.iter().filter(|app| app.identifier == row.bundle_id);
    let short = match inside.find(|app| app.version == row.version) {
        Some(app) => &app.short_version,
        None if package.version == row.version => &package.facts.short_version,
        None => return None,
    };
    Some(short.clone()).filter(|short| !short.is_empty())
}

/// Stores a row, tells what is news in it, and has it looked at again.
fn store(tx: &Tx, enrollment: &Enrollment, before: &AppState, row: &AppState) -> Result<()> {
    let row = &with_short_version(tx, row)?;
    if before == row {
        return Ok(());
    }
    tell(tx, enrollment, before, row)?;
    app_states::put(tx, &enrollment.id, row)?;
    deployments::look_again_at(tx, &enrollment.id).map(drop)
}

/// What the timeline says of an app: that it is there, has gone, was declined, deleted or refused.
fn tell(tx: &Tx, enrollment: &Enrollment, before: &AppState, row: &AppState) -> Result<()> {
    let kind = match row.stage {
        Stage::Installed | Stage::Outdated if before.seen.is_empty() && !row.seen.is_empty() => "app.installed",
        Stage::Installed | Stage::Outdated if before.version != row.version && !before.version.is_empty() => "app.updated",
        Stage::Absent if !before.seen.is_empty() && row.seen.is_empty() => "app.gone",
        stage if stage == before.stage => return Ok(()),
        Stage::Declined => "app.declined",
        Stage::Deleted => "app.deleted_by_person",
        Stage::Prompting => "app.prompting",
        Stage::Failed => "app.failed",
        Stage::Stuck => "app.stuck",
        Stage::NeedsCode => "app.needs_code",
        _ => return Ok(()),
    };
    let data = json!({ "name": row.name, "identifier": row.bundle_id, "version": row.short_version, "because": row.problem });
    journal::note(tx, &actor(enrollment), kind, enrollment, data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::mdm::Actor;
    use crate::mdm::apps::words;
    use crate::mdm::packages::{self as room, NewPackage};
    use crate::protocol::manifest::Hashing;
    use crate::protocol::package::tests::app;
    use crate::store::{OpenOptions, Store};

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    #[test]
    fn an_app_of_the_house_is_told_by_the_version_that_people_know_with_its_build() {
        let store = Store::open(OpenOptions::memory()).unwrap();
        let written = store.write_blocking(NOW, |tx| {
            let bytes = app("school.example.field", "2", "<key>CFBundleShortVersionString</key><string>1.10</string>");
            let read = crate::protocol::package::read(std::io::Cursor::new(&bytes), bytes.len() as u64).unwrap();
            let mut hashing = Hashing::default();
            hashing.update(&bytes);
            let new = NewPackage { hashes: hashing.finish(), read, accept_expired: false, stage: None };
            let kept = room::keep(tx, &Actor::Console, &new)?;
            let said = |build: &str, short: &str, adam_id: &str| {
                let row = AppState {
                    version: build.into(),
                    short_version: short.into(),
                    adam_id: adam_id.into(),
                    stage: Stage::Installed,
                    ..AppState::absent(&kept.app.id, Mechanism::Command, NOW)
                };
                with_short_version(tx, &row).map(|row| (words::stage(&row), row.version))
            };
            let told = |words: &str, build: &str| (format!("installed, version {words}"), build.to_owned());
            // A device that tells no short version, one that tells the build in its place, and one that tells the short version itself.
            for short in ["", "2", "1.10"] {
                assert_eq!(said("2", short, "")?, told("1.10 (2)", "2"), "{short}");
            }
            assert_eq!(said("3", "", "")?, told("3", "3"), "a build that is not here");
            assert_eq!(said("3", "3", "")?, told("3", "3"));
            assert_eq!(said("2", "1.11", "")?, told("1.11 (2)", "2"), "what a device tells is not replaced");
            assert_eq!(said("2", "2", "1500000002")?, told("2", "2"), "an app of the store has no package");
            Ok(())
        });
        written.unwrap();
    }
}
