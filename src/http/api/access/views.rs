//! What the API says and takes about app access.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::mdm::access::{Affected, Overview, Policy};
use crate::pki::hex;
use crate::store::access::{AccessKey, Holder};
use crate::store::offline_copies::{Copy, Keeper, Kept};

/// An empty object.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessNothing {}

/// Who may use an app.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AccessView {
    /// The app.
    app_id: String,
    /// What it says it is when it asks.
    bundle_id: String,
    /// Its policy; null where nobody has to ask.
    policy: Option<Policy>,
    /// What a new policy begins with.
    sensible: Policy,
    /// Grows with each change; 0 without a policy.
    revision: i64,
}

impl From<Overview> for AccessView {
    fn from(found: Overview) -> Self {
        let Overview { app, policy, revision } = found;
        Self { app_id: app.id, bundle_id: app.bundle_id, policy, sensible: Policy::default(), revision }
    }
}

/// A policy that is to be set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessInput {
    /// The policy; what is left out is sensible.
    pub(super) policy: Option<Policy>,
    /// The revision that the change was made from; the change is refused if there is a newer one.
    pub(super) revision: Option<i64>,
}

/// A device or a person's installation that has asked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HolderView {
    /// Its id.
    id: String,
    /// The device, where it proved itself.
    device_id: Option<String>,
    /// The device's name.
    device: Option<String>,
    /// The person, where one was known.
    person_id: Option<String>,
    /// The person's name.
    person: Option<String>,
    /// Number of its last grant.
    sequence: i64,
    /// What it was told last: `granted`, or why not.
    code: String,
    /// When it last asked for what it was granted.
    asked_at: Timestamp,
    /// When it was last granted.
    granted_at: Option<Timestamp>,
    /// Until when it may be offline.
    offline_until: Option<Timestamp>,
}

impl From<Holder> for HolderView {
    fn from(holder: Holder) -> Self {
        let Holder { standing, device, person } = holder;
        let (device_id, device) = device.unzip();
        Self {
            id: standing.holder,
            device_id,
            device,
            person_id: standing.person_id,
            person,
            sequence: standing.sequence,
            code: standing.code,
            asked_at: standing.asked_at,
            granted_at: standing.granted_at,
            offline_until: standing.offline_until,
        }
    }
}

/// A key that signs or signed grants.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AccessKeyView {
    /// Its id, the `kid` of what it signs.
    id: String,
    /// When it was made.
    created_at: Timestamp,
    /// When another took over; null for the one that signs.
    retired_at: Option<Timestamp>,
}

impl From<AccessKey> for AccessKeyView {
    fn from(key: AccessKey) -> Self {
        Self { id: key.id, created_at: key.created_at, retired_at: key.retired_at }
    }
}

/// A copy of an offline edit.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CopyView {
    /// Its id.
    id: String,
    /// Whose installation it came from.
    holder: String,
    /// Device and person, as they were called then.
    whose: String,
    /// The device.
    device_id: Option<String>,
    /// The person.
    person_id: Option<String>,
    /// The app's own name for the document.
    document: String,
    /// Counts from 1 for each holder and document.
    version: i64,
    /// What the app says it is.
    media_type: String,
    /// Size.
    size_bytes: i64,
    /// SHA-256 of the content, in hexadecimal.
    sha256: String,
    /// Whether it came when the right to use the app had ended.
    after_refusal: bool,
    /// When it came.
    created_at: Timestamp,
    /// Until when it is kept.
    keep_until: Timestamp,
}

impl From<Copy> for CopyView {
    fn from(copy: Copy) -> Self {
        Self {
            id: copy.id,
            holder: copy.holder,
            whose: copy.whose,
            device_id: copy.device_id,
            person_id: copy.person_id,
            document: copy.document,
            version: copy.version,
            media_type: copy.media_type,
            size_bytes: copy.size_bytes,
            sha256: hex(&copy.sha256),
            after_refusal: copy.after_refusal,
            created_at: copy.created_at,
            keep_until: copy.keep_until,
        }
    }
}

/// A device or a person with copies of an app.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeeperView {
    /// The device; null for a person whose app asks for a password alone.
    device_id: Option<String>,
    /// That person.
    person_id: Option<String>,
    /// What they were called when the newest copy came.
    whose: String,
    /// How many copies.
    count: u64,
    /// Their bytes together.
    size_bytes: u64,
}

impl From<Kept> for KeeperView {
    fn from(kept: Kept) -> Self {
        let (device_id, person_id) = match kept.keeper {
            Keeper::Device(id) => (Some(id), None),
            Keeper::Person(id) => (None, Some(id)),
        };
        Self { device_id, person_id, whose: kept.whose, count: kept.count, size_bytes: kept.bytes }
    }
}

/// Who would be told to erase what an app holds.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AccessPreview {
    /// How many installations.
    erases: usize,
    /// Each one.
    items: Vec<AccessErased>,
}

/// One installation that would be told to erase.
#[derive(Debug, Serialize, ToSchema)]
struct AccessErased {
    /// Its device and person, in words.
    whose: String,
    /// What its person would be told.
    reason: String,
}

impl From<Vec<Affected>> for AccessPreview {
    fn from(affected: Vec<Affected>) -> Self {
        let items: Vec<_> = affected.into_iter().map(|one| AccessErased { whose: one.whose, reason: one.because }).collect();
        Self { erases: items.len(), items }
    }
}
