//! The doors for devices: check-in and connect. Whatever goes wrong here, no device may lose its enrollment by it.

mod arrival;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, Request, State};
use axum::http::header::{CONTENT_TYPE, USER_AGENT};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Extension, Router, body};
use tokio::time::Instant;

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::auth::origin;
use crate::http::budget::Share;
use crate::http::error::{Audience, told_to};
use crate::http::identity::{self, Proven};
use crate::http::limits::{self, CHECK_IN_MAX_BYTES, REPORT_PROVE_BYTES};
use crate::http::log;
use crate::http::pace::{Pace, RETRY_AFTER_S};
use crate::http::pages::problem::{ProblemView, problem};
use crate::http::server::Peer;
use crate::mdm::checkin::{self, HowToLeave};
use crate::mdm::connect::{self, Incoming, Poll};
use crate::mdm::enroll::identify::Presented;
use crate::mdm::enroll::profile;
use crate::mdm::return_to_service::Answer;
use crate::mdm::runaway;
use crate::protocol::checkin::{self as message, CheckIn, reply};
use crate::protocol::malformed::Malformed;
use crate::protocol::report::Status;
use crate::store::SoftFact;
use arrival::{Arrival, Arrived, Intake, LargeReports, broken_off};

/// What a check-in's Content-Type begins with; everything else that comes to a shared address is a report.
const CHECK_IN_TYPE: &[u8] = b"application/x-apple-aspen-mdm-checkin";

/// The addresses of the device protocol.
pub fn routes() -> Router<App> {
    let friendly = || get(person);
    let check_in = Router::new().route("/mdm/checkin", friendly().put(check_in));
    let connect = Router::new()
        .route("/mdm/connect", friendly().put(connect))
        .route("/mdm", friendly().merge(put(either)))
        .route("/checkin", friendly().merge(put(either)));
    let connect = limits::group(Audience::Device, REPORT_PROVE_BYTES, connect).layer(Extension(LargeReports::default()));
    limits::group(Audience::Device, CHECK_IN_MAX_BYTES, check_in).merge(connect).layer(Extension(Pace::default()))
}

/// A person who opened a device's address in a browser.
async fn person(headers: HeaderMap) -> Response {
    tracing::debug!(agent = ?headers.get(USER_AGENT), "a browser came to a device address");
    problem(&ProblemView::device_address()).into_response()
}

/// An address that devices of another server bring along: either kind of message, told apart by its type.
async fn either(
    state: State<App>,
    peer: Peer,
    query: RawQuery,
    large: Extension<LargeReports>,
    pace: Extension<Pace>,
    request: Request,
) -> Result<Response> {
    let is_check_in = request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(CHECK_IN_TYPE));
    if !is_check_in {
        return connect(state, peer, query, large, pace, request).await;
    }
    let (parts, body) = request.into_parts();
    let body = body::to_bytes(body, CHECK_IN_MAX_BYTES).await.map_err(|error| broken_off(error.into_inner()))?;
    check_in(state, peer, query, pace, parts.uri, parts.headers, body).await
}

async fn check_in(
    State(app): State<App>,
    peer: Peer,
    RawQuery(query): RawQuery,
    Extension(pace): Extension<Pace>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response> {
    let now = app.now();
    let said = match message::parse(&body) {
        Ok(said) => said,
        Err(malformed) => {
            app.metrics.check_in(if matches!(malformed, Malformed::UnknownMessageType(_)) { "unknown" } else { "malformed" });
            return unread(&app, &pace, (&peer, &headers, &body[..]), malformed, now).await;
        }
    };
    app.metrics.check_in(said.message.message_type());
    log::note_enrollment(said.ids.nano_id());
    let presented = sender(&app, &pace, (&peer, &headers, &body[..]), now).await?;
    let presented = presented.map(|presented| asked(presented, &uri, &headers, &peer));
    // Dropped here, and not by the one thread that writes: secrets are wiped byte by byte.
    let kept = Arc::new((presented, said));
    let told = Arc::clone(&kept);
    let outcome = app.store.write(now, move |tx| checkin::checkin(tx, told.0.as_ref(), &told.1, query.as_deref())).await?;
    drop(kept);
    match outcome {
        checkin::Reply::ReturnToService(how) => returns_to_service(&app, *how, now),
        outcome => answer(outcome),
    }
}

/// How a device returns to service, with its profile where one goes with it.
fn returns_to_service(app: &App, how: Answer, now: Timestamp) -> Result<Response> {
    let mut said = how.reply;
    if let Some(grant) = &how.grant {
        said.mdm_profile = Some(profile::signed(grant, &app.random, &app.authority().issuer, now)?);
    }
    let bytes = reply::return_to_service(&said).map_err(Malformed::from)?;
    Ok(([(CONTENT_TYPE, reply::PLIST_CONTENT_TYPE)], bytes).into_response())
}

/// Adds which host a device asked: those that moved in go on asking the one of their old server.
fn asked(presented: Presented, uri: &Uri, headers: &HeaderMap, peer: &Peer) -> Presented {
    Presented { host: origin::host(headers, uri, peer).map(str::to_owned), ..presented }
}

/// A check-in of a kind that nobody knows is noted where its sender is known: a new OS may have brought it. Other bad ones are only logged.
async fn unread(
    app: &App,
    pace: &Pace,
    (peer, headers, body): (&Peer, &HeaderMap, &[u8]),
    malformed: Malformed,
    now: Timestamp,
) -> Result<Response> {
    let presented = match sender(app, pace, (peer, headers, body), now).await {
        Err(error) if error.kind == Kind::TooOften => return Err(error),
        presented => presented,
    };
    if let Malformed::UnknownMessageType(message_type) = &malformed {
        let (ids, message_type) = (CheckIn::sender(body)?, message_type.clone());
        log::note_enrollment(ids.nano_id());
        if let Some(presented) = presented? {
            app.store.write(now, move |tx| checkin::unknown(tx, &presented, &ids, &message_type)).await?;
        }
    }
    Err(malformed.into())
}

fn answer(outcome: checkin::Reply) -> Result<Response> {
    let plist = |bytes: Vec<u8>| ([(CONTENT_TYPE, reply::PLIST_CONTENT_TYPE)], bytes).into_response();
    Ok(match outcome {
        checkin::Reply::Empty => StatusCode::OK.into_response(),
        checkin::Reply::BootstrapToken(token) => {
            plist(reply::bootstrap_token(&token).map_err(crate::protocol::malformed::Malformed::from)?)
        }
        checkin::Reply::TokenData(token) => plist(reply::token_data(token.expose()).map_err(crate::protocol::malformed::Malformed::from)?),
        checkin::Reply::ReturnToService(_) => {
            return Err(Error::new(Kind::Internal, t!("how a device returns to service is answered with its profile")));
        }
        checkin::Reply::Json(json) => ([(CONTENT_TYPE, "application/json")], json).into_response(),
        checkin::Reply::NoSuchDeclaration => StatusCode::NOT_FOUND.into_response(),
        checkin::Reply::NotManaged => return Err(Error::new(Kind::NotManaged, t!("This user is not managed here."))),
        checkin::Reply::Leave(how) => leave(how),
        checkin::Reply::Refused(refusal) => return Err(refusal.into()),
    })
}

/// Tells a device, whose enrollment an admin retired, to leave.
fn leave(how: HowToLeave) -> Response {
    let audience = match how {
        HowToLeave::UnrecognizedDevice => Audience::Device,
        HowToLeave::Unauthorized => Audience::OldDevice,
    };
    told_to(audience, Error::new(Kind::Retired, t!("An admin retired this enrollment.")))
}

async fn connect(
    State(app): State<App>,
    peer: Peer,
    RawQuery(query): RawQuery,
    Extension(large): Extension<LargeReports>,
    Extension(pace): Extension<Pace>,
    request: Request,
) -> Result<Response> {
    let now = app.now();
    let (parts, body) = request.into_parts();
    let share = parts.extensions.get::<Share>().cloned();
    let intake = Intake { app: &app, peer: &peer, headers: &parts.headers, now, large: &large, share };
    let mut arrived = match intake.read(body).await? {
        Arrival::Report(arrived) => *arrived,
        Arrival::Refused { presented, error } => {
            not_too_often(&app, &pace, presented.as_ref(), now).await?;
            return Err(error);
        }
        Arrival::TooLarge { presented, command_uuid, size_bytes } => {
            not_too_often(&app, &pace, presented.as_ref(), now).await?;
            if let Some(presented) = presented {
                app.store.write(now, move |tx| connect::too_large(tx, &presented, command_uuid.as_deref(), size_bytes)).await?;
            }
            return Err(Error::new(Kind::TooLarge, t!("The report is larger than this address takes.")));
        }
    };
    arrived.presented = arrived.presented.map(|presented| asked(presented, &parts.uri, &parts.headers, &peer));
    app.metrics.report(arrived.head.status.as_str());
    log::note_enrollment(arrived.head.ids.nano_id());
    if let Some(uuid) = &arrived.head.command_uuid {
        log::note_command(uuid);
    }
    not_too_often(&app, &pace, arrived.presented.as_ref(), now).await?;
    if arrived.head.status == Status::Idle
        && let Some(presented) = &arrived.presented
        && let Poll::Nothing { enrollment_id } = app.store.read(now, |tx| connect::poll(tx, presented, &arrived.head)).await?
    {
        app.store.soft(SoftFact::EnrollmentSeen(enrollment_id), now);
        return Ok(StatusCode::OK.into_response());
    }
    record(&app, now, arrived, query).await
}

/// Who sent a message. Whoever does so without end is held back, also where the message is refused for its time.
async fn sender(app: &App, pace: &Pace, (peer, headers, body): (&Peer, &HeaderMap, &[u8]), now: Timestamp) -> Result<Option<Presented>> {
    let proven = identity::proven(app, peer, headers, body, now)?;
    not_too_often(app, pace, proven.as_ref().map(|proven| &proven.presented), now).await?;
    proven.map(Proven::in_time).transpose()
}

/// Holds back who asks without end, after it has proven who it is and whatever becomes of what it says: the answer is 503 for it alone, and somebody is
/// told.
async fn not_too_often(app: &App, pace: &Pace, presented: Option<&Presented>, now: Timestamp) -> Result<()> {
    let Some(presented) = presented else { return Ok(()) };
    let certificate = presented.fingerprint;
    let Some(held) = pace.ask(certificate, Instant::now()) else { return Ok(()) };
    app.metrics.held_back();
    if let Some(per_second) = held.tell {
        tracing::warn!(per_second, "a device asks without end, and is held back");
        if let Err(error) = app.store.write(now, move |tx| runaway::note(tx, &certificate, per_second)).await {
            tracing::warn!("that a device is held back could not be noted: {error}");
        }
    }
    Err(Error::new(Kind::TooOften, t!("This device asks without end; it alone is held back.")).retry_after(RETRY_AFTER_S))
}

async fn record(app: &App, now: Timestamp, arrived: Arrived, query: Option<String>) -> Result<Response> {
    let sha256 = arrived.sha256();
    // Dropped here, and not by the one thread that writes.
    let arrived = Arc::new(arrived);
    let told = Arc::clone(&arrived);
    let outcome = app
        .store
        .write(now, move |tx| {
            let incoming = Incoming {
                head: &told.head,
                report: told.report.as_ref(),
                unreadable: told.unreadable.as_deref(),
                body: told.body.as_deref(),
                size_bytes: told.size_bytes,
                sha256,
                query: query.as_deref(),
            };
            connect::connect(tx, told.presented.as_ref(), &incoming)
        })
        .await?;
    drop(arrived);
    Ok(match outcome {
        connect::Reply::Empty => StatusCode::OK.into_response(),
        connect::Reply::Command(offer) => {
            log::note_command(&offer.uuid);
            ([(CONTENT_TYPE, reply::PLIST_CONTENT_TYPE)], offer.payload.expose().clone()).into_response()
        }
        connect::Reply::Leave(how) => leave(how),
        connect::Reply::Refused(refusal) => return Err(refusal.into()),
    })
}

#[cfg(test)]
mod tests;
