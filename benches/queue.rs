//! What a whole turn of the queue costs on the disk, with nothing behind it and with a hundred thousand old rows of every kind.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::ItemsCount;
use rollcall::clock::Timestamp;
use rollcall::error::Result;
use rollcall::mdm::connect::{self, Incoming, Poll};
use rollcall::mdm::enroll::identify::Presented;
use rollcall::mdm::{Actor, checkin, commands};
use rollcall::pki::certificate::Fingerprint;
use rollcall::pki::digest;
use rollcall::pki::seal::{KEY_BYTES, Sealer};
use rollcall::protocol::{self, command, report};
use rollcall::store::authorities::{self, Authority, AuthorityState};
use rollcall::store::certificates::{self, Identity, NewIdentity, Purpose};
use rollcall::store::commands::{self as rows, CommandState, NewCommand};
use rollcall::store::events::{self, NewEvent};
use rollcall::store::reports::{self, NewReport};
use rollcall::store::{OpenOptions, Store, Tx, enrollments};

/// Old rows of each kind, all of the same device.
const OLD: [usize; 2] = [0, 100_000];
/// Old rows in one commit.
const PAGE: usize = 5_000;
const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

fn main() {
    divan::main();
}

fn plist(keys: &str) -> Vec<u8> {
    format!("<plist version=\"1.0\"><dict><key>UDID</key><string>A-1</string>{keys}</dict></plist>").into_bytes()
}

/// A store in a file with one device, which is removed with the folder.
struct School {
    store: Store,
    identity: Presented,
    _folder: tempfile::TempDir,
}

impl School {
    fn with(old: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let sealer = Sealer::from_key(&[7; KEY_BYTES]).expect("the key has the right length");
        let store = Store::open(OpenOptions::file(folder.path().join("rollcall.db"), sealer)).expect("the store opens");
        let identity = Presented {
            fingerprint: Fingerprint::of_der(b"identity"),
            certificate: None,
            imported_authority: None,
            bearer: None,
            host: None,
        };
        let school = Self { store, identity, _folder: folder };
        school.write(enroll);
        for page in 0..old / PAGE {
            school.write(move |tx, _| (page * PAGE..(page + 1) * PAGE).try_for_each(|number| leave_behind(tx, number)));
        }
        school
    }

    fn write<T: Send + 'static>(&self, work: impl FnOnce(&Tx, &Presented) -> Result<T> + Send + 'static) -> T {
        let identity = self.identity.clone();
        self.store.write_blocking(NOW, move |tx| work(tx, &identity)).expect("the write succeeds")
    }

    fn says(&self, keys: &str) -> connect::Reply {
        let body = plist(keys);
        self.write(move |tx, identity| {
            let report = report::parse(&body)?;
            let incoming = Incoming {
                head: &report.head,
                report: Some(&report),
                body: Some(&body),
                size_bytes: body.len() as u64,
                sha256: digest::sha256(&body),
                unreadable: None,
                query: None,
            };
            connect::connect(tx, Some(identity), &incoming)
        })
    }
}

fn enroll(tx: &Tx, identity: &Presented) -> Result<()> {
    let end = Timestamp::from_seconds(4_000_000_000);
    let ours = Authority {
        id: "ours".into(),
        state: AuthorityState::Current,
        certificate: b"root".to_vec(),
        not_after_at: end,
        created_at: NOW,
        bridge: None,
        used_from_at: Some(NOW),
        taken_until_at: None,
    };
    authorities::insert(tx, &ours, &Fingerprint::of_der(b"root"), None)?;
    let issued = Identity {
        fingerprint: identity.fingerprint,
        authority_id: "ours".into(),
        serial: "01".into(),
        purpose: Purpose::Enroll,
        invitation_id: None,
        intended_for: None,
        enrollment_id: None,
        not_before_at: NOW,
        not_after_at: end,
        issued_at: NOW,
        bound_at: None,
        revoked_at: None,
    };
    certificates::insert(tx, &NewIdentity { identity: &issued, certificate: b"identity", public_key: &[0; 32], transaction_id: "" })?;
    for keys in [
        "<key>MessageType</key><string>Authenticate</string>",
        "<key>MessageType</key><string>TokenUpdate</string><key>Token</key><data>AQID</data><key>PushMagic</key><string>magic</string>",
    ] {
        let body = plist(&format!("<key>Topic</key><string>com.apple.mgmt.External.practice</string>{keys}"));
        checkin::checkin(tx, Some(identity), &protocol::checkin::parse(&body)?, None)?;
    }
    let enrollment = enrollments::by_nano_id(tx, "A-1")?.expect("it is enrolled");
    enrollments::set_questions_due(tx, &enrollment.id, false)
}

/// What one command of years ago has left: its row, its report and its event.
fn leave_behind(tx: &Tx, number: usize) -> Result<()> {
    let enrollment = enrollments::by_nano_id(tx, "A-1")?.expect("it is enrolled");
    let uuid = format!("old-{number}");
    let new = NewCommand {
        enrollment_id: &enrollment.id,
        generation: enrollment.generation,
        uuid: &uuid,
        request_type: "DeviceInformation",
        payload: &[b'x'; 500],
        priority: 0,
        supersede_key: None,
        actor: "kim",
        expires_at: None,
    };
    let seq = rows::insert(tx, &new)?.seq;
    rows::finish(tx, seq, CommandState::Acknowledged, "", None)?;
    let answer = NewReport {
        enrollment_id: &enrollment.id,
        command_uuid: &uuid,
        request_type: "DeviceInformation",
        status: "Acknowledged",
        size_bytes: 500,
        sha256: &[0; 32],
        body: Some(&[b'x'; 500]),
    };
    reports::insert(tx, &answer)?;
    let event = NewEvent {
        kind: "command.acknowledged",
        actor_kind: "device",
        actor: "A-1",
        device_id: Some(&enrollment.device_id),
        enrollment_id: Some(&enrollment.id),
        command_uuid: Some(&uuid),
        ..NewEvent::default()
    };
    events::append(tx, &event).map(drop)
}

/// A command is queued, asked for, answered, and nothing more waits: three commits by one caller.
#[divan::bench(args = OLD, sample_count = 50, sample_size = 10)]
fn cycle(bencher: Bencher, old: usize) {
    let school = School::with(old);
    bencher.counter(ItemsCount::new(1usize)).bench_local(|| {
        let uuid = school.write(|tx, _| {
            let enrollment = enrollments::by_nano_id(tx, "A-1")?.expect("it is enrolled");
            let wish = commands::Wish::new(command::security_info(tx.random().uuid_v4()));
            Ok(commands::enqueue(tx, &Actor::Console, &enrollment, wish)?.uuid)
        });
        let offered = school.says("<key>Status</key><string>Idle</string>");
        assert!(matches!(offered, connect::Reply::Command(_)), "the command is offered");
        let keys = format!("<key>CommandUUID</key><string>{uuid}</string><key>Status</key><string>Acknowledged</string>");
        assert!(matches!(school.says(&keys), connect::Reply::Empty), "nothing else waits");
    });
}

/// A device asks and nothing waits: a read.
#[divan::bench(args = OLD)]
fn idle_poll(bencher: Bencher, old: usize) {
    let school = School::with(old);
    // A device that has come once owes no answer to a push.
    school.says("<key>Status</key><string>Idle</string>");
    let head = report::scan(&plist("<key>Status</key><string>Idle</string>")).expect("it is a report");
    bencher.counter(ItemsCount::new(1usize)).bench_local(|| {
        let poll = school.store.read_blocking(NOW, |tx| connect::poll(tx, &school.identity, &head)).expect("the read succeeds");
        assert!(matches!(black_box(poll), Poll::Nothing { .. }), "nothing waits");
    });
}
