//! Passwords of people for apps: set, offered by a link, chosen, taken away.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Deserialize;

use super::super::{Form, errors, said, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::attempts::Attempts;
use crate::http::auth::{FromOurPage, Gate, SignedIn, Slip};
use crate::http::pages::access::password::{PersonPassword, choose as choose_page, chosen, of_person};
use crate::http::server::Peer;
use crate::language::say;
use crate::mdm::Right;
use crate::mdm::access::passwords;
use crate::mdm::admins::Password;
use crate::mdm::enroll::profile::ORGANISATION;
use crate::secret::Secret;
use crate::store::settings;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/people/{id}/password", get(show).post(set))
        .route("/people/{id}/password/link", post(offer))
        .route("/people/{id}/password/remove", post(remove))
        .route("/password/{token}", get(open).post(choose))
        .layer(Extension(Arc::new(Attempts::default())))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LinkQuery {
    said: String,
}

async fn view(app: &App, who: &SignedIn, id: &str) -> Result<PersonPassword> {
    let (person, state) = app.store.read(app.now(), |tx| passwords::state(tx, &who.actor, id)).await?;
    Ok(PersonPassword {
        id: person.id,
        name: person.name,
        is_set: state.is_some_and(|state| state.is_set),
        link_ends_at: state.and_then(|state| state.link_ends_at).filter(|end| *end > app.now()),
        link: None,
        may_change: who.actor.may(Right::Configure),
        errors: Vec::new(),
    })
}

async fn show(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<LinkQuery>,
) -> Result<Response> {
    let slip = Some(&query.said).filter(|said| !said.is_empty()).and_then(|said| gate.take(said, &who.session));
    let link = slip.filter(|slip| slip.title == say(LINK)).map(|slip| slip.text.expose().clone());
    let view = PersonPassword { link, ..view(&app, &who, &id).await? };
    Ok(of_person(&shell(&app, &who, None).await?, &view).into_response())
}

/// What the slip with a link is called.
const LINK: &str = msg!("password link");

#[derive(Deserialize)]
struct Typed {
    password: String,
}

/// The page again with why it was refused.
async fn refused(app: &App, who: &SignedIn, id: &str, error: Error) -> Result<Response> {
    if !matches!(error.kind, Kind::BadInput | Kind::Conflict) {
        return Err(error);
    }
    let view = PersonPassword { errors: errors(&error), ..view(app, who, id).await? };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, of_person(&shell(app, who, None).await?, &view)).into_response())
}

async fn set(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>, Form(typed): Form<Typed>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let outcome = async {
        let hashed = gate.hash(Password::parse(Secret::new(typed.password))?).await?;
        let (actor, id) = (who.actor.clone(), id.clone());
        app.store.write(app.now(), move |tx| passwords::set(tx, &actor, &id, hashed)).await
    };
    match outcome.await {
        Ok(()) => Ok(said(&app, &gate, &who, &format!("/people/{id}"), t!("The password is set."))),
        Err(error) => refused(&app, &who, &id, error).await,
    }
}

async fn offer(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    match app.store.write(app.now(), move |tx| passwords::offer(tx, &actor, &target)).await {
        Ok(token) => {
            let slip = app.random.token();
            let link = format!("{}/password/{}", app.public_url, token.expose());
            gate.lay(slip.clone(), &who.session, Slip { title: say(LINK).to_owned(), text: Secret::new(link) });
            Ok(Redirect::to(&format!("/people/{id}/password?said={slip}")).into_response())
        }
        Err(error) => refused(&app, &who, &id, error).await,
    }
}

async fn remove(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    app.store.write(app.now(), move |tx| passwords::remove(tx, &actor, &target)).await?;
    Ok(said(&app, &gate, &who, &format!("/people/{id}"), t!("The password is taken away.")))
}

async fn organisation(app: &App) -> Result<String> {
    Ok(app.store.read(app.now(), |tx| settings::value(tx, &ORGANISATION)).await?.unwrap_or_default())
}

/// The page behind a link. Links are too long to guess; whoever tries is slowed all the same.
async fn open(
    State(app): State<App>,
    Extension(tries): Extension<Arc<Attempts>>,
    peer: Peer,
    Path(token): Path<String>,
) -> Result<Response> {
    tries.take(peer.addr.ip(), app.now())?;
    let person = app.store.read(app.now(), |tx| passwords::open(tx, &token)).await?;
    tries.give_back(peer.addr.ip());
    Ok(choose_page(&organisation(&app).await?, &format!("/password/{token}"), &person.name, None).into_response())
}

async fn choose(
    State(app): State<App>,
    gate: Gate,
    Extension(tries): Extension<Arc<Attempts>>,
    from: FromOurPage,
    Path(token): Path<String>,
    Form(typed): Form<Typed>,
) -> Result<Response> {
    let address = from.client.address;
    tries.take(address, app.now())?;
    // Hashing is work that strangers get from us only with a valid link.
    let person = app.store.read(app.now(), |tx| passwords::open(tx, &token)).await?;
    tries.give_back(address);
    let hashed = match Password::parse(Secret::new(typed.password)) {
        Ok(password) => gate.hash(password).await?,
        Err(error) => {
            let wrong = errors(&error).into_iter().next().map(|(_, words)| words);
            let page = choose_page(&organisation(&app).await?, &format!("/password/{token}"), &person.name, wrong.as_deref());
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
    };
    app.store.write(app.now(), move |tx| passwords::choose(tx, &token, hashed)).await?;
    Ok(chosen(&organisation(&app).await?).into_response())
}
