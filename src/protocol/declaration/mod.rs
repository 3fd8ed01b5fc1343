//! Declarative management: what a device asks for at its check-in, and the JSON that answers it.

pub mod asset_keys;
mod assets;
mod keys;
pub mod predicate;
pub mod status_items;
mod types;

pub use assets::{ASSET_TYPES, AssetType, CONTENT_TYPE_MAX, CredentialKey, find as find_asset};
pub use keys::{Fault, Finding, LaterKey, MAX_FINDINGS};
pub use types::{DeclarationType, Obstacle, PREFIX, all as all_types, find as find_type};

use serde_json::{Map, Value as Json, json};

use crate::clock::Timestamp;

/// The Content-Type of the answers.
pub const CONTENT_TYPE: &str = "application/json";

/// The longest identifier of a declaration, in bytes.
pub const MAX_IDENTIFIER_BYTES: usize = 64;

/// The kinds of declarations, as they stand in an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeclarationKind {
    /// What is active under which condition.
    Activation,
    /// Data that configurations refer to.
    Asset,
    /// What is configured.
    Configuration,
    /// Facts about the organisation and server.
    Management,
}

impl DeclarationKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Activation, Self::Asset, Self::Configuration, Self::Management];

    /// The word in an endpoint.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Activation => "activation",
            Self::Asset => "asset",
            Self::Configuration => "configuration",
            Self::Management => "management",
        }
    }

    /// The word in declaration-items.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Activation => "Activations",
            Self::Asset => "Assets",
            Self::Configuration => "Configurations",
            Self::Management => "Management",
        }
    }
}

/// What a device asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// Whether anything changed.
    Tokens,
    /// What there is.
    DeclarationItems,
    /// One declaration.
    Declaration {
        /// Its kind.
        kind: DeclarationKind,
        /// Its identifier, which may hold dots and slashes.
        identifier: String,
    },
    /// Nothing: it reports its status.
    Status,
}

/// An endpoint that there is none of; the device is answered 404.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no such endpoint of declarative management")]
pub struct UnknownEndpoint;

impl Endpoint {
    /// Reads the endpoint of a DeclarativeManagement check-in.
    pub fn parse(endpoint: &str) -> Result<Self, UnknownEndpoint> {
        match endpoint {
            "tokens" => return Ok(Self::Tokens),
            "declaration-items" => return Ok(Self::DeclarationItems),
            "status" => return Ok(Self::Status),
            _ => {}
        }
        let (kind, identifier) = endpoint.strip_prefix("declaration/").and_then(|rest| rest.split_once('/')).ok_or(UnknownEndpoint)?;
        let kind = DeclarationKind::ALL.into_iter().find(|known| known.as_str() == kind).ok_or(UnknownEndpoint)?;
        if identifier.is_empty() || identifier.len() > MAX_IDENTIFIER_BYTES {
            return Err(UnknownEndpoint);
        }
        Ok(Self::Declaration { kind, identifier: identifier.to_owned() })
    }
}

/// The answers of a server that has declared nothing.
pub mod nothing_declared {
    use super::{Json, Timestamp, json};

    /// The token of the empty set: always the same, so that no device asks again.
    pub const TOKEN: &str = "nothing-declared";

    /// Answers `tokens`; `since` is when the set became empty and must not change from one answer to the next.
    pub fn tokens(since: Timestamp) -> Vec<u8> {
        // Apple's example has whole seconds.
        let since = Timestamp::from_seconds(since.seconds());
        json!({ "SyncTokens": { "DeclarationsToken": TOKEN, "Timestamp": since } }).to_string().into_bytes()
    }

    /// Answers `declaration-items`: four lists, all there and all empty.
    pub fn declaration_items() -> Vec<u8> {
        let lists: serde_json::Map<String, Json> =
            super::DeclarationKind::ALL.into_iter().map(|kind| (kind.plural().to_owned(), Json::Array(Vec::new()))).collect();
        json!({ "Declarations": lists, "DeclarationsToken": TOKEN }).to_string().into_bytes()
    }
}

/// What a device reports of its own accord. Items are partial: what is absent has not changed.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusReport {
    /// Nested by the parts of the items' names: `device.model.family` is `device`, `model`, `family`.
    pub items: Map<String, Json>,
    /// Items that the device does not have, or cannot tell.
    pub errors: Vec<StatusError>,
    /// Whether everything was reported, so that what is absent is gone (iOS 17, macOS 14).
    pub is_full: bool,
}

/// An item that was subscribed to and not reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusError {
    /// The item's name.
    pub item: String,
    /// Codes of the reasons, for example `Error.UnknownStatusItem`.
    pub codes: Vec<String>,
}

/// Bytes that are no status report.
#[derive(Debug, thiserror::Error)]
pub enum BadStatusReport {
    /// Not JSON, or nested too deep.
    #[error("the status report is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// JSON, but no object.
    #[error("the status report must be a JSON object")]
    NotAnObject,
}

impl From<BadStatusReport> for crate::error::Error {
    fn from(error: BadStatusReport) -> Self {
        Self::bad_input(error.to_string())
    }
}

impl StatusReport {
    /// Reads the `Data` of a `status` check-in; unknown keys and odd types are passed over.
    pub fn parse(data: &[u8]) -> Result<Self, BadStatusReport> {
        let Json::Object(mut report) = serde_json::from_slice(data)? else { return Err(BadStatusReport::NotAnObject) };
        let items = match report.remove("StatusItems") {
            Some(Json::Object(items)) => items,
            _ => Map::new(),
        };
        let errors = report.get("Errors").and_then(Json::as_array).into_iter().flatten().filter_map(read_error).collect();
        Ok(Self { items, errors, is_full: report.get("FullReport").and_then(Json::as_bool).unwrap_or_default() })
    }

    /// The value of an item by its name, for example `softwareupdate.install-state`.
    pub fn item(&self, name: &str) -> Option<&Json> {
        let mut parts = name.split('.');
        let first = self.items.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    }
}

fn read_error(error: &Json) -> Option<StatusError> {
    let item = error.get("StatusItem")?.as_str()?.to_owned();
    let reasons = error.get("Reasons").and_then(Json::as_array).into_iter().flatten();
    Some(StatusError { item, codes: reasons.filter_map(|reason| reason.get("Code")?.as_str().map(str::to_owned)).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::mutations;

    #[test]
    fn endpoints_are_told_apart_and_identifiers_kept_whole() {
        assert_eq!(Endpoint::parse("tokens"), Ok(Endpoint::Tokens));
        assert_eq!(Endpoint::parse("declaration-items"), Ok(Endpoint::DeclarationItems));
        assert_eq!(Endpoint::parse("status"), Ok(Endpoint::Status));
        let declaration = Endpoint::Declaration { kind: DeclarationKind::Configuration, identifier: "org.example/a.b%2F".into() };
        assert_eq!(Endpoint::parse("declaration/configuration/org.example/a.b%2F"), Ok(declaration));
        let overlong = format!("declaration/asset/{}", "x".repeat(MAX_IDENTIFIER_BYTES + 1));
        for unknown in [
            "",
            "Tokens",
            "status/",
            "declaration",
            "declaration/",
            "declaration/asset",
            "declaration/asset/",
            "declaration/assets/x",
            &overlong,
        ] {
            assert_eq!(Endpoint::parse(unknown), Err(UnknownEndpoint), "{unknown}");
        }
    }

    #[test]
    fn nothing_declared_is_a_proper_answer_that_never_changes() {
        let since = Timestamp::from_millis(1_795_577_349_120);
        let tokens: Json = serde_json::from_slice(&nothing_declared::tokens(since)).unwrap();
        assert_eq!(tokens["SyncTokens"]["Timestamp"], "2026-11-25T03:29:09Z");
        assert_eq!(nothing_declared::tokens(since), nothing_declared::tokens(since));
        let items: Json = serde_json::from_slice(&nothing_declared::declaration_items()).unwrap();
        assert_eq!(items["DeclarationsToken"], tokens["SyncTokens"]["DeclarationsToken"]);
        for kind in DeclarationKind::ALL {
            assert_eq!(items["Declarations"][kind.plural()], json!([]));
        }
    }

    #[test]
    fn a_status_report_is_read_partially() {
        let data = br#"{"StatusItems":{"device":{"operating-system":{"version":"26.1"}}},"New":1,
            "Errors":[{"StatusItem":"softwareupdate.beta-enrollment","Reasons":[{"Code":"Error.X"},7]},"odd"]}"#;
        let report = StatusReport::parse(data).unwrap();
        assert_eq!(report.item("device.operating-system.version"), Some(&json!("26.1")));
        assert_eq!(report.item("device.model.family"), None);
        assert_eq!(report.errors, [StatusError { item: "softwareupdate.beta-enrollment".into(), codes: vec!["Error.X".into()] }]);
        assert!(!report.is_full);
        assert!(StatusReport::parse(b"{\"FullReport\":true}").unwrap().is_full);
        assert!(matches!(StatusReport::parse(b"[]"), Err(BadStatusReport::NotAnObject)));
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(matches!(StatusReport::parse(deep.as_bytes()), Err(BadStatusReport::Json(_))));
    }

    #[test]
    fn captured_status_reports_are_read() {
        let Some(shared) = crate::shared_for_tests() else { return };
        let mut read = 0;
        for entry in std::fs::read_dir(shared.join("captures/declarative")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let data = std::fs::read(&path).unwrap();
            let report = StatusReport::parse(&data).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(!report.items.is_empty() || !report.errors.is_empty(), "{}", path.display());
            read += 1;
            mutations(&data).for_each(|damaged| drop(StatusReport::parse(&damaged)));
        }
        assert!(read > 0);
    }
}
