//! Which release a plan means for one device. Pure: never one below what it runs, never one that Apple does not sign.

use crate::clock::Day;
use crate::mdm::updates::because::Because;
use crate::mdm::updates::candidates::{Candidate, Found, Leap, Subject};
use crate::mdm::updates::rules::{Deadline, Rules, Target, listed};
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::store::update_states::Inability;

/// What a plan means for one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// It is about another platform, or the device is beyond what it is about.
    NotConcerned,
    /// The device has what it wants.
    Satisfied,
    /// It is not known, or it cannot be had.
    Cannot(Because),
    /// The newest of these whose time has come; never empty, newest first.
    Take(Vec<Counted>),
}

/// A release that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Which.
    pub candidate: Candidate,
    /// Where the target moves: the day from which on it counts, and its time in each ring begins.
    pub since: Option<Day>,
}

/// The one release that a plan means; its time begins no earlier than it was there.
fn only(candidate: &Candidate) -> Choice {
    Choice::Take(vec![Counted { candidate: candidate.clone(), since: counts_from(candidate, 0) }])
}

/// Chooses.
pub fn choose(rules: &Rules, subject: &Subject, found: &Found, today: Day) -> Choice {
    let Some(platform) = listed(subject.platform) else { return Choice::NotConcerned };
    if let Some(decided) = without_list(&rules.target, subject, platform) {
        return decided;
    }
    let candidates = match found {
        Found::Unknown(unknown) => return Choice::Cannot(Because::from(*unknown)),
        Found::Known(candidates) => candidates,
    };
    let usable: Vec<&Candidate> = candidates
        .iter()
        .filter(|candidate| candidate.leap != Leap::Improvement || rules.improvements || names_improvement(&rules.target))
        .collect();
    match &rules.target {
        Target::Release { version, build, .. } => release(&usable, subject, OsVersion::parse(version), build),
        Target::Newest => newest(&in_time(rules, usable, 0), 0, today),
        Target::NewestOfOwn => {
            let own = usable.into_iter().filter(|candidate| candidate.leap != Leap::Major).collect();
            newest(&in_time(rules, own, 0), 0, today)
        }
        Target::NewestMinusDays { days } => newest(&in_time(rules, usable, *days), *days, today),
        Target::NewestOfMajor { major } => {
            let of_major = usable.into_iter().filter(|candidate| candidate.version.major() == Some(*major)).collect();
            let of_major = in_time(rules, of_major, 0);
            if of_major.is_empty() && subject.version.major().is_some_and(|own| own < *major) {
                return not_offered(t!("Apple offers it no release of generation {major}", major));
            }
            newest(&of_major, 0, today)
        }
        Target::Minimum { versions } => match versions.get(platform) {
            Some(version) => minimum(&usable, OsVersion::parse(version)),
            None => Choice::NotConcerned,
        },
    }
}

/// What needs no list: plans about other platforms and devices that are there already.
fn without_list(target: &Target, subject: &Subject, platform: &str) -> Option<Choice> {
    let has = |version: &str| subject.version.is_at_least(OsVersion::parse(version));
    match target {
        Target::Release { platform: wanted, .. } if wanted != platform => Some(Choice::NotConcerned),
        Target::Release { version, build, .. } if has(version) => Some(in_build(subject, OsVersion::parse(version), build)),
        Target::NewestOfMajor { major }
            if subject.version.major().is_some_and(|own| own > *major) || was_left_out(subject.platform, *major) =>
        {
            Some(Choice::NotConcerned)
        }
        Target::Minimum { versions } => match versions.get(platform) {
            None => Some(Choice::NotConcerned),
            Some(version) if has(version) => Some(Choice::Satisfied),
            Some(_) => None,
        },
        _ => None,
    }
}

/// Whether a system never had a generation of this number: all of them went on with 26, the year after which it is called.
fn was_left_out(platform: Platform, major: u32) -> bool {
    let last_before = match platform {
        Platform::Ios | Platform::Tvos => 18,
        Platform::Macos => 15,
        Platform::Watchos => 11,
        Platform::Visionos => 2,
        Platform::Unknown => return false,
    };
    (last_before + 1..26).contains(&major)
}

/// What runs the release that is meant, or a later one: of the same version its build counts, where one is named.
fn in_build(subject: &Subject, version: OsVersion, build: &str) -> Choice {
    let is_other = subject.version == version && !build.is_empty() && !subject.build.is_empty() && subject.build != build;
    if is_other {
        let own = &subject.build;
        let words = t!("it runs {version} of build {own}, and devices do not install the same version again", version, own);
        return Choice::Cannot(Because::new(Inability::Other, words));
    }
    Choice::Satisfied
}

/// Whether the plan names an improvement itself.
fn names_improvement(target: &Target) -> bool {
    match target {
        Target::Release { version, .. } => version.contains('('),
        Target::Minimum { versions } => versions.values().any(|version| version.contains('(')),
        _ => false,
    }
}

fn not_offered(words: String) -> Choice {
    Choice::Cannot(Because::new(Inability::NotOffered, words))
}

fn release(candidates: &[&Candidate], subject: &Subject, version: OsVersion, build: &str) -> Choice {
    // What it improves: the device runs it in another build, or can have it.
    let has_its_base = || {
        let base = version.without_extra();
        subject.version.without_extra() == base || candidates.iter().any(|candidate| candidate.version == base)
    };
    let same = |candidate: &&&Candidate| candidate.version == version && (build.is_empty() || candidate.key.build == build);
    match candidates.iter().find(same) {
        Some(candidate) => only(candidate),
        None if !build.is_empty() && candidates.iter().any(|candidate| candidate.version == version) => {
            not_offered(t!("Apple offers it {version} in another build than {build}", version, build))
        }
        None if version.is_improvement() && has_its_base() => {
            let words = t!("{version} improves another build than the one that it runs: it needs the release before it first", version);
            Choice::Cannot(Because::new(Inability::Other, words))
        }
        None => not_offered(t!("Apple does not offer {version} to this model, or signs it no more", version)),
    }
}

/// Those that were posted long enough ago to count before a fixed deadline; with a relative one, all.
fn in_time<'a>(rules: &Rules, candidates: Vec<&'a Candidate>, days: u32) -> Vec<&'a Candidate> {
    let Deadline::At { at } = &rules.deadline else { return candidates };
    candidates.into_iter().filter(|candidate| counts_from(candidate, days).is_none_or(|day| day.at(0) < *at)).collect()
}

/// The day from which on a release counts, that has to be out for `days`. One of which Apple does not say when it was posted has been out for as long as
/// it is known here, at least.
fn counts_from(candidate: &Candidate, days: u32) -> Option<Day> {
    candidate.posted.or(candidate.appeared).map(|posted| posted.plus(i32::try_from(days).unwrap_or(i32::MAX)))
}

fn newest(candidates: &[&Candidate], days: u32, today: Day) -> Choice {
    let counted: Vec<_> = candidates.iter().filter(|candidate| counts_from(candidate, days).is_none_or(|day| day <= today)).collect();
    if counted.is_empty() {
        return Choice::Satisfied;
    }
    let count = |candidate: &&&Candidate| Counted { candidate: (**candidate).clone(), since: counts_from(candidate, days) };
    Choice::Take(counted.iter().map(count).collect())
}

/// The newest of the generation of `least`; where that has none, the newest of the next one that has.
fn minimum(candidates: &[&Candidate], least: OsVersion) -> Choice {
    let enough: Vec<_> = candidates.iter().filter(|candidate| candidate.version.is_at_least(least)).collect();
    let nearest = enough.last().and_then(|candidate| candidate.version.major());
    match enough.iter().find(|candidate| candidate.version.major() == nearest) {
        Some(candidate) => only(candidate),
        None => not_offered(t!("Apple offers this model nothing from {least} on", least)),
    }
}

/// The first day, after today, on which a release begins to count that does not yet.
pub fn counts_next(rules: &Rules, found: &Found, today: Day) -> Option<Day> {
    let (Target::NewestMinusDays { days }, Found::Known(candidates)) = (&rules.target, found) else { return None };
    candidates.iter().filter_map(|candidate| counts_from(candidate, *days)).filter(|day| *day > today).min()
}

#[cfg(test)]
mod tests;
