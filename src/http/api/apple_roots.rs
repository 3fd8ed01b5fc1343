//! `/api/v1/roots`: Apple's own roots that something here needs, and whether they are here.

use axum::Json as JsonBody;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::input::read;
use super::list::List;
use super::once::{Answer, Head};
use crate::app::App;
use crate::apple::software_lookup::ROOT_MAX_BYTES;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::language::say;
use crate::mdm::apple_roots::{self, Source, Standing};
use crate::store::Tx;

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(list, add))
}

/// A root of Apple's.
#[derive(Debug, Serialize, ToSchema)]
struct AppleRootView {
    /// What its certificate calls itself.
    #[schema(example = "Apple Root CA")]
    name: String,
    /// SHA-256 of its certificate, in hexadecimal.
    fingerprint: String,
    /// What it is trusted for here, and for nothing else.
    used_for: String,
    /// Whether it is here.
    present: bool,
    /// How it came.
    source: Option<Source>,
    /// When it came.
    added_at: Option<Timestamp>,
}

impl From<Standing> for AppleRootView {
    fn from(standing: Standing) -> Self {
        Self {
            name: standing.root.name.to_owned(),
            fingerprint: standing.root.sha256.to_ascii_lowercase(),
            used_for: say(standing.root.used_for).to_owned(),
            present: standing.came.is_some(),
            source: standing.came.map(|(source, _)| source),
            added_at: standing.came.map(|(_, at)| at),
        }
    }
}

fn view(standings: Vec<Standing>) -> List<AppleRootView> {
    let items: Vec<_> = standings.into_iter().map(AppleRootView::from).collect();
    List { total: items.len() as u64, items, next: None }
}

/// Apple's own roots that something here needs. They fit on one page.
#[utoipa::path(get, path = "/api/v1/roots", tag = "releases", responses((status = 200, description = "All of them", body = List<AppleRootView>)))]
async fn list(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<List<AppleRootView>>> {
    let standings = app.store.read(app.now(), move |tx| apple_roots::list(tx, &actor)).await?;
    Ok(JsonBody(view(standings)))
}

/// Bring one of Apple's own roots as a file, for a server that cannot fetch it. It counts only if its fingerprint is the one that is known here.
#[utoipa::path(post, path = "/api/v1/roots", tag = "releases",
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The file as it is, DER or PEM, up to 64 KB"),
    responses((status = 200, description = "It is here; all of them", body = List<AppleRootView>),
        (status = 400, description = "It is another certificate, which is named, or none")))]
async fn add(State(app): State<App>, Authenticated(actor): Authenticated, request: Request) -> Result<Answer> {
    let head = Head::of(&request)?;
    let file = read(request, ROOT_MAX_BYTES).await?;
    let once = head.once(&file);
    let work = move |tx: &Tx| {
        let by = actor.clone();
        once.run(tx, &actor, move |tx| {
            apple_roots::add(tx, &by, &file, Source::File)?;
            Answer::new(StatusCode::OK, &view(apple_roots::list(tx, &by)?))
        })
    };
    app.store.write(app.now(), work).await
}
