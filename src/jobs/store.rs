//! Looks up once a day what the App Store says of what is owned: names, versions, icons.

use crate::app::App;
use crate::apple::apps_and_books::{AppsAndBooks, Caller};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::jobs::Job;
use crate::jobs::licences::judged;
use crate::mdm::licences::facts;
use crate::protocol::apps_and_books::{Limits, lookup_query};
use crate::secret::Secret;

/// In which language names are looked up.
const LANGUAGE: &str = "en";

/// Icons that are fetched in one turn.
const ICONS_PER_TURN: usize = 50;

pub(super) const JOB: Job = Job { name: "store", due: facts::next_due, run: |app, now| Box::pin(run(app, now)) };

async fn run(app: &App, now: Timestamp) -> Result<String> {
    let Some(look_up) = app.store.write(now, facts::due).await? else { return Ok(String::from(t!("nothing to look up"))) };
    let Some(client) = app.licence_service(look_up.practice) else {
        app.store.write(now, move |tx| facts::failed(tx, &look_up)).await?;
        return Ok(String::from(t!("the practice store rests")));
    };
    let secret = Secret::new(String::from_utf8_lossy(look_up.secret.expose()).into_owned());
    let query = lookup_query(&look_up.adam_ids, &look_up.country, &look_up.platform, LANGUAGE);
    let pace = Limits::default().max_request_per_second;
    let count = look_up.adam_ids.len();
    let Ok(answer) = judged(client.get(&look_up.url, &query, Caller::Cookie(&secret), pace).await) else {
        app.store.write(app.now(), move |tx| facts::failed(tx, &look_up)).await?;
        return Ok(t!("the store did not answer for {count} apps; in an hour it is asked again", count));
    };
    let icons = app.store.write(app.now(), move |tx| facts::record(tx, &look_up, &answer.body)).await?;
    let fetched = fetch(app, &client, icons).await?;
    Ok(t!("{count} looked up, {fetched} icons fetched", count, fetched))
}

/// Fetches icons; one that does not come is tried again with the next look-up.
async fn fetch(app: &App, client: &AppsAndBooks, icons: Vec<(String, String)>) -> Result<usize> {
    let mut fetched = 0;
    for (adam_id, url) in icons.into_iter().take(ICONS_PER_TURN) {
        let Ok(came) = client.get(&url, &[], Caller::Anybody, 1).await else { continue };
        if came.status == 200 {
            fetched += usize::from(app.store.write(app.now(), move |tx| facts::keep_icon(tx, &adam_id, &url, &came.body)).await?);
        }
    }
    Ok(fetched)
}
