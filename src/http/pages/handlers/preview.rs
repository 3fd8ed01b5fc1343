//! The preview of a scope: the same form as the one that saves it, sent to another address.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;

use super::apps::Wish;
use super::{Form, shell};
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::auth::SignedIn;
use crate::http::pages::parts::scope::Assigned;
use crate::http::pages::parts::{State as Mark, encode};
use crate::http::pages::preview::{DeviceRow, ForeseenRow, PreviewView, page};
use crate::language;
use crate::mdm::reconcile::{self, Foreseen, Named, Preview, Previews, Thing, Thought};
use crate::mdm::settings::zone;
use crate::mdm::{Actor, Right, declarations, policies, profiles, provisioning};
use crate::store::Tx;
use crate::store::apps;
use crate::store::assignments::{self, AssignedKind};
use crate::store::deployments::Mechanism;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/preview/{kind}/{id}", get(back).post(preview))
}

/// Devices on one page.
const PAGE: usize = 50;

/// The field with the device after which a page begins.
const AFTER: &str = "after";

/// A preview is of a form; who comes without one, as by reloading after a log-in, is led to where the form is.
async fn back(who: SignedIn, Path((kind, id)): Path<(String, String)>) -> Result<Redirect> {
    who.actor.require(Right::View)?;
    Ok(Redirect::to(&format!("/{}/{}", noun(named(&kind)?), encode(&id))))
}

fn named(kind: &str) -> Result<AssignedKind> {
    kind.parse().map_err(|_| Error::not_found(t!("There is no such page.")))
}

async fn preview(
    State(app): State<App>,
    who: SignedIn,
    Path((kind, id)): Path<(String, String)>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let kind = named(&kind)?;
    let (after, fields): (Vec<_>, Vec<_>) = fields.into_iter().partition(|(name, _)| name == AFTER);
    let after = after.into_iter().next().map(|(_, after)| after);
    let is_later = after.is_some();
    let wish = Wish::read(&fields)?;
    let actor = who.actor.clone();
    let (name, previews, until) = app
        .store
        .read_slow(app.now(), {
            let id = id.clone();
            move |tx| look(tx, &actor, (kind, &id), &wish, after)
        })
        .await?;
    let back = format!("/{}/{id}", noun(kind));
    let view = PreviewView {
        name,
        save: format!("{back}/scope"),
        again: format!("/preview/{kind}/{}", encode(&id)),
        back,
        is_later,
        next: previews.next,
        sent: fields,
        by_command: previews.by_command as u64,
        by_declaration: previews.by_declaration as u64,
        removed: previews.removed as u64,
        unable: previews.unable as u64,
        total: previews.total as u64,
        until,
        warnings: previews.warnings.into_iter().map(|warning| warning.message).collect(),
        devices: previews.items.into_iter().map(|preview| device(preview, &id)).collect(),
    };
    Ok(page(&shell(&app, &who, None).await?, &view).into_response())
}

/// What saving the form would change: groups that are newly ticked or get another end, and those that are not ticked any more.
fn look(
    tx: &Tx,
    actor: &Actor,
    (kind, id): (AssignedKind, &str),
    wish: &Wish,
    after: Option<String>,
) -> Result<(String, Previews, Option<String>)> {
    actor.require(Right::View)?;
    let name = match kind {
        AssignedKind::Profile => profiles::find(tx, actor, id)?.profile.name,
        AssignedKind::Policy => policies::find(tx, actor, id)?.name,
        AssignedKind::Declaration => declarations::library::find(tx, actor, id)?.declaration.name,
        AssignedKind::App => apps::by_id(tx, id)?.ok_or_else(|| Error::not_found(t!("this app is not known")))?.name,
        AssignedKind::Provisioning => provisioning::find(tx, actor, id)?.profile.name,
        AssignedKind::Update | AssignedKind::Focus => return Err(Error::not_found(t!("this has a preview of its own"))),
    };
    let rows = assignments::of_item(tx, kind, id)?;
    let assigned: Vec<Assigned> = rows.iter().map(|row| (row.group_id.clone(), row.ends_at)).collect();
    // The same as what saving the form does.
    let zone = zone(tx)?;
    let changes = wish.sent.changes(&assigned, &zone, tx.now)?;
    let (groups, left) = (wish.sent.groups.clone(), changes.unassign.clone());
    if left.is_empty() && groups.is_empty() {
        return Ok((name, Previews::default(), None));
    }
    let until = changes.assign.first().and_then(|(_, end)| *end).map(|end| language::date(zone.words(end)));
    // What is added to no group, or taken from none, is no change.
    let named = |groups: &[String]| {
        let named = Named { kind, id: id.to_owned(), mode: None, ends_at: None };
        if groups.is_empty() { Vec::new() } else { vec![named] }
    };
    let thought = Thought {
        add: named(&groups),
        groups,
        each: Some(wish.each(&changes, &rows)),
        remove: named(&left),
        removed_from: left,
        devices: Vec::new(),
        limit: Some(PAGE),
        after,
    };
    Ok((name, reconcile::preview_all(tx, actor, &thought)?, until))
}

const fn noun(kind: AssignedKind) -> &'static str {
    match kind {
        AssignedKind::Profile => "profiles",
        AssignedKind::Policy => "policies",
        AssignedKind::Declaration => "declarations",
        AssignedKind::App => "apps",
        AssignedKind::Provisioning => "provisioning",
        AssignedKind::Update => "updates/plans",
        AssignedKind::Focus => "teaching/focus",
    }
}

/// One device; only what this thing brings.
fn device(preview: Preview, id: &str) -> DeviceRow {
    DeviceRow {
        id: preview.device_id,
        name: preview.name,
        os: preview.os_version,
        things: preview.things.into_iter().filter(|thing| thing.origins.iter().any(|origin| origin.id == id)).map(thing).collect(),
        unable: preview.unable.into_iter().filter(|unable| unable.origin.id == id).map(|unable| (unable.what, unable.because)).collect(),
        because: preview.because,
    }
}

fn thing(thing: Thing) -> ForeseenRow {
    let by = match thing.mechanism {
        Mechanism::Command => t!("by a command"),
        Mechanism::Declaration => t!("by a declaration"),
    };
    let (state, words) = match thing.foreseen {
        Foreseen::Sent => (Mark::Waiting, t!("sent {by}", by)),
        Foreseen::Removed => (Mark::Waiting, String::from(t!("removed"))),
        Foreseen::Later => (Mark::Problem, String::from(t!("refused before; not sent anew now"))),
        Foreseen::UnderWay => (Mark::Waiting, String::from(t!("on its way"))),
        Foreseen::Stays => (Mark::Ok, String::from(t!("stays as it is"))),
        Foreseen::NoLicence => (Mark::Problem, String::from(t!("waits: no licence is left for it"))),
        Foreseen::Offered => (Mark::Silent, String::from(t!("the person may ask for it"))),
    };
    ForeseenRow { name: thing.name, state, words }
}
