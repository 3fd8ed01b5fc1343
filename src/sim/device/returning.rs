//! Return to Service: an erased device joins its network by the profile that it was given, and enrolls again with nobody there.

use super::agenda::Errand;
use super::profile::Profile;
use super::values::Complaint;
use super::wire::{Purpose, Request, Response};
use super::{DEVICE, Device, Phase};
use crate::clock::Timestamp;
use crate::protocol::plist::{Dictionary, fields, parse_dictionary};
use crate::sim::model::Platform;

/// The payload of a Wi-Fi network.
const WIFI: &str = "com.apple.wifi.managed";

/// The system from which a device asks by itself.
const ASKS_SINCE: u16 = 26;

/// What an erased device was told about coming back.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Returning {
    wifi: Option<Vec<u8>>,
    /// Its enrollment profile; none: it finds its own by Apple's list.
    mdm: Option<Vec<u8>>,
}

impl Returning {
    /// What `ReturnToService` says; nothing where it says that it does not.
    pub(crate) fn of(service: &Dictionary) -> Option<Self> {
        let data = |key: &str| fields::data(service, key).filter(|data| !data.is_empty()).map(<[u8]>::to_vec);
        (fields::flag(service, "Enabled") == Some(true)).then(|| Self { wifi: data("WiFiProfileData"), mdm: data("MDMProfileData") })
    }
}

impl Device {
    /// Whether this OS comes back by itself when its server says so.
    pub(crate) fn knows_return_to_service(&self) -> bool {
        let version = self.facts.release.version.0;
        match self.facts.release.platform {
            Platform::Ios => version >= 17,
            Platform::Tvos => version >= 18,
            Platform::Visionos => version >= ASKS_SINCE,
            Platform::Macos | Platform::Watchos | Platform::Unknown => false,
        }
    }

    /// An erased device joins its network: by the profile that it was given, by its cable, or by its mobile plan.
    pub(crate) fn joins_network(&self, returning: &Returning) -> Result<(), String> {
        let Some(wifi) = &returning.wifi else {
            let has_other = self.facts.model.cellular || self.facts.ethernet_mac.is_some();
            return if has_other { Ok(()) } else { Err(String::from("it knows no network")) };
        };
        let profile = Profile::read(wifi).map_err(|complaint| complaint.to_string())?;
        let network = profile.payload(WIFI).ok_or("its Wi-Fi profile holds no network")?;
        fields::filled(&network.keys, "SSID_STR").map(drop).ok_or_else(|| String::from("its Wi-Fi network has no name"))
    }

    /// It begins to enroll again, with what it was given.
    pub(crate) fn comes_back(&mut self, returning: &Returning, now: Timestamp) {
        if let Err(why) = self.joins_network(returning) {
            return self.enrollment_failed(&Complaint::mdm(34010, format!("The erased device stays at its greeting: {why}.")));
        }
        match &returning.mdm {
            Some(profile) => self.enroll_with(profile, now),
            None if self.starts_in_setup_assistant() => self.ask_in_setup_assistant(),
            None => {
                self.enrollment_failed(&Complaint::mdm(
                    34011,
                    "No profile came with the erase, and Apple's list has none for this device.",
                ));
            }
        }
    }

    /// The person who has it hands it back at the device, which asks its server how to return to service; says whether its profile lets them.
    pub fn hand_back(&mut self) -> bool {
        let knows = self.facts.release.version.0 >= ASKS_SINCE && matches!(self.facts.release.platform, Platform::Ios | Platform::Visionos);
        let may = knows && self.facts.supervised && self.situation.may_be_handed_back && self.phase == Phase::Enrolled;
        if may {
            self.agenda.push_back(Errand::ReturnToService);
        }
        may
    }

    /// The question how to return to service.
    pub(crate) fn return_to_service(&mut self, now: Timestamp) -> Option<Request> {
        self.check_in(Purpose::ReturnToService, DEVICE, [], now)
    }

    /// The server said how: the device erases itself, or goes on as it is.
    pub(crate) fn returns_to_service(&mut self, response: &Response, now: Timestamp) {
        let answer = parse_dictionary(&response.body).unwrap_or_default();
        let Some(service) = fields::dictionary(&answer, "ReturnToService") else {
            return self.journal.remark("ReturnToService was answered with something that does not say how");
        };
        if fields::flag(service, "Enabled").is_none() {
            self.journal.remark("ReturnToService was answered without Enabled");
        }
        if let Some(returning) = Returning::of(service) {
            self.erase(Some(returning), now);
        }
    }
}
