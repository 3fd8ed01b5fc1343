//! What page and API do alike on the way to a push certificate: make the request, have it signed, check what was signed.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

use crate::app::App;
use crate::error::{Error, Result};
use crate::mdm::enroll::profile::ORGANISATION;
use crate::mdm::push_requests::{self, Asking};
use crate::mdm::{Actor, Right};
use crate::pki::cms::Signer;
use crate::pki::issue;
use crate::pki::key::PrivateKey;
use crate::pki::push_certificate::{PushCertificate as Pair, PushCertificateError};
use crate::pki::push_request::{Applicant, PushRequest as SignedRequest, Vendor, certification_request, open_mailed};
use crate::protocol::mdmcert;
use crate::store::push_certificates::PushRequest;
use crate::store::settings;

/// Files of a vendor: certificate, key, and the certificates above.
pub const VENDOR_FILES_MAX: usize = 6;

/// How long mdmcert.download may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long mails can be opened that answer an asking.
const MAIL_LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);

/// Gives the request that waits for its certificate, or makes one. Its key never leaves the appliance.
pub async fn request(app: &App, actor: &Actor) -> Result<PushRequest> {
    actor.require(Right::Configure)?;
    let (now, asker) = (app.now(), actor.clone());
    let (waiting, organisation) =
        app.store.read(now, move |tx| Ok((push_requests::waiting(tx, &asker)?, settings::value(tx, &ORGANISATION)?))).await?;
    if let Some(waiting) = waiting {
        return Ok(waiting);
    }
    let name = organisation.filter(|name| !name.is_empty()).unwrap_or_else(|| String::from(t!("Rollcall")));
    let email = format!("mdm@{}", app.public_host());
    // Making an RSA key takes a tenth of a second.
    let (key, request) = blocking(move || {
        let key = PrivateKey::generate_rsa_2048()?;
        // Apple's portal gives the certificate a subject of its own; of this one only the key counts.
        let request = certification_request(&key, &Applicant { common_name: &name, country: "US", email: &email })?;
        Ok((key, request))
    })
    .await?;
    let asker = actor.clone();
    app.store.write(now, move |tx| push_requests::keep(tx, &asker, &request, &key)).await
}

/// Finds the push certificate and its key in files that a person brought; the key of a request made here need not come along.
///
/// The outer error is not the files'; the inner one names them for what they are.
pub async fn pair(app: &App, actor: &Actor, files: Vec<Bytes>, passphrase: Option<String>) -> Result<Result<Pair, PushCertificateError>> {
    actor.require(Right::Configure)?;
    let (now, asker, stand_in) = (app.now(), actor.clone(), app.pushes_to_stand_in());
    let own_keys = app.store.read(now, move |tx| push_requests::own_keys(tx, &asker)).await?;
    // Opening an encrypted file may take a second.
    blocking(move || {
        let files: Vec<&[u8]> = files.iter().map(|file| &file[..]).collect();
        let passphrase = passphrase.as_deref().filter(|passphrase| !passphrase.is_empty());
        let pair = Pair::from_files(&files, passphrase, &own_keys, now);
        Ok(pair.and_then(|pair| pair.must_be_issued_by_apple(stand_in).map(|()| pair)))
    })
    .await
}

/// A signed request and what Apple would hold against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The file for Apple's portal.
    pub file: String,
    /// What is wrong with it, in sentences; nothing when it is ready.
    pub problems: Vec<String>,
}

/// Takes a signed request as a vendor gave it, or as mdmcert.download mailed it; one without fault is kept for the way to Apple.
pub async fn bring(app: &App, actor: &Actor, file: Bytes) -> Result<Checked> {
    let asker = actor.clone();
    let recipient = app.store.read(app.now(), move |tx| push_requests::mail_identity(tx, &asker)).await?;
    let opened = blocking(move || Ok(open_mailed(&file, recipient.as_slice())?)).await?;
    check(app, actor, opened, "brought").await
}

/// Signs the request with a vendor certificate that a person has; neither certificate nor key is kept.
pub async fn sign(app: &App, actor: &Actor, files: Vec<Bytes>, passphrase: Option<String>) -> Result<Checked> {
    if files.is_empty() || files.len() > VENDOR_FILES_MAX {
        return Err(Error::field("files", t!("from 1 to {VENDOR_FILES_MAX} files", VENDOR_FILES_MAX)));
    }
    let waiting = request(app, actor).await?;
    let signed = blocking(move || {
        let files: Vec<&[u8]> = files.iter().map(|file| &file[..]).collect();
        let passphrase = passphrase.as_deref().filter(|passphrase| !passphrase.is_empty());
        Ok(Vendor::from_files(&files, passphrase)?.sign(&waiting.request)?)
    })
    .await?;
    check(app, actor, signed.into_bytes(), t!("own vendor certificate")).await
}

async fn check(app: &App, actor: &Actor, file: Vec<u8>, how: &'static str) -> Result<Checked> {
    let signed = SignedRequest::parse(&file)?;
    let (now, asker) = (app.now(), actor.clone());
    let own_keys = app.store.read(now, move |tx| push_requests::own_keys(tx, &asker)).await?;
    let problems: Vec<_> = push_requests::problems(&signed, &own_keys, now).iter().map(ToString::to_string).collect();
    let file = signed.for_portal(&file);
    if problems.is_empty() {
        let (asker, kept) = (actor.clone(), file.clone());
        app.store.write(now, move |tx| push_requests::keep_ready(tx, &asker, kept, how)).await?;
    }
    Ok(Checked { file, problems })
}

/// Asks mdmcert.download to sign the request and to mail it, encrypted to a certificate of ours.
pub async fn mail(app: &App, actor: &Actor, asking: Asking) -> Result<()> {
    let (asker, words) = (actor.clone(), asking.clone());
    let (key, identity) = app
        .store
        .read(app.now(), move |tx| Ok((push_requests::may_ask(tx, &asker, &words)?, push_requests::mail_identity(tx, &asker)?)))
        .await?;
    let recipient = match identity.filter(|identity| identity.certificate().is_valid_at(app.now())) {
        Some(identity) => identity,
        None => mail_identity(app, actor).await?,
    };
    let waiting = request(app, actor).await?;
    let service = app.config.apple.mdmcert_endpoint.as_ref().map_or_else(|| mdmcert::SERVICE.to_owned(), ToString::to_string);
    let url = format!("{service}{}", mdmcert::PATH);
    let body = mdmcert::write(&waiting.request, &asking.email, &key, recipient.certificate());
    let answered = app.webhook.ask(&url, HeaderMap::new(), body.into(), ANSWER_TIMEOUT).await?;
    mdmcert::judge(answered.status, &answered.body.unwrap_or_default())?;
    let asker = actor.clone();
    app.store.write(app.now(), move |tx| push_requests::asked(tx, &asker, &asking.email, &key)).await
}

/// Makes and keeps what mails are encrypted to.
async fn mail_identity(app: &App, actor: &Actor) -> Result<Signer> {
    let now = app.now();
    let identity =
        blocking(move || Ok(issue::self_signed("mdmcert.download", &PrivateKey::generate_rsa_2048()?, MAIL_LIFETIME, now)?)).await?;
    let (asker, kept) = (actor.clone(), identity.clone());
    app.store.write(now, move |tx| push_requests::keep_mail_identity(tx, &asker, &kept)).await?;
    Ok(identity)
}

/// Work with keys takes from a tenth of a second to several: it runs beside the requests.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Error::internal("work with keys was cut off", error)))
}

#[cfg(test)]
mod tests;
