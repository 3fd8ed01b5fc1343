//! What is there already, found by key, by address and by name.

use std::collections::BTreeMap;

use crate::protocol::roster::Roster;
use crate::store::classes::Class;
use crate::store::people::{Person, Source};

/// What is there: by its key in this source, and by its address or name in this source and in the others.
pub(super) struct Known<'a, T> {
    pub(super) by_key: BTreeMap<&'a String, &'a T>,
    pub(super) by_name: BTreeMap<String, Vec<&'a T>>,
    pub(super) others: BTreeMap<String, Vec<&'a T>>,
}

impl<'a, T> Known<'a, T> {
    pub(super) fn of(there: impl Iterator<Item = (&'a T, Source, &'a Option<String>, &'a String)>, own: Source) -> Self {
        let mut known = Self { by_key: BTreeMap::new(), by_name: BTreeMap::new(), others: BTreeMap::new() };
        for (item, source, key, name) in there {
            let names = if source == own { &mut known.by_name } else { &mut known.others };
            if !name.is_empty() {
                names.entry(name.to_lowercase()).or_default().push(item);
            }
            if let (true, Some(key)) = (source == own, key) {
                known.by_key.insert(key, item);
            }
        }
        known
    }

    /// Those of the other sources of which this is true, by address or name.
    pub(super) fn made_by_hand(&self, is_by_hand: impl Fn(&T) -> bool) -> BTreeMap<String, Vec<&'a T>> {
        let own = |(name, items): (&String, &Vec<&'a T>)| {
            let items: Vec<&'a T> = items.iter().copied().filter(|item| is_by_hand(item)).collect();
            (!items.is_empty()).then(|| (name.clone(), items))
        };
        self.others.iter().filter_map(own).collect()
    }
}

/// The one that has this name, where the file and what is there both have exactly one.
pub(super) fn single<'a, T>(names: &BTreeMap<String, Vec<&'a T>>, name: &str, is_single: bool) -> Option<&'a T> {
    match names.get(&name.to_lowercase()).map(Vec::as_slice) {
        Some([one]) if is_single => Some(one),
        _ => None,
    }
}

/// How often each name comes, whatever its case.
pub(super) fn frequencies<'a>(names: impl Iterator<Item = &'a String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for name in names.filter(|name| !name.is_empty()) {
        *counts.entry(name.to_lowercase()).or_default() += 1;
    }
    counts
}

/// A name with the address beside it.
pub(super) fn named(name: &str, email: &str) -> String {
    if email.is_empty() || email == name { name.to_owned() } else { format!("{name} ({email})") }
}

/// Names of people and classes, by key and by id.
pub(super) struct Names<'a> {
    people: BTreeMap<&'a str, &'a str>,
    classes: BTreeMap<&'a str, &'a str>,
    ids: BTreeMap<&'a str, &'a str>,
}

impl<'a> Names<'a> {
    pub(super) fn of(roster: &'a Roster, people: &'a [Person], classes: &'a [Class]) -> Self {
        let there = people.iter().map(|person| (&person.id, &person.source_id, &person.name));
        let ids = there.chain(classes.iter().map(|class| (&class.id, &class.source_id, &class.name)));
        let mut names = Self { people: BTreeMap::new(), classes: BTreeMap::new(), ids: BTreeMap::new() };
        names.ids.extend(ids.map(|(id, _, name)| (id.as_str(), name.as_str())));
        names.people.extend(people.iter().filter_map(|person| Some((person.source_id.as_deref()?, person.name.as_str()))));
        names.people.extend(roster.people.iter().map(|person| (person.key.as_str(), person.name.as_str())));
        names.classes.extend(classes.iter().filter_map(|class| Some((class.source_id.as_deref()?, class.name.as_str()))));
        names.classes.extend(roster.classes.iter().map(|class| (class.key.as_str(), class.name.as_str())));
        names
    }

    pub(super) fn person(&self, key: &'a str) -> &str {
        self.people.get(key).copied().unwrap_or(key)
    }

    pub(super) fn class(&self, key: &'a str) -> &str {
        self.classes.get(key).copied().unwrap_or(key)
    }

    pub(super) fn by_id(&self, id: &str) -> String {
        self.ids.get(id).map_or_else(|| id.to_owned(), |name| (*name).to_owned())
    }
}
