//! Somebody leaves: asked, done, and followed.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::super::{Form, SaidQuery, errors, said, said_at, shell};
use crate::app::App;
use crate::error::{Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::parts::State as Mark;
use crate::http::pages::people::farewell::{EraseView, FarewellView, ask, ask_erase, progress};
use crate::mdm::Right;
use crate::mdm::people::farewell::{self, Farewell, Fate};

/// What the name of a choice begins with; the device's id follows.
const CHOICE: &str = "then.";

/// With what value of which header the script asks for the question alone, to show it over the page.
const ONLY_ASKS: (&str, &str) = ("x-fragment", "confirm");

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
        let words = t!("{name} is not active any more, and was not let go by this page.", name = person.name);
        return Ok(said_at(&app, &gate, &who, &format!("/people/{}", person.id), Mark::Waiting, &words));
    }
    Ok(ask(&shell, &FarewellView { farewell, chosen: Vec::new(), errors: Vec::new() }).into_response())
}

async fn say(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response> {
    who.actor.require(Right::Destroy)?;
    let choices = pairs.iter().filter_map(|(name, value)| Some((name.strip_prefix(CHOICE)?.to_owned(), Fate::parse(value)?)));
    let fates: BTreeMap<_, _> = choices.collect();
    let chosen: Vec<_> = fates.clone().into_iter().collect();
    let (actor, target) = (who.actor.clone(), id.clone());
    let farewell = app.store.read_slow(app.now(), move |tx| farewell::farewell(tx, &actor, &target)).await?;
    let sent = Sent::of(&pairs);
    if farewell.check(&fates).is_ok() {
        let erased: Vec<_> = farewell.erased(&fates).into_iter().map(|device| device.name.clone()).collect();
        if !erased.is_empty() && !sent.agrees_to(erased.len()) {
            return question(&app, &who, &farewell, (&erased, &chosen), sent).await;
        }
    }
    if headers.get(ONLY_ASKS.0).is_some_and(|value| value == ONLY_ASKS.1) {
        // Nothing is to be asked: the script sends the form as it stands.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let (actor, target) = (who.actor.clone(), id.clone());
    let done = app.store.write(app.now(), move |tx| farewell::say_farewell(tx, &actor, &target, &fates)).await;
    match done {
        Ok(()) => Ok(said(&app, &gate, &who, &format!("/people/{id}/farewell"), t!("They are let go. How far it is stands here."))),
        Err(error) if matches!(error.kind, Kind::BadInput) => {
            let actor = who.actor.clone();
            let farewell = app.store.read_slow(app.now(), move |tx| farewell::farewell(tx, &actor, &id)).await?;
            let view = FarewellView { farewell, chosen, errors: errors(&error) };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, ask(&shell(&app, &who, None).await?, &view)).into_response())
        }
        // They were let go meanwhile, in another window or by somebody else: their page says how far it is.
        Err(error) if error.kind == Kind::Conflict => {
            Ok(said_at(&app, &gate, &who, &format!("/people/{id}/farewell"), Mark::Problem, &error.message))
        }
        Err(error) => Err(error),
    }
}

/// What was said to the question whether devices are erased.
#[derive(Debug, Clone, Copy)]
struct Sent<'a> {
    confirmed: bool,
    typed: Option<&'a str>,
}

impl<'a> Sent<'a> {
    fn of(pairs: &'a [(String, String)]) -> Self {
        let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim());
        Self { confirmed: value("confirmed") == Some("1"), typed: value("typed") }
    }

    /// Whether so many devices may be erased: of more than one the number is typed.
    fn agrees_to(self, devices: usize) -> bool {
        self.confirmed && (devices == 1 || self.typed == Some(devices.to_string().as_str()))
    }
}

/// Asks before devices are erased; refused where that was answered wrong.
async fn question(
    app: &App,
    who: &SignedIn,
    farewell: &Farewell,
    (names, chosen): (&[String], &[(String, Fate)]),
    sent: Sent<'_>,
) -> Result<Response> {
    let hidden: Vec<_> = chosen.iter().map(|(id, fate)| (format!("{CHOICE}{id}"), fate.as_str().to_owned())).collect();
    let answered = sent.confirmed || sent.typed.is_some();
    let view = EraseView {
        person: (&farewell.person.id, &farewell.person.name),
        names,
        hidden: &hidden,
        typed: answered.then(|| sent.typed.unwrap_or_default()),
    };
    let status = if answered { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, ask_erase(&shell(app, who, None).await?, &view)).into_response())
}
