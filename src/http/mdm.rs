//! The doors for devices: check-in and connect. Whatever goes wrong here, no device may lose its enrollment by it.

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::header::{CONTENT_TYPE, USER_AGENT};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, put};
use axum::{Router, body};
use http_body_util::{BodyExt, LengthLimitError};

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::error::{Audience, told_to};
use crate::http::identity;
use crate::http::limits::{self, CHECK_IN_MAX_BYTES, REPORT_MAX_BYTES};
use crate::http::log;
use crate::http::server::Peer;
use crate::mdm::checkin::{self, HowToLeave};
use crate::mdm::connect::{self, Incoming, Poll};
use crate::mdm::enroll::identify::{Presented, Refusal};
use crate::pki::digest;
use crate::protocol::checkin::{parse, reply};
use crate::protocol::report::{self, Head, Report, Scanner, Status};
use crate::store::SoftFact;

/// Reports up to this size are read and kept; of larger ones only who, which command and how it went (interfaces.md, "Reports").
pub const REPORT_KEEP_BYTES: usize = 10 << 20;

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
    limits::group(Audience::Device, CHECK_IN_MAX_BYTES, check_in).merge(limits::group(Audience::Device, REPORT_MAX_BYTES, connect))
}

/// A person who opened a device's address in a browser.
async fn person(headers: HeaderMap) -> Response {
    tracing::debug!(agent = ?headers.get(USER_AGENT), "a browser came to a device address");
    Redirect::to("/enroll").into_response()
}

/// An address that devices of another server bring along: either kind of message, told apart by its type.
async fn either(state: State<App>, peer: Peer, query: RawQuery, headers: HeaderMap, body: Body) -> Result<Response> {
    let is_check_in = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(CHECK_IN_TYPE));
    if !is_check_in {
        return connect(state, peer, query, headers, body).await;
    }
    let body = body::to_bytes(body, CHECK_IN_MAX_BYTES).await.map_err(|error| too_large(error.into_inner()))?;
    check_in(state, peer, query, headers, body).await
}

async fn check_in(State(app): State<App>, peer: Peer, RawQuery(query): RawQuery, headers: HeaderMap, body: Bytes) -> Result<Response> {
    let now = app.now();
    let message = parse(&body)?;
    log::note_enrollment(message.ids.nano_id());
    let presented = identity::presented(&app, &peer, &headers, &body, now)?;
    let outcome = app.store.write(now, move |tx| checkin::checkin(tx, presented.as_ref(), &message, query.as_deref())).await?;
    answer(outcome)
}

fn answer(outcome: checkin::Reply) -> Result<Response> {
    let plist = |bytes: Vec<u8>| ([(CONTENT_TYPE, reply::PLIST_CONTENT_TYPE)], bytes).into_response();
    Ok(match outcome {
        checkin::Reply::Empty => StatusCode::OK.into_response(),
        checkin::Reply::BootstrapToken(token) => {
            plist(reply::bootstrap_token(&token).map_err(crate::protocol::malformed::Malformed::from)?)
        }
        checkin::Reply::Json(json) => ([(CONTENT_TYPE, "application/json")], json).into_response(),
        checkin::Reply::NoSuchDeclaration => StatusCode::NOT_FOUND.into_response(),
        checkin::Reply::NotManaged => return Err(Error::new(Kind::NotManaged, "This user is not managed here.")),
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
    told_to(audience, Error::new(Kind::Retired, "An admin retired this enrollment."))
}

async fn connect(State(app): State<App>, peer: Peer, RawQuery(query): RawQuery, headers: HeaderMap, body: Body) -> Result<Response> {
    let now = app.now();
    let arrived = arrive(body).await?;
    log::note_enrollment(arrived.head.ids.nano_id());
    if let Some(uuid) = &arrived.head.command_uuid {
        log::note_command(uuid);
    }
    let presented = identity::presented(&app, &peer, &headers, &arrived.body, now)?;
    if arrived.head.status == Status::Idle
        && let Some(presented) = &presented
        && let Poll::Nothing { enrollment_id } = app.store.read(now, |tx| connect::poll(tx, presented, &arrived.head)).await?
    {
        app.store.soft(SoftFact::EnrollmentSeen(enrollment_id), now);
        return Ok(StatusCode::OK.into_response());
    }
    record(&app, now, presented, arrived, query).await
}

async fn record(app: &App, now: Timestamp, presented: Option<Presented>, arrived: Arrived, query: Option<String>) -> Result<Response> {
    let outcome = app
        .store
        .write(now, move |tx| {
            let incoming = Incoming {
                head: &arrived.head,
                report: arrived.report.as_ref(),
                body: arrived.report.is_some().then_some(&arrived.body[..]),
                size_bytes: arrived.body.len() as u64,
                sha256: digest::sha256(&arrived.body),
                query: query.as_deref(),
            };
            connect::connect(tx, presented.as_ref(), &incoming)
        })
        .await?;
    Ok(match outcome {
        connect::Reply::Empty => StatusCode::OK.into_response(),
        connect::Reply::Command(offer) => {
            log::note_command(&offer.uuid);
            ([(CONTENT_TYPE, reply::PLIST_CONTENT_TYPE)], offer.payload.expose().clone()).into_response()
        }
        connect::Reply::Leave(how) => leave(how),
        connect::Reply::Refused(Refusal::NoCertificate) => return Err(Refusal::NoCertificate.into()),
        connect::Reply::Refused(refusal) => return Err(refusal.into()),
    })
}

/// A report as far as it was read.
struct Arrived {
    head: Head,
    /// Everything it says, unless it is too large for that.
    report: Option<Report>,
    body: Bytes,
}

/// Takes a report in. Its signature covers every byte, so a large one is held whole too, but only skimmed.
async fn arrive(body: Body) -> Result<Arrived> {
    let body = body.collect().await.map_err(|error| too_large(error.into_inner()))?.to_bytes();
    if body.len() <= REPORT_KEEP_BYTES {
        let report = report::parse(&body)?;
        return Ok(Arrived { head: report.head.clone(), report: Some(report), body });
    }
    let mut scanner = Scanner::new();
    scanner.feed(&body)?;
    Ok(Arrived { head: scanner.finish()?, report: None, body })
}

/// What stopped a body on its way in.
fn too_large(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    if error.is::<LengthLimitError>() || std::error::Error::source(&*error).is_some_and(<dyn std::error::Error>::is::<LengthLimitError>) {
        Error::new(Kind::TooLarge, "The message is larger than this address takes.")
    } else {
        Error::bad_input("The message broke off on its way here.").caused_by(error)
    }
}
