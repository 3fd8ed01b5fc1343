//! What assets point to: which media types their data may have, and the keys of credentials.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::types::PREFIX;
use crate::pki::certificate::Certificate;

/// Characters of a media type; longer ones are nobody's.
pub const CONTENT_TYPE_MAX: usize = 127;

/// A type of assets whose data is fetched.
#[derive(Debug)]
pub struct AssetType {
    /// Its name without [`PREFIX`].
    pub name: &'static str,
    /// The media types that its data may have; none where any will do.
    pub content_types: &'static [&'static str],
    /// Keys of its data, where that is a credential in JSON.
    pub keys: &'static [CredentialKey],
}

/// A key of a credential.
#[derive(Debug)]
pub struct CredentialKey {
    /// Its name.
    pub name: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// `string`, `integer`, `boolean`, `array`, `dictionary`, or `data` for base64.
    pub kind: &'static str,
}

const fn key(name: &'static str, required: bool, kind: &'static str) -> CredentialKey {
    CredentialKey { name, required, kind }
}

const JSON: &[&str] = &["application/json"];

/// The types whose data is fetched (Apple's schema, `declarations/assets` and `assets/credentials`).
pub static ASSET_TYPES: [AssetType; 6] = [
    AssetType { name: "asset.data", content_types: &[], keys: &[] },
    AssetType { name: "asset.credential.certificate", content_types: &["application/pkcs1", "application/pem"], keys: &[] },
    AssetType {
        name: "asset.credential.userpassword",
        content_types: JSON,
        keys: &[key("UserName", true, "string"), key("Password", false, "string")],
    },
    AssetType {
        name: "asset.credential.identity",
        content_types: JSON,
        keys: &[key("Password", true, "string"), key("Identity", true, "data")],
    },
    AssetType {
        name: "asset.credential.scep",
        content_types: JSON,
        keys: &[
            key("URL", true, "string"),
            key("Name", false, "string"),
            key("Subject", false, "array"),
            key("Challenge", false, "string"),
            key("Keysize", false, "integer"),
            key("Key Type", false, "string"),
            key("Key Usage", false, "integer"),
            key("CAFingerprint", false, "data"),
            key("Retries", false, "integer"),
            key("RetryDelay", false, "integer"),
            key("SubjectAltName", false, "dictionary"),
        ],
    },
    AssetType {
        name: "asset.credential.acme",
        content_types: JSON,
        keys: &[
            key("DirectoryURL", true, "string"),
            key("ClientIdentifier", true, "string"),
            key("KeySize", true, "integer"),
            key("KeyType", true, "string"),
            key("HardwareBound", true, "boolean"),
            key("Subject", true, "array"),
            key("SubjectAltName", false, "dictionary"),
            key("UsageFlags", false, "integer"),
            key("ExtendedKeyUsage", false, "array"),
            key("Attest", false, "boolean"),
        ],
    },
];

/// The type of this name (`com.apple.asset.data`), if its data is fetched.
pub fn find(declaration_type: &str) -> Option<&'static AssetType> {
    let name = declaration_type.strip_prefix(PREFIX)?;
    ASSET_TYPES.iter().find(|known| known.name == name)
}

impl AssetType {
    /// The media type that data is served under: what was said of it, or what the type wants.
    ///
    /// # Errors
    /// In words, when the type does not take what was said.
    pub fn content_type(&self, said: &str, bytes: &[u8]) -> Result<String, String> {
        let said = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_vague = matches!(said.as_str(), "" | "application/octet-stream");
        match self.content_types {
            [] if said.is_empty() => Ok(String::from("application/octet-stream")),
            [] if is_media_type(&said) => Ok(said),
            [] => Err(t!("“{said}” is no media type; write one as application/json or text/plain", said)),
            [only] if is_vague || said == *only => Ok((*only).to_owned()),
            // What certificates come as says how they are written, and browsers do not know.
            [der, pem] if is_vague || !self.content_types.contains(&said.as_str()) && said.contains("x509") => {
                Ok(if bytes.starts_with(b"-----BEGIN") { *pem } else { *der }.to_owned())
            }
            known if known.contains(&said.as_str()) => Ok(said),
            known => Err(t!("must be {list} for {PREFIX}{name}", list = known.join(t!(" or ")), PREFIX, name = self.name)),
        }
    }

    /// What is wrong with data of this type, in words.
    pub fn fault(&self, content_type: &str, bytes: &[u8]) -> Option<String> {
        if bytes.is_empty() {
            return Some(String::from(t!("is empty; choose the file that devices are to have")));
        }
        if self.name == "asset.credential.certificate" {
            let read = if content_type == "application/pem" { Certificate::from_pem(bytes) } else { Certificate::from_der(bytes) };
            return read.err().map(|_| t!("is no certificate written as {content_type}", content_type));
        }
        if self.keys.is_empty() {
            return None;
        }
        let Ok(Json::Object(object)) = serde_json::from_slice::<Json>(bytes) else {
            return Some(t!("must be a JSON object with {required}", required = self.required()));
        };
        self.keys.iter().find_map(|key| match object.get(key.name) {
            None if key.required => Some(t!("has no {name}; it needs {required}", name = key.name, required = self.required())),
            Some(value) if !is_of(key.kind, value) => {
                Some(t!("has a {name} that is no {kind}", name = key.name, kind = kind_in_words(key.kind)))
            }
            _ => None,
        })
    }

    fn required(&self) -> String {
        self.keys.iter().filter(|key| key.required).map(|key| key.name).collect::<Vec<_>>().join(", ")
    }
}

fn is_of(kind: &str, value: &Json) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "dictionary" => value.is_object(),
        _ => value.as_str().is_some_and(|text| STANDARD.decode(text.split_whitespace().collect::<String>()).is_ok()),
    }
}

fn kind_in_words(kind: &str) -> &'static str {
    match kind {
        "string" => t!("text"),
        "integer" => t!("whole number"),
        "boolean" => t!("true or false"),
        "array" => t!("list"),
        "dictionary" => t!("object"),
        _ => "base64",
    }
}

/// Whether it is written as a media type: RFC 9110, section 8.3.1, without parameters.
fn is_media_type(text: &str) -> bool {
    let is_token =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    text.len() <= CONTENT_TYPE_MAX && text.split_once('/').is_some_and(|(kind, rest)| is_token(kind) && is_token(rest))
}

#[cfg(test)]
mod tests {
    use serde_yaml_ng::Value as Yaml;

    use super::*;

    fn of(name: &str) -> &'static AssetType {
        find(&format!("com.apple.asset.{name}")).unwrap()
    }

    #[test]
    fn data_is_served_as_what_it_is_said_to_be_where_the_type_takes_that() {
        let data = of("data");
        assert_eq!(data.content_type("", b"x").unwrap(), "application/octet-stream");
        assert_eq!(data.content_type("Text/Plain; charset=utf-8", b"x").unwrap(), "text/plain");
        for wrong in ["text", "text/", "/plain", "te xt/plain", "a/b/c", &format!("text/{}", "x".repeat(CONTENT_TYPE_MAX))] {
            assert!(data.content_type(wrong, b"x").is_err(), "{wrong}");
        }
        let password = of("credential.userpassword");
        assert_eq!(password.content_type("application/octet-stream", b"{}").unwrap(), "application/json");
        assert!(password.content_type("text/plain", b"{}").unwrap_err().contains("application/json"));
        let certificate = of("credential.certificate");
        assert_eq!(certificate.content_type("", b"-----BEGIN CERTIFICATE-----").unwrap(), "application/pem");
        assert_eq!(certificate.content_type("application/x-x509-ca-cert", b"\x30\x82").unwrap(), "application/pkcs1");
        assert!(certificate.content_type("text/html", b"").is_err());
    }

    #[test]
    fn a_credential_that_a_device_could_not_read_is_refused_with_its_key() {
        let fault = |name: &str, bytes: &[u8]| of(name).fault("application/json", bytes);
        assert_eq!(fault("credential.userpassword", br#"{"UserName":"kim","New":1}"#), None);
        assert!(fault("credential.userpassword", br#"{"Password":"x"}"#).unwrap().contains("UserName"));
        assert!(fault("credential.userpassword", b"[]").unwrap().contains("JSON object"));
        assert!(fault("credential.identity", br#"{"Password":"x","Identity":"no base64?"}"#).unwrap().contains("base64"));
        assert!(fault("credential.scep", br#"{"URL":"https://scep.example.school","Keysize":"2048"}"#).unwrap().contains("Keysize"));
        assert!(fault("credential.certificate", b"x").unwrap().contains("no certificate"));
        assert!(of("data").fault("text/plain", b"").unwrap().contains("empty"));
        assert_eq!(of("data").fault("text/plain", b"x"), None);
    }

    #[test]
    fn types_and_keys_are_those_of_apples_schema() {
        let Some(shared) = crate::shared_for_tests() else { return };
        let folder = shared.join("apple-schema-27-declarations/declarative/declarations/assets");
        let read = |name: &str| -> Yaml { serde_yaml_ng::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap() };
        for known in &ASSET_TYPES {
            let schema = read(&format!("{}.yaml", known.name.trim_start_matches("asset.")));
            let reference = schema["payloadkeys"].as_sequence().unwrap().iter().find(|key| key["key"] == "Reference").unwrap();
            let types: Vec<_> = reference["asset-content-types"].as_sequence().into_iter().flatten().filter_map(Yaml::as_str).collect();
            assert_eq!(types, known.content_types, "{}", known.name);
            let Some(credential) = known.name.strip_prefix("asset.credential.").filter(|_| !known.keys.is_empty()) else { continue };
            let credential = if credential == "userpassword" { "usernameandpassword" } else { credential };
            let schema = read(&format!("credentials/{credential}.yaml"));
            let text = |key: &Yaml, name: &str| key[name].as_str().unwrap_or_default().to_owned();
            let theirs: Vec<_> = schema["payloadkeys"].as_sequence().unwrap().iter().collect();
            let theirs: Vec<_> = theirs
                .iter()
                .map(|key| (text(key, "key"), text(key, "presence") == "required", text(key, "type").replace(['<', '>'], "")))
                .collect();
            let ours: Vec<_> = known.keys.iter().map(|key| (key.name.to_owned(), key.required, key.kind.to_owned())).collect();
            assert_eq!(ours, theirs, "{}", known.name);
        }
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".yaml")) else { continue };
            let schema = read(&format!("{name}.yaml"));
            let has_reference = schema["payloadkeys"].as_sequence().unwrap().iter().any(|key| key["key"] == "Reference");
            assert_eq!(find(&format!("com.apple.asset.{name}")).is_some(), has_reference, "{name}");
        }
    }
}
