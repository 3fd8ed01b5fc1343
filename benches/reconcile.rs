//! What planning costs: ten thousand devices in fifty groups with twenty assignments, and one report of one of them.

mod school;

use std::time::Instant;

use divan::Bencher;
use divan::counter::ItemsCount;
use rollcall::error::{Error, Result};
use rollcall::mdm::Actor;
use rollcall::mdm::policies::{self, NewPolicy, PolicyChange};
use rollcall::mdm::reconcile::{self, Carried};
use rollcall::store::{Store, Tx, enrollments};
use school::NOW;
use serde_json::json;

const DEVICES: usize = 10_000;
const GROUPS: usize = 50;
const POLICIES: usize = 20;
/// The policy that changes: web domains, whose profile and declaration differ with them.
const CHANGING: usize = 3;
/// The group of everybody.
const EVERYBODY: &str = "everybody";
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
        let (store, folder) = school::store();
        let mut school = Self { store, policies: Vec::new(), enrollments: Vec::new(), _folder: folder };
        school.write(|tx| (0..GROUPS).try_for_each(|number| school::group(tx, &format!("G{number}"))));
        school.write(|tx| school::group(tx, EVERYBODY));
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
        let (mut planned, mut carried) = (0, Carried::default());
        loop {
            let (page, next) = self.write(|tx| reconcile::plan_page(tx, carried));
            (planned, carried) = (planned + page, next);
            if page == 0 {
                return planned;
            }
        }
    }
}

/// Class by class, as devices come into a school.
fn device(tx: &Tx, number: usize) -> Result<String> {
    let class = format!("G{}", number / (DEVICES / GROUPS));
    Ok(school::device(tx, number, ("iPad13,18", SYSTEMS[number % SYSTEMS.len()]), &[&class, EVERYBODY])?.0)
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
