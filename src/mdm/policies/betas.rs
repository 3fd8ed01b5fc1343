//! Beta programmes that policies offer or require: which of them one device can have, and whose wish holds where policies disagree.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::catalogue;
use super::pieces::Part;
use super::settings::Warning;
use super::ways::{ALWAYS_OFF, ALWAYS_ON};
use crate::error::Result;
use crate::language::say;
use crate::mdm::Actor;
use crate::mdm::betas::{self, OFFER, REQUIRE, Shelf, Source, Standing};
use crate::mdm::wanted::{Origin, Target, Unable};
use crate::protocol::platform::Platform;
use crate::protocol::plist::{self, Value};
use crate::secret::Secret;
use crate::store::Tx;

/// The keys of the declaration about updates that are about beta programmes. Until they are sent, programmes stand in them by their ids.
const ENROLLMENT: &str = "Beta.ProgramEnrollment";
const OFFERED: &str = "Beta.OfferPrograms";
const REQUIRED: &str = "Beta.RequireProgram";

/// The programmes that a device is sent: what they are called and the organisation's tokens for them, by id.
#[derive(Debug, Clone, Default)]
pub(super) struct Programs {
    held: BTreeMap<String, (String, Secret<String>)>,
}

impl Programs {
    /// What a key holds for the device, tokens included; nothing for keys that are not about programmes.
    pub(super) fn sent(&self, key: &str, value: &Value) -> Option<Json> {
        let program = |(title, token): &(String, Secret<String>)| json!({ "Description": title, "Token": token.expose() });
        let mut programs = self.of(value).map(program);
        match key {
            OFFERED => Some(programs.collect()),
            REQUIRED => programs.next(),
            _ => None,
        }
    }

    /// What a key holds for people: titles alone.
    pub(super) fn shown(&self, key: &str, value: &Value) -> Json {
        match key {
            OFFERED => self.of(value).map(|(title, _)| title.as_str()).collect(),
            REQUIRED => self.of(value).next().map_or(Json::Null, |(title, _)| json!(title)),
            _ => plist::to_json(value),
        }
    }

    /// The programmes that a value names, by title.
    fn of<'a>(&'a self, value: &'a Value) -> impl Iterator<Item = &'a (String, Secret<String>)> {
        let mut programs: Vec<_> = ids(value).filter_map(|id| self.held.get(id)).collect();
        programs.sort_by(|one, other| one.0.cmp(&other.0));
        programs.into_iter()
    }
}

fn ids(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_string)
}

/// Settles what the policies of a device say of beta programmes: never wins over all, a required programme over offered ones, and of several required
/// ones that of the first policy by name. What cannot be is taken out and told.
pub(super) fn settle(tx: &Tx, target: &Target, parts: &mut Vec<Part>) -> Result<(Programs, Vec<Unable>)> {
    let is_about = |part: &Part| [OFFERED, REQUIRED].into_iter().any(|key| part.keys.contains_key(key));
    let mut unable = Vec::new();
    never(parts, &mut unable);
    let mut programs = Programs::default();
    if parts.iter().any(is_about) {
        let shelf = Shelf::of(tx, &Source::of_device(tx, &target.device_id)?)?;
        let platform = target.capabilities.platform;
        for (key, switch) in [(REQUIRED, REQUIRE), (OFFERED, OFFER)] {
            narrow(&shelf, platform, parts, (key, switch), &mut unable);
        }
        required(parts, &shelf, &mut unable);
        let left: BTreeSet<String> = parts
            .iter()
            .flat_map(|part| [OFFERED, REQUIRED].into_iter().filter_map(|key| part.keys.get(key)).flat_map(ids))
            .map(str::to_owned)
            .collect();
        for id in left {
            if let Some(held) = shelf.token(tx, &id)? {
                programs.held.insert(id, held);
            }
        }
    }
    parts.retain(|part| !part.keys.is_empty());
    unable.sort_by(|one, other| (&one.what, &one.origin, &one.because).cmp(&(&other.what, &other.origin, &other.because)));
    unable.dedup();
    Ok((programs, unable))
}

fn cannot(switch: &str, because: String, origin: &Origin) -> Unable {
    let what = catalogue::find(switch).map_or_else(|| switch.to_owned(), |switch| say(switch.label).to_owned());
    Unable { what, because, origin: origin.clone() }
}

/// Where one policy has no beta versions, the others' programmes are taken out.
fn never(parts: &mut [Part], unable: &mut Vec<Unable>) {
    let is_never = |part: &Part| part.keys.get(ENROLLMENT).and_then(Value::as_string) == Some(ALWAYS_OFF);
    let Some(never) = parts.iter().find(|part| is_never(part)).map(|part| part.origin.name.clone()) else { return };
    for part in parts.iter_mut() {
        let because = || t!("“{never}” has no beta versions, which counts more. Change one of the two.", never);
        for (key, switch) in [(OFFERED, OFFER), (REQUIRED, REQUIRE)] {
            if part.keys.remove(key).is_some() {
                unable.push(cannot(switch, because(), &part.origin));
            }
        }
        if part.keys.get(ENROLLMENT).and_then(Value::as_string) == Some(ALWAYS_ON) {
            part.keys.remove(ENROLLMENT);
            unable.push(cannot(ONLY_OWN, because(), &part.origin));
        }
    }
}

/// The switch that closes programmes of people's own accounts.
pub(super) const ONLY_OWN: &str = "only_own_beta_programs";

/// Leaves of each policy's programmes those that the device can have.
fn narrow(shelf: &Shelf, platform: Platform, parts: &mut [Part], (key, switch): (&str, &str), unable: &mut Vec<Unable>) {
    for part in parts {
        let Some(value) = part.keys.get(key) else { continue };
        let (mut left, mut is_told) = (Vec::new(), false);
        for id in ids(value) {
            match shelf.standing(id, platform) {
                Standing::Here(_) => left.push(Value::from(id)),
                Standing::Elsewhere => {}
                Standing::Gone("") => {
                    let words = t!(
                        "Apple lists one of its programmes for none of the server tokens that count for this device. Choose another one."
                    );
                    unable.push(cannot(switch, words.to_owned(), &part.origin));
                    is_told = true;
                }
                Standing::Gone(title) => {
                    unable.push(cannot(switch, t!("Apple lists “{title}” no more. Choose another programme.", title), &part.origin));
                    is_told = true;
                }
            }
        }
        if left.is_empty() {
            part.keys.remove(key);
            if !is_told {
                unable.push(cannot(switch, String::from(t!("None of its programmes is for the system of this device.")), &part.origin));
            }
        } else {
            part.keys.insert(key.to_owned(), Value::Array(left));
        }
    }
}

/// One required programme holds, that of the first policy; then nothing is offered.
fn required(parts: &mut [Part], shelf: &Shelf, unable: &mut Vec<Unable>) {
    let first = |part: &Part| part.keys.get(REQUIRED).and_then(|value| ids(value).next().map(str::to_owned));
    let Some((id, by)) = parts.iter().find_map(|part| Some((first(part)?, part.origin.name.clone()))) else { return };
    let platform_title = |id: &str| shelf.title(id).unwrap_or_default().to_owned();
    for part in parts.iter_mut() {
        if let Some(value) = part.keys.get(REQUIRED) {
            for other in ids(value).filter(|other| **other != *id) {
                let because = t!(
                    "“{by}” requires “{id}”, and a device takes part in one programme. Change one of the two.",
                    by,
                    id = platform_title(&id)
                );
                unable.push(cannot(REQUIRE, t!("“{other}” is left out: {because}", other = platform_title(other), because), &part.origin));
            }
            if ids(value).any(|own| own == id) {
                part.keys.insert(REQUIRED.to_owned(), Value::Array(vec![Value::from(id.as_str())]));
                part.keys.insert(ENROLLMENT.to_owned(), Value::from(ALWAYS_ON));
            } else {
                part.keys.remove(REQUIRED);
            }
        }
        if part.keys.remove(OFFERED).is_some() {
            let because = t!("“{by}” requires “{id}”, so there is nothing to choose. Change one of the two.", by, id = platform_title(&id));
            unable.push(cannot(OFFER, because, &part.origin));
        }
    }
}

/// Switches of one policy that a device would refuse together, each with what to do.
pub(super) fn contradictions(settings: &serde_json::Map<String, Json>) -> Vec<(&'static str, String)> {
    let on = |switch: &str| settings.contains_key(switch);
    let mut found = Vec::new();
    if on("no_beta_updates") {
        for switch in [OFFER, REQUIRE, ONLY_OWN].into_iter().filter(|switch| on(switch)) {
            found.push((
                switch,
                String::from(t!("“No beta versions” is on too, which takes devices out of every programme: switch one of the two off")),
            ));
        }
    }
    if on(OFFER) && on(REQUIRE) {
        found.push((
            OFFER,
            String::from(t!("a required programme leaves nothing to choose: take one of the two, or make a policy of each")),
        ));
    }
    found
}

/// What these switches do not do though they may look so.
pub(super) fn warnings(settings: &serde_json::Map<String, Json>) -> Vec<(&'static str, &'static str)> {
    let on = |switch: &str| settings.contains_key(switch);
    let mut found = Vec::new();
    if on(ONLY_OWN) && !on(OFFER) && !on(REQUIRE) {
        found.push((ONLY_OWN, t!("No programme is offered here, so nobody can take part in one unless another policy offers it.")));
    }
    if on(ONLY_OWN) && on(REQUIRE) {
        found.push((ONLY_OWN, t!("A required programme says this already.")));
    }
    found
}

/// Programmes that a policy names and Apple lists no more.
pub(super) fn ended(tx: &Tx, settings: &serde_json::Map<String, Json>) -> Result<Vec<Warning>> {
    let mut found = Vec::new();
    if !betas::are_chosen(settings) {
        return Ok(found);
    }
    let known = betas::list(tx, &Actor::Console)?;
    for switch in [OFFER, REQUIRE] {
        for id in betas::chosen(settings, switch) {
            let words = match known.iter().find(|program| program.id == id) {
                Some(program) if program.gone_at.is_none() => continue,
                Some(program) => t!("Apple lists “{title}” no more, so it is left out. Choose another programme.", title = program.title),
                None => String::from(t!("One of its programmes is not known any more, so it is left out. Choose another one.")),
            };
            found.push(Warning { switch, words });
        }
    }
    Ok(found)
}

/// A switch with its value, for people, programmes by their titles.
pub(super) fn in_words(label: &str, value: &Json, titles: &BTreeMap<String, String>) -> String {
    let items = value.as_array().into_iter().flatten().filter_map(Json::as_str);
    let names: Vec<_> = items.map(|id| titles.get(id).map_or(t!("a programme that is not known any more"), String::as_str)).collect();
    format!("{label}: {}", names.join(", "))
}
