//! `/api/v1/beta-programs`: the organisation's beta programmes as Apple lists them. Their tokens are never shown.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::groups::PageQuery;
use super::input::Query;
use super::list::{List, Page};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::ade::betas as lists;
use crate::mdm::betas::{self, Program};
use crate::protocol::platform::Platform;

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(list)).routes(routes!(standings)).routes(routes!(read_now))
}

/// A beta programme of the organisation.
#[derive(Debug, Serialize, ToSchema)]
struct BetaProgramView {
    /// What policies and profiles for new devices name it by; the same whatever its token.
    id: String,
    /// What Apple calls it.
    title: String,
    /// The system that it is for, in Apple's word.
    os: String,
    /// That system.
    platform: Platform,
    /// Since when Apple lists it.
    listed_at: Timestamp,
    /// Since when it does not any more; null where it does.
    gone_at: Option<Timestamp>,
    /// The names of the server tokens that it is listed for.
    servers: Vec<String>,
    /// Whether only the practice classroom has it.
    practice: bool,
}

impl From<Program> for BetaProgramView {
    fn from(program: Program) -> Self {
        let Program { id, title, os, platform, listed_at, gone_at, servers, practice } = program;
        Self { id, title, os, platform, listed_at, gone_at, servers, practice }
    }
}

/// Beta programmes by title, those that Apple lists no more included.
#[utoipa::path(get, path = "/api/v1/beta-programs", tag = "updates", params(PageQuery),
    responses((status = 200, description = "By title", body = List<BetaProgramView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<BetaProgramView>>> {
    let page = Page::<String>::parse(query.limit, query.after.as_deref())?;
    let rows = app.store.read_slow(app.now(), move |tx| betas::list(tx, &actor)).await?;
    Ok(JsonBody(page.part(rows, |program| program.id.clone(), BetaProgramView::from)?))
}

/// How the list of beta programmes of a server token stands.
#[derive(Debug, Serialize, ToSchema)]
struct BetaListView {
    /// The server token.
    server_id: String,
    /// Its name.
    name: String,
    /// Whether it is the practice classroom's.
    practice: bool,
    /// Whether Apple offers such a list to it: its organisation has joined AppleSeed for IT.
    offered: bool,
    /// When Apple last gave the list; null where it never did.
    taken_at: Option<Timestamp>,
    /// Why it did not the last time; empty where it did. What it gave before stays.
    problem: String,
}

impl From<lists::Standing> for BetaListView {
    fn from(standing: lists::Standing) -> Self {
        let lists::Standing { server_id, name, practice, is_offered, taken_at, problem } = standing;
        Self { server_id, name, practice, offered: is_offered, taken_at, problem }
    }
}

/// How old the lists of beta programmes are, server token by server token.
#[utoipa::path(get, path = "/api/v1/beta-programs/lists", tag = "updates", params(PageQuery),
    responses((status = 200, description = "Oldest server token first", body = List<BetaListView>)))]
async fn standings(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<BetaListView>>> {
    let page = Page::<String>::parse(query.limit, query.after.as_deref())?;
    let rows = app.store.read_slow(app.now(), move |tx| lists::standings(tx, &actor)).await?;
    Ok(JsonBody(page.part(rows, |standing| standing.server_id.clone(), BetaListView::from)?))
}

/// Read Apple's list of beta programmes now; else it is read once a day.
#[utoipa::path(post, path = "/api/v1/beta-programs/lists/{server_id}", tag = "updates",
    params(("server_id" = String, Path, description = "The server token's id")),
    responses((status = 202, description = "It will be read in a moment", body = BetaListView),
        (status = 409, description = "Apple offers it none, or does not answer its token")))]
async fn read_now(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Path(server_id): Path<String>,
) -> Result<(StatusCode, JsonBody<BetaListView>)> {
    let standing = app.store.write(app.now(), move |tx| lists::read_now(tx, &actor, &server_id)).await?;
    Ok((StatusCode::ACCEPTED, JsonBody(standing.into())))
}
