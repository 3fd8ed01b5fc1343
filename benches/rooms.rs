//! What the rooms cost with a durable answer: check-ins, and commands enqueued, fetched and acknowledged, by one caller and by many.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::ItemsCount;
use rollcall::clock::Timestamp;
use rollcall::mdm::commands::{Wish, enqueue};
use rollcall::mdm::connect::{Incoming, Reply, connect};
use rollcall::mdm::enroll::identify::Presented;
use rollcall::mdm::{Actor, checkin, commands};
use rollcall::pki::certificate::Fingerprint;
use rollcall::pki::digest::sha256;
use rollcall::pki::seal::{KEY_BYTES, Sealer};
use rollcall::protocol::command;
use rollcall::protocol::{checkin as message, report};
use rollcall::sim::load::LoadMessages;
use rollcall::store::certificates::{self, Identity, NewIdentity, Purpose};
use rollcall::store::{OpenOptions, Store, Tx, authorities, enrollments};
use tokio::runtime::Runtime;

/// Rounds that each device makes in one sample, one after the other.
const ROUNDS: usize = 20;
const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);
const TOPIC: &str = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";

fn main() {
    divan::main();
}

/// One iPad: what it is called and what proves it.
#[derive(Clone)]
struct Device {
    udid: String,
    serial_number: String,
    presented: Presented,
}

impl Device {
    fn messages(&self) -> LoadMessages<'_> {
        LoadMessages { topic: TOPIC, udid: &self.udid, serial_number: &self.serial_number }
    }

    fn check_in(&self, tx: &Tx, body: &[u8]) -> rollcall::error::Result<()> {
        checkin::checkin(tx, Some(&self.presented), &message::parse(body)?, None).map(drop)
    }

    fn connect(&self, tx: &Tx, body: &[u8]) -> rollcall::error::Result<Reply> {
        let head = report::scan(body)?;
        let size_bytes = body.len() as u64;
        let incoming = Incoming { head: &head, report: None, body: None, size_bytes, sha256: sha256(body), unreadable: None, query: None };
        connect(tx, Some(&self.presented), &incoming)
    }
}

/// A store in a file, with so many enrolled devices whose queues are empty.
fn school(count: usize) -> (tempfile::TempDir, Store, Vec<Device>) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let sealer = Sealer::from_key(&[7; KEY_BYTES]).expect("the key has the right length");
    let store = Store::open(OpenOptions::file(folder.path().join("rollcall.db"), sealer)).expect("the store opens");
    let devices: Vec<_> = (0..count)
        .map(|number| {
            let presented = Presented {
                fingerprint: Fingerprint::of_der(&number.to_be_bytes()),
                certificate: None,
                imported_authority: None,
                bearer: None,
                host: None,
            };
            Device { udid: format!("00008101-{number:016X}"), serial_number: format!("TESTSN{number:06}"), presented }
        })
        .collect();
    let newcomers = devices.clone();
    store
        .write_blocking(NOW, move |tx| {
            let authority = authorities::Authority {
                id: String::from("authority"),
                state: authorities::AuthorityState::Current,
                certificate: b"root".to_vec(),
                not_after_at: tx.now,
                bridge: None,
                used_from_at: Some(tx.now),
                taken_until_at: None,
                created_at: tx.now,
            };
            authorities::insert(tx, &authority, &Fingerprint::of_der(b"root"), None)?;
            newcomers.iter().enumerate().try_for_each(|(number, device)| enroll(tx, number, device))
        })
        .expect("devices enroll");
    (folder, store, devices)
}

fn enroll(tx: &Tx, number: usize, device: &Device) -> rollcall::error::Result<()> {
    let identity = Identity {
        fingerprint: device.presented.fingerprint,
        authority_id: String::from("authority"),
        serial: number.to_string(),
        purpose: Purpose::Enroll,
        invitation_id: None,
        intended_for: None,
        enrollment_id: None,
        not_before_at: tx.now,
        not_after_at: tx.now.plus(std::time::Duration::from_secs(730 * 24 * 3600)),
        issued_at: tx.now,
        bound_at: None,
        revoked_at: None,
    };
    let public_key = sha256(device.udid.as_bytes());
    certificates::insert(
        tx,
        &NewIdentity { identity: &identity, certificate: b"der", public_key: &public_key, transaction_id: &device.udid },
    )?;
    device.check_in(tx, &device.messages().authenticate()?)?;
    device.check_in(tx, &device.messages().token_update()?)?;
    if let Some(enrollment) = enrollments::by_nano_id(tx, &device.udid)? {
        enrollments::set_questions_due(tx, &enrollment.id, false)?;
    }
    Ok(())
}

/// Lets every device do `round` again and again, all at the same time.
fn all_at_once<F>(runtime: &Runtime, store: &Store, devices: &[Device], round: F)
where
    F: AsyncFn(&Store, &Device) + Copy + 'static,
{
    let local = tokio::task::LocalSet::new();
    local.block_on(runtime, async {
        let tasks: Vec<_> = devices
            .iter()
            .map(|device| {
                let (store, device) = (store.clone(), device.clone());
                tokio::task::spawn_local(async move {
                    for _ in 0..ROUNDS {
                        round(&store, &device).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no device panics");
        }
    });
}

#[divan::bench(args = [1, 16, 64])]
fn token_update(bencher: Bencher, devices: usize) {
    let (_folder, store, devices) = school(devices);
    let runtime = Runtime::new().expect("the runtime starts");
    bencher.counter(ItemsCount::new(devices.len() * ROUNDS)).bench_local(|| {
        all_at_once(&runtime, &store, &devices, async |store, device| {
            let (device, body) = (device.clone(), device.messages().token_update().expect("it can be written"));
            store.write(NOW, move |tx| device.check_in(tx, &body)).await.expect("it is taken");
        });
    });
}

#[divan::bench(args = [1, 16, 64])]
fn enqueue_fetch_acknowledge(bencher: Bencher, devices: usize) {
    let (_folder, store, devices) = school(devices);
    let runtime = Runtime::new().expect("the runtime starts");
    bencher.counter(ItemsCount::new(devices.len() * ROUNDS)).bench_local(|| all_at_once(&runtime, &store, &devices, cycle));
}

async fn cycle(store: &Store, device: &Device) {
    let udid = device.udid.clone();
    let enqueued = store.write(NOW, move |tx| {
        let enrollment = enrollments::by_nano_id(tx, &udid)?.expect("the device is enrolled");
        let order = command::device_information(commands::new_uuid(tx), &["OSVersion"]);
        enqueue(tx, &Actor::Console, &enrollment, Wish { push: false, ..Wish::new(order) })
    });
    let uuid = enqueued.await.expect("it is queued").uuid;
    let (fetching, idle) = (device.clone(), device.messages().idle().expect("it can be written"));
    let offered = store.write(NOW, move |tx| fetching.connect(tx, &idle)).await.expect("it is offered");
    assert!(matches!(offered, Reply::Command(_)));
    let (telling, done) = (device.clone(), device.messages().acknowledged(&uuid).expect("it can be written"));
    black_box(store.write(NOW, move |tx| telling.connect(tx, &done)).await.expect("it is taken"));
}
