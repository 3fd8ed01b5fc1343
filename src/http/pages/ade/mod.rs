//! New devices: those that Apple says are the organisation's, how they greet whoever unpacks them, and the tokens by which Apple tells.

pub mod betas;
pub mod devices;
pub mod one;
pub mod profiles;
pub mod servers;

use crate::language::say;

/// Choices of a form as values and words, with what comes before them.
pub(super) fn choices(first: &[(&str, &'static str)], rest: &[(String, String)]) -> Vec<(String, String)> {
    first.iter().map(|(value, words)| ((*value).to_owned(), say(words).to_owned())).chain(rest.iter().cloned()).collect()
}

/// What a form says of a field that is wrong.
pub(super) fn at<'a>(errors: &'a [(String, String)], name: &str) -> Option<&'a str> {
    errors.iter().find(|(field, _)| field == name).map(|(_, words)| words.as_str())
}

/// What a form says that belongs to none of its fields.
pub(super) fn elsewhere(errors: &[(String, String)], fields: &[&str]) -> maud::Markup {
    let rest = errors.iter().filter(|(field, _)| !fields.contains(&field.as_str()));
    maud::html! { @for (_, words) in rest { p.error role="alert" { (words) } } }
}
