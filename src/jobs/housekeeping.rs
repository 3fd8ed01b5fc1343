//! Removes what was kept for a bounded time.

use std::time::Duration;

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::jobs::Job;
use crate::mdm::ca::refusals;
use crate::mdm::people::import;
use crate::mdm::updates::progress;
use crate::mdm::{access, admins, apps, catalog, heard, history, packages, provisioning, runaway};
use crate::store::apps as past;
use crate::store::licences::users;
use crate::store::package_files::Found;
use crate::store::settings::{self, Setting};
use crate::store::{
    Tx, account_tokens, acme, arrivals, commands, declared, focuses, former_holders, idempotency, invitations, letters, notices,
    offline_copies, reports, second_factors, update_progress,
};

/// How often.
const EVERY: Duration = Duration::from_secs(3600);

/// How long raw reports are kept.
const KEEP_REPORTS: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long it is kept what update plans brought to devices.
const KEEP_RUNS: Duration = Duration::from_secs(400 * 24 * 3600);

/// How long it is kept that a device asked for its profile from Setup Assistant.
const KEEP_ARRIVALS: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long it is kept which lessons there were; the audit log keeps them for ever.
const KEEP_FOCUSES: Duration = Duration::from_secs(90 * 24 * 3600);

/// How long those are remembered who had a grant for an app that was deleted: a device that lay in a drawer is told to erase when it comes back.
const KEEP_FORMER: Duration = Duration::from_secs(2 * 365 * 24 * 3600);

/// How long it is kept what was told away from the page, and how letters went.
const KEEP_NOTICES: Duration = Duration::from_secs(90 * 24 * 3600);

/// Files of packages that one turn looks at.
const FILES: usize = 10_000;

/// Rows that one transaction removes, so that others are not kept waiting.
const PAGE: u32 = 1000;

const LAST: Setting<Timestamp> = Setting::new("housekeeping.last_at");

pub(super) const JOB: Job = Job { name: "housekeeping", due, run: |app, now| Box::pin(run(app, now)) };

fn due(tx: &Tx) -> Result<Option<Timestamp>> {
    Ok(Some(settings::value(tx, &LAST)?.map_or(tx.now, |last| last.plus(EVERY))))
}

async fn run(app: &App, now: Timestamp) -> Result<String> {
    let mut removed = 0;
    loop {
        let page = app
            .store
            .write(now, move |tx| {
                Ok(commands::prune(tx, now.minus(history::KEEP_ROUTINE), PAGE)?
                    + reports::prune(tx, now.minus(KEEP_REPORTS), PAGE)?
                    + acme::prune(tx, now.minus(EVERY), PAGE)?
                    + invitations::prune_challenges(tx, now.minus(EVERY))?
                    + account_tokens::prune(tx, PAGE)?
                    + arrivals::prune(tx, now.minus(KEEP_ARRIVALS), PAGE)?
                    + admins::sessions::sweep(tx)?
                    + admins::tokens::sweep(tx)?
                    + idempotency::prune(tx, PAGE)?
                    + access::keys::sweep(tx)?
                    + users::forget_retired(tx, PAGE)?
                    + second_factors::sweep_steps(tx)?
                    + focuses::prune(tx, now.minus(KEEP_FOCUSES), PAGE)?
                    + past::prune_past_configurations(tx, now.minus(apps::PAST_FOR), PAGE)?
                    + declared::prune_documents(tx, PAGE)?
                    + offline_copies::prune(tx, PAGE)?
                    + former_holders::prune(tx, now.minus(KEEP_FORMER), PAGE)?
                    + update_progress::prune_runs(tx, now.minus(KEEP_RUNS), PAGE)?
                    + notices::prune(tx, now.minus(KEEP_NOTICES), PAGE)?
                    + letters::prune(tx, now.minus(KEEP_NOTICES), PAGE)?
                    + import::sweep(tx)?)
            })
            .await?;
        removed += page;
        if page < PAGE as usize {
            break;
        }
    }
    removed += forget(app, now).await?;
    let files = sweep_packages(app, now).await?;
    super::addresses::look(app).await?;
    // Counting goes through a day's log: that is done beside the writer.
    let counted = app.store.read_slow(now, heard::uncounted).await?;
    let watch = move |tx: &Tx| {
        heard::keep(tx, &counted)?;
        packages::watch_ends(tx)?;
        provisioning::watch_ends(tx)?;
        catalog::renew(tx)?;
        access::guesses::sweep(tx)?;
        admins::guesses::sweep(tx)?;
        runaway::sweep(tx)?;
        refusals::sweep(tx)?;
        progress::take_census(tx)?;
        settings::set(tx, &LAST, &now)
    };
    app.store.write(now, watch).await?;
    Ok(if files == 0 { t!("{removed} rows removed", removed) } else { t!("{removed} rows and {files} files removed", removed, files) })
}

/// Forgets what happened and had its time, page by page; gives how much.
async fn forget(app: &App, now: Timestamp) -> Result<usize> {
    let mut removed = 0;
    loop {
        let page = app.store.write(now, |tx| history::forget(tx, PAGE)).await?;
        removed += page.removed;
        if !page.goes_on {
            return Ok(removed);
        }
    }
}

/// Removes uploads that rest for too long, and files that belong to nothing, as a crash leaves them.
async fn sweep_packages(app: &App, now: Timestamp) -> Result<usize> {
    let given_up = app.store.write(now, packages::stale).await?;
    let files = app.packages.clone();
    let old = blocking(move || {
        given_up.iter().try_for_each(|id| files.drop_part(id))?;
        Ok((given_up.len(), files.old(FILES, now)?))
    });
    let (given_up, old) = old.await?;
    let left_over = app.store.read_slow(now, move |tx| packages::left_over(tx, old)).await?;
    let (files, count) = (app.packages.clone(), given_up + left_over.len());
    blocking(move || {
        left_over.iter().try_for_each(|file| match file {
            Found::Part(id) => files.drop_part(id),
            Found::Whole(name) => files.drop_whole(name),
        })
    })
    .await?;
    Ok(count)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|panic| Error::internal("a fault in the program", panic))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mdm::admins::tokens::{self, NewToken};
    use crate::mdm::packages::{Begun, UPLOAD_KEPT};
    use crate::mdm::{Actor, Role};
    use crate::store::{OpenOptions, access as access_rows, api_tokens};

    /// How many there are of what scripts and people leave behind: tokens, answers that are kept for a repeat, keys that signed grants.
    async fn left_behind(app: &App) -> (u32, bool, usize) {
        let count = |tx: &Tx| {
            let keys = access_rows::keys(tx, Timestamp::default())?.len();
            Ok((api_tokens::count(tx)?, idempotency::find(tx, "console", "k")?.is_some(), keys))
        };
        app.store.read(app.now(), count).await.unwrap()
    }

    #[tokio::test]
    async fn tokens_that_are_over_answers_for_a_repeat_and_keys_that_signed_go_when_they_had_their_time() {
        let data = tempfile::tempdir().unwrap();
        let app = App::for_tests_in(OpenOptions::memory(), data.path());
        let begin = |tx: &Tx| {
            for days in [Some(1), None] {
                tokens::create(tx, &Actor::Console, &NewToken { name: "report".into(), role: Role::Viewer, days })?;
            }
            idempotency::insert(tx, "console", "k", b"{}")?;
            access::keys::rotate(tx, &Actor::Console)?;
            access::keys::rotate(tx, &Actor::Console)
        };
        app.store.write(app.now(), begin).await.unwrap();
        run(&app, app.now()).await.unwrap();
        assert_eq!(left_behind(&app).await, (2, true, 2));
        app.clock.advance(idempotency::KEPT + Duration::from_secs(1));
        run(&app, app.now()).await.unwrap();
        assert_eq!(left_behind(&app).await, (2, false, 2));
        app.clock.advance(tokens::KEPT.max(access::keys::PUBLISHED_FOR) + Duration::from_secs(24 * 3600));
        run(&app, app.now()).await.unwrap();
        assert_eq!(left_behind(&app).await, (1, false, 1), "what has no end and the key that signs stay");
    }

    #[tokio::test]
    async fn uploads_that_rest_and_files_of_nothing_go_and_nothing_else() {
        let data = tempfile::tempdir().unwrap();
        let app = App::for_tests_in(OpenOptions::memory(), data.path());
        let begun = app.store.write(app.now(), |tx| packages::begin(tx, &Actor::Console, "field.ipa", Some(100), "", 1000)).await.unwrap();
        let Begun::Upload(upload) = begun else { panic!("it is new") };
        let write = |id: &str, at: Timestamp| {
            app.packages.open_part(id).unwrap().append(b"x").unwrap();
            let file = std::fs::File::open(data.path().join("packages").join(format!("part-{id}"))).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(at.seconds() as u64)).unwrap();
        };
        let old = app.now().minus(Duration::from_secs(2 * 3600));
        write(&upload.id, old);
        write("lost", old);
        write("young", app.now());
        app.packages.open_part("whole").unwrap().append(b"x").unwrap();
        app.packages.keep("whole", "abc", old).unwrap();
        let left = || {
            let names = std::fs::read_dir(data.path().join("packages")).unwrap();
            let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        let turn = run(&app, app.now()).await.unwrap();
        assert_eq!(left(), [format!("part-{}", upload.id), String::from("part-young")], "{turn}");
        app.clock.advance(UPLOAD_KEPT);
        run(&app, app.now()).await.unwrap();
        assert_eq!(left(), [""; 0]);
        assert!(app.store.read(app.now(), |tx| packages::under_way(tx, &Actor::Console)).await.unwrap().is_empty());
    }
}
