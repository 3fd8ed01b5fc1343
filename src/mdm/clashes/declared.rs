//! Declarations that were brought here and set what a policy, or another one of them, declares too: a device puts them together by rules of Apple's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Clash, Found, met, note, policies_of, policy_origin, targets, told, twice};
use crate::error::{Error, Result};
use crate::mdm::policies;
use crate::mdm::wanted::Origin;
use crate::protocol::plist::{self, Dictionary};
use crate::protocol::restrictions;
use crate::store::Tx;
use crate::store::assignments::AssignedKind;
use crate::store::declarations::{self as rows, Declaration};
use crate::store::meetings::Alike;

/// A declaration with the keys that it sets of those which combine; keys within others are joined by dots.
pub(super) struct Declared {
    pub(super) origin: Origin,
    of_type: String,
    keys: BTreeMap<String, Value>,
}

impl Declared {
    /// None where nothing that it sets combines.
    fn new(declaration: &Declaration, payload: &Map<String, Value>) -> Option<Self> {
        let mut keys = BTreeMap::new();
        flatten("", payload, &mut keys);
        keys.retain(|key, _| restrictions::fact(&declaration.declaration_type, key).is_some());
        let origin = Origin { kind: AssignedKind::Declaration, id: declaration.id.clone(), name: declaration.name.clone() };
        (!keys.is_empty()).then(|| Self { origin, of_type: declaration.declaration_type.clone(), keys })
    }

    /// Type and key of what both set, and whether to the same value.
    pub(super) fn meets(&self, wanted: &[(String, Dictionary)]) -> Vec<(String, Option<String>, bool)> {
        let of_type = wanted.iter().filter(|(of_type, _)| *of_type == self.of_type);
        let both = of_type.flat_map(|(_, keys)| keys).filter_map(|(key, value)| Some((key, value, self.keys.get(key)?)));
        both.map(|(key, value, own)| (self.of_type.clone(), Some(key.clone()), plist::to_json(value) == *own)).collect()
    }

    fn meets_other(&self, other: &Self) -> Vec<(String, Option<String>, bool)> {
        if self.of_type != other.of_type {
            return Vec::new();
        }
        let both = self.keys.iter().filter_map(|(key, own)| Some((key, own == other.keys.get(key)?)));
        both.map(|(key, is_same)| (self.of_type.clone(), Some(key.clone()), is_same)).collect()
    }

    /// What it meets on such devices: their policies, and those `others` that they have too.
    pub(super) fn found(&self, tx: &Tx, devices: &[Alike], others: &[Self]) -> Result<Found> {
        let mut found = Found::new();
        for alike in devices {
            let targets = targets(tx, alike)?;
            for policy in policies_of(tx, alike)? {
                for target in &targets {
                    note(&mut found, &policy_origin(&policy), alike.device_count, self.meets(&policies::declared_keys(&policy, target)));
                }
            }
            for other in others.iter().filter(|other| alike.declarations.contains(&other.origin.id)) {
                note(&mut found, &other.origin, alike.device_count, self.meets_other(other));
            }
        }
        Ok(found)
    }
}

/// The declarations of such devices, each once, as far as they set what combines.
pub(super) fn of(tx: &Tx, devices: &[Alike]) -> Result<Vec<Declared>> {
    let ids: BTreeSet<&String> = devices.iter().flat_map(|alike| &alike.declarations).collect();
    let mut found = Vec::new();
    for id in ids {
        let (Some(declaration), Some(sealed)) = (rows::by_id(tx, id)?, rows::payload(tx, id)?) else { continue };
        let payload = serde_json::from_slice(sealed.expose()).map_err(|error| Error::internal("stored payloads are JSON", error))?;
        found.extend(Declared::new(&declaration, &payload));
    }
    Ok(found)
}

/// The policies and other declarations that a declaration meets on the devices of these groups, where both set the same; `besides` is what would be
/// assigned to them too.
pub fn of_declaration(
    tx: &Tx,
    declaration: &Declaration,
    payload: &Map<String, Value>,
    groups: &[&str],
    besides: &[(AssignedKind, String)],
) -> Result<Vec<Clash>> {
    let devices = met(tx, groups, besides)?;
    let mut clashes = twice::of(tx, declaration, payload, &devices)?;
    let Some(own) = Declared::new(declaration, payload) else { return Ok(clashes) };
    let mut others = of(tx, &devices)?;
    others.retain(|other| other.origin.id != declaration.id);
    clashes.extend(told(own.found(tx, &devices, &others)?, &t!("The declaration “{name}”", name = declaration.name)));
    Ok(clashes)
}

fn flatten(within: &str, keys: &Map<String, Value>, into: &mut BTreeMap<String, Value>) {
    for (name, value) in keys {
        let path = if within.is_empty() { name.clone() } else { format!("{within}.{name}") };
        match value {
            Value::Object(inner) => flatten(&path, inner, into),
            other => drop(into.insert(path, other.clone())),
        }
    }
}
