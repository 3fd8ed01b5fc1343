//! What the rooms know of apps, as their pages show it.

use serde_json::Value as Json;

use super::{PAGE, address};
use crate::clock::Timestamp;
use crate::clock::Zone;
use crate::error::Result;
use crate::http::pages::apps::one::{AppView, DeviceRow};
use crate::http::pages::apps::{AppRow, Licences};
use crate::http::pages::parts::scope::is_over;
use crate::http::pages::parts::{ScopeGroup, ScopeView, Segment, Share, State as Mark};
use crate::language::{kept, say};
use crate::mdm::apps::settings::ATTRIBUTES;
use crate::mdm::apps::{self, LicenceBy, Overview, Picture, Settings, Updates, words};
use crate::mdm::licences::lacks_location;
use crate::mdm::packages;
use crate::mdm::settings::zone;
use crate::mdm::{Actor, Right};
use crate::protocol::package::version_words;
use crate::store::app_states::{AppState, OnDevice, Stage};
use crate::store::apps::{App, AppKind};
use crate::store::assignments::AssignedMode;
use crate::store::deployments::Mechanism;
use crate::store::packages::Stage as PackageStage;
use crate::store::{Tx, groups};

/// Where an app comes from, in words.
fn kind(kind: AppKind) -> &'static str {
    match kind {
        AppKind::Store => t!("App Store"),
        AppKind::InHouse => t!("Your own app"),
        AppKind::Package => t!("Package for Macs"),
    }
}

fn licences(found: &Overview) -> Option<Licences> {
    let is_licensed = found.settings.licence != LicenceBy::None;
    found.seats.filter(|_| is_licensed).map(|seats| Licences {
        owned: seats.owned.map(u64::from),
        used: u64::from(seats.in_use),
        free: seats.free.map(u64::from),
        short: u64::from(seats.short),
    })
}

/// An app as the list shows it.
pub(super) fn row(found: Overview, groups: &[groups::Group], repeated: &[String], now: Timestamp) -> AppRow {
    let open = found.assignments.iter().filter(|assignment| !is_over(assignment.ends_at, now));
    let name = |id: &str| groups.iter().find(|group| group.id == id).map(|group| group.name.clone());
    AppRow {
        kind: kind(found.app.kind),
        icon: found.icon.as_ref().map(|icon| match icon {
            Picture::OfStore(adam_id) => format!("/system/apps-and-books/icons/{adam_id}"),
            Picture::OfPackage(id) => format!("/own-apps/versions/{id}/icon"),
        }),
        licences: licences(&found),
        groups: open.filter_map(|assignment| name(&assignment.group_id)).collect(),
        results: segments(&found),
        identifier: identifier(&found.app, repeated),
        id: found.app.id,
        name: found.app.name,
    }
}

/// What tells an app from others of its name; empty where there are none.
fn identifier(app: &App, repeated: &[String]) -> String {
    if !repeated.contains(&app.name.to_lowercase()) {
        return String::new();
    }
    match &app.adam_id {
        Some(adam_id) if app.bundle_id.is_empty() => t!("App Store number {adam_id}", adam_id),
        _ => app.bundle_id.clone(),
    }
}

/// How far devices are, each part with the list behind it; what may be asked for or goes is no part of having it.
fn segments(found: &Overview) -> Vec<Segment> {
    let share = |stage| match stage {
        Stage::Installed | Stage::Outdated => Some(Share::Installed),
        Stage::Installing | Stage::Updating => Some(Share::Installing),
        Stage::Absent | Stage::Sent | Stage::Prompting | Stage::Licence | Stage::NeedsCode | Stage::Unmanaged => Some(Share::Waiting),
        Stage::Declined | Stage::Deleted => Some(Share::Declined),
        Stage::NoLicence => Some(Share::NoLicence),
        Stage::Lacking => Some(Share::Lacking),
        Stage::Failed | Stage::Stuck => Some(Share::Failed),
        Stage::Offered | Stage::Removing => None,
    };
    let mut segments: Vec<Segment> = Vec::new();
    for (stage, count) in &found.counts {
        let Some(share) = share(*stage) else { continue };
        match segments.iter_mut().find(|segment| segment.share == share) {
            Some(segment) => {
                segment.count += count;
                segment.href = segment.href.take().map(|href| format!("{href},{stage}"));
            }
            None => segments.push(Segment { share, count: *count, href: Some(format!("/apps/{}?stage={stage}", found.app.id)) }),
        }
    }
    segments
}

/// The mark of a stage.
pub(in crate::http::pages::handlers) fn mark(stage: Stage) -> Mark {
    match stage {
        Stage::Installed | Stage::Outdated => Mark::Ok,
        Stage::Offered => Mark::Silent,
        Stage::NoLicence | Stage::Declined | Stage::Failed | Stage::Stuck | Stage::Deleted | Stage::Unmanaged | Stage::Lacking => {
            Mark::Problem
        }
        _ => Mark::Waiting,
    }
}

/// The words of the button that asks again, where that helps.
pub(in crate::http::pages::handlers) fn ask_words(row: &AppState) -> Option<&'static str> {
    if row.wanted.is_empty() {
        return None;
    }
    match row.stage {
        Stage::Declined | Stage::Deleted | Stage::Prompting | Stage::NeedsCode => Some(t!("Ask again")),
        Stage::Failed | Stage::Stuck => Some(t!("Try again")),
        Stage::Unmanaged => Some(t!("Take over")),
        Stage::Offered => Some(t!("Install now")),
        // A declared one is kept current by its device.
        Stage::Outdated if row.mechanism == Mechanism::Command => Some(t!("Update now")),
        _ => None,
    }
}

/// Whether it can be taken away here.
pub(in crate::http::pages::handlers) fn withdraws(row: &AppState) -> bool {
    row.mode == AssignedMode::Optional && !row.seen.is_empty() && !row.withdrawn
}

/// What is to be known of the versions that devices get.
fn version_notes(tx: &Tx, actor: &Actor, id: &str) -> Result<Vec<(String, String, Vec<String>)>> {
    let versions = packages::versions(tx, actor, id)?.versions.into_iter().filter(|version| version.stage != PackageStage::Kept);
    versions.map(|version| Ok((format!("/own-apps/versions/{}", version.id), version.words(), packages::notes(tx, &version)?))).collect()
}

/// One app as its page shows it.
pub(super) fn view(tx: &Tx, actor: &Actor, id: &str, stages: &[Stage], after: Option<&(String, String)>) -> Result<AppView> {
    let found = apps::find(tx, actor, id)?;
    let (mut devices, total) = apps::of_app(tx, actor, id, stages, after, PAGE + 1)?;
    let is_more = devices.len() > PAGE as usize;
    devices.truncate(PAGE as usize);
    let path = format!("/apps/{id}");
    let filter = stages.iter().map(|stage| stage.as_str()).collect::<Vec<_>>().join(",");
    let next =
        devices.last().filter(|_| is_more).map(|last| address(&path, &[("stage", &filter)], (&last.device_name, &last.enrollment_id)));
    let group = |group: groups::Group| ScopeGroup { id: group.id, name: group.name, device_count: group.device_count };
    let open = || found.assignments.iter().filter(|row| !is_over(row.ends_at, tx.now));
    let required: Vec<String> = open().filter(|row| row.mode == AssignedMode::Required).map(|row| row.group_id.clone()).collect();
    let optional = open().filter(|row| row.mode == AssignedMode::Optional);
    let facts: Json = serde_json::from_str(&found.app.facts).unwrap_or_default();
    let zone = zone(tx)?;
    let missing = apps::missing(tx, actor, &found.app, &required)?;
    let wants_licence = found.app.kind == AppKind::Store && apps::settings::read(&found.app.settings)?.licence != LicenceBy::None;
    Ok(AppView {
        lacks_location: !missing.is_empty() && wants_licence && lacks_location(tx)?,
        shortages: missing,
        version_notes: if found.app.kind == AppKind::Store { Vec::new() } else { version_notes(tx, actor, id)? },
        kind: kind(found.app.kind),
        is_of_the_house: found.app.kind != AppKind::Store,
        licences: licences(&found),
        results: segments(&found),
        settings: sentences(&found.settings, found.app.kind, &zone),
        is_configured: found.is_configured,
        may_ask_here: !found.app.bundle_id.is_empty(),
        scope: ScopeView {
            groups: groups::all(tx)?.into_iter().map(group).collect(),
            assigned: found.assignments.iter().map(|row| (row.group_id.clone(), row.ends_at)).collect(),
            now: tx.now,
            zone: zone.clone(),
            ..ScopeView::default()
        },
        optional: optional.map(|row| row.group_id.clone()).collect(),
        version: newest(&facts),
        devices: devices.into_iter().map(|row| device(row, &zone)).collect(),
        unable: apps::unable(tx, actor, id)?
            .into_iter()
            .map(|one| (one.device_id, one.device_name, words::sentence(&kept(&one.because))))
            .collect(),
        total,
        next,
        filter: (!filter.is_empty()).then_some(filter),
        id: found.app.id,
        name: found.app.name,
        note: found.app.note,
        adam_id: found.app.adam_id,
        bundle_id: found.app.bundle_id,
        may_change: actor.may(Right::Configure),
        may_ask: actor.may(Right::Command),
        errors: Vec::new(),
    })
}

fn device(row: OnDevice, zone: &Zone) -> DeviceRow {
    let (because, remedy) = words::because(&row.state, zone);
    DeviceRow {
        name: if row.device_name.is_empty() { String::from(t!("A device without a name")) } else { row.device_name },
        id: row.device_id,
        state: mark(row.state.stage),
        words: words::stage(&row.state),
        because: [because, remedy].join(" ").trim().to_owned(),
        at: row.state.stage_at,
        ask: ask_words(&row.state),
        withdraws: withdraws(&row.state),
    }
}

/// How an app is managed, in sentences.
fn sentences(settings: &Settings, kind: AppKind, zone: &Zone) -> Vec<String> {
    let mut said = vec![
        if settings.remove_with_management {
            t!("It goes, with its data, when the management ends.")
        } else {
            t!("It stays on the device when the management ends, as the person's own.")
        },
        if settings.exclude_from_backup { t!("Its data stay out of backups.") } else { t!("Its data go into the person's backups.") },
        if settings.take_over {
            t!("Where the person has it already, it is taken over.")
        } else {
            t!("Where the person has it already, it stays theirs until you take it over.")
        },
    ];
    if kind == AppKind::Store {
        said.push(match settings.licence {
            LicenceBy::Device => t!("The device holds the licence."),
            LicenceBy::User => t!("The person holds the licence."),
            LicenceBy::None => t!("The person gets it with an account of their own, or with a code."),
        });
    }
    let mut said: Vec<String> = said.into_iter().map(str::to_owned).collect();
    said.push(match &settings.updates {
        Updates::Off => String::from(t!("Newer versions are never sent by themselves.")),
        Updates::WhenAvailable => String::from(t!("Newer versions are sent as soon as there is one.")),
        Updates::QuietHours { from, to } => t!("Newer versions are sent between {from} and {to} ({name}).", from, to, name = zone.name()),
    });
    if settings.ios_app {
        said.push(String::from(t!("Macs with Apple silicon get the app for iPad.")));
    }
    for known in ATTRIBUTES {
        match settings.attributes.value(known.id) {
            Some(Json::Bool(yes)) => said.push(format!("{}: {}.", say(known.words), if yes { t!("yes") } else { t!("no") })),
            Some(Json::String(text)) => said.push(format!("{}: {text}.", say(known.words))),
            Some(Json::Array(list)) => {
                let list: Vec<_> = list.iter().filter_map(Json::as_str).collect();
                said.push(format!("{}: {}.", say(known.words), list.join(", ")));
            }
            _ => {}
        }
    }
    said
}

/// The newest version as people say it; of the house's apps with the build.
fn newest(facts: &Json) -> String {
    let text = |key: &str| facts.get(key).and_then(Json::as_str).unwrap_or_default();
    version_words(text("short_version"), text("version"))
}
