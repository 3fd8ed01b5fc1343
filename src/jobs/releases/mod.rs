//! Asks Apple once a day which OS releases there are, with Apple's own root, which is had before the first time.

use crate::app::App;
use crate::apple::software_lookup::{Came, Conditions, SoftwareLookup, Trouble as Unasked};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::jobs::{Job, apple_root};
use crate::language;
use crate::mdm::Actor;
use crate::mdm::apple_roots;
use crate::mdm::updates::lookup::{self, Document, Errand, Outcome, Trouble};
use crate::pki::apple::ROOT_CA;

pub(super) const JOB: Job = Job { name: lookup::JOB, due: lookup::next_due, run: |app, now| Box::pin(run(app, now)) };

const ACTOR: Actor = Actor::Job(lookup::JOB);

async fn run(app: &App, now: Timestamp) -> Result<String> {
    let client = &app.software_lookup;
    let address = client.address().to_owned();
    let errand = app.store.read(now, move |tx| lookup::begin(tx, &address)).await?;
    if let Some(until) = errand.rests_until {
        return Ok(t!("Apple asked to be left alone until {until}", until = language::date(until.words())));
    }
    let outcome = ask(app, client, errand).await?;
    let address = client.address().to_owned();
    app.store.write(app.now(), move |tx| lookup::record(tx, &ACTOR, &address, outcome)).await
}

async fn ask(app: &App, client: &SoftwareLookup, errand: Errand) -> Result<Outcome> {
    let root = match errand.root {
        None if client.needs_root() => match apple_root::bring(app, &ACTOR, &ROOT_CA).await? {
            Ok(root) => Some(root),
            Err(error) => return Ok(Outcome::Failed(no_root(&error))),
        },
        root => root,
    };
    let conditions = Conditions { etag: errand.etag, last_modified: errand.last_modified };
    match client.fetch(root.as_ref(), &conditions).await {
        Ok(came) => read(came).await,
        Err(trouble) => {
            let mendable = match &trouble {
                Unasked::Unasked(failure) => failure.is_for_people(),
                Unasked::NoRoot | Unasked::TooLarge(_) => true,
            };
            Ok(Outcome::Failed(Trouble { because: sentence(&trouble.to_string()), mendable, retry_after: None }))
        }
    }
}

/// Reads an answer beside the runtime: a list has a few hundred thousand bytes.
async fn read(came: Came) -> Result<Outcome> {
    match came.status {
        200 => {
            let read = tokio::task::spawn_blocking(move || Document::read(&came.body)).await;
            Ok(match read.map_err(|error| Error::internal("the list of releases could not be read", error))? {
                Ok(document) => Outcome::Came { document, etag: came.conditions.etag, last_modified: came.conditions.last_modified },
                Err(error) => Outcome::Failed(Trouble { because: error.to_string(), mendable: true, retry_after: None }),
            })
        }
        304 => Ok(Outcome::Unchanged),
        status => Ok(Outcome::Failed(lookup::refused(status, came.retry_after.as_deref()))),
    }
}

fn no_root(error: &Error) -> Trouble {
    let because = error.message.trim_end_matches('.');
    let name = ROOT_CA.name;
    let page = apple_roots::APPLES_PAGE;
    Trouble {
        because: t!(
            "{name}, by which Apple's service is known, could not be fetched: {because}. Bring its file from {page} by hand.",
            name,
            because,
            page
        ),
        mendable: true,
        retry_after: None,
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str())
}

#[cfg(test)]
mod tests;
