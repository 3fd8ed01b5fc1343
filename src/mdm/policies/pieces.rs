//! What the policies of a device come to on it: restrictions to merge, declarations already merged, and what it cannot have.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::betas::{self, Programs};
use super::catalogue::{self, Switch};
use super::for_users::for_users;
use super::nothing_left::nothing_left;
use super::updates;
use super::ways::{self, Answer, KeyValue, Way};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::language::say;
use crate::mdm::wanted::{DeclarationPiece, Origin, PayloadPiece, Piece, Target, Unable};
use crate::mdm::{Actor, commands, devices};
use crate::protocol::availability::{Capabilities, Reason};
use crate::protocol::declaration::DeclarationKind;
use crate::protocol::platform::Platform;
use crate::protocol::plist::{self, Dictionary, Value};
use crate::protocol::restrictions::{self, Channel, Fact, merge};
use crate::store::Tx;
use crate::store::assignments::{self, AssignedKind, Assignment};
use crate::store::enrollments;
use crate::store::policies::{self, Policy};

/// What the identifiers of our declarations begin with; the type without its beginning follows. There is one of each type, merged from all policies:
/// devices combine several declarations of a type themselves, but of passcodes used before the weaker rule would win, and who wants what would be lost.
pub(super) const DECLARATION_PREFIX: &str = "org.rollcall.policies.";

/// One key as it holds on a device, with the policies that want it so.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectiveKey {
    /// The payload type or the type of the declaration.
    pub of_type: String,
    /// The key.
    pub key: String,
    /// The key in words.
    pub words: String,
    /// The value that holds.
    pub value: Json,
    /// The policies that want this value; those that want less are left out.
    pub origins: Vec<Origin>,
}

/// What policies come to on a device, for people.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Effective {
    /// What it is to have.
    pub keys: Vec<EffectiveKey>,
    /// What it cannot have.
    pub unable: Vec<Unable>,
}

/// The keys of one type as one policy wants them; keys of declarations are flat, with dots.
pub(super) struct Part {
    pub(super) of_type: String,
    declared: bool,
    pub(super) keys: Dictionary,
    pub(super) origin: Origin,
}

/// What the policies behind `assignments` want of one channel of a device, and what it cannot have.
pub fn pieces(tx: &Tx, target: &Target, assignments: &[Assignment]) -> Result<(Vec<Piece>, Vec<Unable>)> {
    let policies = policies::of_assignments(tx, assignments)?;
    let (mut parts, mut unable) = parts(&policies, target);
    unable.extend(for_users(tx, &policies, target)?);
    unable.extend(nothing_left(&mut parts));
    unable.extend(never_downloaded(&mut parts));
    let (programs, cannot) = betas::settle(tx, target, &mut parts)?;
    unable.extend(cannot);
    let (declared, payloads): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| part.declared);
    let payload = |part: Part| {
        let ends_at = end(assignments, &part.origin.id);
        Piece::Payload(PayloadPiece { payload_type: part.of_type, keys: part.keys, ends_at, origin: part.origin })
    };
    let mut pieces: Vec<_> = payloads.into_iter().map(payload).collect();
    pieces.extend(by_type(&declared).into_iter().map(|(of_type, parts)| Piece::Declaration(declaration(of_type, &parts, &programs))));
    Ok((pieces, unable))
}

/// When a policy ends on a device: of several assignments the latest end counts, and one without an end never ends.
fn end(assignments: &[Assignment], policy_id: &str) -> Option<Timestamp> {
    let ends = assignments.iter().filter(|assignment| assignment.item_id == policy_id).map(|assignment| assignment.ends_at);
    ends.collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// The same as keys, for people: each with the value that holds and the policies behind it.
pub fn effective(tx: &Tx, target: &Target, assignments: &[Assignment]) -> Result<Effective> {
    let policies = policies::of_assignments(tx, assignments)?;
    let (mut parts, mut unable) = parts(&policies, target);
    unable.extend(for_users(tx, &policies, target)?);
    unable.extend(nothing_left(&mut parts));
    unable.extend(never_downloaded(&mut parts));
    let (programs, cannot) = betas::settle(tx, target, &mut parts)?;
    unable.extend(cannot);
    let mut keys = Vec::new();
    for (of_type, parts) in by_type(&parts) {
        let merged = merge(of_type, &parts);
        for (key, value) in &merged.keys {
            keys.push(EffectiveKey {
                of_type: of_type.to_owned(),
                words: restrictions::fact(of_type, key).map_or_else(|| key.clone(), Fact::words),
                key: key.clone(),
                value: programs.shown(key, value),
                origins: merged.origins.get(key).cloned().unwrap_or_default(),
            });
        }
    }
    Ok(Effective { keys, unable })
}

/// What the policies of a device's groups come to on it, all its channels together.
pub fn on_device(tx: &Tx, actor: &Actor, device_id: &str) -> Result<Effective> {
    let device = devices::find(tx, actor, device_id)?;
    let Some(own) = enrollments::device_channel(tx, &device.id)? else { return Ok(Effective::default()) };
    let assignments = assignments::of_device(tx, &device.id)?;
    let mut whole = Effective::default();
    for enrollment in std::iter::once(own.clone()).chain(enrollments::user_channels(tx, &own.id)?) {
        let target = Target {
            capabilities: commands::capabilities(tx, &enrollment)?,
            enrollment_id: enrollment.id,
            device_id: device.id.clone(),
            supported: None,
            variables: BTreeMap::new(),
        };
        let channel = effective(tx, &target, &assignments)?;
        for key in channel.keys {
            // Everyone who logs in gets the same.
            if !whole.keys.contains(&key) {
                whole.keys.push(key);
            }
        }
        whole.unable.extend(channel.unable);
    }
    Ok(whole)
}

pub(super) fn by_type(parts: &[Part]) -> BTreeMap<&str, Vec<(&Dictionary, Origin)>> {
    let mut types: BTreeMap<&str, Vec<(&Dictionary, Origin)>> = BTreeMap::new();
    for part in parts {
        types.entry(&part.of_type).or_default().push((&part.keys, part.origin.clone()));
    }
    types
}

/// Updates that one policy has installed always while another one has them never downloaded: a device refuses both together, so the first is taken out.
fn never_downloaded(parts: &mut Vec<Part>) -> Vec<Unable> {
    let mut found = Vec::new();
    for rule in updates::NEEDS_DOWNLOAD {
        let is = |part: &Part, key: &str, value: &Value| part.of_type == rule.of_type && part.keys.get(key) == Some(value);
        let Some(never) = parts.iter().find(|part| is(part, rule.download, &rule.value(false))).map(|part| part.origin.name.clone()) else {
            continue;
        };
        for (key, switch) in rule.installs {
            for part in parts.iter_mut().filter(|part| is(part, key, &rule.value(true))) {
                part.keys.remove(key);
                found.push(Unable {
                    what: catalogue::find(switch).map_or_else(|| (*key).to_owned(), |switch| say(switch.label).to_owned()),
                    because: t!("“{never}” has updates never downloaded, so they cannot install themselves. Change one of the two.", never),
                    origin: part.origin.clone(),
                });
            }
        }
    }
    parts.retain(|part| !part.keys.is_empty());
    found.sort_by(|one, other| (&one.what, &one.origin).cmp(&(&other.what, &other.origin)));
    found.dedup();
    found
}

/// The keys that one policy sets by profiles on a device like this, by payload type.
pub fn payload_keys(policy: &Policy, target: &Target) -> Vec<(String, Dictionary)> {
    keys_of(policy, target, false)
}

/// The keys that one policy sets by declarations on a device like this, by their types; keys within others are joined by dots.
pub fn declared_keys(policy: &Policy, target: &Target) -> Vec<(String, Dictionary)> {
    keys_of(policy, target, true)
}

/// The keys of profiles that say what one policy says to a device like this by declarations, as far as its system still has them: where a profile of
/// somebody's sets them too, the device has both.
pub fn replaced_keys(policy: &Policy, target: &Target) -> Vec<(String, Dictionary)> {
    let device = &target.capabilities;
    let mut collected = Collected::default();
    for (id, value) in &policy.settings {
        let Some(switch) = catalogue::find(id) else { continue };
        if !matches!(way_for(switch, target), Ok(Some(way)) if way.declared) {
            continue;
        }
        let still = |way: &&Way| {
            let is_there = |fact: &Fact| fact.removed(device.platform).is_none_or(|gone| device.os_version.is_older_than(gone));
            way.platform == device.platform && !way.declared && way.facts().all(|(_, fact)| is_there(fact))
        };
        for way in switch.ways().iter().filter(still) {
            collected.take(way, target, value);
        }
    }
    let origin = Origin { kind: AssignedKind::Policy, id: policy.id.clone(), name: policy.name.clone() };
    collected.parts(&origin).into_iter().map(|part| (part.of_type, part.keys)).collect()
}

fn keys_of(policy: &Policy, target: &Target, declared: bool) -> Vec<(String, Dictionary)> {
    let (parts, _) = parts(std::slice::from_ref(policy), target);
    parts.into_iter().filter(|part| part.declared == declared).map(|part| (part.of_type, part.keys)).collect()
}

fn declaration(of_type: &str, parts: &[(&Dictionary, Origin)], programs: &Programs) -> DeclarationPiece {
    let mut origins: Vec<_> = parts.iter().map(|(_, origin)| origin.clone()).collect();
    origins.sort();
    DeclarationPiece {
        edition: String::new(),
        kind: DeclarationKind::Configuration,
        identifier: format!("{DECLARATION_PREFIX}{}", of_type.trim_start_matches(ways::CONFIGURATION)),
        declaration_type: of_type.to_owned(),
        payload: nested(&merge(of_type, parts).keys, programs),
        activate: true,
        origins,
    }
}

/// What people call the declaration that policies make under this identifier: `Software updates`; none where it is not one of theirs.
pub fn declaration_name(identifier: &str) -> Option<String> {
    Some(type_in_words(identifier.strip_prefix(DECLARATION_PREFIX)?))
}

/// What people call a type of declaration, named with or without its beginning.
pub fn type_in_words(of_type: &str) -> String {
    match of_type.trim_start_matches(ways::CONFIGURATION) {
        "intelligence.settings" => String::from(t!("Apple Intelligence")),
        "passcode.settings" => String::from(t!("Passcode rules")),
        "softwareupdate.settings" => String::from(t!("Software updates")),
        other => {
            let words = other.replace(['.', '-'], " ");
            let mut letters = words.chars();
            letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
        }
    }
}

/// Puts keys with dots into the dictionaries that they name.
fn nested(keys: &Dictionary, programs: &Programs) -> Json {
    let mut root = Map::new();
    for (path, value) in keys {
        let mut at = &mut root;
        let mut names = path.split('.').peekable();
        while let Some(name) = names.next() {
            if names.peek().is_none() {
                at.insert(name.to_owned(), programs.sent(path, value).unwrap_or_else(|| plist::to_json(value)));
                break;
            }
            let inner = at.entry(name).or_insert_with(|| Json::Object(Map::new()));
            let Json::Object(inner) = inner else { break };
            at = inner;
        }
    }
    Json::Object(root)
}

pub(super) fn parts(policies: &[Policy], target: &Target) -> (Vec<Part>, Vec<Unable>) {
    let (mut parts, mut unable) = (Vec::new(), Vec::new());
    for policy in policies {
        let origin = Origin { kind: AssignedKind::Policy, id: policy.id.clone(), name: policy.name.clone() };
        if let Some(because) = not_known_yet(target) {
            unable.push(Unable { what: policy.name.clone(), because, origin });
            continue;
        }
        let mut collected = Collected::default();
        for (id, value) in &policy.settings {
            // A switch that this version of Rollcall does not have any more does nothing.
            let Some(switch) = catalogue::find(id) else { continue };
            match way_for(switch, target) {
                Ok(Some(way)) => collected.take(way, target, value),
                Ok(None) => {}
                Err(_) if target.is_user_channel() => {}
                Err(because) => unable.push(Unable { what: say(switch.label).to_owned(), because, origin: origin.clone() }),
            }
        }
        parts.extend(collected.parts(&origin));
    }
    (parts, unable)
}

/// Keys of one policy by type, those said by default apart.
#[derive(Default)]
struct Collected {
    types: BTreeMap<String, (bool, Dictionary, Dictionary)>,
}

impl Collected {
    fn take(&mut self, way: &Way, target: &Target, value: &Json) {
        let (_, said, by_default) =
            self.types.entry(way.of_type.clone()).or_insert_with(|| (way.declared, Dictionary::new(), Dictionary::new()));
        for (key, fact) in way.facts() {
            if restrictions::check(fact, &target.capabilities) != Ok(Channel::This) {
                continue;
            }
            let value = match key.value {
                KeyValue::Flag(flag) => Value::Boolean(flag),
                KeyValue::Word(word) => Value::from(word),
                KeyValue::IsOn => Value::Boolean(value.as_str() == Some(ways::ALWAYS_ON)),
                KeyValue::Own => own(value),
            };
            let into = if key.by_default { &mut *by_default } else { &mut *said };
            let held = into.get(key.name).map_or_else(
                || restrictions::combine(&way.of_type, key.name, &value, &value),
                |held| restrictions::combine(&way.of_type, key.name, held, &value),
            );
            into.insert(key.name.to_owned(), held);
        }
    }

    fn parts(self, origin: &Origin) -> Vec<Part> {
        let part = |(of_type, (declared, said, by_default)): (String, (bool, Dictionary, Dictionary))| {
            let mut keys: BTreeMap<String, Value> = by_default.into_iter().collect();
            keys.extend(said);
            Part { of_type, declared, keys: keys.into_iter().collect(), origin: origin.clone() }
        };
        self.types.into_iter().map(part).filter(|part| !part.keys.is_empty()).collect()
    }
}

/// A switch's own value as a payload holds it.
fn own(value: &Json) -> Value {
    match value {
        Json::Number(number) => Value::Integer(number.as_i64().unwrap_or_default().into()),
        Json::Array(items) => Value::Array(items.iter().filter_map(Json::as_str).map(Value::from).collect()),
        Json::Bool(flag) => Value::Boolean(*flag),
        other => Value::String(other.as_str().unwrap_or_default().to_owned()),
    }
}

/// The mechanism by which a switch reaches this channel; none where the device's other channel gets it.
///
/// # Errors
/// Says why the device cannot have it.
pub(super) fn way_for(switch: &Switch, target: &Target) -> Result<Option<&'static Way>, String> {
    let device = &target.capabilities;
    let (platform, version) = (device.platform, device.os_version);
    let mut way = match ways::answer(switch, platform, version) {
        Answer::Way(way) => way,
        Answer::Never => return Err(refusal(Reason::Platform, device)),
        Answer::TooOld(since) => return Err(refusal(Reason::TooOld(since), device)),
        Answer::Gone(removed) => return Err(refusal(Reason::Removed(removed), device)),
        Answer::Unknown => return Ok(None),
    };
    let checks = |way: &Way| -> Vec<_> {
        way.facts().filter(|(key, _)| !key.by_default).map(|(_, fact)| restrictions::check(fact, device)).collect()
    };
    if way.declared && target.supported.as_ref().is_some_and(|supported| !supported.contains(&way.of_type)) {
        // What it would need, too, is what somebody can do something about.
        let needs = checks(way).into_iter().find_map(Result::err);
        let of_type = way.of_type.trim_start_matches(ways::CONFIGURATION);
        let unknown = || t!("The device says that it does not know the declaration {of_type} yet.", of_type);
        way = ways::earlier(switch, way, version).ok_or_else(|| needs.map_or_else(unknown, |reason| refusal(reason, device)))?;
    }
    let answers = checks(way);
    if answers.contains(&Ok(Channel::This)) {
        return Ok(Some(way));
    }
    match answers.into_iter().find_map(Result::err) {
        Some(reason) => Err(refusal(reason, device)),
        None => Ok(None),
    }
}

/// Why nothing can be decided for this device yet.
fn not_known_yet(target: &Target) -> Option<String> {
    let known = target.capabilities.platform != Platform::Unknown && target.capabilities.os_version.is_known();
    (!known && !target.is_user_channel()).then(|| String::from(t!("It waits until the device has said which system and version it has.")))
}

/// Why a device cannot have a switch, in a sentence.
fn refusal(reason: Reason, device: &Capabilities) -> String {
    let system = device.platform.system();
    match reason {
        Reason::TooOld(since) => t!(
            "It needs {system} {short} or later; this device has {os_version}.",
            system,
            short = ways::short(since),
            os_version = device.os_version
        ),
        Reason::Removed(removed) => t!("{system} {short} has no such setting any more.", system, short = ways::short(removed)),
        Reason::Supervision => String::from(t!("It needs a supervised device.")),
        Reason::UserEnrollment => String::from(t!("It is not for people's own devices (user enrollment).")),
        Reason::SharedIpad => String::from(t!("Shared iPads do not have it.")),
        _ => match device.platform {
            Platform::Ios => String::from(t!("iPhones and iPads do not have it.")),
            Platform::Macos => String::from(t!("Macs do not have it.")),
            Platform::Tvos => String::from(t!("Apple TVs do not have it.")),
            Platform::Visionos => String::from(t!("Vision Pro does not have it.")),
            Platform::Watchos => String::from(t!("Apple Watches do not have it.")),
            Platform::Unknown => String::from(t!("The device has not said yet what it is.")),
        },
    }
}
