//! The square: a device's or a thing's state as shape and word, colour third.

use maud::{Markup, html};

/// How a device, or something on it, is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// As wanted. A filled square.
    Ok,
    /// On its way; nobody needs to do anything, or the sentence beside it says what. A half-filled square.
    Waiting,
    /// Not heard from. An outlined square.
    Silent,
    /// Someone must act. A square with a notch.
    Problem,
    /// A device that is looked for. A square in a square, in the colour of a problem.
    Lost,
}

impl State {
    /// All states, in the order of legends and filters.
    pub const ALL: [Self; 5] = [Self::Ok, Self::Waiting, Self::Silent, Self::Problem, Self::Lost];

    /// The word of it in addresses (`?state=waiting`) and classes; people read [`State::said`].
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Waiting => "waiting",
            Self::Silent => "silent",
            Self::Problem => "problem",
            Self::Lost => "lost",
        }
    }

    /// The word that stands beside the square.
    pub fn said(self) -> &'static str {
        match self {
            Self::Ok => t!("ok"),
            Self::Waiting => t!("waiting"),
            Self::Silent => t!("silent"),
            Self::Problem => t!("problem"),
            Self::Lost => t!("lost"),
        }
    }

    /// Reads [`State::word`] back.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Ok => "state-ok",
            Self::Waiting => "state-waiting",
            Self::Silent => "state-silent",
            Self::Problem => "state-problem",
            Self::Lost => "state-lost",
        }
    }

    /// The outline and the filled part, on a grid of 12.
    const fn paths(self) -> (&'static str, &'static str) {
        const OUTLINE: &str = "M.75.75h10.5v10.5H.75z";
        match self {
            Self::Ok => ("", "M0 0h12v12H0z"),
            Self::Waiting => (OUTLINE, "M0 6h12v6H0z"),
            Self::Silent => (OUTLINE, ""),
            Self::Problem => ("", "M0 0h7v5h5v7H0z"),
            Self::Lost => (OUTLINE, "M3.5 3.5h5v5h-5z"),
        }
    }
}

/// The square of `state`, `size` pixels wide, for where its word stands beside it; a screen reader skips it.
pub fn state_square(state: State, size: u8) -> Markup {
    square(state, size, None)
}

/// The square of `state` where nothing else says it; a screen reader says `words`.
pub fn state_square_named(state: State, size: u8, words: &str) -> Markup {
    square(state, size, Some(words))
}

fn square(state: State, size: u8, words: Option<&str>) -> Markup {
    drawn(state.class(), state.paths(), size, words)
}

fn drawn(class: &str, (outline, fill): (&str, &str), size: u8, words: Option<&str>) -> Markup {
    html! {
        svg class=(class) viewBox="0 0 12 12" width=(size) height=(size)
            role=[words.map(|_| "img")] aria-label=[words] aria-hidden=[words.is_none().then_some("true")] {
            @if !outline.is_empty() { path d=(outline) fill="none" stroke="currentColor" stroke-width="1.5" {} }
            @if !fill.is_empty() { path d=(fill) fill="currentColor" {} }
        }
    }
}

/// The square with its word: `badge(State::Waiting, "waiting for unlock")`.
pub fn badge(state: State, word: &str) -> Markup {
    html! { span.badge { (state_square(state, 12)) span.word { (word) } } }
}

/// The outline and the filled part of what is good to know, which is no state: a square with an i in it.
const NOTE: (&str, &str) = ("M.75.75h10.5v10.5H.75z", "M5 2.75h2v1.75H5zM5 5.5h2v3.75H5z");

/// What is good to know, with its word: neither as it should be nor somebody's to mend.
pub fn note(word: &str) -> Markup {
    html! { span.badge { (drawn("state-note", NOTE, 12, None)) span.word { (word) } } }
}

/// Marks a practice device or anything that belongs to one.
pub fn practice() -> Markup {
    html! { span.practice-mark { (t!("practice")) } }
}

/// Says what the squares mean, with how many there are of each: counts in the order of [`State::ALL`].
///
/// `href` makes the address of the list behind a number; without it the counts are plain text.
pub fn legend(counts: [u64; 5], href: impl Fn(State) -> Option<String>) -> Markup {
    html! {
        ul.legend {
            // Lost is rare; where nothing is, there is nothing to explain.
            @for (state, count) in State::ALL.into_iter().zip(counts).filter(|(state, count)| *state != State::Lost || *count > 0) {
                li {
                    (state_square(state, 12))
                    @match href(state) {
                        Some(href) => a href=(href) { (super::thousands(count)) " " (state.said()) },
                        None => span { (super::thousands(count)) " " (state.said()) },
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_own_shape_and_word() {
        let mut shapes: Vec<_> = State::ALL.iter().map(|state| state.paths()).collect();
        shapes.push(NOTE);
        shapes.sort_unstable();
        shapes.dedup();
        assert_eq!(shapes.len(), State::ALL.len() + 1);
        for state in State::ALL {
            assert_eq!(State::from_word(state.word()), Some(state));
        }
        assert_eq!(State::from_word("purple"), None);
    }

    #[test]
    fn a_square_is_said_only_where_no_word_stands_beside_it() {
        assert!(state_square(State::Ok, 12).into_string().contains("aria-hidden=\"true\""));
        let named = state_square_named(State::Silent, 12, "iPad \"3\"").into_string();
        assert!(named.contains("role=\"img\" aria-label=\"iPad &quot;3&quot;\"") && !named.contains("aria-hidden"), "{named}");
    }
}
