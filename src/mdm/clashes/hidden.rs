//! Apps that are assigned to devices on which the lists of policies hide them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Clash, both_are_for, met, policies_of, targets};
use crate::error::Result;
use crate::mdm::apps::{mechanism, settings};
use crate::mdm::policies::{self, AppList};
use crate::mdm::wanted::Origin;
use crate::protocol::platform::Platform;
use crate::store::Tx;
use crate::store::apps::{self, App, AppKind};
use crate::store::assignments::{self, AssignedKind};
use crate::store::meetings::Alike;
use crate::store::policies as policy_rows;

/// An app that a list of a policy hides.
#[derive(Debug, Clone)]
pub struct Hidden {
    /// The policy.
    pub policy: Origin,
    /// The app.
    pub app: Origin,
    /// On how many devices.
    pub device_count: u64,
    list: AppList,
    bundle_id: String,
}

impl Hidden {
    /// It in two sentences.
    pub fn words(&self) -> String {
        let (put, both) =
            (if self.list.is_of_allowed { t!("Put it on the list") } else { t!("Take it off the list") }, both_are_for(self.device_count));
        t!(
            "“{label}” in the policy “{name}” hides the app “{name_2}” ({bundle_id}), and {both}: nobody can open it there. {put}, or take one of the two back.",
            label = self.list.label,
            name = self.policy.name,
            name_2 = self.app.name,
            bundle_id = self.bundle_id,
            both,
            put
        )
    }
}

impl From<Hidden> for Clash {
    fn from(hidden: Hidden) -> Self {
        Self { message: hidden.words(), with: hidden.app, of_type: hidden.list.of_type, key: Some(hidden.list.key) }
    }
}

/// Where the lists of policies would hide an app on the devices of these groups.
pub fn of_app(tx: &Tx, app: &App, groups: &[String]) -> Result<Vec<Hidden>> {
    if !is_any_list(tx)? {
        return Ok(Vec::new());
    }
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let devices = met(tx, &groups, &[(AssignedKind::App, app.id.clone())])?;
    Ok(hidden(tx, &devices)?.into_iter().filter(|hidden| hidden.app.id == app.id).collect())
}

/// Whether a policy that is assigned anywhere has a list of apps.
fn is_any_list(tx: &Tx) -> Result<bool> {
    for id in assignments::open_items(tx, AssignedKind::Policy)? {
        if policy_rows::by_id(tx, &id)?.as_ref().is_some_and(policies::has_app_list) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an app can be on a device of this platform.
fn can_be_on(app: &App, platform: Platform) -> bool {
    mechanism::runs_on(app, &settings::read(&app.settings).unwrap_or_default(), platform).is_ok()
}

/// Every app that is hidden on such devices, for each list of a policy that does so.
pub(super) fn hidden(tx: &Tx, devices: &[Alike]) -> Result<Vec<Hidden>> {
    let (mut found, mut looked_up) = (BTreeMap::<(String, &str, String), Hidden>::new(), BTreeMap::<&String, Option<App>>::new());
    for alike in devices.iter().filter(|alike| !alike.apps.is_empty()) {
        let policies = policies_of(tx, alike)?;
        if !policies.iter().any(policies::has_app_list) {
            continue;
        }
        for id in &alike.apps {
            if !looked_up.contains_key(id) {
                looked_up.insert(id, apps::by_id(tx, id)?);
            }
        }
        let known = alike.apps.iter().filter_map(|id| looked_up.get(id)?.as_ref());
        // Packages are for Macs, which have no such lists; of an app without a bundle id nothing can be said yet.
        let known: Vec<_> = known.filter(|app| app.kind != AppKind::Package && !app.bundle_id.is_empty()).collect();
        let mut seen = BTreeSet::new();
        let targets = targets(tx, alike)?;
        let lists = targets.iter().flat_map(|target| policies::app_lists(&policies, target).into_iter().map(move |list| (target, list)));
        for (target, list) in lists {
            // Where the app cannot be there is nothing to hide.
            for app in known.iter().filter(|app| list.hides(&app.bundle_id) && can_be_on(app, target.capabilities.platform)) {
                let what = (list.origin.id.clone(), list.label, app.id.clone());
                let is_first = seen.insert(what.clone());
                let hidden = found.entry(what).or_insert_with(|| Hidden {
                    policy: list.origin.clone(),
                    app: Origin { kind: AssignedKind::App, id: app.id.clone(), name: app.name.clone() },
                    device_count: 0,
                    list: list.clone(),
                    bundle_id: app.bundle_id.clone(),
                });
                hidden.device_count += if is_first { alike.device_count } else { 0 };
            }
        }
    }
    Ok(found.into_values().collect())
}
