//! What a device finds itself, where Apple's list cannot be held against it: Macs before macOS 12 do not say which board they have.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::mdm::updates::candidates::{Candidate, Found, Leap, Subject, Unknown};
use crate::mdm::updates::mechanism;
use crate::mdm::wanted::Target;
use crate::protocol::lookup::listed_under;
use crate::protocol::os_version::OsVersion;
use crate::protocol::report::updates::AvailableUpdate;
use crate::store::deployments::Mechanism;
use crate::store::enrollments::Enrollment;
use crate::store::releases::ReleaseKey;
use crate::store::{Tx, update_states};

/// How long what a device found is good for.
pub const GOOD_FOR: Duration = Duration::from_secs(24 * 3600);

/// What a device found itself, in the place of what Apple's list does not say of it; and whether it is to be asked for that.
pub fn or_own(tx: &Tx, enrollment: &Enrollment, target: &Target, subject: &Subject, found: Found) -> Result<(Found, bool)> {
    let is_open = matches!(found, Found::Unknown(Unknown::Board | Unknown::NotListed));
    if !is_open || mechanism::mechanism(target) != Ok(Mechanism::Command) {
        return Ok((found, false));
    }
    let Some((own, _)) = update_states::offers(tx, &enrollment.id)?.filter(|(_, at)| at.plus(GOOD_FOR) > tx.now) else {
        return Ok((found, true));
    };
    let own: Vec<AvailableUpdate> = serde_json::from_str(&own).map_err(|error| Error::internal("what was found is JSON", error))?;
    Ok((Found::Known(candidates(subject, &own)), false))
}

/// The releases among what a device found, newest first. Apple signs what it finds.
fn candidates(subject: &Subject, own: &[AvailableUpdate]) -> Vec<Candidate> {
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
        Some(Candidate { key, version, leap, posted: None, expires: None, managed: true })
    };
    let mut candidates: Vec<_> = own.iter().filter_map(candidate).collect();
    candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.version));
    candidates.dedup_by(|later, first| later.version == first.version);
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::platform::Platform;

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
        let told: Vec<_> = candidates(&subject, &found).iter().map(|candidate| (candidate.version.to_string(), candidate.leap)).collect();
        assert_eq!(told, [("11.7.10".to_owned(), Leap::Major), ("10.15.7".to_owned(), Leap::Minor)]);
    }
}
