//! Tests of the connections to Apple while somebody waits: each asks something that changes nothing there.

use axum::http::Method;
use serde_json::Value;

use crate::app::App;
use crate::apple::ade::Question;
use crate::apple::apns::PushIdentity;
use crate::apple::apps_and_books::Caller;
use crate::apple::software_lookup::Conditions;
use crate::error::{Error, Kind, Result};
use crate::mdm::Actor;
use crate::mdm::connections::{self, Connection, Service};
use crate::mdm::updates::lookup;
use crate::protocol::ade::{self, ServerToken};
use crate::protocol::apps_and_books::{Service as Addresses, read};
use crate::secret::Secret;
use crate::store::{Tx, ade_servers, content_tokens, push_certificates};

/// Tests a connection now, and gives it as it is then.
///
/// # Errors
/// Forbidden for who may not change settings, not found where there is no such connection. That it does not work is no error.
pub async fn test(app: &App, actor: &Actor, name: &str) -> Result<Connection> {
    let (asker, wanted) = (actor.clone(), name.to_owned());
    let connection = app.store.read_slow(app.now(), move |tx| connections::to_test(tx, &asker, &wanted)).await?;
    let outcome = match connection.service {
        Service::Push => push(app, &connection).await?,
        Service::AppsAndBooks => apps_and_books(app, &connection).await?,
        Service::DeviceList => device_list(app, &connection).await?,
        Service::Releases => releases(app).await?,
    };
    let asker = actor.clone();
    let note = move |tx: &Tx| {
        connections::note(tx, &connection.name, outcome.as_ref().copied().map_err(String::as_str))?;
        if outcome.is_ok() {
            connections::go_on(tx, &connection)?;
        }
        connections::to_test(tx, &asker, &connection.name)
    };
    app.store.write(app.now(), note).await
}

/// What was said where it did not work; errors are for what is wrong here.
type Outcome = Result<(), String>;

/// The practice classroom rests, and its services with it.
fn resting() -> Error {
    Error::new(Kind::Conflict, t!("The practice devices rest, and what they have in Apple's place with them. Switch them on first."))
}

fn gone() -> Error {
    Error::not_found(t!("There is no such connection to Apple."))
}

/// Connects as for a push, with the certificate.
async fn push(app: &App, connection: &Connection) -> Result<Outcome> {
    if connection.practice && app.licence_service(true).is_none() {
        return Err(resting());
    }
    let topic = connection.key.clone();
    let look = move |tx: &Tx| Ok((push_certificates::by_topic(tx, &topic)?, push_certificates::key(tx, &topic)?));
    let (Some(row), Some(key)) = app.store.read(app.now(), look).await? else { return Err(gone()) };
    let identity = match PushIdentity::from_stored(&row.topic, &row.certificate, key.expose()) {
        Ok(identity) => identity,
        Err(error) => return Ok(Err(error.message.into_owned())),
    };
    Ok(app.push_service(connection.practice).test_handshake(&identity).await.map_err(|error| error.message.into_owned()))
}

/// Reads how the location of the token is set.
async fn apps_and_books(app: &App, connection: &Connection) -> Result<Outcome> {
    let id = connection.key.clone();
    let look = move |tx: &Tx| Ok((content_tokens::by_id(tx, &id)?, content_tokens::secret(tx, &id)?));
    let (Some(token), Some(secret)) = app.store.read(app.now(), look).await? else { return Err(gone()) };
    let client = app.licence_service(token.practice).ok_or_else(resting)?;
    let secret = Secret::new(String::from_utf8_lossy(secret.expose()).into_owned());
    let known = Addresses::from_json(&token.service);
    // Where Apple's addresses were never read, the usual ones are asked.
    let service = if known.urls.client_config.is_empty() { Addresses::read(&Value::Null, client.base()) } else { known };
    let pace = service.limits.max_request_per_second;
    Ok(match client.get(&service.urls.client_config, &[], Caller::Token(&secret), pace).await {
        Ok(came) => read(came.status, came.retry_after.as_deref(), &came.body).map(drop).map_err(|refusal| refusal.words),
        Err(error) => Err(error.message.into_owned()),
    })
}

/// Reads whose token it is.
async fn device_list(app: &App, connection: &Connection) -> Result<Outcome> {
    let id = connection.key.clone();
    let Some(token) = app.store.read(app.now(), |tx| ade_servers::token(tx, &id)).await? else { return Err(gone()) };
    let client = app.ade_service(connection.practice).ok_or_else(resting)?;
    let token = ServerToken::read(token.expose())?;
    let question = Question { method: Method::GET, path: ade::paths::ACCOUNT, body: Vec::new() };
    Ok(match client.ask(&token, &question).await {
        Ok(came) => ade::read(came.status, came.retry_after.as_deref(), &came.body).map(drop).map_err(|refusal| refusal.words),
        Err(error) => Err(error.message.into_owned()),
    })
}

/// Asks whether the list has changed; what came is left to the job.
async fn releases(app: &App) -> Result<Outcome> {
    let client = &app.software_lookup;
    let address = client.address().to_owned();
    let errand = app.store.read(app.now(), |tx| lookup::begin(tx, &address)).await?;
    if errand.root.is_none() && client.needs_root() {
        return Ok(Err(String::from(t!("Apple's own root is not here yet, by which this service is known; it is fetched with the list"))));
    }
    let conditions = Conditions { etag: errand.etag, last_modified: errand.last_modified };
    Ok(match client.fetch(errand.root.as_ref(), &conditions).await {
        Ok(came) if matches!(came.status, 200 | 304) => Ok(()),
        Ok(came) => Err(lookup::refused(came.status, came.retry_after.as_deref()).because),
        Err(trouble) => Err(trouble.to_string()),
    })
}
