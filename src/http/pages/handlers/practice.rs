//! Practice devices: how many there are to be, and an end to them.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde::Deserialize;

use super::{Form, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::auth::SignedIn;
use crate::http::pages::system::practice::{PracticeView, practice as page, remove as ask_to_remove};
use crate::mdm::Right;
use crate::mdm::practice::{self, MAX_DEVICES, Wanted};
use crate::store::roster::{self, Filter};

pub(super) fn routes() -> Router<App> {
    Router::new().route("/system/practice", get(show).post(set)).route("/system/practice/remove", get(ask).post(remove))
}

async fn view(app: &App, who: &SignedIn, refused: Option<(String, String)>) -> Result<PracticeView> {
    let (wanted, here, boxed) = app
        .store
        .read_slow(app.now(), |tx| {
            let filter = Filter { practice: Some(true), ..Filter::default() };
            let wanted = practice::wanted(tx)?.devices;
            // Those of the cart come on top of the classroom.
            let on = if wanted > 0 { practice::cart::switched_on(tx)?.len() as u64 } else { 0 };
            let boxed = if wanted > 0 { practice::cart::still_boxed(tx)? } else { 0 };
            Ok((u64::from(wanted) + on, roster::counts(tx, &filter)?.iter().sum(), boxed))
        })
        .await?;
    Ok(PracticeView {
        wanted,
        here,
        boxed,
        limit: MAX_DEVICES.into(),
        refused,
        may_change: who.actor.may(Right::Configure),
        may_switch_on: who.actor.may(Right::Invite),
    })
}

async fn show(State(app): State<App>, who: SignedIn) -> Result<Response> {
    who.actor.require(Right::View)?;
    Ok(page(&shell(&app, &who, None).await?, &view(&app, &who, None).await?).into_response())
}

#[derive(Deserialize)]
struct Number {
    devices: String,
}

async fn set(State(app): State<App>, who: SignedIn, Form(said): Form<Number>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let wanted = said.devices.trim().parse::<u32>().map_err(|_| Error::field("devices", format!("a number up to {MAX_DEVICES}")));
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
            let view = view(&app, &who, Some((said.devices, message))).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
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
