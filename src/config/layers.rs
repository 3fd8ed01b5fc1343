//! Where a setting's words come from, and which source wins: flags, then `ROLLCALL_…`, then `rollcall.toml`.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::{Error, Result};

/// Every setting by its name in `rollcall.toml`; the environment's name is made from it (`tls.key` is `ROLLCALL_TLS_KEY`).
pub const KEYS: &[&str] = &[
    "data",
    "url",
    "listen",
    "device_listen",
    "http_listen",
    "proxy_listen",
    "trusted_proxies",
    "proxy_cert_header",
    "proxy_cert_format",
    "extra_hosts",
    "tls.certificate",
    "tls.key",
    "tls.dns_hook",
    "apple.apns_endpoint",
    "apple.trust_anchors",
    "apple.outbound_proxy",
    "apple.mdmcert_endpoint",
    "apple.apps_and_books_endpoint",
    "apple.ade_endpoint",
    "apple.software_lookup_endpoint",
    "apple.roots_endpoint",
    "apple.attestation_roots",
    "scep.legacy_clients",
    "log.format",
    "log.level",
];

/// Words that differ from a setting's name by more edits than this are not taken for a slip of the keyboard.
const SLIP_MAX_EDITS: usize = 3;

/// Where a value was written, as a person would look for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Flag,
    Environment,
    File,
}

/// Where one value was written: its source and its name there, for example `ROLLCALL_LISTEN` or `rollcall.toml, tls.key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    key: &'static str,
    source: Source,
}

impl Origin {
    /// Whether the value stands in `rollcall.toml`.
    pub(super) fn is_file(self) -> bool {
        self.source == Source::File
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            Source::Flag => write!(f, "--{}", self.key.replace(['_', '.'], "-")),
            Source::Environment => f.write_str(&environment_name(self.key)),
            Source::File => write!(f, "rollcall.toml, {}", self.key),
        }
    }
}

/// The words of one source by the setting they belong to. A setting that takes a list has several.
#[derive(Debug, Clone)]
pub struct Layer {
    source: Source,
    words: BTreeMap<&'static str, Vec<String>>,
}

impl Layer {
    /// The flags of a command line; nothing is set yet.
    pub fn flags() -> Self {
        Self::empty(Source::Flag)
    }

    /// Sets the words of the setting `key`; no words leave it to the next source.
    ///
    /// # Panics
    /// When `key` is not one of [`KEYS`]: a flag without a setting is a fault of this program.
    #[must_use]
    pub fn with(mut self, key: &'static str, words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        assert!(KEYS.contains(&key), "{key} is no setting");
        let words: Vec<String> = words.into_iter().map(Into::into).collect();
        if !words.is_empty() {
            self.words.insert(key, words);
        }
        self
    }

    /// Reads the variables that begin with `ROLLCALL_`. Lists are separated by commas; an empty variable is as good as none.
    ///
    /// A variable that is nearly a setting's is refused, because its author believes that it works. Others belong to other programs.
    pub fn environment(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        let mut layer = Self::empty(Source::Environment);
        for (name, value) in variables {
            if !name.starts_with("ROLLCALL_") || value.is_empty() {
                continue;
            }
            if let Some(key) = KEYS.iter().find(|key| environment_name(key) == name) {
                layer.words.insert(key, vec![value]);
            } else if let Some(meant) = nearest(&name, KEYS.iter().map(|key| environment_name(key))) {
                return Err(Error::bad_input(format!("{name} is not a setting. Did you mean {meant}?")));
            }
        }
        Ok(layer)
    }

    /// Reads the text of a `rollcall.toml`. Keys that are no settings are refused by name.
    pub fn file(text: &str) -> Result<Self> {
        let table: toml::Table = text.parse().map_err(|wrong| Error::bad_input(format!("rollcall.toml cannot be read: {wrong}")))?;
        let mut layer = Self::empty(Source::File);
        for (name, value) in table {
            match value {
                toml::Value::Table(section) => {
                    for (inner, value) in section {
                        layer.take(&format!("{name}.{inner}"), &value)?;
                    }
                }
                value => layer.take(&name, &value)?,
            }
        }
        Ok(layer)
    }

    fn empty(source: Source) -> Self {
        Self { source, words: BTreeMap::new() }
    }

    fn take(&mut self, name: &str, value: &toml::Value) -> Result<()> {
        // The file lies in the data folder: it cannot say where that is.
        let Some(key) = KEYS.iter().find(|key| **key == name && name != "data") else {
            if let Some(key) = flag_with_section(name) {
                let (flag, (section, rest)) = (key.replace(['_', '.'], "-"), key.split_once('.').unwrap_or_default());
                return Err(Error::bad_input(format!(
                    "rollcall.toml has no setting {name}: --{flag} is spelled {key} here. Write {key} = …, or {rest} = … under [{section}]."
                )));
            }
            let hint = match nearest(name, KEYS.iter().skip(1).map(ToString::to_string)) {
                Some(meant) => format!("Did you mean {meant}?"),
                None => format!("It knows {}.", KEYS[1..].join(", ")),
            };
            return Err(Error::bad_input(format!("rollcall.toml has no setting {name}. {hint}")));
        };
        let words = match value {
            toml::Value::Array(items) => items.iter().map(word).collect::<Option<Vec<_>>>(),
            single => word(single).map(|word| vec![word]),
        };
        let Some(words) = words else {
            return Err(Error::bad_input(format!(
                "rollcall.toml, {name}: write a text in quotes, a number, true or false, or a list of texts."
            )));
        };
        self.words.insert(key, words);
        Ok(())
    }
}

/// The layers in the order of their weight.
#[derive(Debug)]
pub(super) struct Layers(pub(super) Vec<Layer>);

impl Layers {
    /// The words for `key` from the first layer that has any, with where they were written.
    pub(super) fn find(&self, key: &'static str) -> Option<(&[String], Origin)> {
        self.0.iter().find_map(|layer| Some((layer.words.get(key)?.as_slice(), Origin { key, source: layer.source })))
    }
}

/// The name of the setting `key` in the environment.
pub fn environment_name(key: &str) -> String {
    format!("ROLLCALL_{}", key.replace('.', "_").to_uppercase())
}

fn word(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The setting whose flag `word` spells, where the file puts a dot.
fn flag_with_section(word: &str) -> Option<&'static str> {
    KEYS.iter().find(|key| key.contains('.') && key.replace('.', "_") == word.replace('-', "_")).copied()
}

/// The name that `word` was probably meant to be.
fn nearest(word: &str, names: impl Iterator<Item = String>) -> Option<String> {
    let (name, edits) = names.map(|name| (edits(word, &name), name)).min().map(|(edits, name)| (name, edits))?;
    (edits <= SLIP_MAX_EDITS && edits * 2 < word.len()).then_some(name)
}

/// Levenshtein's distance: how many letters must be put, taken or changed to make `a` into `b`. A hyphen is as good as an underscore.
fn edits(a: &str, b: &str) -> usize {
    let (a, b) = (a.replace('-', "_"), b.replace('-', "_"));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, right) in b.bytes().enumerate() {
            let changed = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Layer::file(text).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_is_refused_by_name_with_what_was_meant() {
        assert_eq!(refusal("listn = '0.0.0.0:1'"), "rollcall.toml has no setting listn. Did you mean listen?");
        assert_eq!(refusal("http-listen = 80"), "rollcall.toml has no setting http-listen. Did you mean http_listen?");
        assert_eq!(refusal("[tls]\ncertifcate = 'x'"), "rollcall.toml has no setting tls.certifcate. Did you mean tls.certificate?");
        assert!(refusal("bananas = 3").starts_with("rollcall.toml has no setting bananas. It knows url, listen, "));
        assert!(refusal("data = '/elsewhere'").starts_with("rollcall.toml has no setting data."));
    }

    #[test]
    fn a_flag_with_a_section_is_told_its_spelling_in_the_file() {
        let told = refusal("log_level = 'info'");
        assert!(told.starts_with("rollcall.toml has no setting log_level: --log-level is spelled log.level here"), "{told}");
        assert!(refusal("tls-key = 'x'").contains("--tls-key is spelled tls.key here"));
        assert!(Layer::file("log.level = 'info'").is_ok() && Layer::file("[log]\nlevel = 'info'").is_ok());
    }

    #[test]
    fn a_value_of_the_wrong_shape_names_its_key() {
        assert!(refusal("url = 1.5").starts_with("rollcall.toml, url: write a text"));
        assert!(refusal("listen = [[1]]").starts_with("rollcall.toml, listen: write"));
        assert!(refusal("[tls.key]\nx = 1").starts_with("rollcall.toml, tls.key: write"));
        assert!(refusal("url =").contains("line 1"));
    }

    #[test]
    fn a_variable_that_is_nearly_a_setting_is_refused_and_a_strange_one_is_left_alone() {
        let one = |name: &str| Layer::environment([(name.to_owned(), "x".to_owned())]);
        assert_eq!(one("ROLLCALL_LISTN").unwrap_err().to_string(), "ROLLCALL_LISTN is not a setting. Did you mean ROLLCALL_LISTEN?");
        assert!(one("ROLLCALL_SHARED").unwrap().words.is_empty());
        assert!(one("PATH").unwrap().words.is_empty());
    }

    #[test]
    fn distances_count_letters() {
        assert_eq!(edits("listen", "listen"), 0);
        assert_eq!(edits("listn", "listen"), 1);
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
    }
}
