//! Reads XML property lists in one pass: no recursion, a bounded depth, no entities, and a place for every fault.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use plist::{Date, Dictionary, Integer, Value};
use quick_xml::Reader;
use quick_xml::events::Event;

use super::{MAX_DEPTH, MAX_XML_VALUES, PlistError, Tolerant, Unreadable};

/// Base64 as Apple's own reader takes it: padding may be wrong or missing. Letters outside the alphabet stay an error.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What happens to a value that is not what its type says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bad {
    /// It makes the whole list unreadable.
    Refuse,
    /// So does a key that comes twice in one dictionary: of what a person writes neither is to be lost.
    RefuseRepeated,
    /// It stays as text and is listed.
    Keep,
}

/// Reads the one value of an XML property list.
pub(super) fn read(bytes: &[u8], bad: Bad) -> Result<Tolerant, PlistError> {
    let text = std::str::from_utf8(bytes).map_err(|error| PlistError::Malformed {
        at: error.valid_up_to() as u64,
        what: t!("this is not UTF-8; a file cut short, or another encoding").into(),
    })?;
    let text = text.trim_start_matches('\u{feff}').trim_ascii_start();
    if text.is_empty() {
        return Err(PlistError::Empty);
    }
    if !text.starts_with('<') {
        return Err(PlistError::NotPlist);
    }
    let mut document =
        Document { xml: Reader::from_str(text), bad, open: Vec::with_capacity(8), root: None, values: 0, unreadable: Vec::new() };
    document.read_root()?;
    document.read_values()?;
    document.read_end()?;
    let value = document.root.take().ok_or_else(|| document.broken("the <plist> element is empty"))?;
    Ok(Tolerant { value, unreadable: document.unreadable })
}

/// A container whose end has not come yet.
enum Open {
    Array(Vec<Value>),
    Dictionary { entries: Dictionary, key: Option<String> },
}

struct Document<'a> {
    xml: Reader<&'a [u8]>,
    bad: Bad,
    open: Vec<Open>,
    root: Option<Value>,
    /// How many values there are so far.
    values: usize,
    unreadable: Vec<Unreadable>,
}

impl<'a> Document<'a> {
    /// Reads up to and with `<plist>`.
    fn read_root(&mut self) -> Result<(), PlistError> {
        loop {
            match self.event()? {
                Event::Start(tag) if tag.name().as_ref() == "plist" => return Ok(()),
                Event::Text(text) if is_blank(&text) => {}
                // An inner subset declares entities; the outer one, Apple's own, is never fetched.
                Event::DocType(kind) if kind.contains('[') => return Err(PlistError::Entities),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::DocType(_) => {}
                _ => return Err(PlistError::NotPlist),
            }
        }
    }

    /// Reads the values up to and with `</plist>`.
    fn read_values(&mut self) -> Result<(), PlistError> {
        loop {
            match self.event()? {
                Event::Start(tag) => match tag.name().as_ref() {
                    "dict" => self.begin(Open::Dictionary { entries: Dictionary::new(), key: None })?,
                    "array" => self.begin(Open::Array(Vec::new()))?,
                    name => {
                        let name = name.to_owned();
                        let content = self.content()?;
                        self.scalar(&name, content)?;
                    }
                },
                Event::Empty(tag) => match tag.name().as_ref() {
                    "dict" => self.place(Value::Dictionary(Dictionary::new()))?,
                    "array" => self.place(Value::Array(Vec::new()))?,
                    name => self.scalar(name, Cow::Borrowed(""))?,
                },
                // The XML reader has checked that the name is the one that was opened.
                Event::End(_) => match self.open.pop() {
                    Some(container) => self.finish(container)?,
                    None => return Ok(()),
                },
                Event::Text(text) if is_blank(&text) => {}
                Event::Comment(_) | Event::PI(_) => {}
                other => return Err(self.misplaced(&other)),
            }
        }
    }

    /// Reads what may follow `</plist>`: nothing but space and comments.
    fn read_end(&mut self) -> Result<(), PlistError> {
        loop {
            match self.event()? {
                Event::Eof => return Ok(()),
                Event::Text(text) if is_blank(&text) => {}
                Event::Comment(_) | Event::PI(_) => {}
                _ => return Err(self.broken(t!("something follows the end of the property list"))),
            }
        }
    }

    fn event(&mut self) -> Result<Event<'a>, PlistError> {
        self.xml.read_event().map_err(|error| PlistError::Malformed { at: self.xml.error_position(), what: error.to_string() })
    }

    fn begin(&mut self, container: Open) -> Result<(), PlistError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(PlistError::TooDeep);
        }
        // Said here and not only at the end: a key that is missing is best reported where it is missing.
        if let Some(Open::Dictionary { key: None, .. }) = self.open.last() {
            return Err(self.broken("a value in a dictionary has no <key> before it"));
        }
        self.open.push(container);
        Ok(())
    }

    fn finish(&mut self, container: Open) -> Result<(), PlistError> {
        match container {
            Open::Array(items) => self.place(Value::Array(items)),
            Open::Dictionary { entries, key: None } => self.place(Value::Dictionary(entries)),
            Open::Dictionary { key: Some(key), .. } => Err(self.broken(&t!("the key {key} has no value", key))),
        }
    }

    fn place(&mut self, value: Value) -> Result<(), PlistError> {
        self.values += 1;
        if self.values > MAX_XML_VALUES {
            return Err(PlistError::TooMany);
        }
        match self.open.last_mut() {
            Some(Open::Array(items)) => items.push(value),
            Some(Open::Dictionary { entries, key }) => match key.take() {
                // Of a key that comes twice the last value counts, as in Apple's own reader.
                Some(key) if self.bad == Bad::RefuseRepeated && entries.contains_key(&key) => {
                    let what = t!("the key {key} comes twice in one dictionary; keep one of the two", key);
                    return Err(self.broken(&what));
                }
                Some(key) => drop(entries.insert(key, value)),
                None => return Err(self.broken("a value in a dictionary has no <key> before it")),
            },
            None if self.root.is_none() => self.root = Some(value),
            None => return Err(self.broken("the <plist> element holds more than one value")),
        }
        Ok(())
    }

    /// Takes an element that holds text only.
    fn scalar(&mut self, name: &str, content: Cow<'a, str>) -> Result<(), PlistError> {
        if name == "key" {
            return self.key(content.into_owned());
        }
        let value = match name {
            "string" => Ok(Value::String(content.into_owned())),
            "true" | "false" if is_blank(&content) => Ok(Value::Boolean(name == "true")),
            "integer" => whole_number(&content).map(Value::Integer).ok_or((content, t!("this is not a whole number of 64 bits"))),
            "real" => content.trim_ascii().parse().map(Value::Real).map_err(|_| (content, t!("this is not a number"))),
            "date" => Date::from_xml_format(content.trim_ascii())
                .map(Value::Date)
                .map_err(|_| (content, t!("this is not a date; write it as 2026-11-25T08:00:00Z"))),
            "data" => decode(&content).map(Value::Data).ok_or((content, "this is not base64; <data> holds the bytes encoded once")),
            _ => return Err(self.broken(&t!("<{name}> is no element of property lists", name))),
        };
        match value {
            Ok(value) => self.place(value),
            Err((content, what)) => {
                let fault = Unreadable { path: self.path(), what: what.to_owned() };
                if self.bad != Bad::Keep {
                    return Err(PlistError::Value(fault));
                }
                self.unreadable.push(fault);
                self.place(Value::String(content.into_owned()))
            }
        }
    }

    fn key(&mut self, name: String) -> Result<(), PlistError> {
        match self.open.last_mut() {
            Some(Open::Dictionary { key: key @ None, .. }) => {
                *key = Some(name);
                Ok(())
            }
            Some(Open::Dictionary { key: Some(earlier), .. }) => {
                let what = t!("the key {earlier} has no value", earlier);
                Err(self.broken(&what))
            }
            _ => Err(self.broken("a <key> stands outside a dictionary")),
        }
    }

    /// Reads the text of an element and its end.
    fn content(&mut self) -> Result<Cow<'a, str>, PlistError> {
        let mut content = Cow::Borrowed("");
        loop {
            match self.event()? {
                Event::End(_) => return Ok(content),
                Event::Text(text) if content.is_empty() => content = text.into_inner(),
                Event::Text(text) => content.to_mut().push_str(&text),
                Event::GeneralRef(reference) => content.to_mut().push(self.letter(&reference)?),
                Event::Comment(_) | Event::PI(_) => {}
                Event::Start(_) | Event::Empty(_) | Event::Decl(_) | Event::DocType(_) => {
                    let what = "this holds XML elements; <data> holds base64, and text has its < written as &lt;".to_owned();
                    return Err(PlistError::Value(Unreadable { path: self.path(), what }));
                }
                other => return Err(self.misplaced(&other)),
            }
        }
    }

    /// The letter that an entity of XML's own or a number stands for.
    fn letter(&self, reference: &quick_xml::events::BytesRef<'_>) -> Result<char, PlistError> {
        match reference.as_ref() {
            "lt" => Ok('<'),
            "gt" => Ok('>'),
            "amp" => Ok('&'),
            "quot" => Ok('"'),
            "apos" => Ok('\''),
            _ => match reference.resolve_char_ref() {
                Ok(Some(letter)) => Ok(letter),
                Ok(None) => Err(PlistError::Entities),
                Err(error) => Err(self.broken(&error.to_string())),
            },
        }
    }

    fn misplaced(&self, event: &Event<'_>) -> PlistError {
        match event {
            Event::CData(_) => PlistError::CData,
            Event::Eof => self.broken(t!("it ends in the middle")),
            Event::Start(tag) | Event::Empty(tag) => {
                self.broken(&t!("<{element}> stands within a value that holds only text", element = tag.name().as_ref()))
            }
            _ => self.broken(t!("text stands between the values")),
        }
    }

    fn broken(&self, what: &str) -> PlistError {
        PlistError::Malformed { at: self.xml.buffer_position(), what: what.to_owned() }
    }

    /// Where the next value stands, for example `Command.Updates[0].ProductKey`.
    fn path(&self) -> String {
        let mut path = String::new();
        for container in &self.open {
            match container {
                Open::Array(items) => {
                    // Writing to a string does not fail.
                    let _ = write!(path, "[{}]", items.len());
                }
                Open::Dictionary { key, .. } => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(key.as_deref().unwrap_or_default());
                }
            }
        }
        path
    }
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|letter| letter.is_ascii_whitespace())
}

/// Reads −2⁶³ … 2⁶⁴−1, decimal or hexadecimal with `0x`, as Apple's own reader does.
fn whole_number(text: &str) -> Option<Integer> {
    let text = text.trim_ascii();
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u64::from_str_radix(digits, 16).ok().map(Integer::from);
    }
    text.parse::<i64>().map(Integer::from).or_else(|_| text.parse::<u64>().map(Integer::from)).ok()
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut letters = Vec::with_capacity(text.len());
    // Line by line: tokens come in lines of 52 to 76 letters.
    text.split_ascii_whitespace().for_each(|line| letters.extend_from_slice(line.as_bytes()));
    let end = letters.iter().rposition(|letter| *letter != b'=').map_or(0, |last| last + 1);
    BASE64.decode(&letters[..end]).ok()
}
