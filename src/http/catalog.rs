//! `/catalog/<capability>`: the person at a device chooses apps. The address itself proves which device it is, so no form of another site can know it.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::error::Audience;
use crate::http::limits::{self, FORM_MAX_BYTES};
use crate::http::pages::catalog::{AtDevice, at_device, over, refused};
use crate::http::pages::handlers::Form;
use crate::mdm::catalog;
use crate::mdm::enroll::profile::ORGANISATION;
use crate::store::enrollments::Enrollment;
use crate::store::{Tx, settings};

/// The addresses for a person at a device.
pub(super) fn routes() -> Router<App> {
    let routes = Router::new().route("/catalog/{capability}", get(show)).route("/catalog/{capability}/apps/{app}", post(choose));
    limits::group(Audience::Person, FORM_MAX_BYTES, routes)
}

async fn show(State(app): State<App>, Path(capability): Path<String>) -> Result<Response> {
    let base = format!("/catalog/{capability}");
    let looked = app.store.read_slow(app.now(), move |tx| {
        let organisation = settings::value(tx, &ORGANISATION)?.unwrap_or_default();
        let looks = catalog::appearance(tx)?;
        let Some(enrollment) = catalog::holder(tx, &capability)? else { return Ok(Err((organisation, looks))) };
        Ok(Ok(AtDevice { organisation, looks, base, apps: catalog::offered(tx, &enrollment)?, now: tx.now }))
    });
    Ok(match looked.await? {
        Ok(view) => at_device(&view).into_response(),
        Err((organisation, looks)) => (StatusCode::NOT_FOUND, over(&organisation, &looks)).into_response(),
    })
}

/// What the person wants to become of an app.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Choice {
    Install,
    Remove,
}

#[derive(Debug, Deserialize)]
struct Chosen {
    choice: Choice,
}

fn device(tx: &Tx, capability: &str) -> Result<Enrollment> {
    catalog::holder(tx, capability)?
        .ok_or_else(|| Error::not_found(t!("This link is over. Open the catalogue by its icon, or ask for a new link.")))
}

async fn choose(
    State(app): State<App>,
    Path((capability, wanted)): Path<(String, String)>,
    chosen: Result<Form<Chosen>>,
) -> Result<Response> {
    let (back, said) = (format!("/catalog/{capability}"), capability.clone());
    let chosen = match chosen {
        Ok(Form(chosen)) => chosen,
        Err(error) => return unable(&app, said, error).await,
    };
    let deed = move |tx: &Tx| {
        let enrollment = device(tx, &capability)?;
        match chosen.choice {
            Choice::Install => catalog::request(tx, &enrollment, &wanted),
            Choice::Remove => catalog::withdraw(tx, &enrollment, &wanted),
        }
    };
    match app.store.write(app.now(), deed).await {
        Ok(()) => Ok(Redirect::to(&back).into_response()),
        Err(error) => unable(&app, said, error).await,
    }
}

/// What was not done, for the person at the device: a button of a page that has grown old, mostly.
async fn unable(app: &App, capability: String, error: Error) -> Result<Response> {
    let status = match error.kind {
        Kind::BadInput => StatusCode::BAD_REQUEST,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        _ => return Err(error),
    };
    let looked = app.store.read(app.now(), move |tx| {
        let base = catalog::holder(tx, &capability)?.map(|_| format!("/catalog/{capability}"));
        Ok((settings::value(tx, &ORGANISATION)?.unwrap_or_default(), catalog::appearance(tx)?, base))
    });
    let (organisation, looks, base) = looked.await?;
    let page = match base {
        Some(base) => refused(&organisation, &looks, &base, &error.message),
        None => over(&organisation, &looks),
    };
    Ok((status, page).into_response())
}
