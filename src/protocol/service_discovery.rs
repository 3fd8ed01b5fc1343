//! Account-driven enrollment on the wire: where a device finds its server, how it is asked for a sign-in, and how that gives it a token (enrollment.md §8).

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::platform::Platform;

/// Where a device asks, at the domain of the account.
pub const PATH: &str = "/.well-known/com.apple.remotemanagement";

/// The media type of the answer.
pub const CONTENT_TYPE: &str = "application/json";

/// The parameter that names the account, here and at the sign-in.
pub const USER_IDENTIFIER: &str = "user-identifier";

/// The address that a sign-in ends at: it is the system's own, and hands the token over.
const RESULT: &str = "apple-remotemanagement-user-login://authentication-results?access-token=";

/// Families of devices whose people can enroll them by their account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModelFamily {
    /// From iOS 15.
    Iphone,
    /// From iPadOS 15.
    Ipad,
    /// From macOS 14.
    Mac,
    /// From visionOS 1.1.
    Vision,
}

impl ModelFamily {
    /// Every family.
    pub const ALL: [Self; 4] = [Self::Iphone, Self::Ipad, Self::Mac, Self::Vision];

    /// The word for it here.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Iphone => "iphone",
            Self::Ipad => "ipad",
            Self::Mac => "mac",
            Self::Vision => "vision",
        }
    }

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Iphone => "iPhone",
            Self::Ipad => "iPad",
            Self::Mac => t!("Mac"),
            Self::Vision => t!("Apple Vision Pro"),
        }
    }

    /// Reads `model-family`; none for families that do not enroll so.
    pub fn of_parameter(word: &str) -> Option<Self> {
        match word {
            "iPhone" => Some(Self::Iphone),
            "iPad" => Some(Self::Ipad),
            "Mac" => Some(Self::Mac),
            "RealityDevice" => Some(Self::Vision),
            _ => None,
        }
    }

    /// The family of a ProductName such as `iPad13,18`.
    pub fn of_product(product_name: &str) -> Option<Self> {
        match Platform::of_product(product_name) {
            Platform::Ios if product_name.starts_with("iPad") => Some(Self::Ipad),
            Platform::Ios => Some(Self::Iphone),
            Platform::Macos => Some(Self::Mac),
            Platform::Visionos => Some(Self::Vision),
            Platform::Tvos | Platform::Watchos | Platform::Unknown => None,
        }
    }
}

/// The answer to a device that asks where its server is: one server, which takes it as a person's own or as the organisation's.
pub fn document(is_own_device: bool, base_url: &str) -> Vec<u8> {
    let version = if is_own_device { "mdm-byod" } else { "mdm-adde" };
    json!({ "Servers": [{ "Version": version, "BaseURL": base_url }] }).to_string().into_bytes()
}

/// The answer to a device that finds no server here (iOS 17.5, macOS 14.5, visionOS 1.2; older ones go by the status 403 alone).
pub fn refusal(why: &str) -> Vec<u8> {
    json!({ "code": "com.apple.well-known.failed", "description": why, "message": why }).to_string().into_bytes()
}

/// `WWW-Authenticate`: the device is to open `url` for its person to sign in.
pub fn asks_for_sign_in(url: &str) -> String {
    format!("Bearer method=\"apple-as-web\", url=\"{url}\"")
}

/// `Location`: the sign-in is over, and this is the token.
pub fn result(token: &str) -> String {
    format!("{RESULT}{token}")
}

/// The token of an `Authorization` header.
pub fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    Some(token.trim()).filter(|token| scheme.eq_ignore_ascii_case("bearer") && !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_has_apples_form() {
        let document: serde_json::Value = serde_json::from_slice(&document(true, "https://mdm.example.school/x")).unwrap();
        assert_eq!(document, json!({ "Servers": [{ "Version": "mdm-byod", "BaseURL": "https://mdm.example.school/x" }] }));
        assert!(String::from_utf8(super::document(false, "x")).unwrap().contains("mdm-adde"));
        assert_eq!(
            asks_for_sign_in("https://mdm.example.school/in"),
            r#"Bearer method="apple-as-web", url="https://mdm.example.school/in""#
        );
        assert_eq!(result("t"), "apple-remotemanagement-user-login://authentication-results?access-token=t");
        let refusal: serde_json::Value = serde_json::from_slice(&refusal("no")).unwrap();
        assert_eq!(refusal["code"], "com.apple.well-known.failed");
    }

    #[test]
    fn families_are_told_by_either_name_and_those_that_cannot_are_none() {
        for (parameter, product, family) in [
            ("iPhone", "iPhone14,5", Some(ModelFamily::Iphone)),
            ("iPad", "iPad13,18", Some(ModelFamily::Ipad)),
            ("Mac", "MacBookAir10,1", Some(ModelFamily::Mac)),
            ("RealityDevice", "RealityDevice14,1", Some(ModelFamily::Vision)),
            ("AppleTV", "AppleTV14,1", None),
            ("Watch", "Watch7,1", None),
            ("", "", None),
        ] {
            assert_eq!((ModelFamily::of_parameter(parameter), ModelFamily::of_product(product)), (family, family), "{parameter}");
        }
    }

    #[test]
    fn a_bearer_token_is_read_whatever_the_case_of_its_scheme() {
        assert_eq!((bearer("Bearer abc"), bearer("bearer  abc ")), (Some("abc"), Some("abc")));
        assert_eq!((bearer("Basic abc"), bearer("Bearer"), bearer("Bearer ")), (None, None, None));
    }
}
