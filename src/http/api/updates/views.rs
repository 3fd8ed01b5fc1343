//! What callers see of update plans and of devices in them.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::{Day, Timestamp};
use crate::error::Result;
use crate::mdm::updates::doubt::{Listed, doubt};
use crate::mdm::updates::matrix::{Model, Section};
use crate::mdm::updates::plan::Read;
use crate::mdm::updates::preview::Preview;
use crate::mdm::updates::progress::{self, Counts, Laggard};
use crate::mdm::updates::rules::Rules;
use crate::mdm::updates::words;
use crate::store::Tx;
use crate::store::deployments::Mechanism;
use crate::store::update_plans::{self, Exception};
use crate::store::update_states::{Action, Stage, UpdateState};

/// How many devices stand where.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CountsView {
    /// All devices that are meant.
    total: u32,
    /// By stage; those without a device are left out.
    stages: BTreeMap<&'static str, u32>,
    /// Past the deadline and not there; they are counted in their stages too.
    overdue: u32,
}

impl From<&Counts> for CountsView {
    fn from(counts: &Counts) -> Self {
        let stages = counts.stages.iter().map(|(stage, count)| (stage.as_str(), *count)).collect();
        Self { total: counts.total(), stages, overdue: counts.overdue }
    }
}

/// A plan.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlanView {
    /// UUIDv7.
    pub(super) id: String,
    /// What people call it.
    name: String,
    /// What it is for.
    note: String,
    /// What it says.
    rules: Rules,
    /// Its target in words.
    summary: String,
    /// What of its target no device can get, in words: it is not listed, or not signed any more.
    warnings: Vec<String>,
    /// When nothing more was begun; null while it goes on.
    stopped_at: Option<Timestamp>,
    /// Why.
    stopped_because: String,
    /// How far it is.
    progress: CountsView,
    /// The same for each ring.
    rings: Vec<CountsView>,
    /// Devices that it leaves alone.
    exceptions: Vec<ExceptionView>,
    /// Counts its changes.
    revision: i64,
    /// Who made it.
    created_by: String,
    /// When.
    created_at: Timestamp,
    /// When it was last changed.
    changed_at: Timestamp,
}

impl PlanView {
    pub(super) fn of(tx: &Tx, read: Read) -> Result<Self> {
        Self::among(tx, read, &mut Listed::default())
    }

    /// One of several, for which the list of releases is read once.
    pub(super) fn among(tx: &Tx, read: Read, listed: &mut Listed) -> Result<Self> {
        let warnings = doubt(tx, &read.rules.target, listed)?.into_iter().collect();
        let (all, rings) = progress::counts(tx, &read)?;
        let exceptions = update_plans::exceptions(tx, &read.plan.id, crate::mdm::updates::plans::EXCEPTIONS_MAX)?;
        let Read { plan, rules, .. } = read;
        Ok(Self {
            id: plan.id,
            name: plan.name,
            note: plan.note,
            summary: rules.target.words(),
            warnings,
            rules,
            stopped_at: plan.stopped_at,
            stopped_because: plan.stopped_because,
            progress: CountsView::from(&all),
            rings: rings.iter().map(CountsView::from).collect(),
            exceptions: exceptions.into_iter().map(ExceptionView::from).collect(),
            revision: plan.revision,
            created_by: plan.created_by,
            created_at: plan.created_at,
            changed_at: plan.changed_at,
        })
    }
}

/// A device that a plan leaves alone.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExceptionView {
    /// The device.
    device_id: String,
    /// Why.
    reason: String,
    /// Until when.
    ends_at: Option<Timestamp>,
    /// Who said so.
    created_by: String,
    /// When.
    created_at: Timestamp,
}

impl From<Exception> for ExceptionView {
    fn from(exception: Exception) -> Self {
        let Exception { device_id, reason, ends_at, created_by, created_at, .. } = exception;
        Self { device_id, reason, ends_at, created_by, created_at }
    }
}

/// How an update stands on a device.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UpdateView {
    /// The plan; null for what was started by hand.
    pub(super) plan_id: Option<String>,
    /// The release that is meant; empty where none is.
    version: String,
    /// Its build.
    build: String,
    /// How it comes.
    mechanism: Mechanism,
    /// What is done with it.
    action: Action,
    /// Where it is on its way.
    stage: Stage,
    /// Whether the deadline of its plan has passed; what was started by hand is due as soon as it can, and never late.
    overdue: bool,
    /// How much is downloaded, in percent, where the device says so.
    percent: Option<i64>,
    /// By when, on the device's own clock: `2026-12-04T16:00:00`.
    deadline: Option<String>,
    /// Why it stands so.
    because: String,
    /// What ends or changes that.
    remedy: String,
    /// When it is tried or asked again.
    due_at: Option<Timestamp>,
    /// Who started it by hand.
    ordered_by: Option<String>,
    /// When its turn came.
    begun_at: Option<Timestamp>,
    /// When the device reported the version.
    done_at: Option<Timestamp>,
}

impl UpdateView {
    pub(super) fn of(row: UpdateState, (because, remedy): (String, String), now: Timestamp) -> Self {
        let filled = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            overdue: words::is_overdue(&row, now),
            plan_id: filled(row.plan_id),
            version: row.version,
            build: row.build,
            mechanism: row.mechanism,
            action: row.action,
            stage: row.stage,
            percent: row.percent,
            deadline: filled(row.deadline),
            because,
            remedy,
            due_at: row.due_at,
            ordered_by: filled(row.ordered_by),
            begun_at: row.begun_at,
            done_at: row.done_at,
        }
    }
}

/// A device of a plan.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UpdateMember)]
pub(super) struct MemberView {
    /// The device.
    device_id: String,
    /// What people call it.
    name: String,
    /// Its serial number.
    serial_number: String,
    /// What it runs.
    os_version: String,
    /// When it last connected.
    last_seen_at: Option<Timestamp>,
    /// The ring that it is in, from 0.
    ring: usize,
    /// How the plan stands on it.
    update: UpdateView,
    #[serde(skip)]
    pub(super) cursor: String,
}

impl MemberView {
    pub(super) fn of(laggard: Laggard, now: Timestamp) -> Self {
        let Laggard { member, because, remedy } = laggard;
        Self {
            device_id: member.device_id,
            name: member.name,
            serial_number: member.serial_number,
            os_version: member.os_version,
            last_seen_at: member.last_seen_at,
            ring: member.state.ring,
            cursor: member.cursor,
            update: UpdateView::of(member.state, (because, remedy), now),
        }
    }
}

/// What a plan would do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PreviewView {
    /// Device by device.
    #[serde(flatten)]
    pub(super) preview: Preview,
    /// What may not be meant so; it forbids nothing.
    pub(super) warnings: Vec<String>,
}

/// The releases of a platform and the models that are here.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SectionView {
    /// As Apple lists it.
    platform: String,
    /// Newest first.
    releases: Vec<ColumnView>,
    /// By name.
    models: Vec<ModelView>,
}

/// A release of the matrix.
#[derive(Debug, Serialize, ToSchema)]
struct ColumnView {
    /// `26.1`.
    version: String,
    /// Its build; empty where models have different ones.
    build: String,
    /// When Apple posted it.
    posted: Option<Day>,
    /// The last day on which Apple signs it.
    expires: Option<Day>,
}

/// A model of the matrix.
#[derive(Debug, Serialize, ToSchema)]
struct ModelView {
    /// What people call it.
    name: String,
    /// The name under which Apple lists it.
    listed_as: String,
    /// Enrolled devices of it.
    devices: u32,
    /// How many run which version.
    runs: BTreeMap<String, u32>,
    /// The versions that Apple offers it.
    offered: Vec<String>,
    /// Devices that run the newest that they can have.
    up_to_date: u32,
    /// Why it is not known what they can have.
    unknown: Option<&'static str>,
    /// The generation at which this model ends, where its kind goes on.
    ends_at: Option<u32>,
}

impl From<Section> for SectionView {
    fn from(section: Section) -> Self {
        let versions: Vec<String> = section.releases.iter().map(|release| release.version.to_string()).collect();
        let model = |model: Model| ModelView {
            name: model.name,
            listed_as: model.listed_as,
            devices: model.devices,
            runs: model.runs.into_iter().map(|(version, count)| (version.to_string(), count)).collect(),
            offered: versions.iter().zip(&model.offered).filter(|(_, offered)| **offered).map(|(version, _)| version.clone()).collect(),
            up_to_date: model.up_to_date,
            unknown: model.unknown.map(crate::mdm::updates::candidates::Unknown::words),
            ends_at: model.ends_at,
        };
        let models = section.models.into_iter().map(model).collect();
        let releases = section.releases.into_iter();
        let releases = releases
            .map(|release| ColumnView {
                version: release.version.to_string(),
                build: release.build,
                posted: release.posted,
                expires: release.expires,
            })
            .collect();
        Self { platform: section.platform, releases, models }
    }
}
