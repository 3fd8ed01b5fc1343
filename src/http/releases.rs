//! A list of OS releases, and a root of Apple's, that somebody brings: read before the transaction, for the API, the page and the command line alike.

use axum::body::Bytes;

use crate::app::App;
use crate::error::{Error, Result};
use crate::mdm::updates::lookup::{self, Document, Meant, Taken};
use crate::mdm::{Actor, Right};

/// Takes in a list that somebody saved, one that is older or shorter than what is here only where that is meant.
///
/// # Errors
/// Names `file`, with line and column where it is no JSON; what was here before stays.
pub(super) async fn import(app: &App, actor: &Actor, file: Bytes, meant: Meant) -> Result<Taken> {
    actor.require(Right::Configure)?;
    let document = read(file).await?;
    let actor = actor.clone();
    app.store.write(app.now(), move |tx| lookup::import(tx, &actor, &document, meant)).await
}

/// Reads a list beside the runtime.
pub(super) async fn read(file: Bytes) -> Result<Document> {
    let read = tokio::task::spawn_blocking(move || Document::read(&file)).await;
    let read = read.map_err(|error| Error::internal("the list of releases could not be read", error))?;
    read.map_err(|error| Error::field("file", error.to_string()))
}
