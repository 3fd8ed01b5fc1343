//! What one request and one connection may take, by name.

use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;

use crate::http::error::{self, Audience};
use crate::http::{budget, slow};

/// Bytes of a check-in message, and of whatever else devices send unless its address says otherwise.
pub const CHECK_IN_MAX_BYTES: usize = 1 << 20;
/// Bytes of a command's report that are taken at all.
pub const REPORT_MAX_BYTES: usize = 64 << 20;
/// Reports up to this size are read and kept; of larger ones only who, which command and how it went (interfaces.md, "Reports").
pub const REPORT_KEEP_BYTES: usize = 10 << 20;
/// Bytes of a report over [`REPORT_MAX_BYTES`] that are still hashed, because `Mdm-Signature` covers every one of them: only who signed it all is
/// known, and only then can the command that makes the device say so much be set aside. Beyond this nobody is known; then the queue's own limit of
/// unanswered offers ends the matter.
pub const REPORT_PROVE_BYTES: usize = 256 << 20;
/// Bytes of a report from somebody whose certificate is not known here.
pub const STRANGER_MAX_BYTES: usize = 1 << 20;
/// Reports over [`REPORT_KEEP_BYTES`] that are read at the same time; each costs a few kilobytes of memory, but a core while it comes.
pub const LARGE_REPORTS_MAX: usize = 8;
/// Bytes of a SCEP message; real ones have about 6,000.
pub const SCEP_MAX_BYTES: usize = 128 << 10;
/// Bytes of a signed request of ACME; real ones have about 4,000, most of it the attestation.
pub const ACME_MAX_BYTES: usize = crate::pki::jws::MAX_JWS_BYTES;
/// Bytes that a script may send, a profile inside a command included.
pub const API_MAX_BYTES: usize = 10 << 20;
/// Bytes of a person's form, a certificate file included.
pub const FORM_MAX_BYTES: usize = 1 << 20;
/// Bytes of a roster's files, packed or not: 80,000 enrollments of OneRoster have about 8 million, a tenth of that in an archive.
pub const ROSTER_MAX_BYTES: usize = API_MAX_BYTES;
/// Bytes of a form with a profile: the profile itself, and room for what a browser puts round it.
pub const PROFILE_FORM_MAX_BYTES: usize = crate::mdm::profiles::MAX_BYTES + (64 << 10);
/// Bytes of a form with Apple's list of releases: the list itself, and room for what a browser puts round it.
pub const RELEASES_FORM_MAX_BYTES: usize = crate::protocol::lookup::MAX_BYTES + (64 << 10);
/// Bytes of the file of a language.
pub const LANGUAGE_MAX_BYTES: usize = crate::language::MAX_BYTES;
/// Bytes of a form with the file of a language: the file itself, and room for what a browser puts round it.
pub const LANGUAGE_FORM_MAX_BYTES: usize = LANGUAGE_MAX_BYTES + (64 << 10);
/// Bytes of a package, whole or a piece of one; they go to the disk as they come.
pub const PACKAGE_MAX_BYTES: usize = crate::mdm::packages::MAX_BYTES as usize;
/// Bytes of a form with a package: the package itself, and room for what a browser puts round it.
pub const PACKAGE_FORM_MAX_BYTES: usize = PACKAGE_MAX_BYTES + (64 << 10);
/// Bytes of a backup that is brought to the first run; it goes to the disk as it comes. Larger ones are restored on the command line.
pub const RESTORE_MAX_BYTES: usize = 64 << 30;
/// Bytes of a request's line and headers: `Mdm-Signature` takes about 2,000, and some clients put a SCEP message of 6,000 into the URI.
pub const HEADER_MAX_BYTES: usize = 64 << 10;

/// Bytes of a body that have to come each second, on average and beyond the time of one stall: a tenth of what the slowest mobile network brings, and
/// what other servers ask for. Who sends less holds a connection rather than an upload.
pub const BODY_MIN_BYTES_PER_S: u32 = 500;

/// What one listener grants to those who connect. Tests grant less.
#[derive(Debug, Clone, Copy)]
pub struct Grants {
    /// Connections at a time; further ones wait in the system's queue.
    pub connections: usize,
    /// Until the TLS handshake is done.
    pub handshake: Duration,
    /// Until a request's headers are complete, and until the next request of a kept connection.
    pub header: Duration,
    /// Until the next piece of a body comes or is taken. A body that comes more slowly than [`BODY_MIN_BYTES_PER_S`] uses it up bit by bit.
    pub stall: Duration,
    /// Until an HTTP/2 connection without an open request is closed, up to twice this.
    pub idle: Duration,
    /// Until requests that are under way at the end are cut off.
    pub drain: Duration,
}

impl Default for Grants {
    fn default() -> Self {
        Self {
            connections: 16_384,
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(60),
            stall: Duration::from_secs(30),
            idle: Duration::from_secs(120),
            drain: Duration::from_secs(10),
        }
    }
}

/// Wraps the routes of one group: bodies up to `max_bytes`, panics caught, failures written for `readers`.
///
/// A body that announces more is refused before it is read, so that `Expect: 100-continue` saves the upload.
pub fn group<S: Clone + Send + Sync + 'static>(readers: Audience, max_bytes: usize, routes: Router<S>) -> Router<S> {
    routes.layer((
        axum::middleware::from_fn_with_state(readers, error::audience),
        CatchPanicLayer::custom(error::panicked),
        axum::middleware::from_fn(slow::answer),
        axum::middleware::from_fn(budget::count),
        RequestBodyLimitLayer::new(max_bytes),
        // The limit above counts for every extractor; the framework's own smaller one would contradict it.
        DefaultBodyLimit::disable(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, Bytes};
    use axum::http::{Request, StatusCode};
    use axum::routing::{get, put};
    use tower::ServiceExt;

    fn doors(readers: Audience) -> Router {
        let fail = get(|| async { assert!(std::hint::black_box(false), "a handler's fault") });
        let take = put(|body: Bytes| async move { body.len().to_string() });
        let routes = Router::new().route("/take", take).route("/panic", fail);
        group(readers, 10, routes)
    }

    async fn ask(readers: Audience, request: Request<Body>) -> StatusCode {
        doors(readers).oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn a_body_may_have_its_limit_and_not_a_byte_more() {
        for readers in [Audience::Api, Audience::Device, Audience::Scep, Audience::Person] {
            let put = |bytes: usize| Request::put("/take").body(Body::from(vec![b'x'; bytes])).unwrap();
            assert_eq!(ask(readers, put(10)).await, 200);
            assert_eq!(ask(readers, put(11)).await, 413, "{readers:?}");
            let announced = Request::put("/take").header("content-length", "11").body(Body::empty()).unwrap();
            assert_eq!(ask(readers, announced).await, 413, "before a byte is read");
        }
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_that_keeps_the_enrollment() {
        let request = || Request::get("/panic").body(Body::empty()).unwrap();
        assert_eq!(ask(Audience::Device, request()).await, 503);
        assert_eq!(ask(Audience::Scep, request()).await, 503);
        assert_eq!(ask(Audience::Api, request()).await, 500);
        assert_eq!(ask(Audience::Person, request()).await, 500);
    }

    #[tokio::test]
    async fn a_wrong_method_is_no_news_for_a_device() {
        assert_eq!(ask(Audience::Device, Request::get("/take").body(Body::empty()).unwrap()).await, 400);
        assert_eq!(ask(Audience::Api, Request::get("/take").body(Body::empty()).unwrap()).await, 405);
    }
}
