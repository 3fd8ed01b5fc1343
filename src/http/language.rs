//! The language of the appliance, as a person or a script brings it: read before the transaction, spoken when it is kept.

use axum::body::Bytes;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;
use tokio::sync::Mutex;

use crate::app::App;
use crate::error::{Error, Result};
use crate::language::{speak, template};
use crate::mdm::language::{self, Brought};
use crate::mdm::{Actor, Right};
use crate::store::Tx;

/// One change at a time, so that what is spoken in the end is what was kept last.
static CHANGES: Mutex<()> = Mutex::const_new(());

/// Keeps the language of a file and speaks it from now on; without a tag the file's own counts.
///
/// # Errors
/// Names `tag` or `file`, and what is wrong with it; what was spoken before is spoken still.
pub(super) async fn bring(app: &App, actor: &Actor, tag: Option<String>, file: Bytes) -> Result<()> {
    actor.require(Right::Configure)?;
    let read = tokio::task::spawn_blocking(move || Brought::read(tag.as_deref(), &file)).await;
    let brought = read.map_err(|error| Error::internal("the file of a language could not be read", error))??;
    let (app, actor) = (app.clone(), actor.clone());
    to_its_end(async move {
        let _alone = CHANGES.lock().await;
        let work = move |tx: &Tx| {
            language::put(tx, &actor, &brought)?;
            Ok(brought.catalogue)
        };
        speak(Some(app.store.write(app.now(), work).await?));
        Ok(())
    })
    .await
}

/// Speaks English from now on.
pub(super) async fn speak_english(app: &App, actor: &Actor) -> Result<()> {
    let (app, actor) = (app.clone(), actor.clone());
    to_its_end(async move {
        let _alone = CHANGES.lock().await;
        app.store.write(app.now(), move |tx| language::remove(tx, &actor)).await?;
        speak(None);
        Ok(())
    })
    .await
}

/// Does it even when whoever asked goes away meanwhile: what is kept would not be spoken otherwise.
async fn to_its_end(change: impl Future<Output = Result<()>> + Send + 'static) -> Result<()> {
    tokio::spawn(change).await.map_err(|error| Error::internal("the language could not be changed", error))?
}

/// All texts in English, as a file to translate.
pub(super) fn texts() -> impl IntoResponse {
    let headers =
        [(CONTENT_TYPE, "text/x-gettext-translation; charset=utf-8"), (CONTENT_DISPOSITION, "attachment; filename=\"rollcall.pot\"")];
    (headers, template())
}
