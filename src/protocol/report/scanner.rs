//! Finds CommandUUID, Status and ids in a report of any length as its bytes arrive, in a few kilobytes of memory.

use super::Head;
use crate::protocol::ids::MAX_ID_BYTES;
use crate::protocol::malformed::Malformed;
use crate::protocol::plist::{Dictionary, MAX_DEPTH, PlistError, Value, is_binary};

/// The longest text that is kept, in bytes; what is looked for is far shorter.
const MAX_TEXT_BYTES: usize = 1024;

/// The keys that are looked for at the top level.
const WANTED: [&str; 9] =
    ["CommandUUID", "Status", "RequestType", "UDID", "UserID", "UserShortName", "UserLongName", "EnrollmentID", "EnrollmentUserID"];

/// The longest name of an element or beginning of a declaration that is told apart, in bytes.
const MAX_NAME_BYTES: usize = 16;

/// The elements of property lists, those that hold others first.
const ELEMENTS: [&str; 11] = ["plist", "dict", "array", "key", "string", "integer", "real", "date", "data", "true", "false"];

/// How many of them hold others.
const CONTAINERS: u8 = 3;

/// A reader that is fed a body piece by piece.
///
/// It checks how elements nest, but not their values. Binary property lists cannot be read from their beginning and are refused; devices
/// send none of such size.
#[derive(Debug)]
pub struct Scanner {
    place: Place,
    /// Bytes since the beginning, for errors.
    at: u64,
    /// The first bytes, until it is certain that they are no binary list.
    begin: Vec<u8>,
    /// The elements that are open, as places in [`ELEMENTS`]; bounded by the depth.
    open: Vec<u8>,
    /// What is collected of the tag at hand.
    name: Vec<u8>,
    /// The last two bytes within the same place, which tell where a tag, comment or instruction ends.
    last: [u8; 2],
    quote: Option<u8>,
    /// The text of a key or wanted value; none while it does not matter.
    text: Option<Vec<u8>>,
    /// The key at the top level whose value comes next.
    key: Option<String>,
    found: Dictionary,
    has_value: bool,
    root_closed: bool,
}

/// Where in the document the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Text,
    Tag,
    Comment,
    Instruction,
    DocumentType,
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl Scanner {
    /// A reader that has seen nothing.
    pub fn new() -> Self {
        Self {
            place: Place::Text,
            at: 0,
            begin: Vec::new(),
            open: Vec::new(),
            name: Vec::new(),
            last: [0; 2],
            quote: None,
            text: None,
            key: None,
            found: Dictionary::new(),
            has_value: false,
            root_closed: false,
        }
    }

    /// Takes the next piece of the body.
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), Malformed> {
        if self.begin.len() < 8 {
            self.begin.extend(piece.iter().take(8 - self.begin.len()));
            if is_binary(&self.begin) {
                return Err(PlistError::BinaryTooLong.into());
            }
        }
        let mut rest = piece;
        while let Some(byte) = rest.first() {
            if self.place == Place::Text && self.text.is_none() && self.in_scalar() {
                // Most of a long body is text that nobody looks for.
                let skipped = rest.iter().position(|byte| *byte == b'<').unwrap_or(rest.len());
                self.at += skipped as u64;
                rest = &rest[skipped..];
                if skipped > 0 {
                    continue;
                }
            }
            self.step(*byte)?;
            self.at += 1;
            rest = &rest[1..];
        }
        Ok(())
    }

    /// CommandUUID, if it has come by already; keys are sorted, so that it comes early.
    pub fn command_uuid(&self) -> Option<&str> {
        self.found.get("CommandUUID").and_then(Value::as_string).filter(|uuid| !uuid.is_empty() && uuid.len() <= MAX_ID_BYTES)
    }

    /// Ends the body and tells what was found; the error chain is not.
    pub fn finish(self) -> Result<Head, Malformed> {
        if self.at == 0 {
            return Err(PlistError::Empty.into());
        }
        if !self.root_closed {
            return Err(self.broken("it ends in the middle"));
        }
        Head::read(&self.found)
    }

    fn step(&mut self, byte: u8) -> Result<(), Malformed> {
        let place = self.place;
        match place {
            Place::Text if byte == b'<' => {
                self.name.clear();
                self.quote = None;
                self.place = Place::Tag;
            }
            Place::Text => self.text_byte(byte)?,
            Place::Tag => self.tag_byte(byte)?,
            Place::DocumentType => self.document_type_byte(byte)?,
            Place::Comment | Place::Instruction => {
                let ends = if place == Place::Comment { self.last == *b"--" } else { self.last[1] == b'?' };
                if byte == b'>' && ends {
                    self.place = Place::Text;
                }
            }
        }
        // What ends a comment must not be the dashes that began it.
        self.last = if self.place == place { [self.last[1], byte] } else { [0; 2] };
        Ok(())
    }

    fn text_byte(&mut self, byte: u8) -> Result<(), Malformed> {
        if let Some(text) = &mut self.text {
            if text.len() >= MAX_TEXT_BYTES {
                // Too long for anything that is looked for: as if it were not there.
                self.text = None;
            } else {
                text.push(byte);
            }
        }
        let between = !self.in_scalar();
        let mark = self.at < 3 && b"\xef\xbb\xbf".contains(&byte);
        let undecided = self.begin.len() < 8 && b"bplist00".starts_with(&self.begin);
        if between && !byte.is_ascii_whitespace() && !mark && !undecided {
            return Err(if self.open.is_empty() && !self.root_closed {
                PlistError::NotPlist.into()
            } else {
                self.broken("text stands between the values")
            });
        }
        Ok(())
    }

    fn tag_byte(&mut self, byte: u8) -> Result<(), Malformed> {
        match (self.quote, byte) {
            (Some(quote), _) if byte == quote => self.quote = None,
            (None, b'"' | b'\'') => self.quote = Some(byte),
            (None, b'>') => {
                self.place = Place::Text;
                return self.end_tag(self.last[1] == b'/' && self.name.len() > 1);
            }
            (None, b'<') => return Err(self.broken("a tag begins within a tag")),
            _ => {}
        }
        if self.name.len() < MAX_NAME_BYTES {
            self.name.push(byte);
        }
        match self.name.as_slice() {
            b"!--" => self.place = Place::Comment,
            b"?" => self.place = Place::Instruction,
            b"!DOCTYPE" => self.place = Place::DocumentType,
            b"![CDATA[" => return Err(PlistError::CData.into()),
            _ => {}
        }
        Ok(())
    }

    fn document_type_byte(&mut self, byte: u8) -> Result<(), Malformed> {
        match (self.quote, byte) {
            (Some(quote), _) if byte == quote => self.quote = None,
            (None, b'"' | b'\'') => self.quote = Some(byte),
            (None, b'[') => return Err(PlistError::Entities.into()),
            (None, b'>') => self.place = Place::Text,
            _ => {}
        }
        Ok(())
    }

    /// Takes a whole tag whose name has been collected.
    fn end_tag(&mut self, is_empty: bool) -> Result<(), Malformed> {
        let is_end = self.name.first() == Some(&b'/');
        let name = self.name.strip_prefix(b"/").unwrap_or(&self.name);
        let end = name.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'/').unwrap_or(name.len());
        let element = ELEMENTS.iter().position(|element| element.as_bytes() == &name[..end]).map(|element| element as u8);
        let Some(element) = element else {
            return Err(if self.open.is_empty() {
                PlistError::NotPlist.into()
            } else {
                self.broken("an element is none of property lists")
            });
        };
        if is_end {
            return self.close(element);
        }
        self.open(element)?;
        if is_empty { self.close(element) } else { Ok(()) }
    }

    fn open(&mut self, element: u8) -> Result<(), Malformed> {
        let fits = match self.open.last() {
            None => ELEMENTS[usize::from(element)] == "plist" && !self.root_closed,
            Some(parent) => *parent < CONTAINERS && element != 0,
        };
        if !fits {
            return Err(if self.open.is_empty() && !self.root_closed {
                PlistError::NotPlist.into()
            } else {
                self.broken("an element stands in the wrong place")
            });
        }
        if self.open.len() == 1 && std::mem::replace(&mut self.has_value, true) {
            return Err(self.broken("the <plist> element holds more than one value"));
        }
        // The root element and the innermost scalar are no containers.
        if self.open.len() > MAX_DEPTH && element < CONTAINERS {
            return Err(PlistError::TooDeep.into());
        }
        self.open.push(element);
        if self.is_top_level() {
            let wanted = match ELEMENTS[usize::from(element)] {
                "key" => true,
                "string" => self.key.as_deref().is_some_and(|key| WANTED.contains(&key)),
                _ => false,
            };
            self.text = wanted.then(Vec::new);
        }
        Ok(())
    }

    fn close(&mut self, element: u8) -> Result<(), Malformed> {
        let top_level = self.is_top_level();
        if self.open.pop() != Some(element) {
            return Err(self.broken("an element ends that did not begin"));
        }
        if self.open.is_empty() {
            self.root_closed = true;
        }
        if !top_level {
            return Ok(());
        }
        let text = self.text.take().map(|text| self.unescape(&text)).transpose()?;
        match (ELEMENTS[usize::from(element)], self.key.take()) {
            ("key", _) => self.key = text,
            ("string", Some(key)) => {
                if let Some(text) = text {
                    // As everywhere, of a key that comes twice the last value counts.
                    self.found.insert(key, Value::String(text));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the innermost open element holds text.
    fn in_scalar(&self) -> bool {
        self.open.last().is_some_and(|element| *element >= CONTAINERS)
    }

    /// Whether the innermost open element stands directly in the root dictionary.
    fn is_top_level(&self) -> bool {
        self.open.len() == 3 && self.open[1] == 1
    }

    fn unescape(&self, text: &[u8]) -> Result<String, Malformed> {
        let text = std::str::from_utf8(text).map_err(|_| self.broken("this is not UTF-8"))?;
        quick_xml::escape::unescape(text).map(std::borrow::Cow::into_owned).map_err(|_| PlistError::Entities.into())
    }

    fn broken(&self, what: &str) -> Malformed {
        PlistError::Malformed { at: self.at, what: what.to_owned() }.into()
    }
}
