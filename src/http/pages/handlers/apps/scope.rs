//! On the devices of which groups an app is wanted, or may be asked for: what goes, and what licences are missing, is asked about first.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::super::{Form, errors, said, shell};
use super::filled;
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Kind, Result};
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::apps::ask::{Lost, Missing, ask_scope};
use crate::http::pages::apps::one::one;
use crate::http::pages::parts::scope::{Assigned, Changes, Sent};
use crate::mdm::settings::zone;
use crate::mdm::{Actor, Right, apps};
use crate::store::Tx;
use crate::store::assignments::{AssignedMode, Assignment};

type Pairs = Vec<(String, String)>;

/// What became of a form.
enum Outcome {
    /// It is as the form says.
    Done,
    /// The app's name, what would be lost, and what would be missing.
    Asked(String, Lost, Missing),
}

/// What the form says of an app besides the groups.
pub(in crate::http::pages::handlers) struct Wish {
    /// The groups, and the end.
    pub(in crate::http::pages::handlers) sent: Sent,
    /// The mode of groups that are newly ticked; of all, where the box was changed.
    mode: AssignedMode,
    is_for_all: bool,
    is_confirmed: bool,
    typed: String,
}

impl Wish {
    /// Reads the form; that of anything else has no mode, which is as if it were required.
    pub(in crate::http::pages::handlers) fn read(form: &Pairs) -> Result<Self> {
        let has = |field: &str| form.iter().any(|(name, _)| name == field);
        Ok(Self {
            sent: Sent::read(form)?,
            mode: if has("optional") { AssignedMode::Optional } else { AssignedMode::Required },
            is_for_all: has("optional") != has("was_optional"),
            is_confirmed: has("confirmed"),
            typed: form.iter().find(|(name, _)| name == "typed").map(|(_, typed)| typed.trim().to_owned()).unwrap_or_default(),
        })
    }

    /// The end and the mode of every group that is to have it otherwise than before; `rows` are where it is assigned.
    pub(in crate::http::pages::handlers) fn each(
        &self,
        changes: &Changes,
        rows: &[Assignment],
    ) -> BTreeMap<String, (Option<Timestamp>, AssignedMode)> {
        let before = |group: &str| rows.iter().find(|row| row.group_id == group).map(|row| row.mode);
        let mode = |group: &str| before(group).filter(|_| !self.is_for_all).unwrap_or(self.mode);
        let mut each: BTreeMap<_, _> = changes.assign.iter().map(|(group, end)| (group.clone(), (*end, mode(group)))).collect();
        for row in rows.iter().filter(|row| self.is_for_all && row.mode != self.mode && self.sent.groups.contains(&row.group_id)) {
            each.entry(row.group_id.clone()).or_insert((row.ends_at, self.mode));
        }
        each
    }
}

pub(super) async fn save(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(form): Form<Pairs>,
) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let outcome = match Wish::read(&form) {
        Ok(wish) => {
            let (actor, target) = (who.actor.clone(), id.clone());
            app.store.write(app.now(), move |tx| apply(tx, &actor, &target, &wish)).await
        }
        Err(error) => Err(error),
    };
    let page = format!("/apps/{id}");
    match outcome {
        Ok(Outcome::Done) => Ok(said(&app, &gate, &who, &page, t!("Saved. Devices get it, or lose it, as they check in."))),
        Ok(Outcome::Asked(name, lost, missing)) => {
            let sent: Pairs = form.into_iter().filter(|(field, _)| !matches!(field.as_str(), "confirmed" | "typed")).collect();
            let asked = ask_scope(&shell(&app, &who, None).await?, (&page, &name), &lost, &missing, &sent);
            Ok((StatusCode::CONFLICT, asked).into_response())
        }
        Err(error) if error.kind == Kind::BadInput => {
            let mut view = filled(&app, &who, &id, Vec::new(), None).await?;
            view.scope.sent = Some(Sent::read(&form).unwrap_or_default());
            view.scope.errors = errors(&error);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, one(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

/// Brings the app's groups to what the form says, unless something of it is to be asked about first.
fn apply(tx: &Tx, actor: &Actor, id: &str, wish: &Wish) -> Result<Outcome> {
    let found = apps::find(tx, actor, id)?;
    let assigned: Vec<_> = found.assignments.iter().map(|row| (row.group_id.clone(), row.ends_at)).collect();
    let changes = wish.sent.changes(&assigned, &zone(tx)?, tx.now)?;
    let mut lost = lost(tx, actor, id, &changes)?;
    if !wish.is_confirmed {
        let missing = missing(tx, actor, &found, wish, (&changes, &assigned))?;
        if lost.count > 0 || !missing.is_empty() {
            return Ok(Outcome::Asked(found.app.name, lost, missing));
        }
    } else if lost.count > 1 && wish.typed != lost.count.to_string() {
        lost.typed.clone_from(&wish.typed);
        lost.is_mistyped = true;
        return Ok(Outcome::Asked(found.app.name, lost, Missing::default()));
    }
    for (group, (end, mode)) in wish.each(&changes, &found.assignments) {
        apps::assign(tx, actor, id, &group, mode, end)?;
    }
    for group in &changes.unassign {
        apps::unassign(tx, actor, id, group)?;
    }
    Ok(Outcome::Done)
}

/// What would be missing only because of these changes.
fn missing(tx: &Tx, actor: &Actor, found: &apps::Overview, wish: &Wish, (changes, assigned): (&Changes, &[Assigned])) -> Result<Missing> {
    let newly = changes.newly(assigned, tx.now);
    if newly.is_empty() {
        return Ok(Missing::default());
    }
    let short = if wish.mode == AssignedMode::Optional { Vec::new() } else { apps::shortages(tx, &found.app, &newly)? };
    let mut lacks = apps::lacks(tx, actor, &found.app.id, None, Some(&newly))?;
    lacks.extend(apps::hidden(tx, actor, &found.app.id, Some(&newly))?);
    Ok(Missing {
        licences: short.into_iter().map(|shortage| shortage.because).collect(),
        else_: lacks.into_iter().map(|lack| lack.words).collect(),
    })
}

/// From which devices the app would go.
fn lost(tx: &Tx, actor: &Actor, id: &str, changes: &Changes) -> Result<Lost> {
    let groups: Vec<_> = changes.assign.iter().map(|(group, _)| group.clone()).collect();
    let apps::Loss { count, devices } = apps::loss(tx, actor, id, &changes.unassign, &groups)?;
    Ok(Lost { count, devices, ..Lost::default() })
}
