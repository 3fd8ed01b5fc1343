//! Who is in which group by rule: looked at for one device when something is learned of it, or for all when a rule changes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::rule::{Asks, Facts, Rule};
use crate::error::{Error, Result};
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right};
use crate::protocol::os_version::OsVersion;
use crate::store::groups as rows;
use crate::store::known::{self, Known};
use crate::store::{Tx, deployments};

/// Under whose name devices come into groups by themselves.
const ACTOR: Actor = Actor::Job("groups");

/// Names that a preview gives.
pub const NAMES_SHOWN: usize = 10;

/// What a rule finds now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// How many devices.
    pub count: u64,
    /// Of how many that were looked at: those in view that are enrolled.
    pub of: u64,
    /// Names of the first ones, by name.
    pub names: Vec<String>,
}

/// Every rule there is, with the id and the name of its group.
pub(super) fn rules(tx: &Tx) -> Result<Vec<(String, String, Rule)>> {
    let mut read = Vec::new();
    for (id, name, json) in rows::rules(tx)? {
        let rule = serde_json::from_str(&json).map_err(|error| Error::internal("a stored rule is JSON", error))?;
        read.push((id, name, rule));
    }
    Ok(read)
}

/// Looks at every rule for one device and puts it where it belongs; tells whether that changed anything.
///
/// To be called whenever something that a rule can ask for changed, and only then: it costs a few reads for each group with a rule.
pub fn place(tx: &Tx, device_id: &str) -> Result<bool> {
    let rules = rules(tx)?;
    if rules.is_empty() {
        return Ok(false);
    }
    let facts = facts(tx, rules.iter().map(|(_, _, rule)| rule), Some(device_id))?;
    // A device that was deleted or has left belongs nowhere.
    let facts = facts.first().map(|(_, facts)| facts);
    let present: BTreeSet<String> =
        rows::of_device(tx, device_id)?.into_iter().filter(|group| group.is_by_rule).map(|group| group.id).collect();
    let (mut came, mut went) = (Vec::new(), Vec::new());
    for (id, name, rule) in rules {
        let belongs = facts.is_some_and(|facts| rule.matches(facts));
        if belongs == present.contains(&id) {
            continue;
        }
        if belongs {
            rows::add_device(tx, &id, device_id)?;
            came.push(name);
        } else {
            rows::remove_device(tx, &id, device_id)?;
            went.push(name);
        }
    }
    if came.is_empty() && went.is_empty() {
        return Ok(false);
    }
    deployments::look_again(tx, device_id)?;
    journal::note(tx, &ACTOR, "device.groups_changed", Subject::device(device_id), json!({ "came_into": came, "left": went }))?;
    Ok(true)
}

/// [`place`] after a device said which apps it has: it is looked at only if some rule asks for apps.
pub fn place_for_apps(tx: &Tx, device_id: &str) -> Result<bool> {
    let mut asks = Asks::default();
    rules(tx)?.iter().for_each(|(_, _, rule)| rule.ask(&mut asks));
    if asks.apps.is_empty() { Ok(false) } else { place(tx, device_id) }
}

/// Looks at every device for one group; one by hand stays as it is. Gives how many devices came in or left.
pub fn fill(tx: &Tx, group_id: &str) -> Result<usize> {
    let Some(group) = rows::by_id(tx, group_id)? else { return Ok(0) };
    let Some(rule) = super::rule_of(&group)? else { return Ok(0) };
    let facts = facts(tx, [&rule], None)?;
    settle(tx, &group.id, &rule, &facts)
}

/// [`fill`] for every group whose rule asks for classes or roles: after many people changed at once.
pub fn fill_for_people(tx: &Tx) -> Result<usize> {
    let mut asking = rules(tx)?;
    asking.retain(|(_, _, rule)| {
        let mut asks = Asks::default();
        rule.ask(&mut asks);
        asks.classes || asks.role
    });
    if asking.is_empty() {
        return Ok(0);
    }
    let facts = facts(tx, asking.iter().map(|(_, _, rule)| rule), None)?;
    let mut changed = 0;
    for (id, _, rule) in &asking {
        changed += settle(tx, id, rule, &facts)?;
    }
    Ok(changed)
}

fn settle(tx: &Tx, group_id: &str, rule: &Rule, facts: &[(String, Facts)]) -> Result<usize> {
    let present: BTreeSet<String> = rows::device_ids(tx, group_id)?.into_iter().collect();
    let wanted: BTreeSet<&String> = facts.iter().filter(|(_, facts)| rule.matches(facts)).map(|(id, _)| id).collect();
    let mut changed = 0;
    for device in wanted.iter().filter(|device| !present.contains(**device)) {
        rows::add_device(tx, group_id, device)?;
        deployments::look_again(tx, device)?;
        changed += 1;
    }
    for device in present.iter().filter(|device| !wanted.contains(device)) {
        rows::remove_device(tx, group_id, device)?;
        deployments::look_again(tx, device)?;
        changed += 1;
    }
    Ok(changed)
}

/// What a rule would find now.
pub fn preview(tx: &Tx, actor: &Actor, rule: &Rule) -> Result<Found> {
    actor.require(Right::View)?;
    super::can_be_kept(tx, rule)?;
    // As it would be kept.
    let rule = &rule.straight();
    let facts = facts(tx, [rule], None)?;
    let mut names: Vec<&str> = facts.iter().filter(|(_, facts)| rule.matches(facts)).map(|(_, facts)| shown(facts)).collect();
    names.sort_unstable_by_key(|name| name.to_lowercase());
    Ok(Found { count: names.len() as u64, of: facts.len() as u64, names: names.into_iter().take(NAMES_SHOWN).map(str::to_owned).collect() })
}

fn shown(facts: &Facts) -> &str {
    if !facts.name.is_empty() {
        return &facts.name;
    }
    facts.serial_number.as_deref().unwrap_or(t!("A device without a name"))
}

/// What is known of one device or of all, as far as these rules ask for it.
fn facts<'a>(tx: &Tx, rules: impl IntoIterator<Item = &'a Rule>, device_id: Option<&str>) -> Result<Vec<(String, Facts)>> {
    let mut asks = Asks::default();
    rules.into_iter().for_each(|rule| rule.ask(&mut asks));
    let mut classes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if asks.classes {
        for (device, class) in known::classes(tx, device_id)? {
            classes.entry(device).or_default().push(class);
        }
    }
    let mut apps: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for identifier in &asks.apps {
        for device in known::with_app(tx, identifier, device_id)? {
            apps.entry(device).or_default().push(identifier.clone());
        }
    }
    let known = known::known(tx, device_id)?;
    Ok(known
        .into_iter()
        .map(|known| {
            let (classes, apps) = (classes.remove(&known.device_id).unwrap_or_default(), apps.remove(&known.device_id).unwrap_or_default());
            let id = known.device_id.clone();
            (id, of_known(known, classes, apps))
        })
        .collect())
}

fn of_known(known: Known, classes: Vec<String>, apps: Vec<String>) -> Facts {
    Facts {
        platform: known.platform,
        os_version: OsVersion::parse(&known.os_version),
        model_name: known.model_name,
        product_name: known.product_name,
        supervised: known.supervised,
        name: known.name,
        serial_number: known.serial_number,
        classes,
        role: known.role,
        apps: known.apps_known.then_some(apps),
        enrollment: known.enrollment,
    }
}
