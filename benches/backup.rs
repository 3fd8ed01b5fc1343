//! What a backup costs those who are served meanwhile: durable writes and their slowest hundredth, alone and while a database of `ROLLCALL_BACKUP_MIB`
//! (1024) is backed up. Prints both, and fails where the second is more than twice the first.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it found")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rollcall::clock::Timestamp;
use rollcall::pki::vault::{Lock, RecoveryKey};
use rollcall::store::backup::{Source, apart, write};
use rollcall::store::events::{NewEvent, append};
use rollcall::store::{DataFolder, OpenOptions, Store};
use tokio::runtime::Runtime;

const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);
/// How long is written without a backup.
const ALONE: Duration = Duration::from_secs(10);
/// The rest between two writes of a caller: devices that come, not a flood.
const BETWEEN: Duration = Duration::from_millis(2);
/// Callers that write at the same time.
const CALLERS: usize = 16;

fn main() {
    // Asked for by `cargo nextest --all-targets`: there is nothing to list.
    if std::env::args().any(|word| word == "--list") {
        return;
    }
    let mib = std::env::var("ROLLCALL_BACKUP_MIB").ok().and_then(|text| text.parse().ok()).unwrap_or(1024);
    let root = tempfile::tempdir().expect("a temporary folder can be made");
    let folder = DataFolder::open(root.path().join("data")).expect("the folder is ours");
    let store = Store::open(OpenOptions::file(folder.database(), folder.sealer().expect("a key is made"))).expect("the store opens");
    fill(&store, mib);
    let runtime = Runtime::new().expect("a runtime starts");
    let alone = runtime.block_on(served(&store, async || tokio::time::sleep(ALONE).await));
    let data = folder.path().to_path_buf();
    let backed_up = runtime.block_on(served(&store, async || {
        let (from, lock) = (store.clone(), Lock::Keys(vec![RecoveryKey::generate().public()]));
        let made = apart(move |watch| {
            let source = Source { store: &from, data: &data, with_packages: false, lock: &lock, spare: None, now: NOW, id: "bench" };
            write(&source, std::io::sink(), watch).map(|(_, manifest)| manifest)
        });
        println!("{} MiB backed up", made.await.expect("the backup is made").database_bytes >> 20);
    }));
    let factor = backed_up.as_secs_f64() / alone.as_secs_f64();
    println!("p99 of a durable write: {alone:?} alone, {backed_up:?} during the backup: {factor:.2} times");
    assert!(factor < 2.0, "a backup slows others by more than twice");
}

fn fill(store: &Store, mib: usize) {
    // Letters that compress about as well as reports do.
    let data: String = (0..100_000_u32).map(|at| char::from(b'a' + (at.wrapping_mul(2_654_435_761) >> 28) as u8)).collect();
    for _ in 0..mib {
        let data = data.clone();
        let page = move |tx: &rollcall::store::Tx| {
            for _ in 0..10 {
                append(
                    tx,
                    &NewEvent { kind: "large", actor_kind: "job", actor: "bench", data: data.clone().into(), ..NewEvent::default() },
                )?;
            }
            Ok(())
        };
        store.write_blocking(NOW, page).expect("the write succeeds");
    }
}

/// The slowest hundredth of the writes that are made while `work` goes on.
async fn served(store: &Store, work: impl AsyncFnOnce()) -> Duration {
    let stop = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..CALLERS).map(|_| tokio::spawn(call(store.clone(), Arc::clone(&stop)))).collect();
    work().await;
    stop.store(true, Ordering::Relaxed);
    let mut times = Vec::new();
    for caller in callers {
        times.extend(caller.await.expect("a caller ends in order"));
    }
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures")]
async fn call(store: Store, stop: Arc<AtomicBool>) -> Vec<Duration> {
    let mut times = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let event = || NewEvent { kind: "push.sent", actor_kind: "job", actor: "bench", ..NewEvent::default() };
        store.write(NOW, move |tx| append(tx, &event()).map(drop)).await.expect("the write succeeds");
        times.push(began.elapsed());
        tokio::time::sleep(BETWEEN).await;
    }
    times
}
