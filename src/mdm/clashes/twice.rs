//! Apps that are assigned, and that a declaration which was brought here brings as well: a device takes an app from one of them only.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Clash, both_are_for, met};
use crate::error::{Error, Result};
use crate::mdm::wanted::Origin;
use crate::store::Tx;
use crate::store::apps::{self, App};
use crate::store::assignments::{self, AssignedKind};
use crate::store::declarations::{self, Declaration};
use crate::store::meetings::Alike;

/// The type of declarations that bring an app.
const BRINGS_APP: &str = "com.apple.configuration.app.managed";

/// An app that comes in two ways.
#[derive(Debug, Clone)]
pub struct Twice {
    /// The declaration.
    pub declaration: Origin,
    /// The app.
    pub app: Origin,
    /// To how many devices.
    pub device_count: u64,
}

impl Twice {
    /// It in two sentences.
    pub fn words(&self) -> String {
        t!(
            "The declaration “{name}” brings the app “{name_2}” too, and {device_count}: a device takes an app from one of them, and refuses the other. Take one of the two back.",
            name = self.declaration.name,
            name_2 = self.app.name,
            device_count = both_are_for(self.device_count)
        )
    }
}

/// Whether a declaration's payload is about this app: by the App Store's number, or by its bundle identifier.
fn is_of(payload: &Map<String, Value>, app: &App) -> bool {
    let said = |key: &str| match payload.get(key) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let by_number = said("AppStoreID").is_some_and(|number| app.adam_id.as_ref() == Some(&number));
    by_number || said("BundleID").is_some_and(|id| !app.bundle_id.is_empty() && id.eq_ignore_ascii_case(&app.bundle_id))
}

/// The declarations that bring this app to devices of these groups too.
pub fn declared_too(tx: &Tx, app: &App, groups: &[String]) -> Result<Vec<Twice>> {
    let mut bring = BTreeMap::<String, Twice>::new();
    for id in assignments::open_items(tx, AssignedKind::Declaration)? {
        let Some(declaration) = declarations::by_id(tx, &id)?.filter(|own| own.declaration_type == BRINGS_APP) else { continue };
        let Some(payload) = declarations::payload(tx, &id)? else { continue };
        let payload = serde_json::from_slice(payload.expose()).map_err(|error| Error::internal("stored payloads are JSON", error))?;
        if is_of(&payload, app) {
            bring.insert(id, twice(&declaration, app));
        }
    }
    // For most apps there is none: then no device is looked at.
    if bring.is_empty() {
        return Ok(Vec::new());
    }
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let mut met_by = BTreeSet::new();
    for alike in met(tx, &groups, &[(AssignedKind::App, app.id.clone())])? {
        for id in &alike.declarations {
            if let Some(twice) = bring.get_mut(id) {
                twice.device_count += alike.device_count;
                met_by.insert(id.clone());
            }
        }
    }
    Ok(bring.into_iter().filter(|(id, _)| met_by.contains(id)).map(|(_, twice)| twice).collect())
}

/// The assigned apps that a declaration brings to such devices too.
pub(super) fn of(tx: &Tx, declaration: &Declaration, payload: &Map<String, Value>, devices: &[Alike]) -> Result<Vec<Clash>> {
    let mut found = BTreeMap::<&String, Twice>::new();
    if declaration.declaration_type != BRINGS_APP {
        return Ok(Vec::new());
    }
    for alike in devices {
        for id in &alike.apps {
            if let Some(app) = apps::by_id(tx, id)?.filter(|app| is_of(payload, app)) {
                found.entry(id).or_insert_with(|| twice(declaration, &app)).device_count += alike.device_count;
            }
        }
    }
    let clash = |twice: Twice| Clash { message: twice.words(), with: twice.app, of_type: BRINGS_APP.to_owned(), key: None };
    Ok(found.into_values().map(clash).collect())
}

fn twice(declaration: &Declaration, app: &App) -> Twice {
    Twice {
        declaration: Origin { kind: AssignedKind::Declaration, id: declaration.id.clone(), name: declaration.name.clone() },
        app: Origin { kind: AssignedKind::App, id: app.id.clone(), name: app.name.clone() },
        device_count: 0,
    }
}
