//! What goes wrong between two profiles on one device, named before anything is sent, and what is odd about one alone.

use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Result;
use crate::mdm::clashes::{self, Clash};
use crate::protocol::mobileconfig::facts::{Facts, PayloadFacts};
use crate::protocol::mobileconfig::payload_types::{self, PayloadType, words};
use crate::store::Tx;
use crate::store::assignments::AssignedKind;
use crate::store::profiles::{self as store, Profile, Version};

/// The most warnings that are given at once.
pub(super) const WARNINGS_MAX: usize = 100;

/// Something that an admin should know before devices get a profile. It forbids nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ProfileWarning)]
pub struct Warning {
    /// What it is, in a sentence or two.
    pub message: String,
    /// What the other thing is: a profile, a policy or an app.
    pub other_kind: Option<AssignedKind>,
    /// The other profile, policy or app.
    pub other_id: Option<String>,
    /// Its name.
    pub other_name: Option<String>,
    /// PayloadType that both have.
    pub payload_type: Option<String>,
    /// The key that both set.
    pub key: Option<String>,
}

impl Warning {
    /// One about an app.
    pub fn of_app(id: String, name: String, message: String) -> Self {
        Self { other_kind: Some(AssignedKind::App), other_id: Some(id), other_name: Some(name), ..Self::alone(message) }
    }

    /// One that is about no other profile or policy.
    pub(in crate::mdm) fn alone(message: impl Into<String>) -> Self {
        Self { message: message.into(), other_kind: None, other_id: None, other_name: None, payload_type: None, key: None }
    }
}

/// One thing of which a device takes only one, and of which two profiles bring one each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Overlap {
    pub(super) payload_type: &'static PayloadType,
    /// The key, or nothing where the payload itself may be there only once.
    pub(super) key: Option<String>,
    /// Whether both are known to say the same.
    pub(super) is_same: bool,
}

/// Where two profiles get in each other's way on one device.
pub(super) fn between(mine: &Facts, theirs: &Facts) -> Vec<Overlap> {
    let mut found: Vec<Overlap> = Vec::new();
    for payload in &mine.payloads {
        for other in theirs.payloads.iter().filter(|other| other.payload_type == payload.payload_type) {
            for overlap in overlaps(payload, other) {
                if !found.iter().any(|known| known.payload_type == overlap.payload_type && known.key == overlap.key) {
                    found.push(overlap);
                }
            }
        }
    }
    found
}

fn overlaps(mine: &PayloadFacts, theirs: &PayloadFacts) -> Vec<Overlap> {
    let Some(payload_type) = payload_types::find(&mine.payload_type).filter(|known| known.has_shared_keys()) else { return Vec::new() };
    let once = payload_type.is_single().then_some(Overlap { payload_type, key: None, is_same: false });
    let keys = mine.settings.iter().filter_map(|(key, value)| {
        let other = theirs.settings.get(key)?;
        Some(Overlap { payload_type, key: Some(key.clone()), is_same: value.is_some() && value == other })
    });
    once.into_iter().chain(keys).collect()
}

/// What goes wrong with other profiles on the devices of a group, once `profile` in the version of `facts` is assigned to it.
pub(super) fn in_group(tx: &Tx, profile: &Profile, facts: &Facts, group_id: &str) -> Result<Vec<Warning>> {
    let mut warnings = Vec::new();
    for rival in store::rivals(tx, &profile.id, group_id)? {
        let Some(other) = store::by_id(tx, &rival.profile_id)? else { continue };
        let current = super::version(tx, &other.id, other.version)?;
        let overlaps = between(facts, &current.facts);
        warnings.extend(overlaps.iter().map(|overlap| warning(profile, &other, overlap, rival.device_count)));
    }
    warnings.truncate(WARNINGS_MAX);
    Ok(warnings)
}

/// What goes wrong between two profiles on so many devices that have both, each in the version of its facts.
pub fn clashing((one, mine): (&Profile, &Facts), (other, theirs): (&Profile, &Facts), device_count: u64) -> Vec<Warning> {
    between(mine, theirs).iter().map(|overlap| warning(one, other, overlap, device_count)).collect()
}

impl From<Clash> for Warning {
    fn from(clash: Clash) -> Self {
        Self {
            message: clash.message,
            other_kind: Some(clash.with.kind),
            other_id: Some(clash.with.id),
            other_name: Some(clash.with.name),
            payload_type: Some(clash.of_type),
            key: clash.key,
        }
    }
}

fn warning(profile: &Profile, other: &Profile, overlap: &Overlap, device_count: u64) -> Warning {
    let kind = overlap.payload_type.words();
    // Two that people call the same are told apart by what devices call them.
    let called = |profile: &Profile, other: &Profile| {
        if profile.name == other.name { format!("{} ({})", profile.name, profile.identifier) } else { profile.name.clone() }
    };
    let (mine, theirs) = (called(profile, other), called(other, profile));
    let both = clashes::both_are_for(device_count);
    let message = match &overlap.key {
        None => {
            t!(
                "“{mine}” and “{theirs}” both hold “{kind}”, of which a device takes only one, and {both}. Put it into one of them.",
                mine,
                theirs,
                kind,
                both
            )
        }
        Some(key) if overlap.is_same => {
            t!(
                "“{mine}” and “{theirs}” both set {key} ({kind}), to the same value, and {both}. Apple advises to set it in one of them only.",
                mine,
                theirs,
                key,
                kind,
                both
            )
        }
        Some(key) => t!(
            "“{mine}” and “{theirs}” both set {key} ({kind}), and {both}: which one counts is not certain. Set it in one of them only.",
            mine,
            theirs,
            key,
            kind,
            both
        ),
    };
    Warning {
        message,
        other_kind: Some(AssignedKind::Profile),
        other_id: Some(other.id.clone()),
        other_name: Some(other.name.clone()),
        payload_type: Some(overlap.payload_type.name.to_owned()),
        key: overlap.key.clone(),
    }
}

/// What is odd about a version by itself, and against the one in use before it.
pub(super) fn odd(version: &Version, before: Option<&Version>) -> Vec<Warning> {
    let facts = &version.facts;
    let mut warnings = Vec::new();
    if let Some(why) = &facts.signature_problem {
        warnings.push(Warning::alone(t!(
            "Its signature does not hold ({why}), so devices will refuse it. Sign it again, or upload it unsigned.",
            why
        )));
    }
    if facts.is_encrypted {
        warnings.push(Warning::alone(t!(
            "It is encrypted: only the device that it was made for can open it, and what it holds cannot be shown or compared here."
        )));
    }
    if facts.payloads.is_empty() && !facts.is_encrypted {
        warnings.push(Warning::alone(t!("It holds nothing: its PayloadContent is empty, so that it does nothing on a device.")));
    }
    warnings.extend(facts.wrong_types.iter().map(|wrong| Warning {
        payload_type: Some(wrong.payload_type.clone()),
        key: Some(wrong.key.clone()),
        ..Warning::alone(t!(
            "{key} ({value}) must be {must_be}, but is {the_is}: devices may pass it over, or refuse the profile.",
            key = wrong.key,
            value = words(&wrong.payload_type),
            must_be = wrong.must_be,
            the_is = wrong.is
        ))
    }));
    if let Some(before) = before.filter(|before| before.version != version.version && before.facts.uuid == facts.uuid) {
        if version.variables.is_empty() || before.variables.is_empty() {
            warnings.push(Warning::alone(t!(
                "It has the same PayloadUUID as the version before, by which devices tell versions apart. Give each version one of its own."
            )));
        }
        if before.facts.is_for_users_of_macs() != facts.is_for_users_of_macs() {
            warnings
                .push(Warning::alone(t!("Its PayloadScope is another than before, or what it holds: on Macs it goes to another place.")));
        }
    }
    for (at, payload) in facts.payloads.iter().enumerate() {
        for other in facts.payloads[at + 1..].iter().filter(|other| other.payload_type == payload.payload_type) {
            warnings.extend(overlaps(payload, other).into_iter().filter_map(|overlap| Some(inside(payload, overlap.key?))));
        }
    }
    warnings.truncate(WARNINGS_MAX);
    warnings
}

fn inside(payload: &PayloadFacts, key: String) -> Warning {
    let message =
        t!("Two of its own payloads set {key} ({value}): which one counts is not certain.", key, value = words(&payload.payload_type));
    Warning { payload_type: Some(payload.payload_type.clone()), key: Some(key), ..Warning::alone(message) }
}
