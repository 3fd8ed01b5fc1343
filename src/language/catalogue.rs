//! The file of a language, as GNU gettext's tools, Poedit and Weblate write it: `msgid` is the English text, `msgstr` the translation.

use std::collections::HashMap;
use std::sync::LazyLock;

use polib::catalog::Catalog;
use polib::po_file::parse_from_reader;

use super::plural::Rule;
use super::{holes, lines};
use crate::error::{Error, Result};

/// How large the file of a language may be.
pub const MAX_BYTES: usize = 4 << 20;

/// The longest tag of a language.
const MAX_TAG: usize = 35;

/// A number with which languages say what is many.
const SEVERAL: u64 = 5;

/// Languages that are written from right to left, by the first part of their tags.
const RIGHT_TO_LEFT: &[&str] = &["ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"];

/// All texts in English, as a file to translate.
pub fn template() -> &'static str {
    include_str!("rollcall.pot")
}

static TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| match parse_from_reader(template().as_bytes()) {
    Ok(catalog) => catalog.messages().map(|message| message.msgid().to_owned()).collect(),
    Err(_) => Vec::new(),
});

/// The nouns that are counted: by what is said for one, what is said for many, and all forms in the order of the language's rule.
type Forms = HashMap<String, Vec<(String, Vec<String>)>>;

/// A language: its tag and what its file translates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    tag: String,
    texts: HashMap<String, String>,
    rule: Rule,
    forms: Forms,
    left_out: Vec<String>,
}

impl Catalogue {
    /// Reads the file of a language, in UTF-8. Without a tag, or with an empty one, the file's own counts, which stands in its head as `Language:`.
    ///
    /// # Errors
    /// Names `tag` where it is none (BCP 47: `de`, `pt-BR`) and the file says none, and `file` where it is no `.po` file, cannot say how the language
    /// counts, or translates nothing that is said here.
    pub fn read(tag: Option<&str>, file: &[u8]) -> Result<Self> {
        let given = tag.map(str::trim).filter(|tag| !tag.is_empty());
        if given.is_some_and(|tag| !is_tag(tag)) {
            return Err(Error::field("tag", t!("write a language as its tag, like de or pt-BR")));
        }
        if file.len() > MAX_BYTES {
            return Err(Error::field("file", t!("the file is larger than {mebibytes} MiB", mebibytes = MAX_BYTES >> 20)));
        }
        let no_file = |why: String| Error::field("file", t!("this is no file of translations (.po): {why}", why));
        let tidy = lines::tidy(file).map_err(no_file)?;
        let read = parse_from_reader(tidy.as_bytes()).map_err(|error| no_file(error.to_string()))?;
        // Gettext writes a country behind an underscore.
        let own = read.metadata.language.trim().replace('_', "-");
        let tag = match given {
            Some(tag) => tag.to_owned(),
            None if is_tag(&own) => own,
            None => return Err(Error::field("tag", t!("the file does not say which language it is: write its tag, like de or pt-BR"))),
        };
        let (mut texts, mut left_out) = (HashMap::new(), Vec::new());
        for message in read.messages().filter(|message| message.is_singular() && message.is_translated() && !message.is_fuzzy()) {
            let (english, translation) = (message.msgid(), message.msgstr().unwrap_or_default());
            if holes(english) == holes(translation) {
                texts.insert(english.to_owned(), like(english, translation));
            } else {
                left_out.push(english.to_owned());
            }
        }
        let (rule, counted) = counted(&read, &mut left_out)?;
        let forms = spread(&rule, counted, &mut texts);
        let known = TEXTS.iter().filter(|text| texts.contains_key(*text)).count();
        if known == 0 {
            return Err(Error::field("file", t!("none of the texts of this file is said here: begin with the file of English texts")));
        }
        Ok(Self { tag, texts, rule, forms, left_out })
    }

    /// Its tag (BCP 47).
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Whether it is written from right to left.
    pub fn is_right_to_left(&self) -> bool {
        self.tag.split('-').next().is_some_and(|first| RIGHT_TO_LEFT.contains(&first))
    }

    /// How many of all texts it translates.
    pub fn translated(&self) -> usize {
        TEXTS.iter().filter(|text| self.texts.contains_key(*text)).count()
    }

    /// How many texts there are.
    pub fn all() -> usize {
        TEXTS.len()
    }

    /// The English texts whose translations have other holes than they, or fewer forms than the language counts by, and are not used.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    pub(super) fn text(&self, english: &str) -> Option<&str> {
        self.texts.get(english).map(String::as_str)
    }

    /// The form that stands with a number, of a noun whose forms for one and for many are said so in this language; none where there are no others.
    pub(super) fn form(&self, n: u64, one: &str, many: &str) -> Option<&str> {
        let (_, forms) = self.forms.get(one)?.iter().find(|(known, _)| known == many)?;
        forms.get(self.rule.form(n)).map(String::as_str)
    }
}

/// A noun that is counted: what English says for one and for many, and all its forms in the language.
type Counted = (String, String, Vec<String>);

/// What a file translates of nouns that are counted, and its rule for them. Such as cannot be used are noted in `left_out`.
fn counted(read: &Catalog, left_out: &mut Vec<String>) -> Result<(Rule, Vec<Counted>)> {
    let mut found = Vec::new();
    for message in read.messages().filter(|message| message.is_plural() && !message.is_fuzzy()) {
        let forms = message.msgstr_plural().map(Vec::as_slice).unwrap_or_default();
        if forms.iter().any(|form| !form.trim().is_empty()) {
            found.push((message.msgid().to_owned(), message.msgid_plural().unwrap_or_default().to_owned(), forms.to_vec()));
        }
    }
    let rules = &read.metadata.plural_rules;
    // A file that does not say how its language counts has one form by its reader's default.
    let is_said = found.iter().all(|(_, _, forms)| forms.len() <= rules.nplurals);
    let rule = if found.is_empty() || !is_said {
        Rule::default()
    } else {
        let wrong = || t!("its rule for numbers (Plural-Forms) cannot be read: {rule}", rule = rules.expr);
        Rule::read(rules.nplurals, &rules.expr).ok_or_else(|| Error::field("file", wrong()))?
    };
    found.retain(|(one, many, forms)| {
        let fits = |form: &String| !form.trim().is_empty() && holes(form) == holes(many);
        let is_whole = forms.len() >= rule.forms() && forms.iter().all(fits);
        if !is_whole {
            left_out.push(one.clone());
        }
        is_whole
    });
    Ok((rule, found))
}

/// Where each noun's forms are found by what is said for one and for many. What has no translation of its own is said by the form for it.
fn spread(rule: &Rule, counted: Vec<Counted>, texts: &mut HashMap<String, String>) -> Forms {
    let mut all = Forms::new();
    for (one, many, forms) in counted {
        let forms: Vec<String> = forms.iter().map(|form| like(&one, form)).collect();
        let mut said = |english: String, n: u64| texts.entry(english).or_insert_with(|| forms[rule.form(n)].clone()).clone();
        let (one, many) = (said(one, 1), said(many, SEVERAL));
        let known = all.entry(one).or_default();
        if !known.iter().any(|(other, _)| *other == many) {
            known.push((many, forms));
        }
    }
    all
}

/// The translation with the blanks that the English text has at its ends: pieces of a sentence are put together by them, and tools lose them.
fn like(english: &str, translation: &str) -> String {
    let words = english.trim();
    let (before, after) = english.split_once(words).unwrap_or_default();
    format!("{before}{}{after}", translation.trim())
}

/// Whether this is a language's tag: letters, then parts of letters and digits.
fn is_tag(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let first = parts.next().unwrap_or_default();
    tag.len() <= MAX_TAG
        && (2..=3).contains(&first.len())
        && first.bytes().all(|byte| byte.is_ascii_lowercase())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}
