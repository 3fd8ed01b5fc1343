//! What an app itself is to know: read as people bring it, kept as a property list, filled in for each device.

use serde_json::Value as Json;

use crate::error::{Error, Result};
use crate::protocol::mobileconfig::variables::{self, Values, VariableError};
use crate::protocol::plist::{self, Dictionary, Exact, Value, from_json};

/// Bytes of a configuration as a property list; apps get no more by a declaration either.
pub const MAX_BYTES: usize = 256 * 1024;

/// The field that is named where a configuration is refused.
pub(super) const FIELD: &str = "configuration";

/// Reads a configuration: a whole property list, a bare `<dict>`, or a JSON object. Nothing, and an empty dictionary, clear it.
///
/// # Errors
/// Names what is wrong with it: it cannot be read, is no dictionary, is too large, or holds a variable that there is not.
pub fn read(text: &str) -> Result<Option<Dictionary>> {
    let text = text.trim().trim_start_matches('\u{feff}').trim_start();
    if text.len() > MAX_BYTES {
        return Err(Error::field(FIELD, t!("at most {max_bytes} KB", max_bytes = MAX_BYTES >> 10)));
    }
    if text.is_empty() {
        return Ok(None);
    }
    let keys = if text.starts_with(['{', '[']) {
        let Exact(said) = serde_json::from_str(text).map_err(|error| {
            let what = if error.is_data() { "" } else { t!("this is no JSON: ") };
            Error::field(FIELD, format!("{what}{error}"))
        })?;
        match from_json(&said).map_err(|error| Error::field(FIELD, error.to_string()))? {
            Value::Dictionary(keys) => keys,
            _ => return Err(Error::field(FIELD, t!("an object with the app's keys"))),
        }
    } else {
        let whole = if text.starts_with("<dict") { format!("<plist version=\"1.0\">{text}</plist>") } else { text.to_owned() };
        plist::parse_written(whole.as_bytes()).map_err(|error| Error::field(FIELD, t!("this is no property list: {error}", error)))?
    };
    checked(keys)
}

/// Reads a configuration that a script sent as JSON.
///
/// # Errors
/// As [`read`].
pub fn read_json(said: &Json) -> Result<Option<Dictionary>> {
    match from_json(said).map_err(|error| Error::field(FIELD, error.to_string()))? {
        Value::Dictionary(keys) => checked(keys),
        Value::String(text) => read(&text),
        _ => Err(Error::field(FIELD, t!("an object with the app's keys, or a property list as a text"))),
    }
}

/// A configuration that can be kept; none where it is empty.
pub fn checked(keys: Dictionary) -> Result<Option<Dictionary>> {
    if keys.is_empty() {
        return Ok(None);
    }
    if let Some((at, letter)) = unwritable(&keys, "") {
        let code = u32::from(letter);
        return Err(Error::field(
            FIELD,
            t!("“{at}” holds a character that a property list cannot hold (U+{code}); take it out", at, code = format!("{code:04X}")),
        ));
    }
    if let Some(key) = with_variable(&keys) {
        return Err(Error::field(
            FIELD,
            t!("the key “{key}” holds a variable; only values can. Where a dollar sign is meant, write ${{DOLLAR}}", key),
        ));
    }
    variables::find(&keys).map_err(|error| match error {
        // These name profiles to devices; in an app's configuration they mean nothing special.
        VariableError::Structural(at) => Error::field(FIELD, t!("{at} cannot hold a variable; call the key otherwise", at)),
        unknown @ VariableError::Unknown { .. } => Error::field(FIELD, unknown.to_string()),
    })?;
    if to_xml(&keys)?.len() > MAX_BYTES {
        return Err(Error::field(FIELD, t!("at most {max_bytes} KB", max_bytes = MAX_BYTES >> 10)));
    }
    Ok(Some(keys))
}

/// The first key that holds a variable: it would be another key on each device, and the app would look for none of them.
fn with_variable(keys: &Dictionary) -> Option<String> {
    keys.iter().find_map(|(key, value)| {
        let alone: Dictionary = [(key.clone(), Value::Boolean(true))].into_iter().collect();
        let has = variables::find(&alone).is_ok_and(|found| found.iter().any(|name| *name != variables::DOLLAR));
        if has { Some(key.clone()) } else { within(value) }
    })
}

fn within(value: &Value) -> Option<String> {
    match value {
        Value::Array(items) => items.iter().find_map(within),
        Value::Dictionary(keys) => with_variable(keys),
        _ => None,
    }
}

/// The first character that XML cannot hold, and in which key it stands.
fn unwritable(keys: &Dictionary, path: &str) -> Option<(String, char)> {
    keys.iter().find_map(|(key, value)| {
        let shown: String = key.chars().filter(|letter| is_writable(*letter)).collect();
        let at = if path.is_empty() { shown } else { format!("{path}.{shown}") };
        unwritable_text(key, &at).or_else(|| unwritable_value(value, &at))
    })
}

fn unwritable_value(value: &Value, at: &str) -> Option<(String, char)> {
    match value {
        Value::String(text) => unwritable_text(text, at),
        Value::Array(items) => items.iter().find_map(|item| unwritable_value(item, at)),
        Value::Dictionary(keys) => unwritable(keys, at),
        _ => None,
    }
}

fn unwritable_text(text: &str, at: &str) -> Option<(String, char)> {
    text.chars().find(|letter| !is_writable(*letter)).map(|letter| (at.to_owned(), letter))
}

/// Whether XML can hold a character (XML 1.0, 2.2).
fn is_writable(letter: char) -> bool {
    !matches!(letter, '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// A configuration as it is kept and shown.
pub fn to_xml(keys: &Dictionary) -> Result<Vec<u8>> {
    plist::to_xml(&Value::Dictionary(keys.clone())).map_err(|error| Error::internal("a configuration can be written", error))
}

/// A configuration as it was kept.
pub fn stored(bytes: &[u8]) -> Result<Dictionary> {
    plist::parse_dictionary(bytes).map_err(|error| Error::internal("stored configurations are property lists", error))
}

/// A configuration as one device gets it; an error names the variables that have no value there.
pub fn filled(keys: &Dictionary, values: &Values) -> Result<Dictionary, String> {
    let used = variables::find(keys).unwrap_or_default();
    let missing: Vec<_> =
        used.into_iter().filter(|name| *name != variables::DOLLAR && !values.contains_key(name)).map(|name| format!("${name}")).collect();
    if !missing.is_empty() {
        return Err(t!("its configuration uses {list}, of which nothing is known there", list = missing.join(", ")));
    }
    let mut values: Values = values.iter().map(|(name, value)| (*name, variables::clean(value))).collect();
    values.insert(variables::DOLLAR, String::from("$"));
    Ok(variables::fill(keys, &values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        [("SERIAL", String::from("A<B&\"C")), ("PERSON_NAME", String::from("Ada"))].into_iter().collect()
    }

    #[test]
    fn a_bare_dictionary_a_whole_document_and_json_are_the_same() {
        let bare = read("<dict><key>server</key><string>a&amp;b</string></dict>").unwrap().unwrap();
        let whole = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict><key>server</key><string>a&amp;b</string></dict></plist>"#;
        assert_eq!(read(whole).unwrap().unwrap(), bare);
        assert_eq!(read(r#"{"server":"a&b"}"#).unwrap().unwrap(), bare);
        assert_eq!(read_json(&serde_json::json!({ "server": "a&b" })).unwrap().unwrap(), bare);
        assert_eq!(read_json(&serde_json::json!(whole)).unwrap().unwrap(), bare);
        let xml = String::from_utf8(to_xml(&bare).unwrap()).unwrap();
        assert!(xml.matches("<?xml").count() == 1 && xml.contains("a&amp;b"), "{xml}");
    }

    #[test]
    fn variables_are_filled_in_and_nothing_in_them_becomes_more_than_text() {
        let keys = read("<dict><key>id</key><string>$SERIAL</string><key>pay</key><string>${DOLLAR}5</string></dict>").unwrap().unwrap();
        let filled = filled(&keys, &values()).unwrap();
        assert_eq!(filled.get("id").unwrap().as_string(), Some("A<B&\"C"));
        assert_eq!(filled.get("pay").unwrap().as_string(), Some("$5"));
        let back = stored(&to_xml(&filled).unwrap()).unwrap();
        assert_eq!(back, filled);
    }

    #[test]
    fn what_would_be_rounded_lost_or_looked_for_in_vain_is_refused() {
        let said = |text: &str| read(text).unwrap_err().fields[0].message.clone();
        assert!(said(r#"{"id":[{"a":99999999999999999999}]}"#).contains("more than 64 bits"));
        assert!(said(r#"{"id":-99999999999999999999}"#).contains("more than 64 bits"));
        assert!(said("<dict><key>id</key><integer>99999999999999999999</integer></dict>").contains("64 bits"));
        assert!(read(r#"{"a":18446744073709551615,"b":-9223372036854775808,"c":0.5}"#).is_ok());
        assert!(said(r#"{"server":{"a":1,"a":2}}"#).contains("the key a comes twice"));
        assert!(said("<dict><key>a</key><true/><key>a</key><false/></dict>").contains("the key a comes twice"));
        assert!(said(r#"{"x":[{"$SERIAL":"x"}]}"#).contains("the key “$SERIAL” holds a variable"));
        assert!(read(r#"{"${DOLLAR}SERIAL":"x"}"#).is_ok());
    }

    #[test]
    fn a_variable_that_the_device_does_not_have_is_told_by_name() {
        let keys = read(r#"{"mail":"$PERSON_EMAIL"}"#).unwrap().unwrap();
        assert!(filled(&keys, &values()).unwrap_err().contains("$PERSON_EMAIL"));
    }

    #[test]
    fn what_is_none_is_refused_in_words_and_what_is_empty_clears() {
        for empty in ["", "  ", "{}", "<dict/>", "<plist version=\"1.0\"><dict/></plist>"] {
            assert_eq!(read(empty).unwrap(), None, "{empty}");
        }
        for wrong in ["{", "[1]", "hello", "<array/>", r#"{"a":null}"#, r#"{"a":"$SEREAL"}"#, "<dict><key>a</key></dict>"] {
            assert_eq!(read(wrong).unwrap_err().fields[0].field, "configuration", "{wrong}");
        }
        let long = |length: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(length));
        assert!(read(&long(MAX_BYTES)).is_err() && read(&long(MAX_BYTES - 500)).unwrap().is_some());
    }
}
