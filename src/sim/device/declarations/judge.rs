//! What the declarations of a channel come to: which are valid, which are active, and why not.

use serde_json::{Map, Value as Json, json};

use super::fetch::asset_references;
use super::predicate::{Undecided, decide};
use super::{Device, Held, KINDS};
use crate::protocol::declaration::{Fault, find_type};
use crate::protocol::os_version::OsVersion;
use crate::sim::device::DeclarationSeen;

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
    /// The declarations of a channel as they can be seen from outside.
    pub(crate) fn declarations_of(&self, channel: usize) -> Vec<DeclarationSeen> {
        let held = &self.channels[channel].declarations.held;
        let seen = self.judge(channel).into_iter().map(|judgement| {
            let document = held.get(&judgement.identifier).and_then(|held| held.document.as_ref());
            let code = |reason: &Json| reason["code"].as_str().map(str::to_owned);
            DeclarationSeen {
                kind: judgement.kind,
                declaration_type: document.and_then(|document| document["Type"].as_str()).unwrap_or_default().to_owned(),
                payload: document.map(|document| document["Payload"].clone()).unwrap_or_default(),
                identifier: judgement.identifier,
                server_token: judgement.server_token,
                active: judgement.active,
                valid: judgement.valid,
                reasons: judgement.reasons.iter().filter_map(code).collect(),
            }
        });
        seen.collect()
    }

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
        if let Some((code, text)) = self.fault_of(channel, identifier, held) {
            return judged(false, "invalid", explain(code, text));
        }
        let named = payload.get("StandardConfigurations").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
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
            Err(Undecided::Unreadable(why)) => {
                judged(false, "invalid", explain("Error.UnableToParsePredicate", format!("The predicate {why}.")))
            }
            Err(Undecided::Unusable(why)) => judged(false, "invalid", explain("Error.UnableToEvaluatePredicate", why)),
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
        let declarations = &self.channels[channel].declarations;
        match held.kind {
            _ if declarations.is_fetching(identifier) => judged(false, "unknown", Vec::new()),
            "configuration" if referenced => judged(true, "valid", Vec::new()),
            "configuration" => {
                let text = format!("Configuration “{identifier}:{}” is not referenced by an activation.", held.server_token);
                judged(false, "unknown", vec![reason("Info.NotReferencedByActivation", text, identifier, &held.server_token)])
            }
            "asset" if self.is_referenced(channel, identifier) => judged(true, "valid", Vec::new()),
            "asset" => {
                let text = format!("Asset “{identifier}:{}” is not referenced by a configuration.", held.server_token);
                judged(false, "valid", vec![reason("Info.NotReferencedByConfiguration", text, identifier, &held.server_token)])
            }
            _ => judged(false, "valid", Vec::new()),
        }
    }

    /// Whether any configuration names the asset.
    fn is_referenced(&self, channel: usize, asset: &str) -> bool {
        let declarations = &self.channels[channel].declarations;
        let payloads = declarations.documents("configuration").filter_map(|(_, held)| held.payload());
        payloads.flat_map(asset_references).any(|reference| reference == asset)
    }

    /// What is wrong with a declaration on this device, as code and sentence.
    fn fault_of(&self, channel: usize, identifier: &str, held: &Held) -> Option<(&'static str, String)> {
        let kind = held.document.as_ref()?.get("Type")?.as_str()?;
        if held.denied || !self.knows_declaration(kind, channel) {
            let code = if self.facts.release.version.0 >= 27 { "Error.UnknownDeclarationType" } else { "Error.ConfigurationNotSupported" };
            return Some((code, format!("“{kind}” is not supported on this device.")));
        }
        let payload = held.payload()?;
        let Some(keys) = payload.as_object() else {
            return Some(("Error.InvalidPayload", format!("The payload of “{identifier}” is not an object.")));
        };
        let declarations = &self.channels[channel].declarations;
        self.key_fault_of(held.kind, kind, keys)
            .or_else(|| self.payload_fault(kind, payload))
            .or_else(|| declarations.fetch_fault(identifier))
            .or_else(|| if held.kind == "configuration" { self.asset_fault_of(channel, payload) } else { None })
    }

    /// Keys that are missing, too many, or not as Apple describes them.
    fn key_fault_of(&self, kind: &str, declaration_type: &str, payload: &Map<String, Json>) -> Option<(&'static str, String)> {
        let on = (self.facts.release.platform, OsVersion::parse(self.facts.release.text));
        let findings = find_type(declaration_type)?.findings(payload, Some(on));
        let first = findings.iter().find(|finding| finding.fault != Fault::Unknown).or(findings.first())?;
        let code = match (kind, first.fault) {
            (_, Fault::Unknown) => "Error.UnknownPayloadKeys",
            ("asset", _) => "Error.AssetCannotBeDeserialized",
            ("configuration", Fault::WrongType) => "Error.ConfigurationCannotBeDeserialized",
            ("configuration", _) => "Error.ConfigurationIsInvalid",
            _ => "Error.InvalidPayload",
        };
        Some((code, format!("{} {}.", first.path, first.words)))
    }

    /// Assets that are not there or that could not be had.
    fn asset_fault_of(&self, channel: usize, payload: &Json) -> Option<(&'static str, String)> {
        let declarations = &self.channels[channel].declarations;
        let is_bad = |asset: &String| {
            declarations
                .held
                .get(asset)
                .filter(|held| held.kind == "asset")
                .is_none_or(|held| self.fault_of(channel, asset, held).is_some())
        };
        let bad = asset_references(payload).into_iter().find(is_bad)?;
        Some(("Error.MissingAssets", format!("The asset “{bad}” is missing or cannot be used.")))
    }

    /// Faults of the payloads that this device acts upon.
    fn payload_fault(&self, kind: &str, payload: &Json) -> Option<(&'static str, String)> {
        let text = |key: &str| payload.get(key).and_then(Json::as_str);
        match kind {
            "com.apple.configuration.management.test" if text("ReturnStatus") == Some("Failed") => {
                Some(("Error.ConfigurationFailed", String::from("The test was asked to fail.")))
            }
            "com.apple.configuration.softwareupdate.enforcement.specific" => self.enforcement_fault(payload),
            "com.apple.configuration.softwareupdate.settings" => Self::beta_fault(payload),
            "com.apple.configuration.legacy" | "com.apple.configuration.legacy.interactive" => {
                match (text("ProfileURL"), text("ProfileAssetReference")) {
                    (Some(url), _) if !url.starts_with("https://") => {
                        Some(("Error.ConfigurationIsInvalid", String::from("ProfileURL does not begin with https://.")))
                    }
                    (None, None) => Some(("Error.ConfigurationIsInvalid", String::from("ProfileURL is missing."))),
                    _ => None,
                }
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
