//! The places that backups go to: tried before they are kept, so that nobody learns in the night that none can be put there.

use std::path::Path;

use crate::app::App;
use crate::apple::backup_folder;
use crate::error::{Error, FieldError, Result};
use crate::mdm::Actor;
use crate::mdm::backups::plan::{self, NewPlan, Plan};
use crate::secret::Secret;

/// Keeps a plan; a folder that it did not name before is tried first.
///
/// A folder that is named already may be away for now, like a disk that is not connected, and the rest of the plan can be changed all the same. A store
/// is not asked: that may take long, and a machine that is set up may have no way out yet.
pub(in crate::http) async fn set_up(app: &App, actor: &Actor, new: NewPlan) -> Result<()> {
    let (checked, looker, keeper) = (new.clone(), actor.clone(), actor.clone());
    if let Some(folder) = app.store.read(app.now(), move |tx| plan::folder_to_try(tx, &looker, &checked)).await? {
        try_folder(app, folder).await?;
    }
    app.store.write(app.now(), move |tx| plan::set(tx, &keeper, &new)).await
}

/// Looks whether a plan's places can be written, read and deleted in.
pub(in crate::http) async fn look_at_places(app: &App, plan: &Plan, secret: Option<&Secret<String>>) -> Result<()> {
    if !plan.has_place() {
        return Err(Error::field("folder", t!("name a folder, or a store that speaks S3")));
    }
    if let Some(folder) = &plan.folder {
        try_folder(app, folder.clone()).await?;
    }
    if let (Some(place), Some(secret)) = (&plan.s3, secret) {
        app.object_stores.bucket(place, secret)?.try_out(&place.object(&trial(app))).await?;
    }
    Ok(())
}

/// The name of what is put somewhere for trial.
fn trial(app: &App) -> String {
    format!(".rollcall-trial-{}", app.random.uuid_v7(app.now()))
}

async fn try_folder(app: &App, folder: String) -> Result<()> {
    let (data, name) = (app.config.data.clone(), trial(app));
    let tried = tokio::task::spawn_blocking(move || backup_folder::try_out(Path::new(&folder), &data, &name)).await;
    tried.map_err(|panic| Error::internal("a fault in the program", panic))?.map_err(|mut error| {
        error.fields.push(FieldError { field: String::from("folder"), message: error.message.to_string() });
        error
    })
}
