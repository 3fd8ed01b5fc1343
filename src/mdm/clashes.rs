//! What gets in the way of what where profiles and policies meet on one device, named before anything is sent.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::mdm::wanted::{Origin, Target};
use crate::mdm::{commands, policies, profiles};
use crate::protocol::availability::Capabilities;
use crate::protocol::ids::EnrollmentKind;
use crate::protocol::mobileconfig::facts::Facts;
use crate::protocol::mobileconfig::payload_types;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::protocol::plist::{self, Dictionary};
use crate::protocol::restrictions::{self, Combine};
use crate::store::assignments::{self, AssignedKind};
use crate::store::meetings::{self, Alike};
use crate::store::policies::{self as policy_rows, Policy};
use crate::store::profiles::{self as profile_rows, Profile};
use crate::store::{Tx, enrollments};

mod declared;
mod hidden;
mod together;
mod twice;

pub use declared::of_declaration;
pub use hidden::{Hidden, of_app};
pub use together::{Met, brought_into, of_device, of_devices, of_group};
pub use twice::{Twice, declared_too};

/// The most that is told of one thing at once.
pub const CLASHES_MAX: usize = 100;

/// What devices are taken to be where a group has none yet, or where they have not said: each system in the versions that get things differently.
const ANY: [(Platform, OsVersion); 6] = [
    (Platform::Ios, OsVersion::new(12, 0, 0)),
    (Platform::Ios, OsVersion::new(26, 0, 0)),
    (Platform::Ios, OsVersion::new(27, 0, 0)),
    (Platform::Macos, OsVersion::new(26, 0, 0)),
    (Platform::Tvos, OsVersion::new(26, 0, 0)),
    (Platform::Visionos, OsVersion::new(26, 0, 0)),
];

/// Something that two things want differently of one device, such as an app that is assigned and one that a list hides. It forbids nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Clash {
    /// What it is, and what to do, in a sentence or two.
    pub message: String,
    /// What it clashes with.
    pub with: Origin,
    /// The payload type, or the type of the declaration.
    pub of_type: String,
    /// The key that both set, or by which an app is hidden; null where a device takes the whole payload only once.
    pub key: Option<String>,
}

/// What is counted of one clash over all devices.
struct Counted {
    device_count: u64,
    is_same: bool,
}

/// A clash by what tells it from others: what with, type and key.
type Found = BTreeMap<(Origin, String, Option<String>), Counted>;

/// The policies that a profile meets on the devices of these groups, where both set the same; `besides` is what would be assigned to them too.
pub fn of_profile(tx: &Tx, profile: &Profile, facts: &Facts, groups: &[&str], besides: &[(AssignedKind, String)]) -> Result<Vec<Clash>> {
    Ok(told(policies_met(tx, facts, &met(tx, groups, besides)?)?, &format!("“{}”", profile.name)))
}

/// The policies that a version of a profile meets on such devices.
fn policies_met(tx: &Tx, facts: &Facts, devices: &[Alike]) -> Result<Found> {
    let mut found = Found::new();
    for alike in devices {
        for policy in policies_of(tx, alike)? {
            for target in targets(tx, alike)? {
                note(&mut found, &policy_origin(&policy), alike.device_count, meets(facts, &profile_keys(&policy, &target)));
            }
        }
    }
    Ok(found)
}

/// The profiles, policies and declarations that a policy meets on the devices of these groups, where both set the same or where their lists leave nothing, and the
/// apps that it hides there though they are assigned.
pub fn of_policy(tx: &Tx, policy: &Policy, groups: &[&str], besides: &[(AssignedKind, String)]) -> Result<Vec<Clash>> {
    if !can_meet(tx, besides, Some(policy))? {
        return Ok(Vec::new());
    }
    let (mut found, mut empty) = (Found::new(), BTreeMap::<_, (policies::EmptyList, u64)>::new());
    let mut devices = met(tx, groups, besides)?;
    for alike in devices.iter_mut().filter(|alike| !alike.policies.contains(&policy.id)) {
        alike.policies.push(policy.id.clone());
    }
    let hidden = hidden::hidden(tx, &devices)?;
    let declared = declared::of(tx, &devices)?;
    for alike in devices {
        let mut all = policies_of(tx, &alike)?;
        all.retain(|other| other.id != policy.id);
        all.push(policy.clone());
        let targets = targets(tx, &alike)?;
        // By what is said of it: the same lists have a key of their own in each way in which they come.
        let lists = targets.iter().flat_map(|target| policies::empty_lists(&all, target));
        let lists: BTreeMap<_, _> = lists.map(|list| ((list.label.clone(), list.is_blocked, list.origins.clone()), list)).collect();
        for (said, list) in lists {
            if list.origins.iter().any(|origin| origin.id == policy.id) {
                empty.entry(said).or_insert((list, 0)).1 += alike.device_count;
            }
        }
        for id in &alike.profiles {
            let Some(profile) = profile_rows::by_id(tx, id)? else { continue };
            let facts = profiles::version(tx, id, profile.version)?.facts;
            let origin = Origin { kind: AssignedKind::Profile, id: profile.id, name: profile.name };
            for target in &targets {
                note(&mut found, &origin, alike.device_count, meets(&facts, &profile_keys(policy, target)));
            }
        }
        for own in declared.iter().filter(|own| alike.declarations.contains(&own.origin.id)) {
            for target in &targets {
                note(&mut found, &own.origin, alike.device_count, own.meets(&policies::declared_keys(policy, target)));
            }
        }
    }
    let mut clashes: Vec<_> = empty.into_values().filter_map(|(list, count)| nothing_left(policy, list, count)).collect();
    clashes.extend(hidden.into_iter().filter(|hidden| hidden.policy.id == policy.id).map(Clash::from));
    clashes.extend(told(found, &t!("The policy “{name}”", name = policy.name)));
    clashes.truncate(CLASHES_MAX);
    Ok(clashes)
}

/// Whether there is anything at all that can get in the way of something else, of what is assigned now to whomever, of `besides` and of `own`; where there
/// is not, no device need be looked at. That there is does not mean that they meet.
fn can_meet(tx: &Tx, besides: &[(AssignedKind, String)], own: Option<&Policy>) -> Result<bool> {
    let items = |kind: AssignedKind| {
        let added = besides.iter().filter(|(known, _)| *known == kind).map(|(_, id)| id.clone());
        let open = assignments::open_items(tx, kind)?;
        Ok::<BTreeSet<String>, Error>(open.into_iter().chain(added).collect())
    };
    let (profiles, declarations, apps) = (items(AssignedKind::Profile)?, items(AssignedKind::Declaration)?, items(AssignedKind::App)?);
    let mut all = items(AssignedKind::Policy)?;
    all.extend(own.map(|policy| policy.id.clone()));
    if profiles.len() + declarations.len() + all.len() > 1 || (!declarations.is_empty() && !apps.is_empty()) {
        return Ok(true);
    }
    let hides = |id: &String| match own.filter(|policy| policy.id == *id) {
        Some(policy) => Ok(policies::has_app_list(policy)),
        None => Ok::<bool, Error>(policy_rows::by_id(tx, id)?.as_ref().is_some_and(policies::has_app_list)),
    };
    Ok(!apps.is_empty() && all.iter().map(hides).collect::<Result<Vec<bool>>>()?.contains(&true))
}

/// Devices by what they are and have; for groups without any enrolled device one entry of none, so that it is told before the first comes.
fn met(tx: &Tx, groups: &[&str], besides: &[(AssignedKind, String)]) -> Result<Vec<Alike>> {
    let mut all = meetings::of_groups(tx, groups)?;
    for group in groups {
        if !assignments::devices_of_group(tx, group)?.is_empty() {
            continue;
        }
        let rows = assignments::of_group(tx, group)?;
        let of = |kind| {
            let open = rows.iter().filter(|row| row.kind == kind && row.ends_at.is_none_or(|end| end > tx.now));
            open.map(|row| row.item_id.clone()).collect()
        };
        let (profiles, policies) = (of(AssignedKind::Profile), of(AssignedKind::Policy));
        let (apps, declarations) = (of(AssignedKind::App), of(AssignedKind::Declaration));
        all.push(Alike { device_id: String::new(), device_count: 0, profiles, policies, apps, declarations });
    }
    for alike in &mut all {
        for (kind, id) in besides {
            let list = match kind {
                AssignedKind::Profile => &mut alike.profiles,
                AssignedKind::Policy => &mut alike.policies,
                AssignedKind::App => &mut alike.apps,
                AssignedKind::Declaration => &mut alike.declarations,
                AssignedKind::Provisioning | AssignedKind::Update | AssignedKind::Focus => continue,
            };
            if !list.contains(id) {
                list.push(id.clone());
            }
        }
    }
    Ok(all)
}

/// The keys that a policy sets by profiles, and those that profiles have for what it declares.
fn profile_keys(policy: &Policy, target: &Target) -> Vec<(String, Dictionary)> {
    policies::payload_keys(policy, target).into_iter().chain(policies::replaced_keys(policy, target)).collect()
}

fn policies_of(tx: &Tx, alike: &Alike) -> Result<Vec<Policy>> {
    alike.policies.iter().filter_map(|id| policy_rows::by_id(tx, id).transpose()).collect()
}

fn policy_origin(policy: &Policy) -> Origin {
    Origin { kind: AssignedKind::Policy, id: policy.id.clone(), name: policy.name.clone() }
}

/// What decides what such a device gets; of one that is not known every sort there is.
fn targets(tx: &Tx, alike: &Alike) -> Result<Vec<Target>> {
    let target = |capabilities| Target {
        enrollment_id: String::new(),
        device_id: alike.device_id.clone(),
        capabilities,
        supported: None,
        variables: BTreeMap::new(),
    };
    if let Some(enrollment) = enrollments::device_channel(tx, &alike.device_id)? {
        let capabilities = commands::capabilities(tx, &enrollment)?;
        if capabilities.platform != Platform::Unknown && capabilities.os_version.is_known() {
            return Ok(vec![target(capabilities)]);
        }
    }
    let any = |(platform, os_version)| {
        target(Capabilities {
            platform,
            os_version,
            supervised: Some(true),
            kind: EnrollmentKind::Device,
            ade: Some(true),
            shared_ipad: Some(false),
            access_rights: None,
        })
    };
    Ok(ANY.into_iter().map(any).collect())
}

/// Type and key of what both set, and whether to the same value.
fn meets(facts: &Facts, wanted: &[(String, Dictionary)]) -> Vec<(String, Option<String>, bool)> {
    let mut met = Vec::new();
    for (of_type, keys) in wanted {
        let Some(known) = payload_types::find(of_type).filter(|known| known.has_shared_keys()) else { continue };
        for payload in facts.payloads.iter().filter(|payload| payload.payload_type == *of_type) {
            if known.is_single() {
                met.push((of_type.clone(), None, false));
            }
            for (key, value) in keys {
                if let Some(theirs) = payload.settings.get(key) {
                    met.push((of_type.clone(), Some(key.clone()), theirs.as_ref() == Some(&plist::to_json(value))));
                }
            }
        }
    }
    met
}

/// Counts what was met on some devices; what several payloads or sorts of devices bring is one clash.
fn note(found: &mut Found, with: &Origin, device_count: u64, met: Vec<(String, Option<String>, bool)>) {
    let mut seen = BTreeSet::new();
    for (of_type, key, is_same) in met {
        let is_first = seen.insert((of_type.clone(), key.clone()));
        let counted = found.entry((with.clone(), of_type, key)).or_insert(Counted { device_count: 0, is_same: true });
        counted.device_count += if is_first { device_count } else { 0 };
        counted.is_same &= is_same;
    }
}

/// Everything that was found, in sentences.
fn told(found: Found, mine: &str) -> Vec<Clash> {
    let clash = |((with, of_type, key), counted): ((Origin, String, Option<String>), Counted)| {
        let theirs = match with.kind {
            AssignedKind::Policy => t!("the policy “{name}”", name = with.name),
            AssignedKind::Declaration => t!("the declaration “{name}”", name = with.name),
            _ => t!("the profile “{name}”", name = with.name),
        };
        let (kind, both) = (type_in_words(&of_type), both_are_for(counted.device_count));
        let message = match &key {
            None => {
                t!(
                    "{mine} and {theirs} both hold “{kind}”, of which a device takes only one, and {both}. Leave it to one of them.",
                    mine,
                    theirs,
                    kind,
                    both
                )
            }
            Some(key) if counted.is_same => t!(
                "{mine} and {theirs} both set {key} ({kind}), to the same value, and {both}. Apple advises to set it in one of them only.",
                mine,
                theirs,
                key,
                kind,
                both
            ),
            Some(key) => t!(
                "{mine} and {theirs} both set {key} ({kind}), and {both}: {key_2}. Set it in one of them only.",
                mine,
                theirs,
                key,
                kind,
                both,
                key_2 = which_counts(&of_type, key)
            ),
        };
        Clash { message, with, of_type, key }
    };
    found.into_iter().map(clash).take(CLASHES_MAX).collect()
}

fn type_in_words(of_type: &str) -> String {
    if of_type.starts_with(policies::ways::CONFIGURATION) {
        return policies::type_in_words(of_type);
    }
    payload_types::words(of_type).to_owned()
}

/// What a device makes of two values: of declarations it is said by Apple for most keys, of profiles for none.
fn which_counts(of_type: &str, key: &str) -> &'static str {
    let combines = restrictions::fact(of_type, key).is_some_and(|fact| fact.combine != Combine::Any);
    if combines && of_type.starts_with(policies::ways::CONFIGURATION) {
        t!("on a device the stricter counts")
    } else {
        t!("which one counts is not certain")
    }
}

fn nothing_left(policy: &Policy, list: policies::EmptyList, device_count: u64) -> Option<Clash> {
    let mut others: Vec<_> = list.origins.iter().filter(|origin| origin.id != policy.id).collect();
    others.sort_by_key(|origin| &origin.name);
    let names = others.iter().map(|origin| format!("“{}”", origin.name)).collect::<Vec<_>>().join(t!(" and "));
    let (with, of_type, key) = ((*others.first()?).clone(), list.of_type, Some(list.key));
    if list.is_blocked {
        let all = list.origins.iter().map(|origin| format!("“{}”", origin.name)).collect::<Vec<_>>().join(t!(" and "));
        let message = t!(
            "“{label}” and “Not these apps” in {all} leave no app at all, and {device_count}: only what the system itself needs can be opened there. Change one of them, \
             or take one back.",
            label = list.label,
            all,
            device_count = both_are_for(device_count)
        );
        return Some(Clash { message, with, of_type, key });
    }
    let message = t!(
        "“{label}” in “{name}” and in {names} are lists that have nothing in common, and {replacen}: none of them is sent there. Change one of them, or take one back.",
        label = list.label,
        name = policy.name,
        names,
        replacen = both_are_for(device_count).replacen("both", "they", 1)
    );
    Some(Clash { message, with, of_type, key })
}

/// Where two things meet, in words.
pub fn both_are_for(device_count: u64) -> String {
    match device_count {
        0 => String::from(t!("both are for this group")),
        1 => String::from(t!("both are for the same device")),
        count => t!("both are for the same {count} devices", count),
    }
}
