//! The push certificate: a request made here, an upload that is recognised whatever it is, and a guard over the topic that devices know.

use axum::Router;
use axum::extract::FromRequest as _;
use axum::extract::{Multipart, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use serde::Deserialize;

use super::{Form, shell};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::auth::SignedIn;
use crate::http::error::TOO_LARGE_FOR_A_FORM;
use crate::http::pages::parts::{Flash, State as Mark};
use crate::http::pages::push::{self as view, PushView, Recognised, TopicChange, page, topic_change};
use crate::mdm::Right;
use crate::mdm::enroll::profile::ORGANISATION;
use crate::mdm::push_certificates::{self, Put, Standing};
use crate::pki::key::PrivateKey;
use crate::pki::pem;
use crate::pki::push_certificate::{PushCertificate as Pair, PushCertificateError};
use crate::pki::push_request::{Applicant, certification_request};
use crate::store::{push_certificates as rows, settings};

/// How near the end of a certificate is said.
const SOON: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3600);

pub(super) fn routes() -> Router<App> {
    Router::new().route("/system/push", get(show).post(bring)).route("/system/push/request", post(request))
}

async fn show(State(app): State<App>, who: SignedIn) -> Result<Response> {
    let view = filled(&app, &who).await?;
    Ok(page(&shell(&app, &who, None).await?, &view).into_response())
}

async fn filled(app: &App, who: &SignedIn) -> Result<PushView> {
    let (actor, now) = (who.actor.clone(), app.now());
    let may_change = actor.may(Right::Configure);
    let (standings, requested_at) = app
        .store
        .read_slow(now, move |tx| Ok((push_certificates::list(tx, &actor)?, rows::latest_request(tx)?.map(|request| request.created_at))))
        .await?;
    let (current, others): (Vec<_>, Vec<_>) = standings.into_iter().partition(|standing| standing.certificate.current);
    let current = current.into_iter().next();
    // A request that was answered by a certificate since then waits for nothing.
    let requested_at = requested_at.filter(|at| current.as_ref().is_none_or(|current| current.certificate.uploaded_at < *at));
    Ok(PushView {
        current: current.map(|standing| certificate(standing, now)),
        others: others.into_iter().map(|standing| certificate(standing, now)).collect(),
        requested_at,
        may_change,
        ..PushView::default()
    })
}

fn certificate(standing: Standing, now: Timestamp) -> view::PushCertificate {
    let row = standing.certificate;
    let state = match row.not_after_at.since(now) {
        left if left.is_zero() => Mark::Problem,
        left if left < SOON => Mark::Waiting,
        _ => Mark::Ok,
    };
    view::PushCertificate {
        topic: row.topic,
        not_after: row.not_after_at,
        not_before: standing.not_before_at,
        state,
        devices: standing.devices.unsigned_abs(),
        account: row.account_note,
        last_push_at: None,
    }
}

/// Makes the request, or gives the one that waits again. Its key never leaves the appliance.
async fn request(State(app): State<App>, who: SignedIn) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let waiting = filled(&app, &who).await?.requested_at.is_some();
    let (actor, now) = (who.actor.clone(), app.now());
    let known = app.store.read(now, |tx| push_certificates::latest_request(tx, &actor)).await?.filter(|_| waiting);
    let der = match known {
        Some(known) => known.request,
        None => made(&app, who).await?,
    };
    let headers = [(CONTENT_TYPE, "application/pkcs10"), (CONTENT_DISPOSITION, "attachment; filename=\"rollcall-push.csr\"")];
    Ok((headers, pem::write("CERTIFICATE REQUEST", &der)).into_response())
}

async fn made(app: &App, who: SignedIn) -> Result<Vec<u8>> {
    let organisation = app.store.read(app.now(), |tx| settings::value(tx, &ORGANISATION)).await?.unwrap_or_default();
    let name = if organisation.is_empty() { String::from("Rollcall") } else { organisation };
    let email = format!("mdm@{}", app.public_host());
    // Making an RSA key takes a tenth of a second.
    let making = tokio::task::spawn_blocking(move || {
        let key = PrivateKey::generate_rsa_2048()?;
        // Apple's portal gives the certificate a subject of its own; of this one only the key counts.
        let request = certification_request(&key, &Applicant { common_name: &name, country: "US", email: &email })?;
        Ok::<_, Error>((key, request))
    });
    let (key, request) = making.await.map_err(|error| Error::internal("the request could not be made", error))??;
    let kept = request.clone();
    app.store.write(app.now(), move |tx| push_certificates::keep_request(tx, &who.actor, &kept, &key)).await?;
    Ok(request)
}

/// A file, or the answer to whether the one that is held may replace another topic.
async fn bring(State(app): State<App>, who: SignedIn, request: Request) -> Result<Response> {
    who.actor.require(Right::Configure)?;
    let is_file = request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/"));
    if is_file {
        let sent = Multipart::from_request(request, &app).await.map_err(|error| Error::bad_input(error.body_text()))?;
        return upload(app, who, Upload::read(sent).await?).await;
    }
    let Form(answer) = Form::<Answer>::from_request(request, &app).await?;
    replace(app, who, answer).await
}

#[derive(Default)]
struct Upload {
    name: String,
    file: Bytes,
    passphrase: String,
    account: String,
}

impl Upload {
    async fn read(mut sent: Multipart) -> Result<Self> {
        let mut upload = Self::default();
        let broken = |error: axum::extract::multipart::MultipartError| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Error::new(Kind::TooLarge, TOO_LARGE_FOR_A_FORM),
            _ => Error::bad_input(error.body_text()),
        };
        while let Some(field) = sent.next_field().await.map_err(broken)? {
            match field.name() {
                Some("certificate") => {
                    upload.name = field.file_name().unwrap_or("The file").chars().take(100).collect();
                    upload.file = field.bytes().await.map_err(broken)?;
                }
                Some("passphrase") => upload.passphrase = field.text().await.map_err(broken)?,
                Some("account") => field.text().await.map_err(broken)?.trim().clone_into(&mut upload.account),
                _ => {}
            }
        }
        Ok(upload)
    }
}

async fn upload(app: App, who: SignedIn, upload: Upload) -> Result<Response> {
    let now = app.now();
    let actor = who.actor.clone();
    let own_keys = app.store.read(now, |tx| push_certificates::own_keys(tx, &actor)).await?;
    let Upload { name, file, passphrase, account } = upload;
    // Opening an encrypted file may take a second.
    let reading = tokio::task::spawn_blocking(move || {
        let passphrase = Some(passphrase.as_str()).filter(|passphrase| !passphrase.is_empty());
        Pair::from_files(&[&file], passphrase, &own_keys, now)
    });
    let pair = match reading.await.map_err(|error| Error::internal("the file could not be read", error))? {
        Ok(pair) => pair,
        Err(mistake) => return refused(&app, &who, name, account, &mistake).await,
    };
    let (actor, brought, note) = (who.actor.clone(), pair.clone(), account.clone());
    let put = app.store.write(now, move |tx| match push_certificates::topic_change(tx, &brought)? {
        None => push_certificates::put(tx, &actor, &brought, &note, false).map(Ok),
        Some(change) => {
            push_certificates::hold(tx, &actor, &brought, &note)?;
            Ok(Err(change))
        }
    });
    match put.await? {
        Ok(put) => taken(&app, &who, put).await,
        Err(change) => asked(&app, &who, change, String::new()).await,
    }
}

async fn refused(app: &App, who: &SignedIn, file: String, account: String, mistake: &PushCertificateError) -> Result<Response> {
    let words = mistake.to_string();
    let mut letters = words.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let recognised = Recognised {
        file: if file.is_empty() { String::from("The file") } else { file },
        what: String::from("not what is needed here"),
        remedy: format!("{first}{}. Nothing was replaced.", letters.as_str().trim_end_matches('.')),
        needs_passphrase: matches!(mistake, PushCertificateError::Locked { .. }),
    };
    let view = PushView { upload: Some(recognised), account, ..filled(app, who).await? };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shell(app, who, None).await?, &view)).into_response())
}

async fn taken(app: &App, who: &SignedIn, put: Put) -> Result<Response> {
    let flash = match put.warning {
        Some(words) => Flash { state: Mark::Waiting, words },
        None => Flash { state: Mark::Ok, words: String::from("The push certificate is in use.") },
    };
    Ok(page(&shell(app, who, Some(flash)).await?, &filled(app, who).await?).into_response())
}

async fn asked(app: &App, who: &SignedIn, change: push_certificates::TopicChange, typed: String) -> Result<Response> {
    let view = TopicChange {
        old_topic: change.old_topic,
        new_topic: change.new_topic,
        devices: change.devices.unsigned_abs(),
        typed,
        hidden: Vec::new(),
    };
    Ok((StatusCode::CONFLICT, topic_change(&shell(app, who, None).await?, &view)).into_response())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    typed: String,
}

async fn replace(app: App, who: SignedIn, answer: Answer) -> Result<Response> {
    let (actor, typed) = (who.actor.clone(), answer.typed.trim().to_owned());
    let given = typed.clone();
    let put = app.store.write(app.now(), move |tx| {
        let (pair, note) = push_certificates::held(tx, &actor)?;
        match push_certificates::topic_change(tx, &pair)? {
            Some(change) if given != change.devices.to_string() => Ok(Err(change)),
            _ => push_certificates::put(tx, &actor, &pair, &note, true).map(Ok),
        }
    });
    match put.await {
        Ok(Ok(_)) => Ok(Redirect::to("/system/push").into_response()),
        Ok(Err(change)) => asked(&app, &who, change, typed).await,
        Err(error) if error.kind == Kind::Conflict => {
            let flash = Flash { state: Mark::Problem, words: error.message.into_owned() };
            Ok((StatusCode::CONFLICT, page(&shell(&app, &who, Some(flash)).await?, &filled(&app, &who).await?)).into_response())
        }
        Err(error) => Err(error),
    }
}
