//! For how many days releases are hidden from the people at a device: what its policies come to. Pure.

use serde_json::Value;

use crate::mdm::policies::EffectiveKey;
use crate::mdm::updates::candidates::Leap;
use crate::protocol::platform::Platform;

/// For how many days, by the kind of step; an order or a plan brings them all the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeldBack {
    /// A release of another generation.
    pub major: Option<u32>,
    /// A release of the same generation.
    pub minor: Option<u32>,
}

impl HeldBack {
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
pub fn held_back(keys: &[EffectiveKey], platform: Platform) -> HeldBack {
    let value = |key: &str| keys.iter().find(|known| known.key == key).map(|known| &known.value);
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

    fn keys(list: &[(&str, Value)]) -> Vec<EffectiveKey> {
        let key = |(key, value): &(&str, Value)| EffectiveKey {
            of_type: String::new(),
            key: (*key).to_owned(),
            words: String::new(),
            value: value.clone(),
            origins: vec![],
        };
        list.iter().map(key).collect()
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
