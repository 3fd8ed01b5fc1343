//! Where people look for a device: its cart, its class, or what else it belongs to.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::error::Result;
use crate::store::Tx;
use crate::store::roster::Standing;
use crate::store::roster::standing::ROSTER;

/// A device on the roll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The device.
    pub device_id: String,
    /// Its name in lower case.
    pub sort_key: String,
    /// How it stands.
    pub standing: Standing,
    /// Where people look for it: its first group by hand, else a class of its person, else what its invitation named, else its first group by rule.
    pub circle: Option<String>,
}

/// Every device in view, once. The tables of groups and classes are read as a whole: that is less work than to look into them for each device.
pub fn spots(tx: &Tx) -> Result<Vec<Spot>> {
    let in_groups = |is_by_rule: &str| {
        first_of_each(
            tx,
            &format!("SELECT device_id, name FROM groups CROSS JOIN group_devices ON group_id = groups.id WHERE rule IS {is_by_rule}"),
        )
    };
    let by_hand = in_groups("NULL")?;
    let in_classes = first_of_each(tx, "SELECT person_id, name FROM classes CROSS JOIN class_people ON class_id = classes.id")?;
    let sql = format!("{ROSTER} SELECT id, lower(name), standing, person_id, group_label FROM roster");
    let mut spots = tx.list(&sql, [tx.now], |row| {
        let device_id: String = row.get(0)?;
        let person: Option<String> = row.get(3)?;
        let label = || row.get::<_, String>(4).map(|label| Some(label).filter(|label| !label.is_empty()));
        let circle = by_hand.get(&device_id).or_else(|| in_classes.get(&person?)).cloned();
        let circle = circle.map_or_else(label, |circle| Ok(Some(circle)))?;
        Ok(Spot { device_id, sort_key: row.get(1)?, standing: row.get(2)?, circle })
    })?;
    // Groups by rule are large, and mostly somebody has put the devices where they are looked for.
    if spots.iter().any(|spot| spot.circle.is_none()) {
        let mut by_rule = in_groups("NOT NULL")?;
        for spot in spots.iter_mut().filter(|spot| spot.circle.is_none()) {
            spot.circle = by_rule.remove(&spot.device_id);
        }
    }
    Ok(spots)
}

/// Of pairs of an id and a name, for each id the first name by the alphabet.
fn first_of_each(tx: &Tx, sql: &str) -> Result<HashMap<String, String>> {
    let mut first = HashMap::<String, String>::new();
    let comes_before = |one: &str, other: &str| (one.to_lowercase(), one) < (other.to_lowercase(), other);
    for (id, name) in tx.list(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))? {
        let (id, name): (String, String) = (id, name);
        match first.entry(id) {
            Entry::Vacant(entry) => drop(entry.insert(name)),
            Entry::Occupied(mut entry) if comes_before(&name, entry.get()) => drop(entry.insert(name)),
            Entry::Occupied(_) => {}
        }
    }
    Ok(first)
}
