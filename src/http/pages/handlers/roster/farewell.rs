//! Somebody leaves: asked, done, and followed.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::super::{Form, SaidQuery, errors, said, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::people::farewell::{FarewellView, ask, progress};
use crate::mdm::Right;
use crate::mdm::people::farewell::{self, Fate};

/// What the name of a choice begins with; the device's id follows.
const CHOICE: &str = "then.";

pub(super) fn routes() -> Router<App> {
    Router::new().route("/people/{id}/farewell", get(show).post(say))
}

async fn show(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<SaidQuery>,
) -> Result<Response> {
    who.actor.require(Right::Destroy)?;
    let flash = query.flash(&gate, &who);
    let actor = who.actor.clone();
    let looked = app.store.read_slow(app.now(), move |tx| Ok((farewell::farewell(tx, &actor, &id)?, farewell::said(tx, &actor, &id)?)));
    let (farewell, said) = looked.await?;
    let shell = shell(&app, &who, flash).await?;
    let person = &farewell.person;
    if let Some(said) = said {
        return Ok(progress(&shell, (&person.id, &person.name), &said).into_response());
    }
    if !person.active {
        return Err(Error::conflict(format!("{} is not active any more, and was not let go by this page.", person.name)));
    }
    Ok(ask(&shell, &FarewellView { farewell, chosen: Vec::new(), errors: Vec::new() }).into_response())
}

async fn say(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let choices = pairs.iter().filter_map(|(name, value)| Some((name.strip_prefix(CHOICE)?.to_owned(), Fate::parse(value)?)));
    let fates: BTreeMap<_, _> = choices.collect();
    let chosen: Vec<_> = fates.clone().into_iter().collect();
    let (actor, target) = (who.actor.clone(), id.clone());
    let done = app.store.write(app.now(), move |tx| farewell::say_farewell(tx, &actor, &target, &fates)).await;
    match done {
        Ok(()) => Ok(said(&app, &gate, &who, &format!("/people/{id}/farewell"), "They are let go. How far it is stands here.")),
        Err(error) if matches!(error.kind, Kind::BadInput) => {
            let actor = who.actor.clone();
            let farewell = app.store.read_slow(app.now(), move |tx| farewell::farewell(tx, &actor, &id)).await?;
            let view = FarewellView { farewell, chosen, errors: errors(&error) };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, ask(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}
