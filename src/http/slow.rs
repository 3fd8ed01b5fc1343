//! Who sent a body more slowly than anybody waits for is told so, whatever the handler made of what broke off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::error::{Error, Kind};

/// Whether patience with a request's body came to its end: an extension of every request that came over a socket.
#[derive(Debug, Clone, Default)]
pub struct GaveUp(Arc<AtomicBool>);

impl GaveUp {
    /// Notes that it did.
    pub fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_noted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The middleware that answers for a request whose body was not waited for.
pub async fn answer(request: Request, next: Next) -> Response {
    let gave_up = request.extensions().get::<GaveUp>().cloned();
    let response = next.run(request).await;
    if gave_up.is_some_and(|gave_up| gave_up.is_noted()) && !response.status().is_success() {
        return Error::new(Kind::TooSlow, t!("What was sent came too slowly, or stopped coming. Nothing was changed; send it again."))
            .into_response();
    }
    response
}
