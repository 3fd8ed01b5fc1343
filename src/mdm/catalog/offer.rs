//! The apps that the person at a device may have: how each stands, in words for them, and what they ask for and give back.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::apps as mdm_apps;
use crate::mdm::wanted::Unable;
use crate::mdm::{Actor, journal};
use crate::store::app_states::{self, AppState, Stage};
use crate::store::apps::{self, AppKind};
use crate::store::assignments::{self, AssignedKind, AssignedMode};
use crate::store::enrollments::Enrollment;
use crate::store::{Tx, app_requests, deployments};

/// Asking again for the same app sooner changes nothing: a finger that taps twice.
pub const ASK_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// An app that a device may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// Its id.
    pub app_id: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub note: String,
    /// Whether it does not come by itself.
    pub optional: bool,
    /// Where it is on its way.
    pub stage: Stage,
    /// Its version on the device, where that is known.
    pub version: String,
    /// When the person, or an admin for them, last asked for it.
    pub asked_at: Option<Timestamp>,
    /// Whether what failed is tried again by itself.
    pub is_retried: bool,
    /// Whether something of it is on the device.
    pub is_there: bool,
    /// Why this device cannot have it; empty where it can.
    pub unable: String,
}

impl Offered {
    /// How it stands, for the person at the device; empty where there is nothing to say.
    pub fn words(&self, now: Timestamp) -> String {
        let words = match self.stage {
            _ if !self.unable.is_empty() => {
                return t!("This device cannot have it: {unable}.", unable = self.unable.trim_end_matches('.'));
            }
            Stage::Absent | Stage::Sent | Stage::Offered => match self.asked_at {
                Some(at) => return t!("Asked for {at}. It comes by itself.", at = ago(at, now)),
                None if self.optional => "",
                None => t!("Comes by itself"),
            },
            Stage::Licence => t!("Waiting for a licence. It comes by itself."),
            Stage::NoLicence => t!("Waiting for a licence: ask your teacher, or whoever looks after the devices."),
            Stage::Prompting => t!("Look at the Home Screen: the device asks you about it."),
            Stage::Installing => t!("Installing"),
            // An order before it may have come about or not.
            Stage::Updating if self.version.is_empty() => t!("Installing"),
            Stage::Installed | Stage::Outdated if self.version.is_empty() => t!("Installed"),
            Stage::Installed | Stage::Outdated => return t!("Installed, version {version}", version = self.version),
            Stage::Updating => t!("Updating"),
            Stage::Declined => t!("It was declined on this device"),
            Stage::Lacking => t!("Installed"),
            Stage::NeedsCode => t!("Waiting for a code from whoever looks after the devices"),
            Stage::Failed if self.is_retried => t!("It could not be installed; it is tried again by itself"),
            Stage::Failed => t!("It could not be installed"),
            Stage::Stuck => t!("It does not change: close it if it is open, then ask again"),
            Stage::Deleted => t!("It was deleted on this device"),
            Stage::Unmanaged => t!("Installed, as your own"),
            Stage::Removing => t!("Being removed"),
        };
        words.to_owned()
    }

    /// Whether it can be asked for now.
    pub fn may_ask(&self) -> bool {
        self.unable.is_empty()
            && match self.stage {
                Stage::Declined | Stage::Deleted | Stage::Failed | Stage::Stuck => true,
                Stage::Absent | Stage::Sent | Stage::Offered => self.optional,
                _ => false,
            }
    }

    /// Whether it was asked for before, so that asking is asking again.
    pub fn is_asked_again(&self) -> bool {
        self.asked_at.is_some() || !matches!(self.stage, Stage::Absent | Stage::Sent | Stage::Offered)
    }

    /// Whether it can be given back.
    pub fn may_withdraw(&self) -> bool {
        let is_wanted = self.asked_at.is_some() || self.is_there;
        self.optional && is_wanted && !matches!(self.stage, Stage::Removing | Stage::Unmanaged)
    }
}

fn ago(at: Timestamp, now: Timestamp) -> String {
    match now.since(at).as_secs() / 60 {
        0 => t!("just now").to_owned(),
        1 => t!("a minute ago").to_owned(),
        minutes @ 2..120 => t!("{minutes} minutes ago", minutes),
        minutes => t!("{minutes} hours ago", minutes = minutes / 60),
    }
}

/// The apps that are assigned to a device, by name, with how each stands.
pub fn offered(tx: &Tx, enrollment: &Enrollment) -> Result<Vec<Offered>> {
    let mut all = Vec::new();
    for (id, optional) in assigned(tx, enrollment)? {
        // A package is for Macs, which have no catalogue of this kind.
        let Some(app) = apps::by_id(tx, &id)?.filter(|app| app.kind != AppKind::Package) else { continue };
        let begun = Offered {
            app_id: app.id,
            name: app.name,
            note: app.note,
            optional,
            stage: if optional { Stage::Offered } else { Stage::Absent },
            version: String::new(),
            asked_at: None,
            is_retried: false,
            is_there: false,
            unable: String::new(),
        };
        all.push(match app_states::find(tx, &enrollment.id, &id)? {
            Some(row) => Offered { optional, ..standing(begun, row) },
            None => unplanned(tx, enrollment, begun)?,
        });
    }
    all.sort_by_key(|offered| (offered.name.to_lowercase(), offered.app_id.clone()));
    Ok(all)
}

/// The apps that are assigned to a device now, and whether they are optional: what one group has by itself and another may choose comes by itself.
fn assigned(tx: &Tx, enrollment: &Enrollment) -> Result<BTreeMap<String, bool>> {
    let mut assigned = BTreeMap::new();
    for assignment in assignments::of_device(tx, &enrollment.device_id)? {
        if assignment.kind == AssignedKind::App && assignment.ends_at.is_none_or(|end| end > tx.now) {
            *assigned.entry(assignment.item_id).or_insert(true) &= assignment.mode == AssignedMode::Optional;
        }
    }
    Ok(assigned)
}

/// One that the apps room looks after.
fn standing(offered: Offered, row: AppState) -> Offered {
    Offered {
        stage: row.stage,
        version: mdm_apps::words::version(&row),
        asked_at: row.asked_at.filter(|_| !row.withdrawn),
        is_retried: row.due_at.is_some(),
        is_there: !row.seen.is_empty() && !row.withdrawn,
        unable: if row.stage == Stage::Lacking && row.seen.is_empty() { row.problem } else { String::new() },
        ..offered
    }
}

/// One that it does not: before the first plan, and where the device cannot have it.
fn unplanned(tx: &Tx, enrollment: &Enrollment, offered: Offered) -> Result<Offered> {
    let unable: Vec<Unable> = match deployments::plan(tx, &enrollment.id)? {
        Some(plan) => serde_json::from_str(&plan.unable).map_err(|error| Error::internal("stored plans are readable", error))?,
        None => Vec::new(),
    };
    let because = unable.into_iter().find(|unable| unable.origin.kind == AssignedKind::App && unable.origin.id == offered.app_id);
    let requests = app_requests::of_enrollment(tx, enrollment)?.into_iter();
    let asked = requests.filter(|request| request.withdrawn_at.is_none()).find(|request| request.app_id == offered.app_id);
    Ok(Offered {
        unable: because.map(|unable| crate::language::kept(&unable.because)).unwrap_or_default(),
        asked_at: asked.map(|request| request.asked_at),
        ..offered
    })
}

fn find(tx: &Tx, enrollment: &Enrollment, app_id: &str) -> Result<Offered> {
    let found = offered(tx, enrollment)?.into_iter().find(|offered| offered.app_id == app_id);
    found.ok_or_else(|| Error::not_found(t!("This app is not meant for this device any more.")))
}

fn note(tx: &Tx, enrollment: &Enrollment, kind: &str, app: &Offered) -> Result<()> {
    let actor = Actor::Device { name: enrollment.nano_id.clone() };
    journal::note(tx, &actor, kind, enrollment, json!({ "id": app.app_id, "name": app.name }))
}

/// Notes that the person at a device wants an app, or wants to be asked again; the device is looked at anew.
///
/// # Errors
/// Not found for what is not offered to this device; a conflict for what is there or on its way.
pub fn request(tx: &Tx, enrollment: &Enrollment, app_id: &str) -> Result<()> {
    let app = find(tx, enrollment, app_id)?;
    if app.asked_at.is_some_and(|at| at.plus(ASK_AGAIN_AFTER) > tx.now) {
        return Ok(());
    }
    if !app.unable.is_empty() {
        return Err(Error::conflict(app.words(tx.now)));
    }
    if !app.may_ask() {
        return Err(Error::conflict(t!("{name} is on this device or on its way already.", name = app.name)));
    }
    // It is remembered also where no plan knows of the app yet, or none does any more when it is given back and assigned anew.
    app_requests::ask(tx, enrollment, app_id)?;
    match app_states::find(tx, &enrollment.id, app_id)? {
        // It is on its way as it was asked for before.
        Some(row) if row.stage == Stage::Sent && row.command_uuid.is_some() => return Ok(()),
        Some(_) => return mdm_apps::request(tx, enrollment, app_id).map(drop),
        None => note(tx, enrollment, "app.asked", &app)?,
    }
    deployments::look_again_at(tx, &enrollment.id).map(drop)
}

/// Notes that the person at a device does not want an app any more; the device is looked at anew.
pub fn withdraw(tx: &Tx, enrollment: &Enrollment, app_id: &str) -> Result<()> {
    let app = find(tx, enrollment, app_id)?;
    if !app.may_withdraw() {
        let because = if app.optional {
            t!("is not on this device")
        } else {
            t!("is on this device because whoever looks after the devices decided so")
        };
        return Err(Error::conflict(t!("{name} cannot be removed here: it {because}.", name = app.name, because)));
    }
    app_requests::withdraw(tx, enrollment, app_id)?;
    match app_states::find(tx, &enrollment.id, app_id)? {
        Some(_) => return mdm_apps::give_back(tx, enrollment, app_id).map(drop),
        None => note(tx, enrollment, "app.withdrawn", &app)?,
    }
    deployments::look_again_at(tx, &enrollment.id).map(drop)
}
