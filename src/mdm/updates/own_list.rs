//! What a device finds itself, where Apple's list cannot be held against it: Macs before macOS 12 do not say which board they have.

use std::time::Duration;

use crate::clock::{Day, Timestamp};
use crate::error::{Error, Kind, Result};
use crate::mdm::updates::candidates::{self, Candidate, Found, Leap, Subject, Unknown};
use crate::mdm::updates::mechanism;
use crate::mdm::updates::next::AFTER_SCAN;
use crate::mdm::wanted::Target;
use crate::mdm::{Actor, commands, reconcile};
use crate::protocol::command;
use crate::protocol::lookup::listed_under;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::protocol::report::updates::AvailableUpdate;
use crate::store::Tx;
use crate::store::commands::{self as queue, CommandState};
use crate::store::deployments::Mechanism;
use crate::store::devices::{self, Device};
use crate::store::enrollments::Enrollment;
use crate::store::releases::{self, Release, ReleaseKey};
use crate::store::update_states::{self, Stage, UpdateState};

/// How long what a device found is good for: it is asked every day, at a time that is not quite the same.
pub const GOOD_FOR: Duration = Duration::from_secs(48 * 3600);

/// How long a device is not asked again, nor a Mac told to look again, whatever else is asked of it.
pub const ASKED_AGAIN_AFTER: Duration = Duration::from_secs(3600);

/// Who asks.
const ACTOR: Actor = Actor::Job("updates");

/// Under these names the questions wait in the queue; a newer one takes the place of an older.
const SCAN_KEY: &str = "updates:scan";
const LOOK_KEY: &str = "updates:look";

/// What a device found itself, in the place of what Apple's list does not say of it; and whether it is to be asked for that.
pub fn or_own(tx: &Tx, enrollment: &Enrollment, target: &Target, subject: &Subject, found: Found) -> Result<(Found, bool)> {
    if !is_open(&found, target) {
        return Ok((found, false));
    }
    let Some((own, _)) = update_states::offers(tx, &enrollment.id)?.filter(|(_, at)| at.plus(GOOD_FOR) > tx.now) else {
        return Ok((found, true));
    };
    let own: Vec<AvailableUpdate> = serde_json::from_str(&own).map_err(|error| Error::internal("what was found is JSON", error))?;
    Ok((Found::Known(releases(subject, &own, &listed(tx, subject)?)), false))
}

/// Whether what a device finds itself says more than Apple's list, and it can be asked.
fn is_open(found: &Found, target: &Target) -> bool {
    matches!(found, Found::Unknown(Unknown::Board | Unknown::NotListed)) && mechanism::mechanism(target) == Ok(Mechanism::Command)
}

/// What a device can have, and whether it is to be asked for that; one without an enrollment is never asked.
pub fn of_device(tx: &Tx, device: &Device, channel: Option<&Enrollment>) -> Result<(Subject, Found, bool)> {
    let subject = candidates::subject(tx, device)?;
    let found = candidates::of(tx, &subject, &mut candidates::Memo::default())?;
    let Some(channel) = channel else { return Ok((subject, found, false)) };
    let (found, asks) = or_own(tx, channel, &reconcile::target(tx, channel, device, &[])?, &subject, found)?;
    Ok((subject, found, asks))
}

/// Asks a device that has just said what it is which updates it finds, where Apple's list does not tell; a Mac is told to look first. An order and a plan
/// ask by themselves.
pub fn ask(tx: &Tx, enrollment: &Enrollment) -> Result<()> {
    let Some(device) = devices::by_id(tx, &enrollment.device_id)?.filter(|_| enrollment.parent_id.is_none()) else { return Ok(()) };
    let subject = candidates::subject(tx, &device)?;
    let found = candidates::of(tx, &subject, &mut candidates::Memo::default())?;
    if !is_open(&found, &reconcile::target(tx, enrollment, &device, &[])?) {
        return Ok(());
    }
    let since = tx.now.minus(ASKED_AGAIN_AFTER);
    let is_fresh = update_states::offers(tx, &enrollment.id)?.is_some_and(|(_, at)| at > since);
    let asks_itself = |row: &UpdateState| row.version.is_empty() && row.stage == Stage::Planned;
    if is_fresh || update_states::of_enrollment(tx, &enrollment.id)?.iter().any(asks_itself) {
        return Ok(());
    }
    let uuid = || tx.command_uuid();
    // Where its queue is full, it is asked another day.
    let queue = |order, key| match commands::enqueue_own(tx, &ACTOR, enrollment, order, Some(key), None) {
        Err(error) if error.kind != Kind::Conflict => Err(error),
        _ => Ok(()),
    };
    if subject.platform == Platform::Macos && looked_at(tx, enrollment)?.is_none_or(|at| at <= since) {
        queue(command::schedule_os_update_scan(uuid(), true), SCAN_KEY)?;
    }
    queue(command::available_os_updates(uuid()), LOOK_KEY)
}

/// When a Mac last agreed to look for updates.
fn looked_at(tx: &Tx, enrollment: &Enrollment) -> Result<Option<Timestamp>> {
    let scan = queue::latest(tx, &enrollment.id, enrollment.generation, "ScheduleOSUpdateScan")?;
    Ok(scan.filter(|scan| scan.state == CommandState::Acknowledged).and_then(|scan| scan.finished_at))
}

/// Whether it means nothing that a device found nothing: a Mac that has only begun to look. It is asked again when it is through.
pub fn is_too_early(tx: &Tx, enrollment: &Enrollment) -> Result<bool> {
    let is_mac = devices::by_id(tx, &enrollment.device_id)?.is_some_and(|device| device.platform == Platform::Macos);
    if !is_mac {
        return Ok(false);
    }
    match looked_at(tx, enrollment)? {
        Some(at) if at.plus(AFTER_SCAN) <= tx.now => Ok(false),
        Some(_) => devices::set_refresh_due(tx, &enrollment.device_id, Some(tx.now.plus(AFTER_SCAN))).map(|()| true),
        None => Ok(true),
    }
}

/// What devices of one kind that run one version found lately: the releases for each of them.
pub(super) fn of_kind(tx: &Tx, subject: &Subject) -> Result<Vec<Vec<Candidate>>> {
    let running = (subject.platform, subject.product_name.as_str(), subject.build.as_str());
    let found = update_states::offers_of_kind(tx, running, tx.now.minus(GOOD_FOR))?;
    let listed = listed(tx, subject)?;
    let read =
        |own: &String| serde_json::from_str::<Vec<AvailableUpdate>>(own).map_err(|error| Error::internal("what was found is JSON", error));
    found.iter().map(|own| Ok(releases(subject, &read(own)?, &listed))).collect()
}

/// What Apple lists for the family of a device's system, for whatever hardware.
fn listed(tx: &Tx, subject: &Subject) -> Result<Vec<Release>> {
    let platform = listed_under(subject.platform);
    Ok(releases::listed(tx)?.into_iter().filter(|release| Some(release.key.platform.as_str()) == platform).collect())
}

/// The releases among what a device found, newest first. Apple signs what it finds; since when and until when the list tells, whatever hardware it
/// names there.
fn releases(subject: &Subject, own: &[AvailableUpdate], listed: &[Release]) -> Vec<Candidate> {
    let candidate = |update: &AvailableUpdate| {
        let version = OsVersion::parse(update.version.as_deref()?);
        if update.is_config_data || update.is_security_response || !subject.version.is_older_than(version) {
            return None;
        }
        let key = ReleaseKey {
            platform: listed_under(subject.platform)?.to_owned(),
            version: version.to_string(),
            build: update.build.clone().unwrap_or_default(),
            ..ReleaseKey::default()
        };
        let leap = if version.major() == subject.version.major() { Leap::Minor } else { Leap::Major };
        let is_it = |release: &&Release| {
            release.key.prerequisite.is_empty()
                && release.key.os_version() == version
                && (key.build.is_empty() || release.key.build.is_empty() || release.key.build == key.build)
        };
        let known = listed.iter().find(is_it);
        Some(Candidate {
            posted: known.and_then(Release::posted),
            appeared: known.map(|release| Day::of(release.appeared_at)),
            expires: known.and_then(Release::expires),
            key,
            version,
            leap,
            managed: true,
        })
    };
    let mut candidates: Vec<_> = own.iter().filter_map(candidate).collect();
    candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.version));
    candidates.dedup_by(|later, first| later.version == first.version);
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_mac_finds_is_a_release_when_it_is_one_and_newer() {
        let subject = Subject {
            platform: Platform::Macos,
            version: OsVersion::parse("10.15.6"),
            build: String::new(),
            product_name: "Macmini8,1".into(),
            device_id: String::new(),
        };
        let update = |version: &str, is_config_data| AvailableUpdate {
            product_key: version.into(),
            version: Some(version.into()),
            is_config_data,
            ..AvailableUpdate::default()
        };
        let found = [
            update("10.15.7", false),
            update(" 11.7.10", false),
            update("10.15.6", false),
            update("12.0", true),
            update("2.1-beta", false),
        ];
        let told: Vec<_> =
            releases(&subject, &found, &[]).iter().map(|candidate| (candidate.version.to_string(), candidate.leap)).collect();
        assert_eq!(told, [("11.7.10".to_owned(), Leap::Major), ("10.15.7".to_owned(), Leap::Minor)]);
    }
}
