//! Dumps of NanoMDM's databases, as text: what `mysqldump` and `pg_dump` write of its tables.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::files::{bootstrap, with_unlock_token};
use super::{Handed, Haul, MESSAGES_MAX, PushPair, Unreadable, digest};
use crate::pki::certificate::Certificate;
use crate::pki::{pem, unhex};
use crate::secret::SecretBytes;

/// Tables that are read; newer versions begin their names with `nano_`.
const TABLES: [&str; 5] = ["devices", "users", "enrollments", "cert_auth_associations", "push_certs"];

/// What begins a line of a table's description that is no column.
const NO_COLUMNS: [&str; 8] = ["primary", "key", "unique", "constraint", "check", "foreign", "index", "fulltext"];

/// A row by the names of its columns; NULL is absent.
type Row = HashMap<String, Vec<u8>>;

/// Whether the bytes look like such a dump.
pub fn is_dump(bytes: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1 << 16)]).to_ascii_lowercase();
    ["-- mysql dump", "-- mariadb dump", "-- postgresql database dump", "insert into ", "\ncopy "].iter().any(|word| head.contains(word))
}

/// Reads a dump.
pub fn read(bytes: &[u8]) -> Result<Haul, Unreadable> {
    let tables = Tables::read(bytes)?;
    let gone = tables.rows("enrollments").iter().filter(|row| is_no(row.get("enabled")));
    let over: HashSet<&[u8]> = gone.filter_map(|row| row.get("id").map(Vec::as_slice)).collect();
    let mut identities: BTreeMap<&[u8], [u8; 32]> = BTreeMap::new();
    for row in tables.rows("cert_auth_associations") {
        if let (Some(id), Some(hash)) = (row.get("id"), row.get("sha256").and_then(|hash| digest(hash))) {
            identities.insert(id, hash);
        }
    }
    let (mut haul, mut left) = (Haul::default(), 0_usize);
    for row in tables.rows("devices") {
        let (Some(id), Some(authenticate)) = (row.get("id"), row.get("authenticate")) else { continue };
        let Some(token_update) = row.get("token_update").filter(|_| !over.contains(id.as_slice())) else {
            left += 1;
            continue;
        };
        let named = || Some(*Certificate::from_pem(row.get("identity_cert")?).ok()?.fingerprint().as_bytes());
        let identity = identities.get(id.as_slice()).copied().or_else(named);
        haul.messages.push(Handed::of(authenticate.clone(), identity));
        haul.messages.push(Handed::of(with_unlock_token(token_update, row.get("unlock_token").map(Vec::as_slice)), identity));
        let token = row.get("bootstrap_token_b64").and_then(|text| pem::base64(text));
        if let Some(message) = token.and_then(|token| bootstrap(authenticate, &String::from_utf8_lossy(id), &token)) {
            haul.messages.push(Handed::of(message, identity));
        }
    }
    for row in tables.rows("users") {
        let is_over = row.get("id").is_some_and(|id| over.contains(id.as_slice()));
        if let Some(token_update) = row.get("token_update").filter(|_| !is_over) {
            haul.messages.push(Handed::of(token_update.clone(), None));
        }
    }
    for row in tables.rows("push_certs") {
        if let (Some(certificate), Some(key)) = (row.get("cert_pem"), row.get("key_pem")) {
            haul.push.push(PushPair { certificate: certificate.clone(), key: SecretBytes::new(key.clone()) });
        }
    }
    if haul.messages.len() > MESSAGES_MAX {
        return Err(Unreadable::TooMany);
    }
    if left > 0 {
        haul.left.push(t!(
            "{left} {have} left there, or never finished to enroll.",
            left,
            have = if left == 1 { "device has" } else { "devices have" }
        ));
    }
    if haul.messages.is_empty() && left == 0 {
        return Err(Unreadable::Another(t!("no devices of NanoMDM are in this dump; dump the whole database, with its data")));
    }
    Ok(haul)
}

fn is_no(enabled: Option<&Vec<u8>>) -> bool {
    enabled.is_some_and(|word| matches!(word.as_slice(), b"0" | b"f" | b"false" | b"FALSE"))
}

/// What is said of the tables that are read.
#[derive(Default)]
struct Tables {
    rows: HashMap<&'static str, Vec<Row>>,
    /// Their columns in the order of their description, for rows that do not name them.
    columns: HashMap<&'static str, Vec<String>>,
}

impl Tables {
    fn rows(&self, table: &str) -> &[Row] {
        self.rows.get(table).map_or(&[], Vec::as_slice)
    }

    fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut tables = Self::default();
        let is_literal = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]).contains("PostgreSQL database dump");
        let mut at = Cursor { bytes, at: 0, is_literal };
        while !at.is_at_end() {
            at.skip_space();
            if at.word("--") || at.word("/*") && !at.peeks(b"!") {
                at.skip_line();
            } else if at.word("INSERT INTO ") {
                tables.insert(&mut at)?;
            } else if at.word("CREATE TABLE ") {
                tables.create(&mut at)?;
            } else if at.word("COPY ") {
                tables.copy(&mut at)?;
            } else {
                at.skip_statement()?;
            }
        }
        Ok(tables)
    }

    fn table(name: &str) -> Option<&'static str> {
        let name = name.rsplit('.').next().unwrap_or(name);
        let name = name.strip_prefix("nano_").unwrap_or(name);
        TABLES.into_iter().find(|table| *table == name)
    }

    /// `CREATE TABLE table (column type …, …);`
    fn create(&mut self, at: &mut Cursor<'_>) -> Result<(), Unreadable> {
        at.skip_space();
        at.word("IF NOT EXISTS ");
        let table = Self::table(&at.name());
        at.skip_space();
        if let (Some(table), true) = (table, at.byte(b'(')) {
            let names = at.columns()?.into_iter().filter(|name| !NO_COLUMNS.contains(&name.to_ascii_lowercase().as_str()));
            self.columns.insert(table, names.collect());
        }
        at.skip_statement()
    }

    /// `INSERT INTO table (columns) VALUES (…),(…);`
    fn insert(&mut self, at: &mut Cursor<'_>) -> Result<(), Unreadable> {
        let Some(table) = Self::table(&at.name()) else { return at.skip_statement() };
        at.skip_space();
        let columns = if at.byte(b'(') { at.names() } else { self.columns.get(table).cloned().unwrap_or_default() };
        at.skip_space();
        if !at.word("VALUES") || columns.is_empty() {
            return at.skip_statement();
        }
        loop {
            at.skip_space();
            if !at.byte(b'(') {
                return at.skip_statement();
            }
            let values = at.values()?;
            let row = columns.iter().cloned().zip(values).filter_map(|(name, value)| Some((name, value?)));
            self.rows.entry(table).or_default().push(row.collect());
            at.skip_space();
            if !at.byte(b',') {
                return at.skip_statement();
            }
        }
    }

    /// `COPY table (columns) FROM stdin;`, then lines with tabs, then `\.`.
    fn copy(&mut self, at: &mut Cursor<'_>) -> Result<(), Unreadable> {
        let table = Self::table(&at.name());
        at.skip_space();
        let columns = if at.byte(b'(') { at.names() } else { Vec::new() };
        at.skip_line();
        loop {
            let line = at.line().ok_or(Unreadable::Damaged(t!("the rows of a table do not end")))?;
            if line == b"\\." {
                return Ok(());
            }
            if let Some(table) = table {
                let values = line.split(|byte| *byte == b'\t').map(unescaped);
                let row = columns.iter().cloned().zip(values).filter_map(|(name, value)| Some((name, value?)));
                self.rows.entry(table).or_default().push(row.collect());
            }
        }
    }
}

/// A value of a COPY line; `\N` is NULL, and bytes are `\x` and hexadecimal digits.
fn unescaped(value: &[u8]) -> Option<Vec<u8>> {
    if value == b"\\N" {
        return None;
    }
    let (mut text, mut bytes) = (Vec::with_capacity(value.len()), value.iter().copied());
    while let Some(byte) = bytes.next() {
        text.push(match byte {
            b'\\' => match bytes.next()? {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                other => other,
            },
            byte => byte,
        });
    }
    let binary = text.strip_prefix(b"\\x").and_then(unhex);
    Some(binary.unwrap_or(text))
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Whether a backslash in a text is only that.
    is_literal: bool,
}

impl Cursor<'_> {
    fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.at.min(self.bytes.len())..]
    }

    fn peeks(&self, word: &[u8]) -> bool {
        self.rest().starts_with(word)
    }

    fn skip_space(&mut self) {
        self.at += self.rest().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    }

    fn byte(&mut self, byte: u8) -> bool {
        let is_there = self.rest().first() == Some(&byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn word(&mut self, word: &str) -> bool {
        let is_there = self.rest().get(..word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word.as_bytes()));
        self.at += if is_there { word.len() } else { 0 };
        is_there
    }

    fn line(&mut self) -> Option<&[u8]> {
        if self.is_at_end() {
            return None;
        }
        let begin = self.at;
        let length = self.rest().iter().position(|byte| *byte == b'\n').unwrap_or(self.rest().len());
        self.at = begin + length + 1;
        Some(self.bytes[begin..begin + length].strip_suffix(b"\r").unwrap_or(&self.bytes[begin..begin + length]))
    }

    fn skip_line(&mut self) {
        self.line();
    }

    /// A name of a table or column, without its quotes.
    fn name(&mut self) -> String {
        let length =
            self.rest().iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'`' | b'"' | b'.')).count();
        let name: String = self.rest()[..length].iter().filter(|byte| !matches!(byte, b'`' | b'"')).map(|byte| char::from(*byte)).collect();
        self.at += length;
        name
    }

    /// Names up to the closing bracket.
    fn names(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        while !self.is_at_end() && !self.byte(b')') {
            self.skip_space();
            match self.name() {
                name if name.is_empty() => self.at += 1,
                name => names.push(name),
            }
        }
        names
    }

    /// The first word of each item up to the closing bracket.
    fn columns(&mut self) -> Result<Vec<String>, Unreadable> {
        const OPEN: Unreadable = Unreadable::Damaged(msg!("a table without an end"));
        let mut names = Vec::new();
        loop {
            self.skip_space();
            names.push(self.name());
            let mut depth = 0_usize;
            loop {
                let byte = *self.rest().first().ok_or(OPEN)?;
                self.at += 1;
                match byte {
                    b'(' => depth += 1,
                    b')' if depth == 0 => return Ok(names),
                    b')' => depth -= 1,
                    b',' if depth == 0 => break,
                    b'\'' => drop(self.quoted(self.is_literal)?),
                    _ => {}
                }
            }
        }
    }

    /// Values up to the closing bracket.
    fn values(&mut self) -> Result<Vec<Option<Vec<u8>>>, Unreadable> {
        let mut values = Vec::new();
        loop {
            self.skip_space();
            // PostgreSQL's texts have no escapes unless an E stands before them.
            let is_literal = self.is_literal && !self.peeks(b"E'");
            if self.peeks(b"E'") {
                self.at += 1;
            } else {
                self.word("_binary ");
            }
            values.push(if self.byte(b'\'') {
                let text = self.quoted(is_literal)?;
                // Its bytes are a text of hexadecimal digits.
                Some(text.strip_prefix(b"\\x").filter(|_| self.is_literal).and_then(unhex).unwrap_or(text))
            } else {
                self.bare()
            });
            self.skip_space();
            if self.byte(b')') {
                return Ok(values);
            }
            if !self.byte(b',') {
                return Err(Unreadable::Damaged(t!("a row without an end")));
            }
        }
    }

    /// A number, a word, or bytes as 0x and hexadecimal digits.
    fn bare(&mut self) -> Option<Vec<u8>> {
        let length = self.rest().iter().take_while(|byte| !matches!(byte, b',' | b')') && !byte.is_ascii_whitespace()).count();
        let word = self.rest()[..length].to_vec();
        self.at += length;
        if word.eq_ignore_ascii_case(b"NULL") {
            return None;
        }
        let binary = word.strip_prefix(b"0x").and_then(unhex);
        Some(binary.unwrap_or(word))
    }

    /// A text up to its quote; a quote inside is doubled or has a backslash before it.
    fn quoted(&mut self, is_literal: bool) -> Result<Vec<u8>, Unreadable> {
        const OPEN: Unreadable = Unreadable::Damaged(msg!("a text without an end"));
        let mut text = Vec::new();
        loop {
            let byte = *self.rest().first().ok_or(OPEN)?;
            self.at += 1;
            match byte {
                b'\'' if self.byte(b'\'') => text.push(b'\''),
                b'\'' => return Ok(text),
                b'\\' if !is_literal => {
                    let escaped = *self.rest().first().ok_or(OPEN)?;
                    self.at += 1;
                    text.push(match escaped {
                        b'n' => b'\n',
                        b't' => b'\t',
                        b'r' => b'\r',
                        b'0' => 0,
                        b'Z' => 0x1a,
                        other => other,
                    });
                }
                byte => text.push(byte),
            }
        }
    }

    /// Everything up to the semicolon that ends a statement.
    fn skip_statement(&mut self) -> Result<(), Unreadable> {
        while let Some(byte) = self.rest().first().copied() {
            self.at += 1;
            match byte {
                b';' => return Ok(()),
                b'\'' => drop(self.quoted(self.is_literal)?),
                _ => {}
            }
        }
        Ok(())
    }
}
