//! Devices that come into a group: chosen in the table, and what is asked about before.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;

use super::deeds::Chosen;
use super::devices::name;
use super::{Form, errors, said, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::groups::{Brought, PutInto, brings_together, put_into};
use crate::http::pages::parts::count;
use crate::mdm::groups::{self, NewGroup};
use crate::mdm::{Actor, Right, apps, clashes};
use crate::store::{Tx, groups as rows};

/// The field by which a form says that what gets in each other's way has been read.
const ACCEPTED: &str = "accepted";

pub(super) fn routes() -> Router<App> {
    Router::new().route("/devices/actions/group", post(put).get(async || Redirect::to("/devices")))
}

async fn put(State(app): State<App>, gate: Gate, who: SignedIn, Form(pairs): Form<Vec<(String, String)>>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let typed = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim().to_owned()).unwrap_or_default();
    let (into, new) = (typed("into"), typed("new"));
    let accepted = typed(ACCEPTED) == "1";
    let chosen = Chosen::read(pairs)?;
    let (hidden, confirmed, actor) = (chosen.hidden(), chosen.confirmed, who.actor.clone());
    let looked = app.store.read_slow(app.now(), move |tx| {
        let devices = chosen.devices(tx, &actor)?;
        let groups = rows::all(tx)?.into_iter().filter(|group| !group.is_by_rule).map(|group| (group.id, group.name));
        Ok((devices, groups.collect::<Vec<_>>()))
    });
    let (devices, choices) = looked.await?;
    let mut wrong = Vec::new();
    if confirmed {
        let ids: Vec<_> = devices.iter().map(|listed| listed.device.id.clone()).collect();
        let (actor, into, new) = (who.actor.clone(), into.clone(), new.clone());
        let typed = [("into".to_owned(), into.clone()), ("new".to_owned(), new.clone()), (ACCEPTED.to_owned(), "1".to_owned())];
        match app.store.write(app.now(), move |tx| deed(tx, &actor, &ids, (&into, &new), accepted)).await {
            Ok((id, group, Asked::First(brought))) => {
                let sent: Vec<_> = hidden.into_iter().chain(typed).collect();
                let page = brings_together(&shell(&app, &who, None).await?, "/devices/actions/group", (&id, &group), &brought, &sent);
                return Ok((StatusCode::CONFLICT, page).into_response());
            }
            Ok((id, group, Asked::Done(added))) => {
                let words = t!("{were} put into {group}.", were = count(added as u64, t!("device was"), t!("devices were")), group);
                return Ok(said(&app, &gate, &who, &format!("/groups/{id}"), &words));
            }
            Err(error) if matches!(error.kind, Kind::BadInput | Kind::Conflict) => wrong = errors(&error),
            Err(error) => return Err(error),
        }
    }
    let names = devices.iter().map(|listed| name(&listed.device)).collect();
    let status = if confirmed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let view = PutInto { names, choices, into, new, hidden, errors: wrong };
    Ok((status, put_into(&shell(&app, &who, None).await?, &view)).into_response())
}

/// What became of a change of who is in a group.
pub(super) enum Asked<T> {
    /// It is done.
    Done(T),
    /// It would bring this about, and nothing was changed.
    First(Brought),
}

/// Does what changes who is in a group, unless that brings things together that get in each other's way, or makes licences short, and nobody has said to
/// go on.
pub(super) fn once_asked<T>(tx: &Tx, group_id: &str, confirmed: bool, change: impl FnOnce(&Tx) -> Result<T>) -> Result<Asked<T>> {
    if confirmed {
        return Ok(Asked::Done(change(tx)?));
    }
    let mut brought = Brought::default();
    let outcome = tx.attempt(|tx| {
        let (before, short) = (rows::device_ids(tx, group_id)?, apps::shortages_of_group(tx, group_id)?);
        let done = change(tx)?;
        brought.clashes = clashes::brought_into(tx, group_id, &before)?.into_iter().map(|warning| warning.message).collect();
        let short = apps::newly_short(&short, apps::shortages_of_group(tx, group_id)?);
        brought.short = short.into_iter().map(|(_, shortage)| shortage.because).collect();
        // What was done is undone by the failure, and the question stands instead.
        if brought.is_empty() { Ok(done) } else { Err(Error::conflict(t!("It gets in the way of something else."))) }
    })?;
    if brought.is_empty() { outcome.map(Asked::Done) } else { Ok(Asked::First(brought)) }
}

/// Puts them into the new group, if one is named, else into the chosen one; gives the group's id, its name and how many were not in it.
fn deed(tx: &Tx, actor: &Actor, devices: &[String], (into, new): (&str, &str), accepted: bool) -> Result<(String, String, Asked<usize>)> {
    let group = match (into, new) {
        ("", "") => return Err(Error::field("into", t!("choose a group, or name a new one"))),
        (id, "") => groups::find(tx, actor, id)?,
        (_, name) => groups::create(tx, actor, NewGroup { name: name.to_owned(), ..NewGroup::default() }).map_err(at_new)?,
    };
    let added = once_asked(tx, &group.id, accepted, |tx| groups::add(tx, actor, &group.id, devices))?;
    Ok((group.id, group.name, added))
}

/// The form calls the new group's name `new`.
fn at_new(mut error: Error) -> Error {
    for fault in error.fields.iter_mut().filter(|fault| fault.field == "name") {
        fault.field = String::from("new");
    }
    error
}
