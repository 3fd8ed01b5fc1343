//! Moving in from another server: how it stands, the authority and the profile that are brought, and for how long devices are taken in.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Form, SaidQuery, said, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::authorities::found;
use crate::http::api::input::Query;
use crate::http::api::moves::{hosts, is_served, served};
use crate::http::auth::{Gate, SignedIn};
use crate::http::error::TOO_LARGE_FOR_A_FORM;
use crate::http::pages::parts::{State as Mark, count};
use crate::http::pages::system::move_in::{ADDRESS, AuthorityRow, HostRow, LISTED, MoveInView, MovedRow, page};
use crate::http::trusted;
use crate::mdm::ca::{imported, roots};
use crate::mdm::moves::{self, profile};
use crate::mdm::{Actor, Right};
use crate::protocol::moves::profile as old;
use crate::store::Tx;
use crate::store::authorities::AuthorityState;
use crate::store::moves::{Line, MovedFrom};

/// Days for which devices are taken in.
const DAYS: u32 = 30;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/system/move-in", get(show))
        .route("/system/move-in/authority", post(authority))
        .route("/system/move-in/profile", post(learn))
        .route("/system/move-in/window", post(window))
}

/// How it is, for the list of System's parts.
pub(super) fn part(tx: &Tx, actor: &Actor) -> Result<(Mark, String)> {
    let standing = moves::standing(tx, actor)?;
    let (moved, waiting) = (standing.counts.moved.unsigned_abs(), standing.counts.waiting.unsigned_abs());
    Ok(match (moved, waiting) {
        (0, _) => (Mark::Ok, String::from(t!("no device came from another server"))),
        _ if !standing.topics_without_certificate.is_empty() => (Mark::Problem, String::from(t!("devices moved in that cannot be woken"))),
        (_, 0) => (Mark::Ok, t!("{devices} moved in, and all have come", devices = count(moved, t!("device"), t!("devices")))),
        _ => {
            (Mark::Waiting, t!("{devices} moved in, {waiting} not seen yet", devices = count(moved, t!("device"), t!("devices")), waiting))
        }
    })
}

async fn view(app: &App, who: &SignedIn) -> Result<MoveInView> {
    let actor = who.actor.clone();
    let look = move |tx: &Tx| {
        let authorities: Vec<_> =
            roots::list(tx, &actor)?.into_iter().filter(|standing| standing.authority.state == AuthorityState::Imported).collect();
        let keys: Vec<_> = imported::trusted(tx)?.into_iter().filter(|trusted| trusted.key.is_some()).map(|trusted| trusted.id).collect();
        Ok((moves::standing(tx, &actor)?, moves::list(tx, &actor, None, None, LISTED)?, authorities, keys, actor))
    };
    let (standing, lines, authorities, keys, actor) = app.store.read_slow(app.now(), look).await?;
    let host = |(host, devices): (String, i64)| HostRow {
        served: is_served(app, &host),
        is_public: served(app).is_public(&host),
        devices: devices.unsigned_abs(),
        host,
    };
    Ok(MoveInView {
        moved: standing.counts.moved.unsigned_abs(),
        waiting: standing.counts.waiting.unsigned_abs(),
        named: standing.counts.named.unsigned_abs(),
        authorities: authorities
            .into_iter()
            .map(|standing| AuthorityRow {
                has_key: keys.contains(&standing.authority.id),
                until: imported::until(&standing.authority),
                id: standing.authority.id,
                name: standing.name,
            })
            .collect(),
        hosts: standing.hosts.into_iter().map(host).collect(),
        public_host: app.public_host().to_owned(),
        mute: standing.topics_without_certificate.into_iter().map(|(topic, devices)| (topic, devices.unsigned_abs())).collect(),
        profiles: standing.profiles.into_iter().map(|profile| (profile.identifier, profile.server_url)).collect(),
        devices: lines.into_iter().map(row).collect(),
        command: String::from("rollcall"),
        error: None,
        may_configure: actor.may(Right::Configure),
        may_govern: actor.may(Right::Govern),
    })
}

fn row(line: Line) -> MovedRow {
    let names = [Some(line.name), line.serial_number, Some(line.nano_id)];
    MovedRow {
        name: names.into_iter().flatten().find(|name| !name.is_empty()).unwrap_or_default(),
        source: match line.moved.source {
            MovedFrom::Nano => t!("a tool"),
            MovedFrom::NanoMdm => "NanoMDM",
            MovedFrom::MicroMdm => "MicroMDM",
        },
        device_id: line.device_id,
        moved_at: line.moved.moved_at,
        bound_at: line.moved.bound_at,
        address: line.moved.address,
    }
}

async fn show(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<SaidQuery>) -> Result<Response> {
    let flash = query.flash(&gate, &who);
    Ok(page(&shell(&app, &who, flash).await?, &view(&app, &who).await?).into_response())
}

/// The page again with what was wrong; what is nobody's input fails as everywhere.
async fn failed(app: &App, who: &SignedIn, form: &'static str, error: Error) -> Result<Response> {
    if !matches!(error.kind, Kind::BadInput | Kind::Conflict) {
        return Err(error);
    }
    let mut words = error.fields.first().map_or_else(|| error.message.to_string(), |fault| fault.message.clone());
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let view = MoveInView { error: Some((form, format!("{}.", words.trim_end_matches('.')))), ..view(app, who).await? };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shell(app, who, None).await?, &view)).into_response())
}

/// The files of a form, and its passphrase.
async fn sent(mut parts: Multipart) -> Result<(Vec<Bytes>, Option<String>)> {
    let broken = |error: axum::extract::multipart::MultipartError| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::new(Kind::TooLarge, TOO_LARGE_FOR_A_FORM),
        _ => Error::bad_input(error.body_text()),
    };
    let (mut files, mut passphrase) = (Vec::new(), None);
    while let Some(field) = parts.next_field().await.map_err(broken)? {
        if field.name() == Some("passphrase") {
            passphrase = Some(field.text().await.map_err(broken)?).filter(|text| !text.is_empty());
        } else if matches!(field.name(), Some("files" | "profile")) {
            files.push(field.bytes().await.map_err(broken)?);
        }
    }
    files.retain(|file| !file.is_empty());
    Ok((files, passphrase))
}

async fn authority(State(app): State<App>, gate: Gate, who: SignedIn, parts: Multipart) -> Result<Response> {
    who.actor.require(Right::Govern)?;
    let (files, passphrase) = sent(parts).await?;
    let found = match found(files.into_iter().map(Vec::from).collect(), passphrase).await {
        Ok(found) => found,
        Err(error) => return failed(&app, &who, "authority", error).await,
    };
    let actor = who.actor.clone();
    let work = move |tx: &Tx| {
        found.iter().map(|found| imported::import(tx, &actor, &found.certificate, found.key.as_ref(), DAYS)).collect::<Result<Vec<_>>>()
    };
    match app.store.write(app.now(), work).await {
        Ok(_) => {
            trusted::renew(&app).await?;
            Ok(said(&app, &gate, &who, ADDRESS, t!("Trusted. Devices with an identity from there are taken in when they come.")))
        }
        Err(error) => failed(&app, &who, "authority", error).await,
    }
}

async fn learn(State(app): State<App>, gate: Gate, who: SignedIn, parts: Multipart) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let (files, _) = sent(parts).await?;
    let profile = match old::read(files.first().map_or(&[][..], |file| file)) {
        Ok(profile) => profile,
        Err(error) => return failed(&app, &who, "profile", error.into()).await,
    };
    let (actor, hosts) = (who.actor.clone(), hosts(&app));
    match app.store.write(app.now(), move |tx| profile::learn(tx, &actor, &profile, &hosts)).await {
        Ok(learned) => {
            let words = t!(
                "Learned: {devices} have it. {list}",
                devices = count(learned.devices as u64, t!("device"), t!("devices")),
                list = learned.warnings.join(" ")
            );
            Ok(said(&app, &gate, &who, ADDRESS, words.trim_end()))
        }
        Err(error) => failed(&app, &who, "profile", error).await,
    }
}

#[derive(Debug, Deserialize)]
struct WindowForm {
    id: String,
    days: u32,
}

async fn window(State(app): State<App>, gate: Gate, who: SignedIn, Form(form): Form<WindowForm>) -> Result<Response> {
    let actor = who.actor.clone();
    let days = form.days;
    app.store.write(app.now(), move |tx| imported::set_window(tx, &actor, &form.id, form.days)).await?;
    trusted::renew(&app).await?;
    let words = if days == 0 { t!("Closed. Those that have come stay.") } else { t!("Open again for those that have not come yet.") };
    Ok(said(&app, &gate, &who, ADDRESS, words))
}
