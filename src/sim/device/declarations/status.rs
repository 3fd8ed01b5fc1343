//! Status reports: what the device tells of itself, the changed items only, or everything once a day.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use super::super::DEVICE;
use super::super::apps::{Management, Status};
use super::{Device, KINDS};
use crate::sim::model::{Family, Platform};

/// The items that are told without a subscription.
const ALWAYS: [&str; 2] = ["management.client-capabilities", "management.declarations"];

/// Lists of which only the changed items are told, each known by its identifier.
const LISTS: [&str; 4] = ["app.managed.list", "mdm.app", "package.list", "security.certificate.list"];

impl Device {
    /// What is to be told now; none where nothing has changed.
    pub(super) fn status_report(&mut self, channel: usize, full: bool) -> Option<Json> {
        let (wanted, unknown) = self.subscriptions(channel);
        let lies = self.faults.tells_old_tokens();
        let mut values: BTreeMap<String, Json> =
            wanted.iter().filter_map(|item| Some((item.clone(), self.status_value(item, channel)?))).collect();
        if let (true, Some(told)) = (lies, values.get_mut("management.declarations")) {
            self.tell_old_tokens(channel, told);
        }
        let says_full = self.knows_full_reports();
        let declarations = &mut self.channels[channel].declarations;
        let before = if full { BTreeMap::new() } else { std::mem::take(&mut declarations.told) };
        let mut items = Json::Object(Map::new());
        for (item, value) in &values {
            match (LISTS.contains(&item.as_str()), before.get(item)) {
                (_, Some(old)) if old == value => {}
                (true, Some(old)) => place(&mut items, item, changes(old, value)),
                _ => place(&mut items, item, value.clone()),
            }
        }
        declarations.told = values;
        if !full && items.as_object().is_some_and(Map::is_empty) {
            return None;
        }
        let errors: Vec<Json> = if before.is_empty() { unknown.into_iter().map(|item| unknown_item(&item)).collect() } else { Vec::new() };
        let mut report = json!({ "StatusItems": items, "Errors": errors });
        if full && says_full {
            report["FullReport"] = Json::Bool(true);
        }
        Some(report)
    }

    /// The items that active declarations subscribe to, and those among them that the device does not have.
    fn subscriptions(&self, channel: usize) -> (BTreeSet<String>, BTreeSet<String>) {
        let declarations = &self.channels[channel].declarations;
        let active = self.judge(channel).into_iter().filter(|judgement| judgement.active);
        let held = active.filter_map(|judgement| declarations.held.get(&judgement.identifier)?.document.as_ref());
        let lists = held
            .filter(|document| document["Type"] == "com.apple.configuration.management.status-subscriptions")
            .filter_map(|document| document["Payload"]["StatusItems"].as_array());
        let named = lists.flatten().filter_map(|item| item["Name"].as_str()).map(str::to_owned);
        let all = named.chain(ALWAYS.map(str::to_owned));
        all.partition(|item| self.knows_status(item, channel))
    }

    /// The present value of a status item; none where the device does not have it.
    pub(super) fn status_value(&self, item: &str, channel: usize) -> Option<Json> {
        if !self.knows_status(item, channel) {
            return None;
        }
        self.device_status(item).or_else(|| self.management_status_item(item, channel)).or_else(|| self.update_status(item))
    }

    fn device_status(&self, item: &str) -> Option<Json> {
        let facts = &self.facts;
        let (model, release) = (facts.model, facts.release);
        Some(match item {
            "device.identifier.serial-number" => json!(facts.serial_number),
            "device.identifier.udid" => json!(facts.provisioning_udid.as_ref().unwrap_or(&facts.udid)),
            "device.model.family" => json!(model.family.status_name()),
            "device.model.identifier" => json!(model.product_name),
            "device.model.marketing-name" => json!(model.marketing_name),
            "device.model.number" => json!(if model.family == Family::Mac { "Z15S000PUD/A" } else { model.order_number }),
            "device.operating-system.family" => json!(model.family.os_name()),
            "device.operating-system.version" => json!(release.text),
            "device.operating-system.build-version" => json!(release.build),
            "device.operating-system.supplemental.build-version" => json!(release.full_build()),
            "device.operating-system.supplemental.extra-version" => {
                json!(release.improvement.map_or("", |improvement| improvement.extra.trim_matches(['(', ')'])))
            }
            "device.operating-system.marketing-name" => json!(release.marketing_name(model.family)),
            "device.power.battery-health" => json!(if model.battery { "normal" } else { "unsupported" }),
            "diskmanagement.filevault.enabled" => json!(facts.filevault),
            "passcode.is-present" => json!(facts.passcode),
            "passcode.is-compliant" => json!(self.passcode_complies()),
            "security.lockdown-mode" => json!(false),
            "test.array-value" => json!([]),
            "test.boolean-value" => json!(true),
            "test.dictionary-value" | "device.system.health" => json!({}),
            "test.integer-value" => json!(1),
            "test.real-value" => json!(1.5),
            "test.string-value" => json!("test"),
            _ => return None,
        })
    }

    fn management_status_item(&self, item: &str, channel: usize) -> Option<Json> {
        let speaker = &self.channels[channel];
        Some(match item {
            "management.client-capabilities" => self.client_capabilities(channel),
            "management.declarations" => self.declarations_status(channel),
            "mdm.app" => self.app_list(false),
            "app.managed.list" => self.app_list(true),
            "security.certificate.list" => self.certificate_status(),
            "mdm.push-magic" => json!(speaker.magic),
            "mdm.push-token" => json!(STANDARD.encode(speaker.token)),
            "mdm.enrollment-type" => json!(self.enrollment_type()),
            "mdm.is-awaiting-configuration" => json!(channel == DEVICE && self.situation.awaiting_configuration),
            "mdm.is-return-to-service" => json!(false),
            "mdm.is-shared-ipad" => json!(self.facts.shared),
            "package.list" => self.package_list(),
            "services.background-task" => json!([]),
            _ => return None,
        })
    }

    fn client_capabilities(&self, channel: usize) -> Json {
        let known = |kind: &str| self.known_declarations(kind, channel);
        json!({
            "supported-versions": ["1.0.0"],
            "supported-features": {},
            "supported-payloads": {
                "declarations": {
                    "activations": known("activation"),
                    "assets": known("asset"),
                    "configurations": known("configuration"),
                    "management": known("management"),
                },
                "status-items": self.known_status(channel),
            },
        })
    }

    fn declarations_status(&self, channel: usize) -> Json {
        let judged = self.judge(channel);
        let lists = KINDS.map(|(list, kind)| {
            let entries = judged.iter().filter(|judgement| judgement.kind == kind).map(super::judge::Judgement::to_json);
            (list.to_lowercase(), Json::Array(entries.collect()))
        });
        Json::Object(lists.into_iter().collect())
    }

    /// Puts the token before the present one, or an invented one, in the place of each.
    fn tell_old_tokens(&self, channel: usize, told: &mut Json) {
        let held = &self.channels[channel].declarations.held;
        let lists = told.as_object_mut().into_iter().flat_map(Map::values_mut);
        for entry in lists.filter_map(Json::as_array_mut).flatten() {
            let earlier = entry["identifier"].as_str().and_then(|identifier| held.get(identifier)?.earlier_token.clone());
            entry["server-token"] = Json::from(earlier.unwrap_or_else(|| String::from("0")));
        }
    }

    /// The apps that commands manage, or those that declarations do.
    fn app_list(&self, by_declaration: bool) -> Json {
        let is_of_list = |management: &Management| management.declaration.is_some() == by_declaration && !management.is_package;
        let listed = self.apps.managed().filter(|(_, management)| is_of_list(management));
        let entries = listed.map(|(app, management)| {
            let mut entry = json!({
                "identifier": app.identifier,
                "name": app.name,
                "version": app.version,
                "short-version": app.version,
                "external-version-id": if by_declaration { json!(app.external_version()) } else { json!(app.external_version().to_string()) },
                "state": if by_declaration { management.status.declared_name().to_owned() } else { management.status.status_name() },
            });
            if let Some(declaration) = &management.declaration {
                entry["declaration-identifier"] = json!(declaration);
                explain(&mut entry, management);
            }
            entry
        });
        Json::Array(entries.collect())
    }

    /// The packages that declarations bring.
    fn package_list(&self) -> Json {
        let listed = self.apps.managed().filter(|(_, management)| management.is_package);
        let entries = listed.map(|(package, management)| {
            let mut entry = json!({
                "identifier": package.identifier,
                "declaration-identifier": management.declaration,
                "name": package.name,
                "version": package.version,
                "state": if management.status == Status::Managed { "installed" } else { management.status.declared_name() },
            });
            explain(&mut entry, management);
            entry
        });
        Json::Array(entries.collect())
    }

    fn certificate_status(&self) -> Json {
        let own = self.enrollment.iter().map(|enrollment| (enrollment.identity.certificate.clone(), true));
        let entries = own.chain(self.anchors().into_iter().map(|anchor| (anchor, false))).map(|(certificate, identity)| {
            json!({
                "identifier": certificate.fingerprint().to_string(),
                "subject-summary": certificate.common_name().unwrap_or_default(),
                "is-identity": identity,
                "data": STANDARD.encode(certificate.der()),
            })
        });
        Json::Array(entries.collect())
    }

    fn enrollment_type(&self) -> &'static str {
        match &self.enrollment {
            None => "none",
            Some(enrollment) if enrollment.mdm.by_user => "user",
            Some(_) if self.facts.supervised => "supervised",
            Some(_) => "device",
        }
    }

    fn knows_full_reports(&self) -> bool {
        let version = self.facts.release.version.0;
        match self.facts.release.platform {
            Platform::Macos => version >= 14,
            Platform::Visionos => version >= 2,
            _ => version >= 17,
        }
    }
}

/// Says in an entry of a list why it failed.
fn explain(entry: &mut Json, management: &Management) {
    let code = match (management.status, management.failure) {
        (Status::UserRejected | Status::ManagementRejected, _) => "Error.UserRejected",
        (Status::Failed, _) if management.unlicensed => "Error.LicenseNotFound",
        (Status::Failed, why) => why.unwrap_or("Error.InstallFailed"),
        // An update that failed; what was there before is there still.
        (_, Some(why)) => {
            entry["update-state"] = json!("failed");
            why
        }
        (_, None) => return,
    };
    entry["reasons"] = json!([{ "code": code }]);
}

/// Puts the value of `a.b.c` at its place in the tree.
fn place(tree: &mut Json, item: &str, value: Json) {
    let mut node = tree;
    for part in item.split('.') {
        if !node.is_object() {
            *node = Json::Object(Map::new());
        }
        node = &mut node[part];
    }
    *node = value;
}

/// The items of a list that are new or changed, and those that are gone, as `_removed`.
fn changes(old: &Json, new: &Json) -> Json {
    let items = |list: &Json| list.as_array().cloned().unwrap_or_default();
    let (old, new) = (items(old), items(new));
    let is_same = |a: &Json, b: &Json| a["identifier"] == b["identifier"];
    let mut told: Vec<Json> = new.iter().filter(|item| !old.contains(item)).cloned().collect();
    let gone = old.iter().filter(|item| !new.iter().any(|other| is_same(item, other)));
    told.extend(gone.map(|item| json!({ "identifier": item["identifier"], "_removed": true })));
    Json::Array(told)
}

fn unknown_item(item: &str) -> Json {
    let description = format!("The status item “{item}” is not supported.");
    json!({ "StatusItem": item, "Reasons": [{ "Code": "Error.UnsupportedStatusValue", "Description": description }] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_placed_by_its_path() {
        let mut tree = Json::Object(Map::new());
        place(&mut tree, "device.model.family", json!("iPad"));
        place(&mut tree, "device.operating-system.version", json!("27.1"));
        assert_eq!(tree, json!({ "device": { "model": { "family": "iPad" }, "operating-system": { "version": "27.1" } } }));
    }

    #[test]
    fn a_list_tells_what_is_new_changed_and_gone() {
        let old = json!([{ "identifier": "a", "state": "queued" }, { "identifier": "b", "state": "managed" }, { "identifier": "c" }]);
        let new = json!([{ "identifier": "a", "state": "managed" }, { "identifier": "c" }, { "identifier": "d" }]);
        let told = json!([{ "identifier": "a", "state": "managed" }, { "identifier": "d" }, { "identifier": "b", "_removed": true }]);
        assert_eq!(changes(&old, &new), told);
    }
}
