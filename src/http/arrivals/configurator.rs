//! What Apple Configurator asks a server for: the address for devices, and what to trust on the way there.

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::enroll::mobileconfig;
use crate::mdm::enroll::configurator;
use crate::mdm::enroll::profile::{ORGANISATION, PROFILE_IDENTIFIER};
use crate::pki::certificate::Certificate;
use crate::pki::cms::{self, SignOptions};
use crate::protocol::mobileconfig::{RootProfile, build_root};
use crate::store::settings;

/// How Apple writes the type of these answers.
const JSON: &str = "application/json; charset=UTF8";

const ANCHORS: &str = "/MDMServiceConfig/anchors";
const TRUST: &str = "/MDMServiceConfig/trust";

pub(super) fn routes() -> Router<App> {
    Router::new().route("/MDMServiceConfig", get(service)).route(ANCHORS, get(anchors)).route(TRUST, get(trust))
}

fn answer(document: &Value) -> Response {
    ([(CONTENT_TYPE, JSON), (CACHE_CONTROL, "no-store")], document.to_string()).into_response()
}

/// The addresses. Where TLS needs no trust of its own, there is no profile that gives it.
async fn service(State(app): State<App>) -> Result<Response> {
    let path = app.store.read(app.now(), configurator::path).await?;
    let base = &app.public_url;
    let mut document = json!({ "dep_enrollment_url": format!("{base}{path}"), "dep_anchor_certs_url": format!("{base}{ANCHORS}") });
    if has_own_tls(&app) {
        document["trust_profile_url"] = json!(format!("{base}{TRUST}"));
    }
    Ok(answer(&document))
}

/// Whether our own authority vouches for the address.
fn has_own_tls(app: &App) -> bool {
    app.shows_own_tls()
}

/// Our roots, in the form of `anchor_certs` in Apple's profiles.
async fn anchors(State(app): State<App>) -> Response {
    let roots = app.roots();
    let all = std::iter::once(roots.current.issuer.certificate()).chain(&roots.next);
    let all: Vec<_> = all.filter(|_| has_own_tls(&app)).map(|root: &Certificate| STANDARD.encode(root.der())).collect();
    answer(&json!(all))
}

/// A profile by which a device trusts our root.
async fn trust(State(app): State<App>) -> Result<Response> {
    if !has_own_tls(&app) {
        return Err(Error::not_found(t!("Devices trust this server without a profile.")));
    }
    let now = app.now();
    let (organisation, identifier) =
        app.store.read(now, |tx| Ok((settings::value(tx, &ORGANISATION)?, settings::value(tx, &PROFILE_IDENTIFIER)?))).await?;
    let organization = organisation.filter(|name| !name.is_empty()).unwrap_or_else(|| String::from(t!("Rollcall")));
    let authority = app.authority();
    let profile = RootProfile {
        identifier: format!("{}.trust", identifier.unwrap_or_else(|| String::from("org.rollcall.enrollment"))),
        display_name: t!("{organization}: trust", organization),
        description: t!("Lets this device trust the management server of {organization}.", organization),
        organization,
        uuids: [app.random.uuid_v4(), app.random.uuid_v4()],
        root: authority.issuer.certificate().der().to_vec(),
    };
    let options = SignOptions { signing_time: Some(now), ..SignOptions::default() };
    Ok(mobileconfig(cms::sign(authority.issuer.signer(), &build_root(&profile)?, &options)?))
}
