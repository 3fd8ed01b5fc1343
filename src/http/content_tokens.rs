//! What page, API and practice classroom do alike with content tokens: bring one, take a location over; and where Apple tells us what happens.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;

use crate::app::App;
use crate::apple::apps_and_books::{AppsAndBooks, Caller, Came};
use crate::error::{Error, Kind, Result};
use crate::http::error::Audience;
use crate::http::limits::group;
use crate::mdm::licences::notices;
use crate::mdm::licences::tokens::{self, Arrival, Claim};
use crate::mdm::{Actor, Right};
use crate::protocol::apps_and_books::{
    Answer, ClientConfig, ContentToken as Brought, Limits, Refusal, SERVICE_CONFIG, Service, Verdict, read,
};
use crate::secret::Secret;
use crate::store::content_tokens::{ContentToken, TokenState};

/// Bytes of a notification of Apple's.
pub const NOTICE_MAX_BYTES: usize = 256 << 10;

/// By which Apple says that it cannot reach us.
const UNREACHABLE: u32 = 9728;

/// What is meant with a content token besides that it is kept.
#[derive(Debug, Clone, Copy, Default)]
pub struct Meant {
    /// The location is claimed also where another server has it.
    pub take_over: bool,
    /// The token is taken also where it ends before the one that is here.
    pub older: bool,
}

/// Takes a content token: asks Apple whose location it is, keeps it, and claims the location unless another server has it.
///
/// Nothing is kept when the file is something else, Apple does not take it, or it is older than what is here.
pub async fn bring(app: &App, actor: &Actor, file: &[u8], practice: bool, Meant { take_over, older }: Meant) -> Result<ContentToken> {
    actor.require(Right::Configure)?;
    let brought = Brought::read(file, app.now())?;
    let client = client(app, practice)?;
    let pace = Limits::default().max_request_per_second;
    let said = answer(client.get(&format!("{}{SERVICE_CONFIG}", client.base()), &[], Caller::Anybody, pace).await?)?;
    let service = Service::read(&said.body, client.base());
    let said =
        answer(client.get(&service.urls.client_config, &[], Caller::Token(&brought.text), service.limits.max_request_per_second).await?)?;
    let arrival = Arrival { brought, service, config: ClientConfig::read(&said.body), practice, older };
    let keeper = actor.clone();
    let token = app.store.write(app.now(), move |tx| tokens::keep(tx, &keeper, &arrival)).await?;
    if token.state == TokenState::Taken && !take_over {
        return Ok(token);
    }
    self::take_over(app, actor, &token.id).await
}

/// Tells Apple that a location is ours, whoever had it before.
pub async fn take_over(app: &App, actor: &Actor, id: &str) -> Result<ContentToken> {
    let (asker, wanted) = (actor.clone(), id.to_owned());
    let claim = app.store.write(app.now(), move |tx| tokens::claim(tx, &asker, &wanted)).await?;
    let told = match client(app, claim.practice) {
        Ok(client) => announce(app, &client, &claim).await,
        Err(error) => Err(error),
    };
    let actor = actor.clone();
    match told {
        Ok(notified) => app.store.write(app.now(), move |tx| tokens::claimed(tx, &actor, &claim, notified)).await,
        Err(error) => {
            app.store.write(app.now(), move |tx| tokens::not_claimed(tx, &claim)).await?;
            Err(error)
        }
    }
}

/// Claims a location at Apple's; says whether Apple tells us what happens there.
async fn announce(app: &App, client: &AppsAndBooks, claim: &Claim) -> Result<bool> {
    match tell(app, client, claim, true).await {
        Ok(_) => Ok(true),
        // Behind a router nobody can tell us anything; then we look ourselves.
        Err(refusal) if refusal.number == UNREACHABLE => {
            tell(app, client, claim, false).await.map_err(|refusal| refused(&refusal))?;
            Ok(false)
        }
        Err(refusal) => Err(refused(&refusal)),
    }
}

async fn tell(app: &App, client: &AppsAndBooks, claim: &Claim, notify: bool) -> Result<Answer, Box<Refusal>> {
    let limits = claim.service.limits;
    let cut = |text: String, most: u32| text.chars().take(most as usize).collect::<String>();
    let name = cut(t!("Rollcall at {public_host}", public_host = app.public_host()), limits.max_mdm_name_length);
    let url = format!("{}/notify/apps-and-books/{}", app.public_url, claim.token_id);
    let notify = notify.then_some((url.as_str(), claim.notify_secret.as_str()));
    let body = ClientConfig::claim(&cut(claim.server_id.clone(), limits.max_mdm_id_length), &name, notify).to_string().into_bytes();
    let secret = Secret::new(String::from_utf8_lossy(claim.secret.expose()).into_owned());
    let came = client.post(&claim.service.urls.client_config, body, Caller::Token(&secret), limits.max_request_per_second).await;
    let came = came.map_err(|error| Refusal {
        number: 0,
        status: 0,
        verdict: Verdict::Later,
        words: error.message.into_owned(),
        retry_after: None,
    })?;
    read(came.status, came.retry_after.as_deref(), &came.body)
}

fn client(app: &App, practice: bool) -> Result<AppsAndBooks> {
    app.licence_service(practice).ok_or_else(|| Error::conflict(t!("The practice classroom is not there now; its store rests with it.")))
}

fn answer(came: Came) -> Result<Answer> {
    read(came.status, came.retry_after.as_deref(), &came.body).map_err(|refusal| refused(&refusal))
}

fn refused(refusal: &Refusal) -> Error {
    let kind = if matches!(refusal.verdict, Verdict::NewToken | Verdict::Never) { Kind::BadInput } else { Kind::Upstream };
    Error::new(kind, refusal.words.clone())
}

/// Where Apple tells what happens.
pub(super) fn routes() -> Router<App> {
    group(Audience::Api, NOTICE_MAX_BYTES, Router::new().route("/notify/apps-and-books/{id}", post(notified)))
}

/// Hears a notification; it changes nothing but when we look.
async fn notified(State(app): State<App>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Result<StatusCode> {
    let bearer = headers.get("authorization").and_then(|value| value.to_str().ok()).and_then(|value| value.strip_prefix("Bearer "));
    let bearer = bearer.map(|bearer| bearer.as_bytes().to_vec());
    let asked = id.clone();
    let admitted = app.store.read(app.now(), |tx| {
        let same = |a: &[u8], b: &[u8]| aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok();
        notices::admit(tx, &asked, bearer.as_deref(), same)
    });
    admitted.await?;
    if let Ok(body) = serde_json::from_slice(&body) {
        app.store.write(app.now(), move |tx| notices::hear(tx, &id, &body)).await?;
    }
    Ok(StatusCode::OK)
}
