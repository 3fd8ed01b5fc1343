//! Who asks us: every door for devices, people and scripts, and every address on one screen.

pub mod access;
pub mod account_domain;
mod acme;
pub mod ade;
pub mod api;
mod arrivals;
pub mod assets;
pub mod attempts;
pub mod auth;
mod backup;
pub mod budget;
mod catalog;
pub mod configurator;
pub mod connections;
pub mod content_tokens;
mod ddm;
pub mod doctor;
pub mod enroll;
pub mod error;
mod file_body;
mod health;
pub mod identity;
mod language;
mod late;
pub mod limits;
pub mod log;
pub mod mdm;
mod metrics;
pub mod nano;
mod notices;
pub mod pace;
mod packages;
pub mod pages;
pub mod push_requests;
mod range;
mod redirect;
mod releases;
pub mod return_to_service;
pub mod roster;
pub mod scep;
pub mod server;
pub mod slow;
pub mod strangers;
pub mod tls;
pub mod trusted;
mod upload;
mod webhooks;

use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue, Uri, header};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use tower_http::compression::CompressionLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::app::App;
use crate::error::{Error, Kind};
use api::Streams;
use auth::Gate;
use budget::{BODIES_MAX_BYTES, Budget};
use error::Audience;
use late::Late;
use limits::{
    API_MAX_BYTES, FORM_MAX_BYTES, LANGUAGE_FORM_MAX_BYTES, PACKAGE_FORM_MAX_BYTES, PACKAGE_MAX_BYTES, PROFILE_FORM_MAX_BYTES,
    RELEASES_FORM_MAX_BYTES, RESTORE_MAX_BYTES, ROSTER_MAX_BYTES, group,
};
use log::{Desk, RequestId, RequestIds};
use server::Doors;

/// Every address, by who may use it. Devices come first and stand outside of every log-in: no mistake there may cost an enrollment.
///
/// Each noun names its own addresses and wraps them in a [`limits::group`]: who reads its failures, and how much of a body is taken.
pub fn doors(app: &App, streams: &Streams) -> Doors {
    let gate = Gate::new(app.store.clone(), app.clock.clone());
    let desk = Desk { ids: Arc::new(RequestIds::new(&app.random)), metrics: app.metrics.clone() };
    let budget = Budget::new(BODIES_MAX_BYTES);
    let finish = {
        let app = app.clone();
        move |routes: Router<App>| {
            let line = axum::middleware::from_fn_with_state(desk.clone(), log::line);
            routes.layer(line).layer(Extension(budget.clone())).with_state(app.clone())
        }
    };
    let known = {
        let streams = streams.clone();
        move |routes: Router<App>| routes.layer(Extension(gate.clone())).layer(Extension(streams.clone()))
    };
    let everybody = Late::new({
        let (finish, known) = (finish.clone(), known.clone());
        move || {
            let routes = Router::new().merge(known(scripts())).merge(known(people())).merge(content_tokens::routes());
            finish(routes.fallback(nowhere))
        }
    });
    let scripts = Late::new({
        let finish = finish.clone();
        move || finish(known(scripts()).fallback(nowhere))
    });
    let whole = finish(Router::new().merge(devices(app)).merge(access::routes()).merge(monitors())).fallback_service(everybody);
    let plain = finish(Router::new().merge(monitors()).merge(trust()).merge(files()).fallback(redirect::to_https));
    let control = finish(monitors()).fallback_service(scripts);
    Doors { whole, plain, control }
}

/// Devices: known by their identities, answered by [`Audience::Device`], [`Audience::Scep`] and [`Audience::Acme`] alone.
fn devices(app: &App) -> Router<App> {
    Router::new().merge(mdm::routes()).merge(scep::routes()).merge(acme::routes(app)).merge(ddm::routes()).merge(packages::routes())
}

/// Monitors: nobody has to prove who they are.
fn monitors() -> Router<App> {
    let routes = Router::new().route("/health/live", get(health::live)).route("/health/ready", get(health::ready));
    group(Audience::Api, 0, routes)
}

/// Scripts and the page's own requests: a token or a session.
fn scripts() -> Router<App> {
    let routes = group(Audience::Api, API_MAX_BYTES, Router::new().merge(api::routes()).merge(nano::routes()));
    let routes = routes.merge(group(Audience::Api, 0, metrics::routes()));
    let routes = routes.merge(group(Audience::Api, PACKAGE_MAX_BYTES, api::uploads()));
    routes.layer(CompressionLayer::new().gzip(true)).layer(never_kept())
}

/// People: pages, most of them behind the log-in.
fn people() -> Router<App> {
    let rosters = group(Audience::Person, ROSTER_MAX_BYTES, pages::handlers::roster_routes());
    let uploads = group(Audience::Person, PROFILE_FORM_MAX_BYTES, pages::handlers::uploads());
    let packages = group(Audience::Person, PACKAGE_FORM_MAX_BYTES, pages::handlers::package_uploads());
    let lists = group(Audience::Person, RELEASES_FORM_MAX_BYTES, pages::handlers::release_uploads());
    let languages = group(Audience::Person, LANGUAGE_FORM_MAX_BYTES, pages::handlers::language_uploads());
    let restores = group(Audience::Person, RESTORE_MAX_BYTES, pages::handlers::restore_uploads());
    let pages = group(Audience::Person, FORM_MAX_BYTES, pages::handlers::routes());
    let pages =
        Router::new().merge(enroll::routes()).merge(arrivals::routes()).merge(catalog::routes()).merge(notices::routes()).merge(pages);
    let pages = pages.merge(rosters).merge(uploads).merge(packages).merge(lists).merge(languages).merge(restores);
    let pages = pages.layer(CompressionLayer::new().gzip(true)).layer(never_kept()).merge(files());
    careful().into_iter().fold(pages, Router::layer)
}

/// How to trust our own root: on plain HTTP too, because without it nothing else opens without a warning.
fn trust() -> Router<App> {
    group(Audience::Person, 0, enroll::trust_routes())
}

/// The files of the page; they are compressed and cached by themselves.
fn files() -> Router<App> {
    let routes = Router::new().route("/static/{version}/{name}", get(assets::get)).route("/favicon.ico", get(assets::favicon));
    group(Audience::Person, 0, routes)
}

/// Who reads what is said at `path`, for addresses that have no route.
fn readers(path: &str) -> Audience {
    let is_under =
        |roots: &[&str]| roots.iter().any(|root| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    if is_under(&["/mdm", "/checkin", "/packages", "/ddm"]) {
        Audience::Device
    } else if is_under(&["/scep"]) {
        Audience::Scep
    } else if is_under(&["/acme"]) {
        Audience::Acme
    } else if is_under(&["/api", "/v1", "/access", "/notify", "/health", "/metrics", "/version", "/migration"]) {
        Audience::Api
    } else {
        Audience::Person
    }
}

/// Answers where no route leads.
async fn nowhere(uri: Uri, id: Option<Extension<RequestId>>) -> Response {
    let readers = readers(uri.path());
    let id = id.as_ref().map(|Extension(id)| id);
    let mut response = error::render(&Error::new(Kind::NotFound, t!("There is nothing at this address.")), readers, id);
    response.extensions_mut().insert(readers);
    response
}

/// Answers that say who somebody is or what they may see are kept by nobody between here and them.
fn never_kept() -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
}

/// What browsers are told about pages: no foreign content, no frames, no guessing, no address given away.
///
/// Deliberately no Strict-Transport-Security: it covers every port of the host, and would close `/trust`, which explains our own root over plain HTTP.
fn careful() -> [SetResponseHeaderLayer<HeaderValue>; 3] {
    const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";
    let set = |name: HeaderName, value: &'static str| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    [
        set(header::CONTENT_SECURITY_POLICY, POLICY),
        set(header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        set(header::REFERRER_POLICY, "same-origin"),
    ]
}

#[cfg(test)]
mod tests;
