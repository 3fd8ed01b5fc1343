//! `/api/v1/apple/connections`: how the connections to Apple are, and a test of each.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::http::connections::test;
use crate::mdm::Right;
use crate::mdm::connections::{self, Connection, Service};

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(list)).routes(routes!(try_it))
}

/// A connection to one of Apple's services.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppleConnection)]
struct ConnectionView {
    /// Names it in addresses; of a token with its id behind a colon.
    #[schema(example = "push")]
    name: String,
    /// Where it leads.
    service: Service,
    /// Whose it is, where there may be several; else empty.
    of: String,
    /// Whether it leads to what stands in for Apple where practice devices are concerned.
    practice: bool,
    /// Whether it worked the last time; null where it has not been tried.
    works: Option<bool>,
    /// When it worked last.
    worked_at: Option<Timestamp>,
    /// When it failed last, where that is known.
    failed_at: Option<Timestamp>,
    /// What keeps it from working, in words; empty where nothing does.
    failure: String,
    /// What to do about that.
    remedy: String,
    /// What was said, as it came.
    said: String,
}

impl From<Connection> for ConnectionView {
    fn from(connection: Connection) -> Self {
        let Connection { name, service, of, practice, worked_at, failed_at, failure, .. } = connection;
        let works = (failure.is_some() || worked_at.is_some()).then_some(failure.is_none());
        let (failure, remedy, said) = failure.map(|failure| (failure.what, failure.remedy, failure.said)).unwrap_or_default();
        Self { name, service, of, practice, works, worked_at, failed_at, failure, remedy, said }
    }
}

/// Every connection.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppleConnections)]
struct ConnectionsView {
    /// Push certificates, tokens, and the list of OS releases.
    items: Vec<ConnectionView>,
}

/// The connections to Apple, with when each worked last and what keeps it from working.
#[utoipa::path(get, path = "/api/v1/apple/connections", tag = "doctor",
    responses((status = 200, description = "Every connection", body = ConnectionsView)))]
async fn list(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<ConnectionsView>> {
    let found = app.store.read_slow(app.now(), move |tx| connections::list(tx, &actor)).await?;
    Ok(JsonBody(ConnectionsView { items: found.into_iter().map(ConnectionView::from).collect() }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ConnectionNothing {}

/// Test a connection to Apple now, by asking something that changes nothing there. That it does not work stands in the answer.
#[utoipa::path(post, path = "/api/v1/apple/connections/{name}/test", tag = "doctor", request_body = ConnectionNothing,
    params(("name" = String, Path, description = "The connection's name")),
    responses((status = 200, description = "The connection as it is now", body = ConnectionView)))]
async fn try_it(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(name): Path<String>,
    post: Post<ConnectionNothing>,
) -> Result<Answer> {
    actor.require(Right::Configure)?;
    let (once, who) = (post.once.clone(), actor.clone());
    if once.has_key()
        && let Some(answer) = app.store.write(app.now(), move |tx| once.recall(tx, &who)).await?
    {
        return Ok(answer);
    }
    let view = ConnectionView::from(test(&app, &actor, &name).await?);
    if !post.once.has_key() {
        return Answer::new(StatusCode::OK, &view);
    }
    app.store.write(app.now(), move |tx| post.once.run(tx, &actor, |_| Answer::new(StatusCode::OK, &view))).await
}
