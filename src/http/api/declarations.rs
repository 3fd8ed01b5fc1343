//! `/api/v1/declarations`: declarations that admins write, and the groups whose devices are to have them.

use axum::Json as JsonBody;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::groups::PageQuery;
use super::input::{Json, Query, json, read, require_json};
use super::list::{List, Page};
use super::once::{Answer, Post};
use super::profiles::{StandingView, part};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::http::limits::API_MAX_BYTES;
use crate::mdm::Right;
use crate::mdm::declarations::library::{self, Draft, Standing, Upload};
use crate::mdm::reconcile::outcomes;
use crate::protocol::declaration::DeclarationKind;
use crate::store::asset_data::AssetData;
use crate::store::assignments::AssignedKind;

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(list, create))
        .routes(routes!(show, replace, rename, delete))
        .routes(routes!(content))
        .routes(routes!(data, put_data))
        .routes(routes!(assign, unassign))
        .routes(routes!(results))
}

/// A declaration of the library. What it says is at `/content`.
#[derive(Debug, Serialize, ToSchema)]
struct DeclarationView {
    /// UUIDv7.
    id: String,
    /// Identifier.
    identifier: String,
    /// Activation, asset, configuration or management; the type tells.
    kind: DeclarationKind,
    /// Type.
    #[serde(rename = "type")]
    declaration_type: String,
    /// What people call it.
    name: String,
    /// Identifiers that its payload names: configurations of an activation, assets of a configuration.
    refers_to: Vec<String>,
    /// What is odd about it, in sentences; it is served all the same, as far as devices can have it.
    warnings: Vec<String>,
    /// The first versions of the systems that have its type, then of keys that came later: `iOS 17.2, macOS 26.0`, `Payload.Hidden: iOS 18.1`.
    available_from: Vec<String>,
    /// Whether it is of a type whose data devices fetch: upload that to `/data`, unless its Reference names an address of yours.
    takes_data: bool,
    /// The data that was uploaded.
    data: Option<DeclarationData>,
    /// Where it is assigned.
    groups: Vec<DeclarationGroup>,
    /// Counts its changes, from 1.
    revision: i64,
    /// Who made it.
    created_by: String,
    /// When it was made.
    created_at: Timestamp,
    /// When it changed last.
    changed_at: Timestamp,
}

/// Data that devices fetch here because a declaration of theirs says so.
#[derive(Debug, Serialize, ToSchema)]
struct DeclarationData {
    /// Media type, without parameters.
    content_type: String,
    /// As the file was called; may be empty.
    file_name: String,
    /// Its size.
    size_bytes: i64,
    /// Its SHA-256, hex.
    sha256: String,
    /// When it was uploaded.
    uploaded_at: Timestamp,
}

/// A group whose devices are to have a declaration.
#[derive(Debug, Serialize, ToSchema)]
struct DeclarationGroup {
    /// The group's id.
    group_id: String,
    /// Who assigned it.
    assigned_by: String,
    /// When.
    assigned_at: Timestamp,
}

impl From<Standing> for DeclarationView {
    fn from(standing: Standing) -> Self {
        let Standing { declaration, warnings, available_from, assignments, takes_data, data } = standing;
        let group = |one: crate::store::assignments::Assignment| DeclarationGroup {
            group_id: one.group_id,
            assigned_by: one.created_by,
            assigned_at: one.created_at,
        };
        Self {
            id: declaration.id,
            identifier: declaration.identifier,
            kind: declaration.kind,
            declaration_type: declaration.declaration_type,
            name: declaration.name,
            refers_to: declaration.refers_to,
            warnings,
            available_from,
            takes_data,
            data: data.map(|data| DeclarationData {
                content_type: data.content_type,
                file_name: data.file_name,
                size_bytes: data.size_bytes,
                sha256: data.sha256,
                uploaded_at: data.changed_at,
            }),
            groups: assignments.into_iter().map(group).collect(),
            revision: declaration.revision,
            created_by: declaration.created_by,
            created_at: declaration.created_at,
            changed_at: declaration.changed_at,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DeclarationsQuery {
    /// Items in a page, from 1 to 500; 50 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Declarations by name.
#[utoipa::path(get, path = "/api/v1/declarations", tag = "declarations", params(DeclarationsQuery),
    responses((status = 200, description = "By name", body = List<DeclarationView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<DeclarationsQuery>,
) -> Result<JsonBody<List<DeclarationView>>> {
    let page = Page::<(String, String)>::parse(query.limit, query.after.as_deref())?;
    let (after, fetch) = (page.after.clone(), page.fetch());
    let (rows, total) = app.store.read_slow(app.now(), move |tx| library::list(tx, &actor, after.as_ref(), fetch)).await?;
    let key = |row: &Standing| (row.declaration.name.clone(), row.declaration.id.clone());
    Ok(JsonBody(page.answer(rows, total.unsigned_abs(), key, DeclarationView::from)))
}

/// A declaration in Apple's form.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
struct Declaration {
    /// For example `com.apple.configuration.passcode.settings`.
    r#type: String,
    /// Plain letters, digits and signs; not beginning with `org.rollcall.`.
    #[schema(min_length = 1, max_length = 64)]
    identifier: String,
    /// What the type asks for.
    #[schema(value_type = Object)]
    payload: Map<String, Value>,
}

/// One declaration, or up to 100 at once.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes what the library reads itself")]
enum DeclarationsInput {
    /// One.
    One(Declaration),
    /// All are added, or none.
    Several(Vec<Declaration>),
}

/// What was added.
#[derive(Debug, Serialize, ToSchema)]
struct AddedDeclarations {
    /// In the order in which they were sent.
    items: Vec<DeclarationView>,
}

/// Add one declaration, or a list of them: all or none. `ServerToken` is passed over.
#[utoipa::path(post, path = "/api/v1/declarations", tag = "declarations", request_body = DeclarationsInput,
    responses((status = 201, description = "Added", body = AddedDeclarations)))]
async fn create(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<Value>) -> Result<Answer> {
    let Post { body, once } = post;
    let drafts = library::read(body.to_string().as_bytes())?;
    app.store
        .write(app.now(), move |tx| {
            once.run(tx, &actor, |tx| {
                let added = library::add(tx, &actor, drafts, "")?;
                Answer::new(StatusCode::CREATED, &AddedDeclarations { items: added.into_iter().map(DeclarationView::from).collect() })
            })
        })
        .await
}

/// One declaration.
#[utoipa::path(get, path = "/api/v1/declarations/{id}", tag = "declarations",
    params(("id" = String, Path, description = "Its id or Identifier")),
    responses((status = 200, description = "The declaration", body = DeclarationView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<DeclarationView>> {
    let found = app.store.read(app.now(), |tx| library::find(tx, &actor, &id)).await?;
    Ok(JsonBody(found.into()))
}

/// A declaration as it was uploaded. It may hold secrets: who takes it is written into the audit log.
#[utoipa::path(get, path = "/api/v1/declarations/{id}/content", tag = "declarations",
    params(("id" = String, Path, description = "Its id or Identifier")),
    responses((status = 200, description = "Type, Identifier, Payload", body = Declaration)))]
async fn content(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<JsonBody<Value>> {
    Ok(JsonBody(app.store.write(app.now(), move |tx| library::content(tx, &actor, &id)).await?))
}

/// Give a declaration another payload; Type and Identifier stay. Devices that have it get the new one.
#[utoipa::path(put, path = "/api/v1/declarations/{id}", tag = "declarations", request_body = Declaration,
    params(("id" = String, Path, description = "Its id or Identifier")),
    responses((status = 200, description = "As it is now", body = DeclarationView)))]
async fn replace(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Result<JsonBody<DeclarationView>> {
    let draft = one(&body)?;
    let work = move |tx: &crate::store::Tx| library::replace(tx, &actor, &id, draft);
    Ok(JsonBody(app.store.write(app.now(), work).await?.into()))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
struct DataQuery {
    /// What the file is called, for people.
    file_name: String,
}

/// Types by which a client sends something other than a file, or did not think of saying what it sends.
const NO_FILES: [&str; 2] = ["application/x-www-form-urlencoded", "multipart/form-data"];

/// Upload the data of an asset, as it is. `Content-Type` says what it is, and any media type is taken that the type of the asset takes; sent as
/// `application/octet-stream`, it is what the ContentType in its Reference says. An address in its Reference goes. Devices that have it get the new data.
#[utoipa::path(put, path = "/api/v1/declarations/{id}/data", tag = "declarations",
    params(("id" = String, Path, description = "Its id or Identifier"), DataQuery),
    request_body(content((Vec<u8> = "*/*")), description = "The data"),
    responses((status = 200, description = "As it is now", body = DeclarationView),
        (status = 400, description = "Its type cannot have this data; the reason is named"), (status = 413, description = "It is too large")))]
async fn put_data(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<DataQuery>,
    request: Request,
) -> Result<JsonBody<DeclarationView>> {
    actor.require(Right::Configure)?;
    let said = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    if NO_FILES.contains(&said.split(';').next().unwrap_or_default().trim()) {
        return Err(Error::field(
            "content_type",
            t!("Send the data as it is, and say what it is in Content-Type, for example application/zip"),
        ));
    }
    let bytes = read(request, API_MAX_BYTES).await?.to_vec();
    let upload = Upload { content_type: said, file_name: query.file_name, bytes };
    let work = move |tx: &crate::store::Tx| library::put_data(tx, &actor, &id, &upload);
    Ok(JsonBody(app.store.write(app.now(), work).await?.into()))
}

/// The data of an asset, byte for byte. It may be a secret: who takes it is written into the audit log.
#[utoipa::path(get, path = "/api/v1/declarations/{id}/data", tag = "declarations",
    params(("id" = String, Path, description = "Its id or Identifier")),
    responses((status = 200, description = "The data", content_type = "application/octet-stream"),
        (status = 404, description = "None was uploaded")))]
async fn data(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<Response> {
    let (data, content) = app.store.write(app.now(), move |tx| library::data(tx, &actor, &id)).await?;
    Ok(file(&data, content.expose().clone()))
}

/// The data of an asset as a file to save: never shown in a window of this address, whatever it is.
pub(in crate::http) fn file(data: &AssetData, content: Vec<u8>) -> Response {
    let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
    let name: String = data.file_name.chars().filter(is_plain).collect();
    let name = if name.is_empty() { "data" } else { &name };
    let disposition = format!("attachment; filename=\"{name}\"");
    ([(CONTENT_TYPE, data.content_type.clone()), (CONTENT_DISPOSITION, disposition)], content).into_response()
}

fn one(body: &Value) -> Result<Draft> {
    let mut drafts = library::read(body.to_string().as_bytes())?;
    match (drafts.pop(), drafts.is_empty()) {
        (Some(draft), true) => Ok(draft),
        _ => Err(Error::bad_input(t!("Send exactly one declaration here."))),
    }
}

/// What is to change about a declaration beside its payload.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeclarationName {
    /// What people call it; empty for its Identifier.
    #[schema(max_length = 200)]
    name: String,
}

/// Call a declaration something else.
#[utoipa::path(patch, path = "/api/v1/declarations/{id}", tag = "declarations", request_body = DeclarationName,
    params(("id" = String, Path, description = "Its id or Identifier")),
    responses((status = 200, description = "As it is now", body = DeclarationView)))]
async fn rename(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Json(input): Json<DeclarationName>,
) -> Result<JsonBody<DeclarationView>> {
    let work = move |tx: &crate::store::Tx| library::rename(tx, &actor, &id, &input.name);
    Ok(JsonBody(app.store.write(app.now(), work).await?.into()))
}

/// Delete a declaration that no other one names; it goes from every device that has it.
#[utoipa::path(delete, path = "/api/v1/declarations/{id}", tag = "declarations",
    params(("id" = String, Path, description = "Its id or Identifier")), responses((status = 204, description = "Deleted")))]
async fn delete(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| library::delete(tx, &actor, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// There is nothing to say beside the group; the body may be empty.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct DeclarationAssignment {
    /// Refused: devices cannot end a declaration by themselves.
    ends_at: Option<Timestamp>,
}

/// Assign a declaration to a group: the group's devices get it, those that can.
#[utoipa::path(put, path = "/api/v1/declarations/{id}/groups/{group_id}", tag = "declarations", request_body = DeclarationAssignment,
    params(("id" = String, Path, description = "The declaration's id or Identifier"), ("group_id" = String, Path, description = "The group's id")),
    responses((status = 200, description = "As it is now", body = DeclarationView)))]
async fn assign(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, group_id)): Path<(String, String)>,
    request: Request,
) -> Result<JsonBody<DeclarationView>> {
    let headers = request.headers().clone();
    let body = read(request, API_MAX_BYTES).await?;
    if !body.is_empty() {
        require_json(&headers)?;
        let DeclarationAssignment { ends_at } = json(&body)?;
        if ends_at.is_some() {
            let words = t!("a declaration cannot end by itself on a device; take it back from the group when it is to go");
            return Err(Error::field("ends_at", words));
        }
    }
    let work = move |tx: &crate::store::Tx| library::assign(tx, &actor, &id, &group_id);
    Ok(JsonBody(app.store.write(app.now(), work).await?.into()))
}

/// Take a declaration back from a group; it goes from the group's devices.
#[utoipa::path(delete, path = "/api/v1/declarations/{id}/groups/{group_id}", tag = "declarations",
    params(("id" = String, Path, description = "The declaration's id or Identifier"), ("group_id" = String, Path, description = "The group's id")),
    responses((status = 204, description = "Taken back")))]
async fn unassign(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path((id, group_id)): Path<(String, String)>,
) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| library::unassign(tx, &actor, &id, &group_id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How far each device is with a declaration: what refused it first, what cannot have it last, at most 500 of each.
#[utoipa::path(get, path = "/api/v1/declarations/{id}/results", tag = "declarations",
    params(("id" = String, Path, description = "The declaration's id or Identifier"), PageQuery),
    responses((status = 200, description = "What refused it first", body = List<StandingView>)))]
async fn results(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<StandingView>>> {
    let work = move |tx: &crate::store::Tx| {
        let id = library::find(tx, &actor, &id)?.declaration.id;
        Ok(outcomes(tx, &actor, AssignedKind::Declaration, &id)?.rows)
    };
    part(app.store.read_slow(app.now(), work).await?, &query)
}
