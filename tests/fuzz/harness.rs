//! Runs one decoder on a thread as small as the server's, and watches it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::decoders::Decoder;
use super::mutate::damaged;

/// Bytes of stack: what the server's own threads have. One that overflows ends the process, and with it the test.
const STACK_BYTES: usize = 2 << 20;

/// Places of a long seed at which it is cut short and a bit is flipped; shorter ones are damaged everywhere.
const PLACES_MAX: usize = 200;

/// How long, and how patiently.
pub(crate) struct Limits {
    /// For how long chance damages; what is cut short and flipped comes before and is not counted.
    pub(crate) budget: Duration,
    /// How long one input may take. Builds for tests are slow, and machines that run them are busy: an input that takes this long takes a hundredth of it
    /// in the product.
    pub(crate) patience: Duration,
}

impl Limits {
    /// No chance, and as much patience as a real decoder gets.
    pub(crate) fn usual() -> Self {
        Self { budget: Duration::ZERO, patience: Duration::from_secs(20) }
    }
}

/// What came of it.
pub(crate) struct Outcome {
    /// Inputs that were read.
    pub(crate) runs: u64,
    /// How long the slowest took.
    pub(crate) slowest: Duration,
    /// What broke it, if anything did.
    pub(crate) finding: Option<Finding>,
}

/// An input that broke a decoder.
pub(crate) struct Finding {
    /// What happened.
    pub(crate) what: String,
    /// The input.
    pub(crate) input: Vec<u8>,
}

#[derive(Default)]
struct Progress {
    runs: u64,
    slowest: Duration,
    /// What is being read, and since when.
    now: Option<(Vec<u8>, Instant)>,
}

/// Reads `seeds` whole, cut short and flipped, then damaged by chance until the time is over; ends with the first that breaks the decoder.
#[allow(clippy::disallowed_methods, reason = "how long a decoder takes is what is measured")]
pub(crate) fn run(decoder: &Decoder, seeds: Vec<Vec<u8>>, seed: u64, limits: &Limits) -> Outcome {
    let progress = Arc::new(Mutex::new(Progress::default()));
    let (tell, told) = mpsc::channel();
    let (decode, budget, shared) = (decoder.decode, limits.budget, Arc::clone(&progress));
    let work = move || {
        let began = Instant::now();
        let mut random = Rng::with_seed(seed);
        let first: Vec<_> = seeds.iter().flat_map(|seed| systematic(seed)).collect();
        let by_chance = std::iter::from_fn(|| (began.elapsed() < budget && !seeds.is_empty()).then(|| damaged(&seeds, &mut random)));
        let broken = first.into_iter().chain(by_chance).find_map(|input| read(decode, input, &shared));
        // Nobody listens any more once this was given up.
        let _ = tell.send(broken);
    };
    let worker = std::thread::Builder::new().stack_size(STACK_BYTES).name(decoder.name.to_owned());
    drop(worker.spawn(work).unwrap());
    let finding = loop {
        match told.recv_timeout(limits.patience / 4) {
            Ok(finding) => break finding,
            Err(RecvTimeoutError::Disconnected) => panic!("the worker of {} went away", decoder.name),
            Err(RecvTimeoutError::Timeout) => {
                let progress = progress.lock().unwrap();
                if let Some((input, since)) = &progress.now
                    && since.elapsed() > limits.patience
                {
                    break Some(Finding {
                        what: format!("did not come back within {} ms", limits.patience.as_millis()),
                        input: input.clone(),
                    });
                }
            }
        }
    };
    let progress = progress.lock().unwrap();
    Outcome { runs: progress.runs, slowest: progress.slowest, finding }
}

/// A seed as it is, cut short at many places, and with a bit flipped at many places.
fn systematic(seed: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let stride = seed.len().div_ceil(PLACES_MAX).max(1);
    let cut = (0..=seed.len()).rev().step_by(stride).map(|end| seed[..end].to_vec());
    let flipped = (0..seed.len()).step_by(stride).enumerate().map(|(turn, at)| {
        let mut bytes = seed.to_vec();
        bytes[at] ^= 1 << (turn % 8);
        bytes
    });
    cut.chain(flipped)
}

#[allow(clippy::disallowed_methods, reason = "how long a decoder takes is what is measured")]
fn read(decode: fn(&[u8]) -> bool, input: Vec<u8>, progress: &Mutex<Progress>) -> Option<Finding> {
    let since = Instant::now();
    progress.lock().unwrap().now = Some((input.clone(), since));
    let outcome = catch_unwind(AssertUnwindSafe(|| decode(&input)));
    let mut progress = progress.lock().unwrap();
    progress.now = None;
    progress.runs += 1;
    progress.slowest = progress.slowest.max(since.elapsed());
    outcome.err().map(|panic| Finding { what: format!("panicked: {}", words(&*panic)), input })
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("without words").to_owned()
}
