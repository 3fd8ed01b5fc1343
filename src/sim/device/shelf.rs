//! The apps of a device as its person and the store treat them: seen, deleted, agreed to or declined, renewed, licensed or not.

use std::collections::BTreeSet;

use super::Device;
use super::apps::App;
use crate::protocol::plist::Dictionary;
use crate::sim::model::known_app_by_identifier;

/// An app on a device, or on its way there.
#[derive(Debug, Clone, PartialEq)]
pub struct AppSeen {
    /// Its bundle identifier.
    pub identifier: String,
    /// CFBundleVersion.
    pub version: String,
    /// Whether it is on the device, whoever brought it.
    pub installed: bool,
    /// How far it is, as ManagedApplicationList spells it; none where nobody manages it.
    pub status: Option<&'static str>,
    /// ManagementFlags.
    pub flags: i64,
    /// What the app itself knows.
    pub configuration: Option<Dictionary>,
    /// The declaration that manages it.
    pub declaration: Option<String>,
}

impl Device {
    /// The apps on the device, and those on their way, by bundle identifier.
    pub fn apps(&self) -> Vec<AppSeen> {
        let seen = self.apps.all().map(|app| AppSeen {
            identifier: app.identifier.clone(),
            version: app.version.clone(),
            installed: app.installed,
            status: app.managed.as_ref().map(|management| management.status.name()),
            flags: app.managed.as_ref().map_or(0, |management| management.flags),
            configuration: app.managed.as_ref().and_then(|management| management.configuration.clone()),
            declaration: app.managed.as_ref().and_then(|management| management.declaration.clone()),
        });
        seen.collect()
    }

    /// From now on the person says yes, or no, when the device asks.
    pub fn person_agrees(&mut self, agrees: bool) {
        self.facts.person.agrees = agrees;
    }

    /// The person gets an app from the store by themselves; says whether the practice store has it.
    pub fn person_installs(&mut self, identifier: &str) -> bool {
        let Some(known) = known_app_by_identifier(identifier) else { return false };
        self.apps.place(App::of_store(known));
        true
    }

    /// The store has this version of an app by now; the device gets it with the next order for the app.
    pub fn store_renews(&mut self, identifier: &str, version: &str) {
        if let Some(app) = self.apps.find_mut(identifier) {
            app.newer = Some(version.to_owned());
        }
    }

    /// A managed app writes down what it has to say.
    pub fn app_says(&mut self, identifier: &str, feedback: Dictionary) {
        if let Some(management) = self.apps.managed_mut(identifier) {
            management.feedback = Some(feedback);
        }
    }

    /// The apps that Apple has a licence of for this device; others are refused. Before this is said all are licensed.
    pub fn is_licensed_for(&mut self, adam_ids: &[u64]) {
        self.licensed = Some(adam_ids.iter().copied().collect::<BTreeSet<_>>());
    }
}
