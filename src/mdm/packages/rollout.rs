//! Which version is meant for whom: a new one goes to a pilot group first, then to everyone; and back again.

use serde_json::json;

use super::reach::set_due;
use super::{WARNED_DAYS, days_until, known};
use crate::error::{Error, Result};
use crate::language;
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right, assignments};
use crate::protocol::platform::Platform;
use crate::store::apps::{self, App, AppKind};
use crate::store::assignments::AssignedKind;
use crate::store::packages::{self as store, Held, Package, Rollout, Stage};
use crate::store::{Tx, groups};

/// Names that are listed in a refusal.
const NAMES_LISTED: usize = 5;

/// An app of the house with its versions.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The app.
    pub app: App,
    /// Its versions, newest first.
    pub versions: Vec<Package>,
    /// How new ones come to devices.
    pub rollout: Rollout,
    /// The name of the pilot group.
    pub pilot_group: Option<String>,
    /// The names of the groups that the app is assigned to.
    pub groups: Vec<String>,
}

/// One page of apps that have packages, by name, and how many there are.
pub fn list(tx: &Tx, actor: &Actor, after: Option<(&str, &str)>, limit: u32) -> Result<(Vec<Held>, u64)> {
    actor.require(Right::View)?;
    Ok((store::held(tx, after, limit)?, store::held_count(tx)?))
}

/// One package.
pub fn find(tx: &Tx, actor: &Actor, id: &str) -> Result<Package> {
    actor.require(Right::View)?;
    known(tx, id)
}

/// An app of the house, with its versions and how they come to devices.
pub fn versions(tx: &Tx, actor: &Actor, app_id: &str) -> Result<Overview> {
    actor.require(Right::View)?;
    let app = of_the_house(tx, app_id)?;
    let rollout = store::rollout(tx, app_id)?;
    let pilot_group = match &rollout.pilot_group_id {
        Some(id) => groups::by_id(tx, id)?.map(|group| group.name),
        None => None,
    };
    Ok(Overview { versions: store::of_app(tx, app_id)?, groups: store::groups_of(tx, app_id)?, app, rollout, pilot_group })
}

/// The app of a package.
pub fn app_of(tx: &Tx, package: &Package) -> Result<App> {
    of_the_house(tx, &package.app_id)
}

pub(super) fn of_the_house(tx: &Tx, app_id: &str) -> Result<App> {
    let app = apps::by_id(tx, app_id)?.filter(|app| app.kind != AppKind::Store);
    app.ok_or_else(|| Error::not_found(t!("There is no such app of your own.")))
}

/// What is to be known of a version now, in sentences: what was odd when it came, how it stands beside the others, and its profile's end.
pub fn notes(tx: &Tx, package: &Package) -> Result<Vec<String>> {
    let mut notes = package.facts.warnings.clone();
    for newer in beside(tx, package, Stage::Everyone)?.iter().filter(|other| is_older(&package.version, &other.version)) {
        notes.push(match package.stage {
            Stage::Kept => t!("It is older than {version}, which is in place.", version = newer.version),
            _ => t!("It is older than {version}, which is in place for everyone else.", version = newer.version),
        });
    }
    if package.stage == Stage::Everyone {
        let kept = store::of_app(tx, &package.app_id)?;
        let newest = kept.iter().filter(|other| other.facts.shares_platform(&package.facts) && is_older(&package.version, &other.version));
        notes
            .extend(newest.take(1).map(|newer| t!("It is in place although {version}, which is newer, is here.", version = newer.version)));
    }
    if package.stage == Stage::Pilot {
        notes.extend(super::pilot::nobody_for(tx, package)?);
    }
    if let Some(certificate) = package.facts.signature.as_ref().and_then(|signature| signature.certificate.as_ref()) {
        let days = days_until(certificate.ends_at, tx.now);
        if days <= 0 {
            notes.push(t!("The certificate that signed the app, “{name}”, ended on {day}: no device opens the app any more. Sign it with a new one, and upload it again.", name = certificate.name, day = language::date(certificate.ends_at.day())));
        } else if days <= WARNED_DAYS[0] {
            notes.push(t!(
                "The certificate that signed the app ends on {day}; after that no device opens it. Sign it with a new one before.",
                day = language::date(certificate.ends_at.day())
            ));
        }
    }
    if let Some(profile) = &package.facts.provisioning {
        let days = days_until(profile.expires_at, tx.now);
        if days <= 0 {
            notes.push(t!(
                "The provisioning profile inside ended on {day}: the app starts only where a newer profile is installed beside it.",
                day = language::date(profile.expires_at.day())
            ));
        } else if days <= WARNED_DAYS[0] {
            notes.push(t!(
                "The provisioning profile inside ends on {day}; after that the app does not start.",
                day = language::date(profile.expires_at.day())
            ));
        }
    }
    Ok(notes)
}

/// Other versions of the same app that are meant for `stage` on a platform that this one runs on, too.
fn beside(tx: &Tx, package: &Package, stage: Stage) -> Result<Vec<Package>> {
    let mut staged = store::in_stage(tx, &package.app_id, stage)?;
    staged.retain(|other| other.id != package.id && other.facts.shares_platform(&package.facts));
    Ok(staged)
}

/// Whether a version comes before another one, part by part; versions with letters are not told apart.
fn is_older(version: &str, than: &str) -> bool {
    let parts = |text: &str| text.trim().split('.').map(|part| part.parse::<u64>().ok()).collect::<Option<Vec<_>>>();
    matches!((parts(version), parts(than)), (Some(version), Some(than)) if version < than)
}

/// Says for whom a version is meant. A version that was meant for the same devices before is kept, so that it can be used again; one for other platforms
/// stays in its place.
///
/// # Errors
/// Names `stage` when there is no pilot group; conflict when nobody would have a version of an app that is assigned.
pub fn stage(tx: &Tx, actor: &Actor, id: &str, stage: Stage) -> Result<Package> {
    actor.require(Right::Configure)?;
    let package = known(tx, id)?;
    if package.stage == stage {
        return Ok(package);
    }
    let app = of_the_house(tx, &package.app_id)?;
    if stage == Stage::Pilot && store::rollout(tx, &app.id)?.pilot_group_id.is_none() {
        return Err(Error::field("stage", t!("the app has no pilot group yet; choose one first")));
    }
    if package.stage == Stage::Everyone {
        must_not_be_missed(tx, &app, &package)?;
    }
    for before in beside(tx, &package, stage)? {
        store::set_stage(tx, &before.id, Stage::Kept)?;
    }
    store::set_stage(tx, id, stage)?;
    let data =
        json!({ "package": id, "app": app.id, "name": app.name, "version": package.version, "stage": stage, "before": package.stage });
    journal::note(tx, actor, "package.staged", Subject::default(), data)?;
    changed(tx, app)?;
    known(tx, id)
}

/// Names the group that gets new versions first, or says that none does: then a version on trial is kept, and everyone has the same.
pub fn set_pilot(tx: &Tx, actor: &Actor, app_id: &str, group_id: Option<&str>) -> Result<()> {
    actor.require(Right::Configure)?;
    let app = of_the_house(tx, app_id)?;
    let mut rollout = store::rollout(tx, app_id)?;
    let is_on_trial = !store::in_stage(tx, app_id, Stage::Pilot)?.is_empty();
    if rollout.pilot_group_id.as_deref() == group_id && (group_id.is_some() || !is_on_trial) {
        return Ok(());
    }
    let name = match group_id {
        Some(id) => Some(groups::by_id(tx, id)?.ok_or_else(|| Error::field("pilot_group_id", t!("there is no such group")))?.name),
        None => None,
    };
    rollout.pilot_group_id = group_id.map(str::to_owned);
    store::set_rollout(tx, app_id, &rollout)?;
    if group_id.is_none() {
        for on_trial in store::in_stage(tx, app_id, Stage::Pilot)? {
            store::set_stage(tx, &on_trial.id, Stage::Kept)?;
        }
    }
    let data = json!({ "app": app_id, "name": app.name, "group_id": group_id, "group": name });
    journal::note(tx, actor, "package.pilot_chosen", Subject::default(), data)?;
    changed(tx, app)
}

/// Which versions a group tries: of each the app's name and the version.
pub fn on_trial(tx: &Tx, group_id: &str) -> Result<Vec<(String, String)>> {
    let mut tried = Vec::new();
    for app_id in store::of_pilot(tx, group_id)? {
        let name = of_the_house(tx, &app_id)?.name;
        tried.extend(store::in_stage(tx, &app_id, Stage::Pilot)?.into_iter().map(|package| (name.clone(), package.words())));
    }
    Ok(tried)
}

/// A group is about to be deleted: what it tries is kept, and nobody has new versions first any more.
pub fn pilot_leaves(tx: &Tx, actor: &Actor, group_id: &str) -> Result<()> {
    store::of_pilot(tx, group_id)?.iter().try_for_each(|app_id| set_pilot(tx, actor, app_id, None))
}

/// Deletes a version; gives the name of its file, which the caller removes once this is stored.
///
/// # Errors
/// Conflict, with the names of the groups, while it is meant for devices that are to have the app.
pub fn delete(tx: &Tx, actor: &Actor, id: &str) -> Result<String> {
    actor.require(Right::Configure)?;
    let package = known(tx, id)?;
    let app = of_the_house(tx, &package.app_id)?;
    if package.stage != Stage::Kept {
        must_not_be_missed(tx, &app, &package)?;
    }
    store::delete(tx, id)?;
    let data = json!({ "package": id, "app": app.id, "name": app.name, "version": package.version });
    journal::note(tx, actor, "package.deleted", Subject::default(), data)?;
    changed(tx, app)?;
    Ok(package.sha256)
}

fn must_not_be_missed(tx: &Tx, app: &App, package: &Package) -> Result<()> {
    let mut names = match package.stage {
        Stage::Pilot => {
            let pilot = store::rollout(tx, &app.id)?.pilot_group_id;
            pilot.map(|id| groups::by_id(tx, &id)).transpose()?.flatten().map(|group| group.name).into_iter().collect()
        }
        _ => store::groups_of(tx, &app.id)?,
    };
    if names.is_empty() {
        return Ok(());
    }
    let more = names.len().saturating_sub(NAMES_LISTED);
    names.truncate(NAMES_LISTED);
    let names: Vec<_> = names.iter().map(|name| format!("“{name}”")).collect();
    let more = if more == 0 { String::new() } else { t!(" and {more} more", more) };
    Err(Error::conflict(t!(
        "Version {version} of “{name}” is in use: {list}{more} are to have it. Put another version in its place first, or take the app back from them.",
        version = package.version,
        name = app.name,
        list = names.join(", "),
        more
    )))
}

/// The app follows its versions for everyone, and devices are planned for anew.
fn changed(tx: &Tx, mut app: App) -> Result<()> {
    let current = store::in_stage(tx, &app.id, Stage::Everyone)?;
    if let Some(newest) = current.first() {
        let mut platforms: Vec<Platform> = Vec::new();
        for platform in current.iter().flat_map(|package| &package.facts.platforms) {
            if !platforms.contains(platform) {
                platforms.push(*platform);
            }
        }
        app.platforms = json!(platforms).to_string();
        app.facts = json!(newest.facts).to_string();
        app.facts_at = Some(tx.now);
    }
    app.revision += 1;
    app.changed_at = tx.now;
    apps::update(tx, &app)?;
    // Before a first use, and after a failure, it is tried whether devices can fetch it.
    let rollout = store::rollout(tx, &app.id)?;
    if rollout.checked_at.is_none() || !rollout.problem.is_empty() {
        set_due(tx, &app.id, true)?;
    }
    assignments::changed(tx, AssignedKind::App, &app.id)
}
