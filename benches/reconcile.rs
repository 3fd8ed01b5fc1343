//! What planning costs: ten thousand devices in fifty groups with twenty assignments, and one report of one of them.

use std::time::{Duration, Instant};

use divan::Bencher;
use divan::counter::ItemsCount;
use rollcall::clock::Timestamp;
use rollcall::error::{Error, Result};
use rollcall::mdm::enroll::identify::Presented;
use rollcall::mdm::policies::{self, NewPolicy, PolicyChange};
use rollcall::mdm::{Actor, checkin, reconcile};
use rollcall::pki::certificate::Fingerprint;
use rollcall::pki::digest;
use rollcall::pki::seal::{KEY_BYTES, Sealer};
use rollcall::protocol;
use rollcall::store::authorities::{self, Authority, AuthorityState};
use rollcall::store::certificates::{self, Identity, NewIdentity, Purpose};
use rollcall::store::groups::{self, Group};
use rollcall::store::{OpenOptions, Store, Tx, deployments, devices, enrollments};
use serde_json::json;

const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);
const DEVICES: usize = 10_000;
const GROUPS: usize = 50;
const POLICIES: usize = 20;
/// The policy that changes: web domains, whose profile and declaration differ with them.
const CHANGING: usize = 3;
/// The group of everybody.
const EVERYBODY: &str = "everybody";
const AUTHORITY: &str = "our authority";
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
/// Plans in one sample.
const TIMES: usize = 1_000;
/// Rows in one commit.
const PAGE: usize = 1_000;
/// Systems of several generations, taken in turn.
const SYSTEMS: [&str; 5] = ["12.5.7", "15.8.3", "17.6.1", "18.1", "26.1"];

fn main() {
    divan::main();
}

/// A school in a file.
struct School {
    store: Store,
    policies: Vec<String>,
    enrollments: Vec<String>,
    _folder: tempfile::TempDir,
}

/// How twenty policies are assigned.
#[derive(Clone, Copy)]
enum Assigned {
    /// Each to every group: every device has all of them.
    AllToAll,
    /// Each once: the first to a group of everybody, the others to a group each.
    Once,
}

impl School {
    fn new(assigned: Assigned) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let sealer = Sealer::from_key(&[7; KEY_BYTES]).expect("the key has the right length");
        let store = Store::open(OpenOptions::file(folder.path().join("rollcall.db"), sealer)).expect("the store opens");
        let mut school = Self { store, policies: Vec::new(), enrollments: Vec::new(), _folder: folder };
        school.write(authority);
        school.write(|tx| (0..GROUPS).try_for_each(|number| group(tx, &format!("G{number}"))));
        school.write(|tx| group(tx, EVERYBODY));
        for page in 0..DEVICES / PAGE {
            let made =
                school.write(move |tx| (page * PAGE..(page + 1) * PAGE).map(|number| device(tx, number)).collect::<Result<Vec<_>>>());
            school.enrollments.extend(made);
        }
        school.policies = school.write(move |tx| (0..POLICIES).map(|number| policy(tx, number, assigned)).collect());
        school.plan_all();
        school
    }

    fn write<T: Send + 'static>(&self, work: impl FnOnce(&Tx) -> Result<T> + Send + 'static) -> T {
        self.store.write_blocking(NOW, work).expect("the write succeeds")
    }

    /// Works off everything that is due, page by page as the job does; gives how many were planned.
    fn plan_all(&self) -> usize {
        let mut planned = 0;
        loop {
            let page = self.write(reconcile::plan_page);
            planned += page;
            if page == 0 {
                return planned;
            }
        }
    }
}

fn authority(tx: &Tx) -> Result<()> {
    let authority = Authority {
        id: AUTHORITY.into(),
        state: AuthorityState::Current,
        certificate: b"root".to_vec(),
        not_after_at: NOW.plus(20 * YEAR),
        created_at: NOW,
        bridge: None,
        used_from_at: Some(NOW),
    };
    authorities::insert(tx, &authority, &Fingerprint::of_der(b"root"), None)
}

fn group(tx: &Tx, id: &str) -> Result<()> {
    let (id, name) = (id.to_owned(), format!("Class {id}"));
    let group = Group { id, name, note: String::new(), rule: None, is_by_rule: false, device_count: 0, created_at: NOW, changed_at: NOW };
    groups::insert(tx, &group)
}

/// A device that enrolled by the messages that devices send, and has said what it is.
fn device(tx: &Tx, number: usize) -> Result<String> {
    let (udid, der) = (format!("UDID-{number}"), format!("identity {number}").into_bytes());
    let presented = Presented { fingerprint: Fingerprint::of_der(&der), certificate: None, imported_authority: None };
    let identity = Identity {
        fingerprint: presented.fingerprint,
        authority_id: AUTHORITY.into(),
        serial: format!("{number:x}"),
        purpose: Purpose::Enroll,
        invitation_id: None,
        intended_for: None,
        enrollment_id: None,
        not_before_at: NOW,
        not_after_at: NOW.plus(YEAR),
        issued_at: NOW,
        bound_at: None,
        revoked_at: None,
    };
    let public_key = digest::sha256(&der);
    certificates::insert(tx, &NewIdentity { identity: &identity, certificate: &der, public_key: &public_key, transaction_id: "" })?;
    let system = SYSTEMS[number % SYSTEMS.len()];
    for keys in [
        format!(
            "<key>MessageType</key><string>Authenticate</string><key>Topic</key><string>com.apple.mgmt.External.x</string>\
             <key>ProductName</key><string>iPad13,18</string><key>OSVersion</key><string>{system}</string>"
        ),
        String::from(
            "<key>MessageType</key><string>TokenUpdate</string><key>Topic</key><string>com.apple.mgmt.External.x</string>\
             <key>Token</key><data>AQID</data><key>PushMagic</key><string>magic</string>",
        ),
    ] {
        let body = format!("<plist version=\"1.0\"><dict><key>UDID</key><string>{udid}</string>{keys}</dict></plist>");
        checkin::checkin(tx, Some(&presented), &protocol::checkin::parse(body.as_bytes())?, None)?;
    }
    let enrollment = enrollments::by_nano_id(tx, &udid)?.ok_or_else(|| Error::not_found("it has not enrolled"))?;
    let mut device = devices::by_id(tx, &enrollment.device_id)?.ok_or_else(|| Error::not_found("it has not enrolled"))?;
    device.supervised = Some(true);
    devices::update(tx, &device)?;
    devices::set_facts(tx, &device.id, "{}")?;
    // Class by class, as devices come into a school.
    groups::add_device(tx, &format!("G{}", number / (DEVICES / GROUPS)), &device.id)?;
    groups::add_device(tx, EVERYBODY, &device.id)?;
    deployments::look_again(tx, &device.id)?;
    Ok(enrollment.id)
}

fn policy(tx: &Tx, number: usize, assigned: Assigned) -> Result<String> {
    let settings = match number % 4 {
        0 => json!({ "open_in_managed_stays": true, "open_in_airdrop": true }),
        1 => json!({ "no_camera": true }),
        2 => json!({ "no_airdrop": true, "no_app_removal": true }),
        _ => json!({ "managed_web_domains": [format!("class{number}.example.school")] }),
    };
    let new =
        NewPolicy { name: format!("Policy {number}"), settings: settings.as_object().cloned().unwrap_or_default(), ..NewPolicy::default() };
    let policy = policies::create(tx, &Actor::Console, &new)?;
    let groups: Vec<String> = match (assigned, number) {
        (Assigned::AllToAll, _) => (0..GROUPS).map(|group| format!("G{group}")).collect(),
        (Assigned::Once, CHANGING) => vec![EVERYBODY.to_owned()],
        (Assigned::Once, number) => vec![format!("G{number}")],
    };
    groups.iter().try_for_each(|group| policies::assign(tx, &Actor::Console, &policy.id, group, None).map(drop))?;
    Ok(policy.id)
}

/// Twenty assignments in all; that of everybody changes, and all ten thousand devices are planned for anew.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn an_assignment_of_everybody_changes(bencher: Bencher) {
    change(bencher, Assigned::Once);
}

/// Twenty assignments for every device, a thousand in all; fifty of them change, and all ten thousand devices are planned for anew.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn a_policy_of_every_group_changes(bencher: Bencher) {
    change(bencher, Assigned::AllToAll);
}

#[expect(clippy::disallowed_methods, reason = "how long each part takes is told beside the figure")]
fn change(bencher: Bencher, assigned: Assigned) {
    let school = School::new(assigned);
    let mut turn = 0;
    bencher.counter(ItemsCount::new(DEVICES)).bench_local(|| {
        turn += 1;
        let (id, host) = (school.policies[CHANGING].clone(), format!("turn{turn}.example.school"));
        let settings = json!({ "managed_web_domains": [host] }).as_object().cloned();
        let began = Instant::now();
        school.write(move |tx| policies::update(tx, &Actor::Console, &id, &PolicyChange { settings, ..PolicyChange::default() }));
        let marked = began.elapsed();
        assert_eq!(school.plan_all(), DEVICES);
        eprintln!("marked in {marked:?}, planned after {:?}", began.elapsed());
    });
}

/// A report's part in it when neither wanted nor seen changed: a thousand times in one transaction.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn nothing_is_due(bencher: Bencher) {
    let school = School::new(Assigned::AllToAll);
    bencher.counter(ItemsCount::new(TIMES)).bench_local(|| {
        let id = school.enrollments[7].clone();
        school.write(move |tx| {
            let enrollment = enrollments::by_id(tx, &id)?.ok_or_else(|| Error::not_found("it has gone"))?;
            (0..TIMES).try_for_each(|_| reconcile::plan_if_due(tx, &enrollment))
        });
    });
}

/// A report's part in it when something changed: another device each time.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn one_device_is_planned_for(bencher: Bencher) {
    let school = School::new(Assigned::AllToAll);
    bencher.counter(ItemsCount::new(TIMES)).bench_local(|| {
        let ids = school.enrollments[..TIMES].to_vec();
        school.write(move |tx| ids.iter().try_for_each(|id| reconcile::plan(tx, id)));
    });
}
