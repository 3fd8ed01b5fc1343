//! Profiles that people bring: kept at once, and on devices only when somebody says so.

use axum::extract::multipart::MultipartError;
use axum::extract::{Multipart, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::super::form::sentence;
use super::super::{said, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::recognise_profile;
use crate::http::auth::{Gate, SignedIn};
use crate::http::error::TOO_LARGE_FOR_A_FORM;
use crate::http::pages::profiles::{UploadView, upload};
use crate::mdm::profiles::{self, MAX_BYTES, Recognised, Uploaded};
use crate::mdm::{Actor, Right};
use crate::store::{Tx, profiles as store};

pub(super) async fn new(State(app): State<App>, who: SignedIn) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let view = UploadView { max_bytes: MAX_BYTES, ..UploadView::default() };
    Ok(upload(&shell(&app, &who, None).await?, &view).into_response())
}

pub(super) async fn further(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let view = UploadView { of: Some(of(&app, &who, id).await?), max_bytes: MAX_BYTES, error: None };
    Ok(upload(&shell(&app, &who, None).await?, &view).into_response())
}

async fn of(app: &App, who: &SignedIn, id: String) -> Result<(String, String)> {
    let actor = who.actor.clone();
    let found = app.store.read_slow(app.now(), move |tx| profiles::find(tx, &actor, &id)).await?;
    Ok((found.profile.id, found.profile.name))
}

/// A file that is new, or a version of a profile that is here: then what differs is shown before any device gets it.
pub(super) async fn create(State(app): State<App>, gate: Gate, who: SignedIn, sent: Multipart) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let brought = match brought(sent).await {
        Ok(brought) => brought,
        Err(error) => return refused(&app, &who, None, error).await,
    };
    let actor = who.actor.clone();
    match app.store.write(app.now(), move |tx| keep(tx, &actor, &brought)).await {
        Ok(done) => Ok(kept(&app, &gate, &who, &done)),
        Err(error) => refused(&app, &who, None, error).await,
    }
}

fn keep(tx: &Tx, actor: &Actor, brought: &Recognised) -> Result<Uploaded> {
    match store::by_identifier(tx, &brought.facts.identifier)? {
        Some(existing) => profiles::add_version(tx, actor, &existing.id, brought, false),
        None => profiles::create(tx, actor, brought, "", ""),
    }
}

/// A further version of one profile; it is kept, and devices get it when somebody says so on its page.
pub(super) async fn add(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>, sent: Multipart) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let brought = match brought(sent).await {
        Ok(brought) => brought,
        Err(error) => return refused(&app, &who, Some(id), error).await,
    };
    let (actor, target) = (who.actor.clone(), id.clone());
    match app.store.write(app.now(), move |tx| profiles::add_version(tx, &actor, &target, &brought, false)).await {
        Ok(done) => Ok(kept(&app, &gate, &who, &done)),
        Err(error) => refused(&app, &who, Some(id), error).await,
    }
}

async fn brought(mut sent: Multipart) -> Result<Recognised> {
    let broken = |error: MultipartError| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::new(Kind::TooLarge, TOO_LARGE_FOR_A_FORM),
        _ => Error::bad_input(error.body_text()),
    };
    let mut content = Vec::new();
    while let Some(field) = sent.next_field().await.map_err(broken)? {
        if field.name() == Some("file") {
            content = field.bytes().await.map_err(broken)?.to_vec();
        }
    }
    recognise_profile(content).await
}

/// Leads to where what was brought is shown.
fn kept(app: &App, gate: &Gate, who: &SignedIn, done: &Uploaded) -> Response {
    let (id, name) = (&done.profile.id, &done.profile.name);
    let page = format!("/profiles/{id}");
    let version = format!("/profiles/{id}/versions/{}", done.version.version);
    if done.version.version == done.profile.version {
        let words = if done.changed {
            String::from(t!("The profile is kept. No device has it yet: choose who gets it."))
        } else {
            t!("This is “{name}” exactly as it is in use already. Nothing was changed.", name)
        };
        return said(app, gate, who, &page, &words);
    }
    let words = if done.changed {
        t!("This is another version of “{name}”. It is kept, and on no device yet: look at what differs, then use it.", name)
    } else {
        t!("This is a version of “{name}” that is kept here already. Nothing was changed.", name)
    };
    said(app, gate, who, &version, &words)
}

/// The form again with what was wrong; what is nobody's input fails as everywhere.
async fn refused(app: &App, who: &SignedIn, id: Option<String>, error: Error) -> Result<Response> {
    let status = match error.kind {
        Kind::BadInput | Kind::Conflict => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        _ => return Err(error),
    };
    let of = match id {
        Some(id) => Some(of(app, who, id).await?),
        None => None,
    };
    let words = sentence(error.fields.first().map_or(&*error.message, |fault| fault.message.as_str()));
    let view = UploadView { of, error: Some(words), max_bytes: MAX_BYTES };
    Ok((status, upload(&shell(app, who, None).await?, &view)).into_response())
}
