//! What the appliance demands of devices that come in by Setup Assistant, and how long it holds them there.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::mdm::{Actor, Right, betas, journal};
use crate::protocol::lookup::listed_under;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::store::settings::{self, Setting};
use crate::store::{Tx, ade_servers, releases};

/// The shortest and the longest time, in minutes, for which a device may be held in Setup Assistant.
pub const HOLD_MINUTES: std::ops::RangeInclusive<u32> = 5..=60;

/// How long it is held where nobody said.
pub const USUAL_HOLD_MINUTES: u32 = 20;

/// The word for the newest release that Apple signs for the device.
pub const LATEST: &str = crate::protocol::ade::LATEST_OS;

const RULES: Setting<Rules> = Setting::new("setup_assistant.rules");

/// The rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = SetupAssistantRules)]
pub struct Rules {
    /// Whether devices are taken that Apple's list does not name; else they are refused.
    pub take_unlisted: bool,
    /// How long a device is held at the most, in minutes.
    pub hold_minutes: u32,
    /// Whether a person is asked to sign in, where Setup Assistant shows our page.
    pub sign_in: bool,
    /// The least that a device of each family has to run: `latest`, or a version; a family that is not named may run anything.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub minimum: BTreeMap<Platform, String>,
    /// The beta programme, by its id, that brings that version to devices of a family, where it is a beta (iOS 17.5, macOS 14.5).
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub beta_programs: BTreeMap<Platform, String>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            take_unlisted: false,
            hold_minutes: USUAL_HOLD_MINUTES,
            sign_in: false,
            minimum: BTreeMap::new(),
            beta_programs: BTreeMap::new(),
        }
    }
}

impl Rules {
    /// How long a device is held at the most.
    pub fn hold(&self) -> Duration {
        Duration::from_secs(u64::from(self.hold_minutes.clamp(*HOLD_MINUTES.start(), *HOLD_MINUTES.end())) * 60)
    }
}

/// What is to become different; what is not given stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Whether devices are taken that Apple's list does not name.
    pub take_unlisted: Option<bool>,
    /// How long a device is held at the most, in minutes.
    pub hold_minutes: Option<u32>,
    /// Whether a person is asked to sign in.
    pub sign_in: Option<bool>,
    /// The least that a device of these families has to run; empty for anything.
    pub minimum: BTreeMap<Platform, String>,
    /// The beta programme, by its id, that brings that version to devices of these families; empty for none.
    pub beta_programs: BTreeMap<Platform, String>,
}

/// The rules as they are.
pub fn rules(tx: &Tx) -> Result<Rules> {
    Ok(settings::value(tx, &RULES)?.unwrap_or_default())
}

/// Shows the rules.
pub fn show(tx: &Tx, actor: &Actor) -> Result<Rules> {
    actor.require(Right::View)?;
    rules(tx)
}

/// Changes what is given. A device that is held already keeps its time.
pub fn change(tx: &Tx, actor: &Actor, change: Change) -> Result<Rules> {
    actor.require(Right::Configure)?;
    let mut rules = rules(tx)?;
    let signed_in_before = rules.sign_in;
    rules.take_unlisted = change.take_unlisted.unwrap_or(rules.take_unlisted);
    rules.sign_in = change.sign_in.unwrap_or(rules.sign_in);
    if let Some(minutes) = change.hold_minutes {
        if !HOLD_MINUTES.contains(&minutes) {
            let words = t!("from {start} to {end} minutes", start = HOLD_MINUTES.start(), end = HOLD_MINUTES.end());
            return Err(Error::field("hold_minutes", words));
        }
        rules.hold_minutes = minutes;
    }
    let mut named = Vec::new();
    for (platform, text) in change.minimum {
        if platform == Platform::Unknown {
            return Err(Error::field("minimum", t!("names a family of systems: ios, macos, tvos, visionos or watchos")));
        }
        match text.trim() {
            "" => drop(rules.minimum.remove(&platform)),
            LATEST => drop(rules.minimum.insert(platform, LATEST.to_owned())),
            version if OsVersion::parse(version).is_known() => {
                rules.minimum.insert(platform, version.to_owned());
                named.push(platform);
            }
            _ => return Err(Error::field(format!("minimum.{platform}"), t!("a version such as 26.1, or the newest one, or nothing"))),
        }
    }
    for (platform, id) in change.beta_programs {
        match id.trim() {
            "" => drop(rules.beta_programs.remove(&platform)),
            id if rules.beta_programs.get(&platform).is_some_and(|before| before == id) => {}
            id => {
                betas::check_one(tx, id, platform, &format!("beta_programs.{platform}"))?;
                rules.beta_programs.insert(platform, id.to_owned());
            }
        }
    }
    let has_version = |platform: &Platform| rules.minimum.get(platform).is_some_and(|least| least != LATEST);
    if let Some(platform) = rules.beta_programs.keys().find(|platform| !has_version(platform)) {
        return Err(Error::field(
            format!("beta_programs.{platform}"),
            t!("brings a version: say which one a device of this family has to run at least"),
        ));
    }
    for platform in named.into_iter().filter(|platform| !rules.beta_programs.contains_key(platform)) {
        let least = rules.minimum.get(&platform).map(String::as_str).unwrap_or_default();
        check_listed(tx, platform, least, &format!("minimum.{platform}"))?;
    }
    if settings::set(tx, &RULES, &rules)? {
        journal::note(tx, actor, "settings.changed", journal::Subject::default(), json!({ "setup_assistant": rules }))?;
        if rules.sign_in != signed_in_before {
            // Apple is told whether devices ask by a web view.
            ade_servers::make_ready_due(tx)?;
        }
    }
    Ok(rules)
}

/// Refuses at a field a version from which on Apple lists nothing.
pub fn check_listed(tx: &Tx, platform: Platform, least: &str, field: &str) -> Result<()> {
    if is_listed(tx, platform, OsVersion::parse(least))? { Ok(()) } else { Err(Error::field(field, not_listed(least))) }
}

/// That Apple lists nothing from a version on, a sentence without a full stop.
pub(super) fn not_listed(least: &str) -> String {
    t!("Apple lists no release from {least} on; check the number", least)
}

/// Whether Apple lists anything from a version on; where no list has come yet, anything may be.
pub(super) fn is_listed(tx: &Tx, platform: Platform, least: OsVersion) -> Result<bool> {
    let Some(family) = listed_under(platform) else { return Ok(true) };
    let listed = releases::listed(tx)?;
    let is_enough = |release: &releases::Release| release.key.platform == family && release.key.os_version().is_at_least(least);
    Ok(listed.is_empty() || listed.iter().any(is_enough))
}
