//! On the devices of which groups a profile is wanted: what it gets in the way of is asked about first.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::super::{Form, errors, said, shell};
use super::filled;
use crate::app::App;
use crate::error::{Kind, Result};
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::parts::scope::{Assigned, Changes, Sent};
use crate::http::pages::profiles::one::{one, scope_conflicts, scope_unheeded};
use crate::mdm::profiles::Warning;
use crate::mdm::settings::zone;
use crate::mdm::{Actor, Right, profiles};
use crate::store::Tx;

/// What became of a form.
enum Outcome {
    /// It is as the form says; how many groups got or lost the profile.
    Done(usize),
    /// The profile's name, what it would get in the way of, and whether that is only that some devices pass keys over.
    Asked(String, Vec<String>, bool),
}

pub(super) async fn save(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let is_confirmed = form.iter().any(|(name, _)| name == "confirmed");
    let outcome = match Sent::read(&form) {
        Ok(sent) => {
            let (actor, target, now) = (who.actor.clone(), id.clone(), app.now());
            app.store
                .write(now, move |tx| {
                    let found = profiles::find(tx, &actor, &target)?;
                    let assigned: Vec<_> = found.assignments.iter().map(|row| (row.group_id.clone(), row.ends_at)).collect();
                    let changes = sent.changes(&assigned, &zone(tx)?, now)?;
                    if !is_confirmed {
                        let new = new_conflicts(tx, &actor, &target, &changes, &assigned)?;
                        if !new.is_empty() {
                            let of_keys = new.iter().all(|warning| warning.other_id.is_none());
                            let messages = new.into_iter().map(|warning| warning.message).collect();
                            return Ok(Outcome::Asked(found.profile.name, messages, of_keys));
                        }
                    }
                    apply(tx, &actor, &target, &changes).map(Outcome::Done)
                })
                .await
        }
        Err(error) => Err(error),
    };
    let page = format!("/profiles/{id}");
    match outcome {
        Ok(Outcome::Done(0)) => Ok(said(&app, &gate, &who, &page, t!("Nothing was changed: it is for these groups already."))),
        Ok(Outcome::Done(_)) => Ok(said(&app, &gate, &who, &page, t!("Saved. Devices get it, or lose it, as they check in."))),
        Ok(Outcome::Asked(name, messages, of_keys)) => {
            let sent: Vec<_> = form.into_iter().filter(|(field, _)| field != "confirmed").collect();
            let question = if of_keys { scope_unheeded } else { scope_conflicts };
            let asked = question(&shell(&app, &who, None).await?, (&page, &name), &messages, &sent);
            Ok((StatusCode::CONFLICT, asked).into_response())
        }
        Err(error) if error.kind == Kind::BadInput => {
            let refused = Some((Sent::read(&form).unwrap_or_default(), errors(&error)));
            let view = filled(&app, &who, &id, None, refused).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, one(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

/// What the profile would get in the way of, and which of its keys would do nothing, only because of these changes.
fn new_conflicts(tx: &Tx, actor: &Actor, id: &str, changes: &Changes, known: &[Assigned]) -> Result<Vec<Warning>> {
    let added = changes.newly(known, tx.now);
    if added.is_empty() {
        return Ok(Vec::new());
    }
    // Nobody has it yet: what is told then is told of everybody, and of no group.
    let has_it = known.iter().any(|(_, end)| end.is_none_or(|end| end > tx.now));
    let before = if has_it { profiles::check(tx, actor, id, &[], None)? } else { Vec::new() };
    let after = profiles::check(tx, actor, id, &added, None)?;
    let what = |warning: &Warning| (warning.other_id.clone(), warning.payload_type.clone(), warning.key.clone());
    Ok(after.into_iter().filter(|warning| !before.iter().any(|old| what(old) == what(warning))).collect())
}

fn apply(tx: &Tx, actor: &Actor, id: &str, changes: &Changes) -> Result<usize> {
    for (group, end) in &changes.assign {
        profiles::assign(tx, actor, id, group, *end)?;
    }
    for group in &changes.unassign {
        profiles::unassign(tx, actor, id, group)?;
    }
    Ok(changes.assign.len() + changes.unassign.len())
}
