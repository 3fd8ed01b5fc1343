//! On the devices of which groups a policy is wanted: what it gets in the way of is asked about first.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::super::{Form, errors, said, shell};
use super::view;
use crate::app::App;
use crate::error::{Kind, Result};
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::parts::scope::{Assigned, Changes, Sent};
use crate::http::pages::policies::one;
use crate::http::pages::profiles::one::scope_conflicts;
use crate::mdm::settings::zone;
use crate::mdm::{Actor, Right, policies};
use crate::store::Tx;

pub(super) async fn save(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let (actor, policy_id, now) = (who.actor.clone(), id.clone(), app.now());
    let is_confirmed = fields.iter().any(|(name, _)| name == "confirmed");
    let sent = Sent::read(&fields)?;
    let asked = sent.clone();
    let work = move |tx: &Tx| {
        let name = policies::find(tx, &actor, &policy_id)?.name;
        let assigned: Vec<_> = policies::groups(tx, &actor, &policy_id)?.into_iter().map(|group| (group.id, group.ends_at)).collect();
        let changes = asked.changes(&assigned, &zone(tx)?, now)?;
        let messages = if is_confirmed { Vec::new() } else { new_clashes(tx, &actor, &policy_id, &changes, &assigned)? };
        if messages.is_empty() {
            apply(tx, &actor, &policy_id, &changes)?;
        }
        Ok((name, messages))
    };
    match app.store.write(now, work).await {
        Ok((_, messages)) if messages.is_empty() => {
            Ok(said(&app, &gate, &who, &format!("/policies/{id}"), t!("Saved. Devices that it reaches or leaves follow.")))
        }
        Ok((name, messages)) => {
            let back = format!("/policies/{id}");
            Ok((StatusCode::CONFLICT, scope_conflicts(&shell(&app, &who, None).await?, (&back, &name), &messages, &fields)).into_response())
        }
        Err(error) if error.kind == Kind::BadInput => {
            let view = view(&app, &who, id, (None, 0), Some(sent), errors(&error)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, one(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

/// What the policy would get in the way of only because of these changes.
fn new_clashes(tx: &Tx, actor: &Actor, id: &str, changes: &Changes, known: &[Assigned]) -> Result<Vec<String>> {
    let added = changes.newly(known, tx.now);
    if added.is_empty() {
        return Ok(Vec::new());
    }
    let before = policies::check(tx, actor, id, &[])?;
    let after = policies::check(tx, actor, id, &added)?;
    let is_known =
        |clash: &policies::Clash| before.iter().any(|old| (&old.with, &old.of_type, &old.key) == (&clash.with, &clash.of_type, &clash.key));
    Ok(after.into_iter().filter(|clash| !is_known(clash)).map(|clash| clash.message).collect())
}

fn apply(tx: &Tx, actor: &Actor, id: &str, changes: &Changes) -> Result<()> {
    for (group, end) in &changes.assign {
        policies::assign(tx, actor, id, group, *end)?;
    }
    for group in &changes.unassign {
        policies::unassign(tx, actor, id, group)?;
    }
    Ok(())
}
