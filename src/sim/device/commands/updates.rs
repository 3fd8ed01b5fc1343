//! The commands about OS updates, up to generation 26.

use super::super::Device;
use super::super::update::{OsUpdate, obstacle, product_key};
use super::super::values::{Complaint, dict, dictionary, texts};
use super::{After, Answer, Command, Outcome, only};
use crate::clock::Timestamp;
use crate::protocol::plist::{Dictionary, Value, fields};
use crate::sim::model::{Family, Release};

/// The commands of this file.
pub(super) const COMMANDS: [&str; 4] = ["ScheduleOSUpdateScan", "AvailableOSUpdates", "ScheduleOSUpdate", "OSUpdateStatus"];

/// The size that a simulated update claims to have.
const UPDATE_BYTES: u64 = 3_538_883_631;

impl Device {
    pub(super) fn update_command(&mut self, command: &Command, now: Timestamp) -> Outcome {
        match command.request_type.as_str() {
            "ScheduleOSUpdateScan" => only(Answer::with([("ScanInitiated", Value::Boolean(true))])),
            "AvailableOSUpdates" => only(self.available_os_updates()),
            "OSUpdateStatus" => only(self.os_update_status(now)),
            _ => self.schedule_os_update(command),
        }
    }

    fn available_os_updates(&self) -> Answer {
        let offered = OsUpdate::offered(&self.facts);
        if offered.is_empty() && self.facts.release.version.0 <= 12 && self.facts.model.family != Family::Mac {
            let no_update = Complaint { code: 2213, domain: "DeviceManagement.error".into(), text: "No update available.".into() };
            return no_update.into();
        }
        let items = offered.into_iter().map(|release| Value::Dictionary(self.update_item(release)));
        Answer::with([("AvailableOSUpdates", Value::Array(items.collect()))])
    }

    fn update_item(&self, release: &Release) -> Dictionary {
        let name = release.marketing_name(self.facts.model.family);
        let is_mac = self.facts.model.family == Family::Mac;
        let mut item = dictionary([
            ("AllowsInstallLater", Value::Boolean(true)),
            ("Build", Value::from(release.build)),
            ("DownloadSize", Value::from(UPDATE_BYTES)),
            ("HumanReadableName", Value::from(format!("{name} {}", release.text))),
            ("InstallSize", Value::from(UPDATE_BYTES * 2)),
            ("IsCritical", Value::Boolean(false)),
            ("ProductKey", Value::from(product_key(release))),
            ("ProductName", Value::from(self.facts.model.family.os_name())),
            ("RestartRequired", Value::Boolean(true)),
            ("Version", Value::from(release.text)),
        ]);
        if is_mac {
            item.insert("AppIdentifiersToClose".into(), texts::<&str>([]));
            item.insert("HumanReadableNameLocale".into(), Value::from("en"));
            item.insert("IsConfigDataUpdate".into(), Value::Boolean(false));
            item.insert("IsFirmwareUpdate".into(), Value::Boolean(false));
            item.insert("IsMajorOSUpdate".into(), Value::Boolean(release.version.0 != self.facts.release.version.0));
            item.insert("RequiresBootstrapToken".into(), Value::Boolean(self.facts.model.is_apple_silicon()));
            item.sort_keys();
        }
        item
    }

    fn os_update_status(&self, now: Timestamp) -> Answer {
        let items = self.update.target.into_iter().map(|release| {
            dict([
                ("DownloadPercentComplete", Value::from((self.update.progress(now) * 100.0).round() / 100.0)),
                ("IsDownloaded", Value::Boolean(self.update.is_downloaded())),
                ("ProductKey", Value::from(product_key(release))),
                ("Status", Value::from(self.update.command_status())),
            ])
        });
        Answer::with([("OSUpdateStatus", Value::Array(items.collect()))])
    }

    fn schedule_os_update(&mut self, command: &Command) -> Outcome {
        let mut after = After::Nothing;
        let orders: Vec<Dictionary> = fields::dictionaries(&command.body, "Updates").cloned().collect();
        let results = orders.iter().map(|order| {
            let (result, next) = self.schedule_one(order);
            if next != After::Nothing {
                after = next;
            }
            Value::Dictionary(result)
        });
        let results: Vec<_> = results.collect();
        (Answer::with([("UpdateResults", Value::Array(results))]), after)
    }

    fn schedule_one(&self, order: &Dictionary) -> (Dictionary, After) {
        let action = fields::text(order, "InstallAction").unwrap_or_default();
        let (key, version) = (fields::text(order, "ProductKey"), fields::text(order, "ProductVersion"));
        let wanted = |release: &&&Release| Some(product_key(release).as_str()) == key || Some(release.text) == version;
        let offered = OsUpdate::offered(&self.facts);
        let Some(release) = offered.iter().find(wanted).copied() else {
            let chain = Value::Array(vec![Complaint::mdm(12048, "The update is not available.").to_value()]);
            let product = Value::from(key.or(version).unwrap_or_default());
            let failed =
                [("ErrorChain", chain), ("InstallAction", Value::from("Error")), ("ProductKey", product), ("Status", Value::from("Idle"))];
            return (dictionary(failed), After::Nothing);
        };
        let is_mac = self.facts.model.family == Family::Mac;
        let downloaded = self.update.target == Some(release) && self.update.is_downloaded();
        // iOS takes a second order to install what was downloaded, whatever the first one said; a Mac goes on by itself.
        let installs = match action {
            "InstallASAP" | "InstallForceRestart" => is_mac || downloaded,
            "InstallLater" => is_mac,
            "Default" => downloaded,
            _ => false,
        };
        let obstacle = obstacle(&self.facts).filter(|_| installs);
        let (done, status) = match (installs, downloaded) {
            (true, true) => ("InstallASAP", obstacle.unwrap_or("Installing")),
            (true, false) => (action, "Downloading"),
            (false, _) => ("DownloadOnly", if downloaded { "Idle" } else { "Downloading" }),
        };
        let result =
            [("InstallAction", Value::from(done)), ("ProductKey", Value::from(product_key(release))), ("Status", Value::from(status))];
        let after = if obstacle.is_some() || (downloaded && !installs) { After::Nothing } else { After::Update(release, installs) };
        (dictionary(result), after)
    }
}
