//! Names that people type or files bring: kept without what would turn the text round them the other way.

/// The marks that embed or override a direction, and those that end that. Plain marks (U+200E, U+200F) belong to Arabic and Hebrew names and stay.
const TURNING: [std::ops::RangeInclusive<char>; 2] = ['\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}'];

/// A name as it is kept: without space around it, and without marks that turn what follows.
pub fn straight(name: &str) -> String {
    let is_kept = |letter: &char| !TURNING.iter().any(|range| range.contains(letter));
    name.chars().filter(is_kept).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_turn_what_stands_beside_it_and_stays_what_it_is() {
        assert_eq!(straight(" Exam \u{202e}drac\u{202c} "), "Exam drac");
        assert_eq!(straight("\u{2067}x\u{2069}"), "x");
        for name in ["Wi-Fi", "عربى\u{200f}", "שלום", "👩\u{200d}🏫"] {
            assert_eq!(straight(name), name);
        }
    }
}
