//! The log-ins of somebody who leaves the school: which of them end with that, and why another does not.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Change, change, is_able_owner, role_of};
use crate::error::Result;
use crate::mdm::actor::{Actor, Right, Role};
use crate::store::Tx;
use crate::store::admins;

/// A name with which a person of the school logs in here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = LeaverLogIn)]
pub struct LogIn {
    /// Its id among those who log in.
    pub id: String,
    /// The name.
    pub name: String,
    /// What it lets them do.
    pub role: Role,
    /// Why it does not end when they are let go; empty where it does.
    pub stays: String,
}

/// The log-ins of a person that work now. Of several Owners one stays, where nobody else is one.
pub fn log_ins(tx: &Tx, actor: &Actor, person_id: &str) -> Result<Vec<LogIn>> {
    actor.require(Right::Configure)?;
    let mut owners = admins::count_able(tx, Role::Owner.as_str(), "")?;
    let mut found = Vec::new();
    for admin in admins::able_of_person(tx, person_id)? {
        let is_oneself = matches!(actor, Actor::Person { id, .. } if *id == admin.id);
        let is_owner = is_able_owner(&admin);
        let stays = if !actor.may(Right::Govern) {
            t!("An Owner has to end it.")
        } else if is_oneself {
            t!("That is your own: another Owner has to end it.")
        } else if is_owner && owners <= 1 {
            t!("It is the last Owner who can log in: make someone else an Owner first.")
        } else {
            owners -= u32::from(is_owner);
            ""
        };
        found.push(LogIn { role: role_of(&admin)?, id: admin.id, name: admin.name, stays: stays.to_owned() });
    }
    Ok(found)
}

/// Ends those log-ins of a person that [`log_ins`] does not say stay: they are disabled, and their sessions end. Gives them all.
pub(in crate::mdm) fn end(tx: &Tx, actor: &Actor, person_id: &str) -> Result<Vec<LogIn>> {
    let found = log_ins(tx, actor, person_id)?;
    for log_in in found.iter().filter(|log_in| log_in.stays.is_empty()) {
        change(tx, actor, &log_in.id, Change { disabled: Some(true), ..Change::default() })?;
    }
    Ok(found)
}

/// How log-ins stand that somebody had when they were let go: what works still says why, or that it was let in again.
pub(in crate::mdm) fn since(tx: &Tx, then: Vec<LogIn>) -> Result<Vec<LogIn>> {
    let mut now = Vec::new();
    for log_in in then {
        let works = admins::find(tx, &log_in.id)?.is_some_and(|admin| admin.disabled_at.is_none());
        let stays = match (works, log_in.stays.as_str()) {
            (false, _) => String::new(),
            (true, "") => String::from(t!("It was enabled again since.")),
            (true, because) => because.to_owned(),
        };
        now.push(LogIn { stays, ..log_in });
    }
    Ok(now)
}
