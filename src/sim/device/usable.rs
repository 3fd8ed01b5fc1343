//! What the person at the device can use under its profiles: which apps show, which one it is kept in, and which sites open.

use serde_json::Value as Json;

use super::Device;
use crate::protocol::plist::{Dictionary, fields};

/// The payload that keeps a device in one app.
pub(crate) const APP_LOCK: &str = "com.apple.app.lock";

/// The payload that filters what browsers show.
const FILTER: &str = "com.apple.webcontent-filter";

/// Apps that no list hides: Settings, and Phone.
const ALWAYS: [&str; 2] = ["com.apple.Preferences", "com.apple.mobilephone"];

impl Device {
    /// The app that the device is kept in, if it is.
    pub fn locked_into(&self) -> Option<String> {
        let mut locks = self.effective_payloads(APP_LOCK);
        locks.find_map(|keys| fields::dictionary(keys, "App").and_then(|app| fields::filled(app, "Identifier")))
    }

    /// Whether the person sees an app and can open it.
    pub fn shows_app(&self, bundle_id: &str) -> bool {
        if let Some(only) = self.locked_into() {
            return only == bundle_id;
        }
        let names = |key: &str| match self.restriction(key) {
            Some(Json::Array(items)) => Some(items.iter().any(|item| item.as_str() == Some(bundle_id))),
            _ => None,
        };
        let is_allowed = ["allowListedAppBundleIDs", "whitelistedAppBundleIDs"].into_iter().filter_map(names).all(|named| named);
        let is_blocked = ["blockedAppBundleIDs", "blacklistedAppBundleIDs"].into_iter().filter_map(names).any(|named| named);
        ALWAYS.contains(&bundle_id) || (is_allowed && !is_blocked)
    }

    /// Whether a browser on it opens an address.
    pub fn opens_site(&self, url: &str) -> bool {
        let is_on = |keys: &Dictionary| {
            let mut bookmarks = ["AllowListBookmarks", "WhitelistedBookmarks"].into_iter().filter(|key| keys.contains_key(key)).peekable();
            // Without a list it allows what nothing else forbids.
            bookmarks.peek().is_none()
                || bookmarks
                    .flat_map(|key| fields::dictionaries(keys, key))
                    .any(|bookmark| fields::text(bookmark, "URL").is_some_and(|allowed| url.starts_with(allowed)))
        };
        self.effective_payloads(FILTER).all(is_on)
    }
}
