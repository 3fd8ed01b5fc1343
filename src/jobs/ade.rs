//! Reads Apple's list of the organisation's devices, and assigns the profiles that they are to have: what the room says, one server beside the other.

use http::Method;
use tokio::task::JoinSet;

use crate::app::App;
use crate::apple::ade::{Ade, Question};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::jobs::{Job, turns};
use crate::mdm::ade::errands::{self, Errand, Outcome};
use crate::mdm::ade::profiles;
use crate::protocol::ade::{ServerToken, Surroundings, read};
use crate::store::ade_servers::{self, AdeServer};

/// Errands of one server in one turn; the rest comes with the next one.
const ERRANDS_PER_TURN: usize = 64;

pub(super) const JOB: Job = Job { name: "ade", due: errands::next_due, run: |app, now| Box::pin(run(app, now)) };

async fn run(app: &App, now: Timestamp) -> Result<String> {
    let due = app.store.write(now, errands::begin).await?;
    let count = due.len();
    if count == 0 {
        return Ok(String::from(t!("nothing to ask")));
    }
    let mut turns = JoinSet::new();
    for server in due {
        let app = app.clone();
        turns.spawn(async move { tend(&app, server).await });
    }
    Ok(turns::together(turns)
        .await?
        .map_or_else(|| turns::SLOW.to_owned(), |done| t!("asked Apple {done} times for {count} server tokens", done, count)))
}

/// Runs one server's errands until there are none, or Apple wants us to wait; gives how many.
async fn tend(app: &App, server: AdeServer) -> Result<usize> {
    let (public_url, own) = (app.public_url.clone(), app.signs_for_itself());
    let around = app.store.read(app.now(), |tx| profiles::surroundings(tx, &public_url, own)).await?;
    let id = server.id.clone();
    let outcome = turn(app, server, &around).await;
    let ended = app.store.write(app.now(), move |tx| errands::end(tx, &id, &around)).await;
    outcome.and_then(|done| ended.map(|()| done))
}

async fn turn(app: &App, server: AdeServer, around: &Surroundings) -> Result<usize> {
    let token = app.store.read(app.now(), |tx| ade_servers::token(tx, &server.id)).await?;
    let (Some(client), Some(token)) = (app.ade_service(server.practice), token) else {
        // The practice classroom rests, and its server with it.
        let id = server.id.clone();
        app.store.write(app.now(), move |tx| errands::rest(tx, &id)).await?;
        return Ok(0);
    };
    let token = ServerToken::read(token.expose())?;
    for done in 0..ERRANDS_PER_TURN {
        let (id, around) = (server.id.clone(), around.clone());
        let errand = app.store.write(app.now(), move |tx| errands::next(tx, &id, &around)).await?;
        let Some(errand) = errand else { return Ok(done) };
        let came = ask(&client, &token, &errand).await;
        if !app.store.write(app.now(), move |tx| errands::record(tx, &errand, &came)).await? {
            return Ok(done + 1);
        }
    }
    Ok(ERRANDS_PER_TURN)
}

/// Asks what the room wants to know.
async fn ask(client: &Ade, token: &ServerToken, errand: &Errand) -> Outcome {
    let (method, path, body) = errand.what.request();
    let method = match method {
        "GET" => Method::GET,
        "PUT" => Method::PUT,
        "DELETE" => Method::DELETE,
        _ => Method::POST,
    };
    let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    match client.ask(token, &Question { method, path, body }).await {
        Ok(came) => read(came.status, came.retry_after.as_deref(), &came.body).map_or_else(Outcome::Refused, Outcome::Answered),
        Err(error) => Outcome::Lost(error.to_string()),
    }
}
