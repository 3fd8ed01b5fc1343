//! The import of a roster: read, shown, done.

use axum::Router;
use axum::extract::{Multipart, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::{errors, said, shell};
use crate::app::App;
use crate::error::{Kind, Result};
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::parts::count;
use crate::http::pages::people::import::{choose, preview};
use crate::http::roster;
use crate::mdm::Right;
use crate::mdm::people::import;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/people/import", get(start)).route("/people/import/{id}", get(show).post(apply))
}

/// The address that takes the files: more than other forms may have.
pub fn roster_routes() -> Router<App> {
    Router::new().route("/people/import", post(upload))
}

async fn start(State(app): State<App>, who: SignedIn) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    Ok(choose(&shell(&app, &who, None).await?, None).into_response())
}

async fn upload(State(app): State<App>, who: SignedIn, sent: Multipart) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let shown = match roster::read(sent).await {
        Ok(files) => roster::preview(&app, &who.actor, files).await,
        Err(error) => Err(error),
    };
    match shown {
        Ok(shown) => Ok(Redirect::to(&format!("/people/import/{}", shown.id)).into_response()),
        Err(error) if error.kind == Kind::BadInput => {
            let words = errors(&error).into_iter().next().map(|(_, words)| words);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, choose(&shell(&app, &who, None).await?, words.as_deref())).into_response())
        }
        Err(error) => Err(error),
    }
}

async fn show(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let actor = who.actor.clone();
    let shown = app.store.read_slow(app.now(), move |tx| import::shown(tx, &actor, &id)).await?;
    Ok(preview(&shell(&app, &who, None).await?, &shown).into_response())
}

async fn apply(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let actor = who.actor.clone();
    let done = app.store.write(app.now(), move |tx| import::apply(tx, &actor, &id)).await?;
    let words = t!(
        "Imported: {people} added, {count_2} changed, {count_3} removed.",
        people = count(done.people_added.count, t!("person"), t!("people")),
        count_2 = done.people_changed.count,
        count_3 = done.people_removed.count
    );
    Ok(said(&app, &gate, &who, "/people", &words))
}
