//! Names, icons and versions of apps, as the App Store's look-up gives them (contentMetadataLookup).

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Apps in one look-up.
pub const LOOKUP_IDS_MAX: usize = 50;

/// Side of an icon, in pixels.
const ICON_SIDE: &str = "128";

/// Characters of a name and other texts that are kept.
const TEXT_MAX: usize = 300;

/// What the store says of an app.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoreFacts {
    /// Its name.
    pub name: String,
    /// Who made it.
    pub maker: String,
    /// Its bundle identifier.
    pub bundle_id: String,
    /// The version that people see.
    pub version: String,
    /// The version by which devices tell one from another.
    pub external_version_id: Option<u64>,
    /// The oldest system that it runs on.
    pub minimum_os: String,
    /// Platforms in our words: `ios`, `macos`, `tvos`, `visionos`, `watchos`.
    pub platforms: Vec<String>,
    /// Where its icon is.
    pub icon_url: String,
    /// The day of its newest version, as the store writes it.
    pub released: String,
}

/// The query of a look-up of these apps for a location in `country` whose store is called `platform`.
pub fn lookup_query(ids: &[String], country: &str, platform: &str, language: &str) -> Vec<(&'static str, String)> {
    let platform = if platform.is_empty() { "enterprisestore" } else { platform };
    let country = if country.is_empty() { String::from("us") } else { country.to_ascii_lowercase() };
    vec![
        ("version", String::from("2")),
        ("p", String::from("mdm-lockup")),
        ("caller", String::from("MDM")),
        ("platform", platform.to_owned()),
        ("cc", country),
        ("l", language.to_owned()),
        ("id", ids.join(",")),
    ]
}

/// Reads an answer: what the store says of the app `adam_id`; nothing where it does not know it.
pub fn read_lookup(body: &Value, adam_id: &str) -> Option<StoreFacts> {
    let item = body["results"].get(adam_id)?;
    let text = |value: &Value| {
        value.as_str().unwrap_or_default().trim().chars().filter(|letter| !letter.is_control()).take(TEXT_MAX).collect::<String>()
    };
    let version = &item["offers"][0]["version"];
    let id = &version["externalId"];
    let families: Vec<_> = item["deviceFamilies"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut platforms: Vec<String> = Vec::new();
    for family in families {
        let platform = match family {
            "iphone" | "ipad" | "ipod" => "ios",
            "mac" => "macos",
            "tvos" | "appletv" => "tvos",
            "realityDevice" | "vision" => "visionos",
            "watch" => "watchos",
            _ => continue,
        };
        if !platforms.iter().any(|known| known == platform) {
            platforms.push(platform.to_owned());
        }
    }
    let icon = text(&item["artwork"]["url"]).replace("{w}", ICON_SIDE).replace("{h}", ICON_SIDE).replace("{f}", "png").replace("{c}", "bb");
    Some(StoreFacts {
        name: text(&item["name"]),
        maker: text(&item["artistName"]),
        bundle_id: text(&item["bundleId"]),
        version: text(&version["display"]),
        external_version_id: id.as_u64().or_else(|| id.as_str()?.parse().ok()),
        minimum_os: text(&item["minimumOSVersion"]),
        platforms,
        icon_url: if icon.starts_with("https://") { icon } else { String::new() },
        released: text(&item["latestVersionReleaseDate"]),
    })
}
