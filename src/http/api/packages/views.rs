//! What the API shows of packages.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::packages::{self, Overview};
use crate::protocol::package::Facts;
use crate::store::Tx;
use crate::store::packages::{Held, Package, Stage, Upload};

/// An app of your own in the list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppWithPackages)]
pub(super) struct HeldView {
    /// The app's id.
    app_id: String,
    /// What people call it.
    name: String,
    /// Its bundle identifier, or that of the package.
    bundle_id: String,
    /// How many versions are kept.
    version_count: i64,
    /// The version for everyone; empty where there is none.
    everyone_version: String,
    /// The version for the pilot group; empty where there is none.
    pilot_version: String,
    /// Bytes of all versions.
    size_bytes: i64,
}

impl From<Held> for HeldView {
    fn from(row: Held) -> Self {
        Self {
            app_id: row.app_id,
            name: row.name,
            bundle_id: row.bundle_id,
            version_count: row.versions,
            everyone_version: row.everyone,
            pilot_version: row.pilot,
            size_bytes: row.size_bytes,
        }
    }
}

/// A version of an app.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PackageView {
    /// UUIDv7.
    id: String,
    /// The app that it is a version of.
    app_id: String,
    /// SHA-256 of the file, in hex.
    sha256: String,
    /// What devices are told that the file is called.
    file_name: String,
    /// Bytes of the file.
    size_bytes: i64,
    /// CFBundleVersion, or the package's version.
    version: String,
    /// For whom it is meant.
    stage: Stage,
    /// What the file says of itself.
    facts: Facts,
    /// What is to be known of it now, in sentences.
    warnings: Vec<String>,
    /// Who uploaded it.
    created_by: String,
    /// When.
    created_at: Timestamp,
}

impl PackageView {
    pub(super) fn of(tx: &Tx, package: Package) -> Result<Self> {
        Ok(Self {
            warnings: packages::notes(tx, &package)?,
            id: package.id,
            app_id: package.app_id,
            sha256: package.sha256,
            file_name: package.file_name,
            size_bytes: package.size_bytes,
            version: package.version,
            stage: package.stage,
            facts: package.facts,
            created_by: package.created_by,
            created_at: package.created_at,
        })
    }
}

/// An app of your own with its versions.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppPackages)]
pub(super) struct AppPackagesView {
    /// The app's id.
    app_id: String,
    /// What people call it.
    name: String,
    /// Its bundle identifier, or that of the package.
    bundle_id: String,
    /// The group that gets new versions first.
    pilot_group_id: Option<String>,
    /// Why no device of that group tries a new version, in a sentence; empty where one can, and where there is no such group.
    pilot_problem: String,
    /// When it was last tried whether devices can fetch it; null before that.
    checked_at: Option<Timestamp>,
    /// Why they cannot, in a sentence; empty where nothing is known against it.
    problem: String,
    /// Its versions, newest first.
    versions: Vec<PackageView>,
}

impl AppPackagesView {
    pub(super) fn of(tx: &Tx, found: Overview) -> Result<Self> {
        Ok(Self {
            pilot_problem: packages::nobody_tries(tx, &found.app.id)?.unwrap_or_default(),
            versions: found.versions.into_iter().map(|package| PackageView::of(tx, package)).collect::<Result<_>>()?,
            app_id: found.app.id,
            name: found.app.name,
            bundle_id: found.app.bundle_id,
            pilot_group_id: found.rollout.pilot_group_id,
            checked_at: found.rollout.checked_at,
            problem: found.rollout.problem,
        })
    }
}

/// What became of a file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PackageKept)]
pub(super) struct KeptView {
    /// The version.
    pub(super) package: PackageView,
    /// Whether it is new; the same bytes again are the same version.
    pub(super) is_new: bool,
}

/// An upload under way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PackageUpload)]
pub(super) struct UploadView {
    /// UUIDv7.
    id: String,
    /// What the file is called.
    file_name: String,
    /// Bytes that it is to have; 0 where whoever sends it in one go did not say.
    size_bytes: i64,
    /// Bytes that have come: where to go on.
    received_bytes: u64,
    /// SHA-256 that it is to have, in hex; empty where nobody said.
    sha256: String,
    /// Who uploads it.
    created_by: String,
    /// When it began.
    created_at: Timestamp,
    /// When it is given up, unless another piece comes before.
    ends_at: Timestamp,
}

impl UploadView {
    pub(super) fn of(upload: Upload, received_bytes: u64) -> Self {
        Self {
            id: upload.id,
            file_name: upload.file_name,
            size_bytes: upload.size_bytes,
            received_bytes,
            sha256: upload.sha256,
            created_by: upload.created_by,
            created_at: upload.created_at,
            ends_at: upload.changed_at.plus(packages::UPLOAD_KEPT),
        }
    }
}
