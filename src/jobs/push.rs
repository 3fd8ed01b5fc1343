//! Sends the pushes that are due, many at a time over one connection per certificate.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::app::App;
use crate::apple::apns::{Push, PushIdentity};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::jobs::Job;
use crate::mdm::connections;
use crate::mdm::push::{self, Due};
use crate::protocol::push::{Outcome, judge};
use crate::secret::Secret;
use crate::store::{enrollments, push_certificates};

/// How long Apple keeps a push for a device that is off.
const KEEP_FOR: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3600);

pub(super) const JOB: Job = Job { name: "push", due: enrollments::next_push_due, run: |app, now| Box::pin(run(app, now)) };

async fn run(app: &App, now: Timestamp) -> Result<String> {
    let due = app.store.write(now, push::due).await?;
    if due.is_empty() {
        return Ok(String::from(t!("nobody to wake")));
    }
    let identities = identities(app, now, &due).await?;
    let mut sending = JoinSet::new();
    for due in due {
        let Some((identity, practice)) = identities.get(&due.topic).cloned() else { continue };
        let (apns, metrics) = (app.push_service(practice), app.metrics.clone());
        sending.spawn(async move {
            let magic = String::from_utf8_lossy(due.magic.expose()).into_owned();
            let push = Push { token: due.token.clone(), magic: Secret::new(magic), expiration: now.plus(KEEP_FOR) };
            let outcome = apns.push(&identity, &push).await;
            if !practice {
                metrics.push(word(&outcome));
            }
            (due, outcome)
        });
    }
    let mut answers = Vec::new();
    while let Some(answer) = sending.join_next().await {
        answers.push(answer.map_err(|error| Error::internal("a push was cut off", error))?);
    }
    let (sent, failed) = count(&answers);
    let ways = ways(&answers, &identities);
    record(app, answers, ways).await?;
    Ok(t!("{sent} sent, {failed} not", sent, failed))
}

/// What became of a push, as it is counted.
fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered { .. } => "delivered",
        Outcome::Refused { .. } | Outcome::Unaddressed { .. } => "refused",
        Outcome::Unreachable { .. } => "unreachable",
        Outcome::Unproven { .. } => "certificate_refused",
    }
}

fn count(answers: &[(Due, Outcome)]) -> (usize, usize) {
    let sent = answers.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Delivered { .. })).count();
    (sent, answers.len() - sent)
}

/// What came of the ways to the push service and to its practice stand-in, as far as they were tried: whoever answers is reached.
fn ways(answers: &[(Due, Outcome)], identities: &HashMap<String, (Arc<PushIdentity>, bool)>) -> Vec<(&'static str, Result<(), String>)> {
    let way = |practice: bool| {
        let is_its = |due: &Due| identities.get(&due.topic).is_some_and(|(_, of_practice)| *of_practice == practice);
        let mut failure = None;
        for (_, outcome) in answers.iter().filter(|(due, _)| is_its(due)) {
            match outcome {
                Outcome::Delivered { .. } | Outcome::Refused { .. } => return Some((connections::push_name(practice), Ok(()))),
                Outcome::Unreachable { why } | Outcome::Unproven { why } => failure = failure.or_else(|| Some(why.clone())),
                Outcome::Unaddressed { .. } => {}
            }
        }
        failure.map(|why| (connections::push_name(practice), Err(why)))
    };
    [false, true].into_iter().filter_map(way).collect()
}

async fn record(app: &App, answers: Vec<(Due, Outcome)>, ways: Vec<(&'static str, Result<(), String>)>) -> Result<()> {
    app.store
        .write(app.now(), move |tx| {
            for (due, outcome) in &answers {
                push::record(tx, due, outcome, judge(outcome, due.token_updated_at))?;
            }
            for (name, outcome) in &ways {
                connections::note(tx, name, outcome.as_ref().copied().map_err(String::as_str))?;
            }
            Ok(())
        })
        .await
}

/// The push certificates of the topics in question, ready to connect with, and whether each is the practice classroom's.
async fn identities(app: &App, now: Timestamp, due: &[Due]) -> Result<HashMap<String, (Arc<PushIdentity>, bool)>> {
    let mut topics: Vec<_> = due.iter().map(|due| due.topic.clone()).collect();
    topics.sort();
    topics.dedup();
    app.store
        .read(now, move |tx| {
            let mut identities = HashMap::new();
            for topic in topics {
                let (Some(row), Some(key)) = (push_certificates::by_topic(tx, &topic)?, push_certificates::key(tx, &topic)?) else {
                    continue;
                };
                let identity = PushIdentity::from_stored(&topic, &row.certificate, key.expose())?;
                identities.insert(topic, (Arc::new(identity), row.practice));
            }
            Ok(identities)
        })
        .await
}
