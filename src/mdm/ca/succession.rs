//! From one root to the next: when the next one is used, whom that would leave behind, and when the one before is over.
//!
//! `next` —made, pushed to devices→ —every device knows it, or it is high time→ `current` —the one before ends→ alone.

pub mod wrong_clock;

use std::time::Duration;

use serde_json::json;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::language;
use crate::mdm::ca::roots::SUCCEED_BEFORE;
use crate::mdm::settings::zone;
use crate::mdm::{Actor, journal};
use crate::pki::certificate::Fingerprint;
use crate::pki::issue::IDENTITY_LIFETIME;
use crate::store::authorities::{self, Authority};
use crate::store::known_roots::{self, Progress};
use crate::store::settings::{self, Setting};
use crate::store::{Tx, alerts};

/// How long a next root is known before it is used, even where every device has it at once: profiles that were handed out without it are over
/// by then (a renewal's lives for a week), and people had time to trust it on their own computers.
pub const KNOWN_FOR: Duration = days(30);

/// How long before the end of a root the next one is used, whoever lacks it.
///
/// An identity lives for two years and may not outlive its root, so the last one has to be issued two years before the end. The ninety days more
/// are for an appliance that is switched off when the moment comes, at the longest for a summer; with the three years from [`SUCCEED_BEFORE`]
/// devices have nine months to fetch the root.
pub const USE_BEFORE: Duration = IDENTITY_LIFETIME.saturating_add(days(90));

/// How long before the latest moment somebody is told of devices that lack the next root.
pub const TELL_BEFORE: Duration = days(90);

/// How often a succession that is under way is looked at.
pub const LOOK_EVERY: Duration = days(1);

/// What names the alert.
pub const ALERT: &str = "authority.missing";

const LOOKED_AT: Setting<Timestamp> = Setting::new("authority.looked_at");

const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 3600)
}

/// Why the next root is used from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// Every enrolled device knows it.
    EveryDevice,
    /// The present one may not issue any longer.
    HighTime,
}

impl Because {
    /// The reason in words, for the audit.
    pub fn words(self) -> &'static str {
        match self {
            Self::EveryDevice => t!("every enrolled device knows it"),
            Self::HighTime => t!("identities of the one before would outlive it"),
        }
    }
}

/// When the next root is used at the latest; one that was made late is still known for a while first, but never after the present one's end.
pub fn used_at_latest(current: &Authority, next: &Authority) -> Timestamp {
    current.not_after_at.minus(USE_BEFORE).max(next.created_at.plus(KNOWN_FOR)).min(current.not_after_at)
}

/// Decides whether the next root is used from now on.
pub fn decide(current: &Authority, next: &Authority, progress: Progress, now: Timestamp) -> Option<Because> {
    if now >= used_at_latest(current, next) {
        Some(Because::HighTime)
    } else if progress.missing() == 0 && now >= next.created_at.plus(KNOWN_FOR) {
        Some(Because::EveryDevice)
    } else {
        None
    }
}

/// The root that devices have to learn: the next one; or the present one, as long as the one before it is not over.
pub fn target(tx: &Tx) -> Result<Option<Authority>> {
    if let Some(next) = authorities::upcoming(tx)?.filter(|next| !next.is_ahead(tx.now)) {
        return Ok(Some(next));
    }
    let lives = authorities::retired(tx)?.iter().any(|former| former.lives_at(tx.now));
    if lives { authorities::current(tx) } else { Ok(None) }
}

/// When the succession is to be looked at next; by a clock that jumped ahead not before it is believed.
pub fn next_look(tx: &Tx) -> Result<Option<Timestamp>> {
    let look = next_look_by_rows(tx)?;
    Ok(match wrong_clock::unsettled_until(tx)? {
        Some(until) => look.map(|look| look.max(until)),
        None => look,
    })
}

fn next_look_by_rows(tx: &Tx) -> Result<Option<Timestamp>> {
    let Some(current) = authorities::current(tx)? else { return Ok(None) };
    let looked_at = settings::value(tx, &LOOKED_AT)?.filter(|at| *at <= tx.now);
    let ends = authorities::retired(tx)?.iter().any(|former| looked_at.is_none_or(|looked_at| former.not_after_at > looked_at));
    Ok(Some(if ends || current.is_ahead(tx.now) || authorities::upcoming(tx)?.is_some() {
        looked_at.map_or(tx.now, |looked_at| looked_at.plus(LOOK_EVERY))
    } else {
        current.not_after_at.minus(SUCCEED_BEFORE)
    }))
}

/// What a look at the succession found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Another root issues from now on, because its time has come or a wrong clock was set right.
    pub promoted: bool,
    /// How many devices know the root that they have to learn, if there is one.
    pub progress: Option<Progress>,
}

/// Looks at the succession: wants the root on devices that came since, takes the next one into use when it is time, notes the end of the one
/// before, and tells somebody of devices that will be left behind. `shows_own` says that devices are shown TLS certificates of our own root;
/// only then do they need it.
pub fn look(tx: &Tx, shows_own: bool) -> Result<Look> {
    note_ends(tx)?;
    settings::set(tx, &LOOKED_AT, &tx.now)?;
    let restored = wrong_clock::set_right(tx)?;
    let (Some(root), Some(current)) = (target(tx)?, authorities::current(tx)?) else {
        alerts::clear(tx, ALERT)?;
        return Ok(Look { promoted: restored, progress: None });
    };
    known_roots::want(tx, &root.id)?;
    let progress = known_roots::progress(tx, &root.id)?;
    let because = if root.id == current.id { None } else { decide(&current, &root, progress, tx.now) };
    if let Some(because) = because {
        take_into_use(tx, (&current, &root), because, progress)?;
    }
    watch_missing(tx, shows_own, progress)?;
    Ok(Look { promoted: restored || because.is_some(), progress: Some(progress) })
}

fn take_into_use(tx: &Tx, (current, next): (&Authority, &Authority), because: Because, progress: Progress) -> Result<()> {
    authorities::succeed(tx, &current.id, &next.id)?;
    let data = json!({
        "fingerprint": fingerprint(next),
        "before": fingerprint(current),
        "because": because.words(),
        "devices": progress.devices,
        "devices_without_it": progress.missing(),
    });
    journal::note(tx, &Actor::Job("authority"), "authority.used", journal::Subject::default(), data)
}

/// Notes, once, that a former root has ended.
fn note_ends(tx: &Tx) -> Result<()> {
    let looked_at = settings::value(tx, &LOOKED_AT)?;
    for former in authorities::retired(tx)? {
        if former.not_after_at <= tx.now && looked_at.is_some_and(|looked_at| looked_at < former.not_after_at) {
            let data = json!({ "fingerprint": fingerprint(&former), "not_after_at": former.not_after_at });
            journal::note(tx, &Actor::Job("authority"), "authority.ended", journal::Subject::default(), data)?;
        }
    }
    Ok(())
}

fn fingerprint(authority: &Authority) -> String {
    Fingerprint::of_der(&authority.certificate).to_string()
}

/// Raises or clears the alert of devices that lack the root.
fn watch_missing(tx: &Tx, shows_own: bool, progress: Progress) -> Result<()> {
    let Some((harm, used)) = (if shows_own && progress.missing() > 0 { concern(tx)? } else { None }) else {
        return alerts::clear(tx, ALERT).map(drop);
    };
    let devices = if progress.missing() == 1 { t!("1 device does") } else { &t!("{missing} devices do", missing = progress.missing()) };
    let message = t!("{devices} not know the new root certificate of this appliance. {used}", devices, used);
    let remedy = t!("Let them connect: charged, unlocked and online they fetch it by themselves. Delete devices that are gone for good.");
    alerts::raise(tx, ALERT, harm, &message, remedy).map(drop)
}

/// How bad it is that a device lacks the root now, and until when it can be put right; none while there is time.
fn concern(tx: &Tx) -> Result<Option<(i64, String)>> {
    let Some(current) = authorities::current(tx)? else { return Ok(None) };
    let zone = zone(tx)?;
    if let Some(next) = authorities::upcoming(tx)?.filter(|next| !next.is_ahead(tx.now)) {
        let latest = used_at_latest(&current, &next);
        let words = t!(
            "It is used from {time}; who lacks it then can still come in until {time_2}, and not afterwards.",
            time = language::date(zone.words(latest)),
            time_2 = language::date(zone.words(current.not_after_at))
        );
        return Ok((tx.now >= latest.minus(TELL_BEFORE)).then_some((60, words)));
    }
    let end = authorities::retired(tx)?.iter().filter(|former| former.lives_at(tx.now)).map(|former| former.not_after_at).max();
    Ok(end.map(|end| {
        let harm = if tx.now >= end.minus(TELL_BEFORE) { 95 } else { 70 };
        (
            harm,
            t!(
                "It is in use; who lacks it can still come in until {time}, and has to be enrolled anew afterwards.",
                time = language::date(zone.words(end))
            ),
        )
    }))
}

#[cfg(test)]
mod tests;
