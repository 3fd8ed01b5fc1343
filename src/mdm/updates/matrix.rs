//! Model by release: what Apple offers to each model that is here, until when, and how many devices run it.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Day;
use crate::error::Result;
use crate::mdm::updates::candidates::{self, Found, Subject, Unknown};
use crate::mdm::updates::own_list;
use crate::mdm::{Actor, Right};
use crate::protocol::lookup::listed_under;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::store::Tx;
use crate::store::releases;
use crate::store::update_progress::{self, Alike};

/// Releases of one platform that are shown; older ones are left out.
pub const RELEASES_MAX: usize = 12;

/// The releases of a platform and the models that are here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// As Apple lists it: `iOS`, `macOS`, `visionOS`.
    pub platform: String,
    /// Newest first.
    pub releases: Vec<Column>,
    /// By name.
    pub models: Vec<Model>,
    /// Background security improvements, newest first.
    pub improvements: Vec<Improvement>,
}

/// A background security improvement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Improvement {
    /// The version with its letters.
    pub version: OsVersion,
    /// Its build.
    pub build: String,
    /// The build that a device must run to take it.
    pub prerequisite: String,
    /// When it was posted first.
    pub posted: Option<Day>,
    /// How many enrolled devices run it.
    pub devices: u32,
}

/// A release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Which.
    pub version: OsVersion,
    /// Its build, where all models have the same.
    pub build: String,
    /// When it was posted first.
    pub posted: Option<Day>,
    /// Until when it is signed at least for one model; none where that does not end.
    pub expires: Option<Day>,
}

/// A model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// What people call it.
    pub name: String,
    /// `iPad13,18`, `Mac14,2`.
    pub product_name: String,
    /// The board of a Mac; empty where these have not said it.
    pub board: String,
    /// The name under which Apple lists it: a product name, or the board of a Mac; empty where that is not known.
    pub listed_as: String,
    /// The family of its system.
    pub platform: Platform,
    /// Enrolled devices of it.
    pub devices: u32,
    /// How many run which version, newest first.
    pub runs: Vec<(OsVersion, u32)>,
    /// For each release of the section, whether Apple offers it to this model.
    pub offered: Vec<bool>,
    /// Devices that run the newest that they can have.
    pub up_to_date: u32,
    /// Why it is not known what they can have.
    pub unknown: Option<Unknown>,
    /// The generation at which this model ends, where its kind goes on.
    pub ends_at: Option<u32>,
}

impl Model {
    /// How many of it run a version.
    pub fn running(&self, version: OsVersion) -> u32 {
        self.runs.iter().filter(|(known, _)| *known == version).map(|(_, count)| count).sum()
    }
}

/// Everything, by platform.
pub fn matrix(tx: &Tx, actor: &Actor) -> Result<Vec<Section>> {
    actor.require(Right::View)?;
    let mut models: BTreeMap<(&str, String, String), Vec<Alike>> = BTreeMap::new();
    for alike in update_progress::alike(tx)? {
        let Some(platform) = listed_under(alike.platform) else { continue };
        // Macs are listed by their boards, all others by what they are, whether they have said under which name or not.
        let board = if alike.platform == Platform::Macos { alike.update_device_id.clone() } else { String::new() };
        let key = (platform, alike.product_name.clone(), board);
        models.entry(key).or_default().push(alike);
    }
    let mut sections: BTreeMap<&str, Vec<Vec<Alike>>> = BTreeMap::new();
    for ((platform, ..), alike) in models {
        sections.entry(platform).or_default().push(alike);
    }
    sections.into_iter().map(|(platform, models)| section(tx, platform, &models)).collect()
}

fn subject(alike: &Alike) -> Subject {
    Subject {
        platform: alike.platform,
        version: OsVersion::parse(&alike.os_version).with_extra(&alike.extra),
        build: alike.build_version.clone(),
        product_name: alike.product_name.clone(),
        device_id: alike.update_device_id.clone(),
    }
}

fn section(tx: &Tx, platform: &str, models: &[Vec<Alike>]) -> Result<Section> {
    let today = Day::of(tx.now);
    let mut columns: BTreeMap<OsVersion, Column> = BTreeMap::new();
    let mut offered_to = Vec::new();
    for model in models {
        let mut offered: BTreeSet<OsVersion> = BTreeSet::new();
        let names: BTreeSet<String> = model.iter().flat_map(|alike| subject(alike).listed_names()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for release in releases::offered(tx, platform, &names)? {
            let is_signed = release.expires.is_none_or(|last| today <= last);
            if !is_signed || !release.key.prerequisite.is_empty() {
                continue;
            }
            let version = release.key.os_version();
            offered.insert(version);
            let column = columns.entry(version).or_insert_with(|| Column {
                version,
                build: release.key.build.clone(),
                posted: release.posted,
                expires: release.expires,
            });
            if column.build != release.key.build {
                column.build.clear();
            }
            column.posted = [column.posted, release.posted].into_iter().flatten().min();
            column.expires = column.expires.zip(release.expires).map(|(one, other)| one.max(other));
        }
        offered_to.push(offered);
    }
    let releases: Vec<Column> = columns.into_values().rev().take(RELEASES_MAX).collect();
    let improvements = improvements(tx, platform, models)?;
    let mut section = Section { platform: platform.to_owned(), releases, models: Vec::new(), improvements };
    for (model, offered) in models.iter().zip(offered_to) {
        section.models.extend(self::model(tx, model, offered, &section.releases)?);
    }
    section.models.sort_by_cached_key(|model| (model.name.to_lowercase(), model.listed_as.clone()));
    Ok(section)
}

/// The improvements that are listed, with how many devices run each.
fn improvements(tx: &Tx, platform: &str, models: &[Vec<Alike>]) -> Result<Vec<Improvement>> {
    let listed =
        releases::listed(tx)?.into_iter().filter(|release| release.key.platform == platform && !release.key.prerequisite.is_empty());
    let mut found: Vec<_> = listed
        .map(|release| {
            let version = release.key.os_version();
            let run = models.iter().flatten().filter(|alike| subject(alike).version == version);
            Improvement {
                version,
                posted: release.posted(),
                devices: run.map(|alike| alike.devices).sum(),
                build: release.key.build,
                prerequisite: release.key.prerequisite,
            }
        })
        .collect();
    found.sort_by(|one, other| (other.version, &other.build).cmp(&(one.version, &one.build)));
    found.truncate(RELEASES_MAX);
    Ok(found)
}

fn model(tx: &Tx, alike: &[Alike], mut offered: BTreeSet<OsVersion>, columns: &[Column]) -> Result<Option<Model>> {
    let Some(first) = alike.first() else { return Ok(None) };
    let mut memo = candidates::Memo::default();
    let mut model = Model {
        name: [&first.model_name, &first.product_name].into_iter().find(|name| !name.is_empty()).cloned().unwrap_or_default(),
        product_name: first.product_name.clone(),
        board: if first.platform == Platform::Macos { first.update_device_id.clone() } else { String::new() },
        listed_as: subject(first).listed_names().into_iter().next().unwrap_or_default(),
        platform: first.platform,
        devices: 0,
        runs: Vec::new(),
        offered: Vec::new(),
        up_to_date: 0,
        unknown: None,
        ends_at: candidates::ends_at(tx, &subject(first))?,
    };
    for some in alike {
        let subject = subject(some);
        model.devices += some.devices;
        match model.runs.iter_mut().find(|(version, _)| *version == subject.version) {
            Some((_, count)) => *count += some.devices,
            None => model.runs.push((subject.version, some.devices)),
        }
        match candidates::of(tx, &subject, &mut memo)? {
            Found::Unknown(unknown) => {
                // What they found themselves says more than a list that does not name them.
                let own = own_list::of_kind(tx, &subject)?;
                model.up_to_date += own.iter().filter(|candidates| candidates.is_empty()).count() as u32;
                model.unknown = Some(unknown).filter(|_| (own.len() as u32) < some.devices).or(model.unknown);
                offered.extend(own.iter().flatten().map(|candidate| candidate.version));
            }
            Found::Known(candidates) if candidates.is_empty() => model.up_to_date += some.devices,
            Found::Known(_) => {}
        }
    }
    model.runs.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    model.offered = columns.iter().map(|column| offered.contains(&column.version)).collect();
    Ok(Some(model))
}
