//! Copies of offline edits by page: listed, saved, and removed to make room.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde::Deserialize;

use super::super::groups::{cursor, paged};
use super::super::{Form, errors, said, shell};
use super::{AccessQuery, PAGE};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::api::list::{Page, encode};
use crate::http::api::{copies_archive, copy_download};
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::access::copies::{CopiesPage, CopyRow, KeeperRow, copies as page, free as ask};
use crate::http::pages::parts::{Address, count};
use crate::mdm::Right;
use crate::mdm::access;
use crate::mdm::access::copies::{self, COPIES_MAX, COPIES_MAX_BYTES, COPY_MAX_BYTES};
use crate::store::Tx;
use crate::store::offline_copies::{Copy, Keeper, Kept};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/apps/{id}/access/copies", get(list))
        .route("/apps/{id}/access/copies.zip", get(all))
        .route("/apps/{id}/access/copies/free", get(ask_free).post(free))
        .route("/apps/{id}/access/copies/{copy}", get(one))
}

async fn list(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<AccessQuery>,
) -> Result<Response> {
    let flash = super::SaidQuery::of(&query.said).flash(&gate, &who);
    let actor = who.actor.clone();
    let looked = app.store.read_slow(app.now(), move |tx| {
        let found = access::show(tx, &actor, &id)?;
        let after = cursor(&query.after).and_then(|(at, id)| Some((Timestamp::from_millis(at.parse().ok()?), id)));
        let (mut rows, total, _) = copies::list(tx, &actor, &id, after.as_ref().map(|(at, id)| (*at, id.as_str())), PAGE + 1)?;
        let address = Address::new(format!("/apps/{id}/access/copies"));
        let next = paged(&mut rows, &address, PAGE, |copy| (copy.created_at.millis().to_string(), copy.id.clone()));
        Ok(CopiesPage {
            rows: rows.into_iter().map(copy_row).collect(),
            total,
            next,
            may_read: actor.may(Right::Configure),
            archives: copies::archives(tx, &actor, &id)?.iter().map(encode).collect(),
            keepers: copies::keepers(tx, &actor, &id)?.into_iter().map(keeper_row).collect(),
            may_free: actor.may(Right::Destroy),
            app_id: id,
            app: found.app.name,
        })
    });
    Ok(page(&shell(&app, &who, flash).await?, &looked.await?).into_response())
}

fn copy_row(copy: Copy) -> CopyRow {
    CopyRow {
        id: copy.id,
        document: copy.document,
        version: copy.version,
        whose: copy.whose,
        size_bytes: copy.size_bytes,
        after_refusal: copy.after_refusal,
        created_at: copy.created_at,
        keep_until: copy.keep_until,
    }
}

fn keeper_row(kept: Kept) -> KeeperRow {
    let (kind, id) = match kept.keeper {
        Keeper::Device(id) => ("device", id),
        Keeper::Person(id) => ("person", id),
    };
    // What has no room for a copy of the largest size refuses some already.
    let is_full = kept.count >= COPIES_MAX || kept.bytes + COPY_MAX_BYTES as u64 > COPIES_MAX_BYTES;
    KeeperRow { kind, id, whose: kept.whose, count: kept.count, bytes: kept.bytes, is_full }
}

async fn one(State(app): State<App>, who: SignedIn, Path((id, copy)): Path<(String, String)>) -> Result<Response> {
    let (copy, content) = app.store.write(app.now(), move |tx| copies::read(tx, &who.actor, &id, &copy)).await?;
    Ok(copy_download(&copy, &content))
}

async fn all(State(app): State<App>, who: SignedIn, Path(id): Path<String>, Query(query): Query<AccessQuery>) -> Result<Response> {
    let after = Some(query.after.as_str()).filter(|after| !after.is_empty());
    let part = Page::<(Timestamp, String)>::parse(None, after)?;
    copies_archive(&app, who.actor, id, part.after).await
}

/// Whose copies are to be removed, and what was typed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FreeForm {
    device: String,
    person: String,
    typed: String,
}

impl FreeForm {
    fn keeper(&self) -> Result<Keeper> {
        match (self.device.as_str(), self.person.as_str()) {
            ("", "") => Err(Error::not_found(t!("Open the list of copies, and choose there whose are to be removed."))),
            ("", person) => Ok(Keeper::Person(person.to_owned())),
            (device, _) => Ok(Keeper::Device(device.to_owned())),
        }
    }
}

/// The app's name, and what is to be removed.
fn looked(tx: &Tx, who: &SignedIn, id: &str, form: &FreeForm) -> Result<(String, KeeperRow)> {
    who.actor.require(Right::Destroy)?;
    let name = access::show(tx, &who.actor, id)?.app.name;
    Ok((name, keeper_row(copies::kept(tx, &who.actor, id, form.keeper()?)?)))
}

async fn ask_free(State(app): State<App>, who: SignedIn, Path(id): Path<String>, Query(form): Query<FreeForm>) -> Result<Response> {
    let (name, keeper) = app.store.read(app.now(), |tx| looked(tx, &who, &id, &form)).await?;
    Ok(ask(&shell(&app, &who, None).await?, &id, &name, &keeper, None).into_response())
}

async fn free(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>, Form(form): Form<FreeForm>) -> Result<Response> {
    let (actor, target, keeper) = (who.actor.clone(), id.clone(), form.keeper()?);
    // What is no number is none that there are.
    let confirmed = form.typed.trim().parse().unwrap_or(0);
    match app.store.write(app.now(), move |tx| copies::free(tx, &actor, &target, keeper, confirmed)).await {
        Ok(removed) => {
            let words = t!("{copies} removed.", copies = count(removed, t!("copy"), t!("copies")));
            Ok(said(&app, &gate, &who, &format!("/apps/{id}/access/copies"), &words))
        }
        Err(error) if error.kind == Kind::BadInput => {
            let words = errors(&error).into_iter().next().map(|(_, words)| words).unwrap_or_default();
            let (name, keeper) = app.store.read(app.now(), |tx| looked(tx, &who, &id, &form)).await?;
            let page = ask(&shell(&app, &who, None).await?, &id, &name, &keeper, Some((&form.typed, &words)));
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error),
    }
}
