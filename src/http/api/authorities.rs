//! `/api/v1/authorities`: whose certificates are trusted here, and how far the next root has come.

use axum::Json as JsonBody;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::list::List;
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::auth::Authenticated;
use crate::mdm::ca::roots::{self, Standing};
use crate::store::authorities::AuthorityState;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A certificate authority.
#[derive(Debug, Serialize, ToSchema)]
struct AuthorityView {
    /// Its id.
    id: String,
    /// `current` issues; `next` follows it; `retired` issued before; `imported` is another server's.
    state: AuthorityState,
    /// The name in its certificate.
    name: String,
    /// SHA-256 of its certificate, in hexadecimal.
    fingerprint: String,
    /// Its end.
    not_after_at: Timestamp,
    /// When it was made or imported.
    created_at: Timestamp,
    /// When it began to issue.
    used_from_at: Option<Timestamp>,
    /// Of the next one: when it begins to issue at the latest.
    used_at_latest: Option<Timestamp>,
    /// Of the one that devices are learning: enrolled devices that know it, practice ones left out.
    devices_known: Option<i64>,
    /// Of the one that devices are learning: all enrolled devices, practice ones left out.
    devices: Option<i64>,
}

impl From<Standing> for AuthorityView {
    fn from(standing: Standing) -> Self {
        let authority = standing.authority;
        Self {
            id: authority.id,
            state: authority.state,
            name: standing.name,
            fingerprint: standing.fingerprint.to_string(),
            not_after_at: authority.not_after_at,
            created_at: authority.created_at,
            used_from_at: authority.used_from_at,
            used_at_latest: standing.used_at_latest,
            devices_known: standing.progress.map(|progress| progress.known),
            devices: standing.progress.map(|progress| progress.devices),
        }
    }
}

/// Certificate authorities: the one that issues, the next one, former ones, those of devices that moved in. They fit on one page.
#[utoipa::path(get, path = "/api/v1/authorities", tag = "authorities",
    responses((status = 200, description = "The one that issues first", body = List<AuthorityView>)))]
async fn list(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<List<AuthorityView>>> {
    let standings = app.store.read_slow(app.now(), move |tx| roots::list(tx, &actor)).await?;
    let items: Vec<_> = standings.into_iter().map(AuthorityView::from).collect();
    Ok(JsonBody(List { total: items.len() as u64, items, next: None }))
}
