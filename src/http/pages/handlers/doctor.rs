//! The examination of the appliance: what the last one found, and another one.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;

use super::{SaidQuery, said, shell};
use crate::app::App;
use crate::error::{Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::{Gate, SignedIn};
use crate::http::doctor::{check, page_of};
use crate::http::pages::parts::State as Mark;
use crate::http::pages::system::doctor::{ADDRESS, DoctorView, mark, page, summary};
use crate::language;
use crate::mdm::doctor;
use crate::mdm::settings::zone;
use crate::mdm::{Actor, Right};
use crate::store::Tx;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/system/doctor", get(show).post(look))
}

/// How it stands, for the overview.
pub(super) fn part(tx: &Tx, actor: &Actor) -> Result<(Mark, String)> {
    let Some(last) = doctor::last(tx, actor)? else { return Ok((Mark::Waiting, String::from(t!("nobody has looked yet")))) };
    let words = summary(&last);
    Ok((
        mark(last.worst()),
        t!(
            "{words}; looked {checked_at}",
            words = words.trim_end_matches('.'),
            checked_at = language::date(zone(tx)?.words(last.checked_at))
        ),
    ))
}

async fn show(State(app): State<App>, gate: Gate, who: SignedIn, Query(query): Query<SaidQuery>) -> Result<Response> {
    let flash = query.flash(&gate, &who);
    let actor = who.actor.clone();
    let last = app.store.read(app.now(), |tx| doctor::last(tx, &actor)).await?;
    let report = last.map(|report| {
        let pages = report.findings.iter().map(page_of).collect();
        (report, pages)
    });
    let view = DoctorView { report, may_check: who.actor.may(Right::Configure) };
    Ok(page(&shell(&app, &who, flash).await?, &view).into_response())
}

async fn look(State(app): State<App>, gate: Gate, who: SignedIn) -> Result<Response> {
    match check(&app, &who.actor).await {
        Ok(_) => Ok(Redirect::to(ADDRESS).into_response()),
        // Somebody else's look is as good; its findings are here in a moment.
        Err(error) if error.kind == Kind::Busy => Ok(said(&app, &gate, &who, ADDRESS, &error.message)),
        Err(error) => Err(error),
    }
}
