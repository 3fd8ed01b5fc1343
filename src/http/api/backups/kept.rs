//! Where a backup is kept that was taken away: said by whoever took it, once it is whole there.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::once::{Answer, Post};
use super::BackupNothing;
use crate::app::App;
use crate::error::Result;
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::mdm::backups::by_hand;
use crate::store::backup;

pub(super) fn routes() -> Addresses {
    Addresses::new().routes(routes!(keep))
}

/// What became of a backup that was taken away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct KeptBackupInput {
    /// Its whole path, where it is a file of this machine.
    #[schema(example = "/mnt/usb/school.backup")]
    path: Option<String>,
    /// Size of its file.
    #[serde(default)]
    size_bytes: u64,
}

/// Say that the backup which was taken last is whole and kept: it counts as the last one from now on. The schedule goes on as before.
#[utoipa::path(post, path = "/api/v1/backups/kept", tag = "backups", request_body = KeptBackupInput,
    responses((status = 200, description = "It counts", body = BackupNothing)))]
async fn keep(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<KeptBackupInput>) -> Result<Answer> {
    let Post { body: KeptBackupInput { path, size_bytes }, once } = post;
    let done = move |tx: &_| {
        once.run(tx, &actor, |tx| {
            by_hand::kept(tx, &actor, size_bytes, path.as_deref())?;
            Answer::new(StatusCode::OK, &serde_json::json!({}))
        })
    };
    let answer = app.store.write(app.now(), done).await?;
    // For the day on which the database cannot say where it is. It is as good without the note.
    if let Some(kept) = app.store.read(app.now(), by_hand::to_find).await?
        && let Err(error) = backup::note(&app.config.data, &kept)
    {
        tracing::warn!("where the newest backup is could not be noted beside the database: {error}");
    }
    Ok(answer)
}
