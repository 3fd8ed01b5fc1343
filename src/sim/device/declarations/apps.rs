//! Apps and packages that declarations bring: those of the store by their number, those of a house by their manifest.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::super::Device;
use super::super::agenda::Errand;
use super::super::apps::{App, Order};
use super::super::packages::Package;
use crate::clock::Timestamp;
use crate::protocol::plist;
use crate::sim::model::{Family, known_app_by_adam_id, known_app_by_identifier};

const APP: &str = "com.apple.configuration.app.managed";
const PACKAGE: &str = "com.apple.configuration.package";

/// Whether declarations of this type bring an app or a package.
pub(super) fn brings(kind: &str) -> bool {
    matches!(kind, APP | PACKAGE)
}

/// The manifest that a payload wants fetched: of something that is to be there without the person's asking.
pub(super) fn manifest_of<'a>(kind: &str, payload: &'a Json) -> Option<&'a str> {
    payload["ManifestURL"].as_str().filter(|_| brings(kind) && is_required(payload))
}

fn is_required(payload: &Json) -> bool {
    payload["InstallBehavior"]["Install"].as_str() == Some("Required")
}

impl Device {
    /// Brings the apps to what the active declarations of a channel want; what comes by a manifest is ordered once that was fetched.
    pub(super) fn apply_apps(&mut self, channel: usize, active: &[(String, String, Json)], now: Timestamp) {
        self.release_undeclared();
        for (identifier, _, payload) in active.iter().filter(|(_, kind, _)| kind == APP) {
            let configuration = self.declared_configuration(channel, payload);
            let token = self.channels[channel].declarations.held.get(identifier).map(|held| held.server_token.clone());
            if let Some(app) = self.apps.declared_by(identifier).map(|app| app.identifier.clone()) {
                self.apps.configure(&app, configuration.clone());
                // What comes by a manifest is judged when that was fetched anew.
                if payload["ManifestURL"].is_string() || self.apps.look_anew(&app, token.as_deref(), now).is_none() {
                    continue;
                }
            }
            let Some(app) = declared_app(payload).filter(|_| is_required(payload)) else { continue };
            let held = self.apps.find(&app.identifier).and_then(|app| app.managed.as_ref());
            if held.is_none_or(|management| management.declaration.is_none()) {
                let whose = payload["InstallBehavior"]["License"]["Assignment"].as_str();
                let (device_based, declaration) = (whose != Some("User"), Some(identifier.clone()));
                let keeps_current = payload["UpdateBehavior"]["AutomaticAppUpdates"].as_str() != Some("AlwaysOff");
                let order = Order { flags: 1, device_based, configuration, declaration, token, keeps_current, ..Order::default() };
                self.order_declared(app, order, whose.is_some(), now);
            }
        }
    }

    /// What no declaration on any channel wants any more goes; one whose manifest could not be fetched anew stays as it was.
    fn release_undeclared(&mut self) {
        let mut wanted = BTreeSet::new();
        for channel in 0..self.channels.len() {
            let declarations = &self.channels[channel].declarations;
            wanted.extend(declarations.held.keys().filter(|identifier| declarations.could_not_fetch(identifier)).cloned());
            wanted.extend(self.active_payloads(channel).into_iter().filter(|(_, kind, _)| brings(kind)).map(|(identifier, ..)| identifier));
        }
        let is_gone = |declaration: &String| !wanted.contains(declaration);
        let gone = self.apps.managed().filter(|(_, management)| management.declaration.as_ref().is_some_and(is_gone));
        for identifier in gone.map(|(app, _)| app.identifier.clone()).collect::<Vec<_>>() {
            self.apps.release(&identifier);
        }
    }

    fn declared_configuration(&self, channel: usize, payload: &Json) -> Option<plist::Dictionary> {
        let data = self.asset_of(channel, payload["LegacyAppConfigAssetReference"].as_str()?)?;
        plist::parse_dictionary(&data).ok()
    }

    /// The manifest of a declaration came: what it names is ordered and its package downloaded, unless just that is there.
    pub(super) fn declared_manifest_came(
        &mut self,
        channel: usize,
        declaration: &str,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<(), (&'static str, String)> {
        let unusable = || ("Error.ConfigurationCannotBeApplied", String::from("The manifest names nothing that can be downloaded."));
        let package = plist::parse_dictionary(bytes).ok().as_ref().and_then(Package::read).ok_or_else(unusable)?;
        let held = self.channels[channel].declarations.held.get(declaration);
        let Some(document) = held.and_then(|held| held.document.as_ref()) else { return Ok(()) };
        let is_package = document["Type"] == PACKAGE;
        let configuration = self.declared_configuration(channel, &document["Payload"]);
        let (identifier, version) = (&package.app.identifier, &package.app.version);
        let there = self.apps.find(identifier).filter(|there| there.installed && there.version == *version);
        let (awaits, is_managed) = (there.is_none(), there.is_some_and(|there| there.managed.is_some()));
        if is_managed && self.apps.hand_over(identifier, declaration, configuration.clone()) {
            // A command brought just that, or the declaration did before: nothing is installed anew.
            return Ok(());
        }
        let order = Order {
            flags: 1,
            device_based: true,
            configuration,
            declaration: Some(declaration.to_owned()),
            is_package,
            awaits,
            ..Order::default()
        };
        let silent = self.facts.supervised || self.facts.model.family == Family::Mac;
        self.apps.order(package.app.clone(), order, silent, self.facts.person, now);
        if awaits {
            // Of two versions only the later is worth its download.
            self.agenda.retain(|errand| !matches!(errand, Errand::Package(older) if older.app.identifier == package.app.identifier));
            self.agenda.push_back(Errand::Package(Box::new(package)));
        }
        Ok(())
    }
}

/// The app of the store that a declaration names.
fn declared_app(payload: &Json) -> Option<App> {
    let adam_id = payload["AppStoreID"].as_str().and_then(|id| id.parse().ok());
    let identifier = payload["BundleID"].as_str();
    let known = adam_id.and_then(known_app_by_adam_id).or_else(|| identifier.and_then(known_app_by_identifier));
    match (known, identifier) {
        (Some(app), _) => Some(App::of_store(app)),
        (None, Some(identifier)) => Some(App::unknown(identifier.to_owned(), adam_id)),
        (None, None) => adam_id.map(|adam_id| App::unknown(format!("school.example.app{adam_id}"), Some(adam_id))),
    }
}
