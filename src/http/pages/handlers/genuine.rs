//! Whether devices have to prove that they are genuine, by kind of device.

use std::collections::HashMap;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::{Form, SaidQuery, releases, said, shell};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::pages::parts::State as Mark;
use crate::http::pages::system::genuine::{ADDRESS, GenuineView, page};
use crate::mdm::attestation::{self, Mode, PLATFORMS};
use crate::mdm::{Actor, Right};
use crate::protocol::platform::Platform;
use crate::store::Tx;

pub(super) fn routes() -> Router<App> {
    Router::new().route(ADDRESS, get(show).post(change))
}

/// What people call the devices of a platform, and what they need to prove it.
fn kind(platform: Platform) -> (&'static str, &'static str) {
    match platform {
        Platform::Macos => (t!("Mac"), t!("Those with Apple silicon and macOS 14 or later can.")),
        Platform::Tvos => (t!("Apple TV"), t!("Those with an A12 or later and tvOS 16 or later can.")),
        Platform::Visionos => (t!("Vision Pro"), t!("Those with visionOS 1.1 or later can.")),
        _ => (
            t!("iPhone and iPad"),
            t!(
                "Those of 2017 and later (an A11, on iPads an A12 or an M chip) with iOS 16 or later can. By an invitation an iPad is asked only where it \
             is required, because its browser does not say what it is."
            ),
        ),
    }
}

/// How it is, for the list of System's parts.
pub(super) fn part(tx: &Tx, actor: &Actor) -> Result<(Mark, String)> {
    let (policy, root_present) = attestation::show(tx, actor)?;
    let (requires, asks) = (policy.any(Mode::Require), policy.any(Mode::Prefer));
    Ok(match (requires, asks, root_present) {
        (false, false, _) => (Mark::Ok, String::from(t!("no proof is asked for"))),
        (true, _, false) => (Mark::Problem, String::from(t!("a proof is required, and Apple's root is not here to judge it by"))),
        (_, _, false) => (Mark::Waiting, String::from(t!("Apple's root is being fetched"))),
        (true, ..) => (Mark::Ok, String::from(t!("a proof is required of some devices"))),
        (false, true, true) => (Mark::Ok, String::from(t!("devices that can prove it are asked to"))),
    })
}

async fn view(app: &App, who: &SignedIn) -> Result<GenuineView> {
    let actor = who.actor.clone();
    let may_change = actor.may(Right::Configure);
    let (policy, root_present) = app.store.read(app.now(), move |tx| attestation::show(tx, &actor)).await?;
    let row = |platform: Platform| {
        let (title, takes) = kind(platform);
        (platform.to_string(), title.to_owned(), policy.of(platform).as_str().to_owned(), takes.to_owned())
    };
    Ok(GenuineView {
        kinds: PLATFORMS.into_iter().map(row).collect(),
        root_present,
        root_page: releases::ADDRESS.to_owned(),
        error: None,
        may_change,
    })
}

async fn show(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<SaidQuery>) -> Result<Response> {
    let flash = query.flash(&gate, &who);
    Ok(page(&shell(&app, &who, flash).await?, &view(&app, &who).await?).into_response())
}

async fn change(State(app): State<App>, gate: Gate, who: SignedIn, Form(typed): Form<HashMap<String, String>>) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let unknown = || Error::bad_input(t!("Choose one of the three for each kind of device."));
    let chosen = |platform: Platform| {
        typed.get(platform.as_str()).map(|word| Mode::from_word(word).map(|mode| (platform, mode)).ok_or_else(unknown))
    };
    let wanted: Result<Vec<_>> = PLATFORMS.into_iter().filter_map(chosen).collect();
    let actor = who.actor.clone();
    let outcome = match wanted {
        Ok(wanted) => app.store.write(app.now(), move |tx| attestation::change(tx, &actor, &wanted)).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(_) => Ok(said(&app, &gate, &who, ADDRESS, t!("Saved. It counts for devices that enroll from now on."))),
        Err(error) if error.kind == Kind::BadInput => {
            let view = GenuineView { error: Some(error.message.into_owned()), ..view(&app, &who).await? };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shell(&app, &who, None).await?, &view)).into_response())
        }
        Err(error) => Err(error),
    }
}
