//! What people read, and in which language. Every text stands in English where it is said, marked by [`t!`]; all of them stand together in
//! `src/language/rollcall.pot`, from which translators make a file per language. A text without a translation is said in English.

use std::fmt::Display;
use std::sync::{PoisonError, RwLock};

/// Says a text in the appliance's language: `t!("Devices")` gives `&'static str`; `t!("{name} has {count} devices", name, count = all.len())` gives
/// a `String`. The text is a literal, for it is what translations are found by; each hole has a name, which tells translators what stands there. What is read
/// the other way than the sentence is set apart in it: [`Within`].
macro_rules! t {
    (@ $name:ident) => { $name };
    (@ $name:ident $value:expr) => { $value };
    ($text:literal) => { $crate::language::say($text) };
    ($text:literal, $($name:ident $(= $value:expr)?),+ $(,)?) => {
        match $crate::language::translated($text) {
            None => format!($text, $($name = $crate::language::Within(&t!(@ $name $($value)?))),+),
            Some(text) => $crate::language::filled(text, &[$((stringify!($name), &t!(@ $name $($value)?) as &dyn std::fmt::Display)),+]),
        }
    };
}

/// Marks a text that stands in a constant, so that it can be translated where it is said by [`say`].
macro_rules! msg {
    ($text:literal) => {
        $text
    };
}

// After the macros, which they use.
mod catalogue;
mod dates;
mod direction;
mod lines;
mod plural;

pub use catalogue::{Catalogue, MAX_BYTES, template};
pub use dates::{date, weekday};
pub use direction::{Within, harmless, is_against, is_right_to_left, is_turning};

/// What is spoken; none is English.
static SPOKEN: RwLock<Option<&'static Catalogue>> = RwLock::new(None);

/// The language spoken now; none is English.
pub fn spoken() -> Option<&'static Catalogue> {
    *SPOKEN.read().unwrap_or_else(PoisonError::into_inner)
}

/// From now on speaks this language; English without one. What was spoken before is kept for as long as the process lasts, since pages that are being
/// made may still use it: a language is changed a few times at most.
pub fn speak(catalogue: Option<Catalogue>) {
    let mut spoken = SPOKEN.write().unwrap_or_else(PoisonError::into_inner);
    if catalogue.as_ref() != *spoken {
        *spoken = catalogue.map(|catalogue| &*Box::leak(Box::new(catalogue)));
    }
}

/// The text in the language spoken now; as it is when there is no translation.
pub fn say(english: &'static str) -> &'static str {
    translated(english).unwrap_or(english)
}

/// What stands with a number, of a noun that is said so for one and for many: the form by which the language spoken now counts. A file of a language
/// may have more forms than two for a noun (`msgid_plural`).
pub fn counted<'a>(n: u64, one: &'a str, many: &'a str) -> &'a str {
    spoken().and_then(|language| language.form(n, one, many)).unwrap_or(if n == 1 { one } else { many })
}

/// A way to somewhere that stands in a constant: its address as it is, and its words said.
pub fn way((address, words): (&'static str, &'static str)) -> (&'static str, &'static str) {
    (address, say(words))
}

/// A text that was kept in English, since something is decided by it: said where it is shown.
pub fn kept(english: &str) -> String {
    translated(english).unwrap_or(english).to_owned()
}

/// The translation of a text, if there is one.
pub fn translated(english: &str) -> Option<&'static str> {
    spoken()?.text(english)
}

/// The text with what stands in its holes: `{name}` becomes what that name has; `{{` and `}}` are braces.
pub fn filled(text: &str, values: &[(&str, &dyn Display)]) -> String {
    let mut whole = String::with_capacity(text.len() + 32);
    for part in parts(text) {
        match part {
            Part::Text(text) => whole.push_str(text),
            Part::Hole(name) => {
                if let Some((_, value)) = values.iter().find(|(known, _)| *known == name) {
                    whole.push_str(&Within(*value).to_string());
                }
            }
        }
    }
    whole
}

/// A piece of a text.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    Hole(&'a str),
}

/// The pieces of a text in their order.
fn parts(text: &str) -> Vec<Part<'_>> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        found.push(Part::Text(before));
        // A doubled brace is one that is meant.
        if from.starts_with("{{") || from.starts_with("}}") {
            found.push(Part::Text(&from[..1]));
            rest = &from[2..];
        } else if let Some((name, after)) = from.strip_prefix('{').and_then(|from| from.split_once('}')) {
            found.push(Part::Hole(name));
            rest = after;
        } else {
            found.push(Part::Text(&from[..1]));
            rest = &from[1..];
        }
    }
    found.push(Part::Text(rest));
    found.retain(|part| *part != Part::Text(""));
    found
}

/// The names of a text's holes, sorted.
fn holes(text: &str) -> Vec<&str> {
    let mut names: Vec<_> =
        parts(text).into_iter().filter_map(|part| if let Part::Hole(name) = part { Some(name) } else { None }).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests;
