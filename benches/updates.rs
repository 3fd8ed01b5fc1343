//! What updates cost: fifty thousand devices of two hundred models against three hundred releases, and a release that appears for ten thousand in a plan.

mod school;

use std::time::{Duration, Instant};

use divan::Bencher;
use divan::counter::ItemsCount;
use rollcall::clock::Day;
use rollcall::error::Result;
use rollcall::mdm::Actor;
use rollcall::mdm::reconcile::{self, Carried};
use rollcall::mdm::updates::candidates::{self, Found, Memo};
use rollcall::mdm::updates::plans::{self, NewPlan};
use rollcall::mdm::updates::rules::{Deadline, Ring, Rules, Target};
use rollcall::protocol::lookup::List;
use rollcall::store::devices::Device;
use rollcall::store::releases::{self, Offer, Release, ReleaseKey};
use rollcall::store::{Store, Tx, deployments};
use school::NOW;

const DEVICES: usize = 50_000;
/// Devices of the plan that is worked out anew.
const PLANNED: usize = 10_000;
const RELEASES: usize = 300;
const MODELS: usize = 200;
/// Rows in one commit.
const PAGE: usize = 1_000;
const GROUP: &str = "everybody";

fn main() {
    divan::main();
}

/// A school in a file.
struct School {
    store: Store,
    devices: Vec<Device>,
    _folder: tempfile::TempDir,
}

impl School {
    fn new(count: usize) -> Self {
        let (store, folder) = school::store();
        let mut school = Self { store, devices: Vec::new(), _folder: folder };
        school.write(|tx| (0..RELEASES).try_for_each(|number| releases::put(tx, &release(number))));
        school.write(|tx| school::group(tx, GROUP));
        for page in 0..count / PAGE {
            let made =
                school.write(move |tx| (page * PAGE..(page + 1) * PAGE).map(|number| device(tx, number)).collect::<Result<Vec<_>>>());
            school.devices.extend(made);
        }
        school
    }

    fn write<T: Send + 'static>(&self, work: impl FnOnce(&Tx) -> Result<T> + Send + 'static) -> T {
        self.store.write_blocking(NOW, work).expect("the write succeeds")
    }

    /// Works off everything that is due, page by page as the job does; gives the longest page.
    #[expect(clippy::disallowed_methods, reason = "how long a page keeps others waiting is told beside the figure")]
    fn plan_all(&self) -> Duration {
        let (mut longest, mut carried) = (Duration::ZERO, Carried::default());
        loop {
            let began = Instant::now();
            let (planned, next) = self.write(|tx| reconcile::plan_page(tx, carried));
            carried = next;
            if planned == 0 {
                return longest;
            }
            longest = longest.max(began.elapsed());
        }
    }
}

/// A third are of each of three generations, for every model of theirs.
fn release(number: usize) -> Release {
    let (generation, minor) = ([17, 18, 26][number % 3], number / 3);
    let key = ReleaseKey {
        platform: "iOS".into(),
        version: format!("{generation}.{minor}"),
        build: format!("B{number}"),
        ..ReleaseKey::default()
    };
    let offer = |list| Offer {
        list,
        posted: Some(Day::of(NOW).plus(-(number as i32))),
        expires: Some(Day::of(NOW).plus(180 - number as i32)),
        devices: (0..MODELS).map(|model| format!("iPad{model},1")).collect(),
    };
    Release { key, offers: vec![offer(List::Managed), offer(List::Public)], appeared_at: NOW, vanished_at: None }
}

fn device(tx: &Tx, number: usize) -> Result<Device> {
    let (product, system) = (format!("iPad{},1", number % MODELS), ["17.1", "18.1", "26.1"][number % 3]);
    Ok(school::device(tx, number, (&product, system), &[GROUP])?.1)
}

/// What each of fifty thousand devices can have.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn candidates_of_everybody(bencher: Bencher) {
    let school = School::new(DEVICES);
    bencher.counter(ItemsCount::new(DEVICES)).bench_local(|| {
        let found = school.store.read_blocking(NOW, |tx| {
            let mut memo = Memo::default();
            let mut found = 0;
            for device in &school.devices {
                let subject = candidates::subject(tx, device)?;
                if let Found::Known(candidates) = candidates::of(tx, &subject, &mut memo)? {
                    found += candidates.len();
                }
            }
            Ok(found)
        });
        assert!(found.expect("it is read") > DEVICES);
    });
}

/// What one device can have, with nothing worked out before.
#[divan::bench(sample_count = 20, sample_size = 100)]
fn candidates_of_one(bencher: Bencher) {
    let school = School::new(PAGE);
    bencher.bench_local(|| {
        school.store.read_blocking(NOW, |tx| {
            let subject = candidates::subject(tx, &school.devices[7])?;
            candidates::of(tx, &subject, &mut Memo::default())
        })
    });
}

/// A release appears, and ten thousand devices of a plan are planned for anew.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn a_release_appears(bencher: Bencher) {
    let school = School::new(PLANNED);
    let rules = Rules {
        target: Target::Newest,
        starts: Day::of(NOW).at(0),
        rings: vec![Ring { name: "All".into(), after_minutes: 0, groups: vec![GROUP.into()] }],
        deadline: Deadline::After { minutes: 3 * 24 * 60, time: None },
        quiet: Vec::new(),
        holidays: Vec::new(),
        at_once: None,
        stop: None,
        improvements: false,
        force_restart: false,
        details_url: None,
    };
    school.write(move |tx| plans::create(tx, &Actor::Console, &NewPlan { name: "All".into(), note: String::new(), rules }).map(drop));
    school.write(|tx| deployments::look_again_in_group(tx, GROUP).map(drop));
    school.plan_all();
    let (mut number, mut longest) = (RELEASES * 3, Duration::ZERO);
    bencher.counter(ItemsCount::new(PLANNED)).bench_local(|| {
        number += 3;
        school.write(move |tx| {
            releases::put(tx, &Release { key: ReleaseKey { version: format!("26.{number}"), ..release(number).key }, ..release(2) })?;
            plans::releases_changed(tx)
        });
        longest = longest.max(school.plan_all());
    });
    println!("the longest page kept others waiting for {longest:?}");
}
