//! Asks Apple for licences, gives them back, and reads who has which: what the room says, in its order, one location beside the other.

mod ask;
mod walk;

use tokio::task::JoinSet;

use crate::app::App;
use crate::apple::apps_and_books::AppsAndBooks;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::jobs::{Job, turns};
use crate::language;
use crate::mdm::licences::errands::{self, Outcome, What};
use crate::mdm::licences::sync;
use crate::protocol::apps_and_books::Service;
use crate::secret::Secret;
use crate::store::content_tokens::{self, ContentToken};

pub(in crate::jobs) use ask::judged;

/// Errands of one location in one turn; others and other jobs get theirs in between.
const ERRANDS_PER_TURN: usize = 64;

pub(super) const JOB: Job = Job { name: "licences", due: errands::next_due, run: |app, now| Box::pin(run(app, now)) };

async fn run(app: &App, now: Timestamp) -> Result<String> {
    let due = app.store.write(now, errands::begin).await?;
    let count = due.len();
    if count == 0 {
        return Ok(String::from(t!("nothing to ask")));
    }
    let mut turns = JoinSet::new();
    for token in due {
        let app = app.clone();
        turns.spawn(async move { tend(&app, token).await });
    }
    Ok(match turns::together(turns).await? {
        Some(done) => t!(
            "{errand} to Apple for {location}",
            errand = counted(done, t!("errand"), t!("errands")),
            location = counted(count, t!("location"), t!("locations"))
        ),
        None => turns::SLOW.to_owned(),
    })
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", language::counted(count as u64, one, many))
}

/// Who asks whom, about what.
struct Desk<'a> {
    app: &'a App,
    client: AppsAndBooks,
    secret: Secret<String>,
    token_id: String,
}

/// Runs one location's errands until there are none, or Apple wants us to wait; gives how many.
async fn tend(app: &App, token: ContentToken) -> Result<usize> {
    let id = token.id.clone();
    let outcome = turn(app, token).await;
    let ended = app.store.write(app.now(), move |tx| errands::end(tx, &id)).await;
    outcome.and_then(|done| ended.map(|()| done))
}

async fn turn(app: &App, token: ContentToken) -> Result<usize> {
    let Some(client) = app.licence_service(token.practice) else {
        // The practice classroom rests, and its location with it.
        let id = token.id.clone();
        app.store.write(app.now(), move |tx| errands::rest(tx, &id)).await?;
        return Ok(0);
    };
    let secret = app.store.read(app.now(), |tx| content_tokens::secret(tx, &token.id)).await?;
    let Some(secret) = secret else { return Ok(0) };
    let secret = Secret::new(String::from_utf8_lossy(secret.expose()).into_owned());
    let desk = Desk { app, client, secret, token_id: token.id };
    for done in 0..ERRANDS_PER_TURN {
        let id = desk.token_id.clone();
        let errand = app.store.write(app.now(), move |tx| errands::next(tx, &id)).await?;
        let Some(errand) = errand else { return Ok(done) };
        let service = app.store.read(app.now(), |tx| content_tokens::by_id(tx, &desk.token_id)).await?;
        let service = service.map(|token| Service::from_json(&token.service)).unwrap_or_default();
        let goes_on = match &errand.what {
            What::Service => match desk.service().await {
                Ok(service) => {
                    let id = desk.token_id.clone();
                    app.store.write(app.now(), move |tx| errands::learned(tx, &id, &service)).await?;
                    true
                }
                Err(outcome) => desk.record(errand, outcome).await?,
            },
            What::Sync { since, users } => match desk.read(&service, since.as_deref(), *users).await? {
                Ok(read) => {
                    let id = desk.token_id.clone();
                    app.store.write(app.now(), move |tx| sync::record(tx, &id, &read)).await?
                }
                Err(outcome) => desk.record(errand, outcome).await?,
            },
            _ => {
                let outcome = desk.ask(&service, &errand.what).await;
                desk.record(errand, outcome).await?
            }
        };
        if !goes_on {
            return Ok(done + 1);
        }
    }
    Ok(ERRANDS_PER_TURN)
}

impl Desk<'_> {
    async fn record(&self, errand: errands::Errand, outcome: Outcome) -> Result<bool> {
        self.app.store.write(self.app.now(), move |tx| errands::record(tx, &errand, &outcome)).await
    }
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn one_is_told_as_one() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "errand", "errands")), ["0 errands", "1 errand", "2 errands"]);
    }
}
