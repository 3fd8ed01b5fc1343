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

/// All texts, each with the files that say it.
fn marked() -> BTreeMap<String, Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut files, mut all) = (Vec::new(), BTreeMap::<String, Vec<String>>::new());
    sources(&root.join("src"), &mut files);
    files.sort();
    for file in files.iter().filter(|file| !file.to_string_lossy().contains("tests") && !file.ends_with("src/language/mod.rs")) {
        let name = file.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        for text in texts(&fs::read_to_string(file).unwrap()) {
            let said_by = all.entry(text).or_default();
            if !said_by.contains(&name) {
                said_by.push(name.clone());
            }
        }
    }
    all
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
    for (text, said_by) in marked() {
        assert!(!text.is_empty(), "an empty text is marked in {said_by:?}");
        catalog.append_or_update(Message::build_singular().with_msgid(text).done());
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
