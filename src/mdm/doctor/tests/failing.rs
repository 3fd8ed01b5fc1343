//! What runs by itself, and what it asks that does not answer.

use super::*;
use crate::mdm::connections;
use crate::mdm::updates::lookup::{self, Outcome, Trouble};

#[test]
fn a_job_that_did_not_get_through_is_named_though_it_plans_its_own_next_try() {
    let store = store();
    let failed = |tx: &Tx| {
        let because = "Gdmf.apple.com:443 cannot be reached (dns error: failed to lookup address information: Name or service not known).";
        let trouble = Trouble { because: because.into(), ..Trouble::default() };
        let result = lookup::record(tx, &Actor::Job(lookup::JOB), "https://gdmf.apple.com", Outcome::Failed(trouble))?;
        jobs::finish(tx, lookup::JOB, tx.now, Ok(&result), None)
    };
    store.write_blocking(NOW, failed).unwrap();
    let report = examined(&store, &well());
    let (level, words) = one(&report, "jobs.failing:releases");
    assert!(level == Level::Warning && words.contains("its name is not found"), "{words}");
    assert!(!words.contains("dns error"), "{words}");
    assert!(of(&report, "jobs.failing").is_empty(), "nothing is said to have gone well: {report:#?}");
    store.write_blocking(NOW, |tx| connections::note(tx, "releases", Ok(()))).unwrap();
    assert_eq!(one(&examined(&store, &well()), "jobs.failing:releases").0, Level::Warning, "until the job itself got through");
}
