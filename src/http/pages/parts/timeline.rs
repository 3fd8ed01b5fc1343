//! What happened to a device, newest first, and at the top why something still waits.

use maud::{Markup, html};

use super::named::named;
use super::state::{State, state_square};
use super::time::time_ago;
use crate::clock::Timestamp;

/// Why something waits, in a sentence of cause and one of remedy.
#[derive(Debug, Clone)]
pub struct Wait {
    /// [`State::Waiting`] when it will resolve itself, [`State::Problem`] when someone must act.
    pub state: State,
    /// The cause: "Waiting for the iPad to be unlocked."
    pub cause: String,
    /// The remedy, after the time: "it will answer by itself".
    pub remedy: String,
    /// Since when it was asked.
    pub asked_at: Option<Timestamp>,
    /// What was said that it is about, as it came, to be opened below; may be empty.
    pub said: String,
}

/// What was said, as it came, for whoever opens it; nothing where there is nothing to open.
pub fn what_was_said(text: &str) -> Markup {
    html! {
        @if !text.is_empty() { details { summary { (t!("What was said")) } (super::code(t!("What was said"), text)) } }
    }
}

/// One line of a timeline.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its id in the event log, so that an opened entry stays open.
    pub id: String,
    /// How it ended or stands.
    pub state: State,
    /// Verb and object: "Installed Numbers 14.1".
    pub what: String,
    /// The device that it is about, where the list is not that device's own: its address, unless it is deleted, and its name.
    pub about: Option<(Option<String>, String)>,
    /// Who did it; empty where the device itself did.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why it failed or waits, in a sentence; may be empty.
    pub why: String,
    /// The protocol's own words (name and text), to be opened below.
    pub raw: Vec<(String, String)>,
}

/// The sentences that stand above everything else.
pub fn waits(list: &[Wait], now: Timestamp) -> Markup {
    html! {
        @if !list.is_empty() {
            ul.waits {
                @for wait in list {
                    li class=(wait.state.word()) {
                        (state_square(wait.state, 12))
                        p {
                            span.cause { (wait.cause) } " "
                            @match (wait.asked_at, wait.state) {
                                (Some(at), State::Problem) => { (t!("That was ")) (time_ago(at, now)) ". " },
                                (Some(at), _) => { (t!("Asked ")) (time_ago(at, now)) "; " },
                                (None, _) => {},
                            }
                            // Nothing stands between: a sentence of its own.
                            (if wait.asked_at.is_none() { capitalised(&wait.remedy) } else { wait.remedy.clone() })
                        }
                        (what_was_said(&wait.said))
                    }
                }
            }
        }
    }
}

fn capitalised(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The timeline; `more` leads to what is older.
pub fn timeline(entries: &[Entry], now: Timestamp, more: Option<&str>) -> Markup {
    html! {
        @if entries.is_empty() { p.quiet { (t!("Nothing has happened yet.")) } }
        ol.timeline {
            @for entry in entries { (line(entry, now)) }
        }
        @if let Some(href) = more { p { a href=(href) { (t!("Older")) } } }
    }
}

fn line(entry: &Entry, now: Timestamp) -> Markup {
    html! {
        li {
            (state_square(entry.state, 12))
            span {
                span.hear-only { (entry.state.said()) ": " }
                (entry.what)
                @match &entry.about {
                    Some((Some(href), name)) => { ": " a href=(href) { (named(name)) } },
                    Some((None, name)) => { ": " (named(name)) },
                    None => {},
                }
                @if !entry.by.is_empty() { " " span.by { (t!("by ")) (named(&entry.by)) } }
            }
            (time_ago(entry.at, now))
            @if !entry.why.is_empty() { p.why { (entry.why) } }
            @if !entry.raw.is_empty() {
                details id=(format!("raw-{}", entry.id)) {
                    summary { (t!("What was said")) }
                    div.stack { @for (name, text) in &entry.raw { h3.meta { (name) } (super::code(name, text)) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_577_349);

    #[test]
    fn a_wait_is_a_sentence_of_cause_time_and_remedy() {
        let wait = Wait {
            state: State::Waiting,
            cause: "Waiting for the iPad to be unlocked.".into(),
            remedy: "it will answer by itself.".into(),
            asked_at: Some(NOW.minus(Duration::from_secs(7_200))),
            said: String::new(),
        };
        let html = waits(&[wait], NOW).into_string();
        let text: String = html.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text).collect();
        assert_eq!(text, "Waiting for the iPad to be unlocked. Asked 2 hours ago; it will answer by itself.");
        let problem = Wait {
            state: State::Problem,
            cause: "It was erased.".into(),
            remedy: "Set it up.".into(),
            asked_at: Some(NOW),
            said: String::new(),
        };
        let html = waits(&[problem], NOW).into_string();
        let text: String = html.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text).collect();
        assert_eq!(text, "It was erased. That was just now. Set it up.");
        let since_ever = Wait {
            state: State::Waiting,
            cause: "It was retired.".into(),
            remedy: "it may be off.".into(),
            asked_at: None,
            said: String::new(),
        };
        let html = waits(std::slice::from_ref(&since_ever), NOW).into_string();
        let text: String = html.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text).collect();
        assert_eq!(text, "It was retired. It may be off.");
        assert_eq!(waits(&[], NOW).into_string(), "");
        let html = waits(&[Wait { said: "(os error <111>)".into(), ..since_ever }], NOW).into_string();
        assert!(html.contains("<details><summary>What was said</summary>") && html.contains("(os error &lt;111&gt;)"), "{html}");
    }

    #[test]
    fn the_protocols_words_open_below_and_are_text() {
        let entry = Entry {
            id: "7".into(),
            state: State::Problem,
            what: "Refused InstallProfile <x>".into(),
            about: Some((Some("/devices/1".into()), "iPad <1>".into())),
            by: "Ada".into(),
            at: NOW,
            why: "The profile is not signed.".into(),
            raw: vec![("Report".into(), "<plist>".into())],
        };
        let html = timeline(&[entry], NOW, Some("/devices/1?before=7")).into_string();
        assert!(html.contains("problem: </span>Refused InstallProfile &lt;x&gt;") && html.contains("&lt;plist&gt;"), "{html}");
        assert!(html.contains("<details id=\"raw-7\">") && html.contains("Older"), "{html}");
    }
}
