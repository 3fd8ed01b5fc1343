//! Profiles that scripts bring: as they are, in a form, or in base64 inside JSON.

use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::super::input::{Query, json, read};
use super::super::once::{Answer, Head, Once};
use super::views::UploadedView;
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::auth::Authenticated;
use crate::http::limits::API_MAX_BYTES;
use crate::mdm::Right;
use crate::mdm::profiles::{self, Recognised};

/// What a body of bytes may call itself; others are refused, since a form of another site could say `text/plain`.
const TYPES: [&str; 8] = [
    "application/x-apple-aspen-config",
    "application/octet-stream",
    "application/xml",
    "text/xml",
    "application/x-plist",
    "application/pkcs7-mime",
    "application/x-pkcs7-mime",
    "application/pkcs7-signature",
];

/// A profile that was brought.
pub(super) struct Upload {
    content: Vec<u8>,
    name: String,
    note: String,
    once: Once,
}

/// A profile in JSON.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProfileUploadInput)]
pub(super) struct UploadInput {
    /// The file, in base64.
    content: String,
    /// What people call it; its PayloadDisplayName by default. Only where it is new.
    #[serde(default)]
    #[schema(max_length = 200)]
    name: String,
    /// What it is for. Only where it is new.
    #[serde(default)]
    #[schema(max_length = 2000)]
    note: String,
}

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let head = Head::of(&request)?;
        let said = request.headers().get(CONTENT_TYPE).cloned();
        let kind = said.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let bytes = read(request, API_MAX_BYTES).await?;
        let input = match essence.as_str() {
            "application/json" => {
                let mut input: UploadInput = json(&bytes)?;
                let letters: Vec<u8> = input.content.bytes().filter(|letter| !letter.is_ascii_whitespace()).collect();
                input.content.clear();
                let content =
                    STANDARD.decode(letters).map_err(|_| Error::field("content", t!("is not base64; send the file in base64")))?;
                Brought { content, name: input.name, note: input.note }
            }
            "multipart/form-data" => Brought::of_form(kind, bytes, state).await?,
            plain if TYPES.contains(&plain) => Brought { content: bytes.to_vec(), ..Brought::default() },
            _ => {
                return Err(Error::bad_input(t!(
                    "Send the profile as it is with the header Content-Type: {types}, as the field `file` of a form, or in base64 as `content` in JSON.",
                    types = TYPES[0]
                )));
            }
        };
        let Brought { content, name, note } = input;
        let digest = [content.as_slice(), b"\n", name.as_bytes(), b"\n", note.as_bytes()].concat();
        Ok(Self { once: head.once(&digest), content, name, note })
    }
}

#[derive(Default)]
struct Brought {
    content: Vec<u8>,
    name: String,
    note: String,
}

impl Brought {
    async fn of_form<S: Send + Sync>(kind: &str, bytes: bytes::Bytes, state: &S) -> Result<Self> {
        let broken = |text: String| Error::bad_input(t!("The form cannot be read: {text}.", text));
        let request = Request::post("/").header(CONTENT_TYPE, kind).body(Body::from(bytes));
        let request = request.map_err(|error| broken(error.to_string()))?;
        let mut form = Multipart::from_request(request, state).await.map_err(|error| broken(error.body_text()))?;
        let mut brought = Self::default();
        while let Some(field) = form.next_field().await.map_err(|error| broken(error.body_text()))? {
            let name = field.name().unwrap_or_default().to_owned();
            let value = field.bytes().await.map_err(|error| broken(error.body_text()))?;
            let text = || String::from_utf8(value.to_vec()).map_err(|_| Error::field(name.clone(), t!("is not UTF-8")));
            match name.as_str() {
                "file" => brought.content = value.to_vec(),
                "name" => brought.name = text()?,
                "note" => brought.note = text()?,
                _ => return Err(Error::field(name, t!("is not known here; send `file`, `name` and `note`"))),
            }
        }
        Ok(brought)
    }
}

/// Recognises a profile beside the async runtime: a signature takes a while.
pub(in crate::http) async fn recognise(content: Vec<u8>) -> Result<Recognised> {
    let reading = tokio::task::spawn_blocking(move || profiles::recognise(content));
    reading.await.map_err(|error| Error::internal("the profile could not be read", error))?
}

fn answer(done: profiles::Uploaded) -> Result<Answer> {
    let status = if done.changed { StatusCode::CREATED } else { StatusCode::OK };
    Answer::new(status, &UploadedView::from(done))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct CreateQuery {
    /// What people call it; its PayloadDisplayName by default.
    name: String,
    /// What it is for.
    note: String,
}

/// Upload a profile that is new: as it is, as the field `file` of a form, or in base64 inside JSON.
#[utoipa::path(post, path = "/api/v1/profiles", tag = "profiles", params(CreateQuery),
    request_body(content((UploadInput = "application/json"), (Vec<u8> = "application/x-apple-aspen-config")), description = "The profile"),
    responses((status = 201, description = "Kept", body = UploadedView), (status = 200, description = "The same bytes are here already", body = UploadedView),
        (status = 400, description = "It is no profile, or cannot be kept; the reason is named"),
        (status = 409, description = "One with the same PayloadIdentifier is here; it is named")))]
pub(super) async fn create(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<CreateQuery>,
    upload: Upload,
) -> Result<Answer> {
    actor.require(Right::Configure)?;
    let Upload { content, name, note, once } = upload;
    let brought = recognise(content).await?;
    let (name, note) = (if name.is_empty() { query.name } else { name }, if note.is_empty() { query.note } else { note });
    let work = move |tx: &crate::store::Tx| once.run(tx, &actor, |tx| answer(profiles::create(tx, &actor, &brought, &name, &note)?));
    app.store.write(app.now(), work).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct VersionQuery {
    /// Whether devices get it at once; true by default. Otherwise it is kept, to be looked at and used later by PATCH.
    #[serde(rename = "use")]
    #[param(rename = "use")]
    is_used: Option<bool>,
}

/// Upload another version of a profile, with the same PayloadIdentifier.
#[utoipa::path(post, path = "/api/v1/profiles/{id}/versions", tag = "profiles",
    params(("id" = String, Path, description = "The profile's id"), VersionQuery),
    request_body(content((UploadInput = "application/json"), (Vec<u8> = "application/x-apple-aspen-config")), description = "The profile"),
    responses((status = 201, description = "Kept", body = UploadedView), (status = 200, description = "Nothing is other than before", body = UploadedView),
        (status = 400, description = "It is no profile, or another one; the reason is named")))]
pub(super) async fn add_version(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<VersionQuery>,
    upload: Upload,
) -> Result<Answer> {
    actor.require(Right::Configure)?;
    let Upload { content, once, .. } = upload;
    let brought = recognise(content).await?;
    let is_used = query.is_used.unwrap_or(true);
    let work = move |tx: &crate::store::Tx| once.run(tx, &actor, |tx| answer(profiles::add_version(tx, &actor, &id, &brought, is_used)?));
    app.store.write(app.now(), work).await
}
