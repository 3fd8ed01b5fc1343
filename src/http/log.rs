//! One line a request: what was asked by its route, never by its path, because paths hold codes and capabilities.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;
use tracing::field::{Empty, display};
use tracing::{Instrument, Span};

use crate::http::error::{Audience, Why};
use crate::http::server::Peer;
use crate::metrics::Metrics;
use crate::random::Random;

/// The header that repeats a request's id, so that a person can name it.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Numbers requests: a random part for this run of the program, then a counter.
#[derive(Debug)]
pub struct RequestIds {
    run: u32,
    next: AtomicU32,
}

impl RequestIds {
    /// Numbers for one run.
    pub fn new(random: &Random) -> Self {
        Self { run: u32::from_le_bytes(random.bytes()), next: AtomicU32::new(0) }
    }

    fn next(&self) -> RequestId {
        RequestId(format!("{:08x}-{:06x}", self.run, self.next.fetch_add(1, Ordering::Relaxed)).into())
    }
}

/// What the middleware around every route needs.
#[derive(Clone)]
pub struct Desk {
    /// Numbers requests.
    pub ids: Arc<RequestIds>,
    /// Counts them.
    pub metrics: Metrics,
}

/// A request's id: an extension of every request, a field of its lines in the log, and a header of its answer.
#[derive(Debug, Clone)]
pub struct RequestId(pub Arc<str>);

/// Notes whom the current request concerns, in its line of the log.
pub fn note_enrollment(id: impl fmt::Display) {
    Span::current().record("enrollment.id", display(id));
}

/// Notes which command the current request concerns, in its line of the log.
pub fn note_command(uuid: impl fmt::Display) {
    Span::current().record("command.uuid", display(uuid));
}

/// The middleware around every route: gives the request its id and writes its line.
pub async fn line(State(Desk { ids, metrics }): State<Desk>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = ids.next();
    let span = tracing::info_span!("request", id = &*id.0, enrollment.id = Empty, command.uuid = Empty);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let peer = request.extensions().get::<Peer>().map(|peer| (peer.listener, peer.addr.ip()));

    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(REQUEST_ID, id);
    }

    let route = route.as_ref().map_or(t!("(no such address)"), MatchedPath::as_str);
    let status = response.status().as_u16();
    let duration = started.elapsed();
    let duration_ms = duration.as_micros() as f64 / 1000.0;
    metrics.request(response.extensions().get::<Audience>().map_or(Audience::Person, |audience| *audience).word(), status, duration);
    let why = response.extensions().get::<Why>().map(|why| display(&why.0));
    let (listener, address) = peer.unzip();
    let (listener, address) = (listener.map(display), address.map(display));
    let _in_span = span.enter();
    // What monitors and browsers fetch all day is not news.
    if status < 400 && (route.starts_with("/health/") || route.starts_with("/static/")) {
        tracing::debug!(status, duration_ms, listener, address, why, "{method} {route}");
    } else {
        tracing::info!(status, duration_ms, listener, address, why, "{method} {route}");
    }
    response
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Mutex, PoisonError};

    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;
    use crate::error::Error;
    use crate::http::limits::group;
    use crate::metrics::{Calls, WriterMeter};

    /// Keeps what is logged.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn routes() -> Router {
        let noted = get(|| async {
            note_enrollment("0199-e");
            note_command("0199-c");
        });
        let refused = get(|| async { Error::not_found("This invitation was withdrawn.") });
        let routes = Router::new().route("/enroll/{code}", noted).route("/refused/{code}", refused).route("/health/live", get(|| async {}));
        let ids = Arc::new(RequestIds::new(&Random::seeded(7)));
        let desk = Desk { ids, metrics: Metrics::new(&WriterMeter::default(), &Calls::default()) };
        group(Audience::Person, 0, routes).layer(axum::middleware::from_fn_with_state(desk, line))
    }

    /// The lines that requests to `paths` leave at level info, as JSON; every answer names the request as its line does.
    fn lines(paths: &[&str]) -> Vec<serde_json::Value> {
        let (lines, answers) = conversation(paths);
        for (line, (id, body)) in lines.iter().zip(&answers) {
            assert_eq!(line["span"]["id"], id.as_str());
            assert_eq!(body.contains(id.as_str()), line["status"].as_u64().unwrap() >= 400, "{body}");
        }
        lines
    }

    /// What is logged, and the ids and bodies of the answers.
    fn conversation(paths: &[&str]) -> (Vec<serde_json::Value>, Vec<(String, String)>) {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone()).finish();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let answers = tracing::subscriber::with_default(subscriber, || {
            let routes = routes();
            let ask = |path: &&str| {
                let request = Request::get(*path).header("authorization", "Bearer SECRET").body(Body::empty()).unwrap();
                runtime.block_on(async {
                    let (head, body) = routes.clone().oneshot(request).await.unwrap().into_parts();
                    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
                    (head.headers[REQUEST_ID].to_str().unwrap().to_owned(), String::from_utf8(body.to_vec()).unwrap())
                })
            };
            paths.iter().map(ask).collect()
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("SECRET"), "{text}");
        (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), answers)
    }

    #[test]
    fn a_request_leaves_one_line_that_names_the_route_and_no_secret() {
        let lines = lines(&["/enroll/SECRET?token=SECRET", "/refused/SECRET", "/SECRET/nowhere"]);
        assert_eq!(lines.len(), 3);
        assert_eq!((&lines[0]["message"], &lines[0]["status"]), (&"GET /enroll/{code}".into(), &200.into()));
        assert!(lines[0]["duration_ms"].as_f64().unwrap() >= 0.0);
        assert_eq!(lines[0]["span"]["enrollment.id"], "0199-e");
        assert_eq!(lines[0]["span"]["command.uuid"], "0199-c");
        assert_eq!(lines[1]["why"], "This invitation was withdrawn.");
        assert_eq!(lines[1]["status"], 404);
        assert_eq!(lines[2]["message"], "GET (no such address)");
        assert_ne!(lines[0]["span"]["id"], lines[1]["span"]["id"]);
    }

    #[test]
    fn what_monitors_ask_all_day_is_no_news() {
        assert!(lines(&["/health/live"]).is_empty());
    }
}
