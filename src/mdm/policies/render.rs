//! The profiles that restrictions are sent in: one for each payload type, merged from all policies of a device.
//!
//! One for each type, so that a device that refuses one of them still takes the others, and a changed domain does not install passcode rules again.
//! What ends by itself has a profile of its own for each end, which the device removes by its own clock. Managed domains and the updates of Macs, of
//! which a device takes only one payload, end when it is told.
//!
//! A key stands in one profile only. Apple lets a device have several payloads of restrictions, but warns of managing one restriction in two of them
//! ("unexpected behavior", Device Management, Restrictions); only of iPhones and iPads it says elsewhere that the stricter one wins, of Macs that it is
//! undefined. So a key goes where the wish for it lasts longest, with the value that does justice to all wishes. A profile that ends holds what nothing
//! else asks for, and ends offline. What is asked for longer as well, but less strictly, is loosened in the lasting profile when the device is told
//! after the end: left out of the lasting one, the device would be without it from the end until it is reached.
//! They do not say PayloadRemovalDisallowed: a device removes what its management installed only together with that management.

use std::collections::{BTreeMap, BTreeSet};

use super::pieces::EffectiveKey;
use super::ways;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::own_profile::{envelope, uuid_of};
use crate::mdm::wanted::{Origin, PayloadPiece, ProfileContent, ProfilePiece};
use crate::pki::digest::sha256;
use crate::pki::hex;
use crate::protocol::plist::{self, Dictionary, Value};
use crate::protocol::restrictions::{self, DOMAINS, Fact, Merged, PASSCODE, RESTRICTIONS, SOFTWARE_UPDATE, merge};

/// What the PayloadIdentifiers of our own profiles begin with; uploaded ones may not.
pub const PROFILE_PREFIX: &str = "org.rollcall.policies.";

/// A profile that was put together from policies, and why each of its keys is there.
#[derive(Debug, Clone)]
pub struct MergedProfile {
    /// The profile.
    pub profile: ProfilePiece,
    /// Its keys with the values that hold and the policies behind them.
    pub keys: Vec<EffectiveKey>,
}

/// Merges restrictions into one profile for each payload type and end, no key in two of them; most restrictive wins.
///
/// The same wishes give the same bytes, in whatever order they come.
pub fn merged_profiles(pieces: &[PayloadPiece]) -> Result<Vec<MergedProfile>> {
    let mut types = BTreeMap::<&str, Vec<&PayloadPiece>>::new();
    for piece in pieces {
        types.entry(&piece.payload_type).or_default().push(piece);
    }
    let mut profiles = Vec::new();
    for (payload_type, pieces) in types {
        for (ends_at, parts) in by_end(payload_type, &pieces) {
            let parts: Vec<_> = parts.iter().map(|(keys, origin)| (keys, origin.clone())).collect();
            profiles.push(profile(payload_type, ends_at, &parts)?);
        }
    }
    Ok(profiles)
}

/// Each key of one type under the latest end of all that want it, none being the latest.
fn by_end(payload_type: &str, pieces: &[&PayloadPiece]) -> BTreeMap<Option<Timestamp>, Vec<(Dictionary, Origin)>> {
    let mut last = BTreeMap::<&str, Option<Timestamp>>::new();
    for piece in pieces {
        let ends_at = piece.ends_at.filter(|_| !ways::is_single(payload_type));
        for key in piece.keys.keys() {
            last.entry(key).and_modify(|end| *end = end.zip(ends_at).map(|(one, other)| one.max(other))).or_insert(ends_at);
        }
    }
    let mut parts = BTreeMap::<_, Vec<_>>::new();
    for piece in pieces {
        let mut own = BTreeMap::<Option<Timestamp>, Dictionary>::new();
        for (key, value) in &piece.keys {
            let end = last.get(key.as_str()).copied().flatten();
            own.entry(end).or_default().insert(key.clone(), value.clone());
        }
        for (end, keys) in own {
            parts.entry(end).or_default().push((keys, piece.origin.clone()));
        }
    }
    parts
}

fn profile(payload_type: &str, ends_at: Option<Timestamp>, parts: &[(&Dictionary, Origin)]) -> Result<MergedProfile> {
    let merged = merge(payload_type, parts);
    let (suffix, name) = named(payload_type);
    let (identifier, name) = match ends_at {
        None => (format!("{PROFILE_PREFIX}{suffix}"), name.to_owned()),
        Some(end) => (format!("{PROFILE_PREFIX}{suffix}.until-{}", end.seconds()), format!("{name} until {}", end.words())),
    };
    let keys_xml = plist::to_xml(&Value::Dictionary(merged.keys.clone()))?;
    let seed = [identifier.as_bytes(), b"\n", &keys_xml].concat();
    let (uuid, inner) = (uuid_of(&seed, 0), uuid_of(&seed, 1));
    let mut payload = envelope(payload_type, &format!("{identifier}.payload"), &inner, &name);
    payload.extend(merged.keys.clone());
    let mut root = envelope("Configuration", &identifier, &uuid, &name);
    root.insert("PayloadDescription".to_owned(), Value::from(DESCRIPTION));
    root.insert("PayloadScope".to_owned(), Value::from("System"));
    if let Some(end) = ends_at {
        root.insert("RemovalDate".to_owned(), plist::date(end));
    }
    root.insert("PayloadContent".to_owned(), Value::Array(vec![Value::Dictionary(payload)]));
    let bytes = plist::to_xml(&Value::Dictionary(root))?;
    let origins: BTreeSet<_> = parts.iter().map(|(_, origin)| origin.clone()).collect();
    let profile = ProfilePiece {
        goes_at: None,
        identifier,
        uuid,
        digest: hex(&sha256(&bytes)),
        content: ProfileContent::Rendered(bytes),
        name,
        origins: origins.into_iter().collect(),
        by_command: false,
    };
    Ok(MergedProfile { profile, keys: keys(payload_type, &merged) })
}

/// What a person reads who opens the profile on the device.
const DESCRIPTION: &str = "What your organisation has set for this device.";

/// The end of the identifier, and the name for people: in English always, for another name would have every device install the profile again.
fn named(payload_type: &str) -> (&str, &str) {
    match payload_type {
        RESTRICTIONS => ("restrictions", "Restrictions"),
        DOMAINS => ("domains", "Managed domains"),
        PASSCODE => ("passcode", "Passcode rules"),
        SOFTWARE_UPDATE => ("updates", "Software updates"),
        other => (other, "Settings of your organisation"),
    }
}

fn keys(payload_type: &str, merged: &Merged<Origin>) -> Vec<EffectiveKey> {
    let key = |(key, value): (&String, &Value)| EffectiveKey {
        of_type: payload_type.to_owned(),
        words: restrictions::fact(payload_type, key).map_or_else(|| key.clone(), Fact::words),
        key: key.clone(),
        value: plist::to_json(value),
        origins: merged.origins.get(key).cloned().unwrap_or_default(),
    };
    merged.keys.iter().map(key).collect()
}
