//! Redemption codes of the old programme: a sheet is imported, each code is given away once.

use std::collections::BTreeSet;

use serde_json::json;

use crate::error::{Error, Result};
use crate::language::say;
use crate::mdm::journal::Subject;
use crate::mdm::{Actor, Right, checkin, journal};
use crate::secret::Secret;
use crate::store::enrollments::Enrollment;
use crate::store::redemption_codes::{self as rows, Count, Inserted};
use crate::store::{Tx, app_states, apps, commands, deployments};

/// Bytes of a sheet.
pub const SHEET_MAX_BYTES: usize = 4 << 20;

/// Codes of a sheet.
pub const CODES_MAX: usize = 50_000;

/// Lines without a code that are named.
pub const LINES_NAMED: usize = 20;

/// Characters of a code.
const CODE_CHARS: std::ops::RangeInclusive<usize> = 8..=32;

/// What became of a sheet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// New codes.
    pub added: usize,
    /// Codes of this app that were here already.
    pub known: usize,
    /// Codes that were here for another app, and are this one's now.
    pub moved: usize,
    /// Codes that were given away for another app; they stay that one's.
    pub elsewhere: usize,
    /// Codes that the sheet calls redeemed.
    pub redeemed: usize,
    /// Those of them that were here, and that nobody had: they are not given any more. What a device was given stays that device's.
    pub used_elsewhere: usize,
    /// Lines below the heading that hold no code: 8 to 32 letters and digits. The first of them, at most [`LINES_NAMED`].
    pub passed_over: Vec<u64>,
}

/// Imports a sheet with codes of an app: CSV, or columns with tabs or semicolons between them, as spreadsheets save them.
pub fn import(tx: &Tx, actor: &Actor, adam_id: &str, sheet: &[u8]) -> Result<Imported> {
    actor.require(Right::Configure)?;
    if adam_id.is_empty() || adam_id.len() > 20 || !adam_id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::field("adam_id", t!("the App Store's number of the app, for example 409203825")));
    }
    let Sheet { codes, redeemed, passed_over } = read(sheet)?;
    let mut imported = Imported { redeemed: redeemed.len(), passed_over, ..Imported::default() };
    for code in &codes {
        let count = match rows::insert(tx, adam_id, code)? {
            Inserted::New => &mut imported.added,
            Inserted::Known => &mut imported.known,
            Inserted::Moved => &mut imported.moved,
            Inserted::GivenElsewhere => &mut imported.elsewhere,
        };
        *count += 1;
    }
    for code in &redeemed {
        imported.used_elsewhere += usize::from(rows::used_elsewhere(tx, code)?);
    }
    for enrollment_id in app_states::wait_for_code(tx, adam_id)? {
        deployments::look_again_at(tx, &enrollment_id)?;
    }
    let Imported { added, moved, used_elsewhere, .. } = &imported;
    let data = json!({ "adam_id": adam_id, "added": added, "moved": moved, "used_elsewhere": used_elsewhere });
    journal::note(tx, actor, "redemption_codes.imported", Subject::default(), data)?;
    Ok(imported)
}

/// Whether there is a code of an app for an enrollment: its own that it has not answered to, or one that nobody has.
pub fn is_there(tx: &Tx, adam_id: &str, enrollment: &Enrollment) -> Result<bool> {
    rows::is_there(tx, adam_id, &enrollment.id)
}

/// A device answered to the code that it was given: it is used up, or, where the device says that it did not look at it, nobody's again.
pub fn answered(tx: &Tx, adam_id: &str, enrollment: &Enrollment, is_unused: bool) -> Result<()> {
    if is_unused { rows::give_back(tx, adam_id, &enrollment.id) } else { rows::use_up(tx, adam_id, &enrollment.id) }
}

/// The code of an enrollment never reached the device: nobody has it again.
pub fn give_back(tx: &Tx, adam_id: &str, enrollment: &Enrollment) -> Result<()> {
    rows::give_back(tx, adam_id, &enrollment.id)
}

/// The command that brought the code of an enrollment has left the queue: where the device was never sent it, nobody has the code again.
pub fn give_back_unsent(tx: &Tx, adam_id: &str, enrollment: &Enrollment, command_uuid: &str) -> Result<()> {
    match commands::by_uuid(tx, &enrollment.id, command_uuid)? {
        Some(command) if command.sent_at.is_none() => rows::give_back(tx, adam_id, &enrollment.id),
        _ => Ok(()),
    }
}

/// A device did not need the code, since its person had bought the app before: nobody has it again.
pub fn unused(tx: &Tx, adam_id: &str, enrollment: &Enrollment, code: &Secret<String>) -> Result<()> {
    if rows::unused(tx, adam_id, code.expose())? {
        journal::note(tx, &checkin::actor(enrollment), "redemption_code.unused", enrollment, json!({ "adam_id": adam_id }))?;
    }
    Ok(())
}

/// Gives an enrollment a code of an app; the same one when it has one already that it has not answered to. Nothing when there is none left.
pub fn take(tx: &Tx, adam_id: &str, enrollment: &Enrollment) -> Result<Option<Secret<String>>> {
    let mut code = rows::given(tx, adam_id, &enrollment.id)?;
    if code.is_none() {
        code = rows::give(tx, adam_id, &enrollment.id)?;
        if code.is_some() {
            journal::note(tx, &super::ACTOR, "redemption_code.given", enrollment, json!({ "adam_id": adam_id }))?;
        }
    }
    Ok(code.map(|code| Secret::new(String::from_utf8_lossy(code.expose()).into_owned())))
}

/// How many codes there are of an app, and its name where it is known.
pub fn list(tx: &Tx, actor: &Actor) -> Result<Vec<(Count, String)>> {
    actor.require(Right::View)?;
    let named = |count: Count| {
        let name = match apps::by_adam_id(tx, &count.adam_id)? {
            Some(app) => app.name,
            None => super::facts::of(tx, &count.adam_id)?.name,
        };
        Ok((count, name))
    };
    rows::counts(tx)?.into_iter().map(named).collect()
}

/// Removes the codes of an app that nobody has.
pub fn remove(tx: &Tx, actor: &Actor, adam_id: &str) -> Result<usize> {
    actor.require(Right::Configure)?;
    let removed = rows::remove_left(tx, adam_id)?;
    if removed == 0 {
        return Err(Error::not_found(t!("There are no codes of this app that could be removed.")));
    }
    journal::note(tx, actor, "redemption_codes.removed", Subject::default(), json!({ "adam_id": adam_id, "count": removed }))?;
    Ok(removed)
}

/// What a sheet says.
#[derive(Debug, Default)]
struct Sheet {
    /// The codes that are not redeemed, each once, in capitals.
    codes: Vec<String>,
    /// Those that are redeemed, each once, in capitals.
    redeemed: BTreeSet<String>,
    /// The first lines below the heading that hold something, and no code.
    passed_over: Vec<u64>,
}

fn read(sheet: &[u8]) -> Result<Sheet> {
    if sheet.len() > SHEET_MAX_BYTES {
        return Err(Error::bad_input(t!("The sheet is larger than {sheet_max_bytes} MB.", sheet_max_bytes = SHEET_MAX_BYTES >> 20)));
    }
    if sheet.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) || sheet.starts_with(b"PK") {
        return Err(Error::bad_input(t!("This is a spreadsheet's own format. Open it and save it as CSV, then bring that.")));
    }
    let text = String::from_utf8_lossy(sheet);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let delimiter =
        [b'\t', b';', b','].into_iter().max_by_key(|delimiter| text.bytes().filter(|byte| byte == delimiter).count()).unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let (mut column, mut found, mut seen, mut odd) = (None, Sheet::default(), std::collections::HashSet::new(), None);
    for record in reader.records() {
        let record = record.map_err(|error| Error::bad_input(t!("The sheet cannot be read: {error}.", error)))?;
        let heading =
            record.iter().position(|cell| matches!(cell.trim().to_ascii_lowercase().as_str(), "code" | "codes" | "redemption code"));
        if let Some(at) = heading {
            column = Some(at);
            continue;
        }
        let code = match column {
            Some(at) => record.get(at).map(str::trim).filter(|cell| is_code(cell)),
            // Without a heading, codes alone are taken: serial numbers and names in a table of something else are none.
            None => record.get(0).map(str::trim).filter(|cell| {
                record.len() == 1 && is_code(cell) && cell.len() >= 12 && !cell.bytes().any(|byte| byte.is_ascii_lowercase())
            }),
        };
        let Some(code) = code else {
            let line = record.position().map_or(0, csv::Position::line);
            if let Some(at) = column.filter(|_| record.iter().any(|cell| !cell.trim().is_empty())) {
                odd.get_or_insert_with(|| (line, fault(record.get(at).unwrap_or_default().trim())));
                if found.passed_over.len() < LINES_NAMED {
                    found.passed_over.push(line);
                }
            }
            continue;
        };
        let code = code.to_ascii_uppercase();
        if record.iter().any(|cell| cell.trim().eq_ignore_ascii_case("redeemed")) {
            found.redeemed.insert(code);
        } else if seen.insert(code.clone()) {
            found.codes.push(code);
        }
        if found.codes.len() > CODES_MAX {
            return Err(Error::bad_input(t!("The sheet has more than {CODES_MAX} codes. Split it.", CODES_MAX)));
        }
    }
    // One line that calls it redeemed is enough.
    found.codes.retain(|code| !found.redeemed.contains(code));
    if found.codes.is_empty() && found.redeemed.is_empty() {
        return Err(Error::bad_input(match (column, odd) {
            (_, Some((line, because))) => {
                t!("There is no code in this sheet: in line {line}, {because}. {looks_like}", line, because, looks_like = say(LOOKS_LIKE))
            }
            (Some(_), None) => t!("There is nothing below the heading Code in this sheet. {looks_like}", looks_like = say(LOOKS_LIKE)),
            (None, None) => {
                t!(
                    "There is no code in this sheet. It needs a column named Code, as Apple's has. {looks_like}",
                    looks_like = say(LOOKS_LIKE)
                )
            }
        }));
    }
    Ok(found)
}

/// What a code is, for those whose sheet has none.
const LOOKS_LIKE: &str = msg!("A code has 8 to 32 letters and digits and nothing else, and a letter at least, like X9JW3KEYNOTE.");

/// Why a cell of the column of codes holds none. The cell is not repeated: it may be a code but for one letter.
fn fault(cell: &str) -> String {
    let length = cell.chars().count();
    match cell.chars().find(|letter| !letter.is_ascii_alphanumeric()) {
        _ if cell.is_empty() => String::from(t!("the cell of the code is empty")),
        Some(' ') => String::from(t!("there is a blank in the code")),
        Some(letter) => t!("there is a “{letter}” in the code", letter),
        None if length < *CODE_CHARS.start() => t!("the code is too short, with {length} characters", length),
        None if length > *CODE_CHARS.end() => t!("the code is too long, with {length} characters", length),
        None => String::from(t!("the code is a number without a letter")),
    }
}

fn is_code(cell: &str) -> bool {
    CODE_CHARS.contains(&cell.len())
        && cell.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && cell.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// As Apple's spreadsheet looks when a spreadsheet program saves it.
    pub(crate) const SHEET: &str = msg!(
        "Order ID,12345\nProduct Name,Keynote\n\nCode,Code Redemption Link,Status\n\
        X9JW3KEYNOTE,https://buy.itunes.apple.com/WebObjects/MZFinance.woa/wa/freeProductCodeWizard?code=X9JW3KEYNOTE,\n\
        ABCDEFGH2345,https://buy.itunes.apple.com/…,\nTAKENTAKEN22,https://buy.itunes.apple.com/…,redeemed\nABCDEFGH2345,again,\n"
    );

    #[test]
    fn apples_sheet_is_read_with_commas_tabs_and_semicolons() {
        for sheet in [say(SHEET).to_owned(), say(SHEET).replace(',', "\t"), say(SHEET).replace(',', ";")] {
            let Sheet { codes, redeemed, passed_over } = read(sheet.as_bytes()).unwrap();
            assert_eq!(codes, ["X9JW3KEYNOTE", "ABCDEFGH2345"], "{sheet}");
            assert_eq!(redeemed.iter().collect::<Vec<_>>(), ["TAKENTAKEN22"], "{sheet}");
            assert!(passed_over.is_empty(), "{passed_over:?}");
        }
    }

    #[test]
    fn a_code_is_the_same_in_small_letters_and_one_line_that_calls_it_redeemed_is_enough() {
        let sheet = "Code,Status\nabcdefgh2345,\nABCDEFGH2345,\nGoneGone2345,\nGONEGONE2345,Redeemed\ngonegone2345,redeemed\n";
        let Sheet { codes, redeemed, .. } = read(sheet.as_bytes()).unwrap();
        assert_eq!(codes, ["ABCDEFGH2345"]);
        assert_eq!(redeemed.iter().collect::<Vec<_>>(), ["GONEGONE2345"]);
    }

    #[test]
    fn lines_without_a_code_are_named() {
        let sheet = "Code,Status\nAB-CD,\nGOODCODE1234,\n,\nmno pqr,\nÄÖÜ12345678,\n";
        let found = read(sheet.as_bytes()).unwrap();
        assert_eq!((found.codes.as_slice(), found.passed_over), (["GOODCODE1234".to_owned()].as_slice(), vec![2, 5, 6]));
        let many = format!("Code\nGOODCODE1234\n{}", "no code\n".repeat(LINES_NAMED + 1));
        assert_eq!(read(many.as_bytes()).unwrap().passed_over.len(), LINES_NAMED);
    }

    #[test]
    fn a_sheet_of_odd_codes_alone_is_refused_by_its_line_and_with_what_a_code_looks_like() {
        for (sheet, words) in [
            ("Code\nABC12\n", "in line 2, the code is too short, with 5 characters. A code has 8 to 32 letters and digits"),
            ("Order,1\n\nStatus,Code\n,ABCD-EFGH-2345\n,X\n", "in line 4, there is a “-” in the code."),
            ("Code\nABCD EFGH 2345\n", "in line 2, there is a blank in the code."),
            ("Code\n123456789012\n", "in line 2, the code is a number without a letter."),
            ("Code;Status\n;new\n", "in line 2, the cell of the code is empty."),
            ("Code\n\n", "There is nothing below the heading Code in this sheet."),
            ("a,b\nc,d\n", "It needs a column named Code"),
            ("Serial;Name\nC02ABCDE1234;iPad\n", "It needs a column named Code"),
            ("Firstname\nAlexanderson\n", "It needs a column named Code"),
        ] {
            let said = read(sheet.as_bytes()).unwrap_err().message;
            assert!(said.contains(words) && said.ends_with("like X9JW3KEYNOTE."), "{words}: {said}");
        }
        let long = format!("Code\n{}\n", "A".repeat(*CODE_CHARS.end() + 1));
        assert!(read(long.as_bytes()).unwrap_err().message.contains("too long, with 33 characters"));
    }

    #[test]
    fn what_is_no_sheet_of_codes_is_named() {
        for (sheet, words) in [(&b"PK\x03\x04"[..], "save it as CSV"), (b"a,b\nc,d\n", "no code"), (b"", "no code")] {
            assert!(read(sheet).unwrap_err().message.contains(words), "{words}");
        }
        let many = (0..=CODES_MAX).map(|number| format!("CODE{number:08}")).collect::<Vec<_>>().join("\n");
        assert!(read(format!("Code\n{many}").as_bytes()).unwrap_err().message.contains("Split it"));
        assert!(read(&vec![b'x'; SHEET_MAX_BYTES + 1]).unwrap_err().message.contains("larger than"));
    }
}
