//! What a device is told of an app: a command or a declaration, both from the same settings.

use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use crate::mdm::apps::configuration;
use crate::mdm::apps::mechanism::{APP, PACKAGE, Way};
use crate::mdm::apps::settings::{self, ATTRIBUTES, LicenceBy, Settings, Updates};
use crate::mdm::reconcile::render::PREFIX;
use crate::mdm::wanted::{DeclarationPiece, Origin};
use crate::pki::{digest, hex};
use crate::protocol::availability::Capabilities;
use crate::protocol::command::{self, Command, EnterpriseSource, InstallApplication, InstallEnterpriseApplication, Source};
use crate::protocol::declaration::DeclarationKind;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::protocol::plist::{Dictionary, Value, from_json};
use crate::store::apps::{App, AppKind};

/// The first systems on which a declaration says when an app is updated.
const UPDATES_DECLARED_FROM: &str = "26.0";

/// Everything that a device is told of an app.
#[derive(Debug, Clone)]
pub struct Order {
    /// The app.
    pub app: App,
    /// How it is managed.
    pub settings: Settings,
    /// The way it comes.
    pub way: Way,
    /// Whose licence pays for it.
    pub licence: LicenceBy,
    /// What the app itself is to know, filled in for this device.
    pub configuration: Option<Dictionary>,
    /// Where its manifest is, for one of the house.
    pub manifest_url: Option<String>,
    /// What the addresses of files for the device begin with, where it fetches the configuration itself.
    pub served_from: Option<String>,
    /// The newest version, where a declared app is to be looked at anew for it.
    pub edition: String,
    /// What the device is.
    pub capabilities: Capabilities,
    /// Whether the system manages apps at all.
    pub is_managed: bool,
    /// What of its settings this device does not have, in words.
    pub lacks: Vec<String>,
}

impl Order {
    /// Changes when and only when the device is to be told something else.
    pub fn digest(&self, asks: i64) -> String {
        let said = if matches!(self.way, Way::DeclaredApp | Way::DeclaredPackage) {
            let piece = declaration(self, asks, Vec::new());
            json!([piece.identifier, piece.declaration_type, piece.payload, piece.edition, file(self).map(|file| file.address)]).to_string()
        } else {
            let order = self.command(Uuid::nil(), false);
            let mut bytes = order.request_type.clone().into_bytes();
            bytes.extend(order.to_plist().unwrap_or_default());
            return hex(&digest::sha256(&bytes)[..16]);
        };
        hex(&digest::sha256(said.as_bytes())[..16])
    }

    fn is_mac(&self) -> bool {
        self.capabilities.platform == Platform::Macos
    }

    /// The command; `take_over` also takes over what the person installed.
    pub fn command(&self, uuid: Uuid, take_over: bool) -> Command {
        let manifest = self.manifest_url.clone().unwrap_or_default();
        if self.way == Way::Enterprise {
            let order = InstallEnterpriseApplication {
                source: EnterpriseSource::Address { url: manifest, pinned_certificates: Vec::new() },
                install_as_managed: self.is_managed,
                remove_with_enrollment: self.settings.remove_with_management,
                configuration: self.configuration.clone(),
                take_over,
            };
            return command::install_enterprise_application(uuid, order);
        }
        let source = match (&self.app.kind, self.app.adam_id.as_deref().and_then(|number| number.parse().ok())) {
            (AppKind::Store, Some(number)) => Source::AppStore(number),
            (AppKind::Store, None) => Source::Identifier(self.app.bundle_id.clone()),
            _ => Source::Manifest(manifest),
        };
        let attributes = self.attributes_by_command();
        command::install_application(
            uuid,
            InstallApplication {
                volume_licence: self.licence != LicenceBy::None,
                remove_with_enrollment: self.settings.remove_with_management,
                exclude_from_backup: self.settings.exclude_from_backup && !self.is_mac(),
                configuration: self.configuration.clone(),
                attributes: (!attributes.is_empty()).then_some(attributes),
                take_over: take_over && self.is_managed,
                install_as_managed: (self.is_mac() && self.is_managed).then_some(true),
                ios_app: (self.is_mac() && self.settings.ios_app).then_some(true),
                ..InstallApplication::new(source)
            },
        )
    }

    fn attributes_by_command(&self) -> Dictionary {
        let has = |known: &&settings::Known| settings::refusal(known, &self.capabilities).is_none();
        let said = ATTRIBUTES.iter().filter(has).filter_map(|known| {
            let value = from_json(&self.settings.attributes.value(known.id)?).ok()?;
            Some((known.key.to_owned(), value))
        });
        said.collect::<std::collections::BTreeMap<String, Value>>().into_iter().collect()
    }

    fn attributes_by_declaration(&self) -> Map<String, Json> {
        let has = |known: &&settings::Known| known.declared && settings::refusal(known, &self.capabilities).is_none();
        let said = ATTRIBUTES.iter().filter(has).filter_map(|known| {
            let value = self.settings.attributes.value(known.id)?;
            Some((known.key.to_owned(), value))
        });
        said.collect()
    }
}

/// The identifier of the declaration of an app; another one each time that somebody asked again, since that makes the device try again.
pub fn declaration_identifier(app_id: &str, asks: i64) -> String {
    let short = hex(&digest::sha256(app_id.as_bytes())[..12]);
    if asks == 0 { format!("{PREFIX}app.{short}") } else { format!("{PREFIX}app.{short}.{asks}") }
}

/// The declaration of an app.
pub fn declaration(order: &Order, asks: i64, origins: Vec<Origin>) -> DeclarationPiece {
    let is_package = order.way == Way::DeclaredPackage;
    DeclarationPiece {
        edition: order.edition.clone(),
        kind: DeclarationKind::Configuration,
        identifier: declaration_identifier(&order.app.id, asks),
        declaration_type: if is_package { PACKAGE } else { APP }.to_owned(),
        payload: if is_package { package(order) } else { app(order) },
        activate: true,
        origins,
    }
}

fn package(order: &Order) -> Json {
    json!({ "ManifestURL": order.manifest_url, "InstallBehavior": { "Install": "Required" } })
}

fn app(order: &Order) -> Json {
    let mut said = Map::new();
    let mut install = Map::from_iter([("Install".to_owned(), json!("Required"))]);
    match (order.app.kind, &order.app.adam_id) {
        (AppKind::Store, Some(number)) => {
            said.insert("AppStoreID".into(), json!(number));
            let whose = if order.licence == LicenceBy::User { "User" } else { "Device" };
            install.insert("License".into(), json!({ "Assignment": whose }));
        }
        _ => drop(said.insert("ManifestURL".into(), json!(order.manifest_url))),
    }
    said.insert("InstallBehavior".into(), Json::Object(install));
    if order.is_mac() {
        if order.settings.ios_app {
            said.insert("iOSApp".into(), json!(true));
        }
    } else {
        said.insert("IncludeInBackup".into(), json!(!order.settings.exclude_from_backup));
        let attributes = order.attributes_by_declaration();
        if !attributes.is_empty() {
            said.insert("Attributes".into(), Json::Object(attributes));
        }
    }
    if file(order).is_some() {
        said.insert("LegacyAppConfigAssetReference".into(), json!(asset_identifier(&order.app.id)));
    }
    if order.capabilities.os_version.is_at_least(OsVersion::parse(UPDATES_DECLARED_FROM)) {
        let word = if order.settings.updates == Updates::Off { "AlwaysOff" } else { "AlwaysOn" };
        said.insert("UpdateBehavior".into(), json!({ "AutomaticAppUpdates": word }));
    }
    Json::Object(said)
}

/// What an app itself is to know, as the device fetches it.
#[derive(Debug)]
pub struct File {
    /// The last part of its address: other bytes have another one.
    pub address: String,
    /// A property list.
    pub bytes: Vec<u8>,
    sha256: String,
}

/// The media type of [`File`].
pub const CONTENT_TYPE: &str = "application/xml";

/// What the addresses of configurations begin with, which no asset of the library has.
pub const ADDRESS: &str = "app-";

/// What the app itself is to know, where the device fetches that.
pub fn file(order: &Order) -> Option<File> {
    order.served_from.as_ref()?;
    let bytes = configuration::to_xml(order.configuration.as_ref()?).ok()?;
    let sha256 = hex(&digest::sha256(&bytes));
    Some(File { address: format!("{ADDRESS}{}.{sha256}", order.app.id), bytes, sha256 })
}

/// The identifier of the asset with the configuration of an app.
pub fn asset_identifier(app_id: &str) -> String {
    format!("{}.configuration", declaration_identifier(app_id, 0))
}

/// The asset with the configuration of an app, where the device fetches that.
pub fn asset(order: &Order, origins: Vec<Origin>) -> Option<DeclarationPiece> {
    let file = file(order)?;
    let reference = json!({
        "DataURL": format!("{}/asset/{}", order.served_from.as_ref()?, file.address),
        "ContentType": CONTENT_TYPE,
        "Size": file.bytes.len(),
        "Hash-SHA-256": file.sha256,
    });
    Some(DeclarationPiece {
        edition: String::new(),
        kind: DeclarationKind::Asset,
        identifier: asset_identifier(&order.app.id),
        declaration_type: String::from("com.apple.asset.data"),
        payload: json!({ "Reference": reference, "Authentication": { "Type": "None" } }),
        activate: false,
        origins,
    })
}

/// A configuration as people see it.
pub fn shown(configuration: &Dictionary) -> String {
    configuration::to_xml(configuration).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
