//! DeviceInformation: what a device says of itself, query by query; what its OS does not know is left out.

use super::super::values::{date, dict, texts};
use super::super::{DEVICE, Device};
use super::{Answer, Command};
use crate::clock::Timestamp;
use crate::protocol::plist::{Dictionary, Value, fields};
use crate::sim::model::{Family, Platform, account_hash};

impl Device {
    /// DeviceInformation.
    pub(super) fn device_information(&mut self, command: &Command, now: Timestamp) -> Answer {
        let mut responses = Dictionary::new();
        for query in fields::texts(&command.body, "Queries") {
            if !self.knows_query(&query, command.channel) {
                continue;
            }
            let answer = match query.as_str() {
                // A device that cannot reach Apple's attestation service leaves it out, as a rate-limited one does.
                "DevicePropertiesAttestation" => self.properties_attestation(fields::data(&command.body, "DeviceAttestationNonce"), now),
                _ => self.answer_query(&query, command.channel),
            };
            if let Some(value) = answer {
                responses.insert(query, value);
            }
        }
        responses.sort_keys();
        Answer::with([("QueryResponses", Value::Dictionary(responses))])
    }

    fn answer_query(&self, query: &str, channel: usize) -> Option<Value> {
        self.identity_query(query)
            .or_else(|| self.condition_query(query))
            .or_else(|| self.network_query(query))
            .or_else(|| self.mac_query(query))
            .or_else(|| self.shared_query(query))
            .or_else(|| self.channel_query(query, channel))
    }

    /// What hardware and OS are.
    fn identity_query(&self, query: &str) -> Option<Value> {
        let facts = &self.facts;
        let text = |text: &str| Some(Value::from(text));
        match query {
            "UDID" => text(&facts.udid),
            "ProvisioningUDID" => facts.provisioning_udid.as_deref().and_then(text),
            "DeviceName" => text(&facts.name),
            "OSVersion" => text(facts.release.text),
            "BuildVersion" => text(facts.release.build),
            "SupplementalBuildVersion" => text(facts.release.full_build()),
            "SupplementalOSVersionExtra" => facts.release.improvement.and_then(|improvement| text(improvement.extra)),
            "ModelName" => text(facts.model.model_name),
            "Model" if facts.model.family == Family::Mac => text(facts.model.product_name),
            "Model" => text(facts.model.order_number),
            "ModelNumber" if facts.model.family == Family::Mac => text("Z15S000PUD/A"),
            "ModelNumber" => Some(Value::from(format!("{}LL/A", facts.model.order_number))),
            "ProductName" => text(facts.model.product_name),
            "SerialNumber" => text(&facts.serial_number),
            "SoftwareUpdateDeviceID" => text(facts.model.software_update_device_id()),
            "DeviceID" => Some(Value::from(facts.wifi_mac.to_uppercase())),
            "DeviceCapacity" => Some(Value::from(facts.capacity_gb)),
            "AvailableDeviceCapacity" => Some(Value::from(facts.available_gb)),
            "TimeZone" => text(&self.situation.time_zone),
            _ => None,
        }
    }

    /// How the device is doing.
    fn condition_query(&self, query: &str) -> Option<Value> {
        let (facts, situation) = (&self.facts, &self.situation);
        let flag = |flag: bool| Some(Value::Boolean(flag));
        match query {
            "BatteryLevel" => Some(Value::from(facts.battery.unwrap_or(-1.0))),
            "HasBattery" => flag(facts.model.battery),
            "IsSupervised" => flag(facts.supervised),
            "IsMultiUser" => flag(facts.shared),
            "AwaitingConfiguration" => flag(situation.awaiting_configuration),
            "OrganizationInfo" => situation.organization.clone().map(Value::Dictionary),
            "MDMOptions" => Some(Value::Dictionary(situation.mdm_options.clone())),
            "IsDeviceLocatorServiceEnabled" | "IsDoNotDisturbInEffect" | "IsCloudBackupEnabled" | "IsActivationLockEnabled" => flag(false),
            "iTunesStoreAccountIsActive" => flag(situation.account.is_some()),
            "iTunesStoreAccountHash" => situation.account.as_deref().map(|account| Value::from(account_hash(account))),
            "IsActivationLockSupported" => flag(facts.model.is_apple_silicon() || facts.model.product_name == "Macmini8,1"),
            "IsMDMLostModeEnabled" => flag(situation.lost_mode.is_some()),
            "DiagnosticSubmissionEnabled" => situation.switch("DiagnosticSubmission").map(Value::Boolean),
            "AppAnalyticsEnabled" => situation.switch("AppAnalytics").map(Value::Boolean),
            "EASDeviceIdentifier" => Some(Value::from(facts.serial_number.repeat(3).chars().take(26).collect::<String>())),
            "SoftwareUpdateSettings" => {
                Some(dict([("RecommendationsCadence", Value::from(situation.recommendation_cadence.unwrap_or(0)))]))
            }
            _ => None,
        }
    }

    fn network_query(&self, query: &str) -> Option<Value> {
        let (facts, situation) = (&self.facts, &self.situation);
        let modem = facts.model.cellular;
        match query {
            "WiFiMAC" => Some(Value::from(facts.wifi_mac.as_str())),
            "BluetoothMAC" => Some(Value::from(facts.bluetooth_mac.as_str())),
            "EthernetMAC" => facts.ethernet_mac.as_deref().map(Value::from),
            "IMEI" => facts.imei.as_deref().map(Value::from),
            "ICCID" => facts.iccid.as_deref().map(Value::from),
            "ModemFirmwareVersion" if modem => Some(Value::from("3.00.01")),
            "CellularTechnology" => Some(Value::from(if modem { 3 } else { 0 })),
            "DataRoamingEnabled" => situation.switch("DataRoaming").map(Value::Boolean),
            "VoiceRoamingEnabled" => situation.switch("VoiceRoaming").map(Value::Boolean),
            "PersonalHotspotEnabled" => situation.switch("PersonalHotspot").map(Value::Boolean),
            "IsNetworkTethered" | "IsRoaming" => Some(Value::Boolean(false)),
            "SubscriberMCC" | "SubscriberMNC" | "CurrentMCC" | "CurrentMNC" => Some(Value::from("")),
            "ServiceSubscriptions" if modem => Some(Value::Array(vec![self.subscription()])),
            _ => None,
        }
    }

    fn subscription(&self) -> Value {
        let text = |text: Option<&str>| Value::from(text.unwrap_or_default());
        dict([
            ("CarrierSettingsVersion", Value::from("58.0")),
            ("CurrentMCC", Value::from("001")),
            ("CurrentMNC", Value::from("01")),
            ("ICCID", text(self.facts.iccid.as_deref())),
            ("IMEI", text(self.facts.imei.as_deref())),
            ("IsDataPreferred", Value::Boolean(true)),
            ("IsRoaming", Value::Boolean(false)),
            ("IsVoicePreferred", Value::Boolean(true)),
            ("Label", Value::from("Primary")),
            ("LabelID", Value::from("00000000-0000-4000-8000-000000000001")),
            ("PhoneNumber", Value::from("")),
            ("Slot", Value::from("CTSubscriptionSlotOne")),
        ])
    }

    fn mac_query(&self, query: &str) -> Option<Value> {
        let facts = &self.facts;
        let flag = |flag: bool| Some(Value::Boolean(flag));
        let silicon = facts.model.is_apple_silicon();
        match query {
            "IsAppleSilicon" | "SupportsiOSAppInstalls" => flag(silicon),
            "SystemIntegrityProtectionEnabled" => flag(true),
            "SupportsLOMDevice" => flag(false),
            "PINRequiredForEraseDevice" | "PINRequiredForDeviceLock" => flag(!silicon),
            "EACSPreflight" => Some(Value::from("success")),
            "LocalHostName" => Some(Value::from(facts.local_host_name())),
            "HostName" => {
                let own = || format!("{}.local", facts.local_host_name());
                Some(Value::from(self.situation.host_name.clone().unwrap_or_else(own)))
            }
            "ActiveManagedUsers" => {
                let users =
                    self.channels.iter().skip(1).filter(|channel| channel.is_managed).filter_map(|channel| channel.account.as_ref());
                Some(texts(users.map(|account| &account.user_id)))
            }
            "AutoSetupAdminAccounts" => Some(self.situation.stored("AutoSetupAdminAccounts").unwrap_or_else(|| Value::Array(Vec::new()))),
            "OSUpdateSettings" => Some(dict([
                ("AutoCheckEnabled", Value::Boolean(true)),
                ("AutomaticAppInstallationEnabled", Value::Boolean(false)),
                ("AutomaticOSInstallationEnabled", Value::Boolean(false)),
                ("AutomaticSecurityUpdatesEnabled", Value::Boolean(true)),
                ("BackgroundDownloadEnabled", Value::Boolean(true)),
                ("CatalogURL", Value::from("https://swscan.apple.com/content/catalogs/others/index.merged-1.sucatalog.gz")),
                ("IsDefaultCatalog", Value::Boolean(true)),
                ("PreviousScanDate", date(self.situation.enrolled_at.unwrap_or_default())),
                ("PreviousScanResult", Value::from(2)),
            ])),
            _ => None,
        }
    }

    fn shared_query(&self, query: &str) -> Option<Value> {
        if !self.facts.shared {
            return None;
        }
        let residents = self.facts.accounts.len() as u64;
        // What it was told since it left its box counts.
        let told = self.situation.other.get("SharedDeviceConfiguration").and_then(Value::as_dictionary);
        if let Some(told) = told.and_then(|told| told.get(query)).filter(|_| query != "ResidentUsers") {
            return Some(told.clone());
        }
        match query {
            "MaximumResidentUsers" | "EstimatedResidentUsers" => Some(Value::from(10)),
            "ResidentUsers" => Some(Value::from(residents)),
            "QuotaSize" => Some(Value::from(4096)),
            "UserSessionTimeout" | "TemporarySessionTimeout" | "OnlineAuthenticationGracePeriod" => Some(Value::from(0)),
            "TemporarySessionOnly" | "SkipLanguageAndLocaleSetupForNewUsers" => Some(Value::Boolean(false)),
            "ManagedAppleIDDefaultDomains" => Some(texts(["example.school"])),
            _ => None,
        }
    }

    fn channel_query(&self, query: &str, channel: usize) -> Option<Value> {
        let wanted = query == "PushToken" && (channel != DEVICE || self.facts.release.platform == Platform::Macos);
        wanted.then(|| Value::Data(self.channels[channel].token.to_vec()))
    }
}
