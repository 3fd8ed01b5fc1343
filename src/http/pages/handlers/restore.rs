//! The first run with a backup: the file goes to the disk as it comes, is proven whole, and the appliance starts again with what is in it.

use std::fs::{self, OpenOptions};
use std::io::{BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::multipart::{Field, MultipartError, MultipartRejection};
use axum::extract::{Extension, Multipart, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{RequestExt as _, Router};
use serde::Deserialize;

use super::form::sentence;
use super::log_in::over;
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::http::api::input::Query;
use crate::http::auth::FromOurPage;
use crate::http::budget::Share;
use crate::http::limits::{FORM_MAX_BYTES, RESTORE_MAX_BYTES};
use crate::http::pages::setup::{RestoreView, restore as page, restored};
use crate::mdm::admins::setup;
use crate::mdm::backups::restore::{Brought, prepare};
use crate::pki::vault::Key;
use crate::secret::Secret;
use crate::store::backup::{UPLOAD_PREFIX, apart};

/// Bytes that are gathered before they are written.
const WRITE_BYTES: usize = 1 << 20;

/// The address that takes a backup.
pub(super) fn uploads() -> Router<App> {
    Router::new().route("/setup/restore", get(ask).post(restore))
}

#[derive(Debug, Deserialize)]
struct AskQuery {
    token: String,
}

async fn ask(State(app): State<App>, Query(query): Query<AskQuery>) -> Result<Response> {
    let token = query.token;
    match app.store.read(app.now(), |tx| setup::check(tx, &token)).await {
        Ok(()) => Ok(page(&RestoreView { token, ..RestoreView::default() }).into_response()),
        Err(error) => over(&app, error).await,
    }
}

/// A file that goes when it is not needed any more.
struct Upload(PathBuf);

impl Drop for Upload {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Takes the token, the key and the file, in this order, and restores what came.
async fn restore(State(app): State<App>, from: FromOurPage, share: Option<Extension<Share>>, request: Request) -> Result<Response> {
    drop(from);
    let sent: Multipart = request.extract().await.map_err(|rejection: MultipartRejection| Error::bad_input(rejection.body_text()))?;
    let mut view = RestoreView::default();
    match brought(&app, share, sent, &mut view).await {
        Ok(brought) => {
            tracing::info!(devices = brought.manifest.devices, "a backup was restored; the appliance starts again with it");
            app.want_restart();
            Ok(restored(brought.manifest.devices, brought.manifest.made_at, brought.manifest.with_packages).into_response())
        }
        Err(error) if error.kind == Kind::NotFound => over(&app, error).await,
        Err(error) => {
            let status = match error.kind {
                Kind::BadInput | Kind::Conflict | Kind::Busy => StatusCode::UNPROCESSABLE_ENTITY,
                Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                _ => return Err(error),
            };
            view.error = Some(sentence(error.fields.first().map_or(&*error.message, |fault| fault.message.as_str())));
            Ok((status, page(&view)).into_response())
        }
    }
}

async fn brought(app: &App, share: Option<Extension<Share>>, mut sent: Multipart, view: &mut RestoreView) -> Result<Brought> {
    let mut key = None;
    while let Some(field) = sent.next_field().await.map_err(broken)? {
        match field.name() {
            Some("token") => {
                let token = text(field).await?;
                app.store.read(app.now(), |tx| setup::check(tx, &token)).await?;
                view.token = token;
            }
            Some("key") => key = Some(Secret::new(text(field).await?.trim_end_matches(['\r', '\n']).to_owned())),
            Some("file") if !view.token.is_empty() => {
                let key = key.ok_or_else(|| Error::bad_input(t!("Type the recovery key or the passphrase that belongs to the backup.")))?;
                // Only whoever has the set-up link may fill the disk.
                if let Some(Extension(share)) = share {
                    share.let_go();
                }
                let upload = received(app, field).await?;
                // Not before: a browser that is answered while it sends shows nothing of the answer.
                let key = Key::parse(key.expose())?;
                let (data, now) = (app.config.data.clone(), app.now());
                return apart(move |watch| {
                    let file = fs::File::open(&upload.0).map_err(|error| Error::internal("the upload is gone", error))?;
                    prepare(&data, BufReader::with_capacity(WRITE_BYTES, file), &key, now, watch)
                })
                .await;
            }
            _ => {}
        }
    }
    Err(Error::bad_input(t!("Choose the file of the backup.")))
}

fn broken(error: MultipartError) -> Error {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::new(
            Kind::TooLarge,
            t!(
                "The file is larger than {restore_max_bytes} GiB: restore it by rollcall restore FILE.",
                restore_max_bytes = RESTORE_MAX_BYTES >> 30
            ),
        ),
        _ => Error::bad_input(t!("The file did not come as a whole. Send it again.")),
    }
}

/// A field that is no file.
async fn text(mut field: Field<'_>) -> Result<String> {
    let mut bytes = Vec::new();
    while let Some(piece) = field.chunk().await.map_err(broken)? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > FORM_MAX_BYTES {
            return Err(Error::new(Kind::TooLarge, t!("What was typed is too long.")));
        }
    }
    String::from_utf8(bytes).map_err(|error| Error::bad_input(t!("What was typed is no text.")).caused_by(error))
}

/// Writes a file to the disk as it comes.
async fn received(app: &App, mut field: Field<'_>) -> Result<Upload> {
    let upload = Upload(app.config.data.join(format!("{UPLOAD_PREFIX}{}", app.random.uuid_v7(app.now()))));
    let unwritable = |error: std::io::Error| Error::conflict(t!("The file cannot be written here: {error}. Is the disk full?", error));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&upload.0).map_err(unwritable)?;
    let file = Arc::new(file);
    let mut gathered = Vec::with_capacity(WRITE_BYTES);
    let mut came = 0;
    loop {
        let piece = field.chunk().await.map_err(broken)?;
        let is_end = piece.is_none();
        gathered.extend_from_slice(&piece.unwrap_or_default());
        if gathered.len() >= WRITE_BYTES || (is_end && !gathered.is_empty()) {
            came += gathered.len();
            let (bytes, out) = (std::mem::take(&mut gathered), Arc::clone(&file));
            let written = tokio::task::spawn_blocking(move || (&*out).write_all(&bytes)).await;
            written.map_err(|panic| Error::internal("a fault in the program", panic))?.map_err(unwritable)?;
        }
        if is_end {
            break;
        }
    }
    if came == 0 {
        return Err(Error::bad_input(t!("Choose the file of the backup; what came is empty.")));
    }
    Ok(upload)
}
