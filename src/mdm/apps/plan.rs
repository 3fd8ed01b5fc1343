//! What each app is to do on one enrollment: everything that decides is read here, nothing is changed.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::apps::mechanism::{self, Way};
use crate::mdm::apps::next::{self, Facts, LicenceFact, Want};
use crate::mdm::apps::orders::{self, Order};
use crate::mdm::apps::settings;
use crate::mdm::apps::wish::{On, Wish, newest, updates, wish};
use crate::mdm::licences::Holder;
use crate::mdm::reconcile;
use crate::mdm::reconcile::step::UnderWay;
use crate::mdm::wanted::{Origin, Target, Unable};
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::store::app_states::{self, AppState};
use crate::store::apps::{self, App, AppKind};
use crate::store::assignments::{AssignedKind, AssignedMode, Assignment};
use crate::store::devices::Device;
use crate::store::enrollments::Enrollment;
use crate::store::{Tx, app_requests, devices};

/// One app on one enrollment, with all that decides.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The row once what is wanted is noted.
    pub row: AppState,
    /// The row as it is stored.
    pub before: Option<AppState>,
    /// What decides besides.
    pub facts: Facts,
    /// What the device is told; none where it is told nothing.
    pub order: Option<Order>,
    /// Whose licence is looked for; none where none is needed.
    pub holder: Option<Holder>,
    /// The command that still waits and is not wanted any more by its mechanism.
    pub stray: Option<String>,
    /// Where it comes from.
    pub origins: Vec<Origin>,
}

/// Every app of one enrollment.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// By name.
    pub items: Vec<Planned>,
    /// What the device cannot have.
    pub unable: Vec<Unable>,
}

/// Reads what every app is to do on an enrollment.
///
/// `served_from` is what the addresses of files for this enrollment begin with; none where it knows no https address.
pub fn plan(
    tx: &Tx,
    (enrollment, device): (&Enrollment, &Device),
    target: &Target,
    wanted: &[Assignment],
    served_from: Option<&str>,
) -> Result<Plan> {
    let on = On { enrollment, device, target, served_from };
    let mut modes: BTreeMap<String, AssignedMode> = BTreeMap::new();
    for assignment in wanted.iter().filter(|assignment| assignment.kind == AssignedKind::App) {
        let mode = modes.entry(assignment.item_id.clone()).or_insert(assignment.mode);
        if assignment.mode == AssignedMode::Required {
            *mode = AssignedMode::Required;
        }
    }
    let mut rows: BTreeMap<String, AppState> =
        app_states::of_enrollment(tx, &enrollment.id)?.into_iter().map(|row| (row.app_id.clone(), row)).collect();
    let mut plan = Plan::default();
    let ids: Vec<String> = modes.keys().chain(rows.keys()).cloned().collect::<BTreeSet<_>>().into_iter().collect();
    for id in ids {
        let before = rows.remove(&id);
        let app = apps::by_id(tx, &id)?;
        let mode = modes.get(&id).copied().filter(|_| app.is_some());
        if let Some(planned) = planned(tx, on, app.as_ref(), mode, before, &mut plan.unable)? {
            plan.items.push(planned);
        }
    }
    plan.items.sort_by_key(|item| item.row.name.to_lowercase());
    Ok(plan)
}

fn planned(
    tx: &Tx,
    on: On<'_>,
    app: Option<&App>,
    mode: Option<AssignedMode>,
    before: Option<AppState>,
    unable: &mut Vec<Unable>,
) -> Result<Option<Planned>> {
    let origins: Vec<Origin> = app.filter(|_| mode.is_some()).map(origin).into_iter().collect();
    let wish = match (app, mode) {
        (Some(app), Some(_)) => wish(tx, on, app, before.as_ref())?,
        _ => Ok(None),
    };
    let wish = match wish {
        Ok(wish) => wish,
        Err(because) => {
            let what = app.map(|app| app.name.clone()).unwrap_or_default();
            unable.extend(origins.iter().map(|origin| Unable { what: what.clone(), because: because.clone(), origin: origin.clone() }));
            return stays(tx, on.enrollment, before, origins);
        }
    };
    let Some(mut row) = before.clone().or_else(|| wish.as_ref().zip(app).map(|(wish, app)| blank(app, wish, tx.now))) else {
        return Ok(None);
    };
    if before.is_none() {
        // Who asked in the catalogue before the first plan has asked.
        let asked = app_requests::of_enrollment(tx, on.enrollment)?.into_iter().find(|asked| asked.app_id == row.app_id);
        row.asked_at = asked.filter(|asked| asked.withdrawn_at.is_none()).map(|asked| asked.asked_at);
    }
    if let Some(app) = app {
        row.name.clone_from(&app.name);
        let identifier = wish.as_ref().map_or(&app.bundle_id, |wish| &wish.order.app.bundle_id);
        if row.bundle_id.is_empty() || app.kind == AppKind::Package {
            row.bundle_id.clone_from(identifier);
        }
    }
    row.mode = mode.unwrap_or(row.mode);
    if let (Some(wish), Some(origin)) = (&wish, origins.first()) {
        let what = row.name.clone();
        unable.extend(wish.order.lacks.iter().map(|because| Unable {
            what: what.clone(),
            because: because.clone(),
            origin: origin.clone(),
        }));
    }
    Ok(Some(decided(tx, on, before, row, wish, origins)?))
}

/// A row that cannot be looked after now: what is there stays, what is not is given up.
fn stays(tx: &Tx, enrollment: &Enrollment, before: Option<AppState>, origins: Vec<Origin>) -> Result<Option<Planned>> {
    let Some(row) = before else { return Ok(None) };
    let is_there = !row.seen.is_empty();
    let want = is_there.then(|| Want { digest: row.seen.clone(), installs: true, newest: None });
    let (under_way, _) = reconcile::under_way(tx, enrollment, row.command_uuid.as_deref())?;
    let facts =
        Facts { want, licence: LicenceFact::Free, under_way, may_update: false, updates_at: None, take_over: false, by_presence: false };
    Ok(Some(Planned { before: Some(row.clone()), row, facts, order: None, holder: None, stray: None, origins }))
}

fn decided(
    tx: &Tx,
    On { enrollment, target, .. }: On<'_>,
    before: Option<AppState>,
    mut row: AppState,
    wish: Option<Wish>,
    origins: Vec<Origin>,
) -> Result<Planned> {
    let (under_way, loss) = reconcile::under_way(tx, enrollment, row.command_uuid.as_deref())?;
    if let Some(loss) = loss {
        next::lost(&mut row, &loss, tx.now);
    }
    let wish = wish.filter(|_| row.mode == AssignedMode::Required || !row.withdrawn);
    let mut facts = Facts {
        want: None,
        licence: LicenceFact::Free,
        under_way,
        may_update: true,
        updates_at: None,
        take_over: false,
        by_presence: !mechanism::is_managed_there(target),
    };
    let command_before = row.command_uuid.clone();
    let (mut order, mut holder, mut way) = (None, None, row.mechanism);
    if let Some(wish) = wish {
        let installs = row.mode == AssignedMode::Required || row.asked_at.is_some();
        facts.want = Some(Want { digest: wish.order.digest(row.asks), installs, newest: wish.newest });
        facts.licence = wish.licence;
        facts.take_over = wish.take_over;
        // Not every package brings just one app, which alone a Mac manages.
        facts.by_presence |= wish.order.app.kind == AppKind::Package;
        (facts.may_update, facts.updates_at) = updates(tx, enrollment, &wish.updates, &row, facts.want.as_ref())?;
        way = wish.order.way.mechanism();
        holder = wish.holder;
        order = Some(wish.order);
    }
    next::want(&mut row, &facts, way, tx.now);
    let mut stray = None;
    if row.command_uuid.is_none() && command_before.is_some() {
        stray = command_before.filter(|_| facts.under_way == UnderWay::Queued);
        facts.under_way = UnderWay::Nothing;
    }
    Ok(Planned { row, before, facts, order, holder, stray, origins })
}

/// Where an app comes from.
pub fn origin(app: &App) -> Origin {
    Origin { kind: AssignedKind::App, id: app.id.clone(), name: app.name.clone() }
}

fn blank(app: &App, wish: &Wish, now: Timestamp) -> AppState {
    AppState {
        name: app.name.clone(),
        adam_id: app.adam_id.clone().unwrap_or_default(),
        bundle_id: app.bundle_id.clone(),
        ..AppState::absent(&app.id, wish.order.way.mechanism(), now)
    }
}

/// What a row's holder is written as.
pub fn holder_key(holder: &Holder) -> String {
    match holder {
        Holder::Device { serial_number } => format!("device:{serial_number}"),
        Holder::Person { person_id } => format!("person:{person_id}"),
    }
}

/// Reads what [`holder_key`] wrote.
pub fn holder_of(key: &str) -> Option<Holder> {
    let (kind, id) = key.split_once(':')?;
    match kind {
        "device" => Some(Holder::Device { serial_number: id.to_owned() }),
        "person" => Some(Holder::Person { person_id: id.to_owned() }),
        _ => None,
    }
}

/// The facts of a row whose answer came, as far as they decide what an answer means.
pub fn facts_of(tx: &Tx, enrollment: &Enrollment, row: &AppState) -> Result<Facts> {
    let app = apps::by_id(tx, &row.app_id)?;
    let device = devices::by_id(tx, &enrollment.device_id)?;
    let mut facts = Facts {
        want: None,
        licence: LicenceFact::Free,
        under_way: UnderWay::Nothing,
        may_update: true,
        updates_at: None,
        take_over: false,
        by_presence: false,
    };
    let (Some(app), Some(device)) = (app, device) else { return Ok(facts) };
    let capabilities = crate::mdm::commands::capabilities(tx, enrollment)?;
    facts.take_over = settings::read(&app.settings)?.take_over;
    let is_package = app.kind == AppKind::Package;
    facts.by_presence = is_package
        || capabilities.platform == Platform::Macos
            && capabilities.os_version.is_older_than(OsVersion::parse(mechanism::MANAGED_ON_MACS_FROM));
    if !row.wanted.is_empty() {
        facts.want = Some(Want { digest: row.wanted.clone(), installs: true, newest: newest(tx, &app, &device)? });
    }
    Ok(facts)
}

/// What the preview and the device's page call the mechanism's document.
pub fn identifier(row: &AppState) -> String {
    if row.bundle_id.is_empty() { format!("app {}", row.adam_id) } else { row.bundle_id.clone() }
}

/// The declarations of an app, where they are to be served: itself, and what it is to know.
pub fn declarations_of(planned: &Planned) -> Vec<crate::mdm::wanted::DeclarationPiece> {
    let Some(order) = &planned.order else { return Vec::new() };
    if !matches!(order.way, Way::DeclaredApp | Way::DeclaredPackage) || !next::is_declared(&planned.row, &planned.facts) {
        return Vec::new();
    }
    let own = orders::declaration(order, planned.row.asks, planned.origins.clone());
    orders::asset(order, planned.origins.clone()).into_iter().chain([own]).collect()
}

/// What an app itself is to know, at this address of an asset; none where it is not, or not any more, served there.
pub fn configuration_at(planned: &[Planned], address: &str) -> Option<Vec<u8>> {
    let declared = planned.iter().filter(|planned| !declarations_of(planned).is_empty());
    declared
        .filter_map(|planned| planned.order.as_ref())
        .filter_map(orders::file)
        .find(|file| file.address == address)
        .map(|file| file.bytes)
}
