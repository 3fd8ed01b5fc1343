//! `/api/v1/session`: logging in and out, who one is, and the log-ins that are in force.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{AppendHeaders, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::input::{Json, Query};
use super::list::{List, Page};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, FieldError, Kind, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::{Authenticated, FromOurPage, Gate, Identified, Proof, cookie};
use crate::mdm::admins::second_factor::Next;
use crate::mdm::admins::sessions;
use crate::mdm::{Actor, Right, Role};
use crate::store::sessions::Session;

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(show, log_in, log_out))
        .routes(routes!(change_password))
        .routes(routes!(list, end_others))
        .routes(routes!(end))
}

/// A name and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LogIn {
    /// The name, whatever the case of its letters.
    name: String,
    /// The password.
    #[schema(format = Password)]
    password: String,
    /// The code of the second factor, where it is on: of the telephone, or one on paper.
    #[schema(format = Password)]
    code: Option<String>,
}

/// Who one is.
#[derive(Debug, Serialize, ToSchema)]
struct Me {
    /// `person`, `token` or `console`.
    kind: &'static str,
    /// The person's or the token's id.
    id: Option<String>,
    /// The person's or the token's name.
    name: String,
    /// What decides what one may do.
    role: Option<Role>,
    /// What one may do.
    rights: Vec<&'static str>,
    /// For `X-CSRF-Token`, where the cookie is used by a program and not by a browser.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
    /// When the session ends, used or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

impl Me {
    fn new(actor: &Actor) -> Self {
        let (id, name) = match actor {
            Actor::Person { id, name, .. } | Actor::Token { id, name, .. } => (Some(id.clone()), name.clone()),
            Actor::Device { .. } | Actor::Job(_) | Actor::Console => (None, actor.to_string()),
        };
        let rights = Right::ALL.into_iter().filter(|right| actor.may(*right)).map(Right::as_str).collect();
        Self { kind: actor.kind(), id, name, role: actor.role(), rights, csrf_token: None, expires_at: None }
    }
}

/// Log in. The answer sets the session's cookie.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = LogIn,
    responses((status = 201, description = "Logged in", body = Me)), security(()))]
async fn log_in(gate: Gate, from: FromOurPage, Json(input): Json<LogIn>) -> Result<Response> {
    let started = match (gate.log_in(input.name, input.password.into(), from.client.clone(), from.known.as_deref()).await?, input.code) {
        (Next::Started(started), _) => started,
        (Next::Code(token), Some(code)) => gate.log_in_by_code(token, code.into(), from.client).await?,
        (Next::Code(_), None) => return Err(code_needed()),
    };
    let mark = gate.mark(&started.admin.id).await?;
    let actor = Actor::Person { id: started.admin.id, name: started.admin.name, role: Role::parse(&started.admin.role)? };
    let me = Me { csrf_token: Some(started.csrf.expose().clone()), expires_at: Some(started.expires_at), ..Me::new(&actor) };
    let cookies = [(SET_COOKIE, cookie::begin(&started.token, from.secure)?), (SET_COOKIE, cookie::know(&mark, from.secure)?)];
    Ok((StatusCode::CREATED, AppendHeaders(cookies), JsonBody(me)).into_response())
}

/// Who one is, and what one may do.
#[utoipa::path(get, path = "/api/v1/session", tag = "session", responses((status = 200, description = "Who one is", body = Me)))]
async fn show(Identified { actor, proof }: Identified) -> JsonBody<Me> {
    let mut me = Me::new(&actor);
    if let Proof::Session(session) = proof {
        me.csrf_token = Some(session.csrf.expose().clone());
        me.expires_at = Some(session.expires_at);
    }
    JsonBody(me)
}

/// Log out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 204, description = "Logged out")))]
async fn log_out(State(app): State<App>, Identified { actor, proof }: Identified, from: FromOurPage) -> Result<Response> {
    let Proof::Session(session) = proof else {
        return Err(Error::bad_input(t!("There is no session to end: a token is revoked under /api/v1/tokens.")));
    };
    app.store.write(app.now(), move |tx| sessions::end(tx, &actor, &session.token_hash)).await?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie::end(from.secure)?)]).into_response())
}

/// An old and a new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// The password so far.
    #[schema(format = Password)]
    old: String,
    /// The password from now on, at least 10 characters.
    #[schema(format = Password, min_length = 10)]
    new: String,
}

/// Change one's own password. All other sessions end.
#[utoipa::path(put, path = "/api/v1/session/password", tag = "session", request_body = NewPassword,
    responses((status = 204, description = "The new password holds")))]
async fn change_password(
    gate: Gate,
    Identified { actor, proof }: Identified,
    from: FromOurPage,
    Json(input): Json<NewPassword>,
) -> Result<StatusCode> {
    let keep = if let Proof::Session(session) = proof { session.token_hash } else { Vec::new() };
    gate.change_password(actor, input.old.into(), input.new.into(), keep, from.client).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// One log-in.
#[derive(Debug, Serialize, ToSchema)]
struct SessionView {
    /// For ending it.
    id: String,
    /// Whose it is.
    admin_id: String,
    /// Whose it is, by name.
    admin_name: String,
    /// The address it began from.
    address: String,
    /// The browser, as it names itself.
    user_agent: String,
    /// When it began.
    created_at: Timestamp,
    /// When it was last used, to the minute.
    last_used_at: Timestamp,
    /// When it ends, used or not.
    expires_at: Timestamp,
}

impl From<(Session, String)> for SessionView {
    fn from((session, admin_name): (Session, String)) -> Self {
        Self {
            id: URL_SAFE_NO_PAD.encode(session.token_hash),
            admin_id: session.admin_id,
            admin_name,
            address: session.address,
            user_agent: session.user_agent,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SessionsQuery {
    /// Items in a page, from 1 to 500; 50 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Whose sessions: an id, or `all` for everybody's; one's own by default.
    admin_id: Option<String>,
}

/// Log-ins that are in force: one's own, or as an owner anybody's.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "session", params(SessionsQuery),
    responses((status = 200, description = "Newest first", body = List<SessionView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<SessionsQuery>,
) -> Result<JsonBody<List<SessionView>>> {
    let page = Page::<(i64, String)>::parse(query.limit, query.after.as_deref())?;
    let after = match &page.after {
        Some((at, id)) => Some((Timestamp::from_millis(*at), token_hash(id)?)),
        None => None,
    };
    let fetch = page.fetch();
    let (rows, total) = app
        .store
        .read_slow(app.now(), move |tx| {
            let whose = match query.admin_id.as_deref() {
                Some("all") => None,
                Some(id) => Some(id),
                None => own_id(&actor),
            };
            sessions::list(tx, &actor, whose, after.as_ref().map(|(at, hash)| (*at, hash.as_slice())), fetch)
        })
        .await?;
    let key = |(session, _): &(Session, String)| (session.created_at.millis(), URL_SAFE_NO_PAD.encode(&session.token_hash));
    Ok(JsonBody(page.answer(rows, total.into(), key, SessionView::from)))
}

/// End one log-in: one's own, or as an owner anybody's.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", tag = "session", params(("id" = String, Path, description = "The session's id")),
    responses((status = 204, description = "Ended")))]
async fn end(State(app): State<App>, Authenticated(actor): Authenticated, Path(id): Path<String>) -> Result<StatusCode> {
    let hash = token_hash(&id)?;
    app.store.write(app.now(), move |tx| sessions::end(tx, &actor, &hash)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End all of one's own log-ins but this one.
#[utoipa::path(delete, path = "/api/v1/sessions", tag = "session", responses((status = 204, description = "Ended")))]
async fn end_others(State(app): State<App>, Identified { actor, proof }: Identified) -> Result<StatusCode> {
    let Proof::Session(session) = proof else {
        return Err(Error::bad_input(t!("Only people have sessions. End another's one by one, by their ids.")));
    };
    app.store.write(app.now(), move |tx| sessions::end_all(tx, &actor, &session.admin_id, Some(&session.token_hash))).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn code_needed() -> Error {
    let mut error = Error::new(Kind::Unauthenticated, t!("The second factor is on: send its code with name and password."));
    error.fields.push(FieldError { field: String::from("code"), message: String::from(t!("the code that the telephone shows now")) });
    error
}

fn own_id(actor: &Actor) -> Option<&str> {
    if let Actor::Person { id, .. } = actor { Some(id) } else { None }
}

fn token_hash(id: &str) -> Result<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(id).map_err(|_| Error::not_found(t!("No session has this id.")))
}
