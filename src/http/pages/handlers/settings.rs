//! The appliance's own settings: its name and its time zone.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde::Deserialize;

use super::{Form, SaidQuery, errors, said, shell};
use crate::app::App;
use crate::clock::Zone;
use crate::error::{Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::system::settings::{ADDRESS, SettingsForm, page};
use crate::language;
use crate::mdm::Right;
use crate::mdm::settings::{self, Change};

pub(super) fn routes() -> Router<App> {
    Router::new().route(ADDRESS, get(show).post(change))
}

async fn form(app: &App, who: &SignedIn) -> Result<SettingsForm> {
    let (actor, now) = (who.actor.clone(), app.now());
    let may_change = actor.may(Right::Configure);
    let settings = app.store.read(now, move |tx| settings::show(tx, &actor)).await?;
    Ok(SettingsForm {
        organisation: settings.organisation,
        shown: language::date(settings.time_zone.words(now)),
        zone: if settings.is_machine_zone { String::new() } else { settings.time_zone.name().to_owned() },
        zone_now: settings.time_zone.name().to_owned(),
        zones: if may_change { Zone::names() } else { Vec::new() },
        errors: Vec::new(),
        may_change,
    })
}

async fn show(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<SaidQuery>) -> Result<Response> {
    let flash = query.flash(&gate, &who);
    Ok(page(&shell(&app, &who, flash).await?, &form(&app, &who).await?).into_response())
}

#[derive(Debug, Clone, Deserialize)]
struct Typed {
    organisation: String,
    time_zone: String,
}

async fn change(State(app): State<App>, gate: Gate, who: SignedIn, Form(typed): Form<Typed>) -> Result<Response> {
    let (actor, wanted) = (who.actor.clone(), typed.clone());
    let wanted = Change { organisation: Some(wanted.organisation), time_zone: Some(wanted.time_zone) };
    match app.store.write(app.now(), move |tx| settings::change(tx, &actor, &wanted)).await {
        Ok(_) => Ok(said(&app, &gate, &who, ADDRESS, t!("Saved."))),
        Err(error) if error.kind == Kind::BadInput => {
            let Typed { organisation, time_zone: zone } = typed;
            let view = SettingsForm { organisation, zone, errors: errors(&error), ..form(&app, &who).await? };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}
