//! Asks devices again what they have and are.

use crate::jobs::Job;
use crate::mdm::inventory;
use crate::store::devices;

pub(super) const JOB: Job = Job {
    name: "inventory",
    due: devices::next_refresh_due,
    run: |app, now| Box::pin(async move { Ok(format!("{} asked", app.store.write(now, inventory::refresh).await?)) }),
};
