//! What is asked of the service, and what it answers of events and of who owns a location.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{MdmInfo, number_of};
use super::codes::{Verdict, verdict, words};

/// An app at a price.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetRef {
    /// The App Store's number.
    pub adam_id: String,
    /// Apple's word for the price, `STDQ` or `PLUS`.
    pub pricing_param: String,
}

/// Licences that are to be assigned to somebody, or to be taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Deed {
    /// Of what; up to `maxAssets`.
    pub assets: Vec<AssetRef>,
    /// Devices; up to `maxSerialNumbers`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub serial_numbers: Vec<String>,
    /// People; up to `maxClientUserIds`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub client_user_ids: Vec<String>,
}

/// A person as Apple is told of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UserInput {
    /// Our id of them.
    pub client_user_id: String,
    /// Their address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// Their Managed Apple Account: with it they need no invitation.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub managed_apple_id: String,
}

/// Who owns a location and what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientConfig {
    /// The location.
    pub u_id: String,
    /// Its name.
    pub location_name: String,
    /// The country of its store.
    #[serde(rename = "countryISO2ACode")]
    pub country: String,
    /// The store's name for look-ups.
    pub default_platform: String,
    /// Who manages it.
    pub mdm_info: MdmInfo,
    /// Where it tells what happens.
    pub notification_url: String,
}

impl ClientConfig {
    /// Reads an answer.
    pub fn read(body: &Value) -> Self {
        let mut body = body.clone();
        if let Some(map) = body.as_object_mut() {
            // A field without a value is one that is not there.
            map.retain(|_, value| !value.is_null());
        }
        Self::deserialize(&body).unwrap_or_default()
    }

    /// Says that we manage the location, and where it is to tell what happens, if anywhere: the address and what Apple is to prove itself with.
    pub fn claim(id: &str, name: &str, notify: Option<(&str, &str)>) -> Value {
        let mut claim = json!({ "mdmInfo": { "id": id, "name": name, "metadata": "" } });
        if let Some((url, secret)) = notify {
            claim["notificationUrl"] = url.into();
            claim["notificationAuthToken"] = secret.into();
            claim["notificationTypes"] = json!(["ASSET_MANAGEMENT", "ASSET_COUNT", "USER_MANAGEMENT", "USER_ASSOCIATED"]);
        }
        claim
    }
}

/// What an event's failure is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FailureInfo {
    /// Of these apps; all where none is named.
    pub assets: Vec<AssetRef>,
    /// These people.
    pub client_user_ids: Vec<String>,
    /// These devices.
    pub serial_numbers: Vec<String>,
}

/// Why a part of an event did not come about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Apple's number of it.
    pub number: u32,
    /// What to make of it.
    pub verdict: Verdict,
    /// For people.
    pub words: String,
    /// Whom it is about; everybody where nobody is named.
    pub info: FailureInfo,
}

impl Failure {
    /// Whether it is about this app and holder.
    pub fn is_about(&self, adam_id: &str, serial_number: Option<&str>, client_user_id: Option<&str>) -> bool {
        let FailureInfo { assets, client_user_ids, serial_numbers } = &self.info;
        let of_asset = assets.is_empty() || assets.iter().any(|asset| asset.adam_id == adam_id);
        let of_nobody = client_user_ids.is_empty() && serial_numbers.is_empty();
        let of_device = serial_number.is_some_and(|serial| serial_numbers.iter().any(|named| named.eq_ignore_ascii_case(serial)));
        let of_person = client_user_id.is_some_and(|id| client_user_ids.iter().any(|named| named == id));
        of_asset && (of_nobody || of_device || of_person)
    }
}

/// How far an event is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Not done yet.
    Pending,
    /// Over; what failures name did not come about, all the rest did.
    Over {
        /// Whether Apple calls it a failure as a whole.
        failed: bool,
        /// What did not come about.
        failures: Vec<Failure>,
    },
}

impl Status {
    /// Reads an answer; an unknown word means that it is not over.
    pub fn read(body: &Value) -> Self {
        let failed = match body["eventStatus"].as_str().unwrap_or_default() {
            "COMPLETE" => false,
            "FAILED" => true,
            _ => return Self::Pending,
        };
        let failure = |value: &Value| {
            let number = number_of(&value["errorNumber"]).unwrap_or_default();
            let said = value["errorMessage"].as_str().unwrap_or_default();
            let info = FailureInfo::deserialize(&value["errorInfo"]).unwrap_or_default();
            Failure { number, verdict: verdict(number, 0), words: words(number, said), info }
        };
        let mut failures: Vec<_> = body["failures"].as_array().into_iter().flatten().map(failure).collect();
        if failed && failures.is_empty() {
            failures.push(Failure {
                number: 0,
                verdict: Verdict::Later,
                words: String::from(t!("Apple says that it failed, and not why.")),
                info: FailureInfo::default(),
            });
        }
        Self::Over { failed, failures }
    }
}

/// The query of a page of a list.
pub fn page_query(page: u32, since_version: Option<&str>) -> Vec<(&'static str, String)> {
    let mut query = Vec::new();
    if page > 0 {
        query.push(("pageIndex", page.to_string()));
    }
    if let Some(version) = since_version.filter(|version| !version.is_empty()) {
        query.push(("sinceVersionId", version.to_owned()));
    }
    query
}
