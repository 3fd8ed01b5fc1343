//! Plain HTTP for everybody who does not want `/trust`: the way to HTTPS.

use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};

use crate::app::App;

/// Sends a browser on to HTTPS.
///
/// Only what a browser asks for is redirected: a device that sends a secret to plain HTTP would send it again.
pub(super) async fn to_https(State(app): State<App>, method: Method, uri: Uri) -> Response {
    if !matches!(method, Method::GET | Method::HEAD) {
        return (StatusCode::BAD_REQUEST, t!("This port only redirects browsers. Use HTTPS.\n")).into_response();
    }
    Redirect::temporary(&format!("{}{}", app.public_url, uri.path_and_query().map_or("/", |path| path.as_str()))).into_response()
}
