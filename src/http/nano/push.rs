//! Pushes that somebody waits for: all at once, and what came of each.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::app::App;
use crate::apple::apns::{Push, PushIdentity};
use crate::error::{Error, Result};
use crate::mdm::Actor;
use crate::mdm::nano::{self, NoPush};
use crate::mdm::push::{self, Due};
use crate::protocol::push::{Outcome, judge};
use crate::secret::Secret;
use crate::store::push_certificates;

/// How long Apple keeps a push for a device that is off.
const KEEP_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// What came of a push.
#[derive(Debug, Default)]
pub(super) struct Pushed {
    /// Apple's id for it.
    pub apns_id: Option<String>,
    /// Why it did not go out.
    pub error: Option<String>,
    /// Whether that is about the push certificate.
    pub about_certificate: bool,
}

/// Pushes to everyone named and records what came of it, for the enrollments' own schedules too.
pub(super) async fn push_all(app: &App, actor: &Actor, ids: Vec<String>) -> Result<BTreeMap<String, Pushed>> {
    let actor = actor.clone();
    let wakes = app
        .store
        .write(app.now(), move |tx| ids.into_iter().map(|id| Ok((nano::wake(tx, &actor, &id)?, id))).collect::<Result<Vec<_>>>())
        .await?;
    let (mut pushed, mut due) = (BTreeMap::new(), Vec::new());
    for (wake, id) in wakes {
        match wake {
            Ok(push) => due.push((id, push)),
            Err(why) => {
                pushed.insert(id, cannot(why));
            }
        }
    }
    let outcomes = send(app, due).await?;
    pushed.extend(outcomes.iter().map(|(id, _, outcome)| (id.clone(), told(outcome))));
    app.store
        .write(app.now(), move |tx| {
            outcomes.iter().try_for_each(|(_, due, outcome)| push::record(tx, due, outcome, judge(outcome, due.token_updated_at)))
        })
        .await?;
    Ok(pushed)
}

fn cannot(why: NoPush) -> Pushed {
    let (error, about_certificate) = match why {
        NoPush::NoData => (String::from(t!("push data missing for id")), false),
        NoPush::Certificate(words) => (words, true),
        NoPush::Ambiguous(words) => (words, false),
    };
    Pushed { error: Some(error), about_certificate, ..Pushed::default() }
}

async fn send(app: &App, due: Vec<(String, Due)>) -> Result<Vec<(String, Due, Outcome)>> {
    let identities = identities(app, &due).await?;
    let expiration = app.now().plus(KEEP_FOR);
    let (mut sending, mut outcomes) = (JoinSet::new(), Vec::new());
    for (id, due) in due {
        let Some((identity, practice)) = identities.get(&due.topic).cloned() else {
            // Someone took the certificate away in this very moment.
            outcomes.push((id, due, Outcome::Unproven { why: String::from(t!("the push certificate is gone")) }));
            continue;
        };
        let apns = app.push_service(practice);
        sending.spawn(async move {
            let magic = String::from_utf8_lossy(due.magic.expose()).into_owned();
            let push = Push { token: due.token.clone(), magic: Secret::new(magic), expiration };
            let outcome = apns.push(&identity, &push).await;
            (id, due, outcome)
        });
    }
    while let Some(outcome) = sending.join_next().await {
        outcomes.push(outcome.map_err(|error| Error::internal("a push was cut off", error))?);
    }
    Ok(outcomes)
}

/// The push certificates of the topics in question, and whether each is the practice classroom's.
async fn identities(app: &App, due: &[(String, Due)]) -> Result<HashMap<String, (Arc<PushIdentity>, bool)>> {
    let topics: Vec<_> = due.iter().map(|(_, due)| due.topic.clone()).collect();
    app.store
        .read(app.now(), move |tx| {
            let mut identities = HashMap::new();
            for topic in topics {
                if identities.contains_key(&topic) {
                    continue;
                }
                if let (Some(row), Some(key)) = (push_certificates::by_topic(tx, &topic)?, push_certificates::key(tx, &topic)?) {
                    let identity = PushIdentity::from_stored(&topic, &row.certificate, key.expose())?;
                    identities.insert(topic, (Arc::new(identity), row.practice));
                }
            }
            Ok(identities)
        })
        .await
}

/// An outcome in NanoMDM's words.
fn told(outcome: &Outcome) -> Pushed {
    match outcome {
        Outcome::Delivered { apns_id } => Pushed { apns_id: apns_id.clone(), ..Pushed::default() },
        Outcome::Refused { status, reason, timestamp, .. } => {
            let mut words = t!("push HTTP status: {status}", status);
            if let Some(reason) = reason {
                words.push_str(t!(": APNs push error: "));
                words.push_str(reason);
            }
            if let Some(timestamp) = timestamp {
                words.push_str(t!(": timestamp "));
                words.push_str(&timestamp.millis().to_string());
            }
            Pushed { error: Some(words), ..Pushed::default() }
        }
        Outcome::Unreachable { why } | Outcome::Unaddressed { why } => Pushed { error: Some(why.clone()), ..Pushed::default() },
        Outcome::Unproven { why } => Pushed { error: Some(why.clone()), about_certificate: true, ..Pushed::default() },
    }
}
