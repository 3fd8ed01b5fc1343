//! Copies the write-ahead log back into the database file, beside the writer rather than in its way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use rusqlite::hooks::Wal;

use crate::error::{Error, Result};
use crate::store::connection::{Location, page_bytes};

/// Bytes of the log that are copied back at a time, 48 MiB: a page that many commits changed meanwhile is copied once, and what is copied has to be on
/// the disk before the log begins anew, which those who write then wait for.
const EVERY_BYTES: usize = 48 << 20;
/// Bytes after which the writer itself waits until the log is copied back whole, 64 MiB: only then does it begin anew. Without pauses in the
/// writing the log would grow for ever; with them it never comes to this.
const LIMIT_BYTES: usize = 64 << 20;

/// What the thread is told.
enum Word {
    /// There is something to copy.
    Copy,
    /// The store is closed.
    End,
}

/// The handle on the thread.
pub(in crate::store) struct Checkpointer {
    words: SyncSender<Word>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Watches what `writer` commits, and keeps in `end` how many pages the log has; none for a database in memory, which has no log.
    pub(in crate::store) fn start(writer: &mut Connection, location: &Location, end: Arc<AtomicUsize>) -> Result<Option<Self>> {
        if matches!(location, Location::Memory(_)) {
            return Ok(None);
        }
        let conn = location.open_reader()?;
        let (every, limit) = in_pages(&conn)?;
        let copied = Arc::new(AtomicUsize::new(0));
        // One word is enough: whoever hears it looks at everything.
        let (words, heard) = sync_channel(1);
        let (ring, seen) = (words.clone(), Arc::clone(&copied));
        writer.wal_hook(Some(move |log: &mut Wal, pages: i32| {
            let pages = usize::try_from(pages).unwrap_or_default();
            end.store(pages, Ordering::Relaxed);
            if pages < seen.load(Ordering::Relaxed) {
                // The log began anew.
                seen.store(0, Ordering::Relaxed);
            }
            if pages >= limit {
                // While the thread is at it this does nothing, and the next commit tries again.
                let _ = log.checkpoint();
            } else if pages - seen.load(Ordering::Relaxed) >= every {
                let _ = ring.try_send(Word::Copy);
            }
            Ok(())
        }))?;
        let thread = std::thread::Builder::new()
            .name(String::from("checkpoint"))
            .spawn(move || work(&conn, &heard, &copied))
            .map_err(|error| Error::internal("the checkpoint's thread could not be started", error))?;
        Ok(Some(Self { words, thread: Some(thread) }))
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        if self.words.send(Word::End).is_ok() && thread.join().is_err() {
            tracing::error!("the checkpoint's thread ended by a panic");
        }
    }
}

/// After how many pages of this database the log is copied back, and after how many the writer waits for it.
fn in_pages(conn: &Connection) -> Result<(usize, usize)> {
    let page = page_bytes(conn)?;
    Ok((EVERY_BYTES / page, LIMIT_BYTES / page))
}

fn work(conn: &Connection, words: &Receiver<Word>, copied: &AtomicUsize) {
    while let Ok(Word::Copy) = words.recv() {
        // Passive: it holds up neither readers nor the writer, and leaves what they still need for the next time.
        let outcome = conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(2));
        match outcome {
            Ok(pages) => copied.store(usize::try_from(pages).unwrap_or_default(), Ordering::Relaxed),
            Err(error) => tracing::warn!(%error, "the log could not be copied back; the next commits try again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::clock::Timestamp;
    use crate::store::Store;
    use crate::store::events::{NewEvent, append};
    use crate::store::tests::file;

    const LETTERS: usize = 400_000;

    /// Writes so much that the log holds about `bytes` bytes.
    fn write(store: &Store, bytes: usize) {
        for _ in 0..bytes.div_ceil(LETTERS) {
            let data = "x".repeat(LETTERS).into();
            let event = NewEvent { kind: "large", actor_kind: "job", actor: "test", data, ..NewEvent::default() };
            store.write_blocking(Timestamp::from_seconds(1), move |tx| append(tx, &event)).unwrap();
        }
    }

    fn size(path: &Path) -> usize {
        std::fs::metadata(path).unwrap().len() as usize
    }

    #[test]
    fn the_log_is_copied_back_while_it_is_written_and_never_outgrows_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let store = file(folder.path());
        let log = folder.path().join("rollcall.db-wal");
        write(&store, LIMIT_BYTES + 2 * EVERY_BYTES);
        assert!(size(&folder.path().join("rollcall.db")) >= LIMIT_BYTES, "what was written is in the file");
        assert!(size(&log) <= LIMIT_BYTES + EVERY_BYTES, "{} bytes", size(&log));
    }

    #[test]
    fn a_program_that_replicates_the_log_finds_everything_in_it_until_it_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let store = file(folder.path());
        write(&store, LETTERS);
        let log = folder.path().join("rollcall.db-wal");
        // The salt in the header of a log is another one whenever it begins anew; until then, what was appended stays where it is.
        let salt = || std::fs::read(&log).unwrap()[16..24].to_vec();
        let other = Connection::open(store.path().unwrap()).unwrap();
        other.execute_batch("BEGIN; SELECT count(*) FROM events;").unwrap();
        let before = salt();
        write(&store, LIMIT_BYTES + 2 * EVERY_BYTES);
        assert_eq!(salt(), before, "our checkpoints never begin the log anew under a reader");
        assert!(size(&log) > LIMIT_BYTES);
        other.execute_batch("COMMIT").unwrap();
        let busy: i64 = other.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get(0)).unwrap();
        assert_eq!(busy, 0, "and theirs are not held up by us");
        write(&store, LETTERS);
        assert_ne!(salt(), before);
    }
}
