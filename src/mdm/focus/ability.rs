//! Which devices can have a focus, why others cannot, and what stands beside it there: the stricter list wins.

use super::wish::{Wish, host};
use crate::error::Result;
use crate::mdm::wanted::{Origin, Target};
use crate::mdm::{policies, profiles};
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::store::Tx;
use crate::store::assignments::{AssignedKind, Assignment};
use crate::store::focuses::{self, FocusKind};
use crate::store::inventory;
use crate::store::policies as policy_rows;
use crate::store::profiles as profile_rows;

/// What the bundle ids of Apple's apps begin with.
const APPLES: &str = "com.apple.";

/// The payload that keeps a device in one app.
pub(super) const APP_LOCK: &str = "com.apple.app.lock";

/// First versions of iPhones and iPads that have it: lists of apps (`whitelistedAppBundleIDs`), App Lock, filters of type BuiltIn.
const fn since(kind: FocusKind) -> OsVersion {
    match kind {
        FocusKind::Apps => OsVersion::new(9, 3, 0),
        FocusKind::App => OsVersion::new(6, 0, 0),
        FocusKind::Sites => OsVersion::new(8, 0, 0),
    }
}

/// What a device that can have a focus shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Able {
    /// What of it: what a policy hides is left out.
    pub items: Vec<String>,
    /// What is to be said beside it, in a sentence; mostly empty.
    pub note: String,
}

/// Whether a device can have a focus, or why not in a sentence; `wanted` is what is assigned to it.
pub(super) fn ability(
    tx: &Tx,
    target: &Target,
    (kind, items): (FocusKind, &[String]),
    wanted: &[Assignment],
) -> Result<Result<Able, String>> {
    if let Some(because) = refusal(target, kind) {
        return Ok(Err(because));
    }
    match kind {
        FocusKind::Apps => of_apps(tx, target, items, wanted),
        FocusKind::App => of_one_app(tx, target, items, wanted),
        FocusKind::Sites => Ok(Ok(Able { items: items.to_vec(), note: String::new() })),
    }
}

fn refusal(target: &Target, kind: FocusKind) -> Option<String> {
    let device = &target.capabilities;
    let since = since(kind);
    match device.platform {
        Platform::Ios => {}
        Platform::Unknown => return Some(String::from(t!("It has not said yet what it is."))),
        Platform::Macos => return Some(String::from(t!("Macs cannot be held to some apps or sites for a lesson."))),
        _ => return Some(String::from(t!("Only iPads and iPhones can be held to some apps or sites for a lesson."))),
    }
    if device.kind.is_user_enrollment() {
        return Some(String::from(t!("It is somebody’s own device; what they use on it is theirs.")));
    }
    if device.supervised != Some(true) {
        return Some(String::from(t!("It is not supervised: Apple lets only supervised devices be held to some apps or sites.")));
    }
    device
        .os_version
        .is_older_than(since)
        .then(|| t!("It needs iOS {since} or later; this device has {os_version}.", since, os_version = device.os_version))
}

/// The lists of policies hold on: what one of them hides stays hidden.
fn of_apps(tx: &Tx, target: &Target, items: &[String], wanted: &[Assignment]) -> Result<Result<Able, String>> {
    let lists = policies::app_lists(&policy_rows::of_assignments(tx, wanted)?, target);
    let hiding = |item: &String| lists.iter().find(|list| list.hides(item));
    let (hidden, shown): (Vec<_>, Vec<_>) = items.iter().cloned().partition(|item| hiding(item).is_some());
    let Some(policy) = hidden.iter().find_map(hiding).map(|list| &list.origin.name) else {
        return Ok(Ok(Able { items: shown, note: String::new() }));
    };
    if shown.is_empty() {
        return Ok(Err(t!("The policy “{policy}” hides all of these apps here.", policy)));
    }
    let note = t!("The policy “{policy}” hides here also during the lesson: {list}.", policy, list = hidden.join(", "));
    Ok(Ok(Able { items: shown, note }))
}

fn of_one_app(tx: &Tx, target: &Target, items: &[String], wanted: &[Assignment]) -> Result<Result<Able, String>> {
    if let Some(origin) = locking(tx, wanted)? {
        return Ok(Err(t!(
            "The profile “{name}” keeps it in one app already, and a device takes only one such profile.",
            name = origin.name
        )));
    }
    let lists = policies::app_lists(&policy_rows::of_assignments(tx, wanted)?, target);
    let hiding = items.iter().find_map(|item| lists.iter().find(|list| list.hides(item)));
    if let Some(list) = hiding {
        return Ok(Err(t!("The policy “{name}” hides this app here.", name = list.origin.name)));
    }
    Ok(Ok(Able { items: items.to_vec(), note: String::new() }))
}

/// The one app of a focus, as it is looked for on devices.
#[derive(Debug)]
pub(super) struct OneApp {
    id: String,
    name: String,
    /// Whether devices that have it list it: they do not list what belongs to their system, which all have.
    is_listed: bool,
}

/// The one app that is wished for in a class; none where the wish is another.
pub(super) fn one_app(tx: &Tx, class_id: &str, wish: &Wish) -> Result<Option<OneApp>> {
    let (FocusKind::App, Some(id)) = (wish.kind, wish.items.first()) else { return Ok(None) };
    let (apples, known) = (apples_name(id), focuses::app_name(tx, class_id, id)?);
    let is_listed = apples.is_none() && (known.is_some() || !id.starts_with(APPLES));
    let name = apples.map(str::to_owned).or(known).unwrap_or_else(|| id.clone());
    Ok(Some(OneApp { id: id.clone(), name, is_listed }))
}

/// Whether a device that can have a focus of one app has the app too: without it, it would show nothing at all.
pub(super) fn where_it_is(tx: &Tx, enrollment_id: &str, app: &OneApp, able: Able) -> Result<Result<Able, String>> {
    if !app.is_listed || inventory::has_app(tx, enrollment_id, &app.id)? {
        return Ok(Ok(able));
    }
    if inventory::read_at(tx, enrollment_id, "InstalledApplicationList")?.is_some() {
        return Ok(Err(t!("“{app}” is not on it, and it would show nothing else until it is.", app = app.name)));
    }
    Ok(Ok(Able { note: String::from(t!("It has not said yet which apps it has.")), ..able }))
}

/// A profile of the library that keeps a device in one app.
fn locking(tx: &Tx, wanted: &[Assignment]) -> Result<Option<Origin>> {
    for assignment in wanted.iter().filter(|assignment| assignment.kind == AssignedKind::Profile) {
        let Some(profile) = profile_rows::by_id(tx, &assignment.item_id)? else { continue };
        let facts = profiles::version(tx, &profile.id, profile.version)?.facts;
        if facts.payloads.iter().any(|payload| payload.payload_type == APP_LOCK) {
            return Ok(Some(Origin { kind: AssignedKind::Profile, id: profile.id, name: profile.name }));
        }
    }
    Ok(None)
}

/// What a focus of a class shows, in a few words: `one app: Pages`.
pub fn words(tx: &Tx, class_id: &str, kind: FocusKind, items: &[String]) -> Result<String> {
    let first = items.first().map(String::as_str).unwrap_or_default();
    let name = match (kind, apples_name(first)) {
        (FocusKind::Sites, _) => String::new(),
        (FocusKind::App | FocusKind::Apps, Some(name)) => name.to_owned(),
        (FocusKind::App | FocusKind::Apps, None) => focuses::app_name(tx, class_id, first)?.unwrap_or_else(|| first.to_owned()),
    };
    Ok(phrase(kind, items, &name))
}

/// The same in words that stay as they are, whatever an app is called later: a device gets them once.
pub(super) fn lasting_words(kind: FocusKind, items: &[String]) -> String {
    let first = items.first().map(String::as_str).unwrap_or_default();
    phrase(kind, items, apples_name(first).unwrap_or(first))
}

/// `name` is that of the first app.
fn phrase(kind: FocusKind, items: &[String], name: &str) -> String {
    let first = items.first().map(String::as_str).unwrap_or_default();
    match (kind, items.len()) {
        (FocusKind::App, _) => t!("one app: {name}", name),
        (FocusKind::Apps, 1) => t!("only {name}", name),
        (FocusKind::Apps, count) => t!("only {count} apps", count),
        (FocusKind::Sites, 1) => t!("only the site {first}", first = host(first)),
        (FocusKind::Sites, count) => t!("only {count} sites", count),
    }
}

/// Apple's own apps that lessons use, which devices do not list: bundle id and name.
pub const APPLE_APPS: [(&str, &str); 12] = [
    ("com.apple.mobilesafari", "Safari"),
    ("com.apple.mobilenotes", "Notes"),
    ("com.apple.calculator", "Calculator"),
    ("com.apple.camera", "Camera"),
    ("com.apple.mobileslideshow", "Photos"),
    ("com.apple.DocumentsApp", "Files"),
    ("com.apple.iBooks", "Books"),
    ("com.apple.freeform", "Freeform"),
    ("com.apple.Maps", "Maps"),
    ("com.apple.Translate", "Translate"),
    ("com.apple.VoiceMemos", "Voice Memos"),
    ("com.apple.mobilecal", "Calendar"),
];

/// What people call one of Apple's own apps.
fn apples_name(bundle_id: &str) -> Option<&'static str> {
    APPLE_APPS.iter().find(|(known, _)| *known == bundle_id).map(|(_, name)| *name)
}
