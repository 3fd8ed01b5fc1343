//! One version of a profile, with what differs from the one in use, before devices get it.

use maud::{Markup, html};

use super::super::parts::{Button, Frame, Section, Shell, count, frame, post, section};
use super::parts::{about, difference, payloads, warnings};
use crate::protocol::mobileconfig::diff::Diff;
use crate::protocol::mobileconfig::facts::Facts;

/// One version.
#[derive(Debug, Clone)]
pub struct VersionView {
    /// The profile's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Which version this is.
    pub version: i64,
    /// The version in use.
    pub current: i64,
    /// What it is and holds.
    pub facts: Facts,
    /// The names of the variables that it uses.
    pub variables: Vec<String>,
    /// What differs from the one in use; for that one, from the one before it.
    pub diff: Option<(i64, Diff)>,
    /// What to know before it is used.
    pub warnings: Vec<String>,
    /// How many devices the profile is for.
    pub device_count: u64,
    /// Whether the viewer may use it.
    pub may_change: bool,
}

/// The page.
pub fn version(shell: &Shell, view: &VersionView) -> Markup {
    let back = format!("/profiles/{}", view.id);
    let title = t!("Version {version}", version = view.version);
    let page = Frame { back: Some((&back, &view.name)), under: html! { (standing(view)) }, ..Frame::new(Section::Profiles, &title) };
    let content = html! {
        (warnings(&view.warnings))
        @if view.may_change && view.version != view.current { (use_it(view)) }
        @if let Some((against, diff)) = &view.diff {
            (section(&t!("What differs from version {against}", against), difference(diff)))
        }
        (section(t!("What it is"), about(&view.facts, &view.variables)))
        (section(t!("What it holds"), payloads(&view.facts)))
        @if view.may_change {
            div.row { (Button::link(format!("/profiles/{}/content?version={}", view.id, view.version), t!("Download this version")).download()) }
        }
    };
    frame(shell, &page, content)
}

fn standing(view: &VersionView) -> String {
    match view.version {
        version if version == view.current => t!("This is the version that {view} to have.", view = devices(view)),
        _ => t!("Kept, and on no device by this. Version {current} is in use.", current = view.current),
    }
}

fn devices(view: &VersionView) -> String {
    match view.device_count {
        0 => String::from(t!("devices are")),
        1 => String::from(t!("1 device is")),
        many => t!("{devices} are", devices = count(many, t!("device"), t!("devices"))),
    }
}

fn use_it(view: &VersionView) -> Markup {
    let words = match view.device_count {
        0 => String::from(t!("Use this version")),
        many => t!("Use this version on {devices}", devices = count(many, t!("device"), t!("devices"))),
    };
    let action = format!("/profiles/{}/versions/{}", view.id, view.version);
    post(&action, html! { div.row { (Button::submit(words).main()) } })
}
