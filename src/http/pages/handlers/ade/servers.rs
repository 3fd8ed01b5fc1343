//! Server tokens: made, brought, read, removed.

use axum::Router;
use axum::extract::multipart::MultipartError;
use axum::extract::{Multipart, Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use serde::Deserialize;

use super::super::form::sentence;
use super::super::{Form, SaidQuery, said};
use super::{shell, suiting, typed};
use crate::app::App;
use crate::clock::Zone;
use crate::error::{Error, Kind, Result};
use crate::http::ade;
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::error::TOO_LARGE_FOR_A_FORM;
use crate::http::pages::ade::betas::BetasView;
use crate::http::pages::ade::servers::{ADDRESS, AllView, FamilyDefault, ServerRow, ServerView, all, ask_remove, one};
use crate::http::pages::parts::State as Mark;
use crate::language;
use crate::mdm::ade::servers::{self, Standing};
use crate::mdm::ade::{betas, errands, profiles};
use crate::mdm::connections::{Service, plain};
use crate::mdm::settings::zone;
use crate::mdm::{Actor, Right};
use crate::protocol::ade::FAMILIES;
use crate::store::ade_servers::ServerState;
use crate::store::{Tx, beta_programs};

/// How near a token's end has to be to say so.
const SOON: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3600);

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/system/device-list", get(list).post(begin))
        .route("/system/device-list/{id}", get(show))
        .route("/system/device-list/{id}/public-key.pem", get(public_key))
        .route("/system/device-list/{id}/token", post(token))
        .route("/system/device-list/{id}/sync", post(sync))
        .route("/system/device-list/{id}/betas", post(read_betas))
        .route("/system/device-list/{id}/defaults", post(defaults))
        .route("/system/device-list/{id}/remove", get(ask).post(remove))
}

/// How the server tokens are together, for the page of the system: the worst of them.
pub(in crate::http::pages::handlers) fn part(tx: &Tx, actor: &Actor) -> Result<(Mark, String)> {
    let zone = zone(tx)?;
    let own = servers::list(tx, actor)?.into_iter().filter(|standing| !standing.server.practice);
    let rows: Vec<_> = own.map(|standing| row(tx, &zone, standing)).collect();
    let worst = rows.iter().find(|row| row.state == Mark::Problem).or_else(|| rows.iter().find(|row| row.state != Mark::Ok));
    Ok(match worst.or(rows.first()) {
        None => (Mark::Ok, String::from(t!("no server token of your own: devices come by invitation"))),
        Some(row) if rows.len() == 1 || row.state != Mark::Ok => (row.state, format!("{}: {}", row.name, row.words)),
        Some(_) => (Mark::Ok, t!("{rows} server tokens, all well", rows = rows.len())),
    })
}

fn row(tx: &Tx, zone: &Zone, standing: Standing) -> ServerRow {
    let Standing { server, counts, .. } = standing;
    let end = server.expires_at.unwrap_or(tx.now);
    let (state, words) = match server.state {
        ServerState::Waiting => (Mark::Waiting, String::from(t!("its token is missing"))),
        ServerState::Ended => (Mark::Problem, t!("its token ended on {day}", day = language::date(zone.day(end)))),
        ServerState::Terms => {
            let who = if server.admin.is_empty() { t!("an Administrator") } else { server.admin.as_str() };
            (Mark::Problem, t!("{who} must accept Apple's new terms", who))
        }
        ServerState::Refused => (Mark::Problem, language::kept(&server.problem)),
        ServerState::Ready if !server.problem.is_empty() => (Mark::Waiting, plain(Service::DeviceList, &server.problem)),
        ServerState::Ready if end.since(tx.now) < SOON => {
            (Mark::Waiting, t!("its token ends on {day}", day = language::date(zone.day(end))))
        }
        ServerState::Ready if server.synced_at.is_none() => (Mark::Waiting, String::from(t!("Apple's list is being read"))),
        ServerState::Ready => (Mark::Ok, t!("good until {day}", day = language::date(zone.day(end)))),
    };
    ServerRow {
        id: server.id,
        name: server.name,
        state,
        words,
        expires_at: server.expires_at,
        devices: counts.ours,
        not_enrolled: counts.not_enrolled,
        synced_at: server.synced_at,
        practice: server.practice,
    }
}

async fn all_view(app: &App, who: &SignedIn) -> Result<AllView> {
    let actor = who.actor.clone();
    let look = move |tx: &Tx| {
        let zone = zone(tx)?;
        let servers = servers::list(tx, &actor)?.into_iter().map(|standing| row(tx, &zone, standing)).collect();
        Ok(AllView { servers, name: Default::default(), may_change: actor.may(Right::Configure) })
    };
    app.store.read_slow(app.now(), look).await
}

async fn list(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<SaidQuery>) -> Result<Response> {
    let view = all_view(&app, &who).await?;
    let flash = query.flash(&gate, &who);
    Ok(all(&shell(&app, &who, flash).await?, &view).into_response())
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

async fn begin(State(app): State<App>, gate: Gate, who: SignedIn, Form(form): Form<Named>) -> Result<Response> {
    match ade::begin(&app, &who.actor, &form.name, false).await {
        Ok(server) => {
            Ok(said(&app, &gate, &who, &format!("{ADDRESS}/{}", server.id), t!("The key is made. Its public half goes to Apple.")))
        }
        Err(error) => {
            let words = words(error)?;
            let view = AllView { name: (form.name, Some(words)), ..all_view(&app, &who).await? };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, all(&shell(&app, &who, None).await?, &view)).into_response())
        }
    }
}

/// What is wrong with what was brought; what is nobody's input fails as everywhere.
fn words(error: Error) -> Result<String> {
    match error.kind {
        Kind::BadInput | Kind::Conflict | Kind::TooLarge => {
            Ok(sentence(error.fields.first().map_or(&*error.message, |fault| fault.message.as_str())))
        }
        _ => Err(error),
    }
}

fn view(tx: &Tx, actor: &Actor, id: &str) -> Result<ServerView> {
    let standing = servers::find(tx, actor, id)?;
    let (account, counts, server) = (standing.account.clone(), standing.counts, standing.server.clone());
    let profiles = profiles::list(tx, actor)?;
    let of = |(family, words): (&str, &str)| {
        let chosen = standing.defaults.iter().find(|(known, _)| known == family).map(|(_, id)| id.clone()).unwrap_or_default();
        let profiles = suiting(&profiles, std::iter::once(family), &chosen);
        FamilyDefault { family: family.to_owned(), words: words.to_owned(), chosen, profiles }
    };
    let defaults = FAMILIES.map(language::way).into_iter().chain([("", t!("All others"))]).map(of).collect();
    Ok(ServerView {
        has_token: server.state != ServerState::Waiting,
        discovery: (server.discovery_url, server.discovery_problem),
        organisation: server.organisation,
        admin: server.admin,
        portal: account.portal().to_owned(),
        no_profile: counts.no_profile,
        troubled: counts.troubled,
        defaults,
        has_profiles: !profiles.is_empty(),
        betas: betas_view(tx, actor, id)?,
        token_error: None,
        may_change: actor.may(Right::Configure),
        row: row(tx, &zone(tx)?, standing),
    })
}

/// The beta programmes of one server token.
fn betas_view(tx: &Tx, actor: &Actor, id: &str) -> Result<BetasView> {
    let Some(standing) = betas::standings(tx, actor)?.into_iter().find(|standing| standing.server_id == id) else {
        return Ok(BetasView::default());
    };
    let programs = beta_programs::of_server(tx, id)?.into_iter().map(|row| (row.title, row.os, row.gone_at)).collect();
    Ok(BetasView { is_offered: standing.is_offered, taken_at: standing.taken_at, problem: standing.problem, programs })
}

async fn read_betas(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (actor, wanted) = (who.actor.clone(), id.clone());
    app.store.write(app.now(), move |tx| betas::read_now(tx, &actor, &wanted)).await?;
    Ok(said(&app, &gate, &who, &format!("{ADDRESS}/{id}"), t!("Apple's list of beta programmes is being read.")))
}

async fn show(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<SaidQuery>,
) -> Result<Response> {
    let actor = who.actor.clone();
    let view = app.store.read_slow(app.now(), move |tx| view(tx, &actor, &id)).await?;
    let flash = query.flash(&gate, &who);
    Ok(one(&shell(&app, &who, flash).await?, &view).into_response())
}

async fn public_key(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (pem, _) = app.store.read(app.now(), move |tx| servers::public_key(tx, &who.actor, &id)).await?;
    let headers = [(CONTENT_TYPE, "application/x-pem-file"), (CONTENT_DISPOSITION, "attachment; filename=\"rollcall-public-key.pem\"")];
    Ok((headers, pem).into_response())
}

/// The file of a form.
async fn file(mut sent: Multipart) -> Result<Bytes> {
    let broken = |error: MultipartError| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::new(Kind::TooLarge, TOO_LARGE_FOR_A_FORM),
        _ => Error::bad_input(error.body_text()),
    };
    while let Some(field) = sent.next_field().await.map_err(broken)? {
        if field.name() == Some("file") {
            return field.bytes().await.map_err(broken);
        }
    }
    Ok(Bytes::new())
}

async fn token(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>, sent: Multipart) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let outcome = match file(sent).await {
        Ok(file) => ade::take(&app, &who.actor, &id, file).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(_) => Ok(said(
            &app,
            &gate,
            &who,
            &format!("{ADDRESS}/{id}"),
            t!("The token is kept. Apple's list is being read; it is here in a moment."),
        )),
        Err(error) => {
            let (words, actor) = (words(error)?, who.actor.clone());
            let mut view = app.store.read_slow(app.now(), move |tx| view(tx, &actor, &id)).await?;
            view.token_error = Some(words);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, one(&shell(&app, &who, None).await?, &view)).into_response())
        }
    }
}

#[derive(Deserialize)]
struct Sync {
    #[serde(default)]
    whole: String,
}

async fn sync(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>, Form(form): Form<Sync>) -> Result<Response> {
    let (actor, wanted) = (who.actor.clone(), id.clone());
    app.store.write(app.now(), move |tx| servers::read_now(tx, &actor, &wanted, form.whole == "1")).await?;
    Ok(said(&app, &gate, &who, &format!("{ADDRESS}/{id}"), t!("Apple's list is being read.")))
}

async fn defaults(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response> {
    let (actor, wanted) = (who.actor.clone(), id.clone());
    let save = move |tx: &Tx| {
        let before = servers::find(tx, &actor, &wanted)?.defaults;
        for family in FAMILIES.iter().map(|(family, _)| *family).chain([""]) {
            let chosen = Some(typed(&pairs, &format!("family-{family}"))).filter(|id| !id.is_empty());
            if before.iter().find(|(known, _)| known == family).map(|(_, id)| id) != chosen.as_ref() {
                profiles::set_default(tx, &actor, &wanted, family, chosen.as_deref())?;
            }
        }
        errands::hurry(tx, &wanted)
    };
    let words = match app.store.write(app.now(), save).await {
        Ok(()) => String::from(t!("Saved. Apple is told which device gets which.")),
        Err(error) => words(error)?,
    };
    Ok(said(&app, &gate, &who, &format!("{ADDRESS}/{id}"), &words))
}

async fn ask(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let actor = who.actor.clone();
    let standing = app.store.read_slow(app.now(), move |tx| servers::find(tx, &actor, &id)).await?;
    Ok(ask_remove(&shell(&app, &who, None).await?, &standing.server.id, &standing.server.name, standing.counts.ours).into_response())
}

async fn remove(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    app.store.write(app.now(), move |tx| servers::remove(tx, &who.actor, &id)).await?;
    Ok(Redirect::to(ADDRESS).into_response())
}
