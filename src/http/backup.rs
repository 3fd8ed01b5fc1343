//! A backup on its way to whoever asked for it: made while it is taken, in bounded memory, and never half of one without saying so.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::mdm::{Actor, Right, backups};
use crate::pki::vault::Lock;
use crate::secret::Secret;
use crate::store::backup::{self, Source, apart};

/// Bytes of a piece on the way, and how many pieces wait for whoever takes them.
const PIECE_BYTES: usize = 64 << 10;
const PIECES: usize = 4;

/// How a backup is wanted.
pub(super) struct Wish {
    /// The passphrase; none for the recovery key that is kept here.
    pub(super) passphrase: Option<Secret<String>>,
    /// Whether files of packages come along.
    pub(super) with_packages: bool,
    /// Where the copy of the database is made while the data folder's disk has no room for it.
    pub(super) spare: Option<PathBuf>,
}

/// Makes a backup and answers with it. What can be known before its first byte is a refusal; what comes later breaks the answer off.
pub(super) async fn answer(app: &App, actor: &Actor, wish: Wish) -> Result<Response> {
    actor.require(Right::Govern)?;
    let lock = match wish.passphrase {
        Some(passphrase) => Lock::passphrase(passphrase).map_err(|error| Error::field("passphrase", error.to_string()))?,
        None => app
            .store
            .write(app.now(), backups::lock)
            .await?
            .ok_or_else(|| Error::field("passphrase", t!("give a passphrase, or make a recovery key first")))?,
    };
    let name = backups::file_name(app.now());
    let (pieces, mut taken) = channel(PIECES);
    // Whoever hangs up ends the work: the set goes with the answer, and its task with the set.
    let mut work = JoinSet::new();
    work.spawn(make(app.clone(), actor.clone(), lock, (wish.with_packages, wish.spare), pieces));
    let first = first(&mut taken, &mut work).await?;
    let rest = ReceiverStream::new(taken).map(move |piece| {
        let _ = &work;
        piece
    });
    let body = Body::from_stream(tokio_stream::once(Ok(first)).chain(rest));
    let headers = [
        (CONTENT_TYPE, String::from("application/octet-stream")),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        // It cannot be compressed any more.
        (CONTENT_ENCODING, String::from("identity")),
    ];
    Ok((headers, body).into_response())
}

/// The first piece, or why there is none.
async fn first(taken: &mut Receiver<io::Result<Bytes>>, work: &mut JoinSet<Result<()>>) -> Result<Bytes> {
    match taken.recv().await {
        Some(Ok(piece)) => Ok(piece),
        _ => match work.join_next().await {
            Some(Ok(Err(error))) => Err(error),
            _ => Err(Error::new(Kind::Internal, t!("The backup could not be made."))),
        },
    }
}

async fn make(
    app: App,
    actor: Actor,
    lock: Lock,
    (with_packages, spare): (bool, Option<PathBuf>),
    pieces: Sender<io::Result<Bytes>>,
) -> Result<()> {
    let (store, data, now) = (app.store.clone(), app.config.data.clone(), app.now());
    let (id, out) = (app.random.uuid_v7(now).to_string(), Pipe(pieces.clone()));
    let made = apart(move |watch| {
        let source = Source { store: &store, data: &data, with_packages, lock: &lock, spare: spare.as_deref(), now, id: &id };
        let (mut out, manifest) = backup::write(&source, BufWriter::with_capacity(PIECE_BYTES, out), watch)?;
        out.flush().map_err(|error| Error::conflict(t!("The backup cannot be sent: {error}.", error)))?;
        Ok(manifest)
    })
    .await;
    match made {
        Ok(manifest) => app.store.write(app.now(), move |tx| backups::by_hand::taken(tx, &actor, &manifest)).await,
        Err(error) => {
            // Without this the answer would end as if it were whole.
            let _ = pieces.send(Err(io::Error::other(error.to_string()))).await;
            Err(error)
        }
    }
}

/// The way from the thread that makes a backup to the answer.
struct Pipe(Sender<io::Result<Bytes>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, t!("nobody takes it any more")))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
