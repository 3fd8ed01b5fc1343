//! Where people look for a device: its cart, its class, or what else it belongs to.

use std::collections::HashMap;

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
    let pair = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let in_groups = |is_by_rule: &str| -> Result<HashMap<String, String>> {
        let sql = format!(
            "SELECT device_id, min(groups.name) FROM group_devices JOIN groups ON groups.id = group_id WHERE rule IS {is_by_rule} GROUP BY device_id"
        );
        Ok(tx.list(&sql, [], pair)?.into_iter().collect())
    };
    let by_hand = in_groups("NULL")?;
    let in_classes: HashMap<String, String> = tx
        .list("SELECT person_id, min(classes.name) FROM class_people JOIN classes ON classes.id = class_id GROUP BY person_id", [], pair)?
        .into_iter()
        .collect();
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
