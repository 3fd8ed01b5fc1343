//! Provisioning profiles: the list, one of them, brought in, given to groups, deleted.

use axum::Router;
use axum::extract::multipart::MultipartError;
use axum::extract::{Multipart, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::form::sentence;
use super::profiles::device;
use super::{Form, SaidQuery, errors, said, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::api::recognise_provisioning;
use crate::http::auth::{Gate, SignedIn};
use crate::http::error::TOO_LARGE_FOR_A_FORM;
use crate::http::pages::parts::scope::Sent;
use crate::http::pages::parts::{ScopeGroup, ScopeView};
use crate::http::pages::provisioning::{LibraryView, ProfileRow, ProfileView, delete as ask_to_delete, library, one, upload};
use crate::mdm::provisioning::{self, Recognised};
use crate::mdm::settings::zone;
use crate::mdm::{Actor, Right};
use crate::protocol::provision::MAX_BYTES;
use crate::store::{Tx, groups};

/// Profiles on one page.
const PAGE: u32 = 50;

/// Between the name and the id of a cursor.
const SEPARATOR: char = '\u{1f}';

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/provisioning", get(all))
        .route("/provisioning/{id}", get(show))
        .route("/provisioning/{id}/scope", post(save))
        .route("/provisioning/{id}/delete", get(ask).post(delete))
}

/// The address that takes a file.
pub(super) fn uploads() -> Router<App> {
    Router::new().route("/provisioning/new", get(new).post(create))
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
    let work = move |tx: &Tx| {
        let after = after.as_ref().map(|(name, id)| (name.as_str(), id.as_str()));
        Ok((provisioning::list(tx, &actor, after, PAGE + 1)?, groups::all(tx)?))
    };
    let ((mut found, total), groups) = app.store.read_slow(app.now(), work).await?;
    let next = (found.len() > PAGE as usize).then(|| {
        found.truncate(PAGE as usize);
        let last = found.last().map(|last| format!("{}{SEPARATOR}{}", last.profile.name, last.profile.id)).unwrap_or_default();
        format!("/provisioning?after={}", crate::http::pages::parts::encode(&last))
    });
    let name = |id: &str| groups.iter().find(|group| group.id == id).map(|group| group.name.clone());
    let row = |found: provisioning::Overview| ProfileRow {
        groups: found.assignments.iter().filter_map(|assignment| name(&assignment.group_id)).collect(),
        id: found.profile.id,
        name: found.profile.name,
        is_doubtful: found.profile.facts.doubt().is_some(),
        app_id: found.profile.facts.app_id,
        expires_at: found.profile.expires_at,
    };
    let view = LibraryView { rows: found.into_iter().map(row).collect(), total, next, may_change: who.actor.may(Right::Configure) };
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    Ok(library(&shell(&app, &who, flash).await?, &view).into_response())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ShowQuery {
    said: String,
}

async fn show(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<ShowQuery>,
) -> Result<Response> {
    let view = filled(&app, &who, &id, None).await?;
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    Ok(one(&shell(&app, &who, flash).await?, &view).into_response())
}

/// The page of a profile as it stands; `refused` is what was sent about its groups and cannot be.
async fn filled(app: &App, who: &SignedIn, id: &str, refused: Option<(Sent, Vec<(String, String)>)>) -> Result<ProfileView> {
    let (actor, id) = (who.actor.clone(), id.to_owned());
    app.store.read_slow(app.now(), move |tx| view(tx, &actor, &id, refused)).await
}

fn view(tx: &Tx, actor: &Actor, id: &str, refused: Option<(Sent, Vec<(String, String)>)>) -> Result<ProfileView> {
    let found = provisioning::find(tx, actor, id)?;
    let (sent, errors) = refused.map_or((None, Vec::new()), |(sent, errors)| (Some(sent), errors));
    let group = |group: groups::Group| ScopeGroup { id: group.id, name: group.name, device_count: group.device_count };
    let scope = ScopeView {
        groups: groups::all(tx)?.into_iter().map(group).collect(),
        assigned: found.assignments.iter().map(|assignment| (assignment.group_id.clone(), assignment.ends_at)).collect(),
        sent,
        errors,
        without_end: true,
        now: tx.now,
        zone: zone(tx)?,
    };
    Ok(ProfileView {
        id: found.profile.id,
        name: found.profile.name,
        facts: found.profile.facts,
        scope,
        devices: provisioning::standings(tx, actor, id)?.into_iter().map(device).collect(),
        may_change: actor.may(Right::Configure),
    })
}

async fn save(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let page = format!("/provisioning/{id}");
    let outcome = match Sent::read(&form) {
        Ok(sent) => {
            let (actor, target, now) = (who.actor.clone(), id.clone(), app.now());
            let work = move |tx: &Tx| {
                let found = provisioning::find(tx, &actor, &target)?;
                let assigned: Vec<_> = found.assignments.iter().map(|row| (row.group_id.clone(), row.ends_at)).collect();
                let changes = sent.changes(&assigned, &zone(tx)?, now)?;
                for (group, _) in &changes.assign {
                    provisioning::assign(tx, &actor, &target, group)?;
                }
                for group in &changes.unassign {
                    provisioning::unassign(tx, &actor, &target, group)?;
                }
                Ok(changes.assign.len() + changes.unassign.len())
            };
            app.store.write(now, work).await
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(0) => Ok(said(&app, &gate, &who, &page, t!("Nothing was changed: it is for these groups already."))),
        Ok(_) => Ok(said(&app, &gate, &who, &page, t!("Saved. Devices get it, or lose it, as they check in."))),
        Err(error) if error.kind == Kind::BadInput => {
            let refused = Some((Sent::read(&form).unwrap_or_default(), errors(&error)));
            let view = filled(&app, &who, &id, refused).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, one(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

async fn ask(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let view = filled(&app, &who, &id, None).await?;
    Ok(ask_to_delete(&shell(&app, &who, None).await?, &view.id, &view.name).into_response())
}

async fn delete(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let actor = who.actor.clone();
    app.store.write(app.now(), move |tx| provisioning::delete(tx, &actor, &id)).await?;
    Ok(said(&app, &gate, &who, "/provisioning", t!("The provisioning profile is deleted; it goes from the devices that had it.")))
}

async fn new(State(app): State<App>, who: SignedIn) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    Ok(upload(&shell(&app, &who, None).await?, None, MAX_BYTES).into_response())
}

async fn create(State(app): State<App>, gate: Gate, who: SignedIn, sent: Multipart) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let actor = who.actor.clone();
    let outcome = match brought(sent).await {
        Ok(brought) => app.store.write(app.now(), move |tx| provisioning::create(tx, &actor, &brought)).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok((kept, is_new)) => {
            let words = if is_new {
                t!("The provisioning profile is kept. No device has it yet: choose who gets it.")
            } else {
                t!("It is here already. Nothing was changed.")
            };
            Ok(said(&app, &gate, &who, &format!("/provisioning/{}", kept.profile.id), words))
        }
        Err(error) => {
            let status = match error.kind {
                Kind::BadInput | Kind::Conflict => StatusCode::UNPROCESSABLE_ENTITY,
                Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                _ => return Err(error),
            };
            let words = sentence(error.fields.first().map_or(&*error.message, |fault| fault.message.as_str()));
            Ok((status, upload(&shell(&app, &who, None).await?, Some(&words), MAX_BYTES)).into_response())
        }
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
    recognise_provisioning(content).await
}
