//! What commands and people change on a device: locks, lost mode, passwords, tokens, settings.

use crate::clock::Timestamp;
use crate::protocol::plist::{Dictionary, Value};
use crate::random::Random;
use crate::sim::model::{Family, Individual};

/// How many keys an invented unlock token wraps; it makes the token as long as real ones, about 1.2 kB.
const KEYBAG_CLASSES: usize = 11;

/// The system from which mobile devices of Apple's list leave a bootstrap token too, to keep their apps when they are erased.
const BOOTSTRAP_TOKEN_SINCE: u16 = 26;

/// The changeable facts of a device that no other part keeps.
#[derive(Debug, Default)]
pub(crate) struct Situation {
    /// Locked after a restart until its user comes: most commands are put off.
    pub(crate) unlocks_at: Option<Timestamp>,
    /// Set-up waits for DeviceConfigured.
    pub(crate) awaiting_configuration: bool,
    /// Where the organisation has its devices ask for their profile, as Apple told this one.
    pub(crate) managed_at: Option<String>,
    /// Its profile lets people hand it back at the device.
    pub(crate) may_be_handed_back: bool,
    /// It was erased to come back by itself, with this.
    pub(crate) returning: Option<super::returning::Returning>,
    /// The profile service that it answers.
    pub(crate) service: Option<super::service::Service>,
    /// Lost mode, with the texts on the screen.
    pub(crate) lost_mode: Option<Dictionary>,
    /// Since when it is supervised and enrolled: the bypass code can be read for 15 days.
    pub(crate) enrolled_at: Option<Timestamp>,
    pub(crate) bypass_code: Option<String>,
    pub(crate) unlock_token: Option<Vec<u8>>,
    pub(crate) bootstrap_token: Option<Vec<u8>>,
    /// The server took the bootstrap token.
    pub(crate) token_is_kept: bool,
    /// Since when a Mac knows by a look of its own what it is offered, by order or by itself.
    pub(crate) scanned_at: Option<Timestamp>,
    /// The person speaks on the phone.
    pub(crate) in_call: bool,
    /// Nobody is logged in on a Shared iPad.
    pub(crate) is_nobody_here: bool,
    pub(crate) organization: Option<Dictionary>,
    pub(crate) mdm_options: Dictionary,
    pub(crate) time_zone: String,
    pub(crate) host_name: Option<String>,
    /// Switches by the name of the Settings item that turns them.
    pub(crate) switches: Vec<(&'static str, bool)>,
    pub(crate) firmware_password: Option<String>,
    pub(crate) recovery_lock: Option<String>,
    pub(crate) remote_desktop: bool,
    pub(crate) recommendation_cadence: Option<i64>,
    /// Provisioning profiles: UUID, name, expiry.
    pub(crate) provisioning: Vec<(String, String, Option<Timestamp>)>,
    /// The account that is signed in to the store.
    pub(crate) account: Option<String>,
    /// Where the person accepts an invitation to Apps and Books, and when.
    pub(crate) invitation: Option<(String, Timestamp)>,
    /// What it last showed its server to prove that it is genuine.
    pub(crate) attestation: Option<super::acme::Attestation>,
    /// The hash of the password of the administrator that Setup Assistant made, on a Mac.
    pub(crate) admin_hash: Option<Vec<u8>>,
    /// Other values that Settings stored, by item.
    pub(crate) other: Dictionary,
}

/// The switches that Settings turns, with what they are at first.
const SWITCHES: [(&str, bool); 7] = [
    ("DataRoaming", false),
    ("VoiceRoaming", false),
    ("PersonalHotspot", false),
    ("Bluetooth", true),
    ("DiagnosticSubmission", false),
    ("AppAnalytics", false),
    ("CloudBackup", false),
];

impl Situation {
    /// The situation of a device that leaves its box.
    pub(crate) fn of(facts: &Individual, random: &Random) -> Self {
        let mut situation = Self {
            awaiting_configuration: facts.automated,
            time_zone: String::from("Europe/Berlin"),
            switches: SWITCHES.to_vec(),
            bypass_code: facts.supervised.then(|| bypass_code(random)),
            ..Self::default()
        };
        if matches!(facts.model.family, Family::IPad | Family::IPhone) {
            situation.renew_unlock_token(random);
        }
        let is_mobile = matches!(facts.model.family, Family::IPad | Family::IPhone | Family::Vision);
        let keeps_apps = is_mobile && facts.automated && facts.release.version.0 >= BOOTSTRAP_TOKEN_SINCE;
        if facts.supervised && (facts.model.family == Family::Mac || keeps_apps) {
            situation.bootstrap_token = Some(random.bytes::<64>().to_vec());
        }
        situation
    }

    /// A changed passcode makes another unlock token; a device without a passcode has one too.
    pub(crate) fn renew_unlock_token(&mut self, random: &Random) {
        let mut token = b"DATA\0\0\x04\xBCVERS\0\0\0\x04\0\0\0\x04TYPE\0\0\0\x04\0\0\0\x02UUID\0\0\0\x10".to_vec();
        token.extend_from_slice(&random.bytes::<16>());
        for class in 0..KEYBAG_CLASSES {
            token.extend_from_slice(b"CLAS\0\0\0\x04\0\0\0");
            token.push(class as u8 + 1);
            token.extend_from_slice(b"WPKY\0\0\0\x28");
            token.extend_from_slice(&random.bytes::<40>());
        }
        self.unlock_token = Some(token);
    }

    /// Whether the switch that the item `name` turns is on; none where there is no such switch.
    pub(crate) fn switch(&self, name: &str) -> Option<bool> {
        self.switches.iter().find(|(item, _)| *item == name).map(|(_, on)| *on)
    }

    /// Turns a switch; says whether there is one.
    pub(crate) fn turn(&mut self, name: &str, on: bool) -> bool {
        let switch = self.switches.iter_mut().find(|(item, _)| *item == name);
        switch.map(|(_, state)| *state = on).is_some()
    }

    /// A value that Settings stored and DeviceInformation tells.
    pub(crate) fn stored(&self, key: &str) -> Option<Value> {
        self.other.get(key).cloned()
    }
}

/// An Activation Lock bypass code in the form of real ones: `XXXXX-XXXXX-XXXX-XXXX-XXXX-XXXX`.
fn bypass_code(random: &Random) -> String {
    [5, 5, 4, 4, 4, 4].map(|length| random.code(length)).join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::model::{Mix, invent};

    #[test]
    fn only_supervised_devices_have_a_bypass_code_and_only_macs_a_bootstrap_token() {
        let random = Random::seeded(1);
        let situation = |word: &str| Situation::of(&invent(1, 1, Mix::parse(&[word]).unwrap().wish(0)), &random);
        let code = situation("ipad").bypass_code.unwrap();
        assert_eq!(code.split('-').map(str::len).collect::<Vec<_>>(), [5, 5, 4, 4, 4, 4]);
        assert!(situation("-ipad").bypass_code.is_none());
        assert!(situation("mac").bootstrap_token.is_some() && situation("mac").unlock_token.is_none());
        assert!(situation("ipad").bootstrap_token.is_none());
        assert!((600..2000).contains(&situation("ipad").unlock_token.unwrap().len()));
    }

    #[test]
    fn switches_are_known_by_their_item() {
        let mut situation = Situation::of(&invent(1, 1, Mix::default().wish(0)), &Random::seeded(1));
        assert!(situation.turn("Bluetooth", false));
        assert_eq!((situation.switch("Bluetooth"), situation.switch("Toaster")), (Some(false), None));
        assert!(!situation.turn("Toaster", true));
    }
}
