//! Property lists as Apple's devices speak them, XML and binary: read within limits, written so that a device accepts them.
//!
//! Everything that arrives goes through here. The XML reader is our own (one pass, no recursion, tolerant where devices are sloppy); the
//! binary reader is the `plist` crate's, behind a check of the object table, because a small binary file can otherwise unfold into gigabytes.

mod binary;
pub mod fields;
mod json;
mod xml;

use std::io::Cursor;
use std::time::{Duration, UNIX_EPOCH};

pub use json::{Exact, FromJsonError, from_json};

use base64::Engine as _;
use serde::de::DeserializeOwned;

use crate::clock::Timestamp;

pub use ::plist::{Dictionary, Value};

/// How many arrays and dictionaries may lie within one another.
pub const MAX_DEPTH: usize = 64;

/// How many values an XML property list may hold: of the shortest elements 10 MiB are a million and a half, which take thirty times their length.
pub const MAX_XML_VALUES: usize = 250_000;

/// How many objects a binary property list may hold.
pub const MAX_BINARY_OBJECTS: usize = 500_000;

/// How many times its own length a binary property list may unfold to, where objects are used more than once.
pub const MAX_BINARY_EXPANSION: u64 = 8;

/// Bytes that a binary property list may unfold to in any case, so that small ones may repeat themselves.
pub const BINARY_EXPANSION_ALLOWANCE: u64 = 1 << 20;

/// Why bytes are not a property list that we read, or a value not one that we write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlistError {
    /// There are no bytes.
    #[error("the body is empty; send a property list")]
    Empty,
    /// Neither XML with a `<plist>` root nor binary.
    #[error("this is not a property list; send XML with a <plist> root element, or a binary property list")]
    NotPlist,
    /// Over [`MAX_DEPTH`].
    #[error("the property list nests more than {MAX_DEPTH} levels deep; flatten it")]
    TooDeep,
    /// Over [`MAX_BINARY_OBJECTS`], [`MAX_BINARY_EXPANSION`] or both.
    #[error("the binary property list unfolds to far more than its own size; send it as XML")]
    TooLarge,
    /// Over [`MAX_XML_VALUES`].
    #[error("the property list holds more than {MAX_XML_VALUES} values; send fewer")]
    TooMany,
    /// A binary property list where only XML is read, because it is too long to be held.
    #[error("a binary property list of this length is not read; send it as XML")]
    BinaryTooLong,
    /// An inner document type or an entity other than XML's own five.
    #[error("the property list declares or uses entities of its own; write their text instead")]
    Entities,
    /// A CDATA section.
    #[error("the property list holds a CDATA section; escape its text instead")]
    CData,
    /// The structure does not hold together.
    #[error("the property list is broken near byte {at}: {what}")]
    Malformed {
        /// Bytes from the beginning.
        at: u64,
        /// What was found.
        what: String,
    },
    /// One value cannot be read as its type.
    #[error("{}: {}", .0.path, .0.what)]
    Value(Unreadable),
    /// The values are readable, but not what was asked for.
    #[error("the property list does not have the expected keys: {0}")]
    Shape(String),
    /// Text holds a character that XML cannot carry.
    #[error("the text at {0} holds a control character that XML cannot carry; remove it")]
    Unwritable(String),
}

impl From<PlistError> for crate::error::Error {
    fn from(error: PlistError) -> Self {
        match &error {
            PlistError::Value(Unreadable { path, what }) if !path.is_empty() => Self::field(path, what),
            PlistError::Value(Unreadable { what, .. }) => Self::bad_input(what.clone()),
            _ => Self::bad_input(error.to_string()),
        }
    }
}

/// One value that could not be read as the type it claims to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Where it stands, for example `Command.Settings[0].Image`.
    pub path: String,
    /// What is wrong with it.
    pub what: String,
}

/// A property list read without insisting on every value.
#[derive(Debug, Clone, PartialEq)]
pub struct Tolerant {
    /// The values; one that could not be read stands there as the text it was.
    pub value: Value,
    /// Those that could not be read as their type.
    pub unreadable: Vec<Unreadable>,
}

/// Reads a property list into its values; a value that is not what its type says is an error.
pub fn parse_value(bytes: &[u8]) -> Result<Value, PlistError> {
    if is_binary(bytes) { read_binary(bytes) } else { xml::read(bytes, xml::Bad::Refuse).map(|read| read.value) }
}

/// Reads a property list whose root is a dictionary, as [`parse_value`] does.
pub fn parse_dictionary(bytes: &[u8]) -> Result<Dictionary, PlistError> {
    parse_value(bytes)?.into_dictionary().ok_or_else(|| PlistError::Shape(t!("the root must be a dictionary").into()))
}

/// Reads a property list that a person wrote: as [`parse_dictionary`] does, but a key that comes twice in one dictionary is an error.
pub fn parse_written(bytes: &[u8]) -> Result<Dictionary, PlistError> {
    let value = if is_binary(bytes) { read_binary(bytes)? } else { xml::read(bytes, xml::Bad::RefuseRepeated)?.value };
    value.into_dictionary().ok_or_else(|| PlistError::Shape(t!("the root must be a dictionary").into()))
}

/// Reads a property list into `T`, as [`parse_value`] does.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, PlistError> {
    ::plist::from_value(&parse_value(bytes)?).map_err(|error| PlistError::Shape(error.to_string()))
}

/// Reads a device's property list: broken structure is an error, a broken value is left as text and listed.
///
/// A report whose `CommandUUID` and `Status` are sound is thus read even when a size is no number.
pub fn parse_tolerant(bytes: &[u8]) -> Result<Tolerant, PlistError> {
    if is_binary(bytes) { Ok(Tolerant { value: read_binary(bytes)?, unreadable: Vec::new() }) } else { xml::read(bytes, xml::Bad::Keep) }
}

/// The texts at the top level of a binary property list, as far as they can be read: for one that [`parse_tolerant`] refuses.
pub fn binary_texts(bytes: &[u8]) -> Dictionary {
    binary::texts(bytes).unwrap_or_default()
}

/// The JSON form of a value: bytes as base64, moments as RFC 3339, what JSON cannot hold as text.
pub fn to_json(value: &Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Value::Array(items) => items.iter().map(to_json).collect(),
        Value::Dictionary(entries) => dictionary_to_json(entries).into(),
        Value::Boolean(flag) => Json::Bool(*flag),
        Value::Data(bytes) => Json::String(base64::engine::general_purpose::STANDARD.encode(bytes)),
        Value::Date(date) => Json::String(date.to_xml_format()),
        Value::Real(number) => serde_json::Number::from_f64(*number).map_or_else(|| Json::String(number.to_string()), Json::Number),
        Value::Integer(number) => match (number.as_signed(), number.as_unsigned()) {
            (Some(signed), _) => signed.into(),
            (None, unsigned) => unsigned.into(),
        },
        Value::String(text) => Json::String(text.clone()),
        Value::Uid(uid) => uid.get().into(),
        _ => Json::Null,
    }
}

/// The JSON object of a dictionary, as [`to_json`] makes it.
pub fn dictionary_to_json(entries: &Dictionary) -> serde_json::Map<String, serde_json::Value> {
    entries.iter().map(|(key, value)| (key.clone(), to_json(value))).collect()
}

/// Whether the bytes claim to be a binary property list.
pub fn is_binary(bytes: &[u8]) -> bool {
    bytes.starts_with(b"bplist00")
}

/// A moment as a `<date>`, whole seconds; none lies before 1970.
pub fn date(at: Timestamp) -> Value {
    let at = UNIX_EPOCH + Duration::from_secs(at.seconds().max(0).unsigned_abs());
    Value::Date(at.into())
}

/// Writes XML as devices read it, with declaration and document type.
pub fn to_xml(value: &Value) -> Result<Vec<u8>, PlistError> {
    writable(value, &mut Vec::new())?;
    let mut bytes = Vec::with_capacity(1024);
    value.to_writer_xml(&mut bytes).map_err(|error| PlistError::Shape(error.to_string()))?;
    Ok(bytes)
}

/// Writes a binary property list.
pub fn to_binary(value: &Value) -> Result<Vec<u8>, PlistError> {
    let mut bytes = Vec::with_capacity(512);
    value.to_writer_binary(&mut bytes).map_err(|error| PlistError::Shape(error.to_string()))?;
    Ok(bytes)
}

fn read_binary(bytes: &[u8]) -> Result<Value, PlistError> {
    binary::check(bytes)?;
    Value::from_reader(Cursor::new(bytes)).map_err(|error| PlistError::Malformed { at: 0, what: error.to_string() })
}

/// Finds the first text that XML cannot carry: control characters have no form in it, escaped or not.
fn writable(value: &Value, path: &mut Vec<String>) -> Result<(), PlistError> {
    let check = |text: &str, path: &[String]| {
        let carried = |letter: char| !letter.is_control() || matches!(letter, '\t' | '\n' | '\r' | '\u{7f}'..='\u{9f}');
        let noncharacter = |letter: char| matches!(letter, '\u{fffe}' | '\u{ffff}');
        if text.chars().all(|letter| carried(letter) && !noncharacter(letter)) {
            Ok(())
        } else {
            Err(PlistError::Unwritable(path.join(".")))
        }
    };
    match value {
        Value::String(text) => check(text, path),
        Value::Array(items) => items.iter().enumerate().try_for_each(|(index, item)| {
            path.push(index.to_string());
            writable(item, path)?;
            path.pop();
            Ok(())
        }),
        Value::Dictionary(entries) => entries.iter().try_for_each(|(key, item)| {
            check(key, path)?;
            path.push(key.clone());
            writable(item, path)?;
            path.pop();
            Ok(())
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
