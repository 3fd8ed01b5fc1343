//! Beta programmes: which one the device takes part in, as declarations, Setup Assistant and its person have it.

use serde_json::Value as Json;

use super::super::{DEVICE, Device};
use crate::sim::model::Platform;

const SETTINGS: &str = "com.apple.configuration.softwareupdate.settings";

/// Whether a programme has both its parts.
fn is_program(program: &Json) -> bool {
    ["Description", "Token"].iter().all(|key| program[*key].as_str().is_some_and(|text| !text.is_empty()))
}

impl Device {
    /// Joins the programme that Setup Assistant is told to have before an update (iOS 17.5, macOS 14.5), if any; tells whether the update can follow.
    pub(crate) fn join_for_setup(&mut self, program: Option<&Json>) -> bool {
        let Some(program) = program else { return true };
        let release = self.facts.release;
        let least = if release.platform == Platform::Macos { (14, 5, 0) } else { (17, 5, 0) };
        let version = (release.version.0, release.version.1, release.version.2);
        if version < least || !is_program(program) {
            self.journal.remark("RequireBetaProgram came to an OS that does not understand it, or without Description or Token");
            return false;
        }
        self.beta = program["Description"].as_str().map(str::to_owned);
        true
    }

    /// What is wrong with what a declaration says of beta programmes.
    pub(super) fn beta_fault(payload: &Json) -> Option<(&'static str, String)> {
        let beta = payload.get("Beta")?;
        let invalid = |text: &str| Some(("Error.ConfigurationIsInvalid", text.to_owned()));
        let enrollment = beta.get("ProgramEnrollment").and_then(Json::as_str).unwrap_or("Allowed");
        let (offered, required) = (beta.get("OfferPrograms"), beta.get("RequireProgram"));
        let programs = offered.and_then(Json::as_array).into_iter().flatten().chain(required);
        match (offered, required) {
            (Some(_), Some(_)) => invalid("OfferPrograms and RequireProgram do not go together."),
            (_, Some(_)) if enrollment != "AlwaysOn" => invalid("RequireProgram needs ProgramEnrollment AlwaysOn."),
            (Some(_), _) if enrollment == "AlwaysOff" => invalid("OfferPrograms goes with ProgramEnrollment Allowed or AlwaysOn."),
            _ if !programs.into_iter().all(is_program) => invalid("A beta programme lacks Description or Token."),
            _ => None,
        }
    }

    /// The beta parts of the active declarations.
    fn declared_betas(&self) -> Vec<Json> {
        let active = self.active_payloads(DEVICE).into_iter().filter(|(_, kind, _)| kind == SETTINGS);
        active.filter_map(|(_, _, payload)| payload.get("Beta").cloned()).collect()
    }

    /// Takes part in the programme that is required, and leaves those that are not allowed.
    pub(super) fn apply_betas(&mut self) {
        let declared = self.declared_betas();
        let says = |word: &str| declared.iter().any(|beta| beta["ProgramEnrollment"] == word);
        let required = declared.iter().find_map(|beta| beta["RequireProgram"]["Description"].as_str().map(str::to_owned));
        if says("AlwaysOff") {
            self.beta = None;
        } else if required.is_some() {
            self.beta = required;
        } else if says("AlwaysOn") && self.beta.as_ref().is_some_and(|own| !self.offered_betas().contains(own)) {
            self.beta = None;
        }
    }

    /// What Settings offers the person of the programmes of the organisation.
    pub fn offered_betas(&self) -> Vec<String> {
        let declared = self.declared_betas();
        let programs = declared.iter().filter_map(|beta| beta["OfferPrograms"].as_array()).flatten();
        programs.filter_map(|program| program["Description"].as_str().map(str::to_owned)).collect()
    }

    /// The person joins a programme in Settings, or leaves the one that the device is in; tells whether that is possible.
    pub fn join_beta(&mut self, title: Option<&str>) -> bool {
        let declared = self.declared_betas();
        let says = |word: &str| declared.iter().any(|beta| beta["ProgramEnrollment"] == word);
        let is_fixed = says("AlwaysOff") || declared.iter().any(|beta| beta.get("RequireProgram").is_some());
        let is_open = !says("AlwaysOn") || title.is_none_or(|title| self.offered_betas().iter().any(|offered| offered == title));
        let may = !is_fixed && is_open;
        if may {
            self.beta = title.map(str::to_owned);
        }
        may
    }

    /// The programme that the device takes part in.
    pub fn beta(&self) -> Option<&str> {
        self.beta.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_go_together_is_invalid() {
        let program = json!({ "Description": "iOS 27 AppleSeed Beta", "Token": "t" });
        let fault = |beta: Json| Device::beta_fault(&json!({ "Beta": beta })).map(|(code, _)| code);
        assert_eq!(fault(json!({ "ProgramEnrollment": "AlwaysOn", "RequireProgram": program })), None);
        assert_eq!(fault(json!({ "OfferPrograms": [program] })), None);
        assert_eq!(Device::beta_fault(&json!({})), None);
        for wrong in [
            json!({ "RequireProgram": program }),
            json!({ "ProgramEnrollment": "AlwaysOn", "RequireProgram": program, "OfferPrograms": [program] }),
            json!({ "ProgramEnrollment": "AlwaysOff", "OfferPrograms": [program] }),
            json!({ "OfferPrograms": [{ "Description": "x" }] }),
            json!({ "ProgramEnrollment": "AlwaysOn", "RequireProgram": { "Description": "x", "Token": "" } }),
        ] {
            assert_eq!(fault(wrong.clone()), Some("Error.ConfigurationIsInvalid"), "{wrong}");
        }
    }
}
