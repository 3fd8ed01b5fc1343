//! The memory that all bodies together may take: a body that does not fit any more is told to come back later.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Frame, SizeHint};

use crate::error::{Error, Kind};

/// Bytes of all bodies that are held at the same time, whoever sends them. Thousands of check-ins fit; a flood of large reports does not.
pub const BODIES_MAX_BYTES: usize = 256 << 20;

/// What is left for bodies, shared by every request of a router. Routes that know of none count nothing.
#[derive(Debug, Clone)]
pub struct Budget(Arc<AtomicUsize>);

impl Budget {
    /// So many bytes.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(bytes)))
    }

    /// The bytes that nobody holds.
    pub fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: usize) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }

    fn give(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// What one request's body holds of the budget, until the last clone of this is gone.
#[derive(Debug, Clone)]
pub struct Share(Arc<Held>);

#[derive(Debug)]
struct Held {
    budget: Budget,
    bytes: AtomicUsize,
    is_kept: AtomicBool,
    was_refused: AtomicBool,
}

impl Share {
    fn of(budget: Budget) -> Self {
        Self(Arc::new(Held { budget, bytes: AtomicUsize::new(0), is_kept: AtomicBool::new(true), was_refused: AtomicBool::new(false) }))
    }

    /// Gives everything back and counts no more: what came was let go, and what comes will be.
    pub fn let_go(&self) {
        self.0.is_kept.store(false, Ordering::Relaxed);
        self.0.budget.give(self.0.bytes.swap(0, Ordering::Relaxed));
    }

    fn take(&self, bytes: usize) -> Result<(), NoRoom> {
        if !self.0.is_kept.load(Ordering::Relaxed) {
            return Ok(());
        }
        if !self.0.budget.take(bytes) {
            self.0.was_refused.store(true, Ordering::Relaxed);
            return Err(NoRoom);
        }
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.give(*self.bytes.get_mut());
    }
}

/// Bodies hold all the memory that they may.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("too many bodies are being read at the same time")]
struct NoRoom;

/// The middleware that counts a request's body until it is answered, and answers 503 where there was no room for it.
pub async fn count(mut request: Request, next: Next) -> Response {
    let Some(budget) = request.extensions().get::<Budget>().cloned() else { return next.run(request).await };
    let share = Share::of(budget);
    request.extensions_mut().insert(share.clone());
    let response = next.run(request.map(|body| Body::new(Counted { body, share: share.clone() }))).await;
    if share.0.was_refused.load(Ordering::Relaxed) {
        // Whatever the handler made of a body that broke off: it was not the sender's fault.
        return Error::new(Kind::Busy, t!("Too many large messages arrive at the same time.")).into_response();
    }
    response
}

/// A body whose pieces are counted.
struct Counted {
    body: Body,
    share: Share,
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(t!("Counted")).field(&self.share).finish()
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)) else { return Poll::Ready(None) };
        let frame = frame.map_err(axum::Error::into_inner).and_then(|frame| {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            self.share.take(bytes)?;
            Ok(frame)
        });
        Poll::Ready(Some(frame))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::put;
    use axum::{Extension, Router};
    use tower::ServiceExt as _;

    use super::*;
    use crate::http::error::Audience;
    use crate::http::limits::group;

    fn doors(budget: &Budget) -> Router {
        let take = put(|body: Bytes| async move { body.len().to_string() });
        let skim = put(|Extension(share): Extension<Share>, body: Body| async move {
            share.let_go();
            axum::body::to_bytes(body, 100).await.unwrap().len().to_string()
        });
        let routes = Router::new().route("/take", take).route("/skim", skim);
        group(Audience::Device, 100, routes).layer(Extension(budget.clone()))
    }

    async fn send(budget: &Budget, path: &str, bytes: usize) -> Response {
        doors(budget).oneshot(Request::put(path).body(Body::from(vec![b'x'; bytes])).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn bodies_share_what_there_is_and_give_it_back_with_their_answer() {
        let budget = Budget::new(50);
        for _ in 0..3 {
            assert_eq!(send(&budget, "/take", 50).await.status(), 200);
            assert_eq!(budget.left(), 50);
        }
        let refused = send(&budget, "/take", 51).await;
        assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (503, "30"));
        let announced = Request::put("/take").header("content-length", "101").body(Body::empty()).unwrap();
        assert_eq!(doors(&budget).oneshot(announced).await.unwrap().status(), 413, "what may never come is told so");
        assert_eq!(budget.left(), 50);
    }

    #[tokio::test]
    async fn a_body_that_is_let_go_as_it_comes_takes_nothing() {
        assert_eq!(send(&Budget::new(10), "/skim", 100).await.status(), 200);
    }
}
