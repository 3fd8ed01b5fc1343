//! What a target names that Apple does not list, or signs no more: said in a preview, on saving, on the plan and under what needs somebody.

use crate::error::Result;
use crate::language;
use crate::mdm::updates::rules::Target;
use crate::protocol::os_version::OsVersion;
use crate::store::Tx;
use crate::store::releases::{self, Release, ReleaseState};

/// The releases that are listed, read once for all targets that are looked at in a transaction.
#[derive(Debug, Default)]
pub struct Listed(Option<Vec<Release>>);

impl Listed {
    fn releases(&mut self, tx: &Tx) -> Result<&[Release]> {
        if self.0.is_none() {
            self.0 = Some(releases::listed(tx)?);
        }
        Ok(self.0.as_deref().unwrap_or_default())
    }
}

/// Why no device can get what a target names, in a sentence or two; none where something of it can be had.
pub fn doubt(tx: &Tx, target: &Target, listed: &mut Listed) -> Result<Option<String>> {
    Ok(match target {
        Target::Release { platform, version, build } => of_release(listed.releases(tx)?, tx, (platform, version, build)),
        Target::NewestOfMajor { major } => {
            let of_major = |release: &Release| release.key.os_version().major() == Some(*major);
            let of_major: Vec<_> = listed.releases(tx)?.iter().filter(|release| of_major(release)).collect();
            if of_major.is_empty() {
                Some(t!(
                    "Apple’s list has no release of generation {major}. No device gets anything unless Apple lists one; check the number.",
                    major
                ))
            } else if is_over(&of_major, tx) {
                Some(t!(
                    "Apple signs no release of generation {major} any more. No device gets anything unless Apple lists a newer one.",
                    major
                ))
            } else {
                None
            }
        }
        Target::Minimum { versions } => {
            let mut missing = Vec::new();
            for (platform, version) in versions {
                let least = OsVersion::parse(version);
                let is_there = |release: &Release| {
                    release.key.platform == *platform
                        && release.key.os_version().is_at_least(least)
                        && release.state(tx.now) == ReleaseState::Current
                };
                if !listed.releases(tx)?.iter().any(is_there) {
                    missing.push(format!("{platform} {version}"));
                }
            }
            let missing = missing.join(t!(" or "));
            (!missing.is_empty()).then(|| {
                t!("Apple signs nothing from {missing} on. Devices that run less get nothing unless Apple lists it; check how it is written.", missing)
            })
        }
        Target::Newest | Target::NewestOfOwn | Target::NewestMinusDays { .. } => None,
    })
}

fn of_release(listed: &[Release], tx: &Tx, (platform, version, build): (&str, &str, &str)) -> Option<String> {
    let wanted = OsVersion::parse(version);
    let is_it = |release: &Release| {
        release.key.platform == platform && release.key.os_version() == wanted && (build.is_empty() || release.key.build == build)
    };
    let found: Vec<_> = listed.iter().filter(|release| is_it(release)).collect();
    let build = if build.is_empty() { String::new() } else { t!(" of build {build}", build) };
    if found.is_empty() {
        return Some(t!(
            "Apple’s list has no {platform} {version}{build}. No device gets it unless Apple lists it; check how it is written.",
            platform,
            version,
            build
        ));
    }
    let last = found.iter().filter_map(|release| release.expires()).max();
    is_over(&found, tx).then(|| match last {
        Some(last) => t!("Apple signed {platform} {version}{build} until {last} only: no device can install it any more. Choose a release that Apple signs.", platform, version, build, last = language::date(last.words())),
        None => t!("Apple signs {platform} {version}{build} no more: no device can install it. Choose a release that Apple signs.", platform, version, build),
    })
}

fn is_over(found: &[&Release], tx: &Tx) -> bool {
    found.iter().all(|release| release.state(tx.now) != ReleaseState::Current)
}
