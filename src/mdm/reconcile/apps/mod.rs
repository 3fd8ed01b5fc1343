//! Apps in the reconciler: what was decided for each is done, and what devices say of them is taken in.

mod hear;

pub use hear::{app_answered, apps_listed, apps_present, apps_reported};

use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::{Kind, Result};
use crate::mdm::apps::next::{self, LicenceFact, Step};
use crate::mdm::apps::{self, Planned};
use crate::mdm::licences::codes;
use crate::mdm::reconcile::ACTOR;
use crate::mdm::reconcile::preview::{Foreseen, Thing};
use crate::mdm::reconcile::standing::{Standing, State};
use crate::mdm::reconcile::step::UnderWay;
use crate::mdm::wanted::Origin;
use crate::mdm::{commands, inventory, licences, settings};
use crate::protocol::command::{self, Command as Order};
use crate::store::app_states::{self, AppState, Intent, Stage};
use crate::store::assignments::AssignedKind;
use crate::store::commands as queue;
use crate::store::deployments::Mechanism;
use crate::store::enrollments::Enrollment;
use crate::store::{Bell, Tx, devices};

/// Decisions in a row about one app in one plan: taking back, then sending, then noting.
const TURNS_MAX: usize = 4;

/// How often a device is asked whether somebody has signed in to the account that holds its licence.
const ACCOUNT_AGAIN: Duration = Duration::from_secs(15 * 60);

/// What marks the command for an app in the queue: a newer one replaces it.
fn supersede_key(app_id: &str) -> String {
    format!("app:{app_id}")
}

/// Does what was decided for the apps of an enrollment; gives when to look again.
pub(super) fn act(tx: &Tx, enrollment: &Enrollment, planned: &[Planned]) -> Result<Option<Timestamp>> {
    let mut wakes = Vec::new();
    let mut asks = false;
    for planned in planned {
        asks |= act_on(tx, enrollment, planned.clone(), &mut wakes)?;
    }
    if planned.iter().any(|planned| planned.facts.awaits_account) {
        ask_account(tx, enrollment)?;
        wakes.push(tx.now.plus(ACCOUNT_AGAIN));
    }
    if asks {
        ask(tx, enrollment, planned.iter().any(|planned| planned.facts.is_managed_there))?;
    }
    Ok(wakes.into_iter().filter(|at| *at >= tx.now).min())
}

/// Asks a device what it is, and with that which account it is signed in to, unless it has just said so.
fn ask_account(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    let said_at = devices::by_id(tx, &enrollment.device_id)?.and_then(|device| device.facts_at);
    if said_at.is_some_and(|at| tx.now.since(at) < ACCOUNT_AGAIN) {
        return Ok(());
    }
    match inventory::ask_facts(tx, &ACTOR, enrollment) {
        // There is no room in its queue; it is asked the next time.
        Err(error) if error.kind == Kind::Conflict => Ok(()),
        other => other,
    }
}

/// Does what was decided for one app; tells whether the device is to be asked how far it is.
fn act_on(tx: &Tx, enrollment: &Enrollment, mut planned: Planned, wakes: &mut Vec<Timestamp>) -> Result<bool> {
    let_go(tx, enrollment, &mut planned)?;
    let holder = planned.holder.as_ref().map(apps::holder_key).unwrap_or_default();
    if !planned.row.holder.is_empty() && planned.row.holder != holder && planned.order.is_some() {
        give_back(tx, enrollment, &mut planned.row)?;
    }
    if !next::gave_up(&planned.row) && is_news_of_licence(tx, &mut planned)? {
        // What is served was worked out without it: that is done anew, at once.
        wakes.push(tx.now);
        tx.ring(Bell::Jobs);
        return app_states::put(tx, &enrollment.id, &planned.row).map(|()| false);
    }
    let mut asks = false;
    for _ in 0..TURNS_MAX {
        let step = next::next(&planned.row, &planned.facts, tx.now);
        match &step {
            Step::Rest(until) => wakes.extend(*until),
            Step::Poll => {
                next::polled(&mut planned.row, tx.now);
                wakes.extend(planned.row.poll_at);
                asks = true;
            }
            Step::Release => {
                give_back(tx, enrollment, &mut planned.row)?;
                if planned.before.is_some() {
                    app_states::forget(tx, &enrollment.id, &planned.row.app_id)?;
                }
                if planned.row.withdrawn {
                    // It may be asked for again, from now on.
                    wakes.push(tx.now);
                    tx.ring(Bell::Jobs);
                }
                return Ok(asks);
            }
            Step::DeclareAgain => {
                if let Some(order) = &planned.order {
                    next::declared_again(&mut planned.row, |asks| order.digest(asks), tx.now);
                    // What is served was worked out with the identifier before.
                    wakes.push(tx.now);
                    tx.ring(Bell::Jobs);
                }
            }
            other => take(tx, enrollment, &mut planned, other)?,
        }
        let is_unnamed = step == Step::Remove && planned.row.bundle_id.is_empty();
        if !matches!(step, Step::Want | Step::TakeBack) && !is_unnamed {
            break;
        }
    }
    wakes.extend(planned.row.due_at.filter(|_| planned.row.command_uuid.is_none()));
    if planned.facts.want.is_none() && planned.row.mechanism == Mechanism::Declaration {
        next::enter(&mut planned.row, Stage::Removing, "", tx.now);
    }
    if next::gave_up(&planned.row) || is_offered_only(&planned) {
        give_back(tx, enrollment, &mut planned.row)?;
    }
    if planned.facts.lack.is_none() {
        next::mended(&mut planned.row, &planned.facts.licence, tx.now);
    }
    next::compare(&mut planned.row, &planned.facts, tx.now);
    next::codeless(&mut planned.row, &planned.facts);
    if planned.before.as_ref() != Some(&planned.row) {
        app_states::put(tx, &enrollment.id, &planned.row)?;
    }
    Ok(asks)
}

/// Ends what is not waited for any more: the command of an app that comes by a declaration now, and the code of one that left the queue.
fn let_go(tx: &Tx, enrollment: &Enrollment, planned: &mut Planned) -> Result<()> {
    if let Some(stray) = planned.stray.take() {
        commands::take_back(tx, enrollment, &stray, t!("it comes by a declaration now"))?;
    }
    match planned.before.as_ref().filter(|before| before.command_uuid != planned.row.command_uuid) {
        Some(before) => free_code(tx, enrollment, before),
        None => Ok(()),
    }
}

/// The command of a row is not waited for any more: a redemption code that it was to bring, and never did, is nobody's again.
fn free_code(tx: &Tx, enrollment: &Enrollment, row: &AppState) -> Result<()> {
    match row.command_uuid.as_deref().filter(|_| row.is_redeeming()) {
        Some(uuid) => codes::give_back_unsent(tx, &row.adam_id, enrollment, uuid),
        None => Ok(()),
    }
}

/// Says to the ledger that a licence is wanted, where that was not said, also of one that somebody else gave; tells whether one is there that was
/// not when it was worked out what a device is served.
fn is_news_of_licence(tx: &Tx, planned: &mut Planned) -> Result<bool> {
    let is_to_come = planned.facts.want.as_ref().is_some_and(|want| want.installs);
    if !is_to_come || !planned.row.holder.is_empty() && planned.facts.licence != LicenceFact::Missing {
        return Ok(false);
    }
    let was_enough = planned.facts.licence.is_enough();
    want_licence(tx, planned)?;
    Ok(planned.row.mechanism == Mechanism::Declaration && !was_enough && planned.facts.licence.is_enough())
}

/// Takes a step that changes the row and what waits for the device.
fn take(tx: &Tx, enrollment: &Enrollment, planned: &mut Planned, step: &Step) -> Result<()> {
    match step {
        Step::Offer => next::enter(&mut planned.row, Stage::Offered, "", tx.now),
        Step::Want => return want_licence(tx, planned),
        Step::AwaitLicence => {
            let fact = planned.facts.licence.clone();
            next::awaits_licence(&mut planned.row, &fact, tx.now);
        }
        Step::TakeBack => {
            if planned.row.is_redeeming() {
                codes::give_back(tx, &planned.row.adam_id, enrollment)?;
            }
            if let Some(uuid) = &planned.row.command_uuid {
                commands::take_back(tx, enrollment, uuid, t!("it is not wanted any more"))?;
            }
            next::taken_back(&mut planned.row, tx.now);
            planned.facts.under_way = UnderWay::Nothing;
        }
        Step::Install => {
            let Some(order) = &planned.order else { return Ok(()) };
            let order = order.command(tx.command_uuid(), planned.row.take_over);
            send(tx, enrollment, planned, Intent::Install, order)?;
        }
        Step::Remove if planned.row.bundle_id.is_empty() => {
            // Nobody ever told its identifier, so it cannot be named; the device never said that it has it.
            planned.row.sent.clear();
            planned.row.seen.clear();
        }
        Step::Remove => {
            let order = command::remove_application(tx.command_uuid(), &planned.row.bundle_id);
            send(tx, enrollment, planned, Intent::Remove, order)?;
        }
        Step::Declare => {
            let digest = planned.facts.want.as_ref().map(|want| want.digest.clone()).unwrap_or_default();
            next::served(&mut planned.row, &digest, tx.now);
        }
        Step::Redeem => redeem(tx, enrollment, planned)?,
        Step::Lack => next::lacks(&mut planned.row, planned.facts.lack.as_deref().unwrap_or_default(), tx.now),
        Step::Doubt => next::doubted(&mut planned.row, tx.now),
        Step::Rest(_) | Step::Poll | Step::Release | Step::DeclareAgain => {}
    }
    Ok(())
}

fn want_licence(tx: &Tx, planned: &mut Planned) -> Result<()> {
    let Some(holder) = &planned.holder else {
        planned.facts.licence = LicenceFact::Free;
        return Ok(());
    };
    planned.row.holder = apps::holder_key(holder);
    let fact = apps::fact(licences::want(tx, &planned.row.adam_id, holder)?);
    // A licence that is not even waited for comes with the next plan.
    planned.facts.licence = if fact == LicenceFact::Missing { LicenceFact::Pending(String::new()) } else { fact };
    Ok(())
}

/// Whether somebody at the device may ask for it, and has not: then it waits for no licence and keeps none from others.
fn is_offered_only(planned: &Planned) -> bool {
    let row = &planned.row;
    planned.facts.want.as_ref().is_some_and(|want| !want.installs) && next::is_away(row) && row.command_uuid.is_none()
}

fn give_back(tx: &Tx, enrollment: &Enrollment, row: &mut AppState) -> Result<()> {
    apps::release(tx, &enrollment.id, row)?;
    row.holder.clear();
    Ok(())
}

/// Queues a command for an app. When there is no room in the queue it is tried again later.
fn send(tx: &Tx, enrollment: &Enrollment, planned: &mut Planned, intent: Intent, order: Order) -> Result<()> {
    match commands::enqueue_own(tx, &ACTOR, enrollment, order, Some(&supersede_key(&planned.row.app_id)), None) {
        Ok(command) => next::sent(&mut planned.row, intent, command.uuid, &planned.facts, tx.now),
        Err(error) if error.kind == Kind::Conflict => {
            planned.row.due_at = Some(tx.now.plus(next::BACK_OFF[0]));
            planned.row.problem = error.message.into_owned();
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Queues a redemption code, which then is this device's. When there is no room in the queue it is tried again later.
fn redeem(tx: &Tx, enrollment: &Enrollment, planned: &mut Planned) -> Result<()> {
    let row = &mut planned.row;
    if queue::count_open(tx, &enrollment.id)? >= commands::MAX_OPEN {
        row.due_at = Some(tx.now.plus(next::BACK_OFF[0]));
        return Ok(());
    }
    let Some(code) = codes::take(tx, &row.adam_id, enrollment)? else { return Ok(()) };
    let order = command::apply_redemption_code(tx.command_uuid(), &row.bundle_id, code.expose());
    let command = commands::enqueue_own(tx, &ACTOR, enrollment, order, Some(&supersede_key(&row.app_id)), None)?;
    next::code_sent(row, command.uuid, tx.now);
    Ok(())
}

/// Asks a device what it has and, where it can say that, what it manages: the lists tell how far everything is.
fn ask(tx: &Tx, enrollment: &Enrollment, is_managed_there: bool) -> Result<()> {
    let managed = is_managed_there.then(|| command::managed_application_list(tx.command_uuid()));
    for order in [command::installed_application_list(tx.command_uuid())].into_iter().chain(managed) {
        match commands::enqueue_own(tx, &ACTOR, enrollment, order, None, None) {
            Err(error) if error.kind != Kind::Conflict => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Whether the declaration with this identifier, or its activation, is that of an app.
pub(super) fn is_app(identifier: &str) -> bool {
    identifier.starts_with(&format!("{}app.", super::render::PREFIX))
}

/// What would be done about the apps of one channel; `seats` are what is left for it.
pub(super) fn foreseen(tx: &Tx, planned: &[Planned], seats: &mut apps::SeatsLeft) -> Result<Vec<Thing>> {
    planned.iter().map(|planned| thing(tx, planned, seats)).filter_map(Result::transpose).collect()
}

fn thing(tx: &Tx, planned: &Planned, seats: &mut apps::SeatsLeft) -> Result<Option<Thing>> {
    let row = &planned.row;
    if planned.facts.lack.is_some() && next::is_away(row) {
        return Ok(None);
    }
    let is_going = planned.facts.want.is_none();
    let foreseen = match next::next(row, &planned.facts, tx.now) {
        Step::Want if !seats.take(tx, planned)? => Foreseen::NoLicence,
        Step::AwaitLicence if matches!(planned.facts.licence, LicenceFact::Short(_)) => Foreseen::NoLicence,
        Step::Install | Step::Declare | Step::DeclareAgain | Step::Want => Foreseen::Sent,
        Step::Poll if row.stage == Stage::Installed => Foreseen::Stays,
        Step::AwaitLicence | Step::Poll | Step::Redeem => Foreseen::UnderWay,
        Step::Lack => Foreseen::Stays,
        Step::Rest(_) if row.stage == Stage::Lacking => Foreseen::Stays,
        Step::Offer => Foreseen::Offered,
        Step::Remove => Foreseen::Removed,
        Step::Rest(_) if is_going && row.command_uuid.is_none() => Foreseen::Removed,
        Step::Rest(_) if matches!(row.stage, Stage::Installed | Stage::Outdated) => Foreseen::Stays,
        Step::Rest(_) if row.command_uuid.is_some() => Foreseen::UnderWay,
        Step::Rest(_) if matches!(row.stage, Stage::Sent | Stage::Prompting | Stage::Installing | Stage::Updating) => Foreseen::UnderWay,
        Step::Doubt | Step::Rest(_) => Foreseen::Later,
        Step::TakeBack | Step::Release => return Ok(None),
    };
    Ok(Some(Thing {
        identifier: apps::identifier(row),
        name: row.name.clone(),
        mechanism: row.mechanism,
        retry_at: row.due_at.filter(|_| foreseen == Foreseen::Later),
        foreseen,
        // What goes comes from nowhere any more; it is told by what it came from.
        origins: if planned.origins.is_empty() { vec![origin(row)] } else { planned.origins.clone() },
        came_from: Vec::new(),
    }))
}

fn origin(row: &AppState) -> Origin {
    Origin { kind: AssignedKind::App, id: row.app_id.clone(), name: row.name.clone() }
}

/// How the apps of one channel stand.
pub(super) fn standing(tx: &Tx, enrollment: &Enrollment) -> Result<Vec<Standing>> {
    let (mut things, zone) = (Vec::new(), settings::zone(tx)?);
    // What a device lacks and does not have at all is told as what it cannot have.
    let is_told = |row: &AppState| row.stage != Stage::Offered && (row.stage != Stage::Lacking || !next::is_away(row));
    for row in app_states::of_enrollment(tx, &enrollment.id)?.into_iter().filter(is_told) {
        let (because, remedy) = apps::words::because(&row, &zone);
        let origin = origin(&row);
        things.push(Standing {
            identifier: apps::identifier(&row),
            words: Some(apps::words::stage(&row)),
            state: match row.stage {
                Stage::Installed | Stage::Outdated => State::There,
                _ if row.wanted.is_empty() => State::Leaving,
                Stage::Failed | Stage::Stuck | Stage::NoLicence | Stage::Declined | Stage::Deleted | Stage::Unmanaged => State::Failed,
                _ => State::Waiting,
            },
            origins: if row.wanted.is_empty() { Vec::new() } else { vec![origin] },
            mechanism: row.mechanism,
            since_at: Some(row.stage_at),
            retry_at: row.due_at,
            name: row.name,
            because,
            remedy,
        });
    }
    Ok(things)
}

/// A new generation of an enrollment has nothing yet; licences of the device are kept, since it is the same device.
pub(super) fn begin_anew(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    let before = app_states::of_enrollment(tx, &enrollment.id)?;
    app_states::forget_all(tx, &enrollment.id)?;
    before.iter().try_for_each(|old| free_code(tx, enrollment, old))?;
    for old in before.into_iter().filter(|old| !old.holder.is_empty() || old.asked_at.is_some()) {
        let row = AppState {
            name: old.name,
            adam_id: old.adam_id,
            bundle_id: old.bundle_id,
            mode: old.mode,
            holder: old.holder,
            wanted: old.wanted,
            asked_at: old.asked_at,
            asks: old.asks,
            withdrawn: old.withdrawn,
            ..AppState::absent(&old.app_id, old.mechanism, tx.now)
        };
        app_states::put(tx, &enrollment.id, &row)?;
    }
    Ok(())
}
