//! Plans for the enrollments whose turn it is: what changed for a whole school is worked off in small pages, between which check-ins have their turn.

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::jobs::Job;
use crate::mdm::reconcile::{PAGE, plan};
use crate::store::deployments;

pub(super) const JOB: Job = Job { name: "reconcile", due: deployments::next_due, run: |app, now| Box::pin(run(app, now)) };

async fn run(app: &App, now: Timestamp) -> Result<String> {
    let planned = app
        .store
        .write(now, |tx| {
            let due = deployments::due(tx, PAGE)?;
            due.iter().try_for_each(|enrollment_id| plan(tx, enrollment_id))?;
            Ok(due.len())
        })
        .await?;
    Ok(format!("{planned} planned"))
}
