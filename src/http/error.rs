//! The one place where a failure becomes an HTTP status, per audience. For devices it is a safety rule: a stray 401 unenrolls a device.

use std::any::Any;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::error::{Error, FieldError, Kind};
use crate::http::log::RequestId;
use crate::http::pages::problem::{ProblemView, problem as problem_page};
use crate::language::say;
use crate::mdm::commands::protocol_words;
use crate::protocol::acme::{self, Fault};

/// Seconds until the next attempt, where the failure itself does not say.
const RETRY_AFTER_S: u32 = 30;
/// What a device whose OS knows it is told when it shall leave; it removes its profile (protocol: iOS 17, macOS 14).
const UNRECOGNIZED_DEVICE: &str = r#"{"code":"com.apple.unrecognized.device","message":"This device is no longer managed here."}"#;
/// What a person reads whose form was too large.
pub const TOO_LARGE_FOR_A_FORM: &str = msg!(
    "What was sent is far larger than anything this form takes: it cannot be the right file. Nothing was changed. Go back and choose another one."
);
/// Bytes of a framework's own refusal that are passed on as the reason.
const REASON_MAX_BYTES: usize = 2048;

/// Who reads the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    /// A script or the page's own requests: a problem document (RFC 9457).
    Api,
    /// A device with iOS 17, macOS 14 or later, or one whose OS is not known: an empty body.
    Device,
    /// A device with an older OS: as [`Audience::Device`], but only a 401 makes it leave.
    OldDevice,
    /// A SCEP client that cannot be answered by a CertRep, because its request could not be read: a line of text.
    Scep,
    /// An ACME client: a problem document with ACME's types (RFC 8555 §6.7).
    Acme,
    /// A person with a browser: a plain page.
    Person,
}

impl Audience {
    /// The word by which its requests are counted.
    pub fn word(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Device | Self::OldDevice => "device",
            Self::Scep => "scep",
            Self::Acme => "acme",
            Self::Person => "person",
        }
    }
}

/// The status of a failure of `kind` as `audience` gets it.
///
/// Devices get 400, 413 and 503 only, but for a user channel that is not managed here (410) and the one deliberate dismissal,
/// [`Kind::Retired`]. Our own faults are 503 to them, not 500: it is what Apple documents as *ask again later*.
#[expect(clippy::match_same_arms, reason = "what devices are told stands apart from what others are told")]
pub fn status(kind: Kind, audience: Audience) -> StatusCode {
    use Audience::{Acme, Api, Device, OldDevice, Person, Scep};
    match (kind, audience) {
        (Kind::TooLarge, _) => StatusCode::PAYLOAD_TOO_LARGE,
        (Kind::Busy, _) | (Kind::TooOften | Kind::TooSlow | Kind::Upstream | Kind::Internal, Device | OldDevice | Scep | Acme) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        (Kind::TooOften, Api | Person) => StatusCode::TOO_MANY_REQUESTS,
        (Kind::TooSlow, Api | Person) => StatusCode::REQUEST_TIMEOUT,

        (Kind::Retired, Device) => StatusCode::FORBIDDEN,
        (Kind::Retired, OldDevice) => StatusCode::UNAUTHORIZED,
        (Kind::NotManaged, Device | OldDevice) => StatusCode::GONE,
        (Kind::BadInput | Kind::Unauthenticated | Kind::Forbidden | Kind::NotFound | Kind::Conflict, Device | OldDevice | Scep | Acme)
        | (Kind::NotManaged | Kind::Retired, Scep | Acme)
        | (Kind::BadInput, Api | Person) => StatusCode::BAD_REQUEST,

        (Kind::Unauthenticated, Api | Person) => StatusCode::UNAUTHORIZED,
        (Kind::Forbidden, Api | Person) => StatusCode::FORBIDDEN,
        (Kind::NotFound, Api | Person) => StatusCode::NOT_FOUND,
        (Kind::Conflict | Kind::NotManaged | Kind::Retired, Api | Person) => StatusCode::CONFLICT,
        (Kind::Upstream, Api | Person) => StatusCode::BAD_GATEWAY,
        (Kind::Internal, Api | Person) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A failure on its way out of a handler; the group of its route decides who reads it.
#[derive(Clone)]
struct Failure {
    error: Arc<Error>,
    audience: Option<Audience>,
}

/// Marks an answer that was written by [`status`] or on purpose: [`audience`] lets it pass as it is.
#[derive(Clone, Copy)]
struct Deliberate;

/// Lets an answer pass as it is, where foreign tools expect words of their own.
pub(super) fn as_it_is(mut response: Response) -> Response {
    response.extensions_mut().insert(Deliberate);
    response
}

/// Handlers may return the house's error; who reads it is decided by the group of the route (see [`audience`]).
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        carry(Failure { error: Arc::new(self), audience: None })
    }
}

/// `error` for readers that the handler knows better than its route does, for example a device with an old OS.
pub fn told_to(audience: Audience, error: Error) -> Response {
    carry(Failure { error: Arc::new(error), audience: Some(audience) })
}

/// Outside of every group the carrier itself is a safe answer: 503 with an empty body.
fn carry(failure: Failure) -> Response {
    let mut response = StatusCode::SERVICE_UNAVAILABLE.into_response();
    response.extensions_mut().insert(failure);
    response
}

/// The middleware of a group of routes: writes every failure that leaves it for the group's readers.
///
/// It also stands guard: where devices read, a failure that neither [`status`] nor RFC 9110's ranges call for becomes 400 or 503.
pub async fn audience(State(readers): State<Audience>, request: Request, next: Next) -> Response {
    let reference = request.extensions().get::<RequestId>().cloned();
    let mut response = answer(next.run(request).await, readers, reference.as_ref()).await;
    response.extensions_mut().insert(readers);
    response
}

/// What remains of a handler that panicked; the panic hook has said where.
pub fn panicked(_panic: Box<dyn Any + Send>) -> Response {
    Error::new(Kind::Internal, t!("Something went wrong in Rollcall itself; the log says where. Please report it.")).into_response()
}

/// Writes what left a handler as the readers of its group get it.
async fn answer(mut response: Response, readers: Audience, reference: Option<&RequestId>) -> Response {
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        return render(&failure.error, failure.audience.unwrap_or(readers), reference);
    }
    let status = response.status();
    let is_failure = status.is_client_error() || status.is_server_error();
    if !is_failure || response.extensions().get::<Deliberate>().is_some() {
        return response;
    }
    match readers {
        Audience::Device | Audience::OldDevice | Audience::Scep => guard(response),
        Audience::Api if !says_json(&response) => {
            let error = match status {
                StatusCode::PAYLOAD_TOO_LARGE => Error::new(Kind::TooLarge, t!("This is more than this address takes; send less at once.")),
                _ => Error::bad_input(reason(response).await),
            };
            problem(status, &error, reference)
        }
        // The framework's own refusals: too large, a wrong method, an address that is none.
        Audience::Acme if !says_json(&response) => {
            let reason = reason(response).await;
            acme_problem(if status.is_server_error() { StatusCode::SERVICE_UNAVAILABLE } else { status }, &reason)
        }
        Audience::Person if !says_html(&response) => {
            let error = match status {
                StatusCode::PAYLOAD_TOO_LARGE => Error::new(Kind::TooLarge, say(TOO_LARGE_FOR_A_FORM)),
                _ => Error::bad_input(reason(response).await),
            };
            page(status, &error, reference)
        }
        Audience::Api | Audience::Acme | Audience::Person => response,
    }
}

/// Lets only those failures through to a device that cannot cost its enrollment.
fn guard(response: Response) -> Response {
    match response.status() {
        StatusCode::NOT_FOUND | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::SERVICE_UNAVAILABLE => {
            response
        }
        status if status.is_server_error() => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// Writes `error` for `readers` and for the log; `reference` is how a person finds it there.
pub fn render(error: &Error, readers: Audience, reference: Option<&RequestId>) -> Response {
    let status = status(error.kind, readers);
    tell_log(error, status);
    let mut response = match readers {
        Audience::Api => problem(status, error, reference),
        Audience::Device if error.kind == Kind::Retired => {
            (status, [(CONTENT_TYPE, "application/json")], UNRECOGNIZED_DEVICE).into_response()
        }
        Audience::Device | Audience::OldDevice => status.into_response(),
        Audience::Scep => (status, format!("{}\n", error.message)).into_response(),
        Audience::Acme => acme_problem(status, &error.message),
        Audience::Person => page(status, error, reference),
    };
    if status == StatusCode::UNAUTHORIZED && readers == Audience::Api {
        // RFC 9110 section 15.5.2 wants it; no browser asks a person for a bearer token.
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(error.retry_after_s.unwrap_or(RETRY_AFTER_S)));
    }
    response.extensions_mut().insert(Deliberate);
    response.extensions_mut().insert(Why(error.message.clone().into_owned().into()));
    response
}

/// Why a request failed, for its line in the log.
#[derive(Debug, Clone)]
pub struct Why(pub Arc<str>);

/// Faults of ours and of services that we ask get a line with every cause; other failures are told in the request's own line.
fn tell_log(error: &Error, status: StatusCode) {
    if !matches!(error.kind, Kind::Internal | Kind::Upstream) {
        return;
    }
    let mut causes = String::new();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        causes.push_str(if causes.is_empty() { "" } else { ": " });
        causes.push_str(&cause.to_string());
        source = cause.source();
    }
    tracing::error!(status = status.as_u16(), causes, "{error}");
}

/// A problem document.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Problem<'a> {
    /// Always `about:blank`: the status says the kind.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened and what to do.
    detail: &'a str,
    /// The same in the protocol's names, where the device's system or enrollment is why: `HostName does not exist on iOS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<&'a str>,
    /// The fields at fault.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    /// What to name when asking for help: it finds the request in the log. Also in the header `X-Request-Id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

fn problem(status: StatusCode, error: &Error, reference: Option<&RequestId>) -> Response {
    let document = Problem {
        kind: "about:blank",
        title: status.canonical_reason().unwrap_or(t!("Failure")),
        status: status.as_u16(),
        detail: &error.message,
        protocol: protocol_words(error),
        errors: &error.fields,
        request_id: reference.map(|id| &*id.0),
    };
    // Serialising strings and numbers into memory does not fail; an empty body would still carry the status.
    let body = serde_json::to_vec(&document).unwrap_or_default();
    (status, [(CONTENT_TYPE, "application/problem+json")], body).into_response()
}

/// A problem of no kind of its own, as ACME's clients read it.
fn acme_problem(status: StatusCode, detail: &str) -> Response {
    let fault = if status.is_server_error() { Fault::ServerInternal } else { Fault::Malformed };
    let document = acme::Problem { status: status.as_u16(), ..fault.because(detail) };
    let body = serde_json::to_vec(&document).unwrap_or_default();
    (status, [(CONTENT_TYPE, acme::problem::CONTENT_TYPE)], body).into_response()
}

fn page(status: StatusCode, error: &Error, reference: Option<&RequestId>) -> Response {
    let title = match error.kind {
        Kind::BadInput => t!("That cannot be used as it is"),
        Kind::Unauthenticated => t!("Please log in"),
        Kind::Forbidden if error.message == say(crate::http::auth::origin::ANOTHER_SITE) => t!("That came from another site"),
        Kind::Forbidden => t!("Your role does not allow this"),
        Kind::NotFound => t!("There is nothing here"),
        Kind::Conflict | Kind::NotManaged | Kind::Retired => t!("That does not go as things stand"),
        Kind::TooLarge => t!("That is too large"),
        Kind::TooSlow => t!("That came too slowly"),
        Kind::Busy => t!("The appliance is busy"),
        Kind::TooOften => t!("That was too often"),
        Kind::Upstream => t!("A service that was asked did not answer well"),
        Kind::Internal => t!("That is our fault"),
    };
    let view = ProblemView {
        status: status.as_u16(),
        title: title.to_owned(),
        words: error.message.clone().into_owned(),
        fields: error.fields.iter().map(|field| (field.field.clone(), field.message.clone())).collect(),
        way_on: Some(("/".to_owned(), t!("Go to Today").to_owned())),
        reference: reference.map(|id| id.0.to_string()),
    };
    (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], problem_page(&view).into_string()).into_response()
}

fn says_html(response: &Response) -> bool {
    response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|kind| kind.contains("html"))
}

fn says_json(response: &Response) -> bool {
    response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|kind| kind.contains("json"))
}

/// The framework's own words of refusal, for example about JSON that it could not read.
async fn reason(response: Response) -> String {
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), REASON_MAX_BYTES).await.unwrap_or_default();
    match std::str::from_utf8(&body) {
        Ok(text) if !text.is_empty() => text.to_owned(),
        _ if status == StatusCode::METHOD_NOT_ALLOWED => t!("This address does not take that method.").to_owned(),
        _ => status.canonical_reason().unwrap_or(t!("Failure")).to_owned(),
    }
}

#[cfg(test)]
mod tests;
