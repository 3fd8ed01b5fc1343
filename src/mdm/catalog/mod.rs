//! The catalogue: what the person at a device may have, what became of what they asked for, and how the page that says so looks.

mod clip;
mod link;

pub use clip::{IDENTIFIER as CLIP_IDENTIFIER, pieces};
pub use link::{Link, PERIOD, holder, link, of_device, renew, renew_all};

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::apps as mdm_apps;
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right};
use crate::protocol::report::apps::ManagedState;
use crate::store::app_requests::{self, AppRequest};
use crate::store::app_states;
use crate::store::apps::{self, App, AppKind};
use crate::store::assignments::{self, AssignedKind, AssignedMode};
use crate::store::enrollments::Enrollment;
use crate::store::inventory::{self, InstalledApp};
use crate::store::settings::{self, Setting};
use crate::store::{Tx, deployments, groups};

/// Characters of the catalogue's title: what fits under an icon.
pub const TITLE_MAX_CHARS: usize = 30;
/// Characters of its note.
pub const NOTE_MAX_CHARS: usize = 500;
/// Groups that it may be limited to.
pub const GROUPS_MAX: usize = 100;
/// Asking again for the same app sooner changes nothing: a finger that taps twice.
pub const ASK_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// Its colour: each has a light and a dark form with enough contrast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CatalogColour)]
pub enum Colour {
    /// The appliance's own.
    #[default]
    Green,
    /// Blue.
    Blue,
    /// Purple.
    Purple,
    /// Red.
    Red,
    /// Brown.
    Brown,
}

impl Colour {
    /// Every colour.
    pub const ALL: [Self; 5] = [Self::Green, Self::Blue, Self::Purple, Self::Red, Self::Brown];

    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Blue => "blue",
            Self::Purple => "purple",
            Self::Red => "red",
            Self::Brown => "brown",
        }
    }
}

/// Which devices get its icon on their Home Screen. Its page opens on all: a link can be given by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CatalogAudience)]
pub enum Audience {
    /// None.
    #[default]
    Nobody,
    /// Every iPhone and iPad.
    Everybody,
    /// Those of some groups.
    Groups,
}

impl Audience {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::Nobody, Self::Everybody, Self::Groups];

    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Everybody => "everybody",
            Self::Groups => "groups",
        }
    }
}

/// How the catalogue looks and who gets its icon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Catalog {
    /// What stands over it and under its icon.
    pub title: String,
    /// What stands under the title.
    pub note: String,
    /// Its colour.
    pub colour: Colour,
    /// Which devices get its icon.
    pub audience: Audience,
    /// The ids of the groups, where it is for groups.
    pub groups: Vec<String>,
}

impl Default for Catalog {
    fn default() -> Self {
        Self { title: "Apps".to_owned(), note: String::new(), colour: Colour::Green, audience: Audience::Nobody, groups: Vec::new() }
    }
}

const CATALOG: Setting<Catalog> = Setting::new("catalog");

/// How it looks, for whoever is shown it.
pub fn appearance(tx: &Tx) -> Result<Catalog> {
    Ok(settings::value(tx, &CATALOG)?.unwrap_or_default())
}

/// Shows the settings.
pub fn show(tx: &Tx, actor: &Actor) -> Result<Catalog> {
    actor.require(Right::View)?;
    appearance(tx)
}

/// Changes the settings; devices follow.
pub fn set(tx: &Tx, actor: &Actor, mut wanted: Catalog) -> Result<Catalog> {
    actor.require(Right::Configure)?;
    wanted.title = line("title", &wanted.title, TITLE_MAX_CHARS)?;
    wanted.note = line("note", &wanted.note, NOTE_MAX_CHARS)?;
    if wanted.title.is_empty() {
        return Err(Error::field("title", "give it a title"));
    }
    wanted.groups.sort();
    wanted.groups.dedup();
    if wanted.groups.len() > GROUPS_MAX {
        return Err(Error::field("groups", format!("take at most {GROUPS_MAX}")));
    }
    if wanted.audience == Audience::Groups && wanted.groups.is_empty() {
        return Err(Error::field("groups", "choose at least one group"));
    }
    for group in &wanted.groups {
        if groups::by_id(tx, group)?.is_none() {
            return Err(Error::field("groups", format!("there is no group {group}")));
        }
    }
    if settings::set(tx, &CATALOG, &wanted)? {
        journal::note(tx, actor, "catalog.changed", Subject::default(), json!(wanted))?;
        deployments::look_again_everywhere(tx)?;
    }
    Ok(wanted)
}

fn line(field: &str, text: &str, most: usize) -> Result<String> {
    let text = text.trim();
    if text.chars().count() > most || text.chars().any(|letter| letter.is_control() && letter != '\n' && letter != '\r') {
        return Err(Error::field(field, format!("take at most {most} characters")));
    }
    Ok(text.to_owned())
}

/// Whether a device gets the icon.
fn is_for(tx: &Tx, catalog: &Catalog, device_id: &str) -> Result<bool> {
    Ok(match catalog.audience {
        Audience::Nobody => false,
        Audience::Everybody => true,
        Audience::Groups => groups::of_device(tx, device_id)?.iter().any(|group| catalog.groups.contains(&group.id)),
    })
}

/// How far an app is, for the person at the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It can be had.
    Available,
    /// It was asked for, and the device has not begun yet.
    Asked(Timestamp),
    /// It comes by itself, and the device has not begun yet.
    Coming,
    /// The device asks, downloads or installs.
    Installing,
    /// It is there, in this version where that is known.
    Installed(String),
    /// It was declined at the device.
    Declined,
    /// It failed.
    Failed,
}

/// An app that a device may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// Its id.
    pub app_id: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub note: String,
    /// How far it is.
    pub standing: Standing,
    /// Whether it can be asked for now.
    pub may_ask: bool,
    /// Whether it can be given back.
    pub may_withdraw: bool,
}

/// The apps that are assigned to a device and not to be hidden there, by name, with how far each is.
pub fn offered(tx: &Tx, enrollment: &Enrollment) -> Result<Vec<Offered>> {
    let requests = app_requests::of_enrollment(tx, enrollment)?;
    let installed: BTreeMap<_, _> = inventory::apps(tx, &enrollment.id)?.into_iter().map(|app| (app.identifier.clone(), app)).collect();
    // What one group has by itself and another may choose comes by itself.
    let mut assigned = BTreeMap::<_, bool>::new();
    for assignment in
        assignments::of_device(tx, &enrollment.device_id)?.into_iter().filter(|assignment| assignment.kind == AssignedKind::App)
    {
        *assigned.entry(assignment.item_id).or_insert(true) &= assignment.mode == AssignedMode::Optional;
    }
    let mut all = Vec::new();
    for (id, is_optional) in assigned {
        // A package is for Macs, which have no catalogue of this kind.
        let Some(app) = apps::by_id(tx, &id)?.filter(|app| app.kind != AppKind::Package) else { continue };
        let request = requests.iter().find(|request| request.app_id == id && request.withdrawn_at.is_none());
        all.push(offer(&app, is_optional, request, installed.get(&app.bundle_id)));
    }
    all.sort_by_key(|offered| (offered.name.to_lowercase(), offered.app_id.clone()));
    Ok(all)
}

fn offer(app: &App, optional: bool, request: Option<&AppRequest>, installed: Option<&InstalledApp>) -> Offered {
    let waiting = || match request {
        Some(request) => Standing::Asked(request.asked_at),
        None if optional => Standing::Available,
        None => Standing::Coming,
    };
    let standing = match installed {
        None => waiting(),
        Some(seen) => match ManagedState::from_word(&seen.state) {
            state if state.is_pending() => Standing::Installing,
            state if state.is_managed() => Standing::Installed(version(seen)),
            ManagedState::UserRejected | ManagedState::ManagementRejected => Standing::Declined,
            ManagedState::Failed => Standing::Failed,
            ManagedState::ManagedButUninstalled => waiting(),
            _ if seen.version.is_empty() && seen.short_version.is_empty() => waiting(),
            _ => Standing::Installed(version(seen)),
        },
    };
    let may_ask = matches!(standing, Standing::Available | Standing::Declined | Standing::Failed) || matches!(standing, Standing::Asked(_));
    Offered {
        app_id: app.id.clone(),
        name: app.name.clone(),
        note: app.note.clone(),
        may_ask: may_ask && (optional || matches!(standing, Standing::Declined | Standing::Failed)),
        may_withdraw: optional && request.is_some(),
        standing,
    }
}

fn version(app: &InstalledApp) -> String {
    if app.short_version.is_empty() { app.version.clone() } else { app.short_version.clone() }
}

fn find(tx: &Tx, enrollment: &Enrollment, app_id: &str) -> Result<Offered> {
    let found = offered(tx, enrollment)?.into_iter().find(|offered| offered.app_id == app_id);
    found.ok_or_else(|| Error::not_found("This app is not meant for this device any more."))
}

fn note(tx: &Tx, enrollment: &Enrollment, kind: &str, app: &Offered) -> Result<()> {
    let actor = Actor::Device { name: enrollment.nano_id.clone() };
    journal::note(tx, &actor, kind, enrollment, json!({ "app_id": app.app_id, "name": app.name }))
}

/// Notes that the person at a device wants an app, or wants to be asked again; the device is looked at anew.
///
/// # Errors
/// Not found for what is not offered to this device; a conflict for what is there or on its way.
pub fn request(tx: &Tx, enrollment: &Enrollment, app_id: &str) -> Result<()> {
    let app = find(tx, enrollment, app_id)?;
    if matches!(app.standing, Standing::Asked(at) if at.plus(ASK_AGAIN_AFTER) > tx.now) {
        return Ok(());
    }
    if !app.may_ask {
        return Err(Error::conflict(format!("{} is on this device or on its way already.", app.name)));
    }
    app_requests::ask(tx, enrollment, app_id)?;
    if app_states::find(tx, &enrollment.id, app_id)?
        .is_some_and(|state| (!state.wanted.is_empty() || state.withdrawn) && state.command_uuid.is_none())
    {
        mdm_apps::request(tx, enrollment, app_id)?;
    }
    note(tx, enrollment, "app.requested", &app)?;
    deployments::look_again_at(tx, &enrollment.id).map(drop)
}

/// Notes that the person at a device does not want an app any more; the device is looked at anew.
pub fn withdraw(tx: &Tx, enrollment: &Enrollment, app_id: &str) -> Result<()> {
    let app = find(tx, enrollment, app_id)?;
    if !app.may_withdraw {
        return Err(Error::conflict(format!(
            "{} cannot be removed here. Whoever looks after the devices has decided that it is on this one.",
            app.name
        )));
    }
    app_requests::withdraw(tx, enrollment, app_id)?;
    if app_states::find(tx, &enrollment.id, app_id)?.is_some_and(|state| state.mode == AssignedMode::Optional) {
        mdm_apps::give_back(tx, enrollment, app_id)?;
    }
    note(tx, enrollment, "app.given_back", &app)?;
    deployments::look_again_at(tx, &enrollment.id).map(drop)
}

/// The apps that the person at a device has asked for and not given back, with when they last asked: for those who send them.
pub fn wanted(tx: &Tx, enrollment: &Enrollment) -> Result<Vec<(String, Timestamp)>> {
    let requests = app_requests::of_enrollment(tx, enrollment)?.into_iter().filter(|request| request.withdrawn_at.is_none());
    Ok(requests.map(|request| (request.app_id, request.asked_at)).collect())
}

#[cfg(test)]
mod tests;
