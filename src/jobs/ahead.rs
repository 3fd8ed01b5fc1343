//! A clock that was ahead and is set right: what it left due in the far future is due again, at the start and while the appliance runs.

use std::time::Duration;

use tokio::time::Instant;

use crate::app::App;
use crate::clock::{Clock, Timestamp};
use crate::error::Result;
use crate::mdm::ca::succession::wrong_clock;
use crate::store::ahead;

/// Steps back that are none: time servers set clocks right by less all day.
const STEP: Duration = Duration::from_secs(5);

/// Steps ahead that are none: a machine that sleeps, which measures no time meanwhile, may wake on the next day.
const JUMP: Duration = Duration::from_secs(24 * 3600);

/// At the start: brings back what is further ahead than it can be, where something happened at a moment that has not come yet. Without that the clock was
/// right, and what lies far ahead was meant so.
pub async fn bring_back_at_start(app: &App) -> Result<()> {
    if app.store.read(app.now(), |tx| ahead::is_behind(tx, STEP)).await? { bring_back(app).await } else { Ok(()) }
}

/// Brings back what is further ahead than it can be.
async fn bring_back(app: &App) -> Result<()> {
    let brought = app.store.write(app.now(), ahead::bring_back).await?;
    if brought > 0 {
        tracing::warn!(
            "{brought} due times lay further ahead than they can: the clock was ahead, and is right now. What they are for is done now"
        );
    }
    Ok(())
}

/// Notices when the clock goes back, and when it goes ahead further than time does.
pub(super) struct Watch {
    seen: Timestamp,
    /// The machine's own measure of time, which nobody sets.
    looked: Instant,
}

impl Watch {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { seen: now, looked: Instant::now() }
    }

    /// Looks at the clock; brings due times back where it went back since the last look, and notes a jump ahead.
    pub(super) async fn look(&mut self, app: &App) {
        // A clock that is moved by hand goes as it is meant to.
        let passed = matches!(app.clock, Clock::System).then(|| self.looked.elapsed());
        self.looked = Instant::now();
        self.compare(app, passed).await;
    }

    async fn compare(&mut self, app: &App, passed: Option<Duration>) {
        let (now, before) = (app.now(), self.seen);
        self.seen = now;
        let outcome = if now.plus(STEP) < before {
            tracing::warn!("the clock went back by {} seconds", before.since(now).as_secs());
            bring_back(app).await
        } else if passed.is_some_and(|passed| now.since(before) > passed.saturating_add(JUMP)) {
            tracing::warn!("the clock jumped ahead by {} seconds", now.since(before).as_secs());
            app.store.write(now, wrong_clock::jumped_ahead).await
        } else {
            Ok(())
        };
        if let Err(error) = outcome {
            tracing::error!("what a wrong clock did could not be put right: {error}");
            // It is tried again at the next look.
            self.seen = before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::{JOBS, due_at, run_due};
    use crate::mdm::Actor;
    use crate::mdm::backups::{self, plan};
    use crate::store::{DataFolder, OpenOptions, jobs};

    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

    /// An appliance that worked for a day with a clock that was a year ahead, whose clock is set right.
    async fn set_right() -> ([tempfile::TempDir; 2], App) {
        let [folder, away] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let data = DataFolder::open(folder.path()).unwrap();
        let app = App::for_tests_in(OpenOptions::file(data.database(), data.sealer().unwrap()), folder.path());
        run_due(&app).await.unwrap();
        app.clock.advance(YEAR);
        let new = plan::NewPlan {
            daily: true,
            at: String::from("03:15"),
            with_packages: false,
            keep: backups::retention::Keep { daily: 2, weekly: 0, monthly: 0 },
            folder: Some(away.path().display().to_string()),
            s3: None,
            s3_secret: None,
        };
        app.store
            .write(app.now(), move |tx| {
                backups::make_recovery_key(tx, &Actor::Console)?;
                plan::set(tx, &Actor::Console, &new)?;
                jobs::finish(tx, "releases", tx.now, Err("Apple is down"), None)
            })
            .await
            .unwrap();
        app.clock.advance(Duration::from_secs(24 * 3600));
        run_due(&app).await.unwrap();
        app.clock.set_back(YEAR + Duration::from_secs(24 * 3600));
        ([folder, away], app)
    }

    async fn far(app: &App) -> Vec<&'static str> {
        let month = app.now().plus(Duration::from_secs(32 * 24 * 3600));
        app.store
            .read(app.now(), |tx| {
                let mut far = Vec::new();
                for job in JOBS {
                    if due_at(tx, job)?.is_some_and(|due| due > month) {
                        far.push(job.name);
                    }
                }
                Ok(far)
            })
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn no_job_waits_for_the_day_on_which_the_clock_was() {
        let (_folders, app) = set_right().await;
        assert!(!far(&app).await.is_empty(), "else this shows nothing");
        let mut watch = Watch::new(app.now().plus(YEAR));
        watch.look(&app).await;
        assert_eq!(far(&app).await, [""; 0]);
        // The next day everything of every day is done.
        app.clock.advance(Duration::from_secs(24 * 3600));
        run_due(&app).await.unwrap();
        for name in ["housekeeping", "backups", "integrity"] {
            let turn = app.store.read(app.now(), |tx| jobs::turn(tx, name)).await.unwrap();
            assert_eq!((turn.started_at, turn.failures), (Some(app.now()), 0), "{name}: {}", turn.result);
        }
    }

    #[tokio::test]
    async fn at_the_start_it_takes_something_that_happened_later_than_now() {
        let (_folders, app) = set_right().await;
        assert!(!far(&app).await.is_empty(), "else this shows nothing");
        bring_back_at_start(&app).await.unwrap();
        assert_eq!(far(&app).await, [""; 0]);

        // An assignment that ends in a year wakes its devices then, and no clock was wrong.
        let app = App::for_tests();
        run_due(&app).await.unwrap();
        let far = app.now().plus(YEAR);
        app.store.write(app.now(), move |tx| jobs::set_due(tx, "releases", Some(far))).await.unwrap();
        bring_back_at_start(&app).await.unwrap();
        assert_eq!(app.store.read(app.now(), |tx| jobs::turn(tx, "releases")).await.unwrap().due_at, Some(far));
    }

    #[tokio::test]
    async fn a_clock_that_goes_ahead_further_than_time_does_is_not_believed_for_a_while() {
        let app = App::for_tests();
        let unsettled = async || app.store.read(app.now(), wrong_clock::unsettled_until).await.unwrap();
        let mut watch = Watch::new(app.now());
        app.clock.advance(JUMP);
        watch.compare(&app, Some(Duration::ZERO)).await;
        app.clock.advance(YEAR);
        watch.compare(&app, Some(YEAR)).await;
        assert_eq!(unsettled().await, None, "a sleep, and a year of work");
        app.clock.advance(YEAR);
        watch.compare(&app, Some(Duration::from_secs(60))).await;
        assert_eq!(unsettled().await, Some(app.now().plus(wrong_clock::SETTLES)));
        app.clock.set_back(YEAR);
        watch.compare(&app, Some(Duration::from_secs(70))).await;
        assert_eq!(unsettled().await, None, "it is right again");
    }

    #[tokio::test]
    async fn a_small_step_back_is_none() {
        let app = App::for_tests();
        let far = app.now().plus(YEAR);
        app.store.write(app.now(), move |tx| jobs::set_due(tx, "releases", Some(far))).await.unwrap();
        let due = async || app.store.read(app.now(), |tx| jobs::turn(tx, "releases")).await.unwrap().due_at;
        let mut watch = Watch::new(app.now());
        app.clock.set_back(STEP);
        watch.look(&app).await;
        assert_eq!(due().await, Some(far));
        app.clock.set_back(STEP * 2);
        watch.look(&app).await;
        assert_eq!(due().await, Some(app.now()));
    }
}
