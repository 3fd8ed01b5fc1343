//! What every plan means for one enrollment: everything that decides is read here, nothing is changed.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;

use crate::clock::{Timestamp, Wall, Zone};
use crate::error::{Error, Result};
use crate::mdm::reconcile;
use crate::mdm::settings;
use crate::mdm::updates::candidates::{self, Candidate, Found, Leap, Subject};
use crate::mdm::updates::choose::{self, Choice, choose};
use crate::mdm::updates::mechanism;
use crate::mdm::updates::next::Facts;
use crate::mdm::updates::own_list;
use crate::mdm::updates::rules::Rules;
use crate::mdm::updates::timing::{self, Window};
use crate::mdm::wanted::{DeclarationPiece, Origin, Target};
use crate::protocol::declaration::DeclarationKind;
use crate::protocol::platform::Platform;
use crate::store::Tx;
use crate::store::assignments::AssignedKind;
use crate::store::deployments::Mechanism;
use crate::store::devices::Device;
use crate::store::enrollments::Enrollment;
use crate::store::releases;
use crate::store::update_plans::{self, Exception};
use crate::store::update_states::{self, Action, Stage, UpdateState};

/// How long a device keeps its turn when only so many may be at it at once; then the next begins, whatever became of it.
pub const TURN: Duration = Duration::from_secs(24 * 3600);

/// How long a release that was started by hand waits on a device that takes declarations: the time that it needs to say so to its user.
pub const AT_ONCE_MINUTES: i64 = 2;

/// A plan that was read, with the groups of its rings.
#[derive(Debug, Clone)]
pub struct Read {
    /// The plan.
    pub plan: update_plans::Plan,
    /// What it says.
    pub rules: Rules,
}

impl Read {
    /// The first ring that one of these groups is in.
    pub fn ring_of(&self, groups: &[String]) -> Option<usize> {
        self.rules.rings.iter().position(|ring| ring.groups.iter().any(|group| groups.contains(group)))
    }

    fn origin(&self) -> Origin {
        Origin { kind: AssignedKind::Update, id: self.plan.id.clone(), name: self.plan.name.clone() }
    }
}

/// Reads what a stored plan says.
pub fn read(tx: &Tx, plan: update_plans::Plan) -> Result<Read> {
    let mut rules: Rules = serde_json::from_str(&plan.rules).map_err(|error| Error::internal("stored plans can be read", error))?;
    for (ring, group) in update_plans::rings(tx, &plan.id)? {
        if let Some(ring) = rules.rings.get_mut(ring) {
            ring.groups.push(group);
        }
    }
    Ok(Read { plan, rules })
}

/// What is the same for many devices, worked out once for all that are looked at in a transaction.
#[derive(Debug, Default)]
pub struct Memo {
    plans: Option<Rc<[Read]>>,
    zone: Option<Zone>,
    /// What was found for devices of one kind.
    pub candidates: candidates::Memo,
}

impl Memo {
    /// A memo that knows these plans in the place of the stored ones: for a preview.
    pub fn of_plans(plans: Vec<Read>) -> Self {
        Self { plans: Some(plans.into()), ..Self::default() }
    }

    fn plans(&mut self, tx: &Tx) -> Result<Rc<[Read]>> {
        if let Some(plans) = &self.plans {
            return Ok(Rc::clone(plans));
        }
        let plans: Rc<[Read]> = update_plans::all(tx)?.into_iter().map(|plan| read(tx, plan)).collect::<Result<_>>()?;
        self.plans = Some(Rc::clone(&plans));
        Ok(plans)
    }

    fn zone(&mut self, tx: &Tx) -> Result<Zone> {
        if self.zone.is_none() {
            self.zone = Some(settings::zone(tx)?);
        }
        Ok(self.zone.clone().unwrap_or_default())
    }
}

/// One plan on one enrollment, with all that decides.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The row once what is meant is noted.
    pub row: UpdateState,
    /// The row as it is stored.
    pub before: Option<UpdateState>,
    /// Whether the plan does not mean the enrollment any more: its row goes, and what waits is taken back.
    pub is_withdrawn: bool,
    /// Whether it is the one that is brought now; of several plans one is.
    pub acts: bool,
    /// What decides about commands besides.
    pub facts: Facts,
    /// How its command was lost, if it was.
    pub loss: Option<String>,
    /// Whether it is an improvement.
    pub is_improvement: bool,
}

/// Every plan of one enrollment.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// By plan.
    pub items: Vec<Planned>,
    /// What the device is served.
    pub pieces: Vec<DeclarationPiece>,
    /// When to look again, if nothing happens before.
    pub wake_at: Option<Timestamp>,
}

/// What a plan means for a device now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meant {
    /// Nothing.
    Nothing,
    /// The device has it.
    Done,
    /// It leaves the device alone.
    Excepted(String),
    /// The device cannot have it.
    Cannot(String),
    /// The device is to say first what it finds itself.
    Ask,
    /// A release, later.
    Later {
        /// Which.
        release: Aim,
        /// When; none where that depends on others.
        until: Option<Timestamp>,
        /// Why.
        because: String,
    },
    /// A release, now.
    Bring(Aim),
}

/// A release with its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aim {
    /// Which.
    pub candidate: Candidate,
    /// When it may begin, and by when it is installed.
    pub window: Window,
    /// The deadline as clocks really show it.
    pub deadline: Wall,
    /// The deadline as a moment, as far as the device's time zone is known.
    pub deadline_at: Timestamp,
    /// How it comes.
    pub mechanism: Mechanism,
}

/// Everything about a device that decides.
pub struct On<'a> {
    /// What it is planned for.
    pub target: &'a Target,
    /// What it runs and is.
    pub subject: &'a Subject,
    /// What it can have.
    pub found: &'a Found,
    /// Where its clock is.
    pub zone: &'a Zone,
    /// Whether it is to be asked first what it finds itself: Apple's list cannot be held against it.
    pub asks: bool,
}

/// Works out what a plan means for a device; whether its turn has come is asked afterwards.
pub fn meant(read: &Read, ring: usize, on: &On<'_>, exception: Option<&Exception>, now: Timestamp) -> Meant {
    if let Some(exception) = exception {
        return Meant::Excepted(exception.reason.clone());
    }
    let today = on.zone.wall(now).day();
    let (candidate, since) = match choose(&read.rules, on.subject, on.found, today) {
        Choice::NotConcerned => return Meant::Nothing,
        Choice::Satisfied => return Meant::Done,
        Choice::Cannot(_) if on.asks => return Meant::Ask,
        Choice::Cannot(because) => return Meant::Cannot(because),
        Choice::Take { candidate, since } => (candidate, since),
    };
    let mechanism = match mechanism::mechanism(on.target) {
        Ok(mechanism) => mechanism,
        Err(because) => return Meant::Cannot(because),
    };
    let Some(window) = timing::window(&read.rules, ring, since) else {
        return Meant::Cannot(String::from("quiet hours and holidays leave no time for it"));
    };
    let deadline = timing::settled(on.zone, window.deadline);
    let deadline_at = on.zone.moment(window.deadline);
    let opens_at = on.zone.moment(window.opens);
    let aim = Aim { candidate, window, deadline, deadline_at, mechanism };
    if read.plan.stopped_at.is_some() {
        return Meant::Later { release: aim, until: None, because: format!("the plan is stopped: {}", read.plan.stopped_because) };
    }
    if opens_at > now {
        let ring = &read.rules.rings[ring].name;
        return Meant::Later { release: aim, until: Some(opens_at), because: format!("“{ring}” begins on {}", window.opens.words()) };
    }
    Meant::Bring(aim)
}

/// Reads what every plan means for an enrollment.
pub fn plan(tx: &Tx, (enrollment, device): (&Enrollment, &Device), target: &Target, groups: &[String], memo: &mut Memo) -> Result<Outcome> {
    if enrollment.parent_id.is_some() {
        return Ok(Outcome::default());
    }
    let plans = memo.plans(tx)?;
    let covering: Vec<(&Read, usize)> = plans.iter().filter_map(|read| read.ring_of(groups).map(|ring| (read, ring))).collect();
    let mut rows: BTreeMap<String, UpdateState> =
        update_states::of_enrollment(tx, &enrollment.id)?.into_iter().map(|row| (row.plan_id.clone(), row)).collect();
    if covering.is_empty() && rows.is_empty() {
        return Ok(Outcome::default());
    }
    let subject = candidates::subject(tx, device)?;
    let found = candidates::of(tx, &subject, &mut memo.candidates)?;
    let (found, asks) = own_list::or_own(tx, enrollment, target, &subject, found)?;
    let zone = zone_of(tx, device, memo)?;
    let on = On { target, subject: &subject, found: &found, zone: &zone, asks };
    let mut exceptions = update_plans::exceptions_of(tx, &device.id)?;
    exceptions.retain(|exception| exception.ends_at.is_none_or(|end| end > tx.now));
    let mut outcome = Outcome { wake_at: exceptions.iter().filter_map(|exception| exception.ends_at).min(), ..Outcome::default() };
    let mut all = Vec::new();
    if let Some(row) = rows.remove("") {
        outcome.items.push(by_hand(tx, enrollment, &on, row)?);
    }
    for (read, ring) in covering {
        let exception = exceptions.iter().find(|exception| exception.plan_id == read.plan.id);
        let meant = meant(read, ring, &on, exception, tx.now);
        all.push((read, ring, meant, rows.remove(&read.plan.id)));
    }
    // What goes on by itself: a release expires, begins to count, or the ring begins.
    outcome.wake_at = outcome.wake_at.into_iter().chain(candidates::changes_at(&found)).min();
    for (read, _, meant, _) in &all {
        let begins = if let Meant::Later { until, .. } = meant { *until } else { None };
        let next = choose::counts_next(&read.rules, &found, zone.wall(tx.now).day()).map(|day| zone.moment(day.at(0)));
        outcome.wake_at = outcome.wake_at.into_iter().chain(next).chain(begins).min();
    }
    let is_busy = outcome.items.iter().any(|item| item.acts);
    let first = all
        .iter()
        .enumerate()
        .filter_map(|(at, (_, _, meant, row))| rank(meant, row.as_ref()).map(|rank| (rank, at)))
        .min()
        .map(|(_, at)| at)
        .filter(|_| !is_busy);
    for (at, (read, ring, meant, before)) in all.into_iter().enumerate() {
        let item = item(tx, enrollment, &on, (read, ring), meant, before, first == Some(at))?;
        outcome.items.extend(item);
    }
    for (_, before) in rows {
        outcome.items.push(withdrawn(before));
    }
    let served = outcome.items.iter().filter(|item| item.acts && item.row.mechanism == Mechanism::Declaration && is_served(&item.row));
    let details = |item: &Planned| plans.iter().find(|read| read.plan.id == item.row.plan_id);
    outcome.pieces = served.map(|item| enforcement(item, details(item))).collect();
    Ok(outcome)
}

/// Of several plans the one with the earliest deadline is brought; one that the device is at goes on.
fn rank(meant: &Meant, row: Option<&UpdateState>) -> Option<(bool, Wall)> {
    let is_at_it = row.is_some_and(|row| matches!(row.stage, Stage::Downloading | Stage::Prepared | Stage::Installing));
    match meant {
        Meant::Bring(aim) => Some((!is_at_it, aim.deadline)),
        Meant::Later { release, .. } if is_at_it => Some((false, release.deadline)),
        _ => None,
    }
}

/// The time zone of a device; the appliance's where it does not say.
pub fn zone_of(tx: &Tx, device: &Device, memo: &mut Memo) -> Result<Zone> {
    let said = releases::facts_of_device(tx, &device.id)?.time_zone;
    match said.as_deref().and_then(Zone::named) {
        Some(zone) => Ok(zone),
        None => memo.zone(tx),
    }
}

/// Whether a device is to keep the declaration; one that failed is still tried by the device itself.
fn is_served(row: &UpdateState) -> bool {
    row.is_under_way() || row.stage == Stage::Failed
}

fn item(
    tx: &Tx,
    enrollment: &Enrollment,
    on: &On<'_>,
    (read, ring): (&Read, usize),
    meant: Meant,
    before: Option<UpdateState>,
    is_first: bool,
) -> Result<Option<Planned>> {
    let mut row = before.clone().unwrap_or_else(|| UpdateState::blank(&read.plan.id, ring, tx.now));
    row.ring = ring;
    let mut acts = false;
    let mut is_improvement = false;
    match meant {
        Meant::Nothing if before.is_none() => return Ok(None),
        Meant::Nothing => return Ok(before.map(withdrawn)),
        Meant::Done => settle(&mut row, Stage::Done, "", tx.now),
        Meant::Excepted(reason) => settle(&mut row, Stage::Excepted, &reason, tx.now),
        Meant::Cannot(because) => settle(&mut row, Stage::Cannot, &because, tx.now),
        Meant::Ask => {
            settle(&mut row, Stage::Planned, "the device is asked what it finds, since Apple’s list cannot be held against it", tx.now);
            row.due_at = before.as_ref().and_then(|before| before.due_at);
            row.version.clear();
            row.mechanism = Mechanism::Command;
            let mut planned = Planned { row, before, is_withdrawn: false, acts: true, facts: Facts::default(), loss: None, is_improvement };
            facts(tx, enrollment, on, &mut planned, None)?;
            return Ok(Some(planned));
        }
        Meant::Later { release, because, .. } => {
            is_improvement = release.candidate.leap == Leap::Improvement;
            let goes_on = matches!(row.stage, Stage::Downloading | Stage::Prepared | Stage::Installing) && is_first;
            aim(&mut row, &release, tx.now);
            acts = goes_on;
            // What failed stays told so until it is tried again.
            if !goes_on && row.stage != Stage::Failed {
                settle(&mut row, Stage::Planned, &because, tx.now);
            }
        }
        Meant::Bring(release) => {
            is_improvement = release.candidate.leap == Leap::Improvement;
            aim(&mut row, &release, tx.now);
            let turn = row.begun_at.is_some() || has_turn(tx, read)?;
            acts = is_first && turn;
            if acts {
                begin(&mut row, read, on, &release, tx.now);
            } else if is_first {
                let most = read.rules.at_once.unwrap_or_default();
                settle(&mut row, Stage::Planned, &format!("it waits for its turn: {most} at once"), tx.now);
            } else {
                settle(&mut row, Stage::Planned, "another plan or order comes first", tx.now);
            }
        }
    }
    let mut planned = Planned { row, before, is_withdrawn: false, acts, facts: Facts::default(), loss: None, is_improvement };
    if acts && planned.row.mechanism == Mechanism::Command {
        facts(tx, enrollment, on, &mut planned, Some(&read.rules))?;
    }
    Ok(Some(planned))
}

/// Whether there is room for another device to begin.
fn has_turn(tx: &Tx, read: &Read) -> Result<bool> {
    match read.rules.at_once {
        None => Ok(true),
        Some(most) => Ok(update_states::at_once(tx, &read.plan.id, tx.now.minus(TURN))? < most),
    }
}

/// Notes which release is meant; another one than before begins anew.
fn aim(row: &mut UpdateState, aim: &Aim, now: Timestamp) {
    let version = aim.candidate.version.to_string();
    if (row.version.as_str(), row.mechanism) != (version.as_str(), aim.mechanism) {
        let (plan_id, ring, command_uuid) = (std::mem::take(&mut row.plan_id), row.ring, row.command_uuid.take());
        *row = UpdateState { command_uuid, ..UpdateState::blank(&plan_id, ring, now) };
        row.version = version;
    }
    row.build.clone_from(&aim.candidate.key.build);
    row.mechanism = aim.mechanism;
    row.deadline = aim.deadline.to_string();
    row.deadline_at = Some(aim.deadline_at);
    row.done_at = None;
}

/// Its turn has come.
fn begin(row: &mut UpdateState, read: &Read, on: &On<'_>, release: &Aim, now: Timestamp) {
    row.begun_at.get_or_insert(now);
    let is_mac = on.subject.platform == Platform::Macos;
    row.action = match (row.mechanism, release.deadline_at <= now) {
        (Mechanism::Command, false) if is_mac => Action::Later,
        (Mechanism::Command, true) if is_mac && read.rules.force_restart => Action::Force,
        _ => Action::Install,
    };
    if matches!(row.stage, Stage::Planned | Stage::Done | Stage::Cannot | Stage::Excepted) {
        row.stage = Stage::Waiting;
        row.problem.clear();
        row.changed_at = now;
    }
}

/// Nothing is done about it now.
fn settle(row: &mut UpdateState, stage: Stage, problem: &str, now: Timestamp) {
    if stage == Stage::Done && row.begun_at.is_some() && row.done_at.is_none() {
        row.done_at = Some(now);
    }
    if stage != Stage::Done && stage != Stage::Planned {
        row.begun_at = None;
    }
    if (row.stage, row.problem.as_str()) != (stage, problem) {
        row.stage = stage;
        problem.clone_into(&mut row.problem);
        row.changed_at = now;
    }
    row.due_at = None;
    if stage == Stage::Done {
        row.percent = None;
        row.attempts = 0;
    }
}

fn withdrawn(before: UpdateState) -> Planned {
    let row = before.clone();
    Planned { row, before: Some(before), is_withdrawn: true, acts: false, facts: Facts::default(), loss: None, is_improvement: false }
}

/// What was started by hand goes on until the device has it, or cannot have it any more.
fn by_hand(tx: &Tx, enrollment: &Enrollment, on: &On<'_>, before: UpdateState) -> Result<Planned> {
    let mut row = before.clone();
    let wanted = crate::protocol::os_version::OsVersion::parse(&row.version);
    let candidate = match on.found {
        Found::Known(candidates) => candidates.iter().find(|candidate| candidate.version == wanted),
        Found::Unknown(_) => None,
    };
    let mut acts = false;
    if on.subject.version.is_at_least(wanted) {
        settle(&mut row, Stage::Done, "", tx.now);
    } else if candidate.is_none() && !matches!(row.stage, Stage::Downloading | Stage::Prepared | Stage::Installing) {
        settle(&mut row, Stage::Cannot, &format!("Apple does not offer {wanted} to this model any more"), tx.now);
    } else if matches!(row.stage, Stage::Done | Stage::Cannot) {
        // It was taken back or ended: it stays as it is, and can be started anew.
    } else {
        acts = true;
    }
    let is_improvement = candidate.is_some_and(|candidate| candidate.leap == Leap::Improvement);
    let mut planned = Planned { row, before: Some(before), is_withdrawn: false, acts, facts: Facts::default(), loss: None, is_improvement };
    if acts && planned.row.mechanism == Mechanism::Command {
        facts(tx, enrollment, on, &mut planned, None)?;
    }
    Ok(planned)
}

/// Reads what decides about commands.
fn facts(tx: &Tx, enrollment: &Enrollment, on: &On<'_>, planned: &mut Planned, rules: Option<&Rules>) -> Result<()> {
    let (under_way, loss) = reconcile::under_way(tx, enrollment, planned.row.command_uuid.as_deref())?;
    planned.loss = loss.map(|loss| loss.because);
    planned.facts = Facts {
        under_way,
        may_send_at: match rules {
            Some(rules) => timing::allowed(rules, on.zone.wall(tx.now)).map(|wall| on.zone.moment(wall).max(tx.now)),
            None => Some(tx.now),
        },
        needs_key: mechanism::needs_key(on.target, planned.is_improvement),
        is_mac: on.subject.platform == Platform::Macos,
        has_mac_actions: mechanism::has_mac_actions(on.target),
    };
    Ok(())
}

/// What the identifiers of enforcement declarations begin with; the plan's id follows, or nothing for what was started by hand.
pub const IDENTIFIER: &str = "org.rollcall.update";

/// Identifier of the declaration of a plan.
pub fn identifier(plan_id: &str) -> String {
    if plan_id.is_empty() { format!("{IDENTIFIER}.now") } else { format!("{IDENTIFIER}.{plan_id}") }
}

/// The declaration that has a device install a release by its deadline.
fn enforcement(item: &Planned, read: Option<&Read>) -> DeclarationPiece {
    let row = &item.row;
    // Digits and dots only: an improvement is chosen by its build.
    let version = row.version.split(' ').next().unwrap_or_default();
    let mut payload = json!({ "TargetOSVersion": version, "TargetLocalDateTime": row.deadline });
    if !row.build.is_empty() {
        payload["TargetBuildVersion"] = json!(row.build);
    }
    if let Some(url) = read.and_then(|read| read.rules.details_url.as_ref()) {
        payload["DetailsURL"] = json!(url);
    }
    let origin =
        read.map_or_else(|| Origin { kind: AssignedKind::Update, id: String::new(), name: String::from("Started by hand") }, Read::origin);
    DeclarationPiece {
        edition: String::new(),
        kind: DeclarationKind::Configuration,
        identifier: identifier(&row.plan_id),
        declaration_type: mechanism::ENFORCEMENT.to_owned(),
        payload,
        activate: true,
        origins: vec![origin],
    }
}
