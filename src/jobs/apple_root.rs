//! Has a root of Apple's that is not here yet; and the one above attestations in time, before the first of them comes.

use crate::app::App;
use crate::apple::software_lookup::root_of_system;
use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::jobs::Job;
use crate::mdm::apple_roots::{self, Source};
use crate::mdm::{Actor, attestation};
use crate::pki::apple::{ATTESTATION_ROOT, AppleRoot};
use crate::pki::certificate::Certificate;

pub(super) const JOB: Job = Job { name: "attestation", due: attestation::root_due, run: |app, now| Box::pin(run(app, now)) };

const ACTOR: Actor = Actor::Job("attestation");

async fn run(app: &App, now: Timestamp) -> Result<String> {
    app.store.write(now, attestation::root_asked).await?;
    match bring(app, &ACTOR, &ATTESTATION_ROOT).await? {
        Ok(_) => Ok(t!("{name} is here", name = ATTESTATION_ROOT.name)),
        Err(error) => {
            let because = error.message.trim_end_matches('.');
            let (name, page) = (ATTESTATION_ROOT.name, apple_roots::APPLES_PAGE);
            let words = t!(
                "{name} could not be fetched: {because}. Bring its file from {page}private/ by hand, under OS releases.",
                name,
                because,
                page
            );
            Err(Error::new(Kind::Upstream, words))
        }
    }
}

/// Has a root: from this machine's system, or else from Apple's page. It counts by its fingerprint only, and is kept.
pub(super) async fn bring(app: &App, actor: &'static Actor, root: &'static AppleRoot) -> Result<Result<Certificate>> {
    let found = tokio::task::spawn_blocking(|| root_of_system(root)).await;
    let found = found.map_err(|error| Error::internal("the system's certificates could not be read", error))?;
    let (file, source) = match found {
        Some(found) => (found.der().to_vec(), Source::System),
        None => match app.software_lookup.fetch_root(root).await {
            Ok(file) => (file.to_vec(), Source::Download),
            Err(error) => return Ok(Err(error)),
        },
    };
    let kept = app.store.write(app.now(), move |tx| {
        let kept = tx.attempt(|tx| apple_roots::add(tx, actor, &file, source))?;
        Ok(kept.and_then(|_| apple_roots::certificate(tx, root)))
    });
    Ok(kept.await?.and_then(|found| found.ok_or_else(|| Error::not_found(t!("it was kept and is not there")))))
}
