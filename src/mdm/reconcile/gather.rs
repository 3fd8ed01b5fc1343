//! What a device is to have: its groups' assignments, as the rooms make pieces of them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::mdm::declarations::library;
use crate::mdm::enroll::profile;
use crate::mdm::reconcile::render::{self, Desired, House};
use crate::mdm::wanted::{Piece, ProfileContent, ProfilePiece, Target};
use crate::mdm::{capability, commands, policies, profiles};
use crate::store::assignments::{self, AssignedKind, Assignment};
use crate::store::devices::Device;
use crate::store::enrollments::{self, Enrollment};
use crate::store::{Tx, classes, declared, people};

/// A change that is only thought of: for a preview.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// What would be wanted besides.
    pub added: Vec<Assignment>,
    /// What would not be wanted any more: kind, item, group.
    pub removed: Vec<(AssignedKind, String, String)>,
}

/// Everything about an enrollment that decides what it gets.
pub fn target(tx: &Tx, enrollment: &Enrollment, device: &Device) -> Result<Target> {
    Ok(Target {
        enrollment_id: enrollment.id.clone(),
        device_id: device.id.clone(),
        capabilities: commands::capabilities(tx, enrollment)?,
        supported: supported(tx, &enrollment.id)?,
        variables: variables(tx, device)?,
    })
}

/// Types of declarations that the device says it knows.
fn supported(tx: &Tx, enrollment_id: &str) -> Result<Option<Vec<String>>> {
    let Some(said) = declared::status_item(tx, enrollment_id, "management.client-capabilities")? else { return Ok(None) };
    let said: Value = serde_json::from_str(&said).map_err(|error| Error::internal("stored status items are JSON", error))?;
    let Some(kinds) = said.pointer("/supported-payloads/declarations").and_then(Value::as_object) else { return Ok(None) };
    let names = kinds.values().filter_map(Value::as_array).flatten().filter_map(|name| name.as_str().map(str::to_owned));
    Ok(Some(names.collect()))
}

/// What stands for the variables of profiles and configurations; a variable without a value is left out.
fn variables(tx: &Tx, device: &Device) -> Result<BTreeMap<&'static str, String>> {
    let mut known = vec![
        ("SERIAL", device.serial_number.clone().unwrap_or_default()),
        ("UDID", device.udid.clone().unwrap_or_default()),
        ("DEVICE_NAME", device.name.clone()),
        ("MODEL", if device.model_name.is_empty() { device.product_name.clone() } else { device.model_name.clone() }),
    ];
    if let Some(person) = people::of_device(tx, &device.id)? {
        let classes: Vec<_> = classes::of_person(tx, &person.id)?.into_iter().map(|(class, _)| class.name).collect();
        known.extend([("PERSON_NAME", person.name), ("PERSON_EMAIL", person.email), ("CLASS", classes.join(", "))]);
    }
    Ok(known.into_iter().filter(|(_, value)| !value.is_empty()).collect())
}

/// What the device knows this server by.
pub(super) fn house(tx: &Tx, enrollment: &Enrollment) -> Result<House> {
    let known = match &enrollment.parent_id {
        Some(parent_id) => enrollments::by_id(tx, parent_id)?.map(|parent| parent.server_url).unwrap_or_default(),
        None => enrollment.server_url.clone(),
    };
    Ok(House {
        origin: origin(&known),
        organisation: profile::organisation(tx)?,
        capability: capability::of(tx, enrollment, capability::PROFILES)?.unwrap_or_default(),
    })
}

/// Scheme, host and port of an address; devices fetch by https only.
fn origin(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://")?;
    let host = rest.split('/').next().filter(|host| !host.is_empty())?;
    Some(format!("https://{host}"))
}

/// What is wanted on a device, with a change that is only thought of.
pub(super) fn wanted(tx: &Tx, device_id: &str, change: &Change) -> Result<Vec<Assignment>> {
    let mut wanted = assignments::of_device(tx, device_id)?;
    wanted.retain(|assignment| {
        !change
            .removed
            .iter()
            .any(|(kind, item_id, group_id)| *kind == assignment.kind && *item_id == assignment.item_id && *group_id == assignment.group_id)
    });
    for added in &change.added {
        // What is assigned already stays as it is, with its end.
        let is_there = |known: &Assignment| known.kind == added.kind && known.item_id == added.item_id && known.group_id == added.group_id;
        if !wanted.iter().any(is_there) {
            wanted.push(added.clone());
        }
    }
    wanted.sort_by(|a, b| (a.kind, &a.item_id, &a.group_id).cmp(&(b.kind, &b.item_id, &b.group_id)));
    Ok(wanted)
}

/// Everything that one device is to have for what is wanted on it.
pub(super) fn desired(tx: &Tx, target: &Target, house: &House, wanted: &[Assignment]) -> Result<Desired> {
    let of = |kind| wanted.iter().filter(|assignment| assignment.kind == kind).cloned().collect::<Vec<_>>();
    let rooms = [
        profiles::pieces(tx, target, &of(AssignedKind::Profile))?,
        policies::pieces(tx, target, &of(AssignedKind::Policy))?,
        library::pieces(tx, target, &of(AssignedKind::Declaration))?,
    ];
    let (mut pieces, mut payloads, mut unable) = (Vec::new(), Vec::new(), Vec::new());
    for (made, cannot) in rooms {
        for piece in made {
            match piece {
                Piece::Payload(payload) => payloads.push(payload),
                piece => pieces.push(piece),
            }
        }
        unable.extend(cannot);
    }
    pieces.extend(policies::merged_profiles(&payloads)?.into_iter().map(|merged| Piece::Profile(merged.profile)));
    Ok(render::render(target, house, pieces, unable))
}

/// The bytes of a profile as this device gets it.
pub(super) fn content(tx: &Tx, target: &Target, piece: &ProfilePiece) -> Result<Vec<u8>> {
    match &piece.content {
        ProfileContent::Rendered(bytes) => Ok(bytes.clone()),
        ProfileContent::Uploaded { profile_id, version, ends_at } => profiles::content(tx, profile_id, *version, target, *ends_at),
    }
}
