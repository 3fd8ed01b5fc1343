//! Lets devices go on whose time in Setup Assistant is over.

use crate::jobs::Job;
use crate::mdm::setup_assistant;
use crate::store::holds;

pub(super) const JOB: Job = Job {
    name: "setup",
    due: holds::next_due,
    run: |app, now| Box::pin(async move { Ok(format!("{} looked at", app.store.write(now, setup_assistant::turn).await?)) }),
};
