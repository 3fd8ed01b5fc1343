//! One table: its encoding, its separator, its header row and its rows.

use super::{COLUMNS_MAX, FIELD_MAX_BYTES, Mistake, ROWS_MAX, mistake};

/// A table that was read.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// The file's name.
    pub(super) name: String,
    /// The header row, reduced to small letters and digits: `emailaddress`.
    pub(super) columns: Vec<String>,
    /// The header row as it stands.
    pub(super) titles: Vec<String>,
    /// The rows, without empty ones.
    pub(super) rows: Vec<Row>,
    /// Rows that have fewer or more cells than the header row: where they stand, and how many.
    ragged: Vec<(u64, usize)>,
}

/// Rows with another number of cells than the header row that are told one by one.
pub(super) const RAGGED_TOLD: usize = 20;

/// One row.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Where it stands in the file.
    pub(super) line: u64,
    cells: Vec<String>,
}

impl Row {
    /// What stands in a column, without spaces around; empty where there is no such column.
    pub(super) fn cell(&self, column: Option<usize>) -> &str {
        column.and_then(|at| self.cells.get(at)).map_or("", |cell| cell.trim())
    }
}

/// A title, a word or a key as they are compared: small letters and digits only.
pub(super) fn key_of(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl Table {
    /// Reads a file of up to `rows_max` rows.
    pub(super) fn read(name: &str, bytes: &[u8], rows_max: usize) -> Result<Self, Mistake> {
        // However lines end, they are counted alike.
        let text = decode(name, bytes)?.replace("\r\n", "\n").replace('\r', "\n");
        let (text, separator) = separator(&text);
        if let Some(line) = unclosed(text, separator) {
            return mistake(t!(
                "A quotation mark is opened in line {line} of “{name}” and never closed, so all that follows would be one field. Close it, or take it out.",
                line,
                name
            ));
        }
        let mut reader = csv::ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(text.as_bytes());
        let mut record = csv::StringRecord::new();
        let mut lines = Lines { text: text.as_bytes(), at: 0, line: 1 };
        let mut table = Self { name: name.to_owned(), columns: Vec::new(), titles: Vec::new(), rows: Vec::new(), ragged: Vec::new() };
        loop {
            match reader.read_record(&mut record) {
                Ok(false) => break,
                Ok(true) => {}
                Err(error) => {
                    let line = lines.at(error.position());
                    return mistake(t!(
                        "“{name}” cannot be read as a table from line {line} on. Save it as CSV with UTF-8 once more.",
                        name,
                        line
                    ));
                }
            }
            let line = lines.at(record.position());
            if record.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            if record.len() > COLUMNS_MAX {
                return mistake(t!(
                    "Line {line} of “{name}” has {record} columns; at most {COLUMNS_MAX} are taken.",
                    line,
                    name,
                    record = record.len(),
                    COLUMNS_MAX
                ));
            }
            if let Some(cell) = record.iter().find(|cell| cell.len() > FIELD_MAX_BYTES) {
                let begin: String = cell.chars().take(20).collect();
                return mistake(t!(
                    "A field in line {line} of “{name}” is longer than {FIELD_MAX_BYTES} bytes: “{begin}…”. Perhaps a quotation mark is missing before it.",
                    line,
                    name,
                    FIELD_MAX_BYTES,
                    begin
                ));
            }
            let cells: Vec<String> =
                record.iter().map(|cell| cell.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()).collect();
            if table.columns.is_empty() {
                table.columns = cells.iter().map(|title| key_of(title)).collect();
                table.titles = cells;
                continue;
            }
            if table.rows.len() == rows_max {
                return mistake(t!("There are more than {ROWS_MAX} rows in it, which is the most that is taken.", ROWS_MAX));
            }
            // Separators at the end of a line are no cells that anybody would miss.
            let used = cells.iter().rposition(|cell| !cell.trim().is_empty()).map_or(0, |last| last + 1);
            if cells.len() < table.columns.len() || used > table.columns.len() {
                table.ragged.push((line, cells.len()));
            }
            table.rows.push(Row { line, cells });
        }
        if table.columns.is_empty() {
            return mistake(t!("“{name}” is empty.", name));
        }
        Ok(table)
    }

    /// What is to be known of rows with another number of cells than the header row.
    pub(super) fn notes(&self) -> Vec<String> {
        let wanted = self.columns.len();
        let note = |(line, count): &(u64, usize)| {
            let (cells, what) = if *count < wanted {
                ("fewer", t!("what is missing is taken as empty"))
            } else {
                ("more", t!("what is beyond the last column is not used"))
            };
            t!(
                "Line {line} of “{name}” has {cells} cells than the first line ({count} instead of {wanted}); {what}",
                line,
                name = self.name,
                cells,
                count,
                wanted,
                what
            )
        };
        let mut notes: Vec<_> = self.ragged.iter().take(RAGGED_TOLD).map(note).collect();
        let more = self.ragged.len().saturating_sub(RAGGED_TOLD);
        if more > 0 {
            notes.push(t!("{more} more lines of “{name}” have fewer or more cells than the first line", more, name = self.name));
        }
        notes
    }

    /// The first column with one of these titles.
    pub(super) fn column(&self, titles: &[&str]) -> Option<usize> {
        titles.iter().find_map(|title| self.columns.iter().position(|column| column == title))
    }

    /// Whether every one of these columns is there.
    pub(super) fn has(&self, titles: &[&str]) -> bool {
        titles.iter().all(|title| self.column(&[title]).is_some())
    }
}

/// The line in which a quotation mark is opened that nothing closes. One opens a field only at its beginning, and two within it stand for one.
fn unclosed(text: &str, separator: u8) -> Option<u64> {
    let (mut line, mut opened, mut at_beginning) = (1, None, true);
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match (byte, opened) {
            (b'"', Some(_)) if bytes.peek() == Some(&b'"') => drop(bytes.next()),
            (b'"', Some(_)) => opened = None,
            (b'"', None) if at_beginning => opened = Some(line),
            _ => {}
        }
        line += u64::from(byte == b'\n');
        at_beginning = byte == separator || byte == b'\n' || byte == b'\r';
    }
    opened
}

/// Which line of a file a record begins in; the reader's own count knows nothing of the empty lines before it.
struct Lines<'a> {
    text: &'a [u8],
    /// Bytes that are counted.
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// Asked in the order of the file.
    fn at(&mut self, position: Option<&csv::Position>) -> u64 {
        let begin = position.map_or(self.at, |position| position.byte() as usize);
        while self.at < begin || self.text.get(self.at) == Some(&b'\n') {
            self.line += u64::from(self.text.get(self.at) == Some(&b'\n'));
            self.at += 1;
        }
        self.line
    }
}

/// Text from UTF-8 with or without a mark at its beginning, or from UTF-16 with one.
fn decode(name: &str, bytes: &[u8]) -> Result<String, Mistake> {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, odd) = rest.as_chunks::<2>();
        let letters: Result<String, _> = char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).collect();
        match letters {
            Ok(text) if odd.is_empty() => Ok(text),
            _ => mistake(t!("“{name}” begins like UTF-16 and is cut off or damaged. Save it as CSV with UTF-8.", name)),
        }
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(name, rest),
        whole => utf8(name, whole),
    }
}

fn utf8(name: &str, bytes: &[u8]) -> Result<String, Mistake> {
    if bytes.contains(&0) {
        return mistake(t!("“{name}” is not a table of text. Export it from your spreadsheet or school system as CSV with UTF-8.", name));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let line = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
            mistake(t!(
                "“{name}” has letters in line {line} that are not UTF-8, so names would be spoiled. In Excel, save it as “CSV UTF-8”; elsewhere choose the encoding UTF-8.",
                name,
                line
            ))
        }
    }
}

/// What separates the columns: what the first line says (`sep=;`), or what it has most of outside of quotation marks.
fn separator(text: &str) -> (&str, u8) {
    let first = text.lines().next().unwrap_or_default();
    if let Some(said) = first.trim_end().strip_prefix("sep=").filter(|said| said.len() == 1) {
        // Its line stays, as an empty one: those after it keep their numbers.
        return (&text[first.len()..], said.as_bytes()[0]);
    }
    let mut quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    for byte in first.bytes() {
        if byte == b'"' {
            quoted = !quoted;
        } else if !quoted && let Some((_, count)) = counts.iter_mut().find(|(separator, _)| *separator == byte) {
            *count += 1;
        }
    }
    // Of two that are as frequent the comma comes first: it is the format's own.
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or_default();
    (text, counts.iter().find(|(_, count)| *count == most).map_or(b',', |(separator, _)| *separator))
}
