//! An iPad of the year: what it says when it is woken, and what it answers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall::error::{Error, Kind, Result};
use rollcall::mdm::commands::Offer;
use rollcall::mdm::connect::{Incoming, Reply, connect};
use rollcall::mdm::enroll::identify::Presented;
use rollcall::mdm::{checkin, commands};
use rollcall::pki::certificate::Fingerprint;
use rollcall::pki::digest::sha256;
use rollcall::protocol::command::Command;
use rollcall::protocol::{self, plist, report};
use rollcall::store::Tx;
use serde_json::{Map, Value, json};

/// Apps on each device.
pub(crate) const APPS: usize = 60;
/// Answers in one visit; more is a conversation without an end.
const ANSWERS_MAX: usize = 200;
/// One answer in so many is that it does not suit now.
const NOT_NOW_EVERY: usize = 40;

/// An iPad, with what it keeps.
pub(crate) struct Device {
    number: usize,
    udid: String,
    presented: Presented,
    /// Its system, for example `26.1`.
    pub(crate) system: String,
    profiles: BTreeMap<String, String>,
    certificate: String,
    answers: usize,
}

impl Device {
    /// The device that enrolled as this number; `certificate` is one that it lists, in base64.
    pub(crate) fn new(number: usize, system: &str, certificate: &str) -> Self {
        let presented = Presented {
            fingerprint: Fingerprint::of_der(format!("identity {number}").as_bytes()),
            certificate: None,
            imported_authority: None,
            bearer: None,
            host: None,
        };
        let (system, certificate) = (system.to_owned(), certificate.to_owned());
        Self { number, udid: format!("UDID-{number}"), presented, system, profiles: BTreeMap::new(), certificate, answers: 0 }
    }

    fn says(&self, keys: &str) -> Vec<u8> {
        format!("<plist version=\"1.0\"><dict><key>UDID</key><string>{}</string>{keys}</dict></plist>", self.udid).into_bytes()
    }

    fn check_in(&self, tx: &Tx, keys: &str) -> Result<checkin::Reply> {
        checkin::checkin(tx, Some(&self.presented), &protocol::checkin::parse(&self.says(keys))?, None)
    }

    /// A TokenUpdate; every month with another token.
    pub(crate) fn token_update(&self, tx: &Tx, day: u32) -> Result<()> {
        let token = STANDARD.encode(sha256(format!("{} {}", self.udid, day / 30).as_bytes()));
        let keys = format!(
            "<key>MessageType</key><string>TokenUpdate</string><key>Topic</key><string>com.apple.mgmt.External.x</string>\
             <key>Token</key><data>{token}</data><key>PushMagic</key><string>magic</string>"
        );
        self.check_in(tx, &keys).map(drop)
    }

    /// Connects, does what it is told and answers what it is asked until nothing waits; then says how it is, where its system does that by itself.
    pub(crate) fn visit(&mut self, tx: &Tx, day: u32) -> Result<()> {
        let mut said = self.says("<key>Status</key><string>Idle</string>");
        let mut has_news = day.is_multiple_of(2);
        for _ in 0..ANSWERS_MAX {
            let report = report::parse(&said)?;
            let incoming = Incoming {
                head: &report.head,
                report: Some(&report),
                unreadable: None,
                body: Some(&said),
                size_bytes: said.len() as u64,
                sha256: sha256(&said),
                query: None,
            };
            said = match connect(tx, Some(&self.presented), &incoming)? {
                Reply::Command(offer) => {
                    has_news |= offer.request_type == "DeclarativeManagement";
                    self.answer(&offer, day)?
                }
                Reply::Empty if has_news && self.declares() => return self.report(tx, day),
                Reply::Empty => return Ok(()),
                other => return Err(Error::new(Kind::Internal, format!("a device was answered {other:?}"))),
            };
        }
        Err(Error::new(Kind::Internal, "a visit does not come to an end"))
    }

    fn declares(&self) -> bool {
        !self.system.starts_with("15")
    }

    fn answer(&mut self, offer: &Offer, day: u32) -> Result<Vec<u8>> {
        self.answers += 1;
        let uuid = &offer.uuid;
        if (self.answers + self.number).is_multiple_of(NOT_NOW_EVERY) {
            return Ok(self.says(&format!("<key>Status</key><string>NotNow</string><key>CommandUUID</key><string>{uuid}</string>")));
        }
        let keys = match offer.request_type.as_str() {
            "DeviceInformation" => self.information(day),
            "SecurityInfo" => String::from(
                "<key>SecurityInfo</key><dict><key>HardwareEncryptionCaps</key><integer>3</integer><key>PasscodePresent</key><true/>\
                 <key>PasscodeCompliant</key><true/><key>PasscodeCompliantWithProfiles</key><true/></dict>",
            ),
            "InstalledApplicationList" => apps(day),
            "ManagedApplicationList" => managed_apps(),
            "ProfileList" => self.profile_list(),
            "CertificateList" => self.certificates(),
            "ActivationLockBypassCode" => {
                String::from("<key>ActivationLockBypassCode</key><string>AAAAA-AAAAA-AAAA-AAAA-AAAA-AAAA</string>")
            }
            "ProvisioningProfileList" => String::from("<key>ProvisioningProfileList</key><array/>"),
            "UserList" => String::from("<key>Users</key><array/>"),
            "InstallProfile" | "RemoveProfile" => self.keep(&offer.payload.expose()[..])?,
            "InstallApplication" => {
                String::from("<key>Identifier</key><string>school.example.reader</string><key>State</key><string>Installing</string>")
            }
            _ => String::new(),
        };
        Ok(self.says(&format!("<key>Status</key><string>Acknowledged</string><key>CommandUUID</key><string>{uuid}</string>{keys}")))
    }

    /// Installs or removes a profile.
    fn keep(&mut self, payload: &[u8]) -> Result<String> {
        let command = Command::from_plist(payload)?;
        if let Some(identifier) = command.text("Identifier") {
            self.profiles.remove(identifier);
            return Ok(String::new());
        }
        let key = command.supersede_key().unwrap_or_default();
        let root = plist::parse_dictionary(payload)?;
        let inner = root.get("Command").and_then(plist::Value::as_dictionary).and_then(|command| command.get("Payload")?.as_data());
        // It stands in plain words within its signature.
        let inner = inner.unwrap_or_default();
        let find = |word: &[u8]| inner.windows(word.len()).position(|window| window == word);
        let (Some(start), Some(end)) = (find(b"<plist"), find(b"</plist>")) else {
            return Err(Error::new(Kind::Internal, "a profile is no property list"));
        };
        let profile = plist::parse_dictionary(&inner[start..end + b"</plist>".len()])?;
        let uuid = profile.get("PayloadUUID").and_then(plist::Value::as_string).unwrap_or_default();
        self.profiles.insert(key.trim_start_matches("profile:").to_owned(), uuid.to_owned());
        Ok(String::new())
    }

    fn information(&self, day: u32) -> String {
        let (battery, free) = (f64::from((day * 7 + self.number as u32) % 100) / 100.0, 20 + (day as usize + self.number) % 30);
        let texts = [
            ("DeviceName", format!("iPad {}", self.number)),
            ("OSVersion", self.system.clone()),
            ("BuildVersion", format!("B{}", self.system)),
            ("ModelName", String::from("iPad")),
            ("Model", String::from("MPQ03FD/A")),
            ("ProductName", String::from("iPad13,18")),
            ("SerialNumber", format!("TESTSN{:04}", self.number)),
            ("WiFiMAC", format!("aa:bb:cc:00:{:02x}:{:02x}", self.number >> 8 & 255, self.number & 255)),
            ("TimeZone", String::from("Europe/Berlin")),
            ("ModemFirmwareVersion", String::from("4.02.01")),
        ];
        let mut keys = String::from("<key>QueryResponses</key><dict>");
        for (key, value) in texts {
            let _ = write!(keys, "<key>{key}</key><string>{value}</string>");
        }
        let _ = write!(
            keys,
            "<key>BatteryLevel</key><real>{battery}</real><key>DeviceCapacity</key><real>64</real><key>AvailableDeviceCapacity</key><real>{free}</real>\
             <key>IsSupervised</key><true/><key>IsCloudBackupEnabled</key><false/><key>IsActivationLockEnabled</key><false/></dict>"
        );
        keys
    }

    fn profile_list(&self) -> String {
        let mut keys = String::from("<key>ProfileList</key><array>");
        let own = ("school.example.rollcall.enrollment".to_owned(), "11111111-2222-4333-8444-555555555555".to_owned());
        for (identifier, uuid) in self.profiles.iter().map(|(a, b)| (a.clone(), b.clone())).chain([own]) {
            let _ = write!(
                keys,
                "<dict><key>PayloadIdentifier</key><string>{identifier}</string><key>PayloadUUID</key><string>{uuid}</string>\
                 <key>PayloadDisplayName</key><string>{identifier}</string><key>PayloadOrganization</key><string>Example School</string>\
                 <key>PayloadVersion</key><integer>1</integer><key>HasRemovalPasscode</key><false/><key>IsEncrypted</key><false/>\
                 <key>SignerCertificates</key><array><data>{}</data></array><key>PayloadContent</key><array/></dict>",
                self.certificate
            );
        }
        keys + "</array>"
    }

    fn certificates(&self) -> String {
        let one = format!(
            "<dict><key>CommonName</key><string>Example School CA</string><key>Data</key><data>{}</data><key>IsIdentity</key><false/></dict>",
            self.certificate
        );
        format!("<key>CertificateList</key><array>{}</array>", one.repeat(4))
    }

    /// Fetches what is declared and says that all of it is in effect, what its system is and how full its battery.
    fn report(&self, tx: &Tx, day: u32) -> Result<()> {
        let items = self.asks(tx, "declaration-items", None)?;
        let mut states = Map::new();
        for (kind, list) in items["Declarations"].as_object().into_iter().flatten() {
            let mut told = Vec::new();
            for item in list.as_array().into_iter().flatten() {
                let (identifier, token) = (&item["Identifier"], &item["ServerToken"]);
                let path = format!("declaration/{}/{}", kind.to_lowercase().trim_end_matches('s'), identifier.as_str().unwrap_or_default());
                self.asks(tx, &path, None)?;
                told.push(json!({ "identifier": identifier, "server-token": token, "active": kind != "Management", "valid": "valid" }));
            }
            states.insert(kind.to_lowercase(), told.into());
        }
        let status = json!({
            "StatusItems": {
                "management": { "declarations": states },
                "device": {
                    "operating-system": { "version": self.system, "build-version": format!("B{}", self.system) },
                    "power": { "battery-health": if day.is_multiple_of(100) { "service" } else { "normal" } },
                },
                "softwareupdate": { "install-state": "none" },
            },
            "Errors": [],
        });
        self.asks(tx, "status", Some(&status)).map(drop)
    }

    /// Asks something of declarative management; null where the answer is empty.
    fn asks(&self, tx: &Tx, endpoint: &str, data: Option<&Value>) -> Result<Value> {
        let data = data.map(|data| format!("<key>Data</key><data>{}</data>", STANDARD.encode(data.to_string()))).unwrap_or_default();
        let keys =
            format!("<key>MessageType</key><string>DeclarativeManagement</string><key>Endpoint</key><string>{endpoint}</string>{data}");
        match self.check_in(tx, &keys)? {
            checkin::Reply::Json(json) => serde_json::from_slice(&json).map_err(|error| Error::internal("its answer is JSON", error)),
            _ => Ok(Value::Null),
        }
    }
}

fn apps(day: u32) -> String {
    let mut keys = String::from("<key>InstalledApplicationList</key><array>");
    for number in 0..APPS {
        // Each has a new version every month, on a day of its own.
        let version = (day as usize + number) / 30;
        let _ = write!(
            keys,
            "<dict><key>AdHocCodeSigned</key><false/><key>AppStoreVendable</key><true/><key>BetaApp</key><false/>\
             <key>BundleSize</key><integer>{}</integer><key>DeviceBasedVPP</key><true/><key>DynamicSize</key><integer>{}</integer>\
             <key>ExternalVersionIdentifier</key><integer>{}</integer><key>HasUpdateAvailable</key><false/>\
             <key>Identifier</key><string>school.example.app{number}</string><key>Installing</key><false/><key>IsValidated</key><true/>\
             <key>Name</key><string>Learning app number {number}</string><key>ShortVersion</key><string>4.{version}</string>\
             <key>Version</key><string>4.{version}.{number}</string></dict>",
            90_000_000 + number * 7919,
            4096 * (1 + day as usize % 50 + number),
            850_000_000 + version
        );
    }
    keys + "</array>"
}

fn managed_apps() -> String {
    let mut keys = String::from("<key>ManagedApplicationList</key><dict>");
    for number in 0..APPS / 3 {
        let _ = write!(
            keys,
            "<key>school.example.app{number}</key><dict><key>Status</key><string>Managed</string><key>ManagementFlags</key><integer>5</integer>\
             <key>HasConfiguration</key><false/><key>HasFeedback</key><false/><key>IsValidated</key><true/></dict>"
        );
    }
    keys + "</dict>"
}

/// The console asks each for an app.
pub(crate) fn install(uuid: uuid::Uuid, adam_id: u64) -> Command {
    Command::new(uuid, "InstallApplication").with("iTunesStoreID", adam_id).with("ManagementFlags", 5u64)
}

/// What the console wishes of a device by its number.
pub(crate) fn wish(tx: &Tx, number: usize, order: Command) -> Result<()> {
    let enrollment = rollcall::store::enrollments::by_nano_id(tx, &format!("UDID-{number}"))?;
    let enrollment = enrollment.ok_or_else(|| Error::not_found("It has not enrolled."))?;
    commands::enqueue(tx, &rollcall::mdm::Actor::Console, &enrollment, commands::Wish::new(order)).map(drop)
}
