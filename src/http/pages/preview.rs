//! What would happen: device by device, before anything is done.

use maud::{Markup, html};

use super::parts::{
    Button, Column, Frame, Row, Section, Shell, State, Table, badge, count, empty, frame, hidden, named, post, table, thousands,
};
use super::profiles::parts::warnings;

/// What would happen to one thing on a device.
#[derive(Debug, Clone)]
pub struct ForeseenRow {
    /// What people call it.
    pub name: String,
    /// What would happen, with a mark.
    pub state: State,
    /// In words: "sent by a declaration".
    pub words: String,
}

/// One device.
#[derive(Debug, Clone)]
pub struct DeviceRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its system.
    pub os: String,
    /// What would happen on it.
    pub things: Vec<ForeseenRow>,
    /// What it would not get: what, and why.
    pub unable: Vec<(String, String)>,
    /// Why nothing can be said of it yet.
    pub because: Option<String>,
}

/// What would happen.
#[derive(Debug, Clone)]
pub struct PreviewView {
    /// Name of the thing whose scope was thought of.
    pub name: String,
    /// Its page.
    pub back: String,
    /// Where its scope is saved.
    pub save: String,
    /// The form as it was sent, to be saved as it is.
    pub sent: Vec<(String, String)>,
    /// Things that would be sent by command.
    pub by_command: u64,
    /// Things that would be sent by declaration.
    pub by_declaration: u64,
    /// Things that would be removed.
    pub removed: u64,
    /// Devices that would not get everything.
    pub unable: u64,
    /// Devices that it reaches or leaves.
    pub total: u64,
    /// When it would end by itself where it is assigned anew, in words.
    pub until: Option<String>,
    /// What it would get in the way of, a sentence each.
    pub warnings: Vec<String>,
    /// Those of this page.
    pub devices: Vec<DeviceRow>,
    /// Where the form goes for another page of devices.
    pub again: String,
    /// Whether this is not the first page.
    pub is_later: bool,
    /// What the next page begins after, if there is one.
    pub next: Option<String>,
}

/// The page.
pub fn page(shell: &Shell, view: &PreviewView) -> Markup {
    let under = html! { (t!("Nothing has been done yet.")) };
    let title = t!("What would happen with “{name}”", name = view.name);
    let of_apps = ["/apps/", "/provisioning/"].iter().any(|path| view.back.starts_with(path));
    let section = if of_apps { Section::Apps } else { Section::Profiles };
    let head = Frame { back: Some((&view.back, &view.name)), under, ..Frame::new(section, &title) };
    let content = html! {
        div.stack.loose {
            (summary(view))
            (warnings(&view.warnings))
            (devices(view))
            (pager(view))
            (post(&view.save, html! {
                (hidden(&view.sent))
                @if !view.warnings.is_empty() { input type="hidden" name="confirmed" value="yes"; }
                div.form-foot { (Button::submit(t!("Save who gets it")).main()) (Button::link(&view.back, t!("Back"))) }
            }))
        }
    };
    frame(shell, &head, content)
}

fn summary(view: &PreviewView) -> Markup {
    let lines = [(view.by_command, t!("sent by a command")), (view.by_declaration, t!("sent by a declaration")), (view.removed, "removed")];
    let parts: Vec<_> = lines
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, words)| format!("{} {words}", count(*number, t!("thing"), t!("things"))))
        .collect();
    html! {
        p {
            @if view.total == 0 { (t!("It reaches no device.")) }
            @else if parts.is_empty() { (t!("On ")) (count(view.total, t!("device"), t!("devices"))) (t!(" nothing would change.")) }
            @else { (t!("On ")) (count(view.total, t!("device"), t!("devices"))) ": " (parts.join(", ")) "." }
            @if let Some(until) = &view.until { (t!(" It would end by itself on ")) (until) "." }
            @if view.unable > 0 { " " (count(view.unable, t!("device"), t!("devices"))) (t!(" would not get everything; the reasons are below.")) }
        }
    }
}

/// The way to further devices: the form again, as nothing is stored of what is only thought of.
fn pager(view: &PreviewView) -> Markup {
    let (shown, total) = (view.devices.len() as u64, view.total);
    html! {
        @if shown < total {
            p.meta { (t!("Showing ")) (thousands(shown)) (t!(" of ")) (count(total, t!("device"), t!("devices"))) (t!("; the numbers above are of all.")) }
            div.row {
                @if view.is_later { (post(&view.again, html! { (hidden(&view.sent)) (Button::submit(t!("First devices")).small()) })) }
                @if let Some(next) = &view.next {
                    (post(&view.again, html! { (hidden(&view.sent)) input type="hidden" name="after" value=(next); (Button::submit(t!("Further devices")).small()) }))
                }
            }
        }
    }
}

fn devices(view: &PreviewView) -> Markup {
    let columns = vec![Column::main(t!("Device")), Column::text(t!("System")), Column::text(t!("What would happen")).wraps()];
    let rows = view.devices.iter().map(|device| {
        let what = html! {
            @if let Some(because) = &device.because { p.why { (because) } }
            @for thing in &device.things { div { strong { (named(&thing.name)) } " " (badge(thing.state, &thing.words)) } }
            @for (what, because) in &device.unable { div { strong { (what) } " " (badge(State::Silent, t!("does not get it"))) p.why { (because) } } }
            @if device.because.is_none() && device.things.is_empty() && device.unable.is_empty() { span.quiet { (t!("nothing changes")) } }
        };
        Row {
            id: String::new(),
            href: Some(format!("/devices/{}/wanted", device.id)),
            name: device.name.clone(),
            cells: vec![html! { strong { (named(&device.name)) } }, html! { (device.os) }, what],
        }
    });
    let empty = empty(t!("No device"), t!("Tick a group with devices in it."), Markup::default());
    table(&Table { caption: t!("What would happen"), columns, rows: rows.collect(), pager: None, empty, selection: None, compact: false })
}
