//! Who would be told to erase what an app holds, before its policy or a person is changed.

use super::ask::foresee;
use super::policy::Policy;
use super::{app, policy_row};
use crate::error::Result;
use crate::mdm::{Actor, Right};
use crate::protocol::grant::Code;
use crate::store::access::{self, Holder};
use crate::store::people::Person;
use crate::store::{Tx, former_holders};

/// Holders that are read at a time.
const PAGE: u32 = 500;

/// One that would be told something else than now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affected {
    /// The app.
    pub app_id: String,
    /// Its name.
    pub app: String,
    /// Device and person in words.
    pub whose: String,
    /// What it would be told, in words.
    pub because: String,
}

/// Device and person of a holder in words.
fn whose(holder: &Holder) -> String {
    let device = holder.device.as_ref().map(|(_, name)| name.clone());
    let words: Vec<String> = device.into_iter().chain(holder.person.clone()).filter(|word| !word.is_empty()).collect();
    if words.is_empty() { String::from(t!("somebody who is gone")) } else { words.join(", ") }
}

/// The holders of an app that were granted it.
fn granted(tx: &Tx, app_id: &str) -> Result<Vec<Holder>> {
    let (mut found, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = access::holders(tx, app_id, after.as_deref(), PAGE)?;
        let is_last = page.len() < PAGE as usize;
        after = page.last().map(|last| last.standing.holder.clone());
        found.extend(page.into_iter().filter(|holder| holder.standing.granted_at.is_some()));
        if is_last {
            return Ok(found);
        }
    }
}

fn erases(policy: &Policy, code: Option<Code>) -> bool {
    policy.erase_when_refused && code.is_some_and(Code::ends_the_right)
}

/// Who would be told to erase by a policy, and is not by the one that holds now.
pub fn erased_by(tx: &Tx, actor: &Actor, app_id: &str, policy: &Policy) -> Result<Vec<Affected>> {
    actor.require(Right::Configure)?;
    let (app, Some(before)) = (app(tx, app_id)?, policy_row(tx, app_id)?) else { return Ok(Vec::new()) };
    let mut erased = Vec::new();
    for holder in granted(tx, app_id)? {
        let code = foresee(tx, policy, &holder.standing, &Some)?;
        if erases(policy, code) && !erases(&before, foresee(tx, &before, &holder.standing, &Some)?) {
            erased.push(affected(&app.id, &app.name, &holder, code));
        }
    }
    Ok(erased)
}

fn affected(app_id: &str, app: &str, holder: &Holder, code: Option<Code>) -> Affected {
    let because = code.map_or_else(String::new, |code| code.words().to_owned());
    Affected { app_id: app_id.to_owned(), app: app.to_owned(), whose: whose(holder), because }
}

/// Who may use an app now and would find it closed, if nobody had to ask for it any more.
pub fn closed_by_removal(tx: &Tx, actor: &Actor, app_id: &str) -> Result<Vec<Affected>> {
    actor.require(Right::Configure)?;
    let (app, Some(policy)) = (app(tx, app_id)?, policy_row(tx, app_id)?) else { return Ok(Vec::new()) };
    let mut closed = Vec::new();
    for holder in granted(tx, app_id)? {
        if foresee(tx, &policy, &holder.standing, &Some)?.is_none_or(|code| code == Code::Granted) {
            closed.push(affected(&app.id, &app.name, &holder, None));
        }
    }
    Ok(closed)
}

/// How many installations of an app are told to erase when it is deleted.
pub(in crate::mdm) fn erased_by_deletion(tx: &Tx, app_id: &str) -> Result<u64> {
    let Some(policy) = policy_row(tx, app_id)?.filter(|policy| policy.erase_when_refused) else { return Ok(0) };
    let mut count = 0;
    for holder in granted(tx, app_id)? {
        count += u64::from(!erases(&policy, foresee(tx, &policy, &holder.standing, &Some)?));
    }
    Ok(count)
}

/// Who would be told to erase, of all apps, if a person were not active any more, or were not there.
pub(in crate::mdm) fn erased_without(tx: &Tx, person_id: &str, is_deleted: bool) -> Result<Vec<Affected>> {
    let as_if = |person: Person| {
        let is_them = person.id == person_id;
        (!is_them || !is_deleted).then_some(Person { active: person.active && !is_them, ..person })
    };
    let mut erased = Vec::new();
    for app_id in access::asking_apps(tx)? {
        let (app, Some(policy)) = (app(tx, &app_id)?, policy_row(tx, &app_id)?) else { continue };
        if !policy.erase_when_refused {
            continue;
        }
        for holder in granted(tx, &app_id)? {
            let code = foresee(tx, &policy, &holder.standing, &as_if)?;
            if erases(&policy, code) && !erases(&policy, foresee(tx, &policy, &holder.standing, &Some)?) {
                erased.push(affected(&app.id, &app.name, &holder, code));
            }
        }
    }
    Ok(erased)
}

/// Remembers who had a grant for an app that is to be deleted: whoever shows it is told to erase.
pub(in crate::mdm) fn remember_holders(tx: &Tx, app_id: &str) -> Result<()> {
    former_holders::remember(tx, app_id).map(drop)
}
