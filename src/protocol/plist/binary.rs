//! Checks the object table of a binary property list before anything unfolds it: bounds, cycles, depth, and how large it would become.

use plist::{Dictionary, Value};

use super::{BINARY_EXPANSION_ALLOWANCE, MAX_BINARY_EXPANSION, MAX_BINARY_OBJECTS, MAX_DEPTH, PlistError};

const HEADER_BYTES: usize = 8;
const TRAILER_BYTES: usize = 32;

/// What one value costs in memory beside its bytes.
const VALUE_BYTES: u64 = 16;

/// The longest text that [`texts`] reads.
const MAX_TEXT_BYTES: usize = 1024;

/// The entries of a root dictionary that [`texts`] goes through; a report has a dozen.
const MAX_TEXT_ENTRIES: usize = 1000;

/// Walks every object once, without recursion; what is shared is measured once and counted wherever it is used.
pub(super) fn check(bytes: &[u8]) -> Result<(), PlistError> {
    let table = Table::open(bytes)?;
    let limit = (bytes.len() as u64).saturating_mul(MAX_BINARY_EXPANSION).saturating_add(BINARY_EXPANSION_ALLOWANCE);
    let mut measures = vec![Measure::Unknown; table.count];
    // Only containers are on the walk, so its length is the depth.
    let mut walk = vec![table.step(table.root)?];
    measures[table.root] = Measure::Open;
    while let Some(step) = walk.last_mut() {
        if step.bytes > limit {
            return Err(PlistError::TooLarge);
        }
        let Some(object) = step.next_reference(&table)? else {
            let done = *step;
            measures[done.object] = Measure::Known { bytes: done.bytes, height: done.height };
            walk.pop();
            if let Some(parent) = walk.last_mut() {
                parent.add(done.bytes, done.height);
            }
            continue;
        };
        match measures[object] {
            Measure::Open => return Err(broken(t!("an object contains itself"))),
            Measure::Known { bytes, height } => {
                step.add(bytes, height);
                if walk.len() + usize::from(height) > MAX_DEPTH {
                    return Err(PlistError::TooDeep);
                }
            }
            Measure::Unknown => {
                let inner = table.step(object)?;
                if inner.height == 0 {
                    measures[object] = Measure::Known { bytes: inner.bytes, height: 0 };
                    step.add(inner.bytes, 0);
                } else if walk.len() < MAX_DEPTH {
                    measures[object] = Measure::Open;
                    walk.push(inner);
                } else {
                    return Err(PlistError::TooDeep);
                }
            }
        }
    }
    Ok(())
}

/// The texts that the root dictionary holds itself, whatever else is broken; none where there is no root dictionary.
///
/// What cannot be read is passed over with its key, and of a key that comes twice the last value counts.
pub(super) fn texts(bytes: &[u8]) -> Option<Dictionary> {
    let table = Table::open(bytes).ok()?;
    let root = table.step(table.root).ok()?;
    let entries = root.references.len() / (2 * table.reference_size);
    if table.marker(table.root)? >> 4 != 0xD || entries > MAX_TEXT_ENTRIES {
        return None;
    }
    let (mut keys, mut values) = (root, root);
    (keys.references, values.references) = root.references.split_at(root.references.len() / 2);
    let mut texts = Dictionary::new();
    while !keys.references.is_empty() {
        let text = |step: &mut Step<'_>| step.next_reference(&table).ok().flatten().and_then(|object| table.text(object));
        let (key, value) = (text(&mut keys), text(&mut values));
        if let (Some(key), Some(value)) = (key, value) {
            texts.insert(key, Value::String(value));
        }
    }
    Some(texts)
}

/// What is known of an object.
#[derive(Clone, Copy)]
enum Measure {
    Unknown,
    Open,
    Known { bytes: u64, height: u8 },
}

/// An object whose references are being followed.
#[derive(Clone, Copy)]
struct Step<'a> {
    object: usize,
    /// The references that have not been followed yet.
    references: &'a [u8],
    /// What the object and all that is known below it unfold to.
    bytes: u64,
    /// How many containers lie within one another from here down; 0 for anything else.
    height: u8,
}

impl Step<'_> {
    fn add(&mut self, bytes: u64, height: u8) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.height = self.height.max(height.saturating_add(1));
    }

    /// Takes the next object referred to.
    fn next_reference(&mut self, table: &Table<'_>) -> Result<Option<usize>, PlistError> {
        if self.references.is_empty() {
            return Ok(None);
        }
        let (reference, rest) = self.references.split_at(table.reference_size);
        self.references = rest;
        let object = usize::try_from(big_endian(reference)).ok().filter(|object| *object < table.count);
        object.map(Some).ok_or_else(|| broken(t!("a reference points outside the object table")))
    }
}

/// The object table: the trailer's numbers, checked against the length of the file.
struct Table<'a> {
    bytes: &'a [u8],
    offset_size: usize,
    reference_size: usize,
    count: usize,
    root: usize,
    offsets_at: usize,
}

impl<'a> Table<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, PlistError> {
        let end = bytes.len().checked_sub(TRAILER_BYTES).filter(|end| *end >= HEADER_BYTES).ok_or_else(|| broken(t!("it is cut short")))?;
        let trailer = &bytes[end..];
        let number = |at: usize| usize::try_from(big_endian(&trailer[at..at + 8])).map_err(|_| broken(t!("the trailer is wrong")));
        let (offset_size, reference_size) = (usize::from(trailer[6]), usize::from(trailer[7]));
        let (count, root, offsets_at) = (number(8)?, number(16)?, number(24)?);
        if count > MAX_BINARY_OBJECTS {
            return Err(PlistError::TooLarge);
        }
        let offsets_end = count.checked_mul(offset_size).and_then(|size| size.checked_add(offsets_at));
        let fits = offsets_end.is_some_and(|offsets_end| offsets_end <= end);
        if !(1..=8).contains(&offset_size) || !(1..=8).contains(&reference_size) || root >= count || !fits {
            return Err(broken(t!("the trailer is wrong")));
        }
        Ok(Self { bytes, offset_size, reference_size, count, root, offsets_at })
    }

    /// Where an object begins; it may lie outside the file.
    fn place(&self, object: usize) -> Option<usize> {
        let offset = self.offsets_at + object * self.offset_size;
        usize::try_from(big_endian(&self.bytes[offset..offset + self.offset_size])).ok()
    }

    /// The byte that tells an object's type.
    fn marker(&self, object: usize) -> Option<u8> {
        self.bytes.get(self.place(object)?).copied()
    }

    /// The text that an object is, of the length that the keys and ids of a report have.
    fn text(&self, object: usize) -> Option<String> {
        let marker = self.marker(object)?;
        let (count, body) = self.count_at(self.place(object)?, marker)?;
        let unit = match marker >> 4 {
            0x5 => 1,
            0x6 => 2,
            _ => return None,
        };
        let content =
            self.bytes.get(body..body.checked_add(count.checked_mul(unit)?)?).filter(|content| content.len() <= MAX_TEXT_BYTES)?;
        if unit == 1 {
            return std::str::from_utf8(content).ok().map(str::to_owned);
        }
        let letters: Vec<u16> = content.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
        String::from_utf16(&letters).ok()
    }

    /// Reads the head of an object: what it refers to and how many bytes it holds itself.
    fn step(&self, object: usize) -> Result<Step<'a>, PlistError> {
        let cut = || broken(t!("an object lies outside the file"));
        let at = self.place(object).ok_or_else(cut)?;
        let marker = self.marker(object).ok_or_else(cut)?;
        let (unit, is_container) = match marker >> 4 {
            0x4 | 0x5 | 0x7 => (1, false),
            0x6 => (2, false),
            0xA..=0xC => (self.reference_size, true),
            0xD => (2 * self.reference_size, true),
            _ => return Ok(Step { object, references: &[], bytes: VALUE_BYTES, height: 0 }),
        };
        let (count, body) = self.count_at(at, marker).ok_or_else(cut)?;
        let size = count.checked_mul(unit).ok_or_else(cut)?;
        let content = self.bytes.get(body..body.checked_add(size).ok_or_else(cut)?).ok_or_else(cut)?;
        Ok(if is_container {
            Step { object, references: content, bytes: VALUE_BYTES, height: 1 }
        } else {
            Step { object, references: &[], bytes: VALUE_BYTES + size as u64, height: 0 }
        })
    }

    /// The count in an object's marker, or in the integer that follows it, and where its content begins.
    fn count_at(&self, at: usize, marker: u8) -> Option<(usize, usize)> {
        if marker & 0x0F != 0x0F {
            return Some((usize::from(marker & 0x0F), at + 1));
        }
        let size_marker = *self.bytes.get(at + 1)?;
        if size_marker >> 4 != 1 || size_marker & 0x0F > 3 {
            return None;
        }
        let size = 1 << (size_marker & 0x0F);
        let digits = self.bytes.get(at + 2..at + 2 + size)?;
        Some((usize::try_from(big_endian(digits)).ok()?, at + 2 + size))
    }
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn broken(what: &str) -> PlistError {
    PlistError::Malformed { at: 0, what: what.to_owned() }
}
