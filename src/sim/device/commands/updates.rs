//! The commands about OS updates, up to generation 26.

use std::time::Duration;

use super::super::Device;
use super::super::update::{Offer, Order, Then, download_bytes, product_key};
use super::super::values::{Complaint, date, dict, dictionary, texts};
use super::{After, Answer, Command, Outcome, only};
use crate::clock::Timestamp;
use crate::protocol::plist::{Dictionary, Value, fields};
use crate::sim::model::{Family, Platform, Release, Version};

/// The commands of this file.
pub(super) const COMMANDS: [&str; 4] = ["ScheduleOSUpdateScan", "AvailableOSUpdates", "ScheduleOSUpdate", "OSUpdateStatus"];

/// How long after its enrollment a Mac looks for updates by itself; it is offered nothing before.
const FIRST_SCAN: Duration = Duration::from_secs(600);

/// How long a look for updates takes that the server orders.
const SCAN: Duration = Duration::from_secs(30);

/// How often a person may put an update off where the order does not say it.
const USUAL_DEFERRALS: u32 = 3;

/// The most that an order may allow.
const MAX_DEFERRALS: i64 = 365;

/// What an order of an update comes to.
struct Scheduled {
    /// What is told as InstallAction.
    action: &'static str,
    status: &'static str,
    order: Option<Order>,
}

impl Device {
    pub(super) fn update_command(&mut self, command: &Command, now: Timestamp) -> Outcome {
        match command.request_type.as_str() {
            "ScheduleOSUpdateScan" => only(self.schedule_scan(command, now)),
            "AvailableOSUpdates" => only(self.available_os_updates(now)),
            "OSUpdateStatus" => only(self.os_update_status(now)),
            _ => self.schedule_os_update(command, now),
        }
    }

    /// Whether the OS is this one or newer, by platform; none where a platform never had what is asked for.
    fn has_since(&self, ios: Option<Version>, macos: Option<Version>, tvos: Option<Version>) -> bool {
        let since = match self.facts.release.platform {
            Platform::Ios => ios,
            Platform::Macos => macos,
            Platform::Tvos => tvos,
            _ => None,
        };
        since.is_some_and(|since| self.facts.release.version >= since)
    }

    fn is_mac(&self) -> bool {
        self.facts.model.family == Family::Mac
    }

    /// A look that was made not long ago is not made again, unless it is forced.
    fn schedule_scan(&mut self, command: &Command, now: Timestamp) -> Answer {
        let is_forced = fields::flag(&command.body, "Force") == Some(true);
        let begins = is_forced || !self.has_scanned(now);
        if begins && self.situation.scanned_at.is_none_or(|at| at <= now) {
            self.situation.scanned_at = Some(now.plus(SCAN));
        }
        Answer::with([("ScanInitiated", Value::Boolean(begins))])
    }

    /// Whether the device knows what there is: a Mac must have looked first.
    fn has_scanned(&self, now: Timestamp) -> bool {
        let situation = &self.situation;
        let by_itself = situation.enrolled_at.is_none_or(|at| at.plus(FIRST_SCAN) <= now);
        !self.is_mac() || by_itself || situation.scanned_at.is_some_and(|at| at <= now)
    }

    fn available_os_updates(&self, now: Timestamp) -> Answer {
        if !self.has_scanned(now) {
            return Answer::with([("AvailableOSUpdates", Value::Array(Vec::new()))]);
        }
        let is_mac = self.is_mac();
        // A Mac lists what is held back, with the day of its end; the others leave it out.
        let offers = self.offers(now).into_iter().filter(|offer| offer.is_shown(now) || (is_mac && !offer.is_off));
        let items: Vec<_> = offers.map(|offer| Value::Dictionary(self.update_item(&offer))).collect();
        if items.is_empty() && self.facts.release.version.0 <= 12 && !is_mac {
            let no_update = Complaint { code: 2213, domain: "DeviceManagement.error".into(), text: "No update available.".into() };
            return no_update.into();
        }
        Answer::with([("AvailableOSUpdates", Value::Array(items))])
    }

    fn update_item(&self, offer: &Offer) -> Dictionary {
        let release = offer.release;
        let (name, bytes) = (release.marketing_name(self.facts.model.family), download_bytes(release));
        let mut item = dictionary([
            ("AllowsInstallLater", Value::Boolean(true)),
            ("Build", Value::from(release.full_build())),
            ("DownloadSize", Value::from(bytes)),
            ("HumanReadableName", Value::from(format!("{name} {}", release.full_text()))),
            ("InstallSize", Value::from(bytes * 2)),
            ("IsCritical", Value::Boolean(release.improvement.is_some())),
            ("ProductKey", Value::from(product_key(release))),
            ("ProductName", Value::from(self.facts.model.family.os_name())),
            ("RestartRequired", Value::Boolean(true)),
            ("Version", Value::from(release.text)),
        ]);
        let mut say = |key: &str, value: Value| drop(item.insert(key.to_owned(), value));
        if self.is_mac() {
            say("AppIdentifiersToClose", texts::<&str>([]));
            say("HumanReadableNameLocale", Value::from("en"));
            say("IsConfigDataUpdate", Value::Boolean(false));
            say("IsFirmwareUpdate", Value::Boolean(false));
            say("IsMajorOSUpdate", Value::Boolean(release.version.0 != self.facts.release.version.0));
            say("MetadataURL", Value::from(format!("https://updates.example.org/{}/{}.json", release.full_build(), release.text)));
            if let Some(until) = offer.hidden_until {
                say("DeferredUntil", date(until));
            }
        }
        if self.has_since(None, Some(Version(11, 0, 0)), None) {
            say("RequiresBootstrapToken", Value::Boolean(self.facts.model.is_apple_silicon()));
        }
        if self.has_since(Some(Version(16, 2, 0)), Some(Version(13, 1, 0)), Some(Version(16, 2, 0))) {
            say("IsSecurityResponse", Value::Boolean(release.improvement.is_some()));
            if let Some(improvement) = release.improvement {
                say("SupplementalBuildVersion", Value::from(improvement.build));
                say("SupplementalOSVersionExtra", Value::from(improvement.extra));
            }
        }
        item.sort_keys();
        item
    }

    fn os_update_status(&self, now: Timestamp) -> Answer {
        let update = &self.update;
        let items = update.target.into_iter().map(|release| {
            let mut item = dictionary([
                ("DownloadPercentComplete", Value::from((update.progress(now) * 100.0).round() / 100.0)),
                ("IsDownloaded", Value::Boolean(update.is_downloaded())),
                ("ProductKey", Value::from(product_key(release))),
                ("Status", Value::from(update.command_status())),
            ]);
            if self.has_since(None, Some(Version(12, 3, 0)), None)
                && let Some(max) = update.max_deferrals
            {
                let told = update.told_at.iter().map(|at| date(*at)).collect();
                item.insert("MaxDeferrals".into(), Value::from(u64::from(max)));
                item.insert("DeferralsRemaining".into(), Value::from(u64::from(update.deferrals_left().unwrap_or(0))));
                item.insert("PastNotifications".into(), Value::Array(told));
                if let Some(at) = update.tried_at() {
                    item.insert("NextScheduledInstall".into(), date(at));
                }
                item.sort_keys();
            }
            Value::Dictionary(item)
        });
        Answer::with([("OSUpdateStatus", Value::Array(items.collect()))])
    }

    fn schedule_os_update(&mut self, command: &Command, now: Timestamp) -> Outcome {
        let mut after = After::Nothing;
        let orders: Vec<Dictionary> = fields::dictionaries(&command.body, "Updates").cloned().collect();
        let results = orders.iter().map(|order| {
            let (key, version) = (fields::text(order, "ProductKey"), fields::text(order, "ProductVersion"));
            match self.schedule_one(order, now) {
                Ok((release, scheduled)) => {
                    if let Some(order) = scheduled.order {
                        after = After::Update(order);
                    }
                    dict([
                        ("InstallAction", Value::from(scheduled.action)),
                        ("ProductKey", Value::from(product_key(release))),
                        ("Status", Value::from(scheduled.status)),
                    ])
                }
                Err(complaint) => dict([
                    ("ErrorChain", Value::Array(vec![complaint.to_value()])),
                    ("InstallAction", Value::from("Error")),
                    ("ProductKey", Value::from(key.or(version).unwrap_or_default())),
                    ("Status", Value::from("Idle")),
                ]),
            }
        });
        let results: Vec<_> = results.collect();
        (Answer::with([("UpdateResults", Value::Array(results))]), after)
    }

    fn schedule_one(&mut self, order: &Dictionary, now: Timestamp) -> Result<(&'static Release, Scheduled), Complaint> {
        let none = || Complaint::mdm(12048, "The update is not available.");
        if self.update_is_declared() {
            return Err(Complaint::mdm(12051, "A declaration enforces updates on this device; the command is ignored."));
        }
        let key = fields::text(order, "ProductKey");
        let takes_versions = self.has_since(Some(Version(11, 3, 0)), Some(Version(12, 0, 0)), Some(Version(12, 2, 0)));
        let version = fields::text(order, "ProductVersion").filter(|_| takes_versions);
        let is_meant = |release: &Release| match key {
            Some(key) => product_key(release) == key,
            None => release.improvement.is_none() && Some(release.text) == version,
        };
        let release = self.offers(now).into_iter().map(|offer| offer.release).find(|release| is_meant(release)).ok_or_else(none)?;
        let action = self.known_action(fields::text(order, "InstallAction").unwrap_or_default())?;
        if let Some(status) = self.faults.update_refused(release.text) {
            return Ok((release, Scheduled { action, status: refusal(&status), order: None }));
        }
        let scheduled = if self.is_mac() { self.schedule_on_mac(release, action, order) } else { self.schedule_by_steps(release, action) };
        Ok((release, scheduled))
    }

    /// The action, if this OS has it.
    fn known_action(&self, action: &str) -> Result<&'static str, Complaint> {
        let since_11 = self.has_since(Some(Version(9, 0, 0)), Some(Version(11, 0, 0)), Some(Version(12, 0, 0)));
        match action {
            "Default" => Ok("Default"),
            "InstallASAP" => Ok("InstallASAP"),
            "DownloadOnly" if since_11 => Ok("DownloadOnly"),
            "InstallForceRestart" if since_11 && self.is_mac() => Ok("InstallForceRestart"),
            "NotifyOnly" if self.is_mac() => Ok("NotifyOnly"),
            "InstallLater" if self.is_mac() => Ok("InstallLater"),
            _ => Err(Complaint::mdm(12008, format!("“{action}” is not an InstallAction of this device."))),
        }
    }

    /// iOS takes one order to download, whatever it says, and a second one to install.
    fn schedule_by_steps(&self, release: &'static Release, action: &'static str) -> Scheduled {
        let is_target = self.update.target == Some(release);
        if is_target && self.update.is_installing() {
            return Scheduled { action: "InstallASAP", status: "Installing", order: None };
        }
        let is_downloaded = is_target && self.update.is_downloaded();
        match (is_downloaded, action) {
            (true, "DownloadOnly") => Scheduled { action: "DownloadOnly", status: "Idle", order: None },
            (true, _) => self.install(release, "InstallASAP", self.install_by_command()),
            (false, _) => self.download(release, "DownloadOnly", Then::Nothing),
        }
    }

    /// A Mac downloads first and goes on by itself.
    fn schedule_on_mac(&self, release: &'static Release, action: &'static str, order: &Dictionary) -> Scheduled {
        let is_target = self.update.target == Some(release);
        if is_target && self.update.is_installing() {
            return Scheduled { action: "InstallASAP", status: "Installing", order: None };
        }
        let is_downloaded = is_target && self.update.is_downloaded();
        let is_minor = release.version.0 == self.facts.release.version.0;
        let may_defer = is_minor && self.has_since(None, Some(Version(12, 0, 0)), None);
        let asked = fields::whole(order, "MaxUserDeferrals").filter(|_| may_defer).map(|max| max.clamp(0, MAX_DEFERRALS) as u32);
        match (action, is_downloaded) {
            ("DownloadOnly", true) => Scheduled { action, status: "Idle", order: None },
            ("DownloadOnly" | "Default", false) => self.download(release, "DownloadOnly", Then::Nothing),
            ("NotifyOnly", false) => self.download(release, action, Then::Ask),
            ("NotifyOnly", true) => Scheduled { action, status: "Idle", order: Some(Order { release, then: Then::Ask }) },
            ("InstallLater", _) => {
                let then = Then::Later(asked.unwrap_or(USUAL_DEFERRALS));
                let order = |status| Scheduled { action, status, order: Some(Order { release, then }) };
                if is_downloaded { order("Idle") } else { self.download(release, action, then) }
            }
            (_, true) => self.install(release, if action == "Default" { "InstallASAP" } else { action }, Then::Install),
            (_, false) => self.download(release, action, Then::Install),
        }
    }

    fn download(&self, release: &'static Release, action: &'static str, then: Then) -> Scheduled {
        match self.download_obstacle(release) {
            Some(status) => Scheduled { action, status, order: None },
            None => Scheduled { action, status: "Downloading", order: Some(Order { release, then }) },
        }
    }

    fn install(&self, release: &'static Release, action: &'static str, then: Then) -> Scheduled {
        match self.install_obstacle(release) {
            Some(status) => Scheduled { action, status, order: None },
            None => Scheduled { action, status: "Installing", order: Some(Order { release, then }) },
        }
    }
}

/// The states in which an order may be refused, as Apple spells them; what is none of them is the first.
fn refusal(status: &str) -> &'static str {
    const ALL: [&str; 9] = [
        "DownloadFailed",
        "DownloadRequiresComputer",
        "DownloadInsufficientSpace",
        "DownloadInsufficientPower",
        "DownloadInsufficientNetwork",
        "InstallInsufficientSpace",
        "InstallInsufficientPower",
        "InstallPhoneCallInProgress",
        "InstallFailed",
    ];
    ALL.into_iter().find(|known| *known == status).unwrap_or(ALL[0])
}
