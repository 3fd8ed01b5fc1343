//! What would happen: the same decisions as the deed's, for a change that is only thought of, and nothing written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::profiles::Warning;
use crate::mdm::reconcile::apps::is_app;
use crate::mdm::reconcile::gather::{Change, Memo};
use crate::mdm::reconcile::outlook::{Outlook, outlook};
use crate::mdm::reconcile::step::Step;
use crate::mdm::reconcile::updates::is_update;
use crate::mdm::wanted::{Origin, Unable};
use crate::mdm::{Actor, Right, clashes, policies};
use crate::store::assignments::{self, AssignedKind, AssignedMode, Assignment};
use crate::store::deployments::{DECLARATIONS, Mechanism};
use crate::store::enrollments::{self, Enrollment, EnrollmentState};
use crate::store::{Tx, declared, devices};

/// What would be done about one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Foreseen {
    /// It would be sent: it is not there, or in another version.
    Sent,
    /// It would be removed.
    Removed,
    /// The device refused it; it is not sent anew now.
    Later,
    /// It is on its way already.
    UnderWay,
    /// It is there as it should be.
    Stays,
    /// No licence is left for it: it waits until there is one.
    NoLicence,
    /// The person may ask for it; then it is sent.
    Offered,
}

/// One thing on one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PreviewThing)]
pub struct Thing {
    /// PayloadIdentifier, or Identifier of a declaration.
    pub identifier: String,
    /// What people call it.
    pub name: String,
    /// How it comes.
    pub mechanism: Mechanism,
    /// What would be done.
    pub foreseen: Foreseen,
    /// When a device that has refused it, or has been told of it and said nothing, is asked again by itself.
    pub retry_at: Option<Timestamp>,
    /// Where it comes from.
    pub origins: Vec<Origin>,
    /// Where what the device has of it came from: what is taken out of it changes it too.
    #[serde(skip)]
    pub came_from: Vec<Origin>,
}

/// What would happen on one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DevicePreview)]
pub struct Preview {
    /// The device.
    pub device_id: String,
    /// Its name.
    pub name: String,
    /// Its system, as it says it.
    pub os_version: String,
    /// Everything that it has or would have.
    pub things: Vec<Thing>,
    /// What it would not get, and why.
    pub unable: Vec<Unable>,
    /// Why nothing can be said of it, if so.
    pub because: Option<String>,
}

/// Devices that one answer lists at most; all are counted.
pub const DEVICES_MAX: usize = 500;

/// A thing that can be assigned, by its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PreviewItem)]
pub struct Named {
    /// What sort of thing.
    pub kind: AssignedKind,
    /// Its id.
    pub id: String,
    /// Of an app: whether it is installed by itself (`required`, which it is by default) or where the person asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<AssignedMode>,
    /// Of what would be assigned: when that ends by itself; never by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
}

/// A change that is only thought of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = PreviewInput)]
pub struct Thought {
    /// What would be assigned to each of the groups.
    pub add: Vec<Named>,
    /// What would be taken back.
    pub remove: Vec<Named>,
    /// The groups that `add` would be assigned to, by id.
    pub groups: Vec<String>,
    /// The groups that `remove` would be taken back from, by id.
    pub removed_from: Vec<String>,
    /// What of `add` is assigned how, by group, where that is not the same in all of `groups`; in those that are not in it everything stays as it is.
    #[serde(skip)]
    pub each: Option<BTreeMap<String, (Option<Timestamp>, AssignedMode)>>,
    /// Devices to look at besides those of the groups, by id.
    pub devices: Vec<String>,
    /// Devices to list, from 1 to 500, which it is by default; all are counted.
    pub limit: Option<usize>,
    /// The `next` of the answer before.
    pub after: Option<String>,
}

impl Thought {
    /// What would be assigned to a group, if anything would be other there.
    fn assigned(&self, named: &Named, group_id: &str, now: Timestamp) -> Option<Assignment> {
        let (ends_at, mode) = match &self.each {
            Some(each) => *each.get(group_id)?,
            None => (named.ends_at, named.mode.unwrap_or(AssignedMode::Required)),
        };
        Some(Assignment {
            id: String::new(),
            kind: named.kind,
            item_id: named.id.clone(),
            group_id: group_id.to_owned(),
            ends_at,
            mode,
            created_by: String::new(),
            created_at: now,
        })
    }

    /// Whether something comes from what would change; without a change everything counts.
    fn is_about(&self, origin: &Origin) -> bool {
        let mut named = self.add.iter().chain(&self.remove).peekable();
        named.peek().is_none() || named.any(|named| named.kind == origin.kind && named.id == origin.id)
    }
}

/// What a change would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Preview)]
pub struct Previews {
    /// Device by device, at most as many as were asked for.
    pub items: Vec<Preview>,
    /// What to ask for next with `after`; null after the last device.
    pub next: Option<String>,
    /// How many devices the change reaches. This and the other numbers are of all devices, not only of those that are listed.
    pub total: usize,
    /// Things that would be sent by command.
    pub by_command: usize,
    /// Things that would be sent by declaration.
    pub by_declaration: usize,
    /// Things that would be removed.
    pub removed: usize,
    /// Devices that would not get everything.
    pub unable: usize,
    /// What would get in the way of something else, in sentences; it forbids nothing.
    pub warnings: Vec<Warning>,
}

/// Looks what a change would do on the devices of some groups.
pub fn preview_all(tx: &Tx, actor: &Actor, thought: &Thought) -> Result<Previews> {
    actor.require(Right::View)?;
    super::thought::check(tx, thought)?;
    let limit = thought.limit.unwrap_or(DEVICES_MAX);
    if limit == 0 || limit > DEVICES_MAX {
        return Err(Error::field("limit", t!("from 1 to {DEVICES_MAX} devices", DEVICES_MAX)));
    }
    let members = members(tx, thought)?;
    let removed: Vec<_> = thought
        .removed_from
        .iter()
        .flat_map(|group_id| thought.remove.iter().map(|named| (named.kind, named.id.clone(), group_id.clone())))
        .collect();
    let mut previews = Previews { total: members.len(), ..Previews::default() };
    let mut memo = Memo::default();
    for (device_id, groups) in &members {
        let added = groups.iter().flat_map(|group_id| thought.add.iter().filter_map(|named| thought.assigned(named, group_id, tx.now)));
        let change = Change { added: added.collect(), removed: removed.clone() };
        let Some(preview) = foreseen(tx, device_id, &change, &mut memo)? else { continue };
        for thing in
            preview.things.iter().filter(|thing| thing.origins.iter().chain(&thing.came_from).any(|origin| thought.is_about(origin)))
        {
            match (&thing.foreseen, thing.mechanism) {
                (Foreseen::Sent, Mechanism::Command) => previews.by_command += 1,
                (Foreseen::Sent, Mechanism::Declaration) => previews.by_declaration += 1,
                (Foreseen::Removed, _) => previews.removed += 1,
                _ => {}
            }
        }
        previews.unable += usize::from(preview.unable.iter().any(|unable| thought.is_about(&unable.origin)));
        if thought.after.as_ref().is_some_and(|after| device_id <= after) {
            continue;
        }
        if previews.items.len() < limit {
            previews.items.push(preview);
        } else if previews.next.is_none() {
            previews.next = previews.items.last().map(|last| last.device_id.clone());
        }
    }
    let is_a_change = !thought.add.is_empty() || !thought.remove.is_empty();
    previews.warnings = if is_a_change {
        super::thought::warnings(tx, actor, thought)?
    } else {
        clashes::of_devices(tx, &members.keys().map(String::as_str).collect::<Vec<_>>())?
    };
    Ok(previews)
}

/// The devices that a change reaches, each with the groups that would bring something.
fn members<'a>(tx: &Tx, thought: &'a Thought) -> Result<BTreeMap<String, Vec<&'a str>>> {
    let mut members = BTreeMap::<String, Vec<&str>>::new();
    for group_id in &thought.groups {
        for device_id in assignments::devices_of_group(tx, group_id)? {
            members.entry(device_id).or_default().push(group_id);
        }
    }
    for group_id in &thought.removed_from {
        for device_id in assignments::devices_of_group(tx, group_id)? {
            members.entry(device_id).or_default();
        }
    }
    for device_id in &thought.devices {
        members.entry(device_id.clone()).or_default();
    }
    Ok(members)
}

/// What people call a declaration: what of a policy it is, or what they called it themselves.
pub(super) fn named(identifier: &str, origins: &[Origin]) -> String {
    let own = || origins.iter().map(|origin| origin.name.as_str()).collect::<Vec<_>>().join(", ");
    policies::declaration_name(identifier).unwrap_or_else(own)
}

/// Looks what would happen on a device; none where it is not there any more.
fn foreseen(tx: &Tx, device_id: &str, change: &Change, memo: &mut Memo) -> Result<Option<Preview>> {
    let Some(device) = devices::by_id(tx, device_id)?.filter(|device| device.deleted_at.is_none()) else { return Ok(None) };
    let mut preview = Preview {
        device_id: device.id.clone(),
        name: device.name.clone(),
        os_version: device.os_version.clone(),
        things: Vec::new(),
        unable: Vec::new(),
        because: None,
    };
    let enrollment = enrollments::device_channel(tx, &device.id)?.filter(|enrollment| enrollment.state == EnrollmentState::Enrolled);
    let Some(enrollment) = enrollment else {
        preview.because = Some(String::from(t!("It is not enrolled; it gets this when it enrolls.")));
        return Ok(Some(preview));
    };
    if device.facts_at.is_none() {
        preview.because = Some(String::from(t!("It has not said yet what it is; it gets this as soon as it has.")));
        return Ok(Some(preview));
    }
    let own = outlook(tx, &enrollment, &device, change, memo)?;
    preview.things = things(tx, &enrollment, &own, memo)?;
    preview.unable = own.desired.unable;
    let users = enrollments::user_channels(tx, &enrollment.id)?.into_iter().filter(|user| user.state == EnrollmentState::Enrolled);
    for user in users {
        let outlook = outlook(tx, &user, &device, change, memo)?;
        let name = user.name();
        let theirs = things(tx, &user, &outlook, memo)?;
        let apps = outlook.desired.unable.iter().filter(|unable| unable.origin.kind == AssignedKind::App);
        preview.unable.extend(apps.map(|unable| Unable { what: t!("{what} (user {name})", what = unable.what, name), ..unable.clone() }));
        // What goes to a user is no lack of the device's.
        preview.unable.retain(|unable| !theirs.iter().any(|thing| thing.origins.contains(&unable.origin)));
        preview.things.extend(
            theirs.into_iter().map(|thing| Thing { name: t!("{name} (user {name_2})", name = thing.name, name_2 = name), ..thing }),
        );
    }
    Ok(Some(preview))
}

/// Everything that one channel has or would have.
fn things(tx: &Tx, enrollment: &Enrollment, outlook: &Outlook, memo: &mut Memo) -> Result<Vec<Thing>> {
    let mut things = Vec::new();
    let told_again_at = told_again_at(outlook);
    for item in outlook.items.iter().filter(|item| item.row.key != DECLARATIONS) {
        let foreseen = match item.step {
            Step::Send => Foreseen::Sent,
            Step::Sync if !item.row.problem.is_empty() && !item.row.wanted.is_empty() => Foreseen::Later,
            Step::Sync if item.row.seen.is_empty() || item.row.seen != item.row.wanted => {
                if item.row.wanted.is_empty() {
                    Foreseen::Removed
                } else {
                    Foreseen::Sent
                }
            }
            Step::Remove => Foreseen::Removed,
            Step::BackOff(_) => Foreseen::Later,
            Step::Answer => Foreseen::UnderWay,
            Step::Sync | Step::Done => Foreseen::Stays,
            Step::TakeBack | Step::Forget => continue,
        };
        things.push(Thing {
            identifier: item.row.key.trim_start_matches("profile:").to_owned(),
            name: item.row.name.clone(),
            mechanism: item.row.mechanism,
            foreseen,
            retry_at: match item.step {
                Step::BackOff(until) => Some(until),
                Step::Sync => told_again_at,
                _ => None,
            },
            origins: serde_json::from_str(&item.row.origins).unwrap_or_default(),
            came_from: serde_json::from_str(&item.came_from).unwrap_or_default(),
        });
    }
    things.extend(super::apps::foreseen(tx, &outlook.apps, &mut memo.seats)?);
    things.extend(super::updates::foreseen(tx, &outlook.updates)?);
    things.extend(declarations(tx, &enrollment.id, outlook)?);
    Ok(things)
}

/// When the device is told of its declarations again, where it has been and has not said what came of them.
fn told_again_at(outlook: &Outlook) -> Option<Timestamp> {
    let sync = outlook.items.iter().find(|item| item.row.key == DECLARATIONS && item.step == Step::Sync)?;
    sync.row.due_at
}

/// Declarations that somebody asked for; those of profiles and apps are told as such.
fn declarations(tx: &Tx, enrollment_id: &str, outlook: &Outlook) -> Result<Vec<Thing>> {
    let states = declared::states(tx, enrollment_id)?;
    let told_again_at = told_again_at(outlook);
    let profiles: Vec<_> = outlook.desired.profiles.keys().map(|identifier| super::render::profile_declaration(identifier)).collect();
    let asked = outlook.desired.declarations.values().filter(|document| {
        !document.origins.is_empty()
            && !document.is_own_activation
            && !profiles.contains(&document.identifier)
            && !is_app(&document.identifier)
            && !is_update(&document.identifier)
    });
    let things = asked.map(|document| {
        let said = states.iter().find(|state| state.identifier == document.identifier && state.server_token == document.server_token);
        let foreseen = match said.map(|state| state.valid.as_str()) {
            Some("valid") => Foreseen::Stays,
            // The device has refused just this; it is not sent again before it changes.
            Some("invalid") => Foreseen::Later,
            _ => Foreseen::Sent,
        };
        let served = outlook.served.iter().find(|served| served.identifier == document.identifier);
        Thing {
            identifier: document.identifier.clone(),
            name: named(&document.identifier, &document.origins),
            mechanism: Mechanism::Declaration,
            retry_at: told_again_at.filter(|_| foreseen == Foreseen::Sent),
            foreseen,
            origins: document.origins.clone(),
            came_from: served.and_then(|served| serde_json::from_str(&served.origins).ok()).unwrap_or_default(),
        }
    });
    let mut things: Vec<_> = things.collect();
    let gone = outlook.served.iter().filter(|served| {
        served.origins != "[]"
            && !outlook.desired.declarations.contains_key(&served.identifier)
            && !served.identifier.starts_with(&format!("{}on.", super::render::PREFIX))
            && !served.identifier.starts_with(&format!("{}profile.", super::render::PREFIX))
            && !is_app(&served.identifier)
            && !is_update(&served.identifier)
    });
    things.extend(gone.map(|served| {
        let origins: Vec<Origin> = serde_json::from_str(&served.origins).unwrap_or_default();
        Thing {
            identifier: served.identifier.clone(),
            name: named(&served.identifier, &origins),
            mechanism: Mechanism::Declaration,
            foreseen: Foreseen::Removed,
            retry_at: None,
            origins,
            came_from: Vec::new(),
        }
    }));
    Ok(things)
}
