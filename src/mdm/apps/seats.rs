//! Licences before anything is sent: who would lack how many.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Result;
use crate::mdm::apps::lacks::{self, Proposal};
use crate::mdm::apps::plan::{self, Planned};
use crate::mdm::apps::settings::{self, LicenceBy};
use crate::mdm::apps::{mechanism, wish};
use crate::mdm::licences;
use crate::store::app_states::{self, Stage};
use crate::store::apps::{self, App, AppKind};
use crate::store::assignments::{AssignedKind, AssignedMode};
use crate::store::enrollments::EnrollmentState;
use crate::store::groups::Group;
use crate::store::{Tx, app_totals, assignments, devices, enrollments, groups};

/// Licences that a group lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Shortage {
    /// The group.
    pub group_id: String,
    /// Its name.
    pub group: String,
    /// How many licences its devices or people need besides those that they hold.
    pub needed: u64,
    /// How many are free.
    pub free: u64,
    /// How many are missing.
    pub by: u64,
    /// That in a sentence.
    pub because: String,
}

/// Licences that are left while device after device is thought of.
#[derive(Debug, Default)]
pub struct SeatsLeft {
    /// By number in the App Store; none: as many as anybody wants.
    free: BTreeMap<String, Option<u32>>,
    /// Who has been given one, by number and holder.
    given: BTreeSet<(String, String)>,
}

impl SeatsLeft {
    /// Gives the holder of an app one, if any is left; one is enough for all devices of a person.
    pub fn take(&mut self, tx: &Tx, planned: &Planned) -> Result<bool> {
        let (adam_id, Some(holder)) = (&planned.row.adam_id, &planned.holder) else { return Ok(true) };
        // What is on its way back to them is theirs again.
        if !self.given.insert((adam_id.clone(), plan::holder_key(holder))) || licences::has_place(tx, adam_id, holder)? {
            return Ok(true);
        }
        if !self.free.contains_key(adam_id) {
            let seats = licences::seats(tx, adam_id)?;
            self.free.insert(adam_id.clone(), if seats.as_of.is_some() { seats.free } else { Some(0) });
        }
        match self.free.get_mut(adam_id).and_then(Option::as_mut) {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None => Ok(true),
        }
    }
}

/// How many licences of an app are free; nothing where it needs none, or where anybody who wants one has one.
fn free(tx: &Tx, app: &App, by: LicenceBy) -> Result<Option<u64>> {
    let (AppKind::Store, Some(adam_id)) = (app.kind, app.adam_id.as_deref()) else { return Ok(None) };
    let seats = licences::seats(tx, adam_id)?;
    Ok(match seats.free {
        _ if by == LicenceBy::None => None,
        Some(free) => Some(u64::from(free)),
        // As many as anybody wants.
        None if seats.as_of.is_some() => None,
        None => Some(0),
    })
}

/// What can be done about licences that are missing, in sentences.
fn remedies(tx: &Tx, app: &App) -> Result<String> {
    if licences::lacks_location(tx)? {
        return Ok(t!("There is no content token here: bring one at System, Apps and Books.").into());
    }
    let adam_id = app.adam_id.as_deref().unwrap_or_default();
    let remedies = [licences::hindered(tx, adam_id)?, declined_words(tx, &app.id)?].join(" ");
    Ok(remedies.trim().to_owned())
}

fn shortage(app: &App, group: Group, (needed, free): (u64, u64), remedies: &str) -> Shortage {
    let by = needed.saturating_sub(free);
    let needs = match by {
        1 => t!("1 more licence of {app} is needed for “{group}”.", app = app.name, group = group.name),
        _ => t!("{by} more licences of {app} are needed for “{group}”.", by, app = app.name, group = group.name),
    };
    let because = format!("{needs} {remedies}").trim_end().to_owned();
    Shortage { group_id: group.id, group: group.name, needed, free, by, because }
}

/// What licences are missing in these groups, as was found when their devices were last planned for: no device is asked.
pub(super) fn found_short(tx: &Tx, app: &App, group_ids: &[String]) -> Result<Vec<Shortage>> {
    let by = settings::read(&app.settings)?.licence;
    if free(tx, app, by)?.is_none() {
        return Ok(Vec::new());
    }
    let remedies = remedies(tx, app)?;
    let mut open = assignments::of_item(tx, AssignedKind::App, &app.id)?;
    open.retain(|row| row.ends_at.is_none_or(|end| end > tx.now));
    // Where it is for one group and each device wants a licence of its own, all that have none are that group's.
    let is_theirs = by == LicenceBy::Device && matches!((open.as_slice(), group_ids), ([one], [id]) if one.group_id == *id);
    let found = if is_theirs {
        let without = app_states::counts(tx, &app.id)?.into_iter().find(|(stage, _)| *stage == Stage::NoLicence);
        without.map(|(_, count)| (0, count)).into_iter().collect()
    } else {
        app_totals::without_licence(tx, &app.id, group_ids)?
    };
    let mut short = Vec::new();
    for (place, needed) in found {
        let group = group_ids.get(place).map(|id| groups::by_id(tx, id)).transpose()?.flatten();
        // What was free has been given away before somebody was found to have none.
        short.extend(group.map(|group| shortage(app, group, (needed, 0), &remedies)));
    }
    Ok(short)
}

/// What licences would be missing if an app were assigned to these groups, one after the other.
pub fn shortages(tx: &Tx, app: &App, group_ids: &[String]) -> Result<Vec<Shortage>> {
    let settings = settings::read(&app.settings)?;
    let by = settings.licence;
    let (Some(free), Some(adam_id)) = (free(tx, app, by)?, app.adam_id.as_deref()) else { return Ok(Vec::new()) };
    if let [group_id] = group_ids
        && assignments::devices_of_group(tx, group_id)?.len() as u64 <= free
    {
        return Ok(Vec::new());
    }
    let remedies = remedies(tx, app)?;
    let proposal = Proposal::of(tx, app)?;
    let (mut left, mut counted, mut short) = (free, BTreeSet::new(), Vec::new());
    for group_id in group_ids {
        let Some(group) = groups::by_id(tx, group_id)? else { continue };
        let mut needed = 0;
        for device_id in assignments::devices_of_group(tx, group_id)? {
            let Some(device) = devices::by_id(tx, &device_id)? else { continue };
            if mechanism::runs_on(app, &settings, device.platform).is_err() {
                continue;
            }
            let channel = enrollments::device_channel(tx, &device_id)?.filter(|channel| channel.state == EnrollmentState::Enrolled);
            let (Some(channel), Ok(Some(holder))) = (channel, wish::holder(tx, &device, by)?) else { continue };
            if lacks::of_device(tx, app, &proposal, &channel, &device)?.is_some() {
                // It wants no licence before it can have the app.
                continue;
            }
            if !licences::has_place(tx, adam_id, &holder)? && counted.insert(plan::holder_key(&holder)) {
                needed += 1;
            }
        }
        if needed > left {
            short.push(shortage(app, group, (needed, left), &remedies));
        }
        left = left.saturating_sub(needed);
    }
    Ok(short)
}

/// What can be done about licences that are held for devices on which the person declined the app, in a sentence; empty where there are none.
pub fn declined_words(tx: &Tx, app_id: &str) -> Result<String> {
    let taken = match app_totals::declined_with_licence(tx, app_id)? {
        0 => return Ok(String::new()),
        1 => String::from(t!("One of the licences that are taken is held for a device on which the person declined the app")),
        count => t!("{count} of the licences that are taken are held for devices on which the person declined the app", count),
    };
    Ok(t!("{taken}: ask again there, or take the app away from there, and the licence is free.", taken))
}

/// What licences a group lacks of the apps that it is to have, by app.
pub fn shortages_of_group(tx: &Tx, group_id: &str) -> Result<Vec<(App, Shortage)>> {
    let assigned = assignments::of_group(tx, group_id)?
        .into_iter()
        .filter(|row| row.kind == AssignedKind::App && row.mode == AssignedMode::Required && row.ends_at.is_none_or(|end| end > tx.now));
    let (mut short, groups) = (Vec::new(), [group_id.to_owned()]);
    for row in assigned {
        let Some(app) = apps::by_id(tx, &row.item_id)? else { continue };
        short.extend(shortages(tx, &app, &groups)?.into_iter().map(|shortage| (app.clone(), shortage)));
    }
    Ok(short)
}

/// Which of a group's shortages are news: the app was not short `before`, or not by as many.
pub fn newly_short(before: &[(App, Shortage)], now: Vec<(App, Shortage)>) -> Vec<(App, Shortage)> {
    let was = |app: &App| before.iter().find(|(known, _)| known.id == app.id).map_or(0, |(_, shortage)| shortage.by);
    now.into_iter().filter(|(app, shortage)| shortage.by > was(app)).collect()
}
