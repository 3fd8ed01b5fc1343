//! `/api/v1/licences`: what is owned, who has it, what can be taken back; and the redemption codes of the old programme.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::groups::PageQuery;
use super::input::{Json, Query};
use super::list::{List, Page};
use super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::Right;
use crate::mdm::licences::ledger::{self, Held};
use crate::mdm::licences::{self, Asset, Holder, Licence, codes};
use crate::store::licences::{HolderKind, LineFilter, LineKey};
use crate::store::redemption_codes::Count;

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(owned))
        .routes(routes!(list))
        .routes(routes!(take_back))
        .routes(routes!(ask_again))
        .routes(routes!(all_codes, import_codes))
        .routes(routes!(remove_codes))
}

/// How many licences there are of an app.
#[derive(Debug, Serialize, ToSchema)]
struct OwnedView {
    /// The App Store's number.
    adam_id: String,
    /// Its name; empty until the store told it.
    name: String,
    /// Its bundle identifier; empty until the store told it.
    bundle_id: String,
    /// Platforms: `ios`, `macos` …
    platforms: Vec<String>,
    /// Whether devices can have it; books are for people only.
    device_assignable: bool,
    /// Whether it is an app, not a book.
    is_app: bool,
    /// Whether only the practice classroom owns it.
    practice: bool,
    /// How many there are; null for as many as anybody wants.
    owned: Option<u32>,
    /// Assigned, whoever did it.
    in_use: u32,
    /// On their way to somebody.
    reserved: u32,
    /// Left at locations that can give them now: ours, with a token that Apple takes; null for as many as anybody wants.
    free: Option<u32>,
    /// How many more are wanted than there are.
    short: u32,
    /// When Apple said so.
    as_of: Option<Timestamp>,
}

impl From<Asset> for OwnedView {
    fn from(asset: Asset) -> Self {
        let Asset { adam_id, name, bundle_id, platforms, device_assignable, is_app, practice, seats } = asset;
        let licences::Seats { owned, in_use, reserved, free, short, as_of } = seats;
        Self { adam_id, name, bundle_id, platforms, device_assignable, is_app, practice, owned, in_use, reserved, free, short, as_of }
    }
}

/// What the locations own, by the App Store's number.
#[utoipa::path(get, path = "/api/v1/licences/owned", tag = "licences", params(PageQuery),
    responses((status = 200, description = "By number", body = List<OwnedView>)))]
async fn owned(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<OwnedView>>> {
    actor.require(Right::View)?;
    let page = Page::<String>::parse(query.limit, query.after.as_deref())?;
    let mut rows = app.store.read_slow(app.now(), licences::offered).await?;
    let total = rows.len() as u64;
    rows.sort_by(|a, b| a.adam_id.cmp(&b.adam_id));
    rows.retain(|asset| page.after.as_ref().is_none_or(|after| asset.adam_id > *after));
    Ok(JsonBody(page.answer(rows, total, |asset| asset.adam_id.clone(), OwnedView::from)))
}

/// How far a licence is.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum LicenceWord {
    /// On its way.
    Waiting,
    /// Assigned.
    Held,
    /// There is none left.
    Short,
    /// Apple refused.
    Failed,
}

/// Whose licence of what.
#[derive(Debug, Serialize, ToSchema)]
struct LicenceView {
    /// The App Store's number.
    adam_id: String,
    /// Whose kind.
    holder_kind: HolderKind,
    /// Serial number, or the id under which Apple knows a person.
    holder: String,
    /// The device's id here, or the person's; null where nobody here is meant.
    holder_id: Option<String>,
    /// The device's or the person's name.
    name: String,
    /// The location; null while there was no licence left.
    content_token_id: Option<String>,
    /// How far it is.
    state: LicenceWord,
    /// Why it is not held, in a sentence; empty where it is.
    because: String,
    /// When what failed is tried again by itself.
    until: Option<Timestamp>,
    /// Whether this server wants it; otherwise it was assigned elsewhere, or is being given back.
    ours: bool,
}

impl From<Held> for LicenceView {
    fn from(held: Held) -> Self {
        let (state, because, until) = match held.licence {
            Licence::Held | Licence::None => (LicenceWord::Held, String::new(), None),
            Licence::Waiting { because } => (LicenceWord::Waiting, because, None),
            Licence::Short { because, .. } => (LicenceWord::Short, because, None),
            Licence::Failed { because, until } => (LicenceWord::Failed, because, until),
        };
        let line = held.line;
        Self {
            adam_id: line.adam_id,
            holder_kind: line.holder_kind,
            holder: line.holder,
            holder_id: line.here_id,
            name: line.name,
            content_token_id: line.token_id,
            state,
            because,
            until,
            ours: held.ours,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LicencesQuery {
    /// Items in a page, from 1 to 500; 50 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Of this app.
    adam_id: Option<String>,
    /// Of this location.
    content_token_id: Option<String>,
    /// Of this device, by its serial number, or of this person, by their id.
    holder: Option<String>,
}

/// Who has which licence, by app and holder: what this server wants, and what was assigned elsewhere.
#[utoipa::path(get, path = "/api/v1/licences", tag = "licences", params(LicencesQuery),
    responses((status = 200, description = "By app and holder", body = List<LicenceView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<LicencesQuery>,
) -> Result<JsonBody<List<LicenceView>>> {
    let page = Page::<LineKey>::parse(query.limit, query.after.as_deref())?;
    let filter = LineFilter { adam_id: query.adam_id, token_id: query.content_token_id, holder: query.holder.map(named) };
    let answer = app.store.read_slow(app.now(), move |tx| {
        let (rows, total) = ledger::lines(tx, &actor, &filter, page.after.as_ref(), page.fetch())?;
        Ok(page.answer(rows, total, ledger::key, LicenceView::from))
    });
    Ok(JsonBody(answer.await?))
}

/// Serial numbers stand in capitals; ids of people have hyphens.
fn named(holder: String) -> String {
    if holder.contains('-') { holder } else { holder.to_ascii_uppercase() }
}

/// A licence of somebody.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HolderInput {
    /// The App Store's number.
    adam_id: String,
    /// The device's serial number.
    #[serde(default)]
    serial_number: Option<String>,
    /// Or the person's id.
    #[serde(default)]
    person_id: Option<String>,
}

impl HolderInput {
    fn holder(self) -> Result<(String, Holder)> {
        let holder = match (self.serial_number, self.person_id) {
            (Some(serial_number), None) => Holder::Device { serial_number },
            (None, Some(person_id)) => Holder::Person { person_id },
            _ => return Err(Error::field("serial_number", t!("name either a device by its serial number or a person by their id"))),
        };
        Ok((self.adam_id, holder))
    }
}

/// Take a licence back that was assigned elsewhere, or a second one of another location. What this server wants itself follows the app: take that away.
#[utoipa::path(post, path = "/api/v1/licences/take-back", tag = "licences", request_body = HolderInput,
    responses((status = 204, description = "It is asked for"), (status = 409, description = "This server wants it")))]
async fn take_back(State(app): State<App>, Authenticated(actor): Authenticated, Json(body): Json<HolderInput>) -> Result<StatusCode> {
    let (adam_id, holder) = body.holder()?;
    app.store.write(app.now(), move |tx| ledger::take_back(tx, &actor, &adam_id, &holder)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask Apple once more for a licence that it refused.
#[utoipa::path(post, path = "/api/v1/licences/ask-again", tag = "licences", request_body = HolderInput,
    responses((status = 204, description = "It is asked for"), (status = 409, description = "It was not refused")))]
async fn ask_again(State(app): State<App>, Authenticated(actor): Authenticated, Json(body): Json<HolderInput>) -> Result<StatusCode> {
    let (adam_id, holder) = body.holder()?;
    app.store.write(app.now(), move |tx| ledger::ask_again(tx, &actor, &adam_id, &holder).map(drop)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How many redemption codes there are of an app. The codes themselves are never shown.
#[derive(Debug, Serialize, ToSchema)]
struct CodesView {
    /// The App Store's number.
    adam_id: String,
    /// The app's name, where it is known.
    name: String,
    /// How many were imported.
    imported: u32,
    /// How many nobody has.
    left: u32,
    /// When the last ones came.
    imported_at: Timestamp,
}

impl From<(Count, String)> for CodesView {
    fn from((count, name): (Count, String)) -> Self {
        Self { adam_id: count.adam_id, name, imported: count.imported, left: count.left, imported_at: count.imported_at }
    }
}

/// Redemption codes, by the App Store's number.
#[utoipa::path(get, path = "/api/v1/redemption-codes", tag = "licences", params(PageQuery),
    responses((status = 200, description = "By number", body = List<CodesView>)))]
async fn all_codes(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<List<CodesView>>> {
    let page = Page::<String>::parse(query.limit, query.after.as_deref())?;
    let mut rows = app.store.read_slow(app.now(), move |tx| codes::list(tx, &actor)).await?;
    let total = rows.len() as u64;
    rows.retain(|(count, _)| page.after.as_ref().is_none_or(|after| count.adam_id > *after));
    Ok(JsonBody(page.answer(rows, total, |(count, _)| count.adam_id.clone(), CodesView::from)))
}

/// A sheet of redemption codes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CodesInput {
    /// The App Store's number of the app.
    adam_id: String,
    /// The sheet as CSV, or with tabs or semicolons between the columns. It has a column named Code, as Apple's has.
    sheet: String,
}

/// What became of a sheet.
#[derive(Debug, Serialize, ToSchema)]
struct CodesImported {
    /// New codes.
    added: usize,
    /// Codes of this app that were here already.
    known: usize,
    /// Codes that were here for another app, and that nobody had: they are this app's now.
    moved: usize,
    /// Codes that were given away for another app; they stay that one's.
    elsewhere: usize,
    /// Codes that the sheet calls redeemed; they are left out.
    redeemed: usize,
    /// Those of them that were here, and that nobody had: they are not given any more. What a device was given stays that device's.
    used_elsewhere: usize,
    /// Lines below the heading that hold no code, which has 8 to 32 letters and digits; at most the first twenty.
    lines_without_code: Vec<u64>,
}

impl From<codes::Imported> for CodesImported {
    fn from(imported: codes::Imported) -> Self {
        let codes::Imported { added, known, moved, elsewhere, redeemed, used_elsewhere, passed_over: lines_without_code } = imported;
        Self { added, known, moved, elsewhere, redeemed, used_elsewhere, lines_without_code }
    }
}

/// Import redemption codes of an app. Each is given away once.
#[utoipa::path(post, path = "/api/v1/redemption-codes", tag = "licences", request_body = CodesInput,
    responses((status = 201, description = "Imported", body = CodesImported)))]
async fn import_codes(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<CodesInput>) -> Result<Answer> {
    let Post { body, once } = post;
    app.store
        .write(app.now(), move |tx| {
            once.run(tx, &actor, |tx| {
                let imported = codes::import(tx, &actor, &body.adam_id, body.sheet.as_bytes())?;
                Answer::new(StatusCode::CREATED, &CodesImported::from(imported))
            })
        })
        .await
}

/// Remove the redemption codes of an app that nobody has.
#[utoipa::path(delete, path = "/api/v1/redemption-codes/{adam_id}", tag = "licences",
    params(("adam_id" = String, Path, description = "The App Store's number")), responses((status = 204, description = "Removed")))]
async fn remove_codes(State(app): State<App>, Authenticated(actor): Authenticated, Path(adam_id): Path<String>) -> Result<StatusCode> {
    app.store.write(app.now(), move |tx| codes::remove(tx, &actor, &adam_id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
