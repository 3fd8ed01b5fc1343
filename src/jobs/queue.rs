//! Takes commands out of the queue whose time is over.

use crate::jobs::Job;
use crate::mdm::commands;
use crate::store::commands as rows;

pub(super) const JOB: Job = Job {
    name: "queue",
    due: rows::next_expiry,
    run: |app, now| Box::pin(async move { Ok(format!("{} expired", app.store.write(now, commands::expire).await?)) }),
};
