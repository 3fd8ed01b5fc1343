//! What a roster would change: compared with everything that is there, and nothing done yet.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::changed::{Changed, changed};
use super::known::{Known, Names, frequencies, named, single};
use super::{NAMES_LISTED, Part, Summary, accounts, along};
use crate::error::Result;
use crate::mdm::groups;
use crate::protocol::roster::{Extent, Kind, Role, Roster};
use crate::store::Tx;
use crate::store::classes::{self, Class, ClassRole};
use crate::store::people::{self, Person, PersonRole, Source};

/// Serial numbers of no device that a note writes out.
const SERIALS_SHOWN: usize = 5;

/// Somebody or something that is there, by id, or that is only about to be, by its place among the added.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) enum Ref {
    Known(String),
    New(usize),
}

/// A membership that comes, or whose role changes.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Joins {
    pub(super) class: Ref,
    pub(super) person: Ref,
    pub(super) role: ClassRole,
    words: String,
}

/// A membership that ends.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Leaves {
    pub(super) class_id: String,
    pub(super) person_id: String,
    words: String,
}

/// A device that is given to somebody.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Gives {
    pub(super) device_id: String,
    pub(super) person: Ref,
    pub(super) name: String,
    words: String,
}

/// Everything that an import does. Its JSON is the same if and only if it does the same.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Plan {
    pub(super) source: Source,
    /// Places in the roster's list.
    pub(super) people_added: Vec<usize>,
    people_added_names: Vec<String>,
    pub(super) people_changed: Vec<Changed>,
    /// Id and name.
    pub(super) people_removed: Vec<(String, String)>,
    people_here: Vec<String>,
    /// Places in the roster's list.
    pub(super) classes_added: Vec<usize>,
    classes_added_names: Vec<String>,
    /// Id, name before, name and key after.
    pub(super) classes_changed: Vec<(String, String, String, String)>,
    /// Id and name.
    pub(super) classes_removed: Vec<(String, String)>,
    classes_kept: Vec<String>,
    pub(super) joins: Vec<Joins>,
    pub(super) leaves: Vec<Leaves>,
    pub(super) gives: Vec<Gives>,
    /// Devices that are left with nobody, in words.
    devices_freed: Vec<String>,
    /// Memberships that go with people and classes, in words.
    memberships_lost: Vec<String>,
    notes: Vec<String>,
    people: u64,
    classes: u64,
}

/// The role of a person in the words of the database.
pub(super) fn person_role(role: Role) -> PersonRole {
    match role {
        Role::Student => PersonRole::Student,
        Role::Teacher => PersonRole::Teacher,
        Role::Staff => PersonRole::Staff,
    }
}

/// Where a roster's people come from in the words of the database.
fn source(kind: Kind) -> Source {
    match kind {
        Kind::Csv => Source::Csv,
        Kind::Oneroster => Source::Oneroster,
    }
}

impl Plan {
    /// Compares a roster with everything that is there.
    pub(super) fn of(tx: &Tx, roster: &Roster) -> Result<Self> {
        let mut plan = Self {
            source: source(roster.kind),
            people_added: Vec::new(),
            people_added_names: Vec::new(),
            people_changed: Vec::new(),
            people_removed: Vec::new(),
            people_here: Vec::new(),
            classes_added: Vec::new(),
            classes_added_names: Vec::new(),
            classes_changed: Vec::new(),
            classes_removed: Vec::new(),
            classes_kept: Vec::new(),
            joins: Vec::new(),
            leaves: Vec::new(),
            gives: Vec::new(),
            devices_freed: Vec::new(),
            memberships_lost: Vec::new(),
            notes: roster.notes.clone(),
            people: roster.people.len() as u64,
            classes: roster.classes.len() as u64,
        };
        let (people, classes) = (people::all(tx)?, classes::all(tx)?);
        let accounts = people::managed_apple_ids(tx)?.into_iter().collect();
        let who = plan.compare_people(roster, &people, &accounts);
        accounts::check(&plan, roster, &people, &accounts, &who)?;
        let which = plan.compare_classes(tx, roster, &classes)?;
        let names = Names::of(roster, &people, &classes);
        plan.compare_memberships(tx, roster, (&who, &which), &names)?;
        plan.compare_devices(tx, roster, &who)?;
        plan.devices_freed = along::devices(tx, &plan)?;
        plan.memberships_lost = along::memberships(tx, &plan, &names)?;
        Ok(plan)
    }

    /// Gives whom each key stands for.
    fn compare_people(&mut self, roster: &Roster, there: &[Person], accounts: &BTreeMap<String, String>) -> BTreeMap<String, Ref> {
        let known = Known::of(there.iter().map(|person| (person, person.source, &person.source_id, &person.email)), self.source);
        let by_hand = known.made_by_hand(|person| person.source == Source::Hand);
        let addresses = frequencies(roster.people.iter().map(|person| &person.email));
        let keys: BTreeSet<&String> = roster.people.iter().map(|person| &person.key).chain(&roster.gone_people).collect();
        let gone: BTreeSet<&String> = roster.gone_people.iter().collect();
        let mut who = BTreeMap::new();
        let mut taken = BTreeSet::new();
        for (at, said) in roster.people.iter().enumerate() {
            let is_single = addresses.get(&said.email.to_lowercase()) == Some(&1);
            let same = known.by_key.get(&said.key).copied();
            let moved = || {
                single(&known.by_name, &said.email, is_single)
                    .filter(|person| person.source_id.as_ref().is_none_or(|key| !keys.contains(key)))
            };
            // Whoever was made by hand stands for their row, also where an earlier file brought somebody for it.
            let by_hand = single(&by_hand, &said.email, is_single);
            let other = || single(&known.others, &said.email, is_single);
            let found = if let Some(person) = same.or_else(moved).filter(|_| by_hand.is_none()) {
                let account = accounts.get(&person.id).map(String::as_str).unwrap_or_default();
                self.people_changed.extend(changed(person, account, said));
                Ref::Known(person.id.clone())
            } else if let Some(person) = by_hand.or_else(other) {
                self.people_here.push(named(&person.name, &person.email));
                Ref::Known(person.id.clone())
            } else {
                self.people_added.push(at);
                let name = named(&said.name, &said.email);
                self.people_added_names.push(match said.account.as_str() {
                    "" => name,
                    account => t!("{name}, Managed Apple Account {account}", name, account),
                });
                Ref::New(self.people_added.len() - 1)
            };
            if let Ref::Known(id) = &found {
                taken.insert(id.clone());
            }
            who.insert(said.key.clone(), found);
        }
        for (key, person) in &known.by_key {
            let is_gone = roster.people_extent == Extent::Whole || gone.contains(key);
            if !taken.contains(&person.id) && is_gone {
                self.people_removed.push((person.id.clone(), named(&person.name, &person.email)));
            } else {
                who.entry((*key).clone()).or_insert_with(|| Ref::Known(person.id.clone()));
            }
        }
        who
    }

    /// Gives what each key stands for.
    fn compare_classes(&mut self, tx: &Tx, roster: &Roster, there: &[Class]) -> Result<BTreeMap<String, Ref>> {
        let known = Known::of(there.iter().map(|class| (class, class.source, &class.source_id, &class.name)), self.source);
        let names = frequencies(roster.classes.iter().map(|class| &class.name));
        let mut which = BTreeMap::new();
        for (at, said) in roster.classes.iter().enumerate() {
            let is_single = names.get(&said.name.to_lowercase()) == Some(&1);
            let found = if let Some(class) = known.by_key.get(&said.key) {
                if class.name != said.name {
                    self.classes_changed.push((class.id.clone(), class.name.clone(), said.name.clone(), said.key.clone()));
                }
                Ref::Known(class.id.clone())
            } else if let Some(class) = single(&known.others, &said.name, is_single) {
                Ref::Known(class.id.clone())
            } else {
                self.classes_added.push(at);
                self.classes_added_names.push(said.name.clone());
                Ref::New(self.classes_added.len() - 1)
            };
            which.insert(said.key.clone(), found);
        }
        for (key, class) in &known.by_key {
            let is_named = which.contains_key(*key);
            let is_gone = !is_named && (roster.classes_extent == Extent::Whole || roster.gone_classes.contains(key));
            if !is_gone {
                which.entry((*key).clone()).or_insert_with(|| Ref::Known(class.id.clone()));
                continue;
            }
            let asking = groups::asking_for_class(tx, &class.id)?;
            if asking.is_empty() {
                self.classes_removed.push((class.id.clone(), class.name.clone()));
            } else {
                self.classes_kept.push(t!("{name} (asked for by {list})", name = class.name, list = asking.join(", ")));
            }
        }
        Ok(which)
    }

    fn compare_memberships(
        &mut self,
        tx: &Tx,
        roster: &Roster,
        (who, which): (&BTreeMap<String, Ref>, &BTreeMap<String, Ref>),
        names: &Names<'_>,
    ) -> Result<()> {
        if roster.memberships_extent == Extent::Silent {
            return Ok(());
        }
        let there: BTreeMap<(String, String), (ClassRole, Source)> =
            classes::memberships(tx)?.into_iter().map(|row| ((row.class_id, row.person_id), (row.role, row.source))).collect();
        let (mut wanted, mut unknown) = (BTreeSet::new(), 0u64);
        for said in &roster.memberships {
            let (Some(class), Some(person)) = (which.get(&said.class), who.get(&said.person)) else {
                unknown += 1;
                continue;
            };
            let role = if said.teaches { ClassRole::Teacher } else { ClassRole::Student };
            if let (Ref::Known(class), Ref::Known(person)) = (class, person) {
                let pair = (class.clone(), person.clone());
                let known = there.get(&pair).copied();
                wanted.insert(pair);
                // What somebody said by hand, or another kind of file, stays.
                if known.is_some_and(|(known, source)| source != self.source || known == role) {
                    continue;
                }
            }
            let words = t!(
                "{person} in {class}{more}",
                person = names.person(&said.person),
                class = names.class(&said.class),
                more = if said.teaches { ", teaches" } else { "" }
            );
            self.joins.push(Joins { class: class.clone(), person: person.clone(), role, words });
        }
        if unknown > 0 {
            self.notes.push(t!("{unknown} enrollments left out of people or classes that are not here", unknown));
        }
        let mut over: BTreeSet<(String, String)> = BTreeSet::new();
        for gone in &roster.gone_memberships {
            if let (Some(Ref::Known(class)), Some(Ref::Known(person))) = (which.get(&gone.class), who.get(&gone.person)) {
                over.insert((class.clone(), person.clone()));
            }
        }
        let removed: BTreeSet<&String> = self.people_removed.iter().chain(&self.classes_removed).map(|(id, _)| id).collect();
        for (pair, (_, source)) in &there {
            let is_over = roster.memberships_extent == Extent::Whole || over.contains(pair);
            // Memberships of those who are removed end with them and are told there.
            if *source != self.source || !is_over || wanted.contains(pair) || removed.contains(&pair.0) || removed.contains(&pair.1) {
                continue;
            }
            let words = t!("{by_id} from {by_id_2}", by_id = names.by_id(&pair.1), by_id_2 = names.by_id(&pair.0));
            self.leaves.push(Leaves { class_id: pair.0.clone(), person_id: pair.1.clone(), words });
        }
        Ok(())
    }

    fn compare_devices(&mut self, tx: &Tx, roster: &Roster, who: &BTreeMap<String, Ref>) -> Result<()> {
        if roster.people.iter().all(|person| person.serials.is_empty()) {
            return Ok(());
        }
        let devices: BTreeMap<String, (String, Option<String>)> =
            people::serials(tx)?.into_iter().map(|(serial, device, person)| (serial, (device, person))).collect();
        let mut unknown = Vec::new();
        for said in &roster.people {
            let Some(person) = who.get(&said.key) else { continue };
            for serial in &said.serials {
                match devices.get(serial) {
                    None => unknown.push(serial.as_str()),
                    Some((_, Some(present))) if *person == Ref::Known(present.clone()) => {}
                    Some((device_id, _)) => {
                        let words = t!("{serial} to {name}", serial, name = said.name);
                        self.gives.push(Gives { device_id: device_id.clone(), person: person.clone(), name: said.name.clone(), words });
                    }
                }
            }
        }
        if !unknown.is_empty() {
            let shown = unknown.iter().take(SERIALS_SHOWN).copied().collect::<Vec<_>>().join(", ");
            self.notes.push(match unknown.len() {
                1 => t!("1 serial number is of no device here, so it is given to nobody: {shown}", shown),
                count @ ..=SERIALS_SHOWN => {
                    t!("{count} serial numbers are of no device here, so they are given to nobody: {shown}", count, shown)
                }
                count => t!("{count} serial numbers are of no device here, so they are given to nobody: {shown} …", count, shown),
            });
        }
        Ok(())
    }

    /// What it does, for people.
    pub(super) fn summary(&self) -> Summary {
        let of = |names: &mut dyn Iterator<Item = String>| {
            let (mut count, mut shown) = (0, Vec::new());
            for name in names {
                count += 1;
                if shown.len() < NAMES_LISTED {
                    shown.push(name);
                }
            }
            Part { count, names: shown }
        };
        let second = |pairs: &[(String, String)]| of(&mut pairs.iter().map(|(_, name)| name.clone()));
        let mut summary = Summary {
            changes_anything: false,
            source: self.source,
            people: self.people,
            classes: self.classes,
            people_added: of(&mut self.people_added_names.iter().cloned()),
            people_changed: of(&mut self.people_changed.iter().map(|changed| changed.words.clone())),
            people_removed: second(&self.people_removed),
            people_here: of(&mut self.people_here.iter().cloned()),
            classes_added: of(&mut self.classes_added_names.iter().cloned()),
            classes_changed: of(&mut self
                .classes_changed
                .iter()
                .map(|(_, before, after, _)| t!("{before} becomes {after}", before, after))),
            classes_removed: second(&self.classes_removed),
            classes_kept: of(&mut self.classes_kept.iter().cloned()),
            memberships_added: of(&mut self.joins.iter().map(|joins| joins.words.clone())),
            memberships_removed: of(&mut self.leaves.iter().map(|leaves| leaves.words.clone())),
            devices_assigned: of(&mut self.gives.iter().map(|gives| gives.words.clone())),
            devices_freed: of(&mut self.devices_freed.iter().cloned()),
            memberships_lost: of(&mut self.memberships_lost.iter().cloned()),
            notes: self.notes.clone(),
        };
        let parts = [
            &summary.people_added,
            &summary.people_changed,
            &summary.people_removed,
            &summary.classes_added,
            &summary.classes_changed,
            &summary.classes_removed,
            &summary.memberships_added,
            &summary.memberships_removed,
            &summary.devices_assigned,
        ];
        summary.changes_anything = parts.iter().any(|part| part.count > 0);
        summary
    }
}
