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

use super::form::sentence;
use super::{Form, shell};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::auth::SignedIn;
use crate::http::error::TOO_LARGE_FOR_A_FORM;
use crate::http::pages::parts::{Flash, State as Mark, way};
use crate::http::pages::push::{self as view, PushView, Recognised, TopicChange, ends_sooner, page, topic_change};
use crate::http::push_requests::{self, Checked, VENDOR_FILES_MAX};
use crate::mdm::Right;
use crate::mdm::connections::{self, Connection, Service};
use crate::mdm::push_certificates::{self, Put, Standing};
use crate::mdm::push_requests::{self as room, Asking};
use crate::pki::dropped::Place;
use crate::pki::pem;
use crate::pki::push_certificate::{Mistake, PushCertificate as Pair, PushCertificateError};
use crate::secret::Secret;
use crate::store::Tx;

/// How near the end of a certificate is said.
const SOON: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3600);

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/system/push", get(show).post(bring))
        .route("/system/push/request", post(request))
        .route("/system/push/signed", get(ready).post(check))
        .route("/system/push/sign", post(sign))
        .route("/system/push/mdmcert", post(mail))
}

async fn show(State(app): State<App>, who: SignedIn) -> Result<Response> {
    let view = filled(&app, &who).await?;
    Ok(page(&shell(&app, &who, None).await?, &view).into_response())
}

async fn filled(app: &App, who: &SignedIn) -> Result<PushView> {
    let (actor, now) = (who.actor.clone(), app.now());
    let may_change = actor.may(Right::Configure);
    let (mut view, standings, ways) = app
        .store
        .read_slow(now, move |tx| {
            let (waiting, ready) = if may_change { (room::waiting(tx, &actor)?, room::ready(tx, &actor)?) } else { (None, None) };
            let view = PushView {
                requested_at: waiting.map(|request| request.created_at),
                ready_at: ready.map(|ready| ready.at),
                has_mdmcert_key: room::has_key(tx)?,
                may_change,
                ..PushView::default()
            };
            Ok((view, push_certificates::list(tx, &actor)?, connections::list(tx, &actor)?))
        })
        .await?;
    let (current, others): (Vec<_>, Vec<_>) = standings.into_iter().partition(|standing| standing.certificate.current);
    view.current = current.into_iter().next().map(|standing| certificate(standing, &ways, now));
    view.others = others.into_iter().map(|standing| certificate(standing, &ways, now)).collect();
    Ok(view)
}

fn certificate(standing: Standing, ways: &[Connection], now: Timestamp) -> view::PushCertificate {
    let row = standing.certificate;
    let state = match row.not_after_at.since(now) {
        left if left.is_zero() => Mark::Problem,
        left if left < SOON => Mark::Waiting,
        _ => Mark::Ok,
    };
    let way = ways.iter().find(|way| way.service == Service::Push && way.key == row.topic);
    let failure = way.and_then(|way| way.failure.as_ref()).map(|failure| (failure.what.clone(), failure.said.clone()));
    view::PushCertificate {
        failure,
        topic: row.topic,
        not_after: row.not_after_at,
        not_before: standing.not_before_at,
        state,
        devices: standing.devices.unsigned_abs(),
        account: row.account_note,
        last_push_at: standing.last_push_at,
    }
}

/// Makes the request, or gives the one that waits again.
async fn request(State(app): State<App>, who: SignedIn) -> Result<Response> {
    let waiting = push_requests::request(&app, &who.actor).await?;
    let headers = [(CONTENT_TYPE, "application/pkcs10"), (CONTENT_DISPOSITION, "attachment; filename=\"rollcall-push.csr\"")];
    Ok((headers, pem::write("CERTIFICATE REQUEST", &waiting.request)).into_response())
}

/// The signed request, for Apple's portal.
async fn ready(State(app): State<App>, who: SignedIn) -> Result<Response> {
    let actor = who.actor.clone();
    let ready = app.store.read(app.now(), move |tx| room::ready(tx, &actor)).await?;
    let Some(ready) = ready else { return Ok(Redirect::to("/system/push").into_response()) };
    let headers =
        [(CONTENT_TYPE, "application/octet-stream"), (CONTENT_DISPOSITION, "attachment; filename=\"push-request-for-apple.b64\"")];
    Ok((headers, ready.file).into_response())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MailForm {
    email: String,
    key: String,
}

async fn mail(State(app): State<App>, who: SignedIn, Form(form): Form<MailForm>) -> Result<Response> {
    let email = form.email.trim().to_owned();
    let asking = Asking { email: email.clone(), key: Some(Secret::new(form.key)) };
    match push_requests::mail(&app, &who.actor, asking).await {
        Ok(()) => {
            let words = t!("A mail to {email} is on its way. Bring its attachment here.", email);
            told(&app, &who, StatusCode::OK, Flash { state: Mark::Ok, words, way: None }).await
        }
        Err(error) => failed(&app, &who, error).await,
    }
}

/// Signs with a vendor certificate that is brought.
async fn sign(State(app): State<App>, who: SignedIn, sent: Multipart) -> Result<Response> {
    let upload = Upload::read(sent).await?;
    let checked = push_requests::sign(&app, &who.actor, upload.files, Some(upload.passphrase)).await;
    signed(&app, &who, checked).await
}

/// A signed request that is brought.
async fn check(State(app): State<App>, who: SignedIn, sent: Multipart) -> Result<Response> {
    let file = Upload::read(sent).await?.files.into_iter().next().unwrap_or_default();
    let checked = push_requests::bring(&app, &who.actor, file).await;
    signed(&app, &who, checked).await
}

async fn signed(app: &App, who: &SignedIn, checked: Result<Checked>) -> Result<Response> {
    match checked {
        Ok(checked) if checked.problems.is_empty() => {
            let words = String::from(t!("The signed request is good. Download it below and take it to Apple."));
            told(app, who, StatusCode::OK, Flash { state: Mark::Ok, words, way: None }).await
        }
        Ok(checked) => {
            let view = PushView { problems: checked.problems, ..filled(app, who).await? };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shell(app, who, None).await?, &view)).into_response())
        }
        Err(error) => failed(app, who, error).await,
    }
}

/// The page again with what went wrong; what is nobody's input fails as everywhere.
async fn failed(app: &App, who: &SignedIn, error: Error) -> Result<Response> {
    let status = match error.kind {
        Kind::BadInput => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::Upstream => StatusCode::BAD_GATEWAY,
        _ => return Err(error),
    };
    let words = sentence(error.fields.first().map_or(&*error.message, |fault| fault.message.as_str()));
    told(app, who, status, Flash { state: Mark::Problem, words, way: None }).await
}

async fn told(app: &App, who: &SignedIn, status: StatusCode, flash: Flash) -> Result<Response> {
    Ok((status, page(&shell(app, who, Some(flash)).await?, &filled(app, who).await?)).into_response())
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
    files: Vec<Bytes>,
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
                Some("certificate" | "signed" | "files") => {
                    let name = field.file_name().unwrap_or(t!("The file")).chars().take(100).collect();
                    let is_named = field.file_name().is_some_and(|name| !name.is_empty());
                    let file = field.bytes().await.map_err(broken)?;
                    // What a browser sends where no file was chosen.
                    if file.is_empty() && !is_named {
                        continue;
                    }
                    upload.name = if upload.files.is_empty() { name } else { String::from(t!("What you chose")) };
                    upload.files.push(file);
                    if upload.files.len() > VENDOR_FILES_MAX {
                        return Err(Error::bad_input(t!("Choose at most {VENDOR_FILES_MAX} files.", VENDOR_FILES_MAX)));
                    }
                }
                Some("text") => {
                    let text = field.bytes().await.map_err(broken)?;
                    if !text.trim_ascii().is_empty() {
                        upload.name =
                            String::from(if upload.files.is_empty() { t!("What you pasted") } else { t!("What you chose and pasted") });
                        upload.files.push(text);
                    }
                }
                Some("passphrase" | "vendor_passphrase") => upload.passphrase = field.text().await.map_err(broken)?,
                Some("account") => field.text().await.map_err(broken)?.trim().clone_into(&mut upload.account),
                _ => {}
            }
        }
        Ok(upload)
    }
}

async fn upload(app: App, who: SignedIn, upload: Upload) -> Result<Response> {
    let Upload { name, files, passphrase, account } = upload;
    let brought = files.first().cloned().unwrap_or_default();
    let pair = match push_requests::pair(&app, &who.actor, files, Some(passphrase)).await? {
        Ok(pair) => pair,
        // It belongs one step earlier, and is taken there.
        Err(PushCertificateError::Mistake(mistake @ (Mistake::PushRequest | Mistake::EncryptedMessage))) => {
            return match push_requests::bring(&app, &who.actor, brought).await {
                // Encrypted to somebody else: it may be a token as well.
                Err(error) if error.kind == Kind::BadInput && mistake == Mistake::EncryptedMessage => {
                    refused(&app, &who, name, account, &mistake.into()).await
                }
                checked => signed(&app, &who, checked).await,
            };
        }
        Err(mistake) => return refused(&app, &who, name, account, &mistake).await,
    };
    let (actor, brought, note) = (who.actor.clone(), pair.clone(), account.clone());
    let put = app.store.write(app.now(), move |tx| {
        let doubt = doubt(tx, &brought)?;
        match doubt {
            None => push_certificates::put(tx, &actor, &brought, &note, false).map(Ok),
            Some(doubt) => {
                push_certificates::hold(tx, &actor, &brought, &note)?;
                Ok(Err(doubt))
            }
        }
    });
    match put.await? {
        Ok(put) => taken(&app, &who, put).await,
        Err(doubt) => asked(&app, &who, doubt, String::new()).await,
    }
}

/// What is asked about before an upload is taken.
enum Doubt {
    /// It would cut devices off.
    Topic(push_certificates::TopicChange),
    /// It ends before the one that it replaces; in words.
    EndsSooner(String),
}

fn doubt(tx: &Tx, pair: &Pair) -> Result<Option<Doubt>> {
    if let Some(change) = push_certificates::topic_change(tx, pair)? {
        return Ok(Some(Doubt::Topic(change)));
    }
    Ok(push_certificates::ends_sooner(tx, pair)?.map(Doubt::EndsSooner))
}

async fn refused(app: &App, who: &SignedIn, file: String, account: String, mistake: &PushCertificateError) -> Result<Response> {
    let (what, remedy, place) = match mistake {
        PushCertificateError::Mistake(found) => (found.what(), found.remedy(), found.place()),
        other => (None, sentence(&other.to_string()), None),
    };
    let recognised = Recognised {
        file: if file.is_empty() { String::from(t!("The file")) } else { file },
        what: what.unwrap_or_else(|| String::from(t!("not what is needed here"))),
        remedy: t!("{remedy} Nothing was replaced.", remedy = sentence(&remedy)),
        link: place.filter(|place| *place != Place::Push).map(way),
        needs_passphrase: matches!(mistake, PushCertificateError::Locked { .. }),
    };
    let view = PushView { upload: Some(recognised), account, ..filled(app, who).await? };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&shell(app, who, None).await?, &view)).into_response())
}

async fn taken(app: &App, who: &SignedIn, put: Put) -> Result<Response> {
    let told: Vec<_> = [put.beside, put.warning].into_iter().flatten().collect();
    let flash = if told.is_empty() {
        Flash { state: Mark::Ok, words: String::from(t!("The push certificate is in use.")), way: None }
    } else {
        Flash { state: Mark::Waiting, words: told.join(" "), way: None }
    };
    Ok(page(&shell(app, who, Some(flash)).await?, &filled(app, who).await?).into_response())
}

async fn asked(app: &App, who: &SignedIn, doubt: Doubt, typed: String) -> Result<Response> {
    let change = match doubt {
        Doubt::Topic(change) => change,
        Doubt::EndsSooner(words) => {
            return Ok((StatusCode::CONFLICT, ends_sooner(&shell(app, who, None).await?, &words)).into_response());
        }
    };
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
    confirmed: String,
}

async fn replace(app: App, who: SignedIn, answer: Answer) -> Result<Response> {
    let (actor, typed) = (who.actor.clone(), answer.typed.trim().to_owned());
    let (given, is_meant) = (typed.clone(), !answer.confirmed.is_empty());
    let put = app.store.write(app.now(), move |tx| {
        let (pair, note) = push_certificates::held(tx, &actor)?;
        match doubt(tx, &pair)? {
            Some(Doubt::Topic(change)) if given != change.devices.to_string() => Ok(Err(Doubt::Topic(change))),
            Some(Doubt::EndsSooner(words)) if !is_meant => Ok(Err(Doubt::EndsSooner(words))),
            // Who agrees to an earlier end says nothing of the topic.
            found => push_certificates::put(tx, &actor, &pair, &note, matches!(found, Some(Doubt::Topic(_)))).map(Ok),
        }
    });
    match put.await {
        Ok(Ok(put)) if put.beside.is_some() => taken(&app, &who, put).await,
        Ok(Ok(_)) => Ok(Redirect::to("/system/push").into_response()),
        Ok(Err(doubt)) => asked(&app, &who, doubt, typed).await,
        Err(error) if error.kind == Kind::Conflict => {
            let flash = Flash { state: Mark::Problem, words: error.message.into_owned(), way: None };
            Ok((StatusCode::CONFLICT, page(&shell(&app, &who, Some(flash)).await?, &filled(&app, &who).await?)).into_response())
        }
        Err(error) => Err(error),
    }
}
