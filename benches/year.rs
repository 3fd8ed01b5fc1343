//! A year of a school with 1,000 iPads, by a clock that is moved: what its database comes to, and whether it stops growing. Fails where it does not.
//! Beside it stand a location of Apps and Books whose licences come and go, a program that is told what happens, and one that never answers.
//!
//! `ROLLCALL_YEAR_DEVICES` and `ROLLCALL_YEAR_DAYS` ask for another school or another year.

#[path = "year/device.rs"]
mod device;
#[path = "year/office.rs"]
mod office;
#[path = "year/programs.rs"]
mod programs;
mod school;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use device::Device;
use office::Office;
use programs::Receiver;
use rollcall::app::{App, Authority, Parts};
use rollcall::apple::ade::Ade;
use rollcall::apple::apns::{Apns, ApnsConfig};
use rollcall::apple::apps_and_books::AppsAndBooks;
use rollcall::apple::certificate_authority::CertificateAuthorities;
use rollcall::apple::connect::{Connector, Endpoint, Trust};
use rollcall::apple::object_store::ObjectStores;
use rollcall::apple::smtp::Mailer;
use rollcall::apple::software_lookup::SoftwareLookup;
use rollcall::apple::webhook::Webhook;
use rollcall::clock::{Clock, Day};
use rollcall::config::{Config, Layer};
use rollcall::error::Result;
use rollcall::jobs::run_due;
use rollcall::mdm::policies::{self, NewPolicy, PolicyChange};
use rollcall::mdm::updates::plans::{self, NewPlan};
use rollcall::mdm::updates::rules::{Deadline, Ring, Rules, Target};
use rollcall::mdm::{Actor, push};
use rollcall::pki::issue;
use rollcall::protocol::command;
use rollcall::protocol::lookup::List;
use rollcall::protocol::push::{Outcome, Verdict};
use rollcall::random::Random;
use rollcall::store::releases::{self, Offer, Release, ReleaseKey};
use rollcall::store::{Store, Tx, jobs, push_certificates};
use school::NOW;
use serde_json::json;

/// What the database of the whole school may come to.
const LIMIT_BYTES: u64 = 2 << 30;
/// Turns of a day: at night nobody comes.
const TURNS: u32 = 4;
const TURN: Duration = Duration::from_secs(6 * 3600);
/// Devices whose visits are one transaction.
const TOGETHER: usize = 20;
/// Jobs that run in one turn; more is work without an end.
const JOBS_MAX: usize = 10_000;
/// Days over which growth is compared; longer than what is kept for ninety days takes to be at its end.
const QUARTER: u32 = 91;
const GROUP: &str = "everybody";

fn main() -> ExitCode {
    let number = |name: &str, usual: u32| std::env::var(name).map_or(usual, |said| said.parse().expect("a number"));
    let (devices, days) = (number("ROLLCALL_YEAR_DEVICES", 1000), number("ROLLCALL_YEAR_DAYS", 365));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    // Made by a thread that may wait.
    let (store, folder) = school::store();
    runtime.block_on(async { Year::new(devices as usize, store, folder).await.pass(days).await })
}

/// A school and its year so far.
struct Year {
    app: App,
    devices: Vec<Device>,
    policy: String,
    office: Office,
    location: String,
    receiver: Receiver,
    folder: tempfile::TempDir,
}

impl Year {
    async fn new(count: usize, store: Store, folder: tempfile::TempDir) -> Self {
        let clock = Clock::manual(NOW);
        let (office, receiver) = (Office::open(&clock).await, Receiver::start().await);
        let app = app(store, folder.path(), clock, &office);
        let certificate = STANDARD.encode(app.authority().issuer.certificate().der());
        let systems = ["15.8.1", "26.1"];
        let devices = (0..count).map(|number| Device::new(number, systems[number % 2], &certificate)).collect();
        let begun = move |tx: &Tx| {
            begin(tx)?;
            (0..count).try_for_each(|number| school::device(tx, number, ("iPad13,18", systems[number % 2]), &[GROUP]).map(drop))?;
            let policy =
                policies::create(tx, &Actor::Console, &NewPolicy { name: "Web".into(), settings: domains(0), ..NewPolicy::default() })?;
            policies::assign(tx, &Actor::Console, &policy.id, GROUP, None)?;
            let plan = NewPlan { name: "Newest".into(), note: String::new(), rules: rules() };
            plans::create(tx, &Actor::Console, &plan)?;
            Ok(policy.id)
        };
        let here = receiver.url.clone();
        app.store.write(NOW, move |tx| programs::listen(tx, &here)).await.expect("programs listen");
        let policy = app.store.write(NOW, begun).await.expect("the school begins");
        let location = office.bring(&app).await;
        Self { app, devices, policy, office, location, receiver, folder }
    }

    #[expect(clippy::disallowed_methods, reason = "how long the year takes is told beside its figures")]
    async fn pass(mut self, days: u32) -> ExitCode {
        let (began, mut sizes) = (Instant::now(), vec![self.bytes()]);
        println!("{} devices, {days} days; day, MiB, seconds so far:", self.devices.len());
        for day in 1..=days {
            self.day(day).await.expect("the day passes");
            sizes.push(self.bytes());
            if day.is_multiple_of(30) || day == days {
                println!("{day:>6} {:>8.1} {:>8.0}", mebibytes(self.bytes()), began.elapsed().as_secs_f64());
            }
        }
        self.app.store.close().await;
        let file = rusqlite::Connection::open(self.folder.path().join("rollcall.db")).expect("the file opens");
        tell_tables(&file);
        office::check(&file, days);
        self.receiver.check(&file, days);
        drop(self.office);
        let unreadable: i64 = one(&file, "SELECT count(*) FROM events WHERE kind = 'report.unreadable' OR kind LIKE '%.refused'");
        assert_eq!(unreadable, 0, "the devices speak as devices do");
        verdict(&sizes)
    }

    /// What the database comes to, what its log holds included; the log itself has a limit of its own.
    fn bytes(&self) -> u64 {
        let file = rusqlite::Connection::open(self.folder.path().join("rollcall.db")).expect("the file opens");
        (one(&file, "PRAGMA page_count") * one(&file, "PRAGMA page_size")).unsigned_abs()
    }

    async fn day(&mut self, day: u32) -> Result<()> {
        self.wishes(day).await?;
        for turn in 0..TURNS {
            self.app.clock.advance(TURN);
            self.work().await?;
            if turn + 1 < TURNS {
                self.visits(day, turn).await?;
            }
        }
        let keeping = self.app.store.read(self.app.now(), |tx| jobs::turn(tx, "housekeeping")).await?;
        assert_eq!(keeping.failures, 0, "{}", keeping.result);
        Ok(())
    }

    /// Wakes those that are to be woken, and lets the jobs work until nothing is due.
    async fn work(&self) -> Result<()> {
        let mut ran = 0;
        loop {
            while self.app.store.write(self.app.now(), wake).await? > 0 {}
            let more = run_due(&self.app).await?;
            ran += more;
            assert!(ran < JOBS_MAX, "the jobs do not come to an end");
            if more == 0 {
                return Ok(());
            }
        }
    }

    async fn visits(&mut self, day: u32, turn: u32) -> Result<()> {
        let mut all = std::mem::take(&mut self.devices);
        while !all.is_empty() {
            let mut some: Vec<_> = all.split_off(all.len().saturating_sub(TOGETHER));
            let visit = move |tx: &Tx| {
                for device in &mut some {
                    if turn == 0 {
                        device.token_update(tx, day)?;
                    }
                    device.visit(tx, day)?;
                }
                Ok(some)
            };
            self.devices.extend(self.app.store.write(self.app.now(), visit).await?);
        }
        Ok(())
    }

    /// What people do: each week a policy changes, every second week there is a new app, each month a new system, and somebody looks at a device.
    async fn wishes(&mut self, day: u32) -> Result<()> {
        let (count, policy, location) = (self.devices.len(), self.policy.clone(), self.location.clone());
        let month = day / 30;
        if day % 30 == 5 {
            // Everybody has installed it a week after the last one.
            self.devices.iter_mut().for_each(|device| {
                let generation = if device.system.starts_with("15") { "15.8" } else { "26" };
                device.system = format!("{generation}.{}", month + 1);
            });
        }
        let wishes = move |tx: &Tx| {
            if day % 30 == 28 {
                releases::put(tx, &release("26", month + 2))?;
                releases::put(tx, &release("15.8", month + 2))?;
                plans::releases_changed(tx)?;
            }
            if day % 7 == 1 {
                policies::update(tx, &Actor::Console, &policy, &PolicyChange { settings: Some(domains(day)), ..PolicyChange::default() })?;
            }
            let everybody = 0..count;
            if day % 14 == 3 {
                everybody.into_iter().try_for_each(|number| {
                    device::wish(tx, number, device::install(tx.random().uuid_v4(), 1_500_000_000 + u64::from(day)))
                })?;
            }
            office::day(tx, &location, day, count)?;
            device::wish(tx, day as usize % count, command::security_info(tx.random().uuid_v4()))
        };
        self.app.store.write(self.app.now(), wishes).await
    }
}

fn begin(tx: &Tx) -> Result<()> {
    let certificate = push_certificates::PushCertificate {
        topic: "com.apple.mgmt.External.x".into(),
        certificate: Vec::new(),
        not_after_at: tx.now.plus(Duration::from_secs(800 * 24 * 3600)),
        current: true,
        practice: false,
        account_note: String::new(),
        uploads: 1,
        paused_until_at: None,
        uploaded_at: tx.now,
    };
    push_certificates::put(tx, &certificate, b"key")?;
    school::group(tx, GROUP)?;
    releases::put(tx, &release("26", 1))?;
    releases::put(tx, &release("15.8", 1))
}

/// Pushes are taken by Apple at once.
fn wake(tx: &Tx) -> Result<usize> {
    let due = push::due(tx)?;
    due.iter().try_for_each(|due| push::record(tx, due, &Outcome::Delivered { apns_id: None }, Verdict::Delivered))?;
    Ok(due.len())
}

fn domains(day: u32) -> serde_json::Map<String, serde_json::Value> {
    json!({ "managed_web_domains": [format!("day{day}.example.school")] }).as_object().cloned().unwrap_or_default()
}

fn release(generation: &str, minor: u32) -> Release {
    let version = format!("{generation}.{minor}");
    let build = format!("B{version}");
    let offer =
        |list| Offer { list, posted: Some(Day::of(NOW)), expires: Some(Day::of(NOW).plus(2000)), devices: vec!["iPad13,18".into()] };
    let key = ReleaseKey { platform: "iOS".into(), version, build, ..ReleaseKey::default() };
    Release { key, offers: vec![offer(List::Managed), offer(List::Public)], appeared_at: NOW, vanished_at: None }
}

fn rules() -> Rules {
    Rules {
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
    }
}

/// An appliance whose ways out lead nowhere, but to the stand-in of Apps and Books.
fn app(store: Store, data: &Path, clock: Clock, office: &Office) -> App {
    let nowhere = "https://localhost:1";
    let connector = Connector::new(Trust::only(&office.root).expect("a root"), clock.clone());
    let flags = Layer::flags().with("data", [data.display().to_string()]).with("listen", ["127.0.0.1:0"]);
    let apns = ApnsConfig { endpoint: Endpoint::new("localhost", 1), ..ApnsConfig::new(connector.clone()) };
    let issuer = issue::root("Example School", NOW).expect("a root is made");
    App::new(Parts {
        config: Config::read(flags.with("apple.apns_endpoint", [nowhere]), Vec::new()).expect("the settings fit"),
        public_url: "https://mdm.example.school".into(),
        store,
        apps_and_books: AppsAndBooks::new(&connector, &office.url()).expect("an address"),
        ade: Ade::new(&connector, nowhere, clock.clone()).expect("an address"),
        software_lookup: SoftwareLookup::new(&connector, nowhere).with_roots_from(nowhere),
        webhook: Webhook::new(&connector).expect("a client"),
        object_stores: ObjectStores::new(&connector),
        certificate_authorities: CertificateAuthorities::new(&connector),
        mailer: Mailer::new(&connector),
        apns: Arc::new(Apns::new(apns)),
        connector,
        roots: Authority { id: "our authority".into(), issuer, bridge: None }.into(),
        imported: Vec::new(),
        clock,
        random: Random::seeded(7),
    })
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn one(file: &rusqlite::Connection, sql: &str) -> i64 {
    file.query_row(sql, [], |row| row.get(0)).expect("it can be counted")
}

/// The largest tables, by their rows.
fn tell_tables(file: &rusqlite::Connection) {
    let mut names = file.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'").expect("a schema");
    let names: Vec<String> = names.query_map([], |row| row.get(0)).and_then(Iterator::collect).expect("tables have names");
    let mut tables: Vec<_> = names.into_iter().map(|name| (one(file, &format!("SELECT count(*) FROM \"{name}\"")), name)).collect();
    tables.sort();
    println!("rows of the largest tables:");
    tables.iter().rev().take(14).for_each(|(rows, name)| println!("{rows:>10} {name}"));
    let kinds = "SELECT kind, count(*) FROM events GROUP BY kind ORDER BY 2 DESC LIMIT 10";
    let mut kinds = file.prepare(kinds).expect("events have kinds");
    let kinds = kinds.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))).expect("they can be counted");
    let types = "SELECT request_type, count(*) FROM commands GROUP BY 1 ORDER BY 2 DESC LIMIT 6";
    let mut types = file.prepare(types).expect("commands have types");
    let types = types.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))).expect("they can be counted");
    println!("commands that are kept:");
    types.flatten().for_each(|(kind, rows)| println!("{rows:>10} {kind}"));
    println!("what happened most:");
    kinds.flatten().for_each(|(kind, rows)| println!("{rows:>10} {kind}"));
    println!("{:>10} pages are free of {}", one(file, "PRAGMA freelist_count"), one(file, "PRAGMA page_count"));
}

/// Whether it stays below its limit, and grows less and less once what is kept for a bounded time has come to its end.
fn verdict(sizes: &[u64]) -> ExitCode {
    let last = sizes.last().copied().unwrap_or_default();
    let mut outcome = ExitCode::SUCCESS;
    if last > LIMIT_BYTES {
        println!("FAILED: {:.1} MiB are more than {:.0}", mebibytes(last), mebibytes(LIMIT_BYTES));
        outcome = ExitCode::FAILURE;
    }
    let quarter = QUARTER as usize;
    if sizes.len() > 3 * quarter {
        let first = sizes[quarter].saturating_sub(sizes[0]);
        let final_ = last.saturating_sub(sizes[sizes.len() - 1 - quarter]);
        println!("grew by {:.1} MiB in the first {QUARTER} days and by {:.1} MiB in the last", mebibytes(first), mebibytes(final_));
        if final_ > first / 3 {
            println!("FAILED: it does not stop growing");
            outcome = ExitCode::FAILURE;
        }
    }
    outcome
}
