//! What devices fetch: the manifest of the version that is meant for each, and the package that it names.

use crate::error::{Error, Result};
use crate::mdm::capability;
use crate::protocol::manifest::{self, Manifest};
use crate::protocol::package::PackageKind;
use crate::store::devices::{self, Device};
use crate::store::enrollments::{self, Enrollment};
use crate::store::packages::{self as store, Package, Stage};
use crate::store::{Tx, apps};

/// The last part of a manifest's address.
pub const MANIFEST: &str = "manifest.plist";

/// The last part of a picture's address.
pub const ICON: &str = "icon.png";

/// A package that a device may have.
#[derive(Debug, Clone)]
pub struct Given {
    /// The package.
    pub package: Package,
    /// The enrollment that asks; nothing where we try our own address.
    pub enrollment_id: Option<String>,
}

/// The version of an app that is meant for a device: of those for its platform the pilot's where the device is in the pilot group, else the one for
/// everyone. Where none is for its platform, one of another: what it is, and why the device cannot have it, is told by that.
///
/// Whether the app is wanted there, and whether the version runs there (`facts.platforms`, `facts.minimum_os`), is the caller's question.
pub fn for_device(tx: &Tx, app_id: &str, device: &Device) -> Result<Option<Package>> {
    let mut meant = Vec::new();
    if let Some(group_id) = store::rollout(tx, app_id)?.pilot_group_id
        && store::is_in_group(tx, &group_id, &device.id)?
    {
        meant = store::in_stage(tx, app_id, Stage::Pilot)?;
    }
    meant.extend(store::in_stage(tx, app_id, Stage::Everyone)?);
    let fits = meant.iter().position(|package| package.facts.runs_on(device.platform)).unwrap_or_default();
    Ok((!meant.is_empty()).then(|| meant.swap_remove(fits)))
}

/// A version of an app that is meant for anybody: by it our own address is tried.
pub(super) fn for_trial(tx: &Tx, app_id: &str) -> Result<Option<Package>> {
    let mut meant = store::in_stage(tx, app_id, Stage::Everyone)?;
    meant.extend(store::in_stage(tx, app_id, Stage::Pilot)?);
    Ok(meant.into_iter().next())
}

/// The address of an app's manifest for an enrollment, the same for as long as it lives: what is there follows the version that is meant for it.
///
/// None where the device knows this server by an address without https, which devices do not fetch manifests from.
pub fn manifest_url(tx: &Tx, enrollment: &Enrollment, app_id: &str) -> Result<Option<String>> {
    capability::prepare(tx)?;
    let Some(capability) = capability::of(tx, enrollment, capability::PACKAGES)? else { return Ok(None) };
    Ok(origin(tx, enrollment)?.map(|origin| address(&origin, app_id, &capability)))
}

pub(super) fn address(origin: &str, app_id: &str, capability: &str) -> String {
    format!("{origin}/packages/{app_id}/{capability}/{MANIFEST}")
}

/// Scheme, host and port by which a device knows this server; https only.
pub(super) fn origin(tx: &Tx, enrollment: &Enrollment) -> Result<Option<String>> {
    let url = match &enrollment.parent_id {
        Some(parent_id) => enrollments::by_id(tx, parent_id)?.map(|parent| parent.server_url).unwrap_or_default(),
        None => enrollment.server_url.clone(),
    };
    let host = url.strip_prefix("https://").and_then(|rest| rest.split('/').next()).filter(|host| !host.is_empty());
    Ok(host.map(|host| format!("https://{host}")))
}

/// What the capability of one package is for: whoever has it was told by a manifest that this package is meant for it.
fn of_package(sha256: &str) -> String {
    format!("{}/{sha256}", capability::PACKAGES)
}

/// Who asks by a capability.
enum Asker {
    Device(Box<(Enrollment, Device)>),
    Ourselves,
}

fn asker(tx: &Tx, capability: &str, purpose: &str) -> Result<Option<Asker>> {
    if capability::is_own(tx, capability, purpose)? {
        return Ok(Some(Asker::Ourselves));
    }
    let Some(enrollment) = capability::holder(tx, capability, purpose)? else { return Ok(None) };
    let device = devices::by_id(tx, &enrollment.device_id)?.filter(|device| device.deleted_at.is_none());
    Ok(device.map(|device| Asker::Device(Box::new((enrollment, device)))))
}

/// The manifest of an app for the holder of a capability; none where the app is not, or not any more, meant for it. `own` is our own address.
pub fn manifest(tx: &Tx, app_id: &str, capability: &str, own: &str) -> Result<Option<Vec<u8>>> {
    let Some(asker) = asker(tx, capability, capability::PACKAGES)? else { return Ok(None) };
    let (package, origin) = match &asker {
        Asker::Ourselves => (for_trial(tx, app_id)?, Some(own.to_owned())),
        Asker::Device(asker) => {
            let (enrollment, device) = &**asker;
            if !store::is_wanted(tx, app_id, &device.id)? {
                return Ok(None);
            }
            (for_device(tx, app_id, device)?, origin(tx, enrollment)?)
        }
    };
    let Some((package, origin)) = package.zip(origin) else { return Ok(None) };
    let purpose = of_package(&package.sha256);
    let given = match &asker {
        Asker::Ourselves => capability::own(tx, &purpose)?,
        Asker::Device(asker) => capability::of(tx, &asker.0, &purpose)?,
    };
    given.map(|given| write(tx, &package, &format!("{origin}/packages/{given}/{}", package.sha256))).transpose()
}

fn write(tx: &Tx, package: &Package, folder: &str) -> Result<Vec<u8>> {
    let lost = || Error::not_found(t!("The package is gone."));
    let hashes = store::hashes(tx, &package.id)?.ok_or_else(lost)?;
    let app = apps::by_id(tx, &package.app_id)?.ok_or_else(lost)?;
    // A Mac tells versions of an app apart by the app's own identifier where there is just one inside (apps-and-books.md §7: of a package its own).
    let identifier = package.facts.identifier.as_str();
    let subtitle = match package.facts.kind {
        PackageKind::Ipa => package.facts.provisioning.as_ref().map(|profile| profile.team_name.as_str()).unwrap_or_default(),
        PackageKind::Pkg => "",
    };
    let manifest = Manifest {
        package_url: format!("{folder}/{}", package.file_name),
        hashes: &hashes,
        image_url: package.has_icon.then(|| format!("{folder}/{ICON}")),
        bundle_identifier: identifier,
        bundle_version: &package.version,
        title: &app.name,
        subtitle,
    };
    manifest::write(&manifest).map_err(|error| Error::internal("a manifest could not be written", error))
}

/// The package with this content, for the holder of a capability; none where no app with it is, or is any more, meant for it.
///
/// Any version counts that a manifest named to that device: a download that began before another one was put in its place goes on to its end.
pub fn given(tx: &Tx, capability: &str, sha256: &str) -> Result<Option<Given>> {
    let (Some(asker), Some(package)) = (asker(tx, capability, &of_package(sha256))?, store::by_sha256(tx, sha256)?) else {
        return Ok(None);
    };
    match asker {
        Asker::Ourselves => Ok(Some(Given { package, enrollment_id: None })),
        Asker::Device(asker) if store::is_wanted(tx, &package.app_id, &asker.1.id)? => {
            Ok(Some(Given { package, enrollment_id: Some(asker.0.id) }))
        }
        Asker::Device(_) => Ok(None),
    }
}

/// The picture of a package, by the package's id.
pub fn icon(tx: &Tx, id: &str) -> Result<Option<Vec<u8>>> {
    store::icon(tx, id)
}
