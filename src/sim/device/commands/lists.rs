//! The lists that a device gives: apps, profiles, certificates, restrictions, users.

use super::super::apps::{App, Status};
use super::super::profiles::{Installed, Source};
use super::super::values::{date, dict, dictionary};
use super::super::{DEVICE, Device};
use super::{Answer, Command};
use crate::protocol::plist::{Dictionary, Value, fields};
use crate::sim::model::{Family, Platform, Version};

/// Apps that a Mac finds beside those of the store; some have no identifier, as on real ones.
const MAC_APPS: [(&str, Option<&str>, &str, u64); 4] = [
    ("System Settings", Some("com.apple.systempreferences"), "15.0", 5_855_484),
    ("Safari", Some("com.apple.Safari"), "18.2", 13_012_455),
    ("TextEdit", Some("com.apple.TextEdit"), "1.20", 2_104_991),
    ("Set Info", None, "", 65_092),
];

/// Apps of the system that other devices list from generation 26 on.
const SYSTEM_APPS: [(&str, &str); 3] =
    [("Calculator", "com.apple.calculator"), ("Weather", "com.apple.weather"), ("Reminders", "com.apple.reminders")];

impl Device {
    /// InstalledApplicationList.
    pub(super) fn installed_application_list(&self, command: &Command) -> Answer {
        let by_user = self.enrollment.as_ref().is_some_and(|enrollment| enrollment.mdm.by_user);
        let managed_only = fields::flag(&command.body, "ManagedAppsOnly").unwrap_or(false) || by_user;
        let by_declaration = |app: &App| app.managed.as_ref().is_some_and(|management| management.declaration.is_some());
        let listed = |app: &&App| !managed_only || (app.managed.is_some() && !by_declaration(app));
        let mut items: Vec<Dictionary> = self.apps.installed().filter(listed).map(|app| self.app_item(app)).collect();
        if !managed_only {
            items.extend(self.system_apps());
        }
        let wanted = fields::texts(&command.body, "Identifiers");
        if !wanted.is_empty() {
            items
                .retain(|item| fields::text(item, "Identifier").is_some_and(|identifier| wanted.iter().any(|wanted| wanted == identifier)));
        }
        let keys = fields::texts(&command.body, "Items");
        for item in &mut items {
            self.choose_keys(item, &keys);
            item.sort_keys();
        }
        Answer::with([("InstalledApplicationList", Value::Array(items.into_iter().map(Value::Dictionary).collect()))])
    }

    fn app_item(&self, app: &App) -> Dictionary {
        let device_based = app.managed.as_ref().is_some_and(|management| management.device_based);
        let mut item = dictionary([
            ("Identifier", Value::from(app.identifier.as_str())),
            ("Name", Value::from(app.name.as_str())),
            ("Version", Value::from(app.version.as_str())),
            ("ShortVersion", Value::from(app.version.as_str())),
            ("BundleSize", Value::from(app.size_bytes)),
        ]);
        if self.facts.model.family == Family::Mac {
            item.insert("Path".into(), Value::from(format!("/Applications/{}.app", app.name)));
            return item;
        }
        let mut flag = |key: &str, value: bool| drop(item.insert(key.to_owned(), Value::Boolean(value)));
        flag("AdHocCodeSigned", false);
        flag("AppStoreVendable", app.adam_id.is_some());
        flag("BetaApp", false);
        flag("DeviceBasedVPP", device_based);
        flag("HasUpdateAvailable", false);
        flag("Installing", app.managed.as_ref().is_some_and(|management| management.status == Status::Updating));
        flag("IsValidated", true);
        item.insert("DynamicSize".into(), Value::from(app.size_bytes / 40));
        if app.adam_id.is_some() {
            item.insert("ExternalVersionIdentifier".into(), Value::from(app.external_version()));
        }
        item
    }

    /// What is there beside the apps of the store, where the OS lists it.
    fn system_apps(&self) -> Vec<Dictionary> {
        let mac = |(name, identifier, version, size): (&str, Option<&str>, &str, u64)| {
            let mut item = dictionary([("Name", Value::from(name)), ("BundleSize", Value::from(size))]);
            if let Some(identifier) = identifier {
                item.insert("Identifier".into(), Value::from(identifier));
                item.insert("Version".into(), Value::from(version));
                item.insert("ShortVersion".into(), Value::from(version));
            }
            item
        };
        let system = |(name, identifier): (&str, &str)| {
            let text = self.facts.release.text;
            dictionary([
                ("Identifier", Value::from(identifier)),
                ("Name", Value::from(name)),
                ("Version", Value::from(text)),
                ("ShortVersion", Value::from(text)),
            ])
        };
        match self.facts.release.platform {
            Platform::Macos => MAC_APPS.map(mac).to_vec(),
            _ if self.facts.release.version.0 >= 26 => SYSTEM_APPS.map(system).to_vec(),
            _ => Vec::new(),
        }
    }

    /// Keeps the keys that were asked for; from generation 26 on sizes come only when asked for.
    fn choose_keys(&self, item: &mut Dictionary, keys: &[String]) {
        if keys.is_empty() {
            if self.facts.release.version.0 >= 26 {
                item.retain(|key, _| key != "BundleSize" && key != "DynamicSize");
            }
        } else if self.facts.model.family != Family::Mac && self.facts.release.version.0 >= 14 {
            item.retain(|key, _| key == "Identifier" || keys.iter().any(|wanted| wanted == key));
        }
    }

    /// ProfileList: the profiles of the channel; those that the server did not bring are left out where it asks so, and in user enrollment.
    pub(super) fn profile_list(&self, command: &Command) -> Answer {
        let (is_mac, version) = (self.facts.model.family == Family::Mac, self.facts.release.version);
        let knows_choice = version >= if is_mac { Version(10, 15, 0) } else { Version(13, 0, 0) };
        let chosen = knows_choice && fields::flag(&command.body, "ManagedOnly") == Some(true);
        let managed_only = self.is_by_user() || chosen;
        let is_listed =
            |installed: &&Installed| installed.source.channel() == command.channel && !(managed_only && installed.source == Source::Person);
        let items = self.profiles.iter().filter(is_listed).map(|installed| {
            let by_declaration = matches!(installed.source, Source::Declaration(..));
            let tells_source = by_declaration && version.0 >= if is_mac { 15 } else { 18 };
            let managed = (!is_mac && !self.facts.supervised).then_some(installed.source != Source::Person);
            Value::Dictionary(installed.profile.list_item(tells_source.then_some("Declarative Device Management"), managed))
        });
        Answer::with([("ProfileList", Value::Array(items.collect()))])
    }

    /// CertificateList: the identity, and what profiles brought.
    pub(super) fn certificate_list(&self, command: &Command) -> Answer {
        if command.channel != DEVICE {
            return Answer::with([("CertificateList", Value::Array(Vec::new()))]);
        }
        let item = |name: &str, der: &[u8], identity: bool| {
            dict([("CommonName", Value::from(name)), ("Data", Value::Data(der.to_vec())), ("IsIdentity", Value::Boolean(identity))])
        };
        let identity = self.enrollment.iter().map(|enrollment| &enrollment.identity.certificate);
        let mut items: Vec<_> = identity.map(|own| item(&own.common_name().unwrap_or_default(), own.der(), true)).collect();
        for anchor in self.anchors() {
            items.push(item(&anchor.common_name().unwrap_or_default(), anchor.der(), false));
        }
        Answer::with([("CertificateList", Value::Array(items))])
    }

    /// ProvisioningProfileList.
    pub(super) fn provisioning_profile_list(&self) -> Answer {
        let items = self.situation.provisioning.iter().map(|(uuid, name, expiry)| {
            let mut item = dictionary([("UUID", Value::from(uuid.as_str())), ("Name", Value::from(name.as_str()))]);
            if let Some(expiry) = expiry {
                item.insert("ExpiryDate".into(), date(*expiry));
            }
            Value::Dictionary(item)
        });
        Answer::with([("ProvisioningProfileList", Value::Array(items.collect()))])
    }

    /// Restrictions: what all profiles add up to, and each profile's own where asked for.
    pub(super) fn restriction_list(&self, command: &Command) -> Answer {
        let (all, each) = self.effective_restrictions();
        let mut keys = dictionary([("GlobalRestrictions", Value::Dictionary(all))]);
        if fields::flag(&command.body, "ProfileRestrictions") == Some(true) {
            keys.insert("ProfileRestrictions".into(), Value::Dictionary(each));
        }
        Answer::Acknowledged(keys)
    }

    /// UserList, of a Mac or a Shared iPad.
    pub(super) fn user_list(&self) -> Answer {
        if self.facts.model.family != Family::Mac && !self.facts.shared {
            return Answer::refused(12070, "This device is not shared by several users.");
        }
        let is_mac = self.facts.model.family == Family::Mac;
        let users = self.facts.accounts.iter().enumerate().map(|(index, account)| {
            let mut user = dictionary([
                ("UserName", Value::from(account.short_name.as_str())),
                ("IsLoggedIn", Value::Boolean(index == 0 && !self.situation.is_nobody_here)),
            ]);
            if is_mac {
                user.insert("FullName".into(), Value::from(account.long_name.as_str()));
                user.insert("UserGUID".into(), Value::from(account.user_id.as_str()));
                user.insert("UID".into(), Value::from(501 + index as u64));
                user.insert("MobileAccount".into(), Value::Boolean(false));
                user.insert("HasSecureToken".into(), Value::Boolean(true));
            } else {
                user.insert("HasDataToSync".into(), Value::Boolean(false));
                user.insert("DataQuota".into(), Value::from(4_294_967_296_u64));
                user.insert("DataUsed".into(), Value::from(120_000_000));
            }
            Value::Dictionary(user)
        });
        Answer::with([("Users", Value::Array(users.collect()))])
    }
}
