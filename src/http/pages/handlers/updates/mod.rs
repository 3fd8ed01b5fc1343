//! Updates: the list of releases by model, plans from form to last device, and what is started by hand.

mod device;
mod edit;
mod one;
mod read;
mod sheet;
mod view;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

pub(super) use device::tab;

use super::{SaidQuery, shell};
use crate::app::App;
use crate::clock::Day;
use crate::error::Result;
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::parts::{Address, Band, Segment, Share, Streams};
use crate::http::pages::updates::by_hand::{ByHandView, by_hand};
use crate::http::pages::updates::plans::{PlanRow, PlansView, list};
use crate::http::pages::updates::{OverviewView, overview};
use crate::mdm::updates::{lookup, matrix, plans, progress};
use crate::mdm::{Actor, Right};
use crate::protocol::os_version::OsVersion;
use crate::store::Tx;
use crate::store::census::CensusRow;

/// Devices on one page.
const PAGE: u32 = 50;

/// Days of the census that are drawn.
const CENSUS_SHOWN: i32 = 90;

/// Versions with a band of their own; the others are one.
const VERSIONS_DRAWN: usize = crate::http::pages::parts::streams::BANDS_MAX - 1;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/updates", get(show))
        .route("/updates/by-hand", get(hand))
        .route("/updates/plans", get(all))
        .route("/updates/plans/new", get(edit::blank).post(edit::create))
        .route("/updates/plans/{id}", get(one::show))
        .route("/updates/plans/{id}/edit", get(edit::show).post(edit::update))
        .route("/updates/plans/{id}/stop", get(one::ask_stop).post(one::stop))
        .route("/updates/plans/{id}/go-on", post(one::go_on))
        .route("/updates/plans/{id}/delete", get(one::ask_delete).post(one::delete))
        .route("/updates/plans/{id}/devices.csv", get(sheet::save))
        .route("/updates/plans/{id}/except/{device_id}", get(one::ask_except).post(one::except))
        .route("/updates/plans/{id}/except/{device_id}/end", post(one::except_no_more))
        .route("/devices/{id}/updates", get(device::show).post(device::start))
        .route("/devices/{id}/updates/take-back", post(device::take_back))
        .route("/devices/{id}/updates/again", post(device::again))
}

async fn show(State(app): State<App>, who: SignedIn) -> Result<Response> {
    let actor = who.actor.clone();
    let work = move |tx: &Tx| {
        let census = progress::versions(tx, &actor, Day::of(tx.now).plus(-CENSUS_SHOWN))?;
        let list = lookup::state(tx, &actor)?;
        Ok(OverviewView {
            known_at: list.fetched_at,
            problem: if list.is_stale(tx.now) { list.problem } else { String::new() },
            sections: matrix::matrix(tx, &actor)?,
            streams: streams(&census),
            may_change: actor.may(Right::Configure),
        })
    };
    let view = app.store.read_slow(app.now(), work).await?;
    Ok(overview(&shell(&app, &who, None).await?, &view).into_response())
}

/// What devices ran day by day, by platform.
fn streams(census: &[CensusRow]) -> Vec<(String, Streams)> {
    let mut platforms: BTreeMap<&str, Vec<&CensusRow>> = BTreeMap::new();
    for row in census {
        platforms.entry(&row.platform).or_default().push(row);
    }
    platforms.into_iter().map(|(platform, rows)| (family(platform).to_owned(), stream(platform, &rows))).collect()
}

fn stream(platform: &str, rows: &[&CensusRow]) -> Streams {
    let days: Vec<&str> = rows.iter().map(|row| row.day.as_str()).collect::<BTreeSet<_>>().into_iter().collect();
    let mut versions: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for row in rows {
        let counts = versions.entry(&row.version).or_insert_with(|| vec![0; days.len()]);
        if let Ok(day) = days.binary_search(&row.day.as_str()) {
            counts[day] += u64::from(row.devices);
        }
    }
    let mut versions: Vec<_> = versions.into_iter().collect();
    versions.sort_by_key(|(_, counts)| std::cmp::Reverse((counts.last().copied().unwrap_or_default(), counts.iter().sum::<u64>())));
    let others = versions.split_off(versions.len().min(VERSIONS_DRAWN));
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(OsVersion::parse(version)));
    let band = |(version, counts): (&str, Vec<u64>)| Band {
        name: version.to_owned(),
        href: Some(Address::new("/devices").with("platform", platform).with("version", &format!("{version} (*)")).to_string()),
        counts,
    };
    let mut bands: Vec<_> = versions.into_iter().map(band).collect();
    if !others.is_empty() {
        let counts = (0..days.len()).map(|day| others.iter().map(|(_, counts)| counts[day]).sum()).collect();
        bands.push(Band { name: String::from(t!("others")), href: None, counts });
    }
    let words = |day: &str| Day::parse(day).map_or_else(|| day.to_owned(), Day::words);
    Streams { title: t!("Versions on {platform}", platform = family(platform)), days: days.into_iter().map(words).collect(), bands }
}

fn family(platform: &str) -> &str {
    match platform {
        "ios" => t!("iPhone and iPad"),
        "macos" => t!("Mac"),
        "tvos" => t!("Apple TV"),
        "visionos" => t!("Apple Vision Pro"),
        "watchos" => t!("Apple Watch"),
        other => other,
    }
}

/// The plans by which devices get an update now.
pub(super) fn running(tx: &Tx, actor: &Actor) -> Result<Vec<PlanRow>> {
    let mut rows = plans::list(tx, actor)?.iter().map(|read| view::row(tx, read)).collect::<Result<Vec<_>>>()?;
    rows.retain(|row| row.stopped.is_none() && row.segments.iter().any(moves));
    Ok(rows)
}

/// How far devices are with updates that were started by hand, while one of them gets one; nothing else.
pub(super) fn running_by_hand(tx: &Tx) -> Result<Vec<Segment>> {
    let segments = view::segments("", &progress::by_hand(tx)?, None);
    Ok(if segments.iter().any(moves) { segments } else { Vec::new() })
}

fn moves(segment: &Segment) -> bool {
    matches!(segment.share, Share::Installing | Share::Waiting) && segment.count > 0
}

async fn all(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<SaidQuery>) -> Result<Response> {
    let actor = who.actor.clone();
    let work = move |tx: &Tx| {
        let rows = plans::list(tx, &actor)?.iter().map(|read| view::row(tx, read)).collect::<Result<_>>()?;
        Ok(PlansView { rows, may_change: actor.may(Right::Configure) })
    };
    let view = app.store.read_slow(app.now(), work).await?;
    Ok(list(&shell(&app, &who, query.flash(&gate, &who)).await?, &view).into_response())
}

async fn hand(State(app): State<App>, who: SignedIn, Query(query): Query<view::MembersQuery>) -> Result<Response> {
    let actor = who.actor.clone();
    let view = app.store.read_slow(app.now(), move |tx| started_by_hand(tx, &actor, &query)).await?;
    Ok(by_hand(&shell(&app, &who, None).await?, &view).into_response())
}

fn started_by_hand(tx: &Tx, actor: &Actor, query: &view::MembersQuery) -> Result<ByHandView> {
    let counts = progress::by_hand(tx)?;
    let listed = view::members(tx, actor, "", &[], (&counts, &[]), query)?;
    Ok(ByHandView { rows: listed.rows, total: listed.total, next: listed.next, filter: listed.filter })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_beyond_the_bands_are_one_and_the_newest_lies_at_the_foot() {
        let row =
            |day: &str, version: &str, devices| CensusRow { day: day.into(), platform: "ios".into(), version: version.into(), devices };
        let mut rows: Vec<_> = (10..18).map(|major| row("2026-11-01", &format!("{major}.1"), major)).collect();
        rows.push(row("2026-11-02", "26.1", 90));
        let (family, streams) = streams(&rows).remove(0);
        let names: Vec<_> = streams.bands.iter().map(|band| band.name.as_str()).collect();
        assert_eq!((family.as_str(), streams.days.len()), ("iPhone and iPad", 2));
        assert_eq!(names, ["26.1", "17.1", "16.1", "15.1", "14.1", "others"]);
        assert_eq!((streams.bands[0].counts.as_slice(), streams.bands[5].counts.as_slice()), ([0, 90].as_slice(), [46, 0].as_slice()));
        assert_eq!(streams.bands[0].href.as_deref(), Some("/devices?platform=ios&version=26.1%20%28%2A%29"));
    }
}
