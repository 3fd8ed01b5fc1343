//! What the declarations of a channel come to: which are valid, which are active, and why not.

use serde_json::{Value as Json, json};

use super::predicate::{Undecided, decide};
use super::{Device, Held, KINDS};

/// What one declaration comes to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Judgement {
    pub(super) kind: &'static str,
    pub(super) identifier: String,
    pub(super) server_token: String,
    pub(super) active: bool,
    /// `valid`, `invalid` or `unknown`.
    pub(super) valid: &'static str,
    pub(super) reasons: Vec<Json>,
}

impl Judgement {
    /// The entry in `management.declarations`.
    pub(super) fn to_json(&self) -> Json {
        let mut entry = json!({
            "active": self.active,
            "identifier": self.identifier,
            "server-token": self.server_token,
            "valid": self.valid,
        });
        if !self.reasons.is_empty() {
            entry["reasons"] = Json::Array(self.reasons.clone());
        }
        entry
    }
}

/// A reason with its code and sentence.
fn reason(code: &str, description: impl Into<String>, identifier: &str, server_token: &str) -> Json {
    let description: String = description.into();
    json!({ "code": code, "description": description, "details": { "Identifier": identifier, "ServerToken": server_token } })
}

impl Device {
    /// Judges all declarations of a channel.
    pub(super) fn judge(&self, channel: usize) -> Vec<Judgement> {
        let activations = self.judge_activations(channel);
        let active = self.active_configurations(channel, &activations);
        let declarations = &self.channels[channel].declarations;
        let mut all = activations;
        for (_, kind) in KINDS.iter().filter(|(_, kind)| *kind != "activation") {
            for (identifier, held) in declarations.documents(kind) {
                all.push(self.judge_other(channel, identifier, held, active.iter().any(|known| known == identifier)));
            }
        }
        all
    }

    fn judge_activations(&self, channel: usize) -> Vec<Judgement> {
        let declarations = &self.channels[channel].declarations;
        declarations.documents("activation").map(|(identifier, held)| self.judge_activation(channel, identifier, held)).collect()
    }

    /// An activation is whole or not at all: a reference to what is missing or invalid fails it.
    fn judge_activation(&self, channel: usize, identifier: &str, held: &Held) -> Judgement {
        let declarations = &self.channels[channel].declarations;
        let judged = |active, valid, reasons| judgement(identifier, held, active, valid, reasons);
        let Some(payload) = held.payload() else { return judged(false, "unknown", Vec::new()) };
        let explain = |code: &str, text: String| vec![reason(code, text, identifier, &held.server_token)];
        let named = payload.get("StandardConfigurations").and_then(Json::as_array);
        let Some(named) = named else {
            return judged(false, "invalid", explain("Error.InvalidPayload", String::from("StandardConfigurations is missing.")));
        };
        for wanted in named.iter().filter_map(Json::as_str) {
            match declarations.held.get(wanted) {
                None => {
                    let text = format!("The configuration “{wanted}” is missing.");
                    return judged(false, "invalid", explain("Error.MissingConfigurations", text));
                }
                Some(configuration) if self.fault_of(channel, wanted, configuration).is_some() => {
                    let text = format!("The configuration “{wanted}” is invalid.");
                    return judged(false, "invalid", explain("Error.ActivationFailed", text));
                }
                Some(_) => {}
            }
        }
        let Some(predicate) = payload.get("Predicate").and_then(Json::as_str) else { return judged(true, "valid", Vec::new()) };
        // The status of the declarations themselves would ask for this judgement again.
        let status = |name: &str| if name.starts_with("management.") { None } else { self.status_value(name, channel) };
        let property = |name: &str| self.property(channel, name);
        match decide(predicate, &status, &property) {
            Ok(true) => judged(true, "valid", Vec::new()),
            Ok(false) => judged(false, "valid", explain("Info.Predicate", String::from("The predicate is false."))),
            Err(Undecided::Missing(item)) => {
                judged(false, "invalid", explain("Error.MissingState", format!("There is no status “{item}”.")))
            }
            Err(Undecided::Unreadable(at)) => {
                judged(false, "invalid", explain("Error.UnableToParsePredicate", format!("The predicate cannot be read at “{at}”.")))
            }
        }
    }

    fn active_configurations(&self, channel: usize, activations: &[Judgement]) -> Vec<String> {
        let declarations = &self.channels[channel].declarations;
        let active = activations.iter().filter(|judgement| judgement.active);
        let payloads = active.filter_map(|judgement| declarations.held.get(&judgement.identifier)?.payload());
        let named = payloads.filter_map(|payload| payload.get("StandardConfigurations")?.as_array());
        named.flatten().filter_map(Json::as_str).map(str::to_owned).collect()
    }

    fn judge_other(&self, channel: usize, identifier: &str, held: &Held, referenced: bool) -> Judgement {
        let judged = |active, valid, reasons| judgement(identifier, held, active, valid, reasons);
        if held.document.is_none() {
            return judged(false, "unknown", Vec::new());
        }
        if let Some((code, text)) = self.fault_of(channel, identifier, held) {
            return judged(false, "invalid", vec![reason(code, text, identifier, &held.server_token)]);
        }
        match held.kind {
            "configuration" if referenced => judged(true, "valid", Vec::new()),
            "configuration" => {
                let text = format!("Configuration “{identifier}:{}” is not referenced by an activation.", held.server_token);
                judged(false, "unknown", vec![reason("Info.NotReferencedByActivation", text, identifier, &held.server_token)])
            }
            "asset" => judged(self.is_referenced(channel, identifier), "valid", Vec::new()),
            _ => judged(false, "valid", Vec::new()),
        }
    }

    /// Whether any configuration names the asset.
    fn is_referenced(&self, channel: usize, asset: &str) -> bool {
        let declarations = &self.channels[channel].declarations;
        let quoted = Json::from(asset).to_string();
        declarations.documents("configuration").filter_map(|(_, held)| held.payload()).any(|payload| payload.to_string().contains(&quoted))
    }

    /// What is wrong with a declaration on this device, as code and sentence.
    fn fault_of(&self, channel: usize, identifier: &str, held: &Held) -> Option<(&'static str, String)> {
        let kind = held.document.as_ref()?.get("Type")?.as_str()?;
        if !self.knows_declaration(kind, channel) {
            let code = if self.facts.release.version.0 >= 27 { "Error.UnknownDeclarationType" } else { "Error.ConfigurationNotSupported" };
            return Some((code, format!("“{kind}” is not supported on this device.")));
        }
        let payload = held.payload()?;
        if !payload.is_object() {
            return Some(("Error.InvalidPayload", format!("The payload of “{identifier}” is not an object.")));
        }
        self.payload_fault(kind, payload)
    }

    /// Faults of the payloads that this device acts upon.
    fn payload_fault(&self, kind: &str, payload: &Json) -> Option<(&'static str, String)> {
        let text = |key: &str| payload.get(key).and_then(Json::as_str);
        let needs = |key: &str| text(key).is_none().then(|| ("Error.ConfigurationIsInvalid", format!("{key} is missing.")));
        match kind {
            "com.apple.configuration.management.test" => match text("ReturnStatus") {
                Some("Failed") => Some(("Error.ConfigurationFailed", String::from("The test was asked to fail."))),
                _ => needs("Echo"),
            },
            "com.apple.configuration.softwareupdate.enforcement.specific" => self.enforcement_fault(payload),
            "com.apple.configuration.legacy" => {
                let by_asset = payload.get("ProfileAssetReference").is_some() && self.facts.release.version.0 >= 27;
                if by_asset { None } else { needs("ProfileURL") }
            }
            _ => None,
        }
    }

    /// A value of the properties declarations.
    fn property(&self, channel: usize, name: &str) -> Option<Json> {
        let declarations = &self.channels[channel].declarations;
        let of_type = |held: &&Held| held.document.as_ref().is_some_and(|document| document["Type"] == "com.apple.management.properties");
        let mut properties = declarations.documents("management").map(|(_, held)| held).filter(of_type);
        properties.find_map(|held| held.payload()?.get(name)).cloned()
    }
}

impl Held {
    /// The payload, once it was fetched.
    pub(super) fn payload(&self) -> Option<&Json> {
        self.document.as_ref()?.get("Payload")
    }
}

fn judgement(identifier: &str, held: &Held, active: bool, valid: &'static str, reasons: Vec<Json>) -> Judgement {
    Judgement { kind: held.kind, identifier: identifier.to_owned(), server_token: held.server_token.clone(), active, valid, reasons }
}
