//! Apps of a device: those that it is to have and how each stands, those that are on it, and what they say of themselves.

use maud::{Markup, html};

use super::super::parts::{Button, Column, Row, State, Table, badge, code, empty, named, post, section, section_with, table, time_ago};
use super::tabs::{AppRow, installed};
use crate::clock::Timestamp;

/// An app that the device is to have, may ask for, or still has.
#[derive(Debug, Clone)]
pub struct AppStateRow {
    /// The app's id.
    pub app_id: String,
    /// What people call it.
    pub name: String,
    /// How far it is.
    pub state: State,
    /// That in words.
    pub words: String,
    /// Why, and what to do.
    pub because: String,
    /// Since when.
    pub at: Timestamp,
    /// The words of the button that asks again, where that helps.
    pub ask: Option<&'static str>,
    /// Whether it can be taken away here.
    pub withdraws: bool,
    /// Whether there is still a page of the app.
    pub is_known: bool,
}

/// What an app said of itself.
#[derive(Debug, Clone)]
pub struct FeedbackRow {
    /// The app's bundle identifier.
    pub bundle_id: String,
    /// What it said, JSON; empty where it said nothing.
    pub content: String,
    /// When that was read.
    pub at: Timestamp,
}

/// Everything of the tab.
#[derive(Debug, Clone, Default)]
pub struct AppsTab {
    /// What it is to have, by name.
    pub wanted: Vec<AppStateRow>,
    /// What is on it.
    pub installed: Vec<AppRow>,
    /// When it said so.
    pub at: Option<Timestamp>,
    /// What apps said of themselves.
    pub feedback: Vec<FeedbackRow>,
    /// Whether the viewer may ask.
    pub may_ask: bool,
}

pub(super) fn apps(device_id: &str, tab: &AppsTab, now: Timestamp) -> Markup {
    let ask = html! {
        @if tab.may_ask && !tab.wanted.is_empty() { (post(&format!("/devices/{device_id}/feedback"), html! { (Button::submit(t!("Ask the apps now")).small()) })) }
    };
    html! {
        div.stack.loose {
            (section(t!("Apps for it"), wanted(device_id, tab, now)))
            (section(t!("On it"), installed(&tab.installed, tab.at, now)))
            @if !tab.wanted.is_empty() || !tab.feedback.is_empty() { (section_with(t!("What apps say of themselves"), ask, feedback(&tab.feedback, now))) }
        }
    }
}

fn wanted(device_id: &str, tab: &AppsTab, now: Timestamp) -> Markup {
    let rows = tab.wanted.iter().map(|row| {
        let action = |verb: &str| format!("/apps/{}/devices/{device_id}/{verb}?from=device", row.app_id);
        let state = html! { (badge(row.state, &row.words)) @if !row.because.is_empty() { p.why { (row.because) } } };
        let buttons = html! {
            @if tab.may_ask {
                div.row {
                    @if let Some(words) = row.ask { (post(&action("ask"), html! { (Button::submit(words).small()) })) }
                    @if row.withdraws { (Button::link(action("withdraw"), t!("Remove…")).small().destructive().asks()) }
                }
            }
        };
        Row {
            id: String::new(),
            href: row.is_known.then(|| format!("/apps/{}", row.app_id)),
            name: row.name.clone(),
            cells: vec![html! { (named(&row.name)) }, state, time_ago(row.at, now), buttons],
        }
    });
    table(&Table {
        caption: t!("Apps for this device"),
        columns: vec![
            Column::main(t!("App")),
            Column::text(t!("How it stands")).wraps(),
            Column::text(t!("Since")).minor(),
            Column::text("").labelled(),
        ],
        rows: rows.collect(),
        pager: None,
        empty: empty(
            t!("No app is for this device"),
            t!("Assign apps to one of its groups; how far each is then stands here."),
            html! { a.button href="/apps" { (t!("Apps")) } },
        ),
        selection: None,
        compact: true,
    })
}

fn feedback(list: &[FeedbackRow], now: Timestamp) -> Markup {
    html! {
        @if list.is_empty() { p.quiet { (t!("Nothing was read yet. Apps are asked every day.")) } }
        @for said in list {
            div.stack {
                p { span.mono { (said.bundle_id) } " " span.meta { (t!("read ")) (time_ago(said.at, now)) } }
                @if said.content.is_empty() { p.quiet { (t!("It says nothing.")) } } @else { (code(t!("What the app says"), &said.content)) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_apps_say_is_shown_as_text_and_each_state_has_its_way_on() {
        let now = Timestamp::from_seconds(1_795_577_349);
        let row = AppStateRow {
            app_id: "a1".into(),
            name: "Atlas".into(),
            state: State::Problem,
            words: "declined".into(),
            because: "The person declined it.".into(),
            at: now,
            ask: Some("Ask again"),
            withdraws: false,
            is_known: true,
        };
        let said = FeedbackRow { bundle_id: "school.example.atlas".into(), content: "{\"a\":\"<script>\"}".into(), at: now };
        let tab = AppsTab { wanted: vec![row], feedback: vec![said], may_ask: true, ..AppsTab::default() };
        let html = apps("d1", &tab, now).into_string();
        for part in ["/apps/a1/devices/d1/ask?from=device", "The person declined it.", "&lt;script&gt;", "/devices/d1/feedback"] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!html.contains("<script>"));
    }
}
