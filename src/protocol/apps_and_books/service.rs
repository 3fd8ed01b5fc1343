//! What the service says of itself: addresses and limits. They are learned, and only stood in for where they are not said.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How much one request may carry, and how many there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Apps in one assignment.
    pub max_assets: u32,
    /// People in one call about users.
    pub max_users: u32,
    /// People in one assignment.
    pub max_client_user_ids: u32,
    /// Devices in one assignment.
    pub max_serial_numbers: u32,
    /// Requests in a second, of all who use the token.
    pub max_request_per_second: u32,
    /// Characters of our id.
    pub max_mdm_id_length: u32,
    /// Characters of our name.
    pub max_mdm_name_length: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_assets: 25,
            max_users: 100,
            max_client_user_ids: 1000,
            max_serial_numbers: 1000,
            max_request_per_second: 15,
            max_mdm_id_length: 100,
            max_mdm_name_length: 100,
        }
    }
}

/// Addresses of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Urls {
    /// Who owns the token.
    pub client_config: String,
    /// What is owned.
    pub get_assets: String,
    /// Who has what.
    pub get_assignments: String,
    /// Assigns.
    pub associate_assets: String,
    /// Takes back.
    pub disassociate_assets: String,
    /// Takes everything back.
    pub revoke_assets: String,
    /// How far an event is.
    pub event_status: String,
    /// Who is known.
    pub get_users: String,
    /// Makes users.
    pub create_users: String,
    /// Changes users.
    pub update_users: String,
    /// Retires users.
    pub retire_users: String,
    /// Where a person accepts an invitation; holds `%25inviteCode%25`.
    pub invitation_email: String,
    /// Names, icons and versions.
    pub content_metadata_lookup: String,
}

/// Everything that the service says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Service {
    /// How much is allowed.
    pub limits: Limits,
    /// Where what is.
    pub urls: Urls,
}

/// What stands for the code in the address of an invitation.
const INVITE_CODE: &str = "%25inviteCode%25";

impl Urls {
    /// Those of a service that says nothing of them, below `base`.
    fn below(base: &str) -> Self {
        let at = |path: &str| format!("{base}/mdm/v2{path}");
        Self {
            client_config: at("/client/config"),
            get_assets: at("/assets"),
            get_assignments: at("/assignments"),
            associate_assets: at("/assets/associate"),
            disassociate_assets: at("/assets/disassociate"),
            revoke_assets: at("/assets/revoke"),
            event_status: at("/status"),
            get_users: at("/users"),
            create_users: at("/users/create"),
            update_users: at("/users/update"),
            retire_users: at("/users/retire"),
            invitation_email: String::new(),
            content_metadata_lookup: String::new(),
        }
    }

    /// Where a person accepts the invitation with this code; nothing where the service does not say.
    pub fn invitation(&self, code: &str) -> Option<String> {
        (self.invitation_email.contains(INVITE_CODE)).then(|| self.invitation_email.replace(INVITE_CODE, code))
    }
}

impl Default for Urls {
    fn default() -> Self {
        Self::below(super::SERVICE)
    }
}

impl Service {
    /// Reads what the service at `base` says. A limit of nothing is none that anybody can work with: the usual one stands in.
    pub fn read(body: &Value, base: &str) -> Self {
        let usual = Urls::below(base);
        let mut urls = serde_json::to_value(&usual).unwrap_or_default();
        if let (Some(urls), Some(said)) = (urls.as_object_mut(), body["urls"].as_object()) {
            for (name, url) in said.iter().filter(|(_, url)| url.as_str().is_some_and(|url| url.starts_with("https://"))) {
                if let Some(known) = urls.get_mut(name) {
                    known.clone_from(url);
                }
            }
        }
        let mut limits = serde_json::to_value(Limits::default()).unwrap_or_default();
        if let (Some(limits), Some(said)) = (limits.as_object_mut(), body["limits"].as_object()) {
            for (name, limit) in
                said.iter().filter_map(|(name, limit)| Some((name, super::answer::number_of(limit).filter(|limit| *limit > 0)?)))
            {
                if let Some(known) = limits.get_mut(name) {
                    *known = limit.into();
                }
            }
        }
        Self { limits: serde_json::from_value(limits).unwrap_or_default(), urls: serde_json::from_value(urls).unwrap_or(usual) }
    }

    /// What was kept of it as JSON.
    pub fn from_json(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// As JSON, to be kept.
    pub fn to_json(&self) -> String {
        // A structure of numbers and strings is always JSON.
        serde_json::to_string(self).unwrap_or_default()
    }
}
