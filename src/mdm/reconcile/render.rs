//! From pieces to what one device is sent: each profile by command or by declaration, each configuration with its activation. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::mdm::provisioning;
use crate::mdm::wanted::{DeclarationPiece, Origin, Piece, ProfilePiece, Target, Unable};
use crate::pki::{digest, hex};
use crate::protocol::availability::{Request, check};
use crate::protocol::declaration::DeclarationKind;
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;
use crate::store::deployments::Mechanism;

/// What the identifiers of our own declarations begin with.
pub const PREFIX: &str = "org.rollcall.";

/// The type of a declaration that refers to a profile.
const LEGACY: &str = "com.apple.configuration.legacy";

/// First versions on which profiles come by declaration: from there on it keeps to a profile by itself, and assets have all their parts (ddm.md §4, §5).
const PROFILES_DECLARED_FROM: [(Platform, &str); 4] =
    [(Platform::Ios, "17.0"), (Platform::Macos, "14.0"), (Platform::Tvos, "17.0"), (Platform::Visionos, "1.1")];

/// Identifier of the declaration that says what a device is to tell of itself.
pub const STATUS: &str = "org.rollcall.status";

/// What this server wants to hear of by itself; items that a system does not have it passes over.
const STATUS_ITEMS: [&str; 21] = [
    "device.identifier.serial-number",
    "device.identifier.udid",
    "device.model.family",
    "device.model.identifier",
    "device.model.marketing-name",
    "device.operating-system.version",
    "device.operating-system.build-version",
    "device.operating-system.family",
    "device.operating-system.supplemental.build-version",
    "device.operating-system.supplemental.extra-version",
    "passcode.is-compliant",
    "passcode.is-present",
    "softwareupdate.pending-version",
    "softwareupdate.install-state",
    "softwareupdate.install-reason",
    "softwareupdate.failure-reason",
    "softwareupdate.beta-enrollment",
    "softwareupdate.device-id",
    "app.managed.list",
    "mdm.app",
    "package.list",
];

/// What a device knows the server by, and what it is told of it.
#[derive(Debug, Clone)]
pub struct House {
    /// Scheme, host and port under which the device knows this server; none where that is not known.
    pub origin: Option<String>,
    /// What every device is served that has declarations, by [`of_every_device`].
    pub of_every_device: Arc<[Document]>,
    /// The unguessable part of the addresses of this enrollment's profiles.
    pub capability: String,
    /// When it was last asked to say anew what became of its declarations.
    pub news_asked_at: Option<Timestamp>,
}

impl House {
    /// What the addresses of this enrollment's profiles and assets begin with; none where the device knows no address of this server.
    pub fn served_from(&self) -> Option<String> {
        self.origin.as_ref().map(|origin| format!("{origin}/ddm/{}", self.capability))
    }
}

/// A profile and how it comes.
#[derive(Debug, Clone)]
pub struct Profile {
    /// The profile.
    pub piece: ProfilePiece,
    /// How it comes.
    pub mechanism: Mechanism,
}

/// A declaration as it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its kind.
    pub kind: DeclarationKind,
    /// Identifier.
    pub identifier: String,
    /// Type.
    pub declaration_type: String,
    /// ServerToken: a digest of all the rest.
    pub server_token: String,
    /// All of it, JSON.
    pub content: Vec<u8>,
    /// Where it comes from; nothing for what every device gets.
    pub origins: Vec<Origin>,
    /// Whether it is the activation that we made for a configuration.
    pub is_own_activation: bool,
}

/// Everything that one device is to have.
#[derive(Debug, Clone, Default)]
pub struct Desired {
    /// Profiles by PayloadIdentifier.
    pub profiles: BTreeMap<String, Profile>,
    /// Provisioning profiles by UUID.
    pub provisioning: BTreeMap<String, provisioning::Piece>,
    /// Declarations by Identifier; none at all where the system has no declarative management.
    pub declarations: BTreeMap<String, Document>,
    /// What it cannot have.
    pub unable: Vec<Unable>,
}

impl Desired {
    /// DeclarationsToken: changes when and only when the set does.
    pub fn declarations_token(&self) -> String {
        let listed =
            self.declarations.values().map(|document| (document.kind, document.identifier.as_str(), document.server_token.as_str()));
        declarations_token(listed)
    }
}

/// DeclarationsToken of a set in any order.
pub fn declarations_token<'a>(listed: impl Iterator<Item = (DeclarationKind, &'a str, &'a str)>) -> String {
    let sorted: BTreeSet<_> = listed.map(|(kind, identifier, token)| (kind.as_str(), identifier, token)).collect();
    hex(&digest::sha256(json!(sorted).to_string().as_bytes()))
}

/// Whether the system has declarative management at all.
pub fn has_declarations(target: &Target) -> bool {
    target.capabilities.platform != Platform::Unknown && check(Request::Command("DeclarativeManagement"), &target.capabilities).is_ok()
}

/// How profiles come to this device.
pub fn profile_mechanism(target: &Target, house: &House) -> Mechanism {
    let since = PROFILES_DECLARED_FROM.iter().find(|(platform, _)| *platform == target.capabilities.platform);
    let is_new = since.is_some_and(|(_, first)| target.capabilities.os_version.is_at_least(OsVersion::parse(first)));
    let says_so = target.supported.as_ref().is_none_or(|supported| supported.iter().any(|kind| kind == LEGACY));
    if is_new && says_so && house.origin.is_some() && has_declarations(target) { Mechanism::Declaration } else { Mechanism::Command }
}

/// Decides what a device is sent for the pieces that it is to have.
pub fn render(target: &Target, house: &House, pieces: Vec<Piece>, unable: Vec<Unable>) -> Desired {
    let mut desired = Desired { unable, ..Desired::default() };
    let declares = has_declarations(target);
    let mechanism = profile_mechanism(target, house);
    let mut declarations = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Profile(piece) => {
                let mechanism = if piece.by_command { Mechanism::Command } else { mechanism };
                let refers = (mechanism == Mechanism::Declaration).then(|| legacy(&piece, house));
                if add_profile(&mut desired, piece, mechanism) {
                    declarations.extend(refers);
                }
            }
            Piece::Declaration(piece) if declares => declarations.push(piece),
            Piece::Declaration(piece) => desired.unable.extend(piece.origins.iter().map(|origin| Unable {
                what: origin.name.clone(),
                because: String::from(t!("its system has no declarative management")),
                origin: origin.clone(),
            })),
            // Payloads have been merged into profiles before.
            Piece::Payload(_) => {}
        }
    }
    if declares {
        add_declarations(&mut desired, declarations, &house.of_every_device);
        if let (Some(asked_at), Some(subscription)) = (house.news_asked_at, desired.declarations.get_mut(STATUS)) {
            renew(subscription, asked_at);
        }
    }
    desired
}

/// Adds a profile, unless there is one of its identifier already; tells whether it did.
fn add_profile(desired: &mut Desired, piece: ProfilePiece, mechanism: Mechanism) -> bool {
    if let Some(first) = desired.profiles.get(&piece.identifier) {
        let because = t!(
            "“{name}” has the same identifier, {identifier}, and a device keeps only one of them",
            name = first.piece.name,
            identifier = piece.identifier
        );
        let what = piece.name;
        desired.unable.extend(piece.origins.into_iter().map(|origin| Unable { what: what.clone(), because: because.clone(), origin }));
        return false;
    }
    desired.profiles.insert(piece.identifier.clone(), Profile { piece, mechanism });
    true
}

/// The declaration that refers to a profile. Its address changes with the profile, and so does its token.
fn legacy(piece: &ProfilePiece, house: &House) -> DeclarationPiece {
    let origin = house.origin.as_deref().unwrap_or_default();
    DeclarationPiece {
        edition: String::new(),
        kind: DeclarationKind::Configuration,
        identifier: profile_declaration(&piece.identifier),
        declaration_type: LEGACY.into(),
        payload: json!({ "ProfileURL": format!("{origin}/ddm/{}/profile/{}", house.capability, piece.digest) }),
        activate: true,
        origins: piece.origins.clone(),
    }
}

/// Identifier of the activation that is made for the configuration of this identifier.
pub fn own_activation(identifier: &str) -> String {
    format!("{PREFIX}on.{}", short(identifier))
}

/// Identifier of the declaration that refers to the profile with this PayloadIdentifier.
pub fn profile_declaration(identifier: &str) -> String {
    format!("{PREFIX}profile.{}", short(identifier))
}

/// What every device of this organisation is served that has declarations: what it is to tell of itself, and who manages it.
pub fn of_every_device(organisation: &str) -> Arc<[Document]> {
    let items: Vec<_> = STATUS_ITEMS.iter().map(|name| json!({ "Name": name })).collect();
    let status = document(
        (DeclarationKind::Configuration, STATUS.to_owned()),
        "com.apple.configuration.management.status-subscriptions",
        &json!({ "StatusItems": items }),
        "",
        Vec::new(),
    );
    let organization = document(
        (DeclarationKind::Management, format!("{PREFIX}organization")),
        "com.apple.management.organization-info",
        &json!({ "Name": organisation }),
        "",
        Vec::new(),
    );
    [activation_of(STATUS, Vec::new()), status, organization].into()
}

/// Adds what can be served. One that spoils others is left out, and said so; the rest goes on.
fn add_declarations(desired: &mut Desired, pieces: Vec<DeclarationPiece>, of_every_device: &[Document]) {
    let mut named = BTreeMap::<String, &DeclarationPiece>::new();
    let mut refused = Vec::new();
    for piece in &pieces {
        if named.contains_key(&piece.identifier) {
            refused.push((piece, t!("another declaration has the identifier {identifier}", identifier = piece.identifier)));
        } else {
            named.insert(piece.identifier.clone(), piece);
        }
    }
    for piece in named.values().filter(|piece| piece.kind == DeclarationKind::Activation) {
        let configurations = piece.payload.get("StandardConfigurations").and_then(Value::as_array).into_iter().flatten();
        let is_there = |name: &str| named.contains_key(name) || of_every_device.iter().any(|document| document.identifier == name);
        let missing: Vec<_> = configurations.filter_map(Value::as_str).filter(|name| !is_there(name)).collect();
        if !missing.is_empty() {
            refused.push((piece, t!("it activates {list}, which this device does not get", list = missing.join(", "))));
        }
    }
    let is_refused = |piece: &DeclarationPiece| refused.iter().any(|(other, _)| std::ptr::eq(*other, piece));
    for piece in named.into_values().filter(|piece| !is_refused(piece)) {
        let named = (piece.kind, piece.identifier.clone());
        let document = document(named, &piece.declaration_type, &piece.payload, &piece.edition, piece.origins.clone());
        if piece.activate {
            let activation = activation_of(&piece.identifier, piece.origins.clone());
            desired.declarations.insert(activation.identifier.clone(), activation);
        }
        desired.declarations.insert(document.identifier.clone(), document);
    }
    for document in of_every_device {
        desired.declarations.entry(document.identifier.clone()).or_insert_with(|| document.clone());
    }
    let told = refused.into_iter().flat_map(|(piece, because)| {
        piece.origins.iter().map(move |origin| Unable { what: origin.name.clone(), because: because.clone(), origin: origin.clone() })
    });
    desired.unable.extend(told);
}

/// A declaration as it is served, and as its ServerToken is made from. Its keys stand in the order of the alphabet, as those of every JSON value here, so
/// that equal content has equal bytes.
#[derive(Serialize)]
struct Said<'a> {
    #[serde(rename = "Edition", skip_serializing_if = "str::is_empty")]
    edition: &'a str,
    #[serde(rename = "Identifier")]
    identifier: &'a str,
    #[serde(rename = "Payload")]
    payload: &'a Value,
    #[serde(rename = "ServerToken", skip_serializing_if = "str::is_empty")]
    server_token: &'a str,
    #[serde(rename = "Type")]
    declaration_type: &'a str,
}

impl Said<'_> {
    fn to_json(&self) -> Vec<u8> {
        // Texts and JSON values can always be written.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

fn document(
    (kind, identifier): (DeclarationKind, String),
    declaration_type: &str,
    payload: &Value,
    edition: &str,
    origins: Vec<Origin>,
) -> Document {
    let said = Said { edition, identifier: &identifier, payload, server_token: "", declaration_type };
    let server_token = hex(&digest::sha256(&said.to_json())[..16]);
    let content = Said { edition: "", server_token: &server_token, ..said }.to_json();
    Document { kind, identifier, declaration_type: declaration_type.to_owned(), server_token, content, origins, is_own_activation: false }
}

/// The activation that we make for a configuration.
fn activation_of(configuration: &str, origins: Vec<Origin>) -> Document {
    let named = (DeclarationKind::Activation, own_activation(configuration));
    let payload = json!({ "StandardConfigurations": [configuration] });
    Document { is_own_activation: true, ..document(named, "com.apple.activation.simple", &payload, "", origins) }
}

/// Gives a declaration another ServerToken though it says the same: the device fetches it again, and reports.
fn renew(document: &mut Document, asked_at: Timestamp) {
    let said = [document.content.as_slice(), asked_at.to_string().as_bytes()].concat();
    let server_token = hex(&digest::sha256(&said)[..16]);
    // The token is 32 hex digits, and stands in the text once.
    let content = String::from_utf8_lossy(&document.content).replace(&document.server_token, &server_token);
    (document.server_token, document.content) = (server_token, content.into_bytes());
}

/// A short name for a long one, always the same.
fn short(name: &str) -> String {
    hex(&digest::sha256(name.as_bytes())[..12])
}

#[cfg(test)]
mod tests;
