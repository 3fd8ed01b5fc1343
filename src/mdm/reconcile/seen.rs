//! What a device says, taken into the rows: answers to what was sent, its list of profiles, and the state of its declarations.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::Result;
use crate::language;
use crate::mdm::checkin::actor;
use crate::mdm::journal;
use crate::mdm::reconcile::render;
use crate::mdm::reconcile::{deed, step};
use crate::mdm::{focus, profiles, provisioning};
use crate::protocol::report::{Head, Status};
use crate::store::commands::Command;
use crate::store::declared::{self, DeclarationState};
use crate::store::deployments::{self, DECLARATIONS, Deployment, Mechanism};
use crate::store::enrollments::Enrollment;
use crate::store::{Tx, inventory};

/// What is sent for the rows here.
const ANSWERED: [&str; 5] =
    ["InstallProfile", "RemoveProfile", "DeclarativeManagement", "InstallProvisioningProfile", "RemoveProvisioningProfile"];

/// Codes by which a device says that there is no such profile (any more): `MCMDMErrorDomain` 12075, a Mac's `MDMClientError` 89.
const NOT_THERE: [i64; 2] = [12075, 89];

/// Takes over what a device answered to a command.
pub fn answered(tx: &Tx, enrollment: &Enrollment, command: &Command, head: &Head) -> Result<()> {
    if !ANSWERED.contains(&command.request_type.as_str()) {
        return Ok(());
    }
    let Some(mut row) = deployments::by_command(tx, &enrollment.id, &command.uuid)? else {
        // Somebody else's, or an answer to what we had given up: what the device has now, its list tells.
        if command.supersede_key.as_deref().is_some_and(|key| key.starts_with("reconcile:profile:")) && head.status != Status::NotNow {
            deed::verify(tx, enrollment)?;
        }
        return Ok(());
    };
    let before = row.clone();
    let is_removal = command.request_type.starts_with("Remove");
    match head.status {
        Status::Idle | Status::NotNow => return Ok(()),
        Status::Acknowledged if row.key == DECLARATIONS => step::sync_acknowledged(&mut row, tx.now),
        Status::Acknowledged => step::acknowledged(&mut row),
        Status::Error if is_removal && head.error_chain.iter().any(|error| NOT_THERE.contains(&error.code)) => step::acknowledged(&mut row),
        Status::Error | Status::CommandFormatError => {
            let cause = head.cause().map_or_else(|| String::from(t!("the device gave no reason")), |cause| cause.words.into_owned());
            step::refused(&mut row, &cause, tx.now);
        }
    }
    store(tx, enrollment, &before, &row)?;
    match row.key.as_str() {
        DECLARATIONS => Ok(()),
        key if deployments::is_provisioning(key) => super::provisioning::verify(tx, enrollment),
        _ => deed::verify(tx, enrollment),
    }
}

/// Stores a row, tells what is news in it, and has it looked at again: something else may be wanted by now, or a moment to try again be set.
pub(super) fn store(tx: &Tx, enrollment: &Enrollment, before: &Deployment, row: &Deployment) -> Result<()> {
    tell(tx, enrollment, before, row)?;
    if let Some(identifier) = row.key.strip_prefix("profile:").filter(|_| is_there(row) && !is_there(before)) {
        profiles::came(tx, &enrollment.id, identifier)?;
    }
    if row.is_away() && !provisioning::is_remembered(tx, row)? {
        return deployments::forget(tx, &enrollment.id, &row.key);
    }
    deployments::put(tx, &enrollment.id, row)?;
    if row.seen != row.wanted || row.key == DECLARATIONS {
        deployments::look_again_at(tx, &enrollment.id)?;
    }
    Ok(())
}

/// Whether the device has what is wanted, as it is wanted.
fn is_there(row: &Deployment) -> bool {
    !row.wanted.is_empty() && row.seen == row.wanted
}

/// What the timeline says of a thing: that it is there, that it has gone, that the device refused it.
fn tell(tx: &Tx, enrollment: &Enrollment, before: &Deployment, row: &Deployment) -> Result<()> {
    if row.key == DECLARATIONS {
        return Ok(());
    }
    let kind = match () {
        () if is_there(row) && !is_there(before) => "deployment.there",
        () if row.seen.is_empty() && !before.seen.is_empty() => "deployment.gone",
        () if !row.problem.is_empty() && row.problem != before.problem => "deployment.refused",
        () => return Ok(()),
    };
    let data = json!({ "name": row.name, "identifier": row.key.trim_start_matches("profile:"), "because": language::kept(&row.problem) });
    journal::note(tx, &actor(enrollment), kind, enrollment, data)
}

/// Takes over a list of profiles that was just read.
pub fn listed(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    let rows = deployments::of_enrollment(tx, &enrollment.id)?;
    if rows.is_empty() {
        return Ok(());
    }
    let there: BTreeMap<_, _> = inventory::profiles(tx, &enrollment.id)?
        .into_iter()
        .map(|profile| (deployments::profile_key(&profile.identifier), profile.uuid))
        .collect();
    for before in rows.into_iter().filter(|row| deployments::is_profile(&row.key)) {
        let mut row = before.clone();
        step::listed(&mut row, there.get(&before.key).map(String::as_str), tx.now);
        if row != before {
            store(tx, enrollment, &before, &row)?;
        } else if focus::outlived(tx, enrollment, &row)? {
            deployments::look_again_at(tx, &enrollment.id)?;
        }
    }
    Ok(())
}

/// Takes over what a device said of its declarations, which was just stored.
pub fn status_changed(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    let states: BTreeMap<_, _> = declared::states(tx, &enrollment.id)?.into_iter().map(|state| (state.identifier.clone(), state)).collect();
    let served = declared::of_enrollment(tx, &enrollment.id)?;
    let tokens: BTreeMap<_, _> = served.iter().map(|served| (served.identifier.as_str(), served.server_token.as_str())).collect();
    let is_synced = states.len() == served.len()
        && states.values().all(|state| tokens.get(state.identifier.as_str()) == Some(&state.server_token.as_str()));
    for before in deployments::of_enrollment(tx, &enrollment.id)? {
        let mut row = before.clone();
        if row.key == DECLARATIONS {
            synced(&mut row, is_synced);
        } else if row.mechanism == Mechanism::Declaration {
            let identifier = render::profile_declaration(row.key.trim_start_matches("profile:"));
            let state = states.get(&identifier);
            let is_current = state.is_some_and(|state| tokens.get(identifier.as_str()) == Some(&state.server_token.as_str()));
            declared_profile(&mut row, state, is_current);
        }
        if row != before {
            store(tx, enrollment, &before, &row)?;
        }
    }
    Ok(())
}

fn synced(row: &mut Deployment, is_synced: bool) {
    if is_synced {
        row.seen.clone_from(&row.wanted);
        row.sent.clone_from(&row.wanted);
        row.due_at = None;
        row.attempts = 0;
        row.problem.clear();
    } else if row.seen == row.wanted {
        // It had them and has them no more: after a restore, for instance.
        row.seen.clear();
    }
}

fn declared_profile(row: &mut Deployment, state: Option<&DeclarationState>, is_current: bool) {
    match state {
        None => row.seen.clear(),
        Some(state) if is_current && state.valid == "valid" && state.active => {
            row.seen.clone_from(&row.wanted);
            row.problem.clear();
        }
        Some(state) if is_current && state.valid == "invalid" => {
            row.seen.clear();
            row.problem = reasons(&state.reasons);
        }
        // Not looked at by the device yet, or an older version: what was there before counts until it says more.
        Some(_) => {}
    }
}

/// The reasons of a declaration's state as one sentence.
pub(super) fn reasons(json: &str) -> String {
    let reasons: Vec<Value> = serde_json::from_str(json).unwrap_or_default();
    let said = reasons.iter().filter_map(|reason| {
        let text = |key: &str| reason.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        text("description").or_else(|| text("code"))
    });
    let said: Vec<_> = said.collect();
    if said.is_empty() { String::from(t!("the device could not apply it and gave no reason")) } else { said.join("; ") }
}
