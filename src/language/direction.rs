//! Which way letters are read, so that a name that is read the other way than what stands round it stays in one piece and turns nothing else.

use std::borrow::Cow;
use std::fmt::{self, Display};

use super::Catalogue;
use super::spoken;

/// Begins a piece that has a direction of its own, the one of its first letter (U+2068), and ends it (U+2069).
const ISOLATE: [char; 2] = ['\u{2068}', '\u{2069}'];

/// Whether the letter is read from right to left.
pub const fn is_right_to_left(letter: char) -> bool {
    matches!(letter, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

/// Whether it is one of the marks that embed, override or isolate a direction, or that end this. Plain marks (U+200E, U+200F) belong to Arabic and
/// Hebrew names and are none of them.
pub const fn is_turning(letter: char) -> bool {
    matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether some of the text is read the other way than the language spoken now.
pub fn is_against(text: &str) -> bool {
    if spoken().is_some_and(Catalogue::is_right_to_left) {
        text.chars().any(|letter| letter.is_alphabetic() && !is_right_to_left(letter))
    } else {
        text.chars().any(|letter| is_right_to_left(letter) && letter.is_alphabetic())
    }
}

/// The text without marks that turn letters round. What it isolates by itself, as sentences do with names, stays where all of it ends within the text.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_turning) {
        return Cow::Borrowed(text);
    }
    let is_whole = closes(text);
    Cow::Owned(text.chars().filter(|letter| !is_turning(*letter) || (is_whole && ISOLATE.contains(letter))).collect())
}

/// Whether each isolated piece of the text ends in it, and no other does.
fn closes(text: &str) -> bool {
    let [begin, end] = ISOLATE;
    let depth = text.chars().try_fold(0_usize, |depth, letter| {
        if letter == begin {
            depth.checked_add(1)
        } else if letter == end {
            depth.checked_sub(1)
        } else {
            Some(depth)
        }
    });
    depth == Some(0)
}

/// Something as it stands within a sentence: a name that is read the other way does not turn the words beside it round.
pub struct Within<'a>(pub &'a dyn Display);

impl Display for Within<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let text = harmless(&text);
        // An address is copied as it stands.
        if !is_against(&text) || text.starts_with("http") {
            return f.write_str(&text);
        }
        let [begin, end] = ISOLATE;
        write!(f, "{begin}{text}{end}")
    }
}
