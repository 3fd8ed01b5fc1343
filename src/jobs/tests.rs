//! What jobs do while nothing can be stored.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::error::Kind;
use crate::store::limit_pages_for_tests;

static TURNS: AtomicUsize = AtomicUsize::new(0);

/// A job that is always due, and counts its turns.
const COUNTED: Job = Job {
    name: "counted",
    due: |tx| Ok(Some(tx.now)),
    run: |_, _| {
        Box::pin(async {
            TURNS.fetch_add(1, Ordering::Relaxed);
            Ok(String::from("counted"))
        })
    },
};

#[tokio::test]
async fn a_job_has_no_turn_while_what_comes_of_it_cannot_be_noted_and_then_by_itself() {
    let app = App::for_tests();
    assert!(run_if_due(&app, &COUNTED).await.unwrap());
    app.store.write(app.now(), |tx| limit_pages_for_tests(tx, 0)).await.unwrap();
    app.store.prove_room(app.now()).await.unwrap_err();
    for _ in 0..3 {
        assert_eq!(run_if_due(&app, &COUNTED).await.unwrap_err().kind, Kind::Busy);
    }
    assert_eq!(TURNS.load(Ordering::Relaxed), 1, "nothing was done of which nobody would know");
    app.store.write(app.now(), |tx| limit_pages_for_tests(tx, 100)).await.unwrap();
    assert!(run_if_due(&app, &COUNTED).await.unwrap());
    assert_eq!(TURNS.load(Ordering::Relaxed), 2);
}
