//! What would happen: the same decisions as the deed's, for a change that is only thought of, and nothing written.

use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Result;
use crate::mdm::reconcile::gather::Change;
use crate::mdm::reconcile::outlook::outlook;
use crate::mdm::reconcile::step::Step;
use crate::mdm::wanted::{Origin, Unable};
use crate::mdm::{Actor, Right};
use crate::store::deployments::{DECLARATIONS, Mechanism};
use crate::store::enrollments::{self, EnrollmentState};
use crate::store::{Tx, declared, devices};

/// What would be done about one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Foreseen {
    /// It would be sent: it is not there, or in another version.
    Sent,
    /// It would be removed.
    Removed,
    /// It would be tried again later: it failed.
    Later,
    /// It is on its way already.
    UnderWay,
    /// It is there as it should be.
    Stays,
}

/// One thing on one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Thing {
    /// PayloadIdentifier, or Identifier of a declaration.
    pub identifier: String,
    /// What people call it.
    pub name: String,
    /// How it comes.
    pub mechanism: Mechanism,
    /// What would be done.
    pub foreseen: Foreseen,
    /// Where it comes from.
    pub origins: Vec<Origin>,
}

/// What would happen on one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
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

/// Looks what would happen on a device.
pub fn preview(tx: &Tx, actor: &Actor, device_id: &str, change: &Change) -> Result<Option<Preview>> {
    actor.require(Right::View)?;
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
        preview.because = Some(String::from("It is not enrolled; it gets this when it enrolls."));
        return Ok(Some(preview));
    };
    if device.facts_at.is_none() {
        preview.because = Some(String::from("It has not said yet what it is; it gets this as soon as it has."));
        return Ok(Some(preview));
    }
    let outlook = outlook(tx, &enrollment, &device, change)?;
    for item in outlook.items.iter().filter(|item| item.row.key != DECLARATIONS) {
        let foreseen = match item.step {
            Step::Send => Foreseen::Sent,
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
        preview.things.push(Thing {
            identifier: item.row.key.trim_start_matches("profile:").to_owned(),
            name: item.row.name.clone(),
            mechanism: item.row.mechanism,
            foreseen,
            origins: serde_json::from_str(&item.row.origins).unwrap_or_default(),
        });
    }
    preview.things.extend(declarations(tx, &enrollment.id, &outlook)?);
    preview.unable = outlook.desired.unable;
    Ok(Some(preview))
}

/// Declarations that somebody asked for; those of profiles are told as profiles.
fn declarations(tx: &Tx, enrollment_id: &str, outlook: &super::outlook::Outlook) -> Result<Vec<Thing>> {
    let states = declared::states(tx, enrollment_id)?;
    let profiles: Vec<_> = outlook.desired.profiles.keys().map(|identifier| super::render::profile_declaration(identifier)).collect();
    let asked = outlook
        .desired
        .declarations
        .values()
        .filter(|document| !document.origins.is_empty() && !document.is_own_activation && !profiles.contains(&document.identifier));
    let things = asked.map(|document| {
        let is_there = states
            .iter()
            .any(|state| state.identifier == document.identifier && state.server_token == document.server_token && state.valid == "valid");
        Thing {
            identifier: document.identifier.clone(),
            name: document.origins.iter().map(|origin| origin.name.as_str()).collect::<Vec<_>>().join(", "),
            mechanism: Mechanism::Declaration,
            foreseen: if is_there { Foreseen::Stays } else { Foreseen::Sent },
            origins: document.origins.clone(),
        }
    });
    let mut things: Vec<_> = things.collect();
    let gone = outlook.served.iter().filter(|served| {
        served.origins != "[]"
            && !outlook.desired.declarations.contains_key(&served.identifier)
            && !served.identifier.starts_with(&format!("{}on.", super::render::PREFIX))
            && !served.identifier.starts_with(&format!("{}profile.", super::render::PREFIX))
    });
    things.extend(gone.map(|served| {
        let origins: Vec<Origin> = serde_json::from_str(&served.origins).unwrap_or_default();
        Thing {
            identifier: served.identifier.clone(),
            name: origins.iter().map(|origin| origin.name.as_str()).collect::<Vec<_>>().join(", "),
            mechanism: Mechanism::Declaration,
            foreseen: Foreseen::Removed,
            origins,
        }
    }));
    Ok(things)
}
