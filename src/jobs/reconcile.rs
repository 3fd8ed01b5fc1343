//! Plans for the enrollments whose turn it is: what changed for a whole school is worked off in small pages, between which check-ins have their turn.

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::{Kind, Result};
use crate::jobs::Job;
use crate::mdm::reconcile::{self, Carried};
use crate::store::deployments;

/// Pages that one turn works off before other jobs have theirs.
const PAGES: usize = 50;

pub(super) const JOB: Job = Job { name: "reconcile", due: deployments::next_due, run: |app, now| Box::pin(run(app, now)) };

async fn run(app: &App, now: Timestamp) -> Result<String> {
    let (mut planned, mut carried) = (0, Carried::default());
    for _ in 0..PAGES {
        let begun = std::mem::take(&mut carried);
        let page = match app.store.write(now, |tx| reconcile::plan_page(tx, begun)).await {
            Err(error) if error.kind != Kind::Busy => app.store.write(now, reconcile::plan_apart).await?,
            planned => {
                let (page, next) = planned?;
                carried = next;
                page
            }
        };
        planned += page;
        if page < reconcile::PAGE as usize {
            break;
        }
    }
    Ok(t!("{planned} planned", planned))
}
