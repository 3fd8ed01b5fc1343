//! The way of a package's bytes from a request to the disk, for the API, the page and the command line alike.
//!
//! Pieces are written as they come; a request that breaks off leaves what came, and the next one goes on there. Only when all is there and was read is
//! the file put in its place, and the package stored.

use std::io::BufReader;

use axum::body::Bytes;
use tokio_stream::{Stream, StreamExt as _};

use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::mdm::Actor;
use crate::mdm::packages::{self, Begun, Kept, MAX_BYTES, NewPackage};
use crate::protocol::manifest::Hashes;
use crate::protocol::package::{self, Package, Refusal};
use crate::store::package_files::Part;
use crate::store::packages::{Stage, Upload, by_sha256};

/// Bytes that are gathered before they are written: small pieces of the network make large ones for the disk.
const WRITE_BYTES: usize = 1 << 20;

/// What a package is to be when it is complete.
#[derive(Debug, Clone, Default)]
pub(super) struct Wish {
    /// SHA-256 that its bytes are to have; empty where nobody said.
    pub(super) sha256: String,
    /// Whether it is taken though its provisioning profile has ended.
    pub(super) accept_expired: bool,
    /// For whom it is meant.
    pub(super) stage: Option<Stage>,
}

/// Does what blocks beside the async runtime.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|panic| Error::internal("a fault in the program", panic))?
}

/// Begins an upload of `size_bytes`, where they are known, or finds the one that broke off.
pub(super) async fn begin(app: &App, actor: &Actor, file_name: &str, size_bytes: Option<u64>, sha256: &str) -> Result<Begun> {
    let room = room(app, actor).await?;
    let (actor, file_name, sha256) = (actor.clone(), file_name.to_owned(), sha256.to_owned());
    app.store.write(app.now(), move |tx| packages::begin(tx, &actor, &file_name, size_bytes, &sha256, room)).await
}

/// How many bytes the disk can still take, without what other uploads were promised.
async fn room(app: &App, actor: &Actor) -> Result<u64> {
    let viewer = actor.clone();
    let others = app.store.read(app.now(), |tx| packages::under_way(tx, &viewer)).await?;
    let files = app.packages.clone();
    let left = aside(move || {
        let mut promised = 0;
        for upload in others {
            promised += upload.size_bytes.max(0).unsigned_abs().saturating_sub(files.length(&upload.id)?);
        }
        Ok(files.room()?.saturating_sub(promised))
    });
    left.await
}

/// How much of an upload has come.
pub(super) async fn received(app: &App, upload: &Upload) -> Result<u64> {
    let (files, id) = (app.packages.clone(), upload.id.clone());
    aside(move || files.length(&id)).await
}

/// Writes what `body` brings at `offset`, which must be where the upload ends now. Gives the upload with its new length.
///
/// # Errors
/// Conflict when it ends elsewhere or somebody else writes; too large beyond what was said; what came before an error stays.
pub(super) async fn append<E>(
    app: &App,
    actor: &Actor,
    id: &str,
    offset: u64,
    body: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<(Upload, u64)> {
    let (viewer, wanted) = (actor.clone(), id.to_owned());
    let upload = app.store.read(app.now(), move |tx| packages::upload(tx, &viewer, &wanted)).await?;
    let (files, part) = (app.packages.clone(), id.to_owned());
    let part = aside(move || files.open_part(&part)).await?;
    if part.length() != offset {
        return Err(Error::conflict(t!("The upload has {length} bytes: go on from there.", length = part.length())));
    }
    let (part, outcome) = write(part, &Bound::Said(upload.size_bytes.max(0).unsigned_abs()), body).await?;
    let length = part.length();
    drop(part);
    let touched = id.to_owned();
    app.store.write(app.now(), move |tx| packages::touch(tx, &touched)).await?;
    outcome.map(|()| (upload, length))
}

/// How large a file may become.
enum Bound<'a> {
    /// So large: somebody said so, and the room is kept for it.
    Said(u64),
    /// As large as there is room, for whoever sends it.
    Room(&'a App, &'a Actor),
}

impl Bound<'_> {
    /// To which length a part may grow that has `length` now and is to have `wanted`; asked again there.
    async fn reach(&self, length: u64, wanted: u64) -> Result<u64> {
        match self {
            Self::Said(most) if wanted > *most => Err(Error::new(
                Kind::TooLarge,
                t!("More came than the {most} bytes that the file is to have. Begin anew with its true size.", most),
            )),
            Self::Said(most) => Ok(*most),
            Self::Room(app, actor) => packages::grows_to(length, wanted, room(app, actor).await?),
        }
    }
}

/// Writes a body at the end of a part, within its bound. The outer error is the disk's; the inner one is the sender's.
async fn write<E>(mut part: Part, bound: &Bound<'_>, mut body: impl Stream<Item = Result<Bytes, E>> + Unpin) -> Result<(Part, Result<()>)> {
    let mut gathered = Vec::with_capacity(WRITE_BYTES);
    let (mut outcome, mut reach) = (Ok(()), 0);
    loop {
        let piece = body.next().await;
        let is_end = !matches!(piece, Some(Ok(_)));
        match piece {
            Some(Ok(bytes)) => {
                let wanted = part.length() + (gathered.len() + bytes.len()) as u64;
                if wanted > reach {
                    match bound.reach(part.length(), wanted).await {
                        Ok(further) => reach = further,
                        Err(error) => return Ok((part, Err(error))),
                    }
                }
                gathered.extend_from_slice(&bytes);
            }
            Some(Err(_)) => {
                outcome = Err(Error::bad_input(t!("The rest of the piece did not come. Ask how far the upload is, and go on from there.")));
            }
            None => {}
        }
        if gathered.len() >= WRITE_BYTES || (is_end && !gathered.is_empty()) {
            let written = std::mem::replace(&mut gathered, Vec::with_capacity(WRITE_BYTES));
            part = aside(move || part.append(&written).map(|()| part)).await?;
        }
        if is_end {
            return Ok((part, outcome));
        }
    }
}

/// Ends an upload without a package.
pub(super) async fn cancel(app: &App, actor: &Actor, id: &str) -> Result<()> {
    let (actor, ended) = (actor.clone(), id.to_owned());
    if !app.store.write(app.now(), move |tx| packages::cancel(tx, &actor, &ended)).await? {
        return Err(Error::not_found(t!("There is no such upload.")));
    }
    let (files, part) = (app.packages.clone(), id.to_owned());
    aside(move || files.drop_part(&part)).await
}

/// Makes a package of an upload that is complete: hashed, read, put in its place, stored.
///
/// # Errors
/// Conflict while bytes are missing; bad input when it is none that devices install: then the upload is over. Where only a word of the caller's is
/// missing or wrong (`accept_expired`, `stage`, `sha256`), it stays, and may be completed with another.
pub(super) async fn complete(app: &App, actor: &Actor, id: &str, wish: Wish) -> Result<Kept> {
    let (viewer, wanted) = (actor.clone(), id.to_owned());
    let upload = app.store.read(app.now(), move |tx| packages::upload(tx, &viewer, &wanted)).await?;
    let (files, part) = (app.packages.clone(), id.to_owned());
    let size = upload.size_bytes.max(0).unsigned_abs();
    let read = aside(move || {
        let mut part = files.open_part(&part)?;
        if part.length() != size {
            return Err(Error::conflict(t!("The upload has {length} of {size} bytes: send the rest first.", length = part.length(), size)));
        }
        look(&mut part).map(|looked| (part, looked))
    });
    let (part, (hashes, read)) = read.await?;
    let wanted = if wish.sha256.is_empty() { &upload.sha256 } else { &wish.sha256 };
    must_fit(wanted, &hashes, t!("If that is right, complete it with that digest; else cancel it and send the file again"))?;
    match read.map_err(Error::from) {
        Ok(read) => {
            let new = NewPackage { hashes, read, accept_expired: wish.accept_expired, stage: wish.stage };
            settled(app, actor, id, part, new).await
        }
        Err(error) => {
            drop(part);
            cancel(app, actor, id).await?;
            Err(error)
        }
    }
}

/// Compares what came with the digest that was said, where one was.
fn must_fit(wanted: &str, hashes: &Hashes, remedy: &str) -> Result<()> {
    if wanted.is_empty() || wanted.eq_ignore_ascii_case(&hashes.sha256) {
        return Ok(());
    }
    let what = t!("the file arrived damaged, or is another one than was said: the SHA-256 of what came is");
    Err(Error::field("sha256", format!("{what} {}. {remedy}", hashes.sha256)))
}

/// What a part comes to and holds.
fn look(part: &mut Part) -> Result<(Hashes, Result<Package, Refusal>)> {
    let hashes = part.hashes()?;
    let read = package::read(BufReader::with_capacity(64 << 10, part.file()), hashes.size_bytes);
    Ok((hashes, read))
}

/// Settles an upload, to its end even when whoever asked hangs up meanwhile.
async fn settled(app: &App, actor: &Actor, id: &str, part: Part, new: NewPackage) -> Result<Kept> {
    let (app, actor, id) = (app.clone(), actor.clone(), id.to_owned());
    let work = tokio::spawn(async move { settle(&app, &actor, &id, part, new).await });
    work.await.map_err(|panic| Error::internal("a fault in the program", panic))?
}

/// Puts the file in its place and stores the package, in this order: a device may fetch what is stored at once.
async fn settle(app: &App, actor: &Actor, id: &str, part: Part, new: NewPackage) -> Result<Kept> {
    let (viewer, checked) = (actor.clone(), new.clone());
    app.store.read_slow(app.now(), move |tx| packages::admit(tx, &viewer, &checked)).await?;
    let (files, name, sha256, now) = (app.packages.clone(), id.to_owned(), new.hashes.sha256.clone(), app.now());
    aside(move || files.keep(&name, &sha256, now)).await?;
    drop(part);
    let (actor, ended, sha256) = (actor.clone(), id.to_owned(), new.hashes.sha256.clone());
    let stored = app.store.write(app.now(), move |tx| {
        let kept = packages::keep(tx, &actor, &new)?;
        packages::cancel(tx, &actor, &ended)?;
        Ok(kept)
    });
    match stored.await {
        Ok(kept) => Ok(kept),
        Err(error) => {
            // Unless the same file is a package already, it is a part again, so that completing can be tried once more.
            let looked_for = sha256.clone();
            let is_known = app.store.read(app.now(), move |tx| by_sha256(tx, &looked_for)).await?.is_some();
            if !is_known {
                let (files, name) = (app.packages.clone(), id.to_owned());
                aside(move || files.take_back(&name, &sha256)).await?;
            }
            Err(error)
        }
    }
}

/// A whole file that came in one go, looked into and not kept yet.
pub(super) struct Arrived {
    upload: Upload,
    part: Part,
    hashes: Hashes,
    read: Package,
}

/// Takes a whole file in one go and keeps it; when it breaks off, nothing of it stays.
///
/// # Errors
/// As [`begin`], [`append`] and [`complete`].
pub(super) async fn whole<E>(
    app: &App,
    actor: &Actor,
    file_name: &str,
    announced: Option<u64>,
    wish: Wish,
    body: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<Kept> {
    let arrived = arrive(app, actor, file_name, announced, body).await?;
    keep(app, actor, arrived, wish).await
}

/// Takes a whole file in one go, of `announced` bytes at the most or, where nobody announced any, as far as there is room, which is looked at as it
/// grows; when it breaks off, nothing of it stays.
pub(super) async fn arrive<E>(
    app: &App,
    actor: &Actor,
    file_name: &str,
    announced: Option<u64>,
    body: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<Arrived> {
    // Without a digest, so that it is never mixed with an upload that somebody else has begun.
    let begun = begin(app, actor, file_name, announced.map(|announced| announced.clamp(1, MAX_BYTES)), "").await?;
    let Begun::Upload(upload) = begun else { return Err(Error::conflict(t!("The file is here already."))) };
    let bound = match announced {
        Some(_) => Bound::Said(upload.size_bytes.max(0).unsigned_abs()),
        None => Bound::Room(app, actor),
    };
    let outcome = filled(app, &upload, &bound, body).await;
    if outcome.is_err() {
        give_up(app, actor, &upload).await;
    }
    let (part, hashes, read) = outcome?;
    Ok(Arrived { upload, part, hashes, read })
}

async fn filled<E>(
    app: &App,
    upload: &Upload,
    bound: &Bound<'_>,
    body: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<(Part, Hashes, Package)> {
    let (files, id) = (app.packages.clone(), upload.id.clone());
    let part = aside(move || files.open_part(&id)).await?;
    let (mut part, sent) = write(part, bound, body).await?;
    sent?;
    let (part, (hashes, read)) = aside(move || look(&mut part).map(|looked| (part, looked))).await?;
    Ok((part, hashes, read?))
}

/// Keeps a file that came; when it cannot be kept, nothing of it stays.
pub(super) async fn keep(app: &App, actor: &Actor, arrived: Arrived, wish: Wish) -> Result<Kept> {
    let Arrived { upload, part, hashes, read } = arrived;
    let kept = match must_fit(&wish.sha256, &hashes, t!("Upload it again")) {
        Ok(()) => {
            let new = NewPackage { hashes, read, accept_expired: wish.accept_expired, stage: wish.stage };
            settled(app, actor, &upload.id, part, new).await
        }
        Err(error) => Err(error),
    };
    if kept.is_err() {
        give_up(app, actor, &upload).await;
    }
    kept
}

/// Lets go of a file that came.
pub(super) async fn drop_arrived(app: &App, actor: &Actor, arrived: Arrived) {
    give_up(app, actor, &arrived.upload).await;
}

/// It may be over already; what counts is what went wrong first.
async fn give_up(app: &App, actor: &Actor, upload: &Upload) {
    let _ = cancel(app, actor, &upload.id).await;
}

/// Deletes a version, and its file once that is stored.
pub(super) async fn delete(app: &App, actor: &Actor, id: &str) -> Result<()> {
    let (actor, id) = (actor.clone(), id.to_owned());
    let sha256 = app.store.write(app.now(), move |tx| packages::delete(tx, &actor, &id)).await?;
    let files = app.packages.clone();
    aside(move || files.drop_whole(&sha256)).await
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::mdm::packages::LOOK_EVERY_BYTES;
    use crate::store::OpenOptions;

    /// A file of so many bytes that nobody announced, or announced so.
    async fn sent(app: &App, bytes: u64, announced: Option<u64>) -> Error {
        let pieces = (0..bytes / WRITE_BYTES as u64).map(|_| Ok::<_, Infallible>(Bytes::from(vec![0; WRITE_BYTES])));
        whole(app, &Actor::Console, "a.ipa", announced, Wish::default(), tokio_stream::iter(pieces)).await.unwrap_err()
    }

    #[tokio::test]
    async fn a_file_of_unknown_size_is_taken_as_far_as_there_is_room_and_nothing_of_it_stays() {
        let data = tempfile::tempdir().unwrap();
        let app = App::for_tests_in(OpenOptions::memory(), data.path());
        let free = app.packages.room().unwrap();
        let file = LOOK_EVERY_BYTES * 3;
        let short = app.with_room_kept(free.saturating_sub(LOOK_EVERY_BYTES * 3 / 2));
        let error = sent(&short, file, None).await;
        assert!(error.kind == Kind::Busy && error.message.contains("room"), "{error}");
        let none = short.with_room_kept(u64::MAX);
        assert!(sent(&none, file, None).await.message.contains("no more room: 0 MB"));
        let wide = none.with_room_kept(0);
        assert_eq!(sent(&wide, file, None).await.kind, Kind::BadInput, "it came whole, and is no package");
        assert_eq!(sent(&wide, file, Some(file / 2)).await.kind, Kind::TooLarge);
        assert_eq!(std::fs::read_dir(data.path().join("packages")).unwrap().count(), 0);
        assert!(wide.store.read(wide.now(), |tx| packages::under_way(tx, &Actor::Console)).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn no_room_is_kept_for_a_file_of_unknown_size() {
        let data = tempfile::tempdir().unwrap();
        let app = App::for_tests_in(OpenOptions::memory(), data.path());
        let begun = begin(&app, &Actor::Console, "a.ipa", None, "").await.unwrap();
        assert!(matches!(begun, Begun::Upload(upload) if upload.size_bytes == 0));
        let before = app.packages.room().unwrap();
        assert!(room(&app, &Actor::Console).await.unwrap() >= before / 2, "others have room beside it");
    }
}
