//! Names that people type or files bring: kept without what would turn the text round them the other way.

use crate::error::{Error, Result};
use crate::language::is_turning;

/// What nobody sees: spaces without width, joiners, direction marks, fillers, the choice between two looks of a letter.
const UNSEEN: [std::ops::RangeInclusive<char>; 12] = [
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{2060}'..='\u{206f}',
    '\u{2800}'..='\u{2800}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
];

/// A name as it is kept: without space around it, and without marks that turn what follows. One of which nothing can be seen is none.
pub fn straight(name: &str) -> String {
    let kept: String = name.chars().filter(|letter| !is_turning(*letter)).collect();
    let is_seen = kept.chars().any(|letter| !letter.is_whitespace() && !UNSEEN.iter().any(|range| range.contains(&letter)));
    if is_seen { kept.trim().to_owned() } else { String::new() }
}

/// Refuses what would turn letters round, where a name is kept as it is typed.
///
/// # Errors
/// Names `field`, and says what to leave out.
pub fn unturned(field: &'static str, text: &str) -> Result<()> {
    if text.chars().any(is_turning) {
        return Err(Error::field(
            field,
            t!("has hidden marks that turn letters round: type it anew rather than copy it; letters of every script are fine without them"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_turn_what_stands_beside_it_and_stays_what_it_is() {
        assert_eq!(straight(" Exam \u{202e}drac\u{202c} "), "Exam drac");
        assert_eq!(straight("\u{2067}x\u{2069}"), "x");
        for nothing in ["", " ", "\u{200b}", "\u{2800} \u{200d}", "\u{202e}\u{feff}"] {
            assert_eq!(straight(nothing), "", "{nothing:?}");
        }
        for name in ["Wi-Fi", "عربى\u{200f}", "שלום", "👩\u{200d}🏫"] {
            assert_eq!(straight(name), name);
            assert!(unturned("name", name).is_ok());
        }
        let refused = unturned("note", "\u{202e}gnp.exe").unwrap_err();
        assert!(refused.fields[0].field == "note" && refused.message.contains("type it anew"), "{refused}");
    }
}
