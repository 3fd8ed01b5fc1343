//! Apps of the house: the list, one app with its versions, one version; brought in, put in place, taken out, deleted.

use axum::extract::multipart::MultipartError;
use axum::extract::{Extension, Multipart, Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{RequestExt as _, Router};
use serde::Deserialize;

use super::form::sentence;
use super::{Form, SaidQuery, said, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::budget::Share;
use crate::http::error::TOO_LARGE_FOR_A_FORM;
use crate::http::pages::packages::one::{
    AppView, VersionRow, VersionView, app as app_page, delete as ask_to_delete, version as version_page,
};
use crate::http::pages::packages::{AppRow, LibraryView, Unfinished, UploadView, library, upload as upload_page};
use crate::http::pages::parts::{Flash, State as Mark};
use crate::http::upload::{self, Arrived, Wish};
use crate::mdm::packages::{self, Kept, MAX_BYTES};
use crate::mdm::{Actor, Right};
use crate::store::packages::{Held, Package, Stage};
use crate::store::{Tx, groups};

/// Apps on one page.
const PAGE: u32 = 50;

/// Between the name and the id of a cursor.
const SEPARATOR: char = '\u{1f}';

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/own-apps", get(all))
        .route("/own-apps/{app}", get(one))
        .route("/own-apps/{app}/pilot", post(set_pilot))
        .route("/own-apps/{app}/try", post(try_again))
        .route("/own-apps/uploads/{id}/cancel", post(cancel))
        .route("/own-apps/versions/{id}", get(version).post(set_stage))
        .route("/own-apps/versions/{id}/icon", get(icon))
        .route("/own-apps/versions/{id}/delete", get(ask).post(delete))
}

/// The address that takes a package.
pub(super) fn uploads() -> Router<App> {
    Router::new().route("/own-apps/new", get(new).post(create))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ListQuery {
    after: String,
    said: String,
}

async fn all(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<ListQuery>) -> Result<Response> {
    let after = query.after.rsplit_once(SEPARATOR).map(|(name, id)| (name.to_owned(), id.to_owned()));
    let actor = who.actor.clone();
    let work = move |tx: &Tx| packages::list(tx, &actor, after.as_ref().map(|(name, id)| (name.as_str(), id.as_str())), PAGE + 1);
    let (mut found, total) = app.store.read_slow(app.now(), work).await?;
    let next = (found.len() > PAGE as usize).then(|| {
        found.truncate(PAGE as usize);
        let last = found.last().map(|last| format!("{}{SEPARATOR}{}", last.name, last.app_id)).unwrap_or_default();
        format!("/own-apps?after={}", crate::http::pages::parts::encode(&last))
    });
    let view = LibraryView { rows: found.into_iter().map(row).collect(), total, next, may_change: who.actor.may(Right::Configure) };
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    Ok(library(&shell(&app, &who, flash).await?, &view).into_response())
}

fn row(held: Held) -> AppRow {
    AppRow {
        id: held.app_id,
        name: held.name,
        bundle_id: held.bundle_id,
        everyone: held.everyone,
        pilot: held.pilot,
        versions: held.versions.max(0).unsigned_abs(),
        size_bytes: held.size_bytes.max(0).unsigned_abs(),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ShowQuery {
    said: String,
}

async fn one(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<ShowQuery>,
) -> Result<Response> {
    let actor = who.actor.clone();
    let view = app.store.read_slow(app.now(), move |tx| app_view(tx, &actor, &id)).await?;
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    Ok(app_page(&shell(&app, &who, flash).await?, &view).into_response())
}

fn app_view(tx: &Tx, actor: &Actor, id: &str) -> Result<AppView> {
    let found = packages::versions(tx, actor, id)?;
    let version = |package: Package| {
        Ok(VersionRow {
            words: package.words(),
            notes: packages::notes(tx, &package)?.len(),
            facts: package.facts,
            id: package.id,
            stage: package.stage,
            size_bytes: package.size_bytes.max(0).unsigned_abs(),
            by: package.created_by,
            at: package.created_at,
        })
    };
    Ok(AppView {
        versions: found.versions.into_iter().map(version).collect::<Result<_>>()?,
        groups: groups::all(tx)?.into_iter().map(|group| (group.id, group.name)).collect(),
        pilot: found.rollout.pilot_group_id.unwrap_or_default(),
        pilot_problem: packages::nobody_tries(tx, &found.app.id)?.unwrap_or_default(),
        assigned: found.groups,
        problem: found.rollout.problem,
        checked_at: found.rollout.checked_at,
        may_change: actor.may(Right::Configure),
        id: found.app.id,
        name: found.app.name,
        bundle_id: found.app.bundle_id,
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Pilot {
    pilot_group_id: String,
}

async fn set_pilot(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>, Form(sent): Form<Pilot>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    let work = move |tx: &Tx| {
        let group = Some(sent.pilot_group_id.as_str()).filter(|group| !group.is_empty());
        packages::set_pilot(tx, &actor, &target, group)?;
        packages::nobody_tries(tx, &target)
    };
    let doubt = app.store.write(app.now(), work).await?;
    let words = doubt.map_or_else(|| String::from(t!("Saved.")), |doubt| t!("Saved. {doubt}", doubt));
    Ok(said(&app, &gate, &who, &format!("/own-apps/{id}"), &words))
}

async fn try_again(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    app.store.write(app.now(), move |tx| packages::try_again(tx, &actor, &target)).await?;
    Ok(said(&app, &gate, &who, &format!("/own-apps/{id}"), t!("It is tried again; what comes of it stands here in a moment.")))
}

async fn version(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<ShowQuery>,
) -> Result<Response> {
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    Ok(version_page(&shell(&app, &who, flash).await?, &version_view(&app, &who, id).await?).into_response())
}

async fn version_view(app: &App, who: &SignedIn, id: String) -> Result<VersionView> {
    let actor = who.actor.clone();
    app.store.read_slow(app.now(), move |tx| view_of(tx, &actor, &id)).await
}

fn view_of(tx: &Tx, actor: &Actor, id: &str) -> Result<VersionView> {
    let package = packages::find(tx, actor, id)?;
    let found = packages::versions(tx, actor, &package.app_id)?;
    Ok(VersionView {
        words: package.words(),
        notes: packages::notes(tx, &package)?.iter().map(|note| crate::language::kept(note)).collect(),
        id: package.id,
        app: (found.app.id, found.app.name),
        stage: package.stage,
        facts: package.facts,
        size_bytes: package.size_bytes.max(0).unsigned_abs(),
        sha256: package.sha256,
        pilot_group: found.pilot_group,
        has_icon: package.has_icon,
        may_change: actor.may(Right::Configure),
    })
}

#[derive(Debug, Deserialize)]
struct Staged {
    stage: Stage,
}

async fn set_stage(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(sent): Form<Staged>,
) -> Result<Response> {
    let (actor, target) = (who.actor.clone(), id.clone());
    let work = move |tx: &Tx| {
        let package = packages::stage(tx, &actor, &target, sent.stage)?;
        if sent.stage == Stage::Pilot { packages::nobody_tries(tx, &package.app_id) } else { Ok(None) }
    };
    match app.store.write(app.now(), work).await {
        Ok(Some(doubt)) => Ok(said(&app, &gate, &who, &format!("/own-apps/versions/{id}"), &t!("It is on trial. {doubt}", doubt))),
        Ok(None) => {
            let done = match sent.stage {
                Stage::Everyone => t!("It is in place for everyone; devices get it from now on."),
                Stage::Pilot => t!("It is on trial; the devices of the pilot group get it from now on."),
                Stage::Kept => t!("It is out of use, and kept."),
            };
            Ok(said(&app, &gate, &who, &format!("/own-apps/versions/{id}"), done))
        }
        Err(error) => refused(&app, &who, id, error).await,
    }
}

/// The page of a version with why something was not done.
async fn refused(app: &App, who: &SignedIn, id: String, error: Error) -> Result<Response> {
    let status = match error.kind {
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::BadInput => StatusCode::UNPROCESSABLE_ENTITY,
        _ => return Err(error),
    };
    let words = sentence(error.fields.first().map_or(&*error.message, |fault| fault.message.as_str()));
    let view = version_view(app, who, id).await?;
    let flash = Flash { state: Mark::Problem, words, way: None };
    Ok((status, version_page(&shell(app, who, Some(flash)).await?, &view)).into_response())
}

async fn icon(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let work = move |tx: &Tx| {
        packages::find(tx, &who.actor, &id)?;
        packages::icon(tx, &id)
    };
    let found = app.store.read_slow(app.now(), work).await?;
    let bytes = found.ok_or_else(|| Error::not_found(t!("This version has no picture.")))?;
    Ok(([(CONTENT_TYPE, "image/png")], bytes).into_response())
}

async fn ask(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let view = version_view(&app, &who, id).await?;
    Ok(ask_to_delete(&shell(&app, &who, None).await?, &view.id, &view.app.1, &view.words).into_response())
}

async fn delete(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let view = version_view(&app, &who, id.clone()).await?;
    match upload::delete(&app, &who.actor, &id).await {
        Ok(()) => Ok(said(&app, &gate, &who, &format!("/own-apps/{}", view.app.0), t!("The version and its file are deleted."))),
        Err(error) => refused(&app, &who, id, error).await,
    }
}

async fn new(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<ShowQuery>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let view = upload_view(&app, &who.actor).await?;
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    Ok(upload_page(&shell(&app, &who, flash).await?, &view).into_response())
}

/// The page for bringing an app, with what was begun and not finished.
async fn upload_view(app: &App, actor: &Actor) -> Result<UploadView> {
    let viewer = actor.clone();
    let mut unfinished = Vec::new();
    for found in app.store.read(app.now(), move |tx| packages::under_way(tx, &viewer)).await? {
        let received_bytes = upload::received(app, &found).await?;
        unfinished.push(Unfinished {
            id: found.id,
            name: found.file_name,
            received_bytes,
            size_bytes: found.size_bytes.max(0).unsigned_abs(),
            by: found.created_by,
            at: found.changed_at,
        });
    }
    Ok(UploadView { max_bytes: MAX_BYTES, unfinished, ..UploadView::default() })
}

async fn cancel(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    upload::cancel(&app, &who.actor, &id).await?;
    Ok(said(&app, &gate, &who, "/own-apps/new", t!("The upload is cancelled, and what came of it is removed.")))
}

/// A file that a browser without script sends; it goes to the disk as it comes.
async fn create(State(app): State<App>, gate: Gate, who: SignedIn, share: Option<Extension<Share>>, request: Request) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    if let Some(Extension(share)) = share {
        share.let_go();
    }
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    let sent: Multipart = request
        .extract()
        .await
        .map_err(|rejection: axum::extract::multipart::MultipartRejection| Error::bad_input(rejection.body_text()))?;
    let mut accept_expired = None;
    match taken(&app, &who.actor, announced, sent, &mut accept_expired).await {
        Ok(kept) => {
            let words = if kept.is_new { done(&kept) } else { t!("This file is here already. Nothing was changed.") };
            Ok(said(&app, &gate, &who, &format!("/own-apps/versions/{}", kept.package.id), words))
        }
        Err(error) => {
            let status = match error.kind {
                Kind::BadInput | Kind::Conflict => StatusCode::UNPROCESSABLE_ENTITY,
                Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                _ => return Err(error),
            };
            let words = sentence(error.fields.first().map_or(&*error.message, |fault| fault.message.as_str()));
            let view = UploadView { error: Some(words), accept_expired, ..upload_view(&app, &who.actor).await? };
            Ok((status, upload_page(&shell(&app, &who, None).await?, &view)).into_response())
        }
    }
}

fn done(kept: &Kept) -> &'static str {
    match kept.package.stage {
        Stage::Everyone => t!("It is kept and in place for everyone that the app is assigned to."),
        Stage::Pilot => t!("It is kept and on trial: the pilot group gets it first."),
        Stage::Kept => t!("It is kept. No device gets it yet: put it in place when you are ready."),
    }
}

/// What the form brings, in whatever order: the file goes to the disk as it comes, and is kept when all is there.
async fn taken(app: &App, actor: &Actor, announced: Option<u64>, mut sent: Multipart, accept_expired: &mut Option<bool>) -> Result<Kept> {
    let mut arrived = None;
    match brought(app, actor, announced, &mut sent, &mut arrived, accept_expired).await {
        Ok(()) => {
            let arrived = arrived.ok_or_else(|| Error::field("file", t!("choose the .ipa or .pkg file")))?;
            let wish = Wish { accept_expired: accept_expired.unwrap_or_default(), ..Wish::default() };
            upload::keep(app, actor, arrived, wish).await
        }
        Err(error) => {
            if let Some(arrived) = arrived {
                upload::drop_arrived(app, actor, arrived).await;
            }
            Err(error)
        }
    }
}

async fn brought(
    app: &App,
    actor: &Actor,
    announced: Option<u64>,
    sent: &mut Multipart,
    arrived: &mut Option<Arrived>,
    accept_expired: &mut Option<bool>,
) -> Result<()> {
    let broken = |error: MultipartError| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::new(Kind::TooLarge, TOO_LARGE_FOR_A_FORM),
        _ => Error::bad_input(error.body_text()),
    };
    while let Some(field) = sent.next_field().await.map_err(broken)? {
        match field.name() {
            Some("accept_expired") => *accept_expired = Some(true),
            Some("file") if arrived.is_none() => {
                let name = field.file_name().unwrap_or_default().to_owned();
                *arrived = Some(upload::arrive(app, actor, &name, announced, Box::pin(field)).await?);
            }
            _ => {}
        }
    }
    Ok(())
}
