//! What devices lack for an app, before it is assigned or changed: for which reason how many of them could not have it as it would be.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Result;
use crate::mdm::apps::seats::{self, Shortage};
use crate::mdm::apps::settings::{self, LicenceBy, Settings};
use crate::mdm::apps::wish::{self, NO_PACKAGE};
use crate::mdm::apps::{configuration, library, mechanism};
use crate::mdm::{Actor, Right, access, clashes, packages, reconcile};
use crate::protocol::mobileconfig::variables::{self, ACCESS_TOKEN};
use crate::protocol::plist::Dictionary;
use crate::store::apps::{self, App, AppKind};
use crate::store::assignments::AssignedKind;
use crate::store::devices::Device;
use crate::store::enrollments::{Enrollment, EnrollmentState};
use crate::store::{Tx, app_totals, assignments, devices, enrollments, outcomes};

/// Something that devices lack for an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AppLack)]
pub struct Lack {
    /// What, as the end of a sentence.
    pub because: String,
    /// How many devices.
    pub devices: u64,
    /// That in a sentence.
    pub words: String,
}

/// How an app is, or would be, as far as a device can lack something for it.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// How it is managed.
    pub settings: Settings,
    /// What the app itself is to know.
    pub keys: Option<Dictionary>,
}

impl Proposal {
    /// As it is.
    pub fn of(tx: &Tx, app: &App) -> Result<Self> {
        let keys = apps::configuration(tx, &app.id)?.map(|bytes| configuration::stored(bytes.expose())).transpose()?;
        Ok(Self { settings: settings::read(&app.settings)?, keys })
    }
}

/// What the devices that an app is for would lack for it; of these groups, else of those that it is assigned to. The most frequent lack comes first.
pub fn lacks(tx: &Tx, actor: &Actor, id: &str, proposal: Option<Proposal>, group_ids: Option<&[String]>) -> Result<Vec<Lack>> {
    actor.require(Right::View)?;
    let app = library::known(tx, id)?;
    let proposal = proposal.map_or_else(|| Proposal::of(tx, &app), Ok)?;
    let group_ids = group_ids.map_or_else(|| where_it_is(tx, id), |given| Ok(given.to_vec()))?;
    let (mut seen, mut counts) = (BTreeSet::new(), BTreeMap::<String, u64>::new());
    for group_id in &group_ids {
        for device_id in assignments::devices_of_group(tx, group_id)? {
            if !seen.insert(device_id.clone()) {
                continue;
            }
            let Some(device) = devices::by_id(tx, &device_id)? else { continue };
            let channel = enrollments::device_channel(tx, &device_id)?.filter(|channel| channel.state == EnrollmentState::Enrolled);
            let Some(channel) = channel else { continue };
            if let Some(because) = of_device(tx, &app, &proposal, &channel, &device)? {
                *counts.entry(because).or_default() += 1;
            }
        }
    }
    let mut lacks: Vec<Lack> =
        counts.into_iter().map(|(because, devices)| Lack { words: words(&app, devices, &because), because, devices }).collect();
    lacks.sort_by_key(|lack| std::cmp::Reverse(lack.devices));
    Ok(lacks)
}

/// What devices lack for it, as was found when they were last planned for: no device is asked.
fn found_lacking(tx: &Tx, app: &App) -> Result<Vec<Lack>> {
    let lack = |(because, devices): (String, u64)| {
        let because = because.trim_end_matches('.').to_owned();
        Lack { words: words(app, devices, &because), because, devices }
    };
    Ok(app_totals::lacking(tx, &app.id)?.into_iter().map(lack).collect())
}

/// Devices that are asked one by one at the most.
pub const ASKED_MAX: u64 = 200;

/// Everything that is missing for an app on the devices that it is for, in sentences: licences in the groups that are to have it, what devices lack, what
/// gets in its way.
///
/// Where it is for few devices each is asked, so that it is right at once; of more than [`ASKED_MAX`] is told what was found when they were last planned
/// for, which is a matter of seconds after every change.
pub fn missing(tx: &Tx, actor: &Actor, app: &App, required: &[String]) -> Result<Vec<String>> {
    actor.require(Right::View)?;
    let (short, lacks) = if outcomes::reach(tx, AssignedKind::App, &app.id)? <= ASKED_MAX {
        (seats::shortages(tx, app, required)?, lacks(tx, actor, &app.id, None, None)?)
    } else {
        found(tx, app, required)?
    };
    let lacks = lacks.into_iter().chain(hidden(tx, actor, &app.id, None)?).map(|lack| lack.words);
    Ok(short.into_iter().map(|shortage| shortage.because).chain(lacks).collect())
}

/// The licences that are missing and what devices lack, without asking any.
pub(in crate::mdm) fn found(tx: &Tx, app: &App, required: &[String]) -> Result<(Vec<Shortage>, Vec<Lack>)> {
    Ok((seats::found_short(tx, app, required)?, found_lacking(tx, app)?))
}

/// What gets in an app's way on devices of these groups, else of those that it is assigned to: lists of policies that would hide it, so that it comes and
/// nobody can open it, and declarations that bring it too.
pub fn hidden(tx: &Tx, actor: &Actor, id: &str, group_ids: Option<&[String]>) -> Result<Vec<Lack>> {
    actor.require(Right::View)?;
    let app = library::known(tx, id)?;
    let group_ids = group_ids.map_or_else(|| where_it_is(tx, id), |given| Ok(given.to_vec()))?;
    let lack = |hidden: clashes::Hidden| Lack {
        because: t!("a list of apps in the policy “{name}” hides it", name = hidden.policy.name),
        devices: hidden.device_count,
        words: hidden.words(),
    };
    let mut found: Vec<Lack> = clashes::of_app(tx, &app, &group_ids)?.into_iter().map(lack).collect();
    found.extend(clashes::declared_too(tx, &app, &group_ids)?.into_iter().map(|twice| Lack {
        because: t!("the declaration “{name}” brings it too", name = twice.declaration.name),
        devices: twice.device_count,
        words: twice.words(),
    }));
    Ok(found)
}

/// The groups that an app is assigned to now.
fn where_it_is(tx: &Tx, id: &str) -> Result<Vec<String>> {
    let open = assignments::of_item(tx, AssignedKind::App, id)?.into_iter().filter(|row| row.ends_at.is_none_or(|end| end > tx.now));
    Ok(open.map(|row| row.group_id).collect())
}

fn words(app: &App, devices: u64, because: &str) -> String {
    let devices = if devices == 1 { String::from(t!("1 device")) } else { t!("{devices} devices", devices) };
    t!("{devices} cannot have {name} like this: {because}.", devices, name = app.name, because)
}

/// What one device lacks for an app; nothing where it can have it, and where the app does not run at all.
pub(super) fn of_device(tx: &Tx, app: &App, proposal: &Proposal, enrollment: &Enrollment, device: &Device) -> Result<Option<String>> {
    if mechanism::runs_on(app, &proposal.settings, device.platform).is_err() {
        return Ok(None);
    }
    if let Some(keys) = proposal.keys.as_ref().filter(|keys| variables::find(keys).is_ok_and(|used| !used.is_empty())) {
        let mut values = reconcile::variables(tx, device)?;
        values.extend(access::token(tx, enrollment, &app.id)?.map(|token| (ACCESS_TOKEN, token)));
        if let Err(because) = configuration::filled(keys, &values) {
            return Ok(Some(because));
        }
    }
    if app.kind != AppKind::Store {
        return Ok(packages::for_device(tx, &app.id, device)?.is_none().then(|| String::from(NO_PACKAGE)));
    }
    let by = if enrollment.kind.is_user_enrollment() { LicenceBy::User } else { proposal.settings.licence };
    Ok(wish::holder(tx, device, by)?.err())
}
