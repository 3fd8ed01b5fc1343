//! Whether a device has to update itself before it may enroll, and to what. Pure, but for the reading.

use crate::clock::Day;
use crate::error::Result;
use crate::mdm::betas::{Shelf, Source, Standing};
use crate::mdm::enroll::automated::rules::{LATEST, Rules};
use crate::mdm::updates::candidates::{self, Candidate, Found, Memo, Subject, Unknown};
use crate::protocol::ade::{ANY_OS, ProfileKeys};
use crate::protocol::lookup::listed_under;
use crate::protocol::machine_info::{MachineInfo, NeededBeta, NeededRelease};
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::store::{Tx, ade_devices, releases};

/// What a device has to install before it may enroll; nothing where it runs enough, cannot be told, or can have nothing newer.
///
/// What the profile says that Apple's list gives the device counts before the rules of its family; `is_by_list` says that it came by that.
pub fn needed(tx: &Tx, rules: &Rules, info: &MachineInfo, is_by_list: bool) -> Result<Option<NeededRelease>> {
    let own = if is_by_list { of_profile(tx, &info.serial_number)? } else { None };
    let of_family = || {
        let program = rules.beta_programs.get(&info.platform()).cloned().unwrap_or_default();
        rules.minimum.get(&info.platform()).map(|least| (least.clone(), program))
    };
    let Some((least, program)) = own.or_else(of_family).filter(|(least, _)| least != ANY_OS) else { return Ok(None) };
    // One that does not understand the answer would stand there for ever.
    if !info.can_request_software_update || !info.version().is_known() {
        return Ok(None);
    }
    if let Some(needed) = by_beta(tx, info, &least, &program)? {
        return Ok(Some(needed));
    }
    let subject = Subject {
        platform: info.platform(),
        version: info.version(),
        build: info.build_version.clone(),
        product_name: info.product_name.clone(),
        device_id: info.software_update_device_id.clone(),
    };
    let found = candidates::of(tx, &subject, &mut Memo::default())?;
    if let Found::Unknown(Unknown::NotListed | Unknown::Board) = found {
        return of_others(tx, &subject, &least);
    }
    Ok(choose(&least, subject.version, &found, Day::of(tx.now)))
}

/// What to demand of hardware that Apple's list does not name: the least that is enough of what it offers to others. Where it offers none of that, the
/// device comes in as it is: to what is nowhere listed nothing can update itself.
fn of_others(tx: &Tx, subject: &Subject, least: &str) -> Result<Option<NeededRelease>> {
    let (Some(platform), false) = (listed_under(subject.platform), least == LATEST) else { return Ok(None) };
    let wanted = OsVersion::parse(least);
    if !subject.version.is_older_than(wanted) {
        return Ok(None);
    }
    let listed = releases::listed(tx)?;
    let is_enough = |release: &&releases::Release| {
        release.key.platform == platform
            && release.key.prerequisite.is_empty()
            && release.state(tx.now) == releases::ReleaseState::Current
            && release.key.os_version().is_at_least(wanted)
    };
    let least = listed.iter().filter(is_enough).min_by_key(|release| release.key.os_version());
    Ok(least.map(|release| NeededRelease { os_version: release.key.version.clone(), build_version: None, beta: None }))
}

/// What the profile of a device says that Apple's list names: the version, and the beta programme that brings it; nothing where it leaves it to the
/// rules.
fn of_profile(tx: &Tx, serial_number: &str) -> Result<Option<(String, String)>> {
    let known = ade_devices::by_serial(tx, serial_number)?.filter(|known| known.device.gone_at.is_none());
    let keys = known.and_then(|known| known.profile).map(|profile| ProfileKeys::from_json(&profile.content));
    Ok(keys.map(|keys| (keys.minimum_os, keys.beta_program)).filter(|(least, _)| !least.is_empty()))
}

/// What a device has to install from a beta programme; nothing where it runs enough, does not know of programmes, or cannot have this one: then the
/// releases that everybody can have decide.
fn by_beta(tx: &Tx, info: &MachineInfo, least: &str, program: &str) -> Result<Option<NeededRelease>> {
    let platform = info.platform();
    let since = match platform {
        Platform::Ios => OsVersion::new(17, 5, 0),
        Platform::Macos => OsVersion::new(14, 5, 0),
        _ => return Ok(None),
    };
    let is_concerned = !program.is_empty() && info.version().is_at_least(since) && info.version().is_older_than(OsVersion::parse(least));
    if !is_concerned {
        return Ok(None);
    }
    let shelf = Shelf::of(tx, &Source::of_serial(tx, &info.serial_number)?)?;
    if !matches!(shelf.standing(program, platform), Standing::Here(_)) {
        return Ok(None);
    }
    let beta = shelf.token(tx, program)?.map(|(title, token)| NeededBeta { title, token });
    Ok(beta.map(|beta| NeededRelease { os_version: least.to_owned(), build_version: None, beta: Some(beta) }))
}

/// Chooses what to demand of a device that runs `version`.
fn choose(least: &str, version: OsVersion, found: &Found, today: Day) -> Option<NeededRelease> {
    let is_there = |candidate: &&Candidate| candidate.posted.is_none_or(|posted| posted <= today) && candidate.key.prerequisite.is_empty();
    let candidates = match found {
        Found::Known(candidates) => candidates.as_slice(),
        Found::Unknown(_) => &[],
    };
    let of = |candidate: &Candidate| NeededRelease {
        os_version: candidate.key.version.clone(),
        build_version: Some(candidate.key.build.clone()).filter(|build| !build.is_empty()),
        beta: None,
    };
    if least == LATEST {
        return candidates.iter().find(is_there).map(of);
    }
    let wanted = OsVersion::parse(least);
    if !version.is_older_than(wanted) {
        return None;
    }
    // Newest first: the last one that is enough asks the least of the device.
    let enough = candidates.iter().filter(is_there).rfind(|candidate| candidate.version.is_at_least(wanted));
    match (enough, found) {
        (Some(candidate), _) => Some(of(candidate)),
        // The hardware can have nothing that is enough: it comes in as it is.
        (None, Found::Known(_)) => None,
        (None, Found::Unknown(_)) => Some(NeededRelease { os_version: least.to_owned(), build_version: None, beta: None }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::mdm::updates::candidates::{Leap, Unknown};
    use crate::store::releases::ReleaseKey;

    fn known(versions: &[&str]) -> Found {
        let candidate = |version: &&str| Candidate {
            key: ReleaseKey { version: (*version).into(), build: format!("B{version}"), ..ReleaseKey::default() },
            version: OsVersion::parse(version),
            leap: Leap::Minor,
            posted: None,
            appeared: None,
            expires: None,
            managed: true,
        };
        Found::Known(versions.iter().map(candidate).collect())
    }

    #[test]
    fn what_is_demanded_is_the_least_that_is_enough_and_can_be_had() {
        let today = Day::of(Timestamp::from_seconds(1_795_000_000));
        let needs = |least: &str, version: &str, found: &Found| {
            choose(least, OsVersion::parse(version), found, today).map(|needed| (needed.os_version, needed.build_version))
        };
        let with_build = |version: &str| Some((version.to_owned(), Some(format!("B{version}"))));
        let found = known(&["26.4", "26.3.1", "26.3", "18.7"]);
        assert_eq!(needs("26.3", "17.6", &found), with_build("26.3"));
        assert_eq!(needs("26.2", "17.6", &found), with_build("26.3"), "26.2 is not signed any more");
        assert_eq!(needs("latest", "17.6", &found), with_build("26.4"));
        assert_eq!(needs("17.6", "17.6", &found), None, "it runs enough");
        assert_eq!(needs("27", "17.6", &found), None, "its hardware ends before");
        assert_eq!(needs("latest", "26.4", &known(&[])), None);
        let unknown = Found::Unknown(Unknown::NoList);
        assert_eq!(needs("26.3", "17.6", &unknown), Some(("26.3".to_owned(), None)), "the details are sent as far as they are known");
        assert_eq!(needs("latest", "17.6", &unknown), None);
    }
}
