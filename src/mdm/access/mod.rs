//! App access: who may use an app that asks this server at each launch, and for how long without asking.

mod ask;
pub mod copies;
mod former;
pub mod guesses;
pub mod keys;
mod outlook;
pub mod passwords;
pub mod policy;

pub use ask::{Ask, COPIES_AFTER_REFUSAL, FIRST_COUNTER_MAX, Granted, INSTALLATIONS_MAX, Shown, grant};
pub use former::is_over;
pub use outlook::{Affected, closed_by_removal, erased_by};
pub(in crate::mdm) use outlook::{erased_by_deletion, erased_without, remember_holders};
pub use policy::{Policy, Proof, Who};

use serde_json::json;

use crate::error::{Error, Result};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right, capability};
use crate::store::access::{self, Holder};
use crate::store::apps::{self, App};
use crate::store::enrollments::Enrollment;
use crate::store::{Tx, classes};

/// What the capability of a device for asking about one app is for.
fn purpose(app_id: &str) -> String {
    format!("access/{app_id}")
}

/// The token by which an app on this device proves which device it is: `$ACCESS_TOKEN` of its managed configuration. It changes when the device
/// enrolls anew; none before anything was planned for anybody.
pub fn token(tx: &Tx, enrollment: &Enrollment, app_id: &str) -> Result<Option<String>> {
    capability::of(tx, enrollment, &purpose(app_id))
}

/// The policy of an app as it is, or as it would be at first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// The app.
    pub app: App,
    /// Its policy, where it asks here.
    pub policy: Option<Policy>,
    /// Grows with each change; 0 while there is none.
    pub revision: i64,
}

fn app(tx: &Tx, app_id: &str) -> Result<App> {
    apps::by_id(tx, app_id)?.ok_or_else(|| Error::not_found(t!("There is no such app.")))
}

/// The policy of an app, if it asks here.
fn policy_row(tx: &Tx, app_id: &str) -> Result<Option<Policy>> {
    let row = access::policy(tx, app_id)?;
    let policy = row.map(|row| serde_json::from_str(&row.policy)).transpose();
    policy.map_err(|error| Error::internal("a stored access policy is one", error))
}

/// Shows the policy of an app.
pub fn show(tx: &Tx, actor: &Actor, app_id: &str) -> Result<Overview> {
    actor.require(Right::View)?;
    let app = app(tx, app_id)?;
    let revision = access::policy(tx, app_id)?.map_or(0, |row| row.revision);
    Ok(Overview { app, policy: policy_row(tx, app_id)?, revision })
}

/// Sets the policy of an app. `revision` is the one that the change was made from.
pub fn set(tx: &Tx, actor: &Actor, app_id: &str, policy: Policy, revision: Option<i64>) -> Result<Overview> {
    actor.require(Right::Configure)?;
    let before = show(tx, actor, app_id)?;
    if before.app.bundle_id.is_empty() {
        return Err(Error::conflict(t!("The bundle identifier of this app is not known yet. Wait until the store has told it.")));
    }
    if revision.is_some_and(|revision| revision != before.revision) {
        return Err(Error::conflict(t!("Somebody else has changed this meanwhile. Open it again and repeat your change.")));
    }
    let policy = policy.checked()?;
    for class in &policy.classes {
        if classes::by_id(tx, class)?.is_none() {
            return Err(Error::field("classes", t!("there is no class {class}", class)));
        }
    }
    capability::prepare(tx)?;
    let said = json!(policy);
    access::set_policy(tx, app_id, &said.to_string())?;
    let data = json!({ "app_id": app_id, "name": before.app.name, "policy": said });
    journal::note(tx, actor, "access.policy_set", Subject::default(), data)?;
    show(tx, actor, app_id)
}

/// Ends access to an app: whoever asks is told that nobody has to.
pub fn remove(tx: &Tx, actor: &Actor, app_id: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    let app = app(tx, app_id)?;
    if !access::remove_policy(tx, app_id)? {
        return Err(Error::not_found(t!("This app does not ask here.")));
    }
    journal::note(tx, actor, "access.policy_removed", Subject::default(), json!({ "app_id": app_id, "name": app.name }))
}

/// Who has asked for an app, by id; how many there are, and of those how many devices and how many people by password alone.
pub fn holders(tx: &Tx, actor: &Actor, app_id: &str, after: Option<&str>, limit: u32) -> Result<(Vec<Holder>, (u64, u64, u64))> {
    actor.require(Right::View)?;
    app(tx, app_id)?;
    Ok((access::holders(tx, app_id, after, limit)?, access::count_holders(tx, app_id)?))
}
