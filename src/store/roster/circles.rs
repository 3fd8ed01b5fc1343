//! Where people look for a device: its cart, its class, or what else it belongs to.

use std::collections::HashMap;

use rusqlite::Row;

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
}

/// Where people look for some devices, by its name (none for those that are nowhere), and those devices.
pub type Spots = (Option<String>, Vec<Spot>);

const BY_HAND: &str = "SELECT id, name FROM groups WHERE rule IS NULL";
const BY_RULE: &str = "SELECT id, name FROM groups WHERE rule IS NOT NULL";
const IN_GROUP: &str = "SELECT device_id FROM group_devices WHERE group_id = ?1";
const CLASSES: &str = "SELECT id, name FROM classes";
const IN_CLASS: &str = "SELECT person_id FROM class_people WHERE class_id = ?1";

/// Every device in view, once, in no order: in its first group by hand, else in a class of its person, else where its invitation put it, else in its
/// first group by rule. Groups and classes are read as a whole: that is less work than to look into them for each device.
pub fn spots(tx: &Tx) -> Result<Vec<Spots>> {
    let mut circles = Circles::default();
    let by_hand = circles.first_of_each(tx, BY_HAND, IN_GROUP)?;
    let in_classes = circles.first_of_each(tx, CLASSES, IN_CLASS)?;
    let mut nowhere = Vec::new();
    let sql = format!("{ROSTER} SELECT id, lower(name), standing, person_id, group_label FROM roster");
    let _: Vec<()> = tx.list(&sql, [tx.now], |row| {
        let spot = Spot { device_id: row.get(0)?, sort_key: row.get(1)?, standing: row.get(2)? };
        let put = by_hand.get(&spot.device_id).copied();
        let put = put.or(text(row, 3)?.and_then(|person| in_classes.get(person).copied()));
        match (put, text(row, 4)?.filter(|label| !label.is_empty())) {
            (Some(at), _) => circles.spots[at].push(spot),
            (None, Some(label)) => {
                let at = circles.named(label);
                circles.spots[at].push(spot);
            }
            (None, None) => nowhere.push(spot),
        }
        Ok(())
    })?;
    // Groups by rule are large, and mostly somebody has put the devices where they are looked for.
    if !nowhere.is_empty() {
        let by_rule = circles.first_of_each(tx, BY_RULE, IN_GROUP)?;
        for spot in std::mem::take(&mut nowhere) {
            match by_rule.get(&spot.device_id) {
                Some(at) => circles.spots[*at].push(spot),
                None => nowhere.push(spot),
            }
        }
    }
    let named = circles.names.into_iter().map(Some).zip(circles.spots);
    Ok(named.chain([(None, nowhere)]).filter(|(_, spots)| !spots.is_empty()).collect())
}

fn text<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<Option<&'a str>> {
    Ok(row.get_ref(column)?.as_str_or_null()?)
}

/// Circles by their names, each with the devices that were found to be in it.
#[derive(Default)]
struct Circles {
    places: HashMap<String, usize>,
    names: Vec<String>,
    spots: Vec<Vec<Spot>>,
}

impl Circles {
    /// The place of the circle with this name, which is made if it is new.
    fn named(&mut self, name: &str) -> usize {
        if let Some(at) = self.places.get(name) {
            return *at;
        }
        let at = self.names.len();
        self.places.insert(name.to_owned(), at);
        self.names.push(name.to_owned());
        self.spots.push(Vec::new());
        at
    }

    /// For each member of circles the place of the first of them by the alphabet. `circles` gives ids and names, `members` who is in the one of an id.
    fn first_of_each(&mut self, tx: &Tx, circles: &str, members: &str) -> Result<HashMap<String, usize>> {
        let mut found: Vec<(String, String)> = tx.list(circles, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        found.sort_by_cached_key(|(_, name)| (name.to_lowercase(), name.clone()));
        let mut first = HashMap::new();
        for (id, name) in found {
            let at = self.named(&name);
            for member in tx.list(members, [id], |row| row.get::<_, String>(0))? {
                first.entry(member).or_insert(at);
            }
        }
        Ok(first)
    }
}
