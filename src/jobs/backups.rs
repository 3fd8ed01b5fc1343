//! Makes backups when they are due, puts them in their places, removes those that were kept long enough, and tries whether they can be restored.

use std::fs::{self, File, OpenOptions};
use std::io::BufWriter;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::app::App;
use crate::apple::backup_folder::{self, Unfinished, put_in_place, unwritable, usable};
use crate::apple::object_store::ObjectStore;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::jobs::Job;
use crate::mdm::backups::plan::Plan;
use crate::mdm::backups::{self, Errand, gone, restore};
use crate::pki::vault::{Key, Lock};
use crate::protocol::s3::S3Place;
use crate::secret::Secret;
use crate::store::backup::{self, COPY_PREFIX, Kept, Manifest, Source, apart, sweep_spare};
use crate::store::backups::{Backup, Place};

/// Bytes gathered before they are written.
const WRITE_BYTES: usize = 256 << 10;

pub(super) const JOB: Job = Job { name: backups::JOB, due: backups::due, run: |app, now| Box::pin(run(app, now)) };

async fn run(app: &App, now: Timestamp) -> Result<String> {
    // Whoever waited here finds done what it came for.
    let _one = app.backing_up.lock().await;
    let Errand { backup, plan, s3_secret } = app.store.write(now, backups::errand).await?;
    let mut done = Vec::new();
    // Before anything else: what is gone must neither stand for a day that is kept, nor be what is tried.
    let lost = look(app, &plan, s3_secret.as_ref()).await?;
    if lost > 0 {
        done.push(t!("{lost} earlier ones are not in their places any more", lost));
    }
    if let Some(lock) = backup {
        match make(app, now, &plan, s3_secret.as_ref(), lock).await {
            Ok(size) => done.push(t!("a backup of {size} was made", size = mebibytes(size))),
            Err(error) => {
                let because = error.to_string();
                app.store.write(app.now(), move |tx| backups::failed(tx, &because)).await?;
                return Err(error);
            }
        }
        let deleted = delete(app, &plan, s3_secret.as_ref()).await?;
        if deleted > 0 {
            done.push(t!("{deleted} old ones were deleted", deleted));
        }
    }
    if let Some((newest, key)) = app.store.write(app.now(), backups::to_test).await? {
        let outcome = try_out(app, &plan, s3_secret.as_ref(), &newest, key).await.map_err(|error| error.to_string());
        done.push(match &outcome {
            Ok(()) => String::from(t!("the newest was restored for trial, and is sound")),
            Err(problem) => t!("the newest could not be restored: {problem}", problem),
        });
        app.store.write(app.now(), move |tx| backups::tested(tx, &newest, &outcome)).await?;
    }
    Ok(if done.is_empty() { String::from(t!("nothing to do")) } else { done.join(", ") })
}

fn mebibytes(bytes: u64) -> String {
    if bytes < 1 << 20 { t!("{bytes} KiB", bytes = bytes.div_ceil(1 << 10)) } else { t!("{bytes} MiB", bytes = bytes >> 20) }
}

/// Makes a backup and puts it in every place; gives its size.
async fn make(app: &App, now: Timestamp, plan: &Plan, secret: Option<&Secret<String>>, lock: Lock) -> Result<u64> {
    let (name, id) = (backups::file_name(now), app.random.uuid_v7(now).to_string());
    // It is written where it is to be, so that a folder on another disk costs this one nothing.
    let path = match &plan.folder {
        Some(folder) => {
            usable(Path::new(folder), &app.config.data)?;
            if let Err(error) = sweep_spare(Path::new(folder), now) {
                tracing::debug!(%error, "copies that a crash may have left in the folder were not looked for");
            }
            Path::new(folder).join(format!(".{name}.part"))
        }
        None => app.config.data.join(format!("{COPY_PREFIX}{id}.age")),
    };
    let unfinished = Unfinished(path.clone());
    let manifest = write(app, now, plan, lock, id, path.clone()).await?;
    let size = fs::metadata(&path).map_err(|error| unwritable(&path, &error))?.len();
    let mut sent = path.clone();
    if let Some(folder) = &plan.folder {
        let place = Path::new(folder).join(&name);
        put_in_place(&path, &place)?;
        sent = place;
        note(app, name.clone(), Place::Folder, folder.clone(), size, manifest.clone()).await?;
    }
    if let Some(place) = &plan.s3 {
        let mut file = tokio::fs::File::open(&sent).await.map_err(|error| unwritable(&sent, &error))?;
        store(app, place, secret)?.put(&place.object(&name), &mut file, size).await?;
        note(app, name.clone(), Place::S3, place.location(), size, manifest.clone()).await?;
    }
    drop(unfinished);
    remember(app, &plan_kept(plan, &name, &manifest));
    app.store.write(app.now(), move |tx| backups::done(tx, &manifest, size)).await?;
    Ok(size)
}

/// Where somebody finds a backup first: in the folder, where there is one.
fn plan_kept(plan: &Plan, name: &str, manifest: &Manifest) -> Kept {
    let location = plan.folder.clone().or_else(|| plan.s3.as_ref().map(S3Place::location)).unwrap_or_default();
    Kept { name: name.to_owned(), location, in_folder: plan.folder.is_some(), made_at: manifest.made_at }
}

/// Notes beside the database where the backup is: for the day on which the database cannot say it. It is as good without the note.
fn remember(app: &App, kept: &Kept) {
    if let Err(error) = backup::note(&app.config.data, kept) {
        tracing::warn!("where the newest backup is could not be noted beside the database: {error}");
    }
}

async fn note(app: &App, name: String, place: Place, location: String, size: u64, manifest: Manifest) -> Result<()> {
    app.store.write(app.now(), move |tx| backups::put(tx, &name, place, &location, size, &manifest)).await
}

/// Writes a backup to a new file, to its last byte on the disk.
async fn write(app: &App, now: Timestamp, plan: &Plan, lock: Lock, id: String, path: PathBuf) -> Result<Manifest> {
    let (store, data) = (app.store.clone(), app.config.data.clone());
    let (with_packages, folder) = (plan.with_packages, plan.folder.clone());
    apart(move |watch| {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let out = BufWriter::with_capacity(WRITE_BYTES, file.map_err(|error| unwritable(&path, &error))?);
        let source =
            Source { store: &store, data: &data, with_packages, lock: &lock, spare: folder.as_deref().map(Path::new), now, id: &id };
        let (out, manifest) = backup::write(&source, out, watch)?;
        let file = out.into_inner().map_err(|error| unwritable(&path, error.error()))?;
        file.sync_all().map_err(|error| unwritable(&path, &error))?;
        Ok(manifest)
    })
    .await
}

fn store(app: &App, place: &S3Place, secret: Option<&Secret<String>>) -> Result<ObjectStore> {
    let secret = secret.ok_or_else(|| Error::conflict(t!("The secret key of the store is missing: give it at System, Backups.")))?;
    app.object_stores.bucket(place, secret)
}

/// Looks which backups of the list are in their places; those of which nobody can tell stay as they are. Gives how many are gone.
async fn look(app: &App, plan: &Plan, secret: Option<&Secret<String>>) -> Result<usize> {
    let listed = app.store.read_slow(app.now(), gone::to_look_for).await?;
    let mut remote = plan.s3.as_ref().and_then(|place| Some((place, store(app, place, secret).ok()?)));
    let mut seen = Vec::new();
    for backup in listed {
        let size = backup.size_bytes.unsigned_abs();
        let is_there = match (backup.place, &remote) {
            (Place::Folder, _) => {
                let folder = Path::new(&backup.location);
                folder.is_dir().then(|| backup_folder::is_there(folder, &backup.name, size))
            }
            (Place::S3, Some((place, bucket))) => bucket.is_there(&place.object(&backup.name), size).await.unwrap_or_else(|error| {
                tracing::warn!("backups could not be looked for in the store: {error}");
                None
            }),
            (Place::S3, None) => None,
        };
        match is_there {
            Some(is_there) => seen.push((backup, is_there)),
            // It would say the same of all others, one after the other.
            None if backup.place == Place::S3 => remote = None,
            None => {}
        }
    }
    app.store.write(app.now(), move |tx| gone::looked(tx, &seen)).await
}

/// Deletes what was kept long enough; one that cannot be deleted is tried again after the next backup.
async fn delete(app: &App, plan: &Plan, secret: Option<&Secret<String>>) -> Result<usize> {
    let old = app.store.read_slow(app.now(), backups::to_delete).await?;
    let mut deleted = 0;
    for backup in old {
        match remove(app, plan, secret, &backup).await {
            Ok(()) => {
                app.store.write(app.now(), move |tx| backups::deleted(tx, &backup)).await?;
                deleted += 1;
            }
            Err(error) => tracing::warn!(name = backup.name, "an old backup could not be deleted: {error}"),
        }
    }
    Ok(deleted)
}

async fn remove(app: &App, plan: &Plan, secret: Option<&Secret<String>>, backup: &Backup) -> Result<()> {
    match (backup.place, &plan.s3) {
        (Place::Folder, _) => backup_folder::remove(Path::new(&backup.location), &backup.name),
        (Place::S3, Some(place)) => store(app, place, secret)?.delete(&place.object(&backup.name)).await,
        (Place::S3, None) => Err(Error::conflict(t!("the store is not known any more"))),
    }
}

/// Fetches a backup from its place and restores it into a temporary folder.
async fn try_out(app: &App, plan: &Plan, secret: Option<&Secret<String>>, backup: &Backup, key: Key) -> Result<()> {
    let fetched = match (backup.place, &plan.s3) {
        (Place::Folder, _) => None,
        (Place::S3, Some(place)) => {
            let path = app.config.data.join(format!("{COPY_PREFIX}{}.age", app.random.uuid_v7(app.now())));
            let file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(|error| unwritable(&path, &error))?;
            let fetched = Unfinished(path);
            store(app, place, secret)?.get(&place.object(&backup.name), &mut tokio::fs::File::from_std(file)).await?;
            Some(fetched)
        }
        (Place::S3, None) => return Err(Error::conflict(t!("The store is not known any more."))),
    };
    let path = fetched.as_ref().map_or_else(|| Path::new(&backup.location).join(&backup.name), |fetched| fetched.0.clone());
    let (data, now, devices) = (app.config.data.clone(), app.now(), backup.devices.unsigned_abs());
    let manifest = apart(move |watch| {
        let file = File::open(&path).map_err(|error| unwritable(&path, &error))?;
        restore::test(&data, file, &key, now, watch)
    })
    .await?;
    if manifest.devices == devices {
        return Ok(());
    }
    Err(Error::conflict(t!(
        "It holds {devices} devices, and {devices_2} were put into it.",
        devices = manifest.devices,
        devices_2 = devices
    )))
}
