//! The table of new devices, what many of them get, and the list as a sheet.

use std::collections::BTreeSet;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::super::{Form, SaidQuery, errors, said};
use super::{Offered, shell, typed};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::api::list::Page;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::ade::devices::{ADDRESS, AssignView, DeviceRow, DevicesFilter, DevicesView, assign, page};
use crate::http::pages::parts::{State as Mark, count, day_words};
use crate::language::say;
use crate::mdm::ade::devices::{self, Say, WISH_MAX, Wish};
use crate::mdm::practice::cart;
use crate::mdm::{Actor, Right};
use crate::store::ade_devices::{AssignResult, Filter, Listed, Show};
use crate::store::{Tx, ade_devices, ade_servers};

/// Devices on one page.
const PAGE: u32 = 50;

/// The page of practice devices.
const PRACTICE: &str = "/system/practice";

/// Rows of one sheet.
const ROWS_MAX: usize = 20_000;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/new-devices", get(list))
        .route("/new-devices.csv", get(sheet))
        .route("/new-devices/assign", post(give).get(async || Redirect::to(ADDRESS)))
        .route("/new-devices/switch-on", post(switch_on).get(async || Redirect::to(ADDRESS)))
}

/// The filters of the table, as in its address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct DevicesQuery {
    server: String,
    show: String,
    search: String,
    after: String,
    said: String,
}

fn filter(server: &str, show: &str, search: &str) -> Filter {
    Filter {
        server_id: Some(server.to_owned()).filter(|server| !server.is_empty()),
        show: show.parse().unwrap_or(Show::All),
        search: search.to_owned(),
    }
}

type Key = (String, String);

fn key(listed: &Listed) -> Key {
    (listed.device.serial_number.clone(), listed.device.server_id.clone())
}

async fn list(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<DevicesQuery>) -> Result<Response> {
    let flash = SaidQuery::of(&query.said).flash(&gate, &who);
    let after = Some(query.after.as_str()).filter(|after| !after.is_empty());
    let page_of = Page::<Key>::parse(Some(PAGE), after)?;
    let wanted = filter(&query.server, &query.show, &query.search);
    let (actor, show) = (who.actor.clone(), wanted.show);
    let look = move |tx: &Tx| {
        let after = page_of.after.as_ref().map(|(serial, server)| (serial.as_str(), server.as_str()));
        let (rows, total) = devices::list(tx, &actor, &wanted, after, page_of.fetch())?;
        let servers = ade_servers::all(tx)?;
        let practice: Vec<_> = servers.iter().filter(|server| server.practice).map(|server| server.id.clone()).collect();
        let on = cart::switched_on(tx)?;
        let answer = page_of.answer(rows, total, key, |listed| row(&listed, practice.contains(&listed.device.server_id).then_some(&on)));
        let boxed = if actor.may(Right::Invite) { cart::still_boxed(tx)? } else { 0 };
        Ok((answer, servers.into_iter().map(|server| (server.id, server.name)).collect::<Vec<_>>(), boxed))
    };
    let (answer, servers, boxed) = app.store.read_slow(app.now(), look).await?;
    let filter = DevicesFilter { server: query.server, show, search: query.search, after: query.after };
    let view = DevicesView {
        rows: answer.items,
        total: answer.total,
        next: answer.next.map(|next| filter.address().without("after").with("after", &next).to_string()),
        filter,
        servers,
        may_change: who.actor.may(Right::Configure),
        boxed,
    };
    Ok(page(&shell(&app, &who, flash).await?, &view).into_response())
}

fn row(listed: &Listed, on: Option<&BTreeSet<String>>) -> DeviceRow {
    let device = &listed.device;
    let (state, words) = standing(listed, on);
    let model = if device.model.is_empty() { device.device_family.as_str() } else { device.model.as_str() };
    let color = device.color.to_lowercase();
    let whose = [&listed.person, &listed.class, &listed.group].into_iter().flatten().cloned().collect::<Vec<_>>().join(", ");
    DeviceRow {
        serial: device.serial_number.clone(),
        model: if color.is_empty() { model.to_owned() } else { format!("{model}, {color}") },
        state,
        words,
        profile: listed.profile.clone().unwrap_or_default(),
        whose,
        server: listed.server.clone(),
        practice: on.is_some(),
    }
}

/// How a device is, in words; `on` are the practice iPads that were switched on, where it is one of the practice cart.
pub(super) fn standing(listed: &Listed, on: Option<&BTreeSet<String>>) -> (Mark, String) {
    let device = &listed.device;
    let has = matches!(device.profile_status.as_str(), "assigned" | "pushed");
    match (device.gone_at.is_some(), listed.device_id.is_some(), device.result) {
        (true, _, _) => (Mark::Silent, String::from(t!("not yours any more"))),
        (_, _, AssignResult::NotAccessible) => (Mark::Problem, String::from(t!("Apple says that it is not on this server any more"))),
        (_, _, AssignResult::Failed) => (Mark::Problem, String::from(t!("Apple could not assign its profile; it is tried again"))),
        _ if !listed.profile_problem.is_empty() => {
            let which = if has { t!("Apple does not have the new version of its profile") } else { t!("Apple does not have its profile") };
            (Mark::Problem, format!("{which}: {}", listed.profile_problem.trim_end_matches('.')))
        }
        (_, _, AssignResult::Throttled) => (Mark::Waiting, String::from(t!("Apple wants to wait before it takes a profile"))),
        (_, true, _) if device.migrated_at.is_some() => (Mark::Ok, String::from(t!("enrolled; came from another server, was not erased"))),
        (_, true, _) => (Mark::Ok, String::from(t!("enrolled"))),
        _ if device.profile_id.is_none() && !has => (Mark::Problem, String::from(t!("has no profile: it would not come here"))),
        _ if !has => (Mark::Waiting, String::from(t!("its profile is on the way to Apple"))),
        _ if device.migrates_by_at.is_some() => {
            let by = device.migrates_by_at.map(day_words).unwrap_or_default();
            (Mark::Waiting, t!("in use at another server; moves here by {by}, without being erased", by))
        }
        _ => match on.map(|on| on.contains(&device.serial_number)) {
            Some(true) => (Mark::Waiting, String::from(t!("switched on: it is in Setup Assistant"))),
            Some(false) => (Mark::Waiting, String::from(t!("boxed: switch it on"))),
            None => (Mark::Waiting, String::from(t!("ready to be unpacked"))),
        },
    }
}

/// The serial numbers that a form of the table is about: the chosen ones, or all that match.
fn chosen(tx: &Tx, actor: &Actor, pairs: &[(String, String)]) -> Result<Vec<String>> {
    if typed(pairs, "all") != "1" {
        return Ok(pairs.iter().filter(|(name, _)| name == "device").map(|(_, serial)| serial.clone()).collect());
    }
    let wanted = filter(&typed(pairs, "server"), &typed(pairs, "show"), &typed(pairs, "search"));
    let (rows, total) = devices::list(tx, actor, &wanted, None, WISH_MAX as u32)?;
    if total > WISH_MAX as u64 {
        return Err(Error::bad_input(t!(
            "These are {total} devices; {WISH_MAX} at a time can be changed. Narrow the list first.",
            total,
            WISH_MAX
        )));
    }
    Ok(rows.into_iter().map(|listed| listed.device.serial_number).collect())
}

/// What a choice of a form says: nothing, none, or an id.
fn said_of(pairs: &[(String, String)], name: &str) -> Say {
    match typed(pairs, name).as_str() {
        "" => Say::Keep,
        "-" => Say::Clear,
        id => Say::Set(id.to_owned()),
    }
}

async fn give(State(app): State<App>, gate: Gate, who: SignedIn, Form(pairs): Form<Vec<(String, String)>>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let (actor, asked) = (who.actor.clone(), pairs.clone());
    let looked = app.store.read_slow(app.now(), move |tx| {
        let serials = chosen(tx, &actor, &asked)?;
        let mut families = BTreeSet::new();
        for serial in &serials {
            families.extend(ade_devices::by_serial(tx, serial)?.map(|known| known.device.device_family));
        }
        Ok((serials, Offered::read(tx, &actor, &families, "")?))
    });
    let (serials, offered) = looked.await?;
    if serials.is_empty() {
        return Ok(said(&app, &gate, &who, ADDRESS, t!("Choose devices first.")));
    }
    let confirmed = typed(&pairs, "confirmed") == "1";
    let mut wrong = Vec::new();
    if confirmed {
        let wish = Wish {
            profile_id: said_of(&pairs, "profile_id"),
            class_id: said_of(&pairs, "class_id"),
            group_id: said_of(&pairs, "group_id"),
            ..Wish::default()
        };
        let (actor, named) = (who.actor.clone(), serials.clone());
        match app.store.write(app.now(), move |tx| devices::assign(tx, &actor, &named, &wish)).await {
            Ok(granted) => {
                let mut words = t!("Saved for {devices}.", devices = count(granted.devices as u64, t!("device"), t!("devices")));
                if granted.handed_out + granted.without > 0 {
                    words = t!(
                        "{words} Pupils who get one: {handed_out}; for whom there was none left: {without}.",
                        words,
                        handed_out = granted.handed_out,
                        without = granted.without
                    );
                }
                if let Some(doubt) = granted.doubt() {
                    words = format!("{words} {doubt}");
                }
                return Ok(said(&app, &gate, &who, ADDRESS, &words));
            }
            Err(error) if matches!(error.kind, Kind::BadInput | Kind::Conflict) => wrong = errors(&error),
            Err(error) => return Err(error),
        }
    }
    let status = if confirmed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let view = AssignView {
        hidden: serials.iter().map(|serial| (String::from("device"), serial.clone())).collect(),
        names: serials,
        profiles: offered.profiles,
        classes: offered.classes,
        groups: offered.groups,
        given: pairs,
        errors: wrong,
    };
    Ok((status, assign(&shell(&app, &who, None).await?, &view)).into_response())
}

/// Where a form of these pages leads back to: a page of ours, whatever was sent.
fn back(pairs: &[(String, String)]) -> String {
    let wanted = typed(pairs, "back");
    let is_ours = wanted == PRACTICE || wanted.strip_prefix(ADDRESS).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if is_ours { wanted } else { ADDRESS.to_owned() }
}

async fn switch_on(State(app): State<App>, gate: Gate, who: SignedIn, Form(pairs): Form<Vec<(String, String)>>) -> Result<Response> {
    who.actor.require(Right::Invite)?;
    let (actor, back) = (who.actor.clone(), back(&pairs));
    let switched = app.store.write(app.now(), move |tx| {
        if typed(&pairs, "which") == "all" {
            return cart::switch_on(tx, &actor, None);
        }
        let there: BTreeSet<_> = cart::boxed(tx)?.into_iter().map(|device| device.serial_number).collect();
        let chosen: Vec<_> = chosen(tx, &actor, &pairs)?.into_iter().filter(|serial| there.contains(serial)).collect();
        if chosen.is_empty() {
            return Err(Error::bad_input(t!("None of these is a boxed practice iPad. Real devices are switched on by hand.")));
        }
        cart::switch_on(tx, &actor, Some(&chosen))
    });
    let words = match switched.await {
        Ok(0) => String::from(t!("They are on already.")),
        Ok(many) => t!("Switched on: {ipads}. In a moment they are under Devices.", ipads = count(many as u64, t!("iPad"), t!("iPads"))),
        Err(error) if matches!(error.kind, Kind::BadInput | Kind::Conflict) => error.message.into_owned(),
        Err(error) => return Err(error),
    };
    Ok(said(&app, &gate, &who, &back, &words))
}

const HEAD: [&str; 10] = [
    msg!("Serial number"),
    msg!("Model"),
    msg!("Colour"),
    msg!("Tag"),
    msg!("Server token"),
    msg!("How it is"),
    msg!("Profile"),
    msg!("Person"),
    msg!("Class"),
    msg!("Group"),
];

async fn sheet(State(app): State<App>, who: SignedIn, Query(query): Query<DevicesQuery>) -> Result<Response> {
    let (actor, wanted) = (who.actor.clone(), filter(&query.server, &query.show, &query.search));
    let sheet = app.store.read_slow(app.now(), move |tx| written(tx, &actor, &wanted)).await?;
    let headers = [(CONTENT_TYPE, "text/csv; charset=utf-8"), (CONTENT_DISPOSITION, "attachment; filename=\"new-devices.csv\"")];
    Ok((headers, sheet).into_response())
}

fn written(tx: &Tx, actor: &Actor, wanted: &Filter) -> Result<Vec<u8>> {
    let broken = |error: csv::Error| Error::internal("a sheet can be written to memory", error);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEAD.map(say)).map_err(broken)?;
    let practice: Vec<_> = ade_servers::all(tx)?.into_iter().filter(|server| server.practice).map(|server| server.id).collect();
    let (mut after, mut rows): (Option<Key>, usize) = (None, 0);
    while rows < ROWS_MAX {
        let from = after.as_ref().map(|(serial, server)| (serial.as_str(), server.as_str()));
        let (page, _) = devices::list(tx, actor, wanted, from, 500)?;
        let Some(last) = page.last() else { break };
        after = Some(key(last));
        rows += page.len();
        for listed in page.into_iter().filter(|listed| !practice.contains(&listed.device.server_id)) {
            writer.write_record(cells(listed).map(harmless)).map_err(broken)?;
        }
    }
    writer.into_inner().map_err(|error| Error::internal("a sheet can be written to memory", error.into_error()))
}

fn cells(listed: Listed) -> [String; 10] {
    let words = standing(&listed, None).1;
    let device = listed.device;
    let or_none = Option::unwrap_or_default;
    [
        device.serial_number,
        device.model,
        device.color,
        device.asset_tag,
        listed.server,
        words,
        or_none(listed.profile),
        or_none(listed.person),
        or_none(listed.class),
        or_none(listed.group),
    ]
}

/// A cell that no program takes for a formula.
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}
