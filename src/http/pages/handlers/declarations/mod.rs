//! Declarations: uploaded, shown, changed, assigned, deleted.

mod file;

use axum::Router;
use axum::extract::multipart::MultipartError;
use axum::extract::{Multipart, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::profiles::{ShowQuery, outcomes_page, segments};
use super::{Form, SaidQuery, errors, said, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::error::TOO_LARGE_FOR_A_FORM;
use crate::http::pages::declarations::text::{EditForm, UploadForm, edit, mistakes, new};
use crate::http::pages::declarations::{DeclarationRow, DeclarationView, DeclarationsView, delete, list, one};
use crate::http::pages::parts::scope::Sent;
use crate::http::pages::parts::{ScopeGroup, ScopeView, Segment, encode};
use crate::http::pages::profiles::one::scope_conflicts;
use crate::mdm::clashes::Clash;
use crate::mdm::declarations::library::{self, Standing};
use crate::mdm::reconcile::counted;
use crate::mdm::settings::zone;
use crate::mdm::{Actor, Right};
use crate::protocol::declaration::DeclarationKind;
use crate::store::assignments::AssignedKind;
use crate::store::profiles::ProfileState;
use crate::store::{Tx, groups};

/// Declarations on one page.
const PAGE: u32 = 50;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/declarations", get(all).post(add))
        .route("/declarations/new", get(begin))
        .route("/declarations/{id}", get(show))
        .route("/declarations/{id}/edit", get(content).post(change))
        .route("/declarations/{id}/name", post(rename))
        .route("/declarations/{id}/scope", post(assign))
        .route("/declarations/{id}/delete", get(ask).post(remove))
        .route("/declarations/{id}/file/content", get(file::download))
}

/// Addresses that take more of a body than others.
pub(super) fn uploads() -> Router<App> {
    Router::new()
        .route("/declarations/new/file", get(file::begin).post(file::create))
        .route("/declarations/{id}/file", get(file::further).post(file::replace))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ListQuery {
    after: String,
    after_id: String,
    said: String,
}

async fn all(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<ListQuery>) -> Result<Response> {
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    let (actor, after) = (who.actor.clone(), Some((query.after, query.after_id)).filter(|(_, id)| !id.is_empty()));
    let work = move |tx: &Tx| {
        let (rows, total) = library::list(tx, &actor, after.as_ref(), PAGE + 1)?;
        let results = |standing: &Standing| -> Result<Vec<Segment>> {
            let id = &standing.declaration.id;
            Ok(segments(&counted(tx, &actor, AssignedKind::Declaration, id)?.counts, &format!("/declarations/{id}")))
        };
        let rows = rows.into_iter().map(|standing| Ok((results(&standing)?, standing))).collect::<Result<Vec<_>>>()?;
        Ok((rows, total))
    };
    let (mut rows, total) = app.store.read_slow(app.now(), work).await?;
    let next = (rows.len() > PAGE as usize).then(|| {
        rows.truncate(PAGE as usize);
        let last = rows.last().map(|(_, last)| (encode(&last.declaration.name), encode(&last.declaration.id))).unwrap_or_default();
        format!("/declarations?after={}&after_id={}", last.0, last.1)
    });
    let view = DeclarationsView {
        rows: rows.into_iter().map(|(results, standing)| row(&standing, results)).collect(),
        total: total.unsigned_abs(),
        next,
        may_change: who.actor.may(Right::Configure),
    };
    Ok(list(&shell(&app, &who, flash).await?, &view).into_response())
}

fn row(standing: &Standing, results: Vec<Segment>) -> DeclarationRow {
    let declaration = &standing.declaration;
    DeclarationRow {
        id: declaration.id.clone(),
        name: declaration.name.clone(),
        identifier: declaration.identifier.clone(),
        kind: match declaration.kind {
            DeclarationKind::Activation => t!("condition"),
            DeclarationKind::Asset => t!("data"),
            DeclarationKind::Configuration => t!("settings"),
            DeclarationKind::Management => t!("facts"),
        },
        declaration_type: declaration.declaration_type.clone(),
        groups: standing.assignments.len() as u64,
        results,
        warnings: standing.warnings.len() as u64,
        changed_at: declaration.changed_at,
    }
}

async fn begin(State(app): State<App>, who: SignedIn) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    Ok(new(&shell(&app, &who, None).await?, &UploadForm::default()).into_response())
}

/// What the form of an upload sends.
#[derive(Debug, Default)]
struct Upload {
    file: Vec<u8>,
    text: String,
    name: String,
}

impl Upload {
    async fn read(mut sent: Multipart) -> Result<Self> {
        let broken = |error: MultipartError| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Error::new(Kind::TooLarge, TOO_LARGE_FOR_A_FORM),
            _ => Error::bad_input(error.body_text()),
        };
        let mut upload = Self::default();
        while let Some(field) = sent.next_field().await.map_err(broken)? {
            match field.name() {
                Some("file") => upload.file = field.bytes().await.map_err(broken)?.to_vec(),
                Some("text") => upload.text = field.text().await.map_err(broken)?,
                Some("name") => upload.name = field.text().await.map_err(broken)?,
                _ => {}
            }
        }
        Ok(upload)
    }

    /// The declarations: of the file, where one was chosen.
    fn declarations(&self) -> Result<&[u8]> {
        match (self.file.is_empty(), self.text.trim().is_empty()) {
            (true, true) => Err(Error::field("text", t!("Choose a file, or paste declarations here."))),
            (false, false) => Err(Error::field("text", t!("There is a file and a text. Send one of the two."))),
            (false, true) => Ok(&self.file),
            (true, false) => Ok(self.text.as_bytes()),
        }
    }
}

async fn add(State(app): State<App>, gate: Gate, who: SignedIn, sent: Multipart) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let upload = Upload::read(sent).await?;
    let added = match upload.declarations().and_then(library::read) {
        Ok(drafts) => {
            let (actor, name) = (who.actor.clone(), upload.name.clone());
            app.store.write(app.now(), move |tx| library::add(tx, &actor, drafts, &name)).await
        }
        Err(error) => Err(error),
    };
    match added {
        Ok(added) if added.len() == 1 => {
            let path = format!("/declarations/{}", added[0].declaration.id);
            Ok(said(&app, &gate, &who, &path, t!("The declaration was added. Say below for which groups it is.")))
        }
        Ok(added) => Ok(said(&app, &gate, &who, "/declarations", &t!("{added} declarations were added.", added = added.len()))),
        Err(error) if matches!(error.kind, Kind::BadInput | Kind::Conflict) => {
            let text = if upload.file.is_empty() { upload.text } else { String::from_utf8_lossy(&upload.file).into_owned() };
            let view = UploadForm { name: upload.name, text, errors: mistakes(errors(&error)) };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, new(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

async fn show(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<ShowQuery>,
) -> Result<Response> {
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    let (actor, which) = (who.actor.clone(), (query.state.parse().ok(), query.from.parse().unwrap_or_default()));
    let view = app.store.read_slow(app.now(), move |tx| view(tx, &actor, &id, which)).await?;
    Ok(one(&shell(&app, &who, flash).await?, &view).into_response())
}

fn view(tx: &Tx, actor: &Actor, id: &str, which: (Option<ProfileState>, usize)) -> Result<DeclarationView> {
    let standing = library::find(tx, actor, id)?;
    let group = |group: groups::Group| ScopeGroup { id: group.id, name: group.name, device_count: group.device_count };
    let scope = ScopeView {
        groups: groups::all(tx)?.into_iter().map(group).collect(),
        assigned: standing.assignments.iter().map(|one| (one.group_id.clone(), one.ends_at)).collect(),
        without_end: true,
        now: tx.now,
        ..ScopeView::default()
    };
    let address = format!("/declarations/{}", standing.declaration.id);
    Ok(DeclarationView {
        outcomes: outcomes_page(tx, actor, (AssignedKind::Declaration, &standing.declaration.id), address, which)?,
        row: row(&standing, Vec::new()),
        refers_to: standing.declaration.refers_to,
        warnings: standing.warnings,
        available_from: standing.available_from,
        takes_data: standing.takes_data,
        data: standing.data,
        revision: standing.declaration.revision,
        made_by: standing.declaration.created_by,
        made_at: standing.declaration.created_at,
        scope,
        may_change: actor.may(Right::Configure),
    })
}

async fn content(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let actor = who.actor.clone();
    let view = app
        .store
        .write(app.now(), move |tx| {
            let text = format!("{:#}", library::content(tx, &actor, &id)?);
            let found = library::find(tx, &actor, &id)?.declaration;
            Ok(EditForm { id: found.id, name: found.name, text, errors: Vec::new() })
        })
        .await?;
    Ok(edit(&shell(&app, &who, None).await?, &view).into_response())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Text {
    text: String,
}

async fn change(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>, Form(sent): Form<Text>) -> Result<Response> {
    let (actor, own, text) = (who.actor.clone(), id.clone(), sent.text.clone());
    let changed = app
        .store
        .write(app.now(), move |tx| {
            let mut drafts = library::read(text.as_bytes())?;
            match (drafts.pop(), drafts.is_empty()) {
                (Some(draft), true) => library::replace(tx, &actor, &own, draft),
                _ => Err(Error::field("text", t!("Exactly one declaration belongs here."))),
            }
        })
        .await;
    match changed {
        Ok(_) => Ok(said(&app, &gate, &who, &format!("/declarations/{id}"), t!("Saved. Devices get it at their next connection."))),
        Err(error) if error.kind == Kind::BadInput => {
            let actor = who.actor.clone();
            let found = app.store.read(app.now(), |tx| library::find(tx, &actor, &id)).await?.declaration;
            let view = EditForm { id: found.id, name: found.name, text: sent.text, errors: mistakes(errors(&error)) };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, edit(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Name {
    name: String,
}

async fn rename(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>, Form(sent): Form<Name>) -> Result<Response> {
    let (actor, own) = (who.actor.clone(), id.clone());
    app.store.write(app.now(), move |tx| library::rename(tx, &actor, &own, &sent.name)).await?;
    Ok(said(&app, &gate, &who, &format!("/declarations/{id}"), t!("Renamed.")))
}

async fn assign(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let (actor, own, sent) = (who.actor.clone(), id.clone(), Sent::read(&form)?);
    let is_confirmed = form.iter().any(|(name, _)| name == "confirmed");
    let work = move |tx: &Tx| {
        let standing = library::find(tx, &actor, &own)?;
        let before: Vec<_> = standing.assignments.into_iter().map(|one| (one.group_id, one.ends_at)).collect();
        let changes = sent.changes(&before, &zone(tx)?, tx.now)?;
        let messages = if is_confirmed { Vec::new() } else { new_clashes(tx, &actor, &own, &changes.newly(&before, tx.now))? };
        if messages.is_empty() {
            changes.assign.iter().try_for_each(|(group, _)| library::assign(tx, &actor, &own, group).map(drop))?;
            changes.unassign.iter().try_for_each(|group| library::unassign(tx, &actor, &own, group).map(drop))?;
        }
        Ok((standing.declaration.name, messages))
    };
    let back = format!("/declarations/{id}");
    let (name, messages) = app.store.write(app.now(), work).await?;
    if messages.is_empty() {
        return Ok(said(&app, &gate, &who, &back, t!("Assigned as ticked. Devices are told at their next connection.")));
    }
    Ok((StatusCode::CONFLICT, scope_conflicts(&shell(&app, &who, None).await?, (&back, &name), &messages, &form)).into_response())
}

/// What the declaration would get in the way of only because of these further groups.
fn new_clashes(tx: &Tx, actor: &Actor, id: &str, added: &[String]) -> Result<Vec<String>> {
    if added.is_empty() {
        return Ok(Vec::new());
    }
    let before = library::check(tx, actor, id, &[])?;
    let is_known = |clash: &Clash| before.iter().any(|old| (&old.with, &old.key) == (&clash.with, &clash.key));
    let after = library::check(tx, actor, id, added)?;
    Ok(after.into_iter().filter(|clash| !is_known(clash)).map(|clash| clash.message).collect())
}

async fn ask(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let actor = who.actor.clone();
    let standing = app.store.read(app.now(), |tx| library::find(tx, &actor, &id)).await?;
    Ok(delete(&shell(&app, &who, None).await?, &row(&standing, Vec::new())).into_response())
}

async fn remove(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let actor = who.actor.clone();
    app.store.write(app.now(), move |tx| library::delete(tx, &actor, &id)).await?;
    Ok(said(&app, &gate, &who, "/declarations", t!("The declaration was deleted.")))
}
