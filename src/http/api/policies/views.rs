//! What callers see of policies.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::policies::{self, Clash, Effective, EffectiveKey, Ends, Warning, catalogue};
use crate::mdm::wanted::{Origin, Unable};
use crate::mdm::{Actor, betas};
use crate::store::Tx;
use crate::store::policies::{AssignedGroup, Policy};

/// A policy.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PolicyView {
    /// UUIDv7.
    pub(super) id: String,
    /// What people call it.
    pub(super) name: String,
    /// What it is for.
    note: String,
    /// The switches that are on, each with its value.
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
    /// The same in words.
    summary: Vec<String>,
    /// Where it does less than it may seem to, and what it gets in the way of on the devices of its groups; they forbid nothing. Lists leave out the latter.
    warnings: Vec<PolicyWarning>,
    /// How it ends where it is assigned for a limited time.
    ends: Ends,
    /// The groups that it is assigned to.
    groups: Vec<PolicyGroup>,
    /// Counts its changes.
    revision: i64,
    /// When it was made.
    created_at: Timestamp,
    /// When it was last changed.
    changed_at: Timestamp,
}

/// Something that a policy does not do though it may look so.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PolicyWarning {
    /// The switch that it is about; null where it is about another thing on the same devices.
    switch: Option<String>,
    /// What is to be known, and what to do.
    words: String,
    /// The profile or policy that it gets in the way of.
    with: Option<Origin>,
    /// The key that both set.
    key: Option<String>,
}

impl From<Warning> for PolicyWarning {
    fn from(warning: Warning) -> Self {
        Self { switch: Some(warning.switch.to_owned()), words: warning.words, with: None, key: None }
    }
}

impl From<Clash> for PolicyWarning {
    fn from(clash: Clash) -> Self {
        Self { switch: None, words: clash.message, with: Some(clash.with), key: clash.key }
    }
}

/// A group that a policy is assigned to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PolicyGroup {
    /// The group's id.
    id: String,
    /// Its name.
    name: String,
    /// How many devices are in it.
    device_count: u64,
    /// When the assignment ends by itself; null for never.
    ends_at: Option<Timestamp>,
}

impl From<AssignedGroup> for PolicyGroup {
    fn from(group: AssignedGroup) -> Self {
        Self { id: group.id, name: group.name, device_count: group.devices.unsigned_abs(), ends_at: group.ends_at }
    }
}

impl PolicyView {
    /// A policy with its groups and what it gets in the way of there.
    pub(super) fn of(tx: &Tx, actor: &Actor, policy: Policy) -> Result<Self> {
        let clashes = policies::check(tx, actor, &policy.id, &[])?;
        let mut view = Self::listed(tx, actor, policy)?;
        view.warnings.extend(clashes.into_iter().map(PolicyWarning::from));
        Ok(view)
    }

    /// The same without what takes a look at each device.
    pub(super) fn listed(tx: &Tx, actor: &Actor, policy: Policy) -> Result<Self> {
        let groups = policies::groups(tx, actor, &policy.id)?;
        let warnings = policies::all_warnings(tx, &policy.settings)?.into_iter();
        let programs = betas::titles_for(tx, &policy.settings)?;
        let on = catalogue::all().filter_map(|switch| Some(policies::in_words(switch, policy.settings.get(switch.id)?, &programs)));
        Ok(Self {
            summary: on.collect(),
            warnings: warnings.map(PolicyWarning::from).collect(),
            groups: groups.into_iter().map(PolicyGroup::from).collect(),
            ends: policies::ends(&policy.settings),
            id: policy.id,
            name: policy.name,
            note: policy.note,
            settings: policy.settings,
            revision: policy.revision,
            created_at: policy.created_at,
            changed_at: policy.changed_at,
        })
    }
}

/// What the policies of a device come to on it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OnDevice {
    /// What it is to have.
    keys: Vec<KeyView>,
    /// What it cannot have.
    unable: Vec<Unable>,
}

/// A key as it holds on a device.
#[derive(Debug, Serialize, ToSchema)]
struct KeyView {
    /// The payload type or the type of the declaration.
    of_type: String,
    /// The key; those within dictionaries of a declaration are joined by dots.
    key: String,
    /// The key in words.
    words: String,
    /// The value that holds.
    value: Value,
    /// The policies that want it so; those that want less are left out.
    origins: Vec<Origin>,
}

impl From<EffectiveKey> for KeyView {
    fn from(key: EffectiveKey) -> Self {
        let EffectiveKey { of_type, key, words, value, origins } = key;
        Self { of_type, key, words, value, origins }
    }
}

impl From<Effective> for OnDevice {
    fn from(effective: Effective) -> Self {
        Self { keys: effective.keys.into_iter().map(KeyView::from).collect(), unable: effective.unable }
    }
}
