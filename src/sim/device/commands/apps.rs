//! Commands about apps: orders that take time, what is managed, its configuration and feedback.

use super::super::Device;
use super::super::apps::{App, Management, Order, Status};
use super::super::store::Asker;
use super::super::values::{Complaint, dictionary};
use super::{After, Answer, Command, Outcome, only};
use crate::clock::Timestamp;
use crate::protocol::plist::{Dictionary, Value, fields};
use crate::sim::model::{Family, KnownApp, Platform, costs, known_app_by_adam_id, known_app_by_identifier};

/// The commands of this file.
pub(super) const COMMANDS: [&str; 10] = [
    "InstallApplication",
    "InstallEnterpriseApplication",
    "RemoveApplication",
    "ApplyRedemptionCode",
    "ManagedApplicationList",
    "ManagedApplicationConfiguration",
    "ManagedApplicationAttributes",
    "ManagedApplicationFeedback",
    "ValidateApplications",
    "RemoveMedia",
];

/// Characters of a redemption code.
const CODE_CHARS: std::ops::RangeInclusive<usize> = 8..=32;

/// An order for an app that is named by its manifest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ManifestOrder {
    pub(crate) url: String,
    pub(crate) command: Command,
    /// The command was answered before the download began, as Macs do.
    pub(crate) reported: bool,
}

impl Device {
    pub(super) fn app_command(&mut self, command: &Command, now: Timestamp) -> Outcome {
        match command.request_type.as_str() {
            "InstallApplication" => self.install_application(command, now),
            "InstallEnterpriseApplication" => self.install_enterprise_application(command),
            "RemoveApplication" => only(self.remove_application(command)),
            "ApplyRedemptionCode" => only(self.apply_redemption_code(command, now)),
            "ManagedApplicationList" => only(self.managed_application_list(command)),
            "ManagedApplicationFeedback" => only(self.managed_application_feedback(command)),
            "ManagedApplicationConfiguration" => {
                let configuration = |management: &Management| management.configuration.clone();
                only(self.each_managed(command, "ApplicationConfigurations", "Configuration", configuration))
            }
            "ManagedApplicationAttributes" => {
                only(self.each_managed(command, "ApplicationAttributes", "Attributes", |management| management.attributes.clone()))
            }
            _ => only(Answer::done()),
        }
    }

    /// InstallApplication: the order is judged, then takes its time.
    fn install_application(&mut self, command: &Command, now: Timestamp) -> Outcome {
        if let Some(url) = fields::text(&command.body, "ManifestURL") {
            if !url.starts_with("https://") {
                return only(self.rejected("CouldNotVerifyAppID", 12034, "The manifest must come by https."));
            }
            let reported = self.facts.model.family == Family::Mac;
            let order = ManifestOrder { url: url.to_owned(), command: command.clone(), reported };
            if reported {
                return (Answer::done(), After::Fetch(Box::new(order)));
            }
            self.fetch_manifest(order);
            return only(Answer::Later);
        }
        let app = match self.app_of_store(&command.body) {
            Ok(app) => app,
            Err(answer) => return only(answer),
        };
        only(self.order_licensed(app, command, now))
    }

    /// The app of the store that an order names; unknown ones exist too, numbers of other platforms do not.
    fn app_of_store(&self, body: &Dictionary) -> Result<App, Answer> {
        let adam_id = fields::whole(body, "iTunesStoreID").and_then(|id| u64::try_from(id).ok());
        let identifier = fields::text(body, "Identifier");
        let known: Option<&KnownApp> = adam_id.and_then(known_app_by_adam_id).or_else(|| identifier.and_then(known_app_by_identifier));
        match known {
            Some(app) if app.platforms.contains(&self.facts.release.platform) => Ok(App::of_store(app)),
            Some(_) => Err(self.rejected("NotSupported", 12023, "The app does not run on this device.")),
            None if adam_id == Some(0) => Err(self.rejected("CouldNotVerifyAppID", 12023, "The store does not know the app.")),
            None => {
                let named = adam_id.map(|adam_id| format!("school.example.app{adam_id}"));
                let identifier = identifier.map(str::to_owned).or(named).unwrap_or_default();
                Ok(App::unknown(identifier, adam_id))
            }
        }
    }

    /// Takes an order for an app of the store, or says why not; where there is a store to ask for a licence, that is done first.
    fn order_licensed(&mut self, app: App, command: &Command, now: Timestamp) -> Answer {
        let options = fields::dictionary(&command.body, "Options");
        let pays = options.and_then(|options| fields::whole(options, "PurchaseMethod")) == Some(1);
        let Some(adam_id) = app.adam_id.filter(|_| pays) else { return self.order_app(app, &command.body, now) };
        match self.refuses_app(&app.identifier, &command.body) {
            Some(refusal) => refusal,
            None if self.settings.store.is_some() => self.ask_store(app, adam_id, Asker::Command(command.clone())),
            None if self.has_licence(adam_id) => self.order_app(app, &command.body, now),
            None => self.without_licence(),
        }
    }

    /// Takes an order for an app, or says why not.
    pub(crate) fn order_app(&mut self, app: App, body: &Dictionary, now: Timestamp) -> Answer {
        if let Some(refusal) = self.refuses_app(&app.identifier, body) {
            return refusal;
        }
        let is_mac = self.facts.model.family == Family::Mac;
        if is_mac && !fields::flag(body, "InstallAsManaged").unwrap_or(false) {
            // A Mac takes the app without managing it; what becomes of the download is never reported.
            if !self.faults.has_no_room(&app.identifier) {
                self.apps.place(app);
            }
            return Answer::done();
        }
        let purchase = fields::dictionary(body, "Options").and_then(|options| fields::whole(options, "PurchaseMethod"));
        let order = Order {
            flags: fields::whole(body, "ManagementFlags").unwrap_or(0),
            configuration: fields::dictionary(body, "Configuration").cloned(),
            attributes: fields::dictionary(body, "Attributes").cloned(),
            device_based: purchase == Some(1),
            awaits: body.contains_key("ManifestURL"),
            costs: purchase != Some(1) && app.adam_id.is_some_and(costs),
            ..Order::default()
        };
        let identifier = app.identifier.clone();
        let status = self.take_order(app, order, now);
        self.status_changed(now);
        Answer::with([("Identifier", Value::from(identifier)), ("State", Value::from(status.name()))])
    }

    fn refuses_app(&self, identifier: &str, body: &Dictionary) -> Option<Answer> {
        let by_user = self.enrollment.as_ref().is_some_and(|enrollment| enrollment.mdm.by_user);
        let purchase = fields::dictionary(body, "Options").and_then(|options| fields::whole(options, "PurchaseMethod"));
        if (by_user || self.facts.shared) && purchase != Some(1) && !body.contains_key("ManifestURL") {
            return Some(self.rejected("PurchaseMethodNotSupported", 12035, "The app cannot be purchased this way."));
        }
        let present = self.apps.find(identifier)?;
        match &present.managed {
            Some(management) if management.declaration.is_some() => {
                Some(self.rejected("ManagementChangeNotSupported", 12029, "A declaration manages the app."))
            }
            Some(management) if matches!(management.status, Status::Prompting | Status::PromptingForManagement) => {
                Some(self.already_prompting())
            }
            Some(management) if management.status.is_pending() => {
                Some(self.rejected("AppAlreadyQueued", 12025, "The app is already scheduled for management."))
            }
            None if present.installed && fields::text(body, "ChangeManagementState") != Some("Managed") => {
                Some(self.rejected("AppAlreadyInstalled", 12025, "The app is already installed."))
            }
            _ => None,
        }
    }

    /// Whether Apple has a licence of an app for this device.
    pub(crate) fn has_licence(&self, adam_id: u64) -> bool {
        self.licensed.as_ref().is_none_or(|licensed| licensed.contains(&adam_id))
    }

    fn already_prompting(&self) -> Answer {
        if self.facts.release.version.0 < 13 {
            let text = String::from("The user is already being prompted.");
            return Complaint { code: 1407, domain: "DeviceManagement.error".into(), text }.into();
        }
        self.rejected("AppAlreadyQueued", 12025, "The user is already being prompted.")
    }

    /// A refused order; Macs never say the reason.
    pub(crate) fn rejected(&self, reason: &str, code: i64, text: &str) -> Answer {
        let reason = if self.facts.model.family == Family::Mac { "Other" } else { reason };
        Answer::Error(vec![Complaint::mdm(code, text)], dictionary([("RejectionReason", Value::from(reason))]))
    }

    fn install_enterprise_application(&mut self, command: &Command) -> Outcome {
        if let Some(url) = fields::text(&command.body, "ManifestURL") {
            if !url.starts_with("https://") {
                return only(self.rejected("Other", 12034, "The manifest must come by https."));
            }
            let order = ManifestOrder { url: url.to_owned(), command: command.clone(), reported: true };
            return (Answer::done(), After::Fetch(Box::new(order)));
        }
        match fields::dictionary(&command.body, "Manifest").and_then(app_of_manifest) {
            Some(app) => {
                self.apps.place(app);
                only(Answer::done())
            }
            None => only(self.rejected("Other", 12033, "The manifest is not valid.")),
        }
    }

    /// ApplyRedemptionCode: only an app that waits for one takes a code, and only one that can be one.
    fn apply_redemption_code(&mut self, command: &Command, now: Timestamp) -> Answer {
        let identifier = fields::text(&command.body, "Identifier").unwrap_or_default();
        let code = fields::text(&command.body, "RedemptionCode").unwrap_or_default();
        let is_code = CODE_CHARS.contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let waits =
            self.apps.find(identifier).and_then(|app| app.managed.as_ref()).is_some_and(|held| held.status == Status::NeedsRedemption);
        if waits && !is_code {
            return Answer::refused(12037, "The redemption code is invalid.");
        }
        if !self.apps.redeem(identifier, now) {
            return Answer::refused(12028, "The app is not waiting for a redemption code.");
        }
        self.status_changed(now);
        Answer::done()
    }

    fn remove_application(&mut self, command: &Command) -> Answer {
        let identifier = fields::text(&command.body, "Identifier").unwrap_or_default();
        let by_declaration = self.apps.find(identifier).and_then(|app| app.managed.as_ref()).is_some_and(|held| held.declaration.is_some());
        if !by_declaration && self.apps.remove(identifier) {
            return Answer::done();
        }
        let any = self.facts.supervised && self.facts.release.version.0 >= 26 && self.facts.release.platform != Platform::Macos;
        if any && !by_declaration && self.apps.find(identifier).is_some() {
            self.apps.delete_by_user(identifier);
            return Answer::done();
        }
        Answer::refused(12029, format!("The app “{identifier}” is not managed."))
    }

    fn managed_application_list(&self, command: &Command) -> Answer {
        let wanted = fields::texts(&command.body, "Identifiers");
        let listed = self
            .apps
            .managed()
            .filter(|(app, management)| management.declaration.is_none() && (wanted.is_empty() || wanted.contains(&app.identifier)));
        let list = listed.map(|(app, management)| {
            let mut item = dictionary([
                ("Status", Value::from(management.status.name())),
                ("ManagementFlags", Value::from(management.flags)),
                ("HasConfiguration", Value::Boolean(management.configuration.is_some())),
                ("HasFeedback", Value::Boolean(management.feedback.is_some())),
                ("IsValidated", Value::Boolean(management.status == Status::Managed)),
            ]);
            if app.adam_id.is_some() {
                item.insert("ExternalVersionIdentifier".into(), Value::from(app.external_version()));
            }
            item.sort_keys();
            (app.identifier.clone(), Value::Dictionary(item))
        });
        Answer::with([("ManagedApplicationList", Value::Dictionary(list.collect()))])
    }

    /// One item for each app asked for, with the dictionary that `pick` finds.
    fn each_managed(&self, command: &Command, list: &str, key: &str, pick: impl Fn(&Management) -> Option<Dictionary>) -> Answer {
        let wanted = fields::texts(&command.body, "Identifiers");
        let items = self.apps.managed().filter(|(app, _)| wanted.contains(&app.identifier)).map(|(app, management)| {
            let mut item = dictionary([("Identifier", Value::from(app.identifier.as_str()))]);
            if let Some(found) = pick(management) {
                item.insert(key.to_owned(), Value::Dictionary(found));
            }
            Value::Dictionary(item)
        });
        Answer::with([(list, Value::Array(items.collect()))])
    }

    fn managed_application_feedback(&mut self, command: &Command) -> Answer {
        let answer = self.each_managed(command, "ManagedApplicationFeedback", "Feedback", |management| management.feedback.clone());
        if fields::flag(&command.body, "DeleteFeedback") == Some(true) {
            for identifier in fields::texts(&command.body, "Identifiers") {
                if let Some(management) = self.apps.managed_mut(&identifier) {
                    management.feedback = None;
                }
            }
        }
        answer
    }
}

/// The app that a manifest describes.
pub(crate) fn app_of_manifest(manifest: &Dictionary) -> Option<App> {
    let metadata = fields::dictionaries(manifest, "items").next().and_then(|item| fields::dictionary(item, "metadata"))?;
    let mut app = App::unknown(fields::filled(metadata, "bundle-identifier")?, None);
    app.version = fields::filled(metadata, "bundle-version").unwrap_or_else(|| String::from("1.0"));
    app.name = fields::filled(metadata, "title").unwrap_or_else(|| app.identifier.clone());
    Some(app)
}
