//! On the devices of which groups an app is wanted, or may be asked for.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::super::{Form, errors, said, shell};
use super::filled;
use crate::app::App;
use crate::error::{Kind, Result};
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::apps::one::one;
use crate::http::pages::parts::scope::Sent;
use crate::mdm::apps::{self, Shortage};
use crate::mdm::{Actor, Right};
use crate::store::Tx;
use crate::store::assignments::AssignedMode;

pub(super) async fn save(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let mode = if form.iter().any(|(name, _)| name == "optional") { AssignedMode::Optional } else { AssignedMode::Required };
    let outcome = match Sent::read(&form) {
        Ok(sent) => {
            let (actor, target, sent) = (who.actor.clone(), id.clone(), sent);
            app.store.write(app.now(), move |tx| apply(tx, &actor, &target, &sent, mode)).await
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(short) => {
            let mut words = String::from("Saved. Devices get it, or lose it, as they check in.");
            for shortage in short {
                words = format!("{words} {}", shortage.because);
            }
            Ok(said(&app, &gate, &who, &format!("/apps/{id}"), &words))
        }
        Err(error) if error.kind == Kind::BadInput => {
            let mut view = filled(&app, &who, &id, None, None).await?;
            view.scope.sent = Some(Sent::read(&form).unwrap_or_default());
            view.scope.errors = errors(&error);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, one(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

/// Brings the app's groups to what the form says; tells who lacks how many licences.
fn apply(tx: &Tx, actor: &Actor, id: &str, sent: &Sent, mode: AssignedMode) -> Result<Vec<Shortage>> {
    let found = apps::find(tx, actor, id)?;
    let assigned: Vec<_> = found.assignments.iter().map(|row| (row.group_id.clone(), row.ends_at)).collect();
    let changes = sent.changes(&assigned, tx.now)?;
    for (group, end) in &changes.assign {
        apps::assign(tx, actor, id, group, mode, *end)?;
    }
    for row in found.assignments.iter().filter(|row| row.mode != mode && sent.groups.contains(&row.group_id)) {
        if !changes.assign.iter().any(|(group, _)| *group == row.group_id) {
            apps::assign(tx, actor, id, &row.group_id, mode, row.ends_at)?;
        }
    }
    for group in &changes.unassign {
        apps::unassign(tx, actor, id, group)?;
    }
    if mode == AssignedMode::Optional { Ok(Vec::new()) } else { apps::shortages(tx, &found.app, &sent.groups) }
}
