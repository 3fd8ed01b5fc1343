//! What page, API and practice classroom do alike with Apple's list of devices: make a key pair, take a token, lock a device.

use std::time::Duration;

use bytes::Bytes;
use http::Method;

use crate::app::App;
use crate::apple::ade::Question;
use crate::error::{Error, Result};
use crate::mdm::ade::locks;
use crate::mdm::ade::servers::{self, Standing};
use crate::mdm::{Actor, Right};
use crate::pki::bypass_code::BypassCode;
use crate::pki::cms::Signer;
use crate::pki::issue;
use crate::pki::key::PrivateKey;
use crate::protocol::ade::{ServerToken, TOKEN_MAX_BYTES, paths, read};
use crate::store::ade_locks::Lock;
use crate::store::ade_servers::AdeServer;

/// How long the certificate of a key pair is good. Tokens end each year; the key pair stays.
const LIFETIME: Duration = Duration::from_secs(20 * 365 * 24 * 3600);

/// Makes a server with a key pair of its own.
pub async fn begin(app: &App, actor: &Actor, name: &str, practice: bool) -> Result<AdeServer> {
    let identity = identity(app, actor, name).await?;
    let (actor, name) = (actor.clone(), name.to_owned());
    app.store.write(app.now(), move |tx| servers::begin(tx, &actor, &name, &identity, practice)).await
}

/// Makes the key pair of a server that is to have this name.
pub async fn identity(app: &App, actor: &Actor, name: &str) -> Result<Signer> {
    let (now, asker, wanted) = (app.now(), actor.clone(), name.to_owned());
    app.store.read(now, move |tx| servers::may_begin(tx, &asker, &wanted)).await?;
    let common_name = t!("Rollcall at {public_host}", public_host = app.public_host());
    let common_name: String = common_name.chars().take(64).collect();
    // Making an RSA key takes a tenth of a second.
    blocking(move || Ok(issue::self_signed(&common_name, &PrivateKey::generate_rsa_2048()?, LIFETIME, now)?)).await
}

/// Takes the file with a server's token, as Apple's portal gives it. Nothing is kept when it is something else.
pub async fn take(app: &App, actor: &Actor, id: &str, file: Bytes) -> Result<Standing> {
    actor.require(Right::Configure)?;
    if file.is_empty() || file.len() > TOKEN_MAX_BYTES {
        return Err(ServerToken::mistaken(&file));
    }
    let (asker, wanted) = (actor.clone(), id.to_owned());
    let identities = app.store.read(app.now(), move |tx| servers::identities(tx, &asker, &wanted)).await?;
    let token = blocking(move || servers::opened(&file, &identities)).await?;
    let (actor, id) = (actor.clone(), id.to_owned());
    app.store.write(app.now(), move |tx| servers::take(tx, &actor, &id, &token)).await
}

/// Locks a device to the organisation. What opens it is kept before Apple is asked.
pub async fn lock(app: &App, actor: &Actor, serial: &str, message: &str) -> Result<Lock> {
    actor.require(Right::Destroy)?;
    let (text, escrow_key) = blocking(|| {
        let code = BypassCode::generate()?;
        Ok((code.text(), code.escrow_key()))
    })
    .await?;
    let (asker, serial, message) = (actor.clone(), serial.to_owned(), message.to_owned());
    let asking = app.store.write(app.now(), move |tx| locks::ask(tx, &asker, &serial, &message, &text, &escrow_key)).await?;
    let came = match app.ade_service(asking.practice) {
        Some(client) => {
            let token = ServerToken::read(asking.token.expose())?;
            let body = asking.body.expose().clone().into_bytes();
            let question = Question { method: Method::POST, path: paths::ACTIVATION_LOCK, body };
            match client.ask(&token, &question).await {
                Ok(came) => read(came.status, came.retry_after.as_deref(), &came.body).map_err(Some),
                Err(_) => Err(None),
            }
        }
        None => Err(None),
    };
    let actor = actor.clone();
    app.store.write(app.now(), move |tx| locks::answered(tx, &actor, &asking, came)).await
}

/// Work with keys runs beside the requests.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Error::internal("work with keys was cut off", error)))
}
