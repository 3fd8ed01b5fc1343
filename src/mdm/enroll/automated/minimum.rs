//! Whether a device has to update itself before it may enroll, and to what. Pure, but for the reading.

use crate::clock::Day;
use crate::error::Result;
use crate::mdm::betas::{Shelf, Source, Standing};
use crate::mdm::enroll::automated::rules::{LATEST, Rules, is_listed, not_listed};
use crate::mdm::updates::candidates::{self, Candidate, Found, Memo, Subject, Unknown};
use crate::protocol::ade::{ANY_OS, ProfileKeys};
use crate::protocol::machine_info::{MachineInfo, NeededBeta, NeededRelease};
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::store::{Tx, ade_devices};

/// What a device has to install before it may enroll; nothing where it runs enough, cannot be told, or can have nothing newer.
///
/// What the profile says that Apple's list gives the device counts before the rules of its family; `is_by_list` says that it came by that.
pub fn needed(tx: &Tx, rules: &Rules, info: &MachineInfo, is_by_list: bool) -> Result<Option<NeededRelease>> {
    Ok(if let Verdict::Update(needed) = judge(tx, rules, info, is_by_list)? { Some(needed) } else { None })
}

/// Why a device is let in with less than is demanded, a sentence; nothing where it runs enough, or has to update itself.
pub fn spared(tx: &Tx, rules: &Rules, info: &MachineInfo, is_by_list: bool) -> Result<Option<String>> {
    Ok(match judge(tx, rules, info, is_by_list)? {
        Verdict::Spared { least, because } => {
            let demanded = if least == LATEST { t!("the newest release") } else { least.as_str() };
            Some(t!(
                "It was let in with {os_version} although {demanded} is demanded: {because}.",
                os_version = info.os_version,
                demanded,
                because
            ))
        }
        Verdict::Enough | Verdict::Update(_) => None,
    })
}

/// What comes of a minimum for a device.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// It runs enough, as far as can be told.
    Enough,
    /// It has to install this first.
    Update(NeededRelease),
    /// It cannot have what is demanded, or nobody knows that it can: it comes in as it is. Why, a sentence without a full stop.
    Spared { least: String, because: String },
}

fn judge(tx: &Tx, rules: &Rules, info: &MachineInfo, is_by_list: bool) -> Result<Verdict> {
    let own = if is_by_list { of_profile(tx, &info.serial_number)? } else { None };
    let of_family = || {
        let program = rules.beta_programs.get(&info.platform()).cloned().unwrap_or_default();
        rules.minimum.get(&info.platform()).map(|least| (least.clone(), program))
    };
    let Some((least, program)) = own.or_else(of_family).filter(|(least, _)| least != ANY_OS) else { return Ok(Verdict::Enough) };
    let (wanted, is_latest) = (OsVersion::parse(&least), least == LATEST);
    if !info.version().is_known() || (!is_latest && !info.version().is_older_than(wanted)) {
        return Ok(Verdict::Enough);
    }
    // One that does not understand the answer would stand there for ever.
    if !info.can_request_software_update {
        let because = String::from(t!("it does not understand that it is to update itself first"));
        return Ok(if is_latest { Verdict::Enough } else { Verdict::Spared { least, because } });
    }
    if let Some(needed) = by_beta(tx, info, &least, &program)? {
        return Ok(Verdict::Update(needed));
    }
    if !is_latest && !is_listed(tx, info.platform(), wanted)? {
        let because = not_listed(&least);
        return Ok(Verdict::Spared { least, because });
    }
    let subject = Subject {
        platform: info.platform(),
        version: info.version(),
        build: info.build_version.clone(),
        product_name: info.product_name.clone(),
        device_id: info.software_update_device_id.clone(),
    };
    let found = candidates::of(tx, &subject, &mut Memo::default())?;
    Ok(choose(&least, subject.version, &found, Day::of(tx.now)))
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
///
/// It is sent to what Apple's list offers its hardware and to nothing else: what it cannot install it would wait for in Setup Assistant for ever. Where
/// no list was read at all nothing is known of any device, and none could ever be held to a minimum; then it is told the version without a build, as the
/// protocol allows, and looks for it at Apple itself.
fn choose(least: &str, version: OsVersion, found: &Found, today: Day) -> Verdict {
    let is_there = |candidate: &&Candidate| candidate.posted.is_none_or(|posted| posted <= today) && candidate.key.prerequisite.is_empty();
    let spared = |because: String| Verdict::Spared { least: least.to_owned(), because };
    let of = |candidate: &Candidate| NeededRelease {
        os_version: candidate.key.version.clone(),
        build_version: Some(candidate.key.build.clone()).filter(|build| !build.is_empty()),
        beta: None,
    };
    let wanted = OsVersion::parse(least);
    if least != LATEST && !version.is_older_than(wanted) {
        return Verdict::Enough;
    }
    match found {
        Found::Known(candidates) if least == LATEST => {
            candidates.iter().find(is_there).map_or(Verdict::Enough, |candidate| Verdict::Update(of(candidate)))
        }
        Found::Known(candidates) => {
            // Newest first: the last one that is enough asks the least of the device.
            let enough = candidates.iter().filter(is_there).rfind(|candidate| candidate.version.is_at_least(wanted));
            enough.map_or_else(
                || spared(t!("Apple offers this hardware nothing from {least} on", least)),
                |candidate| Verdict::Update(of(candidate)),
            )
        }
        Found::Unknown(Unknown::NoList | Unknown::Version) if least != LATEST => {
            Verdict::Update(NeededRelease { os_version: least.to_owned(), build_version: None, beta: None })
        }
        Found::Unknown(unknown) => spared(unknown.words().to_owned()),
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
        let needs = |least: &str, version: &str, found: &Found| match choose(least, OsVersion::parse(version), found, today) {
            Verdict::Update(needed) => Some((needed.os_version, needed.build_version)),
            Verdict::Enough | Verdict::Spared { .. } => None,
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

    #[test]
    fn what_a_device_cannot_have_or_is_not_known_to_have_is_not_demanded_and_the_reason_is_said() {
        let today = Day::of(Timestamp::from_seconds(1_795_000_000));
        let spared = |least: &str, version: &str, found: &Found| match choose(least, OsVersion::parse(version), found, today) {
            Verdict::Spared { because, .. } => because,
            other => panic!("{other:?}"),
        };
        let ends = known(&["18.7"]);
        assert_eq!(spared("27.1", "17.6", &ends), "Apple offers this hardware nothing from 27.1 on");
        for unknown in [Unknown::NotListed, Unknown::Board] {
            for least in ["27.1", LATEST] {
                assert_eq!(spared(least, "17.6", &Found::Unknown(unknown)), unknown.words());
            }
            assert_eq!(choose("17.6", OsVersion::parse("17.6"), &Found::Unknown(unknown), today), Verdict::Enough);
        }
        assert_eq!(spared(LATEST, "17.6", &Found::Unknown(Unknown::NoList)), Unknown::NoList.words());
    }
}
