//! What goes along with those who are removed: devices that are nobody's then, and memberships, also those that nobody but a person here knows of.

use std::collections::BTreeMap;

use super::known::Names;
use super::plan::Plan;
use crate::error::Result;
use crate::store::people::{self, Source};
use crate::store::{Tx, classes};

/// Devices that are left with nobody: of those who are removed, unless the file gives them to somebody else.
pub(super) fn devices(tx: &Tx, plan: &Plan) -> Result<Vec<String>> {
    let mut freed = Vec::new();
    for (id, person) in &plan.people_removed {
        let left = people::devices(tx, id)?.into_iter().filter(|device| plan.gives.iter().all(|gives| gives.device_id != device.id));
        freed.extend(left.map(|device| match device.serial_number.as_deref().unwrap_or_default() {
            "" => t!("{name} of {person}", name = device.name, person),
            serial if device.name.is_empty() => t!("{serial} of {person}", serial, person),
            serial => t!("{name} ({serial}) of {person}", name = device.name, serial, person),
        }));
    }
    Ok(freed)
}

/// Memberships that go with people, and those that go with classes and did not come by this kind of file.
pub(super) fn memberships(tx: &Tx, plan: &Plan, names: &Names<'_>) -> Result<Vec<String>> {
    let people: BTreeMap<&String, &String> = plan.people_removed.iter().map(|(id, name)| (id, name)).collect();
    let classes: BTreeMap<&String, &String> = plan.classes_removed.iter().map(|(id, name)| (id, name)).collect();
    if people.is_empty() && classes.is_empty() {
        return Ok(Vec::new());
    }
    let mut lost = Vec::new();
    for row in classes::memberships(tx)? {
        let (goes, class_goes, is_own) =
            (people.contains_key(&row.person_id), classes.contains_key(&row.class_id), row.source == plan.source);
        if !goes && !class_goes || class_goes && is_own {
            continue;
        }
        let how = match row.source {
            Source::Hand => t!(", put there by hand"),
            _ if !is_own => t!(", by another kind of file"),
            _ => "",
        };
        lost.push(t!("{by_id} in {by_id_2}{how}", by_id = names.by_id(&row.person_id), by_id_2 = names.by_id(&row.class_id), how));
    }
    lost.sort();
    Ok(lost)
}
