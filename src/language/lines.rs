//! The lines of a `.po` file, put so that its reader takes every file that gettext's tools take, and looked at so that none brings it down.

/// The longest line, in bytes: the reader splits longer ones.
const MAX_LINE_BYTES: usize = 32 << 10;

/// What begins a text, which follows in quotation marks.
const KEYWORDS: [&str; 4] = ["msgctxt", "msgid", "msgid_plural", "msgstr"];

/// The file without remarks, one empty line between entries.
///
/// # Errors
/// Says which line cannot be read and why.
pub(super) fn tidy(file: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(file).map_err(|_| String::from(t!("it is not written in UTF-8")))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut tidy = String::with_capacity(text.len() + text.len() / 8);
    // Whether a text may go on, and whether the entry has its translation.
    let (mut is_open, mut is_whole) = (false, false);
    for (line, number) in text.lines().map(str::trim).zip(1_usize..) {
        if line.is_empty() || (line.starts_with('#') && !line.starts_with("#,")) {
            continue;
        }
        let wrong = || t!("line {number} cannot be read", number);
        if line.len() > MAX_LINE_BYTES {
            return Err(t!("line {number} is too long", number));
        }
        if let Some(flags) = line.strip_prefix("#,") {
            tidy.push_str(if is_whole { "\n#, " } else { "#, " });
            tidy.push_str(flags.trim());
            (is_open, is_whole) = (false, false);
        } else if line.starts_with('"') {
            if !is_open || !is_quoted(line) {
                return Err(wrong());
            }
            tidy.push_str(line);
        } else {
            let (keyword, text) = line.split_once([' ', '\t']).ok_or_else(wrong)?;
            if !is_keyword(keyword) || !is_quoted(text.trim()) {
                return Err(wrong());
            }
            if is_whole && matches!(keyword, "msgctxt" | "msgid") {
                tidy.push('\n');
                is_whole = false;
            }
            is_open = true;
            is_whole |= keyword.starts_with("msgstr");
            tidy.extend([keyword, " ", text.trim()]);
        }
        tidy.push('\n');
    }
    Ok(tidy)
}

fn is_quoted(text: &str) -> bool {
    text.len() >= 2 && text.starts_with('"') && text.ends_with('"')
}

/// Whether it is one of the words, or `msgstr[0]` to `msgstr[9]`.
fn is_keyword(word: &str) -> bool {
    let form = word.strip_prefix("msgstr[").and_then(|rest| rest.strip_suffix(']'));
    KEYWORDS.contains(&word) || form.is_some_and(|form| form.len() == 1 && form.as_bytes()[0].is_ascii_digit())
}
