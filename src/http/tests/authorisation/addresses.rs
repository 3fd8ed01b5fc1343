//! The addresses that the sources name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex_lite::Regex;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// Every address that the sources name by `.route(…)`, with its methods.
pub(super) fn routes() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    let mut paths = Vec::new();
    files(&root, &mut paths);
    let texts: BTreeMap<String, String> = paths
        .iter()
        .map(|path| (path.strip_prefix(&root).unwrap().display().to_string(), std::fs::read_to_string(path).unwrap()))
        .collect();
    let route = Regex::new(r#"\.route\(\s*("([^"]*)"|[A-Za-z_:]+),"#).unwrap();
    let method = Regex::new(r"\b(get|post|put|patch|delete|any)\(").unwrap();
    let mut found = BTreeSet::new();
    for (file, text) in &texts {
        let named = text.matches(".route(").count();
        assert_eq!(
            route.captures_iter(text).count(),
            named,
            "{file}: an address that is put together cannot be looked at here; write it out"
        );
        for at in route.captures_iter(text) {
            let path = at.get(2).map_or_else(|| constant(&texts, text, &at[1]), |path| path.as_str().to_owned());
            let rest = &text[at.get(0).unwrap().end()..];
            for method in method.captures_iter(&rest[..end_of_call(rest)]) {
                let methods = if &method[1] == "any" { vec!["GET", "PUT", "POST"] } else { vec![&method[1]] };
                found.extend(methods.into_iter().map(|method| format!("{} {path}", method.to_uppercase())));
            }
        }
    }
    found
}

/// The address that a constant stands for, in the file that names it or in the one that it comes from.
fn constant(texts: &BTreeMap<String, String>, text: &str, name: &str) -> String {
    let (module, name) = name.rsplit_once("::").map_or((None, name), |(module, name)| (Some(module), name));
    let defined = Regex::new(&format!(r#"const {name}: &str =\s*"(/[^"]*)";"#)).unwrap();
    let value = |text: &str| defined.captures(text).map(|found| found[1].to_owned());
    let found = match module {
        Some(module) => texts.iter().filter(|(file, _)| file.ends_with(&format!("{module}.rs"))).find_map(|(_, text)| value(text)),
        None => value(text).or_else(|| {
            let used = Regex::new(&format!(r"use crate::([a-z_:]+)(::\{{[^;]*\b{name}\b[^;]*\}}|::{name});")).unwrap();
            let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(used.captures(text)?[1].replace("::", "/"));
            let text = std::fs::read_to_string(place.with_extension("rs")).or_else(|_| std::fs::read_to_string(place.join("mod.rs")));
            value(&text.ok()?)
        }),
    };
    found.unwrap_or_else(|| panic!("what is the address {name}?"))
}

/// Where the bracket closes that was open before `text`.
fn end_of_call(text: &str) -> usize {
    let mut depth = 1;
    for (at, letter) in text.char_indices() {
        depth += match letter {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        if depth == 0 {
            return at;
        }
    }
    text.len()
}
