//! Whoever shows a grant of ours whose app or person was deleted: the right has ended, and that is said under our signature.

use serde_json::json;

use super::ask::{Ended, shown_grant};
use super::policy::Policy;
use crate::error::{Error, Result};
use crate::mdm::Actor;
use crate::mdm::journal::{self, Subject};
use crate::protocol::grant::{Code, GrantRequest};
use crate::store::access::{self, Standing};
use crate::store::former_holders::{self, FormerHolder};
use crate::store::{Tx, people};

/// What was deleted, and where the installation stood.
enum Over {
    /// The person, of an app with this policy.
    Person(Standing, String),
    /// The app.
    App(FormerHolder),
}

/// Finds what has ended, if the ask shows a grant that this server gave to its installation.
fn over(tx: &Tx, request: &GrantRequest) -> Result<Option<Over>> {
    if request.last_grant.is_none() {
        return Ok(None);
    }
    for (app_id, policy) in access::apps_by_bundle_id(tx, &request.bundle_id)? {
        if let Some(standing) = of_a_deleted_person(tx, &app_id, request)? {
            return Ok(Some(Over::Person(standing, policy)));
        }
    }
    for former in former_holders::of_installation(tx, &request.bundle_id, &request.installation)? {
        if let Some(Ok(_)) = shown_grant(tx, &former.app_id, &former.holder, request)? {
            return Ok(Some(Over::App(former)));
        }
    }
    Ok(None)
}

/// Whether an ask shows a grant of ours whose app or person was deleted: then it is refused by that, without a password.
pub fn is_over(tx: &Tx, request: &GrantRequest) -> Result<bool> {
    Ok(over(tx, request)?.is_some())
}

/// The right that has ended, and what is told of it; the first time that is written down.
pub(super) fn ended(tx: &Tx, request: &GrantRequest) -> Result<Option<Ended>> {
    Ok(match over(tx, request)? {
        None => None,
        Some(Over::Person(standing, policy)) => {
            Some(Ended { policy: read(&policy)?, standing: told(tx, request, standing)?, code: Code::PersonInactive })
        }
        Some(Over::App(former)) => Some(of_a_deleted_app(tx, request, former)?),
    })
}

fn read(policy: &str) -> Result<Policy> {
    serde_json::from_str(policy).map_err(|error| Error::internal("a stored access policy is one", error))
}

/// Where an installation stands that was granted for a person who was deleted, if the ask shows that grant.
fn of_a_deleted_person(tx: &Tx, app_id: &str, request: &GrantRequest) -> Result<Option<Standing>> {
    let Some(standing) = access::standing_of_installation(tx, app_id, &request.installation)? else { return Ok(None) };
    let whose = standing.owner_id.as_deref().or_else(|| standing.holder.split_once('/').map(|(person, _)| person));
    let Some(person) = whose else { return Ok(None) };
    if people::by_id(tx, person)?.is_some() {
        return Ok(None);
    }
    let is_shown = matches!(shown_grant(tx, app_id, &standing.holder, request)?, Some(Ok(_)));
    Ok(is_shown.then_some(standing))
}

/// Notes that it is told so; the first time that is written down.
fn told(tx: &Tx, request: &GrantRequest, mut standing: Standing) -> Result<Standing> {
    standing.ended_at.get_or_insert(tx.now);
    if standing.code != Code::PersonInactive.as_str() {
        Code::PersonInactive.as_str().clone_into(&mut standing.code);
        note(tx, request, &standing.app_id, standing.enrollment_id.as_deref(), Code::PersonInactive)?;
    }
    access::put_standing(tx, &standing)?;
    Ok(standing)
}

fn of_a_deleted_app(tx: &Tx, request: &GrantRequest, former: FormerHolder) -> Result<Ended> {
    if former.told_at.is_none() {
        former_holders::told(tx, &former)?;
        note(tx, request, &former.app_id, None, Code::NotAssigned)?;
    }
    let standing = Standing {
        app_id: former.app_id,
        holder: former.holder,
        enrollment_id: None,
        person_id: None,
        owner_id: None,
        installation: request.installation.clone(),
        sequence: former.sequence,
        acknowledged: former.sequence,
        counter: 0,
        nonce: Vec::new(),
        asked_at: tx.now,
        granted_at: None,
        offline_until: None,
        // Copies went with the app, so that none are taken.
        ended_at: None,
        code: Code::NotAssigned.as_str().to_owned(),
    };
    Ok(Ended { policy: read(&former.policy)?, standing, code: Code::NotAssigned })
}

fn note(tx: &Tx, request: &GrantRequest, app_id: &str, enrollment_id: Option<&str>, code: Code) -> Result<()> {
    let data = json!({ "app_id": app_id, "bundle_id": request.bundle_id, "code": code, "installation": request.installation });
    let subject = Subject { enrollment_id, ..Subject::default() };
    journal::note(tx, &Actor::Device { name: request.bundle_id.clone() }, "access.refused", subject, data)
}
