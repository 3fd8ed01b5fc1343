//! What devices say of updates: answers to commands, status reports.

use serde_json::Value as Json;

use crate::error::{Error, Kind, Result};
use crate::mdm::inventory;
use crate::mdm::reconcile::ACTOR;
use crate::mdm::reconcile::seen::reasons;
use crate::mdm::reconcile::updates::store;
use crate::mdm::updates::candidates;
use crate::mdm::updates::next::{self, Said};
use crate::mdm::updates::own_list;
use crate::mdm::updates::plan::identifier;
use crate::protocol::error_chain::{self, CauseKind, ChainedError};
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::protocol::report::updates::{self as reports, AvailableUpdate};
use crate::protocol::report::{Head, Report, Status};
use crate::store::commands::Command;
use crate::store::declared::{self, DeclarationState};
use crate::store::deployments::{self, Mechanism};
use crate::store::enrollments::Enrollment;
use crate::store::update_states::{self, Stage, UpdateState};
use crate::store::{Tx, devices};

/// The commands whose answers are read here.
const ANSWERED: [&str; 4] = ["ScheduleOSUpdateScan", "AvailableOSUpdates", "ScheduleOSUpdate", "OSUpdateStatus"];

/// Updates that a device finds at most; more are passed over.
const OFFERS_MAX: usize = 200;

/// What a device says of a declaration that it can do nothing with, as of one for a version that it runs already.
const CANNOT_BE_APPLIED: &str = "Error.ConfigurationCannotBeApplied";

/// Takes over what a device answered to a command about updates.
pub fn update_answered(tx: &Tx, enrollment: &Enrollment, command: &Command, head: &Head, report: Option<&Report>) -> Result<()> {
    if !ANSWERED.contains(&command.request_type.as_str()) || matches!(head.status, Status::Idle | Status::NotNow) {
        return Ok(());
    }
    let finds_none = command.request_type == "AvailableOSUpdates" && finds_none(&head.error_chain);
    let is_taken = head.status == Status::Acknowledged || finds_none;
    let found = if finds_none { Some(Vec::new()) } else { report.filter(|_| is_taken).and_then(reports::available) };
    let before = update_states::by_command(tx, &enrollment.id, &command.uuid)?;
    // A Mac that has not looked yet finds nothing, which does not mean that it is up to date.
    let is_first_word = match &before {
        Some(row) => row.version.is_empty() && row.unmoved == 0 && is_mac(tx, enrollment)?,
        None => found.as_ref().is_some_and(Vec::is_empty) && own_list::is_too_early(tx, enrollment)?,
    };
    if let Some(found) = found.as_ref().filter(|found| !(found.is_empty() && is_first_word)) {
        let kept = &found[..found.len().min(OFFERS_MAX)];
        let json = serde_json::to_string(kept).map_err(|error| Error::internal("what was found is JSON", error))?;
        update_states::set_offers(tx, &enrollment.id, &json)?;
    }
    let Some(before) = before else { return Ok(()) };
    let mut row = before.clone();
    if is_taken {
        taken(tx, enrollment, &mut row, command, report, found.as_deref())?;
    } else if let Some(stage) = at_it(&head.error_chain).filter(|_| command.request_type == "ScheduleOSUpdate") {
        next::at_it_already(&mut row, stage, tx.now);
    } else {
        let cause = head.cause();
        let is_unknown = cause.as_ref().is_some_and(|cause| cause.kind == CauseKind::Unsupported);
        let because = cause.map_or_else(|| String::from(t!("the device gave no reason")), |cause| cause.words.into_owned());
        if is_unknown && command.request_type != "ScheduleOSUpdate" {
            next::unknown(&mut row, &because, tx.now);
            ask_what_it_runs(tx, enrollment)?;
        } else {
            next::lost(&mut row, &because, tx.now);
        }
    }
    if row.stage == Stage::Failed {
        // It may have it already, so that there is nothing to do.
        devices::set_refresh_due(tx, &enrollment.device_id, Some(tx.now))?;
    }
    store(tx, enrollment, Some(&before), &row)?;
    deployments::look_again_at(tx, &enrollment.id).map(drop)
}

/// A system that has lost a command may be the one that was to come: the device says so while it is here.
fn ask_what_it_runs(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    match inventory::ask_facts(tx, &ACTOR, enrollment) {
        // Its queue is full: it is asked once there is room.
        Err(error) if error.kind == Kind::Conflict => devices::set_refresh_due(tx, &enrollment.device_id, Some(tx.now)),
        asked => asked,
    }
}

fn taken(
    tx: &Tx,
    enrollment: &Enrollment,
    row: &mut UpdateState,
    command: &Command,
    report: Option<&Report>,
    found: Option<&[AvailableUpdate]>,
) -> Result<()> {
    let is_mac = is_mac(tx, enrollment)?;
    match command.request_type.as_str() {
        "ScheduleOSUpdateScan" => next::scanning(row, tx.now),
        "AvailableOSUpdates" if row.version.is_empty() => next::looked(row, found.is_some_and(|found| !found.is_empty()), is_mac, tx.now),
        "AvailableOSUpdates" => next::found(row, found.and_then(|found| key_of(row, found)).as_deref(), is_mac, tx.now),
        "ScheduleOSUpdate" => {
            let results = report.map(reports::scheduled).unwrap_or_default();
            let own =
                results.iter().find(|result| !row.product_key.is_empty() && result.product_key == row.product_key).or(results.first());
            match (own, own.and_then(|answer| at_it(&answer.error_chain))) {
                (Some(_), Some(stage)) => next::at_it_already(row, stage, tx.now),
                (Some(answer), None) => {
                    let because =
                        (!answer.error_chain.is_empty()).then(|| error_chain::explain(&answer.error_chain, None, None).words.into_owned());
                    next::scheduled(row, answer, because.as_deref(), tx.now);
                }
                (None, _) => next::lost(row, t!("the device took the order and said nothing of what became of it"), tx.now),
            }
        }
        _ => {
            let statuses = report.map(reports::statuses).unwrap_or_default();
            let own = statuses.iter().find(|status| !row.product_key.is_empty() && status.product_key == row.product_key);
            let stage = row.stage;
            next::status(row, own.or(statuses.first()), tx.now);
            next::installs_no_more(row, stage, asks_first(tx, &enrollment.device_id)?, tx.now);
            if statuses.is_empty() && next::is_at_it(row) {
                // It may be through: what it runs now, its inventory tells.
                devices::set_refresh_due(tx, &enrollment.device_id, Some(tx.now))?;
            }
        }
    }
    Ok(())
}

fn is_mac(tx: &Tx, enrollment: &Enrollment) -> Result<bool> {
    Ok(devices::by_id(tx, &enrollment.device_id)?.is_some_and(|device| device.platform == Platform::Macos))
}

/// Whether a device answers by an error that it finds no update: old iPads do.
fn finds_none(chain: &[ChainedError]) -> bool {
    !chain.is_empty() && error_chain::explain(chain, None, None).kind == CauseKind::NothingToDo
}

/// How far a device is that refuses an order because it is at it already.
fn at_it(chain: &[ChainedError]) -> Option<Stage> {
    if chain.is_empty() || error_chain::explain(chain, None, None).kind != CauseKind::InProgress {
        return None;
    }
    chain.iter().rev().find_map(|error| match error.code {
        12_051 => Some(Stage::Downloading),
        12_052 => Some(Stage::Prepared),
        12_058 => Some(Stage::Installing),
        _ => None,
    })
}

/// Whether a device may ask its person for the passcode before it installs; one that did not say may.
fn asks_first(tx: &Tx, device_id: &str) -> Result<bool> {
    let security: Json = serde_json::from_str(&devices::security(tx, device_id)?).unwrap_or_default();
    Ok(security["PasscodePresent"] != false)
}

/// The key under which a device lists the release that is meant.
fn key_of(row: &UpdateState, found: &[AvailableUpdate]) -> Option<String> {
    let version = OsVersion::parse(&row.version);
    let is_build = |update: &&AvailableUpdate| !row.build.is_empty() && update.build.as_deref() == Some(&row.build);
    let is_version = |update: &&AvailableUpdate| update.version.as_deref().is_some_and(|found| OsVersion::parse(found) == version);
    let own = found.iter().find(is_build).or_else(|| found.iter().find(is_version))?;
    Some(own.product_key.clone()).filter(|key| !key.is_empty())
}

/// Takes over what a status report said of an update that came by a declaration.
///
/// What the device runs counts first: once it has the version, it calls the declaration one that cannot be applied, which is no failure but its end.
pub fn update_reported(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    let rows = update_states::of_enrollment(tx, &enrollment.id)?;
    let Some(before) = rows.iter().find(|row| is_declared(row)) else { return Ok(()) };
    if runs_it(tx, enrollment, before)? {
        return deployments::look_again_at(tx, &enrollment.id).map(drop);
    }
    let states = declared::states(tx, &enrollment.id)?;
    let own = identifier(&before.plan_id);
    let state = states.iter().find(|state| state.identifier == own);
    let current = state.filter(|state| is_current(tx, enrollment, state).unwrap_or_default());
    if current.is_none() && matches!(before.stage, Stage::Waiting | Stage::Failed) {
        // It has not looked at the declaration yet, or has none any more: what it says of updates is about another one.
        return Ok(());
    }
    let invalid = current.filter(|state| state.valid == "invalid");
    let mut row = before.clone();
    if invalid.is_some_and(|state| state.reasons.contains(CANNOT_BE_APPLIED)) && before.stage != Stage::Failed {
        if !next::awaits_inventory(before) {
            // It may run the version by now and has only not said so yet.
            next::asks_what_it_runs(&mut row, tx.now);
            store(tx, enrollment, Some(before), &row)?;
            return ask_what_it_runs(tx, enrollment);
        }
        if !next::has_said_what_it_runs(before, devices::by_id(tx, &enrollment.device_id)?.and_then(|device| device.facts_at)) {
            return Ok(());
        }
    }
    let item = |name: &str| -> Result<Option<Json>> {
        let said = declared::status_item(tx, &enrollment.id, &format!("softwareupdate.{name}"))?;
        said.map(|said| serde_json::from_str(&said).map_err(|error| Error::internal("stored status items are JSON", error))).transpose()
    };
    let text = |value: Option<Json>| value.and_then(|value| value.as_str().map(str::to_owned));
    let failure = text(item("failure-reason.reason")?);
    let count = item("failure-reason.count")?.and_then(|count| count.as_i64());
    let said = Said {
        install_state: text(item("install-state")?),
        failure: count.map(|count| (count, failure.unwrap_or_default())),
        invalid: invalid.map(|state| reasons(&state.reasons)),
    };
    next::declared(&mut row, &said, tx.now);
    store(tx, enrollment, Some(before), &row)
}

/// A device that was asked which system it runs, since it calls the declaration of its update one that cannot be applied, has said so.
pub fn system_told(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    let rows = update_states::of_enrollment(tx, &enrollment.id)?;
    if rows.iter().any(|row| is_declared(row) && next::awaits_inventory(row)) { update_reported(tx, enrollment) } else { Ok(()) }
}

/// Whether an update comes by a declaration and is not at its end.
fn is_declared(row: &UpdateState) -> bool {
    row.mechanism == Mechanism::Declaration && (row.is_under_way() || row.stage == Stage::Failed)
}

/// Whether the device runs what the row means already, or something newer.
fn runs_it(tx: &Tx, enrollment: &Enrollment, row: &UpdateState) -> Result<bool> {
    let Some(device) = devices::by_id(tx, &enrollment.device_id)?.filter(|_| !row.version.is_empty()) else { return Ok(false) };
    Ok(candidates::subject(tx, &device)?.version.is_at_least(OsVersion::parse(&row.version)))
}

/// Whether a state is about the declaration as it is served now.
fn is_current(tx: &Tx, enrollment: &Enrollment, state: &DeclarationState) -> Result<bool> {
    let served = declared::of_enrollment(tx, &enrollment.id)?;
    Ok(served.iter().any(|served| served.identifier == state.identifier && served.server_token == state.server_token))
}
