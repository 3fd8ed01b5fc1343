//! Rules between the switches about software updates.

use serde_json::{Map, Value as Json};

use super::ways::{ALWAYS_OFF, ALWAYS_ON};
use crate::protocol::plist::Value;
use crate::protocol::restrictions::SOFTWARE_UPDATE;

/// The type of the declaration about updates.
const SETTINGS: &str = "com.apple.configuration.softwareupdate.settings";

/// What can install itself only where it may be downloaded, by mechanism.
pub(super) struct NeedsDownload {
    pub(super) of_type: &'static str,
    /// The key about downloads.
    pub(super) download: &'static str,
    /// The keys that need them, each with its switch.
    pub(super) installs: &'static [(&'static str, &'static str)],
}

impl NeedsDownload {
    /// “Always” or “never”, as the mechanism says it.
    pub(super) fn value(&self, on: bool) -> Value {
        match self.of_type {
            SOFTWARE_UPDATE => Value::Boolean(on),
            _ => Value::from(if on { ALWAYS_ON } else { ALWAYS_OFF }),
        }
    }
}

/// The mechanisms that have updates download and install themselves.
pub(super) const NEEDS_DOWNLOAD: [NeedsDownload; 2] = [
    NeedsDownload {
        of_type: SETTINGS,
        download: "AutomaticActions.Download",
        installs: &[
            ("AutomaticActions.InstallOSUpdates", "auto_install"),
            ("AutomaticActions.InstallSecurityUpdate", "auto_install_security"),
        ],
    },
    NeedsDownload {
        of_type: SOFTWARE_UPDATE,
        download: "AutomaticDownload",
        installs: &[
            ("AutomaticallyInstallMacOSUpdates", "auto_install"),
            ("CriticalUpdateInstall", "auto_install_security"),
            ("ConfigDataInstall", "auto_install_security"),
        ],
    },
];

fn is(settings: &Map<String, Json>, switch: &str, word: &str) -> bool {
    settings.get(switch).and_then(Json::as_str) == Some(word)
}

/// Switches of one policy that a device would refuse together, each with what to do.
pub(super) fn contradictions(settings: &Map<String, Json>) -> impl Iterator<Item = (&'static str, String)> {
    let is_off = is(settings, "auto_download", ALWAYS_OFF);
    ["auto_install", "auto_install_security"].into_iter().filter(move |switch| is_off && is(settings, switch, ALWAYS_ON)).map(|switch| {
        let words = t!("what is never downloaded cannot install itself: let updates download themselves, or choose “never” here");
        (switch, String::from(words))
    })
}

/// What these switches do not do though they may look so.
pub(super) fn warnings(settings: &Map<String, Json>) -> Vec<(&'static str, &'static str)> {
    let on = |switch: &str| settings.contains_key(switch);
    let days = |switch: &str| settings.get(switch).and_then(Json::as_i64);
    let mut found = Vec::new();
    for switch in ["hold_major_updates", "hold_minor_updates"] {
        if let (Some(own), Some(all)) = (days(switch), days("hold_updates"))
            && own <= all
        {
            found.push((
                switch,
                t!("“Hold updates back” holds for at least as long, so this number changes nothing. Take a greater one, or none."),
            ));
        }
    }
    if on("no_security_improvement_removal") && on("no_security_improvements") {
        found.push((
            "no_security_improvement_removal",
            t!("It keeps what is installed already; with “No background security improvements” people install no more of them."),
        ));
    }
    if is(settings, "update_cadence", "Newest") && on("hold_updates") {
        found.push(("update_cadence", t!("Where the newer one is held back, people are shown none until its time has come.")));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{in_words, read, warnings};
    use super::*;
    use crate::mdm::policies::catalogue;

    fn settings(value: Json) -> Map<String, Json> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_is_never_downloaded_cannot_install_itself() {
        let error =
            read(&settings(json!({ "auto_download": "AlwaysOff", "auto_install": "AlwaysOn", "auto_install_security": "AlwaysOff" })));
        let fields = error.unwrap_err().fields;
        assert_eq!((fields.len(), fields[0].field.as_str()), (1, "settings.auto_install"));
        assert!(fields[0].message.contains("let updates download themselves"));
        for fine in ["AlwaysOn", "AlwaysOff"] {
            assert!(read(&settings(json!({ "auto_download": fine, "auto_install": fine, "auto_install_security": fine }))).is_ok());
        }
    }

    #[test]
    fn days_go_from_one_to_ninety_and_words_are_those_that_there_are() {
        let wrong = |value: Json| read(&settings(value)).unwrap_err().fields[0].message.clone();
        for days in [json!(0), json!(91), json!("14"), json!(1.5)] {
            assert!(wrong(json!({ "hold_updates": days })).contains("from 1 to 90"), "{days}");
        }
        for days in [1, 90] {
            assert!(read(&settings(json!({ "hold_updates": days }))).is_ok());
        }
        assert_eq!(wrong(json!({ "auto_install": "Sometimes" })), "one of AlwaysOn (always), AlwaysOff (never)");
        assert_eq!(wrong(json!({ "auto_install": true })), "one of AlwaysOn (always), AlwaysOff (never)");
        let said = |id: &str, value: Json| in_words(catalogue::find(id).unwrap(), &value, &std::collections::BTreeMap::new());
        assert_eq!(said("hold_updates", json!(14)), "Hold updates back: 14 days");
        assert_eq!(said("auto_install", json!("AlwaysOff")), "Updates install themselves: never");
    }

    #[test]
    fn what_changes_nothing_is_said() {
        let warned = |value: Json| warnings(&settings(value)).into_iter().map(|warning| warning.switch).collect::<Vec<_>>();
        assert_eq!(warned(json!({ "hold_updates": 14, "hold_major_updates": 14 })), ["hold_major_updates"]);
        assert_eq!(warned(json!({ "hold_updates": 14, "hold_major_updates": 60 })), [""; 0]);
        assert_eq!(warned(json!({ "hold_updates": 14, "update_cadence": "Newest" })), ["update_cadence"]);
        assert_eq!(warned(json!({ "no_security_improvements": true, "no_security_improvement_removal": true })).len(), 1);
    }
}
