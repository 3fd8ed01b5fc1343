//! Whether devices can fetch what a manifest's address promises: tried from here, at our own public address, before anything is sent.

use serde_json::json;

use super::rollout::of_the_house;
use super::serve::{address, for_trial, origin};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::language::say;
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right, capability};
use crate::store::enrollments::Enrollment;
use crate::store::packages::{self as store, Package};
use crate::store::{Tx, alerts, apps};

/// Apps that one turn tries.
const AT_ONCE: u32 = 20;

/// What is wrong where a device knows this server without https.
const NOT_HTTPS: &str =
    msg!("This device knows the server by an address without https, and devices fetch apps by https only. Enroll it again.");

/// What is to be tried.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The app.
    pub app_id: String,
    /// Its manifest, as a device would fetch it.
    pub manifest_url: String,
    /// What its manifest is to name.
    pub package: Package,
}

/// Apps that are to be tried now, at our address `url`.
pub fn trials(tx: &Tx, url: &str) -> Result<Vec<Trial>> {
    capability::prepare(tx)?;
    let Some(capability) = capability::own(tx, capability::PACKAGES)? else { return Ok(Vec::new()) };
    let mut trials = Vec::new();
    for app_id in store::due(tx, AT_ONCE)? {
        if let Some(package) = for_trial(tx, &app_id)? {
            trials.push(Trial { manifest_url: address(url, &app_id, &capability), app_id, package });
        } else {
            // Nothing of it is meant for anybody any more.
            set_due(tx, &app_id, false)?;
            forget_trial(tx, &app_id)?;
        }
    }
    Ok(trials)
}

/// When the next app is to be tried.
pub fn next_trial(tx: &Tx) -> Result<Option<Timestamp>> {
    store::next_due(tx)
}

/// Has every app tried that was not tried at our address `url` yet: for the start, when it may be another one.
pub fn note_address(tx: &Tx, url: &str) -> Result<()> {
    store::untried(tx, url)?.iter().try_for_each(|app_id| set_due(tx, app_id, true))
}

/// Has an app tried, or not tried any more.
pub(super) fn set_due(tx: &Tx, app_id: &str, is_due: bool) -> Result<()> {
    let mut rollout = store::rollout(tx, app_id)?;
    rollout.due_at = is_due.then_some(tx.now);
    store::set_rollout(tx, app_id, &rollout)
}

/// Has an app tried once more.
pub fn try_again(tx: &Tx, actor: &Actor, app_id: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    of_the_house(tx, app_id)?;
    set_due(tx, app_id, true)
}

/// Notes what came of a trial; `problem` is a sentence, empty where devices can fetch the app.
pub fn note_trial(tx: &Tx, app_id: &str, url: &str, problem: &str) -> Result<()> {
    let Some(app) = apps::by_id(tx, app_id)? else { return Ok(()) };
    let mut rollout = store::rollout(tx, app_id)?;
    let is_news = rollout.problem != problem;
    (rollout.checked_url, rollout.checked_at, rollout.problem) = (url.to_owned(), Some(tx.now), problem.to_owned());
    rollout.due_at = None;
    store::set_rollout(tx, app_id, &rollout)?;
    if problem.is_empty() {
        forget_trial(tx, app_id)?;
    } else {
        let message = t!("Devices cannot fetch “{name}” from here. {problem}", name = app.name, problem);
        alerts::raise(
            tx,
            &alert(app_id),
            70,
            &message,
            t!("Mend that, then open the app's page and try again; nothing is installed meanwhile."),
        )?;
    }
    if is_news {
        let data = json!({ "app": app_id, "name": app.name, "problem": problem });
        journal::note(tx, &Actor::Job("packages"), "package.tried", Subject::default(), data)?;
    }
    Ok(())
}

/// Ends what is said of an app that nobody is to fetch any more.
pub fn forget_trial(tx: &Tx, app_id: &str) -> Result<()> {
    alerts::clear(tx, &alert(app_id)).map(drop)
}

fn alert(app_id: &str) -> String {
    format!("package.unreachable:{app_id}")
}

/// Why a device cannot fetch an app, in a sentence; none where nothing is known against it. An app that was not tried yet gives nothing: it is
/// tried as soon as a version of it is meant for anybody.
pub fn unreachable(tx: &Tx, enrollment: &Enrollment, app_id: &str) -> Result<Option<String>> {
    if origin(tx, enrollment)?.is_none() {
        return Ok(Some(say(NOT_HTTPS).to_owned()));
    }
    Ok(Some(store::rollout(tx, app_id)?.problem).filter(|problem| !problem.is_empty()))
}
