//! What the API shows of profiles.

use std::fmt::Write as _;

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::mdm::profiles::{Overview, Uploaded, Warning};
use crate::protocol::mobileconfig::facts::Facts;
use crate::store::assignments::Assignment;
use crate::store::profiles::{ProfileState, Standing, Version};

/// A profile, with its version in use.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProfileView {
    /// UUIDv7.
    id: String,
    /// PayloadIdentifier, which no other has.
    identifier: String,
    /// What people call it.
    name: String,
    /// What it is for.
    note: String,
    /// The version that devices are to have.
    version: i64,
    /// Bytes of that version.
    size_bytes: i64,
    /// SHA-256 of that version, in hex.
    sha256: String,
    /// The names of the variables that it uses.
    variables: Vec<String>,
    /// What it is and holds.
    facts: Facts,
    /// Where it is assigned.
    assignments: Vec<AssignmentView>,
    /// How many devices those are now.
    device_count: u64,
    /// How many enrollments are how far.
    results: Results,
    /// When it was first uploaded.
    created_at: Timestamp,
    /// When its name, note or version changed last.
    changed_at: Timestamp,
}

/// How many enrollments are how far with a profile, from what they confirmed.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = ProfileResults)]
struct Results {
    /// The device confirmed that it has it.
    installed: u64,
    /// It was sent and is not confirmed yet.
    installing: u64,
    /// It is to be sent.
    waiting: u64,
    /// The device refused it.
    failed: u64,
    /// It is to go from the device.
    removing: u64,
}

/// Where a profile is assigned.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProfileAssignment)]
pub(super) struct AssignmentView {
    /// The group.
    group_id: String,
    /// When devices remove it by themselves; null for never.
    ends_at: Option<Timestamp>,
    /// Who assigned it.
    created_by: String,
    /// When.
    created_at: Timestamp,
}

impl From<Assignment> for AssignmentView {
    fn from(row: Assignment) -> Self {
        Self { group_id: row.group_id, ends_at: row.ends_at, created_by: row.created_by, created_at: row.created_at }
    }
}

impl From<Overview> for ProfileView {
    fn from(found: Overview) -> Self {
        let of = |state| found.counts.iter().find(|(known, _)| *known == state).map_or(0, |(_, count)| *count);
        let results = Results {
            installed: of(ProfileState::Installed),
            installing: of(ProfileState::Installing),
            waiting: of(ProfileState::Waiting),
            failed: of(ProfileState::Failed),
            removing: of(ProfileState::Removing),
        };
        Self {
            id: found.profile.id,
            identifier: found.profile.identifier,
            name: found.profile.name,
            note: found.profile.note,
            version: found.profile.version,
            size_bytes: found.current.size_bytes,
            sha256: hex(&found.current.sha256),
            variables: found.current.variables,
            facts: found.current.facts,
            assignments: found.assignments.into_iter().map(AssignmentView::from).collect(),
            device_count: found.reach,
            results,
            created_at: found.profile.created_at,
            changed_at: found.profile.changed_at,
        }
    }
}

/// One version of a profile.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProfileVersion)]
pub(super) struct VersionView {
    /// Its number, from 1.
    version: i64,
    /// Whether devices are to have this one.
    in_use: bool,
    /// Bytes of it.
    size_bytes: i64,
    /// SHA-256 of it, in hex.
    sha256: String,
    /// The names of the variables that it uses.
    variables: Vec<String>,
    /// What it is and holds.
    facts: Facts,
    /// Who uploaded it.
    created_by: String,
    /// When.
    created_at: Timestamp,
}

impl VersionView {
    /// A version of a profile of which `current` is in use.
    pub(super) fn of(version: Version, current: i64) -> Self {
        Self {
            version: version.version,
            in_use: version.version == current,
            size_bytes: version.size_bytes,
            sha256: hex(&version.sha256),
            variables: version.variables,
            facts: version.facts,
            created_by: version.created_by,
            created_at: version.created_at,
        }
    }
}

/// What became of an upload.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProfileUploaded)]
pub(super) struct UploadedView {
    /// The profile's id.
    id: String,
    /// PayloadIdentifier.
    identifier: String,
    /// What people call it.
    name: String,
    /// The version that devices are to have.
    version: i64,
    /// The version that was brought.
    uploaded: VersionView,
    /// Whether anything is other than before; the same bytes again change nothing.
    changed: bool,
    /// What is odd about it.
    warnings: Vec<Warning>,
}

impl From<Uploaded> for UploadedView {
    fn from(done: Uploaded) -> Self {
        Self {
            id: done.profile.id,
            identifier: done.profile.identifier,
            name: done.profile.name,
            version: done.profile.version,
            uploaded: VersionView::of(done.version, done.profile.version),
            changed: done.changed,
            warnings: done.warnings,
        }
    }
}

/// How far one enrollment is with a profile.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProfileStanding)]
pub(in crate::http::api) struct StandingView {
    /// The enrollment.
    enrollment_id: String,
    /// Its device.
    device_id: String,
    /// What the device is called.
    device_name: String,
    /// Which user of the device; empty for the device itself.
    user_name: String,
    /// How far it is.
    state: ProfileState,
    /// Why it failed, or cannot be; empty otherwise.
    because: String,
    /// Since when.
    changed_at: Option<Timestamp>,
}

impl From<Standing> for StandingView {
    fn from(row: Standing) -> Self {
        Self {
            enrollment_id: row.enrollment_id,
            device_id: row.device_id,
            device_name: row.device_name,
            user_name: row.user_name,
            state: row.state,
            because: row.because,
            changed_at: row.changed_at,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
