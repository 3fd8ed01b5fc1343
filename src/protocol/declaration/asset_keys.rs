//! Which assets the keys of configurations take: by type, and where Apple says so by the media type of their data.

use std::sync::LazyLock;

use serde_json::{Map, Value as Json};

use super::types::PREFIX;

/// A key of a configuration that names assets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetKey {
    configuration: &'static str,
    path: Vec<&'static str>,
    /// The types of assets that it takes, without `com.apple.asset.`.
    pub types: Vec<&'static str>,
    /// The media types that their data may have; none where any will do.
    pub content_types: Vec<&'static str>,
}

static TABLE: LazyLock<Vec<AssetKey>> = LazyLock::new(|| include_str!("asset_keys.txt").lines().filter_map(read).collect());

fn read(line: &'static str) -> Option<AssetKey> {
    let mut parts = line.split(" |");
    let (configuration, path) = parts.next().filter(|left| !left.starts_with('#'))?.split_once(' ')?;
    let mut words = || parts.next().unwrap_or_default().split_whitespace().collect();
    Some(AssetKey { configuration, path: path.split('.').collect(), types: words(), content_types: words() })
}

impl AssetKey {
    /// Whether it takes assets of a type, `com.apple.asset.data`.
    pub fn takes(&self, declaration_type: &str) -> bool {
        let name = declaration_type.strip_prefix(PREFIX).and_then(|name| name.strip_prefix("asset."));
        name.is_some_and(|name| self.types.contains(&name))
    }

    /// The types of assets that it takes, for people.
    pub fn types_in_words(&self) -> String {
        self.types.iter().map(|name| format!("{PREFIX}asset.{name}")).collect::<Vec<_>>().join(t!(" or "))
    }

    /// Whether it takes data of a media type.
    pub fn takes_data(&self, content_type: &str) -> bool {
        self.content_types.is_empty() || self.content_types.iter().any(|known| known.eq_ignore_ascii_case(content_type))
    }

    fn is_at(&self, path: &[&str]) -> bool {
        self.path.len() == path.len() && self.path.iter().zip(path).all(|(known, key)| *known == "ANY" || known == key)
    }
}

/// An asset that a configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedAsset {
    /// Its Identifier.
    pub identifier: String,
    /// The key that names it, with those around it: `AppConfig.DataAssetReference`.
    pub path: String,
    /// What the key takes.
    pub key: &'static AssetKey,
}

/// The assets that the payload of a configuration names by keys of which Apple says what they take.
pub fn named(declaration_type: &str, payload: &Map<String, Json>) -> Vec<NamedAsset> {
    let Some(name) = declaration_type.strip_prefix(PREFIX).and_then(|name| name.strip_prefix("configuration.")) else { return Vec::new() };
    let keys: Vec<&'static AssetKey> = TABLE.iter().filter(|key| key.configuration == name).collect();
    let mut found = Vec::new();
    if !keys.is_empty() {
        let mut path = Vec::new();
        payload.iter().for_each(|(key, value)| walk(key, value, &keys, &mut path, &mut found));
    }
    found
}

fn walk<'a>(key: &'a str, value: &'a Json, keys: &[&'static AssetKey], path: &mut Vec<&'a str>, found: &mut Vec<NamedAsset>) {
    path.push(key);
    let known = keys.iter().copied().find(|known| known.is_at(path));
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        match (value, known) {
            (Json::String(identifier), Some(key)) => {
                found.push(NamedAsset { identifier: identifier.clone(), path: path.join("."), key });
            }
            (Json::Array(items), _) => left.extend(items.iter().rev()),
            (Json::Object(object), _) => object.iter().for_each(|(key, value)| walk(key, value, keys, path, found)),
            _ => {}
        }
    }
    path.pop();
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use serde_yaml_ng::Value as Yaml;

    use super::*;

    #[test]
    fn assets_are_found_with_what_their_key_takes_wherever_they_stand() {
        let of = |name: &str, payload: Json| named(&format!("com.apple.configuration.{name}"), payload.as_object().unwrap());
        let files = of("services.configuration-files", json!({ "ServiceType": "com.apple.sudo", "DataAssetReference": "files" }));
        assert_eq!((files.len(), files[0].identifier.as_str(), files[0].path.as_str()), (1, "files", "DataAssetReference"));
        let key = files[0].key;
        assert!(key.takes("com.apple.asset.data") && !key.takes("com.apple.asset.credential.certificate") && !key.takes("data"));
        assert!(key.takes_data("Application/ZIP") && !key.takes_data("text/plain"));
        let app = json!({ "AppConfig": { "Passwords": [{ "Identifier": "x", "AssetReference": "one" }, { "AssetReference": "two" }] },
            "ExtensionConfigs": { "com.example.ext": { "DataAssetReference": "three" } } });
        let named: Vec<_> = of("app.managed", app).into_iter().map(|one| (one.identifier, one.path)).collect();
        let wanted = [
            ("one", "AppConfig.Passwords.AssetReference"),
            ("two", "AppConfig.Passwords.AssetReference"),
            ("three", "ExtensionConfigs.com.example.ext.DataAssetReference"),
        ];
        assert_eq!(named, wanted.map(|(one, path)| (one.to_owned(), path.to_owned())));
        assert_eq!(of("watch.enrollment", json!({ "AnchorCertificateAssetReferences": ["a", "b"] })).len(), 2);
        assert!(of("toaster", json!({ "DataAssetReference": "x" })).is_empty());
    }

    #[test]
    fn the_table_is_that_of_apples_schema() {
        fn keys(of: &Yaml, path: &[String], in_list: bool, found: &mut Vec<(String, Vec<String>, Vec<String>)>, depth: usize) {
            let words = |key: &Yaml, name: &str| -> Vec<String> {
                key[name].as_sequence().into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
            };
            for key in of.as_sequence().into_iter().flatten().filter(|_| depth < 9) {
                let mut path = path.to_vec();
                if !in_list {
                    path.push(key["key"].as_str().unwrap().to_owned());
                }
                let mut types = words(key, "assettypes");
                if !types.is_empty() {
                    types.sort();
                    found.push((path.join("."), types, words(key, "asset-content-types")));
                }
                keys(&key["subkeys"], &path, key["type"].as_str() == Some("<array>"), found, depth + 1);
            }
        }
        let Some(shared) = crate::shared_for_tests() else { return };
        let folder = shared.join("apple-schema-27-declarations/declarative/declarations/configurations");
        let mut seen = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".yaml")) else { continue };
            let text = std::fs::read_to_string(&path).unwrap();
            // Keys that hold themselves are more than the reader takes; none of those names an asset.
            let Ok(schema) = serde_yaml_ng::from_str::<Yaml>(&text) else {
                assert!(!text.contains("assettypes") && TABLE.iter().all(|key| key.configuration != name), "{name}");
                continue;
            };
            let mut theirs = Vec::new();
            keys(&schema["payloadkeys"], &[], false, &mut theirs, 0);
            let ours: Vec<_> = TABLE.iter().filter(|key| key.configuration == name).collect();
            let full = |key: &AssetKey| key.types.iter().map(|name| format!("com.apple.asset.{name}")).collect::<Vec<_>>();
            let ours: Vec<_> = ours
                .iter()
                .map(|key| (key.path.join("."), full(key), key.content_types.iter().map(|word| (*word).to_owned()).collect()))
                .collect();
            assert_eq!(ours, theirs, "{name}");
            seen += ours.len();
        }
        assert_eq!(seen, TABLE.len(), "no line is of a configuration that is not there");
    }
}
