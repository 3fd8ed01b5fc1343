//! Apps and Books: locations brought, taken over and removed, what they own and who has it.

mod bring;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Form, SaidQuery, said, shell};
use crate::app::App;
use crate::clock::Zone;
use crate::error::{Error, Result};
use crate::http::api::input::Query;
use crate::http::api::list::Page;
use crate::http::auth::{Gate, SignedIn};
use crate::http::content_tokens::take_over;
use crate::http::pages::parts::{State as Mark, encode};
use crate::http::pages::system::licences::{
    AllView, CodesRow, HolderRow, HoldersView, LocationRow, LocationView, OwnedRow, PersonRow, all, ask_remove, holders, location,
};
use crate::language;
use crate::mdm::connections::{Service, plain};
use crate::mdm::licences::ledger::{self, Held};
use crate::mdm::licences::tokens::{self, Standing};
use crate::mdm::licences::{self, Asset, Holder, Licence, Seats, codes, errands, facts, invitations};
use crate::mdm::settings::zone;
use crate::mdm::{Actor, Right};
use crate::store::content_tokens::TokenState;
use crate::store::licences::users::{User, UserState};
use crate::store::licences::{HolderKind, LineFilter, LineKey};
use crate::store::{Tx, apps};

/// Licences on one page.
const PAGE: u32 = 100;

/// How near a token's end has to be to say so.
const SOON: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3600);

/// Where all of this is.
pub(super) const ADDRESS: &str = "/system/apps-and-books";

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/system/apps-and-books", get(show).post(bring::token))
        .route("/system/apps-and-books/codes", post(bring::sheet))
        .route("/system/apps-and-books/take-back", post(take_back))
        .route("/system/apps-and-books/ask-again", post(ask_again))
        .route("/system/apps-and-books/apps/{adam_id}", get(one_app))
        .route("/system/apps-and-books/icons/{adam_id}", get(icon))
        .route("/system/apps-and-books/{id}", get(one))
        .route("/system/apps-and-books/{id}/claim", post(claim))
        .route("/system/apps-and-books/{id}/sync", post(sync))
        .route("/system/apps-and-books/{id}/invite", post(invite))
        .route("/system/apps-and-books/{id}/remove", get(ask).post(remove))
}

/// How the locations are together, for the page of the system: the worst of them.
pub(super) fn part(tx: &Tx, actor: &Actor) -> Result<(Mark, String)> {
    let zone = zone(tx)?;
    let rows: Vec<_> =
        tokens::list(tx, actor)?.into_iter().filter(|standing| !standing.token.practice).map(|one| row(tx, &zone, one)).collect();
    let worst = rows.iter().find(|row| row.state == Mark::Problem).or_else(|| rows.iter().find(|row| row.state != Mark::Ok));
    Ok(match worst.or(rows.first()) {
        None => (Mark::Ok, String::from(t!("no content token of your own: apps of the store need one"))),
        Some(row) if rows.len() == 1 || row.state != Mark::Ok => (row.state, format!("{}: {}", row.name, row.words)),
        Some(_) => (Mark::Ok, t!("{rows} locations, all well", rows = rows.len())),
    })
}

fn row(tx: &Tx, zone: &Zone, standing: Standing) -> LocationRow {
    let Standing { token, owned, in_use, .. } = standing;
    let left = token.expires_at.since(tx.now);
    let name = token.name().to_owned();
    let (state, words) = match token.state {
        TokenState::Taken => (Mark::Problem, t!("“{other_server}” took it over", other_server = token.other_server)),
        TokenState::Refused => (Mark::Problem, language::kept(&token.problem)),
        TokenState::Ready if left.is_zero() => {
            (Mark::Problem, t!("its token ended on {day}", day = language::date(zone.day(token.expires_at))))
        }
        TokenState::Ready if token.failures > 0 => (Mark::Waiting, plain(Service::AppsAndBooks, &token.problem)),
        TokenState::Ready if left < SOON => {
            (Mark::Waiting, t!("its token ends on {day}", day = language::date(zone.day(token.expires_at))))
        }
        TokenState::Ready if token.synced_at.is_none() => (Mark::Waiting, String::from(t!("Apple's book is being read"))),
        TokenState::Ready => (Mark::Ok, t!("good until {day}", day = language::date(zone.day(token.expires_at)))),
    };
    LocationRow {
        name,
        id: token.id,
        state,
        words,
        expires_at: token.expires_at,
        in_use,
        owned,
        synced_at: token.synced_at,
        practice: token.practice,
    }
}

fn owned(tx: &Tx, asset: Asset) -> Result<OwnedRow> {
    let Seats { owned, in_use, reserved, free, short, .. } = asset.seats;
    let name = if asset.name.is_empty() { asset.adam_id.clone() } else { asset.name };
    Ok(OwnedRow {
        app_id: apps::by_adam_id(tx, &asset.adam_id)?.map(|app| app.id),
        adam_id: asset.adam_id,
        name,
        platforms: platform_words(&asset.platforms),
        owned,
        in_use,
        reserved,
        free,
        short,
        practice: asset.practice,
    })
}

/// What an app runs on, in words.
fn platform_words(platforms: &[String]) -> String {
    let words = platforms.iter().filter_map(|platform| match platform.as_str() {
        "ios" => Some(t!("iPhone and iPad")),
        "macos" => Some(t!("Mac")),
        "tvos" => Some(t!("Apple TV")),
        "visionos" => Some(t!("Vision Pro")),
        _ => None,
    });
    words.collect::<Vec<_>>().join(", ")
}

/// What the page of all locations shows.
async fn view(app: &App, who: &SignedIn) -> Result<AllView> {
    let actor = who.actor.clone();
    let look = move |tx: &Tx| {
        let codes = codes::list(tx, &actor)?.into_iter().map(|(count, name)| CodesRow {
            name: if name.is_empty() { count.adam_id.clone() } else { name },
            adam_id: count.adam_id,
            left: count.left,
            imported: count.imported,
        });
        let zone = zone(tx)?;
        Ok(AllView {
            codes: codes.collect(),
            locations: tokens::list(tx, &actor)?.into_iter().map(|standing| row(tx, &zone, standing)).collect(),
            owned: licences::offered(tx)?.into_iter().map(|asset| owned(tx, asset)).collect::<Result<_>>()?,
            token_error: None,
            asks_older: false,
            sheet_error: None,
            may_change: actor.may(Right::Configure),
        })
    };
    app.store.read_slow(app.now(), look).await
}

async fn show(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<SaidQuery>) -> Result<Response> {
    who.actor.require(Right::View)?;
    let flash = query.flash(&gate, &who);
    Ok(all(&shell(&app, &who, flash).await?, &view(&app, &who).await?).into_response())
}

fn person(known: invitations::Known) -> PersonRow {
    let user = known.user;
    let (state, words) = user_words(&user);
    PersonRow {
        name: if known.name.is_empty() { String::from(t!("Somebody who is not here any more")) } else { known.name },
        id: user.person_id,
        state,
        words,
        link: known.link.map(|link| link.expose().clone()),
        invited_at: user.invited_at,
    }
}

/// How a person stands in a location, with its mark.
pub(super) fn user_words(user: &User) -> (Mark, String) {
    match user.state {
        UserState::New | UserState::Asked => (Mark::Waiting, String::from(t!("Apple is being told"))),
        UserState::Registered => (Mark::Waiting, String::from(t!("has not accepted the invitation"))),
        UserState::Associated => (Mark::Ok, String::from(t!("ready"))),
        UserState::Retiring => (Mark::Waiting, String::from(t!("is being retired"))),
        UserState::Retired => (Mark::Silent, String::from(t!("retired"))),
        UserState::Failed => (Mark::Problem, user.problem.clone()),
    }
}

async fn one(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(id): Path<String>,
    Query(query): Query<SaidQuery>,
) -> Result<Response> {
    let actor = who.actor.clone();
    let look = move |tx: &Tx| {
        let standing = tokens::find(tx, &actor, &id)?;
        let token = standing.token.clone();
        Ok(LocationView {
            row: row(tx, &zone(tx)?, standing),
            organisation: token.organisation,
            country: token.country,
            other_server: if token.state == TokenState::Taken { token.other_server } else { String::new() },
            people: invitations::list(tx, &actor, &id)?.into_iter().map(person).collect(),
            may_change: actor.may(Right::Configure),
        })
    };
    let view = app.store.read_slow(app.now(), look).await?;
    let flash = query.flash(&gate, &who);
    Ok(location(&shell(&app, &who, flash).await?, &view).into_response())
}

fn holder(held: Held) -> HolderRow {
    let line = held.line;
    let (state, words, may_ask) = match held.licence {
        Licence::Held | Licence::None => (Mark::Ok, String::from(t!("held")), false),
        Licence::Waiting { because } => (Mark::Waiting, because, false),
        Licence::Short { because, .. } => (Mark::Problem, because, false),
        Licence::Failed { because, .. } => (Mark::Problem, because, true),
    };
    let (field, place) = match line.holder_kind {
        HolderKind::Device => ("serial_number", "devices"),
        HolderKind::Person => ("person_id", "people"),
    };
    HolderRow {
        name: if line.name.is_empty() { line.holder.clone() } else { line.name },
        href: line.here_id.map(|id| format!("/{place}/{id}")),
        holder: (field.to_owned(), line.holder),
        state,
        words,
        ours: held.ours,
        may_ask,
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HoldersQuery {
    after: Option<String>,
    said: String,
}

async fn one_app(
    State(app): State<App>,
    gate: Gate,
    who: SignedIn,
    Path(adam_id): Path<String>,
    Query(query): Query<HoldersQuery>,
) -> Result<Response> {
    let page = Page::<LineKey>::parse(Some(PAGE), query.after.as_deref())?;
    let actor = who.actor.clone();
    let look = move |tx: &Tx| {
        let filter = LineFilter { adam_id: Some(adam_id.clone()), ..LineFilter::default() };
        let (rows, total) = ledger::lines(tx, &actor, &filter, page.after.as_ref(), page.fetch())?;
        let asset = licences::offered(tx)?.into_iter().find(|asset| asset.adam_id == adam_id);
        if asset.is_none() && rows.is_empty() {
            return Err(Error::not_found(t!("No location owns such an app, and nobody is to have it.")));
        }
        let answer = page.answer(rows, total, ledger::key, holder);
        let facts = facts::of(tx, &adam_id)?;
        let nothing = OwnedRow {
            name: adam_id.clone(),
            adam_id: adam_id.clone(),
            platforms: String::new(),
            app_id: apps::by_adam_id(tx, &adam_id)?.map(|app| app.id),
            owned: Some(0),
            in_use: 0,
            reserved: 0,
            free: Some(0),
            short: total as u32,
            practice: false,
        };
        Ok(HoldersView {
            app: asset.map_or(Ok(nothing), |asset| owned(tx, asset))?,
            maker: facts.maker,
            version: facts.version,
            has_icon: facts::icon(tx, &adam_id)?.is_some(),
            next: answer.next.map(|next| format!("{ADDRESS}/apps/{adam_id}?after={}", encode(&next))),
            holders: answer.items,
            total,
            may_change: actor.may(Right::Configure),
        })
    };
    let view = app.store.read_slow(app.now(), look).await?;
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    Ok(holders(&shell(&app, &who, flash).await?, &view).into_response())
}

async fn icon(State(app): State<App>, who: SignedIn, Path(adam_id): Path<String>) -> Result<Response> {
    who.actor.require(Right::View)?;
    let icon = app.store.read(app.now(), |tx| facts::icon(tx, &adam_id)).await?;
    let (icon, kind) = icon.ok_or_else(|| Error::not_found(t!("There is no icon of this app yet.")))?;
    Ok(([(CONTENT_TYPE, kind), (CACHE_CONTROL, "private, max-age=86400")], icon).into_response())
}

async fn claim(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    take_over(&app, &who.actor, &id).await?;
    Ok(said(&app, &gate, &who, &format!("{ADDRESS}/{id}"), t!("The location is yours. Apple's book is being read.")))
}

async fn sync(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let wanted = id.clone();
    app.store.write(app.now(), move |tx| errands::hurry(tx, &wanted)).await?;
    Ok(said(&app, &gate, &who, &format!("{ADDRESS}/{id}"), t!("Apple's book is being read.")))
}

#[derive(Deserialize)]
struct Invitee {
    person: String,
}

async fn invite(State(app): State<App>, gate: Gate, who: SignedIn, Path(id): Path<String>, Form(form): Form<Invitee>) -> Result<Response> {
    let (actor, token) = (who.actor.clone(), id.clone());
    app.store.write(app.now(), move |tx| invitations::send_again(tx, &actor, &token, &form.person)).await?;
    Ok(said(&app, &gate, &who, &format!("{ADDRESS}/{id}"), t!("The invitation is on its way to their devices.")))
}

async fn ask(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let actor = who.actor.clone();
    let (token, ending) = app.store.read_slow(app.now(), move |tx| tokens::ending(tx, &actor, &id)).await?;
    Ok(ask_remove(&shell(&app, &who, None).await?, &token.id, &token.location, ending.licences, ending.wanted).into_response())
}

async fn remove(State(app): State<App>, who: SignedIn, Path(id): Path<String>) -> Result<Response> {
    app.store.write(app.now(), move |tx| tokens::remove(tx, &who.actor, &id)).await?;
    Ok(Redirect::to(ADDRESS).into_response())
}

/// A licence that a button is about.
#[derive(Deserialize)]
struct Named {
    adam_id: String,
    serial_number: Option<String>,
    person_id: Option<String>,
}

impl Named {
    fn holder(&self) -> Holder {
        match (&self.serial_number, &self.person_id) {
            (Some(serial_number), _) => Holder::Device { serial_number: serial_number.clone() },
            (None, person_id) => Holder::Person { person_id: person_id.clone().unwrap_or_default() },
        }
    }
}

async fn take_back(State(app): State<App>, gate: Gate, who: SignedIn, Form(named): Form<Named>) -> Result<Response> {
    let back = format!("{ADDRESS}/apps/{}", encode(&named.adam_id));
    let actor = who.actor.clone();
    app.store.write(app.now(), move |tx| ledger::take_back(tx, &actor, &named.adam_id, &named.holder())).await?;
    Ok(said(&app, &gate, &who, &back, t!("Apple is asked to take the licence back.")))
}

async fn ask_again(State(app): State<App>, gate: Gate, who: SignedIn, Form(named): Form<Named>) -> Result<Response> {
    let back = format!("{ADDRESS}/apps/{}", encode(&named.adam_id));
    let actor = who.actor.clone();
    app.store.write(app.now(), move |tx| ledger::ask_again(tx, &actor, &named.adam_id, &named.holder())).await?;
    Ok(said(&app, &gate, &who, &back, t!("Apple is asked once more.")))
}
