//! Looks for damage in the database, beside everything else: on a reader, and without holding up the jobs that devices wait for.

use std::time::Duration;

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::jobs::Job;
use crate::mdm::integrity;
use crate::store::integrity::{Depth, check};
use crate::store::jobs;

const NAME: &str = "integrity";

/// How long a turn waits for the look; that of a large database goes on by itself.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) const JOB: Job = Job { name: NAME, due: integrity::due, run: |app, now| Box::pin(run(app, now)) };

async fn run(app: &App, now: Timestamp) -> Result<String> {
    app.store.write(now, integrity::begin).await?;
    let mut looking = tokio::spawn(look(app.clone(), now));
    if let Ok(outcome) = tokio::time::timeout(PATIENCE, &mut looking).await {
        return outcome.map_err(|error| Error::internal("the look was cut off", error))?;
    }
    let app = app.clone();
    tokio::spawn(async move {
        let outcome = looking.await.map_err(|error| Error::internal("the look was cut off", error)).flatten();
        let written = app.store.write(app.now(), move |tx| {
            let failure = outcome.as_ref().err().map(ToString::to_string);
            let outcome = outcome.as_deref().map_err(|_| failure.as_deref().unwrap_or_default());
            jobs::finish(tx, NAME, now, outcome, None)
        });
        if let Err(error) = written.await {
            tracing::error!(job = NAME, "what was found could not be noted: {error}");
        }
    });
    Ok(String::from(t!("under way")))
}

async fn look(app: App, now: Timestamp) -> Result<String> {
    match app.store.read_slow(now, |tx| check(tx, Depth::Quick)).await {
        Ok(findings) => {
            for finding in &findings {
                tracing::error!(job = NAME, "the database is damaged: {}", finding.message);
            }
            let data = app.config.data.clone();
            app.store.write(app.now(), move |tx| integrity::record(tx, &findings, &data)).await
        }
        Err(error) => {
            app.store.write(app.now(), integrity::broke_off).await?;
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::run_due;
    use crate::mdm::Actor;
    use crate::mdm::jobs::run_now;
    use crate::pki::seal::{KEY_BYTES, Sealer};
    use crate::store::events::{self, Filter};
    use crate::store::{OpenOptions, alerts};

    async fn turn(app: &App) -> jobs::Turn {
        app.store.read(app.now(), |tx| jobs::turn(tx, NAME)).await.unwrap()
    }

    async fn alert(app: &App) -> Option<alerts::Alert> {
        let all = app.store.read(app.now(), alerts::all).await.unwrap();
        all.into_iter().find(|alert| alert.key == integrity::ALERT)
    }

    async fn events(app: &App) -> Vec<String> {
        let filter = Filter { kind: Some("database."), ..Filter::default() };
        let found = app.store.read(app.now(), |tx| events::list(tx, &filter, None, 10)).await.unwrap();
        found.into_iter().map(|event| event.kind).collect()
    }

    #[tokio::test]
    async fn damage_is_found_each_week_and_told_until_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollcall.db");
        let app = App::for_tests_with(OpenOptions::file(&path, Sealer::from_key(&[7; KEY_BYTES]).unwrap()));
        run_due(&app).await.unwrap();
        assert_eq!((turn(&app).await.result.as_str(), alert(&app).await), ("sound", None));

        crate::store::integrity::spoil_for_tests(&path, true);
        run_due(&app).await.unwrap();
        assert_eq!(turn(&app).await.result, "sound", "its time has not come");
        app.clock.advance(integrity::EVERY);
        run_due(&app).await.unwrap();
        assert_eq!(turn(&app).await.result, "damaged: 1 findings");
        let told = alert(&app).await.unwrap();
        assert!(told.message.contains("inventory_ages") && told.remedy.contains("rollcall restore"), "{told:?}");

        crate::store::integrity::spoil_for_tests(&path, false);
        app.store.write(app.now(), |tx| run_now(tx, &Actor::Console, NAME)).await.unwrap();
        run_due(&app).await.unwrap();
        assert_eq!((turn(&app).await.result.as_str(), alert(&app).await), ("sound", None));
        assert_eq!(events(&app).await, ["database.sound", "database.damaged"]);
    }

    #[tokio::test]
    async fn writing_goes_on_while_it_looks() {
        let folder = tempfile::tempdir().unwrap();
        let options = OpenOptions::file(folder.path().join("rollcall.db"), Sealer::from_key(&[7; KEY_BYTES]).unwrap());
        let app = App::for_tests_with(options);
        let (store, now) = (app.store.clone(), app.now());
        let looked = app.store.read_slow(now, move |tx| {
            let before = check(tx, Depth::Quick)?;
            // In the middle of the reader's turn; it would wait for ever if the writer waited for it.
            store.write_blocking(now, integrity::begin)?;
            Ok((before, check(tx, Depth::Quick)?))
        });
        assert_eq!(looked.await.unwrap(), (Vec::new(), Vec::new()));
    }

    #[tokio::test]
    async fn a_look_that_breaks_off_is_tried_again_soon() {
        let app = App::for_tests();
        app.store.write(app.now(), integrity::broke_off).await.unwrap();
        let due = app.store.read(app.now(), integrity::due).await.unwrap().unwrap();
        assert_eq!(due, app.now().plus(integrity::AGAIN_AFTER));
    }
}
