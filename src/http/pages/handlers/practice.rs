//! Practice devices: how many there are to be, and an end to them.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Form, SaidQuery, said, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::system::practice::{PracticeView, practice as page, remove as ask_to_remove};
use crate::mdm::Right;
use crate::mdm::practice::{self, MAX_DEVICES, Wanted, own};
use crate::store::roster;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/system/practice", get(show).post(set))
        .route("/system/practice/remove", get(ask).post(remove))
        .route("/system/practice/own-devices", post(own_devices).get(async || Redirect::to("/system/practice")))
}

async fn view(app: &App, who: &SignedIn, refused: Option<(String, String)>) -> Result<PracticeView> {
    let (classroom, wanted, here, boxed, own, own_obstacle) = app
        .store
        .read_slow(app.now(), |tx| {
            let wanted = practice::wanted(tx)?.devices;
            // Those of the cart, and people's own, come on top of the classroom.
            let own = wanted > 0 && own::is_on(tx)?;
            let on = if wanted > 0 { practice::cart::switched_on(tx)?.len() as u64 } else { 0 };
            let boxed = if wanted > 0 { practice::cart::still_boxed(tx)? } else { 0 };
            let all = u64::from(wanted) + on + if own { own::COUNT as u64 } else { 0 };
            Ok((u64::from(wanted), all, roster::total(tx, true)?, boxed, own, own::obstacle(tx)?))
        })
        .await?;
    Ok(PracticeView {
        classroom,
        wanted,
        here,
        boxed,
        own,
        own_obstacle,
        limit: MAX_DEVICES.into(),
        refused,
        may_change: who.actor.may(Right::Configure),
        may_switch_on: who.actor.may(Right::Invite),
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ShowQuery {
    said: String,
}

async fn show(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<ShowQuery>) -> Result<Response> {
    who.actor.require(Right::View)?;
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    Ok(page(&shell(&app, &who, flash).await?, &view(&app, &who, None).await?).into_response())
}

#[derive(Deserialize)]
struct Number {
    devices: String,
}

async fn set(State(app): State<App>, who: SignedIn, Form(number): Form<Number>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let wanted = number.devices.trim().parse::<u32>().map_err(|_| Error::field("devices", t!("a number up to {MAX_DEVICES}", MAX_DEVICES)));
    let outcome = match wanted {
        Ok(devices) => {
            let actor = who.actor.clone();
            let change = move |tx: &crate::store::Tx| {
                let seed = practice::wanted(tx)?.seed;
                practice::want(tx, &actor, Wanted { devices, seed })
            };
            app.store.write(app.now(), change).await
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => Ok(Redirect::to("/system/practice").into_response()),
        Err(error) if error.kind == Kind::BadInput => {
            let message = error.fields.first().map_or_else(|| error.message.to_string(), |field| field.message.clone());
            let view = view(&app, &who, Some((number.devices, message))).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

/// Has practice people enroll devices of their own.
async fn own_devices(State(app): State<App>, gate: Gate, who: SignedIn) -> Result<Response> {
    who.actor.require(Right::Invite)?;
    let actor = who.actor.clone();
    let words = match app.store.write(app.now(), move |tx| own::switch_on(tx, &actor)).await {
        Ok(0) => String::from(t!("They enroll already, or have.")),
        Ok(_) => String::from(t!("They enroll now. In a moment their devices are under Devices.")),
        Err(error) if error.kind == Kind::Conflict => error.message.into_owned(),
        Err(error) => return Err(error),
    };
    Ok(said(&app, &gate, &who, "/system/practice", &words))
}

async fn ask(State(app): State<App>, who: SignedIn) -> Result<Response> {
    who.actor.require(Right::Destroy)?;
    let view = view(&app, &who, None).await?;
    Ok(ask_to_remove(&shell(&app, &who, None).await?, view.here).into_response())
}

async fn remove(State(app): State<App>, who: SignedIn) -> Result<Response> {
    app.store.write(app.now(), move |tx| practice::remove(tx, &who.actor)).await?;
    Ok(Redirect::to("/devices").into_response())
}
