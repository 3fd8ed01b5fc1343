//! What a durable answer costs: writes by one caller and by many, point reads, soft facts.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::ItemsCount;
use rollcall::clock::Timestamp;
use rollcall::pki::seal::{KEY_BYTES, Sealer};
use rollcall::store::events::{NewEvent, append, newest};
use rollcall::store::{OpenOptions, SoftFact, Store};
use tokio::runtime::Runtime;

/// Writes that each caller makes in one sample, one after the other.
const WRITES: usize = 50;
const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

fn main() {
    divan::main();
}

/// A store in a file that is removed with the folder.
fn fresh() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let sealer = Sealer::from_key(&[7; KEY_BYTES]).expect("the key has the right length");
    let store = Store::open(OpenOptions::file(folder.path().join("rollcall.db"), sealer)).expect("the store opens");
    (folder, store)
}

async fn write(store: &Store) -> i64 {
    let written = store.write(NOW, |tx| {
        append(tx, &NewEvent { kind: "push.sent", actor_kind: "job", actor: "push", device_id: Some("TESTSN0001"), ..NewEvent::default() })
    });
    written.await.expect("the write succeeds")
}

#[divan::bench(args = [1, 16, 64, 256])]
fn durable_writes(bencher: Bencher, callers: usize) {
    let (_folder, store) = fresh();
    let runtime = Runtime::new().expect("the runtime starts");
    bencher.counter(ItemsCount::new(callers * WRITES)).bench_local(|| {
        runtime.block_on(async {
            let tasks: Vec<_> = (0..callers)
                .map(|_| {
                    let store = store.clone();
                    tokio::spawn(async move {
                        for _ in 0..WRITES {
                            black_box(write(&store).await);
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.expect("no caller panics");
            }
        });
    });
}

#[divan::bench]
fn point_read(bencher: Bencher) {
    let (_folder, store) = fresh();
    bencher.bench_local(|| store.read_blocking(NOW, newest).expect("the read succeeds"));
}

#[divan::bench(args = [1, 10_000])]
fn soft_facts(bencher: Bencher, enrollments: usize) {
    let (_folder, store) = fresh();
    let ids: Vec<String> = (0..enrollments).map(|number| format!("019aa000-0000-7000-8000-{number:012}")).collect();
    let mut turn = ids.iter().cycle();
    bencher
        .with_inputs(|| turn.next().expect("a cycle never ends").clone())
        .bench_local_values(|id| store.soft(SoftFact::EnrollmentSeen(id), NOW));
}
