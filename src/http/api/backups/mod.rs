//! `/api/v1/backups`: when backups are made, where they are, and a backup to take away.

mod kept;
mod places;

use std::path::PathBuf;

use axum::Json as JsonBody;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::input::{Json, Query};
use super::list::{List, Page};
use super::once::{Answer, Post};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http::api::openapi::{Addresses, routes};
use crate::http::auth::Authenticated;
use crate::http::backup::{self, Wish};
use crate::mdm::Actor;
use crate::mdm::backups::plan::{self, NewPlan};
use crate::mdm::backups::retention::Keep;
use crate::mdm::backups::{self, Standing};
use crate::protocol::s3::S3Place;
use crate::secret::Secret;
use crate::store::backups::{Backup, Place};

pub(in crate::http) use places::{look_at_places, set_up};

pub(super) fn routes() -> Addresses {
    Addresses::new()
        .routes(routes!(list))
        .routes(routes!(show, change))
        .routes(routes!(try_places))
        .routes(routes!(run))
        .routes(routes!(self_test))
        .routes(routes!(recovery_key))
        .routes(routes!(take))
        .merge(kept::routes())
}

/// A backup that was put somewhere.
#[derive(Debug, Serialize, ToSchema)]
struct BackupView {
    /// UUIDv7.
    id: String,
    /// The name of its file.
    name: String,
    /// In a folder, or in a store that speaks S3.
    place: Place,
    /// The folder, or the bucket's address with the prefix.
    location: String,
    /// Size of its file.
    size_bytes: i64,
    /// Devices in it.
    devices: i64,
    /// Whether files of apps of your own are in it.
    with_packages: bool,
    /// The moment that it holds.
    made_at: Timestamp,
    /// When it was last restored for trial.
    tested_at: Option<Timestamp>,
    /// What was wrong then; null for nothing.
    test_problem: Option<String>,
}

impl From<Backup> for BackupView {
    fn from(backup: Backup) -> Self {
        let Backup { id, name, place, location, size_bytes, devices, with_packages, made_at, tested_at, test_problem } = backup;
        let test_problem = Some(test_problem).filter(|problem| !problem.is_empty());
        Self { id, name, place, location, size_bytes, devices, with_packages, made_at, tested_at, test_problem }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct BackupsQuery {
    /// Items in a page, from 1 to 500; 50 by default.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Backups that this appliance put somewhere and has not deleted.
#[utoipa::path(get, path = "/api/v1/backups", tag = "backups", params(BackupsQuery),
    responses((status = 200, description = "Newest first", body = List<BackupView>)))]
async fn list(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Query(query): Query<BackupsQuery>,
) -> Result<JsonBody<List<BackupView>>> {
    let page = Page::<(Timestamp, String)>::parse(query.limit, query.after.as_deref())?;
    let key = |backup: &Backup| (backup.made_at, backup.id.clone());
    // Retention keeps them few enough to be read whole.
    let mut rows = app.store.read_slow(app.now(), move |tx| backups::list(tx, &actor)).await?;
    let total = rows.len() as u64;
    rows.retain(|backup| page.after.as_ref().is_none_or(|after| key(backup) < *after));
    Ok(JsonBody(page.answer(rows, total, key, BackupView::from)))
}

/// A bucket of a store that speaks S3.
#[derive(Debug, Serialize, ToSchema)]
struct BackupStoreView {
    /// The address of the store.
    endpoint: String,
    /// Its region.
    region: String,
    /// The bucket.
    bucket: String,
    /// What the names of objects begin with.
    prefix: String,
    /// The id of the access key.
    key_id: String,
    /// Whether a secret key is kept; it is never shown.
    has_secret_key: bool,
    /// Whether the bucket stands in the path of addresses rather than in the host's name.
    path_style: bool,
    /// Roots that are trusted besides the public ones, PEM.
    trust_anchors: String,
}

/// How backups stand, and what was set up.
#[derive(Debug, Serialize, ToSchema)]
struct BackupSettingsView {
    /// Whether one is made each day.
    daily: bool,
    /// At which time, in the appliance's time zone.
    #[schema(example = "03:15")]
    at: String,
    /// Whether files of apps of your own are in it.
    with_packages: bool,
    /// How many are kept.
    keep: Keep,
    /// The folder that they go to.
    folder: Option<String>,
    /// The store that they go to.
    s3: Option<BackupStoreView>,
    /// The public part of the recovery key for which they are locked; null while there is none.
    recovery_public_key: Option<String>,
    /// When that key was made.
    recovery_key_made_at: Option<Timestamp>,
    /// The moment of the last backup that reached every place, or that somebody took to a place of their own.
    last_at: Option<Timestamp>,
    /// Its size.
    last_size_bytes: Option<u64>,
    /// When the next one is made.
    next_at: Option<Timestamp>,
    /// Whether somebody asked for one that is not made yet.
    is_wished: bool,
    /// Why the last try failed; null when it did not.
    failure: Option<String>,
    /// When the newest is restored for trial the next time.
    self_test_at: Option<Timestamp>,
    /// The moment of the backup that this appliance was restored from; null if it never was.
    restored_from_at: Option<Timestamp>,
}

impl From<Standing> for BackupSettingsView {
    fn from(standing: Standing) -> Self {
        let Standing { plan, has_s3_secret, recovery, last, failure, next_at, is_wished, test_due_at, restored, .. } = standing;
        let store = |place: S3Place| BackupStoreView {
            endpoint: place.endpoint,
            region: place.region,
            bucket: place.bucket,
            prefix: place.prefix,
            key_id: place.key_id,
            has_secret_key: has_s3_secret,
            path_style: place.path_style,
            trust_anchors: place.trust_anchors,
        };
        Self {
            daily: plan.daily,
            at: plan::time(plan.minute),
            with_packages: plan.with_packages,
            keep: plan.keep,
            folder: plan.folder,
            s3: plan.s3.map(store),
            recovery_key_made_at: recovery.as_ref().map(|recovery| recovery.made_at),
            recovery_public_key: recovery.map(|recovery| recovery.public_key),
            last_at: last.as_ref().map(|last| last.made_at),
            last_size_bytes: last.map(|last| last.size_bytes),
            next_at,
            is_wished,
            failure: failure.map(|failure| failure.because),
            self_test_at: test_due_at,
            restored_from_at: restored.map(|restored| restored.made_at),
        }
    }
}

/// How backups stand.
#[utoipa::path(get, path = "/api/v1/backups/settings", tag = "backups",
    responses((status = 200, description = "As they are", body = BackupSettingsView)))]
async fn show(State(app): State<App>, Authenticated(actor): Authenticated) -> Result<JsonBody<BackupSettingsView>> {
    standing(&app, actor).await
}

async fn standing(app: &App, actor: Actor) -> Result<JsonBody<BackupSettingsView>> {
    Ok(JsonBody(app.store.read(app.now(), |tx| backups::standing(tx, &actor)).await?.into()))
}

/// A bucket of a store that speaks S3.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BackupStoreInput {
    /// The address of the store.
    #[schema(example = "https://s3.eu-central-1.amazonaws.com")]
    endpoint: String,
    /// Its region; `us-east-1` where none is given.
    #[serde(default)]
    region: String,
    /// The bucket, which must exist.
    bucket: String,
    /// What the names of objects begin with.
    #[serde(default)]
    prefix: String,
    /// The id of an access key that may put, get and delete objects there.
    key_id: String,
    /// Its secret; left out to keep the one that is here.
    #[schema(value_type = Option<String>)]
    secret_key: Option<String>,
    /// Whether the bucket stands in the path of addresses, as most stores of one's own want it.
    #[serde(default)]
    path_style: bool,
    /// Roots to trust besides the public ones, PEM.
    #[serde(default)]
    trust_anchors: String,
}

/// What backups are to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BackupSettingsInput {
    /// Whether one is made each day.
    #[serde(default)]
    daily: bool,
    /// At which time of the day, in the appliance's time zone.
    #[schema(example = "03:15")]
    at: String,
    /// Whether files of apps of your own are in it.
    #[serde(default)]
    with_packages: bool,
    /// How many are kept: the newest of so many days, weeks and months that have one.
    #[serde(default)]
    keep: Keep,
    /// The folder that they go to, its whole path; null for none.
    folder: Option<String>,
    /// The store that they go to; null for none.
    s3: Option<BackupStoreInput>,
}

impl From<BackupSettingsInput> for NewPlan {
    fn from(input: BackupSettingsInput) -> Self {
        let BackupSettingsInput { daily, at, with_packages, keep, folder, s3 } = input;
        let (mut place, mut secret) = (None, None);
        if let Some(store) = s3 {
            secret = store.secret_key.map(Secret::new);
            place = Some(S3Place {
                endpoint: store.endpoint,
                region: store.region,
                bucket: store.bucket,
                prefix: store.prefix,
                key_id: store.key_id,
                path_style: store.path_style,
                trust_anchors: store.trust_anchors,
            });
        }
        Self { daily, at, with_packages, keep, folder, s3: place, s3_secret: secret }
    }
}

/// Set up backups. Those that are made each day want a recovery key first; a folder that is another one than before is tried, and refused where no
/// backup can be put.
#[utoipa::path(put, path = "/api/v1/backups/settings", tag = "backups", request_body = BackupSettingsInput,
    responses((status = 200, description = "As they are now", body = BackupSettingsView)))]
async fn change(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Json(input): Json<BackupSettingsInput>,
) -> Result<JsonBody<BackupSettingsView>> {
    set_up(&app, &actor, NewPlan::from(input)).await?;
    standing(&app, actor).await
}

/// Try whether files can be put into the places of settings, and removed again; nothing is kept.
#[utoipa::path(post, path = "/api/v1/backups/settings/try", tag = "backups", request_body = BackupSettingsInput,
    responses((status = 204, description = "They can")))]
async fn try_places(
    State(app): State<App>,
    Authenticated(actor): Authenticated,
    Json(input): Json<BackupSettingsInput>,
) -> Result<StatusCode> {
    let new = NewPlan::from(input);
    let (plan, secret) = app.store.read(app.now(), move |tx| plan::check(tx, &actor, &new)).await?;
    look_at_places(&app, &plan, secret.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BackupNothing {}

/// Make a backup now and put it in its places; `last_at` and `failure` of the settings say what became of it.
#[utoipa::path(post, path = "/api/v1/backups/run", tag = "backups", request_body = BackupNothing,
    responses((status = 202, description = "It is being made", body = BackupNothing)))]
async fn run(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<BackupNothing>) -> Result<Answer> {
    let done = move |tx: &_| {
        post.once.run(tx, &actor, |tx| {
            backups::run_now(tx, &actor)?;
            Answer::new(StatusCode::ACCEPTED, &serde_json::json!({}))
        })
    };
    app.store.write(app.now(), done).await
}

/// Restore the newest backup for trial, into a temporary folder; its `tested_at` and `test_problem` say what became of it.
#[utoipa::path(post, path = "/api/v1/backups/self-test", tag = "backups", request_body = BackupNothing,
    responses((status = 202, description = "It is being tried", body = BackupNothing)))]
async fn self_test(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<BackupNothing>) -> Result<Answer> {
    let done = move |tx: &_| {
        post.once.run(tx, &actor, |tx| {
            backups::test_now(tx, &actor)?;
            Answer::new(StatusCode::ACCEPTED, &serde_json::json!({}))
        })
    };
    app.store.write(app.now(), done).await
}

/// A recovery key that was just made.
#[derive(Debug, Serialize, ToSchema)]
struct MadeRecoveryKey {
    /// The key that opens backups from now on; it is said this once, and not kept here.
    #[schema(example = "AGE-SECRET-KEY-1…")]
    recovery_key: String,
    /// Its public part.
    public_key: String,
}

/// Make a recovery key. Backups that were made before still open with the key before.
#[utoipa::path(post, path = "/api/v1/backups/recovery-key", tag = "backups", request_body = BackupNothing,
    responses((status = 201, description = "The key, said this once", body = MadeRecoveryKey)))]
async fn recovery_key(State(app): State<App>, Authenticated(actor): Authenticated, post: Post<BackupNothing>) -> Result<Answer> {
    let make = move |tx: &_| {
        post.once.run(tx, &actor, |tx| {
            let (recovery, key) = backups::make_recovery_key(tx, &actor)?;
            Answer::new(StatusCode::CREATED, &MadeRecoveryKey { recovery_key: key.expose().clone(), public_key: recovery.public_key })
        })
    };
    app.store.write(app.now(), make).await
}

/// How a backup is to be locked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TakeInput {
    /// A passphrase of 12 characters or more; left out, it is locked for the recovery key.
    #[schema(min_length = 12, max_length = 1000)]
    passphrase: Option<String>,
    /// Whether files of apps of your own are in it.
    #[serde(default)]
    with_packages: bool,
    /// A folder where the copy of the database is made while the disk of the data folder has no room for it; for the command line at the machine itself.
    spare_folder: Option<String>,
}

/// Take a backup away: an age file, made while it is sent. An answer that breaks off is no backup.
#[utoipa::path(post, path = "/api/v1/backups/file", tag = "backups", request_body = TakeInput,
    responses((status = 200, description = "The backup", body = Vec<u8>, content_type = "application/octet-stream")))]
async fn take(State(app): State<App>, Authenticated(actor): Authenticated, Json(input): Json<TakeInput>) -> Result<Response> {
    if input.spare_folder.is_some() && !matches!(actor, Actor::Console) {
        return Err(Error::field("spare_folder", t!("only the command line at the machine itself names such a folder; leave it out")));
    }
    let spare = input.spare_folder.map(PathBuf::from);
    let wish = Wish { passphrase: input.passphrase.map(Secret::new), with_packages: input.with_packages, spare };
    backup::answer(&app, &actor, wish).await
}
