//! Every text that people read stands in `src/language/rollcall.pot`. `ROLLCALL_WRITE_LANGUAGE=1 cargo test --test language` writes it anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the sources has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use polib::catalog::Catalog;
use polib::message::Message;
use polib::metadata::CatalogMetadata;

const TEMPLATE: &str = "src/language/rollcall.pot";

/// Tables that say what people call a thing, behind a line's bar.
const TABLES: [&str; 2] = ["src/protocol/ade/skip_keys.txt", "src/protocol/mobileconfig/payloads.txt"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The texts that a source marks: what follows `t!(` and `msg!(`.
fn texts(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for mark in ["t!(", "msg!("] {
        for (at, _) in source.match_indices(mark) {
            let begins_a_word = source[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric() && before != '_');
            if let Some(literal) = source[at + mark.len()..].trim_start().strip_prefix('"').filter(|_| begins_a_word) {
                found.push(unescaped(literal));
            }
        }
    }
    found
}

/// What people call the things of a table: what stands behind the bar of each line.
fn called(table: &str) -> impl Iterator<Item = &str> {
    table.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" | ")).map(|(_, words)| words)
}

/// What a string literal says, from behind its first quotation mark.
fn unescaped(literal: &str) -> String {
    let (mut said, mut rest) = (String::new(), literal.chars().peekable());
    while let Some(next) = rest.next() {
        match next {
            '"' => return said,
            '\\' => match rest.next().unwrap() {
                'n' => said.push('\n'),
                't' => said.push('\t'),
                'u' => {
                    let code: String = rest.by_ref().skip(1).take_while(|digit| *digit != '}').collect();
                    said.push(char::from_u32(u32::from_str_radix(&code, 16).unwrap()).unwrap());
                }
                // A line that goes on.
                '\n' => while rest.next_if(|blank| blank.is_whitespace()).is_some() {},
                other => said.push(other),
            },
            other => said.push(other),
        }
    }
    panic!("a literal without an end: {literal}");
}

/// The arguments of a call, from behind its bracket.
fn arguments(text: &str) -> Vec<&str> {
    let (mut found, mut from, mut depth, mut is_text, mut is_escaped) = (Vec::new(), 0, 0_usize, false, false);
    for (at, letter) in text.char_indices() {
        if is_text {
            (is_text, is_escaped) = (is_escaped || letter != '"', !is_escaped && letter == '\\');
            continue;
        }
        match letter {
            '"' => is_text = true,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => {
                found.push(text[from..at].trim());
                break;
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    // What ends in a comma has no argument behind it.
    found.retain(|argument| !argument.is_empty());
    found
}

/// Nouns that are counted: the texts for one and for many that stand side by side where something is counted.
fn pairs(source: &str) -> Vec<(String, String)> {
    let noun = |argument: &str| argument.strip_prefix("t!(\"").filter(|_| argument.ends_with("\")")).map(unescaped);
    let mut found = Vec::new();
    for mark in ["count(", "counted(", "noun: ("] {
        for (at, _) in source.match_indices(mark) {
            if let [.., one, many] = arguments(&source[at + mark.len()..]).as_slice() {
                found.extend(noun(one).zip(noun(many)));
            }
        }
    }
    found
}

/// All sources that say something, by their names.
fn said() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    files.retain(|file| !file.to_string_lossy().contains("tests") && !file.ends_with("src/language/mod.rs"));
    let name = |file: &Path| file.strip_prefix(root).unwrap().to_string_lossy().into_owned();
    files.iter().map(|file| (name(file), fs::read_to_string(file).unwrap())).collect()
}

/// All texts, each with the one for many where it is a noun that is counted. A text for many that is said nowhere else is none by itself.
fn marked() -> BTreeMap<String, Option<String>> {
    let sources = said();
    let (mut nouns, mut counted, mut uses) = (BTreeMap::new(), BTreeMap::<_, usize>::new(), BTreeMap::<_, usize>::new());
    for source in sources.values() {
        for pair in pairs(source) {
            // A file has room for one text for many beside each for one.
            let many: &mut String = nouns.entry(pair.0).or_insert_with(|| pair.1.clone());
            if *many == pair.1 {
                *counted.entry(pair.1).or_default() += 1;
            }
        }
        for text in texts(source) {
            *uses.entry(text).or_default() += 1;
        }
    }
    for table in TABLES {
        let table = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(table)).unwrap();
        for words in called(&table) {
            *uses.entry(words.to_owned()).or_default() += 1;
        }
    }
    let is_own = |text: &String, uses: usize| nouns.contains_key(text) || counted.get(text).is_none_or(|counted| uses > *counted);
    uses.iter().filter(|(text, uses)| is_own(text, **uses)).map(|(text, _)| (text.clone(), nouns.get(text).cloned())).collect()
}

#[test]
fn every_text_stands_in_the_file_to_translate() {
    let mut catalog = Catalog::new(CatalogMetadata {
        project_id_version: "Rollcall".into(),
        mime_version: "1.0".into(),
        content_type: "text/plain; charset=UTF-8".into(),
        content_transfer_encoding: "8bit".into(),
        ..CatalogMetadata::default()
    });
    (catalog.metadata.plural_rules.nplurals, catalog.metadata.plural_rules.expr) = (2, String::from("n != 1"));
    for (text, many) in marked() {
        assert!(!text.is_empty(), "an empty text is marked");
        let message = match many {
            Some(many) => {
                Message::build_plural().with_msgid(text).with_msgid_plural(many).with_msgstr_plural(vec![String::new(); 2]).done()
            }
            None => Message::build_singular().with_msgid(text).done(),
        };
        catalog.append_or_update(message);
    }
    assert!(catalog.count() > 3000, "{} texts", catalog.count());
    let mut written = BufWriter::new(Vec::new());
    polib::po_file::write(&catalog, &mut written).unwrap();
    let written = String::from_utf8(written.into_inner().unwrap()).unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(TEMPLATE);
    if std::env::var_os("ROLLCALL_WRITE_LANGUAGE").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &written).unwrap();
    }
    let stands = fs::read_to_string(&file).unwrap_or_default();
    assert!(stands == written, "{TEMPLATE} is not what the sources say: ROLLCALL_WRITE_LANGUAGE=1 cargo test --test language");
}

#[test]
fn literals_are_read_as_the_compiler_reads_them() {
    assert_eq!(texts("(t!(\"a \\\"b\\\"\\u{201c} \\\n    c\")) not!(\"x\") msg!(\n \"{n} d\\n\", n)"), ["a \"b\"“ c", "{n} d\n"]);
}

#[test]
fn nouns_that_are_counted_are_found_where_they_stand() {
    let source = "count(n.len(), t!(\"device\"), t!(\"devices\")) (t!(\"a, (b\")) noun: (t!(\"copy\"),\n t!(\"copies\"),\n), counted(n, one, t!(\"x\")) count()";
    let pair = |one: &str, many: &str| (String::from(one), String::from(many));
    assert_eq!(pairs(source), [pair("device", "devices"), pair("copy", "copies")]);
}

#[test]
fn what_tables_and_constants_say_is_to_be_translated_too() {
    let marked = marked();
    let constants =
        ["letters or digits", "passcodes", "always", "supervised", "serial number of the device", "iOS, iPadOS and tvOS", "Log-ins"];
    let states = ["ok", "waiting", "silent", "problem", "lost", "yes", "no", "none", " or ", " and ", "owner"];
    for text in ["Text size and contrast", "Global preferences of the Mac"].iter().chain(&constants).chain(&states) {
        assert!(marked.contains_key(*text), "{text}");
    }
    assert_eq!(called("# Key | words\nKeyboard i=13 | Keyboard\n\nAppID i=1\n").collect::<Vec<_>>(), ["Keyboard"]);
}
