//! Lists of what is allowed, of several policies, that have nothing in common.

use std::collections::BTreeSet;

use super::catalogue::{self, Switch};
use super::pieces::{Part, by_type, parts};
use crate::language::say;
use crate::mdm::wanted::{Origin, Target, Unable};
use crate::protocol::plist::Value;
use crate::protocol::restrictions::{Merged, merge};
use crate::store::policies::Policy;

/// Lists of several policies of what is allowed that have nothing in common, so that nothing would be allowed: likely not what anybody meant. They are
/// taken out, because a device without any app is worse than one with those of both lists, and said instead.
pub(super) fn nothing_left(parts: &mut Vec<Part>) -> Vec<Unable> {
    let mut empty = without_anything(parts);
    // What one list allows and another blocks is sent as it was asked for, and told.
    empty.retain(|list| !list.is_blocked);
    let is_empty = |of_type: &str, key: &str| empty.iter().any(|list| list.of_type == of_type && list.key == key);
    for part in parts.iter_mut() {
        part.keys =
            part.keys.iter().filter(|(key, _)| !is_empty(&part.of_type, key)).map(|(key, value)| (key.clone(), value.clone())).collect();
    }
    parts.retain(|part| !part.keys.is_empty());
    empty.into_iter().filter_map(unable_for).collect()
}

fn unable_for(list: EmptyList) -> Option<Unable> {
    let names = list.origins.iter().map(|origin| format!("“{}”", origin.name)).collect::<Vec<_>>().join(t!(" and "));
    Some(Unable {
        what: list.label,
        because: t!("The lists of {names} have nothing in common, so none of them is sent. Change one of them, or take one back.", names),
        origin: list.origins.into_iter().next()?,
    })
}

/// Lists of these policies that leave nothing on a device like this, each with the policies behind it.
pub fn empty_lists(policies: &[Policy], target: &Target) -> Vec<EmptyList> {
    without_anything(&parts(policies, target).0)
}

/// Lists of what is allowed that have nothing in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EmptyList {
    /// The payload type or the type of the declaration.
    pub of_type: String,
    /// The key.
    pub key: String,
    /// The switch, for people.
    pub label: String,
    /// The policies whose lists they are.
    pub origins: Vec<Origin>,
    /// Whether it is a list of what is blocked that leaves nothing, and not another of what is allowed.
    pub is_blocked: bool,
}

/// Lists of what is allowed of which nothing is left.
fn without_anything(parts: &[Part]) -> Vec<EmptyList> {
    let mut found = Vec::new();
    for (of_type, parts) in by_type(parts) {
        let merged = merge(of_type, &parts);
        for (key, _) in merged.keys.iter().filter(|(_, value)| value.as_array().is_some_and(Vec::is_empty)) {
            let sets =
                |switch: &&Switch| switch.ways().iter().any(|way| way.of_type == of_type && way.keys.iter().any(|set| set.name == key));
            found.push(EmptyList {
                of_type: of_type.to_owned(),
                key: key.clone(),
                label: catalogue::all().find(sets).map_or_else(|| key.clone(), |switch| say(switch.label).to_owned()),
                origins: merged.origins.get(key).cloned().unwrap_or_default(),
                is_blocked: false,
            });
        }
        found.extend(blocked(of_type, &merged));
    }
    found
}

/// The list of allowed apps, where every app on it is on the list of blocked ones too.
fn blocked(of_type: &str, merged: &Merged<Origin>) -> Option<EmptyList> {
    let (allows, blocks) = (catalogue::find("app_allow_list")?, catalogue::find("app_block_list")?);
    let items = |switch: &'static Switch| {
        let mut keys = switch.ways().iter().filter(|way| way.of_type == of_type).flat_map(|way| &way.keys);
        keys.find_map(|key| Some((key.name, merged.keys.get(key.name)?.as_array()?)))
    };
    let small = |list: &Vec<Value>| list.iter().filter_map(Value::as_string).map(str::to_lowercase).collect::<BTreeSet<_>>();
    let ((key, allowed), (other, blocked)) = (items(allows)?, items(blocks)?);
    let is_empty = !allowed.is_empty() && small(allowed).is_subset(&small(blocked));
    let origins = [key, other].into_iter().filter_map(|key| merged.origins.get(key)).flatten().cloned().collect::<BTreeSet<_>>();
    is_empty.then(|| EmptyList {
        of_type: of_type.to_owned(),
        key: key.to_owned(),
        label: say(allows.label).to_owned(),
        origins: origins.into_iter().collect(),
        is_blocked: true,
    })
}
