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

/// Stands for an element that is none of those, or not where it may be: nothing in it is looked at.
const OTHER: u8 = ELEMENTS.len() as u8;

/// Elements within one another of which each is remembered; those beyond are counted.
const MAX_OPEN: usize = MAX_DEPTH + 2;

/// A reader that is fed a body piece by piece.
///
/// It checks how elements nest, but not their values, and goes on behind what it cannot read: a device repeats its answer until it is taken, so that
/// one bad letter in an app's name must not keep its queue from going on. Binary property lists cannot be read from their beginning and are
/// refused; devices send none of such size.
#[derive(Debug)]
pub struct Scanner {
    place: Place,
    /// Bytes since the beginning, for errors.
    at: u64,
    /// The first bytes, until it is certain that they are no binary list.
    begin: Vec<u8>,
    /// The elements that are open, as places in [`ELEMENTS`]; up to [`MAX_OPEN`].
    open: Vec<u8>,
    /// How many more are open within those.
    beyond: u64,
    /// The first thing that could not be read.
    fault: Option<Malformed>,
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
    CData,
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
            beyond: 0,
            fault: None,
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

    /// Takes the next piece of the body; fails where it is no XML property list at all.
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
    ///
    /// Where something could not be read, what was found counts only if it answers a command; else the first fault is the answer.
    pub fn finish(mut self) -> Result<Head, Malformed> {
        if self.at == 0 {
            return Err(PlistError::Empty.into());
        }
        if !self.root_closed {
            self.broken(t!("it ends in the middle"));
        }
        let head = Head::read(&self.found);
        match self.fault {
            None => head,
            Some(fault) => head.ok().filter(Head::answers_a_command).ok_or(fault),
        }
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
            Place::CData => {
                if byte == b'>' && self.last == *b"]]" {
                    self.place = Place::Text;
                }
            }
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
            if self.open.is_empty() && !self.root_closed {
                return Err(PlistError::NotPlist.into());
            }
            self.broken(t!("text stands between the values"));
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
            (None, b'<') => {
                self.broken(t!("a tag begins within a tag"));
                self.name.clear();
                return Ok(());
            }
            _ => {}
        }
        if self.name.len() < MAX_NAME_BYTES {
            self.name.push(byte);
        }
        match self.name.as_slice() {
            b"!--" => self.place = Place::Comment,
            b"?" => self.place = Place::Instruction,
            b"!DOCTYPE" => self.place = Place::DocumentType,
            b"![CDATA[" => {
                self.fault(PlistError::CData);
                self.text = None;
                self.place = Place::CData;
            }
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
        if self.open.is_empty() && !self.root_closed && (is_end || element != Some(0)) {
            return Err(PlistError::NotPlist.into());
        }
        let element = element.unwrap_or_else(|| {
            self.broken(t!("an element is none of property lists"));
            OTHER
        });
        let ends = is_end || self.open(element) && is_empty;
        if ends {
            self.close(element);
        }
        Ok(())
    }

    /// Begins an element; tells whether it has to be ended.
    fn open(&mut self, mut element: u8) -> bool {
        if self.root_closed {
            self.broken(t!("something follows the end of the property list"));
            return false;
        }
        let parent = self.open.last();
        if self.beyond > 0 || parent.is_some_and(|parent| *parent >= CONTAINERS || element == 0) {
            self.broken(t!("an element stands in the wrong place"));
            self.text = None;
        }
        if self.open.len() == 1 && std::mem::replace(&mut self.has_value, true) {
            self.broken("the <plist> element holds more than one value");
            element = OTHER;
        }
        // The root element and the innermost scalar are no containers.
        if self.open.len() > MAX_DEPTH && element < CONTAINERS {
            self.fault(PlistError::TooDeep);
        }
        if self.open.len() == MAX_OPEN {
            self.beyond += 1;
            return true;
        }
        self.open.push(element);
        if self.is_top_level() {
            let wanted = match ELEMENTS.get(usize::from(element)) {
                Some(&"key") => true,
                Some(&"string") => self.key.as_deref().is_some_and(|key| WANTED.contains(&key)),
                _ => false,
            };
            self.text = wanted.then(Vec::new);
        }
        true
    }

    fn close(&mut self, element: u8) {
        if self.beyond > 0 {
            self.beyond -= 1;
            return;
        }
        if self.open.last() != Some(&element) {
            self.broken(t!("an element ends that did not begin"));
            self.text = None;
            // What was left open within it ends with it. Nothing ends the root or its dictionary but their own ends.
            let Some(begin) = self.open.iter().skip(2).rposition(|open| *open == element) else { return };
            self.open.truncate(begin + 3);
        }
        let top_level = self.is_top_level();
        self.open.pop();
        if self.open.is_empty() {
            self.root_closed = true;
        }
        if !top_level {
            return;
        }
        let text = self.text.take().and_then(|text| match unescape(&text) {
            Ok(text) => Some(text),
            Err(fault) => {
                self.fault(fault);
                None
            }
        });
        match (ELEMENTS.get(usize::from(element)), self.key.take()) {
            (Some(&"key"), _) => self.key = text,
            (Some(&"string"), Some(key)) => {
                if let Some(text) = text {
                    // As everywhere, of a key that comes twice the last value counts.
                    self.found.insert(key, Value::String(text));
                }
            }
            _ => {}
        }
    }

    /// Whether the innermost open element holds text.
    fn in_scalar(&self) -> bool {
        self.open.last().is_some_and(|element| *element >= CONTAINERS)
    }

    /// Whether the innermost open element stands directly in the root dictionary.
    fn is_top_level(&self) -> bool {
        self.open.len() == 3 && self.open[1] == 1
    }

    fn broken(&mut self, what: &str) {
        self.fault(PlistError::Malformed { at: self.at, what: what.to_owned() });
    }

    /// Notes what could not be read; the first is the cause of the others.
    fn fault(&mut self, fault: impl Into<Malformed>) {
        if self.fault.is_none() {
            self.fault = Some(fault.into());
        }
    }
}

fn unescape(text: &[u8]) -> Result<String, PlistError> {
    let text = std::str::from_utf8(text).map_err(|_| PlistError::Malformed { at: 0, what: String::from(t!("a text is not UTF-8")) })?;
    quick_xml::escape::unescape(text).map(std::borrow::Cow::into_owned).map_err(|_| PlistError::Entities)
}
