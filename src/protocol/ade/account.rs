//! What Apple knows of a server of ours: whose it is, and what it may ask for.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::PAGE_MAX;

/// How many lines a list may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Where nothing is said.
    pub default: u32,
    /// At the most.
    pub maximum: u32,
}

/// What Apple says of a server. Whatever is missing is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    /// The server's name in the portal.
    #[serde(deserialize_with = "text")]
    pub server_name: String,
    /// Its id, the same after every renewal of the token.
    #[serde(deserialize_with = "text")]
    pub server_uuid: String,
    /// The account of whoever made it.
    #[serde(deserialize_with = "text")]
    pub admin_id: String,
    /// The same, as it was called before.
    #[serde(deserialize_with = "text")]
    pub facilitator_id: String,
    /// The organisation.
    #[serde(deserialize_with = "text")]
    pub org_name: String,
    /// Its address for mail.
    #[serde(deserialize_with = "text")]
    pub org_email: String,
    /// Its phone.
    #[serde(deserialize_with = "text")]
    pub org_phone: String,
    /// Where it is.
    #[serde(deserialize_with = "text")]
    pub org_address: String,
    /// Its number.
    #[serde(deserialize_with = "text")]
    pub org_id: String,
    /// `edu`, `org` or `tvprovider`.
    #[serde(deserialize_with = "text")]
    pub org_type: String,
    /// `v1` or `v2`.
    #[serde(deserialize_with = "text")]
    pub org_version: String,
    /// What may be asked for, as Apple lists it.
    #[serde(deserialize_with = "list")]
    pub urls: Vec<Value>,
}

/// Text that may be null or a number.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text.chars().filter(|letter| !letter.is_control()).take(300).collect(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    })
}

fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Value>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Array(items) => items.into_iter().take(200).collect(),
        _ => Vec::new(),
    })
}

impl Account {
    /// Reads Apple's answer.
    pub fn read(body: &Value) -> Self {
        Self::deserialize(body).unwrap_or_default()
    }

    /// What was kept of it as JSON.
    pub fn from_json(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }

    /// As JSON, to be kept.
    pub fn to_json(&self) -> String {
        // A structure of JSON is always JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Who made the server in the portal.
    pub fn admin(&self) -> &str {
        if self.admin_id.is_empty() { &self.facilitator_id } else { &self.admin_id }
    }

    /// The portal that the organisation uses.
    pub fn portal(&self) -> &'static str {
        match self.org_type.as_str() {
            "edu" => "school.apple.com",
            "" => t!("school.apple.com or business.apple.com"),
            _ => "business.apple.com",
        }
    }

    /// Whether Apple offers an address to this server.
    pub fn offers(&self, path: &str) -> bool {
        self.urls.iter().any(|url| url["uri"] == path)
    }

    /// How many lines a list at an address may have.
    pub fn limit(&self, path: &str) -> Limit {
        let url = self.urls.iter().find(|url| url["uri"] == path);
        let number = |name: &str| {
            let said = url.and_then(|url| url["limit"][name].as_u64()).filter(|number| *number > 0);
            said.map_or(100, |number| u32::try_from(number).unwrap_or(u32::MAX))
        };
        Limit { default: number("default"), maximum: number("maximum") }
    }

    /// How many lines to ask for at an address.
    pub fn page(&self, path: &str) -> u32 {
        self.limit(path).maximum.min(PAGE_MAX)
    }
}
