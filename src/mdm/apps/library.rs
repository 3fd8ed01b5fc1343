//! The apps that this server knows: added, changed, configured, assigned, deleted.

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mdm::apps::configuration;
use crate::mdm::apps::lacks::{Lack, hidden, lacks};
use crate::mdm::apps::schema;
use crate::mdm::apps::seats::{Shortage, shortages};
use crate::mdm::apps::settings::{self, Settings};
use crate::mdm::journal::{self, Subject};
use crate::mdm::licences::{self, Seats};
use crate::mdm::{Actor, Right, access, assignments, names};
use crate::protocol::plist::Dictionary;
use crate::store::app_states::{self, Stage};
use crate::store::apps::{self, App, AppKind};
use crate::store::assignments::{self as rows, AssignedKind, AssignedMode, Assignment};
use crate::store::{Tx, deployments, groups, packages, store_items};

/// Longest name of an app, in characters.
pub const NAME_MAX_CHARS: usize = 200;

/// Longest note of an app, in characters.
pub const NOTE_MAX_CHARS: usize = 2_000;

/// Digits of a number of the App Store.
const ADAM_ID_MAX_DIGITS: usize = 18;

/// An app with everything that lists show of it.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The app.
    pub app: App,
    /// How it is managed.
    pub settings: Settings,
    /// Where it is assigned.
    pub assignments: Vec<Assignment>,
    /// How many devices are at each stage.
    pub counts: Vec<(Stage, u64)>,
    /// The ledger's numbers, where licences of it are known.
    pub seats: Option<Seats>,
    /// Whether it has a configuration.
    pub is_configured: bool,
    /// Its icon, where there is one.
    pub icon: Option<Picture>,
}

/// Where the icon of an app is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picture {
    /// With what the store says of the app of this number.
    OfStore(String),
    /// With this version of its package.
    OfPackage(String),
}

/// The icon that the store gave, or that the newest package has.
fn picture(tx: &Tx, app: &App) -> Result<Option<Picture>> {
    if let Some(adam_id) = &app.adam_id {
        let item = store_items::by_adam_id(tx, adam_id)?;
        return Ok(item.filter(|item| !item.icon_url.is_empty()).map(|_| Picture::OfStore(adam_id.clone())));
    }
    let versions = packages::of_app(tx, &app.id)?;
    Ok(versions.into_iter().find(|version| version.has_icon).map(|version| Picture::OfPackage(version.id)))
}

fn overview(tx: &Tx, app: App) -> Result<Overview> {
    Ok(Overview {
        settings: settings::read(&app.settings)?,
        assignments: rows::of_item(tx, AssignedKind::App, &app.id)?,
        counts: app_states::counts(tx, &app.id)?,
        seats: app.adam_id.as_deref().map(|adam_id| licences::seats(tx, adam_id)).transpose()?.filter(|seats| seats.as_of.is_some()),
        is_configured: apps::configuration(tx, &app.id)?.is_some(),
        icon: picture(tx, &app)?,
        app,
    })
}

/// One page of apps by name whose name or identifier holds `search`, from behind the one with the name and id `after`, and how many there are.
pub fn list(tx: &Tx, actor: &Actor, search: &str, after: Option<&(String, String)>, limit: u32) -> Result<(Vec<Overview>, u64)> {
    actor.require(Right::View)?;
    let after = after.map(|(name, id)| (name.as_str(), id.as_str()));
    let found = apps::list(tx, search, after, limit)?.into_iter().map(|app| overview(tx, app)).collect::<Result<_>>()?;
    Ok((found, apps::count(tx, search)?.unsigned_abs()))
}

/// One app.
pub fn find(tx: &Tx, actor: &Actor, id: &str) -> Result<Overview> {
    actor.require(Right::View)?;
    overview(tx, known(tx, id)?)
}

pub(super) fn known(tx: &Tx, id: &str) -> Result<App> {
    apps::by_id(tx, id)?.ok_or_else(|| Error::not_found(t!("There is no such app.")))
}

/// Adds an app of the App Store by its number. What the store says of it, its name too, is known where a location owns it, or comes later by itself.
///
/// # Errors
/// Names `adam_id` where it is no number, conflict where the app is here already.
pub fn add(tx: &Tx, actor: &Actor, adam_id: &str, name: &str) -> Result<App> {
    actor.require(Right::Configure)?;
    let adam_id = adam_id.trim();
    let number = store_number(adam_id);
    let is_number = (1..=ADAM_ID_MAX_DIGITS).contains(&number.len()) && number.bytes().all(|digit| digit.is_ascii_digit());
    if !is_number || number.starts_with('0') {
        return Err(Error::field(
            "adam_id",
            t!("the number of the app in the App Store, for example 409201541, or the address of its page there"),
        ));
    }
    if let Some(app) = apps::by_adam_id(tx, number)? {
        return Err(Error::conflict(t!("This app is here already: {name}.", name = app.name)));
    }
    must_be_single(tx, &licences::facts::of(tx, number)?.bundle_id)?;
    let name = if name.trim().is_empty() { apps::placeholder(number) } else { checked_name(name)? };
    let app = App {
        id: tx.new_id(),
        kind: AppKind::Store,
        adam_id: Some(number.to_owned()),
        bundle_id: String::new(),
        name,
        note: String::new(),
        platforms: String::from("[]"),
        facts: String::from("{}"),
        facts_at: None,
        settings: json!(Settings::default()).to_string(),
        revision: 1,
        created_at: tx.now,
        changed_at: tx.now,
    };
    apps::insert(tx, &app)?;
    journal::note(tx, actor, "app.added", Subject::default(), json!({ "id": app.id, "name": app.name, "adam_id": number }))?;
    licences::facts::learn(tx, number)?;
    known(tx, &app.id)
}

/// A device has one app of an identifier: the store's is not put beside one of the house.
fn must_be_single(tx: &Tx, bundle_id: &str) -> Result<()> {
    let of_the_house = apps::by_bundle_id(tx, bundle_id)?.into_iter().find(|app| app.kind != AppKind::Store && !bundle_id.is_empty());
    of_the_house.map_or(Ok(()), |own| {
        Err(Error::conflict(t!("Your own app “{name}” has the identifier {bundle_id} too, and a device has one app of an identifier. Delete that one first, or give it another.", name = own.name, bundle_id)))
    })
}

/// Hosts of the App Store's pages.
const STORE_HOSTS: [&str; 2] = ["apps.apple.com", "itunes.apple.com"];

/// The number that was typed, or that stands in the address of the store's page, whose last part is `id409201541`.
fn store_number(typed: &str) -> &str {
    let Some((_, address)) = typed.split_once("://") else { return typed };
    let (host, path) = address.split_once('/').unwrap_or((address, ""));
    if !STORE_HOSTS.iter().any(|store| host.eq_ignore_ascii_case(store)) {
        return "";
    }
    path.split(['?', '#', '/'])
        .find_map(|part| part.strip_prefix("id").filter(|id| id.starts_with(|first: char| first.is_ascii_digit())))
        .unwrap_or_default()
}

fn checked_name(name: &str) -> Result<String> {
    let name = names::straight(name);
    if name.is_empty() || name.chars().count() > NAME_MAX_CHARS || name.chars().any(char::is_control) {
        return Err(Error::field("name", t!("between 1 and {NAME_MAX_CHARS} characters", NAME_MAX_CHARS)));
    }
    Ok(name)
}

/// What is to become different about an app; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    /// What people call it.
    pub name: Option<String>,
    /// What it is for.
    pub note: Option<String>,
    /// How it is managed, all of it.
    pub settings: Option<Settings>,
}

/// Changes an app; devices learn of changed settings with the next order, which says everything anew.
pub fn edit(tx: &Tx, actor: &Actor, id: &str, edit: Edit) -> Result<App> {
    actor.require(Right::Configure)?;
    let before = known(tx, id)?;
    let mut app = before.clone();
    if let Some(name) = &edit.name {
        app.name = checked_name(name)?;
    }
    if let Some(note) = edit.note {
        if note.chars().count() > NOTE_MAX_CHARS {
            return Err(Error::field("note", t!("at most {NOTE_MAX_CHARS} characters", NOTE_MAX_CHARS)));
        }
        note.trim().clone_into(&mut app.note);
    }
    if let Some(settings) = &edit.settings {
        settings::check(settings)?;
        app.settings = json!(settings).to_string();
    }
    if app == before {
        return Ok(app);
    }
    let is_news = app.settings != before.settings;
    changed(tx, actor, app, is_news)
}

fn changed(tx: &Tx, actor: &Actor, mut app: App, is_news: bool) -> Result<App> {
    app.changed_at = tx.now;
    app.revision += i64::from(is_news);
    apps::update(tx, &app)?;
    journal::note(tx, actor, "app.changed", Subject::default(), json!({ "id": app.id, "name": app.name, "revision": app.revision }))?;
    if is_news {
        assignments::changed(tx, AssignedKind::App, &app.id)?;
    }
    Ok(app)
}

/// Sets what the app itself is to know; none clears it.
///
/// The caller has read it by [`configuration::read`] or [`configuration::read_json`].
///
/// # Errors
/// Names the keys that do not fit what the app's maker says of them, where that is known here.
pub fn set_configuration(tx: &Tx, actor: &Actor, id: &str, keys: Option<&Dictionary>) -> Result<App> {
    actor.require(Right::Configure)?;
    if let Some(keys) = keys {
        schema::check(tx, id, keys)?;
    }
    set_configuration_unchecked(tx, actor, id, keys)
}

/// Sets what the app itself is to know, whatever its maker says: files of makers are old or wrong at times.
pub fn set_configuration_unchecked(tx: &Tx, actor: &Actor, id: &str, keys: Option<&Dictionary>) -> Result<App> {
    actor.require(Right::Configure)?;
    let app = known(tx, id)?;
    let bytes = keys.map(configuration::to_xml).transpose()?;
    let before = apps::configuration(tx, id)?.map(|bytes| bytes.expose().clone());
    if before == bytes {
        return Ok(app);
    }
    apps::set_configuration(tx, id, bytes.as_deref())?;
    changed(tx, actor, app, true)
}

/// What the app itself is to know, as it was set. It may hold secrets, so only who may change it sees it.
pub fn configuration_of(tx: &Tx, actor: &Actor, id: &str) -> Result<Option<Dictionary>> {
    actor.require(Right::Configure)?;
    known(tx, id)?;
    apps::configuration(tx, id)?.map(|bytes| configuration::stored(bytes.expose())).transpose()
}

/// Notes the identifier of an app that only the device told.
pub fn learn_identifier(tx: &Tx, id: &str, bundle_id: &str) -> Result<()> {
    let Some(app) = apps::by_id(tx, id)?.filter(|app| app.bundle_id.is_empty()) else { return Ok(()) };
    apps::update(tx, &App { bundle_id: bundle_id.to_owned(), ..app })
}

/// Assigns an app to a group, required or for the person to ask for; tells what licences are missing for that, by name and number, and what
/// else its devices lack.
///
/// A shortage does not keep it from being assigned: who gets a licence gets the app.
pub fn assign(
    tx: &Tx,
    actor: &Actor,
    id: &str,
    group_id: &str,
    mode: AssignedMode,
    ends_at: Option<Timestamp>,
) -> Result<(Assignment, Vec<Shortage>, Vec<Lack>)> {
    actor.require(Right::Configure)?;
    let app = known(tx, id)?;
    if groups::by_id(tx, group_id)?.is_none() {
        return Err(Error::not_found(t!("There is no such group.")));
    }
    if app.kind == AppKind::Store {
        // The store may have told the identifier only after the app was added.
        must_be_single(tx, &app.bundle_id)?;
    }
    let short = if mode == AssignedMode::Required { shortages(tx, &app, &[group_id.to_owned()])? } else { Vec::new() };
    let groups = [group_id.to_owned()];
    let mut lacking = lacks(tx, actor, id, None, Some(&groups))?;
    lacking.extend(hidden(tx, actor, id, Some(&groups))?);
    let assignment = assignments::assign_as(tx, actor, (AssignedKind::App, id, &app.name), group_id, ends_at, mode)?;
    Ok((assignment, short, lacking))
}

/// Takes an app back from a group; it goes from the group's devices, and its licences come back.
pub fn unassign(tx: &Tx, actor: &Actor, id: &str, group_id: &str) -> Result<()> {
    actor.require(Right::Configure)?;
    let app = known(tx, id)?;
    assignments::unassign(tx, actor, (AssignedKind::App, id, &app.name), group_id)
}

/// Deletes an app; it goes from every device that has it. Those who were allowed to use it are told to erase what they hold, if its policy said so.
///
/// # Errors
/// Conflict while there are copies of offline edits that nobody has taken in an archive, unless `given_up` is how many they are. Forbidden where there
/// are copies at all and the actor may not destroy.
pub fn delete(tx: &Tx, actor: &Actor, id: &str, given_up: Option<u64>) -> Result<()> {
    actor.require(Right::Configure)?;
    let app = known(tx, id)?;
    let copies = access::copies::give_up(tx, actor, id, given_up)?;
    access::remember_holders(tx, id)?;
    assignments::unassign_everywhere(tx, actor, (AssignedKind::App, id, &app.name))?;
    let mut after: Option<(String, String)> = None;
    loop {
        let (name, enrollment) = after.clone().unwrap_or_default();
        let page = app_states::of_app(tx, id, &[], Some((&name, &enrollment)), PAGE)?;
        let Some(last) = page.last() else { break };
        after = Some((last.device_name.clone(), last.enrollment_id.clone()));
        for row in page {
            deployments::look_again_at(tx, &row.enrollment_id)?;
        }
    }
    apps::delete(tx, id)?;
    crate::mdm::packages::forget_trial(tx, id)?;
    journal::note(tx, actor, "app.deleted", Subject::default(), json!({ "id": id, "name": app.name, "copies": copies }))
}

/// Rows that are read at a time.
const PAGE: u32 = 500;
