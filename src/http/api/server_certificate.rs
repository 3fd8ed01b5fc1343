//! `/api/v1/server-certificate`: what our listeners show, and the authority that is asked for it.

use axum::Json as JsonBody;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::Json;
use super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::Actor;
use crate::mdm::ca::public_tls::{self, Challenge, Choice, Chosen};

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(show, choose, leave)).routes(routes!(order))
}

/// Where the certificate comes from that is shown now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ServerCertificateSource {
    /// Files that another program renews.
    Files,
    /// An authority that everybody trusts.
    Acme,
    /// Our own authority.
    Own,
}

/// The authority that is asked for a certificate.
#[derive(Debug, Serialize, ToSchema)]
struct AcmeView {
    /// The address of its directory.
    #[schema(example = "https://acme-v02.api.letsencrypt.org/directory")]
    directory: String,
    /// Where it writes to when something is wrong.
    contact: Option<String>,
    /// How it is shown that names are ours.
    challenge: Challenge,
    /// Roots that are trusted besides the public ones, PEM.
    trust_anchors: String,
    /// When its terms were agreed to.
    agreed_at: Timestamp,
    /// The names of the certificate; none while there is none.
    names: Vec<String>,
    /// The end of the certificate.
    not_after_at: Option<Timestamp>,
    /// When the authority is asked next.
    due_at: Timestamp,
    /// Failures in a row.
    failures: u32,
    /// Why the last try failed; null when it did not.
    problem: Option<String>,
}

impl From<Chosen> for AcmeView {
    fn from(chosen: Chosen) -> Self {
        let Chosen { choice, agreed_at, due_at, failures, problem, names, not_after_at } = chosen;
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            directory: choice.directory,
            contact: some(choice.contact),
            challenge: choice.challenge,
            trust_anchors: choice.trust_anchors,
            agreed_at,
            names,
            not_after_at,
            due_at,
            failures,
            problem: some(problem),
        }
    }
}

/// The certificate of our listeners.
#[derive(Debug, Serialize, ToSchema)]
struct ServerCertificateView {
    /// Where it comes from that is shown now.
    source: ServerCertificateSource,
    /// The authority that is asked for one; null where none is.
    acme: Option<AcmeView>,
}

async fn view(app: &App, actor: Actor) -> Result<JsonBody<ServerCertificateView>> {
    let chosen = app.store.read(app.now(), move |tx| public_tls::standing(tx, &actor)).await?;
    let source = match (app.config.tls.is_some(), app.shows_own_tls()) {
        (true, false) => ServerCertificateSource::Files,
        (false, false) => ServerCertificateSource::Acme,
        (_, true) => ServerCertificateSource::Own,
    };
    Ok(JsonBody(ServerCertificateView { source, acme: chosen.map(AcmeView::from) }))
}

/// Where the TLS certificate comes from.
#[utoipa::path(get, path = "/api/v1/server-certificate", tag = "authorities",
    responses((status = 200, description = "As it is", body = ServerCertificateView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<ServerCertificateView>> {
    view(&app, actor).await
}

/// Which authority is to be asked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AcmeInput {
    /// The address of its ACME directory; Let's Encrypt where none is given.
    #[serde(default)]
    directory: String,
    /// Where it may write to when something is wrong.
    contact: Option<String>,
    /// How it is shown that names are ours. `dns-01` wants a program in the settings (`tls.dns_hook`).
    #[serde(default)]
    challenge: Challenge,
    /// Roots to trust besides the public ones, PEM: for an authority of your own.
    #[serde(default)]
    trust_anchors: String,
    /// That its terms are agreed to.
    #[serde(default)]
    agree_to_terms: bool,
}

/// Have an authority that everybody trusts, such as Let's Encrypt, asked for the certificate. Our own is shown until it comes.
#[utoipa::path(put, path = "/api/v1/server-certificate", tag = "authorities", request_body = AcmeInput,
    responses((status = 200, description = "As it is now", body = ServerCertificateView)))]
async fn choose(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Json(input): Json<AcmeInput>,
) -> Result<JsonBody<ServerCertificateView>> {
    let AcmeInput { directory, contact, challenge, trust_anchors, agree_to_terms } = input;
    let choice = Choice { directory, contact: contact.unwrap_or_default(), challenge, trust_anchors };
    self::set(&app, &actor, choice, agree_to_terms).await?;
    view(&app, actor).await
}

/// Chooses an authority, for the API and the page.
pub(in crate::http) async fn set(app: &App, actor: &Actor, choice: Choice, agreed: bool) -> Result<()> {
    let (actor, host, has_hook) = (actor.clone(), app.public_host().to_owned(), app.config.dns_hook.is_some());
    app.store.write(app.now(), move |tx| public_tls::choose(tx, &actor, choice, agreed, &host, has_hook)).await
}

/// Go back to a certificate of our own authority.
#[utoipa::path(delete, path = "/api/v1/server-certificate", tag = "authorities",
    responses((status = 204, description = "Our own is shown")))]
async fn leave(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<StatusCode> {
    let left = app.store.write(app.now(), move |tx| public_tls::leave(tx, &actor)).await?;
    if left {
        app.look_at_certificates();
    }
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OrderNothing {}

/// Ask the authority now; `problem` and `not_after_at` say what became of it.
#[utoipa::path(post, path = "/api/v1/server-certificate/order", tag = "authorities", request_body = OrderNothing,
    responses((status = 202, description = "It is being asked", body = OrderNothing)))]
async fn order(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<OrderNothing>) -> Result<Answer> {
    let done = move |tx: &_| {
        post.once.run(tx, &actor, |tx| {
            public_tls::order_now(tx, &actor)?;
            Answer::new(StatusCode::ACCEPTED, &serde_json::json!({}))
        })
    };
    app.store.write(app.now(), done).await
}
