//! For how many days releases are hidden from the people at a device: what its policies and uploaded profiles come to.

use serde_json::Value;

use crate::error::Result;
use crate::mdm::updates::candidates::Leap;
use crate::mdm::{Actor, policies};
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::protocol::restrictions::RESTRICTIONS;
use crate::store::assignments::{self, AssignedKind};
use crate::store::devices::Device;
use crate::store::{Tx, declarations, profiles};

/// A key as something has it on a device.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// What holds.
    pub value: Value,
}

/// What holds on a device. Of several restrictions the stricter one does, as the device has it.
pub fn on_device(tx: &Tx, actor: &Actor, device: &Device) -> Result<HeldBack> {
    let by_policy = policies::on_device(tx, actor, &device.id)?.keys;
    let is_declared = by_policy.iter().any(|key| key.key.starts_with("Deferrals."));
    let by_policy: Vec<_> = by_policy.into_iter().map(|key| Key { name: key.key, value: key.value }).collect();
    let (mut declared, mut restricting) = (HeldBack::default(), HeldBack::default());
    let policies = if is_declared { &mut declared } else { &mut restricting };
    *policies = held_back(&by_policy, device.platform);
    let takes_restrictions = !OsVersion::parse(&device.os_version).is_at_least(OsVersion::parse(DECLARED_ONLY_FROM));
    for assignment in assignments::of_device(tx, &device.id)? {
        match assignment.kind {
            AssignedKind::Profile if takes_restrictions => {
                restricting = restricting.stricter(held_back(&restrictions(tx, &assignment.item_id)?, device.platform));
            }
            AssignedKind::Declaration => declared = declared.stricter(held_back(&deferrals(tx, &assignment.item_id)?, device.platform)),
            _ => {}
        }
    }
    // A declaration wins over restrictions.
    Ok(HeldBack { major: declared.major.or(restricting.major), minor: declared.minor.or(restricting.minor) })
}

/// The first systems whose releases only a declaration holds back.
const DECLARED_ONLY_FROM: &str = "27.0";

/// The declaration about updates.
const SETTINGS: &str = "com.apple.configuration.softwareupdate.settings";

/// The restrictions of an uploaded profile.
fn restrictions(tx: &Tx, profile_id: &str) -> Result<Vec<Key>> {
    let Some(profile) = profiles::by_id(tx, profile_id)? else { return Ok(Vec::new()) };
    let Some(version) = profiles::version_of(tx, &profile.id, profile.version)? else { return Ok(Vec::new()) };
    let payloads = version.facts.payloads.into_iter().filter(|payload| payload.payload_type == RESTRICTIONS);
    Ok(payloads.flat_map(|payload| payload.settings).filter_map(|(name, value)| Some(Key { name, value: value? })).collect())
}

/// The deferrals of a declaration of one's own.
fn deferrals(tx: &Tx, id: &str) -> Result<Vec<Key>> {
    if declarations::by_id(tx, id)?.is_none_or(|declaration| declaration.declaration_type != SETTINGS) {
        return Ok(Vec::new());
    }
    let Some(payload) = declarations::payload(tx, id)? else { return Ok(Vec::new()) };
    let payload: Value = serde_json::from_slice(payload.expose()).unwrap_or_default();
    let keys = payload["Deferrals"].as_object().cloned().unwrap_or_default();
    Ok(keys.into_iter().map(|(name, value)| Key { name: format!("Deferrals.{name}"), value }).collect())
}

/// For how many days, by the kind of step; an order or a plan brings them all the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeldBack {
    /// A release of another generation.
    pub major: Option<u32>,
    /// A release of the same generation.
    pub minor: Option<u32>,
}

impl HeldBack {
    /// The longer time of both.
    fn stricter(self, other: Self) -> Self {
        Self { major: self.major.max(other.major), minor: self.minor.max(other.minor) }
    }

    /// The days for one kind of step; an improvement to what a device runs is not held back by days.
    pub const fn days(self, leap: Leap) -> Option<u32> {
        match leap {
            Leap::Major => self.major,
            Leap::Minor => self.minor,
            Leap::Improvement => None,
        }
    }
}

/// Days where the key that switches it on has no number beside it.
const DAYS_UNSAID: u32 = 30;

/// Works it out from the keys that hold on a device; declarations win over restrictions.
pub fn held_back(keys: &[Key], platform: Platform) -> HeldBack {
    let value = |key: &str| keys.iter().find(|known| known.name == key).map(|known| &known.value);
    let days = |key: &str| value(key).and_then(Value::as_u64).and_then(|days| u32::try_from(days).ok());
    let is_on = |key: &str| value(key) == Some(&Value::Bool(true));
    let is_mac = platform == Platform::Macos;
    let combined = days("Deferrals.CombinedPeriodInDays").filter(|_| !is_mac);
    let declared = HeldBack {
        major: combined.or_else(|| days("Deferrals.MajorPeriodInDays").filter(|_| is_mac)),
        minor: combined.or_else(|| days("Deferrals.MinorPeriodInDays").filter(|_| is_mac)),
    };
    let common = days("enforcedSoftwareUpdateDelay").unwrap_or(DAYS_UNSAID);
    let all = is_on("forceDelayedSoftwareUpdates");
    let restricted = if is_mac {
        HeldBack {
            major: is_on("forceDelayedMajorSoftwareUpdates")
                .then(|| days("enforcedSoftwareUpdateMajorOSDeferredInstallDelay").unwrap_or(common)),
            minor: all.then(|| days("enforcedSoftwareUpdateMinorOSDeferredInstallDelay").unwrap_or(common)),
        }
    } else {
        HeldBack { major: all.then_some(common), minor: all.then_some(common) }
    };
    HeldBack { major: declared.major.or(restricted.major), minor: declared.minor.or(restricted.minor) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(list: &[(&str, Value)]) -> Vec<Key> {
        list.iter().map(|(name, value)| Key { name: (*name).to_owned(), value: value.clone() }).collect()
    }

    #[test]
    fn declarations_win_over_restrictions_and_each_platform_has_its_own_keys() {
        let on = Value::Bool(true);
        let restricted = keys(&[("forceDelayedSoftwareUpdates", on.clone()), ("enforcedSoftwareUpdateDelay", 14.into())]);
        assert_eq!(held_back(&restricted, Platform::Ios), HeldBack { major: Some(14), minor: Some(14) });
        assert_eq!(held_back(&restricted, Platform::Macos), HeldBack { major: None, minor: Some(14) });
        let both = keys(&[("forceDelayedSoftwareUpdates", on.clone()), ("Deferrals.CombinedPeriodInDays", 40.into())]);
        assert_eq!(held_back(&both, Platform::Ios), HeldBack { major: Some(40), minor: Some(40) });
        let mac = keys(&[
            ("forceDelayedMajorSoftwareUpdates", on.clone()),
            ("enforcedSoftwareUpdateMajorOSDeferredInstallDelay", 90.into()),
            ("Deferrals.MinorPeriodInDays", 7.into()),
        ]);
        assert_eq!(held_back(&mac, Platform::Macos), HeldBack { major: Some(90), minor: Some(7) });
        let unsaid = keys(&[("forceDelayedSoftwareUpdates", on)]);
        assert_eq!(held_back(&unsaid, Platform::Ios).days(Leap::Minor), Some(30));
        assert_eq!(held_back(&unsaid, Platform::Ios).days(Leap::Improvement), None);
        let off = keys(&[("enforcedSoftwareUpdateDelay", 14.into())]);
        assert_eq!(held_back(&off, Platform::Ios), HeldBack::default());
    }
}
