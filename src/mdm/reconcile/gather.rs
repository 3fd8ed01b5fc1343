//! What a device is to have: its groups' assignments, as the rooms make pieces of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::declarations::library;
use crate::mdm::enroll::profile;
use crate::mdm::reconcile::provisioning;
use crate::mdm::reconcile::render::{self, Desired, Document, House};
use crate::mdm::wanted::{Piece, ProfileContent, ProfilePiece, Target, Unable};
use crate::mdm::{apps, betas, capability, catalog, commands, focus, policies, profiles, updates};
use crate::protocol::availability::Capabilities;
use crate::protocol::declaration::DeclarationKind;
use crate::protocol::platform::Platform;
use crate::store::assignments::{self, AssignedKind, Assignment};
use crate::store::devices::Device;
use crate::store::enrollments::{self, Enrollment};
use crate::store::{Tx, classes, declared, people, profiles as profile_rows};

/// A change that is only thought of: for a preview.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// What would be wanted besides.
    pub added: Vec<Assignment>,
    /// What would not be wanted any more: kind, item, group.
    pub removed: Vec<(AssignedKind, String, String)>,
}

/// Everything about an enrollment that decides what it gets, for what is wanted on it.
pub fn target(tx: &Tx, enrollment: &Enrollment, device: &Device, wanted: &[Assignment]) -> Result<Target> {
    // Policies say the same to everybody.
    let has_variables = wanted.iter().any(|assignment| assignment.kind != AssignedKind::Policy);
    Ok(Target {
        enrollment_id: enrollment.id.clone(),
        device_id: device.id.clone(),
        capabilities: commands::capabilities_on(tx, enrollment, device)?,
        supported: supported(tx, &enrollment.id)?,
        variables: if has_variables { variables(tx, device)? } else { BTreeMap::new() },
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
pub(in crate::mdm) fn variables(tx: &Tx, device: &Device) -> Result<BTreeMap<&'static str, String>> {
    let mut known = vec![
        ("SERIAL", device.serial_number.clone().unwrap_or_default()),
        ("UDID", device.udid.clone().unwrap_or_default()),
        ("DEVICE_NAME", device.name.clone()),
        ("MODEL", if device.model_name.is_empty() { device.product_name.clone() } else { device.model_name.clone() }),
    ];
    // Who is not there now is nobody, to rules and here.
    if let Some(person) = people::of_device(tx, &device.id)?.filter(|person| person.active) {
        let classes: Vec<_> = classes::of_person(tx, &person.id)?.into_iter().map(|(class, _)| class.name).collect();
        known.extend([("PERSON_NAME", person.name), ("PERSON_EMAIL", person.email), ("CLASS", classes.join(", "))]);
    }
    Ok(known.into_iter().filter(|(_, value)| !value.is_empty()).collect())
}

/// What the device knows this server by.
pub(super) fn house(tx: &Tx, enrollment: &Enrollment, memo: &mut Memo) -> Result<House> {
    let known = match &enrollment.parent_id {
        Some(parent_id) => enrollments::by_id(tx, parent_id)?.map(|parent| parent.server_url).unwrap_or_default(),
        None => enrollment.server_url.clone(),
    };
    let Shared { of_every_device, capabilities } = memo.shared(tx)?;
    Ok(House {
        origin: origin(&known),
        of_every_device: Arc::clone(of_every_device),
        capability: capabilities.as_ref().map(|key| key.of(enrollment, capability::PROFILES)).unwrap_or_default(),
        news_asked_at: declared::news_asked_at(tx, &enrollment.id)?,
    })
}

/// Scheme, host and port of an address; devices fetch by https only.
fn origin(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://")?;
    let host = rest.split('/').next().filter(|host| !host.is_empty())?;
    Some(format!("https://{host}"))
}

/// What is wanted on a device in these groups, with a change that is only thought of.
pub(super) fn wanted(tx: &Tx, groups: &[String], change: &Change, memo: &mut Memo) -> Result<Arc<[Assignment]>> {
    let is_thought_of = !change.added.is_empty() || !change.removed.is_empty();
    if let Some(known) = memo.wanted.get(groups).filter(|_| !is_thought_of) {
        return Ok(Arc::clone(known));
    }
    let mut wanted = Vec::new();
    for group_id in groups {
        wanted.extend(memo.assigned(tx, group_id)?.iter().cloned());
    }
    wanted.retain(|assignment| {
        !change
            .removed
            .iter()
            .any(|(kind, item_id, group_id)| *kind == assignment.kind && *item_id == assignment.item_id && *group_id == assignment.group_id)
    });
    for added in &change.added {
        // Assigned again, a thing gets the new end and mode and stays assigned since when it was.
        let is_same = |known: &Assignment| known.kind == added.kind && known.item_id == added.item_id && known.group_id == added.group_id;
        match wanted.iter_mut().find(|known| is_same(known)) {
            Some(known) => (known.ends_at, known.mode) = (added.ends_at, added.mode),
            None => wanted.push(added.clone()),
        }
    }
    wanted.sort_by(|a, b| (a.kind, &a.item_id, &a.group_id).cmp(&(b.kind, &b.item_id, &b.group_id)));
    let wanted: Arc<[Assignment]> = wanted.into();
    if !is_thought_of {
        memo.wanted.insert(groups.to_vec(), Arc::clone(&wanted));
    }
    Ok(wanted)
}

/// What is wanted of one kind; [`wanted`] is in the order of kinds.
fn of_kind(wanted: &[Assignment], kind: AssignedKind) -> &[Assignment] {
    let begin = wanted.partition_point(|assignment| assignment.kind < kind);
    let end = wanted.partition_point(|assignment| assignment.kind <= kind);
    &wanted[begin..end]
}

/// What is the same for many devices, worked out once for all that are looked at in a transaction, and in those after it while nobody else writes.
#[derive(Debug, Default)]
pub(super) struct Memo {
    /// Licences that a preview has not given to a device yet.
    pub(super) seats: apps::SeatsLeft,
    /// Update plans, and the releases that devices can have.
    pub(super) updates: updates::plan::Memo,
    shared: Option<Shared>,
    /// By the groups of a device.
    wanted: HashMap<Vec<String>, Arc<[Assignment]>>,
    assigned: HashMap<String, Vec<Assignment>>,
    policies: HashMap<PoliciesOf, Made>,
}

/// What is the same for every device.
#[derive(Debug)]
struct Shared {
    of_every_device: Arc<[Document]>,
    capabilities: Option<capability::Key>,
}

/// Pieces, and what cannot be had.
type Made = (Vec<Piece>, Vec<Unable>);

/// Everything that decides what policies come to on a device.
#[derive(Debug, PartialEq, Eq, Hash)]
struct PoliciesOf {
    capabilities: Capabilities,
    supported: Option<Vec<String>>,
    assigned: Vec<(String, Option<Timestamp>)>,
    betas: betas::Source,
    /// Whether what goes to the users of a Mac has somebody to go to.
    has_user: bool,
}

impl Memo {
    fn shared(&mut self, tx: &Tx) -> Result<&Shared> {
        let shared = match self.shared.take() {
            Some(shared) => shared,
            None => Shared { of_every_device: render::of_every_device(&profile::organisation(tx)?), capabilities: capability::key(tx)? },
        };
        Ok(self.shared.insert(shared))
    }

    /// What is wanted on the devices of a group; what has ended is left out.
    fn assigned(&mut self, tx: &Tx, group_id: &str) -> Result<&[Assignment]> {
        if !self.assigned.contains_key(group_id) {
            let mut assigned = assignments::of_group(tx, group_id)?;
            assigned.retain(|assignment| assignment.ends_at.is_none_or(|end| end > tx.now));
            self.assigned.insert(group_id.to_owned(), assigned);
        }
        Ok(self.assigned.get(group_id).map(Vec::as_slice).unwrap_or_default())
    }

    /// What these policies come to on `target`, merged into profiles and declarations.
    fn policies(&mut self, tx: &Tx, target: &Target, assignments: &[Assignment]) -> Result<Made> {
        let assigned = assignments.iter().map(|assignment| (assignment.item_id.clone(), assignment.ends_at)).collect();
        let betas = if assignments.is_empty() { betas::Source::default() } else { betas::Source::of_device(tx, &target.device_id)? };
        let is_mac = target.capabilities.platform == Platform::Macos;
        let has_user = is_mac && !assignments.is_empty() && profile_rows::has_user_channel(tx, &target.device_id)?;
        let of = PoliciesOf { capabilities: target.capabilities, supported: target.supported.clone(), assigned, betas, has_user };
        if let Some(made) = self.policies.get(&of) {
            return Ok(made.clone());
        }
        let (made, unable) = policies::pieces(tx, target, assignments)?;
        let (mut pieces, mut payloads) = (Vec::new(), Vec::new());
        for piece in made {
            match piece {
                Piece::Payload(payload) => payloads.push(payload),
                piece => pieces.push(piece),
            }
        }
        pieces.extend(policies::merged_profiles(&payloads)?.into_iter().map(|merged| Piece::Profile(merged.profile)));
        self.policies.insert(of, (pieces.clone(), unable.clone()));
        Ok((pieces, unable))
    }
}

/// Everything that one device is to have for what is wanted on it.
pub(super) fn desired(
    tx: &Tx,
    (target, house): (&Target, &House),
    wanted: &[Assignment],
    (apps, updates): (&apps::Plan, &updates::plan::Outcome),
    memo: &mut Memo,
) -> Result<Desired> {
    let rooms = [
        profiles::pieces(tx, target, of_kind(wanted, AssignedKind::Profile))?,
        memo.policies(tx, target, of_kind(wanted, AssignedKind::Policy))?,
        library::pieces(tx, target, of_kind(wanted, AssignedKind::Declaration), house.served_from().as_deref())?,
        focus::pieces(tx, target, wanted)?,
    ];
    let (mut pieces, mut unable) = (Vec::new(), Vec::new());
    for (made, cannot) in rooms {
        pieces.extend(made);
        unable.extend(cannot);
    }
    pieces.extend(catalog::pieces(tx, target, house.origin.as_deref())?);
    pieces.extend(apps.items.iter().flat_map(apps::declarations_of).map(Piece::Declaration));
    pieces.extend(updates.pieces.iter().cloned().map(Piece::Declaration));
    unable.extend(apps.unable.iter().cloned());
    let (provisioning, cannot) = provisioning::desired(tx, target, wanted)?;
    unable.extend(cannot);
    let mut desired = Desired { provisioning, ..render::render(target, house, pieces, unable) };
    for planned in &apps.items {
        for (kind, identifier) in apps::kept(planned) {
            keep(tx, target, &mut desired, (kind, identifier), planned)?;
        }
    }
    Ok(desired)
}

/// Has a declaration of an app served on as it is, if it is served.
fn keep(tx: &Tx, target: &Target, desired: &mut Desired, (kind, identifier): (DeclarationKind, String), app: &apps::Planned) -> Result<()> {
    let Some(content) = declared::document(tx, &target.enrollment_id, kind, &identifier)? else { return Ok(()) };
    let content = content.expose().clone();
    let said: Value = serde_json::from_slice(&content).map_err(|error| Error::internal("stored declarations are JSON", error))?;
    let text = |key: &str| said.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let document = Document {
        kind,
        declaration_type: text("Type"),
        server_token: text("ServerToken"),
        content,
        origins: app.origins.clone(),
        is_own_activation: kind == DeclarationKind::Activation,
        identifier,
    };
    desired.declarations.insert(document.identifier.clone(), document);
    Ok(())
}

/// The bytes of a profile as this device gets it.
pub(super) fn content(tx: &Tx, target: &Target, piece: &ProfilePiece) -> Result<Vec<u8>> {
    match &piece.content {
        ProfileContent::Rendered(bytes) => Ok(bytes.clone()),
        ProfileContent::Uploaded { profile_id, version, ends_at } => profiles::content(tx, profile_id, *version, target, *ends_at),
    }
}
