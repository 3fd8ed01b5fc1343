//! NanoMDM's API, so that the tools of its world work here unchanged: its addresses, statuses and JSON.

mod answer;
mod commands;
mod push;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use serde::Serialize;

use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::auth::NanoTool;
use crate::http::error::as_it_is;
use crate::mdm::nano;
use crate::mdm::push_certificates::Put;
use crate::mdm::{Actor, Right, checkin};
use crate::pki::push_certificate::PushCertificate as Pair;
use crate::protocol;
use crate::store::push_certificates::PushCertificate;

/// NanoMDM's addresses. They want [`Gate`](crate::http::auth::Gate) as an extension, and their group round them.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/version", get(version))
        .route("/migration", any(migration))
        .route("/v1/pushcert", any(push_certificate))
        .route("/v1/push/{ids}", any(commands::push))
        .route("/v1/enqueue/{ids}", any(commands::enqueue))
        .route("/v1/enqueue/", any(commands::for_nobody))
        .route("/v1/push/", any(commands::for_nobody))
        .route("/v1/{*rest}", any(nothing))
}

async fn version() -> Response {
    let body = concat!(r#"{"version":"rollcall "#, env!("CARGO_PKG_VERSION"), r#""}"#);
    ([(axum::http::header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn nothing() -> Response {
    answer::text(StatusCode::NOT_FOUND, t!("404 page not found"))
}

/// Takes what another server was told by a device, byte for byte.
async fn migration(State(app): State<App>, NanoTool(actor): NanoTool, body: Bytes) -> Response {
    match move_in(&app, actor, &body).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) if matches!(error.kind, Kind::BadInput | Kind::Conflict) => answer::text(StatusCode::BAD_REQUEST, &error.message),
        Err(error) => answer::error(&error),
    }
}

async fn move_in(app: &App, actor: Actor, body: &[u8]) -> Result<()> {
    let message = protocol::checkin::parse(body)?;
    app.store.write(app.now(), move |tx| checkin::move_in(tx, &actor, &message)).await
}

async fn push_certificate(
    State(app): State<App>,
    NanoTool(actor): NanoTool,
    method: Method,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let outcome = match method {
        Method::GET => show(&app, actor, query.as_deref().and_then(topic)).await.map(|row| (row, None)),
        Method::PUT => put(&app, actor, &body).await.map(|put| (put.certificate, put.warning)),
        _ => return answer::text(StatusCode::METHOD_NOT_ALLOWED, t!("Method Not Allowed")),
    };
    match outcome {
        Ok((row, warning)) => answer::json(StatusCode::OK, &Shown { not_after: row.not_after_at.to_string(), topic: row.topic, warning }),
        // NanoMDM's own answer, on which its tools rely: they tell 500 from the 400 of a mistyped request.
        Err(error) if error.kind == Kind::NotFound => {
            let mut response = answer::error(&error);
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            as_it_is(response)
        }
        Err(error) => answer::error(&error),
    }
}

#[derive(Serialize)]
struct Shown {
    not_after: String,
    topic: String,
    /// What is odd about a certificate that was just put; NanoMDM knows no such word.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

/// The topic that a query names; one is made of characters that need no escape.
fn topic(query: &str) -> Option<String> {
    query.split('&').find_map(|pair| pair.strip_prefix("topic=")).filter(|topic| !topic.is_empty()).map(str::to_owned)
}

async fn show(app: &App, actor: Actor, topic: Option<String>) -> Result<PushCertificate> {
    let topic = topic.ok_or_else(|| Error::bad_input(t!("missing required query parameter: topic")))?;
    app.store.read(app.now(), move |tx| nano::push_certificate(tx, &actor, &topic)).await
}

async fn put(app: &App, actor: Actor, pem: &[u8]) -> Result<Put> {
    actor.require(Right::Configure)?;
    let pair = Pair::from_files(&[pem], None, &[], app.now())?;
    pair.must_be_issued_by_apple(app.pushes_to_stand_in())?;
    app.store.write(app.now(), move |tx| nano::put_push_certificate(tx, &actor, &pair)).await
}

#[cfg(test)]
mod tests;
