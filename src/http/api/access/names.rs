//! Names that apps and people chose, as names of files: letters of every script stay, and none leads anywhere.

/// Characters of a name.
const NAME_MAX_CHARS: usize = 80;
/// Characters of an ending that is taken for one.
const ENDING_MAX: usize = 10;

/// Names that one system or another keeps for itself.
const KEPT: [&str; 8] = ["con", "prn", "aux", "nul", "com1", "com2", "lpt1", "lpt2"];

/// A name that is one file's or folder's, on every system; `otherwise` where nothing is left of it.
pub(super) fn plain(name: &str, otherwise: &str) -> String {
    let is_odd = |letter: char| {
        letter.is_control()
            || matches!(letter, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let name: String = name.chars().map(|letter| if is_odd(letter) { '_' } else { letter }).take(NAME_MAX_CHARS).collect();
    let name = name.trim().trim_end_matches(['.', ' ']);
    if name.chars().all(|letter| matches!(letter, '.' | '_' | ' ')) {
        return otherwise.to_owned();
    }
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    if KEPT.contains(&stem.as_str()) { format!("_{name}") } else { name.to_owned() }
}

/// The name of a document without its ending, and the ending with its dot: its own, or one that fits what the app says it is.
pub(super) fn ending(document: &str, media_type: &str) -> (String, String) {
    let is_one = |ending: &str| (1..=ENDING_MAX).contains(&ending.len()) && ending.chars().all(|letter| letter.is_ascii_alphanumeric());
    match document.rsplit_once('.').filter(|(stem, ending)| !stem.trim_matches('.').is_empty() && is_one(ending)) {
        Some((stem, ending)) => (plain(stem, t!("Document")), format!(".{ending}")),
        None => (plain(document, t!("Document")), of_type(media_type).to_owned()),
    }
}

fn of_type(media_type: &str) -> &'static str {
    match media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "text/plain" => ".txt",
        "text/csv" => ".csv",
        "text/html" => ".html",
        "text/markdown" => ".md",
        "application/json" => ".json",
        "application/xml" | "text/xml" => ".xml",
        "application/pdf" => ".pdf",
        "application/zip" => ".zip",
        "image/png" => ".png",
        "image/jpeg" => ".jpg",
        "image/heic" => ".heic",
        _ => "",
    }
}

/// `Content-Disposition` of a file to save, with letters of every script (RFC 6266 §4.3, RFC 8187).
pub(super) fn attachment(name: &str) -> String {
    let is_simple = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | ' ' | '(' | ')');
    let simple: String = name.chars().map(|letter| if is_simple(letter) { letter } else { '_' }).collect();
    let encoded: String = name
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    format!("attachment; filename=\"{simple}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_and_keeps_its_letters() {
        for (name, expected) in [
            ("Änne Müller", "Änne Müller"),
            ("報告書", "報告書"),
            ("../secret", ".._secret"),
            ("a/b\\c:d", "a_b_c_d"),
            ("..", "Document"),
            (" . ", "Document"),
            ("", "Document"),
            ("line\nbreak", "line_break"),
            ("\u{202e}gpj.exe", "_gpj.exe"),
            ("CON", "_CON"),
            ("nul.txt", "_nul.txt"),
            ("end. ", "end"),
        ] {
            assert_eq!(plain(name, "Document"), expected, "{name}");
        }
        assert_eq!(plain(&"x".repeat(NAME_MAX_CHARS + 1), "").chars().count(), NAME_MAX_CHARS);
    }

    #[test]
    fn an_ending_is_the_documents_own_or_fits_its_type() {
        for (document, media_type, stem, end) in [
            ("notes.txt", "application/json", "notes", ".txt"),
            ("notes", "text/plain; charset=utf-8", "notes", ".txt"),
            ("v1.2 draft", "image/png", "v1.2 draft", ".png"),
            (".hidden", "", ".hidden", ""),
            ("a.b/c", "", "a.b_c", ""),
        ] {
            assert_eq!(ending(document, media_type), (stem.to_owned(), end.to_owned()), "{document}");
        }
        let long = format!("x.{}", "e".repeat(ENDING_MAX + 1));
        assert_eq!(ending(&long, "").1, "");
    }

    #[test]
    fn a_file_to_save_has_a_name_for_every_reader() {
        assert_eq!(attachment("Ä \"1\".txt"), "attachment; filename=\"_ _1_.txt\"; filename*=UTF-8''%C3%84%20%221%22.txt");
    }
}
