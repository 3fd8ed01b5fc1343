//! Names that people type or files bring: kept without what would turn the text round them the other way.

/// The marks that embed or override a direction, and those that end that. Plain marks (U+200E, U+200F) belong to Arabic and Hebrew names and stay.
const TURNING: [std::ops::RangeInclusive<char>; 2] = ['\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}'];

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
    let is_in = |ranges: &[std::ops::RangeInclusive<char>], letter: &char| ranges.iter().any(|range| range.contains(letter));
    let kept: String = name.chars().filter(|letter| !is_in(&TURNING, letter)).collect();
    let is_seen = kept.chars().any(|letter| !letter.is_whitespace() && !is_in(&UNSEEN, &letter));
    if is_seen { kept.trim().to_owned() } else { String::new() }
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
        }
    }
}
