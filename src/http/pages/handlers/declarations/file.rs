//! Files that devices are to have by a declaration: uploaded with a new one, or in the place of the one before; taken as a file.

use axum::extract::multipart::MultipartError;
use axum::extract::{Multipart, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::super::{errors, said, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::declaration_file;
use crate::http::auth::{Gate, SignedIn};
use crate::http::error::TOO_LARGE_FOR_A_FORM;
use crate::http::pages::declarations::file::{FileForm, form};
use crate::mdm::Right;
use crate::mdm::declarations::library::{self, Upload};

/// What a form sends.
#[derive(Debug, Default)]
struct Sent {
    upload: Upload,
    name: String,
    identifier: String,
    declaration_type: String,
    /// As it was typed; what the browser says of the file counts only without it.
    content_type: String,
}

impl Sent {
    async fn read(mut sent: Multipart) -> Result<Self> {
        let broken = |error: MultipartError| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Error::new(Kind::TooLarge, TOO_LARGE_FOR_A_FORM),
            _ => Error::bad_input(error.body_text()),
        };
        let mut read = Self::default();
        while let Some(field) = sent.next_field().await.map_err(broken)? {
            match field.name().unwrap_or_default() {
                "file" => {
                    read.upload.content_type = field.content_type().unwrap_or_default().to_owned();
                    read.upload.file_name = field.file_name().unwrap_or_default().to_owned();
                    read.upload.bytes = field.bytes().await.map_err(broken)?.to_vec();
                }
                "name" => read.name = field.text().await.map_err(broken)?,
                "identifier" => read.identifier = field.text().await.map_err(broken)?,
                "type" => read.declaration_type = field.text().await.map_err(broken)?,
                "content_type" => read.content_type = field.text().await.map_err(broken)?,
                _ => {}
            }
        }
        if !read.content_type.trim().is_empty() {
            read.content_type.clone_into(&mut read.upload.content_type);
        }
        Ok(read)
    }
}

pub(super) async fn begin(State(app): State<App>, who: SignedIn) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    Ok(form(&shell(&app, &who, None).await?, &FileForm::default()).into_response())
}

pub(super) async fn create(State(app): State<App>, gate: Gate, who: SignedIn, sent: Multipart) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let sent = Sent::read(sent).await?;
    let document = json!({ "Type": sent.declaration_type.trim(), "Identifier": sent.identifier.trim(), "Payload": {} }).to_string();
    let (actor, name, upload) = (who.actor.clone(), sent.name.clone(), sent.upload.clone());
    let work = move |tx: &crate::store::Tx| {
        let added = library::add(tx, &actor, library::read(document.as_bytes())?, &name)?;
        let id = added.into_iter().map(|standing| standing.declaration.id).next().unwrap_or_default();
        library::put_data(tx, &actor, &id, &upload)
    };
    match app.store.write(app.now(), work).await {
        Ok(standing) => {
            let path = format!("/declarations/{}", standing.declaration.id);
            Ok(said(&app, &gate, &who, &path, t!("The file is kept. Say below for which groups it is.")))
        }
        Err(error) => refused(&app, &who, None, sent, error).await,
    }
}

pub(super) async fn further(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let view = FileForm { of: Some(of(&app, &who, id).await?), ..FileForm::default() };
    Ok(form(&shell(&app, &who, None).await?, &view).into_response())
}

async fn of(app: &App, who: &SignedIn, id: String) -> Result<(String, String)> {
    let actor = who.actor.clone();
    let found = app.store.read(app.now(), move |tx| library::find(tx, &actor, &id)).await?;
    Ok((found.declaration.id, found.declaration.name))
}

pub(super) async fn replace(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    sent: Multipart,
) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let sent = Sent::read(sent).await?;
    let (actor, own, upload) = (who.actor.clone(), id.clone(), sent.upload.clone());
    match app.store.write(app.now(), move |tx| library::put_data(tx, &actor, &own, &upload)).await {
        Ok(_) => {
            Ok(said(&app, &gate, &who, &format!("/declarations/{id}"), t!("The file is kept. Devices get it at their next connection.")))
        }
        Err(error) => refused(&app, &who, Some(id), sent, error).await,
    }
}

/// The form again with what was wrong; what is nobody's input fails as everywhere.
async fn refused(app: &App, who: &SignedIn, id: Option<String>, sent: Sent, error: Error) -> Result<Response> {
    let (status, at) = match error.kind {
        Kind::BadInput | Kind::Conflict => (StatusCode::UNPROCESSABLE_ENTITY, "identifier"),
        Kind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "file"),
        _ => return Err(error),
    };
    let of = match id {
        Some(id) => Some(of(app, who, id).await?),
        None => None,
    };
    let at = if of.is_some() { "file" } else { at };
    let told = errors(&error).into_iter().map(|(field, words)| match field.as_str() {
        "Identifier" => (String::from("identifier"), words),
        "Type" => (String::from("type"), words),
        "file" | "content_type" | "name" => (field, words),
        _ => (at.to_owned(), words),
    });
    let view = FileForm {
        of,
        errors: told.collect(),
        name: sent.name,
        identifier: sent.identifier,
        declaration_type: sent.declaration_type,
        content_type: sent.content_type,
    };
    Ok((status, form(&shell(app, who, None).await?, &view)).into_response())
}

pub(super) async fn download(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    let (data, content) = app.store.write(app.now(), move |tx| library::data(tx, &who.actor, &id)).await?;
    Ok(declaration_file(&data, content.expose().clone()))
}
