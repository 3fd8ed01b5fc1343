//! Updates: what Apple offers to which model, what devices run, and the way to the plans.

pub mod by_hand;
pub mod form;
pub mod matrix;
pub mod one;
pub mod plans;
pub mod preview;
pub mod questions;

use maud::{Markup, html};

use super::parts::{
    Button, Frame, Icon, Live, Section, Shell, Streams, Tab, count, empty, frame, live, section, section_with, streams, tabs, time_ago,
};
use super::system::releases::ADDRESS as LIST;
use crate::clock::Timestamp;
use crate::language::say;
use crate::mdm::updates::matrix::Section as Platform;
use crate::mdm::updates::rules::LISTED;

/// What the page shows.
#[derive(Debug, Clone, Default)]
pub struct OverviewView {
    /// When the list was last known to be the newest one; none where none was ever read.
    pub known_at: Option<Timestamp>,
    /// Why it is older than it should be; empty where it is not.
    pub problem: String,
    /// Models and releases by platform.
    pub sections: Vec<Platform>,
    /// What devices ran day by day, each platform by its name for people.
    pub streams: Vec<(String, Streams)>,
    /// Whether the viewer may make plans.
    pub may_change: bool,
}

/// The pages about updates.
pub fn views(current: usize) -> Markup {
    let list = [(t!("Releases"), "/updates"), (t!("Plans"), "/updates/plans"), (t!("Started by hand"), "/updates/by-hand")];
    let tab = |(at, (title, href)): (usize, &(&str, &str))| Tab {
        title: (*title).to_owned(),
        href: (*href).to_owned(),
        current: at == current,
        count: None,
    };
    tabs(t!("Updates"), &list.iter().enumerate().map(tab).collect::<Vec<_>>())
}

/// The name of a platform for people.
pub fn platform_words(listed: &str) -> &str {
    LISTED.iter().find(|(known, _)| *known == listed).map_or(listed, |(_, words)| say(words))
}

/// The button that leads to a new plan.
pub fn new_plan() -> Markup {
    html! { (Button::link("/updates/plans/new", t!("Make a plan")).main().icon(Icon::Plus)) }
}

/// The page.
pub fn overview(shell: &Shell, view: &OverviewView) -> Markup {
    let page = Frame {
        under: html! { (t!("What Apple offers to each model that you have, until when, and how many devices run it.")) },
        action: html! { @if view.may_change { (new_plan()) } },
        ..Frame::new(Section::Updates, t!("Updates"))
    };
    let content = html! {
        (views(0))
        (live(Live { id: "releases", topics: "device enrollment release", of: None, src: None }, releases(view, shell.now)))
    };
    frame(shell, &page, content)
}

fn releases(view: &OverviewView, now: Timestamp) -> Markup {
    html! {
        div.stack.loose {
            @match view.known_at {
                Some(at) => p.meta {
                    (t!("Apple’s list of releases, as it was ")) (time_ago(at, now)) ". "
                    @if !view.problem.is_empty() { (t!("It is older than it should be: ")) (view.problem) " " }
                    a href=(LIST) { (t!("Look after the list")) }
                },
                None => (no_list()),
            }
            @if view.sections.is_empty() { (no_devices()) }
            @for platform in &view.sections {
                (section_with(platform_words(&platform.platform), beside(platform), html! {
                    (matrix::matrix(platform))
                    @if !platform.improvements.is_empty() {
                        h3 { (t!("Background security improvements")) }
                        p.quiet { (t!("Small repairs to one build. They come by a plan that brings them too, or from a device’s own page.")) }
                        (matrix::improvements(&platform.improvements))
                    }
                }))
            }
            @for (platform, shares) in &view.streams { (section(&t!("What devices run: {platform}", platform), streams(shares))) }
            @if view.streams.is_empty() && !view.sections.is_empty() { (section(t!("What devices run"), streams(&Streams::default()))) }
        }
    }
}

fn beside(platform: &Platform) -> Markup {
    let models = platform.models.len() as u64;
    html! { span.quiet { (count(models, t!("model"), t!("models"))) ", " (count(platform.releases.len() as u64, t!("release"), t!("releases"))) } }
}

fn no_list() -> Markup {
    empty(
        t!("Apple’s list of releases is not here yet"),
        t!(
            "It is fetched by itself within minutes where this server reaches Apple, and once a day from then on. Without the internet, bring the list as a file."
        ),
        html! { (Button::link(LIST, t!("Look after the list"))) },
    )
}

fn no_devices() -> Markup {
    empty(
        t!("No device has said what it runs"),
        t!("Each model stands here as soon as one device of it is enrolled."),
        html! { (Button::link("/devices", t!("Devices"))) },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_page_says_what_to_do() {
        let shell = Shell::for_tests(Section::Updates, Timestamp::from_seconds(1_795_577_349));
        let html = overview(&shell, &OverviewView::default()).into_string();
        assert!(html.contains("not here yet") && html.contains(LIST) && html.contains("No device has said"), "{html}");
        assert!(!html.contains("/updates/plans/new"), "who only looks is offered nothing");
        assert_eq!(platform_words("iOS"), "iOS, iPadOS and tvOS");
        assert_eq!(platform_words("homeOS"), "homeOS");
    }
}
