//! Many devices at once: each a task of its own, seeded, bounded in what they send together, woken by pushes or by themselves, watched from outside.

mod keys;
mod life;
mod view;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;

use self::keys::Keys;
use self::life::Knock;
pub use self::view::{PhaseName, Summary, View};
use super::client::Trust;
use super::device::{Device, Purpose, Settings};
use super::faults::Faults;
use super::histogram::Histogram;
use super::load::{Addresses, LoadDevice};
use super::model::{Individual, Mix, Postings, invent};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::pki::certificate::Certificate;
use crate::random::Random;

/// How many devices one fleet may have.
pub const MAX_DEVICES: usize = 100_000;

/// How many knocks wait at a device's door; more pushes than that say nothing new.
const MAX_KNOCKS: usize = 16;

/// How long devices may take to come to an end.
const GRACE: Duration = Duration::from_secs(5);

/// How many pushes are kept for tokens that no device has said yet, the newest for each.
const MAX_EARLY: usize = 1024;

/// How many rounds of connecting a fleet has until it counts as restless.
const MAX_ROUNDS: usize = 20;

/// What a fleet consists of and how it behaves.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How many devices.
    pub devices: usize,
    /// What everything invented follows from.
    pub seed: u64,
    /// Which devices.
    pub mix: Mix,
    /// How each one enrolls and proves who it is.
    pub settings: Settings,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// How many requests are out at once, over all devices.
    pub at_once: usize,
    /// Over which time the devices begin.
    pub ramp: Duration,
    /// How many keys the devices share; none: each makes its own.
    pub shared_keys: Option<usize>,
}

impl Plan {
    /// A fleet of the practice classroom that begins at once.
    pub fn new(devices: usize, settings: Settings) -> Self {
        Self {
            devices,
            seed: 1,
            mix: Mix::default(),
            settings,
            faults: Faults::default(),
            at_once: 64,
            ramp: Duration::ZERO,
            shared_keys: None,
        }
    }
}

/// A running fleet; it stops when it is dropped.
#[derive(Debug)]
pub struct Fleet {
    shared: Arc<Shared>,
    plan: Plan,
    trust: Arc<Trust>,
    tasks: JoinSet<()>,
}

/// What the devices' tasks and the outside have in common.
#[derive(Debug)]
struct Shared {
    clock: Clock,
    gate: Semaphore,
    keys: Keys,
    stopping: AtomicBool,
    members: Mutex<Members>,
    durations: Mutex<HashMap<Purpose, Histogram>>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Members {
    doors: Vec<mpsc::Sender<Knock>>,
    views: Vec<View>,
    /// Which device has a push token.
    tokens: HashMap<Vec<u8>, usize>,
    /// The tokens of each device, as they were last seen.
    held: Vec<Vec<Vec<u8>>>,
    /// Pushes that came before the device knew that its token was taken: a server may be that quick, and Apple keeps the newest.
    early: HashMap<Vec<u8>, String>,
}

impl Members {
    /// Notes the present tokens of a device.
    fn hold<'a>(&mut self, index: usize, tokens: impl Iterator<Item = &'a [u8]> + Clone) {
        let Some(held) = self.held.get_mut(index) else { return };
        if tokens.clone().eq(held.iter().map(Vec::as_slice)) {
            return;
        }
        for token in held.drain(..) {
            self.tokens.remove(&token);
        }
        for token in tokens {
            held.push(token.to_vec());
            self.tokens.insert(token.to_vec(), index);
            if let (Some(magic), Some(door)) = (self.early.remove(token), self.doors.get(index)) {
                drop(door.try_send(Knock::Push { token: token.to_vec(), magic }));
            }
        }
    }

    /// Delivers a push, or keeps it until a device has its token; says whether one has.
    fn deliver(&mut self, token: Vec<u8>, magic: &str) -> bool {
        if let Some(door) = self.tokens.get(&token).and_then(|index| self.doors.get(*index)) {
            // A full door means that the device has pushes enough to wake it.
            drop(door.try_send(Knock::Push { token, magic: magic.to_owned() }));
            return true;
        }
        if self.early.len() < MAX_EARLY || self.early.contains_key(&token) {
            self.early.insert(token, magic.to_owned());
        }
        false
    }
}

impl Shared {
    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the outside how a device is doing.
    fn publish(&self, index: usize, device: &Device) {
        let view = View::of(device);
        let mut members = self.members();
        members.hold(index, device.tokens());
        if let Some(place) = members.views.get_mut(index) {
            *place = view;
        }
        drop(members);
        self.changes.send_modify(|count| *count += 1);
    }

    fn took(&self, purpose: Purpose, duration: Duration) {
        self.durations.lock().unwrap_or_else(PoisonError::into_inner).entry(purpose).or_default().record(duration);
    }
}

impl Fleet {
    /// Starts all devices of `plan`; must be called within a tokio runtime.
    pub fn start(mut plan: Plan, trust: Arc<Trust>, clock: Clock) -> Result<Self> {
        plan.settings.releases.get_or_insert_with(|| Postings::as_of(clock.now()));
        let shared = Arc::new(Shared {
            clock,
            gate: Semaphore::new(plan.at_once.clamp(1, Semaphore::MAX_PERMITS)),
            keys: Keys::new(plan.shared_keys),
            stopping: AtomicBool::new(false),
            members: Mutex::default(),
            durations: Mutex::default(),
            changes: watch::Sender::new(0),
        });
        let wanted = plan.devices;
        let mut fleet = Self { shared, plan, trust, tasks: JoinSet::new() };
        fleet.set_count(wanted)?;
        Ok(fleet)
    }

    /// Brings the fleet to `count` devices: more begin to enroll, the last ones remove their enrollment and stop.
    pub fn set_count(&mut self, count: usize) -> Result<()> {
        if count > MAX_DEVICES {
            return Err(Error::bad_input(format!("{count} devices are more than a fleet has; {MAX_DEVICES} are the most")));
        }
        let present = self.shared.members().doors.len();
        for index in present..count {
            self.add(index, count - present);
        }
        let surplus: Vec<_> = {
            let mut members = self.shared.members();
            let keep = count.min(members.doors.len());
            members.views.truncate(keep);
            members.held.truncate(keep);
            members.tokens.retain(|_, index| *index < keep);
            members.doors.drain(keep..).collect()
        };
        for door in surplus {
            // A device whose door is full hears the closing of the door instead.
            drop(door.try_send(Knock::Leave));
        }
        Ok(())
    }

    fn add(&mut self, index: usize, of: usize) {
        let facts = invent(self.plan.seed, index as u32 + 1, self.plan.mix.wish(index));
        let begins_after = self.plan.ramp.mul_f64((index % of.max(1)) as f64 / of.max(1) as f64);
        self.enter(index, facts, begins_after);
    }

    /// Lets one more device in, which is what `facts` say; it begins at once.
    pub fn join(&mut self, facts: Individual) -> Result<()> {
        let index = self.shared.members().doors.len();
        if index >= MAX_DEVICES {
            return Err(Error::bad_input(format!("{MAX_DEVICES} devices are the most that a fleet has")));
        }
        self.enter(index, facts, Duration::ZERO);
        Ok(())
    }

    fn enter(&mut self, index: usize, facts: Individual, begins_after: Duration) {
        let (plan, number) = (&self.plan, facts.number);
        let random = Random::seeded(plan.seed.rotate_left(32) ^ u64::from(number));
        let device = Device::new(facts, plan.settings.clone(), plan.faults.for_device(number), random);
        let (door, knocks) = mpsc::channel(MAX_KNOCKS);
        {
            let mut members = self.shared.members();
            members.doors.push(door);
            members.views.push(View::of(&device));
            members.held.push(Vec::new());
        }
        self.tasks.spawn(life::live(Arc::clone(&self.shared), Arc::clone(&self.trust), index, device, knocks, begins_after));
    }

    /// Delivers a push, as the push service does; says whether a device of the fleet has this token (in hexadecimal).
    pub fn push(&self, token: &str, magic: &str) -> bool {
        let Some(token) = unhex(token) else { return false };
        self.shared.members().deliver(token, magic)
    }

    /// Makes every device look at the clock: for tests that move it by hand.
    pub fn tick(&self) {
        self.knock_all(|| Knock::Tick);
    }

    /// Makes every enrolled device connect, as if all were pushed.
    pub fn poll_all(&self) {
        self.knock_all(|| Knock::Connect);
    }

    /// Lets every device connect until its queue is empty, or holds only what it puts off, and no other command has come for a whole round; says whether that came about.
    pub async fn settle(&self) -> bool {
        for _ in 0..MAX_ROUNDS {
            // A locked device is offered the same again each time, and puts it off.
            let taken = |summary: &Summary| summary.commands - summary.not_now.min(summary.commands);
            let before = taken(&self.summary());
            let doors = self.shared.members().doors.clone();
            let mut told = Vec::with_capacity(doors.len());
            for door in doors {
                let (teller, hears) = oneshot::channel();
                if door.send(Knock::Settle(teller)).await.is_ok() {
                    told.push(hears);
                }
            }
            for hears in told {
                // A device that stopped has settled too.
                drop(hears.await);
            }
            if taken(&self.summary()) == before {
                return true;
            }
        }
        false
    }

    /// The enrolled devices as load needs them, where they check in, and what their profiles made them trust.
    pub async fn load_devices(&self) -> (Vec<LoadDevice>, Option<Addresses>, Vec<Certificate>) {
        let (teller, mut hears) = mpsc::unbounded_channel();
        let doors = self.shared.members().doors.clone();
        for door in doors {
            let teller = teller.clone();
            let tell = move |device: &mut Device| drop(teller.send(told(device)));
            // A device that stopped takes no part.
            drop(door.send(Knock::Act(Box::new(tell))).await);
        }
        drop(teller);
        let (mut devices, mut addresses, mut anchors) = (Vec::new(), None, Vec::new());
        while let Some(told) = hears.recv().await {
            let Some((device, address, trusted)) = told else { continue };
            devices.push(device);
            addresses = Some(address);
            anchors = trusted;
        }
        devices.sort_by(|a: &LoadDevice, b| a.serial_number.cmp(&b.serial_number));
        (devices, addresses, anchors)
    }

    fn knock_all(&self, knock: impl Fn() -> Knock) {
        for door in &self.shared.members().doors {
            drop(door.try_send(knock()));
        }
    }

    /// Lets `act` change device `number` (from 1), as its user would; says whether there is such a device that listens.
    pub fn act(&self, number: usize, act: impl FnOnce(&mut Device) + Send + 'static) -> bool {
        let members = self.shared.members();
        let door = number.checked_sub(1).and_then(|index| members.doors.get(index));
        door.is_some_and(|door| door.try_send(Knock::Act(Box::new(act))).is_ok())
    }

    /// Asks device `number` (from 1) something between two conversations; none where there is no such device that listens.
    pub async fn ask<T: Send + 'static>(&self, number: usize, question: impl FnOnce(&mut Device) -> T + Send + 'static) -> Option<T> {
        let (teller, hears) = oneshot::channel();
        let door = number.checked_sub(1).and_then(|index| self.shared.members().doors.get(index).cloned())?;
        // It may be that nobody waits any more.
        let act = move |device: &mut Device| drop(teller.send(question(device)));
        door.send(Knock::Act(Box::new(act))).await.ok()?;
        hears.await.ok()
    }

    /// How every device is doing, by number.
    pub fn views(&self) -> Vec<View> {
        self.shared.members().views.clone()
    }

    /// How the fleet is doing as a whole.
    pub fn summary(&self) -> Summary {
        Summary::of(&self.shared.members().views)
    }

    /// How long requests took, by purpose.
    pub fn durations(&self) -> Vec<(Purpose, Histogram)> {
        let durations = self.shared.durations.lock().unwrap_or_else(PoisonError::into_inner);
        Purpose::NAMES.iter().filter_map(|(_, purpose)| Some((*purpose, durations.get(purpose)?.clone()))).collect()
    }

    /// Waits until the fleet is as `wanted` says, looking after every change.
    pub async fn until(&self, wanted: impl Fn(&Summary) -> bool) -> Summary {
        let mut changes = self.shared.changes.subscribe();
        loop {
            changes.mark_unchanged();
            let summary = self.summary();
            if wanted(&summary) || changes.changed().await.is_err() {
                return summary;
            }
        }
    }

    /// Stops all devices where they are, without a word to the server.
    pub async fn stop(mut self) -> Summary {
        self.shared.stopping.store(true, Ordering::SeqCst);
        self.tick();
        let summary = self.summary();
        self.shared.members().doors.clear();
        // A server that does not answer keeps nobody from ending.
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            self.tasks.shutdown().await;
        }
        summary
    }
}

/// What a device is for load, once it is enrolled.
fn told(device: &Device) -> Option<(LoadDevice, Addresses, Vec<Certificate>)> {
    let (server_url, check_in_url, topic) = device.server()?;
    let addresses = Addresses { server_url: server_url.into(), check_in_url: check_in_url.into(), topic: topic.into() };
    let (udid, serial_number) = (device.facts().udid.clone(), device.facts().serial_number.clone());
    let identity = device.shared_identity()?;
    Some((LoadDevice { udid, serial_number, identity }, addresses, device.anchors()))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests;
