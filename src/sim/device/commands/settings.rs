//! Settings: each item is done or refused on its own, and told in the order of the request.

use super::super::Device;
use super::super::values::{Complaint, dictionary};
use super::{Answer, Command};
use crate::protocol::plist::{Dictionary, Value, fields};
use crate::sim::model::Family;

/// By either of these a Shared iPad divides its storage; the one ends the other.
const SHARED_BY: [&str; 2] = ["QuotaSize", "ResidentUsers"];

impl Device {
    /// Settings.
    pub(super) fn settings(&mut self, command: &Command) -> Answer {
        let items: Vec<Dictionary> = fields::dictionaries(&command.body, "Settings").cloned().collect();
        let results = items.iter().map(|item| {
            let result = self.setting(item, command.channel);
            Value::Dictionary(result_of(item, result))
        });
        let results: Vec<_> = results.collect();
        Answer::with([("Settings", Value::Array(results))])
    }

    fn setting(&mut self, item: &Dictionary, channel: usize) -> Result<(), Complaint> {
        let name = fields::text(item, "Item").unwrap_or_default().to_owned();
        if !self.knows_setting(&name, channel) {
            return Err(unknown_item(&name));
        }
        match name.as_str() {
            "ApplicationConfiguration" => {
                let configuration = fields::dictionary(item, "Configuration").cloned();
                self.managed_app(item)?.configuration = configuration;
            }
            "ApplicationAttributes" => {
                let attributes = fields::dictionary(item, "Attributes").cloned();
                self.managed_app(item)?.attributes = attributes;
            }
            "DeviceName" => self.facts.name = required_text(item, "DeviceName")?,
            "HostName" => self.situation.host_name = Some(required_text(item, "HostName")?),
            "TimeZone" => self.situation.time_zone = required_text(item, "TimeZone")?,
            "OrganizationInfo" => self.situation.organization = fields::dictionary(item, "OrganizationInfo").cloned(),
            "MDMOptions" => {
                for (key, value) in fields::dictionary(item, "MDMOptions").into_iter().flatten() {
                    self.situation.mdm_options.insert(key.clone(), value.clone());
                }
            }
            "Wallpaper" => check_wallpaper(item)?,
            "SoftwareUpdateSettings" => self.situation.recommendation_cadence = fields::whole(item, "RecommendationCadence"),
            _ => self.stored_setting(&name, item)?,
        }
        Ok(())
    }

    /// Switches, and items that are only kept.
    fn stored_setting(&mut self, name: &str, item: &Dictionary) -> Result<(), Complaint> {
        if self.situation.switch(name).is_some() {
            let enabled = item.get("Enabled").and_then(Value::as_boolean).ok_or_else(|| missing("Enabled"))?;
            self.situation.turn(name, enabled);
            return Ok(());
        }
        let shared_only = matches!(name, "SharedDeviceConfiguration" | "MaximumResidentUsers" | "PasscodeLockGracePeriod");
        if shared_only && !self.facts.shared {
            return Err(unknown_item(name));
        }
        // What an item leaves out stays as it was.
        let mut kept = self.situation.other.get(name).and_then(Value::as_dictionary).cloned().unwrap_or_default();
        if SHARED_BY.iter().any(|key| item.contains_key(key)) {
            for key in SHARED_BY {
                kept.remove(key);
            }
        }
        kept.extend(item.clone());
        self.situation.other.insert(name.to_owned(), Value::Dictionary(kept));
        Ok(())
    }

    fn managed_app(&mut self, item: &Dictionary) -> Result<&mut super::super::apps::Management, Complaint> {
        let identifier = required_text(item, "Identifier")?;
        let is_mac = self.facts.model.family == Family::Mac;
        let refusal = if is_mac { "The app is not managed on this Mac." } else { "The app is not managed." };
        self.apps.managed_mut(&identifier).ok_or_else(|| Complaint::mdm(12029, refusal))
    }
}

fn result_of(item: &Dictionary, result: Result<(), Complaint>) -> Dictionary {
    let status = if result.is_ok() { "Acknowledged" } else { "Error" };
    let mut answer = dictionary([("Status", Value::from(status))]);
    if let Some(identifier) = fields::text(item, "Identifier") {
        answer.insert("Identifier".into(), Value::from(identifier));
    }
    if let Some(name) = fields::text(item, "Item") {
        answer.insert("Item".into(), Value::from(name));
    }
    if let Err(complaint) = result {
        answer.insert("ErrorChain".into(), Value::Array(vec![complaint.to_value()]));
    }
    answer.sort_keys();
    answer
}

fn unknown_item(name: &str) -> Complaint {
    Complaint { code: 28000, domain: "MCSettingsErrorDomain".into(), text: format!("The settings item “{name}” is unknown.") }
}

fn missing(key: &str) -> Complaint {
    Complaint::mdm(12008, format!("The field “{key}” is missing or not of its type."))
}

fn required_text(item: &Dictionary, key: &str) -> Result<String, Complaint> {
    fields::filled(item, key).ok_or_else(|| missing(key))
}

fn check_wallpaper(item: &Dictionary) -> Result<(), Complaint> {
    let image = fields::data(item, "Image").unwrap_or_default();
    let is_picture = image.starts_with(b"\x89PNG") || image.starts_with(b"\xFF\xD8");
    if is_picture {
        return Ok(());
    }
    Err(Complaint { code: 28001, domain: "MCSettingsErrorDomain".into(), text: String::from("The wallpaper is not a picture.") })
}
