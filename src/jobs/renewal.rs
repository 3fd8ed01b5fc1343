//! Renews device identities before they end.

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::jobs::Job;
use crate::mdm::enroll::{profile, renewal};
use crate::protocol::command;
use crate::store::enrollments;

pub(super) const JOB: Job = Job { name: "renewal", due: enrollments::next_renewal_due, run: |app, now| Box::pin(run(app, now)) };

async fn run(app: &App, now: Timestamp) -> Result<String> {
    let impossible = app.store.write(now, renewal::note_impossible).await?;
    let base = app.public_url.clone();
    let steps = app.store.read(now, |tx| renewal::due(tx, &base)).await?;
    let count = steps.len();
    let authority = app.authority();
    for step in steps {
        let payload = profile::signed(&step.grant, &app.random, &authority.issuer, now)?;
        app.store
            .write(now, move |tx| {
                let order = command::install_profile(tx.command_uuid(), payload);
                renewal::queue(tx, &step, order)
            })
            .await?;
    }
    Ok(if impossible == 0 { t!("{count} begun", count) } else { t!("{count} begun, {impossible} cannot be made", count, impossible) })
}
