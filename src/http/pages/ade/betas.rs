//! The beta programmes of a server token: which there are, and how old that is.

use maud::{Markup, html};

use super::super::parts::{Button, State, badge, post, time_ago};
use crate::clock::Timestamp;

/// What is shown of them.
#[derive(Debug, Clone, Default)]
pub struct BetasView {
    /// Whether Apple offers a list of them.
    pub is_offered: bool,
    /// When it last gave the list.
    pub taken_at: Option<Timestamp>,
    /// Why it did not the last time.
    pub problem: String,
    /// Title and system of each, and since when Apple lists it no more.
    pub programs: Vec<(String, String, Option<Timestamp>)>,
}

/// The section.
pub(super) fn betas(view: &BetasView, lead: &str, may_change: bool, now: Timestamp) -> Markup {
    if !view.is_offered && view.programs.is_empty() {
        return html! {
            p.quiet { (t!("Apple offers none to this server token: your organisation has not joined AppleSeed for IT, at beta.apple.com/for-it.")) }
        };
    }
    html! {
        @if !view.problem.is_empty() { p { (badge(State::Waiting, &view.problem)) } }
        p.quiet {
            @match view.taken_at {
                Some(at) => { (t!("As Apple listed them ")) (time_ago(at, now)) (t!(". They are read once a day.")) }
                None => (t!("Apple has not listed them yet."))
            }
        }
        @if !view.programs.is_empty() {
            ul.plain {
                @for (title, os, gone_at) in &view.programs {
                    li {
                        (title) " " span.quiet { (t!("for ")) (os) }
                        @if let Some(at) = gone_at { span.quiet { (t!(", not listed any more since ")) (time_ago(*at, now)) } }
                    }
                }
            }
            p.meta { (t!("A ")) a href="/policies" { (t!("policy")) } (t!(" offers or requires them, under Software updates. Their tokens are kept sealed and go to devices alone.")) }
        }
        @if may_change && view.is_offered { (post(&format!("{lead}/betas"), html! { (Button::submit(t!("Read them now"))) })) }
    }
}
