//! The quiet parts: sections, facts, steps, tabs, empty states, code, and the wrapper that makes a fragment live.

use maud::{Markup, html};

use super::icon::{Icon, icon};
use super::named::named;

/// One line of a list of facts.
#[derive(Debug, Clone)]
pub struct Fact {
    /// What it is, for example "Serial number".
    pub name: String,
    /// The value.
    pub value: Markup,
}

impl Fact {
    /// A fact whose value is markup: a time, a link, a badge.
    pub fn new(name: impl Into<String>, value: Markup) -> Self {
        Self { name: name.into(), value }
    }

    /// A fact whose value is text; an empty one shows a dash.
    pub fn text(name: impl Into<String>, value: &str) -> Self {
        Self::new(name, html! { @if value.is_empty() { span.quiet { "–" } } @else { (named(value)) } })
    }

    /// A fact whose value is an identifier, in the fixed-width face.
    pub fn code(name: impl Into<String>, value: &str) -> Self {
        Self::new(name, html! { @if value.is_empty() { span.quiet { "–" } } @else { span.mono { (value) } } })
    }
}

/// Facts, one a line.
pub fn facts(list: &[Fact]) -> Markup {
    html! {
        dl.facts {
            @for fact in list {
                dt { (fact.name) }
                dd { (fact.value) }
            }
        }
    }
}

/// A part of a page under its own heading.
pub fn section(title: &str, content: Markup) -> Markup {
    section_with(title, Markup::default(), content)
}

/// A part of a page under its own heading, with a link or button at the heading's right.
pub fn section_with(title: &str, beside: Markup, content: Markup) -> Markup {
    html! {
        section.section {
            div.section-head { h2 { (title) } (beside) }
            (content)
        }
    }
}

/// A fragment that `app.js` fetches again when an event tells of a change.
#[derive(Debug, Clone, Copy)]
pub struct Live<'a> {
    /// The element's id; the request for it carries this in `X-Fragment`.
    pub id: &'a str,
    /// Nouns of events that concern it, separated by spaces: `device command`.
    pub topics: &'a str,
    /// The device that an event must speak of, where only one matters.
    pub of: Option<&'a str>,
    /// Where to fetch it; the page's own address when absent.
    pub src: Option<&'a str>,
}

/// Wraps `content` so that it stays true while the page is open.
pub fn live(live: Live<'_>, content: Markup) -> Markup {
    html! { div #(live.id) data-live=(live.topics) data-live-of=[live.of] data-src=[live.src] { (content) } }
}

/// How far one step of a list of steps is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// Confirmed, with a check mark.
    Done,
    /// The one to do now.
    Current,
    /// Not yet, or whenever there is time.
    Later,
    /// It went wrong; the step says what to do.
    Problem,
}

/// One step: what, in a sentence how it stands, and what is needed to do it.
#[derive(Debug, Clone)]
pub struct Step {
    /// How far it is.
    pub state: StepState,
    /// What is done in it, for example "Push certificate".
    pub title: String,
    /// One sentence: what is confirmed, or what it is for.
    pub words: Markup,
    /// Buttons, fields, pictures; empty where nothing is to do.
    pub more: Markup,
}

impl StepState {
    const fn class(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Current => "current",
            Self::Later => "later",
            Self::Problem => "problem",
        }
    }

    fn said(self) -> &'static str {
        match self {
            Self::Done => t!("done: "),
            Self::Current => t!("now: "),
            Self::Later => "",
            Self::Problem => t!("needs you: "),
        }
    }
}

/// Steps with their marks, in order.
pub fn steps(list: &[Step]) -> Markup {
    html! {
        ol.steps {
            @for (at, step) in list.iter().enumerate() {
                li class=(step.state.class()) aria-current=[(step.state == StepState::Current).then_some("step")] {
                    span.mark aria-hidden="true" {
                        @match step.state {
                            StepState::Done => (icon(Icon::Check)),
                            StepState::Problem => (icon(Icon::Alert)),
                            StepState::Current | StepState::Later => (at + 1),
                        }
                    }
                    div.body {
                        h2 { span.hear-only { (step.state.said()) } (step.title) }
                        p.quiet { (step.words) }
                        @if !step.more.0.is_empty() { div.more { (step.more) } }
                    }
                }
            }
        }
    }
}

/// One of several views of the same thing, each with its own address.
#[derive(Debug, Clone)]
pub struct Tab {
    /// The word on it.
    pub title: String,
    /// Its address.
    pub href: String,
    /// Whether it is the one shown.
    pub current: bool,
    /// How many things are in it, where that helps.
    pub count: Option<u64>,
}

/// Views of the same thing side by side; `label` tells a screen reader of what.
pub fn tabs(label: &str, list: &[Tab]) -> Markup {
    html! {
        nav aria-label=(label) {
            ul.tabs {
                @for tab in list {
                    li {
                        a href=(tab.href) aria-current=[tab.current.then_some("page")] {
                            (tab.title)
                            @if let Some(count) = tab.count { " " span.n { (super::thousands(count)) } }
                        }
                    }
                }
            }
        }
    }
}

/// Says why a list is empty and what to do about it.
pub fn empty(title: &str, words: &str, actions: Markup) -> Markup {
    html! {
        div.empty {
            h2 { (title) }
            p.quiet { (words) }
            @if !actions.0.is_empty() { div.row { (actions) } }
        }
    }
}

/// Text as it was received or will be sent, scrollable by keyboard.
pub fn code(label: &str, text: &str) -> Markup {
    html! { pre.code-block tabindex="0" role="group" aria-label=(label) { (text) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_say_how_they_stand_to_who_cannot_see_marks() {
        let step = |state, title: &str| Step { state, title: title.into(), words: html! { "Words" }, more: Markup::default() };
        let html =
            steps(&[step(StepState::Done, "You"), step(StepState::Current, "Address"), step(StepState::Later, "Devices")]).into_string();
        assert!(html.contains("done: </span>You") && html.contains("now: </span>Address") && html.contains("></span>Devices"), "{html}");
        assert_eq!(html.matches("aria-current=\"step\"").count(), 1);
        assert!(html.contains(">3</span>"), "a later step shows its number: {html}");
        assert!(!html.contains("class=\"more\""), "nothing to do leaves no empty box");
    }

    #[test]
    fn whatever_a_device_says_is_text() {
        let html = code("Report", "<plist><script>alert(1)</script>").into_string();
        assert!(html.contains("&lt;script&gt;") && !html.contains("<script"), "{html}");
        assert!(facts(&[Fact::text("Name", "<b>iPad</b>")]).into_string().contains("&lt;b&gt;"));
    }

    #[test]
    fn a_live_fragment_says_what_concerns_it() {
        let html = live(Live { id: "now", topics: "device command", of: Some("0192"), src: None }, html! { "x" }).into_string();
        assert_eq!(html, "<div id=\"now\" data-live=\"device command\" data-live-of=\"0192\">x</div>");
    }
}
