//! What each app is to do on one enrollment: everything that decides is read here, nothing is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::mdm::access;
use crate::mdm::apps::mechanism::{self, Way};
use crate::mdm::apps::next::{self, Facts, Want};
use crate::mdm::apps::orders::{self, Order};
use crate::mdm::apps::wish::{Hindrance, On, Wish, newest, updates, wish};
use crate::mdm::apps::{configuration, settings};
use crate::mdm::licences::{self, Holder};
use crate::mdm::reconcile;
use crate::mdm::reconcile::step::UnderWay;
use crate::mdm::wanted::{Origin, Target, Unable};
use crate::protocol::declaration::DeclarationKind;
use crate::protocol::mobileconfig::variables::{ACCESS_TOKEN, Values};
use crate::store::app_states::{self, AppState, Stage};
use crate::store::apps::{self, App, AppKind};
use crate::store::assignments::{AssignedKind, AssignedMode, Assignment};
use crate::store::deployments::Mechanism;
use crate::store::devices::Device;
use crate::store::enrollments::Enrollment;
use crate::store::{Tx, app_requests, declared, devices};

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
        Err(hindrance) => {
            let what = app.map(|app| app.name.clone()).unwrap_or_default();
            let because = &hindrance.because;
            unable.extend(origins.iter().map(|origin| Unable { what: what.clone(), because: because.clone(), origin: origin.clone() }));
            return hindered(tx, on, app.zip(mode), before, hindrance, origins);
        }
    };
    let Some(mut row) = before.clone().or_else(|| wish.as_ref().zip(app).map(|(wish, app)| blank(app, wish.order.way, tx.now))) else {
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

/// What is written as wanted where it cannot be said yet what is.
const UNKNOWN: &str = "unknown";

/// An app that cannot be had, or not as it is wanted: what is there stays as it is, and what somebody can mend is told with its reason.
fn hindered(
    tx: &Tx,
    on: On<'_>,
    wanted: Option<(&App, AssignedMode)>,
    before: Option<AppState>,
    hindrance: Hindrance,
    origins: Vec<Origin>,
) -> Result<Option<Planned>> {
    let Some((app, mode)) = wanted else { return Ok(None) };
    let row = before.clone().or_else(|| {
        let way = hindrance.way.filter(|_| hindrance.is_lack)?;
        Some(blank(app, way, tx.now))
    });
    let Some(mut row) = row else { return Ok(None) };
    row.name.clone_from(&app.name);
    row.mode = mode;
    let identifier = orders::declaration_identifier(&app.id, row.asks);
    let is_served = declared::document(tx, &on.enrollment.id, DeclarationKind::Configuration, &identifier)?.is_some();
    let is_leaving = row.mechanism == Mechanism::Declaration && !next::is_away(&row) && !is_served;
    // What nobody can mend is not waited for.
    let is_nothing = !hindrance.is_lack && next::is_away(&row) && row.command_uuid.is_none();
    if is_leaving || is_nothing || mode == AssignedMode::Optional && row.withdrawn {
        return decided(tx, on, before, row, None, origins).map(Some);
    }
    if row.wanted.is_empty() {
        UNKNOWN.clone_into(&mut row.wanted);
    }
    let (under_way, loss) = reconcile::under_way(tx, on.enrollment, row.command_uuid.as_deref())?;
    if let Some(loss) = loss {
        next::lost(&mut row, &loss, tx.now);
    }
    let want = Want { digest: row.wanted.clone(), installs: mode == AssignedMode::Required || row.asked_at.is_some(), newest: None };
    let facts = Facts {
        want: Some(want),
        under_way,
        may_update: false,
        lack: Some(hindrance.because),
        awaits_account: hindrance.awaits_account,
        ..Facts::of_nothing()
    };
    Ok(Some(Planned { row, before, facts, order: None, holder: None, stray: None, origins }))
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
    let is_managed_there = mechanism::is_managed_there(target);
    let mut facts = Facts { under_way, by_presence: !is_managed_there, is_managed_there, ..Facts::of_nothing() };
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
    next::mended(&mut row, &facts.licence, tx.now);
    next::want(&mut row, &facts, way, tx.now);
    facts.has_code = row.stage == Stage::NeedsCode && licences::codes::is_there(tx, &row.adam_id, enrollment)?;
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

fn blank(app: &App, way: Way, now: Timestamp) -> AppState {
    AppState {
        name: app.name.clone(),
        adam_id: app.adam_id.clone().unwrap_or_default(),
        bundle_id: app.bundle_id.clone(),
        ..AppState::absent(&app.id, way.mechanism(), now)
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
    let mut facts = Facts::of_nothing();
    let (Some(app), Some(device)) = (app, device) else { return Ok(facts) };
    let capabilities = crate::mdm::commands::capabilities(tx, enrollment)?;
    facts.take_over = settings::read(&app.settings)?.take_over;
    let is_package = app.kind == AppKind::Package;
    facts.is_managed_there = mechanism::manages(&capabilities);
    facts.by_presence = is_package || !facts.is_managed_there;
    if !row.wanted.is_empty() {
        facts.want = Some(Want { digest: row.wanted.clone(), installs: true, newest: newest(tx, &app, &device)? });
    }
    Ok(facts)
}

/// What the preview and the device's page call the mechanism's document.
pub fn identifier(row: &AppState) -> String {
    if row.bundle_id.is_empty() { t!("app {adam_id}", adam_id = row.adam_id) } else { row.bundle_id.clone() }
}

/// The declarations of an app, where they are to be served: itself, and what it is to know.
pub fn declarations_of(planned: &Planned) -> Vec<crate::mdm::wanted::DeclarationPiece> {
    let Some(order) = &planned.order else { return Vec::new() };
    let is_declared = next::is_declared(&planned.row, &planned.facts) && !next::is_kept(&planned.row, &planned.facts);
    if !matches!(order.way, Way::DeclaredApp | Way::DeclaredPackage) || !is_declared {
        return Vec::new();
    }
    let own = orders::declaration(order, planned.row.asks, planned.origins.clone());
    orders::asset(order, planned.origins.clone()).into_iter().chain([own]).collect()
}

/// Identifiers of the declarations of an app that stay served as they are; none where they follow what is wanted.
pub fn kept(planned: &Planned) -> Vec<(DeclarationKind, String)> {
    if !next::is_kept(&planned.row, &planned.facts) {
        return Vec::new();
    }
    let own = orders::declaration_identifier(&planned.row.app_id, planned.row.asks);
    vec![
        (DeclarationKind::Asset, orders::asset_identifier(&planned.row.app_id)),
        (DeclarationKind::Activation, reconcile::render::own_activation(&own)),
        (DeclarationKind::Configuration, own),
    ]
}

/// For how long what an app was to know before is served where a device was told of it.
///
/// A device fetches declarations first and what they point to later, over a network that may be slow. Without this, a change in between would leave it
/// with an app that it cannot configure, which it may remove.
pub const PAST_FOR: Duration = Duration::from_secs(24 * 3600);

/// How many of an app's past configurations are looked at for one that a device asks for.
const PAST_MAX: u32 = 50;

/// What an app was to know a while ago, at the address that the device was given then; none where it is not declared to it any more.
pub fn past_configuration_at(
    tx: &Tx,
    enrollment: &Enrollment,
    values: &Values,
    planned: &[Planned],
    address: &str,
) -> Result<Option<Vec<u8>>> {
    let declared = planned.iter().filter(|planned| !declarations_of(planned).is_empty()).filter_map(|planned| planned.order.as_ref());
    let of_app = |order: &&Order| address.strip_prefix(orders::ADDRESS).is_some_and(|rest| rest.starts_with(&format!("{}.", order.app.id)));
    let Some(order) = declared.into_iter().find(of_app) else { return Ok(None) };
    let mut values = values.clone();
    values.extend(access::token(tx, enrollment, &order.app.id)?.map(|token| (ACCESS_TOKEN, token)));
    for past in apps::past_configurations(tx, &order.app.id, tx.now.minus(PAST_FOR), PAST_MAX)? {
        let Ok(keys) = configuration::filled(&configuration::stored(past.expose())?, &values) else { continue };
        let before = Order { configuration: Some(keys), ..order.clone() };
        if let Some(file) = orders::file(&before).filter(|file| file.address == address) {
            return Ok(Some(file.bytes));
        }
    }
    Ok(None)
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
