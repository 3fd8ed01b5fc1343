//! What an invitation says of the device that came by it: its group and its person.

use serde_json::json;

use super::give;
use crate::error::Result;
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, groups};
use crate::store::devices::Device;
use crate::store::groups::{self as rows, Group};
use crate::store::{Tx, deployments, people};

/// Under whose name it is done.
const ACTOR: Actor = Actor::Job("invitation");

/// Takes over what the invitation of a device says that has just enrolled.
///
/// It comes into the group by hand of that name, which is made if there is none; a group of that name with a rule is left alone, since its rule decides.
/// It is given to the person of that name or address, if there is exactly one and it is nobody's yet; nobody is made for it.
pub fn invited(tx: &Tx, device: &Device) -> Result<()> {
    let Device { id: device_id, group_label, person_label, .. } = device;
    let name: String = group_label.trim().chars().take(groups::NAME_MAX_CHARS).collect();
    if !name.is_empty()
        && let Some(group_id) = group_by_hand(tx, name)?
        && rows::add_device(tx, &group_id, device_id)?
    {
        deployments::look_again(tx, device_id)?;
    }
    let label = person_label.trim();
    if label.is_empty() || people::of_device(tx, device_id)?.is_some() {
        return Ok(());
    }
    if let [person] = &people::by_label(tx, label)?[..] {
        give(tx, &ACTOR, device_id, Some(person))?;
    }
    Ok(())
}

/// The id of the group by hand of this name; none when one by rule has it, or there are as many groups as there may be.
fn group_by_hand(tx: &Tx, name: String) -> Result<Option<String>> {
    if let Some((id, is_by_rule)) = rows::named(tx, &name)? {
        return Ok(Some(id).filter(|_| !is_by_rule));
    }
    if rows::count(tx)? >= groups::GROUPS_MAX {
        return Ok(None);
    }
    let group = Group {
        id: tx.new_id(),
        name,
        note: String::from(t!("Made when the first device came by an invitation that names it.")),
        rule: None,
        is_by_rule: false,
        device_count: 0,
        created_at: tx.now,
        changed_at: tx.now,
    };
    rows::insert(tx, &group)?;
    let data = json!({ "group": group.id, "name": group.name, "by_rule": false });
    journal::note(tx, &ACTOR, "group.created", Subject::default(), data)?;
    Ok(Some(group.id))
}
