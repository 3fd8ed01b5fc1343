//! How a policy ends that is assigned for a limited time: what a device ends by its own clock, and what ends when it is told.

use crate::language::say;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::catalogue::{self, Switch};
use super::ways;

/// Which switches of a policy end how; one that comes by several mechanisms, as the system is, stands on both sides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PolicyEnds)]
pub struct Ends {
    /// Switches that end on the device itself at that moment, also when it is not connected.
    pub on_device: Vec<String>,
    /// Switches that end when the device connects after that moment; it is woken then.
    pub on_contact: Vec<String>,
    /// The same in words.
    pub words: String,
}

/// How the switches that are on would end.
pub fn ends(settings: &Map<String, Value>) -> Ends {
    let on: Vec<&Switch> = catalogue::all().filter(|switch| settings.contains_key(switch.id)).collect();
    let has =
        |switch: &&&Switch, on_contact: bool| switch.ways().iter().any(|way| (way.declared || ways::is_single(&way.of_type)) == on_contact);
    let of = |on_contact: bool| on.iter().filter(|switch| has(switch, on_contact)).copied().collect::<Vec<_>>();
    let (on_device, on_contact) = (of(false), of(true));
    let words = words(&on_device, &on_contact);
    let ids = |switches: Vec<&Switch>| switches.into_iter().map(|switch| switch.id.to_owned()).collect();
    Ends { on_device: ids(on_device), on_contact: ids(on_contact), words }
}

fn words(on_device: &[&Switch], on_contact: &[&Switch]) -> String {
    const ITSELF: &str = msg!("With an end, devices end this by their own clock, connected or not.");
    const CONTACT: &str =
        msg!("With an end, this ends when a device connects after that moment; it is woken then, and has it until it is reached.");
    const SHARED: &str =
        msg!("What another policy sets for longer too stays as strict as both until then, and loosens when the device connects.");
    if on_contact.is_empty() {
        return format!("{} {}", say(ITSELF), say(SHARED));
    }
    if on_device.is_empty() {
        return say(CONTACT).to_owned();
    }
    let (always, by_system): (Vec<&Switch>, Vec<&Switch>) =
        on_contact.iter().partition(|switch| on_device.iter().all(|other| other.id != switch.id));
    let labels = |switches: &[&Switch]| switches.iter().map(|switch| format!("“{}”", say(switch.label))).collect::<Vec<_>>().join(", ");
    let mut sentences = vec![String::from(t!("With an end, devices end what is in a profile by their own clock, connected or not."))];
    if !always.is_empty() {
        sentences.push(t!("When a device connects after that moment, for which it is woken, ends: {always}.", always = labels(&always)));
    }
    if !by_system.is_empty() {
        sentences.push(t!(
            "Newer systems get these by a declaration, which ends when the device connects: {by_system}.",
            by_system = labels(&by_system)
        ));
    }
    sentences.push(say(SHARED).to_owned());
    sentences.join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(settings: Value) -> Ends {
        ends(settings.as_object().unwrap())
    }

    #[test]
    fn what_ends_on_the_device_itself_is_told_apart_from_what_needs_it_to_connect() {
        let both = of(json!({ "no_siri": true, "managed_web_domains": ["example.org"], "app_allow_list": ["a.b"] }));
        assert!(both.on_device.contains(&String::from("app_allow_list")) && both.on_contact.contains(&String::from("app_allow_list")));
        assert!(
            both.on_contact.contains(&String::from("managed_web_domains"))
                && !both.on_device.contains(&String::from("managed_web_domains"))
        );
        for part in [
            "their own clock",
            "ends: “Managed web domains”",
            "by a declaration, which ends when the device connects: ",
            "“Only these apps”",
        ] {
            assert!(both.words.contains(part), "{part}: {}", both.words);
        }
        let alone = of(json!({ "managed_web_domains": ["example.org"] }));
        assert!(alone.on_device.is_empty() && alone.words.contains("until it is reached"), "{alone:?}");
        let camera = of(json!({ "open_in_managed_stays": true }));
        assert!(camera.on_contact.is_empty() && camera.words.contains("connected or not"), "{camera:?}");
    }

    #[test]
    fn every_switch_ends_somehow() {
        for switch in catalogue::all() {
            let ends = of(json!({ switch.id: true }));
            assert!(!ends.on_device.is_empty() || !ends.on_contact.is_empty(), "{}", switch.id);
        }
    }
}
