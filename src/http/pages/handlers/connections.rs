//! The connections to Apple as their page shows them, and a test of each.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use super::{SaidQuery, said_at, shell};
use crate::app::App;
use crate::error::{Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::connections::test;
use crate::http::pages::parts::State as Mark;
use crate::http::pages::system::connections::{ADDRESS, ConnectionRow, ConnectionsView, page};
use crate::mdm::connections::{self, Connection, Service};
use crate::mdm::{Actor, Right};
use crate::store::Tx;

pub(super) fn routes() -> Router<App> {
    Router::new().route(ADDRESS, get(show)).route("/system/connections/{name}/test", post(try_now))
}

/// How they are together, for the overview.
pub(super) fn part(tx: &Tx, actor: &Actor) -> Result<(Mark, String)> {
    let rows: Vec<_> =
        connections::list(tx, actor)?.into_iter().filter(|connection| !connection.practice).map(|connection| row(&connection)).collect();
    let worst = rows.iter().find(|row| row.state == Mark::Problem).or_else(|| rows.iter().find(|row| row.state != Mark::Ok));
    Ok(worst.map_or_else(
        || (Mark::Ok, String::from(t!("all worked the last time"))),
        |row| (row.state, format!("{}: {}", row.title, row.words)),
    ))
}

/// What people call a connection.
fn title(connection: &Connection) -> String {
    let of = connection.of.as_str();
    match connection.service {
        Service::Push => String::from(t!("Push service")),
        Service::AppsAndBooks => t!("Apps and Books: {of}", of),
        Service::DeviceList => t!("Apple's device list: {of}", of),
        Service::Releases => String::from(t!("List of OS releases")),
    }
}

fn row(connection: &Connection) -> ConnectionRow {
    let (state, words) = match (&connection.failure, connection.worked_at) {
        (Some(failure), _) => (Mark::Problem, failure.what.clone()),
        (None, Some(_)) => (Mark::Ok, String::from(t!("works"))),
        (None, None) => (Mark::Waiting, String::from(t!("not tried yet"))),
    };
    let (remedy, said) = connection.failure.as_ref().map(|failure| (failure.remedy.clone(), failure.said.clone())).unwrap_or_default();
    ConnectionRow {
        name: connection.name.clone(),
        title: title(connection),
        practice: connection.practice,
        state,
        words,
        remedy,
        said,
        worked_at: connection.worked_at,
    }
}

async fn show(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<SaidQuery>) -> Result<Response> {
    let flash = query.flash(&gate, &who);
    let (actor, may_test) = (who.actor.clone(), who.actor.may(Right::Configure));
    let found = app.store.read_slow(app.now(), move |tx| connections::list(tx, &actor)).await?;
    let view = ConnectionsView { rows: found.iter().map(row).collect(), may_test };
    Ok(page(&shell(&app, &who, flash).await?, &view).into_response())
}

async fn try_now(State(app): State<App>, gate: Gate, who: SignedIn, Path(name): Path<String>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let (state, words) = match test(&app, &who.actor, &name).await {
        Ok(connection) => {
            let row = row(&connection);
            (row.state, format!("{}: {}.", row.title, row.words.trim_end_matches('.')))
        }
        Err(error) if error.kind == Kind::Conflict => (Mark::Problem, error.message.into_owned()),
        Err(error) => return Err(error),
    };
    Ok(said_at(&app, &gate, &who, ADDRESS, state, &words))
}
