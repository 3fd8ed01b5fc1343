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
use crate::http::pages::profiles::one::{one, scope_conflicts};
use crate::mdm::settings::zone;
use crate::mdm::{Actor, Right, profiles};
use crate::store::Tx;

/// What became of a form.
enum Outcome {
    /// It is as the form says; how many groups got or lost the profile.
    Done(usize),
    /// The profile's name, and what it would get in the way of.
    Asked(String, Vec<String>),
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
                        let messages = new_conflicts(tx, &actor, &target, &changes, &assigned)?;
                        if !messages.is_empty() {
                            return Ok(Outcome::Asked(found.profile.name, messages));
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
        Ok(Outcome::Done(0)) => Ok(said(&app, &gate, &who, &page, "Nothing was changed: it is for these groups already.")),
        Ok(Outcome::Done(_)) => Ok(said(&app, &gate, &who, &page, "Saved. Devices get it, or lose it, as they check in.")),
        Ok(Outcome::Asked(name, messages)) => {
            let sent: Vec<_> = form.into_iter().filter(|(field, _)| field != "confirmed").collect();
            Ok((StatusCode::CONFLICT, scope_conflicts(&shell(&app, &who, None).await?, (&page, &name), &messages, &sent)).into_response())
        }
        Err(error) if error.kind == Kind::BadInput => {
            let refused = Some((Sent::read(&form).unwrap_or_default(), errors(&error)));
            let view = filled(&app, &who, &id, None, refused).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, one(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

/// What the profile would get in the way of only because of these changes.
fn new_conflicts(tx: &Tx, actor: &Actor, id: &str, changes: &Changes, known: &[Assigned]) -> Result<Vec<String>> {
    let added = changes.newly(known, tx.now);
    if added.is_empty() {
        return Ok(Vec::new());
    }
    let before = profiles::check(tx, actor, id, &[], None)?;
    let after = profiles::check(tx, actor, id, &added, None)?;
    let is_known = |warning: &profiles::Warning| before.iter().any(|old| (&old.other_id, &old.key) == (&warning.other_id, &warning.key));
    Ok(after.into_iter().filter(|warning| !is_known(warning)).map(|warning| warning.message).collect())
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
