//! What time asks of us: work whose due time has come. A loop sleeps until the earliest of them; every commit that sets one rings its bell.

mod addresses;
mod ade;
mod ahead;
mod apple_root;
mod authority;
mod backups;
mod certificate;
mod housekeeping;
mod integrity;
mod inventory;
mod licences;
mod notices;
mod packages;
mod push;
mod queue;
mod reconcile;
mod releases;
mod renewal;
mod setup;
mod store;
mod turns;
mod webhooks;

pub use addresses::at_start as look_at_addresses_at_start;
pub use ahead::bring_back_at_start;
pub use authority::load as load_roots;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::watch;

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::{Bell, Tx, jobs};

/// The shortest sleep: a class that enrolls has something due all the time, and a look asks every job.
const SHORTEST_SLEEP: Duration = Duration::from_millis(20);

/// The longest sleep, so that a clock that was set does not put work off for ever.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Waits after failures in a row, the last one for ever.
const BACK_OFF: [Duration; 4] = [Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(300), Duration::from_secs(1800)];

/// Rests after the database failed to be read or written, the last one for as long as it does.
const REST: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(60)];

/// What a turn of a job gives: what came of it, in words for the page.
type Turn<'a> = Pin<Box<dyn Future<Output = Result<String>> + Send + 'a>>;

/// A job: what it is called, when it is due by the rows it looks after, and what a turn does.
pub struct Job {
    /// Its name in the log, the page and the `jobs` table.
    pub name: &'static str,
    /// When its rows want it next; `None` when there is nothing to do.
    due: fn(&Tx) -> Result<Option<Timestamp>>,
    run: for<'a> fn(&'a App, Timestamp) -> Turn<'a>,
}

/// Every job.
pub const JOBS: &[Job] = &[
    push::JOB,
    queue::JOB,
    reconcile::JOB,
    inventory::JOB,
    renewal::JOB,
    setup::JOB,
    authority::JOB,
    certificate::JOB,
    webhooks::JOB,
    licences::JOB,
    ade::JOB,
    store::JOB,
    packages::JOB,
    releases::JOB,
    apple_root::JOB,
    notices::JOB,
    backups::JOB,
    integrity::JOB,
    housekeeping::JOB,
];

/// Jobs that wait for answers from elsewhere, one after the other: they have a loop of their own, so that no push waits behind a slow store.
const APART: [&str; 8] = ["certificate", "licences", "ade", "store", "packages", "releases", "attestation", "notices"];

/// Jobs that may take hours: in a loop of their own they hold up nobody.
const LONG: [&str; 1] = ["backups"];

/// Which jobs a loop looks after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    /// Those in [`APART`].
    Apart,
    /// Those in [`LONG`].
    Long,
    /// All others.
    Usual,
}

impl Share {
    /// How long a loop rests at least after it has looked at its jobs, however often its bell rings meanwhile.
    const fn breath(self) -> Duration {
        match self {
            // Nobody notices that a push leaves so much later.
            Self::Usual => SHORTEST_SLEEP,
            Self::Apart | Self::Long => Duration::from_millis(250),
        }
    }

    fn jobs(self) -> impl Iterator<Item = &'static Job> {
        JOBS.iter().filter(move |job| self == Self::of(job))
    }

    fn of(job: &Job) -> Self {
        match job.name {
            name if APART.contains(&name) => Self::Apart,
            name if LONG.contains(&name) => Self::Long,
            _ => Self::Usual,
        }
    }
}

/// Looks after our own roots before anything is issued by them: for the start of an appliance that was off for long.
pub async fn look_at_authorities(app: &App) -> Result<()> {
    authority::catch_up(app).await
}

/// The earliest moment at which any job of a share is due.
fn next_due(tx: &Tx, share: Share) -> Result<Option<Timestamp>> {
    let mut earliest = None;
    for job in share.jobs() {
        earliest = [earliest, due_at(tx, job)?].into_iter().flatten().min();
    }
    Ok(earliest)
}

/// When a job is due: by its rows or by someone's wish, but not before a failure has cooled down.
fn due_at(tx: &Tx, job: &Job) -> Result<Option<Timestamp>> {
    let turn = jobs::turn(tx, job.name)?;
    let due = [(job.due)(tx)?, turn.due_at].into_iter().flatten().min();
    let rest = match (turn.failures, turn.finished_at) {
        (0, _) | (_, None) => None,
        // By a clock that was ahead: nobody waits for that day.
        (_, Some(ended)) if ended > tx.now => None,
        (failures, Some(ended)) => Some(ended.plus(BACK_OFF[(failures as usize - 1).min(BACK_OFF.len() - 1)])),
    };
    Ok(due.map(|due| rest.map_or(due, |rest| due.max(rest))))
}

/// Runs every job that is due now, once; gives how many ran. Tests call it after they moved the clock.
pub async fn run_due(app: &App) -> Result<usize> {
    Ok(run_share(app, Share::Usual).await? + run_share(app, Share::Apart).await? + run_share(app, Share::Long).await?)
}

async fn run_share(app: &App, share: Share) -> Result<usize> {
    let mut ran = 0;
    for job in share.jobs() {
        ran += usize::from(run_if_due(app, job).await?);
    }
    Ok(ran)
}

/// Runs a job if it is due; tells whether it was.
async fn run_if_due(app: &App, job: &Job) -> Result<bool> {
    let now = app.now();
    if app.store.read(now, |tx| due_at(tx, job)).await?.is_none_or(|due| due > now) {
        return Ok(false);
    }
    if app.store.trouble().is_some() {
        // What came of the turn could not be noted: Apple, a mail server or a webhook would be asked the same again and again.
        app.store.prove_room(now).await?;
    }
    run_one(app, job).await?;
    Ok(true)
}

#[expect(clippy::disallowed_methods, reason = "a duration for the log")]
async fn run_one(app: &App, job: &Job) -> Result<()> {
    let started = std::time::Instant::now();
    let started_at = app.now();
    let outcome = (job.run)(app, started_at).await;
    let duration = started.elapsed();
    let duration_ms = duration.as_millis() as u64;
    app.metrics.job(job.name, outcome.is_ok(), duration);
    match &outcome {
        Ok(result) => tracing::debug!(job = job.name, duration_ms, "{result}"),
        Err(error) => tracing::warn!(job = job.name, duration_ms, "{error}"),
    }
    let name = job.name;
    app.store
        .write(app.now(), move |tx| {
            let failure = outcome.as_ref().err().map(ToString::to_string);
            let outcome = match (&outcome, &failure) {
                (Ok(result), _) => Ok(result.as_str()),
                (Err(_), failure) => Err(failure.as_deref().unwrap_or_default()),
            };
            jobs::finish(tx, name, started_at, outcome, None)
        })
        .await
}

/// Runs jobs as they fall due, until `stop` says so.
pub async fn run(app: App, stop: watch::Receiver<bool>) {
    if let Err(error) = packages::note_address(&app).await {
        tracing::error!("the public address could not be noted: {error}");
    }
    let mut ended = stop.clone();
    // What takes hours is cut off at the end; it leaves nothing half done behind, and is begun anew.
    let long = async {
        tokio::select! {
            () = look_after(&app, stop.clone(), Share::Long) => {}
            _ = ended.wait_for(|ended| *ended) => {}
        }
    };
    tokio::join!(look_after(&app, stop.clone(), Share::Usual), look_after(&app, stop.clone(), Share::Apart), long);
}

async fn look_after(app: &App, mut stop: watch::Receiver<bool>, share: Share) {
    let mut bell = app.store.listen(Bell::Jobs);
    let mut clock = (share == Share::Usual).then(|| ahead::Watch::new(app.now()));
    let mut failures = 0;
    loop {
        if let Some(clock) = &mut clock {
            clock.look(app).await;
        }
        let ran = match run_share(app, share).await {
            Ok(ran) => ran,
            Err(error) => {
                tracing::error!("jobs could not be looked at: {error}");
                // They are still due, and a bell says nothing of what failed: without a rest they would be tried, and the log told, many times a second.
                let rest = tokio::time::sleep(REST[failures.min(REST.len() - 1)]);
                failures += 1;
                let is_over = tokio::select! {
                    () = rest => false,
                    _ = stop.wait_for(|stop| *stop) => true,
                };
                if is_over {
                    return;
                }
                continue;
            }
        };
        failures = 0;
        let breath = tokio::time::sleep(share.breath());
        let now = app.now();
        let due = app.store.read(now, move |tx| next_due(tx, share)).await.unwrap_or_default();
        let sleep = match due {
            // A job that is due again at once did a page of its work; others get their turn in between.
            Some(due) if due <= now && ran > 0 && share != Share::Usual => Duration::ZERO,
            Some(due) => due.since(now).clamp(SHORTEST_SLEEP, LONGEST_SLEEP),
            None => LONGEST_SLEEP,
        };
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            () = async { bell.heard().await; breath.await } => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod names {
    use super::{APART, JOBS, LONG, Share};
    use crate::mdm::jobs::WORDS;

    #[test]
    fn every_job_has_words_for_people() {
        let (mut jobs, mut named): (Vec<_>, Vec<_>) =
            (JOBS.iter().map(|job| job.name).collect(), WORDS.iter().map(|(name, _)| *name).collect());
        jobs.sort_unstable();
        named.sort_unstable();
        assert_eq!(jobs, named);
    }

    #[test]
    fn every_job_has_one_loop_and_pushes_do_not_wait_for_stores() {
        let names = |share: Share| share.jobs().map(|job| job.name).collect::<Vec<_>>();
        assert_eq!(names(Share::Apart), APART);
        assert_eq!(names(Share::Long), LONG);
        assert_eq!(names(Share::Usual).len() + APART.len() + LONG.len(), JOBS.len());
        assert!(names(Share::Usual).contains(&"push"));
    }
}
