//! Addresses that are put together when somebody first asks for one of them: pages and scripts have a thousand, and an appliance whose devices alone come
//! to it needs none of their memory.

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::future::RouteFuture;
use tower::Service;

/// A router that is made at its first request; clones share it.
#[derive(Clone)]
pub(super) struct Late(Arc<Inner>);

struct Inner {
    make: Box<dyn Fn() -> Router + Send + Sync>,
    made: OnceLock<Router>,
}

impl Late {
    /// What `make` gives, once it is asked for.
    pub(super) fn new(make: impl Fn() -> Router + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner { make: Box::new(make), made: OnceLock::new() }))
    }
}

impl Service<Request> for Late {
    type Response = Response;
    type Error = Infallible;
    type Future = RouteFuture<Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // As a router is.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.0.made.get_or_init(&self.0.make).clone().call(request)
    }
}

impl fmt::Debug for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Late").field(&self.0.made.get().is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::body::Body;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn it_is_made_once_at_the_first_request() {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let late = Late::new(|| {
            MADE.fetch_add(1, Ordering::Relaxed);
            let here = get(async || "here");
            Router::new().route("/here", here)
        });
        let first = get(async || "first");
        let router = Router::new().route("/first", first).fallback_service(late);
        let ask = |path: &str| router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap());
        assert_eq!((ask("/first").await.unwrap().status().as_u16(), MADE.load(Ordering::Relaxed)), (200, 0));
        for (path, status) in [("/here", 200), ("/nowhere", 404), ("/here", 200)] {
            assert_eq!((ask(path).await.unwrap().status().as_u16(), MADE.load(Ordering::Relaxed)), (status, 1), "{path}");
        }
    }
}
