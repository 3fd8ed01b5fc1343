//! A package that was read comes in: the app that it belongs to is found or made, and it is decided for whom the version is meant.

use serde_json::json;

use super::{PACKAGES_MAX, VERSIONS_MAX};
use crate::error::{Error, Result};
use crate::language;
use crate::mdm::journal::{self, Subject};
use crate::mdm::{Actor, Right};
use crate::protocol::manifest::Hashes;
use crate::protocol::package::{Facts, Package as Read, PackageKind};
use crate::protocol::provision::Reach;
use crate::store::Tx;
use crate::store::apps::{self, App, AppKind};
use crate::store::packages::{self as store, Package, Stage};

/// The longest name of a file that is kept, in bytes.
const FILE_NAME_MAX_BYTES: usize = 120;

/// What is brought: a file that was read and hashed.
#[derive(Debug, Clone)]
pub struct NewPackage {
    /// What its bytes come to.
    pub hashes: Hashes,
    /// What it says of itself.
    pub read: Read,
    /// Whether it may come in though its provisioning profile has ended.
    pub accept_expired: bool,
    /// For whom it is meant; by default for the pilot group where there is one, for everyone where it is the first, else for nobody yet.
    pub stage: Option<Stage>,
}

/// What became of it.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The package.
    pub package: Package,
    /// The app that it belongs to.
    pub app: App,
    /// Whether it is new; the same bytes again are the same package.
    pub is_new: bool,
}

/// Says whether a package could come in, before its file is put in its place.
///
/// # Errors
/// Names `accept_expired` when the provisioning profile inside has ended; conflict when there are too many.
pub fn admit(tx: &Tx, actor: &Actor, new: &NewPackage) -> Result<()> {
    actor.require(Right::Configure)?;
    if store::by_sha256(tx, &new.hashes.sha256)?.is_some() {
        return Ok(());
    }
    let facts = &new.read.facts;
    if let Some(profile) = facts.provisioning.as_ref().filter(|profile| profile.expires_at <= tx.now)
        && !new.accept_expired
    {
        return Err(Error::field(
            "accept_expired",
            t!(
                "The provisioning profile inside ended on {day}: no device starts the app by it. Export the app with a newer profile; or say that you take it all the same, because devices get a newer profile beside the app.",
                day = language::date(profile.expires_at.day())
            ),
        ));
    }
    if store::count(tx)? >= PACKAGES_MAX {
        return Err(Error::conflict(t!(
            "There are {PACKAGES_MAX} packages already, which is the most. Delete old versions first.",
            PACKAGES_MAX
        )));
    }
    if app_of(tx, facts)?.is_none()
        && let Some(clash) = super::of_the_store(tx, &facts.identifier)?
    {
        return Err(Error::conflict(t!(
            "“{name}” of the App Store has the identifier {identifier} too, and a device has one app of an identifier. Delete that one first, or give yours another.",
            name = clash.name,
            identifier = facts.identifier
        )));
    }
    if let Some(app) = app_of(tx, facts)?
        && store::of_app(tx, &app.id)?.len() >= VERSIONS_MAX
    {
        return Err(Error::conflict(t!(
            "“{name}” has {VERSIONS_MAX} versions already, which is the most that are kept. Delete old ones first.",
            name = app.name,
            VERSIONS_MAX
        )));
    }
    if new.stage == Some(Stage::Pilot) {
        let pilot = app_of(tx, facts)?.map(|app| store::rollout(tx, &app.id)).transpose()?.and_then(|rollout| rollout.pilot_group_id);
        if pilot.is_none() {
            return Err(Error::field("stage", t!("the app has no pilot group yet; choose one first, or another stage")));
        }
    }
    Ok(())
}

/// Brings a package in. Its file lies in its place already: a device may fetch it the moment this is stored.
///
/// # Errors
/// As [`admit`].
pub fn keep(tx: &Tx, actor: &Actor, new: &NewPackage) -> Result<Kept> {
    admit(tx, actor, new)?;
    if let Some(package) = store::by_sha256(tx, &new.hashes.sha256)? {
        let app = apps::by_id(tx, &package.app_id)?.ok_or_else(|| Error::not_found(t!("The app of this package is gone.")))?;
        let package = match new.stage {
            // Said on purpose: it holds for a file that is here already, too.
            Some(stage) => super::stage(tx, actor, &package.id, stage)?,
            None => package,
        };
        return Ok(Kept { package, app, is_new: false });
    }
    let mut facts = new.read.facts.clone();
    let (app, is_first) = match app_of(tx, &facts)? {
        Some(app) => (app, false),
        None => (make(tx, actor, &facts)?, true),
    };
    let others = store::of_app(tx, &app.id)?;
    facts.warnings.extend(oddities(&facts, &others));
    let has_pilot = store::rollout(tx, &app.id)?.pilot_group_id.is_some();
    let stage = new.stage.unwrap_or(match () {
        () if is_first || others.is_empty() => Stage::Everyone,
        () if has_pilot => Stage::Pilot,
        () => Stage::Kept,
    });
    let package = Package {
        id: tx.new_id(),
        app_id: app.id.clone(),
        sha256: new.hashes.sha256.clone(),
        file_name: file_name(&facts),
        size_bytes: new.hashes.size_bytes as i64,
        version: facts.version.clone(),
        stage: Stage::Kept,
        facts,
        has_icon: new.read.icon.is_some(),
        created_by: actor.to_string(),
        created_at: tx.now,
    };
    store::insert(tx, &package, &new.hashes, new.read.icon.as_deref())?;
    let data =
        json!({ "package": package.id, "app": app.id, "name": app.name, "version": package.version, "size_bytes": package.size_bytes });
    journal::note(tx, actor, "package.uploaded", Subject::default(), data)?;
    if stage != Stage::Kept {
        super::stage(tx, actor, &package.id, stage)?;
    }
    let package = super::known(tx, &package.id)?;
    let app = apps::by_id(tx, &app.id)?.unwrap_or(app);
    Ok(Kept { package, app, is_new: true })
}

const fn kind_of(facts: &Facts) -> AppKind {
    match facts.kind {
        PackageKind::Ipa => AppKind::InHouse,
        PackageKind::Pkg => AppKind::Package,
    }
}

fn app_of(tx: &Tx, facts: &Facts) -> Result<Option<App>> {
    Ok(apps::by_bundle_id(tx, &facts.identifier)?.into_iter().find(|app| app.kind == kind_of(facts)))
}

fn make(tx: &Tx, actor: &Actor, facts: &Facts) -> Result<App> {
    let app = App {
        id: tx.new_id(),
        kind: kind_of(facts),
        adam_id: None,
        bundle_id: facts.identifier.clone(),
        name: if facts.name.is_empty() { facts.identifier.clone() } else { facts.name.clone() },
        note: String::new(),
        platforms: json!(facts.platforms).to_string(),
        facts: String::from("{}"),
        facts_at: None,
        settings: String::from("{}"),
        revision: 1,
        created_at: tx.now,
        changed_at: tx.now,
    };
    apps::insert(tx, &app)?;
    let data = json!({ "app": app.id, "name": app.name, "bundle_id": app.bundle_id, "kind": app.kind });
    journal::note(tx, actor, "app.added", Subject::default(), data)?;
    Ok(app)
}

/// What people should know of a version before devices get it.
fn oddities(facts: &Facts, others: &[Package]) -> Vec<String> {
    let mut odd = Vec::new();
    if others.iter().any(|other| other.version == facts.version) {
        odd.push(t!("Another file with the same version, {version}, is kept here. Devices that have that one take this one for the same and do not update; raise the build number.", version = facts.version));
    }
    if facts.kind == PackageKind::Ipa {
        match &facts.provisioning {
            None => odd.push(String::from(
                t!("There is no provisioning profile inside. The app starts only on devices that get one beside it: upload it under Provisioning profiles and assign it to the same groups."),
            )),
            Some(profile) => {
                if profile.devices == Reach::AppStore {
                    odd.push(String::from(
                        t!("It is exported for the App Store, and devices do not install such an app directly. Export it for in-house (Enterprise) or ad hoc distribution."),
                    ));
                }
                if profile.devices == Reach::ListedDevices {
                    odd.push(match profile.device_count {
                        1 => String::from(t!("It starts only on the one device that its provisioning profile lists.")),
                        count => t!("It starts only on the {count} devices that its provisioning profile lists.", count),
                    });
                }
                odd.extend(profile.doubt());
                if !profile.is_for(&facts.identifier) {
                    odd.push(t!("The provisioning profile inside is for {app_id}, not for this app: devices will refuse it.", app_id = profile.app_id));
                }
            }
        }
    }
    odd
}

/// What devices are told that the file is called: letters that every address can carry.
fn file_name(facts: &Facts) -> String {
    let plain = |text: &str| -> String {
        text.chars().map(|letter| if letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_') { letter } else { '-' }).collect()
    };
    let stem = format!("{}-{}", plain(&facts.identifier), plain(&facts.version));
    format!("{}.{}", &stem[..stem.len().min(FILE_NAME_MAX_BYTES)], facts.kind.extension())
}
