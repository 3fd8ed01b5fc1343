//! What monitors ask: is the process there, and can it work?

use axum::extract::State;

use crate::app::App;
use crate::error::Result;

/// Answers `GET /health/live`: the process answers.
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// Answers `GET /health/ready`: the database can be read, and its writer takes work.
pub(super) async fn ready(State(app): State<App>) -> Result<&'static str> {
    let now = app.now();
    app.store.read(now, |_| Ok(())).await?;
    app.store.write(now, |_| Ok(())).await?;
    Ok("ok\n")
}
