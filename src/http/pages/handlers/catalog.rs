//! The catalogue's settings, and the link of one device.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::devices::name;
use super::{Form, SaidQuery, errors, said, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::catalog::{CatalogForm, end_links, link_of_device, settings as page};
use crate::mdm::catalog::{self, Catalog};
use crate::mdm::{Right, devices};
use crate::store::{Tx, groups};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/system/catalog", get(show).post(set))
        .route("/system/catalog/links", get(ask_end).post(end))
        .route("/devices/{id}/catalog", get(of_device))
}

fn form(tx: &Tx, catalog: Catalog, may_change: bool) -> Result<CatalogForm> {
    let groups = groups::all(tx)?.into_iter();
    let groups = groups.map(|group| (group.id.clone(), group.name, catalog.groups.contains(&group.id))).collect();
    Ok(CatalogForm { catalog, groups, errors: Vec::new(), may_change })
}

async fn show(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<SaidQuery>) -> Result<Response> {
    let flash = query.flash(&gate, &who);
    let actor = who.actor.clone();
    let view = app.store.read_slow(app.now(), move |tx| form(tx, catalog::show(tx, &actor)?, actor.may(Right::Configure))).await?;
    Ok(page(&shell(&app, &who, flash).await?, &view).into_response())
}

fn typed(pairs: &[(String, String)]) -> Result<Catalog> {
    let all = |name: &str| pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect::<Vec<_>>();
    let one = |name: &str| all(name).pop().unwrap_or_default();
    let said = serde_json::json!({
        "title": one("title"), "note": one("note"), "colour": one("colour"), "audience": one("audience"), "groups": all("groups"),
    });
    serde_json::from_value(said).map_err(|error| Error::bad_input(t!("Choose a colour, and where the icon is.")).caused_by(error))
}

async fn set(State(app): State<App>, gate: Gate, who: SignedIn, Form(pairs): Form<Vec<(String, String)>>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let wanted = typed(&pairs)?;
    let (actor, tried) = (who.actor.clone(), wanted.clone());
    match app.store.write(app.now(), move |tx| catalog::set(tx, &actor, wanted)).await {
        Ok(_) => Ok(said(&app, &gate, &who, "/system/catalog", t!("Saved. Devices follow when they next report."))),
        Err(error) if error.kind == Kind::BadInput => {
            let view = app.store.read_slow(app.now(), move |tx| form(tx, tried, true)).await?;
            let view = CatalogForm { errors: errors(&error), ..view };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

async fn ask_end(State(app): State<App>, who: SignedIn) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    Ok(end_links(&shell(&app, &who, None).await?).into_response())
}

async fn end(State(app): State<App>, gate: Gate, who: SignedIn) -> Result<Response> {
    let actor = who.actor.clone();
    app.store.write(app.now(), move |tx| catalog::renew_all(tx, &actor)).await?;
    Ok(said(&app, &gate, &who, "/system/catalog", t!("All links are ended. Icons are made anew.")))
}

async fn of_device(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let actor = who.actor.clone();
    let looked = app.store.write(app.now(), move |tx| {
        let device = devices::find(tx, &actor, &id)?;
        Ok((device.id.clone(), name(&device), catalog::of_device(tx, &actor, &device.id)?))
    });
    let (id, name, link) = looked.await?;
    let link = link.map(|link| (format!("{}/catalog/{}", app.public_url, link.capability), link.ends_at));
    let shown = link.as_ref().map(|(url, end)| (url.as_str(), *end));
    Ok(link_of_device(&shell(&app, &who, None).await?, &id, &name, shown).into_response())
}
