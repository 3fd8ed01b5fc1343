//! Whom mail goes to: admins who ticked what they want to hear of, and further addresses. What is told is for owners and admins alone.

use std::collections::BTreeMap;

use serde_json::json;

use crate::error::{Error, Result};
use crate::mdm::{Actor, Right, Role, journal};
use crate::protocol::mail::is_address;
use crate::store::notices::{self, NoticeKind, Recipient, RecipientAdmin};
use crate::store::{Bell, Tx, admins};

/// How many recipients there may be: every letter is written once for each.
pub const RECIPIENTS_MAX: usize = 50;

/// Everybody whom mail goes to, for those who set it up.
pub fn list(tx: &Tx, actor: &Actor) -> Result<Vec<Recipient>> {
    actor.require(Right::Configure)?;
    notices::recipients(tx)
}

/// Whether somebody gets what they ticked: who may not log in, or may not see what is told, gets nothing.
pub fn is_served(recipient: &Recipient) -> bool {
    recipient
        .admin
        .as_ref()
        .is_none_or(|admin| admin.disabled_at.is_none() && Role::parse(&admin.role).is_ok_and(|role| role.may(Right::Configure)))
}

/// Who gets what now, each address once.
pub fn served(tx: &Tx) -> Result<BTreeMap<String, Vec<NoticeKind>>> {
    let mut served = BTreeMap::<String, Vec<NoticeKind>>::new();
    for recipient in notices::recipients(tx)?.into_iter().filter(is_served) {
        let kinds = served.entry(recipient.address).or_default();
        kinds.extend(recipient.kinds);
        kinds.sort_unstable();
        kinds.dedup();
    }
    Ok(served)
}

fn checked(tx: &Tx, address: &str, own: Option<&str>) -> Result<String> {
    let address = address.trim();
    if !is_address(address) {
        return Err(Error::field("address", t!("write one e-mail address, like kim@example.school")));
    }
    let all = notices::recipients(tx)?;
    if all.iter().any(|known| Some(known.id.as_str()) != own && known.address.eq_ignore_ascii_case(address)) {
        return Err(Error::field("address", t!("this address is on the list already")));
    }
    if own.is_none() && all.len() >= RECIPIENTS_MAX {
        return Err(Error::conflict(t!(
            "There are {RECIPIENTS_MAX} addresses already, which is the most. Take one out first.",
            RECIPIENTS_MAX
        )));
    }
    Ok(address.to_owned())
}

fn in_order(mut kinds: Vec<NoticeKind>) -> Vec<NoticeKind> {
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

fn note(tx: &Tx, actor: &Actor, kind: &str, recipient: &Recipient) -> Result<()> {
    tx.ring(Bell::Jobs);
    let kinds: Vec<_> = recipient.kinds.iter().map(|kind| kind.as_str()).collect();
    let name = recipient.admin.as_ref().map(|admin| &admin.name);
    let data = json!({ "id": recipient.id, "address": recipient.address, "kinds": kinds, "name": name });
    journal::note(tx, actor, kind, journal::Subject::default(), data)
}

/// Adds an address of nobody who logs in, such as that of a list.
pub fn add(tx: &Tx, actor: &Actor, address: &str, kinds: Vec<NoticeKind>) -> Result<Recipient> {
    actor.require(Right::Configure)?;
    let address = checked(tx, address, None)?;
    let recipient = Recipient { id: tx.new_id(), admin: None, address, kinds: in_order(kinds), created_at: tx.now };
    notices::put_recipient(tx, &recipient)?;
    note(tx, actor, "notice.recipient_added", &recipient)?;
    Ok(recipient)
}

fn found(tx: &Tx, id: &str) -> Result<Recipient> {
    notices::recipient_by_id(tx, id)?.ok_or_else(|| Error::not_found(t!("There is no such address on the list.")))
}

/// Changes an address, or what is sent there; what is not given stays. The address of somebody who logs in is changed by themselves.
pub fn change(tx: &Tx, actor: &Actor, id: &str, address: Option<&str>, kinds: Option<Vec<NoticeKind>>) -> Result<Recipient> {
    actor.require(Right::Configure)?;
    let mut recipient = found(tx, id)?;
    if let Some(address) = address {
        if recipient.admin.is_some() {
            return Err(Error::conflict(t!("People who log in change their own address, on the page of their account.")));
        }
        recipient.address = checked(tx, address, Some(id))?;
    }
    if let Some(kinds) = kinds {
        recipient.kinds = in_order(kinds);
    }
    notices::put_recipient(tx, &recipient)?;
    note(tx, actor, "notice.recipient_changed", &recipient)?;
    Ok(recipient)
}

/// Takes an address off the list.
pub fn remove(tx: &Tx, actor: &Actor, id: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    let recipient = found(tx, id)?;
    notices::delete_recipient(tx, id)?;
    note(tx, actor, "notice.recipient_removed", &recipient)
}

/// Whose own notices these are, if it is somebody who may have any.
fn own_id(actor: &Actor) -> Result<&str> {
    actor.require(Right::Configure)?;
    match actor {
        Actor::Person { id, .. } => Ok(id),
        _ => Err(Error::forbidden(t!("Only people have notices of their own. Add an address to the list instead."))),
    }
}

/// What somebody ticked for themselves; none where they gave no address.
pub fn own(tx: &Tx, actor: &Actor) -> Result<Option<Recipient>> {
    notices::recipient_of(tx, own_id(actor)?)
}

/// Keeps somebody's own address and what they want to hear of; an empty address is the end of it.
pub fn set_own(tx: &Tx, actor: &Actor, address: &str, kinds: Vec<NoticeKind>) -> Result<Option<Recipient>> {
    let admin_id = own_id(actor)?.to_owned();
    let before = notices::recipient_of(tx, &admin_id)?;
    if address.trim().is_empty() {
        if let Some(before) = before {
            notices::delete_recipient(tx, &before.id)?;
            note(tx, actor, "notice.recipient_removed", &before)?;
        }
        return Ok(None);
    }
    let address = checked(tx, address, before.as_ref().map(|before| before.id.as_str()))?;
    let admin = admins::find(tx, &admin_id)?.ok_or_else(|| Error::not_found(t!("There is no such person any more.")))?;
    let admin = RecipientAdmin { id: admin.id, name: admin.name, role: admin.role, disabled_at: admin.disabled_at };
    let (id, created_at) = before.as_ref().map_or_else(|| (tx.new_id(), tx.now), |before| (before.id.clone(), before.created_at));
    let recipient = Recipient { id, admin: Some(admin), address, kinds: in_order(kinds), created_at };
    notices::put_recipient(tx, &recipient)?;
    note(tx, actor, if before.is_some() { "notice.recipient_changed" } else { "notice.recipient_added" }, &recipient)?;
    Ok(Some(recipient))
}
