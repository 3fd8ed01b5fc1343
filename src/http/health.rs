//! What monitors ask: is the process there, and can it work?

use std::time::Duration;

use axum::extract::State;

use crate::app::App;
use crate::error::{Error, Kind, Result};

/// How long the writer may take: monitors give up after some seconds, and are to hear why before that.
const PATIENCE: Duration = Duration::from_secs(3);

/// Answers `GET /health/live`: the process answers.
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// Answers `GET /health/ready`: the database can be read, and its writer takes work that needs room and brings it to the disk. Else 503, with the reason in words.
pub(super) async fn ready(State(app): State<App>) -> Result<&'static str> {
    let now = app.now();
    let busy = |what: &str, error: Error| Error::new(Kind::Busy, format!("{what}: {error}")).caused_by(error);
    app.store.read(now, |_| Ok(())).await.map_err(|error| busy(t!("The database cannot be read"), error))?;
    let written = tokio::time::timeout(PATIENCE, app.store.prove_room(now)).await;
    let stuck = |_| {
        let waiting = app.store.waiting();
        let message = t!(
            "The database has taken no write for {seconds} seconds, and {waiting} wait. Is the disk slow or full, or does another program hold the database?",
            seconds = PATIENCE.as_secs(),
            waiting
        );
        Error::new(Kind::Busy, message)
    };
    written.map_err(stuck)?.map_err(|error| busy(t!("The database takes no writes"), error))?;
    Ok("ok\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::limit_pages_for_tests;
    use std::sync::mpsc::channel;

    #[tokio::test(start_paused = true)]
    async fn a_writer_that_is_stuck_is_told_in_words_before_monitors_give_up() {
        let app = App::for_tests();
        let (release, held) = channel::<()>();
        let store = app.store.clone();
        let stuck = tokio::spawn(async move { store.write(crate::clock::Timestamp::default(), move |_| Ok(held.recv().is_ok())).await });
        tokio::task::yield_now().await;
        let error = ready(State(app.clone())).await.unwrap_err();
        assert_eq!(error.kind, Kind::Busy);
        assert!(error.message.starts_with("The database has taken no write for 3 seconds"), "{error}");
        release.send(()).unwrap();
        assert!(stuck.await.unwrap().unwrap());
    }

    #[tokio::test]
    async fn a_full_disk_is_told_and_over_when_there_is_room_again() {
        let app = App::for_tests();
        app.store.write(app.now(), |tx| limit_pages_for_tests(tx, 0)).await.unwrap();
        let error = ready(State(app.clone())).await.unwrap_err();
        assert_eq!(error.kind, Kind::Busy);
        assert!(error.message.starts_with("The database takes no writes: ") && error.message.contains("full"), "{error}");
        app.store.write(app.now(), |tx| limit_pages_for_tests(tx, 100)).await.unwrap();
        assert_eq!(ready(State(app)).await.unwrap(), "ok\n");
    }

    #[tokio::test]
    async fn while_it_ends_the_reason_is_said() {
        let app = App::for_tests();
        assert_eq!(ready(State(app.clone())).await.unwrap(), "ok\n");
        app.store.close().await;
        let error = ready(State(app)).await.unwrap_err();
        assert_eq!((error.kind, error.message.as_ref()), (Kind::Busy, "The database takes no writes: the server is shutting down"));
    }
}
