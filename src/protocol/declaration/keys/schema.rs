//! The table of types and keys, held against the declarations of Apple's published schema.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml_ng::Value as Yaml;

use super::super::types::{all, find};
use super::{Key, KeyType};
use crate::protocol::os_version::OsVersion;
use crate::protocol::platform::Platform;

const FOLDER: &str = "apple-schema-27-declarations/declarative/declarations";

const SYSTEMS: [(&str, Platform); 4] =
    [("iOS", Platform::Ios), ("macOS", Platform::Macos), ("tvOS", Platform::Tvos), ("visionOS", Platform::Visionos)];

/// The keys of a bookmark in a folder.
const FOLDER_IN_FOLDER: &str = "subkeys: [{key: Title, type: <string>, presence: required}, {key: URL, type: <string>, presence: optional}, \
    {key: Folder, type: <array>, presence: optional}]";

/// What a key is, in the words of the schema.
#[derive(Debug, PartialEq)]
struct Rule {
    kind: &'static str,
    required: bool,
    values: BTreeSet<String>,
    range: (Option<f64>, Option<f64>),
}

fn word(yaml: &Yaml) -> String {
    match yaml {
        Yaml::String(text) => text.clone(),
        Yaml::Number(number) => number.to_string(),
        Yaml::Bool(truth) => truth.to_string(),
        _ => String::new(),
    }
}

fn theirs(keys: &Yaml, at: &str, is_item: bool, found: &mut BTreeMap<String, Rule>) {
    for key in keys.as_sequence().into_iter().flatten() {
        let name = if is_item { "*" } else { key["key"].as_str().unwrap() };
        let path = if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
        let kind = match key["type"].as_str().unwrap_or_default() {
            "<string>" | "<data>" | "<date>" => "string",
            "<integer>" => "integer",
            "<real>" => "real",
            "<boolean>" => "boolean",
            "<array>" => "array",
            "<dictionary>" => "dictionary",
            _ => "any",
        };
        let values = key["rangelist"].as_sequence().into_iter().flatten().map(word).collect();
        let range = (key["range"]["min"].as_f64(), key["range"]["max"].as_f64());
        // An item is there or not; what is required is that of its list.
        let required = !is_item && key["presence"] == "required";
        found.insert(path.clone(), Rule { kind, required, values, range });
        theirs(&key["subkeys"], &path, kind == "array", found);
    }
}

fn ours(keys: &[Key], at: &str, found: &mut BTreeMap<String, Rule>) {
    for key in keys {
        let path = if at.is_empty() { key.name.to_owned() } else { format!("{at}.{}", key.name) };
        let kind = match key.kind {
            KeyType::String => "string",
            KeyType::Integer => "integer",
            KeyType::Real => "real",
            KeyType::Boolean => "boolean",
            KeyType::Array => "array",
            KeyType::Dictionary => "dictionary",
            KeyType::Any => "any",
        };
        let values = key.values.iter().map(ToString::to_string).collect();
        found.insert(path.clone(), Rule { kind, required: key.required && key.name != "*", values, range: key.range });
        ours(&key.keys, &path, found);
    }
}

#[test]
fn every_type_and_key_of_apples_schema_is_in_the_table_as_apple_describes_it() {
    let Some(shared) = crate::shared_for_tests() else { return };
    let (mut faults, mut seen) = (Vec::new(), BTreeSet::new());
    for kind in ["activations", "assets", "configurations", "management"] {
        for entry in std::fs::read_dir(shared.join(FOLDER).join(kind)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            // A folder of bookmarks holds folders of bookmarks; the table knows two levels of them.
            let text = if path.ends_with("safari.bookmarks.yaml") { text.replace("subkeys: *id001", FOLDER_IN_FOLDER) } else { text };
            let schema: Yaml = serde_yaml_ng::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let name = schema["payload"]["declarationtype"].as_str().unwrap();
            let Some(known) = find(name) else {
                faults.push(t!("{name} is not in the table", name));
                continue;
            };
            seen.insert(known.name);
            for (system, platform) in SYSTEMS {
                let introduced = schema["payload"]["supportedOS"][system]["introduced"].as_str().filter(|since| *since != "n/a");
                let since = known.since().iter().find(|(has, _)| *has == platform).map(|(_, since)| *since);
                if introduced.map(OsVersion::parse) != since {
                    faults.push(t!(
                        "{name}: {system} {introduced}, here {since}",
                        name,
                        system,
                        introduced = format!("{introduced:?}"),
                        since = format!("{since:?}")
                    ));
                }
            }
            let Some(keys) = &known.keys else { continue };
            let (mut wanted, mut here) = (BTreeMap::new(), BTreeMap::new());
            theirs(&schema["payloadkeys"], "", false, &mut wanted);
            ours(keys, "", &mut here);
            for path in wanted.keys().chain(here.keys()).collect::<BTreeSet<_>>() {
                if wanted.get(path) != here.get(path) {
                    faults.push(t!(
                        "{name}: {path}: {found}, here {found_2}",
                        name,
                        path,
                        found = format!("{:?}", wanted.get(path)),
                        found_2 = format!("{:?}", here.get(path))
                    ));
                }
            }
        }
    }
    let missing: Vec<_> = all().into_iter().map(|known| known.name).filter(|name| !seen.contains(name)).collect();
    assert!(faults.is_empty(), "{}\nnot in the schema: {missing:?}", faults.join("\n"));
    assert!(seen.len() > 50, "{}", seen.len());
}
