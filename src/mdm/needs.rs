//! What needs a person now: the alerts that were raised, and what keeps the appliance from its work as it stands.

use crate::error::Result;
use crate::mdm::absent;
use crate::mdm::apps::declined_words;
use crate::mdm::licences;
use crate::mdm::return_to_service::watch;
use crate::mdm::setup_assistant;
use crate::mdm::updates::doubt::{Listed, doubt};
use crate::mdm::updates::{lookup, plan};
use crate::store::alerts::{self, Alert};
use crate::store::app_states::{self, Trouble};
use crate::store::arrivals::Arrival;
use crate::store::devices::Device;
use crate::store::returns::Overdue;
use crate::store::{Tx, apps, push_certificates, roster, update_plans, update_progress};

/// Without a push certificate nothing is broken yet, so it stands below what is.
const NO_PUSH_CERTIFICATE_HARM: i64 = 50;

/// Apps that are told of at most; beyond, the list of apps tells.
const APPS_MAX: u32 = 10;

/// An app that is missing from devices breaks nothing that worked.
const NO_LICENCE_HARM: i64 = 60;
const LACKING_HARM: i64 = 58;
const NO_CODE_HARM: i64 = 57;
const APP_FAILED_HARM: i64 = 55;

/// What a device refused protects it no more than if nobody had wanted it.
const REFUSED_HARM: i64 = 56;

/// The key of a need that is about devices that refused profiles or declarations.
pub const REFUSED: &str = "wanted.refused";

/// The key of a need that is about an app; what comes after is the app's id.
pub const APP: &str = "app.";

/// The key of the need for a location whose licences could be given: no app of the store can come without one.
pub const NO_LOCATION: &str = "content_token.none";

/// Update plans that are told of at most; beyond, the list of plans tells.
const PLANS_MAX: u32 = 10;

/// Devices that miss their deadline stay open to what the release closes.
const OVERDUE_HARM: i64 = 70;
const UPDATE_FAILED_HARM: i64 = 58;
const STOPPED_HARM: i64 = 57;
const UNSIGNED_HARM: i64 = 59;

/// The key of a need that is about devices past the deadline of an update plan; what comes after is the plan's id, nothing for what was started by hand.
pub const UPDATE_OVERDUE: &str = "update.overdue.";

/// The key of a need that is about devices on which an update failed.
pub const UPDATE_FAILED: &str = "update.failed.";

/// The key of a need that is about an update plan whose target Apple does not sign.
pub const UPDATE_UNSIGNED: &str = "update.unsigned.";

/// The key of a need that is about a stopped update plan.
pub const UPDATE_STOPPED: &str = "update.stopped.";

/// A device that is missed can be used by nobody.
const NOT_BACK_HARM: i64 = 65;

/// The key of a need that is about a device that was erased and is not back; what comes after is the device's id.
pub const NOT_BACK: &str = "returns.";

/// A device that is held off can be used by nobody, and may be one that pretends.
const SERIAL_TAKEN_HARM: i64 = 64;

/// Devices held off that are told of at most.
const SERIAL_TAKEN_MAX: u32 = 10;

/// The key of a need that is about a device whose serial number another has; what comes after is the other device's id.
pub const SERIAL_TAKEN: &str = "setup.taken.";

/// Whether a need is about licences or redemption codes that are short.
pub fn is_of_seats(need: &Alert) -> bool {
    need.key == NO_LOCATION || need.key.starts_with(APP) && [NO_LICENCE_HARM, NO_CODE_HARM].contains(&need.harm)
}

/// Everything that needs somebody, the most harmful first.
pub fn all(tx: &Tx) -> Result<Vec<Alert>> {
    let mut needs = alerts::all(tx)?;
    absent::tell(tx, &mut needs)?;
    if push_certificates::current(tx)?.is_none() {
        needs.push(Alert {
            key: String::from("push.none"),
            harm: NO_PUSH_CERTIFICATE_HARM,
            message: String::from(t!("There is no push certificate yet.")),
            remedy: String::from(t!("Until Apple has given you one, no real device can enroll or be woken; practice devices need none.")),
            count: 1,
            since_at: tx.now,
            last_at: tx.now,
        });
    }
    needs.extend(lookup::need(tx)?);
    needs.extend(watch::overdue(tx)?.into_iter().map(|gone| not_back(tx, gone)));
    needs.extend(setup_assistant::held_off(tx, SERIAL_TAKEN_MAX)?.iter().map(|(arrival, holder)| serial_taken(arrival, holder)));
    let mut without_location = Vec::new();
    for mut trouble in app_states::troubles(tx, APPS_MAX)? {
        if trouble.without_licence > 0 && awaits_location(tx, &trouble)? {
            without_location.push((trouble.name.clone(), trouble.without_licence));
            trouble.without_licence = 0;
        }
        let declined = if trouble.without_licence > 0 { declined_words(tx, &trouble.app_id)? } else { String::new() };
        needs.extend(of_app(tx, &trouble, &declined));
    }
    needs.extend(no_location(tx, &without_location));
    for trouble in update_progress::troubles(tx, PLANS_MAX)? {
        needs.extend(of_plan(tx, &trouble));
    }
    needs.extend(unsigned(tx)?);
    needs.extend(refused(tx)?);
    needs.sort_by_key(|need| std::cmp::Reverse(need.harm));
    Ok(needs)
}

/// Plans whose target no device can get any more.
fn unsigned(tx: &Tx) -> Result<Vec<Alert>> {
    let (mut needs, mut listed) = (Vec::new(), Listed::default());
    for plan in update_plans::all(tx)?.into_iter().filter(|plan| plan.stopped_at.is_none()) {
        let read = plan::read(tx, plan)?;
        let Some(doubt) = doubt(tx, &read.rules.target, &mut listed)? else { continue };
        let plan_id = &read.plan.id;
        let count = update_progress::not_offered(tx, plan_id)?;
        if count == 0 {
            continue;
        }
        let (what, name) = (read.rules.target.words(), &read.plan.name);
        let devices = if count == 1 { String::from(t!("1 device")) } else { t!("{count} devices", count) };
        needs.push(Alert {
            key: format!("{UPDATE_UNSIGNED}{plan_id}"),
            harm: UNSIGNED_HARM,
            message: t!("{devices} of “{name}” cannot have {what}.", devices, name, what),
            remedy: doubt,
            count: i64::from(count),
            since_at: tx.now,
            last_at: tx.now,
        });
    }
    needs.sort_by_key(|need| std::cmp::Reverse(need.count));
    needs.truncate(PLANS_MAX as usize);
    Ok(needs)
}

fn refused(tx: &Tx) -> Result<Option<Alert>> {
    let count = i64::try_from(roster::refusing(tx)?).unwrap_or(i64::MAX);
    let message = match count {
        0 => return Ok(None),
        1 => String::from(t!("1 device did not take a profile, a policy or a declaration.")),
        count => t!("{count} devices did not take a profile, a policy or a declaration.", count),
    };
    Ok(Some(Alert {
        key: String::from(REFUSED),
        harm: REFUSED_HARM,
        message,
        remedy: String::from(t!("The reason stands on each device’s page, and on that of what it did not take.")),
        count,
        since_at: tx.now,
        last_at: tx.now,
    }))
}

fn not_back(tx: &Tx, gone: Overdue) -> Alert {
    let name = if gone.name.is_empty() { String::from(t!("A device")) } else { gone.name };
    Alert {
        key: format!("{NOT_BACK}{}", gone.device_id),
        harm: NOT_BACK_HARM,
        message: t!("{name} was erased to come back by itself, and has not come.", name),
        remedy: String::from(t!("Look whether it is on, charged and within reach of its network. Else set it up by hand.")),
        count: 1,
        since_at: gone.erased_at,
        last_at: tx.now,
    }
}

fn serial_taken(arrival: &Arrival, holder: &Device) -> Alert {
    let name = if holder.name.is_empty() { t!("another device") } else { holder.name.as_str() };
    Alert {
        key: format!("{SERIAL_TAKEN}{}", holder.id),
        harm: SERIAL_TAKEN_HARM,
        message: t!(
            "A device was not let in: {name} is enrolled under its serial number {serial_number}.",
            name,
            serial_number = arrival.serial_number
        ),
        remedy: String::from(t!(
            "If that is an old entry, for example from before a repair, erase or retire it, then start the other’s set-up again."
        )),
        count: 1,
        since_at: arrival.asked_at,
        last_at: arrival.asked_at,
    }
}

fn of_plan(tx: &Tx, trouble: &update_progress::Trouble) -> Vec<Alert> {
    let need = |kind: &str, harm, count: u32, message: String, remedy: &str| Alert {
        key: format!("{kind}{}", trouble.plan_id),
        harm,
        message,
        remedy: remedy.to_owned(),
        count: i64::from(count),
        since_at: tx.now,
        last_at: tx.now,
    };
    let (what, update) = match trouble.plan_id.as_str() {
        "" => (String::from(t!("an update that was started by hand")), String::from(t!("An update that was started by hand"))),
        _ => (format!("“{}”", trouble.name), t!("An update of “{name}”", name = trouble.name)),
    };
    let devices = |count: u32| if count == 1 { String::from(t!("1 device")) } else { t!("{count} devices", count) };
    let mut needs = Vec::new();
    if let Some(because) = &trouble.stopped {
        let message = t!("The update plan {what} is stopped: {because}.", what, because = because.trim_end_matches('.'));
        needs.push(need(
            UPDATE_STOPPED,
            STOPPED_HARM,
            1,
            message,
            t!("Nothing more is begun. Look at what went wrong, then let it go on."),
        ));
    }
    if trouble.overdue > 0 {
        let is_are = if trouble.overdue == 1 { t!("is") } else { t!("are") };
        let message = t!("{overdue} {is_are} past the deadline of {what}.", overdue = devices(trouble.overdue), is_are, what);
        needs.push(need(
            UPDATE_OVERDUE,
            OVERDUE_HARM,
            trouble.overdue,
            message,
            t!("Each device’s reason, and what helps, stands in its list."),
        ));
    }
    if trouble.failed > 0 {
        let message = t!("{update} failed on {failed}.", update, failed = devices(trouble.failed));
        needs.push(need(
            UPDATE_FAILED,
            UPDATE_FAILED_HARM,
            trouble.failed,
            message,
            t!("Each device’s reason, and what helps, stands in its list."),
        ));
    }
    needs
}

/// Whether devices lack licences of an app only because no location was brought.
fn awaits_location(tx: &Tx, trouble: &Trouble) -> Result<bool> {
    let adam_id = apps::by_id(tx, &trouble.app_id)?.and_then(|app| app.adam_id);
    adam_id.map_or(Ok(false), |adam_id| licences::awaits_location(tx, &adam_id))
}

/// Apps of the store wait, each on so many devices, while no location was brought: one cause, told once for all of them.
fn no_location(tx: &Tx, waiting: &[(String, u64)]) -> Option<Alert> {
    let message = match waiting {
        [] => return None,
        [(name, 1)] => t!("There is no content token, so {name} cannot be given to 1 device.", name),
        [(name, count)] => t!("There is no content token, so {name} cannot be given to {count} devices.", name, count),
        several => t!("There is no content token, so {count} apps of the App Store cannot be given.", count = several.len()),
    };
    Some(Alert {
        key: String::from(NO_LOCATION),
        harm: NO_LICENCE_HARM,
        message,
        remedy: String::from(t!(
            "Apps of the App Store need licences, free ones too. Bring the content token of your location at System, Apps and Books."
        )),
        count: waiting.iter().map(|(_, count)| i64::try_from(*count).unwrap_or(i64::MAX)).fold(0, i64::saturating_add),
        since_at: tx.now,
        last_at: tx.now,
    })
}

/// What hinders an app; `declined` tells what can be done about licences that are held where the person declined it.
fn of_app(tx: &Tx, trouble: &Trouble, declined: &str) -> Vec<Alert> {
    let devices = |count: u64| if count == 1 { String::from(t!("1 device")) } else { t!("{count} devices", count) };
    let need = |harm, count: u64, message: String, remedy: &str| Alert {
        key: format!("{APP}{}", trouble.app_id),
        harm,
        message,
        remedy: remedy.to_owned(),
        count: i64::try_from(count).unwrap_or(i64::MAX),
        since_at: tx.now,
        last_at: tx.now,
    };
    let name = &trouble.name;
    let mut needs = Vec::new();
    if trouble.without_licence > 0 {
        let count = trouble.without_licence;
        let remedy = t!("Get more licences in Apple's portal; it goes on by itself. {declined}", declined);
        let waits = if count == 1 { t!("waits") } else { t!("wait") };
        needs.push(need(
            NO_LICENCE_HARM,
            count,
            t!("{count} {waits} for a licence of {name}.", count = devices(count), waits, name),
            remedy.trim_end(),
        ));
    }
    if trouble.failed > 0 {
        let (count, remedy) = (trouble.failed, t!("Each device's reason stands on the app's page."));
        needs.push(need(APP_FAILED_HARM, count, t!("{name} could not be brought to {count}.", name, count = devices(count)), remedy));
    }
    if trouble.lacking > 0 {
        let remedy = t!(
            "{sentence} Each device's reason stands on the app's page.",
            sentence = crate::mdm::apps::words::sentence(&crate::language::kept(&trouble.lack))
        );
        let message = t!("{name} cannot be had on {lacking} as it is wanted.", name, lacking = devices(trouble.lacking));
        needs.push(need(LACKING_HARM, trouble.lacking, message, &remedy));
    }
    if trouble.without_code > 0 {
        let count = trouble.without_code;
        let asks = if count == 1 { t!("asks") } else { t!("ask") };
        let message = t!("{count} {asks} for a redemption code of {name}.", count = devices(count), asks, name);
        needs.push(need(NO_CODE_HARM, count, message, t!("Bring a sheet of codes at System, Apps and Books.")));
    }
    needs
}
