//! Doing what was shown.

use std::collections::BTreeSet;

use serde_json::json;

use super::plan::{Plan, Ref, person_role};
use crate::error::{Error, Kind, Result};
use crate::mdm::journal::{self, Subject};
use crate::mdm::people::classes::CLASSES_MAX;
use crate::mdm::people::{PEOPLE_MAX, account, own_devices};
use crate::mdm::{Actor, groups};
use crate::protocol::roster::Roster;
use crate::store::classes::{self, Class, Membership};
use crate::store::people::{self, PeopleFilter, Person};
use crate::store::{Tx, deployments};

/// Does everything that the plan says, and has the devices looked at that it concerns.
pub(super) fn apply(tx: &Tx, actor: &Actor, plan: &Plan, roster: &Roster) -> Result<()> {
    limits(tx, plan)?;
    let mut concerned = BTreeSet::new();
    for (id, _) in &plan.people_removed {
        concerned.extend(people::devices(tx, id)?.into_iter().map(|device| device.id));
        own_devices::left(tx, id)?;
        people::delete(tx, id)?;
    }
    for (id, _) in &plan.classes_removed {
        concerned.extend(classes::devices(tx, id)?);
        classes::delete(tx, id)?;
    }
    for changed in &plan.people_changed {
        let Some(before) = people::by_id(tx, &changed.id)? else { return Err(lost()) };
        let person = Person {
            source_id: Some(changed.key.clone()),
            name: changed.name.clone(),
            email: changed.email.clone(),
            role: changed.role,
            active: changed.active,
            ..before
        };
        people::update(tx, &person)?;
        if !person.active {
            own_devices::left(tx, &changed.id)?;
        }
        if let Some(managed) = &changed.account {
            account::put(tx, &changed.id, managed)?;
        }
        concerned.extend(people::devices(tx, &changed.id)?.into_iter().map(|device| device.id));
    }
    for (id, _, name, _) in &plan.classes_changed {
        classes::rename(tx, id, name)?;
        concerned.extend(classes::devices(tx, id)?);
    }
    let people_ids = add_people(tx, plan, roster)?;
    let class_ids = add_classes(tx, plan, roster)?;
    for joins in &plan.joins {
        let membership = Membership {
            class_id: id(&joins.class, &class_ids)?,
            person_id: id(&joins.person, &people_ids)?,
            role: joins.role,
            source: plan.source,
        };
        classes::put_member(tx, &membership)?;
        concerned.extend(people::devices(tx, &membership.person_id)?.into_iter().map(|device| device.id));
    }
    for leaves in &plan.leaves {
        classes::remove_member(tx, &leaves.class_id, &leaves.person_id)?;
        concerned.extend(people::devices(tx, &leaves.person_id)?.into_iter().map(|device| device.id));
    }
    for gives in &plan.gives {
        let person = id(&gives.person, &people_ids)?;
        people::set_person(tx, &gives.device_id, Some(&person))?;
        let data = json!({ "person": person, "name": gives.name });
        journal::note(tx, actor, "device.person_changed", Subject::device(&gives.device_id), data)?;
        concerned.insert(gives.device_id.clone());
    }
    for device in &concerned {
        deployments::look_again(tx, device)?;
    }
    groups::fill_for_people(tx)?;
    Ok(())
}

fn limits(tx: &Tx, plan: &Plan) -> Result<()> {
    let people = people::count(tx, &PeopleFilter::default())? + plan.people_added.len() as u64;
    if people.saturating_sub(plan.people_removed.len() as u64) > PEOPLE_MAX {
        return Err(Error::conflict(t!(
            "With this import there would be more than {PEOPLE_MAX} people, which is the most. Nothing was done.",
            PEOPLE_MAX
        )));
    }
    let classes = classes::count(tx)? + plan.classes_added.len() as u64;
    if classes.saturating_sub(plan.classes_removed.len() as u64) > CLASSES_MAX {
        return Err(Error::conflict(t!(
            "With this import there would be more than {CLASSES_MAX} classes, which is the most. Nothing was done.",
            CLASSES_MAX
        )));
    }
    Ok(())
}

fn add_people(tx: &Tx, plan: &Plan, roster: &Roster) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for at in &plan.people_added {
        let Some(said) = roster.people.get(*at) else { return Err(lost()) };
        let person = Person {
            id: tx.new_id(),
            source: plan.source,
            source_id: Some(said.key.clone()),
            name: said.name.clone(),
            email: said.email.clone(),
            role: person_role(said.role),
            active: said.active,
            created_at: tx.now,
            changed_at: tx.now,
        };
        people::insert(tx, &person)?;
        if !said.account.is_empty() {
            account::put(tx, &person.id, &said.account)?;
        }
        ids.push(person.id);
    }
    Ok(ids)
}

fn add_classes(tx: &Tx, plan: &Plan, roster: &Roster) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for at in &plan.classes_added {
        let Some(said) = roster.classes.get(*at) else { return Err(lost()) };
        let class = Class {
            id: tx.new_id(),
            source: plan.source,
            source_id: Some(said.key.clone()),
            name: said.name.clone(),
            people_count: 0,
            created_at: tx.now,
            changed_at: tx.now,
        };
        classes::insert(tx, &class)?;
        ids.push(class.id);
    }
    Ok(ids)
}

fn id(of: &Ref, added: &[String]) -> Result<String> {
    match of {
        Ref::Known(id) => Ok(id.clone()),
        Ref::New(at) => added.get(*at).cloned().ok_or_else(lost),
    }
}

fn lost() -> Error {
    Error::new(Kind::Internal, t!("an import refers to somebody who is not there"))
}
