//! The house rules, held by a test: it reads `src/` as text and names every line that breaks one.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the sources has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which parts each part may import; a part may always import itself.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("secret", &[]),
    ("clock", &[]),
    ("random", &["clock"]),
    ("language", &["error"]),
    ("metrics", &["error"]),
    ("config", &["error", "secret", "pki"]),
    ("pki", &["error", "language", "secret", "clock", "random"]),
    ("protocol", &["error", "language", "secret", "clock", "pki"]),
    ("store", &["error", "secret", "clock", "random", "metrics", "pki", "protocol"]),
    ("apple", &["error", "language", "secret", "clock", "metrics", "pki", "protocol"]),
    ("mdm", &["error", "language", "secret", "clock", "random", "config", "pki", "protocol", "store"]),
    ("app", &["error", "language", "secret", "clock", "random", "metrics", "config", "pki", "protocol", "store", "apple"]),
    ("http", &["error", "language", "secret", "clock", "random", "metrics", "config", "pki", "protocol", "store", "mdm", "app", "apple"]),
    ("jobs", &["error", "language", "secret", "clock", "random", "metrics", "config", "pki", "protocol", "store", "mdm", "app", "apple"]),
    ("sim", &["error", "secret", "clock", "random", "pki", "protocol"]),
    (
        "cli",
        &[
            "error", "language", "secret", "clock", "random", "metrics", "config", "pki", "protocol", "store", "apple", "mdm", "app",
            "http", "jobs", "sim",
        ],
    ),
];

/// Words that belong to some parts only: the word, the places where it may stand, and why.
const WORDS: &[(&str, &[&str], &str)] = &[
    ("SELECT ", &["store/"], "SQL stands in store/ only"),
    // Dumps of other servers are read, and say it themselves.
    ("INSERT INTO", &["store/", "protocol/moves/sql.rs"], "SQL stands in store/ only"),
    ("rusqlite", &["store/"], "the database is store/'s alone"),
    ("SystemTime::now", &["clock.rs"], "time is injected"),
    ("StatusCode", &["http/", "apple/", "sim/", "cli/"], "a failure becomes a status in the doors"),
    ("async fn", &["http/", "jobs/", "apple/", "sim/", "cli/", "store/", "app.rs"], "rooms and ground never wait"),
    ("tokio::", &["http/", "jobs/", "apple/", "sim/", "cli/", "store/", "app.rs"], "rooms and ground never wait"),
    ("thread::sleep", &[], "nothing sleeps"),
    ("unsafe ", &[], "no unsafe"),
];

/// Longest file that needs no reason.
const MAX_LINES: usize = 400;

/// Files that may be longer, each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];

struct Source {
    path: String,
    part: String,
    text: String,
}

fn sources() -> Vec<Source> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    files.sort();
    files
        .into_iter()
        .filter(|file| !is_test(file))
        .map(|file| {
            let path = file.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            let part = path.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
            Source { part, text: fs::read_to_string(&file).unwrap(), path }
        })
        .collect()
}

/// Tests that outgrew the foot of their file.
fn is_test(file: &Path) -> bool {
    file.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs" | "testing.rs")))
}

/// The lines before the tests at the foot, comments left out.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    text[..end].lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")).map(|(number, line)| (number + 1, line))
}

#[test]
fn parts_import_only_what_their_floor_allows() {
    let allowed: BTreeMap<_, _> = MAY_IMPORT.iter().copied().collect();
    let mut broken = Vec::new();
    for source in sources() {
        let Some(may) = allowed.get(source.part.as_str()) else { continue };
        for (number, line) in code_lines(&source.text) {
            for (at, _) in line.match_indices("crate::") {
                let target: String = line[at + 7..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                let known = allowed.contains_key(target.as_str());
                if known && target != source.part && !may.contains(&target.as_str()) {
                    broken.push(format!("src/{}:{number}: `{}` must not import `{target}`", source.path, source.part));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn words_stand_only_where_they_belong() {
    let mut broken = Vec::new();
    for source in sources() {
        for (word, places, why) in WORDS {
            if places.iter().any(|place| source.path.starts_with(place)) {
                continue;
            }
            for (number, line) in code_lines(&source.text) {
                if line.contains(word) {
                    broken.push(format!("src/{}:{number}: `{word}`: {why}", source.path));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_file_opens_with_one_sentence() {
    let broken: Vec<_> = sources()
        .into_iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| format!("src/{}: the first line says what the file is for, after `//! `", source.path))
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn no_file_grows_past_its_limit() {
    let broken: Vec<_> = sources()
        .into_iter()
        .filter(|source| source.text.lines().count() > MAX_LINES && !LONG_FILES.iter().any(|(path, _)| *path == source.path))
        .map(|source| format!("src/{}: {} lines; make it a folder of the same name", source.path, source.text.lines().count()))
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The names under which the types of a file describe themselves in the published description of the API: of every `derive` of `ToSchema` the name that
/// `schema(as = …)` gives it, else that of the type.
fn schema_names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in text.match_indices("ToSchema") {
        let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
        if !text[line..at].starts_with("#[derive(") {
            continue;
        }
        let mut own = None;
        for line in text[at..].lines().skip(1) {
            if let Some((_, name)) = line.split_once("schema(").and_then(|(_, rest)| rest.split_once("as = ")) {
                own = name.split([',', ')']).next().map(str::to_owned);
            }
            let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
            if let (Some("struct" | "enum"), Some(name)) = (words.next(), words.next()) {
                let name = name.split(['<', '(', ';']).next().unwrap_or_default();
                names.push(own.unwrap_or_else(|| name.to_owned()));
                break;
            }
        }
    }
    names
}

#[test]
fn no_two_types_describe_themselves_by_one_name() {
    let text =
        "#[derive(Debug, ToSchema)]\n#[schema(as = Foo)]\npub(super) struct Bar<T> {\n}\n#[derive(ToSchema)]\n/// Words.\nenum Baz {\n";
    assert_eq!(schema_names(text), ["Foo", "Baz"]);
    let mut places = BTreeMap::<String, Vec<String>>::new();
    for source in sources() {
        for name in schema_names(&source.text) {
            places.entry(name).or_default().push(format!("src/{}", source.path));
        }
    }
    assert!(places.len() > 200, "{}", places.len());
    let broken: Vec<_> =
        places.into_iter().filter(|(_, places)| places.len() > 1).map(|(name, places)| format!("{name}: {}", places.join(", "))).collect();
    assert!(broken.is_empty(), "one overwrites the other in the description; give each a name by schema(as = …): {}", broken.join("\n"));
}
