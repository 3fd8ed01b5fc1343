//! How a letter looks: the same words as text and as a page, for programs that show one or the other. Pure.

use std::fmt::Write as _;

use maud::{DOCTYPE, html};

use crate::language::{Catalogue, spoken};

/// What a letter says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paper {
    /// What it is about.
    pub title: String,
    /// What comes first; may be empty.
    pub lead: String,
    /// What follows.
    pub parts: Vec<Part>,
    /// What comes last: where it comes from, and how to get less of it.
    pub foot: String,
}

/// Lines under a heading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// The heading; may be empty.
    pub heading: String,
    /// The lines.
    pub lines: Vec<Line>,
}

/// A line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// What.
    pub what: String,
    /// More about it; may be empty.
    pub why: String,
    /// Where it is looked after; may be empty.
    pub link: String,
}

impl Line {
    /// A line of one sentence.
    pub fn of(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }
}

impl Paper {
    /// As text.
    pub fn plain(&self) -> String {
        let mut text = format!("{}\n{}\n", self.title, "=".repeat(self.title.chars().count()));
        // Writing to a String cannot fail.
        if !self.lead.is_empty() {
            let _ = write!(text, "\n{}\n", self.lead);
        }
        for part in &self.parts {
            if !part.heading.is_empty() {
                let _ = write!(text, "\n{}\n{}\n", part.heading, "-".repeat(part.heading.chars().count()));
            }
            for line in &part.lines {
                let _ = write!(text, "\n* {}\n", line.what);
                for more in [&line.why, &line.link] {
                    if !more.is_empty() {
                        let _ = writeln!(text, "  {more}");
                    }
                }
            }
        }
        let _ = write!(text, "\n-- \n{}\n", self.foot);
        text
    }

    /// As a page that fetches nothing from anywhere.
    pub fn html(&self) -> String {
        const BODY: &str = "font: 16px/1.5 system-ui, sans-serif; max-width: 40em; margin: 1.5em auto; padding: 0 1em";
        const QUIET: &str = "opacity: 0.75; margin: 0";
        let language = spoken();
        let direction = language.filter(|language| language.is_right_to_left()).map(|_| "rtl");
        let page = html! {
            (DOCTYPE)
            html lang=(language.map_or("en", Catalogue::tag)) dir=[direction] {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) }
                }
                body style=(BODY) {
                    h1 style="font-size: 1.3em" { (self.title) }
                    @if !self.lead.is_empty() { p { (self.lead) } }
                    @for part in &self.parts {
                        @if !part.heading.is_empty() { h2 style="font-size: 1.1em; margin-top: 1.5em" { (part.heading) } }
                        ul {
                            @for line in &part.lines {
                                li style="margin-bottom: 0.75em" {
                                    @if line.link.is_empty() { strong { (line.what) } } @else { a href=(line.link) { strong { (line.what) } } }
                                    @if !line.why.is_empty() { p style=(QUIET) { (line.why) } }
                                }
                            }
                        }
                    }
                    hr style="border: 0; border-top: 1px solid; opacity: 0.3; margin-top: 2em";
                    p style=(QUIET) { (self.foot) }
                }
            }
        };
        page.into_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same_and_names_are_no_markup() {
        let line = Line { what: "<b>iPad & co</b>".into(), why: "Mend it.".into(), link: "https://mdm.example.school/devices/1".into() };
        let paper = Paper {
            title: "Two things".into(),
            lead: "As it stands.".into(),
            parts: vec![Part { heading: "Needs you".into(), lines: vec![line, Line::of("Alone")] }],
            foot: "From Rollcall.".into(),
        };
        assert_eq!(
            paper.plain(),
            "Two things\n==========\n\nAs it stands.\n\nNeeds you\n---------\n\n* <b>iPad & co</b>\n  Mend it.\n  https://mdm.example.school/devices/1\n\n* Alone\n\n-- \nFrom Rollcall.\n"
        );
        let html = paper.html();
        for part in
            ["&lt;b&gt;iPad &amp; co&lt;/b&gt;", "Mend it.", "href=\"https://mdm.example.school/devices/1\"", "<h2", "From Rollcall."]
        {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!html.contains("src=") && !html.contains("<script") && !html.contains("url("), "nothing is fetched: {html}");
    }
}
